# SPDX-License-Identifier: GPL-2.0
"""Histories of locks for selftest: named ones, right and wrong, and random ones.

Each entry of MISTAKES must be reported under its rule; RIGHT must pass; DEATHS are
the mistakes that real implementations made (pitfalls), by number.
"""

import json

from judge import history, lock, order, timed


def line(client, call, ret, op, status="ok", name="l", kind="lock", **rest):
    """One line; what a result has goes there, all else is an argument."""
    res = {k: rest.pop(k) for k in ("token", "lease_ns", "index", "ok", "value", "errno") if k in rest}
    if "held" in rest:
        rest["token"] = rest.pop("held")
    return {"client": client, "call_ns": call, "return_ns": ret, "kind": kind, "op": op,
            "name": name, "args": rest, "result": res, "status": status}


def take(client, call, ret, token=None, session=None, **rest):
    if token is not None:
        rest["token"] = token
    return line(client, call, ret, "acquire", session=session or client, **rest)


def give(client, call, ret, held, session=None, **rest):
    return line(client, call, ret, "release", session=session or client, held=held, **rest)


def ask(client, call, ret, held, ok, **rest):
    return line(client, call, ret, "fencecheck", held=held, ok=ok, **rest)


def store(client, call, ret, held, ok, **rest):
    return ask(client, call, ret, held, ok, mode="resource", **rest)


def inc(client, call, ret, value=None, index=None, status="ok", fence=None, **rest):
    o = line(client, call, ret, "inc", status=status, name="c", kind="counter", **rest)
    for key, v in (("value", value), ("index", index)):
        if v is not None:
            o["result"][key] = v
    if fence:
        o["args"]["fence"] = {"name": fence[0], "token": fence[1]}
    return o


def killed(client, at, session, **rest):
    return line(client, at, at, "release", status="unknown", session=session, **rest)


RIGHT = [
    ("a lock handed on", [
        take(1, 10, 20, 5, lease_ns=100), give(1, 30, 40, 5),
        take(2, 25, 45, 6, lease_ns=100), give(2, 50, 60, 6)]),
    ("a release and the grants that it brings about, at one index", [
        take(1, 10, 20, 5, index=5), take(2, 12, 45, 9, index=9, mode="shared"),
        take(3, 13, 46, 10, index=9, mode="shared"), give(1, 30, 40, 5, index=9)]),
    ("sharers together, and refusals for reasons", [
        take(1, 10, 20, 5, mode="shared"), take(2, 10, 20, 6, mode="shared"),
        take(3, 25, 30, ok=False), take(4, 31, 90, 8), take(5, 40, 50, ok=False, mode="shared"),
        give(1, 60, 61, 5), give(2, 70, 80, 6)]),
    ("a holder that was killed, and the next one", [
        take(1, 10, 20, 5, lease_ns=1000), killed("k", 30, 1), take(2, 31, 40, 6)]),
    ("a killed holder whose token is not known to the killer", [
        take(1, 10, 20, 5), killed("k", 30, 1), take(2, 31, 40, 6)]),
    ("a lease that lapsed, and one that lived longer than promised", [
        take(1, 10, 20, 5, lease_ns=30), ask(9, 60, 70, 5, True), ask(9, 80, 90, 5, False),
        take(2, 75, 85, 6, lease_ns=30)]),
    ("dead, but still in the way", [
        take(1, 10, 20, 5), killed("k", 30, 1), ask(9, 31, 32, 5, False),
        take(2, 33, 34, ok=False), take(2, 35, 50, 7)]),
    ("an acquire of unknown outcome in the way", [
        take(1, 10, None, status="unknown"), take(2, 30, 40, ok=False), take(2, 50, 60, 7)]),
    ("the token of an acquire of unknown outcome, known from a list", [
        take(1, 10, None, status="unknown"), ask(2, 30, 40, 5, True)]),
    ("an upgrade by convert", [
        take(1, 10, 20, 5, mode="shared"), line(1, 30, 40, "convert", session=1, held=5,
                                                mode="exclusive", token=8),
        ask(2, 41, 42, 5, False), ask(2, 43, 44, 8, True), give(1, 50, 60, 8)]),
    ("a convert refused because of another sharer", [
        take(1, 10, 20, 5, mode="shared"), take(2, 10, 20, 6, mode="shared"),
        line(1, 30, 40, "convert", session=1, held=5, mode="exclusive", ok=False)]),
    ("fenced increments while it holds, and one refused when it does not", [
        take(1, 10, 20, 5, index=5), inc(1, 21, 30, 1, 6, fence=("l", 5)),
        give(1, 31, 40, 5, index=7), take(2, 41, 50, 8, index=8),
        inc(1, 51, 60, status="fail", errno="ESTALE", fence=("l", 5)),
        inc(2, 61, 70, 2, 9, fence=("l", 8))]),
    ("a resource that refuses a zombie", [
        take(1, 10, 20, 5, lease_ns=10), store(1, 21, 25, 5, True), take(2, 40, 50, 6),
        store(2, 51, 60, 6, True), store(1, 61, 70, 5, False), store(2, 71, 80, 6, True)]),
    ("a stale look by the own node", [
        take(1, 10, 20, 5, index=5), give(1, 30, 40, 5, index=7),
        ask(2, 50, 60, 5, True, consistency="local", index=6)]),
    ("a release by who holds nothing, refused", [
        take(1, 10, 20, 5), give(2, 30, 40, 5, session=2, ok=False), give(1, 50, 60, 5),
        give(1, 70, 80, 5, ok=False)]),
    ("tokens of two locks, in one order", [
        take(1, 10, 20, 5), take(2, 15, 30, 6, name="m"), take(3, 10, 40, 4, name="n")]),
]

