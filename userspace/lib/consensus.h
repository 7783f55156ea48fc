/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * libconsensus: /dev/consensus from C.
 *
 * No threads, no global state, no allocation. A handle is a file descriptor:
 * it may be shared by threads, inherited, and passed on; everything said about
 * handles in <linux/consensus.h> holds. Functions return 0 (or a descriptor),
 * or a negative errno; consensus_strerror() says what to do about it.
 *
 * Time. Timeouts are relative, in nanoseconds; 0 is the node's default (30 s),
 * CONSENSUS_NO_TIMEOUT waits without limit. A signal whose handler was set
 * without SA_RESTART, or with it, ends a wait: calls are never restarted.
 *
 * Outcomes. A function that fails had no effect and will have none, with one
 * exception: -ENOTRECOVERABLE, the outcome is unknown. Only then must a caller
 * find out by itself (for example by reading) whether the change took place.
 */
#ifndef LIBCONSENSUS_CONSENSUS_H
#define LIBCONSENSUS_CONSENSUS_H

#include <stdint.h>
#include <linux/consensus.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CONSENSUS_DEVICE "/dev/consensus"

/* How strong a read is. */
enum consensus_consistency {
	CONSENSUS_LINEARIZABLE,	/* sees whatever was finished before the call */
	CONSENSUS_AT_LEAST,	/* sees at least a given index */
	CONSENSUS_LOCAL,	/* what this node has applied; may be stale */
};

/**
 * struct consensus_result - what a call on a counter returned
 * @value: the counter's value (after an addition)
 * @index: the place of the operation, or of the state read, in the one order
 * @version: reads only: index of the counter's last change
 */
struct consensus_result {
	uint64_t value;
	uint64_t index;
	uint64_t version;
};

/**
 * consensus_open() - a handle on the node of the caller's network namespace
 * @flags: O_RDWR, or O_RDONLY for a handle that only reads; also O_NONBLOCK.
 *	O_CLOEXEC is added.
 *
 * Succeeds also while the node is not started; calls then fail with -ENOTCONN
 * until it is. Does not block.
 *
 * Return: a descriptor; -ENODEV without the module, -EACCES without the right
 * to it, or another error of open(2).
 */
int consensus_open(int flags);

/**
 * consensus_close() - give a handle up
 * @fd: from consensus_open(); closed in any case
 *
 * Calls under way on it in other threads go on to their end. Never blocks.
 *
 * Return: 0, or -EBADF.
 */
int consensus_close(int fd);

/**
 * consensus_features() - what the kernel's module has
 * @fd: a handle
 * @features: filled in
 *
 * Never blocks, and needs no started node.
 *
 * Return: 0; -ENOTTY if @fd is no handle; -ESHUTDOWN if the node is gone.
 */
int consensus_features(int fd, struct consensus_features *features);

/**
 * consensus_counter_add() - add to a counter, and get the sum
 * @fd: a handle, not read-only
 * @name: of the counter: 1 to 63 bytes of UTF-8, no control characters. It
 *	begins at 0 with its first addition.
 * @delta: 1 to 2^64 - 1
 * @timeout_ns: how long to wait; 0: the node's default
 * @result: value and index. The caller owns the numbers from
 *	value - @delta + 1 to value: no other call ever gets one of them.
 *
 * Blocks until a majority of the voters has stored it. Applied exactly once,
 * whatever was lost or repeated on the way.
 *
 * Return: 0; nothing happened: -EOVERFLOW the sum would pass 2^64 - 1,
 * -ETIMEDOUT, -EHOSTUNREACH no quorum until the deadline, -EINTR, -ENOTCONN,
 * -EBADF, -EINVAL, -ENAMETOOLONG, -ENOSPC, -ENOMEM, -ECANCELED, -ESHUTDOWN,
 * -EAGAIN the queue is full and @fd is O_NONBLOCK; unknown: -ENOTRECOVERABLE.
 */
int consensus_counter_add(int fd, const char *name, uint64_t delta,
			  uint64_t timeout_ns, struct consensus_result *result);

/**
 * consensus_counter_inc() - consensus_counter_add() with 1
 */
int consensus_counter_inc(int fd, const char *name, uint64_t timeout_ns,
			  struct consensus_result *result);

/**
 * consensus_counter_read() - read a counter
 * @fd: a handle
 * @name: as for consensus_counter_add()
 * @how: how strong the read is
 * @index: for CONSENSUS_AT_LEAST: what it must have seen (the index of an
 *	earlier result); else 0
 * @timeout_ns: how long to wait; 0: the node's default
 * @result: value, index of the state that was read, version. The index is set
 *	with -ENOENT, too.
 *
 * Blocks: linearizable, until a majority confirmed its leader; at least, until
 * this node has applied that index; local, never.
 *
 * Return: 0; -ENOENT no such counter; else as for consensus_counter_add(), but
 * never -EOVERFLOW and never an unknown outcome.
 */
int consensus_counter_read(int fd, const char *name,
			   enum consensus_consistency how, uint64_t index,
			   uint64_t timeout_ns, struct consensus_result *result);

/**
 * consensus_strerror() - an error of this library in words, with what to do
 * @error: an errno, negative or not
 *
 * Return: a text without newline, constant, never NULL.
 */
const char *consensus_strerror(int error);

#ifdef __cplusplus
}
#endif

#endif
