/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * Guards, as the rest of the library sees them.
 */
#ifndef LIB_GUARD_H
#define LIB_GUARD_H

#include <stdbool.h>

#include "lib.h"
#include "consensus_guard.h"

enum lib_guard_state {
	LIB_GUARD_FREE,		/* holds nothing */
	LIB_GUARD_HELD,		/* does, unless it was lost and nobody has asked yet */
	LIB_GUARD_LOST,		/* did; .lost says how it went */
};

/**
 * struct consensus_guard - see consensus_guard.h
 * @fd: handle, nobody else's but children's who inherited it
 * @mark: of the process that may use it
 * @flags: of the next acquire
 * @state: enum lib_guard_state
 * @lost: 0 or -EKEYEXPIRED, -EKEYREVOKED
 * @wanted: others wait for what is held
 * @anew: the handle is lost, or has something of an acquire or a release that was cut
 *	off: it is to be reset before the next acquire
 * @token: of the grant, 0 unless HELD
 * @name: of the lock
 */
struct consensus_guard {
	int fd;
	struct lib_mark mark;
	uint32_t flags;
	enum lib_guard_state state;
	int lost;
	bool wanted;
	bool anew;
	uint64_t token;
	char name[CONSENSUS_NAME_SIZE];
};

/* 0, or -ECHILD in a child. */
int lib_guard_mine(const struct consensus_guard *guard);
/* The grant is gone: @why is -EKEYEXPIRED or -EKEYREVOKED. */
void lib_guard_lose(struct consensus_guard *guard, int why);
/* Takes note of all events, and keeps none for consensus_guard_event(). */
void lib_guard_listen(struct consensus_guard *guard);
/* Gives up whatever it has, without waiting for the cluster. */
void lib_guard_drop(struct consensus_guard *guard);

/* Is it one of the two by which a lock is lost? */
static inline bool lib_is_loss(int error)
{
	return error == -EKEYEXPIRED || error == -EKEYREVOKED;
}

#endif
