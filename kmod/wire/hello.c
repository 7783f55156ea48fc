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
 *
 * Storage that was rolled back (pitfall 14). What an incarnation was known to
 * have, it must have still when it comes with another boot:
 *
 *	B: hello(echo, ask c)			B remembers boot c of A
 *	A: hello(echo, answer nonce of c)	only who lived through c knows it
 *
 * "A mismatch, a lower counter, a missing nonce, or an index below what this
 * peer is known to have acknowledged: refused" (design 3), and told why by a
 * hello that is marked so and echoes its challenge: nobody can make that up, or
 * play it back. So who is refused must ask; that it is spoken of so, proven or
 * not, makes it curious. Each end does its part whatever the other remembers.
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

/*
 * What is remembered of @node: the boot that is adopted, or what storage says.
 * False: nothing, so that whatever it says of itself may be true.
 */
static bool recall(const struct wire_self *s, const struct wire_peer *p,
		   struct raft_id node, struct wire_past *m)
{
	u32 i;

	if (!raft_id_some(node))
		return false;
	if (knows(p) && raft_id_eq(node, p->node)) {
		*m = (struct wire_past){
			.node = node, .boot = p->boot,
			.term = p->had_term, .index = p->had_index,
		};
		return true;
	}
	for (i = 0; i < s->n_past; i++) {
		if (!raft_id_eq(s->past[i].node, node))
			continue;
		*m = s->past[i];
		return true;
	}
	return false;
}

/* Nonce of our boot with the counter that it asked for, as far as we know. */
static u64 answer_to(const struct wire_self *s, u64 counter)
{
	const struct wire_boot *b = &s->hello.boot;

	if (counter == b->counter)
		return b->nonce;
	if (!counter || counter > b->counter ||
	    b->counter - counter >= WIRE_BOOTS)
		return 0;
	return s->boot_nonce[counter & (WIRE_BOOTS - 1)];
}

/* The incarnation that our hellos speak to, as far as we know it. */
static struct raft_id addressee(const struct wire_peer *p)
{
	return knows(p) && raft_id_some(p->heir) ? p->heir : p->node;
}

/*
 * The challenge for a hello that asks for the nonce of boot @ask. One challenge
 * never asks for two, so that its echo says what is answered.
 */
