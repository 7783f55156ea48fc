/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The node: one network namespace's instance, from start to stop.
 *
 * One owner at a time. Whatever happens (a datagram, a request, a timer, a
 * completion of storage, a call from process context) becomes an item in the
 * lock-free inbox; whoever finds the node unowned takes it and drains the
 * inbox, with BH disabled:
 *
 *	push:    llist_add(item); run
 *	run:     while inbox not empty and OWNED was clear: set it, drain,
 *		 clear it, barrier, look again
 *
 * Fields are marked by who may touch them:
 *
 *	o  the owner only
 *	c  constant between start and the last put
 *	a  anybody, by atomics or RCU
 *	m  under cns_ns.control
 *
 * Who keeps a node alive: its namespace's pointer (one reference), every
 * request under way (one each), and, without a reference, what teardown ends
 * before it drops the namespace's: the socket, the timer, the tasklet, the
 * work items.
 */
#ifndef CNS_NODE_H
#define CNS_NODE_H

#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/kref.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/seqlock.h>
#include <linux/skbuff.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/dst_cache.h>
#include <net/net_namespace.h>

#include <linux/consensus_netlink.h>
#include "fsm/want.h"
#include "limits.h"
#include "raft/raft.h"
#include "storage.h"
#include "wire/wire.h"

struct cns_node;
struct cns_ns;
struct cns_peer;

enum cns_item_kind {
	CNS_ITEM_DATAGRAM,	/* struct cns_datagram in skb->cb */
	CNS_ITEM_REQUEST,	/* cns_request.item: begin it */
	CNS_ITEM_GIVE_UP,	/* cns_request.give_up: end it */
	CNS_ITEM_TIMER,
	CNS_ITEM_WAL,		/* storage has something to report */
	CNS_ITEM_CALL,		/* struct cns_call */
	CNS_ITEM_LOCK,		/* cns_lock.begin */
	CNS_ITEM_LOCK_GIVE_UP,	/* cns_lock.give_up */
	CNS_ITEM_LOCK_ABANDON,	/* cns_lock.begin, again */
	CNS_ITEM_CLOSE,		/* cns_handle.closing */
};

/* What the inbox holds. */
struct cns_item {
	struct llist_node link;
	u8 kind;
};

/**
 * struct cns_call - run @fn as the owner, and wait (process context)
 * @item: in the inbox
 * @fn: does not sleep
 * @arg: its argument
 * @done: it ran
 */
struct cns_call {
	struct cns_item item;
	void (*fn)(struct cns_node *n, void *arg);
	void *arg;
	struct completion done;
};

#include "request.h"

union cns_address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/**
 * struct cns_peer - another node
 * @hash: o, in cns_node.by_id by wire.node.hi, RCU readers; unhashed while its
 *	incarnation is not known
 * @keys: guards @rx, @rx_node and @generation for encap_rcv; written by the owner
 * @rx: copy of wire.rx
 * @rx_from: copy of wire.node.hi
 * @generation: counts adoptions of a boot
 * @wire: o, keys, window, hello
 * @address: c
 * @name: c
 * @name_len: c
 * @configured: c, named by the configuration; else it came by itself
 * @self: c, this node's own entry in the configuration
 * @route: BH, see udp.c
 * @reserve: o, datagrams for when memory is short
 * @hello_next: o, when to send it the next hello by ourselves (ns)
 * @hello_wait: o, interval behind that one; doubles while unanswered
 * @observed: o, incarnation that raft was told to observe, or RAFT_NOBODY
 * @saved: o, its boot is durable here; until then it is not spoken to
 */
struct cns_peer {
	struct hlist_node hash;
	seqcount_t keys;
	siphash_key_t rx[WIRE_KEYS];
	u64 rx_from;
	u32 generation;
	struct wire_peer wire;
	union cns_address address;
	char name[WIRE_NAME_MAX + 1];
	u8 name_len;
	bool configured;
	bool self;
	struct dst_cache route;
	struct sk_buff_head reserve;
	u64 hello_next;
	u64 hello_wait;
	struct raft_id observed;
	bool saved;
};

/**
 * struct cns_stranger - a sender that no configuration names (design 6)
 * @wire: its challenge
 * @id: its incarnation
 * @used: when the slot was taken (ns); 0: free
 */
struct cns_stranger {
	struct wire_peer wire;
	struct raft_id id;
	u64 used;
};

