// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of wants when the lease is over, the session ends, the handle is
 * closed, a snapshot comes, or the node stops.
 */
#include <linux/module.h>
#include "want_kit.h"

/* ---------------------------------------------------------------- leases */

/* The lease is over, and that was seen: @s->now moves on. */
static void lose(struct stage *s)
{
	s->now += STAGE_TTL;
	KUNIT_EXPECT_EQ(s->test, fsm_wants_tick(&s->ws, s->now),
			FSM_LEASE_OVER);
}

static void a_lease_begins_and_ends_with_the_session(struct kunit *test)
{
	struct stage *s = stage_begin(test, false);
	u64 first;

	KUNIT_EXPECT_EQ(test, fsm_wants_tick(&s->ws, s->now), FSM_LEASE_NONE);
	KUNIT_EXPECT_EQ(test, stage_send(s), FSM_SESSION_OPEN);
	/* Pitfall 62: it counts from when the open was sent. */
	s->now += 100 * STAGE_MS;
	stage_put(s, s->buf, s->len);
	KUNIT_EXPECT_EQ(test, s->ws.lease.session, s->c.session);
	KUNIT_EXPECT_EQ(test, s->ws.lease.since, 1000);
	KUNIT_EXPECT_EQ(test, s->ws.lease.ttl, STAGE_TTL);
	KUNIT_EXPECT_EQ(test, fsm_wants_tick(&s->ws, s->now), FSM_LEASE_SURE);
	first = s->c.session;
	stage_rival(s, kit_expire(first));
	KUNIT_EXPECT_EQ(test, s->ws.lease.session, 0);
	KUNIT_EXPECT_EQ(test, fsm_wants_tick(&s->ws, s->now), FSM_LEASE_NONE);
	stage_flow(s);
	KUNIT_EXPECT_NE(test, s->c.session, first);
	KUNIT_EXPECT_EQ(test, s->ws.lease.session, s->c.session);
	KUNIT_EXPECT_EQ(test, s->ws.lease.since, s->now);
	stage_drop(s);
}

static void a_grant_waits_for_a_sure_lease(struct kunit *test)
{
	struct stage *s = stage_begin(test, false);
	struct stage_want *a, *b;

	/* no leader was heard of for longer than the TTL, then the open arrives */
	KUNIT_EXPECT_EQ(test, stage_send(s), FSM_SESSION_OPEN);
	s->now += 2 * STAGE_TTL;
	a = stage_try(s, 1, "lock", 0, 0);
	stage_put(s, s->buf, s->len);
	b = stage_try(s, 2, "other", 0, 0);
	stage_flow(s);
	KUNIT_EXPECT_EQ(test, fsm_wants_tick(&s->ws, s->now), FSM_LEASE_OVER);
	/* it never was sure: that loses nobody */
	KUNIT_EXPECT_EQ(test, fsm_owner_lost(&s->ws, &s->owner[0]), 0);
	KUNIT_EXPECT_STREQ(test, a->told, "");
	KUNIT_EXPECT_EQ(test, a->w.state, FSM_WANT_HELD);
	KUNIT_EXPECT_EQ(test, fsm_wants_fence(&s->ws, "lock", 4, a->w.token,
					      s->now), -EKEYEXPIRED);
	/* given up before it was told */
	KUNIT_EXPECT_TRUE(test, fsm_want_give_up(&s->ws, &b->w, -EINTR));
	stage_flow(s);
	EXPECT_END(s, b, "O", -EINTR);
	stage_taken(s, "lock");
	stage_renew(s);
	KUNIT_EXPECT_STREQ(test, a->told, "G");
	KUNIT_EXPECT_EQ(test, a->w.flags, FSM_GRANT_WANTED);
	KUNIT_EXPECT_EQ(test, fsm_wants_fence(&s->ws, "lock", 4, a->w.token,
					      s->now), 0);
	s->now += STAGE_TTL / 2;
	stage_renew(s);
	KUNIT_EXPECT_STREQ(test, a->told, "G");
	stage_drop(s);
}

