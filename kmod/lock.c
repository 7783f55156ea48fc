// SPDX-License-Identifier: GPL-2.0
/*
 * Locks: from a program's call to the want that stands for it (fsm/want.h), and
 * back.
 *
 * A call that waits leaves its queue when its patience ends: a deadline or a signal
 * pushes .give_up, and the call returns when that was applied, or after a grace in
 * ENOTRECOVERABLE; the want sees to it that nothing of it stays. A lock that was
 * granted and told stays until it is released, lost, or its handle is closed.
 */
#include <linux/cred.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/ktime.h>

#include "op.h"

static struct kmem_cache *cns_locks;

/* --------------------------------------------------------------- lifetime */

/* Anywhere. */
void cns_lock_put(struct cns_lock *l)
{
	struct cns_handle *h = l->handle;
	struct cns_node *n = l->node;

	if (!refcount_dec_and_test(&l->ref))
		return;
	kmem_cache_free(cns_locks, l);
	cns_handle_put(h);
	cns_node_put(n);
}

/* Nothing of it is to be told any more. True: a reference is to be put. */
static bool cns_lock_hush(struct cns_lock *l)
{
	struct cns_handle *h = l->handle;

	if (l->pending & BIT(CONSENSUS_EVENT_LOST))
		h->unread--;
	l->pending = 0;
	if (list_empty(&l->ready))
		return false;
	list_del_init(&l->ready);
	return true;
}

/* Out of the handle's list, if it is there. Under the handle's lock. */
static bool cns_lock_unlink(struct cns_lock *l)
{
	if (list_empty(&l->link))
		return false;
	list_del_init(&l->link);
	return true;
}

/* ------------------------------------------------------------------ owner */

/* The caller has its answer, whether it sleeps or not. */
static void cns_lock_done(struct cns_lock *l)
{
	struct cns_op *op;

	complete_all(&l->done);
	if (likely(!READ_ONCE(l->op)))
		return;
	spin_lock_bh(&l->handle->lock);
	op = l->op;
	if (op)
		cns_op_claim(op);
	spin_unlock_bh(&l->handle->lock);
	if (op)
		cns_op_deliver(op);
}

/* It does not wait any more, one way or the other. */
static void cns_lock_uncount(struct cns_node *n, struct cns_lock *l)
{
	if (!l->counted)
		return;
	l->counted = false;
	atomic_dec(&n->waiting);
}

static void cns_lock_queued(struct cns_lock *l)
{
	spin_lock_bh(&l->handle->lock);
	l->ticket = l->want.ticket;
	l->index = l->want.index;
	/* Only who does not wait for the grant is told of a ticket. */
	l->queued = l->async && !l->left;
	spin_unlock_bh(&l->handle->lock);
	if (l->async)
		cns_lock_done(l);
}

static void cns_lock_granted(struct cns_node *n, struct cns_lock *l)
{
	const struct fsm_want *w = &l->want;
	bool told;

	cns_lock_uncount(n, l);
	spin_lock_bh(&l->handle->lock);
	/* Who was told of a ticket is told of its grant by an event. */
	told = l->queued;
	l->ticket = w->ticket;
	l->token = w->token;
	l->index = w->index;
	l->until = fsm_lease_until(&n->wants.lease);
	l->info = (w->flags & FSM_GRANT_DIED ? CONSENSUS_GRANT_DIED : 0) |
		  (w->flags & FSM_GRANT_WANTED ? CONSENSUS_GRANT_WANTED : 0);
	l->granted = true;
	spin_unlock_bh(&l->handle->lock);
	if (told)
		cns_event_add(l, CONSENSUS_EVENT_GRANTED);
	cns_lock_done(l);
}

/* The administrator took it. */
static void cns_lock_lost(struct cns_lock *l)
{
	spin_lock_bh(&l->handle->lock);
	l->status = l->want.status;
	spin_unlock_bh(&l->handle->lock);
	cns_event_add(l, CONSENSUS_EVENT_LOST);
}

/* Its release was refused: it holds as before. */
static void cns_lock_kept(struct cns_node *n, struct cns_lock *l)
{
	struct cns_request *r = l->releaser;

	l->releaser = NULL;
	if (r)
		cns_request_finish(n, r, l->want.status, 0);
}

/* Who releases it, by @r, is told; whoever left a queue has what it wanted. */
static void cns_lock_released(struct cns_node *n, struct cns_lock *l,
			      struct cns_request *r, s32 status)
{
	if (status == -ECANCELED)
		status = 0;
	cns_request_finish(n, r, status, status ? 0 : l->want.ask.index);
}

/* A ticket has ended by itself, in @status and not in a grant: that is an event. */
static void cns_lock_tell_end(struct cns_lock *l, s32 status)
{
	bool lost = status == -EKEYEXPIRED || status == -EKEYREVOKED;

	cns_event_add(l, lost ? CONSENSUS_EVENT_LOST : CONSENSUS_EVENT_ENDED);
}