MISTAKES = [
    ("two exclusive holders", "two holders",
     [take(1, 10, 20, 5), take(2, 30, 40, 6), give(1, 50, 60, 5)]),
    ("a shared one beside an exclusive one", "two holders",
     [take(1, 10, 20, 5), take(2, 30, 40, 6, mode="shared"), give(1, 50, 60, 5)]),
    ("an exclusive one beside a shared one", "two holders",
     [take(1, 10, 20, 5, mode="shared"), take(2, 30, 40, 6), give(1, 50, 60, 5)]),
    ("a grant although nothing has ended the one before", "two holders",
     [take(1, 10, 20, 5), take(2, 30, 40, 6)]),
    ("a grant within the lease of one who was not released", "two holders",
     [take(1, 10, 20, 5, lease_ns=100), take(2, 30, 40, 6)]),
    ("a grant before the holder was killed", "two holders",
     [take(1, 10, 20, 5), take(2, 30, 40, 6), killed("k", 50, 1)]),
    ("a kill of somebody else", "two holders",
     [take(1, 10, 20, 5), killed("k", 25, 7), take(2, 30, 40, 6)]),
    ("a convert to exclusive beside another sharer", "two holders",
     [take(1, 10, 20, 5, mode="shared"), take(2, 10, 20, 6, mode="shared"),
      line(1, 30, 40, "convert", session=1, held=5, mode="exclusive", token=8),
      give(2, 50, 60, 6)]),
    ("a grant in the middle of a convert", "two holders",
     [take(1, 10, 20, 5), line(1, 30, 60, "convert", session=1, held=5, mode="shared", token=8),
      take(2, 30, 60, 7, mode="shared"), give(2, 61, 62, 7)]),
    ("the token 0", "token 0", [take(1, 10, 20, 0)]),
    ("one token for two grants of a lock", "token twice",
     [take(1, 10, 20, 5), give(1, 21, 22, 5), take(2, 30, 40, 5)]),
    ("one token for two locks", "token twice",
     [take(1, 10, 20, 5), take(2, 10, 20, 5, name="m")]),
    ("tokens that go back", "tokens against real time",
     [take(1, 10, 20, 7), give(1, 21, 22, 7), take(2, 30, 40, 6)]),
    ("tokens that go back from one lock to another", "tokens against real time",
     [take(1, 10, 20, 7), take(2, 30, 40, 6, name="m")]),
    ("tokens that go back among sharers", "tokens against real time",
     [take(1, 10, 20, 7, mode="shared"), take(2, 30, 40, 6, mode="shared")]),
    ("a token that another lock's holder stands before", "tokens against real time",
     [take(1, 10, 20, 5), give(1, 50, 60, 5), take(2, 15, 70, 6),
      take(3, 15, 40, 7, name="m")]),
    ("a token below its index", "token below its index", [take(1, 10, 20, 5, index=6)]),
    ("tokens against the index", "tokens against index",
     [take(1, 10, 20, 9, index=8), take(2, 11, 21, 10, index=7, name="m")]),
    ("a release acknowledged twice", "ended twice",
     [take(1, 10, 20, 5), give(1, 30, 40, 5), give(1, 50, 60, 5)]),
    ("a release by another session", "another's token",
     [take(1, 10, 20, 5), give(2, 30, 40, 5)]),
    ("a release of a token that nobody was granted", "a token nobody was granted",
     [take(1, 10, 20, 5), give(1, 30, 40, 6)]),
    ("a check of a token that nobody was granted", "a token nobody was granted",
     [take(1, 10, 20, 5), ask(2, 30, 40, 6, True)]),
    ("a check of another lock's token", "a token nobody was granted",
     [take(1, 10, 20, 5), ask(2, 30, 40, 5, True, name="m")]),
    ("a check before the grant", "a token before its grant",
     [ask(2, 1, 5, 5, True), take(1, 10, 20, 5)]),
    ("a check that holds after the release", "a zombie was believed",
     [take(1, 10, 20, 5), give(1, 30, 40, 5), ask(2, 50, 60, 5, True)]),
    ("a check that holds again", "a zombie was believed",
     [take(1, 10, 20, 5, lease_ns=10), ask(2, 30, 40, 5, False), ask(2, 50, 60, 5, True)]),
    ("a check that does not hold within the lease", "lost early",
     [take(1, 10, 20, 5, lease_ns=100), ask(2, 30, 40, 5, False)]),
    ("a lease counted from the return and cut short", "lost early",
     [take(1, 10, 50, 5, lease_ns=100), ask(2, 60, 109, 5, False)]),
    ("a check that does not hold before anything has ended it", "lost early",
     [take(1, 10, 20, 5), ask(2, 30, 40, 5, False), give(1, 50, 60, 5)]),
    ("a release refused to who holds it", "lost early",
     [take(1, 10, 20, 5), give(1, 30, 40, 5, ok=False)]),
    ("a check that overlaps the grant, and finds it not held between", "lost early",
     [take(1, 10, 60, 5), ask(2, 15, 18, 5, True), ask(2, 30, 40, 5, False),
      give(1, 70, 80, 5)]),
    ("a fence that fails within the lease", "lost early",
     [take(1, 10, 20, 5, lease_ns=100),
      inc(1, 30, 40, status="fail", errno="ESTALE", fence=("l", 5))]),
    ("a refusal when nobody holds it", "a refusal without reason",
     [take(1, 10, 20, 5), give(1, 30, 40, 5), take(2, 50, 60, ok=False)]),
    ("a shared one refused beside sharers", "a refusal without reason",
     [take(1, 10, 20, 5, mode="shared"), take(2, 30, 40, ok=False, mode="shared")]),
    ("a shared one refused because of who waited before", "a refusal without reason",
     [take(1, 10, 20, 5, mode="shared"), take(3, 21, 25, status="fail"),
      take(2, 30, 40, ok=False, mode="shared")]),
    ("a convert refused with nobody else there", "a refusal without reason",
     [take(1, 10, 20, 5, mode="shared"),
      line(1, 30, 40, "convert", session=1, held=5, mode="exclusive", ok=False)]),
    ("a change under a fence that was released, by index", "index against lock",
     [take(1, 10, 20, 5, index=5), give(1, 30, 90, 5, index=6),
      inc(2, 30, 90, 1, 7, fence=("l", 5))]),
    ("a change under a fence that another's grant has ended, by index", "index against lock",
     [take(1, 10, 20, 5, lease_ns=5, index=5), take(2, 30, 90, 8, index=8),
      inc(1, 30, 90, 1, 9, fence=("l", 5))]),
    ("a release behind the next grant, by index", "index against lock",
     [take(1, 10, 20, 5, index=5), give(1, 30, 90, 5, index=9), take(2, 30, 90, 8, index=8)]),
    ("found not to hold between grant and release, by index", "index against lock",
     [take(1, 10, 20, 5, index=5), give(1, 30, 90, 5, index=9), ask(2, 30, 90, 5, False, index=7)]),
    ("found to hold before its grant, by index", "index against lock",
     [take(1, 10, 20, 5, index=5), ask(2, 10, 30, 5, True, index=4)]),
    ("one index for a release and an increment", "index twice",
     [take(1, 10, 20, 5, index=5), give(1, 30, 40, 5, index=6), inc(2, 30, 40, 1, 6)]),
    ("index against real time, from a lock to a counter", "index against real time",
     [take(1, 10, 20, 9, index=9), inc(2, 30, 40, 1, 6)]),
    ("a resource that lets a zombie in", "a zombie was let in",
     [take(1, 10, 20, 5, lease_ns=5), take(2, 30, 40, 6), store(2, 41, 50, 6, True),
      store(1, 51, 60, 5, True)]),
    ("a resource that refuses for nothing", "a refusal without reason",
     [take(1, 10, 20, 5, lease_ns=5), take(2, 30, 40, 6), store(1, 41, 50, 5, False),
      store(2, 51, 60, 6, True)]),
    ("a resource that lets in what nobody was granted", "a token nobody was granted",
     [take(1, 10, 20, 5), store(1, 41, 50, 7, True)]),
    ("a resource that lets in what is granted later", "a token before its grant",
     [store(1, 1, 5, 5, True), take(1, 10, 20, 5)]),
]

