// SPDX-License-Identifier: GPL-2.0
/*
 * The log in memory, its compaction, and snapshots that take the place of what
 * was dropped.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include "raft_bench.h"

#define CASE(f, text) { .run_case = f, .name = text }

static struct raft_log *new_log(struct kunit *test, u32 slots, u32 bytes)
{
	struct raft_log *l = bench_alloc(test, sizeof(*l));
	struct raft_log_mem mem = {
		.slots = bench_alloc(test, slots * sizeof(struct raft_slot)),
		.bytes = bench_alloc(test, bytes),
		.n_slots = slots, .n_bytes = bytes,
	};

	KUNIT_ASSERT_EQ(test, raft_log_init(l, &mem), 0);
	return l;
}

static int put(struct raft_log *l, u64 term, u8 *data, u16 len)
{
	struct raft_entry e = { .term = term, .data = data, .len = len,
				.kind = RAFT_COMMAND };

	return raft_log_append(l, &e);
}

static void log_wants_memory(struct kunit *test)
{
	struct raft_log *l = new_log(test, 16, 2048);
	struct raft_log_mem mem = l->mem;

	mem.n_slots = 12;
	KUNIT_EXPECT_EQ(test, raft_log_init(l, &mem), -EINVAL);
	mem.n_slots = 16;
	mem.n_bytes = 1024;
	KUNIT_EXPECT_EQ(test, raft_log_init(l, &mem), -EINVAL);
	mem.n_bytes = 2048;
	mem.slots = NULL;
	KUNIT_EXPECT_EQ(test, raft_log_init(l, &mem), -EINVAL);
}

/* Entries of all sizes, laps over laps, against what was put in. */
static void log_goes_round(struct kunit *test)
{
	struct raft_log *l = new_log(test, 32, 4096);
	u8 *data = bench_alloc(test, RAFT_ENTRY_MAX + 1);
	u64 rng = 88172645463325252ULL, i, k;
	struct raft_entry e;
	u16 len;

	for (i = 1; i < 3000; i++) {
		rng ^= rng << 13;
		rng ^= rng >> 7;
		rng ^= rng << 17;
		len = (rng >> 32) % 5 ? (u16)((rng >> 40) % 60) :
					(u16)((rng >> 40) % (RAFT_ENTRY_MAX + 1));
		memset(data, (int)(l->last + 1), len);
		while (put(l, 1, data, len))
			raft_log_compact(l, l->base + 1 + (rng & 3));
		if ((rng & 0xf0) == 0x10 && l->last - l->base > 3)
			raft_log_truncate(l, l->last - 2);
		for (k = l->base + 1; k <= l->last; k++) {
			KUNIT_ASSERT_EQ(test, raft_log_get(l, k, &e), 0);
			if (!e.len)
				continue;
			KUNIT_ASSERT_EQ(test, e.data[0], (u8)k);
			KUNIT_ASSERT_EQ(test, e.data[e.len - 1], (u8)k);
		}
	}
	KUNIT_EXPECT_EQ(test, put(l, 1, data, RAFT_ENTRY_MAX + 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, raft_log_get(l, l->base, &e), -ENOENT);
	KUNIT_EXPECT_EQ(test, raft_log_get(l, l->last + 1, &e), -ENOENT);
	raft_log_compact(l, l->last);
	KUNIT_EXPECT_EQ(test, raft_log_fill(l), 0);
	KUNIT_EXPECT_EQ(test, raft_log_term(l, l->last), 1);
	KUNIT_EXPECT_EQ(test, raft_log_term(l, l->last - 1), 0);
}

static void log_fills(struct kunit *test)
{
	struct raft_log *l = new_log(test, 16, 8192);
	u8 data[512] = { 0 };
	int i;

	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_EQ(test, put(l, 1, data, 1), 0);
	KUNIT_EXPECT_EQ(test, raft_log_fill(l), 50);
	for (i = 0; i < 7; i++)
		KUNIT_EXPECT_EQ(test, put(l, 1, data, 512), 0);
	KUNIT_EXPECT_EQ(test, raft_log_fill(l), 93);
	KUNIT_EXPECT_EQ(test, put(l, 2, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, put(l, 2, NULL, 0), -ENOSPC);
	raft_log_truncate(l, 0);
	KUNIT_EXPECT_EQ(test, raft_log_fill(l), 0);
	raft_log_reset(l, 40, 3);
	KUNIT_EXPECT_EQ(test, raft_log_term(l, 40), 3);
	KUNIT_EXPECT_EQ(test, put(l, 3, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, l->last, 41);
}

/* A snapshot of @len bytes at what node @i has applied, offered by it. */
static struct raft_snapshot offer(struct bench *b, unsigned int i, u8 *data,
				  u64 len)
{
	struct node *nd = &b->node[i];
	struct raft_snapshot s = { .index = nd->applied, .data = data,
				   .len = len, .config = b->config };
	struct raft_entry e = { 0 };
	u64 k;

	for (k = 0; k < len; k++)
		data[k] = (u8)(k * 7 + len + (k >> 8));
	raft_entry(nd->r, s.index, &e);
	s.term = e.term;
	s.checksum = raft_checksum(data, len);
	raft_snapshot_offer(nd->r, b->now, &s);
	return s;
}

/* The driver's ninth duty on node @i, as far as it is asked for. */
static void serve(struct bench *b, unsigned int i)
{
	struct node *nd = &b->node[i];
	const struct raft_snapshot *s;

	if (nd->snap_want) {
		KUNIT_ASSERT_LE(b->test, nd->snap_want, SNAPSHOT_MAX);
		raft_snapshot_buffer(nd->r, b->now, nd->buf, nd->snap_want);
		nd->snap_want = 0;
		bench_drain(b, i);
	}
	s = raft_snapshot_received(nd->r);
	if (!s)
		return;
	nd->applied = s->index;
	nd->sum = b->node[0].sum;
	raft_snapshot_installed(nd->r, b->now, true);
	bench_drain(b, i);
}

/* Deliver; of 256 messages @lost get lost. */
static void weather(struct bench *b, unsigned int ms, unsigned int lost)
{
	struct packet *k = bench_alloc(b->test, sizeof(*k));
	static u64 rng = 88172645463325252ULL;
	u64 end = b->now + ms * MS;

	while (b->now < end) {
		bench_wait(b, MS, false);
		while (b->n_queue) {
			rng ^= rng << 13;
			rng ^= rng >> 7;
			rng ^= rng << 17;
			if ((rng >> 20 & 0xff) < lost)
				b->queue[0].m.to = RAFT_NOBODY;
			bench_deliver_at(b, 0, k);
			serve(b, b->n - 1);
		}
	}
}

/* Four nodes, of which three are the cluster; the fourth is observed after the
 * log it would need is gone.
 */
static struct bench *newcomer(struct kunit *test)
{
	struct bench *b = bench_new(test, 4);
	int i;

	b->config.n = 3;
	b->config.n_voters = 3;
	KUNIT_ASSERT_EQ(test, raft_bootstrap(b->node[0].r, b->now, &b->config,
					     NULL, 0), 0);
	bench_drain(b, 0);
	bench_settle(b);
	for (i = 0; i < 60; i++) {
		bench_propose(b, 0, (u8)i);
		bench_drain(b, 0);
		bench_settle(b);
	}
	bench_wait(b, 40 * MS, true);
	raft_compact(b->node[0].r, 50);
	KUNIT_ASSERT_EQ(test, raft_first_index(b->node[0].r), 51);
	KUNIT_ASSERT_EQ(test, raft_observe(b->node[0].r, b->now, id_of(3)), 0);
	bench_drain(b, 0);
	return b;
}

static void snapshot_reaches_newcomer(struct kunit *test)
{
	struct bench *b = newcomer(test);
	u8 *data = bench_alloc(test, SNAPSHOT_MAX);

	bench_settle(b);
	bench_wait(b, 40 * MS, true);
	KUNIT_EXPECT_EQ(test, b->node[0].snap_makes, 1);
	offer(b, 0, data, 5000);
	weather(b, 100, 0);
	KUNIT_EXPECT_EQ(test, b->node[3].installs, 1);
	KUNIT_EXPECT_EQ(test, b->node[3].applied, b->node[0].applied);
	KUNIT_EXPECT_EQ(test, memcmp(b->node[3].buf, data, 5000), 0);
	KUNIT_EXPECT_EQ(test, raft_config(b->node[3].r)->n, 3);
	KUNIT_EXPECT_EQ(test, raft_first_index(b->node[3].r), 63);
	KUNIT_EXPECT_TRUE(test, b->node[3].anew);
	bench_propose(b, 0, 9);
	weather(b, 40, 0);
	KUNIT_EXPECT_EQ(test, b->node[3].applied, 63);
	KUNIT_EXPECT_EQ(test, b->node[3].sum, b->node[0].sum);
}

static void snapshot_survives_loss(struct kunit *test)
{
	struct bench *b = newcomer(test);
	u8 *data = bench_alloc(test, SNAPSHOT_MAX);

	offer(b, 0, data, SNAPSHOT_MAX);
	weather(b, 3000, 64);
	KUNIT_EXPECT_EQ(test, b->node[3].installs, 1);
	KUNIT_EXPECT_EQ(test, memcmp(b->node[3].buf, data, SNAPSHOT_MAX), 0);
	weather(b, 100, 0);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[3].r),
			raft_commit(b->node[0].r));
}

static void observer_is_never_counted(struct kunit *test)
{
	struct bench *b = newcomer(test);
	struct raft_peer_status st;
	u64 commit = raft_commit(b->node[0].r);
	u8 *data = bench_alloc(test, SNAPSHOT_MAX);

	offer(b, 0, data, 100);
	weather(b, 100, 0);
	b->node[1].cut_off = true;
	b->node[2].cut_off = true;
	bench_drop_all(b);
	bench_propose(b, 0, 9);
	bench_drain(b, 0);
	bench_settle(b);
	raft_peer_status(b->node[0].r, 2, &st);
	KUNIT_EXPECT_TRUE(test, st.observer);
	KUNIT_EXPECT_EQ(test, st.match, commit + 1);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[0].r), commit);
	weather(b, 700, 0);
	KUNIT_EXPECT_NE(test, raft_role(b->node[0].r), RAFT_LEADER);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[3].r), RAFT_FOLLOWER);
	raft_unobserve(b->node[0].r, id_of(3));
	KUNIT_EXPECT_EQ(test, raft_peer_count(b->node[0].r), 2);
}

