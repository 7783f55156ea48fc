// SPDX-License-Identifier: GPL-2.0
/*
 * Messages as a node with a well-known defect would read them. That proves
 * that the checks can fail without a defect in the core.
 */
#include "sim.h"

/* Act as if whatever came was an answer to the newest round. */
static void stale_echo(struct node *n, struct raft_msg *m)
{
	if (m->type == RAFT_APPEND_REPLY && m->term == raft_term(n->r))
		m->id = n->newest_id;
}

/* Answers to an earlier question count as votes in the election going on. */
static void old_votes(struct node *n, struct raft_msg *m)
{
	if (raft_role(n->r) != RAFT_CANDIDATE || m->flags & RAFT_MSG_REJECT)
		return;
	if (m->type == RAFT_PREVOTE_REPLY ||
	    (m->type == RAFT_VOTE_REPLY && m->term < raft_term(n->r))) {
		m->type = RAFT_VOTE_REPLY;
		m->term = raft_term(n->r);
	}
}

/* Never refuse an append for the entry before it. */
static void no_prev(struct node *n, struct raft_msg *m)
{
	struct raft_entry e;

	if (m->type == RAFT_APPEND && m->n_entries &&
	    !raft_entry(n->r, m->index, &e))
		m->log_term = e.term;
}

static void high_commit(struct node *n, struct raft_msg *m)
{
	if (m->type == RAFT_APPEND)
		m->commit += 3;
}

/* Who asks for replication is taken for the member that it replaces. */
static void count_observer(struct node *n, struct raft_msg *m)
{
	struct node *from = node_by_id(n->w, m->from);

	struct raft_msg copy = *m;

	if (!from || from->member || !from->was_member ||
	    m->type != RAFT_APPEND_REPLY)
		return;
	copy.from = from->old_id;
	raft_step(n->r, node_now(n), &copy);
}

/* No defect, but weather: entries come one by one, as in figure 8. */
static void one_by_one(struct node *n, struct raft_msg *m)
{
	if (m->type == RAFT_APPEND && m->n_entries > 1)
		m->n_entries = 1;
}

bool mutate(struct node *n, struct msg *msg, struct raft_msg *m)
{
	switch (n->w->mutant) {
	case MUT_COUNT_OLD:
		one_by_one(n, m);
		break;
	case MUT_STALE_ECHO:
		stale_echo(n, m);
		break;
	case MUT_OLD_VOTES:
		old_votes(n, m);
		break;
	case MUT_NO_PREV:
		no_prev(n, m);
		break;
	case MUT_HIGH_COMMIT:
		high_commit(n, m);
		break;
	case MUT_COUNT_OBSERVER:
		count_observer(n, m);
		break;
	case MUT_MUTE:
		return !n->w->healed || msg->from != 1 || !n->w->node[1].member;
	default:
		break;
	}
	return true;
}

/* Defects of storage: small rings, slow disks, power that goes while they write. */
static void storage_weather(struct world *w)
{
	struct knobs *k = &w->k;

	k->durable = true;
	k->disk = true;
	if (w->mutant == MUT_WRITE_AGAIN) {
		k->op_every = 500 * US;
		k->n_slots = 1024;
		k->n_bytes = 1 << 17;
		k->group = 512;
		return;
	}
	k->disk_max = 5 * MS;
	k->fault_every = 100 * MS;
	k->op_every = 3 * MS;
	k->ring = 2048;
	k->ring_share = 2;
	k->broken = w->mutant == MUT_RETRY_FLUSH ? 2000 : 0;
	switch (w->mutant) {
	case MUT_CUT_CORRUPT:
	case MUT_FORGET_DOUBT:
	case MUT_DEAF_DOUBT:
	case MUT_STALE_HARD:
		k->rot = 700000;
		break;
	case MUT_RELEASE_EARLY:
		/* The log laps the keeper. */
		k->rot = 0;
		k->op_every = 300 * US;
		k->disk_max = 50 * US;
		k->loss = 0;
		k->slow = 0;
		k->fault_every = 2000 * MS;
		k->ring_share = 54;
		k->hang = 0;
		k->hang_keep = 300000;
		break;
	case MUT_SLOT_ORDER:
		k->cut_again = 300000;
		break;
	default:
		k->rot = 0;
		break;
	}
}

/* A defect that needs rare weather gets it. */
void mutant_weather(struct world *w)
{
	struct knobs *k = &w->k;

	/* What storage has not got yet is what several of them are about. */
	k->instant = false;
	mutant_run_weather(w);
	if (w->mutant >= MUT_HARD_APART && w->mutant < MUT_LEASE_REPLY)
		storage_weather(w);
	switch (w->mutant) {
	case MUT_COUNT_OLD:
		k->durable = true;
		k->loss = 200000;
		k->fault_every = 60 * MS;
		break;
	case MUT_SKIP_HASH:
		k->loss = 0;
		k->slow = 0;
		k->op_every = 500 * US;
		k->read_share = 0;
		break;
	case MUT_OLD_VOTES:
		k->members = 5;
		k->slow = 400000;
		k->slow_max = 700 * MS;
		k->fault_every = 200 * MS;
		k->op_every = 50 * MS;
		k->early_faults = true;
		break;
	case MUT_STALE_ECHO:
		k->slow = 200000;
		k->slow_max = 900 * MS;
		k->dup = 300000;
		k->read_share = 700000;
		k->fault_every = 100 * MS;
		break;
	case MUT_NO_ROUND:
		/* Leaders that stop, and wake up deposed; leases not much longer. */
		k->members = 5;
		k->ttl_ms = 100;
		k->fault_every = 60 * MS;
		k->loss = 0;
		k->slow = 0;
		k->disk_max = 20 * US;
		k->hang = 0;
		k->broken = 0;
		k->rot = 0;
		break;
	default:
		break;
	}
}
