/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Locks once more, without lists, order or memory of what was done: one array of
 * claims, looked through from end to end for each question. Slow, and written from
 * fsm.h alone; fsm_lock_model_test.c compares.
 */
#ifndef KTEST_FSM_LOCK_MODEL_H
#define KTEST_FSM_LOCK_MODEL_H

#include <linux/minmax.h>
#include "fsm_kit.h"

enum {
	NODES = 4,
	LOCKS = 90,
	CLAIMS = 420,		/* more than LIMIT */
	LIMIT = 400,		/* of objects */
	SEQS = 4000,		/* a session of the model ends there */
	OPEN = 5,		/* handles open at a time, of a session */
	CLOSES = 1200,
	ENDED = 400,		/* sessions whose end is remembered */
};

struct m_claim {
	bool there, shared, granted, died;
	u32 lock;
	u32 since;
	u64 ticket, token, index;
	u64 session, handle;
};

/* With claims; @death: of the handle, or 0. */
struct m_handle {
	bool there;
	u64 session, number, born, death;
	u32 pid;
};

struct m_result {
	bool known;
	s32 status;
	u64 value, index;
};

struct m_session {
	u64 id, low, next_seq, next_handle;
	u32 ttl;
	struct fsm_command owner;
	u64 open[OPEN];
	u32 n_closes;
	struct { u64 handle, last; } close[CLOSES];
	struct m_result result[SEQS];
};

struct model {
	struct m_claim claim[CLAIMS];
	struct m_handle handle[CLAIMS];
	bool flagged[LOCKS];	/* the last holder died */
	struct m_session session[NODES];
	struct { u64 id, death; } ended[ENDED];
	u32 n_ended;
	u64 counter;
	u64 next_token;
	struct fsm_event event[FSM_EVENTS_MAX];
	u32 n_events;
};

static inline u8 lock_name(u32 i, char *name)
{
	name[0] = 'L';
	name[1] = '0' + i / 10;
	name[2] = '0' + i % 10;
	return 3;
}

/* ------------------------------------------------------- the model's answers */

static inline struct m_session *m_session(struct model *m, u64 id)
{
	u32 i;

	for (i = 0; i < NODES; i++)
		if (id && m->session[i].id == id)
			return &m->session[i];
	return NULL;
}

static inline struct m_handle *m_handle(struct model *m, u64 session, u64 number)
{
	u32 i;

	for (i = 0; i < CLAIMS; i++)
		if (m->handle[i].there && m->handle[i].session == session &&
		    m->handle[i].number == number)
			return &m->handle[i];
	return NULL;
}

static inline struct m_claim *m_ticket(struct model *m, u64 ticket)
{
	u32 i;

	for (i = 0; i < CLAIMS; i++)
		if (m->claim[i].there && m->claim[i].ticket == ticket)
			return &m->claim[i];
	return NULL;
}

static inline bool m_dead(struct model *m, const struct m_claim *c)
{
	return !m_session(m, c->session) ||
	       m_handle(m, c->session, c->handle)->death;
}

static inline u32 m_count(const struct model *m, u32 lock, bool granted)
{
	u32 i, n = 0;

	for (i = 0; i < CLAIMS; i++)
		n += m->claim[i].there && m->claim[i].lock == lock &&
		     m->claim[i].granted == granted;
	return n;
}

static inline bool m_exists(const struct model *m, u32 lock)
{
	return m->flagged[lock] || m_count(m, lock, true) ||
	       m_count(m, lock, false);
}

static inline u32 m_objects(const struct model *m)
{
	u32 i, n = m->counter > 0;

	for (i = 0; i < CLAIMS; i++)
		n += m->claim[i].there + m->handle[i].there;
	for (i = 0; i < LOCKS; i++)
		n += m_exists(m, i);
	return n;
}

/* May such a claim hold the lock now, if nobody was before it? */
static inline bool m_fits(const struct model *m, u32 lock, bool shared)
{
	u32 i;

	for (i = 0; i < CLAIMS; i++) {
		const struct m_claim *c = &m->claim[i];

		if (c->there && c->lock == lock && c->granted &&
		    !(shared && c->shared))
			return false;
	}
	return true;
}

/* Who waits for @lock with the lowest ticket. */
static inline struct m_claim *m_first(struct model *m, u32 lock)
{
	struct m_claim *first = NULL;
	u32 i;

	for (i = 0; i < CLAIMS; i++) {
		struct m_claim *c = &m->claim[i];

		if (c->there && c->lock == lock && !c->granted &&
		    (!first || c->ticket < first->ticket))
			first = c;
	}
	return first;
}

