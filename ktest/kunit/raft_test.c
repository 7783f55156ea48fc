// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of Raft on a single node, against messages made by hand. A case is
 * named for the sentence it checks: of "In Search of an Understandable
 * Consensus Algorithm" where a section or figure is given, of the thesis where
 * it says so, or for the mistake it must not repeat ("pitfall").
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include "raft_bench.h"

#define CASE(f, text) { .run_case = f, .name = text }

/* The only answer; a test ends where there is none. */
static const struct raft_msg *answer(struct bench *b)
{
	KUNIT_ASSERT_EQ(b->test, b->n_queue, 1);
	return &b->queue[0].m;
}

/* An append of entries with the given terms, each of one byte. */
static void feed(struct bench *b, unsigned int i, u64 term, u64 prev,
		 u64 prev_term, u64 commit, const u8 *terms, u16 n)
{
	struct raft_entry e[8];
	u16 k;

	for (k = 0; k < n; k++)
		e[k] = (struct raft_entry){ .term = terms[k], .data = &terms[k],
					    .len = 1, .kind = RAFT_COMMAND };
	hear(b, i, 0, (struct raft_msg){
		.type = RAFT_APPEND, .term = term, .index = prev,
		.log_term = prev_term, .commit = commit, .n_entries = n,
		.entries = n ? e : NULL, .id = b->said + 100 });
}

/* One entry of term 1 behind (@prev, 1), in term 1. */
static struct raft_msg carrying(const struct raft_entry *e, u64 prev, u64 id)
{
	return (struct raft_msg){ .type = RAFT_APPEND, .term = 1, .id = id,
				  .index = prev, .log_term = !!prev,
				  .n_entries = 1, .entries = e };
}

/* Node 1 of three, with the configuration and then commands of these terms. */
static struct bench *follower(struct kunit *test, const u8 *terms, u16 n)
{
	struct bench *b = bench_new(test, 3);
	u8 buf[RAFT_CONFIG_BYTES_MAX];
	struct raft_entry e = { .term = 1, .data = buf, .kind = RAFT_MEMBERS };

	e.len = raft_config_encode(&b->config, buf);
	hear(b, 1, 0, carrying(&e, 0, 1));
	KUNIT_ASSERT_EQ(test, raft_last_index(b->node[1].r), 1);
	if (n)
		feed(b, 1, terms[n - 1], 1, 1, 0, terms, n);
	KUNIT_ASSERT_EQ(test, raft_last_index(b->node[1].r), n + 1);
	return b;
}

static void older_term(struct kunit *test)
{
	static const u8 terms[] = { 3 };
	static const u8 asks[] = { RAFT_APPEND, RAFT_VOTE, RAFT_PREVOTE };
	struct raft_msg m = { .term = 2, .id = 9, .index = 50, .log_term = 2 };
	struct bench *b = follower(test, terms, 1);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(asks); i++) {
		m.type = asks[i];
		hear(b, 1, 2, m);
		KUNIT_EXPECT_EQ(test, answer(b)->type, asks[i] + 1);
		KUNIT_EXPECT_TRUE(test, answer(b)->flags & RAFT_MSG_REJECT);
		KUNIT_EXPECT_EQ(test, answer(b)->term, 3);
	}
	hear(b, 1, 2, (struct raft_msg){ .type = RAFT_VOTE_REPLY, .term = 2 });
	KUNIT_EXPECT_EQ(test, b->n_queue, 0);
	KUNIT_EXPECT_EQ(test, raft_term(b->node[1].r), 3);
}

static void newer_term(struct kunit *test)
{
	struct raft_msg m = { .type = RAFT_APPEND_REPLY, .term = 9,
			      .flags = RAFT_MSG_REJECT, .id = 1 };
	struct bench *b = bench_cluster(test, 3);

	hear(b, 0, 1, m);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[0].r), RAFT_FOLLOWER);
	KUNIT_EXPECT_EQ(test, raft_term(b->node[0].r), 9);
	KUNIT_EXPECT_EQ(test, b->node[0].hard.term, 9);
	KUNIT_EXPECT_FALSE(test, raft_id_some(b->node[0].hard.vote));
}