/* Give back what nobody was told of, and what was told by the way. */
static void an_untold_grant_may_be_released(struct kunit *test)
{
	struct stage *s = stage_begin(test, false);
	const struct fsm_fence stale = { 999, 5, "other" };
	struct stage_want *a, *b;

	KUNIT_EXPECT_EQ(test, stage_send(s), FSM_SESSION_OPEN);
	s->now += 2 * STAGE_TTL;
	stage_put(s, s->buf, s->len);
	a = stage_ask(s, 1, "lock");
	b = stage_ask(s, 1, "other");
	KUNIT_EXPECT_STREQ(test, a->told, "");
	KUNIT_EXPECT_EQ(test, fsm_want_release(&s->ws, &a->w, NULL), 0);
	KUNIT_EXPECT_EQ(test, fsm_want_release(&s->ws, &b->w, &stale), 0);
	stage_flow(s);
	EXPECT_END(s, a, "O", 0);
	KUNIT_EXPECT_STREQ(test, b->told, "K");
	stage_renew(s);
	KUNIT_EXPECT_STREQ(test, b->told, "KG");
	stage_drop(s);
}

/* Promise 4: by the deadline itself, then by notice, then in the cluster. */
static void a_lease_that_ends_loses_all(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a = stage_ask(s, 1, "lock");
	struct stage_want *b, *c, *d;
	u64 era = s->ws.era;

	stage_taken(s, "other");
	b = stage_ask(s, 2, "other");
	c = stage_try(s, 3, "third", 0, 0);
	d = stage_ask(s, 4, "fourth");
	KUNIT_EXPECT_EQ(test, fsm_want_release(&s->ws, &d->w, NULL), 0);
	stage_flow(s);
	EXPECT_END(s, d, "GO", 0);
	KUNIT_EXPECT_EQ(test, fsm_owner_lost(&s->ws, &s->owner[0]), 0);
	/* nobody has looked at the clock yet, but who asks does */
	s->now += STAGE_TTL;
	KUNIT_EXPECT_EQ(test, fsm_wants_fence(&s->ws, "lock", 4, a->w.token,
					      s->now), -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, fsm_wants_tick(&s->ws, s->now), FSM_LEASE_OVER);
	KUNIT_EXPECT_EQ(test, s->ws.era, era + 1);
	KUNIT_EXPECT_EQ(test, fsm_wants_tick(&s->ws, s->now), FSM_LEASE_OVER);
	KUNIT_EXPECT_EQ(test, s->ws.era, era + 1);
	KUNIT_EXPECT_EQ(test, fsm_owner_lost(&s->ws, &s->owner[0]), -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, fsm_owner_lost(&s->ws, &s->owner[1]), -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, fsm_owner_lost(&s->ws, &s->owner[2]), -EKEYEXPIRED);
	/* who wanted nothing any more goes on, who never did, too */
	KUNIT_EXPECT_EQ(test, fsm_owner_lost(&s->ws, &s->owner[3]), 0);
	KUNIT_EXPECT_EQ(test, fsm_owner_lost(&s->ws, &s->owner[4]), 0);
	stage_try(s, 1, "fifth", 0, -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, fsm_want_release(&s->ws, &a->w, NULL),
			-EKEYEXPIRED);
	/* who gives up now sends nothing: the close of its handle says it all */
	KUNIT_EXPECT_TRUE(test, fsm_want_give_up(&s->ws, &b->w, -EINTR));
	KUNIT_EXPECT_EQ(test, stage_flow(s), 0);
	KUNIT_EXPECT_EQ(test, b->w.state, FSM_WANT_QUEUED);
	/* a renewal that comes now saves nobody */
	stage_renew(s);
	KUNIT_EXPECT_EQ(test, fsm_wants_tick(&s->ws, s->now), FSM_LEASE_SURE);
	KUNIT_EXPECT_EQ(test, fsm_wants_fence(&s->ws, "lock", 4, a->w.token,
					      s->now), -EKEYEXPIRED);
	KUNIT_EXPECT_TRUE(test, fsm_wants_sweep(&s->ws, 2));
	KUNIT_EXPECT_EQ(test, s->noticed, 2);
	KUNIT_EXPECT_FALSE(test, fsm_wants_sweep(&s->ws, 2));
	KUNIT_EXPECT_EQ(test, s->noticed, 3);
	KUNIT_EXPECT_EQ(test, s->status, -EKEYEXPIRED);
	stage_shut(s, 1);
	stage_shut(s, 2);
	stage_shut(s, 3);
	EXPECT_END(s, a, "GO", -EKEYEXPIRED);
	EXPECT_END(s, b, "QO", -EINTR);
	EXPECT_END(s, c, "GO", -EKEYEXPIRED);
	/* its close is not applied yet */
	KUNIT_EXPECT_EQ(test, fsm_wants_fence(&s->ws, "lock", 4, a->w.token,
					      s->now), -ESTALE);
	stage_expect(s, 3, 1);
	stage_flow(s);
	stage_expect(s, 1, 0);
	/* others have locks as before */
	d = stage_ask(s, 4, "lock");
	KUNIT_EXPECT_STREQ(test, d->told, "G");
	KUNIT_EXPECT_EQ(test, fsm_wants_fence(&s->ws, "lock", 4, d->w.token,
					      s->now), 0);
	stage_drop(s);
}

