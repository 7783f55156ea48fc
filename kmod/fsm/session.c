// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions: who asks, and what became of what was asked, so that whatever is
 * asked twice is done once (design 2 and 9; pitfalls 54, 56, 57).
 *
 * Closed handles. A close names the last seq of its handle, and nothing of the
 * handle up to there may take effect once it is applied, though it come later.
 * The record of that lives in the result slot of the close itself and goes when
 * low passes it. That is long enough: the seqs that a close forbids are lower
 * than its own (the decoder checks it), and what is below low is not applied
 * anyway. And requests above the last seq that it names are not its business:
 * handle numbers are never used twice, so there are none.
 *
 * The records form a chain, and closed_max bounds the seqs that any of them
 * forbids, so that a request that comes in order does not look at the chain.
 */
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/errno.h>
#include <linux/string.h>
#include "bytes.h"
#include "state.h"

static struct fsm_session **id_bucket(struct fsm *f, u64 id)
{
	return &f->by_id[id & (FSM_SESSION_BUCKETS - 1)];
}

/* By id; NULL if it never was or has ended. */
struct fsm_session *fsm_session_find(const struct fsm *f, u64 id)
{
	struct fsm_session *s = f->by_id[id & (FSM_SESSION_BUCKETS - 1)];

	while (s && s->id != id)
		s = s->next_id;
	return s;
}

/* By its node's name. At most 64 are compared, and only when one is opened. */
struct fsm_session *fsm_session_named(const struct fsm *f, const char *name,
				      u8 len)
{
	u32 i;

	for (i = 0; i < f->n_sessions; i++)
		if (f->session[i]->name_len == len &&
		    !memcmp(f->session[i]->name, name, len))
			return f->session[i];
	return NULL;
}

/**
 * fsm_session_new() - a session for a name that has none
 * @f: state with less than FSM_SESSIONS_MAX of them
 * @name: the node's
 * @len: bytes of it
 *
 * Return: the session; its owner's fields and fsm_session_start() come next.
 * NULL without memory, which fsm_room() precludes.
 */
struct fsm_session *fsm_session_new(struct fsm *f, const char *name, u8 len)
{
	struct fsm_session *s;

	if (f->n_sessions >= f->n_windows)
		return NULL;
	s = f->session[f->n_sessions++];
	s->epoch = f->epoch;
	s->n_former = 0;
	s->name_len = len;
	memcpy(s->name, name, len);
	return s;
}

/* Everything about a session that stays as it is while it lives. */
static u64 identity(const struct fsm *f, const struct fsm_session *s)
{
	u64 key = fsm_name_hash(f, s->name, s->name_len);
	u32 i;

	key = siphash_4u64(key, s->id, s->node.hi, s->node.lo, &f->key);
	key = siphash_4u64(key, s->boot_counter, s->boot_nonce, s->ordinal,
			   &f->key);
	key = siphash_2u64(key, s->ttl_ms, &f->key);
	for (i = 0; i < s->n_former; i++) {
		const struct fsm_former *o = &s->former[i];

		key = siphash_3u64(key, o->node.hi, o->node.lo, &f->key);
		key = siphash_3u64(key, o->boot_counter, o->ordinal, &f->key);
	}
	return key;
}

/* Its record in a snapshot. */
u64 fsm_session_bytes(const struct fsm_session *s)
{
	return FSM_SNAP_SESSION + fsm_padded(s->name_len) +
	       s->n_former * FSM_SNAP_FORMER + s->n_slots * FSM_SNAP_SLOT;
}

/**
 * fsm_session_start() - begin anew under the owner that its fields name
 * @f: state
 * @s: session, new or retired
 * @low: 1; a loaded one's low mark
 *
 * The results of a predecessor are not cleared but unmarked: what no bit of @used
 * stands for is never read. Its handles are in a grave.
 */
void fsm_session_start(struct fsm *f, struct fsm_session *s, u64 low)
{
	struct fsm_session **bucket = id_bucket(f, s->id);

	s->n_handles = 0;
	s->handles = NULL;
	s->low = low;
	s->sum = 0;
	s->n_slots = 0;
	s->closed = FSM_NO_SLOT;
	s->closed_max = 0;
	memset(s->used, 0, sizeof(s->used));
	s->key = identity(f, s);
	s->next_id = *bucket;
	*bucket = s;
	f->body += fsm_session_bytes(s);
	f->hash += s->key + (s->key | 1) * s->low;
}

