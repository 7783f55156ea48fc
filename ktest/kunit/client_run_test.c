// SPDX-License-Identifier: GPL-2.0
/*
 * A node's session: which additions leave it together, and together with which they
 * are sent again. What becomes of each: client_run_log_test.c. Against a hostile
 * cluster: client_model_test.c.
 */
#include <linux/module.h>
#include "client_desk.h"

/* The next command is that. */
static void sends(struct desk *d, u64 *cursor, u64 seq, u32 count)
{
	KUNIT_EXPECT_NE(d->test, next(d, cursor), 0);
	sent(d, seq, count);
}

static void cancels(struct desk *d, u64 *cursor, u64 seq)
{
	KUNIT_EXPECT_EQ(d->test, next(d, cursor), FSM_CANCEL);
	KUNIT_EXPECT_EQ(d->test, d->cmd.seq, seq);
}

static void those_that_wait_together_are_one_command(struct kunit *test)
{
	struct desk *d = open_desk(test);
	u64 cursor = 0;
	u32 i;

	for (i = 0; i < 5; i++)
		same(d, 7, 3);
	sends(d, &cursor, 1, 5);
	KUNIT_EXPECT_EQ(test, d->cmd.handle, 7);
	KUNIT_EXPECT_EQ(test, d->cmd.arg, 3);
	KUNIT_EXPECT_EQ(test, d->cmd.name_len, 1);
	KUNIT_EXPECT_EQ(test, d->cmd.name[0], 'c');
	for (i = 0; i < 5; i++) {
		KUNIT_EXPECT_EQ(test, d->req[i].state, FSM_REQ_SENT);
		KUNIT_EXPECT_EQ(test, d->req[i].seq, i + 1);
		KUNIT_EXPECT_EQ(test, d->req[i].tries, 1);
		KUNIT_EXPECT_EQ(test, d->req[i].sent_at, 100);
		KUNIT_EXPECT_EQ(test, d->req[i].sent_term, 1);
	}
	KUNIT_EXPECT_EQ(test, next(d, &cursor), 0);
	KUNIT_EXPECT_EQ(test, d->c->queued, 0);
	KUNIT_EXPECT_EQ(test, d->c->unresolved, 5);
	/* what comes later goes later, and alone if it is alone */
	same(d, 7, 3);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	sent(d, 6, 1);
}

static void what_differs_is_another_command(struct kunit *test)
{
	static const struct {
		u64 handle, amount;
		u8 len;
		bool extra;
		u8 op;
		u32 count;	/* of the command that it begins; 0: it joins */
	} t[] = {
		{ 1, 1, 1, false, FSM_COUNTER_ADD, 2 },
		{ 1, 1, 1, false, FSM_COUNTER_ADD, 0 },
		{ 2, 1, 1, false, FSM_COUNTER_ADD, 1 },	/* another handle */
		{ 1, 1, 1, false, FSM_COUNTER_ADD, 3 },
		{ 1, 1, 1, false, FSM_COUNTER_ADD, 0 },
		{ 1, 1, 1, false, FSM_COUNTER_ADD, 0 },
		{ 1, 2, 1, false, FSM_COUNTER_ADD, 2 },	/* another amount */
		{ 1, 2, 1, false, FSM_COUNTER_ADD, 0 },
		{ 1, 2, 2, false, FSM_COUNTER_ADD, 2 },	/* a longer name */
		{ 1, 2, 2, false, FSM_COUNTER_ADD, 0 },
		{ 1, 2, 3, false, FSM_COUNTER_ADD, 1 },
		{ 1, 2, 2, true, FSM_COUNTER_ADD, 1 },	/* says more */
		{ 1, 2, 2, true, FSM_COUNTER_ADD, 1 },
		{ 1, 2, 2, false, FSM_COUNTER_ADD, 2 },
		{ 1, 2, 2, false, FSM_COUNTER_ADD, 0 },
		{ 1, 2, 2, false, FSM_LOCK_REVOKE, 1 },	/* something else */
		{ 1, 2, 2, false, FSM_LOCK_REVOKE, 1 },
		{ 1, 2, 2, false, FSM_COUNTER_ADD, 1 },
	};
	struct desk *d = open_desk(test);
	const struct fsm_extra x = { .fence_len = 1, .fence_token = 5,
				     .fence_name = "f" };
	u64 cursor = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		struct fsm_request *r = ask(d, t[i].op, t[i].handle);

		r->arg = t[i].amount;
		r->name_len = t[i].len;
		memcpy(r->name, "ccd", 3);
		r->extra = t[i].extra ? &x : NULL;
	}
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		if (!t[i].count)
			continue;
		KUNIT_EXPECT_EQ(test, next(d, &cursor), t[i].count > 1 ?
				FSM_COUNTER_RUN : t[i].op);
		KUNIT_EXPECT_EQ_MSG(test, d->cmd.seq, i + 1, "%u", i);
		KUNIT_EXPECT_EQ_MSG(test, fsm_command_count(&d->cmd), t[i].count,
				    "%u", i);
		KUNIT_EXPECT_EQ_MSG(test, d->cmd.handle, t[i].handle, "%u", i);
		KUNIT_EXPECT_EQ_MSG(test, d->cmd.arg, t[i].amount, "%u", i);
		KUNIT_EXPECT_EQ_MSG(test, d->cmd.name_len, t[i].len, "%u", i);
		KUNIT_EXPECT_EQ_MSG(test, d->cmd.fence.token, t[i].extra ? 5 : 0,
				    "%u", i);
	}
	KUNIT_EXPECT_EQ(test, next(d, &cursor), 0);
	/* of the same length, but not the same; and another leader joins no more */
	d->req[0].name[0] = 'x';
	d->term++;
	cursor = 0;
	sends(d, &cursor, 1, 1);
	sends(d, &cursor, 2, 1);
	sends(d, &cursor, 3, 1);
	sends(d, &cursor, 4, 3);
}

