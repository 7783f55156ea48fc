// SPDX-License-Identifier: GPL-2.0
/*
 * Torn, doubtful or corrupt: each case by its picture, then each byte of a ring
 * changed in turn (pitfall 9). Whatever was durable is found, or somebody is told
 * that it is not.
 */
#include "record_case.h"

/* ------------------------------------------------------------------ pictures */

enum { STALE = 6 };	/* sectors of an older attempt */

/**
 * struct picture - what lies behind the last whole group
 * @what: in words
 * @n: sectors of the group that was written last
 * @hard: it brought a vote
 * @at: place by place: G that group's; x damaged; . zero; o an earlier lap's; g
 *	an older attempt's, which was cut; L of a group behind that group; and what
 *	nobody writes: f of a group that begins elsewhere; p of one behind an
 *	earlier group; a of a lap ago, but a later group
 * @verdict: enum record_verdict
 * @bad: damaged place
 * @cover: what the next group covers
 * @vote: the vote that @hard brought is found
 */
struct picture {
	const char *what;
	u32 n;
	bool hard;
	const char *at;
	enum record_verdict verdict;
	u32 bad;
	u32 cover;
	bool vote;
};

static const struct picture pictures[] = {
	{ "nothing was written", 1, false, ".", RECORD_CLEAN, 0, 0 },
	{ "nothing but an earlier lap", 1, false, "ooo", RECORD_CLEAN, 0, 0 },
	{ "one sector, damaged, zero behind it", 1, false, "x.",
	  RECORD_DOUBT, 0, 1 },
	{ "one sector, damaged, an earlier lap behind it", 1, false, "xo",
	  RECORD_DOUBT, 0, 1 },
	{ "one sector, damaged, an earlier lap damaged further on", 1, false,
	  "x..x", RECORD_DOUBT, 0, 1 },
	{ "two sectors, the first damaged", 2, true, "xG.",
	  RECORD_DOUBT, 0, 2, true },
	{ "two sectors, the second damaged", 2, true, "Gx.",
	  RECORD_DOUBT, 1, 2, true },
	{ "two sectors, both damaged", 2, true, "xx.",
	  RECORD_DOUBT_VOTE, 0, 2 },
	{ "two sectors without a vote, both damaged", 2, false, "xxo",
	  RECORD_DOUBT_VOTE, 0, 2 },
	{ "two sectors, one torn", 2, true, "G.", RECORD_CLEAN, 0, 1 },
	{ "two sectors, the other torn", 2, true, ".G", RECORD_CLEAN, 0, 2 },
	{ "two sectors, one torn, an earlier lap there", 2, true, "oG",
	  RECORD_CLEAN, 0, 2 },
	{ "two sectors, one torn, damage behind the group", 2, true, ".Gxx",
	  RECORD_CLEAN, 0, 4 },
	{ "two sectors, the first torn, the other damaged", 2, true, ".x",
	  RECORD_CLEAN, 0, 0 },
	{ "three sectors, torn and damaged", 3, true, ".xG",
	  RECORD_DOUBT, 1, 3, true },
	{ "three sectors, damaged and torn", 3, true, "x.G",
	  RECORD_DOUBT, 0, 3, true },
	{ "three sectors, two damaged", 3, true, "xxG",
	  RECORD_DOUBT, 0, 3, true },
	{ "three sectors, all damaged", 3, true, "xxx",
	  RECORD_DOUBT_VOTE, 0, 3 },
	{ "three sectors, damaged, torn, torn", 3, true, "x..",
	  RECORD_DOUBT, 0, 1 },
	{ "five sectors, the last alone", 5, true, "....G",
	  RECORD_CLEAN, 0, 5 },
	{ "five sectors, the last torn", 5, true, "GGGG.",
	  RECORD_CLEAN, 0, 4 },
	{ "five sectors, the middle damaged", 5, false, "GGxGG",
	  RECORD_DOUBT, 2, 5 },
	{ "a group behind it, it is torn", 2, true, ".GL",
	  RECORD_CORRUPT, 0, 0 },
	{ "a group behind it, it is damaged", 2, true, "GxL",
	  RECORD_CORRUPT, 1, 0 },
	{ "a group behind it, it is lost", 2, true, "..L",
	  RECORD_CORRUPT, 0, 0 },
	{ "a group far behind it, it is damaged", 1, false,
	  "x........................................L",
	  RECORD_CORRUPT, 0, 0 },
	{ "a group behind it in its own place", 1, false, "L",
	  RECORD_CORRUPT, 0, 0 },
	{ "an attempt that was cut, nothing since", 1, false, "ggg.gg",
	  RECORD_CLEAN, 0, 6 },
	{ "an attempt that was cut, its end", 1, false, ".....g",
	  RECORD_CLEAN, 0, 6 },
	{ "an attempt that was cut, and a torn one over it", 6, true, ".GGg.g",
	  RECORD_CLEAN, 0, 6 },
	{ "an attempt that was cut, and a torn one of equal length", 6, true,
	  "gGgGgG", RECORD_CLEAN, 0, 6 },
	{ "an attempt that was cut, and a damaged one over it", 6, true,
	  "GGxGgG", RECORD_DOUBT, 2, 6, true },
	{ "an attempt that was cut, a damaged one over some of it", 6, true,
	  "gGGxGG", RECORD_DOUBT, 3, 6, true },
	{ "a sector of a group that begins elsewhere", 1, false, "f.",
	  RECORD_DOUBT, 0, 1 },
	{ "a sector of a group that follows an earlier one", 1, false, "p.",
	  RECORD_DOUBT, 0, 1 },
	{ "a sector of a lap ago that is of a later group", 1, false, "a.",
	  RECORD_DOUBT, 0, 1 },
	{ "two sectors of a group that begins elsewhere", 1, false, "ff",
	  RECORD_DOUBT_VOTE, 0, 2 },
};

