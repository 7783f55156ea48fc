// SPDX-License-Identifier: GPL-2.0
/*
 * Events: what read() and poll() tell of a handle's locks. Nothing is allocated
 * when something happens: what is to be told stands as a bit in its lock, so that
 * there is room for it whatever happens, and twice the same is told once.
 *
 * A lost handle tells LOST for each of its locks; those are found when they are
 * read, not when it is lost.
 */
#include <linux/uaccess.h>

#include "handle.h"

/* The order in which what stands together is told. */
static const u8 cns_event_order[] = {
	CONSENSUS_EVENT_GRANTED, CONSENSUS_EVENT_WANTED, CONSENSUS_EVENT_LOST,
	CONSENSUS_EVENT_ENDED,
};

/* Something happened to @l. Any context; the caller has a reference. */
void cns_event_add(struct cns_lock *l, u32 type)
{
	struct cns_handle *h = l->handle;
	bool lost = type == CONSENSUS_EVENT_LOST;

	spin_lock_bh(&h->lock);
	/* Whoever has left the list of locks is nobody's any more. */
	if (list_empty(&l->ready) && !list_empty(&l->link)) {
		refcount_inc(&l->ref);
		list_add_tail(&l->ready, &h->events);
	}
	if (!list_empty(&l->ready) && !(l->pending & BIT(type))) {
		l->pending |= BIT(type);
		h->unread += lost;
	}
	spin_unlock_bh(&h->lock);
	cns_handle_wake(h, lost);
}

static void cns_event_fill(struct consensus_event *e, const struct cns_lock *l,
			   u32 type)
{
	u64 now = cns_now();

	e->type = type;
	e->ticket = l->ticket;
	e->cookie = l->cookie;
	e->token = l->token;
	memcpy(e->name, l->want.ask.name, l->want.ask.name_len);
	switch (type) {
	case CONSENSUS_EVENT_GRANTED:
		e->index = l->index;
		e->info = l->info;
		e->lease_ns = l->until > now ? l->until - now : 0;
		break;
	case CONSENSUS_EVENT_LOST:
	case CONSENSUS_EVENT_ENDED:
		e->status = l->status;
		break;
	}
}

/* Of a lost handle: the next lock that it has lost; out of the list. */
static struct cns_lock *cns_event_lost(struct cns_handle *h)
{
	struct cns_lock *l, *next;

	if (!h->lost)
		return NULL;
	list_for_each_entry_safe(l, next, &h->locks, link) {
		/* A call that waits hears of it by its return. */
		if (!l->granted && !l->queued)
			continue;
		list_del_init(&l->link);
		if (!l->status || l->status == -ECANCELED)
			l->status = h->lost;
		return l;
	}
	return NULL;
}

/* The next event, and the lock whose reference is to be put, if any. */
static bool cns_event_next(struct cns_handle *h, struct consensus_event *e,
			   struct cns_lock **put)
{
	struct cns_lock *l;
	unsigned int i;

	*e = (struct consensus_event){ .size = sizeof(*e) };
	*put = NULL;
	for (i = CONSENSUS_EVENT_SUSPECT; i <= CONSENSUS_EVENT_SURE; i++) {
		if (!(h->signs & BIT(i)))
			continue;
		h->signs &= ~BIT(i);
		e->type = i;
		return true;
	}
	l = list_first_entry_or_null(&h->events, struct cns_lock, ready);
	if (!l) {
		l = cns_event_lost(h);
		if (!l)
			return false;
		*put = l;
		cns_event_fill(e, l, CONSENSUS_EVENT_LOST);
		return true;
	}
	for (i = 0; i < ARRAY_SIZE(cns_event_order); i++)
		if (l->pending & BIT(cns_event_order[i]))
			break;
	if (i < ARRAY_SIZE(cns_event_order)) {
		l->pending &= ~BIT(cns_event_order[i]);
		h->unread -= cns_event_order[i] == CONSENSUS_EVENT_LOST;
		cns_event_fill(e, l, cns_event_order[i]);
	}
	if (!l->pending) {
		list_del_init(&l->ready);
		*put = l;
	}
	return e->type;
}

