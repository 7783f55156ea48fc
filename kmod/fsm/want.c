// SPDX-License-Identifier: GPL-2.0
/*
 * What one node's handles want, and have: what programs do, and the answers to what
 * was asked for them. See want.h.
 *
 * Three things move a want: its handle (begin, give up, release, close), the answer
 * to its request (fsm_wants_done()), and the own applied log (want_log.c). Only the
 * first two send anything, and only the log is believed: so whatever is lost,
 * repeated or late on the way changes nothing here.
 */
#include <linux/types.h>
#include <linux/errno.h>
#include <linux/build_bug.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "want_state.h"

/* -------------------------------------------------------------- states */

/* Nothing refers to it any more, then its end is told. */
void fsm_want_over(struct fsm_wants *ws, struct fsm_want *w, s32 status)
{
	fsm_want_cut_all(ws, w);
	fsm_want_heard(ws, w);
	if (w->owner)
		fsm_want_disown(ws, w);
	fsm_want_set(ws, w, FSM_WANT_OVER);
	w->status = status;
	fsm_want_tell(ws, w, FSM_TOLD_OVER);
}

/* Its request is DONE, and goes once more, as another. */
static void send(struct fsm_wants *ws, struct fsm_want *w, u8 op,
		 const struct fsm_fence *fence)
{
	struct fsm_request *r = &w->ask;
	struct fsm_extra *x = &w->extra;

	r->op = op;
	r->state = FSM_REQ_NEW;
	r->arg = w->ticket;
	r->tries = 0;
	x->arg2 = op == FSM_LOCK_RELEASE ? w->token : 0;
	x->stamp = ws->stamp;
	x->fence_len = fence ? fence->name_len : 0;
	x->fence_token = fence ? fence->token : 0;
	if (x->fence_len)
		memcpy(x->fence_name, fence->name, fence->name_len);
	fsm_want_set(ws, w, FSM_WANT_LEAVING);
	fsm_client_add(ws->client, r);
}

/* Given up with a ticket: out of the queue, or out of what it got meanwhile. */
static void leave(struct fsm_wants *ws, struct fsm_want *w)
{
	fsm_want_heard(ws, w);
	fsm_want_cut(ws, FSM_WANT_BY_NAME, w);
	fsm_want_cut(ws, FSM_WANT_BY_TOKEN, w);
	send(ws, w, FSM_LOCK_LEAVE, NULL);
}

/* It is to be told when the lease is sure. */
void fsm_want_hold(struct fsm_wants *ws, struct fsm_want *w, u64 token)
{
	w->token = token;
	fsm_want_enter(ws, FSM_WANT_BY_TOKEN, w);
	fsm_want_set(ws, w, FSM_WANT_HELD);
	if (!w->gone)
		fsm_want_untold(ws, w);
}

/* -------------------------------------------------------------- programs */

/**
 * fsm_wants_init() - a node that wants nothing yet
 * @ws: wants
 * @c: the node's session, of which nothing is open
 * @ops: the driver's
 * @ctx: for @ops
 * @tables: FSM_WANT_TABLES * @buckets pointers, zeroed
 * @buckets: a power of two
 */
void fsm_wants_init(struct fsm_wants *ws, struct fsm_client *c,
		    const struct fsm_wants_ops *ops, void *ctx,
		    struct fsm_want **tables, u32 buckets)
{
	memset(ws, 0, sizeof(*ws));
	ws->client = c;
	ws->ops = ops;
	ws->ctx = ctx;
	ws->tables = tables;
	ws->buckets = buckets;
	ws->looked = buckets;
	ws->era = 1;
	ws->untold_tail = &ws->untold;
}

/**
 * fsm_want_begin() - a handle wants a lock
 * @ws: wants
 * @o: the handle's
 * @w: what it wants; see want.h for what must be filled in
 *
 * Return: 0, then @w stays where it is until its end is told; -EDEADLK; or why @o
 * is lost.
 */
int fsm_want_begin(struct fsm_wants *ws, struct fsm_owner *o,
		   struct fsm_want *w)
{
	s32 lost = fsm_owner_lost(ws, o);

