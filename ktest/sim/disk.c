// SPDX-License-Identifier: GPL-2.0
/*
 * A disk: sectors that are written whole or not at all, over a volatile cache.
 *
 * What is written is read back at once, and is stable only after a flush. A cut
 * of the power keeps any subset of the sectors that were not flushed: that is
 * reordering, tearing and loss in one. A flush vouches only for what its caller
 * wrote (as FUA does), so nobody is saved by another's flush.
 */
#include <sys/mman.h>
#include "sim.h"

/* Zero-filled, and free of cost where it is not touched. */
static void *pages(u64 size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		fprintf(stderr, "out of memory\n");
		exit(2);
	}
	return p;
}

void disk_init(struct disk *d, u64 size)
{
	u64 sectors = size / RECORD_SECTOR;

	memset(d, 0, sizeof(*d));
	d->size = size;
	d->medium = pages(size);
	d->view = pages(size);
	d->dirty = xcalloc(sectors, 1);
	d->rot = xcalloc(sectors, 1);
	d->list = xcalloc(sectors, sizeof(*d->list));
}

void disk_free(struct disk *d)
{
	if (!d->size)
		return;
	munmap(d->medium, d->size);
	munmap(d->view, d->size);
	free(d->dirty);
	free(d->rot);
	free(d->list);
	memset(d, 0, sizeof(*d));
}

/* A sector that is written as it was cannot be torn from what it was. */
void disk_write(struct disk *d, enum disk_who who, u64 pos, const void *buf,
		u64 len)
{
	const u8 *from = buf;
	u64 at;

	for (at = 0; at < len; at += RECORD_SECTOR) {
		u32 i = (pos + at) / RECORD_SECTOR;
		u8 *to = d->view + pos + at;

		if (!memcmp(to, from + at, RECORD_SECTOR))
			continue;
		memcpy(to, from + at, RECORD_SECTOR);
		if (!d->dirty[i])
			d->list[d->n_list++] = i;
		d->dirty[i] = 1 + who;
	}
}

static void settle(struct disk *d, u32 i)
{
	u64 pos = (u64)i * RECORD_SECTOR;

	memcpy(d->medium + pos, d->view + pos, RECORD_SECTOR);
	d->dirty[i] = 0;
	d->n_rot -= d->rot[i];
	d->rot[i] = 0;
}

void disk_flush(struct disk *d, enum disk_who who)
{
	u32 i, left = 0;

	for (i = 0; i < d->n_list; i++)
		if (d->dirty[d->list[i]] == 1 + who)
			settle(d, d->list[i]);
		else
			d->list[left++] = d->list[i];
	d->n_list = left;
}

void disk_flush_all(struct disk *d)
{
	while (d->n_list)
		settle(d, d->list[--d->n_list]);
}

void disk_cut(struct disk *d, bool (*keep)(void *ctx, u32 i), void *ctx)
{
	u32 i;

	for (i = 0; i < d->n_list; i++) {
		u32 at = d->list[i];
		u64 pos = (u64)at * RECORD_SECTOR;

		if (keep(ctx, i))
			settle(d, at);
		else
			memcpy(d->view + pos, d->medium + pos, RECORD_SECTOR);
		d->dirty[at] = 0;
	}
	d->n_list = 0;
}

void disk_forget(struct disk *d)
{
	u32 i;

	for (i = 0; i < d->n_list; i++)
		d->dirty[d->list[i]] = 1 + DISK_ACTORS;
}

void disk_flip(struct disk *d, u64 pos, u8 bits)
{
	u32 i = pos / RECORD_SECTOR;

	d->n_rot += !d->rot[i];
	d->rot[i] = 1;
	d->medium[pos] ^= bits;
	d->view[pos] ^= bits;
}
