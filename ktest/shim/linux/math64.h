/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_MATH64_H
#define SHIM_LINUX_MATH64_H

#include <linux/types.h>

static inline u64 div_u64(u64 n, u32 d) { return n / d; }
static inline u64 mul_u32_u32(u32 a, u32 b) { return (u64)a * b; }

#endif
