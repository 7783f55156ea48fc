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

CONSENSUS_EXPORT_BEGIN

/* ------------------------------------------------------- filling operations */

/*
 * consensus_build_*() - fill an operation as the blocking call of that name would
 *
 * @op: overwritten as a whole
 * @fence: a grant under which it is made; NULL: none
 * The other parameters are those of the blocking call, whose errors about arguments
 * they return: -EINVAL, -ENAMETOOLONG. Never block.
 *
 * An operation that has completed is to be filled anew before it is used again: results
 * stand where the kernel wants zeros (op.index).
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
 * @sqe: of the caller's ring, overwritten as a whole: set user_data and flags
 *	(IOSQE_FIXED_FILE, IOSQE_IO_LINK, ...) afterwards
 * @fd: a handle, or its place among the ring's files (with IOSQE_FIXED_FILE)
 * @call: CONSENSUS_IOC_*
 * @argument: its struct
 *
 * Any struct of <linux/consensus.h> that has a call may be used. cqe->res is then 0
 * or a negative errno, as consensus_strerror() takes it; the results are in @argument,
 * which the kernel may write until the completion is posted, also if the ring is closed
 * before. op.timeout_ns is at most CONSENSUS_URING_TIMEOUT_MAX (-EINVAL). The results
 * are written by the thread that submitted: it must not end before.
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
 * Return: 0 or a negative errno; -EOPNOTSUPP: the file knows no commands (an older
 * module), -EINVAL: the kernel does not (before 5.19), or as the blocking calls.
 */
int consensus_status(const struct io_uring_cqe *cqe);

/*
 * What a completed operation tells, as the blocking calls tell it: by op.status. Where
 * the command itself was refused (a consensus_status() of -EFAULT, -EOPNOTSUPP), there is
 * nothing in the struct: ask that first.
 */
int consensus_add_result(const struct consensus_counter_add *op, struct consensus_result *result);
int consensus_read_result(const struct consensus_counter_read *op, struct consensus_result *result);
int consensus_acquire_result(const struct consensus_lock_acquire *op,
			     struct consensus_grant *grant);

/* -------------------------------------------------------------------- queue */

/**
 * struct consensus_queue - operations under way, by the best means there is
 *
 * A ring of the library's own; where io_uring is not to be had (sysctl, seccomp, an
 * old kernel or module), array calls that run in consensus_queue_wait(). What differs
 * then: nothing begins before the wait; it takes as long as the operations take; and
 * those of one array (256 in a row) are collected together. So an operation must not
 * need one that is pushed later to end: acquire with CONSENSUS_LOCK_TRY or
 * CONSENSUS_LOCK_ASYNC what the same thread is to release.
 *
 * Each push has exactly one completion, in no order. For one thread at a time; a thread
 * that began operations must not end before they have. In a child after fork():
 * -ECHILD, but freeing it is allowed.
 */
struct consensus_queue;

/* How a queue works: consensus_queue_method() */
enum consensus_method {
	CONSENSUS_BY_URING,
	CONSENSUS_BY_ARRAY,
};

/* Flags of consensus_queue_new() */
#define CONSENSUS_QUEUE_ARRAY 0x1U /* do not try io_uring */

/**
 * struct consensus_completion - an operation has ended
 * @user_data: of its push
 * @argument: the struct that was pushed; its op.status is @status
 * @status: 0 or a negative errno
 */
struct consensus_completion {
	uint64_t user_data;
	void *argument;
	int32_t status;
};

/**
 * consensus_queue_new() - a queue on a handle
 * @queue: out
 * @fd: a handle; stays the caller's, and open until the queue is freed
 * @depth: how many operations may be under way, 1 to 4096
 * @flags: CONSENSUS_QUEUE_*
 *
 * Return: 0; -EINVAL; -ENOMEM; -EMFILE, -ENFILE; errors of consensus_features(). That
 * io_uring is not to be had is no error.
 */
