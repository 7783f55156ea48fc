// SPDX-License-Identifier: GPL-2.0
/*
 * What the nodes do while exhaust.c cuts the power of one of them. In a process in
 * which it was cut, all of it goes on as soon as the node is back.
 */
#include "exhaust.h"

static void pass(struct world *w, u64 ms)
{
	world_until(w, w->now + ms * MS);
}

static struct node *up(struct world *w, u8 slot)
{
	struct node *n = &w->node[slot];
	int i;

	for (i = 0; i < 100 && !n->alive; i++)
		pass(w, 1);
	return n->alive ? n : NULL;
}

/* @count programs on a node add, at once: the same, or each not as the one before. */
static void ask(struct world *w, u8 slot, u32 count, bool same)
{
	struct node *n = up(w, slot);

	while (n && count--)
		work_request(n, FSM_COUNTER_ADD, 0, 0, same ? 1 : 1 + (count & 1));
	if (n)
		node_drain(n);
}

/* Each in an entry of its own. */
static void add(struct world *w, u8 slot, u32 count)
{
	ask(w, slot, count, false);
}

static void isolate(struct world *w, u8 slot, bool cut_off)
{
	u32 i;

	for (i = 0; i < w->n_slots; i++) {
		w->cut[slot][i] = cut_off;
		w->cut[i][slot] = cut_off;
	}
}

/* Plain appends: one, three, and many in one group. */
static void appends(struct world *w, u8 victim)
{
	add(w, 0, 1);
	pass(w, 50);
	exhaust_begin(victim);
	add(w, 0, 1);
	pass(w, 20);
	add(w, 0, 3);
	pass(w, 20);
	add(w, 0, 24);
	pass(w, 40);
}

static void append_leads(struct world *w)
{
	appends(w, 0);
}

static void append_follows(struct world *w)
{
	appends(w, 1);
}

/* Runs: the leader's own, and forwarded ones; of one entry, and of two. */
static void runs(struct world *w)
{
	add(w, 0, 1);
	pass(w, 50);
	exhaust_begin(0);
	ask(w, 0, 24, true);
	ask(w, 1, 24, true);
	pass(w, 20);
	ask(w, 1, 300, true);
	pass(w, 40);
}

static u8 leader_of(const struct world *w)
{
	u8 i, best = 0;

	for (i = 0; i < w->n_slots; i++)
		if (w->node[i].alive && w->node[i].role == RAFT_LEADER &&
		    w->node[i].term >= w->node[best].term)
			best = i;
	return best;
}

/* Elections: who leads is cut off, twice; the victim votes, or stands. */
static void votes(struct world *w)
{
	u8 i, leader;

	add(w, 0, 1);
	pass(w, 50);
	exhaust_begin(1);
	for (i = 0; i < 2; i++) {
		leader = leader_of(w);
		isolate(w, leader, true);
		pass(w, 800);
		add(w, leader_of(w), 1);
		pass(w, 50);
		isolate(w, leader, false);
		pass(w, 100);
	}
}

/* A leader that was cut off has a suffix that another's replaces. */
static void suffix(struct world *w)
{
	add(w, 0, 1);
	pass(w, 50);
	isolate(w, 0, true);
	add(w, 0, 20);
	pass(w, 600);
	add(w, 1, 12);
	add(w, 2, 1);
	pass(w, 600);
	exhaust_begin(0);
	isolate(w, 0, false);
	pass(w, 200);
}

/* A group that ends at the ring's beginning. */
static void wrap(struct world *w)
{
	struct node *n = &w->node[0];
	const struct record_ring *r = &n->s->wal.ring;

	while (r->head % r->sectors < r->sectors - 3) {
		add(w, 0, 1);
		pass(w, 5);
	}
	exhaust_begin(0);
	add(w, 0, 20);
	pass(w, 20);
	add(w, 0, 20);
	pass(w, 20);
	add(w, 0, 20);
	pass(w, 20);
}

static void own(struct world *w, u8 victim)
{
	struct node *n;

	add(w, 0, 3);
	pass(w, 50);
	exhaust_begin(victim);
	n = up(w, victim);
	if (n) {
		snap_make(n, true, false);
		node_drain(n);
	}
	add(w, 0, 1);
	pass(w, 20);
	n = up(w, victim);
	if (n) {
		snap_make(n, true, false);
		node_drain(n);
	}
	pass(w, 20);
}

