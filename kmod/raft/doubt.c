// SPDX-License-Identifier: GPL-2.0
/*
 * Storage that may have lost its end (design 8), and state that differs.
 *
 * Raft takes it that a server which answered has what it answered for: "each
 * server ... records it on stable storage before responding" (paper 5.6, figure
 * 2). A node in doubt may have forgotten entries that it acknowledged and, with
 * RAFT_DOUBT_VOTE, terms and votes as well. At most a minority of the voters is in
 * doubt at a time; where a majority lost what it had, nothing can be promised.
 *
 * Entries. Let e be committed, by a majority R that acknowledged it. A node that
 * forgot e must not help to elect somebody who lacks it. So it marks the votes
 * that it gives, and a candidate wins by a majority of unmarked votes, or with
 * the votes of all (its own is like any other). With all of them there is one of
 * R among them that still has e, and it grants only to who has e too (paper
 * 5.4.1); in a majority of unmarked ones there is one anyhow (5.4.3). The doubt is
 * over when one append tells that the log holds all that the leader L of term T
 * knows to be committed, the last of it an entry of term T:
 *  - If L itself counted an acknowledgment that was lost, it did so before it
 *    adopted this start: it forgot then what it knew of us (raft_doubted()), and
 *    the append was sent after that (the driver's eighth duty). So it was
 *    committed, if ever, below that append's commit index, or needs to be
 *    acknowledged again.
 *  - If a leader of an earlier term did, and it was committed, then L has it,
 *    before its own first entry ("leader completeness", paper 5.4.3).
 *  - A leader of a later term did not: the term is known, or see below.
 *
 * Terms and votes. To acknowledge in term T, or to echo a round in it, says also:
 * "I have voted in no later term". Who forgot a vote for C in term V > T would say
 * what is not true, and a deposed leader would commit what C lacks. So a node that
 * may have forgotten a vote takes no part: it takes entries, refuses what does not
 * fit, and acknowledges nothing, grants nothing, does not stand, until it is
 * settled: it asks all other voters for their term, by a marked PreVote, which
 * everybody answers; it takes over a later term; and when all have answered it
 * goes on in a term T that is at least V, if C ever won V:
 *  - C made V durable before it asked for the vote that was forgotten. If it has V
 *    still, it says so.
 *  - If C forgot V too, it was restarted since, so it wins V no more; if it won V
 *    before, some voter s that is not in doubt voted for it before that restart. C
 *    marks its answers until it has itself heard all who are not in doubt, s
 *    among them, and a marked refusal is no answer. What C hears was sent to its
 *    new start, so it learns V from s, and we from C.
 * If T = V, then the vote in V is still unknown. It is spent by voting for
 * oneself, without standing; terms above T are free. Where some do not answer for
 * long, but a majority does, the node leaps to a term far above what they know:
 * nobody stands in the next one without a majority's consent (PreVote, thesis
 * 9.6), so no V that they do not know is that far ahead. That may cost a leader
 * its term, once, where the node would stay outside for ever.
 *
 * An election after that asks for more than the doubtful's own word about T, so
 * there are no two leaders of one term: two majorities of unmarked votes have a
 * voter in common that forgot nothing, and so has a majority with all voters.
 *
 * What this costs: a node that may have forgotten a vote needs the others once,
 * and one that may have forgotten entries needs a leader. Two voters of three, one
 * in doubt and one sure, elect nobody until the third is back; a leader that
 * exists goes on, if no vote may be forgotten. A single voter in doubt has nobody
 * to ask and stops.
 *
 * The leader's part is raft_doubted(): what such a peer says counts for nothing
 * (RAFT_MUTE: no round, no CheckQuorum) until it acknowledges an append for the
 * first time, which it does only when it is settled. Until then it gets entries,
 * too; it says how far it is by refusals.
 */
#include "core.h"

