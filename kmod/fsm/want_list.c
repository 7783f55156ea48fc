// SPDX-License-Identifier: GPL-2.0
/*
 * How wants and owners are found: three hash tables, two rings, and the list of
 * what is not told yet. Nothing is decided here but who is lost. See want_state.h.
 */
#include <linux/types.h>
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "bytes.h"
#include "parts.h"
#include "want_state.h"

/* -------------------------------------------------------------- tables */

/*
 * Names are chosen by programs, and must not be able to fill one bucket: the boot
 * nonce is nothing that they know. Tickets and tokens are nobody's choice. Mixed as
 * fsm_name_hash() does, and for its reasons.
 */
u64 fsm_want_key(const struct fsm_wants *ws, const struct fsm_owner *o,
		 const char *name, u8 len)
{
	u64 nonce = ws->client->boot_nonce, last = 0;
	u64 key = fsm_mix(nonce ^ o->number) + len;
	unsigned int i;

	for (; len > 8; len -= 8, name += 8)
		key = fsm_mix(key ^ fsm_get64((const u8 *)name));
	for (i = 0; i < len; i++)
		last |= (u64)(u8)name[i] << (8 * i);
	return fsm_mix(fsm_mix(key ^ last) ^ nonce);
}

/* Fibonacci hashing (Knuth, TAOCP 3, 6.4): neighbours come far apart. */
static u64 number_key(u64 x)
{
	return (x * 0x9e3779b97f4a7c15ULL) >> 32;
}

struct fsm_want **fsm_want_bucket(const struct fsm_wants *ws,
				  enum fsm_want_table t, u64 key)
{
	return &ws->tables[t * ws->buckets + (key & (ws->buckets - 1))];
}

static struct fsm_want **bucket_of(const struct fsm_wants *ws,
				   enum fsm_want_table t,
				   const struct fsm_want *w)
{
	switch (t) {
	case FSM_WANT_BY_NAME:
		return fsm_want_bucket(ws, t, w->key);
	case FSM_WANT_BY_TICKET:
		return fsm_want_bucket(ws, t, number_key(w->ticket));
	default:
		return fsm_want_bucket(ws, t, number_key(w->token));
	}
}

void fsm_want_enter(struct fsm_wants *ws, enum fsm_want_table t,
		    struct fsm_want *w)
{
	struct fsm_want **head = bucket_of(ws, t, w);

	w->chain[t] = *head;
	*head = w;
	w->in |= BIT(t);
}

void fsm_want_cut(struct fsm_wants *ws, enum fsm_want_table t,
		  struct fsm_want *w)
{
	struct fsm_want **at;

	if (!(w->in & BIT(t)))
		return;
	for (at = bucket_of(ws, t, w); *at != w; at = &(*at)->chain[t])
		;
	*at = w->chain[t];
	w->chain[t] = NULL;
	w->in &= ~BIT(t);
}

void fsm_want_cut_all(struct fsm_wants *ws, struct fsm_want *w)
{
	fsm_want_cut(ws, FSM_WANT_BY_NAME, w);
	fsm_want_cut(ws, FSM_WANT_BY_TICKET, w);
	fsm_want_cut(ws, FSM_WANT_BY_TOKEN, w);
}

bool fsm_want_is(const struct fsm_want *w, const char *name, u8 len)
{
	return w->ask.name_len == len && !memcmp(w->ask.name, name, len);
}

struct fsm_want *fsm_want_find(const struct fsm_wants *ws,
			       const struct fsm_owner *o, u64 key,
			       const char *name, u8 len)
{
	struct fsm_want *w = *fsm_want_bucket(ws, FSM_WANT_BY_NAME, key);

	while (w && (w->key != key || w->owner != o ||
		     !fsm_want_is(w, name, len)))
		w = w->chain[FSM_WANT_BY_NAME];
	return w;
}

struct fsm_want *fsm_want_named(const struct fsm_wants *ws,
				const struct fsm_owner *o, const char *name,
				u8 len)
{
	return fsm_want_find(ws, o, fsm_want_key(ws, o, name, len), name, len);
}

struct fsm_want *fsm_want_of(const struct fsm_wants *ws, u64 ticket)
{
	struct fsm_want *w = *fsm_want_bucket(ws, FSM_WANT_BY_TICKET,
					      number_key(ticket));

	while (w && w->ticket != ticket)
		w = w->chain[FSM_WANT_BY_TICKET];
	return w;
}

