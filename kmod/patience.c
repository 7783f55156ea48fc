// SPDX-License-Identifier: GPL-2.0
/*
 * When operations end whose callers do not sleep (op.c), and have not been answered.
 *
 * Patience ends as for a caller that sleeps (request.c): first an operation is
 * withdrawn by the owner, with a grace of two election timeouts, then it is cut off,
 * its outcome unknown. What became of its process counts, too: 6.1 cannot cancel
 * commands, and a command keeps its file, and so this module. ->flush() finds the dead
 * at once. A timer looks for others, four times a second: whose file is open in the ring's own
 * table only, or whose SQPOLL thread waits for its commands before it closes its files.
 */
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "op.h"

/* Found in one go, under the lock. */
#define CNS_OP_BATCH 16
/* So often, at most, by the timer before it lets others run. */
#define CNS_OP_TURNS 8

enum cns_fate {
	CNS_OP_STAYS,
	CNS_OP_WITHDRAWN,
	CNS_OP_CUT,
};

/**
 * struct cns_judge - which operations of a handle end now
 * @of: says what becomes of one
 * @array: that it is a part of
 * @signal: of the process that issued it
 * @user: struct of the call; NULL: whatever it is
 * @reason: of a withdrawal
 * @now: cns_now()
 */
struct cns_judge {
	enum cns_fate (*of)(const struct cns_judge *j, const struct cns_op *op);
	const struct cns_array *array;
	const struct signal_struct *signal;
	const void __user *user;
	int reason;
	u64 now;
};

/**
 * struct cns_found - one that was found, with a reference
 * @op: the operation
 * @lock: an acquire: that, as it may have been answered meanwhile
 * @tell: the owner is to give it up; @lock has a reference for that
 * @cut: it is to be delivered
 */
struct cns_found {
	struct cns_op *op;
	struct cns_lock *lock;
	bool tell;
	bool cut;
};

/* Its outcome is open, and stays so: under the handle's lock. */
static void cns_op_cut(struct cns_op *op, struct cns_handle *h)
{
	struct cns_lock *l = op->lock;

	cns_op_claim(op);
	/* It is told, or it is nobody's and given back: never neither. */
	if (l && (l->over || l->granted || l->queued))
		return;
	if (l)
		l->left = true;
	op->cut = true;
	op->status = -ENOTRECOVERABLE;
	/* A read that nobody waits for any more never happened. */
	if (!l && !cns_request_changes(&op->request))
		op->status = op->request.reason ?: -ECANCELED;
	WRITE_ONCE(h->abandoned, true);
}

/* Under the handle's lock. */
static void cns_op_condemn(struct cns_op *op, struct cns_found *f,
			   enum cns_fate fate, const struct cns_judge *j)
{
	struct cns_handle *h = op->request.handle;
	u64 grace = min_t(u64, 2 * op->request.node->params.election_max_ns,
			  CNS_GRACE_MAX_S * (u64)NSEC_PER_SEC);

	f->op = op;
	f->lock = op->lock;
	f->cut = fate == CNS_OP_CUT;
	f->tell = !op->withdrawn;
	refcount_inc(&op->request.ref);
	if (f->tell && op->lock) {
		op->lock->reason = j->reason;
		refcount_inc(&op->lock->ref);
	} else if (f->tell) {
		op->request.reason = j->reason;
	}
	op->withdrawn = true;
	if (f->cut) {
		cns_op_cut(op, h);
		return;
	}
	op->deadline = j->now + grace;
	cns_ops_arm(h, op->deadline, j->now);
}

/* What was decided under the lock is done without it: the owner takes it, too. */
static void cns_ops_execute(const struct cns_found *found, unsigned int count)
{
	const struct cns_found *f, *end = found + count;
	struct cns_request *r;

	for (f = found; f < end; f++) {
		r = &f->op->request;
		if (f->tell && f->lock)
			cns_node_push(r->node, &f->lock->give_up);
		else if (f->tell)
			cns_request_push(r, &r->give_up);
	}
	/* Mostly all are of one node. */
	for (f = found; f < end; f++)
		if (f == found || f[-1].op->request.node != f->op->request.node)
			cns_node_run(f->op->request.node);
	for (f = found; f < end; f++) {
		if (f->cut)
			cns_op_deliver(f->op);
		cns_request_put(&f->op->request);
	}
}

/* Some of those that are to end. How many: none, when there are no more. */
static unsigned int cns_ops_sweep(struct cns_handle *h, const struct cns_judge *j)
{
	struct cns_found found[CNS_OP_BATCH];
	struct cns_op *op, *next;
	unsigned int count = 0;
	enum cns_fate fate;

	spin_lock_bh(&h->lock);
	list_for_each_entry_safe(op, next, &h->ops, link) {
		fate = j->of(j, op);
		if (fate == CNS_OP_STAYS)
			continue;
		cns_op_condemn(op, &found[count++], fate, j);
		/* The next time begins where this ends. */
		if (count == CNS_OP_BATCH) {
			if (!list_entry_is_head(next, &h->ops, link))
				list_rotate_to_front(&next->link, &h->ops);
			break;
		}
	}
	spin_unlock_bh(&h->lock);
	cns_ops_execute(found, count);
	return count;
}

