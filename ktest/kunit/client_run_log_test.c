// SPDX-License-Identifier: GPL-2.0
/*
 * A node's session: what becomes of additions that left it together. Each has a
 * result of its own, and may be given up; client_run_test.c: how they leave.
 */
#include <linux/module.h>
#include "client_desk.h"

/* A command that was sent, and may arrive. */
struct letter {
	u16 len;
	u8 bytes[FSM_COMMAND_MAX];
};

/* A client that has a session in @f. */
static struct desk *desk_of(struct kit_pool *p, struct fsm *f)
{
	struct fsm_command c = kit_open("alpha", 11, 1, 1);
	struct desk *d = desk(p->test);

	c.node = self;
	c.boot_nonce = 5;
	kit_done(p, f, c);
	fsm_client_reload(d->c, f, is_done, d);
	KUNIT_ASSERT_NE(p->test, d->c->session, 0);
	return d;
}

/* The command sent last. */
static struct letter letter(const struct desk *d)
{
	struct letter l;

	l.len = fsm_encode(&d->cmd, l.bytes);
	return l;
}

/* It is applied, and the client hears of it. */
static void arrives(struct desk *d, struct fsm *f, const struct letter *l,
		    fsm_done_fn fn)
{
	struct fsm_outcome out;

	KUNIT_ASSERT_EQ(d->test, fsm_apply(f, kit_applied(f) + 1, l->bytes,
					   l->len, &out), 0);
	fsm_client_applied(d->c, f, &out, fn, d);
}

/* The command sent last is applied at once. */
static noinline void applied(struct desk *d, struct fsm *f, fsm_done_fn fn)
{
	struct letter l = letter(d);

	arrives(d, f, &l, fn);
}

static void ended(struct desk *d, u32 i, s32 status, u64 value, u64 index)
{
	const struct fsm_request *r = &d->req[i];

	KUNIT_EXPECT_EQ_MSG(d->test, r->state, FSM_REQ_DONE, "request %u", i);
	KUNIT_EXPECT_EQ_MSG(d->test, r->status, status, "request %u", i);
	KUNIT_EXPECT_TRUE_MSG(d->test, r->value == value, "request %u", i);
	KUNIT_EXPECT_EQ_MSG(d->test, r->index, index, "request %u", i);
}

/* In the order of their seqs; and whoever has an answer asks for more. */
static void in_order(void *ctx, struct fsm_request *r)
{
	struct desk *d = ctx;

	KUNIT_EXPECT_EQ(d->test, r->seq, d->last ? d->last->seq + 1 : 1);
	KUNIT_EXPECT_EQ(d->test, d->c->low, r->seq + 1);
	is_done(d, r);
	many(d, 1);
}

static void each_of_a_run_has_its_result(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 10);
	struct desk *d = desk_of(p, f);
	struct letter l;
	u32 i;

	for (i = 0; i < 5; i++)
		same(d, 1, U64_MAX / 3);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	l = letter(d);
	arrives(d, f, &l, in_order);
	KUNIT_EXPECT_EQ(test, done(d), 5);
	for (i = 0; i < 5; i++)
		ended(d, i, i < 3 ? 0 : -EOVERFLOW,
		      i < 3 ? (i + 1) * (U64_MAX / 3) : 0, 3);
	KUNIT_EXPECT_EQ(test, d->c->unresolved, 0);
	KUNIT_EXPECT_EQ(test, d->c->queued, 5);
	/* what comes again finds nobody */
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	sent(d, 6, 5);
	arrives(d, f, &l, is_done);
	KUNIT_EXPECT_EQ(test, done(d), 0);
	KUNIT_EXPECT_EQ(test, d->c->unresolved, 5);
}

/* One of a run under way gives up: who is applied first decides about that one. */
static void one_of_a_run_may_give_up(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 10);
	struct desk *d = desk_of(p, f);
	struct letter run, cancel;
	u32 i;

	many(d, 5);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	run = letter(d);
	KUNIT_EXPECT_FALSE(test, fsm_client_give_up(d->c, &d->req[2], -EINTR));
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	cancel = letter(d);
	/* the run */
	arrives(d, f, &run, is_done);
	KUNIT_EXPECT_EQ(test, done(d), 5);
	arrives(d, f, &cancel, is_done);
	KUNIT_EXPECT_EQ(test, done(d), 0);
	for (i = 0; i < 5; i++)
		ended(d, i, 0, i + 1, 3);
	/* the cancellation; and one whose turn it is not gives up too late */
	many(d, 5);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	run = letter(d);
	fsm_client_give_up(d->c, &d->req[7], -ETIMEDOUT);
	fsm_client_give_up(d->c, &d->req[9], -EINTR);
	KUNIT_EXPECT_EQ(test, pump(d), 2);
	cancel.len = fsm_encode(&(struct fsm_command){
		.op = FSM_CANCEL, .session = d->c->session, .seq = 8, .low = 6,
	}, cancel.bytes);
	arrives(d, f, &cancel, is_done);
	KUNIT_EXPECT_EQ(test, done(d), 1);
	ended(d, 7, -ETIMEDOUT, 0, 5);
	KUNIT_EXPECT_EQ(test, d->c->low, 6);
	arrives(d, f, &run, is_done);
	KUNIT_EXPECT_EQ(test, done(d), 4);
	ended(d, 5, 0, 6, 6);
	ended(d, 6, 0, 7, 6);
	ended(d, 8, 0, 8, 6);
	ended(d, 9, 0, 9, 6);
	KUNIT_EXPECT_EQ(test, d->c->low, 11);
}

