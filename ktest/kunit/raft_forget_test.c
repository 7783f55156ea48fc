// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes that forget, in every kind of weather: a minority at a time loses the last
 * few things that it wrote, entries, terms and votes, and says so. Against ghost
 * state outside of the nodes: no term has two leaders, nothing committed changes,
 * and in the end all are of one mind and sure of themselves.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include "raft_bench.h"

#define CASE(f, text) { .run_case = f, .name = text }

enum {
	TERMS = 1024,		/* more in one life is a failure of its own */
	DOUBT_ENTRIES = 512,
	STEPS = 4,		/* writes that may be lost */
	LIVES = 30,
	TURNS = 1500,
};

/**
 * struct step - the storage of a node after one of its writes
 * @seq: which, counted over all starts; 0: no such write, or entries before it were replaced since
 * @hard: term and vote
 * @last: last index
 */
struct step {
	u64 seq;
	struct raft_hard hard;
	u64 last;
};

/**
 * struct ghost - what was ever true
 * @b: the nodes
 * @rng: the weather
 * @leader: of each term; nobody yet
 * @term: of each committed entry; 0: none
 * @step: of each node, the newest first
 * @forgot: how often somebody forgot entries, and votes
 */
struct ghost {
	struct bench *b;
	u64 rng;
	struct raft_id leader[TERMS];
	u64 term[DOUBT_ENTRIES];
	struct step step[NODES_MAX][STEPS];
	unsigned int forgot[RAFT_DOUBT_VOTE + 1];
};

static u32 below(struct ghost *g, u32 n)
{
	g->rng ^= g->rng << 13;
	g->rng ^= g->rng >> 7;
	g->rng ^= g->rng << 17;
	return (u32)(((g->rng >> 32) * n) >> 32);
}

/* What storage holds now; what it held before counts only where that grew. */
static void note_storage(struct ghost *g, unsigned int i)
{
	struct node *nd = &g->b->node[i];
	struct step *s = g->step[i];

	if (s[0].seq == nd->persists)
		return;
	if (nd->first <= s[0].last)
		memset(s, 0, sizeof(g->step[i]));
	memmove(&s[1], &s[0], (STEPS - 1) * sizeof(*s));
	s[0] = (struct step){ .seq = nd->persists, .hard = nd->hard,
			      .last = raft_last_index(nd->r) };
}

/* "At most one leader can be elected in a given term" (paper, figure 3). */
static void check_leader(struct ghost *g, unsigned int i)
{
	struct node *nd = &g->b->node[i];
	u64 term = raft_term(nd->r);

	if (raft_role(nd->r) != RAFT_LEADER)
		return;
	KUNIT_ASSERT_LT(g->b->test, term, TERMS);
	if (!raft_id_some(g->leader[term]))
		g->leader[term] = nd->id;
	KUNIT_ASSERT_TRUE(g->b->test, raft_id_eq(g->leader[term], nd->id));
}

/* "State machine safety" (paper, figure 3). */
static void check_commit(struct ghost *g, unsigned int i)
{
	struct raft *r = g->b->node[i].r;
	u64 x, term;

	for (x = 1; x <= raft_commit(r); x++) {
		KUNIT_ASSERT_LT(g->b->test, x, DOUBT_ENTRIES);
		term = raft_term_at(r, x);
		if (!g->term[x])
			g->term[x] = term;
		KUNIT_ASSERT_EQ(g->b->test, g->term[x], term);
	}
}

static void check(struct ghost *g)
{
	unsigned int i;

	for (i = 0; i < g->b->n; i++) {
		KUNIT_ASSERT_TRUE(g->b->test, !raft_failed(g->b->node[i].r));
		note_storage(g, i);
		check_leader(g, i);
		check_commit(g, i);
	}
}

/* May one more node forget? A minority may, at a time. */
static bool may_forget(const struct ghost *g, unsigned int i)
{
	unsigned int k, n = 1;

	for (k = 0; k < g->b->n; k++)
		n += k != i && raft_doubt(g->b->node[k].r) != RAFT_SURE;
	return 2 * n < g->b->n;
}

/* Node @i is switched off and on, with the @lost last writes gone. */
static void crash(struct ghost *g, unsigned int i, unsigned int lost)
{
	struct node *nd = &g->b->node[i];
	struct step *s = g->step[i], now = s[0];
	enum raft_doubt doubt = raft_doubt(nd->r), found = RAFT_SURE;
	unsigned int k;

	while (lost && (!s[lost].seq || !s[lost].last))
		lost--;
	if (lost && may_forget(g, i)) {
		now = s[lost];
		found = now.hard.term != s[0].hard.term ||
			!raft_id_eq(now.hard.vote, s[0].hard.vote) ?
			RAFT_DOUBT_VOTE : RAFT_DOUBT_LOG;
	}
	g->forgot[found]++;
	memset(s, 0, sizeof(g->step[i]));
	bench_restart(g->b, i, now.last, now.hard, max(doubt, found));
	/* Whoever starts hears of those who are in doubt already. */
	for (k = 0; k < g->b->n; k++)
		if (k != i && raft_doubt(g->b->node[k].r) != RAFT_SURE)
			raft_doubted(nd->r, g->b->now, g->b->node[k].id);
	bench_drain(g->b, i);
	s[0] = now;
	s[0].seq = nd->persists;
}

