/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The other end of the session protocol: a node's own requests, numbered,
 * sent, resent, cancelled, and resolved exactly once, whoever leads meanwhile.
 *
 * Life of a request: QUEUED (no seq; nothing has left the node) -> SENT (has a
 * seq; was given to a leader at least once) -> resolved by its own node's
 * applied log. A request that is given up while QUEUED never happened. One
 * given up while SENT becomes CANCELLING: a CANCEL entry follows it, and what
 * is applied first decides. The caller may go away meanwhile: the
 * request stays until resolved, so that the low mark stays true.
 *
 * Pure, with memory from the caller: the driver embeds struct fsm_request in
 * its own request objects.
 */
#ifndef CNS_FSM_CLIENT_H
#define CNS_FSM_CLIENT_H

#include <linux/types.h>
#include "command.h"
#include "fsm.h"

enum {
	FSM_CLOSES_KEPT = 64,	/* of FSM_WINDOW, for HANDLE_CLOSE alone */
};

enum fsm_request_state {
	FSM_REQ_NEW,
	FSM_REQ_QUEUED,
	FSM_REQ_SENT,
	FSM_REQ_CANCELLING,
	FSM_REQ_DONE,
};

/**
 * struct fsm_extra - what only some requests say
 * @arg2: as in struct fsm_command
 * @stamp: as in struct fsm_command
 * @fence_token: of the fence; 0: none
 * @fence_len: bytes of @fence_name; 0: none
 * @fence_name: not terminated
 * @program: LOCK_ACQUIRE
 */
struct fsm_extra {
	u64 arg2;
	u32 stamp;
	u8 fence_len;
	u64 fence_token;
	struct fsm_program program;
	char fence_name[FSM_NAME_MAX + 1];
};

/**
 * struct fsm_request - one of this node's requests
 * @next: queue link, the client's
 * @prev: queue link, the client's
 * @state: enum fsm_request_state
 * @op: an enum fsm_op that is a request: not INIT, OPEN, CANCEL, CHECK, EXPIRE, REAP
 * @name_len: of @name
 * @status: when done: 0, a definite negative errno, or -ENOTRECOVERABLE
 * @give_up: what a cancellation that wins is reported as (-EINTR, -ETIMEDOUT,
 *	-EHOSTUNREACH, -ECANCELED)
 * @seq: once SENT
 * @handle: whose it is
 * @arg: as in struct fsm_command; HANDLE_CLOSE: filled in when it gets its seq,
 *	for then every request of the handle has had its own
 * @value: result
 * @index: result's place in the order
 * @sent_term: term of the leader it was last given to; 0: none
 * @sent_at: when (ns)
 * @tries: how often, alone or in a run
 * @extra: the rest of what it says, or NULL: zeros; stays until it is DONE
 * @name: the object's
 */
struct fsm_request {
	struct fsm_request *next;
	struct fsm_request *prev;
	const struct fsm_extra *extra;
	u8 state;
	u8 op;
	u8 name_len;
	s32 status;
	s32 give_up;
	u64 seq;
	u64 handle;
	u64 arg;
	u64 value;
	u64 index;
	u64 sent_term;
	u64 sent_at;
	u32 tries;
	char name[FSM_NAME_MAX + 1];
};

/* Requests that have no seq yet, oldest first. */
struct fsm_queue {
	struct fsm_request *head;
	struct fsm_request *tail;
};

