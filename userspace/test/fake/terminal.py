# SPDX-License-Identifier: GPL-2.0
"""A terminal, to type at."""
import os
import pty
import select
import sys
import time

from family import PATIENCE, kill


class Terminal:
    """A job on a terminal of its own, under a shell that does what shells do."""

    SHELL = r'''
import os, signal, sys
job = os.fork()
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
if not job:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
print("job", job, flush=True)
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpgrp())
    if os.WIFSTOPPED(status):
        print("stopped", os.WSTOPSIG(status), flush=True)
        line = sys.stdin.readline()
        if "fg" in line:
            os.tcsetpgrp(0, job)
        os.kill(-job, signal.SIGCONT)
        continue
    print("signal" if os.WIFSIGNALED(status) else "exit", os.WTERMSIG(status) or os.WEXITSTATUS(status), flush=True)
    break
'''

    def __init__(self, *args):
        pid, self.fd = pty.fork()
        if not pid:
            os.execv(sys.executable, [sys.executable, "-c", self.SHELL, *map(str, args)])
        self.pid, self.seen = pid, ""

    def wait_for(self, words):
        end_at = time.monotonic() + PATIENCE
        while words not in self.seen and time.monotonic() < end_at:
            if not select.select([self.fd], [], [], 0.1)[0]:
                continue
            try:
                got = os.read(self.fd, 4096)
            except OSError:
                break
            if not got:
                break
            self.seen += got.decode(errors="replace")
        found = words in self.seen
        self.seen = self.seen.partition(words)[2] if found else self.seen
        return found

    def type(self, text):
        os.write(self.fd, text.encode())

    def close(self):
        os.close(self.fd)
        kill(self.pid)
        os.waitpid(self.pid, 0)
