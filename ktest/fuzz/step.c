// SPDX-License-Identifier: GPL-2.0
/*
 * One node of Raft among peers that say anything the gate lets through, with a
 * driver that keeps its duties. It may stop itself; it may not crash, and while
 * it runs, terms, votes, commits and what is applied only go forward. What it
 * says itself passes the gate unchanged.
 *
 * Input: number of voters, and whether memory is the storage; a stream of steps.
 */
#include "datagram.h"

enum { SLOTS = 256, BYTES = 8192, PERSISTS = 64, WHOLE = 1536 };

static const struct raft_id ids[] = {
	{ 1, 1 }, { 2, 2 }, { 3, 3 }, { 4, 4 }, { 5, 5 },
};

/**
 * struct node - the node and its driver
 * @raft: the node
 * @now: time (ns)
 * @term: highest seen
 * @vote: given in @term
 * @commit: highest seen
 * @applied: last applied
 * @persist: given to storage and not reported yet
 * @n_persist: how many of them
 * @buffer: for the snapshot that is coming in
 * @offered: bytes of the snapshot that was offered last
 */
static struct node {
	struct raft *raft;
	u64 now;
	u64 term;
	struct raft_id vote;
	u64 commit;
	u64 applied;
	struct {
		u64 seq;
		u64 term;
		u64 index;
	} persist[PERSISTS];
	unsigned int n_persist;
	u8 *buffer;
	u8 offered[WHOLE];
} n;

static u8 whole[WHOLE];
static struct wire_msg scratch;

static u64 near(struct stream *s, u64 base)
{
	u8 b = next8(s);

	return b < 224 ? base + (b & 7) - 3 : number(s);
}

static void config(struct stream *s, struct raft_config *c)
{
	u8 b = next8(s);

	*c = (struct raft_config){ .n = b % 5 + 1, .n_voters = (b >> 4) % 5 + 1 };
	memcpy(c->member, ids, sizeof(ids));
	if (b & 8)
		c->member[0] = ids[4];
	if (c->n_voters > c->n)
		c->n_voters = c->n;
}

/* An entry of any kind; @room for what it holds. */
static void entry(struct stream *s, struct raft_entry *e,
		  u8 room[RAFT_CONFIG_BYTES_MAX])
{
	struct raft_config c;
	u8 b = next8(s);

	*e = (struct raft_entry){ .term = near(s, raft_term(n.raft)) };
	switch (b & 7) {
	case 0:
		e->kind = RAFT_NOOP;
		break;
	case 1:
		config(s, &c);
		e->kind = RAFT_MEMBERS;
		e->data = room;
		e->len = raft_config_encode(&c, room);
		break;
	default:
		e->kind = RAFT_COMMAND;
		e->data = whole;
		e->len = b & 8 ? 4 * b : b >> 4;
	}
}

static void fields(struct stream *s, struct raft_msg *m)
{
	m->term = near(s, raft_term(n.raft));
	m->index = near(s, raft_last_index(n.raft));
	m->log_term = near(s, raft_term(n.raft));
	m->commit = near(s, raft_last_index(n.raft));
	m->id = number(s);
	m->hint = near(s, raft_commit(n.raft));
	m->hint_term = near(s, raft_term(n.raft));
	m->flags = next8(s) & (RAFT_MSG_REJECT | RAFT_MSG_TRANSFER |
			       RAFT_MSG_LAST);
}

/* A chunk of @whole or, now and then, of something else. */
static void chunk(struct stream *s, struct raft_msg *m, struct raft_config *c)
{
	u8 b = next8(s);
	u64 len = (b & 15) * 100;

	config(s, c);
	m->flags &= RAFT_MSG_LAST;
	m->hint = (b >> 4 & 3) * RAFT_CHUNK_MAX;
	m->hint_term = len;
	m->checksum = raft_checksum(whole, len) + !(b >> 6);
	m->config = c;
	if (m->hint > len)
		return;
	m->data = whole + m->hint;
	m->len = len - m->hint < RAFT_CHUNK_MAX ? len - m->hint :
						  RAFT_CHUNK_MAX;
}

/* Hand over a message, if the gate lets it through. */
static void message(struct stream *s, u8 type)
{
	static struct raft_entry e[RAFT_BATCH_MAX];
	static u8 room[8][RAFT_CONFIG_BYTES_MAX];
	static u8 buf[4096];
	struct raft_id from = ids[1 + next8(s) % 4];
	struct raft_msg m = { .type = type, .from = from, .to = ids[0] };
	struct raft_config c;
	unsigned int i;
	u32 len;
	u8 *d;

	fields(s, &m);
	if (type == RAFT_APPEND) {
		m.flags = 0;
		m.n_entries = next8(s) & 7;
		m.entries = e;
		for (i = 0; i < m.n_entries; i++)
			entry(s, &e[i], room[i]);
	}
	if (type == RAFT_SNAPSHOT)
		chunk(s, &m, &c);
	len = wire_put_raft(buf, sizeof(buf), &m, NULL, FUZZ_CLUSTER);
	if (!len)
		return;
	d = tight(buf, len);
	if (wire_decode(d, len, from, ids[0], &scratch) == WIRE_OK)
		raft_step(n.raft, n.now, &scratch.raft);
	free(d);
}