# What shipped somewhere: the numbers are those of the list of pitfalls.
DEATHS = [
    ("54: an acquire applied twice leaves a grant that nobody knows of", "a refusal without reason",
     [take(1, 10, 20, 6), give(1, 30, 40, 6), take(2, 50, 60, ok=False)]),
    ("54: a release applied twice frees the next holder, too", "two holders",
     [take(1, 10, 20, 5), give(1, 30, 40, 5), take(2, 41, 50, 6), take(3, 51, 60, 7),
      give(2, 70, 80, 6)]),
    ("54: an increment under a fence applied twice", "a value nobody made",
     [take(1, 10, 20, 5), inc(1, 21, 30, 2, 7, fence=("l", 5))]),
    ("62: the lease told from the reply on, and the next grant too early", "two holders",
     [take(1, 10, 60, 5, lease_ns=100), take(2, 70, 105, 6), take(3, 200, 210, 8, name="m")]),
    ("62: what a holder counts from its call may overlap with nothing", "two holders",
     [take(1, 100, 140, 5, lease_ns=100), take(2, 145, 199, 6, lease_ns=100),
      give(1, 250, 260, 5, ok=False)]),
    ("63: a session that had expired was renewed, and its token holds again", "a zombie was believed",
     [take(1, 10, 20, 5, lease_ns=50), ask(9, 70, 75, 5, False), ask(1, 80, 90, 5, True)]),
    ("63: a zombie's token holds beside the next holder's", "a zombie was believed",
     [take(1, 10, 20, 5, lease_ns=50), take(2, 70, 80, 6), ask(1, 90, 95, 5, True)]),
    ("63: a zombie's release is acknowledged after the next grant", "two holders",
     [take(1, 10, 20, 5, lease_ns=50), take(2, 70, 80, 6), give(1, 90, 95, 5)]),
    ("63: a zombie's change under its fence takes effect", "a zombie was believed",
     [take(1, 10, 20, 5, lease_ns=50), take(2, 70, 80, 6), inc(1, 90, 95, 1, fence=("l", 5))]),
    ("64: a zombie wakes and its write is let in", "a zombie was let in",
     [take(1, 10, 20, 5, lease_ns=50), store(1, 21, 25, 5, True), take(2, 70, 80, 6),
      store(2, 81, 85, 6, True), store(1, 90, 95, 5, True)]),
    ("61: expired before it was told that it would be", "two holders",
     [take(1, 10, 20, 5, lease_ns=50), take(2, 40, 55, 6)]),
    ("65: tokens begin anew with a name", "tokens against real time",
     [take(1, 10, 20, 50), give(1, 21, 30, 50), take(2, 40, 50, 1)]),
    ("66: a release with a stale token frees the new holder", "two holders",
     [take(1, 10, 20, 5, lease_ns=5), take(2, 30, 40, 6), give(1, 50, 60, 5, ok=False),
      take(3, 70, 80, 7), give(2, 90, 95, 6)]),
    ("67: a waiter that died was granted it", "a refusal without reason",
     [take(1, 10, 20, 5), take(2, 21, 30, status="fail"), give(1, 40, 50, 5),
      take(3, 60, 70, ok=False)]),
]

