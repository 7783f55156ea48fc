// SPDX-License-Identifier: GPL-2.0
#include <endian.h>
#include <string.h>

#include "siphash.h"

static uint64_t turn(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = turn(v[1], 13) ^ v[0];
	v[0] = turn(v[0], 32);
	v[2] += v[3];
	v[3] = turn(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = turn(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = turn(v[1], 17) ^ v[2];
	v[2] = turn(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

uint64_t siphash24(const void *data, size_t n, uint64_t key0, uint64_t key1)
{
	uint64_t v[4] = {
		0x736f6d6570736575ULL ^ key0, 0x646f72616e646f6dULL ^ key1,
		0x6c7967656e657261ULL ^ key0, 0x7465646279746573ULL ^ key1,
	};
	uint64_t word, last = (uint64_t)n << 56;
	const uint8_t *p = data;
	size_t i;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		sip_word(v, le64toh(word));
	}
	for (i = 0; i < n; i++)
		last |= (uint64_t)p[i] << (8 * i);
	sip_word(v, last);
	v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t chain_begin(void)
{
	return 0x7073636861696e31ULL;
}

uint64_t chain_add(uint64_t hash, const void *data, size_t n)
{
	const uint8_t *p = data;
	size_t piece;

	for (; n; n -= piece, p += piece) {
		piece = n < CHAIN_PIECE ? n : CHAIN_PIECE;
		hash = siphash24(p, piece, hash, 0x6b2f1d0cc0a5e901ULL);
	}
	return hash;
}
