// SPDX-License-Identifier: GPL-2.0
/*
 * What a start finds in storage, and makes of it: superblock, snapshot, log, in
 * that order, into a core and a state that nobody else sees yet. Then the new
 * boot is made durable, and only then the node gets them, and speaks.
 *
 * Runs on the WAL thread. What is found wrong is final: the node stands as
 * FAILED with the reason, and touches the storage no more.
 */
#include <linux/random.h>
#include <linux/vmalloc.h>

#include <linux/consensus_storage.h>
#include "node.h"

/**
 * struct cns_load - a start under way
 * @n: the node, which nobody drives yet
 * @raft: its core to be
 * @fsm: its state to be
 * @super: as found, then as it is to be
 * @replay: reading the ring
 * @applied: index up to which @fsm has it
 * @entries: that the log in memory holds
 * @bad: superblock slots that are damaged or behind, bits
 * @err: of a handler
 */
struct cns_load {
	struct cns_node *n;
	struct raft *raft;
	struct fsm *fsm;
	struct record_super super;
	struct record_replay replay;
	u64 applied;
	u32 entries;
	u32 bad;
	int err;
};

__printf(2, 3)
static int cns_refuse(struct cns_load *l, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(l->n->why, sizeof(l->n->why), fmt, args);
	va_end(args);
	return -EINVAL;
}

static int cns_read(struct cns_load *l, u64 pos, void *buf, u64 len)
{
	struct cns_storage *st = &l->n->store;
	int err;

	if (READ_ONCE(st->stopping))
		return -EINTR;
	err = cns_file_read(&st->file, pos, buf, len);
	if (err)
		cns_refuse(l, "storage cannot be read at byte %llu: error %d",
			   pos, -err);
	WRITE_ONCE(st->loaded, st->loaded + len);
	return err;
}

/* ------------------------------------------------------------- superblock */

static u64 cns_random(void)
{
	u64 r;

	do {
		r = get_random_u64();
	} while (!r);
	return r;
}

/* Prepared and never used: born now. */
static int cns_born(struct cns_load *l, const u8 *slot)
{
	struct raft_id node = { .hi = cns_random(), .lo = cns_random() };
	struct record_layout layout;
	int err;

	err = record_blank_decode(&layout, l->n->store.file.size, slot);
	if (err == -ENODATA)
		return cns_refuse(l,
				  "there is no storage of this program: prepare it with consensusctl format");
	if (err)
		return cns_refuse(l,
				  "the storage was prepared for another size: prepare it again with consensusctl format");
	record_super_init(&l->super, &layout, node);
	/* The blank stays until the other slot is good. */
	l->bad = 2;
	return 0;
}

static int cns_super_find(struct cns_load *l, const u8 *slots)
{
	int err = record_super_choose(&l->super, slots, slots + RECORD_SLOT);

	if (err > 0)
		pr_warn("consensus: node %s: one superblock slot is damaged, and written anew\n",
			l->n->params.name);
	if (err >= 0) {
		l->bad = err;
		return 0;
	}
	if (!cns_born(l, slots))
		return 0;
	if (err == -EPROTO)
		return cns_refuse(l, "the storage was written by a newer version of this program");
	if (!memcmp(slots, CONSENSUS_STORAGE_MAGIC, 8) ||
	    !memcmp(slots + RECORD_SLOT, CONSENSUS_STORAGE_MAGIC, 8))
		return cns_refuse(l, "both superblocks of the storage are damaged");
	return -EINVAL;
}

static int cns_super_check(struct cns_load *l)
{
	const struct record_super *s = &l->super;
	u64 size = l->n->store.file.size;

	if (s->flags & RECORD_FAILED)
		return cns_refuse(l, "this storage must not be used any more: %s",
				  s->why);
	if (s->base.len > LONG_MAX - RECORD_SECTOR)
		return cns_refuse(l, "the snapshot in storage is too long for this machine");
	if (s->layout.size > size)
		return cns_refuse(l, "the storage has %llu bytes, and had %llu",
				  size, s->layout.size);
	if (s->name[0] && strcmp(s->name, l->n->params.name))
		return cns_refuse(l, "this is the storage of node %s", s->name);
	return 0;
}

