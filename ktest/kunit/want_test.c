// SPDX-License-Identifier: GPL-2.0
/*
 * What handles want of locks: asking, waiting, giving up, having, giving back. What
 * becomes of it when the lease ends: want_lost_test.c. At random: want_model_test.c.
 */
#include <linux/module.h>
#include "want_kit.h"

static void a_free_lock_is_granted_at_once(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a = stage_ask(s, 1, "lock");

	KUNIT_EXPECT_STREQ(test, a->told, "G");
	KUNIT_EXPECT_EQ(test, a->w.state, FSM_WANT_HELD);
	KUNIT_EXPECT_EQ(test, a->w.ticket, kit_applied(s->f));
	KUNIT_EXPECT_EQ(test, a->w.index, kit_applied(s->f));
	KUNIT_EXPECT_GE(test, a->w.token, a->w.ticket);
	KUNIT_EXPECT_EQ(test, a->w.flags, 0);
	KUNIT_EXPECT_EQ(test, s->ws.held, 1);
	KUNIT_EXPECT_PTR_EQ(test, fsm_want_named(&s->ws, &s->owner[0], "lock", 4),
			    &a->w);
	KUNIT_EXPECT_NULL(test, fsm_want_named(&s->ws, &s->owner[1], "lock", 4));
	KUNIT_EXPECT_NULL(test, fsm_want_named(&s->ws, &s->owner[0], "loc", 3));
	KUNIT_EXPECT_PTR_EQ(test, fsm_want_of(&s->ws, a->w.ticket), &a->w);
	KUNIT_EXPECT_PTR_EQ(test, fsm_want_held(&s->ws, "lock", 4, a->w.token),
			    &a->w);
	KUNIT_EXPECT_NULL(test, fsm_want_held(&s->ws, "lick", 4, a->w.token));
	KUNIT_EXPECT_EQ(test, fsm_fence(s->f, "lock", 4, a->w.token), 0);
	stage_drop(s);
}

static void a_handle_wants_a_lock_once(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a = stage_try(s, 1, "lock", 0, 0), *b;

	/* on its way; waiting; held */
	stage_try(s, 1, "lock", 0, -EDEADLK);
	stage_flow(s);
	stage_try(s, 1, "lock", FSM_ACQUIRE_SHARED, -EDEADLK);
	b = stage_ask(s, 2, "lock");
	KUNIT_EXPECT_STREQ(test, b->told, "Q");
	stage_try(s, 2, "lock", 0, -EDEADLK);
	/* being released */
	KUNIT_EXPECT_EQ(test, fsm_want_release(&s->ws, &a->w, NULL), 0);
	stage_try(s, 1, "lock", 0, -EDEADLK);
	stage_flow(s);
	EXPECT_END(s, a, "GWO", 0);
	KUNIT_EXPECT_STREQ(test, b->told, "QG");
	/* what it has given up is not in its way */
	a = stage_ask(s, 1, "lock");
	KUNIT_EXPECT_TRUE(test, fsm_want_give_up(&s->ws, &a->w, -EINTR));
	b = stage_try(s, 1, "lock", 0, 0);
	stage_flow(s);
	EXPECT_END(s, a, "QO", -EINTR);
	KUNIT_EXPECT_STREQ(test, b->told, "Q");
	/* nor while its cancellation is under way */
	a = stage_try(s, 3, "other", 0, 0);
	KUNIT_EXPECT_EQ(test, stage_send(s), FSM_LOCK_ACQUIRE);
	KUNIT_EXPECT_TRUE(test, fsm_want_give_up(&s->ws, &a->w, -EINTR));
	b = stage_try(s, 3, "other", 0, 0);
	KUNIT_EXPECT_PTR_EQ(test, fsm_want_named(&s->ws, &s->owner[2], "other", 5),
			    &b->w);
	stage_flow(s);
	EXPECT_END(s, a, "O", -EINTR);
	KUNIT_EXPECT_STREQ(test, b->told, "G");
	stage_drop(s);
}

