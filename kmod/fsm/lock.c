// SPDX-License-Identifier: GPL-2.0
/*
 * Locks: what entries do with them (design 9). The rules stand in fsm.h.
 *
 * Whatever makes room ends in pump(): it grants to who is first, in the order of
 * the tickets, and ends what the dead have left, both as far as one entry may. Who
 * is dead and first of a lock that is free is ended before anything else, so that a
 * lock never idles behind the dead for longer than it takes to pass them by.
 */
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include "state.h"

/* ------------------------------------------------------------------ events */

/* There is room: FSM_EVENTS_MAX is what one entry may do. */
static struct fsm_event *tell(struct fsm *f, u8 type)
{
	struct fsm_event *e = &f->event[f->n_events++];

	*e = (struct fsm_event){ .type = type };
	return e;
}

static void tell_claim(struct fsm *f, u8 type, const struct fsm_claim *c)
{
	struct fsm_event *e = tell(f, type);

	e->session = c->handle->session;
	e->handle = c->handle->number;
	e->ticket = c->ticket;
	e->token = c->token;
	if (c->flags & FSM_CLAIM_DIED)
		e->flags = FSM_GRANT_DIED;
}

static void tell_wanted(struct fsm *f, const struct fsm_object *lock)
{
	struct fsm_event *e = tell(f, FSM_EVENT_WANTED);

	e->name = lock->name;
	e->name_len = lock->cell.name_len;
}

/*
 * Whether others wait is known when all grants of the entry are made: who is
 * granted together does not wait for each other.
 */
static void flag_wanted(struct fsm *f)
{
	u32 i;

	for (i = 0; i < f->n_events; i++) {
		struct fsm_event *e = &f->event[i];

		if (e->type == FSM_EVENT_GRANTED &&
		    fsm_claim_find(f, e->ticket)->lock->waiting)
			e->flags |= FSM_GRANT_WANTED;
	}
}

/* ----------------------------------------------- what follows from room */

/*
 * @ended: claims that the entry has ended already. @reap: also end what the dead
 * have left elsewhere; grants come first, so that those who could hold never wait
 * for more than their own number.
 */
static void pump(struct fsm *f, u64 index, u32 stamp, u32 ended, bool reap)
{
	u32 granted = 0;

	for (;;) {
		struct fsm_claim *c = fsm_more_first(f);

		if (c && !fsm_handle_dead(f, c->handle)) {
			if (granted++ == FSM_GRANTS_MAX)
				break;
			fsm_claim_grant(f, c, index, stamp);
			tell_claim(f, FSM_EVENT_GRANTED, c);
			continue;
		}
		if (!c && reap)
			c = fsm_dead_first(f);
		if (!c || ended++ == FSM_RELEASES_MAX)
			break;
		fsm_claim_end(f, c, true);
	}
	if (granted)
		flag_wanted(f);
}

/**
 * fsm_reap() - go on with what the dead have left
 * @f: state
 * @index: of the entry that marked them, or a REAP's
 * @stamp: of that entry
 *
 * What is left over is fsm_dying().
 */
void fsm_reap(struct fsm *f, u64 index, u32 stamp)
{
	pump(f, index, stamp, 0, true);
}

/* ---------------------------------------------------------------- requests */

/*
 * "An acquire is answered at once, granted or queued with a ticket" (design 9).
 * Nothing is made before it is known that all can be: a lock, a handle, a claim.
 */
static int acquire(struct fsm *f, struct fsm_session *s, u64 index,
		   const struct fsm_command *c, struct fsm_slot *result)
{
	u64 hash = fsm_name_hash(f, c->name, c->name_len);
	u8 flags = c->arg & FSM_ACQUIRE_SHARED ? FSM_CLAIM_SHARED : 0;
	u64 whose = fsm_handle_hash(f, s->id, c->handle);
	struct fsm_handle *h = fsm_handle_at(f, whose, s->id, c->handle);
	struct fsm_object *lock;
	struct fsm_claim *claim;

	lock = fsm_object_find(f, FSM_KIND_LOCK, c->name, c->name_len, hash);
	if (h && h->death)
		result->code = FSM_CANCELED;
	else if (c->arg & FSM_ACQUIRE_TRY && lock &&
		 (fsm_lock_awaited(lock) || !fsm_lock_admits(lock, flags)))
		result->code = FSM_BUSY;
	else if (f->objects + !lock + !h + 1 > f->objects_max)
		result->code = FSM_FULL;
	if (result->code)
		return 0;
	if (!lock)
		lock = fsm_object_new(f, FSM_KIND_LOCK, c->name, c->name_len,
				      hash);
	if (!h)
		h = fsm_handle_new(f, s, whose, c->handle, index, &c->program);
	claim = lock && h ? fsm_claim_new(f, lock, h, index, flags, c->stamp) :
			    NULL;
	if (!claim)
		return -ENOMEM;
	if (claim->more) {
		fsm_claim_grant(f, claim, index, c->stamp);
		result->value = claim->token;
	} else if (lock->waiting == claim) {
		tell_wanted(f, lock);
	}
	return 0;
}

