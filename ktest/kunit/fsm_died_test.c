// SPDX-License-Identifier: GPL-2.0
/*
 * What the next holder is told of the one before (design 9): that it died, and for
 * how long that is remembered.
 */
#include <linux/module.h>
#include "fsm_lock_kit.h"

/* "A grant tells whether the previous holder died" */
static void the_next_holder_learns_that_the_one_before_died(struct kunit *test)
{
	struct one *o = begin(test, 100);
	u64 a = lock(o, 1, "a", 0), b;
	struct fsm_ticket t;

	close_handle(o, 1);
	KUNIT_EXPECT_EQ(test, objects(o), 1);
	reload(o);
	a = lock(o, 2, "a", 0);
	answered(o, 0, a);
	KUNIT_EXPECT_EQ(test, fsm_ticket(o->f, a, &t), 0);
	KUNIT_EXPECT_EQ(test, t.flags, FSM_GRANT_DIED);
	reload(o);
	KUNIT_EXPECT_EQ(test, fsm_ticket(o->f, a, &t), 0);
	KUNIT_EXPECT_EQ(test, t.flags, FSM_GRANT_DIED);
	/* Who comes after one that has given it back is told nothing. */
	release(o, 2, a);
	KUNIT_EXPECT_EQ(test, objects(o), 0);
	a = lock(o, 3, "a", SHARED);
	b = lock(o, 4, "a", SHARED);
	KUNIT_EXPECT_EQ(test, fsm_ticket(o->f, a, &t), 0);
	KUNIT_EXPECT_EQ(test, t.flags, 0);
	/* The last one counts: another shared it on, and let go as it should. */
	close_handle(o, 3);
	release(o, 4, b);
	KUNIT_EXPECT_EQ(test, objects(o), 0);
	a = lock(o, 5, "a", SHARED);
	b = lock(o, 6, "a", SHARED);
	release(o, 5, a);
	close_handle(o, 6);
	/* All who share it then are told, also who joins them. */
	a = lock(o, 7, "a", SHARED);
	b = lock(o, 8, "a", SHARED);
	release(o, 7, a);
	reload(o);
	a = lock(o, 9, "a", SHARED);
	KUNIT_EXPECT_EQ(test, fsm_ticket(o->f, b, &t), 0);
	KUNIT_EXPECT_EQ(test, t.flags, FSM_GRANT_DIED);
	KUNIT_EXPECT_EQ(test, fsm_ticket(o->f, a, &t), 0);
	KUNIT_EXPECT_EQ(test, t.flags, FSM_GRANT_DIED);
}

/* A revocation, a release and a leave are no deaths. */
static void who_is_told_to_go_did_not_die(struct kunit *test)
{
	struct one *o = begin(test, 100);
	u64 a = lock(o, 1, "a", 0);

	done(o, kit_revoke(o->s, ++o->seq, "a", 0));
	KUNIT_EXPECT_EQ(test, objects(o), 0);
	a = lock(o, 1, "a", 0);
	done(o, kit_leave(o->s, ++o->seq, 1, a));
	KUNIT_EXPECT_EQ(test, objects(o), 0);
	a = lock(o, 1, "a", 0);
	release(o, 1, a);
	KUNIT_EXPECT_EQ(test, objects(o), 0);
	/* Nor is the end of one that had nothing. */
	close_handle(o, 1);
	KUNIT_EXPECT_EQ(test, objects(o), 0);
}

/* The flag of who is next stays, though those before it in the queue go. */
static void the_flag_waits_for_the_next_grant(struct kunit *test)
{
	struct one *o = begin(test, 1000);
	u64 w;
	u32 i;

	lock(o, 1, "a", 0);
	for (i = 2; i <= 101; i++)
		lock(o, i, "a", 0);
	w = lock(o, 200, "a", 0);
	for (i = 2; i <= 101; i++)
		close_handle(o, i);
	close_handle(o, 1);
	granted(o, 0, w, FSM_GRANT_DIED);
}

/*
 * 64 locks go with one handle, and of the first two are granted: the last one is
 * free, and its waiter has to wait for the next entry. The waiter's ticket.
 */
static u64 free_but_not_granted(struct one *o)
{
	char name[8];
	u64 w = 0;
	u32 i;

	for (i = 0; i < FSM_RELEASES_MAX; i++)
		lock(o, 1, numbered(i, name), 0);
	lock(o, 2, numbered(0, name), SHARED);
	for (i = 0; i < FSM_RELEASES_MAX; i++)
		w = lock(o, 3, numbered(i, name), SHARED);
	close_handle(o, 1);
	KUNIT_EXPECT_EQ(o->test, o->out.n_events, FSM_GRANTS_MAX);
	KUNIT_EXPECT_EQ(o->test, token_of(o, w), 0);
	KUNIT_EXPECT_TRUE(o->test, fsm_dying(o->f));
	return w;
}

