// SPDX-License-Identifier: GPL-2.0
/*
 * The holder's side of leases: the sums, the rhythm, late answers. The leader's is in
 * lease_leader_test.c; that both together are safe, in lease_model_test.c.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include "fsm_kit.h"
#include "../../kmod/fsm/lease.h"

#define CASE(f, text) { .run_case = f, .name = text }

#define MS 1000000ULL
#define TTL (KIT_TTL * MS)
#define TRUST (TTL - TTL / 500 - 1 - TTL / 20)	/* of that TTL */
#define PATIENCE (TTL + TTL / 500 + 1)
#define NEVER U64_MAX

/* Clocks that are new, that are old, and whose sums do not fit into 64 bits. */
static const u64 epochs[] = { 0, 864000000 * MS, U64_MAX - 3 * TTL, U64_MAX - TTL };

/* ------------------------------------------------------------- the holder */

static struct fsm_lease *lease(struct kunit *test, u64 session, u64 ttl, u64 now)
{
	struct fsm_lease *l = kunit_kzalloc(test, sizeof(*l), GFP_KERNEL);

	KUNIT_ASSERT_TRUE(test, l);
	fsm_lease_open(l, session, ttl, now);
	return l;
}

static void trust_and_patience(struct kunit *test)
{
	static const struct { u64 ttl, left; } in[] = {
		/* margin 20 ms */
		{ 50 * MS, 50 * MS - 100000 - 1 - 20 * MS },
		{ 400 * MS, 400 * MS - 800000 - 1 - 20 * MS },
		/* a twentieth */
		{ 401 * MS, 401 * MS - 802000 - 1 - 20050000 },
		{ 10000 * MS, 9479999999 },
		{ 600000 * MS, 568799999999 },
		/* never more than half: shorter than a session's may be */
		{ 30 * MS, 30 * MS - 60000 - 1 - 15 * MS },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(in); i++) {
		struct fsm_lease *l = lease(test, 7, in[i].ttl, 5);

		KUNIT_EXPECT_EQ(test, fsm_lease_left(l, 5), in[i].left);
		KUNIT_EXPECT_EQ(test, fsm_lease_until(l), 5 + in[i].left);
		KUNIT_EXPECT_EQ(test, fsm_lease_left(l, 4 + in[i].left), 1);
		KUNIT_EXPECT_EQ(test, fsm_lease_left(l, 5 + in[i].left), 0);
		KUNIT_EXPECT_EQ(test, fsm_lease_left(l, NEVER), 0);
	}
}

static void counts_from_the_sending(struct kunit *test)
{
	struct fsm_lease *l = lease(test, 7, TTL, 1000 * MS);
	u64 one, two;

	one = fsm_lease_due(l, 1100 * MS);
	two = fsm_lease_due(l, 3600 * MS);
	KUNIT_ASSERT_TRUE(test, one && two > one);
	/* The first one's answer takes 5 s; it is worth what is left of it. */
	KUNIT_EXPECT_TRUE(test, fsm_lease_renewed(l, 7, one));
	KUNIT_EXPECT_EQ(test, fsm_lease_left(l, 6400 * MS), TRUST - 5300 * MS);
	KUNIT_EXPECT_EQ(test, fsm_lease_until(l), 1100 * MS + TRUST);
	/* The second one's comes when it is worth nothing any more. */
	KUNIT_EXPECT_TRUE(test, fsm_lease_renewed(l, 7, two));
	KUNIT_EXPECT_EQ(test, fsm_lease_left(l, 3600 * MS + TRUST), 0);
}

