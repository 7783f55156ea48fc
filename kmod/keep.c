// SPDX-License-Identifier: GPL-2.0
/*
 * The keeper: what of storage is not the log, and what of snapshots sleeps. A work
 * item, so one at a time a node; it asks the owner what is wanted, does it, and
 * tells the owner.
 *
 * The superblock goes into both slots, one behind the other: while one is being
 * written the other is whole. What the owner promises others by it (who it is
 * promised to, whose boots it remembers) it acts upon only once it is told that
 * it is durable; those who wait meanwhile ask again.
 */
#include <linux/sched/mm.h>
#include <linux/vmalloc.h>

#include "node.h"

static struct workqueue_struct *cns_keep_wq;

/* ------------------------------------------------------------- superblock */

/* Write @next, of the next generation, into both slots, @first first: durable. */
int cns_super_write(struct cns_storage *st, struct record_super *next,
		    unsigned int first)
{
	unsigned int i, slot;
	int err;

	next->generation++;
	record_super_encode(next, st->slot);
	for (i = 0; i < 2; i++) {
		slot = first ^ i;
		err = cns_file_write(&st->file, slot * RECORD_SLOT, st->slot,
				     RECORD_SLOT);
		if (err)
			return err;
	}
	st->super = *next;
	return 0;
}

/* What is to be durable also of a node that is being stopped. */
static bool cns_keep_last(const struct cns_storage *st)
{
	return READ_ONCE(st->unpromise) || READ_ONCE(st->fail);
}

/* The same, with what is known of the log now. */
int cns_keep_write(struct cns_node *n, struct record_super *next)
{
	struct cns_storage *st = &n->store;
	struct cns_wal *w = &st->wal;

	if (READ_ONCE(st->stopping) && !cns_keep_last(st))
		return -EINTR;
	spin_lock_bh(&w->lock);
	next->hard = w->hard;
	next->durable_group = w->ring.last_group;
	spin_unlock_bh(&w->lock);
	return cns_super_write(st, next, 0);
}

/**
 * struct cns_wish - what the superblock ought to say, as the owner has it
 * @next: that
 * @changed: it differs from what the superblock says
 * @why: of a failure that is to be durable
 */
struct cns_wish {
	struct record_super *next;
	bool changed;
	const char *why;
};

static bool cns_boot_known(const struct record_super *s,
			   const struct record_boot *b)
{
	const struct record_boot *old = record_recall(s, b->node);

	return old && old->counter == b->counter && old->nonce == b->nonce;
}

static void cns_wish_boots(struct cns_node *n, struct cns_wish *w)
{
	const struct wire_peer *p;
	u32 i;

	for (i = 0; i < n->n_peers; i++) {
		struct record_boot b;

		p = &n->peers[i]->wire;
		if (n->peers[i]->self || p->state != WIRE_PEER_KNOWN ||
		    n->peers[i]->saved)
			continue;
		b = (struct record_boot){
			.node = p->node,
			.counter = p->boot.counter,
			.nonce = p->boot.nonce,
			.term = p->had_term,
			.index = p->had_index,
		};
		if (cns_boot_known(w->next, &b))
			continue;
		record_remember(w->next, &b);
		w->changed = true;
	}
}

static void cns_wish_promise(struct cns_node *n, struct cns_wish *w)
{
	struct record_super *s = w->next;

	if (raft_id_eq(s->cluster, n->self.hello.cluster) &&
	    raft_id_eq(s->coordinator, n->promised_id))
		return;
	s->cluster = n->self.hello.cluster;
	s->coordinator = n->promised_id;
	/* Neither the old one nor the new one stands, until it is told. */
	n->store.saved_cluster = RAFT_NOBODY;
	n->store.saved_coordinator = RAFT_NOBODY;
	memset(s->promised_to, 0, sizeof(s->promised_to));
	strscpy(s->promised_to, n->promised_to, sizeof(s->promised_to));
	w->changed = true;
}

static void cns_wish_ask(struct cns_node *n, void *arg)
{
	struct cns_wish *w = arg;
	struct record_super *s = w->next;

	if (n->loading)
		return;
	cns_wish_boots(n, w);
	cns_wish_promise(n, w);
	if (s->flags & RECORD_DOUBTS && raft_doubt(n->raft) == RAFT_SURE) {
		s->flags &= ~(RECORD_DOUBTS | RECORD_DOUBTS_VOTE);
		w->changed = true;
	}
	if (n->store.fail && raft_failed(n->raft) &&
	    !(s->flags & RECORD_FAILED)) {
		s->flags |= RECORD_FAILED;
		memset(s->why, 0, sizeof(s->why));
		strscpy(s->why, raft_failed(n->raft), sizeof(s->why));
		w->changed = true;
	}
}

/* A boot that is durable may be spoken to. */
static void cns_wish_boots_told(struct cns_node *n, const struct record_super *s)
{
	struct cns_peer *p;
	u32 i;

	for (i = 0; i < n->n_peers; i++) {
		struct record_boot b;

		p = n->peers[i];
		b.node = p->wire.node;
		b.counter = p->wire.boot.counter;
		b.nonce = p->wire.boot.nonce;
		if (p->saved || p->wire.state != WIRE_PEER_KNOWN ||
		    !cns_boot_known(s, &b))
			continue;
		p->saved = true;
		cns_greet_saved(n, p, n->now);
	}
}

