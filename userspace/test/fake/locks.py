# SPDX-License-Identifier: GPL-2.0
"""Locks without a cluster, for device.c: one handle a connection, FIFO queues, tokens that
rise, events, loss, heartbeats. As strict as the kernel about what it is given."""
import errno
import os
import socket
import struct
import threading
import time

MAGIC = 0xC5
OP = struct.Struct("<IiQQ64sQ32s")
EVENT = struct.Struct("<IIQQQQQiI64s")
LOCK_INFO = struct.Struct("<64s64sQQQQQQII16sII")
SESSION_INFO = struct.Struct("<64s16sQQQQII")
LIST = struct.Struct("<IIQQIIQ")
GRANTED, LOST, WANTED, ENDED, SUSPECT, SURE = range(1, 7)
SHARED, TRY, ASYNC = 1, 2, 4
DIED = 1


def zero(data):
    return not any(data)


def text(field):
    name, _, rest = field.partition(b"\0")
    if not name or not zero(rest):
        raise OSError(errno.EINVAL, "name")
    return name.decode()


class Claim:
    def __init__(self, handle, name, shared, cookie, ticket):
        self.handle, self.name, self.shared, self.cookie, self.ticket = handle, name, shared, cookie, ticket
        self.token = self.index = self.info = 0
        self.since = int(time.time())


class Handle:
    def __init__(self, number, conn):
        self.number, self.conn = number, conn
        self.claims = []
        self.lost = 0
        self.period = self.beaten = 0
        self.beats = 0


