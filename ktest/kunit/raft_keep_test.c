// SPDX-License-Identifier: GPL-2.0
/*
 * What a log keeps, for whom, and snapshots that go wrong on their way in.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include "raft_bench.h"

#define CASE(f, text) { .run_case = f, .name = text }

/**
 * struct load - a leader under load, and node 2 behind a slow line
 * @b: three nodes, led by node 0
 * @data: bytes of the snapshot that is offered
 * @snap: what is being made; .index 0: nothing
 * @made_at: when it is complete (ns)
 * @takes: how long that takes (ns)
 * @load_takes: how long node 2 takes to install one (ns)
 * @loaded_at: when the one that it has is installed; 0: it has none
 * @packet: on its way
 * @refused: proposals that found no room
 * @begun: snapshots made
 */
struct load {
	struct bench *b;
	u8 data[SNAPSHOT_MAX];
	struct raft_snapshot snap;
	u64 made_at;
	u64 takes;
	u64 load_takes;
	u64 loaded_at;
	struct packet packet;
	unsigned int refused;
	unsigned int begun;
};

/* The driver's ninth duty for those who send. */
static void make_snapshot(struct load *l)
{
	struct node *nd = &l->b->node[0];
	struct raft_entry e = { 0 };

	if (nd->snap_makes) {
		nd->snap_makes = 0;
		l->begun++;
		raft_entry(nd->r, nd->applied, &e);
		l->snap = (struct raft_snapshot){
			.index = nd->applied, .term = e.term, .data = l->data,
			.len = SNAPSHOT_MAX, .config = l->b->config };
		l->made_at = l->b->now + l->takes;
		raft_snapshot_hold(nd->r, l->snap.index);
	}
	if (!l->snap.index || l->b->now < l->made_at)
		return;
	l->snap.checksum = raft_checksum(l->data, SNAPSHOT_MAX);
	raft_snapshot_offer(nd->r, l->b->now, &l->snap);
	raft_snapshot_hold(nd->r, 0);
	l->snap.index = 0;
	bench_drain(l->b, 0);
}

/* And for node 2, which receives. */
static void take_snapshot(struct load *l)
{
	struct bench *b = l->b;
	struct node *nd = &b->node[2];
	const struct raft_snapshot *s;

	if (nd->snap_want) {
		raft_snapshot_buffer(nd->r, b->now, nd->buf, nd->snap_want);
		nd->snap_want = 0;
		bench_drain(b, 2);
	}
	s = raft_snapshot_received(nd->r);
	if (!s)
		return;
	if (!l->loaded_at)
		l->loaded_at = b->now + l->load_takes;
	if (b->now < l->loaded_at)
		return;
	l->loaded_at = 0;
	nd->applied = s->index;
	raft_snapshot_installed(nd->r, b->now, true);
	bench_drain(b, 2);
}

/* Half of the log is kept for others, as the driver must. */
static void tidy(struct raft *r)
{
	u64 first = raft_first_index(r), commit = raft_commit(r);

	if (raft_fill(r) > 50 && commit > first)
		raft_compact(r, first + (commit - first) / 2);
}

/* Deliver at once, but to node 2 only @few, and drop what it makes wait. */
static void deliver(struct load *l, unsigned int few)
{
	struct packet *k = &l->packet;
	struct bench *b = l->b;
	unsigned int at = 0, waiting = 0;

	while (at < b->n_queue) {
		if (!raft_id_eq(b->queue[at].m.to, id_of(2)) || few) {
			few -= raft_id_eq(b->queue[at].m.to, id_of(2));
			bench_deliver_at(b, at, k);
		} else if (++waiting > 40) {
			b->queue[at].m.to = RAFT_NOBODY;
			bench_deliver_at(b, at, k);
		} else {
			at++;
		}
	}
}

/* A millisecond: @n proposals, one message to node 2 in every @slow (0: all). */
static void go_on(struct load *l, unsigned int n, unsigned int slow)
{
	struct bench *b = l->b;
	u64 before = raft_last_index(b->node[0].r);
	unsigned int i;

	for (i = 0; i < n; i++)
		l->refused += !!bench_propose(b, 0, (u8)i);
	KUNIT_EXPECT_LE(b->test, raft_last_index(b->node[0].r) -
			raft_commit(b->node[0].r), SLOTS / 8 * 3);
	KUNIT_ASSERT_GE(b->test, raft_last_index(b->node[0].r), before);
	bench_wait(b, MS, false);
	deliver(l, slow ? (b->now / MS) % slow == 0 : QUEUE_MAX);
	make_snapshot(l);
	take_snapshot(l);
	for (i = 0; i < 3; i++)
		tidy(b->node[i].r);
}