static void a_run_has_a_limit(struct kunit *test)
{
	struct desk *d = open_desk(test);
	u64 cursor = 0;

	many(d, 2 * FSM_RUN_MAX + 1);
	sends(d, &cursor, 1, FSM_RUN_MAX);
	sends(d, &cursor, FSM_RUN_MAX + 1, FSM_RUN_MAX);
	sends(d, &cursor, 2 * FSM_RUN_MAX + 1, 1);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), 0);
	/* for another leader, too: also where they were other groups before */
	outcome(d, 1, 0, 1);
	d->term++;
	cursor = 0;
	sends(d, &cursor, 2, FSM_RUN_MAX);
	sends(d, &cursor, FSM_RUN_MAX + 2, FSM_RUN_MAX);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), 0);
	KUNIT_EXPECT_EQ(test, d->req[2 * FSM_RUN_MAX].tries, 2);
}

/* Runs leave the places alone that are kept for closes. */
static void a_run_ends_with_the_window(struct kunit *test)
{
	const u32 n = FSM_WINDOW - FSM_CLOSES_KEPT;
	struct desk *d = open_desk(test);
	u64 cursor = 0, seq;
	u32 i;

	many(d, n + 40);
	for (seq = 1; seq + FSM_RUN_MAX <= n; seq += FSM_RUN_MAX)
		sends(d, &cursor, seq, FSM_RUN_MAX);
	sends(d, &cursor, seq, n + 1 - seq);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), 0);
	KUNIT_EXPECT_EQ(test, d->c->queued, 40);
	for (i = 0; i < FSM_CLOSES_KEPT; i++)
		ask(d, FSM_HANDLE_CLOSE, 100 + i);
	KUNIT_EXPECT_EQ(test, pump(d), FSM_CLOSES_KEPT);
	/* room for as many as are resolved at its beginning, and no more */
	for (seq = 1; seq < FSM_CLOSES_KEPT; seq++)
		outcome(d, seq, 0, 1);
	outcome(d, seq + 1, 0, 1);
	KUNIT_EXPECT_EQ(test, pump(d), 0);
	outcome(d, seq, 0, 1);
	cursor = 0;
	sends(d, &cursor, FSM_WINDOW + 1, 1);
	for (seq += 2; seq < FSM_CLOSES_KEPT + 12; seq++)
		outcome(d, seq, 0, 1);
	sends(d, &cursor, FSM_WINDOW + 2, 10);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), 0);
	KUNIT_EXPECT_EQ(test, d->c->queued, 29);
	/* All that is under way, for another leader; the closes are between. */
	d->term++;
	cursor = 0;
	for (i = 0; next(d, &cursor); i += fsm_command_count(&d->cmd))
		KUNIT_EXPECT_LE(test, fsm_command_count(&d->cmd), FSM_RUN_MAX);
	KUNIT_EXPECT_EQ(test, i, d->c->unresolved);
	sent(d, FSM_WINDOW + 1, 11);
}