/* In skb->cb of a datagram that was received and verified. */
struct cns_datagram {
	struct cns_item item;
	u8 type;		/* enum wire_type */
	u8 family;
	__be16 port;
	u32 generation;		/* of peer's keys when it was verified */
	struct cns_peer *peer;	/* NULL: a hello */
	u64 sequence;
	u64 cluster;
};

static inline struct cns_datagram *cns_datagram(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct cns_datagram) > sizeof(skb->cb));
	return (struct cns_datagram *)skb->cb;
}

enum cns_node_flag {
	CNS_OWNED,
	CNS_TIMER_QUEUED,
	CNS_STOPPING,		/* no new timers, tasklets, work */
	CNS_WAL_QUEUED,
	CNS_KEEP_QUEUED,
};

/**
 * struct cns_form - creating a cluster, see form.c
 * @state: enum consensus_form_state
 * @error: negative errno of a failed one
 * @cluster: id that was minted
 * @n: names asked
 * @at: the one being asked
 * @peer: whom, in order of name; this node's own entry among them
 * @promised: incarnation that each promised with
 * @asked_at: when the present one was asked last (ns)
 * @objects_max: limit of objects, for which all who promised have room
 * @text: for people
 */
struct cns_form {
	u8 state;
	s32 error;
	struct raft_id cluster;
	u8 n;
	u8 at;
	struct cns_peer *peer[RAFT_VOTERS_MAX];
	struct raft_id promised[RAFT_VOTERS_MAX];
	u64 asked_at;
	u32 objects_max;
	char text[192];
};

/**
 * struct cns_params - a start command, checked
 * @name: this node's
 * @cluster_name: for people
 * @key: cluster key
 * @heartbeat_ns: see raft_params
 * @election_min_ns: same
 * @election_max_ns: same
 * @objects_max: limit for a cluster created here
 * @log_entries: power of two
 * @max_peers: bound of @n_peers and of those that come by themselves
 * @ttl_ns: of this node's session
 * @disk: durable; @storage_fd is the caller's descriptor of the storage
 * @storage_fd: see @disk
 * @n_peers: entries of @peers
 * @peers: the configuration's nodes, this one included
 */
struct cns_params {
	char name[WIRE_NAME_MAX + 1];
	char cluster_name[WIRE_NAME_MAX + 1];
	u8 key[WIRE_CLUSTER_KEY];
	u64 heartbeat_ns;
	u64 election_min_ns;
	u64 election_max_ns;
	u64 ttl_ns;
	u32 objects_max;
	u32 log_entries;
	u32 max_peers;
	bool disk;
	int storage_fd;
	u32 n_peers;
	struct cns_peer_params {
		char name[WIRE_NAME_MAX + 1];
		union cns_address address;
	} *peers;
};