static struct load *loaded(struct kunit *test)
{
	struct load *l = bench_alloc(test, sizeof(*l));

	l->takes = 10 * MS;
	l->b = bench_cluster(test, 3);
	bench_wait(l->b, 40 * MS, true);
	return l;
}

/* Node 2 comes back, and whatever was made for it is no more. */
static void come_back(struct load *l)
{
	struct bench *b = l->b;

	l->snap.index = 0;
	raft_snapshot_hold(b->node[0].r, 0);
	raft_snapshot_offer(b->node[0].r, b->now, NULL);
	b->node[2].cut_off = false;
	l->refused = 0;
	l->begun = 0;
}

static void laggard_catches_up(struct kunit *test)
{
	struct load *l = loaded(test);
	struct bench *b = l->b;
	unsigned int i, most = 0;

	b->node[2].cut_off = true;
	for (i = 0; i < 500; i++)
		go_on(l, 5, 0);
	KUNIT_ASSERT_GT(test, raft_first_index(b->node[0].r),
			raft_last_index(b->node[2].r) + 1);
	come_back(l);
	l->takes = 100 * MS;
	l->load_takes = 60 * MS;
	for (i = 0; i < 3000; i++) {
		go_on(l, 5, 0);
		most = max_t(unsigned int, most, raft_fill(b->node[0].r));
		if (raft_commit(b->node[2].r) + 200 >= raft_commit(b->node[0].r))
			break;
	}
	KUNIT_EXPECT_GT(test, most, 76);
	/* It got there while the load went on, by one snapshot. */
	KUNIT_EXPECT_LT(test, i, 600);
	KUNIT_EXPECT_EQ(test, b->node[2].installs, 1);
	KUNIT_EXPECT_EQ(test, l->refused, 0);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[0].r), RAFT_LEADER);
}

/* One that is too slow, or says nothing, is given up; the others go on. */
static void hopeless_laggard_is_given_up(struct kunit *test)
{
	struct load *l = loaded(test);
	struct bench *b = l->b;
	unsigned int i, most = 0;
	u64 commit;

	b->node[2].cut_off = true;
	for (i = 0; i < 500; i++)
		go_on(l, 5, 0);
	come_back(l);
	commit = raft_commit(b->node[0].r);
	l->takes = 250 * MS;
	for (i = 0; i < 3000; i++) {
		go_on(l, 5, 0);
		most = max_t(unsigned int, most, raft_fill(b->node[0].r));
	}
	KUNIT_EXPECT_GT(test, most, 85);
	KUNIT_EXPECT_LE(test, most, 92);
	KUNIT_EXPECT_EQ(test, l->refused, 0);
	KUNIT_EXPECT_GE(test, raft_commit(b->node[0].r), commit + 14900);
	KUNIT_EXPECT_GE(test, l->begun, 2);
}

/* A slow peer that needs no snapshot gets no more room than before. */
static void merely_slow_gets_less(struct kunit *test)
{
	struct load *l = loaded(test);
	struct bench *b = l->b;
	unsigned int i, most = 0;

	for (i = 0; i < 400 && !l->begun; i++) {
		go_on(l, 5, 50);
		most = max_t(unsigned int, most, raft_fill(b->node[0].r));
	}
	KUNIT_EXPECT_GE(test, most, 70);
	KUNIT_EXPECT_LE(test, most, 78);
}

/* ----------------------------------------------- snapshots that go wrong */

/* Node 2 lacks what the log has not any more; it is being sent a snapshot. */
static struct load *needing(struct kunit *test)
{
	struct load *l = loaded(test);
	unsigned int i;

	l->b->node[2].cut_off = true;
	for (i = 0; i < 500; i++)
		go_on(l, 5, 0);
	l->b->node[2].cut_off = false;
	return l;
}

/* Time passes and all is delivered; node 2's snapshots are left as they are. */
static void wait_served(struct load *l, unsigned int ms)
{
	struct node *nd = &l->b->node[2];

	while (ms-- && !raft_snapshot_received(nd->r)) {
		bench_wait(l->b, MS, true);
		make_snapshot(l);
		bench_settle(l->b);
		if (!nd->snap_want)
			continue;
		raft_snapshot_buffer(nd->r, l->b->now, nd->buf, nd->snap_want);
		nd->snap_want = 0;
		bench_drain(l->b, 2);
	}
}

