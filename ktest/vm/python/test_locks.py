# SPDX-License-Identifier: GPL-2.0
"""Plain locks of a handle, and Lock with its guard."""
import errno
import os
import random
import select
import signal
import time

from consensus import (Consensus, ConsensusError, EventType, Fence, InChild, Lock, LockLost,
                       NotFound, NotHeld, Stale, TimedOut, TokenFile, WouldBlock)
import world
from tap import raises, same
from world import (LONG, SHORT, Thread, alarm, at, child, drain, ended, inside, until,
                   waiters)


def test_plain(handle, other):
    """Plain locks are taken, checked, listed and given back"""
    grant = handle.acquire("plain", cookie=7)
    assert grant.token and grant.ticket and grant.index and grant.lease > 1
    same((grant.died, grant.wanted), (False, False))
    assert other.check("plain", grant.token, timeout=30) >= grant.index
    same(other.try_acquire("plain"), None)
    with raises(ConsensusError, errno.EDEADLK, "'plain'"):
        handle.acquire("plain")
    with raises(TimedOut):
        other.acquire("plain", timeout=SHORT)
    until(lambda: waiters(handle, "plain") == (1, 0))
    info, = [i for i in handle.locks() if i.name == "plain"]
    same((info.token, info.ticket, info.pid, info.uid, info.shared, info.dying),
         (grant.token, grant.ticket, os.getpid(), 0, False, False))
    assert info.node and info.comm.startswith("python3") and info.since
    assert info.session in [s.id for s in handle.sessions()]
    with raises(NotHeld, errno.EPERM):
        other.release("plain", grant.token)
    handle.release("plain", grant.token)
    with raises(Stale, errno.ESTALE):
        other.check("plain", grant.token)
    later = other.acquire("plain", shared=True)
    assert later.token > grant.token
    both = handle.try_acquire("plain", shared=True)
    assert both.token > later.token
    other.release("plain", later.token)
    handle.release("plain", both.token)


def test_fences(handle, other):
    """What has a fence happens only under that grant"""
    grant = handle.acquire("fence")
    fence = Fence("fence", grant.token)
    same(other.inc("fenced", fence=fence).value, 1)
    same(other.read("fenced", fence=fence).value, 1)
    handle.release("fence", grant.token)
    for call in (lambda: handle.inc("fenced", fence=fence),
                 lambda: handle.read("fenced", fence=fence)):
        with raises(Stale):
            call()
    same(handle.read("fenced").value, 1)


def test_requests(handle, other):
    """Locks that are asked for come as events"""
    drain(handle)
    drain(other)
    grant = handle.acquire("asked", cookie=1)
    asked = other.request("asked", cookie=2**64 - 1)
    same(asked.token, 0)
    wanted, = handle.events()
    same((wanted.type, wanted.name, wanted.token, wanted.cookie, wanted.error),
         (EventType.WANTED, "asked", grant.token, 1, None))
    same(select.select([other], [], [], 0)[0], [])
    handle.release("asked", grant.token)
    same(select.select([other], [], [], LONG)[0], [other])
    granted, = other.events(limit=5)
    same((granted.type, granted.name, granted.ticket, granted.cookie, granted.error),
         (EventType.GRANTED, "asked", asked.ticket, 2**64 - 1, None))
    assert granted.token > grant.token and granted.lease > 0
    again = handle.request("asked")
    handle.release("asked", 0, ticket=again.ticket)
    other.release("asked", granted.token)
    with at(world.HERE, nonblocking=True) as nonblocking, raises(WouldBlock, errno.EAGAIN):
        nonblocking.events()


def test_revoked(handle, other):
    """A plain lock that is revoked is lost, and its handle goes on"""
    drain(other)
    grant = other.acquire("revoked")
    with raises(NotFound):
        handle.revoke("revoked", grant.token + 1)
    same(handle.revoke("revoked", grant.token), 1)
    lost, = other.events()
    same((lost.type, lost.token, type(lost.error), lost.error.errno),
         (EventType.LOST, grant.token, LockLost, errno.EKEYREVOKED))
    with raises(Stale):
        other.check("revoked", grant.token)
    other.release("revoked", other.acquire("revoked").token)


