/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small world for leases: three nodes that may lead, two holders, clocks of their
 * own, messages that come late, twice or never. Of Raft it has what leases rest on:
 * terms, elections by a majority with the better log, replication, commitment by the
 * own term, rounds that confirm leadership; old leaders that do not know that they
 * are none. What it has not is time in between: a vote or an append is taken at once,
 * only its answer travels.
 *
 * Time is real time, in ns; nobody but the checks sees it.
 */
#ifndef KTEST_LEASE_WORLD_H
#define KTEST_LEASE_WORLD_H

#include <linux/kernel.h>
#include <linux/math64.h>
#include "fsm_kit.h"
#include "../../kmod/fsm/lease.h"

#define MS 1000000ULL

enum {
	NODES = 3,
	HOLDERS = 2,
	LOG_MAX = 480,
	LOG_TAIL = 24,		/* kept free for the end */
	MAIL = 96,
	ROUNDS = 4,
	RUN = 40,		/* TTLs of bad weather, */
	HEAL = 5,		/* then of fair */
};

/* What may be done wrongly: the world must notice. */
enum wrong {
	RIGHT,
	WRONG_DRIFT,		/* clocks beyond the bound */
	WRONG_REPLY,		/* the holder counts from the answer (pitfall 62) */
	WRONG_HASTE,		/* a new leader does not wait (pitfall 61) */
	WRONG_ROUND,		/* acknowledged without a round (pitfall 59) */
	WRONG_STALE,		/* by a round that began before it arrived */
	WRONG_ZOMBIE,		/* acknowledged behind the own expiry (pitfall 63) */
	WRONG_NOOP,		/* acknowledged before the no-op is applied */
	WRONGS
};

struct clock {
	u64 now;
	u64 rest;		/* millionths of a ns */
	s32 ppm;
	bool stopped;
};

struct entry {
	u64 term;
	u64 arg;		/* OPEN: ordinal; EXPIRE: session */
	u8 op;			/* enum fsm_op; 0: no-op */
	u8 holder;
};

enum mail_type {
	MAIL_NONE,
	MAIL_ECHO,		/* a: term, b: id, c: last entry that matches */
	MAIL_OPEN,		/* a: ordinal */
	MAIL_OPENED,		/* a: ordinal, b: session */
	MAIL_ENDED,		/* a: ordinal */
	MAIL_RENEW,		/* a: ordinal, b: session, c: id */
	MAIL_RENEWED,		/* b: session, c: id */
};

/* Nodes are 0 to NODES - 1, holders NODES on. */
struct mail {
	u64 at;
	u64 a, b, c;
	u8 type;
	u8 from, to;
};

struct round {
	u64 ctx;
	u64 id;			/* confirmed by echoes above it */
	u64 index;
};

struct lead {
	struct clock clock;
	struct fsm *f;
	struct fsm_warden w;
	u64 term;
	bool leader;
	bool asks;		/* renewals wait for a round */
	u32 n;			/* entries */
	u32 commit;
	u32 applied;
	u32 noop;
	u64 last_id;
	u64 acked[NODES];
	u32 match[NODES];
	u64 ctx;
	u32 n_rounds;
	struct round round[ROUNDS];
	u64 paused;		/* does nothing until then */
	u64 cut;		/* no other node hears it, nor it them, until then */
	struct entry log[LOG_MAX + 1];
};

struct holder {
	struct clock clock;
	struct fsm_lease l;
	u64 ordinal;
	u64 since;		/* when its open was sent first; 0: not yet */
	u64 again;		/* when it is sent again */
	u8 to;			/* whom it takes for the leader */
	u64 paused;
	u64 cut;		/* no node hears it, nor it them, until then */
	bool silent;		/* for good */
};

