// SPDX-License-Identifier: GPL-2.0
/*
 * Additions on /dev/consensus, so many outstanding at a time, in the network namespace
 * it runs in; and no-ops of the floor, to compare. It judges what comes back: values
 * dense, each once, in the order of their indices, and the counter's own value at the
 * end. Whatever is wrong has no number: it says so and exits with 1.
 *
 *   bench-many threads OUTSTANDING ROUNDS NAME [private]
 *	OUTSTANDING threads, each by ioctl, on a handle of its own
 *   bench-many array OUTSTANDING ROUNDS NAME [private]
 *	arrays of OUTSTANDING; above 256, of 256 from several threads
 *   bench-many uring|uring-defer OUTSTANDING ROUNDS NAME [private]
 *	one ring of one task; what completes is begun again at once.
 *	defer: with IORING_SETUP_DEFER_TASKRUN
 *   bench-many noop|noop-defer OUTSTANDING ROUNDS
 *	the same with no-ops of /dev/floor-noop
 *   bench-many idle MS
 *	nothing at all, for so long
 *
 * ROUNDS times each: on one counter, NAME, or each on a counter of its own, NAME-0, NAME-1,
 * ... Prints one JSON line. mean_ns: wall time over operations. busy_ns: the same
 * without the time that CPUs were idle: with one CPU under -icount, the instructions.
 */
#include <fcntl.h>
#include <linux/consensus.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"
#include "floor.h"
#include "ring.h"

enum {
	OUTSTANDING_MAX = RING_ENTRIES_MAX,
	FILES = OUTSTANDING_MAX + 64,
	NAME_MAX_BYTES = 48,
	STACK = 128 << 10,
};

/**
 * struct got - what one addition gave
 * @value: of the counter
 * @index: its place in the order
 */
struct got {
	uint64_t value;
	uint64_t index;
};

/**
 * struct slot - an operation that is begun again when it has ended
 * @add: the call
 * @last: what the counter gave before; all of that is behind us
 * @left: how often yet
 * @under_way: begun, and not ended
 * @got: where the next goes; NULL: warming up
 */
struct slot {
	struct consensus_counter_add add;
	struct got last;
	uint64_t left;
	bool under_way;
	struct got *got;
};

/**
 * struct load - all of them
 * @name: of the counter, or of what counters' names begin with
 * @private: each slot has a counter of its own
 * @n: slots
 * @rounds: additions of each
 * @slot: them
 * @got: all results, @rounds for each slot
 * @first: the shared counter's value before
 */
struct load {
	const char *name;
	bool private;
	uint64_t n;
	uint64_t rounds;
	struct slot *slot;
	struct got *got;
	uint64_t first;
};

