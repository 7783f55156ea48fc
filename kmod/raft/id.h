/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Incarnations: the 128 random bits that name a node for as long as its
 * storage lives (in memory mode: for as long as it runs). All zero is nobody,
 * and never anybody's name, so that "no vote" cannot be mistaken for a vote
 * (pitfall 3).
 */
#ifndef CNS_RAFT_ID_H
#define CNS_RAFT_ID_H

#include <linux/types.h>

/**
 * struct raft_id - a node's incarnation
 * @hi: first 64 bits; also the short name that a datagram's header carries
 * @lo: the rest
 */
struct raft_id {
	u64 hi;
	u64 lo;
};

#define RAFT_NOBODY ((struct raft_id){ 0, 0 })

static inline bool raft_id_eq(struct raft_id a, struct raft_id b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

static inline bool raft_id_some(struct raft_id a)
{
	return a.hi | a.lo;
}

#endif