MALFORMED = [
    ("an operation that locks do not have", line(1, 1, 2, "steal", session=1)),
    ("an acquire without session", line(1, 1, 2, "acquire", token=5)),
    ("a grant without token", line(1, 1, 2, "acquire", session=1)),
    ("a release without token", line(1, 1, 2, "release", session=1)),
    ("a killed holder without session", line(1, 1, 2, "release", status="unknown")),
    ("an unknown mode", take(1, 1, 2, 5, mode="both")),
    ("an unknown mode of a check", ask(1, 1, 2, 5, True, mode="shared")),
    ("a token that is no number", take(1, 1, 2, "5")),
    ("a lease that is no number", take(1, 1, 2, 5, lease_ns=-1)),
    ("a fence without token", dict(inc(1, 1, 2, 1), args={"fence": {"name": "l"}})),
    ("a session that is a list", take(1, 1, 2, 5, session=[1])),
]


def load(objs):
    return history.parse([json.dumps(o) for o in objs])


def verdict(h):
    return lock.judge(h.ops) + order.judge([op for op in h.ops if op.status == "ok"])


# --- random ones ----------------------------------------------------------------

class World:
    """What all locks have together: time, tokens, and what was seen."""

    def __init__(self, rng):
        self.now, self.token, self.clients = rng.randint(1, 3), 0, 0
        self.lines = []
        self.slack = rng.choice((0, 2, 5))


