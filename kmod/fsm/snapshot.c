// SPDX-License-Identifier: GPL-2.0
/*
 * The state as bytes, of one moment, while it goes on changing.
 *
 * A walk visits sessions, then cells in the order in which they were filled.
 * What apply is about to change or to end, and the walk has not reached, is written
 * at once, as it still is, and passed by later: its epoch says so. Whatever is
 * made meanwhile, be it in the place of something that ended, has the walk's epoch
 * from the start. So no shadow copies are needed, the size is known exactly when
 * the walk begins, and what is written is the state of that moment, in an order
 * that is nobody's business.
 *
 * Locks, handles and sessions are not nested: each claim names its lock, and the
 * handle that it belongs to. The orders of all lists follow from the numbers in the
 * records. A lock that has claims is made from these, and has a record of its own
 * only if its flags say something.
 *
 *	head	 0 le64 magic		 8 le32 version, le32 limit of objects
 *		16 le64 hash seed	24 le64 applied
 *		32 le64 hash		40 le32 sessions, le32 objects
 *		48 le64 bytes of all	56 le64 next token
 *		64 le64 deaths		72 le32 records of cells, le32 zero
 *		80 le64 hash of the 80 bytes before
 *	cell	 0 u8 1			 1 u8 kind
 *		 2 u8 length of name	 3 u8 flags
 *	 counter 4 le32 zero
 *		 8 le64 value		16 le64 index	  24 name, padded
 *	 lock	 4 le16 number of the death; idle ones only
 *		 6 le16 zero		 8 name, padded
 *	 claim	 4 le32 since		 8 le64 ticket
 *		16 le64 token, le64 index; 0: waits
 *		32 le64 session		40 le64 handle	  48 lock's name, padded
 *	 handle	 4 le32 zero		 8 le64 session	  16 le64 number
 *		24 le64 born		32 le64 death; 0: alive
 *		40 le32 pid, le32 uid	48 comm
 *	 grave	 4 le32 zero		 8 le64 session	  16 le64 death
 *	session	 0 u8 2			 1 u8 length of name
 *		 2 u8 formers		 3 u8 zero, le16 slots, le16 zero
 *		 8 le64 id		16 incarnation (2 le64)
 *		32 boot (2 le64)	48 le64 ordinal	  56 le64 low
 *		64 le64 share of the forgotten results in the session's sum
 *		72 le32 TTL in ms, le32 zero
 *		80 name, padded; formers (4 le64 each); slots, by rising seq:
 *	slot	 0 le16 seq - low	 2 le16 back	   4 u8 code, zeros
 *		 8 le64 value		16 le64 index
 */
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/bitops.h>
#include <linux/minmax.h>
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/build_bug.h>
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

/* How the record of each cell begins; returns the place behind. */
static u8 *put_kind(u8 *p, const struct fsm_cell *cell, u8 name_len, u8 flags,
		    u32 what)
{
	p[0] = FSM_RECORD_CELL;
	p[1] = cell->kind;
	p[2] = name_len;
	p[3] = flags;
	return fsm_put32(p + 4, what);
}

static void put_counter(u8 *p, const struct fsm_object *o)
{
	p = put_kind(p, &o->cell, o->cell.name_len, 0, 0);
	p = fsm_put64(p, o->value);
	p = fsm_put64(p, o->index);
	fsm_put_name(p, o->name, o->cell.name_len);
}

/* With claims, n is how many hold it, which they say themselves. */
static void put_lock(u8 *p, const struct fsm_object *o)
{
	u16 n = o->flags & FSM_LOCK_IDLE ? o->cell.n : 0;

	p = put_kind(p, &o->cell, o->cell.name_len, o->flags, n);
	fsm_put_name(p, o->name, o->cell.name_len);
}

static void put_claim(u8 *p, const struct fsm_claim *c)
{
	u8 len = c->lock->cell.name_len;

	p = put_kind(p, &c->cell, len, c->flags, c->since);
	p = fsm_put64(p, c->ticket);
	p = fsm_put64(p, c->granted ? c->token : 0);
	p = fsm_put64(p, c->granted ? c->index : 0);
	p = fsm_put64(p, c->handle->session);
	p = fsm_put64(p, c->handle->number);
	fsm_put_name(p, c->lock->name, len);
}

