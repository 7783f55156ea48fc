// SPDX-License-Identifier: GPL-2.0
/*
 * What a start finds: superblock, snapshot, log, in this order. The node speaks
 * only after its start is in both slots. What is refused stays refused.
 */
#include "sim.h"

/**
 * struct reading - the ring on its way into the core
 * @n: whose
 * @found: what came of it so far
 * @senseless: the core would not have it
 */
struct reading {
	struct node *n;
	struct found found;
	bool senseless;
};

static u8 window[2 * RECORD_GROUP_SECTORS * RECORD_SECTOR];

static int read_ring(void *ctx, u64 at, u32 sectors, u8 *buf)
{
	struct reading *rd = ctx;
	const struct storage *s = rd->n->s;
	const struct record_layout *y = &s->keep.super.layout;

	if ((at + sectors) * RECORD_SECTOR > y->ring_bytes)
		sim_fail(rd->n->w, "contract", "%s reads %u sectors at %llu, beyond its ring",
			 rd->n->name, sectors, at);
	memcpy(buf, s->d.view + y->ring + at * RECORD_SECTOR,
	       (u64)sectors * RECORD_SECTOR);
	return 0;
}

static void take_cut(void *ctx, u64 index)
{
	struct reading *rd = ctx;
	struct store *log = &rd->found.log;

	if (raft_restore_cut(rd->n->r, index))
		rd->senseless = true;
	if (index <= log->last)
		log->last = max(log->base, index - 1);
}

/*
 * The log may be longer than memory: what is known to be committed is applied,
 * and makes room.
 */
static void catch_up(struct reading *rd, u64 commit)
{
	struct node *n = rd->n;
	u64 c = min(commit, rd->found.log.last);

	if (c <= n->applied)
		return;
	if (raft_restore_commit(n->r, c)) {
		rd->senseless = true;
		return;
	}
	snap_feed_all(n);
	node_apply(n, n->applied + 1, c);
	if (raft_fill(n->r) > 50)
		raft_compact(n->r, n->applied);
}

/* An entry as somebody made it, or storage has invented it. */
static struct gentry *known(struct node *n, u64 index, const struct raft_entry *e)
{
	struct gentry *g = ghost_find(n->w, index, e->term);

	if (!g || g->len != e->len || g->kind != e->kind ||
	    memcmp(g->data, e->data, e->len))
		sim_fail(n->w, "restart", "%s reads entry %llu/%llu, which nobody made",
			 n->name, index, e->term);
	return g;
}

static int take_entry(void *ctx, u64 index, const struct raft_entry *e)
{
	struct reading *rd = ctx;
	struct store *log = &rd->found.log;
	int err;

	/* "No gap between snapshot and log" (pitfall 12). */
	if (index != log->last + 1)
		sim_fail(rd->n->w, "restart", "%s reads entry %llu behind %llu",
			 rd->n->name, index, log->last);
	err = raft_restore_entry(rd->n->r, e);
	if (err == -ENOSPC) {
		catch_up(rd, rd->found.commit);
		raft_compact(rd->n->r, rd->n->applied);
		err = raft_restore_entry(rd->n->r, e);
	}
	if (err)
		sim_fail(rd->n->w, "restart", "%s: entry %llu read: %d",
			 rd->n->name, index, err);
	store_put(log, index, known(rd->n, index, e));
	log->last = index;
	return 0;
}

static int take_group(void *ctx, const struct record_replay *rp)
{
	struct reading *rd = ctx;

	rd->found.commit = rp->commit;
	catch_up(rd, rp->commit);
	return 0;
}

/* From both slots, or from the wrong one. */
static int choose(struct node *n, struct record_super *s)
{
	const u8 *slot = n->s->d.view;
	struct record_super other;
	int ret = record_super_choose(s, slot, slot + RECORD_SLOT);

	if (n->w->mutant == MUT_OLD_SLOT && ret >= 0) {
		if (!record_super_decode(&other, slot) &&
		    other.generation < s->generation)
			*s = other;
		if (!record_super_decode(&other, slot + RECORD_SLOT) &&
		    other.generation < s->generation)
			*s = other;
	}
	return ret;
}

static bool load_snapshot(struct node *n, const struct record_super *s)
{
	struct raft_snapshot snap = {
		.index = s->base.index, .term = s->base.term,
		.checksum = s->base.checksum, .config = s->base.config,
		.len = s->base.len,
		.data = n->s->d.view + s->layout.area[s->base.area],
	};

	n->applied = snap.index;
	n->applied_term = snap.term;
	if (!snap.index) {
		n->f = fsm_new();
		return true;
	}
	if (raft_checksum(snap.data, snap.len) != snap.checksum)
		return false;
	n->f = fsm_from(&snap);
	return n->f;
}

