/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interpreter that simctl and the scenario runner share: nodes that move
 * only when a command says so.
 */
#ifndef SIM_CTL_H
#define SIM_CTL_H

#include "sim.h"

enum { CTL_WORDS = 24 };

/**
 * struct ctl - a world under command
 * @w: first, so that hooks find the rest
 * @pending: messages in flight, oldest first
 * @manual: writes of that slot are reported by the command persist only
 * @seen: highest index shown by the command apply, by slot
 */
struct ctl {
	struct world w;
	struct msg *pending;
	bool manual[SIM_SLOTS];
	bool begun;
	u64 proposed;
	u64 seen[SIM_SLOTS];
	struct {
		u64 seq;	/* last write that is not reported */
		bool snapshot;	/* an own snapshot is on its way */
	} disk[SIM_SLOTS];
};

void ctl_init(struct ctl *c, FILE *out);
void ctl_free(struct ctl *c);
/* Carry out one line; what happens is printed to the world's out. */
void ctl_exec(struct ctl *c, const char *line);
extern const char ctl_help[];

/* ctl_print.c */
void ctl_status(struct ctl *c, struct node *n);
void ctl_peers(struct ctl *c, struct node *n);
void ctl_log(struct ctl *c, struct node *n);
void ctl_messages(struct ctl *c);
void ctl_apply(struct ctl *c, struct node *n);
void ctl_counter(struct ctl *c, struct node *n, const char *name);
void ctl_disk(struct ctl *c, struct node *n);

#endif
