// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of the state machine: cells that come and go, the table in which they
 * are found, and whether there is always enough for what the log may bring (pitfall
 * 72). What cells hold is other suites' business.
 */
#include <linux/module.h>
#include "fsm_kit.h"
#include "../../kmod/fsm/bytes.h"
#include "../../kmod/fsm/state.h"

enum {
	THINGS = 2048,
	/* Few different ones, so that chains hold several of the same. */
	HASHES = 350,
};

/* ----------------------------------------------------------------- by chance */

/**
 * struct thing - what a cell should be
 * @cell: the cell, NULL: there is none
 * @kind: of it
 * @hash: of it
 * @sum: what it adds to the state's hash
 * @bytes: of its record, 0: none
 */
struct thing {
	struct fsm_cell *cell;
	u8 kind;
	u64 hash;
	u64 sum;
	u32 bytes;
};

/**
 * struct zoo - a state, and what it should be
 * @f: state
 * @thing: what should be in it
 * @lock: one that all claims are of; never ends
 * @name: of it
 * @base: the state's hash without any of them
 * @sum: what they add to it
 * @bytes: of their records
 * @records: these
 * @kinds: how many there are, by kind
 * @random: chance
 */
struct zoo {
	struct fsm *f;
	struct thing thing[THINGS];
	struct fsm_object *lock;
	char name[FSM_NAME_MAX + 1];
	u64 base;
	u64 sum;
	u64 bytes;
	u32 records;
	u32 kinds[FSM_KIND_GRAVE + 1];
	u64 random;
};

