// SPDX-License-Identifier: GPL-2.0
/*
 * The device: /dev/consensus. Arguments are copied once, checked here, and not
 * looked at again; results are copied out when the request is resolved.
 */
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "op.h"

/* ------------------------------------------------------------------ checks */

int cns_check_name(const char name[CONSENSUS_NAME_SIZE], u8 *len)
{
	size_t n = strnlen(name, CONSENSUS_NAME_SIZE);

	if (n == CONSENSUS_NAME_SIZE)
		return -ENAMETOOLONG;
	if (memchr_inv(name + n, 0, CONSENSUS_NAME_SIZE - n))
		return -EINVAL;
	*len = n;
	return fsm_name_check(name, n);
}

static bool cns_zero(const void *p, size_t n)
{
	return !memchr_inv(p, 0, n);
}

/*
 * The head of an operation that takes @flags, and no fence unless there is room for
 * one in @fence (its name points into @op).
 */
int cns_check_op(const struct consensus_op *op, u32 flags,
		 struct fsm_fence *fence)
{
	size_t at = offsetof(struct consensus_op, fence_name);
	struct fsm_fence f = { .token = op->fence_token };
	int err;

	if (op->flags & ~flags)
		return -EINVAL;
	if (fence)
		*fence = f;
	/* Most have no fence: all of it is zero, and looked at once. */
	if (likely(cns_zero((const u8 *)op + at, sizeof(*op) - at)))
		return 0;
	if (!fence || !f.token || !cns_zero(op->reserved, sizeof(op->reserved)))
		return -EINVAL;
	err = cns_check_name(op->fence_name, &f.name_len);
	f.name = op->fence_name;
	*fence = f;
	return err;
}

/* On cns_now()'s clock; U64_MAX: never. */
u64 cns_deadline(const struct consensus_op *op)
{
	u64 timeout = op->timeout_ns ?: CNS_TIMEOUT_DEFAULT_S * (u64)NSEC_PER_SEC;
	u64 now = cns_now();

	return timeout < U64_MAX - now ? now + timeout : U64_MAX;
}

/* ---------------------------------------------------------------- requests */

void cns_request_name(struct cns_request *r, const char *name, u8 len)
{
	r->command.name_len = len;
	memcpy(r->command.name, name, len);
}

/* The operation is made under a grant. */
static int cns_request_fence(struct cns_request *r, const struct fsm_fence *f)
{
	struct fsm_extra *x;

	if (likely(!f->token))
		return 0;
	x = cns_request_extra(r);
	if (!x)
		return -ENOMEM;
	x->fence_token = f->token;
	x->fence_len = f->name_len;
	memcpy(x->fence_name, f->name, f->name_len);
	return 0;
}

/*
 * Run @r, filled: what came of it goes to @op, and stays in @r. Sleeps. 0, or what the
 * call answers.
 */
int cns_run(struct file *file, struct cns_request *r, struct consensus_op *op)
{
	struct cns_handle *h = file->private_data;
	u64 deadline = cns_deadline(op);
	int err = cns_handle_lost(h);

	if (unlikely(err))
		return err;
	r->command.handle = h->number;
	err = cns_request_admit(r, h->ns, file->f_flags & O_NONBLOCK, deadline);
	if (err)
		return err;
	/* Where it was on another node, that one has stopped, and its locks too. */
	if (r->kind == CNS_REQ_RELEASE && READ_ONCE(h->node) != r->node)
		return -EPERM;
	err = cns_request_run(r, deadline);
	if (err) {
		WRITE_ONCE(h->abandoned, true);
		/* A read that nobody waits for any more never happened. */
		return cns_request_changes(r) ? err : -EINTR;
	}
	op->index = r->command.index;
	return r->command.status;
}

/*
 * Before anything happens: can the result be written at all? Whoever unmaps its
 * struct during the call has only itself to blame.
 */
int cns_probe(struct consensus_op __user *op)
{
	return put_user(-ENOTRECOVERABLE, &op->status);
}

int cns_result(struct consensus_op __user *to, const struct consensus_op *op)
{
	if (put_user(op->index, &to->index) ||
	    put_user(op->status, &to->status))
		return -EFAULT;
	return op->status;
}

/* -------------------------------------------------------------- operations */

int cns_fill_add(struct file *file, union cns_door_arg *arg,
		 struct cns_request *r)
{
	struct consensus_counter_add *a = &arg->add;
	struct fsm_fence fence;
	u8 len;
	int err;

	err = cns_check_op(&a->op, 0, &fence);
	if (!err)
		err = cns_check_name(a->name, &len);
	if (!err && (a->op.index || !a->delta))
		err = -EINVAL;
	if (err)
		return err;
	r->kind = CNS_REQ_COMMAND;
	r->command.op = FSM_COUNTER_ADD;
	r->command.arg = a->delta;
	cns_request_name(r, a->name, len);
	return cns_request_fence(r, &fence);
}

void cns_result_add(const struct cns_request *r, union cns_door_arg *arg)
{
	arg->add.value = r->command.value;
}

