// SPDX-License-Identifier: GPL-2.0
/*
 * Sequences on the real module: processes on all nodes take numbers from one counter, by
 * ranges of different sizes, and some are killed.
 *
 *	ct-sequence NODE...
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <consensus_sequence.h>

#include "../abi/ct.h"
#include "lt.h"

enum {
	PROCESSES = 12,
	NUMBERS = 250,
	KILLED = 3,
};

static const uint64_t ranges[] = { 1, 3, 10, 64, 1000 };

/**
 * struct owner - one process
 * @n: numbers that it has
 * @node: where
 * @range: of its sequence
 * @slow: it is to be killed before it ends
 * @numbers: these
 */
struct owner {
	_Atomic uint64_t n;
	const char *node;
	uint64_t range;
	bool slow;
	uint64_t numbers[NUMBERS];
};

static struct owner *owners;

static int takes(void *arg)
{
	struct owner *o = arg;
	struct consensus_sequence *s;
	uint64_t i;
	int fd;

	lt_enter(o->node);
	fd = consensus_open(O_RDWR);
	if (fd < 0 || consensus_sequence_new(&s, fd, "numbers", o->range))
		return 1;
	for (i = 0; i < NUMBERS; i++) {
		if (consensus_sequence_next(s, 0, &o->numbers[i]))
			return 2;
		atomic_store(&o->n, i + 1);
		if (o->slow)
			sleep_ms(20);
	}
	consensus_sequence_free(s);
	return consensus_close(fd) ? 3 : 0;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* All numbers of all owners, sorted; how many. */
static uint64_t gather(uint64_t *all)
{
	uint64_t n = 0, i;
	int p;

	for (p = 0; p < PROCESSES; p++)
		for (i = 0; i < owners[p].n; i++)
			all[n++] = owners[p].numbers[i];
	qsort(all, n, sizeof(*all), ascending);
	return n;
}

static bool each_rises(void)
{
	uint64_t i;
	int p;

	for (p = 0; p < PROCESSES; p++)
		for (i = 1; i < owners[p].n; i++)
			if (owners[p].numbers[i] <= owners[p].numbers[i - 1])
				return false;
	return true;
}

static bool unique(const uint64_t *all, uint64_t n)
{
	uint64_t i;

	for (i = 1; i < n; i++)
		if (all[i] == all[i - 1])
			return false;
	return n && all[0] >= 1;
}

/* Runs all; how many have not ended as they should. */
static int run(int nodes, char **node)
{
	pid_t pids[PROCESSES];
	int p, bad = 0;

	for (p = 0; p < PROCESSES; p++) {
		owners[p].node = node[p % nodes];
		owners[p].range = ranges[(unsigned int)p % (sizeof(ranges) / sizeof(ranges[0]))];
		owners[p].slow = p < KILLED;
		pids[p] = lt_child(takes, &owners[p]);
	}
	for (p = 0; p < KILLED; p++) {
		lt_await(&owners[p].n, 30000);
		kill(pids[p], SIGKILL);
	}
	for (p = 0; p < PROCESSES; p++) {
		int status = lt_wait(pids[p]);

		bad += status != (p < KILLED ? 128 + SIGKILL : 0);
	}
	return bad;
}

int main(int argc, char **argv)
{
	static uint64_t all[PROCESSES * NUMBERS];
	struct consensus_result result;
	uint64_t n;
	int fd;

	if (argc < 2)
		return 2;
	owners = lt_shared(PROCESSES * sizeof(*owners));
	ok(!run(argc - 1, argv + 1), "%d processes on %d nodes, %d of them killed", PROCESSES,
	   argc - 1, KILLED);
	n = gather(all);
	ok(n >= (PROCESSES - KILLED) * NUMBERS && unique(all, n), "%" PRIu64 " numbers, none twice",
	   n);
	ok(each_rises(), "those of each owner rise");
	lt_enter(argv[1]);
	fd = consensus_open(O_RDWR);
	ok(!consensus_counter_read(fd, "numbers", CONSENSUS_LINEARIZABLE, 0, 0, &result) &&
	   all[n - 1] <= result.value, "up to the counter's");
	ok(result.value < n + PROCESSES * 1000, "and the gaps are less than a range each");
	return tap_end();
}
