// SPDX-License-Identifier: GPL-2.0
/*
 * The replicated state machine, promise by promise (design 2 and 9; pitfalls 54
 * to 57, 70 to 72, 85): sessions and counters. Locks: fsm_lock_test.c. Chance and
 * snapshots under change: fsm_model_test.c.
 */
#include <linux/module.h>
#include "fsm_kit.h"

static struct fsm_outcome done(struct kunit *test, struct fsm *f,
			       struct fsm_command c)
{
	struct fsm_outcome out;

	KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
	return out;
}

static void value_is(struct kunit *test, const struct fsm *f, const char *name,
		     u64 want)
{
	u64 value = 0, index;
	int err = fsm_counter(f, name, strlen(name), &value, &index);

	KUNIT_EXPECT_EQ_MSG(test, err, want ? 0 : -ENOENT, "%s", name);
	KUNIT_EXPECT_EQ_MSG(test, value, want, "%s", name);
}

static void adding_gives_the_new_value_and_its_place(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 100);
	u64 s = kit_session(p, f);
	struct fsm_outcome out = done(test, f, kit_add(s, 1, 1, "orders", 5));
	u64 value, index;

	KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_RESULT);
	KUNIT_EXPECT_EQ(test, out.status, 0);
	KUNIT_EXPECT_EQ(test, out.session, s);
	KUNIT_EXPECT_EQ(test, out.seq, 1);
	KUNIT_EXPECT_EQ(test, out.value, 5);
	KUNIT_EXPECT_EQ(test, out.index, 3);
	out = done(test, f, kit_add(s, 2, 2, "orders", 2));
	KUNIT_EXPECT_EQ(test, out.value, 7);
	KUNIT_EXPECT_EQ(test, out.index, 4);
	KUNIT_EXPECT_EQ(test, fsm_counter(f, "orders", 6, &value, &index), 0);
	KUNIT_EXPECT_EQ(test, value, 7);
	KUNIT_EXPECT_EQ(test, index, 4);
	KUNIT_EXPECT_EQ(test, fsm_counter(f, "order", 5, &value, &index),
			-ENOENT);
}

static void what_comes_twice_is_done_once(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 100);
	u64 s = kit_session(p, f);
	struct fsm_outcome a = done(test, f, kit_add(s, 1, 1, "c", 1)), b;

	done(test, f, kit_add(s, 2, 1, "c", 1));
	KUNIT_EXPECT_FALSE(test, fsm_fresh(f, s, 1));
	b = done(test, f, kit_add(s, 1, 1, "c", 1));
	KUNIT_EXPECT_EQ(test, b.kind, FSM_OUT_RESULT);
	KUNIT_EXPECT_EQ(test, b.value, a.value);
	KUNIT_EXPECT_EQ(test, b.index, a.index);
	value_is(test, f, "c", 2);
}

static void what_low_has_passed_is_neither_known_nor_done(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 100);
	u64 s = kit_session(p, f), size = fsm_snapshot_bytes(f);
	struct fsm_outcome out;

	done(test, f, kit_add(s, 1, 1, "c", 1));
	KUNIT_EXPECT_EQ(test, fsm_result(f, s, 1, &out), 0);
	KUNIT_EXPECT_EQ(test, fsm_result(f, s, 2, &out), -EINPROGRESS);
	done(test, f, kit_add(s, 3, 3, "c", 1));
	KUNIT_EXPECT_EQ(test, fsm_result(f, s, 1, &out), -ESTALE);
	out = done(test, f, kit_add(s, 1, 1, "c", 1));
	KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_NONE);
	out = done(test, f, kit_add(s, 2, 1, "c", 1));
	KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_NONE);
	KUNIT_EXPECT_FALSE(test, fsm_fresh(f, s, 2));
	KUNIT_EXPECT_TRUE(test, fsm_fresh(f, s, 4));
	value_is(test, f, "c", 2);
	/* A lower low comes late: it does not bring anything back. */
	out = done(test, f, kit_add(s, 4, 1, "c", 1));
	KUNIT_EXPECT_EQ(test, out.value, 3);
	KUNIT_EXPECT_EQ(test, fsm_result(f, s, 2, &out), -ESTALE);
	/* One counter, and two results of three: low passed the first. */
	KUNIT_EXPECT_EQ(test, fsm_snapshot_bytes(f), size + 32 + 2 * 24);
}

