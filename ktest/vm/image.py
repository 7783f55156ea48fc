#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Builds the initramfs of a test VM.

    ktest/vm/image.py --kernel NAME --out FILE [--put FILE[:DEST]]... [--module NAME]...
                      [--python PATH]... [SCRIPT]

In it: busybox (static) with all applets, the real ip, tc, nft, bash, mke2fs, dmsetup and
fsfreeze, every program of build/bin, our modules built for that kernel (ktest/vm/module), the
kernel's own modules that tests need, ktest/vm/init as /init, lib.sh, net.sh and leaks in /ktest/vm.
With SCRIPT it is run by /init, its folder is /root, and what it returns is reported; FILE
of --put lands in /root, or at DEST. --module adds one of the kernel's, large ones that few
need. --python adds Python and a script or package, see ktest/vm/interpreter.py.

The archive is an uncompressed cpio (newc), written here so that neither root nor device
nodes are needed; inflating costs more under emulation than loading does. What all tests of
one kernel share is kept under build/image/ until one of its files changes.
"""
import argparse
import contextlib
import glob
import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

import interpreter

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))

# Of ktest/vm, for scripts, of which the first reads the others, and for /init.
LIBRARY = ["lib.sh", "net.sh"]
FOR_INIT = ["leaks"]

# Programs of the host, with the libraries they load.
PROGRAMS = ["/bin/bash", "/bin/ip", "/sbin/tc", "/usr/sbin/nft", "/sbin/mke2fs",
            "/sbin/dmsetup", "/sbin/fsfreeze"]

# Modules of the kernel that tests load; built in or absent ones are passed over.
MODULES = """
    udp_tunnel ip6_udp_tunnel veth bridge dummy tun
    sch_netem sch_prio sch_tbf sch_ingress cls_u32 act_mirred
    nf_tables nft_numgen nft_limit nft_counter nft_ct
    virtio_pci virtio_net virtio_blk virtio_console virtio_rng
    loop nbd dm-mod dm-flakey dm-log-writes ext4 libcrc32c lkdtm
