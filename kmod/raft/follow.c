// SPDX-License-Identifier: GPL-2.0
/*
 * The follower: entries in, acknowledgments out.
 *
 * An entry is acknowledged when it is durable, by one message for all that a
 * drain brought, which echoes the newest id. A message that brings nothing to
 * wait for is acknowledged at once.
 */
#include "core.h"

/* Nothing of a former term or leader is told to the next. What is committed
 * matches any leader's log (leader completeness, paper 5.4.3).
 */
void raft_follow_reset(struct raft *r)
{
	struct raft_follow *f = &r->follow;

	f->verified = r->commit;
	f->told = 0;
	f->ack_id = 0;
	f->ack = false;
	f->reject = false;
	f->gap_at = RAFT_NEVER;
	f->gap_n = 0;
	r->in.ack = false;
	r->in.ack_id = 0;
	raft_stash_drop(r);
}

/*
 * The leader of this term spoke. "If AppendEntries RPC received from new
 * leader: convert to follower" (paper, figure 2). False: that cannot be.
 */
bool raft_contact(struct raft *r, const struct raft_msg *m)
{
	if (r->role == RAFT_LEADER ||
	    (raft_id_some(r->leader) && !raft_id_eq(r->leader, m->from))) {
		raft_fail(r, "two leaders in one term");
		return false;
	}
	if (r->role != RAFT_FOLLOWER)
		raft_become(r, RAFT_FOLLOWER, m->term, m->from);
	else
		raft_set_leader(r, m->from);
	r->follow.heard = r->now;
	raft_patience(r);
	return true;
}

void raft_ack(struct raft *r, u64 id)
{
	r->follow.ack_id = max(r->follow.ack_id, id);
	r->follow.ack = true;
}

/*
 * Below the gap all is well, so the refusal names the end of the log; the
 * stream behind the gap is refused once in a while, in case that was lost.
 */
static bool gap_told(struct raft_follow *f, u64 last, bool empty)
{
	if (f->gap_at != last) {
		f->gap_at = last;
		f->gap_n = 0;
		return false;
	}
	return !empty && ++f->gap_n % RAFT_GAP_REPEAT;
}

/*
 * The highest index that may still agree: our entries above it have terms that
 * the leader's log, where it has @log_term, cannot have there (paper 5.3, end).
 */
static u64 hint_for(const struct raft *r, const struct raft_msg *m)
{
	u64 low = r->commit, high = min(m->index - 1, r->log.last), mid;

	while (low < high) {
		mid = low + ((high - low + 1) >> 1);
		if (raft_log_term(&r->log, mid) <= m->log_term)
			low = mid;
		else
			high = mid - 1;
	}
	return low;
}

/* "Reply false if log doesn't contain an entry at prevLogIndex whose term
 * matches prevLogTerm" (paper, figure 2).
 */
static void refuse(struct raft *r, const struct raft_msg *m)
{
	struct raft_follow *f = &r->follow;

	if (m->index > r->log.last) {
		raft_stash_put(r, m);
		if (gap_told(f, r->log.last, !m->n_entries))
			return;
	}
	f->reject_index = f->reject ? min(f->reject_index, m->index) : m->index;
	f->reject_id = f->reject ? max(f->reject_id, m->id) : m->id;
	f->reject_hint = hint_for(r, m);
	f->reject = true;
}

/* What is committed matches any leader's log, also where we dropped it. */
static bool prev_matches(const struct raft *r, const struct raft_msg *m)
{
	if (m->index <= r->commit)
		return true;
	return m->index <= r->log.last &&
	       raft_log_term(&r->log, m->index) == m->log_term;
}

/* Terms that no leader's log has: they never decrease, nor pass its own. */
static bool terms_valid(const struct raft_msg *m)
{
	u64 term = m->log_term;
	unsigned int i;

	for (i = 0; i < m->n_entries; i++) {
		if (!m->entries[i].term || m->entries[i].term < term)
			return false;
		term = m->entries[i].term;
	}
	return term <= m->term;
}

/*
 * "If an existing entry conflicts with a new one (same index but different
 * terms), delete the existing entry and all that follow it" (paper, figure 2);
 * only then (pitfalls 16, 17).
 */
static bool cut(struct raft *r, u64 index)
{
	if (index < r->commit) {
		raft_fail(r, "a leader's entry conflicts with a committed one");
		return false;
	}
	raft_log_truncate(&r->log, index);
	raft_conf_rollback(r, index);
	raft_store_cut(r, index);
	return true;
}

