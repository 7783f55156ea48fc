// SPDX-License-Identifier: GPL-2.0
/*
 * Runs with well-known defects: in what leaves, in what is applied, on all nodes
 * alike, and in what the client is told.
 */
#include "sim.h"
#include "../../kmod/fsm/state.h"

static bool is_run(const struct gentry *g, struct fsm_command *c)
{
	return g->kind == RAFT_COMMAND && !fsm_decode(c, g->data, g->len) &&
	       c->op == FSM_COUNTER_RUN;
}

static bool takes_along(const struct fsm_command *c, const struct fsm_request *r)
{
	return r && r->seq == c->seq + c->arg2 && c->arg2 < FSM_RUN_MAX &&
	       r->state == FSM_REQ_SENT &&
	       (r->handle != c->handle || r->arg != c->arg);
}

/* A command leaves. "run-long": with a request that does not belong to it. */
u16 mutant_command(struct node *n, u8 *cmd, u16 len)
{
	u8 said[FSM_COMMAND_MAX];
	struct fsm_command c;
	u64 next;

	if (n->w->mutant != MUT_RUN_LONG)
		return len;
	/* What is decoded has its name there. */
	memcpy(said, cmd, len);
	if (fsm_decode(&c, said, len) || c.op != FSM_COUNTER_RUN)
		return len;
	next = c.seq + c.arg2;
	if (!takes_along(&c, n->c.window[next % FSM_WINDOW]))
		return len;
	c.arg2++;
	return fsm_encode(&c, cmd);
}

static struct fsm_slot *slot_of(struct fsm_session *s, u64 seq)
{
	return &s->slot[seq & FSM_WINDOW_MASK];
}

/* As if @seq had not been resolved. */
static void unresolve(struct fsm *f, struct fsm_session *s, u64 seq)
{
	u32 i = seq & FSM_WINDOW_MASK;
	u64 sum = fsm_slot_hash(s, seq, &s->slot[i]);

	s->used[i >> 6] &= ~(1ULL << (i & 63));
	s->n_slots--;
	s->sum -= sum;
	f->hash -= sum;
	f->body -= FSM_SNAP_SLOT;
}

static void run_again(struct fsm *f, struct fsm_session *s,
		      const struct fsm_command *c)
{
	u64 seq = max(c->seq, max(c->low, s->low));

	fsm_session_touch(f, s);
	for (; seq < c->seq + c->arg2; seq++)
		if (fsm_session_has(s, seq))
			unresolve(f, s, seq);
}

/* Up to the first that is resolved; of what that leaves none, a request is made. */
static u16 run_stops(const struct fsm_session *s, struct fsm_command *c, u8 *buf)
{
	u64 k = 0;

	while (k < c->arg2 && c->seq + k >= s->low &&
	       !fsm_session_has(s, c->seq + k))
		k++;
	if (k == c->arg2)
		return 0;
	if (k < 2)
		c->op = k ? FSM_COUNTER_ADD : FSM_CANCEL;
	if (!k)
		c->arg = 0;
	c->arg2 = k;
	return fsm_encode(c, buf);
}

u16 mutant_run(struct node *n, const struct gentry *g, u8 *buf)
{
	enum mutant m = n->w->mutant;
	struct fsm_session *s;
	struct fsm_command c;

	if (m < MUT_RUN_AGAIN || m > MUT_RUN_CLOSED || !is_run(g, &c))
		return 0;
	s = fsm_session_find(n->f, c.session);
	if (!s)
		return 0;
	if (m == MUT_RUN_STOPS)
		return run_stops(s, &c, buf);
	if (m == MUT_RUN_AGAIN) {
		run_again(n->f, s, &c);
		return 0;
	}
	/* No handle has such a number. */
	c.handle += 1ULL << 40;
	return fsm_encode(&c, buf);
}

static bool succeeds_at(const struct fsm_session *s, u64 seq, u64 index)
{
	const struct fsm_slot *slot = &s->slot[seq & FSM_WINDOW_MASK];

	return fsm_session_has(s, seq) && slot->index == index && !slot->code;
}

/* All that entry @index has added are told the last value. */
static void run_last(struct fsm *f, struct fsm_session *s, u64 index,
		     const struct fsm_command *c)
{
	u64 seq, value = 0;

	for (seq = max(c->seq, s->low); seq < c->seq + c->arg2; seq++)
		if (succeeds_at(s, seq, index))
			value = slot_of(s, seq)->value;
	for (seq = max(c->seq, s->low); seq < c->seq + c->arg2; seq++) {
		struct fsm_slot result = { .index = index, .value = value };

		if (!succeeds_at(s, seq, index))
			continue;
		unresolve(f, s, seq);
		fsm_session_store(f, s, seq, &result);
	}
}

/* It was applied; @out: as what, which nobody is to see. */
void mutant_ran(struct node *n, const struct gentry *g, struct fsm_outcome *out)
{
	struct fsm_session *s;
	struct fsm_command c;

	if (n->w->mutant != MUT_RUN_STOPS && n->w->mutant != MUT_RUN_LAST)
		return;
	if (!is_run(g, &c))
		return;
	s = fsm_session_find(n->f, c.session);
	if (!s)
		return;
	if (n->w->mutant == MUT_RUN_LAST)
		run_last(n->f, s, g->index, &c);
	*out = (struct fsm_outcome){
		.kind = FSM_OUT_RESULT, .session = c.session, .seq = c.seq,
		.count = c.arg2, .index = g->index,
	};
}

/* "run-first": the client hears of the first alone. */
void mutant_told(struct node *n, struct fsm_outcome *out)
{
	if (n->w->mutant != MUT_RUN_FIRST || out->kind != FSM_OUT_RESULT ||
	    out->count < 2 || out->status)
		return;
	if (fsm_result(n->f, out->session, out->seq, out))
		out->kind = FSM_OUT_NONE;
}

/* Many runs that meet each other, cancellations and closes. */
void mutant_run_weather(struct world *w)
{
	struct knobs *k = &w->k;

	if (w->mutant < MUT_RUN_AGAIN || w->mutant > MUT_NEWS_FIRST)
		return;
	k->lock_share = 100000;
	k->read_share = 0;
	k->burst_share = 700000;
	k->burst = 12;
	k->handles = 3;
	k->cancel_share = 200000;
	k->close_share = w->mutant == MUT_RUN_CLOSED ? 200000 : 10000;
	k->op_every = 3 * MS;
	k->fault_every = 200 * MS;
	k->loss = 100000;
	k->dup = 300000;
	k->slow = 200000;
	k->slow_max = 400 * MS;
	if (w->mutant == MUT_UNSEND_FIRST)
		k->forward = 256;
}
