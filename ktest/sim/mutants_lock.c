// SPDX-License-Identifier: GPL-2.0
/*
 * Locks, leases and fences with well-known defects: in the driver, in what is read
 * from the log, and in the state itself, where only that has them. On all nodes
 * alike, so that no comparison between nodes finds them.
 */
#include "sim.h"
#include "../../kmod/fsm/state.h"

static struct fsm_ward *ward_of(struct node *n, u64 session)
{
	u32 i;

	for (i = 0; i < n->wd.n; i++)
		if (n->wd.ward[i].session == session)
			return &n->wd.ward[i];
	return NULL;
}

/* A renewal arrives at who takes itself for the leader. True: that was all. */
bool mutant_hears(struct node *n, u64 session, u64 renewal)
{
	struct fsm_ward *d = ward_of(n, session);

	if (!d)
		return false;
	switch (n->w->mutant) {
	case MUT_NO_ROUND:
		if (d->ending > n->applied)
			return false;
		d->base = node_now(n);
		break;
	case MUT_ACK_ENDING:
		if (d->ending <= n->applied)
			return false;
		break;
	default:
		return false;
	}
	lease_acknowledge(n, session, renewal);
	return true;
}

/* It is acknowledged. True: that was all. */
bool mutant_renewed(struct node *n, u64 session, u64 renewal)
{
	struct fsm_lease *l = &n->ws.lease;

	switch (n->w->mutant) {
	case MUT_LEASE_REPLY:
		if (session == l->session)
			l->sent_at[renewal % FSM_RENEWALS] = node_now(n);
		return false;
	case MUT_RESURRECT:
		/* As if nobody had looked at the deadline. */
		if (fsm_lease_renewed(l, session, renewal))
			l->since--;
		return false;
	default:
		return false;
	}
}

/* It has just come to lead, and takes all sessions for silent for long. */
static void expire_soon(struct node *n)
{
	u64 now = node_now(n);
	u32 i;

	if (!n->wd.leads || n->soon_term == n->wd.term)
		return;
	n->soon_term = n->wd.term;
	for (i = 0; i < n->wd.n; i++) {
		struct fsm_ward *d = &n->wd.ward[i];

		d->base = now > d->ttl ? now - d->ttl : 0;
	}
}

void mutant_role(struct node *n)
{
	if (n->w->mutant == MUT_EXPIRE_SOON)
		expire_soon(n);
	if (n->w->mutant == MUT_LATE_LOSS || n->w->mutant == MUT_RIVALS)
		n->ws.lease.ttl = 2 * n->ttl_ms * MS;
}

/* No timer tells that a lease is over: whoever asks would have to look himself. */
bool mutant_untimed(const struct node *n)
{
	return n->w->mutant == MUT_RESURRECT || n->w->mutant == MUT_FENCE_TIMER;
}

/* The last in the queue of a lock that is held comes to its front. */
static void jump_queue(struct fsm *f, struct fsm_claim *c)
{
	struct fsm_claim *front;

	if (!c || c->granted || !c->lock->cell.n || c->lock->waiting == c ||
	    c->next != c->lock->first || c->lock->waiting->more)
		return;
	front = c->lock->waiting;
	c->prev->next = c->next;
	c->next->prev = c->prev;
	c->next = front;
	c->prev = front->prev;
	front->prev->next = c;
	front->prev = c;
	c->lock->waiting = c;
}

/* As if the grants of the entry had not used up their tokens. */
static void token_stands(struct node *n, const struct fsm_outcome *out)
{
	struct fsm *f = n->f;
	u64 t = out->kind == FSM_OUT_RESULT ? claim_token(n->w, out->index) : 0;

	if (!t || t + 1 != f->next_token)
		return;
	f->hash -= fsm_counts_hash(f);
	f->next_token = t;
	f->hash += fsm_counts_hash(f);
}

/*
 * An entry was applied; @out is what the wants are told of it. @before they are, and
 * once more after.
 */
