/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside the state machine: what its files share, and nobody else sees. What they do
 * for each other is in parts.h.
 *
 * Memory. Everything lives in chunks that fsm_give() brings and that keep one
 * use for good: cells (a list, filled in order), hash buckets (a directory),
 * sessions with their windows (two a chunk; all 64 are reserved from the
 * start, for who could say that the entries ahead open no session?). So apply
 * takes memory by moving an index, and fsm_room() is a comparison.
 *
 * Cells are all of one size. A counter, a lock, a claim (one acquire that waits or
 * holds), a handle that has claims, and a session that died with such handles (a
 * grave) take one each, are found through one hash table, and go back to one list
 * of free cells when they end. A lock lives as long as somebody holds it or waits
 * for it, or its last holder died (a record of that: FSM_DIED_MAX). A handle and
 * a grave live as long as they have claims.
 *
 *	lock    -> claims, in the order of their tickets: those that hold come
 *		   first, as nobody overtakes
 *	handle  -> claims, in the order of their tickets
 *	session -> handles that are alive, in the order of their first claims
 *	grave   -> handles, the same
 *	dead    -> handles that were closed with claims, in the order of that
 *	graves  -> sessions that ended with such handles, in the order of that
 *	died    -> locks without claims whose last holder died, oldest first
 *	more    -> who waits first, and nothing stands in the way but that he may be
 *		   dead, or that an entry has granted as much as it may: a search
 *		   tree by ticket, a lock has at most one in it
 *
 * The lists are circular and doubly linked, so that the last is the first's prev.
 * Each order follows from what a snapshot holds of every cell, so that it is the
 * same for who loaded one: nothing else may depend on the history.
 *
 * Hash. The state's hash is a sum over parts, so that a change costs the hash of
 * what it changes. H is SipHash under the replicated seed. It gives each part a
 * key of its own, once, and M mixes under that key what changes often: against
 * accident, not against forgers, for members are trusted (design 3).
 *
 *	limits		H(version, limit of objects, seed)
 *	next token	M(limits, next token, deaths)
 *	a counter	M(H(name) + kind, value, index)
 *	a lock		M(H(name) + kind, flags, number of the death) if its
 *			last holder died (the number: 0 as long as it has
 *			claims); else 0, as its claims name it
 *	a claim		M(cell's hash + kind, hash of the lock, hash of the
 *			handle, flags, token, index, since)
 *	a handle	M(cell's hash + kind, program, first ticket, death)
 *	a grave		M(cell's hash + kind, death)
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
	FSM_KIND_FREE,
	FSM_KIND_COUNTER,
	FSM_KIND_LOCK,
	FSM_KIND_CLAIM,
	FSM_KIND_HANDLE,
	FSM_KIND_GRAVE,
};

/* Results by number: errno values differ between architectures. */
enum fsm_code {
	FSM_OK,
	FSM_CANCELED,
	FSM_OVERFLOWED,
	FSM_FULL,
	FSM_BUSY,		/* a TRY that would have to wait: EAGAIN */
	FSM_STALE,		/* its fence does not hold: ESTALE */
	FSM_NOT_HOLDER,		/* no such ticket of that handle, or token: EPERM */
	FSM_NO_SUCH,		/* no such lock, holder or session: ENOENT */
	FSM_CODES,
};

/**
 * struct fsm_cell - how all cells begin
 * @next: in its bucket; FREE: in the list of free ones
 * @hash: by which it is found. Counter, lock: of the name. Claim: of the ticket.
 *	Handle: of session and number. Grave: of the session
 * @sum: what it adds to the hash of the state; 0: nothing, and it has no record in
 *	a snapshot: so it is with a lock that has claims and no flags, and with
 *	what is not sealed yet. See fsm_cell_sum()
 * @epoch: of the last snapshot that holds it or that it came too late for
 * @kind: enum fsm_kind
 * @name_len: counter, lock: bytes of the name
 * @n: lock with claims: how many hold it. Lock without: number of the death
 *	(the low bits of fsm.deaths then), which orders those that died: none of
 *	them is FSM_DIED_MAX deaths old, as the next death forgets it
 */
struct fsm_cell {
	struct fsm_cell *next;
	u64 hash;
	u64 sum;
	u32 epoch;
	u8 kind;
	u8 name_len;
	u16 n;
};

struct fsm_claim;

enum fsm_lock_flag {
	FSM_LOCK_DIED = 1 << 0,	/* the last holder let it go by dying */
	FSM_LOCK_IDLE = 1 << 1,	/* it has no claims, and is in the list of those that
				 * died. Only with FSM_LOCK_DIED
				 */
	FSM_LOCK_FLAGS = FSM_LOCK_DIED | FSM_LOCK_IDLE,
};

/**
 * struct fsm_object - a named object: counter or lock
 * @cell: see there
 * @value: counter
 * @index: counter: of its last change
 * @first: lock: its claim with the lowest ticket; NULL: it has none
 * @waiting: lock: the first one that waits; NULL: nobody does
 * @next: lock without claims (IDLE), in the list of those that died
 * @prev: the same
 * @flags: lock: enum fsm_lock_flag; of a lock with claims: what the next grant
 *	is told
 * @name: not terminated
 */
struct fsm_object {
	struct fsm_cell cell;
	union {
		struct {
			u64 value;
			u64 index;
		};
		struct {
			struct fsm_claim *first;
			struct fsm_claim *waiting;
		};
		struct {
			struct fsm_object *next;
			struct fsm_object *prev;
		};
	};
	u8 flags;
	char name[FSM_NAME_MAX];
};

/* An open file that has claims. */
struct fsm_handle;

enum fsm_claim_flag {
	FSM_CLAIM_SHARED = 1 << 0,
	FSM_CLAIM_DIED = 1 << 1, /* its grant was told that the holder before died;
				  * the same for all who hold the lock together
				  */
	FSM_CLAIM_FLAGS = FSM_CLAIM_SHARED | FSM_CLAIM_DIED,
};

/**
 * struct fsm_claim - one acquire that waits or holds
 * @cell: see there
 * @next: of the lock's
 * @prev: of the lock's
 * @lock: which
 * @own_next: of the handle's
 * @own_prev: of the handle's
 * @handle: whose
 * @ticket: index of the entry that asked
 * @token: of the grant; 0: it waits
 * @index: of the entry that granted it
 * @less: in f->more: lower tickets
 * @greater: in f->more: higher tickets
 * @since: stamp of the entry that granted it; waits: that asked
 * @flags: enum fsm_claim_flag
 * @granted: it holds: @token and @index are valid, @less and @greater are not
 * @more: it waits, and is in f->more
 */
struct fsm_claim {
	struct fsm_cell cell;
	struct fsm_claim *next;
	struct fsm_claim *prev;
	struct fsm_object *lock;
	struct fsm_claim *own_next;
	struct fsm_claim *own_prev;
	struct fsm_handle *handle;
	u64 ticket;
	union {
		struct {
			u64 token;
			u64 index;
		};
		struct {
			struct fsm_claim *less;
			struct fsm_claim *greater;
		};
	};
	u32 since;
	u8 flags;
	bool granted;
	bool more;
};

/**
 * struct fsm_handle - an open file that has claims
 * @cell: see there
 * @session: id of its session, which may have ended
 * @number: of the file
 * @first: its claim with the lowest ticket
 * @next: in its session's list, or in a grave's, or in that of dead ones
 * @prev: the same
 * @born: the ticket of the first claim it had since it came to be: orders handles.
 *	0: its record has not been loaded yet
 * @death: index of the entry that closed it; 0: none did
 * @program: who asked first
 */
struct fsm_handle {
	struct fsm_cell cell;
	u64 session;
	u64 number;
	struct fsm_claim *first;
	struct fsm_handle *next;
	struct fsm_handle *prev;
	u64 born;
	u64 death;
	struct fsm_program program;
};

/**
 * struct fsm_grave - a session that ended with handles
 * @cell: see there
 * @session: its id
 * @death: index of the entry that ended it: orders graves
 * @handles: what is left
 * @next: in the list of graves
 * @prev: the same
 */
struct fsm_grave {
	struct fsm_cell cell;
	u64 session;
	u64 death;
	struct fsm_handle *handles;
	struct fsm_grave *next;
	struct fsm_grave *prev;
};

union fsm_any {
	struct fsm_cell cell;
	struct fsm_object object;
	struct fsm_claim claim;
	struct fsm_handle handle;
	struct fsm_grave grave;
};

enum {
	FSM_CELLS = (FSM_CHUNK_BYTES - 16) / sizeof(union fsm_any),
	/* Cells that one entry may take: a lock, a claim and its handle. */
	FSM_ENTRY_CELLS = 3,
};

struct fsm_cells {
	struct fsm_cells *next;
	u64 zero;
	union fsm_any cell[FSM_CELLS];
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
 * @ttl_ms: how long it may be silent
 * @n_handles: of those in @handles
 * @handles: alive, with claims
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
	u32 ttl_ms;
	u32 n_handles;
	struct fsm_handle *handles;
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
 * struct fsm_cursor - a place among all cells, in the order in which they filled
 * @cells: the chunk it is in
 * @cell: place of the next one there
 * @seen: how many are before it; those behind fsm.filled are blank
 */
struct fsm_cursor {
	struct fsm_cells *cells;
	u32 cell;
	u32 seen;
};

/**
 * struct fsm_walk - a snapshot being written
 * @buf: where to; NULL: none
 * @cap: bytes of it
 * @at: bytes written
 * @n_sessions: sessions at begin
 * @n_cells: cells that had ever been filled at begin
 * @session: next session to look at
 * @cursor: next cell to look at
 */
struct fsm_walk {
	u8 *buf;
	u64 cap;
	u64 at;
	u32 n_sessions;
	u32 n_cells;
	u32 session;
	struct fsm_cursor cursor;
};

enum { FSM_DIGITS = 16 };	/* of a number that is sorted by */

/**
 * struct fsm_order - cells of a snapshot on the way to their lists, see order.c
 * @phase: what is done now
 * @shift: bits of their numbers by which they are in order already
 * @chain: those still to be looked at in this phase, or this pass
 * @head: those that were, by their digit
 * @tail: last of each
 * @cursor: of the phase that looks at all cells
 */
struct fsm_order {
	u8 phase;
	u8 shift;
	struct fsm_cell *chain;
	struct fsm_cell *head[FSM_DIGITS];
	struct fsm_cell *tail[FSM_DIGITS];
	struct fsm_cursor cursor;
};

/**
 * struct fsm_load - a snapshot being read
 * @p: what is left of it
 * @end: its end
 * @sessions: records still to come
 * @records: records of cells still to come
 * @objects: how many there must be in the end
 * @bytes: of it
 * @open: not all is there yet, or not all has its place
 * @hash: what the state's must be in the end
 * @claims: that came, by @own_next. Each knows its lock and its handle, and is in
 *	no list; they find their places when all have come
 * @handles: that came or that a claim named, by @next; in no list
 * @graves: that came, by @next; in no list
 * @order: how far that has come
 */
struct fsm_load {
	const u8 *p;
	const u8 *end;
	u32 sessions;
	u32 records;
	u32 objects;
	bool open;
	u64 bytes;
	u64 hash;
	struct fsm_claim *claims;
	struct fsm_handle *handles;
	struct fsm_grave *graves;
	struct fsm_order order;
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
 * @limits: what fsm_limits_hash() makes of version, limit and seed
 * @next_token: the next fencing token is at least this; starts at 1
 * @deaths: how often a lock was left without claims by a holder that died
 * @version: of the state machine; 0: the first entry has not come
 * @objects: cells in use, graves aside
 * @objects_max: replicated limit of them. A handle or a claim counts one, too
 * @n_graves: graves, which have no limit of their own: each takes the place of a
 *	session with handles
 * @n_dead: handles in @dead
 * @locks: of the objects
 * @held: claims that hold
 * @waiting: claims that wait
 * @capacity: cells for which there is memory
 * @enough: cells for which there are buckets, too; 0 until all windows are there
 * @filled: cells ever taken from the chunks; those behind it are blank
 * @free: cells that ended
 * @dead: handles
 * @graves: sessions
 * @died: locks, the oldest
 * @more: root of the tree, see above
 * @command: of the entry being applied. On the stack kernels would clear it for each
 * @n_events: of the last entry
 * @event: what it did to locks
 * @records: cells that a snapshot taken now has a record of
 * @body: bytes of it, without its head
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
 * @n_sessions: sessions in use
 * @epoch: of the newest snapshot
 * @walk: it
 * @load: see there
 * @mark: hashes at the newest multiples of FSM_CHECK_EVERY. This node's own
 *	memory: neither in the hash nor in a snapshot, so a loaded state has none
 * @windows: the chunks that sessions are in
 * @session: all windows, those in use first
 * @by_id: sessions by their ids' low bits
 * @segment: the buckets
 */
struct fsm {
	u64 applied;
	u64 hash;
	u64 seed;
	siphash_key_t key;
	u64 limits;
	u64 next_token;
	u64 deaths;
	u32 version;
	u32 objects;
	u32 objects_max;
	u32 n_graves;
	u32 n_dead;
	u32 locks;
	u32 held;
	u32 waiting;
	u32 capacity;
	u32 enough;
	u32 filled;
	struct fsm_cell *free;
	struct fsm_handle *dead;
	struct fsm_grave *graves;
	struct fsm_object *died;
	struct fsm_claim *more;
	struct fsm_command command;
	u32 n_events;
	struct fsm_event event[FSM_EVENTS_MAX];
	u32 records;
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
	void *windows[FSM_SESSIONS_MAX / 2];
	struct fsm_session *session[FSM_SESSIONS_MAX];
	struct fsm_session *by_id[FSM_SESSION_BUCKETS];
	struct fsm_cell **segment[FSM_SEGMENTS_MAX];
};

/* Sizes of records in a snapshot. */
enum {
	FSM_SNAP_HEAD = 88,
	FSM_SNAP_COUNTER = 24,	/* and the name, padded */
	FSM_SNAP_LOCK = 8,	/* and the name, padded; only locks with flags */
	FSM_SNAP_CLAIM = 48,	/* and the lock's name, padded */
	FSM_SNAP_HANDLE = 64,
	FSM_SNAP_GRAVE = 24,
	/* The longest record of a cell. */
	FSM_SNAP_CELL_MAX = FSM_SNAP_CLAIM + 64,
	FSM_SNAP_SESSION = 80,	/* and the name, padded, formers and slots */
	FSM_SNAP_FORMER = 32,
	FSM_SNAP_SLOT = 24,
};

#include "parts.h"

#endif
