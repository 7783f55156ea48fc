// SPDX-License-Identifier: GPL-2.0
/*
 * Recovery: the ring read group by group, and where it ends, the verdict.
 *
 * L is the last group read, P the place behind it, G the group that would be
 * there, W the places from P on that are free: all that the writer may have
 * written since L. Each sector of W is one of these:
 *
 *	older	   zero; or whole, and its group is not after L: of an earlier
 *		   lap, or cut before L was written
 *	G's	   whole, its group is after L, says that L is before it, and
 *		   begins at P
 *	later	   whole, its group is after L, and says that another group after
 *		   L is before it
 *	invalid	   anything else
 *
 * Two attempts at G may be seen: one was torn, and cut at a start; another, of a
 * higher number, began at the same place. The newer one covers all that was seen
 * of the older one (record_ring.cover), so if it became durable, nothing of the
 * older one is left. The newest one is G; sectors of others are older.
 *
 * The verdict, in this order:
 *
 *  1. A later sector in W: somebody wrote behind a group after L, which was
 *     durable by then. Or L is before what the superblock knows as durable. So a
 *     durable group is damaged: CORRUPT.
 *  2. All of G's sectors are there, from P on: it goes on (and whether it was
 *     acknowledged does not matter). If they do not make sense: CORRUPT, since no
 *     damage leaves all the checksums right.
 *  3. There is a sector of G, so it is known how many there are.
 *     a. The others are G's or older, at least one older: the write did not get
 *	  so far; nobody was told that it did. Cut: CLEAN.
 *     b. Some are invalid: G may have been durable. DOUBT. Every sector of G
 *	  tells term and vote: they are kept, so no vote is forgotten.
 *  4. There is none.
 *     a. P is older (or W is empty): G cannot have been durable, whatever comes
 *	  behind P: its first sector is missing. CLEAN.
 *     b. P is invalid, the next one is older or beyond W: if G was durable, it
 *	  had one sector only, so it changed no term or vote: DOUBT.
 *     c. P and the next one are invalid: G may have had both and more, and
 *	  brought a vote: DOUBT_VOTE.
 *
 * After that the writer begins at P. Its number is above all numbers that were
 * seen in W, so that 2 and 3 can tell the attempts apart.
 */
#include "layout.h"

enum {
	WINDOW = 2 * RECORD_GROUP_SECTORS,	/* sectors of rp->buf */
	PAGE = RECORD_ALIGN / RECORD_SECTOR,	/* reads are multiples of it */
};

static_assert(WINDOW % PAGE == 0);
/* A read ahead never meets itself, and always brings a whole group. */
static_assert(RECORD_RING_MIN / RECORD_SECTOR >= WINDOW);
static_assert(WINDOW - PAGE >= RECORD_GROUP_SECTORS);

enum sector_class {
	SECTOR_OLDER,
	SECTOR_NEXT,		/* G's */
	SECTOR_LATER,
	SECTOR_INVALID,
};

/**
 * struct walk - reading under way
 * @rp: whose
 * @r: rp->ring: .last_group is L, .head is P
 * @start: position of the first sector in rp->buf
 * @have: sectors in rp->buf
 * @log: the log as read
 * @hard: term and vote of L, as far as read
 */
struct walk {
	struct record_replay *rp;
	struct record_ring *r;
	u64 start;
	u32 have;
	struct record_log log;
	struct raft_hard hard;
};

/* ----------------------------------------------------------------- reading */

/* Fill rp->buf from @start on: in two parts where the ring ends. */
static int walk_fill(struct walk *w, u64 start)
{
	u64 at = record_place(w->r->sectors, start);
	u32 part = (u32)min_t(u64, WINDOW, w->r->sectors - at);
	struct record_replay *rp = w->rp;
	int err;

	w->have = 0;
	err = rp->read(rp->ctx, at, part, rp->buf);
	if (!err && part < WINDOW)
		err = rp->read(rp->ctx, 0, WINDOW - part,
			       rp->buf + part * RECORD_SECTOR);
	if (err)
		return err;
	w->start = start;
	w->have = WINDOW;
	return 0;
}

/* Have the sectors from @position on, @n of them, in rp->buf. */
static int walk_need(struct walk *w, u64 position, u32 n)
{
	if (position >= w->start && position + n <= w->start + w->have)
		return 0;
	return walk_fill(w, position & ~(u64)(PAGE - 1));
}

static u8 *walk_sector(const struct walk *w, u64 position)
{
	return w->rp->buf + (u32)(position - w->start) * RECORD_SECTOR;
}

static enum sector_class walk_class(const struct walk *w, u64 position,
				    struct record_sector *s)
{
	const struct record_ring *r = w->r;
	const u8 *bytes = walk_sector(w, position);

