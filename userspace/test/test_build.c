// SPDX-License-Identifier: GPL-2.0
/* Operations as structs, commands for a ring, and what the library says of itself. */
#include <errno.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../lib/consensus_ring.h"
#include "fake/hook.h"
#include "tap.h"

#define LONGEST "0123456789012345678901234567890123456789012345678901234567890ab"
#define TOO_LONG LONGEST "c"

static bool zeros(const void *at, size_t size)
{
	const unsigned char *bytes = at;

	while (size && !*bytes) {
		bytes++;
		size--;
	}
	return !size;
}

static void names(void)
{
	struct consensus_lock_acquire acquire;
	struct consensus_counter_read get;
	struct consensus_counter_add add;

	ok(consensus_build_add(&add, NULL, "", 1, 0) == -EINVAL, "no name");
	ok(!consensus_build_add(&add, NULL, LONGEST, 1, 0), "the longest name");
	ok(consensus_build_add(&add, NULL, TOO_LONG, 1, 0) == -ENAMETOOLONG, "a longer one");
	ok(consensus_build_read(&get, NULL, TOO_LONG, CONSENSUS_LOCAL, 0, 0) == -ENAMETOOLONG,
	   "a read's");
	ok(consensus_build_read(&get, NULL, "n", (enum consensus_consistency)7, 0, 0) == -EINVAL,
	   "no such strength");
	ok(consensus_build_acquire(&acquire, NULL, "", 0, 0, 0) == -EINVAL, "a lock's");
}

static void fences(void)
{
	struct consensus_fence fence = { .name = "lock", .token = 0 };
	struct consensus_counter_add add;

	ok(consensus_build_add(&add, &fence, "n", 1, 0) == -EINVAL, "a fence without token");
	fence.token = 7;
	ok(!consensus_build_add(&add, &fence, "n", 1, 0) && add.op.fence_token == 7 &&
	   !strcmp(add.op.fence_name, "lock"), "a fence");
	fence.name = "";
	ok(consensus_build_add(&add, &fence, "n", 1, 0) == -EINVAL, "a fence without name");
}

/* Whatever was there before: the kernel refuses dirty padding. */
static void filled(void)
{
	struct consensus_lock_release release;
	struct consensus_lock_check check;
	struct consensus_counter_add add;

	memset(&add, 0xff, sizeof(add));
	ok(!consensus_build_add(&add, NULL, "abc", 5, 6) && add.delta == 5 &&
	   add.op.timeout_ns == 6 && !strcmp(add.name, "abc"), "an addition is filled");
	ok(!add.op.flags && !add.op.status && !add.op.index && !add.value && !add.op.fence_token &&
	   zeros(add.op.fence_name, sizeof(add.op.fence_name)) &&
	   zeros(add.op.reserved, sizeof(add.op.reserved)) &&
	   zeros(add.name + 3, sizeof(add.name) - 3), "all else of it is zero");
	memset(&release, 0xff, sizeof(release));
	ok(!consensus_build_release(&release, "l", 8, 9, 10) && release.token == 8 &&
	   release.ticket == 9 && release.op.timeout_ns == 10, "a release is filled");
	memset(&check, 0xff, sizeof(check));
	ok(!consensus_build_check(&check, "l", 8, CONSENSUS_AT_LEAST, 11, 10) &&
	   check.op.flags == CONSENSUS_READ_INDEX && check.op.index == 11 && check.token == 8,
	   "a check is filled");
}

static void results(void)
{
	struct consensus_result result = { .value = 1, .index = 2, .version = 3 };
	struct consensus_counter_read get = { .op.status = -ENOENT, .op.index = 7 };
	struct consensus_lock_acquire acquire = { .op.status = -EAGAIN, .token = 9 };
	struct consensus_counter_add add = { .op.status = -ETIMEDOUT, .value = 9 };
	struct consensus_grant grant = { .token = 4 };

	ok(consensus_add_result(&add, &result) == -ETIMEDOUT && result.value == 1,
	   "an addition that failed tells its error alone");
	add.op.status = 0;
	add.op.index = 8;
	ok(!consensus_add_result(&add, &result) && result.value == 9 && result.index == 8,
	   "one that did not, value and index");
	ok(consensus_read_result(&get, &result) == -ENOENT && result.index == 7,
	   "a read of nothing tells its index");
	get.op.status = -EINTR;
	get.op.index = 6;
	ok(consensus_read_result(&get, &result) == -EINTR && result.index == 7,
	   "another failed read does not");
	ok(consensus_acquire_result(&acquire, &grant) == -EAGAIN && grant.token == 4,
	   "an acquire that failed gives no token");
	acquire.op.status = 0;
	ok(!consensus_acquire_result(&acquire, &grant) && grant.token == 9, "a grant does");
}

