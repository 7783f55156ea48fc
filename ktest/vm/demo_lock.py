# SPDX-License-Identifier: GPL-2.0
"""A service that fails over by lock, and the zombie that it leaves behind.

The same service is started on two machines, under `consensusctl lock`. It writes to a store
on the third one, and shows its fencing token with each write. The machine of the active one
is stopped, with its clock, as a hypervisor does that moves it elsewhere: when it goes on,
nothing there knows that time has passed, and a service that looks at nothing goes on writing.
"""

import json
import time

from demo_machines import until

LOCK = "svc"
WRITES = "svc-writes"
PORT = 7900
STORE = "/run/store"
LOG = "/run/svc.log"


class Service:
    """One machine's candidate."""

    def __init__(self, machine, store):
        self.machine, self.store = machine, store
        self.called = None

    def start(self):
        """It waits for the lock, or is active."""
        self.called = time.monotonic_ns()
        self.machine.must(
            "rm -f %s /run/svc.status\n"
            "setsid sh -c 'consensusctl lock --on-loss none %s -- /root/demo-service %s;"
            " echo $? >/run/svc.status' >/run/svc.out 2>&1 </dev/null &" % (LOG, LOCK, self.store))

    def answers(self):
        """What the store has answered: (answer, token, number)."""
        return _lines(self.machine.sh("cat %s 2>/dev/null" % LOG)[1])

    def token(self):
        """Under which a write of it was kept, or None."""
        return next((t for a, t, _ in self.answers() if a == "kept"), None)

    def refused(self):
        return next((t for a, t, _ in self.answers() if a == "refused"), None)

    def said(self):
        """What its wrapper said, once that has ended; else None."""
        code, out = self.machine.sh("test -s /run/svc.status && cat /run/svc.out")
        return out or "nothing" if code == 0 else None

    def stop(self):
        self.machine.must("kill $(pidof demo-service)")


def _lines(text):
    """Whole lines of ANSWER TOKEN NUMBER."""
    words = [line.split() for line in text.splitlines()]
    return [(w[0], int(w[1]), int(w[2])) for w in words
            if len(w) == 3 and w[1].isdigit() and w[2].isdigit()]


class Record:
    """What the judge is told of the lock, and of what is done under its fence."""

    def __init__(self, history):
        self.history = history
        self.clients = {}

    def _add(self, who, called, status="ok", result=None, **what):
        if who not in self.clients:
            self.clients[who] = self.history.new_client()
        self.history.records.append(
            {"client": self.clients[who], "call_ns": called,
             "return_ns": None if status == "unknown" else time.monotonic_ns(),
             "result": result or {}, "status": status, **what})

    def _lock(self, who, called, op, args, result, status="ok"):
        self._add(who, called, status, result, kind="lock", op=op, name=LOCK, args=args)

    def acquired(self, service, token):
        name = service.machine.name
        self._lock(name, service.called, "acquire", {"session": name, "mode": "exclusive"},
                   {"token": token})

    def stopped(self, service, called):
        """Its machine stands still: whatever it holds may be gone from now on."""
        self._lock("the driver", called, "release", {"session": service.machine.name}, None, "unknown")

    def checked(self, called, token, holds):
        self._lock("checks", called, "fencecheck", {"token": token}, {"ok": holds})

    def fenced(self, called, token, result):
        """A tool that failed says nothing certain."""
        self._add("fences", called, "ok" if result else "unknown",
                  result and {k: result[k] for k in ("value", "index")}, kind="counter", op="inc",
                  name=WRITES, args={"fence": {"name": LOCK, "token": token}})


def open_store(m):
    m.must("mkdir -p %s && echo 0 >%s/highest && : >%s/log\n"
           "setsid nc -ll -p %d -e /root/demo-store >/dev/null 2>&1 </dev/null &"
           % (STORE, STORE, STORE, PORT))


def store_log(m):
    return _lines(m.must("cat %s/log" % STORE))


def check(record, m, token):
    """consensusctl check on m: does the cluster say that this very grant holds?"""
    called = time.monotonic_ns()
    status, out = m.sh("consensusctl check %s %d" % (LOCK, token))
    if status in (0, 1):
        record.checked(called, token, status == 0)
    return status, out