static void prev_must_match(struct kunit *test)
{
	static const u8 terms[] = { 1, 1, 2 };
	struct bench *b = follower(test, terms, 3);

	/* Beyond the end: the hint is the end. */
	feed(b, 1, 3, 9, 3, 0, NULL, 0);
	KUNIT_EXPECT_TRUE(test, answer(b)->flags & RAFT_MSG_REJECT);
	KUNIT_EXPECT_EQ(test, answer(b)->index, 9);
	KUNIT_EXPECT_EQ(test, answer(b)->hint, 4);
	KUNIT_EXPECT_EQ(test, answer(b)->hint_term, 2);
	/* Another term there: no entry of ours with a later term can agree. */
	feed(b, 1, 3, 4, 1, 0, NULL, 0);
	KUNIT_EXPECT_TRUE(test, answer(b)->flags & RAFT_MSG_REJECT);
	KUNIT_EXPECT_EQ(test, answer(b)->hint, 3);
	KUNIT_EXPECT_EQ(test, answer(b)->hint_term, 1);
	KUNIT_EXPECT_EQ(test, raft_last_index(b->node[1].r), 4);
}

static void conflict_deletes(struct kunit *test)
{
	static const u8 terms[] = { 1, 1, 1, 1 }, other[] = { 2 };
	struct bench *b = follower(test, terms, 4);
	struct raft_entry e;

	feed(b, 1, 2, 3, 1, 0, other, 1);
	KUNIT_EXPECT_EQ(test, raft_last_index(b->node[1].r), 4);
	KUNIT_ASSERT_EQ(test, raft_entry(b->node[1].r, 4, &e), 0);
	KUNIT_EXPECT_EQ(test, e.term, 2);
	KUNIT_EXPECT_EQ(test, b->node[1].first, 4);
	KUNIT_EXPECT_EQ(test, answer(b)->index, 4);
}

static void old_append_is_harmless(struct kunit *test)
{
	static const u8 terms[] = { 1, 1, 1, 1 };
	struct bench *b = follower(test, terms, 4);
	u64 persists = b->node[1].persists;

	feed(b, 1, 1, 1, 1, 0, terms, 2);
	KUNIT_EXPECT_EQ(test, raft_last_index(b->node[1].r), 5);
	KUNIT_EXPECT_EQ(test, b->node[1].persists, persists);
	KUNIT_EXPECT_FALSE(test, answer(b)->flags & RAFT_MSG_REJECT);
	KUNIT_EXPECT_EQ(test, answer(b)->index, 5);
}

static void commit_is_bounded(struct kunit *test)
{
	static const u8 terms[] = { 1, 1, 1, 1 }, two[] = { 2 };
	struct bench *b = follower(test, terms, 4);

	/* Entries 4 and 5 may not be the new leader's. */
	feed(b, 1, 2, 3, 1, 9, NULL, 0);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[1].r), 3);
	KUNIT_EXPECT_EQ(test, b->node[1].applied, 3);
	KUNIT_EXPECT_EQ(test, answer(b)->index, 3);
	feed(b, 1, 2, 3, 1, 9, two, 1);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[1].r), 4);
}

static struct raft_msg ballot(u8 type, u64 term, u64 index, u64 log_term)
{
	return (struct raft_msg){ .type = type, .term = term, .index = index,
				  .log_term = log_term };
}