static void who_waits_is_told_by_the_log(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	u64 ticket = stage_taken(s, "lock"), index;
	struct stage_want *a = stage_ask(s, 1, "lock");
	struct stage_want *b = stage_ask(s, 2, "lock");

	KUNIT_EXPECT_STREQ(test, a->told, "Q");
	KUNIT_EXPECT_EQ(test, a->w.token, 0);
	KUNIT_EXPECT_EQ(test, s->ws.queued, 2);
	/* nothing is unresolved while they wait */
	KUNIT_EXPECT_EQ(test, s->c.unresolved, 0);
	stage_given(s, ticket);
	index = kit_applied(s->f);
	KUNIT_EXPECT_STREQ(test, a->told, "QG");
	KUNIT_EXPECT_STREQ(test, b->told, "Q");
	KUNIT_EXPECT_EQ(test, a->w.index, index);
	KUNIT_EXPECT_LT(test, a->w.ticket, index);
	KUNIT_EXPECT_GT(test, a->w.token, a->w.ticket);
	KUNIT_EXPECT_EQ(test, a->w.flags, FSM_GRANT_WANTED);
	KUNIT_EXPECT_EQ(test, s->ws.queued, 1);
	KUNIT_EXPECT_EQ(test, s->ws.held, 1);
	stage_drop(s);
}

/* "2,000 waiters on one node hold up nothing else", and nobody is overtaken. */
static void two_thousand_waiters_hold_up_nothing(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	const u32 many = 2000;
	struct stage_want *w = kunit_kzalloc(test, many * sizeof(*w), GFP_KERNEL);
	struct fsm_owner *o = kunit_kzalloc(test, many * sizeof(*o), GFP_KERNEL);
	struct fsm_request add = {
		.op = FSM_COUNTER_ADD, .handle = 1, .arg = 5, .name_len = 1,
		.name = "c",
	};
	u64 ticket = stage_taken(s, "lock"), token = 0;
	struct stage_want *gone[8];
	char name[] = "a";
	u32 i, k;

	KUNIT_ASSERT_TRUE(test, w && o);
	for (i = 0; i < many; i++) {
		o[i].number = 100 + i;
		w[i].w.ask.name_len = 4;
		memcpy(w[i].w.ask.name, "lock", 4);
		KUNIT_ASSERT_EQ(test, fsm_want_begin(&s->ws, &o[i], &w[i].w), 0);
	}
	stage_flow(s);
	KUNIT_EXPECT_EQ(test, s->ws.queued, many);
	KUNIT_EXPECT_EQ(test, s->c.unresolved, 0);
	fsm_client_add(&s->c, &add);
	KUNIT_EXPECT_EQ(test, stage_flow(s), 1);
	KUNIT_EXPECT_EQ(test, s->done, 1);
	stage_given(s, ticket);
	for (i = 0; i < many; i++) {
		KUNIT_ASSERT_EQ(test, strcmp(w[i].told, "QG"), 0);
		KUNIT_ASSERT_TRUE(test, w[i].w.token > token);
		token = w[i].w.token;
		/* a snapshot now and then */
		s->blind = i % 500 == 499;
		KUNIT_ASSERT_EQ(test, fsm_want_release(&s->ws, &w[i].w, NULL), 0);
		stage_flow(s);
		for (k = 0; k < 8 && s->blind; k++, stage_flow(s))
			gone[k] = stage_try(s, k + 1, (name[0] = 'a' + k, name),
					    0, 0);
		for (k = 0; k < 8 && s->blind; k++) {
			name[0] = 'a' + k;
			stage_rival(s, kit_revoke(s->rival, ++s->seq, name, 0));
		}
		if (s->blind)
			stage_reload(s);
		KUNIT_ASSERT_EQ(test, strcmp(w[i].told, "QGO"), 0);
		/* granted and taken where nobody saw it, and so told */
		for (k = 0; k < 8 && i % 500 == 499; k++)
			EXPECT_END(s, gone[k], "O", -EKEYREVOKED);
	}
	stage_expect(s, 0, 0);
	stage_drop(s);
}

