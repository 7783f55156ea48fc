/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world of want_model_test.c: a cluster that is nothing but its log, nodes that
 * follow it late, and what is true of every want.
 */
#ifndef KTEST_WANT_WORLD_H
#define KTEST_WANT_WORLD_H

#include "fsm_kit.h"
#include "../../kmod/fsm/want.h"

enum {
#ifdef __KERNEL__
	SEEDS = 3,
	STEPS = 6000,
	LOG = 8000,		/* entries in a run */
#else
	SEEDS = 60,
	STEPS = 20000,
	LOG = 24000,
#endif
	NODES = 3,
	HANDLES = 5,		/* of a node at a time */
	LOCKS = 3,
	WANTS = 256,		/* that are not over, of all nodes */
	PLAIN = 256,		/* requests that are not a want's */
	COUNTED = 8000,		/* of these, additions in a life */
	FLIGHT = 128,		/* commands under way */
	BUCKETS = 4,
	TTL_MS = 1000,
	CAP = 1 << 20,		/* bytes of a snapshot */
	POISON = 0x5a,
	HEAL = 400,		/* rounds within which all must be quiet */
};

#define MS 1000000ULL
#define RESEND (60 * MS)

/* A want, and what was told of it. */
struct truth {
	struct fsm_want w;
	struct fsm_owner *owner;
	u8 node;
	u8 used;		/* 1, or POISON */
	bool shared;
	bool given_up;
	bool queued;
	bool granted;
	bool wanted;
	bool lost;
};

struct handle {
	struct fsm_owner o;
	bool noticed;
	bool closing;
};

/* A renewal or its answer under way: the last one of each, as more say no more. */
struct renewal {
	u64 session;
	u64 id;
};

struct node {
	struct world *w;
	struct fsm *f;
	struct fsm_client c;
	struct fsm_wants ws;
	struct fsm_want *tables[FSM_WANT_TABLES * BUCKETS];
	struct handle handle[HANDLES];
	struct renewal renewal;
	struct renewal answer;
	u64 numbers;
	u64 cut_until;
	u32 starts;
};

struct entry {
	u16 len;
	u8 bytes[FSM_COMMAND_MAX];
};

/* What the whole log says of the ticket that is its index. */
struct ticket {
	u8 lock;
	u64 token;
};

struct plain {
	struct fsm_request r;
	struct fsm_extra x;
	bool used;
};

/**
 * struct world - a run
 * @test: whose
 * @pool: memory of states
 * @f: the state behind the whole log
 * @node: nodes
 * @want: memory of wants
 * @plain: memory of other requests
 * @log: entries
 * @ticket: by index
 * @last: ticket that was granted last, by lock
 * @token: granted last
 * @heard: when the leader acknowledged a renewal of a session last, by node
 * @known: of which session that was
 * @flight: commands under way
 * @n_flight: how many
 * @buf: of snapshots
 * @now: time (ns)
 * @term: the leader's
 * @random: chance
 * @admin: locks are revoked and sessions ended by an administrator
 * @healed: nothing bad happens any more
 * @begun: wants
 * @over: of these
 * @granted: told so
 * @losses: owners that had notice
 * @kept: releases that were refused
 * @asked: additions of 1 to counter "n", beside all that
 * @counted: of these, those that were successes
 * @unsure: of these, those whose end is not known
 * @seen: which values they had
 * @runs: entries that were runs of them
 */
struct world {
	struct kunit *test;
	struct kit_pool *pool;
	struct fsm *f;
	struct node node[NODES];
	struct truth want[WANTS];
	struct plain plain[PLAIN];
	struct entry *log;
	struct ticket *ticket;
	u64 last[LOCKS];
	u64 token;
	u64 heard[NODES];
	u64 known[NODES];
	struct entry flight[FLIGHT];
	u32 n_flight;
	u8 *buf;
	u64 now;
	u64 term;
	u64 random;
	bool admin;
	bool healed;
	u32 begun;
	u32 over;
	u32 granted;
	u32 losses;
	u32 kept;
	u32 asked;
	u32 counted;
	u32 unsure;
	bool seen[COUNTED + 1];
	u32 runs;
};

static inline u32 below(struct world *w, u32 n)
{
	return kit_below(&w->random, n);
}

static inline bool lucky(struct world *w, u32 n)
{
	return !below(w, n);
}

/* ----------------------------------------------------------- the cluster */

