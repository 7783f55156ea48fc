// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots of states with locks: that all of it comes through, and that whatever
 * no entries lead to is refused, though every sum over it be right: a snapshot comes
 * from a peer (pitfalls 50, 52, 68).
 */
#include <linux/module.h>
#include <linux/siphash.h>
#include "fsm_kit.h"
#include "../../kmod/fsm/bytes.h"
#include "../../kmod/fsm/state.h"

enum { MANY = 140 };	/* claims: more than two entries may end */

/* @handle of @session gets so many locks of its own, from seq @seq on. */
static void many(struct kit_pool *p, struct fsm *f, u64 session, u64 seq,
		 u64 handle)
{
	char name[16];
	u32 i;

	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%u%03u", (u32)session, i);
		kit_locked(p, f, session, seq + i, handle, name, 0);
	}
}

/* ------------------------------------------------------- all comes through */

static bool same_events(const struct fsm *f, const struct fsm *g, u32 n)
{
	const struct fsm_event *a = fsm_events(f), *b = fsm_events(g);

	for (; n; n--, a++, b++)
		if (a->type != b->type || a->flags != b->flags ||
		    a->session != b->session || a->handle != b->handle ||
		    a->ticket != b->ticket || a->token != b->token ||
		    a->name_len != b->name_len ||
		    (a->name_len && memcmp(a->name, b->name, a->name_len)))
			return false;
	return true;
}

static bool same_figures(const struct fsm *f, const struct fsm *g)
{
	struct fsm_stats s, t;

	fsm_stats(f, &s);
	fsm_stats(g, &t);
	return s.applied == t.applied && s.hash == t.hash &&
	       s.sessions == t.sessions && s.objects == t.objects &&
	       s.objects_max == t.objects_max && s.locks == t.locks &&
	       s.held == t.held && s.waiting == t.waiting &&
	       s.dying == t.dying && s.version == t.version &&
	       s.next_token == t.next_token &&
	       fsm_dying(f) == fsm_dying(g) &&
	       fsm_snapshot_bytes(f) == fsm_snapshot_bytes(g);
}

/* What is not seen of a state from outside, as long as nobody asks. */
static bool same_inside(const struct fsm *f, const struct fsm *g)
{
	return f->deaths == g->deaths && f->n_graves == g->n_graves &&
	       f->n_dead == g->n_dead && f->records == g->records &&
	       f->body == g->body;
}

static bool same_tickets(const struct fsm *f, const struct fsm *g)
{
	struct fsm_ticket a, b;
	u64 ticket;
	int err;

	for (ticket = 0; ticket <= f->applied; ticket++) {
		err = fsm_ticket(f, ticket, &a);
		if (err != fsm_ticket(g, ticket, &b))
			return false;
		if (!err && (a.session != b.session || a.handle != b.handle ||
			     a.token != b.token || a.index != b.index ||
			     a.flags != b.flags))
			return false;
	}
	return true;
}

/* Who was loaded from a snapshot taken now is the same, and stays so with @c. */
static struct fsm *twin_step(struct kit_pool *p, struct fsm *f,
			     struct fsm_command c, const char *what)
{
	struct kunit *test = p->test;
	struct fsm_outcome a, b;
	struct fsm *g;
	u64 len;
	u8 *buf = kit_snapshot(p, f, &len);

	g = kit_load(p, buf, len, 7);
	KUNIT_EXPECT_TRUE_MSG(test, g, "before %s", what);
	KUNIT_ASSERT_TRUE(test, g);
	KUNIT_EXPECT_TRUE_MSG(test, same_figures(f, g) && same_inside(f, g) &&
			      same_tickets(f, g), "before %s", what);
	kit_feed(p, f);
	kit_feed(p, g);
	KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &a), 0);
	KUNIT_ASSERT_EQ(test, kit_apply(g, &c, &b), 0);
	KUNIT_EXPECT_TRUE_MSG(test, kit_agrees(&a, &b) &&
			      same_events(f, g, a.n_events), "%s", what);
	KUNIT_EXPECT_TRUE_MSG(test, same_figures(f, g) && same_inside(f, g) &&
			      same_tickets(f, g), "after %s", what);
	kit_drop(p, f);
	return g;
}

