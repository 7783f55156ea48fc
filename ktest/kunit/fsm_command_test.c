// SPDX-License-Identifier: GPL-2.0
/*
 * Commands as bytes, and names. What is accepted has one spelling; whatever is
 * changed in it is refused or says something else.
 */
#include <linux/module.h>
#include "fsm_kit.h"

/* The bytes are written as big-endian words, so that they read from the left. */
struct sample {
	const char *what;
	struct fsm_command c;
	unsigned int n;
	u64 word[11];
};

static const struct sample samples[] = {
	{ "init",
	  { .op = FSM_INIT, .seq = FSM_VERSION, .arg = 0x1122334455667788,
	    .arg2 = 1 << 20 },
	  3, { 0x0100010000000000, 0x8877665544332211, 0x0000100000000000 } },
	{ "open",
	  { .op = FSM_SESSION_OPEN, .name = "alpha", .name_len = 5,
	    .node = { 1, 2 }, .boot_counter = 3, .boot_nonce = 4, .arg2 = 5,
	    .arg = 10000 },
	  8, { 0x0205000000000000, 0x0100000000000000, 0x0200000000000000,
	       0x0300000000000000, 0x0400000000000000, 0x0500000000000000,
	       0x1027000000000000, 0x616c706861000000 } },
	{ "add",
	  { .op = FSM_COUNTER_ADD, .name = "seq/main", .name_len = 8,
	    .session = 0x102, .seq = 2000, .low = 977, .handle = 9,
	    .arg = ~0ULL },
	  6, { 0x0308ff0300000000, 0x0201000000000000, 0xd007000000000000,
	       0x0900000000000000, 0xffffffffffffffff, 0x7365712f6d61696e } },
	{ "add with a fence",
	  { .op = FSM_COUNTER_ADD, .name = "n", .name_len = 1, .session = 2,
	    .seq = 1024, .low = 1, .handle = 9, .arg = 1,
	    .fence = { 0x1234, 9, "lock/main" } },
	  9, { 0x0301ff2700000000, 0x0200000000000000, 0x0004000000000000,
	       0x0900000000000000, 0x0100000000000000, 0x6e00000000000000,
	       0x3412000000000000, 0x6c6f636b2f6d6169, 0x6e00000000000000 } },
	{ "cancel",
	  { .op = FSM_CANCEL, .session = 2, .seq = 1, .low = 1 },
	  3, { 0x0400000000000000, 0x0200000000000000, 0x0100000000000000 } },
	{ "close",
	  { .op = FSM_HANDLE_CLOSE, .session = 2, .seq = 7, .low = 5,
	    .handle = 3, .arg = 6, .stamp = 0x65432100 },
	  5, { 0x0500020000214365, 0x0200000000000000, 0x0700000000000000,
	       0x0300000000000000, 0x0600000000000000 } },
	{ "check",
	  { .op = FSM_CHECK, .arg = 0x10400, .arg2 = 0x1122334455667788 },
	  3, { 0x0600000000000000, 0x0004010000000000, 0x8877665544332211 } },
	{ "acquire",
	  { .op = FSM_LOCK_ACQUIRE, .name = "db", .name_len = 2, .session = 2,
	    .seq = 3, .low = 3, .handle = 4, .arg = FSM_ACQUIRE_FLAGS,
	    .stamp = 1, .program = { 0x11223344, 1000, "sh" } },
	  9, { 0x0702000001000000, 0x0200000000000000, 0x0300000000000000,
	       0x0400000000000000, 0x0300000000000000, 0x44332211e8030000,
	       0x7368000000000000, 0, 0x6462000000000000 } },
	{ "acquire with a fence",
	  { .op = FSM_LOCK_ACQUIRE, .name = "db", .name_len = 2, .session = 2,
	    .seq = 3, .low = 3, .handle = 4,
	    .program = { .comm = "123456789abcdef" },
	    .fence = { 5, 8, "12345678" } },
	  11, { 0x0702002000000000, 0x0200000000000000, 0x0300000000000000,
		0x0400000000000000, 0, 0, 0x3132333435363738,
		0x3961626364656600, 0x6462000000000000, 0x0500000000000000,
		0x3132333435363738 } },
	{ "release",
	  { .op = FSM_LOCK_RELEASE, .session = 2, .seq = 3, .low = 1,
	    .handle = 4, .arg = 5, .arg2 = 6, .stamp = 7 },
	  6, { 0x0800020007000000, 0x0200000000000000, 0x0300000000000000,
	       0x0400000000000000, 0x0500000000000000, 0x0600000000000000 } },
	{ "release with a fence",
	  { .op = FSM_LOCK_RELEASE, .session = 2, .seq = 3, .low = 1,
	    .handle = 4, .arg = 5, .arg2 = 6, .fence = { ~0ULL, 1, "x" } },
	  8, { 0x0800020400000000, 0x0200000000000000, 0x0300000000000000,
	       0x0400000000000000, 0x0500000000000000, 0x0600000000000000,
	       0xffffffffffffffff, 0x7800000000000000 } },
	{ "leave",
	  { .op = FSM_LOCK_LEAVE, .session = 2, .seq = 3, .low = 1,
	    .handle = 4, .arg = 5, .stamp = 6 },
	  5, { 0x0900020006000000, 0x0200000000000000, 0x0300000000000000,
	       0x0400000000000000, 0x0500000000000000 } },
	{ "revoke whoever it is",
	  { .op = FSM_LOCK_REVOKE, .name = "x", .name_len = 1, .session = 2,
	    .seq = 1, .low = 1, .handle = 4, .stamp = 6 },
	  6, { 0x0a01000006000000, 0x0200000000000000, 0x0100000000000000,
	       0x0400000000000000, 0, 0x7800000000000000 } },
	{ "end a session",
	  { .op = FSM_SESSION_END, .session = 2, .seq = 1, .low = 1,
	    .handle = 4, .arg = 0x77, .stamp = 6 },
	  5, { 0x0b00000006000000, 0x0200000000000000, 0x0100000000000000,
	       0x0400000000000000, 0x7700000000000000 } },
	{ "expire",
	  { .op = FSM_EXPIRE, .arg = 0x123456789, .stamp = 0xffffffff },
	  2, { 0x0c000000ffffffff, 0x8967452301000000 } },
	{ "reap", { .op = FSM_REAP, .stamp = 8 },
	  1, { 0x0d00000008000000 } },
	{ "the longest run, up to the end of the window",
	  { .op = FSM_COUNTER_RUN, .name = "seq/main", .name_len = 8,
	    .session = 0x102, .seq = 2000, .low = 1232, .handle = 9,
	    .arg = ~0ULL, .arg2 = FSM_RUN_MAX },
	  7, { 0x0e08000300000000, 0x0201000000000000, 0xd007000000000000,
	       0x0900000000000000, 0xffffffffffffffff, 0x0001000000000000,
	       0x7365712f6d61696e } },
	{ "the shortest run, up to the last seq",
	  { .op = FSM_COUNTER_RUN, .name = "n", .name_len = 1, .session = 2,
	    .seq = U64_MAX - 2, .low = U64_MAX - 2, .handle = 9, .arg = 1,
	    .arg2 = 2 },
	  7, { 0x0e01000000000000, 0x0200000000000000, 0xfdffffffffffffff,
	       0x0900000000000000, 0x0100000000000000, 0x0200000000000000,
	       0x6e00000000000000 } },
};

