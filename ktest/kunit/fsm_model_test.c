// SPDX-License-Identifier: GPL-2.0
/*
 * The state machine against plain arrays that never forget: thousands of random
 * entries, repeated, reordered, cancelled, from nodes that restart and handles
 * that close. Again and again a snapshot is taken while entries go on being
 * applied; the state that is loaded from it must be that of the moment at which
 * it began, and must become equal again when the same entries are applied.
 */
#include <linux/module.h>
#include "fsm_kit.h"

enum {
#ifdef __KERNEL__
	SEEDS = 4,
	RUN_ENTRIES = 6000,
#else
	SEEDS = 60,
	RUN_ENTRIES = 12000,
#endif
	NODES = 5,		/* names of nodes */
	SEQS = 2400,		/* a session of the model ends there */
	NAMES = 48,		/* counters ever named */
	LIMIT = 40,		/* of objects: some never come to be */
	CLOSES = 256,
	FORMERS = 8,		/* as many as a session remembers */
	WALK_EVERY = 700,	/* entries, about */
	LOGGED = 2048,		/* entries kept since a snapshot began */
};

struct m_result {
	u64 value;
	u64 index;
	s32 status;
	bool known;
};

struct m_close {
	u64 handle;
	u64 last;
};

/* A node's name and the session that it has; id 0: never any. */
struct m_session {
	struct fsm_command owner;
	u64 id;
	u64 low;
	u64 next_seq;
	u32 n_closes;
	u32 n_former;
	struct fsm_command former[FORMERS];
	struct m_close close[CLOSES];
	struct m_result result[SEQS];
};

struct m_counter {
	u64 value;
	u64 index;
	bool exists;
};

struct model {
	struct m_session session[NODES];
	struct m_counter counter[NAMES];
	u32 objects;
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
 * @ids: sessions that ever were, for those who come late
 * @n_ids: how many
 * @snap: buffer; NULL: none is open
 * @snap_cap: bytes of it
 * @snap_hash: hash of the state when it began
 * @snap_index: its last entry
 * @logged: entries since then
 * @n_logged: how many
 * @out: outcome of the newest entry
 */
struct run {
	struct kunit *test;
	struct kit_pool *pool;
	struct fsm *f;
	struct model *now;
	struct model *then;
	u64 random;
	u64 ids[64];
	u32 n_ids;
	u8 *snap;
	u64 snap_cap;
	u64 snap_hash;
	u64 snap_index;
	struct entry *logged;
	u32 n_logged;
	struct fsm_outcome out;
};

static const char *const node_names[NODES] = { "a", "b", "c", "d", "e" };

static u32 below(struct run *r, u32 n)
{
	return kit_below(&r->random, n);
}

/* ------------------------------------------------------------- the model */

static u8 counter_name(u32 i, char *name)
{
	u8 len = 1 + (i * 7) % 20;

	memset(name, 'k', len);
	name[0] = 'A' + i;
	return len;
}

/* @c's node lost the name before: has it asked for more since? */
static int m_former(const struct m_session *s, const struct fsm_command *c)
{
	u32 i;

	for (i = 0; i < s->n_former; i++) {
		const struct fsm_command *o = &s->former[i];

		if (!raft_id_eq(o->node, c->node))
			continue;
		if (o->boot_counter != c->boot_counter)
			return c->boot_counter > o->boot_counter ? 1 : -1;
		return c->arg2 > o->arg2 ? 1 : -1;
	}
	return 1;
}

/* Is @c the newest word of that node? -1 older, 0 the same, 1 newer. */
static int m_order(const struct m_session *s, const struct fsm_command *c)
{
	const struct fsm_command *o = &s->owner;

	if (!s->id)
		return 1;
	if (!raft_id_eq(o->node, c->node))
		return m_former(s, c);
	if (o->boot_counter != c->boot_counter)
		return c->boot_counter > o->boot_counter ? 1 : -1;
	if (o->boot_nonce != c->boot_nonce)
		return -1;
	return c->arg2 > o->arg2 ? 1 : c->arg2 < o->arg2 ? -1 : 0;
}

static void m_open(struct run *r, const struct fsm_command *c, u64 index,
		   struct fsm_outcome *out)
{
	struct m_session *s = &r->now->session[c->name[0] - 'a'];
	int order = m_order(s, c);

	if (order < 0)
		return;
	out->kind = FSM_OUT_OPENED;
	out->index = index;
	if (order > 0) {
		out->replaced = s->id;
		if (s->id && !raft_id_eq(s->owner.node, c->node)) {
			struct fsm_command old[FORMERS];
			u32 i, n = s->n_former;

			memcpy(old, s->former, sizeof(old));
			s->former[0] = s->owner;
			s->n_former = 1;
			for (i = 0; i < n && s->n_former < FORMERS; i++)
				if (!raft_id_eq(old[i].node, c->node))
					s->former[s->n_former++] = old[i];
		}
		s->owner = *c;
		s->id = index;
		s->low = 1;
		s->next_seq = 1;
		s->n_closes = 0;
		memset(s->result, 0, sizeof(s->result));
		r->ids[r->n_ids++ % ARRAY_SIZE(r->ids)] = index;
	}
	out->session = s->id;
}

static void m_add(struct model *m, const struct fsm_command *c, u64 index,
		  struct m_result *res)
{
	struct m_counter *k = &m->counter[c->name[0] - 'A'];