/*
 * One who dies with "q", which more want to share than one entry may grant, with "r"
 * and "s", which one each waits for; and one who dies with many.
 */
static struct fsm *crowd(struct kit_pool *p)
{
	struct fsm *f = kit_fsm(p, 2000);
	u32 i;

	kit_opened(p, f, "a", 1);
	kit_opened(p, f, "b", 2);
	kit_opened(p, f, "c", 3);
	kit_locked(p, f, 2, 1, 1, "left", 0);
	kit_closed(p, f, 2, 2, 1);
	kit_locked(p, f, 2, 3, 2, "q", 0);
	kit_locked(p, f, 2, 4, 2, "r", 0);
	kit_locked(p, f, 2, 5, 2, "s", 0);
	for (i = 1; i <= FSM_GRANTS_MAX; i++)
		kit_locked(p, f, 3, i, i, "q", FSM_ACQUIRE_SHARED);
	kit_locked(p, f, 3, i, 900, "r", 0);
	kit_locked(p, f, 3, i + 1, 901, "s", 0);
	many(p, f, 4, 1, 1);
	return f;
}

static void pitfall_52_locks_and_the_dead_come_through(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = crowd(p);
	struct fsm_object *r;
	u32 i, died;

	f = twin_step(p, f, kit_close(2, 6, 6, 2, 5), "a close");
	/* Its last holder died, and who is next has not been told yet. */
	r = fsm_object_find(f, FSM_KIND_LOCK, "r", 1, fsm_name_hash(f, "r", 1));
	KUNIT_ASSERT_TRUE(test, r);
	KUNIT_EXPECT_EQ(test, r->flags, FSM_LOCK_DIED);
	KUNIT_EXPECT_EQ(test, f->n_dead, 1);
	f = twin_step(p, f, kit_lock(2, 7, 7, "left", 0), "a grant after death");
	f = twin_step(p, f, kit_lock(2, 8, 7, "r", FSM_ACQUIRE_TRY), "a try");
	f = twin_step(p, f, kit_reap(), "a reap");
	f = twin_step(p, f, kit_expire(4), "an expiry");
	KUNIT_EXPECT_EQ(test, f->n_graves, 1);
	f = twin_step(p, f, kit_open("c", 3, 1, 2), "an open beside a grave");
	f = twin_step(p, f, kit_lock(2, 9, 8, "4139", 0), "a wait for the dead");
	for (i = 0; i < 5; i++)
		f = twin_step(p, f, kit_reap(), "more reaps");
	KUNIT_EXPECT_FALSE(test, fsm_dying(f));
	/* The oldest death is forgotten first, whoever was loaded meanwhile. */
	died = f->died->cell.n;
	f->hash -= fsm_counts_hash(f);
	f->deaths += FSM_DIED_MAX - (u16)(f->deaths - died) - 1;
	f->hash += fsm_counts_hash(f);
	f = twin_step(p, f, kit_close(2, 10, 10, 7, 8), "a death too many");
	KUNIT_EXPECT_NE(test, f->died->cell.n, died);
	f = twin_step(p, f, kit_revoke(2, 11, "q", 0), "a revocation");
	f = twin_step(p, f, kit_end(2, 12, 3), "an end");
	f = twin_step(p, f, kit_end(2, 13, 2), "its own end");
}