static void another_leader_gets_what_is_left(struct kunit *test)
{
	struct desk *d = open_desk(test);
	u64 cursor = 0;

	many(d, 7);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	many(d, 5);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	sent(d, 8, 5);
	/* two runs are one now */
	d->term++;
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	sent(d, 1, 12);
	/* resolved, and given up: to each side of them a run of its own */
	outcome(d, 4, 0, 4);
	KUNIT_EXPECT_FALSE(test, fsm_client_give_up(d->c, &d->req[7], -EINTR));
	cancels(d, &cursor, 8);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), 0);
	d->term++;
	cursor = 0;
	sends(d, &cursor, 1, 3);
	sends(d, &cursor, 5, 3);
	cancels(d, &cursor, 8);
	sends(d, &cursor, 9, 4);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), 0);
	/* and what is left alone is no run; new ones do not join the old */
	outcome(d, 6, 0, 6);
	outcome(d, 1, 0, 1);
	many(d, 2);
	d->term++;
	cursor = 0;
	sends(d, &cursor, 2, 2);
	sends(d, &cursor, 5, 1);
	sends(d, &cursor, 7, 1);
	cancels(d, &cursor, 8);
	sends(d, &cursor, 9, 4);
	sends(d, &cursor, 13, 2);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), 0);
	KUNIT_EXPECT_EQ(test, d->req[1].tries, 4);
	KUNIT_EXPECT_EQ(test, d->req[7].tries, 5);
	KUNIT_EXPECT_EQ(test, d->req[12].tries, 1);
}

static void what_is_not_heard_of_is_sent_again(struct kunit *test)
{
	struct desk *d = open_desk(test);

	many(d, 4);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	d->now += 400;
	many(d, 4);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	KUNIT_EXPECT_EQ(test, fsm_client_deadline(d->c, RESEND), 100 + RESEND);
	/* those of the second run have waited less */
	d->now = 100 + RESEND;
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	sent(d, 1, 4);
	KUNIT_EXPECT_EQ(test, d->req[3].tries, 2);
	KUNIT_EXPECT_EQ(test, d->req[4].tries, 1);
	KUNIT_EXPECT_EQ(test, fsm_client_deadline(d->c, RESEND), 500 + RESEND);
	d->now = 500 + RESEND;
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	sent(d, 5, 4);
	KUNIT_EXPECT_EQ(test, fsm_client_deadline(d->c, RESEND), 100 + 2 * RESEND);
	/* a cancellation does not take the others with it */
	fsm_client_give_up(d->c, &d->req[1], -EINTR);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	KUNIT_EXPECT_EQ(test, d->cmd.op, FSM_CANCEL);
	/* after a long time, all that is left */
	d->now += 3 * RESEND;
	KUNIT_EXPECT_EQ(test, pump(d), 3);
	sent(d, 3, 6);
}