/* 0: the log has @e at @index; -ENOSPC: it is full; -EINVAL: failed. */
static int take(struct raft *r, u64 index, const struct raft_entry *e)
{
	int err;

	if (index <= r->log.base)
		return 0;
	if (index <= r->log.last) {
		if (raft_log_term(&r->log, index) == e->term)
			return 0;
		if (!cut(r, index - 1))
			return -EINVAL;
	}
	err = raft_log_append(&r->log, e);
	if (err)
		return err;
	if (e->kind < RAFT_NOOP || e->kind > RAFT_COMMAND)
		raft_fail(r, "unknown kind of entry");
	else if (e->kind == RAFT_MEMBERS && raft_conf_appended(r, index))
		raft_fail(r, "unreadable configuration entry");
	return r->failed ? -EINVAL : 0;
}

/* "Append any new entries not already in the log." How far it got. */
static int take_all(struct raft *r, const struct raft_msg *m, u64 *matched)
{
	unsigned int i;
	int err;

	*matched = m->index;
	for (i = 0; i < m->n_entries; i++) {
		err = take(r, m->index + 1 + i, &m->entries[i]);
		if (err)
			return err;
		*matched = m->index + 1 + i;
	}
	return 0;
}

/*
 * "If leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of
 * last new entry)" (paper, figure 2; pitfalls 19, 24).
 */
static void learn_commit(struct raft *r, u64 commit, u64 matched)
{
	commit = min(commit, matched);
	if (commit <= r->commit)
		return;
	r->commit = commit;
	raft_receipt_outrun(r);
}

static void accept(struct raft *r, const struct raft_msg *m)
{
	struct raft_follow *f = &r->follow;
	u64 last = r->log.last, matched;
	int err;

	f->gap_at = RAFT_NEVER;
	err = take_all(r, m, &matched);
	if (r->failed)
		return;
	f->verified = max(f->verified, matched);
	learn_commit(r, m->commit, matched);
	if (unlikely(r->doubt.what))
		raft_doubt_matched(r, m, matched);
	/* A full log: what did not fit counts as lost. */
	if (err && matched == m->index)
		return;
	f->ack_id = max(f->ack_id, m->id);
	f->ack |= matched <= r->store.durable || r->log.last == last;
}

/* AppendEntries (paper, figure 2). */
void raft_on_append(struct raft *r, const struct raft_msg *m)
{
	if (!terms_valid(m) || !raft_contact(r, m))
		return;
	if (r->in.installing) {
		raft_ack(r, m->id);
		return;
	}
	if (!prev_matches(r, m)) {
		refuse(r, m);
		return;
	}
	accept(r, m);
	while (!r->failed && (m = raft_stash_take(r)))
		if (prev_matches(r, m))
			accept(r, m);
}

/* Storage has caught up: the leader may count on it. */
void raft_follow_durable(struct raft *r)
{
	struct raft_follow *f = &r->follow;

	if (r->role == RAFT_FOLLOWER && f->ack_id && f->verified > f->told &&
	    r->store.durable > f->told)
		f->ack = true;
}

static void send_refusal(struct raft *r)
{
	struct raft_follow *f = &r->follow;
	struct raft_msg *m = raft_send(r, RAFT_APPEND_REPLY, r->leader);

	if (!m)
		return;
	m->flags = RAFT_MSG_REJECT;
	m->id = f->reject_id;
	m->index = f->reject_index;
	m->hint = min(f->reject_hint, r->log.last);
	m->hint_term = raft_log_term(&r->log, m->hint);
	f->reject = false;
}

/*
 * To acknowledge is to say "I have voted in no later term". Who does not know
 * (doubt.c) refuses what comes next, so that the leader knows what to send.
 */
static void withhold(const struct raft *r, struct raft_msg *m)
{
	m->flags = RAFT_MSG_REJECT;
	m->hint = m->index++;
	m->hint_term = raft_log_term(&r->log, m->hint);
}

static void send_ack(struct raft *r)
{
	struct raft_follow *f = &r->follow;
	struct raft_msg *m = raft_send(r, RAFT_APPEND_REPLY, r->leader);

	if (!m)
		return;
	f->told = max(f->verified, r->commit);
	f->told = min(f->told, r->store.durable);
	m->id = f->ack_id;
	m->index = f->told;
	f->ack = false;
	if (unlikely(r->doubt.unsettled))
		withhold(r, m);
}

/* All that a follower owes its leader. */
void raft_follow_flush(struct raft *r)
{
	if (!raft_id_some(r->leader))
		return;
	if (r->follow.reject)
		send_refusal(r);
	if (r->follow.ack)
		send_ack(r);
	if (r->in.ack)
		raft_receipt_flush(r);
}
