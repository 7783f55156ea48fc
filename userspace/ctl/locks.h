/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The list of who holds and who waits.
 */
#ifndef CTL_LOCKS_H
#define CTL_LOCKS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../lib/consensus.h"
#include "json.h"

/**
 * struct lock_list - the list
 * @at: sorted: by name, holders before waiters, as they are served; malloc()ed
 * @n: how many
 * @index: of the state
 */
struct lock_list {
	struct consensus_lock_info *at;
	size_t n;
	uint64_t index;
};

/* All of it: 0 or -errno; @l->at is to be freed in any case. */
int locks_read(int fd, struct lock_list *l);
/* Drops all but those of @name. */
void locks_only(struct lock_list *l, const char *name);
/* For people; @now: seconds since 1970. */
void locks_print(const struct lock_list *l, uint64_t now, FILE *out);
/* As one object; consensusctl(8) names the keys. */
void locks_json(const struct lock_list *l, FILE *out);

#endif
