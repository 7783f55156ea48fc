// SPDX-License-Identifier: GPL-2.0
/*
 * The node's life, and its ownership: who may touch it when.
 *
 * Teardown, in cns_node_stop(), and why nobody is left:
 *
 *   namespace's pointer	cleared first, by the caller; readers take their
 *				reference under RCU, so that whoever comes later
 *				sees NULL, and whoever came before has one
 *   socket			released; that waits for encap_rcv (RCU)
 *   timer			CNS_STOPPING keeps it from being armed; cancelled
 *   tasklet, work		CNS_STOPPING keeps them from being queued; killed,
 *				cancelled
 *   storage			its thread and its keeper hold references of their
 *				own, and end by themselves: nobody waits for a disk
 *   requests			each holds a reference; a last call as the owner
 *				ends all, and sets .stopped, with which any that
 *				is pushed later ends at once, in its pusher's
 *				context
 */
#include <linux/math64.h>
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>

#include "compat.h"
#include "node.h"

struct workqueue_struct *cns_wq;

/*
 * The core's clock: CLOCK_MONOTONIC_RAW plus suspended time; NTP slews neither
 * (design 9).
 */
static u64 cns_suspended(void)
{
	return ktime_to_ns(ktime_mono_to_any(0, TK_OFFS_BOOT));
}

u64 cns_now(void)
{
	return ktime_get_raw_ns() + cns_suspended();
}

/*
 * The owner's reading, never ahead of cns_now(): it learns of suspended time when the
 * timer expires, which counts that time and so is due at once when a machine wakes.
 * Whoever must know better (leases) reads cns_now().
 */
static u64 cns_now_owner(const struct cns_node *n)
{
	return ktime_get_raw_ns() + n->suspended;
}

/* ------------------------------------------------------------- ownership */

static void cns_item_run(struct cns_node *n, struct cns_item *item, u64 now)
{
	struct cns_call *call;

	switch (item->kind) {
	case CNS_ITEM_DATAGRAM:
		atomic_dec(&n->inbox_len);
		cns_receive(n, container_of((void *)item, struct sk_buff, cb),
			    now);
		break;
	case CNS_ITEM_REQUEST:
		cns_request_begin(n, container_of(item, struct cns_request,
						  item), now);
		break;
	case CNS_ITEM_GIVE_UP:
		cns_request_give_up(n, container_of(item, struct cns_request,
						    give_up), now);
		break;
	case CNS_ITEM_TIMER:
		/* From here on it may be pushed again: its link was read before. */
		clear_bit_unlock(CNS_TIMER_QUEUED, &n->flags);
		n->armed_at = U64_MAX;
		n->suspended = cns_suspended();
		n->pump = true;
		break;
	case CNS_ITEM_WAL:
		cns_wal_report(n, now);
		break;
	case CNS_ITEM_LOCK:
		cns_lock_begin(n, item, now);
		break;
	case CNS_ITEM_LOCK_GIVE_UP:
		cns_lock_give_up(n, item, now);
		break;
	case CNS_ITEM_LOCK_ABANDON:
		cns_lock_abandoned(n, item, now);
		break;
	case CNS_ITEM_CLOSE:
		cns_handle_closing(n, item, now);
		break;
	case CNS_ITEM_CALL:
		call = container_of(item, struct cns_call, item);
		call->fn(n, call->arg);
		complete(&call->done);
		break;
	}
}

static void cns_arm(struct cns_node *n, u64 now)
{
	u64 deadline, wait;

	/*
	 * An earlier expiry does no harm, and nothing that was decided just now
	 * is due sooner than the shortest timer there is.
	 */
	if (likely(n->armed_at <= now + n->soon_ns))
		return;
	deadline = cns_drive_deadline(n);
	if (deadline >= n->armed_at || n->stopped ||
	    test_bit(CNS_STOPPING, &n->flags))
		return;
	n->armed_at = deadline;
	/* What is due and was not done just now is held up; do not spin on it. */
	wait = deadline > now ? deadline - now : n->params.heartbeat_ns / 8;
	hrtimer_start(&n->timer, ns_to_ktime(wait), HRTIMER_MODE_REL_SOFT);
}

