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
 *     timeouts; or when the caller unmapped its struct meanwhile.
 *
 * Locks. A handle owns what it locks; every grant carries a fencing token: never
 * 0, and higher than that of every grant before it in the cluster, whatever the
 * lock. Pass it to whoever stores something for you, and let them refuse a lower
 * one than they have seen. Locks are exclusive or shared; who waits is served in
 * the order in which it came. Whoever waits may be a blocked call, or (with
 * CONSENSUS_LOCK_ASYNC) an event to come.
 *
 *   Who holds. The open file, as with OFD locks (fcntl(2)): descriptors made by
 *   dup(), fork() or SCM_RIGHTS share it, and the locks are released when the last
 *   of them is closed, for whatever reason a process ended. exec() keeps it unless
 *   O_CLOEXEC. That is at once, without a timeout; see HANDLE_DETACH for exceptions.
 *
 *   The lease. The node keeps a session with the cluster for all its locks, by
 *   itself: no program has to be scheduled for that. If the node cannot reach a
 *   quorum for the TTL, the cluster gives its locks to others; the node knows
 *   that before, by its own clock, and then the handle is lost.
 *
 *   A lost handle answers EKEYEXPIRED (EKEYREVOKED: an administrator ended the
 *   session) to every operation, until it is closed or reset; poll() has
 *   POLLERR|POLLHUP, read() an event LOST for each lock, and SIGIO (or what
 *   F_SETSIG says) is sent where O_ASYNC asked for it. Handles that neither held
 *   nor awaited a lock go on. One lock alone is lost when an administrator
 *   revokes it: the same signs, but the handle goes on.
 *
 *   Fences. Any operation with op.fence_name and op.fence_token takes effect only
 *   if that very grant still holds when its turn comes, else it is ESTALE. If the
 *   grant is this node's own, it is refused from the deadline of the lease on.
 *
 * Events. read() gives struct consensus_event, as many as fit, each once; it waits
 * for the first unless O_NONBLOCK. poll() has POLLIN while there are any.
 *
 * Many at once. CONSENSUS_IOC_ARRAY carries up to 256 operations, each in its own
 * struct, as if each were called by a thread of its own, but all in one call: they
 * begin in the order of the array, share datagrams and writes to storage, and each
 * ends by itself, with a status in any case. See struct consensus_array.
 *
 * io_uring. IORING_OP_URING_CMD on a handle takes the same numbers and structs as
 * ioctl(): sqe->cmd_op is the number, the 16 bytes of sqe->cmd are struct
 * consensus_uring. The CQE's res is the status (0 or a negative errno), posted after
 * the struct was written back; big_cqe[0] of a ring with CQE32 is .value of counter
 * calls, too. The struct must stay until then; that of the SQE need not.
 *
 *   What can work without a task of its own does: all operations (structs that begin
 *   with struct consensus_op) and arrays of them. The other calls run in a worker of
 *   the ring where they could wait. A timeout_ns above CONSENSUS_URING_TIMEOUT_MAX
 *   is EINVAL, also in an array: no command outlives its program for long. For longer
 *   waits for locks there are events (CONSENSUS_LOCK_ASYNC). A ring with
 *   IORING_SETUP_IOPOLL answers EOPNOTSUPP.
 *
 *   Results are written by the thread that issued a command, when it is not in a call
 *   of ours: nothing that ends such a call may depend on a completion of that thread's.
 *   If it has ended, or the struct cannot be written any more, the completion is
 *   ENOTRECOVERABLE where something may have happened, else ECANCELED or EFAULT; a lock
 *   that was granted is given back.
 *
 *   When a process ends or is killed, what it has under way ends, as if its calls
 *   had been killed. A kernel that can cancel commands (6.7 and later) does so also
 *   when only the ring is closed; an older one lets them go on to their deadline, and
 *   exec() waits for them. HANDLE_CANCEL withdraws them on any.
 *
 * Errors.
 *   E2BIG		an array of more than CONSENSUS_ARRAY_MAX
 *   EAGAIN		the queue is full and the file is O_NONBLOCK; a lock with
 *			CONSENSUS_LOCK_TRY would have to wait; no event to read
 *   EBADF		a changing call on a handle opened read-only
 *   ECANCELED		the call was withdrawn: nothing happened
 *   EDEADLK		the handle holds or awaits that lock already
 *   EFAULT		the argument is not readable and writable memory
 *   EHOSTUNREACH	no leader could be reached (no quorum) until the
 *			deadline: nothing happened
 *   EINTR		a signal came, or the machine slept: nothing happened.
 *			Calls are never restarted by the kernel.
 *   EINVAL		unknown flag, dirty padding, bad name or argument
 *   EKEYEXPIRED		the lease or session was lost, and the handle's locks with it
 *   EKEYREVOKED		an administrator took the lock, or ended the session
 *   ENAMETOOLONG	a name without NUL within its 64 bytes
 *   ENOENT		no object of that name (reads); no such lock, session or
 *			secret
 *   ENOMEM		this node had no memory for the request
 *   ENOSPC		the cluster's limit of objects is reached
 *   ENOTCONN		the node is not started; the handle works once it is
 *   ENOTRECOVERABLE	outcome unknown, see above
 *   ENOTTY		no such call
 *   EOVERFLOW		the counter would pass 2^64 - 1; it is unchanged
 *   EPERM		not the holder; or not allowed (revoking, ending a session:
 *			CAP_NET_ADMIN; adopting: the same user)
 *   ESHUTDOWN		the node or its namespace is gone, for good
 *   ESTALE		the token, or that of the fence, is no grant that holds
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
 *	Otherwise in: 0. Additions to one counter that waited together may have
 *	one index; their order is that of the values
 * @timeout_ns: in: how long to wait (relative, ns); 0: the node's default,
 *	30 s; CONSENSUS_NO_TIMEOUT: no limit
 * @fence_name: in: a lock; empty: no fence
 * @fence_token: in: token of the grant of it under which the operation is made;
 *	0: no fence
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

