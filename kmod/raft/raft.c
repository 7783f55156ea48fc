// SPDX-License-Identifier: GPL-2.0
/*
 * Terms and roles, and the way of a message in.
 *
 * A message passes validity, then the rule about terms, then one handler. A
 * role changes in raft_become() and nowhere else.
 */
#include "core.h"

size_t raft_size(void)
{
	return sizeof(struct raft);
}

/* xorshift64* (Marsaglia; Vigna 2016); the state is never 0. */
static u64 draw(struct raft *r)
{
	r->rng ^= r->rng >> 12;
	r->rng ^= r->rng << 25;
	r->rng ^= r->rng >> 27;
	return r->rng * 0x2545f4914f6cdd1dULL;
}

/*
 * "election timeouts are chosen randomly from a fixed interval" (paper 5.2),
 * anew each time. The interval is below 2^40 ns, so nothing overflows.
 */
void raft_patience(struct raft *r)
{
	u64 width = r->p.election_max_ns - r->p.election_min_ns;

	r->election_at = r->now + r->p.election_min_ns +
			 (((draw(r) >> 32) * (width >> 8)) >> 24);
}

static bool params_valid(const struct raft_params *p)
{
	return raft_id_some(p->self) && p->heartbeat_ns &&
	       p->heartbeat_ns < p->election_min_ns &&
	       p->election_min_ns <= p->election_max_ns &&
	       p->election_max_ns < 1ULL << 40 &&
	       p->retransmit_min_ns < 1ULL << 40 &&
	       p->batch_bytes >= RAFT_ENTRY_COST + RAFT_ENTRY_MAX &&
	       p->hard.term <= RAFT_NUMBER_MAX && p->doubt <= RAFT_DOUBT_VOTE;
}

/**
 * raft_init() - a node that has not spoken yet
 * @r: raft_size() bytes
 * @p: copied
 * @now: ns
 *
 * Return: 0, or -EINVAL for parameters that make no sense.
 */
int raft_init(struct raft *r, const struct raft_params *p, u64 now)
{
	if (!params_valid(p))
		return -EINVAL;
	memset(r, 0, sizeof(*r));
	if (raft_log_init(&r->log, &p->log))
		return -EINVAL;
	r->p = *p;
	raft_event(r, now);
	r->rng = p->seed ^ p->self.hi ^ (p->self.lo << 1);
	if (!r->rng)
		r->rng = 1;
	draw(r);
	r->store.hard = p->hard;
	r->store.since = RAFT_NEVER;
	raft_doubt_begin(r, p->doubt);
	r->said_term = p->hard.term;
	raft_follow_reset(r);
	raft_patience(r);
	return 0;
}

/* The legal edges between roles (paper, figure 4; PreVote: thesis 9.6). */
static const u8 edges[] = {
	[RAFT_FOLLOWER] = 1 << RAFT_FOLLOWER | 1 << RAFT_PRECANDIDATE |
			  1 << RAFT_CANDIDATE,
	[RAFT_PRECANDIDATE] = 1 << RAFT_FOLLOWER | 1 << RAFT_PRECANDIDATE |
			      1 << RAFT_CANDIDATE,
	[RAFT_CANDIDATE] = 1 << RAFT_FOLLOWER | 1 << RAFT_PRECANDIDATE |
			   1 << RAFT_LEADER,
	[RAFT_LEADER] = 1 << RAFT_FOLLOWER,
};

/* What a role leaves behind. */
static void leave(struct raft *r)
{
	memset(&r->poll, 0, sizeof(r->poll));
	if (r->role != RAFT_LEADER)
		return;
	raft_reads_drop(r);
	r->lead.to = RAFT_NOBODY;
}

/* Whose follower this is. Nothing of one leader is acknowledged to another. */
void raft_set_leader(struct raft *r, struct raft_id leader)
{
	if (raft_id_eq(r->leader, leader))
		return;
	r->leader = leader;
	raft_follow_reset(r);
}

