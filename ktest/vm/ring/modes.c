// SPDX-License-Identifier: GPL-2.0
/* What io_uring itself promises, kept: chains, drains, files, rings that cannot work. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doors.h"

enum { WAIT_MS = 120000 };

/* ---- chains ---- */

/**
 * struct chain - additions to one counter, by one submission
 * @name: the counter
 * @a: their structs
 * @n: how many
 * @cqe: their completions, in the order in which they came
 */
struct chain {
	const char *name;
	struct consensus_counter_add a[16];
	unsigned int n;
	struct ring_cqe cqe[16];
};

static struct chain chain_begin(void)
{
	return (struct chain){ .name = fresh("chain") };
}

/* Another one, with @flags beside those of the door. */
static struct consensus_counter_add *chain_add(struct gate *g, struct chain *c, unsigned int flags)
{
	struct consensus_counter_add *a = &c->a[c->n];
	struct io_uring_sqe *sqe;
	int fd = g->door->sqe & IOSQE_FIXED_FILE ? 0 : g->fd;

	*a = good_add(c->name);
	a->op.status = 4711;
	sqe = ring_put(&g->ring, fd, CONSENSUS_IOC_COUNTER_ADD, a, c->n++);
	sqe->flags = (uint8_t)(flags | (g->door->sqe & ~(unsigned int)IOSQE_IO_LINK));
	return a;
}

/* All of them, and @n completions. */
static void chain_run(struct gate *g, struct chain *c)
{
	unsigned int i;
	int error, done = ring_submit(&g->ring);

	if (done != (int)c->n)
		bail("%s: a ring took %d of %u", g->door->name, done, c->n);
	for (i = 0; i < c->n; i++) {
		error = ring_wait(&g->ring, &c->cqe[i], WAIT_MS);
		if (error)
			bail("%s: completion %u of %u: %s", g->door->name, i, c->n,
			     strerror(error));
	}
	that(g, !ring_ready(&g->ring), "more completions than commands");
}

/* The result of the @i-th, and that it came as @place-th. */
static void chain_is(struct gate *g, const struct chain *c, unsigned int i, int error,
		     const char *what)
{
	unsigned int place;

	for (place = 0; place < c->n && c->cqe[place].user_data != i; place++)
		;
	if (!that(g, place < c->n, "%s: a completion of %u", what, i))
		return;
	want(g, -c->cqe[place].res, error, "%s: link %u", what, i);
	if (error == ECANCELED)
		same(g, (uint64_t)c->a[i].op.status, 4711, "%s: status of one never begun", what);
	else
		want(g, -c->a[i].op.status, error, "%s: .status of link %u", what, i);
}

static void in_order(struct gate *g)
{
	struct chain c = chain_begin();
	unsigned int i;

	for (i = 0; i < 8; i++)
		chain_add(g, &c, i < 7 ? IOSQE_IO_LINK : 0);
	chain_run(g, &c);
	for (i = 0; i < 8; i++) {
		chain_is(g, &c, i, 0, "a chain of eight");
		same(g, c.a[i].value, i + 1, "a chain of eight: value of link %u", i);
		same(g, c.cqe[i].user_data, i, "a chain of eight: completion %u", i);
		that(g, !i || c.a[i].op.index > c.a[i - 1].op.index, "a chain: indexes rise");
	}
}

/* A failure ends its chain, soft or hard, and no other. */
static void broken(struct gate *g, unsigned int link, int behind)
{
	const char *what = link == IOSQE_IO_LINK ? "a broken chain" : "a hard chain";
	struct chain c = chain_begin();
	unsigned int i;

	chain_add(g, &c, link);
	chain_add(g, &c, link)->delta = 0;
	chain_add(g, &c, link);
	chain_add(g, &c, 0);
	chain_add(g, &c, link);		/* another chain */
	chain_add(g, &c, 0);
	chain_run(g, &c);
	chain_is(g, &c, 0, 0, what);
	chain_is(g, &c, 1, EINVAL, what);
	chain_is(g, &c, 2, behind, what);
	chain_is(g, &c, 3, behind, what);
	for (i = 4; i < 6; i++)
		chain_is(g, &c, i, 0, "the next chain");
	same(g, value_of(g->fd, c.name), behind ? 3 : 5, "%s: the counter", what);
}

