// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots as what they are to who loads one: bytes from somebody else, and the
 * whole state (pitfalls 50, 52); and how large a state may be for a snapshot of so
 * many bytes. By chance, and under change: fsm_model_test.c. With locks:
 * fsm_load_test.c and fsm_lock_model_test.c.
 */
#include <linux/module.h>
#include "fsm_kit.h"
#include "../../kmod/fsm/state.h"

#ifndef __KERNEL__
#define kvzalloc(n, gfp) ((void)(gfp), calloc(1, n))
#define kvfree free
#endif

/*
 * Some of everything, as small as can be: sessions, counters, a lock that is held
 * and waited for, one whose last holder died.
 */
static u8 *small_snapshot(struct kit_pool *p, u64 *len)
{
	struct fsm *f = kit_fsm(p, 10);
	struct fsm_command cancel = kit_cancel(3, 3, 1);
	struct fsm_outcome out;
	u8 *buf;

	kit_opened(p, f, "alpha", 1);
	kit_opened(p, f, "alpha", 2);
	kit_opened(p, f, "beta", 7);
	kit_added(p, f, 3, 1, "one", 7);
	kit_done(p, f, kit_add(3, 2, 1, "two", 8));
	KUNIT_ASSERT_EQ(p->test, kit_apply(f, &cancel, &out), 0);
	kit_done(p, f, kit_close(3, 6, 2, 1, 5));
	kit_added(p, f, 4, 1, "seventeen", 9);
	kit_locked(p, f, 4, 2, 4, "left", 0);
	kit_closed(p, f, 4, 3, 4);
	kit_locked(p, f, 4, 4, 5, "db", 0);
	kit_locked(p, f, 3, 7, 6, "db", FSM_ACQUIRE_SHARED);
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
	u8 buf[88];

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

/* ------------------------------------------------------------- while it goes on */

/* Somebody lets go, or asks, or dies: cells end, and serve again for others. */
static void disturb(struct kit_pool *p, struct fsm *f, u64 *random, u64 seq)
{
	u32 cursor = 0, skip = kit_below(random, 9), what = kit_below(random, 20);
	struct fsm_claim_view v = { 0 };
	struct fsm_outcome out;
	struct fsm_command c;
	char name[16];

	kit_feed(p, f);
	snprintf(name, sizeof(name), "l%u", kit_below(random, 60));
	while (skip-- && cursor != U32_MAX)
		fsm_claim_next(f, &cursor, 100000, &v);
	if (what < 9 && v.ticket)
		c = kit_leave(v.session, seq, v.handle, v.ticket);
	else if (what < 17)
		c = kit_lock(2 + kit_below(random, 2), seq, 1 + seq % 7, name,
			     what & 1);
	else if (what < 18)
		c = kit_close(2, seq, seq, 1 + seq % 7, seq - 1);
	else if (what < 19)
		c = kit_add(3, seq, seq, name, 1);
	else
		c = kit_revoke(3, seq, "l0", 0);
	KUNIT_ASSERT_EQ(p->test, kit_apply(f, &c, &out), 0);
}

/*
 * What ends while a snapshot is open is in it, what takes its place is not, and what
 * both of them are found by does not matter.
 */
static void pitfall_52_a_walk_passes_by_what_is_used_again(struct kunit *test)
{
	enum { ROUNDS = 60 };
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 300), *g;
	u64 random = 51, seq = 0, cap, bytes, hash, applied;
	u32 round, i, used = 0;
	struct fsm_cell *spare;
	u8 *buf;

	kit_opened(p, f, "a", 1);
	kit_opened(p, f, "b", 2);
	kit_locked(p, f, 3, ++seq, 99, "l0", FSM_ACQUIRE_SHARED);
	cap = 300 * FSM_SNAP_CELL_MAX + 8 * sizeof(struct fsm_session);
	buf = kvzalloc(cap, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, buf);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < 40; i++)
			disturb(p, f, &random, ++seq);
		spare = f->free;
		bytes = fsm_snapshot_bytes(f);
		hash = kit_hash(f);
		applied = kit_applied(f);
		KUNIT_EXPECT_EQ(test, fsm_snapshot_begin(f, buf, bytes), 0);
		while (!fsm_snapshot_step(f, 1 + round % 5))
			disturb(p, f, &random, ++seq);
		KUNIT_EXPECT_EQ(test, fsm_snapshot_end(f), bytes);
		used += spare && spare->kind != FSM_KIND_FREE;
		g = kit_load(p, buf, bytes, 10);
		KUNIT_EXPECT_TRUE_MSG(test, g, "round %u", round);
		if (!g)
			break;
		KUNIT_EXPECT_TRUE(test, kit_hash(g) == hash);
		KUNIT_EXPECT_EQ(test, kit_applied(g), applied);
		KUNIT_EXPECT_EQ(test, fsm_snapshot_bytes(g), bytes);
		kit_drop(p, g);
	}
	kvfree(buf);
	/* Cells were used again, and often. */
	KUNIT_EXPECT_GT(test, used, ROUNDS / 2);
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

