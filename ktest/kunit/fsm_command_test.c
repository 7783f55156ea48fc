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
	u64 word[7];
};

static const struct sample samples[] = {
	{ "init",
	  { .op = FSM_INIT, .seq = FSM_VERSION, .arg = 0x1122334455667788,
	    .arg2 = 1 << 20 },
	  3, { 0x0100010000000000, 0x8877665544332211, 0x0000100000000000 } },
	{ "open",
	  { .op = FSM_SESSION_OPEN, .name = "alpha", .name_len = 5,
	    .node = { 1, 2 }, .boot_counter = 3, .boot_nonce = 4, .arg2 = 5 },
	  7, { 0x0205000000000000, 0x0100000000000000, 0x0200000000000000,
	       0x0300000000000000, 0x0400000000000000, 0x0500000000000000,
	       0x616c706861000000 } },
	{ "add",
	  { .op = FSM_COUNTER_ADD, .name = "seq/main", .name_len = 8,
	    .session = 0x102, .seq = 2000, .low = 977, .handle = 9,
	    .arg = ~0ULL },
	  6, { 0x0308ff0300000000, 0x0201000000000000, 0xd007000000000000,
	       0x0900000000000000, 0xffffffffffffffff, 0x7365712f6d61696e } },
	{ "cancel",
	  { .op = FSM_CANCEL, .session = 2, .seq = 1, .low = 1 },
	  3, { 0x0400000000000000, 0x0200000000000000, 0x0100000000000000 } },
	{ "close",
	  { .op = FSM_HANDLE_CLOSE, .session = 2, .seq = 7, .low = 5,
	    .handle = 3, .arg = 6 },
	  5, { 0x0500020000000000, 0x0200000000000000, 0x0700000000000000,
	       0x0300000000000000, 0x0600000000000000 } },
	{ "check",
	  { .op = FSM_CHECK, .arg = 0x10400, .arg2 = 0x1122334455667788 },
	  3, { 0x0600000000000000, 0x0004010000000000, 0x8877665544332211 } },
};

static bool same(const struct fsm_command *a, const struct fsm_command *b)
{
	return a->op == b->op && a->name_len == b->name_len &&
	       a->session == b->session && a->seq == b->seq &&
	       a->low == b->low && a->handle == b->handle &&
	       a->arg == b->arg && a->arg2 == b->arg2 &&
	       a->boot_counter == b->boot_counter &&
	       a->boot_nonce == b->boot_nonce && raft_id_eq(a->node, b->node) &&
	       (!a->name_len || !memcmp(a->name, b->name, a->name_len));
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

static void what_makes_no_sense_is_refused(struct kunit *test)
{
	static const struct {
		const char *what;
		struct fsm_command c;
		int err;
	} bad[] = {
		{ "no limit", { .op = FSM_INIT }, -EINVAL },
		{ "too high a limit",
		  { .op = FSM_INIT, .arg2 = FSM_OBJECTS_LIMIT + 1 }, -EINVAL },
		{ "nobody's session",
		  { .op = FSM_SESSION_OPEN, .name = "a", .name_len = 1 },
		  -EINVAL },
		{ "no name", { .op = FSM_SESSION_OPEN, .node = { 1, 1 },
			       .name = "" }, -EINVAL },
		{ "no counter", { .op = FSM_COUNTER_ADD, .session = 1,
				  .seq = 1, .low = 1, .arg = 1, .name = "" },
		  -EINVAL },
		{ "control character",
		  { .op = FSM_COUNTER_ADD, .session = 1, .seq = 1, .low = 1,
		    .arg = 1, .name = "a\tb", .name_len = 3 }, -EINVAL },
		{ "add nothing",
		  { .op = FSM_COUNTER_ADD, .session = 1, .seq = 1, .low = 1,
		    .name = "a", .name_len = 1 }, -EINVAL },
		{ "no session",
		  { .op = FSM_CANCEL, .seq = 1, .low = 1 }, -EINVAL },
		{ "seq 0", { .op = FSM_CANCEL, .session = 1 }, -EINVAL },
		{ "low 0", { .op = FSM_CANCEL, .session = 1, .seq = 1 },
		  -EINVAL },
		{ "outside of the window",
		  { .op = FSM_CANCEL, .session = 1, .seq = FSM_WINDOW + 1,
		    .low = 1 }, -EINVAL },
		{ "a close of its own future",
		  { .op = FSM_HANDLE_CLOSE, .session = 1, .seq = 4, .low = 1,
		    .arg = 4 }, -EINVAL },
		{ "a check of nothing", { .op = FSM_CHECK, .arg2 = 1 },
		  -EINVAL },
	};
	u8 buf[FSM_COMMAND_MAX];
	struct fsm_command c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ_MSG(test,
				    fsm_decode(&c, buf,
					       fsm_encode(&bad[i].c, buf)),
				    bad[i].err, "%s", bad[i].what);
	memset(buf, 0, sizeof(buf));
	KUNIT_EXPECT_EQ(test, fsm_decode(&c, buf, 24), -EINVAL);
	buf[0] = FSM_CHECK + 1;
	KUNIT_EXPECT_EQ(test, fsm_decode(&c, buf, 24), -EPROTO);
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
	KUNIT_CASE(names_are_printable_utf8),
	{}
};

static struct kunit_suite command_suite = {
	.name = "fsm-command",
	.test_cases = command_cases,
};

kunit_test_suite(command_suite);

MODULE_LICENSE("GPL");
