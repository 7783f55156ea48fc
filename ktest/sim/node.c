// SPDX-License-Identifier: GPL-2.0
/*
 * The driver of one node: duty for duty as raft.h numbers them, in the way the
 * kernel's shell does it, with simulated time, wire and storage.
 */
#include "sim.h"

#define CHECK_EVERY 256		/* entries applied between two comparisons */
#define FULL_WAIT (5 * MS)	/* the leader's log was full */

struct node *node_by_id(struct world *w, struct raft_id id)
{
	unsigned int i;

	for (i = 0; i < w->n_slots; i++)
		if (w->node[i].exists && raft_id_eq(w->node[i].id, id))
			return &w->node[i];
	return NULL;
}

struct raft_id fresh_id(struct world *w, u8 slot)
{
	struct raft_id id = { rng_next(&w->rng) | 1, slot + 1 };

	return id;
}

void node_create(struct world *w, u8 slot)
{
	struct node *n = &w->node[slot];

	n->w = w;
	n->slot = slot;
	snprintf(n->name, sizeof(n->name), "n%u", slot + 1);
	n->exists = true;
	n->id = fresh_id(w, slot);
	clock_init(n);
	n->ttl_ms = w->k.ttl_ms;
	if (w->k.leases && w->k.ttl_ms < FSM_TTL_MAX_MS / 2)
		n->ttl_ms <<= rng_next(&w->rng) & 1;
	if (w->k.disk)
		storage_format(n);
	if (slot >= w->n_slots)
		w->n_slots = slot + 1;
}

static void restore(struct node *n)
{
	struct store *s = &n->st;
	u64 i;

	if (s->base || s->last)
		if (raft_restore(n->r, s->base, s->base_term,
				 s->blob ? &s->blob->snap.config : NULL))
			sim_fail(n->w, "restart", "%s: raft_restore()", n->name);
	for (i = s->base + 1; i <= s->last; i++) {
		struct gentry *g = store_at(s, i);
		struct raft_entry e = {
			.term = g->term, .data = g->data, .len = g->len,
			.kind = g->kind,
		};

		if (raft_restore_entry(n->r, &e))
			sim_fail(n->w, "restart", "%s: entry %llu of %llu",
				 n->name, i, s->last);
	}
	if (s->blob) {
		n->f = fsm_from(&s->blob->snap);
		if (!n->f)
			sim_fail(n->w, "restart", "%s: its snapshot at %llu",
				 n->name, s->base);
	}
	n->applied = s->base;
	n->applied_term = s->base_term;
}

static void params_of(struct node *n, struct raft_params *p)
{
	struct world *w = n->w;

	memset(p, 0, sizeof(*p));
	p->self = n->id;
	p->seed = rng_next(&w->rng);
	p->heartbeat_ns = 30 * MS;
	p->election_min_ns = 150 * MS;
	p->election_max_ns = 300 * MS;
	p->retransmit_min_ns = 5 * MS;
	p->batch_bytes = w->k.batch;
	p->log = n->mem;
	p->hard = n->s ? n->s->keep.super.hard : n->st.hard;
	p->memory = w->k.instant;
}

/* The core, in the state that it has before storage is read. */
static void boot(struct node *n)
{
	struct world *w = n->w;
	struct raft_params p;

	n->mem.n_slots = w->k.n_slots;
	n->mem.n_bytes = w->k.n_bytes;
	n->mem.slots = xcalloc(n->mem.n_slots, sizeof(*n->mem.slots));
	n->mem.bytes = xcalloc(n->mem.n_bytes, 1);
	params_of(n, &p);
	n->r = xcalloc(1, raft_size());
	if (raft_init(n->r, &p, node_now(n)))
		sim_fail(w, "restart", "%s: raft_init()", n->name);
	fsm_client_init(&n->c, n->id, n->boot_counter, n->boot_nonce, n->name,
			strlen(n->name), n->ttl_ms);
}

