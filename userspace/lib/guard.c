// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Guards. What a guard knows by itself is what it was told last; whether that still
 * holds is asked of the kernel before each answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guard.h"

int lib_guard_mine(const struct consensus_guard *guard)
{
	return lib_in_child(&guard->mark) ? -ECHILD : 0;
}

int consensus_guard_new(struct consensus_guard **guard, const char *name, uint32_t flags)
{
	struct consensus_guard *g;
	int ret;

	if (flags & ~(uint32_t)CONSENSUS_LOCK_SHARED)
		return -EINVAL;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	ret = lib_put_name(g->name, name);
	if (!ret)
		ret = lib_mark_new(&g->mark);
	if (ret) {
		free(g);
		return ret;
	}
	g->fd = consensus_open(O_RDWR);
	if (g->fd < 0) {
		ret = g->fd;
		lib_mark_free(&g->mark);
		free(g);
		return ret;
	}
	g->flags = flags;
	*guard = g;
	return 0;
}

void consensus_guard_free(struct consensus_guard *guard)
{
	if (!guard)
		return;
	/* To close it is not enough where a child has the file, too. */
	if (!lib_guard_mine(guard))
		consensus_handle_reset(guard->fd);
	consensus_close(guard->fd);
	lib_mark_free(&guard->mark);
	free(guard);
}

/* ------------------------------------------------------------------- state */

static void forget(struct consensus_guard *guard, enum lib_guard_state state)
{
	guard->state = state;
	guard->wanted = false;
	guard->token = 0;
}

void lib_guard_lose(struct consensus_guard *guard, int why)
{
	forget(guard, LIB_GUARD_LOST);
	guard->lost = why;
	guard->anew = true;
}

static void gain(struct consensus_guard *guard, const struct consensus_grant *grant)
{
	guard->state = LIB_GUARD_HELD;
	guard->lost = 0;
	guard->wanted = grant->info & CONSENSUS_GRANT_WANTED;
	guard->token = grant->token;
}

/* The handle has nothing, and is not lost. */
static int reset(struct consensus_guard *guard)
{
	int ret = consensus_handle_reset(guard->fd);

	if (ret)
		return ret;
	forget(guard, LIB_GUARD_FREE);
	guard->lost = 0;
	guard->anew = false;
	return 0;
}

void lib_guard_drop(struct consensus_guard *guard)
{
	if (!reset(guard))
		return;
	forget(guard, LIB_GUARD_FREE);
	guard->anew = true;
}

/* ------------------------------------------------------------------ asking */

/*
 * What this node knows of the grant. The fence is the grant itself: by it the kernel
 * looks at the handle, the session and, by the clock, at the end of the lease, before
 * it asks its copy of the state. That has the grant, if it still holds: a grant is told
 * when the node has applied it.
 *
 * A time limit, as a node that has more requests under way than it takes would make us
 * wait; what is answered from memory is answered before it counts.
 */
static int ask(const struct consensus_guard *guard)
{
	struct consensus_fence fence = { .name = guard->name, .token = guard->token };
	struct consensus_lock_check check;
	int ret;

	do {
		memset(&check, 0, sizeof(check));
		ret = lib_put_name(check.name, guard->name);
		if (!ret)
			ret = lib_put_op(&check.op, &fence, 1);
		if (ret)
			return ret;
		check.op.flags = CONSENSUS_READ_LOCAL;
		check.token = guard->token;
		ret = lib_call(guard->fd, CONSENSUS_IOC_LOCK_CHECK, &check);
	} while (ret == -EINTR);
	return ret;
}

/* The state has no such grant any more. Why? */
static int stale(const struct consensus_guard *guard)
{
	int ret = ask(guard);

	/* A lost handle answers so by now; one that is not lost one lock by revocation. */
	return lib_is_loss(ret) ? ret : -EKEYREVOKED;
}

int consensus_guard_check(struct consensus_guard *guard)
{
	int ret = lib_guard_mine(guard);

	if (ret)
		return ret;
	if (guard->state == LIB_GUARD_FREE)
		return -EPERM;
	if (guard->state == LIB_GUARD_LOST)
		return guard->lost;
	ret = ask(guard);
	if (ret == -ESTALE)
		ret = stale(guard);
	if (lib_is_loss(ret))
		lib_guard_lose(guard, ret);
	return ret;
}

int consensus_guard_token(struct consensus_guard *guard, uint64_t *token)
{
	int ret = consensus_guard_check(guard);

	*token = ret ? 0 : guard->token;
	return ret;
}

int consensus_guard_fence(struct consensus_guard *guard, struct consensus_fence *fence)
{
	fence->name = guard->name;
	return consensus_guard_token(guard, &fence->token);
}

/* ------------------------------------------------------------------ taking */

