// SPDX-License-Identifier: GPL-2.0
/* The table of doors, and how a call passes one. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors.h"

enum {
	OTHERS = 7,		/* on either side */
	WAIT_MS = 120000,
	IS_BEFORE = 1,
	IS_CALL,
	IS_BEHIND,
};

#define DEFER (IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER)
#define COOP (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG)
#define WIDE (IORING_SETUP_SQE128 | IORING_SETUP_CQE32)
#define BRIEF .brief = true
#define LARGE .array = true, .others = OTHERS

const struct door doors[] = {
	{ "ioctl", .kind = DOOR_IOCTL },
	{ "array of one", DOOR_IOCTL, .array = true, BRIEF },
	{ "array of many", DOOR_IOCTL, LARGE },
	{ "uring", .kind = DOOR_URING },
	{ "uring async", DOOR_URING, .sqe = IOSQE_ASYNC },
	{ "uring fixed", DOOR_URING, BRIEF, .sqe = IOSQE_FIXED_FILE },
	{ "uring sqpoll", DOOR_URING, BRIEF, .setup = IORING_SETUP_SQPOLL },
	{ "uring sqpoll fixed async", DOOR_URING, .setup = IORING_SETUP_SQPOLL,
	  .sqe = IOSQE_FIXED_FILE | IOSQE_ASYNC },
	{ "uring linked", DOOR_URING, BRIEF, .sqe = IOSQE_IO_LINK },
	{ "uring drain", DOOR_URING, BRIEF, .sqe = IOSQE_IO_DRAIN },
	{ "uring defer", DOOR_URING, BRIEF, .setup = DEFER },
	{ "uring defer linked async", DOOR_URING, .setup = DEFER,
	  .sqe = IOSQE_IO_LINK | IOSQE_ASYNC },
	{ "uring coop", DOOR_URING, BRIEF, .setup = COOP },
	{ "uring sqe128", DOOR_URING, BRIEF, .setup = IORING_SETUP_SQE128 },
	{ "uring cqe32", DOOR_URING, BRIEF, .setup = IORING_SETUP_CQE32 },
	{ "uring sqe128 cqe32 async", DOOR_URING, BRIEF, .setup = WIDE, .sqe = IOSQE_ASYNC },
	{ "uring array of one", DOOR_URING, BRIEF, .array = true },
	{ "uring array of many, async", DOOR_URING, LARGE, .sqe = IOSQE_ASYNC },
	{ "uring array of many, defer linked", DOOR_URING, LARGE, BRIEF, .setup = DEFER,
	  .sqe = IOSQE_IO_LINK },
};

const unsigned int n_doors = sizeof(doors) / sizeof(doors[0]);

const struct door *door_named(const char *name)
{
	unsigned int i;

	for (i = 0; i < n_doors; i++) {
		if (!strcmp(doors[i].name, name))
			return &doors[i];
	}
	bail("there is no door '%s'", name);
}

int gate_open(struct gate *g, const struct door *d, int fd)
{
	int error;

	memset(g, 0, sizeof(*g));
	g->door = d;
	g->fd = fd;
	if (d->kind != DOOR_URING)
		return 0;
	error = ring_open(&g->ring, 8, 0, d->setup);
	if (error || !(d->sqe & IOSQE_FIXED_FILE))
		return error;
	error = ring_files(&g->ring, &fd, 1);
	if (error)
		ring_close(&g->ring);
	return error;
}

void gate_close(struct gate *g)
{
	if (g->door->kind == DOOR_URING)
		ring_close(&g->ring);
}

struct gate gate_beside(struct gate *g, int fd)
{
	struct gate beside;
	int error = gate_open(&beside, g->door, fd);

	if (error)
		bail("%s: another ring: %s", g->door->name, strerror(error));
	return beside;
}

void gate_leave(struct gate *g, struct gate *beside)
{
	g->faults += beside->faults;
	gate_close(beside);
}

/* ---- one call, straight ---- */

/* A NOP in the same chain, or before the one that drains. */
static void put_nop(struct gate *g, uint64_t user_data, bool links)
{
	struct io_uring_sqe *sqe = ring_sqe(&g->ring);

	if (!sqe)
		bail("%s: no room for a NOP", g->door->name);
	ring_prep_nop(sqe, user_data);
	if (links)
		sqe->flags = IOSQE_IO_LINK;
}

static void put_call(struct gate *g, uint32_t call, void *argument)
{
	int fd = g->door->sqe & IOSQE_FIXED_FILE ? 0 : g->fd;
	struct io_uring_sqe *sqe = ring_put(&g->ring, fd, call, argument, IS_CALL);

	sqe->flags = (uint8_t)g->door->sqe;
}

/* @n completions, each where its user_data says. */
static void collect(struct gate *g, unsigned int n, struct ring_cqe at[IS_BEHIND + 1])
{
	unsigned int place;

	memset(at, 0, (IS_BEHIND + 1) * sizeof(*at));
	for (place = 1; place <= n; place++) {
		struct ring_cqe c;
		int error = ring_wait(&g->ring, &c, WAIT_MS);

		if (error)
			bail("%s: no completion in %d s: %s", g->door->name, WAIT_MS / 1000,
			     strerror(error));
		that(g, c.user_data >= IS_BEFORE && c.user_data <= IS_BEHIND &&
		     !at[c.user_data & 3].user_data, "a completion of nobody (%llu)",
		     (unsigned long long)c.user_data);
		at[c.user_data & 3] = c;
		at[c.user_data & 3].flags = place;
	}
}