/**
 * struct cns_stretch - how long whoever took the node may go on
 * @until: time that it ends (ns); 0: not begun
 * @items: left
 */
struct cns_stretch {
	u64 until;
	unsigned int items;
};

/* Work as the owner. True if the stretch ended, not the work. */
static bool cns_drain(struct cns_node *n, struct cns_stretch *st)
{
	struct llist_node *batch = n->backlog;

	n->now = cns_now_owner(n);
	if (!st->until)
		st->until = n->now + CNS_DRAIN_NS;
	for (;;) {
		if (!batch)
			batch = llist_reverse_order(llist_del_all(&n->inbox));
		if (!batch || !st->items || n->now >= st->until)
			break;
		for (; batch && st->items; st->items--) {
			struct cns_item *item = container_of(batch,
							     struct cns_item,
							     link);

			batch = batch->next;
			cns_item_run(n, item, n->now);
		}
		cns_drive(n, n->now);
		if (!batch && llist_empty(&n->inbox))
			break;
		n->now = cns_now_owner(n);
	}
	cns_arm(n, n->now);
	WRITE_ONCE(n->backlog, batch);
	return batch;
}

static bool cns_work_left(const struct cns_node *n)
{
	return !llist_empty(&n->inbox) || READ_ONCE(n->backlog);
}

/*
 * Take the node if nobody has it, and work until the inbox is empty. Whoever
 * pushed while somebody else owned may leave: the owner clears OWNED, and looks
 * again behind a barrier that pairs with the one in llist_add().
 * What is to be sent is sent without owning. BH disabled.
 *
 * True: the stretch is over, the work is not, and as the node stops there is no
 * tasklet any more that would go on.
 */
static bool cns_node_stretch(struct cns_node *n)
{
	struct cns_stretch st = { .items = CNS_DRAIN_ITEMS };
	struct sk_buff_head q;
	bool over = false, stopping = false;

	__skb_queue_head_init(&q);
	while (!over && cns_work_left(n) &&
	       !test_and_set_bit_lock(CNS_OWNED, &n->flags)) {
		over = cns_drain(n, &st);
		skb_queue_splice_tail_init(&n->tx_queue, &q);
		stopping = over && test_bit(CNS_STOPPING, &n->flags);
		if (over && !stopping)
			tasklet_schedule(&n->task);
		clear_bit_unlock(CNS_OWNED, &n->flags);
		/* Pairs with llist_add(): what came meanwhile is seen here. */
		smp_mb__after_atomic();
		if (!skb_queue_empty(&q))
			cns_udp_flush(n, &q);
	}
	return stopping;
}

/* Have the node's work done, by this one or by who has it. BH disabled. */
void cns_node_run_bh(struct cns_node *n)
{
	while (unlikely(cns_node_stretch(n)))
		;
}

/* The same from anywhere; others may run between two stretches. */
void cns_node_run(struct cns_node *n)
{
	bool more;

	do {
		local_bh_disable();
		more = cns_node_stretch(n);
		local_bh_enable();
		if (unlikely(more) && !in_interrupt())
			cond_resched();
	} while (more);
}

void cns_node_push(struct cns_node *n, struct cns_item *item)
{
	llist_add(&item->link, &n->inbox);
}

/* Run @fn as the owner; returns when it has run. Process context. */
void cns_node_call(struct cns_node *n,
		   void (*fn)(struct cns_node *n, void *arg), void *arg)
{
	struct cns_call call = {
		.item.kind = CNS_ITEM_CALL,
		.fn = fn,
		.arg = arg,
	};

	init_completion(&call.done);
	cns_node_push(n, &call.item);
	cns_node_run(n);
	wait_for_completion(&call.done);
}