/* Does the claim belong to who asks? Who is dead has nothing. */
static bool owns(const struct fsm_session *s, const struct fsm_command *c,
		 const struct fsm_claim *claim)
{
	const struct fsm_handle *h = claim->handle;

	return h->session == s->id && h->number == c->handle && !h->death;
}

/* "Release needs the token" (pitfall 66). */
static void release(struct fsm *f, const struct fsm_session *s, u64 index,
		    const struct fsm_command *c, struct fsm_slot *result)
{
	struct fsm_claim *claim = fsm_claim_find(f, c->arg);

	if (!claim || !claim->granted || claim->token != c->arg2 ||
	    !owns(s, c, claim)) {
		result->code = FSM_NOT_HOLDER;
		return;
	}
	fsm_claim_end(f, claim, false);
	pump(f, index, c->stamp, 1, false);
}

/*
 * Whoever waits no longer cannot know whether it was granted meanwhile (pitfall
 * 67): either way it is gone afterwards.
 */
static void leave(struct fsm *f, const struct fsm_session *s, u64 index,
		  const struct fsm_command *c, struct fsm_slot *result)
{
	struct fsm_claim *claim = fsm_claim_find(f, c->arg);

	if (!claim)
		return;
	if (!owns(s, c, claim)) {
		result->code = FSM_NOT_HOLDER;
		return;
	}
	if (claim->granted)
		result->value = claim->token;
	fsm_claim_end(f, claim, false);
	pump(f, index, c->stamp, 1, false);
}

/* The administrator takes @claim; who is dead does not learn of it. */
static void take(struct fsm *f, struct fsm_claim *claim)
{
	bool dead = fsm_handle_dead(f, claim->handle);

	if (!dead)
		tell_claim(f, FSM_EVENT_REVOKED, claim);
	fsm_claim_end(f, claim, dead);
}

/* From who holds it with that token, or from all, some at a time. */
static void revoke(struct fsm *f, u64 index, const struct fsm_command *c,
		   struct fsm_slot *result)
{
	u64 hash = fsm_name_hash(f, c->name, c->name_len);
	struct fsm_object *lock;
	struct fsm_claim *claim;
	u32 i, n;

	lock = fsm_object_find(f, FSM_KIND_LOCK, c->name, c->name_len, hash);
	n = lock ? fsm_lock_holders(lock) : 0;
	claim = n ? lock->first : NULL;
	if (c->arg) {
		for (i = 0; i < n && claim->token != c->arg; i++)
			claim = claim->next;
		n = i < n;
	}
	if (!n) {
		result->code = FSM_NO_SUCH;
		return;
	}
	n = min_t(u32, n, FSM_RELEASES_MAX);
	for (i = 0; i < n; i++) {
		struct fsm_claim *next = claim->next;

		/* The lock may go with the last one. */
		take(f, claim);
		claim = next;
	}
	result->value = n;
	pump(f, index, c->stamp, n, false);
}

/**
 * fsm_lock_request() - a request that is none for a counter
 * @f: state
 * @s: session
 * @index: of the entry
 * @c: what is asked for, by who is not closed, under a fence that holds
 * @result: OK, to be filled
 * @out: SESSION_END: told whom to end
 *
 * Return: 0, or -ENOMEM, and the node must stop.
 */
int fsm_lock_request(struct fsm *f, struct fsm_session *s, u64 index,
		     const struct fsm_command *c, struct fsm_slot *result,
		     struct fsm_outcome *out)
{
	switch (c->op) {
	case FSM_LOCK_ACQUIRE:
		return acquire(f, s, index, c, result);
	case FSM_LOCK_RELEASE:
		release(f, s, index, c, result);
		return 0;
	case FSM_LOCK_LEAVE:
		leave(f, s, index, c, result);
		return 0;
	case FSM_LOCK_REVOKE:
		revoke(f, index, c, result);
		return 0;
	default:
		if (fsm_session_find(f, c->arg))
			out->ended = c->arg;
		else
			result->code = FSM_NO_SUCH;
		return 0;
	}
}
