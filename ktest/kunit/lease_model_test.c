// SPDX-License-Identifier: GPL-2.0
/*
 * Leases in a world that lies (lease_world.h). In real time, whatever is lost, late,
 * doubled, deposed or paused, and with clocks that are wrong by no more than the
 * bound: a holder's belief ends before any leader whose log may prevail appends the
 * expiry, and is over when one is committed. A clock may do worse in the direction
 * that does no harm: a holder's leaps, a leader's stands still.
 *
 * Each rule of design 9 is then broken in turn, and the same checks must notice.
 */
#include <linux/module.h>
#include "lease_world.h"

enum {
	SEEDS = 32,
	SEEDS_WRONG = 400,	/* at most, until what is wrong shows */
};

static bool believes(const struct world *w, const struct holder *h, u64 session)
{
	(void)w;
	return h->l.session == session && fsm_lease_left(&h->l, h->clock.now);
}

/* Nobody believes in a session that is over. */
static void check(struct world *w)
{
	u32 i;

	for (i = 0; i < HOLDERS; i++) {
		u64 session = w->holder[i].l.session;

		if (session && w->dead[session] &&
		    believes(w, &w->holder[i], session))
			broken(w, "a holder believes in an expired session");
	}
}

/* ------------------------------------------------------------- the leader */

/* What a driver owes the warden before anything else. */
static void role(struct world *w, struct lead *l)
{
	bool leads = l->leader && l->log[l->applied].term == l->term;
	u64 was = l->w.leads ? l->w.term : 0;
	u32 i;

	if (w->wrong == WRONG_NOOP)
		leads = l->leader;
	fsm_warden_role(&l->w, l->f, l->clock.now, l->term, leads);
	if (w->wrong != WRONG_HASTE || !l->w.leads || was == l->term)
		return;
	for (i = 0; i < l->w.n; i++)
		l->w.ward[i].base -= min(l->w.ward[i].base, w->ttl);
}

static u64 session_of(const struct lead *l, u8 holder, u64 ordinal)
{
	const struct fsm_command c = kit_open("x", holder, 1, ordinal);

	return fsm_session_of(l->f, c.node, c.boot_nonce, ordinal);
}

static void apply_one(struct world *w, struct lead *l)
{
	const struct entry *e = &l->log[++l->applied];
	char name[2] = { (char)('a' + e->holder), 0 };
	struct fsm_command c = { .op = e->op, .arg = e->arg };
	struct fsm_outcome out;

	if (e->op == FSM_SESSION_OPEN) {
		c = kit_open(name, e->holder, 1, e->arg);
		c.arg = div_u64(w->ttl, 1000000);
	} else if (e->op == FSM_INIT) {
		c.arg = KIT_SEED;
		c.arg2 = 1000;
	}
	kit_feed(w->pool, l->f);
	KUNIT_ASSERT_EQ(w->test, e->op ? kit_apply(l->f, &c, &out) :
			fsm_apply(l->f, l->applied, NULL, 0, &out), 0);
}

static void apply(struct world *w, u8 self)
{
	struct lead *l = &w->lead[self];
	const struct entry *e;
	u64 session;

	while (l->applied < l->commit && (w->calm || one_in(w, 2))) {
		apply_one(w, l);
		role(w, l);
		fsm_warden_sessions(&l->w, l->f, l->clock.now);
		e = &l->log[l->applied];
		session = session_of(l, e->holder, e->arg);
		if (l->leader && e->op == FSM_SESSION_OPEN && session)
			send(w, MAIL_OPENED, self, e->holder, e->arg, session, 0);
	}
}

static void ask_round(struct world *w, struct lead *l)
{
	struct round *r = &l->round[l->n_rounds];

	if (!l->leader || !l->asks || l->n_rounds == ROUNDS || one_in(w, 3))
		return;
	l->asks = false;
	/* Behind what was heard; what is on its way does not count. */
	r->ctx = ++l->ctx;
	r->id = l->last_id;
	r->index = w->wrong == WRONG_NOOP ? 1 : max(l->commit, l->noop);
	if (fsm_warden_round(&l->w, r->ctx))
		l->n_rounds++;
}

