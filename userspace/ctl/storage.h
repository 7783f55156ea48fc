/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A node's storage as a file or block device: what it may lie on, what it holds
 * already, and how it is opened for the node. docs/storage.md has the reasons.
 */
#ifndef CTL_STORAGE_H
#define CTL_STORAGE_H

#include <linux/consensus_storage.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
	STORAGE_ERROR = 1024,
	STORAGE_SECTOR = 512,	/* what a disk must write whole or not at all */
	STORAGE_ALIGN = 4096,	/* sizes are multiples of it */
	STORAGE_HEAD = 8192,	/* both superblocks */
};

/* Bytes of the smallest snapshot area; there are two (kmod/record/record.h). */
#define STORAGE_AREA_MIN (2ULL << 20)

enum storage_kind {
	STORAGE_EMPTY,		/* nothing, or zeros */
	STORAGE_BLANK,		/* prepared, never used */
	STORAGE_USED,		/* a node's */
	STORAGE_FOREIGN,	/* something else */
};

/* filesystem.c: what a file system is called, and why it is not fit; NULL: it is. */
const char *filesystem_name(uint64_t magic);
const char *filesystem_unfit(uint64_t magic);
/* Does the mount of device @major:@minor journal data? @in: as in mountinfo. */
bool mount_journals_data(FILE *in, unsigned int major, unsigned int minor);
/* What the first bytes (STORAGE_HEAD) of a disk look like; NULL: nothing known. */
const char *content_name(const uint8_t *head);

/* Of the first STORAGE_HEAD bytes. */
enum storage_kind storage_kind(const uint8_t head[STORAGE_HEAD]);
/*
 * Is the open file or block device fit for it? Sets @size (of what is there). 0,
 * or a negative errno with what is wrong in @error.
 */
int storage_fit(int fd, const char *path, uint64_t *size, char error[STORAGE_ERROR]);
/* Can single sectors be read around the page cache? @fd: has O_DIRECT. The same. */
int storage_direct(int fd, const char *path, char error[STORAGE_ERROR]);
/* Locks it against other processes, for as long as it is open. The same. */
int storage_lock(int fd, const char *path, char error[STORAGE_ERROR]);
/* Opened, locked and looked at for a node: a descriptor, or the same. */
int storage_open(const char *path, char error[STORAGE_ERROR]);
/*
 * Sizes that go together: 0, with @blank filled in; else the same. @ring: 0: the
 * default.
 */
int storage_plan(uint64_t size, uint64_t ring, struct consensus_blank *blank,
		 char error[STORAGE_ERROR]);

#endif