/* Tokens rise over all grants; locks are granted in the order of tickets. */
static inline void note_grant(struct world *w, u64 ticket, u64 token)
{
	u8 lock = w->ticket[ticket].lock;

	KUNIT_EXPECT_TRUE_MSG(w->test, token > w->token,
			      "token %llu after %llu", token, w->token);
	KUNIT_EXPECT_TRUE_MSG(w->test, ticket > w->last[lock],
			      "ticket %llu overtaken", w->last[lock]);
	w->token = token;
	w->last[lock] = ticket;
	w->ticket[ticket].token = token;
}

static inline void append(struct world *w, const u8 *bytes, u16 len)
{
	u64 index = kit_applied(w->f) + 1;
	const struct fsm_event *e;
	struct fsm_outcome out;
	struct fsm_command c;
	u32 i;

	KUNIT_ASSERT_LT(w->test, index, LOG);
	KUNIT_ASSERT_EQ(w->test, fsm_decode(&c, bytes, len), 0);
	/* A leader asks first; but it may have it in its log already. */
	if (c.session && !fsm_news(w->f, &c) && !lucky(w, 4))
		return;
	memcpy(w->log[index].bytes, bytes, len);
	w->log[index].len = len;
	kit_feed(w->pool, w->f);
	KUNIT_ASSERT_EQ(w->test, fsm_apply(w->f, index, bytes, len, &out), 0);
	w->runs += c.op == FSM_COUNTER_RUN;
	if (c.op == FSM_LOCK_ACQUIRE)
		w->ticket[index].lock = c.name[0] - 'a';
	if (c.op == FSM_LOCK_ACQUIRE && out.value && out.index == index)
		note_grant(w, index, out.value);
	e = fsm_events(w->f);
	for (i = 0; i < out.n_events; i++)
		if (e[i].type == FSM_EVENT_GRANTED)
			note_grant(w, e[i].ticket, e[i].token);
}

static inline void append_own(struct world *w, const struct fsm_command *c)
{
	u8 buf[FSM_COMMAND_MAX];

	append(w, buf, fsm_encode(c, buf));
}

static inline void drop_packet(struct world *w, u32 i)
{
	w->flight[i] = w->flight[--w->n_flight];
}

/* Any of those under way arrives, and perhaps once more later. */
static inline void deliver(struct world *w)
{
	struct entry e;
	u32 i;

	if (!w->n_flight)
		return;
	i = below(w, w->n_flight);
	e = w->flight[i];
	append(w, e.bytes, e.len);
	if (w->healed || !lucky(w, 4))
		drop_packet(w, i);
}

static inline void post(struct world *w, const u8 *buf, u16 len)
{
	if (!w->healed && lucky(w, 5))
		return;
	if (w->n_flight == FLIGHT)
		drop_packet(w, below(w, FLIGHT));
	w->flight[w->n_flight].len = len;
	memcpy(w->flight[w->n_flight++].bytes, buf, len);
}

/*
 * The leader's part of lease.h, where there is one leader at a time and it has
 * always applied all of its log.
 */
static inline void lead(struct world *w)
{
	struct fsm_session_view v;
	u32 i, cursor = 0;

	while (fsm_session_next(w->f, &cursor, &v)) {
		struct fsm_command c = { .op = FSM_EXPIRE, .arg = v.id };

		i = v.name[0] - 'x';
		if (w->known[i] != v.id) {
			w->known[i] = v.id;
			w->heard[i] = w->now;
		}
		if (w->now - w->heard[i] <= (TTL_MS + 2 * TTL_MS / 1000) * MS)
			continue;
		append_own(w, &c);
		break;
	}
	if (fsm_dying(w->f)) {
		struct fsm_command c = { .op = FSM_REAP };

		append_own(w, &c);
	}
}

static inline void new_leader(struct world *w)
{
	u32 i;

	w->term++;
	for (i = 0; i < NODES; i++)
		w->heard[i] = w->now;
}

/* -------------------------------------------------------------- told */

static inline struct handle *handle_of(struct fsm_owner *o)
{
	return container_of(o, struct handle, o);
}

