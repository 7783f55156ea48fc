// SPDX-License-Identifier: GPL-2.0
/*
 * Every way in which the kernel must refuse a call, one by one, and what
 * waits, signals and time do to calls. TAP on standard output.
 *
 *	ct-abi [--up COMMAND] [--cut COMMAND] [--heal COMMAND] [--race SECONDS]
 *
 * With --up the node must not be started when this begins; else it must be in
 * a cluster with a leader. Without --cut and --heal nothing is tried that
 * needs a lost quorum. Each of them is a shell command.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "abi.h"
#include "ct.h"

static int started(int fd)
{
	struct consensus_features f = { 0 };

	return !call(fd, CONSENSUS_IOC_FEATURES, &f) && f.node_started;
}

static void await_leader(int fd)
{
	uint64_t end = now_ns() + 60 * SEC;

	while (add(fd, "abi-begin", 1, SEC, NULL)) {
		if (now_ns() > end)
			bail("no increment succeeds within a minute");
		sleep_ms(50);
	}
}

static void options(int argc, char **argv, struct hooks *h, unsigned int *race)
{
	static const struct option known[] = {
		{ "up", required_argument, NULL, 'u' },
		{ "cut", required_argument, NULL, 'c' },
		{ "heal", required_argument, NULL, 'h' },
		{ "race", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 'u')
			h->up = optarg;
		else if (c == 'c')
			h->cut = optarg;
		else if (c == 'h')
			h->heal = optarg;
		else if (c == 'r')
			*race = (unsigned int)strtoul(optarg, NULL, 10);
		else
			exit(2);
	}
}

int main(int argc, char **argv)
{
	struct hooks h = { NULL };
	unsigned int race = 2;
	int fd;

	options(argc, argv, &h, &race);
	if (h.up)
		test_not_started(&h);
	fd = open_device(O_RDWR);
	if (!started(fd))
		bail("the node is not started");
	await_leader(fd);
	test_arguments(fd);
	test_names(fd);
	test_memory(fd);
	test_gone(fd);
	test_file(fd);
	test_race(fd, race);
	test_waits(fd, &h);
	close(fd);
	return tap_end();
}
