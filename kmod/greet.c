// SPDX-License-Identifier: GPL-2.0
/*
 * Hellos: with whom we speak, and under which key. The exchange itself, and
 * what may be believed when, is the pure half's (wire/hello.c).
 *
 * Only those are called of whose boot we are not sure, less and less often; and
 * by a node that wants to be replicated to and hears of no leader, all. A peer
 * that restarts calls by itself; so does one whose own standing changed.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "node.h"

/* Own challenges older than this are stale. */
u64 cns_fresh_ns(const struct cns_node *n)
{
	return n->params.election_max_ns * CNS_FRESH_ELECTIONS;
}

/* ---------------------------------------------------------------- observers */

static bool cns_is_member(const struct cns_node *n, struct raft_id id)
{
	const struct raft_config *c = raft_config(n->raft);
	unsigned int i;

	for (i = 0; i < c->n; i++)
		if (raft_id_eq(c->member[i], id))
			return true;
	return false;
}

static void cns_unobserve(struct cns_node *n, struct cns_peer *p)
{
	if (raft_id_some(p->observed))
		raft_unobserve(n->raft, p->observed);
	p->observed = RAFT_NOBODY;
}

/* Replicate to @p if it asks for it and is of this cluster, but no member. */
static void cns_observe(struct cns_node *n, struct cns_peer *p, u64 now)
{
	const struct wire_hello *h = &p->wire.hello;
	bool want = p->wire.state == WIRE_PEER_KNOWN && h->want &&
		    cns_formed(n) &&
		    raft_id_eq(h->cluster, n->self.hello.cluster) &&
		    !cns_is_member(n, p->wire.node);

	if (want && raft_id_eq(p->observed, p->wire.node))
		return;
	cns_unobserve(n, p);
	if (want && !raft_observe(n->raft, now, p->wire.node))
		p->observed = p->wire.node;
}

/* ------------------------------------------------------------------- storage */

/*
 * "Voters store the remembered boot of each incarnation before they answer a
 * hello" (design 3): until it is durable nothing is said to that boot, and
 * nothing of it is heard.
 */
bool cns_peer_ready(const struct cns_node *n, const struct cns_peer *p)
{
	return p->wire.state == WIRE_PEER_KNOWN && (!n->store.on || p->saved);
}

/*
 * How far its log was durable, and committed, as a leader knows of it: that much
 * it never loses by rights.
 */
static void cns_note_durable(struct cns_node *n, struct cns_peer *p)
{
	struct raft_peer_status st;
	unsigned int i;
	u64 term;

	if (raft_role(n->raft) != RAFT_LEADER)
		return;
	for (i = 0; i < raft_peer_count(n->raft); i++) {
		raft_peer_status(n->raft, i, &st);
		st.match = min(st.match, raft_commit(n->raft));
		term = raft_term_at(n->raft, st.match);
		if (!raft_id_eq(st.id, p->wire.node) || !st.match || !term)
			continue;
		p->wire.had_term = term;
		p->wire.had_index = st.match;
	}
}

/* Its boot is new: to be stored; nothing that it acknowledged is to be missed. */
static void cns_adopted(struct cns_node *n, struct cns_peer *p, u64 now)
{
	p->saved = false;
	if (p->wire.hello.doubt)
		raft_doubted(n->raft, now, p->wire.node);
	if (n->store.on)
		cns_keep_work(n);
}

/* It is durable: whoever asked meanwhile is answered. */
void cns_greet_saved(struct cns_node *n, struct cns_peer *p, u64 now)
{
	cns_send_hello(n, &p->wire, p, &p->address, now);
	n->hello_at = now;
	n->hello_calls++;
}

/* Somebody remembers of us what we do not have. */
static void cns_accused(struct cns_node *n, const struct wire_hello *h)
{
	char why[128];

	snprintf(why, sizeof(why),
		 "storage was rolled back: %.*s remembers a later state of it",
		 h->name_len, h->name);
	cns_fail_durably(n, why);
}

/* ------------------------------------------------------------------ receive */

/* What a known peer said of itself may be new, whether or not its boot is. */
static void cns_learnt(struct cns_node *n, struct cns_peer *p, u64 now)
{
	cns_form_follow(n, &p->wire.hello, now);
	cns_observe(n, p, now);
	/* If doubt is left, it is to be called. */
	n->hello_at = min(n->hello_at, now + n->params.heartbeat_ns);
	n->hello_calls++;
}

/*
 * The slot of a stranger: its own, a free one, or the one unused longest. It is
 * kept by incarnation, so that one recorded hello takes one slot, wherever it
 * is played back from.
 */
static struct cns_stranger *cns_stranger(struct cns_node *n, struct raft_id id,
					 u64 now)
{
	struct cns_stranger *s, *oldest = &n->strangers[0];
	int i;

	for (i = 0; i < CNS_STRANGERS; i++) {
		s = &n->strangers[i];
		if (s->used && raft_id_eq(s->id, id))
			return s;
		if (s->used < oldest->used)
			oldest = s;
	}
	/* A flood of strangers may not push out one that is answering. */
	if (oldest->used && now - oldest->used < n->params.election_min_ns)
		return NULL;
	wire_peer_reset(&oldest->wire);
	oldest->id = id;
	oldest->used = now;
	return oldest;
}

