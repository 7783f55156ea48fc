/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of ct-fuzz-ioctl. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* fuzz.c */
/* A call has ended with @error, and said @status if it is a @known_cmd that has one. */
void fuzz_count(int error, bool known_cmd, int status);
/* Something that no arguments may bring about. */
void fuzz_wrong(const char *what);
uint64_t fuzz_timeout(uint64_t r);
void fuzz_name(char *name, uint64_t *s);
/* Spoils up to three bytes, sometimes. */
void fuzz_spoil(void *p, size_t size, uint64_t *s);
/* @address, or one that no program has, if an operation there would not be in that room. */
uint64_t fuzz_harmless(uint64_t address, const void *room, size_t size);

/* fuzz_array.c */
struct fuzz_op;

/* An operation, nearly right: its number. */
uint32_t fuzz_op(struct fuzz_op *o, uint64_t *s);
void fuzz_array(int fd, uint64_t *s);

/* fuzz_uring.c */
struct fuzz_ring;

struct fuzz_ring *fuzz_ring_new(void);
/* Some commands on the thread's ring, most of them waited for. */
void fuzz_uring(struct fuzz_ring *f, int fd, uint64_t *s);

#endif