/* A renewal that is late does not unmake what its deadline has made. */
static void a_late_renewal_loses_first(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a = stage_ask(s, 1, "lock");
	u64 id;

	s->now += STAGE_TTL / 2;
	id = fsm_lease_due(&s->ws.lease, s->now);
	s->now += STAGE_TTL / 2;
	fsm_wants_renewed(&s->ws, s->ws.lease.session, id, s->now);
	KUNIT_EXPECT_EQ(test, fsm_owner_lost(&s->ws, &s->owner[0]), -EKEYEXPIRED);
	KUNIT_EXPECT_TRUE(test, fsm_lease_left(&s->ws.lease, s->now));
	KUNIT_EXPECT_EQ(test, fsm_wants_fence(&s->ws, "lock", 4, a->w.token,
					      s->now), -EKEYEXPIRED);
	stage_drop(s);
}

/* A grant that finds the deadline passed finds that all are lost. */
static void a_grant_behind_the_deadline_is_not_told(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	u64 ticket = stage_taken(s, "lock");
	struct stage_want *a = stage_ask(s, 1, "lock");

	s->now += STAGE_TTL;
	stage_given(s, ticket);
	KUNIT_EXPECT_STREQ(test, a->told, "Q");
	KUNIT_EXPECT_EQ(test, fsm_owner_lost(&s->ws, &s->owner[0]), -EKEYEXPIRED);
	stage_renew(s);
	KUNIT_EXPECT_STREQ(test, a->told, "Q");
	stage_shut(s, 1);
	EXPECT_END(s, a, "QO", -EKEYEXPIRED);
	stage_flow(s);
	stage_expect(s, 0, 0);
	stage_drop(s);
}

/* -------------------------------------------------------------- sessions */

/* One of each kind, for handles 1 to 5. */
struct five {
	struct stage_want *held;
	struct stage_want *queued;
	struct stage_want *asked;	/* sent */
	struct stage_want *leaving;	/* its release is sent */
	struct stage_want *fresh;	/* never left */
};

static struct five five(struct stage *s)
{
	struct five x;
	u64 cursor = 0;

	stage_taken(s, "taken");
	x.held = stage_ask(s, 1, "one");
	x.queued = stage_ask(s, 2, "taken");
	x.leaving = stage_ask(s, 4, "four");
	x.asked = stage_try(s, 3, "three", 0, 0);
	KUNIT_EXPECT_EQ(s->test, stage_next(s, &cursor), FSM_LOCK_ACQUIRE);
	KUNIT_EXPECT_EQ(s->test, fsm_want_release(&s->ws, &x.leaving->w, NULL),
			0);
	KUNIT_EXPECT_EQ(s->test, stage_next(s, &cursor), FSM_LOCK_RELEASE);
	x.fresh = stage_try(s, 5, "five", 0, 0);
	return x;
}

