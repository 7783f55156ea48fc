// SPDX-License-Identifier: GPL-2.0
/*
 * All that there is to do, and what storage has done.
 *
 * The ready is built in place: handlers put messages and reads there as they
 * come, raft_ready() adds what it is better to know the end of a drain for, and
 * raft_advance() empties it. Nothing is cleared or copied as a whole.
 */
#include "core.h"

/* The persist that must be durable before the hard state may be shown; 0: none.
 * Never 0 while storage does not even know.
 */
u64 raft_hard_pending(const struct raft *r)
{
	const struct raft_store *s = &r->store;

	if (s->hard_dirty)
		return s->seq + 1;
	return s->hard_seq > s->done ? s->hard_seq : 0;
}

/*
 * The log was truncated behind @index. A completion of what was written before
 * proves nothing above that: a crash may yet undo it (pitfall 6).
 */
void raft_store_cut(struct raft *r, u64 index)
{
	struct raft_store *s = &r->store;

	/* Only the telling depends on what was given, the distrust never. */
	if (s->given > index) {
		s->given = index;
		s->cut = true;
	}
	s->durable = min(s->durable, index);
	s->cap = s->done < s->cap_seq ? min(s->cap, index) : index;
	s->cap_seq = s->seq + 1;
}

/* Remember what the log ends with as of this persist. */
static void store_remember(struct raft_store *s, u64 last)
{
	unsigned int at;

	if (s->n == RAFT_PENDING_MAX)
		s->n--;
	at = (s->first + s->n++) % RAFT_PENDING_MAX;
	s->pending[at].seq = s->seq;
	s->pending[at].last = last;
}

/* The last index of the newest persist up to @seq; 0: not remembered. */
static u64 store_recall(struct raft_store *s, u64 seq)
{
	u64 last = 0;

	while (s->n && s->pending[s->first].seq <= seq) {
		last = s->pending[s->first].last;
		s->first = (s->first + 1) % RAFT_PENDING_MAX;
		s->n--;
	}
	return last;
}

/**
 * raft_persisted() - storage reports
 * @r: the node
 * @now: ns
 * @seq: this persist, and all before it, are durable
 * @term: term of its last entry
 * @index: index of its last entry; 0: it had none
 */
void raft_persisted(struct raft *r, u64 now, u64 seq, u64 term, u64 index)
{
	struct raft_store *s = &r->store;
	u64 upto;

	if (r->failed || seq <= s->done || seq > s->seq)
		return;
	raft_event(r, now);
	s->done = seq;
	upto = store_recall(s, seq);
	if (index && index < upto)
		upto = index;
	if (seq < s->cap_seq)
		upto = min(upto, s->cap);
	if (upto == index && raft_log_term(&r->log, index) != term)
		upto = 0;
	if (upto > s->durable) {
		s->durable = upto;
		raft_advance_commit(r);
		raft_follow_durable(r);
	}
	raft_tally(r);
}

void raft_applied(struct raft *r, u64 index)
{
	if (index > r->applied && index <= r->commit)
		r->applied = index;
}

static bool fill_persist(struct raft *r)
{
	struct raft_store *s = &r->store;
	struct raft_ready *rd = &r->rd;

	rd->persist.seq = 0;
	if (!s->hard_dirty && !s->cut && !s->anew && r->log.last <= s->given)
		return false;
	rd->persist.seq = ++s->seq;
	rd->persist.hard = s->hard;
	rd->persist.hard_changed = s->hard_dirty;
	rd->persist.snapshot = s->anew;
	rd->persist.first = s->given + 1;
	rd->persist.last = r->log.last;
	if (s->hard_dirty)
		s->hard_seq = s->seq;
	s->hard_dirty = false;
	s->cut = false;
	s->anew = false;
	s->given = r->log.last;
	store_remember(s, r->log.last);
	return true;
}

/* No message shows a term or a vote that a crash could take back. */
static bool fill_msgs(struct raft *r)
{
	u64 after = raft_hard_pending(r);
	unsigned int i;

	for (i = 0; after && i < r->rd.n_msgs; i++)
		r->rd.msgs[i].after = after;
	return r->rd.n_msgs;
}

static bool fill_apply(struct raft *r)
{
	r->rd.apply_first = r->handed + 1;
	r->rd.apply_last = r->commit;
	return r->commit > r->handed;
}

static bool fill_role(struct raft *r)
{
	r->rd.role_changed = r->role != r->said_role ||
			     r->store.hard.term != r->said_term ||
			     !raft_id_eq(r->leader, r->said_leader);
	if (!r->rd.role_changed)
		return false;
	r->said_role = r->role;
	r->said_term = r->store.hard.term;
	r->said_leader = r->leader;
	return true;
}

static u64 next_deadline(const struct raft *r)
{
	if (r->role == RAFT_LEADER)
		return raft_lead_deadline(r);
	if (r->role == RAFT_FOLLOWER)
		return r->election_at;
	return min(r->election_at, r->poll.resend_at);
}

/* All of it, in one place. */
static noinline const struct raft_ready *collect(struct raft *r, u64 now)
{
	struct raft_ready *rd = &r->rd;
	bool any = false;

	r->event = false;
	r->now = now;
	if (r->role == RAFT_LEADER)
		raft_lead_flush(r);
	else
		raft_follow_flush(r);
	any |= fill_persist(r);
	any |= fill_msgs(r);
	any |= fill_apply(r);
	any |= fill_role(r);
	any |= rd->n_reads || rd->snap_make || rd->snap_want || rd->snap_install;
	rd->deadline = next_deadline(r);
	r->taken = any;
	return any ? rd : NULL;
}

/**
 * raft_ready() - what there is to do
 * @r: the node
 * @now: ns
 *
 * Return: all of it, good until raft_advance(); NULL: nothing.
 */
const struct raft_ready *raft_ready(struct raft *r, u64 now)
{
	if (r->failed)
		return NULL;
	if (r->taken)
		return &r->rd;
	return r->event ? collect(r, now) : NULL;
}

/* That has been carried out. */
void raft_advance(struct raft *r)
{
	struct raft_ready *rd = &r->rd;

	if (!r->taken)
		return;
	r->taken = false;
	/* What found no room in this one comes with the next. */
	r->event |= rd->n_msgs == RAFT_OUTBOX_MAX ||
		    rd->n_reads == RAFT_READS_MAX;
	r->handed = max(r->handed, rd->apply_last);
	rd->n_msgs = 0;
	rd->n_reads = 0;
	rd->snap_make = false;
	rd->snap_want = 0;
	rd->snap_install = false;
}
