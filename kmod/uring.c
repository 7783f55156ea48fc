// SPDX-License-Identifier: GPL-2.0
/*
 * Commands by io_uring: the numbers and structs of ioctl(). See facts of each kernel in
 * compat.h, and op.c for what becomes of a command whose process dies.
 *
 * A command is completed from softirq by way of a task work, of which io_uring runs
 * many in one go; results are copied there, by the task that asked. That may be without
 * a memory by then: in an exiting task, or in a worker of the kernel.
 */
#include <linux/blkdev.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "compat.h"
#include "op.h"

/* ------------------------------------------------------------- running nodes */

/**
 * struct cns_plug - a node that is to be run when all of a submission have begun
 * @cb: of the task's plug; .data is the node
 * @counted: it holds a reference to the node
 */
struct cns_plug {
	struct blk_plug_cb cb;
	bool counted;
};

static void cns_unplug(struct blk_plug_cb *cb, bool from_schedule)
{
	struct cns_node *n = cb->data;

	kfree(container_of(cb, struct cns_plug, cb));
	cns_node_run(n);
	cns_node_put(n);
}

/*
 * The owner is to see what was pushed: at the end of a submission of several, which
 * io_uring marks by a plug, so that they share datagrams; else now.
 */
void cns_uring_run(struct cns_node *n)
{
	struct cns_plug *p;

	p = (struct cns_plug *)blk_check_plugged(cns_unplug, n, sizeof(*p));
	BUILD_BUG_ON(offsetof(struct cns_plug, cb));
	if (!p) {
		cns_node_run(n);
	} else if (!p->counted) {
		p->counted = true;
		kref_get(&n->ref);
	}
}

/* ---------------------------------------------------------------- completing */

/**
 * struct cns_uring - what the module keeps in a command
 * @what: struct cns_op or cns_array; NULL: that has ended
 * @wide: its completion has room for a value
 */
struct cns_uring {
	void *what;
	bool wide;
};

static struct cns_uring *cns_uring_of(struct io_uring_cmd *cmd)
{
	BUILD_BUG_ON(sizeof(struct cns_uring) > sizeof(cmd->pdu));
	return (struct cns_uring *)cmd->pdu;
}

/* Can results be written: by the task that asked, while it has its memory? */
static bool cns_uring_mm(void)
{
	return current->mm && !(current->flags & (PF_KTHREAD | PF_EXITING));
}

/*
 * A command may be cancelled until it is done, and keeps this module until then: what it
 * is about goes before.
 */
CNS_URING_TASK_WORK(cns_uring_op_work, cmd, flags)
{
	struct cns_uring *u = cns_uring_of(cmd);
	struct cns_op *op = u->what;
	s32 status = cns_op_finish(op, cns_uring_mm());
	bool wide = u->wide;
	u64 value = 0;

	if (!status && op->door->result)
		value = op->request.command.value;
	u->what = NULL;
	put_task_struct(op->task);
	cns_ops_put(&op->chain);
	cns_uring_done(cmd, status, value, wide, flags);
}

/* Its answer is ready. Anywhere. */
void cns_uring_op_done(struct cns_op *op)
{
	io_uring_cmd_complete_in_task(op->cmd, cns_uring_op_work);
}

CNS_URING_TASK_WORK(cns_uring_array_work, cmd, flags)
{
	struct cns_uring *u = cns_uring_of(cmd);
	struct cns_array *a = u->what;
	bool wide = u->wide;

	u->what = NULL;
	cns_uring_done(cmd, cns_array_finish(a, cns_uring_mm()), 0, wide, flags);
}

/* All of its array are answered. Anywhere. */
void cns_uring_array_done(struct io_uring_cmd *cmd)
{
	io_uring_cmd_complete_in_task(cmd, cns_uring_array_work);
}

/* ------------------------------------------------------------------- issuing */

