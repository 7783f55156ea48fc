// SPDX-License-Identifier: GPL-2.0
/*
 * The log's writer, as the kernel's WAL thread does it: one group in flight;
 * what raft wants persisted meanwhile goes into the next one together. A group is
 * reported when it is durable as a whole, and not before.
 *
 * Each step is an event of its own, so that the power may be cut between any two.
 */
#include "sim.h"

static u8 records[RECORD_GROUP_BYTES];
static u8 sectors[RECORD_GROUP_SECTORS * RECORD_SECTOR];

void wal_start(struct node *n, const struct record_ring *ring,
	       const struct raft_hard *hard)
{
	struct wal *l = &n->s->wal;

	memset(l, 0, sizeof(*l));
	l->ring = *ring;
	l->hard = *hard;
}

bool wal_idle(const struct node *n)
{
	const struct write *wr;

	for (wr = n->st.head; wr; wr = wr->next)
		if (!wr->done)
			return false;
	return !n->s->wal.flying;
}

bool wal_tight(const struct node *n)
{
	const struct record_ring *r = &n->s->wal.ring;

	return record_ring_free(r) < r->sectors / 8;
}

/* In the kernel: more than half of it. */
bool wal_full(const struct node *n)
{
	const struct record_ring *r = &n->s->wal.ring;

	return r->head - r->tail > r->sectors / 64 * n->w->k.ring_share;
}

static struct write *next_write(const struct node *n)
{
	struct write *wr;

	for (wr = n->st.head; wr && wr->done; wr = wr->next)
		;
	return wr;
}

void wal_kick(struct node *n)
{
	struct wal *l = &n->s->wal;

	if (l->flying || l->held || n->broken || !next_write(n))
		return;
	l->flying = true;
	n->w->ops->disk(n->w, n, DISK_WAL, DISK_WRITE);
}

static u32 write_bytes(const struct write *wr)
{
	u32 i, len = RECORD_STEP;

	for (i = 0; i < wr->n; i++)
		len += record_entry_bytes(wr->e[i]->len);
	return len;
}

/*
 * "Entries .first to .last replace all of the stored log from .first on": what
 * the log held from there is cut. What a leader's snapshot brought begins with a
 * cut behind it, whatever lies in the ring.
 */
static u32 put_write(const struct write *wr, u64 last, u32 at)
{
	u32 i;

	if (wr->first <= last ||
	    (wr->snapshot && wr->first == wr->blob->snap.index + 1))
		at = record_put_cut(records, at, wr->first, wr->before);
	for (i = 0; i < wr->n; i++) {
		const struct gentry *g = wr->e[i];
		struct raft_entry e = {
			.term = g->term, .data = g->data, .len = g->len,
			.kind = g->kind,
		};

		at = record_put_entry(records, at, &e);
	}
	return at;
}

/*
 * A start has to hold a whole group in memory, beside what it does not know to be
 * committed: a quarter of it is for that.
 */
static bool fits_memory(const struct node *n, u32 entries, u32 bytes)
{
	return entries <= n->w->k.n_slots / 4 && bytes <= n->w->k.n_bytes / 4;
}

/* As many writes as fit into a group and into the ring. Bytes of records. */
static u32 gather(struct node *n)
{
	struct wal *l = &n->s->wal;
	u64 free = record_ring_free(&l->ring), last = l->ring.last;
	struct write *wr = next_write(n);
	u32 at = 0, entries = 0;

	l->n_writes = 0;
	l->g.hard = l->hard;
	for (; wr; wr = wr->next) {
		u32 need = at + write_bytes(wr);
		bool changed = wr->hard.term != l->hard.term ||
			       !raft_id_eq(wr->hard.vote, l->hard.vote);

		entries += wr->n;
		if (l->n_writes && (need > n->w->k.group ||
				    !fits_memory(n, entries, need)))
			break;
		if (record_group_sectors(&l->ring, need, changed) > free)
			break;
		at = put_write(wr, last, at);
		last = wr->first + wr->n - 1;
		/*
		 * The commit index as of that step: a newer one may speak of
		 * entries that replace what this group still holds.
		 */
		l->g.commit = n->w->mutant == MUT_COMMIT_NEWEST ?
			      min(raft_commit(n->r), last) : wr->commit;
		l->g.last = last;
		if (n->w->mutant != MUT_HARD_APART) {
			l->g.hard = wr->hard;
			l->g.hard_changed = changed;
		}
		l->n_writes++;
	}
	return at;
}

static void put_sectors(struct node *n)
{
	const struct record_super *super = &n->s->keep.super;
	const struct record_layout *y = &super->layout;
	struct wal *l = &n->s->wal;
	u64 at = l->ring.head % l->ring.sectors;
	u64 part = min_t(u64, l->sectors, l->ring.sectors - at);

	if (l->ring.head + l->sectors - super->base.position > l->ring.sectors)
		sim_fail(n->w, "ring", "%s writes over what its superblock %llu still needs",
			 n->name, super->generation);
	disk_write(&n->s->d, DISK_WAL, y->ring + at * RECORD_SECTOR, sectors,
		   part * RECORD_SECTOR);
	disk_write(&n->s->d, DISK_WAL, y->ring,
		   sectors + part * RECORD_SECTOR,
		   (l->sectors - part) * RECORD_SECTOR);
}

static void begin(struct node *n)
{
	struct wal *l = &n->s->wal;
	u32 len;

	memset(&l->g, 0, sizeof(l->g));
	len = gather(n);
	l->full = !l->n_writes;
	if (l->held || l->full) {
		l->n_writes = 0;
		l->flying = false;
		return;
	}
	l->sectors = record_group_seal(&l->ring, &l->g, records, len, sectors);
	put_sectors(n);
	l->written = true;
	n->w->stat.groups++;
	n->w->ops->disk(n->w, n, DISK_WAL, DISK_FLUSH);
	if (n->w->mutant == MUT_ACK_EARLY || n->w->mutant == MUT_ACK_BLIND)
		n->w->ops->report(n->w, n, next_write(n)->seq);
}

/* What a damaged last group would take with it. */
static void remember_tail(struct node *n)
{
	struct storage *s = n->s;
	struct write *wr = next_write(n);
	u32 i;

	s->tail_first = ~0ULL;
	s->tail_hard = s->wal.hard;
	s->tail_at = s->wal.ring.head % s->wal.ring.sectors;
	s->tail_n = s->wal.sectors;
	for (i = 0; i < s->wal.n_writes; i++, wr = wr->next)
		s->tail_first = min(s->tail_first, wr->first);
}

static void durable(struct node *n)
{
	struct wal *l = &n->s->wal;
	u64 seq = 0;

	disk_flush(&n->s->d, DISK_WAL);
	remember_tail(n);
	record_ring_advance(&l->ring, &l->g, l->sectors);
	for (; l->n_writes; l->n_writes--) {
		struct write *wr = next_write(n);

		store_apply(n, wr);
		wr->done = true;
		if (!wr->more)
			seq = wr->seq;
	}
	l->hard = l->g.hard;
	l->written = false;
	l->flying = false;
	if (seq)
		n->w->ops->report(n->w, n, seq);
	wal_kick(n);
	keep_kick(n);
}

void wal_step(struct node *n, enum disk_step step)
{
	if (step == DISK_WRITE)
		begin(n);
	else
		durable(n);
}
