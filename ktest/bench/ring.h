/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The least of io_uring that the bench needs, and array calls: what is measured is
 * the device, and not a library. ktest/bench/fake-ring.c has the same functions for
 * the self-test.
 */
#ifndef CNS_BENCH_RING_H
#define CNS_BENCH_RING_H

#include <linux/consensus.h>
#include <linux/io_uring.h>
#include <stdint.h>

enum { RING_ENTRIES_MAX = 1024 };

/**
 * struct ring - an io_uring of one task
 * @fd: of it
 * @entries: commands that may be under way
 * @queued: of them, those that the kernel has not seen yet
 * @sq_tail: shared with the kernel, as all pointers here
 * @sq_mask: of places in @sqe
 * @sqe: one place each, as the index array says
 * @cq_head: what we have seen
 * @cq_tail: what there is
 * @cq_mask: of places in @cqe
 * @cqe: completions
 */
struct ring {
	int fd;
	unsigned int entries;
	unsigned int queued;
	unsigned int *sq_tail, *sq_mask;
	struct io_uring_sqe *sqe;
	unsigned int *cq_head, *cq_tail, *cq_mask;
	struct io_uring_cqe *cqe;
};

void ring_open(struct ring *r, unsigned int entries, unsigned int flags);
void ring_close(struct ring *r);

/* Another command; it begins with the next ring_wait(). At most @entries are under way. */
void ring_push(struct ring *r, int fd, uint32_t call, void *argument, uint64_t user_data);

/* Begins what was pushed, and waits for at least one completion. */
void ring_wait(struct ring *r);

/* The next completion that there is: its user_data and result. 0: none. */
int ring_next(struct ring *r, uint64_t *user_data, int *result);

/* CONSENSUS_IOC_ARRAY: 0 or -1 with errno. */
int array_call(int fd, struct consensus_array *array);

#endif
