// SPDX-License-Identifier: GPL-2.0
/*
 * Guards on the real module.
 *
 *	ct-guard NODE OTHER CUT HEAL TTL-MS [STOP START]
 *
 * Runs in the root namespace: this process then is on NODE, a follower; others, its
 * children, are on OTHER. CUT and HEAL are shell commands that take NODE from the
 * network and give it back, STOP and START commands that stop and start it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../abi/ct.h"
#include "../lock/lk.h"
#include "guard.h"
#include "lt.h"

struct guard_options opt;

struct consensus_guard *guard_new(const char *name, uint32_t flags)
{
	struct consensus_guard *g;
	int ret = consensus_guard_new(&g, name, flags);

	if (ret)
		bail("no guard on %s: %s", name, strerror(-ret));
	return g;
}

struct consensus_guard *guard_held(const char *name, uint32_t flags)
{
	struct consensus_guard *g = guard_new(name, flags);
	int ret = consensus_guard_acquire(g, 0);

	if (ret)
		bail("%s is not to be had: %s", name, strerror(-ret));
	return g;
}

int guard_until(struct consensus_guard *guard, int was, unsigned int ms)
{
	uint64_t until = now_ns() + ms * 1000000ULL;
	int ret;

	do {
		ret = consensus_guard_check(guard);
		if (ret != was)
			break;
		sleep_ms(2);
	} while (now_ns() < until);
	return ret;
}

bool guard_gives_nothing(struct consensus_guard *guard, int why)
{
	struct consensus_fence fence = { .token = 1 };
	uint64_t token = 1;
	bool good;

	good = consensus_guard_check(guard) == why;
	good &= consensus_guard_token(guard, &token) == why && !token;
	good &= consensus_guard_fence(guard, &fence) == why && !fence.token;
	return good;
}

/* ---- the calls ---- */

static void one(void)
{
	struct consensus_guard *g = guard_new("one", 0);
	struct consensus_fence fence, old;
	struct consensus_result result;
	struct consensus_event event;
	uint64_t token;

	ok(guard_gives_nothing(g, -EPERM) && consensus_guard_release(g, 0) == -EPERM &&
	   !consensus_guard_event(g, &event), "a new guard has nothing");
	ok(!consensus_guard_acquire(g, 0) && !consensus_guard_check(g) &&
	   !consensus_guard_token(g, &token) && token, "it takes the lock, and gives its token");
	ok(!consensus_guard_fence(g, &fence) && !strcmp(fence.name, "one") &&
	   fence.token == token &&
	   !consensus_counter_add_fenced(consensus_guard_fd(g), &fence, "one.work", 1, 0, &result),
	   "its fence lets an increment through");
	ok(consensus_guard_acquire(g, 0) == -EDEADLK && consensus_guard_try(g) == -EDEADLK &&
	   !consensus_guard_check(g), "to take it again: EDEADLK, and it is held");
	old = fence;
	ok(!consensus_guard_release(g, 0) && guard_gives_nothing(g, -EPERM) &&
	   consensus_guard_release(g, 0) == -EPERM, "given back: nothing is to be had");
	ok(consensus_counter_add_fenced(consensus_guard_fd(g), &old, "one.work", 1, 0, &result) ==
	   -ESTALE, "nor by who kept its fence");
	consensus_guard_free(g);
}

static void two(void)
{
	struct consensus_guard *a = guard_held("two", 0), *b = guard_new("two", 0);
	struct consensus_guard *s = guard_new("two", CONSENSUS_LOCK_SHARED);
	struct consensus_guard *t = guard_new("two", CONSENSUS_LOCK_SHARED);
	struct consensus_event event = { 0 };
	uint64_t first, second;

	ok(consensus_guard_try(b) == -EAGAIN && consensus_guard_try(s) == -EAGAIN &&
	   guard_gives_nothing(b, -EPERM), "another does not get it: EAGAIN");
	ok(consensus_guard_acquire(b, SEC / 20) == -ETIMEDOUT && guard_gives_nothing(b, -EPERM),
	   "nor later: ETIMEDOUT");
	ok(lk_poll(consensus_guard_fd(a), 5000) & POLLIN && consensus_guard_event(a, &event) == 1 &&
	   event.type == CONSENSUS_EVENT_WANTED && !consensus_guard_check(a),
	   "the holder can read that it is wanted");
	consensus_guard_token(a, &first);
	ok(!consensus_guard_release(a, 0) && !consensus_guard_try(s) && !consensus_guard_try(t) &&
	   consensus_guard_try(a) == -EAGAIN, "two share");
	consensus_guard_token(s, &second);
	ok(second > first, "tokens rise");
	consensus_guard_free(s);
	consensus_guard_free(t);
	ok(!consensus_guard_acquire(b, 0) && !consensus_guard_check(b), "freed is given back");
	consensus_guard_free(a);
	consensus_guard_free(b);
}

/* Who is told of a grant has it in the node's copy of the state, also on a follower. */
static void at_once(void)
{
	struct consensus_guard *g = guard_new("at-once", 0);
	int i, ret = 0;

	for (i = 0; i < 40 && !ret; i++) {
		ret = consensus_guard_acquire(g, 0);
		if (!ret)
			ret = consensus_guard_check(g);
		if (!ret)
			ret = consensus_guard_release(g, 0);
	}
	is_errno(-ret, 0, "taken, asked at once, given back, %d times", i);
	consensus_guard_free(g);
}

void test_calls(void)
{
	one();
	two();
	at_once();
}

/* ---- children ---- */

static int in_child(void *arg)
{
	struct consensus_guard *g = arg;
	struct consensus_event event;

	if (!guard_gives_nothing(g, -ECHILD) || consensus_guard_acquire(g, 0) != -ECHILD ||
	    consensus_guard_try(g) != -ECHILD || consensus_guard_release(g, 0) != -ECHILD ||
	    consensus_guard_event(g, &event) != -ECHILD)
		return 1;
	consensus_guard_free(g);
	return 0;
}

static int goes_on(void *arg)
{
	(void)arg;
	while (pause())
		;
	return 0;
}

void test_fork(void)
{
	struct consensus_guard *g = guard_held("fork", 0), *other = guard_new("fork", 0);
	uint64_t before, after;
	pid_t pid;

	consensus_guard_token(g, &before);
	ok(!lt_wait(lt_child(in_child, g)), "in a child everything answers ECHILD");
	ok(!consensus_guard_token(g, &after) && after == before &&
	   consensus_guard_try(other) == -EAGAIN, "what the child freed is held by its parent");
	pid = lt_child(goes_on, NULL);
	consensus_guard_free(g);
	ok(!consensus_guard_acquire(other, 0), "freed, it is free, though a child has the file");
	kill(pid, SIGKILL);
	lt_wait(pid);
	ok(!consensus_guard_check(other), "and the end of the child changes nothing");
	consensus_guard_free(other);
}

int main(int argc, char **argv)
{
	if (argc != 6 && argc != 8) {
		fprintf(stderr, "ct-guard NODE OTHER CUT HEAL TTL-MS [STOP START]\n");
		return 2;
	}
	opt.node = argv[1];
	opt.other = argv[2];
	opt.cut = argv[3];
	opt.heal = argv[4];
	opt.ttl_ms = (unsigned int)strtoul(argv[5], NULL, 10);
	if (argc == 8) {
		opt.stop = argv[6];
		opt.start = argv[7];
	}
	lt_enter(opt.node);
	test_calls();
	test_fork();
	test_revoke();
	test_heartbeat();
	test_crowd();
	test_cut();
	if (opt.stop)
		test_stop();
	return tap_end();
}
