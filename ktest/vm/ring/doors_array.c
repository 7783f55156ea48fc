// SPDX-License-Identifier: GPL-2.0
/* Arrays: all of their entries, and how they are refused as a whole. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doors.h"

void bunch_init(struct bunch *b)
{
	memset(b, 0, sizeof(*b));
	b->a.entries = (uintptr_t)b->e;
	b->a.failed = 77;
}

struct bunch *bunch_begin(void)
{
	static struct bunch b;

	bunch_init(&b);
	return &b;
}

union any *bunch_put(struct bunch *b, uint32_t call, const union any *filled)
{
	uint32_t n = b->a.count++;
	union any *s = &b->s[n];

	if (n > CONSENSUS_ARRAY_MAX)
		bail("too many for a bunch");
	memcpy(s, filled, _IOC_SIZE(call));
	s->op.status = 4711;
	b->e[n].call = call;
	b->e[n].argument = (uintptr_t)s;
	return s;
}

union any *bunch_add(struct bunch *b, const char *name, uint64_t timeout_ns)
{
	union any a = { .add = good_add(name) };

	a.op.timeout_ns = timeout_ns;
	return bunch_put(b, CONSENSUS_IOC_COUNTER_ADD, &a);
}

union any *bunch_read(struct bunch *b, const char *name, uint32_t how, uint64_t timeout_ns)
{
	union any a = { .read = good_read(name, how) };

	a.op.timeout_ns = timeout_ns;
	return bunch_put(b, CONSENSUS_IOC_COUNTER_READ, &a);
}

union any *bunch_acquire(struct bunch *b, const char *name, uint32_t flags, uint64_t timeout_ns)
{
	union any a = { .acquire = lk_good_acquire(name, flags) };

	a.op.timeout_ns = timeout_ns;
	return bunch_put(b, CONSENSUS_IOC_LOCK_ACQUIRE, &a);
}

int bunch_run(struct gate *g, struct bunch *b)
{
	return gate_call(g, CONSENSUS_IOC_ARRAY, &b->a);
}

unsigned int bunch_count(const struct bunch *b, int error)
{
	unsigned int i, n = 0;

	for (i = 0; i < b->a.count; i++)
		n += b->s[i].op.status == -error;
	return n;
}

void bunch_refused(struct gate *g, struct bunch *b, int error, const char *what)
{
	unsigned int i, n = 0;

	want(g, bunch_run(g, b), error, "array: %s", what);
	same(g, b->a.failed, 77, "array: %s: .failed is as it was", what);
	for (i = 0; i <= CONSENSUS_ARRAY_MAX; i++)
		n += b->s[i].op.status && b->s[i].op.status != 4711;
	same(g, n, 0, "array: %s: statuses that were written", what);
}

/* ---- all kinds, 256 of them ---- */

/* One of the others than additions to the common counter, and what becomes of it. */
static int put_kind(struct bunch *b, unsigned int kind, const char *common)
{
	union any a;

	switch (kind) {
	case 1:
		bunch_read(b, common, CONSENSUS_READ_LOCAL, 30 * SEC);
		return -1;	/* depends on how far the node is */
	case 2:
		bunch_add(b, fresh("of-its-own"), 30 * SEC);
		return 0;
	case 3:
		bunch_acquire(b, fresh("lock"), CONSENSUS_LOCK_TRY, 30 * SEC);
		return 0;
	case 4:
		bunch_read(b, "nothing", 0, 30 * SEC);
		return ENOENT;
	case 5:
		bunch_add(b, "nothing", 30 * SEC)->add.delta = 0;
		return EINVAL;
	case 6:
		a.check = lk_good_check("nothing", 4711);
		bunch_put(b, CONSENSUS_IOC_LOCK_CHECK, &a);
		return ESTALE;
	default:
		a.release = lk_good_release("nothing", 4711);
		bunch_put(b, CONSENSUS_IOC_LOCK_RELEASE, &a);
		return EPERM;
	}
}