static bool same_name(const char *a, u8 n, const char *b, u8 m)
{
	return n == m && (!n || !memcmp(a, b, n));
}

static bool same_owner(const struct fsm_command *a, const struct fsm_command *b)
{
	return a->boot_counter == b->boot_counter &&
	       a->boot_nonce == b->boot_nonce && raft_id_eq(a->node, b->node);
}

static bool same_program(const struct fsm_program *a,
			 const struct fsm_program *b)
{
	return a->pid == b->pid && a->uid == b->uid &&
	       !memcmp(a->comm, b->comm, FSM_COMM);
}

static bool same(const struct fsm_command *a, const struct fsm_command *b)
{
	return a->op == b->op && a->session == b->session &&
	       a->seq == b->seq && a->low == b->low &&
	       a->handle == b->handle && a->arg == b->arg &&
	       a->arg2 == b->arg2 && a->stamp == b->stamp &&
	       (a->op != FSM_SESSION_OPEN || same_owner(a, b)) &&
	       (a->op != FSM_LOCK_ACQUIRE ||
		same_program(&a->program, &b->program)) &&
	       a->fence.token == b->fence.token &&
	       same_name(a->name, a->name_len, b->name, b->name_len) &&
	       same_name(a->fence.name, a->fence.name_len, b->fence.name,
			 b->fence.name_len);
}

