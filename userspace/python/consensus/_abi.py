# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""The structs and constants of <linux/consensus.h> and the library's headers, as ctypes have them.

userspace/python/check compares every one of them with what a C compiler makes of the headers.
STRUCTS and CONSTANTS are what it looks at: all that is here is in one of them.
"""
from __future__ import annotations

import ctypes
import os
from ctypes import c_char, c_char_p, c_int32, c_uint8, c_uint32, c_uint64
from typing import Dict, Type

NAME_SIZE = 64
SECRET_SIZE = 16
NO_TIMEOUT = 2**64 - 1
LIST_END = 2**64 - 1

READ_INDEX = 1 << 0
READ_LOCAL = 1 << 1

LOCK_SHARED = 1 << 0
LOCK_TRY = 1 << 1
LOCK_ASYNC = 1 << 2

GRANT_DIED = 1 << 0
GRANT_WANTED = 1 << 1

INFO_SHARED = 1 << 0
INFO_DYING = 1 << 1

EVENT_GRANTED = 1
EVENT_LOST = 2
EVENT_WANTED = 3
EVENT_ENDED = 4
EVENT_SUSPECT = 5
EVENT_SURE = 6

FEATURE_COUNTER = 1 << 0
FEATURE_LOCK = 1 << 1
FEATURE_ARRAY = 1 << 2
FEATURE_URING = 1 << 3

ARRAY_MAX = 256

LINEARIZABLE = 0
AT_LEAST = 1
LOCAL = 2

VERSION_MAJOR = 0


class Op(ctypes.Structure):
    _fields_ = [
        ("flags", c_uint32),
        ("status", c_int32),
        ("index", c_uint64),
        ("timeout_ns", c_uint64),
        ("fence_name", c_char * NAME_SIZE),
        ("fence_token", c_uint64),
        ("reserved", c_uint8 * 32),
    ]


class CounterAdd(ctypes.Structure):
    _fields_ = [
        ("op", Op),
        ("name", c_char * NAME_SIZE),
        ("delta", c_uint64),
        ("value", c_uint64),
    ]


class CounterRead(ctypes.Structure):
    _fields_ = [
        ("op", Op),
        ("name", c_char * NAME_SIZE),
        ("value", c_uint64),
        ("version", c_uint64),
    ]


class LockAcquire(ctypes.Structure):
    _fields_ = [
        ("op", Op),
        ("name", c_char * NAME_SIZE),
        ("cookie", c_uint64),
        ("token", c_uint64),
        ("ticket", c_uint64),
        ("lease_ns", c_uint64),
        ("info", c_uint32),
        ("zero", c_uint32),
    ]


class LockRelease(ctypes.Structure):
    _fields_ = [
        ("op", Op),
        ("name", c_char * NAME_SIZE),
        ("token", c_uint64),
        ("ticket", c_uint64),
    ]


class LockCheck(ctypes.Structure):
    _fields_ = [
        ("op", Op),
        ("name", c_char * NAME_SIZE),
        ("token", c_uint64),
    ]


class LockInfo(ctypes.Structure):
    _fields_ = [
        ("name", c_char * NAME_SIZE),
        ("node", c_char * NAME_SIZE),
        ("token", c_uint64),
        ("ticket", c_uint64),
        ("index", c_uint64),
        ("since", c_uint64),
        ("session", c_uint64),
        ("handle", c_uint64),
        ("pid", c_uint32),
        ("uid", c_uint32),
        ("comm", c_char * 16),
        ("flags", c_uint32),
        ("zero", c_uint32),
    ]


class SessionInfo(ctypes.Structure):
    _fields_ = [
        ("node", c_char * NAME_SIZE),
        ("incarnation", c_uint8 * 16),
        ("boot_counter", c_uint64),
        ("boot_nonce", c_uint64),
        ("id", c_uint64),
        ("ordinal", c_uint64),
        ("ttl_ms", c_uint32),
        ("handles", c_uint32),
    ]


class Event(ctypes.Structure):
    _fields_ = [
        ("type", c_uint32),
        ("size", c_uint32),
        ("index", c_uint64),
        ("ticket", c_uint64),
        ("token", c_uint64),
        ("cookie", c_uint64),
        ("lease_ns", c_uint64),
        ("status", c_int32),
        ("info", c_uint32),
        ("name", c_char * NAME_SIZE),
    ]


class Features(ctypes.Structure):
    _fields_ = [
        ("flags", c_uint32),
        ("abi", c_uint32),
        ("features", c_uint64),
        ("name_max", c_uint32),
        ("window", c_uint32),
        ("node_started", c_uint32),
        ("reserved", c_uint8 * 36),
    ]


class Result(ctypes.Structure):
    _fields_ = [
        ("value", c_uint64),
        ("index", c_uint64),
        ("version", c_uint64),
    ]


class Fence(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("token", c_uint64),
    ]


class Grant(ctypes.Structure):
    _fields_ = [
        ("token", c_uint64),
        ("ticket", c_uint64),
        ("index", c_uint64),
        ("lease_ns", c_uint64),
        ("info", c_uint32),
    ]


class Place(ctypes.Structure):
    _fields_ = [
        ("cursor", c_uint64),
        ("index", c_uint64),
    ]


class Stamp(ctypes.Structure):
    _fields_ = [
        ("number", c_uint64),
        ("token", c_uint64),
    ]


# Where an ioctl's number has its direction, and what "both ways" is there.
_BOTH = 6 << 29 if os.uname().machine.startswith(("mips", "ppc", "sparc")) else 3 << 30


def _number(call: int, struct: Type[ctypes.Structure]) -> int:
    """_IOWR(CONSENSUS_IOC_MAGIC, call, struct)"""
    return _BOTH | ctypes.sizeof(struct) << 16 | 0xC5 << 8 | call


IOC_COUNTER_ADD = _number(0x10, CounterAdd)
IOC_COUNTER_READ = _number(0x11, CounterRead)
IOC_LOCK_ACQUIRE = _number(0x20, LockAcquire)
IOC_LOCK_RELEASE = _number(0x21, LockRelease)
IOC_LOCK_CHECK = _number(0x22, LockCheck)

# By their names in C.
STRUCTS: Dict[str, Type[ctypes.Structure]] = {
    "consensus_op": Op,
    "consensus_counter_add": CounterAdd,
    "consensus_counter_read": CounterRead,
    "consensus_lock_acquire": LockAcquire,
    "consensus_lock_release": LockRelease,
    "consensus_lock_check": LockCheck,
    "consensus_lock_info": LockInfo,
    "consensus_session_info": SessionInfo,
    "consensus_event": Event,
    "consensus_features": Features,
    "consensus_result": Result,
    "consensus_fence": Fence,
    "consensus_grant": Grant,
    "consensus_place": Place,
    "consensus_stamp": Stamp,
}

CONSTANTS: Dict[str, int] = {
    f"CONSENSUS_{name}": value
    for name, value in list(globals().items())
    if name.isupper() and isinstance(value, int) and not name.startswith("_")
}