/* At the start, when it is known what storage holds. */
void raft_doubt_begin(struct raft *r, enum raft_doubt what)
{
	r->doubt.what = what;
	r->doubt.unsettled = what == RAFT_DOUBT_VOTE;
	r->doubt.ask_at = 0;
	r->doubt.ask_until = 0;
	r->doubt.whole = 0;
}

enum raft_doubt raft_doubt(const struct raft *r)
{
	return r->doubt.what;
}

/*
 * Must this node's refusals be marked: it has not heard all those who are in no
 * doubt themselves? Without a configuration it does not even know them.
 */
bool raft_doubt_deaf(const struct raft *r)
{
	const struct raft_peer *p;
	unsigned int i;

	if (!r->doubt.unsettled)
		return false;
	if (!r->conf.config.n_voters)
		return true;
	for (i = 0; i < r->n_peers; i++) {
		p = &r->peers[i];
		if (p->voter && !p->settled && p->trust == RAFT_TRUSTED)
			return true;
	}
	return false;
}

static bool all_answered(const struct raft *r)
{
	unsigned int i;

	for (i = 0; i < r->n_peers; i++)
		if (r->peers[i].voter && !r->peers[i].settled)
			return false;
	return r->conf.config.n_voters;
}

/* From here on the term is known, and a vote in it is not given (again). */
static void settle(struct raft *r)
{
	struct raft_hard *hard = &r->store.hard;

	r->doubt.unsettled = false;
	if (!hard->term || raft_id_some(hard->vote))
		return;
	hard->vote = r->p.self;
	r->store.hard_dirty = true;
}

/**
 * raft_doubt_heard() - a message came to a node that is not settled
 * @r: the node; the rule of terms was applied
 * @m: the message. A refusal tells the sender's term, unless it is marked. A
 *	marked PreVote is granted only in a term above the voter's, so the grant
 *	says that its own is one below at most.
 */
void raft_doubt_heard(struct raft *r, const struct raft_msg *m)
{
	bool no = m->flags & RAFT_MSG_REJECT;
	struct raft_peer *p;

	if (m->type != RAFT_PREVOTE_REPLY || (no && m->flags & RAFT_MSG_DOUBT))
		return;
	p = raft_peer(r, m->from);
	if (!p || m->term > r->store.hard.term + !no)
		return;
	p->settled = true;
	if (all_answered(r))
		settle(r);
}

/* An append was taken: does the log hold all that the leader knows? */
void raft_doubt_matched(struct raft *r, const struct raft_msg *m, u64 matched)
{
	if (r->doubt.unsettled || !m->commit || m->commit > matched ||
	    raft_log_term(&r->log, m->commit) != m->term)
		return;
	r->doubt.whole = m->commit;
}

/*
 * A leader in doubt was elected by all, so it has whatever is committed in any
 * earlier term as soon as its own first entry is.
 */
static bool whole(const struct raft *r)
{
	if (r->role == RAFT_LEADER)
		return r->commit >= r->lead.noop;
	return r->doubt.whole && r->store.durable >= r->doubt.whole;
}

/* Over, once what was learned cannot be forgotten again. */
void raft_doubt_flush(struct raft *r)
{
	if (!r->doubt.unsettled && whole(r) && !raft_hard_pending(r))
		r->doubt.what = RAFT_SURE;
}

/*
 * Those who do not answer are given up: with a majority heard, what is above all
 * that they know, by far, is above any term that was forgotten.
 */
static bool leap(struct raft *r)
{
	u64 term = r->store.hard.term + RAFT_DOUBT_LEAP;
	unsigned int i, n = 1;

	for (i = 0; i < r->n_peers; i++)
		n += r->peers[i].voter && r->peers[i].settled;
	if (n < raft_majority(r) || term > RAFT_NUMBER_MAX >> 1)
		return false;
	raft_become(r, RAFT_FOLLOWER, term, RAFT_NOBODY);
	return true;
}

