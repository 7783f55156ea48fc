// SPDX-License-Identifier: GPL-2.0
/*
 * A node's session: what is sent when, and what its requests end in. Against a
 * hostile cluster: client_model_test.c.
 */
#include <linux/module.h>
#include "client_desk.h"

static void the_session_is_opened_first(struct kunit *test)
{
	struct desk *d = desk(test);
	struct fsm_outcome other = {
		.kind = FSM_OUT_OPENED, .session = 5, .node = { 1, 1 },
		.boot_nonce = 5, .ordinal = 1,
	};
	u64 cursor = 0;

	add(d);
	KUNIT_EXPECT_TRUE(test, fsm_client_deadline(d->c, RESEND) == U64_MAX);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_SESSION_OPEN);
	KUNIT_EXPECT_TRUE(test, raft_id_eq(d->cmd.node, self));
	KUNIT_EXPECT_EQ(test, d->cmd.boot_counter, 1);
	KUNIT_EXPECT_EQ(test, d->cmd.boot_nonce, 5);
	KUNIT_EXPECT_EQ(test, d->cmd.arg, KIT_TTL);
	KUNIT_EXPECT_EQ(test, d->cmd.arg2, 1);
	KUNIT_EXPECT_EQ(test, d->cmd.name_len, 5);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), 0);
	/* again after a while, and to another leader, and if it was not sent */
	KUNIT_EXPECT_EQ(test, fsm_client_deadline(d->c, RESEND), 100 + RESEND);
	d->now += RESEND - 1;
	KUNIT_EXPECT_EQ(test, pump(d), 0);
	d->now++;
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	d->term++;
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	fsm_client_unsend(d->c, &cursor);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	/* somebody else's, or refused: not ours */
	fsm_client_applied(d->c, NULL, &other, is_done, d);
	other.node = self;
	other.status = -ENOSPC;
	fsm_client_applied(d->c, NULL, &other, is_done, d);
	KUNIT_EXPECT_EQ(test, d->c->session, 0);
	open_as(d, SESSION);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_COUNTER_ADD);
	KUNIT_EXPECT_EQ(test, d->cmd.session, SESSION);
}

static void requests_leave_in_order_and_once(struct kunit *test)
{
	struct desk *d = open_desk(test);
	u64 cursor = 0;
	u32 i;

	for (i = 0; i < 10; i++)
		add(d);
	for (i = 1; i <= 10; i++) {
		KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_COUNTER_ADD);
		KUNIT_EXPECT_EQ(test, d->cmd.seq, i);
		KUNIT_EXPECT_EQ(test, d->cmd.low, 1);
		KUNIT_EXPECT_EQ(test, d->cmd.arg, i);
		KUNIT_EXPECT_EQ(test, d->req[i - 1].state, FSM_REQ_SENT);
	}
	KUNIT_EXPECT_EQ(test, next(d, &cursor), 0);
	KUNIT_EXPECT_EQ(test, pump(d), 0);
	/* out of order: low waits for the lowest */
	outcome(d, 2, 0, 20);
	KUNIT_EXPECT_EQ(test, done(d), 1);
	KUNIT_EXPECT_EQ(test, d->last->value, 20);
	KUNIT_EXPECT_EQ(test, d->last->index, 1002);
	outcome(d, 2, 0, 21);
	KUNIT_EXPECT_EQ(test, done(d), 0);
	KUNIT_EXPECT_EQ(test, d->c->low, 1);
	outcome(d, 1, -EOVERFLOW, 0);
	KUNIT_EXPECT_EQ(test, d->last->status, -EOVERFLOW);
	KUNIT_EXPECT_EQ(test, d->c->low, 3);
	cursor = 0;
	add(d);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_COUNTER_ADD);
	KUNIT_EXPECT_EQ(test, d->cmd.seq, 11);
	KUNIT_EXPECT_EQ(test, d->cmd.low, 3);
	/* what nobody asked for */
	outcome(d, 12, 0, 1);
	outcome(d, 0, 0, 1);
	KUNIT_EXPECT_EQ(test, done(d), 1);
	KUNIT_EXPECT_EQ(test, d->c->unresolved, 9);
}

