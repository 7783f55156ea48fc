// SPDX-License-Identifier: GPL-2.0
/*
 * Definite errors: the same by all doors, with nothing of the struct changed but its
 * status, and nothing that happened.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doors.h"

/* How a good struct is spoilt: a number of @size bytes is put @at it. */
struct spoilt {
	const char *what;
	uint32_t call;
	size_t at, size;
	uint64_t number;
	int error;
};

#define OF(type, field) offsetof(struct consensus_##type, field)
#define ROW(what, call, type, field, size, number, error) \
	{ what, CONSENSUS_IOC_##call, OF(type, field), size, number, error }

static const struct spoilt table[] = {
	ROW("add: flag 0", COUNTER_ADD, op, flags, 4, 1, EINVAL),
	ROW("add: flag 31", COUNTER_ADD, op, flags, 4, 1U << 31, EINVAL),
	ROW("add: an index", COUNTER_ADD, op, index, 8, 1, EINVAL),
	ROW("add: delta 0", COUNTER_ADD, counter_add, delta, 8, 0, EINVAL),
	ROW("add: what is reserved", COUNTER_ADD, op, reserved[31], 1, 1, EINVAL),
	ROW("add: a token without a fence", COUNTER_ADD, op, fence_token, 8, 1, EINVAL),
	ROW("add: a fence without token", COUNTER_ADD, op, fence_name[0], 1, 'f', EINVAL),
	ROW("add: no name", COUNTER_ADD, counter_add, name, 1, 0, EINVAL),
	ROW("add: a control character", COUNTER_ADD, counter_add, name, 1, 7, EINVAL),
	ROW("add: no UTF-8", COUNTER_ADD, counter_add, name, 1, 0xff, EINVAL),
	ROW("add: behind the NUL", COUNTER_ADD, counter_add, name[63], 1, 'x', EINVAL),
	ROW("read: both strengths", COUNTER_READ, op, flags, 4, 3, EINVAL),
	ROW("read: an unknown flag", COUNTER_READ, op, flags, 4, 4, EINVAL),
	ROW("read: an index", COUNTER_READ, op, index, 8, 1, EINVAL),
	ROW("read: what is reserved", COUNTER_READ, op, reserved[0], 1, 1, EINVAL),
	ROW("acquire: TRY and ASYNC", LOCK_ACQUIRE, op, flags, 4, 6, EINVAL),
	ROW("acquire: an unknown flag", LOCK_ACQUIRE, op, flags, 4, 8, EINVAL),
	ROW("acquire: zero", LOCK_ACQUIRE, lock_acquire, zero, 4, 1, EINVAL),
	ROW("acquire: an index", LOCK_ACQUIRE, op, index, 8, 1, EINVAL),
	ROW("acquire: no name", LOCK_ACQUIRE, lock_acquire, name, 1, 0, EINVAL),
	ROW("release: a flag", LOCK_RELEASE, op, flags, 4, 1, EINVAL),
	ROW("release: neither token nor ticket", LOCK_RELEASE, lock_release, token, 8, 0, EINVAL),
	ROW("release: not its own", LOCK_RELEASE, lock_release, token, 8, 4711, EPERM),
	ROW("check: no token", LOCK_CHECK, lock_check, token, 8, 0, EINVAL),
	ROW("check: a token of nobody", LOCK_CHECK, lock_check, token, 8, 4711, ESTALE),
	ROW("check: an unknown flag", LOCK_CHECK, op, flags, 4, 4, EINVAL),
	ROW("revoke: of nobody", LOCK_REVOKE, lock_revoke, token, 8, 0, ENOENT),
	ROW("revoke: a flag", LOCK_REVOKE, op, flags, 4, 1, EINVAL),
	ROW("expire: of nobody", SESSION_EXPIRE, session_expire, session, 8, 1ULL << 60, ENOENT),
	ROW("expire: none", SESSION_EXPIRE, session_expire, session, 8, 0, EINVAL),
};

enum { ROWS = sizeof(table) / sizeof(table[0]) };

/* What the first door, ioctl, has written as index of each row. */
static bool indexed[ROWS];
static bool known;

static union any good(uint32_t cmd)
{
	union any a;

	memset(&a, 0, sizeof(a));
	if (cmd == CONSENSUS_IOC_COUNTER_ADD)
		a.add = good_add("errors");
	else if (cmd == CONSENSUS_IOC_COUNTER_READ)
		a.read = good_read("errors", 0);
	else if (cmd == CONSENSUS_IOC_LOCK_ACQUIRE)
		a.acquire = lk_good_acquire("errors", 0);
	else if (cmd == CONSENSUS_IOC_LOCK_RELEASE)
		a.release = lk_good_release("errors", 1);
	else if (cmd == CONSENSUS_IOC_LOCK_CHECK)
		a.check = lk_good_check("errors", 1);
	else if (cmd == CONSENSUS_IOC_LOCK_REVOKE)
		a.revoke = lk_good_revoke("errors", 1);
	else
		a.expire.op.timeout_ns = 30 * SEC;
	return a;
}

static void try_row(struct gate *g, unsigned int row)
{
	const struct spoilt *s = &table[row];
	union any a = good(s->call), before;
	int error;

	memcpy((char *)&a + s->at, &s->number, s->size);
	a.op.status = 4711;
	before = a;
	error = gate_call(g, s->call, &a);
	want(g, error, s->error, "%s", s->what);
	same(g, (uint64_t)-a.op.status, (uint64_t)error, "%s: .status beside the result", s->what);
	if (g->door == &doors[0] && !known)
		indexed[row] = a.op.index != before.op.index;
	else if (known)
		that(g, indexed[row] == (a.op.index != before.op.index),
		     "%s: an index (%llu) where ioctl has one", s->what,
		     (unsigned long long)a.op.index);
	before.op.status = a.op.status;
	before.op.index = a.op.index;
	that(g, !memcmp(&before, &a, _IOC_SIZE(s->call)), "%s: the rest is as it was", s->what);
}

static void long_name(struct gate *g)
{
	struct consensus_counter_add a = good_add("errors");

	memset(a.name, 'x', sizeof(a.name));
	want(g, gate_call(g, CONSENSUS_IOC_COUNTER_ADD, &a), ENAMETOOLONG, "a name without NUL");
}

/* A handle that was opened read-only may read. */
static void read_only(struct gate *g)
{
	struct consensus_counter_add a = good_add("errors");
	struct consensus_counter_read r = good_read("errors", CONSENSUS_READ_LOCAL);
	struct consensus_lock_acquire l = lk_good_acquire("errors", 0);
	int fd = open_device(O_RDONLY);
	struct gate mine = gate_beside(g, fd);

	want(&mine, gate_call(&mine, CONSENSUS_IOC_COUNTER_ADD, &a), EBADF, "read-only: add");
	want(&mine, gate_call(&mine, CONSENSUS_IOC_LOCK_ACQUIRE, &l), EBADF, "read-only: acquire");
	want(&mine, gate_call(&mine, CONSENSUS_IOC_COUNTER_READ, &r), ENOENT, "read-only: read");
	gate_leave(g, &mine);
	close(fd);
}

void by_errors(struct gate *g, const struct world *w)
{
	unsigned int row;

	for (row = 0; row < ROWS; row++)
		try_row(g, row);
	known = true;
	long_name(g);
	read_only(g);
	want(g, get(w->fd, "errors", 0, NULL), ENOENT, "a counter that nobody was to begin");
	that(g, there_are(w->fd, "errors", 0), "nobody holds or awaits a lock");
}
