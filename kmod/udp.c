// SPDX-License-Identifier: GPL-2.0
/*
 * UDP in the kernel, in softirq: datagrams come by encap_rcv, are checked for
 * length and MAC and become items of the inbox; they leave by
 * udp_tunnel_xmit_skb() when ownership has ended.
 *
 * Whoever sends or receives does so with BH disabled, which is an RCU read
 * section: after cns_udp_close() has cleared .sock and waited, nobody uses
 * socket, routes or namespace any more.
 */
#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/udp.h>

#include "compat.h"
#include "node.h"

enum {
	/* What goes in front of a datagram, down to the link. */
	CNS_HEADROOM = LL_MAX_HEADER + sizeof(struct ipv6hdr) +
		       sizeof(struct udphdr),
};

/* In skb->cb of a datagram that is to be sent. */
struct cns_outgoing {
	struct dst_cache *route;	/* NULL: look it up */
	union cns_address to;
};

static struct cns_outgoing *cns_outgoing(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct cns_outgoing) > sizeof(skb->cb));
	return (struct cns_outgoing *)skb->cb;
}

/* This CPU is inside our own transmit: who receives there must not take over. */
static DEFINE_PER_CPU(unsigned int, cns_sending);

/* ---------------------------------------------------------------- receive */

static struct cns_peer *cns_peer_of(struct cns_node *n, u64 from)
{
	struct hlist_head *head = &n->by_id[from % CNS_PEER_BUCKETS];
	struct cns_peer *p;

	hlist_for_each_entry_rcu(p, head, hash)
		if (READ_ONCE(p->rx_from) == from)
			return p;
	return NULL;
}

/* Verify with the peer's keys as they stand; *generation says which those are. */
static enum consensus_drop cns_verify_peer(struct cns_node *n,
					   struct sk_buff *skb,
					   struct cns_datagram *d, u64 from)
{
	siphash_key_t rx[WIRE_KEYS];
	struct cns_peer *p;
	unsigned int seq;
	int i;

	p = cns_peer_of(n, from);
	if (!p)
		return CONSENSUS_DROP_STRANGER;
	do {
		seq = read_seqcount_begin(&p->keys);
		memcpy(rx, p->rx, sizeof(rx));
		d->generation = p->generation;
	} while (read_seqcount_retry(&p->keys, seq));
	d->peer = p;
	for (i = 0; i < n->self.n_keys; i++)
		if (wire_verify(skb->data, skb->len, &rx[i]))
			return 0;
	return CONSENSUS_DROP_FORGED;
}

static enum consensus_drop cns_verify(struct cns_node *n, struct sk_buff *skb)
{
	struct cns_datagram *d = cns_datagram(skb);
	struct wire_peek peek;
	enum wire_drop drop;
	int i;

	drop = wire_peek(skb->data, skb->len, &peek);
	if (drop)
		return (enum consensus_drop)drop;
	if (peek.from == READ_ONCE(n->self.hello.node.hi))
		return CONSENSUS_DROP_SELF;
	d->item.kind = CNS_ITEM_DATAGRAM;
	d->type = peek.type;
	d->sequence = peek.sequence;
	d->cluster = peek.cluster;
	d->peer = NULL;
	if (peek.type != WIRE_HELLO)
		return cns_verify_peer(n, skb, d, peek.from);
	for (i = 0; i < n->self.n_keys; i++)
		if (wire_verify(skb->data, skb->len, &n->hello_keys[i]))
			return 0;
	return CONSENSUS_DROP_FORGED;
}

