# SPDX-License-Identifier: GPL-2.0
"""Batches, sequences and total order; and what happens without a quorum."""
import errno
import gc
import os
import select
import signal
import time

from consensus import (Acquire, Add, Check, ConsensusError, Consistency, Fence, InChild, Lock,
                       LockLost, NoQuorum, NotFound, NotHeld, OutcomeUnknown, Read, Receiver,
                       Release, Sender, Sequence, Stale, Stamp, TimedOut, WouldBlock)
import world
from tap import raises, same
from world import LONG, SHORT, Thread, alarm, child, ended, inside, until, waiters


def test_batch(handle, other):
    """256 operations in a batch: each has its own outcome"""
    grant = other.acquire("elsewhere")
    mine = handle.acquire("mine")
    batch = handle.batch()
    adds = [batch.put(Add("batch", 2)) for _ in range(246)]
    got = batch.put(Acquire("batch", wait=False))
    taken = batch.put(Acquire("elsewhere", wait=False))
    missing = batch.put(Read("missing"))
    holds = batch.put(Check("elsewhere", grant.token))
    holds_not = batch.put(Check("elsewhere", grant.token + 1))
    not_mine = batch.put(Release("elsewhere", grant.token))
    gone = batch.put(Release("mine", mine.token))
    fenced = batch.put(Add("batch", fence=Fence("elsewhere", grant.token + 1)))
    late = batch.put(Read("batch", Consistency.AT_LEAST, 2**60, timeout=SHORT))
    zero = batch.put(Add("batch", 0))
    same((len(batch), batch.run(), len(batch)), (256, 7, 0))
    same(sorted(a.result().value for a in adds), list(range(2, 493, 2)))
    # Those that waited together may share an index.
    by_value = sorted(((a.result().value, a.result().index) for a in adds))
    assert [i for _, i in by_value] == sorted(i for _, i in by_value)
    assert got.result().token > mine.token and got.result().lease > 0
    assert holds.result() >= grant.index
    same(gone.result(), None)
    for outcome, kind, number in [(taken, WouldBlock, errno.EAGAIN),
                                  (missing, NotFound, errno.ENOENT),
                                  (holds_not, Stale, errno.ESTALE),
                                  (not_mine, NotHeld, errno.EPERM),
                                  (fenced, Stale, errno.ESTALE),
                                  (late, TimedOut, errno.ETIMEDOUT),
                                  (zero, ConsensusError, errno.EINVAL)]:
        same((type(outcome.error), outcome.error.errno), (kind, number))
        with raises(kind, number, f"'{outcome.operation.name}'"):
            outcome.result()
    assert missing.error.index > 0
    handle.release("batch", got.result().token)
    other.release("elsewhere", grant.token)


def test_run(handle, other):
    """run() of more than an array takes"""
    same(sorted(o.result().value for o in handle.run([Add("run")] * 600)),
         list(range(1, 601)))
    value, = handle.run([Read("run")])
    same(value.result().value, 600)


def test_threads(handle, other):
    """Eight threads on one handle get each number once"""
    def work():
        return [handle.inc("threads").value for _ in range(10)]

    threads = [Thread(work) for _ in range(8)]
    same(sorted(sum((thread.end() for thread in threads), [])), list(range(1, 81)))


def test_batch_waits(handle, other):
    """A batch that waits lets threads run, and goes on after a signal"""
    grant = other.acquire("waits")
    ran = []

    def handler(*_):
        ran.append(handle.inc("handled").value)
        if len(ran) == 2:
            other.release("waits", grant.token)

    with alarm(handler, SHORT, SHORT):
        add, got = handle.run([Add("waited"), Acquire("waits", timeout=LONG)])
    same((add.result().value, handle.read("waited").value), (1, 1))
    assert len(ran) >= 2
    thread = Thread(lambda: other.run([Acquire("waits", timeout=LONG)])[0].result())
    until(lambda: waiters(handle, "waits") == (1, 1))
    handle.release("waits", got.result().token)
    other.release("waits", thread.end().token)


def test_batch_ctrl_c(handle, other):
    """After Ctrl-C the outcomes of a batch tell what had happened"""
    grant = other.acquire("stops")
    batch = handle.batch()
    add = batch.put(Add("stopped"))
    waits = batch.put(Acquire("stops", timeout=None))
    with alarm(signal.default_int_handler, 5), raises(KeyboardInterrupt):
        batch.run()
    same((add.done, add.result().value), (True, 1))
    same((waits.done, waits.error.errno), (True, errno.EINTR))
    until(lambda: waiters(handle, "stops") == (1, 0))
    other.release("stops", grant.token)


