// SPDX-License-Identifier: GPL-2.0
/*
 * The keeper: superblock and snapshots, one job at a time, beside the log.
 *
 *	area written, flushed; first slot written, flushed; second slot likewise
 *
 * Each is an event of its own. The rules that the kernel's keeper follows, too:
 *
 *  - An own snapshot, at S: written only when the log up to S, as it is now, is
 *    durable here. Else a crash would read a suffix behind S that was replaced.
 *    The ring is read from where it says for S.
 *  - A received one, at S: state first, then bytes, then, with nothing in flight
 *    in the log, the superblock; only then raft hears of it. If the present log
 *    holds (S, term), the ring is read from where it says for S; else from where
 *    the next group will be: what is in it now is of another history, and must
 *    not be replayed behind S.
 *  - Term and vote in the superblock, and its last durable group, are those of
 *    the last durable group when it is made.
 *  - The ring is released, and an area used again, when both slots name another.
 *  - What is in doubt is in both slots before anything is written to the ring,
 *    and leaves them when raft says that it is over.
 *  - The counter of a start is in both slots before its first message, and with it
 *    term and vote as they were found: the next group may overwrite what told of
 *    them, and be torn.
 *  - The slot that does not count is written first, or a torn write would leave
 *    none.
 */
#include "sim.h"

static void put_slot(struct node *n, u8 slot, const struct record_super *s)
{
	u8 buf[RECORD_SLOT];

	record_super_encode(s, buf);
	disk_write(&n->s->d, DISK_KEEP, (u64)slot * RECORD_SLOT, buf,
		   RECORD_SLOT);
}

bool keep_start(struct node *n, const struct record_replay *rp, u32 flags,
		int bad_slots)
{
	struct keep *k = &n->s->keep;
	u8 slot = bad_slots & 2 && n->w->mutant != MUT_SLOT_ORDER;
	int i;

	k->next = k->super;
	k->next.generation++;
	k->next.boots++;
	k->next.boot_nonce[k->next.boots % RECORD_BOOTS] = n->boot_nonce;
	k->next.flags = flags;
	/* A group in doubt may be the only one that tells of a vote. */
	if (n->w->mutant != MUT_STALE_HARD) {
		k->next.hard = rp->hard;
		k->next.durable_group = rp->ring.last_group;
	}
	for (i = 0; i < 2; i++, slot ^= 1) {
		put_slot(n, slot, &k->next);
		k->stage = max_t(u8, k->stage, 1);
		if (n->w->ops->cut(n->w, n))
			return false;
		disk_flush(&n->s->d, DISK_KEEP);
		k->stage = 2;
		if (n->w->ops->cut(n->w, n))
			return false;
	}
	k->super = k->next;
	k->stage = 0;
	k->n_torn = 0;
	return true;
}

static void go_on(struct node *n, enum disk_step step)
{
	n->w->ops->disk(n->w, n, DISK_KEEP, step);
}

static void start_job(struct node *n, enum keep_job job, struct blob *b)
{
	struct keep *k = &n->s->keep;

	k->job = job;
	k->blob = b;
	k->pos = b ? 0 : 1;
	go_on(n, DISK_WRITE);
}

/* Flags that the superblock should have by now. */
static u32 flags_now(const struct node *n)
{
	u32 flags = n->s->keep.super.flags & ~(RECORD_DOUBTS | RECORD_DOUBTS_VOTE);
	enum raft_doubt d = raft_doubt(n->r);

	if (d != RAFT_SURE)
		flags |= RECORD_DOUBTS;
	if (d == RAFT_DOUBT_VOTE)
		flags |= RECORD_DOUBTS_VOTE;
	return flags;
}

/* Is there a job? */
void keep_kick(struct node *n)
{
	struct keep *k = &n->s->keep;

	if (n->broken)
		return;
	if (k->waits && wal_idle(n)) {
		k->waits = false;
		go_on(n, DISK_WRITE);
	}
	if (k->job)
		return;
	if (k->incoming) {
		struct blob *b = k->incoming;

		k->incoming = NULL;
		start_job(n, KEEP_INSTALL, b);
	} else if (k->own && k->own->snap.index <= k->super.base.index) {
		blob_put(k->own);
		k->own = NULL;
	} else if (k->own && (n->w->mutant == MUT_SNAP_AHEAD ||
			      raft_durable_index(n->r) >= k->own->snap.index)) {
		struct blob *b = k->own;

		k->own = NULL;
		start_job(n, KEEP_OWN, b);
	} else if (k->super.flags != flags_now(n)) {
		start_job(n, KEEP_SUPER, NULL);
	}
}

void keep_own(struct node *n, struct blob *b)
{
	n->s->keep.own = blob_get(b);
	keep_kick(n);
}

void keep_install(struct node *n, const struct raft_snapshot *s, struct fsm *f)
{
	n->s->keep.incoming = blob_new(s);
	n->s->keep.f = f;
	keep_kick(n);
}

static u8 inactive_area(const struct record_super *s)
{
	return s->base.index ? !s->base.area : 0;
}

