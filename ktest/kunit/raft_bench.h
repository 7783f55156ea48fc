/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites of the Raft core share: a few nodes, a storage that completes
 * when it is told to, and a network that is an array. Everything a node says is
 * kept in one queue until the test delivers or drops it.
 */
#ifndef RAFT_BENCH_H
#define RAFT_BENCH_H

#include <kunit/test.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "../../kmod/raft/raft.h"

#define MS 1000000ULL

enum {
	NODES_MAX = 7,
	SLOTS = 1024,
	BYTES = 65536,
	QUEUE_MAX = 160,
	READS_SEEN_MAX = 256,
	HEARTBEAT_MS = 30,
	ELECTION_MIN_MS = 150,
	ELECTION_MAX_MS = 300,
	BATCH_BYTES = 1152,
	SNAPSHOT_MAX = 8192,
};

struct packet {
	struct raft_msg m;
	struct raft_config config;
	struct raft_entry views[RAFT_BATCH_MAX];
	u8 bytes[BATCH_BYTES];
	u8 node;		/* who said it */
};

struct node {
	struct raft *r;
	struct raft_log_mem log;
	struct raft_id id;
	bool manual;		/* storage completes by store_done() only */
	bool cut_off;		/* nothing goes in or out */
	u64 persists;		/* how many were asked for */
	u64 seq, term, last;	/* of the last one */
	struct raft_hard hard;	/* in the last one */
	u64 first;		/* in the last one */
	bool anew;
	u64 applied;
	u64 sum;		/* of what was applied */
	unsigned int n_reads;
	struct raft_read reads[READS_SEEN_MAX];
	u64 snap_want;
	unsigned int snap_makes;
	unsigned int installs;
	u8 buf[SNAPSHOT_MAX];
};

struct bench {
	struct kunit *test;
	u64 now;
	unsigned int n;
	struct node *node;
	struct raft_config config;
	unsigned int n_queue;
	struct packet *queue;
	u64 said;		/* messages since the start */
	u8 notify;		/* bit i: raft_notify() node i when entries are applied */
	struct raft_entry *kept;	/* a log over a restart */
	u8 *bytes;
};

static inline struct raft_id id_of(unsigned int i)
{
	return (struct raft_id){ 0x1000 + i, 0x77 };
}

static inline void *bench_alloc(struct kunit *test, size_t n)
{
	void *p = kunit_kzalloc(test, n, GFP_KERNEL);

	KUNIT_ASSERT_TRUE(test, !!p);
	return p;
}

static inline struct raft_params bench_params(const struct node *n,
					      unsigned int i)
{
	return (struct raft_params){
		.self = n->id,
		.seed = 0x9e3779b97f4a7c15ULL * (i + 1),
		.heartbeat_ns = HEARTBEAT_MS * MS,
		.election_min_ns = ELECTION_MIN_MS * MS,
		.election_max_ns = ELECTION_MAX_MS * MS,
		.retransmit_min_ns = 2 * MS,
		.batch_bytes = BATCH_BYTES,
		.log = n->log,
	};
}

/* @n nodes that know nothing of each other; the clock stands at 1 s. */
static inline struct bench *bench_new(struct kunit *test, unsigned int n)
{
	struct bench *b = bench_alloc(test, sizeof(*b));
	struct raft_params p;
	struct node *nd;
	unsigned int i;

	b->test = test;
	b->now = 1000 * MS;
	b->n = n;
	b->node = bench_alloc(test, n * sizeof(*b->node));
	b->queue = bench_alloc(test, QUEUE_MAX * sizeof(*b->queue));
	b->config.n = (u8)n;
	b->config.n_voters = (u8)n;
	for (i = 0; i < n; i++) {
		nd = &b->node[i];
		nd->id = id_of(i);
		b->config.member[i] = nd->id;
		nd->r = bench_alloc(test, raft_size());
		nd->log.n_slots = SLOTS;
		nd->log.n_bytes = BYTES;
		nd->log.slots = bench_alloc(test, SLOTS * sizeof(*nd->log.slots));
		nd->log.bytes = bench_alloc(test, BYTES);
		p = bench_params(nd, i);
		KUNIT_ASSERT_EQ(test, raft_init(nd->r, &p, b->now), 0);
	}
	return b;
}

/* What the network carries is a copy; entries are read now, as a driver must. */
static inline void bench_say(struct bench *b, unsigned int i,
			     const struct raft_msg *m)
{
	struct packet *k = &b->queue[b->n_queue];
	struct raft_entry e;
	u32 used = 0;
	u16 x;

	b->said++;
	if (b->node[i].cut_off)
		return;
	KUNIT_ASSERT_LT(b->test, b->n_queue, QUEUE_MAX);
	b->n_queue++;
	k->m = *m;
	k->node = (u8)i;
	for (x = 0; m->type == RAFT_APPEND && x < m->n_entries; x++) {
		KUNIT_ASSERT_EQ(b->test, raft_entry(b->node[i].r,
						    m->index + 1 + x, &e), 0);
		KUNIT_ASSERT_LE(b->test, used + e.len, BATCH_BYTES);
		memcpy(k->bytes + used, e.data, e.len);
		k->views[x] = e;
		k->views[x].data = k->bytes + used;
		used += e.len;
	}
	k->m.entries = m->n_entries ? k->views : NULL;
	if (m->config)
		k->config = *m->config;
	k->m.config = m->config ? &k->config : NULL;
	if (m->len)
		memcpy(k->bytes, m->data, m->len);
	k->m.data = m->len ? k->bytes : NULL;
}

