// SPDX-License-Identifier: GPL-2.0
/*
 * The floor: a quorum round with nothing in it.
 *
 * A caller asks for a round. One authenticated datagram goes to every peer;
 * each peer, in softirq, checks it and answers with one authenticated
 * datagram; a majority (the caller's node included) completes the round and
 * its caller returns. No log, no terms, no retransmission, no state.
 *
 * This is what any replicated operation must cost at least on this kernel, by
 * the send path that the module uses (encap_rcv, udp_tunnel_xmit_skb). What
 * the module costs is stated as a multiple of it, so nothing here may be slower
 * than it has to be: routes are cached, a datagram is one skb written in place,
 * heads of skbs are recycled on their CPU.
 *
 *   ioctl ---> send to all  ......>  encap_rcv: check, answer
 *     |                                          .
 *   return <-- majority <------- encap_rcv <.....'
 */
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nsproxy.h>
#include <linux/siphash.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/udp.h>
#include <net/dst_cache.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/udp_tunnel.h>

#include "floor.h"

enum {
	FLOOR_REQUEST = 1,
	FLOOR_ACK = 2,
	/* Room for what goes in front of a datagram, down to the link. */
	FLOOR_HEADROOM = LL_MAX_HEADER + sizeof(struct ipv6hdr) +
			 sizeof(struct udphdr),
	/* A round that takes longer has lost a datagram. */
	FLOOR_TIMEOUT_MS = 1000,
};

/**
 * struct floor_header - in front of every datagram
 * @mac: SipHash-2-4 over all that follows, under the key of the pair
 * @round: number of the round; an ack repeats it
 * @type: FLOOR_REQUEST or FLOOR_ACK
 * @from: sender's place in the configuration
 * @to: receiver's; part of what is authenticated, so that nothing reflects
 * @pad: brings the header to the 40 bytes that a real one needs
 */
struct floor_header {
	__le64 mac;
	__le64 round;
	u8 type;
	u8 from;
	u8 to;
	u8 pad[21];
};

static_assert(sizeof(struct floor_header) == 40);

/**
 * struct floor_peer - another node
 * @address: where it listens
 * @port: same, network order
 * @key: of this pair; the same at both ends
 * @route: to it; BH
 */
struct floor_peer {
	struct floor_address address;
	__be16 port;
	siphash_key_t key;
	struct dst_cache route;
};

/**
 * struct floor_node - the instance of one network namespace
 * @ref: the namespace, and every open file
 * @lock: one round at a time; everything below unless it says otherwise
 * @sock: NULL before setup and after the namespace's end
 * @net: valid while @sock is there
 * @setup: as given
 * @peer: by place; our own place is not used
 * @round: number of the round under way
 * @missing: (@round << 8) + acks still missing for a majority, in one word so
 *	that an ack of an old round never counts; any context
 * @done: those came to 0
 * @slept: see struct floor_status
 * @rounds: same
 * @sent: same
 * @received: same
 * @refused: same
 */
struct floor_node {
	struct kref ref;
	struct mutex lock;
	struct socket *sock;
	struct net *net;
	struct floor_setup setup;
	struct floor_peer peer[FLOOR_NODES_MAX];
	u64 round;
	atomic64_t missing;
	struct completion done;
	u64 rounds;
	u64 slept;
	atomic64_t sent;
	atomic64_t received;
	atomic64_t refused;
};

static unsigned int floor_net_id;

static u64 floor_mac(const struct floor_header *h, u32 len,
		     const struct floor_peer *p)
{
	return siphash((const u8 *)h + sizeof(h->mac), len - sizeof(h->mac),
		       &p->key);
}

static void floor_free(struct kref *ref)
{
	kfree(container_of(ref, struct floor_node, ref));
}

static struct dst_entry *floor_route4(struct floor_node *n,
				      struct floor_peer *p, __be32 *src)
{
	struct flowi4 fl = {
		.flowi4_proto = IPPROTO_UDP,
		.fl4_sport = inet_sk(n->sock->sk)->inet_sport,
		.fl4_dport = p->port,
	};
	struct rtable *rt = dst_cache_get_ip4(&p->route, src);

	if (likely(rt))
		return &rt->dst;

