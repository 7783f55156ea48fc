# SPDX-License-Identifier: GPL-2.0
"""Clients of the demo and the history of what they were answered.

One client is a thread here and a thread with its own open file in a machine.
The clock is the host's: an operation is called before its line is sent to the
machine and returned after the answer was read, so that its real moment always
lies between.
"""

import collections
import json
import random
import threading

COUNTER = "orders"


class History:
    """Records in memory, in the order of their return; save() writes the file."""

    def __init__(self):
        self.lock = threading.Lock()
        self.records = []
        self.acked = collections.Counter()     # increments acknowledged, by machine
        self.clients = 0

    def new_client(self):
        with self.lock:
            self.clients += 1
            return self.clients

    def add(self, machine, record):
        with self.lock:
            self.records.append(record)
            if record["status"] == "ok" and record["op"] == "inc" and record["name"] == COUNTER:
                self.acked[machine.name] += 1

    def save(self, path):
        with open(path, "w") as out:
            for r in sorted(self.records, key=lambda r: r["call_ns"]):
                out.write(json.dumps(r) + "\n")

    def increments(self, status):
        return [r for r in self.records if r["op"] == "inc" and r["status"] == status
                and r["name"] == COUNTER]


def operate(history, machine, client, slot, kind, number=0, timeout=20):
    """One operation of a client through a machine; its record, already in the history.

    slot: which of the machine's handles. A machine that died in between leaves the
    outcome unknown.
    """
    text = "%d %s %s %d %d" % (slot, kind, COUNTER, number, timeout * 1000)
    words, called, returned = machine.ops.ask(text, 3 * timeout)
    args = {"local": {"consistency": "local"},
            "index": {"consistency": "index=%d" % number}}.get(kind, {})
    record = {"client": client, "call_ns": called, "return_ns": returned,
              "kind": "counter", "op": "inc" if kind == "inc" else "read",
              "name": COUNTER, "args": args, "result": {}, "status": "unknown",
              "machine": machine.name}
    if words is None:
        history.add(machine, record)
        return record
    record["status"] = words[0]
    if words[0] == "ok":
        record["result"] = {"value": int(words[1]), "index": int(words[2])}
    else:
        record["result"] = {"errno": words[1]}
    history.add(machine, record)
    return record


class Client(threading.Thread):
    """Increments, and looks now and then, until it is stopped or its machine dies.

    pause: seconds at most between two operations.
    """

    def __init__(self, history, machine, slot, seed, pause):
        super().__init__(daemon=True)
        self.history, self.machine, self.slot = history, machine, slot
        self.rng, self.pause = random.Random(seed), pause
        self.halt = threading.Event()
        self.life = machine.lives
        self.client = history.new_client()

    def run(self):
        newest = 0
        while not self.halt.is_set() and self.machine.alive():
            kind = self.rng.choices(("inc", "read", "local", "index"), (85, 7, 4, 4))[0]
            record = operate(self.history, self.machine, self.client, self.slot, kind,
                             newest if kind == "index" else 1)
            newest = max(newest, record["result"].get("index", 0))
            if record["return_ns"] is None:
                return
            if record["status"] != "ok":
                self.halt.wait(0.02)
            elif self.pause:
                self.halt.wait(self.rng.uniform(0, self.pause))


class Crowd:
    """The clients of all machines."""

    def __init__(self, history, per_machine, seed, pause=0):
        self.history, self.per_machine, self.pause = history, per_machine, pause
        self.rng = random.Random(seed)
        self.clients = []

    def join(self, machine):
        """Clients begin to work through a machine."""
        for slot in range(1, self.per_machine + 1):
            c = Client(self.history, machine, slot, self.rng.random(), self.pause)
            self.clients.append(c)
            c.start()

    def leave(self, machine):
        """Those of one machine finish what they are doing."""
        self._end([c for c in self.clients if c.machine is machine])

    def stop(self):
        """All do."""
        self._end(self.clients)

    @staticmethod
    def _end(clients):
        for c in clients:
            c.halt.set()
        for c in clients:
            c.join()
