// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/time_types.h>

#include "../abi/ct.h"
#include "ring.h"

enum { SQPOLL_IDLE_MS = 5 };

static int sys_setup(unsigned int entries, struct io_uring_params *p)
{
	long fd = syscall(SYS_io_uring_setup, entries, p);

	return fd < 0 ? -errno : (int)fd;
}

static int sys_enter(int fd, unsigned int n, unsigned int least, unsigned int flags, void *arg,
		     size_t size)
{
	long done = syscall(SYS_io_uring_enter, fd, n, least, flags, arg, size);

	return done < 0 ? -errno : (int)done;
}

static uint32_t *at(const struct ring *r, uint32_t offset)
{
	return (void *)((char *)r->rings + offset);
}

static int map(struct ring *r, const struct io_uring_params *p)
{
	size_t cq = p->cq_off.cqes + p->cq_entries * r->cqe_size;
	size_t sq = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
	int prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_POPULATE;

	r->rings_size = cq > sq ? cq : sq;
	r->sqes_size = p->sq_entries * r->sqe_size;
	r->rings = mmap(NULL, r->rings_size, prot, flags, r->fd, IORING_OFF_SQ_RING);
	if (r->rings == MAP_FAILED)
		return errno;
	r->sqes = mmap(NULL, r->sqes_size, prot, flags, r->fd, IORING_OFF_SQES);
	if (r->sqes == MAP_FAILED) {
		munmap(r->rings, r->rings_size);
		return errno;
	}
	r->sq_head = at(r, p->sq_off.head);
	r->sq_tail = at(r, p->sq_off.tail);
	r->sq_flags = at(r, p->sq_off.flags);
	r->sq_array = at(r, p->sq_off.array);
	r->cq_head = at(r, p->cq_off.head);
	r->cq_tail = at(r, p->cq_off.tail);
	r->cq_overflow = at(r, p->cq_off.overflow);
	r->cqes = (char *)r->rings + p->cq_off.cqes;
	return 0;
}

int ring_open(struct ring *r, unsigned int entries, unsigned int cqes, unsigned int setup)
{
	struct io_uring_params p = {
		.flags = setup | (cqes ? IORING_SETUP_CQSIZE : 0),
		.cq_entries = cqes,
		.sq_thread_idle = setup & IORING_SETUP_SQPOLL ? SQPOLL_IDLE_MS : 0,
	};
	unsigned int i;
	int error;

	memset(r, 0, sizeof(*r));
	r->fd = sys_setup(entries, &p);
	if (r->fd < 0)
		return -r->fd;
	r->setup = setup;
	r->sq_entries = p.sq_entries;
	r->cq_entries = p.cq_entries;
	r->sqe_size = setup & IORING_SETUP_SQE128 ? 128 : 64;
	r->cqe_size = setup & IORING_SETUP_CQE32 ? 32 : 16;
	error = map(r, &p);
	if (error) {
		close(r->fd);
		return error;
	}
	for (i = 0; i < r->sq_entries; i++)
		r->sq_array[i] = i;
	return 0;
}

void ring_close(struct ring *r)
{
	munmap(r->sqes, r->sqes_size);
	munmap(r->rings, r->rings_size);
	close(r->fd);
}

int ring_files(struct ring *r, const int *fds, unsigned int n)
{
	return syscall(SYS_io_uring_register, r->fd, IORING_REGISTER_FILES, fds, n) ? errno : 0;
}

struct io_uring_sqe *ring_sqe(struct ring *r)
{
	struct io_uring_sqe *sqe;

	if (r->tail - __atomic_load_n(r->sq_head, __ATOMIC_ACQUIRE) >= r->sq_entries)
		return NULL;
	sqe = (void *)(r->sqes + (r->tail & (r->sq_entries - 1)) * r->sqe_size);
	memset(sqe, 0, r->sqe_size);
	r->tail++;
	return sqe;
}

void ring_prep(struct io_uring_sqe *sqe, int fd, uint32_t call, void *argument,
	       uint64_t user_data)
{
	struct consensus_uring u = { .argument = (uintptr_t)argument };

	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = call;
	sqe->user_data = user_data;
	memcpy(sqe->cmd, &u, sizeof(u));
}

