// SPDX-License-Identifier: GPL-2.0
/*
 * What a start must find. The simulator knows what was flushed, what was on its
 * way, and whether bits were turned; a start is held against that:
 *
 *  - The superblock is the one that was stable in both slots, or the one on its
 *    way; once that is stable in one slot, it.
 *  - Term, vote and log are, together, those of the durable groups, or those and
 *    the one group that was in flight: all of it or nothing (pitfalls 2, 4).
 *  - Without damage a node always starts, without a doubt (pitfall 10).
 *  - With damage: the same; or in doubt, with at most the last group missing; or
 *    refused. Never a shortened log that is taken for whole (pitfall 9).
 */
#include "sim.h"

/* ------------------------------------------------------------ a new storage */

/* As small as may be. What nobody touches costs nothing. */
static void lay_out(struct node *n, struct record_layout *y)
{
	u64 ring = (u64)n->w->k.ring * RECORD_SECTOR;

	if (record_layout(2 * RECORD_SLOT + ring + 2 * RECORD_AREA_MIN, ring, y))
		sim_fail(n->w, "contract", "no layout with a ring of %llu bytes",
			 ring);
}

void storage_format(struct node *n)
{
	struct storage *s = xcalloc(1, sizeof(*s));
	struct record_super *super = &s->keep.super;
	struct record_layout y;

	lay_out(n, &y);
	record_super_init(super, &y, n->id);
	super->cluster.hi = 1;
	super->cluster.lo = 1;
	/* Somewhere in some lap, so that the ring's end is near at times. */
	super->base.position = n->w->k.ring_at;
	disk_init(&s->d, y.size);
	record_super_encode(super, s->d.medium);
	record_super_encode(super, s->d.medium + RECORD_SLOT);
	memcpy(s->d.view, s->d.medium, 2 * RECORD_SLOT);
	s->tail_first = ~0ULL;
	n->s = s;
}

static void forget_before(struct storage *s)
{
	struct past *p;

	if (!s->before)
		return;
	free(s->before->ent);
	free(s->before);
	s->before = NULL;
	while ((p = s->since)) {
		s->since = p->next;
		free(p->st.ent);
		free(p);
	}
}

/* Was @e on the medium at a damage of which it is not sure again? */
bool medium_had(const struct node *n, const struct gentry *e)
{
	const struct past *p;

	if (!n->s || !n->s->before)
		return false;
	if (store_holds(n->s->before, e))
		return true;
	for (p = n->s->since; p; p = p->next)
		if (store_holds(&p->st, e))
			return true;
	return false;
}

void storage_free(struct node *n)
{
	if (!n->s)
		return;
	keep_end(n);
	forget_before(n->s);
	disk_free(&n->s->d);
	free(n->s);
	n->s = NULL;
}

/* ---------------------------------------------------------- steps and faults */

void storage_step(struct node *n, enum disk_who who, enum disk_step step)
{
	if (n->broken)
		return;
	if (who == DISK_WAL)
		wal_step(n, step);
	else
		keep_step(n, step);
}

void storage_broke(struct node *n)
{
	trace(n->w, "%s: its disk fails", n->name);
	n->broken = true;
	n->w->stat.broken++;
	raft_fail(n->r, "a write to storage failed");
}

/* Which of the pending writes the medium may have got, and what it got. */
void storage_cut(struct node *n, bool (*keep)(void *ctx, u32 i), void *ctx)
{
	struct store *s = &n->st;
	struct write *wr;
	u32 left = n->s->wal.written ? n->s->wal.n_writes : 0;

	if (keep)
		disk_cut(&n->s->d, keep, ctx);
	while (s->head && s->head->done)
		store_pop(s);
	for (wr = s->head; wr && left > 1; left--)
		wr = wr->next;
	store_drop(s, left ? wr : NULL);
	n->s->wal.flying = false;
	n->s->wal.written = false;
	n->s->wal.n_writes = 0;
	keep_end(n);
}

/* ----------------------------------------------------------------- at starts */

static bool same_super(const struct record_super *a, const struct record_super *b)
{
	u8 x[RECORD_SLOT], y[RECORD_SLOT];

	record_super_encode(a, x);
	record_super_encode(b, y);
	return !memcmp(x, y, RECORD_SLOT);
}

static bool was_torn(const struct keep *k, const struct record_super *s)
{
	u32 i;

	for (i = 0; i < k->n_torn && i < KEEP_TORN; i++)
		if (same_super(s, &k->torn[i]))
			return true;
	return false;
}

