// SPDX-License-Identifier: GPL-2.0
/*
 * Pitfall 10: the sectors of the last group reached the medium in any order, or
 * did not. Every subset of them, wherever the group lies: the log is what it was
 * before or what it is after, nothing in between, never in doubt, and what is
 * written then is found. The same for the group that is written behind one that
 * was cut, whose sectors are still around.
 */
#include "record_case.h"

enum where {
	FRESH,		/* zeros behind it */
	AGAIN,		/* an earlier lap's sectors behind it */
	OVER_THE_END,	/* partly at the ring's end, partly at its beginning */
	PLACES,
};

enum { SECTORS = 8 };	/* of a torn group, at most */

/**
 * struct torn - a storage with a group under way
 * @k: the storage
 * @at: as it was before that group; its ring is that of @k
 * @was: what lay in the group's places
 */
struct torn {
	struct kit *k;
	struct kit at;
	u8 was[SECTORS * RECORD_SECTOR];
};

static struct torn *torn(struct kunit *test)
{
	struct torn *t = kit_memory(test, sizeof(*t));

	t->k = kit_new(test);
	return t;
}

/* A storage whose next group begins at such a place. */
static void settle(struct kunit *test, struct kit *k, enum where where)
{
	u64 head[PLACES] = {
		[FRESH] = 9,
		[AGAIN] = KIT_SECTORS + 77,
		[OVER_THE_END] = 2 * KIT_SECTORS - 1,
	};

	kit_init(k);
	kit_vote(k, 2, 7);
	kit_entry(k, 2, 100);
	kit_write(k);
	while (k->ring.head < head[where]) {
		kit_entry(k, 2, (u16)((u32)k->ring.head % 300));
		kit_write(k);
		KUNIT_ASSERT_EQ(test, k->n, 1);
		if (record_ring_free(&k->ring) < KIT_SECTORS / 2)
			kit_compact(k, k->log.last);
	}
	kit_clean(test, k);
}

/* Stage and seal a group of @n sectors, of which some may be cover. */
static void stage(struct kunit *test, struct kit *k, u32 n, bool hard)
{
	if (hard)
		kit_vote(k, k->g.hard.term + 1, k->ring.group);
	kit_entry(k, k->g.hard.term, 10);
	while (RECORD_GROUP_HEAD + k->staged <= (n - 1) * RECORD_PAYLOAD)
		kit_entry(k, k->g.hard.term, 200);
	kit_seal(k);
	KUNIT_ASSERT_EQ(test, k->n, max(n, k->ring.cover));
	KUNIT_ASSERT_LE(test, k->n, SECTORS);
}

static void keep(struct torn *t)
{
	u32 i;

	t->at = *t->k;
	for (i = 0; i < SECTORS; i++)
		memcpy(t->was + i * RECORD_SECTOR,
		       kit_at(t->k, t->k->ring.head + i), RECORD_SECTOR);
}

static void put_back(struct torn *t)
{
	u32 i;

	*t->k = t->at;
	for (i = 0; i < SECTORS; i++)
		memcpy(kit_at(t->k, t->k->ring.head + i), t->was + i * RECORD_SECTOR,
		       RECORD_SECTOR);
}

/* Those of @subset reach the medium, and no others. True: all of them. */
static bool place(struct kit *k, u32 subset)
{
	u32 i;

	for (i = 0; i < k->n; i++)
		if (subset & BIT(i))
			kit_place(k, i);
	return subset + 1 == BIT(k->n);
}

/* A start: all of the group, or nothing. Then the writer stands where it found. */
static void found(struct kunit *test, struct kit *k, bool whole)
{
	if (whole)
		kit_done(k);
	kit_clean(test, k);
	KUNIT_ASSERT_GE(test, k->replay.ring.group, k->ring.group);
	if (whole)
		KUNIT_ASSERT_EQ(test, k->replay.ring.cover, 0);
	kit_start(k);
}

/* Two more groups behind what was found are found, too. */
static void goes_on(struct kunit *test, struct kit *k, bool hard)
{
	stage(test, k, 1 + hard, hard);
	kit_write(k);
	kit_clean(test, k);
	stage(test, k, 1, false);
	kit_write(k);
	kit_clean(test, k);
}

static void every_subset(struct kunit *test, struct torn *t, u32 n, bool hard)
{
	struct kit *k = t->k;
	u32 subset;

	for (subset = 0; subset < BIT(n); subset++) {
		put_back(t);
		stage(test, k, n, hard);
		found(test, k, place(k, subset));
		goes_on(test, k, subset & 1);
	}
}

