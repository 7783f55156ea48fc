// SPDX-License-Identifier: GPL-2.0
/*
 * "A hash of the replicated state is compared through the log" (design 7): what a
 * state remembers of its own hashes, and what it makes of another's.
 */
#include <linux/module.h>
#include "fsm_kit.h"

enum {
	FIRST = FSM_CHECK_EVERY,	/* the first index that is remembered */
	SPAN = FSM_CHECK_EVERY * FSM_CHECKS,
#ifdef __KERNEL__
	SEEDS = 3,
#else
	SEEDS = 40,
#endif
	LAPS = 24,		/* checkpoints in a run of chance */
};

static struct fsm_outcome check(struct kunit *test, struct fsm *f, u64 index,
				u64 hash)
{
	const struct fsm_command c = {
		.op = FSM_CHECK, .arg = index, .arg2 = hash,
	};
	struct fsm_outcome out;

	KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
	return out;
}

/* One entry of a life in which the hash changes with each. */
static void live(struct kunit *test, struct fsm *f, u64 session)
{
	u64 seq = kit_applied(f);
	struct fsm_command c = kit_add(session, seq, seq, "c", 1);
	struct fsm_outcome out;

	KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
	KUNIT_ASSERT_EQ(test, out.kind, FSM_OUT_RESULT);
}

static void live_until(struct kunit *test, struct fsm *f, u64 session, u64 index)
{
	while (kit_applied(f) < index)
		live(test, f, session);
}

static void the_newest_multiple_is_offered(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 10);
	u64 s = kit_session(p, f), index, hash, want;

	KUNIT_EXPECT_FALSE(test, fsm_checkpoint(f, &index, &hash));
	live_until(test, f, s, FIRST - 1);
	KUNIT_EXPECT_FALSE(test, fsm_checkpoint(f, &index, &hash));
	live_until(test, f, s, FIRST);
	want = kit_hash(f);
	KUNIT_EXPECT_TRUE(test, fsm_checkpoint(f, &index, &hash));
	KUNIT_EXPECT_EQ(test, index, FIRST);
	KUNIT_EXPECT_TRUE(test, hash == want);
	live_until(test, f, s, 2 * FIRST - 1);
	KUNIT_EXPECT_TRUE(test, fsm_checkpoint(f, &index, &hash));
	KUNIT_EXPECT_EQ(test, index, FIRST);
	KUNIT_EXPECT_TRUE(test, hash == want);
	live_until(test, f, s, 2 * FIRST);
	KUNIT_EXPECT_TRUE(test, fsm_checkpoint(f, &index, &hash));
	KUNIT_EXPECT_EQ(test, index, 2 * FIRST);
	KUNIT_EXPECT_TRUE(test, hash == kit_hash(f));
}

static void another_hash_is_told_and_the_same_is_not(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 10);
	u64 s = kit_session(p, f), index, hash, now;
	struct fsm_outcome out;
	u64 bytes;

	live_until(test, f, s, FIRST + 5);
	KUNIT_ASSERT_TRUE(test, fsm_checkpoint(f, &index, &hash));
	now = kit_hash(f);
	bytes = fsm_snapshot_bytes(f);
	out = check(test, f, index, hash);
	KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_NONE);
	out = check(test, f, index, hash ^ 1);
	KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_DIFFERS);
	KUNIT_EXPECT_EQ(test, out.index, index);
	KUNIT_EXPECT_TRUE(test, out.value == hash);
	out = check(test, f, index, 0);
	KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_DIFFERS);
	/* It changes nothing but applied. */
	KUNIT_EXPECT_TRUE(test, kit_hash(f) == now);
	KUNIT_EXPECT_EQ(test, fsm_snapshot_bytes(f), bytes);
	KUNIT_EXPECT_EQ(test, kit_applied(f), FIRST + 8);
}

