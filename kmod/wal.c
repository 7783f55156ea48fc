// SPDX-License-Identifier: GPL-2.0
/*
 * The log on its way to storage: one thread, one write group in flight.
 *
 * The owner copies what is to be durable into the group that is being filled
 * (cns_wal_hand()). While the thread writes one group the next one fills, so
 * that the slower the disk is, the more it is given at a time ("group commit",
 * DeWitt et al., SIGMOD 1984). What is durable is reported by an item in the
 * inbox; at most one is under way, and it speaks of the newest.
 *
 * Nothing is admitted to the log that would not find room here: the leader
 * proposes nothing, and a follower drops what would bring entries, while
 * cns_wal_room() says no. What has to be written in any case (a vote, the entry
 * that begins a term) has the rest.
 *
 * A write that fails is final (design 8; "Can Applications Recover from fsync
 * Failures?", Rebello et al., ATC 2020): nobody knows what is on the medium now.
 * The thread writes nothing more, and the node stops. A write that does not come
 * back at all keeps the thread, and nobody else.
 */
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/sched/mm.h>
#include <linux/vmalloc.h>

#include "node.h"

/* Threads that were begun, and those that have ended. */
static atomic_t cns_wal_begun = ATOMIC_INIT(0);
static DECLARE_COMPLETION(cns_wal_ended);

/* ------------------------------------------------------------------- owner */

/* Sectors that what has been handed over, and is not written yet, may take. */
static u64 cns_wal_queued(const struct cns_wal *w)
{
	const struct cns_stage *s = w->stage;
	u64 n = w->ring.cover + record_sectors(s[w->fill].len, true);

	if (w->busy)
		n += record_sectors(s[!w->fill].len, true);
	return n;
}

/*
 * Entries that come with the next ready. Where the log was cut below what was
 * handed over, its length does not tell: as many as were admitted, then.
 */
static u64 cns_wal_coming(struct cns_node *n)
{
	const struct cns_wal *w = &n->store.wal;
	u64 last = raft_last_index(n->raft);

	if (last >= w->handed &&
	    raft_term_at(n->raft, w->handed) == w->handed_term)
		return last - w->handed;
	return w->admitted;
}

/* Is there room for @entries more, beside those that come with the next ready? */
bool cns_wal_room(struct cns_node *n, unsigned int entries)
{
	struct cns_wal *w = &n->store.wal;
	struct cns_stage *s;
	bool room, full;
	u64 all, bytes;

	if (!n->store.on)
		return true;
	all = entries + cns_wal_coming(n);
	bytes = all * record_entry_bytes(FSM_COMMAND_MAX);
	if (all > RECORD_GROUP_BYTES || bytes > RECORD_GROUP_BYTES)
		return false;
	spin_lock(&w->lock);
	s = &w->stage[w->fill];
	room = s->entries + all <= n->params.log_entries / CNS_STAGE_SHARE &&
	       s->len + bytes + CNS_STAGE_KEPT <= RECORD_GROUP_BYTES;
	full = record_ring_free(&w->ring) < cns_wal_queued(w) +
	       record_sectors(bytes, true) +
	       div_u64(w->ring.sectors, CNS_RING_KEPT);
	spin_unlock(&w->lock);
	/* Nothing is written any more that would ask for room again. */
	if (unlikely(full))
		cns_keep_compact(n);
	if (full || !room)
		return false;
	w->admitted += entries;
	return true;
}

static bool cns_stage_entries(struct cns_node *n, struct cns_stage *s, u64 first,
			      u64 last)
{
	struct raft_entry e;
	u64 i;

	for (i = first; i <= last; i++) {
		if (raft_entry(n->raft, i, &e) ||
		    s->len + record_entry_bytes(e.len) > RECORD_GROUP_BYTES) {
			raft_fail(n->raft, "more is to be persisted than was admitted");
			return false;
		}
		s->len = record_put_entry(s->records, s->len, &e);
		s->entries++;
		s->touched = true;
		s->term = e.term;
		s->index = i;
	}
	return true;
}

/*
 * The log begins behind a snapshot now. Where it held that place, nothing of it
 * has changed, and what was handed over of it stands: to write it anew would cut,
 * for a moment, what was acknowledged. Returns from where on there is more.
 */
static u64 cns_stage_anew(struct cns_node *n, struct cns_stage *s, u64 first)
{
	struct cns_wal *w = &n->store.wal;

	if (w->handed < first ||
	    raft_term_at(n->raft, w->handed) != w->handed_term)
		return first;
	s->touched = true;
	s->term = w->handed_term;
	s->index = w->handed;
	return w->handed + 1;
}

/*
 * Duty 3: one atomic step, into the group that is being filled. What it holds
 * later in the same group replaces what it holds earlier.
 */