/* Of all locks, who could hold at once, with the lowest ticket. */
static inline struct m_claim *m_next(struct model *m)
{
	struct m_claim *best = NULL;
	u32 i;

	for (i = 0; i < LOCKS; i++) {
		struct m_claim *c = m_first(m, i);

		if (c && m_fits(m, i, c->shared) &&
		    (!best || c->ticket < best->ticket))
			best = c;
	}
	return best;
}

/* When it died: of its own, or with its session. */
static inline u64 m_death(struct model *m, const struct m_handle *h)
{
	u32 i;

	if (h->death)
		return h->death;
	for (i = 0; i < ENDED; i++)
		if (m->ended[i].id == h->session)
			return m->ended[i].death;
	return 0;
}

/* The next one that a REAP ends. */
static inline struct m_claim *m_reaped(struct model *m)
{
	const struct m_handle *bh = NULL, *h;
	struct m_claim *best = NULL;
	u32 i;

	for (i = 0; i < CLAIMS; i++) {
		struct m_claim *c = &m->claim[i];

		if (!c->there || !m_dead(m, c))
			continue;
		h = m_handle(m, c->session, c->handle);
		if (best && (m_death(m, h) > m_death(m, bh) ||
			     (m_death(m, h) == m_death(m, bh) &&
			      (h->born > bh->born ||
			       (h == bh && c->ticket > best->ticket)))))
			continue;
		best = c;
		bh = h;
	}
	return best;
}

static inline bool m_fence(struct model *m, const struct fsm_fence *fence)
{
	char name[4];
	u32 i;

	for (i = 0; i < CLAIMS; i++) {
		const struct m_claim *c = &m->claim[i];

		lock_name(c->lock, name);
		if (c->there && c->granted && c->token == fence->token &&
		    fence->name_len == 3 && !memcmp(name, fence->name, 3))
			return !m_dead(m, c);
	}
	return false;
}

/* ------------------------------------------------------- the model's changes */

static inline struct fsm_event *m_tell(struct model *m, u8 type,
				       const struct m_claim *c)
{
	struct fsm_event *e = &m->event[m->n_events++];

	*e = (struct fsm_event){ .type = type };
	if (!c)
		return e;
	e->session = c->session;
	e->handle = c->handle;
	e->ticket = c->ticket;
	e->token = c->token;
	e->flags = c->died ? FSM_GRANT_DIED : 0;
	return e;
}

static inline void m_grant(struct model *m, struct m_claim *c, u64 index, u32 since)
{
	u32 i;

	c->died = m->flagged[c->lock];
	for (i = 0; i < CLAIMS; i++)
		if (m->claim[i].there && m->claim[i].granted &&
		    m->claim[i].lock == c->lock && m->claim[i].died)
			c->died = true;
	m->flagged[c->lock] = false;
	c->granted = true;
	c->token = max(m->next_token, index);
	m->next_token = c->token + 1;
	c->index = index;
	c->since = since;
}

static inline void m_end(struct model *m, struct m_claim *c, bool died)
{
	u32 i, others = 0;

	c->there = false;
	if (c->granted && !m_count(m, c->lock, true))
		m->flagged[c->lock] = died;
	for (i = 0; i < CLAIMS; i++)
		others += m->claim[i].there &&
			  m->claim[i].session == c->session &&
			  m->claim[i].handle == c->handle;
	if (!others)
		m_handle(m, c->session, c->handle)->there = false;
}

static inline void m_pump(struct model *m, u64 index, u32 stamp, u32 ended, bool reap)
{
	u32 granted = 0, i;

	for (;;) {
		struct m_claim *c = m_next(m);

		if (c && !m_dead(m, c)) {
			if (granted == FSM_GRANTS_MAX)
				break;
			granted++;
			m_grant(m, c, index, stamp);
			m_tell(m, FSM_EVENT_GRANTED, c);
			continue;
		}
		if (!c && reap)
			c = m_reaped(m);
		if (!c || ended == FSM_RELEASES_MAX)
			break;
		ended++;
		m_end(m, c, true);
	}
	for (i = 0; i < m->n_events; i++) {
		struct fsm_event *e = &m->event[i];

		if (e->type == FSM_EVENT_GRANTED &&
		    m_first(m, m_ticket(m, e->ticket)->lock))
			e->flags |= FSM_GRANT_WANTED;
	}
}

