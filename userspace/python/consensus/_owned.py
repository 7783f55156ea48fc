# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Objects of the library that are for one thread and one process at a time."""
from __future__ import annotations

import errno
import os
import threading
from ctypes import c_void_p
from typing import ContextManager

from ._errors import error
from ._library import library


class Owned:
    """One object of the library: freed once, and used by one thread after the other.

    The mutex is recursive, as a signal's handler may use what its thread is waiting in, and
    may even free it. So a call takes the pointer by _live() itself, again for each attempt:
    between that and the call no handler runs.
    """

    _free: str
    """The function that frees it."""

    def __init__(self) -> None:
        self._pointer = c_void_p()
        self._pid = os.getpid()
        self._mutex = threading.RLock()

    def _alone(self) -> ContextManager[bool]:
        """The mutex; but a child may have inherited it from a thread that is not there."""
        if os.getpid() != self._pid:
            raise error(-errno.ECHILD)
        return self._mutex

    def _closed(self) -> Exception:
        """What is raised if it is not there."""
        return ValueError(f"{self!r} is closed")

    def _live(self) -> c_void_p:
        if not self._pointer:
            raise self._closed()
        return self._pointer

    def _let_go(self) -> None:
        """Frees it, if it is there."""
        if os.getpid() != self._pid:
            self._free_pointer()
            return
        with self._mutex:
            self._free_pointer()

    def _free_pointer(self) -> None:
        free = getattr(library(), self._free)
        none = c_void_p()
        pointer, self._pointer = self._pointer, none
        if pointer:
            free(pointer)

    def __del__(self) -> None:
        if getattr(self, "_pointer", None):
            self._let_go()
