// SPDX-License-Identifier: GPL-2.0
/*
 * In place of /dev/consensus, to test consensusctl without a kernel: a handle is a
 * connection to a server (locks.py), and a call goes to it by one of its own. As
 * with the device, dup(), fork() and exec() share the connection, and the server
 * sees the last close of it. Events are messages on it. Linked in with
 * --wrap=open --wrap=ioctl; FAKE_DEVICE is the path of the server's sockets.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/consensus.h>

#include "device.h"

enum { MOST = 512, LIST_MOST = 65536 };

/* The call as the server gets it, with the argument behind it. */
struct call {
	uint64_t handle, number;
};

/* Of the handle that was opened last. */
static uint64_t handle;

static int connect_to(const char *suffix)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("FAKE_DEVICE");
	int fd;

	if (!path) {
		errno = ENOENT;
		return -1;
	}
	snprintf(to.sun_path, sizeof(to.sun_path), "%s.%s", path, suffix);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, (const struct sockaddr *)&to, sizeof(to)))
		return fd;
	if (fd >= 0)
		close(fd);
	errno = ENOENT;
	return -1;
}

int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	int fd, mode;

	va_start(args, flags);
	mode = va_arg(args, int);
	va_end(args);
	if (strcmp(path, "/dev/consensus"))
		return __real_open(path, flags, mode);
	fd = connect_to("open");
	if (fd >= 0 && recv(fd, &handle, sizeof(handle), 0) != (ssize_t)sizeof(handle)) {
		close(fd);
		errno = EIO;
		return -1;
	}
	return fd;
}

/* The elements of a list stand behind the argument. */
static void take_list(struct consensus_list *list, const char *behind, size_t bytes)
{
	if ((uint64_t)list->count * list->size == bytes)
		memcpy((void *)(uintptr_t)list->buffer, behind, bytes);
}

static int ask(unsigned long number, void *argument)
{
	static char answer[LIST_MOST];
	struct call call = { .handle = handle, .number = number };
	char request[sizeof(call) + MOST];
	size_t size = _IOC_SIZE(number);
	ssize_t got;
	int32_t error;
	int fd = connect_to("call");

	if (fd < 0 || size > MOST)
		return -ESHUTDOWN;
	memcpy(request, &call, sizeof(call));
	memcpy(request + sizeof(call), argument, size);
	send(fd, request, sizeof(call) + size, MSG_NOSIGNAL);
	got = recv(fd, answer, sizeof(answer), 0);
	close(fd);
	if (got < (ssize_t)(sizeof(error) + size))
		return -ESHUTDOWN;
	memcpy(&error, answer, sizeof(error));
	memcpy(argument, answer + sizeof(error), size);
	if (number == CONSENSUS_IOC_LOCK_LIST || number == CONSENSUS_IOC_SESSION_LIST)
		take_list(argument, answer + sizeof(error) + size,
			  (size_t)got - sizeof(error) - size);
	return error;
}

int __wrap_ioctl(int fd, unsigned long number, ...)
{
	va_list args;
	void *argument;
	int error;

	va_start(args, number);
	argument = va_arg(args, void *);
	va_end(args);
	if (_IOC_TYPE(number) != CONSENSUS_IOC_MAGIC)
		return __real_ioctl(fd, number, argument);
	error = ask(number, argument);
	if (!error)
		return 0;
	errno = -error;
	return -1;
}
