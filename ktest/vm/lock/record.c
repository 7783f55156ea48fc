// SPDX-License-Identifier: GPL-2.0
/*
 * What was called and answered, as lines of a history (recorder.h), and what was wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../history/recorder.h"
#include "../abi/ct.h"
#include "load.h"

enum { LINE_SIZE = 512, VIOLATIONS_SHOWN = 20 };

static int out_fd = -1;
static pid_t recorder;

void record_open(void)
{
	if (!opt.out)
		return;
	out_fd = open(opt.out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out_fd >= 0)
		recorder = record_by_pipe(&out_fd);
	if (out_fd < 0 || recorder < 0)
		bail("%s: %s", opt.out, strerror(errno));
}

void record_close(void)
{
	int status;

	if (out_fd < 0)
		return;
	close(out_fd);
	if (waitpid(recorder, &status, 0) != recorder || status)
		bail("%s is not complete", opt.out);
}

static void put_line(const char *line, int len)
{
	if (out_fd >= 0 && write(out_fd, line, (size_t)len) != len)
		bail("%s: %s", opt.out, strerror(errno));
}

static int put_args(char *buf, size_t size, const struct op *op)
{
	char name[CONSENSUS_NAME_SIZE];

	switch (op->kind) {
	case OP_ACQUIRE:
		return snprintf(buf, size, "\"session\":%" PRIu64 ",\"mode\":\"%s\"", op->session,
				op->shared ? "shared" : "exclusive");
	case OP_RELEASE:
		if (!op->token)
			return snprintf(buf, size, "\"session\":%" PRIu64, op->session);
		return snprintf(buf, size, "\"session\":%" PRIu64 ",\"token\":%" PRIu64,
				op->session, op->token);
	case OP_CHECK:
		return snprintf(buf, size, "\"token\":%" PRIu64 ",\"mode\":\"current\"", op->token);
	default:
		load_name(name, 'l', op->lock);
		return snprintf(buf, size, "\"fence\":{\"name\":\"%s\",\"token\":%" PRIu64 "}",
				name, op->token);
	}
}

static void put_result(char *buf, size_t size, const struct op *op)
{
	if (op->status != OP_OK)
		snprintf(buf, size, "\"errno\":\"%s\"", strerrorname_np(op->error) ?: "?");
	else if (op->kind == OP_INC)
		snprintf(buf, size, "\"value\":%" PRIu64 ",\"index\":%" PRIu64, op->value,
			 op->index);
	else if (op->kind == OP_ACQUIRE && !op->refused)
		snprintf(buf, size, "\"ok\":true,\"token\":%" PRIu64 ",\"lease_ns\":%" PRIu64
			 ",\"index\":%" PRIu64, op->token, op->lease_ns, op->index);
	else
		snprintf(buf, size, "\"ok\":%s", op->refused ? "false" : "true");
}

#define LINE_FORMAT							\
	"{\"client\":%u,\"call_ns\":%" PRIu64 ",\"return_ns\":%s,\"kind\":\"%s\""	\
	",\"op\":\"%s\",\"name\":\"%s\",\"args\":{%s},\"result\":{%s},\"status\":\"%s\"}\n"

static void put_op(unsigned int client, const struct op *op)
{
	static const char *const ops[] = { "acquire", "release", "fencecheck", "inc" };
	static const char *const words[] = { "ok", "fail", "unknown" };
	char line[LINE_SIZE], args[128], result[128], name[CONSENSUS_NAME_SIZE], ret[24] = "null";
	bool counter = op->kind == OP_INC;

	put_args(args, sizeof(args), op);
	put_result(result, sizeof(result), op);
	load_name(name, counter ? 'c' : 'l', op->lock);
	if (op->status != OP_UNKNOWN)
		snprintf(ret, sizeof(ret), "%" PRIu64, op->return_ns);
	put_line(line, snprintf(line, sizeof(line), LINE_FORMAT, client, op->call_ns, ret,
				counter ? "counter" : "lock", ops[op->kind], name, args, result,
				words[op->status]));
}

void record_begin(struct worker *w, enum op_kind kind, unsigned int lock)
{
	memset(&w->op, 0, sizeof(w->op));
	w->op.kind = kind;
	w->op.lock = lock;
	w->op.session = w->session;
	w->op.call_ns = now_ns();
	atomic_store(&w->busy, true);
}

/* Errors that leave it open whether something happened, for a while at least. */
static bool is_open(int error)
{
	return error == ENOTRECOVERABLE || error == EKEYEXPIRED || error == EKEYREVOKED ||
	       error == ESHUTDOWN || error == ENOTCONN;
}

void record_end(struct worker *w, int error)
{
	struct op *op = &w->op;
	bool refusal = (op->kind == OP_ACQUIRE && error == EAGAIN) ||
		       (op->kind == OP_CHECK && error == ESTALE);

	op->return_ns = now_ns();
	op->refused = refusal;
	op->error = error;
	op->status = !error || refusal ? OP_OK : is_open(error) ? OP_UNKNOWN : OP_FAIL;
	if (op->kind == OP_CHECK && op->status == OP_UNKNOWN)
		op->status = OP_FAIL;
	put_op(w->client, op);
	atomic_store(&w->busy, false);
	if (error)
		atomic_fetch_add(&shared->errors[error < KINDS_OF_ERROR ? error : 0], 1);
	if (op->kind == OP_ACQUIRE && op->status == OP_UNKNOWN)
		record_gone(op->session, op->lock, 0, op->return_ns);
}

/* Under a client of its own: its end is not known, so nobody could go on after it. */
void record_gone(uint64_t session, unsigned int lock, uint64_t token, uint64_t at)
{
	struct op op = {
		.kind = OP_RELEASE, .lock = lock, .session = session, .token = token,
		.status = OP_UNKNOWN, .error = ENOTRECOVERABLE, .call_ns = at,
	};

	put_op(atomic_fetch_add(&shared->clients, 1), &op);
}

/* The one line that it could not write, and what its death lets go. */
void record_killed(struct worker *w, uint64_t at)
{
	uint64_t now = now_ns();
	int i;

	if (atomic_exchange(&w->busy, false) && w->op.call_ns) {
		w->op.status = OP_UNKNOWN;
		w->op.error = ENOTRECOVERABLE;
		if (w->op.kind != OP_CHECK)
			put_op(atomic_fetch_add(&shared->clients, 1), &w->op);
		if (w->op.kind == OP_ACQUIRE) {
			raise_to(&shared->resource[w->op.lock].freed_ns, now);
			record_gone(w->op.session, w->op.lock, 0, at);
		}
	}
	for (i = 0; i < MAX_HELD; i++) {
		if (!w->held[i].token)
			continue;
		raise_to(&shared->resource[w->held[i].lock].freed_ns, now);
		record_gone(w->session, w->held[i].lock, w->held[i].token, at);
		w->held[i].token = 0;
	}
}

void raise_to(_Atomic uint64_t *highest, uint64_t value)
{
	uint64_t seen = atomic_load(highest);

	while (value > seen && !atomic_compare_exchange_weak(highest, &seen, value))
		;
}

void violation(const char *text, ...)
{
	unsigned int n = atomic_fetch_add(&shared->violations, 1);
	char line[256];
	va_list args;

	if (n >= VIOLATIONS_SHOWN)
		return;
	va_start(args, text);
	vsnprintf(line, sizeof(line), text, args);
	va_end(args);
	note("VIOLATION at %" PRIu64 ": %s", now_ns(), line);
}