static struct raft_msg chunk(const struct bench *b, unsigned int to, u64 id,
			     const struct raft_snapshot *s, u64 at)
{
	u64 left = s->len - at;

	return (struct raft_msg){
		.type = RAFT_SNAPSHOT, .from = id_of(0), .to = id_of(to),
		.term = raft_term(b->node[0].r), .id = id, .index = s->index,
		.log_term = s->term, .hint = at, .hint_term = s->len,
		.checksum = s->checksum, .config = &s->config,
		.data = s->data + at,
		.len = (u32)(left < RAFT_CHUNK_MAX ? left : RAFT_CHUNK_MAX),
	};
}

static void old_snapshot_is_ignored(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	u8 *data = bench_alloc(test, SNAPSHOT_MAX);
	struct raft_snapshot s;
	struct raft_msg m;

	bench_wait(b, 40 * MS, true);
	s = offer(b, 0, data, 100);
	m = chunk(b, 1, 1000, &s, 0);
	raft_step(b->node[1].r, b->now, &m);
	bench_drain(b, 1);
	KUNIT_EXPECT_EQ(test, b->node[1].snap_want, 0);
	KUNIT_ASSERT_EQ(test, b->n_queue, 1);
	KUNIT_EXPECT_EQ(test, b->queue[0].m.type, RAFT_APPEND_REPLY);
	KUNIT_EXPECT_EQ(test, b->queue[0].m.index, 2);
}

