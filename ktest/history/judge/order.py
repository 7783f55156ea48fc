# SPDX-License-Identifier: GPL-2.0
"""What the index promises, for all names and kinds together.

Every operation's index is its place in the one order that all members agree
on. Changes have places of their own, but for additions of one handle to one counter
that waited together (a run); a read stands at the place of the last entry that it reflects,
after the changes of that index. So, where a comes
before b in that order, b must not have returned before a was called. A pair
is enough: a longer cycle of "before in the order" and "returned before called"
always contains a contradicting pair.
"""

from .history import EVER, Violation


def scan(groups, describe):
    """First pair (a, b), a in an earlier group, with b.ret < a's call.

    groups: lists of operations, in order; no order within a group is implied.
    Returns a list of at most one Violation, as describe(a, b) words it.
    """
    latest = None
    top = EVER
    for group in groups:
        if latest is not None:
            for b in group:
                if b.ret < top:
                    return [describe(latest, b)]
        for a in group:
            if a.eff_call > top:
                top, latest = a.eff_call, a
    return []


def _words(a, b):
    return Violation(
        "index against real time",
        "index %d comes before index %d, but the second had returned before "
        "the first was called" % (a.place, b.place), a, b)


def _places(ops):
    """Groups of equal place: (index, changes first), ascending."""
    ranked = sorted(((op.place, op.is_read), i) for i, op in enumerate(ops))
    groups, last = [], None
    for rank, i in ranked:
        if rank != last:
            groups.append([])
            last = rank
        groups[-1].append(ops[i])
    return groups


def _run(group):
    """Additions of one size to one counter, by one handle and under no fence?"""
    kinds = {(op.kind, op.name, op.amount, op.handle) for op in group}
    return (len(kinds) == 1 and group[0].amount and group[0].handle is not None and
            not any(op.fence for op in group))


def _twice(group):
    """Two changes of one place that cannot be one entry, or None.

    A release and all grants that it brings about are one; so are the grants of an
    expiry. So are additions of one handle that waited together: none had returned when
    another was called. Nothing else is.
    """
    if _run(group):
        first = min(group, key=lambda op: op.ret)
        last = max(group, key=lambda op: op.call)
        return (first, last) if first.ret < last.call else None
    alone = [op for op in group if op.op not in ("acquire", "convert")]
    if len(alone) > 1:
        return alone[:2]
    if alone and len(group) > 1 and alone[0].op != "release":
        return [alone[0]] + [op for op in group if op is not alone[0]][:1]
    return None


def judge(ops, shared_index=False):
    """Violations of the index over operations that ended ok.

    shared_index: several changes of one client may stand in one entry.
    """
    out = []
    for op in ops:
        if op.is_read and op.index is not None and op.index < op.floor:
            out.append(Violation(
                "older than asked", "the read asked for a state at index %d or "
                "later and was shown index %d" % (op.floor, op.index), op))
    groups = _places([op for op in ops if op.place is not None])
    for group in groups:
        both = not group[0].is_read and not shared_index and _twice(group)
        if both:
            out.append(Violation(
                "index twice", "two changes claim the same place %d in the one "
                "order" % group[0].index, *both))
    return out + scan(groups, _words)
