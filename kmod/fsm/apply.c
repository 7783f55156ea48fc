// SPDX-License-Identifier: GPL-2.0
/*
 * What entries do. Every member runs this over the same entries and gets the
 * same state and the same outcomes (pitfalls 55, 71, 72): nothing here depends
 * on time, on memory, or on whether a snapshot is being taken.
 */
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/errno.h>
#include <linux/build_bug.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include "state.h"

/* The words of design 10 for them. */
static s32 status_of(enum fsm_code code)
{
	switch (code) {
	case FSM_OK:
		return 0;
	case FSM_CANCELED:
		return -ECANCELED;
	case FSM_OVERFLOWED:
		return -EOVERFLOW;
	default:
		return -ENOSPC;
	}
}

/*
 * The seed keys all hashes. It is replicated, as their sums are compared, and a
 * secret of the members, as buckets are chosen by them.
 */
void fsm_begin(struct fsm *f, u32 version, u32 objects_max, u64 seed)
{
	f->version = version;
	f->objects_max = objects_max;
	f->seed = seed;
	f->key.key[0] = seed;
	f->key.key[1] = ~seed;
	f->hash = fsm_limits_hash(f);
}

/* Which members must agree on as on all else: see state.h. */
u64 fsm_limits_hash(const struct fsm *f)
{
	u64 limits = siphash_3u64(f->version, f->objects_max, f->seed, &f->key);

	return limits + fsm_mix(fsm_mix(limits) + f->next_token);
}

/* ------------------------------------------------------------- sessions */

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
	out->replaced = s->id;
	fsm_session_retire(f, s);
	if (!raft_id_eq(s->node, c->node))
		remember_former(s, c->node);
	take_over(f, s, index, c);
	out->session = s->id;
	return 0;
}

/*
 * "A session is (incarnation, boot, ordinal), one at a time per node. It ends,
 * too, when the same member opens one under a newer boot or incarnation"
 * (design 3). The member is known by its name, which outlives its storage.
 */
static int apply_open(struct fsm *f, u64 index, const struct fsm_command *c,
		      struct fsm_outcome *out)
{
	out->kind = FSM_OUT_OPENED;
	out->index = index;
	out->node = c->node;
	out->boot_nonce = c->boot_nonce;
	out->ordinal = c->arg2;
	return place(f, index, c, out);
}

/* ------------------------------------------------------------- requests */

/* "add(n) returns the new value. Past 2^64-1: EOVERFLOW, unchanged." */
static int counter_add(struct fsm *f, u64 index, const struct fsm_command *c,
		       struct fsm_slot *result)
{
	u64 hash = fsm_name_hash(f, c->name, c->name_len);
	struct fsm_object *o;
	u64 value = c->arg;

	o = fsm_object_find(f, FSM_KIND_COUNTER, c->name, c->name_len, hash);
	if (o && check_add_overflow(o->value, c->arg, &value)) {
		result->code = FSM_OVERFLOWED;
		return 0;
	}
	if (!o && f->objects >= f->objects_max) {
		result->code = FSM_FULL;
		return 0;
	}
	if (o)
		fsm_object_touch(f, o);
	else
		o = fsm_object_new(f, FSM_KIND_COUNTER, c->name, c->name_len,
				   hash);
	if (!o)
		return -ENOMEM;
	fsm_object_set(f, o, value, index);
	result->value = value;
	return 0;
}

/* A close that forbids nothing any more needs no record. */
static void handle_close(const struct fsm_session *s,
			 const struct fsm_command *c, struct fsm_slot *result)
{
	if (c->arg < s->low)
		return;
	result->back = c->seq - c->arg;
	result->value = c->handle;
}

/*
 * The first entry that names c->seq: do what it says. Nothing of it takes effect
 * if its cancellation or the close of its handle came first.
 */
static int resolve(struct fsm *f, struct fsm_session *s, u64 index,
		   const struct fsm_command *c)
{
	struct fsm_slot result = { .index = index };
	int err = 0;

	if (c->op == FSM_HANDLE_CLOSE)
		handle_close(s, c, &result);
	else if (c->op == FSM_CANCEL ||
		 fsm_session_closed(s, c->seq, c->handle))
		result.code = FSM_CANCELED;
	else
		err = counter_add(f, index, c, &result);
	if (!err)
		fsm_session_store(f, s, c->seq, &result);
	return err;
}

/* Tell the result that request @seq has. */
static void report(const struct fsm_session *s, u64 seq,
		   struct fsm_outcome *out)
{
	const struct fsm_slot *slot = &s->slot[seq & FSM_WINDOW_MASK];

	out->kind = FSM_OUT_RESULT;
	out->session = s->id;
	out->seq = seq;
	out->index = slot->index;
	out->status = status_of(slot->code);
	out->value = slot->back ? 0 : slot->value;
}

/*
 * Exactly once. The first entry that names a seq resolves it, be it the request
 * or its cancellation; the others find the result. Once low has passed it, the
 * node knows the result, and what still comes is ignored. Beyond the window
 * there is nothing: seq < c->low + FSM_WINDOW by decoding, c->low <= s->low.
 */