	if (!record_sector_read(r, position, bytes, s))
		return record_sector_zero(bytes) ? SECTOR_OLDER :
						   SECTOR_INVALID;
	if (s->group <= r->last_group)
		return SECTOR_OLDER;
	if (s->previous > r->last_group)
		return SECTOR_LATER;
	/* So it is at its own position, too: what is in place is so modulo laps. */
	if (s->previous == r->last_group &&
	    s->position - s->number == r->head &&
	    s->sectors <= record_ring_free(r))
		return SECTOR_NEXT;
	return SECTOR_INVALID;
}

/* ------------------------------------------------------------ where it ends */

/**
 * struct end - what was seen of W
 * @free: sectors of W
 * @g: a sector of G; .sectors is 0 if there is none
 * @later: there is a later sector
 * @number: highest of a group
 * @cover: sectors up to the last that is G's, of any attempt
 * @older: of G's places: older
 * @invalid: of G's places: invalid
 * @bad: first of G's places that is not G's
 * @damage: first of G's places that is invalid
 */
struct end {
	u64 free;
	struct record_sector g;
	bool later;
	u64 number;
	u32 cover;
	u32 older;
	u32 invalid;
	u32 bad;
	u32 damage;
};

static void end_see(struct walk *w, struct end *e, u64 position)
{
	struct record_sector s;

	/* Most of W is older; that needs no checksum. */
	if (record_sector_claim(walk_sector(w, position)) <= w->r->last_group)
		return;
	switch (walk_class(w, position, &s)) {
	case SECTOR_NEXT:
		if (!e->g.sectors || s.group > e->g.group)
			e->g = s;
		e->cover = (u32)(position - w->r->head) + 1;
		break;
	case SECTOR_LATER:
		e->later = true;
		break;
	default:
		return;
	}
	e->number = max(e->number, s.group);
}

/* All of W, for what is after L. */
static int end_scan(struct walk *w, struct end *e)
{
	u64 position = w->r->head, end = position + e->free;
	int err;

	for (; position < end; position++) {
		err = walk_need(w, position, 1);
		if (err)
			return err;
		end_see(w, e, position);
	}
	return 0;
}

static bool same_group(const struct record_sector *a,
		       const struct record_sector *b)
{
	return a->group == b->group && a->sectors == b->sectors &&
	       a->hard.term == b->hard.term &&
	       raft_id_eq(a->hard.vote, b->hard.vote);
}

/* As seen from G: what is of another attempt is older. */
static enum sector_class end_class(const struct walk *w, const struct end *e,
				   u32 i)
{
	struct record_sector s;
	enum sector_class class = walk_class(w, w->r->head + i, &s);

	if (class != SECTOR_NEXT || same_group(&s, &e->g))
		return class;
	return s.group == e->g.group ? SECTOR_INVALID : SECTOR_OLDER;
}

/*
 * The places of G, all in rp->buf: as many as it says, or as are invalid. And
 * what the next group has to cover: all that is left of G, with the damage that
 * comes right behind it, which would be in doubt again at its own end.
 */
static void end_places(struct walk *w, struct end *e)
{
	u32 n = (u32)min_t(u64, e->free, RECORD_GROUP_SECTORS), i;
	enum sector_class class;

	for (i = 0; i < n; i++) {
		class = end_class(w, e, i);
		if (e->g.sectors ? i >= e->g.sectors : class != SECTOR_INVALID)
			break;
		if (class == SECTOR_NEXT)
			continue;
		if (!e->older && !e->invalid)
			e->bad = i;
		if (class == SECTOR_INVALID) {
			if (!e->invalid++)
				e->damage = i;
			e->cover = max(e->cover, i + 1);
		} else {
			e->older++;
		}
	}
	while (e->cover && e->cover < n &&
	       end_class(w, e, e->cover) == SECTOR_INVALID)
		e->cover++;
}

static enum record_verdict end_verdict(const struct walk *w,
				       const struct end *e)
{
	if (e->later || w->r->last_group < w->rp->super->durable_group)
		return RECORD_CORRUPT;
	if (!e->invalid)
		return RECORD_CLEAN;
	return e->g.sectors || e->invalid == 1 ? RECORD_DOUBT :
						 RECORD_DOUBT_VOTE;
}

/* The later of two; of a term's two, the one that has a vote. */
static struct raft_hard later_hard(struct raft_hard a, struct raft_hard b)
{
	if (a.term != b.term)
		return a.term > b.term ? a : b;
	return raft_id_some(a.vote) ? a : b;
}

static enum record_verdict unreadable(struct walk *w, int err)
{
	w->rp->err = err;
	return RECORD_UNREADABLE;
}

/* No whole group at P. */
static enum record_verdict walk_end(struct walk *w)
{
	struct end e = {
		.free = record_ring_free(w->r),
		.number = w->r->last_group,
	};
	struct record_replay *rp = w->rp;
	enum record_verdict v;
	int err = end_scan(w, &e);

