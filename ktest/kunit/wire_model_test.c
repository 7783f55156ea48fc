// SPDX-License-Identifier: GPL-2.0
/*
 * The hello exchange over a hostile network: hellos are lost, doubled,
 * overtaken, reflected, and every one ever sent is played back at will, while
 * both ends restart and forget. Checked after each step: nobody adopts a boot
 * that was dead when it asked. At the end the network heals, and both must know
 * each other. And the replay window against a plain list of what was seen.
 */
#include <kunit/test.h>
#include <linux/slab.h>
#include <linux/module.h>
#include "wire_pair.h"

enum {
	SEEDS = 60,
	STEPS = 3000,
	FLIGHT = 8,	/* hellos under way */
	RECORDED = 256,	/* hellos that the adversary remembers */
	BOOTS = 512,	/* at most, in one run */
};

struct letter {
	struct wire_hello hello;
	u8 to;
	bool there;
};

/**
 * struct world - a run
 * @pair: the two ends
 * @died: when the boot with nonce 0x2000 + i ended; 0: it lives, or never was
 * @boots: how many there were, over both
 * @flight: hellos under way
 * @recorded: hellos seen by the adversary
 * @n_recorded: how many in all; the newest RECORDED are kept
 * @random: state of the generator
 * @adoptions: how often keys were made
 */
struct world {
	struct pair pair;
	u64 died[BOOTS];
	u32 boots;
	struct letter flight[FLIGHT];
	struct letter recorded[RECORDED];
	u32 n_recorded;
	u64 random;
	u32 adoptions;
};

