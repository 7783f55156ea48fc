/* SPDX-License-Identifier: GPL-2.0 */
/* One operation, from its call to its completion: see request.c. */
#ifndef CNS_REQUEST_H
#define CNS_REQUEST_H

enum cns_request_kind {
	CNS_REQ_COMMAND,	/* .command, through the log */
	CNS_REQ_READ_LINEAR,
	CNS_REQ_READ_INDEX,
	CNS_REQ_READ_LOCAL,
	CNS_REQ_RELEASE,	/* of a lock of .handle: lock.c */
};

/**
 * struct cns_request - an operation under way
 * @command: the session client's part, also carries name and results
 * @item: begins it
 * @give_up: ends it
 * @link: o, in cns_node.reads
 * @node: holds a reference
 * @handle: RELEASE: whose lock. Holds a reference, as the caller may be killed before the
 *	owner comes to it. A cns_op: whose it is; see there. Else NULL
 * @extra: what .command.extra points to, this request's own; NULL: none
 * @ref: the caller's, and the node's from begin to completion
 * @kind: enum cns_request_kind
 * @room: it has a place among the node's requests
 * @op: begins a struct cns_op, which is told when it is done
 * @check: a read that asks whether grant .command.arg of lock .command.name holds
 * @reason: why the caller gives up (negative errno); before @give_up is pushed
 * @ctx: o, the read round that it joined
 * @at_least: read: index that must have been applied
 * @known: o, @at_least is final
 * @finished: o, completed already
 * @done: @command.status, value, index are final
 */
struct cns_request {
	struct fsm_request command;
	struct cns_item item;
	struct cns_item give_up;
	struct list_head link;
	struct cns_node *node;
	struct cns_handle *handle;
	struct fsm_extra *extra;
	refcount_t ref;
	u8 kind;
	bool room;
	bool op;
	bool check;
	s32 reason;
	u64 ctx;
	u64 at_least;
	bool known;
	bool finished;
	struct completion done;
};

/* What becomes of it matters when nobody waits for it any more. */
static inline bool cns_request_changes(const struct cns_request *r)
{
	return r->kind == CNS_REQ_COMMAND || r->kind == CNS_REQ_RELEASE;
}

void cns_request_clear(struct cns_request *r);
struct cns_request *cns_request_spare(void);
struct cns_request *cns_request_take(struct cns_handle *h);
void cns_request_keep(struct cns_request *r, struct cns_handle *h);
int cns_room(struct cns_node *n, unsigned int count, bool nonblock,
	     u64 deadline);
int cns_request_admit(struct cns_request *r, struct cns_ns *ns, bool nonblock,
		      u64 deadline);
void cns_request_leave(struct cns_request *r);
void cns_request_push(struct cns_request *r, struct cns_item *item);
void cns_request_close(struct cns_ns *ns, struct cns_request *r, u64 handle,
		       bool needed);
void cns_request_gone(struct cns_request *r);
int cns_request_run(struct cns_request *r, u64 deadline);
long cns_patience(u64 deadline);
long cns_sleep(struct completion *done, u64 deadline);
void cns_request_begin(struct cns_node *n, struct cns_request *r, u64 now);
void cns_request_give_up(struct cns_node *n, struct cns_request *r, u64 now);
void cns_request_done(void *ctx, struct fsm_request *f);
void cns_reads_pump(struct cns_node *n, u64 now);
void cns_reads_confirmed(struct cns_node *n, u64 ctx, u64 index);
void cns_reads_applied(struct cns_node *n);
void cns_requests_stop(struct cns_node *n, int status);
void cns_request_finish(struct cns_node *n, struct cns_request *r, int status,
			u64 index);
void cns_request_to(struct cns_request *r, struct cns_node *n, u64 handle);
void cns_request_drop(struct cns_request *r);
struct fsm_extra *cns_request_extra(struct cns_request *r);
int cns_request_init(void);
void cns_request_exit(void);

/* Anywhere. */
static inline void cns_request_put(struct cns_request *r)
{
	if (refcount_dec_and_test(&r->ref))
		cns_request_gone(r);
}

#endif
