// SPDX-License-Identifier: GPL-2.0
/*
 * Requests: an operation from its call to its completion, exactly once.
 *
 * Two references: the caller's, and the node's between begin and done. The
 * caller waits for .done; when its patience ends (deadline, signal) it asks the
 * owner to give the request up, waits a grace of two election timeouts, and
 * goes. What becomes of the request then, is the session client's: it stays
 * there until the log has resolved it.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "op.h"

static struct kmem_cache *cns_requests;

/* ------------------------------------------------------------------- owner */

/* Resolved: the node's reference goes to nobody. Owner. */
static void cns_complete(struct cns_node *n, struct cns_request *r)
{
	if (r->finished)
		return;
	r->finished = true;
	if (r->op)
		cns_op_done(r);
	else
		complete(&r->done);
	cns_request_put(r);
}

/* A command of this node's session is resolved. */
void cns_request_done(void *ctx, struct fsm_request *f)
{
	cns_complete(ctx, container_of(f, struct cns_request, command));
}

static void cns_read_finish(struct cns_node *n, struct cns_request *r, int err)
{
	list_del_init(&r->link);
	r->command.status = err;
	r->command.index = 0;
	cns_complete(n, r);
}

/*
 * Under a grant of this node nothing goes out once the lease is over, by the clock
 * itself: the timer that says so may be late (design 9).
 */
static int cns_fenced(struct cns_node *n, const struct cns_request *r)
{
	const struct fsm_extra *x = r->extra;

	if (likely(!x) || !x->fence_token)
		return 0;
	return cns_fence_own(n, x->fence_name, x->fence_len, x->fence_token,
			     cns_now());
}

/* What a read finds in the state as it is now, if its fence holds in it. */
static int cns_read_state(struct cns_node *n, struct cns_request *r)
{
	const struct fsm_extra *x = r->extra;
	struct fsm_request *c = &r->command;
	int err = cns_fenced(n, r);

	/* It may have waited long, and this state may be an old one. */
	if (unlikely(err))
		return err;
	if (x && fsm_fence(n->fsm, x->fence_name, x->fence_len, x->fence_token))
		return -ESTALE;
	if (r->check)
		return fsm_fence(n->fsm, c->name, c->name_len, c->arg);
	return fsm_counter(n->fsm, c->name, c->name_len, &c->value, &c->arg);
}

static void cns_read_answer(struct cns_node *n, struct cns_request *r)
{
	struct fsm_stats st;

	list_del_init(&r->link);
	r->command.status = cns_read_state(n, r);
	fsm_stats(n->fsm, &st);
	r->command.index = st.applied;
	cns_complete(n, r);
}

static u64 cns_applied(const struct cns_node *n)
{
	struct fsm_stats st;

	fsm_stats(n->fsm, &st);
	return st.applied;
}

static void cns_read_begin(struct cns_node *n, struct cns_request *r)
{
	list_add_tail(&r->link, &n->reads);
	switch (r->kind) {
	case CNS_REQ_READ_LINEAR:
		n->read_new = true;
		break;
	case CNS_REQ_READ_INDEX:
		r->known = true;
		if (cns_applied(n) >= r->at_least)
			cns_read_answer(n, r);
		break;
	default:
		cns_read_answer(n, r);
	}
}

/* What is told to whom comes to a node that stopped itself, was stopped, or loads. */
static int cns_ended(const struct cns_node *n)
{
	if (n->stopped)
		return n->stopped;
	return n->failed_logged || n->loading ? -ENOTCONN : 0;
}

void cns_request_begin(struct cns_node *n, struct cns_request *r, u64 now)
{
	int err = cns_ended(n);

	if (likely(!err))
		err = cns_fenced(n, r);
	if (unlikely(err)) {
		cns_request_finish(n, r, err, 0);
		return;
	}
	n->pump = true;
	if (r->kind == CNS_REQ_COMMAND)
		fsm_client_add(&n->client, &r->command);
	else if (r->kind == CNS_REQ_RELEASE)
		cns_lock_release(n, r, now);
	else
		cns_read_begin(n, r);
}

/* It ends, by other ways than a command or a read of its own. */
void cns_request_finish(struct cns_node *n, struct cns_request *r, int status,
			u64 index)
{
	r->command.status = status;
	r->command.index = index;
	cns_complete(n, r);
}

