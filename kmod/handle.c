// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a handle, and how it ends: closed, lost, or reset.
 *
 * A handle that wanted a lock is known to the owner of its node. It leaves the
 * owner in steps (CNS_ITEM_CLOSE), as it may have 100,000 locks: first all wants
 * end, then one HANDLE_CLOSE tells the cluster, which ends the claims in steps of
 * its own. Nobody waits for that but a reset: closing never delays whoever dies.
 *
 * A lost handle (fsm_owner_lost(), a heartbeat that was missed) goes the same way
 * at once, so that what it held goes to others, and answers nothing until it is
 * reset or closed.
 */
#include <linux/ktime.h>
#include <linux/slab.h>

#include "compat.h"
#include "op.h"

/* ------------------------------------------------------------------- life */

static void cns_handle_beat(struct timer_list *t);

/* What will end it: allocated ahead, as closing must not fail. NULL: no memory. */
static struct cns_request *cns_handle_end(void)
{
	struct cns_request *r = cns_request_spare();

	if (!r || cns_request_extra(r))
		return r;
	cns_request_drop(r);
	return NULL;
}

/* A number and what ends it: also those of a handle that is reset. */
static void cns_handle_begin(struct cns_handle *h, struct cns_request *close)
{
	WRITE_ONCE(h->number, atomic64_inc_return(&h->ns->next_handle));
	h->close = close;
	WRITE_ONCE(h->abandoned, false);
	h->owner = (struct fsm_owner){ .number = h->number };
	h->closing.kind = CNS_ITEM_CLOSE;
	reinit_completion(&h->closed);
	clear_bit(CNS_HANDLE_SHUT, &h->flags);
}

/**
 * cns_handle_new() - a handle of @ns
 * @ns: where
 *
 * Return: with the file's reference; NULL: no memory. May sleep.
 */
struct cns_handle *cns_handle_new(struct cns_ns *ns)
{
	struct cns_handle *h = kzalloc(sizeof(*h), GFP_KERNEL_ACCOUNT);
	struct cns_request *close = cns_handle_end();

	if (!h || !close) {
		kfree(h);
		if (close)
			cns_request_drop(close);
		return NULL;
	}
	h->ns = cns_ns_get(ns);
	refcount_set(&h->ref, 1);
	mutex_init(&h->mutex);
	spin_lock_init(&h->lock);
	INIT_LIST_HEAD(&h->locks);
	INIT_LIST_HEAD(&h->events);
	init_waitqueue_head(&h->wait);
	init_completion(&h->closed);
	timer_setup(&h->beat, cns_handle_beat, 0);
	h->beat_until = U64_MAX;
	INIT_LIST_HEAD(&h->ops);
	h->ops_at = U64_MAX;
	timer_setup(&h->ops_timer, cns_ops_late, 0);
	cns_handle_begin(h, close);
	atomic_inc(&ns->handles);
	spin_lock(&ns->list_lock);
	list_add(&h->link, &ns->list);
	spin_unlock(&ns->list_lock);
	return h;
}

void cns_handle_get(struct cns_handle *h)
{
	refcount_inc(&h->ref);
}

/* Anywhere. */
void cns_handle_put(struct cns_handle *h)
{
	if (!refcount_dec_and_test(&h->ref))
		return;
	if (h->node)
		cns_node_put(h->node);
	if (h->close)
		cns_request_drop(h->close);
	if (h->idle)
		cns_request_drop(h->idle);
	cns_ns_put(h->ns);
	kfree(h);
}

/* Nobody will read of its locks any more. */
static void cns_handle_purge(struct cns_handle *h)
{
	struct cns_lock *l;

	for (;;) {
		spin_lock_bh(&h->lock);
		l = list_first_entry_or_null(&h->events, struct cns_lock, ready);
		if (l) {
			list_del_init(&l->ready);
		} else {
			l = list_first_entry_or_null(&h->locks, struct cns_lock,
						     link);
			if (l)
				list_del_init(&l->link);
		}
		spin_unlock_bh(&h->lock);
		if (!l)
			return;
		cns_lock_put(l);
		cond_resched();
	}
}

