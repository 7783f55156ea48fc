// SPDX-License-Identifier: GPL-2.0
/*
 * How nodes come to know each other, and what they refuse: the hello exchange
 * step by step, and the window of sequence numbers. wire_model_test.c does the
 * same with a hostile network in between.
 */
#include <kunit/test.h>
#include <linux/slab.h>
#include <linux/module.h>
#include "wire_talk.h"

static void three_hellos_make_two_acquainted(struct kunit *test)
{
	struct pair *w = pair_new(test);
	struct wire_hello h;
	enum wire_drop drop;
	unsigned int got;

	pair_make(w, 0, &h);
	KUNIT_EXPECT_NE(test, h.challenge, 0);
	KUNIT_EXPECT_EQ(test, h.echo, 0);
	got = pair_take(w, 1, &h, &drop);
	KUNIT_EXPECT_EQ(test, got, WIRE_HELLO_ANSWER);

	pair_make(w, 1, &h);
	KUNIT_EXPECT_TRUE(test, raft_id_eq(h.to, w->party[0].self.hello.node));
	got = pair_take(w, 0, &h, &drop);
	KUNIT_EXPECT_EQ(test, got, WIRE_HELLO_ADOPTED | WIRE_HELLO_ANSWER);
	KUNIT_EXPECT_FALSE(test, pair_agrees(w));

	pair_make(w, 0, &h);
	KUNIT_EXPECT_EQ(test, h.challenge, 0);
	got = pair_take(w, 1, &h, &drop);
	KUNIT_EXPECT_EQ(test, got, WIRE_HELLO_ADOPTED);
	KUNIT_EXPECT_EQ(test, (int)drop, (int)WIRE_OK);
	KUNIT_EXPECT_TRUE(test, pair_agrees(w));
	KUNIT_EXPECT_STREQ(test, w->party[1].peer.hello.name, "n");
}

static void hellos_that_cross_need_four_and_end(struct kunit *test)
{
	struct pair *w = pair_new(test);
	struct wire_hello a, b;
	enum wire_drop drop;
	unsigned int got;
	int i;

	pair_make(w, 0, &a);
	pair_make(w, 1, &b);
	for (i = 0; i < 2; i++) {
		got = pair_take(w, 0, &b, &drop);
		KUNIT_EXPECT_TRUE(test, !!(got & WIRE_HELLO_ANSWER) == !i);
		got = pair_take(w, 1, &a, &drop);
		KUNIT_EXPECT_TRUE(test, !!(got & WIRE_HELLO_ANSWER) == !i);
		pair_make(w, 0, &a);
		pair_make(w, 1, &b);
	}
	KUNIT_EXPECT_TRUE(test, pair_agrees(w));
}

static void a_refresh_needs_two_and_leaves_the_keys(struct kunit *test)
{
	struct pair *w = pair_new(test);
	struct wire_window window;
	unsigned int n;
	u64 sequence;

	greet(w, 0);
	sequence = w->party[0].peer.tx_sequence += 5;
	KUNIT_EXPECT_TRUE(test, wire_window_take(&w->party[0].peer.window, 77));
	window = w->party[0].peer.window;
	w->now += 50 * MS;
	w->party[1].self.hello.want = true;
	n = greet(w, 0);
	KUNIT_EXPECT_EQ(test, n, 2);
	KUNIT_EXPECT_TRUE(test, w->party[0].peer.hello.want);
	KUNIT_EXPECT_TRUE(test, pair_agrees(w));
	KUNIT_EXPECT_EQ(test, w->party[0].peer.tx_sequence, sequence);
	KUNIT_EXPECT_EQ(test, memcmp(&window, &w->party[0].peer.window,
				     sizeof(window)), 0);
}