/* What it wants to say arrives as it was meant. */
static void said(const struct raft_msg *m)
{
	static u8 buf[WIRE_PAYLOAD];
	u32 len = wire_put_raft(buf, sizeof(buf), m, n.raft, FUZZ_CLUSTER);
	const struct raft_msg *got = &scratch.raft;
	struct raft_entry e;
	unsigned int i;

	MUST(len && raft_id_eq(m->from, ids[0]) && !raft_id_eq(m->to, ids[0]));
	MUST(wire_decode(buf, len, m->from, m->to, &scratch) == WIRE_OK);
	MUST(got->type == m->type && got->flags == m->flags);
	MUST(got->term == m->term && got->index == m->index);
	MUST(got->log_term == m->log_term && got->commit == m->commit);
	MUST(got->id == m->id && got->hint == m->hint);
	MUST(got->hint_term == m->hint_term && got->checksum == m->checksum);
	MUST(got->n_entries == m->n_entries && got->len == m->len);
	if (m->len)
		MUST(!memcmp(got->data, m->data, m->len));
	for (i = 0; i < m->n_entries; i++) {
		MUST(!raft_entry(n.raft, m->index + 1 + i, &e));
		MUST(e.term == got->entries[i].term);
		MUST(e.kind == got->entries[i].kind);
		MUST(e.len == got->entries[i].len);
		MUST(!e.len || !memcmp(e.data, got->entries[i].data, e.len));
	}
}

static void persist(const struct raft_ready *rd)
{
	u64 i;

	if (!rd->persist.seq)
		return;
	for (i = rd->persist.first; i <= rd->persist.last; i++) {
		struct raft_entry e;

		MUST(!raft_entry(n.raft, i, &e));
		touch(e.data, e.len);
	}
	if (n.n_persist == PERSISTS)
		memmove(n.persist, n.persist + 1,
			sizeof(*n.persist) * --n.n_persist);
	n.persist[n.n_persist].seq = rd->persist.seq;
	n.persist[n.n_persist].index = rd->persist.last;
	n.persist[n.n_persist++].term = raft_term_at(n.raft, rd->persist.last);
}

static void apply(const struct raft_ready *rd)
{
	u64 i;

	for (i = rd->apply_first; i <= rd->apply_last; i++) {
		struct raft_entry e;

		MUST(i == n.applied + 1 && !raft_entry(n.raft, i, &e));
		touch(e.data, e.len);
		n.applied = i;
	}
	raft_applied(n.raft, n.applied);
}

static void offer(void)
{
	const struct raft_config *c = raft_config_at(n.raft, n.applied);
	struct raft_snapshot s = {
		.index = n.applied,
		.term = raft_term_at(n.raft, n.applied),
		.data = n.offered,
		.len = 1 + n.applied % WHOLE,
	};

	if (!c || !s.term)
		return;
	s.config = *c;
	s.checksum = raft_checksum(s.data, s.len);
	raft_snapshot_offer(n.raft, n.now, &s);
}

static void snapshots(const struct raft_ready *rd)
{
	u64 want = rd->snap_want;

	if (rd->snap_make)
		offer();
	if (want) {
		free(n.buffer);
		n.buffer = want <= 1 << 16 ? malloc(want) : NULL;
		raft_snapshot_buffer(n.raft, n.now, n.buffer, want);
	}
	if (rd->snap_install) {
		const struct raft_snapshot *s = raft_snapshot_received(n.raft);

		MUST(s && s->index > n.commit);
		MUST(raft_checksum(s->data, s->len) == s->checksum);
		n.applied = s->index;
		raft_snapshot_installed(n.raft, n.now, true);
	}
}

/* What status shows: peers once each, and a match that the log can have. */
static void questions(void)
{
	struct raft_peer_status st;
	unsigned int i;

	for (i = 0; i < raft_peer_count(n.raft); i++) {
		raft_peer_status(n.raft, i, &st);
		MUST(raft_id_some(st.id) && !raft_id_eq(st.id, ids[0]));
		MUST(st.match <= raft_last_index(n.raft));
	}
	MUST(raft_config(n.raft)->n <= RAFT_MEMBERS_MAX);
	MUST(raft_first_index(n.raft) <= raft_commit(n.raft) + 1);
	if (raft_role(n.raft) == RAFT_LEADER)
		MUST(raft_id_eq(raft_leader(n.raft), ids[0]));
	raft_quorum_active(n.raft, n.now, 1 << 30);
	raft_deadline(n.raft);
}

