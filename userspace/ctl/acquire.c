// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for the lock. By an event and not by a call that blocks: who is stopped
 * and continued keeps its place in the queue.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "lock.h"

enum { AGAIN_MS = 100, EVENTS = 16 };

static const uint64_t ms = 1000 * 1000;

void lock_nonblock(const struct guard *g, bool on)
{
	int flags = fcntl(g->fd, F_GETFL);

	fcntl(g->fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

int lock_give_back(const struct guard *g)
{
	/* It may wait for its place in the node's queue. */
	lock_nonblock(g, false);
	if (!g->grant.token)
		return consensus_lock_release(g->fd, g->o->name, 0, g->grant.ticket,
					      LOCK_LEAVE_MS * ms);
	return consensus_lock_release(g->fd, g->o->name, g->grant.token, 0,
				      LOCK_RELEASE_MS * ms);
}

/* As flock: without a word, unless it is asked for. */
static int not_ours(const struct lock_options *l, int error)
{
	if (l->verbose || l->common.json)
		fail(&l->common, l->conflict, error, "the lock %s is taken%s", l->name,
		     l->try ? "" : ", and did not become free in time");
	return l->conflict;
}

/* What is left until then, for a call: 0 would be the node's default. */
static uint64_t left_ns(uint64_t until)
{
	uint64_t now = now_ns();

	if (until == UINT64_MAX)
		return CONSENSUS_NO_TIMEOUT;
	return until > now ? until - now : 1;
}

static int left_ms(uint64_t until)
{
	uint64_t left = left_ns(until) / ms + 1;

	if (until == UINT64_MAX)
		return -1;
	return left < INT32_MAX ? (int)left : INT32_MAX;
}

/* 1: granted; 0: not yet; or a negative errno. */
static int take_event(struct guard *g, const struct consensus_event *event)
{
	if (event->ticket != g->grant.ticket)
		return 0;
	switch (event->type) {
	case CONSENSUS_EVENT_GRANTED:
		g->grant.token = event->token;
		g->grant.index = event->index;
		g->grant.lease_ns = event->lease_ns;
		g->grant.info = event->info;
		return 1;
	case CONSENSUS_EVENT_LOST:
	case CONSENSUS_EVENT_ENDED:
		return event->status ? event->status : -EKEYEXPIRED;
	}
	return 0;
}

/* Until the ticket's event comes: 0, or a negative errno. */
static int wait_granted(struct guard *g, uint64_t until)
{
	struct pollfd at = { .fd = g->fd, .events = POLLIN };
	struct consensus_event event[EVENTS];
	int i, n, ret;

	lock_nonblock(g, true);
	for (;;) {
		n = poll(&at, 1, left_ms(until));
		if (!n && now_ns() >= until)
			return -ETIMEDOUT;
		if (n <= 0)
			continue;
		n = at.revents & POLLIN ? consensus_events(g->fd, event, EVENTS) : -EKEYEXPIRED;
		if (n < 0 && n != -EINTR && n != -EAGAIN)
			return n;
		for (i = 0; i < n; i++) {
			ret = take_event(g, &event[i]);
			if (ret)
				return ret < 0 ? ret : 0;
		}
	}
}

/* 0: it is ours; -EAGAIN, -ETIMEDOUT: another's; or what went wrong. */
static int attempt(struct guard *g, uint64_t until)
{
	uint32_t flags = g->o->shared ? CONSENSUS_LOCK_SHARED : 0;
	uint64_t timeout = g->o->try ? g->o->common.timeout_ns : left_ns(until);
	int ret;

	/* Else EAGAIN might mean that the queue is full. */
	lock_nonblock(g, false);
	flags |= g->o->try ? CONSENSUS_LOCK_TRY : CONSENSUS_LOCK_ASYNC;
	ret = consensus_lock_acquire(g->fd, g->o->name, flags, 0, timeout, &g->grant);
	if (ret || g->grant.token)
		return ret;
	ret = wait_granted(g, until);
	/* It may have come in this moment: back with it, too. */
	if (ret == -ETIMEDOUT)
		lock_give_back(g);
	return ret;
}

static void say_granted(const struct guard *g, uint64_t begin)
{
	char text[DURATION_TEXT], lease[DURATION_TEXT];

	if (!g->o->verbose)
		return;
	fprintf(stderr, "consensusctl: the lock %s is ours after %s: token %" PRIu64 ", lease %s%s\n",
		g->o->name, show_duration(now_ns() - begin, text), g->grant.token,
		show_duration(g->grant.lease_ns, lease),
		g->grant.info & CONSENSUS_GRANT_DIED ? "; its last holder died" : "");
}

bool lock_acquire(struct guard *g, int *status)
{
	uint64_t begin = now_ns(), until = later_ns(begin, g->o->wait_ns);
	int ret;

	for (;;) {
		ret = attempt(g, until);
		/* The session was lost while we waited: queue again. */
		if (ret == -EKEYEXPIRED && now_ns() < until) {
			ret = consensus_handle_reset(g->fd);
			pause_ms(AGAIN_MS);
			if (!ret)
				continue;
		}
		/* We were stopped and go on: signals that end us do so at once. */
		if (ret != -EINTR)
			break;
	}
	if (!ret)
		say_granted(g, begin);
	else if (ret == -EAGAIN || (ret == -ETIMEDOUT && !g->o->try))
		*status = not_ours(g->o, ret);
	else
		*status = device_refused(&g->o->common, ret);
	return !ret;
}
