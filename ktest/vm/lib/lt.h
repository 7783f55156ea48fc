/* SPDX-License-Identifier: GPL-2.0 */
/* What the programs that try libconsensus in a VM share, beside ../abi/ct.h. */
#ifndef LT_H
#define LT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* From here on this process is in /run/netns/@node; bails out if it cannot be. */
void lt_enter(const char *node);
/* Memory that children share. Zeroed. */
void *lt_shared(size_t size);
/* A child that runs @fn(@arg) and ends with what it returns. */
pid_t lt_child(int (*fn)(void *arg), void *arg);
/* What it ended with; 128 and more: by a signal. */
int lt_wait(pid_t pid);
/* Until @value is not 0, for at most @ms. What it is then. */
uint64_t lt_await(const _Atomic uint64_t *value, unsigned int ms);

#endif
