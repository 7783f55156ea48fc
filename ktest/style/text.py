# SPDX-License-Identifier: GPL-2.0
"""Rules over text. Each yields complaints, "file:line: what"; a leading "!" allows no exception."""
import os
import re
import socket
import subprocess

from tree import COMMENT_OR_STRING, PURE, without_comments

FUNCTION_MAX = 70
FILE_MAX = 600
FILE_HARD_MAX = 700
# lines of comment for a line of code: what the rule demands, and what would be good
RATIO = {"pure half": (PURE, 0.30, 0.50), "shell": (("kmod/",), 0.10, 0.125)}

PURE_INCLUDES = {
    "linux/types.h", "linux/kernel.h", "linux/string.h", "linux/errno.h", "linux/limits.h",
    "linux/siphash.h", "linux/bitops.h", "linux/minmax.h", "linux/overflow.h",
    "linux/build_bug.h", "asm/byteorder.h", "linux/math64.h",
}
IMPURE = re.compile(
    r"\b(printk\w*|pr_(?:emerg|alert|crit|err|warn|notice|info|debug|cont)\w*|dev_(?:err|warn|info|dbg)|"
    r"net_\w+_ratelimited|k[mzv]+alloc\w*|kcalloc\w*|kmem_cache_\w+|kfree\w*|kvfree\w*|vmalloc\w*|"
    r"GFP_\w+|ktime_\w+|jiffies\w*|get_cycles|get_random_\w+|prandom_\w+|\w*spin_(?:un)?lock\w*|"
    r"mutex_\w+|read_lock\w*|write_lock\w*|down_(?:read|write)\w*|rcu_\w+|local_bh_\w+|"
    r"local_irq_\w+|preempt_\w+|schedule\w*|msleep|usleep_range|might_sleep|wait_event\w*|wake_up\w*|"
    r"complete(?:_all)?\(|current\b|smp_processor_id|this_cpu_\w+|per_cpu\w*|copy_(?:from|to)_user|"
    r"get_user|put_user|queue_work|schedule_work|hrtimer_\w+|mod_timer|timer_\w+|dump_stack|"
    r"malloc|calloc|free|printf|fprintf|abort|exit|time|rand|random)\b")
LICENCE = [
    ("uapi/", "GPL-2.0 WITH Linux-syscall-note"),
    ("userspace/lib/", "LGPL-2.1-or-later OR MIT"),
    ("userspace/examples/", "LGPL-2.1-or-later OR MIT"),
    ("userspace/python/", "LGPL-2.1-or-later OR MIT"),
    ("", "GPL-2.0"),
]


def spdx(tree, notes):
    """an SPDX line first in every source file, with the licence of its folder"""
    for f in tree.files:
        if not tree.is_source(f):
            continue
        lines = tree.lines(f)[:2]
        at = 1 if lines and lines[0].startswith("#!") else 0
        want = next(name for prefix, name in LICENCE if f.startswith(prefix))
        got = lines[at] if len(lines) > at else ""
        m = re.search(r"SPDX-License-Identifier: (.*?)(?: \*/)?$", got)
        if not m:
            yield f"{f}:{at + 1}: no SPDX line"
        elif m.group(1) != want:
            yield f"{f}:{at + 1}: licence is {m.group(1)}, should be {want}"


def versions(tree, notes):
    """kernel versions are compared in kmod/compat.h alone"""
    pattern = re.compile(r"\b(LINUX_VERSION_CODE|KERNEL_VERSION|LINUX_VERSION_\w+|linux/version\.h)\b")
    for f in tree.c_files():
        if f == "kmod/compat.h":
            continue
        for n, line in enumerate(tree.lines(f), 1):
            m = pattern.search(line)
            if m:
                yield f"{f}:{n}: {m.group(1)}"


def purity(tree, notes):
    """the pure half includes what it may and names nothing that acts"""
    for f in tree.c_files(*PURE):
        for n, line in enumerate(tree.lines(f), 1):
            m = re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)
            if not m:
                continue
            if m.group(1) == "<" and m.group(2) not in PURE_INCLUDES:
                yield f"{f}:{n}: includes <{m.group(2)}>"
            if m.group(1) == '"':
                places = [os.path.join(d, m.group(2)) for d in (os.path.dirname(f), "kmod", "")]
                there = [p for p in map(os.path.normpath, places) if p in tree.files]
                if not there or not there[0].startswith(PURE):
                    yield f"{f}:{n}: includes \"{m.group(2)}\", which is not of the pure half"
        for n, line in enumerate(without_comments(tree.text(f)).splitlines(), 1):
            for m in IMPURE.finditer(line):
                # a member or a parameter may be called "time": only calls and kernel names act
                if m.group(1) in ("time", "free", "random", "exit", "current", "schedule") and \
                   not re.match(r"\s*\(", line[m.end():]):
                    continue
                yield f"{f}:{n}: {m.group(1)}"