class Sim:
    """A right lock that runs through small whole moments."""

    def __init__(self, rng, world, name):
        self.rng, self.world, self.name = rng, world, name
        self.held = {}              # token -> [session, shared, may end from, alive]
        self.past = []              # (token, session), whatever became of them
        self.queue = None           # who waits for it alone: (call, client)

    def _window(self, call=None):
        call = max(0, self.world.now - self.rng.randint(0, self.world.slack)) if call is None else call
        self.world.clients += 1
        return self.world.clients, call, self.world.now + self.rng.randint(0, self.world.slack)

    def _grant(self, shared, call=None):
        client, call, ret = self._window(call)
        self.world.token += self.rng.randint(1, 2)
        session = "s%d" % client
        o = take(client, call, ret, self.world.token, session, mode="shared" if shared else "exclusive")
        ends = None
        if self.rng.random() < 0.5:
            o["result"]["lease_ns"] = self.rng.choice((1, 3, 8))
            ends = call + o["result"]["lease_ns"]
        self.held[self.world.token] = [session, shared, ends, True]
        self.past.append((self.world.token, session, ret))
        self._saw(o)

    def _saw(self, o):
        o["name"] = self.name
        self.world.lines.append(o)

    def _free(self, shared):
        return not any(not (shared and h[1]) for h in self.held.values())

    def acquire(self):
        shared = self.rng.random() < 0.5
        dice = self.rng.random()
        if dice < 0.08:
            client, call, ret = self._window()
            self._saw(take(client, call, ret, mode="shared" if shared else "exclusive",
                                   status="unknown"))
        elif self._free(shared) and not self.queue:
            self._grant(shared)
        elif dice < 0.35 and not shared and not self.queue:
            client, call, _ = self._window()
            self.queue = (call, self.world.now)
        elif (shared and self.queue and self.held) or not self._free(shared):
            client, call, ret = self._window()
            self._saw(take(client, call, ret, ok=False,
                                   mode="shared" if shared else "exclusive"))

    def release(self):
        alive = [t for t, h in self.held.items() if h[3]]
        if not alive:
            return
        token = self.rng.choice(alive)
        client, call, ret = self._window()
        session = self.held[token][0]
        if self.rng.random() < 0.3:
            h = self.held[token]
            h[2] = self.world.now if h[2] is None else min(h[2], self.world.now)
            self._saw(killed(client, self.world.now, session, **(
                {"held": token} if self.rng.random() < 0.5 else {})))
            return
        self._saw(give(client, call, ret, token, session))
        del self.held[token]

    def end(self):
        """Time, or a death, takes its toll: in two steps."""
        for token, h in list(self.held.items()):
            if h[2] is not None and h[2] <= self.world.now and self.rng.random() < 0.6:
                if h[3] and self.rng.random() < 0.5:
                    h[3] = False
                else:
                    del self.held[token]

    def check(self):
        known = [(t, s) for t, s, ret in self.past if ret < self.world.now - self.world.slack]
        if not known:
            return
        token, session = self.rng.choice(known)
        holds = token in self.held and self.held[token][3]
        client, call, ret = self._window()
        if holds or self.rng.random() < 0.7:
            self._saw(ask(client, call, ret, token, holds))
        else:
            self._saw(give(client, call, ret, token, session, ok=False))

    def convert(self):
        alive = [t for t, h in self.held.items() if h[3]]
        if len(self.held) != 1 or not alive or self.queue:
            return
        token = alive[0]
        session = self.held.pop(token)[0]
        client, call, ret = self._window()
        self.world.token += 1
        mode = self.rng.choice(("shared", "exclusive"))
        self._saw(line(client, call, ret, "convert", session=session, held=token,
                               mode=mode, token=self.world.token))
        self.held[self.world.token] = [session, mode == "shared", None, True]
        self.past.append((self.world.token, session, ret))

    def step(self):
        self.world.now += self.rng.randint(0, 3)
        self.end()
        if self.queue and not self.held:
            self._grant(False, self.queue[0])
            self.queue = None
        what = self.rng.choices((self.acquire, self.release, self.check, self.convert),
                                (5, 3, 3, 1))[0]
        what()

    def end_of_queue(self):
        if self.queue:
            self.world.clients += 1
            self._saw(take(self.world.clients, self.queue[0], self.world.now, status="fail"))


