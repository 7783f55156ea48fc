// SPDX-License-Identifier: GPL-2.0
/*
 * Objects and how they are found by name: linear hashing (Litwin, 1980). With
 * each new object one bucket is split in two, so that the table grows without
 * ever stopping, and chains stay short: the seed is secret, and SipHash lets
 * nobody choose names that collide.
 *
 * Buckets 0 to mask + split are in use; those below split, and those above
 * mask, have been split in this round and go by one more bit of the hash.
 */
#include <linux/types.h>
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

/* Bucket @bucket: a place in one of the chunks that hold nothing else. */
static struct fsm_object **head(const struct fsm *f, u32 bucket)
{
	return &f->segment[bucket >> FSM_BUCKET_BITS]
			  [bucket & (FSM_BUCKETS - 1)];
}

/* Which bucket a hash belongs to, as far as splitting has come. */
static struct fsm_object **bucket_of(const struct fsm *f, u64 hash)
{
	u32 b = hash & f->mask;

	if (b < f->split)
		b = hash & (2 * f->mask + 1);
	return head(f, b);
}

/**
 * fsm_object_find() - by kind and name
 * @f: state
 * @kind: enum fsm_kind
 * @name: not terminated
 * @len: bytes of it
 * @hash: fsm_name_hash() of it
 *
 * Return: the object or NULL.
 */
struct fsm_object *fsm_object_find(const struct fsm *f, u8 kind,
				   const char *name, u8 len, u64 hash)
{
	struct fsm_object *o;

	if (!f->objects)
		return NULL;
	for (o = *bucket_of(f, hash); o; o = o->next)
		if (o->hash == hash && o->kind == kind && o->name_len == len &&
		    !memcmp(o->name, name, len))
			return o;
	return NULL;
}

/* The next bucket in turn gives half of its objects to a new one. */
static void split(struct fsm *f)
{
	struct fsm_object **from = head(f, f->split);
	struct fsm_object **to = head(f, f->split + f->mask + 1);
	struct fsm_object *o;

	while ((o = *from)) {
		if (o->hash & (f->mask + 1)) {
			*from = o->next;
			o->next = *to;
			*to = o;
		} else {
			from = &o->next;
		}
	}
	if (++f->split > f->mask) {
		f->mask = 2 * f->mask + 1;
		f->split = 0;
	}
}

/* The next cell in order; have_memory() was asked. */
static struct fsm_object *next_cell(struct fsm *f)
{
	if (f->fill_cell == FSM_CELLS) {
		f->fill = f->fill->next;
		f->fill_cell = 0;
	}
	return &f->fill->cell[f->fill_cell++];
}

/* Is there memory for one more object, and the bucket that comes with it? */
static bool have_memory(const struct fsm *f)
{
	return f->objects < f->capacity &&
	       f->objects < f->n_segments << FSM_BUCKET_BITS;
}

/**
 * fsm_object_new() - an object that is not there yet
 * @f: state
 * @kind: enum fsm_kind
 * @name: not terminated
 * @len: bytes of it
 * @hash: fsm_name_hash() of it
 *
 * An open snapshot began before it was there, and passes it by.
 *
 * Return: the object, to be given a value by fsm_object_set(). NULL without
 * memory, which fsm_room() precludes.
 */
struct fsm_object *fsm_object_new(struct fsm *f, u8 kind, const char *name,
				  u8 len, u64 hash)
{
	struct fsm_object *o, **bucket;

	if (!have_memory(f))
		return NULL;
	o = next_cell(f);
	o->hash = hash;
	o->sum = 0;
	o->epoch = f->epoch;
	o->kind = kind;
	o->name_len = len;
	memcpy(o->name, name, len);
	bucket = bucket_of(f, hash);
	o->next = *bucket;
	*bucket = o;
	f->body += FSM_SNAP_OBJECT + fsm_padded(len);
	if (++f->objects > f->mask + 1 + f->split)
		split(f);
	return o;
}

/**
 * fsm_object_set() - a new value, and with it a new hash of the state
 * @f: state
 * @o: object, touched or new
 * @value: counter
 * @index: of the entry that says so
 *
 * What the old value added is remembered, so that one hash is computed and not
 * two.
 */
void fsm_object_set(struct fsm *f, struct fsm_object *o, u64 value, u64 index)
{
	u64 sum = fsm_mix(fsm_mix(fsm_mix(o->hash + o->kind) + value) + index);

	f->hash += sum - o->sum;
	o->sum = sum;
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
