/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The list of sessions.
 */
#ifndef CTL_SESSION_H
#define CTL_SESSION_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../lib/consensus.h"

/**
 * struct session_list - the list
 * @at: malloc()ed
 * @n: how many
 * @index: of the state
 */
struct session_list {
	struct consensus_session_info *at;
	size_t n;
	uint64_t index;
};

/* All of it: 0 or -errno; @l->at is to be freed in any case. */
int sessions_read(int fd, struct session_list *l);
void sessions_print(const struct session_list *l, FILE *out);
void sessions_json(const struct session_list *l, FILE *out);
/* How many @which means, an id or else the name of a node; the last is in @id. */
int session_find(const struct session_list *l, const char *which, uint64_t *id);

#endif
