# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Locks with a guard."""
from __future__ import annotations

import ctypes
import errno
from ctypes import byref
from types import TracebackType
from typing import Optional, Type

from . import _abi, _results
from ._errors import ConsensusError, NotHeld, checked, error
from ._library import library, patiently
from ._owned import Owned
from ._results import Event, Fence
from ._values import DEFAULT, Timeout, encoded

# What a check says of a lock that is not held. After any other error it may be.
_OVER = (-errno.EPERM, -errno.EKEYEXPIRED, -errno.EKEYREVOKED)


class Lock(Owned):
    """A lock of the cluster, on a handle of its own, with a guard against use after loss.

        with Lock("backup", timeout=5) as lock:
            store(data, token=lock.token)       # who stores it refuses lower tokens
            handle.inc("backups", fence=lock.fence)

    Leaving the block gives the lock back, also by an exception. timeout is how long to wait
    for the lock. It may be taken again and again, and has a descriptor only while it is.

    On loss (the lease ended, an administrator revoked it) the block is not interrupted, as
    nothing could do that in time. token, fence and check() raise LockLost from then on, and
    so does the end of a block that ended without an exception: what it did may have happened
    while somebody else held the lock. What must not happen then carries the token or the
    fence. poll on fileno() says POLLERR, and event() what happened.

    Threads may share a Lock: their calls come one after the other, so that nobody can ask a
    lock for which another one waits. A child after fork() cannot use it (InChild), and
    keeps the lock alive until it has let the Lock go, too.
    """

    _free = "consensus_guard_free"

    def __init__(self, name: str, *, shared: bool = False, timeout: Timeout = DEFAULT) -> None:
        super().__init__()
        self.name = name
        self.shared = shared
        self.timeout = timeout

    def __repr__(self) -> str:
        return f"<Lock {self.name!r}{' shared' if self.shared else ''}>"

    def _closed(self) -> Exception:
        return error(-errno.EPERM, self.name, holder=True)

    def _begin(self) -> None:
        """A new guard, in place of one that is lost."""
        if self._pointer:
            code = library().consensus_guard_check(self._pointer)
            if code not in _OVER:
                raise error(code or -errno.EDEADLK, self.name, holder=True)
        self._let_go()
        flags = _abi.LOCK_SHARED if self.shared else 0
        checked(library().consensus_guard_new(byref(self._pointer), encoded(self.name), flags),
                self.name)

    def acquire(self, timeout: Timeout = DEFAULT) -> int:
        """Takes it, waiting in the order of the callers; its token. EDEADLK: it is held.

        timeout: seconds; None: without limit. TimedOut: not got, and out of the queue. An
        exception of a signal's handler (KeyboardInterrupt) leaves it not held.
        """
        with self._alone():
            self._begin()
            try:
                checked(patiently(
                    lambda ns: library().consensus_guard_acquire(self._live(), ns), timeout),
                    self.name, holder=True)
                return self.token
            except BaseException:
                self._let_go()
                raise

    def try_acquire(self) -> bool:
        """Takes it if it is free."""
        with self._alone():
            self._begin()
            try:
                code = patiently(
                    lambda ns: library().consensus_guard_try(self._live()), DEFAULT)
                if code != -errno.EAGAIN:
                    checked(code, self.name, holder=True)
                    return True
            except BaseException:
                self._let_go()
                raise
            self._let_go()
            return False

    def release(self, timeout: Timeout = DEFAULT) -> None:
        """Gives it back, and waits until that has happened.

        LockLost: it was lost before; NotHeld: it was never taken. Whatever else keeps the
        cluster from saying so in time, the lock is given up nevertheless, with its handle.
        """
        with self._alone():
            try:
                code = patiently(
                    lambda ns: library().consensus_guard_release(self._live(), ns), timeout)
            finally:
                self._let_go()
        if code in (-errno.EKEYEXPIRED, -errno.EKEYREVOKED, -errno.EPERM, -errno.ECHILD):
            raise error(code, self.name, holder=True)

    def __enter__(self) -> Lock:
        self.acquire(self.timeout)
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        try:
            self.release()
        except ConsensusError:
            # What the block raised says more.
            if kind is None:
                raise

    def check(self) -> None:
        """Is it held, as far as this machine knows? LockLost, NotHeld: no. Never blocks.

        Costs a system call, and takes the lease's deadline into account. What follows may
        still come too late: only token or fence protect a store.
        """
        with self._alone():
            checked(library().consensus_guard_check(self._live()), self.name, holder=True)

    @property
    def held(self) -> bool:
        """check(), as a bool."""
        try:
            self.check()
        except NotHeld:
            return False
        return True

    @property
    def token(self) -> int:
        """The fencing token, after a check(): raises as that."""
        value = ctypes.c_uint64()
        at = byref(value)
        with self._alone():
            checked(library().consensus_guard_token(self._live(), at), self.name, holder=True)
        return value.value

    @property
    def fence(self) -> Fence:
        """For operations under the lock, after a check(): raises as that."""
        return Fence(self.name, self.token)

    def event(self) -> Optional[Event]:
        """What became of it, each once; None: nothing new. Never blocks.

        LockLost: it is lost, and all was told.
        """
        c = _abi.Event()
        at = byref(c)
        with self._alone():
            code = checked(library().consensus_guard_event(self._live(), at), self.name,
                           holder=True)
        return _results.event(c) if code else None

    def fileno(self) -> int:
        """For select and poll: readable while there is an event; POLLERR when it is lost.

        Only while it is held, and another one each time.
        """
        with self._alone():
            return checked(library().consensus_guard_fd(self._live()), self.name)