static void one_vote_a_term(struct kunit *test)
{
	struct bench *b = bench_new(test, 3);

	hear(b, 1, 0, ballot(RAFT_VOTE, 5, 0, 0));
	KUNIT_EXPECT_FALSE(test, answer(b)->flags & RAFT_MSG_REJECT);
	KUNIT_EXPECT_TRUE(test, raft_id_eq(b->node[1].hard.vote, id_of(0)));
	hear(b, 1, 2, ballot(RAFT_VOTE, 5, 0, 0));
	KUNIT_EXPECT_TRUE(test, answer(b)->flags & RAFT_MSG_REJECT);
	/* Asked again, as after a loss. */
	hear(b, 1, 0, ballot(RAFT_VOTE, 5, 0, 0));
	KUNIT_EXPECT_FALSE(test, answer(b)->flags & RAFT_MSG_REJECT);
	/* Nobody is nobody's name (pitfall 3). */
	hear(b, 1, 2, (struct raft_msg){ .type = RAFT_VOTE, .term = 5 });
	KUNIT_EXPECT_TRUE(test, answer(b)->flags & RAFT_MSG_REJECT);
}

static void log_decides(struct kunit *test)
{
	static const u8 terms[] = { 1, 2, 2 };	/* ours ends (4, 2) */
	static const struct {
		u64 index, term;
		bool grant;
	} theirs[] = {
		{ 4, 2, true }, { 5, 2, true }, { 2, 3, true },
		{ 3, 2, false }, { 9, 1, false }, { 0, 0, false },
	};
	unsigned int i, pre;
	struct bench *b;

	for (i = 0; i < ARRAY_SIZE(theirs); i++) {
		for (pre = 0; pre < 2; pre++) {
			b = follower(test, terms, 3);
			b->now += 200 * MS;
			hear(b, 1, 2, ballot(pre ? RAFT_PREVOTE : RAFT_VOTE, 7,
					     theirs[i].index, theirs[i].term));
			KUNIT_EXPECT_EQ(test, theirs[i].grant,
					!(answer(b)->flags & RAFT_MSG_REJECT));
			KUNIT_EXPECT_EQ(test, raft_term(b->node[1].r),
					pre ? 2 : 7);
		}
	}
}

static void vote_waits_for_storage(struct kunit *test)
{
	struct bench *b = bench_new(test, 3);

	b->node[1].manual = true;
	hear(b, 1, 0, ballot(RAFT_VOTE, 5, 0, 0));
	KUNIT_EXPECT_EQ(test, answer(b)->after, b->node[1].seq);
	KUNIT_EXPECT_NE(test, answer(b)->after, 0);
	/* A refusal tells of the new term, and waits too. */
	hear(b, 1, 2, ballot(RAFT_VOTE, 5, 0, 0));
	KUNIT_EXPECT_EQ(test, answer(b)->after, b->node[1].seq);
	store_done(b, 1);
	hear(b, 1, 0, ballot(RAFT_VOTE, 5, 0, 0));
	KUNIT_EXPECT_EQ(test, answer(b)->after, 0);
}

static void own_vote_waits_too(struct kunit *test)
{
	struct bench *b = bench_new(test, 1);

	b->node[0].manual = true;
	KUNIT_ASSERT_EQ(test, raft_bootstrap(b->node[0].r, b->now, &b->config,
					     NULL, 0), 0);
	bench_drain(b, 0);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[0].r), RAFT_CANDIDATE);
	store_done(b, 0);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[0].r), RAFT_LEADER);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 0);
	store_done(b, 0);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 2);
}

static void ack_waits_for_storage(struct kunit *test)
{
	static const u8 terms[] = { 1, 1 };
	struct bench *b = follower(test, NULL, 0);

	b->node[1].manual = true;
	feed(b, 1, 1, 1, 1, 0, terms, 2);
	KUNIT_EXPECT_EQ(test, b->n_queue, 0);
	/* A heartbeat is answered at once, with what is durable. */
	feed(b, 1, 1, 3, 1, 0, NULL, 0);
	KUNIT_EXPECT_EQ(test, answer(b)->index, 1);
	bench_drop_all(b);
	store_done(b, 1);
	KUNIT_EXPECT_EQ(test, answer(b)->index, 3);
}

