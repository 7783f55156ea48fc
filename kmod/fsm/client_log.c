// SPDX-License-Identifier: GPL-2.0
/*
 * What the own applied log says of a node's requests: how they end, and that the
 * session began or ended. See client.h.
 */
#include <linux/types.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include "client_state.h"

/*
 * @r is resolved. The low mark follows the lowest that is not, and only then is
 * anybody told: @done may free @r and add requests.
 */
static void settle(struct fsm_client *c, struct fsm_request *r, s32 status,
		   fsm_done_fn done, void *ctx)
{
	*fsm_client_place(c, r->seq) = NULL;
	c->unresolved--;
	while (c->low < c->next_seq && !*fsm_client_place(c, c->low))
		c->low++;
	r->state = FSM_REQ_DONE;
	r->status = status;
	done(ctx, r);
}

/* A cancellation that won is reported as why it was asked for. */
static void resolved(struct fsm_client *c, const struct fsm_outcome *out,
		     fsm_done_fn done, void *ctx)
{
	struct fsm_request *r;
	s32 status = out->status;

	if (out->seq < c->low || out->seq >= c->next_seq)
		return;
	r = *fsm_client_place(c, out->seq);
	if (!r)
		return;
	if (status == -ECANCELED && r->state == FSM_REQ_CANCELLING)
		status = r->give_up;
	r->value = out->value;
	r->index = out->index;
	settle(c, r, status, done, ctx);
}

/*
 * A run is resolved: what became of each of those that are still here, the state
 * tells. It forgets none of them, as the low mark is below all that are here.
 */
static void resolved_run(struct fsm_client *c, const struct fsm *f,
			 const struct fsm_outcome *run, fsm_done_fn done,
			 void *ctx)
{
	u64 seq = max(run->seq, c->low), end = run->seq + run->count;
	struct fsm_outcome out;

	for (; seq < end; seq++)
		if (!fsm_result(f, run->session, seq, &out))
			resolved(c, &out, done, ctx);
}

/*
 * The session is gone, and with it whatever had a seq: "requests of the dead
 * session end in their known result or ENOTRECOVERABLE" (design 3). The client
 * is made ready for the next one before anybody hears of it. @status: why it ended.
 */
void fsm_client_ended(struct fsm_client *c, s32 status, fsm_done_fn done,
		      void *ctx)
{
	struct fsm_request *list = NULL, *r;
	u64 seq;

	for (seq = c->next_seq; seq-- > c->low; ) {
		r = *fsm_client_place(c, seq);
		*fsm_client_place(c, seq) = NULL;
		if (!r)
			continue;
		r->next = list;
		list = r;
	}
	fsm_client_fresh(c, c->ordinal + 1);
	c->ended_as = status;
	while ((r = list)) {
		list = r->next;
		r->next = NULL;
		r->state = FSM_REQ_DONE;
		r->status = -ENOTRECOVERABLE;
		done(ctx, r);
	}
}

/*
 * Every node sees every open in its log, so that it learns of the end of its own
 * session, too: whoever takes its place names it.
 */
static void opened(struct fsm_client *c, const struct fsm_outcome *out,
		   fsm_done_fn done, void *ctx)
{
	if (c->session && out->replaced == c->session)
		fsm_client_ended(c, -EKEYEXPIRED, done, ctx);
	if (!c->session && !out->status && raft_id_eq(out->node, c->node) &&
	    out->boot_nonce == c->boot_nonce && out->ordinal == c->ordinal)
		c->session = out->session;
}

/*
 * A request of some session is resolved. What says that there is no such session
 * tells of its end; so does the request of an administrator that ended it, which
 * may be one of its own: then that one has its result first.
 */
static void result(struct fsm_client *c, const struct fsm *f,
		   const struct fsm_outcome *out, fsm_done_fn done, void *ctx)
{
	if (out->session == c->session) {
		if (out->status == -EKEYEXPIRED)
			fsm_client_ended(c, -EKEYEXPIRED, done, ctx);
		else if (out->count > 1)
			resolved_run(c, f, out, done, ctx);
		else
			resolved(c, out, done, ctx);
	}
	if (unlikely(out->ended) && out->ended == c->session)
		fsm_client_ended(c, -EKEYREVOKED, done, ctx);
}

/**
 * fsm_client_applied() - the own state machine has applied an entry
 * @c: client
 * @f: state machine
 * @out: what fsm_apply() said of it
 * @done: called for each request that is thereby resolved
 * @ctx: for @done
 *
 * This alone resolves what has left, whoever leads meanwhile: no reply of a
 * leader is needed, and none can be lost (pitfall 54).
 */
void fsm_client_applied(struct fsm_client *c, const struct fsm *f,
			const struct fsm_outcome *out, fsm_done_fn done,
			void *ctx)
{
	if (unlikely(out->kind == FSM_OUT_OPENED)) {
		opened(c, out, done, ctx);
		return;
	}
	if (!c->session)
		return;
	if (likely(out->kind == FSM_OUT_RESULT)) {
		result(c, f, out, done, ctx);
		return;
	}
	if (out->kind == FSM_OUT_ENDED && out->session == c->session)
		fsm_client_ended(c, out->status, done, ctx);
}

/* What a snapshot knows of request @seq; whether the session is still there. */
static bool look_up(struct fsm_client *c, const struct fsm *f, u64 seq,
		    fsm_done_fn done, void *ctx)
{
	struct fsm_request *r = *fsm_client_place(c, seq);
	struct fsm_outcome out;
	int err;

	if (!r)
		return true;
	err = fsm_result(f, c->session, seq, &out);
	if (err == -EKEYEXPIRED)
		return false;
	/* Below a low mark that only we raise: then it was resolved, but how? */
	if (err == -ESTALE)
		settle(c, r, -ENOTRECOVERABLE, done, ctx);
	else if (!err)
		resolved(c, &out, done, ctx);
	return true;
}

/**
 * fsm_client_reload() - a snapshot took the place of entries
 * @c: client
 * @f: state that was loaded
 * @done: called for each request that is thereby resolved
 * @ctx: for @done
 *
 * The entries in between will not be seen. Results that a session still has are
 * found in it; if the session is gone, what had left is lost to view.
 */
void fsm_client_reload(struct fsm_client *c, const struct fsm *f,
		       fsm_done_fn done, void *ctx)
{
	u64 seq, lost, end = c->next_seq;

	if (!c->session) {
		c->session = fsm_session_of(f, c->node, c->boot_nonce,
					    c->ordinal);
		lost = fsm_session_lost(f, c->node, c->boot_counter);
		/* Opened and lost in between: the same one is not had again. */
		if (!c->session && lost >= c->ordinal)
			fsm_client_fresh(c, lost + 1);
		return;
	}
	/* Why it ended, no snapshot tells: at the latest, nobody renewed it. */
	if (fsm_session_of(f, c->node, c->boot_nonce, c->ordinal) !=
	    c->session) {
		fsm_client_ended(c, -EKEYEXPIRED, done, ctx);
		return;
	}
	for (seq = c->low; seq < end; seq++)
		if (!look_up(c, f, seq, done, ctx))
			return;
}
