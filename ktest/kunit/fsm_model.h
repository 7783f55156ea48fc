/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sessions and counters once more: plain arrays that never forget. Written from fsm.h
 * and command.h alone; fsm_model_test.c compares.
 */
#ifndef KTEST_FSM_MODEL_H
#define KTEST_FSM_MODEL_H

#include <linux/minmax.h>
#include "fsm_kit.h"

enum {
	NODES = 5,		/* names of nodes */
	SEQS = 3600,		/* a session of the model ends there */
	NAMES = 48,		/* counters ever named */
	LIMIT = 40,		/* of objects: some never come to be */
	CLOSES = 256,
	FORMERS = 8,		/* as many as a session remembers */
};

struct m_result {
	u64 value;
	u64 index;
	s32 status;
	bool known;
};

struct m_close {
	u64 handle;
	u64 last;
};

/* A node's name and the session that it has; id 0: never any. */
struct m_session {
	struct fsm_command owner;
	u64 id;
	u64 low;
	u64 next_seq;
	u32 n_closes;
	u32 n_former;
	struct fsm_command former[FORMERS];
	struct m_close close[CLOSES];
	struct m_result result[SEQS];
};

struct m_counter {
	u64 value;
	u64 index;
	bool exists;
};

/**
 * struct model - all of it
 * @session: of each name
 * @counter: by number of the name
 * @objects: counters that there are
 * @ids: sessions that ever were, for those who come late
 * @n_ids: how many
 * @runs: how many came
 * @left_out: of these, requests that were resolved before
 */
struct model {
	struct m_session session[NODES];
	struct m_counter counter[NAMES];
	u32 objects;
	u64 ids[64];
	u32 n_ids;
	u32 runs;
	u32 left_out;
};

static inline u8 counter_name(u32 i, char *name)
{
	u8 len = 1 + (i * 7) % 20;

	memset(name, 'k', len);
	name[0] = 'A' + i;
	return len;
}

/* @c's node lost the name before: has it asked for more since? */
static inline int m_former(const struct m_session *s, const struct fsm_command *c)
{
	u32 i;

	for (i = 0; i < s->n_former; i++) {
		const struct fsm_command *o = &s->former[i];

		if (!raft_id_eq(o->node, c->node))
			continue;
		if (o->boot_counter != c->boot_counter)
			return c->boot_counter > o->boot_counter ? 1 : -1;
		return c->arg2 > o->arg2 ? 1 : -1;
	}
	return 1;
}

/* Is @c the newest word of that node? -1 older, 0 the same, 1 newer. */
static inline int m_order(const struct m_session *s, const struct fsm_command *c)
{
	const struct fsm_command *o = &s->owner;

	if (!s->id)
		return 1;
	if (!raft_id_eq(o->node, c->node))
		return m_former(s, c);
	if (o->boot_counter != c->boot_counter)
		return c->boot_counter > o->boot_counter ? 1 : -1;
	if (o->boot_nonce != c->boot_nonce)
		return -1;
	return c->arg2 > o->arg2 ? 1 : c->arg2 < o->arg2 ? -1 : 0;
}

static inline void m_open(struct model *m, const struct fsm_command *c, u64 index,
			  struct fsm_outcome *out)
{
	struct m_session *s = &m->session[c->name[0] - 'a'];
	int order = m_order(s, c);

	if (order < 0)
		return;
	out->kind = FSM_OUT_OPENED;
	out->index = index;
	if (order > 0) {
		out->replaced = s->id;
		if (s->id && !raft_id_eq(s->owner.node, c->node)) {
			struct fsm_command old[FORMERS];
			u32 i, n = s->n_former;

			memcpy(old, s->former, sizeof(old));
			s->former[0] = s->owner;
			s->n_former = 1;
			for (i = 0; i < n && s->n_former < FORMERS; i++)
				if (!raft_id_eq(old[i].node, c->node))
					s->former[s->n_former++] = old[i];
		}
		s->owner = *c;
		s->id = index;
		s->low = 1;
		s->next_seq = 1;
		s->n_closes = 0;
		memset(s->result, 0, sizeof(s->result));
		m->ids[m->n_ids++ % ARRAY_SIZE(m->ids)] = index;
	}
	out->session = s->id;
}

static inline void m_add(struct model *m, const struct fsm_command *c, u64 index,
			 struct m_result *res)
{
	struct m_counter *k = &m->counter[c->name[0] - 'A'];

	if (k->value > U64_MAX - c->arg) {
		res->status = -EOVERFLOW;
		return;
	}
	if (!k->exists && m->objects == LIMIT) {
		res->status = -ENOSPC;
		return;
	}
	m->objects += !k->exists;
	k->exists = true;
	k->value += c->arg;
	k->index = index;
	res->value = k->value;
}

/* Closed handles are never forgotten here: the records live long enough. */
static inline bool m_closed(const struct m_session *s, const struct fsm_command *c)
{
	u32 i;

	for (i = 0; i < s->n_closes; i++)
		if (s->close[i].handle == c->handle && c->seq <= s->close[i].last)
			return true;
	return false;
}

static inline struct m_session *m_find(struct model *m, u64 id)
{
	u32 i;

	for (i = 0; i < NODES; i++)
		if (m->session[i].id == id)
			return &m->session[i];
	return NULL;
}

/* The first entry that names @c's seq says what becomes of it. */
static inline void m_resolve(struct model *m, struct m_session *s,
			     const struct fsm_command *c, u64 index)
{
	struct m_result *res = &s->result[c->seq];

	if (c->seq < s->low || res->known)
		return;
	res->known = true;
	res->index = index;
	if (c->op == FSM_HANDLE_CLOSE)
		s->close[s->n_closes++] = (struct m_close){ c->handle, c->arg };
	else if (c->op == FSM_CANCEL || m_closed(s, c))
		res->status = -ECANCELED;
	else
		m_add(m, c, index, res);
}

/* One after the other, as if each had come alone. */
static inline void m_run(struct model *m, struct m_session *s,
			 const struct fsm_command *c, u64 index)
{
	struct fsm_command one = *c;

	for (; one.seq < c->seq + c->arg2; one.seq++) {
		m->left_out += s->result[one.seq].known;
		m_resolve(m, s, &one, index);
	}
	m->runs++;
}

static inline void m_request(struct model *m, const struct fsm_command *c, u64 index,
			     struct fsm_outcome *out)
{
	struct m_session *s = m_find(m, c->session);

	out->session = c->session;
	out->seq = c->seq;
	out->count = c->op == FSM_COUNTER_RUN ? c->arg2 : 1;
	out->index = index;
	out->kind = FSM_OUT_RESULT;
	out->status = s ? 0 : -EKEYEXPIRED;
	if (!s)
		return;
	s->low = max(s->low, c->low);
	if (c->op == FSM_COUNTER_RUN) {
		m_run(m, s, c, index);
		return;
	}
	m_resolve(m, s, c, index);
	if (c->seq < s->low) {
		*out = (struct fsm_outcome){ .kind = FSM_OUT_NONE };
		return;
	}
	out->index = s->result[c->seq].index;
	out->status = s->result[c->seq].status;
	out->value = s->result[c->seq].value;
}

/* Would @c do anything? Asked before it is applied. */
static inline bool m_news(struct model *m, const struct fsm_command *c)
{
	const struct m_session *s = m_find(m, c->session);
	u64 seq = c->seq, end = seq + (c->op == FSM_COUNTER_RUN ? c->arg2 : 1);

	for (; s && seq < end; seq++)
		if (seq >= s->low && !s->result[seq].known)
			return true;
	return false;
}

#endif
