// SPDX-License-Identifier: GPL-2.0
/*
 * The table of calls, and those that concern locks, sessions and handles. Arguments are
 * copied once, checked, and not looked at again. That the result can be written is tried
 * before anything happens.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>

#include "op.h"

/* Who may take from others what is theirs: whoever may stop the node, too. */
static int cns_door_admin(void)
{
	return ns_capable(&init_user_ns, CAP_NET_ADMIN) ? 0 : -EPERM;
}

/* Arguments of an acquire; the name of @fence points into @a. */
int cns_acquire_check(const struct consensus_lock_acquire *a,
		      struct fsm_fence *fence, u8 *len)
{
	u32 f = a->op.flags;
	int err;

	err = cns_check_op(&a->op, CONSENSUS_LOCK_ALL, fence);
	if (!err)
		err = cns_check_name(a->name, len);
	if (!err && (a->op.index || a->zero ||
		     (f & CONSENSUS_LOCK_TRY && f & CONSENSUS_LOCK_ASYNC)))
		err = -EINVAL;
	return err;
}

static int cns_fill_acquire(struct file *file, union cns_door_arg *arg,
			    struct cns_request *r)
{
	struct consensus_lock_acquire *a = &arg->acquire;
	struct fsm_fence fence;
	u8 len;
	int err;

	err = cns_acquire_check(a, &fence, &len);
	if (err)
		return err;
	a->token = 0;
	a->ticket = 0;
	a->lease_ns = 0;
	a->info = 0;
	return 0;
}

/* *@to: what it acquired, or awaits, with a reference, if 0 is returned. */
static noinline int cns_door_acquire(struct file *file, union cns_door_arg *arg,
				     struct cns_lock **to)
{
	struct consensus_lock_acquire *a = &arg->acquire;
	struct fsm_fence fence;
	u64 deadline;
	u8 len;
	int err;

	err = cns_fill_acquire(file, arg, NULL);
	if (err)
		return err;
	deadline = cns_deadline(&a->op, cns_now());
	cns_acquire_check(a, &fence, &len);
	return cns_lock_acquire(file, a, &fence, len, deadline, to);
}

static int cns_fill_release(struct file *file, union cns_door_arg *arg,
			    struct cns_request *r)
{
	struct consensus_lock_release *a = &arg->release;
	int err;

	/* It needs no fence: it is refused unless its own grant holds. */
	err = cns_check_op(&a->op, 0, NULL);
	if (!err)
		err = cns_request_name(r, a->name);
	if (!err && (a->op.index || (!a->token && !a->ticket)))
		err = -EINVAL;
	if (err)
		return err;
	r->kind = CNS_REQ_RELEASE;
	if (!r->handle) {
		r->handle = file->private_data;
		cns_handle_get(r->handle);
	}
	r->command.arg = a->token;
	r->command.value = a->ticket;
	return 0;
}

static int cns_fill_check(struct file *file, union cns_door_arg *arg,
			  struct cns_request *r)
{
	struct consensus_lock_check *a = &arg->check;

	return a->token ? cns_read_fill(r, &a->op, a->name, a->token) : -EINVAL;
}

/* A command of the administrator's about @victim. */
static int cns_fill_command(const struct consensus_op *op, u8 code,
			    const char *name, u64 victim, struct cns_request *r)
{
	struct fsm_extra *x;
	int err;

	err = cns_check_op(op, 0, NULL);
	if (!err && name)
		err = cns_request_name(r, name);
	else
		r->command.name_len = 0;
	if (!err && op->index)
		err = -EINVAL;
	if (!err)
		err = cns_door_admin();
	if (err)
		return err;
	r->command.op = code;
	r->command.arg = victim;
	x = cns_request_extra(r);
	if (!x)
		return -ENOMEM;
	x->stamp = ktime_get_real_seconds();
	return 0;
}

static int cns_fill_revoke(struct file *file, union cns_door_arg *arg,
			   struct cns_request *r)
{
	struct consensus_lock_revoke *a = &arg->revoke;

