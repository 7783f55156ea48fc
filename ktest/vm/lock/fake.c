// SPDX-License-Identifier: GPL-2.0
/*
 * Locks in shared memory in place of /dev/consensus, to test ct-lock without a kernel:
 * linked in with --wrap. Who died lets go when its parent has buried it. FAKE names what
 * it does wrong:
 *
 *	(unset)	nothing
 *	two	every 50th grant does not ask who has the lock
 *	token	every 50th grant hands out the token of an earlier one
 *	fence	a fence is not looked at
 *	check	every token holds
 *	twice	a lock can be released twice
 *	early	nobody is lost, and every 50th fence says so
 *	keep	a lock of somebody who died stays held: whoever waits does so in vain
 *	exit	a caller dies of itself
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <poll.h>
#include <linux/consensus.h>

enum { CLAIMS = 512, HANDLES = 64, COUNTERS = 16 };

/**
 * struct claim - who holds what
 * @token: 0: nobody
 * @pid: of the holder
 * @handle: of it
 * @shared: how
 * @name: the lock
 */
struct claim {
	__u64 token;
	pid_t pid;
	unsigned int handle;
	bool shared;
	char name[CONSENSUS_NAME_SIZE];
};

static struct fake {
	pthread_mutex_t lock;
	__u64 token, index, value[COUNTERS];
	char counter[COUNTERS][CONSENSUS_NAME_SIZE];
	unsigned int grants, handles, fences;
	struct claim claim[CLAIMS];
} *fake;

/* By descriptor, in this process. */
static unsigned int handle_of[HANDLES];

__attribute__((constructor)) static void fake_begin(void)
{
	pthread_mutexattr_t attr;

	fake = mmap(NULL, sizeof(*fake), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fake->token = 1;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&fake->lock, &attr);
}

static bool does(const char *what)
{
	const char *fault = getenv("FAKE");

	return fault && !strcmp(fault, what);
}

static void begin(void)
{
	if (pthread_mutex_lock(&fake->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&fake->lock);
}

static void end(void)
{
	pthread_mutex_unlock(&fake->lock);
}

static bool holds(const struct claim *c, const char *name)
{
	return c->token && !strncmp(c->name, name, CONSENSUS_NAME_SIZE) &&
	       (does("keep") || !kill(c->pid, 0));
}

static bool is_free(const char *name, bool shared)
{
	int i;

	for (i = 0; i < CLAIMS; i++)
		if (holds(&fake->claim[i], name) && !(shared && fake->claim[i].shared))
			return false;
	return true;
}

/* A place that nobody alive has. */
static struct claim *free_claim(void)
{
	int i;

	for (i = 0; i < CLAIMS; i++)
		if (!fake->claim[i].token || (!does("keep") && kill(fake->claim[i].pid, 0)))
			return &fake->claim[i];
	abort();
}

static bool grant(int fd, struct consensus_lock_acquire *a)
{
	bool shared = a->op.flags & CONSENSUS_LOCK_SHARED;
	bool again = ++fake->grants % 50 == 0;
	struct claim *c;

	if (!is_free(a->name, shared) && !(does("two") && again)) {
		fake->grants--;
		return false;
	}
	c = free_claim();
	c->pid = getpid();
	c->handle = handle_of[fd];
	c->shared = shared;
	memcpy(c->name, a->name, sizeof(c->name));
	a->op.index = ++fake->index;
	a->token = does("token") && again ? fake->token / 2 : ++fake->token;
	a->ticket = fake->index;
	a->lease_ns = 1000000000;
	__atomic_store_n(&c->token, a->token, __ATOMIC_RELEASE);
	return true;
}

static __u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (__u64)t.tv_sec * 1000000000 + (__u64)t.tv_nsec;
}

static int fake_acquire(int fd, struct consensus_lock_acquire *a)
{
	struct timespec a_little = { 0, 200000 };
	__u64 until = now() + a->op.timeout_ns;
	bool got;

	for (;;) {
		begin();
		got = grant(fd, a);
		end();
		if (got)
			return 0;
		if (a->op.flags & CONSENSUS_LOCK_TRY)
			return EAGAIN;
		if (now() > until)
			return ETIMEDOUT;
		if (nanosleep(&a_little, NULL))
			return EINTR;
	}
}

static struct claim *claim_of(const char *name, __u64 token)
{
	int i;

	for (i = 0; i < CLAIMS; i++)
		if (fake->claim[i].token == token && holds(&fake->claim[i], name))
			return &fake->claim[i];
	return NULL;
}

static int fake_release(int fd, struct consensus_lock_release *r)
{
	struct claim *c = claim_of(r->name, r->token);

	if (!c || c->pid != getpid() || c->handle != handle_of[fd])
		return does("twice") ? 0 : EPERM;
	c->token = 0;
	return 0;
}

static int fake_check(struct consensus_lock_check *c)
{
	return does("check") || claim_of(c->name, c->token) ? 0 : ESTALE;
}

static int fake_add(struct consensus_counter_add *a)
{
	int i;

	if (does("early") && ++fake->fences % 50 == 0)
		return ESTALE;
	if (does("exit") && ++fake->fences % 50 == 0)
		_exit(7);
	if (!does("fence") && a->op.fence_token && !claim_of(a->op.fence_name, a->op.fence_token))
		return ESTALE;
	for (i = 0; fake->counter[i][0]; i++)
		if (!strncmp(fake->counter[i], a->name, CONSENSUS_NAME_SIZE))
			break;
	memcpy(fake->counter[i], a->name, CONSENSUS_NAME_SIZE);
	a->value = fake->value[i] += a->delta;
	a->op.index = ++fake->index;
	return 0;
}

int __wrap_ioctl(int fd, unsigned long cmd, void *arg)
{
	int error;

	if (cmd == CONSENSUS_IOC_LOCK_ACQUIRE) {
		error = fake_acquire(fd, arg);
	} else {
		begin();
		if (cmd == CONSENSUS_IOC_LOCK_RELEASE)
			error = fake_release(fd, arg);
		else if (cmd == CONSENSUS_IOC_LOCK_CHECK)
			error = fake_check(arg);
		else if (cmd == CONSENSUS_IOC_COUNTER_ADD)
			error = fake_add(arg);
		else
			error = ENOTTY;
		end();
	}
	errno = error;
	return error ? -1 : 0;
}

int __real_open(const char *path, int flags, ...);
int __real_close(int fd);

int __wrap_open(const char *path, int flags, mode_t mode)
{
	int fd;

	if (strcmp(path, "/dev/consensus"))
		return __real_open(path, flags, mode);
	fd = __real_open("/dev/null", flags);
	begin();
	handle_of[fd] = ++fake->handles;
	end();
	return fd;
}

int __wrap_close(int fd)
{
	int i;

	begin();
	for (i = 0; i < CLAIMS; i++)
		if (fake->claim[i].pid == getpid() && fake->claim[i].handle == handle_of[fd])
			fake->claim[i].token = 0;
	end();
	handle_of[fd] = 0;
	return __real_close(fd);
}

/* There are no events. */
int __wrap_poll(struct pollfd *p, nfds_t n, int ms)
{
	(void)p;
	(void)n;
	(void)ms;
	return 0;
}
