// SPDX-License-Identifier: GPL-2.0
/* Duty 9: snapshots; and the memory that the state machine is fed with. */
#include "sim.h"

struct fsm *fsm_new(void)
{
	struct fsm *f = xcalloc(1, fsm_size());

	fsm_init(f);
	return f;
}

void fsm_free(struct fsm *f)
{
	void *chunk;

	if (!f)
		return;
	while ((chunk = fsm_take_back(f)))
		free(chunk);
	free(f);
}

static void feed(struct fsm *f)
{
	while (fsm_wants(f))
		fsm_give(f, xcalloc(1, FSM_CHUNK_BYTES));
}

/* Before anything can be applied: what the log holds has to find room. */
void snap_feed_all(struct node *n)
{
	u64 last = raft_last_index(n->r);

	fsm_room(n->f, max(last, n->applied), 1);
	feed(n->f);
}

void snap_feed(struct node *n)
{
	if (!fsm_wants(n->f))
		return;
	if (n->w->k.lazy_memory && rng_below(&n->w->rng, 8))
		return;
	feed(n->f);
}

static int load(struct fsm *f)
{
	int ret;

	while ((ret = fsm_load_step(f, 16))) {
		if (ret == -ENOMEM)
			feed(f);
		else if (ret < 0)
			return ret;
	}
	return 0;
}

struct fsm *fsm_from(const struct raft_snapshot *s)
{
	/* An own copy of the exact length, so that sanitizers watch its end. */
	u8 *copy = malloc(s->len ? s->len : 1);
	struct fsm *f = fsm_new();
	int ret;

	memcpy(copy, s->data, s->len);
	feed(f);
	ret = fsm_load_begin(f, copy, s->len);
	if (!ret)
		ret = load(f);
	free(copy);
	if (!ret)
		return f;
	fsm_free(f);
	return NULL;
}

void snap_abort(struct node *n)
{
	if (!n->snap_index)
		return;
	fsm_snapshot_end(n->f);
	free(n->snap_buf);
	n->snap_buf = NULL;
	n->snap_index = 0;
	n->snap_for_store = false;
	n->snap_for_peer = false;
}

/* Begin one of the state as it is now, unless one is being made. */
void snap_make(struct node *n, bool for_store, bool for_peer)
{
	u64 cap = fsm_snapshot_bytes(n->f);

	n->snap_for_store |= for_store;
	n->snap_for_peer |= for_peer;
	if (n->snap_index || !n->applied)
		return;
	n->snap_buf = malloc(cap);
	if (!n->snap_buf || fsm_snapshot_begin(n->f, n->snap_buf, cap))
		sim_fail(n->w, "snapshot", "%s cannot begin one", n->name);
	n->snap_cap = cap;
	n->snap_index = n->applied;
	n->snap_term = n->applied_term;
	if (n->snap_for_peer)
		raft_snapshot_hold(n->r, n->snap_index);
}

static void finish(struct node *n)
{
	bool store = n->snap_for_store, peer = n->snap_for_peer;
	const struct raft_config *config;
	struct raft_snapshot s = { 0 };
	struct blob *b;

	s.len = fsm_snapshot_end(n->f);
	if (!s.len || s.len > n->snap_cap)
		sim_fail(n->w, "snapshot", "%s wrote %llu bytes into %llu",
			 n->name, s.len, n->snap_cap);
	s.index = n->snap_index;
	s.term = n->snap_term;
	s.data = n->snap_buf;
	s.checksum = raft_checksum(s.data, s.len);
	config = raft_config_at(n->r, s.index);
	if (!config)
		sim_fail(n->w, "membership", "%s lost the configuration at %llu",
			 n->name, s.index);
	s.config = *config;
	if (n->w->mutant == MUT_SNAP_INDEX && s.index < n->applied)
		s.index++;
	b = blob_new(&s);
	free(n->snap_buf);
	n->snap_buf = NULL;
	n->snap_index = 0;
	n->snap_for_store = false;
	n->snap_for_peer = false;
	n->w->stat.snapshots++;
	trace(n->w, "%s has a snapshot at %llu", n->name, s.index);
	if (store && n->s) {
		if (!n->s->keep.own)
			keep_own(n, b);
	} else if (store && !n->writing) {
		n->writing = blob_get(b);
		n->w->ops->snap_written(n->w, n);
	}
	if (peer) {
		raft_snapshot_hold(n->r, 0);
		raft_snapshot_offer(n->r, node_now(n), &b->snap);
		blob_put(n->offer);
		n->offer = blob_get(b);
	}
	blob_put(b);
}

/* The walk yields: entries are applied between its steps. */
void snap_step(struct node *n, unsigned int budget)
{
	if (fsm_snapshot_step(n->f, budget))
		finish(n);
}

