// SPDX-License-Identifier: GPL-2.0
/*
 * Storage that was rolled back (pitfall 14): who is adopted, who is refused, and
 * how the one who is refused learns of it, rule by rule. Over a hostile network:
 * wire_storage_model_test.c.
 */
#include <linux/module.h>
#include "wire_talk.h"

/* Two who have met, have stored that, and have a few starts behind them. */
static struct pair *old_friends(struct kunit *test)
{
	struct pair *w = pair_new(test);
	unsigned int i, n;

	for (n = 0; n < 3; n++) {
		for (i = 0; i < 2; i++)
			party_restart(&w->party[i], ++w->seed);
		w->now += 10 * MS;
		greet(w, 0);
		KUNIT_ASSERT_TRUE(test, pair_agrees(w));
		for (i = 0; i < 2; i++) {
			w->party[i].peer.had_term = 5;
			w->party[i].peer.had_index = 500;
			w->party[i].self.hello.durable_term = 5;
			w->party[i].self.hello.durable_index = 500;
			party_store(&w->party[i]);
		}
	}
	w->now += ALIVE;
	return w;
}

/*
 * They talk, @from says hello again and again, until one of them is accused or
 * both know each other. Which: 0, 1, or 2 for none. At most @max hellos each.
 */
static unsigned int converse(struct kunit *test, struct pair *w, int from,
			     unsigned int max)
{
	unsigned int n, got, said = 0;
	enum wire_drop drop;
	struct wire_hello h;
	int to;

	for (n = 0; n < max; n++) {
		w->now += 50 * MS;
		pair_make(w, from, &h);
		for (to = !from; said < 100; to = !to) {
			said++;
			got = pair_take(w, to, &h, &drop);
			if (got & WIRE_HELLO_ADOPTED)
				party_store(&w->party[to]);
			if (got & WIRE_HELLO_ACCUSED)
				return to;
			if (!(got & WIRE_HELLO_ANSWER))
				break;
			pair_make(w, to, &h);
		}
		if (pair_agrees(w))
			return 2;
	}
	KUNIT_FAIL(test, "neither known nor accused after %u hellos", said);
	return 3;
}

/* Which ends start anew before they meet again. */
enum { FIRST = 1, SECOND = 2, BOTH = 3 };

static void an_honest_restart_is_adopted(struct kunit *test)
{
	unsigned int who, from, i;

	for (who = FIRST; who <= BOTH; who++) {
		for (from = 0; from < 2; from++) {
			struct pair *w = old_friends(test);

			for (i = 0; i < 2; i++)
				if (who & 1 << i)
					party_restart(&w->party[i], ++w->seed);
			/* One call is enough, whoever makes it. */
			KUNIT_EXPECT_EQ(test, converse(test, w, from, 1), 2);
			KUNIT_EXPECT_TRUE(test, pair_send(w, 0));
			KUNIT_EXPECT_TRUE(test, pair_send(w, 1));
		}
	}
}

/*
 * "On request, the nonce of the boot that the peer remembers" (design 3): what
 * was not asked is asked before anything is believed.
 */
