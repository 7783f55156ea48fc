// SPDX-License-Identifier: GPL-2.0
/*
 * A command for consensusctl lock that must be alone, and shows it:
 *
 *	alone FILE MS LETTERS
 *
 * takes a flock(2) of FILE, which all that it starts inherits, and holds it for MS
 * milliseconds; so FILE is locked for as long as one of them lives. If it is locked
 * already, somebody else's family still lives: that is appended to FILE.
 *
 *	c	start a child in the same process group, which lives longer
 *	d	start a daemon: another session, orphaned
 *	t	ignore SIGTERM, like the children
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static void pause_ms(long ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&left, &left))
		;
}

static void start_daemon(long ms)
{
	if (fork())
		return;
	setsid();
	if (fork())
		_exit(0);
	pause_ms(ms);
	_exit(0);
}

static void start_child(long ms)
{
	if (fork())
		return;
	pause_ms(ms);
	_exit(0);
}

int main(int argc, char **argv)
{
	static const char overlap[] = "overlap\n";
	long ms;
	int fd;

	if (argc != 4)
		return 2;
	fd = open(argv[1], O_WRONLY | O_APPEND | O_CREAT, 0600);
	if (fd < 0)
		return 2;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		if (write(fd, overlap, sizeof(overlap) - 1) < 0)
			return 2;
		return 99;
	}
	ms = atol(argv[2]);
	if (strchr(argv[3], 't'))
		signal(SIGTERM, SIG_IGN);
	if (strchr(argv[3], 'c'))
		start_child(2 * ms);
	if (strchr(argv[3], 'd'))
		start_daemon(2 * ms);
	pause_ms(ms);
	return 0;
}