""".split()


def kernels():
    """The names of ktest/vm/kernel."""
    return ["release", "6.12"] + sorted(os.path.basename(f)[:-len(".config")] for f in glob.glob(f"{HERE}/*.config"))


def checks(name):
    """Is it a kernel full of checks, and slow?"""
    return name not in ("release", "6.12")


def kernel(name):
    """What ktest/vm/kernel says of a kernel: a dict of KVER, VMLINUZ, MODULES, KBUILD, SOURCE."""
    out = subprocess.run([f"{HERE}/kernel", name], check=True, stdout=subprocess.PIPE, text=True)
    facts = {}
    for line in out.stdout.splitlines():
        key, value = line.split("=", 1)
        facts[key] = re.sub(r"\\(.)", r"\1", value).strip("'")
    return facts


def modules(name):
    """Builds our modules for a kernel; the paths of the .ko files."""
    if not os.path.exists(f"{TOP}/Kbuild"):
        return []
    out = subprocess.run([f"{HERE}/module", name], check=True, stdout=subprocess.PIPE, text=True)
    return out.stdout.split()


class Archive:
    """A cpio archive in the newc format, all owned by root."""

    def __init__(self, out):
        self.out = out
        self.ino = 0
        self.seen = set()

    def _entry(self, path, mode, data=b"", rdev=(0, 0)):
        path = path.strip("/")
        if path in self.seen:
            return
        self.seen.add(path)
        if os.path.dirname(path):
            self.folder(os.path.dirname(path))
        self.ino += 1
        name = path.encode() + b"\0"
        fields = [self.ino, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(name), 0]
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + name
        self.out.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))

    def folder(self, path, mode=0o755):
        self._entry(path, stat.S_IFDIR | mode)

    def link(self, path, target):
        self._entry(path, stat.S_IFLNK | 0o777, target.encode())

    def data(self, path, data, mode=0o644):
        self._entry(path, stat.S_IFREG | mode, data)

    def file(self, path, source, mode=None):
        with open(source, "rb") as f:
            self.data(path, f.read(), mode or stat.S_IMODE(os.stat(source).st_mode))

    def tree(self, path, source):
        for base, _, names in os.walk(source):
            for n in names:
                full = os.path.join(base, n)
                self.file(os.path.join(path, os.path.relpath(full, source)), full)

    def node(self, path, major, minor):
        self._entry(path, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def whole(self, archive):
        """Another archive without an end; of one path in both, what comes later stays."""
        shutil.copyfileobj(archive, self.out, 1 << 20)

    def end(self):
        self._entry("TRAILER!!!", 0)


def libraries(program):
    """The shared objects a program loads: none if it is static."""
    out = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if "not found" in out.stdout:
        raise SystemExit(f"image: {program} lacks a library:\n{out.stdout}")
    return re.findall(r"(?:=> |^\s*)(/\S+) \(0x", out.stdout, re.M)


def is_elf(path):
    with open(path, "rb") as f:
        return f.read(4) == b"\x7fELF"


def add_program(archive, path, source):
    archive.file(path, source, 0o755)
    for lib in libraries(source) if is_elf(source) else []:
        archive.file(lib, os.path.realpath(lib), 0o755)


def our_programs():
    folder = os.path.join(TOP, "build/bin")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    paths = [os.path.join(folder, n) for n in names]
    return [p for p in paths if os.path.isfile(p) and os.access(p, os.X_OK)]


def add_our_programs(archive, work):
    """All of build/bin, without the symbols, which are two thirds of them."""
    copies = []
    for program in our_programs():
        copies.append(shutil.copy(program, work))
    binaries = [c for c in copies if is_elf(c)]
    if binaries:
        subprocess.run(["strip", "-s", *binaries], check=True)
    for copy in copies:
        add_program(archive, f"usr/bin/{os.path.basename(copy)}", copy)


def add_userland(archive, work):
    for path in ("dev", "proc", "sys", "run", "root", "etc/consensus", "mnt", "var/log"):
        archive.folder(path)
    archive.folder("tmp", 0o1777)
    archive.node("dev/console", 5, 1)
    archive.file("bin/busybox", "/bin/busybox", 0o755)
    for program in PROGRAMS:
        if os.path.exists(program):
            add_program(archive, program, program)
    add_our_programs(archive, work)
    for applet in subprocess.run(["/bin/busybox", "--list-full"], stdout=subprocess.PIPE,
                                 text=True, check=True).stdout.split():
        archive.link(applet, "/bin/busybox")
    archive.data("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
    archive.data("etc/group", b"root:x:0:\nconsensus:x:101:\nnogroup:x:65534:\n")
    archive.file("init", f"{HERE}/init", 0o755)
    for n in LIBRARY + FOR_INIT:
        archive.file(f"ktest/vm/{n}", f"{HERE}/{n}")


def resolve(facts, names):
    """Paths below MODULES of the named modules and all they depend on."""
    base = facts["MODULES"]
    if not os.path.exists(f"{base}/modules.dep"):
        subprocess.run(["/sbin/depmod", "-b", base[:base.rindex("/lib/modules/")], facts["KVER"]], check=True)
    depends, by_name = {}, {}
    with open(f"{base}/modules.dep") as f:
        for line in f:
            path, _, rest = line.partition(":")
            depends[path] = rest.split()
            name = os.path.basename(path).split(".")[0].replace("-", "_")
            by_name[name] = path
    found = []
    for name in names:
        path = by_name.get(name.replace("-", "_"))
        for p in [path] + depends[path] if path else []:
            if p not in found:
                found.append(p)
    return found


def unpacked(path):
    """A module's bytes, decompressed: busybox loads only plain ones."""
    if path.endswith(".xz"):
        return subprocess.run(["xz", "-dc", path], check=True, stdout=subprocess.PIPE).stdout
    with open(path, "rb") as f:
        return f.read()


