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
	BUILD_BUG_ON(sizeof(void *) == 8 && sizeof(union fsm_any) != 112);
	BUILD_BUG_ON(FSM_LOCK_FLAGS > U8_MAX || FSM_CLAIM_FLAGS > U8_MAX);
	/* A counter costs at most 128 bytes, its bucket included. */
	BUILD_BUG_ON(FSM_CHUNK_BYTES / FSM_CELLS + 2 * sizeof(void *) > 128);
	f->mask = FSM_BUCKETS - 1;
	f->epoch = 1;
	f->next_token = 1;
}

/* The first of the chunks of cells. */
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
	return f->windows[f->n_windows / 2];
}

/*
 * Cells that @ahead entries may take at most. Each makes a lock, a claim and its
 * handle, or one grave. The limit holds for all but graves; of these there are
 * half as many at most, as each has a handle with a claim.
 */
static u32 may_come(const struct fsm *f, u64 ahead)
{
	u32 limit = f->version ? f->objects_max : FSM_OBJECTS_LIMIT;
	u32 graves = min_t(u64, ahead, limit / 2 - f->n_graves);

	return min_t(u64, ahead * FSM_ENTRY_CELLS,
		     (u64)limit - f->objects + graves);
}

/* Those there are, and those that may come. */
static u32 cells_with(const struct fsm *f, u64 ahead)
{
	return f->objects + f->n_graves + may_come(f, ahead);
}

/* Chunks that buckets for @cells cells take: one bucket a cell. */
static u32 segments_for(u32 cells)
{
	return clamp_t(u32, (cells + FSM_BUCKETS - 1) >> FSM_BUCKET_BITS, 1,
		       FSM_SEGMENTS_MAX);
}

/* What it would like to be ready for. */
static u32 cells_wanted(const struct fsm *f)
{
	return cells_with(f, (u64)f->demand + FSM_RESERVE);
}

/**
 * fsm_wants() - chunks that it would like to have
 * @f: state
 *
 * Return: how many calls of fsm_give() would satisfy it now.
 */
unsigned int fsm_wants(const struct fsm *f)
{
	u32 cells = cells_wanted(f);
	u32 segments = segments_for(cells);
	unsigned int n = (FSM_SESSIONS_MAX - f->n_windows) / 2;

	if (segments > f->n_segments)
		n += segments - f->n_segments;
	if (cells > f->capacity)
		n += (cells - f->capacity + FSM_CELLS - 1) / FSM_CELLS;
	return n;
}

/* One more chunk of cells, to be filled when those before it are. */
static void add_cells(struct fsm *f, struct fsm_cells *c)
{
	c->next = NULL;
	if (f->last)
		f->last->next = c;
	else
		f->cells = c;
	/* Full so far, or none at all: go on in the new one. */
	if (f->filled == f->capacity) {
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
 *
 * First windows for all sessions, then buckets, then cells.
 */
void fsm_give(struct fsm *f, void *chunk)
{
	f->chunks++;
	if (f->n_windows < FSM_SESSIONS_MAX) {
		f->windows[f->n_windows / 2] = chunk;
		f->session[f->n_windows++] = chunk;
		f->session[f->n_windows++] = chunk + WINDOW_BYTES;
	} else if (f->n_segments < segments_for(cells_wanted(f))) {
		f->segment[f->n_segments++] = chunk;
	} else {
		add_cells(f, chunk);
	}
	f->enough = f->n_segments == FSM_SEGMENTS_MAX ? f->capacity :
		    min(f->capacity, f->n_segments << FSM_BUCKET_BITS);
}

/**
 * fsm_room() - may more entries enter the log?
 * @f: state
 * @last: index of the last entry of the log
 * @n: how many more
 *
 * For sessions there is room once all windows are there. Cells that end meanwhile
 * are there again, so those in use are all that counts.
 *
 * Return: whether all up to @last + @n can be applied with the memory at hand.
 */
bool fsm_room(struct fsm *f, u64 last, unsigned int n)
{
	u64 ahead = last + n - f->applied;
	u64 most = f->objects + f->n_graves + ahead * FSM_ENTRY_CELLS;

	if (ahead > f->demand)
		f->demand = min_t(u64, ahead, FSM_OBJECTS_LIMIT);
	/* Close to the limit it is less. */
	return likely(most <= f->enough) || cells_with(f, ahead) <= f->enough;
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
	st->locks = f->locks;
	st->held = f->held;
	st->waiting = f->waiting;
	st->dying = f->n_dead + f->n_graves;
	st->version = f->version;
	st->bytes = (u64)f->chunks * FSM_CHUNK_BYTES;
	st->next_token = f->next_token;
}
