/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TAP in a few lines. The plan stands at the end.
 */
#ifndef TEST_TAP_H
#define TEST_TAP_H

#include <stdbool.h>

__attribute__((format(printf, 2, 3)))
bool ok(bool passed, const char *name, ...);
bool same(const char *got, const char *wanted, const char *name);
/* Does @text contain @part? Shows @text if not. */
bool holds(const char *text, const char *part, const char *name);
/* Prints the plan; the exit status. */
int tap_end(void);

/* The prototypes of all tests, and their list: made by userspace/Makefile. */
#include "tests.h"

#endif
