// SPDX-License-Identifier: GPL-2.0
/*
 * Names: UTF-8 that a terminal can print and that has one spelling only as far
 * as bytes go. No normalization: two names are the same if their bytes are.
 */
#include <linux/types.h>
#include <linux/errno.h>
#include <linux/string.h>
#include "command.h"

#define EACH_BYTE(b) (0x0101010101010101ULL * (b))

/*
 * Are all eight bytes printable ASCII? The classic tests for "has a byte that
 * is less than n" and "has a zero byte" are exact as long as no byte has its
 * top bit set, which is asked too. The order of bytes does not matter.
 */
static bool plain8(const char *p)
{
	u64 w, low, del;

	memcpy(&w, p, sizeof(w));
	low = w - EACH_BYTE(0x20);
	del = (w ^ EACH_BYTE(0x7f)) - EACH_BYTE(0x01);
	return !((w | low | del) & EACH_BYTE(0x80));
}

/* Is it printable ASCII? */
static bool plain(u8 b)
{
	return (u8)(b - 0x20) < 0x7f - 0x20;
}

static bool continues(u8 b)
{
	return (b & 0xc0) == 0x80;
}

/*
 * Bytes of the well-formed sequence of at least two bytes at @p (Unicode 15,
 * table 3-7), 0 if there is none within @left bytes, as when a control character
 * stands there. The second byte's range is what rules out overlong forms,
 * surrogates and what is past U+10FFFF.
 */
static unsigned int sequence(const u8 *p, size_t left)
{
	u8 first = p[0], from = 0x80, to = 0xbf;
	unsigned int n, i;

	if (first < 0xc2 || first > 0xf4)
		return 0;
	n = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (left < n)
		return 0;
	if (first == 0xc2)
		from = 0xa0;	/* U+0080 to U+009F are control characters */
	else if (first == 0xe0)
		from = 0xa0;
	else if (first == 0xf0)
		from = 0x90;
	else if (first == 0xed)
		to = 0x9f;
	else if (first == 0xf4)
		to = 0x8f;
	if (p[1] < from || p[1] > to)
		return 0;
	for (i = 2; i < n; i++)
		if (!continues(p[i]))
			return 0;
	return n;
}

/**
 * fsm_name_check() - may this be the name of something?
 * @name: bytes, not terminated
 * @len: how many
 *
 * Return: 0, -EINVAL (empty, control characters, not UTF-8), -ENAMETOOLONG.
 */
int fsm_name_check(const char *name, size_t len)
{
	size_t i = 0;

	if (!len)
		return -EINVAL;
	if (len > FSM_NAME_MAX)
		return -ENAMETOOLONG;
	for (;;) {
		unsigned int n;

		while (len - i >= 8 && plain8(name + i))
			i += 8;
		while (i < len && plain(name[i]))
			i++;
		if (i == len)
			return 0;
		n = sequence((const u8 *)name + i, len - i);
		if (!n)
			return -EINVAL;
		i += n;
	}
}
