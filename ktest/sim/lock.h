/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Locks, leases and clocks. Included by sim.h.
 *
 *   clock.c     what each node takes for the time, and whether leases may rely on it
 *   lease.c     the driver of leases: renewals, rounds, expiry, reaping, loss
 *   lock.c      programs that take locks, and what becomes of them
 *   belief.c    who believes to hold what, in simulated real time
 *   lock_op.c   what these programs choose to do
 *   claims.c, claims_check.c
 *               an independent model of locks, and what is held against it
 */
#ifndef SIM_LOCK_H
#define SIM_LOCK_H

#include "../../kmod/fsm/want.h"

enum {
	SIM_LOCKS = 96,		/* names of locks that programs touch */
	SIM_BUCKETS = 32,	/* of a node's wants: few, so that chains are long */
	SIM_OLD = 8,		/* grants of the past that a node's programs know */
	SIM_WRITES = 8,		/* writes on their way to the resource */
	G_CLAIMS = 1 << 12,
	RAW_STAMP = 77,		/* a release that no want has asked for */
	STAMP = 1000000,	/* all others */
};

#define CLOCK_ONE 1048576U	/* rate of a clock that is right */
/* rho, as lease.h has it. */
#define CLOCK_DRIFT ((u32)((u64)CLOCK_ONE * FSM_DRIFT_PPM / 1000000))

struct world;
struct node;
struct msg;
struct gsession;
struct fsm_command;

/**
 * struct clock - what a node takes for the time
 * @local: its reading at @global
 * @global: simulated real time of the last change of rate
 * @rate: parts of CLOCK_ONE; 0: it stands
 * @after: rate once it goes on
 * @slow_at: when it was last slower than leases allow; 0: never
 * @fast_at: the same for faster
 */
struct clock {
	u64 local;
	u64 global;
	u32 rate;
	u32 after;
	u64 slow_at;
	u64 fast_at;
};

/* What the node's memory holds of a want: freed when it is told OVER. */
struct box {
	struct fsm_want w;	/* first */
	struct hold *hold;
};

/**
 * struct hold - an acquire of a program, from its call to the end; kept for ever
 * @next: of its node's, while it has a box
 * @beside: of its lock's whose program was told of a grant
 * @n: whose
 * @box: what the node's memory holds of it; NULL: nothing any more
 * @claim: the model's, once it was applied
 * @number: of its handle
 * @called: when, in real time
 * @floor: highest index any program had been told then
 * @timeout: when its program gives up (the node's clock); ~0: never
 * @told_at: when it was told of the grant, in real time
 * @session: under which its acquire was sent; 0: it was not
 * @seq: of its acquire
 * @ticket: as told
 * @token: as told
 * @gen: start of its node
 * @handle: which open file; it may be another by now, see @number
 * @lock: number of its name
 * @shared: how
 * @try: not to wait
 * @queued: told
 * @granted: told
 * @lost: told, or its handle was
 * @over: told
 * @forgot: its node had stopped by then
 * @gave_up: its program does not want it any more
 * @released: its program gave it back
 * @closed: its handle was closed
 */
struct hold {
	struct hold *next;
	struct hold *beside;
	struct node *n;
	struct box *box;
	struct gclaim *claim;
	u64 number;
	u64 called;
	u64 floor;
	u64 timeout;
	u64 told_at;
	u64 session;
	u64 seq;
	u64 ticket;
	u64 token;
	u32 gen;
	u8 handle;
	u8 lock;
	bool shared;
	bool try;
	bool queued;
	bool granted;
	bool lost;
	bool over;
	bool forgot;
	bool gave_up;
	bool released;
	bool closed;
};

/**
 * struct closing - a handle that was closed or lost, on its way out of the wants
 * @next: of its node's
 * @owner: to be ended, some wants at a time
 * @number: of the handle
 * @handle: which of the node's
 * @needed: the cluster is told, whether it has anything of it or not
 */
struct closing {
	struct closing *next;
	struct fsm_owner *owner;
	u64 number;
	u8 handle;
	bool needed;
};

/* A grant that a program remembers, though it may be gone. */
struct gone {
	u64 ticket;
	u64 token;
	u8 lock;
};

/* ------------------------------------------------------------ the model's */