/* An array breaks a chain only if it fails as a whole. */
static void around_array(struct gate *g, bool whole)
{
	const char *what = whole ? "an array that fails" : "an array with failures";
	struct bunch *b = bunch_begin();
	struct chain c = chain_begin();
	struct io_uring_sqe *sqe;

	bunch_add(b, "nothing", SEC)->add.delta = 0;
	bunch_read(b, "nothing", 0, 30 * SEC);
	if (whole)
		b->a.flags = 1;
	sqe = ring_put(&g->ring, g->door->sqe & IOSQE_FIXED_FILE ? 0 : g->fd, CONSENSUS_IOC_ARRAY,
		       &b->a, c.n++);
	sqe->flags = (uint8_t)(g->door->sqe | IOSQE_IO_LINK);
	c.a[0].op.status = whole ? -EINVAL : 0;
	chain_add(g, &c, 0);
	chain_run(g, &c);
	chain_is(g, &c, 0, whole ? EINVAL : 0, what);
	chain_is(g, &c, 1, whole ? ECANCELED : 0, what);
	same(g, b->a.failed, whole ? 77 : 2, "%s: .failed", what);
}

/*
 * What drains waits for all before it. (What is behind it begins no earlier, which says
 * nothing of their order: kernels begin them together.)
 */
static void drained(struct gate *g)
{
	struct chain c = chain_begin();
	unsigned int i;

	for (i = 0; i < 9; i++)
		chain_add(g, &c, i == 4 ? IOSQE_IO_DRAIN : 0);
	chain_run(g, &c);
	for (i = 0; i < 9; i++)
		chain_is(g, &c, i, 0, "drained");
	for (i = 0; i < 4; i++)
		that(g, c.a[i].value <= 4 && c.cqe[i].user_data < 4, "what is before it ends before it");
	for (i = 4; i < 9; i++)
		that(g, c.a[i].value > 4, "what is not before it begins behind them");
}

/* Behind an acquire that waits: only once it is granted. */
static void behind_a_wait(struct gate *g, const struct world *w)
{
	const char *lock = fresh("behind");
	struct consensus_lock_acquire a = lk_good_acquire(lock, 0);
	struct later l = { .fd = w->fd, .name = lock, .waiters = 2, .ms = 50 };
	struct chain c = chain_begin();
	struct io_uring_sqe *sqe;

	l.token = take(w->fd, lock, 0);
	sqe = ring_put(&g->ring, g->door->sqe & IOSQE_FIXED_FILE ? 0 : g->fd,
		       CONSENSUS_IOC_LOCK_ACQUIRE, &a, c.n++);
	sqe->flags = (uint8_t)(g->door->sqe | IOSQE_IO_LINK);
	chain_add(g, &c, 0);
	release_later(&l);
	chain_run(g, &c);
	release_awaited(g, &l);
	chain_is(g, &c, 0, 0, "an acquire in a chain");
	chain_is(g, &c, 1, 0, "an addition behind it");
	that(g, a.token > l.token && c.a[1].op.index > a.op.index,
	     "the addition comes behind the grant in the one order");
	want(g, lk_release(g->fd, lock, a.token), 0, "release by ioctl");
}

