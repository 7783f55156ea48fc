// SPDX-License-Identifier: GPL-2.0
/*
 * What is whole and makes no sense is refused, and what is another's is no part
 * of a ring.
 */
#include "record_case.h"

/* A group that is whole and malformed: CORRUPT, and nothing of it is told. */
static void refused(struct kunit *test, struct kit *k, const char *what)
{
	u64 before = k->durable.last;

	kit_write(k);
	KUNIT_EXPECT_EQ_MSG(test, kit_replay(k), RECORD_CORRUPT, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, k->found.last, before, "%s", what);
	KUNIT_EXPECT_EQ_MSG(test, k->replay.bad, 2, "%s", what);
	kit_init(k);
	/* One good group first: two sectors. */
	kit_vote(k, 5, 1);
	kit_entry(k, 5, 8);
	kit_entry(k, 5, 8);
	k->g.commit = 1;
	kit_write(k);
}

static void refuses_what_makes_no_sense(struct kunit *test)
{
	struct kit *k = kit_new(test);

	kit_vote(k, 5, 1);
	kit_entry(k, 5, 8);
	kit_entry(k, 5, 8);
	k->g.commit = 1;
	kit_write(k);

	k->staged = record_put_cut(k->records, 0, 4, 5);
	k->g.last = 3;
	refused(test, k, "cut beyond the end");
	k->staged = record_put_cut(k->records, 0, 3, 4);
	refused(test, k, "cut behind an entry of another term");
	k->staged = record_put_cut(k->records, 0, 1, 0);
	k->g.last = 0;
	k->g.commit = 0;
	refused(test, k, "cut of what is committed");
	kit_entry(k, 4, 8);
	refused(test, k, "term goes back");
	kit_entry(k, 5, 8);
	k->records[0] = 6;
	refused(test, k, "entry of a later term than the node's");
	kit_entry(k, 5, 8);
	k->g.last++;
	refused(test, k, "ends elsewhere than it says");
	kit_entry(k, 5, 8);
	k->g.commit = 4;
	refused(test, k, "commit beyond the end");
	kit_entry(k, 5, 7);
	k->records[k->staged - 1] = 1;
	refused(test, k, "dirt behind an entry");
	kit_entry(k, 5, 8);
	k->staged -= 8;
	refused(test, k, "entry cut short");
	kit_entry(k, 5, 8);
	k->records[18] = RAFT_COMMAND + 1;
	refused(test, k, "entry of an unknown kind");
	kit_entry(k, 5, 8);
	k->records[19] = 3;
	refused(test, k, "unknown record");
	kit_entry(k, 5, 8);
	k->g.hard.term = 4;
	refused(test, k, "entry of a later term");
	kit_vote(k, 5, 2);
	refused(test, k, "second vote in a term");
	kit_vote(k, 5, 0);
	refused(test, k, "vote taken back");
	k->ring.cluster.lo++;
	kit_entry(k, 5, 8);
	refused(test, k, "another cluster's");
	k->ring.last = 1;
	kit_entry(k, 5, 8);
	refused(test, k, "begins elsewhere than the log ended");
	k->ring.last_term = 4;
	kit_entry(k, 5, 8);
	refused(test, k, "follows an entry of another term");
}

static void term_never_goes_back(struct kunit *test)
{
	struct kit *k = kit_new(test);

	kit_vote(k, 7, 1);
	kit_write(k);
	kit_clean(test, k);
	k->g.hard.term = 6;
	kit_write(k);
	KUNIT_EXPECT_EQ(test, kit_replay(k), RECORD_CORRUPT);
	KUNIT_EXPECT_EQ(test, k->replay.bad, 2);
	KUNIT_EXPECT_EQ(test, k->replay.hard.term, 7);
}

/* A sector of another storage, or written elsewhere, is no sector of this. */
static void foreign_sectors_do_not_count(struct kunit *test)
{
	struct kit *k = kit_new(test);

	kit_entry(k, 1, 8);
	kit_write(k);
	k->ring.node.lo++;
	kit_entry(k, 1, 8);
	kit_write(k);
	k->ring.node.lo--;
	KUNIT_EXPECT_EQ(test, kit_replay(k), RECORD_DOUBT);
	KUNIT_EXPECT_EQ(test, k->replay.last, 1);
	KUNIT_EXPECT_EQ(test, k->replay.bad, 1);

	kit_start(k);
	kit_entry(k, 1, 8);
	kit_write(k);
	finds_all(test, k);
	/* What belongs at 2 is at 3. */
	kit_entry(k, 1, 8);
	kit_seal(k);
	memcpy(kit_at(k, 3), k->sectors, RECORD_SECTOR);
	KUNIT_EXPECT_EQ(test, kit_replay(k), RECORD_CLEAN);
	KUNIT_EXPECT_EQ(test, k->replay.last, 2);
	memcpy(kit_at(k, 1), k->sectors, RECORD_SECTOR);
	KUNIT_EXPECT_EQ(test, kit_replay(k), RECORD_DOUBT);
	KUNIT_EXPECT_EQ(test, k->replay.last, 1);
}

static struct kunit_case record_gate_cases[] = {
	KUNIT_CASE(refuses_what_makes_no_sense),
	KUNIT_CASE(term_never_goes_back),
	KUNIT_CASE(foreign_sectors_do_not_count),
	{}
};

static struct kunit_suite record_gate_suite = {
	.name = "record_gate",
	.test_cases = record_gate_cases,
};

kunit_test_suite(record_gate_suite);
