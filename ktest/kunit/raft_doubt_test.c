// SPDX-License-Identifier: GPL-2.0
/*
 * Storage that may have lost its end (design 8), and state that differs (design
 * 7): on nodes of which some forget what they wrote. kmod/raft/doubt.c says why
 * each rule is needed.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include "raft_bench.h"

#define CASE(f, text) { .run_case = f, .name = text }

/* Three or five nodes, led by node 0 in term 2; entry 2 is its no-op. */
static struct bench *led(struct kunit *test, unsigned int n)
{
	struct bench *b = bench_cluster(test, n);

	bench_wait(b, 40 * MS, true);
	KUNIT_ASSERT_EQ(test, raft_term(b->node[0].r), 2);
	KUNIT_ASSERT_EQ(test, raft_commit(b->node[1].r), 2);
	return b;
}

static struct raft_hard hard_of(u64 term, struct raft_id vote)
{
	return (struct raft_hard){ .term = term, .vote = vote };
}

static struct raft_msg ballot(u8 type, u64 term, u64 index, u64 log_term)
{
	return (struct raft_msg){ .type = type, .term = term, .index = index,
				  .log_term = log_term };
}

/* Durable up to @index. */
static struct raft_msg has(u64 term, u64 id, u64 index)
{
	return (struct raft_msg){ .type = RAFT_APPEND_REPLY, .term = term,
				  .id = id, .index = index };
}

static struct raft_msg marked(struct raft_msg m)
{
	m.flags |= RAFT_MSG_DOUBT;
	return m;
}

/* The only answer; a test ends where there is none. */
static const struct raft_msg *answer(struct bench *b)
{
	KUNIT_ASSERT_EQ(b->test, b->n_queue, 1);
	return &b->queue[0].m;
}

static unsigned int count(const struct bench *b, u8 type, u8 flags)
{
	unsigned int i, n = 0;

	for (i = 0; i < b->n_queue; i++)
		n += b->queue[i].m.type == type &&
		     b->queue[i].m.flags == flags;
	return n;
}

/* Node @i is patient no longer; it has asked for PreVotes. */
static void lose_patience(struct bench *b, unsigned int i)
{
	u64 end = b->now + ELECTION_MAX_MS * MS;

	while (raft_role(b->node[i].r) == RAFT_FOLLOWER && b->now < end) {
		b->now += MS;
		raft_tick(b->node[i].r, b->now);
		bench_drain(b, i);
	}
	KUNIT_ASSERT_EQ(b->test, raft_role(b->node[i].r), RAFT_PRECANDIDATE);
}

static void votes_are_marked(struct kunit *test)
{
	struct bench *b = led(test, 3);

	bench_restart(b, 1, 2, hard_of(2, id_of(0)), RAFT_DOUBT_LOG);
	hear(b, 1, 2, ballot(RAFT_PREVOTE, 3, 2, 2));
	KUNIT_EXPECT_EQ(test, answer(b)->flags, RAFT_MSG_DOUBT);
	hear(b, 1, 2, ballot(RAFT_VOTE, 3, 2, 2));
	KUNIT_EXPECT_EQ(test, answer(b)->flags, RAFT_MSG_DOUBT);
	KUNIT_EXPECT_TRUE(test, raft_id_eq(raft_vote(b->node[1].r), id_of(2)));
	/* What is left of its log decides as ever. */
	hear(b, 1, 2, ballot(RAFT_VOTE, 4, 1, 1));
	KUNIT_EXPECT_EQ(test, answer(b)->flags, RAFT_MSG_REJECT);
}

static void marked_votes_need_all(struct kunit *test)
{
	struct bench *b = led(test, 5);
	struct raft_msg yes = ballot(RAFT_PREVOTE_REPLY, 3, 0, 0);

	bench_drop_all(b);
	lose_patience(b, 1);
	hear(b, 1, 2, marked(yes));
	hear(b, 1, 3, marked(yes));
	hear(b, 1, 4, yes);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r), RAFT_PRECANDIDATE);
	hear(b, 1, 0, marked(yes));
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r), RAFT_CANDIDATE);
	yes.type = RAFT_VOTE_REPLY;
	hear(b, 1, 2, marked(yes));
	hear(b, 1, 3, marked(yes));
	hear(b, 1, 4, yes);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r), RAFT_CANDIDATE);
	/* Three unmarked ones are a majority, whatever the others say. */
	hear(b, 1, 0, yes);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r), RAFT_LEADER);
}

