// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions begin and end: whose open counts, and what goes with the end of one.
 * What they do while they live: session.c.
 */
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include "state.h"

/**
 * enum standing - how an open relates to the session that its name has
 * @SAME: it is the open of that very session, once more
 * @NEWER: its node has gone on since: the session ends
 * @OLDER: it is late: the session stays
 */
enum standing { SAME, NEWER, OLDER };

/* What @node had when it lost this name to another; NULL: it never did. */
static const struct fsm_former *former(const struct fsm_session *s,
				       struct raft_id node)
{
	u32 i;

	for (i = 0; i < s->n_former; i++)
		if (raft_id_eq(s->former[i].node, node))
			return &s->former[i];
	return NULL;
}

/*
 * An open by an incarnation that does not have the name now. They have no order
 * but that of their coming, so one that was replaced stays replaced. But its
 * successor may be a dead predecessor, whose open was late in the network. Only
 * who lives has seen that, and asks for another session.
 */
static enum standing stranger(const struct fsm_session *s,
			      const struct fsm_command *c)
{
	const struct fsm_former *f = former(s, c->node);

	if (!f || c->boot_counter > f->boot_counter)
		return NEWER;
	return c->boot_counter == f->boot_counter && c->arg2 > f->ordinal ?
	       NEWER : OLDER;
}

/*
 * Boots of one incarnation are ordered by their counter, sessions of one boot
 * by their ordinal.
 */
static enum standing standing(const struct fsm_session *s,
			      const struct fsm_command *c)
{
	if (!raft_id_eq(s->node, c->node))
		return stranger(s, c);
	if (s->boot_counter != c->boot_counter)
		return c->boot_counter > s->boot_counter ? NEWER : OLDER;
	/* A counter used twice: storage was rolled back. The first one stays. */
	if (s->boot_nonce != c->boot_nonce)
		return OLDER;
	if (s->ordinal != c->arg2)
		return c->arg2 > s->ordinal ? NEWER : OLDER;
	return SAME;
}

/*
 * @heir takes the name. The newest in front; the oldest is forgotten when there
 * are too many.
 */
static void remember_former(struct fsm_session *s, struct raft_id heir)
{
	u32 i, n = 0;

	for (i = 0; i < s->n_former; i++)
		if (!raft_id_eq(s->former[i].node, heir))
			s->former[n++] = s->former[i];
	s->n_former = min_t(u32, n + 1, FSM_FORMER);
	memmove(&s->former[1], &s->former[0],
		(s->n_former - 1) * sizeof(s->former[0]));
	s->former[0] = (struct fsm_former){
		.node = s->node,
		.boot_counter = s->boot_counter,
		.ordinal = s->ordinal,
	};
}

/* The session belongs to whom @c names, and has seen nothing yet. */
static void take_over(struct fsm *f, struct fsm_session *s, u64 index,
		      const struct fsm_command *c)
{
	s->id = index;
	s->node = c->node;
	s->boot_counter = c->boot_counter;
	s->boot_nonce = c->boot_nonce;
	s->ordinal = c->arg2;
	s->ttl_ms = c->arg;
	fsm_session_start(f, s, 1);
}

/* The session that @c is to have; in @out what became of another. */
static int place(struct fsm *f, u64 index, const struct fsm_command *c,
		 struct fsm_outcome *out)
{
	struct fsm_session *s = fsm_session_named(f, c->name, c->name_len);

	if (!s) {
		if (f->n_sessions == FSM_SESSIONS_MAX) {
			out->status = -ENOSPC;
			return 0;
		}
		s = fsm_session_new(f, c->name, c->name_len);
		if (!s)
			return -ENOMEM;
		take_over(f, s, index, c);
		out->session = s->id;
		return 0;
	}
	switch (standing(s, c)) {
	case OLDER:
		*out = (struct fsm_outcome){ .kind = FSM_OUT_NONE };
		return 0;
	case SAME:
		out->session = s->id;
		return 0;
	case NEWER:
		break;
	}
	fsm_session_touch(f, s);
	if (fsm_session_retire(f, s, index))
		return -ENOMEM;
	out->replaced = s->id;
	if (!raft_id_eq(s->node, c->node))
		remember_former(s, c->node);
	take_over(f, s, index, c);
	out->session = s->id;
	fsm_reap(f, index, c->stamp);
	return 0;
}

/**
 * fsm_open() - a node wants a session
 * @f: state
 * @index: of the entry
 * @c: SESSION_OPEN
 * @out: OPENED, or NONE if it is late
 *
 * "A session is (incarnation, boot, ordinal), one at a time per node. It ends,
 * too, when the same member opens one under a newer boot or incarnation"
 * (design 3). The member is known by its name, which outlives its storage.
 *
 * Return: 0 or -ENOMEM.
 */
int fsm_open(struct fsm *f, u64 index, const struct fsm_command *c,
	     struct fsm_outcome *out)
{
	out->kind = FSM_OUT_OPENED;
	out->index = index;
	out->node = c->node;
	out->boot_nonce = c->boot_nonce;
	out->ordinal = c->arg2;
	return place(f, index, c, out);
}

/**
 * fsm_end() - it is over with a session
 * @f: state
 * @s: session
 * @index: of the entry that says so
 * @stamp: of that
 *
 * But for what its handles have, and that counts as gone. Its name is free, and
 * what comes of it yet never runs (pitfall 56).
 *
 * Return: 0 or -ENOMEM.
 */
int fsm_end(struct fsm *f, struct fsm_session *s, u64 index, u32 stamp)
{
	int err = fsm_session_drop(f, s, index);

	if (!err)
		fsm_reap(f, index, stamp);
	return err;
}

/**
 * fsm_expire() - the leader has not heard of a session for its TTL
 * @f: state
 * @index: of the entry
 * @c: EXPIRE
 * @out: ENDED, or NONE if it had ended already
 *
 * "What expires, expires because the leader appended an entry that says so"
 * (design 4; pitfall 55).
 *
 * Return: 0 or -ENOMEM.
 */
int fsm_expire(struct fsm *f, u64 index, const struct fsm_command *c,
	       struct fsm_outcome *out)
{
	struct fsm_session *s = fsm_session_find(f, c->arg);

	if (!s)
		return 0;
	out->kind = FSM_OUT_ENDED;
	out->status = -EKEYEXPIRED;
	out->index = index;
	out->session = s->id;
	out->node = s->node;
	out->boot_nonce = s->boot_nonce;
	out->ordinal = s->ordinal;
	return fsm_end(f, s, index, c->stamp);
}