static inline void bench_apply(struct bench *b, struct node *nd,
			       const struct raft_ready *rd)
{
	struct raft_entry e;
	u64 i;

	for (i = rd->apply_first; i <= rd->apply_last; i++) {
		KUNIT_EXPECT_EQ(b->test, i, nd->applied + 1);
		KUNIT_ASSERT_EQ(b->test, raft_entry(nd->r, i, &e), 0);
		nd->sum = nd->sum * 31 + e.term * 7 + e.len +
			  (e.len ? e.data[0] : 0);
		nd->applied = i;
	}
	for (i = 0; i < rd->n_reads && nd->n_reads < READS_SEEN_MAX; i++)
		nd->reads[nd->n_reads++] = rd->reads[i];
}

static inline void bench_persist(struct node *nd, const struct raft_ready *rd)
{
	struct raft_entry e;

	if (!rd->persist.seq)
		return;
	nd->persists++;
	nd->seq = rd->persist.seq;
	nd->hard = rd->persist.hard;
	nd->first = rd->persist.first;
	nd->last = 0;
	nd->term = 0;
	nd->anew = rd->persist.snapshot;
	if (rd->persist.last < rd->persist.first ||
	    raft_entry(nd->r, rd->persist.last, &e))
		return;
	nd->last = rd->persist.last;
	nd->term = e.term;
}

/* What is applied concerns nodes: as a driver does it, before raft_advance(). */
static inline void bench_notify(struct bench *b, struct node *nd,
				const struct raft_ready *rd)
{
	unsigned int i, msgs = rd->n_msgs;

	if (!b->notify || rd->apply_last < rd->apply_first)
		return;
	raft_applied(nd->r, nd->applied);
	for (i = 0; i < b->n; i++)
		if (b->notify >> i & 1)
			raft_notify(nd->r, b->now, id_of(i));
	KUNIT_EXPECT_EQ(b->test, rd->n_msgs, msgs);
	KUNIT_EXPECT_TRUE(b->test, raft_ready(nd->r, b->now) == rd);
}

/* Carry out all that node @i wants done. */
static inline void bench_drain(struct bench *b, unsigned int i)
{
	struct node *nd = &b->node[i];
	const struct raft_ready *rd;
	unsigned int k, rounds = 0;
	bool stored;

	while ((rd = raft_ready(nd->r, b->now))) {
		KUNIT_ASSERT_LT(b->test, rounds++, 1000);
		stored = rd->persist.seq;
		bench_persist(nd, rd);
		for (k = 0; k < rd->n_msgs; k++)
			bench_say(b, i, &rd->msgs[k]);
		bench_apply(b, nd, rd);
		bench_notify(b, nd, rd);
		if (rd->snap_want)
			nd->snap_want = rd->snap_want;
		nd->snap_makes += rd->snap_make;
		nd->installs += rd->snap_install;
		raft_advance(nd->r);
		raft_applied(nd->r, nd->applied);
		if (stored && !nd->manual)
			raft_persisted(nd->r, b->now, nd->seq, nd->term, nd->last);
	}
}

/* Storage of node @i has done all that it was asked. */
static inline void store_done(struct bench *b, unsigned int i)
{
	struct node *nd = &b->node[i];

	raft_persisted(nd->r, b->now, nd->seq, nd->term, nd->last);
	bench_drain(b, i);
}

static inline int bench_index(const struct bench *b, struct raft_id id)
{
	unsigned int i;

	for (i = 0; i < b->n; i++)
		if (raft_id_eq(b->node[i].id, id))
			return (int)i;
	return -1;
}

/* Take the message at place @at out of the queue and hand it over. */
static inline void bench_deliver_at(struct bench *b, unsigned int at,
				    struct packet *k)
{
	int to;

	*k = b->queue[at];
	b->n_queue--;
	memmove(&b->queue[at], &b->queue[at + 1],
		(b->n_queue - at) * sizeof(*k));
	/* The views and what they point to have moved with the packet. */
	if (k->m.entries) {
		u32 used = 0;
		u16 x;

		for (x = 0; x < k->m.n_entries; x++) {
			k->views[x].data = k->bytes + used;
			used += k->views[x].len;
		}
		k->m.entries = k->views;
	}
	if (k->m.config)
		k->m.config = &k->config;
	if (k->m.data)
		k->m.data = k->bytes;
	k->m.after = 0;
	to = bench_index(b, k->m.to);
	if (to < 0 || b->node[to].cut_off)
		return;
	raft_step(b->node[to].r, b->now, &k->m);
	bench_drain(b, (unsigned int)to);
}

