// SPDX-License-Identifier: GPL-2.0
/*
 * The state machine against plain arrays that never forget: thousands of random
 * entries, repeated, reordered, cancelled, from nodes that restart and handles
 * that close. Again and again a snapshot is taken while entries go on being
 * applied; the state that is loaded from it must be that of the moment at which
 * it began, and must become equal again when the same entries are applied.
 */
#include <linux/module.h>
#include "fsm_model.h"

enum {
#ifdef __KERNEL__
	SEEDS = 4,
	RUN_ENTRIES = 6000,
#else
	SEEDS = 60,
	RUN_ENTRIES = 12000,
#endif
	WALK_EVERY = 700,	/* entries, about */
	LOGGED = 2048,		/* entries kept since a snapshot began */
};

struct entry {
	u16 len;
	u8 bytes[FSM_COMMAND_MAX];
};

/**
 * struct run - one seed's world
 * @test: whose
 * @pool: memory
 * @f: the state machine
 * @now: the model beside it
 * @then: the model when the open snapshot began
 * @random: state of the generator
 * @snap: buffer; NULL: none is open
 * @snap_cap: bytes of it
 * @snap_hash: hash of the state when it began
 * @snap_index: its last entry
 * @logged: entries since then
 * @n_logged: how many
 * @out: outcome of the newest entry
 * @runs: how many came
 * @left_out: of these, requests that were resolved before
 */
struct run {
	struct kunit *test;
	struct kit_pool *pool;
	struct fsm *f;
	struct model *now;
	struct model *then;
	u64 random;
	u8 *snap;
	u64 snap_cap;
	u64 snap_hash;
	u64 snap_index;
	struct entry *logged;
	u32 n_logged;
	struct fsm_outcome out;
	u32 runs;
	u32 left_out;
};

static u32 below(struct run *r, u32 n)
{
	return kit_below(&r->random, n);
}

/* -------------------------------------------------------------- one entry */

static bool agrees(const struct fsm_outcome *a, const struct fsm_outcome *b)
{
	return a->kind == b->kind && a->status == b->status &&
	       a->index == b->index && a->value == b->value &&
	       a->session == b->session && a->seq == b->seq &&
	       a->count == b->count && a->replaced == b->replaced;
}

/* What became of request @seq of @s. */
static void compare_result(struct run *r, const struct fsm *f,
			   const struct m_session *s, u64 seq)
{
	const struct m_result *res = &s->result[seq];
	struct fsm_outcome out;
	int err = fsm_result(f, s->id, seq, &out);

	KUNIT_EXPECT_EQ(r->test, err, seq < s->low ? -ESTALE :
			res->known ? 0 : -EINPROGRESS);
	KUNIT_EXPECT_EQ(r->test, fsm_fresh(f, s->id, seq),
			seq >= s->low && !res->known);
	if (!err)
		KUNIT_EXPECT_TRUE(r->test, out.status == res->status &&
				  out.value == res->value &&
				  out.index == res->index && out.seq == seq &&
				  out.count == 1);
}

/* Of a run no entry tells it: each is asked for its own. */
static void compare_run(struct run *r, const struct fsm_command *c)
{
	const struct m_session *s = m_find(r->now, c->session);
	u64 i;

	for (i = 0; s && i < c->arg2; i++)
		compare_result(r, r->f, s, c->seq + i);
}

static void log_entry(struct run *r, const u8 *buf, u16 len)
{
	struct entry *e = &r->logged[r->n_logged++];

	KUNIT_ASSERT_LE(r->test, r->n_logged, LOGGED);
	e->len = len;
	memcpy(e->bytes, buf, len);
}

static void apply(struct run *r, const struct fsm_command *c)
{
	struct fsm_outcome want = { .kind = FSM_OUT_NONE };
	u64 index = kit_applied(r->f) + 1;
	u8 buf[FSM_COMMAND_MAX];
	u16 len = fsm_encode(c, buf);

	if (c->op != FSM_SESSION_OPEN)
		KUNIT_EXPECT_EQ(r->test, fsm_news(r->f, c), m_news(r->now, c));
	if (c->op == FSM_SESSION_OPEN)
		m_open(r->now, c, index, &want);
	else
		m_request(r->now, c, index, &want);
	kit_feed(r->pool, r->f);
	KUNIT_ASSERT_TRUE(r->test, fsm_room(r->f, index - 1, 1));
	KUNIT_ASSERT_EQ(r->test, fsm_apply(r->f, index, buf, len, &r->out), 0);
	if (!agrees(&r->out, &want))
		KUNIT_FAIL(r->test,
			   "entry %llu, op %u: kind %d status %d value %llu, not %d, %d, %llu",
			   index, c->op, r->out.kind, r->out.status,
			   r->out.value, want.kind, want.status, want.value);
	if (c->op == FSM_COUNTER_RUN)
		compare_run(r, c);
	if (r->snap)
		log_entry(r, buf, len);
}

