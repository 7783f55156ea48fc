// SPDX-License-Identifier: GPL-2.0
/*
 * The leader: what each peer has, what it is sent, what is committed.
 *
 * Nothing is sent when it is proposed; raft_ready() sends what there is by
 * then, so that all proposals of one drain share a message. A message carries
 * an id that its answer echoes. Every one, also an empty one, names the entry
 * before the next to send, so that whatever arrives after a loss reveals it;
 * a loss with nothing behind it is found by the retransmission timer.
 */
#include "core.h"

/* A new leader knows nothing of a peer: "nextIndex: initialized to leader last
 * log index + 1; matchIndex: initialized to 0" (paper, figure 2).
 */
void raft_progress_begin(struct raft *r, struct raft_peer *p)
{
	p->flow = RAFT_PROBE;
	p->awaiting = false;
	p->urgent = true;
	p->backoff = 0;
	p->match = 0;
	p->next = r->log.last + 1;
	p->sent_id = r->lead.last_id;
	p->acked_id = 0;
	p->rewind_id = r->lead.last_id;
	p->commit_sent = 0;
	p->heard = 0;
	p->sent_at = r->now;
	p->rto_at = RAFT_NEVER;
	p->timed_id = 0;
	p->hole = 1;
	p->hole_end = 0;
	p->flight_first = 0;
	p->flight_n = 0;
	p->snap_index = 0;
	p->chase = 0;
	p->differs = false;
}

/* Won. "a leader ... commits a no-op entry at the start of its term" (paper 8) */
void raft_lead_begin(struct raft *r)
{
	unsigned int i;

	raft_become(r, RAFT_LEADER, r->store.hard.term, r->p.self);
	r->lead.since = r->now;
	r->offer_asked = false;
	r->lead.quorum_at = r->now + r->p.election_max_ns;
	for (i = 0; i < r->n_peers; i++)
		raft_progress_begin(r, &r->peers[i]);
	/* In a full log what is applied makes way; nothing else could, later. */
	if (raft_append_own(r, RAFT_NOOP, NULL, 0)) {
		raft_log_compact(&r->log, min(r->applied, r->store.durable));
		if (!raft_append_own(r, RAFT_NOOP, NULL, 0))
			goto appended;
		raft_become(r, RAFT_FOLLOWER, r->store.hard.term, RAFT_NOBODY);
		return;
	}
appended:
	r->lead.noop = r->log.last;
}

/* Base of the timer, by RFC 6298, and its doublings. Without a sample: the
 * heartbeat, which is also where doubling ends.
 */
static u64 retransmit_after(const struct raft *r, const struct raft_peer *p)
{
	u64 base = r->p.heartbeat_ns, most;

	if (p->srtt)
		base = max(p->srtt + 4 * p->rttvar, r->p.retransmit_min_ns);
	most = max(base, r->p.heartbeat_ns);
	return min(base << p->backoff, most);
}

static bool outstanding(const struct raft_peer *p)
{
	if (p->flow == RAFT_PROBE)
		return p->awaiting;
	if (p->flow == RAFT_SNAPPING && raft_snap_out(p))
		return true;
	return p->sent_id > p->acked_id ||
	       (p->flow == RAFT_REPLICATE && p->next - 1 > p->match &&
		!raft_mute(p));
}

/* After an answer: the timer runs from here, if something is still out. */
void raft_timer_restart(struct raft *r, struct raft_peer *p)
{
	p->rto_at = outstanding(p) ? r->now + retransmit_after(r, p) :
				     RAFT_NEVER;
}

/* A message that the peer answers, echoing its id. */
struct raft_msg *raft_send_led(struct raft *r, struct raft_peer *p, u8 type)
{
	struct raft_msg *m = raft_send(r, type, p->id);

	if (!m)
		return NULL;
	m->id = ++r->lead.last_id;
	p->sent_id = m->id;
	p->sent_at = r->now;
	p->urgent = false;
	if (p->rto_at == RAFT_NEVER)
		p->rto_at = r->now + retransmit_after(r, p);
	return m;
}

