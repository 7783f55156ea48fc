// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Commands for a ring of the caller's. All that is needed of it is its SQE.
 */
#include <linux/io_uring.h>
#include <stddef.h>
#include <string.h>

#include "consensus_ring.h"
#include "lib.h"

/*
 * IORING_OP_URING_CMD and its fields by their places, which are the kernel's ABI: the
 * system's headers may be older than it (5.19).
 */
enum { OP_URING_CMD = 46, SQE_CMD_OP = 8, SQE_CMD = 48, SQE_SIZE = 64 };

_Static_assert(offsetof(struct io_uring_sqe, opcode) == 0, "SQE");
_Static_assert(offsetof(struct io_uring_sqe, fd) == 4, "SQE");
_Static_assert(offsetof(struct io_uring_sqe, off) == SQE_CMD_OP, "SQE: cmd_op is in off");
_Static_assert(offsetof(struct io_uring_sqe, user_data) == 32, "SQE");
_Static_assert(sizeof(struct io_uring_sqe) == SQE_SIZE, "SQE");
_Static_assert(SQE_CMD + sizeof(struct consensus_uring) == SQE_SIZE, "SQE: cmd is its end");

void consensus_prep(struct io_uring_sqe *sqe, int fd, uint32_t call, void *argument)
{
	struct consensus_uring command = { .argument = (uint64_t)(uintptr_t)argument };
	unsigned char *bytes = (unsigned char *)sqe;

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = OP_URING_CMD;
	sqe->fd = fd;
	memcpy(bytes + SQE_CMD_OP, &call, sizeof(call));
	memcpy(bytes + SQE_CMD, &command, sizeof(command));
}

void consensus_prep_add(struct io_uring_sqe *sqe, int fd, struct consensus_counter_add *op)
{
	consensus_prep(sqe, fd, CONSENSUS_IOC_COUNTER_ADD, op);
}

void consensus_prep_read(struct io_uring_sqe *sqe, int fd, struct consensus_counter_read *op)
{
	consensus_prep(sqe, fd, CONSENSUS_IOC_COUNTER_READ, op);
}

void consensus_prep_acquire(struct io_uring_sqe *sqe, int fd, struct consensus_lock_acquire *op)
{
	consensus_prep(sqe, fd, CONSENSUS_IOC_LOCK_ACQUIRE, op);
}

void consensus_prep_release(struct io_uring_sqe *sqe, int fd, struct consensus_lock_release *op)
{
	consensus_prep(sqe, fd, CONSENSUS_IOC_LOCK_RELEASE, op);
}

void consensus_prep_check(struct io_uring_sqe *sqe, int fd, struct consensus_lock_check *op)
{
	consensus_prep(sqe, fd, CONSENSUS_IOC_LOCK_CHECK, op);
}

void consensus_prep_array(struct io_uring_sqe *sqe, int fd, struct consensus_array *op)
{
	consensus_prep(sqe, fd, CONSENSUS_IOC_ARRAY, op);
}

int consensus_status(const struct io_uring_cqe *cqe)
{
	return cqe->res < 0 ? cqe->res : 0;
}
