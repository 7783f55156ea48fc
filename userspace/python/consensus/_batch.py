# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Many operations in one call: each has its own outcome."""
from __future__ import annotations

import ctypes
import errno
import time
from ctypes import addressof, byref, c_void_p
from dataclasses import dataclass
from typing import Any, Generic, List, Optional, Tuple, TypeVar

from . import _abi, _results
from ._errors import ConsensusError, NotFound, checked, error
from ._library import library
from ._results import Consistency, Fence, Grant, Reading, Result, fence_struct
from ._values import (DEFAULT, DEFAULT_NS, SupportsFileno, Timeout, encoded, nanoseconds,
                      unsigned)

T = TypeVar("T")

# How many are given to the library at a time; it makes array calls of 256.
_PART = 4096


class Operation(Generic[T]):
    """What a batch is made of: Add, Read, Acquire, Release, Check. T: its result."""

    name: str
    timeout: Timeout
    _call: int
    _holder = False

    def _build(self, ns: int) -> Tuple[int, ctypes.Structure]:
        """The struct, and 0 or what the library says against the arguments."""
        raise NotImplementedError

    def _result(self, c: Any) -> T:
        """What the struct tells after it succeeded."""
        raise NotImplementedError


@dataclass(frozen=True)
class Add(Operation[Result]):
    """Consensus.add()"""

    name: str
    delta: int = 1
    timeout: Timeout = DEFAULT
    fence: Optional[Fence] = None
    _call = _abi.IOC_COUNTER_ADD

    def _build(self, ns: int) -> Tuple[int, ctypes.Structure]:
        c = _abi.CounterAdd()
        return library().consensus_build_add(c, fence_struct(self.fence), encoded(self.name),
                                             unsigned(self.delta, "delta"), ns), c

    def _result(self, c: _abi.CounterAdd) -> Result:
        return Result(c.value, c.op.index)


@dataclass(frozen=True)
class Read(Operation[Reading]):
    """Consensus.read()"""

    name: str
    how: Consistency = Consistency.LINEARIZABLE
    index: int = 0
    timeout: Timeout = DEFAULT
    fence: Optional[Fence] = None
    _call = _abi.IOC_COUNTER_READ

    def _build(self, ns: int) -> Tuple[int, ctypes.Structure]:
        c = _abi.CounterRead()
        return library().consensus_build_read(c, fence_struct(self.fence), encoded(self.name),
                                              self.how.value, unsigned(self.index, "index"),
                                              ns), c

    def _result(self, c: _abi.CounterRead) -> Reading:
        return Reading(c.value, c.op.index, c.version)


@dataclass(frozen=True)
class Acquire(Operation[Grant]):
    """Consensus.acquire(); try_acquire() with wait=False (then its error may be WouldBlock)."""

    name: str
    shared: bool = False
    wait: bool = True
    cookie: int = 0
    timeout: Timeout = DEFAULT
    fence: Optional[Fence] = None
    _call = _abi.IOC_LOCK_ACQUIRE
    _holder = True

    def _build(self, ns: int) -> Tuple[int, ctypes.Structure]:
        c = _abi.LockAcquire()
        flags = (_abi.LOCK_SHARED if self.shared else 0) | (0 if self.wait else _abi.LOCK_TRY)
        return library().consensus_build_acquire(c, fence_struct(self.fence),
                                                 encoded(self.name), flags,
                                                 unsigned(self.cookie, "cookie"), ns), c

    def _result(self, c: _abi.LockAcquire) -> Grant:
        return _results.grant(c, c.op.index)


@dataclass(frozen=True)
class Release(Operation[None]):
    """Consensus.release()"""

    name: str
    token: int
    ticket: int = 0
    timeout: Timeout = DEFAULT
    _call = _abi.IOC_LOCK_RELEASE
    _holder = True

    def _build(self, ns: int) -> Tuple[int, ctypes.Structure]:
        c = _abi.LockRelease()
        return library().consensus_build_release(c, encoded(self.name),
                                                 unsigned(self.token, "token"),
                                                 unsigned(self.ticket, "ticket"), ns), c

    def _result(self, c: _abi.LockRelease) -> None:
        return None


