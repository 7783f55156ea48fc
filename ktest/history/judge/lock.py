# SPDX-License-Identifier: GPL-2.0
"""Locks: acquire, convert, release, fencecheck, and fences on anything else.

Tokens rise over all grants of all locks, so they *are* the order of the grants:
nothing has to be searched for. What is left is when each grant began and ended,
within what was seen of it from outside:

    begin   between the acquire's call and its return
    end     released: between the release's call and its return. A holder that was
            killed: anywhere from then on. A lease of which nothing more was heard:
            anywhere from call + lease on (from the call, not from the return: the
            lease runs while the answer is on its way). Otherwise never
    check   of a token, or a change under its fence, that was answered "holds":
            between begin and end

All of that says "this before that", and bounds. So the earliest moments that
satisfy every "before" are found in one pass in the order of tokens, and the
history is right if and only if none of them is too late. The latest moments are
found by one pass backwards. n log n.

When a holder died, its fences fail first, and its locks are free a little later;
so "does not hold" and "still in the way" do not contradict each other then.

An acquire is refused with reason if somebody may be in its way at one moment
within it: for one that wanted it alone, anybody; for a shared one, who holds it
alone, or waits for that behind others. One that failed (its time was over) may
have been in the way while it lasted, even for a moment as the holder. Each refusal, and each "does not hold" that
overlaps the acquire of that very token, is judged by itself: what cannot be is
reported, but two that are possible each, and not together, are not noticed.

Not judged: who came first of those that wait, as nothing tells when they queued.
"""

from bisect import bisect_left
from collections import defaultdict, namedtuple

from . import order, resource
from .history import EVER, NEVER, Malformed, Violation

OPS = ("acquire", "convert", "release", "fencecheck")
MODES = ("exclusive", "shared")
CHECK_MODES = ("current", "resource")
# A fence that did not hold, or that the holder's own node did not believe in.
FENCED_OFF = ("ESTALE", "EKEYEXPIRED", "EKEYREVOKED")

# A moment, the operation from which it follows, and how.
Bound = namedtuple("Bound", "time op why")
AT_ALL = Bound(EVER, None, "")


def _later(a, b):
    return b if b.time > a.time else a


def _sooner(a, b):
    return b if b.time < a.time else a


class Grant:
    """One token. lo, hi: bounds of its end; over: the end that was acknowledged.

    begin, end: the earliest moments. latest_begin, latest_end: the latest.
    """

    __slots__ = ("op", "lock", "token", "shared", "before", "over", "lo", "hi", "limit",
                 "trues", "begin", "end", "latest_begin", "latest_end")

    def __init__(self, op):
        self.op, self.lock, self.token = op, op.name, op.token
        self.shared, self.before, self.over = op.shared, None, None
        self.lo = Bound(NEVER, op, "never")
        if op.lease is not None:
            self.lo = Bound(op.call + op.lease, op, "lease")
        self.hi = Bound(NEVER, None, "")
        self.limit = Bound(op.ret, op, "grant")
        self.trues = []


class Lock:
    """What one lock's operations were, sorted by what they say."""

    def __init__(self, name):
        self.name = name
        self.grants = []            # in the order of their tokens
        self.acquires = []          # all, whatever became of them
        self.failed = []            # of those: without a result
        self.maybe = []             # acquires and converts of unknown outcome
        self.refused = []           # acquires and converts
        self.releases = []
        self.checks = []            # current, and what was done under a fence
        self.early = []             # refused by a fence, maybe by the own node alone
        self.resource = []


# --- reading ------------------------------------------------------------------

def _form(op):
    """Check what only a lock knows."""
    if op.op not in OPS:
        raise Malformed("line %d: a lock has no %s" % (op.line, op.op))
    modes = CHECK_MODES if op.op == "fencecheck" else MODES
    if op.args.get("mode", modes[0]) not in modes:
        raise Malformed("line %d: unknown mode %r" % (op.line, op.args["mode"]))
    if isinstance(op.session, (dict, list, bool, float)):
        raise Malformed("line %d: session is neither integer nor string" % op.line)
    if op.op in ("acquire", "convert") and op.session is None:
        raise Malformed("line %d: %s without session" % (op.line, op.op))
    if op.op in ("acquire", "convert") and op.status == "ok" and op.okay and op.token is None:
        raise Malformed("line %d: a grant without token" % op.line)
    killed = op.op == "release" and op.status == "unknown" and op.session is not None
    if op.op != "acquire" and op.held is None and not killed:
        raise Malformed("line %d: %s without token" % (op.line, op.op))


