// SPDX-License-Identifier: GPL-2.0
/*
 * The state of one cluster as the beginning of another, as a restore makes it: no
 * old session, and no lock of one; index and next_token above all that was; counters
 * as they were, or advanced.
 */
#include <linux/module.h>
#include "fsm_kit.h"
#include "../../kmod/fsm/state.h"

static const char *const names[] = {
	"one", "two", "orders", "a", "fortytwo", "seventeen", "x", "y", "z",
};

enum {
	NAMES = ARRAY_SIZE(names),
	ABOVE = 1 << 20,	/* the new cluster's first index, about */
};

/* A cluster with some of everything; its snapshot. */
static u8 *backup(struct kit_pool *p, u64 *len, struct fsm **from)
{
	struct fsm *f = kit_fsm(p, 20);
	struct fsm_command c[] = {
		kit_open("alpha", 1, 1, 1), kit_open("alpha", 2, 1, 1),
		kit_open("beta", 7, 1, 1), kit_cancel(3, 1, 1),
		kit_close(3, 6, 2, 1, 5), kit_add(3, 9, 9, "one", 10),
	};
	struct fsm_outcome out;
	unsigned int i;
	u8 *buf;

	for (i = 0; i < ARRAY_SIZE(c); i++)
		KUNIT_ASSERT_EQ(p->test, kit_apply(f, &c[i], &out), 0);
	for (i = 0; i < NAMES; i++) {
		c[0] = kit_add(4, i + 1, 1, names[i], 100 + i);
		KUNIT_ASSERT_EQ(p->test, kit_apply(f, &c[0], &out), 0);
	}
	buf = kit_snapshot(p, f, len);
	if (from)
		*from = f;
	else
		kit_drop(p, f);
	return buf;
}

static struct fsm *restored(struct kit_pool *p, struct fsm_rebase b,
			    unsigned int budget)
{
	u64 len;
	u8 *buf = backup(p, &len, NULL);
	struct fsm *f = kit_load(p, buf, len, 3);
	int err;

	KUNIT_ASSERT_TRUE(p->test, f);
	do {
		err = fsm_rebase(f, &b, budget);
	} while (err == 1);
	KUNIT_ASSERT_EQ(p->test, err, 0);
	return f;
}

static u64 value_of(const struct fsm *f, const char *name)
{
	u64 value = 0, index;

	if (fsm_counter(f, name, strlen(name), &value, &index))
		return 0;
	return value;
}

/* What its records add up to is what its hash says: a load checks it. */
static void hash_is_sound(struct kunit *test, struct kit_pool *p, struct fsm *f)
{
	struct fsm_stats a, b;
	struct fsm *g;
	u64 len;
	u8 *buf = kit_snapshot(p, f, &len);

	g = kit_load(p, buf, len, 2);
	KUNIT_ASSERT_TRUE(test, g);
	fsm_stats(f, &a);
	fsm_stats(g, &b);
	KUNIT_EXPECT_TRUE(test, a.hash == b.hash);
	KUNIT_EXPECT_EQ(test, a.applied, b.applied);
	KUNIT_EXPECT_EQ(test, a.next_token, b.next_token);
	KUNIT_EXPECT_EQ(test, a.objects_max, b.objects_max);
	KUNIT_EXPECT_EQ(test, a.sessions, b.sessions);
	KUNIT_EXPECT_EQ(test, a.objects, b.objects);
	kit_drop(p, g);
}

static void another_cluster_begins_with_the_counters_alone(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = restored(p, (struct fsm_rebase){
					 .index = ABOVE, .objects_max = 11 }, 2);
	struct fsm_outcome out;
	struct fsm_stats st;
	u64 value, index;
	unsigned int i;

	fsm_stats(f, &st);
	KUNIT_EXPECT_EQ(test, st.applied, ABOVE);
	KUNIT_EXPECT_EQ(test, st.next_token, ABOVE);
	KUNIT_EXPECT_EQ(test, st.sessions, 0);
	KUNIT_EXPECT_EQ(test, st.objects, NAMES);
	KUNIT_EXPECT_EQ(test, st.objects_max, 11);
	KUNIT_EXPECT_EQ(test, value_of(f, "one"), 110);
	for (i = 1; i < NAMES; i++)
		KUNIT_EXPECT_EQ(test, value_of(f, names[i]), 100 + i);
	/* Their last changes are where they were. */
	KUNIT_EXPECT_EQ(test, fsm_counter(f, "z", 1, &value, &index), 0);
	KUNIT_EXPECT_EQ(test, index, 7 + NAMES);
	/* Nobody has a session, and no request of one is known. */
	KUNIT_EXPECT_EQ(test, fsm_session_of(f, (struct raft_id){ 7, ~7ULL },
					     1000, 1), 0);
	KUNIT_EXPECT_EQ(test, fsm_session_lost(f, (struct raft_id){ 1, ~1ULL },
					       1), 0);
	for (i = 0; i <= 4; i++)
		KUNIT_EXPECT_EQ(test, fsm_result(f, i, 1, &out), -EKEYEXPIRED);
	hash_is_sound(test, p, f);
}

