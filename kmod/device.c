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

#include "handle.h"

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

struct cns_request *cns_request_new(struct file *file, u64 deadline, int *err)
{
	struct cns_handle *h = file->private_data;
	struct cns_request *r;

	*err = cns_handle_lost(h);
	if (unlikely(*err))
		return NULL;
	r = cns_request_alloc(h->ns, file->f_flags & O_NONBLOCK, deadline, err);
	if (r)
		r->command.handle = h->number;
	return r;
}

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

/* Run @r; what came of it goes to @op. Puts @r's caller's reference not. */
int cns_run(struct file *file, struct cns_request *r, struct consensus_op *op,
	    u64 deadline)
{
	struct cns_handle *h = file->private_data;
	int err;

	err = cns_request_run(r, deadline);
	if (err) {
		WRITE_ONCE(h->abandoned, true);
		return err;
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

static int cns_add_run(struct file *file, struct consensus_counter_add *a)
{
	struct fsm_fence fence;
	struct cns_request *r;
	u64 deadline;
	u8 len;
	int err;

	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	err = cns_check_op(&a->op, 0, &fence);
	if (!err)
		err = cns_check_name(a->name, &len);
	if (!err && (a->op.index || !a->delta))
		err = -EINVAL;
	if (err)
		return err;
	deadline = cns_deadline(&a->op);
	r = cns_request_new(file, deadline, &err);
	if (!r)
		return err;
	r->kind = CNS_REQ_COMMAND;
	r->command.op = FSM_COUNTER_ADD;
	r->command.arg = a->delta;
	cns_request_name(r, a->name, len);
	err = cns_request_fence(r, &fence);
	if (!err)
		err = cns_run(file, r, &a->op, deadline);
	if (!err)
		a->value = r->command.value;
	cns_request_put(r);
	return err;
}

static int cns_ioctl_add(struct file *file, void __user *arg)
{
	struct consensus_counter_add __user *to = arg;
	struct consensus_counter_add a;

	/* The struct lies in two pages at most: status in the first, then value. */
	if (copy_from_user(&a, arg, sizeof(a)) || cns_probe(&to->op) ||
	    put_user(a.value, &to->value))
		return -EFAULT;
	a.op.status = cns_add_run(file, &a);
	if (!a.op.status && put_user(a.value, &to->value))
		return -EFAULT;
	return cns_result(&to->op, &a.op);
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
 * A read of what @name is, or (@token not 0) of whether that grant holds; the
 * caller has its answer in @r, and puts it.
 */
int cns_read_run(struct file *file, struct consensus_op *op, const char *name,
		 u64 token, struct cns_request **to)
{
	struct fsm_fence fence;
	struct cns_request *r;
	u8 len, kind;
	u64 deadline;
	int err;

	*to = NULL;
	err = cns_check_op(op, CONSENSUS_READ_ALL, &fence);
	if (!err)
		err = cns_read_kind(op, &kind);
	if (!err)
		err = cns_check_name(name, &len);
	if (err)
		return err;
	deadline = cns_deadline(op);
	r = cns_request_new(file, deadline, &err);
	if (!r)
		return err;
	*to = r;
	r->kind = kind;
	r->at_least = op->index;
	r->check = token;
	r->command.arg = token;
	cns_request_name(r, name, len);
	err = cns_request_fence(r, &fence);
	if (!err)
		err = cns_run(file, r, op, deadline);
	/* A read that nobody waits for any more never happened. */
	return err == -ENOTRECOVERABLE ? -EINTR : err;
}

static int cns_ioctl_read(struct file *file, void __user *arg)
{
	struct consensus_counter_read __user *to = arg;
	struct consensus_counter_read a;
	struct cns_request *r;

	if (copy_from_user(&a, arg, sizeof(a)) || cns_probe(&to->op) ||
	    put_user(0, &to->value) || put_user(0, &to->version))
		return -EFAULT;
	a.op.status = cns_read_run(file, &a.op, a.name, 0, &r);
	if (!a.op.status) {
		a.value = r->command.value;
		a.version = r->command.arg;
	}
	if (r)
		cns_request_put(r);
	if (!a.op.status && (put_user(a.value, &to->value) ||
			     put_user(a.version, &to->version)))
		return -EFAULT;
	return cns_result(&to->op, &a.op);
}

static int cns_ioctl_features(struct file *file, void __user *arg)
{
	struct cns_handle *h = file->private_data;
	struct consensus_features f;

	if (copy_from_user(&f, arg, sizeof(f)))
		return -EFAULT;
	if (f.flags || memchr_inv(f.reserved, 0, sizeof(f.reserved)))
		return -EINVAL;
	memset(&f, 0, sizeof(f));
	f.abi = CONSENSUS_ABI;
	f.features = CONSENSUS_FEATURE_COUNTER | CONSENSUS_FEATURE_LOCK;
	f.name_max = FSM_NAME_MAX;
	f.window = FSM_WINDOW;
	f.node_started = !!rcu_access_pointer(h->ns->node);
	return copy_to_user(arg, &f, sizeof(f)) ? -EFAULT : 0;
}

/* -------------------------------------------------------------------- file */

static long cns_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *p = (void __user *)arg;

	switch (cmd) {
	case CONSENSUS_IOC_FEATURES:
		return cns_ioctl_features(file, p);
	case CONSENSUS_IOC_COUNTER_ADD:
		return cns_ioctl_add(file, p);
	case CONSENSUS_IOC_COUNTER_READ:
		return cns_ioctl_read(file, p);
	default:
		return cns_ioctl_lock(file, cmd, p);
	}
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
	.release = cns_release,
	.read = cns_event_read,
	.poll = cns_event_poll,
	.fasync = cns_event_fasync,
	.unlocked_ioctl = cns_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
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
