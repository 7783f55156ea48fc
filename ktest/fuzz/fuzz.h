/* SPDX-License-Identifier: GPL-2.0 */
/* What the fuzzers share: input as a stream of decisions, and a hard stop. */
#ifndef KTEST_FUZZ_H
#define KTEST_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kernel.h>
#include <linux/types.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* A promise of the code under test, for inputs of any kind. */
#define MUST(cond) do { \
	if (!(cond)) { \
		fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, \
			__LINE__, #cond); \
		abort(); \
	} \
} while (0)

/* Input not read yet; behind its end all is zero. */
struct stream {
	const u8 *p;
	size_t left;
};

static inline u8 next8(struct stream *s)
{
	if (!s->left)
		return 0;
	s->left--;
	return *s->p++;
}

static inline u64 next64(struct stream *s)
{
	u64 v = 0;
	int i;

	for (i = 0; i < 64; i += 8)
		v |= (u64)next8(s) << i;
	return v;
}

/* Mostly small, sometimes close to the top, sometimes anything. */
static inline u64 number(struct stream *s)
{
	u8 b = next8(s);

	if (b < 240)
		return b & 15;
	if (b < 248)
		return ~0ULL - (b & 7);
	return b < 252 ? next8(s) << 4 : next64(s);
}

/* A copy of @len bytes, just that long, so that a read too far is seen. */
static inline u8 *tight(const void *data, size_t len)
{
	u8 *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	if (len)
		memcpy(copy, data, len);
	return copy;
}

/* Read all of @len bytes, so that a view beyond its memory is seen. */
static inline void touch(const void *data, size_t len)
{
	const u8 *p = data;

	while (len--)
		(void)READ_ONCE(p[len]);
}

#endif