/* The own snapshot is durable: what it covers may go. */
void snap_stored(struct node *n)
{
	struct blob *b = n->writing;

	n->writing = NULL;
	if (store_snapshot(n, b)) {
		raft_compact(n->r, b->snap.index);
		n->w->stat.compactions++;
	}
	blob_put(b);
	node_drain(n);
}

/*
 * The ring on the disk wants a snapshot when much of it is used; memory does not
 * wait for that.
 */
static void compact_disk(struct node *n, u64 first, bool tight)
{
	const struct keep *k = &n->s->keep;
	u64 keep = n->w->k.compact_at / 2;

	if (n->applied >= first &&
	    (n->applied >= first + n->w->k.compact_at || tight))
		raft_compact(n->r, tight ? n->applied : n->applied - keep);
	if (wal_full(n) && n->applied > k->super.base.index && !k->own &&
	    !k->job && !n->snap_for_store)
		snap_make(n, true, false);
}

/*
 * Rings are small: keep them from filling. A follower needs the room, too: its
 * log may begin earlier than the leader's, and what is applied must make way
 * for what is not committed yet, or neither ever is.
 */
void snap_compact(struct node *n)
{
	u64 first = raft_first_index(n->r), keep = n->w->k.compact_at / 2;
	u64 cap = min(n->mem.n_slots, n->mem.n_bytes / 128);
	bool tight = raft_last_index(n->r) + 1 - first > cap / 2;

	if (n->s) {
		compact_disk(n, first, tight);
		return;
	}
	if (n->applied < first ||
	    (n->applied < first + n->w->k.compact_at && !tight))
		return;
	if (n->w->k.durable) {
		if (n->st.base == n->applied)
			raft_compact(n->r, n->st.base);
		else if (!n->writing && !n->snap_for_store)
			snap_make(n, true, false);
		return;
	}
	/* In memory mode no storage needs a snapshot first. */
	raft_compact(n->r, tight ? n->applied : n->applied - keep);
	n->w->stat.compactions += raft_first_index(n->r) != first;
}

/* A leader wants to send a snapshot of that many bytes. */
void snap_buffer(struct node *n)
{
	u8 *buf = malloc(n->want);

	if (!buf)
		exit(2);
	raft_snapshot_buffer(n->r, node_now(n), buf, n->want);
	free(n->recv_buf);
	n->recv_buf = buf;
	n->want = 0;
}

/* Complete: build the state beside the live one, then swap. */
void snap_install(struct node *n)
{
	const struct raft_snapshot *s = raft_snapshot_received(n->r);
	struct ghost *g = &n->w->g;
	struct blob *b;
	struct fsm *f;

	if (!s)
		sim_fail(n->w, "contract", "%s: nothing to install", n->name);
	if (s->index <= n->applied)
		sim_fail(n->w, "snapshot",
			 "%s is to install %llu, behind its applied %llu",
			 n->name, s->index, n->applied);
	if (s->index > g->commit || g->log[s->index].e->term != s->term)
		sim_fail(n->w, "snapshot", "%s is to install %llu/%llu, which is not committed",
			 n->name, s->index, s->term);
	f = fsm_from(s);
	if (!f)
		sim_fail(n->w, "snapshot", "%s cannot load the one at %llu",
			 n->name, s->index);
	if (n->s) {
		/* Found no memory: the driver says so, some time later. */
		if (rng_hit(&n->w->rng, n->w->k.no_memory) && !n->w->healed) {
			fsm_free(f);
			f = NULL;
		}
		keep_install(n, s, f);
		return;
	}
	b = blob_new(s);
	snap_swap(n, f, b);
	blob_put(b);
}

/* The state built from @b takes the place of the live one; @f NULL: it cannot. */
void snap_swap(struct node *n, struct fsm *f, struct blob *b)
{
	const struct raft_snapshot *s;
	bool peer = n->snap_for_peer;

	if (!f) {
		raft_snapshot_installed(n->r, node_now(n), false);
		free(n->recv_buf);
		n->recv_buf = NULL;
		return;
	}
	s = &b->snap;
	snap_abort(n);
	fsm_free(n->f);
	n->f = f;
	n->applied = s->index;
	n->applied_term = s->term;
	snap_feed_all(n);
	blob_put(n->installed);
	n->installed = blob_get(b);
	n->w->stat.installs++;
	trace(n->w, "%s installs the snapshot at %llu", n->name, s->index);
	check_install(n, n->installed);
	raft_snapshot_installed(n->r, node_now(n), true);
	free(n->recv_buf);
	n->recv_buf = NULL;
	/* Whoever waits for one, waits on. */
	if (peer)
		snap_make(n, false, true);
	n->pump = true;
	mutant_loaded(n);
	lease_reload(n);
	if (n->w->mutant != MUT_SKIP_HASH)
		compare_all(n->w, n);
}
