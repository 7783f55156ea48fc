// SPDX-License-Identifier: GPL-2.0
/*
 * The driver of the Raft core: the ten duties that stand at the top of
 * raft/raft.h, carried out. Everything here runs as the owner.
 *
 * What is to be persisted goes to the WAL thread (wal.c), which reports by an item
 * in the inbox. In memory mode it is in the log already, and the core knows that.
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

void cns_release_held(struct cns_node *n, u64 seq)
{
	while (n->held_n && n->held[n->held_head].after <= seq) {
		cns_send_raft(n, &n->held[n->held_head]);
		n->held_head = (n->held_head + 1) % CNS_HELD_MAX;
		n->held_n--;
	}
}

/* ----------------------------------------------------------------- apply */

/*
 * May @entries enter the log, and up to @ahead that wait for them? There is memory
 * for whatever they turn out to need, and room in storage (design 4, 8).
 */
bool cns_admits(struct cns_node *n, unsigned int entries, unsigned int ahead)
{
	if (unlikely(!fsm_room(n->fsm, raft_last_index(n->raft),
			       entries + ahead))) {
		cns_node_work(n);
		return false;
	}
	/* What waits there is short: storage keeps room for it. */
	return cns_wal_room(n, entries);
}

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

/*
 * This state is not what the leader's was at the same index: one of the two is
 * wrong, and nobody can say which (design 7). It is not to come back either.
 */
static void cns_differs(struct cns_node *n)
{
	WRITE_ONCE(n->store.fail, n->store.on);
	raft_differs(n->raft, n->now, "the state differs from the leader's");
}

