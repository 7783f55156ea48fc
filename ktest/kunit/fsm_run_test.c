// SPDX-License-Identifier: GPL-2.0
/*
 * Runs: so many additions in one entry are what as many entries would be, but for
 * their place in the order, which they share. Two states stand beside each other: one
 * has runs, the other has their additions one by one. Snapshots and memory:
 * fsm_run_state_test.c. Chance: fsm_model_test.c.
 */
#include <linux/module.h>
#include "fsm_kit.h"

/**
 * struct twins - a state that has runs, and one that has single additions
 * @test: whose
 * @pool: memory
 * @runs: the one
 * @adds: the other
 * @s: session 2 of either
 * @end: no seq above it was named
 */
struct twins {
	struct kunit *test;
	struct kit_pool *pool;
	struct fsm *runs;
	struct fsm *adds;
	u64 s;
	u64 end;
};

static struct fsm_outcome apply(struct twins *t, struct fsm *f,
				const struct fsm_command *c)
{
	struct fsm_outcome out;

	kit_feed(t->pool, f);
	KUNIT_ASSERT_TRUE(t->test, fsm_room(f, kit_applied(f), 1));
	KUNIT_ASSERT_EQ(t->test, kit_apply(f, c, &out), 0);
	return out;
}

static struct twins *twins(struct kunit *test, u32 objects_max)
{
	struct twins *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_TRUE(test, t);
	t->test = test;
	t->pool = kit_pool(test);
	t->runs = kit_fsm(t->pool, objects_max);
	t->adds = kit_fsm(t->pool, objects_max);
	t->s = kit_session(t->pool, t->runs);
	KUNIT_ASSERT_EQ(test, kit_session(t->pool, t->adds), t->s);
	return t;
}

/* Whatever can be asked about request @seq is answered alike. */
static void request_agrees(struct twins *t, u64 seq)
{
	struct fsm_outcome a, b;
	int err = fsm_result(t->runs, t->s, seq, &a);

	KUNIT_EXPECT_EQ_MSG(t->test, err, fsm_result(t->adds, t->s, seq, &b),
			    "seq %llu", seq);
	KUNIT_EXPECT_EQ_MSG(t->test, fsm_fresh(t->runs, t->s, seq),
			    fsm_fresh(t->adds, t->s, seq), "seq %llu", seq);
	b.index = a.index;
	KUNIT_EXPECT_TRUE_MSG(t->test, kit_agrees(&a, &b),
			      "seq %llu: status %d value %llu, not %d, %llu", seq,
			      a.status, a.value, b.status, b.value);
}

static void all_agrees(struct twins *t)
{
	struct fsm_stats a, b;
	u64 seq;

	for (seq = 1; seq <= t->end + 2; seq++)
		request_agrees(t, seq);
	fsm_stats(t->runs, &a);
	fsm_stats(t->adds, &b);
	KUNIT_EXPECT_EQ(t->test, a.objects, b.objects);
	KUNIT_EXPECT_EQ(t->test, a.bytes, b.bytes);
	KUNIT_EXPECT_EQ(t->test, a.next_token, b.next_token);
	KUNIT_EXPECT_EQ(t->test, fsm_wants(t->runs), fsm_wants(t->adds));
	KUNIT_EXPECT_EQ(t->test, fsm_snapshot_bytes(t->runs),
			fsm_snapshot_bytes(t->adds));
}

/* The same entry for both: its outcome. */
static struct fsm_outcome both(struct twins *t, struct fsm_command c)
{
	struct fsm_outcome a = apply(t, t->runs, &c);
	struct fsm_outcome b = apply(t, t->adds, &c);

	t->end = max(t->end, c.seq);
	KUNIT_EXPECT_EQ(t->test, a.kind, b.kind);
	KUNIT_EXPECT_EQ(t->test, a.status, b.status);
	all_agrees(t);
	return a;
}

