// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots as what they are to who loads one: bytes from somebody else, and the
 * whole state (pitfalls 50, 52). By chance, and under change: fsm_model_test.c.
 */
#include <linux/module.h>
#include "fsm_kit.h"

static u8 *small_snapshot(struct kit_pool *p, u64 *len)
{
	struct fsm *f = kit_fsm(p, 10);
	struct fsm_command c[] = {
		kit_open("alpha", 1, 1, 1), kit_open("alpha", 2, 1, 1),
		kit_open("beta", 7, 1, 1), kit_add(3, 1, 1, "one", 7),
		kit_add(3, 2, 1, "two", 8), kit_cancel(3, 3, 1),
		kit_close(3, 6, 2, 1, 5), kit_add(4, 1, 1, "seventeen", 9),
	};
	struct fsm_outcome out;
	unsigned int i;
	u8 *buf;

	for (i = 0; i < ARRAY_SIZE(c); i++)
		KUNIT_ASSERT_EQ(p->test, kit_apply(f, &c[i], &out), 0);
	buf = kit_snapshot(p, f, len);
	kit_drop(p, f);
	return buf;
}

static void a_snapshot_with_any_byte_changed_is_refused(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	u64 len, at, random = 1;
	u8 *buf = small_snapshot(p, &len), flip;
	struct fsm *f;

	f = kit_load(p, buf, len, 1);
	KUNIT_ASSERT_TRUE(test, f);
	kit_drop(p, f);
	for (at = 0; at < len; at++) {
		flip = 1 + kit_below(&random, 255);
		buf[at] ^= flip;
		f = kit_load(p, buf, len, 100);
		KUNIT_EXPECT_TRUE_MSG(test, !f, "byte %llu", at);
		if (f)
			kit_drop(p, f);
		buf[at] ^= flip;
	}
}

static void a_snapshot_cut_short_is_refused(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	u64 len, n;
	u8 *buf = small_snapshot(p, &len), *tight;

	for (n = 0; n < len; n += 7) {
		/* Where the sanitizers see each byte that is too many. */
		tight = kunit_kzalloc(test, n + 1, GFP_KERNEL);
		KUNIT_ASSERT_TRUE(test, tight);
		memcpy(tight + 1, buf, n);
		KUNIT_EXPECT_TRUE(test, !kit_load(p, tight + 1, n, 100));
		/* Also if the head says that this is all. */
		if (n > 56) {
			memcpy(tight + 1 + 48, &n, 2);
			KUNIT_EXPECT_TRUE(test, !kit_load(p, tight + 1, n, 100));
		}
	}
}

static void an_empty_state_survives_a_snapshot(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_bare(p), *g;
	u8 buf[72];

	KUNIT_ASSERT_EQ(test, fsm_snapshot_bytes(f), sizeof(buf));
	KUNIT_ASSERT_EQ(test, fsm_snapshot_begin(f, buf, sizeof(buf)), 0);
	KUNIT_EXPECT_EQ(test, kit_walk(f, 1), sizeof(buf));
	g = kit_load(p, buf, sizeof(buf), 1);
	KUNIT_ASSERT_TRUE(test, g);
	KUNIT_EXPECT_TRUE(test, kit_hash(f) == kit_hash(g));
}

/*
 * What a state can have: an open by a second incarnation and by a third; windows
 * with gaps, raised low marks, cancellations, closes that still forbid something
 * and one that does not; counters at their end; a limit that is reached; tokens
 * that were moved on; a seed of its own.
 */
static struct fsm_command deed(unsigned int i)
{
	switch (i) {
	case 0:
		return kit_open("alpha", 1, 3, 2);
	case 1:
		return kit_open("alpha", 2, 1, 1);
	case 2:
		return kit_open("alpha", 3, 1, 1);
	case 3:
		return kit_open("beta", 7, 1, 1);
	case 4:
		return kit_add(1003, 1, 1, "one", 7);
	case 5:
		return kit_add(1003, 3, 1, "two", ~9ULL);
	case 6:
		return kit_add(1003, 5, 3, "two", 20);
	case 7:
		return kit_cancel(1003, 6, 3);
	case 8:
		return kit_close(1003, 9, 4, 1, 8);
	case 9:
		return kit_close(1003, 14, 4, 2, 12);
	case 10:
		return kit_close(1003, 10, 4, 5, 3);
	case 11:
		return kit_add(1003, 900, 4, "three", 1);
	case 12:
		return kit_add(1004, 1, 1, "four", 1);
	case 13:
		return kit_add(1004, 2, 1, "five", 1);
	default:
		return kit_add(1004, 1020, 500, "four", 1);
	}
}

