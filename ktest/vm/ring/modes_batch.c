// SPDX-License-Identifier: GPL-2.0
/* The library's batch, and its helpers for a ring of the caller's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/io_uring.h>

#include "modes_queue.h"
#include "ring.h"

enum { MANY = 600, ROOM = 640 };

/* More than an array holds: each has its status, also the bad ones. */
static void many(const struct scene *s, struct consensus_batch *b, const char *what)
{
	static struct consensus_counter_add a[MANY];
	static struct tally t;
	const char *name = fresh("batch");
	unsigned int i;
	int failed;

	memset(&t, 0, sizeof(t));
	for (i = 0; i < MANY; i++) {
		consensus_build_add(&a[i], NULL, name, 1, 60 * SEC);
		a[i].op.status = 4711;
		if (i % 100 == 99)
			a[i].delta = 0;
		failed = consensus_batch_put(b, CONSENSUS_IOC_COUNTER_ADD, &a[i]);
		if (failed)
			ok(false, "%s: put %u: %s", what, i, strerror(-failed));
	}
	failed = consensus_batch_run(b);
	ok(failed == MANY / 100, "%s: %d of %d failed", what, failed, MANY);
	for (i = 0; i < MANY; i++) {
		if (i % 100 != 99)
			tally_add(&t, a[i].op.status, a[i].value);
		else if (a[i].op.status != -EINVAL)
			ok(false, "%s: a bad one has status %d", what, a[i].op.status);
	}
	tally_end(&t, s->other, name, MANY - MANY / 100, what);
}

/* The call itself fails: all say so. */
static void not_a_handle(void)
{
	struct consensus_counter_add a = good_add("batch");
	struct consensus_batch *b = NULL;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int error = consensus_batch_new(&b, null, 4);

	/* A library that asks for features finds out at once. */
	if (error) {
		is_errno(-error, ENOTTY, "batch on no handle");
		close(null);
		return;
	}
	consensus_batch_put(b, CONSENSUS_IOC_COUNTER_ADD, &a);
	is_errno(-consensus_batch_run(b), ENOTTY, "batch on no handle");
	is_errno(-a.op.status, ENOTTY, "batch on no handle: each says so");
	consensus_batch_free(b);
	close(null);
}

void test_batch(const struct scene *s)
{
	struct consensus_counter_add a = good_add("batch");
	struct consensus_features f = { 0 };
	struct consensus_batch *b = NULL;
	unsigned int i;

	is_errno(-consensus_batch_new(&b, s->fd, 0), EINVAL, "batch: room for none");
	is_errno(-consensus_batch_new(&b, s->fd, 65537), EINVAL, "batch: room for 65537");
	is_errno(-consensus_batch_new(&b, s->fd, ROOM), 0, "batch: room for 640");
	if (!b)
		return;
	is_errno(-consensus_batch_run(b), 0, "batch: of none");
	is_errno(-consensus_batch_put(b, CONSENSUS_IOC_FEATURES, &f), EINVAL, "batch: no operation");
	many(s, b, "batch");
	many(s, b, "batch, again");
	consensus_batch_free(b);
	is_errno(-consensus_batch_new(&b, s->fd, 2), 0, "batch: room for 2");
	for (i = 0; i < 2; i++)
		is_errno(-consensus_batch_put(b, CONSENSUS_IOC_COUNTER_ADD, &a), 0, "batch: put %u",
			 i);
	is_errno(-consensus_batch_put(b, CONSENSUS_IOC_COUNTER_ADD, &a), ENOSPC, "batch: it is full");
	consensus_batch_free(b);
	consensus_batch_free(NULL);
	not_a_handle();
}

/* ---- the caller's ring ---- */

/* The status of what was prepared last, as the library sees it. */
static int run(struct ring *r)
{
	struct ring_cqe c = ring_do(r);
	struct io_uring_cqe cqe = { .user_data = c.user_data, .res = c.res };

	return -consensus_status(&cqe);
}

