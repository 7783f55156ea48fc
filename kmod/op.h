/* SPDX-License-Identifier: GPL-2.0 */
/* Operations whose callers do not sleep, and the calls there are: see op.c, door.c. */
#ifndef CNS_OP_H
#define CNS_OP_H

#include "handle.h"

struct io_uring_cmd;
struct task_struct;

/* So many operations of a handle keep their memory for the next: the largest array's. */
#define CNS_OPS_KEPT CONSENSUS_ARRAY_MAX

/* All that a call may hold. */
union cns_door_arg {
	struct consensus_op op;
	struct consensus_counter_add add;
	struct consensus_counter_read read;
	struct consensus_lock_acquire acquire;
	struct consensus_lock_release release;
	struct consensus_lock_check check;
	struct consensus_lock_revoke revoke;
	struct consensus_session_expire expire;
	struct consensus_features features;
	struct consensus_list list;
	struct consensus_handle_detach detach;
	struct consensus_handle_adopt adopt;
	struct consensus_handle_heartbeat heartbeat;
	struct consensus_handle_reset reset;
	struct consensus_handle_cancel cancel;
};

/**
 * struct cns_door - a call
 * @cmd: its number
 * @size: of its struct
 * @read: a handle that was opened read-only may
 * @waits: @fn may sleep for long
 * @fill: an operation: its arguments, checked, into a request (an acquire: checked
 *	only). NULL: a call that is no operation
 * @result: of an operation that succeeded, besides its index
 * @fn: of a call that is no operation: does it; the struct is in place
 */
struct cns_door {
	unsigned int cmd;
	u16 size;
	bool read;
	bool waits;
	int (*fill)(struct file *file, union cns_door_arg *arg,
		    struct cns_request *r);
	void (*result)(const struct cns_request *r, union cns_door_arg *arg);
	int (*fn)(struct file *file, union cns_door_arg *arg);
};

static inline int cns_door_allowed(const struct file *file, const struct cns_door *d)
{
	return d->read || file->f_mode & FMODE_WRITE ? 0 : -EBADF;
}

/* The one operation that is no request of its own: lock.c. */
static inline bool cns_door_acquires(const struct cns_door *d)
{
	return d->cmd == CONSENSUS_IOC_LOCK_ACQUIRE;
}

/**
 * struct cns_op - an operation whose caller does not sleep for it alone
 * @request: what it is; its .ref counts this struct. .handle is set. That is kept by the
 *	file by which it was begun, and .node by its array, if it is of one, until
 *	cns_ops_put(); what others still use then has references of its own
 * @lock: an acquire: that, with a reference
 * @door: which call
 * @link: l, in cns_handle.ops, and nowhere else. Whoever takes it out answers it, and
 *	nobody else
 * @before: its caller's, until it is linked: the one before it in their cns_batch
 * @chain: c, the next of its array; or in cns_handle.spare
 * @user: the caller's struct
 * @deadline: l, when the next thing is due (cns_now()); U64_MAX: nothing
 * @withdrawn: l, the owner was asked to give it up
 * @cut: it was answered while its outcome was open
 * @kept: c, one of cns_handle.kept
 * @status: of one that ended before it began, or was cut
 * @task: who issued it by io_uring; valid while it is linked
 * @cmd: what to complete; NULL: @array
 * @array: that it is a part of, which is there until this is answered; NULL: none
 * @arg: arguments, then results
 */
struct cns_op {
	struct cns_request request;
	struct cns_lock *lock;
	const struct cns_door *door;
	struct list_head link;
	struct cns_op *before;
	struct llist_node chain;
	union cns_door_arg __user *user;
	u64 deadline;
	bool withdrawn;
	bool cut;
	bool kept;
	s32 status;
	struct task_struct *task;
	struct io_uring_cmd *cmd;
	struct cns_array *array;
	union cns_door_arg arg;
};

/**
 * struct cns_batch - operations of one handle and node that begin at once
 * @last: of them, chained by .before. Not by .link: who may cancel one is about already,
 *	and takes that for being under way
 * @newest: their items, chained as the inbox has them
 * @oldest: the last in that chain
 * @look: when the first of them has to be looked at, at the latest
 */
struct cns_batch {
	struct cns_op *last;
	struct llist_node *newest;
	struct llist_node *oldest;
	u64 look;
};

/* door.c */
const struct cns_door *cns_door_find(unsigned int cmd);
s32 cns_door_untold(const struct cns_door *d, struct cns_lock *l, s32 err);
long cns_door_call(struct file *file, const struct cns_door *d, void __user *p);
int cns_acquire_check(const struct consensus_lock_acquire *a,
		      struct fsm_fence *fence, u8 *len);

/* device.c */
int cns_take(union cns_door_arg *arg, void __user *p, size_t size);
int cns_tell(void __user *p, const union cns_door_arg *arg, size_t size);
int cns_fill_add(struct file *file, union cns_door_arg *arg,
		 struct cns_request *r);
int cns_fill_read(struct file *file, union cns_door_arg *arg,
		  struct cns_request *r);
int cns_read_fill(struct cns_request *r, const struct consensus_op *op,
		  const char *name, u64 token);
void cns_result_add(const struct cns_request *r, union cns_door_arg *arg);
void cns_result_read(const struct cns_request *r, union cns_door_arg *arg);

/* op.c */
struct llist_node *cns_ops_new(struct cns_handle *h, u32 count);
void cns_ops_put(struct llist_node *chain);
void cns_ops_trim(struct cns_handle *h);
void cns_op_free(struct cns_request *r);
void cns_op_done(struct cns_request *r);
int cns_op_fill(struct cns_op *op, struct file *file, u64 now);
void cns_batch_init(struct cns_batch *b);
int cns_batch_add(struct cns_batch *b, struct cns_op *op, u64 now);
void cns_batch_begin(struct cns_batch *b, struct cns_handle *h,
		     struct cns_node *n, u64 now);
void cns_op_claim(struct cns_op *op);
void cns_op_deliver(struct cns_op *op);
s32 cns_op_finish(struct cns_op *op, bool mm);
void cns_ops_arm(struct cns_handle *h, u64 at, u64 now);
u64 cns_op_look(const struct cns_op *op, u64 now);
int cns_op_module_init(void);
void cns_op_module_exit(void);

/* patience.c */
void cns_ops_withdraw(struct cns_handle *h, const struct cns_array *a, int reason);
void cns_ops_cut(struct cns_handle *h, const struct cns_array *a);
void cns_op_cancel(struct cns_op *op);
void cns_ops_late(struct timer_list *t);
int cns_ops_flush(struct file *file, fl_owner_t id);
int cns_ops_cancel(struct file *file, struct consensus_handle_cancel *a);

/* array.c */
const void __user *cns_array_user(const struct cns_array *a);
void cns_array_part(struct cns_array *a);
s32 cns_array_finish(struct cns_array *a, bool mm);
long cns_ioctl_array(struct file *file, void __user *p);
int cns_array_uring(struct io_uring_cmd *cmd, void __user *p,
		    unsigned int flags);

/* uring.c */
void cns_uring_op_done(struct cns_op *op);
void cns_uring_array_done(struct io_uring_cmd *cmd);
void cns_uring_queue(struct io_uring_cmd *cmd, void *what, unsigned int flags);
void cns_uring_run(struct cns_node *n);
int cns_uring_cmd(struct io_uring_cmd *cmd, unsigned int flags);

#endif