void cns_wal_hand(struct cns_node *n, const struct raft_ready *rd)
{
	struct cns_wal *w = &n->store.wal;
	u64 first = rd->persist.first;
	bool cut = rd->persist.snapshot || first <= w->handed;
	struct cns_stage *s, was;

	w->admitted = 0;
	spin_lock(&w->lock);
	s = &w->stage[w->fill];
	was = *s;
	if (rd->persist.snapshot) {
		first = cns_stage_anew(n, s, first);
		cut = first == rd->persist.first;
	}
	if (!s->seq)
		s->at = n->now;
	/* The thread looks at it without the lock: is there something to take? */
	WRITE_ONCE(s->seq, rd->persist.seq);
	s->g.hard = rd->persist.hard;
	s->g.hard_changed |= rd->persist.hard_changed;
	if (cut) {
		s->len = record_put_cut(s->records, s->len, first,
					raft_term_at(n->raft, first - 1));
		s->touched = true;
		s->term = 0;
		s->index = 0;
	}
	if (!cns_stage_entries(n, s, first, rd->persist.last)) {
		/* A part of a step must not be written. */
		*s = was;
		spin_unlock(&w->lock);
		return;
	}
	w->handed = rd->persist.last;
	w->handed_term = raft_term_at(n->raft, w->handed);
	s->g.last = rd->persist.last;
	s->g.commit = min(raft_commit(n->raft), rd->persist.last);
	spin_unlock(&w->lock);
	wake_up(&w->wait);
}

/* The item in the inbox: storage has something to report. */
void cns_wal_report(struct cns_node *n, u64 now)
{
	struct cns_wal *w = &n->store.wal;
	u64 seq, term, index;
	bool crowded;
	int error;

	/* From here on the item may be pushed again: its link was read before. */
	clear_bit_unlock(CNS_WAL_QUEUED, &n->flags);
	spin_lock(&w->lock);
	seq = w->done_seq;
	term = w->done_term;
	index = w->done_index;
	error = w->error;
	/* Half full: time to make room by a snapshot. */
	crowded = record_ring_free(&w->ring) < w->ring.sectors / 2;
	spin_unlock(&w->lock);
	if (seq)
		raft_persisted(n->raft, now, seq, term, index);
	if (error && !raft_failed(n->raft)) {
		snprintf(n->why, sizeof(n->why),
			 "a write to storage failed with error %d", -error);
		raft_fail(n->raft, n->why);
	}
	/* Stopped: no votes, no acks. */
	if (n->stopped || raft_failed(n->raft))
		return;
	cns_release_held(n, seq);
	if (crowded)
		cns_keep_compact(n);
	if (unlikely(n->store.doubt) && !raft_doubt(n->raft))
		cns_keep_work(n);
	n->pump = true;
}

/* ------------------------------------------------------------------ thread */

static bool cns_wal_work(const struct cns_node *n)
{
	const struct cns_wal *w = &n->store.wal;

	return READ_ONCE(n->store.stopping) ||
	       (READ_ONCE(w->stage[w->fill].seq) && !w->error);
}

/* The filled group becomes the one to write. Its sectors; 0: nothing to do. */
static u32 cns_wal_take(struct cns_wal *w)
{
	struct cns_stage *s, *next;
	u32 n = 0;

	spin_lock_bh(&w->lock);
	s = &w->stage[w->fill];
	if (s->seq)
		n = record_group_sectors(&w->ring, s->len,
					 s->g.hard_changed);
	/* A full ring: the keeper makes room, and wakes this thread. */
	if (n > record_ring_free(&w->ring))
		n = 0;
	if (n) {
		w->busy = true;
		w->fill = !w->fill;
		next = &w->stage[w->fill];
		next->len = 0;
		next->seq = 0;
		next->entries = 0;
		next->touched = false;
		next->term = 0;
		next->index = 0;
		next->g = s->g;
		next->g.hard_changed = false;
	}
	spin_unlock_bh(&w->lock);
	return n;
}

/* @n sectors from the ring's present end on, in two parts where it wraps. */
static int cns_wal_write(struct cns_storage *st, u32 n)
{
	const struct record_layout *l = &st->layout;
	struct cns_wal *w = &st->wal;
	u64 at;
	u32 part;
	int err;

	div64_u64_rem(w->ring.head, w->ring.sectors, &at);
	part = min_t(u64, n, w->ring.sectors - at);
	err = cns_file_write(&st->file, l->ring + at * RECORD_SECTOR,
			     w->sectors, (u64)part * RECORD_SECTOR);
	if (err || part == n)
		return err;
	/* The buffer of a write is page-aligned. */
	memmove(w->sectors, w->sectors + part * RECORD_SECTOR,
		(n - part) * RECORD_SECTOR);
	return cns_file_write(&st->file, l->ring, w->sectors,
			      (u64)(n - part) * RECORD_SECTOR);
}