/**
 * struct gclaim - an acquire that was queued or granted, with its whole past
 * @next: of its bucket
 * @behind: of its lock's that live, in order of tickets
 * @hold: whose
 * @s: of which session
 * @owner: of which handle
 * @number: of its handle
 * @ticket: index of the entry that asked
 * @token: of its grant
 * @granted: index of the entry that granted it; 0: none has
 * @ended: index of the entry that ended it; 0: it lives
 * @revoked: by the administrator
 * @lock: which
 * @shared: how
 * @died: it was told that the holder before died
 */
struct gclaim {
	struct gclaim *next;
	struct gclaim *behind;
	struct hold *hold;
	struct gsession *s;
	struct gowner *owner;
	u64 number;
	u64 ticket;
	u64 token;
	u64 granted;
	u64 ended;
	bool revoked;
	u8 lock;
	bool shared;
	bool died;
};

/**
 * struct glock - a lock
 * @claims: that live, in order of tickets: those that hold come first
 * @waiter: the first that waits
 * @told: acquires whose programs were told of a grant, and which may be believed
 * @held: how many hold it
 * @died: its last holder died, and nobody has had it since
 * @seen: highest token that the resource it guards has seen
 * @seen_by: whose
 */
struct glock {
	struct gclaim *claims;
	struct gclaim *waiter;
	struct hold *told;
	u32 held;
	bool died;
	u64 seen;
	const struct gclaim *seen_by;
};

/**
 * struct gowner - a handle that has claims
 * @next: of its session's
 * @number: which
 * @claims: how many live
 * @born: the first that it had since it had none
 * @died: index of the entry that closed it; 0: none has
 */
struct gowner {
	struct gowner *next;
	u64 number;
	u32 claims;
	u64 born;
	u64 died;
};

/**
 * struct gdead - a handle or a session that died with claims, oldest first
 * @next: younger
 * @s: of which session
 * @number: of the handle; 0: the whole session
 */
struct gdead {
	struct gdead *next;
	struct gsession *s;
	u64 number;
};

/* In lists of changes beside enum fsm_event_type: no events, but to be compared. */
enum { G_ASKED = 100, G_ENDED };

/**
 * struct gchange - an event that an entry brings about
 * @next: in order
 * @type: enum fsm_event_type, or G_*
 * @claim: whose; WANTED: NULL
 * @lock: which
 * @flags: enum fsm_grant_flag
 */
struct gchange {
	struct gchange *next;
	struct gclaim *claim;
	u8 type;
	u8 lock;
	u8 flags;
};

/**
 * struct gexpiry - an FSM_EXPIRE that a leader appended
 * @next: older
 * @index: of the entry
 * @term: of the entry
 * @believed: slot + 1 of a node that believed in the session then; 0: none did
 * @rogue: the leader's clock was too fast
 * @sound: the clocks of leader and holder were within the bound
 */
struct gexpiry {
	struct gexpiry *next;
	u64 index;
	u64 term;
	u8 believed;
	bool rogue;
	bool sound;
};

/**
 * struct gwrite - a write on its way to the resource
 * @hold: by whom
 * @token: under which
 * @lock: by which it is guarded
 */
struct gwrite {
	struct hold *hold;
	u64 token;
	u8 lock;
};

struct glocks {
	struct glock lock[SIM_LOCKS];
	struct gclaim **by_ticket;
	struct gdead *dead, **dead_tail;
	struct gexpiry *expiries;
	struct gwrite write[SIM_WRITES];
	u32 n_writes;
	u64 last_token;		/* highest that any node saw granted */
	u64 last_index;		/* by which entry */
	struct gcounts now;
};

/* clock.c */
u64 node_now(const struct node *n);
u64 node_to_global(const struct node *n, u64 local);
void clock_init(struct node *n);
/* A start: it begins where this one does, if the world has such clocks. */
void clock_start(struct node *n);
void clock_rate(struct node *n, u32 rate);
void clock_drift(struct node *n);
void clock_stop(struct node *n);
void clock_go_on(struct node *n);
void clock_jump(struct node *n, u64 by);
/* Has it been no slower, no faster than leases allow for @window (real time)? */
bool clock_not_slow(const struct node *n, u64 window);
bool clock_not_fast(const struct node *n, u64 window);