static void only_what_was_asked_counts(struct kunit *test)
{
	struct fsm_lease *l = lease(test, 7, TTL, 0);
	u64 id[FSM_RENEWALS + 4], now = TTL / 4, until;
	unsigned int i;

	KUNIT_EXPECT_FALSE(test, fsm_lease_renewed(l, 7, 0));
	KUNIT_EXPECT_FALSE(test, fsm_lease_renewed(l, 7, 1));
	for (i = 0; i < ARRAY_SIZE(id); i++) {
		now += TTL / 40;
		id[i] = fsm_lease_due(l, now);
		KUNIT_ASSERT_EQ(test, id[i], id[0] + i);
	}
	i = ARRAY_SIZE(id) - 1;
	/* one that is forgotten, one to come, another session's, none */
	KUNIT_EXPECT_FALSE(test, fsm_lease_renewed(l, 7, id[3]));
	KUNIT_EXPECT_FALSE(test, fsm_lease_renewed(l, 7, id[i] + 1));
	KUNIT_EXPECT_FALSE(test, fsm_lease_renewed(l, 7, id[i] + FSM_RENEWALS));
	KUNIT_EXPECT_FALSE(test, fsm_lease_renewed(l, 8, id[i]));
	KUNIT_EXPECT_FALSE(test, fsm_lease_renewed(l, 0, id[i]));
	KUNIT_EXPECT_FALSE(test, fsm_lease_renewed(l, 7, 0));
	KUNIT_EXPECT_EQ(test, fsm_lease_until(l), TRUST);
	/* the newest, again, and an older one that it overtook */
	KUNIT_EXPECT_TRUE(test, fsm_lease_renewed(l, 7, id[4]));
	KUNIT_EXPECT_TRUE(test, fsm_lease_renewed(l, 7, id[i]));
	until = fsm_lease_until(l);
	KUNIT_EXPECT_EQ(test, until, now + TRUST);
	KUNIT_EXPECT_FALSE(test, fsm_lease_renewed(l, 7, id[i]));
	KUNIT_EXPECT_FALSE(test, fsm_lease_renewed(l, 7, id[i - 1]));
	KUNIT_EXPECT_EQ(test, fsm_lease_until(l), until);
}

static void ids_outlive_sessions(struct kunit *test)
{
	struct fsm_lease *l = lease(test, 7, TTL, 0);
	u64 old = fsm_lease_due(l, 50 * MS), id;

	/* told twice that it is open: nothing begins anew */
	fsm_lease_open(l, 7, TTL, 5 * MS);
	KUNIT_EXPECT_EQ(test, fsm_lease_until(l), TRUST);
	fsm_lease_close(l);
	KUNIT_EXPECT_FALSE(test, fsm_lease_renewed(l, 7, old));
	fsm_lease_open(l, 9, TTL, 10 * MS);
	KUNIT_EXPECT_FALSE(test, fsm_lease_renewed(l, 7, old));
	KUNIT_EXPECT_FALSE(test, fsm_lease_renewed(l, 9, old));
	id = fsm_lease_due(l, 60 * MS);
	KUNIT_EXPECT_GT(test, id, old);
	KUNIT_EXPECT_FALSE(test, fsm_lease_renewed(l, 9, old));
	id = fsm_lease_due(l, 60 * MS + TTL / 40 + TTL / 4);
	KUNIT_EXPECT_TRUE(test, fsm_lease_renewed(l, 9, id));
}

