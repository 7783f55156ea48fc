// SPDX-License-Identifier: GPL-2.0
/*
 * Linearizable reads (thesis 6.4). Time stands still unless a case lets it go
 * on.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include "raft_bench.h"

#define CASE(f, text) { .run_case = f, .name = text }

static void early_reads_wait(struct kunit *test)
{
	struct bench *b = bench_new(test, 3);

	raft_bootstrap(b->node[0].r, b->now, &b->config, NULL, 0);
	bench_drain(b, 0);
	while (raft_role(b->node[0].r) != RAFT_LEADER) {
		struct packet *k = bench_alloc(test, sizeof(*k));

		bench_deliver_at(b, 0, k);
	}
	KUNIT_EXPECT_EQ(test, raft_read(b->node[0].r, b->now, 1), 0);
	bench_drain(b, 0);
	KUNIT_EXPECT_EQ(test, b->node[0].n_reads, 0);
	bench_settle(b);
	KUNIT_EXPECT_EQ(test, b->node[0].n_reads, 1);
	KUNIT_EXPECT_EQ(test, b->node[0].reads[0].index, 2);
}

static void old_answers_confirm_nothing(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	struct packet *old = bench_alloc(test, sizeof(*old));
	struct packet *k = bench_alloc(test, sizeof(*k));

	raft_read(b->node[0].r, b->now, 1);
	bench_drain(b, 0);
	KUNIT_ASSERT_EQ(test, b->n_queue, 2);
	bench_deliver_at(b, 0, k);
	KUNIT_ASSERT_EQ(test, b->queue[1].m.type, RAFT_APPEND_REPLY);
	*old = b->queue[1];
	bench_settle(b);
	KUNIT_EXPECT_EQ(test, b->node[0].n_reads, 1);
	raft_read(b->node[0].r, b->now, 2);
	bench_drain(b, 0);
	bench_drop_all(b);
	raft_step(b->node[0].r, b->now, &old->m);
	bench_drain(b, 0);
	KUNIT_EXPECT_EQ(test, b->node[0].n_reads, 1);
	bench_wait(b, 5 * MS, true);
	KUNIT_EXPECT_EQ(test, b->node[0].n_reads, 2);
}

static void reads_share_a_round(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	u64 said = b->said;
	unsigned int i;

	for (i = 0; i < 50; i++) {
		KUNIT_EXPECT_EQ(test, raft_read(b->node[0].r, b->now, i), 0);
		bench_drain(b, 0);
	}
	bench_settle(b);
	KUNIT_EXPECT_EQ(test, b->node[0].n_reads, 50);
	KUNIT_EXPECT_EQ(test, b->said - said, 8);
	for (i = 0; i < 200; i++)
		if (raft_read(b->node[0].r, b->now, i))
			break;
	KUNIT_EXPECT_EQ(test, i, RAFT_READS_MAX);
}

static void follower_reads(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);

	bench_propose(b, 0, 1);
	bench_drain(b, 0);
	bench_settle(b);
	KUNIT_EXPECT_EQ(test, raft_read(b->node[1].r, b->now, 7), 0);
	bench_drain(b, 1);
	bench_settle(b);
	KUNIT_ASSERT_EQ(test, b->node[1].n_reads, 1);
	KUNIT_EXPECT_EQ(test, b->node[1].reads[0].ctx, 7);
	KUNIT_EXPECT_EQ(test, b->node[1].reads[0].index, 3);
	/* It can be served at once, not at the next heartbeat. */
	KUNIT_EXPECT_EQ(test, b->node[1].applied, 3);
}

static void deposed_leader_answers_nothing(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);

	b->node[0].cut_off = true;
	raft_read(b->node[0].r, b->now, 7);
	bench_wait(b, 1000 * MS, true);
	KUNIT_EXPECT_EQ(test, b->node[0].n_reads, 0);
	KUNIT_EXPECT_EQ(test, raft_read(b->node[0].r, b->now, 8), -EAGAIN);
	b->node[0].cut_off = false;
	bench_wait(b, 1000 * MS, true);
	KUNIT_EXPECT_EQ(test, b->node[0].n_reads, 0);
}

static struct kunit_case reads[] = {
	CASE(early_reads_wait,
	     "No read is answered before an entry of the own term is committed (6.4, pitfall 35)"),
	CASE(old_answers_confirm_nothing,
	     "An answer sent before a read came does not confirm it (pitfall 36)"),
	CASE(reads_share_a_round,
	     "One round of messages serves all reads that wait (thesis 6.4)"),
	CASE(follower_reads,
	     "A follower asks for a read index and can serve it at once (thesis 6.4)"),
	CASE(deposed_leader_answers_nothing,
	     "A deposed leader answers no read (pitfall 37)"),
	{}
};

static struct kunit_suite raft_reads = {
	.name = "raft-reads",
	.test_cases = reads,
};

kunit_test_suite(raft_reads);

MODULE_LICENSE("GPL");