/*
 * Flags of LOCK_ACQUIRE. Without TRY and ASYNC the call waits until granted, for
 * timeout_ns; ETIMEDOUT and EINTR then mean that it left the queue.
 *
 * CONSENSUS_LOCK_SHARED: beside other shared ones; default: exclusive.
 * CONSENSUS_LOCK_TRY: EAGAIN if it would have to wait. Not with ASYNC.
 * CONSENSUS_LOCK_ASYNC: do not wait to be granted: token 0 and a ticket come back,
 *	and the grant as an event. timeout_ns is how long to wait for the ticket.
 */
#define CONSENSUS_LOCK_SHARED	(1U << 0)
#define CONSENSUS_LOCK_TRY	(1U << 1)
#define CONSENSUS_LOCK_ASYNC	(1U << 2)
#define CONSENSUS_LOCK_ALL \
	(CONSENSUS_LOCK_SHARED | CONSENSUS_LOCK_TRY | CONSENSUS_LOCK_ASYNC)

/* What a grant tells beside its token. */
#define CONSENSUS_GRANT_DIED	(1U << 0) /* the holder before let go by dying */
#define CONSENSUS_GRANT_WANTED	(1U << 1) /* others wait already */

/**
 * struct consensus_lock_acquire - take a lock, or queue for it
 * @op: CONSENSUS_LOCK_*. op.index: of the entry that granted (or queued) it
 * @name: in: the lock; it needs not exist
 * @cookie: in: comes back in events of this lock
 * @token: out: the fencing token; 0: not granted yet (ASYNC)
 * @ticket: out: names this acquire in events and for LOCK_RELEASE
 * @lease_ns: out: how long the node may hold it without hearing from the cluster
 *	(renewed by itself)
 * @info: out: CONSENSUS_GRANT_*
 * @zero: in: zero
 */
