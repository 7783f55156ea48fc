// SPDX-License-Identifier: GPL-2.0
/*
 * Storage of one node, as what is known to be durable. Writes are queued, become
 * durable in their order, and are reported some time later.
 *
 * With a disk (disk.h) this is what the medium must hold, as seen from outside of
 * the node: the checks count on it, and a start is held against it. Without one
 * (commands, memory mode) it is the storage: each write is one atomic step, a
 * crash keeps all that was reported, and of the rest the first few, or none. In
 * memory mode a crash keeps nothing, so the node comes back as somebody else.
 */
#include "sim.h"

enum {
	PART_ENTRIES = 64,	/* of a persist in one piece, with a disk */
	PART_BYTES = 4096,
};

/* Is @e in the log, or in the snapshot that stands for its beginning? */
bool store_holds(const struct store *s, const struct gentry *e)
{
	return e->index <= s->base || store_at(s, e->index) == e;
}

struct gentry *store_at(const struct store *s, u64 index)
{
	if (index <= s->base || index > s->last)
		return NULL;
	return s->ent[index - s->base - 1];
}

void store_put(struct store *s, u64 index, struct gentry *e)
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

/*
 * Term and vote alone, given before a snapshot was installed, and written behind
 * it: of the log it says nothing. Where the log ended then may be behind the snapshot,
 * or gone with what that has replaced.
 */
bool store_hard_only(const struct store *s, const struct write *wr)
{
	return !wr->n && !wr->snapshot &&
	       (wr->first <= s->base || wr->first > s->last + 1);
}

