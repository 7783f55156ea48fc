/* SPDX-License-Identifier: GPL-2.0 */
/* What create and restore share: a cluster begins. */
#ifndef CTL_FORM_H
#define CTL_FORM_H

#include <stdint.h>

#include "ctl.h"
#include "node.h"

/**
 * struct form_restore - what a cluster begins with
 * @fd: open for reading, at the beginning of the state
 * @bytes: of the state
 * @checksum: of these
 * @index: behind which the cluster begins
 * @advance: added to every counter
 */
struct form_restore {
	int fd;
	uint64_t bytes, checksum, index, advance;
};

/*
 * Asks the node to begin a cluster with those of --with, and waits for it. @r:
 * NULL: an empty one. The exit status, after saying how it went.
 */
int form_cluster(const struct options *o, struct nl *nl, struct node *n,
		 const struct form_restore *r);

#endif
