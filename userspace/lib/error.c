// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>
#include <stddef.h>

#include "consensus.h"

static const struct {
	int error;
	const char *text;
} texts[] = {
	{ EACCES, "no right to /dev/consensus: be in its group (consensus), or root" },
	{ EAGAIN, "this node's queue is full: try again; nothing happened" },
	{ EBADF, "a change on a handle that was opened read-only, or no handle at all" },
	{ ECANCELED, "the call was withdrawn; nothing happened" },
	{ EFAULT, "the argument is not memory that can be read and written" },
	{ EHOSTUNREACH, "no quorum: no leader was reached; nothing happened" },
	{ EINTR, "interrupted by a signal; nothing happened" },
	{ EINVAL, "not valid: a name is 1 to 63 bytes of printable UTF-8, an addition at least 1" },
	{ ENAMETOOLONG, "the name is longer than 63 bytes" },
	{ ENODEV, "no device: is the module loaded? Try modprobe consensus" },
	{ ENOENT, "there is no object of that name" },
	{ ENOMEM, "this node has no memory for the request; nothing happened" },
	{ ENOSPC, "the cluster's limit of objects is reached; nothing happened" },
	{ ENOTCONN, "the node is not started: consensusctl up" },
	{ ENOTRECOVERABLE, "the outcome is unknown: cut off on its way. Read to find out" },
	{ ENOTTY, "this kernel's module has no such call, or the descriptor is no handle" },
	{ EOVERFLOW, "the counter would pass 2^64 - 1; it is unchanged" },
	{ ESHUTDOWN, "the node, or its network namespace, is gone for good: open a new handle" },
	{ ETIMEDOUT, "the time is up; nothing happened" },
};

const char *consensus_strerror(int error)
{
	size_t i;

	if (error < 0 && error > -4096)
		error = -error;
	if (!error)
		return "no error";
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].error == error)
			return texts[i].text;
	}
	return "an error that this library does not know: see errno(3)";
}