static void what_is_not_heard_of_is_sent_again(struct kunit *test)
{
	struct desk *d = open_desk(test);

	add(d);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	d->now += 400;
	add(d);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	KUNIT_EXPECT_EQ(test, fsm_client_deadline(d->c, RESEND), 100 + RESEND);
	d->now = 100 + RESEND;
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	KUNIT_EXPECT_EQ(test, d->cmd.seq, 1);
	KUNIT_EXPECT_EQ(test, d->req[0].tries, 2);
	/* the sweep has found out when the next one is due */
	KUNIT_EXPECT_EQ(test, fsm_client_deadline(d->c, RESEND), 500 + RESEND);
	d->term++;
	KUNIT_EXPECT_EQ(test, pump(d), 2);
	KUNIT_EXPECT_EQ(test, pump(d), 0);
	/* a leader does not send to itself again */
	d->now += 1000000;
	KUNIT_EXPECT_EQ(test, fsm_client_deadline(d->c, U64_MAX), U64_MAX);
	outcome(d, 1, 0, 1);
	outcome(d, 2, 0, 1);
	KUNIT_EXPECT_TRUE(test, fsm_client_deadline(d->c, RESEND) == U64_MAX);
	KUNIT_EXPECT_EQ(test, pump(d), 0);
}

static void what_never_left_never_happened(struct kunit *test)
{
	struct desk *d = open_desk(test);
	struct fsm_request *a = add(d), *b = add(d), *c = add(d);
	u64 cursor = 0;

	/* from the middle, the end and the front of the queue */
	KUNIT_EXPECT_TRUE(test, fsm_client_give_up(d->c, b, -EINTR));
	KUNIT_EXPECT_EQ(test, b->state, FSM_REQ_DONE);
	KUNIT_EXPECT_EQ(test, b->status, -EINTR);
	KUNIT_EXPECT_TRUE(test, fsm_client_give_up(d->c, c, -ETIMEDOUT));
	KUNIT_EXPECT_FALSE(test, fsm_client_give_up(d->c, c, -EINTR));
	KUNIT_EXPECT_EQ(test, d->c->queued, 1);
	/* given a seq, but the datagram could not be had */
	KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_COUNTER_ADD);
	KUNIT_EXPECT_EQ(test, a->state, FSM_REQ_SENT);
	fsm_client_unsend(d->c, &cursor);
	KUNIT_EXPECT_EQ(test, a->state, FSM_REQ_QUEUED);
	add(d);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_COUNTER_ADD);
	KUNIT_EXPECT_EQ(test, d->cmd.seq, 1);
	KUNIT_EXPECT_EQ(test, d->cmd.arg, 1);
	fsm_client_unsend(d->c, &cursor);
	KUNIT_EXPECT_TRUE(test, fsm_client_give_up(d->c, a, -EHOSTUNREACH));
	KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_COUNTER_ADD);
	KUNIT_EXPECT_EQ(test, d->cmd.seq, 1);
	KUNIT_EXPECT_EQ(test, d->cmd.arg, 4);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), 0);
	KUNIT_EXPECT_EQ(test, done(d), 0);
}

static void what_left_is_cancelled_by_an_entry(struct kunit *test)
{
	struct desk *d = open_desk(test);
	struct fsm_request *a = add(d), *b = add(d);
	u64 cursor = 0;

	KUNIT_EXPECT_EQ(test, pump(d), 2);
	KUNIT_EXPECT_FALSE(test, fsm_client_give_up(d->c, b, -EINTR));
	KUNIT_EXPECT_EQ(test, b->state, FSM_REQ_CANCELLING);
	KUNIT_EXPECT_FALSE(test, fsm_client_give_up(d->c, b, -ETIMEDOUT));
	KUNIT_EXPECT_FALSE(test, fsm_client_give_up(d->c, a, -ETIMEDOUT));
	KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_CANCEL);
	KUNIT_EXPECT_EQ(test, d->cmd.seq, 1);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_CANCEL);
	KUNIT_EXPECT_EQ(test, d->cmd.seq, 2);
	KUNIT_EXPECT_EQ(test, d->cmd.session, SESSION);
	fsm_client_unsend(d->c, &cursor);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	KUNIT_EXPECT_EQ(test, pump(d), 0);
	d->now += RESEND;
	KUNIT_EXPECT_EQ(test, pump(d), 2);
	/* it lost: the result; it won: the reason */
	outcome(d, 1, 0, 9);
	KUNIT_EXPECT_EQ(test, a->status, 0);
	KUNIT_EXPECT_EQ(test, a->value, 9);
	outcome(d, 2, -ECANCELED, 0);
	KUNIT_EXPECT_EQ(test, b->status, -EINTR);
	KUNIT_EXPECT_EQ(test, done(d), 2);
	/* cancelled by the close of its handle */
	a = add(d);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	outcome(d, 3, -ECANCELED, 0);
	KUNIT_EXPECT_EQ(test, a->status, -ECANCELED);
}