def deadly(tree, notes):
    """nothing in kmod can take the machine down: no BUG, panic, WARN"""
    pattern = re.compile(r"\b(BUG|BUG_ON|panic|WARN|WARN_ON|WARN_ONCE|WARN_ON_ONCE|WARN_TAINT|"
                         r"VM_BUG_ON|VM_WARN_ON|lockdep_assert_none_held_once|machine_restart|"
                         r"emergency_restart|DEBUG_NET_WARN_ON_ONCE)\s*\(")
    for f in tree.c_files("kmod/"):
        for n, line in enumerate(without_comments(tree.text(f)).splitlines(), 1):
            m = pattern.search(line)
            if m:
                yield f"{f}:{n}: {m.group(1)}"


def functions(tree, notes):
    """no function is longer than 70 lines"""
    files = tree.c_files()
    if not files:
        return
    out = subprocess.run(["ctags", "-o", "-", "--languages=C,C++", "--langmap=C:.c.h", "--fields=+ne",
                          "--kinds-C=f", "-L", "-"], input="\n".join(files), cwd=tree.root,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True, text=True).stdout
    sizes = []
    for line in out.splitlines():
        if line.startswith("!_"):
            continue
        name, f = line.split("\t")[:2]
        begin = re.search(r"\tline:(\d+)", line)
        end = re.search(r"\tend:(\d+)", line)
        if not begin or not end:
            continue
        size = int(end.group(1)) - int(begin.group(1)) + 1
        if f.startswith("kmod/"):
            sizes.append(size)
        if size > FUNCTION_MAX:
            yield f"{f}:{begin.group(1)}: {name}() has {size} lines"
    if sizes:
        sizes.sort()
        notes.append(f"kmod: {len(sizes)} functions, median {sizes[len(sizes) // 2]} lines, "
                     f"nine in ten below {sizes[len(sizes) * 9 // 10] + 1}, longest {sizes[-1]}")


def files(tree, notes):
    """no file is longer than 600 lines; none at all than 700"""
    for f in tree.files:
        if not tree.is_source(f):
            continue
        size = len(tree.lines(f))
        if size > FILE_HARD_MAX:
            yield f"!{f}:{size}: {size} lines"
        elif size > FILE_MAX:
            yield f"{f}:{size}: {size} lines"


def count_comments(source):
    """Lines with code and lines with comment; some have both, and the licence is neither."""
    code = sum(bool(line.strip()) for line in without_comments(source).splitlines())
    inside = "".join(m.group(0) if m.group(0).startswith("/") else "\n" * m.group(0).count("\n")
                     for m in re.finditer(COMMENT_OR_STRING + r"|\n", source, flags=re.S))
    comment = sum(bool(re.search(r"\w", line)) and "SPDX-License" not in line
                  for line in inside.splitlines())
    return code, comment


def comments(tree, notes):
    """contracts and reasons are written down"""
    seen = set()
    for name, (prefixes, least, good) in RATIO.items():
        code = comment = 0
        for f in tree.c_files(*prefixes):
            if f in seen:
                continue
            seen.add(f)
            a, b = count_comments(tree.text(f))
            code, comment = code + a, comment + b
        if not code:
            continue
        notes.append(f"{name}: {code} lines of code, {comment} of comment, {comment / code:.2f} to one "
                     f"(at least {least:g}, better {good:g})")
        if comment < least * code:
            yield f"{prefixes[0]}: {name}: {comment / code:.2f} lines of comment to one of code"


def machine_words(root):
    """What names the machine that this runs on, or whoever sits at it."""
    # /root/ is also a folder of every test VM
    words = {root, os.path.expanduser("~") + "/"} - {"/", "//", "/root/"}
    parent = os.path.dirname(root)
    while parent not in ("/", "/home", "/tmp", "/usr/src", "/usr", "/root", "/var", "/srv", "/opt"):
        words.add(parent + "/")
        parent = os.path.dirname(parent)
    if len(socket.gethostname()) > 5:
        words.add(socket.gethostname())
    return [re.escape(w) for w in sorted(words)]


def leaks(tree, notes):
    """tracked files speak of the project, not of a machine or a desk"""
    # a list of one's own may stand outside of the tree: one regex a line
    words = machine_words(tree.root) + [r"/home/\w+/", r"/Users/\w+/", r"\bTODO\b", r"\bFIXME\b",
                                        r"\bXXX\b", r"\bWIP\b", r"/tmp/[a-z]+/", r"-----BEGIN \w+ PRIVATE"]
    own = os.path.join(tree.root, ".git/info/style-words")
    if os.path.exists(own):
        with open(own, encoding="utf-8") as f:
            words += [w.strip() for w in f if w.strip() and not w.startswith("#")]
    pattern = re.compile("|".join(f"(?:{w})" for w in words))
    for f in tree.files:
        for n, line in enumerate(tree.lines(f), 1):
            m = pattern.search(line)
            if m:
                yield f"{f}:{n}: says {m.group(0)}"


RULES = {
    "spdx": spdx,
    "versions": versions,
    "purity": purity,
    "deadly": deadly,
    "functions": functions,
    "files": files,
    "comments": comments,
    "leaks": leaks,
}
