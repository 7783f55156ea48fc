// SPDX-License-Identifier: GPL-2.0
/*
 * Leases: what the holder may believe, and what a leader may end. lease.h has the
 * argument; here are its two sums, trust() and patience(), and the bookkeeping of who
 * was heard when.
 */
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include "lease.h"
#include "state.h"

#define NS_PER_MS 1000000ULL
#define NEVER U64_MAX

/* How long ago @then was. Clocks may be near their end: never compare sums. */
static u64 past(u64 now, u64 then)
{
	return now > then ? now - then : 0;
}

/* The time @ns behind @then, NEVER if there is none. */
static u64 later(u64 then, u64 ns)
{
	u64 sum;

	return check_add_overflow(then, ns, &sum) ? NEVER : sum;
}

/* 2 rho of @ttl, rounded up: both clocks may be wrong, in either direction. */
static u64 drift(u64 ttl)
{
	return div_u64(2 * FSM_DRIFT_PPM * ttl, 1000000) + 1;
}

/* For scheduling and for telling whom it concerns, beyond what clocks may do. */
static u64 margin(u64 ttl)
{
	u64 part = max(div_u64(ttl, 20), FSM_MARGIN_MIN_MS * NS_PER_MS);

	return min(part, ttl >> 1);
}

/* How long the holder believes after it has sent: TTL (1 - 2 rho) - margin. */
static u64 trust(u64 ttl)
{
	u64 less = drift(ttl) + margin(ttl);

	return ttl > less ? ttl - less : 0;
}

/* How long the leader waits after it has acknowledged: TTL (1 + 2 rho). */
static u64 patience(u64 ttl)
{
	return ttl + drift(ttl);
}

/* ------------------------------------------------------------- the holder */

/**
 * fsm_lease_open() - a session is open
 * @l: the lease
 * @session: id
 * @ttl_ns: its TTL, as it was asked for
 * @since: when its open was sent first (ns)
 */
void fsm_lease_open(struct fsm_lease *l, u64 session, u64 ttl_ns, u64 since)
{
	/* Ids that begin anew would make old answers prove what they do not. */
	if (l->session == session)
		return;
	l->session = session;
	l->ttl = ttl_ns;
	l->since = since;
	l->first = l->id + 1;
	l->state = FSM_LEASE_NONE;
}

void fsm_lease_close(struct fsm_lease *l)
{
	l->session = 0;
}

static u64 due_at(const struct fsm_lease *l)
{
	if (!l->session)
		return NEVER;
	if (l->id < l->first)
		return 0;
	return max(later(l->since, div_u64(l->ttl, FSM_RENEW_PART)),
		   later(l->sent, div_u64(l->ttl, FSM_RENEW_RETRY)));
}

/**
 * fsm_lease_due() - is a renewal to be sent?
 * @l: the lease
 * @now: ns
 *
 * Return: its id; it counts as sent at @now. 0: none is due.
 */
u64 fsm_lease_due(struct fsm_lease *l, u64 now)
{
	if (!l->session || now < due_at(l))
		return 0;
	l->sent = now;
	l->sent_at[++l->id % FSM_RENEWALS] = now;
	return l->id;
}

/**
 * fsm_lease_renewed() - a leader has acknowledged
 * @l: the lease
 * @session: whose
 * @id: which renewal
 *
 * Counts from when that very renewal was sent, however late the answer is
 * (pitfall 62).
 *
 * Return: is it newer than what was known?
 */
bool fsm_lease_renewed(struct fsm_lease *l, u64 session, u64 id)
{
	u64 sent;

	/* Not one to come, either: the difference is huge then. */
	if (!l->session || session != l->session || id < l->first ||
	    l->id - id >= FSM_RENEWALS)
		return false;
	sent = l->sent_at[id % FSM_RENEWALS];
	if (sent <= l->since)
		return false;
	l->since = sent;
	return true;
}

u64 fsm_lease_left(const struct fsm_lease *l, u64 now)
{
	u64 gone = past(now, l->since), whole = trust(l->ttl);

	return l->session && gone < whole ? whole - gone : 0;
}

u64 fsm_lease_until(const struct fsm_lease *l)
{
	return l->session ? later(l->since, trust(l->ttl)) : 0;
}

/**
 * fsm_lease_look() - what is known at @now
 * @l: the lease
 * @now: ns
 *
 * Return: enum fsm_lease_state, which is taken as told from now on.
 */
enum fsm_lease_state fsm_lease_look(struct fsm_lease *l, u64 now)
{
	if (!l->session)
		l->state = FSM_LEASE_NONE;
	else if (!fsm_lease_left(l, now))
		l->state = FSM_LEASE_OVER;
	else if (past(now, l->since) >= l->ttl >> 1)
		l->state = FSM_LEASE_SUSPECT;
	else
		l->state = FSM_LEASE_SURE;
	return l->state;
}

/* When the state that was told last is no longer true, if nothing is heard. */
static u64 change_at(const struct fsm_lease *l)
{
	if (!l->session)
		return l->state == FSM_LEASE_NONE ? NEVER : 0;
	switch (l->state) {
	case FSM_LEASE_NONE:
		return 0;
	case FSM_LEASE_SURE:
		return later(l->since, l->ttl >> 1);
	case FSM_LEASE_SUSPECT:
		return fsm_lease_until(l);
	default:
		return NEVER;
	}
}

u64 fsm_lease_deadline(const struct fsm_lease *l)
{
	return min(due_at(l), change_at(l));
}

/* ------------------------------------------------------------- the leader */

void fsm_warden_init(struct fsm_warden *w)
{
	w->leads = false;
	w->term = 0;
	w->n = 0;
}