/* Several wait first, and without need, as one entry grants only so much. */
static void pitfall_67_whoever_waits_without_need_comes_through(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, 2000);
	static const char *const name[] = { "w", "x", "y" };
	u64 ticket[3];
	u32 i;

	kit_opened(p, f, "a", 1);
	kit_opened(p, f, "b", 2);
	for (i = 0; i < 3; i++) {
		kit_locked(p, f, 2, i + 1, i + 1, name[i], 0);
		ticket[i] = kit_applied(f);
	}
	for (i = 1; i <= 4 * FSM_GRANTS_MAX; i++)
		kit_locked(p, f, 3, i, i, "w", FSM_ACQUIRE_SHARED);
	kit_locked(p, f, 3, i, i, "x", 0);
	kit_locked(p, f, 3, i + 1, i, "y", 0);
	for (i = 0; i < 3; i++)
		f = twin_step(p, f, kit_leave(2, 10 + i, i + 1, ticket[i]),
			      "a release");
	/* Three of them, which know each other. */
	KUNIT_ASSERT_TRUE(test, f->more);
	KUNIT_EXPECT_TRUE(test, f->more->less || f->more->greater);
	KUNIT_EXPECT_EQ(test, f->held, 3 * FSM_GRANTS_MAX);
	for (i = 0; i < 2; i++)
		f = twin_step(p, f, kit_reap(), "a reap");
	KUNIT_EXPECT_EQ(test, f->waiting, 0);
	KUNIT_EXPECT_FALSE(test, fsm_dying(f));
}

/* -------------------------------------------------------------- forgeries */

/**
 * struct forgery - a record, and what somebody wrote over it
 * @what: it says
 * @kind: of the record; 0: a session; HEAD: the head of the snapshot
 * @at: where the record is known by
 * @is: what it has there
 * @to: where it is changed
 * @bytes: how many are
 * @value: what they are then
 * @fine: entries could lead to that
 */
struct forgery {
	const char *what;
	u8 kind;
	u8 at;
	u64 is;
	u8 to;
	u8 bytes;
	u64 value;
	bool fine;
};

enum {
	HEAD = 255,
	NAME_AT = 8,		/* in the record of a lock */
	/* The state: see forged_state() */
	LIVES = 2, OTHER = 3, GONE = 4,
	HOLDS = 10, WAITS = 11, SHARES = 12, BESIDE = 13,
	LAST = BESIDE + 2 * MANY + 2,
};

/*
 * Sessions LIVES and OTHER, and GONE, which left a grave; two counters; "left" is
 * known for its death; "held" has one who holds and one who waits; "both" is shared.
 * Handle 9 of OTHER was closed, and has too much to be gone.
 */
static u8 *forged_state(struct kit_pool *p, u64 *len)
{
	struct fsm *f = kit_fsm(p, 2000);
	u8 *buf;

	kit_opened(p, f, "a", 1);
	kit_opened(p, f, "b", 2);
	kit_opened(p, f, "c", 3);
	kit_added(p, f, LIVES, 1, "n", 7);
	kit_added(p, f, LIVES, 2, "m", 7);
	kit_locked(p, f, LIVES, 3, 1, "left", 0);
	kit_closed(p, f, LIVES, 4, 1);
	kit_added(p, f, LIVES, 5, "n", 7);
	kit_locked(p, f, LIVES, 6, 2, "held", 0);
	kit_locked(p, f, OTHER, 1, 1, "held", FSM_ACQUIRE_SHARED);
	kit_locked(p, f, OTHER, 2, 1, "both", FSM_ACQUIRE_SHARED);
	kit_locked(p, f, LIVES, 7, 2, "both", FSM_ACQUIRE_SHARED);
	many(p, f, OTHER, 3, 9);
	many(p, f, GONE, 1, 1);
	kit_closed(p, f, OTHER, MANY + 3, 9);
	kit_done(p, f, kit_expire(GONE));
	KUNIT_ASSERT_EQ(p->test, f->applied, LAST);
	KUNIT_ASSERT_EQ(p->test, f->n_graves, 1);
	KUNIT_ASSERT_EQ(p->test, f->n_dead, 1);
	buf = kit_snapshot(p, f, len);
	kit_drop(p, f);
	return buf;
}