def test_heartbeat(handle, other):
    """Without its heartbeat a handle is lost; reset() makes it new"""
    with at(world.OTHER) as hangs:
        hangs.acquire("beat")
        hangs.heartbeat(5)
        hangs.heartbeat(None)
        hangs.heartbeat(0.05)
        poll = select.poll()
        poll.register(hangs, 0)
        same(poll.poll(LONG * 1000), [(hangs.fileno(), select.POLLHUP | select.POLLERR)])
        lost, = hangs.events()
        same((lost.type, lost.error.errno), (EventType.LOST, errno.EKEYEXPIRED))
        for call in (hangs.events, lambda: hangs.acquire("beat"), lambda: hangs.heartbeat(1)):
            with raises(LockLost, errno.EKEYEXPIRED):
                call()
        hangs.reset()
        hangs.release("beat", hangs.acquire("beat").token)


def test_session(handle, other):
    """Who ends a session takes all its locks"""
    with at(world.THIRD) as third:
        third.acquire("session")
        until(lambda: waiters(handle, "session") == (1, 0))
        session, = [i.session for i in handle.locks() if i.name == "session"]
        handle.expire_session(session)
        with raises(NotFound):
            handle.expire_session(session)
        until(lambda: session not in [s.id for s in handle.sessions()])
        same(third.events()[0].error.errno, errno.EKEYREVOKED)
        with raises(LockLost):
            third.inc("session")
        third.reset()
        same(third.inc("session").value, 1)


def test_detached(handle, other):
    """A detached handle is adopted with its locks, once"""
    token = []
    with at(world.HERE) as first:
        token = first.acquire("kept").token
        first.detach(30)
        secret = first.detach(LONG)
    same(waiters(handle, "kept"), (1, 0))
    with handle.adopt(secret) as second:
        with raises(NotFound, errno.ENOENT):
            handle.adopt(secret)
        second.release("kept", token)
    with raises(NotFound):
        handle.adopt(bytes(16))


def test_guard(handle, other):
    """A Lock is held in its block, and gives token and fence"""
    with Lock("guard", timeout=LONG) as lock:
        first = lock.token
        same((lock.held, lock.fence), (True, Fence("guard", first)))
        lock.check()
        same(handle.inc("guarded", fence=lock.fence).value, 1)
        same(other.try_acquire("guard"), None)
        same(lock.event(), None)
        with raises(ConsensusError, errno.EDEADLK):
            lock.acquire()
        same(lock.token, first)
        same(Lock("guard").try_acquire(), False)
        with raises(TimedOut, errno.ETIMEDOUT, "'guard'"):
            Lock("guard").acquire(timeout=SHORT)
        with raises(TimedOut):
            Lock("guard").acquire(timeout=0)
    same(lock.held, False)
    with raises(NotHeld, errno.EPERM):
        lock.release()
    with lock:
        assert lock.token > first
    assert lock.try_acquire()
    lock.release(timeout=None)
    grant = handle.try_acquire("guard")
    same(grant.died, False)
    handle.release("guard", grant.token)


def test_guard_shared(handle, other):
    """Shared Locks are held side by side"""
    with Lock("shared", shared=True) as one, Lock("shared", shared=True) as two:
        assert one.token != two.token
        same(Lock("shared").try_acquire(), False)
        same(waiters(handle, "shared"), (2, 0))


def test_guard_raises(handle, other):
    """A block that raises gives its Lock back, and what it raised is raised"""
    for what in (KeyError("mine"), KeyboardInterrupt(), SystemExit(3)):
        with raises(type(what)) as caught:
            with Lock("raises"):
                raise what
        assert caught.error is what
        grant = handle.try_acquire("raises")
        same(grant.died, False)
        handle.release("raises", grant.token)


def revoke(handle, lock):
    handle.revoke(lock.name, lock.token)
    poll = select.poll()
    poll.register(lock, select.POLLIN)
    assert poll.poll(LONG * 1000)


def test_guard_revoked(handle, other):
    """A Lock that was revoked says so, at the latest at the end of its block"""
    with raises(LockLost, errno.EKEYREVOKED, "'taken'"):
        with Lock("taken") as lock:
            revoke(handle, lock)
            same(lock.held, False)
            for call in (lock.check, lambda: lock.token, lambda: lock.fence):
                with raises(LockLost, errno.EKEYREVOKED):
                    call()
            event = lock.event()
            same((event.type, event.name, event.error.errno),
                 (EventType.LOST, "taken", errno.EKEYREVOKED))
            with raises(LockLost):
                lock.event()
            grant = handle.try_acquire("taken")
            handle.release("taken", grant.token)
    with raises(KeyError):
        with lock:
            revoke(handle, lock)
            raise KeyError
    lock.acquire()
    revoke(handle, lock)
    lock.acquire()
    lock.check()
    lock.release()