/* Some groups, on the second lap; then one sector of each kind is prepared. */
static void begin(struct kunit *test, struct kit *k)
{
	kit_init(k);
	kit_vote(k, 2, 7);
	while (k->ring.head < KIT_SECTORS + 50) {
		kit_entry(k, 2, 100);
		kit_write(k);
		if (record_ring_free(&k->ring) < KIT_SECTORS / 2)
			kit_compact(k, k->log.last);
	}
	kit_clean(test, k);
}

/* The group that @r would write now, of @n sectors, into @to. */
static void sectors(struct record_ring *r, struct raft_hard hard, u32 n, u8 *to)
{
	struct record_group g = {
		.hard = hard, .last = r->last, .hard_changed = n > 1,
	};

	r->cover = n;
	record_group_seal(r, &g, NULL, 0, to);
	r->cover = 0;
}

/**
 * struct palette - sectors of each kind
 * @g: the group
 * @stale: an older attempt
 * @later: a group behind @g
 * @elsewhere: a group that begins one place too early
 * @past: a group behind the one before the last
 * @ago: a group a lap too early
 */
struct palette {
	u8 g[STALE * RECORD_SECTOR];
	u8 stale[STALE * RECORD_SECTOR];
	u8 later[64 * RECORD_SECTOR];
	u8 elsewhere[STALE * RECORD_SECTOR];
	u8 past[STALE * RECORD_SECTOR];
	u8 ago[STALE * RECORD_SECTOR];
};

static void mix(struct kit *k, const struct picture *p, struct palette *c)
{
	struct raft_hard hard = k->hard;
	struct record_ring *r = &k->ring;
	u64 group = r->group;

	sectors(r, hard, STALE, c->stale);
	r->group++;
	if (p->hard)
		hard = (struct raft_hard){ .term = 9, .vote = { 9, 9 } };
	sectors(r, hard, p->n, c->g);
	r->head--;
	sectors(r, hard, STALE, c->elsewhere);
	r->head -= KIT_SECTORS - 1;
	sectors(r, hard, STALE, c->ago);
	r->head += KIT_SECTORS;
	r->last_group--;
	sectors(r, hard, STALE, c->past);
	r->last_group = r->group++;
	sectors(r, hard, 64, c->later);
	r->last_group = group - 1;
	r->group = group;
}

