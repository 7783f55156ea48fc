// SPDX-License-Identifier: GPL-2.0
/*
 * Who is replicated to: the members of the configuration in force but for this
 * node, and the observers the driver named. Observers and learners have their
 * progress and are never counted.
 */
#include "core.h"

/* NULL: a stranger. */
struct raft_peer *raft_peer(struct raft *r, struct raft_id id)
{
	unsigned int i;

	for (i = 0; i < r->n_peers; i++)
		if (raft_id_eq(r->peers[i].id, id))
			return &r->peers[i];
	return NULL;
}

static struct raft_peer *peer_add(struct raft *r, struct raft_id id)
{
	struct raft_peer *p;

	if (r->n_peers == RAFT_PEERS_MAX)
		return NULL;
	p = &r->peers[r->n_peers++];
	memset(p, 0, sizeof(*p));
	p->id = id;
	raft_progress_begin(r, p);
	return p;
}

static void peer_drop(struct raft *r, unsigned int i)
{
	r->n_peers--;
	memmove(&r->peers[i], &r->peers[i + 1],
		(r->n_peers - i) * sizeof(r->peers[0]));
}

/* Make room for a member: an observer can be found again, a member not. */
static void peer_evict(struct raft *r)
{
	unsigned int i;

	for (i = r->n_peers; i-- > 0;) {
		if (!r->peers[i].member) {
			peer_drop(r, i);
			return;
		}
	}
}

static void peers_drop_unwanted(struct raft *r)
{
	unsigned int i;

	for (i = r->n_peers; i-- > 0;)
		if (!r->peers[i].member && !r->peers[i].observer)
			peer_drop(r, i);
}

/*
 * The configuration changed. A peer that stays keeps its progress; one that
 * comes back after having been dropped begins anew (pitfall 48).
 */
void raft_peers_update(struct raft *r)
{
	const struct raft_config *c = &r->conf.config;
	struct raft_peer *p;
	unsigned int i;

	for (i = 0; i < r->n_peers; i++) {
		r->peers[i].member = false;
		r->peers[i].voter = false;
	}
	for (i = 0; i < c->n; i++) {
		if (raft_id_eq(c->member[i], r->p.self))
			continue;
		p = raft_peer(r, c->member[i]);
		if (!p && r->n_peers == RAFT_PEERS_MAX)
			peer_evict(r);
		if (!p)
			p = peer_add(r, c->member[i]);
		p->member = true;
		p->voter = i < c->n_voters;
	}
	peers_drop_unwanted(r);
}

/**
 * raft_observe() - replicate to a node outside of the configuration
 * @r: the node
 * @now: ns
 * @id: whom; a member stays what it is
 *
 * Return: 0, -ENOSPC at RAFT_PEERS_MAX, -EINVAL for this node itself.
 */
int raft_observe(struct raft *r, u64 now, struct raft_id id)
{
	struct raft_peer *p;

	raft_event(r, now);
	if (!raft_id_some(id) || raft_id_eq(id, r->p.self))
		return -EINVAL;
	p = raft_peer(r, id);
	if (!p)
		p = peer_add(r, id);
	if (!p)
		return -ENOSPC;
	p->observer = true;
	return 0;
}

void raft_unobserve(struct raft *r, struct raft_id id)
{
	struct raft_peer *p = raft_peer(r, id);

	if (!p)
		return;
	p->observer = false;
	if (!p->member)
		peer_drop(r, (unsigned int)(p - r->peers));
}

/* Voters that make a quorum. */
unsigned int raft_majority(const struct raft *r)
{
	return r->conf.config.n_voters / 2 + 1;
}

/*
 * The highest value that a majority of voters has reached, where @own is this
 * node's and @value tells a peer's. 0 without a configuration.
 */
u64 raft_quorum_value(const struct raft *r, u64 own,
		      u64 (*value)(const struct raft *r,
				   const struct raft_peer *p))
{
	u64 v[RAFT_VOTERS_MAX], x;
	unsigned int i, k, n = 0;

	for (i = 0; i <= r->n_peers; i++) {
		if (i == r->n_peers ? !r->voter : !r->peers[i].voter)
			continue;
		if (n == RAFT_VOTERS_MAX)
			return 0;
		x = i == r->n_peers ? own : value(r, &r->peers[i]);
		for (k = n++; k && v[k - 1] < x; k--)
			v[k] = v[k - 1];
		v[k] = x;
	}
	return n && raft_majority(r) <= n ? v[raft_majority(r) - 1] : 0;
}

static u64 heard_of(const struct raft *r, const struct raft_peer *p)
{
	return raft_mute(p) ? r->lead.since : max(p->heard, r->lead.since);
}

/**
 * raft_quorum_active() - whether a quorum answered lately
 * @r: the node
 * @now: ns
 * @ns: how lately; the election that made this leader counts as an answer
 *
 * Return: true for a leader whom a quorum answered within the last @ns.
 */
bool raft_quorum_active(const struct raft *r, u64 now, u64 ns)
{
	if (r->role != RAFT_LEADER || r->failed)
		return false;
	return raft_quorum_value(r, now, heard_of) + ns >= now;
}

unsigned int raft_peer_count(const struct raft *r)
{
	return r->n_peers;
}

void raft_peer_status(const struct raft *r, unsigned int i,
		      struct raft_peer_status *st)
{
	const struct raft_peer *p = &r->peers[i];

	memset(st, 0, sizeof(*st));
	if (i >= r->n_peers)
		return;
	st->id = p->id;
	st->voter = p->voter;
	st->observer = !p->member;
	if (r->role != RAFT_LEADER)
		return;
	st->match = p->match;
	st->next = p->next;
	st->heard = p->heard;
	st->rtt_ns = p->srtt;
	st->state = p->flow;
}
