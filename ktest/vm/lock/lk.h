/* SPDX-License-Identifier: GPL-2.0 */
/* Calls of locks, for the programs in this folder. They return 0 or a positive errno. */
#ifndef LK_H
#define LK_H

#include <stdint.h>
#include <linux/consensus.h>

/* A handle of the node of that network namespace (a path; NULL: here), or -errno. */
int lk_open(const char *netns, int flags);

/* Good arguments, to be spoilt. */
struct consensus_lock_acquire lk_good_acquire(const char *name, uint32_t flags);
struct consensus_lock_release lk_good_release(const char *name, uint64_t token);
struct consensus_lock_check lk_good_check(const char *name, uint64_t token);
struct consensus_lock_revoke lk_good_revoke(const char *name, uint64_t token);

/* @a: what came back; may be NULL. */
int lk_acquire(int fd, const char *name, uint32_t flags, uint64_t timeout_ns,
	       struct consensus_lock_acquire *a);
int lk_release(int fd, const char *name, uint64_t token);
/* Leave the queue of an ASYNC acquire, or give back what it was granted meanwhile. */
int lk_leave(int fd, const char *name, uint64_t ticket);
int lk_check(int fd, const char *name, uint64_t token);
int lk_revoke(int fd, const char *name, uint64_t token, uint64_t *count);
int lk_expire(int fd, uint64_t session);
int lk_detach(int fd, uint64_t duration_ns, uint8_t secret[16]);
/* @adopted: the new descriptor. */
int lk_adopt(int fd, const uint8_t secret[16], int *adopted);
int lk_heartbeat(int fd, uint64_t period_ns);
int lk_reset(int fd);

/* An increment under a fence; @index may be NULL. */
int lk_fenced_add(int fd, const char *counter, const char *lock, uint64_t token,
		  uint64_t timeout_ns, uint64_t *index);

/* The next event, waited for at most @ms: 0, ETIMEDOUT, or what read() said. */
int lk_event(int fd, struct consensus_event *e, int ms);
/* What poll() says now of everything that a handle can say. */
int lk_poll(int fd, int ms);

/*
 * LOCK_LIST: all that concern lock @name (NULL: all), at most @max, and how many
 * there are; a negative errno if the list cannot be had.
 */
int lk_list(int fd, const char *name, struct consensus_lock_info *list, int max);
int lk_sessions(int fd, struct consensus_session_info *list, int max);

#endif
