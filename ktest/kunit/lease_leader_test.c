// SPDX-License-Identifier: GPL-2.0
/*
 * The leader's side of leases: what it acknowledges, and what it ends. Pitfalls 58 to
 * 61 and 63 by name; 62 is the holder's (lease_test.c).
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include "fsm_kit.h"
#include "../../kmod/fsm/lease.h"

#define CASE(f, text) { .run_case = f, .name = text }

#define MS 1000000ULL
#define TTL (KIT_TTL * MS)
#define PATIENCE (TTL + TTL / 500 + 1)
#define NEVER U64_MAX

/**
 * struct lead - a node, its state, and what it knows as a leader
 * @test: the case
 * @pool: memory of @f
 * @f: the state
 * @w: the warden
 * @now: its clock
 * @ctx: of the last round asked for
 */
struct lead {
	struct kunit *test;
	struct kit_pool *pool;
	struct fsm *f;
	struct fsm_warden w;
	u64 now;
	u64 ctx;
};

static struct lead *follower(struct kunit *test, u64 now)
{
	struct lead *d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);

	KUNIT_ASSERT_TRUE(test, d);
	d->test = test;
	d->pool = kit_pool(test);
	d->f = kit_fsm(d->pool, 1000);
	d->now = now;
	fsm_warden_init(&d->w);
	return d;
}

/* It leads in term 5, and its no-op is applied. */
static struct lead *leader(struct kunit *test, u64 now)
{
	struct lead *d = follower(test, now);

	fsm_warden_role(&d->w, d->f, d->now, 5, true);
	return d;
}

static void apply(struct lead *d, const struct fsm_command *c)
{
	struct fsm_outcome out;

	kit_feed(d->pool, d->f);
	KUNIT_ASSERT_EQ(d->test, kit_apply(d->f, c, &out), 0);
	fsm_warden_sessions(&d->w, d->f, d->now);
}

/* Node @node's session @ordinal, opened by the next entry. */
static u64 open_session(struct lead *d, u64 node, u64 ordinal)
{
	char name[4] = { 'n', (char)('0' + node / 10), (char)('0' + node % 10) };
	struct fsm_command c = kit_open(name, node, 1, ordinal);

	apply(d, &c);
	return kit_applied(d->f);
}

static void end_session(struct lead *d, u64 session, u32 stamp)
{
	const struct fsm_command c = {
		.op = FSM_EXPIRE, .arg = session, .stamp = stamp,
	};

	apply(d, &c);
}

/* An entry that does nothing. */
static void pass(struct lead *d)
{
	struct fsm_outcome out;

	KUNIT_ASSERT_EQ(d->test, fsm_apply(d->f, kit_applied(d->f) + 1, NULL, 0,
					   &out), 0);
}

/* The one that may be acknowledged now; 0: none. */
static u64 acknowledged(struct lead *d, u64 session)
{
	u64 id = 0, whose = fsm_warden_acknowledge(&d->w, d->f, d->now, &id);

	KUNIT_EXPECT_TRUE(d->test, !whose || whose == session);
	return whose ? id : 0;
}

static u64 ask(struct lead *d)
{
	return fsm_warden_round(&d->w, ++d->ctx) ? d->ctx : 0;
}

/* Heard, confirmed, acknowledged. */
static bool renew(struct lead *d, u64 session, u64 id)
{
	if (!fsm_warden_hear(&d->w, session, id) || !ask(d))
		return false;
	fsm_warden_confirmed(&d->w, d->ctx, kit_applied(d->f));
	return acknowledged(d, session) == id;
}

static u64 expired_at(struct lead *d, u64 at)
{
	d->now = at;
	return fsm_warden_expired(&d->w, d->f, d->now);
}

