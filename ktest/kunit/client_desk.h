/* SPDX-License-Identifier: GPL-2.0 */
/* A client, and what it sends, as its tests see it. */
#ifndef KTEST_CLIENT_DESK_H
#define KTEST_CLIENT_DESK_H

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

static inline struct desk *desk(struct kunit *test)
{
	struct desk *d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);

	KUNIT_ASSERT_TRUE(test, d);
	d->test = test;
	d->now = 100;
	d->term = 1;
	d->c = kunit_kzalloc(test, sizeof(*d->c), GFP_KERNEL);
	d->req = kunit_kzalloc(test, MANY * sizeof(*d->req), GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, d->c && d->req);
	fsm_client_init(d->c, self, 1, 5, "alpha", 5, KIT_TTL);
	return d;
}

static inline void is_done(void *ctx, struct fsm_request *r)
{
	struct desk *d = ctx;

	KUNIT_EXPECT_EQ(d->test, r->state, FSM_REQ_DONE);
	d->done++;
	d->last = r;
}

/* How many were done since it was asked last. */
static inline u32 done(struct desk *d)
{
	u32 n = d->done;

	d->done = 0;
	return n;
}

static inline struct fsm_request *ask(struct desk *d, u8 op, u64 handle)
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

static inline struct fsm_request *add(struct desk *d)
{
	return ask(d, FSM_COUNTER_ADD, 1);
}

/* The next command: its op; 0: there is none. */
static inline u8 next(struct desk *d, u64 *cursor)
{
	u16 len = fsm_client_next(d->c, d->now, d->term, RESEND, cursor,
				  d->buf);

	if (!len)
		return 0;
	KUNIT_ASSERT_EQ(d->test, fsm_decode(&d->cmd, d->buf, len), 0);
	return d->cmd.op;
}

/* Send all there is; how many commands that were. */
static inline u32 pump(struct desk *d)
{
	u64 cursor = 0;
	u32 n = 0;

	while (next(d, &cursor))
		n++;
	return n;
}

/* Another @amount for counter "c", like those before it. */
static inline struct fsm_request *same(struct desk *d, u64 handle, u64 amount)
{
	struct fsm_request *r = ask(d, FSM_COUNTER_ADD, handle);

	r->arg = amount;
	return r;
}

static inline void many(struct desk *d, u32 n)
{
	while (n--)
		same(d, 1, 1);
}

/* The last command was @count additions from @seq on; one of them is no run. */
static inline void sent(struct desk *d, u64 seq, u32 count)
{
	KUNIT_EXPECT_EQ(d->test, d->cmd.op,
			count > 1 ? FSM_COUNTER_RUN : FSM_COUNTER_ADD);
	KUNIT_EXPECT_EQ(d->test, d->cmd.seq, seq);
	KUNIT_EXPECT_EQ(d->test, fsm_command_count(&d->cmd), count);
	KUNIT_EXPECT_EQ(d->test, d->cmd.low, d->c->low);
	KUNIT_EXPECT_EQ(d->test, d->cmd.session, d->c->session);
}

static inline void outcome(struct desk *d, u64 seq, s32 status, u64 value)
{
	struct fsm_outcome out = {
		.kind = FSM_OUT_RESULT, .session = d->c->session, .seq = seq,
		.count = 1, .status = status, .value = value,
		.index = 1000 + seq,
	};

	fsm_client_applied(d->c, NULL, &out, is_done, d);
}

static inline void open_as(struct desk *d, u64 session)
{
	struct fsm_outcome out = {
		.kind = FSM_OUT_OPENED, .session = session, .node = self,
		.boot_nonce = 5, .ordinal = d->c->ordinal,
	};

	fsm_client_applied(d->c, NULL, &out, is_done, d);
	KUNIT_EXPECT_EQ(d->test, d->c->session, session);
}

static inline struct desk *open_desk(struct kunit *test)
{
	struct desk *d = desk(test);

	open_as(d, SESSION);
	return d;
}

#endif
