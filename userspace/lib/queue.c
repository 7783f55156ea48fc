// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Operations under way: on a ring of the queue's own, or by arrays.
 *
 * Each operation has a slot from its push until its completion is collected, and a
 * slot has one operation: so each push has one completion, and there are never more
 * under way than slots. The ring's submission queue has at least as many entries as
 * there are slots, and its completion queue twice as many: neither can be full.
 *
 * The kernel writes into the caller's structs until their completions are posted, also
 * after the ring was closed: so whoever frees a queue withdraws them, and waits for them.
 *
 * This is the only file that needs liburing.
 */
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <time.h>

#include "consensus_ring.h"
#include "lib.h"

enum { DEPTH_MAX = 4096 };

/* A deadline that does not come. */
#define NEVER UINT64_MAX

/**
 * struct slot
 * @op: the caller's; NULL: the slot is free
 * @user_data: the caller's
 * @call: its number
 * @next: by io_uring, while it is free: the next free one
 */
struct slot {
	struct consensus_op *op;
	uint64_t user_data;
	uint32_t call;
	uint32_t next;
};

/**
 * struct consensus_queue
 * @fd: the caller's handle
 * @mark: a child shares the ring's memory, and must not touch it
 * @method: CONSENSUS_BY_*
 * @arrays: the module has array calls
 * @depth: how many slots there are
 * @used: so many of them are not free
 * @ring: by io_uring: a slot's number is the user_data of its SQE
 * @free: by io_uring: the first free slot, if @used < @depth
 * @first: by arrays: the used slots stand in a row from here, modulo @depth
 * @ended: by arrays: so many of the row have ended
 * @entries: by arrays: the call's argument
 * @slots: the slots
 */
struct consensus_queue {
	int fd;
	struct lib_mark mark;
	enum consensus_method method;
	bool arrays;
	unsigned int depth;
	unsigned int used;
	struct io_uring ring;
	uint32_t free;
	unsigned int first;
	unsigned int ended;
	struct consensus_array_entry entries[CONSENSUS_ARRAY_MAX];
	struct slot slots[];
};

