// SPDX-License-Identifier: GPL-2.0
/*
 * Names: 1 to 63 bytes of UTF-8 (RFC 3629) without control characters.
 */
#include <errno.h>
#include <string.h>

#include "abi.h"
#include "ct.h"

#define SIXTY "012345678901234567890123456789012345678901234567890123456789"

static const struct {
	const char *name, *what;
} good[] = {
	{ "a", "one byte" },
	{ SIXTY "123", "63 bytes" },
	{ "a b/c=d:e.f", "blanks and signs" },
	{ "\xc2\xa0", "the first of two bytes that is no control character" },
	{ "\xdf\xbf", "the last of two bytes" },
	{ "\xe0\xa0\x80", "the first of three bytes" },
	{ "\xed\x9f\xbf", "the last before the surrogates" },
	{ "\xee\x80\x80", "the first behind the surrogates" },
	{ "\xef\xbf\xbf", "the last of three bytes" },
	{ "\xf0\x90\x80\x80", "the first of four bytes" },
	{ "\xf4\x8f\xbf\xbf", "the last of all" },
	{ SIXTY "\xe2\x82\xac", "63 bytes that end in a character of three" },
}, bad[] = {
	{ "\x01", "a control character" },
	{ "a\nb", "a newline" },
	{ "a\x1f", "the last control character" },
	{ "\x7f", "delete" },
	{ "\x80", "a byte that only continues" },
	{ "a\xbf", "another" },
	{ "\xc3", "two bytes cut" },
	{ "\xc3(", "two bytes without continuation" },
	{ "\xc0\x80", "an overlong NUL" },
	{ "\xc1\xbf", "an overlong delete" },
	{ "\xe0\x80\x80", "overlong in three bytes" },
	{ "\xe0\x9f\xbf", "the last overlong of three" },
	{ "\xed\xa0\x80", "the first surrogate" },
	{ "\xed\xbf\xbf", "the last surrogate" },
	{ "\xe2\x82", "three bytes cut" },
	{ "\xe2(\xa1", "three bytes, the second wrong" },
	{ "\xe2\x82(", "three bytes, the third wrong" },
	{ "\xf0\x80\x80\x80", "overlong in four bytes" },
	{ "\xf0\x8f\xbf\xbf", "the last overlong of four" },
	{ "\xf0\x9f\x8e", "four bytes cut" },
	{ "\xf4\x90\x80\x80", "past the last of all" },
	{ "\xf5\x80\x80\x80", "f5" },
	{ "\xf8\x88\x80\x80\x80", "five bytes" },
	{ "\xfe", "fe" },
	{ "\xff", "ff" },
	{ SIXTY "12\xc3", "63 bytes that end in half a character" },
};

static void bad_name(int fd, const char *bytes, int wanted, const char *what)
{
	struct consensus_counter_add a = good_add("");
	struct consensus_counter_read r = good_read("", CONSENSUS_READ_LOCAL);

	memcpy(a.name, bytes, strnlen(bytes, sizeof(a.name)));
	memcpy(r.name, a.name, sizeof(r.name));
	is_errno(call(fd, CONSENSUS_IOC_COUNTER_ADD, &a), wanted, "add: name: %s", what);
	is_errno(call(fd, CONSENSUS_IOC_COUNTER_READ, &r), wanted, "read: name: %s", what);
}

static void good_name(int fd, const char *name, const char *what)
{
	struct consensus_counter_add a = good_add("");
	struct consensus_counter_read r = good_read("", CONSENSUS_READ_INDEX);

	memcpy(a.name, name, strlen(name));
	memcpy(r.name, a.name, sizeof(r.name));
	is_errno(call(fd, CONSENSUS_IOC_COUNTER_ADD, &a), 0, "add: name: %s", what);
	r.op.index = a.op.index;
	is_errno(call(fd, CONSENSUS_IOC_COUNTER_READ, &r), 0, "read: name: %s", what);
	ok(r.value == a.value && r.op.index >= a.op.index && r.version <= r.op.index,
	   "and it is the same counter: %s", what);
}

void test_names(int fd)
{
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		good_name(fd, good[i].name, good[i].what);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		bad_name(fd, bad[i].name, EINVAL, bad[i].what);
	bad_name(fd, "", EINVAL, "empty");
	bad_name(fd, SIXTY "1234", ENAMETOOLONG, "64 bytes, no NUL");
}
