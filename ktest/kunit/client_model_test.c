// SPDX-License-Identifier: GPL-2.0
/*
 * Clients against a cluster that loses, repeats, delays and reorders commands,
 * changes leaders, and tells each node late what was applied, sometimes by a
 * snapshot. Nodes restart, sessions expire, handles close, callers lose patience.
 *
 * Requests come alone and in bursts, which travel as runs, in other groups each time.
 * What each entry does to which request is worked out here once more, from who gave
 * which seq to what: an effect must come at most once, never after a definite error,
 * and with the value and index reported. In the end the cluster heals, and everything
 * must be resolved.
 */
#include <linux/module.h>
#include "fsm_kit.h"
#include "../../kmod/fsm/client.h"

enum {
#ifdef __KERNEL__
	SEEDS = 4,
	STEPS = 6000,
	REQUESTS = 6000,	/* in a life */
#else
	SEEDS = 60,
	STEPS = 20000,
	REQUESTS = 20000,
#endif
	CLIENTS = 3,
	HANDLES = 1000,		/* of a node, in a session */
	WAITING = 512,		/* of a node, to be given up by chance */
	FLIGHT = 128,		/* commands under way */
	LOG = 24000,		/* entries in a life */
	COUNTERS = 6,
	RESEND = 300,
	HEAL = 400,		/* rounds within which all must be resolved */
};

struct packet {
	u16 len;
	u8 bytes[FSM_COMMAND_MAX];
};

/**
 * struct truth - what is known of a request beside what the client knows
 * @r: it
 * @effect: index; 0: none
 * @value: the counter's after it
 * @owner: whose
 * @slot: where in its owner's waiting
 * @resolved: an entry that names it was applied
 * @ended: its client says so
 * @status: as what
 */
struct truth {
	struct fsm_request r;
	u64 effect;
	u64 value;
	u8 owner;
	u32 slot;
	bool resolved;
	bool ended;
	s32 status;
};

/**
 * struct place - a node
 * @c: its client
 * @applied: how much of the log it knows
 * @handle: open
 * @starts: how often it has been
 * @waiting: requests that may be given up
 * @alive: its session, as the log says; 0: none
 * @named: the session to which the rest belongs
 * @by_seq: who has which seq there; NULL: nobody
 * @closed: up to which seq a handle is closed there
 */
struct place {
	struct fsm_client c;
	u64 applied;
	u64 handle;
	u32 starts;
	struct truth *waiting[WAITING];
	u64 alive;
	u64 named;
	struct truth *by_seq[REQUESTS + 1];
	u64 closed[HANDLES];
};

struct world {
	struct kunit *test;
	struct kit_pool *pool;
	struct fsm *f;
	struct place place[CLIENTS];
	struct truth *all;
	struct fsm_outcome *log;	/* by index */
	struct packet flight[FLIGHT];
	u32 n_all;
	u32 n_flight;
	u64 value[COUNTERS];
	u64 now;
	u64 term;
	u64 random;
	u32 ended;
	u32 effects;
	u32 unknown;
	u32 refused;
	u32 expired;
	u32 runs;
	u32 left_out;
	u32 unsent;
	bool healed;
};

static u32 below(struct world *w, u32 n)
{
	return kit_below(&w->random, n);
}

static bool lucky(struct world *w, u32 n)
{
	return !below(w, n);
}

/* ----------------------------------------------------------- the cluster */

/* The node whose session @id is, as far as the log has come; NULL: nobody's. */
static struct place *place_of(struct world *w, u64 id)
{
	u32 i;

	for (i = 0; i < CLIENTS; i++)
		if (w->place[i].alive == id)
			return &w->place[i];
	return NULL;
}

static void takes_effect(struct world *w, struct truth *t, u64 index)
{
	u32 k = t->r.name[0] - 'a';

	KUNIT_EXPECT_TRUE_MSG(w->test, !t->ended || t->status == -ENOTRECOVERABLE,
			      "seq %llu takes effect after it ended with %d",
			      t->r.seq, t->status);
	w->value[k] += t->r.arg;
	t->effect = index;
	t->value = w->value[k];
	w->effects++;
}

