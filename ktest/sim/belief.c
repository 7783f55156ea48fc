// SPDX-License-Identifier: GPL-2.0
/*
 * Who believes to hold what, in simulated real time, and who is entitled to.
 *
 * A program believes from when it is told of a grant until it gives it back, until
 * it is told of the loss, or until its node says so when asked: by the era of its
 * handle, and by the deadline of the lease on the node's own clock. Belief ends
 * without anybody being told; so whoever is told of a grant is held against all
 * others of that lock at that moment, which finds every two that overlap.
 *
 * Rates beyond the bound void what rests on time (design 2, promise 4), and nothing
 * else: a holder whose clock was slow or stood still since its last renewal was sent,
 * a session that was ended by a leader whose clock was fast.
 */
#include "sim.h"

/* No renewal counts for longer than that, in real time, on a clock that is good. */
static u64 window(const struct node *n)
{
	return n->ttl_ms * (MS + MS / 100) + MS;
}

const char *lock_text(u8 lock)
{
	u8 len;

	return lock_name(lock, &len);
}

/* What is left of the lease, by the node's clock; a mutant pretends otherwise. */
static u64 lease_left(const struct node *n)
{
	struct fsm_lease l = n->ws.lease;

	if (n->pretends)
		l.since = n->since;
	return fsm_lease_left(&l, node_now(n));
}

/* Does the program on its node have reason to think that it holds the lock? */
bool believes(const struct hold *h)
{
	const struct node *n = h->n;

	return h->box && h->granted && !h->released && !h->lost && !h->closed &&
	       n->alive && n->gen == h->gen && !n->broken &&
	       !fsm_owner_lost(&n->ws, h->box->w.owner) &&
	       (!n->w->k.leases || lease_left(n));
}

/* Its session was ended by the administrator, or the lock taken by one. */
static bool was_revoked(const struct hold *h)
{
	const struct gclaim *c = h->claim;

	return c && (c->revoked || c->s->revoked);
}

/* Is its belief one that must be true? */
static bool entitled(const struct hold *h)
{
	const struct gclaim *c = h->claim;

	return h->n->w->k.leases && !was_revoked(h) && c && !c->s->rogue &&
	       clock_not_slow(h->n, window(h->n));
}

static void exclude(struct hold *h, const struct hold *o)
{
	struct world *w = h->n->w;

	if (o == h || (o->shared && h->shared) || !believes(o))
		return;
	w->stat.rivals++;
	if (!entitled(o) || !entitled(h))
		return;
	sim_fail(w, "mutual exclusion",
		 "%s is told that it holds %s, token %llu, while %s believes to hold it, token %llu",
		 h->n->name, lock_text(h->lock), h->token, o->n->name, o->token);
}

static void check_granted(struct hold *h)
{
	const struct gclaim *c = h->claim;
	const struct node *n = h->n;

	if (!c || !c->granted || c->granted > n->applied ||
	    c->token != h->token || c->ticket != h->ticket)
		sim_fail(n->w, "mutual exclusion",
			 "%s is told of a grant of %s, ticket %llu, token %llu, that it was not given",
			 n->name, lock_text(h->lock), h->ticket, h->token);
	if (c->ended && c->ended <= n->applied)
		sim_fail(n->w, "mutual exclusion",
			 "%s is told of a grant of %s, token %llu, which had ended at %llu",
			 n->name, lock_text(h->lock), h->token, c->ended);
	if (!believes(h))
		sim_fail(n->w, "lease",
			 "%s is told of a grant of %s, token %llu, though its lease is over",
			 n->name, lock_text(h->lock), h->token);
	if (c->granted <= h->floor)
		sim_fail(n->w, "linearizability",
			 "%s: granted at %llu, though %llu was answered before the call",
			 n->name, c->granted, h->floor);
}

/* Its program is told of the grant. */
void belief_begins(struct hold *h)
{
	struct glock *g = &h->n->w->g.l.lock[h->lock];
	const struct gclaim *c = h->claim;
	struct hold *o;

	check_granted(h);
	for (o = g->told; o; o = o->beside)
		exclude(h, o);
	if (c->granted > h->n->w->g.acked)
		h->n->w->g.acked = c->granted;
	h->told_at = h->n->w->now;
	h->beside = g->told;
	g->told = h;
}

void belief_ends(struct hold *h)
{
	struct hold **at = &h->n->w->g.l.lock[h->lock].told;

	for (; *at; at = &(*at)->beside) {
		if (*at != h)
			continue;
		*at = h->beside;
		return;
	}
}

/* ---------------------------------------------------------------- the ends */

static void wrong_end(struct hold *h, s32 status, const char *what)
{
	sim_fail(h->n->w, "told once", "%s: %s, ticket %llu, ends in %d, %s",
		 h->n->name, lock_text(h->lock), h->ticket, status, what);
}

/* Ended, or never began, as far as its node has applied? */
static bool is_gone(const struct hold *h)
{
	const struct gclaim *c = h->claim;

	return !c || (c->ended && c->ended <= h->n->applied) ||
	       (c->s->ended && c->s->ended <= h->n->applied);
}

