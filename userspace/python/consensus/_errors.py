# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Errors: each has errno, and in strerror what the library says is to be done about it."""
from __future__ import annotations

import errno
from typing import Dict, Optional, Type

from ._library import library


class ConsensusError(OSError):
    """A call failed.

    Whatever it was, nothing happened and nothing will, unless it is OutcomeUnknown. filename is
    the name that the call was about, if any.
    """


class OutcomeUnknown(ConsensusError):
    """ENOTRECOVERABLE: cut off on its way. It may have happened, or may yet: read to find out."""


class NotHeld(ConsensusError):
    """The lock is not held (EPERM: never taken, given back, or another's)."""


class LockLost(NotHeld):
    """EKEYEXPIRED: the lease was lost. EKEYREVOKED: an administrator took the lock.

    Somebody else may have it: stop what it protects.
    """


class Stale(ConsensusError):
    """ESTALE: that grant holds no more, or a resource has seen a higher token."""


class NoQuorum(ConsensusError):
    """EHOSTUNREACH: no leader was reached."""


class TimedOut(ConsensusError, TimeoutError):
    """ETIMEDOUT."""


class NotStarted(ConsensusError):
    """ENOTCONN: this machine's node is not started. The handle works once it is."""


class NotFound(ConsensusError):
    """ENOENT: no such object, lock, session or secret. index: of the state that had none, or 0."""

    index = 0


class NotPermitted(ConsensusError, PermissionError):
    """EPERM, EACCES: not the holder, or not allowed."""


class WouldBlock(ConsensusError, BlockingIOError):
    """EAGAIN: it would have had to wait."""


class InChild(ConsensusError, ChildProcessError):
    """ECHILD: made before fork(), and this is the child. Make another."""


class Damaged(ConsensusError):
    """EBADMSG: the file is damaged, or no token file."""


_CLASSES: Dict[int, Type[ConsensusError]] = {
    errno.ENOTRECOVERABLE: OutcomeUnknown,
    errno.EKEYEXPIRED: LockLost,
    errno.EKEYREVOKED: LockLost,
    errno.ESTALE: Stale,
    errno.EHOSTUNREACH: NoQuorum,
    errno.ETIMEDOUT: TimedOut,
    errno.ENOTCONN: NotStarted,
    errno.ENOENT: NotFound,
    errno.EPERM: NotPermitted,
    errno.EACCES: NotPermitted,
    errno.EAGAIN: WouldBlock,
    errno.ECHILD: InChild,
    errno.EBADMSG: Damaged,
}


def error(code: int, about: Optional[str] = None, *, holder: bool = False) -> ConsensusError:
    """The error for a negative errno. holder: EPERM means that a lock is not held."""
    number = abs(code)
    chosen = _CLASSES.get(number, ConsensusError)
    if holder and number == errno.EPERM:
        chosen = NotHeld
    text = library().consensus_strerror(number)
    return chosen(number, text.decode(), *([] if about is None else [about]))


def checked(code: int, about: Optional[str] = None, *, holder: bool = False) -> int:
    """code, if it is no negative errno; else raises the error."""
    if code < 0:
        raise error(code, about, holder=holder)
    return code