static void a_window_is_1024_requests_wide(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 100);
	u64 s = kit_session(p, f), seq;
	struct fsm_outcome out;

	for (seq = FSM_WINDOW; seq; seq--) {
		out = done(test, f, kit_add(s, seq, 1, "c", 1));
		KUNIT_EXPECT_EQ(test, out.value, FSM_WINDOW + 1 - seq);
	}
	for (seq = 1; seq <= FSM_WINDOW; seq++) {
		KUNIT_EXPECT_EQ(test, fsm_result(f, s, seq, &out), 0);
		KUNIT_EXPECT_EQ(test, out.value, FSM_WINDOW + 1 - seq);
	}
	KUNIT_EXPECT_EQ(test, fsm_result(f, s, seq, &out), -EINPROGRESS);
	out = done(test, f, kit_add(s, FSM_WINDOW + 1, 2, "c", 1));
	KUNIT_EXPECT_EQ(test, out.value, FSM_WINDOW + 1);
	KUNIT_EXPECT_EQ(test, fsm_result(f, s, 1, &out), -ESTALE);
	/* A leap of more than a window forgets everything. */
	out = done(test, f, kit_add(s, 9000, 9000, "c", 1));
	KUNIT_EXPECT_EQ(test, out.value, FSM_WINDOW + 2);
	KUNIT_EXPECT_EQ(test, fsm_result(f, s, 8999, &out), -ESTALE);
	KUNIT_EXPECT_EQ(test, fsm_result(f, s, 9001, &out), -EINPROGRESS);
}

static void a_cancellation_that_comes_first_wins_for_good(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 100);
	u64 s = kit_session(p, f);
	struct fsm_outcome out = done(test, f, kit_cancel(s, 1, 1));

	KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_RESULT);
	KUNIT_EXPECT_EQ(test, out.seq, 1);
	KUNIT_EXPECT_EQ(test, out.status, -ECANCELED);
	out = done(test, f, kit_add(s, 1, 1, "c", 1));
	KUNIT_EXPECT_EQ(test, out.status, -ECANCELED);
	KUNIT_EXPECT_EQ(test, out.index, 3);
	value_is(test, f, "c", 0);
}

static void a_cancellation_that_comes_second_changes_nothing(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 100);
	u64 s = kit_session(p, f);
	struct fsm_outcome out;

	done(test, f, kit_add(s, 1, 1, "c", 4));
	out = done(test, f, kit_cancel(s, 1, 1));
	KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_RESULT);
	KUNIT_EXPECT_EQ(test, out.status, 0);
	KUNIT_EXPECT_EQ(test, out.value, 4);
	KUNIT_EXPECT_EQ(test, out.index, 3);
	value_is(test, f, "c", 4);
}

static void nothing_of_a_closed_handle_takes_effect(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 100);
	u64 s = kit_session(p, f);
	struct fsm_command late = kit_add(s, 2, 1, "c", 1);
	struct fsm_command other = kit_add(s, 1, 1, "c", 10);
	struct fsm_outcome out;

	late.handle = 7;
	other.handle = 8;
	out = done(test, f, kit_close(s, 4, 1, 7, 3));
	KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_RESULT);
	KUNIT_EXPECT_EQ(test, out.seq, 4);
	KUNIT_EXPECT_EQ(test, out.status, 0);
	KUNIT_EXPECT_EQ(test, out.value, 0);
	out = done(test, f, late);
	KUNIT_EXPECT_EQ(test, out.status, -ECANCELED);
	value_is(test, f, "c", 0);
	out = done(test, f, other);
	KUNIT_EXPECT_EQ(test, out.value, 10);
	/* Again, and with a second close: on the chain, off the chain. */
	done(test, f, kit_close(s, 6, 3, 8, 5));
	late.seq = 3;
	KUNIT_EXPECT_EQ(test, done(test, f, late).status, -ECANCELED);
	other.seq = 5;
	other.low = 5;
	KUNIT_EXPECT_EQ(test, done(test, f, other).status, -ECANCELED);
	late.seq = 7;
	late.low = 7;
	late.handle = 9;
	KUNIT_EXPECT_EQ(test, done(test, f, late).status, 0);
	out = done(test, f, kit_close(s, 4, 1, 7, 3));
	KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_NONE);
	value_is(test, f, "c", 11);
}

