# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""What callers give, and what they are told of it, without a device."""
import errno
import math
import os
import pickle
import signal
import threading

import consensus
from consensus import (DEFAULT, Acquire, Add, Batch, Check, Consensus, ConsensusError, Fence,
                       Lock, Read, Release, Sender, Sequence, _errors, _library, _values)
from tap import Skip, raises, same

NEVER = 2**64 - 1


def no_handle():
    """A Consensus whose descriptor is none: arguments are looked at before it."""
    handle = Consensus.__new__(Consensus)
    handle._fd = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    return handle


def test_timeouts():
    """Seconds become nanoseconds, rounded up, and nothing overflows."""
    for seconds, ns in [(DEFAULT, 0), (None, NEVER), (0, 1), (0.0, 1), (1, 10**9),
                        (0.1, 10**8), (1e-10, 1), (2.5, 25 * 10**8), (True, 10**9),
                        (18446744073, 18446744073 * 10**9), (1e10, 10**19)]:
        same((seconds, _values.nanoseconds(seconds)), (seconds, ns))
    for wrong, kind in [(-1, ValueError), (-1e-9, ValueError), (math.nan, ValueError),
                        (math.inf, OverflowError), (-math.inf, ValueError),
                        (18446744074, OverflowError), (1e300, OverflowError),
                        (10**400, OverflowError), ("1", TypeError)]:
        with raises(kind):
            _values.nanoseconds(wrong)


def test_names():
    """Names that C would cut off, or the kernel not take, are refused."""
    with no_handle() as handle:
        for name, kind, number in [("", ConsensusError, errno.EINVAL),
                                   ("n" * 64, ConsensusError, errno.ENAMETOOLONG),
                                   ("\u00e4" * 32, ConsensusError, errno.ENAMETOOLONG),
                                   ("a\0b", ValueError, None), (b"bytes", TypeError, None),
                                   (None, TypeError, None),
                                   ("\udc80", UnicodeEncodeError, None)]:
            for call in (lambda: handle.inc(name), lambda: handle.read(name),
                         lambda: handle.acquire(name), lambda: handle.check(name, 1),
                         lambda: handle.release(name, 1), lambda: handle.revoke(name),
                         lambda: handle.inc("n", fence=Fence(name, 1)),
                         lambda: handle.batch().put(Add(name)),
                         lambda: handle.batch().put(Read("n", fence=Fence(name, 1))),
                         lambda: Sequence(handle, name, 10)):
                with raises(kind, number):
                    call()
        handle.batch().put(Add("n" * 63))


def test_numbers():
    """Numbers that C would cut off are refused."""
    with no_handle() as handle:
        for wrong, kind in [(-1, OverflowError), (2**64, OverflowError), (1.0, TypeError),
                            ("1", TypeError)]:
            for call in (lambda: handle.add("n", wrong), lambda: handle.check("n", wrong),
                         lambda: handle.release("n", wrong), lambda: handle.revoke("n", wrong),
                         lambda: handle.read("n", consensus.Consistency.AT_LEAST, index=wrong),
                         lambda: handle.acquire("n", cookie=wrong),
                         lambda: handle.expire_session(wrong),
                         lambda: handle.inc("n", fence=Fence("n", wrong)),
                         lambda: handle.batch().put(Add("n", wrong)),
                         lambda: handle.batch().put(Acquire("n", cookie=wrong)),
                         lambda: handle.batch().put(Release("n", wrong)),
                         lambda: handle.batch().put(Check("n", wrong)),
                         lambda: Sequence(handle, "n", wrong)):
                with raises(kind):
                    call()
        for call in (lambda: handle.inc("n", fence=Fence("n", 0)),
                     lambda: handle.batch().put(Add("n", fence=Fence("n", 0))),
                     lambda: Sequence(handle, "n", 0),
                     lambda: Sequence(handle, "n", 2**32 + 1)):
            with raises(ConsensusError, errno.EINVAL):
                call()
        with raises(ValueError):
            handle.events(0)
        with raises(ValueError):
            handle.adopt(b"short")