/* The rule that a persist replaces all of the log from its first entry on. */
void store_apply(struct node *n, const struct write *wr)
{
	struct store *s = &n->st;
	u64 i, end, lost = 0;

	s->hard = wr->hard;
	s->seq = wr->more ? wr->seq - 1 : wr->seq;
	if (store_hard_only(s, wr))
		return;
	if (wr->snapshot && (!n->s || n->w->mutant == MUT_WRITE_AGAIN)) {
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
		store_put(s, wr->first + i, wr->e[i]);
	s->last = wr->first + wr->n - 1;
	/* Once in a majority, for ever in it. */
	for (i = lost; lost && i <= end && i <= n->w->g.commit; i++)
		check_durable(n, n->w->g.log[i].e);
}

static void enqueue(struct store *s, struct write *wr)
{
	u64 last = s->tail ? s->tail->first + s->tail->n - 1 : s->last;

	wr->cut = wr->first <= last;
	if (s->tail)
		s->tail->next = wr;
	else
		s->head = wr;
	s->tail = wr;
}

/*
 * Where a piece of a persist ends. A group has room for so much only, and that is
 * no harm: term and vote come first, and entries in their order, so each piece
 * leaves a log that could have been; only the last one is reported.
 */
static u64 piece_end(struct node *n, u64 first, u64 last)
{
	struct raft_entry e;
	u32 bytes = 0;
	u64 i;

	if (!n->s)
		return last;
	for (i = first; i <= last; i++) {
		if (raft_entry(n->r, i, &e))
			break;
		bytes += record_entry_bytes(e.len);
		if (i - first == PART_ENTRIES || (bytes > PART_BYTES && i > first))
			return i - 1;
	}
	return last;
}

static struct write *write_piece(struct node *n, const struct raft_ready *rd,
				 u64 first, u64 last)
{
	u32 i, count = last >= first ? last - first + 1 : 0;
	struct write *wr = xcalloc(1, sizeof(*wr) + count * sizeof(wr->e[0]));

	wr->seq = rd->persist.seq;
	wr->hard = rd->persist.hard;
	wr->first = first;
	wr->n = count;
	wr->before = first > 1 ? raft_term_at(n->r, first - 1) : 0;
	wr->commit = min(raft_commit(n->r), last);
	wr->more = last < rd->persist.last;
	for (i = 0; i < count; i++) {
		struct raft_entry e;

		if (raft_entry(n->r, first + i, &e))
			sim_fail(n->w, "contract",
				 "%s persists entry %llu, which it does not hold",
				 n->name, first + i);
		wr->e[i] = ghost_entry(n->w, n, first + i, &e);
	}
	enqueue(&n->st, wr);
	return wr;
}

/*
 * Behind a snapshot that the log held already, raft hands out all that follows it
 * once more. What of that is durable lies in the ring, and is read from there
 * (keep.c); to cut and write it again would be to take back, until the last piece
 * is there, what was acknowledged.
 */
static u64 first_to_write(struct node *n, const struct raft_ready *rd)
{
	u64 durable = raft_durable_index(n->r);

	if (!n->s || !rd->persist.snapshot || n->w->mutant == MUT_WRITE_AGAIN)
		return rd->persist.first;
	return clamp(durable + 1, rd->persist.first, rd->persist.last + 1);
}

struct write *store_write(struct node *n, const struct raft_ready *rd)
{
	u64 first = first_to_write(n, rd), last = rd->persist.last;
	u64 end = piece_end(n, first, last);
	struct write *wr = write_piece(n, rd, first, end), *begin = wr;

	if (rd->persist.snapshot) {
		u64 index = rd->persist.first - 1;

		if (!n->installed || n->installed->snap.index != index)
			sim_fail(n->w, "contract",
				 "%s persists a snapshot at %llu that was not installed",
				 n->name, index);
		begin->snapshot = true;
		begin->blob = blob_get(n->installed);
	}
	while (wr->more) {
		first = end + 1;
		end = piece_end(n, first, last);
		wr = write_piece(n, rd, first, end);
	}
	return begin;
}

void store_sync(struct node *n, u64 seq)
{
	struct write *wr;

	for (wr = n->st.head; wr && wr->seq <= seq; wr = wr->next) {
		if (wr->done)
			continue;
		store_apply(n, wr);
		wr->done = true;
	}
}

/* @wr, the only one there is, needs no time and no report. */
void store_keep(struct node *n, struct write *wr)
{
	u64 seq = wr->seq;

	store_sync(n, seq);
	n->st.reported = seq;
	store_pop(&n->st);
}

/* Writes behind @wr (NULL: all of them) never happened. */
void store_drop(struct store *s, struct write *wr)
{
	struct write **at = wr ? &wr->next : &s->head, *gone;

	while ((gone = *at)) {
		*at = gone->next;
		blob_put(gone->blob);
		free(gone);
	}
	s->tail = wr;
}

/* The oldest write is done with. */
void store_pop(struct store *s)
{
	struct write *wr = s->head;

	s->head = wr->next;
	if (!s->head)
		s->tail = NULL;
	blob_put(wr->blob);
	free(wr);
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

	s->busy_until = 0;
	s->reported = 0;
	if (n->s)
		return;

	for (wr = s->head; wr; wr = wr->next) {
		if (wr->done)
			continue;
		if (n->w->mutant == MUT_ACK_EARLY ||
		    n->w->mutant == MUT_ACK_BLIND || lost_in_crash(n->w, kept++))
			break;
		store_apply(n, wr);
	}
	store_drop(s, NULL);
	s->seq = 0;
	if (n->w->mutant == MUT_FORGET_VOTE)
		s->hard.vote = RAFT_NOBODY;
	if (n->w->mutant == MUT_LOSE_ENTRY && s->last > s->base)
		s->last--;
}

void store_wipe(struct store *s)
{
	store_drop(s, NULL);
	blob_put(s->blob);
	free(s->ent);
	memset(s, 0, sizeof(*s));
}

/*
 * The log begins behind @b, which is durable. "Retain log entries following it"
 * where the log has that entry (paper, figure 13), else discard all of it.
 */
void store_base(struct node *n, struct blob *b)
{
	struct store *s = &n->st;
	u64 index = b->snap.index;
	struct gentry *e = store_at(s, index);

	if (e && e->term == b->snap.term) {
		memmove(s->ent, s->ent + (index - s->base),
			(s->last - index) * sizeof(*s->ent));
	} else {
		s->last = index;
	}
	s->base = index;
	s->base_term = b->snap.term;
	blob_put(s->blob);
	s->blob = blob_get(b);
}

/* The node's own snapshot is durable. */
bool store_snapshot(struct node *n, struct blob *b)
{
	u64 index = b->snap.index;

	/* An older one than what stands, or beyond what is durable: no use. */
	if (index <= n->st.base ||
	    store_at(&n->st, index) != n->w->g.log[index].e)
		return false;
	store_base(n, b);
	return true;
}
