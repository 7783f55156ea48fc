/* SPDX-License-Identifier: GPL-2.0 */
/* What backup and restore share: a file is checked, and told of. */
#ifndef CTL_BACKUP_H
#define CTL_BACKUP_H

#include "ctl.h"
#include "image.h"
#include "json.h"

enum { TIME_TEXT = 32 };

/*
 * Opens and verifies it, with progress. 0 and a descriptor in @fd, or an exit
 * status after saying why.
 */
int backup_open(const struct options *o, const char *path, struct image *m, int *fd);
/* "demo (ababab...)" on @out. */
void backup_print_cluster(FILE *out, const struct image *m);
/* "2026-11-21 13:40:01 UTC" */
const char *backup_time(uint64_t seconds, char text[TIME_TEXT]);
/* The keys of @m, into an object that is open. */
void backup_json(struct json *j, const struct image *m);

#endif
