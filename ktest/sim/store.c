// SPDX-License-Identifier: GPL-2.0
/*
 * Storage of one node. Writes are queued, become durable in their order, each
 * as one atomic step, and are reported some time later. A crash keeps all that
 * was reported, and of the rest the first few, or none.
 *
 * In memory mode the same thing happens, only that a crash keeps nothing, so
 * the node comes back as somebody else.
 */
#include "sim.h"

struct gentry *store_at(const struct store *s, u64 index)
{
	if (index <= s->base || index > s->last)
		return NULL;
	return s->ent[index - s->base - 1];
}

static void put_entry(struct store *s, u64 index, struct gentry *e)
{
	u64 at = index - s->base - 1;

	if (at >= s->cap) {
		s->cap = (at + 64) * 2;
		s->ent = realloc(s->ent, s->cap * sizeof(*s->ent));
		if (!s->ent)
			exit(2);
	}
	s->ent[at] = e;
}

static bool is_committed(struct world *w, const struct gentry *e)
{
	return e->index <= w->g.commit && w->g.log[e->index].e == e;
}

/* The rule that a persist replaces all of the log from its first entry on. */
static void apply_write(struct node *n, struct write *wr)
{
	struct store *s = &n->st;
	u64 i, end, lost = 0;

	s->hard = wr->hard;
	s->seq = wr->seq;
	if (wr->snapshot) {
		blob_put(s->blob);
		s->blob = blob_get(wr->blob);
		s->base = wr->first - 1;
		s->base_term = wr->blob->snap.term;
		s->last = s->base;
	}
	if (wr->first <= s->base || wr->first > s->last + 1)
		sim_fail(n->w, "contract",
			 "%s persists from %llu on, but %llu to %llu are stored",
			 n->name, wr->first, s->base + 1, s->last);
	for (i = wr->first; i <= s->last; i++) {
		struct gentry *old = store_at(s, i);
		bool same = i - wr->first < wr->n && wr->e[i - wr->first] == old;

		if (!lost && !same && is_committed(n->w, old))
			lost = i;
	}
	end = s->last;
	for (i = 0; i < wr->n; i++)
		put_entry(s, wr->first + i, wr->e[i]);
	s->last = wr->first + wr->n - 1;
	/* Once in a majority, for ever in it. */
	for (i = lost; lost && i <= end && i <= n->w->g.commit; i++)
		check_durable(n, n->w->g.log[i].e);
}

struct write *store_write(struct node *n, const struct raft_ready *rd)
{
	u64 first = rd->persist.first, last = rd->persist.last;
	u32 i, count = last >= first ? last - first + 1 : 0;
	struct write *wr = xcalloc(1, sizeof(*wr) + count * sizeof(wr->e[0]));

	wr->seq = rd->persist.seq;
	wr->hard = rd->persist.hard;
	wr->snapshot = rd->persist.snapshot;
	wr->first = first;
	wr->n = count;
	if (wr->snapshot) {
		if (!n->installed || n->installed->snap.index != first - 1)
			sim_fail(n->w, "contract",
				 "%s persists a snapshot at %llu that was not installed",
				 n->name, first - 1);
		wr->blob = blob_get(n->installed);
	}
	for (i = 0; i < count; i++) {
		struct raft_entry e;

		if (raft_entry(n->r, first + i, &e))
			sim_fail(n->w, "contract",
				 "%s persists entry %llu, which it does not hold",
				 n->name, first + i);
		wr->e[i] = ghost_entry(n->w, n, first + i, &e);
	}
	if (n->st.tail)
		n->st.tail->next = wr;
	else
		n->st.head = wr;
	n->st.tail = wr;
	return wr;
}

void store_sync(struct node *n, u64 seq)
{
	struct write *wr;

	for (wr = n->st.head; wr && wr->seq <= seq; wr = wr->next) {
		if (wr->done)
			continue;
		apply_write(n, wr);
		wr->done = true;
	}
}

static void drop_writes(struct store *s)
{
	struct write *wr;

	while ((wr = s->head)) {
		s->head = wr->next;
		blob_put(wr->blob);
		free(wr);
	}
	s->tail = NULL;
}

static bool lost_in_crash(struct world *w, u32 kept)
{
	if (w->crash_keep == ~0U)
		return rng_next(&w->rng) & 1;
	return kept >= w->crash_keep;
}

/* What was not reported may have reached the medium, in order. */
void store_crash(struct node *n)
{
	struct store *s = &n->st;
	struct write *wr;
	u32 kept = 0;

	for (wr = s->head; wr; wr = wr->next) {
		if (wr->done)
			continue;
		if (n->w->mutant == MUT_ACK_EARLY ||
		    n->w->mutant == MUT_ACK_BLIND || lost_in_crash(n->w, kept++))
			break;
		apply_write(n, wr);
	}
	drop_writes(s);
	s->busy_until = 0;
	s->reported = 0;
	s->seq = 0;
	if (n->w->mutant == MUT_FORGET_VOTE)
		s->hard.vote = RAFT_NOBODY;
	if (n->w->mutant == MUT_LOSE_ENTRY && s->last > s->base)
		s->last--;
}

void store_wipe(struct store *s)
{
	drop_writes(s);
	blob_put(s->blob);
	free(s->ent);
	memset(s, 0, sizeof(*s));
}

/* The node's own snapshot is durable: the log may begin behind it. */
bool store_snapshot(struct node *n, struct blob *b)
{
	struct store *s = &n->st;
	u64 index = b->snap.index, drop;

	/* An older one than what stands, or beyond what is durable: no use. */
	if (index <= s->base || store_at(s, index) != n->w->g.log[index].e)
		return false;
	drop = index - s->base;
	s->base_term = store_at(s, index)->term;
	memmove(s->ent, s->ent + drop, (s->last - index) * sizeof(*s->ent));
	s->base = index;
	blob_put(s->blob);
	s->blob = blob_get(b);
	return true;
}
