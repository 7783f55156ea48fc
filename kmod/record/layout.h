/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What lies where in a storage. Private to kmod/record.
 *
 *	slot	struct record_slot_bytes
 *	sector	struct record_head_bytes, RECORD_PAYLOAD bytes of its group
 *	group	the payloads of its sectors, one behind the other: struct
 *		record_group_bytes, records, zeros
 *	record	struct record_step_bytes, an entry's bytes, zeros up to a
 *		multiple of 8
 *
 * Little-endian, naturally aligned, no hole, zero where nothing is meant; each
 * content has exactly one encoding. Only a slot is read where it lies: all else
 * by copying, since records may begin at any address.
 */
#ifndef CNS_RECORD_LAYOUT_H
#define CNS_RECORD_LAYOUT_H

#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/string.h>
#include <asm/byteorder.h>
#include "record.h"

/* Indexes, terms, groups and positions stay below this: sums do not overflow. */
#define RECORD_NUMBER_MAX BIT_ULL(62)

struct record_id_bytes {
	__le64 hi;
	__le64 lo;
};

/* Of a boot that is remembered: struct record_boot. */
struct record_boot_bytes {
	struct record_id_bytes node;
	__le64 counter;
	__le64 nonce;
	__le64 term;
	__le64 index;
};

static_assert(sizeof(struct record_boot_bytes) == 48);

/**
 * struct record_slot_bytes - a superblock: struct record_super
 * @magic: CONSENSUS_STORAGE_MAGIC; this, @version and @crc stay where they are
 *	for ever
 * @version: RECORD_VERSION
 * @crc: of all RECORD_SLOT bytes but these four
 * @generation: and what follows is of struct record_super
 * @size: of the whole; with the next it says all of the layout
 * @ring_bytes: of the ring
 * @node: incarnation
 * @cluster: or zero
 * @coordinator: or zero
 * @promised_to: name, zeros
 * @name: name, zeros
 * @boots: counter
 * @boot_nonce: of start c at c mod RECORD_BOOTS
 * @flags: enum record_flag
 * @n_peers: how many of @peer
 * @why: text, zeros
 * @base_index: of struct record_base, as those below
 * @base_term: all zero if @base_index is
 * @base_checksum: so
 * @base_len: so
 * @base_group: not so
 * @base_position: not so
 * @config_len: bytes of @config in use
 * @area: 0 or 1
 * @zero: zero
 * @config: raft_config_encode(), zeros
 * @term: of struct raft_hard
 * @vote: of struct raft_hard
 * @durable_group: of struct record_super
 * @peer: @n_peers, then zeros
 * @zeros: zero
 */
struct record_slot_bytes {
	u8 magic[8];
	__le32 version;
	__le32 crc;
	__le64 generation;
	__le64 size;
	__le64 ring_bytes;
	struct record_id_bytes node;
	struct record_id_bytes cluster;
	struct record_id_bytes coordinator;
	char promised_to[RECORD_NAME];
	char name[RECORD_NAME];
	__le64 boots;
	__le64 boot_nonce[RECORD_BOOTS];
	__le32 flags;
	__le32 n_peers;
	char why[RECORD_WHY];
	__le64 base_index;
	__le64 base_term;
	__le64 base_checksum;
	__le64 base_len;
	__le64 base_group;
	__le64 base_position;
	__le16 config_len;
	u8 area;
	u8 zero;
	u8 config[RAFT_CONFIG_BYTES_MAX];
	__le64 term;
	struct record_id_bytes vote;
	__le64 durable_group;
	struct record_boot_bytes peer[RECORD_PEERS];
	u8 zeros[1728];
};

static_assert(RAFT_CONFIG_BYTES_MAX == 260);
static_assert(sizeof(struct record_slot_bytes) == RECORD_SLOT);
static_assert(offsetof(struct record_slot_bytes, crc) == 12);
static_assert(offsetof(struct record_slot_bytes, generation) == 16);
static_assert(offsetof(struct record_slot_bytes, promised_to) == 88);
static_assert(offsetof(struct record_slot_bytes, flags) == 352);
static_assert(offsetof(struct record_slot_bytes, base_index) == 488);
static_assert(offsetof(struct record_slot_bytes, config) == 540);
static_assert(offsetof(struct record_slot_bytes, term) == 800);
static_assert(offsetof(struct record_slot_bytes, peer) == 832);

/**
 * struct record_head_bytes - the start of a sector of the ring
 * @crc: of the node's incarnation, then of all of the sector behind this
 * @number: within the group
 * @sectors: of the group
 * @group: number of the group
 * @previous: number of the group before it; 0: none
 * @position: of this sector, counted over all laps: so one that was written or
 *	is read in the wrong place does not count
 * @term: as of the group
 * @vote: as of the group
 */
struct record_head_bytes {
	__le32 crc;
	__le16 number;
	__le16 sectors;
	__le64 group;
	__le64 previous;
	__le64 position;
	__le64 term;
	struct record_id_bytes vote;
};

static_assert(sizeof(struct record_head_bytes) == RECORD_HEAD);
static_assert(offsetof(struct record_head_bytes, group) == 8);
static_assert(offsetof(struct record_head_bytes, vote) == 40);
static_assert(RECORD_PAYLOAD % 8 == 0);
static_assert(RECORD_GROUP_SECTORS <= U16_MAX);

