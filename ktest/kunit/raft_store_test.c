// SPDX-License-Identifier: GPL-2.0
/*
 * The core and its storage: what is counted as durable and when, a disk that
 * hangs or fails, how a start puts the log together again, and what compaction
 * leaves for others.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include "raft_bench.h"

#define CASE(f, text) { .run_case = f, .name = text }

static struct raft_msg ballot(u8 type, u64 term, u64 index, u64 log_term)
{
	return (struct raft_msg){ .type = type, .term = term, .index = index,
				  .log_term = log_term };
}

/* An append of entries with the given terms, each of one byte, by node 0. */
static void feed(struct bench *b, u64 term, u64 prev, u64 prev_term, u64 commit,
		 const u8 *terms, u16 n)
{
	struct raft_entry e[8];
	u16 k;

	for (k = 0; k < n; k++)
		e[k] = (struct raft_entry){ .term = terms[k], .data = &terms[k],
					    .len = 1, .kind = RAFT_COMMAND };
	hear(b, 1, 0, (struct raft_msg){
		.type = RAFT_APPEND, .term = term, .index = prev,
		.log_term = prev_term, .commit = commit, .n_entries = n,
		.entries = n ? e : NULL, .id = b->said + 100 });
}

/* Node 1 of three, in term 1, with the configuration; its disk waits. */
static struct bench *follower(struct kunit *test)
{
	struct bench *b = bench_new(test, 3);
	u8 buf[RAFT_CONFIG_BYTES_MAX];
	struct raft_entry e = { .term = 1, .data = buf, .kind = RAFT_MEMBERS };
	struct raft_msg m = { .type = RAFT_APPEND, .term = 1, .id = 1,
			      .n_entries = 1, .entries = &e };

	e.len = raft_config_encode(&b->config, buf);
	hear(b, 1, 0, m);
	KUNIT_ASSERT_EQ(test, raft_durable_index(b->node[1].r), 1);
	b->node[1].manual = true;
	return b;
}

static void done(struct bench *b, u64 seq, u64 term, u64 index)
{
	bench_drop_all(b);
	raft_persisted(b->node[1].r, b->now, seq, term, index);
	bench_drain(b, 1);
}

/* ------------------------------------------------------------- durability */

static void own_vote_first(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	struct raft_msg yes = ballot(RAFT_PREVOTE_REPLY, 3, 0, 0);
	unsigned int i;

	bench_wait(b, 40 * MS, true);
	b->node[0].cut_off = true;
	b->node[1].manual = true;
	bench_wait(b, 400 * MS, false);
	bench_drop_all(b);
	if (raft_role(b->node[1].r) != RAFT_PRECANDIDATE)
		raft_campaign(b->node[1].r, b->now);
	hear(b, 1, 2, yes);
	KUNIT_ASSERT_EQ(test, raft_role(b->node[1].r), RAFT_CANDIDATE);
	for (i = 0; i < b->n_queue; i++)
		KUNIT_EXPECT_EQ(test, b->queue[i].m.after, b->node[1].seq);
	yes.type = RAFT_VOTE_REPLY;
	hear(b, 1, 2, yes);
	hear(b, 1, 0, yes);
	/* All others want it; a crash now must not forget its own vote. */
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r), RAFT_CANDIDATE);
	bench_drop_all(b);
	store_done(b, 1);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r), RAFT_LEADER);
	KUNIT_EXPECT_GE(test, b->n_queue, 2);
	for (i = 0; i < b->n_queue; i++)
		KUNIT_EXPECT_EQ(test, b->queue[i].m.after, 0);
}

/* Node 1 of three, in term 1, with the configuration; it has no disk. */
static struct bench *diskless(struct kunit *test)
{
	struct bench *b = bench_new(test, 3);
	struct raft_params p = bench_params(&b->node[1], 1);
	u8 buf[RAFT_CONFIG_BYTES_MAX];
	struct raft_entry e = { .term = 1, .data = buf, .kind = RAFT_MEMBERS };
	struct raft_msg m = { .type = RAFT_APPEND, .term = 1, .id = 1,
			      .n_entries = 1, .entries = &e };

