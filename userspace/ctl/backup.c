// SPDX-License-Identifier: GPL-2.0
/*
 * backup: the kernel writes the state, consensusctl checks it and puts the head
 * before it. Under its own name the file appears only when it is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backup.h"
#include "config.h"
#include "control.h"
#include "ctl.h"
#include "progress.h"

enum { POLL_MS = 20 };

static const uint64_t backup_default_ns = 600ULL * 1000 * 1000 * 1000;

/* ------------------------------------------------------------------- shared */

static bool step_read(void *arg, uint64_t done, uint64_t total)
{
	progress_step(arg, done, total);
	return signals_came();
}

int backup_open(const struct options *o, const char *path, struct image *m, int *fd)
{
	char error[IMAGE_ERROR];
	struct progress p;
	int ret;

	memset(m, 0, sizeof(*m));
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd < 0)
		return fail(o, CTL_ERROR, errno, "%s: %s", path, strerror(errno));
	progress_begin(&p, o, "verifying");
	ret = image_verify(*fd, m, step_read, &p, error);
	progress_end(&p);
	if (!ret)
		return 0;
	close(*fd);
	if (ret == -EINTR)
		return fail(o, CTL_SIGNAL + signals_came(), EINTR, "interrupted");
	return fail(o, CTL_ERROR, ret, "%s cannot be used: %s", path, error);
}

void backup_print_cluster(FILE *out, const struct image *m)
{
	int i;

	fprintf(out, "%s (", m->name[0] ? m->name : "(unnamed)");
	for (i = 0; i < IMAGE_ID; i++)
		fprintf(out, "%02x", m->cluster[i]);
	fputc(')', out);
}

const char *backup_time(uint64_t seconds, char text[TIME_TEXT])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(text, TIME_TEXT, "%F %T UTC", &tm))
		snprintf(text, TIME_TEXT, "%" PRIu64, seconds);
	return text;
}

void backup_json(struct json *j, const struct image *m)
{
	json_hex(j, "cluster", m->cluster, IMAGE_ID);
	json_string(j, "name", m->name);
	json_string(j, "node", m->node);
	json_u64(j, "time", m->time);
	json_u64(j, "index", m->index);
	json_u64(j, "term", m->term);
	json_u64(j, "next_token", m->next_token);
	json_u64(j, "objects", m->objects);
	json_u64(j, "sessions", m->sessions);
	json_u64(j, "bytes", m->bytes);
}

static void tell(const struct options *o, const char *path, const struct image *m,
		 const char *verdict)
{
	char when[TIME_TEXT];
	struct json j;

	if (o->json) {
		json_begin(&j, stdout);
		json_object(&j, NULL);
		json_string(&j, "file", path);
		backup_json(&j, m);
		json_end(&j);
		json_finish(&j);
		return;
	}
	printf("%s: %s: cluster ", path, verdict);
	backup_print_cluster(stdout, m);
	printf(", by node %s, %s\n", m->node, backup_time(m->time, when));
	printf("index %" PRIu64 ", %" PRIu32 " objects, %" PRIu64 " bytes (term %" PRIu64
	       ", %" PRIu32 " sessions, next token %" PRIu64 ")\n", m->index, m->objects,
	       m->bytes, m->term, m->sessions, m->next_token);
}

static int verify(const struct options *o)
{
	struct image m;
	int fd, status;

	status = backup_open(o, o->args[0], &m, &fd);
	if (status)
		return status;
	close(fd);
	tell(o, o->args[0], &m, "a good backup");
	return CTL_OK;
}

/* ------------------------------------------------------------------ the node */

/**
 * struct making - a backup under way
 * @o: the command line
 * @path: what it will be called
 * @part: what it is called until then; empty: there is none
 * @fd: that, open
 * @m: what it holds
 */
struct making {
	const struct options *o;
	const char *path;
	char part[CONFIG_PATH + 8];
	int fd;
	struct image m;
};