/* The first place that is free. */
static inline struct m_claim *m_room(struct model *m)
{
	u32 i = 0;

	while (m->claim[i].there)
		i++;
	return &m->claim[i];
}

static inline void m_acquire(struct model *m, const struct fsm_command *c, u64 index,
			     struct m_result *res)
{
	u32 lock = (c->name[1] - '0') * 10 + c->name[2] - '0', i = 0;
	struct m_handle *h = m_handle(m, c->session, c->handle);
	bool shared = c->arg & FSM_ACQUIRE_SHARED;
	bool wait = m_first(m, lock) || !m_fits(m, lock, shared);
	struct m_claim *claim;

	if (wait && c->arg & FSM_ACQUIRE_TRY) {
		res->status = -EAGAIN;
		return;
	}
	if (m_objects(m) + 1 + !h + !m_exists(m, lock) > LIMIT) {
		res->status = -ENOSPC;
		return;
	}
	if (!h) {
		while (m->handle[i].there)
			i++;
		m->handle[i] = (struct m_handle){
			.there = true, .session = c->session,
			.number = c->handle, .born = index,
			.pid = c->program.pid,
		};
	}
	if (wait && !m_first(m, lock)) {
		struct fsm_event *e = m_tell(m, FSM_EVENT_WANTED, NULL);

		e->name_len = c->name_len;
		e->handle = lock;
	}
	claim = m_room(m);
	*claim = (struct m_claim){
		.there = true, .shared = shared, .lock = lock,
		.since = c->stamp, .ticket = index,
		.session = c->session, .handle = c->handle,
	};
	if (wait)
		return;
	m_grant(m, claim, index, c->stamp);
	res->value = claim->token;
}

/* RELEASE and LEAVE. */
static inline void m_let_go(struct model *m, const struct fsm_command *c, u64 index,
			    struct m_result *res)
{
	struct m_claim *claim = m_ticket(m, c->arg);
	bool mine = claim && claim->session == c->session &&
		    claim->handle == c->handle && !m_dead(m, claim);

	if (c->op == FSM_LOCK_LEAVE && !claim)
		return;
	if (!mine || (c->op == FSM_LOCK_RELEASE &&
		      (!claim->granted || claim->token != c->arg2))) {
		res->status = -EPERM;
		return;
	}
	if (c->op == FSM_LOCK_LEAVE)
		res->value = claim->granted ? claim->token : 0;
	m_end(m, claim, false);
	m_pump(m, index, c->stamp, 1, false);
}

static inline void m_revoke(struct model *m, const struct fsm_command *c, u64 index,
			    struct m_result *res)
{
	u32 lock = (c->name[1] - '0') * 10 + c->name[2] - '0', n = 0, i;

	while (n < FSM_RELEASES_MAX) {
		struct m_claim *first = NULL;
		bool dead;

		for (i = 0; i < CLAIMS; i++) {
			struct m_claim *o = &m->claim[i];

			if (o->there && o->lock == lock && o->granted &&
			    (!c->arg || o->token == c->arg) &&
			    (!first || o->ticket < first->ticket))
				first = o;
		}
		if (!first)
			break;
		dead = m_dead(m, first);
		if (!dead)
			m_tell(m, FSM_EVENT_REVOKED, first);
		m_end(m, first, dead);
		n++;
	}
	res->value = n;
	res->status = n ? 0 : -ENOENT;
	if (n)
		m_pump(m, index, c->stamp, n, false);
}

static inline void m_close(struct model *m, struct m_session *s,
			   const struct fsm_command *c, u64 index)
{
	struct m_handle *h = m_handle(m, c->session, c->handle);

	s->close[s->n_closes].handle = c->handle;
	s->close[s->n_closes++].last = c->arg;
	if (!h || h->death)
		return;
	h->death = index;
	m_pump(m, index, c->stamp, 0, true);
}

static inline bool m_closed(const struct m_session *s, const struct fsm_command *c)
{
	u32 i;

	for (i = 0; i < s->n_closes; i++)
		if (s->close[i].handle == c->handle && c->seq <= s->close[i].last)
			return true;
	return false;
}

static inline void m_session_ends(struct model *m, struct m_session *s, u64 index,
				  u32 stamp)
{
	u32 at = m->n_ended++ % ENDED;

	m->ended[at].id = s->id;
	m->ended[at].death = index;
	s->id = 0;
	m_pump(m, index, stamp, 0, true);
}

