// SPDX-License-Identifier: GPL-2.0
/*
 * The lists after a snapshot. Its records come in the order in which a walk found
 * them, which is nobody's; but who waits, waits in the order of tickets, and who
 * died is dealt with in the order of that. So the cells are sorted by the index that
 * orders them, all kinds together, and then appended to their lists one by one.
 *
 * A radix sort: its passes can be left and taken up anywhere, which a state of
 * millions of claims needs. In these phases:
 *
 *	GATHER	the chains that load.c made become one
 *	SORT	by ticket (claims), birth or death (handles), death (graves)
 *	PLACE	each goes to its lists, and is checked against what is there
 *	LOOK	all cells: locks without claims are gathered; nothing else is empty
 *	SORT	these locks by the age of their deaths
 *	PLACE	them
 */
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/errno.h>
#include "ring.h"

enum { GATHER, SORT, PLACE, LOOK, SORT_LOCKS, PLACE_LOCKS, PLACED };

enum { DIGIT_BITS = 4 };	/* FSM_DIGITS is that many bits */

/* While a cell is in no list yet, the first link that it has for one chains it. */
static struct fsm_cell *chained(struct fsm_cell *cell)
{
	struct fsm_object *o = container_of(cell, struct fsm_object, cell);
	struct fsm_claim *c = container_of(cell, struct fsm_claim, cell);
	struct fsm_handle *h = container_of(cell, struct fsm_handle, cell);
	struct fsm_grave *g = container_of(cell, struct fsm_grave, cell);

	switch (cell->kind) {
	case FSM_KIND_CLAIM:
		return c->own_next ? &c->own_next->cell : NULL;
	case FSM_KIND_HANDLE:
		return h->next ? &h->next->cell : NULL;
	case FSM_KIND_GRAVE:
		return g->next ? &g->next->cell : NULL;
	default:
		return o->next ? &o->next->cell : NULL;
	}
}

/* @next is chained behind @cell, or nothing; of whatever kinds they are. */
static void chain(struct fsm_cell *cell, struct fsm_cell *next)
{
	switch (cell->kind) {
	case FSM_KIND_CLAIM:
		container_of(cell, struct fsm_claim, cell)->own_next =
			(struct fsm_claim *)next;
		break;
	case FSM_KIND_HANDLE:
		container_of(cell, struct fsm_handle, cell)->next =
			(struct fsm_handle *)next;
		break;
	case FSM_KIND_GRAVE:
		container_of(cell, struct fsm_grave, cell)->next =
			(struct fsm_grave *)next;
		break;
	default:
		container_of(cell, struct fsm_object, cell)->next =
			(struct fsm_object *)next;
	}
}

/* By which its lists are in order. */
static u64 number_of(const struct fsm *f, const struct fsm_cell *cell)
{
	const struct fsm_handle *h;

	switch (cell->kind) {
	case FSM_KIND_CLAIM:
		return container_of(cell, const struct fsm_claim, cell)->ticket;
	case FSM_KIND_HANDLE:
		h = container_of(cell, const struct fsm_handle, cell);
		return h->death ? h->death : h->born;
	case FSM_KIND_GRAVE:
		return container_of(cell, const struct fsm_grave, cell)->death;
	default:
		/* From 0 for the oldest that may be: see struct fsm_cell. */
		return (u16)(cell->n - (u16)f->deaths - 1);
	}
}

/* ----------------------------------------------------------------- sorting */

/* Takes the first one of the chain. */
static struct fsm_cell *pull(struct fsm_order *o)
{
	struct fsm_cell *cell = o->chain;

	o->chain = chained(cell);
	return cell;
}

static void push(struct fsm_order *o, struct fsm_cell *cell)
{
	chain(cell, o->chain);
	o->chain = cell;
}

/* One cell of a pass: behind those with the same digit. */
static void deal(const struct fsm *f, struct fsm_order *o)
{
	struct fsm_cell *cell = pull(o);
	u32 digit = number_of(f, cell) >> o->shift & (FSM_DIGITS - 1);

	chain(cell, NULL);
	if (o->head[digit])
		chain(o->tail[digit], cell);
	else
		o->head[digit] = cell;
	o->tail[digit] = cell;
}

/* A pass is through: one chain again. */
static void collect(struct fsm_order *o)
{
	u32 i;

	for (i = FSM_DIGITS; i--;) {
		if (!o->head[i])
			continue;
		chain(o->tail[i], o->chain);
		o->chain = o->head[i];
		o->head[i] = NULL;
	}
	o->shift += DIGIT_BITS;
}

/* True: all is in order, by numbers up to @most. */
static bool sort(const struct fsm *f, struct fsm_order *o, u64 most)
{
	if (o->chain) {
		deal(f, o);
		return false;
	}
	collect(o);
	if (o->chain && o->shift < 64 && most >> o->shift)
		return false;
	o->shift = 0;
	return true;
}

/* ----------------------------------------------------------------- placing */

/*
 * In the order of the tickets: those that hold before those that wait, and beside
 * each other only what may share. A lock with flags has no holder.
 */
