// SPDX-License-Identifier: GPL-2.0
/*
 * A second, slow and simple state machine, written from design section 9 and
 * not from fsm.c. It runs once over what is committed; each node's outcome and
 * state are held against it.
 */
#include "sim.h"

struct gsession *model_session(struct world *w, u64 id)
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

static bool same_name(const struct gsession *s, const struct fsm_command *c)
{
	return s->name_len == c->name_len && !memcmp(s->name, c->name, c->name_len);
}

static struct gsession *session_named(struct world *w, const struct fsm_command *c)
{
	struct gsession *s = w->g.sessions;

	while (s && !(s->open && same_name(s, c)))
		s = s->next;
	return s;
}

/* Does the open come after the session @s of the same node, as that counts? */
static bool goes_on(const struct gsession *s, const struct fsm_command *c)
{
	if (s->boot_counter != c->boot_counter)
		return c->boot_counter > s->boot_counter;
	return s->boot_nonce == c->boot_nonce && c->arg2 > s->ordinal;
}

/*
 * "It ends, too, when the same member opens one under a newer boot or incarnation"
 * (design 3). Opens may be late, and come again: idempotently. Who lost the name to
 * another incarnation does not get it back by what it sent before.
 */
static bool may_open(struct world *w, const struct fsm_command *c,
		     const struct gsession *now)
{
	const struct gsession *s;

	if (!now)
		return true;
	if (raft_id_eq(now->node, c->node))
		return goes_on(now, c);
	for (s = w->g.sessions; s; s = s->next)
		if (same_name(s, c) && !s->forgotten &&
		    raft_id_eq(s->node, c->node) &&
		    (c->boot_counter < s->boot_counter ||
		     (c->boot_counter == s->boot_counter && c->arg2 <= s->ordinal)))
			return false;
	return true;
}

static void model_open(struct world *w, u64 index, const struct fsm_command *c)
{
	struct gsession *s, *now = session_named(w, c);

	if (!may_open(w, c, now))
		return;
	if (now)
		model_session_dies(w, index, now);
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
	w->g.l.now.sessions++;
	if (now)
		model_reap(w, index);
}

/* It ends by itself, and with its name it is forgotten who had that before. */
static void model_end(struct world *w, u64 index, struct gsession *s)
{
	struct gsession *o;

	model_session_dies(w, index, s);
	for (o = w->g.sessions; o; o = o->next)
		if (o->name_len == s->name_len &&
		    !memcmp(o->name, s->name, s->name_len))
			o->forgotten = true;
	model_reap(w, index);
}

static void model_expire(struct world *w, u64 index, const struct fsm_command *c)
{
	struct gsession *s = model_session(w, c->arg);

	if (!s || !s->open)
		return;
	belief_expired(w, index, s);
	model_end(w, index, s);
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
	model_handle_dies(w, index, s, c->handle);
}

/* Requests for locks; of wants they are the acquires, releases, leaves. */
static void model_lock(struct world *w, u64 index, const struct fsm_command *c,
		       struct gsession *s, struct gresult *r)
{
	struct gsession *victim = NULL;
	u64 value = 0;
	s32 status;

	if (!r->req && !r->hold)
		sim_fail(w, "exactly once",
			 "entry %llu holds request %llu/%llu, which no program made",
			 index, c->session, c->seq);
	if (c->op == FSM_LOCK_ACQUIRE) {
		if (r->hold->over && !r->hold->forgot)
			sim_fail(w, "exactly once",
				 "acquire %llu/%llu is applied at %llu after its program was told of its end",
				 c->session, c->seq, index);
		status = model_acquire(w, index, c, s, r->hold, &value);
	} else if (c->op == FSM_LOCK_REVOKE) {
		status = model_revoke(w, index, c, &value);
	} else if (c->op == FSM_SESSION_END) {
		victim = model_session(w, c->arg);
		status = victim && victim->open ? 0 : -ENOENT;
	} else {
		status = model_release(w, index, c, s, &value);
	}
	resolve(w, r, index, status, value);
	if (victim && !status) {
		victim->revoked = true;
		model_end(w, index, victim);
	}
}

static void model_one(struct world *w, u64 index, const struct fsm_command *c,
		      struct gsession *s)
{
	struct gresult *r;

