// SPDX-License-Identifier: GPL-2.0
/*
 * A snapshot becomes a state again. The bytes come from a peer: everything is
 * checked before it is used, and what the records add up to must have the hash
 * that the head promises. See snapshot.c for the format.
 */
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include "bytes.h"
#include "snapshot.h"

/* The next @n bytes, NULL if there are fewer. */
static const u8 *take(struct fsm_load *l, u64 n)
{
	const u8 *p = l->p;

	if (n > (u64)(l->end - l->p))
		return NULL;
	l->p += n;
	return p;
}

/* A name of @len bytes and its padding. */
static const char *take_name(struct fsm_load *l, u32 len)
{
	const u8 *p = take(l, fsm_padded(len));

	if (!p || !fsm_name_padded(p, len) ||
	    fsm_name_check((const char *)p, len))
		return NULL;
	return (const char *)p;
}

/* An incarnation, as two words. */
static struct raft_id get_id(const u8 *p)
{
	return (struct raft_id){ fsm_get64(p), fsm_get64(p + 8) };
}

/* The numbers agree with each other, and could have come from a state. */
static bool head_plausible(const struct fsm *f, const u8 *p, u64 len)
{
	u32 version = fsm_get32(p + 8), limit = fsm_get32(p + 12);
	u32 sessions = fsm_get32(p + 40), objects = fsm_get32(p + 44);
	u64 least = (u64)sessions * FSM_SNAP_SESSION +
		    (u64)objects * FSM_SNAP_OBJECT + FSM_SNAP_HEAD;

	if (fsm_get64(p) != FSM_SNAP_MAGIC || fsm_get64(p + 48) != len)
		return false;
	if (version > FSM_VERSION || sessions > FSM_SESSIONS_MAX ||
	    objects > limit || limit > FSM_OBJECTS_LIMIT || least > len)
		return false;
	/* Only a state that has begun has limits, and anything in it. */
	if (!version)
		return !limit && !sessions && !fsm_get64(p + 16) &&
		       fsm_get64(p + 56) == 1;
	return limit && fsm_get64(p + 24) && fsm_get64(p + 56) && !f->applied;
}

/**
 * fsm_load_begin() - take a snapshot's head
 * @f: fresh state
 * @buf: snapshot; stays where it is until the last step
 * @len: bytes of it
 *
 * Return: 0 or -EINVAL.
 */
int fsm_load_begin(struct fsm *f, const u8 *buf, u64 len)
{
	if (len < FSM_SNAP_HEAD || f->version || !head_plausible(f, buf, len))
		return -EINVAL;
	f->next_token = fsm_get64(buf + 56);
	if (fsm_get32(buf + 8))
		fsm_begin(f, fsm_get32(buf + 8), fsm_get32(buf + 12),
			  fsm_get64(buf + 16));
	/* Also what the hash of the state does not cover is as it was. */
	if (fsm_get64(buf + 64) != siphash(buf, 64, &f->key))
		return -EINVAL;
	f->applied = fsm_get64(buf + 24);
	f->load = (struct fsm_load){
		.p = buf + FSM_SNAP_HEAD,
		.end = buf + len,
		.hash = fsm_get64(buf + 32),
		.sessions = fsm_get32(buf + 40),
		.objects = fsm_get32(buf + 44),
	};
	return 0;
}

/* Nothing can be older than the log, or come from its future. */
static bool index_ok(const struct fsm *f, u64 index)
{
	return index && index <= f->applied;
}

/*
 * One object. That its name is new is checked, as two of a name would be a state
 * that no entries lead to. Without memory nothing has happened, and the record
 * comes again.
 */
static int load_object(struct fsm *f)
{
	struct fsm_load *l = &f->load;
	const u8 *p = take(l, FSM_SNAP_OBJECT);
	struct fsm_object *o;
	const char *name;
	u64 hash;

	if (!p || p[0] != FSM_RECORD_OBJECT || p[1] != FSM_KIND_COUNTER ||
	    p[3] || fsm_get32(p + 4) || !index_ok(f, fsm_get64(p + 16)))
		return -EINVAL;
	name = take_name(l, p[2]);
	if (!name)
		return -EINVAL;
	hash = fsm_name_hash(f, name, p[2]);
	if (fsm_object_find(f, p[1], name, p[2], hash))
		return -EINVAL;
	o = fsm_object_new(f, p[1], name, p[2], hash);
	if (!o) {
		l->p = p;
		return -ENOMEM;
	}
	fsm_object_set(f, o, fsm_get64(p + 8), fsm_get64(p + 16));
	l->objects--;
	return 0;
}

/* One result; @from is the least place in the window that it may have. */
static int load_slot(struct fsm *f, struct fsm_session *s, u32 *from)
{
	const u8 *p = take(&f->load, FSM_SNAP_SLOT);
	struct fsm_slot slot = { 0 };
	u32 above;

	if (!p || fsm_get32(p + 4) >= FSM_CODES)
		return -EINVAL;
	above = fsm_get16(p);
	slot.back = fsm_get16(p + 2);
	slot.code = p[4];
	slot.value = fsm_get64(p + 8);
	slot.index = fsm_get64(p + 16);
	if (above < *from || above >= FSM_WINDOW || !index_ok(f, slot.index) ||
	    s->low + above < s->low || (slot.code && slot.value))
		return -EINVAL;
	/* A close forbids what is below itself, and is always a success. */
	if (slot.back && (slot.code || slot.back >= FSM_WINDOW ||
			  slot.back >= s->low + above))
		return -EINVAL;
	fsm_session_store(f, s, s->low + above, &slot);
	*from = above + 1;
	return 0;
}

/*
 * Who has it: the fixed part at @p, and the former incarnations that follow the
 * name. An incarnation is never nobody.
 */
