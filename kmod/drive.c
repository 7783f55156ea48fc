// SPDX-License-Identifier: GPL-2.0
/*
 * The driver of the Raft core: the ten duties that stand at the top of
 * raft/raft.h, carried out. Everything here runs as the owner.
 *
 * Storage is memory: what is to be persisted is in the log already. Its
 * completion comes as a disk's does, after all of a ready was carried out, with
 * (seq, term, index).
 */
#include <linux/kernel.h>
#include <linux/net.h>

#include "node.h"

/* --------------------------------------------------------- held messages */

static void cns_hold(struct cns_node *n, const struct raft_msg *m)
{
	unsigned int at = (n->held_head + n->held_n) % CNS_HELD_MAX;

	/* As if lost on the way. Only votes and small replies come here. */
	if (n->held_n == CNS_HELD_MAX)
		return;
	n->held[at] = *m;
	n->held_n++;
}

static void cns_release_held(struct cns_node *n, u64 seq)
{
	while (n->held_n && n->held[n->held_head].after <= seq) {
		cns_send_raft(n, &n->held[n->held_head]);
		n->held_head = (n->held_head + 1) % CNS_HELD_MAX;
		n->held_n--;
	}
}

static void cns_persist(struct cns_node *n, const struct raft_ready *rd)
{
	/* A step without entries adds none to what is not reported yet. */
	if (rd->persist.last >= rd->persist.first) {
		n->persisted_term = raft_term_at(n->raft, rd->persist.last);
		n->persisted_index = rd->persist.last;
	} else if (!n->persisted_seq) {
		n->persisted_term = 0;
		n->persisted_index = 0;
	}
	n->persisted_seq = rd->persist.seq;
}

/*
 * Memory has what it was given: report it, as a disk's write group would be,
 * all up to persisted_seq. False: nothing was outstanding.
 */
static bool cns_persisted(struct cns_node *n, u64 now)
{
	u64 seq = n->persisted_seq;

	if (!seq)
		return false;
	n->persisted_seq = 0;
	raft_persisted(n->raft, now, seq, n->persisted_term,
		       n->persisted_index);
	/* Stopped: no votes, no acks. */
	if (likely(!raft_failed(n->raft)))
		cns_release_held(n, seq);
	return true;
}

/* ----------------------------------------------------------------- apply */

/* Keep half of the log for those who lag; they get a snapshot otherwise. */
static void cns_compact(struct cns_node *n)
{
	u64 last = raft_commit(n->raft);
	u64 oldest;

	if (raft_fill(n->raft) <= CNS_COMPACT_PERCENT)
		return;
	oldest = raft_first_index(n->raft);
	if (last > oldest)
		raft_compact(n->raft, oldest + (last - oldest) / 2);
}

static void cns_apply(struct cns_node *n, u64 first, u64 last)
{
	struct fsm_outcome out;
	struct raft_entry e;
	u64 index;
	int err;

	for (index = first; index <= last; index++) {
		err = raft_entry(n->raft, index, &e);
		if (!err)
			err = fsm_apply(n->fsm, index, e.data,
					e.kind == RAFT_COMMAND ? e.len : 0,
					&out);
		if (err) {
			raft_fail(n->raft,
				  "a committed entry cannot be applied");
			return;
		}
		if (out.kind == FSM_OUT_NONE ||
		    (out.kind == FSM_OUT_RESULT &&
		     out.session != n->client.session))
			continue;
		fsm_client_applied(&n->client, &out, cns_request_done, n);
		n->pump |= n->client.queued || out.kind == FSM_OUT_OPENED;
	}
	raft_applied(n->raft, last);
	if (!list_empty(&n->reads))
		cns_reads_applied(n);
	/* There is room in the log again. */
	n->pump |= n->pump_at != U64_MAX;
	/* Not at every entry; often enough for the smallest log. */
	if (likely((first - 1) / CNS_TIDY_EVERY == last / CNS_TIDY_EVERY))
		return;
	cns_compact(n);
	if (fsm_wants(n->fsm))
		cns_node_work(n);
}

/* --------------------------------------------------------------- proposals */

/*
 * Something could not be sent for want of memory or room: not at every turn, or
 * a worker that looks for memory and this would chase each other.
 */
void cns_pump_later(struct cns_node *n, u64 now)
{
	n->pump_at = now + n->params.heartbeat_ns / 4;
}