/* From now on it is completed by a task work, whatever becomes of it. */
void cns_uring_queue(struct io_uring_cmd *cmd, void *what, unsigned int flags)
{
	struct cns_uring *u = cns_uring_of(cmd);

	u->what = what;
	u->wide = flags & IO_URING_F_CQE32;
	/* Whoever cancels it finds it among those that are linked, or not at all. */
	io_uring_cmd_mark_cancelable(cmd, flags);
}

/* 0: it is in order, and has a place; else what to answer, and it is told. */
static int cns_uring_admit(struct cns_op *op, struct file *file, bool nonblock,
			   u64 now)
{
	bool never = file->f_flags & O_NONBLOCK;
	struct cns_request *r = &op->request;
	int err;

	err = cns_take(&op->arg, op->user, op->door->size);
	if (err)
		return err;
	err = cns_op_fill(op, file, now);
	if (!err)
		err = cns_request_admit(r, r->handle->ns, nonblock || never,
					op->deadline);
	/* A worker of the ring waits for room, if the caller may wait. */
	if (!err || (err == -EAGAIN && !never))
		return err;
	op->status = err;
	return cns_op_finish(op, true);
}

static int cns_uring_op(struct io_uring_cmd *cmd, const struct cns_door *d,
			void __user *p, unsigned int flags)
{
	struct file *file = cmd->file;
	struct llist_node *chain = cns_ops_new(file->private_data, 1);
	bool nonblock = flags & IO_URING_F_NONBLOCK;
	u64 now = cns_now();
	struct cns_batch b;
	struct cns_node *n;
	struct cns_op *op;
	int err;

	if (!chain)
		return -ENOMEM;
	op = llist_entry(chain, struct cns_op, chain);
	op->door = d;
	op->user = p;
	op->cmd = cmd;
	op->task = get_task_struct(current);
	err = cns_uring_admit(op, file, nonblock, now);
	if (err) {
		put_task_struct(op->task);
		cns_ops_put(chain);
		return err;
	}
	/* It may be over and gone as soon as it has begun. */
	n = op->request.node;
	kref_get(&n->ref);
	cns_uring_queue(cmd, op, flags);
	/* It may have slept for its place. */
	if (!nonblock)
		now = cns_now();
	cns_batch_init(&b);
	err = cns_batch_add(&b, op, now);
	if (err) {
		op->status = err;
		cns_op_deliver(op);
	} else {
		cns_batch_begin(&b, file->private_data, n, now);
		cns_uring_run(n);
	}
	cns_node_put(n);
	return -EIOCBQUEUED;
}

/* The ring goes: whatever of it is under way ends. Repeatedly called. */
static int cns_uring_cancel(struct io_uring_cmd *cmd)
{
	void *what = cns_uring_of(cmd)->what;

	if (what && cmd->cmd_op == CONSENSUS_IOC_ARRAY)
		cns_ops_cut(cmd->file->private_data, what);
	else if (what)
		cns_op_cancel(what);
	return 0;
}

/* file_operations.uring_cmd */
int cns_uring_cmd(struct io_uring_cmd *cmd, unsigned int flags)
{
	const struct cns_door *d;
	struct consensus_uring u;
	void __user *p;

	if (unlikely(flags & IO_URING_F_CANCEL))
		return cns_uring_cancel(cmd);
	/* Programs may write to it meanwhile: it is looked at once. */
	memcpy(&u, cns_uring_data(cmd), sizeof(u));
	if (u.zero)
		return -EINVAL;
	p = u64_to_user_ptr(u.argument);
	if (cmd->cmd_op == CONSENSUS_IOC_ARRAY)
		return cns_array_uring(cmd, p, flags);
	d = cns_door_find(cmd->cmd_op);
	if (!d)
		return -ENOTTY;
	if (d->fill)
		return cns_uring_op(cmd, d, p, flags);
	if (d->waits && flags & IO_URING_F_NONBLOCK)
		return -EAGAIN;
	return cns_door_call(cmd->file, d, p);
}
