// SPDX-License-Identifier: GPL-2.0
/*
 * A leader that is told to go hands leadership on first (thesis 3.10), so that nobody
 * has to wait until it is missed: one round instead of an election timeout.
 */
#include <linux/delay.h>
#include <linux/sched/signal.h>

#include "node.h"

enum {
	CNS_HANDOVER_LOOK_US = 100,	/* how often: about the time of a round */
	CNS_HANDOVER_HEARTBEATS = 2,	/* how long: many rounds, and a durable vote */
};

/**
 * struct cns_handover - asked by who waits, told by the owner
 * @begun: somebody was asked to stand
 * @over: another leads, or nobody will take over from this node
 */
struct cns_handover {
	bool begun;
	bool over;
};

static void cns_handover_begin(struct cns_node *n, void *arg)
{
	struct cns_handover *h = arg;

	h->begun = !n->stopped && !n->loading && !raft_failed(n->raft) &&
		   !raft_transfer(n->raft, n->now, RAFT_NOBODY);
}

/* A successor that is known is led by already; its first entry need not be there. */
static void cns_handover_look(struct cns_node *n, void *arg)
{
	struct cns_handover *h = arg;

	h->over = n->stopped || raft_failed(n->raft) ||
		  (raft_role(n->raft) != RAFT_LEADER &&
		   raft_id_some(raft_leader(n->raft)));
}

/**
 * cns_hand_over() - let another node lead, if this one does
 * @n: node
 *
 * Leadership goes to the voter that has most of the log, of those that answered
 * lately. If there is none, or it does not take over within two heartbeats, as it has
 * just gone itself, then the others find out by themselves. Sleeps for so long at most;
 * a fatal signal ends that.
 */
void cns_hand_over(struct cns_node *n)
{
	struct cns_handover h = {};
	u64 until;

	cns_node_call(n, cns_handover_begin, &h);
	if (!h.begun)
		return;
	until = cns_now() + CNS_HANDOVER_HEARTBEATS * n->params.heartbeat_ns;
	do {
		usleep_range(CNS_HANDOVER_LOOK_US / 2, CNS_HANDOVER_LOOK_US);
		cns_node_call(n, cns_handover_look, &h);
	} while (!h.over && cns_now() < until && !fatal_signal_pending(current));
}