	if (lost)
		return lost;
	w->key = fsm_want_key(ws, o, w->ask.name, w->ask.name_len);
	if (fsm_want_find(ws, o, w->key, w->ask.name, w->ask.name_len))
		return -EDEADLK;
	fsm_want_adopt(ws, o, w);
	fsm_want_enter(ws, FSM_WANT_BY_NAME, w);
	w->ask.op = FSM_LOCK_ACQUIRE;
	w->ask.handle = o->number;
	w->ask.extra = &w->extra;
	fsm_want_set(ws, w, FSM_WANT_ASKED);
	fsm_client_add(ws->client, &w->ask);
	return 0;
}

/**
 * fsm_want_give_up() - whoever waits for it goes
 * @ws: wants
 * @w: want that was begun
 * @reason: what to tell in the end (negative errno; 0: it was left as was wished)
 *
 * A second reason does not count. What is lost is left to fsm_owner_close().
 *
 * Return: false if it was told that it holds.
 */
bool fsm_want_give_up(struct fsm_wants *ws, struct fsm_want *w, s32 reason)
{
	if (w->state == FSM_WANT_HELD && w->told)
		return false;
	if (w->gone || w->state == FSM_WANT_LEAVING ||
	    w->state == FSM_WANT_OVER)
		return true;
	w->gone = true;
	w->reason = reason;
	if (w->state == FSM_WANT_ASKED) {
		fsm_want_cut(ws, FSM_WANT_BY_NAME, w);
		if (fsm_client_give_up(ws->client, &w->ask, reason))
			fsm_want_over(ws, w, reason);
	} else if (!fsm_owner_lost(ws, w->owner)) {
		leave(ws, w);
	}
	return true;
}

/**
 * fsm_want_release() - give it back
 * @ws: wants
 * @w: want that was begun
 * @fence: under which it is released (for the log to judge); NULL: none
 *
 * Its name stays taken, and its grant is one of this node, until that is applied.
 *
 * Return: 0, then OVER or KEPT will be told; -EPERM; or why its owner is lost.
 */
int fsm_want_release(struct fsm_wants *ws, struct fsm_want *w,
		     const struct fsm_fence *fence)
{
	s32 lost;

	if (w->state != FSM_WANT_HELD)
		return -EPERM;
	lost = fsm_owner_lost(ws, w->owner);
	if (lost)
		return lost;
	fsm_want_heard(ws, w);
	send(ws, w, FSM_LOCK_RELEASE, fence);
	return 0;
}

/**
 * fsm_wants_fence() - may an operation under a grant go out?
 * @ws: wants
 * @name: the lock
 * @len: bytes of it
 * @token: of the grant
 * @now: time (ns), as late as can be
 *
 * "Every fenced operation checks the deadline itself, timers only wake" (design 9).
 *
 * Return: see want.h.
 */
s32 fsm_wants_fence(const struct fsm_wants *ws, const char *name, u8 len,
		    u64 token, u64 now)
{
	const struct fsm_want *w = fsm_want_with(ws, token);
	s32 lost;

	if (!w)
		return ws->stale[token & (FSM_STALE_KEPT - 1)] == token && token ?
		       -ESTALE : 0;
	if (!fsm_want_is(w, name, len))
		return -ESTALE;
	lost = fsm_owner_lost(ws, w->owner);
	if (lost)
		return lost;
	return fsm_lease_left(&ws->lease, now) ? 0 : -EKEYEXPIRED;
}

/*
 * The owner is closed: end @w, or let it go if its request is under way: what comes
 * of that then, the HANDLE_CLOSE behind it undoes.
 */