/*
 * Session @i with all that a session may have. It waits for one lock: its record
 * is made of claims, the longest that there are.
 */
static void fill_session(struct kit_pool *p, struct fsm *f, unsigned int i,
			 unsigned int claims)
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
		c = k <= claims ? kit_lock(id, k, 1, longest(name, 0), 0) :
				  kit_cancel(id, k, 1);
		c.low = 1;
		KUNIT_ASSERT_EQ(p->test, kit_apply(f, &c, &out), 0);
		if (k <= claims)
			KUNIT_ASSERT_EQ(p->test, out.status, 0);
	}
}

/* The fewest bytes that are said to hold so many objects. */
static u64 bytes_for(u32 objects)
{
	u64 low = 0, high = 1ULL << 40;

	while (low < high) {
		u64 middle = (low + high) >> 1;

		if (fsm_objects_in(middle) >= objects)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/*
 * "The replicated size limit of the state never exceeds the smallest voter's
 * snapshot area" (design 8), for the largest state that there can be: nothing but
 * claims, and what these cannot do without.
 */
static void the_largest_state_fits_what_was_promised(struct kunit *test)
{
	enum {
		EACH = 5,
		OBJECTS = FSM_SESSIONS_MAX * (EACH + 1) + 1,
		/* The lock has no record, and those of handles are shorter. */
		SPARED = FSM_SNAP_CELL_MAX + FSM_SESSIONS_MAX *
			 (FSM_SNAP_CELL_MAX - FSM_SNAP_HANDLE),
	};
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, OBJECTS), *g;
	u64 low = bytes_for(OBJECTS), len;
	unsigned int i;
	u8 *buf;

	KUNIT_ASSERT_EQ(test, fsm_objects_in(low), (u32)OBJECTS);
	KUNIT_EXPECT_EQ(test, fsm_objects_in(low - 1), (u32)OBJECTS - 1);
	for (i = 0; i < FSM_SESSIONS_MAX; i++)
		fill_session(p, f, i, EACH);
	KUNIT_EXPECT_EQ(test, f->objects, (u32)OBJECTS);
	/* It cannot be more, and it is not less either. */
	KUNIT_EXPECT_EQ(test, fsm_snapshot_bytes(f), low - SPARED);
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

static struct kunit_case snapshot_cases[] = {
	KUNIT_CASE(a_snapshot_with_any_byte_changed_is_refused),
	KUNIT_CASE(a_snapshot_cut_short_is_refused),
	KUNIT_CASE(an_empty_state_survives_a_snapshot),
	KUNIT_CASE(pitfall_52_nothing_is_left_out_of_a_snapshot),
	KUNIT_CASE(pitfall_52_tokens_and_limits_are_in_the_hash),
	KUNIT_CASE(pitfall_50_a_load_is_all_or_nothing),
	KUNIT_CASE(pitfall_52_a_walk_passes_by_what_is_used_again),
	KUNIT_CASE(the_largest_state_fits_what_was_promised),
	KUNIT_CASE(room_for_objects_never_shrinks_or_wraps),
	{}
};

static struct kunit_suite snapshot_suite = {
	.name = "fsm-snapshot",
	.test_cases = snapshot_cases,
};

kunit_test_suite(snapshot_suite);

MODULE_LICENSE("GPL");
