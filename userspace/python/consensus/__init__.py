# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""/dev/consensus from Python: a thin binding of libconsensus, by ctypes, without a compiler.

    from consensus import Consensus, Lock

    with Consensus() as handle:
        number = handle.inc("orders", timeout=5).value
        with Lock("backup", timeout=60) as lock:
            handle.inc("backups", fence=lock.fence)     # only while the lock is held

What there is:

    Consensus       a handle: counters, plain locks, lists, events; run() and batch() for many
                    operations at once
    Lock            a lock with a guard against use after loss
    TokenFile       with which a store refuses holders that lost their lock
    Sequence        unique numbers, reserved in ranges
    Sender, Receiver    one order for the messages of many

It needs Python 3.9 and libconsensus.so.0, which is loaded at the first use from where ld.so
finds it; $LIBCONSENSUS names another file. LibraryError: it is not there. What the operations
promise is in consensus(7); what is said of the library's functions holds here.

Time. All times are in seconds. Methods that can block have a timeout: a number, None (no
limit), or DEFAULT (what the node takes, 30 s). 0 is as good as not waiting.

Errors. ConsensusError is an OSError with errno, and a text that says what to do. It means that
nothing happened, but for OutcomeUnknown. Arguments that make no sense are a ValueError,
OverflowError or TypeError.

Signals. While a call blocks, Python's handlers run as soon as a signal comes (in the main
thread, as always). If they return, the call goes on for what is left of its time; if they
raise, like Ctrl-C, it has not happened, and a lock is not held.

Threads. Calls let other threads run while they block. A Consensus may be used by any number of
threads at once; of the other objects the calls come one after the other.

fork(). Parent and child share a Consensus, and the last of them that closes it gives its
locks back. The other objects raise InChild in the child. multiprocessing works best with
"spawn", or with objects that are made after the fork.
"""
from ._batch import Acquire, Add, Batch, Check, Operation, Outcome, Read, Release
from ._errors import (ConsensusError, Damaged, InChild, LockLost, NoQuorum, NotFound, NotHeld,
                      NotPermitted, NotStarted, OutcomeUnknown, Stale, TimedOut, WouldBlock)
from ._handle import Consensus
from ._library import LibraryError, library_version
from ._lock import Lock
from ._order import Delivery, Receiver, Sender, Stamp, TooFarAhead
from ._results import (Consistency, Event, EventType, Features, Fence, Grant, LockInfo, Reading,
                       Result, SessionInfo)
from ._sequence import Sequence
from ._token import TokenFile
from ._values import DEFAULT, Timeout

__version__ = "0.1.0"

__all__ = [
    "Acquire",
    "Add",
    "Batch",
    "Check",
    "Consensus",
    "ConsensusError",
    "Consistency",
    "DEFAULT",
    "Damaged",
    "Delivery",
    "Event",
    "EventType",
    "Features",
    "Fence",
    "Grant",
    "InChild",
    "LibraryError",
    "Lock",
    "LockInfo",
    "LockLost",
    "NoQuorum",
    "NotFound",
    "NotHeld",
    "NotPermitted",
    "NotStarted",
    "Operation",
    "Outcome",
    "OutcomeUnknown",
    "Read",
    "Reading",
    "Receiver",
    "Release",
    "Result",
    "Sender",
    "Sequence",
    "SessionInfo",
    "Stale",
    "Stamp",
    "TimedOut",
    "Timeout",
    "TokenFile",
    "TooFarAhead",
    "WouldBlock",
    "library_version",
]
