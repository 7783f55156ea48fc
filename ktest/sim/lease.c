// SPDX-License-Identifier: GPL-2.0
/*
 * The driver of leases, as fsm/lease.h and fsm/want.h want it: renewals go out and
 * are acknowledged after a round; leaders end the sessions of the silent, and what
 * the dead have left; loss is told.
 */
#include "sim.h"
#ifdef SIM_WIRE
#include "../../kmod/wire/wire.h"
#endif

#define ROUND 0x8000000000000000ULL /* contexts of rounds; reads of programs lack it */
#define BACKLOG (50 * US)	/* between two steps of telling and closing */

static void told_want(void *ctx, struct fsm_want *w, enum fsm_told what)
{
	lock_told(ctx, w, what);
}

static void told_owner(void *ctx, struct fsm_owner *o, s32 status)
{
	lock_lost(ctx, o, status);
}

static const struct fsm_wants_ops ops = {
	.want = told_want,
	.owner = told_owner,
	.done = work_done,
};

/* Wants know their requests by what they ask for: not those of which they know not. */
void lease_done(void *ctx, struct fsm_request *r)
{
	struct node *n = ctx;

	if (lock_raw(r))
		work_done(n, r);
	else
		fsm_wants_done(&n->ws, r);
}

void lease_start(struct node *n)
{
	memset(n->tables, 0, sizeof(n->tables));
	fsm_wants_init(&n->ws, &n->c, &ops, n, n->tables, SIM_BUCKETS);
	fsm_warden_init(&n->wd);
	n->want_round = false;
	n->round_ctx = 0;
	n->reap_index = 0;
	n->notify = 0;
	n->backlog = false;
	lock_start(n);
}

/* The machine is gone; or it stops, and says so to whom it concerns. */
void lease_stop(struct node *n, bool crash)
{
	if (!crash) {
		fsm_wants_stop(&n->ws, -ESHUTDOWN);
		while (fsm_wants_sweep(&n->ws, 1))
			;
		while (lock_closing(n))
			;
		fsm_client_stop(&n->c, -ESHUTDOWN, lease_done, n);
		if (n->holds)
			sim_fail(n->w, "told once", "%s stops, and a want has not ended",
				 n->name);
	}
	lock_stop(n);
}

/* -------------------------------------------------------------- renewals */

static struct msg *message(struct node *n, u8 kind, struct raft_id id,
			   u64 session, u64 renewal)
{
	struct node *to = node_by_id(n->w, id);
	struct msg *m;

	if (!to)
		return NULL;
	m = msg_new(n->w);
	m->kind = kind;
	m->from = n->slot;
	m->to = to->slot;
	m->boot = node_boot_of(n, to);
	m->from_boot = n->gen;
	m->from_id = n->id;
	m->to_id = id;
	m->session = session;
	m->renewal = renewal;
#ifdef SIM_WIRE
	if (n->w->k.wire) {
		struct wire_renew r = { .session = session, .id = renewal };
		u8 buf[256];
		u32 len = wire_put_renew(buf, sizeof(buf), kind == MSG_RENEW ?
					 WIRE_RENEW : WIRE_RENEWED, &r, n->id, 1);

		m->data = malloc(len);
		memcpy(m->data, buf, len);
		m->len = len;
		m->wire_len = len;
	}
#endif
	return m;
}

static bool open_message(struct node *n, const struct msg *m, u64 *session,
			 u64 *renewal)
{
	*session = m->session;
	*renewal = m->renewal;
#ifdef SIM_WIRE
	if (m->wire_len) {
		static struct wire_msg wm;

		if (wire_decode(m->data, m->wire_len, m->from_id, m->to_id,
				&wm) != WIRE_OK ||
		    wm.type != (m->kind == MSG_RENEW ? WIRE_RENEW : WIRE_RENEWED))
			return false;
		*session = wm.renew.session;
		*renewal = wm.renew.id;
	}
#endif
	return true;
}

/* As the leader: someone's session is alive. */
static void hear(struct node *n, u64 session, u64 renewal)
{
	struct fsm_warden *wd = &n->wd;

	fsm_warden_role(wd, n->f, node_now(n), raft_term(n->r), leads(n));
	if (mutant_hears(n, session, renewal))
		return;
	if (fsm_warden_hear(wd, session, renewal))
		n->want_round = true;
}

/* As its holder: the lease is that much longer. */
static void renewed(struct node *n, u64 session, u64 renewal)
{
	bool was_over = !fsm_lease_left(&n->ws.lease, node_now(n));

	n->w->stat.renewals++;
	if (mutant_renewed(n, session, renewal))
		was_over |= !n->ws.lease.session;
	else
		fsm_wants_renewed(&n->ws, session, renewal, node_now(n));
	if (was_over)
		check_resumed(n);
}