int consensus_queue_new(struct consensus_queue **queue, int fd, unsigned int depth,
			unsigned int flags);

/**
 * consensus_queue_free() - end it
 * @queue: a queue, or NULL: nothing
 *
 * Withdraws what is under way, and waits until the kernel has done with it: some election
 * timeouts without a quorum, else much less. No signal but a deadly one shortens that,
 * and no error: it waits also where seccomp has come to forbid io_uring since.
 * Afterwards nothing touches the structs any more, and each has its op.status:
 * -ECANCELED, or what became of it, as it may have been too late (a lock that was got is
 * the handle's then). A program that dies needs not free it.
 */
void consensus_queue_free(struct consensus_queue *queue);

enum consensus_method consensus_queue_method(const struct consensus_queue *queue);

/**
 * consensus_queue_push() - another operation; it begins with the next submit or wait
 * @queue: a queue
 * @call: CONSENSUS_IOC_*, of a struct that begins with struct consensus_op
 * @argument: that struct; stays until its completion is collected or the queue is freed
 * @user_data: comes back
 *
 * Under way is what was pushed and not collected.
 *
 * Return: 0; -EAGAIN @depth are under way: wait first; -EINVAL no operation, or its
 * timeout_ns is above CONSENSUS_URING_TIMEOUT_MAX; -ECHILD. Never blocks.
 */
int consensus_queue_push(struct consensus_queue *queue, uint32_t call, void *argument,
			 uint64_t user_data);

/**
 * consensus_queue_submit() - begin what was pushed (by arrays: nothing, see above)
 * @queue: a queue
 *
 * Never blocks.
 *
 * Return: 0; -EAGAIN, -EBUSY the kernel has no memory for it now: what was not begun
 * remains pushed, so wait for others and try again; -ECHILD.
 */
int consensus_queue_submit(struct consensus_queue *queue);

/**
 * consensus_queue_wait() - submit, and collect completions
 * @queue: a queue
 * @at: filled in
 * @room: for so many
 * @least: wait for so many (0: do not wait), unless @room or what is under way is less
 * @timeout_ns: how long to wait for them; CONSENSUS_NO_TIMEOUT; 0 returns at once (it is
 *	no default, as in an operation). By arrays it is the operations' own timeouts that
 *	count, and a wait that finds nothing ended runs the next array, also with @least 0
 *
 * Return: how many were collected (fewer than @least after a timeout or a signal);
 * -EINTR none, and a signal came; -ECHILD; errors of consensus_queue_submit(), if none
 * was collected.
 */
int consensus_queue_wait(struct consensus_queue *queue, struct consensus_completion *at,
			 unsigned int room, unsigned int least, uint64_t timeout_ns);

/* consensus_queue_fd() - to poll(): POLLIN while completions wait; -1: by arrays */
int consensus_queue_fd(const struct consensus_queue *queue);

/* -------------------------------------------------------------------- batch */

/**
 * struct consensus_batch - operations collected into array calls, without any ring
 *
 * Where the module has no arrays, its calls are made one by one. For one thread at a
 * time.
 */
struct consensus_batch;

/**
 * consensus_batch_new() - an empty batch
 * @batch: out
 * @fd: a handle; stays the caller's
 * @room: for so many operations, 1 to 65536; more than 256 go in several calls
 *
 * Return: 0; -EINVAL; -ENOMEM; errors of consensus_features().
 */
int consensus_batch_new(struct consensus_batch **batch, int fd, unsigned int room);
/* NULL: nothing */
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
 * array call itself failed, have that error; because a signal may have ended the one
 * before (-EINTR or -ENOTRECOVERABLE is in it), -EINTR.
 *
 * Return: how many failed (0: none); or the negative errno with which an array call
 * failed.
 */
int consensus_batch_run(struct consensus_batch *batch);

CONSENSUS_EXPORT_END
#ifdef __cplusplus
}
#endif

#endif
