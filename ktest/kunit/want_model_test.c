// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes that want the same few locks, and a cluster that loses, repeats, delays and
 * reorders what they send, changes leaders, lets them apply the log late or by a
 * snapshot, cuts them off until their leases end, ends their sessions, and takes
 * their locks. Handles give up, release and close at every moment; nodes restart.
 *
 * Checked: all that stands in struct truth, at every step; tokens rise, and locks
 * are granted in the order of tickets; without an administrator no two nodes believe
 * in the same exclusive lock, by their leases' deadlines. In the end all heals: what
 * the wants know is what the cluster has, claim for claim; all handles are closed,
 * and nothing is left on either side.
 */
#include <linux/module.h>
#include "want_world.h"

/* ------------------------------------------------------------ programs */

static void set_fence(struct world *w, struct fsm_extra *x)
{
	if (!lucky(w, 8))
		return;
	x->fence_len = 1;
	x->fence_name[0] = 'a' + below(w, LOCKS);
	x->fence_token = w->token + !w->token;
}

static void begin(struct world *w, struct node *n)
{
	struct handle *h = &n->handle[below(w, HANDLES)];
	struct truth *t = new_want(w);
	int err;

	if (!t)
		return;
	t->node = n - w->node;
	t->owner = &h->o;
	t->w.ask.name_len = 1;
	t->w.ask.name[0] = 'a' + below(w, LOCKS);
	t->shared = lucky(w, 3);
	if (t->shared)
		t->w.ask.arg |= FSM_ACQUIRE_SHARED;
	if (lucky(w, 8))
		t->w.ask.arg |= FSM_ACQUIRE_TRY;
	set_fence(w, &t->w.extra);
	err = fsm_want_begin(&n->ws, &h->o, &t->w);
	if (!err) {
		w->begun++;
		return;
	}
	if (h->noticed || h->closing)
		KUNIT_EXPECT_NE(w->test, err, -EDEADLK);
	free_want(t);
}

/* One of this node's, or nothing; @granted: that was told so, if there is one. */
static struct truth *some_want(struct world *w, struct node *n, bool granted)
{
	u32 i, from = below(w, WANTS);
	struct truth *any = NULL;

	for (i = 0; i < WANTS; i++) {
		struct truth *t = &w->want[(from + i) % WANTS];

		if (t->used != 1 || t->node != n - w->node)
			continue;
		any = t;
		if (!granted || (t->granted && t->w.state == FSM_WANT_HELD))
			break;
	}
	return any;
}

static void give_up(struct world *w, struct node *n)
{
	struct truth *t = some_want(w, n, false);
	bool was;

	if (!t)
		return;
	/* It may be told of its end, and be gone, before that returns. */
	was = t->granted;
	if (was && t->w.state == FSM_WANT_HELD) {
		KUNIT_EXPECT_FALSE(w->test, fsm_want_give_up(&n->ws, &t->w,
							     -EINTR));
		return;
	}
	t->given_up |= !was;
	KUNIT_EXPECT_TRUE(w->test, fsm_want_give_up(&n->ws, &t->w, -EINTR));
}

static void release(struct world *w, struct node *n)
{
	const struct fsm_fence fence = {
		.token = w->token + !w->token, .name_len = 1, .name = "a",
	};
	struct truth *t = some_want(w, n, !lucky(w, 8));
	int err;

	if (!t || t->w.state == FSM_WANT_OVER)
		return;
	/* Mostly what was told; but also what was not, and what may not be. */
	if (!t->granted && !lucky(w, 16))
		return;
	err = fsm_want_release(&n->ws, &t->w, lucky(w, 6) ? &fence : NULL);
	if (t->w.state != FSM_WANT_LEAVING)
		KUNIT_EXPECT_TRUE(w->test, err);
}

/* A step of its end; then it is another. */
static void close_step(struct world *w, struct node *n, struct handle *h,
		       u32 budget)
{
	struct fsm_request *r;

	h->closing = true;
	if (fsm_owner_close(&n->ws, &h->o, budget))
		return;
	KUNIT_EXPECT_NULL(w->test, h->o.wants);
	KUNIT_EXPECT_NULL(w->test, h->o.next);
	r = h->o.abandoned ? new_plain(w, FSM_HANDLE_CLOSE, h->o.number) : NULL;
	if (r)
		fsm_client_add(&n->c, r);
	memset(h, POISON, sizeof(*h));
	memset(h, 0, sizeof(*h));
	h->o.number = ++n->numbers;
}