def fenced(record, m, token):
    """An increment under the fence; (value or None, what was said)."""
    called = time.monotonic_ns()
    status, out = m.sh("consensusctl inc %s --fence %s:%d --json" % (WRITES, LOCK, token))
    result = json.loads(out.splitlines()[-1]) if status == 0 else None
    record.fenced(called, token, result)
    return result and result["value"], out


def begin(story, record, active, standby, store):
    """Both are started; one is active, and the other waits for it."""
    open_store(store)
    story.say("%s has a store, which keeps no write with a lower token than it has seen" % store.name)
    active.start()
    token = until("the service on %s" % active.machine.name, active.token)
    record.acquired(active, token)
    standby.start()
    until("%s waits for the lock" % standby.machine.name,
          lambda: (store.status() or {}).get("locks_waiting"))
    story.say("%s$ consensusctl locks\n%s" % (store.name, store.must("consensusctl locks")))
    value, said = fenced(record, active.machine, token)
    story.say("%s$ consensusctl inc %s --fence %s:%d\n%s" %
              (active.machine.name, WRITES, LOCK, token, said))
    story.claim(value == 1 and check(record, store, token)[0] == 0 and not standby.answers(),
                "the service is active on %s alone, under the token %d" % (active.machine.name, token))
    return token


def take_over(story, record, active, standby, store, old):
    """The active machine stands still; the other has the lock when the lease is over."""
    stopped = time.monotonic_ns()
    active.machine.pause()
    record.stopped(active, stopped)
    story.say("%s is stopped, with its clock: to its programs no time passes" % active.machine.name)
    token = until("the service on %s" % standby.machine.name, standby.token)
    record.acquired(standby, token)
    story.say("%.1f s later %s has the lock, and its writes are kept" %
              ((time.monotonic_ns() - stopped) / 1e9, standby.machine.name))
    story.claim(token > old, "%s took over with the higher token %d" % (standby.machine.name, token))
    status, said = check(record, store, old)
    story.say("%s$ consensusctl check %s %d\n%s" % (store.name, LOCK, old, said))
    story.claim(status == 1, "the cluster says that the token %d is stale" % old)
    return token


def zombie(story, record, active, standby, store, old, token):
    """It goes on where it was, and writes; nobody takes it."""
    active.machine.resume()
    until("the zombie on %s has written" % active.machine.name, active.refused)
    log = store_log(store)
    kept = [t for a, t, _ in log if a == "kept"]
    refused = [t for a, t, _ in log if a == "refused"]
    story.say("%s goes on, and its service writes as if nothing had been: the store has kept %d "
              "writes\nand refused %d, with the token %s" %
              (active.machine.name, len(kept), len(refused), refused[0] if refused else "?"))
    story.claim(kept == sorted(kept) and set(refused) == {old},
                "the store refused the zombie, and kept nothing older than what it had",
                "%s" % log[-20:])
    value, said = fenced(record, active.machine, old)
    story.say("%s$ consensusctl inc %s --fence %s:%d\n%s" %
              (active.machine.name, WRITES, LOCK, old, said))
    mine, told = fenced(record, standby.machine, token)
    story.claim(value is None and mine == 2, "so did the cluster: under the old token nothing is "
                "counted, under the new one it is", "%s\n%s" % (said, told))
    said = until("the end of the zombie's wrapper", active.said)
    story.claim("lost" in said, "consensusctl lock tells on %s that the lock was lost" %
                active.machine.name)
    story.say(said)


def fail_over(story, history, machines, leader):
    """The whole act. The leader has the store: who is stopped is another."""
    story.act("A service fails over")
    one, two = [m for m in machines if m is not leader]
    active, standby = Service(one, leader.address), Service(two, leader.address)
    record = Record(history)
    began = time.monotonic()
    old = begin(story, record, active, standby, leader)
    token = take_over(story, record, active, standby, leader, old)
    zombie(story, record, active, standby, leader, old, token)
    standby.stop()
    until("nobody holds the lock", lambda: (leader.status() or {}).get("locks_held") == 0)
    story.say("that was %.1f s, of which the lease took most" % (time.monotonic() - began))
