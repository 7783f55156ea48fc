/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An io_uring without any library between: what is submitted and when is up to the
 * test, every flag of it, also from a 32-bit program. For one thread at a time, unless
 * a test says why not.
 */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/consensus.h>
#include <linux/io_uring.h>

/**
 * struct ring - an io_uring
 * @fd: of the ring
 * @setup: IORING_SETUP_*
 * @sq_entries: room for so many SQEs
 * @cq_entries: the same for CQEs
 * @sqe_size: 64 or 128
 * @cqe_size: 16 or 32
 * @tail: of SQEs that were taken by ring_sqe()
 * @told: of these, the kernel knows
 * @sq_head: and so on: the kernel's, in the maps
 */
struct ring {
	int fd;
	unsigned int setup;
	unsigned int sq_entries, cq_entries;
	size_t sqe_size, cqe_size;
	uint32_t tail, told;
	uint32_t *sq_head, *sq_tail, *sq_flags, *sq_array;
	uint32_t *cq_head, *cq_tail, *cq_overflow;
	char *sqes, *cqes;
	void *rings;
	size_t rings_size, sqes_size;
};

/* A completion. @big is big_cqe[0] of a ring with CQE32; else 0. */
struct ring_cqe {
	uint64_t user_data;
	int32_t res;
	uint32_t flags;
	uint64_t big;
};

/*
 * A ring for @entries SQEs and (0: twice as many) @cqes CQEs: 0 or a positive errno. A
 * ring with SQPOLL sleeps when it is idle for 5 ms.
 */
int ring_open(struct ring *r, unsigned int entries, unsigned int cqes, unsigned int setup);
/* Unmaps and closes it; what is under way goes on, or not, as the kernel does. */
void ring_close(struct ring *r);
/* A place among the ring's files, from 0, for each of @fds: 0 or a positive errno. */
int ring_files(struct ring *r, const int *fds, unsigned int n);

/* The next SQE, zeroed; NULL: there is no room until ring_submit(). */
struct io_uring_sqe *ring_sqe(struct ring *r);
/* IORING_OP_URING_CMD: @call with its struct. Sets all of the SQE but its flags. */
void ring_prep(struct io_uring_sqe *sqe, int fd, uint32_t call, void *argument,
	       uint64_t user_data);
/* IORING_OP_NOP. */
void ring_prep_nop(struct io_uring_sqe *sqe, uint64_t user_data);
/* IORING_OP_ASYNC_CANCEL of @target. */
void ring_prep_cancel(struct io_uring_sqe *sqe, uint64_t target, uint64_t user_data);
/* ring_sqe() and ring_prep(); bails out without room. */
struct io_uring_sqe *ring_put(struct ring *r, int fd, uint32_t call, void *argument,
			      uint64_t user_data);
/* Tells the kernel of all SQEs: how many it took, or a negative errno. */
int ring_submit(struct ring *r);
/* Waits until SQPOLL's thread has taken all SQEs that it was told of; bails out after 20 s. */
void ring_taken(struct ring *r);

/* The next completion, if there is one; never enters the kernel. */
bool ring_peek(struct ring *r, struct ring_cqe *cqe);
/* CQEs that are there and not taken. */
unsigned int ring_ready(const struct ring *r);
/* The next completion, waited for at most @ms: 0, ETIME, or another positive errno. */
int ring_wait(struct ring *r, struct ring_cqe *cqe, unsigned int ms);
/* ring_submit() of one SQE and ring_wait() 60 s for it; bails out if none comes. */
struct ring_cqe ring_do(struct ring *r);

#endif
