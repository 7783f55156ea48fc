// SPDX-License-Identifier: GPL-2.0
/*
 * ct-torture: the doors. Each keeps as many operations under way as there may be, until its
 * process is killed. A process that finds its kernel wanting says so and waits for that.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../lock/lk.h"
#include "ring.h"
#include "torture.h"

enum { BATCH = 64, CALLERS = 24, WAIT_MS = 200 };

const char *const door_names[DOORS] = {
	[DOOR_URING] = "uring",
	[DOOR_DEFER] = "defer",
	[DOOR_SQPOLL] = "sqpoll",
	[DOOR_FIXED] = "fixed",
	[DOOR_FIXED_SQPOLL] = "fixed_sqpoll",
	[DOOR_ASYNC] = "async",
	[DOOR_URING_ARRAY] = "uring_array",
	[DOOR_ARRAY] = "array",
	[DOOR_THREADS] = "threads",
};

static const unsigned int setup_of[DOORS] = {
	[DOOR_DEFER] = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	[DOOR_SQPOLL] = IORING_SETUP_SQPOLL,
	[DOOR_FIXED_SQPOLL] = IORING_SETUP_SQPOLL,
};

/* Nothing else can be done, and the parent knows by the violation. */
__attribute__((noreturn, format(printf, 1, 2)))
static void despair(const char *text, ...);

static void despair(const char *text, ...)
{
	char line[128];
	va_list args;

	va_start(args, text);
	vsnprintf(line, sizeof(line), text, args);
	va_end(args);
	violation("%s", line);
	for (;;)
		pause();
}

static void began_to_work(struct crew *c, const struct flight *f)
{
	c->slot_token = f->acquire.token;
	atomic_store(&c->w->granted_ns, now_ns());
	atomic_store(&c->w->stage, STAGE_WORKS);
}

/* ---- a ring ---- */

/**
 * struct station - a ring, and what it has under way
 * @r: the ring
 * @flags: IOSQE_* of all its commands
 * @serial: of the command in each place, so that no completion counts for another
 */
struct station {
	struct ring r;
	unsigned int flags;
	uint64_t serial[MAX_DEPTH];
};

static void station_open(struct station *s, struct crew *c)
{
	enum door door = c->w->door;
	int error;

	memset(s, 0, sizeof(*s));
	error = ring_open(&s->r, opt.depth, 0, setup_of[door]);
	if (error)
		despair("no ring by %s: %s", door_names[door], strerror(error));
	if (door == DOOR_ASYNC)
		s->flags = IOSQE_ASYNC;
	if (door != DOOR_FIXED && door != DOOR_FIXED_SQPOLL)
		return;
	error = ring_files(&s->r, &c->fd, 1);
	if (error)
		despair("no fixed file: %s", strerror(error));
	close(c->fd);
	c->fd = 0;
	s->flags = IOSQE_FIXED_FILE;
}

/* False: there is no room for it now. */
static bool station_put(struct station *s, struct crew *c, unsigned int place, uint32_t call,
			void *argument)
{
	struct io_uring_sqe *sqe = ring_sqe(&s->r);

	if (!sqe)
		return false;
	s->serial[place]++;
	ring_prep(sqe, c->fd, call, argument, s->serial[place] << 16 | place);
	sqe->flags = (uint8_t)s->flags;
	return true;
}

static void station_submit(struct station *s, unsigned int n)
{
	int took = ring_submit(&s->r);

	if (took < 0 || (unsigned int)took != n)
		despair("a ring took %d of %u", took, n);
}

/* The place of the next answer, and what it says; -1: none came in time. */
static int station_next(struct station *s, int ms, int *res)
{
	struct ring_cqe cqe;
	unsigned int place;
	int error = ring_wait(&s->r, &cqe, (unsigned int)ms);

	if (error == ETIME || error == EINTR)
		return -1;
	if (error)
		despair("waiting for completions: %s", strerror(error));
	place = cqe.user_data & 0xffff;
	if (place >= opt.depth || cqe.user_data >> 16 != s->serial[place])
		violation("a completion of nothing: %llx", (unsigned long long)cqe.user_data);
	s->serial[place]++;
	*res = cqe.res;
	return (int)place;
}

/* Waits for its slot's lock. */
static void station_slot(struct station *s, struct crew *c)
{
	struct flight *f = &c->flight[0];
	int res = -ETIMEDOUT;

	while (res == -ETIMEDOUT || res == -EHOSTUNREACH || res == -ENOTRECOVERABLE) {
		op_slot(c, f);
		op_begin(c, f);
		station_put(s, c, 0, f->call, f);
		station_submit(s, 1);
		atomic_store(&c->w->stage, STAGE_WAITS);
		while (station_next(s, WAIT_MS, &res) < 0)
			;
		op_end(c, f, res);
	}
	if (!res)
		began_to_work(c, f);
}

static void single_fill(struct station *s, struct crew *c)
{
	unsigned int i, n = 0;

	for (i = 0; i < opt.depth; i++) {
		struct flight *f = &c->flight[i];

		if (f->busy)
			continue;
		op_make(c, f, false);
		if (!station_put(s, c, i, f->call, f))
			break;
		op_begin(c, f);
		n++;
	}
	if (n)
		station_submit(s, n);
}

static void single_run(struct station *s, struct crew *c)
{
	int place, res;

	for (;;) {
		single_fill(s, c);
		for (place = station_next(s, WAIT_MS, &res); place >= 0;
		     place = station_next(s, 0, &res))
			op_end(c, &c->flight[place], res);
	}
}

/* ---- arrays ---- */

