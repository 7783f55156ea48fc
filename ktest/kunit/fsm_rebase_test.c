// SPDX-License-Identifier: GPL-2.0
/*
 * The state of one cluster as the beginning of another, as a restore makes it: no
 * old session; index and next_token above all that was; counters as they were,
 * or advanced. And how large a state may be for a snapshot of so many bytes.
 */
#include <linux/module.h>
#include "fsm_kit.h"
#include "../../kmod/fsm/state.h"

#ifndef __KERNEL__
#define kvzalloc(n, gfp) ((void)(gfp), calloc(1, n))
#define kvfree free
#endif

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

/* As grants will do. */
static void set_token(struct fsm *f, u64 token)
{
	f->hash -= fsm_limits_hash(f);
	f->next_token = token;
	f->hash += fsm_limits_hash(f);
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

/* ------------------------------------------------------------------ bounds */

/* The longest name that is number @i. */
static const char *longest(char *buf, unsigned int i)
{
	memset(buf, 'n', FSM_NAME_MAX);
	buf[0] = 'a' + i % 26;
	buf[1] = 'a' + i / 26;
	buf[FSM_NAME_MAX] = 0;
	return buf;
}

/* Session @i with all that a session may have; its counters are @objects. */
static void fill_session(struct kit_pool *p, struct fsm *f, unsigned int i,
			 unsigned int objects)
{
	char name[FSM_NAME_MAX + 1];
	struct fsm_outcome out;
	struct fsm_command c;
	unsigned int k;
	u64 id;

	for (k = 0; k < 10; k++) {
		c = kit_open(longest(name, i), 1 + i * 10 + k, 1, 1);
		KUNIT_ASSERT_EQ(p->test, kit_apply(f, &c, &out), 0);
	}
	id = out.session;
	for (k = 1; k <= FSM_WINDOW; k++) {
		c = kit_add(id, k, 1, longest(name, k % objects), 1);
		KUNIT_ASSERT_EQ(p->test, kit_apply(f, &c, &out), 0);
		KUNIT_ASSERT_EQ(p->test, out.status, 0);
	}
}

/*
 * "The replicated size limit of the state never exceeds the smallest voter's
 * snapshot area" (design 8), for the largest state that there can be.
 */
static void the_largest_state_fits_what_was_promised(struct kunit *test)
{
	enum { OBJECTS = 37 };
	struct kit_pool *p = kit_pool(test);
	u64 low = 0, high = 1ULL << 40, len;
	struct fsm *f = kit_fsm(p, OBJECTS), *g;
	unsigned int i;
	u8 *buf;

	/* The fewest bytes that are said to hold so many. */
	while (low < high) {
		u64 middle = (low + high) >> 1;

		if (fsm_objects_in(middle) >= OBJECTS)
			high = middle;
		else
			low = middle + 1;
	}
	KUNIT_ASSERT_EQ(test, fsm_objects_in(low), OBJECTS);
	KUNIT_EXPECT_EQ(test, fsm_objects_in(low - 1), OBJECTS - 1);
	for (i = 0; i < FSM_SESSIONS_MAX; i++)
		fill_session(p, f, i, OBJECTS);
	/* It cannot be more, and it is not less either. */
	KUNIT_EXPECT_EQ(test, fsm_snapshot_bytes(f), low);
	len = fsm_snapshot_bytes(f);
	buf = kvzalloc(len, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, buf);
	KUNIT_EXPECT_EQ(test, fsm_snapshot_begin(f, buf, len), 0);
	KUNIT_EXPECT_EQ(test, kit_walk(f, 1000), len);
	g = kit_load(p, buf, len, 1000);
	kvfree(buf);
	KUNIT_ASSERT_TRUE(test, g);
	KUNIT_EXPECT_TRUE(test, kit_hash(f) == kit_hash(g));
}

static void room_for_objects_never_shrinks_or_wraps(struct kunit *test)
{
	u64 bytes, before = 0;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, fsm_objects_in(0), 0);
	KUNIT_EXPECT_EQ(test, fsm_objects_in(1 << 20), 0);
	for (i = 0; i < 64; i++) {
		bytes = 1ULL << i;
		KUNIT_EXPECT_GE(test, fsm_objects_in(bytes), before);
		before = fsm_objects_in(bytes);
		KUNIT_EXPECT_LE(test, before, (u64)FSM_OBJECTS_LIMIT);
	}
	KUNIT_EXPECT_EQ(test, fsm_objects_in(U64_MAX), FSM_OBJECTS_LIMIT);
	/* The default limit fits 128 MiB. */
	KUNIT_EXPECT_GE(test, fsm_objects_in(128 << 20), FSM_OBJECTS_MAX);
}

static struct kunit_case rebase_cases[] = {
	KUNIT_CASE(another_cluster_begins_with_the_counters_alone),
	KUNIT_CASE(it_goes_on_as_any_state_does),
	KUNIT_CASE(counters_are_advanced_in_steps_of_any_size),
	KUNIT_CASE(each_of_many_counters_is_advanced_once),
	KUNIT_CASE(tokens_never_go_back),
	KUNIT_CASE(what_cannot_be_rebased_stays_as_it_is),
	KUNIT_CASE(a_counter_that_would_wrap_is_said),
	KUNIT_CASE(the_largest_state_fits_what_was_promised),
	KUNIT_CASE(room_for_objects_never_shrinks_or_wraps),
	{}
};

static struct kunit_suite rebase_suite = {
	.name = "fsm-rebase",
	.test_cases = rebase_cases,
};

kunit_test_suite(rebase_suite);

MODULE_LICENSE("GPL");