static int refused(const struct making *b, const struct nl *nl, int error)
{
	if (error == -EBUSY)
		return fail(b->o, CTL_ERROR, error, "another backup is under way on this node: again later");
	if (error == -ENOTCONN)
		return fail(b->o, CTL_ERROR, error, "this node has no state to back up yet: see consensusctl status");
	return control_refused(b->o, nl, error, false);
}

/* A node that could back up, as far as can be told before. */
static int check_state(const struct making *b, const struct node *n)
{
	char words[WORDS];

	if (n->state == CONSENSUS_STATE_MEMBER || n->state == CONSENSUS_STATE_OBSERVER)
		return 0;
	node_words(n, words);
	return fail(b->o, CTL_ERROR, ENOTCONN, "nothing to back up here: %s", words);
}

static int given_up(const struct making *b)
{
	int came = signals_came();

	return fail(b->o, came ? CTL_SIGNAL + came : CTL_NO_QUORUM, came ? EINTR : ETIMEDOUT,
		    "%s; %s is removed again", came ? "interrupted" : "not written in time",
		    b->part);
}

static int not_written(const struct making *b, const struct node *n)
{
	if (n->state == CONSENSUS_STATE_FAILED)
		return fail(b->o, CTL_ERROR, EIO, "the node stopped itself meanwhile: %s",
			    n->failed);
	return fail(b->o, CTL_ERROR, n->backup_error, "the node could not write %s: %s",
		    b->part, strerror(n->backup_error ? -n->backup_error : EIO));
}

/* The last backup that it began, which is ours, has come to an end. */
static bool is_over(const struct node *n, uint64_t count)
{
	return n->state == CONSENSUS_STATE_FAILED ||
	       (n->backup_count > count && n->backup_state != CONSENSUS_BACKUP_RUNNING);
}

static int wait_written(struct making *b, struct nl *nl, struct node *n, uint64_t count)
{
	uint64_t ns = b->o->timeout_ns ? b->o->timeout_ns : backup_default_ns;
	uint64_t until = later_ns(now_ns(), ns);
	struct progress p;
	int ret;

	progress_begin(&p, b->o, "the node writes its state");
	for (;;) {
		ret = node_get(nl, n);
		if (!ret && is_over(n, count))
			break;
		if ((ret && ret != -EINTR) || signals_came() || now_ns() >= until)
			break;
		progress_step(&p, 0, 0);
		pause_ms(POLL_MS);
	}
	progress_end(&p);
	if (signals_came() || (!ret && !is_over(n, count)))
		return given_up(b);
	if (ret)
		return control_refused(b->o, nl, ret, false);
	return n->backup_state == CONSENSUS_BACKUP_DONE ? 0 : not_written(b, n);
}

static int have_written(struct making *b, struct nl *nl, struct node *n)
{
	struct nlmsghdr *h;
	int ret, status = control_status(b->o, nl, n);
	uint64_t count;

	if (!status)
		status = check_state(b, n);
	if (status)
		return status;
	count = n->backup_count;
	h = nl_begin(nl, CONSENSUS_CMD_BACKUP);
	mnl_attr_put_u32(h, CONSENSUS_A_BACKUP_FD, (uint32_t)b->fd);
	ret = nl_talk(nl, h, NULL, NULL);
	if (ret)
		return refused(b, nl, ret);
	return wait_written(b, nl, n, count);
}

/* -------------------------------------------------------------------- file */

static int failed(const struct making *b, const char *path, int error)
{
	return fail(b->o, CTL_ERROR, error, "%s: %s", path, strerror(error));
}

static int exists(const struct making *b)
{
	return fail(b->o, CTL_ERROR, EEXIST, "%s exists: another name, or --force to replace it",
		    b->path);
}