static void it_goes_on_as_any_state_does(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = restored(p, (struct fsm_rebase){
					 .index = ABOVE, .objects_max = 10 }, 1);
	/* The same names and incarnations as before: nobody remembers them. */
	struct fsm_command c[] = {
		kit_open("alpha", 1, 1, 1), kit_open("beta", 7, 1, 1),
	};
	struct fsm_outcome out;

	kit_feed(p, f);
	KUNIT_ASSERT_EQ(test, kit_apply(f, &c[0], &out), 0);
	KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_OPENED);
	KUNIT_EXPECT_EQ(test, out.session, ABOVE + 1);
	KUNIT_EXPECT_EQ(test, out.replaced, 0);
	KUNIT_ASSERT_EQ(test, kit_apply(f, &c[1], &out), 0);
	KUNIT_EXPECT_EQ(test, out.session, ABOVE + 2);
	/* Late requests of the old cluster's sessions run nothing. */
	c[0] = kit_add(3, 20, 20, "one", 1);
	KUNIT_ASSERT_EQ(test, kit_apply(f, &c[0], &out), 0);
	KUNIT_EXPECT_EQ(test, out.status, -EKEYEXPIRED);
	c[0] = kit_add(ABOVE + 1, 1, 1, "one", 1);
	KUNIT_ASSERT_EQ(test, kit_apply(f, &c[0], &out), 0);
	KUNIT_EXPECT_EQ(test, out.value, 111);
	KUNIT_EXPECT_EQ(test, out.index, ABOVE + 4);
	c[0] = kit_add(ABOVE + 1, 2, 1, "tenth", 1);
	KUNIT_ASSERT_EQ(test, kit_apply(f, &c[0], &out), 0);
	KUNIT_EXPECT_EQ(test, out.value, 1);
	c[0] = kit_add(ABOVE + 1, 3, 1, "eleventh", 1);
	KUNIT_ASSERT_EQ(test, kit_apply(f, &c[0], &out), 0);
	KUNIT_EXPECT_EQ(test, out.status, -ENOSPC);
	hash_is_sound(test, p, f);
}

static void counters_are_advanced_in_steps_of_any_size(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm_rebase b = {
		.index = ABOVE, .objects_max = 20, .advance = 1000000,
	};
	unsigned int i, budget;
	u64 hash = 0;

	for (budget = 1; budget <= NAMES + 1; budget++) {
		struct fsm *f = restored(p, b, budget);

		KUNIT_EXPECT_EQ(test, value_of(f, "one"), 1000110);
		for (i = 1; i < NAMES; i++)
			KUNIT_EXPECT_EQ(test, value_of(f, names[i]),
					1000100 + i);
		hash_is_sound(test, p, f);
		/* All who restore the same have the same. */
		KUNIT_EXPECT_TRUE(test, budget == 1 || kit_hash(f) == hash);
		hash = kit_hash(f);
		kit_drop(p, f);
	}
}

/* As grants do. */
static void set_token(struct fsm *f, u64 token)
{
	f->hash -= fsm_limits_hash(f);
	f->next_token = token;
	f->hash += fsm_limits_hash(f);
}

/* What a state with locks may have: see the_dead_stay_behind(). */
static struct fsm *with_locks(struct kit_pool *p)
{
	struct fsm *f = kit_fsm(p, 700);
	char name[16];
	unsigned int i;

