// SPDX-License-Identifier: GPL-2.0
/*
 * Leases, driven: the renewals of this node's session, and, while it leads, those of
 * all others. What is due when, and what may be believed, fsm/lease.h decides.
 *
 * A renewal is acknowledged behind a round of leadership that began after it came.
 * These rounds are linearizable reads of nothing, with contexts of their own out of
 * the same row as those of reads. All of it runs as the owner.
 */
#include <linux/ktime.h>

#include "handle.h"

/* ------------------------------------------------------------- the holder */

/* Tell the leader that the session is alive, if that is due. */
static void cns_renew(struct cns_node *n, u64 now)
{
	struct wire_renew r = { .session = n->wants.lease.session };
	struct cns_peer *p;

	r.id = fsm_lease_due(&n->wants.lease, cns_now());
	if (!r.id)
		return;
	if (raft_role(n->raft) == RAFT_LEADER) {
		cns_renew_receive(n, &r, now);
		return;
	}
	p = cns_peer_by_id(n, raft_leader(n->raft));
	if (p)
		cns_send_renew(n, p, WIRE_RENEW, &r);
}

/* A leader acknowledges. */
void cns_renewed_receive(struct cns_node *n, struct cns_peer *p,
			 const struct wire_renew *r, u64 now)
{
	fsm_wants_renewed(&n->wants, r->session, r->id, cns_now());
	n->lease_poke = true;
}

/* What time has done to the lease, for those who have locks. */
static void cns_lease_look(struct cns_node *n)
{
	enum fsm_lease_state is = fsm_wants_tick(&n->wants, cns_now());
	enum fsm_lease_state was = n->lease_was;

	n->lease_was = is;
	if (is != was && (is == FSM_LEASE_SUSPECT ||
			  (is == FSM_LEASE_SURE && was == FSM_LEASE_SUSPECT)))
		cns_handles_look(n, is);
	/* Each that is told pushes its end, so that the owner comes again. */
	n->lease_poke |= fsm_wants_sweep(&n->wants, CNS_CLOSE_STEP);
}

/* ------------------------------------------------------------- the leader */

/* Who leads, and may say something about sessions. Before all else here. */
void cns_lease_role(struct cns_node *n)
{
	bool leader = raft_role(n->raft) == RAFT_LEADER;
	u64 term = raft_term(n->raft);
	struct fsm_stats st;

	if (!leader && !n->warden.leads)
		return;
	fsm_stats(n->fsm, &st);
	if (!n->warden.leads || !leader || n->warden.term != term)
		n->reap = 0;
	fsm_warden_role(&n->warden, n->fsm, cns_now(), term, leader &&
			raft_term_at(n->raft, st.applied) == term);
}

/* A renewal arrived, from afar or from this node itself. */
void cns_renew_receive(struct cns_node *n, const struct wire_renew *r, u64 now)
{
	cns_lease_role(n);
	if (!n->warden.leads)
		return;
	n->round_wanted |= fsm_warden_hear(&n->warden, r->session, r->id);
	n->lease_poke = true;
}

/* One round for all that came since the last. True: it was asked for. */
static bool cns_round(struct cns_node *n, u64 now)
{
	if (!n->round_wanted)
		return false;
	if (!n->warden.leads) {
		n->round_wanted = false;
		return false;
	}
	if (raft_read(n->raft, now, n->read_ctx + 1)) {
		n->lease_held_up = true;
		return false;
	}
	fsm_warden_round(&n->warden, ++n->read_ctx);
	n->round_out = n->read_ctx;
	n->round_wanted = false;
	return true;
}

/* Leadership was confirmed for all rounds up to @ctx. */
void cns_lease_confirmed(struct cns_node *n, u64 ctx, u64 index)
{
	/* Of most rounds reads are the only reason. */
	if (likely(!n->round_out))
		return;
	if (ctx >= n->round_out)
		n->round_out = 0;
	cns_lease_role(n);
	if (!n->warden.leads)
		return;
	fsm_warden_confirmed(&n->warden, ctx, index);
	n->lease_poke = true;
}

static void cns_acknowledge(struct cns_node *n, u64 now)
{
	struct fsm_session_view v;
	struct wire_renew r;
	struct cns_peer *p;

	while ((r.session = fsm_warden_acknowledge(&n->warden, n->fsm,
						   cns_now(), &r.id))) {
		if (!fsm_session_view(n->fsm, r.session, &v))
			continue;
		p = cns_peer_by_id(n, v.node);
		if (raft_id_eq(v.node, n->self.hello.node))
			cns_renewed_receive(n, NULL, &r, now);
		else if (p)
			cns_send_renew(n, p, WIRE_RENEWED, &r);
	}
}