/* What an entry says of request @seq of @p: the first one decides. */
static void resolve(struct world *w, struct place *p, const struct fsm_command *c,
		    u64 seq, u64 index)
{
	struct truth *t = p->by_seq[seq];
	bool add = c->op == FSM_COUNTER_ADD || c->op == FSM_COUNTER_RUN;

	KUNIT_ASSERT_TRUE(w->test, t);
	w->left_out += t->resolved && c->op == FSM_COUNTER_RUN;
	if (t->resolved)
		return;
	t->resolved = true;
	if (c->op == FSM_HANDLE_CLOSE)
		p->closed[c->handle] = c->arg;
	else if (add && seq > p->closed[c->handle])
		takes_effect(w, t, index);
}

/* Who has a session now, and who has none any more. */
static void note_sessions(struct world *w, const struct fsm_command *c,
			  const struct fsm_outcome *out)
{
	struct place *p;

	if (out->kind == FSM_OUT_OPENED) {
		w->place[c->name[0] - 'x'].alive = out->session;
	} else if (out->kind == FSM_OUT_ENDED) {
		p = place_of(w, out->session);
		KUNIT_ASSERT_TRUE(w->test, p);
		p->alive = 0;
	}
}

static void counters_are(struct world *w)
{
	u64 value, index;
	char name;
	u32 k;

	for (k = 0; k < COUNTERS; k++) {
		name = 'a' + k;
		value = 0;
		fsm_counter(w->f, &name, 1, &value, &index);
		KUNIT_EXPECT_TRUE_MSG(w->test, value == w->value[k],
				      "counter %c is %llu, not %llu", name, value,
				      w->value[k]);
	}
}

static void note(struct world *w, const struct fsm_command *c, u64 index)
{
	struct place *p;
	u64 i, count = c->op == FSM_COUNTER_RUN ? c->arg2 : 1;

	note_sessions(w, c, &w->log[index]);
	p = c->session ? place_of(w, c->session) : NULL;
	if (p) {
		KUNIT_ASSERT_EQ(w->test, p->named, c->session);
		for (i = 0; i < count; i++)
			resolve(w, p, c, c->seq + i, index);
	}
	counters_are(w);
}

static void append(struct world *w, const struct packet *p)
{
	u64 index = kit_applied(w->f) + 1;
	struct fsm_command c;

	KUNIT_ASSERT_EQ(w->test, fsm_decode(&c, p->bytes, p->len), 0);
	/* A leader asks first; but it may have it in its log already. */
	if (c.session && !fsm_news(w->f, &c) && !lucky(w, 4))
		return;
	KUNIT_ASSERT_LT(w->test, index, LOG);
	kit_feed(w->pool, w->f);
	KUNIT_ASSERT_EQ(w->test, fsm_apply(w->f, index, p->bytes, p->len,
					   &w->log[index]), 0);
	note(w, &c, index);
}

/* The leader has not heard of that node for too long. */
static void expire(struct world *w, u32 who)
{
	const struct fsm_command c = {
		.op = FSM_EXPIRE, .arg = w->place[who].c.session,
	};
	struct packet p;

	if (!c.arg)
		return;
	p.len = fsm_encode(&c, p.bytes);
	append(w, &p);
	w->expired += w->log[kit_applied(w->f)].kind == FSM_OUT_ENDED;
}

static void drop_packet(struct world *w, u32 i)
{
	w->flight[i] = w->flight[--w->n_flight];
}

/* Any of those under way arrives, and perhaps once more later. */
static void deliver(struct world *w)
{
	u32 i;

	if (!w->n_flight)
		return;
	i = below(w, w->n_flight);
	append(w, &w->flight[i]);
	if (w->healed || !lucky(w, 4))
		drop_packet(w, i);
}

