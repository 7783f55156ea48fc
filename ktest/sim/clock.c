// SPDX-License-Identifier: GPL-2.0
/*
 * What each node takes for the time: its own epoch, its own rate, standing still,
 * jumping ahead. And whether leases may rely on it: they do on rates within
 * FSM_DRIFT_PPM of real time, and on nothing else (lease.h).
 */
#include "sim.h"

#define FOR_EVER (3600000 * MS)

u64 node_now(const struct node *n)
{
	const struct clock *c = &n->clock;

	return c->local +
	       (u64)(((__uint128_t)(n->w->now - c->global) * c->rate) / CLOCK_ONE);
}

/* When its clock will show @local. A clock that stands never will. */
u64 node_to_global(const struct node *n, u64 local)
{
	u64 now = node_now(n), rate = n->clock.rate;

	if (local <= now)
		return n->w->now;
	if (local - now > FOR_EVER || !rate)
		return n->w->now + FOR_EVER;
	return n->w->now +
	       (u64)(((__uint128_t)(local - now) * CLOCK_ONE) / rate) + 1;
}

void clock_init(struct node *n)
{
	n->clock = (struct clock){
		.local = rng_below(&n->w->rng, 1000 * MS),
		.global = n->w->now,
		.rate = CLOCK_ONE,
		.after = CLOCK_ONE,
	};
}

/*
 * A monotonic clock begins anew with the machine: at 0, or with what it had been
 * suspended for, or where a sign bit or the end of 64 bits would be in the way.
 */
void clock_start(struct node *n)
{
	struct clock *c = &n->clock;
	struct rng *g = &n->w->rng;

	if (!n->w->k.epochs)
		return;
	c->local = node_now(n);
	c->global = n->w->now;
	switch (rng_below(g, 6)) {
	case 0:
		c->local = 0;
		break;
	case 1:
		c->local = rng_below(g, 1000 * MS);
		break;
	case 2:
		c->local = 10 * 24 * FOR_EVER + rng_below(g, 1000 * MS);
		break;
	case 3:
		c->local = (1ULL << 63) - rng_below(g, 10000 * MS);
		break;
	case 4:
		c->local = ~0ULL - 4 * FOR_EVER;
		break;
	default:
		break;
	}
}

/* Out of the bound until now, if it was. */
static void note(struct node *n)
{
	struct clock *c = &n->clock;

	if (c->rate < CLOCK_ONE - CLOCK_DRIFT)
		c->slow_at = n->w->now + 1;
	if (c->rate > CLOCK_ONE + CLOCK_DRIFT)
		c->fast_at = n->w->now + 1;
}

static void set(struct node *n, u32 rate)
{
	note(n);
	n->clock.local = node_now(n);
	n->clock.global = n->w->now;
	n->clock.rate = rate;
}

void clock_rate(struct node *n, u32 rate)
{
	n->clock.after = rate;
	if (n->clock.rate)
		set(n, rate);
}

/* Another rate: often one at the very bound. */
void clock_drift(struct node *n)
{
	u32 most = (u64)CLOCK_ONE * n->w->k.drift / 1000000;
	struct rng *g = &n->w->rng;

	switch (rng_below(g, 4)) {
	case 0:
		clock_rate(n, CLOCK_ONE - most);
		break;
	case 1:
		clock_rate(n, CLOCK_ONE + most);
		break;
	default:
		clock_rate(n, CLOCK_ONE - most + rng_below(g, 2 * most + 1));
		break;
	}
}

/* As in a guest whose hypervisor holds it, and its clock with it. */
void clock_stop(struct node *n)
{
	if (n->clock.rate)
		set(n, 0);
}

void clock_go_on(struct node *n)
{
	if (!n->clock.rate)
		set(n, n->clock.after);
}

/* Ahead of real time by @by: no lease of its own suffers from that. */
void clock_jump(struct node *n, u64 by)
{
	n->clock.local = node_now(n) + by;
	n->clock.global = n->w->now;
	n->clock.fast_at = n->w->now + 1;
}

bool clock_not_slow(const struct node *n, u64 window)
{
	const struct clock *c = &n->clock;

	return c->rate >= CLOCK_ONE - CLOCK_DRIFT &&
	       (!c->slow_at || c->slow_at + window < n->w->now);
}

bool clock_not_fast(const struct node *n, u64 window)
{
	const struct clock *c = &n->clock;

	return c->rate <= CLOCK_ONE + CLOCK_DRIFT &&
	       (!c->fast_at || c->fast_at + window < n->w->now);
}
