// SPDX-License-Identifier: GPL-2.0
/*
 * Structs that are unmapped while their call runs. What failed is told by ioctl() itself; what
 * succeeded cannot be told: an increment that happened is ENOTRECOVERABLE, never EFAULT, which
 * says that nothing did, and a lock that was granted is given back, as nobody has its token.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "abi.h"
#include "ct.h"

enum { TRIES = 400, ENOUGH = 10 };

/**
 * struct unmapping - one that is to come
 * @p: of what page
 * @after_ns: when, at the earliest
 */
struct unmapping {
	void *p;
	uint64_t after_ns;
};

static size_t page;

static void *new_page(void)
{
	void *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		bail("mmap: %s", strerror(errno));
	return p;
}

static void *unmap(void *arg)
{
	const struct unmapping *u = arg;
	struct timespec t = { .tv_sec = (time_t)(u->after_ns / SEC),
			      .tv_nsec = (long)(u->after_ns % SEC) };

	nanosleep(&t, NULL);
	munmap(u->p, page);
	return NULL;
}

static void unmap_later(pthread_t *thread, struct unmapping *u)
{
	if (pthread_create(thread, NULL, unmap, u))
		bail("no thread");
}

/* How long an increment takes here, roughly: the longest of some. */
static uint64_t usual(int fd)
{
	uint64_t longest = 0, begun, took, value;

	for (int i = 0; i < 10; i++) {
		begun = now_ns();
		is_errno(add(fd, "abi-gone", 1, 30 * SEC, &value), 0, "an increment");
		took = now_ns() - begun;
		if (took > longest)
			longest = took;
	}
	return longest;
}

static void increments(int fd)
{
	uint64_t seed = now_ns() | 1, span = usual(fd), before = value_of(fd, "abi-gone");
	unsigned int done = 0, untold = 0, nothing = 0, others = 0;

	for (int i = 0; i < TRIES && untold < ENOUGH; i++) {
		struct consensus_counter_add *a = new_page();
		struct unmapping u = { a, random_next(&seed) % span };
		pthread_t thread;

		*a = good_add("abi-gone");
		unmap_later(&thread, &u);
		switch (call(fd, CONSENSUS_IOC_COUNTER_ADD, a)) {
		case 0:
			done++;
			break;
		case ENOTRECOVERABLE:
			untold++;
			break;
		case EFAULT:
			nothing++;
			break;
		default:
			others++;
		}
		pthread_join(thread, NULL);
	}
	note("%u told, %u untold, %u found nothing, %u else", done, untold, nothing, others);
	ok(untold && !others, "unmapped in flight: an increment that happened says so");
	ok(value_of(fd, "abi-gone") - before == done + untold,
	   "unmapped in flight: those that said EFAULT did not happen");
}

static void ask(struct consensus_lock_acquire *a)
{
	memset(a, 0, sizeof(*a));
	strcpy(a->name, "abi-gone");
	a->op.timeout_ns = 30 * SEC;
}

static int lock(int fd, struct consensus_lock_acquire *a)
{
	ask(a);
	return call(fd, CONSENSUS_IOC_LOCK_ACQUIRE, a);
}

static int unlock(int fd, uint64_t token)
{
	struct consensus_lock_release r = { .op.timeout_ns = 30 * SEC, .name = "abi-gone",
					    .token = token };

	return call(fd, CONSENSUS_IOC_LOCK_RELEASE, &r);
}

/**
 * struct holding - who holds while another waits, and then does not
 * @fd: its handle
 * @u: what it unmaps before it gives the lock back
 * @token: of its grant
 */
struct holding {
	int fd;
	struct unmapping u;
	uint64_t token;
};

static void *let_go(void *arg)
{
	struct holding *h = arg;

	unmap(&h->u);
	is_errno(unlock(h->fd, h->token), 0, "given back while another waits");
	return NULL;
}

static void locks(int fd)
{
	struct holding h = { fd, { new_page(), SEC / 2 }, 0 };
	struct consensus_lock_acquire a;
	int waiter = open_device(O_RDWR);
	pthread_t thread;

	is_errno(lock(fd, &a), 0, "held");
	h.token = a.token;
	ask(h.u.p);
	if (pthread_create(&thread, NULL, let_go, &h))
		bail("no thread");
	is_errno(call(waiter, CONSENSUS_IOC_LOCK_ACQUIRE, h.u.p), EFAULT,
		 "unmapped in flight: a lock that was granted");
	pthread_join(thread, NULL);
	is_errno(lock(fd, &a), 0, "unmapped in flight: it is given back by itself");
	is_errno(unlock(fd, a.token), 0, "released");
	close(waiter);
}

void test_gone(int fd)
{
	page = (size_t)sysconf(_SC_PAGESIZE);
	increments(fd);
	locks(fd);
}