static void post(struct world *w, const u8 *buf, u16 len)
{
	if (!w->healed && lucky(w, 5))
		return;
	if (w->n_flight == FLIGHT)
		drop_packet(w, below(w, FLIGHT));
	w->flight[w->n_flight].len = len;
	memcpy(w->flight[w->n_flight++].bytes, buf, len);
}

/* -------------------------------------------------------------- a node */

static void is_done(void *ctx, struct fsm_request *r)
{
	struct world *w = ctx;
	struct truth *t = container_of(r, struct truth, r);
	struct place *p = &w->place[t->owner];

	KUNIT_EXPECT_TRUE_MSG(w->test, !t->ended, "seq %llu ends twice", r->seq);
	t->ended = true;
	t->status = r->status;
	w->ended++;
	w->unknown += r->status == -ENOTRECOVERABLE;
	w->refused += r->status && r->status != -ENOTRECOVERABLE;
	if (p->waiting[t->slot] == t)
		p->waiting[t->slot] = NULL;
	if (r->op != FSM_COUNTER_ADD || r->status == -ENOTRECOVERABLE)
		return;
	if (!r->status)
		KUNIT_EXPECT_TRUE_MSG(w->test, t->effect == r->index &&
				      t->value == r->value,
				      "seq %llu: %llu at %llu reported, %llu at %llu true",
				      r->seq, r->value, r->index, t->value,
				      t->effect);
	else
		KUNIT_EXPECT_EQ_MSG(w->test, t->effect, 0,
				    "seq %llu took effect, but ends with %d",
				    r->seq, r->status);
}

static struct truth *ask(struct world *w, u32 who, u8 op)
{
	struct truth *t;

	if (w->n_all == REQUESTS || w->healed)
		return NULL;
	t = &w->all[w->n_all++];
	t->owner = who;
	t->r.op = op;
	t->r.handle = w->place[who].handle;
	return t;
}

/* One, or several that are the same but for who waits. */
static void ask_adds(struct world *w, u32 who, u32 n)
{
	struct place *p = &w->place[who];
	u32 i = below(w, WAITING), k = below(w, COUNTERS), amount = 1 + below(w, 2);
	struct truth *t;

	for (; n; n--, i = (i + 1) % WAITING) {
		if (p->waiting[i])
			continue;
		t = ask(w, who, FSM_COUNTER_ADD);
		if (!t)
			return;
		t->r.arg = amount;
		t->r.name[0] = 'a' + k;
		t->r.name_len = 1;
		t->slot = i;
		p->waiting[i] = t;
		fsm_client_add(&p->c, &t->r);
	}
}

static void give_up(struct world *w, struct place *p, u32 i)
{
	struct truth *t = p->waiting[i];

	/* An orphan now: nobody waits, but it must be resolved. */
	p->waiting[i] = NULL;
	if (t && fsm_client_give_up(&p->c, &t->r, -ETIMEDOUT))
		is_done(w, &t->r);
}

/* Everybody who uses the handle is gone, then it closes. */
static void close_handle(struct world *w, u32 who)
{
	struct place *p = &w->place[who];
	struct truth *t;
	u32 i;

	for (i = 0; i < WAITING; i++)
		give_up(w, p, i);
	t = ask(w, who, FSM_HANDLE_CLOSE);
	if (!t)
		return;
	KUNIT_ASSERT_LT(w->test, p->handle + 1, HANDLES);
	fsm_client_add(&p->c, &t->r);
	p->handle++;
}

/*
 * What is sent has a seq, and is what was asked for: all of a run are. A request that
 * was not sent may give its seq to another, but only if nobody has heard of it.
 */