static void acknowledge(struct world *w, u8 self)
{
	struct lead *l = &w->lead[self];
	struct fsm_session_view v;
	u64 session, id = 0;

	while ((session = fsm_warden_acknowledge(&l->w, l->f, l->clock.now, &id))) {
		KUNIT_ASSERT_TRUE(w->test,
				  fsm_session_view(l->f, session, &v));
		w->old += l->term < w->term;
		send(w, MAIL_RENEWED, self, (u8)v.node.hi, v.ordinal, session, id);
	}
}

/* The one whose log prevails, as far as anybody knows, ends what is over. */
static void expire(struct world *w, struct lead *l)
{
	u64 session = fsm_warden_expired(&l->w, l->f, l->clock.now), at;
	bool due = fsm_warden_deadline(&l->w, l->f) <= l->clock.now;
	u32 i;

	if (due != !!session)
		broken(w, "a leader's deadline is not when a session expires");
	if (!session || l->n >= LOG_MAX - 2 || (!w->calm && one_in(w, 2)))
		return;
	for (i = 0; i < HOLDERS; i++)
		if (l->term == w->term && believes(w, &w->holder[i], session))
			broken(w, "a leader ends what a holder believes in");
	at = append(l, FSM_EXPIRE, 0, session);
	w->appended++;
	if (w->wrong != WRONG_ZOMBIE)
		fsm_warden_ending(&l->w, session, at);
}

/* A holder's open: once in the log, and answered with what came of it. */
static void on_open(struct world *w, u8 self, const struct mail *m)
{
	struct lead *l = &w->lead[self];
	u64 session;
	u32 i = l->n;

	if (!l->w.leads)
		return;
	while (i && (l->log[i].op != FSM_SESSION_OPEN ||
		     l->log[i].holder != m->from || l->log[i].arg != m->a))
		i--;
	if (!i && l->n < LOG_MAX - LOG_TAIL + (w->calm ? LOG_TAIL / 2 : 0))
		append(l, FSM_SESSION_OPEN, m->from, m->a);
	if (!i || i > l->applied)
		return;
	session = session_of(l, m->from, m->a);
	send(w, session ? MAIL_OPENED : MAIL_ENDED, self, m->from, m->a, session,
	     0);
}

static void on_renew(struct world *w, u8 self, const struct mail *m)
{
	struct lead *l = &w->lead[self];

	if (w->wrong == WRONG_ROUND && l->leader) {
		fsm_warden_hear(&l->w, m->b, m->c);
		fsm_warden_round(&l->w, ++l->ctx);
		fsm_warden_confirmed(&l->w, l->ctx, 1);
		return;
	}
	if (fsm_warden_hear(&l->w, m->b, m->c))
		l->asks = true;
	else if (l->w.leads && !session_of(l, m->from, m->a))
		send(w, MAIL_ENDED, self, m->from, m->a, 0, 0);
}

static void lead_turn(struct world *w, u8 self)
{
	struct lead *l = &w->lead[self];
	u8 i;

	if (w->t < l->paused)
		return;
	role(w, l);
	apply(w, self);
	for (i = 0; i < NODES; i++)
		if (l->leader && i != self && (w->calm || one_in(w, 2)))
			replicate(w, self, i);
	role(w, l);
	ask_round(w, l);
	acknowledge(w, self);
	expire(w, l);
}

/* ------------------------------------------------------------- the holder */

static void on_holder(struct world *w, struct holder *h, const struct mail *m)
{
	switch (m->type) {
	case MAIL_OPENED:
		if (m->a == h->ordinal && h->since)
			fsm_lease_open(&h->l, m->b, w->ttl, h->since);
		break;
	case MAIL_ENDED:
		if (m->a != h->ordinal)
			break;
		fsm_lease_close(&h->l);
		h->ordinal++;
		h->since = 0;
		break;
	case MAIL_RENEWED:
		if (w->wrong == WRONG_REPLY && h->l.session == m->b)
			h->l.since = h->clock.now;
		else
			w->renewed += fsm_lease_renewed(&h->l, m->b, m->c);
		break;
	}
}