/* xorshift64* (Vigna, 2016); a number below @n, which is small. */
static u32 below(struct world *w, u32 n)
{
	w->random ^= w->random >> 12;
	w->random ^= w->random << 25;
	w->random ^= w->random >> 27;
	return (u32)((w->random * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

static void restart(struct world *w, int i)
{
	struct party *p = &w->pair.party[i];
	u64 nonce = p->self.hello.boot.nonce;

	if (w->boots + 1 >= BOOTS)
		return;
	if (nonce)
		w->died[nonce - 0x2000] = w->pair.now;
	party_start(p, ++w->boots);
}

static void send(struct world *w, int from)
{
	struct letter *l = &w->flight[below(w, FLIGHT)];

	l->there = true;
	l->to = !from;
	pair_make(&w->pair, from, &l->hello);
	w->recorded[w->n_recorded++ % RECORDED] = *l;
}

/* Hand over @l; whatever it is, no boot is adopted that was dead when asked. */
static void deliver(struct kunit *test, struct world *w, int to,
		    const struct letter *l)
{
	struct wire_peer *p = &w->pair.party[to].peer;
	struct wire_peer was = *p;
	enum wire_drop drop;
	unsigned int got = pair_take(&w->pair, to, &l->hello, &drop);

	if (got & WIRE_HELLO_ADOPTED) {
		u64 died = w->died[p->boot.nonce - 0x2000];

		w->adoptions++;
		KUNIT_EXPECT_TRUE(test, !died || died >= was.challenge_at);
		KUNIT_EXPECT_NE(test, was.challenge, 0);
	} else if (was.challenge == p->challenge) {
		KUNIT_EXPECT_TRUE(test, peer_same_boot(&was, p));
	}
	if (drop != WIRE_OK)
		KUNIT_EXPECT_EQ(test, got, WIRE_HELLO_NOTHING);
	if (got & WIRE_HELLO_ANSWER)
		send(w, to);
}

/* Whoever does not know the other says so now and then; others refresh. */
static void timers(struct world *w)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct wire_peer *p = &w->pair.party[i].peer;
		u64 period = p->state == WIRE_PEER_KNOWN ? 400 : 50;

		if (w->pair.now - p->hello_at >= period * MS)
			send(w, i);
	}
}

static void deliver_some(struct kunit *test, struct world *w, bool hostile)
{
	struct letter *l = &w->flight[below(w, FLIGHT)];
	struct letter copy = *l;

	if (!l->there)
		return;
	/* one in four stays under way, to arrive again */
	if (!hostile || below(w, 4))
		l->there = false;
	if (!hostile || below(w, 3))
		deliver(test, w, copy.to, &copy);
}

static void replay(struct kunit *test, struct world *w)
{
	u32 n = w->n_recorded < RECORDED ? w->n_recorded : RECORDED;
	struct letter copy;

	if (!n)
		return;
	copy = w->recorded[below(w, n)];
	/* one in eight goes back to whoever wrote it */
	deliver(test, w, below(w, 8) ? copy.to : !copy.to, &copy);
}

static void step(struct kunit *test, struct world *w)
{
	u32 what = below(w, 256);

	w->pair.now += below(w, 4000) * 1000ULL;
	timers(w);
	if (what < 1)
		restart(w, below(w, 2));
	else if (what < 2)
		wire_peer_reset(&w->pair.party[below(w, 2)].peer);
	else if (what < 60)
		replay(test, w);
	else if (what < 70)
		pair_send(&w->pair, below(w, 2));
	else
		deliver_some(test, w, true);
}

/* Nothing is lost any more, and nothing played back: they must meet. */
static bool heal(struct kunit *test, struct world *w)
{
	unsigned int i;

	for (i = 0; i < 1500; i++) {
		w->pair.now += MS;
		timers(w);
		deliver_some(test, w, false);
		deliver_some(test, w, false);
	}
	return pair_agrees(&w->pair) && pair_send(&w->pair, 0) &&
	       pair_send(&w->pair, 1);
}

static void no_network_makes_a_dead_boot_live(struct kunit *test)
{
	struct world *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	u32 seed, i, adoptions = 0;
	bool met;

	KUNIT_ASSERT_NOT_NULL(test, w);
	kunit_info(test, "seeds 1 to %d", SEEDS);
	for (seed = 1; seed <= SEEDS; seed++) {
		memset(w, 0, sizeof(*w));
		w->random = seed * 0x9e3779b97f4a7c15ULL;
		w->pair.now = 10000 * MS;
		restart(w, 0);
		restart(w, 1);
		for (i = 0; i < STEPS; i++)
			step(test, w);
		met = heal(test, w);
		KUNIT_EXPECT_TRUE_MSG(test, met, "seed %u", seed);
		adoptions += w->adoptions;
	}
	/* or nothing was tried */
	KUNIT_EXPECT_GT(test, adoptions, SEEDS * 8);
}

/* Seen by each number up to LIST; the window may only be stricter when old. */
enum { LIST = 8192 };

static void window_steps(struct kunit *test, struct world *w, u8 *seen)
{
	struct wire_window window;
	u64 base = ~0ULL - LIST - below(w, 100), newest = 0;
	u32 i;

	if (below(w, 2))
		base = below(w, 1000);
	wire_window_init(&window);
	memset(seen, 0, LIST);
	for (i = 0; i < 4000; i++) {
		u64 at = newest, back = below(w, 1100), n;
		bool want, got;

		if (below(w, 2))
			at += below(w, below(w, 50) ? 4 : 3000);
		else
			at -= back < at ? back : at;
		n = at < LIST ? at : LIST - 1;
		newest = n > newest ? n : newest;
		want = base + n && newest - n < WIRE_WINDOW_BITS && !seen[n];
		got = wire_window_take(&window, base + n);
		KUNIT_EXPECT_TRUE_MSG(test, got == want, "number %llu of %llu",
				      (unsigned long long)n,
				      (unsigned long long)newest);
		seen[n] = 1;
	}
}

static void the_window_takes_each_number_once(struct kunit *test)
{
	struct world *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	u8 *seen = kunit_kzalloc(test, LIST, GFP_KERNEL);
	u32 seed;

	KUNIT_ASSERT_NOT_NULL(test, w);
	KUNIT_ASSERT_NOT_NULL(test, seen);
	kunit_info(test, "seeds 1 to %d", SEEDS);
	for (seed = 1; seed <= SEEDS; seed++) {
		w->random = seed * 0x9e3779b97f4a7c15ULL;
		window_steps(test, w, seen);
	}
}

static void the_window_at_its_edges(struct kunit *test)
{
	static const struct { u64 seq; bool want; } in[] = {
		{ 0, false },
		{ 1, true }, { 1, false }, { 0, false },
		{ WIRE_WINDOW_BITS, true }, { 2, true }, { 1, false },
		{ WIRE_WINDOW_BITS + 2, true }, { 2, false }, { 3, true },
		/* a leap over the whole ring, to the same bit */
		{ 3 + 64 * WIRE_WINDOW_WORDS, true }, { 3, false },
		{ 4 + 63 * WIRE_WINDOW_WORDS, true },
		{ ~0ULL, true }, { ~0ULL, false },
		{ ~0ULL - WIRE_WINDOW_BITS + 1, true },
		{ ~0ULL - WIRE_WINDOW_BITS, false },
		{ 5, false },
	};
	struct wire_window w;
	unsigned int i;
	bool got;

	wire_window_init(&w);
	for (i = 0; i < ARRAY_SIZE(in); i++) {
		got = wire_window_take(&w, in[i].seq);
		KUNIT_EXPECT_TRUE_MSG(test, got == in[i].want, "step %u", i);
	}
}

static struct kunit_case model_cases[] = {
	KUNIT_CASE(the_window_at_its_edges),
	KUNIT_CASE(the_window_takes_each_number_once),
	KUNIT_CASE(no_network_makes_a_dead_boot_live),
	{}
};

static struct kunit_suite model_suite = {
	.name = "wire-model",
	.test_cases = model_cases,
};

kunit_test_suite(model_suite);

MODULE_LICENSE("GPL");
