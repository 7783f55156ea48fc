// SPDX-License-Identifier: GPL-2.0
/*
 * Locks against the model of fsm_lock_model.h: hundreds of thousands of random
 * entries, acquires of all kinds, releases right and wrong, handles that close,
 * sessions that expire, are ended or replaced, revocations, fences, repetitions,
 * cancellations; with more claims in one hand and more sharers on one lock than one
 * entry may deal with (pitfalls 55, 56, 65 to 68, 71).
 *
 * Again and again a snapshot is taken while entries go on; the state loaded from it
 * must tell the same as the model at that moment, and then become what the other one
 * is, hash and events and all.
 */
#include <linux/module.h>
#include "fsm_lock_compare.h"

enum {
#ifdef __KERNEL__
	SEEDS = 3,
	RUN_ENTRIES = 3000,
#else
	SEEDS = 12,
	RUN_ENTRIES = 12000,
#endif
	AGAIN = 32,		/* commands that may come once more */
	WALK_EVERY = 150,	/* entries, about */
	LOGGED = 1024,
	SNAP_CAP = 88 + NODES * (80 + 8 + 8 * 32 + FSM_WINDOW * 24) +
		   LIMIT * 112 + 64 * 24,
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
 * @few: how many locks are in use: few with long queues, or many
 * @gathering: claims come, and hardly any goes
 * @again: commands that may be repeated
 * @names: what they point to
 * @n_again: commands so far
 * @snap: buffer
 * @walking: a snapshot is open
 * @snap_hash: hash of the state when it began
 * @snap_index: its last entry
 * @logged: entries since then
 * @n_logged: how many
 * @out: outcome of the newest entry
 * @granted: entries that granted as much as one may
 * @ended: entries that ended as much as one may
 * @told: flags and types of events that were ever seen
 * @runs: how many came
 */
struct run {
	struct kunit *test;
	struct kit_pool *pool;
	struct fsm *f;
	struct model *now;
	struct model *then;
	u64 random;
	u32 few;
	bool gathering;
	struct fsm_command again[AGAIN];
	char names[AGAIN][2][4];
	u32 n_again;
	u8 *snap;
	bool walking;
	u64 snap_hash;
	u64 snap_index;
	struct entry *logged;
	u32 n_logged;
	struct fsm_outcome out;
	u32 granted;
	u32 ended;
	u32 told;
	u32 runs;
};

static u32 below(struct run *r, u32 n)
{
	return kit_below(&r->random, n);
}

/* ------------------------------------------------------------- comparisons */

static bool same_event(const struct fsm_event *got, const struct fsm_event *want)
{
	char name[4];

	if (got->type != want->type || got->flags != want->flags ||
	    got->session != want->session || got->ticket != want->ticket ||
	    got->token != want->token)
		return false;
	if (got->type != FSM_EVENT_WANTED)
		return got->handle == want->handle;
	lock_name(want->handle, name);
	return got->name_len == 3 && !memcmp(got->name, name, 3);
}

static void compare_events(struct run *r)
{
	const struct fsm_event *e = fsm_events(r->f);
	u32 i;

	for (i = 0; i < r->out.n_events && i < r->now->n_events; i++) {
		KUNIT_EXPECT_TRUE(r->test, same_event(&e[i], &r->now->event[i]));
		r->told |= 1u << e[i].type | (u32)e[i].flags << 8;
	}
	r->granted += i == FSM_GRANTS_MAX;
}

static u32 claims(const struct fsm *f)
{
	struct fsm_stats st;

	fsm_stats(f, &st);
	return st.held + st.waiting;
}

/* Of a run no entry tells it: each is asked for its own. */
static void compare_run(struct run *r, const struct fsm_command *c)
{
	const struct m_session *s = m_session(r->now, c->session);

	if (c->op != FSM_COUNTER_RUN || !s)
		return;
	compare_results(r->test, r->f, s, c->seq, c->seq + c->arg2);
	r->runs++;
}

static void apply(struct run *r, const struct fsm_command *c)
{
	struct fsm_outcome want = { .kind = FSM_OUT_NONE };
	u64 index = kit_applied(r->f) + 1;
	u8 buf[FSM_COMMAND_MAX];
	u16 len = fsm_encode(c, buf);
	u32 before = claims(r->f);

	m_apply(r->now, c, index, &want);
	kit_feed(r->pool, r->f);
	KUNIT_ASSERT_TRUE(r->test, fsm_room(r->f, index - 1, 1));
	KUNIT_ASSERT_EQ(r->test, fsm_apply(r->f, index, buf, len, &r->out), 0);
	if (!kit_agrees(&r->out, &want))
		KUNIT_FAIL(r->test,
			   "entry %llu, op %u: kind %d status %d value %llu events %u, not %d, %d, %llu, %u",
			   index, c->op, r->out.kind, r->out.status,
			   r->out.value, r->out.n_events, want.kind,
			   want.status, want.value, want.n_events);
	compare_events(r);
	compare_run(r, c);
	r->ended += before - claims(r->f) == FSM_RELEASES_MAX;
	if (!r->walking)
		return;
	KUNIT_ASSERT_LT(r->test, r->n_logged, LOGGED);
	r->logged[r->n_logged].len = len;
	memcpy(r->logged[r->n_logged++].bytes, buf, len);
}

/* -------------------------------------------------------------- one entry */

static struct m_claim *some_claim(struct run *r)
{
	u32 i = below(r, CLAIMS), k;