/**
 * struct batch - an array, and its entries
 * @head: what the kernel gets
 * @entry: of it
 * @first: flight of them
 * @busy: the kernel has it
 */
struct batch {
	struct consensus_array head;
	struct consensus_array_entry entry[CONSENSUS_ARRAY_MAX];
	struct flight *first;
	bool busy;
};

static void batch_make(struct crew *c, struct batch *b, unsigned int most)
{
	/* one of four may wait for long as a whole */
	bool brief = random_next(&c->rng) % 4;
	unsigned int i, n = 1 + (unsigned int)(random_next(&c->rng) % most);

	memset(&b->head, 0, sizeof(b->head));
	b->head.count = n;
	b->head.entries = (uintptr_t)b->entry;
	for (i = 0; i < n; i++) {
		struct flight *f = &b->first[i];

		op_make(c, f, brief);
		b->entry[i] = (struct consensus_array_entry){
			.call = f->call,
			.argument = (uintptr_t)f,
		};
		op_begin(c, f);
	}
	b->busy = true;
}

/* A call of an array always answers 0; each of its entries has a status. */
static void batch_end(struct crew *c, struct batch *b, int res)
{
	unsigned int i, failed = 0;

	b->busy = false;
	if (res)
		despair("an array of %u by %s ends in %s", b->head.count,
			door_names[c->w->door], strerrorname_np(-res));
	for (i = 0; i < b->head.count; i++) {
		failed += !!b->first[i].op.status;
		op_end(c, &b->first[i], b->first[i].op.status);
	}
	if (failed != b->head.failed)
		violation("an array says that %u failed, and %u did", b->head.failed, failed);
}

static void batches_run(struct station *s, struct crew *c)
{
	static struct batch batch[MAX_DEPTH / BATCH];
	unsigned int i, n, all = opt.depth / BATCH ? opt.depth / BATCH : 1;
	int place, res;

	for (;;) {
		for (n = 0, i = 0; i < all; i++) {
			if (batch[i].busy)
				continue;
			batch[i].first = &c->flight[i * BATCH];
			batch_make(c, &batch[i], opt.depth < BATCH ? opt.depth : BATCH);
			if (!station_put(s, c, i, CONSENSUS_IOC_ARRAY, &batch[i].head))
				despair("no room for %u arrays", all);
			n++;
		}
		if (n)
			station_submit(s, n);
		for (place = station_next(s, WAIT_MS, &res); place >= 0;
		     place = station_next(s, 0, &res))
			batch_end(c, &batch[place], res);
	}
}

/* ---- ioctl ---- */

static int by_ioctl(struct crew *c, uint32_t request, void *argument)
{
	int error = call(c->fd, request, argument);

	if (error == EINTR)
		despair("a call was interrupted");
	return -error;
}

static void ioctl_slot(struct crew *c)
{
	struct flight *f = &c->flight[0];
	int res = -ETIMEDOUT;

	atomic_store(&c->w->stage, STAGE_WAITS);
	while (res == -ETIMEDOUT || res == -EHOSTUNREACH || res == -ENOTRECOVERABLE) {
		op_slot(c, f);
		op_begin(c, f);
		res = by_ioctl(c, f->call, f);
		op_end(c, f, res);
	}
	if (!res)
		began_to_work(c, f);
}

static void arrays_run(struct crew *c)
{
	static struct batch b;
	unsigned int most = opt.depth < CONSENSUS_ARRAY_MAX ? opt.depth : CONSENSUS_ARRAY_MAX;

	b.first = c->flight;
	for (;;) {
		batch_make(c, &b, most);
		batch_end(c, &b, by_ioctl(c, CONSENSUS_IOC_ARRAY, &b.head));
	}
}

static void *caller_run(void *arg)
{
	struct crew *c = arg;
	struct flight *f = c->flight;

	for (;;) {
		op_make(c, f, false);
		op_begin(c, f);
		op_end(c, f, by_ioctl(c, f->call, f));
	}
	return NULL;
}

static void threads_run(struct crew *c)
{
	static struct crew caller[CALLERS];
	unsigned int i, all = opt.depth < CALLERS ? opt.depth : CALLERS;
	pthread_t thread;

	for (i = 0; i < all; i++) {
		caller[i] = *c;
		caller[i].rng = random_next(&c->rng) | 1;
		caller[i].flight = &c->flight[i];
		if (pthread_create(&thread, NULL, caller_run, &caller[i]))
			despair("no thread");
	}
	for (;;)
		pause();
}

/* ---- a life ---- */

static void ring_life(struct crew *c)
{
	static struct station s;

	station_open(&s, c);
	if (!opt.alone)
		station_slot(&s, c);
	if (c->w->door == DOOR_URING_ARRAY)
		batches_run(&s, c);
	else
		single_run(&s, c);
}

static void ioctl_life(struct crew *c)
{
	if (!opt.alone)
		ioctl_slot(c);
	if (c->w->door == DOOR_ARRAY)
		arrays_run(c);
	else
		threads_run(c);
}

void door_run(struct worker *w)
{
	static struct flight flight[MAX_DEPTH];
	static struct crew c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	c = (struct crew){ .w = w, .rng = w->seed, .flight = flight };
	atomic_store(&w->handles, 1);
	c.fd = lk_open(w->netns, O_RDWR);
	if (c.fd < 0)
		despair("no handle: %s", strerror(-c.fd));
	if (w->door == DOOR_ARRAY || w->door == DOOR_THREADS)
		ioctl_life(&c);
	else
		ring_life(&c);
	despair("a worker came to its end");
}