	if (k->value > U64_MAX - c->arg) {
		res->status = -EOVERFLOW;
		return;
	}
	if (!k->exists && m->objects == LIMIT) {
		res->status = -ENOSPC;
		return;
	}
	m->objects += !k->exists;
	k->exists = true;
	k->value += c->arg;
	k->index = index;
	res->value = k->value;
}

/* Closed handles are never forgotten here: the records live long enough. */
static bool m_closed(const struct m_session *s, const struct fsm_command *c)
{
	u32 i;

	for (i = 0; i < s->n_closes; i++)
		if (s->close[i].handle == c->handle && c->seq <= s->close[i].last)
			return true;
	return false;
}

static struct m_session *m_find(struct model *m, u64 id)
{
	u32 i;

	for (i = 0; i < NODES; i++)
		if (m->session[i].id == id)
			return &m->session[i];
	return NULL;
}

static void m_request(struct run *r, const struct fsm_command *c, u64 index,
		      struct fsm_outcome *out)
{
	struct m_session *s = m_find(r->now, c->session);
	struct m_result *res;

	out->session = c->session;
	out->seq = c->seq;
	out->index = index;
	out->kind = FSM_OUT_RESULT;
	out->status = -EKEYEXPIRED;
	if (!s)
		return;
	s->low = max(s->low, c->low);
	if (c->seq < s->low) {
		*out = (struct fsm_outcome){ .kind = FSM_OUT_NONE };
		return;
	}
	res = &s->result[c->seq];
	if (!res->known) {
		res->known = true;
		res->index = index;
		if (c->op == FSM_HANDLE_CLOSE)
			s->close[s->n_closes++] =
				(struct m_close){ c->handle, c->arg };
		else if (c->op == FSM_CANCEL || m_closed(s, c))
			res->status = -ECANCELED;
		else
			m_add(r->now, c, index, res);
	}
	out->index = res->index;
	out->status = res->status;
	out->value = res->value;
}

/* -------------------------------------------------------------- one entry */

static bool agrees(const struct fsm_outcome *a, const struct fsm_outcome *b)
{
	return a->kind == b->kind && a->status == b->status &&
	       a->index == b->index && a->value == b->value &&
	       a->session == b->session && a->seq == b->seq &&
	       a->replaced == b->replaced;
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

	if (c->op == FSM_SESSION_OPEN)
		m_open(r, c, index, &want);
	else
		m_request(r, c, index, &want);
	kit_feed(r->pool, r->f);
	KUNIT_ASSERT_TRUE(r->test, fsm_room(r->f, index - 1, 1));
	KUNIT_ASSERT_EQ(r->test, fsm_apply(r->f, index, buf, len, &r->out), 0);
	if (!agrees(&r->out, &want))
		KUNIT_FAIL(r->test,
			   "entry %llu, op %u: kind %d status %d value %llu, not %d, %d, %llu",
			   index, c->op, r->out.kind, r->out.status,
			   r->out.value, want.kind, want.status, want.value);
	if (r->snap)
		log_entry(r, buf, len);
}

static void open_some(struct run *r)
{
	u32 who = below(r, NODES);
	struct fsm_command c = {
		.op = FSM_SESSION_OPEN,
		.name = node_names[who],
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

static void request_some(struct run *r)
{
	struct m_session *s = &r->now->session[below(r, NODES)];
	struct fsm_command c = { .op = FSM_COUNTER_ADD };
	char name[FSM_NAME_MAX];

	if (!s->id || s->next_seq > SEQS - 8 || s->n_closes == CLOSES)
		return;
	c.session = s->id;
	c.seq = some_seq(r, s);
	c.low = some_low(r, c.seq);
	if (r->n_ids && !below(r, 30))
		c.session = r->ids[below(r, min_t(u32, r->n_ids,
						  ARRAY_SIZE(r->ids)))];
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
	struct fsm_outcome out;
	u64 seq;
	int err;

	if (!s->id)
		return;
	KUNIT_EXPECT_EQ(r->test, fsm_session_of(f, s->owner.node,
						s->owner.boot_nonce,
						s->owner.arg2), s->id);
	for (seq = 1; seq < SEQS; seq++) {
		const struct m_result *res = &s->result[seq];
		bool fresh = seq >= s->low && !res->known;

		err = fsm_result(f, s->id, seq, &out);
		KUNIT_EXPECT_EQ(r->test, err, seq < s->low ? -ESTALE :
				res->known ? 0 : -EINPROGRESS);
		KUNIT_EXPECT_EQ(r->test, fsm_fresh(f, s->id, seq), fresh);
		if (!err)
			KUNIT_EXPECT_TRUE(r->test, out.status == res->status &&
					  out.value == res->value &&
					  out.index == res->index &&
					  out.seq == seq);
	}
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
		r->n_ids = 0;
		r->f = kit_fsm(r->pool, LIMIT);
		for (i = 0; i < RUN_ENTRIES && !kit_failed(test); i++) {
			if (!below(r, 150))
				open_some(r);
			request_some(r);
			snapshots(r);
		}
		compare(r, r->f, r->now);
		fsm_snapshot_end(r->f);
		r->snap = NULL;
		kit_drop(r->pool, r->f);
		for (at = 0; at < NODES; at++)
			KUNIT_EXPECT_TRUE(test, r->now->session[at].id);
	}
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