static void failed_install_comes_again(struct kunit *test)
{
	struct load *l = needing(test);
	struct bench *b = l->b;
	struct node *nd = &b->node[2];
	u64 first = raft_first_index(nd->r), last = raft_last_index(nd->r);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		wait_served(l, 2000);
		KUNIT_ASSERT_TRUE(test, !!raft_snapshot_received(nd->r));
		raft_snapshot_installed(nd->r, b->now, false);
		bench_drain(b, 2);
		/* As if it had never come: log, commit, and who is followed. */
		KUNIT_EXPECT_TRUE(test, !raft_snapshot_received(nd->r));
		KUNIT_EXPECT_TRUE(test, !raft_failed(nd->r));
		KUNIT_EXPECT_EQ(test, raft_first_index(nd->r), first);
		KUNIT_EXPECT_EQ(test, raft_last_index(nd->r), last);
		KUNIT_EXPECT_EQ(test, raft_commit(nd->r), nd->applied);
		KUNIT_EXPECT_EQ(test, bench_leader(b), 0);
	}
	wait_served(l, 2000);
	KUNIT_ASSERT_TRUE(test, !!raft_snapshot_received(nd->r));
	KUNIT_EXPECT_EQ(test, memcmp(nd->buf, l->data, SNAPSHOT_MAX), 0);
	take_snapshot(l);
	bench_wait(b, 100 * MS, true);
	KUNIT_EXPECT_EQ(test, raft_commit(nd->r), raft_commit(b->node[0].r));
	/* Once more: nothing is being installed. */
	raft_snapshot_installed(nd->r, b->now, false);
	raft_snapshot_installed(nd->r, b->now, true);
	KUNIT_EXPECT_EQ(test, raft_commit(nd->r), raft_commit(b->node[0].r));
}

static void installing_goes_back_nowhere(struct kunit *test)
{
	struct load *l = needing(test);
	struct bench *b = l->b;
	struct node *nd = &b->node[2];
	struct raft_snapshot old;
	u64 index;

	wait_served(l, 2000);
	KUNIT_ASSERT_TRUE(test, !!raft_snapshot_received(nd->r));
	index = raft_snapshot_received(nd->r)->index;
	/* Meanwhile the leader goes on, compacts, and makes a newer one. */
	bench_propose(b, 0, 1);
	bench_drain(b, 0);
	bench_wait(b, 60 * MS, true);
	old = *raft_snapshot_received(nd->r);
	KUNIT_EXPECT_EQ(test, old.index, index);
	KUNIT_EXPECT_EQ(test, nd->snap_want, 0);
	/* This node makes one of its own of what it had: older, offered, no harm. */
	old.index = nd->applied;
	old.term = 2;
	raft_snapshot_offer(nd->r, b->now, &old);
	take_snapshot(l);
	KUNIT_EXPECT_EQ(test, raft_first_index(nd->r), index + 1);
	KUNIT_EXPECT_EQ(test, raft_commit(nd->r), index);
	raft_compact(nd->r, old.index);
	KUNIT_EXPECT_EQ(test, raft_first_index(nd->r), index + 1);
	bench_wait(b, 100 * MS, true);
	KUNIT_EXPECT_EQ(test, raft_commit(nd->r), raft_commit(b->node[0].r));
}

static struct kunit_case keep[] = {
	CASE(laggard_catches_up,
	     "A member far behind catches up by snapshot under load, with a small log"),
	CASE(hopeless_laggard_is_given_up,
	     "One that is too slow for that is given up: the load goes on (design 2.9)"),
	CASE(merely_slow_gets_less,
	     "Who needs no snapshot is waited for up to three quarters of the log"),
	CASE(failed_install_comes_again,
	     "A snapshot that could not be installed changes nothing and comes again (pitfall 50)"),
	CASE(installing_goes_back_nowhere,
	     "Nothing goes back while a snapshot is being installed (pitfalls 49, 53)"),
	{}
};

static struct kunit_suite raft_keeps = {
	.name = "raft-keep",
	.test_cases = keep,
};

kunit_test_suite(raft_keeps);

MODULE_LICENSE("GPL");