	memcpy(&fl.daddr, p->address.addr, sizeof(fl.daddr));
	rt = ip_route_output_flow(n->net, &fl, n->sock->sk);
	if (IS_ERR(rt))
		return ERR_CAST(rt);
	*src = fl.saddr;
	dst_cache_set_ip4(&p->route, &rt->dst, fl.saddr);
	return &rt->dst;
}

static struct dst_entry *floor_route6(struct floor_node *n,
				      struct floor_peer *p,
				      struct in6_addr *src)
{
	struct flowi6 fl = {
		.flowi6_proto = IPPROTO_UDP,
		.fl6_sport = inet_sk(n->sock->sk)->inet_sport,
		.fl6_dport = p->port,
	};
	struct dst_entry *dst = dst_cache_get_ip6(&p->route, src);

	if (likely(dst))
		return dst;

	memcpy(&fl.daddr, p->address.addr, sizeof(fl.daddr));
	dst = ip6_dst_lookup_flow(n->net, n->sock->sk, &fl, NULL);
	if (IS_ERR(dst))
		return dst;
	*src = fl.saddr;
	dst_cache_set_ip6(&p->route, dst, &fl.saddr);
	return dst;
}

/* Takes the skb, whatever comes of it. BH disabled. */
static void floor_xmit(struct floor_node *n, struct floor_peer *p,
		       struct sk_buff *skb)
{
	struct sock *sk = n->sock->sk;
	__be16 sport = inet_sk(sk)->inet_sport;
	struct in6_addr src6, dst6;
	struct dst_entry *dst;
	__be32 src4, dst4;

	skb->ignore_df = 1;
	if (p->address.family == AF_INET) {
		dst = floor_route4(n, p, &src4);
		if (IS_ERR(dst))
			goto drop;
		memcpy(&dst4, p->address.addr, sizeof(dst4));
		udp_tunnel_xmit_skb(container_of(dst, struct rtable, dst), sk,
				    skb, src4, dst4, 0, 64, 0, sport, p->port,
				    false, false);
	} else {
		dst = floor_route6(n, p, &src6);
		if (IS_ERR(dst))
			goto drop;
		memcpy(&dst6, p->address.addr, sizeof(dst6));
		udp_tunnel6_xmit_skb(dst, sk, skb, NULL, &src6, &dst6, 0, 64, 0,
				     sport, p->port, false);
	}
	atomic64_inc(&n->sent);
	return;
drop:
	kfree_skb(skb);
}

/* BH disabled: the cache of skb heads and the routes belong to this CPU. */
static void floor_send(struct floor_node *n, u32 to, u8 type, u64 round,
		       u32 body)
{
	u32 len = sizeof(struct floor_header) + body;
	struct floor_peer *p = &n->peer[to];
	struct floor_header *h;
	struct sk_buff *skb;

	skb = __alloc_skb(FLOOR_HEADROOM + len, GFP_ATOMIC, SKB_ALLOC_NAPI,
			  NUMA_NO_NODE);
	if (!skb)
		return;
	skb_reserve(skb, FLOOR_HEADROOM);
	skb_set_inner_network_header(skb, 0);
	h = skb_put_zero(skb, len);
	h->round = cpu_to_le64(round);
	h->type = type;
	h->from = n->setup.self;
	h->to = to;
	h->mac = cpu_to_le64(floor_mac(h, len, p));
	floor_xmit(n, p, skb);
}

static bool floor_genuine(const struct floor_node *n,
			  const struct floor_header *h, u32 len)
{
	if (h->from >= n->setup.n || h->from == n->setup.self ||
	    h->to != n->setup.self)
		return false;
	return le64_to_cpu(h->mac) == floor_mac(h, len, &n->peer[h->from]);
}

static void floor_ack(struct floor_node *n, u64 round)
{
	s64 old = atomic64_read(&n->missing);

	do {
		if ((u64)old >> 8 != round || !(old & 0xff))
			return;
	} while (!atomic64_try_cmpxchg(&n->missing, &old, old - 1));
	if ((old & 0xff) == 1)
		complete(&n->done);
}