/* The last descriptor is closed. Process context; waits for nobody. */
void cns_handle_release(struct cns_handle *h)
{
	spin_lock(&h->ns->list_lock);
	list_del(&h->link);
	spin_unlock(&h->ns->list_lock);
	clear_bit(CNS_HANDLE_TIMED, &h->flags);
	timer_delete_sync(&h->beat);
	/* Whatever was under way held the file: nothing is. */
	timer_delete_sync(&h->ops_timer);
	/* What is lost from here on is nobody's to be told of. */
	if (h->node)
		cns_handle_shut(h);
	cns_handle_purge(h);
	if (!h->node) {
		cns_request_close(h->ns, h->close, h->number, h->abandoned);
		h->close = NULL;
	}
	atomic_dec(&h->ns->handles);
	cns_handle_put(h);
}

/* ---------------------------------------------------------------- the end */

/*
 * Begin to end it in the cluster; once, and only if it has a node. Any context but
 * the owner's; the caller has a reference.
 */
void cns_handle_shut(struct cns_handle *h)
{
	struct cns_node *n;

	/* Whoever resets it may have it end, and without a node, before we go. */
	spin_lock_bh(&h->lock);
	n = h->node;
	if (n && !test_and_set_bit(CNS_HANDLE_SHUT, &h->flags)) {
		kref_get(&n->ref);
		cns_handle_get(h);
	} else {
		n = NULL;
	}
	spin_unlock_bh(&h->lock);
	if (!n)
		return;
	cns_node_push(n, &h->closing);
	cns_node_run(n);
	cns_node_put(n);
}

/* All wants are over: what is left of it is in the cluster. Owner. */
static void cns_handle_over(struct cns_node *n, struct cns_handle *h, u64 now)
{
	struct cns_request *r = h->close;

	h->close = NULL;
	r->extra->stamp = ktime_get_real_seconds();
	cns_request_to(r, n, h->number);
	if (h->owner.abandoned || READ_ONCE(h->abandoned))
		cns_request_begin(n, r, now);
	else
		cns_request_put(r);
	complete_all(&h->closed);
}

/* CNS_ITEM_CLOSE: a step of its end. Owner. */
void cns_handle_closing(struct cns_node *n, struct cns_item *item, u64 now)
{
	struct cns_handle *h = container_of(item, struct cns_handle, closing);

	if (fsm_owner_close(&n->wants, &h->owner, CNS_CLOSE_STEP)) {
		cns_node_push(n, item);
		return;
	}
	n->pump = true;
	cns_handle_over(n, h, now);
	cns_handle_put(h);
}

/* ------------------------------------------------------------------- loss */

/* What everything on it answers: 0, or that it is lost. */
int cns_handle_lost(struct cns_handle *h)
{
	return READ_ONCE(h->lost);
}

/* Somebody may have something to read, or to see by poll(). Any context. */
void cns_handle_wake(struct cns_handle *h, bool lost)
{
	__poll_t mask = EPOLLIN | EPOLLRDNORM;

	if (lost)
		mask |= EPOLLERR | EPOLLHUP;
	if (wq_has_sleeper(&h->wait))
		wake_up_interruptible_poll(&h->wait, mask);
	kill_fasync(&h->fasync, SIGIO, lost ? POLL_HUP : POLL_IN);
}

/* The namespace is gone: whoever waits on a handle of it hears so. */
void cns_handles_wake(struct cns_ns *ns)
{
	struct cns_handle *h;

	spin_lock(&ns->list_lock);
	list_for_each_entry(h, &ns->list, link)
		cns_handle_wake(h, true);
	spin_unlock(&ns->list_lock);
}

/*
 * From now on it has nothing: that is told before anything of it can go to others.
 * Any context; the caller has a reference.
 */
