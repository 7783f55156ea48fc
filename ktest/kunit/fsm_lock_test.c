// SPDX-License-Identifier: GPL-2.0
/*
 * Locks in the replicated state, promise by promise (design 2 and 9; pitfalls 54,
 * 65 to 68). Who dies: fsm_reap_test.c; that members agree: fsm_lock_hash_test.c;
 * chance: fsm_lock_model_test.c.
 */
#include <linux/module.h>
#include "fsm_lock_kit.h"

static void a_free_lock_is_had_at_once(struct kunit *test)
{
	struct one *o = begin(test, 100);
	u64 size = fsm_snapshot_bytes(o->f), ticket = lock(o, 5, "db", 0);
	struct fsm_claim_view v;
	struct fsm_ticket t;
	u32 cursor = 0;

	answered(o, 0, ticket);
	KUNIT_EXPECT_EQ(test, o->out.index, ticket);
	/* Who is answered needs no event. */
	KUNIT_EXPECT_EQ(test, o->out.n_events, 0);
	KUNIT_EXPECT_EQ(test, fsm_ticket(o->f, ticket, &t), 0);
	KUNIT_EXPECT_EQ(test, t.session, o->s);
	KUNIT_EXPECT_EQ(test, t.handle, 5);
	KUNIT_EXPECT_EQ(test, t.token, ticket);
	KUNIT_EXPECT_EQ(test, t.index, ticket);
	KUNIT_EXPECT_EQ(test, t.flags, 0);
	KUNIT_ASSERT_TRUE(test, fsm_claim_next(o->f, &cursor, ~0U, &v));
	KUNIT_EXPECT_EQ(test, v.name_len, 2);
	KUNIT_EXPECT_EQ(test, memcmp(v.name, "db", 2), 0);
	KUNIT_EXPECT_FALSE(test, v.shared || v.dead);
	KUNIT_EXPECT_EQ(test, v.since, 1001);
	KUNIT_EXPECT_EQ(test, v.program.pid, 105);
	KUNIT_EXPECT_EQ(test, v.program.uid, 7);
	KUNIT_EXPECT_EQ(test, strcmp(v.program.comm, "kit"), 0);
	KUNIT_EXPECT_EQ(test, v.node_len, 1);
	KUNIT_EXPECT_EQ(test, v.node[0], 'a');
	KUNIT_EXPECT_FALSE(test, fsm_claim_next(o->f, &cursor, ~0U, &v));
	KUNIT_EXPECT_EQ(test, cursor, U32_MAX);
	KUNIT_EXPECT_EQ(test, objects(o), 3);
	/* "0 a free one" (design 13): nothing of it is left but its result. */
	release(o, 5, ticket);
	KUNIT_EXPECT_EQ(test, objects(o), 0);
	KUNIT_EXPECT_EQ(test, fsm_ticket(o->f, ticket, &t), -ENOENT);
	KUNIT_EXPECT_EQ(test, fsm_snapshot_bytes(o->f), size + 24);
}

/*
 * Pitfall 65: a token of a name that was deleted and made anew, or of a state that
 * came out of a snapshot, is higher than all before.
 */
static void pitfall_65_tokens_only_rise(struct kunit *test)
{
	struct one *o = begin(test, 100);
	struct fsm_rebase b = { .index = 5000, .advance = 1, .objects_max = 99 };
	u64 last = 0, ticket, i;

	for (i = 0; i < 20; i++) {
		ticket = lock(o, 1, i % 3 ? "a" : "b", i % 2 ? SHARED : 0);
		KUNIT_EXPECT_GT(test, token_of(o, ticket), last);
		KUNIT_EXPECT_GE(test, token_of(o, ticket), ticket);
		last = token_of(o, ticket);
		release(o, 1, ticket);
		if (i % 5 == 4)
			reload(o);
	}
	/* A cluster that begins with what another one left goes on above it. */
	ticket = lock(o, 1, "a", 0);
	last = token_of(o, ticket);
	while (fsm_rebase(o->f, &b, 3) == 1)
		;
	o->s = kit_session(o->pool, o->f);
	o->seq = 0;
	ticket = lock(o, 1, "a", 0);
	KUNIT_EXPECT_GT(test, token_of(o, ticket), last);
	KUNIT_EXPECT_GE(test, token_of(o, ticket), 5000);
}