/* One that is due when nobody is known to lead is lost; the next comes soon. */
static void renew(struct node *n)
{
	u64 id = fsm_lease_due(&n->ws.lease, node_now(n));
	u64 session = n->ws.lease.session;
	struct msg *m;

	if (!id || !raft_id_some(raft_leader(n->r)))
		return;
	if (raft_role(n->r) == RAFT_LEADER) {
		hear(n, session, id);
		return;
	}
	m = message(n, MSG_RENEW, raft_leader(n->r), session, id);
	if (m)
		n->w->ops->send(n->w, m);
}

static void acknowledge(struct node *n, u64 session, u64 renewal)
{
	struct fsm_session_view v;
	struct msg *m;

	check_acknowledged(n, session);
	if (!fsm_session_view(n->f, session, &v))
		sim_fail(n->w, "contract", "%s acknowledges session %llu, which has ended",
			 n->name, session);
	if (raft_id_eq(v.node, n->id)) {
		renewed(n, session, renewal);
		return;
	}
	m = message(n, MSG_RENEWED, v.node, session, renewal);
	if (m)
		n->w->ops->send(n->w, m);
}

void lease_message(struct node *n, const struct msg *m)
{
	u64 session, renewal;

	if (!open_message(n, m, &session, &renewal))
		sim_fail(n->w, "contract", "a renewal does not decode");
	if (!n->w->k.leases || n->broken)
		return;
	if (m->kind == MSG_RENEW)
		hear(n, session, renewal);
	else
		renewed(n, session, renewal);
}

void lease_acknowledge(struct node *n, u64 session, u64 renewal)
{
	acknowledge(n, session, renewal);
}

/* -------------------------------------------------------------- the leader */

/* Its own no-op is applied. */
bool leads(const struct node *n)
{
	return raft_role(n->r) == RAFT_LEADER && n->applied &&
	       n->applied_term == raft_term(n->r);
}

/* A round of leadership is no program's read: true. */
bool lease_reads(struct node *n, u64 ctx, u64 index)
{
	if (!(ctx & ROUND))
		return false;
	if (ctx >= n->round_ctx) {
		n->round_ctx = ctx;
		n->round_index = index;
	}
	return true;
}

static bool rounds(struct node *n)
{
	struct fsm_warden *wd = &n->wd;
	bool again = false;
	u64 ctx;

	if (n->round_ctx)
		fsm_warden_confirmed(wd, n->round_ctx, n->round_index);
	n->round_ctx = 0;
	if (!wd->leads)
		n->want_round = false;
	if (!n->want_round)
		return false;
	ctx = ROUND | (n->round + 1);
	if (!raft_read(n->r, node_now(n), ctx)) {
		n->round++;
		n->want_round = false;
		fsm_warden_round(wd, ctx);
		again = true;
	}
	return again;
}

static bool append(struct node *n, const struct fsm_command *c, u64 *index)
{
	u8 buf[FSM_COMMAND_MAX];

	return node_admits(n) && fsm_room(n->f, raft_last_index(n->r), 1) &&
	       !raft_propose(n->r, node_now(n), RAFT_COMMAND, buf,
			     fsm_encode(c, buf), RAFT_NOBODY, index);
}

/* Sessions that were silent for too long. */
static bool expire(struct node *n)
{
	struct fsm_command c = { .op = FSM_EXPIRE, .stamp = 1 };
	bool any = false;
	u64 index;

	n->full = false;
	while ((c.arg = fsm_warden_expired(&n->wd, n->f, node_now(n)))) {
		if (!append(n, &c, &index)) {
			n->full = true;
			break;
		}
		check_expiry(n, c.arg, index);
		n->w->stat.expiries++;
		fsm_warden_ending(&n->wd, c.arg, index);
		any = true;
	}
	return any;
}

/* What the dead have left, an entry at a time. */
static bool reap(struct node *n)
{
	struct fsm_command c = { .op = FSM_REAP, .stamp = 1 };
	u64 index;

	if (!n->wd.leads || !fsm_dying(n->f) || n->reap_index > n->applied ||
	    n->w->mutant == MUT_REAP_STOPS)
		return false;
	if (!append(n, &c, &index)) {
		n->full = true;
		return false;
	}
	n->reap_index = index;
	n->w->stat.reaps++;
	return true;
}

