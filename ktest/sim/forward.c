// SPDX-License-Identifier: GPL-2.0
/*
 * Requests on their way to the leader; hellos: which start is spoken to, what it
 * tells of its storage, and nodes that ask to be replicated to.
 */
#include "sim.h"

/* Mutant "news-first": a run is judged by the first of it. */
static bool news(struct node *n, const struct fsm_command *c)
{
	if (n->w->mutant == MUT_NEWS_FIRST)
		return fsm_fresh(n->f, c->session, c->seq);
	return fsm_news(n->f, c);
}

/* It does not append what was asked for: all of it must be resolved, as it knows. */
static void check_dropped(struct node *n, const struct fsm_command *c)
{
	const struct gsession *s = model_session(n->w, c->session);
	u64 i, count = c->op == FSM_COUNTER_RUN ? c->arg2 : 1;
	const struct gresult *r;

	if (!s || (s->ended && s->ended <= n->applied))
		return;
	for (i = 0; i < count; i++) {
		r = ghost_result(n->w, c->session, c->seq + i, false);
		if (!r || !r->resolved || r->index > n->applied)
			sim_fail(n->w, "contract", "%s, at %llu, drops request %llu/%llu, which is not resolved",
				 n->name, n->applied, c->session, c->seq + i);
	}
}

/* As the leader: append what was asked for, if that may change anything. */
static int propose(struct node *n, const u8 *cmd, u16 len, struct raft_id origin)
{
	struct fsm_command c;
	u64 index;
	int ret;

	if (fsm_decode(&c, cmd, len))
		sim_fail(n->w, "contract", "%s: a forwarded command does not decode",
			 n->name);
	if (c.op != FSM_SESSION_OPEN && !news(n, &c)) {
		check_dropped(n, &c);
		return 0;
	}
	if (!node_admits(n) || !fsm_room(n->f, raft_last_index(n->r), 1))
		return -ENOSPC;
	ret = raft_propose(n->r, node_now(n), RAFT_COMMAND, cmd, len, origin,
			   &index);
	if (!ret)
		lease_appended(n, &c, index);
	return ret;
}

/*
 * What a command says is what was asked for; those of a run are additions without a
 * fence, and none of them was given up.
 */
static void check_said(struct node *n, const struct fsm_command *c, bool run,
		       const struct fsm_request *r)
{
	u64 token = r->extra ? r->extra->fence_token : 0;

	if (c->op != r->op || c->handle != r->handle ||
	    (c->op != FSM_HANDLE_CLOSE && c->arg != r->arg) ||
	    (c->name_len && (c->name_len != r->name_len ||
			     memcmp(c->name, r->name, r->name_len))) ||
	    c->fence.token != token || r->state != FSM_REQ_SENT ||
	    (run && (r->op != FSM_COUNTER_ADD || r->extra)))
		sim_fail(n->w, "contract", "%s sends %llu/%llu%s as what was not asked for",
			 n->name, c->session, c->seq, run ? ", in a run," : "");
}

static struct fsm_request *note_one(struct node *n, const struct fsm_command *c,
				    bool run)
{
	struct fsm_request *r = n->c.window[c->seq % FSM_WINDOW];

	if (!r || r->seq != c->seq)
		sim_fail(n->w, "contract", "%s sends %llu, not in its window",
			 n->name, c->seq);
	check_said(n, c, run, r);
	if (r->op == FSM_LOCK_ACQUIRE || r->op == FSM_LOCK_LEAVE ||
	    (r->op == FSM_LOCK_RELEASE && !lock_raw(r)))
		lock_sent(n, c, r);
	else
		ghost_sent(n->w, n, c, (struct req *)r);
	return r;
}

/* Statistics: an addition leaves in a run; has it before, and in another one? */
static void count_resent(struct node *n, u64 first, u64 count, struct req *q)
{
	struct stats *st = &n->w->stat;

	st->resent += q->run_count > 0;
	st->regrouped += q->run_count > 0 &&
			 (q->run_first != first || q->run_count != count);
	q->run_first = first;
	q->run_count = count;
}

/* It leaves: each request that it speaks of has its name from now on. */
static void note_sent(struct node *n, const u8 *cmd, u16 len)
{
	struct fsm_command c;
	u64 first, count = 1;
	bool run;

	if (fsm_decode(&c, cmd, len))
		sim_fail(n->w, "contract", "%s: its command does not decode",
			 n->name);
	if (c.op == FSM_SESSION_OPEN || c.op == FSM_CANCEL)
		return;
	run = c.op == FSM_COUNTER_RUN;
	if (run) {
		count = c.arg2;
		c.op = FSM_COUNTER_ADD;
	}
	for (first = c.seq; c.seq < first + count; c.seq++) {
		struct fsm_request *r = note_one(n, &c, run);

		if (run)
			count_resent(n, first, count, (struct req *)r);
	}
}

/* Commands on their way into one datagram. */
struct outbox {
	u8 buf[SIM_FORWARD * (FSM_COMMAND_MAX + 2)];
	u32 len;
	u8 count;
};