/**
 * raft_become() - change role, term or leader: the only way to
 * @r: the node
 * @role: the new role
 * @term: never below the current one; a candidate's is one above it
 * @leader: of @term, or RAFT_NOBODY
 *
 * "If votedFor is null": a new term begins without a vote but for the
 * candidate's own (paper 5.2).
 */
void raft_become(struct raft *r, enum raft_role role, u64 term,
		 struct raft_id leader)
{
	struct raft_hard *hard = &r->store.hard;

	if (!raft_assert(r, edges[r->role] & 1 << role, "illegal change of role") ||
	    !raft_assert(r, term >= hard->term, "the term went back") ||
	    !raft_assert(r, role != RAFT_LEADER || term == hard->term,
			 "leader of a term it did not stand for"))
		return;
	leave(r);
	if (term > hard->term) {
		hard->term = term;
		hard->vote = role == RAFT_CANDIDATE ? r->p.self : RAFT_NOBODY;
		r->store.hard_dirty = true;
		raft_follow_reset(r);
	}
	raft_set_leader(r, leader);
	if (role != r->role)
		raft_patience(r);
	r->role = role;
}

bool raft_outbox_full(const struct raft *r)
{
	return r->rd.n_msgs == RAFT_OUTBOX_MAX || r->taken;
}

struct raft_msg *raft_send(struct raft *r, u8 type, struct raft_id to)
{
	struct raft_msg *m;

	if (raft_outbox_full(r))
		return NULL;
	m = &r->rd.msgs[r->rd.n_msgs++];
	*m = (struct raft_msg){
		.type = type,
		.from = r->p.self,
		.to = to,
		.term = r->store.hard.term,
	};
	return m;
}

/* Append an entry of the current term to a leader's log: it only appends. */
int raft_append_own(struct raft *r, u8 kind, const void *data, u16 len)
{
	struct raft_entry e = {
		.term = r->store.hard.term, .data = data, .len = len, .kind = kind,
	};

	return raft_log_append(&r->log, &e);
}

/* Terms and indices that no correct sender uses; nothing below looks again. */
static bool msg_valid(const struct raft *r, const struct raft_msg *m)
{
	return raft_id_eq(m->to, r->p.self) && raft_id_some(m->from) &&
	       !raft_id_eq(m->from, r->p.self) &&
	       m->n_entries <= RAFT_BATCH_MAX &&
	       (!m->n_entries || m->entries) && m->len <= RAFT_CHUNK_MAX &&
	       (!m->len || m->data) && m->term && m->term <= RAFT_NUMBER_MAX &&
	       m->index <= RAFT_NUMBER_MAX && m->hint <= RAFT_NUMBER_MAX;
}

/*
 * A sender of an older term learns the newer one, so that a leader which lost
 * it, or a node that wants to stand, is not stuck (pitfalls 28, 29).
 */
static void tell_term(struct raft *r, const struct raft_msg *m)
{
	struct raft_msg *reply = NULL;

	if (m->type == RAFT_APPEND || m->type == RAFT_SNAPSHOT)
		reply = raft_send(r, RAFT_APPEND_REPLY, m->from);
	else if (m->type == RAFT_PREVOTE)
		reply = raft_send(r, RAFT_PREVOTE_REPLY, m->from);
	else if (m->type == RAFT_VOTE)
		reply = raft_send(r, RAFT_VOTE_REPLY, m->from);
	if (!reply)
		return;
	reply->flags = RAFT_MSG_REJECT;
	if (reply->type != RAFT_APPEND_REPLY && raft_doubt_deaf(r))
		reply->flags |= RAFT_MSG_DOUBT;
	reply->id = m->id;
}

/* The term is one somebody would like to have, not one that anybody has. */
static bool prospective(const struct raft_msg *m)
{
	return m->type == RAFT_PREVOTE ||
	       (m->type == RAFT_PREVOTE_REPLY && !(m->flags & RAFT_MSG_REJECT));
}

