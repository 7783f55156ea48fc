// SPDX-License-Identifier: GPL-2.0
/*
 * A ring and arrays that ask no kernel, in place of ring.c: each operation is done at
 * once by ioctl(), which the self-test wraps with ktest/history/fake-device.c. FAKE
 * names what goes wrong here:
 *
 *	again	every 50th completion comes twice
 *	untold	every 50th operation of an array is left as it was
 */
#include <stdbool.h>
#include <sys/ioctl.h>

#include "bench.h"
#include "floor.h"
#include "ring.h"

static struct { uint64_t user_data; int result; } done[2 * RING_ENTRIES_MAX];
static unsigned int head, tail, count;

static bool does(const char *what)
{
	const char *fault = getenv("FAKE");

	return fault && !strcmp(fault, what) && ++count % 50 == 0;
}

static void post(uint64_t user_data, int result)
{
	done[tail % (2 * RING_ENTRIES_MAX)].user_data = user_data;
	done[tail++ % (2 * RING_ENTRIES_MAX)].result = result;
}

void ring_open(struct ring *r, unsigned int entries, unsigned int flags)
{
	(void)flags;
	r->entries = entries;
	head = 0;
	tail = 0;
}

void ring_close(struct ring *r)
{
	(void)r;
}

void ring_push(struct ring *r, int fd, uint32_t call, void *argument, uint64_t user_data)
{
	bool again = does("again");
	int err = 0;

	(void)r;
	if (call != FLOOR_NOOP && ioctl(fd, call, argument))
		err = -errno;
	post(user_data, err);
	if (again)
		post(user_data, err);
}

void ring_wait(struct ring *r)
{
	(void)r;
	if (head == tail)
		die("waits for nothing");
}

int ring_next(struct ring *r, uint64_t *user_data, int *result)
{
	(void)r;
	if (head == tail)
		return 0;
	*user_data = done[head % (2 * RING_ENTRIES_MAX)].user_data;
	*result = done[head++ % (2 * RING_ENTRIES_MAX)].result;
	return 1;
}

int array_call(int fd, struct consensus_array *array)
{
	struct consensus_array_entry *entry = (void *)(uintptr_t)array->entries;
	uint32_t i;

	for (i = 0; i < array->count; i++) {
		if (does("untold"))
			continue;
		if (ioctl(fd, entry[i].call, (void *)(uintptr_t)entry[i].argument))
			array->failed++;
	}
	return 0;
}
