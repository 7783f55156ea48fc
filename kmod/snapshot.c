// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots. One to send, or to make room in the ring, is walked in stretches,
 * apply going on between them. One that was received is built into a state of
 * its own, beside the live one, and swapped in. Runs on the keeper; acts on the
 * node as its owner only, by calls.
 *
 * In storage a snapshot counts once the superblock says so. Until then the one
 * before counts, with all of the log behind it, so there are two areas.
 *
 * From where the ring is read behind a snapshot, has to be chosen with care. An
 * own snapshot at S is stored only when the log is durable up to S: else the
 * ring might end in entries that the log in memory has replaced, and a crash
 * would put them behind S. What a leader sent may contradict the log: then
 * nothing that is in the ring now may be read behind it.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "node.h"

/* raft_checksum(), which yields. */
u64 cns_checksum(const u8 *data, u64 len)
{
	u64 hash = raft_checksum(NULL, 0), at, part;

	for (at = 0; at < len; at += part) {
		part = min_t(u64, len - at, 64 * RAFT_CHUNK_MAX);
		hash = raft_checksum_on(hash, data + at, part);
		cond_resched();
	}
	return hash;
}

/* ------------------------------------------------------------- in storage */

/* Room for a snapshot: page-aligned, and up to the end of its last sector. */
static u8 *cns_snapshot_alloc(u64 bytes)
{
	if (!bytes || bytes > LONG_MAX - RECORD_SECTOR)
		return NULL;
	return __vmalloc(ALIGN(bytes, RECORD_SECTOR),
			 GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
}

/**
 * struct cns_store - a snapshot on its way to storage
 * @snap: it
 * @durable: how far the log is durable
 * @matches: the log holds (index, term) of @snap
 * @failed: the node stopped
 */
struct cns_store {
	const struct raft_snapshot *snap;
	u64 durable;
	bool matches;
	bool failed;
};

static void cns_store_ask(struct cns_node *n, void *arg)
{
	struct cns_store *s = arg;

	s->durable = raft_durable_index(n->raft);
	s->matches = raft_term_at(n->raft, s->snap->index) == s->snap->term;
	s->failed = raft_failed(n->raft) || n->stopped;
}

static bool cns_wal_idle(struct cns_wal *w)
{
	bool idle;

	spin_lock_bh(&w->lock);
	idle = w->error || (!w->busy && !w->stage[w->fill].seq);
	spin_unlock_bh(&w->lock);
	return idle;
}

/* The log is durable up to an own snapshot. False: it will not be. */
static bool cns_store_wait(struct cns_node *n, struct cns_store *s)
{
	struct cns_storage *st = &n->store;

	for (;;) {
		cns_node_call(n, cns_store_ask, s);
		if (s->failed || READ_ONCE(st->stopping))
			return false;
		if (s->durable >= s->snap->index)
			return true;
		wait_event_idle_timeout(st->wal.idle, cns_wal_idle(&st->wal),
					HZ / 100 + 1);
	}
}

/* Nothing of the log is in flight: what is in the ring is all there is. */
static bool cns_store_settle(struct cns_node *n, struct cns_store *s)
{
	struct cns_storage *st = &n->store;

	wait_event_idle(st->wal.idle, cns_wal_idle(&st->wal) ||
			READ_ONCE(st->stopping));
	cns_node_call(n, cns_store_ask, s);
	return !s->failed && !READ_ONCE(st->stopping);
}

static int cns_store_write(struct cns_storage *st, u8 area, const u8 *data,
			   u64 len)
{
	u64 at = 0, part, bytes = ALIGN(len, RECORD_SECTOR);
	int err = 0;

	if (bytes > st->super.layout.area_bytes)
		return -EFBIG;
	while (!err && at < bytes) {
		if (READ_ONCE(st->stopping))
			return -EINTR;
		part = min_t(u64, bytes - at, CNS_AREA_STEP);
		err = cns_file_write(&st->file, st->super.layout.area[area] + at,
				     data + at, part);
		at += part;
		cond_resched();
	}
	return err;
}

/* The superblock says from now on that the log begins behind @s. */
static int cns_store_switch(struct cns_node *n, const struct raft_snapshot *s,
			    u8 area, bool own)
{
	struct cns_storage *st = &n->store;
	struct record_base base = {
		.index = s->index,
		.term = s->term,
		.checksum = s->checksum,
		.len = s->len,
		.area = area,
		.config = s->config,
	};
	struct record_super *next;
	struct record_mark mark;
	int err;

	next = kvmalloc(sizeof(*next), GFP_KERNEL_ACCOUNT);
	if (!next)
		return -ENOMEM;
	*next = st->super;
	spin_lock_bh(&st->wal.lock);
	mark = own ? record_ring_mark(&st->wal.ring, s->index) :
		     record_ring_next(&st->wal.ring);
	spin_unlock_bh(&st->wal.lock);
	base.group = mark.group;
	base.position = mark.position;
	next->base = base;
	err = cns_keep_write(n, next);
	kvfree(next);
	if (err)
		return err;
	spin_lock_bh(&st->wal.lock);
	record_ring_release(&st->wal.ring, &base);
	WRITE_ONCE(st->wal.room, true);
	spin_unlock_bh(&st->wal.lock);
	wake_up_all(&st->wal.wait);
	return 0;
}

static u8 cns_free_area(const struct cns_storage *st)
{
	return st->super.base.index ? !st->super.base.area : 0;
}

static void cns_store_note(struct cns_node *n, void *arg)
{
	const struct cns_store *s = arg;

	n->store.compacted = s->snap->index;
	n->store.compacted_bytes = s->snap->len;
}

/* Make an own snapshot durable, and what lies before it free. */
static int cns_store_own(struct cns_node *n, const struct raft_snapshot *snap)
{
	struct cns_store s = { .snap = snap };
	u8 area = cns_free_area(&n->store);
	int err;

	err = cns_store_write(&n->store, area, snap->data, snap->len);
	if (!err && !cns_store_wait(n, &s))
		err = -EINTR;
	if (!err)
		err = cns_store_switch(n, snap, area, true);
	if (!err)
		cns_node_call(n, cns_store_note, &s);
	return err;
}

/* Make one that a leader sent durable, before the core knows it has it. */
static int cns_store_sent(struct cns_node *n, const struct raft_snapshot *snap)
{
	struct cns_store s = { .snap = snap };
	u8 area = cns_free_area(&n->store);
	int err;

	err = cns_store_write(&n->store, area, snap->data, snap->len);
	/* The log stands still while a snapshot is being installed. */
	if (!err && !cns_store_settle(n, &s))
		err = -EINTR;
	if (!err)
		err = cns_store_switch(n, snap, area, s.matches);
	if (!err)
		cns_node_call(n, cns_store_note, &s);
	return err;
}

/* ------------------------------------------------------------- the walk */

/**
 * struct cns_walk - a snapshot being made
 * @buf: its memory
 * @cap: bytes of @buf
 * @old: what was offered before
 * @offer: what will be offered, or stored
 * @peers: peers wait for it
 * @ring: the ring does
 * @backup: neither does
 * @err: of its beginning
 * @done: the walk is through
 */
struct cns_walk {
	u8 *buf;
	u8 *old;
	u64 cap;
	struct raft_snapshot offer;
	bool peers;
	bool ring;
	bool backup;
	int err;
	bool done;
};

static void cns_walk_size(struct cns_node *n, void *arg)
{
	struct cns_walk *w = arg;

	if (!w->backup) {
		w->peers = n->snap.make;
		w->ring = n->store.compact;
	}
	w->cap = fsm_snapshot_bytes(n->fsm);
	/* The state may grow until the walk begins. */
	w->cap += w->cap / 8 + FSM_CHUNK_BYTES;
}

static void cns_walk_begin(struct cns_node *n, void *arg)
{
	struct cns_walk *w = arg;
	const struct raft_config *config;
	struct fsm_stats st;

	fsm_stats(n->fsm, &st);
	config = raft_config_at(n->raft, st.applied);
	w->err = config && config->n ?
		 fsm_snapshot_begin(n->fsm, w->buf, w->cap) : -EAGAIN;
	if (w->err)
		return;
	w->offer.index = st.applied;
	w->offer.term = raft_term_at(n->raft, st.applied);
	w->offer.config = *config;
	w->offer.data = w->buf;
	if (w->peers)
		raft_snapshot_hold(n->raft, st.applied);
}

static void cns_walk_step(struct cns_node *n, void *arg)
{
	struct cns_walk *w = arg;

	w->done = fsm_snapshot_step(n->fsm, CNS_WALK_STEP);
	if (w->done)
		w->offer.len = fsm_snapshot_end(n->fsm);
}

/*
 * The state as bytes: w->offer, in w->buf. Where it fails, w->err says why, and
 * nothing is left behind.
 */
static void cns_walk_make(struct cns_node *n, struct cns_walk *w)
{
	w->buf = cns_snapshot_alloc(w->cap);
	w->err = w->buf ? 0 : -ENOMEM;
	if (w->buf)
		cns_node_call(n, cns_walk_begin, w);
	while (!w->err && !w->done) {
		cns_node_call(n, cns_walk_step, w);
		cond_resched();
	}
	if (!w->err) {
		memset(w->buf + w->offer.len, 0,
		       ALIGN(w->offer.len, RECORD_SECTOR) - w->offer.len);
		w->offer.checksum = cns_checksum(w->buf, w->offer.len);
	} else {
		vfree(w->buf);
		w->buf = NULL;
	}
}

/* For who waits: the peers (none: so that raft asks again). */
static void cns_walk_offer(struct cns_node *n, void *arg)
{
	struct cns_walk *w = arg;

	n->snap.make = false;
	raft_snapshot_hold(n->raft, 0);
	raft_snapshot_offer(n->raft, n->now, w->err ? NULL : &w->offer);
	w->old = n->snap.offered;
	n->snap.offered = w->buf;
	if (!w->err)
		n->snapshots++;
}

/* Until now nobody asked for another one; who still wants room may. */
static void cns_walk_stored(struct cns_node *n, void *arg)
{
	n->store.compact = false;
}

void cns_snapshot_make(struct cns_node *n)
{
	struct cns_walk w = {};
	int err = 0;

	cns_node_call(n, cns_walk_size, &w);
	if (!w.peers && !w.ring)
		return;
	cns_walk_make(n, &w);
	/* Peers first: while it is stored, it is on its way. */
	if (w.peers)
		cns_node_call(n, cns_walk_offer, &w);
	if (w.ring && !w.err)
		err = cns_store_own(n, &w.offer);
	if (w.ring)
		cns_node_call(n, cns_walk_stored, NULL);
	if (err && err != -EINTR)
		cns_keep_failed(n, "a snapshot cannot be stored", err);
	vfree(w.peers ? w.old : w.buf);
}

/* The state as it is now, for a backup: its bytes are the caller's to vfree(). */
int cns_snapshot_take(struct cns_node *n, struct raft_snapshot *s)
{
	struct cns_walk w = { .backup = true };

	cns_node_call(n, cns_walk_size, &w);
	cns_walk_make(n, &w);
	*s = w.offer;
	return w.err;
}

/* --------------------------------------------------- snapshots that came in */

struct cns_install {
	u8 *buf;
	u8 *old;
	u64 bytes;
	struct fsm *fsm;
	const struct raft_snapshot *snap;
	bool ok;
};

static void cns_buffer_ask(struct cns_node *n, void *arg)
{
	struct cns_install *i = arg;

	i->bytes = n->snap.want;
}

static void cns_buffer_give(struct cns_node *n, void *arg)
{
	struct cns_install *i = arg;

	n->snap.want = 0;
	i->old = i->buf;
	if (raft_snapshot_buffer(n->raft, n->now, i->buf, i->bytes))
		swap(n->snap.incoming, i->old);
}

void cns_snapshot_room(struct cns_node *n)
{
	struct cns_install i = {};

	cns_node_call(n, cns_buffer_ask, &i);
	if (!i.bytes)
		return;
	/* NULL is an answer too: the leader then begins anew. */
	i.buf = cns_snapshot_alloc(i.bytes);
	if (i.buf)
		memset(i.buf + i.bytes, 0,
		       ALIGN(i.bytes, RECORD_SECTOR) - i.bytes);
	cns_node_call(n, cns_buffer_give, &i);
	vfree(i.old);
}

static void cns_install_ask(struct cns_node *n, void *arg)
{
	struct cns_install *i = arg;

	i->snap = n->snap.install ? raft_snapshot_received(n->raft) : NULL;
	n->snap.install = false;
}

/* Swap it in; @i keeps the state that is not live any more, to be freed. */
static void cns_install_swap(struct cns_node *n, void *arg)
{
	struct cns_install *i = arg;

	if (i->ok)
		swap(n->fsm, i->fsm);
	raft_snapshot_installed(n->raft, n->now, i->ok);
	i->old = n->snap.incoming;
	n->snap.incoming = NULL;
	if (!i->ok)
		return;
	n->snapshots++;
	n->pump = true;
	fsm_client_reload(&n->client, n->fsm, fsm_wants_done, &n->wants);
	n->look |= fsm_wants_reload(&n->wants, n->fsm, cns_now());
	n->sessions_moved = true;
	n->lease_poke = true;
	cns_reads_applied(n);
}

/*
 * Make @f, which nobody else has yet, the snapshot that the log begins behind:
 * @snap comes with index, term and configuration.
 */
int cns_snapshot_first(struct cns_node *n, struct fsm *f,
		       struct raft_snapshot *snap)
{
	u64 cap = fsm_snapshot_bytes(f);
	u8 *buf = cns_snapshot_alloc(cap);
	u8 area = cns_free_area(&n->store);
	int err;

	if (!buf)
		return -ENOMEM;
	err = fsm_snapshot_begin(f, buf, cap);
	if (!err) {
		while (!fsm_snapshot_step(f, CNS_WALK_STEP))
			cond_resched();
		snap->len = fsm_snapshot_end(f);
		memset(buf + snap->len, 0,
		       ALIGN(snap->len, RECORD_SECTOR) - snap->len);
		snap->checksum = cns_checksum(buf, snap->len);
		err = cns_store_write(&n->store, area, buf, snap->len);
	}
	if (!err)
		err = cns_store_switch(n, snap, area, false);
	vfree(buf);
	return err;
}

bool cns_feed(struct fsm *f)
{
	void *chunk;

	while (fsm_wants(f)) {
		chunk = kvzalloc(FSM_CHUNK_BYTES, GFP_KERNEL_ACCOUNT);
		if (!chunk)
			return false;
		fsm_give(f, chunk);
	}
	return true;
}

/* Build @f, new and empty, from @s; with room for what comes behind it. */
bool cns_snapshot_load(struct fsm *f, const struct raft_snapshot *s)
{
	struct fsm_stats st;
	int more;

	if (fsm_load_begin(f, s->data, s->len))
		return false;
	do {
		more = fsm_load_step(f, CNS_WALK_STEP);
		if (more == -ENOMEM && cns_feed(f))
			more = 1;
		cond_resched();
	} while (more > 0);
	fsm_stats(f, &st);
	/* A backup comes without its index. */
	if (more || (s->index && st.applied != s->index))
		return false;
	return cns_feed(f);
}

void cns_snapshot_install(struct cns_node *n)
{
	struct cns_install i = {};
	int err;

	cns_node_call(n, cns_install_ask, &i);
	if (!i.snap)
		return;
	i.fsm = cns_fsm_new(n);
	i.ok = i.fsm && cns_snapshot_load(i.fsm, i.snap);
	if (i.ok && n->store.on) {
		err = cns_store_sent(n, i.snap);
		if (err && err != -EINTR)
			cns_keep_failed(n, "a snapshot cannot be stored", err);
		i.ok = !err;
	}
	cns_node_call(n, cns_install_swap, &i);
	cns_fsm_free(i.fsm);
	vfree(i.old);
}

void cns_snapshots_free(struct cns_node *n)
{
	vfree(n->snap.offered);
	vfree(n->snap.incoming);
}
