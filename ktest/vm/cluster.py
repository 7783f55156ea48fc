# SPDX-License-Identifier: GPL-2.0
"""A cluster on the machines of a Network: one node on each, its storage on the machine's
disk; and the proof over what it answered."""

import os
import subprocess

from demo_load import operate
from demo_machines import until

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PORT = 7800
CONF = "/etc/consensus/demo.conf"
ELECTION_MAX_MS = 1200
TTL = 6

CONFIG = """[cluster]
name = demo
key-file = /etc/consensus/demo.key
heartbeat-ms = 100
election-min-ms = 600
election-max-ms = %d
durability = disk
ttl = %ds
""" % (ELECTION_MAX_MS, TTL)


def set_address(m):
    m.must("/bin/ip link set eth0 up && /bin/ip -6 addr add %s/64 dev eth0 nodad" % m.address)


def all_reach(machines):
    for a in machines:
        for b in machines:
            if a is not b:
                a.must("for i in 1 2 3 4 5 6 7 8 9 10; do "
                       "ping -6 -c 1 -W 2 %s >/dev/null && exit 0; done; exit 1" % b.address)


def configure(m, key, machines):
    """Module, key and configuration: what a machine has in its memory only."""
    sections = "".join("[node %s]\naddress = [%s]:%d\nstorage = %s\n"
                       % (n.name, n.address, PORT, n.storage) for n in machines)
    m.must("mkdir -p /etc/consensus && cd /etc/consensus && umask 077 &&\n"
           "cat >demo.key <<'KEY'\n%s\nKEY\n"
           "cat >demo.conf <<'CONF'\n%s%sCONF\n"
           "modprobe consensus" % (key, CONFIG, sections))


def mount(m):
    """Where the storage is a file, the file system that it lies on."""
    if not m.storage.startswith("/dev/"):
        folder = os.path.dirname(m.storage)
        m.must("mkdir -p %s && mount -t ext4 /dev/vda %s" % (folder, folder))


def format_storage(m):
    size = "" if m.storage.startswith("/dev/") else " --size 16M"
    return m.must("consensusctl format %s%s" % (m.storage, size))


def up(m):
    m.must("consensusctl up -c %s --node %s" % (CONF, m.name))


def revive(lost, key, machines):
    """Power, kernel, address, node: as an administrator's scripts would."""
    for m in lost:
        m.boot()
    for m in lost:
        m.ready()
    for m in lost:
        set_address(m)
        mount(m)
        configure(m, key, machines)
    for m in lost:
        up(m)


def cut_all(machines, seed):
    """The power goes for all of them at once; what became of their disks, by name."""
    for m in machines:
        m.process.kill()
    return {m.name: m.kill(seed + m.number) for m in machines}


def leader_of(machines):
    """(leader, its term) once two machines, itself among them, name it; else None."""
    seen = {m.name: m.status() for m in machines if m.alive()}
    for m in machines:
        own = seen.get(m.name)
        if not own or own["role"] != "leader":
            continue
        if sum(1 for s in seen.values() if s and s["leader"] == m.name
               and s["term"] == own["term"]) >= 2:
            return m, own["term"]
    return None


def caught_up(m, goal):
    s = m.status()
    return s if s and s["applied"] >= goal else None


def is_member(m, goal):
    """Its status, once it has applied that much as one that is counted."""
    s = caught_up(m, goal)
    return s if s and s["state"] == "member" else None


# --- the proof ---------------------------------------------------------------

def last_reads(story, history, machines):
    """Each machine's view at rest, and the hash of its whole state."""
    client = history.new_client()
    values = []
    for m in machines:
        r = until("a last read through %s" % m.name, lambda m=m: ok_read(history, m, client))
        values.append(r["result"]["value"])
    story.claim(len(set(values)) == 1, "the counter reads %d through all three" % values[-1],
                "it reads %s" % values)
    states = until("one index on all machines", lambda: same_index(machines))
    hashes = {s["state_hash"] for s in states}
    story.claim(len(hashes) == 1, "all three hold the same state at index %d, by its hash" %
                states[0]["applied"], "they differ: %s" % hashes)
    return values[-1]


def ok_read(history, m, client):
    r = operate(history, m, client, 0, "read", 0)
    return r if r["status"] == "ok" else None


def same_index(machines):
    """The status of all, once they have applied up to the same index."""
    seen = [m.status() for m in machines]
    return seen if all(seen) and len({s["applied"] for s in seen}) == 1 else None


def numbers(story, history, final):
    """Count what was handed out: once each, and none lost."""
    values = [r["result"]["value"] for r in history.increments("ok")]
    unknown = len(history.increments("unknown"))
    failed = len(history.increments("fail"))
    gaps = final - len(set(values))
    story.say("1 to %d were handed out, %d of them acknowledged" % (final, len(values)))
    story.say("%d calls got no answer when their machine died (%d of them had taken effect), "
              "%d ended in an error" % (unknown, gaps, failed))
    story.claim(len(values) == len(set(values)), "no value was handed out twice")
    story.claim(max(values) <= final, "none that was acknowledged is missing")
    story.claim(0 <= gaps <= unknown, "every number up to the last is accounted for",
                "%d numbers were given to nobody, but %d calls are of unknown outcome"
                % (gaps, unknown))


def judge(story, history, path):
    history.save(path)
    r = subprocess.run([os.path.join(TOP, "ktest/history/check"), path],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = r.stdout.decode().strip()
    story.claim(r.returncode == 0, "all answers have one order, and it agrees with real time", said)
    story.say("checked: " + said.splitlines()[-1])


def kernels(story, machines):
    found = [line for m in machines for line in m.complaints()]
    story.claim(not found, "no kernel complained", "\n".join(found[:20]))


def scene(story, machines):
    """What there is to see when something did not come."""
    kernels(story, machines)
    for m in machines:
        if m.alive() and m.shell.greeted.is_set():
            story.say("%s: %s" % (m.name, m.sh("consensusctl status; dmesg | grep consensus: |"
                                               " tail -n 20", 20)[1]))


