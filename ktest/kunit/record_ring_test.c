// SPDX-License-Identifier: GPL-2.0
/*
 * The ring: what is written is what is found, over many laps, from every place
 * where reading may begin.
 */
#include "record_case.h"

static void crc_is_castagnoli(struct kunit *test)
{
	u8 digits[] = "123456789";

	KUNIT_EXPECT_EQ(test, record_crc32c(~0U, digits, 9), ~0xe3069283U);
	KUNIT_EXPECT_EQ(test, record_crc32c(record_crc32c(~0U, digits, 4),
					    digits + 4, 5), ~0xe3069283U);
}

/* Where the fields of a sector, a group and its records lie is for ever. */
static void format_is_the_same_for_ever(struct kunit *test)
{
	struct kit *k = kit_new(test);
	const u8 *p = k->image;

	kit_vote(k, 3, 0x99);
	kit_entry(k, 3, 5);
	kit_cut(k, 1);
	kit_entry(k, 2, 9);
	k->g.commit = 1;
	kit_write(k);
	KUNIT_ASSERT_EQ(test, k->n, 2);
	/* Sector 0 of 2, group 1 behind none, at 0, term 3, vote. */
	KUNIT_EXPECT_EQ(test, memcmp(p + 4, "\0\0\2\0\1\0\0\0\0\0\0\0", 12), 0);
	KUNIT_EXPECT_EQ(test, p[32], 3);
	KUNIT_EXPECT_EQ(test, p[40], 0x99);
	/* Cluster, before (none), commit, last, bytes, version, flags. */
	KUNIT_EXPECT_EQ(test, p[56], 0xc1);
	KUNIT_EXPECT_EQ(test, p[88], 1);
	KUNIT_EXPECT_EQ(test, p[96], 1);
	KUNIT_EXPECT_EQ(test, memcmp(p + 104, "\x60\0\0\0\1\0\1\0", 8), 0);
	/* An entry of 5 bytes, a cut at 1, an entry of 9 bytes. */
	KUNIT_EXPECT_EQ(test, memcmp(p + 112 + 16, "\5\0\3\2\0\0\0\0", 8), 0);
	KUNIT_EXPECT_EQ(test, memcmp(p + 144 + 8, "\1\0\0\0", 4), 0);
	KUNIT_EXPECT_EQ(test, memcmp(p + 144 + 16, "\0\0\0\1\0\0\0\0", 8), 0);
	KUNIT_EXPECT_EQ(test, memcmp(p + 168 + 16, "\x09\0\3\2", 4), 0);
	KUNIT_EXPECT_EQ(test, record_crc32c(~0U, p, 2 * RECORD_SECTOR),
			0x4cd60c05U);
	kit_clean(test, k);
}

static void empty_ring_is_clean(struct kunit *test)
{
	struct kit *k = kit_new(test);

	finds_all(test, k);
	KUNIT_EXPECT_EQ(test, k->replay.groups, 0);
	KUNIT_EXPECT_EQ(test, record_ring_free(&k->ring), KIT_SECTORS);
}

static void entries_of_every_length_come_back(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u16 len;

	for (len = 0; len <= RAFT_ENTRY_MAX; len++) {
		kit_entry(k, 1 + len / 100, len);
		if (len % 7 == 0)
			kit_write(k);
	}
	kit_write(k);
	finds_all(test, k);
}

static void groups_of_every_size_come_back(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u32 n;

	/* Each one sector more than the one before; snapshots make room. */
	for (n = 1; n < RECORD_GROUP_SECTORS; n++) {
		while (RECORD_GROUP_HEAD + k->staged + RECORD_STEP <=
		       (n - 1) * RECORD_PAYLOAD)
			kit_entry(k, 1, 0);
		if (RECORD_GROUP_HEAD + k->staged <= (n - 1) * RECORD_PAYLOAD)
			kit_entry(k, 1, 8);
		kit_write(k);
		KUNIT_ASSERT_EQ(test, k->n, n);
		kit_compact(k, k->log.last);
		finds_all(test, k);
	}
}

static void largest_group_fits(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u32 left;

	while (k->staged + record_entry_bytes(RAFT_ENTRY_MAX) <=
	       RECORD_GROUP_BYTES)
		kit_entry(k, 1, RAFT_ENTRY_MAX);
	left = RECORD_GROUP_BYTES - k->staged;
	kit_entry(k, 1, (u16)(left - RECORD_STEP));
	KUNIT_ASSERT_EQ(test, k->staged, RECORD_GROUP_BYTES);
	kit_write(k);
	KUNIT_EXPECT_LE(test, k->n, RECORD_GROUP_SECTORS);
	finds_all(test, k);
}

