// SPDX-License-Identifier: GPL-2.0
/*
 * Where the memory of the state machine comes from and what it is used for.
 * See state.h.
 */
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/build_bug.h>
#include "state.h"

/* Two sessions share a chunk. */
enum { WINDOW_BYTES = FSM_CHUNK_BYTES / 2 };

/* Without what it is given: a few KiB, most of it the directory of buckets. */
size_t fsm_size(void)
{
	return sizeof(struct fsm);
}

/**
 * fsm_init() - a state before the first entry
 * @f: fsm_size() bytes, zeroed
 */
void fsm_init(struct fsm *f)
{
	BUILD_BUG_ON(sizeof(struct fsm_cells) > FSM_CHUNK_BYTES);
	BUILD_BUG_ON(sizeof(struct fsm_session) > WINDOW_BYTES);
	BUILD_BUG_ON(sizeof(void *) << FSM_BUCKET_BITS != FSM_CHUNK_BYTES);
	/* A counter costs at most 128 bytes, its bucket included. */
	BUILD_BUG_ON(FSM_CHUNK_BYTES / FSM_CELLS + 2 * sizeof(void *) > 128);
	f->mask = FSM_BUCKETS - 1;
	f->epoch = 1;
	f->next_token = 1;
}

/* The first of the chunks of objects. */
static void *take_cells(struct fsm *f)
{
	struct fsm_cells *c = f->cells;

	f->cells = c->next;
	return c;
}

/**
 * fsm_take_back() - dismantle a state
 * @f: not to be used again but for this
 *
 * Return: a chunk that fsm_give() brought; NULL when all have been returned.
 */
void *fsm_take_back(struct fsm *f)
{
	if (f->cells)
		return take_cells(f);
	if (f->n_segments)
		return f->segment[--f->n_segments];
	if (!f->n_windows)
		return NULL;
	f->n_windows -= 2;
	return f->session[f->n_windows];
}

/* Objects that @ahead entries may bring at most. */
static u32 may_come(const struct fsm *f, u64 ahead)
{
	u32 limit = f->version ? f->objects_max : FSM_OBJECTS_LIMIT;

	return min_t(u64, ahead, limit - f->objects);
}

/* Chunks that buckets for @objects objects take: one bucket an object. */
static u32 segments_for(u32 objects)
{
	return max_t(u32, 1, (objects + FSM_BUCKETS - 1) >> FSM_BUCKET_BITS);
}

/**
 * fsm_wants() - chunks that it would like to have
 * @f: state
 *
 * Return: how many calls of fsm_give() would satisfy it now.
 */
unsigned int fsm_wants(const struct fsm *f)
{
	u32 ahead = may_come(f, (u64)f->demand + FSM_RESERVE);
	u32 objects = f->objects + ahead;
	u32 segments = segments_for(objects);
	unsigned int n = (FSM_SESSIONS_MAX - f->n_windows) / 2;

	if (segments > f->n_segments)
		n += segments - f->n_segments;
	if (objects > f->capacity)
		n += (objects - f->capacity + FSM_CELLS - 1) / FSM_CELLS;
	return n;
}

/* One more chunk of objects, to be filled when those before it are. */
static void add_cells(struct fsm *f, struct fsm_cells *c)
{
	c->next = NULL;
	if (f->last)
		f->last->next = c;
	else
		f->cells = c;
	/* Full so far, or none at all: go on in the new one. */
	if (f->objects == f->capacity) {
		f->fill = c;
		f->fill_cell = 0;
	}
	f->last = c;
	f->capacity += FSM_CELLS;
}

/**
 * fsm_give() - bring memory
 * @f: state
 * @chunk: FSM_CHUNK_BYTES, zeroed, aligned for any type. Also when fsm_wants()
 *	says 0, as long as objects are below FSM_OBJECTS_LIMIT.
 */
void fsm_give(struct fsm *f, void *chunk)
{
	u32 ahead = may_come(f, (u64)f->demand + FSM_RESERVE);

	f->chunks++;
	if (f->n_windows < FSM_SESSIONS_MAX) {
		f->session[f->n_windows++] = chunk;
		f->session[f->n_windows++] = chunk + WINDOW_BYTES;
	} else if (f->n_segments < segments_for(f->objects + ahead)) {
		f->segment[f->n_segments++] = chunk;
	} else {
		add_cells(f, chunk);
	}
}

/**
 * fsm_room() - may more entries enter the log?
 * @f: state
 * @last: index of the last entry of the log
 * @n: how many more
 *
 * An entry makes at most one object, and one session, for which there is room
 * once all windows are there.
 *
 * Return: whether all up to @last + @n can be applied with the memory at hand.
 */
bool fsm_room(struct fsm *f, u64 last, unsigned int n)
{
	u64 ahead = last + n - f->applied;
	u32 objects = may_come(f, ahead);

	if (ahead > f->demand)
		f->demand = min_t(u64, ahead, FSM_OBJECTS_LIMIT);
	objects += f->objects;
	return f->n_windows == FSM_SESSIONS_MAX && objects <= f->capacity &&
	       segments_for(objects) <= f->n_segments;
}

/**
 * fsm_stats() - figures for status
 * @f: state
 * @st: where to
 */
void fsm_stats(const struct fsm *f, struct fsm_stats *st)
{
	st->applied = f->applied;
	st->hash = f->hash;
	st->sessions = f->n_sessions;
	st->sessions_max = FSM_SESSIONS_MAX;
	st->objects = f->objects;
	st->objects_max = f->objects_max;
	st->version = f->version;
	st->bytes = (u64)f->chunks * FSM_CHUNK_BYTES;
	st->next_token = f->next_token;
}
