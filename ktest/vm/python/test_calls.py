# SPDX-License-Identifier: GPL-2.0
"""Every call of a handle but those of locks."""
import errno
import os
import socket
import time

import consensus
from consensus import Consistency, ConsensusError, NotFound, NotStarted, TimedOut
from tap import raises, same
from world import alarm, child, ended, inside


def test_features(handle, other):
    """features() says what there is"""
    features = handle.features()
    same((features.abi, features.name_max), (1, 63))
    assert features.counters and features.locks and features.arrays and features.uring
    assert features.node_started and features.window > 0


def test_counters(handle, other):
    """Counters are added to and read"""
    one = handle.inc("calls")
    ten = handle.add("calls", 9, timeout=30)
    same((one.value, ten.value), (1, 10))
    assert 0 < one.index < ten.index
    read = handle.read("calls")
    same((read.value, read.version), (10, ten.index))
    assert read.index >= ten.index
    there = other.read("calls", Consistency.AT_LEAST, index=ten.index, timeout=30)
    same((there.value, there.version), (10, ten.index))
    local = other.read("calls", Consistency.LOCAL)
    same(local.value, 10)
    assert local.index >= ten.index


def test_counter_errors(handle, other):
    """Calls on counters fail as they must"""
    with raises(NotFound, errno.ENOENT, "'nothing'") as caught:
        handle.read("nothing")
    assert caught.error.index > 0
    same(handle.add("full", 2**64 - 1).value, 2**64 - 1)
    with raises(ConsensusError, errno.EOVERFLOW, "'full'"):
        handle.inc("full")
    same(handle.read("full").value, 2**64 - 1)
    with raises(ConsensusError, errno.EINVAL):
        handle.add("calls", 0)
    with raises(ConsensusError, errno.EINVAL):
        handle.inc("line\n")
    with raises(TimedOut, errno.ETIMEDOUT):
        handle.read("calls", Consistency.AT_LEAST, index=2**60, timeout=0.05)


def test_unicode(handle, other):
    """A name of 63 bytes of UTF-8 is one name everywhere"""
    name = "\u2713" * 21
    same(handle.inc(name).value, 1)
    same(other.read(name).value, 1)


def test_read_only(handle, other):
    """A handle that is read-only only reads"""
    with consensus.Consensus(read_only=True) as reader:
        same(reader.read("calls").value, handle.read("calls").value)
        for change in (lambda: reader.inc("calls"), lambda: reader.acquire("calls"),
                       lambda: reader.run([consensus.Add("calls")])[0].result()):
            with raises(ConsensusError, errno.EBADF):
                change()


def test_not_started(handle, other):
    """Where no node is started, that is said"""
    with inside(None), consensus.Consensus() as nowhere:
        same(nowhere.features().node_started, False)
        for call in (lambda: nowhere.inc("calls"), lambda: nowhere.read("calls"),
                     lambda: nowhere.acquire("calls"),
                     lambda: consensus.Lock("calls").acquire()):
            with raises(NotStarted, errno.ENOTCONN, "consensusctl up"):
                call()


def test_passed_on(handle, other):
    """A handle that came by SCM_RIGHTS or was inherited is a handle"""
    left, right = socket.socketpair()
    socket.send_fds(left, [b"x"], [other.fileno()])
    _, (fd,), _, _ = socket.recv_fds(right, 1, 1)
    with consensus.Consensus.from_fd(fd) as passed:
        same((passed.fileno(), passed.inc("passed").value), (fd, 1))
    with raises(OSError, errno.EBADF):
        os.fstat(fd)
    left.close()
    right.close()
    same(ended(child(lambda: handle.inc("passed").value)), 2)


def test_cancel(handle, other):
    """Nothing is under way by io_uring"""
    same(handle.cancel(), 0)


def test_interrupted_read(handle, other):
    """A signal whose handler returns does not end a wait, nor makes it longer"""
    ran = []
    begun = time.monotonic()
    with alarm(lambda *_: ran.append(1), 0.2, 0.2), raises(TimedOut):
        handle.read("calls", Consistency.AT_LEAST, index=2**60, timeout=1.5)
    took = time.monotonic() - begun
    assert len(ran) >= 2 and 1.4 < took < 30, (ran, took)
