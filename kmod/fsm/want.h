/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The other end of a lock: what one node's handles want, and what they have. Each
 * want is one acquire, from its call to the end of what it got.
 *
 *	NEW -> ASKED -> HELD ----------------> LEAVING -> OVER
 *		  \--> QUEUED -> HELD		  ^
 *			   \---------------------/
 *
 * ASKED	the acquire is a request of the session (client.h), resolved once
 * QUEUED	it was answered with a ticket. No request is unresolved: it holds up
 *		nothing. The own applied log tells of the grant (fsm_events()), on
 *		any member, exactly once; after a snapshot, fsm_ticket() does.
 * HELD		granted; told once the lease is sure (told)
 * LEAVING	given back or given up: a RELEASE or LEAVE is a request of the session.
 *		A RELEASE whose own fence does not hold changes nothing: HELD again
 * OVER		nothing of it is in the cluster, or what ends it there was asked for.
 *		Nothing refers to it any more: the driver may free it.
 *
 * Every want that was begun is told OVER exactly once, whatever happens, and until
 * then it must stay where it is. Whoever is told may free it there and then, and
 * may not call back into anything of this file or of client.h.
 *
 * Given up while ASKED, its cancellation is sent. If the acquire won, what it got
 * is left at once: a waiter that goes never keeps a grant that nobody knows of
 * (pitfall 67). A grant is never told to who has given up.
 *
 * Loss. When the lease is over or the session ends, every owner that wants or holds
 * anything is lost: fsm_owner_lost() says so from that moment on, by comparison of
 * two numbers and not by a walk, and its wants are not told of anything any more
 * but their end. fsm_wants_sweep() gives notice to the owners, some at a time.
 *
 * The end of an owner, lost or not: fsm_owner_close(), in steps, tells its wants
 * OVER. Those whose request is under way it lets go (@owner becomes NULL): they are
 * told when that is resolved. Then, if the owner is @abandoned, the driver adds a
 * HANDLE_CLOSE, which ends in the cluster whatever is there: not earlier, as a close
 * must come behind all requests of its handle. So what is OVER here may be in the
 * cluster for as long as that takes, and nobody knows of it but the close. The
 * handle's number is never used again.
 *
 * Pure, with memory from the caller.
 */
#ifndef CNS_FSM_WANT_H
#define CNS_FSM_WANT_H

#include <linux/types.h>
#include "client.h"
#include "lease.h"

enum fsm_want_state {
	FSM_WANT_NEW,
	FSM_WANT_ASKED,
	FSM_WANT_QUEUED,
	FSM_WANT_HELD,
	FSM_WANT_LEAVING,
	FSM_WANT_OVER,
};

/* The hash tables of a node's wants. */
enum fsm_want_table {
	FSM_WANT_BY_NAME,	/* ASKED until given up or OVER: owner and name */
	FSM_WANT_BY_TICKET,	/* QUEUED until OVER */
	FSM_WANT_BY_TOKEN,	/* HELD until given up or OVER */
	FSM_WANT_TABLES,
};

enum {
	/* Tokens of grants that ended with their owners: the newest, or so. */
	FSM_STALE_KEPT = 256,
	/* Tickets that one step looks up after a snapshot, at least. */
	FSM_LOOK_STEP = 1024,
};

struct fsm_owner;

/**
 * struct fsm_want - one acquire of one handle
 * @ask: LOCK_ACQUIRE; later LOCK_RELEASE or LOCK_LEAVE. ask.name is the lock's,
 *	always
 * @extra: of @ask: program, fence; later token, fence
 * @key: by which it is found by name
 * @chain: next in its bucket of each table
 * @next: of its owner's
 * @prev: of its owner's
 * @untold: next of those that are HELD, and not told
 * @untold_at: what points to it there; NULL: it is not among them
 * @owner: whose; NULL: its owner is closed, only the end is to come. As it was when
 *	OVER is told
 * @in: 1 << enum fsm_want_table: where it is
 * @state: enum fsm_want_state
 * @told: GRANTED was told
 * @gone: given up, or its owner is closed: it is told of its end alone
 * @taken: it was revoked while its release was under way
 * @flags: enum fsm_grant_flag of the grant; WANTED also once that was told
 * @reason: given up: what is told if that has worked (-EINTR, -ETIMEDOUT, ...)
 * @status: OVER: why: 0 released; @reason; what the acquire was refused with
 *	(-EAGAIN, -ENOSPC, -ESTALE); -EKEYREVOKED, -EKEYEXPIRED; -ECANCELED: its
 *	owner was closed without being lost; -ENOTRECOVERABLE: the session ended
 *	while it was ASKED. KEPT: what the release was refused with
 * @session: QUEUED, HELD, LEAVING: in which session
 * @ticket: QUEUED, HELD, LEAVING: which
 * @token: HELD: of the grant
 * @index: of the entry that granted it, or (QUEUED) that queued it
 */
