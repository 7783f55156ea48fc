// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays: many operations in one call. All begin before the owner is run, so that they
 * share datagrams and writes to storage; each ends by itself (op.c), and the last that
 * does ends the call.
 */
#include <linux/fs.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "op.h"

/**
 * struct cns_array - an array under way
 * @left: operations that are not answered, and the caller while it begins them
 * @handle: c, whose; kept by the file
 * @node: that has them, with a reference; NULL: none
 * @cmd: c, what to complete; NULL: @done
 * @task: with a reference, who issued @cmd; else NULL
 * @begun: some may be under way
 * @user: c, the caller's struct
 * @done: all are answered
 * @ops: them, chained, in order
 */
struct cns_array {
	atomic_t left;
	struct cns_handle *handle;
	struct cns_node *node;
	struct io_uring_cmd *cmd;
	struct task_struct *task;
	bool begun;
	struct consensus_array __user *user;
	struct completion done;
	struct llist_node *ops;
};

const void __user *cns_array_user(const struct cns_array *a)
{
	return a->user;
}

/* One is answered. True: all are. */
static bool cns_array_less(struct cns_array *a)
{
	return atomic_dec_and_test(&a->left);
}

/* One of its operations is answered. Anywhere. */
void cns_array_part(struct cns_array *a)
{
	if (!cns_array_less(a))
		return;
	if (a->cmd)
		cns_uring_array_done(a->cmd);
	else
		complete(&a->done);
}

/* ------------------------------------------------------------------- entries */

static struct consensus_array_entry *
cns_entries_copy(const struct consensus_array *u)
{
	size_t size = array_size(u->count, sizeof(struct consensus_array_entry));

	return memdup_user(u64_to_user_ptr(u->entries), size);
}

/* Its call, if that is an operation. Mostly all are the same one: @door is the last. */
static const struct cns_door *cns_entry_door(const struct consensus_array_entry *e,
					     const struct cns_door *door)
{
	if (!door || door->cmd != e->call)
		door = cns_door_find(e->call);
	return door && door->fill && !e->zero ? door : NULL;
}

/* Every operation, neither copied nor checked yet; there is an entry for each. */
static int cns_array_parts(struct cns_array *a,
			   const struct consensus_array_entry *e)
{
	const struct cns_door *door = NULL;
	struct cns_op *op;

	llist_for_each_entry(op, a->ops, chain) {
		door = cns_entry_door(e, door);
		if (!door)
			return -EINVAL;
		op->door = door;
		op->user = u64_to_user_ptr(e->argument);
		op->array = a;
		op->task = a->task;
		e++;
	}
	return 0;
}

/* All are answered, or none has begun. */
static void cns_array_free(struct cns_array *a)
{
	cns_ops_put(a->ops);
	if (a->node)
		cns_node_put(a->node);
	if (a->task)
		put_task_struct(a->task);
	kfree(a);
}

static struct cns_array *cns_array_new(struct file *file,
				       const struct consensus_array *u,
				       struct consensus_array __user *user,
				       struct io_uring_cmd *cmd)
{
	struct consensus_array_entry *e;
	struct cns_array *a;
	int err;

	e = cns_entries_copy(u);
	if (IS_ERR(e))
		return ERR_CAST(e);
	err = -ENOMEM;
	a = kmalloc(sizeof(*a), GFP_KERNEL_ACCOUNT);
	if (!a)
		goto free;
	a->ops = cns_ops_new(file->private_data, u->count);
	if (!a->ops)
		goto free_array;
	atomic_set(&a->left, u->count + 1);
	a->handle = file->private_data;
	a->node = NULL;
	a->cmd = cmd;
	a->task = cmd ? get_task_struct(current) : NULL;
	a->begun = false;
	a->user = user;
	init_completion(&a->done);
	err = cns_array_parts(a, e);
	if (!err)
		goto free;
	cns_array_free(a);
	a = NULL;
free_array:
	kfree(a);
free:
	kfree(e);
	return err ? ERR_PTR(err) : a;
}

/* ------------------------------------------------------------------- running */

/* It has ended before it began. The caller counts as under way: never the last. */
static void cns_part_fail(struct cns_array *a, struct cns_op *op, int err)
{
	op->status = err;
	cns_array_less(a);
}

/* Arguments of all. The first deadline of those that are in order, if any is. */
static u64 cns_array_fill(struct cns_array *a, struct file *file, u32 *begin)
{
	u64 first = U64_MAX, now = cns_now();
	struct cns_op *op;
	int err;

	*begin = 0;
	llist_for_each_entry(op, a->ops, chain) {
		err = cns_take(&op->arg, op->user, op->door->size);
		if (!err)
			err = cns_op_fill(op, file, now);
		op->status = err;
		if (err)
			continue;
		first = min(first, op->deadline);
		++*begin;
	}
	return first;
}

/* All that are in order begin; the owner is not run yet. */
static void cns_array_begin(struct cns_array *a, struct cns_node *n)
{
	u64 now = cns_now();
	struct cns_batch b;
	struct cns_op *op;
	int err;

	cns_batch_init(&b);
	llist_for_each_entry(op, a->ops, chain) {
		if (op->status) {
			cns_array_less(a);
			continue;
		}
		op->request.node = n;
		op->request.room = true;
		err = cns_batch_add(&b, op, now);
		if (err)
			cns_part_fail(a, op, err);
	}
	cns_batch_begin(&b, a->handle, n, now);
}

