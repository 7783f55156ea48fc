// SPDX-License-Identifier: GPL-2.0
/*
 * Raft among several nodes: replication and its cost, losses, elections, transfer
 * of leadership. Time stands still unless a case lets it go on.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include "raft_bench.h"

#define CASE(f, text) { .run_case = f, .name = text }

/* Messages in the queue from node @from to node @to; -1: whoever. */
static unsigned int queued(const struct bench *b, int from, int to)
{
	unsigned int i, n = 0;

	for (i = 0; i < b->n_queue; i++)
		n += (from < 0 || b->queue[i].node == from) &&
		     (to < 0 || bench_index(b, b->queue[i].m.to) == to);
	return n;
}

/* Drop what goes from @from to @to; -1: whoever. */
static void drop(struct bench *b, int from, int to)
{
	struct packet *k = bench_alloc(b->test, sizeof(*k));
	unsigned int i;
	int at;

	for (i = b->n_queue; i-- > 0;) {
		at = bench_index(b, b->queue[i].m.to);
		if ((from >= 0 && b->queue[i].node != from) ||
		    (to >= 0 && at != to))
			continue;
		b->queue[i].m.to = RAFT_NOBODY;
		bench_deliver_at(b, i, k);
	}
}

static void same_state(struct bench *b, u64 index)
{
	unsigned int i;

	for (i = 0; i < b->n; i++) {
		KUNIT_EXPECT_TRUE(b->test, !raft_failed(b->node[i].r));
		KUNIT_EXPECT_EQ(b->test, b->node[i].applied, index);
		KUNIT_EXPECT_EQ(b->test, b->node[i].sum, b->node[0].sum);
	}
}

static void four_datagrams(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	u64 said;
	int i;

	for (i = 0; i < 10; i++) {
		said = b->said;
		KUNIT_ASSERT_EQ(test, bench_propose(b, 0, 1), 0);
		bench_drain(b, 0);
		bench_settle(b);
		KUNIT_EXPECT_EQ(test, b->said - said, 4);
		KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 3 + i);
	}
}

static void one_drain_one_message(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	int i;

	for (i = 0; i < 40; i++)
		KUNIT_ASSERT_EQ(test, bench_propose(b, 0, 1), 0);
	bench_drain(b, 0);
	KUNIT_EXPECT_EQ(test, b->n_queue, 2);
	KUNIT_EXPECT_EQ(test, b->queue[0].m.n_entries, 40);
	bench_settle(b);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 42);
}

static void batches_are_bounded(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	unsigned int i;

	for (i = 0; i < 200; i++)
		KUNIT_ASSERT_EQ(test, bench_propose(b, 0, 1), 0);
	bench_drain(b, 0);
	/* 64 a message; what is left at the end makes a fourth. */
	KUNIT_EXPECT_EQ(test, queued(b, 0, 1), 3);
	for (i = 0; i < b->n_queue; i++)
		KUNIT_EXPECT_EQ(test, b->queue[i].m.n_entries, RAFT_BATCH_MAX);
	bench_settle(b);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 202);
}

static void what_comes_meanwhile_waits(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	u64 said = b->said;
	int i;

	for (i = 0; i < 30; i++) {
		KUNIT_ASSERT_EQ(test, bench_propose(b, 0, 1), 0);
		bench_drain(b, 0);
	}
	KUNIT_EXPECT_EQ(test, b->said - said, 4);
	bench_settle(b);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 32);
	KUNIT_EXPECT_LE(test, b->said - said, 16);
}

static void idle_is_quiet(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	u64 said;

	bench_wait(b, 100 * MS, true);
	said = b->said;
	bench_wait(b, 300 * MS, true);
	KUNIT_EXPECT_EQ(test, b->said - said, 40);
	same_state(b, 2);
}

static void who_waits_learns_at_once(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	u64 index, said = b->said;

	KUNIT_ASSERT_EQ(test, raft_propose(b->node[0].r, b->now, RAFT_COMMAND,
					   "x", 1, id_of(2), &index), 0);
	bench_drain(b, 0);
	bench_settle(b);
	KUNIT_EXPECT_EQ(test, b->node[2].applied, index);
	KUNIT_EXPECT_LT(test, b->node[1].applied, index);
	KUNIT_EXPECT_EQ(test, b->said - said, 6);
}

static void loss_is_found_by_the_timer(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	int i;

	for (i = 0; i < 20; i++) {
		bench_propose(b, 0, 1);
		bench_drain(b, 0);
		bench_settle(b);
	}
	bench_propose(b, 0, 1);
	bench_drain(b, 0);
	bench_drop_all(b);
	bench_wait(b, 4 * MS, true);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 23);
}

