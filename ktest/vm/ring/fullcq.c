// SPDX-License-Identifier: GPL-2.0
/*
 * A queue of completions that is far too small: what does not fit waits in the kernel's
 * overflow list, and nothing is lost or comes twice. TAP on standard output.
 *
 *	ct-fullcq [COMMANDS]	(2000)
 *
 * There must be a quorum.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../abi/ct.h"
#include "ring.h"

#define MSEC ((uint64_t)1000 * 1000)

enum { SMALL = 8, ENTRIES = 4, MOST = 20000, PATIENCE_MS = 120000 };

static unsigned int commands = 2000;

/**
 * struct flood - more commands than there is room for completions
 * @r: their ring
 * @fd: their handle
 * @request: of all of them
 * @came: completions, by command
 * @res: what they said
 * @all: completions
 * @busy: how often the ring took nothing, for want of room
 * @ops: structs; those of an array are ENTRIES each
 */
struct flood {
	struct ring r;
	int fd;
	uint32_t request;
	unsigned int came[MOST];
	int res[MOST];
	unsigned int all, busy;
	struct consensus_counter_add ops[MOST];
	struct consensus_array array[MOST / ENTRIES];
	struct consensus_array_entry entry[MOST];
};

static struct flood f;

static void flood_open(unsigned int setup)
{
	int error;

	memset(&f, 0, sizeof(f));
	f.fd = open_device(O_RDWR);
	error = ring_open(&f.r, SMALL, SMALL, setup);
	if (error)
		bail("no ring: %s", strerror(error));
	if (f.r.cq_entries > 2 * SMALL)
		bail("a queue of %u is not small", f.r.cq_entries);
}

static void flood_close(void)
{
	ring_close(&f.r);
	close(f.fd);
}

static void take(const struct ring_cqe *cqe)
{
	if (cqe->user_data >= MOST) {
		ok(false, "a completion of nothing: %llu", (unsigned long long)cqe->user_data);
		return;
	}
	f.came[cqe->user_data]++;
	f.res[cqe->user_data] = cqe->res;
	f.all++;
}

static void *command(unsigned int i, const char *counter, bool read)
{
	struct consensus_counter_add *a = &f.ops[i];
	struct consensus_counter_read *r = (void *)a;

	_Static_assert(sizeof(*a) == sizeof(*r), "the same room");
	if (read)
		*r = good_read(counter, CONSENSUS_READ_LOCAL);
	else
		*a = good_add(counter);
	a->op.timeout_ns = 100 * SEC;
	return a;
}

static void *array(unsigned int i, const char *counter)
{
	unsigned int k, at;

	for (k = 0; k < ENTRIES; k++) {
		at = i * ENTRIES + k;
		f.entry[at] = (struct consensus_array_entry){
			.call = CONSENSUS_IOC_COUNTER_ADD,
			.argument = (uintptr_t)command(at, counter, false),
		};
	}
	f.array[i] = (struct consensus_array){
		.count = ENTRIES,
		.entries = (uintptr_t)&f.entry[i * ENTRIES],
	};
	return &f.array[i];
}

/* Older kernels take nothing while completions wait for room: then some are taken. */
static void submit(unsigned int n)
{
	struct ring_cqe cqe;
	int took = ring_submit(&f.r);

	while (took == -EBUSY) {
		f.busy++;
		if (!ring_wait(&f.r, &cqe, PATIENCE_MS))
			take(&cqe);
		f.r.told = f.r.tail - n;
		took = ring_submit(&f.r);
	}
	if (took != (int)n)
		bail("a ring took %d of %u: %s", took, n, took < 0 ? strerror(-took) : "");
	if (f.r.setup & IORING_SETUP_SQPOLL)
		ring_taken(&f.r);
}