static const u8 *colour(const struct palette *c, char what, u32 i)
{
	switch (what) {
	case 'G':
		return c->g + i * RECORD_SECTOR;
	case 'g':
		return c->stale + i * RECORD_SECTOR;
	case 'f':
		return c->elsewhere + (i + 1) * RECORD_SECTOR;
	case 'p':
		return c->past + i * RECORD_SECTOR;
	case 'a':
		return c->ago + i * RECORD_SECTOR;
	case 'L':
		return c->later + i * RECORD_SECTOR;
	default:
		return NULL;
	}
}

static void paint(struct kit *k, const struct picture *p,
		  const struct palette *c)
{
	const u8 *from;
	u32 i;
	u8 *to;

	for (i = 0; p->at[i]; i++) {
		to = kit_at(k, k->ring.head + i);
		from = colour(c, p->at[i], i);
		if (from)
			memcpy(to, from, RECORD_SECTOR);
		else if (p->at[i] == '.')
			memset(to, 0, RECORD_SECTOR);
		else if (p->at[i] == 'x')
			to[300] ^= 4;
	}
}

static void show(struct kunit *test, struct kit *k, const struct picture *p)
{
	struct palette *c = kit_memory(test, sizeof(*c));
	const struct record_replay *rp = &k->replay;
	u64 head = k->ring.head, bad = (head + p->bad) & (KIT_SECTORS - 1);

	mix(k, p, c);
	paint(k, p, c);
	KUNIT_EXPECT_EQ_MSG(test, kit_replay(k), p->verdict, "%s", p->what);
	KUNIT_EXPECT_TRUE_MSG(test, kit_same(&k->found, &k->durable), "%s",
			      p->what);
	if (p->verdict != RECORD_CLEAN)
		KUNIT_EXPECT_EQ_MSG(test, rp->bad, bad, "%s", p->what);
	if (p->verdict == RECORD_CORRUPT)
		return;
	KUNIT_EXPECT_EQ_MSG(test, rp->ring.cover, p->cover, "%s", p->what);
	KUNIT_EXPECT_EQ_MSG(test, rp->ring.head, head, "%s", p->what);
	KUNIT_EXPECT_EQ_MSG(test, rp->hard.term, p->vote ? 9 : 2, "%s",
			    p->what);
	KUNIT_EXPECT_EQ_MSG(test, rp->hard.vote.hi, p->vote ? 9 : 7, "%s",
			    p->what);
}

/* What follows counts, and the damage is covered: no doubt is left. */
static void afterwards(struct kunit *test, struct kit *k,
		       const struct picture *p)
{
	if (k->replay.verdict == RECORD_CORRUPT)
		return;
	kit_start(k);
	k->super.hard = k->hard;
	kit_entry(k, k->hard.term, 400);
	kit_entry(k, k->hard.term, 10);
	kit_write(k);
	KUNIT_EXPECT_EQ_MSG(test, kit_replay(k), RECORD_CLEAN, "%s", p->what);
	kit_complete(test, k);
}

static void each_picture_has_its_verdict(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(pictures); i++) {
		begin(test, k);
		show(test, k, &pictures[i]);
		afterwards(test, k, &pictures[i]);
	}
}

/* The ring is full up to one sector: a group with a vote does not fit there. */
static void last_free_sector_hides_no_vote(struct kunit *test)
{
	struct kit *k = kit_new(test);

	while (record_ring_free(&k->ring) > 1) {
		kit_entry(k, 1, 10);
		kit_write(k);
	}
	kit_clean(test, k);
	kit_at(k, k->ring.head)[9] = 1;
	KUNIT_EXPECT_EQ(test, kit_replay(k), RECORD_DOUBT);
	KUNIT_EXPECT_EQ(test, k->replay.ring.cover, 1);
	/* Whole, but nobody writes a group that is larger than what is free. */
	sectors(&k->ring, k->hard, 2, k->sectors);
	kit_place(k, 0);
	KUNIT_EXPECT_EQ(test, kit_replay(k), RECORD_DOUBT);
}