/* Go on from @next; what is still out says nothing about that any more. */
void raft_rewind(struct raft *r, struct raft_peer *p, u64 next)
{
	p->rewind_id = r->lead.last_id;
	p->next = next;
	p->hole = 1;
	p->hole_end = 0;
	p->flight_n = 0;
	p->awaiting = false;
	p->commit_sent = 0;
}

/* How many entries from @next on fit into one message. */
static u16 fit(const struct raft *r, u64 next)
{
	u32 room = r->p.batch_bytes, cost;
	struct raft_entry e;
	u16 n = 0;

	while (n < RAFT_BATCH_MAX && next + n <= r->log.last &&
	       !raft_log_get(&r->log, next + n, &e)) {
		cost = RAFT_ENTRY_COST + e.len;
		if (cost > room)
			break;
		room -= cost;
		n++;
	}
	return n;
}

/* One message with @n entries is out. An empty one is timed only while nothing
 * better is known: its answer does not wait for storage.
 */
static void note_flight(struct raft *r, struct raft_peer *p, u64 id, u16 n)
{
	u64 last = p->next + n - 1;

	if (!p->timed_id && (n || !p->srtt)) {
		p->timed_id = id;
		p->timed_last = n ? last : 0;
		p->timed_at = r->now;
	}
	if (!n || p->flow != RAFT_REPLICATE)
		return;
	p->flight[(p->flight_first + p->flight_n++) % RAFT_INFLIGHT_MAX] = last;
	p->next += n;
}

/* An append of @n entries behind @prev. Its id; 0: no room. */
static u64 put_append(struct raft *r, struct raft_peer *p, u64 prev, u16 n)
{
	struct raft_msg *m = raft_send_led(r, p, RAFT_APPEND);
	u64 told;

	if (!m)
		return 0;
	m->index = prev;
	m->log_term = prev ? raft_log_term(&r->log, prev) : 0;
	m->commit = r->commit;
	m->n_entries = n;
	told = min(r->commit, prev + n);
	p->commit_sent = max(p->commit_sent, told);
	return m->id;
}

/* An append with as much as fits, or an empty one. False: no room. */
static bool send_append(struct raft *r, struct raft_peer *p, bool empty)
{
	u16 n = empty ? 0 : fit(r, p->next);
	u64 id;

	if (p->flow == RAFT_SNAPPING)
		return put_append(r, p, 0, 0);
	if (p->next <= r->log.base) {
		raft_snap_begin(r, p);
		return false;
	}
	id = put_append(r, p, p->next - 1, n);
	if (!id)
		return false;
	note_flight(r, p, id, n);
	p->awaiting = p->flow == RAFT_PROBE;
	return true;
}

/* Once more what is missing before something that has arrived. */
static void fill_hole(struct raft *r, struct raft_peer *p)
{
	u64 n;

	p->hole = max(p->hole, p->match + 1);
	while (p->hole <= p->hole_end && p->flow == RAFT_REPLICATE &&
	       p->hole > r->log.base) {
		n = min_t(u64, fit(r, p->hole), p->hole_end - p->hole + 1);
		if (!put_append(r, p, p->hole - 1, (u16)n))
			break;
		p->hole += n;
	}
}

/* A message's worth of entries waits, by count or by size. */
static bool brimful(const struct raft *r, const struct raft_peer *p)
{
	u64 n = r->log.last - p->next + 1;

	return n >= RAFT_BATCH_MAX ||
	       raft_log_bytes_from(&r->log, p->next) + n * RAFT_ENTRY_COST >=
	       r->p.batch_bytes;
}

static bool worth_sending(const struct raft *r, const struct raft_peer *p)
{
	if (p->next > r->log.last || p->next <= r->log.base)
		return p->next <= r->log.base;
	if (p->flow == RAFT_PROBE)
		return !p->awaiting;
	return p->flight_n < RAFT_PARTIAL_MAX || p->urgent ||
	       (p->flight_n < RAFT_INFLIGHT_MAX && brimful(r, p));
}

