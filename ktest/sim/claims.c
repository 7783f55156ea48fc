// SPDX-License-Identifier: GPL-2.0
/*
 * A second, slow and simple model of locks, written from design section 9 and the
 * rules at the top of fsm.h. It runs once over what is committed. Claims are kept
 * with their whole past, so that each node can be held against it at the index that
 * it has applied, however far others are.
 */
#include "sim.h"

void claims_init(struct world *w)
{
	struct glocks *l = &w->g.l;

	l->by_ticket = xcalloc(G_CLAIMS, sizeof(*l->by_ticket));
	l->dead_tail = &l->dead;
	l->now.next_token = 1;
}

void claims_free(struct world *w)
{
	free(w->g.l.by_ticket);
}

struct gclaim *claim_of(const struct world *w, u64 ticket)
{
	struct gclaim *c = w->g.l.by_ticket[ticket % G_CLAIMS];

	while (c && c->ticket != ticket)
		c = c->next;
	return c;
}

/* Which of the programs' locks is it? -1: none. */
int lock_number(const char *name, u8 len)
{
	u8 i, n;

	for (i = 0; i < SIM_LOCKS; i++) {
		const char *s = lock_name(i, &n);

		if (n == len && !memcmp(s, name, n))
			return i;
	}
	return -1;
}

static struct glock *lock_of(struct world *w, const struct gclaim *c)
{
	return &w->g.l.lock[c->lock];
}

static void change(struct world *w, u64 index, u8 type, struct gclaim *c, u8 lock)
{
	struct gchange *x = arena_alloc(w, sizeof(*x));
	struct gchange **at = &w->g.log[index].changes;

	x->type = type;
	x->claim = c;
	x->lock = lock;
	while (*at)
		at = &(*at)->next;
	*at = x;
}

/* Its handle is closed, or its session has ended. */
static bool is_dead(const struct gclaim *c)
{
	return c->owner->died || c->s->ended;
}

/* ----------------------------------------------------------------- changes */

static void find_waiter(struct glock *l)
{
	l->waiter = l->claims;
	while (l->waiter && l->waiter->granted)
		l->waiter = l->waiter->behind;
}

/* Is there room beside those who hold it? */
static bool admits(const struct glock *l, bool shared)
{
	return !l->held ||
	       (shared && l->claims->shared && l->held < FSM_SHARERS_MAX);
}

/* "Each single grant takes max(next_token, index) and sets next_token one above." */
static void grant(struct world *w, u64 index, struct gclaim *c)
{
	struct glocks *l = &w->g.l;
	struct glock *k = lock_of(w, c);

	c->token = max(l->now.next_token, index);
	l->now.next_token = c->token + 1;
	c->granted = index;
	c->died = k->died || (k->held && k->claims->died);
	k->died = false;
	k->held++;
	l->now.waiting--;
	l->now.held++;
	find_waiter(k);
}

/* @died: of whoever held it, if this one did. */
static void end(struct world *w, u64 index, struct gclaim *c, bool died)
{
	struct glock *k = lock_of(w, c);
	struct gcounts *now = &w->g.l.now;
	struct gclaim **at = &k->claims;
	struct gowner **o = &c->s->owners;

	while (*at != c)
		at = &(*at)->behind;
	*at = c->behind;
	c->ended = index;
	change(w, index, G_ENDED, c, c->lock);
	if (c->granted) {
		now->held--;
		if (!--k->held)
			k->died = died;
	} else {
		now->waiting--;
	}
	find_waiter(k);
	w->g.objects--;
	if (!k->claims && !k->died) {
		w->g.objects--;
		now->locks--;
	}
	if (--c->owner->claims)
		return;
	w->g.objects--;
	while (*o != c->owner)
		o = &(*o)->next;
	*o = (*o)->next;
}

/* ------------------------------------------------------- what follows from room */

/* Of all who wait first, and need not for those who hold: the first to have asked. */
static struct gclaim *next_in_line(struct world *w)
{
	struct gclaim *best = NULL;
	u32 i;

	for (i = 0; i < SIM_LOCKS; i++) {
		struct glock *k = &w->g.l.lock[i];

		if (k->waiter && admits(k, k->waiter->shared) &&
		    (!best || k->waiter->ticket < best->ticket))
			best = k->waiter;
	}
	return best;
}

