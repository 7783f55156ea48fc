// SPDX-License-Identifier: GPL-2.0
/*
 * Datagrams, as the owner sees them: those received are decoded and handed to
 * whom they concern; those to send are encoded into skbs and queued, and leave
 * when ownership ends.
 *
 * When memory is short a cluster must not fall over: what keeps leaders and
 * sessions alive (anything small) goes from preallocated datagrams of each
 * peer, which process context refills. Only data is dropped then, and an
 * append shrinks to the heartbeat that it also is.
 */
#include <linux/skbuff.h>

#include "node.h"

/* The wire's reasons are the first of those that status tells. */
static_assert((int)WIRE_SHORT == (int)CONSENSUS_DROP_SHORT);
static_assert((int)WIRE_HELLO_REFUSED == (int)CONSENSUS_DROP_HELLO_REFUSED);

/* The longest command fits where there is no memory: in a forward of its own. */
static_assert(WIRE_HEADER + 4 + 2 + FSM_COMMAND_MAX <= CNS_RESERVE_BYTES);

/* ---------------------------------------------------------------- receive */

static bool cns_of_cluster(const struct cns_node *n, u64 cluster)
{
	return cluster && cluster == n->self.hello.cluster.hi;
}

/* Somebody's commands enter the log, if we lead. */
static void cns_forwarded(struct cns_node *n, struct cns_peer *p,
			  const struct wire_forward *f, u64 now)
{
	struct fsm_command c;
	unsigned int i;
	u64 index;

	if (raft_role(n->raft) != RAFT_LEADER)
		return;
	for (i = 0; i < f->n; i++) {
		if (fsm_decode(&c, f->cmd[i], f->len[i]))
			continue;
		/* What only leaders say is not for others to forward. */
		if (!c.session && c.op != FSM_SESSION_OPEN)
			continue;
		if (c.session && !fsm_news(n->fsm, &c))
			continue;
		if (!cns_admits(n, 1, 0) ||
		    raft_propose(n->raft, now, RAFT_COMMAND, f->cmd[i],
				 f->len[i], p->wire.node, &index)) {
			cns_drop(n, CONSENSUS_DROP_UNREADY);
			return;
		}
		cns_lease_proposed(n, &c, index);
	}
}

static void cns_raft_received(struct cns_node *n, struct raft_msg *m, u64 now)
{
	/*
	 * No memory for what it, and those that wait for it, may need, or no
	 * room in storage: as if it had been lost (design 4).
	 */
	if (m->type == RAFT_APPEND && m->n_entries &&
	    !cns_admits(n, m->n_entries, RAFT_STASH_MAX * RAFT_BATCH_MAX)) {
		cns_drop(n, CONSENSUS_DROP_UNREADY);
		return;
	}
	raft_step(n->raft, now, m);
}

static enum consensus_drop cns_dispatch(struct cns_node *n, struct cns_peer *p,
					const struct cns_datagram *d, u64 now)
{
	struct wire_msg *m = &n->scratch;

	switch (m->type) {
	case WIRE_RAFT:
		if (!cns_of_cluster(n, d->cluster))
			return CONSENSUS_DROP_CLUSTER;
		/* The log names the cluster: that comes first. */
		if (unlikely(!cns_promise_saved(n))) {
			cns_keep_work(n);
			return CONSENSUS_DROP_UNREADY;
		}
		cns_raft_received(n, &m->raft, now);
		return 0;
	case WIRE_FORWARD:
		if (!cns_of_cluster(n, d->cluster))
			return CONSENSUS_DROP_CLUSTER;
		cns_forwarded(n, p, &m->forward, now);
		return 0;
	case WIRE_RENEW:
	case WIRE_RENEWED:
		if (!cns_of_cluster(n, d->cluster))
			return CONSENSUS_DROP_CLUSTER;
		if (m->type == WIRE_RENEW)
			cns_renew_receive(n, &m->renew, now);
		else
			cns_renewed_receive(n, p, &m->renew, now);
		return 0;
	default:
		cns_form_receive(n, p, m->type, &m->promise, now);
		return 0;
	}
}

/* Somebody calls. Apart from the others, as an address takes place on the stack. */
static noinline void cns_called(struct cns_node *n, struct sk_buff *skb, u64 now)
{
	union cns_address from;

	cns_udp_source(skb, &from);
	cns_hello_receive(n, &n->scratch.hello, &from, now);
}

