/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ct-lock: what its files share. Workers are processes, each one sequential caller
 * with one handle; what they are about to do stands in shared memory before they do
 * it, so that the parent, which kills them, can say what became of it.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/consensus.h>

enum {
	MAX_LOCKS	= 16,
	MAX_WORKERS	= 256,
	MAX_GROUPS	= 16,
	MAX_HELD	= 2,
	KINDS_OF_ERROR	= 140,
};

#define MSEC (1000ULL * 1000)

enum op_kind { OP_ACQUIRE, OP_RELEASE, OP_CHECK, OP_INC };
enum op_status { OP_OK, OP_FAIL, OP_UNKNOWN };

/**
 * struct op - one call, for the history
 * @kind: which
 * @lock: of which lock; OP_INC: of its counter
 * @shared: OP_ACQUIRE: the mode
 * @refused: OP_OK: but the answer was no (EAGAIN, ESTALE)
 * @status: outcome
 * @error: errno where it is not OP_OK
 * @session: the handle, under a number that no other has
 * @token: of the grant; OP_INC: of its fence
 * @lease_ns: OP_ACQUIRE
 * @value: OP_INC
 * @index: place in the one order
 * @call_ns: CLOCK_MONOTONIC
 * @return_ns: the same
 */
struct op {
	enum op_kind kind;
	unsigned int lock;
	bool shared, refused;
	enum op_status status;
	int error;
	uint64_t session, token, lease_ns, value, index, call_ns, return_ns;
};

/**
 * struct held - a lock that a worker has
 * @token: of the grant; 0: none
 * @lock: which
 * @shared: how
 */
struct held {
	_Atomic uint64_t token;
	unsigned int lock;
	bool shared;
};

/**
 * struct worker - one caller
 * @pid: its process
 * @client: its name in the history
 * @netns: where it opens the device; NULL: here
 * @rng: its random numbers
 * @fd: its handle, by its own numbers
 * @session: of the handle
 * @op: what it does or did last
 * @busy: @op is under way, or its line is not written yet
 * @held: what it has
 * @lost_ns: when it was told last that its handle is lost
 */
struct worker {
	pid_t pid;
	unsigned int client;
	const char *netns;
	uint64_t rng;
	int fd;
	uint64_t session;
	struct op op;
	atomic_bool busy;
	struct held held[MAX_HELD];
	_Atomic uint64_t lost_ns;
};

/**
 * struct resource - outside of the cluster: what a lock protects
 * @highest: token seen of an exclusive holder
 * @freed_ns: when a holder last let go, before it said so
 */
struct resource {
	_Atomic uint64_t highest;
	_Atomic uint64_t freed_ns;
};

/**
 * struct shared - between parent and workers
 * @stop: workers shall end
 * @violations: of what is promised
 * @clients: names given out
 * @sessions: given out
 * @grants: acquires that were granted
 * @died: of these, with CONSENSUS_GRANT_DIED
 * @lost: handles that were lost
 * @late: who entered while the one before had been told that it lost the lock, and
 *	had not left yet
 * @longest_idle_ns: longest time for which a lock was free while somebody waited
 * @longest_wait_ns: longest wait for a grant
 * @errors: by errno
 * @resource: by lock
 * @worker: all
 */
struct shared {
	atomic_bool stop;
	atomic_uint violations, clients;
	_Atomic uint64_t sessions, grants, died, lost, late;
	_Atomic uint64_t longest_idle_ns, longest_wait_ns;
	_Atomic uint64_t errors[KINDS_OF_ERROR];
	struct resource resource[MAX_LOCKS];
	struct worker worker[MAX_WORKERS];
};

/**
 * struct load_options - the command line
 * @out: the history; NULL: none
 * @witness: file whose byte ranges holders lock as POSIX has it
 * @name: of locks and counters, before their number
 * @netns: groups of workers
 * @groups: how many; 0: one, here
 * @workers: in each group
 * @locks: how many
 * @rounds: kills
 * @kill_ns: between two
 * @hold_ns: how long at most a lock is held
 * @wait_ns: how long an acquire that can wait does so
 * @timeout_ns: of other calls
 * @seconds: at most; 0: no limit
 * @rate: acquires a second of all workers together; 0: as fast as it goes
 * @losses: handles may be lost
 * @seed: of all random numbers
 */
struct load_options {
	const char *out, *witness, *name;
	const char *netns[MAX_GROUPS];
	unsigned int groups, workers, locks, rounds;
	uint64_t kill_ns, hold_ns, wait_ns, timeout_ns;
	double seconds, rate;
	bool losses;
	uint64_t seed;
};

extern struct load_options opt;
extern struct shared *shared;

/* load.c */
void load_name(char name[CONSENSUS_NAME_SIZE], char kind, unsigned int lock);

/* record.c */
void record_open(void);
/* After all workers have ended. */
void record_close(void);
void record_begin(struct worker *w, enum op_kind kind, unsigned int lock);
/* @error: 0 or an errno of the call. */
void record_end(struct worker *w, int error);
/* A grant is gone, or may come yet, and nobody can say when: of unknown outcome, from @at. */
void record_gone(uint64_t session, unsigned int lock, uint64_t token, uint64_t at);
/* It was killed at @at, and is buried. */
void record_killed(struct worker *w, uint64_t at);
__attribute__((format(printf, 1, 2)))
void violation(const char *text, ...);
void raise_to(_Atomic uint64_t *highest, uint64_t value);

/* witness.c */
void witness_open(void);
void witness_enter(struct worker *w, const struct held *h);
void witness_leave(const struct held *h);

/* worker.c */
void worker_run(struct worker *w);

#endif