static void end_handles(struct world *w, struct node *n)
{
	u32 i;

	for (i = 0; i < HANDLES; i++) {
		struct handle *h = &n->handle[i];

		if (h->closing || (h->noticed && lucky(w, 3)) || lucky(w, 200))
			close_step(w, n, h, 1 + below(w, 3));
	}
}

static void administrate(struct world *w, struct node *n)
{
	struct fsm_request *r;

	if (!w->admin || !n->c.session || n->c.queued > 20)
		return;
	if (lucky(w, 6)) {
		r = new_plain(w, FSM_SESSION_END, 999);
		if (!r)
			return;
		r->arg = w->known[below(w, NODES)];
		if (!r->arg)
			r->arg = 1;
	} else {
		r = new_plain(w, FSM_LOCK_REVOKE, 999);
		if (!r)
			return;
		r->name_len = 1;
		r->name[0] = 'a' + below(w, LOCKS);
		r->arg = lucky(w, 2) ? w->token : 0;
	}
	fsm_client_add(&n->c, r);
}

/* Somebody counts meanwhile, several at a time: they travel as runs. */
static void count(struct world *w, struct node *n)
{
	u32 i, burst = 1 + below(w, 6);

	if (n->c.queued + n->c.unresolved > 30 || w->asked + burst > COUNTED)
		return;
	for (i = 0; i < burst; i++) {
		struct fsm_request *r = new_plain(w, FSM_COUNTER_ADD, 998);

		if (!r)
			return;
		r->arg = 1;
		r->name_len = 1;
		r->name[0] = 'n';
		w->asked++;
		fsm_client_add(&n->c, r);
	}
}

/* -------------------------------------------------------------- lives */

static void start(struct world *w, u32 who)
{
	static const char *const names[] = { "x", "y", "z" };
	struct node *n = &w->node[who];
	struct raft_id id = { 1000 * (who + 1) + ++n->starts, 1 };
	u32 i;

	memset(n->tables, 0, sizeof(n->tables));
	memset(n->handle, 0, sizeof(n->handle));
	fsm_client_init(&n->c, id, 1, kit_random(&w->random), names[who], 1,
			TTL_MS);
	fsm_wants_init(&n->ws, &n->c, &ops, n, n->tables, BUCKETS);
	for (i = 0; i < HANDLES; i++)
		n->handle[i].o.number = ++n->numbers;
	memset(&n->renewal, 0, sizeof(n->renewal));
	memset(&n->answer, 0, sizeof(n->answer));
}

/* All of its wants are over then, whatever was under way. */
static void stop(struct world *w, struct node *n, bool client_first)
{
	u32 i;

	if (client_first)
		fsm_client_stop(&n->c, -ESHUTDOWN, fsm_wants_done, &n->ws);
	fsm_wants_stop(&n->ws, -ESHUTDOWN);
	if (lucky(w, 2))
		fsm_wants_sweep(&n->ws, below(w, HANDLES + 1));
	for (i = 0; i < HANDLES; i++) {
		struct fsm_owner *o = &n->handle[i].o;

		n->handle[i].closing = true;
		while (fsm_owner_close(&n->ws, o, 2))
			;
	}
	if (!client_first)
		fsm_client_stop(&n->c, -ESHUTDOWN, fsm_wants_done, &n->ws);
	for (i = 0; i < WANTS; i++)
		KUNIT_EXPECT_FALSE(w->test, w->want[i].used == 1 &&
				   w->want[i].node == n - w->node);
	KUNIT_EXPECT_EQ(w->test, n->ws.held, 0);
	KUNIT_EXPECT_EQ(w->test, n->ws.queued, 0);
}

static void restart(struct world *w, u32 who)
{
	stop(w, &w->node[who], lucky(w, 2));
	start(w, who);
}

/* -------------------------------------------------------------- checks */

/* Does its node, at this very moment? */
static bool believes(const struct world *w, const struct truth *t)
{
	const struct fsm_want *x = &t->w;

	return t->used == 1 && t->granted && x->state == FSM_WANT_HELD &&
	       !fsm_wants_fence(&w->node[t->node].ws, x->ask.name, 1, x->token,
				w->now);
}