/* "Each single grant takes max(next_token, index)": also many of one entry. */
static void grants_of_one_entry_have_a_token_each(struct kunit *test)
{
	struct one *o = begin(test, 100);
	u64 holder = lock(o, 1, "a", 0), first = 0, i, index;
	struct fsm_stats st;

	for (i = 2; i < 12; i++) {
		u64 ticket = lock(o, i, "a", SHARED);

		first = first ? first : ticket;
	}
	release(o, 1, holder);
	index = kit_applied(o->f);
	KUNIT_ASSERT_EQ(test, o->out.n_events, 10);
	for (i = 0; i < 10; i++) {
		granted(o, i, first + i, 0);
		KUNIT_EXPECT_EQ(test, o->e[i].token, index + i);
	}
	fsm_stats(o->f, &st);
	KUNIT_EXPECT_EQ(test, st.next_token, index + 10);
	/* The next grant is above them, though its index is not. */
	lock(o, 1, "b", 0);
	answered(o, 0, index + 10);
	KUNIT_EXPECT_LT(test, o->out.index, index + 10);
}

/* Pitfall 68: nobody overtakes, whoever leads and whatever was loaded meanwhile. */
static void pitfall_68_who_comes_first_is_served_first(struct kunit *test)
{
	static const u8 kind[] = { 0, 0, SHARED, SHARED, 0, SHARED, 0, 0, SHARED };
	enum { N = ARRAY_SIZE(kind) };
	struct one *o = begin(test, 100);
	u64 ticket[N];
	u32 i, next = 1;

	for (i = 0; i < N; i++) {
		ticket[i] = lock(o, i + 1, "a", kind[i]);
		answered(o, 0, i ? 0 : ticket[0]);
	}
	for (i = 0; i < N; i++) {
		/* Those behind it do not have it, though it may be theirs soon. */
		KUNIT_EXPECT_TRUE(test, token_of(o, ticket[i]));
		reload(o);
		release(o, i + 1, ticket[i]);
		if (i == 2) {
			/* The other one shares it still. */
			KUNIT_EXPECT_EQ(test, o->out.n_events, 0);
			continue;
		}
		if (i == N - 1)
			break;
		granted(o, 0, ticket[next], FSM_GRANT_WANTED *
			(next + 1 < N));
		next++;
		if (next == 3)
			granted(o, 1, ticket[next++], FSM_GRANT_WANTED);
		KUNIT_EXPECT_EQ(test, o->out.n_events, next == 4 ? 2 : 1);
	}
	KUNIT_EXPECT_EQ(test, next, N);
	KUNIT_EXPECT_EQ(test, objects(o), 0);
}

static void who_shares_waits_behind_who_does_not(struct kunit *test)
{
	struct one *o = begin(test, 100);
	u64 a = lock(o, 1, "a", SHARED), b = lock(o, 2, "a", SHARED), x, c;

	answered(o, 0, b);
	x = lock(o, 3, "a", 0);
	answered(o, 0, 0);
	c = lock(o, 4, "a", SHARED);
	answered(o, 0, 0);
	release(o, 1, a);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 0);
	/* The one between them goes: those who share do it together again. */
	done(o, kit_leave(o->s, ++o->seq, 3, x));
	answered(o, 0, 0);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 1);
	granted(o, 0, c, 0);
	KUNIT_EXPECT_TRUE(test, token_of(o, b));
}