void cns_handle_lose(struct cns_handle *h, s32 status)
{
	bool first;

	spin_lock_bh(&h->lock);
	first = !h->lost;
	if (first)
		WRITE_ONCE(h->lost, status);
	spin_unlock_bh(&h->lock);
	if (first)
		cns_handle_wake(h, true);
}

/* The lease or the session of all that it has is gone. Owner. */
static void cns_handle_told(void *ctx, struct fsm_owner *o, s32 status)
{
	struct cns_handle *h = container_of(o, struct cns_handle, owner);
	struct cns_node *n = ctx;

	cns_handle_lose(h, status);
	/* The owner goes on with what is pushed, at the end of this batch. */
	if (test_and_set_bit(CNS_HANDLE_SHUT, &h->flags))
		return;
	cns_handle_get(h);
	cns_node_push(n, &h->closing);
}

const struct fsm_wants_ops cns_wants_ops = {
	.want = cns_lock_told,
	.owner = cns_handle_told,
	.done = cns_request_done,
};

/*
 * The lease became suspect, or sure again: whoever has locks may want to know.
 * Owner; as many steps as handles that have locks.
 */
void cns_handles_look(struct cns_node *n, enum fsm_lease_state lease)
{
	u32 type = lease == FSM_LEASE_SUSPECT ? CONSENSUS_EVENT_SUSPECT :
						CONSENSUS_EVENT_SURE;
	u32 other = CONSENSUS_EVENT_SUSPECT + CONSENSUS_EVENT_SURE - type;
	struct fsm_owner *o;

	for (o = n->wants.owners; o; o = o->next) {
		struct cns_handle *h = container_of(o, struct cns_handle,
						    owner);

		spin_lock_bh(&h->lock);
		h->signs = (h->signs & ~BIT(other)) | BIT(type);
		spin_unlock_bh(&h->lock);
		cns_handle_wake(h, false);
		if (o->next == n->wants.owners)
			break;
	}
}

/* Lost, or its program did not call in time, whatever its timer says. */
static int cns_handle_late(struct cns_handle *h, u64 now)
{
	int err;

	spin_lock_bh(&h->lock);
	err = h->lost;
	if (!err && h->beat_until <= now)
		err = -EKEYEXPIRED;
	spin_unlock_bh(&h->lock);
	return err;
}

/**
 * cns_fence_own() - may an operation under this grant go out?
 * @n: node
 * @name: the lock
 * @len: bytes of it
 * @token: of the grant
 * @now: cns_now(), read just now
 *
 * Owner. Return: 0, also for grants of other nodes: the log decides; else
 * -EKEYEXPIRED, -EKEYREVOKED or -ESTALE.
 */
int cns_fence_own(struct cns_node *n, const char *name, u8 len, u64 token,
		  u64 now)
{
	int err = fsm_wants_fence(&n->wants, name, len, token, now);
	struct fsm_want *w;

	if (err)
		return err;
	w = fsm_want_held(&n->wants, name, len, token);
	if (!w || !w->owner)
		return 0;
	return cns_handle_late(container_of(w->owner, struct cns_handle, owner),
			       now);
}

/* -------------------------------------------------------------- programs */

/**
 * cns_handle_bind() - its locks are on @n, from its first one on
 * @h: handle
 * @n: the node of its namespace now
 *
 * A node that was stopped has taken its locks with it, and has told all that had any
 * before another is started: whoever is not lost then goes on with that one.
 *
 * Return: 0; what the handle answers until it is reset; -ENOTCONN @n is a node of
 * before.
 */
int cns_handle_bind(struct cns_handle *h, struct cns_node *n)
{
	struct cns_node *was = NULL;
	int err = cns_handle_lost(h);

	if (likely(READ_ONCE(h->node) == n) || err)
		return err;
	mutex_lock(&h->mutex);
	spin_lock_bh(&h->lock);
	err = h->lost;
	if (!err && h->node && n->started_at < h->node->started_at)
		err = -ENOTCONN;
	if (!err && h->node != n) {
		was = h->node;
		kref_get(&n->ref);
		WRITE_ONCE(h->node, n);
	}
	spin_unlock_bh(&h->lock);
	mutex_unlock(&h->mutex);
	if (was)
		cns_node_put(was);
	return err;
}

