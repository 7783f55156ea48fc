# SPDX-License-Identifier: GPL-2.0
"""What a driver of machines tells, and what it claims."""

import sys
import time

BEGAN = time.monotonic()


def now():
    return time.monotonic() - BEGAN


class Story:
    """What is told, and what is claimed: for people, or as TAP with the story as comments."""

    def __init__(self, tap):
        self.tap = tap
        self.claims = []

    def act(self, title):
        print("#\n# %s" % title if self.tap else "\n%s" % title, flush=True)

    def say(self, text):
        head = "# " if self.tap else "  "
        for i, line in enumerate(text.splitlines()):
            when = "%6.1f s" % now() if i == 0 else " " * 8
            print("%s%s  %s" % (head, when, line), flush=True)

    def claim(self, good, text, why=""):
        """State a result; the first that is false makes all fail, but it goes on."""
        self.claims.append(bool(good))
        if self.tap:
            print("%sok %d - %s" % ("" if good else "not ", len(self.claims), text))
        else:
            print("  %s  %s" % ("   right" if good else "   WRONG", text))
        if why and not good:
            self.say(str(why))
        sys.stdout.flush()

    def end(self):
        """The exit status."""
        bad = self.claims.count(False)
        if self.tap:
            print("1..%d" % len(self.claims))
        elif bad:
            print("\nThat was NOT right: %d of %d claims failed." % (bad, len(self.claims)))
        else:
            print("\nAll of it was right. It took %.0f seconds." % now())
        return 1 if bad or not self.claims else 0
