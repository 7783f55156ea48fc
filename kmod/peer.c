// SPDX-License-Identifier: GPL-2.0
/*
 * Peers: the nodes of the configuration, and those that came by themselves
 * with the right key. A peer is never freed before its node.
 */
#include <linux/rculist.h>
#include <linux/slab.h>

#include "compat.h"
#include "node.h"

/* Needed by the pure half, which has no business with kernel versions. */
void wire_blake2s(u8 out[16], const u8 *in, size_t len,
		  const u8 key[WIRE_CLUSTER_KEY])
{
	cns_blake2s(out, 16, in, len, key, WIRE_CLUSTER_KEY);
}

struct cns_peer *cns_peer_alloc(gfp_t gfp)
{
	struct cns_peer *p = kzalloc(sizeof(*p), gfp);

	if (!p)
		return NULL;
	if (dst_cache_init(&p->route, gfp)) {
		kfree(p);
		return NULL;
	}
	INIT_HLIST_NODE(&p->hash);
	seqcount_init(&p->keys);
	__skb_queue_head_init(&p->reserve);
	wire_peer_reset(&p->wire);
	return p;
}

void cns_peer_free(struct cns_peer *p)
{
	if (!p)
		return;
	if (p->route.cache)
		dst_cache_destroy(&p->route);
	__skb_queue_purge(&p->reserve);
	kfree_sensitive(p);
}

/* Owner. */
struct cns_peer *cns_peer_by_id(struct cns_node *n, struct raft_id id)
{
	struct cns_peer *p;

	hlist_for_each_entry(p, &n->by_id[id.hi % CNS_PEER_BUCKETS], hash)
		if (raft_id_eq(p->wire.node, id))
			return p;
	return NULL;
}

struct cns_peer *cns_peer_by_name(struct cns_node *n, const char *name,
				  size_t len)
{
	u32 i;

	for (i = 0; i < n->n_peers; i++)
		if (n->peers[i]->name_len == len &&
		    !memcmp(n->peers[i]->name, name, len))
			return n->peers[i];
	return NULL;
}

/*
 * The peer's boot was adopted: publish its keys to encap_rcv, and find it by
 * its incarnation from now on. A reader that walks the chain meanwhile may
 * miss it once, which is a datagram lost.
 */
void cns_peer_rekey(struct cns_node *n, struct cns_peer *p)
{
	hlist_del_init_rcu(&p->hash);
	write_seqcount_begin(&p->keys);
	memcpy(p->rx, p->wire.rx, sizeof(p->rx));
	WRITE_ONCE(p->rx_from, p->wire.node.hi);
	p->generation++;
	write_seqcount_end(&p->keys);
	hlist_add_head_rcu(&p->hash,
			   &n->by_id[p->wire.node.hi % CNS_PEER_BUCKETS]);
}

/* A peer that no configuration places proved to be at @to. BH disabled. */
void cns_peer_move(struct cns_peer *p, const union cns_address *to)
{
	if (p->configured || !memcmp(&p->address, to, sizeof(*to)))
		return;
	p->address = *to;
	/* The cached route leads to where it was. Good also for a cache that is gone. */
	dst_cache_reset(&p->route);
}

/* A stranger proved that it is there now: give it a place. NULL: none free. */
struct cns_peer *cns_peer_come(struct cns_node *n, const struct wire_peer *w,
			       const union cns_address *address)
{
	struct cns_peer *p = NULL;
	int i;

	if (n->n_peers == n->params.max_peers || !READ_ONCE(n->sock))
		return NULL;
	for (i = 0; i < CNS_SPARE_PEERS && !p; i++)
		swap(p, n->spare[i]);
	cns_node_work(n);
	if (!p)
		return NULL;
	p->wire = *w;
	p->name_len = w->hello.name_len;
	memcpy(p->name, w->hello.name, p->name_len);
	p->address = *address;
	n->peers[n->n_peers] = p;
	n->n_peers++;
	cns_peer_rekey(n, p);
	return p;
}