def test_batch_arguments():
    """What a batch does not take has no effect on it."""
    with no_handle() as handle:
        batch = handle.batch()
        good = batch.put(Add("n"))
        with raises(ConsensusError, errno.EINVAL):
            batch.put(Add("n", fence=Fence("n", 0)))
        same((len(batch), good.done, good.error), (1, False, None))
        with raises(RuntimeError):
            good.result()
        with raises(ConsensusError, errno.ENOTTY):
            batch.run()
        same((len(batch), Batch(handle).run(), handle.run([])), (0, 0, []))


def test_no_device():
    """Without the device, or with something else, the error says what to do."""
    if os.path.exists("/dev/consensus"):
        raise Skip("this machine has the device")
    for call in (Consensus, lambda: Lock("n").acquire(), lambda: Sender("n")):
        with raises(ConsensusError, errno.ENODEV, "modprobe consensus"):
            call()
    fd = os.open("/dev/null", os.O_RDWR)
    with raises(ConsensusError, errno.ENOTTY):
        Consensus.from_fd(fd)
    os.close(fd)    # it was not taken


def test_closed():
    """A closed handle says so, and is closed once."""
    handle = no_handle()
    same(handle.closed, False)
    handle.close()
    handle.close()
    same(handle.closed, True)
    for call in (handle.fileno, handle.features, lambda: handle.inc("n"), handle.events,
                 handle.__enter__, lambda: Sequence(handle, "n", 5), handle.locks):
        with raises(ValueError):
            call()


def test_errors():
    """Each errno has its class, a text, and the name; and survives pickling."""
    for number, kind in _errors._CLASSES.items():
        error = _errors.error(-number, "orders")
        same((type(error), error.errno, error.filename), (kind, number, "orders"))
        assert isinstance(error, OSError) and error.strerror and "'orders'" in str(error)
        again = pickle.loads(pickle.dumps(error))
        same((type(again), again.args, str(again)), (type(error), error.args, str(error)))
    for kind, base in [(consensus.TimedOut, TimeoutError), (consensus.LockLost, consensus.NotHeld),
                       (consensus.InChild, ChildProcessError),
                       (consensus.NotPermitted, PermissionError),
                       (consensus.WouldBlock, BlockingIOError)]:
        assert issubclass(kind, base)
    same(type(_errors.error(-errno.EPERM, holder=True)), consensus.NotHeld)
    same(type(_errors.error(-errno.EOVERFLOW)), ConsensusError)
    assert "unknown" in str(_errors.error(-errno.ENOTRECOVERABLE))


class Clock:
    """Time as a test wants it, for what asks for time.monotonic_ns()."""

    def __init__(self):
        self.now = 10**15

    def monotonic_ns(self):
        return self.now


def test_interrupted():
    """A call that a signal ended is made again for what is left of its time"""
    seen = []
    clock = Clock()

    def attempt(ns):
        seen.append(ns)
        clock.now += 2 * 10**9
        return 5 if len(seen) == 3 else -errno.EINTR

    def patiently(timeout):
        seen.clear()
        return _library.patiently(attempt, timeout), list(seen)

    before, _library.time = _library.time, clock
    try:
        same(patiently(10), (5, [10**10, 8 * 10**9, 6 * 10**9]))
        same(patiently(None), (5, [NEVER] * 3))
        same(patiently(DEFAULT), (5, [0, 28 * 10**9, 26 * 10**9]))
        same(patiently(3), (-errno.ETIMEDOUT, [3 * 10**9, 10**9]))
        same(patiently(2), (-errno.ETIMEDOUT, [2 * 10**9]))
        same(_library.patiently(lambda ns: -errno.EIO, 1), -errno.EIO)
    finally:
        _library.time = before


class Alarm(Exception):
    pass


def test_interrupted_by_raise():
    """What a signal's handler raises ends a call for good, after one attempt."""
    seen = []

    def attempt(ns):
        seen.append(ns)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        return -errno.EINTR

    def handler(*_):
        raise Alarm

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with raises(Alarm):
            _library.patiently(attempt, 10)
    finally:
        signal.signal(signal.SIGUSR1, before)
    same(len(seen), 1)


def test_unclosed():
    """A handle that is forgotten is closed, with a ResourceWarning."""
    import warnings
    handle = no_handle()
    fd = handle.fileno()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del handle
    same([w.category for w in caught], [ResourceWarning])
    with raises(OSError, errno.EBADF):
        os.fstat(fd)
