// SPDX-License-Identifier: GPL-2.0
/*
 * Operations on /dev/consensus by request, over a serial port or a pipe.
 *
 * A driver outside the machine takes the time before it sends a line and after
 * it has read the answer, so that callers on several machines are judged by
 * one clock. One line a request:
 *
 *	TAG CLIENT KIND NAME NUMBER TIMEOUT_MS
 *
 * KIND is inc, add (NUMBER: delta), read, local, index (NUMBER: the index asked
 * for), or ping. Each CLIENT is a thread with a handle of its own; its requests
 * must wait for one another. One line an answer, in the order of completion:
 *
 *	TAG ok VALUE INDEX
 *	TAG fail|unknown ERRNO
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "ct-op.h"

enum { MAX_CLIENTS = 256, TAG_SIZE = 32, LINE_SIZE = 256 };

#define MSEC 1000000ull

/**
 * struct client - one sequential caller
 * @lock: over all of it but @op while @busy, which the thread owns then
 * @work: signalled when @busy becomes true
 */
struct client {
	pthread_mutex_t lock;
	pthread_cond_t work;
	bool started;
	bool busy;
	char tag[TAG_SIZE];
	struct ct_op op;
};

static struct client clients[MAX_CLIENTS];
static const char *device = "/dev/consensus";
static int port_out = STDOUT_FILENO;
static pthread_mutex_t out_lock = PTHREAD_MUTEX_INITIALIZER;

/* One whole line; a port that takes less at once gets the rest afterwards. */
static void answer(const char *format, ...)
{
	char line[LINE_SIZE];
	ssize_t done = 0, len, n;
	va_list ap;

	va_start(ap, format);
	len = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	pthread_mutex_lock(&out_lock);
	while (done < len) {
		n = write(port_out, line + done, (size_t)(len - done));
		if (n < 0 && errno != EINTR)
			exit(1);
		done += n > 0 ? n : 0;
	}
	pthread_mutex_unlock(&out_lock);
}

static int serve_one(int fd, struct client *c)
{
	struct ct_op *op = &c->op;

	if (fd < 0)
		fd = ct_open(device, NULL);
	if (fd < 0) {
		answer("%s fail %s\n", c->tag, ct_errno_name(-fd));
		return fd;
	}
	ct_op_run(fd, op);
	if (op->status == CT_OK)
		answer("%s ok %" PRIu64 " %" PRIu64 "\n", c->tag, op->value, op->index);
	else
		answer("%s %s %s\n", c->tag, op->status == CT_FAIL ? "fail" : "unknown",
		       ct_errno_name(op->err));
	if (op->err == ESHUTDOWN) {
		close(fd);
		return -ESHUTDOWN;
	}
	return fd;
}

/*
 * The answer leaves before the client counts as free, so the lock is what makes
 * a driver's next request wait that long instead of being refused.
 */
static void *serve(void *arg)
{
	struct client *c = arg;
	int fd = -1;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		while (!c->busy)
			pthread_cond_wait(&c->work, &c->lock);
		fd = serve_one(fd, c);
		c->busy = false;
	}
	return NULL;
}

static struct client *start(unsigned int id)
{
	struct client *c = &clients[id];
	pthread_t thread;

	if (c->started)
		return c;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->work, NULL);
	if (pthread_create(&thread, NULL, serve, c))
		return NULL;
	pthread_detach(thread);
	c->started = true;
	return c;
}

/* Requests of one client wait for each other; the driver has but one at a time. */
static void give(unsigned int id, const char *tag, const struct ct_op *op)
{
	struct client *c = start(id);

	if (!c) {
		answer("%s fail EAGAIN\n", tag);
		return;
	}
	pthread_mutex_lock(&c->lock);
	memcpy(c->tag, tag, TAG_SIZE);
	c->op = *op;
	c->busy = true;
	pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->lock);
}

static void request(const char *line)
{
	char tag[TAG_SIZE] = "", kind[8];
	struct ct_op op = { .delta = 1 };
	uint64_t number, timeout;
	unsigned int id, k;

	if (sscanf(line, "%31s %u %7s %63s %" SCNu64 " %" SCNu64, tag, &id, kind,
		   op.name, &number, &timeout) != 6 || id >= MAX_CLIENTS) {
		answer("%s fail EINVAL\n", tag[0] ? tag : "?");
		return;
	}
	if (!strcmp(kind, "ping")) {
		answer("%s ok 0 0\n", tag);
		return;
	}
	for (k = 0; k < CT_KINDS && strcmp(kind, ct_kind_names[k]); k++)
		;
	if (k == CT_KINDS) {
		answer("%s fail EINVAL\n", tag);
		return;
	}
	op.kind = (enum ct_kind)k;
	op.delta = number;
	op.at = number;
	op.timeout_ns = timeout * MSEC;
	give(id, tag, &op);
}

static void raw(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t))
		return;
	cfmakeraw(&t);
	tcsetattr(fd, TCSANOW, &t);
}

int main(int argc, char **argv)
{
	char line[LINE_SIZE];
	FILE *in = stdin;
	int fd, c;

	while ((c = getopt(argc, argv, "d:p:")) != -1) {
		if (c == 'd') {
			device = optarg;
		} else if (c == 'p') {
			fd = open(optarg, O_RDWR | O_CLOEXEC);
			in = fd < 0 ? NULL : fdopen(dup(fd), "r");
			if (!in) {
				perror(optarg);
				return 2;
			}
			raw(fd);
			port_out = fd;
		} else {
			fputs("usage: ct-serve [-d DEVICE] [-p PORT]\n", stderr);
			return 2;
		}
	}
	while (fgets(line, sizeof(line), in))
		request(line);
	return 0;
}
