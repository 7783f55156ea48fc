// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "token.h"

#define MAGIC "cnstoken"
#define CRC_AT (LIB_TOKEN_COPY - 4)
#define FILE_SIZE (LIB_TOKEN_COPIES * LIB_TOKEN_STEP)

enum {
	VALUE_AT = 8,
	INVERTED_AT = 16,
	TRIES = 100,
};

/* ------------------------------------------------------------------- a copy */

static void put_le(uint8_t *at, uint64_t value, unsigned int bytes)
{
	unsigned int i;

	for (i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_le(const uint8_t *at, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | at[bytes];
	return value;
}

/* Castagnoli's, reflected, as in iSCSI and ext4. Half a KiB: no table is worth it. */
static uint32_t crc32c(const uint8_t *at, size_t n)
{
	uint32_t crc = ~0U;
	unsigned int i;

	while (n--) {
		crc ^= *at++;
		for (i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return ~crc;
}

static void encode(uint8_t copy[LIB_TOKEN_COPY], uint64_t value)
{
	memset(copy, 0, LIB_TOKEN_COPY);
	memcpy(copy, MAGIC, VALUE_AT);
	put_le(copy + VALUE_AT, value, 8);
	put_le(copy + INVERTED_AT, ~value, 8);
	put_le(copy + CRC_AT, crc32c(copy, CRC_AT), 4);
}

static bool decode(const uint8_t copy[LIB_TOKEN_COPY], uint64_t *value)
{
	*value = get_le(copy + VALUE_AT, 8);
	return !memcmp(copy, MAGIC, VALUE_AT) && get_le(copy + INVERTED_AT, 8) == ~*value &&
	       get_le(copy + CRC_AT, 4) == crc32c(copy, CRC_AT);
}

/* --------------------------------------------------------------------- I/O */

/* 0; -ENODATA it ends before; or another -errno. */
static int read_all(int fd, uint8_t *to, size_t n, off_t at)
{
	while (n) {
		ssize_t got = pread(fd, to, n, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -ENODATA;
		to += got;
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

static int write_all(int fd, const uint8_t *from, size_t n, off_t at)
{
	while (n) {
		ssize_t put = pwrite(fd, from, n, at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put ? -errno : -EIO;
		from += put;
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

static int write_copy(int fd, unsigned int which, uint64_t value)
{
	uint8_t copy[LIB_TOKEN_COPY];

	encode(copy, value);
	return write_all(fd, copy, sizeof(copy), (off_t)which * LIB_TOKEN_STEP);
}

int lib_token_file_read(int fd, struct lib_token_state *state)
{
	uint8_t copy[LIB_TOKEN_COPY];
	unsigned int i;
	int ret;

	for (i = 0; i < LIB_TOKEN_COPIES; i++) {
		ret = read_all(fd, copy, sizeof(copy), (off_t)i * LIB_TOKEN_STEP);
		/* A sector that the disk cannot read is a copy that is damaged. */
		if (ret && ret != -ENODATA && ret != -EIO)
			return ret;
		state->valid[i] = !ret && decode(copy, &state->value[i]);
		if (!state->valid[i])
			state->value[i] = 0;
	}
	return 0;
}

int lib_token_highest(const struct lib_token_state *state, uint64_t *value)
{
	*value = state->value[0] > state->value[1] ? state->value[0] : state->value[1];
	return state->valid[0] || state->valid[1] ? 0 : -EBADMSG;
}

int lib_token_file_write(int fd, const struct lib_token_state *state, uint64_t value)
{
	/* The one that has what was told last is touched when the other has the new one. */
	unsigned int first = state->valid[0] &&
			     (!state->valid[1] || state->value[0] > state->value[1]);
	unsigned int i;
	int ret;

	/* What one that was killed left in the page cache, in either, is not torn with ours. */
	if (fdatasync(fd))
		return -errno;
	for (i = 0; i < LIB_TOKEN_COPIES; i++) {
		ret = write_copy(fd, first ^ i, value);
		if (ret)
			return ret;
		if (fdatasync(fd))
			return -errno;
	}
	return 0;
}

/* ------------------------------------------------------------------ making */

int lib_token_folder_open(const char *path, int flags)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	int fd;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1,
		 slash ? path : ".");
	fd = open(folder, flags | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The names in the folder of @path are durable; @fd is a file in it. */
static int sync_folder(const char *path, int fd)
{
	int at = lib_token_folder_open(path, O_RDONLY);
	int ret;

	/* A folder that may be passed, but not read: all of the file system, then. */
	if (at == -EACCES)
		return syncfs(fd) ? -errno : 0;
	if (at < 0)
		return at;
	ret = fsync(at) ? -errno : 0;
	close(at);
	return ret;
}

/* A file of no name that anybody knows; @name: has room for PATH_MAX bytes. */
static int make_other(const char *path, unsigned int mode, char *name)
{
	struct timespec now;
	unsigned int i;
	int fd = -EEXIST;

	for (i = 0; fd == -EEXIST && i < TRIES; i++) {
		clock_gettime(CLOCK_REALTIME, &now);
		if (snprintf(name, PATH_MAX, "%s.%x.%lx", path, (unsigned int)getpid(),
			     (unsigned long)now.tv_nsec) >= PATH_MAX)
			return -ENAMETOOLONG;
		fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
		if (fd < 0)
			fd = -errno;
	}
	return fd;
}

/* Token 0, of its full size: what is written later changes no length. */
static int fill(int fd)
{
	static const uint8_t zeros[LIB_TOKEN_STEP];
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < LIB_TOKEN_COPIES; i++)
		ret = write_all(fd, zeros, sizeof(zeros), (off_t)i * LIB_TOKEN_STEP);
	for (i = 0; !ret && i < LIB_TOKEN_COPIES; i++)
		ret = write_copy(fd, i, 0);
	if (!ret && fsync(fd))
		ret = -errno;
	return ret;
}

/*
 * It gets its name when it is complete and durable; of two who make it at the same time
 * one does, and both then open the same. 0, also if it is there already.
 */
static int make(const char *path, unsigned int mode)
{
	char name[PATH_MAX];
	int fd = make_other(path, mode, name);
	int ret;

	if (fd < 0)
		return fd;
	ret = fill(fd);
	if (!ret && link(name, path) && errno != EEXIST)
		ret = -errno;
	unlink(name);
	close(fd);
	return ret;
}

static int open_there(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int lib_token_file_open(const char *path, unsigned int mode)
{
	int fd = open_there(path);
	int ret;

	if (fd == -ENOENT) {
		ret = make(path, mode);
		if (ret)
			return ret;
		fd = open_there(path);
	}
	if (fd < 0)
		return fd;
	/* Whoever made it may have been killed before its name was durable. */
	ret = sync_folder(path, fd);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}
