// SPDX-License-Identifier: GPL-2.0
/* See ring.h. */
#define _GNU_SOURCE /* MAP_POPULATE, syscall() */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "ring.h"

static void *ring_map(const struct ring *r, size_t size, uint64_t what)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd,
		       (off_t)what);

	if (p == MAP_FAILED)
		die("mmap of a ring: %s", strerror(errno));
	return p;
}

static void ring_maps(struct ring *r, const struct io_uring_params *p)
{
	size_t sq = p->sq_off.array + p->sq_entries * sizeof(unsigned int);
	size_t cq = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	unsigned int *array, i;
	char *at;

	at = ring_map(r, sq > cq ? sq : cq, IORING_OFF_SQ_RING);
	r->sq_tail = (unsigned int *)(at + p->sq_off.tail);
	r->sq_mask = (unsigned int *)(at + p->sq_off.ring_mask);
	array = (unsigned int *)(at + p->sq_off.array);
	r->cq_head = (unsigned int *)(at + p->cq_off.head);
	r->cq_tail = (unsigned int *)(at + p->cq_off.tail);
	r->cq_mask = (unsigned int *)(at + p->cq_off.ring_mask);
	r->cqe = (struct io_uring_cqe *)(at + p->cq_off.cqes);
	r->sqe = ring_map(r, p->sq_entries * sizeof(*r->sqe), IORING_OFF_SQES);
	for (i = 0; i < p->sq_entries; i++)
		array[i] = i;
}

void ring_open(struct ring *r, unsigned int entries, unsigned int flags)
{
	struct io_uring_params p = { .flags = flags };

	if (!entries || entries > RING_ENTRIES_MAX)
		die("1 to %d outstanding", RING_ENTRIES_MAX);
	r->entries = entries;
	r->queued = 0;
	r->fd = (int)syscall(__NR_io_uring_setup, entries, &p);
	if (r->fd < 0)
		die("io_uring_setup: %s", strerror(errno));
	if (!(p.features & IORING_FEAT_SINGLE_MMAP))
		die("an io_uring of long ago");
	ring_maps(r, &p);
}

void ring_close(struct ring *r)
{
	close(r->fd);
}

void ring_push(struct ring *r, int fd, uint32_t call, void *argument, uint64_t user_data)
{
	struct consensus_uring command = { .argument = (uintptr_t)argument };
	unsigned int tail = *r->sq_tail;
	struct io_uring_sqe *sqe = &r->sqe[tail & *r->sq_mask];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = call;
	sqe->user_data = user_data;
	memcpy(sqe->cmd, &command, sizeof(command));
	__atomic_store_n(r->sq_tail, tail + 1, __ATOMIC_RELEASE);
	r->queued++;
}

void ring_wait(struct ring *r)
{
	long n = syscall(__NR_io_uring_enter, r->fd, r->queued, 1, IORING_ENTER_GETEVENTS, NULL, 0);

	if (n < 0 || (unsigned int)n != r->queued)
		die("io_uring_enter took %ld of %u: %s", n, r->queued, strerror(errno));
	r->queued = 0;
}

int ring_next(struct ring *r, uint64_t *user_data, int *result)
{
	unsigned int head = *r->cq_head;
	const struct io_uring_cqe *cqe = &r->cqe[head & *r->cq_mask];

	if (head == __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE))
		return 0;
	*user_data = cqe->user_data;
	*result = cqe->res;
	__atomic_store_n(r->cq_head, head + 1, __ATOMIC_RELEASE);
	return 1;
}

int array_call(int fd, struct consensus_array *array)
{
	return ioctl(fd, CONSENSUS_IOC_ARRAY, array);
}
