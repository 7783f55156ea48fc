/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * What the library's files share.
 */
#ifndef LIB_LIB_H
#define LIB_LIB_H

#include "consensus.h"

/* A name into a field that is zero: it stays so behind it, as the kernel demands. */
int lib_put_name(char field[CONSENSUS_NAME_SIZE], const char *name);
/* The beginning of an operation that is zero. @fence: NULL: none. */
int lib_put_op(struct consensus_op *op, const struct consensus_fence *fence,
	       uint64_t timeout_ns);
/* CONSENSUS_READ_* of @how; -EINVAL: no such strength. */
int lib_read_flags(enum consensus_consistency how);
/* 0 or -errno. */
int lib_call(int fd, unsigned long call, void *argument);

#endif
