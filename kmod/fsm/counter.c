// SPDX-License-Identifier: GPL-2.0
/*
 * Counters. "add(n) returns the new value, thereby a range of n. Past 2^64-1:
 * EOVERFLOW, unchanged" (design 9).
 *
 * A run is so many additions in one entry: each has a seq, a result, and its one
 * effect, as if it had an entry of its own; what was resolved, cancelled or closed
 * before is left out, and does not hold up the others. They share what is dear: a
 * place in the log, the name, and one look at the object.
 */
#include <linux/types.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include "state.h"

/**
 * struct sum - a counter while it is added to
 * @o: the counter; NULL: there can be none, as objects are at their limit
 * @value: of it
 * @changed: @o does not have @value yet
 */
struct sum {
	struct fsm_object *o;
	u64 value;
	bool changed;
};

/* The counter of @c, made if need be: it is going to be touched. */
static int begin(struct fsm *f, const struct fsm_command *c, struct sum *sum)
{
	u64 hash = fsm_name_hash(f, c->name, c->name_len);

	*sum = (struct sum){};
	sum->o = fsm_object_find(f, FSM_KIND_COUNTER, c->name, c->name_len, hash);
	if (sum->o) {
		sum->value = sum->o->value;
		fsm_cell_touch(f, &sum->o->cell);
		return 0;
	}
	if (f->objects >= f->objects_max)
		return 0;
	sum->o = fsm_object_new(f, FSM_KIND_COUNTER, c->name, c->name_len, hash);
	return sum->o ? 0 : -ENOMEM;
}

/* One addition. The first one to a new counter cannot overflow. */
static void add(struct sum *sum, u64 amount, struct fsm_slot *result)
{
	u64 value;

	if (unlikely(!sum->o)) {
		result->code = FSM_FULL;
	} else if (unlikely(check_add_overflow(sum->value, amount, &value))) {
		result->code = FSM_OVERFLOWED;
	} else {
		sum->value = value;
		sum->changed = true;
		result->value = value;
	}
}

static void end(struct fsm *f, struct sum *sum, u64 index)
{
	if (sum->changed)
		fsm_object_set(f, sum->o, sum->value, index);
}

/**
 * fsm_counter_add() - COUNTER_ADD
 * @f: state
 * @index: of the entry
 * @c: command, which is to take effect
 * @result: its result
 *
 * Return: 0; -ENOMEM fsm_room() was not asked.
 */
int fsm_counter_add(struct fsm *f, u64 index, const struct fsm_command *c,
		    struct fsm_slot *result)
{
	struct sum sum;
	int err = begin(f, c, &sum);

	if (err)
		return err;
	add(&sum, c->arg, result);
	end(f, &sum, index);
	return 0;
}

/**
 * fsm_counter_run() - COUNTER_RUN: what is not resolved yet is, in order of seq
 * @f: state
 * @s: its session, touched, its low mark raised
 * @index: of the entry
 * @c: command
 *
 * Return: 0; -ENOMEM fsm_room() was not asked, and nothing was changed.
 */
int fsm_counter_run(struct fsm *f, struct fsm_session *s, u64 index,
		    const struct fsm_command *c)
{
	u64 stop = c->seq + c->arg2, first = max(c->seq, s->low), dead = 0, seq;
	struct sum sum = {};

	/* All are of one handle: its close is looked for once. */
	if (unlikely(first <= s->closed_max))
		dead = fsm_session_forbidden(s, c->handle);
	/* What does nothing does not make a counter either. */
	seq = max(first, dead + 1);
	while (seq < stop && fsm_session_has(s, seq))
		seq++;
	if (seq < stop && begin(f, c, &sum))
		return -ENOMEM;
	for (seq = first; seq < stop; seq++) {
		struct fsm_slot result = { .index = index };

		if (fsm_session_has(s, seq))
			continue;
		if (unlikely(seq <= dead))
			result.code = FSM_CANCELED;
		else
			add(&sum, c->arg, &result);
		fsm_session_store(f, s, seq, &result);
	}
	end(f, &sum, index);
	return 0;
}