@dataclass(frozen=True)
class Check(Operation[int]):
    """Consensus.check(): the index at which the grant held."""

    name: str
    token: int
    how: Consistency = Consistency.LINEARIZABLE
    index: int = 0
    timeout: Timeout = DEFAULT
    _call = _abi.IOC_LOCK_CHECK

    def _build(self, ns: int) -> Tuple[int, ctypes.Structure]:
        c = _abi.LockCheck()
        return library().consensus_build_check(c, encoded(self.name),
                                               unsigned(self.token, "token"), self.how.value,
                                               unsigned(self.index, "index"), ns), c

    def _result(self, c: _abi.LockCheck) -> int:
        return int(c.op.index)


class Outcome(Generic[T]):
    """What became of an operation of a batch, after Batch.run()."""

    def __init__(self, operation: Operation[T]) -> None:
        self.operation = operation
        self.done = False
        """Was it run?"""
        self.error: Optional[ConsensusError] = None
        """Why it failed; None: it did not (or was not run)."""
        self._value: Optional[T] = None

    def result(self) -> T:
        """Its result; raises its error."""
        if not self.done:
            raise RuntimeError("the batch has not been run")
        if self.error is not None:
            raise self.error
        return self._value  # type: ignore[return-value] # set when there is no error

    def __repr__(self) -> str:
        said = (self.error or self._value) if self.done else "not run"
        return f"<Outcome of {self.operation}: {said!r}>"

    def _settle(self, c: Any) -> None:
        self.done = True
        status = c.op.status
        self.error = None
        if not status:
            self._value = self.operation._result(c)
            return
        self.error = error(status, self.operation.name, holder=self.operation._holder)
        if isinstance(self.error, NotFound):
            self.error.index = c.op.index


class _Waiting:
    """One that is to be run: until when, and its struct."""

    def __init__(self, outcome: Outcome[Any]) -> None:
        self.outcome = outcome
        self.left = nanoseconds(outcome.operation.timeout)
        self.end: Optional[int] = None
        self.c: Any = None

    def begin(self, now: int) -> None:
        if self.left != _abi.NO_TIMEOUT:
            self.end = now + (self.left or DEFAULT_NS)

    def build(self) -> None:
        """The struct, which says "interrupted" until the kernel has said otherwise."""
        code, self.c = self.outcome.operation._build(self.left)
        checked(code, self.outcome.operation.name)
        self.c.op.status = -errno.EINTR

    def again(self, now: int) -> bool:
        """Was it interrupted? Then it is to be run for what is left of its time."""
        if self.c.op.status != -errno.EINTR:
            return False
        if self.end is None:
            return True
        self.left = self.end - now
        if self.left > 0:
            return True
        self.c.op.status = -errno.ETIMEDOUT
        self.outcome._settle(self.c)
        return False


class Batch:
    """Operations that are collected, and run together.

    They begin in the order in which they were put, share messages and writes to storage, and
    end one by one. For one thread at a time.
    """

    def __init__(self, handle: SupportsFileno) -> None:
        self._handle = handle
        self._waiting: List[_Waiting] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, operation: Operation[T]) -> Outcome[T]:
        """Another operation. Errors of arguments are raised at once; it has no effect then."""
        waiting = _Waiting(Outcome(operation))
        waiting.build()
        self._waiting.append(waiting)
        outcome: Outcome[T] = waiting.outcome
        return outcome

    def run(self) -> int:
        """All of them; blocks until each has an outcome. Returns how many failed.

        The batch is empty afterwards, and may be used again. If a signal's handler raises,
        outcomes tell what had happened by then: those with EINTR had not.
        """
        put, self._waiting = self._waiting, []
        now = time.monotonic_ns()
        for waiting in put:
            waiting.begin(now)
        left = put
        while left:
            for at in range(0, len(left), _PART):
                self._part(left[at:at + _PART])
            now = time.monotonic_ns()
            left = [waiting for waiting in left if waiting.again(now)]
            for waiting in left:
                waiting.build()
        return sum(waiting.outcome.error is not None for waiting in put)

    def _part(self, part: List[_Waiting]) -> None:
        batch = c_void_p()
        try:
            checked(library().consensus_batch_new(byref(batch), self._handle.fileno(),
                                                  len(part)))
            for waiting in part:
                checked(library().consensus_batch_put(batch, waiting.outcome.operation._call,
                                                      addressof(waiting.c)))
            # What fails as a whole has said so in each of them.
            library().consensus_batch_run(batch)
        finally:
            for waiting in part:
                waiting.outcome._settle(waiting.c)
            library().consensus_batch_free(batch)