static void renewals_have_a_rhythm(struct kunit *test)
{
	unsigned int e;

	for (e = 0; e < ARRAY_SIZE(epochs); e++) {
		u64 now = epochs[e], id;
		struct fsm_lease *l = lease(test, 7, TTL, now);

		/* at once, but once */
		KUNIT_EXPECT_LE(test, fsm_lease_deadline(l), now);
		id = fsm_lease_due(l, now);
		KUNIT_EXPECT_NE(test, id, 0);
		KUNIT_EXPECT_EQ(test, fsm_lease_due(l, now), 0);
		fsm_lease_look(l, now);
		/* then when a quarter is over */
		KUNIT_EXPECT_EQ(test, fsm_lease_deadline(l), now + TTL / 4);
		now += TTL / 4;
		KUNIT_EXPECT_EQ(test, fsm_lease_due(l, now - 1), 0);
		KUNIT_EXPECT_NE(test, fsm_lease_due(l, now), 0);
		/* and then often */
		now += TTL / 40;
		KUNIT_EXPECT_EQ(test, fsm_lease_deadline(l), now);
		KUNIT_EXPECT_EQ(test, fsm_lease_due(l, now - 1), 0);
		id = fsm_lease_due(l, now);
		KUNIT_EXPECT_NE(test, id, 0);
		/* until answered */
		KUNIT_EXPECT_TRUE(test, fsm_lease_renewed(l, 7, id));
		KUNIT_EXPECT_EQ(test, fsm_lease_deadline(l), now + TTL / 4);
		KUNIT_EXPECT_EQ(test, fsm_lease_due(l, now + TTL / 4 - 1), 0);
		KUNIT_EXPECT_NE(test, fsm_lease_due(l, now + TTL / 4), 0);
	}
}

/* Woken at the deadline alone, the driver misses no change and never spins. */
static void deadlines_miss_nothing(struct kunit *test)
{
	struct fsm_lease *l = lease(test, 7, TTL, 1000 * MS);
	enum fsm_lease_state last, state = FSM_LEASE_NONE;
	u64 now = 1000 * MS, at[4] = { 0 };
	unsigned int wakes = 0;

	while (now < 1000 * MS + 2 * TTL) {
		last = state;
		state = fsm_lease_look(l, now);
		if (state != last)
			at[state] = now;
		else
			KUNIT_EXPECT_NE(test, fsm_lease_due(l, now), 0);
		fsm_lease_due(l, now);
		KUNIT_ASSERT_GT(test, fsm_lease_deadline(l), now);
		KUNIT_ASSERT_LT(test, ++wakes, 100);
		now = fsm_lease_deadline(l);
	}
	KUNIT_EXPECT_EQ(test, at[FSM_LEASE_SURE], 1000 * MS);
	KUNIT_EXPECT_EQ(test, at[FSM_LEASE_SUSPECT], 1000 * MS + TTL / 2);
	KUNIT_EXPECT_EQ(test, at[FSM_LEASE_OVER], 1000 * MS + TRUST);
}

static void late_answer_makes_it_sure_again(struct kunit *test)
{
	struct fsm_lease *l = lease(test, 7, TTL, 0);
	u64 id;

	fsm_lease_due(l, 0);
	KUNIT_EXPECT_EQ(test, (int)fsm_lease_look(l, TRUST - 1),
			(int)FSM_LEASE_SUSPECT);
	KUNIT_EXPECT_EQ(test, (int)fsm_lease_look(l, TRUST),
			(int)FSM_LEASE_OVER);
	id = fsm_lease_due(l, TRUST);
	KUNIT_EXPECT_TRUE(test, fsm_lease_renewed(l, 7, id));
	KUNIT_EXPECT_EQ(test, (int)fsm_lease_look(l, TRUST + 1),
			(int)FSM_LEASE_SURE);
	KUNIT_EXPECT_EQ(test, fsm_lease_left(l, TRUST + 1), TRUST - 1);
}

static void a_new_session_is_told(struct kunit *test)
{
	struct fsm_lease *l = lease(test, 7, TTL, 0);

	KUNIT_EXPECT_EQ(test, (int)fsm_lease_look(l, TTL), (int)FSM_LEASE_OVER);
	fsm_lease_close(l);
	fsm_lease_open(l, 9, TTL, TTL);
	fsm_lease_due(l, TTL);
	KUNIT_EXPECT_LE(test, fsm_lease_deadline(l), TTL);
	KUNIT_EXPECT_EQ(test, (int)fsm_lease_look(l, TTL), (int)FSM_LEASE_SURE);
}

