// SPDX-License-Identifier: GPL-2.0
/*
 * Operations whose callers do not sleep for them: by io_uring, or in an array.
 *
 * Who answers. An operation under way is linked into its handle; whoever takes it out,
 * under the handle's lock, answers it: the owner when it is done, or, when patience
 * is over, whoever cuts it off (patience.c). An answer is a task work of io_uring, or
 * one less that its array waits for. Results are copied out by the task that asked.
 *
 * The memory of an operation that was cut off stays until the owner is done with it. Any
 * other is the handle's to use again (cns_handle.spare), until the timer finds that none is
 * under way: as many at a time are not allocated, cleared and freed for each call.
 */
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "op.h"

static struct kmem_cache *cns_ops;

/* ---------------------------------------------------------------- lifetime */

/* About to be filled. The name that its memory had last, if any, stays. */
static void cns_op_init(struct cns_op *op, struct cns_handle *h)
{
	u8 len = op->request.command.name_len;

	cns_request_clear(&op->request);
	op->request.command.name_len = len;
	op->request.op = true;
	op->request.handle = h;
	op->lock = NULL;
	op->door = NULL;
	INIT_LIST_HEAD(&op->link);
	op->user = NULL;
	op->deadline = U64_MAX;
	op->withdrawn = false;
	op->cut = false;
	op->status = 0;
	op->task = NULL;
	op->cmd = NULL;
	op->array = NULL;
}

/* Memory of one is gone for good. */
static void cns_op_unkeep(struct cns_handle *h, u32 count)
{
	spin_lock_bh(&h->lock);
	h->kept -= count;
	spin_unlock_bh(&h->lock);
}

/* Up to @count that are there, in front of @chain. How many; so many more may be @keep. */
static u32 cns_ops_spare(struct cns_handle *h, u32 count,
			 struct llist_node **chain, u32 *keep)
{
	struct llist_node *node;
	u32 had = 0;

	spin_lock_bh(&h->lock);
	while (had < count && (node = llist_del_first(&h->spare))) {
		node->next = *chain;
		*chain = node;
		had++;
	}
	*keep = min_t(u32, count - had, CNS_OPS_KEPT - h->kept);
	h->kept += *keep;
	spin_unlock_bh(&h->lock);
	return had;
}

/**
 * cns_ops_new() - operations, about to be filled
 * @h: handle; the caller's file keeps it
 * @count: how many
 *
 * May sleep. Return: chained by .chain; NULL: no memory.
 */
struct llist_node *cns_ops_new(struct cns_handle *h, u32 count)
{
	struct llist_node *chain = NULL;
	struct cns_op *op;
	u32 had, keep;

	for (had = cns_ops_spare(h, count, &chain, &keep); had < count; had++) {
		op = kmem_cache_alloc(cns_ops, GFP_KERNEL);
		if (!op)
			break;
		op->request.command.name_len = 0;
		op->kept = keep;
		keep -= op->kept;
		op->chain.next = chain;
		chain = &op->chain;
	}
	llist_for_each_entry(op, chain, chain)
		cns_op_init(op, h);
	if (likely(had == count))
		return chain;
	cns_op_unkeep(h, keep);
	cns_ops_put(chain);
	return NULL;
}

/* The last reference to @r, which begins one, is gone, after its caller's. Anywhere. */
void cns_op_free(struct cns_request *r)
{
	struct cns_op *op = container_of(r, struct cns_op, request);

	kfree(r->extra);
	if (op->kept)
		cns_op_unkeep(r->handle, 1);
	kmem_cache_free(cns_ops, op);
}

/*
 * The caller's reference to one. False: others have it yet, and what its caller kept for
 * it is its own from now on.
 */
static bool cns_op_last(struct cns_op *op)
{
	struct cns_request *r = &op->request;

	if (refcount_read(&r->ref) > 1) {
		cns_handle_get(r->handle);
		if (op->array)
			kref_get(&r->node->ref);
		cns_request_put(r);
		return false;
	}
	/* Whatever others did with it is over. */
	smp_acquire__after_ctrl_dep();
	if (unlikely(r->room))
		cns_request_leave(r);
	if (r->node && !op->array)
		cns_node_put(r->node);
	if (unlikely(r->extra))
		kfree(r->extra);
	return true;
}

/**
 * cns_ops_put() - their caller is done with them
 * @chain: of one handle, which a file still keeps, and none is linked
 *
 * Process context.
 */
void cns_ops_put(struct llist_node *chain)
{
	struct llist_node *first = NULL, *last = NULL;
	struct cns_handle *h = NULL;
	struct cns_op *op, *next;

	llist_for_each_entry_safe(op, next, chain, chain) {
		if (!cns_op_last(op))
			continue;
		if (!op->kept) {
			kmem_cache_free(cns_ops, op);
			continue;
		}
		h = op->request.handle;
		op->chain.next = first;
		first = &op->chain;
		last = last ?: first;
	}
	if (first)
		llist_add_batch(first, last, &h->spare);
}