static void each_command_has_its_bytes(struct kunit *test)
{
	u8 buf[FSM_COMMAND_MAX];
	struct fsm_command c;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];
		u16 len = fsm_encode(&s->c, buf);

		KUNIT_EXPECT_EQ_MSG(test, len, 8 * s->n, "%s", s->what);
		for (j = 0; j < len; j++)
			KUNIT_EXPECT_EQ_MSG(test, buf[j],
					    (u8)(s->word[j / 8] >> (56 - j % 8 * 8)),
					    "%s, byte %u", s->what, j);
		KUNIT_EXPECT_EQ_MSG(test, fsm_decode(&c, buf, len), 0, "%s",
				    s->what);
		KUNIT_EXPECT_TRUE_MSG(test, same(&c, &s->c), "%s", s->what);
		KUNIT_EXPECT_EQ_MSG(test, fsm_command_count(&c),
				    c.op == FSM_COUNTER_RUN ? s->c.arg2 : 1,
				    "%s", s->what);
	}
}

static void a_command_cut_or_extended_is_refused(struct kunit *test)
{
	u8 buf[2 * FSM_COMMAND_MAX];
	struct fsm_command c;
	unsigned int i;
	u16 len, n;

	for (i = 0; i < ARRAY_SIZE(samples); i++) {
		memset(buf, 0, sizeof(buf));
		len = fsm_encode(&samples[i].c, buf);
		for (n = 0; n < 2 * FSM_COMMAND_MAX; n++)
			if (n != len)
				KUNIT_EXPECT_EQ_MSG(test,
						    fsm_decode(&c, buf, n),
						    -EINVAL, "%s of %u bytes",
						    samples[i].what, n);
	}
}

/* What the changed bytes at @buf say, if anything, is not what @c said. */
static bool reads_as_itself(struct kunit *test, const struct fsm_command *c,
			    const u8 *buf, u16 len)
{
	u8 again[FSM_COMMAND_MAX];
	struct fsm_command d;

	if (fsm_decode(&d, buf, len))
		return false;
	KUNIT_EXPECT_FALSE(test, same(&d, c));
	KUNIT_EXPECT_EQ(test, fsm_encode(&d, again), len);
	KUNIT_EXPECT_TRUE(test, !memcmp(again, buf, len));
	return true;
}

static void each_command_has_one_spelling(struct kunit *test)
{
	u32 i, at, flip, taken = 0;
	u8 buf[FSM_COMMAND_MAX];

	for (i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct fsm_command *c = &samples[i].c;
		u16 len = fsm_encode(c, buf);

		for (at = 0; at < len * 255u; at++) {
			flip = 1 + at % 255;
			buf[at / 255] ^= flip;
			taken += reads_as_itself(test, c, buf, len);
			buf[at / 255] ^= flip;
		}
	}
	KUNIT_EXPECT_GT(test, taken, 10000);
}

#define REQUEST(o, ...) { .op = (o), .session = 1, .seq = 1, .low = 1, \
	__VA_ARGS__ }
#define ACQUIRE(...) REQUEST(FSM_LOCK_ACQUIRE, .name = "ab", .name_len = 2, \
	__VA_ARGS__)
#define RUN(n, count, ...) REQUEST(FSM_COUNTER_RUN, .arg = (n), \
	.arg2 = (count), __VA_ARGS__)
#define NAMED .name = "a", .name_len = 1

