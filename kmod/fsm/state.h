/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside the state machine: what its files share, and nobody else sees.
 *
 * Memory. Everything lives in chunks that fsm_give() brings and that keep one
 * use for good: objects (a list, filled in order), hash buckets (a directory),
 * sessions with their windows (two a chunk; all 64 are reserved from the
 * start, for who could say that the entries ahead open no session?). So apply
 * takes memory by moving an index, and fsm_room() is a comparison.
 *
 * Hash. The state's hash is a sum over parts, so that a change costs the hash of
 * what it changes. H is SipHash under the replicated seed. It gives each part a
 * key of its own, once, and M mixes under that key what changes often: against
 * accident, not against forgers, for members are trusted (design 3).
 *
 *	limits		H(version, limit of objects, seed)
 *	next token	M(limits, next token)
 *	a counter	M(H(name) + kind, value, index)
 *	a session	key + (key | 1) * low + sum of M(key, result), where key
 *			is H(who it is), over all results that it ever had
 *
 * Results that low has passed stay in the sum, as what they have done stays
 * done; a snapshot carries their share as one number. low is multiplied with
 * an odd number so that moving it costs no hash, and yet two lows that differ
 * never give the same sum.
 */
#ifndef CNS_FSM_STATE_H
#define CNS_FSM_STATE_H

#include <linux/types.h>
#include <linux/bitops.h>
#include <linux/siphash.h>
#include "fsm.h"

enum {
	/* Buckets in a chunk: a power of two, so that finding one divides not. */
	FSM_BUCKET_BITS = sizeof(void *) == 8 ? 13 : 14,
	FSM_BUCKETS = 1 << FSM_BUCKET_BITS,
	FSM_SEGMENTS_MAX = FSM_OBJECTS_LIMIT >> FSM_BUCKET_BITS,
	/* Entries ahead of apply for which there is always room. */
	FSM_RESERVE = 512,
	FSM_SESSION_BUCKETS = 64,
	/* Replaced incarnations that a session remembers. */
	FSM_FORMER = 8,
	FSM_WINDOW_MASK = FSM_WINDOW - 1,
	FSM_NO_SLOT = 0xffff,
};

enum fsm_kind {
	FSM_KIND_COUNTER = 1,
};

/* Results by number: errno values differ between architectures. */
enum fsm_code {
	FSM_OK,
	FSM_CANCELED,
	FSM_OVERFLOWED,
	FSM_FULL,
	FSM_CODES,
};

/**
 * struct fsm_object - a named object
 * @next: in its bucket
 * @hash: of its name
 * @sum: what it adds to the hash of the state
 * @value: counter
 * @index: of its last change
 * @epoch: of the last snapshot that holds it or that it came too late for
 * @kind: enum fsm_kind
 * @name_len: bytes of @name
 * @name: not terminated
 */
struct fsm_object {
	struct fsm_object *next;
	u64 hash;
	u64 sum;
	u64 value;
	u64 index;
	u32 epoch;
	u8 kind;
	u8 name_len;
	char name[FSM_NAME_MAX];
};

enum {
	FSM_CELLS = (FSM_CHUNK_BYTES - 16) / sizeof(struct fsm_object),
};

struct fsm_cells {
	struct fsm_cells *next;
	u64 zero;
	struct fsm_object cell[FSM_CELLS];
};

/**
 * struct fsm_slot - what became of one request
 * @value: result; the handle of a close that is on the chain
 * @index: of the entry that resolved it
 * @next: chain of closes: slot, FSM_NO_SLOT ends it
 * @prev: the same, backwards
 * @back: 0, or a close on the chain: its seq less the last seq of the handle
 * @code: enum fsm_code
 * @zero: zero
 */
struct fsm_slot {
	u64 value;
	u64 index;
	u16 next;
	u16 prev;
	u16 back;
	u8 code;
	u8 zero;
};

/**
 * struct fsm_former - an incarnation that lost its name to another
 * @node: which
 * @boot_counter: of its last session
 * @ordinal: of its last session
 */
