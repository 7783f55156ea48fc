// SPDX-License-Identifier: GPL-2.0
/*
 * The protocol of consensus_sequence.h, simulated: real receivers, a cluster of two
 * numbers, messages that are lost, late and out of order, senders that go on without a
 * grant, several who void at once and die, receivers that lose what they had not
 * delivered. Whatever happens, no number is delivered by one and void for another; and
 * when all is calm again, all have delivered the same.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "consensus_sequence.h"
#include "tap.h"

enum {
	RECEIVERS = 3,
	SENDERS = 3,
	VOIDERS = 3,
	NUMBERS = 120,
	NET = 60,
	ROOM = 16,
	STEPS = 3000,
	RUNS = 300,
};

enum fate { UNKNOWN, DELIVERED, VOID };

/* A message on its way to one receiver. */
struct flight {
	bool there;
	int to;
	struct consensus_stamp stamp;
};

/**
 * struct voider - one who voids
 * @on: it does
 * @round: 1, 2
 * @by: the receiver that began it; -1: somebody else
 * @told: which receivers are done with this round
 * @stamp: its
 * @found: numbers that some receiver has
 * @missed: by receiver
 */
struct voider {
	bool on;
	int round, by;
	bool told[RECEIVERS];
	struct consensus_stamp stamp;
	bool found[NUMBERS];
	bool missed[RECEIVERS][NUMBERS];
};

/**
 * struct member - a receiver
 * @r: the real one
 * @out: it came back, and takes and answers nothing before it has sealed for a stamp
 *	that was taken after that
 * @back: the cluster's last token then
 * @last: the position that was looked at last
 * @got: what it has delivered: survives
 */
struct member {
	struct consensus_receiver *r;
	bool out;
	uint64_t back;
	uint64_t last;
	bool got[NUMBERS];
};

static struct {
	uint64_t number, token;		/* the cluster: the last ones */
	uint64_t grant[SENDERS];
	struct flight net[NET];
	struct voider voiders[VOIDERS];
	struct member members[RECEIVERS];
	uint8_t fate[NUMBERS];
	bool broken, careless;
	int zombies, stale, crashes, narrow;
} s;

static char messages[NUMBERS];
static uint64_t seed;

static uint64_t draw(uint64_t below)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (seed * 2685821657736338717ULL >> 11) % below;
}

/* ---- fates ---- */

static void decide(uint64_t number, enum fate fate)
{
	if (s.fate[number] != UNKNOWN && s.fate[number] != fate)
		s.broken = true;
	s.fate[number] = (uint8_t)fate;
}

/* What it has passed over since it was looked at last. */
static void look(struct member *m)
{
	uint64_t now = consensus_receiver_position(m->r);

	for (; m->last < now; m->last++) {
		if (!m->got[m->last])
			decide(m->last, VOID);
	}
}

static void take(struct member *m)
{
	struct consensus_stamp stamp;
	char *message;

	for (;;) {
		look(m);
		message = consensus_receiver_next(m->r, &stamp);
		if (!message)
			return;
		s.broken |= message != &messages[stamp.number] || m->got[stamp.number];
		m->got[stamp.number] = true;
		decide(stamp.number, DELIVERED);
	}
}

/* ---- senders ---- */

static void fly(int to, uint64_t number, uint64_t token)
{
	struct flight *f = &s.net[draw(NET)];

	/* What was there is lost. */
	*f = (struct flight){ true, to, { number, token } };
}

static void send(void)
{
	uint64_t *grant = &s.grant[draw(SENDERS)];
	uint64_t lucky = draw(8);
	int i;

	if (s.number + 2 >= NUMBERS)
		return;
	if (!*grant)
		*grant = ++s.token;
	s.number++;
	/* Bit by bit: to whom it came before its sender was stopped. */
	for (i = 0; i < RECEIVERS; i++)
		if (lucky & 1U << i || draw(2))
			fly(i, s.number, *grant);
}

static void arrive(void)
{
	struct flight *f = &s.net[draw(NET)];
	struct member *m = &s.members[f->to];
	int ret;

	if (!f->there || m->out)
		return;
	ret = consensus_receiver_put(m->r, &f->stamp, &messages[f->stamp.number]);
	s.stale += ret == -ESTALE;
	/* Sometimes it is there twice. */
	if (ret != -ENOSPC && draw(4))
		f->there = false;
	if (draw(2))
		take(m);
}

/* ---- voiding ---- */

static void begin_void(int by)
{
	struct voider *v = &s.voiders[draw(VOIDERS)];
	int i;

	/* Whoever was at it in this place has died. */
	memset(v, 0, sizeof(*v));
	v->on = true;
	v->round = 1;
	v->by = by;
	/* All grants have ended when this one is given. Their messages have not. */
	for (i = 0; i < SENDERS; i++) {
		s.zombies += !!s.grant[i];
		s.grant[i] = 0;
	}
	v->stamp.number = s.number;
	v->stamp.token = ++s.token;
}

static bool has(const struct member *m, uint64_t number)
{
	return m->got[number] || consensus_receiver_get(m->r, number, NULL);
}

/* True: it answered. */
static bool ask(struct voider *v, int who)
{
	struct member *m = &s.members[who];
	uint64_t n;

	/* What it had promised, and had, before it came back, it does not know. */
	if (v->stamp.token <= m->back && !s.careless) {
		v->on = false;
		return false;
	}
	/* To seal only when the others have answered is what the careless do. */
	if (!s.careless && consensus_receiver_seal(m->r, &v->stamp)) {
		v->on = false;
		return false;
	}
	m->out = false;
	for (n = 1; n <= v->stamp.number; n++) {
		v->found[n] |= has(m, n);
		v->missed[who][n] = !has(m, n);
	}
	return true;
}