	return cns_fill_command(&a->op, FSM_LOCK_REVOKE, a->name, a->token, r);
}

static void cns_result_revoke(const struct cns_request *r, union cns_door_arg *arg)
{
	arg->revoke.count = r->command.value;
}

static int cns_fill_expire(struct file *file, union cns_door_arg *arg,
			   struct cns_request *r)
{
	struct consensus_session_expire *a = &arg->expire;

	if (!a->session)
		return -EINVAL;
	return cns_fill_command(&a->op, FSM_SESSION_END, NULL, a->session, r);
}

static int cns_door_cancel(struct file *file, union cns_door_arg *arg)
{
	if (arg->cancel.flags)
		return -EINVAL;
	return cns_ops_cancel(file, &arg->cancel);
}

static int cns_door_features(struct file *file, union cns_door_arg *arg)
{
	struct cns_handle *h = file->private_data;
	struct consensus_features *f = &arg->features;

	if (f->flags || memchr_inv(f->reserved, 0, sizeof(f->reserved)))
		return -EINVAL;
	memset(f, 0, sizeof(*f));
	f->abi = CONSENSUS_ABI;
	f->features = CONSENSUS_FEATURE_COUNTER | CONSENSUS_FEATURE_LOCK |
		      CONSENSUS_FEATURE_ARRAY;
	if (IS_ENABLED(CONFIG_IO_URING))
		f->features |= CONSENSUS_FEATURE_URING;
	f->name_max = FSM_NAME_MAX;
	f->window = FSM_WINDOW;
	f->node_started = !!rcu_access_pointer(h->ns->node);
	return 0;
}

static int cns_door_lock_list(struct file *file, union cns_door_arg *arg)
{
	return cns_list_locks(file->private_data, &arg->list);
}

static int cns_door_session_list(struct file *file, union cns_door_arg *arg)
{
	return cns_list_sessions(file->private_data, &arg->list);
}

static int cns_door_detach(struct file *file, union cns_door_arg *arg)
{
	return cns_detach(file, &arg->detach);
}

static int cns_door_adopt(struct file *file, union cns_door_arg *arg)
{
	return cns_adopt(file, &arg->adopt);
}

static int cns_door_heartbeat(struct file *file, union cns_door_arg *arg)
{
	struct consensus_handle_heartbeat *a = &arg->heartbeat;

	if (a->flags || a->zero)
		return -EINVAL;
	return cns_handle_heartbeat(file->private_data, a->period_ns);
}

static int cns_door_reset(struct file *file, union cns_door_arg *arg)
{
	struct consensus_handle_reset *a = &arg->reset;

	if (a->flags || a->zero)
		return -EINVAL;
	return cns_handle_reset(file->private_data);
}

/* An operation, and another call. READ: also on a handle opened read-only. */
#define CNS_OPERATION(call, is_read, fill, result)			\
	{ CONSENSUS_IOC_##call, _IOC_SIZE(CONSENSUS_IOC_##call), is_read, false, \
	  fill, result, NULL }
#define CNS_CALL(call, is_read, waits, fn)				\
	{ CONSENSUS_IOC_##call, _IOC_SIZE(CONSENSUS_IOC_##call), is_read, waits, \
	  NULL, NULL, fn }