def simulate(rng):
    """What was seen of one or two right locks."""
    world = World(rng)
    locks = [Sim(rng, world, name) for name in "lm"[:rng.choice((1, 1, 2))]]
    while len(world.lines) < rng.randint(2, 8):
        rng.choice(locks).step()
    for sim in locks:
        sim.end_of_queue()
    return world.lines


def tamper(rng, objs):
    """Change one thing; the result may or may not still be right."""
    o = rng.choice(objs)
    res, what = o["result"], rng.randint(0, 6)
    if what == 0 and o["op"] == "acquire" and "token" in res:
        res["token"] = max(1, res["token"] + rng.choice((-2, -1, 1, 2)))
    elif what == 1:
        shift = rng.randint(-6, 6)
        o["call_ns"] = max(0, o["call_ns"] + shift)
        o["return_ns"] = max(o["call_ns"], (o["return_ns"] or 0) + shift)
    elif what == 2 and o["status"] == "ok" and o["op"] == "fencecheck":
        res["ok"] = not res["ok"]
    elif what == 3 and len(objs) > 1:
        objs.remove(o)
    elif what == 4:
        o["return_ns"] = o["call_ns"] + rng.randint(0, 3)
    elif what == 5 and "lease_ns" in res:
        res["lease_ns"] += rng.choice((-2, 2, 6))
        res["lease_ns"] = max(0, res["lease_ns"])
    elif what == 6 and o["op"] == "acquire" and rng.random() < 0.3:
        o["name"] = rng.choice("lm")
    elif what == 6 and o["op"] == "acquire":
        o["args"]["mode"] = rng.choice(("shared", "exclusive"))