struct fsm_former {
	struct raft_id node;
	u64 boot_counter;
	u64 ordinal;
};

/**
 * struct fsm_session - one node's session, the newest of that name
 * @id: index of the entry that opened it
 * @node: whose
 * @boot_counter: whose
 * @boot_nonce: whose
 * @ordinal: of that boot
 * @low: results below are forgotten; only rises
 * @key: hash of all of the above but @low
 * @sum: of the hashes of all results that it ever had
 * @closed_max: no close on the chain names a seq above it
 * @next_id: in its bucket
 * @epoch: as an object's
 * @n_slots: results held
 * @closed: first slot of the chain of closes, FSM_NO_SLOT if empty
 * @n_former: how many of @former are known
 * @name_len: bytes of @name
 * @name: the node's, not terminated
 * @former: who had this name before, newest first. None of them gets it back by
 *	an open that was late in the network.
 * @used: which slots hold a result
 * @slot: request seq's is seq mod FSM_WINDOW
 */
struct fsm_session {
	u64 id;
	struct raft_id node;
	u64 boot_counter;
	u64 boot_nonce;
	u64 ordinal;
	u64 low;
	u64 key;
	u64 sum;
	u64 closed_max;
	struct fsm_session *next_id;
	u32 epoch;
	u16 n_slots;
	u16 closed;
	u8 n_former;
	u8 name_len;
	char name[FSM_NAME_MAX];
	struct fsm_former former[FSM_FORMER];
	u64 used[FSM_WINDOW / 64];
	struct fsm_slot slot[FSM_WINDOW];
};

/**
 * struct fsm_walk - a snapshot being written
 * @buf: where to; NULL: none
 * @cap: bytes of it
 * @at: bytes written
 * @n_sessions: sessions at begin
 * @n_objects: objects at begin
 * @session: next session to look at
 * @object: next object to look at, counted over all
 * @cells: the chunk it is in
 * @cell: its place there
 */
struct fsm_walk {
	u8 *buf;
	u64 cap;
	u64 at;
	u32 n_sessions;
	u32 n_objects;
	u32 session;
	u32 object;
	struct fsm_cells *cells;
	u32 cell;
};

/**
 * struct fsm_load - a snapshot being read
 * @p: what is left of it
 * @end: its end
 * @sessions: records still to come
 * @objects: records still to come
 * @hash: what the state's must be in the end
 */
struct fsm_load {
	const u8 *p;
	const u8 *end;
	u32 sessions;
	u32 objects;
	u64 hash;
};

/**
 * struct fsm_mark - the hash that the state had
 * @index: after which entry; 0: none
 * @hash: of the replicated state then
 */
struct fsm_mark {
	u64 index;
	u64 hash;
};

/**
 * struct fsm - the state
 * @applied: index of the last entry applied
 * @hash: of the replicated state
 * @seed: replicated
 * @key: made of it
 * @next_token: the next fencing token is at least this; starts at 1
 * @version: of the state machine; 0: the first entry has not come
 * @objects: how many there are
 * @objects_max: replicated limit
 * @capacity: objects for which there is memory
 * @body: bytes of a snapshot taken now, without its head
 * @demand: the most entries ahead of apply that fsm_room() was asked for
 * @chunks: given
 * @cells: object chunks, in the order in which they are filled
 * @fill: the one being filled
 * @last: the last one
 * @fill_cell: next cell of @fill
 * @split: linear hashing: buckets below it have been split in this round
 * @mask: of hashes, before the split
 * @n_segments: chunks of buckets
 * @n_windows: sessions for which there is memory
 * @n_sessions: sessions in use; they never go, as their names stay
 * @epoch: of the newest snapshot
 * @walk: it
 * @load: see there
 * @mark: hashes at the newest multiples of FSM_CHECK_EVERY. This node's own
 *	memory: neither in the hash nor in a snapshot, so a loaded state has none
 * @session: all windows, those in use first
 * @by_id: sessions by their ids' low bits
 * @segment: the buckets
 */