static void nobody_shares_what_is_exclusive(struct world *w)
{
	u32 i, sole[LOCKS] = { 0 }, all[LOCKS] = { 0 };

	if (w->admin)
		return;
	for (i = 0; i < WANTS; i++) {
		const struct truth *t = &w->want[i];
		u8 lock = t->w.ask.name[0] - 'a';

		if (!believes(w, t))
			continue;
		all[lock]++;
		sole[lock] += !t->shared;
	}
	for (i = 0; i < LOCKS; i++)
		KUNIT_EXPECT_TRUE_MSG(w->test, !sole[i] || all[i] == 1,
				      "%u hold lock %u", all[i], i);
}

/* The claim of @t, if it has one, is as it knows it. */
static bool agrees(const struct world *w, const struct truth *t)
{
	struct fsm_ticket k;

	if (t->w.state != FSM_WANT_QUEUED && t->w.state != FSM_WANT_HELD)
		return false;
	if (fsm_ticket(w->f, t->w.ticket, &k))
		return false;
	/* Who holds what others wait for was told so. */
	if (k.flags & FSM_GRANT_WANTED && !t->wanted)
		return false;
	return k.token == t->w.token && k.handle == t->owner->number &&
	       k.session == w->node[t->node].c.session;
}

/* What was counted is there, and nothing else but what nobody knows about. */
static void the_count_is_right(struct world *w)
{
	u64 value = 0, index;

	fsm_counter(w->f, "n", 1, &value, &index);
	KUNIT_EXPECT_GE(w->test, value, w->counted);
	KUNIT_EXPECT_LE(w->test, value, w->counted + w->unsure);
}

/* All is quiet: the wants are the claims, one for one. */
static void all_is_known(struct world *w)
{
	struct fsm_stats st;
	u32 i, n = 0;

	for (i = 0; i < WANTS; i++) {
		const struct truth *t = &w->want[i];

		if (t->used != 1)
			continue;
		n++;
		KUNIT_EXPECT_TRUE_MSG(w->test, agrees(w, t),
				      "ticket %llu in state %u is another",
				      t->w.ticket, t->w.state);
		KUNIT_EXPECT_EQ(w->test, t->granted,
				t->w.state == FSM_WANT_HELD);
	}
	fsm_stats(w->f, &st);
	KUNIT_EXPECT_EQ(w->test, st.held + st.waiting, n);
	KUNIT_EXPECT_EQ(w->test, st.dying, 0);
}

/* ------------------------------------------------------------------ a run */

static void do_something(struct world *w, u32 who, u32 what)
{
	struct node *n = &w->node[who];

	if (what < 20)
		begin(w, n);
	else if (what < 22)
		give_up(w, n);
	else if (what < 40)
		release(w, n);
	else if (what < 44)
		end_handles(w, n);
	else if (what < 46)
		count(w, n);
	else if (what < 62)
		pump(w, n);
	else if (what < 80)
		deliver(w);
	else if (what < 97)
		catch_up(w, n, below(w, 12));
	else if (lucky(w, 6))
		new_leader(w);
	else if (lucky(w, 40))
		n->cut_until = w->now + below(w, 2 * TTL_MS) * MS;
	else if (lucky(w, 6))
		administrate(w, n);
	else if (lucky(w, 40))
		restart(w, who);
}

static void step(struct world *w)
{
	u32 who = below(w, NODES);
	struct node *n = &w->node[who];

	w->now += below(w, 4000) * 1000;
	do_something(w, who, below(w, 100));
	n = &w->node[below(w, NODES)];
	renew(w, n);
	if (lucky(w, 2))
		fsm_wants_tick(&n->ws, w->now);
	if (lucky(w, 4))
		fsm_wants_sweep(&n->ws, below(w, 3));
	lead(w);
	nobody_shares_what_is_exclusive(w);
}

static bool is_quiet(struct world *w)
{
	u32 i;

	if (w->n_flight || fsm_dying(w->f))
		return false;
	for (i = 0; i < NODES; i++) {
		struct node *n = &w->node[i];

		if (!n->c.session || n->c.queued || n->c.unresolved ||
		    kit_applied(n->f) != kit_applied(w->f) || n->ws.unaware ||
		    n->ws.untold)
			return false;
	}
	return true;
}