/* Whoever says that it leads: also one that is deposed and does not know. */
static void look_for_leader(struct world *w, struct holder *h)
{
	u8 i;

	if (w->lead[h->to].leader && !one_in(w, 200) && !w->calm)
		return;
	i = (u8)below(w, NODES);
	if (w->lead[i].leader)
		h->to = i;
}

static void holder_turn(struct world *w, u8 i)
{
	struct holder *h = &w->holder[i];
	u8 self = NODES + i;
	u64 now = h->clock.now, id, due;

	if (w->t < h->paused)
		return;
	look_for_leader(w, h);
	if (!h->l.session) {
		if (h->since && now < h->again)
			return;
		h->since = h->since ? h->since : now + 1;
		h->again = now + (w->ttl >> 4);
		send(w, MAIL_OPEN, self, h->to, h->ordinal, 0, 0);
		return;
	}
	fsm_lease_look(&h->l, now);
	due = fsm_lease_deadline(&h->l);
	id = fsm_lease_due(&h->l, now);
	if (id && due > now)
		broken(w, "a renewal is due before the deadline");
	if (id)
		send(w, MAIL_RENEW, self, h->to, h->ordinal, h->l.session, id);
}

/* ------------------------------------------------------------------ world */

static void deliver(struct world *w, struct mail *slot)
{
	struct mail m = *slot;
	struct lead *l;

	if (m.to < NODES ? w->t < w->lead[m.to].paused :
	    w->t < w->holder[m.to - NODES].paused)
		return;
	/* one in eight arrives again, later */
	if (w->calm || !one_in(w, 8))
		slot->type = MAIL_NONE;
	else
		slot->at = w->t + delay(w);
	/* What was on its way before the link broke still arrives. */
	if (m.to >= NODES) {
		on_holder(w, &w->holder[m.to - NODES], &m);
		return;
	}
	l = &w->lead[m.to];
	role(w, l);
	if (m.type == MAIL_ECHO)
		echo(w, m.to, &m);
	else if (m.type == MAIL_OPEN)
		on_open(w, m.to, &m);
	else if (m.type == MAIL_RENEW)
		on_renew(w, m.to, &m);
	role(w, l);
}

/* Something goes wrong, or right again. */
static void weather(struct world *w)
{
	struct lead *l = &w->lead[below(w, NODES)];
	struct holder *h = &w->holder[below(w, HOLDERS)];

	clock_turn(w, &w->lead[below(w, NODES)].clock);
	clock_turn(w, &w->holder[below(w, HOLDERS)].clock);
	switch (below(w, 10)) {
	case 0:
		l->paused = w->t + upto(w, 2 * w->ttl);
		break;
	case 1:
		h->paused = w->t + upto(w, 2 * w->ttl);
		break;
	case 2:
	case 3:
	case 4:
		l->cut = w->t + upto(w, 3 * w->ttl);
		break;
	case 5:
	case 6:
		h->cut = w->t + upto(w, 3 * w->ttl);
		break;
	case 7:
		if (!clock_is_late(w, &h->clock))
			h->clock.now += upto(w, w->ttl);
		break;
	case 8:
		l->clock.stopped = !l->clock.stopped;
		break;
	}
}

static void advance(struct world *w)
{
	u64 dt = upto(w, w->ttl >> 6) + 1;
	u32 i;

	w->t += dt;
	for (i = 0; i < NODES; i++)
		clock_advance(&w->lead[i].clock, dt);
	for (i = 0; i < HOLDERS; i++)
		clock_advance(&w->holder[i].clock, dt);
	check(w);
}

