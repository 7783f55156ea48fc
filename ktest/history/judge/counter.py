# SPDX-License-Identifier: GPL-2.0
"""Counters: inc, add, read, cas, delete.

As long as nothing but additions can have taken effect, the values themselves
give the order: an addition that answered v owns the range (v - delta, v], the
ranges may not overlap, a read shows an edge between two of them, and what no
acknowledged addition owns must be filled by additions of unknown outcome that
were called in time. Then real time and the index must agree with that order.
This is complete and, with one size of unknown addition, n log n.

Additions of one size by one handle that waited together may be one entry, a run:
they have one index, and their values follow each other. Only who says of what handle
it is can be in one. Those of unknown outcome may be anywhere in them: whether each is
of that handle, and was called in time, is not judged.

With a compare-and-set the value may go back. Where every operation has an
index, that is the order, and only the unknown ones are searched for; else the
general search decides.
"""

from bisect import bisect_right

from . import order, wgl
from .history import NEVER, U64_MAX, Malformed, Undecided, Violation

STATES = 100000
ADDS = ("inc", "add")
BY_INDEX = "index against value"
CHANGES = ADDS + ("cas", "delete")


def prepare(ops):
    """Check the arguments that only a counter knows; drop what did nothing."""
    for op in ops:
        if op.op not in CHANGES and op.op != "read":
            raise Malformed("line %d: a counter has no %s" % (op.line, op.op))
        for key in {"add": ("delta",), "cas": ("old", "new")}.get(op.op, ()):
            v = op.args.get(key)
            if isinstance(v, bool) or not isinstance(v, int) or not 0 <= v <= U64_MAX:
                raise Malformed("line %d: %s is not a u64" % (op.line, key))
        if op.status == "ok" and op.value is None and op.op in ADDS + ("read",):
            raise Malformed("line %d: ok without a value" % op.line)
    return [op for op in ops if op.status == "ok" or
            (op.status == "unknown" and not op.is_read)]


# --- the model: state is (value, place of the last operation) ------------------

# A place is (index, run): additions of that size may still come at that index; run 0:
# nothing but reads may.
START = (0, 0)


def run_of(op):
    """The size of the additions that op may share an index with; 0: with none."""
    return (op.amount or 0) if op.handle is not None else 0


def _place(op, last):
    """The place after op, None when its own does not fit behind last."""
    index, run = last
    if op.is_read:
        at = op.floor if op.index is None else op.index
        if op.index is None:
            return max(index, at), 0
        return (at, 0) if at >= max(index, op.floor) else None
    mine = run_of(op)
    same = mine and mine == run
    if op.status == "unknown" or op.index is None:
        return index + (not same), mine
    return (op.index, mine) if op.index > index or (same and op.index == index) else None


def _value(op, value):
    """The value after op, None when op cannot have answered what it did."""
    known = op.status == "ok"
    if op.op in ADDS:
        after = value + op.amount
        if after > U64_MAX or (known and op.value != after):
            return None
        return after
    if op.is_read:
        return value if op.value == value else None
    if op.op == "delete":
        return 0
    if (value == op.args["old"]) != op.okay:
        return None
    if not op.okay:
        return value if op.value in (None, value) else None
    return op.args["new"]


def step(state, op):
    """One step of the model, for the searches."""
    value = _value(op, state[0])
    last = _place(op, state[1])
    return None if value is None or last is None else (value, last)


# --- additions only ----------------------------------------------------------

def _start(op):
    return op.value if op.is_read else op.value - op.amount


def _sequence(known):
    """Known operations in the order of their values.

    A read of v stands behind the addition that ended at v and before the one
    that starts there; reads of one value in the order of their index.
    """
    return sorted(known, key=lambda op: (
        _start(op), not (op.is_read or op.amount == 0),
        op.place or 0))