/* Socket's callback, in softirq, under RCU. Takes the skb. */
static int floor_receive(struct sock *sk, struct sk_buff *skb)
{
	struct floor_node *n = rcu_dereference_sk_user_data(sk);
	const struct floor_header *h;
	u32 len;

	if (!n || skb_linearize(skb) ||
	    skb->len < sizeof(struct udphdr) + sizeof(*h))
		goto drop;
	atomic64_inc(&n->received);
	__skb_pull(skb, sizeof(struct udphdr));
	h = (const struct floor_header *)skb->data;
	len = skb->len;
	if (!floor_genuine(n, h, len)) {
		atomic64_inc(&n->refused);
		goto drop;
	}

	if (h->type == FLOOR_REQUEST)
		floor_send(n, h->from, FLOOR_ACK, le64_to_cpu(h->round),
			   n->setup.ack_body);
	else
		floor_ack(n, le64_to_cpu(h->round));

	/* Back to this CPU's cache of heads, from which the next send takes. */
	napi_consume_skb(skb, 1);
	return 0;
drop:
	kfree_skb(skb);
	return 0;
}

/* The acks may be in before we look: softirqs run when BH is enabled again. */
static int floor_wait(struct floor_node *n)
{
	long left;

	if (likely(try_wait_for_completion(&n->done)))
		return 0;
	n->slept++;
	left = wait_for_completion_killable_timeout(&n->done,
						    msecs_to_jiffies(FLOOR_TIMEOUT_MS));
	if (left > 0)
		return 0;
	return left ? -EINTR : -ETIMEDOUT;
}

static int floor_round(struct floor_node *n)
{
	u32 i;

	lockdep_assert_held(&n->lock);
	if (!n->sock)
		return -ENOTCONN;
	reinit_completion(&n->done);
	n->round++;
	atomic64_set(&n->missing, (n->round << 8) + n->setup.n / 2);

	local_bh_disable();
	for (i = 0; i < n->setup.n; i++)
		if (i != n->setup.self)
			floor_send(n, i, FLOOR_REQUEST, n->round,
				   n->setup.request_body);
	local_bh_enable();
	return floor_wait(n);
}

static int floor_ioctl_round(struct floor_node *n, u64 __user *arg)
{
	u64 round;
	int err;

	if (mutex_lock_killable(&n->lock))
		return -EINTR;
	err = floor_round(n);
	round = n->round;
	if (!err)
		n->rounds++;
	mutex_unlock(&n->lock);
	return err ?: put_user(round, arg);
}

static int floor_ioctl_status(struct floor_node *n, void __user *arg)
{
	struct floor_status st = {
		.sent = atomic64_read(&n->sent),
		.received = atomic64_read(&n->received),
		.refused = atomic64_read(&n->refused),
	};

	mutex_lock(&n->lock);
	st.rounds = n->rounds;
	st.slept = n->slept;
	mutex_unlock(&n->lock);
	return copy_to_user(arg, &st, sizeof(st)) ? -EFAULT : 0;
}

static int floor_bind(struct floor_node *n)
{
	const struct floor_address *a = &n->setup.node[n->setup.self];
	struct udp_port_cfg port = {
		.family = a->family,
		.local_udp_port = htons(a->port),
		.use_udp_checksums = 1,
		.use_udp6_tx_checksums = 1,
		.use_udp6_rx_checksums = 1,
		.ipv6_v6only = a->family == AF_INET6,
	};
	struct udp_tunnel_sock_cfg tunnel = {
		.sk_user_data = n,
		.encap_type = 1,
		.encap_rcv = floor_receive,
	};
	int err;

	memcpy(&port.local_ip6, a->addr,
	       a->family == AF_INET6 ? sizeof(port.local_ip6) :
				       sizeof(port.local_ip));
	err = udp_sock_create(n->net, &port, &n->sock);
	if (err) {
		n->sock = NULL;
		return err;
	}
	setup_udp_tunnel_sock(n->net, n->sock, &tunnel);
	return 0;
}

/* Nobody sends (the lock) or receives (the socket is gone) any more. */
static void floor_unbind(struct floor_node *n)
{
	u32 i;

	lockdep_assert_held(&n->lock);
	if (n->sock)
		udp_tunnel_sock_release(n->sock);
	n->sock = NULL;
	for (i = 0; i < n->setup.n; i++)
		dst_cache_destroy(&n->peer[i].route);
	memset(n->peer, 0, sizeof(n->peer));
}

/* Any key serves, as long as both ends have the same: lower place first. */
static void floor_key(siphash_key_t *key, u32 a, u32 b)
{
	key->key[0] = 0x646e756f72206120ULL + min(a, b);
	key->key[1] = 0x726f6f6c66206f6eULL + max(a, b);
}

