// SPDX-License-Identifier: GPL-2.0
/*
 * Where the writer of the ring stands.
 *
 * Positions count sectors over all laps and never go back, so that "before" is
 * "less", and a place of the ring is the remainder. Marks are places where
 * reading may begin; they lie a fixed part of the ring apart, so that their
 * number is bounded by the ring's length. Each says where the log ended there:
 * what a log holds behind an index that is not below that was written behind the
 * mark.
 */
#include "layout.h"

/* Marks lie at least a 128th of the ring apart, for one ring in all. */
enum { MARK_SHIFT = 7 };

static_assert((RECORD_RING_MIN / RECORD_SECTOR) >> MARK_SHIFT >= 16);
/* 128 of them, 136 where the ring is no multiple of 128 sectors. */
static_assert((1 << MARK_SHIFT) * 17 / 16 < RECORD_MARKS);

static struct record_mark ring_base_mark(const struct record_base *base)
{
	return (struct record_mark){
		.group = base->group,
		.position = base->position,
		.before = base->index,
	};
}

/**
 * record_ring_init() - a ring as its superblock describes it
 * @r: set as a whole
 * @s: the superblock in force
 *
 * Good for writing only where nothing was ever written; else record_replay()
 * finds out where the ring really ends.
 */
void record_ring_init(struct record_ring *r, const struct record_super *s)
{
	memset(r, 0, sizeof(*r));
	r->node = s->node;
	r->cluster = s->cluster;
	r->sectors = div_u64(s->layout.ring_bytes, RECORD_SECTOR);
	r->last_group = s->base.group;
	r->group = s->base.group + 1;
	r->head = s->base.position;
	r->tail = s->base.position;
	r->last = s->base.index;
	r->last_term = s->base.term;
	r->every = (u32)(r->sectors >> MARK_SHIFT);
	r->n_marks = 1;
	r->mark[0] = ring_base_mark(&s->base);
}

u64 record_ring_free(const struct record_ring *r)
{
	return r->sectors - (r->head - r->tail);
}

struct record_mark record_ring_mark(const struct record_ring *r, u64 index)
{
	u32 i = r->n_marks - 1;

	while (i && r->mark[i].before > index)
		i--;
	return r->mark[i];
}

struct record_mark record_ring_next(const struct record_ring *r)
{
	return (struct record_mark){
		.group = r->last_group,
		.position = r->head,
		.before = r->last,
	};
}

/**
 * record_ring_release() - free what lies before a new base
 * @r: the ring
 * @base: as it is in both slots; its place is one of this ring's marks, or what
 *	record_ring_next() was
 */
void record_ring_release(struct record_ring *r, const struct record_base *base)
{
	u32 gone = 0;

	if (base->position < r->tail || base->position > r->head)
		return;
	while (gone < r->n_marks && r->mark[gone].position < base->position)
		gone++;
	/* There is always one at the tail. */
	if (gone == r->n_marks || r->mark[gone].position > base->position)
		r->mark[--gone] = ring_base_mark(base);
	r->n_marks -= gone;
	memmove(r->mark, r->mark + gone, r->n_marks * sizeof(r->mark[0]));
	r->tail = base->position;
}

/**
 * record_ring_advance() - a group is durable
 * @r: the ring
 * @g: the group, as it was sealed
 * @n: its sectors
 */
void record_ring_advance(struct record_ring *r, const struct record_group *g,
			 u32 n)
{
	r->last_group = r->group++;
	r->head += n;
	r->last = g->last;
	r->last_term = g->last_term;
	r->cover = 0;
	if (r->head - r->mark[r->n_marks - 1].position < r->every ||
	    r->n_marks == RECORD_MARKS)
		return;
	r->mark[r->n_marks++] = record_ring_next(r);
}