/* BENCH_DEVICE: for ktest/bench/selftest, which asks no kernel. */
static int device(const char *path)
{
	int fd;

	path = getenv("BENCH_DEVICE") ?: path;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

/* ------------------------------------------------------------------- judge */

static void slot_begin(struct slot *s)
{
	s->add.op.index = 0;
	s->add.op.status = 0;
	s->add.value = 0;
	s->under_way = true;
	s->left--;
}

/* What began after the last one had ended comes behind it. */
static void slot_end(const struct load *l, struct slot *s, int err)
{
	struct got g = { .value = s->add.value, .index = s->add.op.index };

	if (err || s->add.op.status)
		die("add %s: %s", s->add.name, strerror(err ? err : -s->add.op.status));
	if (!s->under_way)
		die("add %s: ended twice", s->add.name);
	if (g.value <= s->last.value || g.index <= s->last.index ||
	    (l->private && g.value != s->last.value + 1))
		die("%s: value %ju at index %ju came after %ju at %ju", s->add.name,
		    (uintmax_t)g.value, (uintmax_t)g.index, (uintmax_t)s->last.value,
		    (uintmax_t)s->last.index);
	s->under_way = false;
	s->last = g;
	if (s->got)
		*s->got++ = g;
}

static int compare_got(const void *a, const void *b)
{
	return compare_u64(&((const struct got *)a)->value, &((const struct got *)b)->value);
}

/* Each value once, none missing, and in the order of the indices. */
static void must_be_dense(const struct load *l)
{
	uint64_t i, n = l->n * l->rounds, wanted;

	qsort(l->got, n, sizeof(*l->got), compare_got);
	for (i = 0; i < n; i++) {
		wanted = l->first + 1 + i;
		if (l->got[i].value != wanted)
			die("wanted value %ju, there is %ju", (uintmax_t)wanted,
			    (uintmax_t)l->got[i].value);
		if (i && l->got[i].index < l->got[i - 1].index)
			die("value %ju is at index %ju, the one before at %ju", (uintmax_t)wanted,
			    (uintmax_t)l->got[i].index, (uintmax_t)l->got[i - 1].index);
	}
}

/* The counter itself says so, too. */
static void must_stand_at(int fd, const char *name, uint64_t value)
{
	struct consensus_counter_read r = {};

	strcpy(r.name, name);
	if (ioctl(fd, CONSENSUS_IOC_COUNTER_READ, &r))
		die("read %s: %s", name, strerror(errno));
	if (r.value != value)
		die("%s stands at %ju, and must at %ju", name, (uintmax_t)r.value,
		    (uintmax_t)value);
}

static void judge(const struct load *l)
{
	int fd = device("/dev/consensus");
	uint64_t i;

	for (i = 0; i < l->n; i++)
		if (l->slot[i].left || l->slot[i].under_way)
			die("%s has not ended", l->slot[i].add.name);
	if (!l->private)
		must_be_dense(l);
	for (i = 0; i < (l->private ? l->n : 1); i++)
		must_stand_at(fd, l->slot[i].add.name,
			      l->private ? l->slot[i].last.value : l->first + l->n * l->rounds);
	close(fd);
}

/* -------------------------------------------------------------------- ways */

/**
 * struct caller - a thread that brings operations about by ioctl
 * @thread: runs it
 * @l: of which it has a part
 * @at: its first slot
 * @n: its slots
 * @fd: its handle
 */
struct caller {
	pthread_t thread;
	struct load *l;
	struct slot *at;
	uint64_t n;
	int fd;
};

static pthread_barrier_t start;

static void *one_by_one(void *arg)
{
	struct caller *c = arg;

	pthread_barrier_wait(&start);
	while (c->at->left) {
		slot_begin(c->at);
		slot_end(c->l, c->at,
			 ioctl(c->fd, CONSENSUS_IOC_COUNTER_ADD, &c->at->add) ? errno : 0);
	}
	return NULL;
}

static void *by_array(void *arg)
{
	struct consensus_array_entry entry[CONSENSUS_ARRAY_MAX] = {};
	struct consensus_array array = { .entries = (uintptr_t)entry };
	struct caller *c = arg;
	uint64_t i;

	array.count = (uint32_t)c->n;
	for (i = 0; i < c->n; i++) {
		entry[i].call = CONSENSUS_IOC_COUNTER_ADD;
		entry[i].argument = (uintptr_t)&c->at[i].add;
	}
	pthread_barrier_wait(&start);
	while (c->at->left) {
		for (i = 0; i < c->n; i++)
			slot_begin(&c->at[i]);
		array.failed = 0;
		if (array_call(c->fd, &array))
			die("array: %s", strerror(errno));
		for (i = 0; i < c->n; i++)
			slot_end(c->l, &c->at[i], 0);
		if (array.failed)
			die("array: %u failed, and all have a result", array.failed);
	}
	return NULL;
}

/* @each slots a thread; how long it took (ns). */
static uint64_t by_callers(struct load *l, void *(*run)(void *), uint64_t each)
{
	uint64_t i, began, n = (l->n + each - 1) / each;
	struct caller *c = calloc(n, sizeof(*c));
	pthread_attr_t attr;

	if (!c || pthread_attr_init(&attr) || pthread_attr_setstacksize(&attr, STACK))
		die("no memory");
	pthread_barrier_init(&start, NULL, (unsigned int)n + 1);
	for (i = 0; i < n; i++) {
		c[i].l = l;
		c[i].at = l->slot + i * each;
		c[i].n = l->n - i * each < each ? l->n - i * each : each;
		c[i].fd = device("/dev/consensus");
		if (pthread_create(&c[i].thread, &attr, run, &c[i]))
			die("no thread");
	}
	began = now_ns();
	pthread_barrier_wait(&start);
	for (i = 0; i < n; i++)
		pthread_join(c[i].thread, NULL);
	began = now_ns() - began;
	for (i = 0; i < n; i++)
		close(c[i].fd);
	free(c);
	return began;
}

static void push(struct ring *r, int fd, struct slot *s, uint64_t i)
{
	slot_begin(s);
	ring_push(r, fd, CONSENSUS_IOC_COUNTER_ADD, &s->add, i);
}

static uint64_t by_uring(struct load *l, unsigned int flags)
{
	int err, fd = device("/dev/consensus");
	uint64_t i, began, under_way = l->n;
	struct ring r;

	ring_open(&r, (unsigned int)l->n, flags);
	began = now_ns();
	for (i = 0; i < l->n; i++)
		push(&r, fd, &l->slot[i], i);
	while (under_way) {
		ring_wait(&r);
		while (ring_next(&r, &i, &err)) {
			if (i >= l->n)
				die("a completion of nobody's");
			slot_end(l, &l->slot[i], -err);
			if (l->slot[i].left)
				push(&r, fd, &l->slot[i], i);
			else
				under_way--;
		}
	}
	began = now_ns() - began;
	ring_close(&r);
	close(fd);
	return began;
}

/* Each has a number, so that one that ends twice shows. */
static void noop_push(struct ring *r, int fd, bool *under_way, uint64_t i)
{
	under_way[i] = true;
	ring_push(r, fd, FLOOR_NOOP, NULL, i);
}

static uint64_t noops(uint64_t n, uint64_t rounds, unsigned int flags)
{
	uint64_t i, began, ended, more = n * (rounds - 1);
	int err, fd = device("/dev/floor-noop");
	bool under_way[OUTSTANDING_MAX] = {};
	struct ring r;

	ring_open(&r, (unsigned int)n, flags);
	began = now_ns();
	for (i = 0; i < n; i++)
		noop_push(&r, fd, under_way, i);
	for (ended = 0; ended < n * rounds;) {
		ring_wait(&r);
		while (ring_next(&r, &i, &err)) {
			if (err || i >= n || !under_way[i])
				die("no-op %ju: %d", (uintmax_t)i, err);
			under_way[i] = false;
			ended++;
			if (!more)
				continue;
			more--;
			noop_push(&r, fd, under_way, i);
		}
	}
	began = now_ns() - began;
	ring_close(&r);
	close(fd);
	return began;
}

/* --------------------------------------------------------------------- run */

__attribute__((noreturn))
static void refuse(void)
{
	die("unknown arguments: its source begins with those it knows");
}

static const unsigned int deferred = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;

static uint64_t run(struct load *l, const char *way)
{
	if (!strcmp(way, "threads"))
		return by_callers(l, one_by_one, 1);
	if (!strcmp(way, "array"))
		return by_callers(l, by_array, CONSENSUS_ARRAY_MAX);
	if (!strcmp(way, "uring"))
		return by_uring(l, 0);
	if (!strcmp(way, "uring-defer"))
		return by_uring(l, deferred);
	refuse();
}

/* Makes the counter, or all of them. */
static void load_begin(struct load *l)
{
	int fd = device("/dev/consensus");
	uint64_t i;

	for (i = 0; i < l->n; i++) {
		struct slot *s = &l->slot[i];

		s->add.delta = 1;
		snprintf(s->add.name, sizeof(s->add.name), l->private ? "%s-%ju" : "%s",
			 l->name, (uintmax_t)i);
		if (i && !l->private)
			continue;
		s->left = 1;
		slot_begin(s);
		slot_end(l, s, ioctl(fd, CONSENSUS_IOC_COUNTER_ADD, &s->add) ? errno : 0);
	}
	close(fd);
}

/* All slots @rounds times, from now on. */
static void load_more(struct load *l, uint64_t rounds, bool keep)
{
	uint64_t i;

	for (i = 0; i < l->n; i++) {
		l->slot[i].left = rounds;
		l->slot[i].got = keep ? l->got + i * rounds : NULL;
		if (!l->private && l->slot[i].last.value > l->first)
			l->first = l->slot[i].last.value;
	}
}

/*
 * ns that all CPUs were idle, or ~0 where the kernel does not tell. Who waits for an
 * io_uring counts as one who waits for a disk (6.1).
 */
static uint64_t idle_ns(void)
{
	FILE *f = fopen("/proc/timer_list", "r");
	uint64_t sum = 0;
	uintmax_t one;
	char line[256];
	bool found = false;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, " .idle_sleeptime : %ju", &one) != 1 &&
		    sscanf(line, " .iowait_sleeptime : %ju", &one) != 1)
			continue;
		found = true;
		sum += one;
	}
	if (f)
		fclose(f);
	return found ? sum : ~0ull;
}

