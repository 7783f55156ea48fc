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

int lib_read_flags(enum consensus_consistency how)
{
	switch (how) {
	case CONSENSUS_LINEARIZABLE:
		return 0;
	case CONSENSUS_AT_LEAST:
		return CONSENSUS_READ_INDEX;
	case CONSENSUS_LOCAL:
		return CONSENSUS_READ_LOCAL;
	}
	return -EINVAL;
}

int lib_call(int fd, unsigned long call, void *argument)
{
	return ioctl(fd, call, argument) ? -errno : 0;
}
