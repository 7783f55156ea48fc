/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Leases: how long a node may believe in its session, and when a leader may end
 * it (design 9; Gray and Cheriton, "Leases", SOSP 1989; Burrows, "The Chubby lock
 * service", OSDI 2006, 2.8). No log entry is written to renew one.
 *
 * Two clocks, which need not agree; only their rates differ by no more than rho
 * (FSM_DRIFT_PPM) from real time. Let a renewal be *sent* at s by the holder's
 * clock, and arrive at a by the leader's:
 *
 *   holder	believes until s + TTL (1 - 2 rho) - margin, by its clock
 *   leader	ends the session no earlier than TTL (1 + 2 rho) after it has
 *		acknowledged a renewal, which is after a, by its clock
 *
 * In real time the first is less than TTL after s, as (1 - 2 rho) / (1 - rho) < 1,
 * and the second more than TTL after a, as (1 + 2 rho) / (1 + rho) > 1; and s is
 * before a. A clock that is wrong in the other direction does no harm: a holder's
 * that leaps ahead, a leader's that stands still.
 *
 * A leader counts from the later of the last renewal that it acknowledged and the
 * moment at which its own no-op was applied. Why that covers what others did:
 *
 *   earlier	a leader of an earlier term acknowledged a renewal. It had confirmed
 *		its leadership by a round that began after a, so some voter of this
 *		leader's quorum still followed that one at a time after a: this
 *		leader's no-op is later than a.
 *   later	a leader of a later term acknowledged a renewal, and this one, not
 *		knowing that it is deposed, appends an expiry. Either the later one's
 *		log has that entry: then it is before its no-op, was applied with it,
 *		and nothing was acknowledged. Or it has not: then no log that holds
 *		the later one's committed no-op ever has it, and it is not committed.
 *   itself	it appended the expiry, and a renewal arrives: it acknowledges none
 *		until it sees what the entry has done (fsm_ward.ending).
 *
 * What the administrator ends (SESSION_END, LOCK_REVOKE), and what a newer start of
 * the same member replaces, waits for no lease: the token covers that.
 *
 * A failover gives every session a new TTL, also that of a dead holder: its locks
 * are free TTL (1 + 2 rho) after the no-op of the last leader, at the latest
 * (pitfall 60). To know what was left of it would cost an entry for each renewal.
 *
 * Pure: time comes in as an argument (ns, any epoch). It never goes back. Only
 * differences are compared; a time to come that is not representable is ~0.
 */
#ifndef CNS_FSM_LEASE_H
#define CNS_FSM_LEASE_H

#include <linux/types.h>
#include "fsm.h"

enum {
	FSM_DRIFT_PPM = 1000,	/* rho: bound on the error of a clock's rate */
	FSM_MARGIN_MIN_MS = 20,	/* of the holder: max(TTL / 20, this); but never
				 * more than TTL / 2
				 */
	FSM_RENEW_PART = 4,	/* a renewal is sent every TTL / 4 */
	FSM_RENEW_RETRY = 40,	/* and, while unanswered, every TTL / 40 */
};

/* ------------------------------------------------------------- the holder */

enum fsm_lease_state {
	FSM_LEASE_NONE,		/* no session */
	FSM_LEASE_SURE,
	FSM_LEASE_SUSPECT,	/* unanswered for half of the TTL */
	FSM_LEASE_OVER,		/* the deadline has passed: nothing may be believed;
				 * a renewal that is acknowledged yet makes it SURE
				 * again, for what is granted from then on
				 */
};

enum { FSM_RENEWALS = 64 };	/* more than are sent in a whole TTL */

/**
 * struct fsm_lease - what a node may believe of its own session; zeroed: none
 * @session: id; 0: none
 * @ttl: ns
 * @since: when the newest acknowledged renewal was sent (ns)
 * @sent: when the last renewal was sent (ns)
 * @id: of the last renewal; rises with each, never reused while this node runs
 * @first: of the first one of this session; above @id: none was sent yet
 * @sent_at: when renewals were sent: id at id mod FSM_RENEWALS
 * @state: enum fsm_lease_state as last told by fsm_lease_look()
 */
struct fsm_lease {
	u64 session;
	u64 ttl;
	u64 since;
	u64 sent;
	u64 id;
	u64 first;
	u64 sent_at[FSM_RENEWALS];
	u8 state;
};

/*
 * The session is open; its open first left at @since. A renewal is due at once. To
 * say so again of the same session changes nothing. fsm_lease_close(): it has ended.
 */
void fsm_lease_open(struct fsm_lease *l, u64 session, u64 ttl_ns, u64 since);
void fsm_lease_close(struct fsm_lease *l);
/*
 * Is a renewal due? Then its id, to be sent now, or never (no leader is known), else
 * 0. Due: TTL / FSM_RENEW_PART after the last that was acknowledged was sent, and
 * then every TTL / FSM_RENEW_RETRY until one of them is.
 */
u64 fsm_lease_due(struct fsm_lease *l, u64 now);
/*
 * Renewal @id of @session was acknowledged. True: it counted, and fsm_lease_look()
 * may have something new.
 */
bool fsm_lease_renewed(struct fsm_lease *l, u64 session, u64 id);
/* May what this session holds be believed at @now? What is left of it (ns); 0: no. */
u64 fsm_lease_left(const struct fsm_lease *l, u64 now);
/* When it ends unless it is renewed (ns); 0: no session */
u64 fsm_lease_until(const struct fsm_lease *l);
/* The state now; the driver tells whom it concerns what has changed since. */
enum fsm_lease_state fsm_lease_look(struct fsm_lease *l, u64 now);
/* When fsm_lease_due() or fsm_lease_look() has something new; ~0: never */
u64 fsm_lease_deadline(const struct fsm_lease *l);

/* ------------------------------------------------------------- the leader */

/**
 * struct fsm_ward - one session, as the leader sees it
 * @session: id
 * @ttl: ns
 * @base: its silence is counted from then (ns)
 * @ending: index of the last entry of this leader that would end it; 0: none. While
 *	that is not applied, nothing of this session is acknowledged. Once it is, the
 *	session has ended, or the entry had no effect (a request that was canceled)
 * @id: a renewal waits to be acknowledged; 0: none
 * @ctx: the round that it joined; 0: none yet
 * @index: the round is confirmed, and the state must have applied this; 0: not
 */
struct fsm_ward {
	u64 session;
	u64 ttl;
	u64 base;
	u64 ending;
	u64 id;
	u64 ctx;
	u64 index;
};

/**
 * struct fsm_warden - a leader's leases
 * @leads: its own no-op is applied
 * @term: of that leadership
 * @n: places of @ward in use
 * @ward: sessions
 */
struct fsm_warden {
	bool leads;
	u64 term;
	u32 n;
	struct fsm_ward ward[FSM_SESSIONS_MAX];
};

void fsm_warden_init(struct fsm_warden *w);
/*
 * The node's role as of now. @leads: it is the leader of @term, and the no-op of
 * that term is applied in @f (the entry at its applied index is of @term). When that
 * becomes true, or true for another term, all sessions begin anew at @now; when it
 * ceases everything is forgotten, what was appended by this leader and is not
 * committed among it.
 *
 * To be called whenever role, term or applied index may have changed, and before
 * any other function here: a node that has lost its role, and still asks for rounds
 * as its warden, would be told of another's leadership.
 */
void fsm_warden_role(struct fsm_warden *w, const struct fsm *f, u64 now,
		     u64 term, bool leads);
/* Entries were applied that opened or ended sessions: look through them. A new one's
 * silence is counted from @now.
 */
void fsm_warden_sessions(struct fsm_warden *w, const struct fsm *f, u64 now);
/*
 * Renewal @id of @session arrived. True: ask for a round of leadership (a
 * linearizable read) *after* this call, and give its context to fsm_warden_round()
 * before the next one arrives; the driver may gather several. If it cannot be asked
 * for now, later does as well. A renewal that comes while an earlier one of the same
 * session is in a round is dropped: the holder asks again.
 */
bool fsm_warden_hear(struct fsm_warden *w, u64 session, u64 id);
/*
 * Renewals without a round join @ctx, not 0, which was asked for just now. Contexts
 * rise. True: there were some.
 */
bool fsm_warden_round(struct fsm_warden *w, u64 ctx);
/* The round @ctx (and all before it) is confirmed at @index. */
void fsm_warden_confirmed(struct fsm_warden *w, u64 ctx, u64 index);
/*
 * A renewal that may be acknowledged now, @f having applied enough: its session,
 * and its id in @id. 0: none (left). It counts as acknowledged at @now.
 */
u64 fsm_warden_acknowledge(struct fsm_warden *w, const struct fsm *f, u64 now,
			   u64 *id);
/*
 * A session that was silent for too long: append FSM_EXPIRE for it, then say so by
 * fsm_warden_ending(). 0: none. The same one again until that was said: where the
 * log takes no entry now, try later.
 */
u64 fsm_warden_expired(struct fsm_warden *w, const struct fsm *f, u64 now);
/*
 * An entry that would end @session (EXPIRE, SESSION_END) was appended to the log by
 * this leader, at @index.
 */
void fsm_warden_ending(struct fsm_warden *w, u64 session, u64 index);
/* When the next session has been silent for too long (ns); ~0: none */
u64 fsm_warden_deadline(const struct fsm_warden *w, const struct fsm *f);

#endif