/* Its places have been taken by others since: they are not meant. */
static void a_late_run_speaks_of_nobody_else(struct kunit *test)
{
	const u32 n = FSM_WINDOW - FSM_CLOSES_KEPT;
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 10);
	struct desk *d = desk_of(p, f);
	struct letter run[4];
	u64 cursor = 0;
	u32 i;

	many(d, n);
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, next(d, &cursor), FSM_COUNTER_RUN);
		run[i] = letter(d);
	}
	for (i = 0; i < 4; i++)
		arrives(d, f, &run[i], is_done);
	KUNIT_EXPECT_EQ(test, done(d), n);
	KUNIT_EXPECT_EQ(test, d->c->low, n + 1);
	many(d, MANY - n);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	sent(d, n + 1, MANY - n);
	for (i = 0; i < 4; i++)
		arrives(d, f, &run[i], is_done);
	KUNIT_EXPECT_EQ(test, done(d), 0);
	KUNIT_EXPECT_EQ(test, d->c->unresolved, MANY - n);
	for (i = 0; i < MANY; i++)
		KUNIT_EXPECT_EQ(test, d->req[i].state,
				i < n ? FSM_REQ_DONE : FSM_REQ_SENT);
}

static void the_end_of_the_session_ends_all_of_a_run(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 10);
	struct desk *d = desk_of(p, f);
	struct letter run, other;
	u32 i;

	many(d, 4);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	run = letter(d);
	many(d, 3);
	/* somebody else's run of the same seqs */
	kit_opened(p, f, "beta", 3);
	other.len = fsm_encode(&(struct fsm_command){
		.op = FSM_COUNTER_RUN, .session = kit_applied(f), .seq = 1,
		.low = 1, .arg = 1, .arg2 = 4, .name = "c", .name_len = 1,
	}, other.bytes);
	arrives(d, f, &other, is_done);
	KUNIT_EXPECT_EQ(test, done(d), 0);
	kit_opened(p, f, "beta", 4);
	arrives(d, f, &other, is_done);
	KUNIT_EXPECT_EQ(test, done(d), 0);
	/* nobody told of the end of the own session but the run itself */
	kit_opened(p, f, "alpha", 12);
	arrives(d, f, &run, is_done);
	KUNIT_EXPECT_EQ(test, done(d), 4);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, d->req[i].status, -ENOTRECOVERABLE);
	KUNIT_EXPECT_EQ(test, d->c->ordinal, 2);
	KUNIT_EXPECT_EQ(test, d->c->ended_as, -EKEYEXPIRED);
	/* what had not left goes with the next session */
	open_as(d, SESSION);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	sent(d, 1, 3);
	fsm_client_stop(d->c, -ESHUTDOWN, is_done, d);
	KUNIT_EXPECT_EQ(test, done(d), 3);
	KUNIT_EXPECT_EQ(test, d->req[6].status, -ENOTRECOVERABLE);
}

/* Request @seq is, and the client has not heard of it. */
static noinline void cancelled_unseen(struct desk *d, struct fsm *f, u64 seq)
{
	const struct fsm_command c = kit_cancel(d->c->session, seq, d->c->low);
	struct fsm_outcome out;

	KUNIT_ASSERT_EQ(d->test, kit_apply(f, &c, &out), 0);
	KUNIT_EXPECT_EQ(d->test, out.status, -ECANCELED);
}

static void a_snapshot_tells_what_became_of_each(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 10), *g;
	struct desk *d = desk_of(p, f);
	u8 *snap;
	u64 len;

	many(d, 6);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	/* in what is not seen, it comes in other groups, as to another leader */
	cancelled_unseen(d, f, 2);
	kit_done(p, f, kit_run(d->c->session, 1, 1, "c", 1, 4));
	fsm_client_give_up(d->c, &d->req[1], -EINTR);
	snap = kit_snapshot(p, f, &len);
	g = kit_load(p, snap, len, 1);
	KUNIT_ASSERT_TRUE(test, g);
	fsm_client_reload(d->c, g, is_done, d);
	KUNIT_EXPECT_EQ(test, done(d), 4);
	ended(d, 0, 0, 1, 4);
	ended(d, 1, -EINTR, 0, 3);
	ended(d, 2, 0, 2, 4);
	ended(d, 3, 0, 3, 4);
	KUNIT_EXPECT_EQ(test, d->c->low, 5);
	/* the others are still to be had, and from the loaded state */
	d->term++;
	kit_feed(p, g);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	sent(d, 5, 2);
	applied(d, g, is_done);
	ended(d, 4, 0, 4, 5);
	ended(d, 5, 0, 5, 5);
}

static struct kunit_case client_run_log_cases[] = {
	KUNIT_CASE(each_of_a_run_has_its_result),
	KUNIT_CASE(one_of_a_run_may_give_up),
	KUNIT_CASE(a_late_run_speaks_of_nobody_else),
	KUNIT_CASE(the_end_of_the_session_ends_all_of_a_run),
	KUNIT_CASE(a_snapshot_tells_what_became_of_each),
	{}
};

static struct kunit_suite client_run_log_suite = {
	.name = "fsm-client-run-log",
	.test_cases = client_run_log_cases,
};

kunit_test_suite(client_run_log_suite);

MODULE_LICENSE("GPL");