/* A run that had just left the queue, and was not sent: it never left. */
static void a_new_run_goes_back_to_the_queue(struct kunit *test)
{
	struct desk *d = open_desk(test);
	u64 cursor = 0;
	u32 i;

	add(d);
	KUNIT_EXPECT_EQ(test, pump(d), 1);
	many(d, 5);
	same(d, 2, 1);
	sends(d, &cursor, 2, 5);
	fsm_client_unsend(d->c, &cursor);
	KUNIT_EXPECT_EQ(test, d->c->queued, 6);
	KUNIT_EXPECT_EQ(test, d->c->unresolved, 1);
	KUNIT_EXPECT_EQ(test, d->c->next_seq, 2);
	for (i = 1; i < 6; i++) {
		KUNIT_EXPECT_EQ(test, d->req[i].state, FSM_REQ_QUEUED);
		KUNIT_EXPECT_EQ(test, d->req[i].seq, 0);
		KUNIT_EXPECT_EQ(test, d->req[i].tries, 0);
		KUNIT_EXPECT_PTR_EQ(test, d->req[i].next, &d->req[i + 1]);
	}
	/* the same once more, or later; one of them gives up for good */
	sends(d, &cursor, 2, 5);
	fsm_client_unsend(d->c, &cursor);
	KUNIT_EXPECT_TRUE(test, fsm_client_give_up(d->c, &d->req[3], -EINTR));
	KUNIT_EXPECT_EQ(test, d->req[3].status, -EINTR);
	cursor = 0;
	sends(d, &cursor, 2, 4);
	sends(d, &cursor, 6, 1);
	KUNIT_EXPECT_EQ(test, d->cmd.handle, 2);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), 0);
	KUNIT_EXPECT_EQ(test, d->req[1].seq, 2);
	KUNIT_EXPECT_EQ(test, d->req[2].seq, 3);
	KUNIT_EXPECT_EQ(test, d->req[4].seq, 4);
	KUNIT_EXPECT_EQ(test, d->req[5].seq, 5);
	KUNIT_EXPECT_EQ(test, d->req[5].tries, 1);
	KUNIT_EXPECT_EQ(test, done(d), 0);
}

/* One that had been sent before keeps its seqs, and does not wait for its time. */
static void an_old_run_that_was_not_sent_is_due(struct kunit *test)
{
	struct desk *d = open_desk(test);
	u64 cursor = 0;
	u32 i;

	many(d, 3);
	same(d, 2, 1);
	same(d, 2, 1);
	KUNIT_EXPECT_EQ(test, pump(d), 2);
	d->term++;
	sends(d, &cursor, 1, 3);
	sends(d, &cursor, 4, 2);
	fsm_client_unsend(d->c, &cursor);
	sends(d, &cursor, 4, 2);
	fsm_client_unsend(d->c, &cursor);
	for (i = 0; i < 5; i++) {
		KUNIT_EXPECT_EQ(test, d->req[i].state, FSM_REQ_SENT);
		KUNIT_EXPECT_EQ(test, d->req[i].seq, i + 1);
		KUNIT_EXPECT_EQ(test, d->req[i].tries, i < 3 ? 2 : 1);
	}
	KUNIT_EXPECT_EQ(test, d->c->unresolved, 5);
	KUNIT_EXPECT_EQ(test, d->c->queued, 0);
	/* the sweep was not finished: another one sees all of the window */
	cursor = 0;
	sends(d, &cursor, 4, 2);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), 0);
	KUNIT_EXPECT_EQ(test, pump(d), 0);
	/* by time; then the last one gives up, and the rest is due as before */
	d->now += RESEND;
	cursor = 0;
	sends(d, &cursor, 1, 3);
	fsm_client_unsend(d->c, &cursor);
	fsm_client_give_up(d->c, &d->req[2], -EINTR);
	cursor = 0;
	sends(d, &cursor, 1, 2);
	cancels(d, &cursor, 3);
	sends(d, &cursor, 4, 2);
	KUNIT_EXPECT_EQ(test, next(d, &cursor), 0);
}

static struct kunit_case client_run_cases[] = {
	KUNIT_CASE(those_that_wait_together_are_one_command),
	KUNIT_CASE(what_differs_is_another_command),
	KUNIT_CASE(a_run_has_a_limit),
	KUNIT_CASE(a_run_ends_with_the_window),
	KUNIT_CASE(another_leader_gets_what_is_left),
	KUNIT_CASE(what_is_not_heard_of_is_sent_again),
	KUNIT_CASE(a_new_run_goes_back_to_the_queue),
	KUNIT_CASE(an_old_run_that_was_not_sent_is_due),
	{}
};

static struct kunit_suite client_run_suite = {
	.name = "fsm-client-run",
	.test_cases = client_run_cases,
};

kunit_test_suite(client_run_suite);

MODULE_LICENSE("GPL");
