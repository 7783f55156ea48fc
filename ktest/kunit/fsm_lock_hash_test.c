// SPDX-License-Identifier: GPL-2.0
/*
 * "A hash of the replicated state is compared through the log" (design 7): that of
 * locks covers all that may differ, and nothing that may not (pitfalls 71, 72).
 */
#include <linux/module.h>
#include "fsm_lock_kit.h"

static const char *const what[] = {
	"nothing", "name", "handle", "shared", "stamp", "pid", "uid", "comm",
	"one waiting", "one handle waiting", "fence", "try", "released", "closed",
	"expired", "two waiting", "closed while waiting", "shared waiting",
	"long comm", "other end of it",
};

/* The first entry of life @i: somebody has a lock. */
static struct fsm_command first_of(u32 i, u64 s)
{
	struct fsm_command c = kit_lock(s, 1, i == 2 ? 2 : 1, i == 1 ? "b" : "a",
					i == 3 ? SHARED : 0);

	c.stamp += i == 4;
	c.program.pid += i == 5;
	c.program.uid += i == 6;
	if (i == 7)
		c.program.comm[3] = 's';
	if (i >= 18)
		memcpy(c.program.comm, i == 18 ? "a long name" : "a long nama", 12);
	return c;
}

/* The second; @token is what the first got. */
static struct fsm_command second_of(u32 i, u64 s, u64 token)
{
	struct fsm_command c = kit_lock(s, 2, i == 9 ? 1 : 3, "a",
					i == 11 ? TRY : i == 17 ? SHARED : 0);

	switch (i) {
	case 0 ... 7:
	case 18 ... 19:
		return kit_cancel(s, 2, 2);
	case 10:
		return under(c, "a", token + 1);
	case 12:
		return kit_release(s, 2, 1, token, token);
	case 13:
		return kit_close(s, 2, 2, 1, 1);
	case 14:
		return kit_expire(s);
	default:
		return c;
	}
}

static struct fsm_command third_of(u32 i, u64 s)
{
	if (i == 15)
		return kit_lock(s, 3, 4, "a", 0);
	return i == 16 ? kit_close(s, 3, 3, 3, 2) : kit_cancel(s, 3, 3);
}

/* Two states that differ in one thing have different hashes. */
static void the_hash_covers_locks(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	u64 hash[ARRAY_SIZE(what)];
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(what); i++) {
		struct fsm *f = kit_fsm(p, 100);
		u64 s = kit_session(p, f);
		struct fsm_command c = first_of(i, s);
		struct fsm_outcome out;

		KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
		c = second_of(i, s, out.value);
		KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
		c = third_of(i, s);
		KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
		hash[i] = kit_hash(f);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_TRUE_MSG(test, hash[i] != hash[j],
					      "%s and %s", what[i], what[j]);
		kit_drop(p, f);
	}
}

/* @f begins again from what it would send to another member. */
static struct fsm *reborn(struct kit_pool *p, struct fsm *f)
{
	u64 len;
	u8 *buf = kit_snapshot(p, f, &len);

	kit_drop(p, f);
	f = kit_load(p, buf, len, 1000);
	KUNIT_ASSERT_TRUE(p->test, f);
	return f;
}

/*
 * Pitfalls 71 and 72: members differ in how much memory they had and when it came,
 * and in what they loaded, but in nothing that their entries did.
 */
static void pitfall_71_72_members_agree_whatever_their_memory_is(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 600), *g = kit_fsm(p, 600);
	u64 s = kit_session(p, f), random = 72, i;
	char name[] = "k00";

	KUNIT_ASSERT_EQ(test, kit_session(p, g), s);
	for (i = 0; i < 40; i++)
		fsm_give(g, kit_chunk(p));
	for (i = 1; i <= 3000 && !kit_failed(test); i++) {
		u64 handle = 1 + i / 200 + kit_below(&random, 3);
		struct fsm_command c = kit_lock(s, i, handle, name,
						kit_below(&random, 4));
		struct fsm_outcome a, b;
		u32 k;

		name[1] = '0' + kit_below(&random, 10);
		name[2] = '0' + kit_below(&random, 3);
		if (!kit_below(&random, 20))
			c = kit_close(s, i, i, handle, i - 1);
		else if (!kit_below(&random, 9))
			c = kit_revoke(s, i, name, 0);
		else if (!kit_below(&random, 9))
			c = kit_reap();
		while (!fsm_room(f, i + 1, 1))
			fsm_give(f, kit_chunk(p));
		if (!kit_below(&random, 500))
			g = reborn(p, g);
		kit_feed(p, g);
		KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &a), 0);
		KUNIT_ASSERT_EQ(test, kit_apply(g, &c, &b), 0);
		KUNIT_EXPECT_TRUE(test, kit_agrees(&a, &b));
		for (k = 0; k < a.n_events; k++)
			KUNIT_EXPECT_TRUE(test, fsm_events(f)[k].token ==
						fsm_events(g)[k].token);
		KUNIT_EXPECT_TRUE(test, kit_hash(f) == kit_hash(g));
	}
}

/* Bytes that were not so come to nothing, and do nothing. */
static void a_spoiled_snapshot_of_locks_is_refused(struct kunit *test)
{
#ifdef __KERNEL__
	const u32 tries = 2000;
#else
	const u32 tries = 40000;
#endif
	struct one *o = begin(test, 1000);
	u64 b, c, random = 88, len, i;
	struct fsm_stats st;
	struct fsm *g;
	char name[] = "a";
	u8 *buf;

	done(o, kit_open("b", 7, 1, 1));
	b = o->out.session;
	done(o, kit_open("c", 8, 1, 1));
	c = o->out.session;
	for (i = 1; i <= 150; i++) {
		name[0] = 'a' + kit_below(&random, 9);
		lock(o, 1 + !(i % 4), name, i % 3 ? SHARED : 0);
		done(o, kit_lock(b, i, 1 + i % 4, name, i % 2));
		done(o, kit_lock(c, i, 1 + i % 4, name, i % 2));
	}
	lock(o, 50, "left", 0);
	done(o, kit_close(o->s, o->seq + 1, o->seq, 50, o->seq));
	/* 64 of its 150 claims go, and 64 more instead of those of the handle. */
	done(o, kit_expire(b));
	done(o, kit_close(o->s, o->seq + 2, o->seq, 1, o->seq));
	fsm_stats(o->f, &st);
	KUNIT_ASSERT_EQ(test, st.dying, 2);
	buf = kit_snapshot(o->pool, o->f, &len);
	for (i = 0; i < tries && !kit_failed(test); i++) {
		u32 at = 88 + kit_below(&random, len - 88);
		u8 was = buf[at];

		buf[at] = kit_below(&random, 2) ? kit_below(&random, 256) :
						  was ^ 1 << kit_below(&random, 8);
		g = kit_load(o->pool, buf, len, 64);
		KUNIT_EXPECT_EQ(test, !g, buf[at] != was);
		if (g)
			kit_drop(o->pool, g);
		buf[at] = was;
	}
}

static struct kunit_case lock_hash_cases[] = {
	KUNIT_CASE(the_hash_covers_locks),
	KUNIT_CASE(pitfall_71_72_members_agree_whatever_their_memory_is),
	KUNIT_CASE(a_spoiled_snapshot_of_locks_is_refused),
	{}
};

static struct kunit_suite lock_hash_suite = {
	.name = "fsm-lock-hash",
	.test_cases = lock_hash_cases,
};

kunit_test_suite(lock_hash_suite);

MODULE_LICENSE("GPL");
