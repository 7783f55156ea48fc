# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Structs, constants and functions as ctypes has them, against the headers and a compiler."""
import ctypes
import os
import re
import subprocess
import tempfile

from consensus import _abi, _library
from tap import same

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../.."))
LIB = os.path.join(TOP, "userspace/lib")
HEADERS = ["consensus.h", "consensus_ring.h", "consensus_guard.h", "consensus_sequence.h"]

# What Python has no use for: rings, and what is a special case of another function.
UNBOUND = ["consensus_prep.*", "consensus_queue_.*", "consensus_(add|read|acquire)_result",
           "consensus_status", "consensus_call", "consensus_counter_(add|inc|read)",
           "consensus_guard_fence"]


def compiled(body):
    """What a C program prints that includes all headers."""
    program = "".join(f"#include <{h}>\n" for h in HEADERS) + f"""
#include <stddef.h>
#include <stdio.h>
#define SIZE(t) printf("%s %zu\\n", #t, sizeof(struct t))
#define FIELD(t, f) printf("%s.%s %zu %zu\\n", #t, #f, offsetof(struct t, f), \\
\tsizeof(((struct t *)0)->f))
#define VALUE(c) printf("%s %llu\\n", #c, (unsigned long long)(c))
int main(void)
{{
{body}
\treturn 0;
}}
"""
    with tempfile.TemporaryDirectory() as work:
        source, binary = os.path.join(work, "layout.c"), os.path.join(work, "layout")
        with open(source, "w", encoding="utf-8") as f:
            f.write(program)
        subprocess.run([os.environ.get("CC", "gcc"), "-std=c11", "-I", os.path.join(TOP, "uapi"),
                        "-I", LIB, "-o", binary, source], check=True)
        return subprocess.run([binary], check=True, stdout=subprocess.PIPE,
                              text=True).stdout.splitlines()


def test_structs():
    """Every struct has the size of C's, and every field its place and size."""
    body, wanted = [], []
    for name, struct in _abi.STRUCTS.items():
        body.append(f"SIZE({name});")
        wanted.append(f"{name} {ctypes.sizeof(struct)}")
        for field, *_ in struct._fields_:
            at = getattr(struct, field)
            body.append(f"FIELD({name}, {field});")
            wanted.append(f"{name}.{field} {at.offset} {at.size}")
    same(compiled("\n".join(body)), wanted)
    bound = {c for c in vars(_abi).values() if isinstance(c, type)
             and issubclass(c, ctypes.Structure)}
    same(set(_abi.STRUCTS.values()), bound)


def text(name):
    with open(name, encoding="utf-8") as f:
        return re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)


def test_fields():
    """No field of C's structs is left out, and each has C's type."""
    kinds = {"__u8": ctypes.c_uint8, "__u32": ctypes.c_uint32, "__s32": ctypes.c_int32,
             "__u64": ctypes.c_uint64, "uint32_t": ctypes.c_uint32, "uint64_t": ctypes.c_uint64,
             "char": ctypes.c_char, "const char": ctypes.c_char_p,
             "struct consensus_op": _abi.Op}
    all_of_it = text(os.path.join(TOP, "uapi/linux/consensus.h"))
    all_of_it += "".join(text(os.path.join(LIB, h)) for h in HEADERS)
    for name, struct in _abi.STRUCTS.items():
        body = re.search(rf"struct {name} {{(.*?)}};", all_of_it, re.S).group(1)
        fields = []
        for line in re.findall(r"([^;]+);", body):
            kind, star, field, size = re.match(r"\s*([\w ]+?)\s+(\*?)(\w+)(?:\[(\w+)\])?\s*$",
                                               line).groups()
            made = kinds[kind]
            assert bool(star) == (made is ctypes.c_char_p), line
            if size:
                made *= _abi.NAME_SIZE if size == "CONSENSUS_NAME_SIZE" else int(size)
            fields.append((field, made))
        same(struct._fields_, fields)


def test_constants():
    """Every constant has C's value."""
    assert len(_abi.CONSTANTS) > 30
    same(compiled("\n".join(f"VALUE({c});" for c in _abi.CONSTANTS)),
         [f"{c} {v}" for c, v in _abi.CONSTANTS.items()])


def prototypes():
    """{function: (what it returns, [what it takes])}, in C, of all headers."""
    found = {}
    for header in HEADERS:
        for returned, name, taken in re.findall(
                r"^((?:const )?\w+(?: (?!consensus_)\w+)* \*?)(consensus_\w+)\(([^;{]*?)\);",
                text(os.path.join(LIB, header)), re.S | re.M):
            parameters = [] if taken == "void" else re.split(r",\s*", taken)
            found[name] = (returned.strip(), [re.sub(r"\s+", " ", p) for p in parameters])
    return found


def ctype(parameter):
    """What ctypes must say for a parameter (or a result) of C."""
    match = re.match(r"(?:const )?(.*?)(\s*\*{1,2}\s*)?(\w+)?(\[\w+\])?$", parameter)
    kind, stars, _, array = match.groups()
    kind, stars = kind.strip(), (stars or "").strip() + ("*" if array else "")
    plain = {"int": ctypes.c_int, "unsigned int": ctypes.c_uint, "uint32_t": ctypes.c_uint32,
             "uint64_t": ctypes.c_uint64, "uint8_t": ctypes.c_uint8, "bool": ctypes.c_bool,
             "enum consensus_consistency": ctypes.c_int, "void": None}
    if kind == "char":
        return {"*": ctypes.c_char_p, "**": ctypes.POINTER(ctypes.c_char_p)}[stars]
    if kind.startswith("struct "):
        struct = _abi.STRUCTS.get(kind[7:])
        if stars == "**" or not struct:
            return ctypes.c_void_p if stars == "*" else ctypes.POINTER(ctypes.c_void_p)
        return ctypes.POINTER(struct)
    if not stars:
        return plain[kind]
    return ctypes.c_void_p if kind == "void" else ctypes.POINTER(plain[kind])


def test_functions():
    """Every function takes and returns what the headers say; none is forgotten."""
    declared = prototypes()
    unbound = set()
    for pattern in UNBOUND:
        found = {name for name in declared if re.fullmatch(pattern, name)}
        assert found, f"nothing is called {pattern}"
        unbound |= found
    same(set(declared) - unbound, set(_library.FUNCTIONS))
    for name, (returned, *taken) in _library.FUNCTIONS.items():
        wanted_return, parameters = declared[name]
        assert returned is ctype(wanted_return + " result"), f"{name} returns {wanted_return}"
        same((name, taken), (name, [ctype(p) for p in parameters]))
