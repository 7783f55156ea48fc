// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots as what they are to who loads one: bytes from somebody else. Whether
 * they hold the state is seen in fsm_model_test.c.
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
	*len = fsm_snapshot_bytes(f);
	buf = kunit_kzalloc(p->test, *len, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(p->test, buf);
	KUNIT_ASSERT_EQ(p->test, fsm_snapshot_begin(f, buf, *len), 0);
	KUNIT_EXPECT_EQ(p->test, kit_walk(f, 100), *len);
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
	u8 buf[64];

	KUNIT_ASSERT_EQ(test, fsm_snapshot_bytes(f), sizeof(buf));
	KUNIT_ASSERT_EQ(test, fsm_snapshot_begin(f, buf, sizeof(buf)), 0);
	KUNIT_EXPECT_EQ(test, kit_walk(f, 1), sizeof(buf));
	g = kit_load(p, buf, sizeof(buf), 1);
	KUNIT_ASSERT_TRUE(test, g);
	KUNIT_EXPECT_TRUE(test, kit_hash(f) == kit_hash(g));
}

static struct kunit_case snapshot_cases[] = {
	KUNIT_CASE(a_snapshot_with_any_byte_changed_is_refused),
	KUNIT_CASE(a_snapshot_cut_short_is_refused),
	KUNIT_CASE(an_empty_state_survives_a_snapshot),
	{}
};

static struct kunit_suite snapshot_suite = {
	.name = "fsm-snapshot",
	.test_cases = snapshot_cases,
};

kunit_test_suite(snapshot_suite);

MODULE_LICENSE("GPL");