/* What this peer is to be sent now. @round: voters are asked for a sign. */
static void flush_peer(struct raft *r, struct raft_peer *p, bool round)
{
	bool full;

	fill_hole(r, p);
	while (p->flow != RAFT_SNAPPING && worth_sending(r, p) &&
	       p->flight_n < RAFT_INFLIGHT_MAX)
		if (!send_append(r, p, false))
			break;
	if (p->flow == RAFT_SNAPPING)
		raft_snap_send(r, p);
	round = round && p->voter && p->sent_id <= r->reads.asked && !p->awaiting;
	full = p->awaiting || p->flight_n == RAFT_INFLIGHT_MAX;
	if (p->urgent || round)
		send_append(r, p, full);
}

/* All that a leader has to say. */
void raft_lead_flush(struct raft *r)
{
	unsigned int i;
	bool round;

	if (raft_id_some(r->lead.to))
		raft_transfer_tick(r);
	raft_reads_flush(r);
	round = raft_round_wanted(r);
	for (i = 0; i < r->n_peers && !raft_outbox_full(r); i++)
		flush_peer(r, &r->peers[i], round);
}

static u64 match_of(const struct raft *r, const struct raft_peer *p)
{
	(void)r;
	return p->match;
}

/* Whoever waits for one of these entries learns of it at once. */
static void committed(struct raft *r, u64 index)
{
	struct raft_peer *p;
	u8 note;

	while (r->commit < index) {
		r->commit++;
		note = *raft_log_note(&r->log, r->commit);
		if (!note || note > r->n_peers)
			continue;
		p = &r->peers[note - 1];
		p->urgent |= p->commit_sent < r->commit;
	}
}

/* Has a majority something above the commit index at all? */
static bool ripe(const struct raft *r)
{
	unsigned int i, n = r->voter && r->store.durable > r->commit;

	for (i = 0; i < r->n_peers; i++)
		n += r->peers[i].voter && r->peers[i].match > r->commit;
	return n >= raft_majority(r);
}

/*
 * "If there exists an N such that N > commitIndex, a majority of matchIndex[i]
 * >= N, and log[N].term == currentTerm: set commitIndex = N" (paper, figure 2;
 * 5.4.2 says why the term; pitfall 18). This node is counted by what is durable
 * here (pitfall 5).
 */
void raft_advance_commit(struct raft *r)
{
	u64 n;

	if (r->role != RAFT_LEADER || !ripe(r))
		return;
	n = raft_quorum_value(r, r->store.durable, match_of);
	if (n <= r->commit || raft_log_term(&r->log, n) != r->store.hard.term)
		return;
	committed(r, n);
	if (!r->voter && r->conf.index <= r->commit)
		raft_become(r, RAFT_FOLLOWER, r->store.hard.term, RAFT_NOBODY);
}

/* RFC 6298, 2.2 and 2.3. */
static void sample(struct raft_peer *p, u64 rtt)
{
	u64 off;

	rtt = max(rtt, 1ULL);
	if (!p->srtt) {
		p->srtt = rtt;
		p->rttvar = rtt >> 1;
		return;
	}
	off = rtt > p->srtt ? rtt - p->srtt : p->srtt - rtt;
	p->rttvar += (off >> 2) - (p->rttvar >> 2);
	p->srtt += (rtt >> 3) - (p->srtt >> 3);
	p->srtt = max(p->srtt, 1ULL);
}

/* Karn's rule, which ids make easy: only an answer that is surely one. */
static void time_answer(struct raft *r, struct raft_peer *p, u64 id)
{
	if (!p->timed_id || id < p->timed_id)
		return;
	if (id > p->timed_id && p->timed_id <= p->rewind_id) {
		p->timed_id = 0;
		return;
	}
	if (p->match < p->timed_last && id != p->timed_id)
		return;
	sample(p, r->now - p->timed_at);
	p->timed_id = 0;
}