static enum cns_fate cns_judge_withdraw(const struct cns_judge *j,
					const struct cns_op *op)
{
	return op->array == j->array && !op->withdrawn ? CNS_OP_WITHDRAWN :
							 CNS_OP_STAYS;
}

static enum cns_fate cns_judge_cut(const struct cns_judge *j,
				   const struct cns_op *op)
{
	return op->array == j->array ? CNS_OP_CUT : CNS_OP_STAYS;
}

static enum cns_fate cns_judge_cancel(const struct cns_judge *j,
				      const struct cns_op *op)
{
	const void __user *user = op->array ? cns_array_user(op->array) : op->user;

	if (!op->task || op->task->signal != j->signal || op->withdrawn)
		return CNS_OP_STAYS;
	return !j->user || j->user == user ? CNS_OP_WITHDRAWN : CNS_OP_STAYS;
}

static enum cns_fate cns_judge_dead(const struct cns_judge *j,
				    const struct cns_op *op)
{
	return op->task && op->task->signal == j->signal ? CNS_OP_CUT :
							   CNS_OP_STAYS;
}

/* Does nobody of its process live any more, or will not for long? */
static bool cns_task_dead(const struct task_struct *task)
{
	return READ_ONCE(task->signal->flags) & SIGNAL_GROUP_EXIT ||
	       !atomic_read(&task->signal->live);
}

static enum cns_fate cns_judge_late(const struct cns_judge *j,
				    const struct cns_op *op)
{
	if (op->task && cns_task_dead(op->task))
		return CNS_OP_CUT;
	if (op->deadline > j->now)
		return CNS_OP_STAYS;
	return op->withdrawn ? CNS_OP_CUT : CNS_OP_WITHDRAWN;
}

/* Those of @a that are under way are withdrawn; the timer cuts what is left. */
void cns_ops_withdraw(struct cns_handle *h, const struct cns_array *a, int reason)
{
	struct cns_judge j = {
		.of = cns_judge_withdraw,
		.array = a,
		.reason = reason,
		.now = cns_now(),
	};

	while (cns_ops_sweep(h, &j))
		;
}

/* Those of @a are answered before this returns. */
void cns_ops_cut(struct cns_handle *h, const struct cns_array *a)
{
	struct cns_judge j = {
		.of = cns_judge_cut,
		.array = a,
		.reason = -ECANCELED,
	};

	while (cns_ops_sweep(h, &j))
		;
}

/* The ring of @op goes: it is answered, if it is not. The caller sees that it stays. */
void cns_op_cancel(struct cns_op *op)
{
	struct cns_judge j = { .reason = -ECANCELED };
	struct cns_handle *h = op->request.handle;
	struct cns_found found;
	bool ours;

	spin_lock_bh(&h->lock);
	ours = !list_empty(&op->link);
	if (ours)
		cns_op_condemn(op, &found, CNS_OP_CUT, &j);
	spin_unlock_bh(&h->lock);
	if (ours)
		cns_ops_execute(&found, 1);
}

/* cns_handle.ops_timer */
void cns_ops_late(struct timer_list *t)
{
	struct cns_handle *h = timer_container_of(h, t, ops_timer);
	struct cns_judge j = {
		.of = cns_judge_late,
		.reason = -ETIMEDOUT,
		.now = cns_now(),
	};
	u64 next = U64_MAX;
	unsigned int turns = CNS_OP_TURNS;
	struct cns_op *op;

	while (turns && cns_ops_sweep(h, &j))
		turns--;
	spin_lock_bh(&h->lock);
	h->ops_at = U64_MAX;
	list_for_each_entry(op, &h->ops, link)
		next = min(next, turns ? cns_op_look(op, j.now) : j.now);
	if (next != U64_MAX)
		cns_ops_arm(h, next, j.now);
	spin_unlock_bh(&h->lock);
	if (next == U64_MAX)
		cns_ops_trim(h);
}

/**
 * cns_ops_flush() - a descriptor of the handle is closed
 * @file: the handle
 * @id: whose
 *
 * Who closes one and lives may still await its commands; so may the other threads of
 * one that dies. A process that dies does not.
 *
 * Return: 0.
 */
int cns_ops_flush(struct file *file, fl_owner_t id)
{
	struct cns_judge j = {
		.of = cns_judge_dead,
		.signal = current->signal,
		.reason = -ECANCELED,
	};

	if (current->flags & PF_EXITING && cns_task_dead(current))
		while (cns_ops_sweep(file->private_data, &j))
			;
	return 0;
}

/**
 * cns_ops_cancel() - HANDLE_CANCEL
 * @file: the handle
 * @a: arguments, checked, and result
 *
 * Does not wait for those that it withdraws: each is completed, sooner or later.
 *
 * Return: 0.
 */
int cns_ops_cancel(struct file *file, struct consensus_handle_cancel *a)
{
	struct cns_judge j = {
		.of = cns_judge_cancel,
		.signal = current->signal,
		.user = u64_to_user_ptr(a->argument),
		.reason = -ECANCELED,
		.now = cns_now(),
	};
	unsigned int n;

	a->count = 0;
	while ((n = cns_ops_sweep(file->private_data, &j)))
		a->count += n;
	return 0;
}