static void own_candidacy_is_marked(struct kunit *test)
{
	struct bench *b = led(test, 3);

	bench_restart(b, 1, 2, hard_of(2, id_of(0)), RAFT_DOUBT_LOG);
	b->node[0].cut_off = true;
	bench_drop_all(b);
	lose_patience(b, 1);
	KUNIT_EXPECT_EQ(test, count(b, RAFT_PREVOTE, RAFT_MSG_DOUBT), 2);
	hear(b, 1, 2, ballot(RAFT_PREVOTE_REPLY, 3, 0, 0));
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r), RAFT_PRECANDIDATE);
	hear(b, 1, 0, ballot(RAFT_PREVOTE_REPLY, 3, 0, 0));
	KUNIT_EXPECT_EQ(test, count(b, RAFT_VOTE, RAFT_MSG_DOUBT), 2);
	hear(b, 1, 2, ballot(RAFT_VOTE_REPLY, 3, 0, 0));
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r), RAFT_CANDIDATE);
	hear(b, 1, 0, ballot(RAFT_VOTE_REPLY, 3, 0, 0));
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r), RAFT_LEADER);
	/* It has what is committed when its own first entry is. */
	KUNIT_EXPECT_EQ(test, raft_doubt(b->node[1].r), RAFT_DOUBT_LOG);
	hear(b, 1, 2, has(3, 1, 3));
	KUNIT_EXPECT_EQ(test, raft_doubt(b->node[1].r), RAFT_SURE);
}

static void ends_with_what_is_committed(struct kunit *test)
{
	struct bench *b = led(test, 3);
	struct raft_msg m = { .type = RAFT_APPEND, .term = 3, .id = 9 };
	struct raft_entry e = { .term = 3, .kind = RAFT_NOOP };

	b->node[0].cut_off = true;
	bench_restart(b, 1, 1, hard_of(2, id_of(0)), RAFT_DOUBT_LOG);
	/* All that is committed, but the last of it may have been counted. */
	m.index = 1;
	m.log_term = 1;
	m.commit = 1;
	hear(b, 1, 2, m);
	KUNIT_EXPECT_EQ(test, raft_doubt(b->node[1].r), RAFT_DOUBT_LOG);
	/* An entry of the leader's term, but not yet committed. */
	m.entries = &e;
	m.n_entries = 1;
	b->node[1].manual = true;
	hear(b, 1, 2, m);
	KUNIT_EXPECT_EQ(test, raft_doubt(b->node[1].r), RAFT_DOUBT_LOG);
	/* More is committed than this append brings. */
	m.commit = 3;
	hear(b, 1, 2, m);
	KUNIT_EXPECT_EQ(test, raft_doubt(b->node[1].r), RAFT_DOUBT_LOG);
	/* All of it, but not durable. */
	m.commit = 2;
	hear(b, 1, 2, m);
	KUNIT_EXPECT_EQ(test, raft_doubt(b->node[1].r), RAFT_DOUBT_LOG);
	store_done(b, 1);
	KUNIT_EXPECT_EQ(test, raft_doubt(b->node[1].r), RAFT_SURE);
}

static void lost_acknowledgment_counts_no_more(struct kunit *test)
{
	struct bench *b = led(test, 5);
	struct raft_peer_status st;
	unsigned int i;

	for (i = 2; i < 5; i++)
		b->node[i].cut_off = true;
	bench_propose(b, 0, 7);
	bench_drain(b, 0);
	bench_settle(b);
	raft_peer_status(b->node[0].r, 0, &st);
	KUNIT_ASSERT_EQ(test, st.match, 3);
	KUNIT_ASSERT_EQ(test, raft_commit(b->node[0].r), 2);
	/* Node 1 loses entry 3; with node 2 there would have been three. */
	bench_restart(b, 1, 2, hard_of(2, id_of(0)), RAFT_DOUBT_LOG);
	bench_forget_mail(b, 1);
	hear(b, 0, 2, has(2, 1, 3));
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 2);
	bench_wait(b, 60 * MS, true);
	KUNIT_EXPECT_EQ(test, raft_last_index(b->node[1].r), 3);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 3);
}

/* Node 1 may have forgotten a vote; it was in term 2 as far as it knows. */
static struct bench *forgetful(struct kunit *test, unsigned int n)
{
	struct bench *b = led(test, n);

	bench_restart(b, 1, 2, hard_of(2, RAFT_NOBODY), RAFT_DOUBT_VOTE);
	bench_drop_all(b);
	return b;
}

