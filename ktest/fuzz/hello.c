// SPDX-License-Identifier: GPL-2.0
/*
 * Two parties that say hello, with anything in between: hellos kept, changed,
 * played back, and made up; both restart from storage, which may lie. Whatever
 * comes, keys are made only by an echo of the challenge that stands, and change in
 * no other way; nobody is adopted who lacks what is remembered of it; nobody is
 * accused but by an echo of its own challenge.
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

	switch (next8(s) % 16) {
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
	case 10:
		h->to = other->node;
		break;
	case 11:
		h->rolled_back = !h->rolled_back;
		break;
	case 12:
		h->doubt = !h->doubt;
		break;
	case 13:
		h->durable_term = number(s);
		break;
	case 14:
		h->durable_index = number(s);
		break;
	case 15:
		h->echo = w.party[next8(s) & 1].peer.challenge;
		break;
	default:
		h->node = (struct raft_id){ number(s), number(s) };
	}
}

static void make(int from)
{
	pair_make(&w, from, &kept[made++ % KEPT]);
}

/* What @q, as it was, remembers of the sender of @h; NULL: nothing. */
static const struct wire_past *recalled(const struct party *q,
					const struct wire_hello *h)
{
	static struct wire_past m;
	u32 i;

	m = (struct wire_past){
		.node = q->peer.node, .boot = q->peer.boot,
		.term = q->peer.had_term, .index = q->peer.had_index,
	};
	if (q->peer.state == WIRE_PEER_KNOWN && raft_id_eq(m.node, h->node))
		return &m;
	for (i = 0; i < q->self.n_past; i++)
		if (raft_id_eq(q->past[i].node, h->node))
			return &q->past[i];
	return NULL;
}

/* Is @h free of what makes it refused, and was it asked? */
static bool credible(const struct party *q, const struct wire_hello *h)
{
	const struct wire_past *m = recalled(q, h);
	bool shorter;

	if (!m || (m->boot.counter == h->boot.counter &&
		   m->boot.nonce == h->boot.nonce))
		return true;
	shorter = h->durable_term < m->term ||
		  (h->durable_term == m->term && h->durable_index < m->index);
	if (h->boot.counter <= m->boot.counter || (shorter && !h->doubt))
		return false;
	return q->peer.ask == m->boot.counter &&
	       (h->answer_nonce ? h->answer_nonce == m->boot.nonce :
		h->boot.counter - m->boot.counter >= WIRE_BOOTS);
}

/* What was dropped changed nothing, unless it proved a rollback. */
static void dropped(unsigned int got, enum wire_drop drop,
		    const struct wire_peer *was, const struct wire_peer *p,
		    const struct wire_hello *h)
{
	if (!got) {
		MUST(!memcmp(was, p, sizeof(*was)));
		return;
	}
	MUST(drop == WIRE_HELLO_REFUSED && got == WIRE_HELLO_ANSWER);
	MUST(was->challenge && h->echo == was->challenge && !p->challenge);
	MUST(p->accuse && raft_id_eq(p->accused, h->node));
	MUST(peer_same_boot(was, p));
}

static void take(int to, const struct wire_hello *h)
{
	const siphash_key_t zero = { { 0, 0 } };
	struct party q = w.party[to];
	struct wire_peer *p = &w.party[to].peer, was = *p;
	enum wire_drop drop;
	unsigned int got = pair_take(&w, to, h, &drop);

	MUST(!(got & ~(unsigned int)(WIRE_HELLO_ANSWER | WIRE_HELLO_ADOPTED |
				     WIRE_HELLO_ACCUSED)));
	if (got & WIRE_HELLO_ACCUSED) {
		MUST(got == WIRE_HELLO_ACCUSED && drop == WIRE_OK);
		MUST(was.challenge && h->echo == was.challenge);
		MUST(w.now - was.challenge_at < FRESH);
		MUST(raft_id_eq(h->to, q.self.hello.node));
		MUST(h->rolled_back ||
		     h->ask_counter > q.self.hello.boot.counter);
		return;
	}
	if (drop != WIRE_OK)
		dropped(got, drop, &was, p, h);
	if (got & WIRE_HELLO_ADOPTED) {
		MUST(credible(&q, h));
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
		MUST(p->owes == h->challenge || !credible(&q, h));
		make(to);
		MUST(!p->owes);
		MUST(kept[(made - 1) % KEPT].rolled_back <= p->accuse);
	}
}

/* Storage: what it is told, and what it makes of that at the next start. */
static void storage(struct stream *s, struct party *p, u8 what)
{
	switch (what) {
	case 0:
		party_restart(p, ++w.seed);
		break;
	case 1:
		party_store(p);
		break;
	case 2:
		p->peer.had_term = number(s);
		p->peer.had_index = number(s);
		break;
	default:
		p->self.hello.durable_term = number(s);
		p->self.hello.durable_index = number(s);
		p->self.hello.doubt = next8(s) & 1;
		p->self.hello.boot.counter += next8(s) & 31;
	}
}

static void step(struct stream *s)
{
	u8 op = next8(s);
	int who = op & 1;
	struct wire_hello *h = &kept[(op >> 1) % KEPT];

	switch (op >> 4) {
	case 0:
		if (op & 8)
			storage(s, &w.party[who], op >> 1 & 3);
		else
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
