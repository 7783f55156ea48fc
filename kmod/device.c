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

#include "compat.h"
#include "op.h"

/* ------------------------------------------------------------------ checks */

/* Names, and what is reserved, consist of such pieces. */
static bool cns_zero32(const void *p)
{
	const u64 *w = p;

	return !(w[0] | w[1] | w[2] | w[3]);
}

/*
 * Is @name zero from @n on? By words, as every struct has it at a multiple of eight: the
 * one that @n is in without what comes before, then whole ones.
 */
static bool cns_name_ends(const char name[CONSENSUS_NAME_SIZE], size_t n)
{
	const __le64 *w = (const __le64 *)name + n / 8;
	const char *end = name + CONSENSUS_NAME_SIZE;

	/* Most are short. */
	if (n < 32) {
		end = name + 32;
		if (!cns_zero32(end))
			return false;
	}
	if (le64_to_cpup(w) >> n % 8 * 8)
		return false;
	while (++w < (const __le64 *)end)
		if (*w)
			return false;
	return true;
}

int cns_check_name(const char name[CONSENSUS_NAME_SIZE], u8 *len)
{
	size_t n = strnlen(name, CONSENSUS_NAME_SIZE);

	if (n == CONSENSUS_NAME_SIZE)
		return -ENAMETOOLONG;
	if (!cns_name_ends(name, n))
		return -EINVAL;
	*len = n;
	return fsm_name_check(name, n);
}

/* Nothing under @op's flags but a timeout: no fence, and nothing reserved. */
static bool cns_op_plain(const struct consensus_op *op)
{
	BUILD_BUG_ON(sizeof(op->fence_name) != 64 || sizeof(op->reserved) != 32);
	return !op->fence_token && cns_zero32(op->fence_name) &&
	       cns_zero32(op->fence_name + 32) && cns_zero32(op->reserved);
}

/*
 * The head of an operation that takes @flags, and no fence unless there is room for
 * one in @fence (its name points into @op).
 */
int cns_check_op(const struct consensus_op *op, u32 flags,
		 struct fsm_fence *fence)
{
	struct fsm_fence f = { .token = op->fence_token };
	int err;

	if (op->flags & ~flags)
		return -EINVAL;
	if (fence)
		*fence = f;
	if (likely(cns_op_plain(op)))
		return 0;
	if (!fence || !f.token || !cns_zero32(op->reserved))
		return -EINVAL;
	err = cns_check_name(op->fence_name, &f.name_len);
	f.name = op->fence_name;
	*fence = f;
	return err;
}

/* ---------------------------------------------------------------- requests */

/* Bits in which the words at @i differ: a request's name is where it is. */
static u64 cns_name_diff(const char *a, const char *b, size_t i)
{
	return get_unaligned((const u64 *)a + i) ^ get_unaligned((const u64 *)b + i);
}

/* The same, with what is behind their ends? */
static bool cns_name_same(const char a[CONSENSUS_NAME_SIZE],
			  const char b[CONSENSUS_NAME_SIZE])
{
	BUILD_BUG_ON(CONSENSUS_NAME_SIZE != 8 * sizeof(u64));
	return !(cns_name_diff(a, b, 0) | cns_name_diff(a, b, 1) |
		 cns_name_diff(a, b, 2) | cns_name_diff(a, b, 3) |
		 cns_name_diff(a, b, 4) | cns_name_diff(a, b, 5) |
		 cns_name_diff(a, b, 6) | cns_name_diff(a, b, 7));
}

/**
 * cns_request_name() - what a request is about
 * @r: the request, which has no name, or the one its memory had last
 * @name: checked here
 *
 * Programs mostly name again what they named before: that was checked then.
 *
 * Return: as cns_check_name().
 */
int cns_request_name(struct cns_request *r, const char name[CONSENSUS_NAME_SIZE])
{
	struct fsm_request *c = &r->command;
	u8 len;
	int err;

	BUILD_BUG_ON(sizeof(c->name) != CONSENSUS_NAME_SIZE);
	if (c->name_len && cns_name_same(c->name, name))
		return 0;
	c->name_len = 0;
	err = cns_check_name(name, &len);
	if (err)
		return err;
	c->name_len = len;
	memcpy(c->name, name, sizeof(c->name));
	return 0;
}

/* The operation is made under a grant, if @op is right. */
static noinline int cns_request_fence(struct cns_request *r,
				      const struct consensus_op *op)
{
	struct fsm_extra *x;
	struct fsm_fence f;
	int err;

	err = cns_check_op(op, op->flags, &f);
	if (err)
		return err;
	x = cns_request_extra(r);
	if (!x)
		return -ENOMEM;
	x->fence_token = f.token;
	x->fence_len = f.name_len;
	memcpy(x->fence_name, f.name, f.name_len);
	return 0;
}

