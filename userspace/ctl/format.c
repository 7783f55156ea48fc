// SPDX-License-Identifier: GPL-2.0
/*
 * format: a file or block device becomes a blank storage.
 *
 * What is not zero counts as written by a node, so all of it is written, with
 * zeros; which also takes its space for good, where a file has holes or extents
 * that were never written. That it is a storage is written last.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "ctl.h"
#include "json.h"
#include "progress.h"
#include "storage.h"

enum { PIECE = 1 << 20 };	/* bytes of one write */

static const uint64_t size_default = 256ULL << 20;

/**
 * struct target - what is formatted
 * @o: the command line
 * @path: of it
 * @fd: open
 * @created: it did not exist
 * @touched: some of what it held is overwritten
 * @device: a block device
 * @size: bytes, at first what it has
 * @blank: what is written last
 * @piece: PIECE bytes, aligned
 */
struct target {
	const struct options *o;
	const char *path;
	int fd;
	bool created, touched, device;
	uint64_t size;
	struct consensus_blank blank;
	uint8_t *piece;
};

static int failed(const struct target *t, int error, const char *what)
{
	return fail(t->o, CTL_ERROR, error, "%s: %s%s", t->path, what, strerror(error));
}

/* ------------------------------------------------------------------- open */

/* Its folder, and whoever asks for a file there wants that. */
static void make_folder(const char *path)
{
	char copy[CONFIG_PATH];

	snprintf(copy, sizeof(copy), "%s", path);
	mkdir(dirname(copy), 0700);
}

