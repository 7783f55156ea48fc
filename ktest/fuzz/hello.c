// SPDX-License-Identifier: GPL-2.0
/*
 * Two parties that say hello, with anything in between: hellos kept, changed,
 * played back, and made up. Whatever comes, keys are made only by an echo of
 * the challenge that stands, and change in no other way.
 *
 * Input: a stream of steps.
 */
#include "fuzz.h"
#include "../kunit/wire_pair.h"

enum { KEPT = 8 };

static struct pair w;
static struct wire_hello kept[KEPT];
static unsigned int made;

/* A field of @h, of its own accord or another hello's, becomes another. */
static void change(struct stream *s, struct wire_hello *h)
{
	const struct wire_hello *other = &kept[next8(s) % KEPT];

	switch (next8(s) % 10) {
	case 0:
		h->node = other->node;
		break;
	case 1:
		h->boot.counter = number(s);
		break;
	case 2:
		h->boot.nonce = number(s);
		break;
	case 3:
		h->challenge = number(s);
		break;
	case 4:
		h->echo = other->challenge;
		break;
	case 5:
		h->ask_counter = number(s);
		break;
	case 6:
		h->answer_nonce = number(s);
		break;
	case 7:
		h->wire_min = next8(s) & 3;
		h->wire_max = next8(s) & 3;
		break;
	case 8:
		h->boot = other->boot;
		break;
	default:
		h->node = (struct raft_id){ number(s), number(s) };
	}
}

static void make(int from)
{
	pair_make(&w, from, &kept[made++ % KEPT]);
}

static void take(int to, const struct wire_hello *h)
{
	const siphash_key_t zero = { { 0, 0 } };
	struct wire_peer *p = &w.party[to].peer, was = *p;
	enum wire_drop drop;
	unsigned int got = pair_take(&w, to, h, &drop);

	MUST(!(got & ~(unsigned int)(WIRE_HELLO_ANSWER | WIRE_HELLO_ADOPTED)));
	MUST(drop == WIRE_OK || !got);
	if (drop != WIRE_OK)
		MUST(!memcmp(&was, p, sizeof(was)));
	if (got & WIRE_HELLO_ADOPTED) {
		MUST(was.challenge && h->echo == was.challenge);
		MUST(w.now - was.challenge_at < FRESH);
		MUST(!p->challenge && p->state == WIRE_PEER_KNOWN);
		MUST(raft_id_eq(p->node, h->node));
		MUST(!key_eq(&p->rx[0], &zero) && !key_eq(&p->rx[1], &zero));
	} else if (p->challenge == was.challenge) {
		MUST(peer_same_boot(&was, p));
	} else {
		MUST(h->echo == was.challenge && !p->challenge);
		MUST(key_eq(&was.tx, &p->tx));
		MUST(was.tx_sequence == p->tx_sequence);
	}
	if (got & WIRE_HELLO_ANSWER) {
		MUST(h->challenge && p->owes == h->challenge);
		make(to);
		MUST(!p->owes);
	}
}

static void step(struct stream *s)
{
	u8 op = next8(s);
	int who = op & 1;
	struct wire_hello *h = &kept[(op >> 1) % KEPT];

	switch (op >> 4) {
	case 0:
		party_start(&w.party[who], ++w.seed);
		break;
	case 1:
		wire_peer_reset(&w.party[who].peer);
		break;
	case 2:
		w.now += (u64)next8(s) * 10 * MS;
		break;
	case 3:
		change(s, h);
		break;
	case 4:
		pair_send(&w, who);
		break;
	case 5:
	case 6:
	case 7:
		make(who);
		break;
	default:
		take(who, h);
	}
	w.now += MS;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct stream s = { data, size };

	memset(kept, 0, sizeof(kept));
	w = (struct pair){ .now = MS };
	party_start(&w.party[0], ++w.seed);
	party_start(&w.party[1], ++w.seed);
	while (s.left)
		step(&s);
	return 0;
}