static void takes_no_part(struct kunit *test)
{
	struct bench *b = forgetful(test, 3);
	struct raft_entry e = { .term = 2, .kind = RAFT_NOOP };
	struct raft_msg m = { .type = RAFT_APPEND, .term = 2, .id = 9, .index = 2,
			      .log_term = 2, .commit = 2, .entries = &e,
			      .n_entries = 1 };

	hear(b, 1, 2, ballot(RAFT_VOTE, 3, 9, 2));
	KUNIT_EXPECT_EQ(test, answer(b)->flags, RAFT_MSG_REJECT | RAFT_MSG_DOUBT);
	m.term = 3;
	hear(b, 1, 0, m);
	/* The entry is there and durable; the leader learns what to send. */
	KUNIT_EXPECT_EQ(test, raft_durable_index(b->node[1].r), 3);
	KUNIT_EXPECT_EQ(test, answer(b)->flags, RAFT_MSG_REJECT);
	KUNIT_EXPECT_EQ(test, answer(b)->index, 4);
	KUNIT_EXPECT_EQ(test, answer(b)->hint, 3);
	bench_drop_all(b);
	b->node[0].cut_off = true;
	b->node[2].cut_off = true;
	bench_wait(b, 1000 * MS, false);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r), RAFT_FOLLOWER);
	raft_campaign(b->node[1].r, b->now);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r), RAFT_FOLLOWER);
}

static void asks_and_goes_on(struct kunit *test)
{
	struct bench *b = forgetful(test, 3);

	raft_tick(b->node[1].r, b->now);
	bench_drain(b, 1);
	KUNIT_EXPECT_EQ(test, count(b, RAFT_PREVOTE, RAFT_MSG_DOUBT), 2);
	bench_settle(b);
	/* The vote in the present term may have been given: it is spent. */
	KUNIT_EXPECT_TRUE(test, raft_id_eq(b->node[1].hard.vote, id_of(1)));
	KUNIT_EXPECT_EQ(test, b->node[1].hard.term, 2);
	hear(b, 1, 2, ballot(RAFT_PREVOTE, 2, 9, 2));
	KUNIT_EXPECT_TRUE(test, answer(b)->flags & RAFT_MSG_REJECT);
	KUNIT_EXPECT_EQ(test, raft_doubt(b->node[1].r), RAFT_DOUBT_VOTE);
	/* Nobody was disturbed, and one heartbeat ends it. */
	bench_wait(b, 40 * MS, true);
	KUNIT_EXPECT_EQ(test, raft_doubt(b->node[1].r), RAFT_SURE);
	KUNIT_EXPECT_EQ(test, bench_leader(b), 0);
	KUNIT_EXPECT_EQ(test, raft_term(b->node[0].r), 2);
}

static void asks_again(struct kunit *test)
{
	struct bench *b = forgetful(test, 3);
	struct raft_msg no = ballot(RAFT_PREVOTE_REPLY, 2, 0, 0);

	no.flags = RAFT_MSG_REJECT;
	hear(b, 1, 0, no);
	hear(b, 1, 0, no);
	/* Who does not know its own term is no answer. */
	hear(b, 1, 2, marked(no));
	KUNIT_EXPECT_FALSE(test, raft_id_some(raft_vote(b->node[1].r)));
	bench_drop_all(b);
	bench_wait(b, 2 * HEARTBEAT_MS * MS, false);
	KUNIT_EXPECT_GE(test, count(b, RAFT_PREVOTE, RAFT_MSG_DOUBT), 2);
	/* A later term is taken over before it goes on. */
	no.term = 7;
	hear(b, 1, 2, no);
	KUNIT_EXPECT_EQ(test, b->node[1].hard.term, 7);
	KUNIT_EXPECT_TRUE(test, raft_id_eq(b->node[1].hard.vote, id_of(1)));
}

static void everybody_answers(struct kunit *test)
{
	struct bench *b = led(test, 3);
	struct raft_msg m = marked(ballot(RAFT_PREVOTE, 3, 9, 9));
	unsigned int i;

	/* Leader and follower stick (thesis 4.2.3), and say their term. */
	for (i = 0; i < 2; i++) {
		hear(b, i, 2, m);
		KUNIT_EXPECT_EQ(test, answer(b)->flags, RAFT_MSG_REJECT);
		KUNIT_EXPECT_EQ(test, answer(b)->term, 2);
	}
	/* A node that would grant says by that its term is below. */
	bench_drop_all(b);
	bench_wait(b, 200 * MS, false);
	m.term = raft_term(b->node[1].r);
	hear(b, 1, 2, m);
	KUNIT_EXPECT_TRUE(test, answer(b)->flags & RAFT_MSG_REJECT);
	m.term++;
	hear(b, 1, 2, m);
	KUNIT_EXPECT_EQ(test, answer(b)->flags, 0);
	KUNIT_EXPECT_EQ(test, raft_term(b->node[1].r), 2);
}