/**
 * struct fsm_client - a node's session
 * @node: incarnation
 * @boot_counter: boot
 * @boot_nonce: boot
 * @ordinal: of the session wanted or had
 * @session: its id; 0: not open yet
 * @next_seq: to be given out next
 * @low: lowest unresolved; == @next_seq if all are resolved
 * @window: unresolved request with seq s is at s % FSM_WINDOW
 * @closes: HANDLE_CLOSE requests that have no seq yet. They overtake the
 *	others, for which FSM_CLOSES_KEPT places of the window are off limits:
 *	a handle is closed when none of its own requests is queued any more
 * @others: all other requests that have no seq yet
 * @open_term: leader's term that the open was last given to
 * @open_at: when
 * @swept_term: leader's term that everything in the window was given to, but
 *	for what @dirty names
 * @oldest: nothing unresolved was last given away earlier than this (ns)
 * @dirty: lowest seq that wants to be sent whatever the time; ~0: none
 * @sweep_oldest: what @oldest becomes when the sweep under way is finished
 * @last_seq: seq that fsm_client_next() returned last; 0: the session open
 * @last_count: how many that command speaks of
 * @last_fresh: they had just left the queue
 * @sweeping: the sweep under way covers all of the window
 * @queued: requests in both queues
 * @unresolved: requests in @window
 * @ttl_ms: of its sessions
 * @open_first: when the open of this ordinal first left (ns); 0: it has not. The
 *	lease counts from then
 * @ended_as: status of the session that ended last: -EKEYEXPIRED, -EKEYREVOKED; 0
 *	while none has
 * @name_len: bytes of @name
 * @name: the node's
 */
struct fsm_client {
	struct raft_id node;
	u64 boot_counter;
	u64 boot_nonce;
	u64 ordinal;
	u64 session;
	u64 next_seq;
	u64 low;
	struct fsm_queue closes;
	struct fsm_queue others;
	u64 open_term;
	u64 open_at;
	u64 swept_term;
	u64 oldest;
	u64 dirty;
	u64 sweep_oldest;
	u64 last_seq;
	u32 last_count;
	bool last_fresh;
	bool sweeping;
	u32 queued;
	u32 unresolved;
	u32 ttl_ms;
	u64 open_first;
	s32 ended_as;
	u8 name_len;
	char name[FSM_NAME_MAX + 1];
	struct fsm_request *window[FSM_WINDOW];
};

/* Resolved requests come out here; the driver wakes or frees their owners. */
typedef void (*fsm_done_fn)(void *ctx, struct fsm_request *r);

void fsm_client_init(struct fsm_client *c, struct raft_id node,
		     u64 boot_counter, u64 boot_nonce, const char *name,
		     u8 name_len, u32 ttl_ms);
/* Queue a NEW request. Never fails; it is sent when there is a session, a
 * leader and room in the window.
 */
void fsm_client_add(struct fsm_client *c, struct fsm_request *r);
/*
 * The caller gives up, for @reason (negative errno). QUEUED: done at once with
 * that status (returns true; the driver completes it). SENT: a cancellation
 * will be sent (returns false).
 */
bool fsm_client_give_up(struct fsm_client *c, struct fsm_request *r, s32 reason);

/*
 * The next command that wants to go to the leader of @term now, encoded into
 * @buf (FSM_COMMAND_MAX bytes): session open first, then requests and
 * cancellations never given to this leader or not heard of for @resend_ns,
 * in order of seq, then queued ones. Additions of one handle to one counter, by the
 * same amount and without a fence, that follow each other go in one command
 * (FSM_COUNTER_RUN). Returns its length; 0: nothing now.
 * Marks it as sent at @now; if the driver could not send it, nothing is lost:
 * call fsm_client_unsend() and it comes again at the next pump.
 * To go through all, call until 0; @cursor starts at 0.
 */
u16 fsm_client_next(struct fsm_client *c, u64 now, u64 term, u64 resend_ns,
		    u64 *cursor, u8 *buf);
void fsm_client_unsend(struct fsm_client *c, u64 *cursor);
/* When fsm_client_next() may have something again by time alone (ns); ~0 never */
u64 fsm_client_deadline(const struct fsm_client *c, u64 resend_ns);

/*
 * What the own applied log says: @out of fsm_apply() on @f. Calls @done for each
 * request resolved.
 */
void fsm_client_applied(struct fsm_client *c, const struct fsm *f,
			const struct fsm_outcome *out, fsm_done_fn done,
			void *ctx);
/* A snapshot replaced the state: look up everything that is unresolved. */
void fsm_client_reload(struct fsm_client *c, const struct fsm *f,
		       fsm_done_fn done, void *ctx);
/*
 * The node stops: QUEUED requests end in @status, SENT ones in
 * -ENOTRECOVERABLE.
 */
void fsm_client_stop(struct fsm_client *c, s32 status, fsm_done_fn done,
		     void *ctx);

#endif