static void loss_is_found_by_the_gap(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);

	bench_propose(b, 0, 1);
	bench_drain(b, 0);
	bench_drop_all(b);
	bench_propose(b, 0, 2);
	bench_drain(b, 0);
	bench_settle(b);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 4);
}

static void reordered_and_repeated(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	struct packet *k = bench_alloc(test, sizeof(*k));
	struct packet *old = bench_alloc(test, sizeof(*old));
	struct raft_peer_status st, later;
	unsigned int i;

	bench_propose(b, 0, 1);
	bench_drain(b, 0);
	drop(b, 0, 2);
	bench_propose(b, 0, 2);
	bench_drain(b, 0);
	drop(b, 0, 2);
	KUNIT_ASSERT_EQ(test, b->n_queue, 2);
	bench_deliver_at(b, 1, k);
	bench_deliver_at(b, 0, k);
	/* What overtook was kept for this. */
	KUNIT_EXPECT_EQ(test, raft_last_index(b->node[1].r), 4);
	/* One refused the gap, one is the acknowledgment; keep that. */
	for (i = 0; i < b->n_queue; i++)
		if (!(b->queue[i].m.flags & RAFT_MSG_REJECT))
			*old = b->queue[i];
	bench_settle(b);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 4);
	raft_peer_status(b->node[0].r, 0, &st);
	KUNIT_EXPECT_EQ(test, st.match, 4);
	/* "match never goes back", nor does what is sent next. */
	raft_step(b->node[0].r, b->now, &old->m);
	bench_drain(b, 0);
	raft_peer_status(b->node[0].r, 0, &later);
	KUNIT_EXPECT_EQ(test, later.match, 4);
	KUNIT_EXPECT_EQ(test, later.next, st.next);
	KUNIT_EXPECT_EQ(test, b->n_queue, 0);
}

static void follower_catches_up(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	u64 said;
	int i;

	b->node[2].cut_off = true;
	for (i = 0; i < 100; i++) {
		bench_propose(b, 0, (u8)i);
		bench_drain(b, 0);
		bench_settle(b);
	}
	bench_wait(b, 100 * MS, true);
	b->node[2].cut_off = false;
	said = b->said;
	bench_wait(b, 61 * MS, true);
	same_state(b, 102);
	KUNIT_EXPECT_LE(test, b->said - said, 30);
}

/* Node 0 led terms of its own that nobody heard of; the rest went on. */
static void logs_converge(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 5);
	int i, leader;

	bench_wait(b, 100 * MS, true);
	b->node[0].cut_off = true;
	for (i = 0; i < 90; i++)
		bench_propose(b, 0, 1);
	bench_drain(b, 0);
	bench_wait(b, 600 * MS, true);
	leader = bench_leader(b);
	KUNIT_ASSERT_GT(test, leader, 0);
	KUNIT_EXPECT_NE(test, raft_role(b->node[0].r), RAFT_LEADER);
	for (i = 0; i < 120; i++) {
		bench_propose(b, leader, 2);
		bench_drain(b, leader);
		bench_settle(b);
	}
	b->node[0].cut_off = false;
	bench_wait(b, 100 * MS, true);
	same_state(b, raft_commit(b->node[leader].r));
	KUNIT_EXPECT_GE(test, raft_commit(b->node[leader].r), 122);
}

static void deaf_leader_steps_down(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	unsigned int i;

	for (i = 0; i < 2 * ELECTION_MAX_MS; i++) {
		bench_wait(b, MS, false);
		drop(b, -1, 0);
		while (b->n_queue) {
			struct packet *k = bench_alloc(test, sizeof(*k));

			bench_deliver_at(b, 0, k);
			drop(b, -1, 0);
			if (i > 20)
				break;
		}
		if (raft_role(b->node[0].r) != RAFT_LEADER)
			break;
	}
	KUNIT_EXPECT_NE(test, raft_role(b->node[0].r), RAFT_LEADER);
}

static void higher_term_is_freed(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	struct raft_msg m = { .type = RAFT_VOTE_REPLY, .from = id_of(0),
			      .to = id_of(2), .term = 7,
			      .flags = RAFT_MSG_REJECT };

	bench_wait(b, 100 * MS, true);
	/* Node 2 is at a higher term than everybody else, by whatever way. */
	raft_step(b->node[2].r, b->now, &m);
	bench_drain(b, 2);
	KUNIT_ASSERT_EQ(test, raft_term(b->node[2].r), 7);
	bench_wait(b, 10 * ELECTION_MAX_MS * MS, true);
	KUNIT_ASSERT_GE(test, bench_leader(b), 0);
	KUNIT_EXPECT_GT(test, raft_term(b->node[bench_leader(b)].r), 7);
	same_state(b, raft_commit(b->node[bench_leader(b)].r));
}