static void every_subset_of_a_group(struct kunit *test)
{
	static const u32 sizes[] = { 1, 2, 3, 5 };
	struct torn *t = torn(test);
	enum where where;
	u32 i;

	for (where = 0; where < PLACES; where++) {
		settle(test, t->k, where);
		keep(t);
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			every_subset(test, t, sizes[i], false);
			if (sizes[i] > 1)
				every_subset(test, t, sizes[i], true);
		}
	}
}

/*
 * @first sectors, of which those of @subset are there, are cut; then a group of
 * @second, every subset of it.
 */
static void behind_a_cut(struct kunit *test, struct torn *t, u32 first,
			 u32 subset, u32 second)
{
	struct kit *k = t->k;
	u32 again, n;

	for (again = 0, n = 1; again < BIT(n); again++) {
		put_back(t);
		stage(test, k, first, first > 1);
		found(test, k, place(k, subset));
		stage(test, k, second, second > 1);
		n = k->n;
		found(test, k, place(k, again));
		goes_on(test, k, again & 1);
	}
}

static void every_subset_behind_a_cut(struct kunit *test)
{
	struct torn *t = torn(test);
	u32 first, subset, second;
	enum where where;

	for (where = 0; where < PLACES; where++) {
		settle(test, t->k, where);
		keep(t);
		for (first = 2; first < 4; first++)
			for (subset = 0; subset + 1 < BIT(first); subset++)
				for (second = 1; second < 4; second++)
					behind_a_cut(test, t, first, subset,
						     second);
	}
	/* The longest rest, its last sector alone. */
	behind_a_cut(test, t, 5, BIT(4), 1);
	behind_a_cut(test, t, 5, BIT(4) | BIT(1), 2);
}

/* Torn, cut, torn, cut, ... at one place: at random, as often as it likes. */
static void cut_again_and_again(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u64 random = 7;
	bool whole;
	u32 i;

	settle(test, k, OVER_THE_END);
	for (i = 0; i < 400; i++) {
		u32 n = 1 + kit_below(&random, 5);

		stage(test, k, n, n > 1 && kit_below(&random, 2));
		whole = !kit_below(&random, 6);
		found(test, k, place(k, whole ? (u32)BIT(k->n) - 1 :
				     kit_below(&random, (u32)BIT(k->n) - 1)));
		if (whole && kit_below(&random, 2))
			kit_compact(k, k->log.last);
	}
}

/* A group that is cut was told to nobody, and neither was its vote. */
static void torn_vote_is_not_kept(struct kunit *test)
{
	struct kit *k = kit_new(test);

	settle(test, k, FRESH);
	stage(test, k, 2, true);
	kit_place(k, 1);
	KUNIT_EXPECT_EQ(test, kit_replay(k), RECORD_CLEAN);
	KUNIT_EXPECT_EQ(test, k->replay.hard.term, 2);
	KUNIT_EXPECT_EQ(test, k->replay.ring.cover, 2);
	KUNIT_EXPECT_EQ(test, k->replay.ring.group, k->ring.group + 1);
}

/*
 * Votes differ in one term: of a group that was cut, and of the one behind it,
 * which was durable and then lost its first sectors. The second one is found.
 */
static void cut_vote_never_stands_for_a_lost_one(struct kunit *test)
{
	struct kit *k = kit_new(test);
	struct raft_hard given;

	settle(test, k, AGAIN);
	kit_vote(k, 9, 1);
	stage(test, k, 5, false);
	kit_place(k, 4);
	found(test, k, false);
	kit_vote(k, 9, 2);
	given = k->g.hard;
	stage(test, k, 2, false);
	kit_write(k);
	kit_at(k, k->ring.head - 5)[80] ^= 1;
	kit_at(k, k->ring.head - 4)[80] ^= 1;
	KUNIT_EXPECT_EQ(test, kit_replay(k), RECORD_DOUBT);
	KUNIT_EXPECT_TRUE(test, kit_same_hard(k->replay.hard, given));
}

static struct kunit_case record_torn_cases[] = {
	KUNIT_CASE(every_subset_of_a_group),
	KUNIT_CASE(every_subset_behind_a_cut),
	KUNIT_CASE(cut_again_and_again),
	KUNIT_CASE(torn_vote_is_not_kept),
	KUNIT_CASE(cut_vote_never_stands_for_a_lost_one),
	{}
};

static struct kunit_suite record_torn_suite = {
	.name = "record_torn",
	.test_cases = record_torn_cases,
};

kunit_test_suite(record_torn_suite);
