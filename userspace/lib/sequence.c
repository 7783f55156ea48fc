// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>
#include <stdlib.h>

#include "lib.h"
#include "consensus_sequence.h"

static const uint64_t range_max = 1ULL << 32;

/**
 * struct consensus_sequence - see consensus_sequence.h
 * @fd: handle, the caller's
 * @mark: of the process that may use it
 * @range: how many to reserve at a time
 * @next: the next number, if there are any
 * @left: how many there are
 * @name: of the counter
 */
struct consensus_sequence {
	int fd;
	struct lib_mark mark;
	uint64_t range;
	uint64_t next;
	uint64_t left;
	char name[CONSENSUS_NAME_SIZE];
};

int consensus_sequence_new(struct consensus_sequence **sequence, int fd, const char *name,
			   uint64_t range)
{
	struct consensus_sequence *s;
	int ret;

	if (!range || range > range_max)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	ret = lib_put_name(s->name, name);
	if (!ret)
		ret = lib_mark_new(&s->mark);
	if (ret) {
		free(s);
		return ret;
	}
	s->fd = fd;
	s->range = range;
	*sequence = s;
	return 0;
}

void consensus_sequence_free(struct consensus_sequence *sequence)
{
	if (!sequence)
		return;
	lib_mark_free(&sequence->mark);
	free(sequence);
}

static int reserve(struct consensus_sequence *s, uint64_t timeout_ns)
{
	struct consensus_result result;
	int ret = consensus_counter_add(s->fd, s->name, s->range, timeout_ns, &result);

	if (ret)
		return ret;
	/* (value - range, value]: the last may be 2^64 - 1, so that what is left is counted. */
	s->next = result.value - s->range + 1;
	s->left = s->range;
	return 0;
}

int consensus_sequence_next(struct consensus_sequence *sequence, uint64_t timeout_ns,
			    uint64_t *value)
{
	int ret;

	if (lib_in_child(&sequence->mark))
		return -ECHILD;
	if (!sequence->left) {
		ret = reserve(sequence, timeout_ns);
		if (ret)
			return ret;
	}
	sequence->left--;
	*value = sequence->next++;
	return 0;
}

uint64_t consensus_sequence_left(const struct consensus_sequence *sequence)
{
	return lib_in_child(&sequence->mark) ? 0 : sequence->left;
}