def _sort_acquire(lock, op):
    lock.acquires.append(op)
    if op.status == "unknown":
        lock.maybe.append(op)
    elif op.status == "fail":
        lock.failed.append(op)
    elif not op.okay:
        lock.refused.append(op)
    else:
        lock.grants.append(Grant(op))


def _sort(locks, op):
    """Put one operation where it belongs."""
    if op.fence:
        lock = locks[op.fence[0]]
        if op.status == "ok":
            lock.checks.append((op, op.fence[1], True))
        elif op.status == "fail" and op.errno in FENCED_OFF:
            lock.early.append((op, op.fence[1]))
    if op.kind != "lock" or op.op == "init":
        return
    _form(op)
    lock = locks[op.name]
    if op.op in ("acquire", "convert"):
        _sort_acquire(lock, op)
    elif op.op == "release":
        lock.releases.append(op)
    elif op.args.get("mode") == "resource":
        lock.resource.append(op)
    elif op.status == "ok":
        lock.checks.append((op, op.held, op.okay))


def _collect(ops):
    locks = {}

    class Names(dict):
        def __missing__(self, name):
            locks[name] = self[name] = Lock(name)
            return self[name]

    names = Names()
    for op in ops:
        _sort(names, op)
    for lock in locks.values():
        lock.grants.sort(key=lambda g: g.token)
    return locks


# --- tokens ---------------------------------------------------------------------

def _token_words(a, b):
    return Violation("tokens against real time", "the first has the lower token, but was called "
                     "after the second had returned", a, b)


def _tokens(grants):
    """Never 0, each once, in the order of real time and of the index, not below that."""
    last = top = None
    out = order.scan([[g.op] for g in grants], _token_words)
    for g in grants:
        if g.token == 0:
            out.append(Violation("token 0", "no grant has the token 0", g.op))
        if last is not None and g.token == last.token:
            out.append(Violation("token twice", "%d was given to both" % g.token, last.op, g.op))
        last = g
        if g.op.index is None:
            continue
        if g.token < g.op.index:
            out.append(Violation("token below its index", "a token is at least the index of the "
                                 "entry that granted it", g.op))
        if top is not None and g.op.index < top.index:
            out.append(Violation("tokens against index", "the second has the higher token, and "
                                 "the lower index", top, g.op))
        top = g.op if top is None or g.op.index > top.index else top
    return out


# --- ends -------------------------------------------------------------------------

def _stranger(lock, op, what):
    """A token that no known grant of this lock has: an unknown one's, or nobody's."""
    if any(m.call <= op.ret for m in lock.maybe):
        return []
    return [Violation("a token nobody was granted", "%s, and no grant of %s had that token" %
                      (what, lock.name), op)]


def _over(g, op):
    """An acknowledged end."""
    if g.over is not None:
        return [Violation("ended twice", "both ended the grant of token %d" % g.token, g.over, op)]
    if op.session is not None and op.session != g.op.session:
        return [Violation("another's token", "the second ended what the first's session was granted",
                          g.op, op)]
    g.over = op
    g.hi = _sooner(g.hi, Bound(op.ret, op, op.op))
    g.lo = Bound(op.call, op, op.op)
    return []


def _convert(lock, by_token):
    """The old grant ends where the new one begins."""
    out = []
    for new in lock.grants:
        if new.op.op != "convert":
            continue
        old = by_token.get(new.op.held)
        if old is None:
            out += _stranger(lock, new.op, "it was converted")
            continue
        bad = _over(old, new.op)
        out += bad
        new.before = None if bad else old
    return out


