// SPDX-License-Identifier: GPL-2.0
/*
 * Operations whose callers do not sleep for them: by io_uring, or in an array.
 *
 * Who answers. An operation under way is linked into its handle; whoever takes it out,
 * under the handle's lock, answers it: the owner when it is done, or, when patience
 * is over, whoever cuts it off (patience.c). An answer is a task work of io_uring, or
 * one less that its array waits for. Results are copied out by the task that asked.
 *
 * The memory of an operation that was cut off stays until the owner is done with it.
 */
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "op.h"

static struct kmem_cache *cns_ops;

/* ---------------------------------------------------------------- lifetime */

/**
 * cns_op_init() - an operation, about to be filled
 * @op: memory of any content
 * @d: which call
 * @h: handle; a reference is taken
 * @user: its struct
 */
void cns_op_init(struct cns_op *op, const struct cns_door *d,
		 struct cns_handle *h, void __user *user)
{
	cns_request_clear(&op->request);
	op->request.op = true;
	op->request.handle = h;
	cns_handle_get(h);
	op->lock = NULL;
	op->door = d;
	INIT_LIST_HEAD(&op->link);
	op->user = user;
	op->deadline = U64_MAX;
	op->withdrawn = false;
	op->cut = false;
	op->status = 0;
	op->task = NULL;
	op->cmd = NULL;
	op->array = NULL;
}

/* One by itself. NULL: no memory. May sleep. */
struct cns_op *cns_op_new(const struct cns_door *d, struct cns_handle *h,
			  void __user *user)
{
	struct cns_op *op = kmem_cache_alloc(cns_ops, GFP_KERNEL);

	if (op)
		cns_op_init(op, d, h, user);
	return op;
}

/* The last reference to @r, which begins one, is gone. Anywhere. */
void cns_op_free(struct cns_request *r)
{
	struct cns_op *op = container_of(r, struct cns_op, request);

	kfree(r->extra);
	if (op->array)
		cns_array_put(op->array);
	else
		kmem_cache_free(cns_ops, op);
}

/* ----------------------------------------------------------------- answers */

/* Under the handle's lock: it is the caller's to answer. */
void cns_op_claim(struct cns_op *op)
{
	list_del_init(&op->link);
	if (op->lock)
		op->lock->op = NULL;
}

/*
 * Its answer is ready; the caller claimed it, or it was never linked. Anywhere. The task
 * that is to be told may sleep for a place by then: it has its own back now.
 */
void cns_op_deliver(struct cns_op *op)
{
	if (!op->cut)
		cns_request_leave(&op->request);
	if (op->array)
		cns_array_part(op->array);
	else
		cns_uring_op_done(op);
}

/* A request is done that begins an operation. Owner. */
void cns_op_done(struct cns_request *r)
{
	struct cns_op *op = container_of(r, struct cns_op, request);
	struct cns_handle *h = r->handle;
	bool ours;

	spin_lock_bh(&h->lock);
	ours = !list_empty(&op->link);
	if (ours)
		cns_op_claim(op);
	spin_unlock_bh(&h->lock);
	if (ours)
		cns_op_deliver(op);
}

static s32 cns_op_status(struct cns_op *op)
{
	struct cns_request *r = &op->request;

	if (op->status)
		return op->status;
	if (op->lock)
		return cns_lock_answer(op->lock, &op->arg.acquire);
	op->arg.op.index = r->command.index;
	if (!r->command.status && op->door->result)
		op->door->result(r, &op->arg);
	return r->command.status;
}

/* Of what failed, the status alone is told. */
static int cns_op_write(struct cns_op *op, s32 status)
{
	op->arg.op.status = status;
	if (status)
		return cns_result(&op->user->op, &op->arg.op);
	return copy_to_user(op->user, &op->arg, op->door->size) ? -EFAULT : 0;
}

/* It succeeded, which cannot be told. What the completion says: @err, if that is so. */
static s32 cns_op_untold(struct cns_op *op, s32 err)
{
	if (op->lock)
		cns_lock_abandon(op->lock);
	else if (cns_request_changes(&op->request))
		return -ENOTRECOVERABLE;
	return err;
}

/**
 * cns_op_finish() - tell the caller what became of it
 * @op: answered; the caller's reference is the caller's to put, still
 * @mm: there is memory to write to: the task that asked, and it lives
 *
 * Process context. Return: the status.
 */
s32 cns_op_finish(struct cns_op *op, bool mm)
{
	s32 status = cns_op_status(op);
	bool told = mm && !cns_op_write(op, status);

	/* It may have unmapped its struct meanwhile. What failed is told by the status. */
	if (!status && !told)
		status = cns_op_untold(op, mm ? -EFAULT : -ECANCELED);
	if (op->lock)
		cns_lock_put(op->lock);
	op->lock = NULL;
	return status;
}

/* -------------------------------------------------------- acquires, untold */

/*
 * CNS_ITEM_LOCK_ABANDON: its caller was gone before it could be told what it got. Who
 * shares the handle does not know of it either: it is given back.
 */