static void an_expired_session_loses_all(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct five x = five(s);
	u32 h;

	stage_rival(s, kit_expire(s->c.session));
	/* what had left is told at once, the rest by the close of its owner */
	EXPECT_END(s, x.asked, "O", -ENOTRECOVERABLE);
	EXPECT_END(s, x.leaving, "GO", -EKEYEXPIRED);
	KUNIT_EXPECT_STREQ(test, x.held->told, "G");
	for (h = 1; h <= 5; h++)
		KUNIT_EXPECT_EQ(test, fsm_owner_lost(&s->ws, &s->owner[h - 1]),
				-EKEYEXPIRED);
	KUNIT_EXPECT_FALSE(test, fsm_wants_sweep(&s->ws, 100));
	KUNIT_EXPECT_EQ(test, s->noticed, 5);
	for (h = 1; h <= 5; h++) {
		stage_shut(s, h);
		/* the end of the session has seen to that */
		KUNIT_EXPECT_FALSE(test, s->owner[h - 1].abandoned);
	}
	EXPECT_END(s, x.held, "GO", -EKEYEXPIRED);
	EXPECT_END(s, x.queued, "QO", -EKEYEXPIRED);
	EXPECT_END(s, x.fresh, "O", -EKEYEXPIRED);
	stage_expect(s, 1, 0);
	/* the next session opens by itself, and has nothing of it */
	KUNIT_EXPECT_EQ(test, stage_flow(s), 1);
	stage_expect(s, 1, 0);
	KUNIT_EXPECT_STREQ(test, stage_ask(s, 6, "one")->told, "G");
	stage_drop(s);
}

static void an_administrator_ends_the_session(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a = stage_ask(s, 1, "lock");

	stage_rival(s, kit_end(s->rival, ++s->seq, s->c.session));
	KUNIT_EXPECT_EQ(test, fsm_owner_lost(&s->ws, &s->owner[0]), -EKEYREVOKED);
	KUNIT_EXPECT_EQ(test, fsm_wants_fence(&s->ws, "lock", 4, a->w.token,
					      s->now), -EKEYREVOKED);
	fsm_wants_sweep(&s->ws, 100);
	KUNIT_EXPECT_EQ(test, s->status, -EKEYREVOKED);
	stage_shut(s, 1);
	EXPECT_END(s, a, "GO", -EKEYREVOKED);
	stage_drop(s);
}

/* Whatever of a lost owner leaves in the next session, its close ends. */
static void nothing_of_the_lost_slips_into_the_next_session(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a = stage_ask(s, 1, "lock");
	struct stage_want *b = stage_try(s, 1, "late", 0, 0);
	struct stage_want *c = stage_try(s, 2, "late", 0, 0);
	u64 cursor = 0;

	stage_rival(s, kit_expire(s->c.session));
	KUNIT_EXPECT_EQ(test, stage_next(s, &cursor), FSM_SESSION_OPEN);
	stage_put(s, s->buf, s->len);
	/* nobody has closed them yet */
	KUNIT_EXPECT_EQ(test, stage_next(s, &cursor), FSM_LOCK_ACQUIRE);
	stage_put(s, s->buf, s->len);
	KUNIT_EXPECT_EQ(test, b->w.state, FSM_WANT_HELD);
	KUNIT_EXPECT_EQ(test, stage_next(s, &cursor), FSM_LOCK_ACQUIRE);
	stage_shut(s, 1);
	stage_shut(s, 2);
	KUNIT_EXPECT_TRUE(test, s->owner[0].abandoned);
	KUNIT_EXPECT_TRUE(test, s->owner[1].abandoned);
	EXPECT_END(s, a, "GO", -EKEYEXPIRED);
	EXPECT_END(s, b, "O", -EKEYEXPIRED);
	KUNIT_EXPECT_STREQ(test, c->told, "");
	KUNIT_EXPECT_NULL(test, c->w.owner);
	s->now += STAGE_RESEND;
	stage_flow(s);
	EXPECT_END(s, c, "O", -EKEYEXPIRED);
	stage_expect(s, 0, 0);
	stage_drop(s);
}

/* ---------------------------------------------------------------- closes */