static int cns_super_read(struct cns_load *l)
{
	u8 *slots = vmalloc(2 * RECORD_SLOT);
	int err = -ENOMEM;

	if (!slots)
		return cns_refuse(l, "no memory");
	if (l->n->store.file.size < 2 * RECORD_SLOT)
		err = cns_refuse(l, "the storage is too small: prepare it with consensusctl format");
	else
		err = cns_read(l, 0, slots, 2 * RECORD_SLOT);
	if (!err)
		err = cns_super_find(l, slots);
	if (!err)
		err = cns_super_check(l);
	vfree(slots);
	return err;
}

/* --------------------------------------------------------------- snapshot */

static int cns_snapshot_read(struct cns_load *l, u8 *buf)
{
	const struct record_base *b = &l->super.base;
	struct raft_snapshot s = {
		.index = b->index,
		.data = buf,
		.len = b->len,
	};
	int err;

	err = cns_read(l, l->super.layout.area[b->area], buf,
		       ALIGN(b->len, RECORD_SECTOR));
	if (err)
		return err;
	if (cns_checksum(buf, b->len) != b->checksum)
		return cns_refuse(l, "the snapshot in storage is damaged (area %u, index %llu)",
				  b->area, b->index);
	if (!cns_snapshot_load(l->fsm, &s))
		return cns_refuse(l, "the snapshot in storage cannot be loaded (index %llu)",
				  b->index);
	return 0;
}

static int cns_load_base(struct cns_load *l)
{
	const struct record_base *b = &l->super.base;
	int err = 0;
	u8 *buf;

	l->applied = b->index;
	if (!b->index)
		return cns_feed(l->fsm) ? 0 : cns_refuse(l, "no memory");
	buf = vmalloc(ALIGN(b->len, RECORD_SECTOR));
	if (!buf)
		return cns_refuse(l, "no memory for the snapshot in storage");
	err = cns_snapshot_read(l, buf);
	vfree(buf);
	if (!err && raft_restore(l->raft, b->index, b->term, &b->config))
		err = cns_refuse(l, "the superblock's configuration is unusable");
	return err;
}

/* -------------------------------------------------------------------- log */

static int cns_load_one(struct cns_load *l)
{
	struct fsm_outcome out;
	struct raft_entry e;
	int err;

	if (!fsm_room(l->fsm, l->applied, 64) && !cns_feed(l->fsm))
		return -ENOMEM;
	err = raft_entry(l->raft, l->applied + 1, &e);
	if (!err)
		err = fsm_apply(l->fsm, l->applied + 1, e.data,
				e.kind == RAFT_COMMAND ? e.len : 0, &out);
	if (!err && out.kind == FSM_OUT_DIFFERS)
		err = -EILSEQ;
	if (!err)
		l->applied++;
	return err;
}

/*
 * What is known to be committed is applied, and need not stay in memory: of it,
 * @keep in 2 parts do, for peers that are behind.
 */
static int cns_load_apply(struct cns_load *l, u64 commit, unsigned int keep)
{
	u64 first;
	int err = 0;

	if (commit > l->applied)
		err = raft_restore_commit(l->raft, commit);
	while (!err && l->applied < commit) {
		err = cns_load_one(l);
		cond_resched();
	}
	if (err)
		return err;
	raft_applied(l->raft, l->applied);
	first = raft_first_index(l->raft);
	if (raft_fill(l->raft) > CNS_COMPACT_PERCENT && l->applied > first)
		raft_compact(l->raft, l->applied -
			     (l->applied - first) / 2 * keep);
	cond_resched();
	return 0;
}

static void cns_load_cut(void *ctx, u64 index)
{
	struct cns_load *l = ctx;

	if (raft_restore_cut(l->raft, index))
		l->err = -EINVAL;
}

static int cns_load_entry(void *ctx, u64 index, const struct raft_entry *e)
{
	struct cns_load *l = ctx;
	int err = l->err ?: raft_restore_entry(l->raft, e);

	if (err != -ENOSPC)
		return err;
	err = cns_load_apply(l, min(l->replay.commit, index - 1), 0);
	return err ?: raft_restore_entry(l->raft, e);
}

static int cns_load_group(void *ctx, const struct record_replay *rp)
{
	struct cns_load *l = ctx;

	if (raft_fill(l->raft) > CNS_COMPACT_PERCENT)
		return cns_load_apply(l, rp->commit, 1);
	return l->err;
}