static int apply_request(struct fsm *f, u64 index, const struct fsm_command *c,
			 struct fsm_outcome *out)
{
	struct fsm_session *s = fsm_session_find(f, c->session);
	int err = 0;

	if (!s) {
		out->kind = FSM_OUT_RESULT;
		out->session = c->session;
		out->seq = c->seq;
		out->index = index;
		out->status = -EKEYEXPIRED;
		return 0;
	}
	fsm_session_touch(f, s);
	fsm_session_raise(f, s, c->low);
	if (c->seq < s->low)
		return 0;
	if (!fsm_session_has(s, c->seq))
		err = resolve(f, s, index, c);
	if (!err)
		report(s, c->seq, out);
	return err;
}

/* --------------------------------------------------------------- checks */

/* Where the hash at @index would be remembered. */
static u32 mark_of(u64 index)
{
	BUILD_BUG_ON(FSM_CHECK_EVERY & (FSM_CHECK_EVERY - 1));
	BUILD_BUG_ON(FSM_CHECKS & (FSM_CHECKS - 1));
	return (index / FSM_CHECK_EVERY) & (FSM_CHECKS - 1);
}

static void remember_hash(struct fsm *f)
{
	f->mark[mark_of(f->applied)] = (struct fsm_mark){
		.index = f->applied, .hash = f->hash,
	};
}

/**
 * fsm_checkpoint() - a hash for the others to compare theirs with
 * @f: state
 * @index: newest index at which the hash is remembered
 * @hash: of the state there
 *
 * Return: false if there is none, as after a snapshot was loaded.
 */
bool fsm_checkpoint(const struct fsm *f, u64 *index, u64 *hash)
{
	const struct fsm_mark *m = &f->mark[mark_of(f->applied)];

	/* Entries are applied one by one, so it is of this lap, or of none. */
	*index = m->index;
	*hash = m->hash;
	return m->index;
}

/*
 * "A hash of the replicated state is compared through the log" (design 7). Who
 * does not remember that index any more, or has not lived through it, cannot
 * tell. The state itself is not touched, as members may find different things.
 */
static void apply_check(const struct fsm *f, const struct fsm_command *c,
			struct fsm_outcome *out)
{
	const struct fsm_mark *m = &f->mark[mark_of(c->arg)];

	if (m->index != c->arg || m->hash == c->arg2)
		return;
	out->kind = FSM_OUT_DIFFERS;
	out->index = m->index;
	out->value = m->hash;
}

/* Decoded; what does not make sense now is ignored, on every member alike. */
static int apply_command(struct fsm *f, u64 index, const struct fsm_command *c,
			 struct fsm_outcome *out)
{
	/* Nothing exists before the first entry that says what it is. */
	if (unlikely(!f->version)) {
		if (c->op == FSM_INIT)
			fsm_begin(f, c->seq, c->arg2, c->arg);
		return 0;
	}
	if (likely(c->session))
		return apply_request(f, index, c, out);
	if (c->op == FSM_SESSION_OPEN)
		return apply_open(f, index, c, out);
	if (c->op == FSM_CHECK)
		apply_check(f, c, out);
	return 0;
}

/**
 * fsm_apply() - one committed entry
 * @f: state
 * @index: of the entry; applied + 1 (thesis 3.5: in the order of the log)
 * @data: command, for entries that hold one
 * @len: its bytes; 0: an entry that is none of ours
 * @out: what it did; FSM_OUT_NONE after an error
 *
 * Return: 0; else the node must stop: -EPROTO an entry that this version does
 * not know; -EINVAL an entry that no version writes, or not the next one;
 * -ENOMEM fsm_room() was not asked.
 */
int fsm_apply(struct fsm *f, u64 index, const u8 *data, u16 len,
	      struct fsm_outcome *out)
{
	struct fsm_command c;
	int err = 0;

	*out = (struct fsm_outcome){ .kind = FSM_OUT_NONE };
	if (index != f->applied + 1)
		return -EINVAL;
	if (len) {
		err = fsm_decode(&c, data, len);
		if (!err)
			err = apply_command(f, index, &c, out);
	}
	if (err) {
		out->kind = FSM_OUT_NONE;
		return err;
	}
	f->applied = index;
	if (unlikely(!(index & (FSM_CHECK_EVERY - 1))))
		remember_hash(f);
	return 0;
}

/**
 * fsm_result() - what became of a request
 * @f: state
 * @session: its session
 * @seq: its number
 * @out: as fsm_apply() gave it, if 0 is returned
 *
 * Return: 0; -EINPROGRESS no entry applied so far has resolved it; -EKEYEXPIRED
 * no such session (any more); -ESTALE its node has seen it resolved, and the
 * result is forgotten.
 */
int fsm_result(const struct fsm *f, u64 session, u64 seq,
	       struct fsm_outcome *out)
{
	const struct fsm_session *s = fsm_session_find(f, session);

	*out = (struct fsm_outcome){ .kind = FSM_OUT_NONE };
	if (!s)
		return -EKEYEXPIRED;
	if (seq < s->low)
		return -ESTALE;
	if (seq - s->low >= FSM_WINDOW || !fsm_session_has(s, seq))
		return -EINPROGRESS;
	report(s, seq, out);
	return 0;
}
