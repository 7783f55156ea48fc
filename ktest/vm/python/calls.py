# SPDX-License-Identifier: GPL-2.0
"""Every method of the Python binding, on a real cluster of three nodes (TAP).

  calls HERE OTHER THIRD [WORD]

Runs in the namespace of HERE. OTHER: another follower. WORD: only tests whose name has it.
"""
import sys

import tap
import test_calls
import test_locks
import test_many
import world


def main():
    world.HERE, world.OTHER, world.THIRD = sys.argv[1:4]
    only = sys.argv[4] if len(sys.argv) > 4 else ""
    with world.at(world.HERE) as handle, world.at(world.OTHER) as other:
        world.BEGAN = world.descriptors()
        return tap.run([test_calls, test_locks, test_many], only, (handle, other))


if __name__ == "__main__":
    sys.exit(main())
