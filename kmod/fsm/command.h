/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Commands: what a RAFT_COMMAND entry holds, and what a node forwards to the
 * leader. Little-endian, natural alignment, explicit zero padding. One gate,
 * fsm_decode(): what it accepts is not checked again.
 */
#ifndef CNS_FSM_COMMAND_H
#define CNS_FSM_COMMAND_H

#include <linux/types.h>
#include "../raft/id.h"

enum {
	FSM_NAME_MAX = 63,	/* bytes of UTF-8 (design 9) */
	FSM_WINDOW = 1024,	/* unresolved requests of a session */
	FSM_COMMAND_MAX = 200,	/* the longest command encoded: an acquire */
	FSM_RUN_MAX = 256,	/* additions of a run: one entry's work is bounded */
	FSM_COMM = 16,		/* bytes of a program's name, as TASK_COMM_LEN */
	FSM_TTL_MIN_MS = 50,	/* of a session */
	FSM_TTL_MAX_MS = 600000,
};

enum fsm_op {
	FSM_INIT = 1,		/* first entry: version, limits, hash seed */
	FSM_SESSION_OPEN,	/* (node name, incarnation, boot, ordinal) */
	FSM_COUNTER_ADD,	/* name += arg */
	FSM_CANCEL,		/* (session, seq) shall never take effect */
	FSM_HANDLE_CLOSE,	/* nothing of handle with seq <= arg takes effect */
	FSM_CHECK,		/* the leader's state had hash arg2 at index arg */
	FSM_LOCK_ACQUIRE,	/* queue for lock name; arg: enum fsm_acquire_flag */
	FSM_LOCK_RELEASE,	/* give back ticket arg, held with token arg2 */
	FSM_LOCK_LEAVE,		/* give up ticket arg, whether it waits or holds */
	FSM_LOCK_REVOKE,	/* administrator: take lock name from token arg; 0: all */
	FSM_SESSION_END,	/* administrator: end session arg */
	FSM_EXPIRE,		/* leader: nothing was heard of session arg for its TTL */
	FSM_REAP,		/* leader: go on with what the dead have left */
	FSM_COUNTER_RUN,	/* name += arg, arg2 times, for seqs from seq on */
};

enum fsm_acquire_flag {
	FSM_ACQUIRE_SHARED = 1 << 0,	/* beside other shared ones */
	FSM_ACQUIRE_TRY = 1 << 1,	/* granted at once, or not at all */
	FSM_ACQUIRE_FLAGS = FSM_ACQUIRE_SHARED | FSM_ACQUIRE_TRY,
};

/**
 * struct fsm_fence - "only if that very grant still holds" (design 9)
 * @token: the grant's; never 0. 0: there is no fence
 * @name_len: bytes of @name, 1 to FSM_NAME_MAX; 0: there is no fence
 * @name: the lock's, not terminated
 */
struct fsm_fence {
	u64 token;
	u8 name_len;
	const char *name;
};

/**
 * struct fsm_program - who asks, as the kernel knows it and not as it says
 * @pid: in the initial pid namespace
 * @uid: in the initial user namespace
 * @comm: zeros behind its end
 */
struct fsm_program {
	u32 pid;
	u32 uid;
	char comm[FSM_COMM];
};

/**
 * struct fsm_command - a decoded command
 *
 * fsm_decode() sets what the op has to 0 where it is not there, and leaves alone
 * what belongs to other ops from @node on: most commands are additions, and are not
 * to pay for what they have not.
 * @op: enum fsm_op
 * @name_len: bytes of @name, 1 to FSM_NAME_MAX where the op has one
 * @session: id of the session (index of the entry that opened it); 0 in INIT,
 *	SESSION_OPEN, CHECK, EXPIRE and REAP, which are nobody's requests
 * @seq: dense from 1 within the session; CANCEL: the seq to cancel.
 *	HANDLE_CLOSE has one of its own. INIT: version of the state machine
 *	(fsm_encode() writes its own, FSM_VERSION).
 * @low: lowest seq that the session has not seen resolved; results below are
 *	forgotten. seq - low < FSM_WINDOW.
 * @handle: number of the open file, never reused within a session
 * @arg: COUNTER_ADD, COUNTER_RUN: how much, at least 1. HANDLE_CLOSE: last seq that the
 *	handle used, below @seq. INIT: hash seed. CANCEL: 0. CHECK: an index, not 0.
 *	SESSION_OPEN: TTL in ms, FSM_TTL_MIN_MS to FSM_TTL_MAX_MS.
 *	LOCK_ACQUIRE: enum fsm_acquire_flag. LOCK_RELEASE, LOCK_LEAVE: the ticket,
 *	not 0. LOCK_REVOKE: token, 0: whoever holds it. SESSION_END, EXPIRE: id of
 *	the session, not 0. REAP: 0
 * @arg2: INIT: limit of objects, 1 to FSM_OBJECTS_LIMIT. SESSION_OPEN: ordinal.
 *	CHECK: the hash. LOCK_RELEASE: the token, not 0.
 *	COUNTER_RUN: how many, 2 to FSM_RUN_MAX, all in the window: each is a request
 *	of its own, whose seq is one above the one before it
 * @stamp: when it was asked for, in seconds of the Unix epoch by the clock of
 *	who asked; 0: not told. For people alone: the "since" of a grant is the
 *	stamp of the command that made it. In LOCK_*, HANDLE_CLOSE, SESSION_END,
 *	EXPIRE, REAP; zero in the others
 * @fence: of COUNTER_ADD, LOCK_ACQUIRE, LOCK_RELEASE: applied only if that grant
 *	holds at this point of the order, else -ESTALE. @fence.name points into
 *	the decoded bytes.
 * @node: SESSION_OPEN: incarnation
 * @boot_counter: SESSION_OPEN
 * @boot_nonce: SESSION_OPEN
 * @program: LOCK_ACQUIRE
 * @name: the object's name; SESSION_OPEN: the node's. Not terminated; points
 *	into the decoded bytes.
 */
struct fsm_command {
	u8 op;
	u8 name_len;
	u32 stamp;
	u64 session;
	u64 seq;
	u64 low;
	u64 handle;
	u64 arg;
	u64 arg2;
	struct fsm_fence fence;
	struct raft_id node;
	u64 boot_counter;
	u64 boot_nonce;
	struct fsm_program program;
	const char *name;
};

/* How many requests does it make? Those of a run have seqs that follow each other. */
static inline u32 fsm_command_count(const struct fsm_command *c)
{
	return c->op == FSM_COUNTER_RUN ? c->arg2 : 1;
}

/* Bytes written to @buf, which holds FSM_COMMAND_MAX. */
u16 fsm_encode(const struct fsm_command *c, u8 *buf);
/* -EINVAL: malformed in any way. -EPROTO: an op that this version lacks. */
int fsm_decode(struct fsm_command *c, const u8 *buf, u16 len);
/*
 * Is it 1 to FSM_NAME_MAX bytes of well-formed UTF-8 (no surrogates, no
 * overlong forms) without NUL or control characters (C0, DEL, C1)?
 * 0, -EINVAL, -ENAMETOOLONG.
 */
int fsm_name_check(const char *name, size_t len);

#endif