static void cns_task(struct tasklet_struct *t)
{
	cns_node_run_bh(container_of(t, struct cns_node, task));
}

static enum hrtimer_restart cns_timer(struct hrtimer *t)
{
	struct cns_node *n = container_of(t, struct cns_node, timer);

	if (!test_and_set_bit(CNS_TIMER_QUEUED, &n->flags)) {
		cns_node_push(n, &n->timer_item);
		cns_node_run_bh(n);
	}
	return HRTIMER_NORESTART;
}

/* Have process context look after what it looks after. Owner. */
void cns_node_work(struct cns_node *n)
{
	if (!test_bit(CNS_STOPPING, &n->flags))
		queue_work(cns_wq, &n->work);
}

/* ------------------------------------------------------------------ life */

struct cns_node *cns_node_get(struct cns_ns *ns)
{
	struct cns_node *n;

	rcu_read_lock();
	n = rcu_dereference(ns->node);
	if (n && !kref_get_unless_zero(&n->ref))
		n = NULL;
	rcu_read_unlock();
	return n;
}

/* A state and all of its chunks; NULL is none. */
void cns_fsm_free(struct fsm *f)
{
	void *chunk;

	if (!f)
		return;
	while ((chunk = fsm_take_back(f))) {
		kvfree(chunk);
		cond_resched();
	}
	kvfree(f);
}

static void cns_node_free(struct work_struct *work)
{
	struct cns_node *n = container_of(to_rcu_work(work), struct cns_node,
					  free_work);
	u32 i;

	cns_snapshots_free(n);
	cns_backup_free(n);
	cns_fsm_free(n->fsm);
	for (i = 0; n->peers && i < n->n_peers; i++)
		cns_peer_free(n->peers[i]);
	for (i = 0; i < CNS_SPARE_PEERS; i++)
		cns_peer_free(n->spare[i]);
	kvfree(n->peers);
	kvfree_sensitive(n->strangers,
			 CNS_STRANGERS * sizeof(*n->strangers));
	kvfree(n->raft);
	kvfree(n->want_table);
	kfree(n->params.peers);
	memzero_explicit(&n->params.key, sizeof(n->params.key));
	memzero_explicit(&n->self, sizeof(n->self));
	kvfree(n);
}

static void cns_node_release(struct kref *ref)
{
	struct cns_node *n = container_of(ref, struct cns_node, ref);

	queue_rcu_work(cns_wq, &n->free_work);
}

void cns_node_put(struct cns_node *n)
{
	kref_put(&n->ref, cns_node_release);
}

static void *cns_zalloc(struct cns_node *n, u64 bytes)
{
	n->memory += bytes;
	return kvzalloc(bytes, GFP_KERNEL_ACCOUNT);
}

/* A core that has not spoken yet; NULL: no memory. */
struct raft *cns_raft_new(struct cns_node *n, struct raft_id self, u32 entries)
{
	u64 slots = entries * sizeof(struct raft_slot);
	u64 bytes = (u64)entries * CNS_LOG_ENTRY_BYTES;
	struct raft_params p = {
		.self = self,
		.seed = get_random_u64(),
		.heartbeat_ns = n->params.heartbeat_ns,
		.election_min_ns = n->params.election_min_ns,
		.election_max_ns = n->params.election_max_ns,
		.retransmit_min_ns = CNS_RETRANSMIT_MIN_US * NSEC_PER_USEC,
		.batch_bytes = WIRE_BATCH,
		.memory = !n->params.disk,
	};
	size_t core = ALIGN(raft_size(), 16);
	struct raft *r;

	/* The core, its slots and its bytes are one allocation. */
	r = kvzalloc(core + slots + bytes, GFP_KERNEL_ACCOUNT);
	if (!r)
		return NULL;
	p.log.slots = (void *)r + core;
	p.log.bytes = (void *)p.log.slots + slots;
	p.log.n_slots = entries;
	p.log.n_bytes = bytes;
	if (!raft_init(r, &p, cns_now()))
		return r;
	kvfree(r);
	return NULL;
}