static void chains_by(const struct world *w, const char *door)
{
	const struct door *d = door_named(door);
	int fd = handle(), error;
	struct gate g;

	error = gate_open(&g, d, fd);
	if (!error) {
		/* The door's own ring is small. */
		ring_close(&g.ring);
		error = ring_open(&g.ring, 32, 0, d->setup);
	}
	if (!error && d->sqe & IOSQE_FIXED_FILE)
		error = ring_files(&g.ring, &fd, 1);
	if (!is_errno(error, 0, "%s: opens", door))
		return;
	in_order(&g);
	broken(&g, IOSQE_IO_LINK, ECANCELED);
	broken(&g, IOSQE_IO_HARDLINK, 0);
	around_array(&g, false);
	around_array(&g, true);
	drained(&g);
	behind_a_wait(&g, w);
	ok(!g.faults, "chains and drains by %s", door);
	gate_close(&g);
	close(fd);
}

void test_chains(const struct world *w)
{
	chains_by(w, "uring");
	chains_by(w, "uring async");
	chains_by(w, "uring sqpoll fixed async");
	chains_by(w, "uring defer");
	chains_by(w, "uring sqe128 cqe32 async");
}

/* ---- rings ---- */

/* A command with @fd and @argument by a ring of that kind: its res. */
static int raw(struct ring *r, int fd, uint32_t call, uint64_t argument, uint64_t zero,
	       unsigned int flags)
{
	struct consensus_uring u = { .argument = argument, .zero = zero };
	struct io_uring_sqe *sqe = ring_put(r, fd, call, NULL, 1);

	memcpy(sqe->cmd, &u, sizeof(u));
	sqe->flags = (uint8_t)flags;
	return ring_do(r).res;
}