static void locks_by_ring(struct ring *r, int fd)
{
	struct consensus_lock_acquire acquire;
	struct consensus_lock_release release;
	struct consensus_lock_check check;
	struct consensus_grant grant = { 0 };
	const char *name = fresh("prep");

	consensus_build_acquire(&acquire, NULL, name, 0, 5, 60 * SEC);
	consensus_prep_acquire(ring_sqe(r), fd, &acquire);
	is_errno(run(r), 0, "prep: acquire");
	is_errno(-consensus_acquire_result(&acquire, &grant), 0, "prep: its result");
	ok(grant.token && grant.ticket && grant.index && grant.lease_ns, "prep: its grant");
	consensus_build_check(&check, name, grant.token, CONSENSUS_LINEARIZABLE, 0, 60 * SEC);
	consensus_prep_check(ring_sqe(r), fd, &check);
	is_errno(run(r), 0, "prep: check");
	consensus_build_release(&release, name, grant.token, 0, 60 * SEC);
	consensus_prep_release(ring_sqe(r), fd, &release);
	is_errno(run(r), 0, "prep: release");
	consensus_build_check(&check, name, grant.token, CONSENSUS_LINEARIZABLE, 0, 60 * SEC);
	consensus_prep_check(ring_sqe(r), fd, &check);
	is_errno(run(r), ESTALE, "prep: check what was released");
}

static void counters_by_ring(struct ring *r, int fd)
{
	struct consensus_counter_add add;
	struct consensus_counter_read read;
	struct consensus_result result = { 0 };
	struct consensus_array_entry e = { .call = CONSENSUS_IOC_COUNTER_ADD };
	struct consensus_array array = { .count = 1, .entries = (uintptr_t)&e };
	const char *name = fresh("prep");

	consensus_build_add(&add, NULL, name, 5, 60 * SEC);
	consensus_prep_add(ring_sqe(r), fd, &add);
	is_errno(run(r), 0, "prep: add");
	is_errno(-consensus_add_result(&add, &result), 0, "prep: its result");
	ok(result.value == 5 && result.index, "prep: its value");
	consensus_build_read(&read, NULL, name, CONSENSUS_AT_LEAST, result.index, 60 * SEC);
	consensus_prep_read(ring_sqe(r), fd, &read);
	is_errno(run(r), 0, "prep: read");
	is_errno(-consensus_read_result(&read, &result), 0, "prep: its result");
	ok(result.value == 5 && result.version == add.op.index, "prep: what it reads");
	consensus_build_add(&add, NULL, name, 2, 60 * SEC);
	e.argument = (uintptr_t)&add;
	consensus_prep_array(ring_sqe(r), fd, &array);
	is_errno(run(r), 0, "prep: array");
	ok(!array.failed && add.value == 7, "prep: its only entry");
}

void test_prep(const struct scene *s)
{
	struct consensus_features f = { 0 };
	struct io_uring_sqe *sqe;
	struct ring r;

	if (!is_errno(ring_open(&r, 8, 0, 0), 0, "prep: a ring"))
		return;
	counters_by_ring(&r, s->fd);
	locks_by_ring(&r, s->fd);
	consensus_prep(ring_sqe(&r), s->fd, CONSENSUS_IOC_FEATURES, &f);
	is_errno(run(&r), 0, "prep: features");
	ok(f.features & CONSENSUS_FEATURE_URING, "prep: what it says");
	is_errno(ring_files(&r, &s->fd, 1), 0, "prep: a fixed file");
	f = (struct consensus_features){ 0 };
	sqe = ring_sqe(&r);
	consensus_prep(sqe, 0, CONSENSUS_IOC_FEATURES, &f);
	sqe->flags = IOSQE_FIXED_FILE;
	is_errno(run(&r), 0, "prep: on it");
	ring_close(&r);
}