	kit_opened(p, f, "a", 1);
	kit_opened(p, f, "b", 2);
	kit_added(p, f, 2, 1, "one", 10);
	kit_locked(p, f, 2, 2, 1, "left", 0);
	kit_closed(p, f, 2, 3, 1);
	kit_locked(p, f, 2, 4, 2, "held", 0);
	kit_locked(p, f, 3, 1, 1, "held", 0);
	kit_added(p, f, 2, 5, "two", 20);
	kit_locked(p, f, 3, 2, 1, "both", FSM_ACQUIRE_SHARED);
	kit_locked(p, f, 2, 6, 2, "both", FSM_ACQUIRE_SHARED);
	kit_opened(p, f, "c", 3);
	kit_opened(p, f, "d", 4);
	/* One handle with more than three entries end, one session the same. */
	for (i = 0; i < 210; i++) {
		snprintf(name, sizeof(name), "l%u", i);
		kit_locked(p, f, i < 140 ? 12 : 13, i + 1, 7, name, 0);
	}
	kit_closed(p, f, 12, 201, 7);
	kit_done(p, f, kit_expire(13));
	kit_added(p, f, 2, 7, "three", 30);
	/* Some wait though nothing stands in their way, but for the next entry. */
	kit_locked(p, f, 2, 8, 8, "free", 0);
	for (i = 0; i < 70; i++)
		kit_locked(p, f, 3, 3 + i, 3, "free", FSM_ACQUIRE_SHARED);
	kit_closed(p, f, 2, 9, 2);
	kit_done(p, f, kit_leave(2, 10, 8, kit_applied(f) - 71));
	return f;
}

static void no_lock_of_the_old_cluster_is_left(struct kunit *test,
					       const struct fsm *f, u64 advance)
{
	struct fsm_claim_view v;
	struct fsm_ticket t;
	struct fsm_stats st;
	u64 i, known = 0;
	u32 cursor = 0;

	fsm_stats(f, &st);
	KUNIT_EXPECT_EQ(test, st.objects, 3);
	KUNIT_EXPECT_EQ(test, st.locks, 0);
	KUNIT_EXPECT_EQ(test, st.held, 0);
	KUNIT_EXPECT_EQ(test, st.waiting, 0);
	KUNIT_EXPECT_EQ(test, st.dying, 0);
	KUNIT_EXPECT_EQ(test, st.sessions, 0);
	KUNIT_EXPECT_FALSE(test, fsm_dying(f));
	KUNIT_EXPECT_EQ(test, value_of(f, "one"), 10 + advance);
	KUNIT_EXPECT_EQ(test, value_of(f, "two"), 20 + advance);
	KUNIT_EXPECT_EQ(test, value_of(f, "three"), 30 + advance);
	for (i = 0; i < 300; i++) {
		known += !fsm_ticket(f, i, &t);
		known += !fsm_fence(f, "held", 4, i);
		known += !fsm_fence(f, "both", 4, i);
	}
	while (cursor != U32_MAX)
		known += fsm_claim_next(f, &cursor, 100, &v);
	KUNIT_EXPECT_EQ(test, known, 0);
}

/* The locks go, and their cells serve again; tokens go on above all that were. */
static void locks_go_on_in(struct kit_pool *p, struct fsm *f, u64 token)
{
	struct kunit *test = p->test;
	struct fsm_command c = kit_open("a", 1, 1, 1);
	struct fsm_outcome out;
	u32 capacity = f->capacity, i;
	char name[16];
	u64 id;

	kit_feed(p, f);
	KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
	id = out.session;
	c = kit_lock(id, 1, 2, "held", 0);
	KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
	KUNIT_EXPECT_GE(test, out.value, token);
	KUNIT_EXPECT_GT(test, out.value, 300);
	/* Its holder in the old cluster did not die: nobody can say so. */
	c = kit_lock(id, 2, 2, "left", 0);
	KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
	KUNIT_EXPECT_TRUE(test, !fsm_object_find(f, FSM_KIND_LOCK, "left", 4,
						 fsm_name_hash(f, "left", 4))->flags);
	for (i = 0; i < 90; i++) {
		snprintf(name, sizeof(name), "new%u", i);
		c = kit_lock(id, 3 + i, 3 + i, name, 0);
		KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
		KUNIT_EXPECT_TRUE(test, out.value);
	}
	KUNIT_EXPECT_EQ(test, f->capacity, capacity);
	/* The first death is the only one that is known. */
	c = kit_close(id, 200, 200, 50, 199);
	KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
	KUNIT_ASSERT_TRUE(test, f->died);
	KUNIT_EXPECT_PTR_EQ(test, f->died, f->died->next);
	KUNIT_EXPECT_FALSE(test, fsm_dying(f));
	hash_is_sound(test, p, f);
}