/* A run for the one, its additions for the other. */
static void run(struct twins *t, struct fsm_command c)
{
	struct fsm_outcome out = apply(t, t->runs, &c);
	u32 i, count = c.arg2;

	KUNIT_EXPECT_EQ(t->test, out.kind, FSM_OUT_RESULT);
	KUNIT_EXPECT_EQ(t->test, out.status, 0);
	KUNIT_EXPECT_EQ(t->test, out.session, t->s);
	KUNIT_EXPECT_EQ(t->test, out.seq, c.seq);
	KUNIT_EXPECT_EQ(t->test, out.count, count);
	KUNIT_EXPECT_EQ(t->test, out.index, kit_applied(t->runs));
	KUNIT_EXPECT_EQ(t->test, out.ended, 0);
	KUNIT_EXPECT_EQ(t->test, out.n_events, 0);
	c.op = FSM_COUNTER_ADD;
	c.arg2 = 0;
	for (i = 0; i < count; i++, c.seq++)
		apply(t, t->adds, &c);
	t->end = max(t->end, c.seq);
	all_agrees(t);
}

/* @seq ended with @status: 0: with @value. */
static void ended(struct twins *t, u64 seq, s32 status, u64 value)
{
	struct fsm_outcome out;

	KUNIT_EXPECT_EQ(t->test, fsm_result(t->runs, t->s, seq, &out), 0);
	KUNIT_EXPECT_EQ_MSG(t->test, out.status, status, "seq %llu", seq);
	KUNIT_EXPECT_EQ_MSG(t->test, out.value, value, "seq %llu", seq);
	KUNIT_EXPECT_EQ(t->test, out.count, 1);
}

/* The place in the order that @seq has. */
static u64 place(struct twins *t, u64 seq)
{
	struct fsm_outcome out;

	KUNIT_EXPECT_EQ(t->test, fsm_result(t->runs, t->s, seq, &out), 0);
	return out.index;
}

/* Counter @name of either; of the one, it was changed last at @index. */
static void counter_is(struct twins *t, const char *name, u64 want, u64 index)
{
	u64 value, at;

	KUNIT_EXPECT_EQ(t->test, fsm_counter(t->runs, name, strlen(name), &value,
					     &at), 0);
	KUNIT_EXPECT_TRUE(t->test, value == want);
	KUNIT_EXPECT_EQ(t->test, at, index);
	KUNIT_EXPECT_EQ(t->test, fsm_counter(t->adds, name, strlen(name), &value,
					     &at), 0);
	KUNIT_EXPECT_TRUE(t->test, value == want);
}

static void no_counter(struct twins *t, const char *name)
{
	struct fsm_stats st;
	u64 value, index;

	KUNIT_EXPECT_EQ(t->test, fsm_counter(t->runs, name, strlen(name), &value,
					     &index), -ENOENT);
	fsm_stats(t->runs, &st);
	KUNIT_EXPECT_EQ(t->test, st.objects, 0);
}

static void a_run_is_so_many_additions(struct kunit *test)
{
	struct twins *t = twins(test, 100);
	u64 seq;

	run(t, kit_run(t->s, 1, 1, "c", 3, FSM_RUN_MAX));
	for (seq = 1; seq <= FSM_RUN_MAX; seq++) {
		ended(t, seq, 0, 3 * seq);
		KUNIT_EXPECT_EQ(test, place(t, seq), 3);
	}
	counter_is(t, "c", 3 * FSM_RUN_MAX, 3);
	run(t, kit_run(t->s, FSM_RUN_MAX + 1, 1, "c", 100, 2));
	ended(t, FSM_RUN_MAX + 1, 0, 3 * FSM_RUN_MAX + 100);
	ended(t, FSM_RUN_MAX + 2, 0, 3 * FSM_RUN_MAX + 200);
	counter_is(t, "c", 3 * FSM_RUN_MAX + 200, 4);
	/* later ones may come first: then they count first */
	run(t, kit_run(t->s, 405, 1, "d", 1, 4));
	run(t, kit_run(t->s, 401, 1, "d", 1, 4));
	ended(t, 405, 0, 1);
	ended(t, 401, 0, 5);
	ended(t, 404, 0, 8);
	counter_is(t, "d", 8, 6);
}