static void own_leads(struct world *w)
{
	own(w, 0);
}

static void own_follows(struct world *w)
{
	own(w, 1);
}

/* What the victim missed is no longer in anybody's log. */
static void missed(struct world *w, u8 victim)
{
	u32 i;

	for (i = 0; i < 30; i++) {
		add(w, 2, 2);
		pass(w, 20);
	}
	pass(w, 500);
	add(w, 2, 2);
	pass(w, 100);
	exhaust_begin(victim);
	isolate(w, victim, false);
	pass(w, 300);
	add(w, 2, 1);
	pass(w, 50);
}

static void install(struct world *w)
{
	add(w, 0, 1);
	pass(w, 50);
	isolate(w, 1, true);
	missed(w, 1);
}

/* The same, and its own log goes another way. */
static void install_over(struct world *w)
{
	add(w, 0, 1);
	pass(w, 50);
	isolate(w, 0, true);
	add(w, 0, 5);
	pass(w, 20);
	add(w, 0, 5);
	pass(w, 600);
	missed(w, 0);
}

static bool all_of_it(void *ctx, u32 i)
{
	return true;
}

static void fall(struct world *w, u8 victim)
{
	struct node *n = up(w, victim);

	storage_cut(n, all_of_it, NULL);
	node_crash(n);
}

/* Two starts. */
static void starts(struct world *w)
{
	add(w, 0, 2);
	pass(w, 50);
	exhaust_begin(0);
	fall(w, 0);
	world_return(&w->node[0]);
	pass(w, 20);
	add(w, 0, 1);
	pass(w, 20);
	if (w->node[0].alive) {
		fall(w, 0);
		world_return(&w->node[0]);
	}
	pass(w, 20);
}

/* The last group rots: doubt comes, stays over starts, and goes. */
static void doubt(struct world *w)
{
	struct node *n = &w->node[1];
	const struct record_layout *y = &n->s->keep.super.layout;
	u64 sector;

	add(w, 0, 2);
	pass(w, 50);
	fall(w, 1);
	sector = y->ring + n->s->tail_at * RECORD_SECTOR;
	disk_flip(&n->s->d, sector + 60, 4);
	exhaust_begin(1);
	world_return(n);
	pass(w, 100);
	add(w, 0, 1);
	pass(w, 100);
}

/*
 * The last group brought a vote, and one of its sectors rots: the other one still
 * tells of the vote, until the next group is written over it.
 */
static void doubt_vote(struct world *w)
{
	struct node *n = NULL;
	int i;

	add(w, 0, 2);
	pass(w, 50);
	isolate(w, 0, true);
	for (i = 0; i < 100000 && !n; i++) {
		world_until(w, w->now + 10 * US);
		if (w->node[1].st.hard.term > w->node[0].term)
			n = &w->node[1];
		else if (w->node[2].st.hard.term > w->node[0].term)
			n = &w->node[2];
	}
	fall(w, n->slot);
	disk_flip(&n->s->d, n->s->keep.super.layout.ring +
		  n->s->tail_at * RECORD_SECTOR + 60, 4);
	exhaust_begin(n->slot);
	isolate(w, 0, false);
	world_return(n);
	pass(w, 100);
	add(w, 0, 1);
	pass(w, 100);
}

const struct workload workloads[] = {
	{ "appends, one node", append_leads, 1, 2 },
	{ "appends, a leader of three", append_leads, 3, 2 },
	{ "appends, a follower", append_follows, 3, 2 },
	{ "runs", runs, 3, 2 },
	{ "votes", votes, 3, 2 },
	{ "a suffix replaced", suffix, 3, 2 },
	{ "the ring's end", wrap, 1, 2, 2030 },
	{ "own snapshots, one node", own_leads, 1, 2 },
	{ "own snapshots, a follower", own_follows, 3, 2 },
	{ "a snapshot installed", install, 3, 2 },
	{ "a snapshot installed over another history", install_over, 3, 2 },
	{ "starts", starts, 1, 2 },
	{ "doubt", doubt, 3, 2 },
	{ "doubt of a vote", doubt_vote, 3, 2 },
};

const u32 n_workloads = ARRAY_SIZE(workloads);
