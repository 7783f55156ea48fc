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
	case FSM_BUSY:
		return -EAGAIN;
	case FSM_STALE:
		return -ESTALE;
	case FSM_NOT_HOLDER:
		return -EPERM;
	case FSM_NO_SUCH:
		return -ENOENT;
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
u64 fsm_limits_hash(struct fsm *f)
{
	f->limits = siphash_3u64(f->version, f->objects_max, f->seed, &f->key);
	return f->limits + fsm_counts_hash(f);
}

/* ------------------------------------------------------------- requests */

/*
 * What the handle has counts as gone from now on. A close that forbids nothing any
 * more needs no record.
 */
static void handle_close(struct fsm *f, struct fsm_session *s, u64 index,
			 const struct fsm_command *c, struct fsm_slot *result)
{
	struct fsm_handle *h = fsm_handle_find(f, s->id, c->handle);

	if (h && !h->death) {
		fsm_handle_die(f, s, h, index);
		fsm_reap(f, index, c->stamp);
	}
	if (c->arg < s->low)
		return;
	result->back = c->seq - c->arg;
	result->value = c->handle;
}

/* A fence that does not hold: nothing may take effect. */
static bool fenced_off(const struct fsm *f, const struct fsm_fence *fence)
{
	return unlikely(fence->token) &&
	       fsm_fence(f, fence->name, fence->name_len, fence->token);
}

/*
 * The first entry that names c->seq: do what it says. Nothing of it takes effect
 * if its cancellation or the close of its handle came first, and then if its fence
 * does not hold.
 */
static int resolve(struct fsm *f, struct fsm_session *s, u64 index,
		   const struct fsm_command *c, struct fsm_outcome *out)
{
	struct fsm_slot result = { .index = index };
	int err = 0;

	if (c->op == FSM_HANDLE_CLOSE)
		handle_close(f, s, index, c, &result);
	else if (c->op == FSM_CANCEL ||
		 fsm_session_closed(s, c->seq, c->handle))
		result.code = FSM_CANCELED;
	else if (fenced_off(f, &c->fence))
		result.code = FSM_STALE;
	else if (likely(c->op == FSM_COUNTER_ADD))
		err = fsm_counter_add(f, index, c, &result);
	else
		err = fsm_lock_request(f, s, index, c, &result, out);
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
	out->count = 1;
	out->index = slot->index;
	out->status = status_of(slot->code);
	out->value = slot->back ? 0 : slot->value;
}

/* All of a run is resolved when it is applied; each is asked for its own result. */
static int apply_run(struct fsm *f, struct fsm_session *s, u64 index,
		     const struct fsm_command *c, struct fsm_outcome *out)
{
	if (fsm_counter_run(f, s, index, c))
		return -ENOMEM;
	out->kind = FSM_OUT_RESULT;
	out->session = s->id;
	out->seq = c->seq;
	out->count = c->arg2;
	out->index = index;
	return 0;
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
		out->count = fsm_command_count(c);
		out->index = index;
		out->status = -EKEYEXPIRED;
		return 0;
	}
	fsm_session_touch(f, s);
	fsm_session_raise(f, s, c->low);
	if (c->op == FSM_COUNTER_RUN)
		return apply_run(f, s, index, c, out);
	if (c->seq < s->low)
		return 0;
	if (!fsm_session_has(s, c->seq))
		err = resolve(f, s, index, c, out);
	if (err)
		return err;
	report(s, c->seq, out);
	/* The result first: it may be its own session. */
	if (unlikely(out->ended))
		return fsm_end(f, fsm_session_find(f, out->ended), index,
			       c->stamp);
	return 0;
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
	switch (c->op) {
	case FSM_SESSION_OPEN:
		return fsm_open(f, index, c, out);
	case FSM_CHECK:
		apply_check(f, c, out);
		return 0;
	case FSM_EXPIRE:
		return fsm_expire(f, index, c, out);
	case FSM_REAP:
		fsm_reap(f, index, c->stamp);
		return 0;
	default:
		return 0;
	}
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
	struct fsm_command *c = &f->command;
	int err = 0;

	*out = (struct fsm_outcome){ .kind = FSM_OUT_NONE };
	if (index != f->applied + 1)
		return -EINVAL;
	f->n_events = 0;
	if (len) {
		err = fsm_decode(c, data, len);
		if (!err)
			err = apply_command(f, index, c, out);
	}
	if (err) {
		out->kind = FSM_OUT_NONE;
		return err;
	}
	f->applied = index;
	out->n_events = f->n_events;
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
