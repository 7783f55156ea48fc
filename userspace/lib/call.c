// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib.h"

int lib_put_name(char field[CONSENSUS_NAME_SIZE], const char *name)
{
	size_t len = strnlen(name, CONSENSUS_NAME_SIZE);

	if (!len)
		return -EINVAL;
	if (len == CONSENSUS_NAME_SIZE)
		return -ENAMETOOLONG;
	memcpy(field, name, len);
	return 0;
}

int lib_put_op(struct consensus_op *op, const struct consensus_fence *fence,
	       uint64_t timeout_ns)
{
	op->timeout_ns = timeout_ns;
	if (!fence)
		return 0;
	/* Token 0 is no token: to go on without a fence would be the worst answer. */
	if (!fence->token)
		return -EINVAL;
	op->fence_token = fence->token;
	return lib_put_name(op->fence_name, fence->name);
}

int lib_put_strength(struct consensus_op *op, enum consensus_consistency how, uint64_t index)
{
	op->index = index;
	switch (how) {
	case CONSENSUS_LINEARIZABLE:
		return 0;
	case CONSENSUS_AT_LEAST:
		op->flags = CONSENSUS_READ_INDEX;
		return 0;
	case CONSENSUS_LOCAL:
		op->flags = CONSENSUS_READ_LOCAL;
		return 0;
	}
	return -EINVAL;
}

int lib_call(int fd, unsigned long call, void *argument)
{
	return ioctl(fd, call, argument) ? -errno : 0;
}

int lib_operate(int fd, unsigned long call, struct consensus_op *op)
{
	op->status = lib_call(fd, call, op);
	return op->status;
}

bool lib_is_operation(uint32_t call)
{
	switch (call) {
	case CONSENSUS_IOC_COUNTER_ADD:
	case CONSENSUS_IOC_COUNTER_READ:
	case CONSENSUS_IOC_LOCK_ACQUIRE:
	case CONSENSUS_IOC_LOCK_RELEASE:
	case CONSENSUS_IOC_LOCK_CHECK:
	case CONSENSUS_IOC_LOCK_REVOKE:
	case CONSENSUS_IOC_SESSION_EXPIRE:
		return true;
	}
	return false;
}

int consensus_call(int fd, uint32_t call, void *argument)
{
	return lib_call(fd, call, argument);
}
