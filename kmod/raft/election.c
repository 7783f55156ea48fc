// SPDX-License-Identifier: GPL-2.0
/*
 * Standing for election, voting, and handing leadership on.
 *
 * A node whose patience ends asks first whether it would be elected (PreVote,
 * thesis 9.6), without touching its term. Only a majority of "yes" makes it a
 * candidate; its own vote counts, like any, once it is durable (pitfall 1).
 */
#include "core.h"

/* Place among the voters; -1: none. */
static int voter_index(const struct raft *r, struct raft_id id)
{
	const struct raft_config *c = &r->conf.config;
	unsigned int i;

	for (i = 0; i < c->n_voters; i++)
		if (raft_id_eq(c->member[i], id))
			return (int)i;
	return -1;
}

/*
 * Only a voter of the configuration in force, not while its log is being replaced
 * (pitfalls 33, 46), not while its disk hangs, nor while it does not know in which
 * terms it has voted. A single voter in doubt would elect itself.
 */
bool raft_electable(const struct raft *r)
{
	return r->voter && !r->in.installing && !raft_hung(r) &&
	       !r->doubt.unsettled &&
	       !(r->doubt.what && r->conf.config.n_voters == 1);
}

static bool standing(const struct raft *r)
{
	return r->role == RAFT_PRECANDIDATE || r->role == RAFT_CANDIDATE;
}

/* Ask every voter that has not answered. */
static void solicit(struct raft *r)
{
	const struct raft_config *c = &r->conf.config;
	bool pre = r->role == RAFT_PRECANDIDATE;
	struct raft_msg *m;
	unsigned int i;

	r->poll.resend_at = r->now + r->p.heartbeat_ns;
	for (i = 0; i < c->n_voters; i++) {
		if ((r->poll.granted | r->poll.refused) & 1U << i ||
		    raft_id_eq(c->member[i], r->p.self))
			continue;
		m = raft_send(r, pre ? RAFT_PREVOTE : RAFT_VOTE, c->member[i]);
		if (!m)
			return;
		m->term += pre;
		m->index = r->log.last;
		m->log_term = raft_log_term(&r->log, r->log.last);
		if (r->poll.transfer)
			m->flags = RAFT_MSG_TRANSFER;
		if (r->doubt.what)
			m->flags |= RAFT_MSG_DOUBT;
	}
}

/**
 * raft_stand() - begin a poll
 * @r: an electable node that does not lead
 * @role: RAFT_PRECANDIDATE, or RAFT_CANDIDATE: "increment currentTerm, vote for
 *	self, reset election timer, send RequestVote RPCs to all other servers"
 *	(paper, figure 2)
 * @transfer: by the old leader's wish
 */
void raft_stand(struct raft *r, enum raft_role role, bool transfer)
{
	u64 term = r->store.hard.term + (role == RAFT_CANDIDATE);

	raft_become(r, role, term, RAFT_NOBODY);
	raft_patience(r);
	r->poll.transfer = transfer;
	solicit(r);
	raft_tally(r);
}

/* Own vote: in a poll at once, in an election when it is durable. */
static bool own_vote(const struct raft *r)
{
	return r->role == RAFT_PRECANDIDATE || !raft_hard_pending(r);
}

static void count_own(struct raft *r, unsigned int i)
{
	if (!own_vote(r))
		return;
	r->poll.granted |= 1U << i;
	if (r->doubt.what)
		r->poll.doubtful |= 1U << i;
}

/*
 * A majority of those who know what they had, or everybody: among all there is
 * one who remembers what a doubtful one forgot (doubt.c).
 */
static bool won(const struct raft *r)
{
	const struct raft_poll *poll = &r->poll;

	return hweight32(poll->granted & ~poll->doubtful) >= raft_majority(r) ||
	       hweight32(poll->granted) == r->conf.config.n_voters;
}

/*
 * "If votes received from majority of servers: become leader" (paper, figure
 * 2), but never before the own vote is durable, whatever others granted: so
 * nothing that a leader says waits for its storage. Where a majority refused,
 * wait for the next timeout.
 */
void raft_tally(struct raft *r)
{
	unsigned int voters = r->conf.config.n_voters;
	int self;

	if (!standing(r))
		return;
	self = voter_index(r, r->p.self);
	if (self < 0)
		return;
	count_own(r, (unsigned int)self);
	if (won(r)) {
		if (r->role == RAFT_CANDIDATE && own_vote(r))
			raft_lead_begin(r);
		else if (r->role == RAFT_PRECANDIDATE && raft_electable(r))
			raft_stand(r, RAFT_CANDIDATE, false);
	} else if (voters - hweight32(r->poll.refused) < raft_majority(r)) {
		raft_become(r, RAFT_FOLLOWER, r->store.hard.term, RAFT_NOBODY);
	}
}

/* A lost question is asked again, long before the election timeout. */
void raft_poll_tick(struct raft *r)
{
	if (standing(r) && r->now >= r->poll.resend_at)
		solicit(r);
}

/*
 * "if a server receives a RequestVote request within the minimum election
 * timeout of hearing from a current leader, it does not update its term or
 * grant its vote" (thesis 4.2.3), unless that leader itself wishes it so.
 * A sender of an older term is told so all the same (pitfall 28).
 */
bool raft_sticks(const struct raft *r, const struct raft_msg *m)
{
	if ((m->type != RAFT_VOTE && m->type != RAFT_PREVOTE) ||
	    m->flags & RAFT_MSG_TRANSFER || m->term < r->store.hard.term)
		return false;
	if (r->role == RAFT_LEADER)
		return true;
	return raft_id_some(r->leader) &&
	       r->now - r->follow.heard < r->p.election_min_ns;
}