static void report(uint64_t took, uint64_t idle, uint64_t measured, uint64_t ops)
{
	printf("{\"mean_ns\":%ju,", (uintmax_t)(took / measured));
	if (idle != ~0ull)
		printf("\"busy_ns\":%ju,", (uintmax_t)((took > idle ? took - idle : 0) / measured));
	printf("\"ops\":%ju}\n", (uintmax_t)ops);
}

static void many(const char *way, struct load *l)
{
	uint64_t took, idle;

	l->slot = calloc(l->n, sizeof(*l->slot));
	l->got = calloc(l->n * l->rounds, sizeof(*l->got));
	if (!l->slot || !l->got)
		die("no memory");
	load_begin(l);
	load_more(l, 1, false);
	run(l, way);
	load_more(l, l->rounds, true);
	idle = idle_ns();
	took = run(l, way);
	if (idle != ~0ull)
		idle = idle_ns() - idle;
	judge(l);
	report(took, idle, l->n * l->rounds,
	       l->n * (l->rounds + 1) + (l->private ? l->n : 1));
}

static void nothing(const char *way, uint64_t n, uint64_t rounds)
{
	unsigned int flags = strcmp(way, "noop") ? deferred : 0;
	uint64_t took, idle;

	if (flags && strcmp(way, "noop-defer"))
		refuse();
	noops(n, 1, flags);
	idle = idle_ns();
	took = noops(n, rounds, flags);
	if (idle != ~0ull)
		idle = idle_ns() - idle;
	report(took, idle, n * rounds, n * (rounds + 1));
}