static const struct {
	const char *what;
	struct fsm_command c;
} bad[] = {
	{ "no limit", { .op = FSM_INIT } },
	{ "too high a limit",
	  { .op = FSM_INIT, .arg2 = FSM_OBJECTS_LIMIT + 1 } },
	{ "nobody's session",
	  { .op = FSM_SESSION_OPEN, .name = "a", .name_len = 1,
	    .arg = 1000 } },
	{ "no name", { .op = FSM_SESSION_OPEN, .node = { 1, 1 },
		       .arg = 1000, .name = "" } },
	{ "too short a TTL",
	  { .op = FSM_SESSION_OPEN, .node = { 1, 1 }, .name = "a",
	    .name_len = 1, .arg = FSM_TTL_MIN_MS - 1 } },
	{ "too long a TTL",
	  { .op = FSM_SESSION_OPEN, .node = { 1, 1 }, .name = "a",
	    .name_len = 1, .arg = FSM_TTL_MAX_MS + 1 } },
	{ "a TTL beyond 32 bits",
	  { .op = FSM_SESSION_OPEN, .node = { 1, 1 }, .name = "a",
	    .name_len = 1, .arg = 1000 + (1ULL << 32) } },
	{ "no counter", { .op = FSM_COUNTER_ADD, .session = 1,
			  .seq = 1, .low = 1, .arg = 1, .name = "" } },
	{ "control character",
	  { .op = FSM_COUNTER_ADD, .session = 1, .seq = 1, .low = 1,
	    .arg = 1, .name = "a\tb", .name_len = 3 } },
	{ "add nothing",
	  { .op = FSM_COUNTER_ADD, .session = 1, .seq = 1, .low = 1,
	    .name = "a", .name_len = 1 } },
	{ "no session",
	  { .op = FSM_CANCEL, .seq = 1, .low = 1 } },
	{ "seq 0", { .op = FSM_CANCEL, .session = 1 } },
	{ "low 0", { .op = FSM_CANCEL, .session = 1, .seq = 1 } },
	{ "outside of the window",
	  { .op = FSM_CANCEL, .session = 1, .seq = FSM_WINDOW + 1,
	    .low = 1 } },
	{ "a close of its own future",
	  { .op = FSM_HANDLE_CLOSE, .session = 1, .seq = 4, .low = 1,
	    .arg = 4 } },
	{ "a check of nothing", { .op = FSM_CHECK, .arg2 = 1 } },
	{ "a flag that nobody knows", ACQUIRE(.arg = 4) },
	{ "a flag in the upper half", ACQUIRE(.arg = 1ULL << 32) },
	{ "a program's name with two ends",
	  ACQUIRE(.program.comm = "sh\0x") },
	{ "a lock without a name", REQUEST(FSM_LOCK_ACQUIRE, .name = "") },
	{ "release of no ticket", REQUEST(FSM_LOCK_RELEASE, .arg2 = 1) },
	{ "release with no token", REQUEST(FSM_LOCK_RELEASE, .arg = 1) },
	{ "leave without a ticket", REQUEST(FSM_LOCK_LEAVE) },
	{ "end of no session", REQUEST(FSM_SESSION_END) },
	{ "revoke nothing",
	  REQUEST(FSM_LOCK_REVOKE, .name = "") },
	{ "nobody expires", { .op = FSM_EXPIRE } },
	{ "a fence without a token",
	  ACQUIRE(.fence = { 0, 1, "x" }) },
	{ "a fence with a bad name",
	  ACQUIRE(.fence = { 1, 2, "x\n" }) },
	{ "a cancellation with a fence",
	  REQUEST(FSM_CANCEL, .fence = { 1, 1, "x" }) },
	{ "a close with a fence",
	  REQUEST(FSM_HANDLE_CLOSE, .fence = { 1, 1, "x" }) },
	{ "a leave with a fence",
	  REQUEST(FSM_LOCK_LEAVE, .arg = 1, .fence = { 1, 1, "x" }) },
	{ "a revocation with a fence",
	  REQUEST(FSM_LOCK_REVOKE, .name = "a", .name_len = 1,
		  .fence = { 1, 1, "x" }) },
	{ "an end with a fence",
	  REQUEST(FSM_SESSION_END, .arg = 1, .fence = { 1, 1, "x" }) },
	{ "an addition with a stamp",
	  REQUEST(FSM_COUNTER_ADD, .arg = 1, .name = "a",
		  .name_len = 1, .stamp = 1) },
	{ "a cancellation with a stamp",
	  REQUEST(FSM_CANCEL, .stamp = 1) },
	{ "a check with a stamp",
	  { .op = FSM_CHECK, .arg = 1, .stamp = 1 } },
	{ "a run of none", RUN(1, 0, NAMED) },
	{ "a run of one", RUN(1, 1, NAMED) },
	{ "too long a run", RUN(1, FSM_RUN_MAX + 1, NAMED) },
	{ "a run longer than 32 bits", RUN(1, 2 + (1ULL << 32), NAMED) },
	{ "a run longer than all seqs", RUN(1, U64_MAX, NAMED) },
	{ "a run of nothing", RUN(0, 2, NAMED) },
	{ "a run without a name", RUN(1, 2, .name = "") },
	{ "a run with a bad name", RUN(1, 2, .name = "a\n", .name_len = 2) },
	{ "a run with a fence", RUN(1, 2, NAMED, .fence = { 1, 1, "x" }) },
	{ "a run with a stamp", RUN(1, 2, NAMED, .stamp = 1) },
	{ "a run that ends outside of the window",
	  { .op = FSM_COUNTER_RUN, .session = 1, .seq = FSM_WINDOW, .low = 1,
	    .arg = 1, .arg2 = 2, NAMED } },
	{ "a run that ends at 2^64",
	  { .op = FSM_COUNTER_RUN, .session = 1, .seq = U64_MAX - 1,
	    .low = U64_MAX - 1, .arg = 1, .arg2 = 2, NAMED } },
	{ "a run past 2^64",
	  { .op = FSM_COUNTER_RUN, .session = 1, .seq = U64_MAX,
	    .low = U64_MAX, .arg = 1, .arg2 = FSM_RUN_MAX, NAMED } },
	{ "a run from seq 0",
	  { .op = FSM_COUNTER_RUN, .session = 1, .arg = 1, .arg2 = 2, NAMED } },
	{ "nobody's run",
	  { .op = FSM_COUNTER_RUN, .seq = 1, .low = 1, .arg = 1, .arg2 = 2,
	    NAMED } },
};