static const struct forgery forgeries[] = {
	/* claims, known by their tickets */
	{ "nothing but another time", FSM_KIND_CLAIM, 8, HOLDS, 4, 4, 77, true },
	{ "a waiter of another kind", FSM_KIND_CLAIM, 8, WAITS, 3, 1, 0, true },
	{ "an unknown flag", FSM_KIND_CLAIM, 8, HOLDS, 3, 1, 4 },
	{ "a waiter who was told of a death", FSM_KIND_CLAIM, 8, WAITS, 3, 1,
	  FSM_CLAIM_SHARED | FSM_CLAIM_DIED },
	{ "two who share, one of whom was told", FSM_KIND_CLAIM, 8, BESIDE, 3,
	  1, FSM_CLAIM_SHARED | FSM_CLAIM_DIED },
	{ "two who hold, one of whom alone", FSM_KIND_CLAIM, 8, BESIDE, 3, 1, 0 },
	{ "no ticket", FSM_KIND_CLAIM, 8, WAITS, 8, 8, 0 },
	{ "a ticket to come", FSM_KIND_CLAIM, 8, WAITS, 8, 8, LAST + 1 },
	{ "a ticket twice", FSM_KIND_CLAIM, 8, WAITS, 8, 8, SHARES },
	{ "a ticket from before its handle", FSM_KIND_CLAIM, 8, SHARES, 8, 8,
	  WAITS - 2 },
	{ "a ticket from before its session", FSM_KIND_CLAIM, 8, WAITS, 8, 8,
	  OTHER },
	{ "no token, but a grant", FSM_KIND_CLAIM, 8, HOLDS, 16, 8, 0 },
	{ "a token, but no grant", FSM_KIND_CLAIM, 8, WAITS, 16, 8, WAITS },
	{ "a token below its index", FSM_KIND_CLAIM, 8, HOLDS, 16, 8,
	  HOLDS - 1 },
	{ "a token to come", FSM_KIND_CLAIM, 8, HOLDS, 16, 8, 1 << 20 },
	{ "a token ahead of its index", FSM_KIND_CLAIM, 8, HOLDS, 16, 8,
	  HOLDS + 1, true },
	{ "a grant before the ticket", FSM_KIND_CLAIM, 8, HOLDS, 24, 8,
	  HOLDS - 1 },
	{ "a grant to come", FSM_KIND_CLAIM, 8, HOLDS, 24, 8, LAST + 1 },
	{ "no grant, but a token", FSM_KIND_CLAIM, 8, HOLDS, 24, 8, 0 },
	{ "nobody's claim", FSM_KIND_CLAIM, 8, WAITS, 32, 8, 0 },
	{ "a claim of no session", FSM_KIND_CLAIM, 8, WAITS, 32, 8, 7 },
	{ "a claim of a session to come", FSM_KIND_CLAIM, 8, WAITS, 32, 8,
	  LAST },
	{ "a claim of no handle", FSM_KIND_CLAIM, 8, WAITS, 40, 8, 7 },
	{ "a claim of a handle closed since", FSM_KIND_CLAIM, 8, WAITS, 40, 8,
	  9 },
	{ "who waits for a dead lock", FSM_KIND_CLAIM, 8, WAITS, 48, 4,
	  0x7466656c },
	{ "a name too long", FSM_KIND_CLAIM, 8, WAITS, 2, 1, FSM_NAME_MAX + 1 },
	{ "a lock without a name", FSM_KIND_CLAIM, 8, WAITS, 2, 1, 0 },
	{ "a dirty name", FSM_KIND_CLAIM, 8, WAITS, 55, 1, 1 },
	/* handles, known by their birth */
	{ "another program", FSM_KIND_HANDLE, 24, WAITS, 40, 4, 4711, true },
	{ "a program with two ends", FSM_KIND_HANDLE, 24, WAITS, 63, 1, 'x' },
	{ "a handle with a name", FSM_KIND_HANDLE, 24, WAITS, 2, 1, 8 },
	{ "a handle with flags", FSM_KIND_HANDLE, 24, WAITS, 3, 1, 1 },
	{ "a handle with more", FSM_KIND_HANDLE, 24, WAITS, 4, 4, 1 },
	{ "nobody's handle", FSM_KIND_HANDLE, 24, WAITS, 8, 8, 0 },
	{ "a handle of no session", FSM_KIND_HANDLE, 24, WAITS, 8, 8, 8 },
	{ "a handle with no claim", FSM_KIND_HANDLE, 24, WAITS, 16, 8, 8 },
	{ "a handle twice", FSM_KIND_HANDLE, 24, WAITS, 16, 8, 9 },
	{ "never born", FSM_KIND_HANDLE, 24, WAITS, 24, 8, 0 },
	{ "born with its session", FSM_KIND_HANDLE, 24, WAITS, 24, 8, OTHER },
	{ "born after its claim", FSM_KIND_HANDLE, 24, WAITS, 24, 8,
	  WAITS + 1 },
	{ "born a little earlier", FSM_KIND_HANDLE, 24, WAITS, 24, 8,
	  WAITS - 2, true },
	{ "born to come", FSM_KIND_HANDLE, 24, WAITS, 24, 8, LAST + 1 },
	{ "dead before it was born", FSM_KIND_HANDLE, 24, WAITS, 32, 8,
	  WAITS },
	{ "dead before it asked", FSM_KIND_HANDLE, 24, WAITS, 32, 8, SHARES },
	{ "dead in time to come", FSM_KIND_HANDLE, 24, WAITS, 32, 8,
	  LAST + 1 },
	{ "dead of the same entry as another", FSM_KIND_HANDLE, 24, WAITS, 32,
	  8, LAST - 1 },
	/* graves */
	{ "a grave of nobody", FSM_KIND_GRAVE, 8, GONE, 8, 8, 0 },
	{ "a grave of somebody alive", FSM_KIND_GRAVE, 8, GONE, 8, 8, OTHER },
	{ "a grave of another", FSM_KIND_GRAVE, 8, GONE, 8, 8, 9 },
	{ "a grave from before the session", FSM_KIND_GRAVE, 8, GONE, 16, 8,
	  GONE },
	{ "a grave to come", FSM_KIND_GRAVE, 8, GONE, 16, 8, LAST + 1 },
	{ "a grave with a name", FSM_KIND_GRAVE, 8, GONE, 2, 1, 1 },
	{ "a grave with flags", FSM_KIND_GRAVE, 8, GONE, 3, 1, 1 },
	{ "a grave with more", FSM_KIND_GRAVE, 8, GONE, 4, 4, 1 },
	/* locks, known by their names */
	{ "a lock that says nothing", FSM_KIND_LOCK, NAME_AT, 0x7466656c, 3, 1,
	  0 },
	{ "left without a death", FSM_KIND_LOCK, NAME_AT, 0x7466656c, 3, 1,
	  FSM_LOCK_IDLE },
	{ "an unknown flag of a lock", FSM_KIND_LOCK, NAME_AT, 0x7466656c, 3, 1,
	  FSM_LOCK_DIED | FSM_LOCK_IDLE | 4 },
	{ "a number, but not left", FSM_KIND_LOCK, NAME_AT, 0x7466656c, 3, 1,
	  FSM_LOCK_DIED },
	{ "a lock with more", FSM_KIND_LOCK, NAME_AT, 0x7466656c, 6, 2, 1 },
	{ "two of one death", FSM_KIND_LOCK, NAME_AT, 0x7466656c, 4, 2, 2 },
	{ "a death to come", FSM_KIND_LOCK, NAME_AT, 0x7466656c, 4, 2, 1000 },
	{ "a lock left, but held", FSM_KIND_LOCK, NAME_AT, 0x7466656c, NAME_AT,
	  4, 0x646c6568 },
	{ "a lock twice", FSM_KIND_LOCK, NAME_AT, 0x7466656c, NAME_AT, 4,
	  0x30303033 },
	{ "another lock", FSM_KIND_LOCK, NAME_AT, 0x7466656c, NAME_AT, 4,
	  0x7466666c, true },
	/* counters */
	{ "another value", FSM_KIND_COUNTER, 8, 14, 8, 8, ~0ULL, true },
	{ "a counter twice", FSM_KIND_COUNTER, 8, 14, 24, 1, 'm' },
	{ "a counter from nowhere", FSM_KIND_COUNTER, 8, 14, 16, 8, 0 },
	{ "a counter to come", FSM_KIND_COUNTER, 8, 14, 16, 8, LAST + 1 },
	{ "a counter with flags", FSM_KIND_COUNTER, 8, 14, 3, 1, 1 },
	{ "a counter with more", FSM_KIND_COUNTER, 8, 14, 4, 4, 1 },
	{ "a record of no kind", FSM_KIND_COUNTER, 8, 14, 1, 1, 0 },
	{ "a record of another kind", FSM_KIND_COUNTER, 8, 14, 1, 1, 6 },
	{ "a record of any kind", FSM_KIND_COUNTER, 8, 14, 1, 1, 255 },
	{ "no record", FSM_KIND_COUNTER, 8, 14, 0, 1, 3 },
	/* sessions, known by their ids */
	{ "another TTL", 0, 8, LIVES, 72, 4, FSM_TTL_MAX_MS, true },
	{ "too short a TTL", 0, 8, LIVES, 72, 4, FSM_TTL_MIN_MS - 1 },
	{ "too long a TTL", 0, 8, LIVES, 72, 4, FSM_TTL_MAX_MS + 1 },
	{ "a session with more", 0, 8, LIVES, 76, 4, 1 },
	{ "a session that is another", 0, 8, LIVES, 8, 8, 9 },
	{ "a session that has a grave", 0, 8, LIVES, 8, 8, GONE },
	/* the head, known by its version */
	{ "tokens that go on higher", HEAD, 8, 1, 56, 8, 1 << 20, true },
	{ "tokens that were given", HEAD, 8, 1, 56, 8, LAST - 2 * MANY },
	{ "more deaths", HEAD, 8, 1, 64, 8, 60000, true },
	{ "fewer deaths", HEAD, 8, 1, 64, 8, 100 },
	{ "fewer records", HEAD, 8, 1, 72, 4, 50 },
	{ "more records", HEAD, 8, 1, 72, 4, 5000 },
	{ "dirt", HEAD, 8, 1, 76, 4, 1 },
	{ "fewer objects", HEAD, 8, 1, 44, 4, 300 },
	{ "more objects", HEAD, 8, 1, 44, 4, 1000 },
	{ "fewer sessions", HEAD, 8, 1, 40, 4, 1 },
	{ "more sessions", HEAD, 8, 1, 40, 4, 3 },
	{ "a limit that is passed", HEAD, 8, 1, 12, 4, 300 },
	{ "another limit", HEAD, 8, 1, 12, 4, 1000, true },
};

