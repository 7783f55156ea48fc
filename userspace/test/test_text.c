// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/consensus.h"
#include "ctl.h"
#include "tap.h"
#include "text.h"

static void durations(void)
{
	static const struct {
		const char *text;
		uint64_t ns;	/* 0: refused */
	} cases[] = {
		{ "500ms", 500000000 }, { "5s", 5000000000 }, { "1.5s", 1500000000 },
		{ "2m", 120000000000 }, { "2min", 120000000000 }, { "1h", 3600000000000 },
		{ "0.5h", 1800000000000 }, { "100us", 100000 }, { "20ns", 20 },
		{ "0.000000001s", 1 }, { "18446744073709551615ns", UINT64_MAX },
		{ "18446744073.709551615s", UINT64_MAX },
		{ "18446744073.709551616s", 0 }, { "18446744074s", 0 },
		{ "18446744073709551616ns", 0 }, { "0s", 0 }, { "0.1ns", 0 },
		{ "5", 0 }, { "", 0 }, { "s", 0 }, { "-5s", 0 }, { "+5s", 0 },
		{ " 5s", 0 }, { "5s ", 0 }, { "5 s", 0 }, { "1.s", 0 }, { ".5s", 0 },
		{ "1.5.s", 0 }, { "1e3s", 0 }, { "5S", 0 }, { "1.0000000001s", 0 },
		{ "99999999999999999999999999999s", 0 }, { "6000000h", 0 },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ns = 0;
		bool taken = parse_duration(cases[i].text, &ns);

		bool right = taken == !!cases[i].ns && ns == cases[i].ns;

		if (!ok(right, "duration '%s'", cases[i].text))
			printf("# got %llu\n", (unsigned long long)ns);
	}
}

static void shown_durations(void)
{
	char text[DURATION_TEXT];

	same(show_duration(999, text), "999 ns", "999 ns is shown");
	same(show_duration(1500, text), "1.5 us", "1.5 us is shown");
	same(show_duration(3200000, text), "3.2 ms", "3.2 ms is shown");
	same(show_duration(90000000000, text), "90.0 s", "90 s is shown");
	same(show_duration(UINT64_MAX, text), "5124096 h", "the longest is shown");
}

static void numbers(void)
{
	uint64_t v = 7;

	ok(parse_u64("0", UINT64_MAX, &v) && !v, "number 0");
	ok(parse_u64("18446744073709551615", UINT64_MAX, &v) && v == UINT64_MAX, "number 2^64 - 1");
	v = 7;
	ok(!parse_u64("18446744073709551616", UINT64_MAX, &v) && v == 7, "number 2^64 is refused");
	ok(!parse_u64("", 9, &v) && !parse_u64("-1", 9, &v) && !parse_u64("1x", 9, &v) &&
	   !parse_u64(" 1", 9, &v) && !parse_u64("0x1", 9, &v), "no numbers are refused");
	ok(!parse_u64("10", 9, &v) && parse_u64("9", 9, &v), "the maximum holds");
}

static void names(void)
{
	static const char *const good[] = {
		"a", "orders", "a b", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8e\x82", "\xf4\x8f\xbf\xbf",
		"\xc2\xa0", "\xed\x9f\xbf", "\xee\x80\x80", "a/b=c",
		"123456789012345678901234567890123456789012345678901234567890123",
	};
	static const char *const bad[] = {
		"", "\x01", "a\nb", "\x7f", "\x80", "\xc3", "\xc3(", "\xc0\x80", "\xc1\xbf",
		"\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xfe",
		"\xc2\x80", "\xc2\x9f", "\xe2\x82", "\xf0\x9f\x8e",
		"1234567890123456789012345678901234567890123456789012345678901234",
	};
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(name_valid(good[i]), "name %zu is good", i);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!name_valid(bad[i]), "no name %zu is refused", i);
	ok(node_name_valid("n1") && node_name_valid("db-1.example.org"), "names of nodes");
	ok(!node_name_valid("n 1") && !node_name_valid("a,b") && !node_name_valid("a]"),
	   "a node's name has no blank, comma or bracket");
}

static void address(const char *text, const char *shown)
{
	char out[ADDRESS_TEXT];
	union address a;
	const char *why = parse_address(text, &a);

	if (!shown)
		ok(why, "address '%s' is refused: %s", text, why ? why : "(taken)");
	else if (!ok(!why && !strcmp(show_address(&a, out), shown), "address '%s'", text))
		printf("# %s\n", why ? why : out);
}