static void the_dead_stay_behind(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	u64 advance, tokens, hash[2] = { 0 };
	unsigned int budget;

	for (budget = 1; budget < 1000; budget = budget * 5 + 1) {
		for (advance = 0; advance < 2; advance++) {
			struct fsm_rebase b = {
				.index = ABOVE, .objects_max = 700,
				.advance = advance,
			};
			struct fsm *f = with_locks(p);

			KUNIT_EXPECT_TRUE(test, f->n_dead && f->n_graves &&
					  f->died && f->waiting && f->more);
			tokens = budget > 1 ? 3 * ABOVE : ABOVE;
			set_token(f, budget > 1 ? tokens : f->next_token);
			while (fsm_rebase(f, &b, budget) == 1)
				;
			no_lock_of_the_old_cluster_is_left(test, f, advance);
			hash_is_sound(test, p, f);
			/* All who restore the same have the same. */
			if (budget > 6)
				KUNIT_EXPECT_TRUE(test, kit_hash(f) ==
						  hash[advance]);
			hash[advance] = kit_hash(f);
			locks_go_on_in(p, f, tokens);
			kit_drop(p, f);
		}
	}
}

/* More of them than fit a chunk of memory: none is passed over, none done twice. */
static void each_of_many_counters_is_advanced_once(struct kunit *test)
{
	enum { MANY = 3000 };
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, MANY), *g;
	u64 s = kit_session(p, f), len, i, bad = 0;
	struct fsm_rebase b = {
		.index = ABOVE, .objects_max = MANY, .advance = 5,
	};
	char name[] = "0000";
	struct fsm_outcome out;
	unsigned int steps = 1;
	u8 *buf;

	for (i = 0; i < MANY; i++) {
		struct fsm_command c;

		snprintf(name, sizeof(name), "%03x", (unsigned int)i);
		c = kit_add(s, i + 1, i + 1, name, i + 1);
		kit_feed(p, f);
		KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
	}
	buf = kit_snapshot(p, f, &len);
	kit_drop(p, f);
	g = kit_load(p, buf, len, 100);
	KUNIT_ASSERT_TRUE(test, g);
	while (fsm_rebase(g, &b, 7) == 1)
		steps++;
	KUNIT_EXPECT_EQ(test, steps, (MANY + 6) / 7);
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%03x", (unsigned int)i);
		bad += value_of(g, name) != i + 6;
	}
	KUNIT_EXPECT_EQ(test, bad, 0);
	hash_is_sound(test, p, g);
}

/* "Tokens are never rewound": whatever the state had, and whatever is asked. */
static void tokens_never_go_back(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 5);
	struct fsm_rebase b = { .index = ABOVE, .objects_max = 5 };
	struct fsm_stats st;
	u64 hash = kit_hash(f);

	fsm_stats(f, &st);
	KUNIT_EXPECT_EQ(test, st.next_token, 1);
	KUNIT_ASSERT_EQ(test, fsm_rebase(f, &b, 1), 0);
	fsm_stats(f, &st);
	KUNIT_EXPECT_EQ(test, st.next_token, ABOVE);
	KUNIT_EXPECT_TRUE(test, st.hash != hash);
	hash_is_sound(test, p, f);
	/* A restore of the restored one. */
	b = (struct fsm_rebase){ .index = ABOVE + 1, .objects_max = 5 };
	KUNIT_ASSERT_EQ(test, fsm_rebase(f, &b, 1), 0);
	fsm_stats(f, &st);
	KUNIT_EXPECT_EQ(test, st.next_token, ABOVE + 1);
	hash_is_sound(test, p, f);
	/* Tokens may be ahead of indexes. */
	set_token(f, 5 * ABOVE);
	hash_is_sound(test, p, f);
	b = (struct fsm_rebase){ .index = 2 * ABOVE, .objects_max = 5 };
	KUNIT_ASSERT_EQ(test, fsm_rebase(f, &b, 1), 0);
	fsm_stats(f, &st);
	KUNIT_EXPECT_EQ(test, st.next_token, 5 * ABOVE);
	KUNIT_EXPECT_EQ(test, st.applied, 2 * ABOVE);
	hash_is_sound(test, p, f);
}