static void a_close_ends_whatever_there_is(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct five x = five(s);
	struct stage_want *more;
	u32 h;

	KUNIT_EXPECT_TRUE(test, fsm_want_give_up(&s->ws, &x.queued->w, -EINTR));
	more = stage_try(s, 2, "taken", 0, 0);
	for (h = 1; h <= 5; h++)
		stage_shut(s, h);
	EXPECT_END(s, x.held, "GO", -ECANCELED);
	/* its leave never left, and need not */
	EXPECT_END(s, x.queued, "QO", -EINTR);
	EXPECT_END(s, x.fresh, "O", -ECANCELED);
	EXPECT_END(s, more, "O", -ECANCELED);
	KUNIT_EXPECT_FALSE(test, s->owner[4].abandoned);
	for (h = 1; h <= 4; h++)
		KUNIT_EXPECT_TRUE(test, s->owner[h - 1].abandoned);
	/* what is under way belongs to nobody any more */
	KUNIT_EXPECT_STREQ(test, x.asked->told, "");
	KUNIT_EXPECT_NULL(test, x.asked->w.owner);
	KUNIT_EXPECT_STREQ(test, x.leaving->told, "G");
	KUNIT_EXPECT_NULL(test, x.leaving->w.owner);
	KUNIT_EXPECT_TRUE(test, fsm_want_give_up(&s->ws, &x.asked->w, -EINTR));
	KUNIT_EXPECT_EQ(test, s->noticed, 0);
	KUNIT_EXPECT_FALSE(test, fsm_wants_sweep(&s->ws, 1));
	/* the closes arrive first, then what was sent before them once more */
	stage_flow(s);
	KUNIT_EXPECT_STREQ(test, x.asked->told, "");
	s->now += STAGE_RESEND;
	stage_flow(s);
	EXPECT_END(s, x.asked, "O", -ECANCELED);
	KUNIT_EXPECT_STREQ(test, x.leaving->told, "GO");
	KUNIT_EXPECT_EQ(test, s->ws.held, 0);
	KUNIT_EXPECT_EQ(test, s->ws.queued, 0);
	KUNIT_EXPECT_NULL(test, s->ws.owners);
	stage_expect(s, 1, 0);
	stage_drop(s);
}

static void a_close_goes_in_steps(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct fsm_owner *o = &s->owner[0];
	struct stage_want *w[5];
	char name[] = "a";
	u32 i, over = 0;

	for (i = 0; i < 5; i++, name[0]++)
		w[i] = stage_ask(s, 1, name);
	KUNIT_EXPECT_EQ(test, fsm_owner_close(&s->ws, o, 2), 1);
	for (i = 0; i < 5; i++)
		over += w[i]->w.state == FSM_WANT_OVER;
	KUNIT_EXPECT_EQ(test, over, 2);
	KUNIT_EXPECT_EQ(test, fsm_owner_lost(&s->ws, o), -ECANCELED);
	stage_try(s, 1, "z", 0, -ECANCELED);
	KUNIT_EXPECT_NULL(test, s->ws.owners);
	/* in between nothing but the end is told */
	for (i = 0; i < 5; i++) {
		name[0] = 'a' + i;
		stage_taken(s, name);
	}
	KUNIT_EXPECT_EQ(test, fsm_owner_close(&s->ws, o, 2), 1);
	KUNIT_EXPECT_EQ(test, fsm_owner_close(&s->ws, o, 2), 0);
	for (i = 0; i < 5; i++)
		EXPECT_END(s, w[i], "GO", -ECANCELED);
	KUNIT_EXPECT_EQ(test, fsm_owner_close(&s->ws, o, 2), 0);
	KUNIT_EXPECT_EQ(test, fsm_owner_lost(&s->ws, o), 0);
	/* it may be lost, or have had notice, at any step */
	o = &s->owner[1];
	stage_ask(s, 2, "y");
	stage_ask(s, 2, "x");
	KUNIT_EXPECT_EQ(test, fsm_owner_close(&s->ws, o, 1), 1);
	lose(s);
	KUNIT_EXPECT_FALSE(test, fsm_wants_sweep(&s->ws, 10));
	KUNIT_EXPECT_EQ(test, s->noticed, 0);
	KUNIT_EXPECT_EQ(test, fsm_owner_close(&s->ws, o, 1), 0);
	stage_drop(s);
}

