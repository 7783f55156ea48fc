// SPDX-License-Identifier: GPL-2.0
/*
 * The state as bytes, of one moment, while it goes on changing.
 *
 * A walk visits sessions, then objects in the order in which they were made.
 * What apply is about to change, and the walk has not reached, is written at
 * once, as it still is, and passed by later: its epoch says so. Whatever is
 * made meanwhile has the walk's epoch from the start. So no shadow copies are
 * needed, the size is known exactly when the walk begins, and what is written
 * is the state of that moment, in an order that is nobody's business.
 *
 *	head	 0 le64 magic		 8 le32 version, le32 limit of objects
 *		16 le64 hash seed	24 le64 applied
 *		32 le64 hash		40 le32 sessions, le32 objects
 *		48 le64 bytes of all	56 le64 next token
 *		64 le64 hash of the 64 bytes before
 *	object	 0 u8 1			 1 u8 kind
 *		 2 u8 length of name	 3 u8 zero, le32 zero
 *		 8 le64 value		16 le64 index	  24 name, padded
 *	session	 0 u8 2			 1 u8 length of name
 *		 2 u8 formers		 3 u8 zero, le16 slots, le16 zero
 *		 8 le64 id		16 incarnation (2 le64)
 *		32 boot (2 le64)	48 le64 ordinal	  56 le64 low
 *		64 le64 share of the forgotten results in the session's sum
 *		72 name, padded; formers (4 le64 each); slots, by rising seq:
 *	slot	 0 le16 seq - low	 2 le16 back	   4 u8 code, zeros
 *		 8 le64 value		16 le64 index
 */
#include <linux/types.h>
#include <linux/bitops.h>
#include <linux/minmax.h>
#include <linux/errno.h>
#include "bytes.h"
#include "snapshot.h"

/* The next @n bytes of the buffer. There is always room: see -ENOSPC below. */
static u8 *reserve(struct fsm_walk *w, u64 n)
{
	u8 *p = w->buf + w->at;

	if (n > w->cap - w->at)
		return NULL;
	w->at += n;
	return p;
}

/**
 * fsm_emit_object() - write an object as it is now
 * @f: state with an open snapshot
 * @o: not in it yet
 */
void fsm_emit_object(struct fsm *f, struct fsm_object *o)
{
	u8 *p = reserve(&f->walk, FSM_SNAP_OBJECT + fsm_padded(o->name_len));

	o->epoch = f->epoch;
	if (!p)
		return;
	p[0] = FSM_RECORD_OBJECT;
	p[1] = o->kind;
	p[2] = o->name_len;
	p[3] = 0;
	p = fsm_put32(p + 4, 0);
	p = fsm_put64(p, o->value);
	p = fsm_put64(p, o->index);
	fsm_put_name(p, o->name, o->name_len);
}

/* A result, in its place above the low mark. */
static u8 *put_slot(u8 *p, u64 above, const struct fsm_slot *slot)
{
	p = fsm_put16(p, above);
	p = fsm_put16(p, slot->back);
	p = fsm_put32(p, slot->code);
	p = fsm_put64(p, slot->value);
	return fsm_put64(p, slot->index);
}

/* All results held; returns what they add to the session's sum. */
static u64 put_slots(const struct fsm_session *s, u8 *p)
{
	u32 left = s->n_slots;
	u64 seq, sum = 0;

	for (seq = s->low; left; seq++) {
		const struct fsm_slot *slot = &s->slot[seq & FSM_WINDOW_MASK];

		if (!fsm_session_has(s, seq))
			continue;
		sum += fsm_slot_hash(s, seq, slot);
		p = put_slot(p, seq - s->low, slot);
		left--;
	}
	return sum;
}

/**
 * fsm_emit_session() - write a session as it is now
 * @f: state with an open snapshot
 * @s: not in it yet
 *
 * The longest that apply may be held up by a snapshot: once for each session, for
 * as long as it takes to copy a window of results.
 */
void fsm_emit_session(struct fsm *f, struct fsm_session *s)
{
	u8 *p = reserve(&f->walk, fsm_session_bytes(s)), *sum;
	u32 i;

	s->epoch = f->epoch;
	if (!p)
		return;
	p[0] = FSM_RECORD_SESSION;
	p[1] = s->name_len;
	p[2] = s->n_former;
	p[3] = 0;
	p = fsm_put16(p + 4, s->n_slots);
	p = fsm_put16(p, 0);
	p = fsm_put64(p, s->id);
	p = fsm_put64(p, s->node.hi);
	p = fsm_put64(p, s->node.lo);
	p = fsm_put64(p, s->boot_counter);
	p = fsm_put64(p, s->boot_nonce);
	p = fsm_put64(p, s->ordinal);
	p = fsm_put64(p, s->low);
	sum = p;
	p = fsm_put_name(p + 8, s->name, s->name_len);
	for (i = 0; i < s->n_former; i++) {
		p = fsm_put64(p, s->former[i].node.hi);
		p = fsm_put64(p, s->former[i].node.lo);
		p = fsm_put64(p, s->former[i].boot_counter);
		p = fsm_put64(p, s->former[i].ordinal);
	}
	fsm_put64(sum, s->sum - put_slots(s, p));
}