/* What is kept for the next ones goes. The handle is closed, or its timer found none. */
void cns_ops_trim(struct cns_handle *h)
{
	struct llist_node *chain;
	struct cns_op *op, *next;

	spin_lock_bh(&h->lock);
	chain = llist_del_all(&h->spare);
	llist_for_each_entry(op, chain, chain)
		h->kept--;
	spin_unlock_bh(&h->lock);
	llist_for_each_entry_safe(op, next, chain, chain)
		kmem_cache_free(cns_ops, op);
}

/* ----------------------------------------------------------------- answers */

/* Under the handle's lock: it is the caller's to answer. */
void cns_op_claim(struct cns_op *op)
{
	list_del_init(&op->link);
	if (op->lock)
		WRITE_ONCE(op->lock->op, NULL);
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

	/* The owner has bottom halves off. */
	spin_lock(&h->lock);
	ours = !list_empty(&op->link);
	if (ours)
		cns_op_claim(op);
	spin_unlock(&h->lock);
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
	bool told;

	op->arg.op.status = status;
	told = mm && !cns_tell(op->user, &op->arg, op->door->size);
	/* It may have unmapped its struct meanwhile. What failed is told by the status. */
	if (!status && !told)
		status = cns_door_untold(op->door, op->lock,
					 mm ? -EFAULT : -ECANCELED);
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

/* Its arguments checked, into its request. 0 or a negative errno of the uapi. */
int cns_op_fill(struct cns_op *op, struct file *file, u64 now)
{
	int err = cns_door_allowed(file, op->door);

	if (!err)
		err = op->door->fill(file, &op->arg, &op->request);
	if (!err && op->task && op->arg.op.timeout_ns > CONSENSUS_URING_TIMEOUT_MAX)
		err = -EINVAL;
	if (!err)
		err = cns_handle_lost(op->request.handle);
	op->request.command.handle = READ_ONCE(op->request.handle->number);
	op->deadline = cns_deadline(&op->arg.op, now);
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

/* An acquire. Apart: its fence needs a place on the stack, which others do without. */
static noinline int cns_op_lock(struct cns_op *op)
{
	const struct consensus_lock_acquire *a = &op->arg.acquire;
	struct cns_request *r = &op->request;
	struct fsm_fence fence;
	u8 len;
	int err;

	err = cns_acquire_check(a, &fence, &len);
	if (err)
		return err;
	err = cns_lock_make(r->handle, r->node, a, &fence, len, &op->lock);
	/* It may wait for long, and is counted among those that do. */
	if (!err)
		cns_request_leave(r);
	return err;
}

void cns_batch_init(struct cns_batch *b)
{
	b->last = NULL;
	b->newest = NULL;
	b->oldest = NULL;
	b->look = U64_MAX;
}

/* What has to be done for some of them before they begin. May sleep. */
static int cns_op_ready(struct cns_op *op)
{
	const struct cns_request *r = &op->request;

	if (cns_door_acquires(op->door))
		return cns_op_lock(op);
	/* Another node has stopped, and its locks with it. */
	if (r->kind == CNS_REQ_RELEASE && READ_ONCE(r->handle->node) != r->node)
		return -EPERM;
	return 0;
}

/**
 * cns_batch_add() - one more that is to begin
 * @b: batch
 * @op: filled, with the batch's handle and node
 * @now: cns_now()
 *
 * May sleep. Return: 0; or the errno with which it has ended.
 */
int cns_batch_add(struct cns_batch *b, struct cns_op *op, u64 now)
{
	struct cns_item *item = &op->request.item;
	int err = cns_op_ready(op);

	if (err)
		return err;
	if (op->lock)
		item = &op->lock->begin;
	else	/* the caller's, and the node's */
		refcount_set(&op->request.ref, 2);
	op->before = b->last;
	b->last = op;
	item->link.next = b->newest;
	b->newest = &item->link;
	b->oldest = b->oldest ?: b->newest;
	b->look = min(b->look, cns_op_look(op, now));
	return 0;
}

/**
 * cns_batch_begin() - all of it is under way from now on
 * @b: batch; not to be used again
 * @h: handle
 * @n: node
 * @now: cns_now()
 *
 * Each will be delivered, or was. The owner sees them when it is run next, which is the
 * caller's to see to.
 */
void cns_batch_begin(struct cns_batch *b, struct cns_handle *h,
		     struct cns_node *n, u64 now)
{
	struct list_head *at;
	struct cns_op *op;

	if (!b->last)
		return;
	spin_lock_bh(&h->lock);
	at = h->ops.prev;
	for (op = b->last; op; op = op->before) {
		list_add(&op->link, at);
		if (op->lock)
			WRITE_ONCE(op->lock->op, op);
	}
	cns_ops_arm(h, b->look, now);
	/* Before anybody can cut one off: nothing pushes after an answer. */
	llist_add_batch(b->newest, b->oldest, &n->inbox);
	spin_unlock_bh(&h->lock);
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