static void trying_does_not_wait(struct kunit *test)
{
	struct one *o = begin(test, 100);
	u64 a = lock(o, 1, "a", SHARED | TRY), x;
	struct fsm_command again, leave;

	answered(o, 0, a);
	lock(o, 2, "a", TRY);
	answered(o, -EAGAIN, 0);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 0);
	KUNIT_EXPECT_EQ(test, objects(o), 3);
	lock(o, 2, "a", TRY | SHARED);
	answered(o, 0, o->out.index);
	/* Who waits is not overtaken by trying, */
	x = lock(o, 3, "a", 0);
	again = kit_lock(o->s, ++o->seq, 4, "a", TRY | SHARED);
	done(o, again);
	answered(o, -EAGAIN, 0);
	/* and what was refused stays so, though it would be had now. */
	leave = kit_leave(o->s, o->seq + 1, 3, x);
	leave.low = o->seq;
	done(o, leave);
	done(o, again);
	answered(o, -EAGAIN, 0);
	o->seq++;
	release(o, 1, a);
	lock(o, 4, "a", TRY | SHARED);
	answered(o, 0, o->out.index);
}

/* Pitfall 66: what is stale frees nothing that somebody else has. */
static void pitfall_66_release_needs_all_that_belongs_to_it(struct kunit *test)
{
	struct one *o = begin(test, 100);
	u64 old = lock(o, 1, "a", 0), now, token, waits, n;

	release(o, 1, old);
	now = lock(o, 2, "a", 0);
	token = token_of(o, now);
	waits = lock(o, 3, "a", 0);
	n = objects(o);
	/* the former holder; another's handle, ticket, token; who waits */
	done(o, kit_release(o->s, ++o->seq, 1, old, old));
	answered(o, -EPERM, 0);
	done(o, kit_release(o->s, ++o->seq, 1, now, token));
	answered(o, -EPERM, 0);
	done(o, kit_release(o->s, ++o->seq, 2, old, token));
	answered(o, -EPERM, 0);
	done(o, kit_release(o->s, ++o->seq, 2, now, token + 1));
	answered(o, -EPERM, 0);
	done(o, kit_release(o->s, ++o->seq, 2, now, old));
	answered(o, -EPERM, 0);
	done(o, kit_release(o->s, ++o->seq, 3, waits, token));
	answered(o, -EPERM, 0);
	done(o, kit_release(o->s, ++o->seq, 3, waits, waits));
	answered(o, -EPERM, 0);
	KUNIT_EXPECT_EQ(test, objects(o), n);
	KUNIT_EXPECT_EQ(test, fsm_fence(o->f, "a", 1, token), 0);
	release(o, 2, now);
	granted(o, 0, waits, 0);
}

/* Pitfall 67: a waiter that goes leaves nothing behind, whatever came first. */
static void pitfall_67_leaving_ends_what_waits_and_what_was_granted(struct kunit *test)
{
	struct one *o = begin(test, 100);
	u64 a = lock(o, 1, "a", 0), b = lock(o, 2, "a", 0);
	u64 c = lock(o, 3, "a", 0), d = lock(o, 4, "a", 0), token;

	done(o, kit_leave(o->s, ++o->seq, 2, b));
	answered(o, 0, 0);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 0);
	release(o, 1, a);
	granted(o, 0, c, FSM_GRANT_WANTED);
	/* Its leaving crossed its grant: the next one has it at once. */
	token = token_of(o, c);
	done(o, kit_leave(o->s, ++o->seq, 3, c));
	answered(o, 0, token);
	granted(o, 0, d, 0);
	/* What is gone already is no error; what another has is one. */
	done(o, kit_leave(o->s, ++o->seq, 3, c));
	answered(o, 0, 0);
	done(o, kit_leave(o->s, ++o->seq, 3, 4711));
	answered(o, 0, 0);
	done(o, kit_leave(o->s, ++o->seq, 3, d));
	answered(o, -EPERM, 0);
	KUNIT_EXPECT_TRUE(test, token_of(o, d));
	/* Cancelled first: it never comes to be. Second: it is there, to be left. */
	done(o, kit_cancel(o->s, ++o->seq, 1));
	done(o, kit_lock(o->s, o->seq, 5, "b", 0));
	answered(o, -ECANCELED, 0);
	token = lock(o, 5, "b", 0);
	done(o, kit_cancel(o->s, o->seq, 1));
	answered(o, 0, token);
	KUNIT_EXPECT_EQ(test, token_of(o, token), token);
}

