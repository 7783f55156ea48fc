// SPDX-License-Identifier: GPL-2.0
/*
 * A node's own requests on their way through the cluster. See client.h.
 *
 * Sending is a pump: fsm_client_next() is called until it has nothing. What has
 * a seq is looked at again only in a sweep: of the whole window when the leader
 * is another or the oldest of them has waited long enough, or from the lowest
 * seq that was cancelled or could not be sent. Otherwise the pump goes straight
 * to the queues, so that it costs what it returns.
 */
#include <linux/types.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include "client_state.h"

/* -------------------------------------------------------------- queues */

/* Where @r waits for a seq. What kind it is never changes. */
static struct fsm_queue *queue_of(struct fsm_client *c,
				  const struct fsm_request *r)
{
	return r->op == FSM_HANDLE_CLOSE ? &c->closes : &c->others;
}

/* Between @prev and @next, either of which may be NULL: an end. */
static void link_request(struct fsm_client *c, struct fsm_request *r,
			 struct fsm_request *prev, struct fsm_request *next)
{
	struct fsm_queue *q = queue_of(c, r);

	r->prev = prev;
	r->next = next;
	*(prev ? &prev->next : &q->head) = r;
	*(next ? &next->prev : &q->tail) = r;
	r->state = FSM_REQ_QUEUED;
	c->queued++;
}

static void unlink_request(struct fsm_client *c, struct fsm_request *r)
{
	struct fsm_queue *q = queue_of(c, r);

	*(r->prev ? &r->prev->next : &q->head) = r->next;
	*(r->next ? &r->next->prev : &q->tail) = r->prev;
	r->next = NULL;
	r->prev = NULL;
	c->queued--;
}

/* -------------------------------------------------------------- session */

void fsm_client_fresh(struct fsm_client *c, u64 ordinal)
{
	c->ordinal = ordinal;
	c->session = 0;
	c->next_seq = 1;
	c->low = 1;
	c->unresolved = 0;
	c->open_term = 0;
	c->open_at = 0;
	c->open_first = 0;
	c->swept_term = 0;
	c->oldest = 0;
	c->dirty = U64_MAX;
}

/**
 * fsm_client_init() - a node that has asked for nothing yet
 * @c: client
 * @node: incarnation
 * @boot_counter: which start of it
 * @boot_nonce: which start of it
 * @name: the node's; valid by fsm_name_check()
 * @name_len: bytes of it
 * @ttl_ms: how long its sessions may be silent, FSM_TTL_MIN_MS to FSM_TTL_MAX_MS
 *
 * Its first session has ordinal 1.
 */
void fsm_client_init(struct fsm_client *c, struct raft_id node,
		     u64 boot_counter, u64 boot_nonce, const char *name,
		     u8 name_len, u32 ttl_ms)
{
	memset(c, 0, sizeof(*c));
	c->node = node;
	c->boot_counter = boot_counter;
	c->boot_nonce = boot_nonce;
	c->ttl_ms = ttl_ms;
	c->name_len = name_len;
	memcpy(c->name, name, name_len);
	fsm_client_fresh(c, 1);
}

/**
 * fsm_client_add() - somebody wants something
 * @c: client
 * @r: NEW, with op, handle, arg, name and extra; the client's until it is DONE
 *
 * Never fails. A HANDLE_CLOSE may come only when no other request of the handle
 * is QUEUED: it overtakes those of other handles, and what gets its seq behind
 * the close would be applied.
 */
void fsm_client_add(struct fsm_client *c, struct fsm_request *r)
{
	link_request(c, r, queue_of(c, r)->tail, NULL);
}

/**
 * fsm_client_give_up() - the caller does not want to wait any longer
 * @c: client
 * @r: its request
 * @reason: what it is told if nothing happened (negative errno)
 *
 * "Returned only if the request never left the node or its cancellation was
 * applied" (design 9).
 *
 * Return: true if it never left: it is DONE with @reason, and the driver's.
 * false: it will be resolved by the log, or is already; a second reason does not
 * count.
 */
