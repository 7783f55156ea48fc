// SPDX-License-Identifier: GPL-2.0
/*
 * How soon the next one has the lock of a process that dies.
 *
 *	ct-handover [-n ROUNDS] NETNS-OF-THE-HOLDER NETNS-OF-THE-WAITER NAME
 *
 * Each round: a process holds the lock, a thread of another node waits for it, some
 * increments are made, the process is killed. Measured is from its exit to the grant's
 * return to whoever waited, in the median, against the median of the increments, made
 * through the holder's node in the same rounds; and how many log entries further than the
 * last increment the grant is: 1, if its death is one entry, which grants.
 *
 * The exit: the end of a pipe that it has under a higher number than the handle. A dying
 * process lets go of its files in reverse order (task_work_run()), so that the pipe is
 * closed immediately before the handle is.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../abi/ct.h"
#include "lk.h"

enum { ROUNDS_MAX = 4096, INCREMENTS = 5, HIGH_FD = 100 };

/**
 * struct waiter - the thread that is to have the lock next
 * @fd: its handle
 * @turns: how often it was asked to wait
 * @done: how often it had the lock
 * @granted_ns: when
 * @index: of the grant
 * @info: of the grant
 */
static struct {
	int fd;
	atomic_uint turns, done;
	uint64_t granted_ns, index;
	uint32_t info;
} waiter;

static const char *lock_name;
static char counter[CONSENSUS_NAME_SIZE];
static uint64_t took[ROUNDS_MAX], each[ROUNDS_MAX * INCREMENTS], entries_max, undied;
static unsigned int rounds = 100;

static void *waits(void *arg)
{
	struct consensus_lock_acquire a;
	int error;

	(void)arg;
	for (;;) {
		while (atomic_load(&waiter.turns) == atomic_load(&waiter.done))
			usleep(200);
		error = lk_acquire(waiter.fd, lock_name, 0, 60 * SEC, &a);
		waiter.granted_ns = now_ns();
		if (error)
			bail("the waiter gets %s", strerror(error));
		waiter.index = a.op.index;
		waiter.info = a.info;
		error = lk_release(waiter.fd, lock_name, a.token);
		if (error)
			bail("the waiter's release: %s", strerror(error));
		atomic_fetch_add(&waiter.done, 1);
	}
	return NULL;
}

/* A process that has the lock; @end: readable when it has gone. */
static pid_t holder(const char *netns, int *end)
{
	int p[2], fd, error;
	pid_t pid;
	char got;

	if (pipe2(p, O_CLOEXEC))
		bail("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(waiter.fd);
		fd = lk_open(netns, O_RDWR);
		error = fd < 0 ? -fd : lk_acquire(fd, lock_name, 0, 60 * SEC, NULL);
		if (error || dup2(p[1], HIGH_FD) != HIGH_FD || close(p[1]) ||
		    write(HIGH_FD, ".", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(p[1]);
	if (pid < 0 || read(p[0], &got, 1) != 1)
		bail("there is no holder");
	*end = p[0];
	return pid;
}

/* Both stand in the list: one holds, one waits. */
static void await_queue(int fd)
{
	struct consensus_lock_info list[4];
	uint64_t until = now_ns() + 60 * SEC;

	while (lk_list(fd, lock_name, list, 4) != 2) {
		if (now_ns() > until)
			bail("nobody waits");
		usleep(500);
	}
}

static uint64_t increments(int fd, uint64_t *at)
{
	struct consensus_counter_add a = { .op.timeout_ns = 60 * SEC, .delta = 1 };
	uint64_t begin;
	int i;

	snprintf(a.name, sizeof(a.name), "%s", counter);
	for (i = 0; i < INCREMENTS; i++) {
		a.op.index = 0;
		begin = now_ns();
		if (call(fd, CONSENSUS_IOC_COUNTER_ADD, &a))
			bail("an increment: %s", strerror(errno));
		at[i] = now_ns() - begin;
	}
	return a.op.index;
}

static void round_of(unsigned int n, const char *netns, int fd)
{
	struct pollfd p = { .events = POLLIN };
	uint64_t before, ended;
	pid_t pid = holder(netns, &p.fd);

	atomic_fetch_add(&waiter.turns, 1);
	await_queue(fd);
	before = increments(fd, each + (size_t)n * INCREMENTS);
	kill(pid, SIGKILL);
	poll(&p, 1, -1);
	ended = now_ns();
	waitpid(pid, NULL, 0);
	close(p.fd);
	while (atomic_load(&waiter.done) != n + 1)
		usleep(200);
	took[n] = waiter.granted_ns > ended ? waiter.granted_ns - ended : 0;
	if (waiter.index - before > entries_max)
		entries_max = waiter.index - before;
	undied += !(waiter.info & CONSENSUS_GRANT_DIED);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t quantile(uint64_t *v, size_t n, unsigned int percent)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[(n - 1) * percent / 100];
}

int main(int argc, char **argv)
{
	struct sched_param first = { .sched_priority = 1 };
	uint64_t median, increment;
	pthread_t thread;
	unsigned int n;
	int fd;

	if (argc > 2 && !strcmp(argv[1], "-n")) {
		rounds = (unsigned int)strtoul(argv[2], NULL, 10);
		argv += 2;
		argc -= 2;
	}
	if (argc != 4 || !rounds || rounds > ROUNDS_MAX)
		return 2;
	lock_name = argv[3];
	snprintf(counter, sizeof(counter), "%s", lock_name);
	fd = lk_open(argv[1], O_RDWR);
	waiter.fd = lk_open(argv[2], O_RDWR);
	if (fd < 0 || waiter.fd < 0)
		bail("no handle");
	pthread_create(&thread, NULL, waits, NULL);
	/* what it waits for it sees at once; neither children nor the waiter are so */
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first))
		bail("sched_setscheduler: %s", strerror(errno));
	for (n = 0; n < rounds; n++)
		round_of(n, argv[1], fd);
	median = quantile(took, rounds, 50);
	increment = quantile(each, (size_t)rounds * INCREMENTS, 50);
	note("rounds %u", rounds);
	note("increment_ns %" PRIu64, increment);
	note("handover_ns %" PRIu64, median);
	note("handover_p90_ns %" PRIu64, quantile(took, rounds, 90));
	note("hundredths %" PRIu64, median * 100 / increment);
	note("entries_max %" PRIu64, entries_max);
	note("without_died %" PRIu64, undied);
	return 0;
}
