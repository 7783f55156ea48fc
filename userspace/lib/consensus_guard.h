/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * libconsensus: locks with a guard against use after loss, and what a store needs to
 * refuse those who lost theirs.
 */
#ifndef LIBCONSENSUS_CONSENSUS_GUARD_H
#define LIBCONSENSUS_CONSENSUS_GUARD_H

#include <consensus.h>

#ifdef __cplusplus
extern "C" {
#endif

CONSENSUS_EXPORT_BEGIN

/* -------------------------------------------------------------------- guards */

/**
 * struct consensus_guard - one lock, on a handle of its own
 *
 * Whoever has it asks the guard before each use of what the lock protects, and takes
 * token and fence from the guard alone: a guard whose lock was lost gives neither.
 * For one thread at a time. In a child after fork() everything answers -ECHILD; but a
 * child that goes on without exec() has the descriptor, and so the lock outlives its
 * parent: let it call consensus_guard_free(), which there only closes.
 */
struct consensus_guard;

/**
 * consensus_guard_new() - a guard that holds nothing yet
 * @guard: out
 * @name: of the lock
 * @flags: CONSENSUS_LOCK_SHARED or 0
 *
 * Return: 0; -EINVAL, -ENAMETOOLONG; -ENOMEM; errors of consensus_open().
 */
int consensus_guard_new(struct consensus_guard **guard, const char *name, uint32_t flags);

/*
 * consensus_guard_free() - gives the lock up, at once and without waiting. NULL: nothing.
 * Whoever comes next is told CONSENSUS_GRANT_DIED, unless it was released before.
 */
void consensus_guard_free(struct consensus_guard *guard);

/**
 * consensus_guard_acquire() - take the lock
 * @guard: one that does not hold it (-EDEADLK); one that lost it begins anew
 * @timeout_ns: as consensus_lock_acquire(); 1 is as good as not waiting
 *
 * After a loss, or after a call that ended in -ENOTRECOVERABLE, the handle is reset
 * first, and with it a heartbeat that was set on consensus_guard_fd(). A place in the
 * queue that is lost with the node's session is taken once more.
 *
 * Return: as consensus_lock_acquire(); -ECHILD.
 */
int consensus_guard_acquire(struct consensus_guard *guard, uint64_t timeout_ns);

/* consensus_guard_try() - the same with CONSENSUS_LOCK_TRY: -EAGAIN, taken */
int consensus_guard_try(struct consensus_guard *guard);

/**
 * consensus_guard_release() - give it back, and wait until that has happened
 * @guard: a guard
 * @timeout_ns: 0: the node's default
 *
 * Return: 0; -ENOTRECOVERABLE it happens, but may not have happened yet: it is given
 * back, as far as this guard goes; -EKEYEXPIRED, -EKEYREVOKED it was lost before;
 * -EPERM not held; -ECHILD; else as consensus_lock_release(), and it is still held.
 */
int consensus_guard_release(struct consensus_guard *guard, uint64_t timeout_ns);

/**
 * consensus_guard_check() - is it held, as far as this machine knows?
 * @guard: a guard
 *
 * Asks the kernel, not the cluster: never blocks, costs a system call. The lease's
 * deadline is taken into account, by the clock; what an administrator took counts from
 * when this node has heard of it. What follows may still come too late: only the token,
 * or a fence, protects a store.
 *
 * Return: 0; -EKEYEXPIRED, -EKEYREVOKED it was lost; -EPERM it was never taken, or
 * given back; -ECHILD; -ENOTCONN, -ESHUTDOWN the node was stopped; -ETIMEDOUT it has
 * more under way than it takes, -ENOMEM: it cannot be told now.
 */
int consensus_guard_check(struct consensus_guard *guard);

/* consensus_guard_token() - after a check, as it; @token is 0 unless that is 0 */
int consensus_guard_token(struct consensus_guard *guard, uint64_t *token);

/* consensus_guard_fence() - the same, for an operation under the lock */
int consensus_guard_fence(struct consensus_guard *guard, struct consensus_fence *fence);

/**
 * consensus_guard_event() - what became of it, if anything
 * @guard: a guard
 * @event: filled in
 *
 * Never blocks.
 *
 * Return: 1; 0 nothing new; -EKEYEXPIRED, -EKEYREVOKED lost, and all was told.
 */
int consensus_guard_event(struct consensus_guard *guard, struct consensus_event *event);

/* consensus_guard_fd() - to poll(): POLLIN an event, POLLERR it is lost */
int consensus_guard_fd(const struct consensus_guard *guard);

/* -------------------------------------------------------------------- tokens */

/**
 * struct consensus_token - the highest fencing token that a resource has seen
 *
 * A file beside the resource, for any number of processes and threads (each with its
 * own struct). It survives a crash at any moment: an accepted token is durable before
 * it is told to be, and a torn write is never taken for a token.
 */
struct consensus_token;

/**
 * consensus_token_open() - the token file of a resource
 * @token: out
 * @path: of the file; made if it is not there, and durable then
 * @mode: of a file that is made
 *
 * Not on file systems without locks across the machines that write the resource. A
 * token file that was deleted, or put back from a backup, has forgotten: delete it only
 * with the resource.
 *
 * Return: 0; -EBADMSG it is damaged or no token file; -ENOMEM; errors of open(2),
 * link(2) and fsync(2).
 */
int consensus_token_open(struct consensus_token **token, const char *path, unsigned int mode);
void consensus_token_close(struct consensus_token *token);

/**
 * consensus_token_enter() - may the holder of @value use the resource now?
 * @token: an open one, not entered
 * @value: its fencing token, not 0
 *
 * 0 means: no higher one was seen, this one is durable, and none other is let in
 * until consensus_token_leave() or the end of the process: between the check and the
 * use nobody can come. Waits for whoever is inside. A token is written (two writes, three
 * fdatasync()) when it is higher than all before, and the first time that this struct
 * lets it in; after that it costs two locks and a read.
 *
 * A signal ends the waiting only if its handler was set without SA_RESTART: signal(3)
 * sets that. For a SIGTERM that is to end it use sigaction(2).
 *
 * Return: 0; -ESTALE a higher one was seen; -EINVAL it is 0; -EBUSY entered already;
 * -EBADMSG both copies are damaged, or the file was deleted or renamed; -EINTR a signal
 * came while it waited, see above; -ECHILD; -EIO and other errors of the file, of which
 * none lets in. After a write that failed all calls answer so, until the file is opened
 * anew.
 */
int consensus_token_enter(struct consensus_token *token, uint64_t value);
void consensus_token_leave(struct consensus_token *token);

/*
 * consensus_token_highest() - the highest that was seen, 0: none. 0 or negative errno.
 * It waits for a write, not for whoever is inside.
 */
int consensus_token_highest(struct consensus_token *token, uint64_t *value);

CONSENSUS_EXPORT_END

#ifdef __cplusplus
}
#endif

#endif
