# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""What calls return. All of it is immutable; times are in seconds."""
from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Optional, Union

from . import _abi
from ._errors import ConsensusError, error
from ._values import encoded, unsigned


class Consistency(enum.Enum):
    """How strong a read is."""

    LINEARIZABLE = _abi.LINEARIZABLE
    """It sees whatever was finished before the call."""
    AT_LEAST = _abi.AT_LEAST
    """It sees at least a given index: that of an earlier result."""
    LOCAL = _abi.LOCAL
    """What this node has applied; may be stale. Works without a quorum, and never waits."""


@dataclass(frozen=True)
class Result:
    """An addition: the sum, and its place in the one order."""

    value: int
    index: int


@dataclass(frozen=True)
class Reading:
    """A read: the value, the index of the state that was read, and that of its last change."""

    value: int
    index: int
    version: int


@dataclass(frozen=True)
class Fence:
    """A grant under which an operation is made: else it is Stale, and has no effect."""

    name: str
    token: int


@dataclass(frozen=True)
class Grant:
    """What an acquire got.

    token: the fencing token; 0: it waits, and an event with this ticket follows. lease: for how
    long the node may hold it without hearing from the cluster. died: the holder before let go
    by dying. wanted: others wait already.
    """

    token: int
    ticket: int
    index: int
    lease: float
    died: bool
    wanted: bool


class EventType(enum.IntEnum):
    """What became of a lock."""

    GRANTED = _abi.EVENT_GRANTED
    LOST = _abi.EVENT_LOST
    WANTED = _abi.EVENT_WANTED
    ENDED = _abi.EVENT_ENDED
    SUSPECT = _abi.EVENT_SUSPECT
    SURE = _abi.EVENT_SURE


@dataclass(frozen=True)
class Event:
    """What became of a lock; name is empty if it concerns the whole handle.

    type: an int if a later kernel has one that this package does not know. error: why it was
    lost or ended. lease, died, wanted: as in Grant, with GRANTED.
    """

    type: Union[EventType, int]
    name: str
    token: int
    ticket: int
    cookie: int
    index: int
    lease: float
    died: bool
    wanted: bool
    error: Optional[ConsensusError]


@dataclass(frozen=True)
class LockInfo:
    """One who holds a lock or waits for it (token 0), as this node has applied it.

    since: seconds since 1970, None: not known. dying: its handle or session is gone already.
    """

    name: str
    node: str
    token: int
    ticket: int
    index: int
    since: Optional[int]
    session: int
    handle: int
    pid: int
    uid: int
    comm: str
    shared: bool
    dying: bool


@dataclass(frozen=True)
class SessionInfo:
    """A node's session. ttl: for how long it may be unheard; handles: that have locks."""

    node: str
    incarnation: bytes
    boot_counter: int
    boot_nonce: int
    id: int
    ordinal: int
    ttl: float
    handles: int


@dataclass(frozen=True)
class Features:
    """What the kernel's module has. bits: all of them, also those that have no name here."""

    abi: int
    bits: int
    counters: bool
    locks: bool
    arrays: bool
    uring: bool
    name_max: int
    window: int
    node_started: bool


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _seconds(nanoseconds: int) -> float:
    return nanoseconds / 1_000_000_000


def result(c: _abi.Result) -> Result:
    return Result(c.value, c.index)


def reading(c: _abi.Result) -> Reading:
    return Reading(c.value, c.index, c.version)


def grant(c: Union[_abi.Grant, _abi.LockAcquire], index: int) -> Grant:
    return Grant(c.token, c.ticket, index, _seconds(c.lease_ns),
                 bool(c.info & _abi.GRANT_DIED), bool(c.info & _abi.GRANT_WANTED))


def event(c: _abi.Event) -> Event:
    known = c.type in EventType.__members__.values()
    name = _text(c.name)
    return Event(
        type=EventType(c.type) if known else c.type,
        name=name,
        token=c.token,
        ticket=c.ticket,
        cookie=c.cookie,
        index=c.index,
        lease=_seconds(c.lease_ns),
        died=bool(c.info & _abi.GRANT_DIED),
        wanted=bool(c.info & _abi.GRANT_WANTED),
        error=error(c.status, name) if c.status else None,
    )


def lock_info(c: _abi.LockInfo) -> LockInfo:
    return LockInfo(
        name=_text(c.name),
        node=_text(c.node),
        token=c.token,
        ticket=c.ticket,
        index=c.index,
        since=c.since or None,
        session=c.session,
        handle=c.handle,
        pid=c.pid,
        uid=c.uid,
        comm=_text(c.comm),
        shared=bool(c.flags & _abi.INFO_SHARED),
        dying=bool(c.flags & _abi.INFO_DYING),
    )


def session_info(c: _abi.SessionInfo) -> SessionInfo:
    return SessionInfo(
        node=_text(c.node),
        incarnation=bytes(c.incarnation),
        boot_counter=c.boot_counter,
        boot_nonce=c.boot_nonce,
        id=c.id,
        ordinal=c.ordinal,
        ttl=c.ttl_ms / 1000,
        handles=c.handles,
    )


def features(c: _abi.Features) -> Features:
    return Features(
        abi=c.abi,
        bits=c.features,
        counters=bool(c.features & _abi.FEATURE_COUNTER),
        locks=bool(c.features & _abi.FEATURE_LOCK),
        arrays=bool(c.features & _abi.FEATURE_ARRAY),
        uring=bool(c.features & _abi.FEATURE_URING),
        name_max=c.name_max,
        window=c.window,
        node_started=bool(c.node_started),
    )


def fence_struct(fence: Optional[Fence]) -> Optional[_abi.Fence]:
    if fence is None:
        return None
    return _abi.Fence(encoded(fence.name), unsigned(fence.token, "token"))