/* Deliver until nobody says anything more. */
static inline void bench_settle(struct bench *b)
{
	struct packet *k = bench_alloc(b->test, sizeof(*k));
	unsigned int steps = 0;

	while (b->n_queue) {
		KUNIT_ASSERT_LT(b->test, steps++, 20000);
		bench_deliver_at(b, 0, k);
	}
}

static inline void bench_drop_all(struct bench *b)
{
	b->n_queue = 0;
}

/* The clock of all goes on by @ns, in steps of a millisecond, undelivered
 * messages staying where they are.
 */
static inline void bench_wait(struct bench *b, u64 ns, bool deliver)
{
	u64 end = b->now + ns;
	unsigned int i;

	while (b->now < end) {
		b->now += MS;
		for (i = 0; i < b->n; i++) {
			if (raft_deadline(b->node[i].r) <= b->now)
				raft_tick(b->node[i].r, b->now);
			bench_drain(b, i);
		}
		if (deliver)
			bench_settle(b);
	}
}

static inline int bench_leader(const struct bench *b)
{
	int best = -1;
	unsigned int i;

	for (i = 0; i < b->n; i++)
		if (raft_role(b->node[i].r) == RAFT_LEADER &&
		    (best < 0 || raft_term(b->node[i].r) >
				 raft_term(b->node[best].r)))
			best = (int)i;
	return best;
}

/* Begin the cluster on node 0, which then leads. */
static inline struct bench *bench_cluster(struct kunit *test, unsigned int n)
{
	struct bench *b = bench_new(test, n);

	KUNIT_ASSERT_EQ(test, raft_bootstrap(b->node[0].r, b->now, &b->config,
					     NULL, 0), 0);
	bench_drain(b, 0);
	bench_settle(b);
	KUNIT_ASSERT_EQ(test, bench_leader(b), 0);
	return b;
}

/* Hand @m to node @i as from @from; afterwards the queue holds its answers. */
static inline void hear(struct bench *b, unsigned int i, unsigned int from,
			struct raft_msg m)
{
	m.from = id_of(from);
	m.to = id_of(i);
	bench_drop_all(b);
	raft_step(b->node[i].r, b->now, &m);
	bench_drain(b, i);
}

/* Nothing on its way reaches a start that it was not sent to, or comes from one
 * that is over.
 */
static inline void bench_forget_mail(struct bench *b, unsigned int i)
{
	unsigned int k;

	for (k = 0; k < b->n_queue; k++)
		if (b->queue[k].node == i ||
		    raft_id_eq(b->queue[k].m.to, b->node[i].id))
			b->queue[k].m.to = RAFT_NOBODY;
}

/*
 * Node @i starts again with the first @upto entries of its log (which begins at
 * 1), @hard, and @doubt, which all others hear of before anything else.
 */
static inline void bench_restart(struct bench *b, unsigned int i, u64 upto,
				 struct raft_hard hard, enum raft_doubt doubt)
{
	struct node *nd = &b->node[i];
	struct raft_params p = bench_params(nd, i);
	struct raft_entry *e;
	unsigned int k;
	u8 *bytes;
	u64 x;

	if (!b->kept) {
		b->kept = bench_alloc(b->test, (SLOTS + 1) * sizeof(*e));
		b->bytes = bench_alloc(b->test, BYTES);
	}
	e = b->kept;
	bytes = b->bytes;
	for (x = 1; x <= upto; x++) {
		KUNIT_ASSERT_EQ(b->test, raft_entry(nd->r, x, &e[x]), 0);
		memcpy(bytes, e[x].data, e[x].len);
		e[x].data = bytes;
		bytes += e[x].len;
	}
	bench_forget_mail(b, i);
	p.seed += b->now;
	KUNIT_ASSERT_EQ(b->test, raft_init(nd->r, &p, b->now), 0);
	for (x = 1; x <= upto; x++)
		KUNIT_ASSERT_EQ(b->test, raft_restore_entry(nd->r, &e[x]), 0);
	KUNIT_ASSERT_EQ(b->test, raft_restore_end(nd->r, &hard, doubt), 0);
	nd->applied = 0;
	nd->sum = 0;
	nd->hard = hard;
	for (k = 0; doubt && k < b->n; k++) {
		if (k == i || b->node[k].cut_off)
			continue;
		raft_doubted(b->node[k].r, b->now, nd->id);
		bench_drain(b, k);
	}
}

static inline int bench_propose(struct bench *b, unsigned int i, u8 what)
{
	u64 index;

	return raft_propose(b->node[i].r, b->now, RAFT_COMMAND, &what, 1,
			    RAFT_NOBODY, &index);
}

#endif