/**
 * struct cns_node - see the head of this file
 * @flags: a, enum cns_node_flag
 * @inbox: a, items
 * @inbox_len: a, datagrams among them
 * @backlog: o, items taken from the inbox that the last stretch left over
 * @ref: a
 * @rcu: frees it
 * @free_work: frees it
 * @net: c until stopped; never touched afterwards
 * @sock: c until stopped
 * @family: c, AF_INET or AF_INET6
 * @port: c, own port, network order
 * @params: c; .log_entries o, as storage may have room for fewer
 * @task: continues a drain that took too long
 * @timer: next deadline
 * @timer_item: its item, queued at most once
 * @now: o, time of this stretch of owning (ns)
 * @suspended: o, time that the machine slept, as far as noticed (ns)
 * @armed_at: o, deadline that @timer stands for; ~0 none
 * @soon_ns: c, the shortest timer
 * @stopped: o, status that everything ends with from now on; 0: running
 * @wait_room: callers that wait for a place among CNS_REQUESTS_MAX
 * @n_requests: a
 *
 * @raft: o
 * @fsm: o, replaced when a snapshot is installed
 * @client: o, this node's session
 * @wants: o, what its handles hold and wait for, and the session's lease
 * @want_table: c, its hash tables
 * @lease_was: o, enum fsm_lease_state as the handles were told
 * @lease_at: o, when leases have something to do (ns)
 * @lease_poke: o, they have, now
 * @lease_held_up: o, there was no room for it
 * @round_wanted: o, renewals came that joined no round yet
 * @round_out: o, context of the last round that any joined; 0: it is confirmed
 * @look: o, tickets to be looked up in a state that was installed
 * @sessions_moved: o, sessions came or went since the warden looked
 * @warden: o, leases of all sessions, while this node leads
 * @reap: o, index of the last REAP that this leader appended
 * @waiting: a, acquires of this node that are not granted yet
 * @held: o, messages that wait for storage, a ring
 * @held_head: o, place of the oldest
 * @held_n: o, how many
 * @reads: o, reads under way, oldest first
 * @read_ctx: o, last context given out
 * @read_sent: o, when the last read round was asked for; 0: none is out
 * @read_new: o, reads came that joined no round yet
 * @pump: o, this node's requests may have something to send
 * @pump_at: o, when they try again what could not be sent; ~0: nothing (ns)
 *
 * @self: o, what hellos say
 * @peers: o (entries: a), the first n_configured are the configuration's
 * @n_peers: o, readable by anybody
 * @me: c, own entry
 * @by_id: RCU, peers by incarnation
 * @spare: o, peers allocated ahead
 * @strangers: o
 * @hello_at: o, when peers are looked through again for hellos (ns)
 * @hello_calls: o, how many were to be called at the last look
 * @was_leader: o, role at the last look
 * @form: o
 * @promised_to: o, name of the coordinator that this node is promised to
 * @promised_id: o, its incarnation
 * @check: o, it is time to compare the state's hash
 * @failed_logged: o, it stopped itself, and said so
 * @loading: o, its storage is being read: it neither speaks nor answers
 * @why: o, text of a failure that had to be put together
 *
 * @store: see storage.h
 * @wal_item: storage has something to report, queued at most once
 * @keep: the keeper's, see keep.c
 * @backup: o
 * @restore: o
 *
 * @work: process context does what sleeps, see chores.c
 * @snap: o, see snapshot.c
 * @tx_queue: o, datagrams to send when ownership ends
 * @hello_keys: c, for encap_rcv
 * @scratch: o, the message being decoded
 * @command: o, a command on its way into the log, or into a datagram. Here and not
 *	on the stack, as is @outcome: there kernels clear what is large at each call
 * @outcome: o, of the entry being applied
 * @drops: a, by enum consensus_drop
 * @rx: o, datagrams
 * @tx: o
 * @rx_bytes: o
 * @tx_bytes: o
 * @snapshots: o
 * @memory: c, bytes allocated at start
 * @started_at: c (ns)
 */
struct cns_node {
	unsigned long flags;
	struct llist_head inbox;
	atomic_t inbox_len;
	struct llist_node *backlog;
	struct kref ref;
	struct rcu_work free_work;
	struct net *net;
	struct socket *sock;
	u16 family;
	__be16 port;
	struct cns_params params;
	struct tasklet_struct task;
	struct hrtimer timer;
	struct cns_item timer_item;
	u64 now;
	u64 suspended;
	u64 armed_at;
	u64 soon_ns;
	int stopped;
	wait_queue_head_t wait_room;
	atomic_t n_requests;

	struct raft *raft;
	struct fsm *fsm;
	struct fsm_client client;
	struct fsm_wants wants;
	struct fsm_want **want_table;
	u8 lease_was;
	u64 lease_at;
	bool lease_poke;
	bool lease_held_up;
	bool round_wanted;
	bool sessions_moved;
	bool look;
	u64 round_out;
	struct fsm_warden warden;
	u64 reap;
	atomic_t waiting;
	struct raft_msg held[CNS_HELD_MAX];
	unsigned int held_head;
	unsigned int held_n;
	struct list_head reads;
	u64 read_ctx;
	u64 read_sent;
	bool read_new;
	bool pump;
	u64 pump_at;

	struct wire_self self;
	struct cns_peer **peers;
	u32 n_peers;
	struct cns_peer *me;
	struct hlist_head by_id[CNS_PEER_BUCKETS];
	struct cns_peer *spare[CNS_SPARE_PEERS];
	struct cns_stranger *strangers;
	u64 hello_at;
	u32 hello_calls;
	bool was_leader;
	struct cns_form form;
	char promised_to[WIRE_NAME_MAX + 1];
	struct raft_id promised_id;
	bool check;
	bool failed_logged;
	bool loading;
	char why[192];

	struct cns_storage store;
	struct cns_item wal_item;
	struct work_struct keep;
	struct cns_backup backup;
	struct cns_restore restore;

