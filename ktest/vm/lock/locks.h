/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of ct-locks. */
#ifndef LOCKS_H
#define LOCKS_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/consensus.h>

#include "../abi/ct.h"
#include "lk.h"

/**
 * struct world - what the tests are about
 * @fd: a handle of the node here
 * @other: a handle of another node
 * @here: that node's name
 * @there: the other one's
 * @netns: namespace of the other node
 * @slow: how many times slower than usual this kernel is
 */
struct world {
	int fd, other;
	const char *here, *there, *netns;
	unsigned int slow;
};

void test_arguments(const struct world *w);	/* arguments.c */
void test_grants(const struct world *w);	/* grants.c */
void test_waits(const struct world *w);		/* grants.c */
void test_fences(const struct world *w);	/* fences.c */
void test_events(const struct world *w);	/* events.c */
void test_signals(const struct world *w);	/* events.c */
void test_files(const struct world *w);		/* files.c */
void test_detach(const struct world *w);	/* detach.c */
void test_heartbeat(const struct world *w);	/* detach.c */
void test_admin(const struct world *w);		/* admin.c */
void test_lists(const struct world *w);		/* admin.c */
void test_crowd(const struct world *w);		/* crowd.c */

/* locks.c */
/* A further handle of the node here; bails out if there is none. */
int handle(void);
/* The lock, which must be free: its token; 0 and a failed test if it is not. */
uint64_t must_take(int fd, const char *name, uint32_t flags);
/* ASYNC: its ticket; 0 and a failed test. */
uint64_t must_queue(int fd, const char *name, uint32_t flags, uint64_t cookie);
/* Is it free for an exclusive holder within @ms? Takes it and gives it back. */
bool is_free(int fd, const char *name, unsigned int ms);
/* Do @wanted hold or await it, as the node of @fd sees it, within some seconds? */
bool there_are(int fd, const char *name, int wanted);
bool is_gone(int fd, const char *name);
/* From here on its node has applied all that has been answered anywhere. */
void catch_up(int fd);
/* An event of that type comes within 10 s; others before it are passed over. */
bool await_event(int fd, uint32_t type, struct consensus_event *e);
/* Runs @child in a process of its own: its exit status. */
int in_child(int (*child)(void *arg), void *arg);

#endif