static void closes_always_find_room(struct kunit *test)
{
	struct desk *d = open_desk(test);
	const u32 n = FSM_WINDOW - FSM_CLOSES_KEPT;
	u64 cursor = 0;
	u32 i;

	for (i = 0; i < n + 50; i++)
		add(d);
	KUNIT_EXPECT_EQ(test, pump(d), n);
	for (i = 0; i < FSM_CLOSES_KEPT + 5; i++)
		ask(d, FSM_HANDLE_CLOSE, 100 + i);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_HANDLE_CLOSE);
	KUNIT_EXPECT_EQ(test, d->cmd.handle, 100);
	KUNIT_EXPECT_EQ(test, d->cmd.seq, n + 1);
	KUNIT_EXPECT_EQ(test, d->cmd.arg, n);
	KUNIT_EXPECT_EQ(test, pump(d), FSM_CLOSES_KEPT - 1);
	/* Full. Room comes only with the lowest. */
	outcome(d, 2, 0, 1);
	KUNIT_EXPECT_EQ(test, pump(d), 0);
	/* Who gives up needs no room. */
	for (i = 0; i < n; i++)
		fsm_client_give_up(d->c, &d->req[i], -EINTR);
	KUNIT_EXPECT_EQ(test, pump(d), n - 1);
	KUNIT_EXPECT_EQ(test, d->cmd.op, FSM_CANCEL);
	outcome(d, 1, -ECANCELED, 0);
	KUNIT_EXPECT_EQ(test, pump(d), 2);
	KUNIT_EXPECT_EQ(test, d->cmd.op, FSM_HANDLE_CLOSE);
	KUNIT_EXPECT_EQ(test, d->cmd.low, 3);
	/* An entry that repeats the first, whose place another has now. */
	done(d);
	outcome(d, 1, 0, 7);
	KUNIT_EXPECT_EQ(test, done(d), 0);
	for (i = 3; i <= FSM_WINDOW; i++)
		outcome(d, i, -ECANCELED, 0);
	KUNIT_EXPECT_EQ(test, pump(d), 53);
	KUNIT_EXPECT_EQ(test, d->c->queued, 0);
}

static void a_session_that_ends_is_followed_by_the_next(struct kunit *test)
{
	struct desk *d = open_desk(test);
	struct fsm_request *a = add(d), *b = add(d), *c;
	struct fsm_outcome out = {
		.kind = FSM_OUT_OPENED, .session = 99, .node = { 3, 3 },
		.replaced = SESSION,
	};
	u64 cursor = 0;

	KUNIT_EXPECT_EQ(test, pump(d), 2);
	c = add(d);
	fsm_client_give_up(d->c, b, -EINTR);
	outcome(d, 1, -EKEYEXPIRED, 0);
	KUNIT_EXPECT_EQ(test, done(d), 2);
	KUNIT_EXPECT_EQ(test, a->status, -ENOTRECOVERABLE);
	KUNIT_EXPECT_EQ(test, b->status, -ENOTRECOVERABLE);
	KUNIT_EXPECT_EQ(test, c->state, FSM_REQ_QUEUED);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_SESSION_OPEN);
	KUNIT_EXPECT_EQ(test, d->cmd.arg2, 2);
	open_as(d, SESSION + 1);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_COUNTER_ADD);
	KUNIT_EXPECT_EQ(test, d->cmd.session, SESSION + 1);
	KUNIT_EXPECT_EQ(test, d->cmd.seq, 1);
	KUNIT_EXPECT_EQ(test, d->cmd.low, 1);
	/* another session than ours is replaced; then ours */
	fsm_client_applied(d->c, NULL, &out, is_done, d);
	KUNIT_EXPECT_EQ(test, done(d), 0);
	out.replaced++;
	fsm_client_applied(d->c, NULL, &out, is_done, d);
	KUNIT_EXPECT_EQ(test, done(d), 1);
	KUNIT_EXPECT_EQ(test, c->status, -ENOTRECOVERABLE);
	KUNIT_EXPECT_EQ(test, d->c->ordinal, 3);
	KUNIT_EXPECT_EQ(test, d->c->session, 0);
}