static void what_is_remembered_is_asked_before_it_is_believed(struct kunit *test)
{
	struct pair *w = old_friends(test);
	struct wire_peer *p = &w->party[1].peer;
	struct wire_hello h;
	enum wire_drop drop;
	unsigned int got;
	u64 first, counter = w->party[0].self.hello.boot.counter;

	party_restart(&w->party[0], ++w->seed);
	party_restart(&w->party[1], ++w->seed);
	/* Nobody knows to whom it speaks, so it asks for nothing. */
	pair_make(w, 1, &h);
	KUNIT_EXPECT_EQ(test, h.ask_counter, 0);
	KUNIT_EXPECT_FALSE(test, raft_id_some(h.to));
	first = h.challenge;
	pair_take(w, 0, &h, &drop);
	pair_make(w, 0, &h);
	KUNIT_ASSERT_EQ(test, h.echo, first);
	got = pair_take(w, 1, &h, &drop);
	KUNIT_EXPECT_EQ(test, got, WIRE_HELLO_ANSWER);
	KUNIT_EXPECT_EQ(test, (int)drop, (int)WIRE_OK);
	KUNIT_EXPECT_EQ(test, p->state, WIRE_PEER_UNKNOWN);
	/* Now it asks, under another challenge; the first one is used up. */
	pair_make(w, 1, &h);
	KUNIT_EXPECT_EQ(test, h.ask_counter, counter);
	KUNIT_EXPECT_EQ(test, p->ask, counter);
	KUNIT_EXPECT_NE(test, h.challenge, first);
	KUNIT_EXPECT_NE(test, h.challenge, 0);
	pair_take(w, 0, &h, &drop);
	pair_make(w, 0, &h);
	got = pair_take(w, 1, &h, &drop);
	KUNIT_EXPECT_TRUE(test, got & WIRE_HELLO_ADOPTED);
	KUNIT_EXPECT_EQ(test, p->had_term, 5);
	KUNIT_EXPECT_EQ(test, p->had_index, 500);
}

/* An old image of the first party, taken two boots ago, starts @boots times. */
static void roll_back(struct pair *w, const struct party *image,
		      unsigned int boots)
{
	w->party[0] = *image;
	while (boots--)
		party_restart(&w->party[0], ++w->seed);
}

/* What its storage says of the boot that it is in. */
static u64 *remembered(struct party *p)
{
	u64 counter = p->self.hello.boot.counter;

	return &p->self.boot_nonce[counter & (WIRE_BOOTS - 1)];
}

enum wound {
	LOWER_COUNTER,
	SAME_COUNTER,
	WRONG_NONCE,
	MISSING_NONCE,
	OLDER_TERM,
	OLDER_INDEX,
	WOUNDS
};

static const char *const wounds[] = {
	"a lower counter", "another nonce of the same counter",
	"the nonce of another history", "a missing nonce", "an older term",
	"an older index",
};

/* The first party comes back from storage with that wound. */
static void wound(struct pair *w, enum wound what)
{
	struct party *p = &w->party[0], *image = &w->spare[0];
	u64 counter = p->self.hello.boot.counter;

	*image = *p;
	*remembered(image) = 0;
	image->self.hello.boot.counter = counter - 1;
	switch (what) {
	case LOWER_COUNTER:
		image->self.hello.boot.counter--;
		roll_back(w, image, 1);
		break;
	case SAME_COUNTER:
		roll_back(w, image, 1);
		break;
	case WRONG_NONCE:
		roll_back(w, image, 3);
		break;
	case MISSING_NONCE:
		roll_back(w, image, 3);
		p->self.boot_nonce[counter & (WIRE_BOOTS - 1)] = 0;
		break;
	case OLDER_TERM:
		party_restart(p, ++w->seed);
		p->self.hello.durable_term = 4;
		p->self.hello.durable_index = 5000;
		break;
	default:
		party_restart(p, ++w->seed);
		p->self.hello.durable_index = 499;
	}
}

/*
 * "A mismatch, a lower counter, a missing nonce, or an index below what this peer
 * is known to have acknowledged: refused." Restore an old disk copy: the node
 * must be refused, and learns why, so that it can fail for good; whether the
 * other end has run all the time or comes from its own storage.
 */
static void pitfall_14_an_old_image_is_refused_and_told(struct kunit *test)
{
	unsigned int i, restarted, from, who;

	for (i = 0; i < 4 * WOUNDS; i++) {
		struct pair *w = old_friends(test);
		struct wire_peer *was = &w->spare[1].peer;

		restarted = i & 1;
		from = i >> 1 & 1;
		wound(w, i >> 2);
		if (restarted)
			party_restart(&w->party[1], ++w->seed);
		*was = w->party[1].peer;
		who = converse(test, w, from, 2);
		KUNIT_EXPECT_EQ_MSG(test, who, 0, "%s%s", wounds[i >> 2],
				    restarted ? ", both restarted" : "");
		KUNIT_EXPECT_TRUE_MSG(test,
				      peer_same_boot(was, &w->party[1].peer),
				      "%s", wounds[i >> 2]);
	}
}