static void what_was_resolved_before_is_left_out(struct kunit *test)
{
	struct twins *t = twins(test, 100);

	both(t, kit_add(t->s, 3, 1, "c", 10));
	both(t, kit_cancel(t->s, 5, 1));
	run(t, kit_run(t->s, 7, 1, "c", 10, 2));
	both(t, kit_cancel(t->s, 12, 1));
	/* before, between and behind them all is done that is left */
	run(t, kit_run(t->s, 1, 1, "c", 10, 13));
	ended(t, 3, 0, 10);
	ended(t, 5, -ECANCELED, 0);
	ended(t, 8, 0, 30);
	ended(t, 1, 0, 40);
	ended(t, 2, 0, 50);
	ended(t, 4, 0, 60);
	ended(t, 6, 0, 70);
	ended(t, 11, 0, 100);
	ended(t, 12, -ECANCELED, 0);
	ended(t, 13, 0, 110);
	/* each keeps the place where it was resolved first */
	KUNIT_EXPECT_EQ(test, place(t, 3), 3);
	KUNIT_EXPECT_EQ(test, place(t, 5), 4);
	KUNIT_EXPECT_EQ(test, place(t, 7), 5);
	KUNIT_EXPECT_EQ(test, place(t, 12), 6);
	KUNIT_EXPECT_EQ(test, place(t, 1), 7);
	KUNIT_EXPECT_EQ(test, place(t, 13), 7);
	counter_is(t, "c", 110, 7);
}

static void a_run_in_other_groups_is_done_once(struct kunit *test)
{
	struct twins *t = twins(test, 100);
	u64 hash, seq;

	run(t, kit_run(t->s, 1, 1, "c", 1, 8));
	run(t, kit_run(t->s, 5, 1, "c", 1, 8));
	KUNIT_EXPECT_EQ(test, place(t, 8), 3);
	KUNIT_EXPECT_EQ(test, place(t, 9), 4);
	counter_is(t, "c", 12, 4);
	/* the same, a part, all together, and alone: nothing is changed */
	hash = kit_hash(t->runs);
	run(t, kit_run(t->s, 1, 1, "c", 1, 8));
	run(t, kit_run(t->s, 3, 1, "c", 1, 5));
	run(t, kit_run(t->s, 1, 1, "c", 1, 12));
	both(t, kit_add(t->s, 6, 1, "c", 1));
	both(t, kit_cancel(t->s, 7, 1));
	KUNIT_EXPECT_TRUE(test, kit_hash(t->runs) == hash);
	counter_is(t, "c", 12, 4);
	for (seq = 1; seq <= 12; seq++)
		ended(t, seq, 0, seq);
	/* and one more at its end */
	run(t, kit_run(t->s, 1, 1, "c", 1, 13));
	ended(t, 13, 0, 13);
}

