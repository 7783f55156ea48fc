// SPDX-License-Identifier: GPL-2.0
/*
 * A second, slow and simple state machine, written from design section 9 and
 * not from fsm.c. It runs once over what is committed; each node's outcome and
 * state are held against it.
 */
#include "sim.h"

static struct gsession *session_by_id(struct world *w, u64 id)
{
	struct gsession *s;

	for (s = w->g.sessions; s; s = s->next)
		if (s->id == id)
			return s;
	return NULL;
}

static struct gcounter *counter_of(struct world *w, const struct fsm_command *c)
{
	int i;

	for (i = 0; i < SIM_NAMES; i++) {
		struct gcounter *g = &w->g.counter[i];

		if (strlen(g->name) == c->name_len &&
		    !memcmp(g->name, c->name, c->name_len))
			return g;
	}
	return NULL;
}

static u64 value_now(const struct gcounter *g)
{
	return g->n ? g->past[g->n - 1].value : 0;
}

static void push_value(struct gcounter *g, u64 index, u64 value)
{
	if (g->n == g->cap) {
		g->cap = g->cap ? 2 * g->cap : 64;
		g->past = realloc(g->past, g->cap * sizeof(*g->past));
		if (!g->past)
			exit(2);
	}
	g->past[g->n].index = index;
	g->past[g->n++].value = value;
}

/* Value of counter @name after entry @index; false: there is none yet. */
bool model_value(struct world *w, u8 name, u64 index, u64 *value)
{
	const struct gcounter *g = &w->g.counter[name];
	u32 lo = 0, hi = g->n;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (g->past[mid].index <= index)
			lo = mid + 1;
		else
			hi = mid;
	}
	*value = lo ? g->past[lo - 1].value : 0;
	return lo;
}

static void model_open(struct world *w, u64 index, const struct fsm_command *c)
{
	struct gsession *s;

	for (s = w->g.sessions; s; s = s->next) {
		if (!raft_id_eq(s->node, c->node))
			continue;
		if (s->boot_counter == c->boot_counter &&
		    s->boot_nonce == c->boot_nonce && s->ordinal >= c->arg2)
			return;	/* idempotent, or late */
		if (s->boot_counter > c->boot_counter)
			return;	/* of a start before */
	}
	/* A member of the same name under a newer boot or incarnation. */
	for (s = w->g.sessions; s; s = s->next)
		if (s->name_len == c->name_len &&
		    !memcmp(s->name, c->name, c->name_len))
			s->open = false;
	s = arena_alloc(w, sizeof(*s));
	s->id = index;
	s->low = 1;
	s->node = c->node;
	s->boot_counter = c->boot_counter;
	s->boot_nonce = c->boot_nonce;
	s->ordinal = c->arg2;
	s->open = true;
	s->name_len = c->name_len;
	memcpy(s->name, c->name, c->name_len);
	s->next = w->g.sessions;
	w->g.sessions = s;
}

static bool is_closed(const struct gsession *s, u64 handle)
{
	const struct gclosed *c;

	for (c = s->closed; c; c = c->next)
		if (c->handle == handle)
			return true;
	return false;
}

static void resolve(struct world *w, struct gresult *r, u64 index, s32 status,
		    u64 value)
{
	r->resolved = true;
	r->effect = !status;
	r->status = status;
	r->value = value;
	r->index = index;
	if (r->effect && r->req && r->req->answered && r->req->status &&
	    r->req->status != -ENOTRECOVERABLE)
		sim_fail(w, "exactly once",
			 "request %llu/%llu takes effect at %llu after its program was told %d (nothing happened)",
			 r->session, r->seq, index, r->req->status);
}

static void model_add(struct world *w, u64 index, const struct fsm_command *c,
		      struct gsession *s, struct gresult *r)
{
	struct gcounter *g = counter_of(w, c);
	u64 value;

	if (!r->req)
		sim_fail(w, "exactly once",
			 "entry %llu holds request %llu/%llu, which no program made",
			 index, c->session, c->seq);
	if (is_closed(s, c->handle)) {
		resolve(w, r, index, -ECANCELED, 0);
		return;
	}
	if (!g)
		sim_fail(w, "exactly once", "entry %llu names an unknown counter",
			 index);
	if (!g->n && w->g.objects >= w->g.objects_max) {
		resolve(w, r, index, -ENOSPC, 0);
		return;
	}
	if (__builtin_add_overflow(value_now(g), c->arg, &value)) {
		resolve(w, r, index, -EOVERFLOW, 0);
		return;
	}
	if (!g->n)
		w->g.objects++;
	push_value(g, index, value);
	resolve(w, r, index, 0, value);
}

static void model_close(struct world *w, u64 index, const struct fsm_command *c,
			struct gsession *s, struct gresult *r)
{
	struct gclosed *d = arena_alloc(w, sizeof(*d));

	d->handle = c->handle;
	d->next = s->closed;
	s->closed = d;
	resolve(w, r, index, 0, 0);
}