/* Whoever says that it stands elsewhere now is asked to prove it. */
static void a_new_standing_is_believed_when_proven(struct kunit *test)
{
	struct pair *w = pair_new(test);
	struct wire_peer *p = &w->party[0].peer;
	struct wire_hello *self = &w->party[1].self.hello, h;
	enum wire_drop drop;
	unsigned int i, n;

	greet(w, 0);
	for (i = 0; i < 4; i++) {
		w->now += 50 * MS;
		self->cluster = (struct raft_id){ 9, 9 };
		self->formed |= i == 1;
		self->member |= i == 2;
		self->want |= i == 3;
		pair_make(w, 1, &h);
		pair_take(w, 0, &h, &drop);
		KUNIT_EXPECT_TRUE(test, p->doubt);
		KUNIT_EXPECT_TRUE(test, p->hello.formed == (i > 1));
		pair_make(w, 0, &h);
		n = talk(w, 1, &h);
		KUNIT_EXPECT_EQ(test, n, 2);
		KUNIT_EXPECT_FALSE(test, p->doubt);
		KUNIT_EXPECT_TRUE(test, raft_id_eq(p->hello.cluster,
						   self->cluster));
		KUNIT_EXPECT_TRUE(test, p->hello.formed == (i > 0) &&
				  p->hello.member == (i > 1) &&
				  p->hello.want == (i > 2));
		KUNIT_EXPECT_TRUE(test, pair_agrees(w));
	}
}

/* Each of the three lost, in turn: repetition makes up for it. */
static void a_lost_hello_is_made_up_for(struct kunit *test)
{
	struct wire_hello h;
	enum wire_drop drop;
	unsigned int lost, i;

	for (lost = 1; lost <= 3; lost++) {
		struct pair *w = pair_new(test);

		for (i = 1; i <= lost; i++) {
			pair_make(w, !(i % 2), &h);
			if (i < lost)
				pair_take(w, i % 2, &h, &drop);
		}
		w->now += 50 * MS;
		for (i = 0; i < 2; i++)
			if (w->party[i].peer.state == WIRE_PEER_UNKNOWN)
				greet(w, i);
		KUNIT_EXPECT_TRUE_MSG(test, pair_agrees(w), "lost: %u", lost);
	}
}

static void a_late_echo_is_worth_nothing(struct kunit *test)
{
	struct pair *w = pair_new(test);
	struct wire_hello h;
	enum wire_drop drop;
	unsigned int got;

	pair_make(w, 0, &h);
	pair_take(w, 1, &h, &drop);
	pair_make(w, 1, &h);
	w->now += FRESH;
	h.challenge = 0;
	got = pair_take(w, 0, &h, &drop);
	KUNIT_EXPECT_EQ(test, got, WIRE_HELLO_NOTHING);
	KUNIT_EXPECT_EQ(test, (int)drop, (int)WIRE_HELLO_STALE);
	KUNIT_EXPECT_EQ(test, w->party[0].peer.state, WIRE_PEER_UNKNOWN);
}

static void an_echo_counts_once(struct kunit *test)
{
	struct pair *w = pair_new(test);
	struct wire_hello h;
	enum wire_drop drop;
	unsigned int got;

	pair_make(w, 0, &h);
	pair_take(w, 1, &h, &drop);
	pair_make(w, 1, &h);
	got = pair_take(w, 0, &h, &drop);
	KUNIT_EXPECT_TRUE(test, got & WIRE_HELLO_ADOPTED);
	wire_peer_reset(&w->party[0].peer);
	got = pair_take(w, 0, &h, &drop);
	KUNIT_EXPECT_FALSE(test, got & WIRE_HELLO_ADOPTED);
	KUNIT_EXPECT_EQ(test, w->party[0].peer.state, WIRE_PEER_UNKNOWN);
}

/* All that a replay gets is an answer, and not many of those. */
static void replays_change_nothing_and_get_few_answers(struct kunit *test)
{
	struct pair *w = pair_new(test);
	struct wire_hello first, h;
	enum wire_drop drop;
	unsigned int i, answers = 0;
	struct wire_peer was;

	pair_make(w, 0, &first);
	h = first;
	talk(w, 1, &h);
	w->now += 10 * MS;
	was = w->party[1].peer;
	for (i = 0; i < 1000; i++) {
		w->now += WIRE_ANSWER_GAP / 500;
		first.challenge = 1 + i / 2;	/* two recordings in turn */
		if (!(pair_take(w, 1, &first, &drop) & WIRE_HELLO_ANSWER))
			continue;
		answers++;
		pair_make(w, 1, &h);
	}
	KUNIT_EXPECT_GE(test, answers, 1);
	KUNIT_EXPECT_LE(test, answers, 2);
	KUNIT_EXPECT_TRUE(test, peer_same_boot(&was, &w->party[1].peer));
	KUNIT_EXPECT_TRUE(test, pair_agrees(w));
}

