/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Handles: open files of the device, and the locks that they own.
 *
 * Three parties meet here: programs (process context), the owner of the node
 * (softirq, sees the wants of fsm/want.h), and timers. What they share is under
 * cns_handle.lock; fields are marked as in node.h, and
 *
 *	l  under cns_handle.lock
 *	p  programs only, under cns_handle.mutex
 */
#ifndef CNS_HANDLE_H
#define CNS_HANDLE_H

#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/timer.h>

#include <linux/consensus.h>
#include "node.h"

enum cns_handle_flag {
	CNS_HANDLE_SHUT,	/* its end in the cluster was begun */
	CNS_HANDLE_TIMED,	/* the heartbeat may be armed */
};

/**
 * struct cns_handle - an open file
 * @ns: c, its namespace's place
 * @link: in cns_ns.list
 * @number: p, never given to another handle
 * @ref: the file's, one for each of its locks, one while it is closing, and those of
 *	operations that their callers could not wait for
 * @flags: a, enum cns_handle_flag
 * @abandoned: a, a call went away while its request was unresolved
 * @close: p, then o when SHUT: the HANDLE_CLOSE, allocated at open so that closing
 *	cannot fail
 * @mutex: see above
 * @node: p and l to change, where its locks are, with a reference; NULL: it never
 *	wanted any
 * @owner: o
 * @closing: o, its end, in steps
 * @closed: nothing of it is left with the owner
 * @lock: see above
 * @lost: l, 0, or what everything answers until it is reset
 * @signs: l, 1 << CONSENSUS_EVENT_SUSPECT or _SURE, to be read
 * @unread: l, LOST events to be read
 * @locks: l, what it holds or awaits, or lost and has not read so
 * @events: l, of these, those with something to be read
 * @wait: poll() and read()
 * @fasync: who wants SIGIO
 * @beat: expires when the program did not call in time
 * @beat_until: a, when it expires (cns_now()), U64_MAX: never
 * @detached: see detach.c
 * @idle: a, a request whose caller slept and that is over, for the next; NULL: none
 * @ops: l, operations whose callers do not sleep: op.c
 * @spare: memory of such, to be used again. Anybody adds; l to take
 * @kept: l, how many come back to @spare, and are there: CNS_OPS_KEPT at most
 * @ops_at: l, what @ops_timer is armed for (cns_now()), U64_MAX: it is not
 * @ops_timer: their deadlines
 */
struct cns_handle {
	struct cns_ns *ns;
	struct list_head link;
	u64 number;
	refcount_t ref;
	unsigned long flags;
	bool abandoned;
	struct cns_request *close;
	struct mutex mutex;
	struct cns_node *node;
	struct fsm_owner owner;
	struct cns_item closing;
	struct completion closed;
	spinlock_t lock;
	s32 lost;
	u32 signs;
	u32 unread;
	struct list_head locks;
	struct list_head events;
	wait_queue_head_t wait;
	struct fasync_struct *fasync;
	struct timer_list beat;
	u64 beat_until;
	struct cns_detached *detached;
	struct cns_request *idle;
	struct list_head ops;
	struct llist_head spare;
	u32 kept;
	u64 ops_at;
	struct timer_list ops_timer;
};

/**
 * struct cns_lock - one acquire of a handle, from its call to the end of all that
 * is to be told of it
 * @want: o
 * @begin: begins it; later, takes it back from a caller that is gone
 * @give_up: its caller's patience is over; @reason says why
 * @node: holds a reference
 * @handle: holds a reference
 * @number: c, the handle's when it was called for
 * @ref: the caller's; the handle's list's; the want's; that of each item and of
 *	being in @handle->events
 * @link: l, in @handle->locks
 * @ready: l, in @handle->events
 * @pending: l, 1 << enum consensus_event_type, to be read
 * @cookie: c
 * @async: c, the caller waits for a ticket only
 * @reason: before @give_up is pushed
 * @left: l, the caller went without an answer
 * @queued: l, it waits, and its caller may know the ticket
 * @granted: l, it was, or is, held
 * @over: l, nothing of it is in the cluster
 * @counted: o, in cns_node.waiting
 * @status: l, once @over, or lost
 * @ticket: l
 * @token: l
 * @index: l
 * @until: l, end of the lease when it was granted (cns_now())
 * @info: l, CONSENSUS_GRANT_*
 * @releaser: o, who waits for its release
 * @done: the caller has its answer: granted, queued (if async), or over
 * @op: l, the operation to be told of that; NULL: none (any more)
 */