static void shared_ones_are_told_together(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	u64 ticket = stage_taken(s, "lock");
	struct stage_want *w[4];
	u32 i;

	for (i = 0; i < 4; i++)
		w[i] = stage_try(s, i + 1, "lock",
				 i < 3 ? FSM_ACQUIRE_SHARED : 0, 0);
	stage_flow(s);
	stage_given(s, ticket);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_STREQ(test, w[i]->told, i < 3 ? "QG" : "Q");
	KUNIT_EXPECT_LT(test, w[0]->w.token, w[1]->w.token);
	KUNIT_EXPECT_LT(test, w[1]->w.token, w[2]->w.token);
	stage_drop(s);
}

static void a_try_waits_for_nobody(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a;

	stage_taken(s, "lock");
	a = stage_try(s, 1, "lock", FSM_ACQUIRE_TRY, 0);
	stage_flow(s);
	EXPECT_END(s, a, "O", -EAGAIN);
	KUNIT_EXPECT_NULL(test, s->owner[0].wants);
	KUNIT_EXPECT_EQ(test, s->owner[0].era, 0);
	stage_expect(s, 1, 0);
	stage_drop(s);
}

static void what_never_left_is_given_up_at_once(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a = stage_try(s, 1, "lock", 0, 0);

	KUNIT_EXPECT_TRUE(test, fsm_want_give_up(&s->ws, &a->w, -ETIMEDOUT));
	EXPECT_END(s, a, "O", -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, stage_flow(s), 0);
	KUNIT_EXPECT_TRUE(test, fsm_want_give_up(&s->ws, &a->w, -EINTR));
	EXPECT_END(s, a, "O", -ETIMEDOUT);
	stage_drop(s);
}

static void what_left_is_cancelled(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a = stage_try(s, 1, "lock", 0, 0);
	u8 late[FSM_COMMAND_MAX];
	u16 len;

	KUNIT_EXPECT_EQ(test, stage_send(s), FSM_LOCK_ACQUIRE);
	memcpy(late, s->buf, s->len);
	len = s->len;
	KUNIT_EXPECT_TRUE(test, fsm_want_give_up(&s->ws, &a->w, -EINTR));
	KUNIT_EXPECT_TRUE(test, fsm_want_give_up(&s->ws, &a->w, -ETIMEDOUT));
	KUNIT_EXPECT_STREQ(test, a->told, "");
	KUNIT_EXPECT_EQ(test, stage_flow(s), 1);
	KUNIT_EXPECT_EQ(test, s->cmd.op, FSM_CANCEL);
	EXPECT_END(s, a, "O", -EINTR);
	/* it comes after its cancellation */
	stage_put(s, late, len);
	EXPECT_END(s, a, "O", -EINTR);
	stage_expect(s, 0, 0);
	stage_drop(s);
}

/* Pitfall 67: "waiter's cancel races the grant". */
static void an_acquire_that_won_against_its_cancellation_is_left(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	u32 round;

	for (round = 0; round < 2; round++) {
		struct stage_want *a = stage_try(s, 1, "lock", 0, 0);

		KUNIT_EXPECT_EQ(test, stage_send(s), FSM_LOCK_ACQUIRE);
		fsm_want_give_up(&s->ws, &a->w, -EINTR);
		stage_put(s, s->buf, s->len);
		/* it holds (or waits), and nobody is told */
		KUNIT_EXPECT_STREQ(test, a->told, "");
		KUNIT_EXPECT_EQ(test, a->w.state, FSM_WANT_LEAVING);
		stage_expect(s, 1, round);
		stage_flow(s);
		KUNIT_EXPECT_EQ(test, s->cmd.op, FSM_LOCK_LEAVE);
		KUNIT_EXPECT_EQ(test, s->cmd.arg, a->w.ticket);
		EXPECT_END(s, a, "O", -EINTR);
		stage_expect(s, round, 0);
		if (!round)
			stage_taken(s, "lock");
	}
	stage_drop(s);
}