static u32 record_len(const u8 *p)
{
	static const u8 fixed[] = { 0, 24, 8, 48, 64, 24 };

	if (p[0] == 2)
		return 80 + fsm_padded(p[1]) + p[2] * 32 + fsm_get16(p + 4) * 24;
	return fixed[p[1]] + fsm_padded(p[2]);
}

/* Where the record that @t speaks of begins; 0: nowhere. */
static u64 find_record(const u8 *buf, u64 len, const struct forgery *t)
{
	u64 at, n;

	if (t->kind == HEAD)
		return 0;
	for (at = FSM_SNAP_HEAD; at < len; at += n) {
		const u8 *p = buf + at;

		n = record_len(p);
		if (t->kind ? p[0] != 1 || p[1] != t->kind : p[0] != 2)
			continue;
		if (t->kind == FSM_KIND_LOCK ? fsm_get32(p + t->at) == t->is :
					       fsm_get64(p + t->at) == t->is)
			return at;
	}
	return 0;
}

/* Loads @buf. False: refused. @hash: what its records have added up to. */
static bool loads(struct kit_pool *p, const u8 *buf, u64 len, u64 *hash)
{
	struct fsm *f = kit_bare(p);
	int err = fsm_load_begin(f, buf, len);

	for (err = err ? err : 1; err == 1 || err == -ENOMEM;) {
		kit_feed(p, f);
		err = fsm_load_step(f, 50);
	}
	KUNIT_EXPECT_TRUE(p->test, !err || err == -EINVAL);
	*hash = f->hash;
	kit_drop(p, f);
	return !err;
}

