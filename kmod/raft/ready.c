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

	if (r->p.memory)
		return 0;
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

/* A persist is handed out. */
static void store_handed(struct raft_store *s, u64 now)
{
	if (s->since == RAFT_NEVER) {
		s->since = now;
		s->next_seq = 0;
	} else if (!s->next_seq) {
		s->next_seq = s->seq;
		s->next_at = now;
	}
}

/*
 * Persists up to .done are durable. Storage works in groups: what was handed out
 * while one was on its way makes up the next, the oldest of it first. If it took
 * them otherwise, it has at least moved just now.
 */
static void store_moved(struct raft_store *s, u64 now)
{
	if (s->done == s->seq)
		s->since = RAFT_NEVER;
	else
		s->since = s->next_seq > s->done ? s->next_at : now;
	s->next_seq = 0;
}

/* When the oldest write counts as hung; RAFT_NEVER: nothing is outstanding. */
u64 raft_hung_at(const struct raft *r)
{
	if (r->store.since == RAFT_NEVER)
		return RAFT_NEVER;
	return r->store.since + 2 * r->p.election_max_ns;
}

/*
 * "A hung disk never acknowledges; a leader whose own write has been outstanding
 * for two election timeouts steps down and does not stand until it completes"
 * (design 8).
 */
bool raft_hung(const struct raft *r)
{
	return r->now >= raft_hung_at(r);
}

/*
 * How far the log, as it is now, is proven to be durable by the completion of all
 * persists up to @seq, the last entry of which is (@index, @term).
 *
 * If that is all that was ever handed out, then all of it is. Else terms tell:
 * "if two entries in different logs have the same index and term, then the logs
 * are identical in all preceding entries" (paper 5.3), so if the log has (@index,
 * @term), then all that was written before it is what the log has. But what was
 * written before the log was last truncated may be replaced on the medium yet,
 * even where the log has come to hold the same again (pitfall 6); below the cut
 * it is what the log has always had.
 */
static u64 store_proven(const struct raft *r, u64 seq, u64 term, u64 index)
{
	const struct raft_store *s = &r->store;

	if (seq == s->seq && !s->anew)
		return s->given;
	if (seq < s->cap_seq && index > s->cap)
		return s->cap;
	return term && raft_log_term(&r->log, index) == term ? index : 0;
}

/**
 * raft_persisted() - storage reports
 * @r: the node
 * @now: ns
 * @seq: this persist, and all before it, are durable
 * @term: term of the last entry that they left at the end of the log
 * @index: that entry; 0: there is none, or the driver does not know
 */
void raft_persisted(struct raft *r, u64 now, u64 seq, u64 term, u64 index)
{
	struct raft_store *s = &r->store;
	u64 upto;

	if (r->failed || seq <= s->done || seq > s->seq)
		return;
	raft_event(r, now);
	upto = store_proven(r, seq, term, index);
	s->done = seq;
	store_moved(s, now);
	if (upto > s->durable) {
		s->durable = upto;
		raft_advance_commit(r);
		raft_follow_durable(r);
	}
	raft_tally(r);
}

/* Memory has what it was given: all of the log is durable, and nobody reports it. */
static void keep(struct raft *r)
{
	struct raft_store *s = &r->store;

	if (r->log.last <= s->durable)
		return;
	s->durable = r->log.last;
	raft_advance_commit(r);
	raft_follow_durable(r);
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
	if (r->p.memory)
		s->done = s->seq;
	else
		store_handed(s, r->now);
	return true;
}

/* No message shows a term or a vote that a crash could take back. */
static bool fill_msgs(struct raft *r)
{
	u64 after = r->differs_said ? 0 : raft_hard_pending(r);
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
	u64 at = r->election_at;

	if (r->role == RAFT_LEADER)
		return raft_lead_deadline(r);
	if (r->role != RAFT_FOLLOWER)
		at = min(at, r->poll.resend_at);
	if (unlikely(r->doubt.unsettled))
		at = min(at, r->doubt.ask_at);
	return at;
}

/* All of it, in one place. */
static noinline const struct raft_ready *collect(struct raft *r, u64 now)
{
	struct raft_ready *rd = &r->rd;
	bool any = false;

	r->event = false;
	r->now = now;
	if (r->p.memory)
		keep(r);
	if (unlikely(r->doubt.what))
		raft_doubt_flush(r);
	if (unlikely(r->differs))
		raft_last_words(r);
	else if (r->role == RAFT_LEADER)
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
	if (unlikely(r->differs_said))
		raft_fail(r, r->differs);
	r->event |= !!r->differs;
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
