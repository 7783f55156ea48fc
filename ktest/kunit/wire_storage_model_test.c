// SPDX-License-Identifier: GPL-2.0
/*
 * Two nodes with storage over a hostile network: hellos are lost, doubled,
 * overtaken and played back, while both ends restart, before and after they have
 * stored whom they met, lose the end of their logs and say so, come back from old
 * images, and run as two copies of one image at once.
 *
 * Ghosts outside of both know which start continued which. After each step: who
 * is adopted continues the boot that was remembered, and lacks nothing that it
 * was known to have; who is accused does not, and is told by somebody who met
 * what it never was. At the end the network heals: two who have nothing against
 * each other must know each other, and of two who have, one must have been told.
 */
#include <kunit/test.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/module.h>
#include "wire_pair.h"

enum {
#ifdef __KERNEL__
	SEEDS = 40,
#else
	SEEDS = 400,
#endif
	STEPS = 3000,
	FLIGHT = 8,	/* hellos under way */
	RECORDED = 256,	/* hellos that the adversary remembers */
	BOOTS = 512,	/* at most, in one run */
	IMAGES = 4,	/* of each end's storage, kept to be put back */
	PER_TERM = 16,	/* entries */
};

struct letter {
	struct wire_hello hello;
	u64 known;	/* nonce of the boot that its writer knew of the reader */
	u8 to;
	bool there;
};

/**
 * struct ghost - a boot as it really was; its nonce is 0x2000 + its number
 * @parent: number of the boot whose storage it continued; 0: it was born
 * @node: incarnation
 * @counter: its
 * @end: index of the last entry when it started
 * @doubt: it said so
 * @met: which ends ever adopted it, by bit
 */
struct ghost {
	u32 parent;
	u64 node;
	u64 counter;
	u64 end;
	bool doubt;
	u8 met;
};

/**
 * struct world - a run
 * @pair: the two ends
 * @failed: end was accused, and is silent
 * @twin: another node that runs from a copy of an end's storage
 * @twin_failed: as @failed
 * @twins: @twin is there
 * @healing: nothing befalls anybody any more
 * @was: whoever is dealt with, as it was before
 * @image: old copies of storage
 * @images: how many
 * @lost: an end in doubt had entries up to there
 * @late: an end owes an answer that it gives later
 * @ghost: all boots, by number
 * @had: most that each end ever knew another incarnation (by the number of its
 *	first boot) to have
 * @boots: how many there were
 * @flight: hellos under way
 * @recorded: hellos seen by the adversary
 * @n_recorded: how many in all
 * @random: state of the generator
 * @adopted: how often a boot was adopted
 * @accused: how often one was accused
 * @again: how often a later boot of a remembered incarnation was adopted
 */
struct world {
	struct pair pair;
	bool failed[2];
	struct party twin[2];
	bool twin_failed[2];
	bool twins[2];
	bool healing;
	struct party was;
	struct party image[2][IMAGES];
	u32 images[2];
	u64 lost[2];
	bool late[2];
	struct ghost ghost[BOOTS];
	u64 had[2][BOOTS];
	u32 boots;
	struct letter flight[FLIGHT];
	struct letter recorded[RECORDED];
	u32 n_recorded;
	u64 random;
	u32 adopted;
	u32 accused;
	u32 again;
};

