// SPDX-License-Identifier: GPL-2.0
/* What programs that take locks choose to do next. */
#include "sim.h"

#define HOLDS_MAX 400		/* of one node */

enum choice { HELD, WAITING, KNOWN };

static bool fits(const struct hold *h, enum choice what)
{
	switch (what) {
	case HELD:
		return h->granted && !h->released && !h->lost && !h->closed;
	case WAITING:
		return !h->granted && !h->gave_up && !h->lost && !h->closed;
	default:
		return h->granted;
	}
}

static struct hold *some(struct node *n, enum choice what)
{
	u64 skip = n->n_holds ? rng_below(&n->w->rng, n->n_holds) : 0;
	struct hold *h, *found = NULL;

	for (h = n->holds; h; h = h->next) {
		if (fits(h, what))
			found = h;
		if (!skip && found)
			break;
		skip -= !!skip;
	}
	return found;
}

static u8 some_lock(struct world *w)
{
	return rng_below(&w->rng, w->k.locks);
}

static u8 some_handle(struct world *w)
{
	return rng_below(&w->rng, w->k.handles);
}

static void acquire(struct world *w, struct node *n, u8 handle, u8 lock)
{
	u32 flags = 0;
	struct hold *h;

	if (n->n_holds >= HOLDS_MAX)
		return;
	if (n->handle[handle].lost) {
		/* A lost handle is of no use until it is reset. */
		if (rng_next(&w->rng) & 1)
			n->handle[handle].lost = 0;
		return;
	}
	if (rng_hit(&w->rng, w->k.shared))
		flags |= FSM_ACQUIRE_SHARED;
	if (rng_hit(&w->rng, 150000))
		flags |= FSM_ACQUIRE_TRY;
	h = lock_acquire(n, handle, lock, flags);
	if (h && !h->over && rng_hit(&w->rng, 300000)) {
		h->timeout = node_now(n) + rng_below(&w->rng, 600 * MS);
		n->user_at = min(n->user_at, h->timeout);
	}
}

/* Many of one kind: more than an entry may grant, or may release. */
static void crowd(struct world *w, struct node *n)
{
	u8 handle = some_handle(w), lock = some_lock(w);
	u32 i;

	if (rng_next(&w->rng) & 1)
		for (i = 0; i < w->k.handles; i++)
			acquire(w, n, i, lock);
	else
		for (i = 0; i < w->k.locks; i++)
			acquire(w, n, handle, i);
}

static void release(struct world *w, struct node *n)
{
	struct hold *h = some(n, HELD);
	struct fsm_fence f;

	if (!h)
		return;
	if (!n->n_gone || !rng_hit(&w->rng, 100000)) {
		lock_release(n, h, NULL);
		return;
	}
	f.token = n->gone[0].token;
	f.name = lock_name(n->gone[0].lock, &f.name_len);
	lock_release(n, h, &f);
}

/* An increment that counts only while the grant holds. */
static void add_fenced(struct world *w, struct node *n, u8 lock, u64 token,
		       struct hold *h)
{
	struct fsm_extra *x = arena_alloc(w, sizeof(*x));
	s32 said;

	lock_fence(x, lock, token);
	said = fsm_wants_fence(&n->ws, x->fence_name, x->fence_len, token,
			       node_now(n));
	if (w->mutant == MUT_FENCE_TIMER)
		said = 0;
	if (h)
		check_own_fence(h, said);
	if (said || work_full(n))
		return;
	w->stat.fenced++;
	work_ask(n, FSM_COUNTER_ADD, some_handle(w), rng_below(&w->rng, SIM_NAMES),
		 1, x);
}

static void fenced(struct world *w, struct node *n)
{
	struct hold *h = some(n, KNOWN);

	if (h && rng_hit(&w->rng, 800000))
		add_fenced(w, n, h->lock, h->token, h);
	else if (n->n_gone)
		add_fenced(w, n, n->gone[0].lock, n->gone[0].token, NULL);
}

/* A release of what it does not hold: by token, by ticket, or by handle. */
static void release_stale(struct world *w, struct node *n)
{
	struct fsm_extra *x = arena_alloc(w, sizeof(*x));
	struct hold *h = some(n, HELD);
	struct gone *g;
	u64 ticket;
	u8 handle = some_handle(w);

	if (!n->n_gone || work_full(n))
		return;
	g = &n->gone[rng_below(&w->rng, min_t(u32, n->n_gone, SIM_OLD))];
	ticket = g->ticket;
	x->arg2 = g->token;
	x->stamp = RAW_STAMP;
	if (h && rng_next(&w->rng) & 1) {
		ticket = h->ticket;
		if (n->handle[handle].no != h->number && rng_next(&w->rng) & 1)
			x->arg2 = h->token;
	}
	work_ask(n, FSM_LOCK_RELEASE, handle, g->lock, ticket, x);
}

static void administrate(struct world *w, struct node *n)
{
	struct fsm_extra *x = arena_alloc(w, sizeof(*x));
	struct hold *h = some(&w->node[rng_below(&w->rng, w->n_slots)], HELD);
	struct fsm_session_view v;
	u32 cursor = 0;

	x->stamp = STAMP;
	if (work_full(n))
		return;
	if (rng_below(&w->rng, 3)) {
		work_ask(n, FSM_LOCK_REVOKE, 0, h ? h->lock : some_lock(w),
			 h && rng_next(&w->rng) & 1 ? h->token : 0, x);
		return;
	}
	while (fsm_session_next(n->f, &cursor, &v))
		if (!rng_below(&w->rng, 4)) {
			work_ask(n, FSM_SESSION_END, 0, 0, v.id, x);
			return;
		}
}

/* One thing that a program on @n does with locks. */
void lock_op(struct world *w, struct node *n)
{
	u32 what = rng_below(&w->rng, 100);
	struct hold *h;

	n->ws.stamp = STAMP;
	if (what < 38) {
		acquire(w, n, some_handle(w), some_lock(w));
	} else if (what < 58) {
		release(w, n);
	} else if (what < 70) {
		fenced(w, n);
	} else if (what < 78) {
		h = some(n, KNOWN);
		if (h)
			resource_write(w, h);
		resource_land(w);
	} else if (what < 86) {
		h = some(n, WAITING);
		if (h)
			lock_give_up(n, h, -EINTR);
	} else if (what < 86 + w->k.kill) {
		work_close(n, some_handle(w));
	} else if (what < 95) {
		release_stale(w, n);
	} else if (what < 97) {
		if (rng_hit(&w->rng, w->k.admin))
			administrate(w, n);
	} else if (w->k.crowd) {
		crowd(w, n);
	}
}
