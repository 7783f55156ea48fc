/* SPDX-License-Identifier: GPL-2.0 */
/* Two parties that say hello to each other, for the wire's suites. */
#ifndef KTEST_WIRE_PAIR_H
#define KTEST_WIRE_PAIR_H

#include <linux/string.h>
#include "../../kmod/wire/wire.h"

#define MS 1000000ULL
#define FRESH (1000 * MS)
#define ALIVE (300 * MS)

/**
 * struct party - one of two
 * @self: what it says of itself
 * @peer: the other, as it knows it
 * @past: what its storage remembers of others; .self.past is this or NULL
 * @n_past: how many
 */
struct party {
	struct wire_self self;
	struct wire_peer peer;
	struct wire_past past[2];
	u32 n_past;
};

/**
 * struct pair - two parties
 * @party: each with one peer, the other
 * @spare: copies of a party, which are too large for a stack
 * @now: time of both (ns)
 * @seed: of everything random; only counts up here
 */
struct pair {
	struct party party[2];
	struct party spare[2];
	u64 now;
	u64 seed;
};

/* Begin anew, in memory mode: another incarnation, whose first boot it is. */
static inline void party_start(struct party *p, u64 unique)
{
	memset(p, 0, sizeof(*p));
	p->self.hello = (struct wire_hello){
		.node = { 0x1000 + unique, unique },
		.boot = { 1, 0x2000 + unique },
		.wire_min = WIRE_VERSION_MIN, .wire_max = WIRE_VERSION,
		.fsm_min = 1, .fsm_max = 1,
		.name_len = 1, .name = "n",
	};
	p->self.key[0][0] = 0x77;
	p->self.n_keys = 1;
	p->self.boot_nonce[1] = p->self.hello.boot.nonce;
}

/* What the driver does before it answers a boot that it adopted. */
static inline void party_store(struct party *p)
{
	struct wire_past *m = &p->past[0];

	if (p->peer.state != WIRE_PEER_KNOWN)
		return;
	/* Two are remembered: this one, and the one before it. */
	if (p->n_past && !raft_id_eq(m->node, p->peer.node)) {
		p->past[1] = *m;
		p->n_past = 2;
	}
	if (!p->n_past)
		p->n_past = 1;
	*m = (struct wire_past){
		.node = p->peer.node, .boot = p->peer.boot,
		.term = p->peer.had_term, .index = p->peer.had_index,
	};
	if (p->self.past)
		p->self.n_past = p->n_past;
}

/* The next boot from the same storage. */
static inline void party_restart(struct party *p, u64 unique)
{
	struct wire_boot *b = &p->self.hello.boot;

	b->counter++;
	b->nonce = 0x2000 + unique;
	p->self.boot_nonce[b->counter & (WIRE_BOOTS - 1)] = b->nonce;
	p->self.past = p->past;
	p->self.n_past = p->n_past;
	wire_peer_reset(&p->peer);
}

static inline void pair_make(struct pair *w, int from, struct wire_hello *h)
{
	struct party *p = &w->party[from];

	wire_hello_make(&p->self, &p->peer, w->now, 0x300000 + ++w->seed, FRESH,
			h);
}

static inline unsigned int pair_take(struct pair *w, int to,
				     const struct wire_hello *h,
				     enum wire_drop *drop)
{
	struct party *p = &w->party[to];

	return wire_hello_take(&p->self, &p->peer, w->now, FRESH, ALIVE, h,
			       drop);
}

static inline bool key_eq(const siphash_key_t *a, const siphash_key_t *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* What a replay must leave alone. */
static inline bool peer_same_boot(const struct wire_peer *a,
				  const struct wire_peer *b)
{
	return a->state == b->state && a->boot.counter == b->boot.counter &&
	       a->boot.nonce == b->boot.nonce &&
	       (a->state == WIRE_PEER_UNKNOWN || raft_id_eq(a->node, b->node)) &&
	       !memcmp(a->rx, b->rx, sizeof(a->rx)) && key_eq(&a->tx, &b->tx) &&
	       a->tx_sequence == b->tx_sequence &&
	       !memcmp(&a->window, &b->window, sizeof(a->window)) &&
	       !memcmp(&a->hello, &b->hello, sizeof(a->hello));
}

static inline bool party_knows(const struct party *p, const struct party *q)
{
	return p->peer.state == WIRE_PEER_KNOWN &&
	       raft_id_eq(p->peer.node, q->self.hello.node) &&
	       p->peer.boot.counter == q->self.hello.boot.counter &&
	       p->peer.boot.nonce == q->self.hello.boot.nonce;
}

/* Both know the other's boot, and what one signs the other verifies. */
static inline bool pair_agrees(const struct pair *w)
{
	const struct party *a = &w->party[0], *b = &w->party[1];

	return party_knows(a, b) && party_knows(b, a) &&
	       key_eq(&a->peer.tx, &b->peer.rx[0]) &&
	       key_eq(&b->peer.tx, &a->peer.rx[0]);
}

/* A datagram that is not a hello: true if it is authentic and new. */
static inline bool pair_send(struct pair *w, int from)
{
	struct wire_peer *a = &w->party[from].peer, *b = &w->party[!from].peer;
	u8 buf[128];
	struct raft_msg m = { .type = RAFT_READ, .term = 1, .id = 1 };
	u32 len = wire_put_raft(buf, sizeof(buf), &m, NULL, 1);
	struct wire_peek p;

	if (a->state != WIRE_PEER_KNOWN)
		return false;
	wire_seal(buf, len, ++a->tx_sequence, &a->tx);
	if (b->state != WIRE_PEER_KNOWN || wire_peek(buf, len, &p) != WIRE_OK ||
	    !wire_verify(buf, len, &b->rx[0]) ||
	    !wire_window_take(&b->window, p.sequence))
		return false;
	b->heard_at = w->now;
	return true;
}

#endif
