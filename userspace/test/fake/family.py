# SPDX-License-Identifier: GPL-2.0
"""Processes: which there are, and whose."""
import os
import signal
import time

PATIENCE = 30


def until(what, patience=PATIENCE):
    """Waits for what() to be true, and returns it."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        got = what()
        if got:
            return got
        time.sleep(0.005)
    return what()


def processes():
    """{pid: (parent, comm, state)}"""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as f:
                head, _, tail = f.read().rpartition(")")
        except OSError:
            continue
        fields = tail.split()
        found[int(name)] = (int(fields[1]), head.partition("(")[2], fields[0])
    return found


def family(pid):
    """Living descendants of a process."""
    table, found = processes(), {pid}
    while True:
        more = {p for p, (parent, _, _) in table.items() if parent in found} - found
        if not more:
            return {p for p in found - {pid} if table[p][2] not in "ZX"}
        found |= more


def alive(pid):
    return processes().get(pid, (0, "", "X"))[2] not in "ZX"


def children(pid):
    """{pid: comm} of the children of a process."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as f:
            found = {}
            for child in map(int, f.read().split()):
                try:
                    with open(f"/proc/{child}/comm", encoding="utf-8", errors="replace") as g:
                        found[child] = g.read().strip()
                except OSError:
                    pass
            return found
    except OSError:
        return {p: comm for p, (parent, comm, _) in processes().items() if parent == pid}


def guardian(wrapper):
    """The guardian of a wrapper, and its command: (0, 0) if there is none."""
    for pid, comm in children(wrapper).items():
        if comm == "lock-guardian":
            return pid, min((p for p, c in children(pid).items() if c != "lock-guardian"), default=0)
    return 0, 0


def running(wrapper):
    """Waits for the command to run: (guardian, command). Never 0, which to kill() is us all."""
    found = until(lambda: all(guardian(wrapper)) and guardian(wrapper))
    if not found:
        raise RuntimeError(f"no command runs under {wrapper}")
    return found


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False