/* Is there no leader that others hear? Some time later they stand. */
static bool deserted(struct world *w)
{
	u8 i;

	for (i = 0; i < NODES; i++)
		if (w->lead[i].leader && w->lead[i].term == w->term &&
		    !asleep(w, i))
			return false;
	return one_in(w, 8);
}

static void step(struct world *w)
{
	u32 i;

	advance(w);
	if (!w->calm && one_in(w, 24))
		weather(w);
	if (!w->calm && (upto(w, w->elect) < w->ttl >> 6 || deserted(w))) {
		i = below(w, NODES);
		elect(w, (u8)i, (u8)((i + 1 + below(w, NODES - 1)) % NODES));
	}
	for (i = 0; i < MAIL; i++)
		if (w->mail[i].type && w->mail[i].at <= w->t)
			deliver(w, &w->mail[i]);
	for (i = 0; i < NODES; i++)
		lead_turn(w, (u8)i);
	for (i = 0; i < HOLDERS; i++)
		holder_turn(w, (u8)i);
	check(w);
}

/* All but what a case brings: who runs, what is wrong, and memory. */
static void world_clear(struct world *w)
{
	struct kit_pool *pool = w->pool;
	struct kunit *test = w->test;
	enum wrong wrong = w->wrong;
	struct fsm *f[NODES];
	u32 i;

	for (i = 0; i < NODES; i++)
		f[i] = w->lead[i].f;
	memset(w, 0, sizeof(*w));
	w->test = test;
	w->pool = pool;
	w->wrong = wrong;
	for (i = 0; i < NODES; i++) {
		memset(f[i], 0, fsm_size());
		fsm_init(f[i]);
		w->lead[i].f = f[i];
	}
}

static void begin(struct world *w, u32 seed)
{
	static const u32 ttls[] = { 50, 120, 1000, 10000, 600000 };
	static const u32 calms[] = { 1, 3, 8 };
	u32 i;

	world_clear(w);
	w->random = seed * 0x9e3779b97f4a7c15ULL;
	w->ttl = ttls[below(w, ARRAY_SIZE(ttls))] * MS;
	w->elect = calms[below(w, ARRAY_SIZE(calms))] * w->ttl;
	w->drift = w->wrong == WRONG_DRIFT ? 100000 : FSM_DRIFT_PPM;
	for (i = 0; i < NODES; i++) {
		struct lead *l = &w->lead[i];

		clock_start(w, &l->clock);
		clock_turn(w, &l->clock);
		fsm_warden_init(&l->w);
		l->term = 1;
		append(l, FSM_INIT, 0, 0);
		l->commit = 1;
		l->applied = 0;
	}
	for (i = 0; i < HOLDERS; i++) {
		clock_start(w, &w->holder[i].clock);
		clock_turn(w, &w->holder[i].clock);
		w->holder[i].ordinal = 1;
	}
	w->commit = 1;
	w->log[1] = w->lead[0].log[1];
}

/* Fair weather, one leader; one holder lives, the others are dead. */
static struct lead *heal(struct world *w)
{
	u32 i, best = 0;

	w->calm = true;
	for (i = 0; i < NODES; i++) {
		w->lead[i].paused = 0;
		w->lead[i].cut = 0;
		w->lead[i].clock.stopped = false;
		if (log_better(&w->lead[i], &w->lead[best]))
			best = i;
	}
	for (i = 0; i < HOLDERS; i++) {
		w->holder[i].paused = 0;
		w->holder[i].cut = 0;
		w->holder[i].silent = i;
	}
	elect(w, (u8)best, (u8)((best + 1) % NODES));
	while (w->t < (RUN + HEAL) * w->ttl)
		step(w);
	return &w->lead[best];
}

/* The living is sure of its session, and the dead have none. */
static void check_end(struct world *w, struct lead *l)
{
	struct fsm_session_view v;
	u32 cursor = 0;

	if (!l->leader)
		broken(w, "the elected leader leads no more");
	while (fsm_session_next(l->f, &cursor, &v))
		if (v.node.hi != NODES)
			broken(w, "a dead holder's session lives on");
	if (fsm_lease_look(&w->holder[0].l, w->holder[0].clock.now) !=
	    FSM_LEASE_SURE)
		broken(w, "a living holder is not sure of its session");
}