static void a_live_incarnation_is_not_displaced(struct kunit *test)
{
	struct pair *w = pair_new(test);
	enum wire_drop drop;
	struct wire_hello h;
	unsigned int got;

	greet(w, 0);
	party_start(&w->party[0], ++w->seed);
	w->now += ALIVE - 1;
	pair_make(w, 0, &h);
	got = pair_take(w, 1, &h, &drop);
	KUNIT_EXPECT_EQ(test, got, WIRE_HELLO_NOTHING);
	KUNIT_EXPECT_EQ(test, (int)drop, (int)WIRE_HELLO_REFUSED);
	w->now += 1;
	greet(w, 0);
	KUNIT_EXPECT_TRUE(test, pair_agrees(w));
}

/* Its echo arrives when the one before has been heard of again. */
static void a_live_incarnation_is_not_displaced_by_an_echo(struct kunit *test)
{
	struct pair *w = pair_new(test);
	struct wire_hello h;
	enum wire_drop drop;
	struct wire_peer was;
	unsigned int got;

	greet(w, 0);
	was = w->party[1].peer;
	party_start(&w->party[0], ++w->seed);
	w->now += ALIVE;
	pair_make(w, 0, &h);
	got = pair_take(w, 1, &h, &drop);
	KUNIT_ASSERT_EQ(test, got, WIRE_HELLO_ANSWER);
	pair_make(w, 1, &h);
	pair_take(w, 0, &h, &drop);
	pair_make(w, 0, &h);
	w->party[1].peer.heard_at = w->now;
	got = pair_take(w, 1, &h, &drop);
	KUNIT_EXPECT_EQ(test, got, WIRE_HELLO_NOTHING);
	KUNIT_EXPECT_EQ(test, (int)drop, (int)WIRE_HELLO_REFUSED);
	KUNIT_EXPECT_TRUE(test, peer_same_boot(&was, &w->party[1].peer));
}

static void a_boot_never_goes_back(struct kunit *test)
{
	struct wire_hello h;
	enum wire_drop drop;
	unsigned int got, i;

	for (i = 0; i < 2; i++) {
		struct pair *w = pair_new(test);
		struct wire_peer *was = &w->spare[1].peer;

		w->party[0].self.hello.boot.counter = 5;
		greet(w, 0);
		w->now += 10 * ALIVE;
		/* an earlier boot, then another boot of the same number */
		w->party[0].self.hello.boot.counter = 5 - i;
		w->party[0].self.hello.boot.nonce ^= 1;
		*was = w->party[1].peer;
		pair_make(w, 0, &h);
		got = pair_take(w, 1, &h, &drop);
		KUNIT_EXPECT_EQ(test, got, WIRE_HELLO_ANSWER);
		pair_make(w, 1, &h);
		got = pair_take(w, 0, &h, &drop);
		/* The earlier one hears at once of a boot that it never had. */
		KUNIT_EXPECT_EQ(test, got, i ? WIRE_HELLO_ACCUSED :
					       WIRE_HELLO_ANSWER);
		w->party[0].peer.owes = h.challenge;
		pair_make(w, 0, &h);
		got = pair_take(w, 1, &h, &drop);
		KUNIT_EXPECT_EQ(test, got, WIRE_HELLO_ANSWER);
		KUNIT_EXPECT_EQ(test, (int)drop, (int)WIRE_HELLO_REFUSED);
		KUNIT_EXPECT_TRUE(test, peer_same_boot(was,
						       &w->party[1].peer));
		/* That proved it once: the same again proves nothing. */
		got = pair_take(w, 1, &h, &drop);
		KUNIT_EXPECT_EQ(test, got, WIRE_HELLO_NOTHING);
		KUNIT_EXPECT_NE(test, (int)drop, (int)WIRE_HELLO_REFUSED);
	}
}

