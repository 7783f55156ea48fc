/* SPDX-License-Identifier: GPL-2.0 */
/* Whole conversations of a pair, for the suites that look at single hellos. */
#ifndef KTEST_WIRE_TALK_H
#define KTEST_WIRE_TALK_H

#include <kunit/test.h>
#include <linux/slab.h>
#include "wire_pair.h"

static inline struct pair *pair_new(struct kunit *test)
{
	struct pair *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, w);
	w->now = 1000 * MS;
	party_start(&w->party[0], ++w->seed);
	party_start(&w->party[1], ++w->seed);
	return w;
}

/* Let @w talk, beginning with @h to @to, until all is said. Hellos said. */
static inline unsigned int talk(struct pair *w, int to, struct wire_hello *h)
{
	enum wire_drop drop;
	unsigned int n;

	for (n = 1; n < 100; n++, to = !to) {
		if (!(pair_take(w, to, h, &drop) & WIRE_HELLO_ANSWER))
			break;
		pair_make(w, to, h);
	}
	return n;
}

static inline unsigned int greet(struct pair *w, int from)
{
	struct wire_hello h;

	pair_make(w, from, &h);
	return talk(w, !from, &h);
}

#endif
