// SPDX-License-Identifier: GPL-2.0
/*
 * ct-torture: exactly once. What was acknowledged to the dead is the least that a counter
 * may say, what they asked for without being refused is the most; and once they are dead for
 * a while it moves no more.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "torture.h"

#define PATIENCE (180 * SEC)

static unsigned int looked;	/* lives before it have been */

/* Its value as all agree on it, as soon as there is a quorum. */
static uint64_t value(int fd, const char *kind, unsigned int number)
{
	char name[CONSENSUS_NAME_SIZE];
	uint64_t until = now_ns() + PATIENCE, v = 0;
	int error;

	torture_name(name, kind, number);
	do {
		error = get(fd, name, 0, &v);
		if (!error || error == ENOENT)
			return error ? 0 : v;
		sleep_ms(100);
	} while ((error == EHOSTUNREACH || error == ETIMEDOUT) && now_ns() < until);
	bail("reading %s: %s", name, strerrorname_np(error));
}

static void within(const char *kind, unsigned int number, uint64_t v, uint64_t acked,
		   uint64_t issued, uint64_t refused)
{
	if (v < acked || v > issued - refused)
		violation("counter %s%u is %" PRIu64 "; %" PRIu64 " were acknowledged, %" PRIu64
			  " asked for, %" PRIu64 " refused", kind, number, v, acked, issued,
			  refused);
}

static void look(int fd, unsigned int i)
{
	struct life *l = &shared->life[i];
	uint64_t v = value(fd, "life", i);

	if (l->looked && l->value != v)
		violation("counter life%u moved from %" PRIu64 " to %" PRIu64
			  " long after its worker had died", i, l->value, v);
	within("life", i, v, l->acked, l->issued, l->refused);
	l->value = v;
	l->looked = true;
}

void judge_some(int fd)
{
	unsigned int i, most = 4;

	for (i = looked; i < shared->lives && most; i++) {
		struct life *l = &shared->life[i];

		if (i == looked && l->looked)
			looked++;
		if (l->looked || !l->died_ns || now_ns() - l->died_ns < opt.settle_ns)
			continue;
		look(fd, i);
		most--;
	}
}

void judge_all(int fd)
{
	uint64_t before, after;
	unsigned int i;

	before = value(fd, "all", 0);	/* there is a quorum from here on */
	sleep_ms((unsigned int)(opt.settle_ns / MSEC));
	before = value(fd, "all", 0);
	for (i = 0; i < shared->lives; i++)
		look(fd, i);
	sleep_ms((unsigned int)(opt.settle_ns / MSEC));
	after = value(fd, "all", 0);
	if (before != after)
		violation("the counter of all moved from %" PRIu64 " to %" PRIu64
			  " after all had died", before, after);
	within("all", 0, after, shared->acked, shared->issued, shared->refused);
	if (shared->highest > after)
		violation("%" PRIu64 " was given, but the counter is %" PRIu64,
			  (uint64_t)shared->highest, after);
	note("value %" PRIu64, after);
}
