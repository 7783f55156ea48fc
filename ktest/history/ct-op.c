// SPDX-License-Identifier: GPL-2.0
/* One operation on /dev/consensus, timed, and its line in a history. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "ct-op.h"

const char *const ct_kind_names[CT_KINDS] = { "inc", "add", "read", "local", "index" };

uint64_t ct_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/*
 * Only ENOTRECOVERABLE leaves the outcome open: every other error of the uapi
 * promises that nothing happened and nothing will.
 */
static void ct_op_failed(struct ct_op *op, int err)
{
	op->err = err;
	op->status = err == ENOTRECOVERABLE ? CT_UNKNOWN : CT_FAIL;
}

static void ct_add(int fd, struct ct_op *op)
{
	struct consensus_counter_add arg = {
		.op.timeout_ns = op->timeout_ns,
		.delta = op->kind == CT_ADD ? op->delta : 1,
	};

	memcpy(arg.name, op->name, sizeof(arg.name));
	op->call_ns = ct_now();
	if (ioctl(fd, CONSENSUS_IOC_COUNTER_ADD, &arg))
		ct_op_failed(op, errno);
	op->return_ns = ct_now();
	op->value = arg.value;
	op->index = arg.op.index;
}

/* A counter that was never incremented does not exist, and counts as 0. */
static void ct_read(int fd, struct ct_op *op)
{
	struct consensus_counter_read arg = { .op.timeout_ns = op->timeout_ns };
	int err = 0;

	memcpy(arg.name, op->name, sizeof(arg.name));
	if (op->kind == CT_LOCAL)
		arg.op.flags = CONSENSUS_READ_LOCAL;
	if (op->kind == CT_INDEX) {
		arg.op.flags = CONSENSUS_READ_INDEX;
		arg.op.index = op->at;
	}
	op->call_ns = ct_now();
	if (ioctl(fd, CONSENSUS_IOC_COUNTER_READ, &arg))
		err = errno;
	op->return_ns = ct_now();
	if (err && err != ENOENT)
		ct_op_failed(op, err);
	op->value = err ? 0 : arg.value;
	op->version = err ? 0 : arg.version;
	op->index = arg.op.index;
}

/**
 * ct_op_run() - do one operation on an open device and fill in its outcome
 * @fd: /dev/consensus
 * @op: kind, name, delta, at and timeout_ns are set
 */
void ct_op_run(int fd, struct ct_op *op)
{
	op->status = CT_OK;
	op->err = 0;
	op->version = 0;
	if (op->kind == CT_INC || op->kind == CT_ADD)
		ct_add(fd, op);
	else
		ct_read(fd, op);
}

static int ct_args(char *buf, size_t size, const struct ct_op *op)
{
	switch (op->kind) {
	case CT_ADD:
		return snprintf(buf, size, "\"delta\":%" PRIu64, op->delta);
	case CT_LOCAL:
		return snprintf(buf, size, "\"consistency\":\"local\"");
	case CT_INDEX:
		return snprintf(buf, size, "\"consistency\":\"index=%" PRIu64 "\"",
				op->at);
	case CT_READ:
		return snprintf(buf, size, "\"consistency\":\"linearizable\"");
	default:
		buf[0] = '\0';
		return 0;
	}
}

static void ct_result(char *buf, size_t size, const struct ct_op *op)
{
	if (op->status != CT_OK)
		snprintf(buf, size, "\"errno\":\"%s\"", ct_errno_name(op->err));
	else if (op->kind == CT_INC || op->kind == CT_ADD)
		snprintf(buf, size, "\"value\":%" PRIu64 ",\"index\":%" PRIu64,
			 op->value, op->index);
	else
		snprintf(buf, size, "\"value\":%" PRIu64 ",\"version\":%" PRIu64
			 ",\"index\":%" PRIu64, op->value, op->version, op->index);
}

#define LINE_FORMAT							\
	"{\"client\":%u,\"call_ns\":%" PRIu64 ",\"return_ns\":%" PRIu64	\
	",\"kind\":\"counter\",\"op\":\"%s\",\"name\":\"%s\""		\
	",\"args\":{%s},\"result\":{%s},\"status\":\"%s\"}\n"

/**
 * ct_op_line() - one operation as a line of a history, with its newline
 * @buf: where to
 * @size: its size; 512 is enough for names without characters to be escaped
 * @client: who called
 * @op: the operation with its outcome
 *
 * Return: the length.
 */
int ct_op_line(char *buf, size_t size, unsigned int client, const struct ct_op *op)
{
	static const char *const kinds[] = { "inc", "add", "read", "read", "read" };
	static const char *const words[] = { "ok", "fail", "unknown" };
	char args[96], result[128];

	ct_args(args, sizeof(args), op);
	ct_result(result, sizeof(result), op);
	return snprintf(buf, size, LINE_FORMAT, client, op->call_ns, op->return_ns,
			kinds[op->kind], op->name, args, result, words[op->status]);
}

/* "EINTR" for EINTR; a number for what libc has no name for. */
const char *ct_errno_name(int err)
{
	static _Thread_local char number[16];
	const char *name = strerrorname_np(err);

	if (name)
		return name;
	snprintf(number, sizeof(number), "%d", err);
	return number;
}

/**
 * ct_open() - open the device in a network namespace
 * @device: its path
 * @netns: path of the namespace, NULL: where the caller is
 *
 * The calling thread stays in that namespace.
 *
 * Return: the descriptor or a negative errno.
 */
int ct_open(const char *device, const char *netns)
{
	int fd;

	if (netns) {
		fd = open(netns, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		if (setns(fd, CLONE_NEWNET)) {
			int err = -errno;

			close(fd);
			return err;
		}
		close(fd);
	}
	fd = open(device, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
