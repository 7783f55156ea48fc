// SPDX-License-Identifier: GPL-2.0
/*
 * Very many counters on /dev/consensus, by ioctl: makes them, adds to them at
 * random, reads them all. What every one of them must be is kept in VALUES, a
 * file of one number each, so that nothing is taken for right that is not, in
 * this run or after a restart. Whatever is wrong has no number: it says so and
 * exits with 1.
 *
 *   bench-objects VALUES make UPTO THREADS
 *	makes counters from as many as VALUES knows up to UPTO
 *   bench-objects VALUES add OPS THREADS
 *	OPS additions in all, each caller one after the other, anywhere
 *   bench-objects VALUES check THREADS
 *	reads all of them
 *   bench-objects VALUES late PERIOD OPS [COMMAND [ARGUMENT]...]
 *	additions that fall due every PERIOD us, by one caller that no other
 *	process may keep from the CPU (SCHED_FIFO), at least OPS of them, and
 *	until COMMAND has ended, which must succeed
 *
 * Prints one JSON line. mean_ns: wall time over operations. p50_ns, p999_ns,
 * max_ns: of one operation. late: those are of the time from when an operation
 * fell due to its answer, so that it shows what keeps the CPU from it; call_ns
 * is the longest call alone.
 */
#include <fcntl.h>
#include <linux/consensus.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

enum { THREADS_MAX = 256, LATE_MAX = 1 << 20 };

/* What every counter must be. */
static uint64_t *values;
static uint64_t n_values;
static int values_fd;

static void values_open(const char *path)
{
	struct stat st;

	values_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (values_fd < 0 || fstat(values_fd, &st))
		die("%s: %s", path, strerror(errno));
	n_values = (uint64_t)st.st_size / sizeof(*values);
}

/* Room for @n, and those that are new are 0. */
static void values_map(uint64_t n)
{
	size_t bytes = n * sizeof(*values);

	if (!n || (n > n_values && ftruncate(values_fd, (off_t)bytes)))
		die("no counters, or no room");
	values = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_POPULATE, values_fd, 0);
	if (values == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	n_values = n;
}

static void named(char *name, uint64_t i)
{
	memset(name, 0, CONSENSUS_NAME_SIZE);
	snprintf(name, CONSENSUS_NAME_SIZE, "counter/%08llu",
		 (unsigned long long)i);
}

static void must_be(uint64_t i, uint64_t got, uint64_t wanted)
{
	if (got != wanted)
		die("counter %llu is %llu, and must be %llu",
		    (unsigned long long)i, (unsigned long long)got,
		    (unsigned long long)wanted);
}

static void add(int fd, uint64_t i)
{
	struct consensus_counter_add a = { .delta = 1 };

	named(a.name, i);
	if (ioctl(fd, CONSENSUS_IOC_COUNTER_ADD, &a))
		die("increment of %s: %s", a.name, strerror(errno));
	must_be(i, a.value, values[i] + 1);
	values[i] = a.value;
}

static void look(int fd, uint64_t i)
{
	struct consensus_counter_read r = {};

	named(r.name, i);
	if (ioctl(fd, CONSENSUS_IOC_COUNTER_READ, &r))
		die("read of %s: %s", r.name, strerror(errno));
	must_be(i, r.value, values[i]);
}

/* xorshift64* (Vigna): good enough to choose a counter. */
static uint64_t any(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (*state * 2685821657736338717u) >> 16;
}

