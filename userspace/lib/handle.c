// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <string.h>

#include "lib.h"

int consensus_handle_detach(int fd, uint64_t duration_ns,
			    uint8_t secret[CONSENSUS_SECRET_SIZE])
{
	struct consensus_handle_detach detach;
	int ret;

	memset(&detach, 0, sizeof(detach));
	detach.duration_ns = duration_ns;
	ret = lib_call(fd, CONSENSUS_IOC_HANDLE_DETACH, &detach);
	if (!ret && secret)
		memcpy(secret, detach.secret, CONSENSUS_SECRET_SIZE);
	return ret;
}

int consensus_handle_adopt(int fd, const uint8_t secret[CONSENSUS_SECRET_SIZE])
{
	struct consensus_handle_adopt adopt;
	int ret;

	memset(&adopt, 0, sizeof(adopt));
	memcpy(adopt.secret, secret, CONSENSUS_SECRET_SIZE);
	ret = lib_call(fd, CONSENSUS_IOC_HANDLE_ADOPT, &adopt);
	return ret ? ret : adopt.fd;
}

int consensus_handle_heartbeat(int fd, uint64_t period_ns)
{
	struct consensus_handle_heartbeat heartbeat;

	memset(&heartbeat, 0, sizeof(heartbeat));
	heartbeat.period_ns = period_ns;
	return lib_call(fd, CONSENSUS_IOC_HANDLE_HEARTBEAT, &heartbeat);
}

int consensus_handle_reset(int fd)
{
	struct consensus_handle_reset reset;

	memset(&reset, 0, sizeof(reset));
	return lib_call(fd, CONSENSUS_IOC_HANDLE_RESET, &reset);
}

int consensus_handle_cancel(int fd, const void *argument, uint32_t *count)
{
	struct consensus_handle_cancel cancel;
	int ret;

	memset(&cancel, 0, sizeof(cancel));
	cancel.argument = (uint64_t)(uintptr_t)argument;
	ret = lib_call(fd, CONSENSUS_IOC_HANDLE_CANCEL, &cancel);
	if (!ret && count)
		*count = cancel.count;
	return ret;
}