def _singular(h):
    """Is it of what the fast judge says that it decides exactly?"""
    tokens = {}
    for op in h.ops:
        if op.op in ("acquire", "convert") and op.status == "ok" and op.okay:
            if any(t == op.token for _, t in tokens):
                return False
            tokens[op.name, op.token] = op
    no = 0
    for op in h.ops:
        g = tokens.get((op.name, op.held))
        if op.status == "ok" and not op.okay:
            no += op.op == "acquire" or g is None or op.call <= g.ret
        if op.held is not None and g is None and any(
                m.status == "unknown" and m.op == "acquire" for m in h.ops):
            return False
    return no < 2


def one_round(rng):
    """(exact, right by the reference, right by the judge, was not touched, objects)."""
    objs = simulate(rng)
    clean = rng.random() < 0.3
    if not clean:
        for _ in range(rng.randint(2, 6)):
            tamper(rng, objs)
    h = load(objs)
    return _singular(h), timed.explains(h.ops), not verdict(h), clean, objs


# --- a large one -------------------------------------------------------------------

def _large_turn(rng, out, which, turn, free):
    """One holder of one lock: waits, takes it, looks, and lets go or is killed."""
    name, client = "lock-%d" % which, "%d.%d" % (which, turn)
    begin = free + rng.randint(1, 50)
    end = begin + rng.randint(20, 400)
    rest = {"name": name, "session": client}
    out.append((begin, take(client, max(1, begin - rng.randint(0, 300)), begin + 5,
                            lease_ns=10 ** 9, **rest)))
    out.append((begin, ask(client, begin + 6, begin + 9, None, True, name=name)))
    if rng.random() < 0.3:
        out.append((begin, take("r" + client, begin + 5, end - 6, ok=False, name=name)))
    if rng.random() < 0.05:
        out.append((begin, killed("k" + client, end - 5, client, name=name)))
    else:
        out.append((begin, give(client, end - 5, end, None, **rest)))
    return end


def large(rng, n, locks=40):
    """At least n operations on a few locks; tokens in the order of all grants."""
    out, free, turn = [], [1] * locks, 0
    while len(out) < n:
        turn += 1
        for which in range(locks):
            free[which] = _large_turn(rng, out, which, turn, free[which])
    out.sort(key=lambda o: o[0])
    token, now = 0, {}
    for _, o in out:
        if o["op"] == "acquire" and "ok" not in o["result"]:
            token += rng.randint(1, 3)
            now[o["name"]] = o["result"]["token"] = token
        elif o["op"] == "fencecheck" or (o["op"] == "release" and o["status"] == "ok"):
            o["args"]["token"] = now[o["name"]]
    return [o for _, o in out]


def spoil(rng, objs):
    """A grant too early for its token: when the one before it still held."""
    grants = {}
    for o in objs[len(objs) // 2:]:
        if o["op"] != "acquire" or "token" not in o["result"]:
            continue
        before = grants.get(o["name"])
        if before is not None:
            o["call_ns"] = before["call_ns"]
            o["return_ns"] = before["return_ns"] + 1
            return
        grants[o["name"]] = o
