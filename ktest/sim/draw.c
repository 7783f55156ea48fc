// SPDX-License-Identifier: GPL-2.0
/* The weather of a life, drawn from its seed. */
#include "sim.h"

static u32 one_of(struct rng *g, u32 a, u32 b, u32 c, u32 d)
{
	u32 v[] = { a, b, c, d };

	return v[rng_below(g, 4)];
}

static void draw_network(struct world *w)
{
	struct knobs *k = &w->k;
	struct rng *g = &w->rng;

	k->loss = one_of(g, 0, 10000, 100000, 300000);
	k->dup = one_of(g, 0, 10000, 100000, 300000);
	k->slow = one_of(g, 0, 0, 20000, 200000);
	k->slow_max = one_of(g, 20, 100, 400, 900) * MS;
	k->delay_min = 20 * US;
	k->delay_max = one_of(g, 100, 500, 3000, 20000) * US;
	k->disk_min = 5 * US;
	k->disk_max = one_of(g, 20, 500, 5000, 60000) * US;
	k->disk_silent = one_of(g, 0, 0, 100000, 400000);
	k->old_boots = rng_next(g) & 1;
#ifdef SIM_WIRE
	k->wire = !rng_below(g, 4);
#endif
}

static void draw_disk(struct world *w)
{
	struct knobs *k = &w->k;
	struct rng *g = &w->rng;

	k->disk = k->durable;
	k->ring = one_of(g, 2048, 2048, 2560, 4096);
	k->ring_at = rng_below(g, 3 * k->ring);
	k->ring_share = one_of(g, 1, 4, 32, 54);
	k->group = one_of(g, 512, 4096, 16384, 65536);
	k->hang = one_of(g, 0, 0, 100, 2000);
	k->hang_keep = one_of(g, 0, 0, 1000, 50000);
	k->broken = one_of(g, 0, 0, 100, 1000);
	k->rot = one_of(g, 0, 0, 200000, 700000);
	k->cut_again = one_of(g, 0, 50000, 100000, 300000);
	k->no_memory = one_of(g, 0, 0, 100000, 500000);
}

/*
 * Half of the lives have clocks that leases may rely on. TTLs are of a few election
 * timeouts, mostly, so that they matter within a life.
 */
static void draw_locks(struct world *w)
{
	struct knobs *k = &w->k;
	struct rng *g = &w->rng;

	k->leases = true;
	k->epochs = true;
	k->ttl_ms = one_of(g, 100, 300, 900, 10000);
	k->lock_share = one_of(g, 0, 300000, 600000, 900000);
	k->handles = one_of(g, 3, 3, 6, 12);
	k->locks = one_of(g, 1, 2, 4, 12);
	k->shared = one_of(g, 0, 200000, 500000, 800000);
	k->kill = one_of(g, 0, 1, 3, 6);
	k->admin = one_of(g, 0, 0, 200000, 1000000);
	k->crowd = rng_below(g, 8) == 0;
	if (k->crowd) {
		k->handles = SIM_HANDLES;
		k->locks = one_of(g, 1, 2, 80, SIM_LOCKS);
		k->kill = 1;
	}
	k->stop_max = one_of(g, 800, 800, 2000, 3 * k->ttl_ms) * MS;
	if (k->stop_max > 5000 * MS)
		k->stop_max = 5000 * MS;
	if (rng_next(g) & 1)
		k->drift = FSM_DRIFT_PPM;
	k->jumps = !rng_below(g, 4);
}

/* From none to what fills the window, and more that waits behind it. */
static void draw_bursts(struct world *w)
{
	struct knobs *k = &w->k;
	struct rng *g = &w->rng;

	k->burst_share = one_of(g, 0, 50000, 200000, 500000);
	k->burst = one_of(g, 4, 12, 60, 1100);
	k->forward = one_of(g, 0, 256, 500, 1400);
}

void world_draw(struct world *w)
{
	struct knobs *k = &w->k;
	struct rng *g = &w->rng;

	draw_network(w);
	if (!k->members)
		k->members = rng_hit(g, 50000) ? one_of(g, 1, 2, 7, 4) :
			     one_of(g, 3, 3, 3, 5);
	k->joiners = one_of(g, 0, 0, 1, 2);
	if (!k->storage_given)
		k->durable = rng_next(g) & 1;
	k->instant = !k->durable && rng_next(g) & 1;
	k->op_every = one_of(g, 500, 3000, 10000, 40000) * US;
	k->fault_every = one_of(g, 30, 100, 400, 1500) * MS;
	if (k->fault_every < 10 * k->op_every)
		k->fault_every = 10 * k->op_every;
	k->read_share = one_of(g, 0, 100000, 300000, 700000);
	k->cancel_share = one_of(g, 0, 20000, 100000, 300000);
	k->close_share = one_of(g, 0, 10000, 50000, 200000);
	k->n_slots = one_of(g, 256, 256, 512, 1024);
	k->n_bytes = one_of(g, 1 << 14, 1 << 15, 1 << 16, 1 << 17);
	k->batch = one_of(g, 1036, 1100, 1144, 1144);
	k->compact_at = k->n_slots / one_of(g, 4, 8, 16, 64);
	if (k->compact_at > k->n_bytes / 256)
		k->compact_at = k->n_bytes / 256;
	k->drift = one_of(g, 0, FSM_DRIFT_PPM, 50000, 200000);
	k->early_faults = !rng_below(g, 8);
	k->lazy_memory = !rng_below(g, 4);
	k->objects_max = rng_below(g, 4) ? 1 << 20 : one_of(g, 3, 12, 25, 40);
	k->doom = one_of(g, 0, 0, 0, 100000);
	draw_disk(w);
	draw_locks(w);
	draw_bursts(w);
	w->snap_budget = one_of(g, 1, 1, 3, ~0U);
}
