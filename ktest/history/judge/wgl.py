# SPDX-License-Identifier: GPL-2.0
"""The general search: is there one order that explains the history?

Wing & Gong's search with Lowe's memory of configurations. A model is a
function step(state, op) that returns the next state or None when op cannot
have happened in that state. The cost is exponential in the number of
operations that overlap; the fast judges are held against it on small ones.
"""

from .history import NEVER, Undecided

LIMIT = 2000000


def _window(known, first, done):
    """Undone known operations that may come next, and the time that bounds it.

    None may be placed before one that had returned before it was called.
    """
    end, idle = NEVER, []
    for i in range(first, len(known)):
        if known[i].eff_call > end:
            break
        if i not in done:
            idle.append(i)
            end = min(end, known[i].ret)
    # Ties overlap: what returns at t and what is called at t are concurrent.
    return [i for i in idle if known[i].eff_call <= end], end


def _advance(known, first, done, i):
    """Mark i as done; first is the smallest index not yet done."""
    done = done | {i}
    while first in done:
        done = done - {first}
        first += 1
    return first, done


def search(ops, state, step, limit=LIMIT):
    """True when some order explains ops; status fail must be filtered out.

    An operation of unknown outcome may be placed anywhere after its call, or
    nowhere. Undecided when limit configurations were not enough.
    """
    known = sorted((op for op in ops if op.status == "ok"),
                   key=lambda op: op.eff_call)
    maybe = [op for op in ops if op.status == "unknown"]
    stack = [(0, frozenset(), frozenset(), state)]
    seen = set(stack)
    while stack:
        first, done, used, state = stack.pop()
        if first == len(known):
            return True
        nexts = []
        ready, end = _window(known, first, done)
        for j, op in enumerate(maybe):
            if j in used or op.call > end:
                continue
            after = step(state, op)
            if after is not None:
                nexts.append((first, done, used | {j}, after))
        for i in ready:
            after = step(state, known[i])
            if after is not None:
                nexts.append(_advance(known, first, done, i) + (used, after))
        for conf in nexts:
            if conf not in seen:
                seen.add(conf)
                stack.append(conf)
        if len(seen) > limit:
            raise Undecided("more than %d configurations" % limit)
    return False


def ordered(known, maybe, state, step, limit=LIMIT):
    """The search where the order of the known operations is given.

    Only those of unknown outcome are to be placed, and only where the next
    known one does not fit without: an operation that fits sees no difference,
    and whatever could be placed before it can still be placed after it.
    Those with the same effect are interchangeable, the earlier call first,
    because a later place has the later deadline.
    Returns (None, None) when explained, else the pair between which it fails.
    """
    ends, end = [], NEVER
    for op in reversed(known):
        end = min(end, op.ret)
        ends.append(end)
    ends.reverse()
    kinds = {}
    for op in sorted(maybe, key=lambda op: op.call):
        kinds.setdefault((op.op, tuple(sorted(op.args.items()))), []).append(op)
    kinds = list(kinds.values())
    deepest = 0
    stack = [(0, (0,) * len(kinds), state)]
    seen = set(stack)
    while stack:
        at, used, state = stack.pop()
        deepest = max(deepest, at)
        if at == len(known):
            return None, None
        after = step(state, known[at])
        if after is not None:
            confs = [(at + 1, used, after)]
        else:
            confs = []
            for k, same in enumerate(kinds):
                n = used[k]
                if n < len(same) and same[n].call <= ends[at]:
                    after = step(state, same[n])
                    if after is not None:
                        confs.append((at, used[:k] + (n + 1,) + used[k + 1:], after))
        for conf in confs:
            if conf not in seen:
                seen.add(conf)
                stack.append(conf)
        if len(seen) > limit + len(known):
            raise Undecided("more than %d configurations" % limit)
    return known[deepest - 1] if deepest else None, known[deepest]