static void what_is_not_remembered_is_not_judged(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 10);
	u64 s = kit_session(p, f), i, past = FIRST + SPAN;

	live_until(test, f, s, past - 1);
	KUNIT_EXPECT_EQ(test, check(test, f, FIRST, 0).kind, FSM_OUT_DIFFERS);
	/* That entry is the one at which the first is forgotten, */
	KUNIT_ASSERT_EQ(test, kit_applied(f), past);
	KUNIT_EXPECT_EQ(test, check(test, f, FIRST, 0).kind, FSM_OUT_NONE);
	for (i = 2 * FIRST; i <= past; i += FSM_CHECK_EVERY)
		KUNIT_EXPECT_EQ(test, check(test, f, i, 0).kind,
				FSM_OUT_DIFFERS);
	/* what has not been yet, and what never is. */
	KUNIT_EXPECT_EQ(test, check(test, f, i, 0).kind, FSM_OUT_NONE);
	KUNIT_EXPECT_EQ(test, check(test, f, i + SPAN, 0).kind, FSM_OUT_NONE);
	KUNIT_EXPECT_EQ(test, check(test, f, past - 1, 0).kind, FSM_OUT_NONE);
	KUNIT_EXPECT_EQ(test, check(test, f, ~0ULL, 0).kind, FSM_OUT_NONE);
}

/* Somebody who loaded a snapshot did not live through what is behind it. */
static void a_loaded_state_remembers_nothing(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 10), *g;
	u64 s = kit_session(p, f), index, hash;
	u8 *buf;
	u64 len;

	live_until(test, f, s, 2 * FIRST);
	buf = kit_snapshot(p, f, &len);
	g = kit_load(p, buf, len, 10);
	KUNIT_ASSERT_TRUE(test, g);
	KUNIT_EXPECT_TRUE(test, kit_hash(f) == kit_hash(g));
	KUNIT_EXPECT_FALSE(test, fsm_checkpoint(g, &index, &hash));
	KUNIT_EXPECT_EQ(test, check(test, g, 2 * FIRST, 0).kind, FSM_OUT_NONE);
	KUNIT_EXPECT_EQ(test, check(test, f, 2 * FIRST, 0).kind,
			FSM_OUT_DIFFERS);
	/* But both remember the next, and the same. */
	live_until(test, f, s, 3 * FIRST);
	live_until(test, g, s, 3 * FIRST);
	KUNIT_EXPECT_TRUE(test, fsm_checkpoint(f, &index, &hash));
	KUNIT_EXPECT_EQ(test, check(test, g, index, hash).kind, FSM_OUT_NONE);
	KUNIT_EXPECT_EQ(test, check(test, g, index, ~hash).kind,
			FSM_OUT_DIFFERS);
	KUNIT_EXPECT_TRUE(test, fsm_checkpoint(g, &index, &hash));
	KUNIT_EXPECT_EQ(test, index, 3 * FIRST);
}

static void a_rebased_state_remembers_nothing(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 10);
	struct fsm_rebase b = { .index = 8 * SPAN + FIRST, .objects_max = 10 };
	u64 s = kit_session(p, f), index, hash;

	live_until(test, f, s, SPAN);
	KUNIT_ASSERT_EQ(test, fsm_rebase(f, &b, 100), 0);
	KUNIT_EXPECT_FALSE(test, fsm_checkpoint(f, &index, &hash));
	for (index = FIRST; index <= SPAN; index += FIRST)
		KUNIT_EXPECT_EQ(test, check(test, f, index, 0).kind,
				FSM_OUT_NONE);
	KUNIT_EXPECT_EQ(test, check(test, f, b.index, 0).kind, FSM_OUT_NONE);
	while (kit_applied(f) < b.index + FIRST)
		check(test, f, FIRST, 0);
	KUNIT_EXPECT_TRUE(test, fsm_checkpoint(f, &index, &hash));
	KUNIT_EXPECT_EQ(test, index, b.index + FIRST);
}