static void what_low_has_passed_is_left_out(struct kunit *test)
{
	struct twins *t = twins(test, 100);
	struct fsm_outcome out;
	u64 hash;

	both(t, kit_cancel(t->s, 20, 6));
	/* the first half is known to have been resolved */
	run(t, kit_run(t->s, 1, 1, "c", 1, 10));
	KUNIT_EXPECT_EQ(test, fsm_result(t->runs, t->s, 5, &out), -ESTALE);
	ended(t, 6, 0, 1);
	ended(t, 10, 0, 5);
	counter_is(t, "c", 5, 4);
	/* all of it is */
	hash = kit_hash(t->runs);
	run(t, kit_run(t->s, 1, 1, "c", 1, 5));
	run(t, kit_run(t->s, 2, 2, "new", 1, 2));
	KUNIT_EXPECT_TRUE(test, kit_hash(t->runs) == hash);
	counter_is(t, "c", 5, 4);
	/* it tells itself how far its node has seen */
	run(t, kit_run(t->s, 40, 30, "c", 1, 3));
	KUNIT_EXPECT_EQ(test, fsm_result(t->runs, t->s, 10, &out), -ESTALE);
	KUNIT_EXPECT_EQ(test, fsm_result(t->runs, t->s, 30, &out), -EINPROGRESS);
	ended(t, 42, 0, 8);
	/* far: nothing is left of what was */
	run(t, kit_run(t->s, 5000, 5000, "c", 1, 2));
	KUNIT_EXPECT_EQ(test, fsm_result(t->runs, t->s, 42, &out), -ESTALE);
	ended(t, 5001, 0, 10);
}

static void a_run_may_end_with_the_window(struct kunit *test)
{
	struct twins *t = twins(test, 100);
	struct fsm_outcome out;
	u64 seq;

	run(t, kit_run(t->s, FSM_WINDOW - FSM_RUN_MAX + 1, 1, "c", 1, FSM_RUN_MAX));
	ended(t, FSM_WINDOW, 0, FSM_RUN_MAX);
	KUNIT_EXPECT_EQ(test, fsm_result(t->runs, t->s, FSM_WINDOW + 1, &out),
			-EINPROGRESS);
	/* all of the window; then one that lies across the end of its memory */
	for (seq = 1; seq <= FSM_WINDOW; seq += FSM_RUN_MAX)
		run(t, kit_run(t->s, seq, 1, "c", 1, FSM_RUN_MAX));
	counter_is(t, "c", FSM_WINDOW, 6);
	run(t, kit_run(t->s, FSM_WINDOW - 3, 900, "c", 1, FSM_RUN_MAX));
	ended(t, FSM_WINDOW - 3, 0, FSM_RUN_MAX - 3);
	ended(t, FSM_WINDOW + 1, 0, FSM_WINDOW + 1);
	counter_is(t, "c", FSM_WINDOW + FSM_RUN_MAX - 4, kit_applied(t->runs));
}

static void nothing_of_a_closed_handle_takes_effect(struct kunit *test)
{
	struct twins *t = twins(test, 100);
	struct fsm_command c = kit_run(t->s, 1, 1, "c", 1, 10);

	/* closed up to the middle: the rest is another's time */
	c.handle = 7;
	both(t, kit_add(t->s, 2, 1, "c", 1));
	both(t, kit_close(t->s, 40, 1, 7, 5));
	run(t, c);
	ended(t, 1, -ECANCELED, 0);
	ended(t, 2, 0, 1);
	ended(t, 5, -ECANCELED, 0);
	ended(t, 6, 0, 2);
	ended(t, 10, 0, 6);
	counter_is(t, "c", 6, 5);
	/* a second close reaches farther */
	both(t, kit_close(t->s, 41, 1, 7, 13));
	c.seq = 11;
	run(t, c);
	ended(t, 13, -ECANCELED, 0);
	ended(t, 14, 0, 7);
	/* and speaks of nobody else */
	c.seq = 21;
	c.handle = 8;
	both(t, kit_close(t->s, 42, 1, 7, 39));
	run(t, c);
	ended(t, 21, 0, 14);
	KUNIT_EXPECT_EQ(test, place(t, 1), 5);
	KUNIT_EXPECT_EQ(test, place(t, 21), 9);
}

