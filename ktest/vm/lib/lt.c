// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../abi/ct.h"
#include "lt.h"

void lt_enter(const char *node)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", node);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		bail("no namespace %s", node);
	close(fd);
}

void *lt_shared(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		bail("no memory");
	return at;
}

pid_t lt_child(int (*fn)(void *arg), void *arg)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		bail("no process");
	if (!pid)
		_exit(fn(arg));
	return pid;
}

int lt_wait(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

uint64_t lt_await(const _Atomic uint64_t *value, unsigned int ms)
{
	uint64_t until = now_ns() + ms * 1000000ULL;

	while (!atomic_load(value) && now_ns() < until)
		sleep_ms(5);
	return atomic_load(value);
}