/* Pitfall 67: "waiter dies and is granted the lock". */
static void who_leaves_the_queue_is_told_of_no_grant(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	u64 ticket = stage_taken(s, "lock");
	struct stage_want *a = stage_ask(s, 1, "lock");
	struct stage_want *b = stage_ask(s, 2, "lock");

	KUNIT_EXPECT_TRUE(test, fsm_want_give_up(&s->ws, &a->w, -ETIMEDOUT));
	KUNIT_EXPECT_EQ(test, stage_send(s), FSM_LOCK_LEAVE);
	/* granted before the leave arrives */
	stage_given(s, ticket);
	KUNIT_EXPECT_STREQ(test, a->told, "Q");
	KUNIT_EXPECT_STREQ(test, b->told, "Q");
	stage_put(s, s->buf, s->len);
	EXPECT_END(s, a, "QO", -ETIMEDOUT);
	KUNIT_EXPECT_STREQ(test, b->told, "QG");
	KUNIT_EXPECT_NULL(test, fsm_want_of(&s->ws, a->w.ticket));
	stage_expect(s, 1, 0);
	stage_drop(s);
}

static void what_was_told_is_its_callers(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a = stage_ask(s, 1, "lock");

	KUNIT_EXPECT_FALSE(test, fsm_want_give_up(&s->ws, &a->w, -EINTR));
	KUNIT_EXPECT_EQ(test, a->w.state, FSM_WANT_HELD);
	KUNIT_EXPECT_EQ(test, fsm_want_release(&s->ws, &a->w, NULL), 0);
	/* a release goes on, whoever loses patience */
	KUNIT_EXPECT_TRUE(test, fsm_want_give_up(&s->ws, &a->w, -EINTR));
	KUNIT_EXPECT_EQ(test, fsm_want_release(&s->ws, &a->w, NULL), -EPERM);
	stage_flow(s);
	EXPECT_END(s, a, "GO", 0);
	KUNIT_EXPECT_EQ(test, fsm_want_release(&s->ws, &a->w, NULL), -EPERM);
	stage_expect(s, 0, 0);
	stage_drop(s);
}

/* Pitfall 66: "release needs the token". */
static void a_release_names_ticket_and_token(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a = stage_ask(s, 1, "lock"), *b;
	const struct fsm_fence fence = { a->w.token, 4, "lock" };

	s->ws.stamp = 777;
	KUNIT_EXPECT_EQ(test, fsm_want_release(&s->ws, &a->w, &fence), 0);
	KUNIT_EXPECT_EQ(test, stage_send(s), FSM_LOCK_RELEASE);
	KUNIT_EXPECT_EQ(test, s->cmd.handle, 1);
	KUNIT_EXPECT_EQ(test, s->cmd.arg, a->w.ticket);
	KUNIT_EXPECT_EQ(test, s->cmd.arg2, a->w.token);
	KUNIT_EXPECT_EQ(test, s->cmd.stamp, 777);
	KUNIT_EXPECT_EQ(test, s->cmd.fence.token, a->w.token);
	stage_put(s, s->buf, s->len);
	EXPECT_END(s, a, "GO", 0);
	b = stage_ask(s, 1, "lock");
	KUNIT_EXPECT_STREQ(test, b->told, "G");
	KUNIT_EXPECT_GT(test, b->w.token, a->w.token);
	/* the same entry once more frees nobody */
	stage_put(s, s->buf, s->len);
	stage_expect(s, 1, 0);
	stage_drop(s);
}

static void a_release_under_a_stale_fence_keeps_the_lock(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a = stage_ask(s, 1, "lock");
	const struct fsm_fence stale = { 999, 5, "other" };

	KUNIT_EXPECT_EQ(test, fsm_want_release(&s->ws, &a->w, &stale), 0);
	stage_flow(s);
	KUNIT_EXPECT_STREQ(test, a->told, "GK");
	KUNIT_EXPECT_EQ(test, a->w.status, -ESTALE);
	KUNIT_EXPECT_EQ(test, a->w.state, FSM_WANT_HELD);
	KUNIT_EXPECT_EQ(test, s->ws.held, 1);
	stage_try(s, 1, "lock", 0, -EDEADLK);
	KUNIT_EXPECT_EQ(test, fsm_want_release(&s->ws, &a->w, NULL), 0);
	stage_flow(s);
	EXPECT_END(s, a, "GKO", 0);
	stage_expect(s, 0, 0);
	stage_drop(s);
}