/* Handles in the order of their first claims, claims by ticket. */
static bool goes_before(const struct gclaim *a, const struct gclaim *b)
{
	if (a->owner->born != b->owner->born)
		return a->owner->born < b->owner->born;
	return a->ticket < b->ticket;
}

static struct gclaim *first_of(struct world *w, const struct gdead *d)
{
	struct gclaim *c, *best = NULL;
	u32 i;

	for (i = 0; i < SIM_LOCKS; i++)
		for (c = w->g.l.lock[i].claims; c; c = c->behind)
			if (c->s == d->s &&
			    (!d->number || c->number == d->number) &&
			    (!best || goes_before(c, best)))
				best = c;
	return best;
}

/* What the one that died first has left. */
static struct gclaim *left_by_the_dead(struct world *w)
{
	struct glocks *l = &w->g.l;
	struct gclaim *c = NULL;

	while (l->dead) {
		c = first_of(w, l->dead);
		if (c)
			break;
		l->dead = l->dead->next;
		if (!l->dead)
			l->dead_tail = &l->dead;
	}
	return c;
}

/*
 * "Their claims are ended by that entry as far as FSM_RELEASES_MAX goes, what becomes
 * grantable is granted as far as FSM_GRANTS_MAX goes": who is first is served first;
 * if it is dead it goes. @more: then what the dead have left elsewhere, too.
 */
static void follow(struct world *w, u64 index, u32 ended, bool more)
{
	u32 granted = 0;
	struct gchange *x;

	for (;;) {
		struct gclaim *c = next_in_line(w);

		if (c && !is_dead(c)) {
			if (granted == FSM_GRANTS_MAX)
				break;
			grant(w, index, c);
			change(w, index, FSM_EVENT_GRANTED, c, c->lock);
			granted++;
			continue;
		}
		if (!c && more)
			c = left_by_the_dead(w);
		if (!c || ended == FSM_RELEASES_MAX)
			break;
		end(w, index, c, true);
		ended++;
	}
	for (x = w->g.log[index].changes; x; x = x->next)
		if (x->type == FSM_EVENT_GRANTED)
			x->flags = (x->claim->died ? FSM_GRANT_DIED : 0) |
				   (w->g.l.lock[x->lock].waiter ?
				    FSM_GRANT_WANTED : 0);
}

void model_reap(struct world *w, u64 index)
{
	follow(w, index, 0, true);
}

static void die(struct world *w, struct gsession *s, u64 number)
{
	struct gdead *d = arena_alloc(w, sizeof(*d));

	d->s = s;
	d->number = number;
	*w->g.l.dead_tail = d;
	w->g.l.dead_tail = &d->next;
}

static struct gowner *owner_of(struct gsession *s, u64 number)
{
	struct gowner *o = s->owners;

	while (o && o->number != number)
		o = o->next;
	return o;
}

void model_handle_dies(struct world *w, u64 index, struct gsession *s, u64 number)
{
	struct gowner *o = owner_of(s, number);

	if (!o || o->died)
		return;
	o->died = index;
	die(w, s, number);
	model_reap(w, index);
}

/* It ends; what it has goes with what follows. */
void model_session_dies(struct world *w, u64 index, struct gsession *s)
{
	struct gowner *o = s->owners;

	s->open = false;
	s->ended = index;
	w->g.l.now.sessions--;
	while (o && o->died)
		o = o->next;
	if (o)
		die(w, s, 0);
}

/* ---------------------------------------------------------------- requests */

/* Does the grant that @c is fenced with hold at this point of the order? */
bool model_fence(struct world *w, const struct fsm_command *c)
{
	int lock = lock_number(c->fence.name, c->fence.name_len);
	struct gclaim *g;

	if (!c->fence.token)
		return true;
	if (lock < 0)
		return false;
	for (g = w->g.l.lock[lock].claims; g; g = g->behind)
		if (g->granted && g->token == c->fence.token)
			return !is_dead(g);
	return false;
}

static struct gclaim *claim_new(struct world *w, u64 index, struct gsession *s,
				struct hold *h, struct gowner *o)
{
	struct glock *k = &w->g.l.lock[h->lock];
	struct gclaim *c = arena_alloc(w, sizeof(*c)), **at = &k->claims;