/* "Compared as logs are" (paper 5.4.1), and only with what is committed. */
static void a_log_may_only_have_grown(struct kunit *test)
{
	static const struct {
		u64 term, index;
		bool doubt;
		bool good;
	} t[] = {
		{ 5, 500, false, true }, { 5, 501, false, true },
		{ 6, 500, false, true }, { 6, 700, false, true },
		{ 5, 499, false, false }, { 4, 501, false, false },
		{ 0, 0, false, false },
		/* doubt says that it may be less, and nothing is known then */
		{ 5, 499, true, true }, { 0, 0, true, true },
	};
	unsigned int i;

	for (i = 0; i < 2 * ARRAY_SIZE(t); i++) {
		struct pair *w = old_friends(test);
		struct wire_hello *self = &w->party[0].self.hello;
		struct wire_peer *p = &w->party[1].peer;

		party_restart(&w->party[0], ++w->seed);
		if (i & 1)
			party_restart(&w->party[1], ++w->seed);
		self->durable_term = t[i / 2].term;
		self->durable_index = t[i / 2].index;
		self->doubt = t[i / 2].doubt;
		KUNIT_EXPECT_EQ_MSG(test, converse(test, w, 0, 2),
				    t[i / 2].good ? 2 : 0, "case %u", i / 2);
		if (!t[i / 2].good)
			continue;
		KUNIT_EXPECT_EQ(test, p->had_index, self->doubt ? 0 : 500);
		KUNIT_EXPECT_EQ(test, p->had_term, self->doubt ? 0 : 5);
		KUNIT_EXPECT_EQ(test, p->hello.doubt, self->doubt);
	}
}

/* Doubt is about the end of the log; the superblock is not in doubt. */
static void doubt_excuses_no_boot(struct kunit *test)
{
	unsigned int i;

	for (i = LOWER_COUNTER; i <= MISSING_NONCE; i++) {
		struct pair *w = old_friends(test);

		wound(w, i);
		w->party[0].self.hello.doubt = true;
		KUNIT_EXPECT_EQ_MSG(test, converse(test, w, 1, 2), 0, "%s",
				    wounds[i]);
	}
}

/* "Within the known boot nothing": its log is Raft's business. */
static void within_a_boot_no_log_is_compared(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct pair *w = old_friends(test);

		w->party[0].self.hello.durable_index = 3;
		if (i)
			party_restart(&w->party[1], ++w->seed);
		KUNIT_EXPECT_EQ(test, converse(test, w, 1, 1), 2);
		KUNIT_EXPECT_EQ(test, w->party[1].peer.hello.durable_index, 3);
		KUNIT_EXPECT_EQ(test, w->party[1].peer.had_index, 500);
	}
}

/*
 * After WIRE_BOOTS starts that somebody missed, no storage knows the nonce that
 * it remembers. That is held against nobody; a wrong one is.
 */
static void who_was_away_for_long_is_no_judge_of_boots(struct kunit *test)
{
	unsigned int i, more, who;

	for (i = 0; i < 6; i++) {
		struct pair *w = old_friends(test);
		u64 *last;

		more = WIRE_BOOTS - 1 + i / 2;
		last = remembered(&w->party[0]);
		if (i & 1)
			*last = i < 2 ? 0 : 77;
		while (more--)
			party_restart(&w->party[0], ++w->seed);
		who = converse(test, w, 0, 2);
		KUNIT_EXPECT_EQ_MSG(test, who, i == 1 ? 0 : 2, "case %u", i);
	}
}