static void no_epoch_is_special(struct kunit *test)
{
	unsigned int e, i;

	for (e = 0; e < ARRAY_SIZE(epochs); e++) {
		struct fsm_lease *l = lease(test, 7, TTL, epochs[e]);

		for (i = 0; i <= 1000; i++) {
			u64 gone = TTL / 1000 * i, now = epochs[e] + gone;

			KUNIT_EXPECT_EQ(test, fsm_lease_left(l, now),
					gone < TRUST ? TRUST - gone : 0);
			KUNIT_EXPECT_EQ(test, (int)fsm_lease_look(l, now),
					gone >= TRUST ? FSM_LEASE_OVER :
					gone >= TTL / 2 ? FSM_LEASE_SUSPECT :
					FSM_LEASE_SURE);
		}
	}
	/* What cannot be said is never, and no time in the past. */
	KUNIT_EXPECT_EQ(test, fsm_lease_until(lease(test, 7, TTL, NEVER - 5)),
			NEVER);
}

static void a_leap_of_the_clock_ends_it(struct kunit *test)
{
	struct fsm_lease *l = lease(test, 7, TTL, 1000 * MS);

	KUNIT_EXPECT_EQ(test, (int)fsm_lease_look(l, 1000 * MS),
			(int)FSM_LEASE_SURE);
	/* The machine slept; no timer has run since. */
	KUNIT_EXPECT_EQ(test, fsm_lease_left(l, 3600000 * MS), 0);
	/* A clock that was read a little earlier elsewhere is no loss. */
	KUNIT_EXPECT_EQ(test, fsm_lease_left(l, 999 * MS), TRUST);
}

static void closed_is_nothing(struct kunit *test)
{
	struct fsm_lease *l = lease(test, 7, TTL, 0);

	fsm_lease_due(l, 0);
	fsm_lease_look(l, 0);
	fsm_lease_close(l);
	KUNIT_EXPECT_EQ(test, fsm_lease_left(l, 1), 0);
	KUNIT_EXPECT_EQ(test, fsm_lease_until(l), 0);
	KUNIT_EXPECT_EQ(test, fsm_lease_due(l, TTL), 0);
	KUNIT_EXPECT_EQ(test, fsm_lease_due(l, NEVER), 0);
	/* There is something to tell, once. */
	KUNIT_EXPECT_EQ(test, fsm_lease_deadline(l), 0);
	KUNIT_EXPECT_EQ(test, (int)fsm_lease_look(l, 1), (int)FSM_LEASE_NONE);
	KUNIT_EXPECT_EQ(test, fsm_lease_deadline(l), NEVER);
}

static struct kunit_case holder_cases[] = {
	CASE(trust_and_patience,
	     "The holder believes for TTL (1 - 2 rho) - margin (design 9)"),
	CASE(counts_from_the_sending,
	     "A lease counts from when the renewal was sent (pitfall 62)"),
	CASE(only_what_was_asked_counts,
	     "Answers that are old, doubled, or to nothing asked prove nothing"),
	CASE(ids_outlive_sessions,
	     "No answer to an earlier session's renewal renews this one"),
	CASE(renewals_have_a_rhythm,
	     "A renewal every quarter of the TTL, and often while unanswered"),
	CASE(deadlines_miss_nothing,
	     "Woken at its deadlines alone the holder suspects, then ends, in time"),
	CASE(late_answer_makes_it_sure_again,
	     "An acknowledgment after the end makes the session sure again"),
	CASE(a_new_session_is_told, "A session in the place of one that ended is news"),
	CASE(no_epoch_is_special,
	     "Clocks at 0, at 10 days and near the end of 64 bits tell the same"),
	CASE(a_leap_of_the_clock_ends_it,
	     "After a sleep of the machine nothing is believed, timer or not"),
	CASE(closed_is_nothing, "Without a session there is no lease"),
	{}
};

static struct kunit_suite holder_suite = {
	.name = "lease-holder",
	.test_cases = holder_cases,
};

kunit_test_suite(holder_suite);

MODULE_LICENSE("GPL");