/* RCU read section, softirq. Consumes @skb. */
static int cns_encap_rcv(struct sock *sk, struct sk_buff *skb)
{
	struct cns_node *n = rcu_dereference_sk_user_data(sk);
	enum consensus_drop drop;
	__be16 port;

	if (unlikely(!n))
		goto free;
	if (unlikely(skb_linearize(skb))) {
		drop = CONSENSUS_DROP_MEMORY;
		goto drop;
	}
	if (unlikely(skb->len < sizeof(struct udphdr) + WIRE_HEADER)) {
		drop = CONSENSUS_DROP_SHORT;
		goto drop;
	}
	port = udp_hdr(skb)->source;
	__skb_pull(skb, sizeof(struct udphdr));
	cns_datagram(skb)->port = port;
	drop = cns_verify(n, skb);
	if (unlikely(drop))
		goto drop;
	if (unlikely(atomic_inc_return(&n->inbox_len) > CNS_INBOX_MAX)) {
		atomic_dec(&n->inbox_len);
		drop = CONSENSUS_DROP_QUEUE;
		goto drop;
	}
	cns_node_push(n, &cns_datagram(skb)->item);
	if (unlikely(this_cpu_read(cns_sending)))
		tasklet_schedule(&n->task);
	else
		cns_node_run_bh(n);
	return 0;
drop:
	cns_drop(n, drop);
free:
	kfree_skb(skb);
	return 0;
}

/* Where a received datagram came from. Its network header is still there. */
void cns_udp_source(const struct sk_buff *skb, union cns_address *from)
{
	const struct cns_datagram *d = (const struct cns_datagram *)skb->cb;

	memset(from, 0, sizeof(*from));
	if (skb->protocol == htons(ETH_P_IPV6)) {
		from->in6.sin6_family = AF_INET6;
		from->in6.sin6_port = d->port;
		from->in6.sin6_addr = ipv6_hdr(skb)->saddr;
		if (ipv6_addr_type(&from->in6.sin6_addr) & IPV6_ADDR_LINKLOCAL)
			from->in6.sin6_scope_id = skb->skb_iif;
	} else {
		from->in.sin_family = AF_INET;
		from->in.sin_port = d->port;
		from->in.sin_addr.s_addr = ip_hdr(skb)->saddr;
	}
}

/* ------------------------------------------------------------------- send */

/* Room for @len bytes behind the headers; BH disabled unless @gfp may sleep. */
struct sk_buff *cns_udp_alloc(u32 len, gfp_t gfp)
{
	struct sk_buff *skb;

	skb = __alloc_skb(CNS_HEADROOM + len, gfp,
			  gfpflags_allow_blocking(gfp) ? 0 : SKB_ALLOC_NAPI,
			  NUMA_NO_NODE);
	if (likely(skb))
		skb_reserve(skb, CNS_HEADROOM);
	return skb;
}

void cns_udp_queue(struct cns_node *n, struct sk_buff *skb,
		   const union cns_address *to, struct dst_cache *route)
{
	struct cns_outgoing *o = cns_outgoing(skb);

	o->route = route;
	o->to = *to;
	n->tx++;
	n->tx_bytes += skb->len;
	__skb_queue_tail(&n->tx_queue, skb);
}

static void cns_unroutable(struct cns_node *n, struct sk_buff *skb)
{
	cns_drop(n, CONSENSUS_DROP_ROUTE);
	kfree_skb(skb);
}

/* Look up the route that is not cached, and cache it. NULL: there is none. */
static noinline struct rtable *cns_route4(struct cns_node *n, struct sock *sk,
					  const struct cns_outgoing *o,
					  __be32 *src)
{
	struct flowi4 fl = {
		.flowi4_proto = IPPROTO_UDP,
		.daddr = o->to.in.sin_addr.s_addr,
		.saddr = inet_sk(sk)->inet_saddr,
		.fl4_sport = n->port,
		.fl4_dport = o->to.in.sin_port,
	};
	struct rtable *rt = ip_route_output_flow(n->net, &fl, sk);

	if (IS_ERR(rt))
		return NULL;
	*src = fl.saddr;
	if (o->route)
		dst_cache_set_ip4(o->route, &rt->dst, fl.saddr);
	return rt;
}

static void cns_xmit4(struct cns_node *n, struct sock *sk, struct sk_buff *skb)
{
	struct cns_outgoing *o = cns_outgoing(skb);
	__be32 dst = o->to.in.sin_addr.s_addr, src;
	__be16 port = o->to.in.sin_port;
	struct rtable *rt = NULL;

	if (likely(o->route))
		rt = dst_cache_get_ip4(o->route, &src);
	if (unlikely(!rt))
		rt = cns_route4(n, sk, o, &src);
	if (unlikely(!rt))
		cns_unroutable(n, skb);
	else
		cns_udp_xmit4(rt, sk, skb, src, dst, n->port, port);
}