struct consensus_lock_acquire {
	struct consensus_op op;
	char name[CONSENSUS_NAME_SIZE];
	__u64 cookie;
	__u64 token;
	__u64 ticket;
	__u64 lease_ns;
	__u32 info;
	__u32 zero;
};

/**
 * struct consensus_lock_release - give a lock back, or leave its queue
 * @op: no flags
 * @name: in: the lock
 * @token: in: of the grant. 0: leave the queue of an ASYNC acquire (or give back
 *	what it was granted meanwhile)
 * @ticket: in: with @token 0: which; otherwise 0 or the grant's
 *
 * EPERM: this handle has no such grant or ticket. Once begun it happens, sooner or
 * later: a deadline or a signal ends the call in ENOTRECOVERABLE, and not the release.
 */
struct consensus_lock_release {
	struct consensus_op op;
	char name[CONSENSUS_NAME_SIZE];
	__u64 token;
	__u64 ticket;
};

/**
 * struct consensus_lock_check - does that very grant still hold?
 * @op: CONSENSUS_READ_*, as for a read
 * @name: in: the lock
 * @token: in: of the grant, whoever has it
 *
 * 0: it does. ESTALE: it does not.
 */
struct consensus_lock_check {
	struct consensus_op op;
	char name[CONSENSUS_NAME_SIZE];
	__u64 token;
};

/**
 * struct consensus_lock_revoke - take a lock from whoever holds it
 * @op: no flags
 * @name: in: the lock
 * @token: in: of the grant; 0: all of them
 * @count: out: how many were taken: at least 1 (ENOENT if there is none), at most
 *	64 a call
 *
 * Needs CAP_NET_ADMIN in the initial user namespace. The next in the queue may have it before
 * the holder learns of it; its token is stale from then on.
 */
struct consensus_lock_revoke {
	struct consensus_op op;
	char name[CONSENSUS_NAME_SIZE];
	__u64 token;
	__u64 count;
};

/**
 * struct consensus_session_expire - end a node's session, and all its locks
 * @op: no flags
 * @session: in: its id, as SESSION_LIST has it
 *
 * Needs CAP_NET_ADMIN in the initial user namespace. ENOENT: there is none (any more).
 */
struct consensus_session_expire {
	struct consensus_op op;
	__u64 session;
};

/**
 * struct consensus_handle_detach - keep the handle when its last descriptor closes
 * @flags: in: zero
 * @zero: in: zero
 * @duration_ns: in: for so long from now, at most 300 s. 0: not any more
 * @secret: out: random; what adopts it
 *
 * Within that time one HANDLE_ADOPT by a process of the same user on the same node
 * takes over the handle with its locks and tokens; after it they are released as
 * by death. A second call replaces the first.
 */
struct consensus_handle_detach {
	__u32 flags;
	__u32 zero;
	__u64 duration_ns;
	__u8 secret[16];
};

/**
 * struct consensus_handle_adopt - take over a detached handle
 * @flags: in: zero
 * @fd: out: a new descriptor of it, close-on-exec
 * @secret: in: of the detach; good once
 *
 * ENOENT: no such secret (any more). EPERM: another user's.
 */
struct consensus_handle_adopt {
	__u32 flags;
	__s32 fd;
	__u8 secret[16];
};

/**
 * struct consensus_handle_heartbeat - lose the locks when the program hangs
 * @flags: in: zero
 * @zero: in: zero
 * @period_ns: in: the next call has to come within this; 0: not any more. At least
 *	10 ms. Each call counts from now
 *
 * Otherwise the handle is lost, and its locks are released in the cluster.
 */
struct consensus_handle_heartbeat {
	__u32 flags;
	__u32 zero;
	__u64 period_ns;
};

