// SPDX-License-Identifier: GPL-2.0
#include <time.h>

#include "ctl.h"

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t later_ns(uint64_t begin, uint64_t ns)
{
	return begin + ns < begin ? UINT64_MAX : begin + ns;
}

void pause_ms(unsigned int ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}