	*c = (struct gclaim){
		.hold = h, .s = s, .owner = o, .number = o->number,
		.ticket = index, .lock = h->lock, .shared = h->shared,
		.next = w->g.l.by_ticket[index % G_CLAIMS],
	};
	w->g.l.by_ticket[index % G_CLAIMS] = c;
	while (*at)
		at = &(*at)->behind;
	*at = c;
	o->claims++;
	w->g.objects++;
	w->g.l.now.waiting++;
	find_waiter(k);
	h->claim = c;
	change(w, index, G_ASKED, c, h->lock);
	return c;
}

static struct gowner *owner_made(struct world *w, u64 index, struct gsession *s,
				 u64 number)
{
	struct gowner *o = arena_alloc(w, sizeof(*o)), **at = &s->owners;

	o->number = number;
	o->born = index;
	while (*at)
		at = &(*at)->next;
	*at = o;
	w->g.objects++;
	return o;
}

/* "An acquire is answered at once, granted or queued with a ticket." */
s32 model_acquire(struct world *w, u64 index, const struct fsm_command *c,
		  struct gsession *s, struct hold *h, u64 *value)
{
	struct glock *k = &w->g.l.lock[h->lock];
	bool shared = c->arg & FSM_ACQUIRE_SHARED, exists = k->claims || k->died;
	struct gowner *o = owner_of(s, c->handle);
	struct gclaim *g;

	if (lock_number(c->name, c->name_len) != h->lock || shared != h->shared ||
	    c->handle != h->number)
		sim_fail(w, "contract", "entry %llu asks for something else than its program",
			 index);
	if (c->arg & FSM_ACQUIRE_TRY && (k->waiter || !admits(k, shared)))
		return -EAGAIN;
	if (w->g.objects + !exists + !o + 1 > w->g.objects_max)
		return -ENOSPC;
	if (!exists) {
		w->g.objects++;
		w->g.l.now.locks++;
	}
	if (!o)
		o = owner_made(w, index, s, c->handle);
	g = claim_new(w, index, s, h, o);
	if (k->waiter != g)
		return 0;
	if (admits(k, shared)) {
		grant(w, index, g);
		*value = g->token;
	} else {
		change(w, index, FSM_EVENT_WANTED, NULL, h->lock);
	}
	return 0;
}

static bool owns(const struct gclaim *c, const struct gsession *s, u64 handle)
{
	return c && !c->ended && c->s == s && c->number == handle &&
	       !c->owner->died;
}

/* "Release needs the token"; who leaves a queue may have been granted meanwhile. */
s32 model_release(struct world *w, u64 index, const struct fsm_command *c,
		  struct gsession *s, u64 *value)
{
	struct gclaim *g = claim_of(w, c->arg);

	if (c->op == FSM_LOCK_RELEASE) {
		if (!owns(g, s, c->handle) || !g->granted || g->token != c->arg2)
			return -EPERM;
	} else {
		if (!g || g->ended)
			return 0;
		if (!owns(g, s, c->handle))
			return -EPERM;
		*value = g->token;
	}
	end(w, index, g, false);
	follow(w, index, 1, false);
	return 0;
}

static void revoke(struct world *w, u64 index, struct gclaim *g)
{
	bool dead = is_dead(g);

	if (!dead)
		change(w, index, FSM_EVENT_REVOKED, g, g->lock);
	g->revoked = true;
	end(w, index, g, dead);
}

s32 model_revoke(struct world *w, u64 index, const struct fsm_command *c,
		 u64 *value)
{
	int lock = lock_number(c->name, c->name_len);
	struct gclaim *g, *next;
	u32 n = 0;

	if (lock < 0)
		return -ENOENT;
	for (g = w->g.l.lock[lock].claims; g && g->granted; g = next) {
		next = g->behind;
		if (n == FSM_RELEASES_MAX || (c->arg && g->token != c->arg))
			continue;
		revoke(w, index, g);
		n++;
	}
	*value = n;
	if (!n)
		return -ENOENT;
	follow(w, index, n, false);
	return 0;
}

/* Entry @index is taken. */
void model_counts(struct world *w, u64 index)
{
	struct gcounts *now = &w->g.l.now;

	now->objects = w->g.objects;
	now->dying = left_by_the_dead(w) || next_in_line(w);
	w->g.log[index].counts = *now;
}

u64 claim_token(const struct world *w, u64 index)
{
	const struct gclaim *c;
	struct gchange *x;
	u64 token = 0;

	for (x = w->g.log[index].changes; x; x = x->next) {
		c = x->claim;
		if (c && x->type != G_ENDED && c->granted == index)
			token = c->token;
	}
	return token;
}