/**
 * struct consensus_handle_reset - use a lost handle again
 * @flags: in: zero
 * @zero: in: zero
 *
 * It has no locks then. On a handle that is not lost: releases all that it has.
 */
struct consensus_handle_reset {
	__u32 flags;
	__u32 zero;
};

/**
 * struct consensus_handle_cancel - withdraw what this process has under way by io_uring
 * @flags: in: zero
 * @count: out: how many operations were withdrawn
 * @argument: in: address of the struct of one command; 0: all of them on this handle
 *
 * Does not wait for them: each is completed as ever, soon, with ECANCELED unless it
 * could not be withdrawn any more. For kernels that cannot cancel commands, and before
 * memory is given up that they write to.
 */
struct consensus_handle_cancel {
	__u32 flags;
	__u32 count;
	__u64 argument;
};

/* struct consensus_lock_info.flags */
#define CONSENSUS_INFO_SHARED	(1U << 0)
#define CONSENSUS_INFO_DYING	(1U << 1) /* its handle or session is gone already */

/**
 * struct consensus_lock_info - one who holds or waits
 * @name: the lock
 * @node: name of its node; empty: its session has ended
 * @token: 0: waits
 * @ticket: they are served in this order
 * @index: of the entry that granted it; 0: waits
 * @since: of the grant or the acquire: seconds since 1970 by the clock of the node
 *	that brought it about; 0: not known
 * @session: of its node
 * @handle: number of its handle on that node
 * @pid: of the program that first used the handle for a lock, in the initial pid
 *	namespace of its machine
 * @uid: its user, in the initial user namespace
 * @comm: its name, as the kernel knows it
 * @flags: CONSENSUS_INFO_*
 * @zero: zero
 */
struct consensus_lock_info {
	char name[CONSENSUS_NAME_SIZE];
	char node[CONSENSUS_NAME_SIZE];
	__u64 token;
	__u64 ticket;
	__u64 index;
	__u64 since;
	__u64 session;
	__u64 handle;
	__u32 pid;
	__u32 uid;
	char comm[16];
	__u32 flags;
	__u32 zero;
};

/**
 * struct consensus_session_info - a node's session
 * @node: its name
 * @incarnation: the node
 * @boot_counter: of its start
 * @boot_nonce: of its start
 * @id: of the session
 * @ordinal: of that start's sessions
 * @ttl_ms: how long it may be unheard
 * @handles: that hold or await locks
 */
struct consensus_session_info {
	char node[CONSENSUS_NAME_SIZE];
	__u8 incarnation[16];
	__u64 boot_counter;
	__u64 boot_nonce;
	__u64 id;
	__u64 ordinal;
	__u32 ttl_ms;
	__u32 handles;
};

/**
 * struct consensus_list - a part of a list, as this node has applied it
 * @flags: in: zero
 * @size: in: of one element, as the caller knows it (EINVAL: not ours)
 * @cursor: in: 0; then as it was left. ~0: that was all
 * @buffer: in: address of the elements
 * @count: in: room for so many, at most 4096 (EINVAL: 0 or more); out: written
 * @zero: in: zero
 * @index: out: of the state. If it changed between calls, elements may be missing
 *	or be there twice
 *
 * LOCK_LIST has struct consensus_lock_info, in no order; SESSION_LIST struct
 * consensus_session_info.
 */
struct consensus_list {
	__u32 flags;
	__u32 size;
	__u64 cursor;
	__u64 buffer;
	__u32 count;
	__u32 zero;
	__u64 index;
};

/**
 * enum consensus_event_type - what read() tells
 * @CONSENSUS_EVENT_GRANTED: an ASYNC acquire is granted: token, lease_ns, info
 * @CONSENSUS_EVENT_LOST: a lock that was held, or an ASYNC acquire that waited, is
 *	lost: status is -EKEYEXPIRED or -EKEYREVOKED
 * @CONSENSUS_EVENT_WANTED: others wait for a lock that is held. Once for each row
 *	of waiters
 * @CONSENSUS_EVENT_ENDED: an ASYNC acquire that was not yet queued when the call
 *	returned, ended otherwise: status
 * @CONSENSUS_EVENT_SUSPECT: the node has not heard from a quorum for half of the
 *	TTL: locks may be lost soon. name is empty. Only for handles with locks
 * @CONSENSUS_EVENT_SURE: it has again
 */