void medium_super(struct node *n, const struct record_super *s)
{
	struct keep *k = &n->s->keep;
	bool next = k->stage && same_super(s, &k->next);

	if (!next && !same_super(s, &k->super) && !was_torn(k, s))
		sim_fail(n->w, "restart",
			 "%s finds superblock %llu, neither the one in force (%llu) nor the one on its way",
			 n->name, s->generation, k->super.generation);
	if (!next && k->stage == 2 && !n->s->d.n_rot)
		sim_fail(n->w, "restart",
			 "%s finds superblock %llu; %llu was stable in a slot",
			 n->name, s->generation, k->next.generation);
	if (k->stage && !next)
		k->torn[k->n_torn++ % KEEP_TORN] = k->next;
	k->super = *s;
	k->stage = 0;
}

static struct gentry *at(const struct store *s, u64 index)
{
	return index > s->base && index <= s->last ?
	       s->ent[index - s->base - 1] : NULL;
}

static bool same_hard(const struct raft_hard *a, const struct raft_hard *b)
{
	return a->term == b->term && raft_id_eq(a->vote, b->vote);
}

/*
 * Has @log, of a start, exactly what @s has, as far as the snapshot in force
 * lets it? Up to @limit.
 */
static bool same_log(const struct store *s, const struct store *log, u64 limit)
{
	u64 i, last = min(s->last, limit), had = min(log->last, limit);

	if (log->base < s->base)
		return false;
	if (log->base > s->base) {
		struct gentry *e = at(s, log->base);

		/* Of another history: nothing of it may follow. */
		if (!e || e->term != log->base_term)
			return had <= log->base;
	}
	for (i = log->base + 1; i <= max(last, had); i++)
		if (i > last || i > had || at(s, i) != at(log, i))
			return false;
	return true;
}

static bool is_same(const struct store *s, const struct store *log)
{
	return same_hard(&s->hard, &log->hard) && same_log(s, log, ~0ULL);
}

/* The group in flight reached the medium: it was durable, if nobody knew. */
static void count_in_flight(struct node *n)
{
	struct storage *s = n->s;
	struct write *wr;

	s->tail_first = ~0ULL;
	s->tail_hard = n->st.hard;
	for (wr = n->st.head; wr; wr = wr->next) {
		s->tail_first = min(s->tail_first, wr->first);
		store_apply(n, wr);
	}
}

/* As it would be with the group in flight. */
static struct store with_flight(const struct store *s)
{
	struct store b = *s;
	struct write *wr;
	u32 i;

	b.ent = xcalloc(s->cap ? s->cap : 1, sizeof(*b.ent));
	if (s->cap)
		memcpy(b.ent, s->ent, s->cap * sizeof(*b.ent));
	else
		b.cap = 1;
	for (wr = s->head; wr; wr = wr->next) {
		b.hard = wr->hard;
		if (store_hard_only(&b, wr))
			continue;
		for (i = 0; i < wr->n; i++)
			store_put(&b, wr->first + i, wr->e[i]);
		b.last = wr->first + wr->n - 1;
	}
	return b;
}

/* A newer term or vote, of a group that was in flight at this cut or before. */
static bool is_newer(const struct raft_hard *a, const struct raft_hard *than)
{
	return a->term > than->term ||
	       (a->term == than->term && !raft_id_some(than->vote));
}

/* In doubt, the last durable group may be missing, and no more than that. */
static bool lacks_tail(struct node *n, const struct found *f)
{
	const struct storage *s = n->s;
	bool hard = same_hard(&f->log.hard, &n->st.hard) ||
		    is_newer(&f->log.hard, &n->st.hard) ||
		    (f->verdict == RECORD_DOUBT_VOTE &&
		     same_hard(&f->log.hard, &s->tail_hard));

	if (s->before)
		return true;	/* damaged before, and counted so since */
	return hard && s->tail_first &&
	       same_log(&n->st, &f->log, s->tail_first - 1);
}

/*
 * The first damage counts: what was there before it is what was acknowledged. What
 * came since, and is lost again, was acknowledged, too.
 */
static void remember_before(struct node *n)
{
	struct storage *s = n->s;
	struct past *p;

	store_drop(&n->st, NULL);
	blob_put(n->st.blob);
	n->st.blob = NULL;
	if (s->before) {
		p = xcalloc(1, sizeof(*p));
		p->st = n->st;
		p->next = s->since;
		s->since = p;
		return;
	}
	s->before = xcalloc(1, sizeof(*s->before));
	*s->before = n->st;
}

static void adopt(struct node *n, struct found *f)
{
	struct blob *b = blob_get(n->st.blob);

	if (n->s->doubt != RAFT_SURE) {
		remember_before(n);
	} else {
		store_drop(&n->st, NULL);
		free(n->st.ent);
		blob_put(n->st.blob);
	}
	n->st = f->log;
	n->st.blob = b;
	memset(&f->log, 0, sizeof(f->log));
}

