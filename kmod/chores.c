// SPDX-License-Identifier: GPL-2.0
/*
 * What sleeps: memory for what softirq needs, and snapshots. One work item a
 * node; it acts on the node as its owner only, by calls.
 *
 * A snapshot to send is walked in stretches, apply going on between them. One
 * that was received is built into a state of its own, beside the live one, and
 * swapped in.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "node.h"

/* ----------------------------------------------------------------- memory */

struct cns_refill {
	struct sk_buff_head skbs;
	struct cns_peer *peers[CNS_SPARE_PEERS];
	void *chunk;
	u32 want_skbs;
	u32 want_chunks;
};

static void cns_refill_ask(struct cns_node *n, void *arg)
{
	struct cns_refill *f = arg;
	u32 i;

	f->want_skbs = 0;
	for (i = 0; i < n->n_peers; i++)
		if (!n->peers[i]->self)
			f->want_skbs += CNS_RESERVE -
				skb_queue_len(&n->peers[i]->reserve);
	f->want_chunks = fsm_wants(n->fsm);
}

static void cns_refill_give(struct cns_node *n, void *arg)
{
	struct cns_refill *f = arg;
	struct sk_buff *skb;
	u32 i;

	for (i = 0; i < n->n_peers; i++)
		while (!n->peers[i]->self &&
		       skb_queue_len(&n->peers[i]->reserve) < CNS_RESERVE &&
		       (skb = __skb_dequeue(&f->skbs)))
			__skb_queue_tail(&n->peers[i]->reserve, skb);
	for (i = 0; i < CNS_SPARE_PEERS; i++)
		if (!n->spare[i])
			swap(n->spare[i], f->peers[i]);
	if (f->chunk) {
		fsm_give(n->fsm, f->chunk);
		n->memory += FSM_CHUNK_BYTES;
		f->chunk = NULL;
	}
}

static void cns_refill(struct cns_node *n)
{
	struct cns_refill f = {};
	struct sk_buff *skb;
	bool more;
	int i;

	__skb_queue_head_init(&f.skbs);
	do {
		cns_node_call(n, cns_refill_ask, &f);
		while (f.want_skbs--) {
			skb = cns_udp_alloc(CNS_RESERVE_BYTES,
					    GFP_KERNEL_ACCOUNT);
			if (!skb)
				break;
			__skb_queue_tail(&f.skbs, skb);
		}
		for (i = 0; i < CNS_SPARE_PEERS; i++)
			if (!READ_ONCE(n->spare[i]))
				f.peers[i] = cns_peer_alloc(GFP_KERNEL_ACCOUNT);
		if (f.want_chunks)
			f.chunk = kvzalloc(FSM_CHUNK_BYTES,
					   GFP_KERNEL_ACCOUNT);
		/* Where there is no memory now, the next need asks again. */
		more = f.chunk && f.want_chunks > 1;
		cns_node_call(n, cns_refill_give, &f);
		__skb_queue_purge(&f.skbs);
		for (i = 0; i < CNS_SPARE_PEERS; i++) {
			cns_peer_free(f.peers[i]);
			f.peers[i] = NULL;
		}
		cond_resched();
	} while (more && !test_bit(CNS_STOPPING, &n->flags));
}

/* ------------------------------------------------------- snapshots to send */

/**
 * struct cns_walk - a snapshot being made
 * @buf: its memory
 * @cap: bytes of @buf
 * @old: what was offered before
 * @offer: what will be offered
 * @err: of its beginning
 * @done: the walk is through
 */
struct cns_walk {
	u8 *buf;
	u8 *old;
	u64 cap;
	struct raft_snapshot offer;
	int err;
	bool done;
};

static void cns_walk_size(struct cns_node *n, void *arg)
{
	struct cns_walk *w = arg;

	w->cap = n->snap.make ? fsm_snapshot_bytes(n->fsm) : 0;
	/* The state may grow until the walk begins. */
	if (w->cap)
		w->cap += w->cap / 8 + FSM_CHUNK_BYTES;
}

static void cns_walk_begin(struct cns_node *n, void *arg)
{
	struct cns_walk *w = arg;
	struct fsm_stats st;

	const struct raft_config *config;

	fsm_stats(n->fsm, &st);
	config = raft_config_at(n->raft, st.applied);
	w->err = config ? fsm_snapshot_begin(n->fsm, w->buf, w->cap) : -EAGAIN;
	if (w->err)
		return;
	w->offer.index = st.applied;
	w->offer.term = raft_term_at(n->raft, st.applied);
	w->offer.config = *config;
	w->offer.data = w->buf;
}

static void cns_walk_step(struct cns_node *n, void *arg)
{
	struct cns_walk *w = arg;

	w->done = fsm_snapshot_step(n->fsm, CNS_WALK_STEP);
	if (w->done)
		w->offer.len = fsm_snapshot_end(n->fsm);
}