	p.memory = true;
	KUNIT_ASSERT_EQ(test, raft_init(b->node[1].r, &p, b->now), 0);
	/* Nobody reports anything. */
	b->node[1].manual = true;
	e.len = raft_config_encode(&b->config, buf);
	hear(b, 1, 0, m);
	return b;
}

static void memory_reports_to_itself(struct kunit *test)
{
	struct bench *b = diskless(test);
	const struct raft *r = b->node[1].r;
	struct raft_msg m;
	unsigned int i;

	/* Acknowledged in the ready that says what was written. */
	KUNIT_EXPECT_EQ(test, b->node[1].persists, 1);
	KUNIT_EXPECT_EQ(test, raft_durable_index(r), 1);
	KUNIT_ASSERT_EQ(test, b->n_queue, 1);
	KUNIT_EXPECT_EQ(test, b->queue[0].m.type, RAFT_APPEND_REPLY);
	KUNIT_EXPECT_EQ(test, b->queue[0].m.index, 1);
	/* So with its own vote, and as the leader. */
	raft_campaign(b->node[1].r, b->now);
	hear(b, 1, 2, ballot(RAFT_PREVOTE_REPLY, 2, 0, 0));
	KUNIT_ASSERT_EQ(test, raft_role(r), RAFT_CANDIDATE);
	hear(b, 1, 2, ballot(RAFT_VOTE_REPLY, 2, 0, 0));
	KUNIT_ASSERT_EQ(test, raft_role(r), RAFT_LEADER);
	KUNIT_EXPECT_EQ(test, raft_durable_index(r), 2);
	for (i = 0; i < b->n_queue; i++)
		KUNIT_EXPECT_EQ(test, b->queue[i].m.after, 0);
	m = b->queue[b->n_queue - 1].m;
	KUNIT_ASSERT_EQ(test, m.type, RAFT_APPEND);
	KUNIT_EXPECT_EQ(test, raft_commit(r), 0);
	m = (struct raft_msg){ .type = RAFT_APPEND_REPLY, .term = 2, .index = 2,
			       .id = m.id };
	hear(b, 1, 2, m);
	KUNIT_EXPECT_EQ(test, raft_commit(r), 2);
}

static void any_number_outstanding(struct kunit *test)
{
	static const u8 one[] = { 1 };
	struct bench *b = follower(test);
	u64 i, seq = b->node[1].seq;

	for (i = 1; i <= 100; i++)
		feed(b, 1, i, 1, 0, one, 1);
	KUNIT_ASSERT_EQ(test, b->node[1].seq, seq + 100);
	/* In groups, of which the last entry is named. */
	done(b, seq + 1, 1, 2);
	KUNIT_EXPECT_EQ(test, raft_durable_index(b->node[1].r), 2);
	KUNIT_EXPECT_EQ(test, b->queue[0].m.index, 2);
	done(b, seq + 40, 1, 41);
	KUNIT_EXPECT_EQ(test, raft_durable_index(b->node[1].r), 41);
	KUNIT_EXPECT_EQ(test, b->queue[0].m.index, 41);
	/* Nothing comes twice, or out of nowhere. */
	done(b, seq + 40, 1, 60);
	done(b, seq + 101, 1, 101);
	KUNIT_EXPECT_EQ(test, raft_durable_index(b->node[1].r), 41);
	done(b, seq + 100, 1, 101);
	KUNIT_EXPECT_EQ(test, raft_durable_index(b->node[1].r), 101);
}

static void steps_without_entries(struct kunit *test)
{
	static const u8 one[] = { 1, 1, 1 };
	struct bench *b = follower(test);
	u64 seq;

	feed(b, 1, 1, 1, 0, one, 3);
	seq = b->node[1].seq;
	/* A term, without an entry, behind them. */
	hear(b, 1, 2, ballot(RAFT_VOTE_REPLY, 5, 0, 0));
	KUNIT_ASSERT_EQ(test, b->node[1].seq, seq + 1);
	done(b, seq + 1, 0, 0);
	KUNIT_EXPECT_EQ(test, raft_durable_index(b->node[1].r), 4);
	/* The term alone proves nothing about entries. */
	hear(b, 1, 2, ballot(RAFT_VOTE_REPLY, 6, 0, 0));
	feed(b, 6, 4, 1, 0, (const u8[]){ 6 }, 1);
	done(b, seq + 2, 0, 0);
	KUNIT_EXPECT_EQ(test, raft_durable_index(b->node[1].r), 4);
	done(b, seq + 3, 6, 5);
	KUNIT_EXPECT_EQ(test, raft_durable_index(b->node[1].r), 5);
}

