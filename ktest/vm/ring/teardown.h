/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ct-teardown: what its files share. A swarm is many commands under way on one ring, each
 * of which must be completed exactly once, whatever ends meanwhile.
 */
#ifndef TEARDOWN_H
#define TEARDOWN_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/consensus.h>

#include "../abi/ct.h"
#include "ring.h"

#define MSEC ((uint64_t)1000 * 1000)

/**
 * struct hooks - shell commands that change the world
 * @cut: the node here loses the quorum
 * @heal: and gets it back; a leader may come later
 * @down: the node here stops
 * @up: and is started again
 * @other: path of the namespace of another node
 * @destroy: ends that namespace
 */
struct hooks {
	const char *cut, *heal, *down, *up, *other, *destroy;
};

/**
 * struct world - what the tests are about
 * @hooks: see above
 * @slow: how many times slower than usual this kernel is
 * @users: of the module before the first test
 * @cancels: this kernel ends commands whose ring is closed
 */
struct world {
	struct hooks hooks;
	unsigned int slow;
	unsigned long users;
	bool cancels;
};

extern struct world world;

/* What a swarm is made of. */
enum {
	OF_ADDS		= 1 << 0,
	OF_READS	= 1 << 1,	/* linearizable */
	OF_FAR_READS	= 1 << 2,	/* of an index that never comes */
	OF_ACQUIRES	= 1 << 3,	/* of locks that wall() holds */
	OF_ALL		= OF_ADDS | OF_READS | OF_FAR_READS | OF_ACQUIRES,
};

struct swarm_op {
	union {
		struct consensus_op op;
		struct consensus_counter_add add;
		struct consensus_counter_read read;
		struct consensus_lock_acquire acquire;
		char room[256];
	};
};

/**
 * struct swarm - commands under way
 * @r: their ring
 * @fd: their handle
 * @n: how many
 * @of: OF_*
 * @came: completions, by command
 * @res: what they said
 * @all: completions
 * @ops: structs
 * @counter: to which they add
 */
struct swarm {
	struct ring r;
	int fd;
	unsigned int n, of;
	unsigned int *came;
	int *res;
	unsigned int all;
	struct swarm_op *ops;
	char counter[CONSENSUS_NAME_SIZE];
};

/* teardown_swarm.c */
/* A ring for @n commands on @fd; bails out if there is none. */
void swarm_open(struct swarm *s, int fd, unsigned int n, unsigned int setup);
/* Submits all of them, of the kinds @of, with that time limit. */
void swarm_go(struct swarm *s, unsigned int of, uint64_t timeout_ns);
/*
 * Collects completions until all are there, at most @ms; then whether none came twice
 * and each said one of @allowed, up to 1 (errnos are negative, and 0).
 */
bool swarm_all(struct swarm *s, unsigned int ms, const int *allowed, const char *what);
/* Of its adds: how many succeeded, and how many may have. */
void swarm_sum(const struct swarm *s, uint64_t *sure, uint64_t *open);
/* Its counter is within that. */
void swarm_settle(const struct swarm *s, const char *what);
void swarm_unmap(struct swarm *s);
void swarm_close(struct swarm *s);

/* Users of the module; whether they are as few as at first within @ms. */
unsigned long users(void);
bool users_back(unsigned int ms);
/* A process of its own runs @child: its status as of waitpid(), within @ms; -1: it lasts. */
int in_process(void (*child)(void *arg), void *arg, unsigned int ms);
/* How long something that ends by a deadline of @ms may take: with grace, and slowness. */
unsigned int by(unsigned int ms);
/* Takes as many locks, for which acquires of swarms wait from now on. Returns its handle. */
int wall(unsigned int n);
bool await_quorum(int fd);

/* teardown_ring.c: without a quorum */
void test_ring_closed(void);
void test_unmapped(void);
void test_handle_closed(void);
void test_exec(void);
void test_exits(void);
void test_fork(void);
void test_thread_exit(void);		/* heals */
void test_cancel(void);
void test_withdraw(void);

/* teardown_node.c: with one */
void test_reset(void);
void test_heartbeat(void);
void test_unload(void);
void test_full(void);
void test_down(void);
void test_destroy(void);

#endif