static void confirmed_by_a_later_round(struct kunit *test)
{
	struct lead *d = leader(test, 1000 * MS);
	u64 s = open_session(d, 1, 1), t = open_session(d, 2, 1), first, id;

	KUNIT_EXPECT_FALSE(test, fsm_warden_round(&d->w, ++d->ctx));
	KUNIT_EXPECT_TRUE(test, fsm_warden_hear(&d->w, s, 3));
	first = ask(d);
	KUNIT_EXPECT_NE(test, first, 0);
	/* one that arrives behind the beginning of the round, of another */
	KUNIT_EXPECT_TRUE(test, fsm_warden_hear(&d->w, t, 8));
	KUNIT_EXPECT_EQ(test, acknowledged(d, 0), 0);
	fsm_warden_confirmed(&d->w, first, kit_applied(d->f));
	KUNIT_EXPECT_EQ(test, acknowledged(d, s), 3);
	KUNIT_EXPECT_EQ(test, acknowledged(d, 0), 0);
	/* a round confirms those before it */
	KUNIT_EXPECT_EQ(test, ask(d), first + 1);
	KUNIT_EXPECT_TRUE(test, fsm_warden_hear(&d->w, s, 4));
	KUNIT_EXPECT_EQ(test, ask(d), first + 2);
	fsm_warden_confirmed(&d->w, first + 2, kit_applied(d->f));
	KUNIT_EXPECT_EQ(test, fsm_warden_acknowledge(&d->w, d->f, d->now, &id), s);
	KUNIT_EXPECT_EQ(test, fsm_warden_acknowledge(&d->w, d->f, d->now, &id), t);
	KUNIT_EXPECT_EQ(test, id, 8);
	KUNIT_EXPECT_EQ(test, acknowledged(d, 0), 0);
	/* and none behind it */
	KUNIT_EXPECT_TRUE(test, fsm_warden_hear(&d->w, s, 5));
	first = ask(d);
	KUNIT_EXPECT_TRUE(test, fsm_warden_hear(&d->w, t, 9));
	KUNIT_EXPECT_EQ(test, ask(d), first + 1);
	fsm_warden_confirmed(&d->w, first, kit_applied(d->f));
	KUNIT_EXPECT_EQ(test, acknowledged(d, s), 5);
	KUNIT_EXPECT_EQ(test, acknowledged(d, 0), 0);
}

static void applied_as_far_as_the_round(struct kunit *test)
{
	struct lead *d = leader(test, 1000 * MS);
	u64 s = open_session(d, 1, 1), at = kit_applied(d->f);

	KUNIT_EXPECT_TRUE(test, fsm_warden_hear(&d->w, s, 1));
	fsm_warden_confirmed(&d->w, ask(d), at + 2);
	KUNIT_EXPECT_EQ(test, acknowledged(d, 0), 0);
	pass(d);
	KUNIT_EXPECT_EQ(test, acknowledged(d, 0), 0);
	/* later rounds ask for more; it has been answered already */
	fsm_warden_confirmed(&d->w, ++d->ctx, at + 100);
	pass(d);
	KUNIT_EXPECT_EQ(test, acknowledged(d, s), 1);
	/* and if it turns out that it had ended by then, it is not */
	KUNIT_EXPECT_TRUE(test, fsm_warden_hear(&d->w, s, 2));
	fsm_warden_confirmed(&d->w, ask(d), at + 3);
	end_session(d, s, 0);
	KUNIT_EXPECT_EQ(test, acknowledged(d, 0), 0);
	KUNIT_EXPECT_FALSE(test, fsm_warden_hear(&d->w, s, 3));
}

