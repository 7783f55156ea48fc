/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_BITOPS_H
#define SHIM_LINUX_BITOPS_H

#include <linux/types.h>
#include <linux/kernel.h>

#define BITS_PER_LONG (8 * (int)sizeof(long))
#define BITS_TO_LONGS(n) DIV_ROUND_UP(n, BITS_PER_LONG)

static inline int fls(unsigned int x) { return x ? 32 - __builtin_clz(x) : 0; }
static inline int fls64(u64 x) { return x ? 64 - __builtin_clzll(x) : 0; }
static inline unsigned long __ffs(unsigned long x) { return (unsigned long)__builtin_ctzl(x); }
static inline unsigned long __ffs64(u64 x) { return (unsigned long)__builtin_ctzll(x); }
static inline unsigned int hweight8(u8 x) { return (unsigned int)__builtin_popcount(x); }
static inline unsigned int hweight32(u32 x) { return (unsigned int)__builtin_popcount(x); }
static inline unsigned long hweight64(u64 x) { return (unsigned long)__builtin_popcountll(x); }
static inline u64 rol64(u64 w, unsigned int s) { return (w << (s & 63)) | (w >> (-s & 63)); }
static inline u64 ror64(u64 w, unsigned int s) { return (w >> (s & 63)) | (w << (-s & 63)); }

#endif