	if (c->seq < s->low)
		return;
	r = ghost_result(w, c->session, c->seq, true);
	if (r->resolved)
		return;
	if (c->op == FSM_HANDLE_CLOSE)
		model_close(w, index, c, s, r);
	else if (c->op == FSM_CANCEL || is_closed(s, c->handle))
		resolve(w, r, index, -ECANCELED, 0);
	else if (!model_fence(w, c))
		resolve(w, r, index, -ESTALE, 0);
	else if (c->op == FSM_COUNTER_ADD)
		model_add(w, index, c, s, r);
	else
		model_lock(w, index, c, s, r);
}

/* What runs have met: some of them was resolved before, or closed, or too much. */
static void count_run(struct world *w, u64 index, const struct fsm_command *c)
{
	u64 i, effects = 0, closed = 0, over = 0, known = c->arg2;
	const struct gresult *r;

	for (i = 0; i < c->arg2; i++) {
		r = ghost_result(w, c->session, c->seq + i, false);
		if (!r || r->index != index)
			continue;
		known--;
		effects += r->effect;
		closed += r->status == -ECANCELED;
		over += r->status == -EOVERFLOW;
	}
	w->stat.runs++;
	w->stat.run_adds += c->arg2;
	w->stat.run_known += known && known < c->arg2;
	w->stat.run_closed += closed > 0;
	w->stat.run_over += over && effects;
}

/* A run is as many additions, one behind the other, of which none knows the others. */
static void model_request(struct world *w, u64 index, const struct fsm_command *c)
{
	struct gsession *s = model_session(w, c->session);
	struct fsm_command one = *c;
	u64 left = c->op == FSM_COUNTER_RUN ? c->arg2 : 1;

	if (!s || !s->open)
		return;
	if (c->low > s->low)
		s->low = c->low;
	w->g.log[index].low = s->low;
	if (c->op == FSM_COUNTER_RUN) {
		one.op = FSM_COUNTER_ADD;
		one.arg2 = 0;
	}
	for (; left--; one.seq++)
		model_one(w, index, &one, s);
	if (c->op == FSM_COUNTER_RUN)
		count_run(w, index, c);
}

static void model_command(struct world *w, u64 index, const struct gentry *e)
{
	struct fsm_command c;

	if (fsm_decode(&c, e->data, e->len))
		sim_fail(w, "contract", "entry %llu does not decode", index);
	switch (c.op) {
	case FSM_INIT:
	case FSM_CHECK:
		break;
	case FSM_SESSION_OPEN:
		model_open(w, index, &c);
		break;
	case FSM_EXPIRE:
		model_expire(w, index, &c);
		break;
	case FSM_REAP:
		model_reap(w, index);
		break;
	default:
		model_request(w, index, &c);
	}
}

/* Entry @index is committed: the model takes it. */
void model_commit(struct world *w, u64 index)
{
	const struct gentry *e = w->g.log[index].e;

	if (e->kind == RAFT_MEMBERS && !w->g.formed) {
		if (raft_config_decode(&w->g.config, e->data, e->len))
			sim_fail(w, "membership", "entry %llu does not decode",
				 index);
		w->g.formed = true;
	}
	if (e->kind == RAFT_COMMAND)
		model_command(w, index, e);
	model_counts(w, index);
}

/* A session begins, or ends by itself: as the model has it. */
static void compare_session(struct world *w, struct node *n, u64 index,
			    const struct fsm_command *c,
			    const struct fsm_outcome *out)
{
	const struct gsession *s = model_session(w, c->op == FSM_EXPIRE ?
						 c->arg : index), *o;
	bool as_said = out->kind == FSM_OUT_NONE;

	if (c->op == FSM_EXPIRE && s && s->ended == index)
		as_said = out->kind == FSM_OUT_ENDED && out->session == s->id &&
			  out->status == -EKEYEXPIRED &&
			  raft_id_eq(out->node, s->node);
	if (c->op == FSM_SESSION_OPEN && s) {
		for (o = w->g.sessions; o && o->ended != index; o = o->next)
			;
		as_said = out->kind == FSM_OUT_OPENED && !out->status &&
			  out->session == index &&
			  out->replaced == (o ? o->id : 0);
	} else if (c->op == FSM_SESSION_OPEN && out->kind == FSM_OUT_OPENED) {
		o = model_session(w, out->session);
		as_said = o && raft_id_eq(o->node, c->node) &&
			  o->boot_nonce == c->boot_nonce &&
			  o->ordinal == c->arg2 && !out->replaced;
	}
	if (!as_said)
		sim_fail(w, "sessions", "%s: entry %llu: outcome %u of session %llu, status %d, replaces %llu",
			 n->name, index, out->kind, out->session, out->status,
			 out->replaced);
}