/* A snapshot that began with @hash, finished and loaded, has it. */
static void walked(struct one *o, u8 *buf, u64 hash)
{
	struct fsm *g = kit_load(o->pool, buf, kit_walk(o->f, 50), 100);

	KUNIT_ASSERT_TRUE(o->test, g);
	KUNIT_EXPECT_TRUE(o->test, kit_hash(g) == hash);
	kit_drop(o->pool, g);
}

static void what_a_free_lock_remembers_is_in_a_snapshot(struct kunit *test)
{
	struct one *o = begin(test, 1000);
	u64 w = free_but_not_granted(o), len = fsm_snapshot_bytes(o->f), hash;
	u8 *buf = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_TRUE(test, buf);
	reload(o);
	hash = kit_hash(o->f);
	KUNIT_ASSERT_EQ(test, fsm_snapshot_begin(o->f, buf, len), 0);
	/* It goes while the snapshot is taken, */
	done(o, kit_leave(o->s, ++o->seq, 3, w));
	KUNIT_EXPECT_FALSE(test, fsm_dying(o->f));
	walked(o, buf, hash);
	/* or it is granted. */
	kit_drop(o->pool, o->f);
	o->f = kit_load(o->pool, buf, len, 100);
	KUNIT_ASSERT_TRUE(test, o->f);
	KUNIT_ASSERT_EQ(test, fsm_snapshot_begin(o->f, buf, len), 0);
	done(o, kit_reap());
	KUNIT_EXPECT_EQ(test, o->out.n_events, 1);
	granted(o, 0, w, FSM_GRANT_DIED);
	walked(o, buf, hash);
}

/* "Beyond 65,536 the oldest lose the flag, in replicated order" */
static void deaths_are_forgotten_in_their_order(struct kunit *test)
{
	const u32 n = FSM_DIED_MAX + 3;
	struct one *o = begin(test, 80000);
	struct fsm_ticket t;
	u64 a, len, hash;
	char name[8];
	u8 *buf;
	u32 i;

	for (i = 0; i < n && !kit_failed(test); i++) {
		lock(o, i + 1, numbered(i, name), 0);
		close_handle(o, i + 1);
		if (i == 40000)
			reload(o);
	}
	KUNIT_EXPECT_EQ(test, objects(o), FSM_DIED_MAX);
	reload(o);
	for (i = 0; i < 8; i++) {
		a = lock(o, n + 1, numbered(i, name), 0);
		KUNIT_EXPECT_EQ(test, fsm_ticket(o->f, a, &t), 0);
		KUNIT_EXPECT_EQ(test, t.flags, i < 3 ? 0 : FSM_GRANT_DIED);
	}
	/* The six deaths that make the next one too old; a snapshot has it still. */
	len = fsm_snapshot_bytes(o->f);
	buf = kunit_kzalloc(test, len, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, buf);
	hash = kit_hash(o->f);
	KUNIT_ASSERT_EQ(test, fsm_snapshot_begin(o->f, buf, len), 0);
	for (i = 2; i < 8; i++) {
		lock(o, n + i, "one", 0);
		close_handle(o, n + i);
	}
	walked(o, buf, hash);
	for (i = 8; i < 10; i++) {
		a = lock(o, n + 1, numbered(i, name), 0);
		KUNIT_EXPECT_EQ(test, fsm_ticket(o->f, a, &t), 0);
		KUNIT_EXPECT_EQ(test, t.flags, i < 9 ? 0 : FSM_GRANT_DIED);
	}
}

static struct kunit_case died_cases[] = {
	KUNIT_CASE(the_next_holder_learns_that_the_one_before_died),
	KUNIT_CASE(who_is_told_to_go_did_not_die),
	KUNIT_CASE(the_flag_waits_for_the_next_grant),
	KUNIT_CASE(what_a_free_lock_remembers_is_in_a_snapshot),
	KUNIT_CASE(deaths_are_forgotten_in_their_order),
	{}
};

static struct kunit_suite died_suite = {
	.name = "fsm-died",
	.test_cases = died_cases,
};

kunit_test_suite(died_suite);

MODULE_LICENSE("GPL");
