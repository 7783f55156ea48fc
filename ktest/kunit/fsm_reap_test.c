// SPDX-License-Identifier: GPL-2.0
/*
 * "A dead process holds nothing" (design 2): handles that close and sessions that
 * end, with more than one entry may undo (pitfalls 55, 56, 60, 67). Who waits and
 * who holds while everybody lives: fsm_lock_test.c; what is remembered of the dead:
 * fsm_died_test.c.
 */
#include <linux/module.h>
#include "fsm_lock_kit.h"

/* REAPs until nothing is left; how many. No entry does more than it may. */
static u32 reap(struct one *o)
{
	struct fsm_stats st;
	u32 n = 0;

	while (fsm_dying(o->f)) {
		u32 claims, held;

		fsm_stats(o->f, &st);
		claims = st.held + st.waiting;
		held = st.held;
		done(o, kit_reap());
		fsm_stats(o->f, &st);
		KUNIT_ASSERT_LE(o->test, claims - st.held - st.waiting,
				(u32)FSM_RELEASES_MAX);
		KUNIT_ASSERT_LE(o->test, o->out.n_events, (u32)FSM_GRANTS_MAX);
		/* and each brings it on */
		KUNIT_ASSERT_TRUE(o->test, claims != st.held + st.waiting ||
				  held != st.held);
		n++;
	}
	return n;
}

/* Another session, of node @node and its name. */
static u64 another(struct one *o, u64 node, const char *name)
{
	done(o, kit_open(name, node, 1, 1));
	KUNIT_ASSERT_EQ(o->test, o->out.kind, FSM_OUT_OPENED);
	return o->out.session;
}

static void who_closes_lets_go_at_once(struct kunit *test)
{
	struct one *o = begin(test, 100);
	u64 a = lock(o, 1, "a", 0), b = lock(o, 1, "b", SHARED), w, x;
	struct fsm_ticket t;

	w = lock(o, 2, "a", 0);
	x = lock(o, 3, "b", 0);
	close_handle(o, 1);
	KUNIT_ASSERT_EQ(test, o->out.n_events, 2);
	granted(o, 0, w, FSM_GRANT_DIED);
	granted(o, 1, x, FSM_GRANT_DIED);
	KUNIT_EXPECT_EQ(test, fsm_ticket(o->f, a, &t), -ENOENT);
	KUNIT_EXPECT_EQ(test, fsm_fence(o->f, "b", 1, b), -ESTALE);
	KUNIT_EXPECT_FALSE(test, fsm_dying(o->f));
	KUNIT_EXPECT_EQ(test, fsm_ticket(o->f, w, &t), 0);
	KUNIT_EXPECT_EQ(test, t.flags, FSM_GRANT_DIED);
	/* Its place in a queue goes with it, and nobody is told that it died. */
	x = lock(o, 4, "a", 0);
	w = lock(o, 5, "a", 0);
	close_handle(o, 4);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 0);
	KUNIT_EXPECT_EQ(test, fsm_ticket(o->f, x, &t), -ENOENT);
	KUNIT_EXPECT_EQ(test, fsm_ticket(o->f, w, &t), 0);
	/* What it asks for yet is nothing. */
	o->seq += 2;
	done(o, kit_close(o->s, o->seq, o->seq - 1, 5, o->seq - 1));
	done(o, kit_lock(o->s, o->seq - 1, 5, "c", 0));
	KUNIT_EXPECT_EQ(test, o->out.status, -ECANCELED);
	KUNIT_EXPECT_EQ(test, fsm_ticket(o->f, w, &t), -ENOENT);
}

