// SPDX-License-Identifier: GPL-2.0
/*
 * Programs: open files on each node, several requests on each, of which some
 * are given up, and reads of three strengths. Their answers are checked as a
 * program would see them.
 */
#include "sim.h"

#define GRACE (600 * MS)	/* two election timeouts (design 9) */
#define READ_RETRY (120 * MS)

const char *work_name(u8 name)
{
	static const char *const names[SIM_NAMES] = {
		"orders", "a", "journal", "z\xc3\xa4hler", "id", "epoch",
		"a-name-of-sixty-three-bytes-which-is-the-longest-there-can-be-.",
		"full",
	};

	return names[name];
}

void work_start(struct node *n)
{
	int i;

	n->reqs = NULL;
	n->n_reqs = 0;
	n->user_at = ~0ULL;
	n->next_handle = 1;
	memset(n->reads, 0, sizeof(n->reads));
	for (i = 0; i < SIM_HANDLES; i++)
		n->handle[i].no = n->next_handle++;
	lease_start(n);
}

/* The machine is gone, and the programs with it: nobody waits any more. */
void work_end(struct node *n, bool crash)
{
	lease_stop(n, crash);
	/* Requests stay in the arena: the ghost still knows them. */
	n->reqs = NULL;
	n->n_reqs = 0;
}

static void answer(struct node *n, struct req *q, s32 status)
{
	q->status = status;
	trace(n->w, "%s: request %llu/%llu of %s ends in %d, value %llu",
	      n->name, q->session, q->seq,
	      q->r.name_len ? q->r.name :
	      q->r.op == FSM_HANDLE_CLOSE ? "a close" : "a lock", status,
	      q->r.value);
	check_answer(n, q);
}

static void link_req(struct node *n, struct req *q)
{
	q->next = n->reqs;
	q->at = &n->reqs;
	if (q->next)
		q->next->at = &q->next;
	n->reqs = q;
	n->n_reqs++;
}

static void unlink_req(struct node *n, struct req *q)
{
	*q->at = q->next;
	if (q->next)
		q->next->at = q->at;
	n->n_reqs--;
}

/* The client has resolved it, once. */
void work_done(void *ctx, struct fsm_request *r)
{
	struct node *n = ctx;
	struct req *q = (struct req *)r;

	if (q->done)
		sim_fail(n->w, "exactly once", "%s resolves a request twice",
			 n->name);
	q->done = true;
	if (r->status == -ENOTRECOVERABLE && n->alive && !n->stopping &&
	    n->c.session == q->session)
		sim_fail(n->w, "exactly once",
			 "%s: outcome of %llu/%llu is called unknown, with its session alive",
			 n->name, q->session, q->seq);
	if (!q->answered)
		answer(n, q, r->status);
	unlink_req(n, q);
}

/* @name: of a counter, or of a lock if it is about one. */
struct req *work_ask(struct node *n, u8 op, u8 handle, u8 name, u64 arg,
		     const struct fsm_extra *extra)
{
	struct req *q = arena_alloc(n->w, sizeof(*q));
	const char *s;
	u8 len;

	q->called = n->w->now;
	q->floor = n->w->g.acked;
	q->timeout = ~0ULL;
	q->grace = ~0ULL;
	q->name = name;
	q->handle = handle;
	q->r.op = op;
	q->r.handle = n->handle[handle].no;
	q->r.arg = arg;
	q->r.extra = extra;
	if (op == FSM_COUNTER_ADD || op == FSM_LOCK_REVOKE) {
		s = op == FSM_LOCK_REVOKE ? lock_name(name, &len) :
					    work_name(name);
		q->r.name_len = strlen(s);
		memcpy(q->r.name, s, q->r.name_len);
	}
	link_req(n, q);
	n->w->stat.ops++;
	fsm_client_add(&n->c, &q->r);
	n->pump = true;
	return q;
}

struct req *work_request(struct node *n, u8 op, u8 handle, u8 name, u64 arg)
{
	return work_ask(n, op, handle, name, arg, NULL);
}