/* Pitfall 54: an acquire that comes twice queues once, and holds once. */
static void what_comes_twice_is_one_claim(struct kunit *test)
{
	struct one *o = begin(test, 100);
	u64 a = lock(o, 1, "a", 0), b, n;

	done(o, kit_lock(o->s, 1, 1, "a", 0));
	answered(o, 0, a);
	KUNIT_EXPECT_EQ(test, o->out.index, a);
	b = lock(o, 2, "a", 0);
	n = objects(o);
	done(o, kit_lock(o->s, 2, 2, "a", 0));
	answered(o, 0, 0);
	KUNIT_EXPECT_EQ(test, o->out.index, b);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 0);
	KUNIT_EXPECT_EQ(test, objects(o), n);
	release(o, 1, a);
	granted(o, 0, b, 0);
	/* The result stays that of the acquire: the grant came by an event. */
	done(o, kit_release(o->s, 3, 1, a, a));
	KUNIT_EXPECT_EQ(test, o->out.status, 0);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 0);
	KUNIT_EXPECT_TRUE(test, token_of(o, b));
}

static void a_fence_is_a_grant_that_holds(struct kunit *test)
{
	struct one *o = begin(test, 100);
	u64 a = lock(o, 1, "a", SHARED), b = lock(o, 2, "a", SHARED), x, w, v;

	done(o, under(kit_add(o->s, ++o->seq, 1, "c", 1), "a", a));
	answered(o, 0, 1);
	done(o, under(kit_add(o->s, ++o->seq, 1, "c", 1), "a", b));
	answered(o, 0, 2);
	/* another name, no grant at all, a grant of who only waits */
	done(o, under(kit_add(o->s, ++o->seq, 1, "c", 1), "b", a));
	answered(o, -ESTALE, 0);
	done(o, under(kit_add(o->s, ++o->seq, 1, "c", 1), "a", a + b));
	answered(o, -ESTALE, 0);
	w = lock(o, 3, "a", 0);
	done(o, under(kit_add(o->s, ++o->seq, 1, "c", 1), "a", w));
	answered(o, -ESTALE, 0);
	/* Nothing of an acquire is made, */
	x = objects(o);
	done(o, under(kit_lock(o->s, ++o->seq, 9, "new", 0), "a", w));
	answered(o, -ESTALE, 0);
	KUNIT_EXPECT_EQ(test, objects(o), x);
	/* not even for who would be refused anyway; what was ended stays so. */
	done(o, under(kit_lock(o->s, ++o->seq, 9, "a", TRY), "a", w));
	answered(o, -ESTALE, 0);
	done(o, kit_cancel(o->s, ++o->seq, 1));
	done(o, under(kit_add(o->s, o->seq, 1, "c", 1), "a", w));
	answered(o, -ECANCELED, 0);
	/* From the release on it does not hold, to the same entry's index. */
	release(o, 1, a);
	KUNIT_EXPECT_EQ(test, fsm_fence(o->f, "a", 1, a), -ESTALE);
	KUNIT_EXPECT_EQ(test, fsm_fence(o->f, "a", 1, b), 0);
	done(o, under(kit_lock(o->s, ++o->seq, 9, "new", 0), "a", b));
	answered(o, 0, o->out.index);
	KUNIT_EXPECT_EQ(test, fsm_counter(o->f, "c", 1, &v, &x), 0);
	KUNIT_EXPECT_EQ(test, v, 2);
}