class _Fill:
    """Which unknown additions fill the gaps: all ways at once.

    A way is (how many of each size are used, the last place). Sizes
    are all that matters: whoever was called early enough for one gap was so
    for every later gap, because the deadlines only grow.
    """

    def __init__(self, unknown):
        calls = {}
        for op in unknown:
            if op.amount:
                calls.setdefault((op.amount, run_of(op)), []).append(op.call)
        self.kinds = sorted(calls)
        self.sizes = [size for size, _ in self.kinds]
        self.calls = [sorted(calls[k]) for k in self.kinds]
        self.ways = {((0,) * len(self.sizes), START)}

    def _compose(self, gap, k, used, free):
        """Yield used for each way to fill gap with sizes from k."""
        if gap == 0:
            yield used
            return
        if k == len(self.sizes):
            return
        most = min(free[k] - used[k], gap // self.sizes[k])
        least = 0
        if k == len(self.sizes) - 1:
            if gap % self.sizes[k]:
                return
            least = gap // self.sizes[k]
        for n in range(least, most + 1):
            more = used[:k] + (used[k] + n,) + used[k + 1:]
            yield from self._compose(gap - n * self.sizes[k], k + 1, more, free)

    def _places(self, before, after, last):
        """Yield each place behind what was used from before to after: the earliest ones.

        All of one size can be one run, and the first can be that of last, if there is
        another one to be the last.
        """
        new = [(k[1], b - a) for k, a, b in zip(self.kinds, before, after) if b > a]
        alone = sum(n for run, n in new if not run)
        runs = [run for run, _ in new if run]
        for end in runs + [0] * (alone > 0):
            joins = last[1] in runs and (last[1] != end or (len(runs) == 1 and not alone))
            yield last[0] + alone + len(runs) - joins, end

    def _earliest(self, ways):
        """Who is further on with the same used can do nothing that the others cannot."""
        best = {}
        for used, (index, _) in ways:
            best[used] = min(index, best.get(used, index))
        return {way for way in ways if way[1][0] == best[way[0]]}

    def gap(self, size, deadline):
        """Fill size with unknown additions called by deadline; False: none can."""
        free = [bisect_right(c, deadline) for c in self.calls]
        ways = set()
        for used, last in self.ways:
            for all_ in self._compose(size, 0, used, free):
                ways.update((all_, place) for place in self._places(used, all_, last))
                if len(ways) > STATES:
                    raise Undecided("too many ways to fill the gaps")
        self.ways = self._earliest(ways) or self.ways
        return bool(ways)

    def place(self, op):
        """Let op take its place behind each way; False when it fits nowhere."""
        ways = {(used, _place(op, last)) for used, last in self.ways}
        ways = {way for way in ways if way[1] is not None}
        self.ways = ways or self.ways
        return bool(ways)


def _gap_words(name, lo, op, failed, ends):
    """A gap nobody can have filled; name a failed operation that would fit."""
    hi = _start(op)
    text = ("%s went from %d to %d, and no operation, acknowledged or of unknown "
            "outcome, can have made that step before this one returned" %
            (name, lo, hi))
    for bad in failed:
        if bad.op in ADDS and 0 < bad.amount <= hi - lo and bad.call <= ends:
            return Violation("a failed operation took effect", text +
                             "; the second one would fit, but it was reported "
                             "as having had no effect", op, bad)
    return Violation("a value nobody made", text, op)


def _overlap_words(op, prev, value):
    if prev is None:
        return Violation("below the first value", "the counter began at %d" % value, op)
    if op.is_read:
        return Violation("a value that never was", "the read shows %d, inside the "
                         "range that the other took at once" % op.value, op, prev)
    if op.value == prev.value:
        return Violation("value twice", "%d was handed out to both" % op.value, prev, op)
    return Violation("overlapping ranges", "(%d, %d] and (%d, %d] overlap" % (
        _start(prev), prev.value, _start(op), op.value), prev, op)


def _time_words(a, b):
    """a comes before b by value, but b had returned before a was called."""
    if a.is_read and b.is_read:
        rule, how = "reads went back", "showed %d after the other had shown %d"
    elif a.is_read:
        rule, how = "stale read", "showed %d after the other had made it %d"
    elif b.is_read:
        rule, how = "read from the future", (
            "made %d, but was called only after the other had shown %d")
    else:
        rule, how = "real-time inversion", (
            "answered %d although the other had returned %d before it was called")
    return Violation(rule, "the first " + how % (a.value, b.value), a, b)


def _walk(name, seq, fill, value, failed):
    """Values and indices along the sequence; a Violation or None."""
    ends, end = [], NEVER
    for op in reversed(seq):
        end = min(end, op.ret)
        ends.append(end)
    ends.reverse()
    prev = change = None
    for op, deadline in zip(seq, ends):
        lo = _start(op)
        if lo < value:
            return _overlap_words(op, change, value)
        if lo > value and not fill.gap(lo - value, deadline):
            return _gap_words(name, value, op, failed, deadline)
        if not fill.place(op):
            return Violation(BY_INDEX, "by value the second comes "
                             "after the first, by index it does not, or leaves no "
                             "place for what happened between", prev or op, op)
        value, prev = op.value, op
        change = change if op.is_read else op
    return None


def _groups(seq):
    """Equal places by value: an addition alone, reads of one value together."""
    groups = []
    for op in seq:
        flat = op.is_read or op.amount == 0
        if flat and groups and groups[-1][0] == (op.value, True):
            groups[-1][1].append(op)
        else:
            groups.append(((op.value, flat), [op]))
    return [ops for _, ops in groups]


def judge_adds(name, ops, first, failed=()):
    """The fast judge, where additions alone can have changed the counter."""
    known = [op for op in ops if op.status == "ok"]
    low = [op for op in known if not op.is_read and op.value < op.amount]
    if low:
        return [Violation("below its own addition", "the value after it is less "
                          "than what it added", low[0])]
    seq = _sequence(known)
    fill = _Fill([op for op in ops if op.status == "unknown"])
    bad = _walk(name, seq, fill, first, failed)
    if bad and bad.rule != BY_INDEX:
        return [bad]
    # The order by value stands even where the index contradicts it.
    return order.scan(_groups(seq), _time_words) + ([bad] if bad else [])


# --- with compare-and-set ----------------------------------------------------

def judge_ordered(ops, first, limit=wgl.LIMIT):
    """All known operations have an index, so that their order is given."""
    known = sorted((op for op in ops if op.status == "ok"),
                   key=lambda op: (op.index, op.is_read, op.value or 0))
    maybe = [op for op in ops if op.status == "unknown"]
    a, b = wgl.ordered(known, maybe, (first, START), step, limit)
    if b is None:
        return []
    text = "in the order of the index the second cannot have answered this after the first"
    return [Violation(BY_INDEX, text, *([a, b] if a else [b]))]


def judge_general(ops, first, limit=wgl.LIMIT):
    """The reference; complete for everything, feasible for little."""
    if wgl.search(ops, (first, START), step, limit):
        return []
    return [Violation("no order", "no order of these operations explains what "
                      "they answered")]


def judge(name, ops, init):
    """Violations of one counter's history; init is its first value or None."""
    failed = [op for op in ops if op.status == "fail"]
    ops = prepare(ops)
    first = init.value or 0 if init else 0
    if not any(op.op in ("cas", "delete") for op in ops):
        return judge_adds(name, ops, first, failed)
    if all(op.index is not None for op in ops if op.status == "ok"):
        return judge_ordered(ops, first)
    return judge_general(ops, first)