/* False: this node has stopped, and answers nobody any more. */
static bool cns_apply(struct cns_node *n, u64 first, u64 last)
{
	struct fsm_outcome *out = &n->outcome;
	struct raft_entry e;
	u64 index;
	int err;

	for (index = first; index <= last; index++) {
		err = raft_entry(n->raft, index, &e);
		if (!err)
			err = fsm_apply(n->fsm, index, e.data,
					e.kind == RAFT_COMMAND ? e.len : 0,
					out);
		if (err) {
			raft_fail(n->raft,
				  "a committed entry cannot be applied");
			return false;
		}
		if (unlikely(out->kind == FSM_OUT_DIFFERS)) {
			cns_differs(n);
			return false;
		}
		if (out->kind == FSM_OUT_RESULT && likely(!out->n_events) &&
		    likely(!out->ended) && out->session != n->client.session)
			continue;
		if (out->kind == FSM_OUT_NONE && likely(!out->n_events))
			continue;
		fsm_client_applied(&n->client, n->fsm, out, fsm_wants_done,
				   &n->wants);
		/* Only who has locks is told of any, and by the clock itself. */
		fsm_wants_applied(&n->wants, n->fsm, out,
				  n->wants.owners ? cns_now() : n->now);
		cns_lease_applied(n, out);
		n->pump |= n->client.queued || out->kind != FSM_OUT_RESULT;
	}
	raft_applied(n->raft, last);
	if (n->warden.leads)
		n->lease_poke |= fsm_dying(n->fsm);
	if (!list_empty(&n->reads))
		cns_reads_applied(n);
	/* There is room in the log again. */
	n->pump |= n->pump_at != U64_MAX;
	/* Not at every entry; often enough for the smallest log. */
	if (likely((first - 1) / CNS_TIDY_EVERY == last / CNS_TIDY_EVERY))
		return true;
	cns_compact(n);
	if (fsm_wants(n->fsm))
		cns_node_work(n);
	if (unlikely((first - 1) / CNS_CHECK_EVERY != last / CNS_CHECK_EVERY))
		n->check = true;
	if (unlikely(n->store.doubt) && !raft_doubt(n->raft))
		cns_keep_work(n);
	return true;
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

/* The command of @len bytes at @buf, which ends a session, is in the log. */
static noinline void cns_end_proposed(struct cns_node *n, const u8 *buf, u16 len,
				      u64 index)
{
	struct fsm_command c;

	if (!fsm_decode(&c, buf, len))
		cns_lease_proposed(n, &c, index);
}

/* A leader's own requests enter the log; what finds no room comes again. */
static void cns_propose_own(struct cns_node *n, u64 now)
{
	u64 cursor = 0, index;
	u8 *buf = n->command;
	u16 len;

	for (;;) {
		if (!cns_admits(n, 1, 0)) {
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
		if (unlikely(buf[0] == FSM_SESSION_END))
			cns_end_proposed(n, buf, len, index);
	}
}

/* A leader has its state compared with the others', once in a while. */
static void cns_propose_check(struct cns_node *n, u64 now)
{
	struct fsm_command c = { .op = FSM_CHECK };
	u8 buf[FSM_COMMAND_MAX];
	u64 index;

	n->check = false;
	if (raft_role(n->raft) != RAFT_LEADER ||
	    !fsm_checkpoint(n->fsm, &c.arg, &c.arg2) ||
	    !cns_admits(n, 1, 0))
		return;
	/* If the log is full now, then there is a next time. */
	raft_propose(n->raft, now, RAFT_COMMAND, buf, fsm_encode(&c, buf),
		     RAFT_NOBODY, &index);
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
	if (unlikely(n->check))
		cns_propose_check(n, now);
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
	cns_keep_work(n);
}

/* Duties 3 to 6, and 9. */
static void cns_carry_out(struct cns_node *n, const struct raft_ready *rd)
{
	unsigned int i;

	if (rd->persist.seq && n->store.on)
		cns_wal_hand(n, rd);
	for (i = 0; i < rd->n_msgs; i++) {
		if (rd->msgs[i].after)
			cns_hold(n, &rd->msgs[i]);
		else
			cns_send_raft(n, &rd->msgs[i]);
	}
	if (rd->apply_last >= rd->apply_first && rd->apply_last &&
	    unlikely(!cns_apply(n, rd->apply_first, rd->apply_last)))
		return;
	for (i = 0; i < rd->n_reads; i++) {
		cns_reads_confirmed(n, rd->reads[i].ctx, rd->reads[i].index);
		cns_lease_confirmed(n, rd->reads[i].ctx, rd->reads[i].index);
	}
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
	if (n->store.fail)
		cns_keep_work(n);
}

/* Requests go elsewhere now, and peers are to know; leases are another's. */
static void cns_role_changed(struct cns_node *n, u64 now)
{
	n->pump = true;
	n->hello_at = now;
	n->hello_calls = 1;
	cns_lease_role(n);
	n->lease_poke = true;
}

/* After every batch of items: what follows from them. */
void cns_drive(struct cns_node *n, u64 now)
{
	const struct raft_ready *rd;
	bool more;

	if (n->stopped || n->failed_logged)
		return;
	if (unlikely(n->loading))
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
			if (rd->role_changed)
				cns_role_changed(n, now);
			cns_carry_out(n, rd);
			raft_advance(n->raft);
			cns_pump(n, now);
		}
		more = false;
		if (unlikely(n->lease_poke || now >= n->lease_at))
			more = cns_lease_drive(n, now);
	} while (more);
	if (unlikely(raft_failed(n->raft)))
		cns_report_failure(n);
}

/* When time alone makes something due (ns). */
u64 cns_drive_deadline(struct cns_node *n)
{
	u64 resend = 2 * n->params.heartbeat_ns;
	u64 at, again;

	if (n->failed_logged || n->loading)
		return U64_MAX;
	at = min(raft_deadline(n->raft), cns_hello_deadline(n));
	at = min(at, cns_form_deadline(n));
	at = min3(at, n->pump_at, n->lease_at);
	if (n->read_sent)
		at = min(at, n->read_sent + resend);
	/* Whoever leads, or knows nobody who does, has nobody to send it to. */
	again = fsm_client_deadline(&n->client, resend);
	if (again < at && raft_role(n->raft) != RAFT_LEADER &&
	    cns_peer_by_id(n, raft_leader(n->raft)))
		at = again;
	return at;
}
