/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How far something is, on a line of standard error that is written over again
 * and again: for people at a terminal, nothing else.
 */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl.h"

/**
 * struct progress - the line
 * @what: is being done
 * @begin: since when (ns)
 * @shown: when it was last written (ns)
 * @on: somebody sees it
 */
struct progress {
	const char *what;
	uint64_t begin;
	uint64_t shown;
	bool on;
};

void progress_begin(struct progress *p, const struct options *o, const char *what);
/* @done of @total bytes; 0: not known yet. */
void progress_step(struct progress *p, uint64_t done, uint64_t total);
/* Clears the line, for what is said next; the next step writes it again. */
void progress_clear(void);
void progress_end(struct progress *p);

#endif
