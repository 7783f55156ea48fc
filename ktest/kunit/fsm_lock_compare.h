/* SPDX-License-Identifier: GPL-2.0 */
/* Does a state tell the same as the model of fsm_lock_model.h? */
#ifndef KTEST_FSM_LOCK_COMPARE_H
#define KTEST_FSM_LOCK_COMPARE_H

#include "fsm_lock_model.h"

static inline void compare_stats(struct kunit *test, const struct fsm *f, struct model *m)
{
	u32 i, held = 0, waiting = 0, locks = 0;
	struct fsm_stats st;

	for (i = 0; i < LOCKS; i++) {
		held += m_count(m, i, true);
		waiting += m_count(m, i, false);
		locks += m_exists(m, i);
	}
	fsm_stats(f, &st);
	KUNIT_EXPECT_EQ(test, st.objects, m_objects(m));
	KUNIT_EXPECT_EQ(test, st.held, held);
	KUNIT_EXPECT_EQ(test, st.waiting, waiting);
	KUNIT_EXPECT_EQ(test, st.locks, locks);
	KUNIT_EXPECT_EQ(test, st.next_token, m->next_token);
	KUNIT_EXPECT_EQ(test, fsm_dying(f), m_next(m) || m_reaped(m));
}

/* @c as @v shows it, and as those ask who have its ticket or its token. */
static inline void compare_claim(struct kunit *test, const struct fsm *f, struct model *m,
				 const struct fsm_claim_view *v)
{
	const struct m_claim *c = m_ticket(m, v->ticket);
	struct m_session *s;
	struct fsm_ticket t;
	char name[4];
	int err = fsm_ticket(f, v->ticket, &t);

	KUNIT_ASSERT_TRUE(test, c);
	lock_name(c->lock, name);
	s = m_session(m, c->session);
	KUNIT_EXPECT_EQ(test, v->name_len, 3);
	KUNIT_EXPECT_EQ(test, memcmp(v->name, name, 3), 0);
	KUNIT_EXPECT_EQ(test, v->shared, c->shared);
	KUNIT_EXPECT_EQ(test, v->dead, m_dead(m, c));
	KUNIT_EXPECT_EQ(test, v->token, c->token);
	KUNIT_EXPECT_EQ(test, v->index, c->index);
	KUNIT_EXPECT_EQ(test, v->since, c->since);
	KUNIT_EXPECT_EQ(test, v->session, c->session);
	KUNIT_EXPECT_EQ(test, v->handle, c->handle);
	KUNIT_EXPECT_EQ(test, v->program.pid,
			m_handle(m, c->session, c->handle)->pid);
	KUNIT_EXPECT_EQ(test, !v->node, !s);
	KUNIT_EXPECT_EQ(test, err, m_dead(m, c) ? -ENOENT : 0);
	if (c->granted)
		KUNIT_EXPECT_EQ(test, fsm_fence(f, name, 3, c->token),
				m_dead(m, c) ? -ESTALE : 0);
	if (err)
		return;
	KUNIT_EXPECT_EQ(test, t.token, c->token);
	KUNIT_EXPECT_EQ(test, t.index, c->index);
	KUNIT_EXPECT_EQ(test, t.flags,
			(c->died ? FSM_GRANT_DIED : 0) |
			(c->granted && m_first(m, c->lock) ?
			 FSM_GRANT_WANTED : 0));
}

static inline void compare_holders(struct kunit *test, const struct fsm *f, struct model *m,
				   u32 lock)
{
	u64 ticket = 0, last = 0;
	struct fsm_ticket t;
	char name[4];
	u32 n = 0, i;

	lock_name(lock, name);
	while (fsm_holder_next(f, name, 3, &ticket, &t)) {
		const struct m_claim *c = m_ticket(m, ticket);

		KUNIT_ASSERT_TRUE(test, c);
		KUNIT_EXPECT_TRUE(test, ticket > last && c->lock == lock &&
				  c->granted && t.token == c->token);
		last = ticket;
		n++;
	}
	for (i = 0; i < CLAIMS; i++)
		n -= m->claim[i].there && m->claim[i].lock == lock &&
		     m->claim[i].granted && !m_dead(m, &m->claim[i]);
	KUNIT_EXPECT_EQ(test, n, 0);
}

static inline void compare_sessions(struct kunit *test, const struct fsm *f,
				    struct model *m)
{
	struct fsm_session_view v;
	u32 cursor = 0, n = 0, i;

	while (fsm_session_next(f, &cursor, &v)) {
		struct m_session *s = m_session(m, v.id);

		KUNIT_ASSERT_TRUE(test, s);
		KUNIT_EXPECT_TRUE(test, fsm_session_view(f, v.id, &v));
		KUNIT_EXPECT_EQ(test, v.ttl_ms, s->ttl);
		for (i = 0; i < CLAIMS; i++)
			v.handles -= m->handle[i].there &&
				     m->handle[i].session == v.id &&
				     !m->handle[i].death;
		KUNIT_EXPECT_EQ(test, v.handles, 0);
		n++;
	}
	for (i = 0; i < NODES; i++)
		n -= m->session[i].id > 0;
	KUNIT_EXPECT_EQ(test, n, 0);
}

/* What requests of @s have come to, from @seq on. */
static inline void compare_results(struct kunit *test, const struct fsm *f,
				   const struct m_session *s, u64 seq, u64 end)
{
	for (; seq < end; seq++) {
		const struct m_result *res = &s->result[seq];
		struct fsm_outcome out;
		int err = fsm_result(f, s->id, seq, &out);

		KUNIT_EXPECT_EQ(test, err, seq < s->low ? -ESTALE :
				res->known ? 0 : -EINPROGRESS);
		if (!err)
			KUNIT_EXPECT_TRUE(test, out.status == res->status &&
					  out.value == res->value &&
					  out.index == res->index);
	}
}

/* All that is known of it, and a little to each side. */
static inline void compare_window(struct kunit *test, const struct fsm *f,
				  const struct m_session *s)
{
	compare_results(test, f, s, s->low > 8 ? s->low - 8 : 1,
			min_t(u64, SEQS, s->next_seq + 8));
}

static inline void compare_counter(struct kunit *test, const struct fsm *f,
				   const struct model *m)
{
	u64 value = 0, index;

	KUNIT_EXPECT_EQ(test, fsm_counter(f, "c", 1, &value, &index),
			m->counter ? 0 : -ENOENT);
	KUNIT_EXPECT_EQ(test, value, m->counter);
}

static inline void compare(struct kunit *test, const struct fsm *f, struct model *m)
{
	struct fsm_claim_view v;
	u32 cursor = 0, n = 0, i;

	compare_stats(test, f, m);
	compare_counter(test, f, m);
	compare_sessions(test, f, m);
	for (i = 0; i < NODES; i++)
		if (m->session[i].id)
			compare_window(test, f, &m->session[i]);
	for (i = 0; i < LOCKS; i++)
		compare_holders(test, f, m, i);
	while (cursor != U32_MAX) {
		if (!fsm_claim_next(f, &cursor, 64, &v))
			continue;
		compare_claim(test, f, m, &v);
		n++;
	}
	for (i = 0; i < CLAIMS; i++)
		n -= m->claim[i].there;
	KUNIT_EXPECT_EQ(test, n, 0);
}

#endif
