// SPDX-License-Identifier: GPL-2.0
/*
 * The log in memory. Slots are found by index, bytes by a free-running offset,
 * so that neither ring ever moves what it holds. An entry's bytes are in one
 * piece: where they would wrap, the rest of the ring is skipped.
 */
#include "core.h"

static struct raft_slot *slot_of(const struct raft_log *l, u64 index)
{
	return &l->mem.slots[index & (l->mem.n_slots - 1)];
}

static bool power_of_two(u32 n)
{
	return n && !(n & (n - 1));
}

/**
 * raft_log_init() - an empty log over the caller's memory
 * @l: the log
 * @mem: its rings, which must outlive it
 *
 * Return: 0, or -EINVAL where a ring is missing, too small, or no power of two.
 */
int raft_log_init(struct raft_log *l, const struct raft_log_mem *mem)
{
	if (!mem->slots || !mem->bytes || !power_of_two(mem->n_slots) ||
	    !power_of_two(mem->n_bytes) || mem->n_bytes < 2 * RAFT_ENTRY_MAX ||
	    mem->n_slots < 8)
		return -EINVAL;
	l->mem = *mem;
	raft_log_reset(l, 0, 0);
	return 0;
}

/**
 * raft_log_reset() - forget everything
 * @l: the log
 * @index: becomes the base
 * @term: that entry's term
 */
void raft_log_reset(struct raft_log *l, u64 index, u64 term)
{
	l->base = index;
	l->base_term = term;
	l->last = index;
	l->head = 0;
	l->tail = 0;
}

/* Free-running offset of an entry's bytes: less than 2^32 behind the head. */
static u64 offset_of(const struct raft_log *l, const struct raft_slot *s)
{
	return l->head + (u32)(s->offset - (u32)l->head);
}

/**
 * raft_log_append() - copy an entry to the end
 * @l: the log
 * @e: the entry
 *
 * Return: 0; -ENOSPC: full; -EINVAL: longer than RAFT_ENTRY_MAX.
 */
int raft_log_append(struct raft_log *l, const struct raft_entry *e)
{
	u32 pos = l->tail & (l->mem.n_bytes - 1);
	u64 at = l->tail;
	struct raft_slot *s;

	if (e->len > RAFT_ENTRY_MAX)
		return -EINVAL;
	if (l->last - l->base >= l->mem.n_slots)
		return -ENOSPC;
	if (pos + e->len > l->mem.n_bytes) {
		at += l->mem.n_bytes - pos;
		pos = 0;
	}
	if (at + e->len - l->head > l->mem.n_bytes)
		return -ENOSPC;
	if (e->len)
		memcpy(l->mem.bytes + pos, e->data, e->len);
	s = slot_of(l, l->last + 1);
	s->term = e->term;
	s->offset = (u32)at;
	s->len = e->len;
	s->kind = e->kind;
	s->note = 0;
	l->tail = at + e->len;
	l->last++;
	return 0;
}

/**
 * raft_log_truncate() - drop everything behind an index
 * @l: the log
 * @index: becomes the last; nothing happens unless base <= @index < last
 */
void raft_log_truncate(struct raft_log *l, u64 index)
{
	const struct raft_slot *s;

	if (index >= l->last || index < l->base)
		return;
	if (index == l->base) {
		l->tail = l->head;
	} else {
		s = slot_of(l, index);
		l->tail = offset_of(l, s) + s->len;
	}
	l->last = index;
}

/**
 * raft_log_compact() - drop the oldest entries
 * @l: the log
 * @index: becomes the base; nothing happens unless base < @index <= last
 */
void raft_log_compact(struct raft_log *l, u64 index)
{
	if (index <= l->base || index > l->last)
		return;
	l->base_term = slot_of(l, index)->term;
	l->head = index == l->last ? l->tail :
				     offset_of(l, slot_of(l, index + 1));
	l->base = index;
}

/**
 * raft_log_get() - look at an entry
 * @l: the log
 * @index: which
 * @e: set to a view that stays good until the log changes
 *
 * Return: 0, or -ENOENT where it is not held.
 */
int raft_log_get(const struct raft_log *l, u64 index, struct raft_entry *e)
{
	const struct raft_slot *s;

	if (index <= l->base || index > l->last)
		return -ENOENT;
	s = slot_of(l, index);
	e->term = s->term;
	e->data = l->mem.bytes + (s->offset & (l->mem.n_bytes - 1));
	e->len = s->len;
	e->kind = s->kind;
	return 0;
}

/**
 * raft_log_term() - term of an entry
 * @l: the log
 * @index: which; also the base
 *
 * Return: the term; 0 where it is not known.
 */
u64 raft_log_term(const struct raft_log *l, u64 index)
{
	if (index == l->base)
		return l->base_term;
	if (index < l->base || index > l->last)
		return 0;
	return slot_of(l, index)->term;
}

/* The note of an entry that is held. */
u8 *raft_log_note(struct raft_log *l, u64 index)
{
	return &slot_of(l, index)->note;
}

/* Bytes of the entries from @index, which is held, to the last. */
u64 raft_log_bytes_from(const struct raft_log *l, u64 index)
{
	return l->tail - offset_of(l, slot_of(l, index));
}

/* 100 * @used / @size, where @size is a power of two. */
static unsigned int percent(u64 used, u32 size)
{
	return (unsigned int)((used * 100) >> (fls(size) - 1));
}

/**
 * raft_log_fill() - how full
 * @l: the log
 *
 * Return: share of the fuller ring in use, 0 to 100.
 */
unsigned int raft_log_fill(const struct raft_log *l)
{
	unsigned int slots = percent(l->last - l->base, l->mem.n_slots);
	unsigned int bytes = percent(l->tail - l->head, l->mem.n_bytes);

	return slots > bytes ? slots : bytes;
}
