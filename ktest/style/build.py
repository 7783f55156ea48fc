# SPDX-License-Identifier: GPL-2.0
"""Rules that need a compiler, a kernel's headers or its scripts."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile

from tree import PURE

HERE = os.path.dirname(os.path.realpath(__file__))
KERNEL = os.path.join(os.path.dirname(HERE), "vm", "kernel")
SHIM = os.path.join(os.path.dirname(HERE), "shim")
FOLDERS = [".", "ktest/bench"]      # those whose Kbuild makes a module for every kernel
LISTS = ["spelling.txt", "const_structs.checkpatch"]    # what checkpatch reads beside itself
# what a compiler or the kernel's build puts into any object, and what the pure half may call
SYMBOLS = re.compile(
    r"^(mem(cpy|set|cmp|move)|strn?len|str(n?cmp|scpy)|__siphash_(un)?aligned|siphash_[1-4]u(32|64)|"
    r"siphash_3u32|__popcount[ds]i2|__fentry__|__x86_\w+|__stack_chk_fail|__fortify_\w+|fortify_panic|"
    r"__ubsan_\w+|__asan_\w+|__gcov_\w+|__sanitizer_\w+|_GLOBAL_OFFSET_TABLE_)$")


class Skip(Exception):
    """The rule cannot be tried here; says why."""


def run(cmd, cwd=None, **kw):
    return subprocess.run(cmd, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False, **kw)


def kernel(field, name="release"):
    p = subprocess.run([KERNEL, name, field], stdout=subprocess.PIPE, text=True, check=False)
    if p.returncode:
        raise RuntimeError(f"ktest/vm/kernel {name} {field} failed")
    return p.stdout.strip().splitlines()[-1]


def pure_c(tree):
    return [f for f in tree.c_files(*PURE) if f.endswith(".c")]


class Verdicts:
    """What checkpatch said about files, by hash, kept in the cache folder of the kernels: it takes
    a millisecond a line. It judges each file by itself, and what it says depends on the
    script with its lists, the options, and the file's name and text.
    """

    KEPT = 5000

    def __init__(self, script, options):
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        self.path = os.path.join(cache, "consensus", "checkpatch.json")
        self.common = hashlib.sha256(repr(options).encode())
        for file in (script, *(os.path.join(os.path.dirname(script), n) for n in LISTS)):
            with open(file, "rb") as f:
                self.common.update(f.read())
        try:
            with open(self.path, encoding="utf-8") as f:
                self.said = json.load(f)
        except (OSError, ValueError):
            self.said = {}

    def key(self, tree, file):
        h = self.common.copy()
        h.update(file.encode() + b"\0")
        with open(tree.path(file), "rb") as f:
            h.update(f.read())
        return h.hexdigest()

    def keep(self):
        """Others may do so at the same time: what is lost then is found again."""
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        last = dict(list(self.said.items())[-self.KEPT:])
        with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(self.path), delete=False) as f:
            json.dump(last, f)
        os.rename(f.name, self.path)


def checkpatch(tree, notes):
    """checkpatch --strict has nothing to say"""
    script = os.path.join(kernel("--source", "debug"), "scripts/checkpatch.pl")
    options = ["--strict", "--no-tree", "--terse", "--show-types", "--no-summary", "--max-line-length=100",
               "--color=never", "-f"]
    verdicts = Verdicts(script, options)
    keys = {f: verdicts.key(tree, f) for f in tree.c_files() if f.endswith((".c", ".h"))}
    files = [f for f, key in keys.items() if key not in verdicts.said]
    notes.append(f"{len(files)} of {len(keys)} files are new, or not what they were at the last run")
    for at in range(0, len(files), 20):
        some = files[at:at + 20]
        out = run(["perl", script, *options, *some], cwd=tree.root)
        about = {f: [] for f in some}
        strange = []
        for line in out.stdout.splitlines():
            m = re.match(r"(\S+?):\d+: (ERROR|WARNING|CHECK):", line)
            if m and m.group(1) in about:
                about[m.group(1)].append(line)
            elif line.strip() and not line.startswith("total:"):
                strange.append(f"checkpatch: {line}")
        yield from strange
        if not strange and out.returncode in (0, 1):
            verdicts.said.update((keys[f], lines) for f, lines in about.items())
        else:
            yield from (line for lines in about.values() for line in lines)
    verdicts.keep()
    for key in keys.values():
        yield from verdicts.said.get(key, [])


def kerneldoc(tree, notes):
    """every kernel-doc comment is complete and names what is there"""
    script = os.path.join(kernel("--source", "debug"), "scripts/kernel-doc")
    files = tree.c_files("kmod/", "uapi/")
    if not files:
        return
    out = run(["perl", script, "-none"] + files, cwd=tree.root,
              env={**os.environ, "KERNELVERSION": "6.1"})
    for line in out.stdout.splitlines():
        m = re.match(r"(\S+:\d+): (?:warning|error): (.*)", line)
        if m:
            yield f"{m.group(1)}: {m.group(2)}"


class Module:
    """One build of all modules with W=1 and sparse, shared by the rules that read its output."""

    built = {}

    @classmethod
    def of(cls, tree):
        if tree.root not in cls.built:
            cls.built[tree.root] = cls(tree)
        return cls.built[tree.root]

    def __init__(self, tree):
        folders = [d for d in FOLDERS if os.path.exists(tree.path(os.path.join(d, "Kbuild")))]
        if not folders:
            raise Skip("no Kbuild yet")
        self.mirror = tree.path("build/style/module")
        shutil.rmtree(self.mirror, ignore_errors=True)
        for f in tree.files:
            if f.startswith(("Kbuild", "kmod/", "uapi/", "ktest/bench/", "ktest/shim/")):
                link = os.path.join(self.mirror, f)
                os.makedirs(os.path.dirname(link), exist_ok=True)
                os.symlink(tree.path(f), link)
        self.failed = []
        self.gcc = []
        self.sparse = []
        for d in folders:
            self._make(os.path.normpath(os.path.join(self.mirror, d)), d)

    def _make(self, folder, name):
        cmd = ["make", "-k", "-j2", "-C", kernel("--build"), f"M={folder}", "W=1", "C=2", "CHECK=sparse",
               "CONFIG_DEBUG_INFO=", "KBUILD_MODPOST_WARN=1", "modules"]
        out = run(cmd)
        for line in out.stdout.splitlines():
            line = line.replace(self.mirror + "/", "")
            m = re.match(r"(\S+?\.[ch]):(\d+):(?:\d+:)? (warning|error|fatal error): (.*)", line)
            if not m or m.group(1).startswith("/"):
                if re.search(r"^(ERROR|WARNING): modpost", line) and name != ".":
                    self.gcc.append(f"{os.path.normpath(name)}/Kbuild: {line}")
                continue
            text = f"{m.group(1)}:{m.group(2)}: {m.group(4)}"
            by_gcc = "[-W" in line or m.group(3) != "warning"
            (self.gcc if by_gcc else self.sparse).append(text)
        if out.returncode:
            tail = [x for x in out.stdout.splitlines() if "rror" in x][-3:]
            self.failed.append(os.path.normpath(f"{name}/Kbuild") + f": does not build: {' | '.join(tail)}")


def gcc(tree, notes):
    """the modules build with W=1 and without a warning"""
    m = Module.of(tree)
    yield from dict.fromkeys(m.failed + m.gcc)


def sparse(tree, notes):
    """sparse has nothing to say about the modules"""
    m = Module.of(tree)
    yield from dict.fromkeys(m.failed + m.sparse)


def shimmed(tree, out, extra=()):
    """Compiles the pure half in userspace, an object each; yields (file, object, messages)."""
    shim = tree.path("ktest/shim") if os.path.isdir(tree.path("ktest/shim")) else SHIM
    for f in pure_c(tree):
        obj = os.path.join(out, f.replace("/", "_") + ".o")
        p = run(["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-sign-compare",
                 "-Wno-missing-field-initializers", "-D__KERNEL__", "-fno-stack-protector", "-fno-pic",
                 f"-I{shim}", "-I" + tree.root, "-c", tree.path(f), "-o", obj, *extra])
        yield f, obj, p.stdout if p.returncode or "warning:" in p.stdout else ""


def complaints(tree, f, text):
    for line in text.splitlines():
        m = re.match(r"(\S+?):(\d+):\S* (?:warning|error|fatal error): (.*)", line)
        if m:
            yield f"{os.path.relpath(m.group(1), tree.root)}:{m.group(2)}: {m.group(3)}"


def sparse_pure(tree, notes):
    """sparse has nothing to say about the pure half in userspace"""
    shim = tree.path("ktest/shim") if os.path.isdir(tree.path("ktest/shim")) else SHIM
    for f in pure_c(tree):
        p = run(["sparse", "-std=gnu11", "-Wsparse-error", "-Wbitwise", "-Wcontext", "-Wno-decl",
                 "-D__KERNEL__", "-D__CHECKER__", f"-I{shim}", "-I" + tree.root, tree.path(f)])
        yield from dict.fromkeys(complaints(tree, f, p.stdout))
        if p.returncode and not p.stdout:
            yield f"{f}: sparse failed"


def symbols(tree, notes):
    """the pure half calls nothing from outside and keeps no state of its own"""
    with tempfile.TemporaryDirectory() as out:
        objects, own, wanted = [], set(), []
        for f, obj, text in shimmed(tree, out):
            if text:
                yield from complaints(tree, f, text)
            if not os.path.exists(obj):
                yield f"{f}: does not compile with ktest/shim"
                continue
            objects.append(obj)
            for line in run(["nm", obj]).stdout.splitlines():
                kind, name = line.split()[-2:]
                if kind == "U":
                    wanted.append((f, name))
                elif kind in "TtRrVW":
                    own.add(name)
                elif kind in "DdBbC":
                    yield f"{f}: {name} is writable and static"
        for f, name in wanted:
            if name not in own and not SYMBOLS.match(name):
                yield f"{f}: calls {name}()"


def i386(tree, notes):
    """the pure half links on 32 bits: no 64-bit division"""
    with tempfile.TemporaryDirectory() as out:
        extra = ("-m32", "-ffreestanding", "-idirafter", "/usr/include/x86_64-linux-gnu")
        for f, obj, text in shimmed(tree, out, extra):
            if not os.path.exists(obj):
                yield from complaints(tree, f, text)
                yield f"{f}: does not compile with -m32"
                continue
            for line in run(["nm", "-u", obj]).stdout.splitlines():
                name = line.split()[-1]
                if re.match(r"__u?(div|mod)[dt]i\d|__divmod", name):
                    yield f"{f}: divides 64 bits ({name})"


def uapi_flags(tree):
    return ["-Wall", "-Wextra", "-Wpadded", "-Werror", "-fsyntax-only", f"-I{tree.path('uapi')}"]


M32 = ["-m32", "-ffreestanding", "-idirafter", "/usr/include/x86_64-linux-gnu"]


def uapi_members(tree, header):
    """(structs, [(struct, member)], ioctl macros) of a header."""
    out = subprocess.run(["ctags", "-o", "-", "--languages=C", "--langmap=C:.h", "--kinds-C=sm",
                          "--fields=+K", tree.path(header)], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, check=True, text=True).stdout
    structs, members = [], []
    for line in out.splitlines():
        name = line.split("\t")[0]
        if re.search(r"\tstruct(\t|$)", line) and not name.startswith(("__anon", "!")):
            structs.append(name)
        m = re.search(r"\tmember\tstruct:(\w+)", line)
        if m and not m.group(1).startswith("__anon"):
            members.append((m.group(1), name))
    ioctls = re.findall(r"^#\s*define\s+(\w+)\s+(?:\\\n\s*)?_IO(?:R|W|WR)?\(", tree.text(header), flags=re.M)
    return structs, members, ioctls


def layout_asserts(tree, header, out):
    """A program that asserts, anywhere, the layout that this machine's 64 bits have."""
    include = f"#include <{header[len('uapi/'):]}>\n"
    structs, members, ioctls = uapi_members(tree, header)
    terms = [f"sizeof(struct {s})" for s in structs]
    terms += [f"__builtin_offsetof(struct {s}, {m})" for s, m in members]
    terms += [f"sizeof(((struct {s} *)0)->{m})" for s, m in members] + ioctls
    source = os.path.join(out, "print.c")
    with open(source, "w", encoding="utf-8") as f:
        f.write("#include <stdio.h>\n" + include + "int main(void)\n{\n")
        for t in terms:
            f.write(f'\tprintf("_Static_assert({t} == %lluULL, \\"{t}\\");\\n", '
                    f"(unsigned long long)({t}));\n")
        f.write("\treturn 0;\n}\n")
    binary = os.path.join(out, "print")
    p = run(["gcc", f"-I{tree.path('uapi')}", source, "-o", binary])
    if p.returncode:
        return None, p.stdout, 0
    asserts = os.path.join(out, "assert.c")
    with open(asserts, "w", encoding="utf-8") as f:
        f.write(include + run([binary]).stdout)
    return asserts, "", len(terms)