/* A message is lost, repeated, late, or simply arrives. */
static void carry(struct ghost *g, struct packet *k)
{
	struct bench *b = g->b;
	unsigned int at;
	int to;

	if (!b->n_queue)
		return;
	at = below(g, b->n_queue);
	if (!below(g, 8) || b->n_queue > QUEUE_MAX / 2)
		b->queue[at].m.to = RAFT_NOBODY;
	bench_deliver_at(b, at, k);
	to = bench_index(b, k->m.to);
	if (below(g, 10) || to < 0)
		return;
	raft_step(b->node[to].r, b->now, &k->m);
	bench_drain(b, (unsigned int)to);
}

static void turn(struct ghost *g, struct packet *k)
{
	struct bench *b = g->b;
	unsigned int i = below(g, b->n);

	if (!below(g, 40))
		crash(g, i, 1 + below(g, STEPS - 1));
	else if (!below(g, 100))
		crash(g, i, 0);
	else if (!below(g, 20))
		raft_campaign(b->node[i].r, b->now);
	else if (!below(g, 4))
		bench_propose(b, i, (u8)i);
	bench_drain(b, i);
	if (!below(g, 3))
		bench_wait(b, MS * (1 + below(g, 12)), false);
	carry(g, k);
	carry(g, k);
}

/* All is well again: one leader, one log, no doubt. */
static void healed(struct ghost *g)
{
	struct bench *b = g->b;
	unsigned int i;

	bench_wait(b, 3000 * MS, true);
	check(g);
	KUNIT_ASSERT_GE(b->test, bench_leader(b), 0);
	bench_propose(b, bench_leader(b), 1);
	bench_wait(b, 100 * MS, true);
	check(g);
	for (i = 0; i < b->n; i++) {
		KUNIT_EXPECT_EQ(b->test, raft_doubt(b->node[i].r), RAFT_SURE);
		KUNIT_EXPECT_EQ(b->test, raft_commit(b->node[i].r),
				raft_last_index(b->node[0].r));
		KUNIT_EXPECT_EQ(b->test, b->node[i].sum, b->node[0].sum);
	}
}

/* A cluster is born, on the memory of the one before. */
static void born(struct ghost *g)
{
	struct bench *b = g->b;
	struct raft_params p;
	struct node *nd;
	unsigned int i;

	memset(g->leader, 0, sizeof(g->leader));
	memset(g->term, 0, sizeof(g->term));
	memset(g->step, 0, sizeof(g->step));
	bench_drop_all(b);
	for (i = 0; i < b->n; i++) {
		nd = &b->node[i];
		p = bench_params(nd, i);
		p.seed += g->rng;
		KUNIT_ASSERT_EQ(b->test, raft_init(nd->r, &p, b->now), 0);
		nd->applied = 0;
		nd->sum = 0;
		nd->persists = 0;
		nd->hard = (struct raft_hard){ 0 };
	}
	KUNIT_ASSERT_EQ(b->test, raft_bootstrap(b->node[0].r, b->now, &b->config,
						NULL, 0), 0);
	bench_drain(b, 0);
	bench_settle(b);
	check(g);
}

static void lives(struct kunit *test, unsigned int n, u64 seed)
{
	struct ghost *g = bench_alloc(test, sizeof(*g));
	struct packet *k = bench_alloc(test, sizeof(*k));
	unsigned int life, i;

	g->b = bench_new(test, n);
	g->rng = seed;
	for (life = 0; life < LIVES; life++) {
		born(g);
		for (i = 0; i < TURNS; i++) {
			turn(g, k);
			check(g);
		}
		healed(g);
	}
	KUNIT_EXPECT_GT(test, g->forgot[RAFT_DOUBT_LOG], LIVES);
	KUNIT_EXPECT_GT(test, g->forgot[RAFT_DOUBT_VOTE], LIVES);
}

static void three_forget(struct kunit *test)
{
	lives(test, 3, 88172645463325252ULL);
}

static void five_forget(struct kunit *test)
{
	lives(test, 5, 2463534242ULL);
}

static struct kunit_case forget[] = {
	CASE(three_forget,
	     "Three voters, one of which forgets: one leader a term, nothing committed is lost"),
	CASE(five_forget,
	     "Five voters, two of which forget: one leader a term, nothing committed is lost"),
	{}
};

static struct kunit_suite raft_forgets = {
	.name = "raft-forget",
	.test_cases = forget,
};

kunit_test_suite(raft_forgets);

MODULE_LICENSE("GPL");