static void repeated_renewals_do_not_starve(struct kunit *test)
{
	struct lead *d = leader(test, 1000 * MS);
	u64 s = open_session(d, 1, 1), round, id;

	KUNIT_EXPECT_TRUE(test, fsm_warden_hear(&d->w, s, 5));
	/* no round can be asked for now: the newest waits for the next */
	KUNIT_EXPECT_TRUE(test, fsm_warden_hear(&d->w, s, 6));
	KUNIT_EXPECT_TRUE(test, fsm_warden_hear(&d->w, s, 4));
	round = ask(d);
	for (id = 7; id < 40; id++) {
		KUNIT_EXPECT_FALSE(test, fsm_warden_hear(&d->w, s, id));
		KUNIT_EXPECT_EQ(test, ask(d), 0);
	}
	fsm_warden_confirmed(&d->w, round, 1);
	KUNIT_EXPECT_EQ(test, acknowledged(d, s), 6);
	KUNIT_EXPECT_TRUE(test, renew(d, s, id));
}

static void nobody_acknowledges_before_it_leads(struct kunit *test)
{
	struct lead *d = follower(test, 1000 * MS);
	u64 s = open_session(d, 1, 1);

	KUNIT_EXPECT_FALSE(test, fsm_warden_hear(&d->w, s, 1));
	fsm_warden_role(&d->w, d->f, d->now, 5, false);
	KUNIT_EXPECT_FALSE(test, fsm_warden_hear(&d->w, s, 1));
	KUNIT_EXPECT_EQ(test, expired_at(d, NEVER), 0);
	KUNIT_EXPECT_EQ(test, fsm_warden_deadline(&d->w, d->f), NEVER);
	d->now = 2000 * MS;
	fsm_warden_role(&d->w, d->f, d->now, 5, true);
	KUNIT_EXPECT_TRUE(test, renew(d, s, 2));
	KUNIT_EXPECT_FALSE(test, fsm_warden_hear(&d->w, s + 1, 1));
}

static void silence_ends_a_session(struct kunit *test)
{
	static const u64 epochs[] = { 0, 864000000 * MS, NEVER - 3 * TTL };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(epochs); i++) {
		u64 t = epochs[i];
		struct lead *d = leader(test, t);
		u64 s = open_session(d, 1, 1);

		KUNIT_EXPECT_EQ(test, fsm_warden_deadline(&d->w, d->f),
				t + PATIENCE);
		KUNIT_EXPECT_EQ(test, expired_at(d, t + PATIENCE - 1), 0);
		/* it speaks in the last moment, and is silent again */
		t = d->now;
		KUNIT_EXPECT_TRUE(test, renew(d, s, 1));
		KUNIT_EXPECT_EQ(test, expired_at(d, t + PATIENCE - 1), 0);
		KUNIT_EXPECT_EQ(test, fsm_warden_deadline(&d->w, d->f),
				t + PATIENCE);
		/* what was heard, and not acknowledged, does not count */
		KUNIT_EXPECT_TRUE(test, fsm_warden_hear(&d->w, s, 2));
		KUNIT_EXPECT_EQ(test, expired_at(d, t + PATIENCE), s);
		/* until it is said that the log has the entry */
		KUNIT_EXPECT_EQ(test, expired_at(d, t + PATIENCE + 5), s);
		end_session(d, s, 0);
		KUNIT_EXPECT_EQ(test, expired_at(d, NEVER), 0);
		KUNIT_EXPECT_EQ(test, fsm_warden_deadline(&d->w, d->f), NEVER);
	}
}

static void the_end_of_time_ends_nothing(struct kunit *test)
{
	struct lead *d = leader(test, NEVER - TTL);

	open_session(d, 1, 1);
	KUNIT_EXPECT_EQ(test, fsm_warden_deadline(&d->w, d->f), NEVER);
	KUNIT_EXPECT_EQ(test, expired_at(d, NEVER), 0);
}

static void wall_clocks_mean_nothing(struct kunit *test)
{
	static const u32 stamps[] = { 0, 1, 1800000000, 1800003600, ~0U };
	struct lead *d = leader(test, 1000 * MS);
	u64 s = open_session(d, 1, 1), other;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(stamps); i++) {
		other = open_session(d, 2, i + 1);
		end_session(d, other, stamps[i]);
		KUNIT_EXPECT_EQ(test, fsm_warden_deadline(&d->w, d->f),
				1000 * MS + PATIENCE);
		KUNIT_EXPECT_EQ(test, expired_at(d, 1000 * MS + PATIENCE - 1), 0);
		KUNIT_EXPECT_EQ(test, expired_at(d, 1000 * MS + PATIENCE), s);
	}
}