/* "The death of a handle with 100,000 locks" is O(1), and then 64 an entry. */
static void a_thousand_locks_go_some_at_a_time(struct kunit *test)
{
	enum { N = 1000 };
	struct one *o = begin(test, 10000);
	u64 first = 0, last = 0, wait = 0, got = 0, late;
	struct fsm_stats st;
	char name[8];
	u32 i, n;

	for (i = 0; i < N; i++) {
		last = lock(o, 1, numbered(i, name), 0);
		first = first ? first : last;
	}
	wait = lock(o, 2, numbered(N - 1, name), 0);
	close_handle(o, 1);
	fsm_stats(o->f, &st);
	KUNIT_EXPECT_EQ(test, st.held, N - FSM_RELEASES_MAX);
	KUNIT_EXPECT_EQ(test, st.dying, 1);
	KUNIT_EXPECT_TRUE(test, fsm_dying(o->f));
	/* All at once: no fence of it holds, no ticket of it is known, */
	KUNIT_EXPECT_EQ(test, fsm_fence(o->f, name, 7, last), -ESTALE);
	KUNIT_EXPECT_EQ(test, token_of(o, last), 0);
	done(o, kit_release(o->s, ++o->seq, 1, last, last));
	answered(o, -EPERM, 0);
	/* nothing comes of it any more, whatever seq it has, */
	n = objects(o);
	lock(o, 1, "new", 0);
	answered(o, -ECANCELED, 0);
	KUNIT_EXPECT_EQ(test, objects(o), n);
	/* but who is not reaped yet is not overtaken. */
	lock(o, 3, name, TRY);
	answered(o, -EAGAIN, 0);
	late = lock(o, 3, name, 0);
	answered(o, 0, 0);
	while (fsm_dying(o->f)) {
		reload(o);
		done(o, kit_reap());
		for (i = 0; i < o->out.n_events; i++) {
			granted(o, i, wait, FSM_GRANT_DIED | FSM_GRANT_WANTED);
			got++;
		}
	}
	KUNIT_EXPECT_EQ(test, got, 1);
	KUNIT_EXPECT_EQ(test, token_of(o, late), 0);
	fsm_stats(o->f, &st);
	KUNIT_EXPECT_EQ(test, st.held, 1);
	KUNIT_EXPECT_EQ(test, st.dying, 0);
	KUNIT_EXPECT_EQ(test, st.objects, N - 1 + 1 + 4);
}

/* Pitfall 56: what comes of a session that has expired never runs. */
static void pitfall_56_an_expired_session_runs_nothing(struct kunit *test)
{
	struct one *o = begin(test, 100);
	u64 a = lock(o, 1, "a", 0), b = another(o, 7, "b"), w, value, index;
	struct fsm_session_view v;

	done(o, kit_lock(b, 1, 1, "a", 0));
	w = o->out.index;
	done(o, kit_expire(o->s));
	KUNIT_EXPECT_EQ(test, o->out.kind, FSM_OUT_ENDED);
	KUNIT_EXPECT_EQ(test, o->out.status, -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, o->out.session, o->s);
	KUNIT_EXPECT_EQ(test, o->out.node.hi, 1);
	KUNIT_EXPECT_EQ(test, o->out.boot_nonce, 1000);
	KUNIT_EXPECT_EQ(test, o->out.ordinal, 1);
	KUNIT_EXPECT_EQ(test, o->out.index, kit_applied(o->f));
	KUNIT_ASSERT_EQ(test, o->out.n_events, 1);
	KUNIT_EXPECT_EQ(test, o->e[0].ticket, w);
	KUNIT_EXPECT_EQ(test, o->e[0].session, b);
	KUNIT_EXPECT_EQ(test, o->e[0].flags, FSM_GRANT_DIED);
	KUNIT_EXPECT_EQ(test, token_of(o, a), 0);
	KUNIT_EXPECT_FALSE(test, fsm_session_view(o->f, o->s, &v));
	KUNIT_EXPECT_EQ(test, fsm_session_of(o->f, (struct raft_id){ 1, ~1ULL },
					     1000, 1), 0);
	/* late, of every kind */
	done(o, kit_add(o->s, ++o->seq, 1, "c", 1));
	answered(o, -EKEYEXPIRED, 0);
	lock(o, 1, "x", 0);
	answered(o, -EKEYEXPIRED, 0);
	done(o, kit_release(o->s, ++o->seq, 1, a, a));
	answered(o, -EKEYEXPIRED, 0);
	done(o, kit_end(o->s, ++o->seq, b));
	answered(o, -EKEYEXPIRED, 0);
	KUNIT_EXPECT_FALSE(test, fsm_fresh(o->f, o->s, o->seq + 1));
	KUNIT_EXPECT_EQ(test, fsm_counter(o->f, "c", 1, &value, &index), -ENOENT);
	KUNIT_EXPECT_TRUE(test, fsm_session_view(o->f, b, &v));
	/* It ends once. */
	done(o, kit_expire(o->s));
	KUNIT_EXPECT_EQ(test, o->out.kind, FSM_OUT_NONE);
	done(o, kit_expire(4711));
	KUNIT_EXPECT_EQ(test, o->out.kind, FSM_OUT_NONE);
	/* Its node comes back under the next ordinal, or even under the same. */
	done(o, kit_open("a", 1, 1, 2));
	KUNIT_EXPECT_EQ(test, o->out.session, kit_applied(o->f));
	KUNIT_EXPECT_EQ(test, o->out.replaced, 0);
}

