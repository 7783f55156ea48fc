/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log in memory: two rings that the caller allocates once, one of slots
 * (term, kind, where) and one of bytes. Appending copies; nothing is ever
 * allocated, so appending fails only by being full.
 */
#ifndef CNS_RAFT_LOG_H
#define CNS_RAFT_LOG_H

#include <linux/types.h>

enum {
	RAFT_ENTRY_MAX = 1024,	/* bytes of one entry, so that one fits a datagram */
	RAFT_ENTRY_COST = 12,	/* bytes of framing that a message adds to each */
};

enum raft_entry_kind {
	RAFT_NOOP = 1,		/* begins a term (paper 8, thesis 6.4) */
	RAFT_MEMBERS,		/* a struct raft_config, effective when appended */
	RAFT_COMMAND,		/* for the state machine; opaque here */
};

/**
 * struct raft_entry - a view of one entry
 * @term: term in which a leader made it
 * @data: @len bytes; not ours
 * @len: at most RAFT_ENTRY_MAX
 * @kind: enum raft_entry_kind
 */
struct raft_entry {
	u64 term;
	const u8 *data;
	u16 len;
	u8 kind;
};

/**
 * struct raft_slot - one entry's place
 * @term: its term
 * @offset: low half of the free-running offset of its bytes
 * @len: its bytes
 * @kind: enum raft_entry_kind
 * @note: the core's own: which peer waits for the commit, plus one; 0: none
 */
struct raft_slot {
	u64 term;
	u32 offset;
	u16 len;
	u8 kind;
	u8 note;
};

/**
 * struct raft_log_mem - the rings
 * @slots: one an entry
 * @bytes: the entries' bytes
 * @n_slots: how many slots: a power of two, at least 8
 * @n_bytes: how many bytes: a power of two, at least 2 * RAFT_ENTRY_MAX
 */
struct raft_log_mem {
	struct raft_slot *slots;
	u8 *bytes;
	u32 n_slots;
	u32 n_bytes;
};

/**
 * struct raft_log - entries (base, last]
 * @mem: the rings
 * @base: index before the first entry held: snapshot's or compaction's
 * @base_term: that entry's term
 * @last: index of the last entry; @base if there is none
 * @head: byte offset (free running) of the oldest entry's bytes
 * @tail: byte offset (free running) behind the newest entry's bytes
 */
struct raft_log {
	struct raft_log_mem mem;
	u64 base;
	u64 base_term;
	u64 last;
	u64 head;
	u64 tail;
};

int raft_log_init(struct raft_log *l, const struct raft_log_mem *mem);
/* -ENOSPC: full. */
int raft_log_append(struct raft_log *l, const struct raft_entry *e);
/* Drop everything behind @index; @index is at least base. */
void raft_log_truncate(struct raft_log *l, u64 index);
/* Drop everything up to and including @index, which becomes the base. */
void raft_log_compact(struct raft_log *l, u64 index);
/* Forget everything; begin anew behind (@index, @term). */
void raft_log_reset(struct raft_log *l, u64 index, u64 term);
/* -ENOENT: not held. */
int raft_log_get(const struct raft_log *l, u64 index, struct raft_entry *e);
/* Term at @index, also at base; 0 where not known. */
u64 raft_log_term(const struct raft_log *l, u64 index);
/* Share of the fuller ring in use, 0 to 100. */
unsigned int raft_log_fill(const struct raft_log *l);

#endif