static enum consensus_drop cns_received(struct cns_node *n,
					struct sk_buff *skb, u64 now)
{
	struct cns_datagram *d = cns_datagram(skb);
	struct cns_peer *p = d->peer;

	if (n->stopped || n->failed_logged)
		return 0;
	if (unlikely(n->loading))
		return CONSENSUS_DROP_UNREADY;
	n->rx++;
	n->rx_bytes += skb->len;
	if (p && p->generation != d->generation)
		return CONSENSUS_DROP_STRANGER;
	if (p && !wire_window_take(&p->wire.window, d->sequence))
		return CONSENSUS_DROP_REPLAYED;
	if (wire_decode(skb->data, skb->len, p ? p->wire.node : RAFT_NOBODY,
			n->self.hello.node, &n->scratch))
		return CONSENSUS_DROP_MALFORMED;
	if (p) {
		p->wire.heard_at = now;
		if (unlikely(!cns_peer_ready(n, p)))
			return CONSENSUS_DROP_UNREADY;
		return cns_dispatch(n, p, d, now);
	}
	cns_called(n, skb, now);
	return 0;
}

/* A verified datagram's turn has come. Consumes @skb. */
void cns_receive(struct cns_node *n, struct sk_buff *skb, u64 now)
{
	enum consensus_drop drop = cns_received(n, skb, now);

	if (unlikely(drop))
		cns_drop(n, drop);
	if (in_serving_softirq())
		napi_consume_skb(skb, 1);
	else
		consume_skb(skb);
}

/* ------------------------------------------------------------------- send */

/*
 * A datagram of at least @len bytes; small ones also when memory is short, as
 * long as more than @keep are left of the reserve.
 */
static struct sk_buff *cns_alloc(struct cns_node *n, struct cns_peer *p,
				 u32 len, u32 keep)
{
	struct sk_buff *skb = cns_udp_alloc(len, GFP_ATOMIC | __GFP_NOWARN);

	if (likely(skb))
		return skb;
	if (p && len <= CNS_RESERVE_BYTES && skb_queue_len(&p->reserve) > keep) {
		cns_node_work(n);
		skb = __skb_dequeue(&p->reserve);
	}
	if (!skb)
		cns_drop(n, CONSENSUS_DROP_MEMORY);
	return skb;
}

static void cns_seal(struct cns_node *n, struct cns_peer *p,
		     struct sk_buff *skb, u32 len)
{
	skb_put(skb, len);
	wire_seal(skb->data, len, ++p->wire.tx_sequence, &p->wire.tx);
	cns_udp_queue(n, skb, &p->address, &p->route);
}

/* Bytes that @m may take; exact where that keeps the skb small. */
static u32 cns_raft_room(const struct cns_node *n, const struct raft_msg *m)
{
	u32 room = CNS_RAFT_BYTES;
	struct raft_entry e;

	if (m->type == RAFT_SNAPSHOT)
		return WIRE_PAYLOAD;
	if (m->n_entries > 2)
		return WIRE_PAYLOAD;
	if (m->n_entries > 0 && !raft_entry(n->raft, m->index + 1, &e))
		room += RAFT_ENTRY_COST + e.len;
	if (m->n_entries > 1 && !raft_entry(n->raft, m->index + 2, &e))
		room += RAFT_ENTRY_COST + e.len;
	return max_t(u32, room, CNS_RESERVE_BYTES);
}

/* There is no memory for the entries of append @m. */
static noinline void cns_send_heartbeat(struct cns_node *n,
					const struct raft_msg *m)
{
	struct raft_msg heartbeat = *m;

	heartbeat.n_entries = 0;
	cns_send_raft(n, &heartbeat);
}

void cns_send_raft(struct cns_node *n, const struct raft_msg *m)
{
	struct cns_peer *p = cns_peer_by_id(n, m->to);
	u64 cluster = n->self.hello.cluster.hi;
	struct sk_buff *skb;
	u32 room, len;

	if (!p || !cns_peer_ready(n, p))
		return;
	room = cns_raft_room(n, m);
	skb = cns_alloc(n, p, room, m->n_entries ? CNS_RESERVE_KEPT : 0);
	if (unlikely(!skb)) {
		if (m->n_entries)
			cns_send_heartbeat(n, m);
		return;
	}
	len = wire_put_raft(skb->data, room, m, n->raft, cluster);
	if (len)
		cns_seal(n, p, skb, len);
	else
		kfree_skb(skb);
}