static void write_area(struct node *n)
{
	struct keep *k = &n->s->keep;
	const struct record_layout *y = &k->super.layout;
	u64 len = k->blob->snap.len;
	u64 whole = (len + RECORD_SECTOR - 1) & ~(u64)(RECORD_SECTOR - 1);
	u8 *buf;

	if (whole > y->area_bytes)
		sim_fail(n->w, "snapshot", "%s: %llu bytes do not fit an area",
			 n->name, len);
	buf = xcalloc(1, whole);
	memcpy(buf, k->blob->bytes, len);
	disk_write(&n->s->d, DISK_KEEP, y->area[inactive_area(&k->super)], buf,
		   whole);
	free(buf);
}

static bool log_holds(struct node *n, const struct raft_snapshot *s)
{
	struct raft_entry e;

	return !raft_entry(n->r, s->index, &e) && e.term == s->term;
}

/* Where the log begins from now on. */
static void make_base(struct node *n)
{
	struct keep *k = &n->s->keep;
	const struct raft_snapshot *s = &k->blob->snap;
	const struct record_ring *ring = &n->s->wal.ring;
	struct record_base *b = &k->next.base;
	struct record_mark m;

	if ((k->job == KEEP_OWN || log_holds(n, s)) &&
	    n->w->mutant != MUT_WRONG_MARK)
		m = record_ring_mark(ring, s->index);
	else
		m = record_ring_next(ring);
	b->index = s->index;
	b->term = s->term;
	b->checksum = s->checksum;
	b->len = s->len;
	b->area = inactive_area(&k->super);
	b->config = s->config;
	b->group = m.group;
	b->position = m.position;
}

static void make_super(struct node *n)
{
	struct keep *k = &n->s->keep;

	k->next = k->super;
	k->next.generation++;
	if (k->blob)
		make_base(n);
	k->next.flags = flags_now(n);
	k->next.hard = n->s->wal.hard;
	k->next.durable_group = n->s->wal.ring.last_group;
	if (n->w->mutant == MUT_RELEASE_EARLY && k->blob)
		record_ring_release(&n->s->wal.ring, &k->next.base);
}

/* No memory for the state: raft forgets the snapshot, and is sent it again. */
static void give_up(struct node *n)
{
	struct keep *k = &n->s->keep;

	blob_put(k->blob);
	k->blob = NULL;
	k->job = KEEP_NOTHING;
	snap_swap(n, NULL, NULL);
	node_drain(n);
}

static void do_write(struct node *n)
{
	struct keep *k = &n->s->keep;

	if (k->job == KEEP_INSTALL && !k->f) {
		give_up(n);
		return;
	}
	if (k->pos == 0) {
		write_area(n);
	} else if (k->pos == 1) {
		if (k->job == KEEP_INSTALL && !wal_idle(n)) {
			k->waits = true;
			return;
		}
		n->s->wal.held = k->job == KEEP_INSTALL;
		make_super(n);
		put_slot(n, 0, &k->next);
		k->stage = 1;
	} else {
		put_slot(n, 1, &k->next);
	}
	go_on(n, DISK_FLUSH);
}

static void done(struct node *n)
{
	struct keep *k = &n->s->keep;
	struct blob *b = k->blob;
	u8 job = k->job;

	k->super = k->next;
	k->stage = 0;
	k->n_torn = 0;
	k->blob = NULL;
	k->job = KEEP_NOTHING;
	if (!(k->super.flags & RECORD_DOUBTS))
		medium_sure(n);
	if (b) {
		record_ring_release(&n->s->wal.ring, &k->super.base);
		n->s->wal.held = false;
		store_base(n, b);
		n->w->stat.compactions++;
	}
	if (job == KEEP_INSTALL) {
		struct fsm *f = k->f;

		k->f = NULL;
		snap_swap(n, f, b);
	}
	blob_put(b);
	trace(n->w, "%s: superblock %llu, log behind %llu at group %llu",
	      n->name, k->super.generation, k->super.base.index,
	      k->super.base.group);
	node_drain(n);
}

static void do_flush(struct node *n)
{
	struct keep *k = &n->s->keep;
	enum mutant mut = n->w->mutant;

	if (k->pos != 0 || mut != MUT_SNAP_UNFLUSHED)
		disk_flush(&n->s->d, DISK_KEEP);
	if (k->pos == 1)
		k->stage = 2;
	k->pos++;
	if (k->pos == 3 || (k->pos == 2 && mut == MUT_ONE_SLOT))
		done(n);
	else
		go_on(n, DISK_WRITE);
}

void keep_step(struct node *n, enum disk_step step)
{
	if (step == DISK_WRITE)
		do_write(n);
	else
		do_flush(n);
}

/* The power is gone; what the slots may say is remembered. */
void keep_end(struct node *n)
{
	struct keep *k = &n->s->keep;

	blob_put(k->blob);
	blob_put(k->own);
	blob_put(k->incoming);
	fsm_free(k->f);
	k->blob = NULL;
	k->own = NULL;
	k->incoming = NULL;
	k->f = NULL;
	k->job = KEEP_NOTHING;
	k->waits = false;
}
