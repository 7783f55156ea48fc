# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""libconsensus.so.0, and how its functions are called.

It is loaded when it is first needed, so that the package can be imported without it. Calls are
made by ctypes.CDLL, which lets other threads run meanwhile (the GIL is not held).
"""
from __future__ import annotations

import ctypes
import errno
import functools
import os
import time
from ctypes import POINTER, c_bool, c_char_p, c_int, c_uint, c_uint8, c_uint32, c_uint64, c_void_p
from typing import Any, Callable, Dict, Tuple

from . import _abi
from ._values import DEFAULT_NS, Timeout, nanoseconds

_Opaque = c_void_p
_NewOpaque = POINTER(c_void_p)
_Secret = POINTER(c_uint8)
_Fence = POINTER(_abi.Fence)
_Stamp = POINTER(_abi.Stamp)
_Result = POINTER(_abi.Result)
_Grant = POINTER(_abi.Grant)
_Number = POINTER(c_uint64)

# Name: what it returns, what it takes. userspace/python/check compares them with the headers.
FUNCTIONS: Dict[str, Tuple[Any, ...]] = {
    "consensus_version": (c_uint32, POINTER(c_char_p)),
    "consensus_strerror": (c_char_p, c_int),
    "consensus_open": (c_int, c_int),
    "consensus_close": (c_int, c_int),
    "consensus_features": (c_int, c_int, POINTER(_abi.Features)),
    "consensus_counter_add_fenced":
        (c_int, c_int, _Fence, c_char_p, c_uint64, c_uint64, _Result),
    "consensus_counter_read_fenced":
        (c_int, c_int, _Fence, c_char_p, c_int, c_uint64, c_uint64, _Result),
    "consensus_lock_acquire": (c_int, c_int, c_char_p, c_uint32, c_uint64, c_uint64, _Grant),
    "consensus_lock_release": (c_int, c_int, c_char_p, c_uint64, c_uint64, c_uint64),
    "consensus_lock_check":
        (c_int, c_int, c_char_p, c_uint64, c_int, c_uint64, c_uint64, _Number),
    "consensus_lock_revoke": (c_int, c_int, c_char_p, c_uint64, c_uint64, _Number),
    "consensus_session_expire": (c_int, c_int, c_uint64, c_uint64),
    "consensus_lock_list":
        (c_int, c_int, POINTER(_abi.Place), POINTER(_abi.LockInfo), c_uint32),
    "consensus_session_list":
        (c_int, c_int, POINTER(_abi.Place), POINTER(_abi.SessionInfo), c_uint32),
    "consensus_events": (c_int, c_int, POINTER(_abi.Event), c_uint32),
    "consensus_handle_detach": (c_int, c_int, c_uint64, _Secret),
    "consensus_handle_adopt": (c_int, c_int, _Secret),
    "consensus_handle_heartbeat": (c_int, c_int, c_uint64),
    "consensus_handle_reset": (c_int, c_int),
    "consensus_handle_cancel": (c_int, c_int, c_void_p, POINTER(c_uint32)),
    "consensus_build_add":
        (c_int, POINTER(_abi.CounterAdd), _Fence, c_char_p, c_uint64, c_uint64),
    "consensus_build_read":
        (c_int, POINTER(_abi.CounterRead), _Fence, c_char_p, c_int, c_uint64, c_uint64),
    "consensus_build_acquire":
        (c_int, POINTER(_abi.LockAcquire), _Fence, c_char_p, c_uint32, c_uint64, c_uint64),
    "consensus_build_release":
        (c_int, POINTER(_abi.LockRelease), c_char_p, c_uint64, c_uint64, c_uint64),
    "consensus_build_check":
        (c_int, POINTER(_abi.LockCheck), c_char_p, c_uint64, c_int, c_uint64, c_uint64),
    "consensus_batch_new": (c_int, _NewOpaque, c_int, c_uint),
    "consensus_batch_free": (None, _Opaque),
    "consensus_batch_put": (c_int, _Opaque, c_uint32, c_void_p),
    "consensus_batch_run": (c_int, _Opaque),
    "consensus_guard_new": (c_int, _NewOpaque, c_char_p, c_uint32),
    "consensus_guard_free": (None, _Opaque),
    "consensus_guard_acquire": (c_int, _Opaque, c_uint64),
    "consensus_guard_try": (c_int, _Opaque),
    "consensus_guard_release": (c_int, _Opaque, c_uint64),
    "consensus_guard_check": (c_int, _Opaque),
    "consensus_guard_token": (c_int, _Opaque, _Number),
    "consensus_guard_event": (c_int, _Opaque, POINTER(_abi.Event)),
    "consensus_guard_fd": (c_int, _Opaque),
    "consensus_token_open": (c_int, _NewOpaque, c_char_p, c_uint),
    "consensus_token_close": (None, _Opaque),
    "consensus_token_enter": (c_int, _Opaque, c_uint64),
    "consensus_token_leave": (None, _Opaque),
    "consensus_token_highest": (c_int, _Opaque, _Number),
    "consensus_sequence_new": (c_int, _NewOpaque, c_int, c_char_p, c_uint64),
    "consensus_sequence_free": (None, _Opaque),
    "consensus_sequence_next": (c_int, _Opaque, c_uint64, _Number),
    "consensus_sequence_left": (c_uint64, _Opaque),
    "consensus_sender_new": (c_int, _NewOpaque, c_char_p),
    "consensus_sender_free": (None, _Opaque),
    "consensus_sender_begin": (c_int, _Opaque, c_uint64, _Stamp),
    "consensus_sender_end": (c_int, _Opaque),
    "consensus_sender_fd": (c_int, _Opaque),
    "consensus_sender_void": (c_int, _Opaque, c_uint64, _Stamp),
    "consensus_receiver_new": (c_int, _NewOpaque, c_uint64, c_uint),
    "consensus_receiver_free": (None, _Opaque),
    "consensus_receiver_put": (c_int, _Opaque, _Stamp, c_void_p),
    "consensus_receiver_next": (c_void_p, _Opaque, _Stamp),
    "consensus_receiver_get": (c_void_p, _Opaque, c_uint64, _Stamp),
    "consensus_receiver_position": (c_uint64, _Opaque),
    "consensus_receiver_missing": (c_bool, _Opaque, _Number, _Number),
    "consensus_receiver_seal": (c_int, _Opaque, _Stamp),
    "consensus_receiver_void": (c_int, _Opaque, _Stamp),
}


class LibraryError(ImportError):
    """libconsensus.so.0 is not there, or is none that this package can use."""


@functools.lru_cache(maxsize=None)
def library() -> ctypes.CDLL:
    """The library: what $LIBCONSENSUS names, or else libconsensus.so.0 where ld.so finds it."""
    name = os.environ.get("LIBCONSENSUS") or "libconsensus.so.0"
    try:
        loaded = ctypes.CDLL(name)
        for function, (returned, *taken) in FUNCTIONS.items():
            found = getattr(loaded, function)
            found.restype = returned
            found.argtypes = taken
    except (OSError, AttributeError) as error:
        raise LibraryError(f"libconsensus cannot be used: {error}", name="libconsensus",
                           path=name) from error
    if loaded.consensus_version(None) >> 16 != _abi.VERSION_MAJOR:
        raise LibraryError(f"{name} has another major version than this package",
                           name="libconsensus", path=name)
    return loaded


def library_version() -> str:
    """The version of the library that is loaded, as "0.1.0"."""
    text = c_char_p()
    library().consensus_version(ctypes.byref(text))
    return (text.value or b"").decode()


def patiently(attempt: Callable[[int], Any], timeout: Timeout) -> int:
    """attempt(nanoseconds) until it answers something else than -EINTR (PEP 475).

    A call that a signal ended has had no effect, so it may be made again; before that Python
    runs its handlers of the signal, and what they raise (KeyboardInterrupt) ends it for good.
    All attempts together take no longer than timeout.
    """
    left = nanoseconds(timeout)
    end = None if left == _abi.NO_TIMEOUT else time.monotonic_ns() + (left or DEFAULT_NS)
    while True:
        code = int(attempt(left))
        if code != -errno.EINTR:
            return code
        if end is not None:
            left = end - time.monotonic_ns()
            if left <= 0:
                return -errno.ETIMEDOUT
