/* SPDX-License-Identifier: GPL-2.0 */
/* SipHash-2-4 (Aumasson, Bernstein, 2012) with the kernel's interface. */
#ifndef SHIM_LINUX_SIPHASH_H
#define SHIM_LINUX_SIPHASH_H

#include <string.h>
#include <endian.h>
#include <linux/types.h>

typedef struct {
	u64 key[2];
} siphash_key_t;

#define SHIM_ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define SHIM_ROUND(v) do { \
	(v)[0] += (v)[1]; (v)[1] = SHIM_ROTL((v)[1], 13); (v)[1] ^= (v)[0]; \
	(v)[0] = SHIM_ROTL((v)[0], 32); \
	(v)[2] += (v)[3]; (v)[3] = SHIM_ROTL((v)[3], 16); (v)[3] ^= (v)[2]; \
	(v)[0] += (v)[3]; (v)[3] = SHIM_ROTL((v)[3], 21); (v)[3] ^= (v)[0]; \
	(v)[2] += (v)[1]; (v)[1] = SHIM_ROTL((v)[1], 17); (v)[1] ^= (v)[2]; \
	(v)[2] = SHIM_ROTL((v)[2], 32); } while (0)

static inline void shim_sip_begin(u64 v[4], const siphash_key_t *k)
{
	v[0] = 0x736f6d6570736575ULL ^ k->key[0];
	v[1] = 0x646f72616e646f6dULL ^ k->key[1];
	v[2] = 0x6c7967656e657261ULL ^ k->key[0];
	v[3] = 0x7465646279746573ULL ^ k->key[1];
}

static inline void shim_sip_word(u64 v[4], u64 m)
{
	v[3] ^= m;
	SHIM_ROUND(v);
	SHIM_ROUND(v);
	v[0] ^= m;
}

static inline u64 shim_sip_end(u64 v[4])
{
	v[2] ^= 0xff;
	SHIM_ROUND(v);
	SHIM_ROUND(v);
	SHIM_ROUND(v);
	SHIM_ROUND(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline u64 siphash(const void *data, size_t len, const siphash_key_t *k)
{
	const unsigned char *p = data;
	u64 v[4], m, last = (u64)len << 56;
	size_t i;

	shim_sip_begin(v, k);
	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&m, p, 8);
		shim_sip_word(v, le64toh(m));
	}
	for (i = 0; i < len; i++)
		last |= (u64)p[i] << (8 * i);
	shim_sip_word(v, last);
	return shim_sip_end(v);
}

static inline u64 shim_sip_words(const u64 *w, unsigned int n,
				 const siphash_key_t *k)
{
	unsigned int i;
	u64 v[4];

	shim_sip_begin(v, k);
	for (i = 0; i < n; i++)
		shim_sip_word(v, w[i]);
	shim_sip_word(v, (u64)(8 * n) << 56);
	return shim_sip_end(v);
}

static inline u64 siphash_1u64(u64 a, const siphash_key_t *k)
{
	return shim_sip_words(&a, 1, k);
}

static inline u64 siphash_2u64(u64 a, u64 b, const siphash_key_t *k)
{
	u64 w[] = { a, b };

	return shim_sip_words(w, 2, k);
}

static inline u64 siphash_3u64(u64 a, u64 b, u64 c, const siphash_key_t *k)
{
	u64 w[] = { a, b, c };

	return shim_sip_words(w, 3, k);
}

static inline u64 siphash_4u64(u64 a, u64 b, u64 c, u64 d,
			       const siphash_key_t *k)
{
	u64 w[] = { a, b, c, d };

	return shim_sip_words(w, 4, k);
}

#endif
