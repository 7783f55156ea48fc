// SPDX-License-Identifier: GPL-2.0
/* Each node's locks, and what is told of them, held against the model of claims.c. */
#include "sim.h"

static bool holds_at(const struct gclaim *c, u64 index)
{
	return c->granted && c->granted <= index;
}

static bool dead_at(const struct gclaim *c, u64 index)
{
	return (c->owner->died && c->owner->died <= index) ||
	       (c->s->ended && c->s->ended <= index);
}

static bool lives_at(const struct gclaim *c, u64 index)
{
	return c->ticket <= index && !(c->ended && c->ended <= index);
}

static void compare_stats(struct world *w, struct node *n, u64 index)
{
	const struct gcounts *g = &w->g.log[index].counts;
	struct fsm_stats st;

	fsm_stats(n->f, &st);
	if (st.objects != g->objects || st.locks != g->locks ||
	    st.held != g->held || st.waiting != g->waiting ||
	    st.sessions != g->sessions || st.next_token != g->next_token)
		sim_fail(w, "locks",
			 "%s, after %llu: %u objects, %u locks, %u held, %u waiting, %u sessions, next token %llu; the model has %u, %u, %u, %u, %u, %llu",
			 n->name, index, st.objects, st.locks, st.held,
			 st.waiting, st.sessions, st.next_token, g->objects,
			 g->locks, g->held, g->waiting, g->sessions,
			 g->next_token);
	if (fsm_dying(n->f) != g->dying)
		sim_fail(w, "locks", "%s, after %llu: there is%s something to reap",
			 n->name, index, g->dying ? "" : " not");
}

static void compare_event(struct world *w, struct node *n, u64 index,
			  const struct gchange *x, const struct fsm_event *e)
{
	const struct gclaim *c = x->claim;
	u8 len;
	const char *name = lock_name(x->lock, &len);
	bool same;

	if (!c)
		same = !e->session && !e->ticket && e->name_len == len &&
		       !memcmp(e->name, name, len);
	else
		same = e->session == c->s->id && e->handle == c->number &&
		       e->ticket == c->ticket && e->token == c->token &&
		       (x->type != FSM_EVENT_GRANTED || e->flags == x->flags);
	if (e->type != x->type || !same)
		sim_fail(w, "tokens and order",
			 "%s: entry %llu, %s: event %u of ticket %llu, token %llu; the model has %u, %llu, %llu",
			 n->name, index, lock_text(x->lock), e->type, e->ticket,
			 e->token, x->type, c ? c->ticket : 0, c ? c->token : 0);
}

static void compare_claim(struct world *w, struct node *n, u64 index,
			  const struct gclaim *c)
{
	bool there = lives_at(c, index) && !dead_at(c, index);
	bool held = there && holds_at(c, index);
	struct fsm_ticket t;
	u8 len;
	const char *name = lock_name(c->lock, &len);

	if (!fsm_ticket(n->f, c->ticket, &t) != there)
		sim_fail(w, "locks", "%s, after %llu: ticket %llu of %s is%s there",
			 n->name, index, c->ticket, name, there ? " not" : "");
	if (there && (t.session != c->s->id || t.handle != c->number ||
		      t.token != (held ? c->token : 0) ||
		      t.index != (held ? c->granted : 0) ||
		      (held && !(t.flags & FSM_GRANT_DIED) == c->died)))
		sim_fail(w, "locks",
			 "%s, after %llu: ticket %llu of %s: token %llu, granted at %llu, flags %u; the model has %llu, %llu",
			 n->name, index, c->ticket, name, t.token, t.index,
			 t.flags, held ? c->token : 0, held ? c->granted : 0);
	if (c->token && !fsm_fence(n->f, name, len, c->token) != held)
		sim_fail(w, "fence", "%s, after %llu: the fence of %s, token %llu, %s",
			 n->name, index, name, c->token,
			 held ? "does not hold" : "holds");
}

/*
 * "Strictly increasing over all grants in the cluster": as the first node that applies
 * an entry tells them, whatever the model thinks.
 */
static void check_token(struct world *w, struct node *n, u64 index, u64 token)
{
	struct glocks *l = &w->g.l;

	if (index < l->last_index || w->g.log[index].applied)
		return;
	if (token <= l->last_token)
		sim_fail(w, "tokens", "%s: entry %llu grants under token %llu; one before it had %llu",
			 n->name, index, token, l->last_token);
	l->last_token = token;
	l->last_index = index;
}

/* A node has applied @index: its locks, and what was told of them, are the model's. */
void compare_locks(struct world *w, struct node *n, u64 index,
		   const struct fsm_outcome *out)
{
	const struct fsm_event *e = fsm_events(n->f);
	struct gchange *x;
	u32 k = 0, i;

	for (i = 0; i < out->n_events; i++)
		if (e[i].type == FSM_EVENT_GRANTED)
			check_token(w, n, index, e[i].token);
	x = w->g.log[index].changes;
	if (x && x->type == G_ASKED && out->value && !out->n_events)
		check_token(w, n, index, out->value);
	compare_stats(w, n, index);
	for (x = w->g.log[index].changes; x; x = x->next) {
		if (x->type < G_ASKED) {
			if (k == out->n_events)
				sim_fail(w, "tokens and order", "%s: entry %llu lacks an event",
					 n->name, index);
			compare_event(w, n, index, x, &e[k++]);
		}
		if (x->claim)
			compare_claim(w, n, index, x->claim);
	}
	if (k != out->n_events)
		sim_fail(w, "tokens and order", "%s: entry %llu has %u events; the model %u",
			 n->name, index, out->n_events, k);
}

static void compare_view(struct world *w, struct node *n,
			 const struct fsm_claim_view *v)
{
	const struct gclaim *c = claim_of(w, v->ticket);
	u64 at = n->applied;
	bool held = c && holds_at(c, at);

	if (!c || !lives_at(c, at) || v->session != c->s->id ||
	    v->handle != c->number || v->shared != c->shared ||
	    lock_number(v->name, v->name_len) != c->lock ||
	    v->token != (held ? c->token : 0) ||
	    v->index != (held ? c->granted : 0) || v->dead != dead_at(c, at))
		sim_fail(w, "locks",
			 "%s, at %llu: ticket %llu, token %llu, is not the model's",
			 n->name, at, v->ticket, v->token);
}

/* All claims of a node's state, as after a snapshot was loaded. */
void compare_all(struct world *w, struct node *n)
{
	const struct gcounts *g = &w->g.log[n->applied].counts;
	struct fsm_claim_view v;
	u32 cursor = 0, count = 0;

	while (cursor != ~0U) {
		if (!fsm_claim_next(n->f, &cursor, 4096, &v))
			continue;
		compare_view(w, n, &v);
		count++;
	}
	compare_stats(w, n, n->applied);
	if (count != g->held + g->waiting)
		sim_fail(w, "locks", "%s, at %llu: %u claims; the model has %u",
			 n->name, n->applied, count, g->held + g->waiting);
}
