// SPDX-License-Identifier: GPL-2.0
/*
 * Every call of locks, what it answers, and how it is refused. TAP.
 *
 *	ct-locks [--only PART] [--slow TIMES] HERE THERE NETNS-OF-THERE
 *
 * The node here is called HERE, another one of its cluster THERE; there is a leader.
 * Run as root, as some of it is asked from the other side of a namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "locks.h"

/**
 * struct part - of the tests
 * @name: for --only
 * @test: it
 */
static const struct part {
	const char *name;
	void (*test)(const struct world *w);
} parts[] = {
	{ "arguments", test_arguments },
	{ "grants", test_grants },
	{ "waits", test_waits },
	{ "fences", test_fences },
	{ "events", test_events },
	{ "signals", test_signals },
	{ "files", test_files },
	{ "detach", test_detach },
	{ "heartbeat", test_heartbeat },
	{ "admin", test_admin },
	{ "lists", test_lists },
	{ "crowd", test_crowd },
};

int handle(void)
{
	return open_device(O_RDWR);
}

uint64_t must_take(int fd, const char *name, uint32_t flags)
{
	struct consensus_lock_acquire a;
	int error = lk_acquire(fd, name, flags, 30 * SEC, &a);

	if (error || !a.token) {
		is_errno(error, 0, "%s is taken", name);
		return 0;
	}
	return a.token;
}

uint64_t must_queue(int fd, const char *name, uint32_t flags, uint64_t cookie)
{
	struct consensus_lock_acquire a = lk_good_acquire(name, flags | CONSENSUS_LOCK_ASYNC);
	int error;

	a.cookie = cookie;
	error = call(fd, CONSENSUS_IOC_LOCK_ACQUIRE, &a);
	if (error || !a.ticket || a.token) {
		is_errno(error, 0, "%s: a ticket (%llu) and no token (%llu)", name,
			 (unsigned long long)a.ticket, (unsigned long long)a.token);
		return 0;
	}
	return a.ticket;
}

bool is_free(int fd, const char *name, unsigned int ms)
{
	struct consensus_lock_acquire a;
	int error = lk_acquire(fd, name, 0, (uint64_t)ms * 1000000, &a);

	if (error) {
		note("%s: %s", name, strerrorname_np(error));
		return false;
	}
	return !lk_release(fd, name, a.token);
}

bool there_are(int fd, const char *name, int wanted)
{
	uint64_t until = now_ns() + 20 * SEC;
	int n;

	while ((n = lk_list(fd, name, NULL, 0)) != wanted && now_ns() < until)
		sleep_ms(5);
	if (n != wanted)
		note("%s: %d hold or wait, and not %d", name ? name : "all", n, wanted);
	return n == wanted;
}

bool is_gone(int fd, const char *name)
{
	return there_are(fd, name, 0);
}

/* A linearizable read. */
void catch_up(int fd)
{
	value_of(fd, "locks-begin");
}

bool await_event(int fd, uint32_t type, struct consensus_event *e)
{
	uint64_t until = now_ns() + 10 * SEC;
	int error;

	do {
		error = lk_event(fd, e, 100);
		if (!error && e->type == type)
			return true;
		if (!error)
			note("passed over: event %u of '%s', status %d", e->type, e->name,
			     e->status);
	} while ((!error || error == ETIMEDOUT) && now_ns() < until);
	note("event %u does not come: %s", type, strerrorname_np(error) ?: "others do");
	return false;
}

int in_child(int (*child)(void *arg), void *arg)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		bail("fork: %s", strerror(errno));
	if (!pid)
		_exit(child(arg));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void options(int argc, char **argv, const char **only, struct world *w)
{
	static const struct option known[] = {
		{ "only", required_argument, NULL, 'o' },
		{ "slow", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 'o')
			*only = optarg;
		else if (c == 's')
			w->slow = (unsigned int)strtoul(optarg, NULL, 10);
		else
			exit(2);
	}
	if (argc - optind != 3)
		exit(2);
	w->here = argv[optind];
	w->there = argv[optind + 1];
	w->netns = argv[optind + 2];
}

int main(int argc, char **argv)
{
	struct world w = { .slow = 1 };
	const char *only = NULL;
	unsigned int i, ran = 0;

	options(argc, argv, &only, &w);
	w.fd = handle();
	w.other = lk_open(w.netns, O_RDWR);
	if (w.other < 0)
		bail("%s: %s", w.netns, strerror(-w.other));
	own("locks");	/* children shall have the same names */
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (only && strcmp(only, parts[i].name))
			continue;
		note("%s", parts[i].name);
		parts[i].test(&w);
		ran++;
	}
	return ran ? tap_end() : 2;
}
