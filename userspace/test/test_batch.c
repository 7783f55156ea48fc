// SPDX-License-Identifier: GPL-2.0
/* Which calls a batch makes, and what becomes of its structs when calls fail. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/consensus_ring.h"
#include "fake/hook.h"
#include "tap.h"

enum { MOST = 600 };

/*
 * The device: its features; the place, in the order of their arrival, of the operation
 * that is interrupted (or -1), with which status, and of the array that fails; what was
 * called.
 */
static struct {
	uint64_t features;
	int interrupt;
	int with;
	int fail;
	unsigned int arrays, singles, begun;
	unsigned int sizes[8];
} device;

static struct consensus_counter_add ops[MOST];

static int operate(struct consensus_op *op)
{
	op->index = 0;
	op->status = (int)device.begun++ == device.interrupt ? device.with : 0;
	return op->status;
}

static int run_array(struct consensus_array *array)
{
	const struct consensus_array_entry *entries = (void *)(uintptr_t)array->entries;
	uint32_t i;

	if ((int)device.arrays == device.fail)
		return -ENOMEM;
	device.sizes[device.arrays++ % 8] = array->count;
	for (i = 0; i < array->count; i++)
		array->failed += operate((void *)(uintptr_t)entries[i].argument) != 0;
	return 0;
}

static int answer(int fd, unsigned long number, void *argument)
{
	struct consensus_features *features = argument;

	(void)fd;
	if (number == CONSENSUS_IOC_FEATURES) {
		features->features = device.features;
		return 0;
	}
	if (number == CONSENSUS_IOC_ARRAY)
		return run_array(argument);
	device.singles++;
	return operate(argument);
}

static void set(uint64_t features, int interrupt, int fail)
{
	unsigned int i;

	memset(&device, 0, sizeof(device));
	device.features = features;
	device.interrupt = interrupt;
	device.with = -EINTR;
	device.fail = fail;
	hook_ioctl = answer;
	for (i = 0; i < MOST; i++)
		ops[i].op.status = 1;
}

/* How many of the first @count have @status. */
static unsigned int with(int status, unsigned int count)
{
	unsigned int i, found = 0;

	for (i = 0; i < count; i++)
		found += ops[i].op.status == status;
	return found;
}

static int run(unsigned int count)
{
	struct consensus_batch *batch;
	unsigned int i;
	int ret = consensus_batch_new(&batch, 0, count);

	if (ret)
		return ret;
	for (i = 0; i < count; i++)
		consensus_batch_put(batch, CONSENSUS_IOC_COUNTER_ADD, ops + i);
	ret = consensus_batch_run(batch);
	consensus_batch_free(batch);
	return ret;
}

static void arguments(void)
{
	struct consensus_batch *batch = NULL;

	set(CONSENSUS_FEATURE_ARRAY, -1, -1);
	ok(consensus_batch_new(&batch, 0, 0) == -EINVAL && !batch, "a batch without room");
	ok(consensus_batch_new(&batch, 0, 65537) == -EINVAL && !batch, "one with too much");
	ok(!consensus_batch_new(&batch, 0, 1), "a batch of one");
	ok(consensus_batch_put(batch, CONSENSUS_IOC_FEATURES, ops) == -EINVAL, "no operation");
	ok(consensus_batch_put(batch, CONSENSUS_IOC_ARRAY, ops) == -EINVAL, "an array");
	ok(consensus_batch_put(batch, CONSENSUS_IOC_COUNTER_ADD, NULL) == -EINVAL, "no struct");
	ok(!consensus_batch_run(batch) && !device.arrays, "nothing was put: nothing is called");
	ok(!consensus_batch_put(batch, CONSENSUS_IOC_COUNTER_ADD, ops), "one fits");
	ok(consensus_batch_put(batch, CONSENSUS_IOC_COUNTER_ADD, ops + 1) == -ENOSPC,
	   "two do not");
	ok(!consensus_batch_run(batch) && device.sizes[0] == 1, "the one is run");
	ok(!consensus_batch_put(batch, CONSENSUS_IOC_COUNTER_ADD, ops), "then there is room");
	consensus_batch_free(batch);
	consensus_batch_free(NULL);
	hook_ioctl = NULL;
	ok(consensus_batch_new(&batch, -1, 1) == -EBADF, "no handle");
}

static void arrays(void)
{
	set(CONSENSUS_FEATURE_ARRAY, -1, -1);
	ok(!run(MOST) && !device.singles && device.arrays == 3 && device.sizes[0] == 256 &&
	   device.sizes[1] == 256 && device.sizes[2] == 88, "600 are three arrays");
	ok(with(0, MOST) == MOST, "all have a status");
	set(CONSENSUS_FEATURE_ARRAY, -1, 1);
	ok(run(MOST) == -ENOMEM, "the second array fails");
	ok(with(0, 256) == 256 && with(-ENOMEM, MOST) == MOST - 256,
	   "its operations and those behind have its error");
	set(CONSENSUS_FEATURE_ARRAY, 10, -1);
	ok(run(MOST) == 1 + MOST - 256 && device.arrays == 1, "a signal: no further array");
	ok(with(0, 256) == 255 && with(-EINTR, MOST) == 1 + MOST - 256, "EINTR in the rest");
	set(CONSENSUS_FEATURE_ARRAY, 10, -1);
	device.with = -ENOTRECOVERABLE;
	ok(run(MOST) == 1 + MOST - 256 && device.arrays == 1,
	   "one that was cut off on its way: no further array");
	ok(ops[10].op.status == -ENOTRECOVERABLE && with(0, 256) == 255 &&
	   with(-EINTR, MOST) == MOST - 256, "EINTR in the rest");
}

static void singles(void)
{
	set(0, -1, -1);
	ok(!run(MOST) && device.singles == MOST && !device.arrays,
	   "a module without arrays: one by one");
	set(0, 300, -1);
	ok(run(MOST) == MOST - 300 && device.singles == 301, "a signal: no further call");
	ok(with(0, MOST) == 300 && with(-EINTR, MOST) == MOST - 300, "EINTR in the rest");
	set(0, 300, -1);
	device.with = -ENOTRECOVERABLE;
	ok(run(MOST) == MOST - 300 && device.singles == 301,
	   "one that was cut off on its way: no further call");
	ok(with(0, MOST) == 300 && with(-EINTR, MOST) == MOST - 301, "EINTR in the rest");
}

void test_batch(void)
{
	arguments();
	arrays();
	singles();
	hook_ioctl = NULL;
}