static void cns_wal_done(struct cns_node *n, struct cns_stage *s, u32 sectors,
			 u64 took, int err)
{
	struct cns_wal *w = &n->store.wal;

	spin_lock_bh(&w->lock);
	if (err) {
		w->error = err;
	} else {
		record_ring_advance(&w->ring, &s->g, sectors);
		w->hard = s->g.hard;
		w->done_seq = s->seq;
		if (s->touched) {
			w->done_term = s->term;
			w->done_index = s->index;
		}
	}
	w->busy = false;
	w->groups++;
	w->bytes += (u64)sectors * RECORD_SECTOR;
	w->latency_ns += w->latency_ns ? (s64)(took - w->latency_ns) / 8 : took;
	w->latency_max_ns = max(w->latency_max_ns, took);
	spin_unlock_bh(&w->lock);
	wake_up_all(&w->idle);
	if (!test_and_set_bit(CNS_WAL_QUEUED, &n->flags)) {
		cns_node_push(n, &n->wal_item);
		cns_node_run(n);
	}
}

static void cns_wal_group(struct cns_node *n)
{
	struct cns_wal *w = &n->store.wal;
	u32 sectors = cns_wal_take(w);
	struct cns_stage *s;
	u64 begun;
	int err;

	if (!sectors) {
		/* Until the ring has room, or something comes that fits. */
		wait_event_timeout(w->wait, READ_ONCE(n->store.stopping) ||
				   READ_ONCE(w->room), HZ / 10);
		WRITE_ONCE(w->room, false);
		return;
	}
	s = &w->stage[!w->fill];
	begun = cns_now();
	record_group_seal(&w->ring, &s->g, s->records, s->len, w->sectors);
	err = cns_wal_write(&n->store, sectors);
	cns_wal_done(n, s, sectors, cns_now() - begun, err);
}

static int cns_wal_thread(void *arg)
{
	struct cns_node *n = arg;
	struct cns_wal *w = &n->store.wal;

	memalloc_noio_save();
	if (cns_recover(n)) {
		while (!READ_ONCE(n->store.stopping)) {
			cns_wal_group(n);
			wait_event_idle(w->wait, cns_wal_work(n));
		}
	}
	cns_storage_put(n);
	kthread_complete_and_exit(&cns_wal_ended, 0);
}

/* -------------------------------------------------------------------- life */

static void cns_wal_free(struct cns_storage *st)
{
	struct cns_wal *w = &st->wal;

	vfree(st->slot);
	vfree(w->stage[0].records);
	vfree(w->stage[1].records);
	vfree(w->sectors);
}

/* Who used the storage last gives it back, and so does the node's own part. */
void cns_storage_put(struct cns_node *n)
{
	if (!refcount_dec_and_test(&n->store.users))
		return;
	cns_file_give(&n->store.file);
	cns_wal_free(&n->store);
	complete_all(&n->store.gone);
	cns_node_put(n);
}

static int cns_wal_alloc(struct cns_storage *st)
{
	struct cns_wal *w = &st->wal;
	int i;

	spin_lock_init(&w->lock);
	init_waitqueue_head(&w->wait);
	init_waitqueue_head(&w->idle);
	st->slot = vmalloc(RECORD_SLOT);
	w->sectors = vmalloc(RECORD_GROUP_SECTORS * RECORD_SECTOR);
	for (i = 0; i < 2; i++)
		w->stage[i].records = vmalloc(RECORD_GROUP_BYTES);
	return st->slot && w->sectors && w->stage[0].records &&
	       w->stage[1].records ? 0 : -ENOMEM;
}

/*
 * Begin to read the storage, and then to write it. Holds a reference to the
 * node until the storage is given back.
 */
int cns_wal_start(struct cns_node *n)
{
	struct cns_storage *st = &n->store;
	struct task_struct *task;
	int err = cns_wal_alloc(st);

	if (err) {
		cns_wal_free(st);
		return err;
	}
	/* The thread's, and the node's own. */
	refcount_set(&st->users, 2);
	init_completion(&st->gone);
	task = kthread_create(cns_wal_thread, n, "cns/%s", n->params.name);
	if (IS_ERR(task)) {
		cns_wal_free(st);
		return PTR_ERR(task);
	}
	kref_get(&n->ref);
	atomic_inc(&cns_wal_begun);
	st->started = true;
	wake_up_process(task);
	return 0;
}

/* No new work; what is under way ends by itself. */
void cns_wal_stop(struct cns_node *n)
{
	if (!n->store.started)
		return;
	WRITE_ONCE(n->store.stopping, true);
	wake_up_all(&n->store.wal.wait);
	wake_up_all(&n->store.wal.idle);
	cns_storage_put(n);
}

/* Unloading: all threads have ended when this returns. No node is left. */
void cns_wal_exit(void)
{
	int n = atomic_read(&cns_wal_begun);

	while (n--)
		wait_for_completion(&cns_wal_ended);
}