static struct fsm *full_state(struct kit_pool *p)
{
	const struct fsm_command init = {
		.op = FSM_INIT, .arg = 0xfeed, .arg2 = 4,
	};
	struct fsm_rebase b = { .index = 1000, .objects_max = 4 };
	struct fsm *f = kit_bare(p);
	struct fsm_outcome out;
	unsigned int i;

	kit_feed(p, f);
	KUNIT_ASSERT_EQ(p->test, kit_apply(f, &init, &out), 0);
	KUNIT_ASSERT_EQ(p->test, fsm_rebase(f, &b, 1), 0);
	for (i = 0; i < 15; i++) {
		struct fsm_command c = deed(i);

		KUNIT_ASSERT_EQ(p->test, kit_apply(f, &c, &out), 0);
	}
	KUNIT_EXPECT_EQ(p->test, out.status, 0);
	return f;
}

/* Both say the same of themselves, and of every request that may be there. */
static void expect_same(struct kunit *test, const struct fsm *f,
			const struct fsm *g)
{
	struct fsm_outcome a, b;
	struct fsm_stats s, t;
	u64 session, seq;
	int err;

	fsm_stats(f, &s);
	fsm_stats(g, &t);
	KUNIT_EXPECT_TRUE(test, s.hash == t.hash);
	KUNIT_EXPECT_EQ(test, s.applied, t.applied);
	KUNIT_EXPECT_EQ(test, s.next_token, t.next_token);
	KUNIT_EXPECT_EQ(test, s.sessions, t.sessions);
	KUNIT_EXPECT_EQ(test, s.objects, t.objects);
	KUNIT_EXPECT_EQ(test, s.objects_max, t.objects_max);
	KUNIT_EXPECT_EQ(test, s.version, t.version);
	for (session = 1001; session <= s.applied; session++) {
		for (seq = 1; seq < 2600; seq++) {
			err = fsm_result(f, session, seq, &a);
			KUNIT_EXPECT_EQ(test, fsm_result(g, session, seq, &b),
					err);
			KUNIT_EXPECT_EQ(test, fsm_fresh(f, session, seq),
					fsm_fresh(g, session, seq));
			if (!err)
				KUNIT_EXPECT_TRUE(test, kit_agrees(&a, &b));
		}
	}
}

/* Entries whose outcome depends on each part of that state. */
static struct fsm_command probe(unsigned int i)
{
	switch (i) {
	case 0:	/* the chain of closes: forbidden, not forbidden, another's */
		return kit_add(1003, 7, 4, "one", 1);
	case 1:
		return kit_add(1003, 11, 4, "one", 1);
	case 2: {
		struct fsm_command c = kit_add(1003, 12, 4, "one", 1);

		c.handle = 2;
		return c;
	}
	case 3:	/* a result, one cancelled, one below low */
		return kit_add(1003, 5, 4, "two", 20);
	case 4:
		return kit_add(1003, 6, 4, "one", 1);
	case 5:
		return kit_add(1003, 2, 1, "one", 1);
	case 6:	/* low goes up, and with it closes go */
		return kit_add(1003, 30, 12, "two", 3);
	case 7:	/* the limit; a counter's end */
		return kit_add(1004, 1021, 500, "six", 1);
	case 8:
		return kit_add(1004, 1022, 500, "two", 7);
	case 9:	/* formers: late ones do not come back, the living do */
		return kit_open("alpha", 1, 3, 2);
	case 10:
		return kit_open("alpha", 2, 1, 1);
	case 11:
		return kit_open("alpha", 2, 1, 2);
	case 12:
		return kit_open("beta", 7, 1, 1);
	case 13:
		return kit_open("gamma", 9, 1, 1);
	default:
		return kit_add(1000 + i, 1, 1, "one", 1);
	}
}

/*
 * "Session table, waiter queue, lease table or token counters left out of the
 * snapshot": each part comes through, in its hash and in what it does.
 */
