// SPDX-License-Identifier: GPL-2.0
/*
 * Linearizable reads without a log entry (thesis 6.4). A read notes the commit
 * index and the id counter; once a majority has echoed an id above that, the
 * node was leader when the read came, and the noted index was the newest there
 * was. Ids are never reused, so no repeated answer confirms anything that came
 * after it was sent (pitfall 36). Whatever is sent anyway serves as the round.
 */
#include "core.h"

static struct raft_waiting *oldest(struct raft_reads *q)
{
	return &q->wait[q->first];
}

static struct raft_waiting *newest(struct raft_reads *q)
{
	return &q->wait[(q->first + q->n - 1) % RAFT_READS_MAX];
}

void raft_reads_drop(struct raft *r)
{
	r->reads.n = 0;
	r->reads.open = false;
}

/*
 * "the leader must have the latest information on which entries are committed":
 * not before its no-op is (thesis 6.4, step 1; pitfall 35), so the index is at
 * least that.
 */
static int enqueue(struct raft *r, struct raft_id from, u64 ctx)
{
	struct raft_reads *q = &r->reads;
	struct raft_waiting *w;

	if (q->n == RAFT_READS_MAX)
		return -EAGAIN;
	q->n++;
	w = newest(q);
	w->from = from;
	w->ctx = ctx;
	w->index = max(r->commit, r->lead.noop);
	w->round = r->lead.last_id;
	return 0;
}

int raft_read(struct raft *r, u64 now, u64 ctx)
{
	struct raft_msg *m;

	if (r->failed)
		return -EAGAIN;
	raft_event(r, now);
	if (r->role == RAFT_LEADER)
		return enqueue(r, r->p.self, ctx);
	if (!raft_id_some(r->leader))
		return -EAGAIN;
	m = raft_send(r, RAFT_READ, r->leader);
	if (!m)
		return -EAGAIN;
	m->id = ctx;
	return 0;
}

/* A peer asks; whom nothing is replicated to could not use the answer. */
void raft_on_read(struct raft *r, const struct raft_msg *m)
{
	if (r->role == RAFT_LEADER && raft_peer(r, m->from))
		enqueue(r, m->from, m->id);
}

void raft_on_read_reply(struct raft *r, const struct raft_msg *m)
{
	struct raft_ready *rd = &r->rd;

	if (!raft_id_eq(m->from, r->leader) || rd->n_reads == RAFT_READS_MAX)
		return;
	rd->reads[rd->n_reads].ctx = m->id;
	rd->reads[rd->n_reads].index = m->index;
	rd->n_reads++;
}

/* A reader elsewhere is told, and told of the commit that it has to reach. */
static bool answer_peer(struct raft *r, const struct raft_waiting *w)
{
	struct raft_peer *p = raft_peer(r, w->from);
	struct raft_msg *m;

	if (!p)
		return true;
	m = raft_send(r, RAFT_READ_REPLY, w->from);
	if (!m)
		return false;
	m->id = w->ctx;
	m->index = w->index;
	p->urgent |= p->commit_sent < w->index;
	return true;
}

static bool answer(struct raft *r, const struct raft_waiting *w)
{
	struct raft_ready *rd = &r->rd;

	if (!raft_id_eq(w->from, r->p.self))
		return answer_peer(r, w);
	if (rd->n_reads == RAFT_READS_MAX)
		return false;
	rd->reads[rd->n_reads].ctx = w->ctx;
	rd->reads[rd->n_reads].index = w->index;
	rd->n_reads++;
	return true;
}

static u64 echoed(const struct raft *r, const struct raft_peer *p)
{
	(void)r;
	return raft_mute(p) ? 0 : p->acked_id;
}

/* Ids below this were echoed by a majority. */
static u64 confirmed(const struct raft *r)
{
	return raft_quorum_value(r, U64_MAX, echoed);
}

/* Answer, oldest first, what a round has confirmed. */
void raft_reads_flush(struct raft *r)
{
	struct raft_reads *q = &r->reads;
	u64 upto;

	if (!q->n || r->commit < r->lead.noop)
		return;
	upto = confirmed(r);
	while (q->n && oldest(q)->round < upto && answer(r, oldest(q))) {
		q->first = (q->first + 1) % RAFT_READS_MAX;
		q->n--;
	}
}

/*
 * Whether voters are to be asked for a sign of life for the sake of reads: one
 * round at a time, for all that wait when it begins.
 */
bool raft_round_wanted(struct raft *r)
{
	struct raft_reads *q = &r->reads;
	u64 upto;

	if (!q->n)
		return false;
	upto = confirmed(r);
	if (q->open && upto > q->asked)
		q->open = false;
	if (!q->open && newest(q)->round >= upto) {
		q->open = true;
		q->asked = newest(q)->round;
	}
	return q->open;
}