static inline void told_granted(struct world *w, struct truth *t)
{
	struct fsm_want *x = &t->w;
	struct node *n = &w->node[t->node];

	KUNIT_EXPECT_TRUE_MSG(w->test, !t->granted, "told twice");
	KUNIT_EXPECT_TRUE_MSG(w->test, !t->given_up, "told who gave up");
	KUNIT_EXPECT_TRUE_MSG(w->test, !fsm_owner_lost(&n->ws, t->owner),
			      "told the lost");
	KUNIT_EXPECT_TRUE_MSG(w->test, fsm_lease_left(&n->ws.lease, w->now),
			      "told without a lease");
	KUNIT_EXPECT_TRUE_MSG(w->test, x->token &&
			      w->ticket[x->ticket].token == x->token,
			      "told token %llu of ticket %llu", x->token,
			      x->ticket);
	KUNIT_EXPECT_LE(w->test, x->ticket, x->index);
	KUNIT_EXPECT_LE(w->test, x->index, x->token);
	t->granted = true;
	t->wanted = x->flags & FSM_GRANT_WANTED;
	w->granted++;
}

static inline void told_over(struct world *w, struct truth *t)
{
	struct fsm_want *x = &t->w;

	KUNIT_EXPECT_EQ(w->test, x->in, 0);
	KUNIT_EXPECT_NULL(w->test, x->untold_at);
	/* Nothing happened, and nothing will: so it says. */
	if (t->granted && !t->lost)
		KUNIT_EXPECT_TRUE(w->test, !x->status ||
				  x->status == -EKEYEXPIRED ||
				  x->status == -EKEYREVOKED ||
				  x->status == -ECANCELED ||
				  x->status == -ESHUTDOWN);
	else if (!t->given_up)
		KUNIT_EXPECT_TRUE(w->test, x->status || x->ticket);
	w->over++;
	memset(t, POISON, sizeof(*t));
}

static inline void told(void *ctx, struct fsm_want *x, enum fsm_told what)
{
	struct truth *t = container_of(x, struct truth, w);
	struct node *n = ctx;
	struct world *w = n->w;

	KUNIT_ASSERT_TRUE(w->test, t->used == 1);
	if (what != FSM_TOLD_OVER)
		KUNIT_EXPECT_TRUE(w->test, !t->given_up && !t->lost);
	switch (what) {
	case FSM_TOLD_QUEUED:
		KUNIT_EXPECT_TRUE(w->test, !t->queued && !t->granted);
		t->queued = true;
		break;
	case FSM_TOLD_GRANTED:
		told_granted(w, t);
		break;
	case FSM_TOLD_WANTED:
		KUNIT_EXPECT_TRUE(w->test, t->granted);
		t->wanted = true;
		break;
	case FSM_TOLD_KEPT:
		KUNIT_EXPECT_EQ(w->test, x->status, -ESTALE);
		w->kept++;
		break;
	case FSM_TOLD_LOST:
		KUNIT_EXPECT_TRUE(w->test, t->granted && w->admin);
		t->lost = true;
		break;
	case FSM_TOLD_OVER:
		told_over(w, t);
		break;
	}
}

static inline void noticed(void *ctx, struct fsm_owner *o, s32 status)
{
	struct handle *h = handle_of(o);
	struct node *n = ctx;

	KUNIT_EXPECT_TRUE(n->w->test, !h->noticed && !h->closing && status);
	h->noticed = true;
	n->w->losses++;
}

/* Each addition has a value that no other one has. */
static inline void counted(struct world *w, const struct fsm_request *r)
{
	w->unsure += r->status == -ENOTRECOVERABLE;
	if (r->status)
		return;
	w->counted++;
	KUNIT_ASSERT_TRUE(w->test, r->value && r->value <= w->asked);
	KUNIT_EXPECT_FALSE(w->test, w->seen[r->value]);
	w->seen[r->value] = true;
}

static inline void done(void *ctx, struct fsm_request *r)
{
	struct plain *p = container_of(r, struct plain, r);
	struct node *n = ctx;

	KUNIT_EXPECT_TRUE(n->w->test, p->used);
	p->used = false;
	if (r->op == FSM_COUNTER_ADD)
		counted(n->w, r);
}

static const struct fsm_wants_ops ops = {
	.want = told, .owner = noticed, .done = done,
};

/* -------------------------------------------------------------- memory */

/* Nothing may have been written to what was the driver's. */
static inline void was_left_alone(struct world *w, const struct truth *t)
{
	const u8 *p = (const u8 *)t;
	u32 i;

	for (i = 0; i < sizeof(*t); i++)
		KUNIT_ASSERT_TRUE(w->test, p[i] == POISON);
}

static inline struct truth *new_want(struct world *w)
{
	struct truth *t = &w->want[below(w, WANTS)];

	if (t->used == 1)
		return NULL;
	was_left_alone(w, t);
	memset(t, 0, sizeof(*t));
	t->used = 1;
	return t;
}