/* Nothing of it is in the cluster any more: the want's reference goes. */
static void cns_lock_over(struct cns_node *n, struct cns_lock *l, s32 status)
{
	bool released = l->releaser, event, unlink = false, hush = false;
	struct cns_request *releaser = l->releaser;
	struct cns_handle *h = l->handle;
	s32 end;

	cns_lock_uncount(n, l);
	l->releaser = NULL;
	spin_lock_bh(&h->lock);
	l->over = true;
	if (!l->status && !(released && status == -ECANCELED))
		l->status = status;
	end = l->status;
	/* A lost handle's are told when they are read. */
	event = !released && !l->granted && l->queued && !h->lost;
	spin_unlock_bh(&h->lock);
	if (event)
		cns_lock_tell_end(l, end);
	spin_lock_bh(&h->lock);
	if (released || !h->lost || !(l->granted || l->queued))
		unlink = cns_lock_unlink(l);
	/* Whoever gave it back has no use for what was to be told of it. */
	if (released && !l->status)
		hush = cns_lock_hush(l);
	spin_unlock_bh(&h->lock);
	cns_lock_done(l);
	/* Not before: poll() must not promise it an event that is gone by its read(). */
	if (releaser)
		cns_lock_released(n, l, releaser, status);
	if (hush)
		cns_lock_put(l);
	if (unlink)
		cns_lock_put(l);
	cns_lock_put(l);
}

/* fsm_wants_ops.want */
void cns_lock_told(void *ctx, struct fsm_want *w, enum fsm_told what)
{
	struct cns_lock *l = container_of(w, struct cns_lock, want);
	struct cns_node *n = ctx;

	switch (what) {
	case FSM_TOLD_QUEUED:
		cns_lock_queued(l);
		break;
	case FSM_TOLD_GRANTED:
		cns_lock_granted(n, l);
		break;
	case FSM_TOLD_WANTED:
		cns_event_add(l, CONSENSUS_EVENT_WANTED);
		break;
	case FSM_TOLD_KEPT:
		cns_lock_kept(n, l);
		break;
	case FSM_TOLD_LOST:
		cns_lock_lost(l);
		break;
	case FSM_TOLD_OVER:
		cns_lock_over(n, l, w->status);
		break;
	}
}

/* Is its handle still what it was called for? 0, or what the call answers. Owner. */
static int cns_lock_late(struct cns_lock *l)
{
	struct cns_handle *h = l->handle;
	int err;

	spin_lock_bh(&h->lock);
	err = h->lost;
	/* It was reset meanwhile, and may be bound to no node now. */
	if (!err && h->number != l->number)
		err = -ECANCELED;
	spin_unlock_bh(&h->lock);
	return err;
}

/* CNS_ITEM_LOCK. */
void cns_lock_begin(struct cns_node *n, struct cns_item *item, u64 now)
{
	struct cns_lock *l = container_of(item, struct cns_lock, begin);
	struct cns_handle *h = l->handle;
	const struct fsm_extra *x = &l->want.extra;
	int err = cns_lock_late(l);

	if (!err)
		err = n->stopped;
	if (!err && (n->failed_logged || n->loading))
		err = -ENOTCONN;
	if (!err && x->fence_token)
		err = cns_fence_own(n, x->fence_name, x->fence_len,
				    x->fence_token, cns_now());
	if (!err) {
		/* The want's own, until it is over. */
		refcount_inc(&l->ref);
		err = fsm_want_begin(&n->wants, &h->owner, &l->want);
		if (err)
			cns_lock_put(l);
	}
	n->pump = true;
	if (err) {
		/* As if it were over; the item's reference takes the want's place. */
		cns_lock_over(n, l, err);
		return;
	}
	cns_lock_put(l);
}

/*
 * CNS_ITEM_LOCK_GIVE_UP: the caller's patience is over; it still waits, a little. What
 * it was told meanwhile it keeps, unless it went before it could take it along.
 */
void cns_lock_give_up(struct cns_node *n, struct cns_item *item, u64 now)
{
	struct cns_lock *l = container_of(item, struct cns_lock, give_up);
	s32 reason = l->reason;
	bool keep;

	if (reason == -ETIMEDOUT && !raft_id_some(raft_leader(n->raft)))
		reason = -EHOSTUNREACH;
	n->wants.stamp = ktime_get_real_seconds();
	spin_lock_bh(&l->handle->lock);
	keep = l->over || (!l->left && (l->granted || l->queued));
	spin_unlock_bh(&l->handle->lock);
	if (!keep && !fsm_want_give_up(&n->wants, &l->want, reason))
		fsm_want_release(&n->wants, &l->want, NULL);
	n->pump = true;
	cns_lock_put(l);
}