/* What the acquire was answered with; 0: granted, or queued, or not at all. */
static s32 answered(const struct hold *h)
{
	struct gresult *g = NULL;

	if (h->session)
		g = ghost_result(h->n->w, h->session, h->seq, false);
	return g && g->resolved ? g->status : 0;
}

static void check_status(struct hold *h, s32 status)
{
	struct world *w = h->n->w;
	const struct gsession *s = h->session ?
				   model_session(w, h->session) : NULL;
	bool ended = s && s->ended && s->ended <= h->n->applied;

	switch (status) {
	case 0:
		if (!h->released && !h->gave_up)
			wrong_end(h, status, "but nobody gave it back");
		break;
	case -EINTR:
	case -ETIMEDOUT:
		if (!h->gave_up)
			wrong_end(h, status, "but nobody gave up");
		break;
	case -EAGAIN:
	case -ENOSPC:
	case -ESTALE:
		if (answered(h) != status)
			wrong_end(h, status, "which was not the answer");
		break;
	case -EKEYREVOKED:
		if (!was_revoked(h) && !(s && s->revoked))
			wrong_end(h, status, "but nobody revoked it");
		break;
	case -EKEYEXPIRED:
	case -ENOTRECOVERABLE:
		if (!ended)
			wrong_end(h, status, "but its session has not ended");
		break;
	default:
		wrong_end(h, status, "which is no way to end");
	}
}

/* Its program is told of the end. */
void check_over(struct hold *h, s32 status)
{
	if (h->over)
		wrong_end(h, status, "and had ended before");
	h->over = true;
	h->forgot = h->n->stopping;
	if (h->closed || h->lost || h->n->stopping)
		return;
	/* Lost without notice yet: only that it ended is known. */
	if (h->box->w.owner && fsm_owner_lost(&h->n->ws, h->box->w.owner))
		return;
	if (h->granted && !h->released)
		wrong_end(h, status, "while it is held, without a word");
	if (!is_gone(h))
		wrong_end(h, status, "but the cluster still has it");
	check_status(h, status);
}

/*
 * Before an operation under the fence of its own grant, the node was asked: while it
 * may be believed it may be used; past the deadline it must not be.
 */
void check_own_fence(struct hold *h, s32 said)
{
	const struct node *n = h->n;
	bool held = h->box && h->box->w.state == FSM_WANT_HELD;

	if (believes(h) && said)
		sim_fail(n->w, "fence", "%s: %s, token %llu, may be believed, but its fence says %d",
			 n->name, lock_text(h->lock), h->token, said);
	if (held && !believes(h) && !h->closed && !said)
		sim_fail(n->w, "fence", "%s: %s, token %llu, may not be believed, but its fence says nothing",
			 n->name, lock_text(h->lock), h->token);
}

/* A lease that was over is sure again: for nothing that was held before. */
void check_resumed(struct node *n)
{
	struct hold *h;

	for (h = n->holds; h; h = h->next)
		if (h->granted && h->told_at < n->w->now && believes(h))
			sim_fail(n->w, "lease",
				 "%s: %s, token %llu, was over with its lease, and is believed again",
				 n->name, lock_text(h->lock), h->token);
}

/* ---------------------------------------------------------------- expiries */

/*
 * The leader @n acknowledges a renewal: "only after its log holds no unapplied expiry
 * for that session" (design 9).
 */
void check_acknowledged(struct node *n, u64 session)
{
	u64 i, last = raft_last_index(n->r);
	struct fsm_command c;
	struct raft_entry e;

	for (i = n->applied + 1; i <= last; i++)
		if (!raft_entry(n->r, i, &e) && e.kind == RAFT_COMMAND &&
		    !fsm_decode(&c, e.data, e.len) && c.op == FSM_EXPIRE &&
		    c.arg == session)
			sim_fail(n->w, "lease",
				 "%s acknowledges session %llu, which its entry %llu is to end",
				 n->name, session, i);
}

/*
 * The leader @n has appended the end of @session at @index. If that is ever committed
 * the node whose session it is must not have believed in it any more at this moment.
 */
void check_expiry(struct node *n, u64 session, u64 index)
{
	struct world *w = n->w;
	struct gexpiry *x = arena_alloc(w, sizeof(*x));
	struct fsm_session_view v;
	u32 i;

	x->index = index;
	x->term = raft_term(n->r);
	x->sound = true;
	x->rogue = fsm_session_view(n->f, session, &v) &&
		   !clock_not_fast(n, v.ttl_ms * (MS + MS / 100) + MS);
	for (i = 0; i < w->n_slots; i++) {
		struct node *o = &w->node[i];

		if (!o->alive || o->ws.lease.session != session ||
		    !fsm_lease_left(&o->ws.lease, node_now(o)))
			continue;
		x->believed = i + 1;
		x->sound = clock_not_slow(o, window(o)) && !x->rogue;
	}
	x->next = w->g.l.expiries;
	w->g.l.expiries = x;
	trace(w, "%s ends session %llu by entry %llu%s", n->name, session, index,
	      x->believed ? ", which is believed in" : "");
}

