/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs against /dev/consensus share: TAP, calls without any
 * library between, memory with edges.
 */
#ifndef CT_H
#define CT_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/consensus.h>

/* ---- TAP; the plan stands at the end. Threads may call these. ---- */

__attribute__((format(printf, 2, 3)))
bool ok(bool passed, const char *name, ...);
/* Is @got @wanted? Both are errnos, 0: none. */
__attribute__((format(printf, 3, 4)))
bool is_errno(int got, int wanted, const char *name, ...);
/* Is @got one of @wanted, up to -1? */
__attribute__((format(printf, 3, 4)))
bool is_one_of(int got, const int *wanted, const char *name, ...);
__attribute__((format(printf, 1, 2)))
void note(const char *text, ...);
__attribute__((format(printf, 2, 3)))
void skip(const char *why, const char *name, ...);
__attribute__((format(printf, 1, 2), noreturn))
void bail(const char *why, ...);
/* Prints the plan; the exit status. */
int tap_end(void);

/* ---- calls ---- */

/* A handle; bails out if there is none. */
int open_device(int flags);
/* ioctl(): 0 or a positive errno. */
int call(int fd, unsigned long cmd, void *arg);
/* Good arguments, to be spoilt. */
struct consensus_counter_add good_add(const char *name);
struct consensus_counter_read good_read(const char *name, uint32_t flags);
/* Their whole calls: 0 or a positive errno. */
int add(int fd, const char *name, uint64_t delta, uint64_t timeout_ns, uint64_t *value);
int get(int fd, const char *name, uint32_t flags, uint64_t *value);
/* A linearizable read that must succeed; 0 where there is no such counter. */
uint64_t value_of(int fd, const char *name);

/* @name with a suffix of this run, so that its counter begins at 0. Constant. */
const char *own(const char *name);

/* ---- else ---- */

uint64_t now_ns(void);
void sleep_ms(unsigned int ms);
/* xorshift64*, from a seed that is not 0. */
uint64_t random_next(uint64_t *state);
/* A pointer to @size bytes that end where mapped memory ends. */
void *at_edge(size_t size);
/* Runs a shell command; bails out if it fails. NULL: does nothing. */
void hook(const char *command);

#define SEC (1000ULL * 1000 * 1000)

#endif