/* Each of a run has its own result, or had it before, as the model has it. */
static void compare_run(struct world *w, struct node *n, u64 index,
			const struct fsm_command *c)
{
	u64 seq = max(c->seq, w->g.log[index].low);
	const struct gresult *r;
	struct fsm_outcome out;

	for (; seq < c->seq + c->arg2; seq++) {
		r = ghost_result(w, c->session, seq, false);
		if (fsm_result(n->f, c->session, seq, &out))
			sim_fail(w, "exactly once",
				 "%s: run at %llu: request %llu/%llu has no result",
				 n->name, index, c->session, seq);
		if (!r || !r->resolved || out.status != r->status ||
		    out.index != r->index || out.count != 1 ||
		    (r->effect && out.value != r->value))
			sim_fail(w, "exactly once",
				 "%s: run at %llu: request %llu/%llu: status %d value %llu index %llu; the model has %d, %llu, %llu",
				 n->name, index, c->session, seq, out.status,
				 out.value, out.index, r ? r->status : 0,
				 r ? r->value : 0, r ? r->index : 0);
	}
}

/* What is told of a run: how long it is; the results are asked for one by one. */
static void run_outcome(struct world *w, struct node *n, u64 index,
			const struct fsm_command *c, const struct fsm_outcome *out)
{
	const struct gsession *s = model_session(w, c->session);
	bool gone = !s || (s->ended && s->ended < index);

	if (out->kind != FSM_OUT_RESULT || out->seq != c->seq ||
	    out->count != c->arg2 || out->session != c->session ||
	    out->index != index || out->status != (gone ? -EKEYEXPIRED : 0))
		sim_fail(w, "state machine",
			 "%s: run %llu/%llu of %llu at %llu: outcome %u of %llu/%llu, %u at %llu, status %d",
			 n->name, c->session, c->seq, c->arg2, index, out->kind,
			 out->session, out->seq, out->count, out->index,
			 out->status);
	if (!gone)
		compare_run(w, n, index, c);
}

static void first_outcome(struct world *w, struct node *n, u64 index,
			  const struct fsm_outcome *out)
{
	const struct gentry *e = w->g.log[index].e;
	const struct gresult *r;
	struct fsm_command c;

	if (e->kind != RAFT_COMMAND || fsm_decode(&c, e->data, e->len))
		return;
	if (c.op == FSM_SESSION_OPEN || c.op == FSM_EXPIRE)
		compare_session(w, n, index, &c, out);
	if (!c.session)
		return;
	if (c.op == FSM_COUNTER_RUN) {
		run_outcome(w, n, index, &c, out);
		return;
	}
	r = ghost_result(w, c.session, c.seq, false);
	if (out->kind != FSM_OUT_RESULT) {
		if (r && r->resolved && r->index == index)
			sim_fail(w, "state machine",
				 "%s: request %llu/%llu has no outcome at %llu; the model resolves it with %d",
				 n->name, c.session, c.seq, index, r->status);
		return;
	}
	if (!r || !r->resolved) {
		struct gsession *s = model_session(w, c.session);

		if (!out->status)
			sim_fail(w, "exactly once",
				 "%s: request %llu/%llu takes effect at %llu in %s session",
				 n->name, c.session, c.seq, index,
				 s ? "an ended" : "no");
		return;
	}
	if (c.op == FSM_SESSION_END && r->index == index &&
	    out->ended != (r->status ? 0 : c.arg))
		sim_fail(w, "sessions", "%s: entry %llu ends session %llu; the model %llu",
			 n->name, index, out->ended, r->status ? 0 : c.arg);
	/* Below the low mark its result is forgotten, not repeated. */
	if (out->status && out->status != r->status && r->index < index)
		return;
	if (out->status != r->status || out->index != r->index ||
	    (r->effect && out->value != r->value))
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
	    (c.op != FSM_COUNTER_ADD && c.op != FSM_COUNTER_RUN))
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
	compare_locks(w, n, index, out);
	if (!(index & 255))
		compare_all(w, n);
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
	    g->out.count != out->count ||
	    g->out.replaced != out->replaced || g->out.ended != out->ended ||
	    g->out.n_events != out->n_events)
		sim_fail(w, "state machine safety",
			 "%s: entry %llu has another outcome than elsewhere",
			 n->name, index);
}