/* The hottest call: only what is told is written, and only what is needed probed. */
static int cns_ioctl_add(struct file *file, void __user *p)
{
	struct consensus_counter_add __user *to = p;
	union cns_door_arg arg;
	struct consensus_op *op = &arg.op;
	struct cns_request *r;

	/* The struct lies in two pages at most: status in the first, then value. */
	if (copy_from_user(&arg.add, p, sizeof(arg.add)) || cns_probe(&to->op) ||
	    put_user(arg.add.value, &to->value))
		return -EFAULT;
	op->status = -EBADF;
	if (!(file->f_mode & FMODE_WRITE))
		return cns_result(&to->op, op);
	op->status = -ENOMEM;
	r = cns_request_spare();
	if (!r)
		return cns_result(&to->op, op);
	op->status = cns_fill_add(file, &arg, r);
	if (!op->status)
		op->status = cns_run(file, r, op);
	if (!op->status && put_user(r->command.value, &to->value)) {
		cns_request_put(r);
		return -EFAULT;
	}
	cns_request_put(r);
	return cns_result(&to->op, op);
}

static int cns_read_kind(const struct consensus_op *op, u8 *kind)
{
	switch (op->flags) {
	case 0:
		*kind = CNS_REQ_READ_LINEAR;
		break;
	case CONSENSUS_READ_INDEX:
		*kind = CNS_REQ_READ_INDEX;
		return 0;
	case CONSENSUS_READ_LOCAL:
		*kind = CNS_REQ_READ_LOCAL;
		break;
	default:
		return -EINVAL;
	}
	return op->index ? -EINVAL : 0;
}

/*
 * A read of what @name is, or (@token not 0) of whether that grant holds, into @r.
 */
int cns_read_fill(struct cns_request *r, const struct consensus_op *op,
		  const char *name, u64 token)
{
	struct fsm_fence fence;
	u8 len, kind;
	int err;

	err = cns_check_op(op, CONSENSUS_READ_ALL, &fence);
	if (!err)
		err = cns_read_kind(op, &kind);
	if (!err)
		err = cns_check_name(name, &len);
	if (err)
		return err;
	r->kind = kind;
	r->at_least = op->index;
	r->check = token;
	r->command.arg = token;
	cns_request_name(r, name, len);
	return cns_request_fence(r, &fence);
}

int cns_fill_read(struct file *file, union cns_door_arg *arg,
		  struct cns_request *r)
{
	arg->read.value = 0;
	arg->read.version = 0;
	return cns_read_fill(r, &arg->op, arg->read.name, 0);
}

void cns_result_read(const struct cns_request *r, union cns_door_arg *arg)
{
	arg->read.value = r->command.value;
	arg->read.version = r->command.arg;
}

static int cns_ioctl_read(struct file *file, void __user *p)
{
	struct consensus_counter_read __user *to = p;
	union cns_door_arg arg;
	struct consensus_op *op = &arg.op;
	struct cns_request *r;
	int err = 0;

	if (copy_from_user(&arg.read, p, sizeof(arg.read)) ||
	    cns_probe(&to->op) || put_user(0, &to->value) ||
	    put_user(0, &to->version))
		return -EFAULT;
	op->status = -ENOMEM;
	r = cns_request_spare();
	if (!r)
		return cns_result(&to->op, op);
	op->status = cns_fill_read(file, &arg, r);
	if (!op->status)
		op->status = cns_run(file, r, op);
	if (!op->status && (put_user(r->command.value, &to->value) ||
			    put_user(r->command.arg, &to->version)))
		err = -EFAULT;
	cns_request_put(r);
	return err ?: cns_result(&to->op, op);
}

/* -------------------------------------------------------------------- file */

static long cns_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *p = (void __user *)arg;
	const struct cns_door *d;

	switch (cmd) {
	case CONSENSUS_IOC_COUNTER_ADD:
		return cns_ioctl_add(file, p);
	case CONSENSUS_IOC_COUNTER_READ:
		return cns_ioctl_read(file, p);
	case CONSENSUS_IOC_ARRAY:
		return cns_ioctl_array(file, p);
	}
	d = cns_door_find(cmd);
	return d ? cns_door_call(file, d, p) : -ENOTTY;
}

static int cns_open(struct inode *inode, struct file *file)
{
	struct cns_handle *h;

	h = cns_handle_new(cns_ns_of(current->nsproxy->net_ns));
	if (!h)
		return -ENOMEM;
	file->private_data = h;
	return stream_open(inode, file);
}

/*
 * The last close, also of a process that was killed. What it left behind in the
 * cluster's log must not take effect any more; nobody waits for that.
 */
static int cns_release(struct inode *inode, struct file *file)
{
	cns_handle_release(file->private_data);
	return 0;
}

static const struct file_operations cns_fops = {
	.owner = THIS_MODULE,
	.open = cns_open,
	.flush = cns_ops_flush,
	.release = cns_release,
	.read = cns_event_read,
	.poll = cns_event_poll,
	.fasync = cns_event_fasync,
	.unlocked_ioctl = cns_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.uring_cmd = cns_uring_cmd,
};

static struct miscdevice cns_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "consensus",
	.fops = &cns_fops,
	.mode = 0660,
};

int cns_device_init(void)
{
	return misc_register(&cns_misc);
}

void cns_device_exit(void)
{
	misc_deregister(&cns_misc);
}
