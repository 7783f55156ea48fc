// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for what softirq needs: it is taken ahead, from where one may sleep. One
 * work item a node; it acts on the node as its owner only, by calls.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "node.h"

struct cns_refill {
	struct sk_buff_head skbs;
	struct cns_peer *peers[CNS_SPARE_PEERS];
	void *chunk;
	bool want_peer[CNS_SPARE_PEERS];
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
	for (i = 0; i < CNS_SPARE_PEERS; i++)
		f->want_peer[i] = !n->spare[i];
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
			if (f.want_peer[i])
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

void cns_chores(struct work_struct *work)
{
	struct cns_node *n = container_of(work, struct cns_node, work);

	cns_refill(n);
}