static int device(void)
{
	int fd = open("/dev/consensus", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/consensus: %s", strerror(errno));
	return fd;
}

/* ------------------------------------------------------------ many callers */

/**
 * struct caller - one of many; it alone uses the counters at @at, at + step, ...
 * @thread: runs it
 * @op: what it does to them
 * @at: its first counter
 * @end: none from here on
 * @step: callers
 * @random: state of any(); 0: each counter once, in their order
 * @took: how long each operation took (ns)
 * @ops: how many
 */
struct caller {
	pthread_t thread;
	void (*op)(int fd, uint64_t i);
	uint64_t at, end, step;
	uint64_t random;
	uint64_t *took;
	uint64_t ops;
};

static pthread_barrier_t start;

static uint64_t chosen(struct caller *c, uint64_t nth)
{
	uint64_t mine = (c->end - c->at + c->step - 1) / c->step;

	return c->at + (c->random ? any(&c->random) % mine : nth) * c->step;
}

static void *caller_run(void *arg)
{
	struct caller *c = arg;
	uint64_t n, before, now;
	int fd = device();

	pthread_barrier_wait(&start);
	before = now_ns();
	for (n = 0; n < c->ops; n++) {
		c->op(fd, chosen(c, n));
		now = now_ns();
		c->took[n] = now - before;
		before = now;
	}
	close(fd);
	return NULL;
}

static void report(uint64_t *took, uint64_t ops, uint64_t mean)
{
	printf("\"ops\":%llu,\"mean_ns\":%llu,\"p50_ns\":%llu,\"p999_ns\":%llu,\"max_ns\":%llu}\n",
	       (unsigned long long)ops, (unsigned long long)mean,
	       (unsigned long long)quantile(took, ops, 500),
	       (unsigned long long)quantile(took, ops, 999),
	       (unsigned long long)quantile(took, ops, 1000));
}

/* @threads callers do @op to counters @first to @end, or @ops times in all. */
static void many(void (*op)(int fd, uint64_t i), uint64_t threads,
		 uint64_t first, uint64_t end, uint64_t ops)
{
	struct caller c[THREADS_MAX] = {};
	uint64_t total = ops ? ops : end - first;
	uint64_t *took = calloc(total, sizeof(*took));
	uint64_t t, begin, at = 0;

	if (!took || !threads || threads > THREADS_MAX ||
	    end - first < threads || total < threads)
		die("no memory, or fewer counters or operations than callers");
	pthread_barrier_init(&start, NULL, (unsigned int)threads + 1);
	for (t = 0; t < threads; t++) {
		c[t] = (struct caller){
			.op = op, .at = first + t, .end = end,
			.step = threads, .took = took + at,
			.random = ops ? now_ns() * 2 + 1 : 0,
			.ops = (total - t + threads - 1) / threads,
		};
		at += c[t].ops;
		if (pthread_create(&c[t].thread, NULL, caller_run, &c[t]))
			die("no thread");
	}
	begin = now_ns();
	pthread_barrier_wait(&start);
	for (t = 0; t < threads; t++)
		pthread_join(c[t].thread, NULL);
	begin = now_ns() - begin;
	printf("{");
	report(took, total, begin / total);
	free(took);
}

/* ------------------------------------------------------------- one, on time */

static pid_t spawn(char **command)
{
	pid_t child = command[0] ? fork() : 0;

	if (child < 0)
		die("fork: %s", strerror(errno));
	if (child || !command[0])
		return child;
	execvp(command[0], command);
	die("%s: %s", command[0], strerror(errno));
}

static bool ended(pid_t child)
{
	int status;

	if (waitpid(child, &status, WNOHANG) != child)
		return false;
	if (status)
		die("the command failed with status %d", status);
	return true;
}

static void first_of_all(void)
{
	struct sched_param p = { .sched_priority = 1 };

	if (mlockall(MCL_CURRENT | MCL_FUTURE) ||
	    sched_setscheduler(0, SCHED_FIFO, &p))
		die("no real-time priority: %s", strerror(errno));
}

static uint64_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t due)
{
	struct timespec t = {
		.tv_sec = (time_t)(due / 1000000000u),
		.tv_nsec = (long)(due % 1000000000u),
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL))
		;
}

static void late(uint64_t period, uint64_t ops, char **command)
{
	uint64_t *took = calloc(LATE_MAX, sizeof(*took));
	uint64_t n, due, began, begin, now, random = now_ns() * 2 + 1, call = 0;
	int fd = device();
	pid_t child = spawn(command);

	if (!took || !period || !ops)
		die("no memory, or nothing to do");
	first_of_all();
	begin = clock_now();
	due = begin;
	for (n = 0; n < LATE_MAX && (n < ops || child); n++) {
		due += period;
		sleep_until(due);
		began = clock_now();
		add(fd, any(&random) % n_values);
		now = clock_now();
		took[n] = now - due;
		call = now - began > call ? now - began : call;
		/* What fell due meanwhile has waited as long, but for this one. */
		while (due + period < now)
			due += period;
		if (child && !(n & 15) && ended(child))
			child = 0;
	}
	if (child)
		die("the command takes too long");
	printf("{\"call_ns\":%llu,", (unsigned long long)call);
	report(took, n, (clock_now() - begin) / n);
	free(took);
}

static void refuse(void)
{
	die("unknown arguments: see the head of bench-objects.c");
}

static void make(uint64_t upto, uint64_t threads)
{
	uint64_t known = n_values;

	if (upto <= known)
		die("there are %llu already", (unsigned long long)known);
	values_map(upto);
	many(add, threads, known, upto, 0);
}

static void on_all(int argc, char **argv)
{
	uint64_t a = number(argv[3]), b = argc > 4 ? number(argv[4]) : 0;

	values_map(n_values);
	if (!strcmp(argv[2], "late") && argc > 4)
		late(a * 1000, b, argv + 5);
	else if (!strcmp(argv[2], "add") && argc == 5)
		many(add, b, 0, n_values, a);
	else if (!strcmp(argv[2], "check") && argc == 4)
		many(look, a, 0, n_values, 0);
	else
		refuse();
}

int main(int argc, char **argv)
{
	if (argc < 4)
		refuse();
	values_open(argv[1]);
	if (!strcmp(argv[2], "make") && argc == 5)
		make(number(argv[3]), number(argv[4]));
	else
		on_all(argc, argv);
	return 0;
}
