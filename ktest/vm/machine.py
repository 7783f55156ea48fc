# SPDX-License-Identifier: GPL-2.0
"""QEMU for tests: its command line, its life, and what its kernel complained about."""
import ctypes
import functools
import mmap
import os
import platform
import re
import signal
import subprocess
import time

QEMU = "qemu-system-x86_64"

# What a kernel says when something is wrong with it, and what ktest/vm/leaks says for it.
# Matched against its console, on which scripts do not write.
SPLAT = re.compile(
    r"BUG: |WARNING: |KASAN: |UBSAN: |KCSAN: |kernel BUG at|Oops: |Oops\[|general protection fault"
    r"|Kernel panic|Call Trace:|cut here|INFO: task .* blocked for more than"
    r"|rcu: INFO: |self-detected stall|detected stalls|soft lockup|hard LOCKUP|workqueue lockup"
    r"|unreferenced object|leaks: |kmemleak: (Cannot|Memory pool)"
    r"|INFO: trying to register non-static key|ODEBUG: |list_add corruption|list_del corruption"
    r"|refcount_t: |ref_tracker: |leaked reference"
    r"|unregister_netdevice: waiting for|sleeping function called|scheduling while atomic"
    r"|suspicious RCU usage|inconsistent lock state|possible (circular|recursive) locking"
    r"|page allocation failure|double free|stack-protector|Out of memory: Killed"
    r"|Internal error|Objects remaining in|Bad page state|nobody cared")

# A report of KCSAN: how it begins and ends; an access in it; a frame, and its module if any.
RACE = "BUG: KCSAN: "
RULE = "=" * 66
ACCESS = re.compile(r" to (0x[0-9a-f]+) of \d+ bytes by (?:task|interrupt)")
FRAME = re.compile(r"\+0x[0-9a-f]+/0x[0-9a-f]+( \[\w+\])?$")
IMAGE = re.compile(r"0xffffffff[89]")    # where the kernel's own variables are

# no_timer_check: on a busy host no timer interrupt may come while the kernel looks for one,
# and then it gives up ("IO-APIC + timer doesn't work!").
BOOT = ("console=ttyS0 panic=-1 oops=panic loglevel=7 printk.devkmsg=on net.ifnames=0"
        " no_timer_check")


@functools.lru_cache(maxsize=None)
def tsc_khz():
    """The rate of this host's time stamp counter, which is what its guests see; None: unknown.

    Left to itself a kernel measures it against timer interrupts, and on a busy host finds
    a fraction: then its clock runs several times too fast. It is told by tsc_early_khz,
    and tsc=reliable keeps it from doubting that whenever it was not scheduled for a while.
    """
    if platform.machine() != "x86_64":
        return None
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\x0f\x31\x48\xc1\xe2\x20\x48\x09\xd0\xc3")    # rdtsc; rax |= rdx << 32; ret
    rdtsc = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(code)))

    def both():
        """A counter value and the time, of the closest of many pairs."""
        best = None
        for _ in range(200):
            a, ticks, b = time.monotonic_ns(), rdtsc(), time.monotonic_ns()
            if best is None or b - a < best[0]:
                best = b - a, ticks, (a + b) // 2
        return best[1:]

    ticks, ns = both()
    time.sleep(0.1)
    more, later = both()
    return round((more - ticks) * 1e6 / (later - ns))


def arguments(vmlinuz, initrd, console, smp=1, memory="512", icount=False, disks=(), extra=(),
              append=""):
    """The command line of one VM.

    console: the file that gets the kernel's console (ttyS0). The second serial port (ttyS1),
    on which /init and the script speak, is QEMU's standard output.
    disks: image files, given as virtio-blk in their order. extra: further QEMU arguments.

    q35 and a CPU without CMPXCHG16B: with others, guests of QEMU 7.2 boot slowly or corrupt
    their memory.
    """
    if not icount and tsc_khz():
        append = f"tsc_early_khz={tsc_khz()} tsc=reliable {append}"
    argv = [QEMU, "-M", "q35", "-nic", "none", "-cpu", "qemu64,-cx16", "-accel", "tcg",
            "-display", "none", "-monitor", "none", "-no-reboot",
            "-m", str(memory), "-smp", str(smp), "-kernel", vmlinuz, "-initrd", initrd,
            "-append", f"{BOOT} {append}".strip(),
            "-serial", f"file:{console}", "-serial", "stdio"]
    if icount:
        argv += ["-icount", "shift=0,sleep=off", "-rtc", "clock=vm"]
    for i, disk in enumerate(disks):
        argv += ["-drive", f"file={disk},if=none,id=disk{i},format=raw,cache=writeback",
                 "-device", f"virtio-blk-pci,drive=disk{i}"]
    return argv + list(extra)


def network(number, own, peer):
    """Arguments for a virtio-net card whose frames travel as datagrams between two unix sockets:
    own is the VM's end, peer the switch's."""
    return ["-netdev", f"dgram,id=net{number},local.type=unix,local.path={own},"
            f"remote.type=unix,remote.path={peer}",
            "-device", f"virtio-net-pci,netdev=net{number},mac=52:54:00:00:00:{number:02x}"]


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def start(argv, **popen):
    """Starts a VM that cannot outlive this process; its output is the stdout of the result."""
    popen.setdefault("stdout", subprocess.PIPE)
    popen.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen(argv, preexec_fn=_die_with_parent, **popen)


def our_race(report):
    """Is a module a party to the data race that begins these lines?

    The kernel around ours has data races of its own, also in what our functions call; all
    of it but our modules is built in. An access is ours if a function of ours made it, or
    what that called: the library's lists and copies. What a function of the kernel's makes
    of a variable of the kernel's is not.
    """
    depth = near = 0
    for line in report:
        if RULE in line:
            break
        access, frame = ACCESS.search(line), FRAME.search(line)
        if access:
            depth, near = 0, 1 if IMAGE.match(access[1]) else 2
        elif frame:
            depth += 1
            if frame[1] and depth <= near:
                return True
    return False


def splats(console):
    """The complaints of a kernel in its console log: (line number, line) of each first line."""
    if not os.path.exists(console):
        return []
    with open(console, errors="replace") as f:
        lines = f.read().splitlines()
    return [(number, line) for number, line in enumerate(lines, 1)
            if SPLAT.search(line) and not (RACE in line and not our_race(lines[number:]))]


def excerpt(console, number, lines=60):
    """Some lines of a console log from just before the one numbered."""
    with open(console, errors="replace") as f:
        text = f.read().splitlines()
    return "\n".join(text[max(0, number - 3):number + lines])