static void refused_by(const struct world *w, unsigned int setup, unsigned int flags,
		       const char *what)
{
	static const uint64_t nowhere[] = { 0, 4096, ~15ULL, 0xffff888000000000ULL };
	struct consensus_counter_add a = good_add(fresh("refused"));
	uint64_t at = (uintptr_t)&a;
	int zero = open("/dev/zero", O_RDWR | O_CLOEXEC), fd = w->fd;
	struct ring r;
	unsigned int i;

	if (!is_errno(ring_open(&r, 8, 0, setup), 0, "%s: a ring", what))
		return;
	is_errno(-raw(&r, fd, CONSENSUS_IOC_COUNTER_ADD, at, 1, flags), EINVAL, "%s: zero: 1",
		 what);
	is_errno(-raw(&r, fd, CONSENSUS_IOC_COUNTER_ADD, at, 1ULL << 63, flags), EINVAL,
		 "%s: zero: 2^63", what);
	for (i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
		is_errno(-raw(&r, fd, CONSENSUS_IOC_COUNTER_ADD, nowhere[i], 0, flags), EFAULT,
			 "%s: a bad address", what);
	is_errno(-raw(&r, fd, 0, at, 0, flags), ENOTTY, "%s: call 0", what);
	is_errno(-raw(&r, fd, CONSENSUS_IOC_COUNTER_ADD ^ 1U << 16, at, 0, flags), ENOTTY,
		 "%s: a struct of another size", what);
	is_errno(-raw(&r, zero, CONSENSUS_IOC_COUNTER_ADD, at, 0, flags), EOPNOTSUPP,
		 "%s: a file without commands", what);
	is_errno(-raw(&r, -1, CONSENSUS_IOC_COUNTER_ADD, at, 0, flags), EBADF, "%s: no file", what);
	is_errno(-raw(&r, 0, CONSENSUS_IOC_COUNTER_ADD, at, 0, flags | IOSQE_FIXED_FILE), EBADF,
		 "%s: no such fixed file", what);
	is_errno(get(fd, a.name, 0, NULL), ENOENT, "%s: nothing happened", what);
	ring_close(&r);
	close(zero);
}

/* It polls a device for completions: there is none that could be polled. */
static void polled(const struct world *w)
{
	struct consensus_counter_add a = good_add(fresh("polled"));
	struct consensus_features f = { 0 };
	struct ring r;

	if (!is_errno(ring_open(&r, 8, 0, IORING_SETUP_IOPOLL), 0, "iopoll: a ring"))
		return;
	ring_put(&r, w->fd, CONSENSUS_IOC_COUNTER_ADD, &a, 1);
	is_errno(-ring_do(&r).res, EOPNOTSUPP, "iopoll: add");
	ring_put(&r, w->fd, CONSENSUS_IOC_FEATURES, &f, 2);
	is_errno(-ring_do(&r).res, EOPNOTSUPP, "iopoll: features");
	is_errno(get(w->fd, a.name, 0, NULL), ENOENT, "iopoll: nothing happened");
	ring_close(&r);
}

/* Who succeeds is silent, if so asked; who fails is not. */
static void silent(const struct world *w)
{
	struct consensus_counter_add a = good_add(fresh("silent")), bad = a;
	uint64_t until = now_ns() + 30 * SEC;
	struct ring_cqe c;
	struct ring r;

	if (!is_errno(ring_open(&r, 8, 0, 0), 0, "silent: a ring"))
		return;
	a.op.status = 4711;
	ring_put(&r, w->fd, CONSENSUS_IOC_COUNTER_ADD, &a, 1)->flags = IOSQE_CQE_SKIP_SUCCESS;
	ring_submit(&r);
	while (__atomic_load_n(&a.op.status, __ATOMIC_RELAXED) && now_ns() < until)
		ring_wait(&r, &c, 20);
	ok(!a.op.status && a.value == 1 && !ring_ready(&r), "silent: it succeeds without a completion");
	bad.delta = 0;
	ring_put(&r, w->fd, CONSENSUS_IOC_COUNTER_ADD, &bad, 2)->flags = IOSQE_CQE_SKIP_SUCCESS;
	c = ring_do(&r);
	ok(c.user_data == 2 && c.res == -EINVAL, "silent: a failure has its completion");
	ring_close(&r);
}

/* More under way than the ring has room for at once; each has its value. */
static void deep(const struct world *w, unsigned int setup, unsigned int flags, const char *what)
{
	enum { DEEP = 256 };
	static struct consensus_counter_add a[DEEP];
	static bool seen[DEEP + 1];
	const char *name = fresh("deep");
	unsigned int i, good = 0;
	struct ring_cqe c;
	struct ring r;

	if (!is_errno(ring_open(&r, DEEP, 0, setup), 0, "%s: a ring", what))
		return;
	memset(seen, 0, sizeof(seen));
	for (i = 0; i < DEEP; i++) {
		a[i] = good_add(name);
		ring_put(&r, w->fd, CONSENSUS_IOC_COUNTER_ADD, &a[i], i)->flags = (uint8_t)flags;
	}
	ring_submit(&r);
	for (i = 0; i < DEEP && !ring_wait(&r, &c, WAIT_MS); i++) {
		const struct consensus_counter_add *d = &a[c.user_data % DEEP];

		if (c.res || d->op.status || !d->value || d->value > DEEP || seen[d->value])
			note("%s: %llu: res %d, status %d, value %llu", what,
			     (unsigned long long)c.user_data, c.res, d->op.status,
			     (unsigned long long)d->value);
		else
			good++;
		seen[d->value % (DEEP + 1)] = true;
	}
	ok(good == DEEP, "%s: 256 under way: %u have a value of their own", what, good);
	ok(value_of(w->other, name) == DEEP, "%s: the counter", what);
	ring_close(&r);
}

void test_rings(const struct world *w)
{
	refused_by(w, 0, 0, "uring");
	refused_by(w, 0, IOSQE_ASYNC, "uring async");
	refused_by(w, IORING_SETUP_SQE128 | IORING_SETUP_CQE32, 0, "uring sqe128 cqe32");
	polled(w);
	silent(w);
	deep(w, 0, 0, "uring");
	deep(w, 0, IOSQE_ASYNC, "uring async");
	deep(w, IORING_SETUP_SQPOLL, 0, "uring sqpoll");
	deep(w, IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER, 0, "uring defer");
}