struct cns_lock {
	struct fsm_want want;
	struct cns_item begin;
	struct cns_item give_up;
	struct cns_node *node;
	struct cns_handle *handle;
	u64 number;
	refcount_t ref;
	struct list_head link;
	struct list_head ready;
	u32 pending;
	u64 cookie;
	bool async;
	s32 reason;
	bool left;
	bool queued;
	bool granted;
	bool over;
	bool counted;
	s32 status;
	u64 ticket;
	u64 token;
	u64 index;
	u64 until;
	u32 info;
	struct cns_request *releaser;
	struct completion done;
	struct cns_op *op;
};

/* False: its namespace is gone, for good. */
static inline bool cns_handle_alive(const struct cns_handle *h)
{
	return !READ_ONCE(h->ns->dead);
}

/* Of what was called at @now, on cns_now()'s clock; U64_MAX: never. */
static inline u64 cns_deadline(const struct consensus_op *op, u64 now)
{
	u64 timeout = op->timeout_ns ?: CNS_TIMEOUT_DEFAULT_S * (u64)NSEC_PER_SEC;

	return timeout < U64_MAX - now ? now + timeout : U64_MAX;
}

/* handle.c */
struct cns_handle *cns_handle_new(struct cns_ns *ns);
void cns_handle_get(struct cns_handle *h);
void cns_handle_put(struct cns_handle *h);
void cns_handle_release(struct cns_handle *h);
int cns_handle_lost(struct cns_handle *h);
int cns_handle_bind(struct cns_handle *h, struct cns_node *n);
void cns_handle_lose(struct cns_handle *h, s32 status);
void cns_handle_shut(struct cns_handle *h);
void cns_handle_wake(struct cns_handle *h, bool lost);
int cns_handle_reset(struct cns_handle *h);
int cns_handle_heartbeat(struct cns_handle *h, u64 period_ns);

/* event.c */
void cns_event_add(struct cns_lock *l, u32 type);
__poll_t cns_event_poll(struct file *file, struct poll_table_struct *pt);
ssize_t cns_event_read(struct file *file, char __user *buf, size_t len,
		       loff_t *at);
int cns_event_fasync(int fd, struct file *file, int on);

/* lock.c */
int cns_lock_acquire(struct file *file, struct consensus_lock_acquire *a,
		     const struct fsm_fence *fence, u8 len, u64 deadline,
		     struct cns_lock **to);
int cns_lock_make(struct cns_handle *h, struct cns_node *n,
		  const struct consensus_lock_acquire *a,
		  const struct fsm_fence *fence, u8 len, struct cns_lock **to);
int cns_lock_answer(struct cns_lock *l, struct consensus_lock_acquire *a);
void cns_lock_push(struct cns_lock *l, struct cns_item *item);
void cns_lock_abandon(struct cns_lock *l);
void cns_lock_told(void *ctx, struct fsm_want *w, enum fsm_told what);
void cns_lock_put(struct cns_lock *l);

/* detach.c */
int cns_detach(struct file *file, struct consensus_handle_detach *a);
int cns_adopt(struct file *file, struct consensus_handle_adopt *a);

/* list.c */
int cns_list_locks(struct cns_handle *h, struct consensus_list *a);
int cns_list_sessions(struct cns_handle *h, struct consensus_list *a);

/* device.c */
int cns_check_name(const char name[CONSENSUS_NAME_SIZE], u8 *len);
int cns_check_op(const struct consensus_op *op, u32 flags,
		 struct fsm_fence *fence);
int cns_request_name(struct cns_request *r, const char name[CONSENSUS_NAME_SIZE]);
int cns_run(struct file *file, struct cns_request *r, struct consensus_op *op);

#endif