void node_start(struct node *n)
{
	struct world *w = n->w;

	n->alive = true;
	n->gen++;
	n->starts++;
	n->boot_counter++;
	n->boot_nonce = rng_next(&w->rng) | 1;
	clock_start(n);
	boot(n);
	work_start(n);
	if (!n->s) {
		restore(n);
	} else if (!recover(n)) {
		/* Refused for good, or to be tried again. */
		return;
	}
	if (!n->f)
		n->f = fsm_new();
	snap_feed_all(n);
	n->role = RAFT_FOLLOWER;
	n->term = raft_term(n->r);
	n->commit = raft_commit(n->r);
	n->last = n->st.last;
	n->leader = RAFT_NOBODY;
	n->deadline = 0;
	n->tick_at = 0;
	n->check_at = n->applied;
	memset(n->observed, 0, sizeof(n->observed));
	memset(n->doubted, 0, sizeof(n->doubted));
	check_start(n);
	trace(w, "%s starts, term %llu, last %llu", n->name, n->term, n->last);
	node_drain(n);
}

static void drop_held(struct node *n)
{
	struct msg *m;

	while ((m = n->held)) {
		n->held = m->next;
		msg_put(n->w, m);
	}
	n->held_tail = NULL;
}

/* The node's memory is gone. */
void node_off(struct node *n)
{
	drop_held(n);
	snap_abort(n);
	fsm_free(n->f);
	n->f = NULL;
	free(n->r);
	n->r = NULL;
	free(n->mem.slots);
	free(n->mem.bytes);
	blob_put(n->offer);
	blob_put(n->installed);
	blob_put(n->writing);
	n->offer = NULL;
	n->installed = NULL;
	n->writing = NULL;
	free(n->recv_buf);
	n->recv_buf = NULL;
	n->want = 0;
	n->alive = false;
	n->broken = false;
	n->gen++;
}

/* The power is gone. */
void node_crash(struct node *n)
{
	trace(n->w, "%s crashes", n->name);
	work_end(n, true);
	node_off(n);
	store_crash(n);
}

/* Up again: in memory mode, as somebody else. */
void node_return(struct node *n)
{
	struct world *w = n->w;

	if (!w->k.durable) {
		if (n->member) {
			store_wipe(&n->old);
			n->old = n->st;
			n->old_id = n->id;
			memset(&n->st, 0, sizeof(n->st));
		} else {
			store_wipe(&n->st);
		}
		if (w->mutant != MUT_AMNESIA) {
			n->member = false;
			n->id = fresh_id(w, n->slot);
		}
	}
	node_start(n);
}

void node_destroy(struct node *n)
{
	if (n->alive)
		node_crash(n);
	lock_stop(n);
	storage_free(n);
	store_wipe(&n->st);
	store_wipe(&n->old);
}

void node_bootstrap(struct node *n, const struct raft_config *c)
{
	u8 buf[FSM_COMMAND_MAX];
	struct raft_entry e = { .term = 1, .data = buf, .kind = RAFT_COMMAND };

	e.len = fsm_encode_init(buf, rng_next(&n->w->rng),
				n->w->k.objects_max);
	if (raft_bootstrap(n->r, node_now(n), c, &e, 1))
		sim_fail(n->w, "formation", "%s: raft_bootstrap()", n->name);
	node_drain(n);
}

/* Duty 4: a message whose persist is not durable yet waits for it. */
static void send_one(struct node *n, const struct raft_msg *m)
{
	struct msg *msg;

	if (m->after <= n->st.reported || n->w->mutant == MUT_SEND_EARLY)
		check_send(n, m);
	if (m->type == RAFT_APPEND)
		n->newest_id = m->id;
	msg = msg_raft(n->w, n, m);
	if (!msg)
		return;
	if (m->after <= n->st.reported || n->w->mutant == MUT_SEND_EARLY) {
		n->w->ops->send(n->w, msg);
		return;
	}
	if (n->held_tail)
		n->held_tail->next = msg;
	else
		n->held = msg;
	n->held_tail = msg;
}

static void send_held(struct node *n)
{
	struct msg **at = &n->held, *m, *tail = NULL;

	while ((m = *at)) {
		if (m->m.after > n->st.reported) {
			tail = m;
			at = &m->next;
			continue;
		}
		*at = m->next;
		m->next = NULL;
		check_send(n, &m->m);
		n->w->ops->send(n->w, m);
	}
	n->held_tail = tail;
}

/*
 * Mutants make another entry of it. "dedup": a repeated request comes under a name
 * that is not known.
 */
static u16 twist(struct node *n, const struct gentry *g, u8 *buf)
{
	struct fsm_command c;
	struct gresult *r;

	if (n->w->mutant != MUT_DEDUP)
		return mutant_entry(n, g, buf) ?: mutant_run(n, g, buf);
	if (fsm_decode(&c, g->data, g->len) ||
	    c.op != FSM_COUNTER_ADD)
		return 0;
	r = ghost_result(n->w, c.session, c.seq, false);
	if (!r || !r->resolved || r->index == g->index)
		return 0;
	c.seq += SIM_DEDUP_SHIFT;
	if (c.seq - c.low >= FSM_WINDOW)
		return 0;
	return fsm_encode(&c, buf);
}