/* All that it misses and somebody has, as far as there is room. False: stop. */
static bool supply(struct voider *v, struct member *m, int who)
{
	struct consensus_stamp stamp = { .token = v->stamp.token };

	for (stamp.number = 1; stamp.number <= v->stamp.number; stamp.number++)
		if (v->found[stamp.number] && v->missed[who][stamp.number] &&
		    consensus_receiver_put(m->r, &stamp, &messages[stamp.number]) == -ESTALE)
			return false;
	return true;
}

/* True: it is through. */
static bool finish(struct voider *v, int who)
{
	struct member *m = &s.members[who];
	int ret = s.careless ? consensus_receiver_seal(m->r, &v->stamp) : m->out ? -ESTALE : 0;

	if (!ret)
		ret = supply(v, m, who) ? consensus_receiver_void(m->r, &v->stamp) : -ESTALE;
	v->on = ret != -ESTALE;
	s.narrow += ret == -ENOSPC;
	take(m);
	return !ret;
}

static void go_on(struct voider *v)
{
	int who = (int)draw(RECEIVERS), i;

	if (!v->on)
		return;
	if (!v->told[who])
		v->told[who] = v->round == 1 ? ask(v, who) : finish(v, who);
	for (i = 0; v->on && i < RECEIVERS; i++)
		if (!v->told[i])
			return;
	memset(v->told, 0, sizeof(v->told));
	if (++v->round > 2)
		v->on = false;
}

/* ---- crashes ---- */

static void crash(int who)
{
	struct member *m = &s.members[who];
	uint64_t at = consensus_receiver_position(m->r);

	consensus_receiver_free(m->r);
	if (consensus_receiver_new(&m->r, at, ROOM))
		s.broken = true;
	m->out = true;
	m->back = s.token;
	s.crashes++;
}

/* Whoever came back begins to void, until that has come through. */
static void come_back(int who)
{
	int i;

	for (i = 0; i < VOIDERS; i++)
		if (s.voiders[i].on && s.voiders[i].by == who)
			return;
	begin_void(who);
}

static void step(void)
{
	uint64_t what = draw(1000);
	int who = (int)draw(RECEIVERS);

	if (what < 150)
		send();
	else if (what < 600)
		arrive();
	else if (what < 900)
		go_on(&s.voiders[draw(VOIDERS)]);
	else if (what < 960)
		take(&s.members[who]);
	else if (what < 972)
		begin_void(-1);
	else if (what < 980)
		s.voiders[draw(VOIDERS)].on = false;
	else if (what < 983)
		crash(who);
	else if (s.members[who].out)
		come_back(who);
}

/* Nothing is lost any more, and one voids to the end: all are at the same place. */
static bool calm(void)
{
	struct voider *v = NULL;
	int i, n;

	for (i = 0; i < VOIDERS; i++)
		s.voiders[i].on = false;
	begin_void(-1);
	for (i = 0; i < VOIDERS; i++)
		v = s.voiders[i].on ? &s.voiders[i] : v;
	for (i = 0; i < 10000 && v->on; i++)
		go_on(v);
	for (i = 0; i < RECEIVERS; i++) {
		take(&s.members[i]);
		if (consensus_receiver_position(s.members[i].r) != s.number + 1)
			return false;
		for (n = 1; n <= (int)s.number; n++)
			if (s.members[i].got[n] ? s.fate[n] != DELIVERED : s.fate[n] != VOID)
				return false;
	}
	return true;
}

static bool run(uint64_t which, bool careless)
{
	bool good;
	int i;

	memset(&s, 0, sizeof(s));
	seed = which * 7919 + 1;
	s.careless = careless;
	for (i = 0; i < RECEIVERS; i++) {
		if (consensus_receiver_new(&s.members[i].r, 1, ROOM))
			return false;
		s.members[i].last = 1;
	}
	for (i = 0; i < STEPS && !s.broken; i++)
		step();
	good = !s.broken && calm() && !s.broken;
	for (i = 0; i < RECEIVERS; i++)
		consensus_receiver_free(s.members[i].r);
	return good;
}

void test_order(void)
{
	unsigned long voided = 0, delivered = 0, stale = 0, crashes = 0, narrow = 0;
	uint64_t i, n;

	for (i = 0; i < RUNS && run(i, false); i++) {
		for (n = 1; n <= s.number; n++) {
			delivered += s.fate[n] == DELIVERED;
			voided += s.fate[n] == VOID;
		}
		stale += (unsigned long)s.stale;
		crashes += (unsigned long)s.crashes;
		narrow += (unsigned long)s.narrow;
	}
	if (!ok(i == RUNS, "%d histories: one order", RUNS))
		printf("# seed %lu%s\n", (unsigned long)i, s.broken ? ": two fates" : "");
	printf("# %lu numbers delivered, %lu void, %lu messages refused\n", delivered, voided,
	       stale);
	printf("# %lu crashes, %lu times no room\n", crashes, narrow);
	ok(delivered > RUNS * 10 && voided > RUNS * 2 && stale > RUNS && crashes > RUNS &&
	   narrow > RUNS / 4,
	   "enough of everything");
	for (i = 0; i < RUNS && run(i, true); i++)
		;
	ok(i < RUNS, "without seals that would not hold (history %lu)", (unsigned long)i);
}