/*
 * "If the logs have last entries with different terms, then the log with the
 * later term is more up-to-date. If the logs end with the same term, then
 * whichever log is longer is more up-to-date." (paper 5.4.1)
 */
static bool up_to_date(const struct raft *r, const struct raft_msg *m)
{
	u64 term = raft_log_term(&r->log, r->log.last);

	return m->log_term > term ||
	       (m->log_term == term && m->index >= r->log.last);
}

/* "If votedFor is null or candidateId" (paper, figure 2), in its own term. */
static bool vote_free(const struct raft *r, const struct raft_msg *m)
{
	struct raft_id vote = r->store.hard.vote;

	return raft_id_eq(vote, m->from) ||
	       (!raft_id_some(vote) && !raft_id_some(r->leader));
}

/*
 * A PreVote's term is above ours or as good as an election; one that is marked
 * asks for our term as well, and a grant says that it is lower.
 */
static bool grants(const struct raft *r, const struct raft_msg *m)
{
	if (r->doubt.unsettled || !up_to_date(r, m))
		return false;
	if (m->term > r->store.hard.term)
		return true;
	return vote_free(r, m) &&
	       !(m->type == RAFT_PREVOTE && m->flags & RAFT_MSG_DOUBT);
}

/* Both questions. */
void raft_on_vote(struct raft *r, const struct raft_msg *m)
{
	bool pre = m->type == RAFT_PREVOTE;
	bool grant = grants(r, m);
	struct raft_msg *reply;

	reply = raft_send(r, pre ? RAFT_PREVOTE_REPLY : RAFT_VOTE_REPLY, m->from);
	if (!reply)
		return;
	reply->id = m->id;
	if (grant ? r->doubt.what != RAFT_SURE : raft_doubt_deaf(r))
		reply->flags = RAFT_MSG_DOUBT;
	if (!grant) {
		reply->flags |= RAFT_MSG_REJECT;
		return;
	}
	if (pre) {
		reply->term = m->term;
		return;
	}
	if (!raft_id_some(r->store.hard.vote)) {
		r->store.hard.vote = m->from;
		r->store.hard_dirty = true;
	}
	raft_patience(r);
}

/* A vote that was good once stays so, whatever its giver forgot since. */
static void granted(struct raft_poll *poll, u32 bit, bool doubtful)
{
	if (!doubtful)
		poll->doubtful &= ~bit;
	else if (!(poll->granted & bit))
		poll->doubtful |= bit;
	poll->granted |= bit;
}

/* Counted: a voter's answer to the question that is being asked (pitfall 26). */
void raft_on_vote_reply(struct raft *r, const struct raft_msg *m)
{
	bool pre = m->type == RAFT_PREVOTE_REPLY;
	bool no = m->flags & RAFT_MSG_REJECT;
	int i = voter_index(r, m->from);

	if (i < 0 || r->role != (pre ? RAFT_PRECANDIDATE : RAFT_CANDIDATE) ||
	    m->term != r->store.hard.term + (pre && !no))
		return;
	if (no)
		r->poll.refused |= 1U << i & ~r->poll.granted;
	else
		granted(&r->poll, 1U << i, m->flags & RAFT_MSG_DOUBT);
	raft_tally(r);
}

/*
 * "the target server ... starts a new election" at once (thesis 3.10). In doubt it
 * would need everybody's vote, and who leads needs none.
 */
void raft_on_timeout_now(struct raft *r, const struct raft_msg *m)
{
	if (r->role == RAFT_FOLLOWER && raft_id_eq(m->from, r->leader) &&
	    raft_electable(r) && !r->doubt.what)
		raft_stand(r, RAFT_CANDIDATE, true);
}

static bool reachable_voter(const struct raft *r, const struct raft_peer *p)
{
	return p->voter && p->trust == RAFT_TRUSTED && p->heard &&
	       p->heard + r->p.election_max_ns >= r->now;
}

/**
 * raft_transfer() - hand leadership on (thesis 3.10)
 * @r: a leader; it takes no proposals until this is done or given up, which is
 *	after the longest election timeout
 * @now: ns
 * @to: a voter; RAFT_NOBODY: the most advanced that answered lately
 *
 * Return: 0: begun; -EAGAIN: not the leader, nobody to hand it to, or begun
 * before.
 */
int raft_transfer(struct raft *r, u64 now, struct raft_id to)
{
	struct raft_peer *best = NULL, *p;
	unsigned int i;

	raft_event(r, now);
	if (r->failed || r->role != RAFT_LEADER || raft_id_some(r->lead.to))
		return -EAGAIN;
	for (i = 0; i < r->n_peers; i++) {
		p = &r->peers[i];
		if (reachable_voter(r, p) &&
		    (!raft_id_some(to) || raft_id_eq(to, p->id)) &&
		    (!best || p->match > best->match))
			best = p;
	}
	if (!best)
		return -EAGAIN;
	r->lead.to = best->id;
	r->lead.to_until = now + r->p.election_max_ns;
	r->lead.to_resend_at = now;
	return 0;
}

/* Say TIMEOUT_NOW once the target has everything, again if it seems lost. */
void raft_transfer_tick(struct raft *r)
{
	struct raft_peer *p = raft_peer(r, r->lead.to);
	struct raft_msg *m;

	if (!p || !p->voter || r->now >= r->lead.to_until) {
		r->lead.to = RAFT_NOBODY;
		return;
	}
	if (p->match != r->log.last || r->now < r->lead.to_resend_at)
		return;
	m = raft_send(r, RAFT_TIMEOUT_NOW, p->id);
	if (!m)
		return;
	m->id = ++r->lead.last_id;
	r->lead.to_resend_at = r->now + r->p.heartbeat_ns;
}