def _ends(lock, by_token):
    """What ended each grant, or may have."""
    out = _convert(lock, by_token)
    for op in lock.releases:
        if op.status != "ok" or not op.okay:
            continue
        g = by_token.get(op.held)
        out += _over(g, op) if g else _stranger(lock, op, "its release was acknowledged")
    loose = defaultdict(list)
    for g in lock.grants:
        if g.over is None:
            loose[g.op.session].append(g)
    for op in lock.releases + lock.maybe:
        if op.status != "unknown" or op.op == "acquire":
            continue
        if op.held is None:
            gone = [g for g in loose[op.session] if g.op.call <= op.call]
        else:
            gone = [by_token[op.held]] if op.held in by_token else []
        for g in gone:
            if g.over is None:
                g.lo = _sooner(g.lo, Bound(op.call, op, "unknown"))
    return out


def _answers(lock, by_token):
    """Checks that said yes pin a grant; those that said no bound its end."""
    out, later = [], []
    no = [(op, op.held, False) for op in lock.releases if op.status == "ok" and not op.okay]
    for op, token, holds in lock.checks + no:
        g = by_token.get(token)
        if g is None:
            out += _stranger(lock, op, "it was found to hold") if holds else []
        elif holds:
            g.trues.append(op)
        elif op.op == "release" and op.session not in (None, g.op.session):
            continue
        elif op.eff_call > g.op.ret:
            g.hi = _sooner(g.hi, Bound(op.ret, op, "refused"))
        else:
            later.append((g, op))
    return out, later


# --- the earliest moments -------------------------------------------------------------

def _when(b):
    """What a bound follows from, in words about "the first"."""
    return {
        "call": "the first was called only after that",
        "release": "the first's release was called only after that",
        "convert": "the first was converted only after that",
        "lease": "the first's lease ran until %d" % b.time if b.time != NEVER else "",
        "never": "nothing has ended the first",
        "unknown": "it can have been let go only after that, without an answer",
        "check": "the first was found to hold after that",
    }[b.why]


def _late_grant(g, b):
    """g was granted before something that must have been over: b says what."""
    if b.op.name != g.lock and not (b.op.fence and b.op.fence[0] == g.lock):
        return Violation("tokens against real time", "the second has a higher token than a grant of "
                         "%s, which must come later: %s" % (b.op.name, _when(b)), b.op, g.op)
    if b.why == "check":
        return Violation("a zombie was believed", "the first took a token for current that the "
                         "second's grant had ended", b.op, g.op)
    return Violation("two holders", "the second was granted while the first certainly held: " +
                     _when(b), b.op, g.op)


def _late_answer(g, b, op):
    """op (a check that said yes, an end, a check that said no) came before b."""
    if b.op is g.op and b.why == "call":
        return Violation("a token before its grant", "the second knew a token that was granted later",
                         g.op, op)
    if b.why == "check":
        return Violation("a zombie was believed", "the first took the token for current after the "
                         "second had been answered, which had ended it", b.op, op)
    if b.why in ("lease", "never", "release", "convert", "unknown"):
        return Violation("lost early", "the second was told that the token holds no more, but " +
                         _when(b), b.op, op)
    return Violation("against the order of tokens", "the grant can only have begun after the "
                     "second was answered", b.op, op)