static void sent(struct world *w, struct place *p, const u8 *buf, u16 len)
{
	struct fsm_command c;
	u64 seq, count;

	KUNIT_ASSERT_EQ(w->test, fsm_decode(&c, buf, len), 0);
	if (!c.session)
		return;
	if (p->named != c.session) {
		memset(p->by_seq, 0, sizeof(p->by_seq));
		memset(p->closed, 0, sizeof(p->closed));
		p->named = c.session;
	}
	count = c.op == FSM_COUNTER_RUN ? c.arg2 : 1;
	for (seq = c.seq; seq < c.seq + count; seq++) {
		struct fsm_request *r = p->c.window[seq % FSM_WINDOW];
		struct truth *t = container_of(r, struct truth, r);

		KUNIT_ASSERT_TRUE(w->test, r && r->seq == seq);
		KUNIT_EXPECT_TRUE(w->test, !p->by_seq[seq] || p->by_seq[seq] == t);
		p->by_seq[seq] = t;
		if (c.op == FSM_CANCEL)
			continue;
		KUNIT_EXPECT_TRUE(w->test, r->handle == c.handle &&
				  r->arg == c.arg && r->name_len == c.name_len &&
				  (!c.name_len || r->name[0] == c.name[0]));
		KUNIT_EXPECT_EQ(w->test, r->op, c.op == FSM_COUNTER_RUN ?
				FSM_COUNTER_ADD : c.op);
	}
	w->runs += c.op == FSM_COUNTER_RUN;
}

static void pump(struct world *w, struct place *p)
{
	u8 buf[FSM_COMMAND_MAX];
	u64 cursor = 0;
	u16 len;

	for (;;) {
		len = fsm_client_next(&p->c, w->now, w->term, RESEND, &cursor,
				      buf);
		if (!len)
			return;
		if (w->healed || !lucky(w, 6)) {
			sent(w, p, buf, len);
			post(w, buf, len);
			continue;
		}
		w->unsent += buf[0] == FSM_COUNTER_RUN;
		fsm_client_unsend(&p->c, &cursor);
		if (lucky(w, 2))
			return;
	}
}

/* The own log is applied, some of it, or jumped over by a snapshot. */
static void catch_up(struct world *w, struct place *p, u32 n)
{
	u64 last = kit_applied(w->f);

	if (!w->healed && lucky(w, 60)) {
		p->applied = last;
		fsm_client_reload(&p->c, w->f, is_done, w);
		return;
	}
	for (; n && p->applied < last; n--)
		fsm_client_applied(&p->c, w->f, &w->log[++p->applied], is_done, w);
}

/* In memory mode: under a new incarnation. */
static void restart(struct world *w, u32 who)
{
	static const char *const names[] = { "x", "y", "z" };
	struct place *p = &w->place[who];
	struct raft_id id = { 1000 * (who + 1) + ++p->starts, 1 };

	if (p->starts > 1)
		fsm_client_stop(&p->c, -ESHUTDOWN, is_done, w);
	fsm_client_init(&p->c, id, 1, kit_random(&w->random), names[who], 1,
			KIT_TTL);
	p->applied = kit_applied(w->f);
	p->handle = 1;
}

/* ------------------------------------------------------------------ a run */

static void step(struct world *w)
{
	u32 who = below(w, CLIENTS), what = below(w, 100);
	struct place *p = &w->place[who];

	w->now += below(w, 20);
	if (what < 20)
		ask_adds(w, who, 1);
	else if (what < 27)
		ask_adds(w, who, 2 + below(w, below(w, 40) ? 8 : 400));
	else if (what < 36)
		give_up(w, p, below(w, WAITING));
	else if (what < 55)
		pump(w, p);
	else if (what < 85)
		deliver(w);
	else if (what < 98)
		catch_up(w, p, below(w, 12));
	else if (lucky(w, 4))
		w->term++;
	else if (lucky(w, 3))
		close_handle(w, who);
	else if (lucky(w, 10))
		expire(w, below(w, CLIENTS));
	else if (lucky(w, 20))
		restart(w, who);
}