/* All sums are made right before it is loaded. */
static bool loads_signed(struct kit_pool *p, u8 *buf, u64 len)
{
	u64 seed = fsm_get64(buf + 16), hash;
	siphash_key_t key = { { seed, ~seed } };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		fsm_put64(buf + 80, siphash(buf, 80, &key));
		if (loads(p, buf, len, &hash))
			return true;
		fsm_put64(buf + 32, hash);
	}
	return false;
}

static void what_no_entries_lead_to_is_refused(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	u64 len, at;
	u8 *buf = forged_state(p, &len), *copy;
	unsigned int i, j;

	copy = kunit_kzalloc(test, len, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, copy);
	memcpy(copy, buf, len);
	KUNIT_EXPECT_TRUE(test, loads_signed(p, copy, len));
	for (i = 0; i < ARRAY_SIZE(forgeries); i++) {
		const struct forgery *t = &forgeries[i];

		memcpy(copy, buf, len);
		at = find_record(copy, len, t);
		KUNIT_EXPECT_TRUE_MSG(test, at || t->kind == HEAD, "%s",
				      t->what);
		for (j = 0; j < t->bytes; j++)
			copy[at + t->to + j] = t->value >> 8 * j;
		KUNIT_EXPECT_TRUE_MSG(test, memcmp(copy, buf, len), "%s",
				      t->what);
		KUNIT_EXPECT_EQ_MSG(test, loads_signed(p, copy, len), t->fine,
				    "%s", t->what);
	}
}