static void a_boot_ahead_of_our_own_accuses_without_a_word(struct kunit *test)
{
	struct pair *w = old_friends(test);
	struct wire_hello h;
	enum wire_drop drop;
	unsigned int got;

	pair_make(w, 0, &h);
	pair_take(w, 1, &h, &drop);
	pair_make(w, 1, &h);
	h.ask_counter++;
	KUNIT_EXPECT_FALSE(test, h.rolled_back);
	got = pair_take(w, 0, &h, &drop);
	KUNIT_EXPECT_EQ(test, got, WIRE_HELLO_ACCUSED);
}

/*
 * "It must be unforgeable by replay": an accusation that echoes no fresh
 * challenge of ours, or names somebody else, is none.
 */
static void an_accusation_must_be_fresh_and_meant_for_us(struct kunit *test)
{
	static const char *const what[] = {
		"right", "no echo", "an old echo", "a wrong echo", "to another",
		"to nobody", "not accusing",
	};
	unsigned int i, got;

	for (i = 0; i < ARRAY_SIZE(what); i++) {
		struct pair *w = old_friends(test);
		struct wire_peer *p = &w->party[0].peer;
		struct wire_peer *was = &w->spare[0].peer;
		struct wire_hello h;
		enum wire_drop drop;

		pair_make(w, 0, &h);
		pair_take(w, 1, &h, &drop);
		pair_make(w, 1, &h);
		h.rolled_back = i != 6;
		h.challenge = 123456;
		if (i == 1)
			h.echo = 0;
		else if (i == 2)
			w->now += FRESH;
		else if (i == 3)
			h.echo++;
		else if (i == 4)
			h.to.lo++;
		else if (i == 5)
			h.to = RAFT_NOBODY;
		*was = *p;
		got = pair_take(w, 0, &h, &drop);
		KUNIT_EXPECT_EQ_MSG(test, got & WIRE_HELLO_ACCUSED,
				    i ? 0 : WIRE_HELLO_ACCUSED, "%s", what[i]);
		if (i && i < 4) {
			/* But it makes us ask. */
			KUNIT_EXPECT_TRUE(test, peer_same_boot(was, p));
			KUNIT_EXPECT_TRUE_MSG(test, p->doubt, "%s", what[i]);
		} else if (i) {
			KUNIT_EXPECT_TRUE_MSG(test, !p->doubt, "%s", what[i]);
		}
	}
}

/* "An unproven hello never leads to an accusation (it may be a replay)." */
static void an_old_hello_accuses_nobody(struct kunit *test)
{
	struct pair *w = old_friends(test);
	struct wire_hello old[4], h;
	enum wire_drop drop;
	unsigned int i, got;

	/* One of each boot, with and without a challenge, and of its answers. */
	for (i = 0; i < 2; i++) {
		pair_make(w, 0, &old[2 * i]);
		pair_take(w, 1, &old[2 * i], &drop);
		pair_make(w, 1, &h);
		pair_take(w, 0, &h, &drop);
		pair_make(w, 0, &old[2 * i + 1]);
		pair_take(w, 1, &old[2 * i + 1], &drop);
		party_restart(&w->party[0], ++w->seed);
		KUNIT_ASSERT_EQ(test, converse(test, w, 0, 1), 2);
	}
	for (i = 0; i < 4; i++) {
		struct wire_peer *p = &w->party[1].peer;

		w->spare[0].peer = *p;
		w->now += 50 * MS;
		got = pair_take(w, 1, &old[i], &drop);
		KUNIT_EXPECT_FALSE(test, got & ~WIRE_HELLO_ANSWER);
		KUNIT_EXPECT_TRUE(test, peer_same_boot(&w->spare[0].peer, p));
		KUNIT_EXPECT_FALSE(test, p->accuse);
		pair_make(w, 1, &h);
		KUNIT_EXPECT_FALSE(test, h.rolled_back);
		KUNIT_EXPECT_EQ(test, converse(test, w, 1, 1), 2);
		KUNIT_EXPECT_FALSE(test, p->doubt);
	}
}

