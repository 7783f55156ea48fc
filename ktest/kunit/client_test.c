// SPDX-License-Identifier: GPL-2.0
/*
 * A node's session: what is sent when, and what its requests end in. Against a
 * hostile cluster: client_model_test.c.
 */
#include <linux/module.h>
#include "fsm_kit.h"
#include "../../kmod/fsm/client.h"

enum {
	RESEND = 1000,
	MANY = 1200,
	SESSION = 77,	/* where no state machine is at hand */
};

/**
 * struct desk - a client and what it sends
 * @test: whose
 * @c: client
 * @now: time
 * @term: the leader's
 * @cmd: the last command, decoded
 * @buf: its bytes
 * @done: requests done since the last look
 * @last: the newest of them
 * @req: requests to be had
 * @n_req: how many have been
 */
struct desk {
	struct kunit *test;
	struct fsm_client *c;
	u64 now;
	u64 term;
	struct fsm_command cmd;
	u8 buf[FSM_COMMAND_MAX];
	u32 done;
	struct fsm_request *last;
	struct fsm_request *req;
	u32 n_req;
};

static const struct raft_id self = { 11, 22 };

static struct desk *desk(struct kunit *test)
{
	struct desk *d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);

	KUNIT_ASSERT_TRUE(test, d);
	d->test = test;
	d->now = 100;
	d->term = 1;
	d->c = kunit_kzalloc(test, sizeof(*d->c), GFP_KERNEL);
	d->req = kunit_kzalloc(test, MANY * sizeof(*d->req), GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, d->c && d->req);
	fsm_client_init(d->c, self, 1, 5, "alpha", 5);
	return d;
}

static void is_done(void *ctx, struct fsm_request *r)
{
	struct desk *d = ctx;

	KUNIT_EXPECT_EQ(d->test, r->state, FSM_REQ_DONE);
	d->done++;
	d->last = r;
}

/* How many were done since it was asked last. */
static u32 done(struct desk *d)
{
	u32 n = d->done;

	d->done = 0;
	return n;
}

static struct fsm_request *ask(struct desk *d, u8 op, u64 handle)
{
	struct fsm_request *r = &d->req[d->n_req++];

	KUNIT_ASSERT_LE(d->test, d->n_req, MANY);
	r->op = op;
	r->handle = handle;
	if (op == FSM_COUNTER_ADD) {
		r->arg = d->n_req;
		r->name_len = 1;
		r->name[0] = 'c';
	}
	fsm_client_add(d->c, r);
	return r;
}

static struct fsm_request *add(struct desk *d)
{
	return ask(d, FSM_COUNTER_ADD, 1);
}

/* The next command: its op; 0: there is none. */
static u8 next(struct desk *d, u64 *cursor)
{
	u16 len = fsm_client_next(d->c, d->now, d->term, RESEND, cursor,
				  d->buf);

	if (!len)
		return 0;
	KUNIT_ASSERT_EQ(d->test, fsm_decode(&d->cmd, d->buf, len), 0);
	return d->cmd.op;
}

/* Send all there is; how many commands that were. */
static u32 pump(struct desk *d)
{
	u64 cursor = 0;
	u32 n = 0;

	while (next(d, &cursor))
		n++;
	return n;
}

static void outcome(struct desk *d, u64 seq, s32 status, u64 value)
{
	struct fsm_outcome out = {
		.kind = FSM_OUT_RESULT, .session = d->c->session, .seq = seq,
		.status = status, .value = value, .index = 1000 + seq,
	};

	fsm_client_applied(d->c, &out, is_done, d);
}

static void open_as(struct desk *d, u64 session)
{
	struct fsm_outcome out = {
		.kind = FSM_OUT_OPENED, .session = session, .node = self,
		.boot_nonce = 5, .ordinal = d->c->ordinal,
	};

	fsm_client_applied(d->c, &out, is_done, d);
	KUNIT_EXPECT_EQ(d->test, d->c->session, session);
}

static struct desk *open_desk(struct kunit *test)
{
	struct desk *d = desk(test);

	open_as(d, SESSION);
	return d;
}

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
	fsm_client_applied(d->c, &other, is_done, d);
	other.node = self;
	other.status = -ENOSPC;
	fsm_client_applied(d->c, &other, is_done, d);
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
	fsm_client_applied(d->c, &out, is_done, d);
	KUNIT_EXPECT_EQ(test, done(d), 0);
	out.replaced++;
	fsm_client_applied(d->c, &out, is_done, d);
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
	KUNIT_CASE(the_end_of_the_node_ends_all),
	{}
};

static struct kunit_suite client_suite = {
	.name = "fsm-client",
	.test_cases = client_cases,
};

kunit_test_suite(client_suite);

MODULE_LICENSE("GPL");