static inline void free_want(struct truth *t)
{
	memset(t, POISON, sizeof(*t));
}

static inline struct fsm_request *new_plain(struct world *w, u8 op, u64 handle)
{
	u32 i;

	for (i = 0; i < PLAIN; i++) {
		struct plain *p = &w->plain[i];

		if (p->used)
			continue;
		memset(p, 0, sizeof(*p));
		p->used = true;
		p->r.op = op;
		p->r.handle = handle;
		return &p->r;
	}
	KUNIT_FAIL(w->test, "too many requests");
	return NULL;
}

/* -------------------------------------------------------------- a node */

static inline bool is_cut(const struct world *w, const struct node *n)
{
	return !w->healed && w->now < n->cut_until;
}

static inline void pump(struct world *w, struct node *n)
{
	u8 buf[FSM_COMMAND_MAX];
	u64 cursor = 0;
	u16 len;

	for (;;) {
		len = fsm_client_next(&n->c, w->now, w->term, RESEND, &cursor,
				      buf);
		if (!len)
			return;
		if (is_cut(w, n))
			continue;
		if (w->healed || !lucky(w, 6)) {
			post(w, buf, len);
			continue;
		}
		fsm_client_unsend(&n->c, &cursor);
		if (lucky(w, 2))
			return;
	}
}

/* Renewals go there, and come back; some of them. */
static inline void renew(struct world *w, struct node *n)
{
	u64 id = fsm_lease_due(&n->ws.lease, w->now);
	u32 i = n - w->node;
	struct fsm_session_view v;

	if (id)
		n->renewal = (struct renewal){ n->ws.lease.session, id };
	if (is_cut(w, n) || (!w->healed && lucky(w, 3)))
		return;
	if (n->answer.session)
		fsm_wants_renewed(&n->ws, n->answer.session, n->answer.id,
				  w->now);
	n->answer.session = 0;
	if (!n->renewal.session ||
	    !fsm_session_view(w->f, n->renewal.session, &v))
		return;
	w->known[i] = v.id;
	w->heard[i] = w->now;
	n->answer = n->renewal;
	n->renewal.session = 0;
}

/* A state from a snapshot takes the place of its own. */
static inline void install(struct world *w, struct node *n)
{
	u64 len = fsm_snapshot_bytes(w->f);
	struct fsm *f;

	KUNIT_ASSERT_LE(w->test, len, CAP);
	KUNIT_ASSERT_EQ(w->test, fsm_snapshot_begin(w->f, w->buf, len), 0);
	len = kit_walk(w->f, 100);
	f = n->f;
	kit_drop(w->pool, f);
	memset(f, 0, fsm_size());
	fsm_init(f);
	KUNIT_ASSERT_EQ(w->test, fsm_load_begin(f, w->buf, len), 0);
	for (;;) {
		int err = fsm_load_step(f, 1000);

		if (!err)
			break;
		KUNIT_ASSERT_TRUE(w->test, err == 1 || err == -ENOMEM);
		if (err == -ENOMEM)
			kit_feed(w->pool, f);
	}
	kit_feed(w->pool, f);
	fsm_client_reload(&n->c, f, fsm_wants_done, &n->ws);
	/* The rest comes with the next entries, or at once. */
	if (fsm_wants_reload(&n->ws, f, w->now) && lucky(w, 2))
		while (fsm_wants_look(&n->ws, f, w->now))
			;
}

static inline void catch_up(struct world *w, struct node *n, u32 count)
{
	u64 last = kit_applied(w->f), at = kit_applied(n->f);
	struct fsm_outcome out;

	if (is_cut(w, n))
		return;
	if (!w->healed && at < last && lucky(w, 30)) {
		install(w, n);
		return;
	}
	for (; count && at < last; count--) {
		const struct entry *e = &w->log[++at];

		kit_feed(w->pool, n->f);
		KUNIT_ASSERT_EQ(w->test, fsm_apply(n->f, at, e->bytes, e->len,
						   &out), 0);
		/* As a driver does that spares itself what is not its own. */
		if (out.kind == FSM_OUT_RESULT && !out.n_events && !out.ended &&
		    out.session != n->c.session)
			continue;
		fsm_client_applied(&n->c, n->f, &out, fsm_wants_done, &n->ws);
		fsm_wants_applied(&n->ws, n->f, &out, w->now);
	}
}

#endif