/* The caller's patience is over. It still waits, a little. */
void cns_request_give_up(struct cns_node *n, struct cns_request *r, u64 now)
{
	s32 reason = r->reason;

	if (r->finished)
		goto put;
	if (reason == -ETIMEDOUT && !raft_id_some(raft_leader(n->raft)))
		reason = -EHOSTUNREACH;
	if (r->kind == CNS_REQ_RELEASE)
		goto put;	/* once begun it happens, sooner or later */
	if (r->kind != CNS_REQ_COMMAND)
		cns_read_finish(n, r, reason);
	else if (fsm_client_give_up(&n->client, &r->command, reason))
		cns_complete(n, r);
	n->pump = true;
put:
	cns_request_put(r);
}

/* ------------------------------------------------------------ reads, owner */

/*
 * Reads that joined no round yet join one together; if it is not answered in
 * time another is asked for. A read keeps the first that it joined: the answer
 * to any later one serves it too, for that began after the read did.
 */
void cns_reads_pump(struct cns_node *n, u64 now)
{
	bool late = n->read_sent &&
		    now - n->read_sent >= n->params.heartbeat_ns;
	struct cns_request *r;
	bool waiting = false;

	if (likely(!n->read_new && !late))
		return;
	list_for_each_entry(r, &n->reads, link) {
		if (r->known)
			continue;
		waiting = true;
		if (!r->ctx)
			r->ctx = n->read_ctx + 1;
	}
	n->read_new = false;
	n->read_sent = waiting ? now : 0;
	if (waiting)
		raft_read(n->raft, now, ++n->read_ctx);
}

/* Reads up to context @ctx may be answered by a state that has @index. */
void cns_reads_confirmed(struct cns_node *n, u64 ctx, u64 index)
{
	bool left = false, ready = cns_applied(n) >= index;
	struct cns_request *r, *next;

	list_for_each_entry_safe(r, next, &n->reads, link) {
		if (r->known)
			continue;
		if (!r->ctx || r->ctx > ctx) {
			left = true;
			continue;
		}
		r->known = true;
		r->at_least = index;
		if (ready)
			cns_read_answer(n, r);
	}
	if (!left)
		n->read_sent = 0;
}

void cns_reads_applied(struct cns_node *n)
{
	struct cns_request *r, *next;
	u64 applied = cns_applied(n);

	list_for_each_entry_safe(r, next, &n->reads, link)
		if (r->known && applied >= r->at_least)
			cns_read_answer(n, r);
}

/* Everything ends: what had not left the node in @status. Owner. */
void cns_requests_stop(struct cns_node *n, int status)
{
	struct cns_request *r, *next;

	list_for_each_entry_safe(r, next, &n->reads, link)
		cns_read_finish(n, r, status);
	fsm_wants_stop(&n->wants, -EKEYEXPIRED);
	fsm_client_stop(&n->client, status, fsm_wants_done, &n->wants);
	/* What they held is gone; they hear of it before anybody comes again. */
	while (fsm_wants_sweep(&n->wants, CNS_CLOSE_STEP))
		;
}

/* ------------------------------------------------------------------ caller */

/* Places for @count more; an array has them all as soon as there is one. */
static bool cns_room_take(struct cns_node *n, unsigned int count)
{
	if (atomic_fetch_add(count, &n->n_requests) < CNS_REQUESTS_MAX)
		return true;
	atomic_sub(count, &n->n_requests);
	return false;
}

/**
 * cns_patience() - how long a caller may sleep
 * @deadline: until when (cns_now()); U64_MAX: no limit
 *
 * Return: jiffies, at least 1, as the waits of the kernel want them.
 */
long cns_patience(u64 deadline)
{
	u64 now = cns_now();

	if (deadline == U64_MAX)
		return MAX_SCHEDULE_TIMEOUT;
	if (deadline <= now)
		return 1;
	return min_t(u64, nsecs_to_jiffies64(deadline - now) + 1,
		     MAX_SCHEDULE_TIMEOUT - 1);
}

/*
 * A wait was ended by no signal: io_uring wants this task to run its completions. That
 * is no reason to end a call, and cannot be done from here. It comes when the call
 * ends, for which cns_notified() sees to it. A worker of io_uring is cancelled so.
 */
static bool cns_only_notified(bool *notified)
{
	if (task_sigpending(current) || current->flags & PF_IO_WORKER)
		return false;
	clear_notify_signal();
	*notified = true;
	return true;
}

/*
 * Whether to go on with a wait that ended with @left. Ticks may lag behind the clock
 * when it begins, and catch up: then it ends early. The deadline is the clock's.
 */
static bool cns_too_soon(long left, u64 deadline, bool *notified)
{
	return left < 0 ? cns_only_notified(notified) : !left && cns_now() < deadline;
}

