# SPDX-License-Identifier: GPL-2.0
"""Judges for recorded histories: one module per kind of object.

history.py  reads and validates the file; it knows no kind's meaning
order.py    what the index promises, over all names and kinds together
wgl.py      the general search (Wing & Gong, Lowe), the reference
counter.py  counters: the model for the search, and a fast complete judge
lock.py     locks, all together, as their tokens are one sequence; and fences
resource.py who checks tokens outside of the cluster
timed.py    locks as a machine that runs through whole moments, the reference

A new kind is a module with judge(name, ops, init) that returns a list of
Violation, and a line in KINDS. Locks have judge(ops), of all operations.
"""

from . import counter

KINDS = {"counter": counter}