static void full_ring_is_clean(struct kunit *test)
{
	struct kit *k = kit_new(test);

	while (record_ring_free(&k->ring)) {
		kit_entry(k, 1, 0);
		kit_write(k);
	}
	finds_all(test, k);
}

/* Pitfall 16 and 17, on the medium: a cut, and what replaces it. */
static void cut_replaces_the_end(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u32 i;

	for (i = 0; i < 10; i++) {
		kit_entry(k, 1, 20);
		kit_write(k);
	}
	kit_cut(k, 5);
	kit_entry(k, 2, 30);
	kit_entry(k, 2, 40);
	kit_write(k);
	finds_all(test, k);
	KUNIT_EXPECT_EQ(test, k->replay.last, 6);
	/* Twice in one group, and nothing behind the second. */
	kit_entry(k, 2, 1);
	kit_cut(k, 6);
	kit_entry(k, 3, 2);
	kit_cut(k, 6);
	kit_write(k);
	finds_all(test, k);
	KUNIT_EXPECT_EQ(test, k->replay.last, 5);
	kit_cut(k, 1);
	kit_write(k);
	finds_all(test, k);
	KUNIT_EXPECT_EQ(test, k->replay.last, 0);
}

/* Pitfall 2: term and vote are one step, and the last one counts. */
static void term_and_vote_come_back_together(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u64 term;

	for (term = 2; term < 40; term++) {
		kit_vote(k, term, term & 1 ? term : 0);
		if (!(term % 5))
			kit_entry(k, term, 9);
		kit_write(k);
		KUNIT_ASSERT_GE(test, k->n, 2);
		finds_all(test, k);
	}
}

static void commit_is_the_highest(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u32 i;

	for (i = 1; i <= 20; i++) {
		kit_entry(k, 1, 5);
		k->g.commit = i / 2;
		kit_write(k);
	}
	finds_all(test, k);
	KUNIT_EXPECT_EQ(test, k->replay.commit, 10);
	kit_compact(k, 15);
	finds_all(test, k);
	KUNIT_EXPECT_EQ(test, k->replay.commit, 15);
}

static void marks_are_sound(struct kunit *test, const struct kit *k)
{
	const struct record_ring *r = &k->ring;
	u32 i;

	KUNIT_ASSERT_GE(test, r->n_marks, 1);
	KUNIT_ASSERT_LE(test, r->n_marks, RECORD_MARKS);
	KUNIT_ASSERT_EQ(test, r->mark[0].position, r->tail);
	for (i = 1; i < r->n_marks; i++) {
		KUNIT_ASSERT_GE(test, r->mark[i].position -
				r->mark[i - 1].position, r->every);
		KUNIT_ASSERT_GT(test, r->mark[i].group, r->mark[i - 1].group);
	}
	KUNIT_ASSERT_LE(test, r->mark[i - 1].position, r->head);
	KUNIT_ASSERT_LT(test, r->head - r->mark[i - 1].position,
			r->every + RECORD_GROUP_SECTORS);
}

/* From every mark on, with a snapshot there, the same log is found. */
static void every_mark_will_do(struct kunit *test, struct kit *k)
{
	struct record_base base = k->super.base;
	struct kit_log *durable;
	u64 index;
	u32 i;

	durable = kit_memory(test, sizeof(*durable));
	*durable = k->durable;
	for (i = 0; i < k->ring.n_marks; i++) {
		index = max(k->ring.mark[i].before, base.index);
		if (index == base.index)
			continue;
		k->super.base = kit_base(index, kit_term(&k->log, index),
					 k->ring.mark[i]);
		durable->first = index + 1;
		KUNIT_ASSERT_EQ(test, kit_replay(k), RECORD_CLEAN);
		KUNIT_ASSERT_TRUE(test, kit_same(&k->found, durable));
		KUNIT_ASSERT_EQ(test, k->replay.ring.head, k->ring.head);
	}
	k->super.base = base;
}

/* 10 laps of groups of many sizes; room comes from snapshots alone. */
static void laps_lose_nothing(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u64 random = 42, lap = 1;
	u32 n;

	while (k->ring.head < 10 * KIT_SECTORS) {
		for (n = kit_below(&random, 30); n; n--)
			kit_entry(k, lap, (u16)kit_below(&random, 600));
		kit_write(k);
		if (record_ring_free(&k->ring) < KIT_SECTORS / 3)
			kit_compact(k, k->log.last - kit_below(&random, 50));
		if (k->ring.head / KIT_SECTORS < lap)
			continue;
		lap++;
		marks_are_sound(test, k);
		finds_all(test, k);
		every_mark_will_do(test, k);
	}
}