static int place_claim(struct fsm *f, struct fsm_claim *c)
{
	struct fsm_object *lock = c->lock;
	const struct fsm_handle *h = c->handle;

	if (!h->born || h->born > c->ticket ||
	    (h->death && h->death <= c->ticket) ||
	    lock->flags & FSM_LOCK_IDLE || (!lock->first && lock->cell.n))
		return -EINVAL;
	if (c->granted && (lock->flags || lock->waiting ||
			   !fsm_lock_admits(lock, c->flags)))
		return -EINVAL;
	if (c->granted && lock->first &&
	    (c->flags ^ lock->first->flags) & FSM_CLAIM_DIED)
		return -EINVAL;
	fsm_claim_place(f, c);
	fsm_claim_seal(f, c);
	return 0;
}

static int place_handle(struct fsm *f, struct fsm_handle *h)
{
	struct fsm_session *s = fsm_session_find(f, h->session);
	struct fsm_grave *g = fsm_grave_find(f, h->session);
	struct fsm_handle **list;

	if (!h->born || (!h->death && !s && !g))
		return -EINVAL;
	list = h->death ? &f->dead : s ? &s->handles : &g->handles;
	/* One entry closes one handle, or lets one be born. */
	if (*list && (h->death ? (*list)->prev->death >= h->death :
				 (*list)->prev->born >= h->born))
		return -EINVAL;
	handles_append(list, h);
	if (h->death)
		f->n_dead++;
	else if (s)
		s->n_handles++;
	fsm_handle_seal(f, h);
	return 0;
}

static int place_grave(struct fsm *f, struct fsm_grave *g)
{
	if (fsm_session_find(f, g->session) ||
	    (f->graves && f->graves->prev->death >= g->death))
		return -EINVAL;
	graves_append(&f->graves, g);
	fsm_grave_seal(f, g);
	return 0;
}

/* Without claims, and no two of the same death. */
static int place_lock(struct fsm *f, struct fsm_object *lock)
{
	if ((u16)(f->deaths - lock->cell.n) >= f->deaths ||
	    (f->died && f->died->prev->cell.n == lock->cell.n))
		return -EINVAL;
	died_append(&f->died, lock);
	fsm_lock_seal(f, lock);
	return 0;
}

static int place(struct fsm *f, struct fsm_cell *cell)
{
	switch (cell->kind) {
	case FSM_KIND_CLAIM:
		return place_claim(f, container_of(cell, struct fsm_claim,
						   cell));
	case FSM_KIND_HANDLE:
		return place_handle(f, container_of(cell, struct fsm_handle,
						    cell));
	case FSM_KIND_GRAVE:
		return place_grave(f, container_of(cell, struct fsm_grave,
						   cell));
	default:
		return place_lock(f, container_of(cell, struct fsm_object,
						  cell));
	}
}

/* Nothing is there without reason. What a lock says with claims is checked. */
static int look(struct fsm *f, struct fsm_order *o, struct fsm_cell *cell)
{
	struct fsm_object *lock;

	switch (cell->kind) {
	case FSM_KIND_HANDLE:
		return container_of(cell, struct fsm_handle, cell)->first ?
		       0 : -EINVAL;
	case FSM_KIND_GRAVE:
		return container_of(cell, struct fsm_grave, cell)->handles ?
		       0 : -EINVAL;
	case FSM_KIND_LOCK:
		break;
	default:
		return 0;
	}
	lock = container_of(cell, struct fsm_object, cell);
	if (!lock->first && !(lock->flags & FSM_LOCK_IDLE))
		return -EINVAL;
	if (lock->first)
		fsm_lock_seal(f, lock);
	else
		push(o, cell);
	return 0;
}

/* ------------------------------------------------------------------ phases */

/* One of the three chains of load.c; false: all are gathered. */
static bool gather(struct fsm_load *l)
{
	struct fsm_cell *cell;

	if (l->claims) {
		cell = &l->claims->cell;
		l->claims = l->claims->own_next;
	} else if (l->handles) {
		cell = &l->handles->cell;
		l->handles = l->handles->next;
	} else if (l->graves) {
		cell = &l->graves->cell;
		l->graves = l->graves->next;
	} else {
		return false;
	}
	push(&l->order, cell);
	return true;
}

/* The next cell or bucket; at the end of a phase the next one. 0 or -EINVAL. */
static int step(struct fsm *f, struct fsm_order *o)
{
	switch (o->phase) {
	case GATHER:
		o->phase += !gather(&f->load);
		return 0;
	case SORT:
		o->phase += sort(f, o, f->applied);
		return 0;
	case SORT_LOCKS:
		o->phase += sort(f, o, FSM_DIED_MAX - 1);
		return 0;
	case PLACE:
	case PLACE_LOCKS:
		if (o->chain)
			return place(f, pull(o));
		o->phase++;
		o->cursor = fsm_cursor(f);
		return 0;
	default:
		if (o->cursor.seen < f->filled)
			return look(f, o, fsm_cursor_next(&o->cursor));
		o->phase++;
		return 0;
	}
}

/**
 * fsm_claims_loaded() - claims, handles, graves and locks find their places
 * @f: state of which all records have come
 * @budget: cells to deal with in this step; each comes a dozen times
 *
 * Return: 1 more to do; 0 done; -EINVAL no entries lead to such a state.
 */
int fsm_claims_loaded(struct fsm *f, unsigned int budget)
{
	struct fsm_order *o = &f->load.order;
	int err = 0;

	for (; budget && !err && o->phase != PLACED; budget--)
		err = step(f, o);
	return err ? err : o->phase != PLACED;
}