static int cns_load_read(void *ctx, u64 at, u32 n, u8 *buf)
{
	struct cns_load *l = ctx;

	return cns_read(l, l->super.layout.ring + at * RECORD_SECTOR, buf,
			(u64)n * RECORD_SECTOR);
}

static int cns_load_verdict(struct cns_load *l, enum record_verdict v)
{
	const struct record_replay *rp = &l->replay;
	u64 at = l->super.layout.ring + rp->bad * RECORD_SECTOR;

	switch (v) {
	case RECORD_CLEAN:
		return 0;
	case RECORD_DOUBT:
		l->super.flags |= RECORD_DOUBTS;
		break;
	case RECORD_DOUBT_VOTE:
		l->super.flags |= RECORD_DOUBTS | RECORD_DOUBTS_VOTE;
		break;
	case RECORD_CORRUPT:
		return cns_refuse(l,
				  "the log in storage is damaged: sector %llu of the ring (byte %llu)",
				  rp->bad, at);
	case RECORD_UNREADABLE:
		if (!l->n->why[0])
			cns_refuse(l, "%s: error %d", rp->err == -ENOSPC ?
				   "log-entries is smaller than at the last start" :
				   "the log in storage makes no sense",
				   -rp->err);
		return rp->err;
	}
	pr_warn("consensus: node %s: the end of the log in storage is damaged (byte %llu): it does not vote until it has caught up\n",
		l->n->params.name, at);
	return 0;
}

static enum raft_doubt cns_doubt_of(const struct record_super *s)
{
	if (s->flags & RECORD_DOUBTS_VOTE)
		return RAFT_DOUBT_VOTE;
	return s->flags & RECORD_DOUBTS ? RAFT_DOUBT_LOG : RAFT_SURE;
}

static int cns_load_log(struct cns_load *l)
{
	struct record_replay *rp = &l->replay;
	int err;

	rp->super = &l->super;
	rp->ctx = l;
	rp->read = cns_load_read;
	rp->cut = cns_load_cut;
	rp->entry = cns_load_entry;
	rp->group = cns_load_group;
	rp->buf = vmalloc(2 * RECORD_GROUP_SECTORS * RECORD_SECTOR);
	if (!rp->buf)
		return cns_refuse(l, "no memory");
	record_ring_init(&rp->ring, &l->super);
	err = cns_load_verdict(l, record_replay(rp));
	vfree(rp->buf);
	if (!err)
		err = cns_load_apply(l, rp->commit, 1);
	if (!err)
		err = raft_restore_end(l->raft, &rp->hard,
				       cns_doubt_of(&l->super));
	/* Room for whatever the entries behind that turn out to need. */
	while (!err && !fsm_room(l->fsm, raft_last_index(l->raft), 1))
		if (!cns_feed(l->fsm))
			err = -ENOMEM;
	if (err && !l->n->why[0])
		cns_refuse(l, "the log in storage cannot be used: error %d",
			   -err);
	return err;
}

/* ------------------------------------------------------------------ going live */

/* Durable before the first datagram of this start (design 3). */
static int cns_load_boot(struct cns_load *l)
{
	struct cns_storage *st = &l->n->store;
	struct record_super *s = &l->super;
	int err;

	s->boots++;
	s->boot_nonce[s->boots % RECORD_BOOTS] = cns_random();
	strscpy(s->name, l->n->params.name, sizeof(s->name));
	/* The vote of a group that was cut may stand nowhere else. */
	s->hard = l->replay.hard;
	s->durable_group = l->replay.ring.last_group;
	/* What was read may be in a cache of the disk's only, so far. */
	err = cns_file_flush(&st->file);
	/* The good slot stays until the other one is good. */
	if (!err)
		err = cns_super_write(st, s, l->bad == 2);
	if (err)
		cns_refuse(l, "the superblock cannot be written: error %d",
			   -err);
	return err;
}

static void cns_load_wal(struct cns_load *l)
{
	struct cns_wal *w = &l->n->store.wal;

	w->ring = l->replay.ring;
	w->hard = l->replay.hard;
	w->handed = l->replay.last;
	w->handed_term = raft_term_at(l->raft, w->handed);
	w->stage[0].g.hard = w->hard;
	w->stage[0].g.last = w->handed;
	w->stage[0].g.commit = l->replay.commit;
}