/* A record is taken away, or comes once more, and the head counts it. */
static void pitfall_52_each_record_is_needed_once(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	u64 len, at, bad = 0, seen[7] = { 0 };
	u8 *buf = forged_state(p, &len), *copy;
	u32 n;

	copy = kunit_kzalloc(test, 2 * len, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, copy);
	for (at = FSM_SNAP_HEAD; at < len; at += n) {
		u32 count = buf[at] == 2 ? 40 : 72;

		n = record_len(buf + at);
		/* Of hundreds of a kind some stand for all. */
		if (seen[buf[at] == 2 ? 6 : buf[at + 1]]++ % 16)
			continue;
		memcpy(copy, buf, at);
		memcpy(copy + at, buf + at + n, len - at - n);
		fsm_put32(copy + count, fsm_get32(copy + count) - 1);
		fsm_put64(copy + 48, len - n);
		bad += loads_signed(p, copy, len - n);
		memcpy(copy, buf, len);
		memcpy(copy + len, buf + at, n);
		fsm_put32(copy + count, fsm_get32(copy + count) + 1);
		fsm_put64(copy + 48, len + n);
		bad += loads_signed(p, copy, len + n);
	}
	KUNIT_EXPECT_EQ(test, bad, 0);
	for (n = 1; n <= 6; n++)
		KUNIT_EXPECT_TRUE_MSG(test, seen[n], "kind %u", n);
}

/* Records are in an order that is nobody's business. */
static void pitfall_68_queues_do_not_depend_on_the_order(struct kunit *test)
{
	struct kit_pool *p = kit_pool(test);
	u64 len, at, to, hash, first;
	u8 *buf = forged_state(p, &len), *copy;
	u32 n;

	copy = kunit_kzalloc(test, len, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, copy);
	KUNIT_ASSERT_TRUE(test, loads(p, buf, len, &first));
	/* The last one first. */
	memcpy(copy, buf, FSM_SNAP_HEAD);
	to = len;
	for (at = FSM_SNAP_HEAD; at < len; at += n) {
		n = record_len(buf + at);
		to -= n;
		memcpy(copy + to, buf + at, n);
	}
	KUNIT_ASSERT_EQ(test, to, FSM_SNAP_HEAD);
	KUNIT_EXPECT_TRUE(test, loads(p, copy, len, &hash));
	KUNIT_EXPECT_TRUE(test, hash == first);
}

static struct kunit_case load_cases[] = {
	KUNIT_CASE(pitfall_52_locks_and_the_dead_come_through),
	KUNIT_CASE(pitfall_67_whoever_waits_without_need_comes_through),
	KUNIT_CASE(what_no_entries_lead_to_is_refused),
	KUNIT_CASE(pitfall_52_each_record_is_needed_once),
	KUNIT_CASE(pitfall_68_queues_do_not_depend_on_the_order),
	{}
};

static struct kunit_suite load_suite = {
	.name = "fsm-load",
	.test_cases = load_cases,
};

kunit_test_suite(load_suite);

MODULE_LICENSE("GPL");