bool fsm_client_give_up(struct fsm_client *c, struct fsm_request *r, s32 reason)
{
	switch (r->state) {
	case FSM_REQ_QUEUED:
		unlink_request(c, r);
		r->state = FSM_REQ_DONE;
		r->status = reason;
		return true;
	case FSM_REQ_SENT:
		r->state = FSM_REQ_CANCELLING;
		r->give_up = reason;
		r->sent_term = 0;
		c->dirty = min(c->dirty, r->seq);
		return false;
	default:
		return false;
	}
}

/* ---------------------------------------------------------------- sending */

static u16 encode_open(const struct fsm_client *c, u8 *buf)
{
	const struct fsm_command open = {
		.op = FSM_SESSION_OPEN,
		.name_len = c->name_len,
		.arg = c->ttl_ms,
		.arg2 = c->ordinal,
		.boot_counter = c->boot_counter,
		.boot_nonce = c->boot_nonce,
		.node = c->node,
		.name = c->name,
	};

	return fsm_encode(&open, buf);
}

/* What only some requests say. A fence has a name and a token, or is none. */
static void add_extra(struct fsm_command *cmd, const struct fsm_extra *x)
{
	cmd->arg2 = x->arg2;
	cmd->stamp = x->stamp;
	cmd->program = x->program;
	if (!x->fence_len || !x->fence_token)
		return;
	cmd->fence.token = x->fence_token;
	cmd->fence.name_len = x->fence_len;
	cmd->fence.name = x->fence_name;
}

/*
 * @count requests from @r on in one command. What is CANCELLING has its cancellation
 * sent in its stead, under its seq.
 */
static u16 encode_requests(const struct fsm_client *c,
			   const struct fsm_request *r, u32 count, u8 *buf)
{
	struct fsm_command cmd = {
		.op = FSM_CANCEL,
		.session = c->session,
		.seq = r->seq,
		.low = c->low,
	};

	if (r->state == FSM_REQ_SENT) {
		cmd.op = r->op;
		cmd.handle = r->handle;
		cmd.arg = r->arg;
		cmd.name = r->name;
		cmd.name_len = r->name_len;
		if (unlikely(r->extra))
			add_extra(&cmd, r->extra);
	}
	if (count > 1) {
		cmd.op = FSM_COUNTER_RUN;
		cmd.arg2 = count;
	}
	return fsm_encode(&cmd, buf);
}

/*
 * Repeating it is harmless: an open of the same (incarnation, boot, ordinal) finds
 * the session there (design 3, "idempotently"). Which of them was applied, nobody
 * knows: so the lease counts from when the first one left (pitfall 62).
 */
static u16 next_open(struct fsm_client *c, u64 now, u64 term, u64 resend_ns,
		     u8 *buf)
{
	if (c->open_term == term && now - c->open_at < resend_ns)
		return 0;
	c->open_term = term;
	c->open_at = now;
	c->open_first = c->open_first ?: max_t(u64, now, 1);
	c->last_seq = 0;
	c->last_count = 0;
	c->last_fresh = false;
	return encode_open(c, buf);
}

/* Where a pump begins to look, and whether it will see all of the window. */
static u64 sweep_from(struct fsm_client *c, u64 now, u64 term, u64 resend_ns)
{
	c->sweep_oldest = now;
	c->sweeping = c->swept_term != term || (c->unresolved &&
						now - c->oldest >= resend_ns);
	if (c->sweeping)
		return c->low;
	return min(c->dirty, c->next_seq);
}

/* A pump that has come to the end of the window has seen to all of it. */
static void sweep_done(struct fsm_client *c, u64 term)
{
	c->dirty = U64_MAX;
	if (!c->sweeping)
		return;
	c->sweeping = false;
	c->swept_term = term;
	c->oldest = c->sweep_oldest;
}

/* Was it never given to this leader, or not heard of for too long? */
static bool due(const struct fsm_request *r, u64 now, u64 term, u64 resend_ns)
{
	return r->sent_term != term || now - r->sent_at >= resend_ns;
}