static void fences_of_this_node_are_checked_here(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a = stage_ask(s, 1, "lock");
	u64 foreign = stage_taken(s, "other");
	struct fsm_ticket t;

	KUNIT_EXPECT_EQ(test, fsm_ticket(s->f, foreign, &t), 0);
	KUNIT_EXPECT_EQ(test, fsm_wants_fence(&s->ws, "lock", 4, a->w.token,
					      s->now), 0);
	KUNIT_EXPECT_EQ(test, fsm_wants_fence(&s->ws, "lack", 4, a->w.token,
					      s->now), -ESTALE);
	KUNIT_EXPECT_EQ(test, fsm_wants_fence(&s->ws, "other", 5, t.token,
					      s->now + STAGE_TTL), 0);
	KUNIT_EXPECT_EQ(test, fsm_wants_fence(&s->ws, "lock", 4, 0, s->now), 0);
	/* while it is being released, the log decides, but not for ever */
	fsm_want_release(&s->ws, &a->w, NULL);
	KUNIT_EXPECT_EQ(test, fsm_wants_fence(&s->ws, "lock", 4, a->w.token,
					      s->now), 0);
	KUNIT_EXPECT_EQ(test, fsm_wants_fence(&s->ws, "lock", 4, a->w.token,
					      s->now + STAGE_TTL), -EKEYEXPIRED);
	KUNIT_EXPECT_NULL(test, fsm_want_held(&s->ws, "lock", 4, a->w.token));
	stage_flow(s);
	KUNIT_EXPECT_EQ(test, fsm_wants_fence(&s->ws, "lock", 4, a->w.token,
					      s->now), 0);
	KUNIT_EXPECT_EQ(test, fsm_fence(s->f, "lock", 4, a->w.token), -ESTALE);
	stage_drop(s);
}

/* ------------------------------------------------------------- snapshots */

static void a_snapshot_tells_what_became_of_tickets(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	u64 one = stage_taken(s, "one"), two = stage_taken(s, "two"), token;
	struct stage_want *granted = stage_ask(s, 1, "one");
	struct stage_want *waits = stage_ask(s, 2, "two");
	struct stage_want *revoked = stage_ask(s, 3, "three");
	struct stage_want *wanted = stage_ask(s, 4, "four");
	struct stage_want *gone = stage_ask(s, 5, "two");

	stage_rival(s, kit_lock(s->rival, ++s->seq, 2, "four",
				FSM_ACQUIRE_SHARED));
	KUNIT_EXPECT_STREQ(test, wanted->told, "GW");
	KUNIT_EXPECT_TRUE(test, fsm_want_give_up(&s->ws, &gone->w, -EINTR));
	KUNIT_EXPECT_EQ(test, stage_send(s), FSM_LOCK_LEAVE);
	s->blind = true;
	stage_put(s, s->buf, s->len);
	stage_given(s, one);
	stage_rival(s, kit_revoke(s->rival, ++s->seq, "three", 0));
	stage_reload(s);
	KUNIT_EXPECT_STREQ(test, granted->told, "QG");
	token = granted->w.token;
	KUNIT_EXPECT_EQ(test, fsm_fence(s->f, "one", 3, token), 0);
	KUNIT_EXPECT_LT(test, granted->w.ticket, granted->w.index);
	KUNIT_EXPECT_STREQ(test, waits->told, "Q");
	EXPECT_END(s, revoked, "GLO", -EKEYREVOKED);
	KUNIT_EXPECT_STREQ(test, wanted->told, "GW");
	EXPECT_END(s, gone, "QO", -EINTR);
	/* another one, and nothing has changed */
	stage_reload(s);
	KUNIT_EXPECT_STREQ(test, granted->told, "QG");
	KUNIT_EXPECT_EQ(test, granted->w.token, token);
	KUNIT_EXPECT_STREQ(test, wanted->told, "GW");
	/* granted and revoked where nobody saw it; wanted where nobody saw it */
	s->blind = true;
	stage_given(s, two);
	stage_rival(s, kit_revoke(s->rival, ++s->seq, "two", 0));
	stage_taken(s, "one");
	stage_reload(s);
	EXPECT_END(s, waits, "QO", -EKEYREVOKED);
	KUNIT_EXPECT_STREQ(test, granted->told, "QGW");
	stage_drop(s);
}

static void a_snapshot_answers_what_was_asked(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a = stage_try(s, 1, "lock", 0, 0);
	struct stage_want *b, *c, *d;

	stage_taken(s, "other");
	s->blind = true;
	KUNIT_EXPECT_EQ(test, stage_flow(s), 1);
	b = stage_try(s, 2, "other", 0, 0);
	KUNIT_EXPECT_EQ(test, stage_flow(s), 1);
	c = stage_try(s, 3, "third", 0, 0);
	KUNIT_EXPECT_EQ(test, stage_flow(s), 1);
	d = stage_try(s, 4, "fourth", 0, 0);
	KUNIT_EXPECT_EQ(test, stage_flow(s), 1);
	stage_rival(s, kit_revoke(s->rival, ++s->seq, "third", 0));
	KUNIT_EXPECT_TRUE(test, fsm_want_give_up(&s->ws, &d->w, -EINTR));
	stage_taken(s, "lock");
	KUNIT_EXPECT_STREQ(test, a->told, "");
	stage_reload(s);
	KUNIT_EXPECT_STREQ(test, a->told, "G");
	KUNIT_EXPECT_EQ(test, a->w.flags, FSM_GRANT_WANTED);
	KUNIT_EXPECT_STREQ(test, b->told, "Q");
	EXPECT_END(s, c, "O", -EKEYREVOKED);
	KUNIT_EXPECT_STREQ(test, d->told, "");
	stage_flow(s);
	EXPECT_END(s, d, "O", -EINTR);
	stage_drop(s);
}

