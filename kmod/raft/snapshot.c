// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots, out and in (paper 7), and compaction of the log.
 *
 * (index, term, length, checksum) is a snapshot's name; a chunk says to which
 * it belongs, so that two are never mixed (pitfall 51). The receiver takes
 * chunks in order and answers how far it is; from there a loss is made good.
 */
#include <linux/siphash.h>
#include "core.h"

static u64 hash_begin(void)
{
	return 0x7073636861696e31ULL;
}

static u64 hash_chunk(u64 hash, const u8 *data, u32 len)
{
	siphash_key_t key = { .key = { hash, 0x6b2f1d0cc0a5e901ULL } };

	return siphash(data, len, &key);
}

/**
 * raft_checksum() - the hash that names a snapshot's content
 * @data: the bytes
 * @len: how many
 *
 * Each chunk's hash is the key of the next, so that a receiver never has to
 * look at the whole at once.
 */
u64 raft_checksum(const u8 *data, u64 len)
{
	return raft_checksum_on(hash_begin(), data, len);
}

/**
 * raft_checksum_on() - the same, in pieces
 * @hash: of what comes before; raft_checksum(NULL, 0) at first
 * @data: the next piece
 * @len: of all pieces but the last a multiple of RAFT_CHUNK_MAX
 *
 * Return: the hash of all so far.
 */
u64 raft_checksum_on(u64 hash, const u8 *data, u64 len)
{
	u64 at;

	for (at = 0; at < len; at += RAFT_CHUNK_MAX)
		hash = hash_chunk(hash, data + at,
				  (u32)min_t(u64, len - at, RAFT_CHUNK_MAX));
	return hash;
}

/* What the peer needs next is no longer in the log. */
void raft_snap_begin(struct raft *r, struct raft_peer *p)
{
	raft_rewind(r, p, p->next);
	p->flow = RAFT_SNAPPING;
	p->snap_index = 0;
	p->urgent = true;
}

bool raft_snap_out(const struct raft_peer *p)
{
	return p->snap_index && p->snap_sent > p->snap_acked;
}

static bool send_chunk(struct raft *r, struct raft_peer *p, u64 at)
{
	const struct raft_snapshot *s = &r->offer;
	struct raft_msg *m = raft_send_led(r, p, RAFT_SNAPSHOT);

	if (!m)
		return false;
	m->index = s->index;
	m->log_term = s->term;
	m->hint = at;
	m->hint_term = s->len;
	m->checksum = s->checksum;
	m->config = &s->config;
	m->data = s->data + at;
	m->len = (u32)min_t(u64, s->len - at, RAFT_CHUNK_MAX);
	p->snap_sent = max(p->snap_sent, at + m->len);
	p->snap_at = r->now;
	if (at + m->len == s->len)
		m->flags = RAFT_MSG_LAST;
	return true;
}

/* The next chunks, or the wish for something to cut them from. */
void raft_snap_send(struct raft *r, struct raft_peer *p)
{
	const struct raft_snapshot *s = &r->offer;

	if (!s->len || s->index < r->log.base) {
		r->rd.snap_make |= !r->offer_asked;
		r->offer_asked = true;
		return;
	}
	if (p->snap_index != s->index) {
		p->snap_index = s->index;
		p->snap_acked = 0;
		p->snap_sent = 0;
		p->snap_reply = r->lead.last_id;
		p->snap_dups = 0;
	}
	if (p->snap_dups >= RAFT_CHUNK_DUPS && p->snap_sent > p->snap_acked) {
		send_chunk(r, p, p->snap_acked);
		p->snap_dups = 0;
		p->rewind_id = r->lead.last_id;
	}
	while (p->snap_sent < s->len &&
	       p->snap_sent - p->snap_acked < RAFT_CHUNKS_MAX * RAFT_CHUNK_MAX)
		if (!send_chunk(r, p, p->snap_sent))
			return;
}

/*
 * All has arrived and nothing came of it for a heartbeat: ask with the last chunk.
 * What else goes out meanwhile says nothing about that.
 */
void raft_snap_nudge(struct raft *r, struct raft_peer *p)
{
	u64 len = r->offer.len;

	if (r->now < p->snap_at + r->p.heartbeat_ns)
		return;
	p->snap_at = r->now;
	if (!len || p->snap_index != r->offer.index || p->snap_acked < len)
		return;
	p->snap_acked = (len - 1) & ~(u64)(RAFT_CHUNK_MAX - 1);
	p->snap_sent = p->snap_acked;
	p->urgent = true;
}

/* How far the peer is. An answer without progress tells of a gap; of more than
 * one that is no mere disorder, the chunk in question goes out again.
 */
