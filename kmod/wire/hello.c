// SPDX-License-Identifier: GPL-2.0
/*
 * How two nodes come to know each other's boots.
 *
 *	A: hello(challenge a)			A is unknown to B, B to A
 *	B: hello(echo a, challenge b)		A adopts B: its echo is fresh
 *	A: hello(echo b)			B adopts A
 *
 * A boot is adopted only from a hello that echoes our outstanding challenge,
 * which is used up by that. So a recorded hello adopts nothing, whenever it is
 * played back: all that it gets is an answer, rate-limited. What stands, stays
 * until then. Any of the three may be lost, doubled or overtaken; whoever does
 * not know the other says hello again, and what is missing is made up for.
 *
 * Two who know each other refresh what they said with the first two alone: the
 * answer then wants no echo (its challenge is 0), which is also what ends the
 * exchange.
 */
#include "layout.h"

static bool boot_eq(struct wire_boot a, struct wire_boot b)
{
	return a.counter == b.counter && a.nonce == b.nonce;
}

static bool knows(const struct wire_peer *p)
{
	return p->state == WIRE_PEER_KNOWN;
}

/* Does our challenge still wait for its echo? */
static bool outstanding(const struct wire_peer *p, u64 now, u64 fresh_ns)
{
	return p->challenge && now - p->challenge_at < fresh_ns;
}

/*
 * Is there something to learn by an echo: who it is, or whether it restarted?
 * A hello that we send of our own accord asks too; one that only answers does
 * not, or answers would follow answers for ever.
 */
static bool curious(const struct wire_peer *p, u64 now, u64 fresh_ns)
{
	return !knows(p) || p->doubt || !p->owes ||
	       outstanding(p, now, fresh_ns);
}

/* Nonce of our boot with the counter that it asked for, as far as we know. */
static u64 answer_to(const struct wire_self *s, u64 counter)
{
	return counter == s->hello.boot.counter ? s->hello.boot.nonce : 0;
}

/**
 * wire_hello_make() - make a hello for a peer
 * @s: what we say of ourselves
 * @p: the peer; takes note of what was asked and echoed
 * @now: time in ns
 * @random: fresh, not 0; used if a new challenge is due
 * @fresh_ns: how long a challenge waits for its echo
 * @out: the hello
 */
void wire_hello_make(const struct wire_self *s, struct wire_peer *p, u64 now,
		     u64 random, u64 fresh_ns, struct wire_hello *out)
{
	*out = s->hello;
	out->to = p->node;
	out->challenge = 0;
	if (curious(p, now, fresh_ns)) {
		if (!outstanding(p, now, fresh_ns)) {
			p->challenge = random;
			p->challenge_at = now;
		}
		out->challenge = p->challenge;
	}
	out->ask_counter = knows(p) ? p->boot.counter : 0;
	out->echo = p->owes;
	out->answer_nonce = answer_to(s, p->asked);
	if (p->owes) {
		p->answered = p->owes;
		p->answered_at = now;
	}
	p->owes = 0;
	p->asked = 0;
	p->hello_at = now;
}

/*
 * May @h never be adopted as things stand? Then it is not answered either. All
 * of this holds for replays too, so none of it may change anything.
 */
static bool refuse(const struct wire_peer *p, u64 now, u64 alive_ns,
		   const struct wire_hello *h, bool proven)
{
	if (!knows(p))
		return false;
	if (!raft_id_eq(h->node, p->node))
		return now - p->heard_at < alive_ns;
	/* A boot never goes back, and has one nonce (design 3). */
	if (h->boot.counter < p->boot.counter)
		return true;
	if (h->boot.counter == p->boot.counter &&
	    h->boot.nonce != p->boot.nonce)
		return true;
	/*
	 * The echo answers a hello of ours that named the boot we remember: it
	 * was made since we know the peer, or adopting would have used it up.
	 */
	return proven && h->answer_nonce != p->boot.nonce;
}

/* Do both ends speak a version of the wire in common? */
static bool compatible(const struct wire_hello *a, const struct wire_hello *b)
{
	return a->wire_min <= b->wire_max && b->wire_min <= a->wire_max;
}

