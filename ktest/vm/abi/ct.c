// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "ct.h"

enum { OWN_NAMES = 128 };

static int run, failed;

/*
 * A lock that spins: contended, the mutex of a 32-bit C library needs a system
 * call of the 32-bit time, which not every 64-bit kernel has.
 */
static atomic_flag locked = ATOMIC_FLAG_INIT;

static void lock(void)
{
	while (atomic_flag_test_and_set(&locked))
		sched_yield();
}

static void unlock(void)
{
	atomic_flag_clear(&locked);
}

static bool result(bool passed, const char *directive, const char *name, va_list args)
{
	lock();
	run++;
	failed += !passed;
	printf("%sok %d - ", passed ? "" : "not ", run);
	vprintf(name, args);
	printf("%s\n", directive);
	fflush(stdout);
	unlock();
	return passed;
}

bool ok(bool passed, const char *name, ...)
{
	va_list args;

	va_start(args, name);
	result(passed, "", name, args);
	va_end(args);
	return passed;
}

static const char *errno_name(int error)
{
	const char *name = error ? strerrorname_np(error) : "success";

	return name ? name : "an unknown error";
}

bool is_errno(int got, int wanted, const char *name, ...)
{
	va_list args;

	if (got != wanted)
		note("got %s, wanted %s", errno_name(got), errno_name(wanted));
	va_start(args, name);
	result(got == wanted, "", name, args);
	va_end(args);
	return got == wanted;
}

bool is_one_of(int got, const int *wanted, const char *name, ...)
{
	bool found = false;
	va_list args;

	for (; *wanted != -1; wanted++)
		found |= got == *wanted;
	if (!found)
		note("got %s", errno_name(got));
	va_start(args, name);
	result(found, "", name, args);
	va_end(args);
	return found;
}

void note(const char *text, ...)
{
	va_list args;

	lock();
	printf("# ");
	va_start(args, text);
	vprintf(text, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	unlock();
}

void skip(const char *why, const char *name, ...)
{
	char directive[128];
	va_list args;

	snprintf(directive, sizeof(directive), " # SKIP %s", why);
	va_start(args, name);
	result(true, directive, name, args);
	va_end(args);
}

void bail(const char *why, ...)
{
	va_list args;

	printf("Bail out! ");
	va_start(args, why);
	vprintf(why, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	_exit(1);
}

int tap_end(void)
{
	printf("1..%d\n", run);
	return failed || !run ? 1 : 0;
}

int open_device(int flags)
{
	int fd = open("/dev/consensus", flags | O_CLOEXEC);

	if (fd < 0)
		bail("/dev/consensus: %s", strerror(errno));
	return fd;
}

int call(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? errno : 0;
}

struct consensus_counter_add good_add(const char *name)
{
	struct consensus_counter_add a;

	memset(&a, 0, sizeof(a));
	strncpy(a.name, name, sizeof(a.name) - 1);
	a.delta = 1;
	a.op.timeout_ns = 30 * SEC;
	return a;
}

struct consensus_counter_read good_read(const char *name, uint32_t flags)
{
	struct consensus_counter_read r;

	memset(&r, 0, sizeof(r));
	strncpy(r.name, name, sizeof(r.name) - 1);
	r.op.flags = flags;
	r.op.timeout_ns = 30 * SEC;
	return r;
}

int add(int fd, const char *name, uint64_t delta, uint64_t timeout_ns, uint64_t *value)
{
	struct consensus_counter_add a = good_add(name);
	int error;

	a.delta = delta;
	a.op.timeout_ns = timeout_ns;
	error = call(fd, CONSENSUS_IOC_COUNTER_ADD, &a);
	if (!error && value)
		*value = a.value;
	return error;
}

int get(int fd, const char *name, uint32_t flags, uint64_t *value)
{
	struct consensus_counter_read r = good_read(name, flags);
	int error = call(fd, CONSENSUS_IOC_COUNTER_READ, &r);

	if (!error && value)
		*value = r.value;
	return error;
}

uint64_t value_of(int fd, const char *name)
{
	uint64_t value = 0;
	int error = get(fd, name, 0, &value);

	if (error && error != ENOENT)
		bail("reading %s: %s", name, strerror(error));
	return value;
}

const char *own(const char *name)
{
	static char names[OWN_NAMES][CONSENSUS_NAME_SIZE];
	static int n, run_id;
	int i;

	lock();
	run_id = run_id ? run_id : getpid();
	for (i = 0; i < n; i++) {
		if (!strncmp(names[i], name, strlen(name)) && names[i][strlen(name)] == '.')
			break;
	}
	if (i == OWN_NAMES)
		bail("too many names");
	if (i == n)
		snprintf(names[n++], sizeof(names[0]), "%.40s.%d", name, run_id);
	unlock();
	return names[i];
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SEC + (uint64_t)t.tv_nsec;
}

void sleep_ms(unsigned int ms)
{
	struct timespec t = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000,
	};

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

void *at_edge(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || munmap(p + page, page))
		bail("mmap: %s", strerror(errno));
	return p + page - size;
}

void hook(const char *command)
{
	if (!command)
		return;
	fflush(stdout);
	if (system(command))
		bail("this failed: %s", command);
}