/* It has answered, in this term, something sent with @id. */
void raft_peer_heard(struct raft *r, struct raft_peer *p, u64 id)
{
	p->heard = r->now;
	p->acked_id = max(p->acked_id, id);
	p->backoff = 0;
}

/* Durable there up to @index. "match never goes back" (pitfall 20). */
void raft_matched(struct raft *r, struct raft_peer *p, u64 index)
{
	if (index <= p->match || index > r->log.last)
		return;
	p->match = index;
	p->next = max(p->next, index + 1);
	while (p->flight_n && p->flight[p->flight_first] <= index) {
		p->flight_first = (p->flight_first + 1) % RAFT_INFLIGHT_MAX;
		p->flight_n--;
	}
	if (p->voter && index > r->commit)
		raft_advance_commit(r);
}

/*
 * The highest index at which our log may agree with one that has @term at
 * @hint: none of our entries above it has a term that low (paper 5.3, end).
 * Terms never decrease along a log, so halving finds it. *exact: it agrees.
 */
static u64 may_agree(const struct raft *r, u64 hint, u64 term, bool *exact)
{
	u64 low = r->log.base, high = min(hint, r->log.last), mid;

	*exact = hint >= low && hint <= r->log.last &&
		 raft_log_term(&r->log, hint) == term;
	if (*exact || high <= low)
		return high;
	if (raft_log_term(&r->log, low) > term)
		return low ? low - 1 : 0;
	while (low < high) {
		mid = low + ((high - low + 1) >> 1);
		if (raft_log_term(&r->log, mid) <= term)
			low = mid;
		else
			high = mid - 1;
	}
	return low;
}

/*
 * "If AppendEntries fails because of log inconsistency: decrement nextIndex and
 * retry" (paper, figure 2), by as much as the hint allows. Where the follower's
 * log simply ends earlier, for a loss or for disorder, it matches there; then
 * only what it is missing goes again. What else it did not keep, it will refuse
 * to do without.
 */
static void refused(struct raft *r, struct raft_peer *p, const struct raft_msg *m)
{
	bool exact;
	u64 next;

	if (m->id <= p->rewind_id || p->flow == RAFT_SNAPPING ||
	    m->index <= p->match || m->index > r->log.last)
		return;
	next = may_agree(r, m->hint, m->hint_term, &exact) + 1;
	next = min(next, m->index);
	next = max(next, p->match + 1);
	if (exact && p->flow == RAFT_REPLICATE && m->index < p->next) {
		p->rewind_id = r->lead.last_id;
		p->hole = next;
		p->hole_end = m->index;
		return;
	}
	raft_rewind(r, p, next);
	p->flow = exact && m->hint < m->index ? RAFT_REPLICATE : RAFT_PROBE;
	p->urgent = true;
}

/*
 * It may not acknowledge yet, and says by refusing what comes behind how far it
 * is (doubt.c).
 */
static void refused_mute(struct raft *r, struct raft_peer *p,
			 const struct raft_msg *m)
{
	bool exact;
	u64 next = may_agree(r, m->hint, m->hint_term, &exact) + 1;

	if (m->id <= p->rewind_id || (p->flow == RAFT_SNAPPING && !exact))
		return;
	raft_rewind(r, p, next);
	p->flow = exact ? RAFT_REPLICATE : RAFT_PROBE;
	p->urgent |= !exact;
	p->chase = p->snap_index ? r->commit : p->chase;
	p->snap_index = 0;
}

/* It follows, and matches up to what the message said. */
static void accepted(struct raft *r, struct raft_peer *p, const struct raft_msg *m)
{
	bool fresh = m->id > p->rewind_id;

	if (p->flow == RAFT_SNAPPING) {
		if (p->match < r->log.base)
			return;
		raft_rewind(r, p, p->match + 1);
		p->flow = RAFT_REPLICATE;
		p->snap_index = 0;
		p->chase = r->commit;
	} else if (p->flow == RAFT_PROBE && fresh) {
		p->flow = RAFT_REPLICATE;
		p->awaiting = false;
	}
}