static void what_does_nothing_makes_no_counter(struct kunit *test)
{
	struct twins *t = twins(test, 100);
	struct fsm_command c = kit_run(t->s, 1, 1, "c", 1, 6);

	both(t, kit_close(t->s, 40, 1, 1, 3));
	both(t, kit_cancel(t->s, 4, 1));
	both(t, kit_cancel(t->s, 5, 1));
	both(t, kit_cancel(t->s, 6, 1));
	run(t, c);
	ended(t, 1, -ECANCELED, 0);
	ended(t, 6, -ECANCELED, 0);
	KUNIT_EXPECT_EQ(test, place(t, 1), kit_applied(t->runs));
	no_counter(t, "c");
	/* again, when there is nothing left to resolve */
	run(t, c);
	no_counter(t, "c");
	/* one that is left does */
	c.arg2++;
	run(t, c);
	ended(t, 7, 0, 1);
	counter_is(t, "c", 1, kit_applied(t->runs));
}

static void a_counter_stops_at_its_end(struct kunit *test)
{
	struct twins *t = twins(test, 100);
	u64 seq;

	both(t, kit_add(t->s, 1, 1, "c", U64_MAX - 6));
	both(t, kit_cancel(t->s, 9, 1));
	/* by the same amount: once it is too much, it stays too much */
	run(t, kit_run(t->s, 4, 1, "c", 4, 8));
	ended(t, 4, 0, U64_MAX - 2);
	for (seq = 5; seq <= 11; seq++)
		ended(t, seq, seq == 9 ? -ECANCELED : -EOVERFLOW, 0);
	counter_is(t, "c", U64_MAX - 2, 5);
	/* none has room: the counter is not changed, nor is when it was */
	run(t, kit_run(t->s, 20, 1, "c", 3, 2));
	ended(t, 20, -EOVERFLOW, 0);
	counter_is(t, "c", U64_MAX - 2, 5);
	run(t, kit_run(t->s, 30, 1, "c", 1, 3));
	ended(t, 30, 0, U64_MAX - 1);
	ended(t, 31, 0, U64_MAX);
	ended(t, 32, -EOVERFLOW, 0);
	counter_is(t, "c", U64_MAX, 7);
	/* a new one has room for one */
	run(t, kit_run(t->s, 40, 1, "d", U64_MAX, 3));
	ended(t, 40, 0, U64_MAX);
	ended(t, 41, -EOVERFLOW, 0);
	/* What was refused stays refused. */
	run(t, kit_run(t->s, 4, 1, "c", 4, 8));
	ended(t, 5, -EOVERFLOW, 0);
	KUNIT_EXPECT_EQ(test, place(t, 5), 5);
}

static void the_limit_of_objects_is_an_answer_for_each(struct kunit *test)
{
	struct twins *t = twins(test, 1);
	u64 seq;

	run(t, kit_run(t->s, 1, 1, "c", 1, 2));
	both(t, kit_cancel(t->s, 12, 1));
	both(t, kit_close(t->s, 40, 1, 1, 13));
	run(t, kit_run(t->s, 11, 1, "d", 1, 6));
	for (seq = 11; seq <= 16; seq++)
		ended(t, seq, seq <= 13 ? -ECANCELED : -ENOSPC, 0);
	/* What is there is added to all the same. */
	run(t, kit_run(t->s, 17, 1, "c", 1, 2));
	ended(t, 18, 0, 4);
	run(t, kit_run(t->s, 11, 1, "d", 1, 6));
	counter_is(t, "c", 4, kit_applied(t->runs) - 1);
}

static void a_run_of_no_session_expires(struct kunit *test)
{
	struct twins *t = twins(test, 100);
	u64 who[] = { 99, 2 }, hash;
	struct fsm_outcome out;
	unsigned int i;

	both(t, kit_open("a", 1, 1, 2));
	hash = kit_hash(t->runs);
	for (i = 0; i < ARRAY_SIZE(who); i++) {
		struct fsm_command c = kit_run(who[i], 3, 1, "c", 1, 5);

		out = apply(t, t->runs, &c);
		KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_RESULT);
		KUNIT_EXPECT_EQ(test, out.status, -EKEYEXPIRED);
		KUNIT_EXPECT_EQ(test, out.session, who[i]);
		KUNIT_EXPECT_EQ(test, out.seq, 3);
		KUNIT_EXPECT_EQ(test, out.count, 5);
		KUNIT_EXPECT_EQ(test, out.index, kit_applied(t->runs));
		KUNIT_EXPECT_EQ(test, fsm_result(t->runs, who[i], 3, &out),
				-EKEYEXPIRED);
	}
	KUNIT_EXPECT_TRUE(test, kit_hash(t->runs) == hash);
	no_counter(t, "c");
}