void cns_send_promise(struct cns_node *n, struct cns_peer *p, u8 type,
		      const struct wire_promise *w)
{
	struct sk_buff *skb;
	u32 len;

	if (!cns_peer_ready(n, p))
		return;
	skb = cns_alloc(n, p, CNS_RESERVE_BYTES, 0);
	if (!skb)
		return;
	len = wire_put_promise(skb->data, CNS_RESERVE_BYTES, type, w,
			       n->self.hello.node);
	if (len)
		cns_seal(n, p, skb, len);
	else
		kfree_skb(skb);
}

/* A renewal, or its acknowledgment: they go out also when memory is short. */
void cns_send_renew(struct cns_node *n, struct cns_peer *p, u8 type,
		    const struct wire_renew *r)
{
	struct sk_buff *skb;
	u32 len;

	if (!cns_peer_ready(n, p))
		return;
	skb = cns_alloc(n, p, CNS_RESERVE_BYTES, 0);
	if (!skb)
		return;
	len = wire_put_renew(skb->data, CNS_RESERVE_BYTES, type, r,
			     n->self.hello.node, n->self.hello.cluster.hi);
	if (len)
		cns_seal(n, p, skb, len);
	else
		kfree_skb(skb);
}

/* @p: NULL for a stranger. */
void cns_send_hello(struct cns_node *n, struct wire_peer *w, struct cns_peer *p,
		    const union cns_address *to, u64 now)
{
	struct wire_hello h;
	struct sk_buff *skb;
	u64 random;
	u32 len;

	do {
		random = get_random_u64();
	} while (!random);
	n->self.hello.durable_index = raft_durable_index(n->raft);
	n->self.hello.durable_term = raft_term_at(n->raft,
						  raft_durable_index(n->raft));
	wire_hello_make(&n->self, w, now, random, cns_fresh_ns(n), &h);
	skb = cns_alloc(n, p, CNS_RESERVE_BYTES, CNS_RESERVE_KEPT);
	if (!skb)
		return;
	len = wire_put_hello(skb->data, CNS_RESERVE_BYTES, &h);
	if (!len) {
		kfree_skb(skb);
		return;
	}
	skb_put(skb, len);
	wire_seal(skb->data, len, 0, &n->self.hello_key[0]);
	cns_udp_queue(n, skb, to, p ? &p->route : NULL);
}

/* An empty FORWARD, as large as memory allows. *cap: its room. */
static struct sk_buff *cns_forward_new(struct cns_node *n, struct cns_peer *p,
				       u32 *cap, u32 *at)
{
	struct sk_buff *skb;

	*cap = WIRE_PAYLOAD;
	skb = cns_alloc(n, p, *cap, 0);
	if (unlikely(!skb)) {
		*cap = CNS_RESERVE_BYTES;
		skb = cns_alloc(n, p, *cap, CNS_RESERVE_KEPT);
	}
	if (skb)
		*at = wire_forward_begin(skb->data, *cap, n->self.hello.node,
					 n->self.hello.cluster.hi);
	return skb;
}

/*
 * Send what this node's programs wait for to the leader. As many datagrams as
 * it takes; what finds no memory comes again.
 */
void cns_forward(struct cns_node *n, u64 now)
{
	struct cns_peer *p = cns_peer_by_id(n, raft_leader(n->raft));
	u64 cursor = 0, resend = 2 * n->params.heartbeat_ns;
	u8 *cmd = n->command;
	struct sk_buff *skb = NULL;
	u32 at = 0, cap = 0, more;
	u16 len;

	if (!p || !cns_peer_ready(n, p))
		return;
	for (;;) {
		len = fsm_client_next(&n->client, now, raft_term(n->raft),
				      resend, &cursor, cmd);
		if (!len)
			break;
		if (!skb)
			skb = cns_forward_new(n, p, &cap, &at);
		if (!skb) {
			fsm_client_unsend(&n->client, &cursor);
			cns_pump_later(n, now);
			return;
		}
		more = wire_forward_add(skb->data, cap, at, cmd, len);
		if (!more) {
			fsm_client_unsend(&n->client, &cursor);
			cns_seal(n, p, skb, at);
			skb = NULL;
			continue;
		}
		at = more;
	}
	if (skb)
		cns_seal(n, p, skb, at);
}
