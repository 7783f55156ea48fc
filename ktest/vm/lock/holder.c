// SPDX-License-Identifier: GPL-2.0
/*
 * One holder, which tells what it sees of its lock, with the time of CLOCK_MONOTONIC.
 *
 *	ct-holder [-g NETNS] [-s] [-r] [-T MS] [-A MS] NAME
 *
 * Waits for the lock, then increments the counter NAME.work under its fence, again and
 * again, each for at most MS (-T, 200), until the lock is lost. Then goes on for MS more
 * (-A, 1000), and may not succeed once. -s: shared; -r: after a loss it resets its handle
 * and waits again. SIGTERM ends it, SIGUSR1 has it release. Lines:
 *
 *	waits NS
 *	granted NS TOKEN INDEX LEASE-NS INFO
 *	event NS TYPE STATUS TOKEN INDEX
 *	refused NS ERRNO		an increment, when it differs from the last result
 *	lost NS TOKEN ERRNO		poll() says so; what a call is told
 *	work NS TOKEN COUNT LAST-INDEX LAST-NS	what it did under that token
 *	zombie NS TOKEN DONE TRIED CHECK	after the loss; what a check of it says
 *	released NS TOKEN ERRNO
 *	ends NS
 *
 * Exits 1 if an increment succeeded after the loss was told.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../abi/ct.h"
#include "lk.h"

static struct {
	const char *netns, *name;
	char counter[CONSENSUS_NAME_SIZE];
	uint32_t flags;
	bool again;
	uint64_t each_ns, after_ns;
} opt = { .each_ns = SEC / 5, .after_ns = SEC };

/**
 * struct work - under one token
 * @token: which
 * @lost: it is
 * @done: increments that succeeded
 * @late: of these, begun after the loss was told
 * @tried: begun after the loss
 * @last_index: of the newest
 * @last_ns: when it returned
 */
static struct {
	_Atomic uint64_t token;
	atomic_bool lost;
	uint64_t done, late, tried, last_index, last_ns;
} work;

static atomic_int signalled;
static int fd;
static bool failed;

static void on_signal(int number)
{
	atomic_store(&signalled, number);
}

static void say(const char *what, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	printf("%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", what, now_ns(),
	       a, b, c, d);
}

static const char *name_of(int error)
{
	return error ? strerrorname_np(error) ?: "?" : "0";
}

/* One increment of the worker; its result is told when it is another than before. */
static void one(int *before)
{
	bool late = atomic_load(&work.lost);
	uint64_t index;
	int error;

	error = lk_fenced_add(fd, opt.counter, opt.name, work.token, opt.each_ns, &index);
	work.tried += late;
	if (!error) {
		work.done++;
		work.late += late;
		work.last_index = index;
		work.last_ns = now_ns();
	}
	if (error && error != *before)
		printf("refused %" PRIu64 " %s\n", now_ns(), name_of(error));
	*before = error;
}

/* Until some time after the loss, or until the lock is given back. */
static void *works(void *arg)
{
	uint64_t until = UINT64_MAX;
	int before = 0;

	(void)arg;
	while (now_ns() < until && !atomic_load(&signalled)) {
		one(&before);
		sleep_ms(2);
		if (until == UINT64_MAX && atomic_load(&work.lost))
			until = now_ns() + opt.after_ns;
	}
	return NULL;
}

static void events(void)
{
	struct consensus_event e;

	while (!lk_event(fd, &e, 0))
		printf("event %" PRIu64 " %u %s %" PRIu64 " %" PRIu64 "\n", now_ns(), e.type,
		       name_of(-e.status), (uint64_t)e.token, (uint64_t)e.index);
}

/* Watches the handle until the lock is lost. False: a signal came. */
static bool watch(void)
{
	while (!atomic_load(&signalled)) {
		int told = lk_poll(fd, 100);

		if (told & (POLLERR | POLLHUP)) {
			atomic_store(&work.lost, true);
			printf("lost %" PRIu64 " %" PRIu64 " ", now_ns(), (uint64_t)work.token);
			printf("%s\n", name_of(lk_fenced_add(fd, opt.counter, opt.name,
							     work.token, opt.each_ns, NULL)));
			events();
			return true;
		}
		if (told & POLLIN)
			events();
	}
	return false;
}

static bool take(void)
{
	struct consensus_lock_acquire a;
	int error;

	printf("waits %" PRIu64 "\n", now_ns());
	do
		error = lk_acquire(fd, opt.name, opt.flags, CONSENSUS_NO_TIMEOUT, &a);
	while (error == EINTR && !atomic_load(&signalled));
	if (error) {
		printf("ungranted %" PRIu64 " %s\n", now_ns(), name_of(error));
		return false;
	}
	work.done = 0;
	work.late = 0;
	work.tried = 0;
	work.last_index = 0;
	work.last_ns = 0;
	work.token = a.token;
	atomic_store(&work.lost, false);
	say("granted", a.token, a.op.index, a.lease_ns, a.info);
	return true;
}

/* One grant from its beginning to its end. False: that was the last. */
static bool hold(void)
{
	pthread_t worker;
	bool lost;

	pthread_create(&worker, NULL, works, NULL);
	lost = watch();
	pthread_join(worker, NULL);
	say("work", work.token, work.done, work.last_index, work.last_ns);
	if (!lost) {
		if (atomic_load(&signalled) == SIGUSR1)
			printf("released %" PRIu64 " %" PRIu64 " %s\n", now_ns(),
			       (uint64_t)work.token, name_of(lk_release(fd, opt.name, work.token)));
		return false;
	}
	if (lk_reset(fd))
		printf("unreset %" PRIu64 "\n", now_ns());
	printf("zombie %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", now_ns(),
	       (uint64_t)work.token, work.late, work.tried,
	       name_of(lk_check(fd, opt.name, work.token)));
	failed |= work.late > 0;
	return opt.again;
}

static void options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "g:srT:A:")) != -1) {
		if (c == 'g')
			opt.netns = optarg;
		else if (c == 's')
			opt.flags = CONSENSUS_LOCK_SHARED;
		else if (c == 'r')
			opt.again = true;
		else if (c == 'T')
			opt.each_ns = strtoull(optarg, NULL, 10) * 1000000;
		else if (c == 'A')
			opt.after_ns = strtoull(optarg, NULL, 10) * 1000000;
		else
			exit(2);
	}
	if (optind != argc - 1)
		exit(2);
	opt.name = argv[optind];
	snprintf(opt.counter, sizeof(opt.counter), "%.50s.work", opt.name);
}

int main(int argc, char **argv)
{
	struct sigaction s = { .sa_handler = on_signal };

	options(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &s, NULL);
	sigaction(SIGUSR1, &s, NULL);
	fd = lk_open(opt.netns, O_RDWR);
	if (fd < 0) {
		fprintf(stderr, "ct-holder: no handle: %s\n", strerror(-fd));
		return 2;
	}
	while (take() && hold())
		;
	printf("ends %" PRIu64 "\n", now_ns());
	return failed;
}
