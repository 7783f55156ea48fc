/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A node with wants, a state machine, and a rival for its locks: the log is what
 * the test puts into it, at once or when it likes.
 */
#ifndef KTEST_WANT_KIT_H
#define KTEST_WANT_KIT_H

#include "fsm_kit.h"
#include "../../kmod/fsm/want.h"

enum {
	STAGE_TTL_MS = KIT_TTL,
	STAGE_WANTS = 48,
	STAGE_OWNERS = 8,
	STAGE_BUCKETS = 8,	/* few, so that chains are long */
	STAGE_RESEND = 1000,
};

/* What was told of a want, a letter each: Queued, Granted, Wanted, Kept, Lost, Over. */
struct stage_want {
	struct fsm_want w;
	char told[12];
};

/**
 * struct stage - a node on which wants are tried out
 * @test: whose
 * @pool: memory of @f
 * @f: the state, this node's and all others'
 * @c: the node's session
 * @ws: its wants
 * @tables: of @ws
 * @owner: handles 1, 2, ...
 * @want: to be had by begin()
 * @n: how many have been
 * @noticed: owners that had notice of their loss
 * @status: told the last of them
 * @done: requests resolved that are no want's
 * @close: of these, the closes of handles
 * @now: time (ns)
 * @cmd: the command sent last
 * @buf: its bytes
 * @len: of it
 * @blind: entries are applied, but this node is told nothing of them
 * @rival: another node's session
 * @seq: its last request
 */
struct stage {
	struct kunit *test;
	struct kit_pool *pool;
	struct fsm *f;
	struct fsm_client c;
	struct fsm_wants ws;
	struct fsm_want *tables[FSM_WANT_TABLES * STAGE_BUCKETS];
	struct fsm_owner owner[STAGE_OWNERS];
	struct stage_want want[STAGE_WANTS];
	u32 n;
	u32 noticed;
	s32 status;
	u32 done;
	struct fsm_request close[STAGE_OWNERS];
	u64 now;
	struct fsm_command cmd;
	u8 buf[FSM_COMMAND_MAX];
	u16 len;
	bool blind;
	u64 rival;
	u64 seq;
};

/* A millisecond, and the time after which the lease is over. */
#define STAGE_MS 1000000ULL
#define STAGE_TTL (STAGE_TTL_MS * STAGE_MS)

static inline void stage_told(void *ctx, struct fsm_want *w, enum fsm_told what)
{
	struct stage_want *s = container_of(w, struct stage_want, w);
	struct stage *st = ctx;
	u32 n = strlen(s->told);

	KUNIT_ASSERT_LT(st->test, n, sizeof(s->told) - 1);
	s->told[n] = "QGWKLO"[what];
	KUNIT_EXPECT_TRUE(st->test, what == FSM_TOLD_OVER ||
			  w->state != FSM_WANT_OVER);
	KUNIT_EXPECT_TRUE(st->test, !n || s->told[n - 1] != 'O');
}

static inline void stage_noticed(void *ctx, struct fsm_owner *o, s32 status)
{
	struct stage *s = ctx;

	s->noticed++;
	s->status = status;
}

static inline void stage_done(void *ctx, struct fsm_request *r)
{
	struct stage *s = ctx;

	s->done++;
}

static const struct fsm_wants_ops stage_ops = {
	.want = stage_told,
	.owner = stage_noticed,
	.done = stage_done,
};

/* An entry, and what the node makes of it. */
static inline struct fsm_outcome stage_put(struct stage *s, const u8 *buf,
					   u16 len)
{
	struct fsm_outcome out;

	kit_feed(s->pool, s->f);
	KUNIT_ASSERT_EQ(s->test, fsm_apply(s->f, kit_applied(s->f) + 1, buf,
					   len, &out), 0);
	if (s->blind)
		return out;
	fsm_client_applied(&s->c, s->f, &out, fsm_wants_done, &s->ws);
	fsm_wants_applied(&s->ws, s->f, &out, s->now);
	return out;
}

static inline struct fsm_outcome stage_entry(struct stage *s,
					     const struct fsm_command *c)
{
	u8 buf[FSM_COMMAND_MAX];

	return stage_put(s, buf, fsm_encode(c, buf));
}

/* A request of the rival's. */
static inline struct fsm_outcome stage_rival(struct stage *s,
					     struct fsm_command c)
{
	return stage_entry(s, &c);
}

/* The next command leaves; it is in @buf and @cmd. Its op; 0: there is none. */
static inline u8 stage_next(struct stage *s, u64 *cursor)
{
	s->len = fsm_client_next(&s->c, s->now, 1, STAGE_RESEND, cursor, s->buf);
	if (!s->len)
		return 0;
	KUNIT_ASSERT_EQ(s->test, fsm_decode(&s->cmd, s->buf, s->len), 0);
	return s->cmd.op;
}

/* It leaves, and is on its way. */
static inline u8 stage_send(struct stage *s)
{
	u64 cursor = 0;

	return stage_next(s, &cursor);
}