static void a_counter_stops_at_its_end(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 100);
	u64 s = kit_session(p, f);
	struct fsm_outcome out;

	out = done(test, f, kit_add(s, 1, 1, "c", U64_MAX - 1));
	KUNIT_EXPECT_EQ(test, out.status, 0);
	out = done(test, f, kit_add(s, 2, 1, "c", 2));
	KUNIT_EXPECT_EQ(test, out.status, -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, out.value, 0);
	value_is(test, f, "c", U64_MAX - 1);
	out = done(test, f, kit_add(s, 3, 1, "c", 1));
	KUNIT_EXPECT_TRUE(test, out.value == U64_MAX);
	KUNIT_EXPECT_EQ(test, done(test, f, kit_add(s, 4, 1, "c", 1)).status,
			-EOVERFLOW);
	KUNIT_EXPECT_EQ(test, done(test, f, kit_add(s, 2, 1, "c", 2)).status,
			-EOVERFLOW);
	value_is(test, f, "c", U64_MAX);
}

static void the_limit_of_objects_is_an_answer(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 2);
	u64 s = kit_session(p, f);
	struct fsm_stats st;

	done(test, f, kit_add(s, 1, 1, "a", 1));
	done(test, f, kit_add(s, 2, 1, "b", 1));
	KUNIT_EXPECT_EQ(test, done(test, f, kit_add(s, 3, 1, "c", 1)).status,
			-ENOSPC);
	value_is(test, f, "c", 0);
	KUNIT_EXPECT_EQ(test, done(test, f, kit_add(s, 4, 1, "b", 1)).value, 2);
	fsm_stats(f, &st);
	KUNIT_EXPECT_EQ(test, st.objects, 2);
	KUNIT_EXPECT_EQ(test, st.objects_max, 2);
	KUNIT_EXPECT_EQ(test, st.version, FSM_VERSION);
}

static void nothing_is_before_the_first_entry_and_it_is_one(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_bare(p);
	struct fsm_outcome out;
	struct fsm_stats st;
	u8 buf[FSM_COMMAND_MAX];

	kit_feed(p, f);
	out = done(test, f, kit_open("a", 1, 1, 1));
	KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_NONE);
	out = done(test, f, kit_add(1, 1, 1, "c", 1));
	KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_NONE);
	KUNIT_EXPECT_EQ(test, fsm_apply(f, 3, buf,
					fsm_encode_init(buf, 1, 7), &out), 0);
	KUNIT_EXPECT_EQ(test, fsm_apply(f, 4, buf,
					fsm_encode_init(buf, 2, 8), &out), 0);
	fsm_stats(f, &st);
	KUNIT_EXPECT_EQ(test, st.objects_max, 7);
	KUNIT_EXPECT_EQ(test, st.sessions, 0);
	KUNIT_EXPECT_EQ(test, st.applied, 4);
}

