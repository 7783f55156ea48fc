# SPDX-License-Identifier: GPL-2.0
"""What the tests of the Python binding in a VM share: nodes, children, signals."""
import contextlib
import ctypes
import os
import select
import signal
import sys
import threading
import time
import traceback

import consensus

# Seconds: for what must happen, and for what must not.
LONG = 60
SHORT = 0.3

# The names of the nodes, see calls.py.
HERE = OTHER = THIRD = ""
# The descriptors that were open when the tests began.
BEGAN = []

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def libc(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextlib.contextmanager
def inside(node):
    """This thread is in a node's network namespace; None: a new one, without a node."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if node:
            there = os.open(f"/run/netns/{node}", os.O_RDONLY)
            libc(LIBC.setns(there, CLONE_NEWNET))
            os.close(there)
        else:
            libc(LIBC.unshare(CLONE_NEWNET))
        yield
    finally:
        libc(LIBC.setns(before, CLONE_NEWNET))
        os.close(before)


def at(node, **options):
    """A handle on a node."""
    with inside(node):
        return consensus.Consensus(**options)


def child(function):
    """Runs the function in a child; its pid. What it returns is its status, 99 if it raises."""
    pid = os.fork()
    if not pid:
        status = 99
        try:
            status = function() or 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return pid


def ended(pid):
    """The status of a child, negative: the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def descriptors():
    """The open ones, and what they are."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):    # the folder's own
            found.append((int(fd), os.readlink(f"/proc/self/fd/{fd}")))
    return sorted(found)


class Thread(threading.Thread):
    """A thread whose result, or exception, is that of end()."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self.function, self.args = function, args
        self.result = self.error = None
        self.start()

    def run(self):
        try:
            self.result = self.function(*self.args)
        except BaseException as error:
            self.error = error

    def end(self):
        self.join(LONG)
        assert not self.is_alive(), "the thread does not end"
        if self.error:
            raise self.error
        return self.result


def until(condition, seconds=LONG):
    """Waits for it."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not come about"
        time.sleep(0.02)


def drain(handle):
    """Reads what earlier tests have left of events."""
    while select.select([handle], [], [], 0)[0]:
        handle.events()


def waiters(handle, name):
    """How many hold that lock, and how many wait for it, as the handle's node knows."""
    mine = [info for info in handle.locks() if info.name == name]
    return sum(bool(info.token) for info in mine), sum(not info.token for info in mine)


@contextlib.contextmanager
def alarm(handler, first, interval=0):
    """SIGALRM after so many seconds, and then every interval."""
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, first, interval)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
