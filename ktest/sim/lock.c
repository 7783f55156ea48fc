// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that take locks: they wait with and without a deadline, give up, hold
 * for a while, work under a fence, release, and are killed at any moment. What they
 * are told is checked as they would see it.
 */
#include "sim.h"

/* Some have the names of counters: kinds have separate name spaces. */
const char *lock_name(u8 lock, u8 *len)
{
	static char name[SIM_LOCKS][16];

	if (lock < SIM_NAMES) {
		*len = strlen(work_name(lock));
		return work_name(lock);
	}
	if (!name[lock][0])
		snprintf(name[lock], sizeof(name[lock]), "lock-%u", lock);
	*len = strlen(name[lock]);
	return name[lock];
}

static struct fsm_owner *owner_new(u64 number)
{
	struct fsm_owner *o = xcalloc(1, sizeof(*o));

	o->number = number;
	return o;
}

void lock_start(struct node *n)
{
	u32 i;

	n->holds = NULL;
	n->n_holds = 0;
	n->closing = NULL;
	n->n_gone = 0;
	n->finishing = false;
	/* A start that was refused has left them. */
	for (i = 0; i < SIM_HANDLES; i++) {
		free(n->handle[i].owner);
		n->handle[i].owner = owner_new(n->handle[i].no);
		n->handle[i].lost = 0;
	}
}

/* What the machine's memory held of it is gone. */
void lock_stop(struct node *n)
{
	struct closing *c;
	struct hold *h;
	u32 i;

	while ((h = n->holds)) {
		n->holds = h->next;
		belief_ends(h);
		free(h->box);
		h->box = NULL;
	}
	n->n_holds = 0;
	while ((c = n->closing)) {
		n->closing = c->next;
		free(c->owner);
		free(c);
	}
	for (i = 0; i < SIM_HANDLES; i++) {
		free(n->handle[i].owner);
		n->handle[i].owner = NULL;
	}
}

/* ------------------------------------------------------- what they are told */

static struct hold *hold_of(struct fsm_want *w)
{
	return container_of(w, struct box, w)->hold;
}

static void remember(struct node *n, const struct hold *h)
{
	if (h->granted)
		n->gone[n->n_gone++ % SIM_OLD] = (struct gone){
			.ticket = h->ticket, .token = h->token, .lock = h->lock,
		};
}

/* The end of a want: the memory is the program's again. */
static void over(struct node *n, struct hold *h, s32 status)
{
	struct hold **at = &n->holds;

	trace(n->w, "%s: %s of file %llu ends: %d", n->name,
	      lock_text(h->lock), h->number, status);
	check_over(h, status);
	belief_ends(h);
	remember(n, h);
	while (*at && *at != h)
		at = &(*at)->next;
	if (!*at)
		sim_fail(n->w, "told once", "%s: the end of a want that had ended",
			 n->name);
	*at = h->next;
	n->n_holds--;
	/* Whatever refers to it after this is seen by the sanitizer. */
	free(h->box);
	h->box = NULL;
}

static void granted(struct node *n, struct hold *h, struct fsm_want *w)
{
	trace(n->w, "%s: %s is granted to file %llu, token %llu%s%s", n->name,
	      lock_text(h->lock), h->number, w->token,
	      w->flags & FSM_GRANT_DIED ? ", whose holder died" : "",
	      w->flags & FSM_GRANT_WANTED ? ", others wait" : "");
	if (h->granted || h->gave_up || h->over || h->closed || h->lost)
		sim_fail(n->w, "told once", "%s: %s, ticket %llu: told of a grant%s",
			 n->name, lock_text(h->lock), w->ticket,
			 h->granted ? " twice" : ", though it has given up");
	h->granted = true;
	h->ticket = w->ticket;
	h->token = w->token;
	n->w->stat.grants++;
	belief_begins(h);
}

/* As far as its node has applied. */
static bool has_ended(const struct hold *h)
{
	const struct gclaim *c = h->claim;

	return c && c->ended && c->ended <= h->n->applied;
}