static void partition_does_not_disturb(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	u64 term = raft_term(b->node[0].r);

	b->node[2].cut_off = true;
	bench_wait(b, 3000 * MS, true);
	KUNIT_EXPECT_EQ(test, raft_term(b->node[2].r), term);
	b->node[2].cut_off = false;
	bench_wait(b, 1000 * MS, true);
	KUNIT_EXPECT_EQ(test, bench_leader(b), 0);
	KUNIT_EXPECT_EQ(test, raft_term(b->node[0].r), term);
}

/*
 * Figure 8: an entry of an earlier term on a majority is not committed by
 * that, only together with one of the leader's own term.
 */
static void figure_8(struct kunit *test)
{
	struct bench *b = bench_new(test, 3);
	struct raft_entry e[2] = {
		{ .term = 1, .kind = RAFT_COMMAND }, { .term = 2, .kind = RAFT_COMMAND },
	};
	u8 buf[RAFT_CONFIG_BYTES_MAX];
	struct raft_msg m = { .type = RAFT_APPEND, .from = id_of(2),
			      .to = id_of(0), .term = 2, .id = 1,
			      .n_entries = 2, .entries = e };

	e[0].data = buf;
	e[0].len = raft_config_encode(&b->config, buf);
	e[0].kind = RAFT_MEMBERS;
	raft_step(b->node[0].r, b->now, &m);
	bench_drain(b, 0);
	bench_drop_all(b);
	bench_wait(b, 301 * MS, false);
	drop(b, 0, 2);
	while (raft_role(b->node[0].r) != RAFT_LEADER && b->n_queue) {
		struct packet *k = bench_alloc(test, sizeof(*k));

		bench_deliver_at(b, 0, k);
		drop(b, 0, 2);
	}
	KUNIT_ASSERT_EQ(test, raft_role(b->node[0].r), RAFT_LEADER);
	bench_drop_all(b);
	/* Entry 2, of term 2, is on a majority now; the no-op is not. */
	m = (struct raft_msg){ .type = RAFT_APPEND_REPLY, .from = id_of(1),
			       .to = id_of(0), .id = 1, .index = 2,
			       .term = raft_term(b->node[0].r) };
	raft_step(b->node[0].r, b->now, &m);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 0);
	m.index = 3;
	raft_step(b->node[0].r, b->now, &m);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 3);
}

static void own_disk_is_one_of_many(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);

	b->node[0].manual = true;
	b->node[1].manual = true;
	bench_propose(b, 0, 1);
	bench_drain(b, 0);
	bench_settle(b);
	/* Node 2 has it on disk, nodes 0 and 1 do not. */
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 2);
	store_done(b, 1);
	bench_settle(b);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 3);
	KUNIT_EXPECT_EQ(test, raft_durable_index(b->node[0].r), 2);
}

static void leadership_is_handed_on(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);

	bench_wait(b, 50 * MS, true);
	KUNIT_ASSERT_EQ(test, raft_transfer(b->node[0].r, b->now, id_of(2)), 0);
	KUNIT_EXPECT_EQ(test, bench_propose(b, 0, 1), -EAGAIN);
	bench_drain(b, 0);
	bench_settle(b);
	KUNIT_EXPECT_EQ(test, bench_leader(b), 2);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[0].r), RAFT_FOLLOWER);
	KUNIT_EXPECT_EQ(test, bench_propose(b, 2, 1), 0);
}

static void transfer_is_given_up(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);

	bench_wait(b, 50 * MS, true);
	b->node[2].cut_off = true;
	KUNIT_ASSERT_EQ(test, raft_transfer(b->node[0].r, b->now, id_of(2)), 0);
	bench_wait(b, 100 * MS, true);
	KUNIT_EXPECT_EQ(test, bench_propose(b, 0, 1), -EAGAIN);
	bench_wait(b, 250 * MS, true);
	KUNIT_EXPECT_EQ(test, bench_propose(b, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, raft_transfer(b->node[0].r, b->now, id_of(2)),
			-EAGAIN);
}

static void dead_leader_is_replaced(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	u64 since, took, all = 0;
	int i, old;

	bench_wait(b, 100 * MS, true);
	for (i = 0; i < 10; i++) {
		old = bench_leader(b);
		KUNIT_ASSERT_GE(test, old, 0);
		since = b->now;
		b->node[old].cut_off = true;
		do
			bench_wait(b, MS, true);
		while (bench_leader(b) == old && b->now - since < 2000 * MS);
		took = b->now - since;
		all += took;
		KUNIT_EXPECT_LE(test, took, 3 * ELECTION_MIN_MS * MS);
		b->node[old].cut_off = false;
		bench_wait(b, 400 * MS + i * 7 * MS, true);
	}
	KUNIT_EXPECT_LE(test, all, 15 * ELECTION_MIN_MS * MS);
	same_state(b, raft_commit(b->node[bench_leader(b)].r));
}

