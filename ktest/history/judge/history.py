# SPDX-License-Identifier: GPL-2.0
"""Histories as files: one JSON object a line, '#' starts a comment line.

What is checked here is form, so that a judge may trust what it is given:
known words, integers that are u64, times in order, and one operation at a
time for each client.
"""

import json

U64_MAX = (1 << 64) - 1
# An operation of unknown outcome has no end; a stale read has no beginning.
NEVER = float("inf")
EVER = float("-inf")

STATUSES = ("ok", "fail", "unknown")


class Malformed(Exception):
    """The input is not a history; nothing can be said about it."""


class Undecided(Exception):
    """The search gave up at its limit: neither right nor wrong is proved."""


class Violation:
    """One contradiction, in words, with the operations it is between."""

    def __init__(self, rule, text, *ops):
        self.rule = rule
        self.text = text
        self.ops = ops

    def __str__(self):
        lines = ["%s: %s" % (self.rule, self.text)]
        lines += ["    " + str(op) for op in self.ops]
        return "\n".join(lines)


class Op:
    """One operation; times in ns of one monotonic clock, both ends included.

    strong: takes effect between call and return. A weak read (local, or at
    least some index) may show an older state, never one newer than its return.
    floor: the smallest index a weak read was told to be at, else 0.
    handle: through which open file, shared by several clients; None: its own alone.
    token: what an acquire or convert was given. held: what a release, convert or
    fencecheck names. fence: (lock, token) under which the operation was made.
    """

    __slots__ = ("line", "client", "call", "ret", "kind", "op", "name", "args",
                 "status", "value", "index", "strong", "floor", "okay",
                 "token", "held", "lease", "fence", "errno", "handle")

    def _lock_words(self):
        said = [self.args[k] for k in ("mode",) if k in self.args]
        said += ["session %s" % self.session] if self.session is not None else []
        said += ["token %d" % self.held] if self.held is not None else []
        return "%s(%s)" % (self.op, ", ".join(said))

    def __str__(self):
        what = self._lock_words() if self.kind == "lock" else self.op
        if self.op == "add":
            what = "add(%d)" % self.args["delta"]
        elif self.op == "cas":
            what = "cas(%s, %s)" % (self.args["old"], self.args["new"])
        elif self.op == "read" and not self.strong:
            what = "read(%s)" % self.args["consistency"]
        said = self.status
        if self.status == "ok":
            said = "refused" if not self.okay else "ok"
            if self.value is not None:
                said += ", value %d" % self.value
            if self.token is not None:
                said += ", token %d" % self.token
            if self.lease is not None:
                said += ", lease %d" % self.lease
            if self.index is not None:
                said += ", index %d" % self.index
        if self.fence:
            what += " under %s's token %d" % self.fence
        end = "?" if self.ret == NEVER else "%d" % self.ret
        return "line %d: client %s, %s %s, called %d, returned %s: %s" % (
            self.line, self.client, what, self.name, self.call, end, said)

    @property
    def eff_call(self):
        """The earliest moment at which it can stand in the one order."""
        return self.call if self.strong else EVER

    @property
    def place(self):
        """The index at which it must stand at least; None when nothing is said."""
        return self.index if self.index is not None else self.floor or None

    @property
    def is_read(self):
        return self.op == "read" or (self.op == "fencecheck" and
                                     self.args.get("mode") != "resource")

    @property
    def session(self):
        return self.args.get("session")

    @property
    def amount(self):
        """What an addition to a counter adds; None: it is none."""
        return {"inc": 1, "add": self.args.get("delta")}.get(self.op)

    @property
    def shared(self):
        return self.args.get("mode") == "shared"


def _uint(line, obj, key, need=False):
    v = obj.get(key)
    if v is None and not need:
        return None
    if isinstance(v, bool) or not isinstance(v, int) or not 0 <= v <= U64_MAX:
        raise Malformed("line %d: %s is not a u64: %r" % (line, key, v))
    return v


def _consistency(line, op):
    """Set strong and floor from args.consistency of a read."""
    c = op.args.get("consistency", "linearizable")
    if c == "linearizable":
        return
    op.strong = False
    if c == "local":
        return
    if c == "index":
        c = "index=%s" % op.args.get("index")
    if isinstance(c, str) and c.startswith("index=") and c[6:].isdigit():
        op.floor = int(c[6:])
        op.args["consistency"] = c
        return
    raise Malformed("line %d: unknown consistency %r" % (line, c))


