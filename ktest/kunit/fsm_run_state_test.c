// SPDX-License-Identifier: GPL-2.0
/*
 * Runs, and what a state is made of: whoever takes a snapshot meanwhile, or began with
 * one between two runs, becomes the same; and a run needs no more memory than any
 * other entry. What a run does: fsm_run_test.c.
 */
#include <linux/module.h>
#include "fsm_kit.h"

static struct fsm_outcome apply(struct kit_pool *p, struct fsm *f,
				const struct fsm_command *c)
{
	struct fsm_outcome out;

	kit_feed(p, f);
	KUNIT_ASSERT_EQ(p->test, kit_apply(f, c, &out), 0);
	return out;
}

/* ------------------------------------------------------------ replicas */

enum { LIFE = 12 };

/* A short life of session 2: entry @i of it. */
static struct fsm_command entry(unsigned int i)
{
	switch (i) {
	case 0:
		return kit_run(2, 1, 1, "a", 1, 5);
	case 1:
		return kit_add(2, 8, 1, "b", 7);
	case 2:
		return kit_run(2, 6, 1, "b", 7, 4);
	case 3:
		return kit_cancel(2, 12, 3);
	case 4:
		return kit_run(2, 1, 1, "a", 1, 5);
	case 5:
		return kit_run(2, 10, 3, "new", U64_MAX, 4);
	case 6:
		return kit_close(2, 30, 10, 1, 25);
	case 7:
		return kit_run(2, 20, 10, "a", 2, 9);
	case 8:
		return kit_run(2, 24, 10, "closed", 1, 2);
	case 9:
		return kit_run(2, 4, 2, "a", 1, 200);
	case 10:
		return kit_run(2, 1000, 999, "b", 1, 30);
	default:
		return kit_run(2, 1000, 1000, "full", 1, 50);
	}
}

static struct fsm *newborn(struct kit_pool *p, u32 objects_max)
{
	struct fsm *f = kit_fsm(p, objects_max);

	KUNIT_ASSERT_EQ(p->test, kit_session(p, f), 2);
	return f;
}

/* @f lives on from entry @at, as those did whose hashes and outcomes these are. */
static void lives_on(struct kit_pool *p, struct fsm *f, unsigned int at,
		     unsigned int budget, const u64 *hash,
		     const struct fsm_outcome *told)
{
	for (; at < LIFE; at++) {
		struct fsm_command c = entry(at);
		struct fsm_outcome out;

		if (budget)
			fsm_snapshot_step(f, budget);
		out = apply(p, f, &c);
		KUNIT_EXPECT_TRUE_MSG(p->test, kit_hash(f) == hash[at],
				      "entry %u", at);
		KUNIT_EXPECT_TRUE_MSG(p->test, kit_agrees(&out, &told[at]),
				      "entry %u", at);
	}
}

/*
 * A walk begins before entry @at, and takes @budget steps before each of the others.
 * What it has written is the state as it was then, and who loads it lives on alike.
 */
static void walks(struct kit_pool *p, unsigned int at, unsigned int budget, u64 born,
		  const u64 *hash, const struct fsm_outcome *told, u8 *buf)
{
	struct fsm *f = newborn(p, 3), *g;
	unsigned int i;
	u64 need, len;

	for (i = 0; i < at; i++) {
		struct fsm_command c = entry(i);

		apply(p, f, &c);
	}
	need = fsm_snapshot_bytes(f);
	KUNIT_ASSERT_EQ(p->test, fsm_snapshot_begin(f, buf, need), 0);
	lives_on(p, f, at, budget, hash, told);
	len = kit_walk(f, 1);
	KUNIT_EXPECT_LE(p->test, len, need);
	g = kit_load(p, buf, len, 1);
	KUNIT_ASSERT_TRUE(p->test, g);
	KUNIT_EXPECT_TRUE(p->test, kit_hash(g) == (at ? hash[at - 1] : born));
	lives_on(p, g, at, 0, hash, told);
	KUNIT_EXPECT_EQ(p->test, fsm_snapshot_bytes(g), fsm_snapshot_bytes(f));
	kit_drop(p, f);
	kit_drop(p, g);
}

