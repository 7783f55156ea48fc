// SPDX-License-Identifier: GPL-2.0
/*
 * Token files between processes and threads: who is inside is alone, and no token is
 * let in after a higher one, also when those who write are killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "consensus_guard.h"
#include "fake/hook.h"
#include "tap.h"

enum {
	CHILDREN = 8,
	ROUNDS = 250,
	THREADS = 4,
	KILLED = 40,
	MEMBERS = CHILDREN * ROUNDS + THREADS * ROUNDS,
};

/**
 * struct shared - what all processes see
 * @base: tokens are drawn around it, and it rises
 * @inside: how many are; never above 1
 * @crowded: it was
 * @n: tokens that were let in
 * @stale: how many were not
 * @odd: answers that should not be
 * @told: the highest that was told to be let in
 * @seen: in the order in which they were
 */
static struct shared {
	_Atomic uint64_t base;
	atomic_int inside, crowded, n, stale, odd;
	_Atomic uint64_t told;
	uint64_t seen[MEMBERS];
} *shared;

static char path[4096];

/* ---- many, who come and go ---- */

static void use(uint64_t value)
{
	if (atomic_fetch_add(&shared->inside, 1))
		atomic_store(&shared->crowded, 1);
	shared->seen[atomic_fetch_add(&shared->n, 1)] = value;
	if (value % 16 == 0)
		usleep(200);
	atomic_fetch_sub(&shared->inside, 1);
}

/* Tokens that rise and fall around one that rises. */
static void come_and_go(unsigned int seed)
{
	struct consensus_token *t;
	uint64_t value;
	int i, ret;

	if (consensus_token_open(&t, path, 0600)) {
		atomic_fetch_add(&shared->odd, 1);
		return;
	}
	for (i = 0; i < ROUNDS; i++) {
		value = atomic_fetch_add(&shared->base, rand_r(&seed) % 3 == 0) +
			(unsigned int)rand_r(&seed) % 5;
		ret = consensus_token_enter(t, value);
		if (!ret) {
			use(value);
			consensus_token_leave(t);
		}
		atomic_fetch_add(&shared->stale, ret == -ESTALE);
		atomic_fetch_add(&shared->odd, ret && ret != -ESTALE);
		if (i % 50 == 49) {
			consensus_token_close(t);
			if (consensus_token_open(&t, path, 0600))
				abort();
		}
	}
	consensus_token_close(t);
}

static void *thread(void *arg)
{
	come_and_go((unsigned int)(uintptr_t)arg);
	return NULL;
}

static bool rises(void)
{
	int i;

	for (i = 1; i < shared->n; i++)
		if (shared->seen[i] < shared->seen[i - 1])
			return false;
	return true;
}

/* True: all have ended well. */
static bool ended(const pid_t *pids, int n)
{
	bool good = true;
	int i, status;

	for (i = 0; i < n; i++)
		good &= waitpid(pids[i], &status, 0) == pids[i] && !status;
	return good;
}

static void many(void)
{
	pthread_t threads[THREADS];
	pid_t pids[CHILDREN];
	struct stat st;
	uint64_t value;
	struct consensus_token *t;
	int i;

	unlink(path);
	shared->base = 100;
	for (i = 0; i < CHILDREN; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			come_and_go((unsigned int)i + 1);
			_exit(0);
		}
	}
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, thread, (void *)(uintptr_t)(1000 + i));
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ok(ended(pids, CHILDREN) && !shared->odd, "%d processes and %d threads come and go",
	   CHILDREN, THREADS);
	printf("# %d let in, %d stale\n", shared->n, shared->stale);
	ok(!shared->crowded, "who is inside is alone");
	ok(rises(), "no token is let in after a higher one");
	ok(shared->n >= MEMBERS / 10 && shared->stale >= MEMBERS / 10, "of both kinds enough");
	ok(!stat(path, &st) && st.st_nlink == 1, "those who made the file agreed on one");
	ok(!consensus_token_open(&t, path, 0600) && !consensus_token_highest(t, &value) &&
	   value == shared->seen[shared->n - 1], "the highest was the last");
	consensus_token_close(t);
}

/* ---- killed ---- */

