// SPDX-License-Identifier: GPL-2.0
/*
 * A receiver against a plain model: the same calls at random, and after each the same
 * answers, about everything.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "consensus_sequence.h"
#include "tap.h"

enum {
	NUMBERS = 160,		/* more than any test reaches */
	RUNS = 400,
	STEPS = 600,
};

/**
 * struct model - all numbers, in plain sight
 * @room: how far a message may be ahead
 * @next: the next to be delivered
 * @token: with which each arrived; 0: it has not
 * @dead: void
 * @seal_number, @seal_token: the seal
 */
static struct {
	uint64_t room, next;
	uint64_t token[NUMBERS];
	bool dead[NUMBERS];
	uint64_t seal_number, seal_token;
} m;

/* What stands for message n. */
static char messages[NUMBERS];
static struct consensus_receiver *r;
static uint64_t seed;

static uint64_t draw(uint64_t below)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (seed * 2685821657736338717ULL >> 11) % below;
}

/* ---- what the model says ---- */

static int model_put(uint64_t number, uint64_t token)
{
	if (number < m.next || m.token[number])
		return -EEXIST;
	if (m.dead[number] || (number <= m.seal_number && token < m.seal_token))
		return -ESTALE;
	if (number >= m.next + m.room)
		return -ENOSPC;
	m.token[number] = token;
	return 0;
}

static void model_pass(void)
{
	while (m.dead[m.next])
		m.next++;
}

static int model_seal(uint64_t number, uint64_t token)
{
	if (token < m.seal_token)
		return -ESTALE;
	m.seal_token = token;
	if (number > m.seal_number)
		m.seal_number = number;
	return 0;
}

static int model_void(uint64_t number, uint64_t token)
{
	uint64_t end = m.next + m.room, n;

	if (token != m.seal_token)
		return -ESTALE;
	for (n = m.next; n <= number && n < end; n++)
		m.dead[n] |= !m.token[n];
	model_pass();
	return number < end ? 0 : -ENOSPC;
}

static bool model_missing(uint64_t *first, uint64_t *last)
{
	uint64_t high = NUMBERS - 1, n;

	while (high >= m.next && !m.token[high])
		high--;
	for (n = m.next; n < high && (m.token[n] || m.dead[n]); n++)
		;
	if (n >= high)
		return false;
	*first = n;
	while (!m.token[n + 1])
		n++;
	*last = n;
	return true;
}

/* ---- steps ---- */

static bool step_put(void)
{
	struct consensus_stamp stamp = {
		.number = m.next + draw(m.room + m.room / 2 + 2),
		.token = 1 + draw(m.seal_token + 3),
	};

	/* Also what was delivered already. */
	if (!draw(8))
		stamp.number = 1 + draw(m.next);
	if (stamp.number >= NUMBERS - 1)
		return true;
	return consensus_receiver_put(r, &stamp, &messages[stamp.number]) ==
	       model_put(stamp.number, stamp.token);
}

static bool step_next(void)
{
	struct consensus_stamp stamp = { 0 };
	char *got = consensus_receiver_next(r, &stamp);

	if (!m.token[m.next])
		return !got;
	if (got != &messages[m.next] || stamp.number != m.next || stamp.token != m.token[m.next])
		return false;
	m.next++;
	model_pass();
	return true;
}

static bool step_seal(bool voids)
{
	struct consensus_stamp stamp = {
		.number = draw(m.next + m.room + 2),
		.token = 1 + draw(m.seal_token + 3),
	};

	if (stamp.number >= NUMBERS - 1)
		return true;
	if (voids && draw(4))
		stamp.token = m.seal_token ? m.seal_token : 1;
	if (voids)
		return consensus_receiver_void(r, &stamp) == model_void(stamp.number, stamp.token);
	return consensus_receiver_seal(r, &stamp) == model_seal(stamp.number, stamp.token);
}

static bool same_all(void)
{
	uint64_t n, first[2] = { 0 }, last[2] = { 0 };
	struct consensus_stamp stamp;
	bool missing;

	if (consensus_receiver_position(r) != m.next)
		return false;
	missing = consensus_receiver_missing(r, &first[0], &last[0]);
	if (missing != model_missing(&first[1], &last[1]) || first[0] != first[1] ||
	    last[0] != last[1])
		return false;
	for (n = 0; n < NUMBERS; n++) {
		bool there = n >= m.next && m.token[n];

		if (consensus_receiver_get(r, n, &stamp) != (there ? &messages[n] : NULL))
			return false;
		if (there && (stamp.number != n || stamp.token != m.token[n]))
			return false;
	}
	return true;
}

static bool run(uint64_t which)
{
	int i;

	seed = which * 7919 + 1;
	memset(&m, 0, sizeof(m));
	m.room = 1ULL << draw(6);
	m.next = 1 + draw(5);
	if (consensus_receiver_new(&r, m.next, (unsigned int)m.room))
		return false;
	for (i = 0; i < STEPS; i++) {
		uint64_t what = draw(20);
		bool good = what < 10 ? step_put() : what < 17 ? step_next() :
			    step_seal(what < 19);

		if (!good || !same_all()) {
			printf("# seed %lu, step %d: what %lu\n", (unsigned long)which, i,
			       (unsigned long)what);
			return false;
		}
	}
	consensus_receiver_free(r);
	return true;
}

static void arguments(void)
{
	struct consensus_stamp stamp = { .number = 1, .token = 1 };

	ok(consensus_receiver_new(&r, 0, 4) == -EINVAL &&
	   consensus_receiver_new(&r, 1, 0) == -EINVAL &&
	   consensus_receiver_new(&r, 1, 3) == -EINVAL &&
	   consensus_receiver_new(&r, 1, 1U << 21) == -EINVAL, "a receiver: EINVAL");
	if (!ok(!consensus_receiver_new(&r, ~0ULL - 1, 1U << 20), "the largest"))
		return;
	ok(consensus_receiver_put(r, &stamp, NULL) == -EINVAL, "no message");
	stamp.token = 0;
	ok(consensus_receiver_put(r, &stamp, messages) == -EINVAL &&
	   consensus_receiver_seal(r, &stamp) == -EINVAL &&
	   consensus_receiver_void(r, &stamp) == -EINVAL, "no token");
	stamp.token = 1;
	stamp.number = 0;
	ok(consensus_receiver_put(r, &stamp, messages) == -EINVAL, "no number");
	stamp.number = ~0ULL;
	ok(!consensus_receiver_put(r, &stamp, messages) && !consensus_receiver_next(r, NULL),
	   "the last number of all");
	stamp.number = ~0ULL - 1;
	ok(!consensus_receiver_put(r, &stamp, messages) &&
	   consensus_receiver_next(r, NULL) == messages &&
	   consensus_receiver_next(r, &stamp) == messages && stamp.number == ~0ULL, "and it comes");
	consensus_receiver_free(r);
	consensus_receiver_free(NULL);
}

void test_receiver(void)
{
	uint64_t i;

	arguments();
	for (i = 0; i < RUNS && run(i); i++)
		;
	ok(i == RUNS, "%d runs of %d steps: as a plain model", RUNS, STEPS);
}