static void put_handle(u8 *p, const struct fsm_handle *h)
{
	p = put_kind(p, &h->cell, 0, 0, 0);
	p = fsm_put64(p, h->session);
	p = fsm_put64(p, h->number);
	p = fsm_put64(p, h->born);
	p = fsm_put64(p, h->death);
	p = fsm_put32(p, h->program.pid);
	p = fsm_put32(p, h->program.uid);
	memcpy(p, h->program.comm, FSM_COMM);
}

static void put_grave(u8 *p, const struct fsm_grave *g)
{
	p = put_kind(p, &g->cell, 0, 0, 0);
	p = fsm_put64(p, g->session);
	fsm_put64(p, g->death);
}

/**
 * fsm_emit_cell() - write a cell as it is now
 * @f: state with an open snapshot
 * @cell: not in it yet, not FREE
 */
void fsm_emit_cell(struct fsm *f, struct fsm_cell *cell)
{
	u8 *p;

	cell->epoch = f->epoch;
	if (!fsm_cell_recorded(cell))
		return;
	p = reserve(&f->walk, fsm_cell_bytes(cell));
	if (!p)
		return;
	switch (cell->kind) {
	case FSM_KIND_COUNTER:
		put_counter(p, container_of(cell, struct fsm_object, cell));
		break;
	case FSM_KIND_LOCK:
		put_lock(p, container_of(cell, struct fsm_object, cell));
		break;
	case FSM_KIND_CLAIM:
		put_claim(p, container_of(cell, struct fsm_claim, cell));
		break;
	case FSM_KIND_HANDLE:
		put_handle(p, container_of(cell, struct fsm_handle, cell));
		break;
	case FSM_KIND_GRAVE:
		put_grave(p, container_of(cell, struct fsm_grave, cell));
	}
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
	p = fsm_put32(p + 8, s->ttl_ms);
	p = fsm_put32(p, 0);
	p = fsm_put_name(p, s->name, s->name_len);
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
 * snapshot area" (design 8). Names are taken to be as long as they may be,
 * sessions to be all there, with full windows, and objects to be claims, whose
 * records are the longest: a grave is none, but has two objects of its own, and the
 * three together are shorter than two claims.
 *
 * Return: objects, 0 to FSM_OBJECTS_LIMIT.
 */
u32 fsm_objects_in(u64 bytes)
{
	const u32 object = FSM_SNAP_CELL_MAX;
	const u32 session = FSM_SNAP_SESSION + fsm_padded(FSM_NAME_MAX) +
			    FSM_FORMER * FSM_SNAP_FORMER +
			    FSM_WINDOW * FSM_SNAP_SLOT;
	const u32 fixed = FSM_SNAP_HEAD + FSM_SESSIONS_MAX * session;

	BUILD_BUG_ON(FSM_SNAP_CLAIM + FSM_NAME_MAX + 1 - FSM_SNAP_CELL_MAX);
	BUILD_BUG_ON(FSM_SNAP_COUNTER + FSM_NAME_MAX + 1 - FSM_SNAP_CELL_MAX > 0);
	BUILD_BUG_ON(FSM_SNAP_HANDLE + FSM_SNAP_GRAVE - FSM_SNAP_CELL_MAX > 0);
	BUILD_BUG_ON((u64)FSM_SNAP_CELL_MAX * FSM_OBJECTS_LIMIT > U32_MAX);
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
		.n_sessions = f->n_sessions, .n_cells = f->filled,
		.cursor = fsm_cursor(f),
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
	p = fsm_put64(p, f->deaths);
	p = fsm_put32(p, f->records);
	p = fsm_put32(p, 0);
	fsm_put64(p, siphash(buf, p - buf, &f->key));
	return 0;
}

/* One session; returns what it costs of the budget. */
static unsigned int walk_session(struct fsm *f)
{
	struct fsm_session *s = f->session[f->walk.session++];

	fsm_session_touch(f, s);
	return 1 + s->n_slots;
}

/* One cell. What is free now was written when it ended, if it was there at begin. */
static void walk_cell(struct fsm *f)
{
	struct fsm_cell *cell = fsm_cursor_next(&f->walk.cursor);

	if (cell->kind != FSM_KIND_FREE)
		fsm_cell_touch(f, cell);
}

/**
 * fsm_snapshot_step() - walk on
 * @f: state with an open snapshot
 * @budget: cells and results to visit; the last session visited may exceed
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
	for (; spent < budget && w->cursor.seen < w->n_cells; spent++)
		walk_cell(f);
	return w->session == w->n_sessions && w->cursor.seen == w->n_cells;
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
