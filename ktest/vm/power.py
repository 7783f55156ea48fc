# SPDX-License-Identifier: GPL-2.0
"""Disks whose power can be cut: one ktest/vm/blockd each."""

import os
import socket
import subprocess

import machine

HERE = os.path.dirname(os.path.realpath(__file__))


class Disk:
    """A medium, and the server in front of it while there is power.

    medium: its file, made with this size where there is none. sockets: a folder with a
    short path. delay: ms that each request takes: of these a write spends one in the cache,
    on its way to being flushed.
    """

    def __init__(self, name, medium, sockets, size=None, delay=0):
        self.name, self.medium, self.delay = name, medium, delay
        self.path = os.path.join(sockets, name + ".nbd")
        self._control = os.path.join(sockets, name + ".ctl")
        self.process = self._sock = self._answers = None
        if size and not os.path.exists(medium):
            with open(medium, "wb") as f:
                f.truncate(size)

    def power_on(self):
        self.process = machine.start(
            [os.path.join(HERE, "blockd"), "--file", self.medium, "--socket", self.path,
             "--control", self._control])
        if self.process.stdout.readline() != b"blockd ready\n":
            raise OSError("blockd does not serve %s" % self.medium)
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.connect(self._control)
        self._answers = self._sock.makefile("r")
        self.tell("delay %d" % self.delay)

    def tell(self, command):
        """A command to the server; the words of its answer as a dict."""
        self._sock.sendall(command.encode() + b"\n")
        words = self._answers.readline().split()
        if not words or words[0] != "ok":
            raise OSError("blockd: %s: %s" % (command, " ".join(words)))
        return dict(w.split("=", 1) for w in words[1:])

    def cut(self, seed, how=""):
        """The power is gone, and with it what the medium did not get: what was left of it."""
        said = self.tell("cut %d %s" % (seed, how))
        self._end()
        return {"how": said["how"], "unflushed": int(said["unflushed"]),
                "kept": int(said["kept"])}

    def _end(self):
        self._answers.close()
        self._sock.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process = None

    def close(self):
        if self.process is not None:
            self.process.kill()
            self._end()

    def drive(self, number=0):
        """QEMU's arguments for it: a virtio-blk disk with a write cache."""
        return ["-drive", "if=none,id=power%d,format=raw,cache=writeback,"
                "file=nbd+unix:///?socket=%s" % (number, self.path),
                "-device", "virtio-blk-pci,drive=power%d" % number]
