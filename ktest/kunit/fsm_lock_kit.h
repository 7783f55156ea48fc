/* SPDX-License-Identifier: GPL-2.0 */
/* What the suites of locks share: one session whose requests come in order. */
#ifndef KTEST_FSM_LOCK_KIT_H
#define KTEST_FSM_LOCK_KIT_H

#include "fsm_kit.h"

enum { SHARED = FSM_ACQUIRE_SHARED, TRY = FSM_ACQUIRE_TRY };

/**
 * struct one - a state with one session, whose requests come in order
 * @test: whose
 * @pool: memory
 * @f: the state
 * @s: the session
 * @seq: of its last request
 * @out: outcome of the last entry
 * @e: its events
 */
struct one {
	struct kunit *test;
	struct kit_pool *pool;
	struct fsm *f;
	u64 s;
	u64 seq;
	struct fsm_outcome out;
	const struct fsm_event *e;
};

static inline struct one *begin(struct kunit *test, u32 objects_max)
{
	struct one *o = kunit_kzalloc(test, sizeof(*o), GFP_KERNEL);

	KUNIT_ASSERT_TRUE(test, o);
	o->test = test;
	o->pool = kit_pool(test);
	o->f = kit_fsm(o->pool, objects_max);
	o->s = kit_session(o->pool, o->f);
	return o;
}

/* The index of the entry. */
static inline u64 done(struct one *o, struct fsm_command c)
{
	kit_feed(o->pool, o->f);
	KUNIT_ASSERT_EQ(o->test, kit_apply(o->f, &c, &o->out), 0);
	o->e = fsm_events(o->f);
	return kit_applied(o->f);
}

/* The ticket, which is the index. */
static inline u64 lock(struct one *o, u64 handle, const char *name, u64 flags)
{
	return done(o, kit_lock(o->s, ++o->seq, handle, name, flags));
}

/* As the last one was answered: held (its token), waits, or refused. */
static inline void answered(struct one *o, s32 status, u64 value)
{
	KUNIT_EXPECT_EQ(o->test, o->out.kind, FSM_OUT_RESULT);
	KUNIT_EXPECT_EQ(o->test, o->out.seq, o->seq);
	KUNIT_EXPECT_EQ(o->test, o->out.status, status);
	KUNIT_EXPECT_EQ(o->test, o->out.value, value);
}

static inline u64 token_of(struct one *o, u64 ticket)
{
	struct fsm_ticket t;

	return fsm_ticket(o->f, ticket, &t) ? 0 : t.token;
}

static inline void release(struct one *o, u64 handle, u64 ticket)
{
	done(o, kit_release(o->s, ++o->seq, handle, ticket,
			    token_of(o, ticket)));
	answered(o, 0, 0);
}

/* Event @i of the last entry: @ticket was granted. */
static inline void granted(struct one *o, u32 i, u64 ticket, u8 flags)
{
	KUNIT_ASSERT_LT(o->test, i, o->out.n_events);
	KUNIT_EXPECT_EQ(o->test, o->e[i].type, FSM_EVENT_GRANTED);
	KUNIT_EXPECT_EQ(o->test, o->e[i].ticket, ticket);
	KUNIT_EXPECT_EQ(o->test, o->e[i].flags, flags);
	KUNIT_EXPECT_EQ(o->test, o->e[i].session, o->s);
	KUNIT_EXPECT_TRUE(o->test, o->e[i].token);
	KUNIT_EXPECT_EQ(o->test, o->e[i].token, token_of(o, ticket));
}

static inline u32 objects(struct one *o)
{
	struct fsm_stats st;

	fsm_stats(o->f, &st);
	return st.objects;
}

/* As whoever loads a snapshot goes on. */
static inline void reload(struct one *o)
{
	u64 len, hash = kit_hash(o->f);
	u8 *buf = kit_snapshot(o->pool, o->f, &len);

	kit_drop(o->pool, o->f);
	o->f = kit_load(o->pool, buf, len, 7);
	KUNIT_ASSERT_TRUE(o->test, o->f);
	KUNIT_EXPECT_TRUE(o->test, kit_hash(o->f) == hash);
}

/* @c, if that grant holds. */
static inline struct fsm_command under(struct fsm_command c, const char *name, u64 token)
{
	c.fence.name = name;
	c.fence.name_len = strlen(name);
	c.fence.token = token;
	return c;
}

static inline void close_handle(struct one *o, u64 handle)
{
	o->seq++;
	done(o, kit_close(o->s, o->seq, o->seq, handle, o->seq - 1));
	answered(o, 0, 0);
}

/* Lock number @i, in @name of 8 bytes. */
static inline const char *numbered(u32 i, char *name)
{
	u32 k;

	for (k = 0; k < 7; k++)
		name[k] = 'a' + (i >> 3 * k & 7);
	name[7] = 0;
	return name;
}

#endif
