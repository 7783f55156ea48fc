# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""What callers give, checked and made into what C takes: ctypes would cut it off silently."""
from __future__ import annotations

import enum
import math
from typing import Protocol, Union

from ._abi import NO_TIMEOUT


class Default(enum.Enum):
    """The type of DEFAULT."""

    DEFAULT = 0


DEFAULT = Default.DEFAULT
"""A timeout: what the node takes for one, 30 s."""

DEFAULT_NS = 30_000_000_000

Timeout = Union[float, None, Default]
"""How long a call may wait: seconds, None (no limit), or DEFAULT. 0 is as good as not waiting."""


class SupportsFileno(Protocol):
    """What has a descriptor; raises if it is closed."""

    def fileno(self) -> int:
        ...


def duration(seconds: float, what: str) -> int:
    """Seconds as nanoseconds, rounded up."""
    if seconds != seconds or seconds < 0:
        raise ValueError(f"{what} must be a number of seconds, and not negative: {seconds!r}")
    if seconds == math.inf:
        raise OverflowError(f"{what} is infinite; for no limit give None")
    ns = seconds * 1_000_000_000
    ns = ns if isinstance(ns, int) else math.ceil(ns)
    if ns >= NO_TIMEOUT:
        raise OverflowError(f"{what} is too long: {seconds!r} s")
    return ns


def nanoseconds(timeout: Timeout) -> int:
    """A timeout as the library takes it, where 0 is the node's default."""
    if timeout is None:
        return NO_TIMEOUT
    if isinstance(timeout, Default):
        return 0
    return max(1, duration(timeout, "timeout"))


def encoded(name: str) -> bytes:
    """A name in UTF-8. How long it may be, and of what, the library says."""
    if not isinstance(name, str):
        raise TypeError(f"a name is a str, not {type(name).__name__}")
    data = name.encode()
    if b"\0" in data:
        raise ValueError(f"a name has no NUL: {name!r}")
    return data


def unsigned(value: int, what: str, bits: int = 64) -> int:
    """value, if C can have it in so many bits."""
    if not isinstance(value, int):
        raise TypeError(f"{what} is an int, not {type(value).__name__}")
    if not 0 <= value < 1 << bits:
        raise OverflowError(f"{what} must be 0 to 2^{bits} - 1: {value}")
    return value