/* A blank node, which a leader of term @b->node[0] has just spoken to. */
static struct bench *receiver(struct kunit *test, struct raft_snapshot *s,
			      u8 *data, u64 len)
{
	struct bench *b = newcomer(test);

	bench_drop_all(b);
	*s = offer(b, 0, data, len);
	return b;
}

static void give(struct bench *b, struct raft_msg m)
{
	raft_step(b->node[3].r, b->now, &m);
	bench_drain(b, 3);
	if (b->node[3].snap_want) {
		raft_snapshot_buffer(b->node[3].r, b->now, b->node[3].buf,
				     b->node[3].snap_want);
		b->node[3].snap_want = 0;
		bench_drain(b, 3);
	}
}

static void chunks_of_two_never_mix(struct kunit *test)
{
	u8 *data = bench_alloc(test, SNAPSHOT_MAX);
	struct raft_snapshot s, other;
	struct bench *b = receiver(test, &s, data, 2 * RAFT_CHUNK_MAX + 100);

	other = s;
	other.checksum ^= 1;
	other.index++;
	give(b, chunk(b, 3, 1001, &s, 0));
	give(b, chunk(b, 3, 1002, &s, 0));
	/* A chunk that overtakes is kept; one of another does nothing. */
	give(b, chunk(b, 3, 1004, &s, 2 * RAFT_CHUNK_MAX));
	KUNIT_EXPECT_EQ(test, b->queue[b->n_queue - 1].m.hint, RAFT_CHUNK_MAX);
	give(b, chunk(b, 3, 900, &other, RAFT_CHUNK_MAX));
	KUNIT_EXPECT_EQ(test, b->node[3].installs, 0);
	give(b, chunk(b, 3, 1005, &s, RAFT_CHUNK_MAX));
	KUNIT_EXPECT_EQ(test, b->node[3].installs, 1);
	KUNIT_EXPECT_EQ(test, memcmp(b->node[3].buf, data, 2 * RAFT_CHUNK_MAX + 100), 0);
}