/* Each eighth entry adds to the counter, which must then have been @n values. */
static void judge_values(struct gate *g, const struct bunch *b, bool leads)
{
	bool seen[CONSENSUS_ARRAY_MAX + 1] = { false };
	unsigned int i, n = b->a.count / 8;
	uint64_t v, before = 0;

	for (i = 0; i < b->a.count; i += 8) {
		want(g, -b->s[i].op.status, 0, "array: addition, entry %u", i);
		v = b->s[i].add.value;
		if (!that(g, v >= 1 && v <= n && !seen[v], "array: entry %u has a value (%llu) of its own",
			  i, (unsigned long long)v))
			continue;
		seen[v] = true;
		if (leads)
			that(g, v > before, "array: on the leader %llu comes behind %llu",
			     (unsigned long long)v, (unsigned long long)before);
		before = v;
	}
}

/* What the locks got is given back by another array. */
static void give_back(struct gate *g, const struct bunch *from)
{
	static struct consensus_lock_release r[CONSENSUS_ARRAY_MAX];
	static struct consensus_array_entry e[CONSENSUS_ARRAY_MAX];
	struct consensus_array a = { .entries = (uintptr_t)e };
	unsigned int i;

	for (i = 3; i < from->a.count; i += 8) {
		const struct consensus_lock_acquire *l = &from->s[i].acquire;

		that(g, l->token && l->ticket && l->lease_ns, "array: grant of entry %u", i);
		r[a.count] = lk_good_release(l->name, l->token);
		e[a.count].call = CONSENSUS_IOC_LOCK_RELEASE;
		e[a.count].argument = (uintptr_t)&r[a.count];
		a.count++;
	}
	want(g, gate_call(g, CONSENSUS_IOC_ARRAY, &a), 0, "array of %u releases", a.count);
	same(g, a.failed, 0, "releases that failed");
}

static void mixed(struct gate *g, bool leads)
{
	static int wanted[CONSENSUS_ARRAY_MAX];
	struct bunch *b = bunch_begin();
	const char *common = fresh("common");
	unsigned int i, failed = 0;

	for (i = 0; i < CONSENSUS_ARRAY_MAX; i++) {
		wanted[i] = 0;
		if (i % 8)
			wanted[i] = put_kind(b, i % 8, common);
		else
			bunch_add(b, common, 30 * SEC);
	}
	want(g, bunch_run(g, b), 0, "array of 256");
	for (i = 0; i < b->a.count; i++) {
		failed += b->s[i].op.status != 0;
		if (wanted[i] >= 0)
			want(g, -b->s[i].op.status, wanted[i], "array: entry %u", i);
		else
			that(g, b->s[i].op.status <= 0, "array: entry %u has a status", i);
	}
	same(g, b->a.failed, failed, "array: .failed");
	judge_values(g, b, leads);
	same(g, value_of(g->fd, common), CONSENSUS_ARRAY_MAX / 8, "the common counter");
	give_back(g, b);
}

static void full_by(const struct world *w, const char *door)
{
	const struct door *d = door_named(door);
	uint64_t begin = now_ns();
	struct gate g;
	int fd = handle();

	if (is_errno(gate_open(&g, d, fd), 0, "%s: opens", door)) {
		mixed(&g, w->here_leads);
		ok(!g.faults, "256 of all kinds by %s", door);
		gate_close(&g);
	}
	close(fd);
	fd = handle_there(w);
	if (is_errno(gate_open(&g, d, fd), 0, "%s: opens", door)) {
		mixed(&g, !w->here_leads);
		ok(!g.faults, "256 of all kinds by %s, on the other node", door);
		gate_close(&g);
	}
	close(fd);
	note("full by %s: %llu ms", door, (unsigned long long)ms_since(begin));
}

void test_full(const struct world *w)
{
	full_by(w, "ioctl");
	full_by(w, "uring");
	full_by(w, "uring async");
	full_by(w, "uring defer");
}

/* ---- refused as a whole ---- */

/* Three additions that must not happen. */
static struct bunch *three(const char *name)
{
	struct bunch *b = bunch_begin();
	int i;

	for (i = 0; i < 3; i++)
		bunch_add(b, name, 30 * SEC);
	return b;
}