enum consensus_event_type {
	CONSENSUS_EVENT_GRANTED = 1,
	CONSENSUS_EVENT_LOST,
	CONSENSUS_EVENT_WANTED,
	CONSENSUS_EVENT_ENDED,
	CONSENSUS_EVENT_SUSPECT,
	CONSENSUS_EVENT_SURE,
};

/**
 * struct consensus_event - what read() gives
 * @type: enum consensus_event_type
 * @size: of this struct: the next event begins behind it
 * @index: place in the one order of what brought it about; 0: has none
 * @ticket: the lock's
 * @token: of the grant; 0: none
 * @cookie: of the acquire
 * @lease_ns: GRANTED: what is left of the lease
 * @status: negative errno, or 0
 * @info: GRANTED: CONSENSUS_GRANT_*
 * @name: the lock; empty: concerns the handle
 */
struct consensus_event {
	__u32 type;
	__u32 size;
	__u64 index;
	__u64 ticket;
	__u64 token;
	__u64 cookie;
	__u64 lease_ns;
	__s32 status;
	__u32 info;
	char name[CONSENSUS_NAME_SIZE];
};

/* Entries of an array, at most. */
#define CONSENSUS_ARRAY_MAX	256

/**
 * struct consensus_array_entry - one operation of an array
 * @call: in: its number, CONSENSUS_IOC_*: of a struct that begins with struct
 *	consensus_op
 * @zero: in: zero
 * @argument: in: address of its struct, which no other entry has
 */
struct consensus_array_entry {
	__u32 call;
	__u32 zero;
	__u64 argument;
};

/**
 * struct consensus_array - many operations in one call
 * @flags: in: zero
 * @count: in: 1 to CONSENSUS_ARRAY_MAX
 * @entries: in: address of so many struct consensus_array_entry
 * @failed: out: how many have a status that is not 0
 * @zero: in: zero
 *
 * The call answers 0 when every entry has a status; also if all failed, or if a
 * signal ended their waits (EINTR in those that had not happened). It fails as a
 * whole, before anything happens and without a status, with E2BIG, with EINVAL
 * (flags, zeros, count 0, an entry that is no operation), EFAULT (this struct or the
 * entries), ENOMEM. A struct that cannot be read or written gives EFAULT in its own
 * status, if that can be written, and counts as failed. ENOTRECOVERABLE: this struct
 * could not be written any more when all had ended.
 *
 * Operations take effect in the order of the array as long as no datagram is lost
 * between this node and the leader. Whoever needs an order in any case begins the
 * next operation when the former is answered.
 */
struct consensus_array {
	__u32 flags;
	__u32 count;
	__u64 entries;
	__u32 failed;
	__u32 zero;
};

/**
 * struct consensus_uring - what sqe->cmd holds
 * @argument: in: address of the call's struct
 * @zero: in: zero
 */
struct consensus_uring {
	__u64 argument;
	__u64 zero;
};

/* timeout_ns of commands by io_uring, at most: 240 s. */
#define CONSENSUS_URING_TIMEOUT_MAX	240000000000ULL

/* struct consensus_features.features */
#define CONSENSUS_FEATURE_COUNTER	(1ULL << 0)
#define CONSENSUS_FEATURE_LOCK		(1ULL << 1)
#define CONSENSUS_FEATURE_ARRAY		(1ULL << 2)
#define CONSENSUS_FEATURE_URING		(1ULL << 3) /* IORING_OP_URING_CMD */

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
#define CONSENSUS_IOC_ARRAY \
	_IOWR(CONSENSUS_IOC_MAGIC, 0x18, struct consensus_array)
