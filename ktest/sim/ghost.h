/* SPDX-License-Identifier: GPL-2.0 */
/* What all nodes ever did, kept outside of them. Included by sim.h. */
#ifndef SIM_GHOST_H
#define SIM_GHOST_H

struct req;
struct hold;
struct gchange;

/**
 * struct gcounts - what fsm_stats() has to say after an entry
 * @next_token: as there, as the others
 */
struct gcounts {
	u64 next_token;
	u32 objects;
	u32 locks;
	u32 held;
	u32 waiting;
	u32 sessions;
	bool dying;
};

/**
 * struct gentry - an entry that some leader made; there is one for each
 *	(index, term), and log matching says that its content is unique
 * @next: other terms at the same index
 * @prev_term: of the entry before it
 */
struct gentry {
	struct gentry *next;
	u64 index;
	u64 term;
	u64 prev_term;
	u16 len;
	u8 kind;
	u8 data[];
};

/**
 * struct gcommit - what is committed at an index, for ever
 * @e: the entry
 * @commit_term: term of the leader that committed it
 * @hash: of the state after it, once somebody applied it
 * @low: of a request: its session's low mark after it, says the model
 * @out: outcome that the first to apply it saw
 * @changes: what it does to locks, says the model
 * @counts: what there is after it, says the model
 */
struct gcommit {
	struct gentry *e;
	u64 commit_term;
	u64 hash;
	u64 low;
	struct fsm_outcome out;
	struct gchange *changes;
	struct gcounts counts;
	bool applied;
};

/**
 * struct gresult - what became of request (session, seq), says the model
 * @req: the request, while somebody knows it
 * @hold: the acquire of which it is a request
 * @session: key
 * @seq: key
 * @resolved: its entry, or one that forbids it, was committed
 * @effect: it took effect
 * @status: if not
 * @value: if it did
 * @index: of the entry that resolved it
 */
struct gresult {
	struct gresult *next;
	struct req *req;
	struct hold *hold;
	u64 session;
	u64 seq;
	u64 value;
	u64 index;
	s32 status;
	bool resolved;
	bool effect;
};

/**
 * struct gsession - a session that was ever open
 * @name: its node's
 * @ended: index of the entry that ended it; 0: none has
 * @revoked: by an administrator
 * @rogue: by a leader whose clock was out of the bound
 * @forgotten: nobody remembers any more that it had that name
 * @closed: handles of it
 * @owners: handles that have claims
 */
struct gsession {
	struct gsession *next;
	u64 id;
	u64 low;
	struct raft_id node;
	u64 boot_counter;
	u64 boot_nonce;
	u64 ordinal;
	u64 ended;
	bool open;
	bool revoked;
	bool rogue;
	bool forgotten;
	u8 name_len;
	char name[FSM_NAME_MAX + 1];
	struct gclosed {
		struct gclosed *next;
		u64 handle;
	} *closed;
	struct gowner *owners;
};

/* A counter's whole past: its value from index on. */
struct gpast {
	u64 index;
	u64 value;
};

struct gcounter {
	char name[FSM_NAME_MAX + 1];
	struct gpast *past;
	u32 n, cap;
};

struct gvote {
	struct gvote *next;
	struct raft_id voter;
	u64 term;
	struct raft_id to;
};

enum { G_RESULTS = 1 << 14, G_VOTES = 1 << 10 };

#include "lock.h"

struct ghost {
	struct gentry **entries;	/* by index */
	struct gcommit *log;		/* by index; valid up to .commit */
	u64 cap;
	u64 commit;			/* highest committed anywhere */
	u64 applied;			/* highest applied anywhere */
	u64 acked;			/* highest index a program was told */
	u64 lost_at;			/* when the majority was lost; ~0 */
	struct leader {
		struct raft_id id;
	} *leaders;			/* by term */
	u64 leaders_cap;
	struct gresult **results;
	struct gvote **votes;
	struct gsession *sessions;
	struct gcounter counter[SIM_NAMES];
	u32 objects, objects_max;
	struct glocks l;
	bool formed;
	struct raft_config config;
};

#endif