/*
 * A deadline passed, or a signal came. Still queued: nothing happened. Sent: a
 * cancellation follows it, and the call ends when either is applied, or after
 * a grace in ENOTRECOVERABLE.
 */
void work_give_up(struct node *n, struct req *q, s32 why)
{
	if (q->gave_up || q->done)
		return;
	q->gave_up = true;
	n->w->stat.cancels++;
	if (fsm_client_give_up(&n->c, &q->r, why)) {
		if (q->session)
			sim_fail(n->w, "exactly once",
				 "%s: %llu/%llu was sent, yet counts as never sent",
				 n->name, q->session, q->seq);
		work_done(n, &q->r);
		return;
	}
	n->pump = true;
	if (n->w->mutant == MUT_CANCEL_LIES && !q->answered)
		answer(n, q, why);
	q->grace = node_now(n) + GRACE;
	n->user_at = min(n->user_at, q->grace);
}

/* Nobody waits any more for what an open file has asked for. */
void work_withdraw(struct node *n, u64 number)
{
	struct req *q, *next;

	for (q = n->reqs; q; q = next) {
		next = q->next;
		if (q->r.handle != number || q->done ||
		    q->r.op == FSM_HANDLE_CLOSE)
			continue;
		q->orphan = true;
		if (!q->answered && !q->gave_up)
			work_give_up(n, q, -ECANCELED);
	}
}

/* The last descriptor of an open file is closed. */
void work_close(struct node *n, u8 handle)
{
	work_withdraw(n, n->handle[handle].no);
	lock_close(n, handle);
}

struct read *work_read(struct node *n, u8 kind, u8 name, u64 index)
{
	struct read *rd = n->reads;

	while (rd < n->reads + SIM_READS && rd->used)
		rd++;
	if (rd == n->reads + SIM_READS)
		return NULL;
	memset(rd, 0, sizeof(*rd));
	rd->used = true;
	rd->kind = kind;
	rd->name = name;
	rd->called = n->w->now;
	rd->floor = n->w->g.acked;
	rd->index = index;
	rd->confirmed = kind != READ_LINEARIZABLE ||
			n->w->mutant == MUT_READ_LOCAL;
	rd->ctx = ++n->next_ctx;
	rd->retry = node_now(n);
	if (!rd->confirmed) {
		raft_read(n->r, node_now(n), rd->ctx);
		rd->retry += READ_RETRY;
		n->user_at = min(n->user_at, rd->retry);
	}
	return rd;
}

/* Duty 6. */
void work_reads(struct node *n, const struct raft_read *r, u32 n_reads)
{
	struct read *rd;
	u32 i;

	for (i = 0; i < n_reads; i++) {
		if (lease_reads(n, r[i].ctx, r[i].index))
			continue;
		for (rd = n->reads; rd < n->reads + SIM_READS; rd++)
			if (rd->used && rd->ctx == r[i].ctx &&
			    !rd->confirmed) {
				rd->confirmed = true;
				rd->index = r[i].index;
			}
	}
}

void work_serve(struct node *n)
{
	struct read *rd;

	for (rd = n->reads; rd < n->reads + SIM_READS; rd++) {
		const char *s = work_name(rd->name);
		u64 value = 0, index;
		bool found;

		if (!rd->used || !rd->confirmed || n->applied < rd->index)
			continue;
		found = !fsm_counter(n->f, s, strlen(s), &value, &index);
		trace(n->w, "%s reads %s = %llu at %llu", n->name, s, value,
		      n->applied);
		check_read(n, rd, found, value);
		rd->used = false;
	}
}

