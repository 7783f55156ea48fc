/* SPDX-License-Identifier: GPL-2.0 */
/* What the suites of the state machine share: memory, chance, short commands. */
#ifndef KTEST_FSM_KIT_H
#define KTEST_FSM_KIT_H

#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/string.h>
#include <linux/slab.h>
#include "../../kmod/fsm/fsm.h"

enum {
	KIT_CHUNKS = 160,
	KIT_SEED = 0x5eed,
	KIT_TTL = 10000,	/* ms, of each session */
};

/* Has anything of @test failed so far? Long loops end then. */
static inline bool kit_failed(const struct kunit *test)
{
#ifdef __KERNEL__
	return READ_ONCE(test->status) == KUNIT_FAILURE;
#else
	return test->failed;
#endif
}

/* Chunks by the dozen; those that a state gives back serve the next. */
struct kit_pool {
	struct kunit *test;
	void *chunk[KIT_CHUNKS];
	unsigned int n;
};

static inline void *kit_chunk(struct kit_pool *p)
{
	void *c;

	if (p->n) {
		c = p->chunk[--p->n];
		memset(c, 0, FSM_CHUNK_BYTES);
		return c;
	}
	c = kunit_kzalloc(p->test, FSM_CHUNK_BYTES, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(p->test, c);
	return c;
}

static inline struct kit_pool *kit_pool(struct kunit *test)
{
	struct kit_pool *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);

	KUNIT_ASSERT_TRUE(test, p);
	p->test = test;
	return p;
}

static inline void kit_feed(struct kit_pool *p, struct fsm *f)
{
	while (fsm_wants(f))
		fsm_give(f, kit_chunk(p));
}

/* A state without memory. */
static inline struct fsm *kit_bare(struct kit_pool *p)
{
	struct fsm *f = kunit_kzalloc(p->test, fsm_size(), GFP_KERNEL);

	KUNIT_ASSERT_TRUE(p->test, f);
	fsm_init(f);
	return f;
}

static inline void kit_drop(struct kit_pool *p, struct fsm *f)
{
	void *c;

	while ((c = fsm_take_back(f))) {
		KUNIT_ASSERT_LT(p->test, p->n, KIT_CHUNKS);
		p->chunk[p->n++] = c;
	}
}

static inline u64 kit_applied(const struct fsm *f)
{
	struct fsm_stats st;

	fsm_stats(f, &st);
	return st.applied;
}

static inline u64 kit_hash(const struct fsm *f)
{
	struct fsm_stats st;

	fsm_stats(f, &st);
	return st.hash;
}

/* Do both outcomes tell the same? */
static inline bool kit_agrees(const struct fsm_outcome *a,
			      const struct fsm_outcome *b)
{
	return a->kind == b->kind && a->status == b->status &&
	       a->index == b->index && a->value == b->value &&
	       a->session == b->session && a->seq == b->seq &&
	       a->count == b->count &&
	       a->replaced == b->replaced && a->ordinal == b->ordinal &&
	       a->ended == b->ended && a->n_events == b->n_events &&
	       a->boot_nonce == b->boot_nonce && raft_id_eq(a->node, b->node);
}

/* The next entry; 0 or what fsm_apply() says. */
static inline int kit_apply(struct fsm *f, const struct fsm_command *c,
			    struct fsm_outcome *out)
{
	u8 buf[FSM_COMMAND_MAX];
	u16 len = fsm_encode(c, buf);

	return fsm_apply(f, kit_applied(f) + 1, buf, len, out);
}

static inline struct fsm *kit_fsm(struct kit_pool *p, u32 objects_max)
{
	const struct fsm_command init = {
		.op = FSM_INIT, .arg = KIT_SEED, .arg2 = objects_max,
	};
	struct fsm *f = kit_bare(p);
	struct fsm_outcome out;

	kit_feed(p, f);
	KUNIT_ASSERT_EQ(p->test, kit_apply(f, &init, &out), 0);
	return f;
}

static inline struct fsm_command kit_open(const char *name, u64 node, u64 boot,
					  u64 ordinal)
{
	return (struct fsm_command){
		.op = FSM_SESSION_OPEN, .name = name, .name_len = strlen(name),
		.node = (struct raft_id){ node, ~node }, .boot_counter = boot,
		.boot_nonce = boot * 1000, .arg = KIT_TTL, .arg2 = ordinal,
	};
}

static inline struct fsm_command kit_add(u64 session, u64 seq, u64 low,
					 const char *name, u64 n)
{
	return (struct fsm_command){
		.op = FSM_COUNTER_ADD, .session = session, .seq = seq,
		.low = low, .handle = 1, .arg = n, .name = name,
		.name_len = strlen(name),
	};
}

/* @count additions of @n, for seqs from @seq on. */
static inline struct fsm_command kit_run(u64 session, u64 seq, u64 low,
					 const char *name, u64 n, u32 count)
{
	struct fsm_command c = kit_add(session, seq, low, name, n);

	c.op = FSM_COUNTER_RUN;
	c.arg2 = count;
	return c;
}

static inline struct fsm_command kit_cancel(u64 session, u64 seq, u64 low)
{
	return (struct fsm_command){
		.op = FSM_CANCEL, .session = session, .seq = seq, .low = low,
	};
}

static inline struct fsm_command kit_close(u64 session, u64 seq, u64 low,
					   u64 handle, u64 last)
{
	return (struct fsm_command){
		.op = FSM_HANDLE_CLOSE, .session = session, .seq = seq,
		.low = low, .handle = handle, .arg = last,
	};
}