static void what_is_not_known_stops_the_node(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 10);
	struct fsm_outcome out;
	u8 buf[FSM_COMMAND_MAX];
	u16 len = fsm_encode_init(buf, 1, 7);
	u64 hash = kit_hash(f);

	KUNIT_EXPECT_EQ(test, fsm_apply(f, 3, buf, len, &out), -EINVAL);
	KUNIT_EXPECT_EQ(test, fsm_apply(f, 1, buf, len, &out), -EINVAL);
	buf[2] = FSM_VERSION + 1;
	KUNIT_EXPECT_EQ(test, fsm_apply(f, 2, buf, len, &out), -EPROTO);
	buf[0] = FSM_COUNTER_RUN + 1;
	KUNIT_EXPECT_EQ(test, fsm_apply(f, 2, buf, len, &out), -EPROTO);
	KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_NONE);
	KUNIT_EXPECT_EQ(test, fsm_apply(f, 2, buf, 3, &out), -EINVAL);
	KUNIT_EXPECT_TRUE(test, kit_hash(f) == hash);
	KUNIT_EXPECT_EQ(test, fsm_apply(f, 2, NULL, 0, &out), 0);
	KUNIT_EXPECT_EQ(test, kit_applied(f), 2);
	KUNIT_EXPECT_TRUE(test, kit_hash(f) == hash);
}

/* @c gives the session @got, and ends @replaced. 0: is ignored. */
static void opens(struct kunit *test, struct fsm *f, struct fsm_command c,
		  u64 got, u64 replaced)
{
	struct fsm_outcome out = done(test, f, c);

	KUNIT_EXPECT_EQ(test, out.kind, got ? FSM_OUT_OPENED : FSM_OUT_NONE);
	KUNIT_EXPECT_EQ(test, out.session, got);
	KUNIT_EXPECT_EQ(test, out.replaced, replaced);
	if (!got)
		return;
	KUNIT_EXPECT_TRUE(test, raft_id_eq(out.node, c.node));
	KUNIT_EXPECT_EQ(test, out.boot_nonce, c.boot_nonce);
	KUNIT_EXPECT_EQ(test, out.ordinal, c.arg2);
	KUNIT_EXPECT_EQ(test, fsm_session_of(f, c.node, c.boot_nonce, c.arg2),
			got);
}

static void a_node_has_one_session_the_newest(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 10);
	struct fsm_command twice = kit_open("a", 1, 2, 9);
	struct fsm_stats st;

	opens(test, f, kit_open("a", 1, 1, 3), 2, 0);
	opens(test, f, kit_open("a", 1, 1, 3), 2, 0);
	opens(test, f, kit_open("b", 2, 1, 1), 4, 0);
	/* older and newer ordinals */
	opens(test, f, kit_open("a", 1, 1, 2), 0, 0);
	opens(test, f, kit_open("a", 1, 1, 4), 6, 2);
	opens(test, f, kit_open("a", 1, 1, 3), 0, 0);
	/* boots */
	opens(test, f, kit_open("a", 1, 2, 1), 8, 6);
	opens(test, f, kit_open("a", 1, 1, 9), 0, 0);
	twice.boot_nonce++;
	opens(test, f, twice, 0, 0);
	/* incarnations: what was replaced does not come back by being late */
	opens(test, f, kit_open("a", 3, 1, 1), 11, 8);
	opens(test, f, kit_open("a", 1, 2, 1), 0, 0);
	opens(test, f, kit_open("a", 4, 1, 1), 13, 11);
	opens(test, f, kit_open("a", 3, 1, 1), 0, 0);
	opens(test, f, kit_open("b", 2, 1, 1), 4, 0);
	/* who lives saw a late open of the dead replace it, and asks for more */
	opens(test, f, kit_open("a", 3, 1, 2), 16, 13);
	opens(test, f, kit_open("a", 4, 1, 1), 0, 0);
	opens(test, f, kit_open("a", 4, 2, 1), 18, 16);
	opens(test, f, kit_open("a", 3, 1, 2), 0, 0);
	fsm_stats(f, &st);
	KUNIT_EXPECT_EQ(test, st.sessions, 2);
	KUNIT_EXPECT_EQ(test, fsm_session_of(f, (struct raft_id){ 1, ~1ULL },
					     1000, 3), 0);
}

