/* SPDX-License-Identifier: GPL-2.0 */
/* BLAKE2s (RFC 7693), whole messages only, with Linux 6.1's interface. */
#ifndef SHIM_CRYPTO_BLAKE2S_H
#define SHIM_CRYPTO_BLAKE2S_H

#include <linux/types.h>

enum {
	BLAKE2S_BLOCK_SIZE = 64,
	BLAKE2S_HASH_SIZE = 32,
	BLAKE2S_KEY_SIZE = 32,
};

/* @outlen: 1 to 32 bytes; @keylen: 0 to 32 bytes, 0: no key. */
void blake2s(u8 *out, const u8 *in, const u8 *key, size_t outlen, size_t inlen,
	     size_t keylen);

#endif