/* Forward only. */
static void watch(void)
{
	u64 term = raft_term(n.raft);
	struct raft_id vote = raft_vote(n.raft);

	questions();
	MUST(term >= n.term && raft_commit(n.raft) >= n.commit);
	MUST(raft_last_index(n.raft) >= raft_commit(n.raft));
	MUST(raft_durable_index(n.raft) <= raft_last_index(n.raft));
	if (term == n.term && raft_id_some(n.vote))
		MUST(raft_id_eq(vote, n.vote));
	n.term = term;
	n.vote = vote;
	n.commit = raft_commit(n.raft);
}

static void drain(void)
{
	const struct raft_ready *rd;
	unsigned int i, rounds = 0;

	while ((rd = raft_ready(n.raft, n.now))) {
		MUST(++rounds < 1000);
		persist(rd);
		for (i = 0; i < rd->n_msgs; i++)
			said(&rd->msgs[i]);
		apply(rd);
		snapshots(rd);
		raft_advance(n.raft);
		watch();
	}
}

static void persisted(unsigned int i)
{
	if (!n.n_persist)
		return;
	i %= n.n_persist;
	raft_persisted(n.raft, n.now, n.persist[i].seq, n.persist[i].term,
		       n.persist[i].index);
	n.n_persist -= i + 1;
	memmove(n.persist, n.persist + i + 1, sizeof(*n.persist) * n.n_persist);
}

static void propose(struct stream *s)
{
	u8 room[RAFT_CONFIG_BYTES_MAX];
	struct raft_entry e;
	u64 index;

	entry(s, &e, room);
	if (e.kind == RAFT_COMMAND)
		raft_propose(n.raft, n.now, e.kind, e.data, e.len,
			     ids[next8(s) % 5], &index);
}

static void ask(struct stream *s, u8 what)
{
	struct raft_id id = ids[next8(s) % 5];

	switch (what & 7) {
	case 0:
		raft_read(n.raft, n.now, number(s));
		break;
	case 1:
		raft_transfer(n.raft, n.now, id);
		break;
	case 2:
		raft_observe(n.raft, n.now, id);
		break;
	case 3:
		raft_unobserve(n.raft, id);
		break;
	case 4:
		raft_campaign(n.raft, n.now);
		break;
	case 5:
		raft_compact(n.raft, number(s));
		break;
	case 6:
		raft_compact(n.raft, n.applied);
		break;
	default:
		raft_persisted(n.raft, n.now, number(s), number(s), number(s));
	}
}

/* The high bit of a step holds back the drain: several go into one. */
static void step(struct stream *s)
{
	u8 op = next8(s);

	switch ((op & 0x7f) >> 4) {
	case 0:
		n.now += (u64)next8(s) << 20;
		raft_tick(n.raft, n.now);
		break;
	case 1:
		persisted(op & 15);
		break;
	case 2:
		propose(s);
		break;
	case 3:
		ask(s, op);
		break;
	default:
		message(s, 1 + (op & 15) % RAFT_READ_REPLY);
	}
	n.now += 1000;
	if (!(op & 0x80))
		drain();
}

static void begin(u8 voters, bool diskless)
{
	static struct raft_slot slots[SLOTS];
	static u8 bytes[BYTES];
	static union {
		max_align_t align;
		u8 bytes[1 << 18];
	} memory;
	struct raft_params p = {
		.self = ids[0], .seed = 1, .heartbeat_ns = 30000000,
		.election_min_ns = 150000000, .election_max_ns = 300000000,
		.retransmit_min_ns = 5000000, .batch_bytes = WIRE_BATCH,
		.log = { slots, bytes, SLOTS, BYTES }, .memory = diskless,
	};
	struct raft_config c = { .n = voters, .n_voters = voters };

	MUST(raft_size() <= sizeof(memory));
	free(n.buffer);
	memset(&n, 0, sizeof(n));
	n.raft = (struct raft *)&memory;
	n.now = 1;
	MUST(!raft_init(n.raft, &p, n.now));
	memcpy(c.member, ids, sizeof(ids));
	if (voters)
		MUST(!raft_bootstrap(n.raft, n.now, &c, NULL, 0));
	drain();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct stream s = { data, size };
	u8 first = next8(&s);

	memset(whole, 0x5a, sizeof(whole));
	begin(first % 6, first & 0x80);
	while (s.left && !raft_failed(n.raft))
		step(&s);
	return 0;
}