static void open_some(struct run *r)
{
	u32 who = below(r, NODES);
	struct fsm_command c = {
		.op = FSM_SESSION_OPEN,
		.name = "abcde" + who,
		.name_len = 1,
		.boot_counter = 1 + below(r, 3),
		.arg = KIT_TTL,
		.arg2 = 1 + below(r, 3),
	};

	/* The nodes come to new incarnations as time goes by. */
	c.node.hi = 1 + who + NODES * (kit_applied(r->f) / 1500 + below(r, 2));
	c.node.lo = c.node.hi * 77;
	c.boot_nonce = c.boot_counter * 10 + !below(r, 8);
	apply(r, &c);
}

/* A seq: mostly the next, else one of those before, seen or not. */
static u64 some_seq(struct run *r, struct m_session *s)
{
	if (below(r, 3)) {
		/* Some numbers are left out, and come later or never. */
		s->next_seq += below(r, 8) ? 1 : below(r, 4);
		return s->next_seq;
	}
	return max_t(s64, 1, (s64)s->next_seq - below(r, below(r, 4) ? 20 : 1023));
}

/* Mostly behind by a little; sometimes by a window, sometimes not at all. */
static u64 some_low(struct run *r, u64 seq)
{
	u64 back = below(r, below(r, 12) ? 40 : FSM_WINDOW);

	return seq > back ? seq - back : 1;
}

/* It and those behind it are asked for together, as far as the window goes. */
static void extend(struct run *r, struct m_session *s, struct fsm_command *c)
{
	u32 count = 2 + below(r, below(r, 10) ? 6 : FSM_RUN_MAX - 1);

	if (c->seq + count > SEQS - 8)
		return;
	c->op = FSM_COUNTER_RUN;
	c->arg2 = count;
	if (c->seq + count > c->low + FSM_WINDOW)
		c->low = c->seq + count - FSM_WINDOW;
	/* Some of them come again, alone or with others. */
	s->next_seq = max(s->next_seq, c->seq + below(r, count));
}

static void request_some(struct run *r)
{
	struct model *m = r->now;
	struct m_session *s = &m->session[below(r, NODES)];
	struct fsm_command c = { .op = FSM_COUNTER_ADD };
	char name[FSM_NAME_MAX];

	if (!s->id || s->next_seq > SEQS - 8 || s->n_closes == CLOSES)
		return;
	c.session = s->id;
	c.seq = some_seq(r, s);
	c.low = some_low(r, c.seq);
	if (!below(r, 30))
		c.session = m->ids[below(r, min_t(u32, m->n_ids,
						  ARRAY_SIZE(m->ids)))];
	if (!m_find(r->now, c.session))
		c.session = 1;
	c.handle = 1 + below(r, 5);
	c.arg = below(r, 60) ? 1 + below(r, 9) : U64_MAX - below(r, 5);
	c.name = name;
	c.name_len = counter_name(below(r, NAMES), name);
	if (!below(r, 12))
		c = kit_cancel(c.session, c.seq, c.low);
	else if (!below(r, 12))
		c = kit_close(c.session, c.seq, c.low, c.handle,
			      c.seq - 1 - below(r, min_t(u64, c.seq, 40)));
	else if (!below(r, 4))
		extend(r, s, &c);
	s = m_find(r->now, c.session);
	if (s && (c.seq > SEQS - 8 || s->n_closes == CLOSES))
		return;
	apply(r, &c);
}

/* -------------------------------------------------------------- snapshots */

static void compare_counters(struct run *r, const struct fsm *f,
			     const struct model *m)
{
	char name[FSM_NAME_MAX];
	u64 value, index;
	u32 i;

	for (i = 0; i < NAMES; i++) {
		u8 len = counter_name(i, name);
		const struct m_counter *k = &m->counter[i];
		bool there = !fsm_counter(f, name, len, &value, &index);

		KUNIT_EXPECT_EQ(r->test, there, k->exists);
		if (there)
			KUNIT_EXPECT_TRUE(r->test, value == k->value &&
					  index == k->index);
	}
}

static void compare_results(struct run *r, const struct fsm *f,
			    const struct m_session *s)
{
	u64 seq;

	if (!s->id)
		return;
	KUNIT_EXPECT_EQ(r->test, fsm_session_of(f, s->owner.node,
						s->owner.boot_nonce,
						s->owner.arg2), s->id);
	for (seq = 1; seq < SEQS; seq++)
		compare_result(r, f, s, seq);
}

static void compare(struct run *r, const struct fsm *f, const struct model *m)
{
	u32 i;

	compare_counters(r, f, m);
	for (i = 0; i < NODES; i++)
		compare_results(r, f, &m->session[i]);
}