static void a_snapshot_tells_what_became_of_requests(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 10);
	struct desk *d = desk(test);
	struct fsm_command c = kit_open("alpha", 11, 1, 1);
	struct fsm_request *r[4];
	struct fsm_outcome out;
	u32 i;

	c.node = self;
	c.boot_nonce = 5;
	KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
	fsm_client_reload(d->c, f, is_done, d);
	KUNIT_ASSERT_EQ(test, d->c->session, out.session);
	for (i = 0; i < 4; i++)
		r[i] = add(d);
	KUNIT_EXPECT_EQ(test, pump(d), 4);
	c = kit_add(out.session, 2, 1, "c", 5);
	KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
	c = kit_cancel(out.session, 3, 1);
	KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
	fsm_client_give_up(d->c, r[2], -ETIMEDOUT);
	fsm_client_reload(d->c, f, is_done, d);
	KUNIT_EXPECT_EQ(test, done(d), 2);
	KUNIT_EXPECT_EQ(test, r[1]->status, 0);
	KUNIT_EXPECT_EQ(test, r[1]->value, 5);
	KUNIT_EXPECT_EQ(test, r[1]->index, 3);
	KUNIT_EXPECT_EQ(test, r[2]->status, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, r[0]->state, FSM_REQ_SENT);
	/* The session was replaced in what we have not seen. */
	c = kit_open("alpha", 12, 1, 1);
	KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
	fsm_client_reload(d->c, f, is_done, d);
	KUNIT_EXPECT_EQ(test, done(d), 2);
	KUNIT_EXPECT_EQ(test, r[0]->status, -ENOTRECOVERABLE);
	KUNIT_EXPECT_EQ(test, r[3]->status, -ENOTRECOVERABLE);
	KUNIT_EXPECT_EQ(test, d->c->session, 0);
	KUNIT_EXPECT_EQ(test, d->c->ordinal, 2);
}

/* Pitfall 62: whichever of them was applied, the first one is not later. */
static void the_lease_counts_from_the_first_open(struct kunit *test)
{
	struct desk *d = desk(test);
	u64 cursor = 0;

	KUNIT_EXPECT_EQ(test, d->c->open_first, 0);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_SESSION_OPEN);
	KUNIT_EXPECT_EQ(test, d->c->open_first, 100);
	d->now += RESEND;
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	d->now += 5;
	d->term++;
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	KUNIT_EXPECT_EQ(test, d->c->open_first, 100);
	open_as(d, SESSION);
	KUNIT_EXPECT_EQ(test, d->c->open_first, 100);
	/* the next session has an open of its own */
	ask(d, FSM_COUNTER_ADD, 1);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	outcome(d, 1, -EKEYEXPIRED, 0);
	KUNIT_EXPECT_EQ(test, d->c->open_first, 0);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	KUNIT_EXPECT_EQ(test, d->c->open_first, 105 + RESEND);
}

/* A clock may begin at 0, which does not look like "never". */
static void an_open_may_leave_at_the_beginning_of_time(struct kunit *test)
{
	struct desk *d = desk(test);

	d->now = 0;
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	KUNIT_EXPECT_EQ(test, d->c->open_first, 1);
	d->now = 5000;
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	KUNIT_EXPECT_EQ(test, d->c->open_first, 1);
}

static struct fsm_request *acquire(struct desk *d, const struct fsm_extra *x)
{
	struct fsm_request *r = &d->req[d->n_req++];