/* xorshift64* (Vigna, 2016); a number below @n, which is small. */
static u32 below(struct world *w, u32 n)
{
	w->random ^= w->random >> 12;
	w->random ^= w->random << 25;
	w->random ^= w->random >> 27;
	return (u32)((w->random * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

/* ------------------------------------------------------------------ ghosts */

static u32 number_of(const struct party *p)
{
	return p->self.hello.boot.nonce - 0x2000;
}

/* Is boot @a boot @b, or did @b continue what it began? */
static bool continues(const struct world *w, u32 a, u32 b)
{
	while (b && b != a)
		b = w->ghost[b].parent;
	return b == a;
}

static void set_end(struct party *p, u64 index)
{
	p->self.hello.durable_index = index;
	p->self.hello.durable_term = 1 + index / PER_TERM;
}

/* The boot that @p is in now began just so. */
static void haunt(struct world *w, const struct party *p, u32 parent)
{
	const struct wire_hello *h = &p->self.hello;

	w->ghost[number_of(p)] = (struct ghost){
		.parent = parent, .node = h->node.lo,
		.counter = h->boot.counter, .end = h->durable_index,
		.doubt = h->doubt,
	};
}

/* What @p remembers of an incarnation; false: nothing. */
static bool remembers(const struct party *p, struct raft_id node,
		      struct wire_past *m)
{
	u32 i;

	if (p->peer.state == WIRE_PEER_KNOWN && raft_id_eq(p->peer.node, node)) {
		m->boot = p->peer.boot;
		m->index = p->peer.had_index;
		return true;
	}
	for (i = 0; i < p->self.n_past; i++) {
		*m = p->past[i];
		if (raft_id_eq(m->node, node))
			return true;
	}
	return false;
}

/* Does what is remembered speak against who says @h? */
static bool speaks_against(const struct world *w, const struct wire_past *m,
			   const struct wire_hello *h)
{
	u32 then = m->boot.nonce - 0x2000, now = h->boot.nonce - 0x2000;

	if (then == now)
		return false;
	if (!h->doubt && h->durable_index < m->index)
		return true;
	/* What no storage remembers, nobody is asked for. */
	if (h->boot.counter >= m->boot.counter + WIRE_BOOTS)
		return false;
	return !continues(w, then, now);
}

/* Did @side ever meet what the boot of @p never was, or had? */
static bool deserved(const struct world *w, int side, const struct party *p)
{
	const struct ghost *g = &w->ghost[number_of(p)];
	const struct wire_hello *h = &p->self.hello;
	u32 i;

	/* Doubt excuses it as long as it lasts, and ends when all is there. */
	if (!h->doubt &&
	    w->had[side][g->node] > (g->doubt ? h->durable_index : g->end))
		return true;
	for (i = 1; i <= w->boots; i++)
		if (w->ghost[i].met & 1 << side && w->ghost[i].node == g->node &&
		    !continues(w, i, number_of(p)))
			return true;
	return false;
}

/* ------------------------------------------------------------------- nodes */

static void born(struct world *w, int i)
{
	struct party *p = &w->pair.party[i];

	party_start(p, ++w->boots);
	set_end(p, 0);
	haunt(w, p, 0);
	w->failed[i] = false;
	w->lost[i] = 0;
}

/* From the storage that @p has, whatever that went through. */
static void started(struct world *w, struct party *p)
{
	u32 parent = number_of(p);

	party_restart(p, ++w->boots);
	haunt(w, p, parent);
}

/* Some restarts find that the end of the log was damaged. */
static void restart(struct world *w, int i)
{
	struct party *p = &w->pair.party[i];
	struct wire_hello *h = &p->self.hello;

	if (w->failed[i])
		return;
	if (!below(w, 8)) {
		w->lost[i] = max(w->lost[i], h->durable_index);
		h->doubt = true;
		set_end(p, h->durable_index - min_t(u64, h->durable_index,
						    below(w, 20)));
	}
	w->late[i] = false;
	started(w, p);
}

static void roll_back(struct world *w, int i)
{
	if (!w->images[i])
		return;
	w->pair.party[i] = w->image[i][below(w, min_t(u32, w->images[i],
						      IMAGES))];
	w->failed[i] = false;
	w->late[i] = false;
	w->lost[i] = w->pair.party[i].self.hello.doubt ? 100000 : 0;
	started(w, &w->pair.party[i]);
}

static void copy_of_storage(struct world *w, int i)
{
	if (!w->failed[i])
		w->image[i][w->images[i]++ % IMAGES] = w->pair.party[i];
}

/* Both of two copies start. */
static void twins(struct world *w, int i)
{
	if (w->failed[i])
		return;
	w->twin[i] = w->pair.party[i];
	w->twin_failed[i] = false;
	w->twins[i] = true;
	started(w, &w->twin[i]);
	started(w, &w->pair.party[i]);
	w->late[i] = false;
}

/* The other twin is the one that is connected. */
static void trade_places(struct world *w, int i)
{
	bool failed = w->failed[i];

	if (!w->twins[i])
		return;
	w->was = w->pair.party[i];
	w->pair.party[i] = w->twin[i];
	w->failed[i] = w->twin_failed[i];
	w->twin[i] = w->was;
	w->twin_failed[i] = failed;
	w->late[i] = false;
	/* Its copy of what is remembered moved with it. */
	w->pair.party[i].self.past = w->pair.party[i].past;
}

/* Entries are written; those who know each other acknowledge theirs. */
static void work(struct world *w)
{
	struct party *p = w->pair.party;
	int i;

	if (w->failed[0] || w->failed[1] || !pair_agrees(&w->pair))
		return;
	for (i = 0; i < 2; i++) {
		struct wire_hello *h = &p[i].self.hello;

		set_end(&p[i], max(h->durable_index, w->lost[i]) + below(w, 9));
		/* It has caught up. */
		h->doubt = false;
		w->lost[i] = 0;
		p[!i].peer.had_term = h->durable_term;
		p[!i].peer.had_index = h->durable_index;
		w->had[!i][h->node.lo] = max(w->had[!i][h->node.lo],
					     h->durable_index);
		if (below(w, 2))
			party_store(&p[!i]);
	}
}

/* ----------------------------------------------------------------- network */

static void send(struct world *w, int from)
{
	struct letter *l = &w->flight[below(w, FLIGHT)];
	const struct wire_peer *p = &w->pair.party[from].peer;

	l->there = true;
	l->to = !from;
	l->known = p->state == WIRE_PEER_KNOWN ? p->boot.nonce : 0;
	pair_make(&w->pair, from, &l->hello);
	w->recorded[w->n_recorded++ % RECORDED] = *l;
	w->late[from] = false;
}

/* .was is whoever adopted it, before that. */
static void check_adopted(struct kunit *test, struct world *w, int to,
			  const struct wire_hello *h)
{
	struct party *p = &w->pair.party[to];
	struct ghost *g = &w->ghost[h->boot.nonce - 0x2000];
	struct wire_past m;

	w->adopted++;
	g->met |= 1 << to;
	KUNIT_EXPECT_EQ(test, p->peer.boot.nonce, h->boot.nonce);
	if (!remembers(&w->was, h->node, &m))
		return;
	w->again += m.boot.nonce != h->boot.nonce;
	KUNIT_EXPECT_FALSE(test, speaks_against(w, &m, h));
	KUNIT_EXPECT_TRUE(test, h->doubt || p->peer.had_index == m.index);
}

static void deliver(struct kunit *test, struct world *w, int to,
		    const struct letter *l)
{
	struct party *p = &w->pair.party[to];
	enum wire_drop drop;
	unsigned int got;

	if (w->failed[to])
		return;
	w->was = *p;
	got = pair_take(&w->pair, to, &l->hello, &drop);
	if (got & WIRE_HELLO_ACCUSED) {
		w->accused++;
		w->failed[to] = true;
		KUNIT_EXPECT_TRUE(test, deserved(w, !to, p));
		KUNIT_EXPECT_NE(test, l->known, p->self.hello.boot.nonce);
		return;
	}
	if (got & WIRE_HELLO_ADOPTED) {
		check_adopted(test, w, to, &l->hello);
		/* Once in a while it is not durable before the end. */
		if (!w->healing && !below(w, 16)) {
			restart(w, to);
			return;
		}
		party_store(p);
	} else {
		bool same = peer_same_boot(&w->was.peer, &p->peer);

		KUNIT_EXPECT_TRUE(test, same ||
				  w->was.peer.challenge != p->peer.challenge);
	}
	if (!(got & WIRE_HELLO_ANSWER))
		return;
	if (below(w, 8))
		send(w, to);
	else
		w->late[to] = true;
}

/* Whoever is not sure of the other says so now and then; others refresh. */
static void timers(struct world *w)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct wire_peer *p = &w->pair.party[i].peer;
		bool sure = p->state == WIRE_PEER_KNOWN && !p->doubt;
		u64 period = sure ? 400 : 50;

		if (w->failed[i])
			continue;
		if (w->pair.now - p->hello_at >= period * MS ||
		    (w->late[i] && !below(w, 4)))
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
	u32 n = min_t(u32, w->n_recorded, RECORDED);
	struct letter copy;

	if (!n)
		return;
	copy = w->recorded[below(w, n)];
	deliver(test, w, copy.to, &copy);
}

/* What befalls an end, rarely. */
static void fate(struct world *w, int i)
{
	u32 what = below(w, 16);

	if (w->boots + 3 >= BOOTS)
		return;
	if (what < 6)
		restart(w, i);
	else if (what < 9)
		copy_of_storage(w, i);
	else if (what < 11)
		roll_back(w, i);
	else if (what < 12)
		twins(w, i);
	else if (what < 14)
		trade_places(w, i);
	else if (what < 15 && w->failed[i])
		born(w, i);
	else if (what == 15)
		wire_peer_reset(&w->pair.party[i].peer);
}

static void step(struct kunit *test, struct world *w)
{
	u32 what = below(w, 256);

	w->pair.now += below(w, 4000) * 1000ULL;
	timers(w);
	if (what < 3)
		fate(w, below(w, 2));
	else if (what < 40)
		replay(test, w);
	else if (what < 60)
		work(w);
	else
		deliver_some(test, w, true);
}

static bool against(const struct world *w, int i)
{
	const struct wire_hello *h = &w->pair.party[!i].self.hello;
	struct wire_past m;

	return remembers(&w->pair.party[i], h->node, &m) &&
	       speaks_against(w, &m, h);
}

/* Nothing is lost any more. True: it ended as it must. */
static bool heal(struct kunit *test, struct world *w)
{
	bool had[2] = { w->failed[0], w->failed[1] };
	bool quarrel;
	unsigned int i;

	/* Those who were told before have gone. */
	for (i = 0; i < 2; i++)
		if (had[i])
			born(w, i);
	w->healing = true;
	quarrel = against(w, 0) || against(w, 1);
	for (i = 0; i < 2000; i++) {
		w->pair.now += MS;
		timers(w);
		deliver_some(test, w, false);
		deliver_some(test, w, false);
	}
	/* What was under way may have made one: then that was deserved, too. */
	if (quarrel || w->failed[0] || w->failed[1])
		return w->failed[0] || w->failed[1];
	return pair_agrees(&w->pair) && pair_send(&w->pair, 0) &&
	       pair_send(&w->pair, 1);
}

/*
 * Pitfall 14: "Restored VM image/backup rolls a node back. Node must be refused
 * (persist a boot epoch known to peers)." And nobody else is.
 */
static void pitfall_14_only_what_went_back_is_refused(struct kunit *test)
{
	struct world *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	u32 seed, i, adopted = 0, accused = 0, again = 0;
	bool right;

	KUNIT_ASSERT_NOT_NULL(test, w);
	kunit_info(test, "seeds 1 to %d", SEEDS);
	for (seed = 1; seed <= SEEDS; seed++) {
		memset(w, 0, sizeof(*w));
		w->random = seed * 0x9e3779b97f4a7c15ULL;
		w->pair.now = 10000 * MS;
		born(w, 0);
		born(w, 1);
		for (i = 0; i < STEPS; i++)
			step(test, w);
		right = heal(test, w);
		KUNIT_EXPECT_TRUE_MSG(test, right, "seed %u", seed);
		adopted += w->adopted;
		accused += w->accused;
		again += w->again;
	}
	kunit_info(test, "%u adopted, %u of them known before, %u accused",
		   adopted, again, accused);
	/* or nothing was tried */
	KUNIT_EXPECT_GT(test, again, SEEDS * 3);
	KUNIT_EXPECT_GT(test, accused, SEEDS);
}

static struct kunit_case storage_cases[] = {
	KUNIT_CASE(pitfall_14_only_what_went_back_is_refused),
	{}
};

static struct kunit_suite storage_suite = {
	.name = "wire-storage",
	.test_cases = storage_cases,
};

kunit_test_suite(storage_suite);

MODULE_LICENSE("GPL");