void raft_on_append_reply(struct raft *r, const struct raft_msg *m)
{
	struct raft_peer *p = raft_peer(r, m->from);
	bool news;

	if (r->role != RAFT_LEADER || !p)
		return;
	if (unlikely(m->flags & RAFT_MSG_DIFFERS)) {
		raft_on_differs(r, p);
		return;
	}
	if (!m->id || m->id > r->lead.last_id)
		return;
	if (unlikely(p->trust) && !(m->flags & RAFT_MSG_REJECT))
		raft_doubt_acked(r, p);
	news = m->id > p->acked_id || m->index > p->match;
	raft_peer_heard(r, p, m->id);
	if (!(m->flags & RAFT_MSG_REJECT))
		raft_matched(r, p, m->index);
	time_answer(r, p, m->id);
	if (m->flags & RAFT_MSG_REJECT)
		raft_mute(p) ? refused_mute(r, p, m) : refused(r, p, m);
	else
		accepted(r, p, m);
	/* An answer to a heartbeat says nothing about chunks that were lost. */
	if (news && r->role == RAFT_LEADER &&
	    (p->flow != RAFT_SNAPPING || !raft_snap_out(p)))
		raft_timer_restart(r, p);
}

/* Nothing came back in time: from what is known, one message at a time. */
static void expired(struct raft *r, struct raft_peer *p)
{
	p->backoff = min_t(u8, p->backoff + 1, RAFT_BACKOFF_MAX);
	p->rto_at = RAFT_NEVER;
	p->urgent = true;
	raft_rewind(r, p, p->flow == RAFT_REPLICATE && !raft_mute(p) ?
			  p->match + 1 : p->next);
	if (p->flow != RAFT_SNAPPING) {
		p->flow = RAFT_PROBE;
		return;
	}
	p->snap_sent = p->snap_acked;
	raft_snap_nudge(r, p);
}

static void tick_peer(struct raft *r, struct raft_peer *p)
{
	if (r->now >= p->rto_at)
		expired(r, p);
	if (p->flow == RAFT_SNAPPING)
		raft_snap_nudge(r, p);
	if (r->now >= p->sent_at + r->p.heartbeat_ns)
		p->urgent = true;
}

static u64 heard_of(const struct raft *r, const struct raft_peer *p)
{
	return raft_mute(p) ? r->lead.since : max(p->heard, r->lead.since);
}

/*
 * CheckQuorum (thesis 6.2): "a leader steps down if an election timeout elapses
 * without a successful round of heartbeats to a majority of its cluster".
 */
static bool deserted(struct raft *r)
{
	if (r->now < r->lead.quorum_at)
		return false;
	r->lead.quorum_at = raft_quorum_value(r, r->now, heard_of) +
			    r->p.election_max_ns;
	return r->now >= r->lead.quorum_at;
}

void raft_lead_tick(struct raft *r)
{
	unsigned int i;

	if (deserted(r) || raft_hung(r)) {
		raft_become(r, RAFT_FOLLOWER, r->store.hard.term, RAFT_NOBODY);
		return;
	}
	for (i = 0; i < r->n_peers; i++)
		tick_peer(r, &r->peers[i]);
}

/* When the leader has something to do even if nothing happens. */
u64 raft_lead_deadline(const struct raft *r)
{
	const struct raft_peer *p;
	u64 at = min(r->lead.quorum_at, raft_hung_at(r));
	unsigned int i;

	if (raft_id_some(r->lead.to)) {
		at = min(at, r->lead.to_until);
		if (r->lead.to_resend_at > r->now)
			at = min(at, r->lead.to_resend_at);
	}
	for (i = 0; i < r->n_peers; i++) {
		p = &r->peers[i];
		at = min(at, p->rto_at);
		at = min(at, p->sent_at + r->p.heartbeat_ns);
		if (p->flow == RAFT_SNAPPING)
			at = min(at, p->snap_at + r->p.heartbeat_ns);
	}
	return at;
}