static int load_owner(struct fsm *f, struct fsm_session *s, const u8 *p)
{
	u32 i, n = p[2];

	s->id = fsm_get64(p + 8);
	s->node = get_id(p + 16);
	s->boot_counter = fsm_get64(p + 32);
	s->boot_nonce = fsm_get64(p + 40);
	s->ordinal = fsm_get64(p + 48);
	if (n > FSM_FORMER || !index_ok(f, s->id) || !raft_id_some(s->node))
		return -EINVAL;
	for (i = 0; i < n; i++) {
		const u8 *q = take(&f->load, FSM_SNAP_FORMER);

		if (!q)
			return -EINVAL;
		s->former[i].node = get_id(q);
		s->former[i].boot_counter = fsm_get64(q + 16);
		s->former[i].ordinal = fsm_get64(q + 24);
	}
	s->n_former = n;
	return 0;
}

/*
 * One session with its results. The memory of all sessions is there before the
 * first record, or the caller hears of it. The forgotten results come in as one
 * number: what they add to the sums cannot be computed any more, but the hash in
 * the head holds it, too.
 */
static int load_session(struct fsm *f)
{
	struct fsm_load *l = &f->load;
	const u8 *p = take(l, FSM_SNAP_SESSION);
	struct fsm_session *s;
	u32 i, from = 0;
	const char *name;

	if (!p || p[0] != FSM_RECORD_SESSION || p[3] || fsm_get16(p + 6) ||
	    !fsm_get64(p + 56) || fsm_session_find(f, fsm_get64(p + 8)))
		return -EINVAL;
	name = take_name(l, p[1]);
	if (!name || fsm_session_named(f, name, p[1]))
		return -EINVAL;
	s = fsm_session_new(f, name, p[1]);
	if (!s) {
		l->p = p;
		return -ENOMEM;
	}
	if (load_owner(f, s, p))
		return -EINVAL;
	fsm_session_start(f, s, fsm_get64(p + 56));
	for (i = 0; i < fsm_get16(p + 4); i++)
		if (load_slot(f, s, &from))
			return -EINVAL;
	s->sum += fsm_get64(p + 64);
	f->hash += fsm_get64(p + 64);
	l->sessions--;
	return 0;
}

/* All records are there: is it what was promised? */
static int finish(struct fsm *f)
{
	struct fsm_load *l = &f->load;

	return l->p == l->end && f->hash == l->hash ? 0 : -EINVAL;
}

/**
 * fsm_load_step() - take some records
 * @f: state after fsm_load_begin()
 * @budget: how many
 *
 * Return: 1 there is more; 0 the state is complete, and the buffer not needed
 * any longer; -ENOMEM bring what fsm_wants() says and call again; -EINVAL
 * malformed: nothing can be done with this state but fsm_take_back().
 */
int fsm_load_step(struct fsm *f, unsigned int budget)
{
	struct fsm_load *l = &f->load;
	int err = 0;

	/* Kinds are mixed: what changes during the walk is written early. */
	for (; budget && !err; budget--) {
		if (!l->sessions && !l->objects)
			return finish(f);
		if (l->sessions && l->p < l->end &&
		    *l->p == FSM_RECORD_SESSION)
			err = load_session(f);
		else if (l->objects)
			err = load_object(f);
		else
			err = -EINVAL;
	}
	return err ? err : 1;
}

/* Sessions belonged to the members of another cluster. */
static void end_sessions(struct fsm *f)
{
	while (f->n_sessions)
		fsm_session_retire(f, f->session[--f->n_sessions]);
}

/* All but the counters. Nothing remembered was true of the new cluster. */
static void rebase_head(struct fsm *f, const struct fsm_rebase *b)
{
	end_sessions(f);
	memset(f->mark, 0, sizeof(f->mark));
	f->hash -= fsm_limits_hash(f);
	f->applied = b->index;
	f->objects_max = b->objects_max;
	f->next_token = max(f->next_token, b->index);
	f->hash += fsm_limits_hash(f);
}

/* Is it a state that can be rebased, and that way? */
static bool may_rebase(const struct fsm *f, const struct fsm_rebase *b)
{
	return f->version && !f->load.sessions && !f->load.objects &&
	       !f->walk.buf && b->index > f->applied && b->objects_max &&
	       b->objects_max <= FSM_OBJECTS_LIMIT &&
	       b->objects_max >= f->objects;
}

/* The next object in the order in which they were made. */
static struct fsm_object *next_object(struct fsm_rebase *b)
{
	if (b->cell == FSM_CELLS) {
		b->cells = b->cells->next;
		b->cell = 0;
	}
	b->at++;
	return &b->cells->cell[b->cell++];
}

/**
 * fsm_rebase() - make of a loaded state the beginning of another cluster
 * @f: state, after fsm_load_step() returned 0
 * @b: how; the same until it is through
 * @budget: objects in this step
 *
 * What was true stays so: a counter's index remains that of its last change,
 * which is below @b->index as all that was before.
 *
 * Return: 1 there is more; 0 done; -EINVAL, -EOVERFLOW as fsm.h says.
 */
int fsm_rebase(struct fsm *f, struct fsm_rebase *b, unsigned int budget)
{
	if (!b->begun) {
		if (!may_rebase(f, b))
			return -EINVAL;
		rebase_head(f, b);
		b->begun = true;
		b->at = 0;
		b->cell = 0;
		b->cells = f->cells;
	}
	if (!b->advance)
		b->at = f->objects;
	for (; budget && b->at < f->objects; budget--) {
		struct fsm_object *o = next_object(b);
		u64 value;

		if (check_add_overflow(o->value, b->advance, &value))
			return -EOVERFLOW;
		fsm_object_set(f, o, value, o->index);
	}
	return b->at < f->objects;
}
