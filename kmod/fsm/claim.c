// SPDX-License-Identifier: GPL-2.0
/*
 * Who holds and who waits: locks and claims, and the lists that tie them. What is to
 * happen with them is decided in lock.c; here it is done, so that all that state.h
 * says of them is true after each call. Whose they are: handle.c.
 *
 * Who could be granted. A lock's first waiter is in f->more as soon as those who
 * hold the lock leave room for it, be it dead or alive, and until it is granted or
 * gone: so who is in it follows from the claims alone, and a state that was loaded
 * goes on like one that was not. It is a treap (Seidel and Aragon, "Randomized
 * search trees", 1996): a search tree by ticket and a heap by the hash of it, which
 * the seed keeps secret, so that no choice of tickets makes it deep. Mostly it is
 * empty, or holds one.
 */
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include "ring.h"

/**
 * fsm_claim_find() - by ticket
 * @f: state
 * @ticket: any number
 *
 * Return: the claim that waits or holds under it, or NULL.
 */
struct fsm_claim *fsm_claim_find(const struct fsm *f, u64 ticket)
{
	struct fsm_cell *cell = fsm_cell_find(f, FSM_KIND_CLAIM,
					      fsm_ticket_hash(f, ticket));

	for (; cell; cell = fsm_cell_again(cell)) {
		struct fsm_claim *c = container_of(cell, struct fsm_claim,
						   cell);

		if (c->ticket == ticket)
			return c;
	}
	return NULL;
}

/**
 * fsm_claim_seal() - what a claim says has changed
 * @f: state
 * @c: claim, touched before, that knows its lock and its handle
 */
void fsm_claim_seal(struct fsm *f, struct fsm_claim *c)
{
	u64 sum = c->cell.hash + c->cell.kind;

	sum = fsm_mix(sum + c->lock->cell.hash);
	sum = fsm_mix(sum + c->handle->cell.hash);
	if (c->granted)
		sum = fsm_mix(fsm_mix(sum + c->token) + c->index);
	fsm_cell_sum(f, &c->cell,
		     fsm_mix(sum + ((u64)c->since << 9 | c->flags << 1 |
				    c->granted)));
}

/**
 * fsm_lock_seal() - what a lock says beside its claims has changed
 * @f: state
 * @lock: lock, touched before
 *
 * With flags it has no holders: what counts them is 0, or the number of the death.
 */
void fsm_lock_seal(struct fsm *f, struct fsm_object *lock)
{
	u64 sum = 0;

	if (lock->flags) {
		sum = fsm_mix(lock->cell.hash + lock->cell.kind);
		sum = fsm_mix(sum + ((u32)lock->cell.n << 8 | lock->flags));
	}
	fsm_cell_sum(f, &lock->cell, sum);
}

/* Both only rise. */
static void set_counts(struct fsm *f, u64 next_token, u64 deaths)
{
	f->hash -= fsm_counts_hash(f);
	f->next_token = next_token;
	f->deaths = deaths;
	f->hash += fsm_counts_hash(f);
}

/* ------------------------------------------------ who waits without need */

/* What is in both goes to @root; all in @a have lower tickets than those in @b. */
static void join(struct fsm_claim **root, struct fsm_claim *a,
		 struct fsm_claim *b)
{
	while (a && b) {
		if (a->cell.hash > b->cell.hash) {
			*root = a;
			root = &a->greater;
			a = a->greater;
		} else {
			*root = b;
			root = &b->less;
			b = b->less;
		}
	}
	*root = a ? a : b;
}

/* What is in @tree goes to both sides of @ticket. */
static void part(struct fsm_claim *tree, u64 ticket, struct fsm_claim **less,
		 struct fsm_claim **greater)
{
	while (tree) {
		if (tree->ticket < ticket) {
			*less = tree;
			less = &tree->greater;
			tree = tree->greater;
		} else {
			*greater = tree;
			greater = &tree->less;
			tree = tree->less;
		}
	}
	*less = NULL;
	*greater = NULL;
}

