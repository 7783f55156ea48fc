// SPDX-License-Identifier: GPL-2.0
/*
 * Whose claims are: handles, the sessions that they belong to, and the graves of
 * those that ended. To die is to be marked, by one number, for whatever it has: that
 * nobody finds a handle's session says all that is to be said of the handle, and its
 * claims stay where they are until they are ended one by one.
 */
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/errno.h>
#include "bytes.h"
#include "ring.h"

/**
 * fsm_handle_find() - by session and number
 * @f: state
 * @session: id of its session, which may have ended
 * @number: of the file
 *
 * Return: the handle, if it has claims, or NULL.
 */
struct fsm_handle *fsm_handle_find(const struct fsm *f, u64 session, u64 number)
{
	return fsm_handle_at(f, fsm_handle_hash(f, session, number), session,
			     number);
}

/**
 * fsm_handle_at() - by session and number, and the hash of both
 * @f: state
 * @hash: fsm_handle_hash() of them
 * @session: id of its session, which may have ended
 * @number: of the file
 *
 * Return: the handle, if it has claims, or NULL.
 */
struct fsm_handle *fsm_handle_at(const struct fsm *f, u64 hash, u64 session,
				 u64 number)
{
	struct fsm_cell *cell = fsm_cell_find(f, FSM_KIND_HANDLE, hash);

	for (; cell; cell = fsm_cell_again(cell)) {
		struct fsm_handle *h = container_of(cell, struct fsm_handle,
						    cell);

		if (h->session == session && h->number == number)
			return h;
	}
	return NULL;
}

/**
 * fsm_grave_find() - of a session that ended with handles
 * @f: state
 * @session: its id
 *
 * Return: the grave, or NULL.
 */
struct fsm_grave *fsm_grave_find(const struct fsm *f, u64 session)
{
	struct fsm_cell *cell = fsm_cell_find(f, FSM_KIND_GRAVE,
					      fsm_ticket_hash(f, session));

	for (; cell; cell = fsm_cell_again(cell)) {
		struct fsm_grave *g = container_of(cell, struct fsm_grave,
						   cell);

		if (g->session == session)
			return g;
	}
	return NULL;
}

/**
 * fsm_handle_seal() - what a handle says has changed
 * @f: state
 * @h: handle, touched before
 */
void fsm_handle_seal(struct fsm *f, struct fsm_handle *h)
{
	const struct fsm_program *p = &h->program;
	u64 sum = h->cell.hash + h->cell.kind;

	sum = fsm_mix(sum + ((u64)p->uid << 32 | p->pid));
	sum = fsm_mix(sum + fsm_get64((const u8 *)p->comm));
	sum = fsm_mix(sum + fsm_get64((const u8 *)p->comm + 8));
	sum = fsm_mix(sum + h->born);
	if (h->death)
		sum = fsm_mix(sum + h->death);
	fsm_cell_sum(f, &h->cell, sum);
}

/**
 * fsm_grave_seal() - what a grave says has changed
 * @f: state
 * @g: grave, touched before
 */
void fsm_grave_seal(struct fsm *f, struct fsm_grave *g)
{
	fsm_cell_sum(f, &g->cell,
		     fsm_mix(fsm_mix(g->cell.hash + g->cell.kind) + g->death));
}

/**
 * fsm_handle_new() - an open file gets its first claim
 * @f: state
 * @s: its session
 * @hash: where it is found
 * @number: of the file
 * @born: ticket of that claim
 * @who: asks for it
 *
 * Return: the handle, or NULL without memory.
 */
struct fsm_handle *fsm_handle_new(struct fsm *f, struct fsm_session *s,
				  u64 hash, u64 number, u64 born,
				  const struct fsm_program *who)
{
	struct fsm_cell *cell = fsm_cell_new(f, FSM_KIND_HANDLE, hash);
	struct fsm_handle *h;

	if (!cell)
		return NULL;
	h = container_of(cell, struct fsm_handle, cell);
	h->session = s->id;
	h->number = number;
	h->born = born;
	h->program = *who;
	handles_append(&s->handles, h);
	s->n_handles++;
	fsm_handle_seal(f, h);
	return h;
}

static void end_grave(struct fsm *f, struct fsm_grave *g)
{
	fsm_cell_touch(f, &g->cell);
	graves_remove(&f->graves, g);
	fsm_cell_end(f, &g->cell);
}

/**
 * fsm_handle_end() - without claims it is nobody's business
 * @f: state
 * @h: handle whose last claim has gone
 */
void fsm_handle_end(struct fsm *f, struct fsm_handle *h)
{
	struct fsm_session *s = fsm_session_find(f, h->session);

	fsm_cell_touch(f, &h->cell);
	if (h->death) {
		handles_remove(&f->dead, h);
		f->n_dead--;
	} else if (s) {
		handles_remove(&s->handles, h);
		s->n_handles--;
	} else {
		struct fsm_grave *g = fsm_grave_find(f, h->session);

		handles_remove(&g->handles, h);
		if (!g->handles)
			end_grave(f, g);
	}
	fsm_cell_end(f, &h->cell);
}

/**
 * fsm_handle_die() - it was closed: from now on its claims count as gone
 * @f: state
 * @s: its session
 * @h: handle, alive
 * @index: of the entry that closes it
 */
void fsm_handle_die(struct fsm *f, struct fsm_session *s, struct fsm_handle *h,
		    u64 index)
{
	fsm_cell_touch(f, &h->cell);
	handles_remove(&s->handles, h);
	s->n_handles--;
	h->death = index;
	handles_append(&f->dead, h);
	f->n_dead++;
	fsm_handle_seal(f, h);
}

/**
 * fsm_session_bury() - a session ends: what its handles have counts as gone
 * @f: state
 * @s: session; has no handles afterwards
 * @index: of the entry that ends it
 *
 * The handles stay as they are: that nobody finds their session says it all.
 *
 * Return: 0, or -ENOMEM, and nothing was changed.
 */
int fsm_session_bury(struct fsm *f, struct fsm_session *s, u64 index)
{
	struct fsm_cell *cell;
	struct fsm_grave *g;

	if (!s->handles)
		return 0;
	cell = fsm_cell_new(f, FSM_KIND_GRAVE, fsm_ticket_hash(f, s->id));
	if (!cell)
		return -ENOMEM;
	g = container_of(cell, struct fsm_grave, cell);
	g->session = s->id;
	g->death = index;
	g->handles = s->handles;
	s->handles = NULL;
	s->n_handles = 0;
	graves_append(&f->graves, g);
	fsm_grave_seal(f, g);
	return 0;
}

/**
 * fsm_handle_dead() - do its claims count as gone?
 * @f: state
 * @h: handle
 *
 * Return: true if it was closed, or its session has ended.
 */
bool fsm_handle_dead(const struct fsm *f, const struct fsm_handle *h)
{
	return h->death || !fsm_session_find(f, h->session);
}

/**
 * fsm_dead_first() - which claim of the dead is to be ended next
 * @f: state
 *
 * In the order in which handles and sessions died.
 *
 * Return: the claim, or NULL.
 */
struct fsm_claim *fsm_dead_first(const struct fsm *f)
{
	const struct fsm_handle *h = f->dead;

	if (f->graves && (!h || f->graves->death < h->death))
		h = f->graves->handles;
	return h ? h->first : NULL;
}
