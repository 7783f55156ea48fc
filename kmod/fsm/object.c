// SPDX-License-Identifier: GPL-2.0
/*
 * Cells and how they are found: linear hashing (Litwin, 1980). With each cell
 * beyond the buckets one bucket is split in two, so that the table grows without
 * ever stopping, and chains stay short: the seed is secret, and nobody can choose
 * names that collide. Buckets are not merged again, so cells that come and go cost
 * no more than those that stay.
 *
 * Buckets 0 to mask + split are in use; those below split, and those above
 * mask, have been split in this round and go by one more bit of the hash.
 *
 * The order of a chain depends on the history, and nothing may depend on it.
 */
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/errno.h>
#include <linux/string.h>
#include "bytes.h"
#include "state.h"

/**
 * fsm_name_hash() - where a name is found, and what it adds to the state's hash
 * @f: state, begun
 * @name: not terminated
 * @len: bytes of it
 *
 * The same on every member and every architecture. Kinds have name spaces of
 * their own; the kind is told apart later, as chains are short.
 *
 * Return: hash under the replicated seed, which only members know: whoever may
 * choose names cannot aim at a bucket. No MAC: SipHash costs five times as much,
 * three times an increment.
 */
u64 fsm_name_hash(const struct fsm *f, const char *name, u8 len)
{
	u64 hash = f->key.key[0] + len, last = 0;
	unsigned int i;

	for (; len > 8; len -= 8, name += 8)
		hash = fsm_mix(hash ^ fsm_get64((const u8 *)name));
	for (i = 0; i < len; i++)
		last |= (u64)(u8)name[i] << (8 * i);
	return fsm_mix(fsm_mix(hash ^ last) ^ f->key.key[1]);
}

/*
 * Where the claim of that ticket is found, and the grave of a session of that id.
 * Nobody chooses an index, but what it adds to the hash must not be foreseen.
 */
u64 fsm_ticket_hash(const struct fsm *f, u64 ticket)
{
	return fsm_mix(fsm_mix(ticket ^ f->key.key[0]) ^ f->key.key[1]);
}

/* Where a handle is found. */
u64 fsm_handle_hash(const struct fsm *f, u64 session, u64 number)
{
	u64 hash = fsm_mix(session ^ f->key.key[0]);

	return fsm_mix(fsm_mix(hash ^ number) ^ f->key.key[1]);
}

/* Bucket @bucket: a place in one of the chunks that hold nothing else. */
static struct fsm_cell **head(const struct fsm *f, u32 bucket)
{
	return &f->segment[bucket >> FSM_BUCKET_BITS]
			  [bucket & (FSM_BUCKETS - 1)];
}

/* Which bucket a hash belongs to, as far as splitting has come. */
static struct fsm_cell **bucket_of(const struct fsm *f, u64 hash)
{
	u32 b = hash & f->mask;

	if (b < f->split)
		b = hash & (2 * f->mask + 1);
	return head(f, b);
}

static struct fsm_object *object_of(struct fsm_cell *cell)
{
	return container_of(cell, struct fsm_object, cell);
}

/**
 * fsm_object_find() - by kind and name
 * @f: state
 * @kind: FSM_KIND_COUNTER or FSM_KIND_LOCK
 * @name: not terminated
 * @len: bytes of it
 * @hash: fsm_name_hash() of it
 *
 * Return: the object or NULL.
 */
struct fsm_object *fsm_object_find(const struct fsm *f, u8 kind,
				   const char *name, u8 len, u64 hash)
{
	struct fsm_cell *c;

	if (!f->objects)
		return NULL;
	for (c = *bucket_of(f, hash); c; c = c->next)
		if (c->hash == hash && c->kind == kind && c->name_len == len &&
		    !memcmp(object_of(c)->name, name, len))
			return object_of(c);
	return NULL;
}

/* The first from @c on that is of @kind and has @hash. */
static struct fsm_cell *matching(struct fsm_cell *c, u8 kind, u64 hash)
{
	while (c && (c->hash != hash || c->kind != kind))
		c = c->next;
	return c;
}

/**
 * fsm_cell_find() - by kind and hash
 * @f: state
 * @kind: enum fsm_kind
 * @hash: as of its kind
 *
 * Return: a cell, of which the caller sees whether it is the one; NULL: none.
 */
