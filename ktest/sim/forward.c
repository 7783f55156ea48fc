// SPDX-License-Identifier: GPL-2.0
/*
 * Requests on their way to the leader; hellos: which start is spoken to, what it
 * tells of its storage, and nodes that ask to be replicated to.
 */
#include "sim.h"

/* As the leader: append what was asked for, if that may change anything. */
static int propose(struct node *n, const u8 *cmd, u16 len, struct raft_id origin)
{
	struct fsm_command c;
	u64 index;
	int ret;

	if (fsm_decode(&c, cmd, len))
		sim_fail(n->w, "contract", "%s: a forwarded command does not decode",
			 n->name);
	if (c.op != FSM_SESSION_OPEN && !fsm_fresh(n->f, c.session, c.seq))
		return 0;
	if (!node_admits(n) || !fsm_room(n->f, raft_last_index(n->r), 1))
		return -ENOSPC;
	ret = raft_propose(n->r, node_now(n), RAFT_COMMAND, cmd, len, origin,
			   &index);
	if (!ret)
		lease_appended(n, &c, index);
	return ret;
}

static void note_sent(struct node *n, const u8 *cmd, u16 len)
{
	struct fsm_command c;
	struct fsm_request *r;

	if (fsm_decode(&c, cmd, len))
		sim_fail(n->w, "contract", "%s: its command does not decode",
			 n->name);
	if (c.op == FSM_SESSION_OPEN || c.op == FSM_CANCEL)
		return;
	r = n->c.window[c.seq % FSM_WINDOW];
	if (!r || r->seq != c.seq)
		sim_fail(n->w, "contract", "%s sends %llu, not in its window",
			 n->name, c.seq);
	if (r->op == FSM_LOCK_ACQUIRE || r->op == FSM_LOCK_LEAVE ||
	    (r->op == FSM_LOCK_RELEASE && !lock_raw(r)))
		lock_sent(n, &c, r);
	else
		ghost_sent(n->w, n, &c, (struct req *)r);
}

static void flush_forward(struct node *n, u8 *buf, u32 len, u8 count)
{
	struct node *to = node_by_id(n->w, n->leader);
	struct msg *m;

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
	m->len = len;
	m->data = malloc(len);
	memcpy(m->data, buf, len);
	n->w->stat.forwards++;
	n->w->ops->send(n->w, m);
}

/* What the node's programs want goes to the leader, wherever that is. */
void node_pump(struct node *n)
{
	u8 buf[SIM_FORWARD * (FSM_COMMAND_MAX + 2)], cmd[FSM_COMMAND_MAX];
	bool own = raft_role(n->r) == RAFT_LEADER;
	u64 cursor = 0, now = node_now(n);
	u32 len = 0;
	u8 count = 0;
	u16 l;

	if (!raft_id_some(raft_leader(n->r)))
		return;
	/* Under command, a node opens its session when a program wants it. */
	if (n->w->quiet_clients && !n->c.queued && !n->c.unresolved)
		return;
	n->leader = raft_leader(n->r);
	while ((l = fsm_client_next(&n->c, now, raft_term(n->r), SIM_RESEND,
				    &cursor, cmd))) {
		if (own) {
			if (propose(n, cmd, l, n->id)) {
				fsm_client_unsend(&n->c, &cursor);
				break;
			}
			note_sent(n, cmd, l);
			continue;
		}
		note_sent(n, cmd, l);
		memcpy(buf + len, &l, 2);
		memcpy(buf + len + 2, cmd, l);
		len += l + 2;
		if (++count == SIM_FORWARD) {
			flush_forward(n, buf, len, count);
			len = 0;
			count = 0;
		}
	}
	flush_forward(n, buf, len, count);
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