/* Every tenth message lost, one in ten repeated, and all in disorder. */
static void bad_weather(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	struct packet *k = bench_alloc(test, sizeof(*k));
	u64 rng = 88172645463325252ULL, done = 0, index;
	unsigned int i, at;

	for (i = 0; i < 20000 && done < 150; i++) {
		rng ^= rng << 13;
		rng ^= rng >> 7;
		rng ^= rng << 17;
		if (bench_leader(b) >= 0 && i % 8 == 0 &&
		    !raft_propose(b->node[bench_leader(b)].r, b->now,
				  RAFT_COMMAND, "y", 1, RAFT_NOBODY, &index)) {
			done++;
			bench_drain(b, bench_leader(b));
		}
		if (i % 4 == 0)
			bench_wait(b, MS, false);
		if (!b->n_queue)
			continue;
		at = (unsigned int)((rng >> 20) & 0xffff) % b->n_queue;
		if ((rng & 0xff) < 25)
			b->queue[at].m.to = RAFT_NOBODY;
		bench_deliver_at(b, at, k);
		if ((rng >> 8 & 0xff) < 25 && bench_index(b, k->m.to) >= 0) {
			raft_step(b->node[bench_index(b, k->m.to)].r, b->now,
				  &k->m);
			bench_drain(b, bench_index(b, k->m.to));
		}
	}
	bench_settle(b);
	bench_wait(b, 1000 * MS, true);
	KUNIT_EXPECT_EQ(test, done, 150);
	KUNIT_ASSERT_GE(test, bench_leader(b), 0);
	same_state(b, raft_commit(b->node[bench_leader(b)].r));
	KUNIT_EXPECT_GE(test, b->node[0].applied, 100);
}

static struct kunit_case cluster[] = {
	CASE(four_datagrams,
	     "One datagram out and one back for each follower and batch (design 5)"),
	CASE(one_drain_one_message,
	     "All proposals of one drain share a message"),
	CASE(batches_are_bounded,
	     "A message has at most its batch, and full ones are pipelined (thesis 10.2.1)"),
	CASE(what_comes_meanwhile_waits,
	     "While acks are outstanding, what arrives joins the next datagram (design 5)"),
	CASE(idle_is_quiet,
	     "Idle: one heartbeat and one ack per follower and period (design 13)"),
	CASE(who_waits_learns_at_once,
	     "A commit that somebody on a follower waits for is sent to it at once (design 5)"),
	CASE(loss_is_found_by_the_timer,
	     "Loss is found by a timer, never by waiting for a heartbeat (design 5)"),
	CASE(loss_is_found_by_the_gap, "Loss is found by the gap (design 5)"),
	CASE(reordered_and_repeated,
	     "Reordered and repeated answers never move match back (pitfall 20)"),
	CASE(follower_catches_up,
	     "If followers crash or run slowly, the leader retries indefinitely (5.3)"),
	CASE(logs_converge,
	     "Inconsistencies: the leader forces the followers' logs to duplicate its own (5.3)"),
	CASE(deaf_leader_steps_down,
	     "A leader that hears no majority for an election timeout steps down (pitfall 31)"),
	CASE(higher_term_is_freed,
	     "A node of a higher term does not stay stuck (pitfalls 28 and 29)"),
	CASE(partition_does_not_disturb,
	     "A node that comes back from a partition disturbs nobody (thesis 9.6, pitfall 30)"),
	CASE(figure_8,
	     "Only entries of the current term are committed by counting (figure 8, pitfall 18)"),
	CASE(own_disk_is_one_of_many,
	     "A leader counts itself by what is durable, and need not be in a quorum (pitfall 5)"),
	CASE(leadership_is_handed_on,
	     "The target of a transfer stands at once and wins (thesis 3.10)"),
	CASE(transfer_is_given_up,
	     "A transfer not complete within an election timeout is given up (thesis 3.10)"),
	CASE(dead_leader_is_replaced,
	     "Failover takes 1.5 minimum election timeouts, and 3 at most (design 13)"),
	CASE(bad_weather, "Loss, repetition and disorder lose nothing"),
	{}
};

static struct kunit_suite raft_cluster = {
	.name = "raft-cluster",
	.test_cases = cluster,
};

kunit_test_suite(raft_cluster);

MODULE_LICENSE("GPL");