static void replicas_agree_whatever_else_they_do(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm_outcome *told = kunit_kzalloc(test, LIFE * sizeof(*told),
						 GFP_KERNEL);
	u8 *buf = kunit_kzalloc(test, FSM_CHUNK_BYTES, GFP_KERNEL);
	struct fsm *f = newborn(p, 3);
	u64 hash[LIFE], born = kit_hash(f);
	unsigned int i, budget;
	struct fsm_stats st;

	KUNIT_ASSERT_TRUE(test, told && buf);
	for (i = 0; i < LIFE; i++) {
		struct fsm_command c = entry(i);

		told[i] = apply(p, f, &c);
		hash[i] = kit_hash(f);
	}
	fsm_stats(f, &st);
	KUNIT_EXPECT_EQ(test, st.objects, 3);
	KUNIT_EXPECT_LE(test, fsm_snapshot_bytes(f), FSM_CHUNK_BYTES);
	for (i = 0; i < LIFE; i++)
		for (budget = 0; budget < 4; budget++)
			walks(p, i, budget, born, hash, told, buf);
}

/* -------------------------------------------------------------- memory */

/* The name of the counter that nobody has had so far. */
static const char *unheard_of(u32 i, char *name)
{
	u32 k;

	for (k = 0; k < 6; k++)
		name[k] = 'a' + (i >> 4 * k & 15);
	name[k] = 0;
	return name;
}

/* Where there is room for so many entries, all may be runs with a new counter. */
static void a_run_takes_the_room_of_one_entry(struct kunit *test)
{
	enum { ENTRIES = 700 };
	struct kit_pool *p = kit_pool(test);
	struct fsm *runs = newborn(p, 100000), *adds = newborn(p, 100000);
	struct fsm_outcome out;
	char name[8];
	u32 i;

	while (!fsm_room(runs, kit_applied(runs), ENTRIES))
		fsm_give(runs, kit_chunk(p));
	while (!fsm_room(adds, kit_applied(adds), ENTRIES))
		fsm_give(adds, kit_chunk(p));
	for (i = 0; i < ENTRIES; i++) {
		struct fsm_command c = kit_run(2, 1 + i * FSM_RUN_MAX,
					       1 + i * FSM_RUN_MAX,
					       unheard_of(i, name), 5, FSM_RUN_MAX);

		KUNIT_ASSERT_EQ(test, kit_apply(runs, &c, &out), 0);
		KUNIT_ASSERT_EQ(test, fsm_result(runs, 2, c.seq + 255, &out), 0);
		KUNIT_EXPECT_EQ(test, out.value, 5 * FSM_RUN_MAX);
		c.op = FSM_COUNTER_ADD;
		c.arg2 = 0;
		KUNIT_ASSERT_EQ(test, kit_apply(adds, &c, &out), 0);
		KUNIT_EXPECT_EQ(test, fsm_wants(runs), fsm_wants(adds));
	}
}

/* Who did not ask for room is stopped; the entry has done nothing, and may come. */
static void without_room_a_run_does_nothing(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = newborn(p, 100000);
	struct fsm_outcome out;
	u64 hash = 0, seq = 1;
	char name[8];
	int err = 0;
	u32 i;

	kit_feed(p, f);
	for (i = 0; i < 20000 && !err; i++, seq += 3) {
		struct fsm_command c = kit_cancel(2, seq, seq);

		KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
		hash = kit_hash(f);
		c = kit_run(2, seq + 1, seq, unheard_of(i, name), 1, 2);
		err = kit_apply(f, &c, &out);
	}
	seq -= 3;
	KUNIT_ASSERT_EQ(test, err, -ENOMEM);
	KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_NONE);
	KUNIT_EXPECT_TRUE(test, kit_hash(f) == hash);
	KUNIT_EXPECT_EQ(test, fsm_result(f, 2, seq + 1, &out), -EINPROGRESS);
	KUNIT_EXPECT_EQ(test, fsm_result(f, 2, seq + 2, &out), -EINPROGRESS);
	kit_feed(p, f);
	kit_done(p, f, kit_run(2, seq + 1, seq, name, 1, 2));
	KUNIT_EXPECT_EQ(test, fsm_result(f, 2, seq + 2, &out), 0);
	KUNIT_EXPECT_EQ(test, out.value, 2);
}

static struct kunit_case run_state_cases[] = {
	KUNIT_CASE(replicas_agree_whatever_else_they_do),
	KUNIT_CASE(a_run_takes_the_room_of_one_entry),
	KUNIT_CASE(without_room_a_run_does_nothing),
	{}
};

static struct kunit_suite run_state_suite = {
	.name = "fsm-run-state",
	.test_cases = run_state_cases,
};

kunit_test_suite(run_state_suite);

MODULE_LICENSE("GPL");