struct fsm_cell *fsm_cell_find(const struct fsm *f, u8 kind, u64 hash)
{
	/* Graves are no objects, and may outlast the last of these for a moment. */
	return f->n_segments ? matching(*bucket_of(f, hash), kind, hash) : NULL;
}

/* Another one like @cell; NULL: there is none. */
struct fsm_cell *fsm_cell_again(const struct fsm_cell *cell)
{
	return matching(cell->next, cell->kind, cell->hash);
}

/* The next bucket in turn gives half of its cells to a new one. */
static void split(struct fsm *f)
{
	struct fsm_cell **from = head(f, f->split);
	struct fsm_cell **to = head(f, f->split + f->mask + 1);
	struct fsm_cell *c;

	while ((c = *from)) {
		if (c->hash & (f->mask + 1)) {
			*from = c->next;
			c->next = *to;
			*to = c;
		} else {
			from = &c->next;
		}
	}
	if (++f->split > f->mask) {
		f->mask = 2 * f->mask + 1;
		f->split = 0;
	}
}

/*
 * A cell that was never used, or the one that ended last. All behind its head is
 * zero: chunks came so.
 */
static struct fsm_cell *take_cell(struct fsm *f)
{
	struct fsm_cell *c = f->free;

	if (c) {
		f->free = c->next;
		memset(c + 1, 0, sizeof(union fsm_any) - sizeof(*c));
		return c;
	}
	if (f->fill_cell == FSM_CELLS) {
		f->fill = f->fill->next;
		f->fill_cell = 0;
	}
	f->filled++;
	return &f->fill->cell[f->fill_cell++].cell;
}

/*
 * Is there memory for one more cell, and the bucket that comes with it? Beyond the
 * last segment no bucket does: there are graves beside the objects.
 */
static bool have_memory(const struct fsm *f)
{
	u32 cells = f->objects + f->n_graves;

	return (f->free || f->filled < f->capacity) &&
	       (cells < f->n_segments << FSM_BUCKET_BITS ||
		f->n_segments == FSM_SEGMENTS_MAX);
}

/* It is there: in its bucket, and counted. */
static void enter(struct fsm *f, struct fsm_cell *c)
{
	struct fsm_cell **bucket = bucket_of(f, c->hash);
	u32 buckets = f->mask + 1 + f->split;

	c->next = *bucket;
	*bucket = c;
	if (c->kind == FSM_KIND_GRAVE)
		f->n_graves++;
	else
		f->objects++;
	f->locks += c->kind == FSM_KIND_LOCK;
	if (f->objects + f->n_graves > buckets &&
	    buckets < FSM_SEGMENTS_MAX << FSM_BUCKET_BITS)
		split(f);
}

/**
 * fsm_cell_new() - a cell that is not there yet
 * @f: state
 * @kind: enum fsm_kind
 * @hash: as of its kind
 *
 * An open snapshot began before it was there, and passes it by.
 *
 * Return: the cell, all zero behind its head. NULL without memory, which
 * fsm_room() precludes.
 */
struct fsm_cell *fsm_cell_new(struct fsm *f, u8 kind, u64 hash)
{
	struct fsm_cell *c;

	if (!have_memory(f))
		return NULL;
	c = take_cell(f);
	c->hash = hash;
	c->sum = 0;
	c->epoch = f->epoch;
	c->kind = kind;
	c->name_len = 0;
	c->n = 0;
	enter(f, c);
	return c;
}

/**
 * fsm_cell_bytes() - how long is its record?
 * @cell: not FREE; a claim that knows its lock
 *
 * Return: bytes, if there is one.
 */
u32 fsm_cell_bytes(const struct fsm_cell *cell)
{
	switch (cell->kind) {
	case FSM_KIND_COUNTER:
		return FSM_SNAP_COUNTER + fsm_padded(cell->name_len);
	case FSM_KIND_LOCK:
		return FSM_SNAP_LOCK + fsm_padded(cell->name_len);
	case FSM_KIND_CLAIM: {
		const struct fsm_claim *c =
			container_of(cell, const struct fsm_claim, cell);

		return FSM_SNAP_CLAIM + fsm_padded(c->lock->cell.name_len);
	}
	case FSM_KIND_HANDLE:
		return FSM_SNAP_HANDLE;
	default:
		return FSM_SNAP_GRAVE;
	}
}