static void replaced_entry_proves_nothing(struct kunit *test)
{
	static const u8 one[] = { 1, 1 }, two[] = { 2, 2 }, three[] = { 1, 1, 3 };
	struct bench *b = follower(test, NULL, 0);
	struct node *nd = &b->node[1];
	u64 first, second;

	nd->manual = true;
	feed(b, 1, 1, 1, 1, 0, one, 2);
	first = nd->seq;
	feed(b, 1, 2, 1, 1, 0, two, 2);
	second = nd->seq;
	feed(b, 1, 3, 1, 1, 0, three, 3);
	bench_drop_all(b);
	/* (3, term 1) is in the log again, but the disk is about to lose it. */
	raft_persisted(nd->r, b->now, first, 1, 3);
	bench_drain(b, 1);
	KUNIT_EXPECT_EQ(test, raft_durable_index(nd->r), 1);
	raft_persisted(nd->r, b->now, second, 2, 3);
	bench_drain(b, 1);
	KUNIT_EXPECT_EQ(test, raft_durable_index(nd->r), 1);
	KUNIT_EXPECT_EQ(test, b->n_queue, 0);
	store_done(b, 1);
	KUNIT_EXPECT_EQ(test, raft_durable_index(nd->r), 4);
	KUNIT_EXPECT_EQ(test, answer(b)->index, 4);
}

static void completions_may_be_merged(struct kunit *test)
{
	static const u8 terms[] = { 1, 1 };
	struct bench *b = follower(test, NULL, 0);

	b->node[1].manual = true;
	feed(b, 1, 1, 1, 1, 0, terms, 1);
	feed(b, 1, 1, 2, 1, 0, terms, 1);
	hear(b, 1, 2, ballot(RAFT_VOTE, 1, 0, 0));
	store_done(b, 1);
	KUNIT_EXPECT_EQ(test, raft_durable_index(b->node[1].r), 3);
}

static void blank_node_never_stands(struct kunit *test)
{
	struct bench *b = bench_new(test, 3);

	bench_wait(b, 2000 * MS, false);
	KUNIT_EXPECT_EQ(test, b->said, 0);
	raft_campaign(b->node[0].r, b->now);
	bench_drain(b, 0);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[0].r), RAFT_FOLLOWER);
	KUNIT_EXPECT_EQ(test, raft_deadline(b->node[0].r), U64_MAX);
}

static void learner_never_stands(struct kunit *test)
{
	struct bench *b = bench_new(test, 3);

	b->config.n_voters = 2;
	KUNIT_ASSERT_EQ(test, raft_bootstrap(b->node[0].r, b->now, &b->config,
					     NULL, 0), 0);
	bench_drain(b, 0);
	bench_settle(b);
	bench_wait(b, 100 * MS, true);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[2].r), 2);
	KUNIT_EXPECT_FALSE(test, raft_is_voter(b->node[2].r));
	b->node[0].cut_off = true;
	b->node[1].cut_off = true;
	bench_wait(b, 2000 * MS, true);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[2].r), RAFT_FOLLOWER);
	KUNIT_EXPECT_FALSE(test, raft_id_some(raft_leader(b->node[2].r)));
}

static void prevote_asks_first(struct kunit *test)
{
	struct bench *b = follower(test, NULL, 0);

	bench_drop_all(b);
	bench_wait(b, 301 * MS, false);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r), RAFT_PRECANDIDATE);
	KUNIT_EXPECT_EQ(test, raft_term(b->node[1].r), 1);
	KUNIT_EXPECT_EQ(test, b->queue[0].m.type, RAFT_PREVOTE);
	KUNIT_EXPECT_EQ(test, b->queue[0].m.term, 2);
	hear(b, 1, 2, ballot(RAFT_PREVOTE_REPLY, 2, 0, 0));
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r), RAFT_CANDIDATE);
	KUNIT_EXPECT_EQ(test, raft_term(b->node[1].r), 2);
	KUNIT_EXPECT_EQ(test, b->n_queue, 2);
	hear(b, 1, 0, ballot(RAFT_VOTE_REPLY, 2, 0, 0));
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r), RAFT_LEADER);
}

