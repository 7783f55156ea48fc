/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * libconsensus: /dev/consensus from C.
 *
 * No threads, no global state, no printing; nothing allocates but what ends in
 * _new() or _open() and has an opaque struct. A handle is a file descriptor: it may
 * be shared by threads, inherited, and passed on; everything said about
 * handles in <linux/consensus.h> holds. Functions return 0 (or a descriptor),
 * or a negative errno; consensus_strerror() says what to do about it.
 *
 * Time. Timeouts are relative, in nanoseconds; 0 is the node's default (30 s),
 * CONSENSUS_NO_TIMEOUT waits without limit. A signal whose handler was set
 * without SA_RESTART, or with it, ends a wait: calls are never restarted (but for
 * consensus_token_enter(), which waits for a file's lock).
 *
 * Outcomes. A function that fails had no effect and will have none, with one
 * exception: -ENOTRECOVERABLE, the outcome is unknown. Only then must a caller
 * find out by itself (for example by reading) whether the change took place.
 */
#ifndef LIBCONSENSUS_CONSENSUS_H
#define LIBCONSENSUS_CONSENSUS_H

#include <stdint.h>
#include <linux/consensus.h>

/* What stands between them is what the shared library shows. */
#ifdef __GNUC__
#define CONSENSUS_EXPORT_BEGIN _Pragma("GCC visibility push(default)")
#define CONSENSUS_EXPORT_END _Pragma("GCC visibility pop")
#else
#define CONSENSUS_EXPORT_BEGIN
#define CONSENSUS_EXPORT_END
#endif

#ifdef __cplusplus
extern "C" {
#endif
CONSENSUS_EXPORT_BEGIN

#define CONSENSUS_DEVICE "/dev/consensus"

/* The version of this header. An ABI never changes under the same major number. */
#define CONSENSUS_VERSION_MAJOR 0
#define CONSENSUS_VERSION_MINOR 1
#define CONSENSUS_VERSION_PATCH 0

/**
 * consensus_version() - the version of the library that is running
 * @text: out, or NULL: "0.1.0", constant
 *
 * Return: major << 16 | minor << 8 | patch.
 */
uint32_t consensus_version(const char **text);

/* How strong a read is. */
enum consensus_consistency {
	CONSENSUS_LINEARIZABLE,	/* sees whatever was finished before the call */
	CONSENSUS_AT_LEAST,	/* sees at least a given index */
	CONSENSUS_LOCAL,	/* what this node has applied; may be stale */
};

/**
 * struct consensus_result - what a call on a counter returned
 * @value: the counter's value (after an addition)
 * @index: the place of the operation, or of the state read, in the one order;
 *	additions that waited together may share it, in the order of their values
 * @version: reads only: index of the counter's last change
 */
struct consensus_result {
	uint64_t value;
	uint64_t index;
	uint64_t version;
};

/**
 * struct consensus_fence - a grant under which an operation is made
 * @name: of the lock
 * @token: of the grant, not 0
 *
 * The operation takes effect only if that very grant still holds when its turn
 * comes; else -ESTALE.
 */
struct consensus_fence {
	const char *name;
	uint64_t token;
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
 * consensus_counter_add_fenced() - consensus_counter_add() under a lock
 * @fence: or NULL: none
 *
 * Return: also -ESTALE the grant does not hold any more; nothing happened.
 */
int consensus_counter_add_fenced(int fd, const struct consensus_fence *fence,
				 const char *name, uint64_t delta,
				 uint64_t timeout_ns, struct consensus_result *result);

/**
 * consensus_counter_read_fenced() - consensus_counter_read() under a lock
 * @fence: or NULL: none
 *
 * Return: also -ESTALE the grant does not hold any more.
 */
int consensus_counter_read_fenced(int fd, const struct consensus_fence *fence,
				  const char *name, enum consensus_consistency how,
				  uint64_t index, uint64_t timeout_ns,
				  struct consensus_result *result);

/* ------------------------------------------------------------------- locks */

/**
 * struct consensus_grant - what an acquire got
 * @token: the fencing token; 0: it waits (CONSENSUS_LOCK_ASYNC), and an event
 *	with this @ticket follows
 * @ticket: names the acquire
 * @index: place in the one order
 * @lease_ns: how long the node may hold it without hearing from the cluster
 * @info: CONSENSUS_GRANT_*
 */
struct consensus_grant {
	uint64_t token;
	uint64_t ticket;
	uint64_t index;
	uint64_t lease_ns;
	uint32_t info;
};

/**
 * consensus_lock_acquire() - take a lock, or queue for it
 * @fd: a handle, not read-only. It owns the lock: the last close of it, by
 *	whichever process, gives it back
 * @name: of the lock, as for consensus_counter_add()
 * @flags: CONSENSUS_LOCK_*
 * @cookie: comes back in events of this lock
 * @timeout_ns: how long to wait for the lock (with CONSENSUS_LOCK_ASYNC: for the
 *	ticket); 0: the node's default
 * @grant: filled in
 *
 * Hand @grant->token to everything that stores something for you, and let it
 * refuse a lower one than it has seen: only that is safe against a holder that
 * was paused and does not know that it lost the lock.
 *
 * Return: 0; -EAGAIN taken (CONSENSUS_LOCK_TRY); -ETIMEDOUT or -EINTR: not got,
 * and out of the queue; -EDEADLK this handle has or awaits it; -EKEYEXPIRED,
 * -EKEYREVOKED the handle is lost; else as consensus_counter_add().
 */
int consensus_lock_acquire(int fd, const char *name, uint32_t flags, uint64_t cookie,
			   uint64_t timeout_ns, struct consensus_grant *grant);

/**
 * consensus_lock_release() - give a lock back, or leave its queue
 * @fd: the handle that has it
 * @name: of the lock
 * @token: of the grant; 0: leave the queue, or give back what it got meanwhile
 * @ticket: with token 0: which; else 0
 * @timeout_ns: 0: the node's default
 *
 * Whoever comes next is told that the holder died if a handle is closed instead.
 *
 * Return: 0; -EPERM this handle has no such grant or ticket; -EKEYEXPIRED,
 * -EKEYREVOKED it was lost before; else as consensus_counter_add().
 */
int consensus_lock_release(int fd, const char *name, uint64_t token, uint64_t ticket,
			   uint64_t timeout_ns);

/**
 * consensus_lock_check() - does that very grant still hold?
 * @fd: a handle, of any program
 * @name: of the lock
 * @token: of the grant
 * @how: how strong; see consensus_counter_read()
 * @index: for CONSENSUS_AT_LEAST; else 0
 * @timeout_ns: 0: the node's default
 * @seen: index of the state that was asked; or NULL
 *
 * The answer may be old when it arrives. What must not happen afterwards should
 * carry a fence.
 *
 * Return: 0 it does; -ESTALE it does not; else as consensus_counter_read().
 */
int consensus_lock_check(int fd, const char *name, uint64_t token,
			 enum consensus_consistency how, uint64_t index,
			 uint64_t timeout_ns, uint64_t *seen);

/**
 * consensus_lock_revoke() - take a lock from whoever holds it (CAP_NET_ADMIN)
 * @fd: a handle, not read-only
 * @name: of the lock
 * @token: of the grant; 0: all of them
 * @timeout_ns: 0: the node's default
 * @count: how many were taken, at most 64; or NULL
 *
 * Return: 0; -ENOENT nobody holds it (with that token); -EPERM not allowed; else
 * as consensus_counter_add().
 */
int consensus_lock_revoke(int fd, const char *name, uint64_t token,
			  uint64_t timeout_ns, uint64_t *count);

/**
 * consensus_session_expire() - end a node's session with all its locks
 *	(CAP_NET_ADMIN)
 * @fd: a handle, not read-only
 * @session: its id
 * @timeout_ns: 0: the node's default
 *
 * Return: 0; -ENOENT there is none; -EPERM not allowed; else as
 * consensus_counter_add().
 */
int consensus_session_expire(int fd, uint64_t session, uint64_t timeout_ns);

/**
 * struct consensus_place - where reading a list stands
 * @cursor: 0 at the beginning; CONSENSUS_LIST_END: that was all
 * @index: of the state of the last part. If it changed between parts, elements
 *	may be missing, or be there twice
 */
struct consensus_place {
	uint64_t cursor;
	uint64_t index;
};

#define CONSENSUS_LIST_END (~(uint64_t)0)

/**
 * consensus_lock_list() - a part of the list of holders and waiters
 * @fd: a handle
 * @place: zero at first, then as it was left
 * @at: filled in
 * @room: for so many, 1 to 4096
 *
 * Of what this node has applied; never blocks.
 *
 * Return: how many; 0 may come before the end, too. Or a negative errno.
 */
int consensus_lock_list(int fd, struct consensus_place *place,
			struct consensus_lock_info *at, uint32_t room);

/* consensus_session_list() - the same of the sessions */
int consensus_session_list(int fd, struct consensus_place *place,
			   struct consensus_session_info *at, uint32_t room);

/* ----------------------------------------------------------------- handles */

/**
 * consensus_events() - what became of the handle's locks
 * @fd: a handle
 * @at: filled in
 * @room: for so many
 *
 * Waits for the first, unless @fd is O_NONBLOCK; poll() says POLLIN while there
 * are any.
 *
 * Return: how many; -EAGAIN none now (O_NONBLOCK); -EINTR; -EKEYEXPIRED,
 * -EKEYREVOKED the handle is lost and has told all; -ESHUTDOWN.
 */
int consensus_events(int fd, struct consensus_event *at, uint32_t room);

#define CONSENSUS_SECRET_SIZE 16

/**
 * consensus_handle_detach() - keep the locks when the last descriptor closes
 * @fd: the handle
 * @duration_ns: for so long from now, at most 300 s; 0: not any more
 * @secret: what adopts it; or NULL
 *
 * Return: 0 or a negative errno.
 */
int consensus_handle_detach(int fd, uint64_t duration_ns,
			    uint8_t secret[CONSENSUS_SECRET_SIZE]);

/**
 * consensus_handle_adopt() - take over a detached handle
 * @fd: any handle on the same node
 * @secret: of the detach; good once
 *
 * Return: a new descriptor, close-on-exec, with the locks and tokens; -ENOENT
 * no such secret (any more); -EPERM it is another user's.
 */
int consensus_handle_adopt(int fd, const uint8_t secret[CONSENSUS_SECRET_SIZE]);

/**
 * consensus_handle_heartbeat() - lose the locks if this is not called again
 * @fd: the handle
 * @period_ns: within so long, at least 10 ms; 0: not any more
 *
 * Without it a program that hangs keeps its locks for as long as it lives.
 *
 * Return: 0; -EKEYEXPIRED it was too late.
 */
int consensus_handle_heartbeat(int fd, uint64_t period_ns);

/**
 * consensus_handle_reset() - use a lost handle again
 * @fd: the handle; releases what it has, if it is not lost
 *
 * Return: 0 or a negative errno.
 */
int consensus_handle_reset(int fd);

/**
 * consensus_handle_cancel() - withdraw what this process has under way by io_uring
 * @fd: the handle
 * @argument: the struct of one command; NULL: all of them on this handle
 * @count: how many operations were withdrawn; or NULL
 *
 * Does not wait for them: each completes as ever, soon, with -ECANCELED unless it could
 * not be withdrawn any more. A struct may be freed only then.
 *
 * Return: 0 or a negative errno.
 */
int consensus_handle_cancel(int fd, const void *argument, uint32_t *count);

/**
 * consensus_call() - any call of <linux/consensus.h>, by ioctl
 * @fd: a handle
 * @call: CONSENSUS_IOC_*
 * @argument: its struct
 *
 * Return: 0 or a negative errno; an array's, as struct consensus_array says.
 */
int consensus_call(int fd, uint32_t call, void *argument);

/**
 * consensus_strerror() - an error of this library in words, with what to do
 * @error: an errno, negative or not
 *
 * Return: a text without newline, constant, never NULL.
 */
const char *consensus_strerror(int error);

CONSENSUS_EXPORT_END
#ifdef __cplusplus
}
#endif

#endif
