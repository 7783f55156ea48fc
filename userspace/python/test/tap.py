# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
"""Runs functions test_*(): what they raise is a failure; the first line of their docstring is
their name. Also for the tests in a VM."""
import contextlib
import time
import traceback


class Skip(Exception):
    """A test cannot be made here; the argument says why."""


def tests(modules, only=""):
    for module in modules:
        for name, function in list(vars(module).items()):
            if name.startswith("test_") and callable(function) and only in name:
                yield function


def run(modules, only="", arguments=()):
    """All of them; the exit status."""
    failed = count = 0
    for function in tests(modules, only):
        count += 1
        name = function.__doc__.splitlines()[0].rstrip(".")
        begun = time.monotonic()
        try:
            function(*arguments)
            print(f"ok {count} - python: {name}", flush=True)
        except Skip as why:
            print(f"ok {count} - python: {name} # SKIP {why}", flush=True)
        except BaseException:  # a KeyboardInterrupt of a test's making, too
            failed += 1
            for line in traceback.format_exc().splitlines():
                print("# " + line)
            print(f"not ok {count} - python: {name}", flush=True)
        if time.monotonic() - begun > 5:
            print(f"# {time.monotonic() - begun:.1f} s")
    print(f"1..{count}", flush=True)
    return 1 if failed or not count else 0


@contextlib.contextmanager
def raises(kind, number=None, says=""):
    """The block must raise exactly that class (with that errno, and that in its text)."""
    caught = Caught()
    try:
        yield caught
    except BaseException as error:
        if type(error) is not kind or number not in (None, getattr(error, "errno", None)) \
                or says not in str(error):
            raise
        caught.error = error
        return
    raise AssertionError(f"no {kind.__name__} was raised")


class Caught:
    error = None


def same(got, wanted):
    if isinstance(got, set) and got != wanted:
        raise AssertionError(f"also got {got - wanted}, not {wanted - got}")
    if got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")