/*
 * Node 1 voted for node 2 in term 3, and forgot. Node 0, deposed without knowing
 * it, must not commit with node 1 what node 2 lacks.
 */
static void forgotten_vote_commits_nothing(struct kunit *test)
{
	struct bench *b = led(test, 3);
	struct raft_msg vote = ballot(RAFT_VOTE, 3, 2, 2);

	vote.flags = RAFT_MSG_TRANSFER;
	hear(b, 1, 2, vote);
	KUNIT_ASSERT_EQ(test, b->node[1].hard.term, 3);
	bench_drop_all(b);
	bench_restart(b, 1, 2, hard_of(2, id_of(0)), RAFT_DOUBT_VOTE);
	/* Node 2 wins by that vote, unheard. */
	b->node[2].cut_off = true;
	KUNIT_ASSERT_EQ(test, bench_propose(b, 0, 7), 0);
	bench_drain(b, 0);
	bench_wait(b, 100 * MS, true);
	KUNIT_EXPECT_EQ(test, raft_last_index(b->node[1].r), 3);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 2);
	bench_wait(b, 600 * MS, true);
	KUNIT_EXPECT_NE(test, raft_role(b->node[0].r), RAFT_LEADER);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 2);
}

/* What it echoes confirms nothing either: a read could be stale. */
static void unsettled_echo_confirms_nothing(struct kunit *test)
{
	struct bench *b = forgetful(test, 3);

	b->node[2].cut_off = true;
	KUNIT_ASSERT_EQ(test, raft_read(b->node[0].r, b->now, 5), 0);
	bench_drain(b, 0);
	bench_wait(b, 100 * MS, true);
	KUNIT_EXPECT_EQ(test, b->node[0].n_reads, 0);
	b->node[2].cut_off = false;
	bench_wait(b, 100 * MS, true);
	KUNIT_EXPECT_EQ(test, b->node[0].n_reads, 1);
	KUNIT_EXPECT_EQ(test, raft_doubt(b->node[1].r), RAFT_SURE);
}

static void all_in_doubt_elect(struct kunit *test)
{
	static const enum raft_doubt kinds[] = { RAFT_DOUBT_LOG, RAFT_DOUBT_VOTE };
	struct bench *b;
	unsigned int i, k;
	u64 since;

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		b = led(test, 3);
		bench_propose(b, 0, 7);
		bench_drain(b, 0);
		bench_settle(b);
		bench_wait(b, 40 * MS, true);
		for (i = 0; i < 3; i++)
			bench_restart(b, i, i == 2 ? 3 : 2,
				      hard_of(2, RAFT_NOBODY), kinds[k]);
		for (i = 0; i < 3; i++)
			raft_doubted(b->node[i].r, b->now, id_of((i + 1) % 3));
		since = b->now;
		while (bench_leader(b) < 0 && b->now - since < 5000 * MS)
			bench_wait(b, MS, true);
		KUNIT_EXPECT_LE(test, b->now - since, 10 * ELECTION_MAX_MS * MS);
		/* Node 2 had what was committed: nobody else could win. */
		KUNIT_EXPECT_EQ(test, bench_leader(b), 2);
		bench_wait(b, 100 * MS, true);
		for (i = 0; i < 3; i++) {
			KUNIT_EXPECT_EQ(test, raft_doubt(b->node[i].r), RAFT_SURE);
			KUNIT_EXPECT_EQ(test, b->node[i].applied, 4);
		}
	}
}

static void leader_goes_on(struct kunit *test)
{
	struct bench *b = led(test, 3);

	b->node[2].cut_off = true;
	bench_restart(b, 1, 1, hard_of(2, id_of(0)), RAFT_DOUBT_LOG);
	/* Elected anew nobody could be; a leader that exists needs no election. */
	bench_wait(b, 100 * MS, true);
	KUNIT_EXPECT_EQ(test, bench_propose(b, 0, 7), 0);
	bench_drain(b, 0);
	bench_settle(b);
	bench_wait(b, 40 * MS, true);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), 3);
	KUNIT_EXPECT_EQ(test, raft_doubt(b->node[1].r), RAFT_SURE);
}