static void wrong_checksum_begins_anew(struct kunit *test)
{
	u8 *data = bench_alloc(test, SNAPSHOT_MAX);
	struct raft_snapshot s;
	struct bench *b = receiver(test, &s, data, RAFT_CHUNK_MAX + 100);

	s.checksum ^= 1;
	give(b, chunk(b, 3, 1001, &s, 0));
	give(b, chunk(b, 3, 1002, &s, 0));
	give(b, chunk(b, 3, 1003, &s, RAFT_CHUNK_MAX));
	KUNIT_EXPECT_EQ(test, b->node[3].installs, 0);
	KUNIT_EXPECT_TRUE(test, !raft_snapshot_received(b->node[3].r));
	s.checksum ^= 1;
	give(b, chunk(b, 3, 1004, &s, 0));
	give(b, chunk(b, 3, 1005, &s, 0));
	give(b, chunk(b, 3, 1006, &s, RAFT_CHUNK_MAX));
	KUNIT_EXPECT_EQ(test, b->node[3].installs, 1);
}

static void nobody_stands_while_installing(struct kunit *test)
{
	u8 *data = bench_alloc(test, SNAPSHOT_MAX);
	struct raft_snapshot s;
	struct bench *b = receiver(test, &s, data, 500);

	/* It is a voter by the snapshot's configuration. */
	s.config.member[2] = id_of(3);
	give(b, chunk(b, 3, 1001, &s, 0));
	give(b, chunk(b, 3, 1002, &s, 0));
	KUNIT_EXPECT_EQ(test, b->node[3].installs, 1);
	b->node[0].cut_off = true;
	b->node[1].cut_off = true;
	b->node[2].cut_off = true;
	bench_wait(b, 1000 * MS, true);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[3].r), RAFT_FOLLOWER);
	b->node[3].applied = s.index;
	raft_snapshot_installed(b->node[3].r, b->now, true);
	bench_drain(b, 3);
	KUNIT_EXPECT_TRUE(test, raft_is_voter(b->node[3].r));
	bench_wait(b, 1000 * MS, true);
	KUNIT_EXPECT_EQ(test, raft_role(b->node[3].r), RAFT_PRECANDIDATE);
}