/* Rounds without trouble, until nothing moves; the lost close. */
static void settle(struct world *w, bool close)
{
	u32 round, i, k;

	w->healed = true;
	for (round = 0; round < HEAL; round++) {
		w->now += RESEND;
		for (i = 0; i < NODES; i++) {
			struct node *n = &w->node[i];

			fsm_wants_tick(&n->ws, w->now);
			while (fsm_wants_sweep(&n->ws, 1))
				;
			for (k = 0; k < HANDLES; k++)
				if (close || n->handle[k].noticed ||
				    n->handle[k].closing)
					close_step(w, n, &n->handle[k], 100);
			renew(w, n);
			pump(w, n);
		}
		while (w->n_flight)
			deliver(w);
		lead(w);
		for (i = 0; i < NODES; i++)
			catch_up(w, &w->node[i], LOG);
		if (round > 3 && is_quiet(w))
			return;
	}
	KUNIT_FAIL(w->test, "it does not become quiet");
}

static void clear(struct world *w, u32 seed)
{
	u32 i;

	w->random = seed * 0x9e3779b97f4a7c15ULL;
	memset(w->plain, 0, sizeof(w->plain));
	memset(w->want, POISON, sizeof(w->want));
	memset(w->node, 0, sizeof(w->node));
	memset(w->last, 0, sizeof(w->last));
	memset(w->heard, 0, sizeof(w->heard));
	memset(w->known, 0, sizeof(w->known));
	memset(w->ticket, 0, LOG * sizeof(*w->ticket));
	w->token = 0;
	w->n_flight = 0;
	w->begun = 0;
	w->over = 0;
	w->asked = 0;
	w->counted = 0;
	w->unsure = 0;
	memset(w->seen, 0, sizeof(w->seen));
	w->healed = false;
	w->admin = seed & 1;
	w->now = 1 + kit_below(&w->random, 2) * (864000000 * MS);
	w->term = 1;
	w->f = kit_fsm(w->pool, 1000);
	for (i = 0; i < NODES; i++) {
		w->node[i].w = w;
		w->node[i].f = kit_fsm(w->pool, 1000);
		start(w, i);
	}
}

static void run(struct world *w, u32 seed)
{
	u32 i;

	clear(w, seed);
	for (i = 0; i < STEPS && !kit_failed(w->test); i++)
		step(w);
	settle(w, false);
	all_is_known(w);
	settle(w, true);
	KUNIT_EXPECT_EQ(w->test, w->over, w->begun);
	all_is_known(w);
	the_count_is_right(w);
	for (i = 0; i < NODES; i++) {
		KUNIT_EXPECT_EQ(w->test, w->node[i].ws.held, 0);
		KUNIT_EXPECT_EQ(w->test, w->node[i].ws.queued, 0);
		KUNIT_EXPECT_NULL(w->test, w->node[i].ws.owners);
		kit_drop(w->pool, w->node[i].f);
	}
	kit_drop(w->pool, w->f);
}

static void every_want_ends_once_and_truly(struct kunit *test)
{
	struct world *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	u32 seed, begun = 0, counted = 0;

	KUNIT_ASSERT_TRUE(test, w);
	w->test = test;
	w->pool = kit_pool(test);
	w->log = kunit_kzalloc(test, LOG * sizeof(*w->log), GFP_KERNEL);
	w->ticket = kunit_kzalloc(test, LOG * sizeof(*w->ticket), GFP_KERNEL);
	w->buf = kunit_kzalloc(test, CAP, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, w->log && w->ticket && w->buf);
	for (seed = 1; seed <= SEEDS && !kit_failed(test); seed++) {
		kunit_info(test, "seed %u", seed);
		run(w, seed);
		begun += w->begun;
		counted += w->counted;
	}
	kunit_info(test, "%u wants, %u granted, %u owners lost, %u kept, %u counted by %u runs",
		   begun, w->granted, w->losses, w->kept, counted, w->runs);
	KUNIT_EXPECT_GT(test, begun, SEEDS * STEPS / 40);
	KUNIT_EXPECT_GT(test, w->granted, SEEDS * STEPS / 200);
	KUNIT_EXPECT_GT(test, w->losses, SEEDS);
	KUNIT_EXPECT_GT(test, w->kept, 0);
	KUNIT_EXPECT_GT(test, counted, SEEDS * STEPS / 200);
	KUNIT_EXPECT_GT(test, w->runs, SEEDS * 20);
}

static struct kunit_case want_model_cases[] = {
	KUNIT_CASE(every_want_ends_once_and_truly),
	{}
};

static struct kunit_suite want_model_suite = {
	.name = "fsm-want-model",
	.test_cases = want_model_cases,
};

kunit_test_suite(want_model_suite);

MODULE_LICENSE("GPL");