void medium_log(struct node *n, struct found *f)
{
	bool doubts = f->verdict == RECORD_DOUBT ||
		      f->verdict == RECORD_DOUBT_VOTE;
	struct store b = with_flight(&n->st);
	bool is_b = n->st.head && is_same(&b, &f->log);

	if (doubts && !n->s->d.n_rot)
		sim_fail(n->w, "restart", "%s is in doubt (%u) of an undamaged log",
			 n->name, f->verdict);
	if (f->commit > n->w->g.commit)
		sim_fail(n->w, "restart",
			 "%s believes %llu to be committed, nobody committed more than %llu",
			 n->name, f->commit, n->w->g.commit);
	if (is_b)
		count_in_flight(n);
	else if (!is_same(&n->st, &f->log) && !(doubts && lacks_tail(n, f)))
		sim_fail(n->w, "restart",
			 "%s finds a log up to %llu behind %llu, term %llu; durable was up to %llu behind %llu, term %llu%s",
			 n->name, f->log.last, f->log.base, f->log.hard.term,
			 n->st.last, n->st.base, n->st.hard.term,
			 n->s->d.n_rot ? ", then damaged" : "");
	free(b.ent);
	if (doubts)
		trace(n->w, "%s is in doubt", n->name);
	n->w->stat.doubts += doubts;
	adopt(n, f);
}

void medium_lost(struct node *n, const char *why)
{
	if (!n->s->d.n_rot)
		sim_fail(n->w, "restart", "%s is refused an undamaged storage: %s",
			 n->name, why);
	trace(n->w, "%s: its storage is refused: %s", n->name, why);
	n->w->stat.refused++;
	n->s->lost = true;
	remember_before(n);
	memset(&n->st, 0, sizeof(n->st));
}

/*
 * In doubt: a committed entry that it once had, and has not even in memory again;
 * 0: none.
 */
u64 medium_lacks(const struct node *n)
{
	const struct ghost *g = &n->w->g;
	const struct store *old = n->s->before;
	u64 i;

	for (i = raft_commit(n->r) + 1; old && i <= old->last && i <= g->commit;
	     i++)
		if (at(old, i) == g->log[i].e &&
		    raft_term_at(n->r, i) != g->log[i].e->term)
			return i;
	return 0;
}

void medium_sure(struct node *n)
{
	const struct ghost *g = &n->w->g;
	struct store *old = n->s->before;
	u64 i;

	n->s->doubt = RAFT_SURE;
	if (!old)
		return;
	for (i = old->base + 1; i <= old->last && i <= g->commit; i++)
		if (at(old, i) == g->log[i].e && i > n->st.base &&
		    at(&n->st, i) != g->log[i].e)
			sim_fail(n->w, "durability",
				 "%s is sure of its storage again without entry %llu, which it had held",
				 n->name, i);
	trace(n->w, "%s is sure of its storage again", n->name);
	forget_before(n->s);
}

/* ---------------------------------------------------------------------- rot */

/* Where: all of it has its turn, what matters most more often. */
static u64 place(struct node *n)
{
	struct storage *s = n->s;
	const struct record_super *super = &s->keep.super;
	const struct record_layout *y = &super->layout;
	const struct record_ring *ring = &s->wal.ring;
	struct rng *g = &n->w->rng;
	u64 live = ring->head - ring->tail, sector;

	switch (rng_below(g, 6)) {
	case 0:
		return rng_below(g, 2 * RECORD_SLOT);
	case 1:
		if (!live)
			return rng_below(g, y->size);
		sector = (ring->tail + rng_below(g, live)) % ring->sectors;
		break;
	case 2:
		if (!s->tail_n)
			return rng_below(g, y->size);
		sector = (s->tail_at + rng_below(g, s->tail_n)) % ring->sectors;
		break;
	case 3:
		sector = (ring->head + rng_below(g, 8)) % ring->sectors;
		break;
	case 4:
		return y->area[super->base.area] +
		       rng_below(g, super->base.len + 1);
	default:
		return rng_below(g, y->size);
	}
	return y->ring + sector * RECORD_SECTOR + rng_below(g, RECORD_SECTOR);
}

void storage_rot(struct node *n)
{
	u64 pos = place(n);
	u32 more = rng_below(&n->w->rng, 4) ? 0 : rng_below(&n->w->rng, 16);

	n->w->stat.rotten++;
	trace(n->w, "%s: bits rot at %llu", n->name, pos);
	disk_flip(&n->s->d, pos, 1 << rng_below(&n->w->rng, 8));
	pos &= ~(u64)(RECORD_SECTOR - 1);
	while (more--)
		disk_flip(&n->s->d, pos + rng_below(&n->w->rng, RECORD_SECTOR),
			  rng_below(&n->w->rng, 255) + 1);
}