/* An empty state, without chunks; NULL: no memory. */
struct fsm *cns_fsm_new(struct cns_node *n)
{
	struct fsm *f = kvzalloc(fsm_size(), GFP_KERNEL_ACCOUNT);

	if (f)
		fsm_init(f);
	return f;
}

/*
 * Core and state, as empty as they are at first; those of a node that reads its
 * storage stand in for the real ones, and are no longer than they must be.
 */
static int cns_node_core(struct cns_node *n)
{
	u32 entries = n->params.disk ? CNS_LOG_ENTRIES_MIN :
				       n->params.log_entries;

	n->raft = cns_raft_new(n, n->self.hello.node, entries);
	n->fsm = cns_fsm_new(n);
	return n->raft && n->fsm && cns_feed(n->fsm) ? 0 : -ENOMEM;
}

static int cns_node_peers(struct cns_node *n)
{
	struct cns_peer *peer;
	u32 i;

	n->peers = cns_zalloc(n, n->params.max_peers * sizeof(*n->peers));
	n->strangers = cns_zalloc(n, CNS_STRANGERS * sizeof(*n->strangers));
	if (!n->peers || !n->strangers)
		return -ENOMEM;
	for (i = 0; i < n->params.n_peers; i++) {
		peer = cns_peer_alloc(GFP_KERNEL_ACCOUNT);
		if (!peer)
			return -ENOMEM;
		n->peers[n->n_peers++] = peer;
		memcpy(peer->name, n->params.peers[i].name, sizeof(peer->name));
		peer->name_len = strlen(peer->name);
		peer->address = n->params.peers[i].address;
		peer->configured = true;
		peer->self = !strcmp(peer->name, n->params.name);
		if (peer->self)
			n->me = peer;
	}
	return n->me ? 0 : -EINVAL;
}

/*
 * Who we are. In memory a new incarnation at every start; that of a storage
 * stands in it, as does its boot.
 */
static void cns_node_self(struct cns_node *n)
{
	struct wire_hello *h = &n->self.hello;

	do {
		h->node.hi = get_random_u64();
		h->node.lo = get_random_u64();
	} while (!h->node.hi || !h->node.lo);
	h->boot.counter = 1;
	do {
		h->boot.nonce = get_random_u64();
	} while (!h->boot.nonce);
	n->self.boot_nonce[h->boot.counter % WIRE_BOOTS] = h->boot.nonce;
	h->wire_min = WIRE_VERSION_MIN;
	h->wire_max = WIRE_VERSION;
	h->fsm_min = FSM_VERSION;
	h->fsm_max = FSM_VERSION;
	h->name_len = strlen(n->params.name);
	memcpy(h->name, n->params.name, h->name_len);
	memcpy(n->self.key[0], n->params.key, WIRE_CLUSTER_KEY);
	n->self.n_keys = 1;
	wire_hello_key(&n->self.hello_key[0], n->self.key[0]);
	n->hello_keys[0] = n->self.hello_key[0];
}

/* Nobody has asked for anything yet: the session of a start, and its locks. */
void cns_node_client(struct cns_node *n)
{
	const struct wire_hello *h = &n->self.hello;

	fsm_client_init(&n->client, h->node, h->boot.counter, h->boot.nonce,
			n->params.name, strlen(n->params.name),
			div_u64(n->params.ttl_ns, NSEC_PER_MSEC));
	fsm_wants_init(&n->wants, &n->client, &cns_wants_ops, n, n->want_table,
		       CNS_WANT_BUCKETS);
}

static int cns_node_build(struct cns_node *n)
{
	int err;

	cns_node_self(n);
	err = cns_node_peers(n);
	if (!err)
		err = cns_node_core(n);
	n->want_table = cns_zalloc(n, FSM_WANT_TABLES * CNS_WANT_BUCKETS *
				      sizeof(*n->want_table));
	if (!n->want_table)
		err = -ENOMEM;
	if (!err)
		cns_node_client(n);
	return err;
}