	if (!err)
		err = walk_need(w, w->r->head, RECORD_GROUP_SECTORS);
	if (err)
		return unreadable(w, err);
	end_places(w, &e);
	v = end_verdict(w, &e);
	rp->bad = record_place(w->r->sectors, w->r->head +
			       (v == RECORD_CORRUPT ? e.bad : e.damage));
	if (v == RECORD_DOUBT && e.g.sectors)
		rp->hard = later_hard(rp->hard, e.g.hard);
	w->r->group = e.number + 1;
	w->r->cover = e.cover;
	w->r->last = rp->last;
	w->r->last_term = record_log_end_term(&w->log);
	return v;
}

/* ------------------------------------------------------------------ groups */

/* Are all sectors of G there? Then *s is the first. 1, 0, or an error. */
static int walk_whole(struct walk *w, struct record_sector *s)
{
	u64 head = w->r->head;
	struct record_sector next;
	int err;
	u32 i;

	err = walk_need(w, head, 1);
	if (err)
		return err;
	if (walk_class(w, head, s) != SECTOR_NEXT)
		return 0;
	err = walk_need(w, head, s->sectors);
	if (err)
		return err;
	for (i = 1; i < s->sectors; i++)
		if (walk_class(w, head + i, &next) != SECTOR_NEXT ||
		    !same_group(s, &next))
			return 0;
	return 1;
}

/* The payloads of @n sectors from P on, moved together. */
static const u8 *walk_payload(struct walk *w, u32 n)
{
	u8 *to = walk_sector(w, w->r->head);
	const u8 *from = to + RECORD_HEAD;
	u8 *bytes = to;

	while (n--) {
		memmove(to, from, RECORD_PAYLOAD);
		to += RECORD_PAYLOAD;
		from += RECORD_SECTOR;
	}
	return bytes;
}

/*
 * A vote is given once in a term, and terms only rise. @now is not compared with
 * the superblock's term, which a cut group may have raised (DOUBT).
 */
static bool hard_follows(const struct walk *w, const struct raft_hard *now)
{
	const struct raft_hard *was = &w->hard, *found = &w->rp->hard;

	if (now->term < was->term)
		return false;
	if (now->term == was->term && raft_id_some(was->vote) &&
	    !raft_id_eq(now->vote, was->vote))
		return false;
	return now->term != found->term || !raft_id_some(found->vote) ||
	       !raft_id_some(now->vote) || raft_id_eq(now->vote, found->vote);
}

/* All of it is known to be good: hand it over. */
static int walk_take(struct walk *w, const struct record_sector *s,
		     struct record_told *t)
{
	struct record_replay *rp = w->rp;
	int err;

	err = record_told_steps(&w->log, t, rp->commit, rp);
	if (err)
		return err;
	t->g.last_term = w->log.term;
	w->r->group = s->group;
	record_ring_advance(w->r, &t->g, s->sectors);
	w->hard = t->g.hard;
	rp->hard = later_hard(t->g.hard, rp->hard);
	rp->last = record_log_end(&w->log);
	if (w->log.joined)
		rp->commit = max(rp->commit, t->g.commit);
	rp->groups++;
	return rp->group(rp->ctx, rp);
}

/* The whole group at P. 0: taken, else the verdict is *v. */
static int walk_group(struct walk *w, const struct record_sector *s,
		      enum record_verdict *v)
{
	struct record_log trial = w->log;
	struct record_told t;
	const u8 *bytes = walk_payload(w, s->sectors);
	int err;

	if (!hard_follows(w, &s->hard) ||
	    record_told_read(&t, w->r, s, bytes) ||
	    record_told_steps(&trial, &t, w->rp->commit, NULL)) {
		w->rp->bad = record_place(w->r->sectors, w->r->head);
		*v = RECORD_CORRUPT;
		return 1;
	}
	err = walk_take(w, s, &t);
	if (err)
		*v = unreadable(w, err);
	return err;
}

static enum record_verdict walk(struct walk *w)
{
	enum record_verdict v;
	struct record_sector s;
	int got;

	for (;;) {
		got = walk_whole(w, &s);
		if (got < 0)
			return unreadable(w, got);
		if (!got)
			return walk_end(w);
		if (walk_group(w, &s, &v))
			return v;
	}
}

/**
 * record_replay() - read the ring
 * @rp: .ring as record_ring_init() left it, .super, .buf, .ctx and the handlers
 *	as the caller set them; the rest is set here
 *
 * Return: the verdict, also in @rp. Only after CLEAN, DOUBT and DOUBT_VOTE the
 * ring may be written.
 */
enum record_verdict record_replay(struct record_replay *rp)
{
	const struct record_base *base = &rp->super->base;
	struct walk w = {
		.rp = rp,
		.r = &rp->ring,
		.log = {
			.base = base,
			.last = base->index,
			.term = base->term,
			.joined = true,
		},
	};

	rp->hard = rp->super->hard;
	rp->commit = base->index;
	rp->last = base->index;
	rp->groups = 0;
	rp->bad = 0;
	rp->err = 0;
	rp->verdict = walk(&w);
	return rp->verdict;
}