/* Pitfall 12: no gap between a leader's snapshot and what follows it. */
static void leaders_snapshot_begins_anew(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u32 i;

	for (i = 0; i < 5; i++)
		kit_entry(k, 1, 10);
	kit_write(k);
	kit_install(k, 1000, 3);
	/* Switched, nothing written behind it yet. */
	finds_all(test, k);
	KUNIT_EXPECT_EQ(test, k->replay.last, 1000);
	KUNIT_EXPECT_EQ(test, k->replay.commit, 1000);
	kit_vote(k, 4, 0);
	kit_cut(k, 1001);
	kit_write(k);
	finds_all(test, k);
	kit_entry(k, 4, 10);
	kit_write(k);
	finds_all(test, k);
	KUNIT_EXPECT_EQ(test, k->replay.last, 1001);
	kit_compact(k, 1001);
	finds_all(test, k);
}

/* A start that found nothing but the snapshot writes on behind that. */
static void start_behind_a_snapshot_alone(struct kunit *test)
{
	struct kit *k = kit_new(test);

	kit_entry(k, 1, 10);
	kit_write(k);
	kit_install(k, 1000, 3);
	kit_replay(k);
	kit_start(k);
	kit_entry(k, 5, 10);
	kit_write(k);
	finds_all(test, k);
	KUNIT_EXPECT_EQ(test, k->replay.last, 1001);
}

/* A state may be applied, and stored, before its own log is durable. */
static void snapshot_ahead_of_the_ring(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u32 i;

	for (i = 0; i < 3; i++)
		kit_entry(k, 1, 10);
	kit_write(k);
	for (i = 0; i < 2; i++)
		kit_entry(k, 1, 10);
	kit_compact(k, 5);
	k->durable = k->log;
	/* Entries 4 and 5 never reached the ring. */
	finds_all(test, k);
	KUNIT_EXPECT_EQ(test, k->replay.last, 5);
	kit_start(k);
	for (i = 0; i < 3; i++) {
		kit_entry(k, 1, 10);
		kit_write(k);
		finds_all(test, k);
	}
	kit_compact(k, 7);
	finds_all(test, k);
	KUNIT_EXPECT_EQ(test, k->replay.last, 8);
}

/*
 * The log held other entries once than the snapshot includes. They are in the
 * ring, behind the mark; what came behind them does not follow the snapshot
 * (figure 13, step 6), even where it has a later term.
 */
static void entries_beside_the_snapshot_do_not_count(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u64 i;

	for (i = 1; i <= 12; i++)
		kit_entry(k, i < 10 ? 1 : 8, 10);
	kit_write(k);
	/* The snapshot says that entry 10 has term 7. */
	k->super.base = kit_base(10, 7, k->ring.mark[0]);
	KUNIT_ASSERT_EQ(test, kit_replay(k), RECORD_CLEAN);
	KUNIT_EXPECT_EQ(test, k->replay.last, 10);
	KUNIT_EXPECT_EQ(test, k->found.last, 10);
	KUNIT_EXPECT_EQ(test, k->replay.ring.last, 10);
	KUNIT_EXPECT_EQ(test, k->replay.ring.last_term, 7);
	/* Written on behind it, and found. */
	kit_start(k);
	kit_entry(k, 9, 10);
	kit_write(k);
	finds_all(test, k);
	KUNIT_EXPECT_EQ(test, k->replay.last, 11);
	/* And from a mark before all of it. */
	kit_compact(k, 11);
	finds_all(test, k);
}

/* What is committed beside the snapshot cannot be. */
static void commit_beside_the_snapshot_does_not_count(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u64 i;

	for (i = 1; i <= 12; i++)
		kit_entry(k, 1, 10);
	k->g.commit = 12;
	kit_write(k);
	k->super.base = kit_base(10, 7, k->ring.mark[0]);
	KUNIT_EXPECT_EQ(test, kit_replay(k), RECORD_CLEAN);
	KUNIT_EXPECT_EQ(test, k->replay.commit, 10);
}

