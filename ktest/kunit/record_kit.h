/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A storage in memory, a writer of its ring, and the log that it must hold, for
 * the suites of the record codec and its fuzzer. Content of entries follows from
 * index and term.
 */
#ifndef KTEST_RECORD_KIT_H
#define KTEST_RECORD_KIT_H

#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/string.h>
#include <linux/types.h>
#include "../../kmod/record/layout.h"

enum {
	KIT_RING = 1 << 20,			/* bytes: the smallest */
	KIT_SECTORS = KIT_RING / RECORD_SECTOR,
	KIT_LOG = 1 << 13,			/* entries remembered: a power of two */
	KIT_GROUP = RECORD_GROUP_SECTORS * RECORD_SECTOR,
	KIT_WINDOW = 2 * KIT_GROUP,
};

/**
 * struct kit_log - a log
 * @first: index of the first entry
 * @last: of the last; @first - 1: empty
 * @term: of each
 * @len: of each
 */
struct kit_log {
	u64 first;
	u64 last;
	u32 term[KIT_LOG];
	u16 len[KIT_LOG];
};

/**
 * struct kit - the storage
 * @super: as in both slots
 * @ring: where the writer stands
 * @log: what the log is, with all that was staged
 * @durable: what it is without
 * @g: of the group that is staged
 * @hard: of the last durable group
 * @staged: bytes in @records
 * @n: sectors of the group that is sealed
 * @replay: of the last kit_replay()
 * @found: the log that this found
 * @bad_call: a handler was called as it must not be
 * @reads: how often it read
 * @fail_read: the read of this number fails; 0: none
 * @image: the ring: KIT_RING bytes
 * @sectors: the group that is sealed: KIT_GROUP bytes
 * @records: the group that is staged: RECORD_GROUP_BYTES
 * @buf: of the replay: KIT_WINDOW bytes
 * @data: of an entry
 */
struct kit {
	struct record_super super;
	struct record_ring ring;
	struct kit_log log;
	struct kit_log durable;
	struct record_group g;
	struct raft_hard hard;
	u32 staged;
	u32 n;
	struct record_replay replay;
	struct kit_log found;
	const char *bad_call;
	u32 reads;
	u32 fail_read;
	u8 *image;
	u8 *sectors;
	u8 *records;
	u8 *buf;
	u8 data[RAFT_ENTRY_MAX];
};

#define KIT_NODE ((struct raft_id){ 0x1234, 0x5678 })
#define KIT_CLUSTER ((struct raft_id){ 0xc1, 0xc2 })

static inline u32 kit_slot(u64 index)
{
	return (u32)index & (KIT_LOG - 1);
}

static inline u64 kit_term(const struct kit_log *l, u64 index)
{
	return index < l->first || index > l->last ? 0 :
						     l->term[kit_slot(index)];
}

static inline const u8 *kit_data(struct kit *k, u64 index, u64 term, u16 len)
{
	u32 x = (u32)(index * 7919 + term * 104729);
	u16 i;

	for (i = 0; i < len; i++) {
		x = x * 1103515245 + 12345;
		k->data[i] = (u8)(x >> 16);
	}
	return k->data;
}

/* An empty storage; the memory is there. */
static inline void kit_init(struct kit *k)
{
	struct record_layout l;

	memset(k, 0, offsetof(struct kit, image));
	memset(k->image, 0, KIT_RING);
	if (record_layout(16 << 20, KIT_RING, &l))
		k->bad_call = "record_layout()";
	record_super_init(&k->super, &l, KIT_NODE);
	k->super.cluster = KIT_CLUSTER;
	record_ring_init(&k->ring, &k->super);
	k->log.first = 1;
	k->durable.first = 1;
	k->hard.term = 1;
	k->g.hard = k->hard;
	k->super.hard = k->hard;
}

/* ------------------------------------------------------------------ writing */

/* Term of the entry at @index as the writer knows it, or of the snapshot. */
static inline u64 kit_term_at(const struct kit *k, u64 index)
{
	return index == k->super.base.index ? k->super.base.term :
					      kit_term(&k->log, index);
}

static inline void kit_cut(struct kit *k, u64 index)
{
	k->staged = record_put_cut(k->records, k->staged, index,
				   kit_term_at(k, index - 1));
	k->log.last = index - 1;
	k->g.last = k->log.last;
	k->g.commit = min(k->g.commit, k->g.last);
}

static inline void kit_entry(struct kit *k, u64 term, u16 len)
{
	u64 index = ++k->log.last;
	struct raft_entry e = {
		.term = term,
		.len = len,
		.kind = RAFT_COMMAND,
		.data = kit_data(k, index, term, len),
	};

	k->log.term[kit_slot(index)] = (u32)term;
	k->log.len[kit_slot(index)] = len;
	k->staged = record_put_entry(k->records, k->staged, &e);
	k->g.last = index;
	if (k->g.hard.term < term) {
		k->g.hard.term = term;
		k->g.hard.vote = RAFT_NOBODY;
		k->g.hard_changed = true;
	}
}

static inline void kit_vote(struct kit *k, u64 term, u64 who)
{
	k->g.hard.term = term;
	k->g.hard.vote = (struct raft_id){ who, who };
	k->g.hard_changed = true;
}

/* What is staged, as sectors. */
static inline u32 kit_seal(struct kit *k)
{
	k->n = record_group_seal(&k->ring, &k->g, k->records, k->staged,
				 k->sectors);
	return k->n;
}

static inline u8 *kit_at(struct kit *k, u64 position)
{
	return k->image + (u32)(position & (KIT_SECTORS - 1)) * RECORD_SECTOR;
}

