// SPDX-License-Identifier: GPL-2.0
/*
 * The calls that concern locks, sessions and handles: arguments are copied once,
 * checked, and not looked at again; the whole struct is written back, which is tried
 * before anything happens.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>

#include "handle.h"

/* All that a call may hold. */
union cns_door_arg {
	struct consensus_op op;
	struct consensus_lock_acquire acquire;
	struct consensus_lock_release release;
	struct consensus_lock_check check;
	struct consensus_lock_revoke revoke;
	struct consensus_session_expire expire;
	struct consensus_list list;
	struct consensus_handle_detach detach;
	struct consensus_handle_adopt adopt;
	struct consensus_handle_heartbeat heartbeat;
	struct consensus_handle_reset reset;
};

/* Who may take from others what is theirs: whoever may stop the node, too. */
static int cns_door_admin(void)
{
	return ns_capable(&init_user_ns, CAP_NET_ADMIN) ? 0 : -EPERM;
}

static int cns_door_acquire(struct file *file, union cns_door_arg *arg)
{
	struct consensus_lock_acquire *a = &arg->acquire;
	struct fsm_fence fence;
	u32 f = a->op.flags;
	u64 deadline;
	u8 len;
	int err;

	err = cns_check_op(&a->op, CONSENSUS_LOCK_ALL, &fence);
	if (!err)
		err = cns_check_name(a->name, &len);
	if (!err && (a->op.index || a->zero ||
		     (f & CONSENSUS_LOCK_TRY && f & CONSENSUS_LOCK_ASYNC)))
		err = -EINVAL;
	if (err)
		return err;
	deadline = cns_deadline(&a->op);
	a->token = 0;
	a->ticket = 0;
	a->lease_ns = 0;
	a->info = 0;
	return cns_lock_acquire(file, a, &fence, len, deadline);
}

static int cns_door_release(struct file *file, union cns_door_arg *arg)
{
	struct consensus_lock_release *a = &arg->release;
	struct cns_request *r;
	u64 deadline;
	u8 len;
	int err;

	/* It needs no fence: it is refused unless its own grant holds. */
	err = cns_check_op(&a->op, 0, NULL);
	if (!err)
		err = cns_check_name(a->name, &len);
	if (!err && (a->op.index || (!a->token && !a->ticket)))
		err = -EINVAL;
	if (err)
		return err;
	deadline = cns_deadline(&a->op);
	r = cns_request_new(file, deadline, &err);
	if (!r)
		return err;
	r->kind = CNS_REQ_RELEASE;
	r->handle = file->private_data;
	cns_handle_get(r->handle);
	r->command.arg = a->token;
	r->command.value = a->ticket;
	cns_request_name(r, a->name, len);
	/* Where it was on another node, that one has stopped, and its locks too. */
	err = READ_ONCE(r->handle->node) == r->node ? 0 : -EPERM;
	if (!err)
		err = cns_run(file, r, &a->op, deadline);
	cns_request_put(r);
	return err;
}

static int cns_door_check(struct file *file, union cns_door_arg *arg)
{
	struct consensus_lock_check *a = &arg->check;
	struct cns_request *r;
	int err;

	if (!a->token)
		return -EINVAL;
	err = cns_read_run(file, &a->op, a->name, a->token, &r);
	if (r)
		cns_request_put(r);
	return err;
}

/* A command of the administrator's about @victim. */
static int cns_door_command(struct file *file, struct consensus_op *op, u8 code,
			    const char *name, u64 victim, u64 *value)
{
	struct cns_request *r;
	struct fsm_extra *x;
	u8 len = 0;
	u64 deadline;
	int err;

	err = cns_check_op(op, 0, NULL);
	if (!err && name)
		err = cns_check_name(name, &len);
	if (!err && op->index)
		err = -EINVAL;
	if (!err)
		err = cns_door_admin();
	if (err)
		return err;
	deadline = cns_deadline(op);
	r = cns_request_new(file, deadline, &err);
	if (!r)
		return err;
	r->command.op = code;
	r->command.arg = victim;
	if (name)
		cns_request_name(r, name, len);
	x = cns_request_extra(r);
	err = -ENOMEM;
	if (x) {
		x->stamp = ktime_get_real_seconds();
		err = cns_run(file, r, op, deadline);
	}
	if (!err)
		*value = r->command.value;
	cns_request_put(r);
	return err;
}