/*
 * Two that run from copies of one image: whoever comes first is adopted, and
 * never hears what is meant for the other, which is told.
 */
static void of_two_clones_the_second_is_accused(struct kunit *test)
{
	struct pair *w = old_friends(test);
	struct party *other = &w->spare[0], *first = &w->spare[1];
	struct wire_hello h;
	enum wire_drop drop;
	unsigned int got;

	*other = w->party[0];
	party_restart(other, ++w->seed);
	party_restart(&w->party[0], ++w->seed);
	KUNIT_ASSERT_EQ(test, converse(test, w, 0, 1), 2);
	/* The first has a challenge out when the second one comes. */
	pair_make(w, 0, &h);
	pair_take(w, 1, &h, &drop);
	*first = w->party[0];
	w->party[0] = *other;
	w->now += ALIVE;
	KUNIT_EXPECT_EQ(test, converse(test, w, 0, 2), 0);
	/* What is said now, and to whom it may come. */
	KUNIT_EXPECT_TRUE(test, w->party[1].peer.accuse);
	w->party[0] = *first;
	pair_make(w, 1, &h);
	KUNIT_EXPECT_TRUE(test, h.rolled_back);
	KUNIT_EXPECT_NE(test, h.echo, first->peer.challenge);
	got = pair_take(w, 0, &h, &drop);
	KUNIT_EXPECT_FALSE(test, got & WIRE_HELLO_ACCUSED);
	KUNIT_EXPECT_EQ(test, converse(test, w, 0, 1), 2);
	KUNIT_EXPECT_FALSE(test, w->party[1].peer.accuse);
}

/*
 * An echo is owed to the innocent one of them when the other one is refused: it
 * does not go out with the accusation, which would look meant for the first.
 */
static void an_accusation_never_echoes_the_innocent(struct kunit *test)
{
	struct pair *w = old_friends(test);
	struct wire_peer *p = &w->party[1].peer;
	struct party *other = &w->spare[0], *first = &w->spare[1];
	struct wire_hello h, mine;
	enum wire_drop drop;
	unsigned int got;

	*other = w->party[0];
	party_restart(other, ++w->seed);
	party_restart(&w->party[0], ++w->seed);
	KUNIT_ASSERT_EQ(test, converse(test, w, 0, 1), 2);
	*first = w->party[0];
	/* The other one answers our challenge, without one of its own. */
	w->party[0] = *other;
	w->now += ALIVE;
	pair_make(w, 0, &h);
	pair_take(w, 1, &h, &drop);
	pair_make(w, 1, &mine);
	pair_take(w, 0, &mine, &drop);
	pair_make(w, 0, &h);
	KUNIT_ASSERT_EQ(test, h.echo, mine.challenge);
	KUNIT_ASSERT_EQ(test, h.challenge, 0);
	/* But before that arrives, the first one asks, and is not answered yet. */
	w->party[0] = *first;
	pair_make(w, 0, &mine);
	got = pair_take(w, 1, &mine, &drop);
	KUNIT_ASSERT_EQ(test, got, WIRE_HELLO_NOTHING);
	KUNIT_ASSERT_EQ(test, p->owes, mine.challenge);
	got = pair_take(w, 1, &h, &drop);
	KUNIT_EXPECT_EQ(test, (int)drop, (int)WIRE_HELLO_REFUSED);
	KUNIT_ASSERT_EQ(test, got, WIRE_HELLO_ANSWER);
	pair_make(w, 1, &h);
	KUNIT_EXPECT_TRUE(test, h.rolled_back);
	KUNIT_EXPECT_NE(test, h.echo, mine.challenge);
	got = pair_take(w, 0, &h, &drop);
	KUNIT_EXPECT_FALSE(test, got & WIRE_HELLO_ACCUSED);
	KUNIT_EXPECT_EQ(test, converse(test, w, 0, 1), 2);
	/* Nor the other way round. */
	w->party[0] = *other;
	KUNIT_EXPECT_EQ(test, converse(test, w, 0, 2), 0);
}