static void deposed_leaders_do_nothing(struct kunit *test)
{
	struct lead *d = leader(test, 1000 * MS);
	u64 s = open_session(d, 1, 1), round;

	KUNIT_EXPECT_TRUE(test, fsm_warden_hear(&d->w, s, 1));
	round = ask(d);
	fsm_warden_role(&d->w, d->f, d->now, 6, false);
	fsm_warden_confirmed(&d->w, round, 1);
	KUNIT_EXPECT_EQ(test, acknowledged(d, 0), 0);
	KUNIT_EXPECT_EQ(test, expired_at(d, 1000 * MS + 10 * TTL), 0);
	KUNIT_EXPECT_FALSE(test, fsm_warden_hear(&d->w, s, 2));
	/* back in office: nothing of the old one's is left */
	fsm_warden_role(&d->w, d->f, d->now, 7, true);
	fsm_warden_confirmed(&d->w, round, 1);
	KUNIT_EXPECT_EQ(test, acknowledged(d, 0), 0);
	/* deposed and elected between two looks */
	KUNIT_EXPECT_TRUE(test, fsm_warden_hear(&d->w, s, 3));
	round = ask(d);
	fsm_warden_confirmed(&d->w, round, 1);
	d->now += TTL;
	fsm_warden_role(&d->w, d->f, d->now, 9, true);
	KUNIT_EXPECT_EQ(test, acknowledged(d, 0), 0);
	KUNIT_EXPECT_EQ(test, expired_at(d, d->now + PATIENCE - 1), 0);
	KUNIT_EXPECT_EQ(test, expired_at(d, d->now + 1), s);
}

static void failovers_do_not_feed_the_dead(struct kunit *test)
{
	struct lead *d = leader(test, 1000 * MS);
	u64 s = open_session(d, 1, 1), t = d->now, term;

	/* 20 leaders, each for half of a TTL; nobody renews */
	for (term = 6; term < 26; term++) {
		KUNIT_EXPECT_EQ(test, expired_at(d, t + TTL / 2), 0);
		t = d->now;
		fsm_warden_role(&d->w, d->f, t, term, true);
	}
	/* the stated grace: one TTL (1 + 2 rho) behind the last no-op */
	KUNIT_EXPECT_EQ(test, expired_at(d, t + PATIENCE - 1), 0);
	KUNIT_EXPECT_EQ(test, expired_at(d, t + PATIENCE), s);
	/* the same leader said again is no failover */
	fsm_warden_role(&d->w, d->f, d->now, 25, true);
	KUNIT_EXPECT_EQ(test, expired_at(d, d->now), s);
}

static void new_leaders_wait(struct kunit *test)
{
	struct lead *d = follower(test, 1000 * MS);
	u64 s = open_session(d, 1, 1);

	/* It was open for an hour, and renewed by another a moment ago. */
	d->now += 3600000 * MS;
	fsm_warden_role(&d->w, d->f, d->now, 5, true);
	KUNIT_EXPECT_EQ(test, expired_at(d, d->now), 0);
	KUNIT_EXPECT_EQ(test, expired_at(d, d->now + PATIENCE - 1), 0);
	KUNIT_EXPECT_EQ(test, expired_at(d, d->now + 1), s);
}