static unsigned int least_of(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

static void complete(struct consensus_queue *queue, struct slot *slot, int status,
		     struct consensus_completion *at)
{
	slot->op->status = status;
	at->user_data = slot->user_data;
	at->argument = slot->op;
	at->status = status;
	slot->op = NULL;
	queue->used--;
}

/* ----------------------------------------------------------------- by io_uring */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t deadline_of(uint64_t timeout_ns)
{
	uint64_t now = now_ns();

	return timeout_ns < NEVER - now ? now + timeout_ns : NEVER;
}

/* What the kernel has: begun, and not collected. */
static unsigned int begun(const struct consensus_queue *queue)
{
	return queue->used - io_uring_sq_ready(&queue->ring);
}

/* 0: all was begun. */
static int begin(struct consensus_queue *queue)
{
	while (io_uring_sq_ready(&queue->ring)) {
		int ret = io_uring_submit(&queue->ring);

		if (ret <= 0)
			return ret ? ret : -EAGAIN;
	}
	return 0;
}

static unsigned int collect(struct consensus_queue *queue, struct consensus_completion *at,
			    unsigned int room)
{
	struct io_uring_cqe *cqe;
	unsigned int head, got = 0;

	io_uring_for_each_cqe(&queue->ring, head, cqe) {
		uint32_t number = (uint32_t)cqe->user_data;

		if (got == room)
			break;
		complete(queue, queue->slots + number, consensus_status(cqe), at + got++);
		queue->slots[number].next = queue->free;
		queue->free = number;
	}
	io_uring_cq_advance(&queue->ring, got);
	return got;
}

/* Until @count completions are there. 0, -ETIME, -EINTR or another error. */
static int sleep_for(struct consensus_queue *queue, unsigned int count, uint64_t deadline)
{
	struct io_uring_getevents_arg how = { .sigmask = 0 };
	struct __kernel_timespec left = { .tv_sec = 0 };
	int ret;

	if (deadline != NEVER) {
		uint64_t now = now_ns(), ns = deadline > now ? deadline - now : 0;

		left.tv_sec = (int64_t)(ns / 1000000000);
		left.tv_nsec = (int64_t)(ns % 1000000000);
		how.ts = (uint64_t)(uintptr_t)&left;
	}
	ret = io_uring_enter2((unsigned int)queue->ring.ring_fd, 0, count,
			      IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, (void *)&how,
			      sizeof(how));
	return ret < 0 ? ret : 0;
}

/*
 * Beginning and sleeping are two system calls: in one, the kernel reports how many
 * were begun, and not that a signal came.
 */
static int wait_by_uring(struct consensus_queue *queue, struct consensus_completion *at,
			 unsigned int room, unsigned int least, uint64_t timeout_ns)
{
	int failed = begin(queue);
	unsigned int got = collect(queue, at, room);
	uint64_t deadline = 0;

	least = least_of(least, got + begun(queue));
	while (got < least) {
		int ret;

		if (!deadline)
			deadline = deadline_of(timeout_ns);
		ret = sleep_for(queue, least - got, deadline);
		got += collect(queue, at + got, room - got);
		if (ret && ret != -ETIME)
			failed = ret;
		if (ret)
			break;
	}
	return got ? (int)got : failed;
}

/* A call that never waits, to see whether such commands are let through. */
static bool works(struct io_uring *ring, int fd)
{
	struct consensus_features features = { .flags = 0 };
	struct io_uring_cqe *cqe;
	bool done;
	int ret;

	consensus_prep(io_uring_get_sqe(ring), fd, CONSENSUS_IOC_FEATURES, &features);
	if (io_uring_submit(ring) != 1)
		return false;
	do
		ret = io_uring_wait_cqe(ring, &cqe);
	while (ret == -EINTR);
	if (ret)
		return false;
	done = !consensus_status(cqe);
	io_uring_cqe_seen(ring, cqe);
	return done;
}

/*
 * Whatever forbids io_uring (the kernel's configuration, a sysctl, seccomp, an LSM, a
 * limit of memory) leaves the arrays; without descriptors there is nothing to be done.
 */
static int open_ring(struct consensus_queue *queue)
{
	int ret = io_uring_queue_init(queue->depth, &queue->ring, 0);
	uint32_t i;

	if (ret == -EMFILE || ret == -ENFILE)
		return ret;
	if (ret)
		return 0;
	if (!(queue->ring.features & IORING_FEAT_EXT_ARG) || !works(&queue->ring, queue->fd)) {
		io_uring_queue_exit(&queue->ring);
		return 0;
	}
	for (i = 0; i < queue->depth; i++)
		queue->slots[i].next = i + 1;
	queue->method = CONSENSUS_BY_URING;
	return 0;
}

/* What has ended already is no more to be found there. */
static void withdraw(struct consensus_queue *queue)
{
	uint32_t i;

	for (i = 0; i < queue->depth; i++) {
		if (queue->slots[i].op)
			consensus_handle_cancel(queue->fd, queue->slots[i].op, NULL);
	}
}

/*
 * Until another completion may be there. Whoever went into a sandbox that forbids to
 * wait for it gets it nevertheless: the kernel posts them at the end of any system call.
 */
static void sleep_somehow(struct consensus_queue *queue)
{
	static const struct timespec moment = { .tv_nsec = 1000000 };
	int ret = sleep_for(queue, 1, NEVER);

	if (ret && ret != -EINTR)
		nanosleep(&moment, NULL);
}

/*
 * Waits for what was begun, whatever fails meanwhile, as the kernel writes there until
 * then, and says of the rest that it was not.
 */
static void empty_ring(struct consensus_queue *queue)
{
	struct consensus_completion last;
	uint32_t i;

	while (collect(queue, &last, 1))
		;
	if (begun(queue))
		withdraw(queue);
	while (begun(queue)) {
		if (!collect(queue, &last, 1))
			sleep_somehow(queue);
	}
	for (i = 0; i < queue->depth; i++) {
		if (queue->slots[i].op)
			queue->slots[i].op->status = -ECANCELED;
	}
}

/* ------------------------------------------------------------------- by arrays */

static struct slot *in_row(struct consensus_queue *queue, unsigned int place)
{
	return queue->slots + (queue->first + place) % queue->depth;
}

/* The next array of what was pushed. False: a signal may have ended it. */
static bool run_next(struct consensus_queue *queue)
{
	unsigned int i, count = least_of(queue->used - queue->ended, CONSENSUS_ARRAY_MAX);
	bool on = true;

	for (i = 0; i < count; i++) {
		struct slot *slot = in_row(queue, queue->ended + i);

		queue->entries[i].call = slot->call;
		queue->entries[i].argument = (uint64_t)(uintptr_t)slot->op;
	}
	lib_run(queue->fd, queue->arrays, queue->entries, count);
	for (i = 0; i < count; i++)
		on = on && !lib_cut_off(in_row(queue, queue->ended + i)->op->status);
	queue->ended += count;
	return on;
}

static int wait_by_arrays(struct consensus_queue *queue, struct consensus_completion *at,
			  unsigned int room, unsigned int least)
{
	unsigned int got;
	bool on = true;

	/* Whoever only looks gets on, too. */
	least = least_of(least ? least : 1, queue->used);
	while (on && queue->ended < least)
		on = run_next(queue);
	for (got = 0; got < room && queue->ended; got++) {
		struct slot *slot = in_row(queue, 0);

		complete(queue, slot, slot->op->status, at + got);
		queue->first = (queue->first + 1) % queue->depth;
		queue->ended--;
	}
	return (int)got;
}

static void empty_row(struct consensus_queue *queue)
{
	unsigned int i;

	for (i = queue->ended; i < queue->used; i++)
		in_row(queue, i)->op->status = -ECANCELED;
}

/* ------------------------------------------------------------------------ both */

static int find_method(struct consensus_queue *queue, unsigned int flags)
{
	struct consensus_features features;
	int ret = consensus_features(queue->fd, &features);

	if (ret)
		return ret;
	ret = lib_mark_new(&queue->mark);
	if (ret)
		return ret;
	queue->arrays = features.features & CONSENSUS_FEATURE_ARRAY;
	if (features.features & CONSENSUS_FEATURE_URING && !(flags & CONSENSUS_QUEUE_ARRAY))
		ret = open_ring(queue);
	if (ret)
		lib_mark_free(&queue->mark);
	return ret;
}

int consensus_queue_new(struct consensus_queue **queue, int fd, unsigned int depth,
			unsigned int flags)
{
	struct consensus_queue *new;
	int ret;

	if (!depth || depth > DEPTH_MAX || flags & ~CONSENSUS_QUEUE_ARRAY)
		return -EINVAL;
	new = calloc(1, sizeof(*new) + depth * sizeof(new->slots[0]));
	if (!new)
		return -ENOMEM;
	new->fd = fd;
	new->depth = depth;
	new->method = CONSENSUS_BY_ARRAY;
	ret = find_method(new, flags);
	if (ret)
		free(new);
	else
		*queue = new;
	return ret;
}

void consensus_queue_free(struct consensus_queue *queue)
{
	bool child;

	if (!queue)
		return;
	child = lib_in_child(&queue->mark);
	if (queue->method == CONSENSUS_BY_URING) {
		if (!child)
			empty_ring(queue);
		io_uring_queue_exit(&queue->ring);
	} else if (!child) {
		empty_row(queue);
	}
	lib_mark_free(&queue->mark);
	free(queue);
}

enum consensus_method consensus_queue_method(const struct consensus_queue *queue)
{
	return queue->method;
}

/* The slot of @op, which is then on its way. NULL: none. */
static struct slot *take_slot(struct consensus_queue *queue, uint32_t call, void *op)
{
	struct io_uring_sqe *sqe;
	struct slot *slot;

	if (queue->used == queue->depth)
		return NULL;
	if (queue->method == CONSENSUS_BY_ARRAY)
		return in_row(queue, queue->used);
	sqe = io_uring_get_sqe(&queue->ring);
	if (!sqe)
		return NULL;
	consensus_prep(sqe, queue->fd, call, op);
	sqe->user_data = queue->free;
	slot = queue->slots + queue->free;
	queue->free = slot->next;
	return slot;
}

int consensus_queue_push(struct consensus_queue *queue, uint32_t call, void *argument,
			 uint64_t user_data)
{
	struct consensus_op *op = argument;
	struct slot *slot;

	if (lib_in_child(&queue->mark))
		return -ECHILD;
	if (!op || !lib_is_operation(call) || op->timeout_ns > CONSENSUS_URING_TIMEOUT_MAX)
		return -EINVAL;
	slot = take_slot(queue, call, op);
	if (!slot)
		return -EAGAIN;
	slot->op = op;
	slot->user_data = user_data;
	slot->call = call;
	queue->used++;
	return 0;
}

int consensus_queue_submit(struct consensus_queue *queue)
{
	if (lib_in_child(&queue->mark))
		return -ECHILD;
	return queue->method == CONSENSUS_BY_URING ? begin(queue) : 0;
}

int consensus_queue_wait(struct consensus_queue *queue, struct consensus_completion *at,
			 unsigned int room, unsigned int least, uint64_t timeout_ns)
{
	if (lib_in_child(&queue->mark))
		return -ECHILD;
	least = least_of(least, room);
	if (queue->method == CONSENSUS_BY_ARRAY)
		return room ? wait_by_arrays(queue, at, room, least) : 0;
	return wait_by_uring(queue, at, room, least, timeout_ns);
}

int consensus_queue_fd(const struct consensus_queue *queue)
{
	return queue->method == CONSENSUS_BY_URING ? queue->ring.ring_fd : -1;
}