static void chunks_arrived(struct raft *r, struct raft_peer *p,
			   const struct raft_msg *m)
{
	u64 have = min(m->hint, r->offer.len);

	if (m->id <= p->snap_reply)
		return;
	p->snap_reply = m->id;
	if (have == p->snap_acked) {
		p->snap_dups += m->id > p->rewind_id;
		return;
	}
	/* Less than before: it has begun anew. */
	p->snap_sent = have < p->snap_acked ? have : max(p->snap_sent, have);
	p->snap_acked = have;
	p->snap_dups = 0;
}

void raft_on_snapshot_reply(struct raft *r, const struct raft_msg *m)
{
	struct raft_peer *p = raft_peer(r, m->from);

	if (r->role != RAFT_LEADER || !p || !m->id || m->id > r->lead.last_id)
		return;
	raft_peer_heard(r, p, m->id);
	if (p->flow == RAFT_SNAPPING && r->offer.len &&
	    p->snap_index == r->offer.index && m->index == p->snap_index)
		chunks_arrived(r, p, m);
	raft_timer_restart(r, p);
}

/**
 * raft_snapshot_offer() - a snapshot that may be sent, in place of the last
 * @r: the node
 * @now: ns
 * @s: copied but for the data; NULL: none any more
 */
void raft_snapshot_offer(struct raft *r, u64 now, const struct raft_snapshot *s)
{
	raft_event(r, now);
	r->offer_asked = false;
	if (s)
		r->offer = *s;
	else
		r->offer.len = 0;
}

/* Length of the chunk at an offset, by which chunks are known to fit. */
static bool chunk_valid(const struct raft_msg *m)
{
	return m->index && m->log_term && m->log_term <= m->term &&
	       m->hint < m->hint_term && m->len && m->data &&
	       !(m->hint & (RAFT_CHUNK_MAX - 1)) &&
	       m->len == min_t(u64, m->hint_term - m->hint, RAFT_CHUNK_MAX);
}

static bool same_snapshot(const struct raft_snapshot *s, const struct raft_msg *m)
{
	return s->index == m->index && s->term == m->log_term &&
	       s->len == m->hint_term && s->checksum == m->checksum;
}

/* Another snapshot than the one before: the buffer is asked for anew. */
static void receipt_begin(struct raft *r, const struct raft_msg *m)
{
	struct raft_receipt *in = &r->in;

	memset(in, 0, sizeof(*in));
	in->active = true;
	in->s.index = m->index;
	in->s.term = m->log_term;
	in->s.len = m->hint_term;
	in->s.checksum = m->checksum;
	in->term = m->term;
	in->hash = hash_begin();
	r->rd.snap_want = m->hint_term;
}

/* The hash follows what is there without a gap. */
static void receipt_join(struct raft_receipt *in)
{
	u32 len;

	while (in->ahead & 1) {
		len = (u32)min_t(u64, in->s.len - in->received, RAFT_CHUNK_MAX);
		in->hash = hash_chunk(in->hash, in->buf + in->received, len);
		in->received += len;
		in->ahead >>= 1;
	}
}

/* A chunk goes where it belongs, also one that overtook others. */
static void receipt_take(struct raft *r, const struct raft_msg *m)
{
	struct raft_receipt *in = &r->in;
	u64 at = (m->hint - in->received) / RAFT_CHUNK_MAX;

	if (m->hint < in->received || at >= 64 || in->ahead >> at & 1)
		return;
	if (!m->hint) {
		if (!m->config)
			return;
		in->s.config = *m->config;
	}
	memcpy(in->buf + m->hint, m->data, m->len);
	in->ahead |= 1ULL << at;
	receipt_join(in);
	if (in->received < in->s.len)
		return;
	if (in->hash != in->s.checksum) {
		in->active = false;
		return;
	}
	in->installing = true;
	r->rd.snap_install = true;
}

/*
 * InstallSnapshot (paper, figure 13). One that is not ahead of the commit index
 * is ignored and answered with what this log has (pitfall 53).
 */
void raft_on_snapshot(struct raft *r, const struct raft_msg *m)
{
	struct raft_receipt *in = &r->in;

	if (!chunk_valid(m) || !raft_contact(r, m))
		return;
	if (m->index <= r->commit) {
		raft_ack(r, m->id);
		return;
	}
	if (!in->active || !same_snapshot(&in->s, m)) {
		if (in->installing) {
			raft_ack(r, m->id);
			return;
		}
		if (in->active && m->term <= in->term && m->id <= in->ack_id)
			return;
		receipt_begin(r, m);
	}
	in->ack_id = max(in->ack_id, m->id);
	if (!in->buf)
		return;
	if (!in->installing)
		receipt_take(r, m);
	in->ack = in->active;
}

void raft_receipt_flush(struct raft *r)
{
	struct raft_msg *m = raft_send(r, RAFT_SNAPSHOT_REPLY, r->leader);

	if (!m)
		return;
	m->id = r->in.ack_id;
	m->index = r->in.s.index;
	m->hint = r->in.received;
	r->in.ack = false;
}