/* The next request with a seq that wants to be sent; NULL: none is left. */
static struct fsm_request *next_sent(struct fsm_client *c, u64 now, u64 term,
				     u64 resend_ns, u64 *cursor)
{
	u64 seq = max(*cursor, c->low);

	for (; seq < c->next_seq; seq++) {
		struct fsm_request *r = *fsm_client_place(c, seq);

		if (!r)
			continue;
		if (due(r, now, term, resend_ns)) {
			*cursor = seq + 1;
			return r;
		}
		c->sweep_oldest = min(c->sweep_oldest, r->sent_at);
	}
	*cursor = seq;
	return NULL;
}

/* The next request that may have a seq now, taken from its queue. */
static struct fsm_request *next_queued(struct fsm_client *c)
{
	u64 taken = c->next_seq - c->low;
	struct fsm_request *r = NULL;

	if (c->closes.head && taken < FSM_WINDOW)
		r = c->closes.head;
	else if (taken < FSM_WINDOW - FSM_CLOSES_KEPT)
		r = c->others.head;
	if (r)
		unlink_request(c, r);
	return r;
}

/*
 * It has a seq from now on, and may leave: from here on only the log can say
 * what becomes of it. A close speaks of all that came before it; the handle has
 * nothing that comes later.
 */
static void admit(struct fsm_client *c, struct fsm_request *r, u64 now)
{
	if (!c->unresolved)
		c->oldest = now;
	r->state = FSM_REQ_SENT;
	r->seq = c->next_seq++;
	if (r->op == FSM_HANDLE_CLOSE)
		r->arg = r->seq - 1;
	*fsm_client_place(c, r->seq) = r;
	c->unresolved++;
}

/* An addition that a run may begin with, or be joined by. */
static bool plain_add(const struct fsm_request *r)
{
	return r->op == FSM_COUNTER_ADD && !r->extra;
}

/* May @r be in a run with @first? */
static bool joins(const struct fsm_request *r, const struct fsm_request *first)
{
	return plain_add(r) && r->handle == first->handle &&
	       r->arg == first->arg && r->name_len == first->name_len &&
	       !memcmp(r->name, first->name, first->name_len);
}

static void mark_sent(struct fsm_request *r, u64 now, u64 term)
{
	r->sent_term = term;
	r->sent_at = now;
	r->tries++;
}

/* Those that wait in the queue behind @first, which has just left it. */
static u32 gather_queued(struct fsm_client *c, const struct fsm_request *first,
			 u64 now, u64 term)
{
	struct fsm_request *r;
	u32 count = 1;

	while (count < FSM_RUN_MAX &&
	       c->next_seq - c->low < FSM_WINDOW - FSM_CLOSES_KEPT) {
		r = c->others.head;
		if (!r || !joins(r, first))
			break;
		unlink_request(c, r);
		admit(c, r, now);
		mark_sent(r, now, term);
		count++;
	}
	return count;
}

/* Those behind @first in the window that are to be sent again as it is. */
static u32 gather_sent(struct fsm_client *c, const struct fsm_request *first,
		       u64 now, u64 term, u64 resend_ns)
{
	u64 seq = first->seq + 1;

	for (; seq < c->next_seq && seq - first->seq < FSM_RUN_MAX; seq++) {
		struct fsm_request *r = *fsm_client_place(c, seq);

		if (!r || r->state != FSM_REQ_SENT || !joins(r, first) ||
		    !due(r, now, term, resend_ns))
			break;
		mark_sent(r, now, term);
	}
	return seq - first->seq;
}

/*
 * What goes with @first in one command, all of which are sent now. The queue is in
 * order, and so is what comes from it: whoever waits together goes together.
 */
static u32 gather(struct fsm_client *c, struct fsm_request *first, u64 now,
		  u64 term, u64 resend_ns)
{
	mark_sent(first, now, term);
	if (!plain_add(first) || first->state != FSM_REQ_SENT)
		return 1;
	if (c->last_fresh)
		return gather_queued(c, first, now, term);
	return gather_sent(c, first, now, term, resend_ns);
}

