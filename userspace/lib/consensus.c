// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "consensus.h"

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
	return ioctl(fd, CONSENSUS_IOC_FEATURES, features) ? -errno : 0;
}

/* The field stays zero behind the name, as the kernel demands. */
static int put_name(char field[CONSENSUS_NAME_SIZE], const char *name)
{
	size_t len = strnlen(name, CONSENSUS_NAME_SIZE);

	if (!len)
		return -EINVAL;
	if (len == CONSENSUS_NAME_SIZE)
		return -ENAMETOOLONG;
	memcpy(field, name, len);
	return 0;
}

int consensus_counter_add(int fd, const char *name, uint64_t delta,
			  uint64_t timeout_ns, struct consensus_result *result)
{
	struct consensus_counter_add add;
	int ret;

	memset(&add, 0, sizeof(add));
	ret = put_name(add.name, name);
	if (ret)
		return ret;
	add.op.timeout_ns = timeout_ns;
	add.delta = delta;
	if (ioctl(fd, CONSENSUS_IOC_COUNTER_ADD, &add))
		return -errno;
	result->value = add.value;
	result->index = add.op.index;
	result->version = add.op.index;
	return 0;
}

int consensus_counter_inc(int fd, const char *name, uint64_t timeout_ns,
			  struct consensus_result *result)
{
	return consensus_counter_add(fd, name, 1, timeout_ns, result);
}

/* -1: no such strength */
static int read_flags(enum consensus_consistency how)
{
	switch (how) {
	case CONSENSUS_LINEARIZABLE:
		return 0;
	case CONSENSUS_AT_LEAST:
		return CONSENSUS_READ_INDEX;
	case CONSENSUS_LOCAL:
		return CONSENSUS_READ_LOCAL;
	}
	return -1;
}

int consensus_counter_read(int fd, const char *name,
			   enum consensus_consistency how, uint64_t index,
			   uint64_t timeout_ns, struct consensus_result *result)
{
	struct consensus_counter_read get;
	int flags = read_flags(how);
	int ret;

	if (flags < 0)
		return -EINVAL;
	memset(&get, 0, sizeof(get));
	ret = put_name(get.name, name);
	if (ret)
		return ret;
	get.op.flags = (uint32_t)flags;
	get.op.index = index;
	get.op.timeout_ns = timeout_ns;
	ret = ioctl(fd, CONSENSUS_IOC_COUNTER_READ, &get) ? -errno : 0;
	if (ret && ret != -ENOENT)
		return ret;
	result->value = get.value;
	result->index = get.op.index;
	result->version = get.version;
	return ret;
}