static void more_add(struct fsm *f, struct fsm_claim *c)
{
	struct fsm_claim **at = &f->more;

	while (*at && (*at)->cell.hash > c->cell.hash)
		at = c->ticket < (*at)->ticket ? &(*at)->less :
						 &(*at)->greater;
	part(*at, c->ticket, &c->less, &c->greater);
	*at = c;
	c->more = true;
}

static void more_del(struct fsm *f, struct fsm_claim *c)
{
	struct fsm_claim **at = &f->more;

	while (*at != c)
		at = c->ticket < (*at)->ticket ? &(*at)->less :
						 &(*at)->greater;
	join(at, c->less, c->greater);
	c->more = false;
}

/**
 * fsm_more_first() - who is to be granted next
 * @f: state
 *
 * Return: of all who could be, the one with the lowest ticket; dead or alive. NULL:
 * everybody who waits has to.
 */
struct fsm_claim *fsm_more_first(const struct fsm *f)
{
	struct fsm_claim *c = f->more;

	while (c && c->less)
		c = c->less;
	return c;
}

/**
 * fsm_lock_admits() - do those who hold a lock leave room for another?
 * @lock: lock
 * @flags: enum fsm_claim_flag of the other
 *
 * That nobody overtakes is not asked here.
 *
 * Return: true if it is free, or shared by less than FSM_SHARERS_MAX and is to be
 * shared once more.
 */
bool fsm_lock_admits(const struct fsm_object *lock, u8 flags)
{
	u32 n = fsm_lock_holders(lock);

	if (!n)
		return true;
	return n < FSM_SHARERS_MAX &&
	       flags & lock->first->flags & FSM_CLAIM_SHARED;
}

/* The lock has another first waiter, or less holders. */
static void look(struct fsm *f, const struct fsm_object *lock)
{
	struct fsm_claim *c = lock->waiting;

	if (c && !c->more && fsm_lock_admits(lock, c->flags))
		more_add(f, c);
}

/* ------------------------------------------------------------------- locks */

static void forget(struct fsm *f, struct fsm_object *lock)
{
	fsm_cell_touch(f, &lock->cell);
	died_remove(&f->died, lock);
	fsm_cell_end(f, &lock->cell);
}

/*
 * Neither holder nor waiter is left. That the last holder died is remembered until
 * the next grant, or FSM_DIED_MAX later deaths: so the low bits of their numbers
 * tell which is the oldest.
 */
static void leave_lock(struct fsm *f, struct fsm_object *lock)
{
	fsm_cell_touch(f, &lock->cell);
	if (!(lock->flags & FSM_LOCK_DIED)) {
		fsm_cell_end(f, &lock->cell);
		return;
	}
	set_counts(f, f->next_token, f->deaths + 1);
	if (f->died && f->died->cell.n == (u16)f->deaths)
		forget(f, f->died);
	lock->flags |= FSM_LOCK_IDLE;
	lock->cell.n = f->deaths;
	died_append(&f->died, lock);
	fsm_lock_seal(f, lock);
}

/* Somebody wants it again: until the grant it is known that the last one died. */
static void return_to_lock(struct fsm *f, struct fsm_object *lock)
{
	fsm_cell_touch(f, &lock->cell);
	died_remove(&f->died, lock);
	lock->flags &= ~FSM_LOCK_IDLE;
	lock->cell.n = 0;
	lock->first = NULL;
	lock->waiting = NULL;
	fsm_lock_seal(f, lock);
}

/* The last holder has gone, or the next one has come. */
static void set_died(struct fsm *f, struct fsm_object *lock, bool died)
{
	u8 flags = died ? FSM_LOCK_DIED : 0;

	if (lock->flags == flags)
		return;
	fsm_cell_touch(f, &lock->cell);
	lock->flags = flags;
	fsm_lock_seal(f, lock);
}

/* ------------------------------------------------------------------ claims */

/**
 * fsm_claim_place() - a claim comes into its lists
 * @f: state
 * @c: claim with the highest ticket of those in them, that knows its lock and its
 *	handle. If it holds, nobody waits
 */
