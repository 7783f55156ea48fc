// SPDX-License-Identifier: GPL-2.0
/*
 * Double fetch (pitfall 79): a thread rewrites the struct while the kernel uses
 * it, single bytes and words, so that every moment's contents are either good
 * or to be refused. If the kernel looked twice, a call could be checked with
 * one contents and carried out with others. Then the sum would not come out.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "abi.h"
#include "ct.h"

/* A store that the compiler neither drops nor moves together with others. */
#define PUT(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)

static struct consensus_counter_add shared;
static atomic_bool finished;
static uint64_t seed = 0x9e3779b97f4a7c15ULL;

static void *rewriter(void *arg)
{
	struct consensus_counter_add *a = &shared;
	uint64_t state = seed;

	(void)arg;
	while (!atomic_load(&finished)) {
		uint64_t r = random_next(&state);

		PUT(a->name[5], r & 1 ? 'a' : 'b');
		PUT(a->delta, r & 2 ? 1 : 0);
		PUT(a->op.flags, (r & 0xc) ? 0 : 1);
		PUT(a->op.reserved[7], (r & 0x30) ? 0 : 1);
		PUT(a->name[40], (r & 0xc0) ? 0 : 'x');
		PUT(a->op.fence_token, (r & 0x300) ? 0 : 1);
		PUT(a->op.index, (r & 0xc00) ? 0 : 1);
		PUT(a->name[6], (r & 0x3000) ? 0 : (char)0xff);
	}
	return NULL;
}

static void make_good(void)
{
	struct consensus_counter_add *a = &shared;

	PUT(a->op.index, 0);
	PUT(a->op.flags, 0);
	PUT(a->op.timeout_ns, 30 * SEC);
}

/* EINVAL and success are what may come; and both must. */
static void count(int fd, unsigned int seconds, uint64_t *done, uint64_t *refused, uint64_t *else_)
{
	uint64_t end = now_ns() + seconds * SEC;

	while (now_ns() < end) {
		int error;

		make_good();
		error = call(fd, CONSENSUS_IOC_COUNTER_ADD, &shared);
		if (!error)
			++*done;
		else if (error == EINVAL)
			++*refused;
		else
			++*else_;
	}
}

void test_race(int fd, unsigned int seconds)
{
	uint64_t done = 0, refused = 0, others = 0, before, after;
	pthread_t thread;

	shared = good_add("race-a");
	before = value_of(fd, "race-a") + value_of(fd, "race-b");
	pthread_create(&thread, NULL, rewriter, NULL);
	count(fd, seconds, &done, &refused, &others);
	atomic_store(&finished, true);
	pthread_join(thread, NULL);
	after = value_of(fd, "race-a") + value_of(fd, "race-b");
	note("%llu done, %llu refused, %llu else", (unsigned long long)done,
	     (unsigned long long)refused, (unsigned long long)others);
	ok(refused && !others, "rewriting: what was refused was refused with EINVAL");
	if (done)
		ok(after - before == done, "rewriting: what was done was done as checked");
	else
		skip("one CPU: the writer never ran in between", "rewriting: what was done");
}
