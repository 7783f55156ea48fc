// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "consensus_ring.h"
#include "lib.h"

int consensus_open(int flags)
{
	int fd = open(CONSENSUS_DEVICE, flags | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	return errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;
}

int consensus_close(int fd)
{
	/* Linux closes the descriptor also where close() reports EINTR. */
	if (close(fd) && errno != EINTR)
		return -errno;
	return 0;
}

int consensus_features(int fd, struct consensus_features *features)
{
	memset(features, 0, sizeof(*features));
	return lib_call(fd, CONSENSUS_IOC_FEATURES, features);
}

int consensus_counter_add_fenced(int fd, const struct consensus_fence *fence,
				 const char *name, uint64_t delta,
				 uint64_t timeout_ns, struct consensus_result *result)
{
	struct consensus_counter_add add;
	int ret = consensus_build_add(&add, fence, name, delta, timeout_ns);

	if (ret)
		return ret;
	lib_operate(fd, CONSENSUS_IOC_COUNTER_ADD, &add.op);
	return consensus_add_result(&add, result);
}

int consensus_counter_add(int fd, const char *name, uint64_t delta,
			  uint64_t timeout_ns, struct consensus_result *result)
{
	return consensus_counter_add_fenced(fd, NULL, name, delta, timeout_ns, result);
}

int consensus_counter_inc(int fd, const char *name, uint64_t timeout_ns,
			  struct consensus_result *result)
{
	return consensus_counter_add(fd, name, 1, timeout_ns, result);
}

int consensus_counter_read_fenced(int fd, const struct consensus_fence *fence,
				  const char *name, enum consensus_consistency how,
				  uint64_t index, uint64_t timeout_ns,
				  struct consensus_result *result)
{
	struct consensus_counter_read get;
	int ret = consensus_build_read(&get, fence, name, how, index, timeout_ns);

	if (ret)
		return ret;
	lib_operate(fd, CONSENSUS_IOC_COUNTER_READ, &get.op);
	return consensus_read_result(&get, result);
}

int consensus_counter_read(int fd, const char *name,
			   enum consensus_consistency how, uint64_t index,
			   uint64_t timeout_ns, struct consensus_result *result)
{
	return consensus_counter_read_fenced(fd, NULL, name, how, index, timeout_ns, result);
}
