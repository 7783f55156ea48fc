/* SPDX-License-Identifier: GPL-2.0 */
/* SipHash-2-4 (Aumasson, Bernstein, 2012), and the chain of it that names a state. */
#ifndef CTL_SIPHASH_H
#define CTL_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

enum { CHAIN_PIECE = 512 };	/* RAFT_CHUNK_MAX of kmod/raft/raft.h */

uint64_t siphash24(const void *data, size_t n, uint64_t key0, uint64_t key1);

/* raft_checksum() of kmod/raft/snapshot.c, in parts. */
uint64_t chain_begin(void);
/* @n: a multiple of CHAIN_PIECE, but for the last part */
uint64_t chain_add(uint64_t hash, const void *data, size_t n);

#endif