/*
 * "If RPC request or response contains term T > currentTerm: set currentTerm =
 * T, convert to follower" (paper 5.1); an older term is refused. Returns
 * whether the message is to be looked at further.
 */
static bool rule_of_terms(struct raft *r, const struct raft_msg *m)
{
	if (raft_sticks(r, m)) {
		/* Who is in doubt wants to know the term above all. */
		if (m->type == RAFT_PREVOTE && m->flags & RAFT_MSG_DOUBT)
			tell_term(r, m);
		return false;
	}
	if (m->term < r->store.hard.term) {
		tell_term(r, m);
		return false;
	}
	if (m->term > r->store.hard.term && !prospective(m))
		raft_become(r, RAFT_FOLLOWER, m->term, RAFT_NOBODY);
	return true;
}

typedef void (*handler)(struct raft *r, const struct raft_msg *m);

static const handler handlers[] = {
	[RAFT_PREVOTE] = raft_on_vote,
	[RAFT_PREVOTE_REPLY] = raft_on_vote_reply,
	[RAFT_VOTE] = raft_on_vote,
	[RAFT_VOTE_REPLY] = raft_on_vote_reply,
	[RAFT_APPEND] = raft_on_append,
	[RAFT_APPEND_REPLY] = raft_on_append_reply,
	[RAFT_SNAPSHOT] = raft_on_snapshot,
	[RAFT_SNAPSHOT_REPLY] = raft_on_snapshot_reply,
	[RAFT_TIMEOUT_NOW] = raft_on_timeout_now,
	[RAFT_READ] = raft_on_read,
	[RAFT_READ_REPLY] = raft_on_read_reply,
};

/*
 * An acknowledgment that completes nothing, and leaves nothing out or to be
 * sent: the usual last one of a round. No ready needs to be looked for.
 */
static bool nothing_new(struct raft *r, const struct raft_msg *m, u64 commit)
{
	const struct raft_peer *p;

	if (m->type != RAFT_APPEND_REPLY || r->role != RAFT_LEADER ||
	    r->commit != commit || r->reads.n || r->rd.n_msgs ||
	    raft_id_some(r->lead.to))
		return false;
	p = raft_peer(r, m->from);
	return p && p->flow == RAFT_REPLICATE && !p->urgent &&
	       p->rto_at == RAFT_NEVER && p->next > r->log.last;
}

/**
 * raft_step() - a message came in
 * @r: the node
 * @now: ns
 * @m: authenticated; nothing in it is kept
 */
void raft_step(struct raft *r, u64 now, const struct raft_msg *m)
{
	u64 commit = r->commit;
	bool event = r->event;

	if (r->failed || !m->type || m->type >= ARRAY_SIZE(handlers) ||
	    !msg_valid(r, m))
		return;
	raft_event(r, now);
	if (rule_of_terms(r, m))
		handlers[m->type](r, m);
	if (unlikely(r->doubt.unsettled))
		raft_doubt_heard(r, m);
	if (!event && nothing_new(r, m, commit))
		r->event = false;
}

/*
 * "If election timeout elapses" (paper, figure 2, followers and candidates). What
 * keeps a voter from standing will pass: then it stands, some time later.
 */
static void impatient(struct raft *r)
{
	if (raft_electable(r)) {
		raft_stand(r, RAFT_PRECANDIDATE, false);
		return;
	}
	raft_become(r, RAFT_FOLLOWER, r->store.hard.term, RAFT_NOBODY);
	r->election_at = RAFT_NEVER;
	if (r->voter)
		raft_patience(r);
}

void raft_tick(struct raft *r, u64 now)
{
	if (r->failed)
		return;
	raft_event(r, now);
	if (r->role == RAFT_LEADER)
		raft_lead_tick(r);
	else if (now >= r->election_at)
		impatient(r);
	else
		raft_poll_tick(r);
	if (unlikely(r->doubt.unsettled))
		raft_doubt_tick(r);
}

