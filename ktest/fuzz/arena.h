/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Chunks for state machines, zeroed at little cost: pages that were not touched
 * cost nothing, and between two chunks there is a page that nobody may touch.
 */
#ifndef KTEST_FUZZ_ARENA_H
#define KTEST_FUZZ_ARENA_H

#include <sys/mman.h>
#include "fuzz.h"
#include "../../kmod/fsm/fsm.h"

enum {
	ARENA_CHUNKS = 384,
	ARENA_STRIDE = FSM_CHUNK_BYTES + 4096,
};

static struct {
	u8 *base;
	unsigned int used;
} arena;

/* All chunks are free again, and zero. */
static inline void arena_reset(void)
{
	const size_t size = (size_t)ARENA_CHUNKS * ARENA_STRIDE;
	unsigned int i;

	if (arena.base) {
		madvise(arena.base, (size_t)arena.used * ARENA_STRIDE,
			MADV_DONTNEED);
		arena.used = 0;
		return;
	}
	arena.base = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	MUST(arena.base != MAP_FAILED);
	for (i = 0; i < ARENA_CHUNKS; i++)
		MUST(!mprotect(arena.base + (size_t)i * ARENA_STRIDE +
			       FSM_CHUNK_BYTES, 4096, PROT_NONE));
}

/* Bring @f what it wants. False: there is not that much. */
static inline bool arena_feed(struct fsm *f)
{
	while (fsm_wants(f)) {
		if (arena.used == ARENA_CHUNKS)
			return false;
		fsm_give(f, arena.base + (size_t)arena.used++ * ARENA_STRIDE);
	}
	return true;
}

/* A fresh state; freed with free() when its chunks are not needed any more. */
static inline struct fsm *arena_fsm(void)
{
	struct fsm *f = calloc(1, fsm_size());

	MUST(f);
	fsm_init(f);
	return f;
}

#endif