static void cns_walk_offer(struct cns_node *n, void *arg)
{
	struct cns_walk *w = arg;

	n->snap.make = false;
	if (w->err) {
		/* None: so that raft asks again. */
		raft_snapshot_offer(n->raft, n->now, NULL);
		w->old = n->snap.offered;
		n->snap.offered = NULL;
		return;
	}
	raft_snapshot_offer(n->raft, n->now, &w->offer);
	w->old = n->snap.offered;
	n->snap.offered = w->buf;
	n->snapshots++;
}

static void cns_make_snapshot(struct cns_node *n)
{
	struct cns_walk w = {};

	cns_node_call(n, cns_walk_size, &w);
	if (!w.cap)
		return;
	w.buf = kvmalloc(w.cap, GFP_KERNEL_ACCOUNT);
	w.err = w.buf ? 0 : -ENOMEM;
	if (w.buf)
		cns_node_call(n, cns_walk_begin, &w);
	while (!w.err && !w.done) {
		cns_node_call(n, cns_walk_step, &w);
		cond_resched();
	}
	if (!w.err)
		w.offer.checksum = raft_checksum(w.buf, w.offer.len);
	cns_node_call(n, cns_walk_offer, &w);
	kvfree(w.old);
	if (w.err)
		kvfree(w.buf);
}

/* --------------------------------------------------- snapshots that came in */

struct cns_install {
	u8 *buf;
	u8 *old;
	u64 bytes;
	struct fsm *fsm;
	const struct raft_snapshot *snap;
	bool ok;
};

static void cns_buffer_ask(struct cns_node *n, void *arg)
{
	struct cns_install *i = arg;

	i->bytes = n->snap.want;
}

static void cns_buffer_give(struct cns_node *n, void *arg)
{
	struct cns_install *i = arg;

	n->snap.want = 0;
	i->old = i->buf;
	if (raft_snapshot_buffer(n->raft, n->now, i->buf, i->bytes))
		swap(n->snap.incoming, i->old);
}

static void cns_give_buffer(struct cns_node *n)
{
	struct cns_install i = {};

	cns_node_call(n, cns_buffer_ask, &i);
	if (!i.bytes)
		return;
	/* NULL is an answer too: the leader then begins anew. */
	i.buf = kvmalloc(i.bytes, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	cns_node_call(n, cns_buffer_give, &i);
	kvfree(i.old);
}

static void cns_install_ask(struct cns_node *n, void *arg)
{
	struct cns_install *i = arg;

	i->snap = n->snap.install ? raft_snapshot_received(n->raft) : NULL;
	n->snap.install = false;
}

/* Swap it in; @i keeps the state that is not live any more, to be freed. */
static void cns_install_swap(struct cns_node *n, void *arg)
{
	struct cns_install *i = arg;

	if (i->ok)
		swap(n->fsm, i->fsm);
	raft_snapshot_installed(n->raft, n->now, i->ok);
	i->old = n->snap.incoming;
	n->snap.incoming = NULL;
	if (!i->ok)
		return;
	n->snapshots++;
	n->pump = true;
	fsm_client_reload(&n->client, n->fsm, cns_request_done, n);
	cns_reads_applied(n);
}

static bool cns_feed(struct fsm *f)
{
	void *chunk;

	do {
		chunk = kvzalloc(FSM_CHUNK_BYTES, GFP_KERNEL_ACCOUNT);
		if (!chunk)
			return false;
		fsm_give(f, chunk);
	} while (fsm_wants(f));
	return true;
}

static bool cns_load(struct fsm *f, const struct raft_snapshot *s)
{
	struct fsm_stats st;
	int more;

	if (fsm_load_begin(f, s->data, s->len))
		return false;
	do {
		more = fsm_load_step(f, CNS_WALK_STEP);
		if (more == -ENOMEM && cns_feed(f))
			more = 1;
		cond_resched();
	} while (more > 0);
	fsm_stats(f, &st);
	if (more || st.applied != s->index)
		return false;
	/* With room for what comes behind it. */
	return !fsm_wants(f) || cns_feed(f);
}

static void cns_install_snapshot(struct cns_node *n)
{
	struct cns_install i = {};

	cns_node_call(n, cns_install_ask, &i);
	if (!i.snap)
		return;
	i.fsm = kvzalloc(fsm_size(), GFP_KERNEL_ACCOUNT);
	if (i.fsm) {
		fsm_init(i.fsm);
		i.ok = cns_load(i.fsm, i.snap);
	}
	cns_node_call(n, cns_install_swap, &i);
	cns_fsm_free(i.fsm);
	kvfree(i.old);
}

void cns_snapshots_free(struct cns_node *n)
{
	kvfree(n->snap.offered);
	kvfree(n->snap.incoming);
}

void cns_chores(struct work_struct *work)
{
	struct cns_node *n = container_of(work, struct cns_node, work);

	cns_refill(n);
	cns_give_buffer(n);
	cns_install_snapshot(n);
	cns_make_snapshot(n);
}