/* Is there anything to be read? Under the lock, or a guess. */
static bool cns_event_any(struct cns_handle *h)
{
	struct cns_lock *l;

	if (h->signs || !list_empty(&h->events))
		return true;
	if (h->lost)
		list_for_each_entry(l, &h->locks, link)
			if (l->granted || l->queued)
				return true;
	return false;
}

static bool cns_event_ready(struct cns_handle *h)
{
	bool any;

	spin_lock_bh(&h->lock);
	any = cns_event_any(h);
	spin_unlock_bh(&h->lock);
	/* A lost handle tells what it has to, and then that it is lost. */
	return any || cns_handle_lost(h) || !cns_handle_alive(h);
}

/* poll(): events to read; lost, or a lock was and that is not read yet. */
__poll_t cns_event_poll(struct file *file, struct poll_table_struct *pt)
{
	struct cns_handle *h = file->private_data;
	__poll_t mask = EPOLLOUT | EPOLLWRNORM;

	poll_wait(file, &h->wait, pt);
	spin_lock_bh(&h->lock);
	if (cns_event_any(h))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (h->lost || h->unread)
		mask |= EPOLLERR | EPOLLHUP;
	spin_unlock_bh(&h->lock);
	if (!cns_handle_alive(h))
		mask |= EPOLLERR | EPOLLHUP;
	return mask;
}

/*
 * One event to @buf: its size; 0: there is none; -EFAULT: then it is told again,
 * unless it is one that a lost handle made up for a lock.
 */
static ssize_t cns_event_copy(struct cns_handle *h, char __user *buf)
{
	struct consensus_event e;
	struct cns_lock *put;
	bool any;

	spin_lock_bh(&h->lock);
	any = cns_event_next(h, &e, &put);
	spin_unlock_bh(&h->lock);
	if (put)
		cns_lock_put(put);
	if (!any)
		return 0;
	return copy_to_user(buf, &e, sizeof(e)) ? -EFAULT : sizeof(e);
}

/* Why nothing will come any more, or -EAGAIN. */
static int cns_event_none(struct cns_handle *h)
{
	int lost = cns_handle_lost(h);

	if (lost)
		return lost;
	return cns_handle_alive(h) ? -EAGAIN : -ESHUTDOWN;
}

/**
 * cns_event_read() - read(): whole events, as many as fit and are there
 * @file: the handle
 * @buf: where to
 * @len: at least one event, else -EINVAL
 * @at: not used
 *
 * Return: bytes; -EAGAIN, -EINTR; what a lost handle answers, when all is told;
 * -ESHUTDOWN; -EFAULT: the event is gone.
 */
ssize_t cns_event_read(struct file *file, char __user *buf, size_t len,
		       loff_t *at)
{
	struct cns_handle *h = file->private_data;
	ssize_t did = 0, one;

	if (len < sizeof(struct consensus_event))
		return -EINVAL;
	if (clear_user(buf, sizeof(struct consensus_event)))
		return -EFAULT;
	for (;;) {
		for (; len - did >= sizeof(struct consensus_event); did += one) {
			one = cns_event_copy(h, buf + did);
			if (one <= 0)
				break;
			cond_resched();
		}
		if (did || one < 0)
			return did ?: one;
		one = cns_event_none(h);
		if (one != -EAGAIN || file->f_flags & O_NONBLOCK)
			return one;
		if (wait_event_interruptible(h->wait, cns_event_ready(h)))
			/* No signal: io_uring only wants to run, then it goes on. */
			return task_sigpending(current) ? -EINTR : -ERESTARTSYS;
	}
}

int cns_event_fasync(int fd, struct file *file, int on)
{
	struct cns_handle *h = file->private_data;

	return fasync_helper(fd, file, on, &h->fasync);
}