static void end(struct fsm_wants *ws, struct fsm_want *w, s32 why)
{
	bool asks = w->state == FSM_WANT_ASKED || w->state == FSM_WANT_LEAVING;
	s32 status = w->gone ? w->reason : why;
	struct fsm_owner *o = w->owner;

	BUILD_BUG_ON(FSM_STALE_KEPT & (FSM_STALE_KEPT - 1));
	if (w->state == FSM_WANT_HELD)
		ws->stale[w->token & (FSM_STALE_KEPT - 1)] = w->token;
	/* The tickets of a session that has ended are ended with it. */
	if (w->state != FSM_WANT_ASKED)
		o->abandoned |= w->session == ws->client->session;
	if (!asks || w->ask.state == FSM_REQ_QUEUED) {
		if (asks)
			fsm_client_give_up(ws->client, &w->ask, status);
		fsm_want_over(ws, w, status);
		return;
	}
	fsm_want_cut_all(ws, w);
	fsm_want_disown(ws, w);
	o->abandoned = true;
	w->owner = NULL;
	w->gone = true;
	w->reason = status;
}

/**
 * fsm_owner_close() - a step of the end of a handle
 * @ws: wants
 * @o: the handle's
 * @budget: how many wants to end at most
 *
 * Return: 1: there are more; 0: @o wants nothing, and is in no list.
 */
int fsm_owner_close(struct fsm_wants *ws, struct fsm_owner *o,
		    unsigned int budget)
{
	s32 lost = fsm_owner_lost(ws, o);

	/* From here on nothing begins, and nothing but the end is told. */
	o->lost = lost ?: -ECANCELED;
	fsm_owner_unlink(ws, o);
	for (; o->wants && budget; budget--)
		end(ws, o->wants, o->lost);
	if (o->wants)
		return 1;
	o->era = 0;
	o->lost = 0;
	return 0;
}

/* -------------------------------------------------------------- answers */

/* "An acquire is answered at once, granted or queued with a ticket." */
static void asked(struct fsm_wants *ws, struct fsm_want *w)
{
	const struct fsm_request *r = &w->ask;

	if (!w->owner || r->status) {
		fsm_want_over(ws, w, w->owner ? r->status : w->reason);
		return;
	}
	w->session = ws->client->session;
	w->ticket = r->index;
	w->index = r->index;
	fsm_want_enter(ws, FSM_WANT_BY_TICKET, w);
	if (r->value)
		fsm_want_hold(ws, w, r->value);
	else
		fsm_want_set(ws, w, FSM_WANT_QUEUED);
	if (fsm_owner_lost(ws, w->owner))
		return;
	if (w->gone)
		leave(ws, w);
	else if (r->value)
		ws->answered = w;
	else
		fsm_want_tell(ws, w, FSM_TOLD_QUEUED);
}

/* A release was refused, and nothing has changed. */
static void keep(struct fsm_wants *ws, struct fsm_want *w, s32 status)
{
	fsm_want_set(ws, w, FSM_WANT_HELD);
	w->status = status;
	if (!w->told)
		fsm_want_untold(ws, w);
	fsm_want_tell(ws, w, FSM_TOLD_KEPT);
}

/*
 * Whatever a LEAVE ends in, the ticket is nobody's any more: there was none, or its
 * session has ended.
 */
static void left(struct fsm_wants *ws, struct fsm_want *w)
{
	s32 status = w->ask.status, lost;

	if (w->ask.op == FSM_LOCK_LEAVE) {
		fsm_want_over(ws, w, w->reason);
		return;
	}
	lost = w->owner ? fsm_owner_lost(ws, w->owner) : w->reason;
	if (!status)
		fsm_want_over(ws, w, 0);
	else if (lost)
		fsm_want_over(ws, w, lost);
	else if (status == -EPERM || w->taken)
		fsm_want_over(ws, w, -EKEYREVOKED);
	else if (status == -ESTALE)
		keep(ws, w, status);
	else
		fsm_want_over(ws, w, status);
}

/**
 * fsm_wants_done() - a request of the session is resolved
 * @ctx: struct fsm_wants
 * @r: request, DONE
 */
void fsm_wants_done(void *ctx, struct fsm_request *r)
{
	struct fsm_wants *ws = ctx;

	fsm_wants_ended(ws);
	switch (r->op) {
	case FSM_LOCK_ACQUIRE:
		asked(ws, container_of(r, struct fsm_want, ask));
		break;
	case FSM_LOCK_RELEASE:
	case FSM_LOCK_LEAVE:
		left(ws, container_of(r, struct fsm_want, ask));
		break;
	default:
		ws->ops->done(ws->ctx, r);
	}
}