/* Nothing of it is left: it is as if opened just now. @close, or NULL if used. */
static struct cns_request *cns_handle_anew(struct cns_handle *h,
					   struct cns_request *close)
{
	struct cns_node *n;

	spin_lock_bh(&h->lock);
	n = h->node;
	WRITE_ONCE(h->node, NULL);
	h->signs = 0;
	h->unread = 0;
	WRITE_ONCE(h->beat_until, U64_MAX);
	if (n) {
		cns_handle_begin(h, close);
		close = NULL;
	}
	WRITE_ONCE(h->lost, 0);
	spin_unlock_bh(&h->lock);
	if (n)
		cns_node_put(n);
	return close;
}

/**
 * cns_handle_reset() - begin anew, with nothing
 * @h: handle, lost or not
 *
 * Sleeps until its node has ended what it had; the cluster may take longer.
 *
 * Return: 0; -ENOMEM; -EINTR it is lost then, and to be reset again.
 */
int cns_handle_reset(struct cns_handle *h)
{
	struct cns_request *close;
	int err = 0;

	close = cns_handle_end();
	if (!close)
		return -ENOMEM;
	mutex_lock(&h->mutex);
	/* Nothing begins any more, in the eyes of the owner, too. No sign is given. */
	spin_lock_bh(&h->lock);
	WRITE_ONCE(h->lost, h->lost ?: -EKEYEXPIRED);
	spin_unlock_bh(&h->lock);
	/* What is lost is not armed again: no beat of before comes to what follows. */
	timer_delete_sync(&h->beat);
	if (h->node) {
		cns_handle_shut(h);
		err = wait_for_completion_killable(&h->closed) ? -EINTR : 0;
	}
	if (!err) {
		cns_handle_purge(h);
		close = cns_handle_anew(h, close);
	} else {
		cns_handle_wake(h, true);
	}
	mutex_unlock(&h->mutex);
	if (close)
		cns_request_drop(close);
	return err;
}

/* The program did not call in time. Softirq; the file is open. */
static void cns_handle_beat(struct timer_list *t)
{
	struct cns_handle *h = timer_container_of(h, t, beat);
	u64 now = cns_now(), until;

	spin_lock_bh(&h->lock);
	until = h->beat_until;
	if (now < until && until != U64_MAX && !h->lost &&
	    test_bit(CNS_HANDLE_TIMED, &h->flags))
		mod_timer(t, jiffies + nsecs_to_jiffies(until - now) + 1);
	spin_unlock_bh(&h->lock);
	if (now < until)
		return;
	cns_handle_lose(h, -EKEYEXPIRED);
	cns_handle_shut(h);
}

/**
 * cns_handle_heartbeat() - the program lives, and will call again in time
 * @h: handle
 * @period_ns: within which; 0: it will not
 *
 * Return: 0; -EKEYEXPIRED, -EKEYREVOKED it came too late; -EINVAL too short.
 */
int cns_handle_heartbeat(struct cns_handle *h, u64 period_ns)
{
	u64 now;
	int err;

	if (period_ns && (period_ns < CNS_BEAT_MIN_MS * (u64)NSEC_PER_MSEC ||
			  period_ns > S64_MAX))
		return -EINVAL;
	spin_lock_bh(&h->lock);
	now = cns_now();
	err = h->lost;
	/* The deadline counts, not whether its timer came first. */
	if (!err && h->beat_until <= now)
		err = -EKEYEXPIRED;
	if (!err)
		WRITE_ONCE(h->beat_until, period_ns ? now + period_ns : U64_MAX);
	/* Under the lock: two calls arm it in the order of their deadlines. */
	if (!err && period_ns) {
		set_bit(CNS_HANDLE_TIMED, &h->flags);
		mod_timer(&h->beat, jiffies + nsecs_to_jiffies(period_ns) + 1);
	}
	spin_unlock_bh(&h->lock);
	return err;
}
