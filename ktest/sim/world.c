// SPDX-License-Identifier: GPL-2.0
/* A life: time, the queue of events, what becomes of each, faults. */
#include "sim.h"

enum event_type {
	EV_DELIVER,
	EV_TICK,
	EV_PERSISTED,
	EV_SNAP_STORED,
	EV_DISK,
	EV_POWER,
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

/* A step of the WAL thread or of the keeper takes its time, or hangs. */
static void sim_disk(struct world *w, struct node *n, enum disk_who who,
		     enum disk_step step)
{
	u64 at = w->now + 1 + rng_below(&w->rng, 20 * US);
	u32 hang = who == DISK_KEEP ? w->k.hang_keep : w->k.hang;

	if (step == DISK_FLUSH)
		at = w->now + rng_range(&w->rng, w->k.disk_min, w->k.disk_max);
	if (rng_hit(&w->rng, hang)) {
		at += rng_range(&w->rng, 500 * MS, 4000 * MS);
		w->stat.hung++;
	}
	push(w, at, EV_DISK, n, (void *)(uintptr_t)(who + DISK_ACTORS * step));
}

/* Durable; the node hears of it some time later, or together with the next. */
static void sim_report(struct world *w, struct node *n, u64 seq)
{
	u64 at = w->now + rng_below(&w->rng, 50 * US);

	if (rng_hit(&w->rng, w->k.disk_silent) && !w->healed)
		at += 20 * MS;
	push(w, at, EV_PERSISTED, n, (void *)(uintptr_t)seq);
}

/*
 * Of what was unstable survives all, or nothing, or each sector by chance; or the
 * power stays on, only the node dies, and what is unstable stays so.
 */
static bool coin(void *ctx, u32 i)
{
	struct world *w = ctx;

	return w->mood < 2 ? w->mood : rng_next(&w->rng) & 1;
}

static void cut_power(struct world *w, struct node *n, bool failed)
{
	w->mood = rng_below(&w->rng, 8);
	storage_cut(n, w->mood == 2 && !failed ? NULL : coin, w);
}

static bool sim_cut(struct world *w, struct node *n)
{
	if (w->boundary && w->boundary(w, n))
		return true;
	if (w->healed || !rng_hit(&w->rng, w->k.cut_again))
		return false;
	cut_power(w, n, false);
	return true;
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
	.disk = sim_disk,
	.report = sim_report,
	.cut = sim_cut,
};

/* ----------------------------------------------------------------- faults */

static struct node *some_node(struct world *w)
{
	return &w->node[rng_below(&w->rng, w->n_slots)];
}

void world_crash(struct world *w, struct node *n)
{
	bool failed;

	if (rng_hit(&w->rng, 200000)) {
		n->stopping = true;
		work_end(n, false);
		n->stopping = false;
	}
	failed = n->broken;
	node_crash(n);
	w->stat.crashes++;
	if (n->s)
		cut_power(w, n, failed);
	if (n->s && !n->s->d.n_list && rng_hit(&w->rng, w->k.rot) &&
	    may_rot(w, n))
		storage_rot(n);
	if (!w->k.durable && !majority_lives(w) && w->g.lost_at == ~0ULL)
		w->g.lost_at = w->now;
	push(w, w->now + rng_below(&w->rng, 1000 * MS), EV_RESTART, n, NULL);
}

void world_return(struct node *n)
{
	struct world *w = n->w;

	n->paused = false;
	clock_go_on(n);
	node_return(n);
	if (!n->alive) {
		if (!is_lost(n))
			push(w, w->now + MS, EV_RESTART, n, NULL);
		return;
	}
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

/* A machine does not run: it was suspended, or its clock stands still with it. */
static void pause(struct world *w, struct node *n, bool clock)
{
	if (!n->alive || n->paused)
		return;
	n->paused = true;
	n->paused_until = w->now + rng_below(&w->rng, w->k.stop_max);
	if (clock)
		clock_stop(n);
	trace(w, "%s is paused%s", n->name, clock ? ", with its clock" : "");
}

static void fault(struct world *w)
{
	struct node *n = some_node(w);

	if (!w->g.commit && !w->k.early_faults)
		return;
	switch (rng_below(&w->rng, w->k.leases ? 11 : 9)) {
	case 0:
	case 1:
		if (n->alive && may_crash(w, n))
			world_crash(w, n);
		break;
	case 2:
	case 3:
		cut_links(w);
		break;
	case 4:
		memset(w->cut, 0, sizeof(w->cut));
		break;
	case 5:
		pause(w, n, false);
		break;
	case 6:
		if (n->alive && w->k.drift)
			clock_drift(n);
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
	case 9:
		pause(w, n, true);
		break;
	case 10:
		if (n->alive && w->k.jumps) {
			clock_jump(n, rng_below(&w->rng, 2 * n->ttl_ms * MS));
			w->ops->deadline(w, n);
		}
		break;
	}
}

/* ------------------------------------------------------------------- life */

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
		while (!w->node[i].alive)
			node_start(&w->node[i]);
		if (!w->node[i].member)
			push(w, rng_below(&w->rng, 2000 * MS), EV_HELLO,
			     &w->node[i], NULL);
	}
	node_bootstrap(&w->node[0], &c);
	if (w->k.op_every)
		push(w, MS, EV_OP, NULL, NULL);
	if (w->k.fault_every)
		push(w, MS, EV_FAULT, NULL, NULL);
}