/* lease.c */
void lease_start(struct node *n);
void lease_stop(struct node *n, bool crash);
void lease_applied(struct node *n, const struct fsm_outcome *out);
void lease_reload(struct node *n);
/* What there is to do now; true: the core was called. */
bool lease_turn(struct node *n);
u64 lease_deadline(const struct node *n);
void lease_message(struct node *n, const struct msg *m);
bool lease_reads(struct node *n, u64 ctx, u64 index);
/* An entry was appended by this leader. */
void lease_appended(struct node *n, const struct fsm_command *c, u64 index);
bool leads(const struct node *n);
void lease_acknowledge(struct node *n, u64 session, u64 renewal);
void lease_done(void *ctx, struct fsm_request *r);

/* lock.c */
const char *lock_name(u8 lock, u8 *len);
void lock_start(struct node *n);
void lock_stop(struct node *n);
void lock_time(struct node *n, u64 now, u64 *at);
void lock_close(struct node *n, u8 handle);
bool lock_closing(struct node *n);
void lock_told(struct node *n, struct fsm_want *w, enum fsm_told what);
void lock_lost(struct node *n, struct fsm_owner *o, s32 status);
struct hold *lock_acquire(struct node *n, u8 handle, u8 lock, u32 flags);
void lock_release(struct node *n, struct hold *h, const struct fsm_fence *fence);
void lock_give_up(struct node *n, struct hold *h, s32 why);
bool lock_raw(const struct fsm_request *r);
/* Programs that are finishing give back what they have. */
void lock_finish(struct node *n);
void lock_sent(struct node *n, const struct fsm_command *c,
	       struct fsm_request *r);

/* lock_op.c */
void lock_op(struct world *w, struct node *n);
void lock_fence(struct fsm_extra *x, u8 lock, u64 token);

/* belief.c */
bool believes(const struct hold *h);
void belief_begins(struct hold *h);
void belief_ends(struct hold *h);
void check_over(struct hold *h, s32 status);
void check_own_fence(struct hold *h, s32 said);
void check_resumed(struct node *n);
void check_acknowledged(struct node *n, u64 session);
void check_expiry(struct node *n, u64 session, u64 index);
void belief_expired(struct world *w, u64 index, struct gsession *s);
const char *lock_text(u8 lock);
void resource_write(struct world *w, struct hold *h);
void resource_land(struct world *w);
const char *leaked(struct world *w, struct node *n);
const char *forgotten(struct node *n);

/* mutants_lock.c: what a node with a defect makes of it; true: that was all */
bool mutant_hears(struct node *n, u64 session, u64 renewal);
bool mutant_renewed(struct node *n, u64 session, u64 renewal);
void mutant_applied(struct node *n, struct fsm_outcome *out, bool before);
void mutant_role(struct node *n);
bool mutant_untimed(const struct node *n);
void mutant_loaded(struct node *n);
u16 mutant_entry(struct node *n, const struct gentry *g, u8 *buf);
void mutant_lock_weather(struct world *w);

/* claims.c, claims_check.c */
void claims_init(struct world *w);
void claims_free(struct world *w);
struct gclaim *claim_of(const struct world *w, u64 ticket);
/* The token that entry @index granted last; 0: none. */
u64 claim_token(const struct world *w, u64 index);
int lock_number(const char *name, u8 len);
bool model_fence(struct world *w, const struct fsm_command *c);
s32 model_acquire(struct world *w, u64 index, const struct fsm_command *c,
		  struct gsession *s, struct hold *h, u64 *value);
s32 model_release(struct world *w, u64 index, const struct fsm_command *c,
		  struct gsession *s, u64 *value);
s32 model_revoke(struct world *w, u64 index, const struct fsm_command *c,
		 u64 *value);
void model_handle_dies(struct world *w, u64 index, struct gsession *s, u64 number);
void model_session_dies(struct world *w, u64 index, struct gsession *s);
void model_reap(struct world *w, u64 index);
void model_counts(struct world *w, u64 index);
void compare_locks(struct world *w, struct node *n, u64 index,
		   const struct fsm_outcome *out);
void compare_all(struct world *w, struct node *n);

#endif
