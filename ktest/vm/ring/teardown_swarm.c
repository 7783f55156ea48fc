// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lock/lk.h"
#include "teardown.h"

#define FAR_FUTURE 0x1000000000000000ULL

enum { SHOWN = 5 };

static unsigned int walls;

/* ---- the kernel ---- */

unsigned long users(void)
{
	char text[32] = "";
	int fd = open("/sys/module/consensus/refcnt", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		bail("no count of the module's users: %s", strerror(errno));
	close(fd);
	return strtoul(text, NULL, 10);
}

bool users_back(unsigned int ms)
{
	uint64_t until = now_ns() + ms * MSEC;
	unsigned long n;

	do {
		n = users();
		if (n <= world.users)
			return true;
		sleep_ms(5);
	} while (now_ns() < until);
	note("%lu handles are left after %u ms", n - world.users, ms);
	return false;
}

unsigned int by(unsigned int ms)
{
	/* two election timeouts of grace, and as much again */
	return ms + 4 * 300 * world.slow + 2000;
}

int in_process(void (*child)(void *arg), void *arg, unsigned int ms)
{
	uint64_t until = now_ns() + ms * MSEC;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		bail("fork: %s", strerror(errno));
	if (!pid) {
		child(arg);
		_exit(0);
	}
	while (!waitpid(pid, &status, WNOHANG)) {
		if (now_ns() > until)
			return -1;
		sleep_ms(1);
	}
	return status;
}

bool await_quorum(int fd)
{
	uint64_t until = now_ns() + 60 * SEC, v;
	int error;

	do {
		error = get(fd, "teardown", 0, &v);
		if (!error || error == ENOENT)
			return true;
		sleep_ms(50);
	} while (now_ns() < until);
	note("no quorum: %s", strerrorname_np(error));
	return false;
}

/* A name of the last wall() that was built. */
static void wall_name(char name[CONSENSUS_NAME_SIZE], unsigned int i)
{
	memset(name, 0, CONSENSUS_NAME_SIZE);
	snprintf(name, CONSENSUS_NAME_SIZE, "wall-%u-%u", walls, i);
}

int wall(unsigned int n)
{
	static struct consensus_lock_acquire a[CONSENSUS_ARRAY_MAX];
	static struct consensus_array_entry entry[CONSENSUS_ARRAY_MAX];
	struct consensus_array array = { .entries = (uintptr_t)entry };
	int fd = open_device(O_RDWR);
	unsigned int i, k;

	walls++;
	for (i = 0; i < n; i += array.count) {
		array.count = n - i < CONSENSUS_ARRAY_MAX ? n - i : CONSENSUS_ARRAY_MAX;
		for (k = 0; k < array.count; k++) {
			a[k] = lk_good_acquire("", 0);
			wall_name(a[k].name, i + k);
			entry[k].call = CONSENSUS_IOC_LOCK_ACQUIRE;
			entry[k].argument = (uintptr_t)&a[k];
		}
		if (call(fd, CONSENSUS_IOC_ARRAY, &array) || array.failed)
			bail("%u of %u locks are not to be had", array.failed, array.count);
	}
	return fd;
}

/* ---- a swarm ---- */

static void *room(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		bail("mmap: %s", strerror(errno));
	return p;
}

void swarm_open(struct swarm *s, int fd, unsigned int n, unsigned int setup)
{
	static unsigned int swarms;
	int error;

	memset(s, 0, sizeof(*s));
	s->fd = fd;
	s->n = n;
	s->ops = room(n * sizeof(*s->ops));
	s->came = room(n * sizeof(*s->came));
	s->res = room(n * sizeof(*s->res));
	snprintf(s->counter, sizeof(s->counter), "swarm-%d-%u", getpid(), swarms++);
	error = ring_open(&s->r, n, 0, setup);
	if (error)
		bail("no ring for %u: %s", n, strerror(error));
}

/* The @i-th command of a swarm: in turn of each kind that it is made of. */
static uint32_t make(struct swarm *s, unsigned int i, uint64_t timeout_ns)
{
	struct swarm_op *o = &s->ops[i];
	unsigned int kind = i;

	while (!(s->of & 1U << kind % 4))
		kind++;
	memset(o, 0, sizeof(*o));
	o->op.timeout_ns = timeout_ns;
	switch (1 << kind % 4) {
	case OF_ADDS:
		memcpy(o->add.name, s->counter, sizeof(o->add.name));
		o->add.delta = 1;
		return CONSENSUS_IOC_COUNTER_ADD;
	case OF_ACQUIRES:
		/* each its own: none twice by one handle */
		wall_name(o->acquire.name, s->of == OF_ACQUIRES ? i : i / 4);
		return CONSENSUS_IOC_LOCK_ACQUIRE;
	case OF_FAR_READS:
		o->op.flags = CONSENSUS_READ_INDEX;
		o->op.index = FAR_FUTURE;
		break;
	}
	memcpy(o->read.name, s->counter, sizeof(o->read.name));
	return CONSENSUS_IOC_COUNTER_READ;
}

void swarm_go(struct swarm *s, unsigned int of, uint64_t timeout_ns)
{
	unsigned int i;
	int took;

	s->of = of;
	for (i = 0; i < s->n; i++) {
		uint32_t request = make(s, i, timeout_ns);

		s->ops[i].op.status = 1;
		ring_put(&s->r, s->fd, request, &s->ops[i], i);
	}
	took = ring_submit(&s->r);
	if (took != (int)s->n)
		bail("a ring took %d of %u", took, s->n);
	if (s->r.setup & IORING_SETUP_SQPOLL)
		ring_taken(&s->r);
}

static bool is_allowed(int res, const int *allowed)
{
	for (; *allowed != 1; allowed++)
		if (res == *allowed)
			return true;
	return false;
}

static void take(struct swarm *s, const struct ring_cqe *cqe)
{
	if (cqe->user_data >= s->n) {
		note("a completion of nothing: %llu", (unsigned long long)cqe->user_data);
		s->all += 1000000;
		return;
	}
	s->came[cqe->user_data]++;
	s->res[cqe->user_data] = cqe->res;
	s->all++;
}

static void tally(const struct swarm *s)
{
	unsigned int by_errno[256] = { 0 }, i;

	for (i = 0; i < s->n; i++)
		if (s->came[i] && -s->res[i] >= 0 && -s->res[i] < 256)
			by_errno[-s->res[i]]++;
	for (i = 0; i < 256; i++)
		if (by_errno[i])
			note("  %u ended in %s", by_errno[i],
			     i ? strerrorname_np((int)i) : "success");
}

bool swarm_all(struct swarm *s, unsigned int ms, const int *allowed, const char *what)
{
	uint64_t begin = now_ns(), until = begin + ms * MSEC, now = begin;
	unsigned int i, wrong = 0;
	struct ring_cqe cqe;
	bool once;

	while (s->all < s->n && now < until) {
		if (!ring_wait(&s->r, &cqe, (unsigned int)((until - now) / MSEC) + 1))
			take(s, &cqe);
		now = now_ns();
	}
	note("%s: %u of %u after %llu ms", what, s->all, s->n,
	     (unsigned long long)((now_ns() - begin) / MSEC));
	/* Is there one too many? */
	while (!ring_wait(&s->r, &cqe, 50))
		take(s, &cqe);
	for (i = 0; i < s->n; i++) {
		bool bad = s->came[i] != 1 || !is_allowed(s->res[i], allowed);

		if (bad && wrong++ < SHOWN)
			note("command %u (of kind %x) came %u times, with %d", i, s->of,
			     s->came[i], s->res[i]);
	}
	once = s->all == s->n && !wrong;
	tally(s);
	return ok(once, "%s: each of %u completes once, as it may", what, s->n);
}

void swarm_sum(const struct swarm *s, uint64_t *sure, uint64_t *open)
{
	unsigned int i;

	*sure = 0;
	*open = 0;
	for (i = 0; i < s->n; i++) {
		unsigned int kind = i;

		while (!(s->of & 1U << kind % 4))
			kind++;
		if (1 << kind % 4 != OF_ADDS || !s->came[i])
			continue;
		*sure += !s->res[i];
		*open += s->res[i] == -ENOTRECOVERABLE || s->res[i] == -EFAULT;
	}
}

void swarm_settle(const struct swarm *s, const char *what)
{
	int fd = open_device(O_RDWR);
	uint64_t sure, open, v;

	await_quorum(fd);
	v = value_of(fd, s->counter);
	close(fd);
	swarm_sum(s, &sure, &open);
	if (!ok(v >= sure && v <= sure + open, "%s: what succeeded happened, what failed did not",
		what))
		note("%llu; %llu succeeded, %llu more may have", (unsigned long long)v,
		     (unsigned long long)sure, (unsigned long long)open);
}

void swarm_unmap(struct swarm *s)
{
	munmap(s->ops, s->n * sizeof(*s->ops));
	s->ops = NULL;
}

void swarm_close(struct swarm *s)
{
	ring_close(&s->r);
	if (s->ops)
		swarm_unmap(s);
	munmap(s->came, s->n * sizeof(*s->came));
	munmap(s->res, s->n * sizeof(*s->res));
}