void cns_lock_abandoned(struct cns_node *n, struct cns_item *item, u64 now)
{
	struct cns_lock *l = container_of(item, struct cns_lock, begin);
	struct fsm_want *w = &l->want;
	bool over;

	n->wants.stamp = ktime_get_real_seconds();
	spin_lock_bh(&l->handle->lock);
	l->left = true;
	over = l->over;
	spin_unlock_bh(&l->handle->lock);
	if (!over && !l->releaser && w->state == FSM_WANT_HELD)
		fsm_want_release(&n->wants, w, NULL);
	else if (!over && !l->releaser && w->state == FSM_WANT_QUEUED)
		fsm_want_give_up(&n->wants, w, -ECANCELED);
	n->pump = true;
	cns_lock_put(l);
}

/**
 * cns_lock_abandon() - nobody could be told what became of it
 * @l: whose answer its caller did not get; the caller's reference
 *
 * Once for each.
 */
void cns_lock_abandon(struct cns_lock *l)
{
	bool has;

	spin_lock_bh(&l->handle->lock);
	has = !l->over && (l->granted || l->queued);
	spin_unlock_bh(&l->handle->lock);
	if (!has)
		return;
	/* The item has long been seen: what it was for came about. */
	l->begin.kind = CNS_ITEM_LOCK_ABANDON;
	refcount_inc(&l->ref);
	cns_lock_push(l, &l->begin);
}

/* ---------------------------------------------------------------- beginning */

/**
 * cns_op_copy() - its arguments, once
 * @op: new
 *
 * Tries whether the result can be written, too: the status, which says that the
 * outcome is unknown until it is known, and the end, which is in the next page at most.
 *
 * Return: 0 or -EFAULT.
 */
int cns_op_copy(struct cns_op *op)
{
	u8 __user *last = (u8 __user *)op->user + op->door->size - 1;

	if (copy_from_user(&op->arg, op->user, op->door->size) ||
	    cns_probe(&op->user->op) ||
	    put_user(((u8 *)&op->arg)[op->door->size - 1], last))
		return -EFAULT;
	return 0;
}

/* Its arguments checked, into its request. 0 or a negative errno of the uapi. */
int cns_op_fill(struct cns_op *op, struct file *file)
{
	int err = cns_door_allowed(file, op->door);

	if (!err)
		err = op->door->fill(file, &op->arg, &op->request);
	if (!err && op->task && op->arg.op.timeout_ns > CONSENSUS_URING_TIMEOUT_MAX)
		err = -EINVAL;
	if (!err)
		err = cns_handle_lost(op->request.handle);
	op->request.command.handle = op->request.handle->number;
	op->deadline = cns_deadline(&op->arg.op);
	return err;
}

/* The timer comes then, or before. Under the handle's lock. */
void cns_ops_arm(struct cns_handle *h, u64 at, u64 now)
{
	if (at >= h->ops_at)
		return;
	h->ops_at = at;
	mod_timer(&h->ops_timer,
		  jiffies + (at > now ? nsecs_to_jiffies(at - now) : 0) + 1);
}

/* When it has to be looked at again, at the latest. */
u64 cns_op_look(const struct cns_op *op, u64 now)
{
	u64 tick = now + CNS_DEAD_MS * (u64)NSEC_PER_MSEC;

	return op->task ? min(op->deadline, tick) : op->deadline;
}

static int cns_op_lock(struct cns_op *op)
{
	const struct consensus_lock_acquire *a = &op->arg.acquire;
	struct cns_request *r = &op->request;
	struct fsm_fence fence;
	u8 len;
	int err;

	err = cns_acquire_check(a, &fence, &len);
	if (err)
		return err;
	return cns_lock_make(r->handle, r->node, a, &fence, len, &op->lock);
}

/**
 * cns_op_begin() - it is under way from now on
 * @op: filled, with a node
 * @now: cns_now()
 *
 * The owner sees it when it is run next, which is the caller's to see to. May sleep.
 *
 * Return: 0: it will be delivered, or was; or the errno with which it has ended.
 */
int cns_op_begin(struct cns_op *op, u64 now)
{
	struct cns_request *r = &op->request;
	struct cns_handle *h = r->handle;
	int err = 0;

	if (cns_door_acquires(op->door)) {
		err = cns_op_lock(op);
		/* It may wait for long, and is counted among those that do. */
		if (!err)
			cns_request_leave(r);
	} else if (r->kind == CNS_REQ_RELEASE && READ_ONCE(h->node) != r->node) {
		err = -EPERM;	/* that node has stopped, and its locks with it */
	}
	if (err)
		return err;
	spin_lock_bh(&h->lock);
	list_add_tail(&op->link, &h->ops);
	if (op->lock)
		op->lock->op = op;
	cns_ops_arm(h, cns_op_look(op, now), now);
	/* Before anybody can cut it off: nothing pushes after an answer. */
	if (op->lock)
		cns_node_push(r->node, &op->lock->begin);
	else
		cns_request_push(r, &r->item);
	spin_unlock_bh(&h->lock);
	return 0;
}

int cns_op_module_init(void)
{
	/* What programs give and get is copied in place. */
	cns_ops = KMEM_CACHE_USERCOPY(cns_op, SLAB_ACCOUNT, arg);
	return cns_ops ? 0 : -ENOMEM;
}

void cns_op_module_exit(void)
{
	kmem_cache_destroy(cns_ops);
}