class _Forward:
    """The pass in the order of tokens; found: lock to its first Violation, or None."""

    def __init__(self):
        self.floor = AT_ALL                             # no grant begins before it
        self.any = defaultdict(lambda: AT_ALL)          # all who held have ended
        self.alone = defaultdict(lambda: AT_ALL)        # all exclusive ones have
        self.last = {}                                  # last grant
        self.last_alone = {}                            # last exclusive one
        self.found = {}

    def _fault(self, lock, violation):
        self.found[lock] = self.found.get(lock) or violation

    def _grant_fault(self, g, b):
        """What _tokens() has told already is not told again."""
        if g.limit.op is not g.op:
            self._fault(g.lock, _late_answer(g, b, g.limit.op))
        elif b.why != "call":
            self._fault(g.lock, _late_grant(g, b))
        else:
            self.found.setdefault(g.lock, None)

    def _between(self, g):
        """A convert is one moment: nobody was granted it in between."""
        last = self.last_alone.get(g.lock) if g.before.shared else self.last.get(g.lock)
        if last is not None and last is not g.before and last.token > g.before.token:
            self._fault(g.lock, Violation(
                "two holders", "the second was granted although the first was held until it was "
                "converted", g.before.op, last.op))

    def grant(self, g):
        b = _later(Bound(g.op.call, g.op, "call"), (self.alone if g.shared else self.any)[g.lock])
        if g.before is not None:
            self._between(g)
            g.limit = _sooner(g.limit, g.before.hi)
            b = _later(b, g.before.end)
        # What its own lock contradicts says more than what the order of all tokens does.
        late = b if b.time > g.limit.time else _later(b, self.floor)
        b = _later(b, self.floor)
        if late.time > g.limit.time:
            self._grant_fault(g, late)
            b = Bound(g.limit.time, g.op, "call")
        g.begin = b
        self.floor = _later(self.floor, b)
        g.end = self._end(g, b)
        self.any[g.lock] = _later(self.any[g.lock], g.end)
        self.last[g.lock] = g
        if not g.shared:
            self.alone[g.lock] = _later(self.alone[g.lock], g.end)
            self.last_alone[g.lock] = g

    def _end(self, g, b):
        end = _later(b, g.lo)
        for op in g.trues:
            at = _later(b, Bound(op.eff_call, op, "check"))
            if at.time > op.ret:
                self._fault(g.lock, _late_answer(g, at, op))
            else:
                end = _later(end, at)
        if end.time > g.hi.time:
            self._fault(g.lock, _late_answer(g, end, g.hi.op))
            end = Bound(g.hi.time, end.op, end.why)
        return end


def _backward(grants):
    """The latest moments, where the earliest ones have shown that there are any."""
    floor = NEVER
    follows, follows_alone = {}, {}
    for g in reversed(grants):
        after = (follows_alone if g.shared else follows).get(g.lock, NEVER)
        g.latest_end = min(after, g.hi.time if g.over is not None else NEVER)
        floor = min([floor, g.limit.time, after, g.hi.time] + [op.ret for op in g.trues])
        g.latest_begin = floor
        if g.before is not None:
            g.before.hi = _sooner(g.before.hi, Bound(floor, g.op, "convert"))
        follows[g.lock] = floor
        if not g.shared:
            follows_alone[g.lock] = floor


# --- refusals ---------------------------------------------------------------------

class _Spans:
    """A union of closed intervals."""

    def __init__(self, spans):
        self.begins, self.ends = [], []
        for b, e in sorted(s for s in spans if s[0] <= s[1]):
            if self.ends and b <= self.ends[-1]:
                self.ends[-1] = max(self.ends[-1], e)
            else:
                self.begins.append(b)
                self.ends.append(e)

    def meets(self, b, e):
        at = bisect_left(self.ends, b)
        return at < len(self.begins) and self.begins[at] <= e

    def common(self, other):
        """Their intersection, as a union again."""
        out, i, k = [], 0, 0
        while i < len(self.begins) and k < len(other.begins):
            b = max(self.begins[i], other.begins[k])
            e = min(self.ends[i], other.ends[k])
            if b <= e:
                out.append((b, e))
            if self.ends[i] < other.ends[k]:
                i += 1
            else:
                k += 1
        return _Spans(out)


def _waits(op, latest):
    """Until when an acquire that wants the lock alone may stand in the queue."""
    return latest.get(op.token, op.ret) if op.status == "ok" and op.okay else op.ret


class _InTheWay:
    """When somebody may have been in the way of whoever wants the lock."""

    def __init__(self, lock):
        held = [(g.begin.time, g.latest_end) for g in lock.grants]
        maybe = [(op.call, op.ret) for op in lock.maybe + lock.failed]
        alone = [(g.begin.time, g.latest_end) for g in lock.grants if not g.shared]
        alone += [(op.call, op.ret) for op in lock.maybe + lock.failed if not op.shared]
        latest = {g.token: g.latest_begin for g in lock.grants}
        queued = [(op.call, _waits(op, latest)) for op in lock.acquires if not op.shared]
        self.lock = lock
        self.of_any = _Spans(held + maybe)
        queue = _Spans(queued).common(self.of_any)
        self.of_shared = _Spans(alone + list(zip(queue.begins, queue.ends)))

    def _others(self, op):
        """A convert: anybody but itself, or it holds no more what it would convert."""
        for g in self.lock.grants:
            if g.token == op.held:
                if g.end.time <= op.ret:
                    return True
            elif g.begin.time <= op.ret and op.call <= g.latest_end:
                return True
        return any(m.call <= op.ret for m in self.lock.maybe + [
            a for a in self.lock.acquires if a is not op and a.ret >= op.call])

    def explains(self, op):
        if op.op == "convert":
            return self._others(op)
        return (self.of_shared if op.shared else self.of_any).meets(op.call, op.ret)


