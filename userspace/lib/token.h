/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * The file that remembers a token: how it is made, read and written. Who may when is
 * token.c's.
 *
 *	0	a copy: 512 bytes
 *	4096	the other copy; zeros between and behind, to 8192
 *
 * Each copy lies in a block of its own, so that to write one never touches the other:
 *
 *	0	8 bytes		"cnstoken"
 *	8	le64		the token
 *	16	le64		the same, inverted
 *	24			zeros
 *	508	le32		CRC-32C of all before
 *
 * What holds. A token that was told to be durable, or a higher one, is in *both* copies
 * on the disk: they are written one after the other, with fdatasync() before the first
 * and behind each, and first the one that is not the highest that is valid. So:
 *
 *   a torn write	hits one copy; the other has what was told last, or more.
 *   later damage	of one copy leaves the other, which has the same.
 *   which is it?	Nobody has to know: of the valid copies the higher one counts.
 *   both are bad	Then nothing is known, and nobody is let in (-EBADMSG).
 *
 * With one write in turns, damage of the newer copy would look like a torn write, and a
 * lower token would be let in.
 */
#ifndef LIB_TOKEN_H
#define LIB_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib.h"

#define LIB_TOKEN_COPY 512	/* bytes of a copy: a sector */
#define LIB_TOKEN_STEP 4096	/* from one to the other */
#define LIB_TOKEN_COPIES 2

/* What is in the file. */
struct lib_token_state {
	bool valid[LIB_TOKEN_COPIES];
	uint64_t value[LIB_TOKEN_COPIES];
};

/* A descriptor for @path; the file is made if it is not there, and durable. -errno. */
int lib_token_file_open(const char *path, unsigned int mode);
/* A descriptor for the folder that has @path's last name. -errno. */
int lib_token_folder_open(const char *path, int flags);
/* 0, also if no copy is valid; or -errno. */
int lib_token_file_read(int fd, struct lib_token_state *state);
/* Both copies, durable; the worse of @state first. 0 or -errno: one may be written then. */
int lib_token_file_write(int fd, const struct lib_token_state *state, uint64_t value);
/* The highest that is valid; -EBADMSG. */
int lib_token_highest(const struct lib_token_state *state, uint64_t *value);

#endif
