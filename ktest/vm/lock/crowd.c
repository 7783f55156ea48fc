// SPDX-License-Identifier: GPL-2.0
/*
 * 2,000 who wait for one lock on one node (400 on a slow kernel) hold up nothing else: a
 * waiter is no request under way (design 9). 40 of them wait in calls, the others for events.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "locks.h"

enum { CROWD = 2000, IN_CALLS = 40, QUEUERS = 4, SAMPLES = 101, SERVED = 20 };

/**
 * struct waiter - one of them
 * @fd: its handle
 * @ticket: in its queue
 */
static struct waiter {
	int fd;
	uint64_t ticket;
} crowd[CROWD];

static const char *name;
static unsigned int next, many;

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Median time of an increment by a handle that has nothing to do with it. */
static uint64_t increment_ns(int fd)
{
	uint64_t took[SAMPLES], begin;
	int i;

	for (i = 0; i < SAMPLES; i++) {
		begin = now_ns();
		if (add(fd, own("crowded"), 1, 60 * SEC, NULL))
			bail("an increment beside the crowd fails");
		took[i] = now_ns() - begin;
	}
	qsort(took, SAMPLES, sizeof(took[0]), by_value);
	return took[SAMPLES / 2];
}

/* In threads: those of one handle's queueing need not wait for another's. */
static void *queue(void *arg)
{
	unsigned int i;

	(void)arg;
	while ((i = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED)) < many) {
		struct consensus_lock_acquire a;

		crowd[i].fd = handle();
		if (lk_acquire(crowd[i].fd, name, CONSENSUS_LOCK_ASYNC, 60 * SEC, &a) || a.token)
			bail("number %u cannot wait", i);
		crowd[i].ticket = a.ticket;
	}
	return NULL;
}

static void *wait_in_call(void *arg)
{
	lk_acquire(*(int *)arg, name, 0, CONSENSUS_NO_TIMEOUT, NULL);
	return NULL;
}

/* A process whose threads wait in calls, until it is killed. */
static pid_t callers(void)
{
	pid_t pid = fork();

	if (!pid) {
		static int fd[IN_CALLS];
		pthread_t thread;
		int i;

		for (i = 0; i < IN_CALLS; i++) {
			fd[i] = handle();
			pthread_create(&thread, NULL, wait_in_call, &fd[i]);
		}
		for (;;)
			pause();
	}
	return pid;
}

static bool all_wait(int fd)
{
	uint64_t until = now_ns() + 120 * SEC;
	int n;

	while ((n = lk_list(fd, name, NULL, 0)) != (int)many + IN_CALLS + 1 && now_ns() < until)
		sleep_ms(50);
	if (n != (int)many + IN_CALLS + 1)
		note("%d of them", n);
	return n == (int)many + IN_CALLS + 1;
}

/* The first of them are served in order; the rest closes its handles. */
static void dissolve(int holder, uint64_t token)
{
	struct consensus_event e = { .token = token };
	int before = holder;
	bool order = true;
	unsigned int i;

	for (i = 0; i < SERVED; i++) {
		order &= !lk_release(before, name, e.token);
		order &= await_event(crowd[i].fd, CONSENSUS_EVENT_GRANTED, &e) &&
			 e.ticket == crowd[i].ticket;
		before = crowd[i].fd;
	}
	ok(order, "the first %d are served in order", SERVED);
	for (i = 0; i < many; i++)
		close(crowd[i].fd);
}

static void by_ticket(void)
{
	/* threads queue in any order: by ticket, they wait in this one */
	unsigned int i, k;

	for (i = 0; i < SERVED; i++) {
		for (k = i + 1; k < many; k++) {
			if (crowd[k].ticket < crowd[i].ticket) {
				struct waiter w = crowd[i];

				crowd[i] = crowd[k];
				crowd[k] = w;
			}
		}
	}
}

void test_crowd(const struct world *w)
{
	struct rlimit files = { 2 * CROWD, 2 * CROWD };
	uint64_t token, alone, beside, begin = now_ns();
	pthread_t thread[QUEUERS];
	int i, plain = handle();
	pid_t pid;

	name = own("crowd");
	if (setrlimit(RLIMIT_NOFILE, &files))
		bail("setrlimit: %s", strerror(errno));
	token = must_take(w->other, name, 0);
	alone = increment_ns(plain);
	next = 0;
	many = w->slow > 1 ? CROWD / 5 : CROWD;
	for (i = 0; i < QUEUERS; i++)
		pthread_create(&thread[i], NULL, queue, NULL);
	for (i = 0; i < QUEUERS; i++)
		pthread_join(thread[i], NULL);
	pid = callers();
	ok(all_wait(w->other), "%d wait for one lock on one node, %d of them in calls, after %llu ms",
	   (int)many + IN_CALLS, IN_CALLS, (unsigned long long)(now_ns() - begin) / 1000000);
	beside = increment_ns(plain);
	ok(beside < 6 * alone, "an increment beside them takes %llu us, without them %llu us",
	   (unsigned long long)beside / 1000, (unsigned long long)alone / 1000);
	ok(is_free(plain, own("crowd-not"), 30000), "and another lock is free");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	begin = now_ns();
	by_ticket();
	dissolve(w->other, token);
	ok(is_gone(w->other, name), "the others close their handles; nobody is left after %llu ms",
	   (unsigned long long)(now_ns() - begin) / 1000000);
	beside = increment_ns(plain);
	note("an increment takes %llu us then", (unsigned long long)beside / 1000);
	close(plain);
}
