# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""A handle: counters, plain locks, lists, events."""
from __future__ import annotations

import ctypes
import errno
import os
import warnings
from ctypes import byref
from types import TracebackType
from typing import Any, Callable, List, Optional, Sequence, Type, TypeVar

from . import _abi, _results
from ._batch import Batch, Operation, Outcome
from ._errors import NotFound, checked, error
from ._library import library, patiently
from ._results import (Consistency, Event, Features, Fence, Grant, LockInfo, Reading, Result,
                       SessionInfo, fence_struct)
from ._values import DEFAULT, Timeout, duration, encoded, unsigned

_ROOM = 64
_T = TypeVar("_T")


class Consensus:
    """An open /dev/consensus: a handle on the node of the caller's network namespace.

    Opening succeeds while the node is not started, too (calls are then NotStarted), and never
    blocks. read_only: changing calls fail with EBADF. nonblocking: events() and calls that
    find the node's queue full raise WouldBlock.

    The handle owns the locks that it acquires: the last close of its descriptor, in whichever
    process, gives them back. After fork() parent and child share it. All methods may be called
    by several threads at once, and let other threads run while they block; close() is for
    when none does any more.

    Blocking methods wait for timeout seconds (None: without limit; DEFAULT: as long as the
    node thinks right, 30 s). A signal's handler runs at once; unless it raises, the call is
    made again for what is left of the time. If it raises (KeyboardInterrupt), the call has
    not happened.
    """

    def __init__(self, *, read_only: bool = False, nonblocking: bool = False) -> None:
        self._fd = -1
        flags = os.O_RDONLY if read_only else os.O_RDWR
        flags |= os.O_NONBLOCK if nonblocking else 0
        self._fd = checked(library().consensus_open(flags), "/dev/consensus")

    @classmethod
    def from_fd(cls, fd: int) -> Consensus:
        """A handle of a descriptor (inherited, or received by SCM_RIGHTS), which it then owns.

        It is no handle of consensus: ENOTTY, and the descriptor stays the caller's.
        """
        checked(library().consensus_features(fd, byref(_abi.Features())))
        self = cls.__new__(cls)
        self._fd = fd
        return self

    def fileno(self) -> int:
        """The descriptor, for select and poll: readable while events() has some."""
        if self._fd < 0:
            raise ValueError("the handle is closed")
        return self._fd

    @property
    def closed(self) -> bool:
        return self._fd < 0

    def close(self) -> None:
        """Gives the handle up, and its locks if it was the last descriptor. Never blocks."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            checked(library().consensus_close(fd))

    def __enter__(self) -> Consensus:
        self.fileno()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)
            self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'closed' if self.closed else f'fd={self._fd}'}>"

    def features(self) -> Features:
        """What the kernel's module has. Never blocks, and needs no started node."""
        c = _abi.Features()
        checked(library().consensus_features(self.fileno(), byref(c)))
        return _results.features(c)

    # ---- counters

    def add(self, name: str, delta: int, *, timeout: Timeout = DEFAULT,
            fence: Optional[Fence] = None) -> Result:
        """Adds to a counter, which begins at 0; the numbers (value - delta, value] are yours.

        Applied exactly once. EOVERFLOW: it would pass 2^64 - 1, and is unchanged. With a fence
        only if that grant holds, else Stale.
        """
        c = _abi.Result()
        with_fence, data = fence_struct(fence), encoded(name)
        unsigned(delta, "delta")
        checked(patiently(
            lambda ns: library().consensus_counter_add_fenced(
                self.fileno(), with_fence, data, delta, ns, byref(c)), timeout), name)
        return _results.result(c)

    def inc(self, name: str, *, timeout: Timeout = DEFAULT,
            fence: Optional[Fence] = None) -> Result:
        """add() of 1: the next number."""
        return self.add(name, 1, timeout=timeout, fence=fence)

    def read(self, name: str, how: Consistency = Consistency.LINEARIZABLE, *, index: int = 0,
             timeout: Timeout = DEFAULT, fence: Optional[Fence] = None) -> Reading:
        """Reads a counter. NotFound: nobody has added to it; that has the index, too.

        index: what a read AT_LEAST must have seen.
        """
        c = _abi.Result()
        with_fence, data = fence_struct(fence), encoded(name)
        unsigned(index, "index")
        code = patiently(
            lambda ns: library().consensus_counter_read_fenced(
                self.fileno(), with_fence, data, how.value, index, ns, byref(c)), timeout)
        if code == -errno.ENOENT:
            missing = error(code, name)
            assert isinstance(missing, NotFound)
            missing.index = c.index
            raise missing
        checked(code, name)
        return _results.reading(c)

    # ---- locks of this handle

    def acquire(self, name: str, *, shared: bool = False, cookie: int = 0,
                timeout: Timeout = DEFAULT) -> Grant:
        """Takes a lock for this handle, waiting for it in the order of the callers.

        TimedOut and interruption mean: not got, and out of the queue. EDEADLK: this handle has
        or awaits it. LockLost: the handle is lost, see reset(). Lock is this with a guard; who
        uses this hands the token on, and gives the lock back by release(). If a signal's
        handler raises at the very moment of the grant, the handle has the lock nevertheless,
        until close() or reset(): not so with Lock.
        """
        return self._acquire(name, _abi.LOCK_SHARED if shared else 0, cookie, timeout)

    def try_acquire(self, name: str, *, shared: bool = False, cookie: int = 0,
                    timeout: Timeout = DEFAULT) -> Optional[Grant]:
        """acquire() if it is free, else None. timeout: for the answer."""
        flags = _abi.LOCK_TRY | (_abi.LOCK_SHARED if shared else 0)
        c, code = self._acquire_code(name, flags, cookie, timeout)
        if code == -errno.EAGAIN:
            return None
        checked(code, name, holder=True)
        return _results.grant(c, c.index)

    def request(self, name: str, *, shared: bool = False, cookie: int = 0,
                timeout: Timeout = DEFAULT) -> Grant:
        """Queues for a lock without waiting for it: if token is 0, an event GRANTED follows.

        cookie comes back in events of this lock. timeout: for the place in the queue.
        release() with the ticket leaves the queue.
        """
        flags = _abi.LOCK_ASYNC | (_abi.LOCK_SHARED if shared else 0)
        return self._acquire(name, flags, cookie, timeout)

    def _acquire(self, name: str, flags: int, cookie: int, timeout: Timeout) -> Grant:
        c, code = self._acquire_code(name, flags, cookie, timeout)
        checked(code, name, holder=True)
        return _results.grant(c, c.index)

    def _acquire_code(self, name: str, flags: int, cookie: int,
                      timeout: Timeout) -> Any:
        c = _abi.Grant()
        data = encoded(name)
        unsigned(cookie, "cookie")
        code = patiently(
            lambda ns: library().consensus_lock_acquire(
                self.fileno(), data, flags, cookie, ns, byref(c)), timeout)
        return c, code

    def release(self, name: str, token: int, *, ticket: int = 0,
                timeout: Timeout = DEFAULT) -> None:
        """Gives a lock back; with token 0 leaves the queue by ticket.

        NotHeld: this handle has no such grant. LockLost: it was lost before. OutcomeUnknown:
        not confirmed in time; once begun it happens, sooner or later.
        """
        data = encoded(name)
        unsigned(token, "token")
        unsigned(ticket, "ticket")
        checked(patiently(
            lambda ns: library().consensus_lock_release(
                self.fileno(), data, token, ticket, ns), timeout), name, holder=True)

    def check(self, name: str, token: int, how: Consistency = Consistency.LINEARIZABLE, *,
              index: int = 0, timeout: Timeout = DEFAULT) -> int:
        """Does that very grant hold, whoever has it? Stale: no. Returns the index asked at.

        The answer may be old when it arrives: what must not happen afterwards has a fence.
        """
        seen = ctypes.c_uint64()
        data = encoded(name)
        unsigned(token, "token")
        unsigned(index, "index")
        checked(patiently(
            lambda ns: library().consensus_lock_check(
                self.fileno(), data, token, how.value, index, ns, byref(seen)), timeout), name)
        return seen.value

    def revoke(self, name: str, token: int = 0, *, timeout: Timeout = DEFAULT) -> int:
        """Takes a lock from who has it with that token, or from all; how many (at most 64).

        Needs CAP_NET_ADMIN (NotPermitted). NotFound: nobody has it.
        """
        count = ctypes.c_uint64()
        data = encoded(name)
        unsigned(token, "token")
        checked(patiently(
            lambda ns: library().consensus_lock_revoke(
                self.fileno(), data, token, ns, byref(count)), timeout), name)
        return count.value

    def expire_session(self, session: int, *, timeout: Timeout = DEFAULT) -> None:
        """Ends a node's session with all its locks. Needs CAP_NET_ADMIN (NotPermitted)."""
        unsigned(session, "session")
        checked(patiently(
            lambda ns: library().consensus_session_expire(self.fileno(), session, ns), timeout))

    def locks(self) -> List[LockInfo]:
        """All who hold or await locks, as this node has applied it. Never blocks.

        If the state changes meanwhile, some may be missing, or be there twice.
        """
        return self._list(library().consensus_lock_list, _abi.LockInfo, _results.lock_info)

    def sessions(self) -> List[SessionInfo]:
        """The nodes' sessions; otherwise as locks()."""
        return self._list(library().consensus_session_list, _abi.SessionInfo,
                          _results.session_info)

    def _list(self, part: Callable[..., int], struct: Type[ctypes.Structure],
              made: Callable[[Any], _T]) -> List[_T]:
        place = _abi.Place()
        room = (struct * _ROOM)()
        found: List[_T] = []
        while place.cursor != _abi.LIST_END:
            count = checked(part(self.fileno(), byref(place), room, _ROOM))
            found += map(made, room[:count])
        return found

    # ---- the handle

    def events(self, limit: int = _ROOM) -> List[Event]:
        """What became of this handle's locks, each once; waits for the first, without limit.

        select or poll on the handle say when there are some. WouldBlock: none, and the handle
        is nonblocking. LockLost: the handle is lost and has told all.
        """
        if not 1 <= limit <= 4096:
            raise ValueError(f"limit must be 1 to 4096: {limit}")
        room = (_abi.Event * limit)()
        count = checked(patiently(
            lambda ns: library().consensus_events(self.fileno(), room, limit), None))
        return [_results.event(c) for c in room[:count]]

    def detach(self, duration_s: Optional[float]) -> bytes:
        """Keeps the locks for so long (at most 300 s) when the last descriptor closes.

        None: not any more. Returns the secret by which the same user's processes on this node
        adopt() it, once.
        """
        ns = 0 if duration_s is None else max(1, duration(duration_s, "duration_s"))
        secret = (ctypes.c_uint8 * _abi.SECRET_SIZE)()
        checked(library().consensus_handle_detach(self.fileno(), ns, secret))
        return bytes(secret)

    def adopt(self, secret: bytes) -> Consensus:
        """The handle that was detached, with its locks. NotFound: no such (any more)."""
        if len(secret) != _abi.SECRET_SIZE:
            raise ValueError(f"a secret has {_abi.SECRET_SIZE} bytes, not {len(secret)}")
        c = (ctypes.c_uint8 * _abi.SECRET_SIZE)(*secret)
        fd = checked(library().consensus_handle_adopt(self.fileno(), c))
        return type(self).from_fd(fd)

    def heartbeat(self, period: Optional[float]) -> None:
        """From now on the locks are lost unless this is called again within period seconds.

        At least 0.01; None: not any more. LockLost: it was too late. Without heartbeats a
        program that hangs keeps its locks.
        """
        ns = 0 if period is None else max(1, duration(period, "period"))
        checked(library().consensus_handle_heartbeat(self.fileno(), ns), holder=True)

    def reset(self) -> None:
        """A lost handle may be used again. One that is not lost gives back all that it has."""
        checked(library().consensus_handle_reset(self.fileno()))

    def cancel(self) -> int:
        """Withdraws what this process has under way on the handle by io_uring; how much.

        That is what others have begun there: this package uses no io_uring. Does not wait.
        """
        count = ctypes.c_uint32()
        checked(library().consensus_handle_cancel(self.fileno(), None, byref(count)))
        return count.value

    # ---- many at once

    def batch(self) -> Batch:
        """An empty batch, which is run in as few calls of the kernel as can be."""
        return Batch(self)

    def run(self, operations: Sequence[Operation[_T]]) -> List[Outcome[_T]]:
        """Many operations as if each were called by a thread of its own; their outcomes.

        They begin in this order, and fail one by one: nothing is raised for them. Blocks until
        each has an outcome, so for as long as the longest timeout. Whoever wants the outcomes
        also if a signal's handler raises meanwhile uses batch().
        """
        batch = self.batch()
        outcomes = [batch.put(operation) for operation in operations]
        batch.run()
        return outcomes