/* Lets in one after the other, and tells so, until it is killed. */
static void climb(void)
{
	struct consensus_token *t;
	uint64_t value;

	if (consensus_token_open(&t, path, 0600) || consensus_token_highest(t, &value))
		_exit(1);
	for (;;) {
		if (consensus_token_enter(t, ++value))
			_exit(2);
		atomic_store(&shared->told, value);
		consensus_token_leave(t);
	}
}

/* Something was told since @before; waits for that for 20 s. */
static bool told_more(uint64_t before)
{
	int i;

	for (i = 0; i < 20000 && atomic_load(&shared->told) == before; i++)
		usleep(1000);
	return atomic_load(&shared->told) > before;
}

static void killed(void)
{
	struct consensus_token *t;
	uint64_t highest = 0, before;
	int i, status;
	bool good = true;
	pid_t pid;

	shared->told = 0;
	for (i = 0; good && i < KILLED; i++) {
		before = shared->told;
		pid = fork();
		if (!pid)
			climb();
		good = told_more(before);
		usleep((unsigned int)(i * 7919) % 4000);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		good = good && WIFSIGNALED(status) && !consensus_token_open(&t, path, 0600);
		if (!good)
			break;
		good = !consensus_token_highest(t, &highest) && highest >= shared->told &&
		       (!shared->told || consensus_token_enter(t, shared->told - 1) == -ESTALE);
		consensus_token_close(t);
	}
	ok(good, "killed %d times: nothing that was told is forgotten", i);
	printf("# told %lu, found %lu\n", (unsigned long)shared->told, (unsigned long)highest);
}

/* ---- one waits for another ---- */

static void on_alarm(int number)
{
	(void)number;
}

/* Is somebody inside? Waits for a moment. */
static bool occupied(uint64_t value)
{
	struct itimerval soon = { .it_value.tv_usec = 30000, .it_interval.tv_usec = 30000 };
	static const struct itimerval never;
	struct sigaction act = { .sa_handler = on_alarm }, old;
	struct consensus_token *t;
	int ret;

	if (consensus_token_open(&t, path, 0600))
		return false;
	sigaction(SIGALRM, &act, &old);
	setitimer(ITIMER_REAL, &soon, NULL);
	ret = consensus_token_enter(t, value);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &old, NULL);
	consensus_token_close(t);
	return ret == -EINTR;
}

/* In the child of one that is inside: nothing of it can be used, or harmed. */
static int as_child(struct consensus_token *t)
{
	uint64_t value;

	if (consensus_token_enter(t, ~0ULL) != -ECHILD ||
	    consensus_token_highest(t, &value) != -ECHILD)
		return 1;
	consensus_token_leave(t);
	if (!occupied(~0ULL))
		return 2;
	consensus_token_close(t);
	return occupied(~0ULL) ? 0 : 3;
}

static void waiting(void)
{
	struct consensus_token *t;
	int status = -1;
	pid_t pid;

	hook_first = true;
	if (!ok(!consensus_token_open(&t, path, 0600) && !consensus_token_enter(t, ~0ULL - 1),
		"one is inside"))
		return;
	ok(occupied(~0ULL), "another waits, and a signal ends that: EINTR");
	pid = fork();
	if (!pid)
		_exit(as_child(t));
	waitpid(pid, &status, 0);
	hook_first = false;
	ok(!status, "a child may nothing, and changes nothing (%d)", status);
	ok(occupied(~0ULL), "one is inside still");
	consensus_token_leave(t);
	ok(!occupied(~0ULL), "and now it is not");
	ok(consensus_token_enter(t, ~0ULL - 1) == -ESTALE, "what waited was let in");
	consensus_token_close(t);
}

void test_tokens(void)
{
	const char *folder = getenv("TEST_FOLDER");

	snprintf(path, sizeof(path), "%s/tokens.%d", folder ? folder : "/tmp", getpid());
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (!ok(shared != MAP_FAILED, "memory"))
		return;
	fflush(stdout);
	many();
	fflush(stdout);
	killed();
	fflush(stdout);
	waiting();
	unlink(path);
	munmap(shared, sizeof(*shared));
}