	for (k = 0; k < CLAIMS; k++, i = (i + 1) % CLAIMS)
		if (r->now->claim[i].there)
			return &r->now->claim[i];
	return NULL;
}

static void open_some(struct run *r, u32 who)
{
	struct fsm_command c = {
		.op = FSM_SESSION_OPEN, .name = "abcd" + who, .name_len = 1,
		.node = { who + 1, 5 }, .boot_counter = 1, .boot_nonce = 3,
		.arg = FSM_TTL_MIN_MS + below(r, 1000),
		.arg2 = kit_applied(r->f),
	};

	/* Under the same incarnation or another: that is session.c's business. */
	if (!below(r, 3))
		c.node.lo = kit_applied(r->f);
	else if (r->now->session[who].id)
		c.node = r->now->session[who].owner.node;
	apply(r, &c);
}

/* Somebody's ticket and token: mostly what belongs together. */
static void name_claim(struct run *r, struct fsm_command *c, char *name)
{
	struct m_claim *claim = some_claim(r), *other = some_claim(r);

	c->arg = 1 + below(r, 50);
	c->arg2 = 1 + below(r, 50);
	if (!claim)
		return;
	c->arg = claim->ticket;
	c->arg2 = claim->granted ? claim->token : claim->ticket;
	lock_name(claim->lock, name);
	if (below(r, 8)) {
		c->session = claim->session;
		c->handle = claim->handle;
	}
	if (!below(r, 12))
		c->arg = other->ticket;
	if (!below(r, 12))
		c->arg2 = other->granted ? other->token : 1;
}

static void fence_some(struct run *r, struct fsm_command *c, char *name)
{
	const struct m_claim *claim = some_claim(r);

	if (!claim || below(r, 6))
		return;
	lock_name(below(r, 8) ? claim->lock : below(r, r->few), name);
	c->fence.name = name;
	c->fence.name_len = 3;
	c->fence.token = claim->granted && below(r, 8) ? claim->token :
							 1 + below(r, 999);
}

/* Which handle: the first has most, so that it comes to hold a hundred locks. */
static u64 some_handle(struct run *r, const struct m_session *s)
{
	return s->open[below(r, 3) ? 0 : below(r, OPEN)];
}

static void close_some(struct run *r, struct m_session *s, struct fsm_command *c)
{
	u32 which = below(r, OPEN);

	c->op = FSM_HANDLE_CLOSE;
	c->handle = s->open[which];
	c->arg = c->seq - 1;
	s->open[which] = ++s->next_handle;
}

/* What a request asks for; its session may change with it. */
static void ask_some(struct run *r, struct m_session *s, struct fsm_command *c,
		     char (*names)[4])
{
	u32 what = below(r, r->gathering && below(r, 60) ? 56 : 100);
	u32 alone = r->gathering ? 90 : r->few < 9 ? 5 : 2;

	c->handle = some_handle(r, s);
	c->name = names[0];
	c->name_len = lock_name(below(r, r->few), names[0]);
	if (what < 56) {
		c->op = FSM_LOCK_ACQUIRE;
		c->arg = !below(r, 5) * FSM_ACQUIRE_TRY +
			 !!below(r, alone) * FSM_ACQUIRE_SHARED;
		c->program.pid = 1 + below(r, 1000);
	} else if (what < 78) {
		c->op = what < 69 ? FSM_LOCK_RELEASE : FSM_LOCK_LEAVE;
		name_claim(r, c, names[0]);
	} else if (what < 82) {
		c->op = FSM_LOCK_REVOKE;
		name_claim(r, c, names[0]);
		c->arg = below(r, 2) ? c->arg2 : 0;
	} else if (what < 90) {
		c->op = FSM_COUNTER_ADD;
		c->arg = 1 + below(r, 5);
		c->name = "c";
		c->name_len = 1;
		c->arg2 = below(r, 7);
	} else if (what < 94) {
		c->op = FSM_CANCEL;
	} else if (what < 98) {
		close_some(r, s, c);
	} else if (!below(r, 4)) {
		c->op = FSM_SESSION_END;
		c->arg = r->now->session[below(r, NODES)].id + !below(r, 5);
		c->arg += !c->arg;
	} else {
		c->op = FSM_CANCEL;
	}
	if (c->op == FSM_COUNTER_ADD || c->op == FSM_LOCK_ACQUIRE)
		fence_some(r, c, names[1]);
	if (c->op != FSM_COUNTER_ADD)
		return;
	if (c->arg2 >= 2 && !c->fence.token)
		c->op = FSM_COUNTER_RUN;
	else
		c->arg2 = 0;
}

static void request_some(struct run *r)
{
	struct m_session *s = &r->now->session[below(r, NODES)];
	struct fsm_command *c = &r->again[r->n_again % AGAIN];
	u32 at = r->n_again++ % AGAIN;
	u64 session;

	*c = (struct fsm_command){ .op = FSM_REAP };
	if (!s->id || s->next_seq > SEQS - 8 || s->n_closes > CLOSES - 4) {
		open_some(r, s - r->now->session);
		return;
	}
	c->session = s->id;
	/* Seqs that are left out come later, or never. */
	s->next_seq += !below(r, 10);
	c->seq = s->next_seq;
	ask_some(r, s, c, r->names[at]);
	session = c->session;
	s = m_session(r->now, session);
	if (s && s->next_seq < SEQS - 8 && s->id != 0) {
		c->seq = s->next_seq;
		/* Some of a run come again, alone or with others. */
		s->next_seq += c->op == FSM_COUNTER_RUN ? 1 + below(r, c->arg2) : 1;
		if (c->op == FSM_HANDLE_CLOSE)
			c->arg = c->seq - 1;
	}
	c->low = c->seq > 60 ? c->seq - below(r, 60) : 1;
	c->stamp = c->op == FSM_COUNTER_ADD || c->op == FSM_COUNTER_RUN ||
		   c->op == FSM_CANCEL ? 0 : below(r, 1000000);
	apply(r, c);
}

/* The same once more; or what was left out, from a handle that may be closed. */
static void again_some(struct run *r)
{
	struct fsm_command c = r->again[below(r, min_t(u32, r->n_again, AGAIN))];
	struct m_session *s = m_session(r->now, c.session);

	if (s && c.op == FSM_LOCK_ACQUIRE && !below(r, 4) && c.seq > 1 &&
	    !s->result[c.seq - 1].known) {
		c.seq--;
		c.low -= c.low > c.seq;
	}
	apply(r, &c);
}

static void live_some(struct run *r)
{
	struct fsm_command reap = kit_reap(), expire = kit_expire(1);
	u64 whom = r->now->session[below(r, NODES)].id;
	u32 what = below(r, 300);

	expire.arg = whom ? whom : 3;
	if (what < 2)
		apply(r, &expire);
	else if (what == 2)
		open_some(r, below(r, NODES));
	else if (what < 30 && r->n_again)
		again_some(r);
	else if (what < (fsm_dying(r->f) ? 130 : 35))
		apply(r, &reap);
	else
		request_some(r);
}

/* -------------------------------------------------------------- snapshots */

static void begin_walk(struct run *r)
{
	u64 need = fsm_snapshot_bytes(r->f);

	KUNIT_ASSERT_LE(r->test, need, (u64)SNAP_CAP);
	KUNIT_ASSERT_EQ(r->test, fsm_snapshot_begin(r->f, r->snap, need), 0);
	memcpy(r->then, r->now, sizeof(*r->then));
	r->snap_hash = kit_hash(r->f);
	r->snap_index = kit_applied(r->f);
	r->n_logged = 0;
	r->walking = true;
}

/* @f and @g have applied the same: does it show? */
static void replay(struct run *r, struct fsm *g)
{
	struct fsm_outcome out;
	u32 i;

	for (i = 0; i < r->n_logged; i++) {
		kit_feed(r->pool, g);
		KUNIT_ASSERT_EQ(r->test, fsm_apply(g, kit_applied(g) + 1,
						   r->logged[i].bytes,
						   r->logged[i].len, &out), 0);
	}
	KUNIT_EXPECT_TRUE(r->test, kit_hash(g) == kit_hash(r->f));
	KUNIT_EXPECT_EQ(r->test, fsm_snapshot_bytes(g),
			fsm_snapshot_bytes(r->f));
	compare(r->test, g, r->now);
}

/* The walk is through: who starts from it ends where we are. */
static void end_walk(struct run *r)
{
	u64 need = fsm_snapshot_end(r->f);
	struct fsm *g = kit_load(r->pool, r->snap, need, 1 + below(r, 50));

	r->walking = false;
	KUNIT_ASSERT_TRUE(r->test, g);
	KUNIT_EXPECT_TRUE(r->test, kit_hash(g) == r->snap_hash);
	KUNIT_EXPECT_EQ(r->test, kit_applied(g), r->snap_index);
	KUNIT_EXPECT_EQ(r->test, fsm_snapshot_bytes(g), need);
	compare(r->test, g, r->then);
	replay(r, g);
	/* Go on with either. */
	if (below(r, 2))
		swap(r->f, g);
	kit_drop(r->pool, g);
}

static void snapshots(struct run *r)
{
	if (!r->walking) {
		if (!below(r, WALK_EVERY))
			begin_walk(r);
		return;
	}
	/* Slowly, so that entries come between. */
	if (r->n_logged > LOGGED - 8 || !below(r, 3))
		if (fsm_snapshot_step(r->f, r->n_logged > LOGGED - 8 ? 100000 :
				      1 + below(r, 12)))
			end_walk(r);
}

static struct run *fresh_run(struct kunit *test)
{
	struct run *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	KUNIT_ASSERT_TRUE(test, r);
	r->test = test;
	r->pool = kit_pool(test);
	r->now = kunit_kzalloc(test, sizeof(*r->now), GFP_KERNEL);
	r->then = kunit_kzalloc(test, sizeof(*r->then), GFP_KERNEL);
	r->logged = kunit_kzalloc(test, LOGGED * sizeof(struct entry),
				  GFP_KERNEL);
	r->snap = kunit_kzalloc(test, SNAP_CAP, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, r->now && r->then && r->logged && r->snap);
	return r;
}

static void one_life(struct run *r, u32 seed)
{
	u32 i;

	r->random = seed * 0x9e3779b97f4a7c15ULL;
	r->few = seed % 3 ? seed % 3 * 2 : LOCKS;
	r->n_again = 0;
	memset(r->now, 0, sizeof(*r->now));
	r->now->next_token = 1;
	r->f = kit_fsm(r->pool, LIMIT);
	for (i = 0; i < RUN_ENTRIES && !kit_failed(r->test); i++) {
		if (!below(r, 250))
			r->gathering = !r->gathering;
		live_some(r);
		snapshots(r);
		if (!below(r, 40))
			compare(r->test, r->f, r->now);
	}
	fsm_snapshot_end(r->f);
	r->walking = false;
	kit_drop(r->pool, r->f);
}

static void locks_agree_with_one_array_of_claims(struct kunit *test)
{
	struct run *r = fresh_run(test);
	u32 seed;

	for (seed = 1; seed <= SEEDS && !kit_failed(test); seed++) {
		kunit_info(test, "seed %u", seed);
		one_life(r, seed);
	}
	/* The bounds were met, and everything that there is to tell was told. */
	KUNIT_EXPECT_GT(test, r->granted, 0);
	KUNIT_EXPECT_GT(test, r->ended, 5);
	KUNIT_EXPECT_EQ(test, r->told, 0x30eu);
	KUNIT_EXPECT_GT(test, r->runs, SEEDS * RUN_ENTRIES / 100);
}

static struct kunit_case lock_model_cases[] = {
	KUNIT_CASE(locks_agree_with_one_array_of_claims),
	{}
};

static struct kunit_suite lock_model_suite = {
	.name = "fsm-lock-model",
	.test_cases = lock_model_cases,
};

kunit_test_suite(lock_model_suite);

MODULE_LICENSE("GPL");