static void unusable_snapshot_is_forgotten(struct kunit *test)
{
	u8 *data = bench_alloc(test, SNAPSHOT_MAX);
	struct raft_snapshot s;
	struct bench *b = receiver(test, &s, data, 500);

	give(b, chunk(b, 3, 1001, &s, 0));
	give(b, chunk(b, 3, 1002, &s, 0));
	raft_snapshot_installed(b->node[3].r, b->now, false);
	bench_drain(b, 3);
	KUNIT_EXPECT_EQ(test, raft_commit(b->node[3].r), 0);
	give(b, chunk(b, 3, 1003, &s, 0));
	give(b, chunk(b, 3, 1004, &s, 0));
	KUNIT_EXPECT_EQ(test, b->node[3].installs, 2);
}

static void ids_are_each_leaders_own(struct kunit *test)
{
	u8 *data = bench_alloc(test, SNAPSHOT_MAX);
	struct raft_snapshot s;
	struct bench *b = receiver(test, &s, data, 2 * RAFT_CHUNK_MAX);
	struct raft_msg m;

	give(b, chunk(b, 3, 5001, &s, 0));
	give(b, chunk(b, 3, 5002, &s, 0));
	m = chunk(b, 3, 7, &s, 0);
	m.from = id_of(1);
	m.term++;
	bench_drop_all(b);
	give(b, m);
	KUNIT_ASSERT_EQ(test, b->n_queue, 1);
	KUNIT_EXPECT_EQ(test, b->queue[0].m.id, 7);
	KUNIT_EXPECT_EQ(test, b->queue[0].m.hint, RAFT_CHUNK_MAX);
	m = chunk(b, 3, 8, &s, RAFT_CHUNK_MAX);
	m.from = id_of(1);
	m.term++;
	give(b, m);
	bench_drop_all(b);
	b->node[3].applied = s.index;
	raft_snapshot_installed(b->node[3].r, b->now, true);
	bench_drain(b, 3);
	KUNIT_ASSERT_EQ(test, b->n_queue, 1);
	KUNIT_EXPECT_EQ(test, b->queue[0].m.id, 8);
	KUNIT_EXPECT_EQ(test, b->queue[0].m.index, s.index);
}

static void compaction_waits_for_peers(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	int i;

	bench_wait(b, 40 * MS, true);
	b->node[2].cut_off = true;
	for (i = 0; i < 50; i++) {
		bench_propose(b, 0, 1);
		bench_drain(b, 0);
		bench_settle(b);
	}
	raft_compact(b->node[0].r, 40);
	KUNIT_EXPECT_EQ(test, raft_first_index(b->node[0].r), 3);
	/* Silent for an election timeout: the log no longer waits for it. */
	bench_wait(b, 400 * MS, true);
	raft_compact(b->node[0].r, 40);
	KUNIT_EXPECT_EQ(test, raft_first_index(b->node[0].r), 41);
	/* What is not applied stays in any case. */
	raft_compact(b->node[0].r, 1000);
	KUNIT_EXPECT_LE(test, raft_first_index(b->node[0].r),
			b->node[0].applied + 1);
}

