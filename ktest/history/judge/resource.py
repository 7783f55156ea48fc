# SPDX-License-Identifier: GPL-2.0
"""A resource that checks tokens: it lets none in that is below one it has let in.

So what it let in has the order of the tokens, and a refusal needs a higher one that
may have been let in before it: each at the earliest moment that this order leaves.
"""

from bisect import bisect_left, bisect_right

from . import order
from .history import EVER, Violation


def _zombie(a, b):
    return Violation("a zombie was let in", "the first was let in with the token %d after the second "
                     "had shown %d" % (a.held, b.held), a, b)


def judge(lock, by_token, stranger):
    """Violations of what one lock's resource let in; stranger words an unknown token."""
    out = []
    seen = [op for op in lock.resource if op.status == "unknown" or (op.status == "ok" and op.okay)]
    seen.sort(key=lambda op: op.held)
    let_in = [op for op in seen if op.status == "ok"]
    groups = []
    for op in let_in:
        g = by_token.get(op.held)
        if g is None:
            out += stranger(lock, op, "it was let in")
        elif g.op.call > op.ret:
            out.append(Violation("a token before its grant", "the second showed a token that was "
                                 "granted later", g.op, op))
        if not groups or groups[-1][0].held != op.held:
            groups.append([])
        groups[-1].append(op)
    out += order.scan(groups, _zombie)
    return out + _refusals(lock, seen)


def _refusals(lock, seen):
    """A refusal needs a higher token that may have been let in before it."""
    first, top = [], EVER
    for i, op in enumerate(seen):
        if i and seen[i - 1].held < op.held:
            top = max([top] + [o.call for o in seen[bisect_left(seen, seen[i - 1].held, key=_held):i]
                               if o.status == "ok"])
        first.append(max(top, op.call))
    for i in range(len(first) - 2, -1, -1):
        first[i] = min(first[i], first[i + 1])
    for op in lock.resource:
        if op.status != "ok" or op.okay:
            continue
        at = bisect_right(seen, op.held, key=_held)
        if at == len(seen) or first[at] > op.ret:
            return [Violation("a refusal without reason", "no higher token can have been let in "
                              "before", op)]
    return []


def _held(op):
    return op.held