static void cns_load_past(struct cns_storage *st)
{
	const struct record_super *s = &st->super;
	u32 i;

	for (i = 0; i < s->n_peers; i++)
		st->past[i] = (struct wire_past){
			.node = s->peer[i].node,
			.boot = { s->peer[i].counter, s->peer[i].nonce },
			.term = s->peer[i].term,
			.index = s->peer[i].index,
		};
}

/* The owner's: core and state are there. */
static void cns_load_live(struct cns_node *n, void *arg)
{
	struct wire_self *self = &n->self;
	struct cns_storage *st = &n->store;
	const struct record_super *s = &st->super;
	struct cns_load *l = arg;

	if (n->stopped)
		return;
	swap(n->raft, l->raft);
	swap(n->fsm, l->fsm);
	n->params.log_entries = l->entries;
	self->hello.node.lo = s->node.lo;
	/* Pairs with encap_rcv, which drops what comes from this node itself. */
	WRITE_ONCE(self->hello.node.hi, s->node.hi);
	self->hello.boot.counter = s->boots;
	self->hello.boot.nonce = s->boot_nonce[s->boots % RECORD_BOOTS];
	memcpy(self->boot_nonce, s->boot_nonce, sizeof(self->boot_nonce));
	self->past = st->past;
	self->n_past = s->n_peers;
	self->hello.cluster = s->cluster;
	/* Promised to nobody: it asked to be replicated to, and still does. */
	self->hello.want = raft_id_some(s->cluster) &&
			   !raft_id_some(s->coordinator);
	self->hello.doubt = st->doubt != RAFT_SURE;
	n->promised_id = s->coordinator;
	strscpy(n->promised_to, s->promised_to, sizeof(n->promised_to));
	cns_node_client(n);
	cns_node_live(n);
}

static void cns_load_failed(struct cns_node *n, void *arg)
{
	n->loading = false;
	/* It has no name to speak under. */
	n->hello_at = U64_MAX;
	raft_fail(n->raft, n->why);
}

/* A log whose uncommitted part always fits the ring, whatever its entries. */
static u32 cns_load_entries(const struct cns_load *l)
{
	u64 most = l->super.layout.ring_bytes / CNS_RING_ENTRY;
	u32 entries = l->n->params.log_entries;

	while (entries > most)
		entries /= 2;
	return entries;
}

static int cns_load(struct cns_load *l)
{
	struct cns_node *n = l->n;
	struct cns_storage *st = &n->store;
	int err = cns_super_read(l);

	if (err)
		return err;
	WRITE_ONCE(st->to_load, 2 * RECORD_SLOT + l->super.base.len +
		   l->super.layout.ring_bytes);
	l->entries = cns_load_entries(l);
	l->raft = cns_raft_new(n, l->super.node, l->entries);
	l->fsm = cns_fsm_new(n);
	if (!l->raft || !l->fsm)
		return cns_refuse(l, "no memory for the log");
	err = cns_load_base(l);
	if (!err)
		err = cns_load_log(l);
	if (!err)
		err = cns_load_boot(l);
	if (err)
		return err;
	st->saved_cluster = st->super.cluster;
	st->saved_coordinator = st->super.coordinator;
	st->doubt = cns_doubt_of(&st->super);
	st->compacted = st->super.base.index;
	st->compacted_bytes = st->super.base.len;
	st->layout = st->super.layout;
	cns_load_wal(l);
	cns_load_past(st);
	return 0;
}

/* Read the storage. True: the node lives, and its log may be written. */
bool cns_recover(struct cns_node *n)
{
	struct cns_load *l = kvzalloc(sizeof(*l), GFP_KERNEL);
	int err = -ENOMEM;

	if (l) {
		l->n = n;
		err = cns_load(l);
	} else {
		strscpy(n->why, "no memory", sizeof(n->why));
	}
	if (!err)
		cns_node_call(n, cns_load_live, l);
	else if (err != -EINTR || !READ_ONCE(n->store.stopping))
		cns_node_call(n, cns_load_failed, NULL);
	if (l) {
		kvfree(l->raft);
		cns_fsm_free(l->fsm);
	}
	kvfree(l);
	return !err;
}
