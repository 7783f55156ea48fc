// SPDX-License-Identifier: GPL-2.0
/*
 * What the own applied log and the lease say about wants. See want.h.
 *
 * Every member applies the whole log, so that a grant needs no message of its own, no
 * answer and no repetition: it is told where and when the entry is applied that makes
 * it, if the lease is sure, and else when it is.
 */
#include <linux/types.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include "want_state.h"

/*
 * The session that the lease is of has ended. Its requests may hear of that before
 * fsm_wants_applied() is called.
 */
void fsm_wants_ended(struct fsm_wants *ws)
{
	const struct fsm_client *c = ws->client;

	if (likely(c->session == ws->lease.session) || !ws->lease.session)
		return;
	fsm_lease_close(&ws->lease);
	fsm_wants_lose(ws, c->ended_as);
}

/* -------------------------------------------------------------- the log */

/**
 * fsm_wants_tick() - time passed
 * @ws: wants
 * @now: time (ns)
 *
 * Return: the state of the lease.
 */
enum fsm_lease_state fsm_wants_tick(struct fsm_wants *ws, u64 now)
{
	enum fsm_lease_state state = fsm_lease_look(&ws->lease, now);

	if (state == FSM_LEASE_SURE || state == FSM_LEASE_SUSPECT)
		ws->sure = true;
	else if (ws->sure)
		fsm_wants_lose(ws, -EKEYEXPIRED);
	return state;
}

/*
 * Grants are told as long as the lease says that they are. Those of the lost wait
 * for the close of their owners.
 */
static void tell_granted(struct fsm_wants *ws, u64 now)
{
	struct fsm_want *w;

	if (!ws->untold || ws->looked < ws->buckets)
		return;
	fsm_wants_tick(ws, now);
	if (!ws->sure)
		return;
	while ((w = ws->untold)) {
		fsm_want_heard(ws, w);
		if (!fsm_want_listens(ws, w))
			continue;
		w->told = true;
		fsm_want_tell(ws, w, FSM_TOLD_GRANTED);
	}
}

/* A lease begins and ends with the session. */
static void follow_session(struct fsm_wants *ws, u64 now)
{
	const struct fsm_client *c = ws->client;

	if (likely(c->session == ws->lease.session))
		return;
	fsm_wants_ended(ws);
	if (!c->session)
		return;
	fsm_lease_open(&ws->lease, c->session, c->ttl_ms * 1000000ULL,
		       c->open_first);
	fsm_wants_tick(ws, now);
}

/* What the state says of a grant beside its token. */
static void look_up_grant(const struct fsm *f, struct fsm_want *w)
{
	struct fsm_ticket t;

	if (fsm_ticket(f, w->ticket, &t))
		return;
	w->index = t.index;
	w->flags = t.flags;
}

/*
 * The administrator took it. What is LEAVING waits for its own answer, as ever; a
 * RELEASE may yet be refused by its fence, when there is nothing to keep any more.
 */
static void revoked(struct fsm_wants *ws, struct fsm_want *w)
{
	if (w->state == FSM_WANT_LEAVING) {
		w->taken = true;
		return;
	}
	if (w->told && fsm_want_listens(ws, w)) {
		w->status = -EKEYREVOKED;
		fsm_want_tell(ws, w, FSM_TOLD_LOST);
	}
	fsm_want_over(ws, w, -EKEYREVOKED);
}

/* Others wait for what @w holds; if its grant is not told yet, that tells it. */
static void wanted(struct fsm_wants *ws, struct fsm_want *w)
{
	w->flags |= FSM_GRANT_WANTED;
	if (w->told && fsm_want_listens(ws, w))
		fsm_want_tell(ws, w, FSM_TOLD_WANTED);
}

static void all_wanted(struct fsm_wants *ws, const struct fsm *f,
		       const struct fsm_event *e)
{
	struct fsm_ticket t;
	struct fsm_want *w;
	u64 ticket = 0;

	if (!ws->owners)
		return;
	while (fsm_holder_next(f, e->name, e->name_len, &ticket, &t)) {
		if (t.session != ws->lease.session)
			continue;
		w = fsm_want_of(ws, ticket);
		if (w && w->token == t.token)
			wanted(ws, w);
	}
}

static void event(struct fsm_wants *ws, const struct fsm *f,
		  const struct fsm_event *e)
{
	struct fsm_want *w;

	if (e->type == FSM_EVENT_WANTED) {
		all_wanted(ws, f, e);
		return;
	}
	if (e->session != ws->lease.session)
		return;
	w = fsm_want_of(ws, e->ticket);
	/* Its owner was closed: the HANDLE_CLOSE sees to it. */
	if (!w)
		return;
	if (e->type == FSM_EVENT_REVOKED) {
		revoked(ws, w);
	} else if (w->state == FSM_WANT_QUEUED) {
		w->flags = e->flags;
		fsm_want_hold(ws, w, e->token);
		look_up_grant(f, w);
	}
}