/**
 * fsm_snapshot_bytes() - what a snapshot begun now would take
 * @f: state
 *
 * Kept up to date by whatever changes the state, so it is exact.
 *
 * Return: bytes.
 */
u64 fsm_snapshot_bytes(const struct fsm *f)
{
	return FSM_SNAP_HEAD + f->body;
}

/**
 * fsm_objects_in() - how large may the limit of objects be?
 * @bytes: room for a snapshot
 *
 * "The replicated size limit of the state never exceeds the smallest voter's
 * snapshot area" (design 8). Names are taken to be as long as they may be, and
 * sessions to be all there, with full windows.
 *
 * Return: objects, 0 to FSM_OBJECTS_LIMIT.
 */
u32 fsm_objects_in(u64 bytes)
{
	const u32 object = FSM_SNAP_OBJECT + fsm_padded(FSM_NAME_MAX);
	const u32 session = FSM_SNAP_SESSION + fsm_padded(FSM_NAME_MAX) +
			    FSM_FORMER * FSM_SNAP_FORMER +
			    FSM_WINDOW * FSM_SNAP_SLOT;
	const u32 fixed = FSM_SNAP_HEAD + FSM_SESSIONS_MAX * session;

	if (bytes < fixed)
		return 0;
	bytes = min_t(u64, bytes - fixed, (u64)object * FSM_OBJECTS_LIMIT);
	return (u32)bytes / object;
}

/**
 * fsm_snapshot_begin() - of the state as it is now
 * @f: state
 * @buf: where to
 * @cap: bytes of it, at least fsm_snapshot_bytes(), now
 *
 * Return: 0; -EBUSY one is open; -ENOSPC too little room.
 */
int fsm_snapshot_begin(struct fsm *f, u8 *buf, u64 cap)
{
	struct fsm_walk *w = &f->walk;
	u8 *p = buf;

	if (w->buf)
		return -EBUSY;
	if (!buf || cap < fsm_snapshot_bytes(f))
		return -ENOSPC;
	*w = (struct fsm_walk){
		.buf = buf, .cap = cap, .at = FSM_SNAP_HEAD,
		.n_sessions = f->n_sessions, .n_objects = f->objects,
		.cells = f->cells,
	};
	/* Every snapshot visits everything, so no stamp grows older than one. */
	f->epoch++;
	p = fsm_put64(p, FSM_SNAP_MAGIC);
	p = fsm_put32(p, f->version);
	p = fsm_put32(p, f->objects_max);
	p = fsm_put64(p, f->seed);
	p = fsm_put64(p, f->applied);
	p = fsm_put64(p, f->hash);
	p = fsm_put32(p, f->n_sessions);
	p = fsm_put32(p, f->objects);
	p = fsm_put64(p, fsm_snapshot_bytes(f));
	p = fsm_put64(p, f->next_token);
	fsm_put64(p, siphash(buf, p - buf, &f->key));
	return 0;
}

/* The next object of the walk: the cells in the order in which they filled. */
static struct fsm_object *advance(struct fsm_walk *w)
{
	if (w->cell == FSM_CELLS) {
		w->cells = w->cells->next;
		w->cell = 0;
	}
	w->object++;
	return &w->cells->cell[w->cell++];
}

/* One session; returns what it costs of the budget. */
static unsigned int walk_session(struct fsm *f)
{
	struct fsm_session *s = f->session[f->walk.session++];

	fsm_session_touch(f, s);
	return 1 + s->n_slots;
}

/**
 * fsm_snapshot_step() - walk on
 * @f: state with an open snapshot
 * @budget: objects and results to visit; the last session visited may exceed
 *	it by a window
 *
 * Return: true when all is written.
 */
bool fsm_snapshot_step(struct fsm *f, unsigned int budget)
{
	struct fsm_walk *w = &f->walk;
	unsigned int spent = 0;

	if (!w->buf)
		return true;
	while (spent < budget && w->session < w->n_sessions)
		spent += walk_session(f);
	for (; spent < budget && w->object < w->n_objects; spent++)
		fsm_object_touch(f, advance(w));
	return w->session == w->n_sessions && w->object == w->n_objects;
}

/**
 * fsm_snapshot_end() - close the walk, finished or not
 * @f: state
 *
 * Return: bytes written: a snapshot only if fsm_snapshot_step() returned true.
 */
u64 fsm_snapshot_end(struct fsm *f)
{
	f->walk.buf = NULL;
	return f->walk.at;
}
