// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

bool parse_u64(const char *s, uint64_t max, uint64_t *value)
{
	uint64_t v = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return false;
	}
	if (v > max)
		return false;
	*value = v;
	return true;
}

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", 1000 * 1000 },
	{ "s", 1000 * 1000 * 1000 },
	{ "m", 60ULL * 1000 * 1000 * 1000 },
	{ "min", 60ULL * 1000 * 1000 * 1000 },
	{ "h", 3600ULL * 1000 * 1000 * 1000 },
};

static uint64_t unit_ns(const char *s)
{
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!strcmp(units[i].name, s))
			return units[i].ns;
	}
	return 0;
}

/* Up to 9 digits behind the point, as billionths. */
static const char *parse_fraction(const char *s, uint64_t *billionths)
{
	uint64_t scale = 100000000;

	if (!isdigit((unsigned char)*s))
		return NULL;
	for (*billionths = 0; isdigit((unsigned char)*s); s++) {
		if (!scale)
			return NULL;
		*billionths += (uint64_t)(*s - '0') * scale;
		scale /= 10;
	}
	return s;
}

bool parse_duration(const char *s, uint64_t *ns)
{
	size_t digits = strspn(s, "0123456789");
	uint64_t whole, unit, billionths = 0, v;
	char number[24];

	if (!digits || digits >= sizeof(number))
		return false;
	memcpy(number, s, digits);
	number[digits] = '\0';
	s += digits;
	if (*s == '.')
		s = parse_fraction(s + 1, &billionths);
	if (!s || !parse_u64(number, UINT64_MAX, &whole))
		return false;
	unit = unit_ns(s);
	if (!unit || __builtin_mul_overflow(whole, unit, &v))
		return false;
	/* billionths * unit may pass 64 bits for minutes and hours */
	v += unit >= 1000 ? billionths * (unit / 1000) / 1000000 :
			    billionths * unit / 1000000000;
	if (!v || v / unit < whole)
		return false;
	*ns = v;
	return true;
}

const char *show_duration(uint64_t ns, char text[DURATION_TEXT])
{
	if (ns < 1000)
		snprintf(text, DURATION_TEXT, "%" PRIu64 " ns", ns);
	else if (ns < 1000000)
		snprintf(text, DURATION_TEXT, "%.1f us", (double)ns / 1e3);
	else if (ns < 1000000000)
		snprintf(text, DURATION_TEXT, "%.1f ms", (double)ns / 1e6);
	else if (ns < 120 * 1000000000ULL)
		snprintf(text, DURATION_TEXT, "%.1f s", (double)ns / 1e9);
	else if (ns < 7200 * 1000000000ULL)
		snprintf(text, DURATION_TEXT, "%.0f min", (double)ns / 6e10);
	else
		snprintf(text, DURATION_TEXT, "%.0f h", (double)ns / 3.6e12);
	return text;
}

/* "", "K", "KiB", and so on: by how many bits to shift; -1: none of these. */
static int size_shift(const char *s)
{
	static const char letters[] = "kmgt";
	const char *at;

	if (!*s)
		return 0;
	at = strchr(letters, tolower((unsigned char)*s));
	if (!at || (s[1] && strcmp(s + 1, "iB")))
		return -1;
	return 10 * (int)(at - letters + 1);
}

bool parse_size(const char *s, uint64_t *bytes)
{
	size_t digits = strspn(s, "0123456789");
	char number[24];
	uint64_t v;
	int shift;

	if (!digits || digits >= sizeof(number))
		return false;
	memcpy(number, s, digits);
	number[digits] = '\0';
	shift = size_shift(s + digits);
	if (shift < 0 || !parse_u64(number, UINT64_MAX >> shift, &v) || !v)
		return false;
	*bytes = v << shift;
	return true;
}

const char *show_size(uint64_t bytes, char text[SIZE_TEXT])
{
	static const char *const names[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	size_t i = 0;

	for (; v >= 1024 && i + 1 < sizeof(names) / sizeof(names[0]); i++)
		v /= 1024;
	/* Whole numbers without a point, and nothing more exact than it is. */
	snprintf(text, SIZE_TEXT, "%.*f %s", !i || v >= 100 || v == (double)(uint64_t)v ? 0 : 1,
		 v, names[i]);
	return text;
}

size_t utf8_length(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned int least, c;
	size_t n, i;

	if (u[0] < 0x80)
		return 1;
	if (u[0] >= 0xc2 && u[0] <= 0xdf) {
		n = 2;
		c = u[0] & 0x1f;
		least = 0x80;
	} else if ((u[0] & 0xf0) == 0xe0) {
		n = 3;
		c = u[0] & 0x0f;
		least = 0x800;
	} else if (u[0] >= 0xf0 && u[0] <= 0xf4) {
		n = 4;
		c = u[0] & 0x07;
		least = 0x10000;
	} else {
		return 0;
	}
	for (i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3f);
	}
	if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return n;
}

bool name_valid(const char *s)
{
	size_t len = strlen(s), n;

	if (!len || len > NAME_MAX_BYTES)
		return false;
	for (; *s; s += n) {
		n = utf8_length(s);
		if (!n || (unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
		/* U+0080 to U+009F are control characters, too */
		if (n == 2 && (unsigned char)s[0] == 0xc2 &&
		    (unsigned char)s[1] < 0xa0)
			return false;
	}
	return true;
}

bool node_name_valid(const char *s)
{
	return name_valid(s) && !strpbrk(s, " ,[]\"'");
}

bool parse_key(const char *s, uint8_t key[32])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t k[32];
	size_t i;

	for (i = 0; i < 64; i++) {
		const char *at = s[i] ? strchr(digits, tolower((unsigned char)s[i])) : NULL;

		if (!at)
			return false;
		if (i % 2)
			k[i / 2] = (uint8_t)(k[i / 2] << 4 | (at - digits));
		else
			k[i / 2] = (uint8_t)(at - digits);
	}
	if (s[64 + strspn(s + 64, " \t\r\n")])
		return false;
	memcpy(key, k, sizeof(k));
	return true;
}
