// SPDX-License-Identifier: GPL-2.0
/*
 * Random calls on the device, from several processes with threads that open,
 * close, call and die. Mostly nearly right, so that they come far.
 *
 *	ct-fuzz-ioctl [SECONDS [SEED [PROCESSES]]]	(10, from the clock, 3)
 *
 * The same seed makes the same calls in each thread, not the same schedule.
 * Fails if a call returned an errno that the header does not name, or if .status and errno
 * differ, or if a command by ring is not completed once, or if the device does not work
 * afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ct.h"
#include "fuzz.h"

enum { THREADS = 3, HANDLES = 6, ERRNOS = 256 };

/**
 * struct tally - shared by all processes
 * @calls: by errno, 0 is success
 * @strange: calls with an errno that may not be
 * @unequal: calls whose .status was not their errno
 * @wrong: what concerns arrays and rings: see fuzz_wrong()
 */
struct tally {
	atomic_ulong calls[ERRNOS], strange, unequal, wrong;
};

static struct tally *tally;
static uint64_t end_ns;
static int handles[HANDLES];

static const int allowed[] = {
	0, EAGAIN, EBADF, ECANCELED, EFAULT, EHOSTUNREACH, EINTR, EINVAL, ENAMETOOLONG, ENOENT,
	ENOMEM, ENOSPC, ENOTCONN, ENOTRECOVERABLE, ENOTTY, EOVERFLOW, ESHUTDOWN, ETIMEDOUT,
	EDEADLK, EKEYEXPIRED, EKEYREVOKED, EPERM, ESTALE, E2BIG,
};

void fuzz_count(int error, bool known_cmd, int status)
{
	bool found = false;
	size_t i;

	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		found |= allowed[i] == error;
	if (error >= 0 && error < ERRNOS)
		atomic_fetch_add(&tally->calls[error], 1);
	if (!found)
		atomic_fetch_add(&tally->strange, 1);
	/* EBADF may be the descriptor's: nothing was written then. */
	if (known_cmd && error != EFAULT && error != EBADF && status != -error)
		atomic_fetch_add(&tally->unequal, 1);
}

void fuzz_wrong(const char *what)
{
	if (atomic_fetch_add(&tally->wrong, 1) < 10)
		note("wrong: %s", what);
}

uint64_t fuzz_timeout(uint64_t r)
{
	switch (r % 8) {
	case 0:
		return 1;
	case 1:
		return r >> 40;
	default:
		return 1 + (r >> 10) % 5000000;
	}
}

void fuzz_name(char *name, uint64_t *s)
{
	uint64_t r = random_next(s);
	size_t i, len = r % 70;

	if (r >> 60 < 12) {
		snprintf(name, CONSENSUS_NAME_SIZE, "fuzz-%u", (unsigned int)(r >> 20) % 40);
		return;
	}
	for (i = 0; i < len && i < CONSENSUS_NAME_SIZE; i++)
		name[i] = (char)random_next(s);
}

void fuzz_spoil(void *p, size_t size, uint64_t *s)
{
	uint64_t r = random_next(s);
	int n = r % 4 ? 0 : 1 + (int)(r >> 8) % 3;
	unsigned char *bytes = p;

	while (n--)
		bytes[random_next(s) % size] ^= (unsigned char)(1 << random_next(s) % 8);
}

uint64_t fuzz_harmless(uint64_t address, const void *room, size_t size)
{
	uint64_t first = (uintptr_t)room, last = first + size - 256;

	return address >= first && address <= last ? address : address | 1ULL << 47;
}

static void fuzz_add(int fd, uint64_t *s)
{
	struct consensus_counter_add a = good_add("");
	int error;

	fuzz_name(a.name, s);
	a.delta = random_next(s) >> random_next(s) % 64;
	a.op.timeout_ns = fuzz_timeout(random_next(s));
	fuzz_spoil(&a, sizeof(a), s);
	/* spoilt timeouts may last for centuries */
	if (a.op.timeout_ns > SEC)
		a.op.timeout_ns = SEC;
	a.op.status = 12345;
	error = call(fd, CONSENSUS_IOC_COUNTER_ADD, &a);
	fuzz_count(error, true, a.op.status);
}

static void fuzz_read(int fd, uint64_t *s)
{
	struct consensus_counter_read r = good_read("", (uint32_t)(random_next(s) % 4));
	int error;

	fuzz_name(r.name, s);
	if (r.op.flags == CONSENSUS_READ_INDEX)
		r.op.index = random_next(s) >> random_next(s) % 64;
	r.op.timeout_ns = fuzz_timeout(random_next(s));
	fuzz_spoil(&r, sizeof(r), s);
	if (r.op.timeout_ns > SEC)
		r.op.timeout_ns = SEC;
	r.op.status = 12345;
	error = call(fd, CONSENSUS_IOC_COUNTER_READ, &r);
	fuzz_count(error, true, r.op.status);
}

