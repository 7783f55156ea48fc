// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Numbers that nobody else gets, in the whole cluster: one by one, and many by one call.
 *
 *	increment [NAME [COUNT]]
 *
 * Takes COUNT numbers (10) from the counter NAME ("example") by blocking calls, and COUNT
 * more by a batch, and prints them, one a line, with what they came by. Run it on several
 * machines at once: together they have every number once, and none is left out.
 *
 * The status is 0: all were got, 2: wrong arguments, else 1. After "unknown" one may be lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <consensus.h>
#include <consensus_ring.h>

#define TIMEOUT_NS (20 * 1000000000ULL)

static int by_calls(int fd, const char *name, unsigned int count)
{
	struct consensus_result result;
	unsigned int i;
	int ret;

	for (i = 0; i < count; i++) {
		ret = consensus_counter_inc(fd, name, TIMEOUT_NS, &result);
		if (ret)
			return ret;
		printf("call %llu\n", (unsigned long long)result.value);
	}
	return 0;
}

/* Each operation has a status of its own: others may have had an effect if one has not. */
static int print_all(const struct consensus_counter_add *adds, unsigned int count)
{
	struct consensus_result result;
	unsigned int i;
	int ret, first = 0;

	for (i = 0; i < count; i++) {
		ret = consensus_add_result(&adds[i], &result);
		if (!ret)
			printf("batch %llu\n", (unsigned long long)result.value);
		else if (!first || ret == -ENOTRECOVERABLE)
			first = ret;
	}
	return first;
}

static int by_batch(int fd, const char *name, unsigned int count)
{
	struct consensus_counter_add *adds = calloc(count, sizeof(*adds));
	struct consensus_batch *batch = NULL;
	unsigned int i;
	int ret = adds ? consensus_batch_new(&batch, fd, count) : -ENOMEM;

	for (i = 0; i < count && !ret; i++) {
		ret = consensus_build_add(&adds[i], NULL, name, 1, TIMEOUT_NS);
		if (!ret)
			ret = consensus_batch_put(batch, CONSENSUS_IOC_COUNTER_ADD, &adds[i]);
	}
	if (!ret) {
		consensus_batch_run(batch);
		ret = print_all(adds, count);
	}
	consensus_batch_free(batch);
	free(adds);
	return ret;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "example";
	const char *number = argc > 2 ? argv[2] : "10";
	unsigned long count = strtoul(number, NULL, 10);
	int fd, ret;

	if (argc > 3 || *name == '-' || number[strspn(number, "0123456789")] || !count ||
	    count > 65536)
		return fprintf(stderr, "usage: increment [NAME [COUNT]]\n"), 2;
	fd = consensus_open(O_RDWR);
	ret = fd < 0 ? fd : by_calls(fd, name, count);
	if (!ret)
		ret = by_batch(fd, name, count);
	/* Every other error says that nothing happened, and that nothing will. */
	if (ret == -ENOTRECOVERABLE)
		fprintf(stderr, "increment: unknown: a number may have been taken, by nobody\n");
	else if (ret)
		fprintf(stderr, "increment: %s\n", consensus_strerror(ret));
	if (fd >= 0)
		consensus_close(fd);
	return fflush(stdout) || ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
