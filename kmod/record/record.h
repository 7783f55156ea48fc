/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Storage of one node, as bytes. Pure: what to write where, and what is found
 * again; the driver reads and writes.
 *
 *	0			superblock, slot 0
 *	RECORD_SLOT		superblock, slot 1
 *	2 * RECORD_SLOT		ring of write groups
 *	behind it		snapshot area 0, snapshot area 1
 *
 * The unit that a disk writes whole or not at all is the sector of 512 bytes;
 * nothing else is assumed: what is written without a flush between may reach
 * the medium in any order, or in part.
 *
 * Superblock. It says who this storage is, which snapshot counts, and from
 * where the ring is read behind it. An update goes to one slot, is flushed,
 * then goes to the other, is flushed: at any time one of them is whole, at
 * rest both are, and are the same. Whichever is valid and newer counts.
 *
 * Ring. A write group is a run of sectors, numbered with the group; one group
 * is on its way at a time, and a group is acknowledged by nobody before it is
 * durable as a whole. Every sector has its own checksum, over its place too,
 * and carries term and vote, so that one lost sector never hides a vote: a
 * group that changes them has two sectors at least. It also carries the number
 * of the group before: groups form a chain, in which numbers only rise.
 *
 * Recovery reads groups one behind the other, from the place that the superblock
 * names, until one is not whole. Say that group G was expected at P, behind
 * group L:
 *
 *  - a whole sector of a later group exists (one behind a group after L), or L
 *    is older than the superblock knows to be durable: what was durable once is
 *    damaged: RECORD_CORRUPT.
 *  - all sectors of G are whole or older (an earlier lap's, or zero), at least
 *    one older: torn, acknowledged by nobody, cut: RECORD_CLEAN.
 *  - some sector is neither whole nor older: it may hide what was acknowledged:
 *    RECORD_DOUBT, and RECORD_DOUBT_VOTE if that may be a vote.
 *
 * The writer goes on at P, behind L, with a number above all that it has seen,
 * and its first group covers what is left of G: so no sector that was cut can be
 * taken for one that counts, then or after the next cut.
 *
 * Log. Groups say how the log changed (CUT, ENTRY) and where it ended before. The
 * log that is found begins behind the snapshot; entries that follow another
 * entry than the snapshot's last (they were replaced later, or would have been)
 * are not part of it (paper, figure 13, step 6).
 *
 * ("All File Systems Are Not Created Equal", Pillai et al., OSDI 2014, on what
 * may be assumed of sectors; "Protocol-Aware Recovery for Consensus-Based
 * Storage", Alagappan et al., FAST 2018, on telling torn from corrupt.)
 */
#ifndef CNS_RECORD_RECORD_H
#define CNS_RECORD_RECORD_H

#include <linux/kernel.h>
#include <linux/types.h>
#include "../raft/raft.h"

enum {
	RECORD_VERSION = 1,	/* of the format; an older one is read */
	RECORD_SECTOR = 512,	/* bytes, written whole or not at all */
	RECORD_ALIGN = 4096,	/* regions begin at multiples of it */
	RECORD_SLOT = 4096,	/* bytes of a superblock slot */
	RECORD_HEAD = 56,	/* bytes of a sector's own */
	RECORD_PAYLOAD = RECORD_SECTOR - RECORD_HEAD,
	RECORD_GROUP_HEAD = 56,	/* bytes of payload before a group's records */
	RECORD_STEP = 24,	/* bytes of a record's head, of either kind */
	/* What a group may hold, and the sectors that this takes at most. */
	RECORD_GROUP_BYTES = 1 << 18,
	RECORD_GROUP_SECTORS = (RECORD_GROUP_BYTES + RECORD_PAYLOAD - 1) /
			       RECORD_PAYLOAD + 1,
	RECORD_BOOTS = 16,	/* own boots remembered (design 3) */
	RECORD_PEERS = 32,	/* others' boots remembered */
	RECORD_NAME = 64,	/* bytes of a name with its NUL */
	RECORD_WHY = 128,	/* bytes of a reason with its NUL */
	RECORD_MARKS = 256,	/* places in the ring from which to read, at most */
};

/* Smallest ring and snapshot area. */
#define RECORD_RING_MIN BIT_ULL(20)
#define RECORD_RING_MAX BIT_ULL(32)
#define RECORD_AREA_MIN (2ULL << 20)

/* CRC-32C (Castagnoli), reflected, as iSCSI's (RFC 3720); the driver's.
 * record_crc32c(~0, "123456789", 9) is ~0xe3069283.
 */
u32 record_crc32c(u32 crc, const void *data, size_t len);

/**
 * struct record_layout - where things are (bytes)
 * @size: of the whole
 * @ring: first byte of the ring
 * @ring_bytes: of the ring
 * @area: first byte of each snapshot area
 * @area_bytes: of one area
 */
struct record_layout {
	u64 size;
	u64 ring;
	u64 ring_bytes;
	u64 area[2];
	u64 area_bytes;
};

/*
 * Lay out @size bytes with a ring of @ring_bytes (0: a quarter, at most 64 MiB).
 * 0, or -ENOSPC: too small for the ring and two areas. Rounds down.
 */
int record_layout(u64 size, u64 ring_bytes, struct record_layout *l);

/* -------------------------------------------------------------- superblock */

enum record_flag {
	RECORD_FAILED = 1 << 0,	/* this storage must not be used again, see .why */
	RECORD_DOUBTS = 1 << 1,	/* the log may lack what was acknowledged: the node
				 * abstains until it has caught up
				 */
	RECORD_DOUBTS_VOTE = 1 << 2, /* a vote may be forgotten, too */
};

/**
 * struct record_boot - a start of another incarnation, as remembered
 * @node: whose
 * @counter: of that start
 * @nonce: of that start
 * @term: of the last entry known to be durable there; with @index
 * @index: that entry; 0: none known
 */
struct record_boot {
	struct raft_id node;
	u64 counter;
	u64 nonce;
	u64 term;
	u64 index;
};

/**
 * struct record_base - where the log begins: behind a snapshot, or at the start
 * @index: last index that the snapshot includes; 0: there is none
 * @term: that entry's term
 * @checksum: raft_checksum() of the snapshot
 * @len: its bytes
 * @area: 0 or 1: where it lies
 * @config: configuration at @index
 * @group: last group that is not read any more; 0 at birth
 * @position: sector where the group after that begins, counted over all laps
 */
struct record_base {
	u64 index;
	u64 term;
	u64 checksum;
	u64 len;
	u8 area;
	struct raft_config config;
	u64 group;
	u64 position;
};

/**
 * struct record_super - a superblock
 * @generation: counts updates
 * @layout: where things are
 * @node: incarnation; born with the storage
 * @cluster: belongs or is promised to; RAFT_NOBODY: none
 * @coordinator: incarnation of whom it is promised to
 * @promised_to: that node's name, or empty
 * @name: this node's name, empty until its first start
 * @boots: counter of the last start; 0: never started
 * @boot_nonce: nonce of start c at c mod RECORD_BOOTS; 0: unknown
 * @flags: enum record_flag
 * @why: why FAILED, or empty
 * @base: where the log begins
 * @hard: term and vote when this was written: nothing older is ever found
 * @durable_group: last group that was durable when this was written
 *	(record_ring.last_group); 0: none. The ring must hold whole groups up to
 *	it. At least .base.group
 * @n_peers: how many of @peer
 * @peer: boots of others
 */
struct record_super {
	u64 generation;
	struct record_layout layout;
	struct raft_id node;
	struct raft_id cluster;
	struct raft_id coordinator;
	char promised_to[RECORD_NAME];
	char name[RECORD_NAME];
	u64 boots;
	u64 boot_nonce[RECORD_BOOTS];
	u32 flags;
	char why[RECORD_WHY];
	struct record_base base;
	struct raft_hard hard;
	u64 durable_group;
	u32 n_peers;
	struct record_boot peer[RECORD_PEERS];
};

/*
 * A storage that was prepared (struct consensus_blank of
 * uapi/linux/consensus_storage.h) and never used: its first RECORD_SLOT bytes.
 * 0 with the layout that it asks for; -ENODATA no blank; -EINVAL one that is
 * senseless, or not for a storage of @size bytes.
 */
int record_blank_decode(struct record_layout *l, u64 size, const u8 *slot);
/* A new storage: generation 1, @node, layout @l, empty log. */
void record_super_init(struct record_super *s, const struct record_layout *l,
		       struct raft_id node);
/*
 * Encode into one slot: RECORD_SLOT bytes, all of them written. Slots are aligned
 * to 8 bytes here and below.
 */
void record_super_encode(const struct record_super *s, u8 *slot);
/*
 * 0; -ENODATA all zero; -EPROTO a newer format; -EINVAL none of ours, torn, or
 * senseless in any way (all of it was checked: nothing is checked again).
 */
int record_super_decode(struct record_super *s, const u8 *slot);
/*
 * From both slots, the one that counts. Returns the slots that are to be
 * written anew (bit 0, bit 1; 0: both are fine), or an error of
 * record_super_decode() if neither can be used, or either is of a newer format.
 * Whoever updates next begins with the slot to be written anew: the other one is
 * all that there is.
 */
int record_super_choose(struct record_super *s, const u8 *slot0,
			const u8 *slot1);
/* Remember @b; what was known of that incarnation goes. The oldest makes room. */
void record_remember(struct record_super *s, const struct record_boot *b);
const struct record_boot *record_recall(const struct record_super *s,
					struct raft_id node);

/* -------------------------------------------------------------------- ring */

/**
 * struct record_mark - a place in the ring where reading may begin
 * @group: number of the group that ends there
 * @position: first sector of the next, counted over all laps
 * @before: last index of the log as of @group
 */
struct record_mark {
	u64 group;
	u64 position;
	u64 before;
};

/**
 * struct record_ring - where the writer stands
 * @node: incarnation: every checksum begins with it
 * @cluster: which every group names; that of the superblock. A node that takes
 *	another sets it, before its first group there, and once the superblock
 *	that says so is durable: a group that names another cluster than the
 *	superblock is refused
 * @sectors: of the ring
 * @last_group: number of the last group; 0: there was none yet
 * @group: number of the next group; gaps are allowed
 * @head: its first sector, counted over all laps
 * @tail: sectors below it are free
 * @last: last index of the log as of the last group
 * @last_term: that entry's term; 0: there is none
 * @cover: sectors that the next group has at least, to overwrite what is left of
 *	one that was cut
 * @every: sectors between two marks
 * @n_marks: how many of @mark
 * @mark: oldest first; the first one is at @tail
 */
struct record_ring {
	struct raft_id node;
	struct raft_id cluster;
	u64 sectors;
	u64 last_group;
	u64 group;
	u64 head;
	u64 tail;
	u64 last;
	u64 last_term;
	u32 cover;
	u32 every;
	u32 n_marks;
	struct record_mark mark[RECORD_MARKS];
};

/* As a superblock says, before anything was read. */
void record_ring_init(struct record_ring *r, const struct record_super *s);
/* Sectors that are free. */
u64 record_ring_free(const struct record_ring *r);
/*
 * Where snapshot @index of our own state lets reading begin: the newest mark with
 * .before <= @index, else the oldest.
 */
struct record_mark record_ring_mark(const struct record_ring *r, u64 index);
/*
 * Where the next group will be: nothing that is in the ring now is read. For a
 * snapshot that came from a leader; the first records behind it are
 * CUT (its index + 1, its term).
 */
struct record_mark record_ring_next(const struct record_ring *r);
/* @base is durable in both slots: what lies before its position is free. */
void record_ring_release(struct record_ring *r, const struct record_base *base);

/* ------------------------------------------------------------------- groups
 *
 * The records of a group: a stream of steps. CUT (index): the log ends before
 * @index, whatever it held from there on, with an entry of @term (0: @index is 1).
 * ENTRY: the next entry of the log. A group changes nothing where it holds
 * neither. What follows a snapshot of a leader begins with the CUT behind it.
 */

/* Append a record to @buf at @at; returns the new length. There is room. */
u32 record_put_cut(u8 *buf, u32 at, u64 index, u64 term);
u32 record_put_entry(u8 *buf, u32 at, const struct raft_entry *e);
/* Bytes that an entry takes: a multiple of 8. */
static inline u32 record_entry_bytes(u16 len)
{
	return RECORD_STEP + ((len + 7u) & ~7u);
}

/**
 * struct record_group - what a group says beside its records
 * @hard: term and vote from now on
 * @hard_changed: they differ from the group before
 * @commit: an index known to be committed, and in the log with this group
 * @last: last index of the log with this group
 * @last_term: that entry's term; set by record_group_seal(), out of the records
 */
struct record_group {
	struct raft_hard hard;
	bool hard_changed;
	u64 commit;
	u64 last;
	u64 last_term;
};

/* Sectors that @len bytes of records need; two at least for a term or a vote. */
static inline u32 record_sectors(u32 len, bool hard_changed)
{
	u32 n = (RECORD_GROUP_HEAD + len + RECORD_PAYLOAD - 1) / RECORD_PAYLOAD;

	return n == 1 && hard_changed ? 2 : n;
}

/* Sectors of a group with these records, if it is the next one: .cover counts. */
u32 record_group_sectors(const struct record_ring *r, u32 len,
			 bool hard_changed);
/*
 * Make the next group out of @len (at most RECORD_GROUP_BYTES) bytes of records:
 * fills record_group_sectors() sectors at @to (at most RECORD_GROUP_SECTORS).
 * Returns how many: all of them are to be written. It belongs at sector r->head
 * mod r->sectors of the ring, what does not fit there at the ring's beginning.
 * The caller sees to it that they are free.
 */
u32 record_group_seal(const struct record_ring *r, struct record_group *g,
		      const u8 *records, u32 len, u8 *to);
/* That group is durable (@n sectors). */
void record_ring_advance(struct record_ring *r, const struct record_group *g,
			 u32 n);

/* ---------------------------------------------------------------- recovery */

enum record_verdict {
	RECORD_CLEAN,		/* all that was acknowledged is there */
	RECORD_DOUBT,		/* an acknowledged group may be missing at the end */
	RECORD_DOUBT_VOTE,	/* and with it a term or a vote */
	RECORD_CORRUPT,		/* an acknowledged group is damaged: see .bad */
	RECORD_UNREADABLE,	/* read() or a handler said no: see .err */
};

/**
 * struct record_replay - reading the ring
 * @ring: where the writer stands; record_ring_init() before, ready to write on
 *	after
 * @super: in force
 * @buf: 2 * RECORD_GROUP_SECTORS * RECORD_SECTOR bytes, aligned as reads need
 * @ctx: of the callbacks
 * @read: fill @buf with @n sectors of the ring from sector @at on (at + n is
 *	within it); 0 or a negative errno. Always multiples of 4096 bytes: @at,
 *	@n, and where in .buf
 * @cut: the log ends before @index (always behind the snapshot)
 * @entry: the next entry is @e, at @index; 0 or a negative errno
 * @group: a group has been handed over as a whole; 0 or a negative errno
 * @hard: term and vote as found: the later of the superblock's and the last
 *	group's; with DOUBT, the group's that was cut, too
 * @commit: highest index known to be committed, as of the groups that were
 *	handed over whole; at least the snapshot's
 * @last: last index of the log; at least the snapshot's
 * @groups: how many were read
 * @verdict: enum record_verdict
 * @bad: CORRUPT, DOUBT: the sector of the ring (within it) that is damaged
 * @err: UNREADABLE: what read() or a handler returned
 *
 * Entries up to the snapshot's index are not handed over. What is handed over
 * by a group that comes later may replace what came before (cut, entry).
 *
 * What was read may be only in a cache of the disk's yet. Before it is relied
 * upon, the driver flushes that (with the superblock of the new boot, say).
 */
struct record_replay {
	struct record_ring ring;
	const struct record_super *super;
	u8 *buf;
	void *ctx;
	int (*read)(void *ctx, u64 at, u32 n, u8 *buf);
	void (*cut)(void *ctx, u64 index);
	int (*entry)(void *ctx, u64 index, const struct raft_entry *e);
	int (*group)(void *ctx, const struct record_replay *rp);
	struct raft_hard hard;
	u64 commit;
	u64 last;
	u64 groups;
	u8 verdict;
	u64 bad;
	int err;
};

/*
 * Read the ring from where the superblock says; where the log ends, look through
 * the rest of the ring for what is later. Returns the verdict. A group's records
 * are handed over only once the whole group is known to be good.
 */
enum record_verdict record_replay(struct record_replay *rp);

#endif
