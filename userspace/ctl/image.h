/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A backup as a file: a head of IMAGE_HEAD bytes, which consensusctl writes, and
 * the state, which the kernel writes (kmod/fsm/snapshot.c). All is little-endian.
 *
 *	 0 magic "CNSBCKUP"		 8 le32 version, le32 zero
 *	16 cluster id			32 le64 index of the state
 *	40 le64 term of that entry	48 le64 when, UNIX seconds
 *	56 le64 bytes of the state	64 le64 their checksum (raft_checksum())
 *	72 le64 next token		80 le32 objects, le32 sessions
 *	88 name of the node, 64 bytes with NULs behind it
 *	152 name of the cluster, the same; zeros from 216 on
 *	4088 le64 checksum of what is before
 */
#ifndef CTL_IMAGE_H
#define CTL_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "text.h"

enum {
	IMAGE_HEAD = 4096,
	IMAGE_VERSION = 1,
	IMAGE_ID = 16,		/* bytes of a cluster id */
	IMAGE_ERROR = 512,
};

/**
 * struct image - what the head says
 * @cluster: id
 * @index: of the state
 * @term: of the entry there
 * @time: when it was made (UNIX seconds)
 * @bytes: of the state
 * @checksum: of these
 * @next_token: the next fencing token is at least this
 * @objects: how many; a restore keeps the counters, and releases the locks
 * @sessions: how many; a restore ends them
 * @node: who wrote it
 * @name: of the cluster, for people
 */
struct image {
	uint8_t cluster[IMAGE_ID];
	uint64_t index, term, time, bytes, checksum, next_token;
	uint32_t objects, sessions;
	char node[NAME_MAX_BYTES + 1];
	char name[NAME_MAX_BYTES + 1];
};

void image_encode(const struct image *m, uint8_t head[IMAGE_HEAD]);
/* NULL, or what is wrong with it. */
const char *image_decode(struct image *m, const uint8_t head[IMAGE_HEAD]);

/* Called now and then with how many bytes of the state were read; true: stop. */
typedef bool image_step(void *arg, uint64_t done, uint64_t total);

/*
 * Reads the state behind the head of the open file @fd, of @m->bytes bytes: every
 * record must make sense. Sets index, checksum, next_token, objects and sessions
 * of @m to what was found. 0; -EBADMSG it is damaged, -EINTR @step said so, or
 * what reading returned, with words in @error.
 */
int image_scan(int fd, struct image *m, image_step *step, void *arg,
	       char error[IMAGE_ERROR]);

/*
 * Head and state together, against each other and the file's length. The same;
 * @m is what the head says.
 */
int image_verify(int fd, struct image *m, image_step *step, void *arg,
		 char error[IMAGE_ERROR]);

/*
 * Behind which index a cluster restored from @m begins: above all that the old
 * one may have given out. False: that does not fit into 64 bits.
 */
bool image_new_index(const struct image *m, uint64_t now, uint64_t above, uint64_t *index);

#endif