void mutant_applied(struct node *n, struct fsm_outcome *out, bool before)
{
	struct fsm_lease *l = &n->ws.lease;

	switch (n->w->mutant) {
	case MUT_OVERTAKE:
		if (before)
			jump_queue(n->f, fsm_claim_find(n->f, n->applied));
		break;
	case MUT_TOKEN_STANDS:
		if (before)
			token_stands(n, out);
		break;
	case MUT_DEAF_GRANT:
		out->n_events = 0;
		break;
	case MUT_TOLD_LATE:
		if (before) {
			n->since = l->since;
			if (l->session && !fsm_lease_left(l, node_now(n)))
				l->since = node_now(n);
		} else {
			l->since = n->since;
		}
		n->pretends = before && l->since != n->since;
		break;
	default:
		break;
	}
}

/* A snapshot was loaded. */
void mutant_loaded(struct node *n)
{
	struct fsm_claim_view v;
	u32 cursor = 0;

	if (n->w->mutant != MUT_SNAP_ORDER)
		return;
	while (cursor != ~0U)
		if (fsm_claim_next(n->f, &cursor, 4096, &v) && !v.token)
			jump_queue(n->f, fsm_claim_find(n->f, v.ticket));
}

/* Who releases with a token of the past is taken at his word about the name. */
static bool release_aba(struct world *w, struct fsm_command *c)
{
	const struct gclaim *g = claim_of(w, c->arg);

	if (c->op != FSM_LOCK_RELEASE || !g || !g->ended)
		return false;
	c->op = FSM_LOCK_REVOKE;
	c->name = lock_name(g->lock, &c->name_len);
	c->arg = 0;
	c->arg2 = 0;
	c->fence = (struct fsm_fence){ 0 };
	return true;
}

static bool no_fence(struct fsm_command *c)
{
	if (!c->fence.token)
		return false;
	c->fence = (struct fsm_fence){ 0 };
	return true;
}

/* An entry is to be applied as another: bytes in @buf; 0: as itself. */
u16 mutant_entry(struct node *n, const struct gentry *g, u8 *buf)
{
	enum mutant m = n->w->mutant;
	struct fsm_command c;

	if ((m != MUT_RELEASE_ABA && m != MUT_NO_FENCE) ||
	    fsm_decode(&c, g->data, g->len))
		return 0;
	if (m == MUT_RELEASE_ABA ? release_aba(n->w, &c) : no_fence(&c))
		return fsm_encode(&c, buf);
	return 0;
}

/* Locks that matter, and clocks and networks that put them to the test. */
void mutant_lock_weather(struct world *w)
{
	struct knobs *k = &w->k;

	if (w->mutant < MUT_LEASE_REPLY)
		return;
	k->lock_share = 800000;
	k->locks = 2;
	k->handles = 6;
	k->crowd = false;
	k->drift = 0;
	k->jumps = false;
	k->objects_max = 1 << 20;
	k->op_every = 3 * MS;
	k->burst_share = 0;
	k->burst = 0;
	switch (w->mutant) {
	case MUT_LEASE_REPLY:
		k->slow = 400000;
		k->slow_max = 400 * MS;
		k->ttl_ms = 600;
		k->fault_every = 200 * MS;
		break;
	case MUT_RESURRECT:
		k->ttl_ms = 600;
		k->slow = 500000;
		k->slow_max = 400 * MS;
		k->stop_max = 700 * MS;
		k->fault_every = 60 * MS;
		break;
	case MUT_TOLD_LATE:
		k->ttl_ms = 600;
		k->stop_max = 1200 * MS;
		k->fault_every = 100 * MS;
		break;
	case MUT_REAP_STOPS:
		k->crowd = true;
		k->locks = SIM_LOCKS;
		k->handles = SIM_HANDLES;
		k->kill = 6;
		break;
	default:
		k->ttl_ms = 300;
		break;
	}
}