/**
 * struct world - a run
 * @test: the case
 * @pool: memory of states
 * @wrong: what is done wrongly
 * @random: state of the generator
 * @ttl: of all sessions (ns)
 * @t: real time
 * @calm: fair weather
 * @elect: mean time between elections
 * @drift: of clocks, at most (ppm)
 * @lead: nodes
 * @holder: holders
 * @mail: on its way
 * @term: highest of an elected leader
 * @commit: highest commit index of anyone
 * @log: what is committed
 * @dead: session has an expiry that is committed
 * @broken: what was violated; NULL: nothing
 * @renewed: renewals that counted
 * @expired: sessions that expired by a committed entry
 * @lost: expiries that were appended and are not committed (by the end)
 * @appended: expiries
 * @elections: how many
 * @old: acknowledgments that a holder got of a leader that is none any more
 */
struct world {
	struct kunit *test;
	struct kit_pool *pool;
	enum wrong wrong;
	u64 random;
	u64 ttl;
	u64 t;
	bool calm;
	u64 elect;
	u32 drift;
	struct lead lead[NODES];
	struct holder holder[HOLDERS];
	struct mail mail[MAIL];
	u64 term;
	u32 commit;
	struct entry log[LOG_MAX + 1];
	bool dead[LOG_MAX + 1];
	const char *broken;
	u32 renewed;
	u32 expired;
	u32 appended;
	u32 elections;
	u32 old;
};

static inline u32 below(struct world *w, u32 n)
{
	return kit_below(&w->random, n);
}

/* One in @n. */
static inline bool one_in(struct world *w, u32 n)
{
	return !below(w, n);
}

/* A time up to @ns. */
static inline u64 upto(struct world *w, u64 ns)
{
	return div_u64(ns, 1000) * below(w, 1001);
}

static inline void broken(struct world *w, const char *what)
{
	if (!w->broken)
		w->broken = what;
}

/* ----------------------------------------------------------------- clocks */

static inline void clock_advance(struct clock *c, u64 dt)
{
	u64 part = dt * (u64)(1000000 + c->ppm) + c->rest;
	u64 whole = div_u64(part, 1000000);

	if (c->stopped)
		return;
	c->now += whole;
	c->rest = part - whole * 1000000;
}

/* New, old for ten days, or such that it ends, but for a little, with the run. */
static inline void clock_start(struct world *w, struct clock *c)
{
	static const u64 epochs[] = { 0, 864000000 * MS };
	u32 which = below(w, 3);
	u64 run = (RUN + HEAL) * w->ttl;

	c->now = which < 2 ? epochs[which] :
		 U64_MAX - run - div_u64(run * (w->drift + 1000), 1000000);
	c->ppm = 0;
}

/* Rates at the bound are the worst. */
static inline void clock_turn(struct world *w, struct clock *c)
{
	s32 most = (s32)w->drift;

	c->ppm = one_in(w, 4) ? (s32)below(w, 2 * w->drift + 1) - most :
		 one_in(w, 2) ? most : -most;
}

static inline bool clock_is_late(const struct world *w, const struct clock *c)
{
	return c->now > U64_MAX >> 1;
}

/* ------------------------------------------------------------------- mail */

static inline u64 delay(struct world *w)
{
	if (w->calm)
		return upto(w, w->ttl >> 7);
	return upto(w, one_in(w, 6) ? 2 * w->ttl : w->ttl >> 5);
}

/* A node that is cut off from the others may still be heard by holders. */
static inline bool away(const struct world *w, u8 type, u8 who)
{
	if (who < NODES)
		return type == MAIL_ECHO && w->t < w->lead[who].cut;
	return w->t < w->holder[who - NODES].cut || w->holder[who - NODES].silent;
}

static inline void send(struct world *w, u8 type, u8 from, u8 to, u64 a, u64 b,
			u64 c)
{
	u32 i;

	if (away(w, type, from) || (!w->calm && one_in(w, 6)))
		return;
	for (i = 0; i < MAIL && w->mail[i].type; i++)
		;
	if (i == MAIL)
		return;
	w->mail[i] = (struct mail){
		.at = w->t + delay(w), .type = type, .from = from, .to = to,
		.a = a, .b = b, .c = c,
	};
}

/* ------------------------------------------------------------------- Raft */

static inline void depose(struct lead *l, u64 term)
{
	l->term = term;
	l->leader = false;
	l->n_rounds = 0;
	l->asks = false;
}

