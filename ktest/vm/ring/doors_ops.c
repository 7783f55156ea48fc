// SPDX-License-Identifier: GPL-2.0
/* Counters, lists, features, limits: each by one door. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doors.h"

/* An addition; everything but its results is as it was. */
static int add_by(struct gate *g, struct consensus_counter_add *a)
{
	struct consensus_counter_add before = *a;
	int error;

	a->op.status = 4711;
	a->value = 4711;
	error = gate_call(g, CONSENSUS_IOC_COUNTER_ADD, a);
	same(g, (uint64_t)-a->op.status, (uint64_t)error, "add: .status beside the result");
	if (!error && g->door->setup & IORING_SETUP_CQE32 && !g->door->array)
		same(g, g->big, a->value, "add: big_cqe[0]");
	if (error)
		same(g, a->value, 4711, "add: .value of one that failed (%d)", error);
	before.op.status = a->op.status;
	before.op.index = a->op.index;
	before.value = a->value;
	that(g, !memcmp(&before, a, sizeof(before)), "add: the rest of the struct is as it was");
	return error;
}

void by_add(struct gate *g, const struct world *w)
{
	struct consensus_counter_add a = good_add(fresh("add"));
	const char *name = fresh("add");
	uint64_t sum = 0, index = 0, d;

	for (d = 1; d <= 4; d++) {
		a = good_add(name);
		a.delta = d;
		sum += d;
		want(g, add_by(g, &a), 0, "add %llu", (unsigned long long)d);
		same(g, a.value, sum, "the value after adding %llu", (unsigned long long)d);
		that(g, a.op.index > index, "the index of an addition rises");
		index = a.op.index;
	}
	same(g, value_of(w->other, name), sum, "the counter, as another node reads it");
	a = good_add(name);
	a.delta = UINT64_MAX;
	want(g, add_by(g, &a), EOVERFLOW, "add 2^64 - 1");
	a = good_add(name);
	a.delta = UINT64_MAX - sum;
	want(g, add_by(g, &a), 0, "add up to 2^64 - 1");
	same(g, a.value, UINT64_MAX, "2^64 - 1 comes whole");
}

void by_add_fenced(struct gate *g, const struct world *w)
{
	const char *name = fresh("fenced"), *lock = fresh("fence");
	uint64_t token = take(w->fd, lock, 0);
	struct consensus_counter_add a = good_add(name), good;

	strncpy(a.op.fence_name, lock, sizeof(a.op.fence_name) - 1);
	a.op.fence_token = token;
	good = a;
	want(g, add_by(g, &a), 0, "add under a grant that holds");
	a = good;
	a.op.fence_token = token + 1;
	want(g, add_by(g, &a), ESTALE, "add under a grant that never was");
	want(g, lk_release(w->fd, lock, token), 0, "release by ioctl");
	a = good;
	want(g, add_by(g, &a), ESTALE, "add under a grant that was released");
	same(g, value_of(w->fd, name), 1, "the counter after one addition that was allowed");
}

/* A read; everything but its results is as it was. */
static int read_by(struct gate *g, struct consensus_counter_read *r)
{
	struct consensus_counter_read before = *r;
	int error;

	r->op.status = 4711;
	error = gate_call(g, CONSENSUS_IOC_COUNTER_READ, r);
	same(g, (uint64_t)-r->op.status, (uint64_t)error, "read: .status beside the result");
	if (!error && g->door->setup & IORING_SETUP_CQE32 && !g->door->array)
		same(g, g->big, r->value, "read: big_cqe[0]");
	before.op.status = r->op.status;
	before.op.index = r->op.index;
	before.value = r->value;
	before.version = r->version;
	that(g, !memcmp(&before, r, sizeof(before)), "read: the rest of the struct is as it was");
	return error;
}

static void read_absent(struct gate *g)
{
	static const uint32_t how[] = { 0, CONSENSUS_READ_INDEX, CONSENSUS_READ_LOCAL };
	struct consensus_counter_read r;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		r = good_read(fresh("absent"), how[i]);
		want(g, read_by(g, &r), ENOENT, "read (%u) of what is not there", how[i]);
		that(g, r.op.index > 0, "read (%u): the index comes with ENOENT", how[i]);
	}
	r = good_read(fresh("absent"), CONSENSUS_READ_INDEX);
	r.op.index = UINT64_MAX - 1;
	r.op.timeout_ns = SEC / 20;
	want(g, read_by(g, &r), ETIMEDOUT, "read of the far future");
}

void by_read(struct gate *g, const struct world *w)
{
	struct consensus_counter_add a = good_add(fresh("read"));
	struct consensus_counter_read r = good_read(a.name, 0);

	a.delta = 0x123456789abcdefULL;
	want(g, call(w->other, CONSENSUS_IOC_COUNTER_ADD, &a), 0, "another node adds");
	want(g, read_by(g, &r), 0, "linearizable read");
	same(g, r.value, a.delta, "what it reads");
	same(g, r.version, a.op.index, "its version");
	that(g, r.op.index >= a.op.index, "its index");
	r = good_read(a.name, CONSENSUS_READ_INDEX);
	r.op.index = a.op.index;
	want(g, read_by(g, &r), 0, "causal read");
	same(g, r.value, a.delta, "what it reads, causally");
	that(g, r.op.index >= a.op.index, "the index of a causal read");
	r = good_read(a.name, CONSENSUS_READ_LOCAL);
	want(g, read_by(g, &r), 0, "local read");
	same(g, r.value, a.delta, "what it reads locally");
	read_absent(g);
}