static inline void m_resolve(struct model *m, struct m_session *s,
			     const struct fsm_command *c, u64 index,
			     struct m_result *res)
{
	if (c->op == FSM_HANDLE_CLOSE)
		m_close(m, s, c, index);
	else if (c->op == FSM_CANCEL || m_closed(s, c))
		res->status = -ECANCELED;
	else if (c->fence.token && !m_fence(m, &c->fence))
		res->status = -ESTALE;
	else if (c->op == FSM_LOCK_ACQUIRE)
		m_acquire(m, c, index, res);
	else if (c->op == FSM_LOCK_RELEASE || c->op == FSM_LOCK_LEAVE)
		m_let_go(m, c, index, res);
	else if (c->op == FSM_LOCK_REVOKE)
		m_revoke(m, c, index, res);
	else if (c->op == FSM_SESSION_END)
		res->status = m_session(m, c->arg) ? 0 : -ENOENT;
	else if (!m->counter && m_objects(m) == LIMIT)
		res->status = -ENOSPC;
	else
		res->value = m->counter += c->arg;
}

/* The first entry that names @c's seq resolves it: is it this one? */
static inline bool m_once(struct model *m, struct m_session *s,
			  const struct fsm_command *c, u64 index)
{
	struct m_result *res = &s->result[c->seq];

	if (c->seq < s->low || res->known)
		return false;
	res->known = true;
	res->index = index;
	m_resolve(m, s, c, index, res);
	return true;
}

static inline void m_request(struct model *m, const struct fsm_command *c, u64 index,
			     struct fsm_outcome *out)
{
	struct m_session *s = m_session(m, c->session);
	u64 end = c->seq + (c->op == FSM_COUNTER_RUN ? c->arg2 : 1);
	struct fsm_command one = *c;
	bool fresh = false;

	out->kind = FSM_OUT_RESULT;
	out->session = c->session;
	out->seq = c->seq;
	out->count = end - c->seq;
	out->index = index;
	out->status = s ? 0 : -EKEYEXPIRED;
	if (!s)
		return;
	s->low = max(s->low, c->low);
	for (; one.seq < end; one.seq++)
		fresh = m_once(m, s, &one, index);
	if (c->op == FSM_COUNTER_RUN)
		return;
	if (c->seq < s->low) {
		*out = (struct fsm_outcome){ .kind = FSM_OUT_NONE };
		return;
	}
	out->index = s->result[c->seq].index;
	out->status = s->result[c->seq].status;
	out->value = s->result[c->seq].value;
	if (fresh && c->op == FSM_SESSION_END && !out->status) {
		out->ended = c->arg;
		m_session_ends(m, m_session(m, c->arg), index, c->stamp);
	}
}

/* Each open of a node is newer than those before it. */
static inline void m_open(struct model *m, const struct fsm_command *c, u64 index,
			  struct fsm_outcome *out)
{
	struct m_session *s = &m->session[c->name[0] - 'a'];
	u32 i;

	out->kind = FSM_OUT_OPENED;
	out->index = index;
	out->session = index;
	out->node = c->node;
	out->boot_nonce = c->boot_nonce;
	out->ordinal = c->arg2;
	out->replaced = s->id;
	if (s->id)
		m_session_ends(m, s, index, 0);
	memset(s, 0, sizeof(*s));
	s->id = index;
	s->low = 1;
	s->next_seq = 1;
	s->ttl = c->arg;
	s->owner = *c;
	for (i = 0; i < OPEN; i++)
		s->open[i] = ++s->next_handle;
}

static inline void m_expire(struct model *m, const struct fsm_command *c, u64 index,
			    struct fsm_outcome *out)
{
	struct m_session *s = m_session(m, c->arg);

	if (!s)
		return;
	out->kind = FSM_OUT_ENDED;
	out->status = -EKEYEXPIRED;
	out->index = index;
	out->session = s->id;
	out->node = s->owner.node;
	out->boot_nonce = s->owner.boot_nonce;
	out->ordinal = s->owner.arg2;
	m_session_ends(m, s, index, c->stamp);
}

static inline void m_apply(struct model *m, const struct fsm_command *c, u64 index,
			   struct fsm_outcome *out)
{
	m->n_events = 0;
	if (c->session)
		m_request(m, c, index, out);
	else if (c->op == FSM_SESSION_OPEN)
		m_open(m, c, index, out);
	else if (c->op == FSM_EXPIRE)
		m_expire(m, c, index, out);
	else
		m_pump(m, index, c->stamp, 0, true);
	out->n_events = m->n_events;
}

#endif