/*
 * The next boot of an incarnation must know the nonce of the one before: a
 * storage that was rolled back and then started more often does not.
 */
static void a_boot_must_remember_the_one_before(struct kunit *test)
{
	struct wire_hello h;
	enum wire_drop drop;
	unsigned int got, i;
	u64 old;

	for (i = 0; i < 2; i++) {
		struct pair *w = pair_new(test);

		greet(w, 0);
		old = w->party[0].self.hello.boot.nonce;
		w->party[0].self.hello.boot = (struct wire_boot){ 2, 99 };
		wire_peer_reset(&w->party[0].peer);
		w->now += 10 * MS;
		pair_make(w, 0, &h);
		got = pair_take(w, 1, &h, &drop);
		KUNIT_ASSERT_EQ(test, got, WIRE_HELLO_ANSWER);
		pair_make(w, 1, &h);
		KUNIT_EXPECT_EQ(test, h.ask_counter, 1);
		pair_take(w, 0, &h, &drop);
		pair_make(w, 0, &h);
		h.answer_nonce = i ? old : old ^ 1;
		got = pair_take(w, 1, &h, &drop);
		KUNIT_EXPECT_EQ(test, got, i ? WIRE_HELLO_ADOPTED :
					       WIRE_HELLO_ANSWER);
		KUNIT_EXPECT_EQ(test, (int)drop,
				(int)(i ? WIRE_OK : WIRE_HELLO_REFUSED));
	}
}

/* "The superblock keeps the last 16" boots (design 3): for these we answer. */
static void we_answer_for_our_last_16_starts(struct kunit *test)
{
	struct pair *w = pair_new(test);
	u64 nonce[24] = { 0 }, i, at;
	struct wire_hello h;
	enum wire_drop drop;

	nonce[1] = w->party[1].self.hello.boot.nonce;
	for (at = 1; at <= 20; at++) {
		for (i = 0; i < ARRAY_SIZE(nonce); i++) {
			bool known = i && i <= at && at - i < WIRE_BOOTS;

			wire_peer_reset(&w->party[1].peer);
			pair_make(w, 0, &h);
			h.ask_counter = i;
			pair_take(w, 1, &h, &drop);
			pair_make(w, 1, &h);
			KUNIT_EXPECT_EQ(test, h.answer_nonce,
					known ? nonce[i] : 0);
		}
		party_restart(&w->party[1], ++w->seed);
		nonce[at + 1] = w->party[1].self.hello.boot.nonce;
	}
}

/* Whoever is known again is spoken to again, whoever asked meanwhile. */
static void an_heir_is_forgotten_when_the_first_one_speaks(struct kunit *test)
{
	struct pair *w = pair_new(test);
	struct raft_id node = w->party[0].self.hello.node;
	struct wire_hello h, other;
	enum wire_drop drop;

	greet(w, 0);
	w->now += ALIVE;
	pair_make(w, 0, &other);
	other.node.lo++;
	pair_take(w, 1, &other, &drop);
	pair_make(w, 1, &h);
	KUNIT_EXPECT_TRUE(test, raft_id_eq(h.to, other.node));
	pair_take(w, 0, &h, &drop);
	pair_make(w, 0, &h);
	pair_take(w, 1, &h, &drop);
	pair_make(w, 1, &h);
	KUNIT_EXPECT_TRUE(test, raft_id_eq(h.to, node));
	KUNIT_EXPECT_FALSE(test, w->party[1].peer.doubt);
}

static void our_own_hello_and_another_version_are_dropped(struct kunit *test)
{
	struct pair *w = pair_new(test);
	struct wire_hello h;
	enum wire_drop drop;
	unsigned int got;

	pair_make(w, 0, &h);
	got = pair_take(w, 0, &h, &drop);
	KUNIT_EXPECT_EQ(test, got, WIRE_HELLO_NOTHING);
	KUNIT_EXPECT_EQ(test, (int)drop, (int)WIRE_SELF);
	h.wire_min = WIRE_VERSION + 1;
	h.wire_max = WIRE_VERSION + 2;
	got = pair_take(w, 1, &h, &drop);
	KUNIT_EXPECT_EQ(test, got, WIRE_HELLO_NOTHING);
	KUNIT_EXPECT_EQ(test, (int)drop, (int)WIRE_VERSION_UNKNOWN);
}