def _times(line, obj, op):
    op.call = _uint(line, obj, "call_ns", need=True)
    ret = _uint(line, obj, "return_ns", need=op.status != "unknown")
    if ret is not None and ret < op.call:
        raise Malformed("line %d: returns before it is called" % line)
    op.ret = NEVER if op.status == "unknown" else ret
    return op.call if ret is None else ret


def _lock_fields(line, op, res):
    """What the judges of locks read, and the fence that any operation may have."""
    op.token, op.lease = _uint(line, res, "token"), _uint(line, res, "lease_ns")
    op.held, op.fence = _uint(line, op.args, "token"), None
    op.errno = res.get("errno")
    fence = op.args.pop("fence", None)
    if fence is None:
        return
    if not isinstance(fence, dict) or not isinstance(fence.get("name"), str):
        raise Malformed("line %d: a fence has a name and a token" % line)
    op.fence = (fence["name"], _uint(line, fence, "token", need=True))


def parse_line(line, obj):
    """One object to an Op and the time at which its client was free again."""
    op = Op()
    op.line = line
    for key in ("kind", "op", "name"):
        if not isinstance(obj.get(key), str):
            raise Malformed("line %d: %s is missing or no string" % (line, key))
    op.kind, op.op, op.name = obj["kind"], obj["op"], obj["name"]
    op.op = {"get": "read", "put": "write"}.get(op.op, op.op)
    op.args = obj.get("args") or {}
    res = obj.get("result") or {}
    if not isinstance(op.args, dict) or not isinstance(res, dict):
        raise Malformed("line %d: args and result are objects" % line)
    op.strong, op.floor, op.okay = True, 0, True
    op.value, op.index = _uint(line, res, "value"), _uint(line, res, "index")
    _lock_fields(line, op, res)
    op.client, op.status = obj.get("client"), obj.get("status")
    op.handle = obj.get("handle")
    if op.op == "init":
        return op, None
    if op.status not in STATUSES:
        raise Malformed("line %d: status %r" % (line, op.status))
    if isinstance(op.client, bool) or not isinstance(op.client, (int, str)):
        raise Malformed("line %d: client is missing" % line)
    if isinstance(op.handle, bool) or not isinstance(op.handle, (int, str, type(None))):
        raise Malformed("line %d: handle is neither integer nor string" % line)
    op.okay = res.get("ok", True)
    if not isinstance(op.okay, bool):
        raise Malformed("line %d: result.ok is not a boolean" % line)
    if op.is_read:
        _consistency(line, op)
    return op, _times(line, obj, op)


def _one_at_a_time(spans):
    """A client is one sequential caller; anything else is a broken recorder."""
    for client, list_ in spans.items():
        list_.sort(key=lambda s: (s[0], s[1]))
        for (_, free, first), (call, _, second) in zip(list_, list_[1:]):
            if call < free:
                raise Malformed("client %s: line %d begins before line %d ends"
                                % (client, second, first))


class History:
    """objects: (kind, name) -> [Op]; init: (kind, name) -> Op; ops: all."""

    def __init__(self):
        self.ops = []
        self.objects = {}
        self.init = {}

    def add(self, op):
        key = (op.kind, op.name)
        if op.op == "init":
            if key in self.init:
                raise Malformed("line %d: a second init of %s" % (op.line, op.name))
            self.init[key] = op
            self.objects.setdefault(key, [])
            return
        self.ops.append(op)
        self.objects.setdefault(key, []).append(op)


def parse(lines):
    """Lines (bytes or str) to a History; Malformed names the line."""
    h, spans = History(), {}
    for n, text in enumerate(lines, 1):
        text = text.strip()
        if not text or text[:1] in ("#", b"#"):
            continue
        try:
            obj = json.loads(text)
        except ValueError as e:
            raise Malformed("line %d: not JSON: %s" % (n, e)) from None
        if not isinstance(obj, dict):
            raise Malformed("line %d: not an object" % n)
        op, free = parse_line(n, obj)
        h.add(op)
        if op.op != "init":
            spans.setdefault(op.client, []).append((op.call, free, n))
    _one_at_a_time(spans)
    return h
