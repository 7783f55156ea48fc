/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of ct-guard. */
#ifndef GUARD_TEST_H
#define GUARD_TEST_H

#include <consensus_guard.h>

/**
 * struct guard_options - how it was called
 * @node: where this process is
 * @other: where others are, who are not cut off with it
 * @cut: a command that cuts @node off
 * @heal: and one that undoes that
 * @stop, @start: and the same with the node itself; NULL: that is not tried
 * @ttl_ms: of sessions
 */
struct guard_options {
	const char *node, *other, *cut, *heal, *stop, *start;
	unsigned int ttl_ms;
};

extern struct guard_options opt;

/* A guard that must be had; and held. */
struct consensus_guard *guard_new(const char *name, uint32_t flags);
struct consensus_guard *guard_held(const char *name, uint32_t flags);
/* check() until it is not @was, for at most @ms; what it is then. */
int guard_until(struct consensus_guard *guard, int was, unsigned int ms);
/* Nothing can be had of it: all say @why. */
bool guard_gives_nothing(struct consensus_guard *guard, int why);

void test_calls(void);
void test_fork(void);
void test_revoke(void);
void test_heartbeat(void);
void test_cut(void);
void test_stop(void);
void test_crowd(void);

#endif