/* Does the waiting have an end: all have answered (who did not may have been
 * removed since), or time is up?
 */
static bool waited(struct raft *r)
{
	struct raft_doubts *d = &r->doubt;

	if (all_answered(r))
		return true;
	if (!r->conf.config.n_voters)
		return false;
	if (!d->ask_until)
		d->ask_until = r->now +
			       RAFT_DOUBT_PATIENCE * r->p.election_max_ns;
	return r->now >= d->ask_until && leap(r);
}

/* "What is your term?", to each voter that has not told it. */
void raft_doubt_tick(struct raft *r)
{
	struct raft_msg *m;
	unsigned int i;

	if (r->now < r->doubt.ask_at)
		return;
	if (waited(r)) {
		settle(r);
		return;
	}
	r->doubt.ask_at = r->now + r->p.heartbeat_ns;
	for (i = 0; i < r->n_peers; i++) {
		if (!r->peers[i].voter || r->peers[i].settled)
			continue;
		m = raft_send(r, RAFT_PREVOTE, r->peers[i].id);
		if (!m)
			return;
		m->flags = RAFT_MSG_DOUBT;
		m->term++;
		m->index = r->log.last;
		m->log_term = raft_log_term(&r->log, r->log.last);
	}
}

/**
 * raft_doubted() - a peer's storage may have lost what it acknowledged
 * @r: the node, whatever its role
 * @now: ns
 * @id: the peer
 *
 * Rounds that it has echoed stay echoed: it followed then.
 */
void raft_doubted(struct raft *r, u64 now, struct raft_id id)
{
	struct raft_peer *p = raft_peer(r, id);
	u64 acked;

	if (!p || r->failed)
		return;
	raft_event(r, now);
	acked = p->acked_id;
	raft_progress_begin(r, p);
	p->acked_id = acked;
	p->trust = RAFT_MUTE;
}

/* It acknowledges, so it is settled. When it has caught up, it may even lead. */
void raft_doubt_acked(struct raft *r, struct raft_peer *p)
{
	p->trust = p->match >= r->commit && r->commit >= r->lead.noop ?
		   RAFT_TRUSTED : RAFT_DOUBTED;
}

/* ------------------------------------------------------ state that differs */

/**
 * raft_differs() - this node's state is not what the leader's was
 * @r: the node
 * @now: ns
 * @why: becomes raft_failed(), once the leader was told by one more message.
 *	Nothing else leaves any more.
 *
 * "A follower that differs from the leader stops; if a majority differs from the
 * leader, the leader stops; two voters that differ both stop" (design 7).
 */
void raft_differs(struct raft *r, u64 now, const char *why)
{
	if (r->failed || r->differs)
		return;
	raft_event(r, now);
	if (r->role != RAFT_FOLLOWER || !raft_id_some(r->leader))
		raft_fail(r, why);
	else
		r->differs = why;
}

/*
 * All that is still said. It waits for nothing: that the term may be forgotten
 * does no harm where the node is not to come back.
 */
void raft_last_words(struct raft *r)
{
	struct raft_msg *m;

	r->rd.n_msgs = 0;
	r->rd.n_reads = 0;
	r->differs_said = true;
	m = raft_send(r, RAFT_APPEND_REPLY, r->leader);
	if (!m)
		return;
	m->flags = RAFT_MSG_REJECT | RAFT_MSG_DIFFERS;
	m->id = r->follow.ack_id;
}

/* A leader hears it. Not counted among those who follow: that peer has stopped. */
void raft_on_differs(struct raft *r, struct raft_peer *p)
{
	unsigned int i, n = 0;

	p->differs = true;
	for (i = 0; i < r->n_peers; i++)
		n += r->peers[i].voter && r->peers[i].differs;
	if (n >= raft_majority(r) || (n && r->conf.config.n_voters == 2))
		raft_fail(r, "the state differs from a majority's");
}
