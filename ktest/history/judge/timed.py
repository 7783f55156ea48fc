# SPDX-License-Identifier: GPL-2.0
"""The reference for locks: a machine that runs through whole moments.

lock.py reasons about bounds; this tries everything, and knows nothing of bounds.
At each moment, whatever was called and has not returned may take effect, in any
order; who died, or whose lease is over, may lose the lock, in two steps: the
token holds no more, then the lock is free. All times are integers and both ends
are included, so that if there is any explanation, there is one at whole moments.
For a handful of operations.
"""

from collections import namedtuple

from .history import NEVER, Undecided

LIMIT = 400000

# left: operations to come; held: Holders; last: token that was given; unknown: acquires
# without a result that took effect.
State = namedtuple("State", "left held last unknown")
# alive: the token still holds. token: the operation itself, where it is not known.
Holder = namedtuple("Holder", "lock token session shared alive")


def _conflict(held, op):
    return any(h.lock == op.name and not (op.shared and h.shared) for h in held)


def _deaths(ops):
    """(lock, token) -> the earliest moment from which it may end by itself."""
    ends = {}
    grants = [op for op in ops if op.op in ("acquire", "convert") and op.status == "ok" and op.okay]
    losses = [op for op in ops if op.status == "unknown" and op.op in ("release", "convert")]
    for g in grants:
        at = [NEVER if g.lease is None else g.call + g.lease]
        at += [op.call for op in losses if op.name == g.name and
               (op.held == g.token or op.held is None and op.session == g.session and g.call <= op.call)]
        ends[g.name, g.token] = min(at)
    return ends


class _Machine:
    def __init__(self, ops):
        self.known = [op for op in ops if op.status == "ok" and op.args.get("mode") != "resource"]
        # What failed may have held it, but not for longer than it lasted.
        self.maybe = [op for op in ops if op.status != "ok" and op.op == "acquire"]
        self.wants = [op for op in ops if op.op in ("acquire", "convert") and not op.shared]
        self.deaths = _deaths(ops)

    def _queued(self, state, now, but):
        """Does anybody wait for the lock alone?"""
        for op in self.wants:
            if op is but or op.call > now or op.name != but.name:
                continue
            if op.status == "ok" and op.okay:
                if op in state.left:
                    return True
            elif op.status == "unknown":
                if op not in state.unknown:
                    return True
            elif now <= op.ret:
                return True
        return False

    def _refused(self, state, now, op):
        if _conflict(state.held, op):
            return True
        return op.shared and any(h.lock == op.name for h in state.held) and self._queued(state, now, op)

    def _effect(self, state, now, op):
        """(held, last) after op, or None."""
        held, last = state.held, state.last
        if op.op == "acquire":
            if not op.okay:
                return (held, last) if self._refused(state, now, op) else None
            if op.token <= last or _conflict(held, op):
                return None
            return held | {Holder(op.name, op.token, op.session, op.shared, True)}, op.token
        mine = next((h for h in held if h[:2] == (op.name, op.held) and h.alive), None)
        if op.op == "fencecheck":
            return (held, last) if op.okay == (mine is not None) else None
        if op.op == "release":
            good = mine is not None and mine.session == op.session
            if op.okay != good:
                return None
            return (held - {mine} if good else held), last
        if not op.okay:
            others = [h for h in held if h.lock == op.name and h is not mine]
            return (held, last) if mine is None or others else None
        if mine is None or mine.session != op.session or op.token <= last or \
                _conflict(held - {mine}, op):
            return None
        return held - {mine} | {Holder(op.name, op.token, op.session, op.shared, True)}, op.token

    def _steps(self, state, now):
        for op in state.left:
            if op.call <= now:
                after = self._effect(state, now, op)
                if after is not None:
                    yield State(state.left - {op}, after[0], after[1], state.unknown)
        for h in state.held:
            if isinstance(h.token, int) and self.deaths.get(h[:2], NEVER) > now:
                continue
            rest = state.held - {h}
            if h.alive:
                yield state._replace(held=rest | {h._replace(alive=False)})
            else:
                yield state._replace(held=rest)
        for op in self.maybe:
            if op not in state.unknown and op.call <= now <= op.ret and \
                    not _conflict(state.held, op):
                yield state._replace(held=state.held | {Holder(op.name, op, op.session, op.shared, False)},
                                     unknown=state.unknown | {op})

    def explain(self):
        # The times that matter, and the gaps between them do not.
        times = sorted({t for op in self.known + self.maybe for t in (op.call, op.ret) if t != NEVER} |
                       {t for t in self.deaths.values() if t != NEVER} | {0} |
                       {t for op in self.wants for t in (op.call, op.ret) if t != NEVER})
        states = {State(frozenset(self.known), frozenset(), 0, frozenset())}
        count = 0
        for now in times:
            reached, todo = set(states), list(states)
            while todo:
                for after in self._steps(todo.pop(), now):
                    if after not in reached:
                        reached.add(after)
                        todo.append(after)
                count += 1
                if count > LIMIT:
                    raise Undecided("too many states")
            states = {s for s in reached if all(op.ret > now for op in s.left) and
                      all(isinstance(h.token, int) or h.token.ret > now for h in s.held)}
            if not states:
                return False
        return True


def explains(ops):
    """Does some order of operations on locks explain what they answered?

    Tokens are expected to be unique, and converts of unknown outcome to be absent.
    """
    return _Machine(ops).explain()