/* A token is of one grant in the cluster, ever. */
struct fsm_want *fsm_want_with(const struct fsm_wants *ws, u64 token)
{
	struct fsm_want *w = *fsm_want_bucket(ws, FSM_WANT_BY_TOKEN,
					      number_key(token));

	while (w && w->token != token)
		w = w->chain[FSM_WANT_BY_TOKEN];
	return w;
}

struct fsm_want *fsm_want_held(const struct fsm_wants *ws, const char *name,
			       u8 len, u64 token)
{
	struct fsm_want *w = fsm_want_with(ws, token);

	return w && w->state == FSM_WANT_HELD && fsm_want_is(w, name, len) ?
	       w : NULL;
}

/* -------------------------------------------------------------- owners */

/* To the end of the ring at @head. */
static void ring_add(struct fsm_owner **head, struct fsm_owner *o)
{
	struct fsm_owner *first = *head;

	if (!first) {
		*head = o;
		o->next = o;
		o->prev = o;
		return;
	}
	o->next = first;
	o->prev = first->prev;
	o->prev->next = o;
	first->prev = o;
}

void fsm_owner_unlink(struct fsm_wants *ws, struct fsm_owner *o)
{
	struct fsm_owner *next = o->next != o ? o->next : NULL;

	if (!o->next)
		return;
	if (ws->owners == o)
		ws->owners = next;
	if (ws->unaware == o)
		ws->unaware = next;
	o->prev->next = o->next;
	o->next->prev = o->prev;
	o->next = NULL;
	o->prev = NULL;
}

/* All of the ring at @from come behind those at @to. */
static void ring_move(struct fsm_owner **to, struct fsm_owner **from)
{
	struct fsm_owner *a = *to, *b = *from, *last;

	*from = NULL;
	if (!b)
		return;
	if (!a) {
		*to = b;
		return;
	}
	last = a->prev;
	a->prev = b->prev;
	a->prev->next = a;
	b->prev = last;
	last->next = b;
}

s32 fsm_owner_lost(const struct fsm_wants *ws, const struct fsm_owner *o)
{
	if (unlikely(o->lost))
		return o->lost;
	return o->era && o->era != ws->era ? ws->lost_as : 0;
}

void fsm_wants_lose(struct fsm_wants *ws, s32 status)
{
	ws->era++;
	ws->lost_as = status;
	ws->sure = false;
	ring_move(&ws->unaware, &ws->owners);
}

void fsm_want_adopt(struct fsm_wants *ws, struct fsm_owner *o,
		    struct fsm_want *w)
{
	w->owner = o;
	w->prev = NULL;
	w->next = o->wants;
	if (w->next)
		w->next->prev = w;
	o->wants = w;
	if (o->era)
		return;
	o->era = ws->era;
	ring_add(&ws->owners, o);
}

/*
 * The owner has one less. Who wants nothing any more has nothing to lose, but what
 * is lost stays so.
 */
void fsm_want_disown(struct fsm_wants *ws, struct fsm_want *w)
{
	struct fsm_owner *o = w->owner;

	*(w->prev ? &w->prev->next : &o->wants) = w->next;
	if (w->next)
		w->next->prev = w->prev;
	w->next = NULL;
	w->prev = NULL;
	if (o->wants || fsm_owner_lost(ws, o))
		return;
	fsm_owner_unlink(ws, o);
	o->era = 0;
}

/* -------------------------------------------------------------- states */

void fsm_want_set(struct fsm_wants *ws, struct fsm_want *w,
		  enum fsm_want_state state)
{
	ws->queued += (state == FSM_WANT_QUEUED) - (w->state == FSM_WANT_QUEUED);
	ws->held += (state == FSM_WANT_HELD) - (w->state == FSM_WANT_HELD);
	w->state = state;
}

void fsm_want_untold(struct fsm_wants *ws, struct fsm_want *w)
{
	w->untold = NULL;
	w->untold_at = ws->untold_tail;
	*ws->untold_tail = w;
	ws->untold_tail = &w->untold;
}

void fsm_want_heard(struct fsm_wants *ws, struct fsm_want *w)
{
	if (ws->answered == w)
		ws->answered = NULL;
	if (!w->untold_at)
		return;
	*w->untold_at = w->untold;
	if (w->untold)
		w->untold->untold_at = w->untold_at;
	else
		ws->untold_tail = w->untold_at;
	w->untold = NULL;
	w->untold_at = NULL;
}