/* What became of a ticket while nobody looked. */
static void look_up(struct fsm_wants *ws, const struct fsm *f,
		    struct fsm_want *w)
{
	struct fsm_ticket t;

	if (fsm_owner_lost(ws, w->owner))
		return;
	/* Its session lives, and what would have ended it is not applied: taken. */
	if (fsm_ticket(f, w->ticket, &t)) {
		revoked(ws, w);
		return;
	}
	if (!t.token || w->state == FSM_WANT_LEAVING)
		return;
	if (w->state == FSM_WANT_QUEUED)
		fsm_want_hold(ws, w, t.token);
	w->index = t.index;
	if (!w->told)
		w->flags = t.flags;
	else if (!(t.flags & FSM_GRANT_WANTED))
		w->flags &= ~FSM_GRANT_WANTED;
	else if (!(w->flags & FSM_GRANT_WANTED))
		wanted(ws, w);
}

/*
 * All tickets of a bucket; how many. Who is told of an end may free that want, but
 * no other.
 */
static u32 look_through(struct fsm_wants *ws, const struct fsm *f, u32 i)
{
	struct fsm_want *w = *fsm_want_bucket(ws, FSM_WANT_BY_TICKET, i), *next;
	u32 n = 0;

	for (; w; w = next, n++) {
		next = w->chain[FSM_WANT_BY_TICKET];
		look_up(ws, f, w);
	}
	return n;
}

/**
 * fsm_wants_look() - go on looking up tickets
 * @ws: wants
 * @f: state as it is now, whatever was applied since the snapshot
 * @now: time (ns)
 *
 * Grants are told when all is known of them: whether they were taken, their flags.
 *
 * Return: true if there are more.
 */
bool fsm_wants_look(struct fsm_wants *ws, const struct fsm *f, u64 now)
{
	u32 n = 0;

	while (ws->looked < ws->buckets && n < FSM_LOOK_STEP)
		n += look_through(ws, f, ws->looked++);
	tell_granted(ws, now);
	return ws->looked < ws->buckets;
}

/**
 * fsm_wants_reload() - a snapshot took the place of entries
 * @ws: wants
 * @f: state that was loaded
 * @now: time (ns)
 *
 * Return: true if fsm_wants_look() has more to do.
 */
bool fsm_wants_reload(struct fsm_wants *ws, const struct fsm *f, u64 now)
{
	follow_session(ws, now);
	ws->looked = 0;
	ws->answered = NULL;
	return fsm_wants_look(ws, f, now);
}

/**
 * fsm_wants_applied() - the own state machine has applied an entry
 * @ws: wants
 * @f: the state behind it
 * @out: what fsm_apply() said
 * @now: time (ns)
 */
void fsm_wants_applied(struct fsm_wants *ws, const struct fsm *f,
		       const struct fsm_outcome *out, u64 now)
{
	const struct fsm_event *e;
	u32 i;

	follow_session(ws, now);
	if (likely(!out->n_events && !ws->untold && ws->looked == ws->buckets))
		return;
	if (ws->answered)
		look_up_grant(f, ws->answered);
	ws->answered = NULL;
	if (ws->lease.session) {
		e = fsm_events(f);
		for (i = 0; i < out->n_events; i++)
			event(ws, f, &e[i]);
	}
	fsm_wants_look(ws, f, now);
}

/**
 * fsm_wants_renewed() - the leader has acknowledged a renewal
 * @ws: wants
 * @session: of which session
 * @id: which
 * @now: time (ns)
 *
 * If it comes too late, all is lost nevertheless: somebody may have acted on that.
 */
void fsm_wants_renewed(struct fsm_wants *ws, u64 session, u64 id, u64 now)
{
	fsm_wants_tick(ws, now);
	if (!fsm_lease_renewed(&ws->lease, session, id))
		return;
	fsm_wants_tick(ws, now);
	tell_granted(ws, now);
}

/**
 * fsm_wants_sweep() - tell some of the lost
 * @ws: wants
 * @budget: how many at most
 *
 * Return: are there more?
 */
bool fsm_wants_sweep(struct fsm_wants *ws, unsigned int budget)
{
	struct fsm_owner *o;

	for (; ws->unaware && budget; budget--) {
		o = ws->unaware;
		fsm_owner_unlink(ws, o);
		o->lost = ws->lost_as;
		ws->ops->owner(ws->ctx, o, o->lost);
	}
	return ws->unaware;
}

/**
 * fsm_wants_stop() - the node ends
 * @ws: wants
 * @status: why (negative errno)
 */
void fsm_wants_stop(struct fsm_wants *ws, s32 status)
{
	fsm_lease_close(&ws->lease);
	fsm_wants_lose(ws, status);
}
