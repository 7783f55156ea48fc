// SPDX-License-Identifier: GPL-2.0
/*
 * A node whose queue is full, as there is no quorum: who may not wait is refused, who may
 * waits for its own time, by whatever door; and all that filled it is withdrawn at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "doors.h"

enum {
	REQUESTS = 8192,	/* that a node admits */
	ARRAYS = REQUESTS / CONSENSUS_ARRAY_MAX,
};

/* Doors that add nothing of their own to an array. */
static const char *const by[] = {
	"ioctl", "array of one", "uring", "uring async", "uring linked", "uring defer",
	"uring array of one",
};

/* Arrays of additions, by a ring: as many as are admitted. */
static struct bunch *fill(struct ring *r, int fd, const char *name)
{
	struct bunch *b = calloc(ARRAYS, sizeof(*b));
	unsigned int i, k;

	if (!b)
		bail("no memory");
	for (i = 0; i < ARRAYS; i++) {
		bunch_init(&b[i]);
		for (k = 0; k < CONSENSUS_ARRAY_MAX; k++)
			bunch_add(&b[i], name, 120 * SEC);
		ring_put(r, fd, CONSENSUS_IOC_ARRAY, &b[i].a, i);
	}
	ring_submit(r);
	ok(!ring_ready(r), "full: %d additions are under way", REQUESTS);
	return b;
}

static void refused(int fd, const char *what, uint64_t timeout_ns, int error)
{
	struct consensus_counter_add a;
	struct gate g;
	unsigned int i;

	for (i = 0; i < sizeof(by) / sizeof(by[0]); i++) {
		uint64_t begin = now_ns();

		if (!is_errno(gate_open(&g, door_named(by[i]), fd), 0, "full: %s opens", by[i]))
			continue;
		a = good_add(fresh("full"));
		a.op.timeout_ns = timeout_ns;
		want(&g, gate_call(&g, CONSENSUS_IOC_COUNTER_ADD, &a), error, "full: %s", what);
		if (error == ETIMEDOUT)
			that(&g, ms_since(begin) >= timeout_ns / 1000000, "full: its whole time");
		ok(!g.faults, "full: %s, by %s", what, by[i]);
		gate_close(&g);
	}
}

/* All of them at once, by one call. */
static void withdraw(struct ring *r, int fd, const struct bunch *b)
{
	struct consensus_handle_cancel c = { 0 };
	unsigned int i, n = 0;
	struct ring_cqe cqe;

	is_errno(call(fd, CONSENSUS_IOC_HANDLE_CANCEL, &c), 0, "full: cancel");
	ok(c.count == REQUESTS, "full: %u are withdrawn", c.count);
	for (i = 0; i < ARRAYS && !ring_wait(r, &cqe, 60000); i++)
		n += !cqe.res;
	ok(n == ARRAYS, "full: %u arrays complete", n);
	for (i = 0, n = 0; i < ARRAYS; i++)
		n += bunch_count(&b[i], ECANCELED);
	ok(n == REQUESTS, "full: %u entries are cancelled", n);
}

struct untold untold_begin(int fd)
{
	struct untold u = { .name = fresh("untold") };
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct consensus_counter_add *a;

	a = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (a == MAP_FAILED || ring_open(&u.ring, 8, 0, 0))
		bail("no memory for a ring");
	*a = good_add(u.name);
	a->op.timeout_ns = 120 * SEC;
	ring_put(&u.ring, fd, CONSENSUS_IOC_COUNTER_ADD, a, 1);
	ring_submit(&u.ring);
	ok(!ring_ready(&u.ring) && !munmap(a, page), "untold: its struct goes while it waits");
	return u;
}

void untold_end(struct untold *u, int fd)
{
	struct ring_cqe c = { .res = 0 };

	is_errno(ring_wait(&u->ring, &c, 60000), 0, "untold: it completes");
	is_errno(-c.res, ENOTRECOVERABLE, "untold: and says that it may have happened");
	ok(value_of(fd, u->name) == 1, "untold: it has");
	ring_close(&u->ring);
}

void without_room(void)
{
	int fd = handle(), never = open_device(O_RDWR | O_NONBLOCK);
	const char *name = fresh("full");
	struct bunch *b;
	struct ring r;

	if (!is_errno(ring_open(&r, ARRAYS, 0, 0), 0, "full: a ring"))
		return;
	b = fill(&r, fd, name);
	refused(never, "who may not wait", 30 * SEC, EAGAIN);
	refused(fd, "who may wait", SEC / 10, ETIMEDOUT);
	withdraw(&r, fd, b);
	is_errno(get(fd, name, CONSENSUS_READ_LOCAL, NULL), ENOENT, "full: there is room again");
	ring_close(&r);
	close(fd);
	close(never);
	free(b);
}
