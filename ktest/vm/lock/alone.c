// SPDX-License-Identifier: GPL-2.0
/*
 * A command for `consensusctl lock` that must be alone: proves it by flock(2) on a file,
 * which the kernel frees when the last process that shares it is gone, and by its token.
 *
 *	ct-alone [-i] [-x STATUS] FILE MS
 *
 * Runs for MS, together with a child in the same process group. Appends a byte to
 * FILE.runs for each run; whatever is wrong goes to FILE.wrong, a line each: somebody else
 * is inside, or the token is not above the highest in FILE. -i: SIGTERM does not end it
 * nor its child. Exits with STATUS (0), or 3 if something was wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../abi/ct.h"

static const char *file;

static int beside(const char *suffix, const char *text)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s%s", file, suffix);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		_exit(4);
	return close(fd);
}

static void wrong(const char *what, unsigned long long a, unsigned long long b)
{
	char line[160];

	snprintf(line, sizeof(line), "%llu process %d: %s %llu %llu\n",
		 (unsigned long long)now_ns(), getpid(), what, a, b);
	beside(".wrong", line);
	_exit(3);
}

/* The file itself holds the highest token seen, and nobody but who is alone writes it. */
static void show_token(int fd)
{
	const char *text = getenv("CONSENSUS_LOCK_TOKEN");
	unsigned long long token = text ? strtoull(text, NULL, 10) : 0;
	char seen[32] = "";
	int len;

	if (pread(fd, seen, sizeof(seen) - 1, 0) < 0)
		wrong("the file cannot be read", 0, 0);
	if (token <= strtoull(seen, NULL, 10))
		wrong("its token comes after another:", token, strtoull(seen, NULL, 10));
	len = snprintf(seen, sizeof(seen), "%llu\n", token);
	if (pwrite(fd, seen, (size_t)len, 0) != len)
		wrong("the file cannot be written", 0, 0);
}

int main(int argc, char **argv)
{
	int c, fd, status = 0;
	unsigned int ms;

	while ((c = getopt(argc, argv, "ix:")) != -1) {
		if (c == 'i')
			signal(SIGTERM, SIG_IGN);
		else if (c == 'x')
			status = atoi(optarg);
		else
			return 2;
	}
	if (argc - optind != 2)
		return 2;
	file = argv[optind];
	ms = (unsigned int)strtoul(argv[optind + 1], NULL, 10);
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return 4;
	if (flock(fd, LOCK_EX | LOCK_NB))
		wrong("somebody else is inside", 0, 0);
	show_token(fd);
	beside(".runs", ".");
	if (!fork()) {
		sleep_ms(ms);
		_exit(0);
	}
	sleep_ms(ms);
	wait(NULL);
	return status;
}