void ring_prep_nop(struct io_uring_sqe *sqe, uint64_t user_data)
{
	sqe->opcode = IORING_OP_NOP;
	sqe->fd = -1;
	sqe->user_data = user_data;
}

void ring_prep_cancel(struct io_uring_sqe *sqe, uint64_t target, uint64_t user_data)
{
	sqe->opcode = IORING_OP_ASYNC_CANCEL;
	sqe->fd = -1;
	sqe->addr = target;
	sqe->user_data = user_data;
}

struct io_uring_sqe *ring_put(struct ring *r, int fd, uint32_t call, void *argument,
			      uint64_t user_data)
{
	struct io_uring_sqe *sqe = ring_sqe(r);

	if (!sqe)
		bail("no room in a ring for %u", r->sq_entries);
	ring_prep(sqe, fd, call, argument, user_data);
	return sqe;
}

/* SQPOLL: its thread takes what is told; it may have to be woken. */
static int submit_polled(struct ring *r, unsigned int n)
{
	int error = 0;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(r->sq_flags, __ATOMIC_RELAXED) & IORING_SQ_NEED_WAKEUP)
		error = sys_enter(r->fd, n, 0, IORING_ENTER_SQ_WAKEUP, NULL, 0);
	return error < 0 ? error : (int)n;
}

int ring_submit(struct ring *r)
{
	unsigned int n = r->tail - r->told;
	int done;

	__atomic_store_n(r->sq_tail, r->tail, __ATOMIC_RELEASE);
	if (r->setup & IORING_SETUP_SQPOLL) {
		r->told = r->tail;
		return submit_polled(r, n);
	}
	done = n ? sys_enter(r->fd, n, 0, 0, NULL, 0) : 0;
	if (done > 0)
		r->told += (uint32_t)done;
	return done;
}

void ring_taken(struct ring *r)
{
	uint64_t until = now_ns() + 20 * SEC;

	while (__atomic_load_n(r->sq_head, __ATOMIC_ACQUIRE) != r->told) {
		if (now_ns() > until)
			bail("nobody takes what was submitted");
		submit_polled(r, 0);
		sleep_ms(1);
	}
}

unsigned int ring_ready(const struct ring *r)
{
	return __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE) - *r->cq_head;
}

bool ring_peek(struct ring *r, struct ring_cqe *cqe)
{
	uint32_t head = *r->cq_head;
	struct io_uring_cqe *c;

	if (!ring_ready(r))
		return false;
	c = (void *)(r->cqes + (head & (r->cq_entries - 1)) * r->cqe_size);
	cqe->user_data = c->user_data;
	cqe->res = c->res;
	cqe->flags = c->flags;
	cqe->big = r->setup & IORING_SETUP_CQE32 ? c->big_cqe[0] : 0;
	__atomic_store_n(r->cq_head, head + 1, __ATOMIC_RELEASE);
	return true;
}

/* Enters the kernel also where completions wait to be made there (DEFER_TASKRUN). */
static int enter_and_wait(struct ring *r, uint64_t ns)
{
	struct __kernel_timespec t = {
		.tv_sec = (long long)(ns / SEC), .tv_nsec = (long long)(ns % SEC),
	};
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&t };
	int done = sys_enter(r->fd, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg,
			     sizeof(arg));

	return done < 0 ? -done : 0;
}

int ring_wait(struct ring *r, struct ring_cqe *cqe, unsigned int ms)
{
	uint64_t now = now_ns(), until = now + (uint64_t)ms * 1000000;
	int error;

	while (!ring_peek(r, cqe)) {
		error = enter_and_wait(r, until > now ? until - now : 0);
		if (error && error != ETIME)
			return error;
		now = now_ns();
		if (!ring_ready(r) && now >= until)
			return ETIME;
	}
	return 0;
}

struct ring_cqe ring_do(struct ring *r)
{
	struct ring_cqe cqe;
	int n = ring_submit(r), error;

	if (n != 1)
		bail("a ring took %d of 1", n);
	error = ring_wait(r, &cqe, 60000);
	if (error)
		bail("no completion in 60 s: %s", strerror(error));
	return cqe;
}