static void op_event(struct world *w)
{
	struct node *n = some_node(w);
	u64 gap = w->k.op_every;

	if (n->alive && !n->paused && !n->broken)
		work_op(w, n);
	push(w, w->now + 1 + rng_below(&w->rng, 2 * gap), EV_OP, NULL, NULL);
}

static void persisted(struct node *n, u64 seq)
{
	struct world *w = n->w;

	if (seq <= n->st.reported)
		return;		/* reported with a later one */
	node_persisted(n, seq);
	if (w->boundary && w->boundary(w, n)) {
		node_crash(n);
		push(w, w->now + MS, EV_RESTART, n, NULL);
	}
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

static void disk_event(struct node *n, u32 what)
{
	enum disk_step step = what / DISK_ACTORS;
	struct world *w = n->w;

	if (rng_hit(&w->rng, w->k.broken) && !w->healed && !n->broken) {
		if (w->mutant == MUT_RETRY_FLUSH && step == DISK_FLUSH) {
			disk_forget(&n->s->d);
		} else {
			storage_broke(n);
			push(w, w->now + rng_below(&w->rng, 1000 * MS), EV_POWER,
			     n, NULL);
			return;
		}
	}
	storage_step(n, what % DISK_ACTORS, step);
	if (w->boundary && w->boundary(w, n)) {
		node_crash(n);
		push(w, w->now + MS, EV_RESTART, n, NULL);
	}
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
	case EV_DISK:
		w->counted--;
		disk_event(n, (uintptr_t)e->p);
		break;
	case EV_POWER:
		world_crash(w, n);
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
			world_return(n);
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
		clock_go_on(n);
	}
	if (n->alive)
		on_node(w, &e, n);
	if (e.type == EV_DELIVER)
		msg_put(w, e.p);
}

void world_until(struct world *w, u64 until)
{
	while (w->n_heap && w->heap[0].at <= until)
		step(w);
	w->now = until;
}

/* Nothing more happens. */
void world_stop(struct world *w)
{
	u32 i;

	for (i = 0; i < w->n_heap; i++)
		if (w->heap[i].type == EV_DELIVER)
			msg_put(w, w->heap[i].p);
	w->n_heap = 0;
}

/* A world that has begun; @draw: with weather by its seed. */
void world_begin(struct world *w, bool draw)
{
	world_init(w, w->seed, &ops);
	if (draw) {
		world_draw(w);
		mutant_weather(w);
		mutant_lock_weather(w);
	}
	ghost_init(w);
	form(w);
}

void world_run(struct world *w, u64 events)
{
	world_begin(w, true);
	while (w->counted < events && w->n_heap)
		step(w);
	world_end(w);
	world_stop(w);
}