/* Neither takes part in anything among nodes. */
static inline bool asleep(const struct world *w, u8 node)
{
	return away(w, MAIL_ECHO, node) || w->t < w->lead[node].paused;
}

static inline bool log_better(const struct lead *a, const struct lead *b)
{
	u64 x = a->log[a->n].term, y = b->log[b->n].term;

	return x != y ? x > y : a->n >= b->n;
}

static inline u32 append(struct lead *l, u8 op, u8 holder, u64 arg)
{
	l->log[++l->n] = (struct entry){ l->term, arg, op, holder };
	return l->n;
}

/* Node @c stands; node @v and itself are a majority. */
static inline void elect(struct world *w, u8 c, u8 v)
{
	struct lead *l = &w->lead[c], *voter = &w->lead[v];
	u64 term = max(l->term, voter->term) + 1;

	if (!log_better(l, voter) || l->n >= LOG_MAX - 2 || asleep(w, c) ||
	    asleep(w, v))
		return;
	depose(voter, term);
	depose(l, term);
	l->leader = true;
	memset(l->acked, 0, sizeof(l->acked));
	memset(l->match, 0, sizeof(l->match));
	l->noop = append(l, 0, 0, 0);
	w->term = max(w->term, term);
	w->elections++;
}

/* Everybody who is committed to agrees on it, or this world proves nothing. */
static inline void committed(struct world *w, const struct lead *l)
{
	while (w->commit < l->commit) {
		const struct entry *e = &l->log[++w->commit];

		w->log[w->commit] = *e;
		if (e->op != FSM_EXPIRE)
			continue;
		w->expired += !w->dead[e->arg];
		w->dead[e->arg] = true;
	}
	if (w->log[l->commit].term != l->log[l->commit].term)
		broken(w, "two logs differ below a commit index");
}

static inline void commit(struct world *w, struct lead *l, u8 self)
{
	u32 n = 0, i;

	for (i = 0; i < NODES; i++)
		n = i == self ? n : max(n, l->match[i]);
	if (n <= l->commit || l->log[n].term != l->term)
		return;
	l->commit = n;
	committed(w, l);
}

/* Rounds that began before a message which is echoed was sent. */
static inline void confirm(struct world *w, struct lead *l, u64 id)
{
	u32 i = 0;

	while (i < l->n_rounds) {
		struct round *r = &l->round[i];

		if (r->id >= id ||
		    (l->commit < l->noop && w->wrong != WRONG_NOOP)) {
			i++;
			continue;
		}
		fsm_warden_confirmed(&l->w, r->ctx, r->index);
		*r = l->round[--l->n_rounds];
	}
}

static inline void echo(struct world *w, u8 self, const struct mail *m)
{
	struct lead *l = &w->lead[self];

	if (m->a > l->term) {
		depose(l, m->a);
		return;
	}
	if (!l->leader || m->a != l->term)
		return;
	l->acked[m->from] = max(l->acked[m->from], m->b);
	l->match[m->from] = max_t(u32, l->match[m->from], m->c);
	commit(w, l, self);
	confirm(w, l, w->wrong == WRONG_STALE ? U64_MAX : m->b);
}

/* Leader @from says that it leads, or sends all that it has; @to answers. */
static inline void replicate(struct world *w, u8 from, u8 to)
{
	struct lead *l = &w->lead[from], *v = &w->lead[to];
	u64 id = ++l->last_id;

	if (asleep(w, from) || asleep(w, to))
		return;
	if (v->term < l->term)
		depose(v, l->term);
	/* A heartbeat says nothing of the log. */
	if (!w->calm && !one_in(w, 3)) {
		send(w, MAIL_ECHO, to, from, v->term, id, 0);
		return;
	}
	if (v->term == l->term) {
		memcpy(v->log, l->log, sizeof(v->log[0]) * (l->n + 1));
		v->n = l->n;
		v->commit = max(v->commit, l->commit);
	}
	send(w, MAIL_ECHO, to, from, v->term, id, v->n);
}

#endif