/* What runs beside a program that sleeps: mean_ns and busy_ns are of all of it. */
static void sleeps(uint64_t ms)
{
	struct timespec t = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000 * 1000000),
	};
	uint64_t idle = idle_ns(), began = now_ns();

	while (nanosleep(&t, &t))
		;
	began = now_ns() - began;
	report(began, idle == ~0ull ? idle : idle_ns() - idle, 1, 1);
}

int main(int argc, char **argv)
{
	struct rlimit files = { .rlim_cur = FILES, .rlim_max = FILES };
	struct load l = {};

	if (argc == 3 && !strcmp(argv[1], "idle")) {
		sleeps(number(argv[2]));
		return 0;
	}
	if (argc < 4 || argc > 6 || (argc == 6 && strcmp(argv[5], "private")))
		refuse();
	if (setrlimit(RLIMIT_NOFILE, &files))
		die("no %d descriptors: %s", FILES, strerror(errno));
	l.n = number(argv[2]);
	l.rounds = number(argv[3]);
	if (!l.n || l.n > OUTSTANDING_MAX || !l.rounds)
		die("1 to %d outstanding, and something to do", OUTSTANDING_MAX);
	if (argc == 4) {
		nothing(argv[1], l.n, l.rounds);
		return 0;
	}
	l.name = argv[4];
	l.private = argc == 6;
	if (strlen(l.name) > NAME_MAX_BYTES)
		die("name too long: %s", l.name);
	many(argv[1], &l);
	return 0;
}