/* --------------------------------------------------------------- superblock */

static void superblock_knows_what_was_durable(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u32 i;

	for (i = 0; i < 5; i++) {
		kit_entry(k, 1, 10);
		kit_write(k);
	}
	kit_super(k);
	kit_clean(test, k);
	/* The last one is lost without a trace. */
	memset(kit_at(k, 4), 0, RECORD_SECTOR);
	KUNIT_EXPECT_EQ(test, kit_replay(k), RECORD_CORRUPT);
	KUNIT_EXPECT_EQ(test, k->replay.bad, 4);
	k->super.durable_group--;
	KUNIT_EXPECT_EQ(test, kit_replay(k), RECORD_CLEAN);
	KUNIT_EXPECT_EQ(test, k->replay.last, 4);
}

/* Pitfall 2: term and vote never go back, whichever knows the later ones. */
static void superblocks_vote_is_a_floor(struct kunit *test)
{
	struct kit *k = kit_new(test);

	kit_vote(k, 3, 5);
	kit_write(k);
	k->super.hard = (struct raft_hard){ .term = 2, .vote = { 1, 1 } };
	kit_clean(test, k);
	k->super.hard = (struct raft_hard){ .term = 3, .vote = RAFT_NOBODY };
	kit_clean(test, k);
	k->super.hard = (struct raft_hard){ .term = 4, .vote = { 6, 6 } };
	KUNIT_EXPECT_EQ(test, kit_replay(k), RECORD_CLEAN);
	KUNIT_EXPECT_TRUE(test, kit_same_hard(k->replay.hard, k->super.hard));
	/* Two votes in a term: one of them is not ours. */
	k->super.hard = (struct raft_hard){ .term = 3, .vote = { 6, 6 } };
	KUNIT_EXPECT_EQ(test, kit_replay(k), RECORD_CORRUPT);
}

/* ------------------------------------------------------------------ changes */

/**
 * struct extent - groups of a ring, one behind the other
 * @first: their first sectors; that of the next group at the end
 * @last: last index of the log with each
 * @n: how many
 */
struct extent {
	u32 first[16];
	u64 last[16];
	u32 n;
};

/* Groups of several sizes, with and without votes; @hard: the last has one. */
static void several(struct kunit *test, struct kit *k, struct extent *x,
		    u32 last, bool hard)
{
	u32 sizes[] = { 1, 2, 3, 1, last }, i;

	kit_init(k);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (i == 1 || (hard && i + 1 == ARRAY_SIZE(sizes)))
			kit_vote(k, k->g.hard.term + 1, i);
		do {
			kit_entry(k, k->g.hard.term, 100);
		} while (RECORD_GROUP_HEAD + k->staged <=
			 (sizes[i] - 1) * RECORD_PAYLOAD);
		x->first[i] = (u32)k->ring.head;
		kit_write(k);
		x->last[i] = k->log.last;
	}
	x->n = i;
	x->first[i] = (u32)k->ring.head;
	kit_clean(test, k);
}

/* Byte @at of the ring is another. */
static void changed(struct kunit *test, struct kit *k, const struct extent *x,
		    u32 at)
{
	u32 sector = at / RECORD_SECTOR, g = 0;
	bool end;

	while (sector >= x->first[g + 1])
		g++;
	end = g + 1 == x->n;
	KUNIT_EXPECT_EQ_MSG(test, kit_replay(k),
			    end ? RECORD_DOUBT : RECORD_CORRUPT,
			    "byte %u", at);
	KUNIT_EXPECT_EQ_MSG(test, k->replay.bad, sector, "byte %u", at);
	KUNIT_EXPECT_EQ_MSG(test, k->found.last, g ? x->last[g - 1] : 0,
			    "byte %u", at);
	KUNIT_ASSERT_TRUE(test, !k->bad_call);
	if (end)
		KUNIT_ASSERT_TRUE(test, kit_same_hard(k->replay.hard, k->hard));
}