static void zombies_are_not_renewed(struct kunit *test)
{
	struct lead *d = leader(test, 1000 * MS);
	u64 s = open_session(d, 1, 1), last = kit_applied(d->f);

	/* The renewal is in a round, confirmed even, when the expiry is appended. */
	KUNIT_EXPECT_EQ(test, expired_at(d, 1000 * MS + PATIENCE), s);
	KUNIT_EXPECT_TRUE(test, fsm_warden_hear(&d->w, s, 1));
	fsm_warden_confirmed(&d->w, ask(d), last);
	fsm_warden_ending(&d->w, s, last + 3);
	KUNIT_EXPECT_EQ(test, acknowledged(d, 0), 0);
	/* and so it stays while other entries are applied */
	pass(d);
	pass(d);
	fsm_warden_hear(&d->w, s, 2);
	KUNIT_EXPECT_EQ(test, acknowledged(d, 0), 0);
	end_session(d, s, 0);
	KUNIT_EXPECT_EQ(test, acknowledged(d, 0), 0);
	KUNIT_EXPECT_FALSE(test, fsm_warden_hear(&d->w, s, 3));
}

static void a_slow_expiry_is_appended_once(struct kunit *test)
{
	struct lead *d = leader(test, 1000 * MS);
	u64 s = open_session(d, 1, 1), at = kit_applied(d->f) + 1, i;

	KUNIT_EXPECT_EQ(test, expired_at(d, 1000 * MS + PATIENCE), s);
	fsm_warden_ending(&d->w, s, at);
	/* No quorum for an hour: neither again, nor taken back. */
	for (i = 0; i < 360; i++) {
		KUNIT_EXPECT_EQ(test, expired_at(d, d->now + TTL), 0);
		KUNIT_EXPECT_EQ(test, fsm_warden_deadline(&d->w, d->f), NEVER);
		KUNIT_EXPECT_FALSE(test, renew(d, s, i + 1));
	}
	/* Deposed: the entry is dropped, and another leads; later this one again. */
	fsm_warden_role(&d->w, d->f, d->now, 6, false);
	pass(d);
	fsm_warden_role(&d->w, d->f, d->now, 7, true);
	KUNIT_EXPECT_EQ(test, expired_at(d, d->now), 0);
	KUNIT_EXPECT_TRUE(test, renew(d, s, 400));
}

static void an_end_that_was_none_is_forgotten(struct kunit *test)
{
	struct lead *d = leader(test, 1000 * MS);
	u64 s = open_session(d, 1, 1), at = kit_applied(d->f);

	/* The administrator's request, which is canceled before it is applied. */
	fsm_warden_ending(&d->w, s, at + 1);
	fsm_warden_ending(&d->w, s, at + 3);
	KUNIT_EXPECT_TRUE(test, fsm_warden_hear(&d->w, s, 1));
	fsm_warden_confirmed(&d->w, ask(d), at);
	pass(d);
	pass(d);
	KUNIT_EXPECT_EQ(test, acknowledged(d, 0), 0);
	KUNIT_EXPECT_EQ(test, fsm_warden_deadline(&d->w, d->f), NEVER);
	pass(d);
	KUNIT_EXPECT_EQ(test, fsm_warden_deadline(&d->w, d->f),
			1000 * MS + PATIENCE);
	KUNIT_EXPECT_EQ(test, acknowledged(d, s), 1);
	/* and it still dies of silence */
	KUNIT_EXPECT_EQ(test, expired_at(d, 1000 * MS + PATIENCE), s);
	/* an end of what nobody knows changes nothing */
	fsm_warden_ending(&d->w, s + 100, at + 100);
	KUNIT_EXPECT_EQ(test, expired_at(d, d->now), s);
}

/* Between its entry and fsm_warden_sessions(). */
static void what_has_ended_is_not_looked_after(struct kunit *test)
{
	struct lead *d = leader(test, 1000 * MS);
	u64 s = open_session(d, 1, 1);
	const struct fsm_command c = { .op = FSM_EXPIRE, .arg = s };
	struct fsm_outcome out;

	KUNIT_EXPECT_TRUE(test, fsm_warden_hear(&d->w, s, 1));
	fsm_warden_confirmed(&d->w, ask(d), kit_applied(d->f));
	KUNIT_ASSERT_EQ(test, kit_apply(d->f, &c, &out), 0);
	KUNIT_EXPECT_EQ(test, acknowledged(d, 0), 0);
	KUNIT_EXPECT_EQ(test, expired_at(d, 1000 * MS + PATIENCE), 0);
}