/* May @r release @w? */
static bool cns_lock_is(const struct fsm_want *w, const struct cns_request *r)
{
	u64 token = r->command.arg, ticket = r->command.value;

	if (ticket && ticket != w->ticket)
		return false;
	if (token)
		return w->state == FSM_WANT_HELD && w->told && w->token == token;
	return ticket && (w->state == FSM_WANT_HELD ||
			  w->state == FSM_WANT_QUEUED);
}

/* A request to release begins; it ends when the want is over. */
void cns_lock_release(struct cns_node *n, struct cns_request *r, u64 now)
{
	struct cns_handle *h = r->handle;
	int err = cns_handle_lost(h);
	struct fsm_want *w;
	struct cns_lock *l;

	w = fsm_want_named(&n->wants, &h->owner, r->command.name,
			   r->command.name_len);
	l = w ? container_of(w, struct cns_lock, want) : NULL;
	if (!err && (!l || l->releaser || !cns_lock_is(w, r)))
		err = -EPERM;
	if (err) {
		cns_request_finish(n, r, err, 0);
		return;
	}
	l->releaser = r;
	n->wants.stamp = ktime_get_real_seconds();
	/* Who is to be told may have been, and @l freed, when these return. */
	if (w->state != FSM_WANT_HELD) {
		fsm_want_give_up(&n->wants, w, -ECANCELED);
		return;
	}
	err = fsm_want_release(&n->wants, w, NULL);
	if (err) {
		l->releaser = NULL;
		cns_request_finish(n, r, err, 0);
	}
}

/* ----------------------------------------------------------------- caller */

/* Who asks, as the kernel knows it, by the numbers of the machine. */
static void cns_program(struct fsm_program *p)
{
	/* A thread of io_uring's has a name that tells nobody anything. */
	const struct task_struct *t = current->flags & PF_IO_WORKER ?
				      current->group_leader : current;

	p->pid = task_tgid_nr(current);
	p->uid = from_kuid(&init_user_ns, current_uid());
	strscpy_pad(p->comm, t->comm, sizeof(p->comm));
}

static struct cns_lock *cns_lock_new(struct cns_handle *h, struct cns_node *n,
				     const struct consensus_lock_acquire *a,
				     const struct fsm_fence *fence, u8 len)
{
	struct cns_lock *l = kmem_cache_zalloc(cns_locks, GFP_KERNEL);
	struct fsm_want *w;

	if (!l)
		return NULL;
	w = &l->want;
	memcpy(w->ask.name, a->name, len);
	w->ask.name_len = len;
	w->ask.arg = (a->op.flags & CONSENSUS_LOCK_SHARED ?
		      FSM_ACQUIRE_SHARED : 0) |
		     (a->op.flags & CONSENSUS_LOCK_TRY ? FSM_ACQUIRE_TRY : 0);
	w->extra.stamp = ktime_get_real_seconds();
	cns_program(&w->extra.program);
	w->extra.fence_token = fence->token;
	w->extra.fence_len = fence->name_len;
	if (fence->name_len)
		memcpy(w->extra.fence_name, fence->name, fence->name_len);
	l->begin.kind = CNS_ITEM_LOCK;
	l->give_up.kind = CNS_ITEM_LOCK_GIVE_UP;
	l->cookie = a->cookie;
	l->async = a->op.flags & CONSENSUS_LOCK_ASYNC;
	l->counted = true;
	INIT_LIST_HEAD(&l->link);
	INIT_LIST_HEAD(&l->ready);
	init_completion(&l->done);
	l->node = n;
	kref_get(&n->ref);
	l->handle = h;
	cns_handle_get(h);
	refcount_set(&l->ref, 1);
	return l;
}

/* Into the list of its handle, if that is as it was when it was bound. */
static int cns_lock_enter(struct cns_lock *l)
{
	struct cns_handle *h = l->handle;
	int err;

	spin_lock_bh(&h->lock);
	err = h->lost;
	/* It was reset meanwhile. */
	if (!err && h->node != l->node)
		err = -ECANCELED;
	if (!err) {
		l->number = h->number;
		/* The list's, and that of the item that begins it. */
		refcount_add(2, &l->ref);
		list_add_tail(&l->link, &h->locks);
	}
	spin_unlock_bh(&h->lock);
	return err;
}

/* The owner is to see to @item of it, at once. The caller gives a reference. */
void cns_lock_push(struct cns_lock *l, struct cns_item *item)
{
	cns_node_push(l->node, item);
	cns_node_run(l->node);
}

