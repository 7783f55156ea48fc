// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Many operations in one call, for those who have no ring.
 */
#include <errno.h>
#include <stdlib.h>

#include "consensus_ring.h"
#include "lib.h"

enum { BATCH_MAX = 65536 };

/**
 * struct consensus_batch
 * @fd: the caller's handle
 * @arrays: the module has array calls
 * @room: of @entries
 * @count: so many of them are filled
 */
struct consensus_batch {
	int fd;
	bool arrays;
	unsigned int room;
	unsigned int count;
	struct consensus_array_entry entries[];
};

static struct consensus_op *op_of(const struct consensus_array_entry *entry)
{
	return (struct consensus_op *)(uintptr_t)entry->argument;
}

static int run_array(int fd, const struct consensus_array_entry *entries, unsigned int count)
{
	struct consensus_array array = {
		.count = count,
		.entries = (uint64_t)(uintptr_t)entries,
	};
	int ret = lib_call(fd, CONSENSUS_IOC_ARRAY, &array);

	return ret ? ret : (int)array.failed;
}

/* For modules that have no arrays: as an array would, but one after the other. */
static int run_singly(int fd, const struct consensus_array_entry *entries, unsigned int count)
{
	unsigned int i;
	int status = 0, failed = 0;

	for (i = 0; i < count; i++) {
		struct consensus_op *op = op_of(entries + i);

		if (lib_cut_off(status))
			op->status = -EINTR;
		else
			status = lib_operate(fd, entries[i].call, op);
		failed += op->status != 0;
	}
	return failed;
}

static void end_all(const struct consensus_array_entry *entries, unsigned int count, int status)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		op_of(entries + i)->status = status;
}

static bool cut_off(const struct consensus_array_entry *entries, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (lib_cut_off(op_of(entries + i)->status))
			return true;
	}
	return false;
}

int lib_run(int fd, bool arrays, const struct consensus_array_entry *entries,
	    unsigned int count)
{
	unsigned int done, part;
	int failed = 0;
	int ret;

	for (done = 0; done < count; done += part) {
		part = count - done < CONSENSUS_ARRAY_MAX ? count - done : CONSENSUS_ARRAY_MAX;
		ret = arrays ? run_array(fd, entries + done, part) :
			       run_singly(fd, entries + done, part);
		if (ret < 0) {
			end_all(entries + done, count - done, ret);
			return ret;
		}
		failed += ret;
		if (ret && cut_off(entries + done, part)) {
			done += part;
			end_all(entries + done, count - done, -EINTR);
			return failed + (int)(count - done);
		}
	}
	return failed;
}

int consensus_batch_new(struct consensus_batch **batch, int fd, unsigned int room)
{
	struct consensus_features features;
	struct consensus_batch *new;
	int ret;

	if (!room || room > BATCH_MAX)
		return -EINVAL;
	ret = consensus_features(fd, &features);
	if (ret)
		return ret;
	new = calloc(1, sizeof(*new) + room * sizeof(new->entries[0]));
	if (!new)
		return -ENOMEM;
	new->fd = fd;
	new->arrays = features.features & CONSENSUS_FEATURE_ARRAY;
	new->room = room;
	*batch = new;
	return 0;
}

void consensus_batch_free(struct consensus_batch *batch)
{
	free(batch);
}

int consensus_batch_put(struct consensus_batch *batch, uint32_t call, void *argument)
{
	struct consensus_array_entry *entry;

	if (!argument || !lib_is_operation(call))
		return -EINVAL;
	if (batch->count == batch->room)
		return -ENOSPC;
	entry = batch->entries + batch->count++;
	entry->call = call;
	entry->argument = (uint64_t)(uintptr_t)argument;
	return 0;
}

int consensus_batch_run(struct consensus_batch *batch)
{
	unsigned int count = batch->count;

	batch->count = 0;
	return lib_run(batch->fd, batch->arrays, batch->entries, count);
}
