// SPDX-License-Identifier: GPL-2.0
/* Commands to programs that take locks, and what the nodes know of locks. */
#include "ctl.h"

static int lock_word(struct ctl *c, const struct line *l, int i)
{
	int k = i < l->n ? lock_number(l->word[i], strlen(l->word[i])) : -1;

	if (k < 0)
		fprintf(c->w.out, "error: locks are orders, a, journal, id, epoch, full, lock-8, lock-9, ...\n");
	return k;
}

/* Open files are counted from 1. */
static u8 handle_word(const struct line *l)
{
	u64 h = ctl_number_of(l, "file", 1);

	return h && h <= SIM_HANDLES ? h - 1 : 0;
}

/* What that open file has of the lock, and has not given back. */
static struct hold *hold_word(struct ctl *c, const struct line *l, struct node **n)
{
	struct hold *h;
	int lock;

	*n = ctl_live_word(c, l, 1);
	lock = *n ? lock_word(c, l, 2) : -1;
	if (lock < 0)
		return NULL;
	for (h = (*n)->holds; h; h = h->next)
		if (h->lock == lock && !h->released && !h->gave_up &&
		    h->number == (*n)->handle[handle_word(l)].no)
			return h;
	fprintf(c->w.out, "error: it has not asked for that lock\n");
	return NULL;
}

void cmd_lock(struct ctl *c, const struct line *l)
{
	struct node *n = ctl_live_word(c, l, 1);
	int lock = n ? lock_word(c, l, 2) : -1;
	u32 flags = (ctl_has_word(l, "shared") ? FSM_ACQUIRE_SHARED : 0) |
		    (ctl_has_word(l, "try") ? FSM_ACQUIRE_TRY : 0);

	if (lock < 0)
		return;
	if (n->handle[handle_word(l)].lost)
		fprintf(c->w.out, "error: the open file is lost until it is reset\n");
	else if (!lock_acquire(n, handle_word(l), lock, flags))
		fprintf(c->w.out, "error: it has asked for that lock already\n");
	node_drain(n);
}

void cmd_release(struct ctl *c, const struct line *l)
{
	struct node *n;
	struct hold *h = hold_word(c, l, &n);

	if (!h)
		return;
	if (h->granted)
		lock_release(n, h, NULL);
	else
		lock_give_up(n, h, -EINTR);
	node_drain(n);
}

void cmd_close(struct ctl *c, const struct line *l)
{
	struct node *n = ctl_live_word(c, l, 1);

	if (!n)
		return;
	work_close(n, handle_word(l));
	node_drain(n);
}

void cmd_revoke(struct ctl *c, const struct line *l)
{
	struct node *n = ctl_live_word(c, l, 1);
	int lock = n ? lock_word(c, l, 2) : -1;
	struct fsm_extra *x = arena_alloc(&c->w, sizeof(*x));

	if (lock < 0)
		return;
	work_ask(n, FSM_LOCK_REVOKE, 0, lock, ctl_number_of(l, "token", 0), x);
	node_drain(n);
}

/* An increment under a fence, given as LOCK/TOKEN; NULL: malformed. */
struct fsm_extra *ctl_fence(struct ctl *c, const char *text)
{
	struct fsm_extra *x = arena_alloc(&c->w, sizeof(*x));
	const char *slash = strchr(text, '/');
	size_t len = slash ? slash - text : 0;

	if (!len || len > FSM_NAME_MAX)
		return NULL;
	x->fence_len = len;
	memcpy(x->fence_name, text, len);
	x->fence_token = strtoull(slash + 1, NULL, 10);
	return x;
}

static void print_claim(struct ctl *c, const struct fsm_claim_view *v)
{
	fprintf(c->w.out, "%.*s: ticket %llu%s, %.*s, file %llu", v->name_len,
		v->name, v->ticket, v->shared ? ", shared" : "",
		v->node ? v->node_len : 6, v->node ? v->node : "nobody",
		v->handle);
	if (v->token)
		fprintf(c->w.out, ", holds by %llu, token %llu", v->index,
			v->token);
	fprintf(c->w.out, "%s\n", v->dead ? ", dead" : "");
}

/* All claims, in the order of their tickets. */
void ctl_locks(struct ctl *c, struct node *n)
{
	struct fsm_claim_view v, best;
	u64 after = 0;
	u32 cursor;

	do {
		best.ticket = ~0ULL;
		for (cursor = 0; cursor != ~0U;)
			if (fsm_claim_next(n->f, &cursor, 4096, &v) &&
			    v.ticket > after && v.ticket < best.ticket)
				best = v;
		after = best.ticket;
		if (~after)
			print_claim(c, &best);
	} while (~after);
}