/*
 * Pitfall 55: a session expires where an entry says so, and nowhere else: members
 * that apply the same have the same state, and time is none of their business.
 * Pitfall 60: what a new leader counts from, the TTL, is in each of them, however
 * often it was handed on; nothing that was left of it is.
 */
static void pitfall_55_60_expiry_is_an_entry_and_the_ttl_is_kept(struct kunit *test)
{
	struct one *o = begin(test, 100);
	struct fsm_command open = kit_open("b", 7, 1, 1), expire;
	struct fsm_session_view v;
	struct fsm_outcome out;
	struct fsm *other;
	u64 b, len, hash;
	u8 *buf;
	u32 i;

	open.arg = 1234;
	done(o, open);
	b = o->out.session;
	hash = kit_hash(o->f);
	/* The same open says nothing new, whatever it says. */
	open.arg = 99;
	done(o, open);
	KUNIT_EXPECT_EQ(test, o->out.session, b);
	KUNIT_EXPECT_TRUE(test, kit_hash(o->f) == hash);
	for (i = 0; i < 20; i++) {
		reload(o);
		done(o, kit_add(o->s, ++o->seq, 1, "c", 1));
		KUNIT_EXPECT_TRUE(test, fsm_session_view(o->f, b, &v));
		KUNIT_EXPECT_EQ(test, v.ttl_ms, 1234);
	}
	buf = kit_snapshot(o->pool, o->f, &len);
	other = kit_load(o->pool, buf, len, 100);
	KUNIT_ASSERT_TRUE(test, other);
	expire = kit_expire(b);
	done(o, expire);
	KUNIT_ASSERT_EQ(test, kit_apply(other, &expire, &out), 0);
	KUNIT_EXPECT_TRUE(test, kit_agrees(&out, &o->out));
	KUNIT_EXPECT_TRUE(test, kit_hash(other) == kit_hash(o->f));
	/* Another TTL is another state. */
	open.arg = 1234;
	done(o, open);
	open.arg = 1235;
	KUNIT_ASSERT_EQ(test, kit_apply(other, &open, &out), 0);
	KUNIT_EXPECT_TRUE(test, kit_hash(other) != kit_hash(o->f));
}

static void the_administrator_ends_sessions(struct kunit *test)
{
	struct one *o = begin(test, 100);
	u64 b = another(o, 7, "b"), a, w;
	struct fsm_command own;

	done(o, kit_lock(b, 1, 1, "a", 0));
	w = lock(o, 1, "a", 0);
	done(o, kit_end(o->s, ++o->seq, 4711));
	answered(o, -ENOENT, 0);
	KUNIT_EXPECT_EQ(test, o->out.ended, 0);
	done(o, kit_end(o->s, ++o->seq, b));
	answered(o, 0, 0);
	KUNIT_EXPECT_EQ(test, o->out.ended, b);
	granted(o, 0, w, FSM_GRANT_DIED);
	/* Asked again, it is the answer alone. */
	done(o, kit_end(o->s, o->seq, b));
	answered(o, 0, 0);
	KUNIT_EXPECT_EQ(test, o->out.ended, 0);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 0);
	/* Its own: the result first, which only this entry can tell. */
	a = another(o, 8, "c");
	done(o, kit_lock(a, 1, 1, "a", 0));
	own = kit_end(o->s, ++o->seq, o->s);
	done(o, own);
	answered(o, 0, 0);
	KUNIT_EXPECT_EQ(test, o->out.ended, o->s);
	KUNIT_ASSERT_EQ(test, o->out.n_events, 1);
	KUNIT_EXPECT_EQ(test, o->e[0].session, a);
	done(o, own);
	answered(o, -EKEYEXPIRED, 0);
	KUNIT_EXPECT_EQ(test, o->out.ended, 0);
}