static void cns_notified(bool notified)
{
	if (unlikely(notified))
		set_thread_flag(TIF_NOTIFY_SIGNAL);
}

/**
 * cns_sleep() - until something is done
 * @done: by others
 * @deadline: cns_now(); U64_MAX: none
 *
 * Return: above 0: it is done; 0: the deadline passed; -ERESTARTSYS: a signal.
 */
long cns_sleep(struct completion *done, u64 deadline)
{
	bool notified = false;
	long left;

	do {
		left = wait_for_completion_interruptible_timeout(done,
								 cns_patience(deadline));
	} while (cns_too_soon(left, deadline, &notified));
	cns_notified(notified);
	return left;
}

/**
 * cns_room() - places among the node's requests, one for each that is to come
 * @n: node
 * @count: how many
 * @nonblock: -EAGAIN instead of waiting for a full queue
 * @deadline: how long to wait for it (cns_now())
 *
 * Return: 0; -EAGAIN, -EINTR, -ETIMEDOUT. May sleep.
 */
int cns_room(struct cns_node *n, unsigned int count, bool nonblock, u64 deadline)
{
	bool notified = false;
	long err;

	if (likely(cns_room_take(n, count)))
		return 0;
	if (nonblock)
		return -EAGAIN;
	if (cns_now() >= deadline)
		return -ETIMEDOUT;
	do {
		err = wait_event_interruptible_timeout(n->wait_room,
						       cns_room_take(n, count),
						       cns_patience(deadline));
	} while (cns_too_soon(err, deadline, &notified));
	cns_notified(notified);
	if (err < 0)
		return -EINTR;
	return err ? 0 : -ETIMEDOUT;
}

/* Nothing is in it yet but the caller's reference. */
void cns_request_clear(struct cns_request *r)
{
	/* The name is filled by whoever has one: cns_request_name(). */
	memset(&r->command, 0, offsetof(struct fsm_request, name));
	r->item.kind = CNS_ITEM_REQUEST;
	r->give_up.kind = CNS_ITEM_GIVE_UP;
	INIT_LIST_HEAD(&r->link);
	r->node = NULL;
	r->handle = NULL;
	r->extra = NULL;
	refcount_set(&r->ref, 1);
	r->kind = CNS_REQ_COMMAND;
	r->room = false;
	r->op = false;
	r->check = false;
	r->reason = 0;
	r->ctx = 0;
	r->at_least = 0;
	r->known = false;
	r->finished = false;
}

/* A request without a node yet. */
struct cns_request *cns_request_spare(void)
{
	struct cns_request *r;

	r = kmem_cache_alloc(cns_requests, GFP_KERNEL);
	if (!r)
		return NULL;
	cns_request_clear(r);
	init_completion(&r->done);
	return r;
}

/*
 * A request of @h without a node yet, for cns_request_keep(): in the memory of the one
 * before it, whose name stays, if that was kept. NULL: no memory. May sleep.
 */
struct cns_request *cns_request_take(struct cns_handle *h)
{
	struct cns_request *r = xchg(&h->idle, NULL);
	u8 len;

	if (unlikely(!r))
		return cns_request_spare();
	len = r->command.name_len;
	cns_request_clear(r);
	r->command.name_len = len;
	reinit_completion(&r->done);
	return r;
}

/* A request that no node has: a spare, or one that is done. */
void cns_request_drop(struct cns_request *r)
{
	kfree(r->extra);
	kmem_cache_free(cns_requests, r);
}

/**
 * cns_request_extra() - room for what only some requests say
 * @r: a request that has not begun
 *
 * Return: zeroed, and the request's; NULL: no memory. May sleep.
 */
struct fsm_extra *cns_request_extra(struct cns_request *r)
{
	if (!r->extra)
		r->extra = kzalloc(sizeof(*r->extra), GFP_KERNEL_ACCOUNT);
	r->command.extra = r->extra;
	return r->extra;
}

/**
 * cns_request_admit() - a place for a request at the node of @ns
 * @r: filled, without a node
 * @ns: where
 * @nonblock: -EAGAIN instead of waiting for a full queue
 * @deadline: how long to wait for it (cns_now())
 *
 * Return: 0; -ENOTCONN, -ESHUTDOWN, -EAGAIN, -EINTR, -ETIMEDOUT. May sleep.
 */
