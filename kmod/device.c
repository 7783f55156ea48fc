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

#include <linux/consensus.h>
#include "node.h"

/**
 * struct cns_handle - an open file
 * @ns: its namespace's place, for good
 * @number: never given to another handle
 * @abandoned: a call went away while its request was unresolved
 * @close: the request that says so at release, allocated at open so that
 *	closing cannot fail
 */
struct cns_handle {
	struct cns_ns *ns;
	u64 number;
	bool abandoned;
	struct cns_request *close;
};

/* ------------------------------------------------------------------ checks */

static int cns_check_name(const char name[CONSENSUS_NAME_SIZE], u8 *len)
{
	size_t n = strnlen(name, CONSENSUS_NAME_SIZE);

	if (n == CONSENSUS_NAME_SIZE)
		return -ENAMETOOLONG;
	if (memchr_inv(name + n, 0, CONSENSUS_NAME_SIZE - n))
		return -EINVAL;
	*len = n;
	return fsm_name_check(name, n);
}

static int cns_check_op(const struct consensus_op *op, u32 flags)
{
	size_t fence = offsetof(struct consensus_op, fence_name);

	if (op->flags & ~flags)
		return -EINVAL;
	/* Fences wait for locks. */
	if (memchr_inv((const u8 *)op + fence, 0, sizeof(*op) - fence))
		return -EINVAL;
	return 0;
}

/* On cns_now()'s clock; U64_MAX: never. */
static u64 cns_deadline(const struct consensus_op *op)
{
	u64 timeout = op->timeout_ns ?: CNS_TIMEOUT_DEFAULT_S * (u64)NSEC_PER_SEC;
	u64 now = cns_now();

	return timeout < U64_MAX - now ? now + timeout : U64_MAX;
}

/* ---------------------------------------------------------------- requests */

static struct cns_request *cns_request_new(struct file *file, u64 deadline,
					   int *err)
{
	struct cns_handle *h = file->private_data;
	struct cns_request *r;

	r = cns_request_alloc(h->ns, file->f_flags & O_NONBLOCK, deadline, err);
	if (r)
		r->command.handle = h->number;
	return r;
}

static void cns_request_name(struct cns_request *r, const char *name, u8 len)
{
	r->command.name_len = len;
	memcpy(r->command.name, name, len);
}

/* Run @r; what came of it goes to @op. Puts @r's caller's reference not. */
static int cns_run(struct file *file, struct cns_request *r,
		   struct consensus_op *op, u64 deadline)
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
static int cns_probe(struct consensus_op __user *op)
{
	return put_user(-ENOTRECOVERABLE, &op->status);
}

static int cns_result(struct consensus_op __user *to,
		      const struct consensus_op *op)
{
	if (put_user(op->index, &to->index) ||
	    put_user(op->status, &to->status))
		return -EFAULT;
	return op->status;
}

/* -------------------------------------------------------------- operations */

static int cns_add_run(struct file *file, struct consensus_counter_add *a)
{
	struct cns_request *r;
	u64 deadline;
	u8 len;
	int err;

	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	err = cns_check_op(&a->op, 0);
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

static int cns_read_run(struct file *file, struct consensus_counter_read *a)
{
	struct cns_request *r;
	u8 len, kind;
	u64 deadline;
	int err;

	err = cns_check_op(&a->op, CONSENSUS_READ_ALL);
	if (!err)
		err = cns_read_kind(&a->op, &kind);
	if (!err)
		err = cns_check_name(a->name, &len);
	if (err)
		return err;
	deadline = cns_deadline(&a->op);
	r = cns_request_new(file, deadline, &err);
	if (!r)
		return err;
	r->kind = kind;
	r->at_least = a->op.index;
	cns_request_name(r, a->name, len);
	err = cns_run(file, r, &a->op, deadline);
	/* A read that nobody waits for any more never happened. */
	if (err == -ENOTRECOVERABLE)
		err = -EINTR;
	if (!err) {
		a->value = r->command.value;
		a->version = r->command.arg;
	}
	cns_request_put(r);
	return err;
}

static int cns_ioctl_read(struct file *file, void __user *arg)
{
	struct consensus_counter_read __user *to = arg;
	struct consensus_counter_read a;

	if (copy_from_user(&a, arg, sizeof(a)) || cns_probe(&to->op) ||
	    put_user(0, &to->value) || put_user(0, &to->version))
		return -EFAULT;
	a.op.status = cns_read_run(file, &a);
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
	f.features = CONSENSUS_FEATURE_COUNTER;
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
		return -ENOTTY;
	}
}

static int cns_open(struct inode *inode, struct file *file)
{
	struct cns_ns *ns = cns_ns_of(current->nsproxy->net_ns);
	struct cns_handle *h = kzalloc(sizeof(*h), GFP_KERNEL_ACCOUNT);

	if (!h)
		return -ENOMEM;
	h->close = cns_request_spare();
	if (!h->close) {
		kfree(h);
		return -ENOMEM;
	}
	h->ns = cns_ns_get(ns);
	h->number = atomic64_inc_return(&ns->next_handle);
	atomic_inc(&ns->handles);
	file->private_data = h;
	return stream_open(inode, file);
}

/*
 * The last close, also of a process that was killed. What it left behind in the
 * cluster's log must not take effect any more; nobody waits for that.
 */
static int cns_release(struct inode *inode, struct file *file)
{
	struct cns_handle *h = file->private_data;

	cns_request_close(h->ns, h->close, h->number, h->abandoned);
	atomic_dec(&h->ns->handles);
	cns_ns_put(h->ns);
	kfree(h);
	return 0;
}

static const struct file_operations cns_fops = {
	.owner = THIS_MODULE,
	.open = cns_open,
	.release = cns_release,
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
