// SPDX-License-Identifier: GPL-2.0
/*
 * How long callers are without an answer: additions by ioctl, one caller in each of
 * several network namespaces, each on a counter of its own. Every value must follow
 * on the one before. Whatever is wrong says so and exits with 1.
 *
 *   bench-gap PERIOD NAME NAMESPACE...
 *	each caller waits PERIOD us between an answer and the next call
 *
 * No other process may keep callers from the CPU (SCHED_FIFO). A line of standard input,
 * the number of a caller from 1 on, is answered once that caller has had another answer, by
 * one JSON line. gap_ns: the longest time from one of its answers to the next since the
 * line before; ops: its answers.
 */
#define _GNU_SOURCE /* setns() */
#include <fcntl.h>
#include <linux/consensus.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

enum { CALLERS_MAX = 7 };

/**
 * struct caller - in one namespace
 * @thread: runs it
 * @fd: its handle
 * @add: its call
 * @value: what the counter gave last
 * @lock: of what follows
 * @answered: signals @ops
 * @last: when it had its last answer (ns)
 * @gap: the longest since somebody asked (ns)
 * @ops: answers since
 */
struct caller {
	pthread_t thread;
	int fd;
	struct consensus_counter_add add;
	uint64_t value;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	uint64_t last;
	uint64_t gap;
	uint64_t ops;
};

static useconds_t period;

static void answer(struct caller *c)
{
	uint64_t now = now_ns();

	if (c->add.value != c->value + 1)
		die("%s: value %ju came after %ju", c->add.name, (uintmax_t)c->add.value,
		    (uintmax_t)c->value);
	c->value = c->add.value;
	pthread_mutex_lock(&c->lock);
	if (c->last && now - c->last > c->gap)
		c->gap = now - c->last;
	c->last = now;
	c->ops++;
	pthread_cond_signal(&c->answered);
	pthread_mutex_unlock(&c->lock);
}

static void *caller_run(void *arg)
{
	struct caller *c = arg;

	for (;;) {
		c->add.op.index = 0;
		c->add.op.status = 0;
		c->add.value = 0;
		if (ioctl(c->fd, CONSENSUS_IOC_COUNTER_ADD, &c->add))
			die("add %s: %s", c->add.name, strerror(errno));
		answer(c);
		usleep(period);
	}
	return NULL;
}

static void caller_begin(struct caller *c, const char *name, const char *net, int number)
{
	char path[64];
	int ns;

	snprintf(path, sizeof(path), "/run/netns/%s", net);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET))
		die("%s: %s", path, strerror(errno));
	close(ns);
	c->fd = open("/dev/consensus", O_RDWR | O_CLOEXEC);
	if (c->fd < 0)
		die("/dev/consensus: %s", strerror(errno));
	snprintf(c->add.name, sizeof(c->add.name), "%.48s-%d", name, number);
	c->add.delta = 1;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->answered, NULL);
	if (pthread_create(&c->thread, NULL, caller_run, c))
		die("no thread");
}

/* What came before the question counts, and one answer after it. */
static void tell(struct caller *c)
{
	uint64_t ops;

	pthread_mutex_lock(&c->lock);
	ops = c->ops;
	while (c->ops == ops)
		pthread_cond_wait(&c->answered, &c->lock);
	printf("{\"gap_ns\":%ju,\"ops\":%ju}\n", (uintmax_t)c->gap, (uintmax_t)c->ops);
	c->gap = 0;
	c->ops = 0;
	pthread_mutex_unlock(&c->lock);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct caller c[CALLERS_MAX] = {};
	struct sched_param first = { .sched_priority = 1 };
	int i, n = argc - 3, which;
	char line[16];

	if (n < 1 || n > CALLERS_MAX)
		die("usage: bench-gap PERIOD NAME NAMESPACE...");
	if (mlockall(MCL_CURRENT) || sched_setscheduler(0, SCHED_FIFO, &first))
		die("no real-time priority: %s", strerror(errno));
	period = (useconds_t)number(argv[1]);
	for (i = 0; i < n; i++)
		caller_begin(&c[i], argv[2], argv[3 + i], i + 1);
	while (fgets(line, sizeof(line), stdin)) {
		which = atoi(line);
		if (which < 1 || which > n)
			die("no caller %s", line);
		tell(&c[which - 1]);
	}
	return 0;
}
