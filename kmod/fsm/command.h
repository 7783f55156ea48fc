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
	FSM_COMMAND_MAX = 192,	/* the longest command encoded */
};

enum fsm_op {
	FSM_INIT = 1,		/* first entry: version, limits, hash seed */
	FSM_SESSION_OPEN,	/* (node name, incarnation, boot, ordinal) */
	FSM_COUNTER_ADD,	/* name += arg */
	FSM_CANCEL,		/* (session, seq) shall never take effect */
	FSM_HANDLE_CLOSE,	/* nothing of handle with seq <= arg takes effect */
	FSM_CHECK,		/* the leader's state had hash arg2 at index arg */
};

/**
 * struct fsm_command - a decoded command
 * @op: enum fsm_op
 * @name_len: bytes of @name, 1 to FSM_NAME_MAX where the op has one
 * @session: id of the session (index of the entry that opened it); 0 in INIT,
 *	SESSION_OPEN and CHECK, which are nobody's requests
 * @seq: dense from 1 within the session; CANCEL: the seq to cancel.
 *	HANDLE_CLOSE has one of its own. INIT: version of the state machine
 *	(fsm_encode() writes its own, FSM_VERSION).
 * @low: lowest seq that the session has not seen resolved; results below are
 *	forgotten. seq - low < FSM_WINDOW.
 * @handle: number of the open file, never reused within a session
 * @arg: COUNTER_ADD: how much, at least 1. HANDLE_CLOSE: last seq that the
 *	handle used, below @seq. INIT: hash seed. CANCEL: 0. CHECK: an index, not 0
 * @arg2: INIT: limit of objects, 1 to FSM_OBJECTS_LIMIT. SESSION_OPEN: ordinal.
 *	CHECK: the hash
 * @boot_counter: SESSION_OPEN
 * @boot_nonce: SESSION_OPEN
 * @node: SESSION_OPEN: incarnation
 * @name: the object's name; SESSION_OPEN: the node's. Not terminated; points
 *	into the decoded bytes.
 */
struct fsm_command {
	u8 op;
	u8 name_len;
	u64 session;
	u64 seq;
	u64 low;
	u64 handle;
	u64 arg;
	u64 arg2;
	u64 boot_counter;
	u64 boot_nonce;
	struct raft_id node;
	const char *name;
};

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