/* The session that an open would take the place of; 0: none. */
static u64 replaced_by(struct node *n, const struct fsm_command *c)
{
	struct fsm_session_view v;
	u32 cursor = 0;

	while (fsm_session_next(n->f, &cursor, &v))
		if (v.name_len == c->name_len &&
		    !memcmp(v.name, c->name, c->name_len) &&
		    (!raft_id_eq(v.node, c->node) ||
		     v.boot_nonce != c->boot_nonce || v.ordinal != c->arg2))
			return v.id;
	return 0;
}

void lease_appended(struct node *n, const struct fsm_command *c, u64 index)
{
	u64 session = 0;

	if (!n->w->k.leases)
		return;
	if (c->op == FSM_SESSION_END)
		session = c->arg;
	else if (c->op == FSM_SESSION_OPEN)
		session = replaced_by(n, c);
	if (session)
		fsm_warden_ending(&n->wd, session, index);
}

/* ---------------------------------------------------------- what is applied */

/* Nodes whose programs were granted something are to know it at once. */
static void note_events(struct node *n, const struct fsm_outcome *out)
{
	const struct fsm_event *e = fsm_events(n->f);
	struct fsm_session_view v;
	struct node *to;
	u32 i;

	for (i = 0; i < out->n_events; i++) {
		if (!e[i].session || !fsm_session_view(n->f, e[i].session, &v))
			continue;
		to = node_by_id(n->w, v.node);
		if (to)
			n->notify |= 1u << to->slot;
	}
}

void lease_applied(struct node *n, const struct fsm_outcome *out)
{
	struct fsm_outcome told = *out;

	if (out->kind != FSM_OUT_NONE) {
		n->pump = true;
		mutant_told(n, &told);
		fsm_client_applied(&n->c, n->f, &told, lease_done, n);
		told = *out;
	}
	mutant_applied(n, &told, true);
	fsm_wants_applied(&n->ws, n->f, &told, node_now(n));
	mutant_applied(n, &told, false);
	if (raft_role(n->r) == RAFT_LEADER && out->n_events)
		note_events(n, out);
	if (out->kind == FSM_OUT_OPENED || out->kind == FSM_OUT_ENDED || out->ended)
		n->sessions_changed = true;
}

void lease_reload(struct node *n)
{
	fsm_client_reload(&n->c, n->f, lease_done, n);
	fsm_wants_reload(&n->ws, n->f, node_now(n));
}

/* ------------------------------------------------------------------- turns */

static void notify(struct node *n)
{
	u32 i;

	for (i = 0; n->notify; i++) {
		if (n->notify & 1u << i && n->w->node[i].exists)
			raft_notify(n->r, node_now(n), n->w->node[i].id);
		n->notify &= ~(1u << i);
	}
}

static bool lead(struct node *n)
{
	bool again = n->notify;
	u64 session, id;

	fsm_warden_role(&n->wd, n->f, node_now(n), raft_term(n->r), leads(n));
	mutant_role(n);
	if (n->sessions_changed)
		fsm_warden_sessions(&n->wd, n->f, node_now(n));
	n->sessions_changed = false;
	again |= rounds(n);
	while ((session = fsm_warden_acknowledge(&n->wd, n->f, node_now(n), &id)))
		acknowledge(n, session, id);
	again |= expire(n);
	again |= reap(n);
	if (raft_role(n->r) == RAFT_LEADER)
		notify(n);
	n->notify = 0;
	return again;
}

bool lease_turn(struct node *n)
{
	bool again = false;

	if (n->w->k.leases) {
		if (node_now(n) >= fsm_lease_deadline(&n->ws.lease) &&
		    !mutant_untimed(n))
			fsm_wants_tick(&n->ws, node_now(n));
		again = lead(n);
		renew(n);
		again |= n->want_round && rounds(n);
	}
	lock_finish(n);
	if (!n->backlog && !n->ws.unaware)
		return again;
	n->backlog = fsm_wants_sweep(&n->ws, 1 + rng_below(&n->w->rng, 4));
	n->backlog |= lock_closing(n);
	return again;
}

u64 lease_deadline(const struct node *n)
{
	u64 now = node_now(n), d = ~0ULL;

	if (n->w->k.leases) {
		if (!mutant_untimed(n))
			d = min(d, fsm_lease_deadline(&n->ws.lease));
		else
			d = min(d, now + MS);
		if (!n->full)
			d = min(d, fsm_warden_deadline(&n->wd, n->f));
		else
			d = min(d, now + MS);
	}
	if (n->backlog)
		d = min(d, now + BACKLOG);
	return d;
}
