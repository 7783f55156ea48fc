/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What a storage begins with, so that tools tell a used one from a blank one.
 *
 * A storage is a file or block device. To prepare one: fill it with zeros (all
 * of it: what is not zero counts as written by its node, and is refused), then
 * write a struct consensus_blank at its start. The first node that is started
 * on it makes it its own: mints the incarnation, and replaces the blank by its
 * superblocks. What lies where from then on is the module's business.
 */
#ifndef _UAPI_LINUX_CONSENSUS_STORAGE_H
#define _UAPI_LINUX_CONSENSUS_STORAGE_H

#include <linux/types.h>

/* The first 8 bytes of a storage in use, at offset 0 and, again, at 4096. */
#define CONSENSUS_STORAGE_MAGIC	"CNSSTORE"
/* The first 8 bytes of a blank one, at offset 0. */
#define CONSENSUS_BLANK_MAGIC	"CNSBLANK"

#define CONSENSUS_BLANK_VERSION	1
#define CONSENSUS_RING_MIN	(1ULL << 20)	/* smallest ring */
#define CONSENSUS_RING_MAX	(1ULL << 32)	/* largest */
#define CONSENSUS_RING_DEFAULT	(64ULL << 20)	/* or a quarter of the storage */
#define CONSENSUS_STORAGE_MIN	(8ULL << 20)	/* smallest storage */

/**
 * struct consensus_blank - a storage that is prepared and was never used
 * @magic: CONSENSUS_BLANK_MAGIC without its NUL
 * @version: CONSENSUS_BLANK_VERSION
 * @zero: zero
 * @size: bytes of the storage, little-endian like all; a multiple of 4096
 * @ring_bytes: of the ring; 0: the default. A multiple of 4096
 * @zeros: zero, up to 4096 bytes
 */
struct consensus_blank {
	__u8 magic[8];
	__le32 version;
	__le32 zero;
	__le64 size;
	__le64 ring_bytes;
	__u8 zeros[4064];
};

#endif
