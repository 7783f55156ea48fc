// SPDX-License-Identifier: GPL-2.0
/*
 * The state of one cluster becomes the beginning of another, as a restore makes it:
 * the counters stay, and tokens and indexes go on above all that were. Sessions end,
 * and with them what they held, waited for, or left behind.
 */
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include "state.h"

/*
 * Sessions belonged to the members of another cluster. Their handles go with all
 * the cells that belong to locks, and not to a grave.
 */
static void end_sessions(struct fsm *f, u64 index)
{
	while (f->n_sessions) {
		struct fsm_session *s = f->session[--f->n_sessions];

		s->handles = NULL;
		s->n_handles = 0;
		fsm_session_retire(f, s, index);
	}
}

/* All but the cells. Nothing remembered was true of the new cluster. */
static void rebase_head(struct fsm *f, const struct fsm_rebase *b)
{
	end_sessions(f, b->index);
	memset(f->mark, 0, sizeof(f->mark));
	f->dead = NULL;
	f->graves = NULL;
	f->died = NULL;
	f->more = NULL;
	f->n_dead = 0;
	f->held = 0;
	f->waiting = 0;
	f->n_events = 0;
	f->hash -= fsm_limits_hash(f);
	f->applied = b->index;
	f->objects_max = b->objects_max;
	f->next_token = max(f->next_token, b->index);
	f->hash += fsm_limits_hash(f);
}

/* Is it a state that can be rebased, and that way? */
static bool may_rebase(const struct fsm *f, const struct fsm_rebase *b)
{
	return f->version && !f->load.open && !f->walk.buf &&
	       b->index > f->applied && b->objects_max &&
	       b->objects_max <= FSM_OBJECTS_LIMIT &&
	       b->objects_max >= f->objects;
}

/*
 * A counter goes on; what else there is belongs to a lock, and no lock is held, or
 * waited for, by who has no session. What a claim says of its lock's name can still
 * be read if that went before it, as no cell is used again until this is through.
 */
static int rebase_cell(struct fsm *f, struct fsm_cell *cell, u64 advance)
{
	struct fsm_object *o = container_of(cell, struct fsm_object, cell);
	u64 value;

	if (cell->kind == FSM_KIND_FREE)
		return 0;
	if (cell->kind != FSM_KIND_COUNTER) {
		fsm_cell_end(f, cell);
		return 0;
	}
	if (check_add_overflow(o->value, advance, &value))
		return -EOVERFLOW;
	if (advance)
		fsm_object_set(f, o, value, o->index);
	return 0;
}

/**
 * fsm_rebase() - make of a loaded state the beginning of another cluster
 * @f: state, after fsm_load_step() returned 0
 * @b: how; the same until it is through
 * @budget: cells in this step
 *
 * What was true stays so: a counter's index remains that of its last change,
 * which is below @b->index as all that was before. Tokens are never given twice:
 * next_token stays above all that were.
 *
 * Return: 1 there is more; 0 done; -EINVAL, -EOVERFLOW as fsm.h says.
 */
int fsm_rebase(struct fsm *f, struct fsm_rebase *b, unsigned int budget)
{
	struct fsm_cursor at = { b->cells, b->cell, b->at };
	int err = 0;

	if (!b->begun) {
		if (!may_rebase(f, b))
			return -EINVAL;
		rebase_head(f, b);
		b->begun = true;
		at = fsm_cursor(f);
		/* Nothing belongs to a lock that is not there. */
		if (!b->advance && !f->locks)
			at.seen = f->filled;
	}
	for (; !err && budget && at.seen < f->filled; budget--)
		err = rebase_cell(f, fsm_cursor_next(&at), b->advance);
	b->cells = at.cells;
	b->cell = at.cell;
	b->at = at.seen;
	if (err)
		return err;
	return at.seen < f->filled;
}
