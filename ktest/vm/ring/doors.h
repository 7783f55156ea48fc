/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Doors: the ways in which a call reaches the device. A gate is a door that stands open
 * on a handle: gate_call() makes any call by it and tells what became of it, in one way
 * for all. What a door itself has to keep (a chain breaks behind a failure, the other
 * entries of an array have their own status, ...) is checked with each call.
 */
#ifndef DOORS_H
#define DOORS_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/consensus.h>

#include "../abi/ct.h"
#include "../lock/lk.h"
#include "ring.h"

enum door_kind {
	DOOR_IOCTL,
	DOOR_URING,
};

/**
 * struct door - a way to make a call
 * @name: for people
 * @kind: enum door_kind
 * @array: the call is an entry of an array; so only operations pass
 * @others: so many entries of reads stand before it, and behind it
 * @setup: URING: IORING_SETUP_*
 * @brief: what takes long is not tried by it, unless asked for
 * @sqe: URING: IOSQE_*. IO_LINK: a NOP before and one behind it, in one chain.
 *	FIXED_FILE: the handle is registered. IO_DRAIN: behind a NOP
 */
struct door {
	const char *name;
	enum door_kind kind;
	bool array, brief;
	unsigned int others;
	unsigned int setup, sqe;
};

/* All of them, ioctl first. */
extern const struct door doors[];
extern const unsigned int n_doors;
/* The one of that name; bails out if there is none. */
const struct door *door_named(const char *name);

/**
 * struct gate - a door that stands open
 * @door: which
 * @fd: the handle, not the gate's own
 * @ring: of URING
 * @big: big_cqe[0] of the last completion of a ring with CQE32
 * @faults: expectations that failed
 */
struct gate {
	const struct door *door;
	int fd;
	struct ring ring;
	uint64_t big;
	unsigned int faults;
};

/* 0, or the errno with which the kernel refuses such a ring. */
int gate_open(struct gate *g, const struct door *d, int fd);
void gate_close(struct gate *g);

/*
 * Makes the call: 0 or a positive errno, that of its entry if it is one of an array
 * that was answered.
 */
int gate_call(struct gate *g, uint32_t call, void *argument);
/* Another handle by the same door, and what failed there fails here. */
struct gate gate_beside(struct gate *g, int fd);
void gate_leave(struct gate *g, struct gate *beside);

/* ---- expectations: what fails is told with its door and counted ---- */

__attribute__((format(printf, 4, 5)))
bool want(struct gate *g, int got, int wanted, const char *what, ...);
__attribute__((format(printf, 3, 4)))
bool that(struct gate *g, bool passed, const char *what, ...);
__attribute__((format(printf, 4, 5)))
bool same(struct gate *g, uint64_t got, uint64_t wanted, const char *what, ...);

/**
 * struct world - what the tests are about
 * @fd: a handle of the node here
 * @other: one of another node
 * @here: the node's name
 * @there: the other's
 * @netns: its namespace
 * @cut: a shell command after which there is no quorum; NULL: none
 * @heal: undoes it
 * @slow: how many times slower than usual this kernel is
 * @here_leads: the node here leads, and not the other one
 */
struct world {
	int fd, other;
	const char *here, *there, *netns;
	const char *cut, *heal;
	unsigned int slow;
	bool here_leads;
};

/* A name that nobody has: constant. At most a few thousand. */
const char *fresh(const char *what);
/* A further handle of the node here; bails out if there is none. */
int handle(void);
/* A handle of another node. */
int handle_there(const struct world *w);
/* Takes the lock, which must be free, by ioctl: its token. Bails out if it is not. */
uint64_t take(int fd, const char *name, uint32_t flags);
/* Within 20 s as many hold and await it as that: false if not. */
bool there_are(int fd, const char *name, int wanted);
/* An ASYNC acquire by ioctl: its ticket. Bails out if it fails. */
uint64_t queue_for(int fd, const char *name);
/* An event of that type comes within 20 s; others before it are passed over. */
bool await_event(int fd, uint32_t type, struct consensus_event *e);
uint64_t ms_since(uint64_t begin);

/* Releases a lock by ioctl after a while, in a thread: */
struct later {
	unsigned long id;
	int fd, error;
	const char *name;
	uint64_t token;
	unsigned int ms;
	int waiters;	/* not before so many hold and await it; 0: whoever */
};