static u64 challenge(struct wire_peer *p, u64 now, u64 random, u64 fresh_ns,
		     u64 ask)
{
	if (p->ask != ask || !outstanding(p, now, fresh_ns)) {
		p->challenge = random;
		p->challenge_at = now;
		p->ask = ask;
	}
	return p->challenge;
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
	struct raft_id to = addressee(p);
	struct wire_past m;

	*out = s->hello;
	out->to = to;
	out->ask_counter = recall(s, p, to, &m) ? m.boot.counter : 0;
	out->challenge = 0;
	if (curious(p, now, fresh_ns))
		out->challenge = challenge(p, now, random, fresh_ns,
					   out->ask_counter);
	out->rolled_back = p->accuse && raft_id_eq(to, p->accused);
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

/* Would it take the place of another incarnation that lives? */
static bool displaces(const struct wire_peer *p, u64 now, u64 alive_ns,
		      const struct wire_hello *h)
{
	return knows(p) && !raft_id_eq(h->node, p->node) &&
	       now - p->heard_at < alive_ns;
}

/* Is the durable end that it tells older than @m, as logs are compared? */
static bool lost_entries(const struct wire_hello *h, const struct wire_past *m)
{
	if (h->durable_term != m->term)
		return h->durable_term < m->term;
	return h->durable_index < m->index;
}

/*
 * Does it know the nonce of the boot that we remember? After WIRE_BOOTS more
 * starts nobody could: then it is not held against it, or a peer that was away
 * for long would ruin a node that did nothing wrong.
 */
static bool answers(const struct wire_hello *h, const struct wire_boot *b)
{
	if (!h->answer_nonce)
		return h->boot.counter - b->counter >= WIRE_BOOTS;
	return h->answer_nonce == b->nonce;
}

/**
 * enum verdict - on a hello that is proven
 * @CREDIBLE: nothing speaks against it
 * @UNASKED: it has not been asked yet for what we remember of it
 * @ROLLED_BACK: it lacks what it once had
 */
enum verdict { CREDIBLE, UNASKED, ROLLED_BACK };

/*
 * A boot that is remembered needs no proof but itself, and its log may be as it
 * likes: it is compared when a new boot comes.
 */
static enum verdict judge(const struct wire_self *s, const struct wire_peer *p,
			  const struct wire_hello *h)
{
	struct wire_past m;

	if (!recall(s, p, h->node, &m) || boot_eq(h->boot, m.boot))
		return CREDIBLE;
	/* A boot never goes back, and has one nonce (design 3). */
	if (h->boot.counter <= m.boot.counter)
		return ROLLED_BACK;
	if (!h->doubt && lost_entries(h, &m))
		return ROLLED_BACK;
	if (p->ask != m.boot.counter)
		return UNASKED;
	return answers(h, &m.boot) ? CREDIBLE : ROLLED_BACK;
}

/* Does it remember of us what we do not have? */
static bool blames(const struct wire_self *s, const struct wire_hello *h)
{
	return raft_id_eq(h->to, s->hello.node) &&
	       (h->rolled_back || h->ask_counter > s->hello.boot.counter);
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
 * What is known of the log of the boot that is adopted: what was known of its
 * incarnation, unless it says that this may have gone.
 */
static void inherit(const struct wire_self *s, struct wire_peer *p,
		    const struct wire_hello *h)
{
	struct wire_past m;
	bool known = !h->doubt && recall(s, p, h->node, &m);

	p->had_term = known ? m.term : 0;
	p->had_index = known ? m.index : 0;
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

	p->doubt = false;
	p->heir = RAFT_NOBODY;
	p->heard_at = now;
	p->hello = *h;
	if (same)
		return false;
	inherit(s, p, h);
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

/*
 * What a hello may change that adopts nothing: to whom we speak, and whether we
 * ask. All of this holds for replays too.
 */
static void suspect(const struct wire_self *s, struct wire_peer *p,
		    const struct wire_hello *h)
{
	bool other = !raft_id_eq(h->node, p->node);

	if (!knows(p)) {
		p->node = h->node;
		return;
	}
	p->heir = other ? h->node : RAFT_NOBODY;
	if (other || !boot_eq(h->boot, p->boot) || moved(h, &p->hello) ||
	    blames(s, h))
		p->doubt = true;
}

/*
 * Do our hellos accuse? Only while we speak to that very boot: two may run that
 * began as copies of one storage, and the other one is innocent. So an echo that
 * is owed to one of them never goes out with what is meant for the other.
 */
static void accuse(struct wire_peer *p, const struct wire_hello *h)
{
	bool guilty = raft_id_eq(h->node, p->accused) &&
		      boot_eq(h->boot, p->accused_boot);

	if (guilty != p->accuse) {
		p->owes = 0;
		p->asked = 0;
	}
	p->accuse = guilty;
}

/* @h echoes our challenge, which is used up by that. Flags of its result. */
static unsigned int take_proven(const struct wire_self *s, struct wire_peer *p,
				u64 now, const struct wire_hello *h,
				enum wire_drop *drop)
{
	enum verdict verdict = judge(s, p, h);
	unsigned int result = WIRE_HELLO_ANSWER;

	p->challenge = 0;
	if (verdict == CREDIBLE)
		result = adopt(s, p, now, h) ? WIRE_HELLO_ADOPTED : 0;
	else
		suspect(s, p, h);
	if (verdict == ROLLED_BACK) {
		p->accused = h->node;
		p->accused_boot = h->boot;
		*drop = WIRE_HELLO_REFUSED;
	}
	accuse(p, h);
	if (owe(p, now, h, true))
		result |= WIRE_HELLO_ANSWER;
	return result;
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
 *	WIRE_HELLO_REFUSED, WIRE_HELLO_STALE. Refused for a rollback, it may be
 *	answered none the less; all else that is dropped changes nothing.
 *
 * Return: flags of enum wire_hello_result. Whenever @h echoed a fresh
 * challenge and was believed, @p->hello is what it said, also if the keys are
 * not new.
 */
unsigned int wire_hello_take(const struct wire_self *s, struct wire_peer *p,
			     u64 now, u64 fresh_ns, u64 alive_ns,
			     const struct wire_hello *h, enum wire_drop *drop)
{
	bool proven = h->echo && h->echo == p->challenge &&
		      outstanding(p, now, fresh_ns);

	*drop = WIRE_OK;
	if (raft_id_eq(h->node, s->hello.node))
		*drop = WIRE_SELF;
	else if (!compatible(h, &s->hello))
		*drop = WIRE_VERSION_UNKNOWN;
	else if (proven && blames(s, h))
		return WIRE_HELLO_ACCUSED;
	else if (displaces(p, now, alive_ns, h))
		*drop = WIRE_HELLO_REFUSED;
	else if (!proven && !h->challenge)
		*drop = WIRE_HELLO_STALE;
	if (*drop != WIRE_OK)
		return WIRE_HELLO_NOTHING;

	if (proven)
		return take_proven(s, p, now, h, drop);
	suspect(s, p, h);
	accuse(p, h);
	return owe(p, now, h, false) ? WIRE_HELLO_ANSWER : WIRE_HELLO_NOTHING;
}

/**
 * wire_peer_reset() - forget a peer's boot and keys
 * @p: the peer; all zero afterwards, as a new one is
 */
void wire_peer_reset(struct wire_peer *p)
{
	memset(p, 0, sizeof(*p));
}
