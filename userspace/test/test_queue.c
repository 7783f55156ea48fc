// SPDX-License-Identifier: GPL-2.0
/*
 * A queue: how it chooses its means, its arguments, and that each push has one
 * completion. The handle is /dev/null, which answers every command of a ring with 0
 * (6.0 and later); ioctl() goes to this test.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/consensus_ring.h"
#include "fake/hook.h"
#include "tap.h"

enum { DEPTH = 300 };

#define SECOND 1000000000ULL

static const uint64_t everything = CONSENSUS_FEATURE_ARRAY | CONSENSUS_FEATURE_URING;
static struct consensus_counter_add ops[DEPTH + 1];
static uint64_t features_of;
static unsigned int arrays, singles;
static int handle;

static int operate(struct consensus_op *op)
{
	op->status = op == &ops[7].op ? -ESTALE : 0;
	return op->status;
}

static int answer(int fd, unsigned long number, void *argument)
{
	struct consensus_features *features = argument;
	struct consensus_array *array = argument;
	const struct consensus_array_entry *entries;
	uint32_t i;

	(void)fd;
	if (number == CONSENSUS_IOC_FEATURES) {
		features->features = features_of;
		return 0;
	}
	if (number != CONSENSUS_IOC_ARRAY) {
		singles++;
		return operate(argument);
	}
	arrays++;
	entries = (void *)(uintptr_t)array->entries;
	for (i = 0; i < array->count; i++)
		array->failed += operate((void *)(uintptr_t)entries[i].argument) != 0;
	return 0;
}

static struct consensus_queue *new_queue(uint64_t features, int fd, unsigned int flags)
{
	struct consensus_queue *queue = NULL;

	features_of = features;
	hook_ioctl = answer;
	arrays = 0;
	singles = 0;
	memset(ops, 0, sizeof(ops));
	consensus_queue_new(&queue, fd, DEPTH, flags);
	return queue;
}

/* The method that a queue of these would have; -1: none was made. */
static int method(uint64_t features, int fd, unsigned int flags)
{
	struct consensus_queue *queue = new_queue(features, fd, flags);
	int found = queue ? (int)consensus_queue_method(queue) : -1;

	consensus_queue_free(queue);
	return found;
}

