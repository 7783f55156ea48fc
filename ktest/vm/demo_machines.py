# SPDX-License-Identifier: GPL-2.0
"""The machines of the demo: QEMUs on a switch, each with an agent to speak to, and a disk.

All that waits has a deadline, and nothing sleeps instead of waiting for what it
wants: a busy host makes the demo slower, not wrong.
"""

import base64
import json
import os
import queue
import socket
import subprocess
import threading
import time

import image
import machine
import power

HERE = os.path.dirname(os.path.realpath(__file__))
# Seconds that anything may take that takes one on an idle machine.
PATIENCE = 120
DISK_BYTES = 32 << 20


class Broken(Exception):
    """Something did not happen as it must; the text is for people."""


class Channel:
    """A unix socket to a virtio port: lines out, lines in by tag of a request."""

    def __init__(self, path, alive):
        self.alive = alive
        self.waiting = {}
        self.lock = threading.Lock()
        self.count = 0
        self.ended = False
        self.greeted = threading.Event()
        self.sock = self._connect(path)
        threading.Thread(target=self._read, daemon=True).start()

    def _connect(self, path):
        deadline = time.monotonic() + PATIENCE
        while True:
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                s.connect(path)
                return s
            except OSError as e:
                s.close()
                if not self.alive():
                    raise Broken("QEMU ended before it began") from e
                if time.monotonic() > deadline:
                    raise Broken("QEMU does not listen: %s" % e) from e
                time.sleep(0.01)

    def _read(self):
        """Time first, then everything else: the time is when the answer was read."""
        rest = b""
        while True:
            try:
                data = self.sock.recv(65536)
            except OSError:
                data = b""
            now = time.monotonic_ns()
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._line(line.decode(errors="replace").split(" "), now)
        with self.lock:
            self.ended = True
            pending, self.waiting = self.waiting, {}
        for box in pending.values():
            box.put((None, None))

    def _line(self, words, now):
        if words[0] == "hello":
            self.greeted.set()
            return
        with self.lock:
            box = self.waiting.pop(words[0], None)
        if box:
            box.put((words[1:], now))

    def ask(self, text, timeout):
        """Send 'TAG text'; (words, time called, time returned), words None: no answer."""
        box = queue.SimpleQueue()
        with self.lock:
            self.count += 1
            tag = "t%d" % self.count
            if self.ended:
                return None, time.monotonic_ns(), None
            self.waiting[tag] = box
        called = time.monotonic_ns()
        try:
            self.sock.sendall(("%s %s\n" % (tag, text)).encode())
            words, returned = box.get(timeout=timeout)
        except (OSError, queue.Empty):
            words, returned = None, None
        with self.lock:
            self.waiting.pop(tag, None)
        return words, called, returned