static void cns_wish_told(struct cns_node *n, void *arg)
{
	const struct record_super *s = arg;
	struct cns_storage *st = &n->store;

	st->saved_cluster = s->cluster;
	st->saved_coordinator = s->coordinator;
	spin_lock(&st->wal.lock);
	/* The thread seals groups by it, if there are any: not before it is told here. */
	if (!raft_id_eq(st->wal.ring.cluster, s->cluster))
		st->wal.ring.cluster = s->cluster;
	spin_unlock(&st->wal.lock);
	if (!(s->flags & RECORD_DOUBTS) && st->doubt) {
		st->doubt = RAFT_SURE;
		n->self.hello.doubt = false;
		pr_info("consensus: node %s has caught up, and votes again\n",
			n->params.name);
		cns_hello_all(n, n->now);
	}
	cns_wish_boots_told(n, s);
	/* What had to wait for this. */
	cns_form_tick(n, n->now);
}

/* Bring the superblock up to what the owner wants. */
static void cns_keep_super(struct cns_node *n)
{
	struct cns_wish w = {
		.next = kvmalloc(sizeof(*w.next), GFP_KERNEL_ACCOUNT),
	};
	int err = 0;

	if (!w.next) {
		/* Whoever waits asks again. */
		return;
	}
	*w.next = n->store.super;
	cns_node_call(n, cns_wish_ask, &w);
	if (w.changed)
		err = cns_keep_write(n, w.next);
	if (!err)
		cns_node_call(n, cns_wish_told, w.next);
	else if (err != -EINTR)
		cns_keep_failed(n, "the superblock cannot be written", err);
	kvfree(w.next);
}

/* ---------------------------------------------------------------- failures */

struct cns_failure {
	const char *what;
	int err;
};

static void cns_failure_call(struct cns_node *n, void *arg)
{
	const struct cns_failure *f = arg;

	if (raft_failed(n->raft))
		return;
	snprintf(n->why, sizeof(n->why), "%s: error %d", f->what, -f->err);
	raft_fail(n->raft, n->why);
}

/* A failed write is final (design 8). */
void cns_keep_failed(struct cns_node *n, const char *what, int err)
{
	struct cns_failure f = { .what = what, .err = err };

	/* Too little memory or time is no failure of the storage. */
	if (err == -ENOMEM)
		return;
	cns_node_call(n, cns_failure_call, &f);
}

/* ------------------------------------------------------------------- owner */

/* The ring wants room; not while the state is still the one that is stored. */
void cns_keep_compact(struct cns_node *n)
{
	struct fsm_stats st;

	if (n->store.compact)
		return;
	fsm_stats(n->fsm, &st);
	if (st.applied == n->store.compacted)
		return;
	n->store.compact = true;
	cns_keep_work(n);
}

/* This node must never be used again: durable, too. Owner. */
void cns_fail_durably(struct cns_node *n, const char *why)
{
	if (raft_failed(n->raft))
		return;
	strscpy(n->why, why, sizeof(n->why));
	raft_fail(n->raft, n->why);
	if (!n->store.on)
		return;
	WRITE_ONCE(n->store.fail, true);
	cns_keep_work(n);
}

/* Is the promise that this node has given durable? */
bool cns_promise_saved(const struct cns_node *n)
{
	return !n->store.on ||
	       (raft_id_eq(n->store.saved_cluster, n->self.hello.cluster) &&
		raft_id_eq(n->store.saved_coordinator, n->promised_id));
}

/* ----------------------------------------------------------------- the work */

static void cns_keep(struct work_struct *work)
{
	struct cns_node *n = container_of(work, struct cns_node, keep);
	unsigned int noio = memalloc_noio_save();

	clear_bit(CNS_KEEP_QUEUED, &n->flags);
	/* Pairs with test_and_set_bit(): what was wished before is seen. */
	smp_mb__after_atomic();
	if (n->store.on)
		cns_keep_super(n);
	cns_snapshot_room(n);
	cns_snapshot_install(n);
	cns_backup_write(n);
	cns_restore(n);
	cns_snapshot_make(n);
	memalloc_noio_restore(noio);
	if (n->store.on)
		cns_storage_put(n);
	cns_node_put(n);
}

void cns_keep_init(struct cns_node *n)
{
	INIT_WORK(&n->keep, cns_keep);
}

/* Have the keeper look after what it looks after. Any context. */
void cns_keep_work(struct cns_node *n)
{
	if (test_bit(CNS_STOPPING, &n->flags) && !cns_keep_last(&n->store))
		return;
	if (test_and_set_bit(CNS_KEEP_QUEUED, &n->flags))
		return;
	if (n->store.on && !refcount_inc_not_zero(&n->store.users)) {
		clear_bit(CNS_KEEP_QUEUED, &n->flags);
		return;
	}
	kref_get(&n->ref);
	queue_work(cns_keep_wq, &n->keep);
}

int cns_keep_module_init(void)
{
	cns_keep_wq = alloc_workqueue("consensus_keep",
				      WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return cns_keep_wq ? 0 : -ENOMEM;
}

/* Waits for storage, as only unloading does. */
void cns_keep_module_exit(void)
{
	/* A thread's last report may still ask for the keeper. */
	cns_wal_exit();
	destroy_workqueue(cns_keep_wq);
}
