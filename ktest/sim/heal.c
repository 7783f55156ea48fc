// SPDX-License-Identifier: GPL-2.0
/* The end of a life: everything is healed, then progress is demanded. */
#include "sim.h"

static void heal(struct world *w)
{
	u32 i;

	trace(w, "everything is healed");
	w->healed = true;
	w->k.loss = 0;
	w->k.dup = 0;
	w->k.slow = 0;
	w->k.delay_max = 500 * US;
	w->k.disk_max = 500 * US;
	w->k.lazy_memory = false;
	w->k.hang = 0;
	w->k.hang_keep = 0;
	w->k.broken = 0;
	memset(w->cut, 0, sizeof(w->cut));
	for (i = 0; i < w->n_slots; i++) {
		struct node *n = &w->node[i];

		if (n->broken)
			world_crash(w, n);
		if (!n->alive && !is_lost(n))
			world_return(n);
		n->paused = false;
		clock_go_on(n);
		if (!n->alive)
			continue;
		clock_rate(n, CLOCK_ONE);
		snap_feed_all(n);
	}
}

/* What is not yet as it should be with locks, or NULL. */
static const char *unlocked(struct world *w, struct node *leader,
			    struct node **who)
{
	const char *what;
	u32 i;

	for (i = 0; i < w->n_slots; i++) {
		*who = &w->node[i];
		what = is_lost(*who) ? NULL : forgotten(*who);
		if (what)
			return what;
	}
	*who = leader;
	return leaked(w, leader);
}

/* What is not yet as it should be, or NULL. */
static const char *missing(struct world *w, struct node **who)
{
	struct node *leader = NULL;
	u32 i, lost = 0;

	*who = NULL;
	for (i = 0; i < w->n_slots; i++)
		if (w->node[i].alive && w->node[i].role == RAFT_LEADER &&
		    (!leader || w->node[i].term > leader->term))
			leader = &w->node[i];
	if (!leader)
		return "there is no leader";
	for (i = 0; i < w->n_slots; i++) {
		struct node *n = *who = &w->node[i];
		u32 r;

		lost += is_lost(n);
		if (is_lost(n))
			continue;
		if (!raft_id_eq(n->leader, leader->id))
			return "does not follow the leader";
		if (n->applied != leader->last)
			return "has not caught up";
		if (n->n_reqs || n->c.unresolved || n->c.queued)
			return "has unresolved requests";
		for (r = 0; r < SIM_READS; r++)
			if (n->reads[r].used)
				return "has unanswered reads";
	}
	for (i = 0; i < w->n_slots && !lost; i++) {
		struct node *n = *who = &w->node[i];

		if (n->s && n->s->doubt != RAFT_SURE)
			return "is still in doubt of its storage";
	}
	return w->k.leases ? unlocked(w, leader, who) : NULL;
}

static void demand(struct world *w, const char *when, u64 limit)
{
	u64 end = w->now + limit;
	const char *what;
	struct node *n;

	do {
		world_until(w, w->now + 100 * MS);
		what = missing(w, &n);
	} while (what && w->now < end);
	if (what)
		sim_fail(w, "progress",
			 "%s: %s%s%s %llu ms %s (leader %s, applied %llu, committed %llu)",
			 "liveness", n ? n->name : "", n ? " " : "", what,
			 limit / MS, when,
			 n && node_by_id(w, n->leader) ?
			 node_by_id(w, n->leader)->name : "unknown",
			 n ? n->applied : 0, w->g.commit);
}

/* Each node's programs ask once more, and all must be answered well. */
static void ask_all(struct world *w)
{
	struct req *q[SIM_SLOTS] = { NULL };
	u32 i;

	for (i = 0; i < w->n_slots; i++) {
		if (is_lost(&w->node[i]))
			continue;
		q[i] = work_request(&w->node[i], FSM_COUNTER_ADD, 0, 0, 1);
		work_read(&w->node[i], READ_LINEARIZABLE, 0, 0);
		node_drain(&w->node[i]);
	}
	demand(w, "after a last request on each", 10000 * MS);
	for (i = 0; i < w->n_slots; i++)
		if (q[i] && (!q[i]->answered ||
			     (q[i]->status && q[i]->status != -ENOSPC)))
			sim_fail(w, "progress", "%s: last request: %d",
				 w->node[i].name, q[i]->status);
}

/* A disk that hung before everything was healed may hang on for some seconds. */
static void calm_down(struct world *w)
{
	u64 end = w->now + 10000 * MS;
	bool busy = true;
	u32 i;

	while (busy && w->now < end) {
		busy = false;
		for (i = 0; i < w->n_slots; i++) {
			const struct storage *s = w->node[i].s;

			busy |= s && w->node[i].alive &&
				(s->keep.job || s->wal.flying);
		}
		if (busy)
			world_until(w, w->now + 50 * MS);
	}
}

/*
 * Programs come to their ends: each node's asks for the same lock, all give back what
 * they have, or get yet; and in calm weather nobody loses anything.
 */
static void finish_locks(struct world *w)
{
	struct hold *last[SIM_SLOTS] = { NULL };
	u64 lost;
	u32 i;

	calm_down(w);
	lost = w->stat.lost;
	for (i = 0; i < w->n_slots; i++) {
		struct node *n = &w->node[i];

		if (is_lost(n))
			continue;
		n->handle[0].lost = 0;
		last[i] = lock_acquire(n, 0, 0, 0);
		n->finishing = true;
		node_drain(n);
	}
	demand(w, "after all give back their locks", 10000 * MS);
	for (i = 0; i < w->n_slots; i++)
		if (last[i] && !last[i]->over)
			sim_fail(w, "progress", "%s: its last acquire of %s has not come to its end",
				 w->node[i].name, lock_text(0));
	if (w->g.l.now.held || w->g.l.now.waiting)
		sim_fail(w, "progress", "%u claims are left when all is given back",
			 w->g.l.now.held + w->g.l.now.waiting);
	if (w->stat.lost != lost)
		sim_fail(w, "lease", "locks are lost in calm weather");
}

/*
 * The end of a life: everything is healed, and where a majority of the members
 * lives, progress is demanded; elsewhere nothing may be answered.
 */
void world_end(struct world *w)
{
	u32 i;

	heal(w);
	if (majority_lives(w) && w->g.commit) {
		demand(w, "after healing", (20000 + 4 * w->k.ttl_ms) * MS);
		ask_all(w);
		if (w->k.leases)
			finish_locks(w);
	} else {
		for (i = 0; i < w->n_slots; i++) {
			if (is_lost(&w->node[i]))
				continue;
			work_request(&w->node[i], FSM_COUNTER_ADD, 0, 0, 1);
			work_read(&w->node[i], READ_LINEARIZABLE, 0, 0);
			node_drain(&w->node[i]);
		}
		world_until(w, w->now + 3000 * MS);
	}
	for (i = 0; i < w->n_slots; i++)
		if (w->node[i].alive)
			check_node(&w->node[i]);
}