static int floor_peers(struct floor_node *n)
{
	u32 i;

	for (i = 0; i < n->setup.n; i++) {
		struct floor_peer *p = &n->peer[i];

		p->address = n->setup.node[i];
		p->port = htons(p->address.port);
		floor_key(&p->key, n->setup.self, i);
		if (dst_cache_init(&p->route, GFP_KERNEL))
			return -ENOMEM;
	}
	return 0;
}

static bool floor_setup_valid(const struct floor_setup *s)
{
	u32 i;

	if (s->n < 2 || s->n > FLOOR_NODES_MAX || s->self >= s->n ||
	    s->request_body > FLOOR_BODY_MAX || s->ack_body > FLOOR_BODY_MAX)
		return false;
	for (i = 0; i < s->n; i++)
		if (s->node[i].family != AF_INET &&
		    s->node[i].family != AF_INET6)
			return false;
	return true;
}

static int floor_ioctl_setup(struct floor_node *n, const void __user *arg)
{
	int err = -EBUSY;

	mutex_lock(&n->lock);
	if (n->sock || !n->net)
		goto out;
	err = -EFAULT;
	if (copy_from_user(&n->setup, arg, sizeof(n->setup)))
		goto out;
	err = -EINVAL;
	if (!floor_setup_valid(&n->setup))
		goto out;
	err = floor_peers(n) ?: floor_bind(n);
	if (err)
		floor_unbind(n);
out:
	mutex_unlock(&n->lock);
	return err;
}

static long floor_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct floor_node *n = file->private_data;

	switch (cmd) {
	case FLOOR_SETUP:
		return floor_ioctl_setup(n, (const void __user *)arg);
	case FLOOR_ROUND:
		return floor_ioctl_round(n, (u64 __user *)arg);
	case FLOOR_STATUS:
		return floor_ioctl_status(n, (void __user *)arg);
	default:
		return -ENOTTY;
	}
}

static struct floor_node **floor_slot(struct net *net)
{
	return net_generic(net, floor_net_id);
}

static int floor_open(struct inode *inode, struct file *file)
{
	struct floor_node *n = *floor_slot(current->nsproxy->net_ns);

	kref_get(&n->ref);
	file->private_data = n;
	return 0;
}

static int floor_close(struct inode *inode, struct file *file)
{
	struct floor_node *n = file->private_data;

	kref_put(&n->ref, floor_free);
	return 0;
}

static const struct file_operations floor_fops = {
	.owner = THIS_MODULE,
	.open = floor_open,
	.release = floor_close,
	.unlocked_ioctl = floor_ioctl,
};

static struct miscdevice floor_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "floor",
	.fops = &floor_fops,
	.mode = 0600,
};

static int __net_init floor_net_init(struct net *net)
{
	struct floor_node *n = kzalloc(sizeof(*n), GFP_KERNEL);

	if (!n)
		return -ENOMEM;
	kref_init(&n->ref);
	mutex_init(&n->lock);
	init_completion(&n->done);
	n->net = net;
	*floor_slot(net) = n;
	return 0;
}

static void __net_exit floor_net_pre_exit(struct net *net)
{
	struct floor_node *n = *floor_slot(net);

	mutex_lock(&n->lock);
	floor_unbind(n);
	n->net = NULL;
	mutex_unlock(&n->lock);
}

static void __net_exit floor_net_exit(struct net *net)
{
	struct floor_node *n = *floor_slot(net);

	kref_put(&n->ref, floor_free);
}

static struct pernet_operations floor_net_ops = {
	.init = floor_net_init,
	.pre_exit = floor_net_pre_exit,
	.exit = floor_net_exit,
	.id = &floor_net_id,
	.size = sizeof(struct floor_node *),
};

static int __init floor_init(void)
{
	int err = register_pernet_subsys(&floor_net_ops);

	if (err)
		return err;
	err = misc_register(&floor_device);
	if (err)
		unregister_pernet_subsys(&floor_net_ops);
	return err;
}

static void __exit floor_exit(void)
{
	misc_deregister(&floor_device);
	unregister_pernet_subsys(&floor_net_ops);
}

module_init(floor_init);
module_exit(floor_exit);
MODULE_DESCRIPTION("A quorum round with nothing in it, to measure against");
MODULE_LICENSE("GPL");
