// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * The fencing-token guard of a resource: who may use it, one at a time.
 *
 * Locks are those of open files (OFD, fcntl(2)), so that they work between threads, too,
 * each with a struct of its own. The first byte is held by whoever is inside, the second
 * by whoever writes, so that the token can be read while somebody is inside.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "consensus_guard.h"
#include "lib.h"
#include "token.h"

enum {
	INSIDE = 0,
	WRITING = 1,
};

/**
 * struct consensus_token - see consensus_guard.h
 * @fd: of the file, opened by this struct alone
 * @mark: of the process that may use it
 * @folder: in which it has its name: whoever comes must find the same file there
 * @name: the last part of the path
 * @entered: it is
 * @failed: a write failed: what the disk has is not known, and the page cache may say
 *	that all is well
 * @sure: the highest that this struct itself has written to both copies. Of others'
 *	writes it cannot know whether they were killed before they were durable
 */
struct consensus_token {
	int fd;
	struct lib_mark mark;
	int folder;
	char name[NAME_MAX + 1];
	bool entered;
	int failed;
	uint64_t sure;
};

/* Of errors of the file, those that would say something else here. */
static int plain(int error)
{
	return error == -ESTALE || error == -EBUSY || error == -EAGAIN ? -EIO : error;
}

static int lock(const struct consensus_token *token, short type, off_t byte)
{
	struct flock range = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1,
	};

	return fcntl(token->fd, F_OFD_SETLKW, &range) ? plain(-errno) : 0;
}

static int usable(const struct consensus_token *token)
{
	return lib_in_child(&token->mark) ? -ECHILD : token->failed;
}

/*
 * 0, or -EBADMSG: others may have another file by that name, and be inside of that one.
 * The number of links does not tell: one that was to make it, and was killed, left one.
 */
static int same(const struct consensus_token *token)
{
	struct stat st, named;

	if (fstat(token->fd, &st))
		return plain(-errno);
	if (fstatat(token->folder, token->name, &named, 0))
		return errno == ENOENT || errno == ENOTDIR ? -EBADMSG : plain(-errno);
	return st.st_dev == named.st_dev && st.st_ino == named.st_ino ? 0 : -EBADMSG;
}

/* What is there now; nobody writes meanwhile, if the caller saw to that. */
static int look(const struct consensus_token *token, struct lib_token_state *state,
		uint64_t *highest)
{
	int ret = same(token);

	if (!ret)
		ret = plain(lib_token_file_read(token->fd, state));
	return ret ? ret : lib_token_highest(state, highest);
}

/* The file, and where it has its name. 0 or -errno. */
static int find(struct consensus_token *token, const char *path, unsigned int mode)
{
	const char *slash = strrchr(path, '/');

	if (snprintf(token->name, sizeof(token->name), "%s", slash ? slash + 1 : path) > NAME_MAX)
		return -ENAMETOOLONG;
	token->fd = lib_token_file_open(path, mode);
	if (token->fd < 0)
		return plain(token->fd);
	token->folder = lib_token_folder_open(path, O_PATH);
	if (token->folder >= 0)
		return 0;
	close(token->fd);
	return plain(token->folder);
}

int consensus_token_open(struct consensus_token **token, const char *path, unsigned int mode)
{
	struct consensus_token *t = calloc(1, sizeof(*t));
	uint64_t highest;
	int ret;

	if (!t)
		return -ENOMEM;
	ret = lib_mark_new(&t->mark);
	if (ret) {
		free(t);
		return ret;
	}
	ret = find(t, path, mode);
	if (ret) {
		lib_mark_free(&t->mark);
		free(t);
		return ret;
	}
	ret = consensus_token_highest(t, &highest);
	if (ret) {
		consensus_token_close(t);
		return ret;
	}
	*token = t;
	return 0;
}

void consensus_token_close(struct consensus_token *token)
{
	if (!token)
		return;
	/* To close it is not enough where a child has the file, too. */
	consensus_token_leave(token);
	close(token->folder);
	close(token->fd);
	lib_mark_free(&token->mark);
	free(token);
}

static int write_it(struct consensus_token *token, const struct lib_token_state *state,
		    uint64_t value)
{
	int ret = lock(token, F_WRLCK, WRITING);

	if (ret)
		return ret;
	ret = plain(lib_token_file_write(token->fd, state, value));
	if (ret)
		token->failed = ret;
	else
		token->sure = value;
	lock(token, F_UNLCK, WRITING);
	return ret;
}

/* Inside: let it in, or not. */
static int admit(struct consensus_token *token, uint64_t value)
{
	struct lib_token_state state = { 0 };
	uint64_t highest = 0;
	int ret = look(token, &state, &highest);

	if (ret)
		return ret;
	if (value < highest)
		return -ESTALE;
	if (state.value[0] == value && state.value[1] == value && token->sure == value)
		return 0;
	return write_it(token, &state, value);
}

int consensus_token_enter(struct consensus_token *token, uint64_t value)
{
	int ret = usable(token);

	if (ret)
		return ret;
	if (!value)
		return -EINVAL;
	if (token->entered)
		return -EBUSY;
	ret = lock(token, F_WRLCK, INSIDE);
	if (ret)
		return ret;
	ret = admit(token, value);
	if (ret)
		lock(token, F_UNLCK, INSIDE);
	else
		token->entered = true;
	return ret;
}

void consensus_token_leave(struct consensus_token *token)
{
	if (!token->entered || lib_in_child(&token->mark))
		return;
	token->entered = false;
	lock(token, F_UNLCK, INSIDE);
}

int consensus_token_highest(struct consensus_token *token, uint64_t *value)
{
	struct lib_token_state state;
	int ret = usable(token);

	*value = 0;
	if (!ret)
		ret = lock(token, F_RDLCK, WRITING);
	if (ret)
		return ret;
	ret = look(token, &state, value);
	if (ret)
		*value = 0;
	lock(token, F_UNLCK, WRITING);
	return ret;
}