	r->op = FSM_LOCK_ACQUIRE;
	r->handle = 7;
	r->arg = FSM_ACQUIRE_SHARED;
	r->extra = x;
	r->name_len = 4;
	memcpy(r->name, "lock", 4);
	fsm_client_add(d->c, r);
	return r;
}

static void what_only_some_requests_say_is_said(struct kunit *test)
{
	struct desk *d = open_desk(test);
	struct fsm_extra x = {
		.stamp = 1234567, .fence_len = 3, .fence_token = 99,
		.program = { 11, 12, "prog" }, .fence_name = "abcd",
	};
	struct fsm_request *r = acquire(d, &x), *b;
	u64 cursor = 0;

	KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_LOCK_ACQUIRE);
	KUNIT_EXPECT_EQ(test, d->cmd.handle, 7);
	KUNIT_EXPECT_EQ(test, d->cmd.arg, FSM_ACQUIRE_SHARED);
	KUNIT_EXPECT_EQ(test, d->cmd.stamp, 1234567);
	KUNIT_EXPECT_EQ(test, d->cmd.program.pid, 11);
	KUNIT_EXPECT_EQ(test, d->cmd.program.uid, 12);
	KUNIT_EXPECT_STREQ(test, d->cmd.program.comm, "prog");
	KUNIT_EXPECT_EQ(test, d->cmd.fence.token, 99);
	KUNIT_EXPECT_EQ(test, d->cmd.fence.name_len, 3);
	KUNIT_EXPECT_EQ(test, memcmp(d->cmd.fence.name, "abc", 3), 0);
	/* a name without a token is no fence, nor a token without a name */
	x.fence_token = 0;
	acquire(d, &x);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_LOCK_ACQUIRE);
	KUNIT_EXPECT_EQ(test, d->cmd.fence.name_len, 0);
	x.fence_token = 99;
	x.fence_len = 0;
	acquire(d, &x);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_LOCK_ACQUIRE);
	KUNIT_EXPECT_EQ(test, d->cmd.fence.token, 0);
	/* the second word of a release */
	x.arg2 = 4711;
	b = ask(d, FSM_LOCK_RELEASE, 7);
	b->arg = 31;
	b->extra = &x;
	KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_LOCK_RELEASE);
	KUNIT_EXPECT_EQ(test, d->cmd.arg, 31);
	KUNIT_EXPECT_EQ(test, d->cmd.arg2, 4711);
	KUNIT_EXPECT_EQ(test, d->cmd.stamp, 1234567);
	/* a cancellation speaks of a seq, and of nothing else */
	fsm_client_give_up(d->c, r, -EINTR);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	KUNIT_EXPECT_EQ(test, d->cmd.op, FSM_CANCEL);
	KUNIT_EXPECT_EQ(test, d->cmd.stamp, 0);
	KUNIT_EXPECT_EQ(test, d->cmd.fence.name_len, 0);
}

static void ended(struct desk *d, u64 session, s32 status)
{
	struct fsm_outcome out = {
		.kind = FSM_OUT_ENDED, .session = session, .status = status,
		.index = 5000,
	};

	fsm_client_applied(d->c, NULL, &out, is_done, d);
}

static void an_expiry_ends_the_own_session_alone(struct kunit *test)
{
	struct desk *d = desk(test);
	struct fsm_request *a, *b;

	/* before there is a session, nobody's end is ours */
	ended(d, 0, -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, d->c->ordinal, 1);
	open_as(d, SESSION);
	KUNIT_EXPECT_EQ(test, d->c->ended_as, 0);
	a = add(d);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	b = add(d);
	ended(d, SESSION + 1, -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, done(d), 0);
	KUNIT_EXPECT_EQ(test, d->c->session, SESSION);
	ended(d, SESSION, -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, done(d), 1);
	KUNIT_EXPECT_EQ(test, a->status, -ENOTRECOVERABLE);
	KUNIT_EXPECT_EQ(test, d->c->ended_as, -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, d->c->session, 0);
	KUNIT_EXPECT_EQ(test, d->c->ordinal, 2);
	KUNIT_EXPECT_EQ(test, b->state, FSM_REQ_QUEUED);
	open_as(d, SESSION + 2);
	ended(d, SESSION, -EKEYEXPIRED);
	KUNIT_EXPECT_EQ(test, d->c->session, SESSION + 2);
	ended(d, SESSION + 2, -EKEYREVOKED);
	KUNIT_EXPECT_EQ(test, d->c->ended_as, -EKEYREVOKED);
	KUNIT_EXPECT_EQ(test, d->c->ordinal, 3);
}