/*
 * The same (index, term) comes back after having been replaced: every order in
 * which three writes are reported, one by one or together.
 */
static void replaced_and_back(struct kunit *test)
{
	static const u8 one[] = { 1, 1 }, two[] = { 2 }, three[] = { 1, 1, 3 };
	static const u64 term[] = { 1, 2, 3 }, index[] = { 3, 2, 4 };
	struct bench *b;
	unsigned int which, k;
	u64 seq;

	for (which = 0; which < 4; which++) {
		b = follower(test);
		seq = b->node[1].seq;
		feed(b, 1, 1, 1, 0, one, 2);
		feed(b, 2, 1, 1, 0, two, 1);
		feed(b, 3, 1, 1, 0, three, 3);
		for (k = 0; k < 3; k++) {
			if (k < 2 && which & 1 << k)
				continue;
			done(b, seq + k + 1, term[k], index[k]);
			KUNIT_EXPECT_EQ(test, raft_durable_index(b->node[1].r),
					k < 2 ? 1 : 4);
		}
		KUNIT_EXPECT_EQ(test, b->queue[0].m.index, 4);
	}
}

static void below_the_cut_it_is_durable(struct kunit *test)
{
	static const u8 one[] = { 1, 1, 1, 1 }, two[] = { 2 };
	struct bench *b = follower(test);
	u64 seq = b->node[1].seq;

	feed(b, 1, 1, 1, 0, one, 4);
	feed(b, 2, 3, 1, 0, two, 1);
	/* Entries 2 and 3 stay, whatever becomes of those behind. */
	done(b, seq + 1, 1, 5);
	KUNIT_EXPECT_EQ(test, raft_durable_index(b->node[1].r), 3);
	done(b, seq + 2, 2, 4);
	KUNIT_EXPECT_EQ(test, raft_durable_index(b->node[1].r), 4);
}

static void failed_write_is_final(struct kunit *test)
{
	static const u8 one[] = { 1 };
	struct bench *b = follower(test);
	struct node *nd = &b->node[1];

	feed(b, 1, 1, 1, 0, one, 1);
	raft_fail(nd->r, "a write failed");
	/* In memory there is more than on disk: nothing of it gets out. */
	KUNIT_EXPECT_EQ(test, raft_last_index(nd->r), 2);
	done(b, nd->seq, 1, 2);
	feed(b, 1, 2, 1, 2, NULL, 0);
	KUNIT_EXPECT_EQ(test, b->n_queue, 0);
	hear(b, 1, 2, ballot(RAFT_VOTE, 9, 9, 9));
	KUNIT_EXPECT_EQ(test, b->n_queue, 0);
	KUNIT_EXPECT_EQ(test, raft_durable_index(nd->r), 1);
	/* It comes back with what the disk has. */
	bench_restart(b, 1, 1, nd->hard, RAFT_SURE);
	KUNIT_EXPECT_EQ(test, raft_last_index(nd->r), 1);
	feed(b, 1, 2, 1, 0, NULL, 0);
	KUNIT_ASSERT_EQ(test, b->n_queue, 1);
	KUNIT_EXPECT_TRUE(test, b->queue[0].m.flags & RAFT_MSG_REJECT);
	KUNIT_EXPECT_EQ(test, b->queue[0].m.hint, 1);
}