static void sessions_come_and_go(struct kunit *test)
{
	struct lead *d = leader(test, 1000 * MS);
	u64 id[FSM_SESSIONS_MAX], s;
	unsigned int i;

	for (i = 0; i < FSM_SESSIONS_MAX; i++) {
		d->now += MS;
		id[i] = open_session(d, i + 1, 1);
	}
	KUNIT_EXPECT_EQ(test, d->w.n, FSM_SESSIONS_MAX);
	/* one of them is replaced, another ends */
	d->now += MS;
	s = open_session(d, 7, 2);
	end_session(d, id[9], 0);
	KUNIT_EXPECT_EQ(test, d->w.n, FSM_SESSIONS_MAX - 1);
	KUNIT_EXPECT_FALSE(test, fsm_warden_hear(&d->w, id[6], 1));
	KUNIT_EXPECT_FALSE(test, fsm_warden_hear(&d->w, id[9], 1));
	KUNIT_EXPECT_TRUE(test, renew(d, s, 1));
	/* each counts from its own beginning */
	for (i = 0; i < FSM_SESSIONS_MAX; i++) {
		if (i == 6 || i == 9)
			continue;
		KUNIT_EXPECT_EQ(test, fsm_warden_deadline(&d->w, d->f),
				1000 * MS + (i + 1) * MS + PATIENCE);
		KUNIT_EXPECT_EQ(test, expired_at(d, 1000 * MS + (i + 1) * MS +
						 PATIENCE), id[i]);
		end_session(d, id[i], 0);
	}
	KUNIT_EXPECT_EQ(test, d->w.n, 1);
}

static struct kunit_case leader_cases[] = {
	CASE(confirmed_by_a_later_round,
	     "A renewal is acknowledged by a round that began after it (design 9 b)"),
	CASE(applied_as_far_as_the_round,
	     "The state must have applied what the round found committed"),
	CASE(repeated_renewals_do_not_starve,
	     "Renewals repeated faster than a round ends are acknowledged"),
	CASE(nobody_acknowledges_before_it_leads,
	     "Nothing is acknowledged before the own no-op is applied (design 9 a)"),
	CASE(silence_ends_a_session,
	     "Silence since the last acknowledgment for TTL (1 + 2 rho) ends it"),
	CASE(the_end_of_time_ends_nothing,
	     "A sum that does not fit into 64 bits is no time in the past"),
	CASE(wall_clocks_mean_nothing,
	     "No wall clock has to do with a lease (pitfall 58)"),
	CASE(deposed_leaders_do_nothing,
	     "A deposed leader acknowledges and ends nothing (pitfall 59)"),
	CASE(failovers_do_not_feed_the_dead,
	     "After 20 failovers a dead holder has one TTL left, no more (pitfall 60)"),
	CASE(new_leaders_wait,
	     "A new leader ends nothing that it has not yet heard (pitfall 61)"),
	CASE(zombies_are_not_renewed,
	     "No renewal is acknowledged behind its expiry (pitfall 63, design 9 c)"),
	CASE(a_slow_expiry_is_appended_once,
	     "An expiry that stays uncommitted is not repeated, one dropped is forgotten"),
	CASE(an_end_that_was_none_is_forgotten,
	     "A session whose end had no effect goes on, and can still expire"),
	CASE(what_has_ended_is_not_looked_after,
	     "A session that ended is neither acknowledged nor ended again"),
	CASE(sessions_come_and_go, "As many sessions as there may be, each its own"),
	{}
};

static struct kunit_suite leader_suite = {
	.name = "lease-leader",
	.test_cases = leader_cases,
};

kunit_test_suite(leader_suite);

MODULE_LICENSE("GPL");