static void fuzz_pointer(int fd, uint64_t *s)
{
	static const unsigned long known[] = {
		CONSENSUS_IOC_FEATURES, CONSENSUS_IOC_COUNTER_ADD, CONSENSUS_IOC_COUNTER_READ,
		CONSENSUS_IOC_LOCK_ACQUIRE, CONSENSUS_IOC_LOCK_RELEASE, CONSENSUS_IOC_LOCK_CHECK,
		CONSENSUS_IOC_LOCK_LIST, CONSENSUS_IOC_SESSION_LIST, CONSENSUS_IOC_HANDLE_DETACH,
		CONSENSUS_IOC_HANDLE_ADOPT, CONSENSUS_IOC_HANDLE_HEARTBEAT,
		CONSENSUS_IOC_HANDLE_RESET, CONSENSUS_IOC_HANDLE_CANCEL, CONSENSUS_IOC_ARRAY,
	};
	unsigned long cmd = known[random_next(s) % (sizeof(known) / sizeof(known[0]))];
	struct consensus_features f = { 0 };
	uint64_t wild;

	switch (random_next(s) % 3) {
	case 0:
		fuzz_spoil(&f, sizeof(f), s);
		fuzz_count(call(fd, CONSENSUS_IOC_FEATURES, &f), false, 0);
		break;
	case 1:
		wild = random_next(s) >> random_next(s) % 64 | 1ULL << 47;
		fuzz_count(call(fd, cmd, (void *)(uintptr_t)wild), false, 0);
		break;
	default:
		fuzz_count(call(fd, cmd, NULL), false, 0);
	}
}

/* A call about locks, made of what may be right and what is not. */
static void fuzz_lock(int fd, uint64_t *s)
{
	struct consensus_lock_acquire a = { .cookie = random_next(s) };
	struct consensus_lock_release r = { 0 };
	uint64_t dice = random_next(s);
	int error;

	a.op.flags = (uint32_t)dice % 8;
	fuzz_name(a.name, s);
	a.op.timeout_ns = fuzz_timeout(random_next(s));
	fuzz_spoil(&a, sizeof(a), s);
	/* 0 would be half a minute */
	if (a.op.timeout_ns > SEC || !a.op.timeout_ns)
		a.op.timeout_ns = SEC / 100;
	a.op.status = 12345;
	error = call(fd, CONSENSUS_IOC_LOCK_ACQUIRE, &a);
	fuzz_count(error, true, a.op.status);
	if (a.op.status || dice >> 32 & 1)
		return;
	memcpy(r.name, a.name, sizeof(r.name));
	r.token = a.token;
	r.ticket = a.ticket;
	r.op.timeout_ns = fuzz_timeout(random_next(s));
	fuzz_spoil(&r, sizeof(r), s);
	if (r.op.timeout_ns > SEC || !r.op.timeout_ns)
		r.op.timeout_ns = SEC / 100;
	r.op.status = 12345;
	error = call(fd, CONSENSUS_IOC_LOCK_RELEASE, &r);
	fuzz_count(error, true, r.op.status);
}

/* What concerns a handle as a whole, and lists. */
static void fuzz_whole(int fd, uint64_t *s)
{
	static char room[4096];
	struct consensus_list list = {
		.size = random_next(s) % 2 ? sizeof(struct consensus_lock_info) :
					     sizeof(struct consensus_session_info),
		.buffer = (uintptr_t)room,
		.count = 16,
	};
	struct consensus_handle_heartbeat beat = { .period_ns = random_next(s) % (2 * SEC) };
	struct consensus_handle_detach detach = { .duration_ns = random_next(s) % 50000000 };
	struct consensus_handle_adopt adopt = { 0 };
	struct consensus_handle_reset reset = { 0 };
	uint64_t dice = random_next(s);

	switch (dice % 6) {
	case 0:
		fuzz_spoil(&list, offsetof(struct consensus_list, buffer), s);
		fuzz_count(call(fd, CONSENSUS_IOC_LOCK_LIST, &list), false, 0);
		break;
	case 1:
		fuzz_spoil(&list, offsetof(struct consensus_list, buffer), s);
		fuzz_count(call(fd, CONSENSUS_IOC_SESSION_LIST, &list), false, 0);
		break;
	case 2:
		fuzz_count(call(fd, CONSENSUS_IOC_HANDLE_HEARTBEAT, &beat), false, 0);
		break;
	case 3:
		fuzz_count(call(fd, CONSENSUS_IOC_HANDLE_DETACH, &detach), false, 0);
		break;
	case 4:
		memcpy(adopt.secret, &dice, sizeof(dice));
		fuzz_count(call(fd, CONSENSUS_IOC_HANDLE_ADOPT, &adopt), false, 0);
		break;
	default:
		fuzz_count(call(fd, CONSENSUS_IOC_HANDLE_RESET, &reset), false, 0);
	}
}