static void what_cannot_be_rebased_stays_as_it_is(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	static const struct {
		const char *what;
		struct fsm_rebase b;
	} bad[] = {
		{ "the same index", { .index = 7 + NAMES, .objects_max = 20 } },
		{ "a lower index", { .index = 3, .objects_max = 20 } },
		{ "no index", { .objects_max = 20 } },
		{ "too many objects",
		  { .index = ABOVE, .objects_max = NAMES - 1 } },
		{ "no limit", { .index = ABOVE } },
		{ "a limit beyond all limits",
		  { .index = ABOVE, .objects_max = FSM_OBJECTS_LIMIT + 1 } },
	};
	struct fsm_rebase b;
	struct fsm *f, *g;
	u64 len, hash;
	unsigned int i;
	u8 *buf = backup(p, &len, &f);

	hash = kit_hash(f);
	KUNIT_ASSERT_EQ(test, kit_applied(f), 7 + NAMES);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		b = bad[i].b;
		KUNIT_EXPECT_EQ_MSG(test, fsm_rebase(f, &b, 100), -EINVAL, "%s",
				    bad[i].what);
		KUNIT_EXPECT_TRUE_MSG(test, kit_hash(f) == hash, "%s",
				      bad[i].what);
	}
	/* One that has not begun, one that is not all there, one being copied. */
	b = (struct fsm_rebase){ .index = ABOVE, .objects_max = 20 };
	g = kit_bare(p);
	KUNIT_EXPECT_EQ(test, fsm_rebase(g, &b, 100), -EINVAL);
	KUNIT_ASSERT_EQ(test, fsm_load_begin(g, buf, len), 0);
	kit_feed(p, g);
	for (i = 0; i < 2 + NAMES; i++) {
		KUNIT_EXPECT_EQ(test, fsm_rebase(g, &b, 100), -EINVAL);
		KUNIT_ASSERT_EQ(test, fsm_load_step(g, 1), 1);
	}
	KUNIT_ASSERT_EQ(test, fsm_snapshot_begin(f, buf, len), 0);
	KUNIT_EXPECT_EQ(test, fsm_rebase(f, &b, 100), -EINVAL);
	fsm_snapshot_end(f);
	KUNIT_EXPECT_EQ(test, fsm_rebase(f, &b, 100), 0);
}

static void a_counter_that_would_wrap_is_said(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	u64 i, len, advance[] = { U64_MAX - 110, U64_MAX - 109 };
	u8 *buf = backup(p, &len, NULL);
	int err;

	for (i = 0; i < 2; i++) {
		struct fsm *f = kit_load(p, buf, len, 100);
		struct fsm_rebase b = {
			.index = ABOVE, .objects_max = 20, .advance = advance[i],
		};

		KUNIT_ASSERT_TRUE(test, f);
		do {
			err = fsm_rebase(f, &b, 1);
		} while (err == 1);
		KUNIT_EXPECT_EQ(test, err, i ? -EOVERFLOW : 0);
		if (!i)
			KUNIT_EXPECT_TRUE(test, value_of(f, "one") == U64_MAX);
		kit_drop(p, f);
	}
}

static struct kunit_case rebase_cases[] = {
	KUNIT_CASE(another_cluster_begins_with_the_counters_alone),
	KUNIT_CASE(it_goes_on_as_any_state_does),
	KUNIT_CASE(counters_are_advanced_in_steps_of_any_size),
	KUNIT_CASE(each_of_many_counters_is_advanced_once),
	KUNIT_CASE(the_dead_stay_behind),
	KUNIT_CASE(tokens_never_go_back),
	KUNIT_CASE(what_cannot_be_rebased_stays_as_it_is),
	KUNIT_CASE(a_counter_that_would_wrap_is_said),
	{}
};

static struct kunit_suite rebase_suite = {
	.name = "fsm-rebase",
	.test_cases = rebase_cases,
};

kunit_test_suite(rebase_suite);

MODULE_LICENSE("GPL");