static void cns_hello_stranger(struct cns_node *n, const struct wire_hello *h,
			       const union cns_address *from, u64 now)
{
	struct cns_stranger *s = cns_stranger(n, h->node, now);
	enum wire_drop drop = WIRE_OK;
	struct cns_peer *p;
	unsigned int did;

	if (!s) {
		cns_drop(n, CONSENSUS_DROP_QUEUE);
		return;
	}
	did = wire_hello_take(&n->self, &s->wire, now, cns_fresh_ns(n),
			      n->params.election_max_ns, h, &drop);
	if (drop)
		cns_drop(n, (enum consensus_drop)drop);
	/* Whose boot is to be stored is answered when that is durable. */
	if (did & WIRE_HELLO_ANSWER &&
	    !(n->store.on && s->wire.state == WIRE_PEER_KNOWN))
		cns_send_hello(n, &s->wire, NULL, from, now);
	if (did & WIRE_HELLO_ACCUSED)
		cns_accused(n, h);
	if (!(did & WIRE_HELLO_ADOPTED))
		return;
	p = cns_peer_come(n, &s->wire, from);
	if (!p) {
		/* It will say hello again, to a slot that knows nothing. */
		wire_peer_reset(&s->wire);
		return;
	}
	s->used = 0;
	cns_adopted(n, p, now);
	cns_learnt(n, p, now);
}

void cns_hello_receive(struct cns_node *n, const struct wire_hello *h,
		       const union cns_address *from, u64 now)
{
	struct cns_peer *p = cns_peer_by_name(n, h->name, h->name_len);
	enum wire_drop drop = WIRE_OK;
	unsigned int did;

	if (!p) {
		cns_hello_stranger(n, h, from, now);
		return;
	}
	if (p->self) {
		cns_drop(n, CONSENSUS_DROP_HELLO_REFUSED);
		return;
	}
	cns_note_durable(n, p);
	did = wire_hello_take(&n->self, &p->wire, now, cns_fresh_ns(n),
			      n->params.election_max_ns, h, &drop);
	if (drop)
		cns_drop(n, (enum consensus_drop)drop);
	if (did & WIRE_HELLO_ACCUSED)
		cns_accused(n, h);
	if (did & WIRE_HELLO_ADOPTED) {
		cns_peer_move(p, from);
		cns_peer_rekey(n, p);
		cns_adopted(n, p, now);
	}
	if (!drop && p->wire.state == WIRE_PEER_KNOWN)
		cns_learnt(n, p, now);
	if (!(did & WIRE_HELLO_ANSWER))
		return;
	/* Answered when its boot is durable. */
	if (p->wire.state == WIRE_PEER_KNOWN && !cns_peer_ready(n, p)) {
		cns_keep_work(n);
		return;
	}
	/* Who came by itself may have moved, which only its echo proves. */
	if (p->configured)
		cns_send_hello(n, &p->wire, p, &p->address, now);
	else
		cns_send_hello(n, &p->wire, NULL, from, now);
}

/* --------------------------------------------------------------------- time */

static bool cns_to_be_called(const struct cns_node *n, const struct cns_peer *p)
{
	if (p->self)
		return false;
	return p->wire.state != WIRE_PEER_KNOWN || p->wire.doubt ||
	       (n->self.hello.want && !raft_id_some(raft_leader(n->raft)));
}

static u64 cns_hello_call(struct cns_node *n, struct cns_peer *p, u64 now)
{
	u64 longest = max_t(u64, n->params.election_max_ns, NSEC_PER_SEC);

	if (now >= p->hello_next) {
		cns_send_hello(n, &p->wire, p, &p->address, now);
		p->hello_wait = clamp_t(u64, 2 * p->hello_wait,
					n->params.heartbeat_ns, longest);
		p->hello_next = now + p->hello_wait;
	}
	return p->hello_next;
}

/* A leader forgets observers that have been silent for long. */
static void cns_prune(struct cns_node *n, struct cns_peer *p, u64 now)
{
	u64 silent = 100 * n->params.election_max_ns;

	if (raft_id_some(p->observed) && now - p->wire.heard_at > silent)
		cns_unobserve(n, p);
}

void cns_hello_tick(struct cns_node *n, u64 now)
{
	bool leader = raft_role(n->raft) == RAFT_LEADER;
	bool new_leader = leader && !n->was_leader;
	u64 next = now + NSEC_PER_SEC;
	struct cns_peer *p;
	u32 i;

	if (n->loading)
		return;
	n->was_leader = leader;
	n->hello_calls = 0;
	for (i = 0; i < n->n_peers; i++) {
		p = n->peers[i];
		if (p->self)
			continue;
		if (cns_to_be_called(n, p)) {
			next = min(next, cns_hello_call(n, p, now));
			n->hello_calls++;
		} else {
			p->hello_wait = 0;
		}
		if (new_leader)
			cns_observe(n, p, now);
		else if (leader)
			cns_prune(n, p, now);
	}
	n->hello_at = next;
}

u64 cns_hello_deadline(const struct cns_node *n)
{
	return n->hello_calls ? n->hello_at : U64_MAX;
}

/* What we say of ourselves changed: tell all, known or not. */
void cns_hello_all(struct cns_node *n, u64 now)
{
	u32 i;

	for (i = 0; i < n->n_peers; i++)
		if (!n->peers[i]->self)
			cns_send_hello(n, &n->peers[i]->wire, n->peers[i],
				       &n->peers[i]->address, now);
}