static void flush_forward(struct node *n, struct outbox *o)
{
	struct node *to = node_by_id(n->w, n->leader);
	struct msg *m;
	u8 count = o->count;

	o->count = 0;
	if (!count || !to)
		return;
	m = msg_new(n->w);
	m->kind = MSG_FORWARD;
	m->from = n->slot;
	m->to = to->slot;
	m->boot = node_boot_of(n, to);
	m->from_boot = n->gen;
	m->from_id = n->id;
	m->to_id = n->leader;
	m->n_commands = count;
	m->len = o->len;
	m->data = malloc(o->len);
	memcpy(m->data, o->buf, o->len);
	n->w->stat.forwards++;
	n->w->ops->send(n->w, m);
}

/* false: it does not fit into this datagram any more. */
static bool put_forward(struct node *n, struct outbox *o, const u8 *cmd, u16 l)
{
	u32 room = n->w->k.forward ?: sizeof(o->buf);

	if (!o->count)
		o->len = 0;
	if (o->count == SIM_FORWARD || o->len + 2 + l > room)
		return false;
	memcpy(o->buf + o->len, &l, 2);
	memcpy(o->buf + o->len + 2, cmd, l);
	o->len += 2 + l;
	o->count++;
	return true;
}

/* It could not leave, and comes again. Mutant "unsend-first": of a run the first. */
static void unsend(struct node *n, u64 *cursor)
{
	n->w->stat.unsent += n->c.last_count > 1;
	if (n->w->mutant == MUT_UNSEND_FIRST && n->c.last_count)
		n->c.last_count = 1;
	fsm_client_unsend(&n->c, cursor);
}

/* What the node's programs want goes to the leader, wherever that is. */
void node_pump(struct node *n)
{
	bool own = raft_role(n->r) == RAFT_LEADER;
	u64 cursor = 0, now = node_now(n);
	struct outbox o = { .len = 0 };
	u8 cmd[FSM_COMMAND_MAX];
	u16 l;

	if (!raft_id_some(raft_leader(n->r)))
		return;
	/* Under command, a node opens its session when a program wants it. */
	if (n->w->quiet_clients && !n->c.queued && !n->c.unresolved)
		return;
	n->leader = raft_leader(n->r);
	while ((l = fsm_client_next(&n->c, now, raft_term(n->r), SIM_RESEND,
				    &cursor, cmd))) {
		l = mutant_command(n, cmd, l);
		if (own && propose(n, cmd, l, n->id)) {
			unsend(n, &cursor);
			break;
		}
		if (!own && !put_forward(n, &o, cmd, l)) {
			unsend(n, &cursor);
			flush_forward(n, &o);
			continue;
		}
		note_sent(n, cmd, l);
	}
	flush_forward(n, &o);
}

void node_forwarded(struct node *n, struct msg *m)
{
	u32 at = 0;
	u16 l;

	if (raft_role(n->r) != RAFT_LEADER)
		return;
	while (at < m->len) {
		memcpy(&l, m->data + at, 2);
		if (propose(n, m->data + at + 2, l, m->from_id))
			break;
		at += l + 2;
	}
}

/* A node outside of the configuration says it is there. */
void node_greeted(struct node *n, struct msg *m)
{
	struct raft_id *known = &n->observed[m->from];

	if (raft_id_eq(*known, m->from_id))
		return;
	if (raft_id_some(*known))
		raft_unobserve(n->r, *known);
	*known = m->from_id;
	if (raft_observe(n->r, node_now(n), m->from_id))
		*known = RAFT_NOBODY;
}

void node_hello(struct node *n)
{
	unsigned int i;

	for (i = 0; i < n->w->n_slots; i++) {
		struct node *to = &n->w->node[i];
		struct msg *m;

		if (!to->alive || to == n)
			continue;
		m = msg_new(n->w);
		m->kind = MSG_HELLO;
		m->from = n->slot;
		m->to = i;
		m->boot = node_boot_of(n, to);
		m->from_boot = n->gen;
		m->from_id = n->id;
		m->to_id = to->id;
		n->w->ops->send(n->w, m);
	}
}

/* The hello of @from's newest start, which is in doubt, arrives: keys are new. */
static void hear_doubt(struct node *n, struct node *from)
{
	n->doubted[from->slot] = from->s->doubt_gen;
	if (n->w->mutant == MUT_DEAF_DOUBT)
		return;
	raft_doubted(n->r, node_now(n), from->id);
	n->w->ops->deadline(n->w, n);
}

static bool unheard(const struct node *n, const struct node *from)
{
	return from->s && n->doubted[from->slot] < from->s->doubt_gen;
}

/* The start of @to that @n's messages are for: the one whose hello it heard. */
u32 node_boot_of(const struct node *n, const struct node *to)
{
	return unheard(n, to) ? to->s->doubt_gen - 1 : to->gen;
}

/*
 * Duty 8. Before anything else of a start, its hello is heard, which tells of
 * doubt; nothing of a start before that one is let in any more, and a start in
 * doubt lets nothing in that was meant for an earlier one: that is answered by a
 * hello.
 */
bool node_hears(struct node *n, const struct msg *m)
{
	struct node *from = &n->w->node[m->from];

	if (n->s && m->boot < n->s->doubt_gen) {
		if (unheard(from, n) && from->alive && !from->paused &&
		    !n->w->cut[n->slot][from->slot])
			hear_doubt(from, n);
		return false;
	}
	if (m->from_boot < n->doubted[m->from])
		return false;
	if (unheard(n, from) && m->from_boot >= from->s->doubt_gen)
		hear_doubt(n, from);
	return true;
}
