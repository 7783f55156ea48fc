// SPDX-License-Identifier: GPL-2.0
/*
 * A snapshot becomes a state again. The bytes come from a peer: everything is
 * checked before it is used, and what the records add up to must have the hash
 * that the head promises. See snapshot.c for the format.
 */
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/errno.h>
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
	u32 records = fsm_get32(p + 72);
	u64 least = (u64)sessions * FSM_SNAP_SESSION +
		    (u64)records * FSM_SNAP_LOCK + FSM_SNAP_HEAD;

	if (fsm_get64(p) != FSM_SNAP_MAGIC || fsm_get64(p + 48) != len ||
	    fsm_get32(p + 76))
		return false;
	if (version > FSM_VERSION || sessions > FSM_SESSIONS_MAX ||
	    objects > limit || limit > FSM_OBJECTS_LIMIT || least > len)
		return false;
	/* Only a state that has begun has limits, and anything in it. */
	if (!version)
		return !limit && !sessions && !records && !fsm_get64(p + 16) &&
		       fsm_get64(p + 56) == 1 && !fsm_get64(p + 64);
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
	f->deaths = fsm_get64(buf + 64);
	if (fsm_get32(buf + 8))
		fsm_begin(f, fsm_get32(buf + 8), fsm_get32(buf + 12),
			  fsm_get64(buf + 16));
	/* Also what the hash of the state does not cover is as it was. */
	if (fsm_get64(buf + 80) != siphash(buf, 80, &f->key))
		return -EINVAL;
	f->applied = fsm_get64(buf + 24);
	f->load = (struct fsm_load){
		.p = buf + FSM_SNAP_HEAD,
		.end = buf + len,
		.open = true,
		.bytes = len,
		.hash = fsm_get64(buf + 32),
		.sessions = fsm_get32(buf + 40),
		.objects = fsm_get32(buf + 44),
		.records = fsm_get32(buf + 72),
	};
	return 0;
}

/* Nothing can be older than the log, or come from its future. */
static bool index_ok(const struct fsm *f, u64 index)
{
	return index && index <= f->applied;
}

/* ---------------------------------------------------------------- cells */

/*
 * A cell that is not there yet: what comes twice, or is more than the head says, no
 * entries lead to. Each kind is looked for by itself before.
 */
static int make(struct fsm *f, u8 kind, u64 hash, struct fsm_cell **cell)
{
	const struct fsm_load *l = &f->load;

	if (kind == FSM_KIND_GRAVE ? f->n_graves >= l->objects / 2 :
				     f->objects >= l->objects)
		return -EINVAL;
	*cell = fsm_cell_new(f, kind, hash);
	return *cell ? 0 : -ENOMEM;
}

/* The same for what has a name; finds it, if it is there. */
static int find_or_make(struct fsm *f, u8 kind, const char *name, u8 len,
			struct fsm_object **o)
{
	u64 hash = fsm_name_hash(f, name, len);

	*o = fsm_object_find(f, kind, name, len, hash);
	if (*o)
		return 0;
	if (f->objects >= f->load.objects)
		return -EINVAL;
	*o = fsm_object_new(f, kind, name, len, hash);
	return *o ? 0 : -ENOMEM;
}

/* That its name is new is seen by its index, which no entry sets to 0. */
static int load_counter(struct fsm *f)
{
	const u8 *p = take(&f->load, FSM_SNAP_COUNTER);
	struct fsm_object *o;
	const char *name;
	int err;

	if (!p || p[3] || fsm_get32(p + 4) || !index_ok(f, fsm_get64(p + 16)))
		return -EINVAL;
	name = take_name(&f->load, p[2]);
	if (!name)
		return -EINVAL;
	err = find_or_make(f, FSM_KIND_COUNTER, name, p[2], &o);
	if (err)
		return err;
	if (o->index)
		return -EINVAL;
	fsm_object_set(f, o, fsm_get64(p + 8), fsm_get64(p + 16));
	return 0;
}

