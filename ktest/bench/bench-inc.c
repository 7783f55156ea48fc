// SPDX-License-Identifier: GPL-2.0
/*
 * Drives /dev/consensus by ioctl, in the network namespace it runs in, and
 * judges what comes back: values dense, each once, in the order of their
 * indices. Whatever is wrong has no number: it says so and exits with 1.
 *
 *   bench-inc add BATCHES OPS NAME
 *   bench-inc read BATCHES OPS NAME
 *	one caller: BATCHES times OPS operations, one after the other
 *   bench-inc shared THREADS OPS NAME
 *   bench-inc private THREADS OPS NAME
 *	THREADS callers, each OPS additions one after the other: all on the
 *	counter NAME, or each on a counter of its own, NAME-0, NAME-1, ...
 *
 * Prints one JSON line. mean_ns: of one operation, the median over batches
 * (one caller), or wall time over operations (many). p50_ns and p99_ns: of
 * one caller's operations, timed in a pass of their own, since reading the
 * clock costs, too. slept: how often the caller was put to sleep, in 1000 of
 * those operations.
 */
#include <fcntl.h>
#include <linux/consensus.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"

enum { THREADS_MAX = 1024 };

/* BENCH_DEVICE: for ktest/bench/selftest, whose ioctl() asks no kernel. */
static int device(void)
{
	const char *path = getenv("BENCH_DEVICE") ?: "/dev/consensus";
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

static void named(char *name, const char *s)
{
	if (strlen(s) >= CONSENSUS_NAME_SIZE)
		die("name too long: %s", s);
	memset(name, 0, CONSENSUS_NAME_SIZE);
	strcpy(name, s);
}

static void add(int fd, struct consensus_counter_add *a)
{
	a->op.index = 0;
	a->op.status = 0;
	a->value = 0;
	if (ioctl(fd, CONSENSUS_IOC_COUNTER_ADD, a) || a->op.status)
		die("add %s: %s", a->name, strerror(errno));
}

/**
 * struct one - a single caller
 * @fd: its handle
 * @add: its call, if it adds
 * @read: its call, if it reads
 * @value: what the last call gave, and thereby what the next has to
 * @index: of the last call
 */
struct one {
	int fd;
	struct consensus_counter_add add;
	struct consensus_counter_read read;
	__u64 value;
	__u64 index;
};

static void one_add(struct one *o)
{
	add(o->fd, &o->add);
	if (o->add.value != o->value + 1 || o->add.op.index <= o->index)
		die("value %llu at index %llu came after %llu at %llu",
		    (unsigned long long)o->add.value,
		    (unsigned long long)o->add.op.index,
		    (unsigned long long)o->value, (unsigned long long)o->index);
	o->value = o->add.value;
	o->index = o->add.op.index;
}

static void one_read(struct one *o)
{
	o->read.op.index = 0;
	o->read.op.status = 0;
	o->read.value = 0;
	o->read.version = 0;
	if (ioctl(o->fd, CONSENSUS_IOC_COUNTER_READ, &o->read))
		die("read %s: %s", o->read.name, strerror(errno));
	if (o->read.value != o->value || o->read.op.index < o->index)
		die("read %llu at index %llu after %llu at %llu",
		    (unsigned long long)o->read.value,
		    (unsigned long long)o->read.op.index,
		    (unsigned long long)o->value, (unsigned long long)o->index);
	o->index = o->read.op.index;
}

/* The counter may exist: begin behind what it has. */
static void one_begin(struct one *o, const char *name)
{
	memset(o, 0, sizeof(*o));
	o->fd = device();
	named(o->add.name, name);
	named(o->read.name, name);
	o->add.delta = 1;
	add(o->fd, &o->add);
	o->value = o->add.value;
	o->index = o->add.op.index;
}

static uint64_t sleeps(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)u.ru_nvcsw;
}

static void sequential(void (*op)(struct one *o), uint64_t batches,
		       uint64_t ops, const char *name)
{
	uint64_t *mean = calloc(batches, sizeof(*mean));
	uint64_t *each = calloc(ops, sizeof(*each));
	uint64_t b, i, begin, p50, slept;
	struct one o;

	if (!mean || !each || !batches || !ops)
		die("no memory, or nothing to do");
	one_begin(&o, name);
	for (i = 0; i < 64; i++)
		op(&o);
	for (b = 0; b < batches; b++) {
		one_add(&o); /* so that a stale read would show */
		begin = now_ns();
		for (i = 0; i < ops; i++)
			op(&o);
		mean[b] = (now_ns() - begin) / ops;
	}
	slept = sleeps();
	for (i = 0; i < ops; i++) {
		begin = now_ns();
		op(&o);
		each[i] = now_ns() - begin;
	}
	slept = sleeps() - slept;
	p50 = quantile(each, ops, 500);
	printf("{\"mean_ns\":%llu,\"p50_ns\":%llu,\"p99_ns\":%llu,",
	       (unsigned long long)quantile(mean, batches, 500),
	       (unsigned long long)p50,
	       (unsigned long long)quantile(each, ops, 990));
	printf("\"slept\":%llu,\"ops\":%llu}\n",
	       (unsigned long long)(slept * 1000 / ops),
	       (unsigned long long)((batches + 1) * ops + batches + 65));
	free(mean);
	free(each);
	close(o.fd);
}