/* What must be so of those around it. */
static void judge_others(struct gate *g, bool links, const struct ring_cqe at[IS_BEHIND + 1])
{
	const struct ring_cqe *c = &at[IS_CALL];

	want(g, -at[IS_BEFORE].res, 0, "the NOP before");
	that(g, at[IS_BEFORE].flags < c->flags, "what stands before it completes before it");
	if (!links)
		return;
	want(g, -at[IS_BEHIND].res, c->res ? ECANCELED : 0, "the end of a chain behind %d", c->res);
	that(g, c->flags < at[IS_BEHIND].flags, "what is linked behind it completes behind it");
}

static int by_uring(struct gate *g, uint32_t call, void *argument)
{
	bool links = g->door->sqe & IOSQE_IO_LINK, drains = g->door->sqe & IOSQE_IO_DRAIN;
	unsigned int n = 1U + (links || drains) + links;
	struct ring_cqe at[IS_BEHIND + 1];
	int done;

	if (links || drains)
		put_nop(g, IS_BEFORE, links);
	put_call(g, call, argument);
	if (links)
		put_nop(g, IS_BEHIND, false);
	done = ring_submit(&g->ring);
	if (done != (int)n)
		bail("%s: a ring took %d of %u", g->door->name, done, n);
	collect(g, n, at);
	if (links || drains)
		judge_others(g, links, at);
	that(g, at[IS_CALL].res <= 0, "a result above 0: %d", at[IS_CALL].res);
	that(g, !ring_ready(&g->ring), "more completions than commands");
	g->big = at[IS_CALL].big;
	return -at[IS_CALL].res;
}

static int straight(struct gate *g, uint32_t cmd, void *argument)
{
	if (g->door->kind == DOOR_IOCTL)
		return call(g->fd, cmd, argument);
	return by_uring(g, cmd, argument);
}

/* ---- one call, as an entry of an array ---- */

/* Reads of what this node has applied: never wait, and need no quorum. */
static void company(struct consensus_array_entry *e, struct consensus_counter_read *r,
		    unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		r[i] = good_read("nothing", CONSENSUS_READ_LOCAL);
		r[i].op.status = 12345;
		e[i] = (struct consensus_array_entry){
			.call = CONSENSUS_IOC_COUNTER_READ, .argument = (uintptr_t)&r[i],
		};
	}
}

/* Each ends by itself: the counter is not there, or the handle is lost. */
static unsigned int judge_company(struct gate *g, const struct consensus_counter_read *r,
				  unsigned int n)
{
	unsigned int i, failed = 0;

	for (i = 0; i < n; i++) {
		int s = -r[i].op.status;

		that(g, s == ENOENT || s == EKEYEXPIRED || s == ENOTCONN,
		     "another entry of the array has status %d", -s);
		failed += s != 0;
	}
	return failed;
}

/* Has it a status at all? A test may want to see what becomes of a bad address. */
static bool has_status(const void *argument)
{
	return (uintptr_t)argument > 4096;
}

static int as_entry(struct gate *g, uint32_t cmd, void *argument)
{
	struct consensus_counter_read r[2 * OTHERS];
	struct consensus_array_entry e[2 * OTHERS + 1], *mine = &e[g->door->others];
	struct consensus_array a = { .entries = (uintptr_t)e, .failed = 77 };
	const struct consensus_op *op = argument;
	unsigned int n = g->door->others, failed;
	int error;

	company(e, r, n);
	company(mine + 1, r + n, n);
	*mine = (struct consensus_array_entry){ .call = cmd, .argument = (uintptr_t)argument };
	a.count = 2 * n + 1;
	error = straight(g, CONSENSUS_IOC_ARRAY, &a);
	if (error) {
		same(g, a.failed, 77, "nothing is written by an array that fails as a whole");
		return error;
	}
	error = has_status(argument) ? -op->status : EFAULT;
	failed = judge_company(g, r, 2 * n);
	same(g, a.failed, failed + (error != 0), "the array's count of failures");
	return error;
}

int gate_call(struct gate *g, uint32_t call, void *argument)
{
	return g->door->array ? as_entry(g, call, argument) : straight(g, call, argument);
}

/* ---- expectations ---- */

static bool fault(struct gate *g, const char *what, va_list args, const char *result)
{
	char text[200];

	vsnprintf(text, sizeof(text), what, args);
	note("%s: %s%s", g->door->name, text, result);
	g->faults++;
	return false;
}

static const char *errno_text(int error)
{
	const char *name = error ? strerrorname_np(error) : "success";

	return name ? name : "an unknown error";
}

bool want(struct gate *g, int got, int wanted, const char *what, ...)
{
	char result[100];
	va_list args;

	if (got == wanted)
		return true;
	snprintf(result, sizeof(result), ": got %s (%d), wanted %s", errno_text(got), got,
		 errno_text(wanted));
	va_start(args, what);
	fault(g, what, args, result);
	va_end(args);
	return false;
}

bool that(struct gate *g, bool passed, const char *what, ...)
{
	va_list args;

	if (passed)
		return true;
	va_start(args, what);
	fault(g, what, args, ": is not so");
	va_end(args);
	return false;
}

bool same(struct gate *g, uint64_t got, uint64_t wanted, const char *what, ...)
{
	char result[100];
	va_list args;

	if (got == wanted)
		return true;
	snprintf(result, sizeof(result), ": got %llu (%#llx), wanted %llu", (unsigned long long)got,
		 (unsigned long long)got, (unsigned long long)wanted);
	va_start(args, what);
	fault(g, what, args, result);
	va_end(args);
	return false;
}