static void two_keys_verify_and_the_first_one_signs(struct kunit *test)
{
	struct pair *w = pair_new(test);
	struct wire_peer *a, *b;

	a = &w->party[0].peer;
	b = &w->party[1].peer;
	/* 1 is ahead: its current key is the other one, which 0 knows already */
	w->party[0].self.n_keys = 2;
	w->party[0].self.key[1][0] = 0x99;
	w->party[1].self.n_keys = 2;
	memcpy(w->party[1].self.key[1], w->party[1].self.key[0],
	       WIRE_CLUSTER_KEY);
	memset(w->party[1].self.key[0], 0, WIRE_CLUSTER_KEY);
	w->party[1].self.key[0][0] = 0x99;
	greet(w, 0);
	KUNIT_EXPECT_TRUE(test, key_eq(&a->tx, &b->rx[1]));
	KUNIT_EXPECT_FALSE(test, key_eq(&a->tx, &b->rx[0]));
	KUNIT_EXPECT_TRUE(test, key_eq(&b->tx, &a->rx[1]));
}

/* An unused place must not hold a key that anybody could guess. */
static void one_key_fills_both_places(struct kunit *test)
{
	struct pair *w = pair_new(test);
	struct wire_peer *p;

	p = &w->party[0].peer;
	greet(w, 0);
	KUNIT_EXPECT_TRUE(test, key_eq(&p->rx[0], &p->rx[1]));
	KUNIT_EXPECT_FALSE(test, key_eq(&p->rx[0], &p->tx));
}

/* The same boots meet again: nothing that is sent then looks like a replay. */
static void a_slot_given_up_does_not_repeat_numbers(struct kunit *test)
{
	struct pair *w = pair_new(test);
	unsigned int i;
	bool fresh;

	greet(w, 0);
	for (i = 0; i < 100; i++) {
		fresh = pair_send(w, 0);
		KUNIT_EXPECT_TRUE(test, fresh);
	}
	wire_peer_reset(&w->party[0].peer);
	w->now += 10 * MS;
	greet(w, 0);
	KUNIT_EXPECT_TRUE(test, pair_agrees(w));
	fresh = pair_send(w, 0);
	KUNIT_EXPECT_TRUE(test, fresh);
}

static struct kunit_case peer_cases[] = {
	KUNIT_CASE(three_hellos_make_two_acquainted),
	KUNIT_CASE(hellos_that_cross_need_four_and_end),
	KUNIT_CASE(a_refresh_needs_two_and_leaves_the_keys),
	KUNIT_CASE(a_new_standing_is_believed_when_proven),
	KUNIT_CASE(a_lost_hello_is_made_up_for),
	KUNIT_CASE(a_late_echo_is_worth_nothing),
	KUNIT_CASE(an_echo_counts_once),
	KUNIT_CASE(replays_change_nothing_and_get_few_answers),
	KUNIT_CASE(a_live_incarnation_is_not_displaced),
	KUNIT_CASE(a_live_incarnation_is_not_displaced_by_an_echo),
	KUNIT_CASE(a_boot_never_goes_back),
	KUNIT_CASE(a_boot_must_remember_the_one_before),
	KUNIT_CASE(we_answer_for_our_last_16_starts),
	KUNIT_CASE(an_heir_is_forgotten_when_the_first_one_speaks),
	KUNIT_CASE(our_own_hello_and_another_version_are_dropped),
	KUNIT_CASE(two_keys_verify_and_the_first_one_signs),
	KUNIT_CASE(one_key_fills_both_places),
	KUNIT_CASE(a_slot_given_up_does_not_repeat_numbers),
	{}
};

static struct kunit_suite peer_suite = {
	.name = "wire-peer",
	.test_cases = peer_cases,
};

kunit_test_suite(peer_suite);

MODULE_LICENSE("GPL");