/* A snapshot has its record, from now on. */
static void book(struct fsm *f, const struct fsm_cell *cell)
{
	f->records++;
	f->body += fsm_cell_bytes(cell);
}

static void unbook(struct fsm *f, const struct fsm_cell *cell)
{
	f->records--;
	f->body -= fsm_cell_bytes(cell);
}

/**
 * fsm_cell_sum() - a new hash, and with it perhaps a record
 * @f: state
 * @cell: touched or new; no counter
 * @sum: what it adds to the hash of the state; 0: nothing. Only a lock can
 *
 * What makes the difference between a record and none must not be an accident of
 * hashing.
 */
void fsm_cell_sum(struct fsm *f, struct fsm_cell *cell, u64 sum)
{
	if (sum || cell->kind != FSM_KIND_LOCK)
		sum |= 1;
	if (sum && !cell->sum)
		book(f, cell);
	else if (!sum && cell->sum)
		unbook(f, cell);
	f->hash += sum - cell->sum;
	cell->sum = sum;
}

/**
 * fsm_cell_end() - it is not there any more
 * @f: state
 * @cell: touched, in no list; its lock, if it has one, not ended before
 *
 * It serves the next cell, of whatever kind. What an open snapshot began with it
 * has taken when it was touched; the walk passes by what it finds here.
 */
void fsm_cell_end(struct fsm *f, struct fsm_cell *cell)
{
	struct fsm_cell **at = bucket_of(f, cell->hash);

	while (*at != cell)
		at = &(*at)->next;
	*at = cell->next;
	if (fsm_cell_recorded(cell))
		unbook(f, cell);
	f->hash -= cell->sum;
	if (cell->kind == FSM_KIND_GRAVE)
		f->n_graves--;
	else
		f->objects--;
	f->locks -= cell->kind == FSM_KIND_LOCK;
	cell->kind = FSM_KIND_FREE;
	cell->next = f->free;
	f->free = cell;
}

/**
 * fsm_object_new() - an object that is not there yet
 * @f: state
 * @kind: FSM_KIND_COUNTER or FSM_KIND_LOCK
 * @name: not terminated
 * @len: bytes of it
 * @hash: fsm_name_hash() of it
 *
 * Return: the object: a counter is to be given a value by fsm_object_set(), a lock
 * a claim. NULL as fsm_cell_new().
 */
struct fsm_object *fsm_object_new(struct fsm *f, u8 kind, const char *name,
				  u8 len, u64 hash)
{
	struct fsm_cell *c = fsm_cell_new(f, kind, hash);

	if (!c)
		return NULL;
	c->name_len = len;
	memcpy(object_of(c)->name, name, len);
	if (kind == FSM_KIND_COUNTER)
		book(f, c);
	return object_of(c);
}

/**
 * fsm_object_set() - a new value, and with it a new hash of the state
 * @f: state
 * @o: counter, touched or new
 * @value: counter
 * @index: of the entry that says so
 *
 * What the old value added is remembered, so that one hash is computed and not
 * two.
 */
void fsm_object_set(struct fsm *f, struct fsm_object *o, u64 value, u64 index)
{
	u64 sum = fsm_mix(o->cell.hash + FSM_KIND_COUNTER);

	sum = fsm_mix(fsm_mix(sum + value) + index);
	f->hash += sum - o->cell.sum;
	o->cell.sum = sum;
	o->value = value;
	o->index = index;
}

/**
 * fsm_counter() - read a counter
 * @f: state
 * @name: not terminated, valid or not
 * @len: bytes of it
 * @value: its value
 * @index: of the entry that changed it last
 *
 * How fresh that is, is the reader's business (design 7, "three strengths").
 *
 * Return: 0 or -ENOENT.
 */
int fsm_counter(const struct fsm *f, const char *name, u8 len, u64 *value,
		u64 *index)
{
	struct fsm_object *o = fsm_object_find(f, FSM_KIND_COUNTER, name, len,
					       fsm_name_hash(f, name, len));

	if (!o)
		return -ENOENT;
	*value = o->value;
	*index = o->index;
	return 0;
}