static void leader_is_one_of_its_quorum(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	struct raft_hard hard = b->node[0].hard;
	unsigned int i;

	bench_wait(b, 40 * MS, true);
	b->node[0].manual = true;
	bench_propose(b, 0, 7);
	bench_drain(b, 0);
	bench_settle(b);
	KUNIT_ASSERT_EQ(test, raft_commit(b->node[0].r), 3);
	/* Committed by the others; the leader loses its copy, and they know. */
	bench_restart(b, 0, 2, hard, RAFT_SURE);
	b->node[0].manual = false;
	bench_wait(b, 1500 * MS, true);
	KUNIT_ASSERT_GE(test, bench_leader(b), 0);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_GE(test, b->node[i].applied, 3);
	KUNIT_EXPECT_EQ(test, b->node[0].sum, b->node[1].sum);
}

/* ------------------------------------------------------------- a hung disk */

static void hung_leader_steps_down(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	struct node *nd = &b->node[0];

	bench_wait(b, 40 * MS, true);
	nd->manual = true;
	bench_propose(b, 0, 7);
	bench_drain(b, 0);
	/* The others commit without its disk, and follow. */
	bench_wait(b, 2 * ELECTION_MAX_MS * MS - MS, true);
	KUNIT_EXPECT_EQ(test, raft_commit(nd->r), 3);
	KUNIT_EXPECT_EQ(test, raft_role(nd->r), RAFT_LEADER);
	KUNIT_EXPECT_EQ(test, raft_deadline(nd->r), b->now + MS);
	bench_wait(b, MS, true);
	KUNIT_EXPECT_EQ(test, raft_role(nd->r), RAFT_FOLLOWER);
	bench_wait(b, 1000 * MS, true);
	KUNIT_EXPECT_GT(test, bench_leader(b), 0);
	/* It does not stand, not even if it is asked to. */
	b->node[1].cut_off = true;
	b->node[2].cut_off = true;
	bench_wait(b, 2000 * MS, true);
	KUNIT_EXPECT_EQ(test, raft_role(nd->r), RAFT_FOLLOWER);
	raft_campaign(nd->r, b->now);
	KUNIT_EXPECT_EQ(test, raft_role(nd->r), RAFT_FOLLOWER);
	store_done(b, 0);
	bench_wait(b, ELECTION_MAX_MS * MS, true);
	KUNIT_EXPECT_EQ(test, raft_role(nd->r), RAFT_PRECANDIDATE);
}

static void slow_is_not_hung(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	struct node *nd = &b->node[0];
	u64 seq, last;
	int i;

	bench_wait(b, 40 * MS, true);
	nd->manual = true;
	bench_propose(b, 0, 7);
	bench_drain(b, 0);
	/* Always something outstanding, but nothing for so long. */
	for (i = 0; i < 10; i++) {
		seq = nd->seq;
		last = nd->last;
		bench_wait(b, ELECTION_MAX_MS * MS, true);
		bench_propose(b, 0, 7);
		bench_drain(b, 0);
		KUNIT_ASSERT_GT(test, nd->seq, seq);
		raft_persisted(nd->r, b->now, seq, nd->term, last);
		bench_drain(b, 0);
	}
	KUNIT_EXPECT_EQ(test, raft_role(nd->r), RAFT_LEADER);
	/* What was handed over behind a group counts from then on. */
	bench_propose(b, 0, 7);
	bench_drain(b, 0);
	bench_wait(b, ELECTION_MAX_MS * MS, true);
	seq = nd->seq;
	raft_persisted(nd->r, b->now, seq - 1, nd->term, nd->last - 1);
	bench_drain(b, 0);
	bench_wait(b, ELECTION_MAX_MS * MS - MS, true);
	KUNIT_EXPECT_EQ(test, raft_role(nd->r), RAFT_LEADER);
	bench_wait(b, 2 * MS, true);
	KUNIT_EXPECT_EQ(test, raft_role(nd->r), RAFT_FOLLOWER);
}

/* ----------------------------------------------------------------- a start */

static struct raft *blank(struct kunit *test, struct bench **b)
{
	*b = bench_new(test, 3);
	return (*b)->node[1].r;
}

static int restore_one(struct raft *r, u64 term)
{
	struct raft_entry e = { .term = term, .kind = RAFT_COMMAND };

	return raft_restore_entry(r, &e);
}