/* Handle @handle wants lock @name; @flags: enum fsm_acquire_flag. */
static inline struct fsm_command kit_lock(u64 session, u64 seq, u64 handle,
					  const char *name, u64 flags)
{
	return (struct fsm_command){
		.op = FSM_LOCK_ACQUIRE, .session = session, .seq = seq,
		.low = seq, .handle = handle, .arg = flags, .name = name,
		.name_len = strlen(name), .stamp = 1000 + seq,
		.program = (struct fsm_program){
			.pid = 100 + handle, .uid = 7, .comm = "kit",
		},
	};
}

static inline struct fsm_command kit_release(u64 session, u64 seq, u64 handle,
					     u64 ticket, u64 token)
{
	return (struct fsm_command){
		.op = FSM_LOCK_RELEASE, .session = session, .seq = seq,
		.low = seq, .handle = handle, .arg = ticket, .arg2 = token,
		.stamp = 1000 + seq,
	};
}

static inline struct fsm_command kit_leave(u64 session, u64 seq, u64 handle,
					   u64 ticket)
{
	return (struct fsm_command){
		.op = FSM_LOCK_LEAVE, .session = session, .seq = seq,
		.low = seq, .handle = handle, .arg = ticket,
		.stamp = 1000 + seq,
	};
}

static inline struct fsm_command kit_revoke(u64 session, u64 seq,
					    const char *name, u64 token)
{
	return (struct fsm_command){
		.op = FSM_LOCK_REVOKE, .session = session, .seq = seq,
		.low = seq, .handle = 99, .arg = token, .name = name,
		.name_len = strlen(name), .stamp = 1000 + seq,
	};
}

static inline struct fsm_command kit_end(u64 session, u64 seq, u64 whom)
{
	return (struct fsm_command){
		.op = FSM_SESSION_END, .session = session, .seq = seq,
		.low = seq, .handle = 99, .arg = whom, .stamp = 1000 + seq,
	};
}

static inline struct fsm_command kit_expire(u64 whom)
{
	return (struct fsm_command){
		.op = FSM_EXPIRE, .arg = whom, .stamp = 5000,
	};
}

static inline struct fsm_command kit_reap(void)
{
	return (struct fsm_command){ .op = FSM_REAP, .stamp = 6000 };
}

/*
 * The next entry is a success, with whatever memory it needs. No call of these is
 * inline, as a stack has no room for many commands.
 */
static noinline __maybe_unused void
kit_done(struct kit_pool *p, struct fsm *f, struct fsm_command c)
{
	struct fsm_outcome out;

	kit_feed(p, f);
	KUNIT_ASSERT_EQ(p->test, kit_apply(f, &c, &out), 0);
	if (out.kind != FSM_OUT_ENDED)
		KUNIT_ASSERT_EQ(p->test, out.status, 0);
}

/* The first session of @node under that name. */
static noinline __maybe_unused void
kit_opened(struct kit_pool *p, struct fsm *f, const char *name, u64 node)
{
	kit_done(p, f, kit_open(name, node, 1, 1));
}

static noinline __maybe_unused void
kit_added(struct kit_pool *p, struct fsm *f, u64 session, u64 seq,
	  const char *name, u64 n)
{
	kit_done(p, f, kit_add(session, seq, seq, name, n));
}

static noinline __maybe_unused void
kit_locked(struct kit_pool *p, struct fsm *f, u64 session, u64 seq, u64 handle,
	   const char *name, u64 flags)
{
	kit_done(p, f, kit_lock(session, seq, handle, name, flags));
}

/* All that @handle has asked for before is forbidden. */
static noinline __maybe_unused void
kit_closed(struct kit_pool *p, struct fsm *f, u64 session, u64 seq, u64 handle)
{
	kit_done(p, f, kit_close(session, seq, seq, handle, seq - 1));
}

/* A session for node 1 named "a"; its id. */
static inline u64 kit_session(struct kit_pool *p, struct fsm *f)
{
	struct fsm_command c = kit_open("a", 1, 1, 1);
	struct fsm_outcome out;

	KUNIT_ASSERT_EQ(p->test, kit_apply(f, &c, &out), 0);
	KUNIT_ASSERT_EQ(p->test, out.kind, FSM_OUT_OPENED);
	KUNIT_ASSERT_TRUE(p->test, out.session);
	return out.session;
}

/* Finishes the walk that is open. */
static inline u64 kit_walk(struct fsm *f, unsigned int budget)
{
	while (!fsm_snapshot_step(f, budget))
		;
	return fsm_snapshot_end(f);
}

/* A snapshot of @f as it is; the test's, so gone at its end. */
static inline u8 *kit_snapshot(struct kit_pool *p, struct fsm *f, u64 *len)
{
	u8 *buf;

	*len = fsm_snapshot_bytes(f);
	buf = kunit_kzalloc(p->test, *len, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(p->test, buf);
	KUNIT_ASSERT_EQ(p->test, fsm_snapshot_begin(f, buf, *len), 0);
	KUNIT_EXPECT_EQ(p->test, kit_walk(f, 100), *len);
	return buf;
}

/* A state from a snapshot; NULL, with everything given back, if refused. */
static inline struct fsm *kit_load(struct kit_pool *p, const u8 *buf, u64 len,
				   unsigned int budget)
{
	struct fsm *f = kit_bare(p);
	int err = fsm_load_begin(f, buf, len);

	if (!err)
		err = 1;
	while (err == 1 || err == -ENOMEM) {
		if (err == -ENOMEM)
			kit_feed(p, f);
		err = fsm_load_step(f, budget);
	}
	if (!err)
		return f;
	kit_drop(p, f);
	return NULL;
}

/* xorshift64* (Vigna, 2016) */
static inline u64 kit_random(u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

/* A number below @n, which is small. */
static inline u32 kit_below(u64 *state, u32 n)
{
	return (u32)(kit_random(state) >> 40) % n;
}

#endif