	struct work_struct work;
	struct cns_snapshots {
		u8 *offered;		/* what raft may be sending */
		u8 *incoming;		/* what raft may be receiving into */
		u64 want;		/* o, bytes raft wants for it; 0: none */
		bool make;		/* o, raft wants one to send */
		bool install;		/* o, incoming is complete */
	} snap;
	struct sk_buff_head tx_queue;
	siphash_key_t hello_keys[WIRE_KEYS];
	struct wire_msg scratch;
	u8 command[FSM_COMMAND_MAX];
	struct fsm_outcome outcome;
	atomic_long_t drops[CONSENSUS_DROP_MAX + 1];
	u64 rx, tx, rx_bytes, tx_bytes;
	u64 snapshots;
	u64 memory;
	u64 started_at;
};

/**
 * struct cns_ns - a network namespace's place, as long as the module or any of
 * its handles lives
 * @ref: the namespace, and every handle; never a reference to the namespace
 * @control: start, stop, create and the namespace's end, one at a time
 * @node: RCU, NULL: not started
 * @net: m, NULL: the namespace is gone
 * @dead: the same, for readers without @control
 * @handles: open files
 * @next_handle: number of the last one
 * @detached: handles that live on without a descriptor, see detach.c
 * @list_lock: guards @list
 * @list: open files, by cns_handle.link
 */
struct cns_ns {
	struct kref ref;
	struct mutex control;
	struct cns_node __rcu *node;
	struct net *net;
	bool dead;
	atomic_t handles;
	atomic64_t next_handle;
	atomic_t detached;
	spinlock_t list_lock;
	struct list_head list;
};

/* ------------------------------------------------------------------ node.c */
u64 cns_now(void);
void cns_node_push(struct cns_node *n, struct cns_item *item);
void cns_node_run(struct cns_node *n);
void cns_node_run_bh(struct cns_node *n);
void cns_node_call(struct cns_node *n,
		   void (*fn)(struct cns_node *n, void *arg), void *arg);
void cns_node_put(struct cns_node *n);
struct raft *cns_raft_new(struct cns_node *n, struct raft_id self, u32 entries);
struct fsm *cns_fsm_new(struct cns_node *n);
void cns_fsm_free(struct fsm *f);
void cns_node_client(struct cns_node *n);
void cns_node_live(struct cns_node *n);
void cns_node_work(struct cns_node *n);
struct cns_node *cns_node_get(struct cns_ns *ns);
struct cns_node *cns_node_start(struct net *net, struct cns_params *p,
				const char **why);
void cns_node_stop(struct cns_node *n, int status);
extern struct workqueue_struct *cns_wq;

/* ----------------------------------------------------------------- drive.c */
void cns_drive(struct cns_node *n, u64 now);
u64 cns_drive_deadline(struct cns_node *n);
void cns_pump_later(struct cns_node *n, u64 now);
void cns_release_held(struct cns_node *n, u64 seq);
bool cns_admits(struct cns_node *n, unsigned int entries, unsigned int ahead);

/* -------------------------------------------------------------- datagram.c */
void cns_receive(struct cns_node *n, struct sk_buff *skb, u64 now);
void cns_send_raft(struct cns_node *n, const struct raft_msg *m);
void cns_send_promise(struct cns_node *n, struct cns_peer *p, u8 type,
		      const struct wire_promise *w);
void cns_send_hello(struct cns_node *n, struct wire_peer *w, struct cns_peer *p,
		    const union cns_address *to, u64 now);
void cns_send_renew(struct cns_node *n, struct cns_peer *p, u8 type,
		    const struct wire_renew *r);
void cns_forward(struct cns_node *n, u64 now);

/* ----------------------------------------------------------------- greet.c */
void cns_hello_receive(struct cns_node *n, const struct wire_hello *h,
		       const union cns_address *from, u64 now);
void cns_hello_tick(struct cns_node *n, u64 now);
u64 cns_hello_deadline(const struct cns_node *n);
void cns_hello_all(struct cns_node *n, u64 now);
u64 cns_fresh_ns(const struct cns_node *n);
void cns_greet_saved(struct cns_node *n, struct cns_peer *p, u64 now);
bool cns_peer_ready(const struct cns_node *n, const struct cns_peer *p);

