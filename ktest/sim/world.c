// SPDX-License-Identifier: GPL-2.0
/*
 * A life: knobs drawn from the seed, time, the queue of events, faults, and at
 * the end healing, after which progress is demanded.
 */
#include "sim.h"

enum event_type {
	EV_DELIVER,
	EV_TICK,
	EV_PERSISTED,
	EV_SNAP_STORED,
	EV_OP,
	EV_FAULT,
	EV_RESTART,
	EV_HELLO,
};

/* ----------------------------------------------------------- event queue */

static bool before(const struct event *a, const struct event *b)
{
	return a->at < b->at || (a->at == b->at && a->no < b->no);
}

static void push(struct world *w, u64 at, u8 type, struct node *n, void *p)
{
	struct event e = {
		.at = at, .no = ++w->event_no, .p = p, .type = type,
		.slot = n ? n->slot : 0, .gen = n ? n->gen : 0,
	};
	u32 i = w->n_heap++;

	if (i == w->cap_heap) {
		w->cap_heap = w->cap_heap ? 2 * w->cap_heap : 1024;
		w->heap = realloc(w->heap, w->cap_heap * sizeof(*w->heap));
		if (!w->heap)
			exit(2);
	}
	for (; i && before(&e, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = e;
}

static struct event pop(struct world *w)
{
	struct event top = w->heap[0], last = w->heap[--w->n_heap];
	u32 i = 0, c;

	while ((c = 2 * i + 1) < w->n_heap) {
		if (c + 1 < w->n_heap && before(&w->heap[c + 1], &w->heap[c]))
			c++;
		if (!before(&w->heap[c], &last))
			break;
		w->heap[i] = w->heap[c];
		i = c;
	}
	w->heap[i] = last;
	return top;
}

/* ------------------------------------------------------------- operations */

static void sim_send(struct world *w, struct msg *m)
{
	struct knobs *k = &w->k;
	u32 copies = 1 + rng_hit(&w->rng, k->dup);

	w->stat.bytes_sent += m->len;
	if (w->cut[m->from][m->to] || rng_hit(&w->rng, k->loss))
		copies--;
	while (copies--) {
		u64 d = rng_range(&w->rng, k->delay_min, k->delay_max);

		if (rng_hit(&w->rng, k->slow))
			d += rng_below(&w->rng, k->slow_max);
		push(w, w->now + d, EV_DELIVER, &w->node[m->to], msg_get(m));
	}
	msg_put(w, m);
}

static u64 disk_time(struct node *n)
{
	struct world *w = n->w;
	struct store *s = &n->st;
	u64 at = w->now + rng_range(&w->rng, w->k.disk_min, w->k.disk_max);

	if (at <= s->busy_until)
		at = s->busy_until + 1;
	return s->busy_until = at;
}

static void sim_written(struct world *w, struct node *n, struct write *wr)
{
	/* A later one may report this one with it. */
	if (rng_hit(&w->rng, w->k.disk_silent) && !w->healed) {
		push(w, disk_time(n) + 20 * MS, EV_PERSISTED, n,
		     (void *)(uintptr_t)wr->seq);
		return;
	}
	push(w, disk_time(n), EV_PERSISTED, n, (void *)(uintptr_t)wr->seq);
}

static void sim_snap_written(struct world *w, struct node *n)
{
	push(w, disk_time(n), EV_SNAP_STORED, n, NULL);
}

static void sim_deadline(struct world *w, struct node *n)
{
	u64 at = node_to_global(n, n->deadline);

	if (at <= w->now)
		at = w->now + 1;
	if (!w->healed)
		at += rng_below(&w->rng, MS);
	if (n->tick_at && n->tick_at <= at)
		return;
	n->tick_at = at;
	push(w, at, EV_TICK, n, NULL);
}

static const struct sim_ops ops = {
	.send = sim_send,
	.written = sim_written,
	.snap_written = sim_snap_written,
	.deadline = sim_deadline,
};

/* ----------------------------------------------------------------- faults */

static struct node *some_node(struct world *w)
{
	return &w->node[rng_below(&w->rng, w->n_slots)];
}

static void crash(struct world *w, struct node *n)
{
	if (rng_hit(&w->rng, 200000)) {
		n->stopping = true;
		work_end(n, false);
		n->stopping = false;
	}
	node_crash(n);
	w->stat.crashes++;
	if (!w->k.durable && !majority_lives(w) && w->g.lost_at == ~0ULL)
		w->g.lost_at = w->now;
	push(w, w->now + rng_below(&w->rng, 1000 * MS), EV_RESTART, n, NULL);
}

static void come_back(struct node *n)
{
	struct world *w = n->w;

	n->paused = false;
	node_return(n);
	if (!n->member)
		push(w, w->now + MS, EV_HELLO, n, NULL);
}

static void cut_links(struct world *w)
{
	u32 i, j, kind = rng_below(&w->rng, 4);
	u8 side[SIM_SLOTS];

	memset(w->cut, 0, sizeof(w->cut));
	if (!kind)
		return;
	for (i = 0; i < w->n_slots; i++)
		side[i] = rng_next(&w->rng) & 1;
	for (i = 0; i < w->n_slots; i++)
		for (j = 0; j < w->n_slots; j++)
			w->cut[i][j] = kind == 1 ? side[i] != side[j] :
				       kind == 2 ? side[i] && !side[j] :
				       rng_hit(&w->rng, 250000);
	trace(w, "partition of kind %u", kind);
}

/* Some machines are to be left, most of the time, in most lives. */
static bool may_crash(struct world *w, struct node *n)
{
	u32 i, up = 0, members = 0;

	if (w->k.durable || !n->member)
		return true;
	for (i = 0; i < w->n_slots; i++) {
		members += w->node[i].was_member;
		up += w->node[i].member && w->node[i].alive;
	}
	return 2 * (up - 1) > members || rng_hit(&w->rng, w->k.doom);
}

static void fault(struct world *w)
{
	struct node *n = some_node(w);

	if (!w->g.commit && !w->k.early_faults)
		return;
	switch (rng_below(&w->rng, 9)) {
	case 0:
	case 1:
		if (n->alive && may_crash(w, n))
			crash(w, n);
		break;
	case 2:
	case 3:
		cut_links(w);
		break;
	case 4:
		memset(w->cut, 0, sizeof(w->cut));
		break;
	case 5:
		if (n->alive) {
			n->paused = true;
			n->paused_until = w->now + rng_below(&w->rng, 800 * MS);
		}
		break;
	case 6:
		if (n->alive && w->k.drift)
			node_set_rate(n, 1024 - w->k.drift +
				      rng_below(&w->rng, 2 * w->k.drift + 1));
		break;
	case 7:
		if (n->alive && n->role == RAFT_LEADER && !n->paused) {
			raft_transfer(n->r, node_now(n), some_node(w)->id);
			node_drain(n);
		}
		break;
	case 8:
		if (n->alive && !n->paused) {
			raft_campaign(n->r, node_now(n));
			node_drain(n);
		}
		break;
	}
}

/* ------------------------------------------------------------------- life */

static u32 one_of(struct rng *g, u32 a, u32 b, u32 c, u32 d)
{
	u32 v[] = { a, b, c, d };

	return v[rng_below(g, 4)];
}

static void draw_network(struct world *w)
{
	struct knobs *k = &w->k;
	struct rng *g = &w->rng;

	k->loss = one_of(g, 0, 10000, 100000, 300000);
	k->dup = one_of(g, 0, 10000, 100000, 300000);
	k->slow = one_of(g, 0, 0, 20000, 200000);
	k->slow_max = one_of(g, 20, 100, 400, 900) * MS;
	k->delay_min = 20 * US;
	k->delay_max = one_of(g, 100, 500, 3000, 20000) * US;
	k->disk_min = 5 * US;
	k->disk_max = one_of(g, 20, 500, 5000, 60000) * US;
	k->disk_silent = one_of(g, 0, 0, 100000, 400000);
	k->old_boots = rng_next(g) & 1;
#ifdef SIM_WIRE
	k->wire = !rng_below(g, 4);
#endif
}

static void draw(struct world *w)
{
	struct knobs *k = &w->k;
	struct rng *g = &w->rng;

	draw_network(w);
	if (!k->members)
		k->members = rng_hit(g, 50000) ? one_of(g, 1, 2, 7, 4) :
			     one_of(g, 3, 3, 3, 5);
	k->joiners = one_of(g, 0, 0, 1, 2);
	if (!k->storage_given)
		k->durable = rng_next(g) & 1;
	k->op_every = one_of(g, 500, 3000, 10000, 40000) * US;
	k->fault_every = one_of(g, 30, 100, 400, 1500) * MS;
	if (k->fault_every < 10 * k->op_every)
		k->fault_every = 10 * k->op_every;
	k->read_share = one_of(g, 0, 100000, 300000, 700000);
	k->cancel_share = one_of(g, 0, 20000, 100000, 300000);
	k->close_share = one_of(g, 0, 10000, 50000, 200000);
	k->n_slots = one_of(g, 256, 256, 512, 1024);
	k->n_bytes = one_of(g, 1 << 14, 1 << 15, 1 << 16, 1 << 17);
	k->batch = one_of(g, 1036, 1100, 1144, 1144);
	k->compact_at = k->n_slots / one_of(g, 4, 8, 16, 64);
	if (k->compact_at > k->n_bytes / 256)
		k->compact_at = k->n_bytes / 256;
	k->drift = one_of(g, 0, 1, 50, 200);
	k->early_faults = !rng_below(g, 8);
	k->lazy_memory = !rng_below(g, 4);
	k->objects_max = rng_below(g, 4) ? 1 << 20 : 3;
	k->doom = one_of(g, 0, 0, 0, 100000);
	w->snap_budget = one_of(g, 1, 1, 3, ~0U);
}

static void form(struct world *w)
{
	struct raft_config c = { 0 };
	u32 i;

	for (i = 0; i < w->k.members + w->k.joiners; i++) {
		node_create(w, i);
		w->node[i].member = i < w->k.members;
		w->node[i].was_member = i < w->k.members;
	}
	for (i = 0; i < w->k.members; i++)
		c.member[i] = w->node[i].id;
	c.n = w->k.members;
	c.n_voters = w->k.members;
	for (i = 0; i < w->n_slots; i++) {
		node_start(&w->node[i]);
		if (!w->node[i].member)
			push(w, rng_below(&w->rng, 2000 * MS), EV_HELLO,
			     &w->node[i], NULL);
	}
	node_bootstrap(&w->node[0], &c);
	push(w, MS, EV_OP, NULL, NULL);
	push(w, MS, EV_FAULT, NULL, NULL);
}

static void op_event(struct world *w)
{
	struct node *n = some_node(w);
	u64 gap = w->k.op_every;

	if (n->alive && !n->paused)
		work_op(w, n);
	push(w, w->now + 1 + rng_below(&w->rng, 2 * gap), EV_OP, NULL, NULL);
}

static void persisted(struct node *n, u64 seq)
{
	if (seq <= n->st.reported)
		return;		/* reported with a later one */
	node_persisted(n, seq);
}

static void hello_event(struct node *n)
{
	struct world *w = n->w;

	if (n->member)
		return;
	if (n->alive && !n->paused)
		node_hello(n);
	push(w, w->now + rng_range(&w->rng, 20 * MS, 100 * MS), EV_HELLO, n,
	     NULL);
}

static void on_node(struct world *w, const struct event *e, struct node *n)
{
	w->counted++;
	switch (e->type) {
	case EV_DELIVER:
		node_deliver(n, e->p);
		break;
	case EV_TICK:
		if (n->tick_at != e->at) {
			w->counted--;
			return;
		}
		n->tick_at = 0;
		if (node_now(n) < n->deadline) {
			w->counted--;
			w->ops->deadline(w, n);
			return;
		}
		node_tick(n);
		break;
	case EV_PERSISTED:
		persisted(n, (uintptr_t)e->p);
		break;
	case EV_SNAP_STORED:
		snap_stored(n);
		break;
	case EV_HELLO:
		w->counted--;
		hello_event(n);
		break;
	}
	if (n->alive && !(w->counted & 1023))
		check_node(n);
}

static void step(struct world *w)
{
	struct event e = pop(w);
	struct node *n = &w->node[e.slot];

	w->now = e.at;
	if ((e.type == EV_OP || e.type == EV_FAULT) && w->healed)
		return;
	if (e.type == EV_OP) {
		op_event(w);
		return;
	}
	if (e.type == EV_FAULT) {
		fault(w);
		push(w, w->now + 1 + rng_below(&w->rng, 2 * w->k.fault_every),
		     EV_FAULT, NULL, NULL);
		return;
	}
	if (e.type == EV_RESTART) {
		if (!n->alive)
			come_back(n);
		return;
	}
	if (e.type != EV_DELIVER && e.gen != n->gen)
		return;		/* of a start before */
	if (n->alive && n->paused) {
		if (w->now < n->paused_until) {
			e.at = n->paused_until;
			if (e.type == EV_TICK)
				n->tick_at = e.at;
			push(w, e.at, e.type, n, e.p);
			return;
		}
		n->paused = false;
	}
	if (n->alive)
		on_node(w, &e, n);
	if (e.type == EV_DELIVER)
		msg_put(w, e.p);
}

/* ---------------------------------------------------------------- healing */

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
	memset(w->cut, 0, sizeof(w->cut));
	for (i = 0; i < w->n_slots; i++) {
		struct node *n = &w->node[i];

		if (!n->alive)
			come_back(n);
		n->paused = false;
		node_set_rate(n, 1024);
		snap_feed_all(n);
	}
}

/* What is not yet as it should be, or NULL. */
static const char *missing(struct world *w, struct node **who)
{
	struct node *leader = NULL;
	u32 i;

	*who = NULL;
	for (i = 0; i < w->n_slots; i++)
		if (w->node[i].role == RAFT_LEADER &&
		    (!leader || w->node[i].term > leader->term))
			leader = &w->node[i];
	if (!leader)
		return "there is no leader";
	for (i = 0; i < w->n_slots; i++) {
		struct node *n = *who = &w->node[i];
		u32 r;

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
	return NULL;
}

static void run_until(struct world *w, u64 until)
{
	while (w->n_heap && w->heap[0].at <= until)
		step(w);
	w->now = until;
}

static void demand(struct world *w, const char *when, u64 limit)
{
	u64 end = w->now + limit;
	const char *what;
	struct node *n;

	do {
		run_until(w, w->now + 100 * MS);
		what = missing(w, &n);
	} while (what && w->now < end);
	if (what)
		sim_fail(w, "progress", "%s: %s%s%s %llu ms %s (leader %s, applied %llu, committed %llu)",
			 "liveness", n ? n->name : "", n ? " " : "", what,
			 limit / MS, when,
			 n && node_by_id(w, n->leader) ?
			 node_by_id(w, n->leader)->name : "unknown",
			 n ? n->applied : 0, w->g.commit);
}

/* Each node's programs ask once more, and all must be answered well. */
static void ask_all(struct world *w)
{
	struct req *q[SIM_SLOTS];
	u32 i;

	for (i = 0; i < w->n_slots; i++) {
		q[i] = work_request(&w->node[i], FSM_COUNTER_ADD, 0, 0, 1);
		work_read(&w->node[i], READ_LINEARIZABLE, 0, 0);
		node_drain(&w->node[i]);
	}
	demand(w, "after a last request on each", 10000 * MS);
	for (i = 0; i < w->n_slots; i++)
		if (!q[i]->answered || (q[i]->status &&
					q[i]->status != -ENOSPC))
			sim_fail(w, "progress", "%s: last request: %d",
				 w->node[i].name, q[i]->status);
}

static void end_of_life(struct world *w)
{
	u32 i;

	heal(w);
	if (majority_lives(w) && w->g.commit) {
		demand(w, "after healing", 20000 * MS);
		ask_all(w);
	} else {
		for (i = 0; i < w->n_slots; i++) {
			work_request(&w->node[i], FSM_COUNTER_ADD, 0, 0, 1);
			work_read(&w->node[i], READ_LINEARIZABLE, 0, 0);
			node_drain(&w->node[i]);
		}
		run_until(w, w->now + 3000 * MS);
	}
	for (i = 0; i < w->n_slots; i++)
		check_node(&w->node[i]);
}

static void drop_events(struct world *w)
{
	u32 i;

	for (i = 0; i < w->n_heap; i++)
		if (w->heap[i].type == EV_DELIVER)
			msg_put(w, w->heap[i].p);
	w->n_heap = 0;
}

void world_run(struct world *w, u64 events)
{
	world_init(w, w->seed, &ops);
	draw(w);
	mutant_weather(w);
	ghost_init(w);
	form(w);
	while (w->counted < events && w->n_heap)
		step(w);
	end_of_life(w);
	drop_events(w);
}