/* A leader's own requests enter the log; what finds no room comes again. */
static void cns_propose_own(struct cns_node *n, u64 now)
{
	u8 buf[FSM_COMMAND_MAX];
	u64 cursor = 0, index;
	u16 len;

	for (;;) {
		if (!fsm_room(n->fsm, raft_last_index(n->raft), 1)) {
			cns_node_work(n);
			cns_pump_later(n, now);
			return;
		}
		len = fsm_client_next(&n->client, now, raft_term(n->raft),
				      U64_MAX, &cursor, buf);
		if (!len)
			return;
		if (raft_propose(n->raft, now, RAFT_COMMAND, buf, len,
				 RAFT_NOBODY, &index)) {
			fsm_client_unsend(&n->client, &cursor);
			cns_pump_later(n, now);
			return;
		}
	}
}

/*
 * Does anything of this node want to leave it? .pump says that something may
 * have come to: a request, an answer that made room, a leader, a deadline.
 */
static void cns_pump(struct cns_node *n, u64 now)
{
	if (!n->pump && likely(now < n->pump_at))
		return;
	n->pump = false;
	n->pump_at = U64_MAX;
	if (raft_role(n->raft) == RAFT_LEADER)
		cns_propose_own(n, now);
	else if (raft_id_some(raft_leader(n->raft)))
		cns_forward(n, now);
	cns_reads_pump(n, now);
}

/* ------------------------------------------------------------------ ready */

static void cns_snapshot_wishes(struct cns_node *n, const struct raft_ready *rd)
{
	if (likely(!rd->snap_make && !rd->snap_want && !rd->snap_install))
		return;
	if (rd->snap_make)
		n->snap.make = true;
	if (rd->snap_want)
		n->snap.want = rd->snap_want;
	if (rd->snap_install)
		n->snap.install = true;
	cns_node_work(n);
}

/* Duties 3 to 6, and 9. */
static void cns_carry_out(struct cns_node *n, const struct raft_ready *rd)
{
	unsigned int i;

	if (rd->persist.seq)
		cns_persist(n, rd);
	for (i = 0; i < rd->n_msgs; i++) {
		if (rd->msgs[i].after)
			cns_hold(n, &rd->msgs[i]);
		else
			cns_send_raft(n, &rd->msgs[i]);
	}
	if (rd->apply_last >= rd->apply_first && rd->apply_last)
		cns_apply(n, rd->apply_first, rd->apply_last);
	for (i = 0; i < rd->n_reads; i++)
		cns_reads_confirmed(n, rd->reads[i].ctx, rd->reads[i].index);
	cns_snapshot_wishes(n, rd);
}

static void cns_report_failure(struct cns_node *n)
{
	if (n->failed_logged)
		return;
	n->failed_logged = true;
	pr_err("consensus: node %s stopped itself: %s\n", n->params.name,
	       raft_failed(n->raft));
	cns_requests_stop(n, -ENOTCONN);
}

/* After every batch of items: what follows from them. */
void cns_drive(struct cns_node *n, u64 now)
{
	const struct raft_ready *rd;

	if (n->stopped || n->failed_logged)
		return;
	if (now >= raft_deadline(n->raft))
		raft_tick(n->raft, now);
	if (unlikely(now >= n->hello_at))
		cns_hello_tick(n, now);
	if (unlikely(!n->self.hello.formed))
		cns_form_tick(n, now);
	cns_pump(n, now);
	do {
		while ((rd = raft_ready(n->raft, now))) {
			if (rd->role_changed) {
				n->pump = true;
				n->hello_at = now;
				n->hello_calls = 1;
			}
			cns_carry_out(n, rd);
			raft_advance(n->raft);
			cns_pump(n, now);
		}
	} while (cns_persisted(n, now));
	if (unlikely(raft_failed(n->raft)))
		cns_report_failure(n);
}

/* When time alone makes something due (ns). */
u64 cns_drive_deadline(struct cns_node *n)
{
	u64 resend = 2 * n->params.heartbeat_ns;
	u64 at;

	if (n->failed_logged)
		return U64_MAX;
	at = min(raft_deadline(n->raft), cns_hello_deadline(n));
	at = min(at, cns_form_deadline(n));
	at = min(at, n->pump_at);
	if (n->read_sent)
		at = min(at, n->read_sent + resend);
	if (raft_role(n->raft) != RAFT_LEADER &&
	    cns_peer_by_id(n, raft_leader(n->raft)))
		at = min(at, fsm_client_deadline(&n->client, resend));
	return at;
}