/* This node's state is not the leader's: one of them is wrong. */
static void stop_differing(struct node *n, u64 index)
{
	raft_differs(n->r, node_now(n), "the state differs from the leader's");
	sim_fail(n->w, "state hash", "%s: entry %llu names another state than it had",
		 n->name, index);
}

/* Duty 5. */
void node_apply(struct node *n, u64 first, u64 last)
{
	u8 buf[FSM_COMMAND_MAX];
	u64 i;

	for (i = first; i <= last; i++) {
		struct fsm_outcome out = { 0 };
		struct raft_entry e;
		u16 len;

		if (raft_entry(n->r, i, &e))
			sim_fail(n->w, "contract", "%s: entry %llu to apply is not held",
				 n->name, i);
		if (i > n->w->g.commit)
			sim_fail(n->w, "contract", "%s applies %llu, not committed",
				 n->name, i);
		if ((n->w->mutant == MUT_SKIP_APPLY ||
		     n->w->mutant == MUT_SKIP_HASH) && n->slot == 1 && i % 64 == 0)
			e.len = 0;
		if (e.kind != RAFT_COMMAND)
			e.len = 0;
		len = e.len ? twist(n, n->w->g.log[i].e, buf) : 0;
		if (fsm_apply(n->f, i, len ? buf : e.data, len ? len : e.len,
			      &out))
			sim_fail(n->w, "availability", "%s cannot apply %llu",
				 n->name, i);
		n->applied = i;
		n->applied_term = e.term;
		mutant_ran(n, n->w->g.log[i].e, &out);
		if (out.kind == FSM_OUT_DIFFERS)
			stop_differing(n, i);
		if (n->w->mutant != MUT_SKIP_HASH)
			model_applied(n->w, n, i, &out);
		lease_applied(n, &out);
	}
	raft_applied(n->r, last);
}

/* Duty 3: on its way, or there. */
static void persist(struct node *n, const struct raft_ready *rd)
{
	struct write *wr = store_write(n, rd);

	if (n->s)
		wal_kick(n);
	else if (n->w->k.instant)
		store_keep(n, wr);
	else
		n->w->ops->written(n->w, n, wr);
}

static void carry_out(struct node *n, const struct raft_ready *rd)
{
	unsigned int i;

	check_ready(n, rd);
	if (rd->persist.seq)
		persist(n, rd);
	check_step(n);
	for (i = 0; i < rd->n_msgs; i++)
		send_one(n, &rd->msgs[i]);
	work_reads(n, rd->reads, rd->n_reads);
	if (rd->apply_last >= rd->apply_first)
		node_apply(n, rd->apply_first, rd->apply_last);
}

static void set_deadline(struct node *n)
{
	u64 now = node_now(n), d = raft_deadline(n->r), c;

	if (raft_id_some(n->leader) && !n->broken) {
		c = fsm_client_deadline(&n->c, SIM_RESEND);
		if (c < now + FULL_WAIT)
			c = now + FULL_WAIT;
		d = min(d, c);
	}
	if (!n->broken)
		d = min(d, lease_deadline(n));
	d = min(d, n->user_at);
	n->deadline = d;
	n->w->ops->deadline(n->w, n);
}

/* As the leader: what the state was like, for all others to compare. */
static bool compare(struct node *n)
{
	struct fsm_command c = { .op = FSM_CHECK };
	u8 buf[FSM_COMMAND_MAX];
	u64 index;

	if (n->role != RAFT_LEADER || n->applied < n->check_at + CHECK_EVERY)
		return false;
	n->check_at = n->applied;
	if (!node_admits(n) || !fsm_checkpoint(n->f, &c.arg, &c.arg2) ||
	    raft_propose(n->r, node_now(n), RAFT_COMMAND, buf,
			 fsm_encode(&c, buf), RAFT_NOBODY, &index))
		return false;
	n->w->stat.checks++;
	return true;
}