/* "When the same member opens one under a newer boot" its locks go, too. */
static void a_session_that_is_replaced_dies(struct kunit *test)
{
	struct one *o = begin(test, 1000);
	u64 b = another(o, 7, "b"), i, w = 0;
	char name[8];

	for (i = 0; i < 100; i++)
		lock(o, 1 + i % 3, numbered(i, name), 0);
	done(o, kit_lock(b, 1, 1, numbered(0, name), 0));
	w = o->out.index;
	done(o, kit_open("a", 1, 2, 1));
	KUNIT_EXPECT_EQ(test, o->out.replaced, o->s);
	o->s = o->out.session;
	o->seq = 0;
	KUNIT_ASSERT_EQ(test, o->out.n_events, 1);
	KUNIT_EXPECT_EQ(test, o->e[0].ticket, w);
	KUNIT_EXPECT_TRUE(test, fsm_dying(o->f));
	/* Under the same number it is another handle now, which is alive. */
	w = lock(o, 1, "new", 0);
	answered(o, 0, o->out.value);
	KUNIT_EXPECT_EQ(test, reap(o), 1);
	KUNIT_EXPECT_TRUE(test, token_of(o, w));
}

/* The holder goes by RELEASE or by LEAVE. */
static void dead_waiters(struct kunit *test, bool leave)
{
	enum { N = 1000 };
	struct one *o = begin(test, 10000);
	u64 b = another(o, 7, "b"), a = lock(o, 1, "a", 0), w, i, n;

	for (i = 1; i <= N; i++)
		done(o, kit_lock(b, i, 1 + i % 5, "a", i % 2));
	w = lock(o, 2, "a", 0);
	/* All of them die while it is held: 64 go, */
	done(o, kit_expire(b));
	KUNIT_EXPECT_EQ(test, o->out.n_events, 0);
	/* and as many when it is released, before anybody could reap. */
	if (leave)
		done(o, kit_leave(o->s, ++o->seq, 1, a));
	else
		release(o, 1, a);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 0);
	KUNIT_EXPECT_EQ(test, objects(o), 3 + 5 + N - 64 - 63);
	lock(o, 3, "a", TRY);
	answered(o, -EAGAIN, 0);
	for (n = 0; !token_of(o, w); n++) {
		KUNIT_ASSERT_TRUE(test, fsm_dying(o->f));
		reload(o);
		done(o, kit_reap());
	}
	KUNIT_EXPECT_EQ(test, n, (N - 127 + 63) / 64);
	granted(o, 0, w, 0);
	KUNIT_EXPECT_FALSE(test, fsm_dying(o->f));
}

/* Pitfall 67: a thousand dead waiters hold nobody up for longer than they take. */
static void pitfall_67_dead_waiters_are_passed_by(struct kunit *test)
{
	dead_waiters(test, false);
	dead_waiters(test, true);
}

/* Who is dead and first of a free lock goes before the rest of the dead. */
static void no_free_lock_waits_for_all_the_dead(struct kunit *test)
{
	struct one *o = begin(test, 10000);
	u64 b = another(o, 7, "b"), a = lock(o, 1, "a", 0), i, w;
	char name[8];

	for (i = 1; i <= 1000; i++)
		done(o, kit_lock(b, i, 1, numbered(i, name), 0));
	done(o, kit_lock(b, i, 2, "a", 0));
	w = lock(o, 2, "a", 0);
	done(o, kit_expire(b));
	release(o, 1, a);
	granted(o, 0, w, 0);
	KUNIT_EXPECT_EQ(test, reap(o), (1000 - 64 + 63) / 64);
}

/* More grants than one entry may make: the rest keeps its places. */
static void two_hundred_sharers_are_granted_some_at_a_time(struct kunit *test)
{
	struct one *o = begin(test, 10000);
	u64 a = lock(o, 1, "a", 0), t[201], late, i;
	u32 n = 0;

	for (i = 0; i < 200; i++)
		t[i] = lock(o, 2 + i, "a", SHARED);
	release(o, 1, a);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 64);
	granted(o, 63, t[63], FSM_GRANT_WANTED);
	KUNIT_EXPECT_TRUE(test, fsm_dying(o->f));
	/* Nobody overtakes, though there is room beside those who share. */
	lock(o, 999, "a", SHARED | TRY);
	answered(o, -EAGAIN, 0);
	late = lock(o, 999, "a", SHARED);
	answered(o, 0, 0);
	/* Whoever goes on does so for who waits longest; some die meanwhile. */
	close_handle(o, 2 + 64);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 64);
	granted(o, 0, t[65], FSM_GRANT_WANTED);
	reload(o);
	for (n = 0; fsm_dying(o->f); n++)
		done(o, kit_reap());
	KUNIT_EXPECT_EQ(test, n, 2);
	granted(o, o->out.n_events - 1, late, 0);
}