static void pitfall_52_nothing_is_left_out_of_a_snapshot(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = full_state(p), *g;
	struct fsm_outcome a, b;
	unsigned int i, told = 0;
	u64 len;
	u8 *buf;

	for (i = 0; i < 30; i++) {
		struct fsm_command c = probe(i);

		/* "compact after every entry" */
		buf = kit_snapshot(p, f, &len);
		g = kit_load(p, buf, len, 1);
		KUNIT_ASSERT_TRUE(test, g);
		expect_same(test, f, g);
		kit_feed(p, g);
		KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &a), 0);
		KUNIT_ASSERT_EQ(test, kit_apply(g, &c, &b), 0);
		KUNIT_EXPECT_TRUE_MSG(test, kit_agrees(&a, &b), "probe %u", i);
		told += a.kind != FSM_OUT_NONE;
		expect_same(test, f, g);
		kit_drop(p, i & 1 ? f : g);
		f = i & 1 ? g : f;
	}
	KUNIT_EXPECT_GE(test, told, 20);
}

/* Two states that differ in one of them differ in their hashes. */
static void pitfall_52_tokens_and_limits_are_in_the_hash(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	u64 hash[4];
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(hash); i++) {
		struct fsm *f = kit_fsm(p, 5);
		struct fsm_rebase b = {
			.index = 1000 + (i == 1), .objects_max = 5 + (i == 2),
		};

		if (i < 3)
			KUNIT_ASSERT_EQ(test, fsm_rebase(f, &b, 1), 0);
		hash[i] = kit_hash(f);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_TRUE(test, hash[i] != hash[j]);
		kit_drop(p, f);
	}
}

/*
 * "Restore not atomic: state replaced, index not (a committed row twice)": state
 * and index come from one snapshot, into a state beside the live one, which does
 * not change wherever the load ends; and what is behind the index is not applied
 * a second time.
 */
static void pitfall_50_a_load_is_all_or_nothing(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = full_state(p), *g;
	u64 hash = kit_hash(f), at = kit_applied(f), len, bad = 0;
	struct fsm_command c = kit_add(1004, 1030, 1000, "four", 1);
	u8 *buf = kit_snapshot(p, f, &len), cmd[FSM_COMMAND_MAX];
	unsigned int steps, i;
	struct fsm_outcome out;
	u16 n = fsm_encode(&c, cmd);
	int err = 1;

	for (steps = 0; err == 1; steps++) {
		g = kit_bare(p);
		KUNIT_ASSERT_EQ(test, fsm_load_begin(g, buf, len), 0);
		kit_feed(p, g);
		for (i = 0; i <= steps; i++)
			err = fsm_load_step(g, 1);
		/* Stopped there: given back, and nothing has happened. */
		bad += kit_hash(f) != hash || kit_applied(f) != at;
		if (err == 1)
			kit_drop(p, g);
	}
	KUNIT_ASSERT_EQ(test, err, 0);
	KUNIT_EXPECT_GE(test, steps, 6);
	KUNIT_EXPECT_EQ(test, bad, 0);
	KUNIT_EXPECT_TRUE(test, kit_hash(g) == hash);
	KUNIT_EXPECT_EQ(test, kit_applied(g), at);
	for (i = 1; i <= at; i++)
		bad += fsm_apply(g, i, cmd, n, &out) != -EINVAL;
	bad += fsm_apply(g, at + 2, cmd, n, &out) != -EINVAL;
	KUNIT_EXPECT_EQ(test, bad, 0);
	KUNIT_EXPECT_TRUE(test, kit_hash(g) == hash);
	KUNIT_EXPECT_EQ(test, fsm_apply(g, at + 1, cmd, n, &out), 0);
	KUNIT_EXPECT_EQ(test, out.value, 3);
}

static struct kunit_case snapshot_cases[] = {
	KUNIT_CASE(a_snapshot_with_any_byte_changed_is_refused),
	KUNIT_CASE(a_snapshot_cut_short_is_refused),
	KUNIT_CASE(an_empty_state_survives_a_snapshot),
	KUNIT_CASE(pitfall_52_nothing_is_left_out_of_a_snapshot),
	KUNIT_CASE(pitfall_52_tokens_and_limits_are_in_the_hash),
	KUNIT_CASE(pitfall_50_a_load_is_all_or_nothing),
	{}
};

static struct kunit_suite snapshot_suite = {
	.name = "fsm-snapshot",
	.test_cases = snapshot_cases,
};

kunit_test_suite(snapshot_suite);

MODULE_LICENSE("GPL");