/* What was violated, NULL: nothing. */
static const char *run(struct world *w, u32 seed)
{
	struct lead *l;
	u32 i;

	begin(w, seed);
	while (w->t < RUN * w->ttl && !w->broken)
		step(w);
	if (!w->broken) {
		l = heal(w);
		if (w->wrong == RIGHT)
			check_end(w, l);
	}
	for (i = 0; i < NODES; i++)
		kit_drop(w->pool, w->lead[i].f);
	return w->broken;
}

static struct world *world(struct kunit *test, enum wrong wrong)
{
	struct world *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_TRUE(test, w);
	w->test = test;
	w->pool = kit_pool(test);
	w->wrong = wrong;
	for (i = 0; i < NODES; i++)
		w->lead[i].f = kit_bare(w->pool);
	return w;
}

static void belief_ends_before_the_session(struct kunit *test)
{
	struct world *w = world(test, RIGHT);
	u32 seed, renewed = 0, expired = 0, dropped = 0, elections = 0, old = 0;
	const char *what;

	kunit_info(test, "seeds 1 to %d", SEEDS);
	for (seed = 1; seed <= SEEDS && !kit_failed(test); seed++) {
		what = run(w, seed);
		KUNIT_EXPECT_TRUE_MSG(test, !what, "seed %u: %s", seed,
				      what ? what : "");
		renewed += w->renewed;
		expired += w->expired;
		dropped += w->appended - w->expired;
		elections += w->elections;
		old += w->old;
	}
	kunit_info(test, "%u renewals, %u of them by old leaders, %u elections",
		   renewed, old, elections);
	kunit_info(test, "%u expiries, %u came to nothing", expired, dropped);
	/* or nothing was tried */
	KUNIT_EXPECT_GT(test, renewed, SEEDS * 20);
	KUNIT_EXPECT_GT(test, expired, SEEDS);
	KUNIT_EXPECT_GT(test, elections, SEEDS * 4);
	KUNIT_EXPECT_GT(test, old, 0);
	KUNIT_EXPECT_GT(test, dropped, 0);
}

static const char *const wrongs[WRONGS] = {
	[WRONG_DRIFT] = "clocks that drift by more than the bound",
	[WRONG_REPLY] = "a holder that counts from the reply (pitfall 62)",
	[WRONG_HASTE] = "a new leader that does not wait a TTL (pitfall 61)",
	[WRONG_ROUND] = "a deposed leader that acknowledges (pitfall 59)",
	[WRONG_STALE] = "a round that began before the renewal came",
	[WRONG_ZOMBIE] = "a renewal acknowledged behind its expiry (pitfall 63)",
	[WRONG_NOOP] = "a leader that acknowledges before its no-op is applied",
};

/* Else the case above proves nothing. */
static void what_is_wrong_is_noticed(struct kunit *test)
{
	enum wrong wrong;
	struct world *w = world(test, RIGHT);
	const char *what;
	u32 seed;

	for (wrong = RIGHT + 1; wrong < WRONGS; wrong++) {
		w->wrong = wrong;
		what = NULL;
		for (seed = 1; seed <= SEEDS_WRONG && !what; seed++)
			what = run(w, seed);
		KUNIT_EXPECT_TRUE_MSG(test, what, "not noticed: %s",
				      wrongs[wrong]);
		if (what)
			kunit_info(test, "%s: %s, after %u seeds", wrongs[wrong],
				   what, seed - 1);
	}
}

static struct kunit_case model_cases[] = {
	KUNIT_CASE(belief_ends_before_the_session),
	KUNIT_CASE(what_is_wrong_is_noticed),
	{}
};

static struct kunit_suite model_suite = {
	.name = "lease-model",
	.test_cases = model_cases,
};

kunit_test_suite(model_suite);

MODULE_LICENSE("GPL");
