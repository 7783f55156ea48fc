/* SPDX-License-Identifier: GPL-2.0 */
/* What the bench's programs have in common: a clock, a median, an end. */
#ifndef CNS_BENCH_H
#define CNS_BENCH_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A run that went wrong has no number: say why and leave. */
__attribute__((noreturn, format(printf, 1, 2)))
static inline void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* ns; under QEMU's -icount shift=0 also instructions of this CPU. */
static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The @q-th of 1000 of @v, which it sorts. */
static inline uint64_t quantile(uint64_t *v, size_t n, unsigned int q)
{
	qsort(v, n, sizeof(*v), compare_u64);
	return v[n * q / 1000 < n ? n * q / 1000 : n - 1];
}

static inline uint64_t number(const char *s)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(s, &end, 0);
	if (errno || !*s || *end)
		die("not a number: %s", s);
	return v;
}

#endif