void by_features(struct gate *g, const struct world *w)
{
	uint64_t needed = CONSENSUS_FEATURE_COUNTER | CONSENSUS_FEATURE_LOCK |
			  CONSENSUS_FEATURE_ARRAY | CONSENSUS_FEATURE_URING;
	struct consensus_features f = { 0 };

	(void)w;
	if (g->door->array) {
		want(g, gate_call(g, CONSENSUS_IOC_FEATURES, &f), EINVAL, "features in an array");
		return;
	}
	want(g, gate_call(g, CONSENSUS_IOC_FEATURES, &f), 0, "features");
	same(g, f.abi, CONSENSUS_ABI, "features: abi");
	same(g, f.features & needed, needed, "features: what there is");
	same(g, f.name_max, CONSENSUS_NAME_SIZE - 1, "features: longest name");
	same(g, f.node_started, 1, "features: the node is started");
	f = (struct consensus_features){ .flags = 1 };
	want(g, gate_call(g, CONSENSUS_IOC_FEATURES, &f), EINVAL, "features with a flag");
}

/* All parts of a list by this door: how many elements; -1 and a fault. */
static int list_by(struct gate *g, uint32_t cmd, void *at, uint32_t size, uint32_t room)
{
	struct consensus_list l = { .size = size, .buffer = (uintptr_t)at, .count = room };
	unsigned int n = 0;

	while (l.cursor != UINT64_MAX && n < room) {
		l.count = room - n;
		if (!want(g, gate_call(g, cmd, &l), 0, "a list"))
			return -1;
		that(g, l.index > 0, "a list's index");
		n += l.count;
		l.buffer += (uint64_t)l.count * size;
	}
	return (int)n;
}

static void lists_are_none(struct gate *g)
{
	struct consensus_list l = { 0 };

	want(g, gate_call(g, CONSENSUS_IOC_LOCK_LIST, &l), EINVAL, "a list in an array");
	want(g, gate_call(g, CONSENSUS_IOC_SESSION_LIST, &l), EINVAL, "a list in an array");
}

void by_lists(struct gate *g, const struct world *w)
{
	enum { ROOM = 256 };
	struct consensus_lock_info *locks;
	struct consensus_session_info sessions[16];
	const char *name = fresh("listed");
	uint64_t token;
	int i, n, found = 0;

	if (g->door->array) {
		lists_are_none(g);
		return;
	}
	locks = calloc(ROOM, sizeof(*locks));
	if (!locks)
		bail("no memory");
	token = take(w->fd, name, 0);
	n = list_by(g, CONSENSUS_IOC_LOCK_LIST, locks, sizeof(*locks), ROOM);
	for (i = 0; i < n; i++)
		found += !strcmp(locks[i].name, name) && locks[i].token == token &&
			 !strcmp(locks[i].node, w->here);
	same(g, (uint64_t)found, 1, "times the lock is in the list (of %d)", n);
	n = list_by(g, CONSENSUS_IOC_SESSION_LIST, sessions, sizeof(*sessions), 16);
	for (i = 0, found = 0; i < n; i++)
		found += !strcmp(sessions[i].node, w->here);
	that(g, found > 0, "its node is among %d sessions", n);
	want(g, lk_release(w->fd, name, token), 0, "release by ioctl");
	free(locks);
}

/* How long a call may be told to wait. */
void by_limits(struct gate *g, const struct world *w)
{
	bool uring = g->door->kind == DOOR_URING;
	struct consensus_counter_add a = good_add(fresh("limits"));
	const char *name = a.name;
	struct consensus_counter_read r;

	a.op.timeout_ns = CONSENSUS_NO_TIMEOUT;
	want(g, add_by(g, &a), uring ? EINVAL : 0, "add without limit of time");
	a = good_add(name);
	a.op.timeout_ns = CONSENSUS_URING_TIMEOUT_MAX + 1;
	want(g, add_by(g, &a), uring ? EINVAL : 0, "add for more than a ring may wait");
	a = good_add(name);
	a.op.timeout_ns = CONSENSUS_URING_TIMEOUT_MAX;
	want(g, add_by(g, &a), 0, "add for as long as a ring may wait");
	a = good_add(name);
	a.op.timeout_ns = 0;
	want(g, add_by(g, &a), 0, "add for the default time");
	r = good_read(name, CONSENSUS_READ_LOCAL);
	r.op.timeout_ns = CONSENSUS_NO_TIMEOUT;
	want(g, read_by(g, &r), uring ? EINVAL : 0, "local read without limit of time");
	same(g, value_of(w->fd, name), uring ? 2 : 4, "the counter");
}

/* Structs that are not there, or not whole. */
void by_memory(struct gate *g, const struct world *w)
{
	const char *name = fresh("memory");
	struct consensus_counter_add a = good_add(name), *edge = at_edge(sizeof(a)), *part;

	want(g, gate_call(g, CONSENSUS_IOC_COUNTER_ADD, NULL), EFAULT, "no struct");
	want(g, gate_call(g, CONSENSUS_IOC_COUNTER_ADD, (void *)16), EFAULT, "a bad address");
	*edge = a;
	want(g, gate_call(g, CONSENSUS_IOC_COUNTER_ADD, edge), 0, "a struct at the edge of memory");
	part = at_edge(sizeof(a) - 8);
	memcpy(part, &a, sizeof(a) - 8);
	want(g, gate_call(g, CONSENSUS_IOC_COUNTER_ADD, part), EFAULT, "the value is missing");
	same(g, value_of(w->fd, name), 1, "the counter");
	want(g, gate_call(g, 0x12345678, &a), g->door->array ? EINVAL : ENOTTY, "an unknown call");
	want(g, gate_call(g, CONSENSUS_IOC_COUNTER_ADD + (1U << 16), &a),
	     g->door->array ? EINVAL : ENOTTY, "a call of another size");
}
