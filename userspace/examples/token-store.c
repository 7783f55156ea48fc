// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * A store, here a file, that refuses whoever lost its lock without knowing it.
 *
 *	token-store FILE TOKEN VALUE	the status is 0: stored, 1: refused, 2: another error
 *	token-store FILE <LINES		one "TOKEN VALUE" a line; it is the highest of theirs
 *
 * FILE gets the VALUE of the last that was let in; the highest TOKEN that was seen is kept in
 * FILE.token, and a lower one is refused. On each machine that has FILE, for example:
 *
 *	consensusctl lock job -- sh -c 'token-store FILE "$CONSENSUS_LOCK_TOKEN" "$(hostname)"'
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <consensus.h>
#include <consensus_guard.h>

/* All of VALUE or what was there before, whatever happens: a file beside it, renamed. */
static int replace(const char *path, const char *value)
{
	char beside[PATH_MAX];
	int ret = 0, fd;

	snprintf(beside, sizeof(beside), "%s.new", path);
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%s", value) < 0 || fsync(fd) || rename(beside, path))
		ret = -errno;
	close(fd);
	fd = open(dirname(beside), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!ret && (fd < 0 || fsync(fd)))
		ret = -ENOTRECOVERABLE; /* a crash may still undo it */
	close(fd);
	return ret;
}

static const char *text_of(int error)
{
	return error == -ESTALE || error == -EBADMSG || error == -EBUSY ||
	       error == -ENOTRECOVERABLE ? consensus_strerror(error) : strerror(-error);
}

/* Between enter and leave nobody else is let in: the check and the change are one. */
static int store(struct consensus_token *guard, const char *path, char *number, char *value)
{
	int ret = number[strspn(number, "0123456789")] || strlen(number) > 19 ? -EINVAL :
		  consensus_token_enter(guard, strtoull(number, NULL, 10));

	if (!ret) {
		ret = replace(path, value);
		consensus_token_leave(guard);
	}
	dprintf(STDOUT_FILENO, "%s %s: %s\n", ret == -ENOTRECOVERABLE ? "unknown" :
		ret ? "refused" : "stored", number, ret ? text_of(ret) : value);
	return ret == -ESTALE ? 1 : ret ? 2 : 0;
}

static int store_lines(struct consensus_token *guard, const char *path)
{
	char *line = NULL, *value;
	int ret, worst = 0;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		value = line;
		strsep(&value, " ");
		ret = store(guard, path, line, value ? value + strspn(value, " ") : "");
		worst = ret > worst ? ret : worst;
	}
	free(line);
	return ferror(stdin) ? 2 : worst;
}

int main(int argc, char **argv)
{
	struct consensus_token *guard;
	char path[PATH_MAX];
	int ret;

	if ((argc != 2 && argc != 4) || *argv[1] == '-' || strlen(argv[1]) > PATH_MAX - 8)
		return fprintf(stderr, "usage: token-store FILE [TOKEN VALUE]\n"), 2;
	snprintf(path, sizeof(path), "%s.token", argv[1]);
	ret = consensus_token_open(&guard, path, 0644);
	if (ret)
		return fprintf(stderr, "%s: %s\n", path, text_of(ret)), 2;
	ret = argc == 4 ? store(guard, argv[1], argv[2], argv[3]) : store_lines(guard, argv[1]);
	consensus_token_close(guard);
	return ret;
}