/* Entries brought the log as far as the snapshot would have. */
void raft_receipt_outrun(struct raft *r)
{
	if (r->in.active && r->in.s.index <= r->commit)
		r->in.active = false;
}

/**
 * raft_snapshot_buffer() - room for the snapshot that is wanted
 * @r: the node
 * @now: ns
 * @buf: stays the driver's; NULL: there is none
 * @len: must be what ready.snap_want said last
 *
 * Return: true if it is used from now on; false: it stays unused, because
 * nothing is wanted, it is not as long as what is, or there is one already.
 */
bool raft_snapshot_buffer(struct raft *r, u64 now, u8 *buf, u64 len)
{
	struct raft_receipt *in = &r->in;

	raft_event(r, now);
	if (!in->active || in->buf)
		return false;
	if (!buf || len != in->s.len) {
		in->active = false;
		return false;
	}
	in->buf = buf;
	in->s.data = buf;
	in->ack = true;
	return true;
}

const struct raft_snapshot *raft_snapshot_received(const struct raft *r)
{
	return r->in.installing ? &r->in.s : NULL;
}

/*
 * "If existing log entry has same index and term as snapshot's last included
 * entry, retain log entries following it; discard the entire log" otherwise
 * (paper, figure 13, rules 6 and 7).
 */
void raft_snapshot_installed(struct raft *r, u64 now, bool ok)
{
	struct raft_receipt *in = &r->in;
	const struct raft_snapshot *s = &in->s;
	u64 old = r->log.last;

	if (r->failed || !in->installing)
		return;
	raft_event(r, now);
	in->installing = false;
	in->active = false;
	if (!ok || !raft_assert(r, s->index > r->commit, "a snapshot goes back"))
		return;
	if (s->index <= old && raft_log_term(&r->log, s->index) == s->term) {
		raft_log_compact(&r->log, s->index);
	} else {
		raft_store_cut(r, r->commit);
		raft_log_reset(&r->log, s->index, s->term);
		raft_conf_rollback(r, r->commit);
	}
	raft_conf_set(r, s->index, &s->config);
	r->store.given = s->index;
	r->store.anew = true;
	r->commit = s->index;
	r->handed = s->index;
	r->applied = s->index;
	r->follow.verified = max(r->follow.verified, s->index);
	if (r->follow.ack_id < in->ack_id)
		r->follow.ack_id = in->ack_id;
	raft_patience(r);
}

static bool heard_lately(const struct raft *r, const struct raft_peer *p)
{
	return max(p->heard, r->lead.since) + r->p.election_max_ns >= r->now;
}

/* It is being sent a snapshot, or has not got as far yet as it was behind that. */
static bool chasing(struct raft_peer *p)
{
	if (p->flow == RAFT_SNAPPING)
		return true;
	if (p->match >= p->chase)
		p->chase = 0;
	return p->chase;
}

/* Lowest index that a peer heard from lately still needs what is behind. */
static u64 needed_from(const struct raft *r, const struct raft_peer *p)
{
	if (p->flow != RAFT_SNAPPING)
		return p->match;
	if (p->snap_index)
		return p->snap_index;
	if (r->hold)
		return r->hold;
	return r->offer.len && r->offer.index >= r->log.base ? r->offer.index :
							       U64_MAX;
}

/*
 * What a leader keeps for others. A peer far behind gets a snapshot, and then has
 * to find the log behind that still there, or it begins anew for ever. For its
 * sake the log may get fuller than for one that is just slow.
 */
static u64 kept_from(struct raft *r)
{
	unsigned int i, fill = raft_log_fill(&r->log);
	u64 index = U64_MAX;
	struct raft_peer *p;

	if (fill > RAFT_HOLD_PERCENT)
		return U64_MAX;
	for (i = 0; i < r->n_peers; i++) {
		p = &r->peers[i];
		if (heard_lately(r, p) &&
		    (chasing(p) || fill <= RAFT_FULL_PERCENT))
			index = min(index, needed_from(r, p));
	}
	return index;
}

/**
 * raft_snapshot_hold() - a snapshot for peers is being made
 * @r: the node
 * @index: of the snapshot; 0: none any more
 */
void raft_snapshot_hold(struct raft *r, u64 index)
{
	r->hold = index;
}

/**
 * raft_compact() - drop entries from memory
 * @r: the node
 * @index: up to here at most; only what is applied and durable goes, and while
 *	there is room a leader keeps what its peers have yet to get
 */
void raft_compact(struct raft *r, u64 index)
{
	index = min(index, r->applied);
	index = min(index, r->store.durable);
	if (r->role == RAFT_LEADER)
		index = min(index, kept_from(r));
	raft_log_compact(&r->log, index);
}