/* The exit status of a child that runs @function. */
static int in_child(int (*function)(int), int argument)
{
	pid_t child = fork();
	int status = 0;

	if (!child)
		_exit(function(argument));
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* From here on that system call fails in this process, as in a container. */
static int forbid(int number, unsigned int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return -1;
	return 0;
}

static int method_without(int number)
{
	if (forbid(number, EPERM))
		return 99;
	return method(everything, handle, 0);
}

static int method_refused(int number)
{
	if (forbid(number, EACCES))
		return 99;
	return method(everything, handle, 0);
}

/* No descriptor is left for a ring. */
static int error_without_descriptors(int unused)
{
	struct rlimit limit = { 0, 0 };
	struct consensus_queue *queue;

	(void)unused;
	features_of = everything;
	hook_ioctl = answer;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		return 99;
	return -consensus_queue_new(&queue, handle, DEPTH, 0);
}

/* Is io_uring allowed here at all, and has /dev/null such commands? */
static bool has_uring(void)
{
	return method(everything, handle, 0) == CONSENSUS_BY_URING;
}

static void choice(void)
{
	int plain[2];

	ok(method(everything, handle, CONSENSUS_QUEUE_ARRAY) == CONSENSUS_BY_ARRAY, "as told");
	ok(method(CONSENSUS_FEATURE_ARRAY, handle, 0) == CONSENSUS_BY_ARRAY,
	   "a module without io_uring");
	if (pipe(plain)) {
		ok(false, "a pipe");
		return;
	}
	ok(method(everything, plain[0], 0) == CONSENSUS_BY_ARRAY, "a file that refuses commands");
	close(plain[0]);
	close(plain[1]);
	ok(in_child(method_without, SYS_io_uring_setup) == CONSENSUS_BY_ARRAY,
	   "io_uring_setup() is forbidden by seccomp");
	ok(in_child(method_refused, SYS_io_uring_setup) == CONSENSUS_BY_ARRAY,
	   "io_uring_setup() is refused otherwise");
	ok(in_child(method_without, SYS_io_uring_enter) == CONSENSUS_BY_ARRAY,
	   "io_uring_enter() is forbidden by seccomp");
}

static void arguments(void)
{
	struct consensus_queue *queue = NULL;
	unsigned int i;

	features_of = everything;
	hook_ioctl = answer;
	ok(consensus_queue_new(&queue, handle, 0, 0) == -EINVAL && !queue, "depth 0");
	ok(consensus_queue_new(&queue, handle, 4097, 0) == -EINVAL && !queue, "depth 4097");
	ok(consensus_queue_new(&queue, handle, 1, 2) == -EINVAL && !queue, "an unknown flag");
	hook_ioctl = NULL;
	ok(consensus_queue_new(&queue, handle, 1, 0) == -ENOTTY && !queue, "no handle");
	ok(consensus_queue_new(&queue, -1, 1, 0) == -EBADF && !queue, "no file");
	for (i = 0; i < 2; i++) {
		queue = new_queue(everything, handle, i ? CONSENSUS_QUEUE_ARRAY : 0);
		ok(consensus_queue_push(queue, CONSENSUS_IOC_ARRAY, ops, 0) == -EINVAL &&
		   consensus_queue_push(queue, CONSENSUS_IOC_FEATURES, ops, 0) == -EINVAL,
		   "what is no operation");
		ok(consensus_queue_push(queue, CONSENSUS_IOC_COUNTER_ADD, NULL, 0) == -EINVAL,
		   "no struct");
		ops[0].op.timeout_ns = CONSENSUS_URING_TIMEOUT_MAX + 1;
		ok(consensus_queue_push(queue, CONSENSUS_IOC_COUNTER_ADD, ops, 0) == -EINVAL,
		   "a timeout that is too long");
		ops[0].op.timeout_ns = CONSENSUS_URING_TIMEOUT_MAX;
		ok(!consensus_queue_push(queue, CONSENSUS_IOC_COUNTER_ADD, ops, 0),
		   "the longest one");
		consensus_queue_free(queue);
		ok(ops[0].op.status == -ECANCELED, "what was not begun is cancelled");
	}
	consensus_queue_free(NULL);
}

/* All of them, and one more. */
static void push_all(struct consensus_queue *queue)
{
	unsigned int i, pushed = 0;

	for (i = 0; i < DEPTH; i++)
		pushed += !consensus_queue_push(queue, CONSENSUS_IOC_COUNTER_ADD, ops + i,
						UINT64_MAX - i);
	ok(pushed == DEPTH, "as many as it is deep");
	ok(consensus_queue_push(queue, CONSENSUS_IOC_COUNTER_ADD, ops + DEPTH, 0) == -EAGAIN,
	   "no more");
}

/* How many distinct ones came, each with what belongs to it; -1: another. */
static int collect_all(struct consensus_queue *queue, int32_t status_of_7)
{
	struct consensus_completion at[7];
	bool seen[DEPTH] = { false };
	int i, got, all = 0;

	while ((got = consensus_queue_wait(queue, at, 7, 7, SECOND)) > 0) {
		for (i = 0; i < got; i++, all++) {
			uint64_t number = UINT64_MAX - at[i].user_data;

			if (number >= DEPTH || seen[number] || at[i].argument != ops + number ||
			    at[i].status != (number == 7 ? status_of_7 : 0) ||
			    ops[number].op.status != at[i].status)
				return -1;
			seen[number] = true;
		}
	}
	return got ? got : all;
}

static void rounds(const char *by, uint64_t features, unsigned int flags, int32_t status_of_7)
{
	struct consensus_queue *queue = new_queue(features, handle, flags);
	struct consensus_completion at;
	unsigned int i;

	ok(consensus_queue_wait(queue, &at, 1, 1, CONSENSUS_NO_TIMEOUT) == 0,
	   "%s: nothing is under way: nothing is waited for", by);
	i = consensus_queue_method(queue) == CONSENSUS_BY_URING;
	ok((consensus_queue_fd(queue) >= 0) == i,
	   "%s: a descriptor to poll", by);
	for (i = 0; i < 3; i++) {
		push_all(queue);
		ok(!consensus_queue_submit(queue), "%s: submitted", by);
		ok(consensus_queue_wait(queue, &at, 0, 5, SECOND) == 0, "%s: no room", by);
		ok(collect_all(queue, status_of_7) == DEPTH, "%s: each completes once", by);
	}
	push_all(queue);
	ok(consensus_queue_wait(queue, &at, 1, 0, 0) == 1, "%s: one, without waiting", by);
	consensus_queue_free(queue);
	for (i = 0; i < DEPTH; i++) {
		if (ops[i].op.status && ops[i].op.status != -ECANCELED && i != 7)
			break;
	}
	ok(i == DEPTH, "%s: freed with others under way", by);
}

static int use_of_parents(int unused)
{
	struct consensus_queue *queue = new_queue(everything, handle, 0);
	struct consensus_completion at;
	pid_t child;
	int status = -1;

	(void)unused;
	if (consensus_queue_push(queue, CONSENSUS_IOC_COUNTER_ADD, ops, 5))
		return 1;
	child = fork();
	if (!child) {
		int wrong = consensus_queue_push(queue, CONSENSUS_IOC_COUNTER_ADD, ops + 1, 6) !=
			    -ECHILD || consensus_queue_submit(queue) != -ECHILD ||
			    consensus_queue_wait(queue, &at, 1, 1, SECOND) != -ECHILD;

		consensus_queue_free(queue);
		_exit(wrong);
	}
	waitpid(child, &status, 0);
	if (status)
		return 2;
	if (consensus_queue_wait(queue, &at, 1, 1, SECOND) != 1 || at.user_data != 5)
		return 3;
	consensus_queue_free(queue);
	return 0;
}

void test_queue(void)
{
	handle = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (has_uring()) {
		ok(true, "with io_uring it is used");
		if (getenv("VALGRIND_TEST"))
			ok(true, "without descriptors # SKIP valgrind lets rings pass the limit");
		else
			ok(in_child(error_without_descriptors, 0) == EMFILE, "without descriptors");
		rounds("io_uring", everything, 0, 0);
	} else {
		ok(true, "io_uring # SKIP it is not allowed here, or the kernel is older than 6.0");
	}
	choice();
	arguments();
	rounds("arrays", everything, CONSENSUS_QUEUE_ARRAY, -ESTALE);
	ok(arrays && !singles, "they are arrays");
	rounds("single calls", CONSENSUS_FEATURE_URING, CONSENSUS_QUEUE_ARRAY, -ESTALE);
	ok(singles && !arrays, "they are single calls");
	ok(!in_child(use_of_parents, 0), "a child has no part in it");
	hook_ioctl = NULL;
	close(handle);
}