/**
 * fsm_session_retire() - it ends
 * @f: state
 * @s: session, touched
 * @index: of the entry that ends it
 *
 * Nobody finds it under its id any more, so that its late requests never run
 * (pitfall 56).
 *
 * Return: 0, or -ENOMEM, and nothing was changed.
 */
int fsm_session_retire(struct fsm *f, struct fsm_session *s, u64 index)
{
	struct fsm_session **at = id_bucket(f, s->id);

	if (fsm_session_bury(f, s, index))
		return -ENOMEM;
	while (*at != s)
		at = &(*at)->next_id;
	*at = s->next_id;
	f->body -= fsm_session_bytes(s);
	f->hash -= s->key + (s->key | 1) * s->low + s->sum;
	return 0;
}

/**
 * fsm_session_drop() - it ends, and nobody takes its place
 * @f: state
 * @s: session
 * @index: of the entry that ends it
 *
 * With its name it is forgotten whom it had replaced: so late may an open come and
 * begin one, which its node does not want and which ends like this one.
 *
 * Return: 0, or -ENOMEM, and nothing was changed.
 */
int fsm_session_drop(struct fsm *f, struct fsm_session *s, u64 index)
{
	struct fsm_session *last = f->session[f->n_sessions - 1];
	u32 i = 0;

	fsm_session_touch(f, s);
	/* A walk may have passed the place that it comes to. */
	fsm_session_touch(f, last);
	if (fsm_session_retire(f, s, index))
		return -ENOMEM;
	while (f->session[i] != s)
		i++;
	f->session[i] = last;
	f->session[--f->n_sessions] = s;
	return 0;
}

/**
 * fsm_slot_hash() - what a result adds to its session's sum
 * @s: session
 * @seq: request
 * @slot: its result
 *
 * The key is different for each session, so that the same result in two of them
 * counts as two things.
 *
 * Return: a hash under the session's key.
 */
u64 fsm_slot_hash(const struct fsm_session *s, u64 seq,
		  const struct fsm_slot *slot)
{
	u64 which = (s->key + seq) ^ (u64)slot->back << 48 ^
		    (u64)slot->code << 40;

	return fsm_mix(fsm_mix(fsm_mix(which) + slot->value) + slot->index);
}

/* Slot @at holds a close that may forbid something: in front of the chain. */
static void link_close(struct fsm_session *s, u16 at)
{
	s->slot[at].next = s->closed;
	s->slot[at].prev = FSM_NO_SLOT;
	if (s->closed != FSM_NO_SLOT)
		s->slot[s->closed].prev = at;
	s->closed = at;
}

/* It does not any more. With the last one the bound goes, too. */
static void unlink_close(struct fsm_session *s, const struct fsm_slot *slot)
{
	if (slot->prev == FSM_NO_SLOT)
		s->closed = slot->next;
	else
		s->slot[slot->prev].next = slot->next;
	if (slot->next != FSM_NO_SLOT)
		s->slot[slot->next].prev = slot->prev;
	if (s->closed == FSM_NO_SLOT)
		s->closed_max = 0;
}

/* The result of @seq, if it has one, will not be asked for again. */
static void forget(struct fsm *f, struct fsm_session *s, u64 seq)
{
	u32 i = seq & FSM_WINDOW_MASK;

	if (!fsm_session_has(s, seq))
		return;
	s->used[i >> 6] &= ~(1ULL << (i & 63));
	s->n_slots--;
	f->body -= FSM_SNAP_SLOT;
	if (s->slot[i].back)
		unlink_close(s, &s->slot[i]);
}

/**
 * fsm_session_raise() - the node has seen everything below @low resolved
 * @f: state
 * @s: session, touched
 * @low: does nothing unless it is higher than before
 *
 * At most a window of results is forgotten.
 */