/* Patience is over: 0 it ended, or was granted, meanwhile. */
static int cns_lock_withdraw(struct cns_lock *l, int reason)
{
	u64 grace = 2 * l->node->params.election_max_ns;
	struct cns_handle *h = l->handle;
	bool known;

	l->reason = reason;
	refcount_inc(&l->ref);
	cns_lock_push(l, &l->give_up);
	if (wait_for_completion_killable_timeout(&l->done,
						 nsecs_to_jiffies(grace) + 1) > 0)
		return 0;
	/* From here on it is told, or it is nobody's and given back: never neither. */
	spin_lock_bh(&h->lock);
	known = l->over || l->granted || l->queued;
	l->left = !known;
	spin_unlock_bh(&h->lock);
	if (known)
		return 0;
	WRITE_ONCE(h->abandoned, true);
	return -ENOTRECOVERABLE;
}

static int cns_lock_wait(struct cns_lock *l, u64 deadline)
{
	long left;

	cns_lock_push(l, &l->begin);
	if (likely(try_wait_for_completion(&l->done)))
		return 0;
	left = cns_sleep(&l->done, deadline);
	if (left > 0)
		return 0;
	return cns_lock_withdraw(l, left ? -EINTR : -ETIMEDOUT);
}

/**
 * cns_lock_answer() - what became of it, for its caller
 * @l: done
 * @a: results
 *
 * A grant behind a ticket is told by an event.
 *
 * Return: 0 or a negative errno of the uapi.
 */
int cns_lock_answer(struct cns_lock *l, struct consensus_lock_acquire *a)
{
	struct cns_handle *h = l->handle;
	u64 now = cns_now();
	int err = 0;

	spin_lock_bh(&h->lock);
	a->ticket = l->ticket;
	if (l->queued) {
		a->op.index = l->ticket;
	} else if (l->granted) {
		a->op.index = l->index;
		a->token = l->token;
		a->info = l->info;
		a->lease_ns = l->until > now ? l->until - now : 0;
	} else {
		err = l->status ?: -ECANCELED;
	}
	spin_unlock_bh(&h->lock);
	return err;
}

/**
 * cns_lock_make() - a lock that is about to begin
 * @h: handle
 * @n: node
 * @a: arguments, checked
 * @fence: .token 0: none
 * @len: bytes of the name
 * @to: out: with the caller's reference, and one for cns_lock.begin, which the caller
 *	must push; only if 0 is returned
 *
 * May sleep. Return: 0 or a negative errno of the uapi.
 */
int cns_lock_make(struct cns_handle *h, struct cns_node *n,
		  const struct consensus_lock_acquire *a,
		  const struct fsm_fence *fence, u8 len, struct cns_lock **to)
{
	struct cns_lock *l;
	int err;

	err = cns_handle_bind(h, n);
	if (err)
		return err;
	if (atomic_inc_return(&n->waiting) > CNS_WAITING_MAX) {
		err = -ENOSPC;
		goto count;
	}
	l = cns_lock_new(h, n, a, fence, len);
	err = -ENOMEM;
	if (!l)
		goto count;
	err = cns_lock_enter(l);
	if (!err) {
		*to = l;
		return 0;
	}
	cns_lock_put(l);
count:
	atomic_dec(&n->waiting);
	return err;
}

static int cns_lock_try(struct cns_handle *h, struct cns_node *n,
			struct consensus_lock_acquire *a,
			const struct fsm_fence *fence, u8 len, u64 deadline,
			struct cns_lock **to)
{
	struct cns_lock *l;
	int err;

	err = cns_lock_make(h, n, a, fence, len, &l);
	if (err)
		return err;
	err = cns_lock_wait(l, deadline);
	if (!err)
		err = cns_lock_answer(l, a);
	if (err)
		cns_lock_put(l);
	else
		*to = l;
	return err;
}

/**
 * cns_lock_acquire() - LOCK_ACQUIRE, its arguments checked
 * @file: the handle
 * @a: arguments and results
 * @fence: .token 0: none
 * @len: bytes of the name
 * @deadline: cns_now(); U64_MAX: none
 * @to: out: it, with a reference; only if 0 is returned
 *
 * Sleeps. Return: 0 or a negative errno of the uapi.
 */
int cns_lock_acquire(struct file *file, struct consensus_lock_acquire *a,
		     const struct fsm_fence *fence, u8 len, u64 deadline,
		     struct cns_lock **to)
{
	struct cns_handle *h = file->private_data;
	struct cns_node *n = cns_node_get(h->ns);
	int err;

	if (!n)
		return cns_handle_lost(h) ?:
		       cns_handle_alive(h) ? -ENOTCONN : -ESHUTDOWN;
	err = cns_lock_try(h, n, a, fence, len, deadline, to);
	cns_node_put(n);
	return err;
}

int cns_lock_init(void)
{
	cns_locks = KMEM_CACHE(cns_lock, SLAB_ACCOUNT);
	return cns_locks ? 0 : -ENOMEM;
}

void cns_lock_exit(void)
{
	kmem_cache_destroy(cns_locks);
}
