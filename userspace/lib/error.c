// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>
#include <stddef.h>

#include "consensus.h"

static const struct {
	int error;
	const char *text;
} texts[] = {
	{ E2BIG, "an array has at most 256 operations; nothing happened" },
	{ EACCES, "no right to it: for /dev/consensus, be in its group (consensus), or root" },
	{ EAGAIN, "the lock is taken, or this node's queue is full: try again; nothing happened" },
	{ EBADF, "a change on a handle that was opened read-only, or no handle at all" },
	{ EBADMSG,
	  "the token file is damaged, or is none: restore it, or remove it once nobody can hold an old token"
	},
	{ EBUSY, "something is under way on it: end that first; nothing happened" },
	{ ECANCELED, "the call was withdrawn; nothing happened" },
	{ ECHILD, "made by the parent process: after fork() a child needs its own" },
	{ EDEADLK,
	  "this handle has that lock, or waits for it, already: release it first, or open another handle"
	},
	{ EEXIST, "it is there, or was delivered, already" },
	{ EFAULT, "the argument is not memory that can be read and written" },
	{ EHOSTUNREACH, "no quorum: no leader was reached; nothing happened" },
	{ EINTR, "interrupted by a signal; nothing happened" },
	{ EINVAL,
	  "not valid: an argument, for example a name (1 to 63 bytes of printable UTF-8) or an addition (at least 1)"
	},
	{ EKEYEXPIRED,
	  "the lease was lost, and the handle's locks with it: stop what they protect, then reset or close the handle, and take them anew"
	},
	{ EKEYREVOKED,
	  "an administrator took the lock, or ended this node's session: stop what it protects, then reset or close the handle"
	},
	{ ENAMETOOLONG, "the name is longer than 63 bytes" },
	{ ENODEV, "no device: is the module loaded? Try modprobe consensus" },
	{ ENOENT, "there is no such object, lock, session or secret" },
	{ ENOMEM, "this node has no memory for the request; nothing happened" },
	{ ENOSPC,
	  "full: the cluster's limit of objects, or the room of a batch or receiver; nothing happened"
	},
	{ ENOTCONN, "the node is not started: consensusctl up" },
	{ ENOTRECOVERABLE, "the outcome is unknown: cut off on its way. Read to find out" },
	{ ENOTTY, "this kernel's module has no such call, or the descriptor is no handle" },
	{ EOPNOTSUPP,
	  "not by io_uring: this kernel, its module or that kind of ring has no such command; use ioctl or arrays"
	},
	{ EOVERFLOW, "the counter would pass 2^64 - 1; it is unchanged" },
	{ EPERM,
	  "not the holder of that grant; or not allowed: to revoke a lock or end a session needs CAP_NET_ADMIN (root), to adopt a handle the same user"
	},
	{ ESHUTDOWN, "the node, or its network namespace, is gone for good: open a new handle" },
	{ ESTALE,
	  "the token is old: that grant holds no more, and somebody else may have the lock. Stop; nothing happened"
	},
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