int cns_request_admit(struct cns_request *r, struct cns_ns *ns, bool nonblock,
		      u64 deadline)
{
	struct cns_node *n = cns_node_get(ns);
	int err;

	if (!n)
		return READ_ONCE(ns->dead) ? -ESHUTDOWN : -ENOTCONN;
	err = cns_room(n, 1, nonblock, deadline);
	if (err) {
		cns_node_put(n);
		return err;
	}
	r->node = n;
	r->room = true;
	return 0;
}

/* Its place, if it has one, is another's from now on. */
void cns_request_leave(struct cns_request *r)
{
	struct cns_node *n = r->node;

	if (!r->room)
		return;
	r->room = false;
	atomic_dec(&n->n_requests);
	if (unlikely(wq_has_sleeper(&n->wait_room)))
		wake_up(&n->wait_room);
}

/* Its caller is done with @r. If the node is, too, @h keeps its memory for the next. */
void cns_request_keep(struct cns_request *r, struct cns_handle *h)
{
	if (!refcount_dec_and_test(&r->ref))
		return;
	cns_request_leave(r);
	kfree(r->extra);
	r->extra = NULL;
	if (r->handle)
		cns_handle_put(r->handle);
	if (r->node)
		cns_node_put(r->node);
	r = xchg(&h->idle, r);
	if (unlikely(r))
		cns_request_drop(r);
}

/* Its last reference is. Anywhere. */
void cns_request_gone(struct cns_request *r)
{
	struct cns_handle *h = r->handle;
	struct cns_node *n = r->node;

	cns_request_leave(r);
	if (r->op)
		cns_op_free(r);
	else
		cns_request_drop(r);
	if (h)
		cns_handle_put(h);
	if (n)
		cns_node_put(n);
}

/* The owner is to see @item of it, with a reference, when it is run next. */
void cns_request_push(struct cns_request *r, struct cns_item *item)
{
	refcount_inc(&r->ref);
	cns_node_push(r->node, item);
}

static void cns_submit(struct cns_request *r, struct cns_item *item)
{
	cns_request_push(r, item);
	cns_node_run(r->node);
}

/* Patience is over: 0 resolved meanwhile, else what to return. */
static int cns_withdraw(struct cns_request *r, int reason)
{
	u64 grace = 2 * r->node->params.election_max_ns;

	r->reason = reason;
	cns_submit(r, &r->give_up);
	if (wait_for_completion_killable_timeout(&r->done,
						 nsecs_to_jiffies(grace) + 1) > 0)
		return 0;
	/* Killed, or cut off: it may take effect, and the caller never learns. */
	return -ENOTRECOVERABLE;
}

/**
 * cns_request_run() - begin a filled request and wait for its end
 * @r: the request
 * @deadline: until when (cns_now()); U64_MAX: no limit
 *
 * Return: 0: resolved, see r->command.status; -ENOTRECOVERABLE: it was not.
 * Sleeps; a signal or the deadline begins its withdrawal.
 */
int cns_request_run(struct cns_request *r, u64 deadline)
{
	long left;

	cns_submit(r, &r->item);
	if (likely(try_wait_for_completion(&r->done)))
		return 0;
	left = cns_sleep(&r->done, deadline);
	if (left > 0)
		return 0;
	return cns_withdraw(r, left ? -EINTR : -ETIMEDOUT);
}

/**
 * cns_request_to() - make a spare the HANDLE_CLOSE of a handle
 * @r: spare
 * @n: node; a reference of its own is taken
 * @handle: number of the handle
 *
 * It may be given to cns_request_begin() then, by the owner, or submitted.
 */
void cns_request_to(struct cns_request *r, struct cns_node *n, u64 handle)
{
	kref_get(&n->ref);
	/* Not counted against what makes others wait: it makes room. */
	atomic_inc(&n->n_requests);
	r->room = true;
	r->node = n;
	r->command.op = FSM_HANDLE_CLOSE;
	r->command.handle = handle;
}

/*
 * A handle without locks was closed: @r, a spare, tells the cluster if that is
 * @needed, that is if requests of it are unresolved. Consumes @r; does not wait.
 */
void cns_request_close(struct cns_ns *ns, struct cns_request *r, u64 handle,
		       bool needed)
{
	struct cns_node *n = needed ? cns_node_get(ns) : NULL;

	if (!n) {
		cns_request_drop(r);
		return;
	}
	cns_request_to(r, n, handle);
	cns_node_put(n);
	cns_submit(r, &r->item);
	cns_request_put(r);
}

int cns_request_init(void)
{
	cns_requests = KMEM_CACHE(cns_request, 0);
	return cns_requests ? 0 : -ENOMEM;
}

void cns_request_exit(void)
{
	kmem_cache_destroy(cns_requests);
}