/* None of them can begin. */
static void cns_array_fail(struct cns_array *a, int err)
{
	struct cns_op *op;

	llist_for_each_entry(op, a->ops, chain)
		cns_part_fail(a, op, op->status ?: err);
}

/* A node with room for @count more; ERR_PTR() as for cns_room(). */
static struct cns_node *cns_array_node(struct cns_array *a, u32 count,
				       bool nonblock, u64 deadline)
{
	struct cns_node *n = cns_node_get(a->handle->ns);
	int err;

	if (!n)
		return ERR_PTR(cns_handle_alive(a->handle) ? -ENOTCONN :
							     -ESHUTDOWN);
	err = cns_room(n, count, nonblock, deadline);
	if (!err)
		return n;
	cns_node_put(n);
	return ERR_PTR(err);
}

/*
 * Begin it; @flags are the command's. 0: each part has ended, or is under way; -EAGAIN:
 * nothing began, as it would have to wait for room.
 */
static int cns_array_start(struct cns_array *a, struct file *file,
			   unsigned int flags)
{
	bool never = file->f_flags & O_NONBLOCK;
	bool nonblock = a->cmd && flags & IO_URING_F_NONBLOCK;
	struct cns_node *n;
	u64 first;
	u32 begin;

	first = cns_array_fill(a, file, &begin);
	if (!begin) {
		cns_array_fail(a, 0);
		return 0;
	}
	n = cns_array_node(a, begin, nonblock || never, first);
	if (n == ERR_PTR(-EAGAIN) && !never)
		return -EAGAIN;
	if (IS_ERR(n)) {
		cns_array_fail(a, PTR_ERR(n));
		return 0;
	}
	a->node = n;
	a->begun = true;
	if (a->cmd)
		cns_uring_queue(a->cmd, a, flags);
	cns_array_begin(a, n);
	if (a->cmd)
		cns_uring_run(n);
	else
		cns_node_run(n);
	return 0;
}

/* A signal ends it, politely first. */
static void cns_array_wait(struct cns_array *a)
{
	/* From here on the last one ends it. */
	if (cns_array_less(a))
		return;
	if (likely(try_wait_for_completion(&a->done)) ||
	    cns_sleep(&a->done, U64_MAX) > 0)
		return;
	cns_ops_withdraw(a->handle, a, -EINTR);
	if (!wait_for_completion_killable(&a->done))
		return;
	cns_ops_cut(a->handle, a);
	/* Whatever was answered by others is delivered at once, too. */
	wait_for_completion(&a->done);
}

/**
 * cns_array_finish() - tell the caller what became of all of it
 * @a: all are answered; consumed
 * @mm: as for cns_op_finish()
 *
 * Process context. Return: 0; -ENOTRECOVERABLE: not everything could be told.
 */
s32 cns_array_finish(struct cns_array *a, bool mm)
{
	struct cns_op *op;
	u32 failed = 0;
	s32 err = 0;

	llist_for_each_entry(op, a->ops, chain)
		failed += !!cns_op_finish(op, mm);
	/* An error that says that nothing happened would not be true. */
	if (!mm || put_user(failed, &a->user->failed))
		err = -ENOTRECOVERABLE;
	cns_array_free(a);
	return err;
}

/* ------------------------------------------------------------------- callers */

/* The caller's struct; ERR_PTR() if nothing is to begin. */
static struct cns_array *cns_array_copy(struct file *file, void __user *p,
					struct io_uring_cmd *cmd)
{
	struct consensus_array __user *user = p;
	struct consensus_array u;

	if (copy_from_user(&u, p, sizeof(u)))
		return ERR_PTR(-EFAULT);
	if (u.flags || u.zero || !u.count)
		return ERR_PTR(-EINVAL);
	if (u.count > CONSENSUS_ARRAY_MAX)
		return ERR_PTR(-E2BIG);
	if (put_user(u.failed, &user->failed))
		return ERR_PTR(-EFAULT);
	return cns_array_new(file, &u, user, cmd);
}

/* CONSENSUS_IOC_ARRAY. Sleeps until all have ended. */
long cns_ioctl_array(struct file *file, void __user *p)
{
	struct cns_array *a = cns_array_copy(file, p, NULL);

	if (IS_ERR(a))
		return PTR_ERR(a);
	cns_array_start(a, file, 0);
	cns_array_wait(a);
	return cns_array_finish(a, true);
}

/**
 * cns_array_uring() - an array by io_uring
 * @cmd: the command
 * @p: its struct
 * @flags: IO_URING_F_*
 *
 * Return: -EIOCBQUEUED: it is completed when all have ended; -EAGAIN: it has to be
 * issued by who may sleep; or its result.
 */
int cns_array_uring(struct io_uring_cmd *cmd, void __user *p, unsigned int flags)
{
	struct cns_array *a = cns_array_copy(cmd->file, p, cmd);
	int err;

	if (IS_ERR(a))
		return PTR_ERR(a);
	err = cns_array_start(a, cmd->file, flags);
	if (err) {
		cns_array_free(a);
		return err;
	}
	if (!a->begun)
		return cns_array_finish(a, true);
	/* From here on the last one completes it, perhaps this one. */
	cns_array_part(a);
	return -EIOCBQUEUED;
}