class Server:
    """Runs in a thread; its methods may be called by others."""

    def __init__(self, path, lease_ns=10**10):
        self.lock = threading.RLock()
        self.path, self.lease_ns = path, lease_ns
        self.handles, self.queue, self.died = {}, {}, set()
        self.index = 100
        self.counters = {}
        self.events = []        # (what, name, token) in order, for tests to look at
        self.refuse = {}        # call number: errno
        self.opened = 0
        for suffix, serve in (("open", self._serve_handle), ("call", self._serve_call)):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.bind(f"{path}.{suffix}")
            s.listen(64)
            threading.Thread(target=self._accept, args=(s, serve), daemon=True).start()

    def _accept(self, listening, serve):
        while True:
            conn, _ = listening.accept()
            threading.Thread(target=serve, args=(conn,), daemon=True).start()

    # ---------------------------------------------------------------- handles

    def _serve_handle(self, conn):
        with self.lock:
            self.opened += 1
            h = self.handles[self.opened] = Handle(self.opened, conn)
        try:
            conn.sendall(struct.pack("<Q", h.number))
            while conn.recv(64):
                pass
        except OSError:
            pass
        with self.lock:
            for c in list(h.claims):
                self._drop(c, died=True)
            del self.handles[h.number]
        conn.close()

    def _event(self, c, kind, status=0):
        data = EVENT.pack(kind, EVENT.size, self.index, c.ticket, c.token, c.cookie,
                          self.lease_ns, status, c.info, c.name.encode())
        try:
            c.handle.conn.send(data, socket.MSG_DONTWAIT)
        except OSError:
            pass

    # ------------------------------------------------------------------ locks

    def _grantable(self, c):
        row = self.queue[c.name]
        ahead = row[:row.index(c)]
        return all(a.token and a.shared for a in ahead) if c.shared else not ahead

    def _grant(self, name):
        granted = []
        for c in self.queue.get(name, []):
            if c.token or not self._grantable(c):
                continue
            self.index += 1
            c.token = c.index = self.index
            c.info = DIED if name in self.died else 0
            self.died.discard(name)
            self.events.append(("grant", name, c.token))
            granted.append(c)
        return granted

    def _drop(self, c, died):
        c.handle.claims.remove(c)
        self.queue[c.name].remove(c)
        self.index += 1
        if c.token:
            self.events.append(("died" if died else "release", c.name, c.token))
        if c.token and died:
            self.died.add(c.name)
        for other in self._grant(c.name):
            self._event(other, GRANTED)

    def lose(self, h, status):
        """The handle is lost, as by the end of a lease: its locks go to others."""
        with self.lock:
            h.lost = status
            for c in list(h.claims):
                self._event(c, LOST, -status)
                self._drop(c, died=True)

    def holders(self, name):
        with self.lock:
            return [c for c in self.queue.get(name, []) if c.token]

    def waiters(self, name):
        with self.lock:
            return [c for c in self.queue.get(name, []) if not c.token]

    def tell(self, name, kind):
        for c in self.holders(name):
            self._event(c, kind)

    # ------------------------------------------------------------------ calls

    def _serve_call(self, conn):
        data = conn.recv(4096)
        if len(data) < 16:
            return
        number, call = struct.unpack_from("<QQ", data)
        arg, size, nr = data[16:], call >> 16 & 0x3fff, call & 0xff
        out, error = arg, 0
        try:
            if len(arg) != size or call >> 8 & 0xff != MAGIC or call >> 30 != 3:
                raise OSError(errno.ENOTTY, "call")
            with self.lock:
                if nr in self.refuse:
                    raise OSError(self.refuse[nr], "refused")
                h = self.handles.get(number)
                if not h:
                    raise OSError(errno.ESHUTDOWN, "its caller was killed")
                if h.lost and nr != 0x33:
                    raise OSError(h.lost, "lost")
                out = self.CALLS[nr](self, h, arg)
        except OSError as e:
            error = -e.errno
        try:
            conn.send(struct.pack("<i", error) + out)
        except OSError:
            pass
        conn.close()

    def _op(self, arg, flags=0):
        f, status, index, timeout, fence, token, reserved = OP.unpack_from(arg)
        if f & ~flags or status or index or not zero(reserved) or bool(token) != bool(fence[0]):
            raise OSError(errno.EINVAL, "op")
        if token and not self._holds(text(fence), token):
            raise OSError(errno.ESTALE, "fence")
        return f

    def _holds(self, name, token):
        return any(c.token == token for c in self.queue.get(name, []))

    def _done(self, arg, tail):
        self.index += 1
        return OP.pack(0, 0, self.index, 0, bytes(64), 0, bytes(32)) + arg[OP.size:OP.size + 64] + tail

    def _add(self, h, arg):
        self._op(arg)
        name, delta = text(arg[128:192]), struct.unpack_from("<Q", arg, 192)[0]
        self.counters[name] = self.counters.get(name, 0) + delta
        return self._done(arg, struct.pack("<QQ", delta, self.counters[name]))

    def _acquire(self, h, arg):
        flags = self._op(arg, SHARED | TRY | ASYNC)
        name, (cookie, token, ticket, lease, info, pad) = text(arg[128:192]), struct.unpack_from("<QQQQII", arg, 192)
        if token or ticket or lease or info or pad or flags & (TRY | ASYNC) in (0, TRY | ASYNC):
            raise OSError(errno.EINVAL, "acquire")
        if any(c.name == name for c in h.claims):
            raise OSError(errno.EDEADLK, "twice")
        self.index += 1
        c = Claim(h, name, bool(flags & SHARED), cookie, self.index)
        self.queue.setdefault(name, []).append(c)
        if flags & TRY and not self._grantable(c):
            self.queue[name].remove(c)
            raise OSError(errno.EAGAIN, "taken")
        h.claims.append(c)
        self._grant(name)
        return self._done(arg, struct.pack("<QQQQII", cookie, c.token, c.ticket, self.lease_ns, c.info, 0))

    def _release(self, h, arg):
        self._op(arg)
        name, (token, ticket) = text(arg[128:192]), struct.unpack_from("<QQ", arg, 192)
        for c in h.claims:
            if c.name == name and (c.token == token if token else c.ticket == ticket):
                self._drop(c, died=False)
                return self._done(arg, struct.pack("<QQ", token, ticket))
        raise OSError(errno.EPERM, "not the holder")

    def _check(self, h, arg):
        self._op(arg, 3)
        token = struct.unpack_from("<Q", arg, 192)[0]
        if not self._holds(text(arg[128:192]), token):
            raise OSError(errno.ESTALE, "stale")
        return self._done(arg, struct.pack("<Q", token))

    def _revoke(self, h, arg):
        self._op(arg)
        name, (token, count) = text(arg[128:192]), struct.unpack_from("<QQ", arg, 192)
        taken = [c for c in self.queue.get(name, []) if c.token and token in (0, c.token)]
        if not taken:
            raise OSError(errno.ENOENT, "nobody")
        for c in taken:
            self._event(c, LOST, -errno.EKEYREVOKED)
            self._drop(c, died=False)
        return self._done(arg, struct.pack("<QQ", token, len(taken)))

    def _list(self, arg, size, rows):
        flags, got, cursor, buffer, count, pad, index = LIST.unpack(arg)
        if flags or got != size or not 0 < count <= 4096 or pad or index:
            raise OSError(errno.EINVAL, "list")
        # Few at a time, so that the caller has to come again.
        part = rows[cursor:cursor + min(count, 3)]
        cursor += len(part)
        cursor = cursor if cursor < len(rows) else 2**64 - 1
        return LIST.pack(0, size, cursor, buffer, len(part), 0, self.index) + b"".join(part)

    def _locks(self, h, arg):
        rows = [LOCK_INFO.pack(c.name.encode(), b"n1", c.token, c.ticket, c.index, c.since, 7, c.handle.number,
                               4242, 1000, b"worker", int(c.shared), 0)
                for row in self.queue.values() for c in reversed(row)]
        return self._list(arg, LOCK_INFO.size, rows)

    def _sessions(self, h, arg):
        rows = [SESSION_INFO.pack(b"n%d" % i, bytes([i] * 16), i, 99, 1000 + i, 1, 10000, i) for i in (1, 2, 3, 4, 4)]
        rows[4] = SESSION_INFO.pack(b"n4", bytes(16), 5, 99, 1005, 1, 10000, 0)
        return self._list(arg, SESSION_INFO.size, rows)

    def _expire(self, h, arg):
        self._op(arg)
        self.events.append(("expire", "", struct.unpack_from("<Q", arg, 128)[0]))
        return arg

    def _heartbeat(self, h, arg):
        flags, pad, period = struct.unpack("<IIQ", arg)
        if flags or pad or 0 < period < 10**7:
            raise OSError(errno.EINVAL, "heartbeat")
        h.period, h.beaten = period, time.monotonic()
        h.beats += 1
        if period:
            threading.Timer(period / 1e9, self._beat_due, (h, h.beats)).start()
        return arg

    def _beat_due(self, h, beats):
        with self.lock:
            if h.period and h.beats == beats and h.number in self.handles and not h.lost:
                self.lose(h, errno.EKEYEXPIRED)

    def _reset(self, h, arg):
        h.lost = 0
        return arg

    CALLS = {0x10: _add, 0x20: _acquire, 0x21: _release, 0x22: _check, 0x23: _revoke, 0x24: _locks,
             0x28: _expire, 0x29: _sessions, 0x32: _heartbeat, 0x33: _reset}


def start(folder, **settings):
    path = os.path.join(folder, "device")
    os.environ["FAKE_DEVICE"] = path
    return Server(path, **settings)