static bool blank(const struct fsm_cell *cell)
{
	const u8 *p = (const u8 *)(cell + 1);
	u32 i, n = sizeof(union fsm_any) - sizeof(*cell);

	for (i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static u32 record_bytes(const struct zoo *z, u8 kind, u8 name_len)
{
	switch (kind) {
	case FSM_KIND_COUNTER:
		return 24 + fsm_padded(name_len);
	case FSM_KIND_LOCK:
		return 8 + fsm_padded(name_len);
	case FSM_KIND_CLAIM:
		return 48 + fsm_padded(z->lock->cell.name_len);
	case FSM_KIND_HANDLE:
		return 64;
	default:
		return 24;
	}
}

static void account(struct zoo *z, struct thing *t, u64 sum, u32 bytes)
{
	z->sum += sum - t->sum;
	z->bytes += (u64)bytes - t->bytes;
	z->records += !!bytes - !!t->bytes;
	t->sum = sum;
	t->bytes = bytes;
}

/* A sum that is 0 is one, but for locks: it must never be seen in others. */
static void sum_up(struct zoo *z, struct thing *t)
{
	u64 sum = kit_below(&z->random, 3) ? kit_random(&z->random) : 0;
	bool record = sum || t->kind != FSM_KIND_LOCK;

	if (t->kind == FSM_KIND_COUNTER) {
		fsm_object_set(z->f, container_of(t->cell, struct fsm_object,
						  cell), sum, 1);
		account(z, t, t->cell->sum, t->bytes);
		return;
	}
	fsm_cell_sum(z->f, t->cell, sum);
	account(z, t, record ? sum | 1 : 0,
		record ? record_bytes(z, t->kind, t->cell->name_len) : 0);
}

/* Returns whether it is as it should be. */
static bool birth(struct zoo *z, struct thing *t)
{
	u8 len = 1 + kit_below(&z->random, FSM_NAME_MAX);
	struct fsm_object *o;
	bool good = true;

	t->kind = 1 + kit_below(&z->random, FSM_KIND_GRAVE);
	t->hash = fsm_ticket_hash(z->f, kit_below(&z->random, HASHES));
	if (t->kind <= FSM_KIND_LOCK) {
		o = fsm_object_new(z->f, t->kind, z->name, len, t->hash);
		if (!o)
			return false;
		t->cell = &o->cell;
		good = !o->first && !o->waiting && !o->flags;
		if (t->kind == FSM_KIND_COUNTER)
			account(z, t, 0, record_bytes(z, t->kind, len));
	} else {
		t->cell = fsm_cell_new(z->f, t->kind, t->hash);
		if (!t->cell)
			return false;
		good = blank(t->cell);
		if (t->kind == FSM_KIND_CLAIM)
			container_of(t->cell, struct fsm_claim, cell)->lock =
				z->lock;
	}
	z->kinds[t->kind]++;
	return good && !t->cell->sum && t->cell->kind == t->kind &&
	       t->cell->hash == t->hash && !t->cell->n;
}

static void death(struct zoo *z, struct thing *t)
{
	fsm_cell_end(z->f, t->cell);
	account(z, t, 0, 0);
	z->kinds[t->kind]--;
	t->cell = NULL;
}

/* How often is it found? */
static u32 found(const struct zoo *z, const struct thing *t)
{
	struct fsm_cell *c = fsm_cell_find(z->f, t->kind, t->hash);
	u32 n = 0;

	for (; c; c = fsm_cell_again(c))
		n += c == t->cell;
	return n;
}

/* Is the whole what its parts make it? */
static bool sound(const struct zoo *z)
{
	const struct fsm *f = z->f;
	u32 objects = z->kinds[FSM_KIND_COUNTER] + z->kinds[FSM_KIND_LOCK] +
		      z->kinds[FSM_KIND_CLAIM] + z->kinds[FSM_KIND_HANDLE];

	return f->hash == z->base + z->sum && f->body == z->bytes &&
	       f->records == z->records && f->objects == objects + 1 &&
	       f->n_graves == z->kinds[FSM_KIND_GRAVE] &&
	       f->locks == z->kinds[FSM_KIND_LOCK] + 1;
}

static struct zoo *zoo(struct kit_pool *p, u64 seed)
{
	struct zoo *z = kunit_kzalloc(p->test, sizeof(*z), GFP_KERNEL);

	KUNIT_ASSERT_TRUE(p->test, z);
	z->random = seed;
	z->f = kit_fsm(p, 100000);
	memset(z->name, 'n', FSM_NAME_MAX);
	z->lock = fsm_object_new(z->f, FSM_KIND_LOCK, z->name, 17, 1);
	KUNIT_ASSERT_TRUE(p->test, z->lock);
	z->base = kit_hash(z->f);
	return z;
}

static void cells_come_and_go_and_are_found(struct kunit *test)
{
	enum { STEPS = 1000000 };
	struct kit_pool *p = kit_pool(test);
	struct zoo *z = zoo(p, 21);
	u32 step, i, bad = 0, missing = 0;

	for (step = 0; step < STEPS && !bad; step++) {
		struct thing *t = &z->thing[kit_below(&z->random, THINGS)];

		if (z->f->filled + 1 >= z->f->capacity)
			kit_feed(p, z->f);
		if (!t->cell)
			bad += !birth(z, t);
		else if (kit_below(&z->random, 2))
			death(z, t);
		else
			sum_up(z, t);
		bad += !sound(z);
	}
	KUNIT_EXPECT_EQ_MSG(test, bad, 0, "step %u", step);
	for (i = 0; i < THINGS; i++)
		if (z->thing[i].cell)
			missing += found(z, &z->thing[i]) != 1;
	KUNIT_EXPECT_EQ(test, missing, 0);
	/* Nobody is found who has gone. */
	for (i = 0; i < THINGS; i++)
		if (z->thing[i].cell)
			death(z, &z->thing[i]);
	for (i = 0; i < HASHES; i++) {
		u64 hash = fsm_ticket_hash(z->f, i);
		u8 kind;

		for (kind = 1; kind <= FSM_KIND_GRAVE; kind++)
			missing += !!fsm_cell_find(z->f, kind, hash);
	}
	KUNIT_EXPECT_EQ(test, missing, 0);
	KUNIT_EXPECT_TRUE(test, sound(z));
	KUNIT_EXPECT_TRUE(test, z->f->hash == z->base);
	KUNIT_EXPECT_EQ(test, z->f->body, 0);
}

/* ------------------------------------------------------------------- growth */

/* Cells that come and go cost what they are, not what they were. */
static void churn_costs_no_memory(struct kunit *test)
{
	enum { MOST = 2 * FSM_BUCKETS, ROUNDS = 40 };
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, FSM_OBJECTS_LIMIT);
	u32 filled = 0, split = 0, mask = 0, chunks = 0, round, i, n;
	struct fsm_cell **cell;
	u64 random = 22;

	cell = kunit_kzalloc(test, MOST * sizeof(*cell), GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, cell);
	for (round = 0; round < ROUNDS; round++) {
		n = round ? kit_below(&random, MOST + 1) : MOST;
		for (i = 0; i < n; i++) {
			if (!f->free && f->filled + 1 >= f->capacity)
				kit_feed(p, f);
			cell[i] = fsm_cell_new(f, FSM_KIND_HANDLE,
					       kit_random(&random));
			KUNIT_ASSERT_TRUE(test, cell[i]);
		}
		if (!round) {
			filled = f->filled;
			split = f->split;
			mask = f->mask;
			chunks = f->chunks;
		}
		/* From the front, so that the list of free ones is no stack. */
		for (i = 0; i < n; i++)
			fsm_cell_end(f, cell[i]);
		KUNIT_EXPECT_EQ(test, f->objects, 0);
	}
	KUNIT_EXPECT_EQ(test, filled, (u32)MOST);
	KUNIT_EXPECT_EQ(test, f->filled, filled);
	KUNIT_EXPECT_EQ(test, f->split, split);
	KUNIT_EXPECT_EQ(test, f->mask, mask);
	KUNIT_EXPECT_EQ(test, f->chunks, chunks);
	/* A bucket for each, and no more. */
	KUNIT_EXPECT_EQ(test, f->mask + 1 + f->split, (u32)MOST);
}

/* A bucket a cell: chains stay short however many there are, or were. */
static void chains_stay_short(struct kunit *test)
{
	enum { MOST = 5 * FSM_BUCKETS / 2 };
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = kit_fsm(p, FSM_OBJECTS_LIMIT);
	u32 i, b, longest = 0, total = 0;

	for (i = 0; i < MOST; i++) {
		struct fsm_cell *c;

		if (f->filled + 1 >= f->capacity)
			kit_feed(p, f);
		c = fsm_cell_new(f, i % 3 ? FSM_KIND_HANDLE : FSM_KIND_GRAVE,
				 fsm_ticket_hash(f, i));
		KUNIT_ASSERT_TRUE(test, c);
	}
	for (b = 0; b <= f->mask + f->split; b++) {
		struct fsm_cell *c = f->segment[b >> FSM_BUCKET_BITS]
					       [b & (FSM_BUCKETS - 1)];
		u32 n = 0;

		for (; c; c = c->next)
			n++;
		total += n;
		longest = max(longest, n);
	}
	KUNIT_EXPECT_EQ(test, total, (u32)MOST);
	KUNIT_EXPECT_EQ(test, f->mask + 1 + f->split, (u32)MOST);
	KUNIT_EXPECT_LE(test, longest, 12);
}

/* --------------------------------------------------------------------- room */

/* A state in which @sessions of nodes are open, with no memory to spare. */
static struct fsm *bare_state(struct kit_pool *p, u32 limit, u32 sessions)
{
	const struct fsm_command init = {
		.op = FSM_INIT, .arg = KIT_SEED, .arg2 = limit,
	};
	struct fsm *f = kit_bare(p);
	struct fsm_outcome out;
	char name[16];
	u32 i;

	for (i = 0; i <= FSM_SESSIONS_MAX / 2; i++)
		fsm_give(f, kit_chunk(p));
	KUNIT_ASSERT_EQ(p->test, kit_apply(f, &init, &out), 0);
	for (i = 0; i < sessions; i++) {
		struct fsm_command c;

		snprintf(name, sizeof(name), "n%02u", i);
		c = kit_open(name, i + 1, 1, 1);
		KUNIT_ASSERT_EQ(p->test, kit_apply(f, &c, &out), 0);
		KUNIT_ASSERT_EQ(p->test, out.session, i + 2);
	}
	KUNIT_ASSERT_EQ(p->test, f->capacity, 0);
	return f;
}

/* The fewest chunks with which there is room for @n entries. */
static u32 give_until(struct kit_pool *p, struct fsm *f, u32 n)
{
	u32 given = 0;

	for (; !fsm_room(f, f->applied, n); given++)
		fsm_give(f, kit_chunk(p));
	return given;
}

/* "A lock, a claim and its handle": each entry takes all three, to the last cell. */
static void room_is_exact_for_acquires(struct kunit *test)
{
	enum { CHUNKS = 3, ENTRIES = CHUNKS * FSM_CELLS / FSM_ENTRY_CELLS };
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = bare_state(p, 1 << 20, 1);
	struct fsm_outcome out;
	char name[16];
	u32 i, bad = 0;

	/* Cells in a chunk can be parted among whole entries on 64 bits only. */
	KUNIT_EXPECT_EQ(test, give_until(p, f, ENTRIES), CHUNKS);
	KUNIT_EXPECT_TRUE(test, FSM_CELLS % FSM_ENTRY_CELLS ||
			  !fsm_room(f, f->applied, ENTRIES + 1));
	for (i = 0; i < ENTRIES; i++) {
		struct fsm_command c;

		snprintf(name, sizeof(name), "l%04u", i);
		c = kit_lock(2, i + 1, i + 1, name, 0);
		bad += kit_apply(f, &c, &out) || out.status || !out.value;
	}
	KUNIT_EXPECT_EQ(test, bad, 0);
	KUNIT_EXPECT_EQ(test, f->objects, (u32)(ENTRIES * FSM_ENTRY_CELLS));
	KUNIT_EXPECT_LE(test, f->capacity - f->filled, FSM_ENTRY_CELLS - 1);
	/* What ended serves again, without a chunk more. */
	for (i = 0; i < ENTRIES; i++) {
		struct fsm_command c = kit_close(2, ENTRIES + i + 1,
						 ENTRIES + i + 1, i + 1, 0);

		c.arg = c.seq - 1;
		bad += kit_apply(f, &c, &out) || out.status;
	}
	KUNIT_EXPECT_EQ(test, f->held, 0);
	KUNIT_EXPECT_EQ(test, f->objects, (u32)ENTRIES);
	KUNIT_EXPECT_TRUE(test, f->free);
	KUNIT_EXPECT_TRUE(test, fsm_room(f, f->applied, ENTRIES * 2 / 3));
	for (i = 0; i < ENTRIES; i++) {
		struct fsm_command c;

		snprintf(name, sizeof(name), "l%04u", i);
		c = kit_lock(2, 2 * ENTRIES + i + 1, ENTRIES + i + 1, name, 0);
		bad += kit_apply(f, &c, &out) || out.status || !out.value;
	}
	KUNIT_EXPECT_EQ(test, bad, 0);
	KUNIT_EXPECT_EQ(test, f->objects, (u32)(ENTRIES * FSM_ENTRY_CELLS));
}

/* Cells alone are no room: they must be found. */
static void room_is_for_buckets_too(struct kunit *test)
{
	enum { CHUNKS = FSM_BUCKETS / FSM_CELLS + 4, ENTRIES = FSM_BUCKETS / 2 };
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = bare_state(p, 1 << 20, 1);
	struct fsm_outcome out;
	u32 i, bad = 0;
	char name[16];

	/* Unasked: more than the buckets that there are. */
	for (i = 0; i < CHUNKS; i++)
		fsm_give(f, kit_chunk(p));
	KUNIT_EXPECT_EQ(test, f->n_segments, 1);
	KUNIT_EXPECT_GT(test, f->capacity, (u32)FSM_BUCKETS);
	KUNIT_EXPECT_TRUE(test, fsm_room(f, f->applied,
					 FSM_BUCKETS / FSM_ENTRY_CELLS));
	KUNIT_EXPECT_FALSE(test, fsm_room(f, f->applied,
					  FSM_BUCKETS / FSM_ENTRY_CELLS + 1));
	give_until(p, f, ENTRIES);
	KUNIT_EXPECT_EQ(test, f->n_segments, 2);
	for (i = 0; i < ENTRIES; i++) {
		struct fsm_command c;

		snprintf(name, sizeof(name), "l%04u", i);
		c = kit_lock(2, i + 1, i + 1, name, 0);
		bad += kit_apply(f, &c, &out) || out.status || !out.value;
	}
	KUNIT_EXPECT_EQ(test, bad, 0);
}

/* At the limit nothing more comes but graves: there must be room for these. */
static void room_at_the_limit_is_for_graves(struct kunit *test)
{
	enum { LIMIT = FSM_CELLS };
	struct kit_pool *p = kit_pool(test);
	struct fsm *f = bare_state(p, LIMIT, FSM_SESSIONS_MAX);
	struct fsm_outcome out;
	struct fsm_command c;
	u32 i, claims, seq[FSM_SESSIONS_MAX] = { 0 };

	KUNIT_EXPECT_EQ(test, give_until(p, f, 1), 1);
	/* One lock, one handle a session; the rest are claims that wait. */
	claims = LIMIT - 1 - FSM_SESSIONS_MAX;
	for (i = 0; i < claims; i++) {
		u32 s = i % FSM_SESSIONS_MAX;

		c = kit_lock(2 + s, ++seq[s], 1, "x", 0);
		KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
		KUNIT_ASSERT_EQ(test, out.status, 0);
	}
	KUNIT_EXPECT_EQ(test, f->objects, (u32)LIMIT);
	KUNIT_EXPECT_EQ(test, f->filled, (u32)LIMIT);
	c = kit_lock(2, ++seq[0], 2, "y", 0);
	KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
	KUNIT_EXPECT_EQ(test, out.status, -ENOSPC);
	KUNIT_EXPECT_TRUE(test, fsm_room(f, f->applied, 0));
	KUNIT_EXPECT_FALSE(test, fsm_room(f, f->applied, 1));
	KUNIT_EXPECT_EQ(test, give_until(p, f, FSM_SESSIONS_MAX), 1);
	/* No REAP comes between: the graves stay as long as they can. */
	for (i = 0; i < FSM_SESSIONS_MAX; i++) {
		c = kit_expire(2 + i);
		KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
	}
	KUNIT_EXPECT_EQ(test, f->n_sessions, 0);
	for (i = 0; i < LIMIT && fsm_dying(f); i++) {
		c = kit_reap();
		KUNIT_ASSERT_EQ(test, kit_apply(f, &c, &out), 0);
	}
	KUNIT_EXPECT_EQ(test, f->n_graves, 0);
	/* The lock is there still: its last holder died. */
	KUNIT_EXPECT_EQ(test, f->objects, 1);
}

/* ------------------------------------------------------- room for any stream */

/**
 * struct mob - sessions that do whatever takes memory
 * @id: of the session; 0: none
 * @seq: its last request
 * @opened: how often its name was used
 */
struct mob {
	u64 id;
	u64 seq;
	u64 opened;
};

enum { MOBS = 12 };

/* The next entry, for one of them; @name is where a lock's goes. */
static struct fsm_command mischief(u64 *random, struct mob *m, u32 who,
				   char name[8])
{
	static const char *const nodes[] = {
		"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l",
	};
	u32 what = kit_below(random, 100);
	u64 handle = 1 + kit_below(random, 9);

	snprintf(name, 8, "%u", kit_below(random, what < 50 ? 100000 : 5));
	if (!m->id || what < 4)
		return kit_open(nodes[who], who + 1, 1, ++m->opened);
	if (what == 4)
		return kit_expire(m->id);
	if (what == 5)
		return kit_reap();
	m->seq++;
	if (what < 10)
		return kit_close(m->id, m->seq, m->seq, handle, m->seq - 1);
	if (what < 20)
		return kit_add(m->id, m->seq, m->seq, name, 1);
	return kit_lock(m->id, m->seq, m->seq % 3 ? handle : m->seq, name,
			kit_below(random, 2) ? FSM_ACQUIRE_SHARED : 0);
}

/* Whatever comes, if room was asked for, and nothing else was given. */
static void apply_burst(struct kit_pool *p, struct fsm *f, u64 *random,
			struct mob *mob, u32 n)
{
	struct fsm_outcome out;
	char name[8];

	while (n-- && !kit_failed(p->test)) {
		u32 who = kit_below(random, MOBS);
		struct fsm_command c = mischief(random, &mob[who], who, name);

		KUNIT_EXPECT_EQ(p->test, kit_apply(f, &c, &out), 0);
		if (out.kind == FSM_OUT_OPENED) {
			mob[who].id = out.session;
			mob[who].seq = 0;
		}
		if (c.op == FSM_EXPIRE)
			mob[who].id = 0;
		KUNIT_EXPECT_LE(p->test, f->objects, f->objects_max);
		KUNIT_EXPECT_LE(p->test, 2 * f->n_graves, f->objects);
	}
}

static void pitfall_72_apply_never_runs_out(struct kunit *test)
{
	static const u32 limits[] = { 1, 7, 60, 1000, 1 << 20 };
	struct kit_pool *p = kit_pool(test);
	u32 i, round;

	for (i = 0; i < 3 * ARRAY_SIZE(limits); i++) {
		struct fsm *f = bare_state(p, limits[i / 3], 0);
		struct mob mob[MOBS] = { { 0 } };
		u64 random = 31 + i;

		for (round = 0; round < 40 && !kit_failed(test); round++) {
			u32 n = kit_below(&random, 250);

			give_until(p, f, n);
			apply_burst(p, f, &random, mob, n);
		}
		kit_drop(p, f);
	}
}

/* What is asked for is given, and then there is room. */
static void what_is_wanted_is_room_enough(struct kunit *test)
{
	static const u32 limits[] = { 1, 7, 600, 5000, 1 << 20 };
	struct kit_pool *p = kit_pool(test);
	u64 random = 41;
	u32 i, round;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		struct fsm *f = bare_state(p, limits[i], 0);
		struct mob mob[MOBS] = { { 0 } };
		u32 n = 100;

		for (round = 0; round < 20 && !kit_failed(test); round++) {
			bool had = fsm_room(f, f->applied, n);

			kit_feed(p, f);
			KUNIT_EXPECT_TRUE(test, fsm_room(f, f->applied, n));
			KUNIT_EXPECT_TRUE(test, !round || had);
			apply_burst(p, f, &random, mob, n);
			kit_feed(p, f);
		}
		kit_drop(p, f);
	}
}

static struct kunit_case cell_cases[] = {
	KUNIT_CASE(cells_come_and_go_and_are_found),
	KUNIT_CASE(churn_costs_no_memory),
	KUNIT_CASE(chains_stay_short),
	KUNIT_CASE(room_is_exact_for_acquires),
	KUNIT_CASE(room_is_for_buckets_too),
	KUNIT_CASE(room_at_the_limit_is_for_graves),
	KUNIT_CASE(pitfall_72_apply_never_runs_out),
	KUNIT_CASE(what_is_wanted_is_room_enough),
	{}
};

static struct kunit_suite cell_suite = {
	.name = "fsm-cell",
	.test_cases = cell_cases,
};

kunit_test_suite(cell_suite);

MODULE_LICENSE("GPL");