/* All that leaves arrives, until nothing does. How many that were. */
static inline u32 stage_flow(struct stage *s)
{
	u64 cursor = 0;
	u32 n = 0;

	while (stage_next(s, &cursor)) {
		stage_put(s, s->buf, s->len);
		cursor = 0;
		n++;
	}
	return n;
}

/* The entries in between were not seen: a snapshot came. */
static inline void stage_reload(struct stage *s)
{
	s->blind = false;
	fsm_client_reload(&s->c, s->f, fsm_wants_done, &s->ws);
	if (!fsm_wants_reload(&s->ws, s->f, s->now))
		return;
	while (fsm_wants_look(&s->ws, s->f, s->now))
		;
}

/* A node whose session is open, if @open. */
static inline struct stage *stage_begin(struct kunit *test, bool open)
{
	struct stage *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	static const struct raft_id id = { 50, 51 };
	u32 i;

	KUNIT_ASSERT_TRUE(test, s);
	s->test = test;
	s->pool = kit_pool(test);
	s->f = kit_fsm(s->pool, 10000);
	s->now = 1000;
	fsm_client_init(&s->c, id, 1, 5, "us", 2, STAGE_TTL_MS);
	fsm_wants_init(&s->ws, &s->c, &stage_ops, s, s->tables, STAGE_BUCKETS);
	for (i = 0; i < STAGE_OWNERS; i++)
		s->owner[i].number = i + 1;
	s->rival = kit_session(s->pool, s->f);
	if (open)
		KUNIT_EXPECT_EQ(test, stage_flow(s), 1);
	return s;
}

/* Handle @h (from 1) wants lock @name; it has not left yet. */
static inline struct stage_want *stage_try(struct stage *s, u32 h,
					   const char *name, u32 flags, int err)
{
	struct stage_want *w = &s->want[s->n++];

	KUNIT_ASSERT_LT(s->test, s->n, STAGE_WANTS);
	w->w.ask.name_len = strlen(name);
	memcpy(w->w.ask.name, name, w->w.ask.name_len);
	w->w.ask.arg = flags;
	KUNIT_EXPECT_EQ(s->test, fsm_want_begin(&s->ws, &s->owner[h - 1],
						&w->w), err);
	return w;
}

/* And its answer is there. */
static inline struct stage_want *stage_ask(struct stage *s, u32 h,
					   const char *name)
{
	struct stage_want *w = stage_try(s, h, name, 0, 0);

	stage_flow(s);
	return w;
}

/* The rival takes lock @name for its handle 1; the ticket. */
static inline u64 stage_taken(struct stage *s, const char *name)
{
	return stage_rival(s, kit_lock(s->rival, ++s->seq, 1, name, 0)).index;
}

static inline void stage_given(struct stage *s, u64 ticket)
{
	struct fsm_ticket t;

	KUNIT_ASSERT_EQ(s->test, fsm_ticket(s->f, ticket, &t), 0);
	stage_rival(s, kit_release(s->rival, ++s->seq, 1, ticket, t.token));
}

/* The lease is renewed, by a message and its answer. */
static inline void stage_renew(struct stage *s)
{
	u64 id = fsm_lease_due(&s->ws.lease, s->now);

	KUNIT_EXPECT_TRUE(s->test, id);
	fsm_wants_renewed(&s->ws, s->ws.lease.session, id, s->now);
}

/* The handle is closed, here and (if needed) in the cluster. */
static inline void stage_shut(struct stage *s, u32 h)
{
	struct fsm_owner *o = &s->owner[h - 1];
	struct fsm_request *r = &s->close[h - 1];

	while (fsm_owner_close(&s->ws, o, 1))
		;
	if (!o->abandoned)
		return;
	r->op = FSM_HANDLE_CLOSE;
	r->handle = o->number;
	fsm_client_add(&s->c, r);
}

static inline void stage_drop(struct stage *s)
{
	kit_drop(s->pool, s->f);
}

/* What the cluster knows of locks: held and waited for, ours and the rival's. */
static inline void stage_expect(struct stage *s, u32 held, u32 waiting)
{
	struct fsm_stats st;

	fsm_stats(s->f, &st);
	KUNIT_EXPECT_EQ(s->test, st.held, held);
	KUNIT_EXPECT_EQ(s->test, st.waiting, waiting);
}

/* What is asked of a want after everything. */
#define EXPECT_END(s, x, what, code) do { \
	const struct stage_want *_x = (x); \
	struct kunit *_test = (s)->test; \
	\
	KUNIT_EXPECT_STREQ(_test, _x->told, what); \
	KUNIT_EXPECT_EQ(_test, _x->w.status, code); \
	KUNIT_EXPECT_EQ(_test, _x->w.state, FSM_WANT_OVER); \
	KUNIT_EXPECT_EQ(_test, _x->w.in, 0); \
} while (0)

#endif