static void each_byte(struct kunit *test, u32 last, bool hard)
{
	struct kit *k = kit_new(test);
	u64 random = 3;
	struct extent x;
	u32 at;
	u8 was;

	several(test, k, &x, last, hard);
	for (at = 0; at < x.first[x.n] * RECORD_SECTOR && !kit_failed(test);
	     at++) {
		was = k->image[at];
		k->image[at] ^= 1 << kit_below(&random, 8);
		changed(test, k, &x, at);
		k->image[at] = was;
	}
}

static void each_byte_is_missed_with_a_vote_at_the_end(struct kunit *test)
{
	each_byte(test, 2, true);
}

static void each_byte_is_missed_with_one_sector_at_the_end(struct kunit *test)
{
	each_byte(test, 1, false);
}

/* A sector lost in whole (zeros, or as it was a lap ago) before the last group. */
static void each_lost_sector_is_missed(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u8 *was = kit_memory(test, RECORD_SECTOR);
	struct extent x;
	u32 i;

	several(test, k, &x, 3, true);
	for (i = 0; i < x.first[x.n - 1]; i++) {
		memcpy(was, kit_at(k, i), RECORD_SECTOR);
		memset(kit_at(k, i), 0, RECORD_SECTOR);
		KUNIT_EXPECT_EQ(test, kit_replay(k), RECORD_CORRUPT);
		KUNIT_EXPECT_EQ(test, k->replay.bad, i);
		memcpy(kit_at(k, i), was, RECORD_SECTOR);
	}
}

/* Damage where nothing is written yet: no harm, but for the very next place. */
static void damage_of_free_sectors_is_harmless(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u32 i;

	begin(test, k);
	for (i = 0; i < 200; i++) {
		kit_at(k, k->ring.head + i)[i] ^= 1;
		KUNIT_EXPECT_EQ(test, kit_replay(k),
				i ? RECORD_CLEAN : RECORD_DOUBT);
		KUNIT_EXPECT_TRUE(test, kit_same(&k->found, &k->durable));
		kit_at(k, k->ring.head + i)[i] ^= 1;
	}
}

/* A large part of the ring is gone; what is behind it tells. */
static void hole_is_missed(struct kunit *test)
{
	struct kit *k = kit_new(test);

	while (k->ring.head < KIT_SECTORS - 10) {
		kit_entry(k, 1, 10);
		kit_write(k);
	}
	memset(kit_at(k, 20), 0, (KIT_SECTORS - 40) * RECORD_SECTOR);
	KUNIT_EXPECT_EQ(test, kit_replay(k), RECORD_CORRUPT);
	KUNIT_EXPECT_EQ(test, k->replay.bad, 20);
}

static struct kunit_case record_verdict_cases[] = {
	KUNIT_CASE(each_picture_has_its_verdict),
	KUNIT_CASE(last_free_sector_hides_no_vote),
	KUNIT_CASE(superblock_knows_what_was_durable),
	KUNIT_CASE(superblocks_vote_is_a_floor),
	KUNIT_CASE(each_byte_is_missed_with_a_vote_at_the_end),
	KUNIT_CASE(each_byte_is_missed_with_one_sector_at_the_end),
	KUNIT_CASE(each_lost_sector_is_missed),
	KUNIT_CASE(damage_of_free_sectors_is_harmless),
	KUNIT_CASE(hole_is_missed),
	{}
};

static struct kunit_suite record_verdict_suite = {
	.name = "record_verdict",
	.test_cases = record_verdict_cases,
};

kunit_test_suite(record_verdict_suite);