void lock_told(struct node *n, struct fsm_want *w, enum fsm_told what)
{
	struct hold *h = hold_of(w);
	bool wrong = false;

	switch (what) {
	case FSM_TOLD_QUEUED:
		trace(n->w, "%s: %s waits, for file %llu, ticket %llu", n->name,
		      lock_text(h->lock), h->number, w->ticket);
		wrong = h->queued || h->granted || h->over || h->try;
		h->queued = true;
		h->ticket = w->ticket;
		break;
	case FSM_TOLD_GRANTED:
		granted(n, h, w);
		break;
	case FSM_TOLD_WANTED:
		trace(n->w, "%s: others wait for %s", n->name, lock_text(h->lock));
		wrong = !h->granted || h->over || h->lost || h->closed;
		n->w->stat.wanted++;
		break;
	case FSM_TOLD_KEPT:
		wrong = !h->released || w->status != -ESTALE || h->over;
		h->released = false;
		/*
		 * The lease may be over, or the grant by the snapshot that told
		 * of this, too, and the loss about to be told.
		 */
		if (!wrong && believes(h) && !has_ended(h))
			belief_begins(h);
		break;
	case FSM_TOLD_LOST:
		trace(n->w, "%s: %s, token %llu, is lost: %d", n->name,
		      lock_text(h->lock), h->token, w->status);
		wrong = !h->granted || h->lost || h->over || h->closed;
		h->lost = true;
		n->w->stat.lost++;
		belief_ends(h);
		break;
	case FSM_TOLD_OVER:
		over(n, h, w->status);
		return;
	}
	if (wrong)
		sim_fail(n->w, "told once", "%s: %s, ticket %llu: told %d out of turn",
			 n->name, lock_text(h->lock), h->ticket, what);
}

/* Its holds are the closed handle's, or the lost one's. */
static void leave_handle(struct node *n, u8 handle, bool lost)
{
	struct handle *hd = &n->handle[handle];
	struct closing *c = xcalloc(1, sizeof(*c)), **at = &n->closing;
	struct hold *h;

	for (h = n->holds; h; h = h->next) {
		if (h->number != hd->no)
			continue;
		h->lost |= lost;
		h->closed |= !lost;
		belief_ends(h);
	}
	c->owner = hd->owner;
	c->number = hd->no;
	/* Nothing but locks needs one; but one too many does no harm. */
	c->needed = !lost && rng_next(&n->w->rng) & 1;
	c->handle = handle;
	while (*at)
		at = &(*at)->next;
	*at = c;
	hd->no = n->next_handle++;
	hd->owner = owner_new(hd->no);
	n->backlog = true;
}

/* The notice that all of a handle is lost. */
void lock_lost(struct node *n, struct fsm_owner *o, s32 status)
{
	struct closing *c;
	u32 i;

	trace(n->w, "%s: file %llu is lost: %d", n->name, o->number, status);
	if (fsm_owner_lost(&n->ws, o) != status)
		sim_fail(n->w, "told once", "%s: handle %llu is told %d, and is %d",
			 n->name, o->number, status, fsm_owner_lost(&n->ws, o));
	for (c = n->closing; c; c = c->next)
		if (c->owner == o)
			return;
	for (i = 0; i < SIM_HANDLES; i++)
		if (n->handle[i].owner == o)
			break;
	if (i == SIM_HANDLES || n->handle[i].lost)
		sim_fail(n->w, "told once", "%s: handle %llu is lost, and was before",
			 n->name, o->number);
	n->w->stat.lost++;
	n->handle[i].lost = status;
	leave_handle(n, i, true);
}

void lock_close(struct node *n, u8 handle)
{
	trace(n->w, "%s: file %llu is closed", n->name, n->handle[handle].no);
	n->handle[handle].lost = 0;
	leave_handle(n, handle, false);
	lock_closing(n);
}

/* A step of what closing takes. True: there is more. */
bool lock_closing(struct node *n)
{
	struct closing *c = n->closing;
	struct req *q;

	if (!c)
		return false;
	work_withdraw(n, c->number);
	if (fsm_owner_close(&n->ws, c->owner, 1 + rng_below(&n->w->rng, 8)))
		return true;
	n->closing = c->next;
	if ((c->needed || c->owner->abandoned) &&
	    n->w->mutant != MUT_CLOSE_KEEPS) {
		q = work_request(n, FSM_HANDLE_CLOSE, c->handle, 0, 0);
		q->r.handle = c->number;
		q->orphan = true;
	}
	free(c->owner);
	free(c);
	return n->closing;
}

/* ------------------------------------------------------------ what they do */

/* The request leaves its node under that name, and under no other. */
void lock_sent(struct node *n, const struct fsm_command *c,
	       struct fsm_request *r)
{
	struct hold *h = hold_of(container_of(r, struct fsm_want, ask));
	struct gresult *g = ghost_result(n->w, c->session, c->seq, true);

