/* SPDX-License-Identifier: GPL-2.0 */
/* What the suites of the record codec check alike. */
#ifndef KTEST_RECORD_CASE_H
#define KTEST_RECORD_CASE_H

#include <kunit/test.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "record_kit.h"

/* Has anything of @test failed so far? Long loops end then. */
static inline bool kit_failed(const struct kunit *test)
{
#ifdef __KERNEL__
	return READ_ONCE(test->status) == KUNIT_FAILURE;
#else
	return test->failed;
#endif
}

static inline void *kit_memory(struct kunit *test, size_t n)
{
	void *p = kunit_kzalloc(test, n, GFP_KERNEL);

	KUNIT_ASSERT_TRUE(test, p);
	return p;
}

/* An empty storage. */
static inline struct kit *kit_new(struct kunit *test)
{
	struct kit *k = kit_memory(test, sizeof(*k));

	k->image = kit_memory(test, KIT_RING);
	k->sectors = kit_memory(test, KIT_GROUP);
	k->records = kit_memory(test, RECORD_GROUP_BYTES);
	k->buf = kit_memory(test, KIT_WINDOW);
	kit_init(k);
	KUNIT_ASSERT_TRUE(test, !k->bad_call);
	return k;
}

/* What was found is all that is durable, and nothing else. */
static inline void kit_complete(struct kunit *test, struct kit *k)
{
	KUNIT_ASSERT_TRUE(test, !k->bad_call);
	KUNIT_ASSERT_TRUE(test, kit_same(&k->found, &k->durable));
	KUNIT_ASSERT_EQ(test, k->replay.last, k->durable.last);
	KUNIT_ASSERT_TRUE(test, kit_same_hard(k->replay.hard, k->hard));
	KUNIT_ASSERT_EQ(test, k->replay.ring.head, k->ring.head);
	KUNIT_ASSERT_EQ(test, k->replay.ring.tail, k->ring.tail);
	KUNIT_ASSERT_EQ(test, k->replay.ring.last_group, k->ring.last_group);
	KUNIT_ASSERT_EQ(test, k->replay.ring.last, k->durable.last);
}

/* A start finds that, and knows that it is all. */
static inline void kit_clean(struct kunit *test, struct kit *k)
{
	KUNIT_ASSERT_EQ(test, kit_replay(k), RECORD_CLEAN);
	KUNIT_ASSERT_EQ(test, k->replay.verdict, RECORD_CLEAN);
	kit_complete(test, k);
}

/* A start finds exactly what is durable, and nothing that was cut. */
static inline void finds_all(struct kunit *test, struct kit *k)
{
	kit_clean(test, k);
	KUNIT_ASSERT_EQ(test, k->replay.ring.group, k->ring.group);
	KUNIT_ASSERT_EQ(test, k->replay.ring.cover, 0);
}

#endif