/* The 64 bytes as the kernel reads them. */
static void commands(void)
{
	struct consensus_uring command;
	struct consensus_lock_check check;
	struct io_uring_cqe cqe = { .res = -ESTALE };
	struct io_uring_sqe sqe[2];
	uint32_t call;

	memset(sqe, 0xff, sizeof(sqe));
	consensus_prep_check(sqe, 5, &check);
	memcpy(&call, (char *)sqe + 8, sizeof(call));
	memcpy(&command, (char *)sqe + 48, sizeof(command));
	ok(sqe->opcode == 46 && sqe->fd == 5 && call == CONSENSUS_IOC_LOCK_CHECK, "a command");
	ok(command.argument == (uintptr_t)&check && !command.zero, "its argument");
	ok(!sqe->flags && !sqe->ioprio && zeros((char *)sqe + 12, 36), "all else of it is zero");
	ok(((unsigned char *)sqe)[64] == 0xff, "nothing behind it is touched");
	ok(consensus_status(&cqe) == -ESTALE, "the status of a completion");
	cqe.res = 3;
	ok(!consensus_status(&cqe), "which is never positive");
}

/* The command of each struct is that of its call. */
static void numbers(void)
{
	struct consensus_lock_acquire acquire;
	struct consensus_lock_release release;
	struct consensus_counter_read get;
	struct consensus_counter_add add;
	struct consensus_array array;
	struct io_uring_sqe sqe;

	consensus_prep_add(&sqe, 0, &add);
	ok((uint32_t)sqe.off == CONSENSUS_IOC_COUNTER_ADD, "add");
	consensus_prep_read(&sqe, 0, &get);
	ok((uint32_t)sqe.off == CONSENSUS_IOC_COUNTER_READ, "read");
	consensus_prep_acquire(&sqe, 0, &acquire);
	ok((uint32_t)sqe.off == CONSENSUS_IOC_LOCK_ACQUIRE, "acquire");
	consensus_prep_release(&sqe, 0, &release);
	ok((uint32_t)sqe.off == CONSENSUS_IOC_LOCK_RELEASE, "release");
	consensus_prep_array(&sqe, 0, &array);
	ok((uint32_t)sqe.off == CONSENSUS_IOC_ARRAY, "array");
}

/* An error that the kernel has no chance to put into the struct. */
static int refuse(int fd, unsigned long number, void *argument)
{
	(void)fd, (void)number, (void)argument;
	return -EFAULT;
}

static void refused(void)
{
	struct consensus_result result = { .value = 1 };
	struct consensus_grant grant = { .token = 1 };

	hook_ioctl = refuse;
	ok(consensus_counter_inc(0, "n", 0, &result) == -EFAULT && result.value == 1,
	   "an increment that was refused as a whole");
	ok(consensus_lock_acquire(0, "n", 0, 0, 0, &grant) == -EFAULT && grant.token == 1,
	   "an acquire that was");
	ok(consensus_call(0, CONSENSUS_IOC_ARRAY, &result) == -EFAULT, "any call");
	hook_ioctl = NULL;
}

static void words(void)
{
	static const int errors[] = {
		E2BIG, EACCES, EAGAIN, EBADF, EBADMSG, EBUSY, ECANCELED, ECHILD, EDEADLK, EEXIST,
		EFAULT, EHOSTUNREACH, EINTR, EINVAL, EKEYEXPIRED, EKEYREVOKED, ENAMETOOLONG,
		ENODEV, ENOENT, ENOMEM, ENOSPC, ENOTCONN, ENOTRECOVERABLE, ENOTTY, EOPNOTSUPP,
		EOVERFLOW, EPERM, ESHUTDOWN, ESTALE, ETIMEDOUT,
	};
	const char *text, *unknown = consensus_strerror(4000);
	char wanted[32];
	unsigned int i, without = 0;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		without += consensus_strerror(-errors[i]) == unknown ||
			   consensus_strerror(errors[i]) != consensus_strerror(-errors[i]);
	ok(!without, "every error has words, negative or not");
	ok(!strcmp(consensus_strerror(INT32_MIN), unknown), "the most negative one has some");
	snprintf(wanted, sizeof(wanted), "%d.%d.%d", CONSENSUS_VERSION_MAJOR,
		 CONSENSUS_VERSION_MINOR, CONSENSUS_VERSION_PATCH);
	ok(consensus_version(&text) == ((uint32_t)CONSENSUS_VERSION_MAJOR << 16 |
					CONSENSUS_VERSION_MINOR << 8 | CONSENSUS_VERSION_PATCH),
	   "the version");
	same(text, wanted, "the version in words");
	ok(consensus_version(NULL) == consensus_version(&text), "without words");
}

void test_build(void)
{
	names();
	fences();
	filled();
	results();
	commands();
	numbers();
	refused();
	words();
}
