# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""The package as such."""
import ast
import inspect
import os
import subprocess
import sys
import tempfile

import consensus
from tap import same

HERE = os.path.dirname(os.path.realpath(consensus.__file__))
SOURCES = sorted(os.path.join(HERE, n) for n in os.listdir(HERE) if n.endswith(".py"))


USER = """
import consensus
handle = consensus.Consensus()
reveal_type(handle.inc("a").value)
reveal_type(handle.batch().put(consensus.Read("a")).result())
reveal_type(handle.run([consensus.Add("a"), consensus.Add("b")]))
reveal_type(next(consensus.Sequence(handle, "a", 5)))
with consensus.Lock("a", timeout=None) as lock:
    reveal_type(lock.fence)
receiver: consensus.Receiver[bytes] = consensus.Receiver()
reveal_type([delivery.message for delivery in receiver])
"""
REVEALED = ["builtins.int", "consensus._results.Reading",
            "builtins.list[consensus._batch.Outcome[consensus._results.Result]]",
            "builtins.int", "consensus._results.Fence", "builtins.list[builtins.bytes]"]


def test_types():
    """mypy --strict has nothing to say, and knows what users get"""
    with tempfile.TemporaryDirectory() as work:
        with open(os.path.join(work, "user.py"), "w", encoding="utf-8") as f:
            f.write(USER)
        out = subprocess.run(["mypy", "--strict", "--python-version", "3.9", "--cache-dir", work,
                              HERE, "user.py"], cwd=work, stdout=subprocess.PIPE, text=True,
                             env=dict(os.environ, MYPYPATH=os.path.dirname(HERE)))
    assert out.returncode == 0, out.stdout
    same([line.split('"')[1] for line in out.stdout.splitlines() if "Revealed" in line],
         REVEALED)


def test_grammar():
    """It is written in the grammar of Python 3.9, in 100 columns."""
    for path in SOURCES:
        with open(path, encoding="utf-8") as f:
            text = f.read()
        ast.parse(text, path, feature_version=(3, 9))
        wide = [n for n, line in enumerate(text.splitlines(), 1) if len(line) > 100]
        assert not wide, f"{path}: lines {wide}"


def test_public():
    """All that is public is exported, sorted, and documented."""
    same(consensus.__all__, sorted(consensus.__all__))
    for name in consensus.__all__:
        thing = getattr(consensus, name)
        if not inspect.isclass(thing) and not inspect.isfunction(thing):
            continue
        assert inspect.getdoc(thing), f"{name} says nothing"
        if not inspect.isclass(thing):
            continue
        for member, value in vars(thing).items():
            if not member.startswith("_") and (inspect.isfunction(value)
                                               or isinstance(value, property)):
                assert inspect.getdoc(value) or member in ("close", "closed"), \
                    f"{name}.{member} says nothing"


def python(program, **environment):
    """What a program prints that can import the package."""
    done = subprocess.run([sys.executable, "-B", "-W", "error", "-c", program],
                          env=dict(os.environ, PYTHONPATH=os.path.dirname(HERE), **environment),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip()


def test_no_library():
    """Without the library it can be imported, and says what it lacks when it is used."""
    said = python("""
import consensus
try:
    consensus.Consensus()
except consensus.LibraryError as error:
    print(isinstance(error, ImportError), error)
""", LIBCONSENSUS="/nowhere/libconsensus.so.0")
    assert said.startswith("True ") and "/nowhere/libconsensus.so.0" in said, said


def test_wrong_library():
    """A library that is another one, or too old, is refused."""
    said = python("""
import consensus
try:
    consensus.library_version()
except consensus.LibraryError as error:
    print(error)
""", LIBCONSENSUS="libm.so.6")
    assert "consensus_version" in said, said


def test_version():
    """Library and package have one version."""
    same(consensus.library_version(), consensus.__version__)
    with open(os.path.join(os.path.dirname(HERE), "pyproject.toml"), encoding="utf-8") as f:
        assert f'\nversion = "{consensus.__version__}"\n' in f.read()
