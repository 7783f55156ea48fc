/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * What the library's files share.
 */
#ifndef LIB_LIB_H
#define LIB_LIB_H

#include <errno.h>
#include <stdbool.h>

#include "consensus.h"

/* What the files share would be in the way of others' names in a static program. */
#define lib_call consensus_lib_call
#define lib_guard_drop consensus_lib_guard_drop
#define lib_guard_listen consensus_lib_guard_listen
#define lib_guard_lose consensus_lib_guard_lose
#define lib_guard_mine consensus_lib_guard_mine
#define lib_is_operation consensus_lib_is_operation
#define lib_mark_free consensus_lib_mark_free
#define lib_mark_new consensus_lib_mark_new
#define lib_operate consensus_lib_operate
#define lib_put_name consensus_lib_put_name
#define lib_put_op consensus_lib_put_op
#define lib_put_strength consensus_lib_put_strength
#define lib_run consensus_lib_run
#define lib_token_file_open consensus_lib_token_file_open
#define lib_token_file_read consensus_lib_token_file_read
#define lib_token_file_write consensus_lib_token_file_write
#define lib_token_folder_open consensus_lib_token_folder_open
#define lib_token_highest consensus_lib_token_highest

/* A name into a field that is zero: it stays so behind it, as the kernel demands. */
int lib_put_name(char field[CONSENSUS_NAME_SIZE], const char *name);
/* The beginning of an operation that is zero. @fence: NULL: none. */
int lib_put_op(struct consensus_op *op, const struct consensus_fence *fence,
	       uint64_t timeout_ns);
/* How strong an operation that reads is; @op is zero there. -EINVAL: no such strength. */
int lib_put_strength(struct consensus_op *op, enum consensus_consistency how, uint64_t index);
/* 0 or -errno. */
int lib_call(int fd, unsigned long call, void *argument);
/* The same of an operation, whose status has it afterwards in any case. */
int lib_operate(int fd, unsigned long call, struct consensus_op *op);

/* So ends what a signal ends, before and after it left this node. */
static inline bool lib_cut_off(int status)
{
	return status == -EINTR || status == -ENOTRECOVERABLE;
}

/* Is it the number of a struct that begins with struct consensus_op? */
bool lib_is_operation(uint32_t call);
/*
 * All of them, in arrays of CONSENSUS_ARRAY_MAX or (@arrays: false) one by one. Each
 * has its status then: those that were not begun the error of the array that failed,
 * or EINTR, if a signal may have ended some before them.
 *
 * Return: how many have a status that is not 0; -errno of an array that failed.
 */
int lib_run(int fd, bool arrays, const struct consensus_array_entry *entries,
	    unsigned int count);

/**
 * struct lib_mark - is this the process that made it, or a child that it forked?
 * @here: 1; the kernel makes it 0 in a child (MADV_WIPEONFORK)
 *
 * Costs a page, and then no system call, as getpid() would.
 */
struct lib_mark {
	unsigned char *here;
};

/* 0 or -errno. */
int lib_mark_new(struct lib_mark *mark);
void lib_mark_free(struct lib_mark *mark);

static inline bool lib_in_child(const struct lib_mark *mark)
{
	return !*mark->here;
}

#endif
