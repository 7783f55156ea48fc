// SPDX-License-Identifier: GPL-2.0
/*
 * What all nodes ever did. Grows only; no node can reach it.
 *
 * Log matching (paper 5.3) holds because each (index, term) has one content
 * and one term before it: then by induction all before it are the same, too.
 */
#include "sim.h"

static u64 hash2(u64 a, u64 b)
{
	u64 z = a * 0x9e3779b97f4a7c15ULL ^ b;

	z = (z ^ (z >> 32)) * 0xd6e8feb86659fd93ULL;
	return z ^ (z >> 32);
}

void ghost_init(struct world *w)
{
	struct ghost *g = &w->g;
	int i;

	memset(g, 0, sizeof(*g));
	g->lost_at = ~0ULL;
	g->objects_max = w->k.objects_max;
	g->results = xcalloc(G_RESULTS, sizeof(*g->results));
	g->votes = xcalloc(G_VOTES, sizeof(*g->votes));
	for (i = 0; i < SIM_NAMES; i++)
		strcpy(g->counter[i].name, work_name(i));
	claims_init(w);
}

void ghost_free(struct world *w)
{
	struct ghost *g = &w->g;
	int i;

	for (i = 0; i < SIM_NAMES; i++)
		free(g->counter[i].past);
	claims_free(w);
	free(g->entries);
	free(g->log);
	free(g->leaders);
	free(g->results);
	free(g->votes);
}

static void grow(struct ghost *g, u64 index)
{
	u64 cap = g->cap;

	if (index < cap)
		return;
	g->cap = (index + 512) * 2;
	g->entries = realloc(g->entries, g->cap * sizeof(*g->entries));
	g->log = realloc(g->log, g->cap * sizeof(*g->log));
	if (!g->entries || !g->log)
		exit(2);
	memset(g->entries + cap, 0, (g->cap - cap) * sizeof(*g->entries));
	memset(g->log + cap, 0, (g->cap - cap) * sizeof(*g->log));
}

struct gentry *ghost_find(const struct world *w, u64 index, u64 term)
{
	struct gentry *e;

	if (index >= w->g.cap)
		return NULL;
	for (e = w->g.entries[index]; e; e = e->next)
		if (e->term == term)
			return e;
	return NULL;
}

static u64 term_before(struct node *n, u64 index)
{
	struct raft_entry e;

	if (index <= 1)
		return 0;
	if (!raft_entry(n->r, index - 1, &e))
		return e.term;
	/* Compacted, so it was committed. */
	if (index - 1 <= n->w->g.commit)
		return n->w->g.log[index - 1].e->term;
	sim_fail(n->w, "contract", "%s lacks entry %llu below the one it appends",
		 n->name, index - 1);
}

/* A node holds @e at @index: the one that was made, or it has made it now. */
struct gentry *ghost_entry(struct world *w, struct node *n, u64 index,
			   const struct raft_entry *e)
{
	struct ghost *g = &w->g;
	u64 prev = term_before(n, index);
	struct gentry *x;

	grow(g, index);
	x = ghost_find(w, index, e->term);
	if (x) {
		if (x->len != e->len || x->kind != e->kind ||
		    x->prev_term != prev || memcmp(x->data, e->data, e->len))
			sim_fail(w, "log matching",
				 "%s holds entry %llu/%llu with another content or history than the leader of that term made",
				 n->name, index, e->term);
		return x;
	}
	if (prev > e->term)
		sim_fail(w, "log matching", "%s: entry %llu/%llu follows term %llu",
			 n->name, index, e->term, prev);
	if (raft_role(n->r) != RAFT_LEADER || raft_term(n->r) != e->term) {
		/* Only the bootstrap makes entries without a leader. */
		if (e->term != 1 || raft_term(n->r) > 2 || g->commit)
			sim_fail(w, "leader append-only",
				 "%s holds entry %llu/%llu that no leader made",
				 n->name, index, e->term);
	}
	x = arena_alloc(w, sizeof(*x) + e->len);
	x->index = index;
	x->term = e->term;
	x->prev_term = prev;
	x->kind = e->kind;
	x->len = e->len;
	memcpy(x->data, e->data, e->len);
	x->next = g->entries[index];
	g->entries[index] = x;
	return x;
}

struct gresult *ghost_result(struct world *w, u64 session, u64 seq, bool make)
{
	struct gresult **head, *r;

	head = &w->g.results[hash2(session, seq) % G_RESULTS];
	for (r = *head; r; r = r->next)
		if (r->session == session && r->seq == seq)
			return r;
	if (!make)
		return NULL;
	r = arena_alloc(w, sizeof(*r));
	r->session = session;
	r->seq = seq;
	r->next = *head;
	*head = r;
	return r;
}

/*
 * A request leaves its node as (session, seq). It must be the only one under
 * that name, and that its only name, or it could run twice.
 */
void ghost_sent(struct world *w, struct node *n, const struct fsm_command *c,
		struct req *q)
{
	struct gresult *r = ghost_result(w, c->session, c->seq, true);

	if (q->session && (q->session != c->session || q->seq != c->seq))
		sim_fail(w, "exactly once",
			 "%s sends request %llu/%llu again as %llu/%llu",
			 n->name, q->session, q->seq, c->session, c->seq);
	if (q->answered && !q->session)
		sim_fail(w, "exactly once",
			 "%s sends request %llu/%llu, whose program was told status %d",
			 n->name, c->session, c->seq, q->status);
	if (r->req && r->req != q)
		sim_fail(w, "exactly once",
			 "%s gives (session %llu, seq %llu) to two requests",
			 n->name, c->session, c->seq);
	r->req = q;
	q->session = c->session;
	q->seq = c->seq;
}