void release_later(struct later *l);
/* The end of it: its release must have succeeded. */
void release_awaited(struct gate *g, struct later *l);

/* The struct of any operation. */
union any {
	struct consensus_op op;
	struct consensus_counter_add add;
	struct consensus_counter_read read;
	struct consensus_lock_acquire acquire;
	struct consensus_lock_release release;
	struct consensus_lock_check check;
	struct consensus_lock_revoke revoke;
	struct consensus_session_expire expire;
};

/**
 * struct bunch - an array, to be filled
 * @a: it; .failed is 77, and .count grows with each
 * @e: its entries, and one too many
 * @s: their structs, with .status 4711
 */
struct bunch {
	struct consensus_array a;
	struct consensus_array_entry e[CONSENSUS_ARRAY_MAX + 1];
	union any s[CONSENSUS_ARRAY_MAX + 1];
};

/* doors_array.c. Empties one. */
void bunch_init(struct bunch *b);
/* An empty one, of static storage: the same each time. */
struct bunch *bunch_begin(void);
/* Another entry: its struct. Bails out behind the one too many. */
union any *bunch_put(struct bunch *b, uint32_t call, const union any *filled);
union any *bunch_add(struct bunch *b, const char *name, uint64_t timeout_ns);
union any *bunch_read(struct bunch *b, const char *name, uint32_t how, uint64_t timeout_ns);
union any *bunch_acquire(struct bunch *b, const char *name, uint32_t flags, uint64_t timeout_ns);
/* The array call, by a gate that is no array itself: 0 or a positive errno. */
int bunch_run(struct gate *g, struct bunch *b);
/* Entries whose status is -@error (0: success). */
unsigned int bunch_count(const struct bunch *b, int error);
/* It failed as a whole, by @error: nothing is written. */
void bunch_refused(struct gate *g, struct bunch *b, int error, const char *what);

/* ---- the parts ---- */

void test_doors(const struct world *w);		/* doors.c */
void test_full(const struct world *w);		/* doors_array.c */
void test_malformed(const struct world *w);	/* doors_array.c */
void test_memory(const struct world *w);	/* doors_memory.c */
void test_handles(const struct world *w);	/* doors_memory.c */
void test_signals(const struct world *w);	/* doors_wait.c */
void test_timeouts(const struct world *w);	/* doors_wait.c */
void test_quorum(const struct world *w);	/* doors_wait.c */
void test_chains(const struct world *w);	/* modes.c */
void test_rings(const struct world *w);		/* modes.c */
void test_flight(const struct world *w);	/* modes_flight.c */
void test_threads(const struct world *w);	/* modes_crowd.c */
void test_forks(const struct world *w);		/* modes_crowd.c */

/* doors_room.c. To be called when there is no quorum. */
void without_room(void);

/* An addition under way whose struct is gone: from before a quorum is there until after. */
struct untold {
	struct ring ring;
	const char *name;
};

struct untold untold_begin(int fd);
void untold_end(struct untold *u, int fd);

/* doors_ops.c, doors_locks.c, doors_errors.c: one operation by one door */
void by_add(struct gate *g, const struct world *w);
void by_add_fenced(struct gate *g, const struct world *w);
void by_read(struct gate *g, const struct world *w);
void by_features(struct gate *g, const struct world *w);
void by_lists(struct gate *g, const struct world *w);
void by_limits(struct gate *g, const struct world *w);
void by_memory(struct gate *g, const struct world *w);
void by_acquire(struct gate *g, const struct world *w);
void by_shared(struct gate *g, const struct world *w);
void by_async(struct gate *g, const struct world *w);
void by_waiting(struct gate *g, const struct world *w);
void by_check(struct gate *g, const struct world *w);
void by_revoke(struct gate *g, const struct world *w);
void by_expire(struct gate *g, const struct world *w);
void by_heartbeat(struct gate *g, const struct world *w);
void by_detach(struct gate *g, const struct world *w);
void by_reset(struct gate *g, const struct world *w);
void by_cancel(struct gate *g, const struct world *w);
void by_errors(struct gate *g, const struct world *w);

#endif
