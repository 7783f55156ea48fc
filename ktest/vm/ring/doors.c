// SPDX-License-Identifier: GPL-2.0
/*
 * Every call by every door, and what arrays and rings must keep beside. TAP.
 *
 *	ct-ring [OPTION]... HERE THERE NETNS-OF-THERE
 *
 *	--only PART	one part; PART is doors, full, malformed, ... (again: more)
 *	--door NAME	doors: only that door
 *	--all		doors: every operation by every door, also what takes long
 *	--here-leads	the node here leads, and not THERE
 *	--slow TIMES	how many times slower than usual this kernel is
 *	--cut COMMAND	there is no quorum afterwards; --heal COMMAND undoes it
 *
 * The node here is called HERE, another one of its cluster THERE; THERE leads. Run as root.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doors.h"

/**
 * struct operation - a call, tried by a door
 * @name: for people
 * @try: by that gate; what fails is counted there
 * @slow: it waits for something to happen
 */
static const struct operation {
	const char *name;
	void (*try)(struct gate *g, const struct world *w);
	bool slow;
} operations[] = {
	{ "add", by_add, false },
	{ "add under a fence", by_add_fenced, true },
	{ "read", by_read, false },
	{ "features", by_features, false },
	{ "lists", by_lists, false },
	{ "limits of time", by_limits, false },
	{ "memory", by_memory, false },
	{ "errors", by_errors, false },
	{ "acquire, try, release", by_acquire, false },
	{ "shared", by_shared, true },
	{ "async", by_async, true },
	{ "waiting", by_waiting, true },
	{ "check", by_check, false },
	{ "revoke", by_revoke, true },
	{ "session expire", by_expire, true },
	{ "heartbeat, lost, reset", by_heartbeat, true },
	{ "reset", by_reset, false },
	{ "detach, adopt", by_detach, true },
	{ "cancel", by_cancel, true },
};

enum { OPERATIONS = sizeof(operations) / sizeof(operations[0]), ONLY = 16 };

static const char *only[ONLY], *only_door;
static unsigned int n_only;
static bool all;

static void try_door(const struct world *w, const struct door *d)
{
	uint64_t begin = now_ns();
	struct gate g;
	unsigned int i;
	int fd = handle(), error = gate_open(&g, d, fd);

	if (error) {
		is_errno(error, 0, "%s: opens", d->name);
		return;
	}
	for (i = 0; i < OPERATIONS; i++) {
		if (operations[i].slow && d->brief && !all)
			continue;
		g.faults = 0;
		operations[i].try(&g, w);
		ok(!g.faults, "%s by %s", operations[i].name, d->name);
	}
	gate_close(&g);
	close(fd);
	note("%s: %llu ms", d->name, (unsigned long long)ms_since(begin));
}

void test_doors(const struct world *w)
{
	unsigned int i;

	for (i = 0; i < n_doors; i++) {
		if (!only_door || !strcmp(only_door, doors[i].name))
			try_door(w, &doors[i]);
	}
}

/**
 * struct part - of the tests
 * @name: for --only
 * @test: it
 */
static const struct part {
	const char *name;
	void (*test)(const struct world *w);
} parts[] = {
	{ "doors", test_doors },
	{ "full", test_full },
	{ "malformed", test_malformed },
	{ "memory", test_memory },
	{ "handles", test_handles },
	{ "signals", test_signals },
	{ "timeouts", test_timeouts },
	{ "chains", test_chains },
	{ "rings", test_rings },
	{ "flight", test_flight },
	{ "threads", test_threads },
	{ "forks", test_forks },
	{ "quorum", test_quorum },
};

enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

static bool is_asked(const char *name)
{
	unsigned int i;

	for (i = 0; i < n_only && strcmp(only[i], name); i++)
		;
	return !n_only || i < n_only;
}

static void options(int argc, char **argv, struct world *w)
{
	static const struct option known[] = {
		{ "only", required_argument, NULL, 'o' }, { "door", required_argument, NULL, 'd' },
		{ "slow", required_argument, NULL, 's' }, { "cut", required_argument, NULL, 'c' },
		{ "heal", required_argument, NULL, 'h' }, { "all", no_argument, NULL, 'a' },
		{ "here-leads", no_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 'o' && n_only < ONLY)
			only[n_only++] = optarg;
		else if (c == 'a')
			all = true;
		else if (c == 'l')
			w->here_leads = true;
		else if (c == 'd')
			only_door = optarg;
		else if (c == 's')
			w->slow = (unsigned int)strtoul(optarg, NULL, 10);
		else if (c == 'c')
			w->cut = optarg;
		else if (c == 'h')
			w->heal = optarg;
		else
			exit(2);
	}
	if (argc - optind != 3 || !w->slow)
		exit(2);
	w->here = argv[optind];
	w->there = argv[optind + 1];
	w->netns = argv[optind + 2];
}

int main(int argc, char **argv)
{
	struct world w = { .slow = 1 };
	unsigned int i, ran = 0;
	uint64_t begin;

	options(argc, argv, &w);
	w.fd = handle();
	w.other = handle_there(&w);
	for (i = 0; i < PARTS; i++) {
		if (!is_asked(parts[i].name))
			continue;
		begin = now_ns();
		note("%s", parts[i].name);
		parts[i].test(&w);
		note("%s: %llu ms", parts[i].name, (unsigned long long)ms_since(begin));
		ran++;
	}
	return ran ? tap_end() : 2;
}