def _before(lock, op):
    """The last thing known of the lock before a refusal: what ended it, or the grant."""
    known = [g for g in lock.grants if g.op.ret <= op.ret]
    if not known:
        return []
    g = max(known, key=lambda g: g.token)
    return [g.over or g.op]


def _refusals(lock, later):
    out = []
    way = _InTheWay(lock) if lock.refused else None
    for op in lock.refused:
        if not way.explains(op):
            out.append(Violation("a refusal without reason", "it was refused, and nobody can have "
                                 "been in its way", *_before(lock, op), op))
            break
    for g, op in later:
        if op.eff_call > g.latest_begin and op.ret < g.end.time:
            out.append(Violation("lost early", "the second was told that the token does not hold, "
                                 "but it held all that time", g.op, op))
    return out


def _early(lock, by_token):
    """Refused under a fence: not before the grant may have ended for its own node."""
    out = []
    for op, token in lock.early:
        g = by_token.get(token)
        if g is not None and op.call > g.op.ret and op.ret < g.lo.time:
            out.append(Violation("lost early", "the second was refused under a fence that held: " +
                                 _when(g.lo), g.lo.op, op))
    return out


# --- by index -----------------------------------------------------------------------

BY_INDEX = "index against lock"


def _index_ends(lock):
    """Yield each grant with an index, and (index, op) of what ended it at the latest."""
    follows = follows_alone = None
    for g in reversed(lock.grants):
        after = follows_alone if g.shared else follows
        ends = [(op.index, op) for op in (g.over, after) if op is not None and op.index is not None]
        if g.op.index is not None:
            yield g, min(ends, key=lambda e: e[0], default=(NEVER, None))
            if after is not None and g.over is not None and g.over.index is not None and \
                    after.index is not None and after.index < g.over.index:
                yield g, None
        follows = g.op
        follows_alone = follows_alone if g.shared else g.op


def _by_index(lock, by_token):
    """Where places are told, they must tell the same story."""
    ends = {}
    for g, end in _index_ends(lock):
        if end is None:
            return [Violation(BY_INDEX, "the first was released after another had been granted it, "
                              "by index", g.over, g.op)]
        ends[g.token] = end
    for op, token, holds in lock.checks:
        if op.index is None or token not in ends:
            continue
        g, (index, ended) = by_token[token], ends[token]
        if holds and op.index < g.op.index:
            return [Violation(BY_INDEX, "it was found to hold at an index before its grant", g.op, op)]
        if holds and op.index >= index:
            return [Violation(BY_INDEX, "it was found to hold at an index at which the first had "
                              "ended it", ended, op)]
        sure = g.over is not None and g.over.index is not None and ended is g.over
        if not holds and sure and g.op.index <= op.index < index:
            return [Violation(BY_INDEX, "it was found not to hold at an index between its grant and "
                              "its end", g.op, op)]
    return []


# --- all of it ----------------------------------------------------------------------------

def judge(ops):
    """Violations of all locks of a history, given all its operations."""
    locks = _collect(ops)
    grants = sorted((g for lock in locks.values() for g in lock.grants), key=lambda g: g.token)
    out, tables, later = _tokens(grants), {}, {}
    for name, lock in sorted(locks.items()):
        by_token = tables[name] = {g.token: g for g in lock.grants}
        out += _ends(lock, by_token)
        bad, later[name] = _answers(lock, by_token)
        out += bad
    forward = _Forward()
    for g in grants:
        forward.grant(g)
    _backward(grants)
    for name, lock in sorted(locks.items()):
        if name in forward.found:
            out += [forward.found[name]] if forward.found[name] else []
        else:
            out += _refusals(lock, later[name])
        out += _early(lock, tables[name]) + _by_index(lock, tables[name])
        out += resource.judge(lock, tables[name], _stranger)
    return out
