/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the state machine do for each other; included by state.h. */
#ifndef CNS_FSM_PARTS_H
#define CNS_FSM_PARTS_H

#include "state.h"

/* A bijection that spreads every bit over all (Stafford's Mix13, SplitMix64). */
static inline u64 fsm_mix(u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* object.c: cells, and how they are found */
u64 fsm_name_hash(const struct fsm *f, const char *name, u8 len);
u64 fsm_ticket_hash(const struct fsm *f, u64 ticket);
u64 fsm_handle_hash(const struct fsm *f, u64 session, u64 number);
/* First cell of that kind and hash, then the next of the same: NULL ends it. */
struct fsm_cell *fsm_cell_find(const struct fsm *f, u8 kind, u64 hash);
struct fsm_cell *fsm_cell_again(const struct fsm_cell *cell);
/*
 * A cell of @kind, in its bucket, with everything behind struct fsm_cell zeroed,
 * counted in f->objects (or f->n_graves), and in f->locks. NULL without memory,
 * which fsm_room() precludes. An open snapshot passes it by. fsm_cell_end() takes
 * it back, with what it added to hash and snapshot: touched before, in no list any
 * more; a claim before its lock.
 */
struct fsm_cell *fsm_cell_new(struct fsm *f, u8 kind, u64 hash);
void fsm_cell_end(struct fsm *f, struct fsm_cell *cell);
/*
 * What it adds to the hash of the state, and to a snapshot's bytes, is this now:
 * touched before. A lock with 0 has no record; all else has one, and what is not 0
 * is made odd so that it stays so. A claim must know its lock. Not for counters,
 * which have fsm_object_set().
 */
void fsm_cell_sum(struct fsm *f, struct fsm_cell *cell, u64 sum);
/* Bytes that its record in a snapshot has, if it has one. */
u32 fsm_cell_bytes(const struct fsm_cell *cell);

/* Has it a record in a snapshot? A counter does from the start. */
static inline bool fsm_cell_recorded(const struct fsm_cell *cell)
{
	return cell->sum || cell->kind == FSM_KIND_COUNTER;
}

struct fsm_object *fsm_object_find(const struct fsm *f, u8 kind,
				   const char *name, u8 len, u64 hash);
struct fsm_object *fsm_object_new(struct fsm *f, u8 kind, const char *name,
				  u8 len, u64 hash);
/* Counter: set what it holds, and the hash of the state with it. */
void fsm_object_set(struct fsm *f, struct fsm_object *o, u64 value, u64 index);

static inline struct fsm_cursor fsm_cursor(const struct fsm *f)
{
	return (struct fsm_cursor){ .cells = f->cells };
}

/* The next cell, also a FREE one: as long as seen is below f->filled. */
static inline struct fsm_cell *fsm_cursor_next(struct fsm_cursor *c)
{
	if (c->cell == FSM_CELLS) {
		c->cells = c->cells->next;
		c->cell = 0;
	}
	c->seen++;
	return &c->cells->cell[c->cell++].cell;
}

/* claim.c: the structures of locks, without any decision */
struct fsm_claim *fsm_claim_find(const struct fsm *f, u64 ticket);
/*
 * All of these touch what they change, and keep counts, sums, and f->more: in it is
 * each lock's first waiter, if those that hold the lock leave room for it.
 *
 * fsm_claim_new(): the last in all lists, so for the highest ticket so far. NULL
 * without memory. Who is in f->more after it need not wait: it is to be granted by
 * the same entry, which seals it.
 * fsm_claim_grant(): for who is in f->more; what the token was made of goes on.
 * fsm_claim_end(): takes it out of its lock and its handle, and ends handle, grave
 * and lock with it if nothing is left of them; @died: if it held, it died, which the
 * lock remembers if it was the last.
 */
struct fsm_claim *fsm_claim_new(struct fsm *f, struct fsm_object *lock,
				struct fsm_handle *h, u64 ticket, u8 flags,
				u32 since);
/* A claim that knows its lock and its handle gets its places: the last ones. */
void fsm_claim_place(struct fsm *f, struct fsm_claim *c);
void fsm_claim_grant(struct fsm *f, struct fsm_claim *c, u64 index, u32 since);
void fsm_claim_end(struct fsm *f, struct fsm_claim *c, bool died);
/* Could a claim with such flags hold the lock beside those that do? */
bool fsm_lock_admits(const struct fsm_object *lock, u8 flags);
/* Of those in f->more the one with the lowest ticket, or NULL. */
struct fsm_claim *fsm_more_first(const struct fsm *f);
/* Its sum is right again; the first time, it has one. */
void fsm_claim_seal(struct fsm *f, struct fsm_claim *c);
void fsm_lock_seal(struct fsm *f, struct fsm_object *lock);
/* Does anybody wait for it? */
static inline bool fsm_lock_awaited(const struct fsm_object *lock)
{
	return !(lock->flags & FSM_LOCK_IDLE) && lock->waiting;
}

/* How many hold it? They are the first of its claims. */
static inline u32 fsm_lock_holders(const struct fsm_object *lock)
{
	return lock->flags & FSM_LOCK_IDLE ? 0 : lock->cell.n;
}

/* handle.c: whose they are. As above: touched, summed and counted. */
struct fsm_handle *fsm_handle_find(const struct fsm *f, u64 session, u64 number);
/* The same, by the hash that the caller knows: fsm_handle_hash() of both. */
struct fsm_handle *fsm_handle_at(const struct fsm *f, u64 hash, u64 session,
				 u64 number);
struct fsm_grave *fsm_grave_find(const struct fsm *f, u64 session);
/* The last one of its session; alive. NULL without memory. */
struct fsm_handle *fsm_handle_new(struct fsm *f, struct fsm_session *s,
				  u64 hash, u64 number, u64 born,
				  const struct fsm_program *who);
/* It has no claims any more. */
void fsm_handle_end(struct fsm *f, struct fsm_handle *h);
/* A handle is closed: from its session's list to that of dead ones. */
void fsm_handle_die(struct fsm *f, struct fsm_session *s, struct fsm_handle *h,
		    u64 index);
/* Session @s ends: its handles to a grave, if it has any. 0 or -ENOMEM. */
int fsm_session_bury(struct fsm *f, struct fsm_session *s, u64 index);
/* Is it closed, or has its session ended? */
bool fsm_handle_dead(const struct fsm *f, const struct fsm_handle *h);
/* Of those that died the next one to be ended, or NULL. */
struct fsm_claim *fsm_dead_first(const struct fsm *f);
void fsm_handle_seal(struct fsm *f, struct fsm_handle *h);
void fsm_grave_seal(struct fsm *f, struct fsm_grave *g);

/* order.c: the lists after a snapshot */
/*
 * After all records of a snapshot: claims, handles, graves and locks (found by a
 * cursor) find their places, are sealed and counted; the lists get their order.
 * load.c has checked each record by itself; what two of them say together is
 * checked here. A lock's number of the death is in its cell's n, and must be 0 if
 * it has claims; without, it must have flags. In steps of about @budget cells: 1
 * more to do; 0 done; -EINVAL what no entries lead to: what the rest of the state is
 * then is nobody's business.
 */
int fsm_claims_loaded(struct fsm *f, unsigned int budget);

/*
 * counter.c: additions. -ENOMEM without memory. One that is to take effect: its result
 * is set. A run: all that is not resolved yet is, and stored.
 */
int fsm_counter_add(struct fsm *f, u64 index, const struct fsm_command *c,
		    struct fsm_slot *result);
int fsm_counter_run(struct fsm *f, struct fsm_session *s, u64 index,
		    const struct fsm_command *c);

/*
 * lock.c: what entries do with them. All that a request says but counters: what is
 * known of it, and of its session, is checked; result->code and value are set.
 * -ENOMEM without memory. SESSION_END: @out->ended is set, and the rest left to the
 * caller, as it may be @s.
 */
int fsm_lock_request(struct fsm *f, struct fsm_session *s, u64 index,
		     const struct fsm_command *c, struct fsm_slot *result,
		     struct fsm_outcome *out);
/*
 * A handle or a session was marked dead by entry @index, or it is a REAP: end what
 * the dead have left, grant what can be granted, as far as one entry may.
 */
void fsm_reap(struct fsm *f, u64 index, u32 stamp);

/* open.c: sessions begin and end */
int fsm_open(struct fsm *f, u64 index, const struct fsm_command *c,
	     struct fsm_outcome *out);
int fsm_expire(struct fsm *f, u64 index, const struct fsm_command *c,
	       struct fsm_outcome *out);
int fsm_end(struct fsm *f, struct fsm_session *s, u64 index, u32 stamp);

/* session.c */
struct fsm_session *fsm_session_find(const struct fsm *f, u64 id);
struct fsm_session *fsm_session_named(const struct fsm *f, const char *name,
				      u8 len);
struct fsm_session *fsm_session_new(struct fsm *f, const char *name, u8 len);
/* It has got a new owner, in its fields: begin anew. @low: where. */
void fsm_session_start(struct fsm *f, struct fsm_session *s, u64 low);
/*
 * It ends with entry @index: nobody finds it any more, its handles are in a grave;
 * its memory is free to start anew. -ENOMEM: no memory for the grave, which
 * fsm_room() precludes; nothing was changed.
 */
int fsm_session_retire(struct fsm *f, struct fsm_session *s, u64 index);
/*
 * The same, and its name is forgotten: the last of f->session and it change places.
 * Both are touched before, as a walk may be between these places.
 */
int fsm_session_drop(struct fsm *f, struct fsm_session *s, u64 index);
void fsm_session_raise(struct fsm *f, struct fsm_session *s, u64 low);
void fsm_session_store(struct fsm *f, struct fsm_session *s, u64 seq,
		       const struct fsm_slot *result);
u64 fsm_session_forbidden(const struct fsm_session *s, u64 handle);
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

/* Is the handle of request @seq closed, so that it must not take effect? */
static inline bool fsm_session_closed(const struct fsm_session *s, u64 seq,
				      u64 handle)
{
	return unlikely(seq <= s->closed_max) &&
	       seq <= fsm_session_forbidden(s, handle);
}

/* snapshot.c */
void fsm_emit_cell(struct fsm *f, struct fsm_cell *cell);
void fsm_emit_session(struct fsm *f, struct fsm_session *s);

/*
 * Called before a cell or a session changes or ends: a snapshot that has not come
 * to it yet takes it as it is.
 */
static inline void fsm_cell_touch(struct fsm *f, struct fsm_cell *cell)
{
	if (unlikely(f->walk.buf && cell->epoch != f->epoch))
		fsm_emit_cell(f, cell);
}

static inline void fsm_session_touch(struct fsm *f, struct fsm_session *s)
{
	if (unlikely(f->walk.buf && s->epoch != f->epoch))
		fsm_emit_session(f, s);
}

/* apply.c: version, limits and seed are known. */
void fsm_begin(struct fsm *f, u32 version, u32 objects_max, u64 seed);
/*
 * What limits, next token and deaths add to the hash of a state that has begun. To
 * change any of them: take it off before, add it again behind.
 */
u64 fsm_limits_hash(struct fsm *f);

/* The share of next token and deaths in it, as of the limits then. */
static inline u64 fsm_counts_hash(const struct fsm *f)
{
	return fsm_mix(fsm_mix(f->limits + f->next_token) + f->deaths);
}

#endif
