/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_MATH64_H
#define SHIM_LINUX_MATH64_H

#include <linux/types.h>

#if __SIZEOF_POINTER__ == 4
/* Bit by bit: as the kernel, without a helper of the compiler's. */
static inline u64 div_u64(u64 n, u32 d)
{
	u64 quotient = 0, rest = 0;
	int bit;

	for (bit = 63; bit >= 0; bit--) {
		rest = rest << 1 | (n >> bit & 1);
		quotient <<= 1;
		if (rest >= d) {
			rest -= d;
			quotient |= 1;
		}
	}
	return quotient;
}
#else
static inline u64 div_u64(u64 n, u32 d) { return n / d; }
#endif
static inline u64 mul_u32_u32(u32 a, u32 b) { return (u64)a * b; }

#endif