/* May it be taken? Whatever was left of what it had is gone then. */
static int ready(struct consensus_guard *guard)
{
	int ret = lib_guard_mine(guard);

	if (ret)
		return ret;
	if (guard->state == LIB_GUARD_HELD) {
		ret = consensus_guard_check(guard);
		if (ret == -ENOTCONN || ret == -ESHUTDOWN)
			return ret;
		if (!lib_is_loss(ret))
			return -EDEADLK;
	}
	return guard->anew ? reset(guard) : 0;
}

static int try_to_take(struct consensus_guard *guard, uint32_t flags, uint64_t timeout_ns)
{
	struct consensus_grant grant;
	int ret = ready(guard);

	if (ret)
		return ret;
	ret = consensus_lock_acquire(guard->fd, guard->name, guard->flags | flags, 0,
				     timeout_ns, &grant);
	switch (ret) {
	case 0:
		gain(guard, &grant);
		break;
	case -ENOTRECOVERABLE:	/* the handle gives it back when it comes */
	case -EDEADLK:
	case -EKEYEXPIRED:
	case -EKEYREVOKED:
		guard->anew = true;
		break;
	}
	return ret;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/*
 * A session that is over may be found to be so by this very call, and a place in the
 * queue be lost with one: whoever holds nothing has no use for that, and tries again.
 */
static int take(struct consensus_guard *guard, uint32_t flags, uint64_t timeout_ns)
{
	uint64_t began = now_ns(), took;
	int ret;

	ret = try_to_take(guard, flags, timeout_ns);
	if (ret != -EKEYEXPIRED)
		return ret;
	took = now_ns() - began;
	if (timeout_ns && timeout_ns != CONSENSUS_NO_TIMEOUT)
		timeout_ns = took < timeout_ns ? timeout_ns - took : 1;
	return try_to_take(guard, flags, timeout_ns);
}

int consensus_guard_acquire(struct consensus_guard *guard, uint64_t timeout_ns)
{
	return take(guard, 0, timeout_ns);
}

int consensus_guard_try(struct consensus_guard *guard)
{
	return take(guard, CONSENSUS_LOCK_TRY, 0);
}

/* The handle has no such grant: it was taken from it. */
static int refused(struct consensus_guard *guard, int error)
{
	int ret = consensus_guard_check(guard);

	return error == -EPERM && lib_is_loss(ret) ? ret : error;
}

int consensus_guard_release(struct consensus_guard *guard, uint64_t timeout_ns)
{
	int ret = lib_guard_mine(guard);

	if (ret)
		return ret;
	if (guard->state == LIB_GUARD_FREE)
		return -EPERM;
	if (guard->state == LIB_GUARD_LOST)
		return guard->lost;
	ret = consensus_lock_release(guard->fd, guard->name, guard->token, 0, timeout_ns);
	switch (ret) {
	case 0:
		forget(guard, LIB_GUARD_FREE);
		return 0;
	case -ENOTRECOVERABLE:	/* it has begun, and will happen */
		forget(guard, LIB_GUARD_FREE);
		guard->anew = true;
		return ret;
	case -EKEYEXPIRED:
	case -EKEYREVOKED:
		lib_guard_lose(guard, ret);
		return ret;
	}
	return refused(guard, ret);
}

/* ------------------------------------------------------------------ events */

static short polled(const struct consensus_guard *guard)
{
	struct pollfd p = { .fd = guard->fd, .events = POLLIN };

	while (poll(&p, 1, 0) < 0) {
		if (errno != EINTR)
			return POLLERR;
	}
	return p.revents;
}

static void note(struct consensus_guard *guard, const struct consensus_event *event)
{
	if (guard->state != LIB_GUARD_HELD || event->token != guard->token)
		return;
	if (event->type == CONSENSUS_EVENT_WANTED)
		guard->wanted = true;
	if (event->type == CONSENSUS_EVENT_LOST)
		lib_guard_lose(guard, event->status);
}

int consensus_guard_event(struct consensus_guard *guard, struct consensus_event *event)
{
	int ret = lib_guard_mine(guard);

	if (ret)
		return ret;
	/* There is one reader: what poll() has seen is there to be read. */
	if (polled(guard))
		ret = consensus_events(guard->fd, event, 1);
	if (ret == 1) {
		note(guard, event);
		return 1;
	}
	if (lib_is_loss(ret) && guard->state == LIB_GUARD_HELD)
		lib_guard_lose(guard, ret);
	if (!ret || ret == -EAGAIN || ret == -EINTR)
		return guard->lost;
	return ret;
}

void lib_guard_listen(struct consensus_guard *guard)
{
	struct consensus_event event;

	while (consensus_guard_event(guard, &event) == 1)
		;
}

int consensus_guard_fd(const struct consensus_guard *guard)
{
	return guard->fd;
}