	if ((g->hold && g->hold != h) || g->req)
		sim_fail(n->w, "exactly once",
			 "%s gives (session %llu, seq %llu) to two requests",
			 n->name, c->session, c->seq);
	g->hold = h;
	if (c->op != FSM_LOCK_ACQUIRE)
		return;
	if (h->session && (h->session != c->session || h->seq != c->seq))
		sim_fail(n->w, "exactly once",
			 "%s sends acquire %llu/%llu again as %llu/%llu",
			 n->name, h->session, h->seq, c->session, c->seq);
	h->session = c->session;
	h->seq = c->seq;
}

void lock_fence(struct fsm_extra *x, u8 lock, u64 token)
{
	const char *name = lock_name(lock, &x->fence_len);

	memcpy(x->fence_name, name, x->fence_len);
	x->fence_token = token;
}

static void refused(struct node *n, u8 lock, s32 ret, s32 lost, bool has)
{
	if (lost ? ret != lost : ret != (has ? -EDEADLK : 0))
		sim_fail(n->w, "told once", "%s: acquire of %s is answered %d, with the handle %d%s",
			 n->name, lock_text(lock), ret, lost,
			 has ? ", and having it" : "");
}

struct hold *lock_acquire(struct node *n, u8 handle, u8 lock, u32 flags)
{
	struct handle *hd = &n->handle[handle];
	struct hold *h = arena_alloc(n->w, sizeof(*h));
	struct box *b = xcalloc(1, sizeof(*b));
	struct fsm_want *w = &b->w;
	s32 ret, lost = fsm_owner_lost(&n->ws, hd->owner);
	u8 len;
	const char *name = lock_name(lock, &len);
	bool has = fsm_want_named(&n->ws, hd->owner, name, len);

	b->hold = h;
	*h = (struct hold){
		.n = n, .box = b, .number = hd->no, .called = n->w->now,
		.floor = n->w->g.acked, .timeout = ~0ULL, .gen = n->gen,
		.handle = handle, .lock = lock, .try = flags & FSM_ACQUIRE_TRY,
		.shared = flags & FSM_ACQUIRE_SHARED,
	};
	w->ask.arg = flags;
	w->ask.name_len = len;
	memcpy(w->ask.name, name, len);
	w->extra.program = (struct fsm_program){ .pid = handle, .uid = n->slot };
	w->extra.stamp = STAMP;
	if (n->n_gone && rng_hit(&n->w->rng, 30000))
		lock_fence(&w->extra, n->gone[0].lock, n->gone[0].token);
	h->next = n->holds;
	n->holds = h;
	n->n_holds++;
	ret = fsm_want_begin(&n->ws, hd->owner, w);
	refused(n, lock, ret, lost, has);
	if (ret) {
		n->holds = h->next;
		n->n_holds--;
		free(b);
		return NULL;
	}
	n->w->stat.acquires++;
	n->pump = true;
	return h;
}

void lock_release(struct node *n, struct hold *h, const struct fsm_fence *fence)
{
	if (!h->granted || h->released || h->lost || h->closed)
		return;
	h->released = true;
	belief_ends(h);
	fsm_want_release(&n->ws, &h->box->w, fence);
	n->pump = true;
}

void lock_give_up(struct node *n, struct hold *h, s32 why)
{
	if (h->gave_up || h->granted || h->lost || h->closed)
		return;
	h->gave_up = true;
	n->w->stat.cancels++;
	n->pump = true;
	if (n->w->mutant == MUT_GIVE_UP_KEEPS && h->queued)
		return;
	if (!fsm_want_give_up(&n->ws, &h->box->w, why))
		sim_fail(n->w, "told once", "%s: %s, ticket %llu: it was granted and told, and its program does not know",
			 n->name, lock_text(h->lock), h->ticket);
}

void lock_time(struct node *n, u64 now, u64 *at)
{
	struct hold *h, *next;

	for (h = n->holds; h; h = next) {
		next = h->next;
		if (h->timeout == ~0ULL || h->granted || h->gave_up)
			continue;
		if (now >= h->timeout)
			lock_give_up(n, h, -ETIMEDOUT);
		else
			*at = min(*at, h->timeout);
	}
}

void lock_finish(struct node *n)
{
	struct hold *h, *next;

	if (!n->finishing)
		return;
	for (h = n->holds; h; h = next) {
		next = h->next;
		lock_release(n, h, NULL);
	}
}

/* Is it a release that no want has asked for? */
bool lock_raw(const struct fsm_request *r)
{
	return r->op == FSM_LOCK_RELEASE && r->extra->stamp == RAW_STAMP;
}
