/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The shell's limits, in one place. Those of the pure half stand in raft.h,
 * log.h, command.h, fsm.h and wire.h; kernel-visible defaults in uapi.
 */
#ifndef CNS_LIMITS_H
#define CNS_LIMITS_H

#include <linux/bits.h>
#include <linux/time64.h>

enum cns_limits {
	/* A stretch of owning the node (design 4): items, and ns. */
	CNS_DRAIN_ITEMS = 64,
	CNS_DRAIN_NS = 100 * NSEC_PER_USEC,

	/* Datagrams verified and not yet processed: 4 MiB of small skbs. */
	CNS_INBOX_MAX = 4096,

	/* Requests of all handles of a node; 2 MiB. Behind it callers wait. */
	CNS_REQUESTS_MAX = 8192,

	/* Acquires of a node that wait to be granted (about 1 KiB each). */
	CNS_WAITING_MAX = 65536,
	/* Heads of each hash table of a node's own locks; a power of two. */
	CNS_WANT_BUCKETS = 1 << 14,
	/* Locks, or handles, that one stretch of closing ends or tells. */
	CNS_CLOSE_STEP = 32,
	/* Handles of a namespace that live on without a descriptor; for so long. */
	CNS_DETACHED_MAX = 1024,
	CNS_DETACH_S = 300,
	/* Elements of a list that one call as the owner collects. */
	CNS_LIST_STEP = 64,
	CNS_LIST_MAX = 4096,
	/* The shortest heartbeat that a program may promise. */
	CNS_BEAT_MIN_MS = 10,

	/* Messages held until storage reports them durable. */
	CNS_HELD_MAX = 64,

	/* Preallocated datagrams of a peer, and their room for payload. */
	CNS_RESERVE = 6,
	CNS_RESERVE_BYTES = 256,
	/* Of these, kept for what must go in any case; data has the others. */
	CNS_RESERVE_KEPT = 3,
	/* A Raft message without entries or data: header 40, head 16, fields 56. */
	CNS_RAFT_BYTES = 112,

	/* Strangers with the right key whose challenge is open (design 6). */
	CNS_STRANGERS = 64,

	/* Peers allocated ahead of need, and at most (default). */
	CNS_SPARE_PEERS = 2,
	CNS_PEERS_DEFAULT = 1024,
	CNS_PEER_BUCKETS = 64,

	/* Log in memory: entries, and bytes for each. */
	CNS_LOG_ENTRIES = 16384,
	CNS_LOG_ENTRIES_MIN = 1024,
	CNS_LOG_ENTRIES_MAX = 1 << 20,
	CNS_LOG_ENTRY_BYTES = 128,
	CNS_COMPACT_PERCENT = 50,
	CNS_TIDY_EVERY = 64,

	/* Objects that a snapshot walk visits in one stretch of owning. */
	CNS_WALK_STEP = 256,

	/*
	 * A group that is being filled keeps room for what was admitted before
	 * and arrives now: the appends that overtook others (RAFT_STASH_MAX of
	 * 1280 bytes), and a leader's own first entry.
	 */
	CNS_STAGE_KEPT = 16384,
	/*
	 * A group holds at most this part of the log in memory. It tells the
	 * commit index as of its end, so that who reads the ring again has in
	 * memory what was not committed one group before (3/8), and this.
	 */
	CNS_STAGE_SHARE = 4,
	/* One in so many sectors of the ring is for votes and first entries. */
	CNS_RING_KEPT = 8,
	/*
	 * Bytes of the ring for an entry of the log in memory. What is not
	 * committed fills at most 3/8 of that log, an entry takes a group of
	 * two sectors at most: so it never fills the ring.
	 */
	CNS_RING_ENTRY = 1024,
	/* Bytes of a snapshot written, or of a backup, in one go. */
	CNS_AREA_STEP = 1 << 18,
	/* Entries between two comparisons of the state's hash. */
	CNS_CHECK_EVERY = 8192,
	/* How long `down` waits for a storage that is busy. */
	CNS_GONE_MS = 5000,

	CNS_HEARTBEAT_MS = 30,
	CNS_ELECTION_MIN_MS = 150,
	CNS_ELECTION_MAX_MS = 300,
	CNS_HEARTBEAT_LIMIT_MS = 30000,
	CNS_ELECTION_LIMIT_MS = 600000,

	/* A round trip between kernels is far below it. */
	CNS_RETRANSMIT_MIN_US = 2000,

	/* How long an own challenge is fresh, in longest election timeouts. */
	CNS_FRESH_ELECTIONS = 20,

	CNS_TIMEOUT_DEFAULT_S = 30,
	/* After its timeout (240 s at most) a command is cut off at the latest: io_uring
	 * warns of what outlives its ring by 5 minutes.
	 */
	CNS_GRACE_MAX_S = 30,
	/* How often a handle with commands looks whether their programs live. */
	CNS_DEAD_MS = 250,

	/* How long a node's session may be unheard (default). */
	CNS_TTL_MS = 10000,
};

/* A restored cluster begins so far above its backup, at least (design 9). */
#define CNS_RESTORE_ABOVE BIT_ULL(40)
/* Longer than any state; and as far as the core counts. */
#define CNS_RESTORE_BYTES_MAX BIT_ULL(32)
#define CNS_RESTORE_INDEX_MAX (BIT_ULL(62) - BIT_ULL(41))

#endif
