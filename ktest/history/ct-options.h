/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _CT_OPTIONS_H
#define _CT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "ct-op.h"

enum {
	MAX_WORKERS	= 1024,
	MAX_NAMES	= 64,
	MAX_GROUPS	= 64,
};

#define MSEC 1000000ull
#define SEC 1000000000ull

/**
 * struct ct_options - what ct-history was told
 * @out: the history
 * @device: path
 * @names: counters
 * @n_names: how many
 * @netns: paths of network namespaces, one group of callers each
 * @n_netns: how many; 0: one group where we are
 * @threads: callers in each group
 * @n_workers: callers in all
 * @first_client: name of the first
 * @seconds: end of the run, 0: none
 * @rate: operations a second, 0: as fast as possible
 * @ops: how many operations at most
 * @timeout_ns: deadline of each
 * @seed: of all random numbers
 * @kill_ns: how often one is killed, 0: never
 * @interrupt_ns: how often one gets a signal, 0: never
 * @min_ok: fewer that end ok are a failure
 * @weight: how often each kind of operation
 * @processes: callers are processes
 */
struct ct_options {
	const char *out;
	const char *device;
	const char *names[MAX_NAMES];
	unsigned int n_names;
	const char *netns[MAX_GROUPS];
	unsigned int n_netns;
	unsigned int threads;
	unsigned int n_workers;
	unsigned int first_client;
	double seconds;
	double rate;
	uint64_t ops;
	uint64_t timeout_ns;
	uint64_t seed;
	uint64_t kill_ns;
	uint64_t interrupt_ns;
	uint64_t min_ok;
	unsigned int weight[CT_KINDS];
	bool processes;
};

extern struct ct_options opt;

void ct_die(const char *what, int err);
void ct_options(int argc, char **argv);

#endif