static void a_dead_session_runs_nothing(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 10);
	u64 s = kit_session(p, f);
	struct fsm_outcome out;

	done(test, f, kit_add(s, 1, 1, "c", 1));
	opens(test, f, kit_open("a", 1, 1, 2), 4, s);
	out = done(test, f, kit_add(s, 2, 1, "c", 1));
	KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_RESULT);
	KUNIT_EXPECT_EQ(test, out.status, -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, out.session, s);
	KUNIT_EXPECT_EQ(test, out.seq, 2);
	KUNIT_EXPECT_EQ(test, fsm_result(f, s, 1, &out), -EKEYEXPIRED);
	KUNIT_EXPECT_FALSE(test, fsm_fresh(f, s, 2));
	/* The successor begins with nothing resolved. */
	KUNIT_EXPECT_EQ(test, fsm_result(f, 4, 1, &out), -EINPROGRESS);
	KUNIT_EXPECT_EQ(test, done(test, f, kit_add(4, 1, 1, "c", 1)).value, 2);
	/* What is not applied here yet may open it. */
	KUNIT_EXPECT_TRUE(test, fsm_fresh(f, 99, 1));
}

static void the_65th_name_finds_no_session(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 10);
	struct fsm_command c = kit_open("n00", 5, 1, 1);
	struct fsm_outcome out;
	char name[] = "n00";
	unsigned int i;

	c.name = name;
	for (i = 0; i < FSM_SESSIONS_MAX; i++) {
		name[1] = '0' + i / 10;
		name[2] = '0' + i % 10;
		c.node.hi = 1000 + i;
		opens(test, f, c, i + 2, 0);
	}
	c = kit_open("one more", 5, 1, 1);
	out = done(test, f, c);
	KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_OPENED);
	KUNIT_EXPECT_EQ(test, out.status, -ENOSPC);
	KUNIT_EXPECT_EQ(test, out.session, 0);
	KUNIT_EXPECT_TRUE(test, raft_id_eq(out.node, c.node));
	opens(test, f, kit_open("n07", 6, 1, 1), FSM_SESSIONS_MAX + 3, 9);
	KUNIT_EXPECT_EQ(test, done(test, f, kit_add(8, 1, 1, "c", 3)).value, 3);
}

/* Two states that differ in one thing have different hashes. */
static void the_hash_covers_everything(struct kunit *test)
{
	static const char *const what[] = {
		"nothing", "amount", "name", "seq", "low", "cancelled",
		"closed", "closed handle", "closed up to", "session",
	};
	struct kit_pool *p = kit_pool(test);
	u64 hash[ARRAY_SIZE(what)];
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(what); i++) {
		struct fsm *f = kit_fsm(p, 10);
		u64 s = kit_session(p, f);

		done(test, f, kit_add(s, i == 3 ? 2 : 1, 1,
				      i == 2 ? "d" : "c", i == 1 ? 2 : 1));
		if (i == 4)
			done(test, f, kit_cancel(s, 3, 2));
		else if (i == 5)
			done(test, f, kit_cancel(s, 3, 1));
		else if (i >= 6 && i <= 8)
			done(test, f, kit_close(s, 4, 1, i == 7 ? 2 : 1,
						i == 8 ? 2 : 3));
		else if (i == 9)
			done(test, f, kit_open("b", 9, 1, 1));
		hash[i] = kit_hash(f);
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_TRUE_MSG(test, hash[i] != hash[j],
					      "%s and %s", what[i], what[j]);
		kit_drop(p, f);
	}
}

static void a_million_names_are_found_again(struct kunit *test)
{
#ifdef __KERNEL__
	const u32 n = 20000;	/* as it would take long under KASAN */
#else
	const u32 n = 1000000;
#endif
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, n);
	u64 s = kit_session(p, f), value, index, lost = 0, refused = 0;
	char name[] = "00000000";
	u32 i, j, fed = 0;

	for (i = 1; i <= n; i++) {
		struct fsm_outcome out;

		for (j = 0; j < 8; j++)
			name[j] = 'a' + (i >> 4 * j & 15);
		if (fsm_wants(f))
			fed++;
		kit_feed(p, f);
		refused += !fsm_room(f, kit_applied(f), 1);
		out = done(test, f, kit_add(s, i, i, name, i));
		lost += out.value != i;
	}
	for (i = 1; i <= n; i++) {
		for (j = 0; j < 8; j++)
			name[j] = 'a' + (i >> 4 * j & 15);
		lost += fsm_counter(f, name, 8, &value, &index) || value != i;
	}
	KUNIT_EXPECT_EQ(test, lost, 0);
	KUNIT_EXPECT_EQ(test, refused, 0);
	KUNIT_EXPECT_GE(test, fed, n / 600);
}