/* The head of an operation that takes @flags and a fence. Most have none. */
static int cns_request_head(struct cns_request *r, const struct consensus_op *op,
			    u32 flags)
{
	if (op->flags & ~flags)
		return -EINVAL;
	return likely(cns_op_plain(op)) ? 0 : cns_request_fence(r, op);
}

/*
 * Run @r, filled: what came of it goes to @op, and stays in @r. Sleeps. 0, or what the
 * call answers.
 */
int cns_run(struct file *file, struct cns_request *r, struct consensus_op *op)
{
	struct cns_handle *h = file->private_data;
	u64 deadline = cns_deadline(op, cns_now());
	int err = cns_handle_lost(h);

	if (unlikely(err))
		return err;
	r->command.handle = READ_ONCE(h->number);
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

/* ------------------------------------------------------------------ copies */

/* Results besides status and index stand from here on: behind a head and a name. */
#define CNS_RESULTS offsetofend(struct consensus_counter_add, name)

/*
 * Of a size that the compiler knows, a copy is checked when it is built (hardened usercopy),
 * which costs more than the copy where it is not.
 */
static int cns_copy(union cns_door_arg *arg, const void __user *p, size_t size)
{
	if (likely(size == sizeof(arg->add)))
		return copy_from_user(arg, p, sizeof(arg->add)) ? -EFAULT : 0;
	if (size == sizeof(arg->acquire))
		return copy_from_user(arg, p, sizeof(arg->acquire)) ? -EFAULT : 0;
	return copy_from_user(arg, p, size) ? -EFAULT : 0;
}

/**
 * cns_take() - an operation's struct, copied once
 * @arg: to
 * @p: from
 * @size: of it
 *
 * Tries whether the result can be written, before anything happens: the status, which
 * says that the outcome is unknown until it is known, and the end, which is in the next
 * page at most. What becomes of one that is unmapped during the call: cns_door_untold().
 *
 * Return: 0 or -EFAULT.
 */
int cns_take(union cns_door_arg *arg, void __user *p, size_t size)
{
	union cns_door_arg __user *user = p;
	u64 __user *end = p + size;
	u64 last;

	if (cns_copy(arg, p, size))
		return -EFAULT;
	last = ((const u64 *)arg)[size / sizeof(u64) - 1];
	if (!user_write_access_begin(user, size))
		return -EFAULT;
	unsafe_put_user(-ENOTRECOVERABLE, &user->op.status, fault);
	unsafe_put_user(last, end - 1, fault);
	user_write_access_end();
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

/**
 * cns_tell() - results of an operation to its caller's struct
 * @p: that
 * @arg: them
 * @size: of it
 *
 * Of what failed, the status and the index alone.
 *
 * Return: 0 or -EFAULT.
 */
int cns_tell(void __user *p, const union cns_door_arg *arg, size_t size)
{
	union cns_door_arg __user *user = p;
	const u64 *from = (const u64 *)arg;
	u64 __user *to = p;
	size_t i, end = arg->op.status ? 0 : size / sizeof(u64);

	if (!user_write_access_begin(user, size))
		return -EFAULT;
	for (i = CNS_RESULTS / sizeof(u64); i < end; i++)
		unsafe_put_user(from[i], to + i, fault);
	unsafe_put_user(arg->op.index, &user->op.index, fault);
	/* Last, as it says that the others are there. */
	unsafe_put_user(arg->op.status, &user->op.status, fault);
	user_write_access_end();
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

/* -------------------------------------------------------------- operations */

int cns_fill_add(struct file *file, union cns_door_arg *arg,
		 struct cns_request *r)
{
	struct consensus_counter_add *a = &arg->add;
	int err;

	err = cns_request_head(r, &a->op, 0);
	if (!err)
		err = cns_request_name(r, a->name);
	if (!err && (a->op.index || !a->delta))
		err = -EINVAL;
	if (err)
		return err;
	r->kind = CNS_REQ_COMMAND;
	r->command.op = FSM_COUNTER_ADD;
	r->command.arg = a->delta;
	return 0;
}

void cns_result_add(const struct cns_request *r, union cns_door_arg *arg)
{
	arg->add.value = r->command.value;
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
	u8 kind;
	int err;

	err = cns_request_head(r, op, CONSENSUS_READ_ALL);
	if (!err)
		err = cns_read_kind(op, &kind);
	if (!err)
		err = cns_request_name(r, name);
	if (err)
		return err;
	r->kind = kind;
	r->at_least = op->index;
	r->check = token;
	r->command.arg = token;
	return 0;
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

/* -------------------------------------------------------------------- file */

static long cns_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *p = (void __user *)arg;
	const struct cns_door *d;

	if (cmd == CONSENSUS_IOC_ARRAY)
		return cns_ioctl_array(file, p);
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
	/* No operation comes back any more: those that the file began are answered. */
	cns_ops_trim(file->private_data);
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