/* A lock with flags: it may be known already, by its claims. */
static int load_lock(struct fsm *f)
{
	const u8 *p = take(&f->load, FSM_SNAP_LOCK);
	struct fsm_object *o;
	const char *name;
	int err;

	if (!p || p[3] & ~FSM_LOCK_FLAGS || !(p[3] & FSM_LOCK_DIED) ||
	    fsm_get16(p + 6) || (!(p[3] & FSM_LOCK_IDLE) && fsm_get16(p + 4)))
		return -EINVAL;
	name = take_name(&f->load, p[2]);
	if (!name)
		return -EINVAL;
	err = find_or_make(f, FSM_KIND_LOCK, name, p[2], &o);
	if (err)
		return err;
	if (o->flags)
		return -EINVAL;
	o->flags = p[3];
	o->cell.n = fsm_get16(p + 4);
	return 0;
}

/* Handle @number of @session, known or not: its record has come, or will. */
static int load_owner_of(struct fsm *f, u64 session, u64 number,
			 struct fsm_handle **h)
{
	struct fsm_cell *cell;
	int err;

	*h = fsm_handle_find(f, session, number);
	if (*h)
		return 0;
	err = make(f, FSM_KIND_HANDLE, fsm_handle_hash(f, session, number),
		   &cell);
	if (err)
		return err;
	*h = container_of(cell, struct fsm_handle, cell);
	(*h)->session = session;
	(*h)->number = number;
	(*h)->next = f->load.handles;
	f->load.handles = *h;
	return 0;
}

/*
 * "Each single grant takes max(next_token, index) and sets next_token one above it":
 * by who has it, when it can have got it, and what of.
 */
static bool claim_ok(const struct fsm *f, const u8 *p)
{
	u64 ticket = fsm_get64(p + 8), token = fsm_get64(p + 16);
	u64 index = fsm_get64(p + 24);

	if (p[3] & ~FSM_CLAIM_FLAGS || !index_ok(f, ticket) ||
	    !index_ok(f, fsm_get64(p + 32)) || fsm_get64(p + 32) >= ticket)
		return false;
	if (!token)
		return !index && !(p[3] & FSM_CLAIM_DIED);
	return index >= ticket && index_ok(f, index) && token >= index &&
	       token < f->next_token;
}

/* All that the record at @p says, but who and what the claim belongs to. */
static void fill_claim(struct fsm_claim *c, const u8 *p)
{
	c->flags = p[3];
	c->since = fsm_get32(p + 4);
	c->ticket = fsm_get64(p + 8);
	c->granted = fsm_get64(p + 16);
	c->token = fsm_get64(p + 16);
	c->index = fsm_get64(p + 24);
}

/*
 * A claim makes its lock and its handle, if these have not come. If memory ends on
 * the way, they are found when the record comes again.
 */
static int load_claim(struct fsm *f)
{
	const u8 *p = take(&f->load, FSM_SNAP_CLAIM);
	struct fsm_handle *h;
	struct fsm_object *o;
	struct fsm_cell *cell;
	struct fsm_claim *c;
	const char *name;
	int err;

	if (!p || !claim_ok(f, p) || fsm_claim_find(f, fsm_get64(p + 8)))
		return -EINVAL;
	name = take_name(&f->load, p[2]);
	if (!name)
		return -EINVAL;
	err = find_or_make(f, FSM_KIND_LOCK, name, p[2], &o);
	if (!err)
		err = load_owner_of(f, fsm_get64(p + 32), fsm_get64(p + 40), &h);
	if (!err)
		err = make(f, FSM_KIND_CLAIM,
			   fsm_ticket_hash(f, fsm_get64(p + 8)), &cell);
	if (err)
		return err;
	c = container_of(cell, struct fsm_claim, cell);
	fill_claim(c, p);
	c->lock = o;
	c->handle = h;
	c->own_next = f->load.claims;
	f->load.claims = c;
	return 0;
}