struct fsm_want {
	struct fsm_request ask;
	struct fsm_extra extra;
	u64 key;
	struct fsm_want *chain[FSM_WANT_TABLES];
	struct fsm_want *next;
	struct fsm_want *prev;
	struct fsm_want *untold;
	struct fsm_want **untold_at;
	struct fsm_owner *owner;
	u8 in;
	u8 state;
	bool told;
	bool gone;
	bool taken;
	u8 flags;
	s32 reason;
	s32 status;
	u64 session;
	u64 ticket;
	u64 token;
	u64 index;
};

/**
 * struct fsm_owner - a handle, as far as locks are concerned
 * @number: of the handle; all else is zero at first
 * @era: fsm_wants.era when it first wanted something; 0: it wants nothing
 * @lost: it had notice that it is lost, or is being closed: why; 0: neither
 * @abandoned: what fsm_owner_close() has ended so far may be in the cluster still, in
 *	the session of now: a HANDLE_CLOSE is needed
 * @wants: those that are not OVER
 * @next: in fsm_wants.owners, or among those that are lost without notice; a ring;
 *	NULL: in neither
 * @prev: the same
 */
struct fsm_owner {
	u64 number;
	u64 era;
	s32 lost;
	bool abandoned;
	struct fsm_want *wants;
	struct fsm_owner *next;
	struct fsm_owner *prev;
};

/* What happens to a want. All but OVER only while it is not given up nor lost. */
enum fsm_told {
	FSM_TOLD_QUEUED,	/* the acquire was answered: it waits */
	FSM_TOLD_GRANTED,	/* it holds; once */
	FSM_TOLD_WANTED,	/* others wait for what it holds */
	FSM_TOLD_KEPT,		/* its release was refused: it holds as before */
	FSM_TOLD_LOST,		/* it was told GRANTED, and holds no more: .status says
				 * why; OVER follows at once
				 */
	FSM_TOLD_OVER,		/* the end of a want; after it the driver's again */
};

/**
 * struct fsm_wants_ops - how the driver is told; none may call back into the wants
 * @want: something happened to @w
 * @owner: notice to @o: all that it wants or holds is lost (@status -EKEYEXPIRED or
 *	-EKEYREVOKED, or what fsm_wants_stop() was given). Once; not if it was closed
 *	before. Close it soon: its HANDLE_CLOSE frees for others what the cluster
 *	still has of it
 * @done: a request that is not a want's is resolved
 */
struct fsm_wants_ops {
	void (*want)(void *ctx, struct fsm_want *w, enum fsm_told what);
	void (*owner)(void *ctx, struct fsm_owner *o, s32 status);
	void (*done)(void *ctx, struct fsm_request *r);
};

/**
 * struct fsm_wants - of one node
 * @client: its session
 * @lease: of that
 * @ops: the driver's
 * @ctx: for @ops
 * @tables: FSM_WANT_TABLES times @buckets heads
 * @buckets: a power of two
 * @stamp: the driver's: seconds of the Unix epoch now, for what is sent from here
 *	(struct fsm_command); 0: not told
 * @era: rises whenever all owners are lost; begins at 1
 * @lost_as: why they were lost the last time
 * @sure: somebody could have believed in the lease, in this era: if it is over then
 *	they are lost. One that was over before it was ever sure loses nobody: what is
 *	granted waits untold for a renewal
 * @owners: a ring of all that want something and are not lost; NULL: none
 * @unaware: a ring of those that are lost, and had no notice; NULL: none
 * @untold: wants that are HELD, but the lease was not sure, oldest first
 * @untold_tail: where the next one goes
 * @looked: buckets that were looked through since a snapshot came; @buckets: all
 * @answered: granted by the answer to its acquire, in the entry that is being
 *	applied; NULL: none
 * @held: how many are HELD
 * @queued: how many are QUEUED
 * @stale: tokens of grants that ended by fsm_owner_close(), at token mod
 *	FSM_STALE_KEPT: until the HANDLE_CLOSE is applied the log may know them still
 */
struct fsm_wants {
	struct fsm_client *client;
	struct fsm_lease lease;
	const struct fsm_wants_ops *ops;
	void *ctx;
	struct fsm_want **tables;
	u32 buckets;
	u32 stamp;
	u64 era;
	s32 lost_as;
	bool sure;
	struct fsm_owner *owners;
	struct fsm_owner *unaware;
	struct fsm_want *untold;
	struct fsm_want **untold_tail;
	u32 looked;
	struct fsm_want *answered;
	u32 held;
	u32 queued;
	u64 stale[FSM_STALE_KEPT];
};

/* @tables: FSM_WANT_TABLES * @buckets pointers, zeroed. */
void fsm_wants_init(struct fsm_wants *ws, struct fsm_client *c,
		    const struct fsm_wants_ops *ops, void *ctx,
		    struct fsm_want **tables, u32 buckets);