static void fuzz_command(int fd, uint64_t *s)
{
	struct consensus_counter_add a = good_add("fuzz-0");
	uint64_t r = random_next(s);
	unsigned long cmd = _IOC((r >> 8) % 4, CONSENSUS_IOC_MAGIC, r % 64, (r >> 16) % 512);

	a.op.timeout_ns = 1000000;
	fuzz_count(call(fd, cmd, &a), false, 0);
}

/* Another handle in its place, read-only or non-blocking now and then. */
static void fuzz_handle(uint64_t *s)
{
	uint64_t r = random_next(s);
	int flags = (r % 4 ? O_RDWR : O_RDONLY) | (r & 16 ? O_NONBLOCK : 0);
	int fd = open("/dev/consensus", flags | O_CLOEXEC);

	if (fd < 0)
		return;
	dup2(fd, handles[(r >> 8) % HANDLES]);
	close(fd);
}

static void *fuzz_thread(void *arg)
{
	uint64_t s = *(uint64_t *)arg;
	struct fuzz_ring *ring = fuzz_ring_new();

	while (now_ns() < end_ns) {
		int fd = handles[random_next(&s) % HANDLES];
		unsigned int what = (unsigned int)(random_next(&s) >> 32) % 100;

		if (what < 15)
			fuzz_add(fd, &s);
		else if (what < 25)
			fuzz_read(fd, &s);
		else if (what < 45)
			fuzz_lock(fd, &s);
		else if (what < 60)
			fuzz_array(fd, &s);
		else if (what < 80)
			fuzz_uring(ring, fd, &s);
		else if (what < 85)
			fuzz_whole(fd, &s);
		else if (what < 90)
			fuzz_pointer(fd, &s);
		else if (what < 95)
			fuzz_command(fd, &s);
		else
			fuzz_handle(&s);
	}
	return NULL;
}

static void fuzz_process(uint64_t seed)
{
	pthread_t thread[THREADS];
	uint64_t seeds[THREADS];
	int i;

	for (i = 0; i < HANDLES; i++)
		handles[i] = open_device(O_RDWR);
	for (i = 0; i < THREADS; i++) {
		seeds[i] = random_next(&seed);
		pthread_create(&thread[i], NULL, fuzz_thread, &seeds[i]);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	_exit(0);
}

static pid_t spawn(uint64_t seed)
{
	pid_t pid = fork();

	if (pid < 0)
		bail("fork: %s", strerror(errno));
	if (!pid)
		fuzz_process(seed);
	return pid;
}

/* Processes run, are killed at random moments, and are replaced. */
static void run(int processes, uint64_t seed)
{
	pid_t pid[64];
	int i;

	for (i = 0; i < processes; i++)
		pid[i] = spawn(random_next(&seed));
	while (now_ns() < end_ns) {
		sleep_ms(20 + (unsigned int)(random_next(&seed) % 1000));
		i = (int)(random_next(&seed) % (uint64_t)processes);
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
		pid[i] = spawn(random_next(&seed));
	}
	for (i = 0; i < processes; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
}

static void report(void)
{
	unsigned long all = 0, n;
	int i;

	for (i = 0; i < ERRNOS; i++) {
		n = atomic_load(&tally->calls[i]);
		all += n;
		if (n)
			note("%8lu %s", n, i ? strerrorname_np(i) : "success");
	}
	ok(all > 100 && atomic_load(&tally->calls[0]), "%lu random calls", all);
	ok(!atomic_load(&tally->strange), "each of them ended in an errno that the header names");
	ok(!atomic_load(&tally->unequal), "and said the same in .status");
	ok(!atomic_load(&tally->wrong), "arrays add up, and commands complete once");
}

static void works_still(void)
{
	uint64_t end = now_ns() + 60 * SEC, value, more = 0;
	int fd = open_device(O_RDWR);

	while (add(fd, "fuzz-after", 1, SEC, &value) && now_ns() < end)
		sleep_ms(50);
	is_errno(add(fd, "fuzz-after", 5, 30 * SEC, &more), 0, "the device works still");
	ok(more >= 6 && value_of(fd, "fuzz-after") == more, "and counts right");
	close(fd);
}

int main(int argc, char **argv)
{
	uint64_t seconds = argc > 1 ? strtoull(argv[1], NULL, 0) : 10;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : now_ns() | 1;
	int processes = argc > 3 ? atoi(argv[3]) : 3;

	if (!seconds || !seed || processes < 1 || processes > 64) {
		fprintf(stderr, "usage: ct-fuzz-ioctl [SECONDS [SEED [PROCESSES]]]\n");
		return 2;
	}
	note("seed %llu", (unsigned long long)seed);
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tally == MAP_FAILED)
		bail("mmap: %s", strerror(errno));
	end_ns = now_ns() + seconds * SEC;
	run(processes, seed);
	report();
	works_still();
	return tap_end();
}