/**
 * fsm_warden_role() - what the node is as of now
 * @w: the warden
 * @f: the state
 * @now: ns
 * @term: the node's
 * @leads: it leads in that term, and its no-op is applied in @f
 *
 * "A new leader does not end what it has not yet heard renewed" (pitfall 61): all
 * silence is counted from here. The terms are compared as well, as a leadership may
 * be lost and won between two calls.
 */
void fsm_warden_role(struct fsm_warden *w, const struct fsm *f, u64 now,
		     u64 term, bool leads)
{
	if (leads == w->leads && (!leads || term == w->term))
		return;
	fsm_warden_init(w);
	if (!leads)
		return;
	w->leads = true;
	w->term = term;
	fsm_warden_sessions(w, f, now);
}

static struct fsm_ward *find(struct fsm_warden *w, u64 session)
{
	u32 i;

	for (i = 0; i < w->n; i++)
		if (w->ward[i].session == session)
			return &w->ward[i];
	return NULL;
}

/* Does the state still have it? */
static bool lives(const struct fsm *f, u64 session)
{
	struct fsm_session_view v;

	return fsm_session_view(f, session, &v);
}

/* Sessions that have ended go. */
static void forget(struct fsm_warden *w, const struct fsm *f)
{
	u32 i = 0;

	while (i < w->n) {
		if (lives(f, w->ward[i].session))
			i++;
		else
			w->ward[i] = w->ward[--w->n];
	}
}

/**
 * fsm_warden_sessions() - sessions came or went
 * @w: the warden
 * @f: the state that has them, or has them no more
 * @now: ns; the silence of those that came is counted from then
 */
void fsm_warden_sessions(struct fsm_warden *w, const struct fsm *f, u64 now)
{
	struct fsm_session_view v;
	u32 cursor = 0;

	if (!w->leads)
		return;
	forget(w, f);
	while (fsm_session_next(f, &cursor, &v)) {
		if (find(w, v.id) || w->n == FSM_SESSIONS_MAX)
			continue;
		w->ward[w->n++] = (struct fsm_ward){
			.session = v.id,
			.ttl = v.ttl_ms * NS_PER_MS,
			.base = now,
		};
	}
}

/**
 * fsm_warden_hear() - a renewal arrived
 * @w: the warden
 * @session: whose
 * @id: of the renewal
 *
 * One that is in a round already is not displaced by the next: holders repeat
 * themselves sooner than a slow round ends, and would never be answered.
 *
 * Return: is there anything to ask a round for?
 */
bool fsm_warden_hear(struct fsm_warden *w, u64 session, u64 id)
{
	struct fsm_ward *d = find(w, session);

	if (!d || d->ctx)
		return false;
	d->id = max(d->id, id);
	return d->id;
}

bool fsm_warden_round(struct fsm_warden *w, u64 ctx)
{
	bool any = false;
	u32 i;

	for (i = 0; i < w->n; i++) {
		struct fsm_ward *d = &w->ward[i];

		if (!d->id || d->ctx)
			continue;
		d->ctx = ctx;
		any = true;
	}
	return any;
}

void fsm_warden_confirmed(struct fsm_warden *w, u64 ctx, u64 index)
{
	u32 i;

	for (i = 0; i < w->n; i++) {
		struct fsm_ward *d = &w->ward[i];

		if (d->ctx && d->ctx <= ctx && !d->index)
			d->index = index;
	}
}

/* Is an entry in the log that may yet end it? */
static bool ending(const struct fsm_ward *d, const struct fsm *f)
{
	return d->ending > f->applied;
}

/**
 * fsm_warden_acknowledge() - what may be answered
 * @w: the warden
 * @f: the state
 * @now: ns, before the answer leaves
 * @id: of the renewal that may be acknowledged
 *
 * The three conditions of design 9: (a) there are wards only where the own no-op is
 * applied; (b) the round that began after the renewal arrived is confirmed; (c) no
 * entry that would end the session waits to be applied. And the state has applied
 * what was committed when the round began, so that a session which had ended by then
 * is not told otherwise (pitfall 63).
 *
 * Return: its session, 0: there is none (left).
 */
u64 fsm_warden_acknowledge(struct fsm_warden *w, const struct fsm *f, u64 now,
			   u64 *id)
{
	u32 i;

	for (i = 0; i < w->n; i++) {
		struct fsm_ward *d = &w->ward[i];

		if (!d->index || d->index > f->applied || ending(d, f) ||
		    !lives(f, d->session))
			continue;
		*id = d->id;
		d->base = now;
		d->id = 0;
		d->ctx = 0;
		d->index = 0;
		return d->session;
	}
	return 0;
}

/**
 * fsm_warden_expired() - whose time is over
 * @w: the warden
 * @f: the state
 * @now: ns
 *
 * Return: a session that was silent for TTL (1 + 2 rho); 0: there is none.
 */
u64 fsm_warden_expired(struct fsm_warden *w, const struct fsm *f, u64 now)
{
	u32 i;

	for (i = 0; i < w->n; i++) {
		struct fsm_ward *d = &w->ward[i];

		if (past(now, d->base) >= patience(d->ttl) && !ending(d, f) &&
		    lives(f, d->session))
			return d->session;
	}
	return 0;
}

void fsm_warden_ending(struct fsm_warden *w, u64 session, u64 index)
{
	struct fsm_ward *d = find(w, session);

	if (d)
		d->ending = index;
}

u64 fsm_warden_deadline(const struct fsm_warden *w, const struct fsm *f)
{
	u64 at = NEVER;
	u32 i;

	for (i = 0; i < w->n; i++) {
		const struct fsm_ward *d = &w->ward[i];

		if (!ending(d, f))
			at = min(at, later(d->base, patience(d->ttl)));
	}
	return at;
}