def test_guard_expired(handle, other):
    """A Lock whose handle is lost says so"""
    with raises(LockLost, errno.EKEYEXPIRED, "'expired'"):
        with Lock("expired") as lock:
            with Consensus.from_fd(os.dup(lock.fileno())) as same_handle:
                same_handle.heartbeat(0.05)
            until(lambda: not lock.held)
            with raises(LockLost, errno.EKEYEXPIRED):
                lock.check()
    with lock:
        lock.check()


def test_killed(handle, other):
    """A process that is killed holds nothing, and the next one is told"""
    ready, told = os.pipe()

    def hold():
        with inside(world.OTHER), Lock("killed") as lock:
            os.write(told, b"%d\n" % lock.token)
            time.sleep(LONG * 10)

    pid = child(hold)
    token = int(os.read(ready, 100))
    waits = Thread(lambda: handle.acquire("killed", timeout=LONG))
    until(lambda: waiters(handle, "killed") == (1, 1))
    os.kill(pid, signal.SIGKILL)
    same(ended(pid), -signal.SIGKILL)
    grant = waits.end()
    same(grant.died, True)
    assert grant.token > token
    handle.release("killed", grant.token)
    os.close(ready)
    os.close(told)


def test_threads(handle, other):
    """While a thread waits for a lock, others go on"""
    lock = Lock("threads")
    token = lock.acquire()
    waits = Thread(lambda: Lock("threads").acquire(LONG))
    until(lambda: waiters(handle, "threads") == (1, 1))
    for n in range(1, 4):
        same(handle.inc("while").value, n)
    same(Thread(lambda: lock.token).end(), token)
    assert waits.is_alive()
    lock.release()
    assert waits.end() > token


class Alarm(Exception):
    pass


def test_any_moment(handle, other):
    """Whenever a handler raises, no lock is left behind"""
    def handler(*_):
        raise Alarm

    def work():
        for _ in range(50):
            with Lock("moment", timeout=LONG) as lock:
                lock.check()

    chance = random.Random(1)
    ended = 0
    for _ in range(25):
        try:
            with alarm(handler, 0.001 + chance.random() * 0.05):
                work()
        except Alarm:
            ended += 1
        until(lambda: waiters(handle, "moment") == (0, 0))
    assert ended > 15, ended


def test_ctrl_c(handle, other):
    """Ctrl-C ends the wait for a lock, and leaves its queue"""
    grant = handle.acquire("ctrl-c")
    lock = Lock("ctrl-c", timeout=None)
    with alarm(signal.default_int_handler, SHORT), raises(KeyboardInterrupt):
        with lock:
            raise AssertionError("it was got")
    same(lock.held, False)
    until(lambda: waiters(handle, "ctrl-c") == (1, 0))
    with alarm(signal.default_int_handler, SHORT), raises(KeyboardInterrupt):
        other.acquire("ctrl-c", timeout=None)
    until(lambda: waiters(handle, "ctrl-c") == (1, 0))
    handle.release("ctrl-c", grant.token)
    with lock:
        lock.check()


def test_other_signals(handle, other):
    """A handler that returns does not end the wait for a lock"""
    grant = handle.acquire("signal")
    ran = []

    def handler(*_):
        ran.append(1)
        if len(ran) == 3:
            handle.release("signal", grant.token)

    with alarm(handler, SHORT, SHORT), Lock("signal", timeout=LONG) as lock:
        assert lock.token > grant.token
    assert len(ran) >= 3, ran


def test_fork(handle, other):
    """A child cannot use its parent's Lock, and does not give it back"""
    with Lock("fork") as lock:
        def forked():
            for call in (lock.check, lock.acquire, lock.release, lambda: lock.token,
                         lock.event, lock.fileno):
                with raises(InChild, errno.ECHILD):
                    call()
            lock._let_go()
            return 5

        same(ended(child(forked)), 5)
        lock.check()
        same(other.try_acquire("fork"), None)


def test_tokens(handle, other):
    """A resource with a token file refuses who lost the lock"""
    with TokenFile("/tmp/tokens") as tokens:
        with raises(LockLost):
            with Lock("resource") as lock:
                old = lock.token
                with tokens.entered(old):
                    pass
                revoke(handle, lock)
                with Lock("resource") as later, tokens.entered(later.token):
                    same(tokens.highest, later.token)
                with raises(Stale):
                    tokens.enter(old)