/* ------------------------------------------------------------------ peer.c */
struct cns_peer *cns_peer_alloc(gfp_t gfp);
void cns_peer_free(struct cns_peer *p);
struct cns_peer *cns_peer_by_id(struct cns_node *n, struct raft_id id);
struct cns_peer *cns_peer_by_name(struct cns_node *n, const char *name,
				  size_t len);
struct cns_peer *cns_peer_come(struct cns_node *n, const struct wire_peer *w,
			       const union cns_address *address);
void cns_peer_rekey(struct cns_node *n, struct cns_peer *p);
void cns_peer_move(struct cns_peer *p, const union cns_address *to);

/* ------------------------------------------------------------------- udp.c */
int cns_udp_open(struct cns_node *n, struct net *net,
		 const union cns_address *self);
void cns_udp_close(struct cns_node *n);
struct sk_buff *cns_udp_alloc(u32 len, gfp_t gfp);
void cns_udp_queue(struct cns_node *n, struct sk_buff *skb,
		   const union cns_address *to, struct dst_cache *route);
void cns_udp_flush(struct cns_node *n, struct sk_buff_head *q);
void cns_udp_source(const struct sk_buff *skb, union cns_address *from);

/* ------------------------------------------------------------------ form.c */
int cns_form_begin(struct cns_node *n, u64 now, struct cns_peer **peers,
		   unsigned int n_peers);
void cns_form_receive(struct cns_node *n, struct cns_peer *p, u8 type,
		      const struct wire_promise *w, u64 now);
void cns_form_tick(struct cns_node *n, u64 now);
u64 cns_form_deadline(const struct cns_node *n);
bool cns_formed(const struct cns_node *n);
void cns_form_drop(struct cns_node *n);
void cns_form_config(const struct cns_node *n, struct raft_config *c);
void cns_form_done(struct cns_node *n, int err);
void cns_form_follow(struct cns_node *n, const struct wire_hello *h, u64 now);

/* ----------------------------------------------------------------- lease.c */
bool cns_lease_drive(struct cns_node *n, u64 now);
void cns_lease_role(struct cns_node *n);
void cns_lease_confirmed(struct cns_node *n, u64 ctx, u64 index);
void cns_lease_applied(struct cns_node *n, const struct fsm_outcome *out);
void cns_lease_proposed(struct cns_node *n, const struct fsm_command *c,
			u64 index);
void cns_renew_receive(struct cns_node *n, const struct wire_renew *r, u64 now);
void cns_renewed_receive(struct cns_node *n, struct cns_peer *p,
			 const struct wire_renew *r, u64 now);

/* ------------------------------------------------------------------ lock.c */
struct cns_lock;
void cns_lock_begin(struct cns_node *n, struct cns_item *item, u64 now);
void cns_lock_give_up(struct cns_node *n, struct cns_item *item, u64 now);
void cns_lock_abandoned(struct cns_node *n, struct cns_item *item, u64 now);
void cns_lock_release(struct cns_node *n, struct cns_request *r, u64 now);
int cns_lock_init(void);
void cns_lock_exit(void);

/* ---------------------------------------------------------------- handle.c */
int cns_fence_own(struct cns_node *n, const char *name, u8 len, u64 token,
		  u64 now);
void cns_handle_closing(struct cns_node *n, struct cns_item *item, u64 now);
void cns_handles_wake(struct cns_ns *ns);
void cns_handles_look(struct cns_node *n, enum fsm_lease_state lease);
extern const struct fsm_wants_ops cns_wants_ops;

/* ---------------------------------------------------------------- detach.c */
void cns_detach_end(struct cns_ns *ns);
void cns_detach_exit(void);

/* ---------------------------------------------------------------- chores.c */
void cns_chores(struct work_struct *work);

/* -------------------------------------------------------------- handover.c */
void cns_hand_over(struct cns_node *n);

/* ------------------------------------------------------- ns.c, device.c, ... */
struct cns_ns *cns_ns_of(struct net *net);
struct cns_ns *cns_ns_get(struct cns_ns *ns);
void cns_ns_put(struct cns_ns *ns);
int cns_ns_init(void);
void cns_ns_exit(void);
int cns_device_init(void);
void cns_device_exit(void);
int cns_control_init(void);
void cns_control_exit(void);

static inline void cns_drop(struct cns_node *n, enum consensus_drop why)
{
	atomic_long_inc(&n->drops[why]);
}

#endif