/*
 * Another incarnation of the same name, of which storage knows something: our
 * hellos speak to it once the one before is silent.
 */
static void an_heir_is_judged_by_what_is_remembered_of_it(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct pair *w = old_friends(test);
		struct party *honest = &w->spare[0];

		*honest = w->party[0];
		if (i)
			*remembered(honest) ^= 1;
		party_restart(honest, ++w->seed);
		/* A new incarnation takes the name, and is silent then. */
		party_start(&w->party[0], ++w->seed);
		party_restart(&w->party[1], ++w->seed);
		KUNIT_ASSERT_EQ(test, converse(test, w, 0, 2), 2);
		w->now += ALIVE;
		w->party[0] = *honest;
		KUNIT_EXPECT_EQ(test, converse(test, w, 0, 2), i ? 0 : 2);
		KUNIT_EXPECT_EQ(test, w->party[1].peer.had_index, i ? 0 : 500);
	}
}

/* A driver stores the boot before it answers; what is owed waits for it. */
static void the_answer_may_wait_for_the_disk(struct kunit *test)
{
	struct pair *w = old_friends(test);
	struct wire_hello h, again;
	enum wire_drop drop;
	unsigned int got;

	party_restart(&w->party[0], ++w->seed);
	pair_make(w, 0, &h);
	pair_take(w, 1, &h, &drop);
	pair_make(w, 1, &h);
	pair_take(w, 0, &h, &drop);
	pair_make(w, 0, &h);
	got = pair_take(w, 1, &h, &drop);
	KUNIT_ASSERT_TRUE(test, got & WIRE_HELLO_ADOPTED);
	/* Meanwhile the other end asks again, with what it has asked before. */
	w->now += 200 * MS;
	pair_make(w, 0, &again);
	got = pair_take(w, 1, &again, &drop);
	w->now += 200 * MS;
	pair_make(w, 1, &h);
	KUNIT_EXPECT_NE(test, h.echo, 0);
	KUNIT_EXPECT_EQ(test, h.echo, again.challenge);
	pair_take(w, 0, &h, &drop);
	KUNIT_EXPECT_TRUE(test, pair_agrees(w));
}

static struct kunit_case boot_cases[] = {
	KUNIT_CASE(an_honest_restart_is_adopted),
	KUNIT_CASE(what_is_remembered_is_asked_before_it_is_believed),
	KUNIT_CASE(pitfall_14_an_old_image_is_refused_and_told),
	KUNIT_CASE(a_log_may_only_have_grown),
	KUNIT_CASE(doubt_excuses_no_boot),
	KUNIT_CASE(within_a_boot_no_log_is_compared),
	KUNIT_CASE(who_was_away_for_long_is_no_judge_of_boots),
	KUNIT_CASE(a_boot_ahead_of_our_own_accuses_without_a_word),
	KUNIT_CASE(an_accusation_must_be_fresh_and_meant_for_us),
	KUNIT_CASE(an_old_hello_accuses_nobody),
	KUNIT_CASE(of_two_clones_the_second_is_accused),
	KUNIT_CASE(an_accusation_never_echoes_the_innocent),
	KUNIT_CASE(an_heir_is_judged_by_what_is_remembered_of_it),
	KUNIT_CASE(the_answer_may_wait_for_the_disk),
	{}
};

static struct kunit_suite boot_suite = {
	.name = "wire-boot",
	.test_cases = boot_cases,
};

kunit_test_suite(boot_suite);

MODULE_LICENSE("GPL");