static void two_of_three_wait(struct kunit *test)
{
	struct bench *b = led(test, 3);

	b->node[0].cut_off = true;
	bench_restart(b, 1, 2, hard_of(2, id_of(0)), RAFT_DOUBT_LOG);
	b->node[0].cut_off = false;
	raft_doubted(b->node[0].r, b->now, id_of(1));
	b->node[0].cut_off = true;
	bench_wait(b, 3000 * MS, true);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r) == RAFT_LEADER, false);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[2].r) == RAFT_LEADER, false);
	b->node[0].cut_off = false;
	bench_wait(b, 2000 * MS, true);
	KUNIT_EXPECT_GE(test, bench_leader(b), 0);
	KUNIT_EXPECT_EQ(test, raft_doubt(b->node[1].r), RAFT_SURE);
}

static void does_not_wait_for_ever(struct kunit *test)
{
	struct bench *b = forgetful(test, 5);
	u64 term;

	b->node[4].cut_off = true;
	bench_propose(b, 0, 7);
	bench_drain(b, 0);
	bench_wait(b, 1000 * MS, true);
	/* It gets entries all the while. */
	KUNIT_EXPECT_EQ(test, b->node[1].applied, 3);
	KUNIT_EXPECT_EQ(test, raft_doubt(b->node[1].r), RAFT_DOUBT_VOTE);
	KUNIT_EXPECT_EQ(test, bench_leader(b), 0);
	bench_wait(b, 4000 * MS, true);
	KUNIT_EXPECT_EQ(test, raft_doubt(b->node[1].r), RAFT_SURE);
	term = raft_term(b->node[1].r);
	KUNIT_EXPECT_GT(test, term, 1 << 16);
	KUNIT_ASSERT_GE(test, bench_leader(b), 0);
	KUNIT_EXPECT_EQ(test, raft_term(b->node[bench_leader(b)].r), term);
	/* Without a majority it does wait. */
	b = forgetful(test, 5);
	b->node[0].cut_off = true;
	b->node[3].cut_off = true;
	b->node[4].cut_off = true;
	bench_wait(b, 8000 * MS, true);
	KUNIT_EXPECT_LT(test, raft_term(b->node[1].r), 1 << 16);
}

static void single_voter_stops(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 1);
	u64 said;

	bench_restart(b, 0, 2, hard_of(2, id_of(0)), RAFT_DOUBT_LOG);
	KUNIT_EXPECT_TRUE(test, !!raft_failed(b->node[0].r));
	said = b->said;
	bench_wait(b, 1000 * MS, true);
	KUNIT_EXPECT_EQ(test, b->said, said);
	KUNIT_EXPECT_NE(test, raft_role(b->node[0].r), RAFT_LEADER);
}

static void nobody_transfers_to_it(struct kunit *test)
{
	struct raft_msg m = { .term = 2, .id = 1, .index = 1, .log_term = 1 };
	struct bench *b = led(test, 3);

	b->node[2].cut_off = true;
	bench_wait(b, 60 * MS, true);
	bench_restart(b, 1, 1, hard_of(2, id_of(0)), RAFT_DOUBT_LOG);
	KUNIT_EXPECT_EQ(test, raft_transfer(b->node[0].r, b->now, id_of(1)),
			-EAGAIN);
	m.type = RAFT_APPEND;
	hear(b, 1, 0, m);
	m.type = RAFT_TIMEOUT_NOW;
	hear(b, 1, 0, m);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[1].r), RAFT_FOLLOWER);
	/* Once it has caught up it may. */
	b->node[2].cut_off = false;
	bench_drop_all(b);
	bench_wait(b, 400 * MS, true);
	KUNIT_ASSERT_EQ(test, bench_leader(b), 0);
	KUNIT_EXPECT_EQ(test, raft_transfer(b->node[0].r, b->now, id_of(1)), 0);
	bench_drain(b, 0);
	bench_settle(b);
	KUNIT_EXPECT_EQ(test, bench_leader(b), 1);
}