static inline void kit_place(struct kit *k, u32 i)
{
	memcpy(kit_at(k, k->ring.head + i), k->sectors + i * RECORD_SECTOR,
	       RECORD_SECTOR);
}

/* The group that was sealed is durable. */
static inline void kit_done(struct kit *k)
{
	record_ring_advance(&k->ring, &k->g, k->n);
	k->hard = k->g.hard;
	k->g.hard_changed = false;
	k->durable = k->log;
	k->staged = 0;
}

static inline void kit_write(struct kit *k)
{
	u32 i;

	kit_seal(k);
	for (i = 0; i < k->n; i++)
		kit_place(k, i);
	kit_done(k);
}

/* An update of the superblock. */
static inline void kit_super(struct kit *k)
{
	k->super.generation++;
	k->super.hard = k->hard;
	k->super.durable_group = k->ring.last_group;
}

static inline struct record_base kit_base(u64 index, u64 term,
					  struct record_mark m)
{
	return (struct record_base){
		.index = index,
		.term = term,
		.len = 1,
		.config = { .n = 1, .n_voters = 1, .member = { KIT_NODE } },
		.group = m.group,
		.position = m.position,
	};
}

/* A snapshot of our own at @index is durable. */
static inline void kit_compact(struct kit *k, u64 index)
{
	struct record_base base = kit_base(index, kit_term(&k->log, index),
					   record_ring_mark(&k->ring, index));

	k->super.base = base;
	kit_super(k);
	record_ring_release(&k->ring, &base);
	k->log.first = index + 1;
	k->durable.first = index + 1;
}

/* A snapshot of a leader's is durable; the log begins anew behind it. */
static inline void kit_install(struct kit *k, u64 index, u64 term)
{
	struct record_base base = kit_base(index, term,
					   record_ring_next(&k->ring));

	k->super.base = base;
	kit_super(k);
	record_ring_release(&k->ring, &base);
	k->log.first = index + 1;
	k->log.last = index;
	k->durable = k->log;
}

/* ------------------------------------------------------------------ reading */

static inline int kit_read(void *ctx, u64 at, u32 n, u8 *buf)
{
	struct kit *k = ctx;

	if (at + n > KIT_SECTORS || at % 8 || n % 8 || !n ||
	    (buf - k->buf) % RECORD_ALIGN ||
	    buf + n * RECORD_SECTOR > k->buf + KIT_WINDOW)
		k->bad_call = "read()";
	if (++k->reads == k->fail_read)
		return -EIO;
	memcpy(buf, k->image + (u32)at * RECORD_SECTOR, n * RECORD_SECTOR);
	return 0;
}

static inline void kit_on_cut(void *ctx, u64 index)
{
	struct kit *k = ctx;

	if (index < k->found.first || index > k->found.last)
		k->bad_call = "cut()";
	k->found.last = index - 1;
}

static inline int kit_on_entry(void *ctx, u64 index, const struct raft_entry *e)
{
	struct kit *k = ctx;
	u32 at = kit_slot(index);

	if (index != k->found.last + 1 || e->kind != RAFT_COMMAND ||
	    memcmp(kit_data(k, index, e->term, e->len), e->data, e->len) ||
	    k->replay.commit >= index)
		k->bad_call = "entry()";
	k->found.last = index;
	k->found.term[at] = (u32)e->term;
	k->found.len[at] = e->len;
	return 0;
}

static inline int kit_on_group(void *ctx, const struct record_replay *rp)
{
	struct kit *k = ctx;

	if (rp != &k->replay || rp->last != k->found.last ||
	    rp->commit > rp->last)
		k->bad_call = "group()";
	return 0;
}

/* As a start begins. */
static inline void kit_rewind(struct kit *k)
{
	struct record_replay *rp = &k->replay;

	rp->super = &k->super;
	rp->buf = k->buf;
	rp->ctx = k;
	rp->read = kit_read;
	rp->cut = kit_on_cut;
	rp->entry = kit_on_entry;
	rp->group = kit_on_group;
	record_ring_init(&rp->ring, &k->super);
	k->found.first = k->super.base.index + 1;
	k->found.last = k->super.base.index;
	k->reads = 0;
}

/* Read the ring as a start does. */
static inline enum record_verdict kit_replay(struct kit *k)
{
	kit_rewind(k);
	return record_replay(&k->replay);
}

/* The writer goes on from what was found. */
static inline void kit_start(struct kit *k)
{
	k->ring = k->replay.ring;
	k->log = k->found;
	k->durable = k->found;
	k->hard = k->replay.hard;
	k->g.hard = k->hard;
	k->g.hard_changed = false;
	k->g.last = k->replay.last;
	k->g.commit = k->replay.commit;
	k->staged = 0;
}

static inline bool kit_same(const struct kit_log *a, const struct kit_log *b)
{
	u64 i;

	if (a->first != b->first || a->last != b->last)
		return false;
	for (i = a->first; i <= a->last; i++)
		if (a->term[kit_slot(i)] != b->term[kit_slot(i)] ||
		    a->len[kit_slot(i)] != b->len[kit_slot(i)])
			return false;
	return true;
}

static inline bool kit_same_hard(struct raft_hard a, struct raft_hard b)
{
	return a.term == b.term && raft_id_eq(a.vote, b.vote);
}

/* xorshift64* (Vigna, 2016); a number below @n, which is small. */
static inline u32 kit_below(u64 *random, u32 n)
{
	*random ^= *random >> 12;
	*random ^= *random << 25;
	*random ^= *random >> 27;
	return (u32)((*random * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

#endif