def add_modules(archive, facts, ours, work, more=()):
    """Puts modules under lib/modules and has depmod write the index for modprobe."""
    kver, base = facts["KVER"], facts["MODULES"]
    folder = f"lib/modules/{kver}"
    root = os.path.join(work, "modroot")
    subprocess.run(["rm", "-rf", root], check=True)
    wanted = {re.sub(r"\.xz$", "", p): f"{base}/{p}" for p in resolve(facts, MODULES + list(more))}
    wanted.update({f"extra/{os.path.basename(p)}": p for p in ours})
    for path, source in wanted.items():
        full = os.path.join(root, folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as f:
            f.write(unpacked(source))
    os.makedirs(os.path.join(root, folder), exist_ok=True)
    for n in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        if os.path.exists(f"{base}/{n}"):
            subprocess.run(["cp", f"{base}/{n}", os.path.join(root, folder, n)], check=True)
    subprocess.run(["/sbin/depmod", "-b", root, kver], check=True)
    archive.tree(folder, os.path.join(root, folder))
    subprocess.run(["rm", "-rf", root], check=True)


def fingerprint(facts, ours, more):
    """Changes with any file that the shared part is made of."""
    files = [*PROGRAMS, *our_programs(), *ours, "/bin/busybox", "/etc/ld.so.cache", f"{HERE}/init",
             *(f"{HERE}/{n}" for n in LIBRARY + FOR_INIT), os.path.abspath(__file__), f"{facts['MODULES']}/modules.dep"]
    seen = [(f, os.stat(f).st_mtime_ns, os.stat(f).st_size) for f in files if os.path.exists(f)]
    return hashlib.sha256(repr((facts, list(more), seen)).encode()).hexdigest()[:16]


def shared(name, facts, ours, more):
    """What the images of all tests on this kernel have in common: an open archive without an end.

    Others may make the same at the same time, or take an old one away while it is read.
    """
    prefix = os.path.join(TOP, "build/image", "-".join([name, *more]))
    path = f"{prefix}.{fingerprint(facts, ours, more)}"
    if os.path.exists(path):
        return open(path, "rb")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as work:
        with open(os.path.join(work, "archive"), "wb") as f:
            archive = Archive(f)
            add_userland(archive, tempfile.mkdtemp(dir=work))
            add_modules(archive, facts, ours, work, more)
        ready = open(f.name, "rb")
        os.rename(f.name, path)
    for old in glob.glob(f"{glob.escape(prefix)}.*"):
        if old != path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(old)
    return ready


def build(out, name, script=None, put=(), settings=None, ours=None, more=(), python=()):
    """Writes the initramfs for kernel NAME to OUT.

    put: (file, destination) pairs. settings: what /init reads from /etc/ktest, a dict.
    ours: our .ko files, if they are not to be built here. more: modules beside MODULES.
    python: scripts and packages.
    """
    facts = kernel(name)
    ours = modules(name) if ours is None else ours
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    with open(out, "wb") as f:
        archive = Archive(f)
        with shared(name, facts, ours, more) as common:
            archive.whole(common)
        for file, dest in put:
            if os.path.isdir(file):
                archive.tree(dest, file)
            else:
                add_program(archive, dest, file) if os.access(file, os.X_OK) else archive.file(dest, file)
        if python:
            interpreter.add_python(archive, python, add_program)
        if script:
            at = "/root/" + os.path.basename(script)
            if at in [dest for _, dest in put]:
                raise SystemExit(f"image: {at} is the script, and --put has another file of that name")
            archive.file(at, script, 0o755)
            settings = dict(settings or {}, SCRIPT="/root/" + os.path.basename(script))
        settings = dict(settings or {}, KERNEL="debug" if checks(name) else name)
        text = "".join(f"{k}='{v}'\n" for k, v in settings.items())
        archive.data("etc/ktest", text.encode(), 0o600)
        archive.end()
    return facts


def destination(spec):
    """FILE or FILE:DEST, to (FILE, DEST)."""
    file, _, dest = spec.partition(":")
    if not os.path.exists(file):
        raise SystemExit(f"image: no such file: {file}")
    return file, dest or "/root/" + os.path.basename(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", default="release")
    parser.add_argument("--out", required=True)
    parser.add_argument("--put", action="append", default=[], metavar="FILE[:DEST]")
    parser.add_argument("--module", action="append", default=[], metavar="NAME")
    parser.add_argument("--python", action="append", default=[], metavar="PATH")
    parser.add_argument("script", nargs="?")
    args = parser.parse_args()
    build(args.out, args.kernel, args.script, [destination(p) for p in args.put],
          more=args.module, python=args.python)


if __name__ == "__main__":
    sys.exit(main())
