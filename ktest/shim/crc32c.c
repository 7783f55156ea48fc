// SPDX-License-Identifier: GPL-2.0
/*
 * CRC-32C (Castagnoli; RFC 3720, B.4), as the storage codec asks of its driver:
 * by the processor's instruction where there is one, else eight tables at a time
 * ("A Systematic Approach to Building High Performance Software-Based CRC
 * Generators", Kounavis and Berry, 2005).
 */
#include <stdbool.h>
#include <string.h>
#include <linux/types.h>
#include <asm/byteorder.h>
#include "../../kmod/record/record.h"

enum { POLYNOMIAL = 0x82f63b78, SLICES = 8 };

static u32 table[SLICES][256];

static void __attribute__((__constructor__)) make_tables(void)
{
	unsigned int i, k;
	u32 c;

	for (i = 0; i < 256; i++) {
		c = i;
		for (k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ (u32)POLYNOMIAL : c >> 1;
		table[0][i] = c;
	}
	for (k = 1; k < SLICES; k++)
		for (i = 0; i < 256; i++) {
			c = table[k - 1][i];
			table[k][i] = c >> 8 ^ table[0][c & 0xff];
		}
}

static u32 by_tables(u32 crc, const u8 *p, size_t len)
{
	__le32 w[2];
	u32 a, b;

	for (; len >= sizeof(w); len -= sizeof(w), p += sizeof(w)) {
		memcpy(w, p, sizeof(w));
		a = le32_to_cpu(w[0]) ^ crc;
		b = le32_to_cpu(w[1]);
		crc = table[7][a & 0xff] ^ table[6][a >> 8 & 0xff] ^
		      table[5][a >> 16 & 0xff] ^ table[4][a >> 24] ^
		      table[3][b & 0xff] ^ table[2][b >> 8 & 0xff] ^
		      table[1][b >> 16 & 0xff] ^ table[0][b >> 24];
	}
	while (len--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return crc;
}

#ifdef __x86_64__
static u32 __attribute__((__target__("sse4.2")))
by_instruction(u32 crc, const u8 *p, size_t len)
{
	u64 c = crc, w;

	for (; len >= sizeof(w); len -= sizeof(w), p += sizeof(w)) {
		memcpy(&w, p, sizeof(w));
		c = __builtin_ia32_crc32di(c, w);
	}
	while (len--)
		c = __builtin_ia32_crc32qi((u32)c, *p++);
	return (u32)c;
}

u32 record_crc32c(u32 crc, const void *data, size_t len)
{
	static int there = -1;

	if (there < 0)
		there = !!__builtin_cpu_supports("sse4.2");
	return there ? by_instruction(crc, data, len) :
		       by_tables(crc, data, len);
}
#else
u32 record_crc32c(u32 crc, const void *data, size_t len)
{
	return by_tables(crc, data, len);
}
#endif
