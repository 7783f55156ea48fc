// SPDX-License-Identifier: GPL-2.0
/*
 * What can be seen of locks and sessions, by who applies and by people. Nothing
 * here changes anything. Who is dead counts as gone, but for the list of all
 * claims, where it says so.
 */
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include "state.h"

/**
 * fsm_events() - what the last entry did to locks
 * @f: state
 *
 * Return: fsm_outcome.n_events of them.
 */
const struct fsm_event *fsm_events(const struct fsm *f)
{
	return f->event;
}

/**
 * fsm_dying() - is there work for a REAP?
 * @f: state
 *
 * Return: true as long as there is.
 */
bool fsm_dying(const struct fsm *f)
{
	return f->dead || f->graves || f->more;
}

static struct fsm_object *find_lock(const struct fsm *f, const char *name,
				    u8 len)
{
	return fsm_object_find(f, FSM_KIND_LOCK, name, len,
			       fsm_name_hash(f, name, len));
}

/**
 * fsm_fence() - "does that very grant still hold?" (design 9)
 * @f: state
 * @name: the lock's, not terminated, valid or not
 * @len: bytes of it
 * @token: of the grant
 *
 * Return: 0 or -ESTALE.
 */
int fsm_fence(const struct fsm *f, const char *name, u8 len, u64 token)
{
	const struct fsm_object *lock = find_lock(f, name, len);
	u32 n = lock ? fsm_lock_holders(lock) : 0;
	const struct fsm_claim *c = n ? lock->first : NULL;

	for (; n; n--, c = c->next)
		if (c->token == token)
			return fsm_handle_dead(f, c->handle) ? -ESTALE : 0;
	return -ESTALE;
}

static void see(const struct fsm_claim *c, struct fsm_ticket *t)
{
	*t = (struct fsm_ticket){
		.session = c->handle->session,
		.handle = c->handle->number,
	};
	if (!c->granted)
		return;
	t->token = c->token;
	t->index = c->index;
	if (c->flags & FSM_CLAIM_DIED)
		t->flags |= FSM_GRANT_DIED;
	if (c->lock->waiting)
		t->flags |= FSM_GRANT_WANTED;
}

/**
 * fsm_ticket() - what became of an acquire
 * @f: state
 * @ticket: any number
 * @t: the answer
 *
 * Return: 0; -ENOENT: it neither waits nor holds.
 */
int fsm_ticket(const struct fsm *f, u64 ticket, struct fsm_ticket *t)
{
	const struct fsm_claim *c = fsm_claim_find(f, ticket);

	if (!c || fsm_handle_dead(f, c->handle))
		return -ENOENT;
	see(c, t);
	return 0;
}

/**
 * fsm_holder_next() - who holds a lock, one by one
 * @f: state, which stays as it is from the first call to the last
 * @name: the lock's, not terminated, valid or not
 * @len: bytes of it
 * @ticket: 0 at first; of the holder that was found
 * @t: it
 *
 * Return: false: no more.
 */
bool fsm_holder_next(const struct fsm *f, const char *name, u8 len, u64 *ticket,
		     struct fsm_ticket *t)
{
	const struct fsm_claim *c;

	if (*ticket) {
		c = fsm_claim_find(f, *ticket);
		c = c && c->next != c->lock->first ? c->next : NULL;
	} else {
		const struct fsm_object *lock = find_lock(f, name, len);

		c = lock && fsm_lock_holders(lock) ? lock->first : NULL;
	}
	while (c && c->granted && fsm_handle_dead(f, c->handle))
		c = c->next != c->lock->first ? c->next : NULL;
	if (!c || !c->granted)
		return false;
	*ticket = c->ticket;
	see(c, t);
	return true;
}

static void show(const struct fsm *f, const struct fsm_claim *c,
		 struct fsm_claim_view *v)
{
	const struct fsm_handle *h = c->handle;
	const struct fsm_session *s = fsm_session_find(f, h->session);

	*v = (struct fsm_claim_view){
		.name = c->lock->name,
		.name_len = c->lock->cell.name_len,
		.shared = c->flags & FSM_CLAIM_SHARED,
		.dead = h->death || !s,
		.ticket = c->ticket,
		.token = c->granted ? c->token : 0,
		.index = c->granted ? c->index : 0,
		.since = c->since,
		.session = h->session,
		.handle = h->number,
		.program = h->program,
	};
	if (s) {
		v->node = s->name;
		v->node_len = s->name_len;
	}
}

/* A cursor names a bucket and a place in its chain. */
enum { PLACE_BITS = 10, PLACES = 1 << PLACE_BITS };

/* The cell at @place of @bucket or NULL; there are few in a bucket. */
static const struct fsm_cell *cell_at(const struct fsm *f, u32 bucket,
				      u32 place)
{
	const struct fsm_cell *cell = f->segment[bucket >> FSM_BUCKET_BITS]
						[bucket & (FSM_BUCKETS - 1)];

	while (cell && place--)
		cell = cell->next;
	return cell;
}

/**
 * fsm_claim_next() - all claims, one by one
 * @f: state
 * @cursor: 0 at first
 * @budget: cells and buckets to look at
 * @v: one of them
 *
 * Return: true: there was one. False: none in what was looked at; *@cursor is
 * U32_MAX if that was the rest.
 */
bool fsm_claim_next(const struct fsm *f, u32 *cursor, unsigned int budget,
		    struct fsm_claim_view *v)
{
	u32 n = min(f->mask + 1 + f->split, f->n_segments << FSM_BUCKET_BITS);
	u32 bucket = *cursor >> PLACE_BITS, place = *cursor & (PLACES - 1);

	for (; bucket < n && budget; budget--) {
		const struct fsm_cell *cell = cell_at(f, bucket, place);

		if (!cell || ++place == PLACES) {
			bucket++;
			place = 0;
		}
		if (cell && cell->kind == FSM_KIND_CLAIM) {
			*cursor = bucket << PLACE_BITS | place;
			show(f, container_of(cell, const struct fsm_claim,
					     cell), v);
			return true;
		}
	}
	*cursor = bucket < n ? bucket << PLACE_BITS | place : U32_MAX;
	return false;
}

static void show_session(const struct fsm_session *s,
			 struct fsm_session_view *v)
{
	*v = (struct fsm_session_view){
		.id = s->id,
		.node = s->node,
		.boot_counter = s->boot_counter,
		.boot_nonce = s->boot_nonce,
		.ordinal = s->ordinal,
		.ttl_ms = s->ttl_ms,
		.handles = s->n_handles,
		.name = s->name,
		.name_len = s->name_len,
	};
}

/**
 * fsm_session_next() - all sessions, one by one
 * @f: state
 * @cursor: 0 at first
 * @v: one of them
 *
 * Return: false: no more.
 */
bool fsm_session_next(const struct fsm *f, u32 *cursor,
		      struct fsm_session_view *v)
{
	if (*cursor >= f->n_sessions)
		return false;
	show_session(f->session[(*cursor)++], v);
	return true;
}

/**
 * fsm_session_view() - one session
 * @f: state
 * @id: its id
 * @v: what can be seen
 *
 * Return: false: it has ended, or never was.
 */
bool fsm_session_view(const struct fsm *f, u64 id, struct fsm_session_view *v)
{
	const struct fsm_session *s = fsm_session_find(f, id);

	if (s)
		show_session(s, v);
	return s;
}
