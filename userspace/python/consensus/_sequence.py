# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Unique numbers, reserved in ranges."""
from __future__ import annotations

import ctypes
from ctypes import byref
from types import TracebackType
from typing import Iterator, Optional, Type

from ._errors import checked
from ._library import library, patiently
from ._owned import Owned
from ._values import DEFAULT, SupportsFileno, Timeout, encoded, unsigned


class Sequence(Owned, Iterator[int]):
    """Numbers of a counter that nobody else gets, without end: an iterator.

        numbers = Sequence(handle, "orders", 1000)
        number = next(numbers)

    size numbers (1 to 2^32) are reserved at a time, by one addition; only that blocks, for at
    most timeout. Within one Sequence the numbers rise. Those of several are not in the order
    in which they were handed out, and what is left of a range when it is closed is lost:
    there are gaps. Who needs neither uses Consensus.inc().

    It uses the handle, which has to stay open. In a child after fork(): InChild.
    """

    _free = "consensus_sequence_free"

    def __init__(self, handle: SupportsFileno, name: str, size: int, *,
                 timeout: Timeout = DEFAULT) -> None:
        super().__init__()
        self.name = name
        self.timeout = timeout
        self._handle = handle
        checked(library().consensus_sequence_new(byref(self._pointer), handle.fileno(),
                                                 encoded(name), unsigned(size, "size")), name)

    def __repr__(self) -> str:
        return f"<Sequence {self.name!r}>"

    def __iter__(self) -> Sequence:
        return self

    def __next__(self) -> int:
        """The next number; errors as Consensus.add(), after which it may be called again."""
        value = ctypes.c_uint64()
        at = byref(value)
        with self._alone():
            self._handle.fileno()
            checked(patiently(
                lambda ns: library().consensus_sequence_next(self._live(), ns, at),
                self.timeout), self.name)
        return value.value

    @property
    def left(self) -> int:
        """How many come without blocking."""
        with self._alone():
            return int(library().consensus_sequence_left(self._live()))

    def close(self) -> None:
        self._let_go()

    def __enter__(self) -> Sequence:
        with self._alone():
            self._live()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()