static noinline struct dst_entry *cns_route6(struct cns_node *n,
					     struct sock *sk,
					     const struct cns_outgoing *o,
					     struct in6_addr *src)
{
	struct flowi6 fl = {
		.flowi6_proto = IPPROTO_UDP,
		.flowi6_oif = o->to.in6.sin6_scope_id,
		.daddr = o->to.in6.sin6_addr,
		.saddr = sk->sk_v6_rcv_saddr,
		.fl6_sport = n->port,
		.fl6_dport = o->to.in6.sin6_port,
	};
	struct dst_entry *dst = ip6_dst_lookup_flow(n->net, sk, &fl, NULL);

	if (IS_ERR(dst))
		return NULL;
	*src = fl.saddr;
	if (o->route)
		dst_cache_set_ip6(o->route, dst, &fl.saddr);
	return dst;
}

static void cns_xmit6(struct cns_node *n, struct sock *sk, struct sk_buff *skb)
{
	struct cns_outgoing *o = cns_outgoing(skb);
	struct in6_addr to = o->to.in6.sin6_addr, src;
	__be16 port = o->to.in6.sin6_port;
	struct dst_entry *dst = NULL;

	if (likely(o->route))
		dst = dst_cache_get_ip6(o->route, &src);
	if (unlikely(!dst))
		dst = cns_route6(n, sk, o, &src);
	if (unlikely(!dst))
		cns_unroutable(n, skb);
	else
		cns_udp_xmit6(dst, sk, skb, &src, &to, n->port, port);
}

/* Send all of @q. BH disabled; not owning. */
void cns_udp_flush(struct cns_node *n, struct sk_buff_head *q)
{
	struct socket *sock = READ_ONCE(n->sock);
	struct sk_buff *skb;

	if (unlikely(!sock)) {
		__skb_queue_purge(q);
		return;
	}
	this_cpu_inc(cns_sending);
	while ((skb = __skb_dequeue(q))) {
		skb->ignore_df = 1;
		skb_set_inner_network_header(skb, 0);
		if (n->family == AF_INET6)
			cns_xmit6(n, sock->sk, skb);
		else
			cns_xmit4(n, sock->sk, skb);
	}
	this_cpu_dec(cns_sending);
}

/* ----------------------------------------------------------------- socket */

int cns_udp_open(struct cns_node *n, struct net *net,
		 const union cns_address *self)
{
	struct udp_port_cfg port = {
		.family = self->sa.sa_family,
		.use_udp_checksums = 1,
		.use_udp6_tx_checksums = 1,
		.use_udp6_rx_checksums = 1,
	};
	struct udp_tunnel_sock_cfg cfg = {
		.sk_user_data = n,
		.encap_type = 1,
		.encap_rcv = cns_encap_rcv,
	};
	struct socket *sock;
	int err;

	if (self->sa.sa_family == AF_INET6) {
		port.local_ip6 = self->in6.sin6_addr;
		port.local_udp_port = self->in6.sin6_port;
		port.ipv6_v6only = 1;
		port.bind_ifindex = self->in6.sin6_scope_id;
	} else {
		port.local_ip = self->in.sin_addr;
		port.local_udp_port = self->in.sin_port;
	}
	err = udp_sock_create(net, &port, &sock);
	if (err)
		return err;
	n->net = net;
	n->family = self->sa.sa_family;
	n->port = port.local_udp_port;
	cns_setup_udp_tunnel(net, sock, &cfg);
	WRITE_ONCE(n->sock, sock);
	return 0;
}

/* After it nobody receives, sends, or holds a route of this namespace. */
void cns_udp_close(struct cns_node *n)
{
	struct socket *sock = n->sock;
	u32 i;

	if (!sock)
		return;
	WRITE_ONCE(n->sock, NULL);
	/* Waits for all who have BH disabled. */
	cns_udp_tunnel_release(sock);
	for (i = 0; i < n->n_peers; i++) {
		dst_cache_destroy(&n->peers[i]->route);
		n->peers[i]->route.cache = NULL;
	}
	n->net = NULL;
}