static void stale_votes_do_not_count(struct kunit *test)
{
	struct bench *b = follower(test, NULL, 0);

	bench_wait(b, 301 * MS, false);
	hear(b, 1, 2, ballot(RAFT_PREVOTE_REPLY, 2, 0, 0));
	hear(b, 1, 0, ballot(RAFT_VOTE_REPLY, 1, 0, 0));
	hear(b, 1, 0, ballot(RAFT_PREVOTE_REPLY, 2, 0, 0));
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r), RAFT_CANDIDATE);
	/* A stranger's vote is none either (pitfall 23). */
	hear(b, 1, 6, ballot(RAFT_VOTE_REPLY, 2, 0, 0));
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r), RAFT_CANDIDATE);
}

static void voters_stick_to_a_live_leader(struct kunit *test)
{
	struct bench *b = follower(test, NULL, 0);
	struct raft_msg wish = ballot(RAFT_VOTE, 2, 9, 1);

	hear(b, 1, 2, ballot(RAFT_VOTE, 2, 9, 1));
	KUNIT_EXPECT_EQ(test, b->n_queue, 0);
	hear(b, 1, 2, ballot(RAFT_PREVOTE, 2, 9, 1));
	KUNIT_EXPECT_EQ(test, b->n_queue, 0);
	KUNIT_EXPECT_EQ(test, raft_term(b->node[1].r), 1);
	wish.flags = RAFT_MSG_TRANSFER;
	hear(b, 1, 2, wish);
	KUNIT_EXPECT_FALSE(test, answer(b)->flags & RAFT_MSG_REJECT);
}

static void patience_is_random(struct kunit *test)
{
	struct bench *b = follower(test, NULL, 0);
	u64 at[8], low = 0, high = 0;
	unsigned int i;

	for (i = 0; i < 8; i++) {
		feed(b, 1, 1, 1, 1, 0, NULL, 0);
		at[i] = raft_deadline(b->node[1].r) - b->now;
		KUNIT_EXPECT_GE(test, at[i], ELECTION_MIN_MS * MS);
		KUNIT_EXPECT_LE(test, at[i], ELECTION_MAX_MS * MS);
		low |= at[i] < 225 * MS;
		high |= at[i] >= 225 * MS;
		KUNIT_EXPECT_TRUE(test, !i || at[i] != at[i - 1]);
	}
	KUNIT_EXPECT_TRUE(test, low && high);
}

static void committed_conflict_stops(struct kunit *test)
{
	static const u8 terms[] = { 1, 1 }, other[] = { 2 };
	struct bench *b = follower(test, terms, 2);

	feed(b, 1, 1, 3, 1, 3, NULL, 0);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[1].r), 3);
	feed(b, 1, 2, 1, 1, 0, other, 1);
	KUNIT_EXPECT_TRUE(test, !!raft_failed(b->node[1].r));
	KUNIT_EXPECT_EQ(test, b->n_queue, 0);
	feed(b, 1, 2, 3, 1, 0, NULL, 0);
	KUNIT_EXPECT_EQ(test, b->n_queue, 0);
}

static void two_leaders_stop(struct kunit *test)
{
	struct bench *b = follower(test, NULL, 0);

	hear(b, 1, 2, (struct raft_msg){ .type = RAFT_APPEND, .term = 1, .id = 1 });
	KUNIT_EXPECT_TRUE(test, !!raft_failed(b->node[1].r));
}