static void bad_heads(struct gate *g, const char *name)
{
	static const uint32_t counts[] = { CONSENSUS_ARRAY_MAX + 1, 65536, UINT32_MAX };
	struct bunch *b = three(name);
	unsigned int i;

	b->a.count = 0;
	bunch_refused(g, b, EINVAL, "count 0");
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		b = three(name);
		b->a.count = counts[i];
		bunch_refused(g, b, E2BIG, "count above 256");
	}
	for (i = 0; i < 32; i += 31) {
		b = three(name);
		b->a.flags = 1U << i;
		bunch_refused(g, b, EINVAL, "a flag");
		b = three(name);
		b->a.zero = 1U << i;
		bunch_refused(g, b, EINVAL, "zero is dirty");
	}
}

static void bad_calls(struct gate *g, const char *name)
{
	static const uint32_t calls[] = {
		0, UINT32_MAX, CONSENSUS_IOC_FEATURES, CONSENSUS_IOC_ARRAY, CONSENSUS_IOC_LOCK_LIST,
		CONSENSUS_IOC_SESSION_LIST, CONSENSUS_IOC_HANDLE_DETACH, CONSENSUS_IOC_HANDLE_ADOPT,
		CONSENSUS_IOC_HANDLE_HEARTBEAT, CONSENSUS_IOC_HANDLE_RESET,
		CONSENSUS_IOC_HANDLE_CANCEL,
		CONSENSUS_IOC_COUNTER_ADD + (1U << 16), _IO(CONSENSUS_IOC_MAGIC, 0x10),
	};
	struct bunch *b;
	unsigned int i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		b = three(name);
		b->e[2].call = calls[i];
		bunch_refused(g, b, EINVAL, "a call that is no operation");
	}
	for (i = 0; i < 3; i += 2) {
		b = three(name);
		b->e[i].zero = 1U << 31;
		bunch_refused(g, b, EINVAL, "zero of an entry is dirty");
	}
}

/* The struct of an entry is not there: that one fails, and has no status. */
static void no_struct(struct gate *g, unsigned int entry, uint64_t address)
{
	const char *name = fresh("no-struct");
	struct bunch *b = three(name);
	unsigned int i;

	b->e[entry].argument = address;
	want(g, bunch_run(g, b), 0, "array: the struct of entry %u is at %#llx", entry,
	     (unsigned long long)address);
	same(g, b->a.failed, 1, "array: .failed with a struct that is not there");
	for (i = 0; i < 3; i++)
		same(g, (uint64_t)b->s[i].op.status, i == entry ? 4711 : 0,
		     "array: status of entry %u beside it", i);
	same(g, value_of(g->fd, name), 2, "the counter of the others");
}

static void bad_pointers(struct gate *g, const char *name)
{
	static const uint64_t addresses[] = { 0, 8, 0xffff888000000000ULL, ~7ULL };
	struct consensus_array_entry *edge = at_edge(3 * sizeof(*edge) - 1);
	struct consensus_array *short_of = at_edge(sizeof(*short_of) - 1);
	struct bunch *b;
	unsigned int i;

	for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		b = three(name);
		b->a.entries = addresses[i];
		bunch_refused(g, b, EFAULT, "no entries there");
		no_struct(g, i % 3, addresses[i]);
	}
	b = three(name);
	memcpy(edge, b->e, 3 * sizeof(*edge) - 1);
	b->a.entries = (uintptr_t)edge;
	bunch_refused(g, b, EFAULT, "the last byte of its entries is missing");
	memcpy(short_of, &b->a, sizeof(*short_of) - 1);
	want(g, gate_call(g, CONSENSUS_IOC_ARRAY, short_of), EFAULT, "the array's last byte is missing");
	want(g, gate_call(g, CONSENSUS_IOC_ARRAY, NULL), EFAULT, "no array");
}

static void malformed_by(const struct world *w, const char *door)
{
	const char *name = fresh("malformed");
	struct gate g;

	if (!is_errno(gate_open(&g, door_named(door), w->fd), 0, "%s: opens", door))
		return;
	bad_heads(&g, name);
	bad_calls(&g, name);
	bad_pointers(&g, name);
	want(&g, get(w->other, name, 0, NULL), ENOENT, "the counter of all that was refused");
	ok(!g.faults, "arrays that are refused as a whole, by %s", door);
	gate_close(&g);
}

void test_malformed(const struct world *w)
{
	malformed_by(w, "ioctl");
	malformed_by(w, "uring");
	malformed_by(w, "uring async");
	malformed_by(w, "uring linked");
}