/* What time does to programs: deadlines, the end of a grace, another try. */
void work_time(struct node *n)
{
	u64 now = node_now(n), at = ~0ULL;
	struct req *q, *next;
	struct read *rd;

	if (now < n->user_at)
		return;
	n->user_at = ~0ULL;
	for (q = n->reqs; q; q = next) {
		next = q->next;
		if (!q->answered && !q->gave_up && now >= q->timeout) {
			work_give_up(n, q, -ETIMEDOUT);
			continue;	/* it may be gone */
		}
		if (!q->answered && now >= q->grace) {
			q->orphan = true;
			answer(n, q, -ENOTRECOVERABLE);
		}
		if (!q->answered)
			at = min(at, q->gave_up ? q->grace : q->timeout);
	}
	for (rd = n->reads; rd < n->reads + SIM_READS; rd++) {
		if (!rd->used || rd->confirmed)
			continue;
		if (now >= rd->retry) {
			if (rng_next(&n->w->rng) & 1)
				rd->ctx = ++n->next_ctx;
			raft_read(n->r, now, rd->ctx);
			rd->retry = now + READ_RETRY;
		}
		at = min(at, rd->retry);
	}
	lock_time(n, now, &at);
	n->user_at = min(n->user_at, at);
}

/* The last counter is close to its end, always. */
static u64 amount(struct world *w, u8 name)
{
	if (name == SIM_NAMES - 1)
		return (rng_next(&w->rng) >> rng_below(&w->rng, 60)) | 1;
	return rng_range(&w->rng, 1, 5);
}

bool work_full(const struct node *n)
{
	return n->n_reqs >= SIM_REQS + n->w->k.burst;
}

/* With a deadline, by that chance. */
static void add(struct world *w, struct node *n, u8 handle, u8 name, u64 much,
		u32 timed)
{
	struct req *q = work_request(n, FSM_COUNTER_ADD, handle, name, much);

	if (!rng_hit(&w->rng, timed))
		return;
	q->timeout = node_now(n) + rng_below(&w->rng, 400 * MS);
	n->user_at = min(n->user_at, q->timeout);
}

/*
 * An array, or a ring: many ask at once, and those that ask for the same wait
 * together. In some of them something else comes in between.
 */
static void burst(struct world *w, struct node *n, u8 handle, u8 name)
{
	u32 count = rng_range(&w->rng, 2, w->k.burst);
	u32 other = rng_below(&w->rng, 3) ? 0 : rng_below(&w->rng, 100000);
	u32 timed = rng_below(&w->rng, 3) ? 0 : rng_below(&w->rng, 300000);
	u64 much = amount(w, name);

	while (count-- && !work_full(n)) {
		u8 what = rng_hit(&w->rng, other) ? 1 + rng_below(&w->rng, 3) : 0;

		add(w, n, what == 1 ? rng_below(&w->rng, w->k.handles) : handle,
		    what == 2 ? rng_below(&w->rng, SIM_NAMES) : name,
		    what == 3 ? amount(w, name) : much, timed);
	}
}

/* A signal: one of those who wait. A close is the kernel's, nobody waits for it. */
static void interrupt(struct world *w, struct node *n)
{
	u64 skip = n->n_reqs ? rng_below(&w->rng, n->n_reqs) : 0;
	struct req *q, *found = NULL;

	for (q = n->reqs; q && (skip || !found); q = q->next, skip -= !!skip)
		if (!q->gave_up && !q->answered && !q->orphan)
			found = q;
	if (found)
		work_give_up(n, found, -EINTR);
}

/* One thing that a program on @n does. */
void work_op(struct world *w, struct node *n)
{
	u8 h = rng_below(&w->rng, w->k.handles);
	u8 name = rng_below(&w->rng, SIM_NAMES);

	if (rng_hit(&w->rng, w->k.lock_share)) {
		lock_op(w, n);
	} else if (rng_hit(&w->rng, w->k.read_share)) {
		u8 kind = rng_below(&w->rng, 4);

		work_read(n, kind > READ_LOCAL ? 0 : kind, name,
			  kind == READ_AT_LEAST ? w->g.acked : 0);
	} else if (rng_hit(&w->rng, w->k.close_share)) {
		work_close(n, h);
	} else if (rng_hit(&w->rng, w->k.cancel_share)) {
		interrupt(w, n);
	} else if (rng_hit(&w->rng, w->k.burst_share)) {
		burst(w, n, h, name);
	} else if (!work_full(n)) {
		add(w, n, h, name, amount(w, name), 300000);
	}
	node_drain(n);
}
