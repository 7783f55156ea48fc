/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Talking to the node, with errors told to people.
 */
#ifndef CTL_CONTROL_H
#define CTL_CONTROL_H

#include "ctl.h"
#include "node.h"

/* 0, or an exit status after saying why. */
int control_open(const struct options *o, struct nl *nl);
/* Status and peers. The same. */
int control_status(const struct options *o, struct nl *nl, struct node *n);
/*
 * Says what the kernel's refusal @error of "VERB" means; the exit status.
 * @changes: the request would have changed something, so that no answer in
 * time leaves its outcome open.
 */
int control_refused(const struct options *o, const struct nl *nl, int error,
		    bool changes);

#endif
