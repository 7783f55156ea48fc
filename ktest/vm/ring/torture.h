/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ct-torture: what its files share. Workers are processes, each with one handle, that
 * keep many operations under way by one of the doors; the parent kills them. What a
 * worker is about to do, and what it was answered, stands in shared memory that
 * outlives it: before it does it, and after it knows it.
 */
#ifndef TORTURE_H
#define TORTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/consensus.h>

#include "../abi/ct.h"

enum {
	MAX_SLOTS	= 64,
	MAX_GROUPS	= 8,
	MAX_DEPTH	= 2048,
	MAX_LIVES	= 1 << 16,
	FREE_LOCKS	= 8,	/* that workers take from one another */
	WALLS		= 64,	/* locks that the parent holds: who wants one, waits */
	KINDS_OF_ERROR	= 140,
	MARKS		= 1 << 26, /* values of the shared counter that can be told apart */
};

#define MSEC ((uint64_t)1000 * 1000)

/* How a worker calls. */
enum door {
	DOOR_URING,		/* a plain ring */
	DOOR_DEFER,		/* SINGLE_ISSUER and DEFER_TASKRUN */
	DOOR_SQPOLL,
	DOOR_FIXED,		/* a file of the ring, whose descriptor is closed */
	DOOR_FIXED_SQPOLL,	/* both */
	DOOR_ASYNC,		/* IOSQE_ASYNC */
	DOOR_URING_ARRAY,	/* arrays by ring */
	DOOR_ARRAY,		/* arrays by ioctl */
	DOOR_THREADS,		/* ioctl of many threads */
	DOORS,
};

enum stage { STAGE_BORN, STAGE_WAITS, STAGE_WORKS };

/**
 * struct life - one worker from fork to death; its counter is its own
 * @issued: sum of what was to be added, before it was submitted
 * @refused: of that, what was answered with a definite error
 * @acked: of that, what was answered with success
 * @value: of the counter, when its worker had been dead for a while
 * @died_ns: 0: not yet
 * @looked: @value is set
 */
struct life {
	_Atomic uint64_t issued, refused, acked;
	uint64_t value, died_ns;
	bool looked;
};

/**
 * struct worker - one process
 * @pid: of it
 * @slot: of which lock it wants to be the holder
 * @life: index of its account
 * @door: how it calls
 * @netns: where it opens the device; NULL: here
 * @seed: of its random numbers
 * @handles: open, or about to be
 * @stage: how far it is
 * @granted_ns: when it got its slot's lock
 * @under_way: operations
 */
struct worker {
	pid_t pid;
	unsigned int slot, life;
	enum door door;
	const char *netns;
	uint64_t seed;
	atomic_uint handles;
	_Atomic enum stage stage;
	_Atomic uint64_t granted_ns;
	atomic_uint under_way;
};

/**
 * struct shared - between parent and workers
 * @violations: of what is promised
 * @lives: accounts given out
 * @issued: of the shared counter: as in struct life
 * @refused: likewise
 * @acked: likewise
 * @highest: value that was answered
 * @answers: CQEs and returns
 * @grants: of locks
 * @errors: by errno
 * @by_door: answers, by door
 * @token: highest seen, by lock
 * @worker: two for each slot: who holds its lock, and who waits for it
 * @life: all
 * @mark: a bit for each value of the shared counter that somebody was given
 */
struct shared {
	atomic_uint violations, lives;
	_Atomic uint64_t issued, refused, acked, highest;
	_Atomic uint64_t answers, grants;
	_Atomic uint64_t errors[KINDS_OF_ERROR];
	_Atomic uint64_t by_door[DOORS];
	_Atomic uint64_t token[FREE_LOCKS];
	struct worker worker[MAX_SLOTS][2];
	struct life life[MAX_LIVES];
	_Atomic uint64_t mark[MARKS / 64];
};

/**
 * struct torture_options - the command line
 * @name: of counters and locks
 * @netns: groups of workers
 * @groups: how many; 0: one, here
 * @slots: in each group
 * @depth: operations that each worker has under way
 * @rounds: kills; 0: none but the last of all
 * @seconds: at most; 0: no limit
 * @kill_ns: between two kills, at most
 * @settle_ns: how long after a death its counter must stand still
 * @limit_ns: within which the dead are buried and their handles gone
 * @handover_ns: within which the next one has the lock
 * @timeout_ns: of operations that may end, at most
 * @doors: a bit for each
 * @alone: there is no quorum: nobody is granted anything
 * @seed: of all random numbers
 */
struct torture_options {
	const char *name, *netns[MAX_GROUPS];
	unsigned int groups, slots, depth, rounds;
	double seconds;
	uint64_t kill_ns, settle_ns, limit_ns, handover_ns, timeout_ns;
	unsigned int doors;
	bool alone;
	uint64_t seed;
};

extern struct torture_options opt;
extern struct shared *shared;
extern const char *const door_names[DOORS];

/**
 * struct flight - an operation under way
 * @op: the struct that the kernel knows; its head is the same in all
 * @call: its number
 * @counts: it adds; @life: to the worker's own counter
 * @life: see @counts
 * @delta: how much
 * @lock: of which free lock it is an acquire, or release; -1: of none
 * @busy: the kernel has it
 */
struct flight {
	union {
		struct consensus_op op;
		struct consensus_counter_add add;
		struct consensus_counter_read read;
		struct consensus_lock_acquire acquire;
		struct consensus_lock_release release;
		struct consensus_lock_check check;
	};
	uint32_t call;
	bool counts, life;
	uint64_t delta;
	int lock;
	bool busy;
};

/**
 * struct crew - a worker's own state, or that of one of its threads
 * @w: what others see of it
 * @rng: its random numbers
 * @fd: its handle, or its place among the ring's files
 * @slot_token: of its slot's lock
 * @held: tokens of free locks that it has and does not give back yet
 * @flight: as many as it keeps under way
 */
struct crew {
	struct worker *w;
	uint64_t rng;
	int fd;
	uint64_t slot_token;
	uint64_t held[FREE_LOCKS];
	struct flight *flight;
};

/* torture.c */
__attribute__((format(printf, 1, 2)))
void violation(const char *text, ...);
void torture_name(char name[CONSENSUS_NAME_SIZE], const char *kind, unsigned int number);

/* torture_op.c: what is called, and what may be answered */
/* Fills @f at random; @brief: nothing that waits for long. */
void op_make(struct crew *c, struct flight *f, bool brief);
/* It is about to be submitted; was answered with @res: 0 or a negative errno. */
void op_begin(struct crew *c, struct flight *f);
void op_end(struct crew *c, struct flight *f, int res);
void op_slot(struct crew *c, struct flight *f);

/* torture_door.c */
/* A worker's whole life; does not return. */
__attribute__((noreturn))
void door_run(struct worker *w);

/* torture_judge.c */
/* Counters of workers that died a while ago: are they within their accounts? */
void judge_some(int fd);
/* All are dead: everything must add up, and stand still. */
void judge_all(int fd);

#endif
