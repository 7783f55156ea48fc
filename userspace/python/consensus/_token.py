# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Token files: what a resource needs to refuse those who lost their lock."""
from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from ctypes import byref
from types import TracebackType
from typing import Iterator, Optional, Type, Union

from ._errors import error
from ._library import library, patiently
from ._owned import Owned
from ._values import unsigned


class TokenFile(Owned):
    """The highest fencing token that a resource has seen, in a file beside it.

        with TokenFile("/srv/store/token") as tokens:
            with tokens.entered(lock.token):
                ...     # nobody else is inside, and nobody with a lower token will be

    The file is made if it is not there, with that mode. It survives a crash at any moment,
    and serves any number of processes and threads, each with its own TokenFile. Not on file
    systems without locks across the machines that write the resource. One that was deleted, or
    put back from a backup, has forgotten: delete it only with the resource.

    Stale: a higher token was seen. Damaged: the file is, or it is none. Other errors are
    those of files (FileNotFoundError, PermissionError, ...). None of them lets in.
    """

    _free = "consensus_token_close"

    def __init__(self, path: Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"],
                 mode: int = 0o600) -> None:
        super().__init__()
        self.path = os.fsdecode(path)
        data = os.fsencode(path)
        if b"\0" in data:
            raise ValueError("a path has no NUL")
        unsigned(mode, "mode", 32)
        self._checked(patiently(
            lambda _: library().consensus_token_open(byref(self._pointer), data, mode), None))

    def __repr__(self) -> str:
        return f"<TokenFile {self.path!r}>"

    def _checked(self, code: int) -> None:
        """Raises as files do, but for what is the token's own."""
        if code in (-errno.ESTALE, -errno.EBADMSG, -errno.ECHILD):
            raise error(code, self.path)
        if code < 0:
            raise OSError(-code, os.strerror(-code), self.path)

    def close(self) -> None:
        """Leaves it, too, if it is entered."""
        self._let_go()

    def __enter__(self) -> TokenFile:
        with self._alone():
            self._live()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def enter(self, token: int) -> None:
        """May the holder of this token use the resource now? Returns only if so.

        No higher one was seen then, this one is durable, and nobody else comes in until
        leave(), close(), or the end of the process. Waits for who is inside, without limit.
        EBUSY: this one is.
        """
        unsigned(token, "token")
        with self._alone():
            self._checked(patiently(
                lambda _: library().consensus_token_enter(self._live(), token), None))

    def leave(self) -> None:
        """Lets others in."""
        with self._alone():
            library().consensus_token_leave(self._live())

    @contextlib.contextmanager
    def entered(self, token: int) -> Iterator[None]:
        """enter(), and leave() at the end of the block."""
        self.enter(token)
        try:
            yield
        finally:
            self.leave()

    @property
    def highest(self) -> int:
        """The highest token that was seen; 0: none."""
        value = ctypes.c_uint64()
        at = byref(value)
        with self._alone():
            self._checked(library().consensus_token_highest(self._live(), at))
        return value.value