static void differing_follower_stops(struct kunit *test)
{
	struct bench *b = led(test, 5);
	struct node *nd = &b->node[1];

	bench_drop_all(b);
	raft_differs(nd->r, b->now, "it differs");
	KUNIT_EXPECT_TRUE(test, !raft_failed(nd->r));
	bench_drain(b, 1);
	KUNIT_EXPECT_STREQ(test, raft_failed(nd->r), "it differs");
	KUNIT_EXPECT_EQ(test, answer(b)->flags,
			RAFT_MSG_REJECT | RAFT_MSG_DIFFERS);
	KUNIT_EXPECT_TRUE(test, raft_id_eq(answer(b)->to, id_of(0)));
	bench_settle(b);
	KUNIT_EXPECT_TRUE(test, !raft_failed(b->node[0].r));
	hear(b, 1, 2, ballot(RAFT_VOTE, 9, 9, 9));
	KUNIT_EXPECT_EQ(test, b->n_queue, 0);
	/* One that says it twice is one. */
	hear(b, 0, 1, (struct raft_msg){
		.type = RAFT_APPEND_REPLY, .term = 2, .id = 1,
		.flags = RAFT_MSG_REJECT | RAFT_MSG_DIFFERS });
	KUNIT_EXPECT_TRUE(test, !raft_failed(b->node[0].r));
}

static void differing_leader_stops(struct kunit *test)
{
	static const unsigned int sizes[] = { 2, 3, 5 }, need[] = { 1, 2, 3 };
	struct bench *b;
	unsigned int i, k;

	for (k = 0; k < ARRAY_SIZE(sizes); k++) {
		b = led(test, sizes[k]);
		for (i = 1; i <= need[k]; i++) {
			KUNIT_EXPECT_TRUE(test, !raft_failed(b->node[0].r));
			raft_differs(b->node[i].r, b->now, "it differs");
			bench_drain(b, i);
			bench_settle(b);
		}
		KUNIT_EXPECT_STREQ(test, raft_failed(b->node[0].r),
				   "the state differs from a majority's");
	}
	b = led(test, 3);
	raft_differs(b->node[0].r, b->now, "it differs");
	KUNIT_EXPECT_STREQ(test, raft_failed(b->node[0].r), "it differs");
}

static struct kunit_case doubt[] = {
	CASE(votes_are_marked,
	     "\"The node abstains from voting until it has caught up\" (design 8)"),
	CASE(marked_votes_need_all,
	     "\"An election needs the votes of all voters\", or enough that are sure (design 8)"),
	CASE(own_candidacy_is_marked,
	     "A candidate in doubt needs all, and is sure when its no-op is committed (5.4.3)"),
	CASE(ends_with_what_is_committed,
	     "Doubt ends with all that the leader knows committed, of its term, durable (5.4.2)"),
	CASE(lost_acknowledgment_counts_no_more,
	     "What a peer's lost log acknowledged is counted no more (pitfall 5)"),
	CASE(takes_no_part,
	     "Who may have forgotten a vote grants, acknowledges nothing, nor stands (pitfall 1)"),
	CASE(asks_and_goes_on,
	     "It goes on when all have told their term; its vote in the present one is spent"),
	CASE(asks_again,
	     "It asks again, takes over a later term, believes nobody who is unsettled"),
	CASE(everybody_answers,
	     "A marked PreVote is answered with the term in any case, and disturbs nobody"),
	CASE(forgotten_vote_commits_nothing,
	     "A deposed leader commits nothing with one who forgot whom it voted for (5.4.3)"),
	CASE(unsettled_echo_confirms_nothing,
	     "Nor is a read confirmed by it (thesis 6.4, pitfall 37)"),
	CASE(all_in_doubt_elect,
	     "All in doubt, after a power cut: a leader within 10 election timeouts, nothing lost"),
	CASE(leader_goes_on,
	     "One dead, one in doubt: the leader that exists goes on, and doubt ends"),
	CASE(two_of_three_wait,
	     "One dead, one in doubt: nobody is elected until the third is back"),
	CASE(does_not_wait_for_ever,
	     "A majority heard, the rest silent for long: a term far above what was forgotten"),
	CASE(single_voter_stops,
	     "\"A sole voter goes to FAILED\" (design 8)"),
	CASE(nobody_transfers_to_it,
	     "Leadership is not handed to who is in doubt (thesis 3.10)"),
	CASE(differing_follower_stops,
	     "\"A follower that differs from the leader stops\" (design 7), after one last word"),
	CASE(differing_leader_stops,
	     "\"If a majority differs ... the leader stops; two voters ... both\" (design 7)"),
	{}
};

static struct kunit_suite raft_doubts = {
	.name = "raft-doubt",
	.test_cases = doubt,
};

kunit_test_suite(raft_doubts);

MODULE_LICENSE("GPL");