#define CONSENSUS_IOC_LOCK_ACQUIRE \
	_IOWR(CONSENSUS_IOC_MAGIC, 0x20, struct consensus_lock_acquire)
#define CONSENSUS_IOC_LOCK_RELEASE \
	_IOWR(CONSENSUS_IOC_MAGIC, 0x21, struct consensus_lock_release)
#define CONSENSUS_IOC_LOCK_CHECK \
	_IOWR(CONSENSUS_IOC_MAGIC, 0x22, struct consensus_lock_check)
#define CONSENSUS_IOC_LOCK_REVOKE \
	_IOWR(CONSENSUS_IOC_MAGIC, 0x23, struct consensus_lock_revoke)
#define CONSENSUS_IOC_LOCK_LIST \
	_IOWR(CONSENSUS_IOC_MAGIC, 0x24, struct consensus_list)
#define CONSENSUS_IOC_SESSION_EXPIRE \
	_IOWR(CONSENSUS_IOC_MAGIC, 0x28, struct consensus_session_expire)
#define CONSENSUS_IOC_SESSION_LIST \
	_IOWR(CONSENSUS_IOC_MAGIC, 0x29, struct consensus_list)
#define CONSENSUS_IOC_HANDLE_DETACH \
	_IOWR(CONSENSUS_IOC_MAGIC, 0x30, struct consensus_handle_detach)
#define CONSENSUS_IOC_HANDLE_ADOPT \
	_IOWR(CONSENSUS_IOC_MAGIC, 0x31, struct consensus_handle_adopt)
#define CONSENSUS_IOC_HANDLE_HEARTBEAT \
	_IOWR(CONSENSUS_IOC_MAGIC, 0x32, struct consensus_handle_heartbeat)
#define CONSENSUS_IOC_HANDLE_RESET \
	_IOWR(CONSENSUS_IOC_MAGIC, 0x33, struct consensus_handle_reset)

#define CONSENSUS_IOC_HANDLE_CANCEL \
	_IOWR(CONSENSUS_IOC_MAGIC, 0x34, struct consensus_handle_cancel)

#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
_Static_assert(sizeof(struct consensus_op) == 128, "layout");
_Static_assert(sizeof(struct consensus_counter_add) == 208, "layout");
_Static_assert(sizeof(struct consensus_counter_read) == 208, "layout");
_Static_assert(sizeof(struct consensus_features) == 64, "layout");
_Static_assert(sizeof(struct consensus_lock_acquire) == 232, "layout");
_Static_assert(sizeof(struct consensus_lock_release) == 208, "layout");
_Static_assert(sizeof(struct consensus_lock_check) == 200, "layout");
_Static_assert(sizeof(struct consensus_lock_revoke) == 208, "layout");
_Static_assert(sizeof(struct consensus_session_expire) == 136, "layout");
_Static_assert(sizeof(struct consensus_list) == 40, "layout");
_Static_assert(sizeof(struct consensus_lock_info) == 208, "layout");
_Static_assert(sizeof(struct consensus_session_info) == 120, "layout");
_Static_assert(sizeof(struct consensus_handle_detach) == 32, "layout");
_Static_assert(sizeof(struct consensus_handle_adopt) == 24, "layout");
_Static_assert(sizeof(struct consensus_handle_heartbeat) == 16, "layout");
_Static_assert(sizeof(struct consensus_handle_reset) == 8, "layout");
_Static_assert(sizeof(struct consensus_event) == 120, "layout");
_Static_assert(sizeof(struct consensus_handle_cancel) == 16, "layout");
_Static_assert(sizeof(struct consensus_array_entry) == 16, "layout");
_Static_assert(sizeof(struct consensus_array) == 24, "layout");
_Static_assert(sizeof(struct consensus_uring) == 16, "layout");
#endif

#endif