static void nothing_is_compared_before_the_first_entry(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_bare(p);
	struct fsm_outcome out;
	u64 i;

	kit_feed(p, f);
	for (i = 1; i <= FIRST; i++)
		KUNIT_ASSERT_EQ(test, fsm_apply(f, i, NULL, 0, &out), 0);
	KUNIT_EXPECT_EQ(test, check(test, f, FIRST, 9).kind, FSM_OUT_NONE);
}

/*
 * Any mixture of entries, checks among them, on two members: one applies all of
 * them, the other begins anew from a snapshot now and then. Whoever remembers is
 * right; nobody ever finds a difference that is not there; and one wrong bit in
 * one counter is found by the next check.
 */
static void mixture(struct kunit *test, struct kit_pool *p, u64 random)
{
	struct fsm *f = kit_fsm(p, 10), *g = kit_fsm(p, 10);
	u64 s = kit_session(p, f), end = LAPS * FSM_CHECK_EVERY, index, hash;
	u64 known = 0, len;
	u8 *buf;

	KUNIT_ASSERT_EQ(test, kit_session(p, g), s);
	while (kit_applied(f) < end && !kit_failed(test)) {
		u32 what = kit_below(&random, 400);

		if (!what) {
			buf = kit_snapshot(p, g, &len);
			kit_drop(p, g);
			g = kit_load(p, buf, len, 100);
			KUNIT_ASSERT_TRUE(test, g);
			known = kit_applied(g);
		} else if (what < 9 && fsm_checkpoint(f, &index, &hash)) {
			bool lie = what < 4;
			bool seen = index > known;

			KUNIT_EXPECT_EQ(test, check(test, f, index, hash).kind,
					FSM_OUT_NONE);
			KUNIT_EXPECT_EQ(test,
					check(test, g, index, hash ^ lie).kind,
					lie && seen ? FSM_OUT_DIFFERS :
						      FSM_OUT_NONE);
		} else {
			live(test, f, s);
			live(test, g, s);
		}
	}
	KUNIT_EXPECT_TRUE(test, kit_hash(f) == kit_hash(g));
	kit_drop(p, f);
	kit_drop(p, g);
}

static void checks_find_what_differs_and_nothing_else(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	u32 seed;

	for (seed = 1; seed <= SEEDS && !kit_failed(test); seed++) {
		kunit_info(test, "seed %u", seed);
		mixture(test, p, seed * 0x9e3779b97f4a7c15ULL);
	}
}

/* Pitfall 71: one member's state went another way. */
static void one_wrong_value_is_found_by_the_next_check(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 10), *g = kit_fsm(p, 10);
	u64 s = kit_session(p, f), index, hash;
	struct fsm_command c = kit_add(s, 2, 2, "c", 2);
	struct fsm_outcome out;

	kit_session(p, g);
	live(test, f, s);
	KUNIT_ASSERT_EQ(test, kit_apply(g, &c, &out), 0);
	live_until(test, f, s, FIRST);
	live_until(test, g, s, FIRST);
	KUNIT_ASSERT_TRUE(test, fsm_checkpoint(f, &index, &hash));
	KUNIT_EXPECT_EQ(test, check(test, g, index, hash).kind, FSM_OUT_DIFFERS);
}

static struct kunit_case check_cases[] = {
	KUNIT_CASE(the_newest_multiple_is_offered),
	KUNIT_CASE(another_hash_is_told_and_the_same_is_not),
	KUNIT_CASE(what_is_not_remembered_is_not_judged),
	KUNIT_CASE(a_loaded_state_remembers_nothing),
	KUNIT_CASE(a_rebased_state_remembers_nothing),
	KUNIT_CASE(nothing_is_compared_before_the_first_entry),
	KUNIT_CASE(checks_find_what_differs_and_nothing_else),
	KUNIT_CASE(one_wrong_value_is_found_by_the_next_check),
	{}
};

static struct kunit_suite check_suite = {
	.name = "fsm-check",
	.test_cases = check_cases,
};

kunit_test_suite(check_suite);

MODULE_LICENSE("GPL");