/*
 * The order in which they died, over handles and sessions, and not that in which
 * they were born.
 */
static void the_dead_are_reaped_in_their_order(struct kunit *test)
{
	struct one *o = begin(test, 10000);
	u64 b = another(o, 7, "b"), w[3], i;
	char name[8];

	for (i = 0; i < 400; i++) {
		numbered(i, name);
		if (i >= 100 && i < 200)
			done(o, kit_lock(b, i, 1, name, 0));
		else
			lock(o, i < 100 ? 1 : 2, name, 0);
	}
	w[0] = lock(o, 3, numbered(99, name), 0);
	w[1] = lock(o, 3, numbered(199, name), 0);
	w[2] = lock(o, 3, numbered(399, name), 0);
	close_handle(o, 2);
	done(o, kit_expire(b));
	close_handle(o, 1);
	/* 192 of 200 of the first are gone. Then 8 of it, and 56; 44, and 20. */
	for (i = 0; i < 5; i++) {
		KUNIT_EXPECT_EQ(test, !!token_of(o, w[2]), i > 0);
		KUNIT_EXPECT_EQ(test, !!token_of(o, w[1]), i > 1);
		KUNIT_EXPECT_EQ(test, !!token_of(o, w[0]), i > 3);
		reload(o);
		if (i < 4)
			done(o, kit_reap());
	}
	KUNIT_EXPECT_FALSE(test, fsm_dying(o->f));
}

/* All 64 places can be had again, and nothing of before comes with them. */
static void the_places_of_sessions_that_ended_are_free(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 1000);
	struct fsm_command c;
	struct fsm_outcome out;
	char name[] = "n000";
	u64 ids[FSM_SESSIONS_MAX] = { 0 }, random = 60;
	u32 i, k;

	for (i = 0; i < 400 && !kit_failed(test); i++) {
		k = kit_below(&random, FSM_SESSIONS_MAX);
		if (ids[k]) {
			c = kit_expire(ids[k]);
			KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
			KUNIT_EXPECT_EQ(test, out.kind, FSM_OUT_ENDED);
			KUNIT_EXPECT_EQ(test, out.session, ids[k]);
		}
		name[1] = '0' + i / 100;
		name[2] = '0' + i / 10 % 10;
		name[3] = '0' + i % 10;
		c = kit_open(name, i + 1, 1, 1);
		KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
		KUNIT_ASSERT_EQ(test, out.status, 0);
		ids[k] = out.session;
		KUNIT_EXPECT_EQ(test, fsm_result(f, ids[k], 1, &out),
				-EINPROGRESS);
		c = kit_add(ids[k], 1, 1, "c", 1);
		KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
		KUNIT_EXPECT_EQ(test, out.value, i + 1);
	}
	for (i = 0; i < FSM_SESSIONS_MAX; i++)
		if (ids[i])
			KUNIT_EXPECT_EQ(test, fsm_result(f, ids[i], 1, &out), 0);
}

static struct kunit_case reap_cases[] = {
	KUNIT_CASE(who_closes_lets_go_at_once),
	KUNIT_CASE(a_thousand_locks_go_some_at_a_time),
	KUNIT_CASE(pitfall_56_an_expired_session_runs_nothing),
	KUNIT_CASE(pitfall_55_60_expiry_is_an_entry_and_the_ttl_is_kept),
	KUNIT_CASE(the_administrator_ends_sessions),
	KUNIT_CASE(a_session_that_is_replaced_dies),
	KUNIT_CASE(pitfall_67_dead_waiters_are_passed_by),
	KUNIT_CASE(no_free_lock_waits_for_all_the_dead),
	KUNIT_CASE(two_hundred_sharers_are_granted_some_at_a_time),
	KUNIT_CASE(the_dead_are_reaped_in_their_order),
	KUNIT_CASE(the_places_of_sessions_that_ended_are_free),
	{}
};

static struct kunit_suite reap_suite = {
	.name = "fsm-reap",
	.test_cases = reap_cases,
};

kunit_test_suite(reap_suite);

MODULE_LICENSE("GPL");