static bool read_log(struct node *n, struct record_replay *rp,
		     struct reading *rd)
{
	const struct record_super *s = &n->s->keep.super;
	struct store *log = &rd->found.log;

	log->base = s->base.index;
	log->base_term = s->base.term;
	log->last = log->base;
	if (raft_restore(n->r, s->base.index, s->base.term,
			 s->base.index ? &s->base.config : NULL))
		sim_fail(n->w, "restart", "%s: raft_restore()", n->name);
	rp->super = s;
	rp->buf = window;
	rp->ctx = rd;
	rp->read = read_ring;
	rp->cut = take_cut;
	rp->entry = take_entry;
	rp->group = take_group;
	record_ring_init(&rp->ring, s);
	rd->found.verdict = record_replay(rp);
	log->hard = rp->hard;
	rd->found.commit = rp->commit;
	return !rd->senseless;
}

static bool refuse(struct node *n, const char *why)
{
	medium_lost(n, why);
	node_off(n);
	return false;
}

/* In doubt: as found now, or as a start before found and nothing ended since. */
static enum raft_doubt doubt_of(const struct node *n, enum record_verdict v)
{
	u32 flags = n->s->keep.super.flags;

	if (v == RECORD_DOUBT_VOTE || flags & RECORD_DOUBTS_VOTE)
		return RAFT_DOUBT_VOTE;
	return v == RECORD_DOUBT || flags & RECORD_DOUBTS ? RAFT_DOUBT_LOG :
							     RAFT_SURE;
}

static u32 flags_of(const struct node *n, enum raft_doubt d)
{
	u32 flags = n->s->keep.super.flags;

	if (d != RAFT_SURE)
		flags |= RECORD_DOUBTS;
	if (d == RAFT_DOUBT_VOTE)
		flags |= RECORD_DOUBTS_VOTE;
	return flags;
}

/* Mutant "take-torn": what is left of a group is as good as all of it. */
static void take_torn(struct node *n, struct reading *rd)
{
	const struct write *wr = n->st.head;
	struct raft_entry e;

	if (n->w->mutant != MUT_TAKE_TORN || !wr || !wr->n ||
	    wr->first != rd->found.log.last + 1)
		return;
	e.term = wr->e[0]->term;
	e.data = wr->e[0]->data;
	e.len = wr->e[0]->len;
	e.kind = wr->e[0]->kind;
	take_entry(rd, wr->first, &e);
}

/* What the log gave is whole: the core begins with it. */
static bool begin(struct node *n, const struct record_replay *rp,
		  struct reading *rd, int bad_slots)
{
	enum raft_doubt doubt = doubt_of(n, rd->found.verdict);
	struct raft_hard hard = rp->hard;
	bool forget = n->w->mutant == MUT_FORGET_DOUBT;

	if (n->w->mutant == MUT_FORGET_VOTE)
		hard.vote = RAFT_NOBODY;
	n->s->doubt = doubt;
	take_torn(n, rd);
	if (n->w->mutant == MUT_LOSE_ENTRY && rd->found.log.last > n->applied)
		take_cut(rd, rd->found.log.last);
	medium_log(n, &rd->found);
	if (raft_restore_end(n->r, &hard, forget ? RAFT_SURE : doubt))
		sim_fail(n->w, "restart", "%s: an entry is of a later term than %llu",
			 n->name, hard.term);
	if (raft_failed(n->r))
		return refuse(n, raft_failed(n->r));
	/* What was read may be in the disk's cache only. */
	if (n->w->mutant != MUT_TRUST_CACHE)
		disk_flush_all(&n->s->d);
	if (!keep_start(n, rp, flags_of(n, doubt), bad_slots)) {
		node_off(n);
		return false;
	}
	if (doubt != RAFT_SURE)
		n->s->doubt_gen = n->gen;
	wal_start(n, &rp->ring, &rp->hard);
	return true;
}

bool recover(struct node *n)
{
	struct record_replay rp = { 0 };
	struct reading rd = { .n = n };
	struct record_super super;
	int bad = choose(n, &super);

	if (bad < 0)
		return refuse(n, "no superblock");
	medium_super(n, &super);
	if (!load_snapshot(n, &super))
		return refuse(n, "the snapshot is damaged");
	if (!read_log(n, &rp, &rd)) {
		free(rd.found.log.ent);
		return refuse(n, "the log is senseless");
	}
	if (rp.verdict >= RECORD_CORRUPT && n->w->mutant != MUT_CUT_CORRUPT) {
		free(rd.found.log.ent);
		return refuse(n, "the log is damaged");
	}
	return begin(n, &rp, &rd, bad);
}