static void a_run_with_anything_left_is_news(struct kunit *test)
{
	struct twins *t = twins(test, 100);
	struct fsm *f = t->runs;
	struct fsm_command c;

	run(t, kit_run(t->s, 11, 1, "c", 1, 10));
	c = kit_run(t->s, 11, 1, "c", 1, 10);
	KUNIT_EXPECT_FALSE(test, fsm_news(f, &c));
	/* the last is left, the first, one between */
	c.arg2 = 11;
	KUNIT_EXPECT_TRUE(test, fsm_news(f, &c));
	c = kit_run(t->s, 10, 1, "c", 1, 11);
	KUNIT_EXPECT_TRUE(test, fsm_news(f, &c));
	run(t, kit_run(t->s, 22, 1, "c", 1, 9));
	c = kit_run(t->s, 11, 1, "c", 1, 20);
	KUNIT_EXPECT_TRUE(test, fsm_news(f, &c));
	both(t, kit_cancel(t->s, 21, 1));
	KUNIT_EXPECT_FALSE(test, fsm_news(f, &c));
	/* low has passed some of it, or all */
	both(t, kit_cancel(t->s, 31, 8));
	c = kit_run(t->s, 3, 1, "c", 1, 5);
	KUNIT_EXPECT_FALSE(test, fsm_news(f, &c));
	c.arg2 = 6;
	KUNIT_EXPECT_TRUE(test, fsm_news(f, &c));
	/* what would move the window on */
	c = kit_run(t->s, 3000, 2990, "c", 1, 2);
	KUNIT_EXPECT_TRUE(test, fsm_news(f, &c));
	/* of others, what is not here yet may open their session */
	c = kit_run(kit_applied(f) + 1, 1, 1, "c", 1, 2);
	KUNIT_EXPECT_TRUE(test, fsm_news(f, &c));
	c.session = kit_applied(f);
	KUNIT_EXPECT_FALSE(test, fsm_news(f, &c));
	/* and single ones */
	c = kit_add(t->s, 9, 1, "c", 1);
	KUNIT_EXPECT_TRUE(test, fsm_news(f, &c));
	c.seq = 12;
	KUNIT_EXPECT_FALSE(test, fsm_news(f, &c));
	c = kit_cancel(t->s, 9, 1);
	KUNIT_EXPECT_TRUE(test, fsm_news(f, &c));
	c.seq = 7;
	KUNIT_EXPECT_FALSE(test, fsm_news(f, &c));
}

static struct kunit_case run_cases[] = {
	KUNIT_CASE(a_run_is_so_many_additions),
	KUNIT_CASE(what_was_resolved_before_is_left_out),
	KUNIT_CASE(a_run_in_other_groups_is_done_once),
	KUNIT_CASE(what_low_has_passed_is_left_out),
	KUNIT_CASE(a_run_may_end_with_the_window),
	KUNIT_CASE(nothing_of_a_closed_handle_takes_effect),
	KUNIT_CASE(what_does_nothing_makes_no_counter),
	KUNIT_CASE(a_counter_stops_at_its_end),
	KUNIT_CASE(the_limit_of_objects_is_an_answer_for_each),
	KUNIT_CASE(a_run_of_no_session_expires),
	KUNIT_CASE(a_run_with_anything_left_is_news),
	{}
};

static struct kunit_suite run_suite = {
	.name = "fsm-run",
	.test_cases = run_cases,
};

kunit_test_suite(run_suite);

MODULE_LICENSE("GPL");
