// SPDX-License-Identifier: GPL-2.0
/*
 * Handles that live on without a descriptor, for a stated time, so that a daemon can
 * be replaced without letting its locks go (design 9).
 *
 * A detached handle is its open file, held by one more reference. Whoever has the
 * secret gets a descriptor of that very file. When time is up, or the node stops,
 * the reference goes, and with it, if no descriptor is left, the handle as by death.
 */
#include <linux/file.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <crypto/algapi.h>

#include "handle.h"

/**
 * struct cns_detached - one of them
 * @link: in the list of all
 * @file: with a reference
 * @uid: who detached it
 * @until: for so long (cns_now())
 * @secret: what adopts it
 */
struct cns_detached {
	struct list_head link;
	struct file *file;
	kuid_t uid;
	u64 until;
	u8 secret[16];
};

static LIST_HEAD(cns_detached_all);
static DEFINE_MUTEX(cns_detached_lock);

static void cns_detached_expire(struct work_struct *work);
static DECLARE_DELAYED_WORK(cns_detached_work, cns_detached_expire);

static struct cns_handle *cns_detached_handle(const struct cns_detached *d)
{
	return d->file->private_data;
}

/* Out of the list; its file is the caller's to put. Under the lock. */
static struct file *cns_detached_take(struct cns_detached *d)
{
	struct cns_handle *h = cns_detached_handle(d);
	struct file *file = d->file;

	list_del(&d->link);
	h->detached = NULL;
	atomic_dec(&h->ns->detached);
	kfree_sensitive(d);
	return file;
}

/* The timer stands for the first that is over. Under the lock. */
static void cns_detached_arm(void)
{
	u64 now = cns_now(), first = U64_MAX;
	struct cns_detached *d;

	list_for_each_entry(d, &cns_detached_all, link)
		first = min(first, d->until);
	if (first != U64_MAX)
		mod_delayed_work(cns_wq, &cns_detached_work, first > now ?
				 nsecs_to_jiffies(first - now) + 1 : 0);
}

/* The next of @ns (NULL: whose time is up) to let go; NULL: none. */
static struct file *cns_detached_next(const struct cns_ns *ns)
{
	struct cns_detached *d;
	struct file *file = NULL;
	u64 now = cns_now();

	mutex_lock(&cns_detached_lock);
	list_for_each_entry(d, &cns_detached_all, link)
		if (ns ? cns_detached_handle(d)->ns == ns : d->until <= now) {
			file = cns_detached_take(d);
			break;
		}
	if (!file)
		cns_detached_arm();
	mutex_unlock(&cns_detached_lock);
	return file;
}

static void cns_detached_expire(struct work_struct *work)
{
	struct file *file;

	while ((file = cns_detached_next(NULL)))
		fput(file);
}

/* Nothing of @ns is kept any more: its node stops, and its locks are gone. */
void cns_detach_end(struct cns_ns *ns)
{
	struct file *file;

	while ((file = cns_detached_next(ns)))
		fput(file);
}

/* The module goes: nothing is detached any more, as that would keep it. */
void cns_detach_exit(void)
{
	cancel_delayed_work_sync(&cns_detached_work);
}

/* Not detached any more; NULL: it was not. Under the lock. */
static struct file *cns_detached_undo(struct cns_handle *h)
{
	return h->detached ? cns_detached_take(h->detached) : NULL;
}

/**
 * cns_detach() - HANDLE_DETACH
 * @file: the handle
 * @a: see the uapi
 *
 * Return: 0; -EINVAL too long; -ENOSPC too many; -ENOMEM; -ESHUTDOWN; what a lost
 * handle answers. May sleep.
 */
int cns_detach(struct file *file, struct consensus_handle_detach *a)
{
	struct cns_handle *h = file->private_data;
	struct cns_detached *d = NULL;
	struct file *old;
	int err = 0;

	if (a->flags || a->zero ||
	    a->duration_ns > CNS_DETACH_S * (u64)NSEC_PER_SEC)
		return -EINVAL;
	memset(a->secret, 0, sizeof(a->secret));
	if (a->duration_ns) {
		d = kzalloc(sizeof(*d), GFP_KERNEL_ACCOUNT);
		if (!d)
			return -ENOMEM;
		d->uid = current_euid();
		d->until = cns_now() + a->duration_ns;
		get_random_bytes(d->secret, sizeof(d->secret));
	}
	mutex_lock(&cns_detached_lock);
	old = cns_detached_undo(h);
	if (d && !cns_handle_alive(h)) {
		err = -ESHUTDOWN;
	} else if (d && atomic_read(&h->ns->detached) >= CNS_DETACHED_MAX) {
		err = -ENOSPC;
	} else if (d) {
		d->file = get_file(file);
		h->detached = d;
		atomic_inc(&h->ns->detached);
		list_add_tail(&d->link, &cns_detached_all);
		memcpy(a->secret, d->secret, sizeof(a->secret));
		cns_detached_arm();
	}
	mutex_unlock(&cns_detached_lock);
	if (old)
		fput(old);
	if (err)
		kfree_sensitive(d);
	return err;
}

/* Who has that secret, on this node; in constant time for each. Under the lock. */
static struct cns_detached *cns_detached_find(const struct cns_ns *ns,
					      const u8 *secret)
{
	struct cns_detached *d;

	list_for_each_entry(d, &cns_detached_all, link)
		if (cns_detached_handle(d)->ns == ns &&
		    !crypto_memneq(d->secret, secret, sizeof(d->secret)))
			return d->until > cns_now() ? d : NULL;
	return NULL;
}

/**
 * cns_adopt() - HANDLE_ADOPT
 * @file: any handle of the same node
 * @a: see the uapi
 *
 * Return: 0; -ENOENT no such secret (any more); -EPERM another user's; -EMFILE,
 * -EINVAL. May sleep.
 */
int cns_adopt(struct file *file, struct consensus_handle_adopt *a)
{
	struct cns_handle *h = file->private_data;
	struct cns_detached *d;
	struct file *adopted = NULL;
	int fd, err = 0;

	if (a->flags)
		return -EINVAL;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	mutex_lock(&cns_detached_lock);
	d = cns_detached_find(h->ns, a->secret);
	if (!d)
		err = -ENOENT;
	else if (!uid_eq(d->uid, current_euid()))
		err = -EPERM;
	else
		adopted = cns_detached_take(d);
	mutex_unlock(&cns_detached_lock);
	memset(a->secret, 0, sizeof(a->secret));
	if (err) {
		put_unused_fd(fd);
		return err;
	}
	a->fd = fd;
	fd_install(fd, adopted);
	return 0;
}