static int open_part(struct making *b)
{
	if (strlen(b->path) >= CONFIG_PATH)
		return fail(b->o, CTL_USAGE, ENAMETOOLONG, "the path is too long");
	if (!b->o->force && !access(b->path, F_OK))
		return exists(b);
	snprintf(b->part, sizeof(b->part), "%s.part", b->path);
	b->fd = open(b->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (b->fd < 0) {
		int error = errno, status;

		status = error == EEXIST ?
			 fail(b->o, CTL_ERROR, error, "%s exists: another backup is under way there, or was cut off: remove it",
			      b->part) : failed(b, b->part, error);
		b->part[0] = '\0';
		return status;
	}
	return lseek(b->fd, IMAGE_HEAD, SEEK_SET) == IMAGE_HEAD ? 0 :
	       failed(b, b->part, errno);
}

/* What the disk has is what the node says that it wrote. */
static int check_written(struct making *b, const struct node *n)
{
	struct image *m = &b->m;
	char error[IMAGE_ERROR];
	struct progress p;
	struct stat st;
	int ret;

	m->bytes = n->backup_bytes;
	if (fsync(b->fd) || fstat(b->fd, &st))
		return failed(b, b->part, errno);
	posix_fadvise(b->fd, 0, 0, POSIX_FADV_DONTNEED);
	if ((uint64_t)st.st_size != IMAGE_HEAD + m->bytes)
		return fail(b->o, CTL_ERROR, EIO, "%s has not the length that the node wrote",
			    b->part);
	progress_begin(&p, b->o, "verifying");
	ret = image_scan(b->fd, m, step_read, &p, error);
	progress_end(&p);
	if (ret == -EINTR)
		return given_up(b);
	if (ret)
		return fail(b->o, CTL_ERROR, ret, "%s was not written well: %s", b->part, error);
	if (m->checksum != n->backup_checksum || m->index != n->backup_index)
		return fail(b->o, CTL_ERROR, EIO, "%s is not what the node wrote: its checksum or index differs",
			    b->part);
	m->term = n->backup_term;
	m->time = (uint64_t)time(NULL);
	memcpy(m->cluster, n->cluster, IMAGE_ID);
	strcpy(m->node, n->name);
	strcpy(m->name, n->cluster_name);
	return 0;
}

static int write_head(const struct making *b)
{
	uint8_t head[IMAGE_HEAD];
	ssize_t n;

	image_encode(&b->m, head);
	n = pwrite(b->fd, head, sizeof(head), 0);
	if (n != IMAGE_HEAD)
		return failed(b, b->part, n < 0 ? errno : ENOSPC);
	return fsync(b->fd) ? failed(b, b->part, errno) : 0;
}

/* The name, and that it stays. */
static int name_it(struct making *b)
{
	unsigned int how = b->o->force ? 0 : RENAME_NOREPLACE;
	char copy[CONFIG_PATH];
	int fd, ret;

	ret = renameat2(AT_FDCWD, b->part, AT_FDCWD, b->path, how);
	/* Not every file system can refuse to replace. */
	if (ret && errno == EINVAL && how)
		ret = rename(b->part, b->path);
	if (ret)
		return errno == EEXIST ? exists(b) : failed(b, b->path, errno);
	b->part[0] = '\0';
	snprintf(copy, sizeof(copy), "%s", b->path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = fd < 0 || fsync(fd) ? errno : 0;
	if (fd >= 0)
		close(fd);
	/* There are file systems whose folders cannot be synced. */
	return ret && ret != EINVAL ? failed(b, b->path, ret) : 0;
}

static int make(struct making *b, struct nl *nl)
{
	struct node n = { 0 };
	int status = open_part(b);

	if (!status)
		status = have_written(b, nl, &n);
	if (!status)
		status = check_written(b, &n);
	if (!status)
		status = write_head(b);
	if (!status)
		status = name_it(b);
	if (b->part[0])
		unlink(b->part);
	if (b->fd >= 0)
		close(b->fd);
	node_free(&n);
	return status;
}

int run_backup(const struct options *o)
{
	struct making b = { .o = o, .path = o->args[0], .fd = -1 };
	struct nl nl;
	int status;

	signals_catch();
	if (o->verify)
		return verify(o);
	status = control_open(o, &nl);
	if (status)
		return status;
	status = make(&b, &nl);
	nl_close(&nl);
	if (!status)
		tell(o, b.path, &b.m, "written and verified");
	return status;
}