void fsm_claim_place(struct fsm *f, struct fsm_claim *c)
{
	struct fsm_object *lock = c->lock;

	lock_claims_append(&lock->first, c);
	own_claims_append(&c->handle->first, c);
	if (c->granted) {
		lock->cell.n++;
		f->held++;
		return;
	}
	f->waiting++;
	if (lock->waiting)
		return;
	lock->waiting = c;
	look(f, lock);
}

/**
 * fsm_claim_new() - somebody wants a lock
 * @f: state
 * @lock: which
 * @h: who, alive
 * @ticket: higher than all so far
 * @flags: FSM_CLAIM_SHARED or 0
 * @since: stamp
 *
 * Return: the claim. In f->more: it is to be granted at once, and not sealed yet;
 * else it waits for others. NULL without memory.
 */
struct fsm_claim *fsm_claim_new(struct fsm *f, struct fsm_object *lock,
				struct fsm_handle *h, u64 ticket, u8 flags,
				u32 since)
{
	u64 hash = fsm_ticket_hash(f, ticket);
	struct fsm_cell *cell = fsm_cell_new(f, FSM_KIND_CLAIM, hash);
	struct fsm_claim *c;

	if (!cell)
		return NULL;
	if (lock->flags & FSM_LOCK_IDLE)
		return_to_lock(f, lock);
	c = container_of(cell, struct fsm_claim, cell);
	c->lock = lock;
	c->handle = h;
	c->ticket = ticket;
	c->flags = flags;
	c->since = since;
	fsm_claim_place(f, c);
	if (!c->more)
		fsm_claim_seal(f, c);
	return c;
}

/**
 * fsm_claim_grant() - who waited holds
 * @f: state
 * @c: claim in f->more
 * @index: of the entry that grants it
 * @since: stamp of that
 *
 * "Each single grant takes max(next_token, index) and sets next_token one above
 * it" (design 9; pitfall 65). All who share the lock are told alike whether the
 * holder before them died.
 */
void fsm_claim_grant(struct fsm *f, struct fsm_claim *c, u64 index, u32 since)
{
	struct fsm_object *lock = c->lock;

	fsm_cell_touch(f, &c->cell);
	more_del(f, c);
	if (lock->flags & FSM_LOCK_DIED ||
	    (lock->cell.n && lock->first->flags & FSM_CLAIM_DIED))
		c->flags |= FSM_CLAIM_DIED;
	set_died(f, lock, false);
	c->granted = true;
	c->token = max(f->next_token, index);
	c->index = index;
	c->since = since;
	set_counts(f, c->token + 1, f->deaths);
	lock->cell.n++;
	lock->waiting = c->next == lock->first ? NULL : c->next;
	f->waiting--;
	f->held++;
	fsm_claim_seal(f, c);
	look(f, lock);
}

/* Out of the list of its lock, which may be left then. */
static void unlock(struct fsm *f, struct fsm_claim *c, bool died)
{
	struct fsm_object *lock = c->lock;

	if (lock->waiting == c)
		lock->waiting = c->next == lock->first ? NULL : c->next;
	lock_claims_remove(&lock->first, c);
	if (!c->granted) {
		f->waiting--;
	} else {
		f->held--;
		if (!--lock->cell.n)
			set_died(f, lock, died);
	}
	fsm_cell_end(f, &c->cell);
	if (lock->first)
		look(f, lock);
	else
		leave_lock(f, lock);
}

/**
 * fsm_claim_end() - somebody waits or holds no longer
 * @f: state
 * @c: claim, gone afterwards; its lock and its handle may be, too
 * @died: it held, and lets go because it died
 */
void fsm_claim_end(struct fsm *f, struct fsm_claim *c, bool died)
{
	struct fsm_handle *h = c->handle;

	fsm_cell_touch(f, &c->cell);
	if (c->more)
		more_del(f, c);
	own_claims_remove(&h->first, c);
	unlock(f, c, died);
	if (!h->first)
		fsm_handle_end(f, h);
}