static void what_makes_no_sense_is_refused(struct kunit *test)
{
	u8 buf[FSM_COMMAND_MAX];
	struct fsm_command c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test,
				    fsm_decode(&c, buf,
					       fsm_encode(&bad[i].c, buf)),
				    -EINVAL, "%s", bad[i].what);
	memset(buf, 0, sizeof(buf));
	KUNIT_EXPECT_EQ(test, fsm_decode(&c, buf, 24), -EINVAL);
	buf[0] = FSM_COUNTER_RUN + 1;
	KUNIT_EXPECT_EQ(test, fsm_decode(&c, buf, 24), -EPROTO);
}

/* All runs that there are, as to how long and where in the window. */
static void a_run_ends_within_the_window(struct kunit *test)
{
	struct fsm_command c = RUN(1, 0, NAMED), d;
	u8 buf[FSM_COMMAND_MAX];
	u64 above, wrong = 0;

	c.seq = 5000;
	for (above = 0; above < FSM_WINDOW; above++) {
		c.low = c.seq - above;
		for (c.arg2 = 0; c.arg2 < FSM_RUN_MAX + 3; c.arg2++) {
			bool good = c.arg2 >= 2 && c.arg2 <= FSM_RUN_MAX &&
				    above + c.arg2 <= FSM_WINDOW;
			int err = fsm_decode(&d, buf, fsm_encode(&c, buf));

			wrong += err != (good ? 0 : -EINVAL) ||
				 (good && !same(&c, &d));
		}
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
	/* And none ends where seqs do: there is always one above it. */
	for (above = 0; above < FSM_RUN_MAX + 3; above++) {
		c.seq = U64_MAX - above;
		c.low = c.seq;
		for (c.arg2 = 2; c.arg2 <= FSM_RUN_MAX; c.arg2++)
			wrong += fsm_decode(&d, buf, fsm_encode(&c, buf)) !=
				 (c.arg2 <= above ? 0 : -EINVAL);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0);
}

/* What is nobody's request has nothing where requests say how far behind low is. */
static void only_requests_have_a_window_and_a_fence(struct kunit *test)
{
	u8 buf[FSM_COMMAND_MAX];
	struct fsm_command c;
	unsigned int i, bit;

	for (i = 0; i < ARRAY_SIZE(samples); i++) {
		u16 len = fsm_encode(&samples[i].c, buf);

		if (samples[i].c.session || samples[i].c.op == FSM_INIT)
			continue;
		for (bit = 0; bit < 16; bit++) {
			buf[2 + bit / 8] ^= 1 << bit % 8;
			KUNIT_EXPECT_EQ_MSG(test, fsm_decode(&c, buf, len),
					    -EINVAL, "%s, bit %u",
					    samples[i].what, bit);
			buf[2 + bit / 8] ^= 1 << bit % 8;
		}
	}
}

/* ---------------------------------------------------------------- chance */

static const char letters[] =
	"abcdefghijklmnopqrstuvwxyz0123456789/-_.:ABCDEFGHIJKLMNOPQRSTUVWXYZ";

static u8 some_name(u64 *random, const char **name)
{
	u8 len = 1 + kit_below(random, FSM_NAME_MAX);

	*name = letters + kit_below(random, sizeof(letters) - len);
	return len;
}

/* Small, or anything, but never 0. */
static u64 some_number(u64 *random)
{
	return kit_random(random) >> kit_below(random, 64) | 1;
}

static void fill_request(u64 *random, struct fsm_command *c)
{
	u32 n = 1 + kit_below(random, FSM_COMM);

	c->session = some_number(random);
	c->low = some_number(random) >> 1 | 1;
	c->seq = c->low + kit_below(random, FSM_WINDOW);
	if (c->op == FSM_COUNTER_RUN) {
		c->arg2 = 2 + kit_below(random, FSM_RUN_MAX - 1);
		c->seq = c->low + kit_below(random, FSM_WINDOW - c->arg2 + 1);
	}
	if (c->op == FSM_CANCEL)
		return;
	c->handle = some_number(random);
	c->arg = c->op == FSM_HANDLE_CLOSE ? c->seq - 1 : some_number(random);
	if (c->op == FSM_LOCK_RELEASE)
		c->arg2 = some_number(random);
	if (c->op != FSM_LOCK_ACQUIRE)
		return;
	c->arg = kit_below(random, FSM_ACQUIRE_FLAGS + 1);
	c->program.pid = kit_random(random);
	c->program.uid = kit_random(random);
	memset(c->program.comm, 0xe4, n);
}

static void fill_other(u64 *random, struct fsm_command *c)
{
	if (c->op == FSM_REAP)
		return;
	c->arg = some_number(random);
	if (c->op == FSM_EXPIRE)
		return;
	c->arg2 = 1 + kit_below(random, FSM_OBJECTS_LIMIT);
	if (c->op == FSM_INIT)
		c->seq = FSM_VERSION;
	if (c->op != FSM_SESSION_OPEN)
		return;
	c->arg = FSM_TTL_MIN_MS + kit_below(random, FSM_TTL_MAX_MS -
						    FSM_TTL_MIN_MS + 1);
	c->node = (struct raft_id){ some_number(random), some_number(random) };
	c->boot_counter = some_number(random);
	c->boot_nonce = some_number(random);
}

/* A command as anybody may write it. */
static struct fsm_command some_command(u64 *random)
{
	struct fsm_command c = { .op = 1 + kit_below(random, FSM_COUNTER_RUN) };
	bool request = c.op >= FSM_COUNTER_ADD && c.op != FSM_CHECK &&
		       c.op != FSM_EXPIRE && c.op != FSM_REAP;

	if (request)
		fill_request(random, &c);
	else
		fill_other(random, &c);
	if (c.op == FSM_SESSION_OPEN || c.op == FSM_COUNTER_ADD ||
	    c.op == FSM_LOCK_ACQUIRE || c.op == FSM_LOCK_REVOKE ||
	    c.op == FSM_COUNTER_RUN)
		c.name_len = some_name(random, &c.name);
	if (c.op == FSM_HANDLE_CLOSE ||
	    (c.op >= FSM_LOCK_ACQUIRE && c.op <= FSM_REAP))
		c.stamp = kit_random(random);
	if ((c.op == FSM_COUNTER_ADD || c.op == FSM_LOCK_ACQUIRE ||
	     c.op == FSM_LOCK_RELEASE) && kit_below(random, 2)) {
		c.fence.token = some_number(random);
		c.fence.name_len = some_name(random, &c.fence.name);
	}
	return c;
}

/* The longest one is as long as it can be, so all fit FSM_COMMAND_MAX. */
static void whatever_is_written_is_read_again(struct kunit *test)
{
	enum { RUNS = 400000 };
	u64 random = 11, bad = 0;
	u8 buf[FSM_COMMAND_MAX];
	struct fsm_command c, d;
	unsigned int i;
	u16 len, most = 0;

	for (i = 0; i < RUNS; i++) {
		c = some_command(&random);
		memset(buf, 0xff, sizeof(buf));
		len = fsm_encode(&c, buf);
		bad += fsm_decode(&d, buf, len) || !same(&c, &d);
		most = max(most, len);
	}
	KUNIT_EXPECT_EQ(test, bad, 0);
	KUNIT_EXPECT_EQ(test, most, FSM_COMMAND_MAX);
}

/* Damage is refused, or it is another command, in its only spelling. */
static void whatever_is_read_has_that_spelling(struct kunit *test)
{
	enum { RUNS = 400000 };
	u8 buf[FSM_COMMAND_MAX], again[FSM_COMMAND_MAX];
	u64 random = 12, bad = 0;
	struct fsm_command c, d;
	unsigned int i, n, taken = 0;
	u16 len;

	for (i = 0; i < RUNS; i++) {
		c = some_command(&random);
		len = fsm_encode(&c, buf);
		for (n = kit_below(&random, 3); n < 3; n++)
			buf[kit_below(&random, len)] = kit_below(&random, 256);
		if (fsm_decode(&d, buf, len))
			continue;
		taken++;
		bad += fsm_encode(&d, again) != len || memcmp(again, buf, len);
	}
	KUNIT_EXPECT_EQ(test, bad, 0);
	KUNIT_EXPECT_GT(test, taken, RUNS / 8);
	KUNIT_EXPECT_LT(test, taken, RUNS);
}

static void names_are_printable_utf8(struct kunit *test)
{
	static const struct {
		const char *name;
		int err;
	} t[] = {
		{ "a", 0 }, { "orders/eu-1.main", 0 }, { " ~", 0 },
		{ "12345678", 0 }, { "na\xc3\xafve", 0 },
		{ "\xe6\x97\xa5\xe6\x9c\xac", 0 }, { "\xf0\x9f\x94\x92", 0 },
		{ "\xc2\xa0", 0 }, { "\xef\xbf\xbd", 0 },
		{ "\xf4\x8f\xbf\xbf", 0 }, { "\xed\x9f\xbf", 0 },
		{ "", -EINVAL }, { "a\nb", -EINVAL }, { "\x1f", -EINVAL },
		{ "1234567\x7f", -EINVAL }, { "1234567\x1f", -EINVAL },
		{ "12345678\x01", -EINVAL },
		{ "\xc2\x80", -EINVAL }, { "\xc2\x9f", -EINVAL },
		{ "\x80", -EINVAL }, { "a\xbf", -EINVAL }, { "\xff", -EINVAL },
		/* overlong, surrogate, past the end of Unicode, cut short */
		{ "\xc0\x80", -EINVAL }, { "\xc1\xbf", -EINVAL },
		{ "\xe0\x9f\xbf", -EINVAL }, { "\xf0\x8f\xbf\xbf", -EINVAL },
		{ "\xed\xa0\x80", -EINVAL }, { "\xf4\x90\x80\x80", -EINVAL },
		{ "\xf5\x80\x80\x80", -EINVAL }, { "abc\xe6\x97", -EINVAL },
		{ "\xe6\x97z", -EINVAL }, { "\xf0\x9f\x94", -EINVAL },
	};
	char full[FSM_NAME_MAX + 1];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t); i++)
		KUNIT_EXPECT_EQ_MSG(test,
				    fsm_name_check(t[i].name,
						   strlen(t[i].name)),
				    t[i].err, "name %u", i);
	KUNIT_EXPECT_EQ(test, fsm_name_check("a\0b", 3), -EINVAL);
	KUNIT_EXPECT_EQ(test, fsm_name_check("1234\0abc", 8), -EINVAL);
	memset(full, 'x', sizeof(full));
	KUNIT_EXPECT_EQ(test, fsm_name_check(full, FSM_NAME_MAX), 0);
	KUNIT_EXPECT_EQ(test, fsm_name_check(full, FSM_NAME_MAX + 1),
			-ENAMETOOLONG);
}

static struct kunit_case command_cases[] = {
	KUNIT_CASE(each_command_has_its_bytes),
	KUNIT_CASE(a_command_cut_or_extended_is_refused),
	KUNIT_CASE(each_command_has_one_spelling),
	KUNIT_CASE(what_makes_no_sense_is_refused),
	KUNIT_CASE(a_run_ends_within_the_window),
	KUNIT_CASE(only_requests_have_a_window_and_a_fence),
	KUNIT_CASE(whatever_is_written_is_read_again),
	KUNIT_CASE(whatever_is_read_has_that_spelling),
	KUNIT_CASE(names_are_printable_utf8),
	{}
};

static struct kunit_suite command_suite = {
	.name = "fsm-command",
	.test_cases = command_cases,
};

kunit_test_suite(command_suite);

MODULE_LICENSE("GPL");