/* --------------------------------------------------------------- programs */

/*
 * Begin: @w is NEW and zeroed but for ask.name, ask.name_len, ask.arg (enum
 * fsm_acquire_flag) and extra. 0; else nothing was begun, and nothing will
 * be told: -EKEYEXPIRED, -EKEYREVOKED, ... as fsm_owner_lost(); -EDEADLK: @o holds
 * or awaits that lock already (and has not given it up; a release under way counts).
 */
int fsm_want_begin(struct fsm_wants *ws, struct fsm_owner *o,
		   struct fsm_want *w);
/*
 * Whoever waits does not want to any more. False: it was granted and told, so it
 * is the caller's to release. True: OVER will be told (or was), with @reason if that
 * works: before this returns, if the acquire never left the node. What is being
 * released goes on being released.
 */
bool fsm_want_give_up(struct fsm_wants *ws, struct fsm_want *w, s32 reason);
/*
 * Give back what is HELD, told or not: OVER will be told, or KEPT. @fence: NULL:
 * none. 0; -EPERM: it is not HELD; or as fsm_owner_lost(): nothing was done.
 */
int fsm_want_release(struct fsm_wants *ws, struct fsm_want *w,
		     const struct fsm_fence *fence);
/* What @o wants or has of lock @name, and has not given up; or NULL. */
struct fsm_want *fsm_want_named(const struct fsm_wants *ws,
				const struct fsm_owner *o, const char *name,
				u8 len);
/* The one with that ticket, whoever's it is (QUEUED, HELD, LEAVING); or NULL. */
struct fsm_want *fsm_want_of(const struct fsm_wants *ws, u64 ticket);
/* The own grant (@name, @token) of any handle of this node, while HELD; or NULL. */
struct fsm_want *fsm_want_held(const struct fsm_wants *ws, const char *name,
			       u8 len, u64 token);
/*
 * 0: not lost, or it wants nothing. -EKEYEXPIRED, -EKEYREVOKED, or the status of
 * fsm_wants_stop(). -ECANCELED: fsm_owner_close() is not through with it.
 */
s32 fsm_owner_lost(const struct fsm_wants *ws, const struct fsm_owner *o);
/*
 * May an operation under the fence (@name, @token) go out now? If that is a grant
 * of this node: 0, or -EKEYEXPIRED, -EKEYREVOKED, -ESTALE, by the deadline itself.
 * A grant that this node does not know of: 0, the log decides.
 */
s32 fsm_wants_fence(const struct fsm_wants *ws, const char *name, u8 len,
		    u64 token, u64 now);
/*
 * The handle is closed, lost or not; begin nothing more. A step ends up to @budget
 * of its wants, see above. 1: there are more, call again. 0: none is left, and nothing
 * refers to @o any more; a HANDLE_CLOSE may be added now.
 */
int fsm_owner_close(struct fsm_wants *ws, struct fsm_owner *o,
		    unsigned int budget);

/* -------------------------------------------------------------- the driver */

/* For fsm_client_applied(), _reload() and _stop(): @ctx is the struct fsm_wants. */
void fsm_wants_done(void *ws, struct fsm_request *r);
/*
 * An entry was applied to the own state machine: after fsm_client_applied(), before
 * the next fsm_apply(). For every @out that fsm_client_applied() is called with, and
 * for every one with events.
 */
void fsm_wants_applied(struct fsm_wants *ws, const struct fsm *f,
		       const struct fsm_outcome *out, u64 now);
/*
 * A snapshot replaced the state, after fsm_client_reload(): every ticket is looked up.
 * True: there are too many to do so at once: call fsm_wants_look() until it is false,
 * with other work in between, entries that are applied among it (each of which is a
 * step, too). Until then no grant is told.
 */
bool fsm_wants_reload(struct fsm_wants *ws, const struct fsm *f, u64 now);
bool fsm_wants_look(struct fsm_wants *ws, const struct fsm *f, u64 now);
/* A renewal was acknowledged: what waited for a sure lease is told. */
void fsm_wants_renewed(struct fsm_wants *ws, u64 session, u64 id, u64 now);
/*
 * Time passed: when the lease is over now, everybody is lost. The state of the
 * lease, for whoever wants to tell that it is suspect.
 */
enum fsm_lease_state fsm_wants_tick(struct fsm_wants *ws, u64 now);
/* Give notice to up to @budget owners that they are lost. True: there are more. */
bool fsm_wants_sweep(struct fsm_wants *ws, unsigned int budget);
/*
 * The node stops: everybody is lost, as @status. Then fsm_client_stop(), which
 * resolves all requests; sweep and close the owners, before it or after.
 */
void fsm_wants_stop(struct fsm_wants *ws, s32 status);

#endif