static void addresses(void)
{
	static const char *const bad[] = {
		"", ":", "7800", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536",
		"10.0.0.1:78x", "10.0.0:7800", "10.0.0.256:7800", "host:7800", "fd00::1:7800",
		"[fd00::1]", "[fd00::1]:", "[fd00::1", "[fd00::1]7800", "[fd00::1]:0",
		"[10.0.0.1]:7800", "[host]:7800", "[::]:7800", "0.0.0.0:7800", "[ff02::1]:7800",
		"224.0.0.1:7800", "255.255.255.255:7800", "[::ffff:10.0.0.1]:7800",
		"[fe80::1]:7800", "[fe80::1%nosuchif]:7800", "[]:7800", "[fd00::1] :7800",
		"[fd00::1]:7800]", "[fd00:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:00001]:7800",
	};
	size_t i;

	address("10.0.0.1:7800", "10.0.0.1:7800");
	address("[fd00::1]:7800", "[fd00::1]:7800");
	address("[FD00:0::1]:65535", "[fd00::1]:65535");
	address("[::1]:1", "[::1]:1");
	address("[fe80::1%lo]:7800", "[fe80::1%lo]:7800");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		address(bad[i], NULL);
}

static void keys(void)
{
	static const char good[] =
		"000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F\n";
	char text[80];
	uint8_t key[32] = { 0 };
	int i;

	ok(parse_key(good, key), "a key");
	for (i = 0; i < 32 && key[i] == i; i++)
		;
	ok(i == 32, "its bytes");
	strcpy(text, good);
	text[63] = '\0';
	ok(!parse_key(text, key), "63 digits are refused");
	strcpy(text, good);
	strcpy(text + 64, "0\n");
	ok(!parse_key(text, key), "65 digits are refused");
	strcpy(text, good);
	text[10] = 'g';
	ok(!parse_key(text, key) && !parse_key("", key), "what is no digit is refused");
}

static void sizes(void)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "1", 1 }, { "4096", 4096 }, { "64K", 65536 }, { "64k", 65536 },
		{ "256M", 256 << 20 }, { "256MiB", 256 << 20 }, { "2G", 2ULL << 30 },
		{ "1T", 1ULL << 40 }, { "18446744073709551615", UINT64_MAX },
		{ "16777215T", 16777215ULL << 40 },
	};
	static const char *const bad[] = {
		"", "0", "0M", "M", "1.5G", "256MB", "256 M", "-1", "1X", "16777216T",
		"18446744073709551616", "99999999999999999999999999",
	};
	char text[SIZE_TEXT];
	uint64_t v;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(parse_size(good[i].text, &v) && v == good[i].bytes, "size %s", good[i].text);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		v = 17;
		ok(!parse_size(bad[i], &v) && v == 17, "size '%s' is refused", bad[i]);
	}
	same(show_size(0, text), "0 bytes", "nothing is shown");
	same(show_size(1023, text), "1023 bytes", "bytes are shown");
	same(show_size(1536, text), "1.5 KiB", "a half is shown");
	same(show_size(256 << 20, text), "256 MiB", "a whole number has no point");
	same(show_size(3ULL << 40, text), "3 TiB", "terabytes are shown");
}

static void slips(void)
{
	static const char *const known[] = { "status", "inc", "get", "create", "up" };

	same(closest("stauts", known, 5) ? "status" : "", "status", "swapped letters are near");
	ok(closest("creat", known, 5) == known[3], "a missing letter is near");
	ok(closest("inx", known, 5) == known[1], "a wrong letter is near");
	ok(!closest("zzz", known, 5), "other letters are not near");
	ok(!closest("xx", known, 5), "half of a short word is not near");
	ok(!closest("a-word-that-is-far-longer-than-any-of-the-table", known, 5), "a long word is no matter");
}

static void errors(void)
{
	ok(!strcmp(consensus_strerror(0), "no error"), "no error");
	ok(consensus_strerror(ENOTCONN) == consensus_strerror(-ENOTCONN), "errors of both signs");
	holds(consensus_strerror(-ENOTCONN), "consensusctl up", "ENOTCONN says what to do");
	holds(consensus_strerror(-ENOTRECOVERABLE), "unknown", "ENOTRECOVERABLE says unknown");
	ok(*consensus_strerror(-2147483647 - 1) && *consensus_strerror(99999), "any number has a text");
}

void test_text(void)
{
	durations();
	shown_durations();
	numbers();
	names();
	addresses();
	keys();
	sizes();
	slips();
	errors();
}