static void model_request(struct world *w, u64 index, const struct fsm_command *c)
{
	struct gsession *s = session_by_id(w, c->session);
	struct gresult *r;

	if (!s || !s->open)
		return;
	if (c->low > s->low)
		s->low = c->low;
	if (c->seq < s->low)
		return;
	r = ghost_result(w, c->session, c->seq, true);
	if (r->resolved)
		return;
	if (c->op == FSM_CANCEL)
		resolve(w, r, index, -ECANCELED, 0);
	else if (c->op == FSM_COUNTER_ADD)
		model_add(w, index, c, s, r);
	else
		model_close(w, index, c, s, r);
}

/* Entry @index is committed: the model takes it. */
void model_commit(struct world *w, u64 index)
{
	const struct gentry *e = w->g.log[index].e;
	struct fsm_command c;

	if (e->kind == RAFT_MEMBERS && !w->g.formed) {
		if (raft_config_decode(&w->g.config, e->data, e->len))
			sim_fail(w, "membership", "entry %llu does not decode",
				 index);
		w->g.formed = true;
	}
	if (e->kind != RAFT_COMMAND)
		return;
	if (fsm_decode(&c, e->data, e->len))
		sim_fail(w, "contract", "entry %llu does not decode", index);
	if (c.op == FSM_SESSION_OPEN)
		model_open(w, index, &c);
	else if (c.op != FSM_INIT && c.op != FSM_CHECK)
		model_request(w, index, &c);
}

static void first_outcome(struct world *w, struct node *n, u64 index,
			  const struct fsm_outcome *out)
{
	const struct gentry *e = w->g.log[index].e;
	const struct gresult *r;
	struct fsm_command c;

	if (e->kind != RAFT_COMMAND || fsm_decode(&c, e->data, e->len) ||
	    c.op == FSM_INIT || c.op == FSM_SESSION_OPEN || c.op == FSM_CHECK)
		return;
	r = ghost_result(w, c.session, c.seq, false);
	if (out->kind != FSM_OUT_RESULT) {
		if (r && r->resolved && r->index == index)
			sim_fail(w, "state machine",
				 "%s: request %llu/%llu has no outcome at %llu; the model resolves it with %d",
				 n->name, c.session, c.seq, index, r->status);
		return;
	}
	if (!r || !r->resolved) {
		struct gsession *s = session_by_id(w, c.session);

		if (!out->status)
			sim_fail(w, "exactly once",
				 "%s: request %llu/%llu takes effect at %llu in %s session",
				 n->name, c.session, c.seq, index,
				 s ? "an ended" : "no");
		return;
	}
	/* Below the low mark its result is forgotten, not repeated. */
	if (out->status && out->status != r->status && r->index < index)
		return;
	if (out->status != r->status || out->index != r->index ||
	    (r->effect && c.op == FSM_COUNTER_ADD && out->value != r->value))
		sim_fail(w, "exactly once",
			 "%s: request %llu/%llu at %llu: status %d value %llu index %llu; the model has %d, %llu, %llu",
			 n->name, c.session, c.seq, index, out->status,
			 out->value, out->index, r->status, r->value, r->index);
}

static void compare_counter(struct world *w, struct node *n, u64 index)
{
	const struct gentry *e = w->g.log[index].e;
	struct gcounter *g;
	struct fsm_command c;
	u64 value = 0, at, want;
	bool found, exists;

	if (e->kind != RAFT_COMMAND || fsm_decode(&c, e->data, e->len) ||
	    c.op != FSM_COUNTER_ADD)
		return;
	g = counter_of(w, &c);
	if (!g)
		return;
	found = !fsm_counter(n->f, c.name, c.name_len, &value, &at);
	exists = model_value(w, g - w->g.counter, index, &want);
	if (found != exists || (found && value != want))
		sim_fail(w, "exactly once",
			 "%s: counter %s is %llu after %llu, the model has %llu",
			 n->name, g->name, value, index, want);
}

/* A node has applied @index: all nodes must see and become the same. */
void model_applied(struct world *w, struct node *n, u64 index,
		   const struct fsm_outcome *out)
{
	struct gcommit *g = &w->g.log[index];
	struct fsm_stats st;

	fsm_stats(n->f, &st);
	if (!g->applied) {
		first_outcome(w, n, index, out);
		compare_counter(w, n, index);
		g->out = *out;
		g->hash = st.hash;
		g->applied = true;
		if (index > w->g.applied)
			w->g.applied = index;
		return;
	}
	if (g->hash != st.hash || st.applied != index)
		sim_fail(w, "state machine safety",
			 "%s: state hash %016llx after %llu, another node had %016llx",
			 n->name, st.hash, index, g->hash);
	if (g->out.kind != out->kind || g->out.status != out->status ||
	    g->out.value != out->value || g->out.session != out->session ||
	    g->out.seq != out->seq || g->out.index != out->index ||
	    g->out.replaced != out->replaced)
		sim_fail(w, "state machine safety",
			 "%s: entry %llu has another outcome than elsewhere",
			 n->name, index);
}