/* The entry at @index is committed. */
void belief_expired(struct world *w, u64 index, struct gsession *s)
{
	u64 term = w->g.log[index].e->term;
	struct gexpiry *x = w->g.l.expiries;

	while (x && (x->index != index || x->term != term))
		x = x->next;
	if (!x)
		sim_fail(w, "lease", "entry %llu ends session %llu, and no leader appended it",
			 index, s->id);
	s->rogue = x->rogue;
	if (x->believed && x->sound && w->mutant != MUT_RIVALS)
		sim_fail(w, "loss before expiry",
			 "entry %llu/%llu ends session %llu, in which %s believed when it was appended",
			 index, term, s->id, w->node[x->believed - 1].name);
}

/* ---------------------------------------------------------------- resource */

/*
 * A store that is no part of the cluster, and that refuses a token lower than the
 * highest one it has seen. The writer may have lost the lock since, and not know it.
 */
static void store_write_token(struct world *w, const struct gwrite *wr)
{
	struct glock *g = &w->g.l.lock[wr->lock];
	const struct gclaim *c = wr->hold->claim;

	if (!c || c->token != wr->token || c->lock != wr->lock)
		sim_fail(w, "tokens", "token %llu of %s is told to one whom it was not given",
			 wr->token, lock_text(wr->lock));
	if (wr->token >= g->seen) {
		g->seen = wr->token;
		g->seen_by = c;
		w->stat.writes++;
		return;
	}
	w->stat.refused_writes++;
	if (!c->ended || c->ended > g->seen_by->granted)
		sim_fail(w, "tokens", "the resource of %s refuses token %llu, which holds, after %llu",
			 lock_text(wr->lock), wr->token, g->seen);
}

/* Exclusive grants only: who share a lock share its resource, too. */
void resource_write(struct world *w, struct hold *h)
{
	struct gwrite wr = { .hold = h, .token = h->token, .lock = h->lock };
	struct glocks *l = &w->g.l;

	if (h->shared)
		return;
	if (l->n_writes < SIM_WRITES && rng_next(&w->rng) & 1)
		l->write[l->n_writes++] = wr;
	else
		store_write_token(w, &wr);
}

/* One that was long on its way arrives. */
void resource_land(struct world *w)
{
	struct glocks *l = &w->g.l;
	u32 i;

	if (!l->n_writes || rng_below(&w->rng, 3))
		return;
	i = rng_below(&w->rng, l->n_writes);
	store_write_token(w, &l->write[i]);
	l->write[i] = l->write[--l->n_writes];
}

/* ------------------------------------------------------------------- leaks */

static const char *unwanted(struct world *w, const struct fsm_claim_view *v)
{
	u32 i;

	for (i = 0; i < w->n_slots; i++) {
		struct node *n = &w->node[i];
		struct fsm_want *want;
		struct hold *h;

		if (!n->alive || n->c.session != v->session)
			continue;
		want = fsm_want_of(&n->ws, v->ticket);
		h = want ? container_of(want, struct box, w)->hold : NULL;
		if (!h || h->gave_up || h->released || h->lost || h->closed)
			return "has a claim in the cluster that no program wants";
		if (v->token && (!h->granted || h->token != v->token))
			return "has been granted what no program was told of";
		return NULL;
	}
	return "has a claim of a session that nobody has";
}

/* Somebody waits, and nobody holds. */
static bool is_idle(struct node *n, const struct fsm_claim_view *v)
{
	struct fsm_ticket t;
	u64 ticket = 0;

	return !v->token &&
	       !fsm_holder_next(n->f, v->name, v->name_len, &ticket, &t);
}

/*
 * After healing: what the leader @n has in its state that it should not have; or NULL.
 * Each claim belongs to a program that wants it, and each lock that somebody waits
 * for has a holder.
 */
const char *leaked(struct world *w, struct node *n)
{
	struct fsm_claim_view v;
	const char *what;
	u32 cursor = 0;

	if (fsm_dying(n->f))
		return "has not reaped what the dead have left";
	while (cursor != ~0U) {
		if (!fsm_claim_next(n->f, &cursor, 1000, &v))
			continue;
		if (is_idle(n, &v))
			return "has a lock that is idle, with somebody waiting";
		what = unwanted(w, &v);
		if (what) {
			trace(w, "ticket %llu, token %llu, handle %llu of session %llu",
			      v.ticket, v.token, v.handle, v.session);
			return what;
		}
	}
	return NULL;
}

/* A want that the cluster does not know, and which will never end. */
const char *forgotten(struct node *n)
{
	struct fsm_ticket t;
	struct hold *h;

	if (n->closing)
		return "is not through with closing handles";
	for (h = n->holds; h; h = h->next) {
		if (h->gave_up || h->released || h->lost || h->closed)
			return "has a want that does not end";
		if ((h->granted || h->queued) && fsm_ticket(n->f, h->ticket, &t))
			return "has a want that nothing in the cluster stands for";
		if (h->granted && t.token != h->token)
			return "was told another token than the cluster has";
		if (!h->granted && !h->queued)
			return "has an acquire that is not answered";
		if (!h->granted && t.token)
			return "was not told of a grant";
	}
	return NULL;
}
