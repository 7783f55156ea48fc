# SPDX-License-Identifier: GPL-2.0
"""Results of tests, as TAP."""
import sys

count = failures = 0


def ok(passed, name, note=""):
    """One test: it @passed, or @note says what was wrong."""
    global count, failures
    count += 1
    failures += not passed
    print(f"{'' if passed else 'not '}ok {count} - {name}", flush=True)
    if not passed and note != "":
        print("# " + str(note).replace("\n", "\n# "), flush=True)
    return passed


def finish():
    """Ends the program, with its plan."""
    print(f"1..{count}")
    sys.exit(1 if failures else 0)
