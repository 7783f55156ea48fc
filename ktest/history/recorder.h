/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The process that writes a history whose callers are killed. It outlives them all: what is
 * below PIPE_BUF goes into a pipe as a whole or not at all, while a write() to a file may end
 * at the edge of a page if the writer is killed.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static inline void record_all(int in, int out)
{
	static char buf[65536];
	ssize_t n;

	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			_exit(1);
	_exit(n < 0);
}

/*
 * Lines for the file @*fd go through a pipe from now on, whose end takes its place there.
 * The pid of who writes them: it ends with 0 when the last end is closed and all is in the
 * file. -1: errno says why.
 */
static inline pid_t record_by_pipe(int *fd)
{
	pid_t pid;
	int p[2];

	if (pipe2(p, O_CLOEXEC))
		return -1;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(p[1]);
		record_all(p[0], *fd);
	}
	close(p[0]);
	close(*fd);
	*fd = p[1];
	return pid;
}

#endif
