/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The replicated state machine: sessions with exactly-once, counters, locks, the
 * state hash. Pure: the same entries give the same state, byte for byte, on
 * every member.
 *
 * Apply never allocates, never fails and is bounded. What an entry may need
 * is reserved before it enters the log: the driver asks fsm_room() first, and
 * feeds chunks of memory with fsm_give() from where it may sleep.
 *
 * Time and randomness enter through the log only.
 *
 * Locks (design 9). An acquire is answered at once: granted, or queued under a
 * ticket, which is the index of its entry. Queues are served in the order of
 * tickets, without overtaking: whoever waits behind another waits until that one
 * has it, and shared ones are granted together only as far as they stand in a
 * row. Each single grant takes a token, max(next_token, index of the entry that
 * grants), and sets next_token one above it. A claim is one acquire that waits or
 * holds; it belongs to a handle, and that to a session.
 *
 * What dies: a HANDLE_CLOSE, a SESSION_END, an EXPIRE, or a session opened in the
 * place of another only *mark*: at once no fence of theirs holds, no ticket of
 * theirs is granted, and (after the same entry) they count as gone. Their claims
 * are ended by that entry as far as FSM_RELEASES_MAX goes, and then by REAPs, in
 * the order in which they died (sessions: their handles in the order of their
 * first claims; a handle's claims: by ticket). What becomes grantable is granted
 * by the same entry as far as FSM_GRANTS_MAX goes, lowest tickets first, then by
 * whatever lets go of a lock next, or by REAPs; meanwhile nobody overtakes: an
 * acquire of such a lock queues, also a TRY fails. Who is dead and first in the
 * queue of a lock that is free is ended before all others who died, so that the next
 * one does not wait for more of them than are before it.
 */
#ifndef CNS_FSM_FSM_H
#define CNS_FSM_FSM_H

#include <linux/types.h>
#include "../raft/id.h"
#include "command.h"

enum {
	FSM_VERSION = 1,	/* of the state machine; raised by an entry only */
	FSM_SESSIONS_MAX = 64,
	FSM_CHUNK_BYTES = 1 << 16, /* what fsm_give() takes */
	FSM_OBJECTS_MAX = 1 << 20, /* default of the replicated limit */
	FSM_OBJECTS_LIMIT = 1 << 22, /* most that the replicated limit may be */
	/* The hash is remembered at every index that this divides: a power of two. */
	FSM_CHECK_EVERY = 1024,
	FSM_CHECKS = 8,		/* of these, the newest */
	FSM_RELEASES_MAX = 64,	/* claims that one entry ends, at most */
	FSM_GRANTS_MAX = 64,	/* grants that one entry makes, at most */
	FSM_EVENTS_MAX = FSM_RELEASES_MAX + FSM_GRANTS_MAX + 2,
	FSM_SHARERS_MAX = 4096,	/* who hold one lock together; others wait */
	/* Locks without holder or waiter whose last holder died. Beyond it the
	 * oldest are forgotten.
	 */
	FSM_DIED_MAX = 65536,
};

/**
 * struct fsm_outcome - what applying one entry did
 * @kind: what to tell whom:
 *	FSM_OUT_NONE nobody waits for this;
 *	FSM_OUT_RESULT request (@session, @seq) is resolved for good;
 *	FSM_OUT_OPENED @session belongs to (@node, @boot_nonce, @ordinal), or
 *	could not be had, as @status says;
 *	FSM_OUT_ENDED session @session of (@node, @boot_nonce, @ordinal) has ended
 *	by itself: @status is -EKEYEXPIRED, or -EKEYREVOKED where the
 *	administrator ended it (then it is told *beside* the administrator's
 *	result: see @ended);
 *	FSM_OUT_DIFFERS a FSM_CHECK entry names another hash than this state had
 *	at that index (@index; @value is the hash that it had): this node or the
 *	leader is wrong, and must stop
 * @status: 0 or a negative errno of design section 10. -ECANCELED: a
 *	cancellation was applied first, so the request never takes effect.
 * @index: the operation's place in the order: the index of the entry that
 *	first resolved it
 * @value: the result. LOCK_ACQUIRE: the token if it was granted at once, 0 if it
 *	waits under the ticket @index. LOCK_RELEASE: 0. LOCK_LEAVE: the token, if
 *	it was held meanwhile; 0 if it waited, or was gone already (that is no
 *	error; another handle's ticket is). LOCK_REVOKE: how many were revoked (at most
 *	FSM_RELEASES_MAX: ask again until 0)
 * @session: see @kind
 * @seq: of the request; of a run the first
 * @count: RESULT: requests that it speaks of, with dense seqs. Above 1, it is a run:
 *	@status is 0, and what became of each is to be asked with fsm_result(); or it
 *	is -EKEYEXPIRED, for all
 * @replaced: session that ended when this one was opened; 0: none
 * @node: who opened
 * @boot_nonce: in which of its starts
 * @ordinal: which of that start's sessions
 * @ended: RESULT of a SESSION_END: the session that ended; 0: none
 * @n_events: locks changed hands: fsm_events() says which
 */
struct fsm_outcome {
	enum {
		FSM_OUT_NONE,
		FSM_OUT_RESULT,
		FSM_OUT_OPENED,
		FSM_OUT_DIFFERS,
		FSM_OUT_ENDED,
	} kind;
	s32 status;
	u64 index;
	u64 value;
	u64 session;
	u64 seq;
	u32 count;
	u64 replaced;
	struct raft_id node;
	u64 boot_nonce;
	u64 ordinal;
	u64 ended;
	u32 n_events;
};

/* What an entry did to somebody's lock, beside its own result. */
enum fsm_event_type {
	FSM_EVENT_GRANTED = 1,	/* a ticket that waited is held from now on */
	FSM_EVENT_REVOKED,	/* the administrator took it from its holder */
	FSM_EVENT_WANTED,	/* the first one waits for what others hold; the
				 * holders of lock @name are in fsm_holder_next()
				 */
};

enum fsm_grant_flag {
	FSM_GRANT_DIED = 1 << 0,   /* the holder before let it go by dying; all who
				    * share the lock are told the same
				    */
	FSM_GRANT_WANTED = 1 << 1, /* others wait already */
};

/**
 * struct fsm_event - a change that somebody else's request brought about
 * @type: enum fsm_event_type
 * @flags: GRANTED: enum fsm_grant_flag
 * @name_len: WANTED: bytes of @name
 * @session: whose; WANTED: 0
 * @handle: whose; WANTED: 0
 * @ticket: which; WANTED: 0
 * @token: of the grant; WANTED: 0
 * @name: WANTED: the lock, not terminated; good until the next fsm_apply()
 */
struct fsm_event {
	u8 type;
	u8 flags;
	u8 name_len;
	u64 session;
	u64 handle;
	u64 ticket;
	u64 token;
	const char *name;
};

/**
 * struct fsm_ticket - what became of an acquire
 * @session: whose
 * @handle: whose
 * @token: of the grant; 0: it waits
 * @index: of the entry that granted it; 0: it waits
 * @flags: held: enum fsm_grant_flag as of now (WANTED: somebody waits now)
 */
struct fsm_ticket {
	u64 session;
	u64 handle;
	u64 token;
	u64 index;
	u8 flags;
};

/**
 * struct fsm_claim_view - one who holds or waits, for lists
 * @name: the lock's, not terminated; good until the next change
 * @name_len: bytes of it
 * @shared: how
 * @dead: its handle was closed or its session has ended; it goes with a REAP
 * @ticket: which; in this order they are served
 * @token: 0: waits
 * @index: of the entry that granted it; 0: waits
 * @since: of the grant, or the acquire: seconds of the Unix epoch, 0: not known
 * @session: whose
 * @handle: whose
 * @node: name of its node, not terminated; NULL: the session has ended
 * @node_len: bytes of it
 * @program: who asked
 */
struct fsm_claim_view {
	const char *name;
	u8 name_len;
	bool shared;
	bool dead;
	u64 ticket;
	u64 token;
	u64 index;
	u32 since;
	u64 session;
	u64 handle;
	const char *node;
	u8 node_len;
	struct fsm_program program;
};

/**
 * struct fsm_session_view - a session, for lists and for whoever leads
 * @id: index of the entry that opened it
 * @node: incarnation
 * @boot_counter: of its boot
 * @boot_nonce: of its boot
 * @ordinal: of that boot
 * @ttl_ms: how long it may be silent
 * @handles: of it that hold or wait for anything
 * @name: its node's, not terminated
 * @name_len: bytes of it
 */
struct fsm_session_view {
	u64 id;
	struct raft_id node;
	u64 boot_counter;
	u64 boot_nonce;
	u64 ordinal;
	u32 ttl_ms;
	u32 handles;
	const char *name;
	u8 name_len;
};

struct fsm_stats {
	u64 applied;		/* index of the last entry applied */
	u64 hash;		/* of the whole replicated state */
	u32 sessions, sessions_max;
	u32 objects, objects_max; /* counters, locks, claims, handles with claims */
	u32 locks;		/* with a holder, a waiter, or a dead last holder */
	u32 held, waiting;	/* claims */
	u32 dying;		/* handles and sessions that a REAP has to end */
	u32 version;
	u64 bytes;		/* memory held in chunks */
	u64 next_token;		/* the next fencing token is at least this */
};

struct fsm;

/* Bytes of a struct fsm without chunks (the driver allocates them, zeroed). */
size_t fsm_size(void);
void fsm_init(struct fsm *f);
/* Take all chunks back, one a call, NULL when none is left. */
void *fsm_take_back(struct fsm *f);

/*
 * Chunks of FSM_CHUNK_BYTES, zeroed, that it would like to have now, so that a
 * full window of entries can be applied. 0: none. Grows with use.
 */
unsigned int fsm_wants(const struct fsm *f);
void fsm_give(struct fsm *f, void *chunk);

/*
 * May @n more entries enter the log behind those that are in it (last index
 * @last, first not applied: applied + 1), whatever they turn out to need?
 * It remembers the most that it was asked for, and fsm_wants() grows with it.
 */
bool fsm_room(struct fsm *f, u64 last, unsigned int n);

/*
 * Apply the entry at @index = applied + 1. @data is a command as fsm_encode()
 * wrote it (only RAFT_COMMAND entries; for others call with len 0, which only
 * advances the index). Unknown kinds: -EPROTO: the node must stop.
 */
int fsm_apply(struct fsm *f, u64 index, const u8 *data, u16 len,
	      struct fsm_outcome *out);

/* The first entry's payload: version, limits and hash seed of a new cluster. */
u16 fsm_encode_init(u8 *buf, u64 seed, u32 objects_max);

/* Counter @name: 0 and its value and the index of its last change, or -ENOENT. */
int fsm_counter(const struct fsm *f, const char *name, u8 len, u64 *value,
		u64 *index);

/*
 * What became of request (@session, @seq), if that is known: 0 with *out as
 * fsm_apply() gave it; -EINPROGRESS not applied; -EKEYEXPIRED no such session;
 * -ESTALE below the session's low mark. Used after a snapshot was installed.
 */
int fsm_result(const struct fsm *f, u64 session, u64 seq,
	       struct fsm_outcome *out);
/* What the last fsm_apply() did to locks, in order: fsm_outcome.n_events of them. */
const struct fsm_event *fsm_events(const struct fsm *f);
/*
 * Is there something left to do of what the dead have left, or of grants beyond
 * FSM_GRANTS_MAX? Then the leader appends a REAP, one at a time.
 */
bool fsm_dying(const struct fsm *f);
/* 0: (@name, @token) is a grant that holds in this state. -ESTALE: it is not. */
int fsm_fence(const struct fsm *f, const char *name, u8 len, u64 token);
/* What became of a ticket: 0, or -ENOENT: it neither waits nor holds. */
int fsm_ticket(const struct fsm *f, u64 ticket, struct fsm_ticket *t);
/*
 * Who holds lock @name: call with *@ticket 0 first, until false. At most
 * FSM_SHARERS_MAX of them.
 */
bool fsm_holder_next(const struct fsm *f, const char *name, u8 len, u64 *ticket,
		     struct fsm_ticket *t);
/*
 * All claims, in no order: *@cursor 0 first. Looks at up to @budget objects; false:
 * none among them, and *@cursor is U32_MAX if that was all. A list made over
 * several calls with changes between them may miss or repeat some.
 */
bool fsm_claim_next(const struct fsm *f, u32 *cursor, unsigned int budget,
		    struct fsm_claim_view *v);
/* All sessions: *@cursor 0 first; false: no more. */
bool fsm_session_next(const struct fsm *f, u32 *cursor,
		      struct fsm_session_view *v);
/* Session @id: false: it has ended, or never was. */
bool fsm_session_view(const struct fsm *f, u64 id, struct fsm_session_view *v);
/* The open session of (@node, @boot_nonce, @ordinal), 0 if none. */
u64 fsm_session_of(const struct fsm *f, struct raft_id node, u64 boot_nonce,
		   u64 ordinal);
/*
 * The ordinal of the last session that this boot of @node lost to another node
 * of the same name, 0 if none. Only a higher one is given to it again.
 */
u64 fsm_session_lost(const struct fsm *f, struct raft_id node, u64 boot_counter);
/* Would applying request (@session, @seq) change anything? */
bool fsm_fresh(const struct fsm *f, u64 session, u64 seq);
/* The same of a command that is a request, or a run of them. No: do not append. */
bool fsm_news(const struct fsm *f, const struct fsm_command *c);

void fsm_stats(const struct fsm *f, struct fsm_stats *st);

/*
 * The newest index at which the hash of the state is remembered, for a leader to
 * put into a FSM_CHECK entry. False: none (yet).
 */
bool fsm_checkpoint(const struct fsm *f, u64 *index, u64 *hash);

/*
 * How many objects a snapshot of @bytes certainly holds, whatever their names,
 * beside the most that sessions may take. At most FSM_OBJECTS_LIMIT.
 */
u32 fsm_objects_in(u64 bytes);

struct fsm_cells;

/**
 * struct fsm_rebase - how a state becomes the beginning of another cluster
 * @index: takes the place of applied, and next_token is at least that
 * @advance: added to every counter
 * @objects_max: the replicated limit from now on, 1 to FSM_OBJECTS_LIMIT
 * @begun: false at first; the function's own, as what follows
 * @at: objects that have been seen to
 * @cell: place of the next one
 * @cells: in which chunk
 */
struct fsm_rebase {
	u64 index;
	u64 advance;
	u32 objects_max;
	bool begun;
	u32 at;
	u32 cell;
	struct fsm_cells *cells;
};

/*
 * Make of a loaded state the beginning of another cluster, without any session.
 * In steps of @budget objects; not to be applied to, or snapshotted, before it is
 * through. 1 more to do; 0 done; -EINVAL @index is not above applied, too many
 * objects, or not a state that has begun and is all there: nothing was changed;
 * -EOVERFLOW a counter would pass 2^64 - 1: good for fsm_take_back() alone.
 */

int fsm_rebase(struct fsm *f, struct fsm_rebase *b, unsigned int budget);

/*
 * Snapshots: a walk that yields. While one is open, fsm_apply() writes the old
 * version of whatever the walk has not reached into the buffer before changing
 * it, so that the result is the state at begin, exactly.
 *
 * fsm_snapshot_bytes(): upper bound of what a snapshot begun now may take.
 * fsm_snapshot_begin(): @buf must hold that many; -EBUSY, -ENOSPC.
 * fsm_snapshot_step(): walk over at most @budget objects; true when finished.
 * fsm_snapshot_end(): bytes written; closes it (also to abort).
 */
u64 fsm_snapshot_bytes(const struct fsm *f);
int fsm_snapshot_begin(struct fsm *f, u8 *buf, u64 cap);
bool fsm_snapshot_step(struct fsm *f, unsigned int budget);
u64 fsm_snapshot_end(struct fsm *f);

/*
 * Build a state from a snapshot, in a fresh @f (after fsm_init()), in steps.
 * fsm_load_begin(): -EINVAL malformed. fsm_load_step(): 1 more to do; 0 done;
 * -ENOMEM give chunks (fsm_wants()) and call again; -EINVAL malformed.
 */
int fsm_load_begin(struct fsm *f, const u8 *buf, u64 len);
int fsm_load_step(struct fsm *f, unsigned int budget);

#endif
