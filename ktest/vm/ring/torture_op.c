// SPDX-License-Identifier: GPL-2.0
/* ct-torture: operations, made at random, and what their answers mean. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "torture.h"

/* An index that nothing reaches: a read from there waits until it is given up. */
#define FAR_FUTURE 0x1000000000000000ULL

static uint64_t dice(struct crew *c, uint64_t sides)
{
	return random_next(&c->rng) % sides;
}

static uint64_t timeout(struct crew *c)
{
	return MSEC + dice(c, opt.timeout_ns);
}

static void make_add(struct crew *c, struct flight *f)
{
	f->call = CONSENSUS_IOC_COUNTER_ADD;
	f->counts = true;
	f->life = dice(c, 2);
	f->delta = 1 + dice(c, 3);
	f->add.delta = f->delta;
	torture_name(f->add.name, f->life ? "life" : "all", f->life ? c->w->life : 0);
	if (c->slot_token && !dice(c, 4)) {
		torture_name(f->op.fence_name, "slot", c->w->slot);
		f->op.fence_token = c->slot_token;
	}
}

static void make_read(struct crew *c, struct flight *f, bool far)
{
	static const uint32_t how[] = { 0, CONSENSUS_READ_LOCAL };

	f->call = CONSENSUS_IOC_COUNTER_READ;
	f->op.flags = far ? CONSENSUS_READ_INDEX : how[dice(c, 2)];
	f->op.index = far ? FAR_FUTURE : 0;
	torture_name(f->read.name, "all", 0);
}

static void make_acquire(struct crew *c, struct flight *f, bool wall)
{
	f->call = CONSENSUS_IOC_LOCK_ACQUIRE;
	if (wall) {
		torture_name(f->acquire.name, "wall", (unsigned int)dice(c, WALLS));
		f->op.flags = dice(c, 4) ? 0 : CONSENSUS_LOCK_SHARED;
		return;
	}
	f->lock = (int)dice(c, FREE_LOCKS);
	torture_name(f->acquire.name, "free", (unsigned int)f->lock);
}

/* What it has of others comes back soon. */
static bool make_release(struct crew *c, struct flight *f)
{
	int i;

	for (i = 0; i < FREE_LOCKS && !c->held[i]; i++)
		;
	if (i == FREE_LOCKS)
		return false;
	f->call = CONSENSUS_IOC_LOCK_RELEASE;
	f->release.token = c->held[i];
	f->lock = i;
	torture_name(f->release.name, "free", (unsigned int)i);
	c->held[i] = 0;
	return true;
}

static void make_check(struct crew *c, struct flight *f)
{
	f->call = CONSENSUS_IOC_LOCK_CHECK;
	f->check.token = c->slot_token;
	torture_name(f->check.name, "slot", c->w->slot);
}

void op_make(struct crew *c, struct flight *f, bool brief)
{
	uint64_t what = dice(c, brief ? 75 : 100);

	memset(f, 0, sizeof(*f));
	f->lock = -1;
	f->op.timeout_ns = timeout(c);
	if (make_release(c, f))
		return;
	if (what < 50)
		make_add(c, f);
	else if (what < 58)
		make_read(c, f, false);
	else if (what < 65 && c->slot_token)
		make_check(c, f);
	else if (what < 75)
		make_acquire(c, f, false);
	else if (what < 88)
		make_read(c, f, true);
	else
		make_acquire(c, f, true);
}

void op_slot(struct crew *c, struct flight *f)
{
	memset(f, 0, sizeof(*f));
	f->lock = -1;
	f->call = CONSENSUS_IOC_LOCK_ACQUIRE;
	f->op.timeout_ns = 100 * SEC;
	torture_name(f->acquire.name, "slot", c->w->slot);
}

void op_begin(struct crew *c, struct flight *f)
{
	_Atomic uint64_t *sum = f->life ? &shared->life[c->w->life].issued : &shared->issued;

	if (f->counts)
		atomic_fetch_add(sum, f->delta);
	f->op.status = 1;
	f->busy = true;
	atomic_fetch_add(&c->w->under_way, 1);
}

static void raise_to(_Atomic uint64_t *highest, uint64_t value)
{
	uint64_t seen = atomic_load(highest);

	while (seen < value && !atomic_compare_exchange_weak(highest, &seen, value))
		;
}

/* The range (value - delta, value] was nobody's before. */
static void mark(struct crew *c, uint64_t value, uint64_t delta)
{
	uint64_t v, bit;

	if (value < delta) {
		violation("worker %u: a sum of %llu after adding %llu", c->w->life,
			  (unsigned long long)value, (unsigned long long)delta);
		return;
	}
	for (v = value - delta + 1; v <= value && v < MARKS; v++) {
		bit = 1ULL << (v % 64);
		if (atomic_fetch_or(&shared->mark[v / 64], bit) & bit)
			violation("worker %u: %llu was given twice", c->w->life,
				  (unsigned long long)v);
	}
	raise_to(&shared->highest, value);
}

static void added(struct crew *c, struct flight *f, int res)
{
	struct life *l = &shared->life[c->w->life];

	if (res && res != -ENOTRECOVERABLE)
		atomic_fetch_add(f->life ? &l->refused : &shared->refused, f->delta);
	if (res)
		return;
	atomic_fetch_add(f->life ? &l->acked : &shared->acked, f->delta);
	if (!f->life)
		mark(c, f->add.value, f->delta);
}

/* Whoever had it before is not, by now: tokens rise from grant to grant. */
static void granted(struct crew *c, struct flight *f)
{
	uint64_t token = f->acquire.token;

	atomic_fetch_add(&shared->grants, 1);
	if (!token)
		violation("worker %u: a grant without a token", c->w->life);
	if (f->lock < 0)
		return;
	if (atomic_load(&shared->token[f->lock]) >= token)
		violation("worker %u: token %llu of lock %d is not above the one before",
			  c->w->life, (unsigned long long)token, f->lock);
	raise_to(&shared->token[f->lock], token);
	c->held[f->lock] = token;
}

static bool allowed(const struct flight *f, int res)
{
	switch (res) {
	case 0:
	case -ETIMEDOUT:
	case -EHOSTUNREACH:
	case -ENOTRECOVERABLE:
		return true;
	case -EINTR:
	case -ECANCELED:
		/* of a signal, or the end: nobody but the dying has one */
		return false;
	case -EDEADLK:
		return f->call == CONSENSUS_IOC_LOCK_ACQUIRE;
	case -ENOENT:
		return f->call == CONSENSUS_IOC_COUNTER_READ;
	default:
		return false;
	}
}

void op_end(struct crew *c, struct flight *f, int res)
{
	atomic_fetch_sub(&c->w->under_way, 1);
	atomic_fetch_add(&shared->answers, 1);
	atomic_fetch_add(&shared->by_door[c->w->door], 1);
	if (-res >= 0 && -res < KINDS_OF_ERROR)
		atomic_fetch_add(&shared->errors[-res], 1);
	if (!f->busy)
		violation("worker %u: an answer to nothing", c->w->life);
	f->busy = false;
	if (f->op.status != res)
		violation("worker %u: answer %d, but status %d", c->w->life, res, f->op.status);
	if (!allowed(f, res))
		violation("worker %u by %s: call %x of %.20s: %s", c->w->life,
			  door_names[c->w->door], f->call, f->add.name, strerrorname_np(-res));
	if (f->counts)
		added(c, f, res);
	else if (!res && f->call == CONSENSUS_IOC_LOCK_ACQUIRE)
		granted(c, f);
}
