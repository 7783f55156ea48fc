# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Token files and receivers, which need no device."""
import errno
import gc
import os
import signal
import tempfile
import threading
import time
import traceback
import weakref

from consensus import (Damaged, Delivery, InChild, NotHeld, Lock, Receiver, Stale, Stamp,
                       TokenFile, TooFarAhead)
from consensus import ConsensusError
from tap import raises, same


class Folder:
    """A folder for one test."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        return os.path.join(self.folder.name, "token")

    def __exit__(self, *_):
        self.folder.cleanup()


def test_tokens():
    """A token file lets in the same and higher tokens, and no lower ones."""
    with Folder() as path:
        with TokenFile(path) as tokens:
            same((tokens.highest, oct(os.stat(path).st_mode & 0o777)), (0, "0o600"))
            with tokens.entered(5):
                same(tokens.highest, 5)
            with tokens.entered(5):
                pass
            for wrong in (4, 1):
                with raises(Stale, errno.ESTALE, path):
                    tokens.enter(wrong)
            with raises(OSError, errno.EINVAL):
                tokens.enter(0)
            with raises(OverflowError):
                tokens.enter(2**64)
            tokens.enter(2**64 - 1)
            tokens.leave()
        with TokenFile(os.fsencode(path)) as tokens:
            same(tokens.highest, 2**64 - 1)
        with raises(ValueError):
            tokens.enter(2**64 - 1)


def test_tokens_left():
    """A block that raises leaves the token file; one that is inside cannot enter again."""
    with Folder() as path, TokenFile(path) as tokens, TokenFile(path) as others:
        with raises(KeyError):
            with tokens.entered(1):
                raise KeyError
        with others.entered(1):
            pass
        with tokens.entered(1):
            with raises(OSError, errno.EBUSY):
                tokens.enter(1)
        tokens.enter(2)
        tokens.close()
        others.enter(2)


def test_token_errors():
    """Errors of files are what Python users know; damage is Damaged."""
    with Folder() as path:
        with raises(FileNotFoundError):
            TokenFile(path + "/no/such")
        with raises(ValueError):
            TokenFile("a\0b")
        with open(path, "wb") as f:
            f.write(b"something else" * 1000)
        with raises(Damaged, errno.EBADMSG):
            TokenFile(path)


def test_tokens_block():
    """Who waits at a token file lets other threads run."""
    with Folder() as path, TokenFile(path) as one, TokenFile(path) as two:
        one.enter(1)
        went = threading.Event()
        thread = threading.Thread(target=lambda: (two.enter(2), went.set(), two.leave()))
        thread.start()
        same(went.wait(0.2), False)
        one.leave()
        assert went.wait(30)
        thread.join()
        same(one.highest, 2)
        with raises(Stale):
            one.enter(1)


def test_tokens_interrupted():
    """Ctrl-C ends the wait at a token file; a handler that returns does not."""
    with Folder() as path, TokenFile(path) as one, TokenFile(path) as two:
        one.enter(1)
        ran = []
        before = signal.signal(signal.SIGALRM, lambda *_: ran.append(1))
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
            timer = threading.Timer(0.6, one.leave)
            timer.start()
            two.enter(1)
            timer.join()
            two.leave()
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert len(ran) >= 2, ran
            one.enter(1)
            signal.signal(signal.SIGALRM, signal.default_int_handler)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with raises(KeyboardInterrupt):
                two.enter(1)
            one.leave()
            two.enter(1)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def in_child(function):
    """What the function returns in a child after fork(), 0 to 127; 255 if it raises."""
    child = os.fork()
    if not child:
        status = 255
        try:
            status = function()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_fork():
    """In a child everything made before is InChild, also if a thread of the parent had it."""
    with Folder() as path, TokenFile(path) as tokens:
        with tokens.entered(1):
            def child():
                for call in (lambda: tokens.enter(1), tokens.leave, lambda: tokens.highest):
                    with raises(InChild, errno.ECHILD):
                        call()
                tokens.close()
                return 7

            held = threading.Event()
            done = threading.Event()

            def hold():
                with tokens._mutex:
                    held.set()
                    done.wait()

            thread = threading.Thread(target=hold)
            thread.start()
            held.wait()
            same(in_child(child), 7)
            done.set()
            thread.join()
            with TokenFile(path) as others:
                blocked = threading.Thread(target=others.enter, args=(1,))
                blocked.start()
                blocked.join(0.2)
                assert blocked.is_alive(), "the child let others in"
                tokens.leave()
                blocked.join()
            tokens.enter(1)


def test_receiver():
    """What arrives in any order is delivered in the one order, once."""
    with Receiver(room=8) as receiver:
        messages = {n: object() for n in range(1, 6)}
        for n in (3, 1, 5):
            same(receiver.put(Stamp(n, 10), messages[n]), True)
        same(receiver.put(Stamp(3, 10), object()), False)
        same(receiver.take(), Delivery(Stamp(1, 10), messages[1]))
        same(receiver.put(Stamp(1, 10), object()), False)
        same((receiver.missing(), receiver.position), ((2, 2), 2))
        same(receiver.find(5), Delivery(Stamp(5, 10), messages[5]))
        same(receiver.find(2), None)
        for n in (4, 2):
            assert receiver.put(Stamp(n, 11), messages[n])
        same(list(receiver), [Delivery(Stamp(n, 11 if n in (4, 2) else 10), messages[n])
                              for n in (2, 3, 4, 5)])
        same((receiver.missing(), receiver.take(), receiver.position), (None, None, 6))
        with raises(TooFarAhead, errno.ENOSPC):
            receiver.put(Stamp(20, 1), object())
        same(receiver._messages, {})
        for wrong in (Stamp(0, 1), Stamp(6, 0)):
            with raises(ConsensusError, errno.EINVAL):
                receiver.put(wrong, object())
        with raises(OverflowError):
            receiver.put(Stamp(2**64, 1), object())
        same(receiver._messages, {})
        assert receiver.put(Stamp(6, 1), None)
        same(receiver.take(), Delivery(Stamp(6, 1), None))


def test_receiver_void():
    """Sealed and void numbers are refused, and passed over."""
    receiver = Receiver()
    for n in (1, 4):
        receiver.put(Stamp(n, 10), n)
    receiver.seal(Stamp(4, 20))
    with raises(Stale):
        receiver.put(Stamp(2, 10), 2)
    assert receiver.put(Stamp(2, 20), 2)
    with raises(Stale):
        receiver.seal(Stamp(4, 19))
    with raises(Stale):
        receiver.void(Stamp(4, 21))
    receiver.void(Stamp(4, 20))
    same([d.message for d in receiver], [1, 2, 4])
    same((receiver.position, receiver._messages), (5, {}))
    receiver.seal(Stamp(5000, 30))
    with raises(TooFarAhead, errno.ENOSPC):
        receiver.void(Stamp(5000, 30))
    receiver.close()
    with raises(ValueError):
        receiver.take()
    for room in (0, 3, 2**21):
        with raises(ConsensusError, errno.EINVAL):
            Receiver(room=room)
    with raises(ConsensusError, errno.EINVAL):
        Receiver(0)


class Message:
    pass


def test_receiver_references():
    """Messages live until they are delivered, and no longer."""
    receiver = Receiver()
    seen = []
    for n in range(1, 1001):
        message = Message()
        seen.append(weakref.ref(message))
        receiver.put(Stamp(1001 - n, 1), message)
        receiver.put(Stamp(1001 - n, 1), Message())
    del message
    gc.collect()
    assert all(ref() for ref in seen)
    for delivery in receiver:
        assert delivery.message is seen[1000 - delivery.stamp.number]()
    del delivery
    assert not any(ref() for ref in seen)
    kept = Message()
    receiver.put(Stamp(1001, 1), kept)
    gone = weakref.ref(kept)
    del kept
    receiver.close()
    assert gone() is None


def test_threads():
    """Threads that use one receiver at once neither lose nor repeat a message."""
    receiver = Receiver(room=16)
    taken = []

    def put(begin):
        for n in range(begin, 4001, 4):
            while True:
                try:
                    assert receiver.put(Stamp(n, 1), n)
                    break
                except TooFarAhead:
                    time.sleep(0)

    threads = [threading.Thread(target=put, args=(i,), daemon=True) for i in range(1, 5)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 60
    while len(taken) < 4000 and time.monotonic() < end:
        taken += [d.message for d in receiver]
    same(taken, list(range(1, 4001)))


def test_lock_not_taken():
    """A Lock that was never taken holds nothing, and has no descriptor."""
    lock = Lock("n")
    same((lock.held, repr(lock)), (False, "<Lock 'n'>"))
    for call in (lock.check, lambda: lock.token, lambda: lock.fence, lock.release, lock.event,
                 lock.fileno):
        with raises(NotHeld, errno.EPERM, "'n'"):
            call()


def test_handler_frees():
    """A signal's handler may use, and close, what it interrupted"""
    with Folder() as path, TokenFile(path) as one, TokenFile(path) as two:
        seen = []

        def handler(*_):
            if len(seen) < 2:
                seen.append(two.highest)
            else:
                two.close()

        one.enter(1)
        before = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
        try:
            with raises(ValueError, says="is closed"):
                two.enter(1)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        one.leave()
        one.enter(1)
        same(seen, [1, 1])