/* It may be known already, by its claims. */
static int load_handle(struct fsm *f)
{
	const u8 *p = take(&f->load, FSM_SNAP_HANDLE);
	u64 session, born, death;
	struct fsm_handle *h;
	int err;

	if (!p || p[2] || p[3] || fsm_get32(p + 4) ||
	    !fsm_text_padded((const char *)p + 48, FSM_COMM))
		return -EINVAL;
	session = fsm_get64(p + 8);
	born = fsm_get64(p + 24);
	death = fsm_get64(p + 32);
	if (!session || born <= session || !index_ok(f, born) ||
	    (death && (death <= born || !index_ok(f, death))))
		return -EINVAL;
	err = load_owner_of(f, session, fsm_get64(p + 16), &h);
	if (err)
		return err;
	if (h->born)
		return -EINVAL;
	h->born = born;
	h->death = death;
	h->program.pid = fsm_get32(p + 40);
	h->program.uid = fsm_get32(p + 44);
	memcpy(h->program.comm, p + 48, FSM_COMM);
	return 0;
}

static int load_grave(struct fsm *f)
{
	const u8 *p = take(&f->load, FSM_SNAP_GRAVE);
	struct fsm_cell *cell;
	u64 session, death;
	struct fsm_grave *g;
	int err;

	if (!p || p[2] || p[3] || fsm_get32(p + 4))
		return -EINVAL;
	session = fsm_get64(p + 8);
	death = fsm_get64(p + 16);
	if (!session || death <= session || !index_ok(f, death) ||
	    fsm_grave_find(f, session))
		return -EINVAL;
	err = make(f, FSM_KIND_GRAVE, fsm_ticket_hash(f, session), &cell);
	if (err)
		return err;
	g = container_of(cell, struct fsm_grave, cell);
	g->session = session;
	g->death = death;
	g->next = f->load.graves;
	f->load.graves = g;
	return 0;
}

/* One cell. Without memory the record comes again. */
static int load_cell(struct fsm *f)
{
	static int (*const load[])(struct fsm *f) = {
		[FSM_KIND_COUNTER] = load_counter,
		[FSM_KIND_LOCK] = load_lock,
		[FSM_KIND_CLAIM] = load_claim,
		[FSM_KIND_HANDLE] = load_handle,
		[FSM_KIND_GRAVE] = load_grave,
	};
	struct fsm_load *l = &f->load;
	const u8 *p = l->p;
	int err;

	if (l->end - p < FSM_SNAP_LOCK || p[0] != FSM_RECORD_CELL ||
	    p[1] >= ARRAY_SIZE(load) || !load[p[1]])
		return -EINVAL;
	err = load[p[1]](f);
	if (err == -ENOMEM)
		l->p = p;
	if (!err)
		l->records--;
	return err;
}

/* ------------------------------------------------------------- sessions */

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
	s->ttl_ms = fsm_get32(p + 72);
	if (n > FSM_FORMER || !index_ok(f, s->id) || !raft_id_some(s->node) ||
	    s->ttl_ms < FSM_TTL_MIN_MS || s->ttl_ms > FSM_TTL_MAX_MS)
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

	if (!p || p[3] || fsm_get16(p + 6) || !fsm_get64(p + 56) ||
	    fsm_get32(p + 76) || fsm_session_find(f, fsm_get64(p + 8)))
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

/* ---------------------------------------------------------------- whole */

/* Kinds are mixed: what changes during the walk is written early. */
static int load_record(struct fsm *f)
{
	struct fsm_load *l = &f->load;

	if (l->sessions && l->p < l->end && *l->p == FSM_RECORD_SESSION)
		return load_session(f);
	return l->records ? load_cell(f) : -EINVAL;
}

/*
 * All records are there, and have found their places: is it what was promised? A
 * snapshot of it must take as many bytes as this one.
 */
static int finish(struct fsm *f)
{
	struct fsm_load *l = &f->load;

	if (f->hash != l->hash || f->objects != l->objects ||
	    FSM_SNAP_HEAD + f->body != l->bytes)
		return -EINVAL;
	l->open = false;
	return 0;
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

	if (!l->open)
		return 0;
	if (!l->sessions && !l->records) {
		err = l->p == l->end ? fsm_claims_loaded(f, budget) : -EINVAL;
		return err ? err : finish(f);
	}
	for (; budget && !err && (l->sessions || l->records); budget--)
		err = load_record(f);
	return err ? err : 1;
}