/* One command is always admitted, however small the rings are. */
static bool too_much_uncommitted(const struct raft *r, u16 len)
{
	const struct raft_log *l = &r->log;
	u64 slots = l->mem.n_slots >> 3, bytes = l->mem.n_bytes >> 3;

	if (l->last == r->commit)
		return false;
	return l->last - r->commit >= slots * RAFT_UNCOMMITTED_EIGHTHS ||
	       raft_log_bytes_from(l, r->commit + 1) + len >
	       bytes * RAFT_UNCOMMITTED_EIGHTHS;
}

int raft_propose(struct raft *r, u64 now, u8 kind, const void *data, u16 len,
		 struct raft_id origin, u64 *index)
{
	struct raft_peer *p;
	int err;

	if (r->failed || r->role != RAFT_LEADER || raft_id_some(r->lead.to))
		return -EAGAIN;
	if (kind != RAFT_COMMAND || len > RAFT_ENTRY_MAX)
		return -EINVAL;
	if (too_much_uncommitted(r, len))
		return -ENOSPC;
	raft_event(r, now);
	err = raft_append_own(r, kind, data, len);
	if (err)
		return err;
	*index = r->log.last;
	p = raft_id_some(origin) ? raft_peer(r, origin) : NULL;
	if (p)
		*raft_log_note(&r->log, *index) = (u8)(p - r->peers + 1);
	return 0;
}

/**
 * raft_notify() - somebody at a peer waits for what is committed
 * @r: the node
 * @now: ns
 * @id: the peer; this node itself, or one that nothing is replicated to: nothing
 *
 * As for an entry's origin, but known only when the entry is applied. It may come
 * while a ready is being carried out: nothing is put into that one, the next one
 * sends it.
 */
void raft_notify(struct raft *r, u64 now, struct raft_id id)
{
	struct raft_peer *p = raft_peer(r, id);

	if (r->failed || r->role != RAFT_LEADER || !p ||
	    p->commit_sent >= r->commit)
		return;
	raft_event(r, now);
	p->urgent = true;
}

void raft_campaign(struct raft *r, u64 now)
{
	if (r->failed || r->role == RAFT_LEADER || !raft_electable(r))
		return;
	raft_event(r, now);
	raft_stand(r, RAFT_PRECANDIDATE, false);
}

/* Stopped: nothing that waits to go out does (design 2.8). */
void raft_fail(struct raft *r, const char *why)
{
	if (r->failed)
		return;
	r->failed = why;
	r->rd.n_msgs = 0;
	r->rd.n_reads = 0;
	r->rd.deadline = RAFT_NEVER;
}

const char *raft_failed(const struct raft *r)
{
	return r->failed;
}

enum raft_role raft_role(const struct raft *r)
{
	return r->role;
}

u64 raft_term(const struct raft *r)
{
	return r->store.hard.term;
}

struct raft_id raft_vote(const struct raft *r)
{
	return r->store.hard.vote;
}

struct raft_id raft_leader(const struct raft *r)
{
	return r->leader;
}

u64 raft_commit(const struct raft *r)
{
	return r->commit;
}

u64 raft_last_index(const struct raft *r)
{
	return r->log.last;
}

u64 raft_first_index(const struct raft *r)
{
	return r->log.base + 1;
}

u64 raft_durable_index(const struct raft *r)
{
	return r->store.durable;
}

unsigned int raft_fill(const struct raft *r)
{
	return raft_log_fill(&r->log);
}

bool raft_is_voter(const struct raft *r)
{
	return r->voter;
}

int raft_entry(const struct raft *r, u64 index, struct raft_entry *e)
{
	return raft_log_get(&r->log, index, e);
}

u64 raft_deadline(const struct raft *r)
{
	return r->rd.deadline;
}