/* The administrator's own request has its result, even if it ended itself. */
static void an_administrator_may_end_the_own_session(struct kunit *test)
{
	struct desk *d = open_desk(test);
	struct fsm_request *a = add(d), *b = ask(d, FSM_SESSION_END, 1);
	struct fsm_outcome out = {
		.kind = FSM_OUT_RESULT, .session = 55, .seq = 1,
		.ended = SESSION + 1,
	};

	b->arg = SESSION;
	KUNIT_EXPECT_EQ(test, pump(d), 2);
	KUNIT_EXPECT_EQ(test, d->cmd.op, FSM_SESSION_END);
	/* somebody's request ended somebody else's */
	fsm_client_applied(d->c, NULL, &out, is_done, d);
	KUNIT_EXPECT_EQ(test, d->c->session, SESSION);
	out.session = SESSION;
	out.seq = 2;
	out.ended = SESSION;
	fsm_client_applied(d->c, NULL, &out, is_done, d);
	KUNIT_EXPECT_EQ(test, done(d), 2);
	KUNIT_EXPECT_EQ(test, b->status, 0);
	KUNIT_EXPECT_EQ(test, a->status, -ENOTRECOVERABLE);
	KUNIT_EXPECT_EQ(test, d->c->ended_as, -EKEYREVOKED);
	/* and of another node's administrator: of its result nothing is ours */
	open_as(d, SESSION + 1);
	a = add(d);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	out.session = 55;
	out.seq = 1;
	out.ended = SESSION + 1;
	fsm_client_applied(d->c, NULL, &out, is_done, d);
	KUNIT_EXPECT_EQ(test, done(d), 1);
	KUNIT_EXPECT_EQ(test, a->status, -ENOTRECOVERABLE);
	KUNIT_EXPECT_EQ(test, d->c->session, 0);
}

static void the_end_of_the_node_ends_all(struct kunit *test)
{
	struct desk *d = open_desk(test);
	struct fsm_request *a = add(d), *b;

	KUNIT_EXPECT_EQ(test, pump(d), 1);
	b = add(d);
	ask(d, FSM_HANDLE_CLOSE, 1);
	fsm_client_stop(d->c, -ESHUTDOWN, is_done, d);
	KUNIT_EXPECT_EQ(test, done(d), 3);
	KUNIT_EXPECT_EQ(test, a->status, -ENOTRECOVERABLE);
	KUNIT_EXPECT_EQ(test, b->status, -ESHUTDOWN);
	KUNIT_EXPECT_EQ(test, d->c->queued, 0);
	KUNIT_EXPECT_EQ(test, d->c->unresolved, 0);
	KUNIT_EXPECT_EQ(test, d->c->ended_as, -ESHUTDOWN);
}

static struct kunit_case client_cases[] = {
	KUNIT_CASE(the_session_is_opened_first),
	KUNIT_CASE(requests_leave_in_order_and_once),
	KUNIT_CASE(what_is_not_heard_of_is_sent_again),
	KUNIT_CASE(what_never_left_never_happened),
	KUNIT_CASE(what_left_is_cancelled_by_an_entry),
	KUNIT_CASE(closes_always_find_room),
	KUNIT_CASE(a_session_that_ends_is_followed_by_the_next),
	KUNIT_CASE(a_snapshot_tells_what_became_of_requests),
	KUNIT_CASE(the_lease_counts_from_the_first_open),
	KUNIT_CASE(an_open_may_leave_at_the_beginning_of_time),
	KUNIT_CASE(what_only_some_requests_say_is_said),
	KUNIT_CASE(an_expiry_ends_the_own_session_alone),
	KUNIT_CASE(an_administrator_may_end_the_own_session),
	KUNIT_CASE(the_end_of_the_node_ends_all),
	{}
};

static struct kunit_suite client_suite = {
	.name = "fsm-client",
	.test_cases = client_cases,
};

kunit_test_suite(client_suite);

MODULE_LICENSE("GPL");