/* In @flags of a group. */
enum { RECORD_GROUP_HARD = 1 << 0 };

/**
 * struct record_group_bytes - what a group begins with
 * @cluster: of the node
 * @before: last index of the log before this group
 * @before_term: that entry's term
 * @commit: of struct record_group
 * @last: of struct record_group
 * @len: bytes of records
 * @version: RECORD_VERSION
 * @flags: RECORD_GROUP_HARD: term or vote differ from the group before
 */
struct record_group_bytes {
	struct record_id_bytes cluster;
	__le64 before;
	__le64 before_term;
	__le64 commit;
	__le64 last;
	__le32 len;
	__le16 version;
	__le16 flags;
};

static_assert(sizeof(struct record_group_bytes) == RECORD_GROUP_HEAD);
static_assert(offsetof(struct record_group_bytes, commit) == 32);
static_assert(RECORD_GROUP_HEAD < RECORD_PAYLOAD);
static_assert(RECORD_GROUP_HEAD + RECORD_GROUP_BYTES <=
	      RECORD_PAYLOAD * RECORD_GROUP_SECTORS);

enum record_step {
	RECORD_STEP_CUT = 1,
	RECORD_STEP_ENTRY,
};

/**
 * struct record_step_bytes - the head of a record
 * @term: ENTRY: of it. CUT: of the entry before @index
 * @index: CUT only, else zero: where the log ends
 * @len: ENTRY only: bytes of it
 * @kind: ENTRY only: enum raft_entry_kind
 * @step: enum record_step
 * @zero: zero
 */
struct record_step_bytes {
	__le64 term;
	__le64 index;
	__le16 len;
	u8 kind;
	u8 step;
	__le32 zero;
};

static_assert(sizeof(struct record_step_bytes) == RECORD_STEP);
static_assert(offsetof(struct record_step_bytes, len) == 16);

static inline struct raft_id record_id(const struct record_id_bytes *b)
{
	return (struct raft_id){ le64_to_cpu(b->hi), le64_to_cpu(b->lo) };
}

static inline struct record_id_bytes record_id_bytes(struct raft_id id)
{
	return (struct record_id_bytes){ cpu_to_le64(id.hi),
					 cpu_to_le64(id.lo) };
}

/* Sector of the ring at @position. */
static inline u64 record_place(u64 sectors, u64 position)
{
	u64 laps = div_u64(position, (u32)sectors);

	return position - laps * sectors;
}

/* -------------------------------------------------------------- sector.c */

/**
 * struct record_sector - the head of a whole sector
 * @number: of it in its group
 * @sectors: of its group
 * @group: number of its group
 * @previous: group before that
 * @position: of it
 * @hard: term and vote
 */
struct record_sector {
	u32 number;
	u32 sectors;
	u64 group;
	u64 previous;
	u64 position;
	struct raft_hard hard;
};

/* Checksum of @bytes, a sector of the ring whose @node is given. */
u32 record_sector_crc(struct raft_id node, const u8 *bytes);
/* Does @bytes hold nothing but zeros? */
bool record_sector_zero(const u8 *bytes);
/* What @bytes say of their group's number, right or wrong. */
u64 record_sector_claim(const u8 *bytes);
/*
 * Is @bytes a whole sector of @r, read at the place of @position? Then *s is what
 * it says.
 */
bool record_sector_read(const struct record_ring *r, u64 position,
			const u8 *bytes, struct record_sector *s);

/* ---------------------------------------------------------------- step.c */

/**
 * struct record_log - the log as the records tell it
 * @base: where the log begins
 * @last: last index, as of the records read
 * @term: that entry's term
 * @begun: a group has been read
 * @joined: the entry at @base's index is the snapshot's last, or was not passed
 *	yet but is; what comes behind it belongs to the log. Else nothing does.
 */
struct record_log {
	const struct record_base *base;
	u64 last;
	u64 term;
	bool begun;
	bool joined;
};

/* Last index of the log that is found, and its term. */
u64 record_log_end(const struct record_log *l);
u64 record_log_end_term(const struct record_log *l);

/**
 * struct record_told - a group's own, as read
 * @g: of it
 * @before: last index before it
 * @before_term: that entry's term
 * @records: of it
 * @len: bytes of them
 */
struct record_told {
	struct record_group g;
	u64 before;
	u64 before_term;
	const u8 *records;
	u32 len;
};

/*
 * Read what a group of @n sectors begins with, out of @bytes, their payloads. 0
 * or -EINVAL: malformed in any way (of the records, only where they end).
 */
int record_told_read(struct record_told *t, const struct record_ring *r,
		     const struct record_sector *s, const u8 *bytes);
/*
 * What the group @t does to the log @l; @commit is known to be committed. With
 * @rp, hand it over. 0; -EINVAL malformed; or what a handler returned.
 */
int record_told_steps(struct record_log *l, const struct record_told *t,
		      u64 commit, struct record_replay *rp);
/* Term of the last entry behind @len bytes of records, that was @term before. */
u64 record_steps_term(const u8 *records, u32 len, u64 term);

#endif
