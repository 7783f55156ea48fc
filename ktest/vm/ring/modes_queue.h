/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of ct-queue. */
#ifndef MODES_QUEUE_H
#define MODES_QUEUE_H

#include <consensus_ring.h>

#include "../abi/ct.h"
#include "../lock/lk.h"

/**
 * struct means - by which a queue works
 * @name: for people
 * @flags: for consensus_queue_new()
 * @method: that it must choose
 */
struct means {
	const char *name;
	unsigned int flags;
	enum consensus_method method;
};

/* @fd: a handle here; @other: of another node; @slow: how many times slower this kernel is. */
struct scene {
	int fd, other;
	unsigned int slow;
};

const char *fresh(const char *what);
int handle(void);
uint64_t take(int fd, const char *name);
bool there_are(int fd, const char *name, int wanted);

/* Each value once, from 1 to @n? */
struct tally {
	unsigned char seen[8192];
	unsigned int n, bad;
};

void tally_add(struct tally *t, int status, uint64_t value);
/* And is the counter as high? */
void tally_end(const struct tally *t, int fd, const char *name, unsigned int n, const char *what);

void test_free(const struct scene *s, const struct means *m);	/* modes_free.c */
void test_batch(const struct scene *s);		/* modes_batch.c */
void test_prep(const struct scene *s);		/* modes_batch.c */

#endif