static void an_acquire_may_be_refused(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a = stage_try(s, 1, "lock", 0, 0);

	/* its fence holds no more */
	a->w.extra.fence_len = 5;
	a->w.extra.fence_token = 3;
	memcpy(a->w.extra.fence_name, "other", 5);
	stage_flow(s);
	EXPECT_END(s, a, "O", -ESTALE);
	stage_expect(s, 0, 0);
	stage_drop(s);
}

static void the_administrator_takes_one_lock(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a = stage_ask(s, 1, "lock");
	struct stage_want *b = stage_ask(s, 1, "other");
	const struct fsm_fence stale = { 999, 5, "other" };

	stage_rival(s, kit_revoke(s->rival, ++s->seq, "lock", a->w.token));
	EXPECT_END(s, a, "GLO", -EKEYREVOKED);
	KUNIT_EXPECT_STREQ(test, b->told, "G");
	/* the handle goes on, and may have it again */
	KUNIT_EXPECT_EQ(test, fsm_owner_lost(&s->ws, &s->owner[0]), 0);
	a = stage_ask(s, 1, "lock");
	KUNIT_EXPECT_STREQ(test, a->told, "G");
	/* while it is being released */
	KUNIT_EXPECT_EQ(test, fsm_want_release(&s->ws, &a->w, NULL), 0);
	stage_rival(s, kit_revoke(s->rival, ++s->seq, "lock", 0));
	KUNIT_EXPECT_STREQ(test, a->told, "G");
	stage_flow(s);
	EXPECT_END(s, a, "GO", -EKEYREVOKED);
	/* the same, and the release is refused by its fence before its ticket is seen */
	a = stage_ask(s, 1, "lock");
	KUNIT_EXPECT_EQ(test, fsm_want_release(&s->ws, &a->w, &stale), 0);
	stage_rival(s, kit_revoke(s->rival, ++s->seq, "lock", 0));
	stage_flow(s);
	EXPECT_END(s, a, "GO", -EKEYREVOKED);
	/* and where nobody saw the revocation */
	a = stage_ask(s, 1, "lock");
	KUNIT_EXPECT_EQ(test, fsm_want_release(&s->ws, &a->w, &stale), 0);
	s->blind = true;
	stage_rival(s, kit_revoke(s->rival, ++s->seq, "lock", 0));
	stage_reload(s);
	stage_flow(s);
	EXPECT_END(s, a, "GO", -EKEYREVOKED);
	/* while it is being left */
	a = stage_try(s, 1, "lock", 0, 0);
	KUNIT_EXPECT_EQ(test, stage_send(s), FSM_LOCK_ACQUIRE);
	fsm_want_give_up(&s->ws, &a->w, -EINTR);
	stage_put(s, s->buf, s->len);
	stage_rival(s, kit_revoke(s->rival, ++s->seq, "lock", 0));
	KUNIT_EXPECT_STREQ(test, a->told, "");
	stage_flow(s);
	EXPECT_END(s, a, "O", -EINTR);
	stage_expect(s, 1, 0);
	stage_drop(s);
}

static void a_holder_learns_that_others_wait(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a = stage_ask(s, 1, "lock");
	struct stage_want *b = stage_ask(s, 1, "other");

	KUNIT_EXPECT_STREQ(test, a->told, "G");
	stage_taken(s, "lock");
	KUNIT_EXPECT_STREQ(test, a->told, "GW");
	KUNIT_EXPECT_STREQ(test, b->told, "G");
	/* one row of waiters, one word */
	stage_rival(s, kit_lock(s->rival, ++s->seq, 2, "lock", 0));
	KUNIT_EXPECT_STREQ(test, a->told, "GW");
	/* of the own node just the same */
	stage_ask(s, 2, "other");
	KUNIT_EXPECT_STREQ(test, b->told, "GW");
	stage_drop(s);
}

static void all_sharers_learn_that_others_wait(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a = stage_try(s, 1, "lock", FSM_ACQUIRE_SHARED, 0);
	struct stage_want *b = stage_try(s, 2, "lock", FSM_ACQUIRE_SHARED, 0);

	stage_flow(s);
	stage_rival(s, kit_lock(s->rival, ++s->seq, 1, "lock",
				FSM_ACQUIRE_SHARED));
	stage_taken(s, "other");
	KUNIT_EXPECT_STREQ(test, a->told, "G");
	stage_rival(s, kit_lock(s->rival, ++s->seq, 2, "lock", 0));
	KUNIT_EXPECT_STREQ(test, a->told, "GW");
	KUNIT_EXPECT_STREQ(test, b->told, "GW");
	stage_drop(s);
}

