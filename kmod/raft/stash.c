// SPDX-License-Identifier: GPL-2.0
/*
 * A follower keeps the few appends that overtook what they follow on, or that
 * follow on one that was lost. The leader then has to send only what is missing
 * in between, and disorder on the way costs next to nothing.
 */
#include "core.h"

/* Of another term or leader than now. */
void raft_stash_drop(struct raft *r)
{
	unsigned int i;

	for (i = 0; r->n_stash && i < RAFT_STASH_MAX; i++)
		r->stash[i].m.n_entries = 0;
	r->n_stash = 0;
}

/*
 * Where to keep @m: with its like, in a free place, or in place of the one that
 * is farthest ahead. NULL: nowhere.
 */
static struct raft_stash *place_for(struct raft *r, const struct raft_msg *m)
{
	struct raft_stash *s, *best = NULL;
	unsigned int i;

	for (i = 0; i < RAFT_STASH_MAX; i++) {
		s = &r->stash[i];
		if (s->m.n_entries && s->m.index == m->index)
			return s->m.n_entries < m->n_entries ? s : NULL;
		if (!best || !s->m.n_entries ||
		    (best->m.n_entries && s->m.index > best->m.index))
			best = s;
	}
	if (best->m.n_entries && best->m.index < m->index)
		return NULL;
	return best;
}

/* An append behind a gap; it is refused all the same. */
void raft_stash_put(struct raft *r, const struct raft_msg *m)
{
	struct raft_stash *s;
	u32 used = 0;
	u16 i;

	for (i = 0; i < m->n_entries; i++)
		used += m->entries[i].len;
	s = m->n_entries && used <= RAFT_STASH_BYTES ? place_for(r, m) : NULL;
	if (!s)
		return;
	r->n_stash += !s->m.n_entries;
	s->m = *m;
	s->m.entries = s->entries;
	for (i = 0, used = 0; i < m->n_entries; i++) {
		s->entries[i] = m->entries[i];
		s->entries[i].data = s->bytes + used;
		if (m->entries[i].len)
			memcpy(s->bytes + used, m->entries[i].data,
			       m->entries[i].len);
		used += m->entries[i].len;
	}
}

/* One that now follows on the log; good until the next is put. NULL: none. */
const struct raft_msg *raft_stash_take(struct raft *r)
{
	struct raft_stash *s;
	unsigned int i;

	for (i = 0; r->n_stash && i < RAFT_STASH_MAX; i++) {
		s = &r->stash[i];
		if (!s->m.n_entries || s->m.index > r->log.last)
			continue;
		r->n_stash--;
		r->taken_stash = s->m;
		s->m.n_entries = 0;
		return &r->taken_stash;
	}
	return NULL;
}