static void heal(struct world *w)
{
	u32 i, round;

	w->healed = true;
	for (round = 0; round < HEAL && w->ended < w->n_all; round++) {
		w->now += RESEND;
		for (i = 0; i < CLIENTS; i++)
			pump(w, &w->place[i]);
		while (w->n_flight)
			deliver(w);
		for (i = 0; i < CLIENTS; i++)
			catch_up(w, &w->place[i], LOG);
	}
	KUNIT_EXPECT_EQ(w->test, w->ended, w->n_all);
	for (i = 0; i < CLIENTS; i++) {
		struct fsm_client *c = &w->place[i].c;

		KUNIT_EXPECT_EQ(w->test, c->unresolved, 0);
		KUNIT_EXPECT_EQ(w->test, c->queued, 0);
		KUNIT_EXPECT_EQ(w->test, c->low, c->next_seq);
	}
}

static void clear(struct world *w, u32 seed)
{
	u32 i;

	w->random = seed * 0x9e3779b97f4a7c15ULL;
	memset(w->all, 0, REQUESTS * sizeof(*w->all));
	memset(w->place, 0, sizeof(w->place));
	memset(w->value, 0, sizeof(w->value));
	w->n_all = 0;
	w->n_flight = 0;
	w->ended = 0;
	w->effects = 0;
	w->unknown = 0;
	w->refused = 0;
	w->expired = 0;
	w->runs = 0;
	w->left_out = 0;
	w->unsent = 0;
	w->healed = false;
	w->now = 1;
	w->term = 1;
	w->f = kit_fsm(w->pool, 100);
	for (i = 0; i < CLIENTS; i++)
		restart(w, i);
}

static void every_request_ends_once_and_truly(struct kunit *test)
{
	struct world *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	u32 seed, i, sum, effects = 0, unknown = 0, refused = 0, expired = 0;
	u32 runs = 0, left_out = 0, unsent = 0;

	KUNIT_ASSERT_TRUE(test, w);
	w->test = test;
	w->pool = kit_pool(test);
	w->all = kunit_kzalloc(test, REQUESTS * sizeof(*w->all), GFP_KERNEL);
	w->log = kunit_kzalloc(test, LOG * sizeof(*w->log), GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, w->all && w->log);
	for (seed = 1; seed <= SEEDS && !kit_failed(test); seed++) {
		kunit_info(test, "seed %u", seed);
		clear(w, seed);
		for (i = 0; i < STEPS && !kit_failed(test); i++)
			step(w);
		heal(w);
		/* Nothing acknowledged is missing, nothing is there twice. */
		for (i = 0, sum = 0; i < w->n_all; i++)
			sum += !!w->all[i].effect;
		KUNIT_EXPECT_EQ(test, sum, w->effects);
		effects += w->effects;
		unknown += w->unknown;
		refused += w->refused;
		expired += w->expired;
		runs += w->runs;
		left_out += w->left_out;
		unsent += w->unsent;
		kit_drop(w->pool, w->f);
	}
	kunit_info(test, "%u effects, %u refused, %u unknown, %u sessions expired",
		   effects, refused, unknown, expired);
	kunit_info(test, "%u runs, %u unsent, %u left out of them", runs, unsent,
		   left_out);
	KUNIT_EXPECT_GT(test, effects, SEEDS * 100);
	KUNIT_EXPECT_GT(test, refused, SEEDS * 10);
	KUNIT_EXPECT_GT(test, unknown, 0);
	KUNIT_EXPECT_GT(test, expired, SEEDS);
	KUNIT_EXPECT_GT(test, runs, SEEDS * 100);
	KUNIT_EXPECT_GT(test, left_out, SEEDS * 100);
	KUNIT_EXPECT_GT(test, unsent, SEEDS * 10);
}

static struct kunit_case client_model_cases[] = {
	KUNIT_CASE(every_request_ends_once_and_truly),
	{}
};

static struct kunit_suite client_model_suite = {
	.name = "fsm-client-model",
	.test_cases = client_model_cases,
};

kunit_test_suite(client_model_suite);

MODULE_LICENSE("GPL");