static void room_is_there_or_it_is_said(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_bare(p);
	unsigned int n = 0, wants = fsm_wants(f), i;
	struct fsm_stats st;
	char name[] = "00000";

	KUNIT_EXPECT_FALSE(test, fsm_room(f, 0, 1));
	KUNIT_EXPECT_EQ(test, fsm_wants(f), wants);
	for (; fsm_wants(f); n++)
		fsm_give(f, kit_chunk(p));
	KUNIT_EXPECT_EQ(test, n, wants);
	KUNIT_EXPECT_TRUE(test, fsm_room(f, 0, 1));
	/* What was asked for once is provided for. */
	KUNIT_EXPECT_FALSE(test, fsm_room(f, 3000, 1000));
	KUNIT_EXPECT_GT(test, fsm_wants(f), 0);
	kit_feed(p, f);
	KUNIT_EXPECT_TRUE(test, fsm_room(f, 3000, 1000));
	fsm_stats(f, &st);
	done(test, f, (struct fsm_command){ .op = FSM_INIT, .arg2 = 100000 });
	kit_session(p, f);
	for (i = 1; i <= 3998; i++) {
		struct fsm_outcome out;

		name[1] = 'a' + (i & 15);
		name[2] = 'a' + (i >> 4 & 15);
		name[3] = 'a' + (i >> 8 & 15);
		out = done(test, f, kit_add(2, i, i, name, 1));
		KUNIT_ASSERT_EQ(test, out.value, 1);
	}
	for (i = 0; fsm_take_back(f); i++)
		;
	KUNIT_EXPECT_EQ(test, i, st.bytes / FSM_CHUNK_BYTES);
	/* Objects for which there are no buckets. */
	f = kit_fsm(p, 100000);
	for (i = 0; i < 20; i++)
		fsm_give(f, kit_chunk(p));
	KUNIT_EXPECT_TRUE(test, fsm_room(f, 1, 2000));
	KUNIT_EXPECT_FALSE(test, fsm_room(f, 1, 6000));
	kit_feed(p, f);
	KUNIT_EXPECT_TRUE(test, fsm_room(f, 1, 6000));
}

static struct kunit_case fsm_cases[] = {
	KUNIT_CASE(adding_gives_the_new_value_and_its_place),
	KUNIT_CASE(what_comes_twice_is_done_once),
	KUNIT_CASE(what_low_has_passed_is_neither_known_nor_done),
	KUNIT_CASE(a_window_is_1024_requests_wide),
	KUNIT_CASE(a_cancellation_that_comes_first_wins_for_good),
	KUNIT_CASE(a_cancellation_that_comes_second_changes_nothing),
	KUNIT_CASE(nothing_of_a_closed_handle_takes_effect),
	KUNIT_CASE(a_counter_stops_at_its_end),
	KUNIT_CASE(the_limit_of_objects_is_an_answer),
	KUNIT_CASE(nothing_is_before_the_first_entry_and_it_is_one),
	KUNIT_CASE(what_is_not_known_stops_the_node),
	KUNIT_CASE(a_node_has_one_session_the_newest),
	KUNIT_CASE(a_dead_session_runs_nothing),
	KUNIT_CASE(the_65th_name_finds_no_session),
	KUNIT_CASE(the_hash_covers_everything),
	KUNIT_CASE(room_is_there_or_it_is_said),
	KUNIT_CASE(a_million_names_are_found_again),
	{}
};

static struct kunit_suite fsm_suite = {
	.name = "fsm",
	.test_cases = fsm_cases,
};

kunit_test_suite(fsm_suite);

MODULE_LICENSE("GPL");
