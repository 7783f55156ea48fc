/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls of /dev/consensus, with errors told to people.
 */
#ifndef CTL_DEVICE_H
#define CTL_DEVICE_H

#include "../lib/consensus.h"
#include "ctl.h"

/* 0, or an exit status after saying why. */
int device_open(const struct options *o, int flags, int *fd);
/* May an object have that name? The same. */
int device_name(const struct options *o, const char *name);
/* Says what the error of a call means; the exit status. */
int device_refused(const struct options *o, int error);
/* What --fence asks for, or NULL. @fence: room for it. */
const struct consensus_fence *device_fence(const struct options *o,
					   struct consensus_fence *fence);
/* A result that cannot be told is not lost silently: @status is for then. */
int device_finish(int status);

#endif