/* "A grant tells whether the previous holder died" (design 9), in both ways. */
static void a_grant_tells_that_the_holder_died(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct stage_want *a, *b;

	stage_taken(s, "lock");
	stage_taken(s, "other");
	a = stage_ask(s, 1, "lock");
	s->seq++;
	stage_rival(s, kit_close(s->rival, s->seq, s->seq, 1, s->seq - 1));
	KUNIT_EXPECT_STREQ(test, a->told, "QG");
	KUNIT_EXPECT_EQ(test, a->w.flags, FSM_GRANT_DIED);
	b = stage_ask(s, 1, "other");
	KUNIT_EXPECT_STREQ(test, b->told, "G");
	KUNIT_EXPECT_EQ(test, b->w.flags, FSM_GRANT_DIED);
	fsm_want_release(&s->ws, &b->w, NULL);
	stage_flow(s);
	b = stage_ask(s, 1, "other");
	KUNIT_EXPECT_EQ(test, b->w.flags, 0);
	stage_drop(s);
}

static void repeated_entries_tell_nothing(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	u64 ticket = stage_taken(s, "lock");
	struct stage_want *a = stage_try(s, 1, "lock", 0, 0);
	u32 i;

	KUNIT_EXPECT_EQ(test, stage_send(s), FSM_LOCK_ACQUIRE);
	for (i = 0; i < 3; i++)
		stage_put(s, s->buf, s->len);
	KUNIT_EXPECT_STREQ(test, a->told, "Q");
	stage_given(s, ticket);
	for (i = 0; i < 3; i++)
		stage_put(s, s->buf, s->len);
	KUNIT_EXPECT_STREQ(test, a->told, "QG");
	stage_expect(s, 1, 0);
	stage_drop(s);
}

static void requests_of_others_pass_through(struct kunit *test)
{
	struct stage *s = stage_begin(test, true);
	struct fsm_request add = {
		.op = FSM_COUNTER_ADD, .handle = 1, .arg = 5, .name_len = 1,
		.name = "c",
	};

	fsm_client_add(&s->c, &add);
	stage_flow(s);
	KUNIT_EXPECT_EQ(test, s->done, 1);
	KUNIT_EXPECT_EQ(test, add.value, 5);
	stage_drop(s);
}

static struct kunit_case want_cases[] = {
	KUNIT_CASE(a_free_lock_is_granted_at_once),
	KUNIT_CASE(a_handle_wants_a_lock_once),
	KUNIT_CASE(who_waits_is_told_by_the_log),
	KUNIT_CASE(two_thousand_waiters_hold_up_nothing),
	KUNIT_CASE(shared_ones_are_told_together),
	KUNIT_CASE(a_try_waits_for_nobody),
	KUNIT_CASE(what_never_left_is_given_up_at_once),
	KUNIT_CASE(what_left_is_cancelled),
	KUNIT_CASE(an_acquire_that_won_against_its_cancellation_is_left),
	KUNIT_CASE(who_leaves_the_queue_is_told_of_no_grant),
	KUNIT_CASE(what_was_told_is_its_callers),
	KUNIT_CASE(a_release_names_ticket_and_token),
	KUNIT_CASE(a_release_under_a_stale_fence_keeps_the_lock),
	KUNIT_CASE(an_acquire_may_be_refused),
	KUNIT_CASE(the_administrator_takes_one_lock),
	KUNIT_CASE(a_holder_learns_that_others_wait),
	KUNIT_CASE(all_sharers_learn_that_others_wait),
	KUNIT_CASE(a_grant_tells_that_the_holder_died),
	KUNIT_CASE(repeated_entries_tell_nothing),
	KUNIT_CASE(requests_of_others_pass_through),
	{}
};

static struct kunit_suite want_suite = {
	.name = "fsm-want",
	.test_cases = want_cases,
};

kunit_test_suite(want_suite);

MODULE_LICENSE("GPL");
