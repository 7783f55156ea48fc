// SPDX-License-Identifier: GPL-2.0
/*
 * Guards and senders: arguments, and what they make of answers. (What they do, a VM test
 * shows.) The device is a file that answers as the test says.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "consensus_guard.h"
#include "consensus_sequence.h"
#include "fake/hook.h"
#include "tap.h"

/**
 * struct device - what it answers, and what it was asked
 * @on: it is ours
 * @check: of LOCK_CHECK
 * @release: of LOCK_RELEASE
 * @wanted: a grant is, by others
 * @limit: of the last release
 * @releases: how many
 * @resets: how many
 */
static struct {
	bool on;
	int check, release;
	bool wanted;
	uint64_t limit;
	int releases, resets;
} device;

int open(const char *name, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = va_arg(args, int);
	va_end(args);
	if (device.on && !strcmp(name, "/dev/consensus"))
		name = "/dev/null";
	return (int)syscall(SYS_openat, AT_FDCWD, name, flags, mode);
}

static int granted(struct consensus_lock_acquire *acquire)
{
	acquire->token = 7;
	acquire->info = device.wanted ? CONSENSUS_GRANT_WANTED : 0;
	return 0;
}

static int released(const struct consensus_lock_release *release)
{
	device.limit = release->op.timeout_ns;
	device.releases++;
	return device.release;
}

static int answer(int fd, unsigned long number, void *argument)
{
	(void)fd;
	switch (number) {
	case CONSENSUS_IOC_LOCK_ACQUIRE:
		return granted(argument);
	case CONSENSUS_IOC_LOCK_RELEASE:
		return released(argument);
	case CONSENSUS_IOC_LOCK_CHECK:
		return device.check;
	case CONSENSUS_IOC_HANDLE_RESET:
		device.resets++;
		return 0;
	case CONSENSUS_IOC_COUNTER_ADD:
	case CONSENSUS_IOC_COUNTER_READ:
		return 0;
	}
	return -ENOTTY;
}

static void begin(void)
{
	memset(&device, 0, sizeof(device));
	device.on = true;
	hook_ioctl = answer;
}

static void end(void)
{
	device.on = false;
	hook_first = false;
	hook_ioctl = NULL;
}

static void guards(void)
{
	char name[CONSENSUS_NAME_SIZE + 1];
	struct consensus_guard *g = NULL;

	memset(name, 'x', CONSENSUS_NAME_SIZE);
	name[CONSENSUS_NAME_SIZE] = 0;
	ok(consensus_guard_new(&g, "", 0) == -EINVAL &&
	   consensus_guard_new(&g, "x", CONSENSUS_LOCK_TRY) == -EINVAL &&
	   consensus_guard_new(&g, "x", CONSENSUS_LOCK_SHARED | CONSENSUS_LOCK_ASYNC) == -EINVAL &&
	   consensus_guard_new(&g, "x", 1U << 31) == -EINVAL, "a guard: EINVAL");
	ok(consensus_guard_new(&g, name, 0) == -ENAMETOOLONG && !g, "ENAMETOOLONG");
	consensus_guard_free(NULL);
}

static void senders(void)
{
	struct consensus_sender *s = NULL;
	char name[60];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	ok(consensus_sender_new(&s, "") == -EINVAL, "a sender: EINVAL");
	ok(consensus_sender_new(&s, name) == -ENAMETOOLONG && !s, "59 bytes: ENAMETOOLONG");
	consensus_sender_free(NULL);
}

/* A node that was stopped is no lock that is held. */
static void stopped(void)
{
	static const int told[] = { -ENOTCONN, -ESHUTDOWN, -ETIMEDOUT };
	struct consensus_guard *g;
	int i;

	begin();
	if (!ok(!consensus_guard_new(&g, "x", 0) && !consensus_guard_acquire(g, 0), "a lock"))
		return;
	ok(consensus_guard_acquire(g, 0) == -EDEADLK && consensus_guard_try(g) == -EDEADLK,
	   "held already: EDEADLK");
	for (i = 0; i < 3; i++) {
		device.check = told[i];
		ok(consensus_guard_acquire(g, 0) == (i < 2 ? told[i] : -EDEADLK) &&
		   consensus_guard_try(g) == (i < 2 ? told[i] : -EDEADLK) &&
		   consensus_guard_check(g) == told[i], "held, and the check says %d", told[i]);
	}
	consensus_guard_free(g);
	end();
}

/* A child frees what is its parent's; both are the first of their PID namespace. */
static void child(void)
{
	struct consensus_guard *g;
	int status = -1;
	pid_t pid;

	begin();
	hook_first = true;
	if (!ok(!consensus_guard_new(&g, "x", 0) && !consensus_guard_acquire(g, 0), "a lock"))
		return;
	pid = fork();
	if (!pid) {
		status = consensus_guard_check(g) != -ECHILD ||
			 consensus_guard_acquire(g, 0) != -ECHILD ||
			 consensus_guard_release(g, 0) != -ECHILD;
		consensus_guard_free(g);
		_exit(status | (device.releases || device.resets ? 2 : 0));
	}
	waitpid(pid, &status, 0);
	ok(!status, "a child may nothing, and gives nothing back (%d)", status);
	ok(!consensus_guard_check(g), "it is held still");
	consensus_guard_free(g);
	ok(device.resets == 1, "until its owner frees it");
	end();
}

/* How long somebody who sends may be kept by giving the lock back. */
static void limits(void)
{
	const uint64_t second = 1000000000;
	struct consensus_sender *s;
	struct consensus_stamp stamp;

	begin();
	if (!ok(!consensus_sender_new(&s, "x"), "a sender"))
		return;
	device.wanted = true;
	device.release = -ETIMEDOUT;
	ok(!consensus_sender_begin(s, second / 2, &stamp) && !device.releases, "it begins");
	ok(!consensus_sender_end(s) && device.releases == 1 && device.limit == second &&
	   device.resets == 1, "and ends: gives back for a second, and then without waiting");
	ok(!consensus_sender_begin(s, second / 2, &stamp), "it begins once more");
	device.wanted = false;
	ok(consensus_sender_void(s, second, &stamp) == -EBUSY, "and may not void meanwhile");
	consensus_sender_free(s);
	if (!ok(!consensus_sender_new(&s, "x"), "another"))
		return;
	device.releases = 0;
	device.resets = 0;
	ok(!consensus_sender_void(s, second, &stamp) && !device.releases && device.resets == 1,
	   "to void gives back without waiting");
	consensus_sender_free(s);
	end();
}

void test_guard(void)
{
	guards();
	senders();
	stopped();
	child();
	limits();
}