static void a_snapshot_tells_that_the_session_has_ended(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct five x = five(s);

	s->blind = true;
	stage_rival(s, kit_expire(s->c.session));
	stage_reload(s);
	EXPECT_END(s, x.asked, "O", -ENOTRECOVERABLE);
	EXPECT_END(s, x.leaving, "GO", -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, fsm_owner_lost(&s->ws, &s->owner[0]), -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, fsm_owner_lost(&s->ws, &s->owner[1]), -EKEYEXPIRED);
	KUNIT_EXPECT_STREQ(test, x.held->told, "G");
	KUNIT_EXPECT_STREQ(test, x.queued->told, "Q");
	KUNIT_EXPECT_EQ(test, s->ws.lease.session, 0);
	stage_drop(s);
}

static void the_end_of_the_node_ends_all(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct five x = five(s);
	u32 h;

	fsm_wants_stop(&s->ws, -ESHUTDOWN);
	stage_try(s, 1, "more", 0, -ESHUTDOWN);
	fsm_client_stop(&s->c, -ESHUTDOWN, fsm_wants_done, &s->ws);
	EXPECT_END(s, x.asked, "O", -ENOTRECOVERABLE);
	EXPECT_END(s, x.leaving, "GO", -ESHUTDOWN);
	EXPECT_END(s, x.fresh, "O", -ESHUTDOWN);
	KUNIT_EXPECT_FALSE(test, fsm_wants_sweep(&s->ws, 10));
	KUNIT_EXPECT_EQ(test, s->noticed, 5);
	KUNIT_EXPECT_EQ(test, s->status, -ESHUTDOWN);
	for (h = 1; h <= 5; h++)
		KUNIT_EXPECT_EQ(test, fsm_owner_close(&s->ws,
						      &s->owner[h - 1], 9), 0);
	EXPECT_END(s, x.held, "GO", -ESHUTDOWN);
	EXPECT_END(s, x.queued, "QO", -ESHUTDOWN);
	KUNIT_EXPECT_EQ(test, s->ws.held, 0);
	KUNIT_EXPECT_EQ(test, s->ws.queued, 0);
	stage_drop(s);
}

static struct kunit_case want_lost_cases[] = {
	KUNIT_CASE(a_lease_begins_and_ends_with_the_session),
	KUNIT_CASE(a_grant_waits_for_a_sure_lease),
	KUNIT_CASE(an_untold_grant_may_be_released),
	KUNIT_CASE(a_lease_that_ends_loses_all),
	KUNIT_CASE(a_late_renewal_loses_first),
	KUNIT_CASE(a_grant_behind_the_deadline_is_not_told),
	KUNIT_CASE(an_expired_session_loses_all),
	KUNIT_CASE(an_administrator_ends_the_session),
	KUNIT_CASE(nothing_of_the_lost_slips_into_the_next_session),
	KUNIT_CASE(a_close_ends_whatever_there_is),
	KUNIT_CASE(a_close_goes_in_steps),
	KUNIT_CASE(fences_of_this_node_are_checked_here),
	KUNIT_CASE(a_snapshot_tells_what_became_of_tickets),
	KUNIT_CASE(a_snapshot_answers_what_was_asked),
	KUNIT_CASE(a_snapshot_tells_that_the_session_has_ended),
	KUNIT_CASE(the_end_of_the_node_ends_all),
	{}
};

static struct kunit_suite want_lost_suite = {
	.name = "fsm-want-lost",
	.test_cases = want_lost_cases,
};

kunit_test_suite(want_lost_suite);

MODULE_LICENSE("GPL");