/* The keys of both directions, for all cluster keys that are in use. */
static void make_keys(const struct wire_self *s, struct wire_peer *p)
{
	const struct wire_hello *me = &s->hello;
	unsigned int i;

	wire_pair_key(&p->tx, s->key[0], me->node, me->boot, p->node, p->boot);
	for (i = 0; i < WIRE_KEYS; i++) {
		/* A place without a key of its own must not verify for zeros. */
		const u8 *key = s->key[i < s->n_keys ? i : 0];

		wire_pair_key(&p->rx[i], key, p->node, p->boot, me->node,
			      me->boot);
	}
}

/*
 * @h is proven: it is what the peer says now. True if that makes new keys; for
 * the boot that is known they stay, and with them sequence and window.
 */
static bool adopt(const struct wire_self *s, struct wire_peer *p, u64 now,
		  const struct wire_hello *h)
{
	bool same = knows(p) && raft_id_eq(h->node, p->node) &&
		    boot_eq(h->boot, p->boot);

	p->challenge = 0;
	p->doubt = false;
	p->heard_at = now;
	p->hello = *h;
	if (same)
		return false;
	p->node = h->node;
	p->boot = h->boot;
	p->tx_sequence = now;
	wire_window_init(&p->window);
	make_keys(s, p);
	p->state = WIRE_PEER_KNOWN;
	return true;
}

/* Note what @h wants to be told. True if it is to be answered at once. */
static bool owe(struct wire_peer *p, u64 now, const struct wire_hello *h,
		bool proven)
{
	bool recent = p->answered && now - p->answered_at < WIRE_ANSWER_GAP;

	if (!h->challenge || (recent && h->challenge == p->answered))
		return false;
	p->owes = h->challenge;
	p->asked = h->ask_counter;
	return proven || !recent;
}

/* Does it say something else of its standing than it did? */
static bool moved(const struct wire_hello *a, const struct wire_hello *b)
{
	return !raft_id_eq(a->cluster, b->cluster) || a->member != b->member ||
	       a->formed != b->formed || a->want != b->want;
}

/* What an unproven hello may change: whom we ask, and whether we do. */
static void suspect(struct wire_peer *p, const struct wire_hello *h)
{
	if (!knows(p))
		p->node = h->node;
	else if (!raft_id_eq(h->node, p->node) ||
		 !boot_eq(h->boot, p->boot) || moved(h, &p->hello))
		p->doubt = true;
}

/**
 * wire_hello_take() - a verified hello came in
 * @s: what we say of ourselves
 * @p: whom it concerns
 * @now: time in ns
 * @fresh_ns: how long a challenge waits for its echo
 * @alive_ns: an incarnation heard of within this is not displaced
 * @h: the hello
 * @drop: WIRE_OK, or why it came to nothing: WIRE_SELF, WIRE_VERSION_UNKNOWN,
 *	WIRE_HELLO_REFUSED, WIRE_HELLO_STALE
 *
 * Return: flags of enum wire_hello_result. Whenever @h echoed a fresh
 * challenge, @p->hello is what it said, also if the keys are not new.
 */
unsigned int wire_hello_take(const struct wire_self *s, struct wire_peer *p,
			     u64 now, u64 fresh_ns, u64 alive_ns,
			     const struct wire_hello *h, enum wire_drop *drop)
{
	bool proven = h->echo && h->echo == p->challenge &&
		      outstanding(p, now, fresh_ns);
	unsigned int result = WIRE_HELLO_NOTHING;

	*drop = WIRE_OK;
	if (raft_id_eq(h->node, s->hello.node))
		*drop = WIRE_SELF;
	else if (!compatible(h, &s->hello))
		*drop = WIRE_VERSION_UNKNOWN;
	else if (refuse(p, now, alive_ns, h, proven))
		*drop = WIRE_HELLO_REFUSED;
	else if (!proven && !h->challenge)
		*drop = WIRE_HELLO_STALE;
	if (*drop != WIRE_OK)
		return WIRE_HELLO_NOTHING;

	if (!proven)
		suspect(p, h);
	else if (adopt(s, p, now, h))
		result |= WIRE_HELLO_ADOPTED;
	if (owe(p, now, h, proven))
		result |= WIRE_HELLO_ANSWER;
	return result;
}

/**
 * wire_peer_reset() - forget a peer's boot and keys
 * @p: the peer; all zero afterwards, as a new one is
 */
void wire_peer_reset(struct wire_peer *p)
{
	memset(p, 0, sizeof(*p));
}