static int create_file(struct target *t)
{
	make_folder(t->path);
	t->fd = open(t->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (t->fd < 0)
		return failed(t, errno, "");
	t->created = true;
	return 0;
}

static int open_target(struct target *t)
{
	int flags = O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	struct stat st;

	if (stat(t->path, &st))
		return errno == ENOENT ? create_file(t) : failed(t, errno, "");
	t->device = S_ISBLK(st.st_mode);
	if (!t->device && !S_ISREG(st.st_mode))
		return fail(t->o, CTL_ERROR, EINVAL, "%s is neither a file nor a block device",
			    t->path);
	/* Of a block device: nobody else has it, no mount either. */
	t->fd = open(t->path, t->device ? flags | O_EXCL : flags);
	if (t->fd >= 0)
		return 0;
	if (errno == EBUSY)
		return fail(t->o, CTL_ERROR, EBUSY, "%s is in use: mounted, swapped to, part of a RAID or volume, or a node's storage (lsblk shows which)",
			    t->path);
	return failed(t, errno, "");
}

/* Fit, nobody else's, and of a size that can be. */
static int claim_target(struct target *t)
{
	char error[STORAGE_ERROR];
	uint64_t size, have = 0;
	int ret;

	ret = storage_fit(t->fd, t->path, &have, error);
	if (!ret)
		ret = storage_lock(t->fd, t->path, error);
	if (ret)
		return fail(t->o, CTL_ERROR, ret, "%s", error);
	size = t->o->size ? t->o->size : have;
	if (!t->device && !t->o->size && have < CONSENSUS_STORAGE_MIN)
		size = size_default;
	if (t->device && size > have)
		return fail(t->o, CTL_USAGE, EINVAL, "%s has %" PRIu64 " bytes, fewer than --size says",
			    t->path, have);
	ret = storage_plan(size, t->o->ring, &t->blank, error);
	if (ret)
		return fail(t->o, CTL_USAGE, ret, "%s", error);
	t->size = le64toh(t->blank.size);
	return 0;
}

/* ------------------------------------------------------ what it holds already */

static int holds(const struct target *t, const char *what)
{
	return fail(t->o, CTL_ERROR, EEXIST, "%s holds %s: --force overwrites it", t->path, what);
}

static int interrupted(const struct target *t)
{
	const char *state = "nothing was written";

	if (t->created)
		state = "it is removed again";
	else if (t->touched)
		state = "it is half overwritten, and no storage: format it again";
	return fail(t->o, CTL_SIGNAL + signals_came(), EINTR, "interrupted: %s: %s",
		    t->path, state);
}

static int check_head(const struct target *t, const uint8_t *head)
{
	switch (storage_kind(head)) {
	case STORAGE_USED:
		return fail(t->o, CTL_ERROR, EEXIST, "%s is the storage of a node: with it goes what that node has promised and acknowledged. --force overwrites it; the node is then another one, without a vote",
			    t->path);
	case STORAGE_BLANK:
		return fail(t->o, CTL_ERROR, EEXIST, "%s is prepared already, and was never used: nothing to do (--force prepares it anew)",
			    t->path);
	case STORAGE_FOREIGN:
		return holds(t, content_name(head) ? content_name(head) : "something else");
	case STORAGE_EMPTY:
		break;
	}
	return 0;
}

static int check_piece(const struct target *t, uint64_t at, size_t n)
{
	char text[64];
	size_t i;

	/* It may end in the middle of its head. */
	if (!at && n < STORAGE_HEAD)
		memset(t->piece + n, 0, STORAGE_HEAD - n);
	if (!at && check_head(t, t->piece))
		return CTL_ERROR;
	if (!n || (!t->piece[0] && !memcmp(t->piece, t->piece + 1, n - 1)))
		return 0;
	for (i = 0; !t->piece[i]; i++)
		;
	snprintf(text, sizeof(text), "something (not zero at byte %" PRIu64 ")", at + i);
	return holds(t, text);
}

/* What will be overwritten is zero; what remains behind it is not looked at. */
static int look(const struct target *t)
{
	uint64_t at = 0, end = t->size;
	struct progress p;
	int status = 0;
	ssize_t n = 1;

	if (t->created || t->o->force)
		return 0;
	progress_begin(&p, t->o, "looking for what is there");
	while (!status && n && at < end) {
		n = pread(t->fd, t->piece, PIECE, (off_t)at);
		if (n < 0)
			status = failed(t, errno, "cannot be read: ");
		else if (signals_came())
			status = interrupted(t);
		else
			status = check_piece(t, at, (size_t)n);
		at += n > 0 ? (uint64_t)n : 0;
		progress_step(&p, at, end);
	}
	progress_end(&p);
	return status;
}

/* -------------------------------------------------------------------- write */

static int no_space(const struct target *t, int error)
{
	char text[SIZE_TEXT];

	if (error != ENOSPC && error != EFBIG && error != EDQUOT)
		return failed(t, error, "");
	return fail(t->o, CTL_ERROR, error, "%s: %s: it needs %s", t->path, strerror(error),
		    show_size(t->size, text));
}

/* Of a file: its size and its space. */
static int reserve(struct target *t)
{
	if (t->device)
		return 0;
	t->touched = true;
	if (ftruncate(t->fd, (off_t)t->size))
		return no_space(t, errno);
	/* Where this is not supported, writing does it, too. */
	if (fallocate(t->fd, 0, 0, (off_t)t->size) && errno != EOPNOTSUPP)
		return no_space(t, errno);
	return 0;
}

static int write_at(const struct target *t, const void *data, size_t n, uint64_t at)
{
	ssize_t did = pwrite(t->fd, data, n, (off_t)at);

	if (did < 0)
		return no_space(t, errno);
	if ((size_t)did != n)
		return no_space(t, ENOSPC);
	return 0;
}

static int zero(struct target *t, struct progress *p)
{
	uint64_t at, n;
	int status = 0;

	memset(t->piece, 0, PIECE);
	for (at = 0; !status && at < t->size; at += n) {
		n = t->size - at < PIECE ? t->size - at : PIECE;
		if (signals_came())
			return interrupted(t);
		t->touched = true;
		status = write_at(t, t->piece, n, at);
		/* First of all it ceases to be what it was. */
		if (!status && !at && fdatasync(t->fd))
			status = failed(t, errno, "");
		progress_step(p, at + n, t->size);
	}
	if (!status && fsync(t->fd))
		status = failed(t, errno, "");
	return status;
}

static int sync_folder(const struct target *t)
{
	char copy[CONFIG_PATH];
	int fd, ret;

	snprintf(copy, sizeof(copy), "%s", t->path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return failed(t, errno, "its folder: ");
	ret = fsync(fd) ? failed(t, errno, "its folder: ") : 0;
	close(fd);
	return ret;
}

static int finish(struct target *t)
{
	int status;

	memcpy(t->piece, &t->blank, sizeof(t->blank));
	status = write_at(t, t->piece, sizeof(t->blank), 0);
	if (!status && fsync(t->fd))
		status = failed(t, errno, "");
	if (!status && !t->device)
		status = sync_folder(t);
	return status;
}

static int fill(struct target *t)
{
	int status = reserve(t), flags = fcntl(t->fd, F_GETFL);
	char error[STORAGE_ERROR];
	struct progress p;

	if (status)
		return status;
	/* As the node will write. */
	if (fcntl(t->fd, F_SETFL, flags | O_DIRECT))
		return failed(t, errno, "no O_DIRECT: ");
	if (storage_direct(t->fd, t->path, error))
		return fail(t->o, CTL_ERROR, EOPNOTSUPP, "%s", error);
	progress_begin(&p, t->o, "writing zeros");
	status = zero(t, &p);
	progress_end(&p);
	return status ? status : finish(t);
}

/* --------------------------------------------------------------------- tell */

static void say(const struct target *t, uint64_t ns)
{
	char size[SIZE_TEXT], text[DURATION_TEXT];
	struct json j;

	if (!t->o->json) {
		remark(t->o, "%s is prepared: %s, written in %s", t->path,
		       show_size(t->size, size), show_duration(ns, text));
		return;
	}
	json_begin(&j, stdout);
	json_object(&j, NULL);
	json_string(&j, "path", t->path);
	json_u64(&j, "bytes", t->size);
	if (t->blank.ring_bytes)
		json_u64(&j, "ring_bytes", le64toh(t->blank.ring_bytes));
	else
		json_null(&j, "ring_bytes");
	json_bool(&j, "created", t->created);
	json_u64(&j, "elapsed_ms", ns / 1000000);
	json_end(&j);
	json_finish(&j);
}

/* Sizes that are wrong in themselves: before anything is touched. */
static int check_sizes(const struct options *o)
{
	struct consensus_blank blank;
	char error[STORAGE_ERROR];

	if (strlen(o->args[0]) >= CONFIG_PATH)
		return fail(o, CTL_USAGE, ENAMETOOLONG, "the path is too long");
	if (o->size && storage_plan(o->size, o->ring, &blank, error))
		return fail(o, CTL_USAGE, EINVAL, "%s", error);
	return 0;
}

static int format(struct target *t)
{
	int status = open_target(t);

	if (!status)
		status = claim_target(t);
	if (!status)
		status = look(t);
	if (!status)
		status = fill(t);
	if (status && t->created)
		unlink(t->path);
	if (t->fd >= 0)
		close(t->fd);
	return status;
}

int run_format(const struct options *o)
{
	struct target t = { .o = o, .path = o->args[0], .fd = -1 };
	uint64_t begin = now_ns();
	int status = check_sizes(o);

	if (status)
		return status;
	t.piece = aligned_alloc(STORAGE_ALIGN, PIECE);
	if (!t.piece)
		return fail(o, CTL_ERROR, ENOMEM, "no memory");
	signals_catch();
	status = format(&t);
	free(t.piece);
	if (!status)
		say(&t, now_ns() - begin);
	return status;
}