/* As many as asked for, and nothing is taken out of the queue if it can be helped. */
static void flood(unsigned int n, const char *counter)
{
	unsigned int i, put = 0;

	for (i = 0; i < n; i++) {
		void *argument = f.request == CONSENSUS_IOC_ARRAY ? array(i, counter) :
				 command(i, counter, f.request == CONSENSUS_IOC_COUNTER_READ);

		ring_put(&f.r, f.fd, f.request, argument, i);
		if (++put == SMALL || i == n - 1) {
			submit(put);
			put = 0;
		}
	}
}

static void collect(unsigned int n, const char *what)
{
	uint64_t until = now_ns() + PATIENCE_MS * MSEC;
	unsigned int i, wrong = 0, failed = 0;
	struct ring_cqe cqe;

	sleep_ms(500);	/* so that they complete into what is full */
	while (f.all < n && now_ns() < until)
		if (!ring_wait(&f.r, &cqe, 1000))
			take(&cqe);
	while (!ring_wait(&f.r, &cqe, 100))
		take(&cqe);
	for (i = 0; i < n; i++) {
		wrong += f.came[i] != 1;
		failed += f.res[i] && f.res[i] != -ENOENT;
	}
	note("%s: %u completions of %u, room for %u; %u turns without room", what, f.all, n,
	     f.r.cq_entries, f.busy);
	ok(f.all == n && !wrong, "%s: each completes once", what);
	ok(!failed, "%s: and succeeds (%u did not)", what, failed);
	ok(!*f.r.cq_overflow, "%s: the kernel dropped none", what);
}

static void run(unsigned int setup, uint32_t request, const char *what)
{
	const char *counter = own(what);
	unsigned int n = request == CONSENSUS_IOC_ARRAY ? commands / ENTRIES : commands;
	uint64_t wanted = request == CONSENSUS_IOC_COUNTER_READ ? 0 : commands;

	flood_open(setup);
	f.request = request;
	flood(n, counter);
	collect(n, what);
	ok(value_of(f.fd, counter) == wanted, "%s: the sum comes out", what);
	flood_close();
}

/* ---- nobody comes to take them ---- */

static unsigned long users(void)
{
	char text[32] = "";
	int fd = open("/sys/module/consensus/refcnt", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		bail("no count of the module's users: %s", strerror(errno));
	close(fd);
	return strtoul(text, NULL, 10);
}

static bool users_back(unsigned long n)
{
	uint64_t until = now_ns() + 30 * SEC;

	while (users() > n && now_ns() < until)
		sleep_ms(5);
	return users() <= n;
}

static void abandoned(bool by_death)
{
	unsigned long before = users();
	const char *what = by_death ? "killed" : "closed";
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = by_death ? fork() : 0;
	if (!pid) {
		flood_open(0);
		f.request = CONSENSUS_IOC_COUNTER_ADD;
		flood(commands / 10, "fullcq-abandoned");
		if (by_death)
			raise(SIGKILL);
		flood_close();
	} else {
		waitpid(pid, &status, 0);
	}
	ok(!by_death || WIFSIGNALED(status), "a ring is %s while completions overflow", what);
	ok(users_back(before), "%s: its handle goes", what);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		commands = (unsigned int)strtoul(argv[1], NULL, 0);
	if (commands < 10 * SMALL || commands > MOST || commands % ENTRIES)
		return 2;
	run(0, CONSENSUS_IOC_COUNTER_READ, "fullcq-reads");
	run(0, CONSENSUS_IOC_COUNTER_ADD, "fullcq-adds");
	run(0, CONSENSUS_IOC_ARRAY, "fullcq-arrays");
	run(IORING_SETUP_SQPOLL, CONSENSUS_IOC_COUNTER_ADD, "fullcq-sqpoll");
	run(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, CONSENSUS_IOC_COUNTER_ADD,
	    "fullcq-defer");
	run(IORING_SETUP_CQE32, CONSENSUS_IOC_COUNTER_ADD, "fullcq-cqe32");
	abandoned(false);
	abandoned(true);
	return tap_end();
}
