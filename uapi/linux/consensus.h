/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The consensus device, /dev/consensus.
 *
 * What it is. Every machine (more exactly: every network namespace) runs one
 * node; the nodes keep one replicated state by Raft. Operations are
 * linearizable: each takes effect once, at one point between its call and its
 * return, in one order that all nodes agree on. Its place in that order, the
 * index, is part of every result.
 *
 * Handles. An open file is a handle. open() binds it to the node of the
 * caller's network namespace, for good; passing it on by fork() or SCM_RIGHTS
 * shares it. Opening read-only gives a handle that may only read (changing
 * calls answer EBADF). Access to the device is access to all names.
 *
 * Calls. One struct per operation, all beginning with struct consensus_op.
 * Fill everything that the caller fills (flags, timeout_ns, names, arguments);
 * reserved bytes and padding must be zero, also behind the NUL of a name.
 * ioctl() returns 0 and .status is 0, or -1 with errno, which is then in
 * .status (negative) too. On success .index and the results are written back.
 *
 * Waiting. A call waits for its result, until a signal, or for timeout_ns. A
 * call ends in one of
 *   - a result;
 *   - a definite error: nothing happened and nothing will;
 *   - ENOTRECOVERABLE: the outcome is unknown. Only when a deadline, a signal
 *     or the end of the node cut the call off after it had left the node, and
 *     its cancellation could not be brought about within two further election
 *     timeouts.
 *
 * Errors.
 *   EAGAIN		the queue is full and the file is O_NONBLOCK
 *   EBADF		a changing call on a handle opened read-only
 *   ECANCELED		the call was withdrawn: nothing happened
 *   EFAULT		the argument is not readable and writable memory
 *   EHOSTUNREACH	no leader could be reached (no quorum) until the
 *			deadline: nothing happened
 *   EINTR		a signal came: nothing happened. Calls are never
 *			restarted by the kernel.
 *   EINVAL		unknown flag, dirty padding, bad name or argument
 *   ENAMETOOLONG	a name without NUL within its 64 bytes
 *   ENOENT		no object of that name (reads)
 *   ENOMEM		this node had no memory for the request
 *   ENOSPC		the cluster's limit of objects is reached
 *   ENOTCONN		the node is not started; the handle works once it is
 *   ENOTRECOVERABLE	outcome unknown, see above
 *   ENOTTY		no such call
 *   EOVERFLOW		the counter would pass 2^64 - 1; it is unchanged
 *   ESHUTDOWN		the node or its namespace is gone, for good
 *   ETIMEDOUT		the deadline passed: nothing happened
 *
 * Growth. Structs never grow: a new need is a new number. Ask
 * CONSENSUS_IOC_FEATURES what this kernel has.
 */
#ifndef _UAPI_LINUX_CONSENSUS_H
#define _UAPI_LINUX_CONSENSUS_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Bytes of a name with its NUL: 1 to 63 bytes of UTF-8, no control characters. */
#define CONSENSUS_NAME_SIZE	64

/* timeout_ns: wait without limit (by ioctl only; a signal still ends it). */
#define CONSENSUS_NO_TIMEOUT	(~(__u64)0)

/**
 * struct consensus_op - how every operation begins
 * @flags: in: flags of the operation; unknown ones are EINVAL
 * @status: out: 0 or a negative errno
 * @index: out: the operation's place in the one order. In, for a read with
 *	CONSENSUS_READ_INDEX: the index that it must have seen at least.
 *	Otherwise in: 0.
 * @timeout_ns: in: how long to wait (relative, ns); 0: the node's default,
 *	30 s; CONSENSUS_NO_TIMEOUT: no limit
 * @fence_name: in: must be zero until locks exist
 * @fence_token: in: must be zero until locks exist
 * @reserved: in: zero
 */
struct consensus_op {
	__u32 flags;
	__s32 status;
	__u64 index;
	__u64 timeout_ns;
	char fence_name[CONSENSUS_NAME_SIZE];
	__u64 fence_token;
	__u8 reserved[32];
};

/**
 * struct consensus_counter_add - add to a counter
 * @op: no flags
 * @name: in: the counter; it begins at 0 with its first add
 * @delta: in: how much, at least 1
 * @value: out: the value after the addition. The caller owns the range
 *	(@value - @delta, @value].
 */
struct consensus_counter_add {
	struct consensus_op op;
	char name[CONSENSUS_NAME_SIZE];
	__u64 delta;
	__u64 value;
};

/*
 * How strong a read is; at most one of them. None: linearizable, the default.
 *
 * CONSENSUS_READ_INDEX: causal. What this node has applied, once that is at
 *	least op.index (pass the index of an earlier result).
 * CONSENSUS_READ_LOCAL: what this node has applied now. May be stale; says its
 *	index. Works without a quorum.
 */
#define CONSENSUS_READ_INDEX	(1U << 0)
#define CONSENSUS_READ_LOCAL	(1U << 1)
#define CONSENSUS_READ_ALL	(CONSENSUS_READ_INDEX | CONSENSUS_READ_LOCAL)

/**
 * struct consensus_counter_read - read a counter
 * @op: CONSENSUS_READ_*. On return op.index is the index of the state that was
 *	read, also with ENOENT.
 * @name: in: the counter
 * @value: out: its value
 * @version: out: index of its last change
 */
struct consensus_counter_read {
	struct consensus_op op;
	char name[CONSENSUS_NAME_SIZE];
	__u64 value;
	__u64 version;
};

/* struct consensus_features.features */
#define CONSENSUS_FEATURE_COUNTER	(1ULL << 0)

/**
 * struct consensus_features - what this kernel's module has; never waits
 * @flags: in: zero
 * @abi: out: version of this file's ABI, 1
 * @features: out: CONSENSUS_FEATURE_*
 * @name_max: out: longest name in bytes, without NUL
 * @window: out: operations that a node can have under way
 * @node_started: out: 1 if this handle's node is started
 * @reserved: in and out: zero
 */
struct consensus_features {
	__u32 flags;
	__u32 abi;
	__u64 features;
	__u32 name_max;
	__u32 window;
	__u32 node_started;
	__u8 reserved[36];
};

#define CONSENSUS_ABI		1
#define CONSENSUS_IOC_MAGIC	0xC5

#define CONSENSUS_IOC_FEATURES \
	_IOWR(CONSENSUS_IOC_MAGIC, 0x00, struct consensus_features)
#define CONSENSUS_IOC_COUNTER_ADD \
	_IOWR(CONSENSUS_IOC_MAGIC, 0x10, struct consensus_counter_add)
#define CONSENSUS_IOC_COUNTER_READ \
	_IOWR(CONSENSUS_IOC_MAGIC, 0x11, struct consensus_counter_read)

#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
_Static_assert(sizeof(struct consensus_op) == 128, "layout");
_Static_assert(sizeof(struct consensus_counter_add) == 208, "layout");
_Static_assert(sizeof(struct consensus_counter_read) == 208, "layout");
_Static_assert(sizeof(struct consensus_features) == 64, "layout");
#endif

#endif