static const struct cns_door cns_doors[] = {
	CNS_OPERATION(COUNTER_ADD, false, cns_fill_add, cns_result_add),
	CNS_OPERATION(COUNTER_READ, true, cns_fill_read, cns_result_read),
	{ CONSENSUS_IOC_LOCK_ACQUIRE, sizeof(struct consensus_lock_acquire),
	  false, true, cns_fill_acquire, NULL, NULL },
	CNS_OPERATION(LOCK_RELEASE, false, cns_fill_release, NULL),
	CNS_OPERATION(LOCK_CHECK, true, cns_fill_check, NULL),
	CNS_OPERATION(LOCK_REVOKE, false, cns_fill_revoke, cns_result_revoke),
	CNS_CALL(LOCK_LIST, true, true, cns_door_lock_list),
	CNS_OPERATION(SESSION_EXPIRE, false, cns_fill_expire, NULL),
	CNS_CALL(SESSION_LIST, true, true, cns_door_session_list),
	CNS_CALL(HANDLE_DETACH, false, true, cns_door_detach),
	CNS_CALL(HANDLE_ADOPT, false, true, cns_door_adopt),
	CNS_CALL(HANDLE_HEARTBEAT, false, false, cns_door_heartbeat),
	CNS_CALL(HANDLE_RESET, false, true, cns_door_reset),
	CNS_CALL(HANDLE_CANCEL, true, false, cns_door_cancel),
	CNS_CALL(FEATURES, true, false, cns_door_features),
};

/* NULL: no such call, or an array. */
const struct cns_door *cns_door_find(unsigned int cmd)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cns_doors); i++)
		if (cns_doors[i].cmd == cmd)
			return &cns_doors[i];
	return NULL;
}

/* An operation that is a request: begun and waited for. */
static int cns_door_request(struct file *file, const struct cns_door *d,
			    union cns_door_arg *arg)
{
	struct cns_handle *h = file->private_data;
	struct cns_request *r = cns_request_take(h);
	int err;

	if (!r)
		return -ENOMEM;
	err = d->fill(file, arg, r);
	if (!err)
		err = cns_run(file, r, &arg->op);
	if (!err && d->result)
		d->result(r, arg);
	cns_request_keep(r, h);
	return err;
}

/**
 * cns_door_untold() - an operation succeeded, which cannot be told
 * @d: which
 * @l: what it acquired, or awaits: given back; NULL: nothing
 * @err: what to answer if nothing came of it
 *
 * Return: that; -ENOTRECOVERABLE: it happened.
 */
s32 cns_door_untold(const struct cns_door *d, struct cns_lock *l, s32 err)
{
	if (l)
		cns_lock_abandon(l);
	else if (!d->read)
		return -ENOTRECOVERABLE;
	return err;
}

/* An operation whose caller sleeps for it. */
static long cns_door_operation(struct file *file, const struct cns_door *d,
			       void __user *p)
{
	struct cns_lock *l = NULL;
	union cns_door_arg arg;
	int err;

	if (cns_take(&arg, p, d->size))
		return -EFAULT;
	err = cns_door_allowed(file, d);
	if (!err)
		err = cns_door_acquires(d) ? cns_door_acquire(file, &arg, &l) :
					     cns_door_request(file, d, &arg);
	arg.op.status = err;
	/* It may have unmapped its struct meanwhile. What failed is told by the status. */
	if (cns_tell(p, &arg, d->size) && !err)
		err = cns_door_untold(d, l, -EFAULT);
	if (l)
		cns_lock_put(l);
	return err;
}

/* A call that is no operation. */
static noinline long cns_door_other(struct file *file, const struct cns_door *d,
				    void __user *p)
{
	union cns_door_arg arg;
	int err;

	/* Can the result be written at all? With what is there now. */
	if (copy_from_user(&arg, p, d->size) || copy_to_user(p, &arg, d->size))
		return -EFAULT;
	err = cns_door_allowed(file, d);
	if (!err)
		err = d->fn(file, &arg);
	if (err)
		return err;
	return copy_to_user(p, &arg, d->size) ? -EFAULT : 0;
}

/**
 * cns_door_call() - a call, from its argument to its result
 * @file: the handle
 * @d: which
 * @p: its struct
 *
 * Sleeps for as long as the call may. Return: 0 or a negative errno, of an operation
 * in its status, too.
 */
long cns_door_call(struct file *file, const struct cns_door *d, void __user *p)
{
	BUILD_BUG_ON(sizeof(union cns_door_arg) !=
		     sizeof(struct consensus_lock_acquire));
	return d->fill ? cns_door_operation(file, d, p) : cns_door_other(file, d, p);
}
