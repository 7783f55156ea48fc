# SPDX-License-Identifier: GPL-2.0
"""Python in a test VM: the host's interpreter, and of its library what given files import.

A file is a script, a folder a package: both land in /root, and all is compiled here, as that
costs seconds under emulation. So a script is run as `python3 -S -E /root/NAME.pyc`.
"""
import ast
import os
import subprocess
import sys
import tempfile

# Debian's, if it is there: others may want libraries from places that the VM's ld.so ignores.
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable

# Prints the interpreter, and each file of the library that these modules and the start need.
LIST = """
import os, sys
import encodings.ascii, encodings.latin_1, encodings.utf_8
for name in sys.argv[1:]:
    __import__(name)
print(os.path.realpath(sys.executable))
for module in list(sys.modules.values()):
    if getattr(module, "__file__", None):
        print(module.__file__)
"""

# Compiles the files that it reads of, one a line, to 0.pyc, 1.pyc, ...
COMPILE = """
import py_compile, sys
for i, line in enumerate(sys.stdin):
    file = line.rstrip("\\n")
    py_compile.compile(file, f"{i}.pyc", dfile=file, doraise=True,
                       invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
"""


def python(program, *args, **kw):
    return subprocess.run([PYTHON, "-S", "-E", "-c", program, *args], check=True, text=True,
                          stdout=subprocess.PIPE, env={"LC_ALL": "C"}, **kw).stdout


def sources(path):
    """The Python files of a script or of a package: {name in /root: file}."""
    path = os.path.normpath(path)
    if not os.path.isdir(path):
        return {os.path.basename(path): path}
    found = {}
    for folder, _, names in sorted(os.walk(path)):
        inside = os.path.relpath(folder, os.path.dirname(path))
        found.update({os.path.join(inside, n): os.path.join(folder, n)
                      for n in sorted(names) if n.endswith(".py")})
    return found


def imported(files):
    """The modules of the standard library that the files import, wherever they do."""
    names = set()
    for file in files:
        with open(file, encoding="utf-8") as f:
            tree = ast.parse(f.read(), file)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module)
    return sorted(n for n in names if n.split(".")[0] in sys.stdlib_module_names)


def add_compiled(archive, files):
    """Puts {place: source file} into the archive, compiled: place must end in .py."""
    with tempfile.TemporaryDirectory() as work:
        python(COMPILE, cwd=work, input="".join(f"{f}\n" for f in files.values()))
        for i, place in enumerate(files):
            archive.file(place + "c", os.path.join(work, f"{i}.pyc"))


def add_python(archive, paths, add_program):
    """Puts the interpreter, scripts and packages into the archive."""
    ours = {}
    for path in paths:
        ours.update(sources(os.path.abspath(path)))
    binary, *library = python(LIST, *imported(ours.values())).split("\n")[:-1]
    add_program(archive, binary, binary)
    archive.link("usr/bin/python3", binary)
    for file in library:
        if not file.endswith(".py"):
            add_program(archive, file, file)
    add_compiled(archive, {f: f for f in library if f.endswith(".py")})
    add_compiled(archive, {f"root/{name}": file for name, file in ours.items()})