/* The same, and the right entries came later. */
static void right_entries_come_later(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u64 i;

	for (i = 1; i <= 12; i++)
		kit_entry(k, i < 10 ? 1 : 8, 10);
	kit_write(k);
	kit_vote(k, 9, 1);
	kit_cut(k, 9);
	for (i = 9; i <= 14; i++)
		kit_entry(k, 9, 10);
	kit_write(k);
	for (i = 8; i <= 14; i++) {
		k->super.base = kit_base(i, kit_term(&k->log, i),
					 k->ring.mark[0]);
		k->durable.first = i + 1;
		finds_all(test, k);
		KUNIT_EXPECT_EQ(test, k->replay.last, 14);
	}
}

/* ------------------------------------------------------------------- random */

/* One step of a life. */
static void live(struct kunit *test, struct kit *k, u64 *random)
{
	u64 last = k->log.last, term = k->g.hard.term;
	u32 n;

	switch (kit_below(random, 12)) {
	case 0:
		kit_vote(k, term + 1, kit_below(random, 3));
		break;
	case 1:
		/* Never what is committed. */
		if (last > k->g.commit)
			kit_cut(k, k->g.commit + 1 +
				kit_below(random, (u32)(last - k->g.commit)));
		break;
	case 2:
		k->g.commit = max(k->g.commit,
				  last - kit_below(random, 1 + (u32)(last - k->g.commit)));
		break;
	case 3:
		if (k->durable.last >= k->g.commit &&
		    k->g.commit > k->super.base.index)
			kit_compact(k, k->g.commit);
		break;
	case 4:
		if (kit_below(random, 8))
			break;
		kit_write(k);
		kit_install(k, k->log.last + 1 + kit_below(random, 5), term);
		kit_cut(k, k->log.last + 1);
		k->g.commit = k->log.last;
		k->g.last = k->log.last;
		break;
	case 5:
		kit_write(k);
		finds_all(test, k);
		kit_start(k);
		break;
	default:
		for (n = kit_below(random, 8); n; n--)
			kit_entry(k, term, (u16)kit_below(random, 300));
		if (kit_below(random, 2))
			kit_write(k);
	}
	while (record_ring_free(&k->ring) < KIT_SECTORS / 2 && !k->staged) {
		k->g.commit = k->log.last;
		if (k->log.last == k->super.base.index)
			break;
		kit_compact(k, k->log.last);
	}
}

static void any_life_is_found_again(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u64 random, seed;
	u32 i;

	for (seed = 1; seed <= 20; seed++) {
		kit_init(k);
		random = seed;
		for (i = 0; i < 400; i++)
			live(test, k, &random);
		kit_write(k);
		finds_all(test, k);
		marks_are_sound(test, k);
	}
}

static void failed_read_ends_it(struct kunit *test)
{
	struct kit *k = kit_new(test);
	u32 i, reads;

	for (i = 0; i < 1500; i++) {
		kit_entry(k, 1, 0);
		kit_write(k);
	}
	finds_all(test, k);
	reads = k->reads;
	KUNIT_ASSERT_GE(test, reads, 3);
	for (i = 1; i <= reads; i++) {
		k->fail_read = i;
		KUNIT_EXPECT_EQ(test, kit_replay(k), RECORD_UNREADABLE);
		KUNIT_EXPECT_EQ(test, k->replay.err, -EIO);
	}
}

static struct kunit_case record_ring_cases[] = {
	KUNIT_CASE(crc_is_castagnoli),
	KUNIT_CASE(format_is_the_same_for_ever),
	KUNIT_CASE(empty_ring_is_clean),
	KUNIT_CASE(entries_of_every_length_come_back),
	KUNIT_CASE(groups_of_every_size_come_back),
	KUNIT_CASE(largest_group_fits),
	KUNIT_CASE(full_ring_is_clean),
	KUNIT_CASE(cut_replaces_the_end),
	KUNIT_CASE(term_and_vote_come_back_together),
	KUNIT_CASE(commit_is_the_highest),
	KUNIT_CASE(laps_lose_nothing),
	KUNIT_CASE(leaders_snapshot_begins_anew),
	KUNIT_CASE(start_behind_a_snapshot_alone),
	KUNIT_CASE(snapshot_ahead_of_the_ring),
	KUNIT_CASE(entries_beside_the_snapshot_do_not_count),
	KUNIT_CASE(commit_beside_the_snapshot_does_not_count),
	KUNIT_CASE(right_entries_come_later),
	KUNIT_CASE(any_life_is_found_again),
	KUNIT_CASE(failed_read_ends_it),
	{}
};

static struct kunit_suite record_ring_suite = {
	.name = "record_ring",
	.test_cases = record_ring_cases,
};

kunit_test_suite(record_ring_suite);