/**
 * fsm_client_next() - the next command for the leader
 * @c: client
 * @now: time (ns)
 * @term: the leader's
 * @resend_ns: after which silence a command is sent again; U64_MAX: never to the
 *	same leader (for who leads itself: what is in its log stays there as long
 *	as it leads)
 * @cursor: 0 to begin with, then as it was left
 * @buf: FSM_COMMAND_MAX bytes
 *
 * Every command carries the low mark of now, so that results do not outlive
 * their use (pitfall 57).
 *
 * Return: bytes of the command; 0: there is nothing to send.
 */
u16 fsm_client_next(struct fsm_client *c, u64 now, u64 term, u64 resend_ns,
		    u64 *cursor, u8 *buf)
{
	struct fsm_request *r;

	if (!c->session)
		return next_open(c, now, term, resend_ns, buf);
	if (!*cursor)
		*cursor = sweep_from(c, now, term, resend_ns);
	c->last_fresh = false;
	r = next_sent(c, now, term, resend_ns, cursor);
	if (!r) {
		sweep_done(c, term);
		r = next_queued(c);
		if (!r)
			return 0;
		admit(c, r, now);
		c->last_fresh = true;
	}
	c->last_seq = r->seq;
	c->last_count = gather(c, r, now, term, resend_ns);
	*cursor = r->seq + c->last_count;
	return encode_requests(c, r, c->last_count, buf);
}

/*
 * What had no seq before has none again: it never left, so that giving it up
 * needs no cancellation.
 */
static void readmit(struct fsm_client *c, struct fsm_request *r)
{
	*fsm_client_place(c, r->seq) = NULL;
	c->next_seq--;
	c->unresolved--;
	r->seq = 0;
	r->sent_term = 0;
	link_request(c, r, NULL, queue_of(c, r)->head);
}

/**
 * fsm_client_unsend() - the command returned last could not be sent
 * @c: client
 * @cursor: as fsm_client_next() left it; it may be called again with it, and
 *	gives the same command, or with 0 another time
 */
void fsm_client_unsend(struct fsm_client *c, u64 *cursor)
{
	struct fsm_request *r;
	u64 seq;

	if (!c->last_seq) {
		c->open_term = 0;
		return;
	}
	*cursor = c->last_seq;
	if (!c->last_fresh)
		c->dirty = min(c->dirty, c->last_seq);
	/* The last first, so that the queue is in order again. */
	for (seq = c->last_seq + c->last_count; seq-- > c->last_seq; ) {
		r = *fsm_client_place(c, seq);
		r->tries--;
		if (c->last_fresh)
			readmit(c, r);
		else
			r->sent_term = 0;
	}
}

/**
 * fsm_client_deadline() - when silence has lasted too long
 * @c: client
 * @resend_ns: as for fsm_client_next()
 *
 * It may be early, by what has been resolved since the last sweep; the pump that
 * it causes sets that right.
 *
 * Return: time (ns), U64_MAX: nothing is waiting for an answer.
 */
u64 fsm_client_deadline(const struct fsm_client *c, u64 resend_ns)
{
	u64 from;

	if (!c->session && !c->open_term)
		return U64_MAX;
	if (c->session && !c->unresolved)
		return U64_MAX;
	from = c->session ? c->oldest : c->open_at;
	return from + min(resend_ns, U64_MAX - from);
}

/* -------------------------------------------------------------- the end */

/* What never left never happened, and may say so with @status. */
static void stop_queue(struct fsm_client *c, struct fsm_queue *q, s32 status,
		       fsm_done_fn done, void *ctx)
{
	struct fsm_request *r;

	while ((r = q->head)) {
		unlink_request(c, r);
		r->state = FSM_REQ_DONE;
		r->status = status;
		done(ctx, r);
	}
}

/**
 * fsm_client_stop() - the node ends
 * @c: client
 * @status: for what never left (negative errno)
 * @done: called for each request
 * @ctx: for @done
 *
 * Nobody will apply the log here any more, so what has left stays unknown.
 */
void fsm_client_stop(struct fsm_client *c, s32 status, fsm_done_fn done,
		     void *ctx)
{
	fsm_client_ended(c, status, done, ctx);
	stop_queue(c, &c->others, status, done, ctx);
	stop_queue(c, &c->closes, status, done, ctx);
}
