// SPDX-License-Identifier: GPL-2.0
/* Random numbers from a seed, memory that ends with its world, blobs, worlds. */
#include "sim.h"

enum { ARENA_BLOCK = 1 << 20 };

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	u8 bytes[] __aligned(16);
};

/* Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014. */
u64 rng_next(struct rng *g)
{
	u64 z = (g->state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

u64 rng_below(struct rng *g, u64 n)
{
	__uint128_t wide = (__uint128_t)rng_next(g) * n;

	return wide >> 64;
}

u64 rng_range(struct rng *g, u64 lo, u64 hi)
{
	return lo + rng_below(g, hi - lo + 1);
}

bool rng_hit(struct rng *g, u32 ppm)
{
	return ppm && rng_below(g, 1000000) < ppm;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p) {
		fprintf(stderr, "out of memory\n");
		exit(2);
	}
	return p;
}

void *arena_alloc(struct world *w, size_t n)
{
	struct arena_block *b = w->arena;
	void *p;

	n = (n + 15) & ~(size_t)15;
	if (!b || b->used + n > b->size) {
		size_t size = n > ARENA_BLOCK ? n : ARENA_BLOCK;

		b = malloc(sizeof(*b) + size);
		if (!b)
			exit(2);
		b->next = w->arena;
		b->used = 0;
		b->size = size;
		w->arena = b;
	}
	p = b->bytes + b->used;
	b->used += n;
	memset(p, 0, n);
	return p;
}

void arena_free(struct world *w)
{
	struct arena_block *b;

	while ((b = w->arena)) {
		w->arena = b->next;
		free(b);
	}
}

struct blob *blob_new(const struct raft_snapshot *s)
{
	struct blob *b = malloc(sizeof(*b) + s->len);

	if (!b)
		exit(2);
	b->refs = 1;
	b->snap = *s;
	memcpy(b->bytes, s->data, s->len);
	b->snap.data = b->bytes;
	return b;
}

struct blob *blob_get(struct blob *b)
{
	if (b)
		b->refs++;
	return b;
}

void blob_put(struct blob *b)
{
	if (b && !--b->refs)
		free(b);
}

void world_init(struct world *w, u64 seed, const struct sim_ops *o)
{
	w->seed = seed;
	w->rng.state = seed * 0x2545f4914f6cdd1dULL + 1;
	w->ops = o;
	w->snap_budget = ~0U;
	w->crash_keep = ~0U;
	w->k.ttl_ms = FSM_TTL_MAX_MS;
	w->k.handles = 1;
	w->k.locks = 1;
}

void world_free(struct world *w)
{
	struct msg *m;
	u32 i;

	for (i = 0; i < w->n_slots; i++)
		if (w->node[i].exists)
			node_destroy(&w->node[i]);
	ghost_free(w);
	free(w->heap);
	while ((m = w->free_msgs)) {
		w->free_msgs = m->next;
		free(m);
	}
	arena_free(w);
}