static int cns_door_revoke(struct file *file, union cns_door_arg *arg)
{
	struct consensus_lock_revoke *a = &arg->revoke;

	return cns_door_command(file, &a->op, FSM_LOCK_REVOKE, a->name,
				a->token, &a->count);
}

static int cns_door_expire(struct file *file, union cns_door_arg *arg)
{
	struct consensus_session_expire *a = &arg->expire;
	u64 ignored;

	if (!a->session)
		return -EINVAL;
	return cns_door_command(file, &a->op, FSM_SESSION_END, NULL,
				a->session, &ignored);
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

/**
 * struct cns_door - a call
 * @cmd: its number
 * @size: of its struct
 * @op: it begins with a struct consensus_op
 * @read: a handle that was opened read-only may
 * @fn: what it does; the struct is in place
 */
struct cns_door {
	unsigned int cmd;
	u16 size;
	bool op;
	bool read;
	int (*fn)(struct file *file, union cns_door_arg *arg);
};

#define CNS_DOOR(cmd, op, read, fn) \
	{ CONSENSUS_IOC_##cmd, _IOC_SIZE(CONSENSUS_IOC_##cmd), op, read, fn }

static const struct cns_door cns_doors[] = {
	CNS_DOOR(LOCK_ACQUIRE, true, false, cns_door_acquire),
	CNS_DOOR(LOCK_RELEASE, true, false, cns_door_release),
	CNS_DOOR(LOCK_CHECK, true, true, cns_door_check),
	CNS_DOOR(LOCK_REVOKE, true, false, cns_door_revoke),
	CNS_DOOR(LOCK_LIST, false, true, cns_door_lock_list),
	CNS_DOOR(SESSION_EXPIRE, true, false, cns_door_expire),
	CNS_DOOR(SESSION_LIST, false, true, cns_door_session_list),
	CNS_DOOR(HANDLE_DETACH, false, false, cns_door_detach),
	CNS_DOOR(HANDLE_ADOPT, false, false, cns_door_adopt),
	CNS_DOOR(HANDLE_HEARTBEAT, false, false, cns_door_heartbeat),
	CNS_DOOR(HANDLE_RESET, false, false, cns_door_reset),
};

/* Run it; @user can be written, or was when we began. */
static int cns_door_run(struct file *file, const struct cns_door *d,
			union cns_door_arg *arg, void __user *user)
{
	int err;

	if (!d->read && !(file->f_mode & FMODE_WRITE))
		err = -EBADF;
	else
		err = d->fn(file, arg);
	if (d->op)
		arg->op.status = err;
	if (err && !d->op)
		return err;
	/* Of a call that failed, the status alone is told. */
	if (err)
		return cns_result(user, &arg->op);
	return copy_to_user(user, arg, d->size) ? -EFAULT : 0;
}

long cns_ioctl_lock(struct file *file, unsigned int cmd, void __user *p)
{
	union cns_door_arg arg;
	const struct cns_door *d;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cns_doors); i++)
		if (cns_doors[i].cmd == cmd)
			break;
	if (i == ARRAY_SIZE(cns_doors))
		return -ENOTTY;
	d = &cns_doors[i];
	BUILD_BUG_ON(sizeof(arg) != sizeof(arg.acquire));
	/* Can the result be written at all? With what is there now. */
	if (copy_from_user(&arg, p, d->size) || copy_to_user(p, &arg, d->size))
		return -EFAULT;
	return cns_door_run(file, d, &arg, p);
}
