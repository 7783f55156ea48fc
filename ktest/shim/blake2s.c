// SPDX-License-Identifier: GPL-2.0
/*
 * BLAKE2s after RFC 7693, and the keyed form that the wire asks its driver for.
 * For tests in userspace: plain, not fast. blake2s_test.c checks it against the
 * RFC's own self-test.
 */
#include <string.h>
#include <linux/kernel.h>
#include <linux/bitops.h>
#include <asm/byteorder.h>
#include <crypto/blake2s.h>
#include "../../kmod/wire/wire.h"

/* RFC 7693, 2.6: the fractional part of the square roots of 2, 3, 5, ... */
static const u32 iv[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* RFC 7693, 2.7: the order in which each round takes the message's words. */
static const u8 sigma[10][16] = {
	{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
	{ 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3 },
	{ 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4 },
	{ 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8 },
	{ 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13 },
	{ 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9 },
	{ 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11 },
	{ 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10 },
	{ 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5 },
	{ 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0 },
};

static u32 ror(u32 w, unsigned int s)
{
	return (w >> s) | (w << (32 - s));
}

/* 3.1, mixing function G */
static void mix(u32 v[16], int a, int b, int c, int d, u32 x, u32 y)
{
	v[a] += v[b] + x;
	v[d] = ror(v[d] ^ v[a], 16);
	v[c] += v[d];
	v[b] = ror(v[b] ^ v[c], 12);
	v[a] += v[b] + y;
	v[d] = ror(v[d] ^ v[a], 8);
	v[c] += v[d];
	v[b] = ror(v[b] ^ v[c], 7);
}

/* 3.2, compression function F; @total: bytes so far, this block's included */
static void compress(u32 h[8], const u8 block[64], u64 total, bool last)
{
	u32 m[16], v[16];
	int i;

	for (i = 0; i < 16; i++)
		m[i] = block[4 * i] | block[4 * i + 1] << 8 |
		       block[4 * i + 2] << 16 | (u32)block[4 * i + 3] << 24;
	for (i = 0; i < 8; i++) {
		v[i] = h[i];
		v[i + 8] = iv[i];
	}
	v[12] ^= (u32)total;
	v[13] ^= (u32)(total >> 32);
	if (last)
		v[14] = ~v[14];
	for (i = 0; i < 10; i++) {
		const u8 *s = sigma[i];

		mix(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);
		mix(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);
		mix(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);
		mix(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);
		mix(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);
		mix(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);
		mix(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);
		mix(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);
	}
	for (i = 0; i < 8; i++)
		h[i] ^= v[i] ^ v[i + 8];
}

/* 3.3: the key, if any, is the first block; the last block is padded. */
void blake2s(u8 *out, const u8 *in, const u8 *key, size_t outlen, size_t inlen,
	     size_t keylen)
{
	u8 block[64] = { 0 };
	u64 total = 0;
	u32 h[8];
	size_t i, n;

	for (i = 0; i < 8; i++)
		h[i] = iv[i];
	h[0] ^= 0x01010000 ^ (u32)(keylen << 8) ^ (u32)outlen;
	if (keylen) {
		memcpy(block, key, keylen);
		total = 64;
		compress(h, block, total, !inlen);
	}
	while (inlen || !total) {
		n = min_t(size_t, inlen, 64);
		memset(block, 0, sizeof(block));
		if (n)
			memcpy(block, in, n);
		in += n;
		inlen -= n;
		total += n;
		compress(h, block, total, !inlen);
		if (!inlen)
			break;
	}
	for (i = 0; i < outlen; i++)
		out[i] = (u8)(h[i / 4] >> (8 * (i % 4)));
}

void wire_blake2s(u8 out[16], const u8 *in, size_t len,
		  const u8 key[WIRE_CLUSTER_KEY])
{
	blake2s(out, in, key, 16, len, WIRE_CLUSTER_KEY);
}