class Machine:
    """One VM: boot(), sh(), ops.ask(), pause(), kill(), boot() again. disk is a power.Disk,
    /dev/vda of the machine; storage, where on it the node keeps what it must not lose."""

    def __init__(self, number, name, sockets, logs, vmlinuz, initrd, memory):
        self.number, self.name = number, name
        self.sockets, self.logs = sockets, logs
        self.kernel = (vmlinuz, initrd)
        self.memory = memory
        self.disk = power.Disk(name, os.path.join(logs, name + ".disk"), sockets, DISK_BYTES,
                               delay=2)
        self.storage = "/dev/vda"
        self.lives = 0
        self.process = self.shell = self.ops = None

    @property
    def address(self):
        return "fd00::%d" % self.number

    @property
    def console(self):
        return os.path.join(self.logs, "%s.%d.console" % (self.name, self.lives))

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def _arguments(self):
        d, n = self.sockets, self.number
        extra = machine.network(n, "%s/vm%d.sock" % (d, n), "%s/sw%d.sock" % (d, n))
        extra += ["-qmp", "unix:%s/%s.qmp,server=on,wait=off" % (d, self.name)]
        extra += ["-device", "virtio-serial-pci"]
        for port in ("shell", "ops"):
            extra += ["-chardev", "socket,id=%s,path=%s/%s.%s,server=on,wait=off"
                      % (port, d, self.name, port),
                      "-device", "virtserialport,chardev=%s,name=%s" % (port, port)]
        return machine.arguments(*self.kernel, self.console, smp=1, memory=self.memory,
                                 extra=extra + self.disk.drive())

    def boot(self):
        """Start it, its disk with it; ready() says when it can be spoken to. From the main
        thread only."""
        self.disk.power_on()
        self.lives += 1
        for port in ("shell", "ops", "qmp"):
            path = "%s/%s.%s" % (self.sockets, self.name, port)
            if os.path.exists(path):
                os.unlink(path)
        log = os.path.join(self.logs, "%s.%d." % (self.name, self.lives))
        with open(log + "output", "wb") as out, open(log + "qemu", "wb") as err:
            self.process = machine.start(self._arguments(), stdout=out, stderr=err)
        self.shell = Channel("%s/%s.shell" % (self.sockets, self.name), self.alive)
        self.ops = Channel("%s/%s.ops" % (self.sockets, self.name), self.alive)

    def ready(self):
        deadline = time.monotonic() + 2 * PATIENCE
        while not self.shell.greeted.wait(0.2):
            if not self.alive() or time.monotonic() > deadline:
                raise Broken("%s did not boot; see %s" % (self.name, self.console))

    def sh(self, command, timeout=PATIENCE):
        """Run shell commands in it: (exit status, output)."""
        text = base64.b64encode(command.encode()).decode()
        words, _, _ = self.shell.ask("%d %s" % (timeout, text), timeout + 10)
        if words is None:
            return -1, "%s does not answer" % self.name
        return int(words[0]), base64.b64decode(words[1]).decode(errors="replace").strip()

    def must(self, command, timeout=PATIENCE):
        """The output of commands that must succeed."""
        status, out = self.sh(command, timeout)
        if status:
            raise Broken("%s: '%s' failed with status %d:\n%s"
                         % (self.name, command.splitlines()[0], status, out))
        return out

    def status(self):
        """consensusctl status as a dict, None where it cannot be had just now."""
        code, out = self.sh("consensusctl status --json", 20)
        try:
            return json.loads(out) if code == 0 else None
        except ValueError:
            return None

    def _monitor(self, command):
        """Tell QEMU itself something, by its monitor."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(PATIENCE)
            s.connect("%s/%s.qmp" % (self.sockets, self.name))
            with s.makefile("rw") as f:
                f.readline()                    # its greeting
                for word in ("qmp_capabilities", command):
                    f.write(json.dumps({"execute": word}) + "\n")
                    f.flush()
                    answer = {}
                    while not ("return" in answer or "error" in answer):
                        answer = json.loads(f.readline())
                    if "error" in answer:
                        raise Broken("QEMU of %s: %s: %s" % (self.name, word, answer["error"]))

    def pause(self):
        """It stands still, and so does its clock. resume(): it goes on where it was."""
        self._monitor("stop")

    def resume(self):
        self._monitor("cont")

    def kill(self, seed=0, how=""):
        """Pull the plug: what became of what the disk had not flushed."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        return self.disk.cut(seed, how)

    def close(self):
        """End it, in whatever state it is."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.disk.close()

    def complaints(self):
        """What its kernels said that a kernel must not say, of all lives."""
        found = []
        for life in range(1, self.lives + 1):
            log = os.path.join(self.logs, "%s.%d.console" % (self.name, life))
            found += ["%s:%d: %s" % (log, n, line) for n, line in machine.splats(log)]
        return found


class Network:
    """The switch and the machines on it; close() ends them all, by pid."""

    def __init__(self, names, sockets, logs, memory=256, kernel="release"):
        initrd = os.path.join(logs, "initrd")
        put = [(os.path.join(HERE, f), "/root/" + f) for f in ("demo-service", "demo-store")]
        facts = image.build(initrd, kernel, os.path.join(HERE, "demo-agent"), put,
                            settings={"VERDICT": "demo", "GET": ""})
        self.kver = facts["KVER"]
        self.switch = None
        self.sockets = sockets
        self.machines = [Machine(i, name, sockets, logs, facts["VMLINUZ"], initrd, memory)
                         for i, name in enumerate(names, 1)]

    def start_switch(self, seed):
        self.switch = machine.start(
            [os.path.join(HERE, "switch"), "--dir", self.sockets, "--ports",
             str(len(self.machines)), "--seed", str(seed)],
            stdin=subprocess.PIPE)
        if not self.switch.stdout.readline().startswith(b"switch seed"):
            raise Broken("the switch did not start")

    def tell(self, command):
        """A command to the switch."""
        self.switch.stdin.write(command.encode() + b"\n")
        self.switch.stdin.flush()
        answer = self.switch.stdout.readline().decode().strip()
        if not answer.startswith("ok"):
            raise Broken("switch: %s: %s" % (command, answer))
        return answer[3:]

    def close(self):
        for m in self.machines:
            m.close()
        if self.switch and self.switch.poll() is None:
            self.switch.kill()
            self.switch.wait()


def until(what, test, seconds=PATIENCE, pause=0.2):
    """Call test until it returns something true; that. Broken names what never came.

    Most tests run a program in a machine: to ask more often slows down what is awaited.
    """
    deadline = time.monotonic() + seconds
    while True:
        got = test()
        if got:
            return got
        if time.monotonic() > deadline:
            raise Broken("waited %d s in vain: %s" % (seconds, what))
        time.sleep(pause)
