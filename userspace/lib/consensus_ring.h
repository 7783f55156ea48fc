/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * libconsensus: operations by io_uring, on the caller's ring or on one of the
 * library's, and without any ring by arrays.
 *
 * An operation is a struct of <linux/consensus.h> that the caller has and fills
 * (consensus_build_*() do), then hands over, and reads after its completion. It must
 * stay where it is until then. Nothing here allocates but the _new() functions.
 */
#ifndef LIBCONSENSUS_CONSENSUS_RING_H
#define LIBCONSENSUS_CONSENSUS_RING_H

#include <consensus.h>

#ifdef __cplusplus
extern "C" {
#endif

struct io_uring_sqe;
struct io_uring_cqe;

/* ------------------------------------------------------- filling operations */

/*
 * consensus_build_*() - fill an operation as the blocking call of that name would
 *
 * @op: overwritten as a whole
 * @fence: a grant under which it is made; NULL: none
 * The other parameters are those of the blocking call, whose errors about arguments
 * they return: -EINVAL, -ENAMETOOLONG. Never block.
 */
int consensus_build_add(struct consensus_counter_add *op, const struct consensus_fence *fence,
			const char *name, uint64_t delta, uint64_t timeout_ns);
int consensus_build_read(struct consensus_counter_read *op, const struct consensus_fence *fence,
			 const char *name, enum consensus_consistency how, uint64_t index,
			 uint64_t timeout_ns);
int consensus_build_acquire(struct consensus_lock_acquire *op, const struct consensus_fence *fence,
			    const char *name, uint32_t flags, uint64_t cookie,
			    uint64_t timeout_ns);
int consensus_build_release(struct consensus_lock_release *op, const char *name, uint64_t token,
			    uint64_t ticket, uint64_t timeout_ns);
int consensus_build_check(struct consensus_lock_check *op, const char *name, uint64_t token,
			  enum consensus_consistency how, uint64_t index, uint64_t timeout_ns);

/* --------------------------------------------------------- the caller's ring */

/**
 * consensus_prep() - an SQE for a call
 * @sqe: of the caller's ring, overwritten but for nothing: set user_data and flags
 *	(IOSQE_FIXED_FILE, IOSQE_IO_LINK, ...) afterwards
 * @fd: a handle, or its place among the ring's files (with IOSQE_FIXED_FILE)
 * @call: CONSENSUS_IOC_*
 * @argument: its struct
 *
 * Any struct of <linux/consensus.h> that has a call may be used. cqe->res is then 0
 * or a negative errno, as consensus_strerror() takes it; the results are in @argument.
 */
void consensus_prep(struct io_uring_sqe *sqe, int fd, uint32_t call, void *argument);

/* consensus_prep_*() - consensus_prep() with the call that belongs to the struct */
void consensus_prep_add(struct io_uring_sqe *sqe, int fd, struct consensus_counter_add *op);
void consensus_prep_read(struct io_uring_sqe *sqe, int fd, struct consensus_counter_read *op);
void consensus_prep_acquire(struct io_uring_sqe *sqe, int fd, struct consensus_lock_acquire *op);
void consensus_prep_release(struct io_uring_sqe *sqe, int fd, struct consensus_lock_release *op);
void consensus_prep_check(struct io_uring_sqe *sqe, int fd, struct consensus_lock_check *op);
void consensus_prep_array(struct io_uring_sqe *sqe, int fd, struct consensus_array *op);

/**
 * consensus_status() - what became of a command, by its completion
 * @cqe: of a command that consensus_prep*() made
 *
 * Return: 0 or a negative errno; where the kernel has no such command at all
 * (-EOPNOTSUPP), that.
 */
int consensus_status(const struct io_uring_cqe *cqe);

/* What a completed operation tells, as the blocking calls tell it. */
int consensus_add_result(const struct consensus_counter_add *op, struct consensus_result *result);
int consensus_read_result(const struct consensus_counter_read *op, struct consensus_result *result);
int consensus_acquire_result(const struct consensus_lock_acquire *op,
			     struct consensus_grant *grant);

/* -------------------------------------------------------------------- queue */

/**
 * struct consensus_queue - operations under way, by the best means there is
 *
 * A ring of the library's own; where io_uring is not to be had (sysctl, seccomp, an
 * old kernel or module), array calls that run in consensus_queue_wait(). For one
 * thread at a time. Not to be used by a child after fork().
 */
struct consensus_queue;

/* How a queue works: consensus_queue_method() */
enum consensus_method {
	CONSENSUS_BY_URING,
	CONSENSUS_BY_ARRAY,
};

/* Flags of consensus_queue_new() */
#define CONSENSUS_QUEUE_ARRAY (1U << 0) /* do not try io_uring */

struct consensus_completion {
	uint64_t user_data;
	void *argument;		/* the struct that was pushed */
	int32_t status;		/* 0 or a negative errno */
};

/**
 * consensus_queue_new() - a queue on a handle
 * @queue: out
 * @fd: a handle; stays the caller's, and open until the queue is freed
 * @depth: how many operations may be under way, 1 to 4096
 * @flags: CONSENSUS_QUEUE_*
 *
 * Return: 0; -EINVAL; -ENOMEM; -EMFILE. That io_uring is not to be had is no error.
 */
int consensus_queue_new(struct consensus_queue **queue, int fd, unsigned int depth,
			unsigned int flags);

/* consensus_queue_free() - whatever is under way ends as if it had been killed */
void consensus_queue_free(struct consensus_queue *queue);

enum consensus_method consensus_queue_method(const struct consensus_queue *queue);

/**
 * consensus_queue_push() - another operation; it begins with the next submit or wait
 * @queue: a queue
 * @call: CONSENSUS_IOC_*, of a struct that begins with struct consensus_op
 * @argument: that struct; stays until completed
 * @user_data: comes back
 *
 * Return: 0; -EAGAIN @depth are under way; -EINVAL no operation. Never blocks.
 */
int consensus_queue_push(struct consensus_queue *queue, uint32_t call, void *argument,
			 uint64_t user_data);

/* consensus_queue_submit() - begin what was pushed. 0 or a negative errno. */
int consensus_queue_submit(struct consensus_queue *queue);

/**
 * consensus_queue_wait() - submit, and collect completions
 * @queue: a queue
 * @at: filled in
 * @room: for so many
 * @least: wait for so many (0: do not wait), unless fewer are under way
 * @timeout_ns: how long to wait for them; CONSENSUS_NO_TIMEOUT. By arrays a wait may
 *	take as long as the operations' own timeouts
 *
 * Return: how many were collected (fewer than @least after a timeout); -EINTR none,
 * and a signal came; or another negative errno.
 */
int consensus_queue_wait(struct consensus_queue *queue, struct consensus_completion *at,
			 unsigned int room, unsigned int least, uint64_t timeout_ns);

/* consensus_queue_fd() - readable while completions wait (poll); -1: by arrays */
int consensus_queue_fd(const struct consensus_queue *queue);

/* -------------------------------------------------------------------- batch */

/**
 * struct consensus_batch - operations collected into array calls, without any ring
 *
 * For one thread at a time.
 */
struct consensus_batch;

/**
 * consensus_batch_new() - an empty batch
 * @batch: out
 * @fd: a handle; stays the caller's
 * @room: for so many operations, 1 to 65536; more than 256 go in several calls
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int consensus_batch_new(struct consensus_batch **batch, int fd, unsigned int room);
void consensus_batch_free(struct consensus_batch *batch);

/**
 * consensus_batch_put() - another operation, at its end
 * @batch: a batch
 * @call: as for consensus_queue_push()
 * @argument: the same
 *
 * Return: 0; -ENOSPC it is full; -EINVAL. Never blocks.
 */
int consensus_batch_put(struct consensus_batch *batch, uint32_t call, void *argument);

/**
 * consensus_batch_run() - all of them, and wait for all
 * @batch: empty afterwards, whatever happened
 *
 * Each struct has its op.status in any case: those that were not begun, because the
 * array call itself failed, have that error.
 *
 * Return: how many failed (0: none); or the negative errno with which an array call
 * failed.
 */
int consensus_batch_run(struct consensus_batch *batch);

#ifdef __cplusplus
}
#endif

#endif