static void begin_walk(struct run *r)
{
	u64 need = fsm_snapshot_bytes(r->f);

	KUNIT_ASSERT_LE(r->test, need, r->snap_cap);
	r->snap = (u8 *)(r->logged + LOGGED);
	KUNIT_EXPECT_EQ(r->test, fsm_snapshot_begin(r->f, r->snap, need - 1),
			-ENOSPC);
	KUNIT_ASSERT_EQ(r->test, fsm_snapshot_begin(r->f, r->snap, need), 0);
	KUNIT_EXPECT_EQ(r->test, fsm_snapshot_begin(r->f, r->snap, need),
			-EBUSY);
	memcpy(r->then, r->now, sizeof(*r->then));
	r->snap_hash = kit_hash(r->f);
	r->snap_index = kit_applied(r->f);
	r->n_logged = 0;
	memset(r->snap + need, 0xa5, 8);
}

/* The walk is through: who starts from it ends where we are. */
static void end_walk(struct run *r)
{
	u64 need = fsm_snapshot_end(r->f);
	struct fsm_outcome out;
	struct fsm *g;
	u32 i;

	KUNIT_EXPECT_EQ(r->test, r->snap[need], 0xa5);
	g = kit_load(r->pool, r->snap, need, 1 + below(r, 50));
	r->snap = NULL;
	KUNIT_ASSERT_TRUE(r->test, g);
	KUNIT_EXPECT_TRUE(r->test, kit_hash(g) == r->snap_hash);
	KUNIT_EXPECT_EQ(r->test, kit_applied(g), r->snap_index);
	KUNIT_EXPECT_EQ(r->test, fsm_snapshot_bytes(g), need);
	compare(r, g, r->then);
	for (i = 0; i < r->n_logged; i++) {
		kit_feed(r->pool, g);
		KUNIT_ASSERT_EQ(r->test, fsm_apply(g, kit_applied(g) + 1,
						   r->logged[i].bytes,
						   r->logged[i].len, &out), 0);
	}
	KUNIT_EXPECT_TRUE(r->test, kit_hash(g) == kit_hash(r->f));
	KUNIT_EXPECT_EQ(r->test, fsm_snapshot_bytes(g),
			fsm_snapshot_bytes(r->f));
	/* Go on with either. */
	if (below(r, 2)) {
		kit_drop(r->pool, r->f);
		r->f = g;
	} else {
		kit_drop(r->pool, g);
	}
}

static void snapshots(struct run *r)
{
	if (!r->snap) {
		if (!below(r, WALK_EVERY))
			begin_walk(r);
		return;
	}
	/* Slowly, so that entries come between; sometimes given up. */
	if (!below(r, 3000)) {
		fsm_snapshot_end(r->f);
		r->snap = NULL;
	} else if (!below(r, 4) && fsm_snapshot_step(r->f, 1 + below(r, 3))) {
		end_walk(r);
	}
}

static struct run *fresh_run(struct kunit *test)
{
	u64 cap = 88 + NODES * (80 + 8 + FORMERS * 32 + FSM_WINDOW * 24) +
		  NAMES * 64 + 64;
	struct run *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	KUNIT_ASSERT_TRUE(test, r);
	r->test = test;
	r->snap_cap = cap;
	r->pool = kit_pool(test);
	r->now = kunit_kzalloc(test, sizeof(*r->now), GFP_KERNEL);
	r->then = kunit_kzalloc(test, sizeof(*r->then), GFP_KERNEL);
	r->logged = kunit_kzalloc(test, LOGGED * sizeof(struct entry) + cap + 8,
				  GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, r->now && r->then && r->logged);
	return r;
}

static void it_agrees_with_arrays_that_never_forget(struct kunit *test)
{
	struct run *r = fresh_run(test);
	u32 seed, i, at;

	for (seed = 1; seed <= SEEDS && !kit_failed(test); seed++) {
		kunit_info(test, "seed %u", seed);
		r->random = seed * 0x9e3779b97f4a7c15ULL;
		memset(r->now, 0, sizeof(*r->now));
		r->f = kit_fsm(r->pool, LIMIT);
		for (i = 0; i < RUN_ENTRIES && !kit_failed(test); i++) {
			if (!below(r, 150))
				open_some(r);
			request_some(r);
			snapshots(r);
		}
		compare(r, r->f, r->now);
		r->runs += r->now->runs;
		r->left_out += r->now->left_out;
		fsm_snapshot_end(r->f);
		r->snap = NULL;
		kit_drop(r->pool, r->f);
		for (at = 0; at < NODES; at++)
			KUNIT_EXPECT_TRUE(test, r->now->session[at].id);
	}
	kunit_info(test, "%u runs, %u left out of them", r->runs, r->left_out);
	KUNIT_EXPECT_GT(test, r->runs, SEEDS * RUN_ENTRIES / 10);
	KUNIT_EXPECT_GT(test, r->left_out, r->runs / 10);
}

static struct kunit_case model_cases[] = {
	KUNIT_CASE(it_agrees_with_arrays_that_never_forget),
	{}
};

static struct kunit_suite model_suite = {
	.name = "fsm-model",
	.test_cases = model_cases,
};

kunit_test_suite(model_suite);

MODULE_LICENSE("GPL");
