/* SPDX-License-Identifier: GPL-2.0 */
/* Between exhaust.c, which cuts, and exhaust_work.c, which keeps nodes busy. */
#ifndef SIM_EXHAUST_H
#define SIM_EXHAUST_H

#include "sim.h"

/**
 * struct workload - one of them
 * @name: for people
 * @run: it
 * @members: of the cluster
 * @depth: cuts in a row
 * @ring_at: where the ring begins
 */
struct workload {
	const char *name;
	void (*run)(struct world *w);
	u32 members;
	u32 depth;
	u32 ring_at;
};

extern const struct workload workloads[];
extern const u32 n_workloads;

/* From here on the power of the node in slot @victim is cut. */
void exhaust_begin(u8 victim);

#endif