/* An entry that only leaders append. 0: not now. */
static u64 cns_propose(struct cns_node *n, const struct fsm_command *c, u64 now)
{
	u8 buf[FSM_COMMAND_MAX];
	u64 index;

	if (!cns_admits(n, 1, 0) ||
	    raft_propose(n->raft, now, RAFT_COMMAND, buf, fsm_encode(c, buf),
			 RAFT_NOBODY, &index)) {
		n->lease_held_up = true;
		return 0;
	}
	return index;
}

/* End sessions that were silent for too long. True: something was appended. */
static bool cns_expire(struct cns_node *n, u64 now)
{
	struct fsm_command c = {
		.op = FSM_EXPIRE, .stamp = ktime_get_real_seconds(),
	};
	bool any = false;
	u64 index;

	while ((c.arg = fsm_warden_expired(&n->warden, n->fsm,
					   cns_now()))) {
		index = cns_propose(n, &c, now);
		if (!index)
			break;
		fsm_warden_ending(&n->warden, c.arg, index);
		any = true;
	}
	return any;
}

/* Go on with what the dead have left, one entry at a time. */
static bool cns_reap(struct cns_node *n, u64 now)
{
	struct fsm_command c = {
		.op = FSM_REAP, .stamp = ktime_get_real_seconds(),
	};
	struct fsm_stats st;
	u64 index;

	if (!n->warden.leads || !fsm_dying(n->fsm))
		return false;
	fsm_stats(n->fsm, &st);
	if (n->reap > st.applied)
		return false;
	index = cns_propose(n, &c, now);
	if (!index)
		return false;
	n->reap = index;
	return true;
}

/* A command entered the log of this leader at @index: does it end a session? */
void cns_lease_proposed(struct cns_node *n, const struct fsm_command *c,
			u64 index)
{
	if (c->op == FSM_SESSION_END && n->warden.leads)
		fsm_warden_ending(&n->warden, c->arg, index);
}

/*
 * Somebody's ticket was granted by what another did: the nodes concerned learn of
 * it at once (design 9).
 */
static void cns_notify(struct cns_node *n, const struct fsm_outcome *out)
{
	const struct fsm_event *e = fsm_events(n->fsm);
	struct fsm_session_view v;
	u32 i;

	for (i = 0; i < out->n_events; i++)
		if (e[i].session && fsm_session_view(n->fsm, e[i].session, &v))
			raft_notify(n->raft, n->now, v.node);
}

/* What an entry that was applied means for leases and locks. */
void cns_lease_applied(struct cns_node *n, const struct fsm_outcome *out)
{
	if (out->n_events && raft_role(n->raft) == RAFT_LEADER)
		cns_notify(n, out);
	if (out->kind == FSM_OUT_OPENED || out->kind == FSM_OUT_ENDED ||
	    out->ended) {
		n->sessions_moved = true;
		n->lease_poke = true;
	}
}

/* ------------------------------------------------------------------ driver */

/*
 * Everything that time, or what came, makes due. True: the core has something new
 * to do.
 */
bool cns_lease_drive(struct cns_node *n, u64 now)
{
	bool more = false;
	u64 at;

	n->lease_poke = false;
	n->lease_held_up = false;
	cns_lease_role(n);
	if (n->sessions_moved) {
		n->sessions_moved = false;
		fsm_warden_sessions(&n->warden, n->fsm, cns_now());
	}
	if (n->look) {
		n->look = fsm_wants_look(&n->wants, n->fsm, cns_now());
		n->lease_poke |= n->look;
	}
	cns_renew(n, now);
	if (n->warden.leads) {
		cns_acknowledge(n, now);
		more |= cns_round(n, now);
		more |= cns_expire(n, now);
		more |= cns_reap(n, now);
	}
	cns_lease_look(n);
	at = fsm_warden_deadline(&n->warden, n->fsm);
	/* What found no room is tried again, but not at every turn. */
	if (n->lease_held_up)
		at = now + n->params.heartbeat_ns / 4;
	if (n->look)
		at = now;
	/* The own deadline waits for none of that. */
	n->lease_at = min(at, fsm_lease_deadline(&n->wants.lease));
	return more;
}