def uapi(tree, notes):
    """public headers compile alone in C11 and C++, pad nothing, and have one layout for 32 and 64 bits"""
    for header in [f for f in tree.files if f.startswith("uapi/") and f.endswith(".h")]:
        with tempfile.TemporaryDirectory() as out:
            alone = os.path.join(out, "alone.c")
            with open(alone, "w", encoding="utf-8") as f:
                f.write(f"#include <{header[len('uapi/'):]}>\nint x;\n")
            flags = uapi_flags(tree)
            for what, cmd in (("C11", ["gcc", "-std=c11", "-pedantic"]),
                              ("C++", ["g++", "-x", "c++", "-std=c++11", "-Wno-pedantic"]),
                              ("32 bits", ["gcc", "-std=c11", "-pedantic"] + M32)):
                p = run(cmd + flags + [alone])
                if p.returncode:
                    first = re.search(r"error: (.*)", p.stdout)
                    yield f"{header}: {what}: {first.group(1) if first else p.stdout[:200]}"
            asserts, text, count = layout_asserts(tree, header, out)
            if not asserts:
                yield f"{header}: layout program does not compile: {text[:200]}"
                continue
            p = run(["gcc", "-std=c11", "-fsyntax-only", f"-I{tree.path('uapi')}"] + M32 + [asserts])
            for m in re.finditer(r"static assertion failed: \"(.*?)\"", p.stdout):
                yield f"{header}: 32 and 64 bits differ in {m.group(1)}"
            if p.returncode and "static assertion" not in p.stdout:
                yield f"{header}: 32 bits: {p.stdout[:200]}"
            notes.append(f"{header}: {count} sizes, offsets and numbers compared")


RULES = {
    "checkpatch": checkpatch,
    "kerneldoc": kerneldoc,
    "gcc": gcc,
    "sparse": sparse,
    "sparse-pure": sparse_pure,
    "symbols": symbols,
    "i386": i386,
    "uapi": uapi,
}
