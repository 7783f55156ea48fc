// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/consensus.h>

#include "device.h"
#include "hook.h"

int (*hook_ioctl)(int fd, unsigned long number, void *argument);
bool hook_first;

pid_t getpid(void)
{
	return hook_first ? 1 : (pid_t)syscall(SYS_getpid);
}

int __wrap_ioctl(int fd, unsigned long number, ...)
{
	va_list args;
	void *argument;
	int ret;

	va_start(args, number);
	argument = va_arg(args, void *);
	va_end(args);
	if (!hook_ioctl || _IOC_TYPE(number) != CONSENSUS_IOC_MAGIC)
		return __real_ioctl(fd, number, argument);
	ret = hook_ioctl(fd, number, argument);
	if (!ret)
		return 0;
	errno = -ret;
	return -1;
}