void fsm_session_raise(struct fsm *f, struct fsm_session *s, u64 low)
{
	u64 seq, end;

	if (low <= s->low)
		return;
	end = low - s->low < FSM_WINDOW ? low : s->low + FSM_WINDOW;
	for (seq = s->low; seq < end && s->n_slots; seq++)
		forget(f, s, seq);
	f->hash += (s->key | 1) * (low - s->low);
	s->low = low;
}

/**
 * fsm_session_store() - a request is resolved, for good
 * @f: state
 * @s: session, touched
 * @seq: request without a result, in [low, low + FSM_WINDOW)
 * @result: its result; the chain is cared for here
 */
void fsm_session_store(struct fsm *f, struct fsm_session *s, u64 seq,
		       const struct fsm_slot *result)
{
	u16 i = seq & FSM_WINDOW_MASK;
	u64 sum = fsm_slot_hash(s, seq, result);

	s->slot[i] = *result;
	s->used[i >> 6] |= 1ULL << (i & 63);
	s->n_slots++;
	s->sum += sum;
	f->hash += sum;
	f->body += FSM_SNAP_SLOT;
	if (!result->back)
		return;
	link_close(s, i);
	if (seq - result->back > s->closed_max)
		s->closed_max = seq - result->back;
}

/**
 * fsm_session_forbidden() - what a handle's close has left no effect
 * @s: session
 * @handle: a handle of it
 *
 * Walks the chain: to be asked only of seqs up to closed_max.
 *
 * Return: the last seq of the handle that must not take effect any more; 0: none.
 */
u64 fsm_session_forbidden(const struct fsm_session *s, u64 handle)
{
	const struct fsm_slot *slot;
	u64 last = 0;
	u16 i;

	for (i = s->closed; i != FSM_NO_SLOT; i = slot->next) {
		u64 close;

		slot = &s->slot[i];
		/* The seq in the window whose slot this is. */
		close = s->low + ((i - s->low) & FSM_WINDOW_MASK);
		if (slot->value == handle)
			last = max(last, close - slot->back);
	}
	return last;
}

/**
 * fsm_session_of() - has somebody a session?
 * @f: state
 * @node: incarnation
 * @boot_nonce: of its start
 * @ordinal: of the session
 *
 * Return: its id, 0 if there is none or it has ended.
 */
u64 fsm_session_of(const struct fsm *f, struct raft_id node, u64 boot_nonce,
		   u64 ordinal)
{
	u32 i;

	for (i = 0; i < f->n_sessions; i++) {
		const struct fsm_session *s = f->session[i];

		if (raft_id_eq(s->node, node) && s->boot_nonce == boot_nonce &&
		    s->ordinal == ordinal)
			return s->id;
	}
	return 0;
}

/* The last session that this boot of @node lost to another node; 0: none. */
u64 fsm_session_lost(const struct fsm *f, struct raft_id node, u64 boot_counter)
{
	u32 i, k;

	for (i = 0; i < f->n_sessions; i++) {
		const struct fsm_session *s = f->session[i];

		for (k = 0; k < s->n_former; k++)
			if (raft_id_eq(s->former[k].node, node) &&
			    s->former[k].boot_counter == boot_counter)
				return s->former[k].ordinal;
	}
	return 0;
}

/**
 * fsm_fresh() - would applying a request change anything?
 * @f: state
 * @session: its session
 * @seq: its number
 *
 * A session that the log may open beyond what is applied here is not known to
 * be gone.
 *
 * Return: false if it would certainly be ignored, or find its result there.
 */
bool fsm_fresh(const struct fsm *f, u64 session, u64 seq)
{
	const struct fsm_session *s = fsm_session_find(f, session);

	if (!s)
		return session > f->applied;
	if (seq < s->low)
		return false;
	return seq - s->low >= FSM_WINDOW || !fsm_session_has(s, seq);
}

/**
 * fsm_news() - would applying a request change anything?
 * @f: state
 * @c: decoded; of a session
 *
 * Return: false if all that it asks for would certainly be ignored, or find its
 * result there.
 */
bool fsm_news(const struct fsm *f, const struct fsm_command *c)
{
	u64 seq, end = c->seq + fsm_command_count(c);

	for (seq = c->seq; seq < end; seq++)
		if (fsm_fresh(f, c->session, seq))
			return true;
	return false;
}