void node_drain(struct node *n)
{
	const struct raft_ready *rd;
	bool make, install, again = true;
	unsigned int rounds = 0;

	while (again) {
		again = false;
		while ((rd = raft_ready(n->r, node_now(n)))) {
			if (++rounds > 10000)
				sim_fail(n->w, "contract",
					 "%s: ready never ends", n->name);
			carry_out(n, rd);
			make = rd->snap_make;
			install = rd->snap_install;
			if (rd->snap_want)
				n->want = rd->snap_want;
			raft_advance(n->r);
			if (make)
				snap_make(n, false, true);
			if (install)
				snap_install(n);
		}
		if (n->want && !(n->w->k.lazy_memory &&
				 rng_next(&n->w->rng) & 1)) {
			snap_buffer(n);
			again = true;
		}
		if (n->broken)
			break;
		again |= compare(n);
		again |= lease_turn(n);
		work_serve(n);
		if (n->pump) {
			n->pump = false;
			node_pump(n);
			again = true;
		}
		if (n->snap_index) {
			snap_step(n, n->w->snap_budget);
			again |= !n->snap_index;
		}
	}
	snap_feed(n);
	if (!n->broken)
		snap_compact(n);
	if (n->s) {
		wal_kick(n);
		keep_kick(n);
	}
	check_step(n);
	set_deadline(n);
}

/*
 * Is there room for more entries? Where the ring is nearly full, what is left
 * is for terms and votes, and for what makes room.
 */
bool node_admits(const struct node *n)
{
	return !n->s || !wal_tight(n);
}

static void take_raft(struct node *n, struct msg *msg)
{
	struct raft_entry entries[RAFT_BATCH_MAX];
	struct raft_config config;
	struct raft_msg m;

	if (!msg_open(msg, &m, entries, &config))
		sim_fail(n->w, "contract", "a %s does not decode",
			 msg_type(msg->m.type));
	if (n->w->mutant && !mutate(n, msg, &m))
		return;
	/* Design 4: where memory is short a datagram is as good as lost. */
	if (m.type == RAFT_APPEND && m.n_entries &&
	    !fsm_room(n->f, raft_last_index(n->r), m.n_entries +
		      RAFT_STASH_MAX * RAFT_BATCH_MAX))
		return;
	if (m.type == RAFT_APPEND && m.n_entries && !node_admits(n))
		return;
	raft_step(n->r, node_now(n), &m);
}

void node_deliver(struct node *n, struct msg *m)
{
	if (!n->alive || !raft_id_eq(m->to_id, n->id))
		return;
	if (!node_hears(n, m))
		return;
	if (m->boot != n->gen && !n->w->k.old_boots)
		return;
	if (n->w->out && n->w->stamp) {
		fprintf(n->w->out, "%8llu %10llu.%06llu ", n->w->counted,
			n->w->now / MS, n->w->now % MS);
		msg_print(n->w->out, n->w, m);
		fprintf(n->w->out, "\n");
	}
	if (m->kind == MSG_FORWARD)
		node_forwarded(n, m);
	else if (m->kind == MSG_HELLO)
		node_greeted(n, m);
	else if (m->kind == MSG_RENEW || m->kind == MSG_RENEWED)
		lease_message(n, m);
	else
		take_raft(n, m);
	node_drain(n);
}

void node_tick(struct node *n)
{
	raft_tick(n->r, node_now(n));
	if (raft_id_some(n->leader) &&
	    fsm_client_deadline(&n->c, SIM_RESEND) <= node_now(n))
		n->pump = true;
	work_time(n);
	node_drain(n);
}

/* Duty 3: durable first, then reported, then what waited for it goes out. */
void node_persisted(struct node *n, u64 seq)
{
	struct store *s = &n->st;
	u64 term = 0, index = 0;
	struct write *wr;

	if (n->broken)
		return;
	if (!n->s && n->w->mutant != MUT_ACK_EARLY &&
	    n->w->mutant != MUT_ACK_BLIND)
		store_sync(n, seq);
	s->reported = seq;
	for (wr = s->head; wr && wr->seq <= seq; wr = wr->next) {
		if (wr->snapshot) {
			index = wr->first - 1;
			term = wr->blob->snap.term;
		}
		if (wr->cut && !wr->n) {
			index = 0;
			term = 0;
		}
		if (wr->n) {
			index = wr->first + wr->n - 1;
			term = wr->e[wr->n - 1]->term;
		}
	}
	while (s->head && s->head->seq <= seq && s->head->done)
		store_pop(s);
	raft_persisted(n->r, node_now(n), seq, term, index);
	send_held(n);
	node_drain(n);
}