static void start_reads_what_was_replaced(struct kunit *test)
{
	struct raft_hard hard = { .term = 4, .vote = id_of(2) };
	struct bench *b;
	struct raft *r = blank(test, &b);
	u8 buf[RAFT_CONFIG_BYTES_MAX];
	struct raft_entry e = { .term = 1, .data = buf, .kind = RAFT_MEMBERS };

	e.len = raft_config_encode(&b->config, buf);
	KUNIT_ASSERT_EQ(test, raft_restore(r, 0, 0, NULL), 0);
	KUNIT_ASSERT_EQ(test, raft_restore_entry(r, &e), 0);
	KUNIT_EXPECT_EQ(test, restore_one(r, 2), 0);
	KUNIT_EXPECT_EQ(test, restore_one(r, 3), 0);
	KUNIT_EXPECT_EQ(test, restore_one(r, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, restore_one(r, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, raft_restore_cut(r, 7), 0);
	KUNIT_EXPECT_EQ(test, raft_last_index(r), 3);
	/* From entry 3 on: another one took its place. */
	KUNIT_EXPECT_EQ(test, raft_restore_cut(r, 3), 0);
	KUNIT_EXPECT_EQ(test, raft_last_index(r), 2);
	KUNIT_EXPECT_EQ(test, restore_one(r, 4), 0);
	KUNIT_EXPECT_EQ(test, raft_durable_index(r), 3);
	/* A configuration goes with its entry. */
	KUNIT_EXPECT_EQ(test, raft_restore_cut(r, 0), 0);
	KUNIT_EXPECT_EQ(test, raft_config(r)->n, 0);
	KUNIT_EXPECT_EQ(test, raft_restore_entry(r, &e), 0);
	KUNIT_EXPECT_EQ(test, restore_one(r, 4), 0);
	hard.term = 3;
	KUNIT_EXPECT_EQ(test, raft_restore_end(r, &hard, RAFT_SURE), -EINVAL);
	hard.term = 4;
	KUNIT_EXPECT_EQ(test, raft_restore_end(r, &hard, RAFT_SURE), 0);
	KUNIT_EXPECT_EQ(test, raft_term(r), 4);
	KUNIT_EXPECT_TRUE(test, raft_id_eq(raft_vote(r), id_of(2)));
}

static void start_knows_what_is_committed(struct kunit *test)
{
	struct bench *b;
	struct raft *r = blank(test, &b);
	const struct raft_ready *rd;
	u64 i;

	KUNIT_ASSERT_EQ(test, raft_restore(r, 40, 2, &b->config), 0);
	for (i = 0; i < 8; i++)
		KUNIT_ASSERT_EQ(test, restore_one(r, 3), 0);
	KUNIT_EXPECT_EQ(test, raft_restore_commit(r, 49), -EINVAL);
	KUNIT_EXPECT_EQ(test, raft_restore_commit(r, 44), 0);
	KUNIT_EXPECT_EQ(test, raft_restore_commit(r, 42), 0);
	KUNIT_EXPECT_EQ(test, raft_commit(r), 44);
	/* What is committed is never replaced. */
	KUNIT_EXPECT_EQ(test, raft_restore_cut(r, 44), -EINVAL);
	KUNIT_EXPECT_EQ(test, raft_restore_cut(r, 3), -EINVAL);
	KUNIT_EXPECT_EQ(test, raft_restore_cut(r, 46), 0);
	KUNIT_EXPECT_EQ(test, raft_last_index(r), 45);
	raft_applied(r, 44);
	raft_compact(r, 44);
	KUNIT_EXPECT_EQ(test, raft_first_index(r), 45);
	KUNIT_EXPECT_EQ(test, raft_restore_end(r, &(struct raft_hard){
				.term = 3 }, RAFT_SURE), 0);
	/* The driver has applied it; raft does not ask for that again. */
	while ((rd = raft_ready(r, b->now))) {
		KUNIT_EXPECT_EQ(test, rd->persist.seq, 0);
		KUNIT_EXPECT_LT(test, rd->apply_last, rd->apply_first);
		raft_advance(r);
	}
}

/* A ring that is longer than memory: applied and dropped as it comes. */
static void start_with_a_long_log(struct kunit *test)
{
	struct bench *b;
	struct raft *r = blank(test, &b);
	u64 i;

	KUNIT_ASSERT_EQ(test, raft_restore(r, 1, 1, &b->config), 0);
	for (i = 2; i < 5 * SLOTS; i++) {
		if (restore_one(r, 1 + i / 100)) {
			KUNIT_ASSERT_EQ(test, raft_restore_commit(r, i - 1), 0);
			raft_applied(r, i - 1);
			raft_compact(r, i - 1);
			KUNIT_ASSERT_EQ(test, restore_one(r, 1 + i / 100), 0);
		}
	}
	KUNIT_EXPECT_EQ(test, raft_last_index(r), 5 * SLOTS - 1);
	KUNIT_EXPECT_EQ(test, raft_config(r)->n, 3);
}

static void begins_behind_a_snapshot(struct kunit *test)
{
	struct bench *b = bench_new(test, 1);
	struct raft *r = b->node[0].r;
	struct raft_config other = b->config;
	u64 big = 1ULL << 40;

	other.member[0] = id_of(5);
	KUNIT_EXPECT_EQ(test, raft_begin_at(r, b->now, big, 9, &other), -EINVAL);
	KUNIT_EXPECT_EQ(test, raft_begin_at(r, b->now, 0, 9, &b->config), -EINVAL);
	KUNIT_EXPECT_EQ(test, raft_begin_at(r, b->now, big, 0, &b->config), -EINVAL);
	KUNIT_ASSERT_EQ(test, raft_begin_at(r, b->now, big, 9, &b->config), 0);
	b->node[0].applied = big;
	bench_drain(b, 0);
	KUNIT_EXPECT_EQ(test, raft_role(r), RAFT_LEADER);
	KUNIT_EXPECT_EQ(test, raft_term(r), 10);
	KUNIT_EXPECT_EQ(test, raft_first_index(r), big + 1);
	KUNIT_EXPECT_EQ(test, bench_propose(b, 0, 1), 0);
	bench_drain(b, 0);
	KUNIT_EXPECT_EQ(test, raft_commit(r), big + 2);
	KUNIT_EXPECT_EQ(test, raft_begin_at(r, b->now, big, 9, &b->config), -EBUSY);
}

static struct kunit_case store[] = {
	CASE(own_vote_first,
	     "A candidate leads only once its own vote is durable (pitfalls 1, 2)"),
	CASE(any_number_outstanding,
	     "Any number of writes may be outstanding, reported one by one or in groups"),
	CASE(memory_reports_to_itself,
	     "Without a disk what the log has is durable, and nobody has to say so"),
	CASE(steps_without_entries,
	     "A write without entries proves those before it, and none behind (pitfall 4)"),
	CASE(replaced_and_back,
	     "An entry that was replaced and came back counts with its last write (pitfall 6)"),
	CASE(below_the_cut_it_is_durable,
	     "What is below a truncation is durable when it was written (pitfall 6)"),
	CASE(failed_write_is_final,
	     "A failed write is final; a start has what the disk has (pitfalls 7, 8)"),
	CASE(leader_is_one_of_its_quorum,
	     "What is committed while the leader's own disk works survives it (pitfall 5)"),
	CASE(hung_leader_steps_down,
	     "A leader whose write hangs steps down and does not stand (design 8)"),
	CASE(slow_is_not_hung, "A disk that is slow and moves is not hung"),
	CASE(start_reads_what_was_replaced,
	     "A start replaces what was replaced, and refuses terms that fall or are unknown"),
	CASE(start_knows_what_is_committed,
	     "A start never cuts what is committed, nor hands it out again (pitfalls 12, 15)"),
	CASE(start_with_a_long_log, "A log longer than memory is read and applied in pieces"),
	CASE(begins_behind_a_snapshot, "A cluster begins behind a snapshot, once, by a voter"),
	{}
};

static struct kunit_suite raft_stores = {
	.name = "raft-store",
	.test_cases = store,
};

kunit_test_suite(raft_stores);

MODULE_LICENSE("GPL");