def test_sequence(handle, other):
    """Sequences hand out numbers once, by ranges"""
    with Sequence(handle, "numbers", 10) as one, Sequence(other, "numbers", 5) as two:
        same(one.left, 0)
        first = [next(one) for _ in range(11)]
        same((first[0], one.left), (1, 9))
        second = [next(two) for _ in range(6)]
        for number in two:
            second.append(number)
            break
        same(first + second, sorted(first + second))
        same(len(set(first + second)), 18)
        same(handle.read("numbers").value, 30)

        def forked():
            with raises(InChild, errno.ECHILD):
                next(one)

        same(ended(child(forked)), 0)
    with raises(ValueError):
        next(one)
    handle.add("ends", 2**64 - 3)
    with raises(ConsensusError, errno.EOVERFLOW):
        next(Sequence(handle, "ends", 5))


def test_order(handle, other):
    """Messages of two senders come in one order, and each sender's in its own"""
    sent = []

    def run(node):
        with inside(node), Sender("order") as sender:
            for mine in range(5):
                with sender.message(LONG) as stamp:
                    sent.append((stamp, [node, mine]))

    threads = [Thread(run, node) for node in (world.HERE, world.OTHER)]
    for thread in threads:
        thread.end()
    same(sorted(stamp.number for stamp, _ in sent), list(range(1, 11)))
    orders = []
    for arrived in (sent, sent[::-1]):
        receiver = Receiver(room=16)
        for stamp, message in arrived:
            assert receiver.put(stamp, message)
        orders.append([delivery.message for delivery in receiver])
    same(orders[0], orders[1])
    for node in (world.HERE, world.OTHER):
        same([m for m in orders[0] if m[0] == node], [[node, n] for n in range(5)])


def test_order_void(handle, other):
    """The number of a sender that was killed is voided"""
    ready, told = os.pipe()

    def die():
        sender = Sender("dies")
        stamp = sender.begin(LONG)
        os.write(told, b"%d %d\n" % (stamp.number, stamp.token))
        time.sleep(LONG * 10)

    pid = child(die)
    lost = Stamp(*map(int, os.read(ready, 100).split()))
    os.kill(pid, signal.SIGKILL)
    same(ended(pid), -signal.SIGKILL)
    with inside(world.OTHER), Sender("dies") as sender, Receiver() as receiver:
        with sender.message(LONG) as stamp:
            receiver.put(stamp, "after it")
            with raises(ConsensusError, errno.EBUSY):
                sender.begin()
            with raises(ConsensusError, errno.EBUSY):
                sender.void()
        same((lost.number, stamp.number), (1, 2))
        same((receiver.take(), receiver.missing()), (None, (1, 1)))
        void = sender.void(LONG)
        same(void.number, 2)
        assert void.token > stamp.token > lost.token
        receiver.seal(void)
        with raises(Stale):
            receiver.put(lost, "too late")
        receiver.void(void)
        same([d.message for d in receiver], ["after it"])
    os.close(ready)
    os.close(told)


def test_order_wanted(handle, other):
    """An idle sender is told when somebody wants to void, and lets it"""
    with Sender("idle") as idle:
        with idle.message(LONG):
            pass
        same(select.select([idle], [], [], 0)[0], [])

        def void():
            with inside(world.OTHER), Sender("idle") as sender:
                return sender.void(LONG)

        thread = Thread(void)
        same(select.select([idle], [], [], LONG)[0], [idle])
        idle.end()
        same(thread.end().number, 1)
        with raises(LockLost, errno.EKEYREVOKED):
            with idle.message(LONG) as stamp:
                handle.revoke("idle.send", stamp.token)
                until(lambda: waiters(other, "idle.send") == (0, 0))
                select.select([idle], [], [], LONG)
        same(stamp.number, 2)


def cable(word):
    command = f"/bin/ip link set v{world.OTHER[1:]} {word}"
    same(os.system("nsenter --net=/proc/1/ns/net " + command), 0)


def test_no_quorum(handle, other):
    """Without a quorum calls say so, in time, and a Lock is given up nevertheless"""
    unknown = []

    def knows():
        """Does it know that it reaches no leader? Until then a change may leave the node."""
        try:
            other.inc("cut", timeout=0.5)
        except NoQuorum:
            return True
        except OutcomeUnknown as error:
            unknown.append(error)
        return False

    with inside(world.OTHER):
        lock = Lock("cut off")
        lock.acquire()
    value = other.inc("cut").value
    cable("nomaster")
    try:
        lock.check()
        lock.release(timeout=1)
        same(lock.held, False)
        until(knows)
        with raises(NoQuorum, errno.EHOSTUNREACH):
            other.inc("cut", timeout=2)
        same(other.read("cut", Consistency.LOCAL).value, value)
        first, second = other.run([Add("cut", timeout=1), Read("cut", Consistency.LOCAL)])
        same((type(first.error), second.result().value), (NoQuorum, value))
    finally:
        cable("master br0")
    until(lambda: waiters(handle, "cut off") == (0, 0))
    assert value < other.inc("cut", timeout=LONG).value <= value + 1 + len(unknown)


def test_descriptors(handle, other):
    """No descriptor is left over from all these tests"""
    gc.collect()
    same(world.descriptors(), world.BEGAN)
