// SPDX-License-Identifier: GPL-2.0
/*
 * raft_notify(): a node whose lock was granted by another's entry learns of that
 * commit at once. It is called from within a ready, when the leader applies the
 * entry. Time stands still unless a case lets it go on.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include "raft_bench.h"

#define CASE(f, text) { .run_case = f, .name = text }

static u64 entry_for(struct bench *b, struct raft_id origin)
{
	u64 index = 0;

	KUNIT_ASSERT_EQ(b->test, raft_propose(b->node[0].r, b->now,
					      RAFT_COMMAND, "x", 1, origin,
					      &index), 0);
	return index;
}

static void notified_learns_at_once(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	u64 index, said = b->said;

	index = entry_for(b, RAFT_NOBODY);
	b->notify = BIT(2);
	bench_drain(b, 0);
	bench_settle(b);
	KUNIT_EXPECT_EQ(test, b->node[2].applied, index);
	KUNIT_EXPECT_LT(test, b->node[1].applied, index);
	/* as for an origin: two appends, two acks, the news and its ack */
	KUNIT_EXPECT_EQ(test, b->said - said, 6);
}

static void what_it_knows_costs_nothing(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	u64 index, said = b->said;

	/* It waits for the entry itself, too: told once. */
	index = entry_for(b, id_of(2));
	b->notify = BIT(2);
	bench_drain(b, 0);
	bench_settle(b);
	KUNIT_EXPECT_EQ(test, b->node[2].applied, index);
	KUNIT_EXPECT_EQ(test, b->said - said, 6);
	/* It knows all that there is. */
	said = b->said;
	raft_notify(b->node[0].r, b->now, id_of(2));
	KUNIT_EXPECT_TRUE(test, !raft_ready(b->node[0].r, b->now));
	bench_drain(b, 0);
	KUNIT_EXPECT_EQ(test, b->said, said);
	/* The other one does not. */
	raft_notify(b->node[0].r, b->now, id_of(1));
	raft_notify(b->node[0].r, b->now, id_of(1));
	bench_drain(b, 0);
	bench_settle(b);
	KUNIT_EXPECT_EQ(test, b->node[1].applied, index);
	KUNIT_EXPECT_EQ(test, b->said - said, 2);
}

static void a_batch_is_one_message_a_peer(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 5);
	u64 index = 0, said = b->said;
	unsigned int i;

	for (i = 0; i < 30; i++)
		index = entry_for(b, RAFT_NOBODY);
	b->notify = BIT(1) | BIT(2) | BIT(3) | BIT(4);
	bench_drain(b, 0);
	bench_settle(b);
	for (i = 1; i < 5; i++)
		KUNIT_EXPECT_EQ(test, b->node[i].applied, index);
	KUNIT_EXPECT_EQ(test, b->said - said, 16);
}

static void nobody_else_is_bothered(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	u64 said;

	entry_for(b, RAFT_NOBODY);
	bench_drain(b, 0);
	bench_settle(b);
	said = b->said;
	/* itself, a stranger, nobody; and one that does not lead */
	raft_notify(b->node[0].r, b->now, id_of(0));
	raft_notify(b->node[0].r, b->now, id_of(6));
	raft_notify(b->node[0].r, b->now, RAFT_NOBODY);
	raft_notify(b->node[1].r, b->now, id_of(2));
	bench_drain(b, 0);
	bench_drain(b, 1);
	KUNIT_EXPECT_EQ(test, b->said, said);
	raft_fail(b->node[0].r, "for the sake of it");
	raft_notify(b->node[0].r, b->now, id_of(1));
	bench_drain(b, 0);
	KUNIT_EXPECT_EQ(test, b->said, said);
}

static void a_lost_one_is_made_good(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	u64 index;

	bench_wait(b, 100 * MS, true);
	index = entry_for(b, RAFT_NOBODY);
	bench_drain(b, 0);
	bench_settle(b);
	KUNIT_ASSERT_LT(test, b->node[2].applied, index);
	raft_notify(b->node[0].r, b->now, id_of(2));
	bench_drain(b, 0);
	KUNIT_ASSERT_EQ(test, b->n_queue, 1);
	KUNIT_EXPECT_EQ(test, b->queue[0].m.commit, index);
	bench_drop_all(b);
	/* the retransmission timer, and not the next heartbeat only */
	bench_wait(b, 10 * MS, true);
	KUNIT_EXPECT_EQ(test, b->node[2].applied, index);
}

static void observers_are_told_as_well(struct kunit *test)
{
	struct bench *b = bench_new(test, 3);
	u64 index;

	b->config.n = 2;
	b->config.n_voters = 2;
	KUNIT_ASSERT_EQ(test, raft_bootstrap(b->node[0].r, b->now, &b->config,
					     NULL, 0), 0);
	bench_drain(b, 0);
	bench_settle(b);
	KUNIT_ASSERT_EQ(test, bench_leader(b), 0);
	KUNIT_ASSERT_EQ(test, raft_observe(b->node[0].r, b->now, id_of(2)), 0);
	bench_drain(b, 0);
	bench_settle(b);
	index = entry_for(b, RAFT_NOBODY);
	b->notify = BIT(2);
	bench_drain(b, 0);
	bench_settle(b);
	KUNIT_EXPECT_EQ(test, b->node[2].applied, index);
}

static void a_dead_peer_is_not_flooded(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	u64 said;
	int i;

	bench_wait(b, 100 * MS, true);
	b->node[2].cut_off = true;
	b->notify = BIT(2);
	said = b->said;
	for (i = 0; i < 300; i++) {
		entry_for(b, RAFT_NOBODY);
		bench_drain(b, 0);
		bench_settle(b);
	}
	/* to the one that is there two and two; to the other no more than that */
	KUNIT_EXPECT_LE(test, b->said - said, 300 * 4);
	b->node[2].cut_off = false;
	bench_wait(b, 100 * MS, true);
	KUNIT_EXPECT_EQ(test, b->node[2].applied, b->node[0].applied);
}

static struct kunit_case notices[] = {
	CASE(notified_learns_at_once,
	     "Whoever is notified while an entry is applied learns of its commit at once"),
	CASE(what_it_knows_costs_nothing,
	     "A notice of what was told already costs nothing"),
	CASE(a_batch_is_one_message_a_peer,
	     "Many notices in one ready are one message to each peer"),
	CASE(nobody_else_is_bothered,
	     "Only a leader notifies, and only whom it replicates to"),
	CASE(a_lost_one_is_made_good,
	     "A notice that was lost is repeated by the timer"),
	CASE(observers_are_told_as_well,
	     "A node outside of the configuration is notified as well"),
	CASE(a_dead_peer_is_not_flooded,
	     "Notices to a dead peer cost no more than those to a live one"),
	{}
};

static struct kunit_suite raft_notices = {
	.name = "raft-notices",
	.test_cases = notices,
};

kunit_test_suite(raft_notices);

MODULE_LICENSE("GPL");