static void configuration_rolls_back(struct kunit *test)
{
	static const u8 two[] = { 2 };
	struct bench *b = follower(test, NULL, 0);
	struct raft_config more = b->config;
	u8 buf[RAFT_CONFIG_BYTES_MAX];
	struct raft_entry e = { .term = 1, .data = buf, .kind = RAFT_MEMBERS };

	more.member[more.n++] = id_of(8);
	e.len = raft_config_encode(&more, buf);
	hear(b, 1, 0, carrying(&e, 1, 2));
	KUNIT_EXPECT_EQ(test, raft_config(b->node[1].r)->n, 4);
	KUNIT_EXPECT_EQ(test, raft_config_at(b->node[1].r, 1)->n, 3);
	KUNIT_EXPECT_EQ(test, raft_peer_count(b->node[1].r), 3);
	feed(b, 1, 2, 1, 1, 0, two, 1);
	KUNIT_EXPECT_EQ(test, raft_config(b->node[1].r)->n, 3);
	KUNIT_EXPECT_EQ(test, raft_peer_count(b->node[1].r), 2);
}

static void bad_configurations(struct kunit *test)
{
	struct raft_config c = { .n = 2, .n_voters = 1,
				 .member = { id_of(0), id_of(1) } }, got;
	u8 buf[RAFT_CONFIG_BYTES_MAX];
	u16 len = raft_config_encode(&c, buf);

	KUNIT_ASSERT_EQ(test, raft_config_decode(&got, buf, len), 0);
	KUNIT_EXPECT_TRUE(test, raft_id_eq(got.member[1], id_of(1)));
	KUNIT_EXPECT_EQ(test, raft_config_decode(&got, buf, len - 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, raft_config_decode(&got, buf, 0), -EINVAL);
	buf[2] = 1;
	KUNIT_EXPECT_EQ(test, raft_config_decode(&got, buf, len), -EINVAL);
	buf[2] = 0;
	buf[1] = 3;
	KUNIT_EXPECT_EQ(test, raft_config_decode(&got, buf, len), -EINVAL);
	buf[1] = 0;
	KUNIT_EXPECT_EQ(test, raft_config_decode(&got, buf, len), -EINVAL);
	c.member[1] = c.member[0];
	KUNIT_EXPECT_EQ(test, raft_config_encode(&c, buf), 0);
	c.member[1] = RAFT_NOBODY;
	KUNIT_EXPECT_EQ(test, raft_config_encode(&c, buf), 0);
	c.n = RAFT_MEMBERS_MAX + 1;
	KUNIT_EXPECT_EQ(test, raft_config_encode(&c, buf), 0);
}

static void full_follower_drops(struct kunit *test)
{
	static const u8 terms[] = { 1 };
	struct bench *b = follower(test, NULL, 0);
	u64 i;

	for (i = 1; i < SLOTS; i++)
		feed(b, 1, 1, i, 1, 0, terms, 1);
	KUNIT_ASSERT_EQ(test, raft_last_index(b->node[1].r), SLOTS);
	feed(b, 1, 1, SLOTS, 1, 0, terms, 1);
	KUNIT_EXPECT_EQ(test, b->n_queue, 0);
	feed(b, 1, 1, SLOTS, 1, SLOTS, NULL, 0);
	KUNIT_EXPECT_EQ(test, answer(b)->index, SLOTS);
	raft_compact(b->node[1].r, 100);
	KUNIT_EXPECT_EQ(test, raft_first_index(b->node[1].r), 101);
	feed(b, 1, 1, SLOTS, 1, 0, terms, 1);
	KUNIT_EXPECT_EQ(test, answer(b)->index, SLOTS + 1);
}

static void nonsense_is_dropped(struct kunit *test)
{
	static const u8 down[] = { 2, 1 }, late[] = { 9 };
	struct bench *b = follower(test, NULL, 0);
	struct raft_msg m = { .type = 99, .term = 1 };

	hear(b, 1, 0, m);
	m.type = 0;
	hear(b, 1, 0, m);
	m.type = RAFT_APPEND;
	m.n_entries = RAFT_BATCH_MAX + 1;
	hear(b, 1, 0, m);
	m.n_entries = 1;
	hear(b, 1, 0, m);
	m.n_entries = 0;
	m.term = ~0ULL;
	hear(b, 1, 0, m);
	m.term = 0;
	hear(b, 1, 0, m);
	feed(b, 1, 2, 1, 1, 0, down, 2);
	feed(b, 1, 2, 1, 1, 0, late, 1);
	KUNIT_EXPECT_EQ(test, b->n_queue, 0);
	KUNIT_EXPECT_EQ(test, raft_last_index(b->node[1].r), 1);
	KUNIT_EXPECT_TRUE(test, !raft_failed(b->node[1].r));
}

static struct kunit_case rules[] = {
	CASE(older_term,
	     "Reply false if term < currentTerm (figure 2); the sender learns it (pitfall 28)"),
	CASE(newer_term,
	     "If RPC contains term T > currentTerm: set currentTerm, convert to follower (5.1)"),
	CASE(prev_must_match,
	     "Reply false if log has no entry at prevLogIndex whose term matches (figure 2)"),
	CASE(conflict_deletes,
	     "If an entry conflicts with a new one, delete it and all that follow (figure 2)"),
	CASE(old_append_is_harmless,
	     "A late append of a prefix of the log truncates nothing (pitfalls 16, 17)"),
	CASE(commit_is_bounded,
	     "commitIndex = min(leaderCommit, index of last new entry) (figure 2, pitfall 19)"),
	CASE(one_vote_a_term,
	     "Each server will vote for at most one candidate in a given term (5.2, pitfall 3)"),
	CASE(log_decides,
	     "The voter denies its vote if its own log is more up-to-date (5.4.1, pitfall 27)"),
	CASE(vote_waits_for_storage,
	     "A vote and a new term are shown only once they are durable (pitfalls 1 and 2)"),
	CASE(own_vote_waits_too,
	     "A sole voter leads once its vote is durable, commits once entries are (pitfall 4)"),
	CASE(ack_waits_for_storage,
	     "Entries are acknowledged only once they are durable (pitfall 4)"),
	CASE(replaced_entry_proves_nothing,
	     "The completion of an entry since replaced proves nothing (pitfall 6)"),
	CASE(completions_may_be_merged,
	     "Several persists may be reported by the last of them alone"),
	CASE(blank_node_never_stands,
	     "A node without a configuration never stands and never wakes"),
	CASE(learner_never_stands,
	     "A learner is replicated to and never stands (thesis 4.2.1, pitfall 46)"),
	CASE(prevote_asks_first,
	     "A term is incremented only if a majority would grant its votes (thesis 9.6)"),
	CASE(stale_votes_do_not_count,
	     "Votes of an earlier term, a PreVote or a stranger do not count (pitfalls 23, 26)"),
	CASE(voters_stick_to_a_live_leader,
	     "RequestVote soon after hearing from a leader changes nothing (thesis 4.2.3)"),
	CASE(patience_is_random,
	     "Election timeouts are chosen randomly from a fixed interval (5.2, pitfall 34)"),
	CASE(committed_conflict_stops,
	     "An entry that conflicts with a committed one stops the node (design 2.8)"),
	CASE(two_leaders_stop,
	     "At most one leader can be elected in a given term (figure 3); two stop the node"),
	CASE(configuration_rolls_back,
	     "A configuration is in force when appended, goes with its entry (4.1, pitfall 42)"),
	CASE(bad_configurations,
	     "A malformed configuration is refused on both ways"),
	CASE(full_follower_drops,
	     "A full log takes and acknowledges nothing more until it is compacted (design 2.9)"),
	CASE(nonsense_is_dropped, "What no correct sender sends is dropped"),
	{}
};

static struct kunit_suite raft_rules = {
	.name = "raft-rules",
	.test_cases = rules,
};

kunit_test_suite(raft_rules);

MODULE_LICENSE("GPL");