/* "The holder can learn that others wait" */
static void holders_learn_that_they_are_waited_for(struct kunit *test)
{
	struct one *o = begin(test, 100);
	u64 a = lock(o, 1, "db", SHARED), b = lock(o, 2, "db", SHARED), ticket = 0;
	u64 x = lock(o, 3, "db", 0), y;
	struct fsm_ticket t;

	KUNIT_ASSERT_EQ(test, o->out.n_events, 1);
	KUNIT_EXPECT_EQ(test, o->e[0].type, FSM_EVENT_WANTED);
	KUNIT_EXPECT_EQ(test, o->e[0].name_len, 2);
	KUNIT_EXPECT_EQ(test, memcmp(o->e[0].name, "db", 2), 0);
	KUNIT_EXPECT_EQ(test, o->e[0].ticket, 0);
	KUNIT_EXPECT_TRUE(test, fsm_holder_next(o->f, "db", 2, &ticket, &t));
	KUNIT_EXPECT_EQ(test, ticket, a);
	KUNIT_EXPECT_EQ(test, t.flags, FSM_GRANT_WANTED);
	KUNIT_EXPECT_TRUE(test, fsm_holder_next(o->f, "db", 2, &ticket, &t));
	KUNIT_EXPECT_EQ(test, ticket, b);
	KUNIT_EXPECT_EQ(test, t.handle, 2);
	KUNIT_EXPECT_FALSE(test, fsm_holder_next(o->f, "db", 2, &ticket, &t));
	/* Once is enough, but when nobody waited in between. */
	y = lock(o, 4, "db", 0);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 0);
	done(o, kit_leave(o->s, ++o->seq, 3, x));
	done(o, kit_leave(o->s, ++o->seq, 4, y));
	x = lock(o, 5, "db", 0);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 1);
	ticket = 0;
	KUNIT_EXPECT_FALSE(test, fsm_holder_next(o->f, "no", 2, &ticket, &t));
}

static void the_limit_of_objects_holds_for_claims(struct kunit *test)
{
	struct one *o = begin(test, 8);
	u64 a;

	done(o, kit_add(o->s, ++o->seq, 1, "a", 1));
	a = lock(o, 1, "a", 0);			/* lock, handle, claim: 4 */
	lock(o, 1, "b", 0);			/* lock, claim: 6 */
	lock(o, 2, "c", 0);			/* would need 3 */
	answered(o, -ENOSPC, 0);
	KUNIT_EXPECT_EQ(test, objects(o), 6);
	lock(o, 2, "a", 0);			/* handle, claim: 8 */
	answered(o, 0, 0);
	lock(o, 2, "a", 0);
	answered(o, -ENOSPC, 0);
	lock(o, 2, "a", TRY);
	answered(o, -EAGAIN, 0);
	release(o, 1, a);			/* 7 */
	lock(o, 3, "b", 0);
	answered(o, -ENOSPC, 0);
	lock(o, 1, "b", 0);
	answered(o, 0, 0);
	KUNIT_EXPECT_EQ(test, objects(o), 8);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 1);
}

static void a_lock_has_4096_sharers_the_next_one_waits(struct kunit *test)
{
	struct one *o = begin(test, 20000);
	u64 first = lock(o, 1, "a", SHARED), ticket = 0, last, x;
	u32 i, n = 0;
	struct fsm_ticket t;

	for (i = 2; i <= FSM_SHARERS_MAX; i++) {
		ticket = lock(o, i, "a", SHARED);
		n += o->out.value == ticket;
	}
	KUNIT_EXPECT_EQ(test, n, FSM_SHARERS_MAX - 1);
	KUNIT_EXPECT_EQ(test, fsm_fence(o->f, "a", 1, ticket), 0);
	lock(o, 5000, "a", SHARED | TRY);
	answered(o, -EAGAIN, 0);
	last = lock(o, 5000, "a", SHARED);
	answered(o, 0, 0);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 1);
	x = lock(o, 5001, "a", SHARED);
	reload(o);
	for (ticket = 0, n = 0; fsm_holder_next(o->f, "a", 1, &ticket, &t); n++)
		;
	KUNIT_EXPECT_EQ(test, n, FSM_SHARERS_MAX);
	release(o, 1, first);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 1);
	granted(o, 0, last, FSM_GRANT_WANTED);
	KUNIT_EXPECT_EQ(test, token_of(o, x), 0);
	KUNIT_EXPECT_FALSE(test, fsm_dying(o->f));
}