struct fsm {
	u64 applied;
	u64 hash;
	u64 seed;
	siphash_key_t key;
	u64 next_token;
	u32 version;
	u32 objects;
	u32 objects_max;
	u32 capacity;
	u64 body;
	u32 demand;
	u32 chunks;
	struct fsm_cells *cells;
	struct fsm_cells *fill;
	struct fsm_cells *last;
	u32 fill_cell;
	u32 split;
	u32 mask;
	u32 n_segments;
	u32 n_windows;
	u32 n_sessions;
	u32 epoch;
	struct fsm_walk walk;
	struct fsm_load load;
	struct fsm_mark mark[FSM_CHECKS];
	struct fsm_session *session[FSM_SESSIONS_MAX];
	struct fsm_session *by_id[FSM_SESSION_BUCKETS];
	struct fsm_object **segment[FSM_SEGMENTS_MAX];
};

/* Sizes of records in a snapshot. */
enum {
	FSM_SNAP_HEAD = 72,
	FSM_SNAP_OBJECT = 24,	/* and the name, padded */
	FSM_SNAP_SESSION = 72,	/* and the name, padded, formers and slots */
	FSM_SNAP_FORMER = 32,
	FSM_SNAP_SLOT = 24,
};

/* A bijection that spreads every bit over all (Stafford's Mix13, SplitMix64). */
static inline u64 fsm_mix(u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* object.c */
u64 fsm_name_hash(const struct fsm *f, const char *name, u8 len);
struct fsm_object *fsm_object_find(const struct fsm *f, u8 kind,
				   const char *name, u8 len, u64 hash);
struct fsm_object *fsm_object_new(struct fsm *f, u8 kind, const char *name,
				  u8 len, u64 hash);
/* Set what it holds, and the hash of the state with it. */
void fsm_object_set(struct fsm *f, struct fsm_object *o, u64 value, u64 index);

/* session.c */
struct fsm_session *fsm_session_find(const struct fsm *f, u64 id);
struct fsm_session *fsm_session_named(const struct fsm *f, const char *name,
				      u8 len);
struct fsm_session *fsm_session_new(struct fsm *f, const char *name, u8 len);
/* It has got a new owner, in its fields: begin anew. @low: where. */
void fsm_session_start(struct fsm *f, struct fsm_session *s, u64 low);
/* Nobody finds it any more; its memory is free to start anew. */
void fsm_session_retire(struct fsm *f, struct fsm_session *s);
void fsm_session_raise(struct fsm *f, struct fsm_session *s, u64 low);
void fsm_session_store(struct fsm *f, struct fsm_session *s, u64 seq,
		       const struct fsm_slot *result);
bool fsm_session_closed(const struct fsm_session *s, u64 seq, u64 handle);
/* Bytes of its record in a snapshot. */
u64 fsm_session_bytes(const struct fsm_session *s);
/* What request @seq adds to the session's sum. */
u64 fsm_slot_hash(const struct fsm_session *s, u64 seq,
		  const struct fsm_slot *slot);

static inline bool fsm_session_has(const struct fsm_session *s, u64 seq)
{
	u32 i = seq & FSM_WINDOW_MASK;

	return s->used[i >> 6] >> (i & 63) & 1;
}

/* snapshot.c */
void fsm_emit_object(struct fsm *f, struct fsm_object *o);
void fsm_emit_session(struct fsm *f, struct fsm_session *s);

/*
 * Called before an object or a session changes: a snapshot that has not come
 * to it yet takes it as it is.
 */
static inline void fsm_object_touch(struct fsm *f, struct fsm_object *o)
{
	if (unlikely(f->walk.buf && o->epoch != f->epoch))
		fsm_emit_object(f, o);
}

static inline void fsm_session_touch(struct fsm *f, struct fsm_session *s)
{
	if (unlikely(f->walk.buf && s->epoch != f->epoch))
		fsm_emit_session(f, s);
}

/* apply.c: version, limits and seed are known. */
void fsm_begin(struct fsm *f, u32 version, u32 objects_max, u64 seed);
/* What limits and next token add to the hash of a state that has begun. */
u64 fsm_limits_hash(const struct fsm *f);

#endif
