// SPDX-License-Identifier: GPL-2.0
/*
 * Processes on two nodes contend for one lock, with a store that checks tokens behind it,
 * and are killed while they are inside.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "../abi/ct.h"
#include "guard.h"
#include "lt.h"

enum {
	PROCESSES = 4,
	KILLS = 8,
	MEMBERS = 100000,
};

/**
 * struct crowd - what they share
 * @stop: no more
 * @inside: who has the lock, a pid; 0: nobody
 * @killed: who was killed last, and may have been inside
 * @two: somebody found another inside who lives
 * @odd: an answer that should not be: an errno, and in which call
 * @n: entries of @tokens
 * @tokens: in the order in which the store let them in
 */
static struct {
	_Atomic uint64_t stop, inside, killed, two, odd, n;
	uint64_t tokens[MEMBERS];
} *crowd;

static void odd(int call, int error)
{
	atomic_store(&crowd->odd, (uint64_t)call * 1000 + (uint64_t)-error);
}

/* With the lock: what is there of another who has it, is of one that was killed. */
static void use(struct consensus_token *t, uint64_t token)
{
	uint64_t was = atomic_exchange(&crowd->inside, (uint64_t)getpid()), n;
	int ret;

	if (was && was != atomic_load(&crowd->killed))
		atomic_store(&crowd->two, was);
	ret = consensus_token_enter(t, token);
	if (ret) {
		odd(3, ret);
		return;
	}
	n = atomic_fetch_add(&crowd->n, 1);
	if (n < MEMBERS)
		crowd->tokens[n] = token;
	sleep_ms(2);
	consensus_token_leave(t);
	atomic_store(&crowd->inside, 0);
}

static void round_of(struct consensus_guard *g, struct consensus_token *t)
{
	uint64_t token;
	int ret = consensus_guard_acquire(g, 0);

	if (ret) {
		odd(1, ret);
		return;
	}
	ret = consensus_guard_token(g, &token);
	if (ret) {
		odd(2, ret);
		return;
	}
	use(t, token);
	ret = consensus_guard_release(g, 0);
	if (ret)
		odd(4, ret);
}

static int contends(void *node)
{
	struct consensus_guard *g;
	struct consensus_token *t;

	lt_enter(node);
	g = guard_new("crowd", 0);
	if (consensus_token_open(&t, "/tmp/crowd.token", 0600))
		return 1;
	while (!atomic_load(&crowd->stop) && !atomic_load(&crowd->odd))
		round_of(g, t);
	consensus_token_close(t);
	consensus_guard_free(g);
	return 0;
}

static const char *node_of(int i)
{
	return i % 2 ? opt.other : opt.node;
}

/* Kills who is inside, again and again; another takes its place. How many. */
static int kill_them(pid_t pids[PROCESSES])
{
	uint64_t until = now_ns() + 30 * SEC;
	int killed = 0, i;

	while (killed < KILLS && now_ns() < until) {
		uint64_t victim = lt_await(&crowd->inside, 10000);

		for (i = 0; i < PROCESSES && (uint64_t)pids[i] != victim; i++)
			;
		if (i == PROCESSES)
			continue;
		atomic_store(&crowd->killed, victim);
		kill(pids[i], SIGKILL);
		killed += lt_wait(pids[i]) == 128 + SIGKILL;
		pids[i] = lt_child(contends, (void *)node_of(i));
		sleep_ms(100);
	}
	return killed;
}

static bool rises(void)
{
	uint64_t i;

	for (i = 1; i < crowd->n && i < MEMBERS; i++)
		if (crowd->tokens[i] <= crowd->tokens[i - 1])
			return false;
	return true;
}

void test_crowd(void)
{
	pid_t pids[PROCESSES];
	int i, killed, bad = 0;

	crowd = lt_shared(sizeof(*crowd));
	unlink("/tmp/crowd.token");
	for (i = 0; i < PROCESSES; i++)
		pids[i] = lt_child(contends, (void *)node_of(i));
	killed = kill_them(pids);
	sleep_ms(200);
	atomic_store(&crowd->stop, 1);
	for (i = 0; i < PROCESSES; i++)
		bad += !!lt_wait(pids[i]);
	note("%" PRIu64 " uses, %d killed", (uint64_t)crowd->n, killed);
	ok(!bad && !crowd->odd, "processes on two nodes contend (call and errno: %" PRIu64 ")",
	   (uint64_t)crowd->odd);
	ok(killed == KILLS, "holders are killed: the next one has it, without waiting for a TTL");
	ok(!crowd->two, "two are never inside");
	ok(rises() && crowd->n > KILLS, "every use has a higher token than the one before");
}