static void full_leader_refuses(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 1);
	int i;

	for (i = 0; i < SLOTS; i++)
		if (bench_propose(b, 0, 1))
			break;
	KUNIT_EXPECT_EQ(test, bench_propose(b, 0, 1), -ENOSPC);
	bench_drain(b, 0);
	raft_compact(b->node[0].r, ~0ULL);
	KUNIT_EXPECT_EQ(test, bench_propose(b, 0, 1), 0);
}

static void restart_remembers(struct kunit *test)
{
	struct bench *b = bench_cluster(test, 3);
	struct node *nd = &b->node[1];
	struct raft_params p = bench_params(nd, 1);
	u8 buf[RAFT_CONFIG_BYTES_MAX];
	struct raft_entry e = { .term = 1, .data = buf, .kind = RAFT_MEMBERS };

	p.hard = nd->hard;
	KUNIT_ASSERT_EQ(test, raft_init(nd->r, &p, b->now), 0);
	KUNIT_EXPECT_EQ(test, raft_restore(nd->r, 0, 0, NULL), 0);
	e.len = raft_config_encode(&b->config, buf);
	KUNIT_EXPECT_EQ(test, raft_restore_entry(nd->r, &e), 0);
	e = (struct raft_entry){ .term = 2, .kind = RAFT_NOOP };
	KUNIT_EXPECT_EQ(test, raft_restore_entry(nd->r, &e), 0);
	e.term = 1;
	KUNIT_EXPECT_EQ(test, raft_restore_entry(nd->r, &e), -EINVAL);
	KUNIT_EXPECT_EQ(test, raft_durable_index(nd->r), 2);
	KUNIT_EXPECT_TRUE(test, raft_id_eq(raft_vote(nd->r), id_of(0)));
	KUNIT_EXPECT_TRUE(test, raft_is_voter(nd->r));
	nd->applied = 0;
	nd->sum = 0;
	bench_wait(b, 60 * MS, true);
	KUNIT_EXPECT_EQ(test, nd->applied, 2);
	KUNIT_EXPECT_EQ(test, nd->sum, b->node[0].sum);
}

static struct kunit_case snapshots[] = {
	CASE(log_wants_memory,
	     "A log over rings that are no powers of two, or too small, is refused"),
	CASE(log_goes_round,
	     "Entries of all sizes come out as they went in, lap after lap"),
	CASE(log_fills, "A full log says so, and says how full it is"),
	CASE(snapshot_reaches_newcomer,
	     "The leader sends a snapshot when it has discarded the next log entry (7)"),
	CASE(snapshot_survives_loss,
	     "Chunks resume behind what arrived without a gap, at a loss of one in four"),
	CASE(observer_is_never_counted,
	     "A node outside of the configuration is replicated to and never counted (pitfall 23)"),
	CASE(old_snapshot_is_ignored,
	     "A snapshot behind the commit is ignored, answered with the match (pitfall 53)"),
	CASE(chunks_of_two_never_mix,
	     "Chunks of two snapshots, or out of order, are never mixed (pitfall 51)"),
	CASE(wrong_checksum_begins_anew,
	     "A snapshot with a wrong checksum is not installed"),
	CASE(nobody_stands_while_installing,
	     "Nobody stands for election while a snapshot is being installed (pitfall 33)"),
	CASE(unusable_snapshot_is_forgotten,
	     "A snapshot that the driver cannot use is forgotten and may come again"),
	CASE(ids_are_each_leaders_own,
	     "A transfer goes on under another leader, whose ids are its own"),
	CASE(compaction_waits_for_peers,
	     "Compaction keeps what a live peer needs, and only what is applied goes (design 2.9)"),
	CASE(full_leader_refuses,
	     "A full log admits nothing more until it is compacted"),
	CASE(restart_remembers,
	     "Term, vote and log survive a restart (figure 2)"),
	{}
};

static struct kunit_suite raft_snapshots = {
	.name = "raft-snapshots",
	.test_cases = snapshots,
};

kunit_test_suite(raft_snapshots);

MODULE_LICENSE("GPL");