static void the_administrator_takes_locks(struct kunit *test)
{
	struct one *o = begin(test, 1000);
	u64 a = lock(o, 1, "a", 0), b = lock(o, 2, "a", 0), first = 0, i;

	done(o, kit_revoke(o->s, ++o->seq, "a", a + 1));
	answered(o, -ENOENT, 0);
	done(o, kit_revoke(o->s, ++o->seq, "b", 0));
	answered(o, -ENOENT, 0);
	done(o, kit_revoke(o->s, ++o->seq, "a", a));
	answered(o, 0, 1);
	KUNIT_ASSERT_EQ(test, o->out.n_events, 2);
	KUNIT_EXPECT_EQ(test, o->e[0].type, FSM_EVENT_REVOKED);
	KUNIT_EXPECT_EQ(test, o->e[0].ticket, a);
	KUNIT_EXPECT_EQ(test, o->e[0].token, a);
	KUNIT_EXPECT_EQ(test, o->e[0].handle, 1);
	KUNIT_EXPECT_EQ(test, o->e[0].flags, 0);
	/* It did not die. */
	granted(o, 1, b, 0);
	KUNIT_EXPECT_EQ(test, fsm_fence(o->f, "a", 1, a), -ESTALE);
	done(o, kit_release(o->s, ++o->seq, 1, a, a));
	answered(o, -EPERM, 0);
	/* Of many sharers 64 an entry; nobody of the queue comes before all. */
	for (i = 1; i <= 100; i++) {
		u64 ticket = lock(o, i, "s", SHARED);

		first = first ? first : ticket;
	}
	b = lock(o, 200, "s", 0);
	done(o, kit_revoke(o->s, ++o->seq, "s", 0));
	answered(o, 0, 64);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 64);
	for (i = 0; i < 64; i++)
		KUNIT_EXPECT_EQ(test, o->e[i].ticket, first + i);
	KUNIT_EXPECT_EQ(test, token_of(o, b), 0);
	done(o, kit_revoke(o->s, ++o->seq, "s", 0));
	answered(o, 0, 36);
	KUNIT_EXPECT_EQ(test, o->out.n_events, 37);
	granted(o, 36, b, 0);
	/* One of several, by its token. */
	done(o, kit_revoke(o->s, ++o->seq, "s", token_of(o, b)));
	answered(o, 0, 1);
	KUNIT_EXPECT_EQ(test, token_of(o, b), 0);
	done(o, kit_revoke(o->s, ++o->seq, "s", 0));
	answered(o, -ENOENT, 0);
}

static void kinds_have_names_of_their_own(struct kunit *test)
{
	struct one *o = begin(test, 100);
	u64 a = lock(o, 1, "x", 0), v, i;

	done(o, kit_add(o->s, ++o->seq, 1, "x", 3));
	answered(o, 0, 3);
	release(o, 1, a);
	KUNIT_EXPECT_EQ(test, fsm_counter(o->f, "x", 1, &v, &i), 0);
	KUNIT_EXPECT_EQ(test, v, 3);
	KUNIT_EXPECT_EQ(test, fsm_fence(o->f, "x", 1, a), -ESTALE);
}

static struct kunit_case lock_cases[] = {
	KUNIT_CASE(a_free_lock_is_had_at_once),
	KUNIT_CASE(pitfall_65_tokens_only_rise),
	KUNIT_CASE(grants_of_one_entry_have_a_token_each),
	KUNIT_CASE(pitfall_68_who_comes_first_is_served_first),
	KUNIT_CASE(who_shares_waits_behind_who_does_not),
	KUNIT_CASE(trying_does_not_wait),
	KUNIT_CASE(pitfall_66_release_needs_all_that_belongs_to_it),
	KUNIT_CASE(pitfall_67_leaving_ends_what_waits_and_what_was_granted),
	KUNIT_CASE(what_comes_twice_is_one_claim),
	KUNIT_CASE(a_fence_is_a_grant_that_holds),
	KUNIT_CASE(holders_learn_that_they_are_waited_for),
	KUNIT_CASE(the_limit_of_objects_holds_for_claims),
	KUNIT_CASE(a_lock_has_4096_sharers_the_next_one_waits),
	KUNIT_CASE(the_administrator_takes_locks),
	KUNIT_CASE(kinds_have_names_of_their_own),
	{}
};

static struct kunit_suite lock_suite = {
	.name = "fsm-lock",
	.test_cases = lock_cases,
};

kunit_test_suite(lock_suite);

MODULE_LICENSE("GPL");