/* The owner's: from now on it speaks, and answers. */
void cns_node_live(struct cns_node *n)
{
	n->loading = false;
	n->suspended = cns_suspended();
	cns_hello_tick(n, n->now);
	cns_node_work(n);
}

static void cns_node_first(struct cns_node *n, void *arg)
{
	if (!n->loading)
		cns_node_live(n);
}

/* Take the storage that the caller opened, and begin to read it. */
static int cns_node_storage(struct cns_node *n, const char **why)
{
	int err;

	if (!n->params.disk)
		return 0;
	err = cns_file_take(&n->store.file, n->params.storage_fd, why);
	if (err)
		return err;
	n->store.on = true;
	err = cns_wal_start(n);
	if (err)
		cns_file_give(&n->store.file);
	return err;
}

/*
 * Start a node in @net. Takes @p's contents over, also on failure. Returns the
 * node with one reference, or an ERR_PTR and in *why a text for it, or NULL.
 */
struct cns_node *cns_node_start(struct net *net, struct cns_params *p,
				const char **why)
{
	struct cns_node *n = kvzalloc(sizeof(*n), GFP_KERNEL_ACCOUNT);
	int err;

	if (!n) {
		kfree(p->peers);
		return ERR_PTR(-ENOMEM);
	}
	n->memory = sizeof(*n);
	n->params = *p;
	kref_init(&n->ref);
	INIT_RCU_WORK(&n->free_work, cns_node_free);
	init_llist_head(&n->inbox);
	init_waitqueue_head(&n->wait_room);
	INIT_LIST_HEAD(&n->reads);
	__skb_queue_head_init(&n->tx_queue);
	INIT_WORK(&n->work, cns_chores);
	cns_keep_init(n);
	tasklet_setup(&n->task, cns_task);
	hrtimer_setup(&n->timer, cns_timer, CLOCK_BOOTTIME,
		      HRTIMER_MODE_REL_SOFT);
	n->timer_item.kind = CNS_ITEM_TIMER;
	n->wal_item.kind = CNS_ITEM_WAL;
	/* Not a word before the storage has said who this is. */
	n->loading = n->params.disk;
	n->armed_at = U64_MAX;
	n->pump_at = U64_MAX;
	n->soon_ns = min_t(u64, CNS_RETRANSMIT_MIN_US * NSEC_PER_USEC,
			   n->params.heartbeat_ns);
	n->suspended = cns_suspended();
	n->started_at = cns_now();

	err = cns_node_build(n);
	if (err)
		goto free;
	err = cns_udp_open(n, net, &n->me->address);
	if (err) {
		*why = "the node's own address cannot be bound";
		goto free;
	}
	err = cns_node_storage(n, why);
	if (err)
		goto close;
	cns_node_call(n, cns_node_first, NULL);
	return n;

close:
	cns_node_stop(n, -ESHUTDOWN);
	return ERR_PTR(err);
free:
	cns_node_put(n);
	return ERR_PTR(err);
}

static void cns_node_last(struct cns_node *n, void *arg)
{
	/* A namespace that goes may come back; who says `down` means it. */
	if (*(int *)arg == -ENOTCONN)
		cns_form_drop(n);
	n->stopped = *(int *)arg;
	cns_requests_stop(n, n->stopped);
}

/*
 * End @n: everything under way ends, what had not left the node in @status.
 * Drops the caller's reference. Sleeps for a grace period, never for storage.
 */
void cns_node_stop(struct cns_node *n, int status)
{
	set_bit(CNS_STOPPING, &n->flags);
	cns_udp_close(n);
	cns_node_call(n, cns_node_last, &status);
	cns_wal_stop(n);
	hrtimer_cancel(&n->timer);
	tasklet_kill(&n->task);
	cancel_work_sync(&n->work);
	cns_node_run(n);
	cns_node_put(n);
}