/**
 * struct caller - one of many
 * @thread: runs it
 * @fd: its own handle
 * @add: its call
 * @ops: how many
 * @got: the values, in the order of its calls
 */
struct caller {
	pthread_t thread;
	int fd;
	struct consensus_counter_add add;
	uint64_t ops;
	uint64_t *got;
};

static pthread_barrier_t start;

static void *caller_run(void *arg)
{
	struct caller *c = arg;
	uint64_t i, index = 0;

	pthread_barrier_wait(&start);
	for (i = 0; i < c->ops; i++) {
		add(c->fd, &c->add);
		c->got[i] = c->add.value;
		if (c->add.op.index <= index)
			die("index %llu came after %llu",
			    (unsigned long long)c->add.op.index,
			    (unsigned long long)index);
		index = c->add.op.index;
	}
	return NULL;
}

/* @v, sorted, must be @first, @first + 1, ... */
static void must_be_dense(uint64_t *v, uint64_t n, uint64_t first)
{
	uint64_t i;

	qsort(v, n, sizeof(*v), compare_u64);
	for (i = 0; i < n; i++)
		if (v[i] != first + i)
			die("wanted value %llu, there is %llu",
			    (unsigned long long)(first + i),
			    (unsigned long long)v[i]);
}

/* Gives every caller its counter and adds once, so that all objects exist. */
static uint64_t callers_begin(struct caller *c, uint64_t threads, uint64_t ops,
			      uint64_t *got, const char *name, int shared)
{
	char own[CONSENSUS_NAME_SIZE];
	uint64_t i, first = 0;

	for (i = 0; i < threads; i++) {
		c[i].fd = device();
		c[i].ops = ops;
		c[i].got = got + i * ops;
		c[i].add.delta = 1;
		snprintf(own, sizeof(own), shared ? "%s" : "%s-%llu", name,
			 (unsigned long long)i);
		named(c[i].add.name, own);
		add(c[i].fd, &c[i].add);
		if (!shared && c[i].add.value != 1)
			die("%s exists", own);
		first = c[i].add.value + 1;
	}
	return first;
}

static void concurrent(int shared, uint64_t threads, uint64_t ops,
		       const char *name)
{
	struct caller *c = calloc(threads, sizeof(*c));
	uint64_t *got = calloc(threads * ops, sizeof(*got));
	uint64_t i, first, begin, took;

	if (!c || !got || !threads || threads > THREADS_MAX || !ops)
		die("no memory, or nothing to do");
	first = callers_begin(c, threads, ops, got, name, shared);
	pthread_barrier_init(&start, NULL, threads + 1);
	for (i = 0; i < threads; i++)
		if (pthread_create(&c[i].thread, NULL, caller_run, &c[i]))
			die("no thread");
	begin = now_ns();
	pthread_barrier_wait(&start);
	for (i = 0; i < threads; i++)
		pthread_join(c[i].thread, NULL);
	took = now_ns() - begin;
	if (shared)
		must_be_dense(got, threads * ops, first);
	for (i = 0; !shared && i < threads; i++)
		must_be_dense(c[i].got, ops, 2);
	printf("{\"mean_ns\":%llu,\"ops\":%llu}\n",
	       (unsigned long long)(took / (threads * ops)),
	       (unsigned long long)(threads * (ops + 1)));
	free(got);
	free(c);
}

int main(int argc, char **argv)
{
	if (argc != 5)
		die("usage: bench-inc add|read|shared|private N OPS NAME");
	if (!strcmp(argv[1], "add"))
		sequential(one_add, number(argv[2]), number(argv[3]), argv[4]);
	else if (!strcmp(argv[1], "read"))
		sequential(one_read, number(argv[2]), number(argv[3]), argv[4]);
	else if (!strcmp(argv[1], "shared") || !strcmp(argv[1], "private"))
		concurrent(argv[1][0] == 's', number(argv[2]), number(argv[3]),
			   argv[4]);
	else
		die("unknown: %s", argv[1]);
	return 0;
}
