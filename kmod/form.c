// SPDX-License-Identifier: GPL-2.0
/*
 * Forming a cluster, which happens once (design 3).
 *
 * Who creates mints a cluster id, and asks each node named, itself among them,
 * to promise itself to that id: one after the other, in the order of their
 * names. A node promises itself once per incarnation. Since all who create ask
 * the same node first, one of two that race gets it, and the other learns so
 * before it has taken anybody's promise (the ordering argument of locks).
 * When all have promised, the first configuration entry is written.
 *
 * A promise binds votes and acks: messages of another cluster are dropped.
 */
#include <linux/kernel.h>
#include <linux/random.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "node.h"

/* Is there a configuration, as far as this node knows? */
bool cns_formed(const struct cns_node *n)
{
	return raft_config(n->raft)->n;
}

static u64 cns_ask_again(const struct cns_node *n)
{
	return n->params.heartbeat_ns * 2;
}

/* ------------------------------------------------------------- the one asked */

/* May this node promise itself to @cluster? 0 or why not. */
static int cns_promise(struct cns_node *n, const struct wire_promise *w,
		       const char *coordinator, u64 now)
{
	struct wire_hello *self = &n->self.hello;

	if (raft_id_eq(self->cluster, w->cluster))
		return cns_formed(n) ? -EEXIST : 0;
	/* Who asks again has given up what it asked for before. */
	if (raft_id_some(self->cluster) &&
	    (cns_formed(n) || !raft_id_eq(n->promised_id, w->coordinator)))
		return -EEXIST;
	self->cluster = w->cluster;
	self->want = false;
	n->promised_id = w->coordinator;
	strscpy(n->promised_to, coordinator, sizeof(n->promised_to));
	return 0;
}

/* The creation was given up before anything was written: free again. */
static void cns_unpromise(struct cns_node *n, struct raft_id cluster)
{
	if (cns_formed(n) || !raft_id_eq(n->self.hello.cluster, cluster))
		return;
	n->self.hello.cluster = RAFT_NOBODY;
	n->promised_id = RAFT_NOBODY;
	n->promised_to[0] = '\0';
	if (n->store.on)
		cns_keep_work(n);
}

/* How many objects this node has room to store a snapshot of. */
static u32 cns_form_room(const struct cns_node *n)
{
	return n->store.on ? fsm_objects_in(n->store.layout.area_bytes) :
			     FSM_OBJECTS_LIMIT;
}

/*
 * An unfinished promise is dropped by `down` (design 3). Once this node has heard
 * of a term, somebody stands for election there: that promise was kept. Owner.
 */
void cns_form_drop(struct cns_node *n)
{
	if (cns_formed(n) || !raft_id_some(n->self.hello.cluster) ||
	    raft_term(n->raft) || n->restore.state == CNS_RESTORE_STORING)
		return;
	n->self.hello.cluster = RAFT_NOBODY;
	n->promised_id = RAFT_NOBODY;
	n->promised_to[0] = '\0';
	if (!n->store.on || n->loading || n->failed_logged)
		return;
	WRITE_ONCE(n->store.unpromise, true);
	cns_keep_work(n);
}

static void cns_form_asked(struct cns_node *n, struct cns_peer *p,
			   const struct wire_promise *w, u64 now)
{
	struct wire_promise reply = {
		.cluster = w->cluster,
		.coordinator = w->coordinator,
	};

	if (w->release) {
		cns_unpromise(n, w->cluster);
		return;
	}
	reply.status = cns_promise(n, w, p->name, now);
	reply.objects = cns_form_room(n);
	/* It is given when it is durable; who asks, asks again. */
	if (!reply.status && !cns_promise_saved(n)) {
		cns_keep_work(n);
		return;
	}
	if (reply.status) {
		reply.cluster = n->self.hello.cluster;
		reply.name_len = strlen(n->promised_to);
		memcpy(reply.name, n->promised_to, reply.name_len);
	}
	cns_send_promise(n, p, WIRE_PROMISE_REPLY, &reply);
}

/* ----------------------------------------------------------- the one who asks */

/* Nothing comes of it: all are free again, as far as they hear of it. */
static void cns_form_release(struct cns_node *n)
{
	struct cns_form *f = &n->form;
	struct wire_promise w = {
		.cluster = f->cluster,
		.coordinator = n->self.hello.node,
		.release = true,
	};
	int i;

	/* All of them: an earlier round may have come further than this one. */
	for (i = 0; i < f->n; i++)
		if (!f->peer[i]->self)
			cns_send_promise(n, f->peer[i], WIRE_PROMISE, &w);
	cns_unpromise(n, f->cluster);
	if (n->restore.state != CNS_RESTORE_READING)
		n->restore.state = CNS_RESTORE_NONE;
}

static const char *cns_form_why(const struct cns_node *n, int err)
{
	switch (err) {
	case -EBADMSG:
		return "the backup is damaged";
	case -EOVERFLOW:
		return "a counter would pass 2^64 - 1";
	case -EINVAL:
		return "the backup has too many objects, or its index is too high";
	case -EFBIG:
		return "the backup does not fit the storage";
	case -ENOMEM:
		return "no memory";
	default:
		return "the beginning of the log could not be written";
	}
}

static void cns_form_fail(struct cns_node *n, int err, const char *other)
{
	struct cns_form *f = &n->form;
	struct cns_peer *refused = f->peer[f->at];

	cns_form_release(n);
	f->state = CONSENSUS_FORM_FAILED;
	f->error = err;
	snprintf(f->text, sizeof(f->text),
		 "%s belongs to another cluster already%s%s", refused->name,
		 other[0] ? ", promised to " : "", other);
}

/* The first configuration: all who promised. */
void cns_form_config(const struct cns_node *n, struct raft_config *c)
{
	const struct cns_form *f = &n->form;

	memset(c, 0, sizeof(*c));
	c->n = f->n;
	c->n_voters = f->n;
	memcpy(c->member, f->promised, f->n * sizeof(f->promised[0]));
}

static int cns_form_write(struct cns_node *n, u64 now)
{
	struct raft_config config;
	u8 init[FSM_COMMAND_MAX];
	struct raft_entry first = {
		.term = 1,
		.kind = RAFT_COMMAND,
		.data = init,
	};

	cns_form_config(n, &config);
	first.len = fsm_encode_init(init, get_random_u64(),
				    n->form.objects_max);
	return raft_bootstrap(n->raft, now, &config, &first, 1);
}

/* Did those who promised restart since? Then their promise is gone. */
static bool cns_form_stands(const struct cns_form *f)
{
	int i;

	for (i = 0; i < f->n; i++)
		if (!f->peer[i]->self &&
		    !raft_id_eq(f->peer[i]->wire.node, f->promised[i]))
			return false;
	return true;
}

/* The first entry is written, or the state is there; or it came to nothing. */
void cns_form_done(struct cns_node *n, int err)
{
	struct cns_form *f = &n->form;

	f->state = err ? CONSENSUS_FORM_FAILED : CONSENSUS_FORM_DONE;
	f->error = err;
	strscpy(f->text, err ? cns_form_why(n, err) : "", sizeof(f->text));
	if (err)
		cns_form_release(n);
}

static void cns_form_next(struct cns_node *n, u64 now)
{
	struct cns_form *f = &n->form;

	f->at++;
	f->asked_at = 0;
	if (f->at < f->n)
		return;
	if (!cns_form_stands(f)) {
		f->at = 0;
		return;
	}
	if (n->restore.state == CNS_RESTORE_LOADED) {
		n->restore.state = CNS_RESTORE_PROMISED;
		cns_keep_work(n);
		return;
	}
	cns_form_done(n, cns_form_write(n, now));
}

static void cns_form_ask(struct cns_node *n, u64 now)
{
	struct cns_form *f = &n->form;
	struct cns_peer *p = f->peer[f->at];
	struct wire_promise w = {
		.cluster = f->cluster,
		.coordinator = n->self.hello.node,
		.name_len = strlen(n->params.name),
	};
	int err;

	f->asked_at = now;
	memcpy(w.name, n->params.name, w.name_len);
	if (p->self) {
		err = cns_promise(n, &w, n->params.name, now);
		f->promised[f->at] = n->self.hello.node;
		f->objects_max = min(f->objects_max, cns_form_room(n));
		if (err)
			cns_form_fail(n, err, n->promised_to);
		else if (cns_promise_saved(n))
			cns_form_next(n, now);
		else
			cns_keep_work(n);
		return;
	}
	snprintf(f->text, sizeof(f->text), "waiting for %s: no answer yet at %pISpc",
		 p->name, &p->address.sa);
	cns_send_promise(n, p, WIRE_PROMISE, &w);
}

static void cns_form_answered(struct cns_node *n, struct cns_peer *p,
			      const struct wire_promise *w, u64 now)
{
	struct cns_form *f = &n->form;
	char other[WIRE_NAME_MAX + 1] = "";

	if (f->state != CONSENSUS_FORM_ASKING || f->peer[f->at] != p ||
	    !raft_id_eq(w->coordinator, n->self.hello.node))
		return;
	/* A promise that was made to somebody else, or to what is given up. */
	if (!w->status && !raft_id_eq(w->cluster, f->cluster))
		return;
	if (w->status) {
		memcpy(other, w->name, w->name_len);
		cns_form_fail(n, w->status, other);
	} else {
		f->promised[f->at] = p->wire.node;
		f->objects_max = min(f->objects_max, w->objects);
		cns_form_next(n, now);
	}
}

void cns_form_receive(struct cns_node *n, struct cns_peer *p, u8 type,
		      const struct wire_promise *w, u64 now)
{
	if (type == WIRE_PROMISE)
		cns_form_asked(n, p, w, now);
	else
		cns_form_answered(n, p, w, now);
}

static int cns_by_name(const void *a, const void *b)
{
	const struct cns_peer *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/*
 * Begin to create a cluster of @peers, this node's own entry among them.
 * -EEXIST: in a cluster, or promised to one, already. -EBUSY: a creation with
 * other members is under way; the same one simply goes on.
 */
int cns_form_begin(struct cns_node *n, u64 now, struct cns_peer **peers,
		   unsigned int n_peers)
{
	struct cns_form *f = &n->form;
	size_t bytes = n_peers * sizeof(*peers);

	sort(peers, n_peers, sizeof(*peers), cns_by_name, NULL);
	if (n->stopped || n->failed_logged)
		return -ENOTCONN;
	if (n->loading)
		return -EAGAIN;
	if (f->state == CONSENSUS_FORM_ASKING)
		return f->n == n_peers && !memcmp(f->peer, peers, bytes) ?
		       0 : -EBUSY;
	if (raft_id_some(n->self.hello.cluster))
		return -EEXIST;
	memset(f, 0, sizeof(*f));
	f->n = n_peers;
	f->objects_max = n->params.objects_max;
	memcpy(f->peer, peers, bytes);
	do {
		f->cluster.hi = get_random_u64();
		f->cluster.lo = get_random_u64();
	} while (!f->cluster.hi || !f->cluster.lo);
	f->state = CONSENSUS_FORM_ASKING;
	return 0;
}

/* ------------------------------------------------------------------- both */

/*
 * An adopted hello tells of a cluster that has a configuration. A node that is
 * in none, and promised to none, asks to be replicated to; it is not counted.
 */
void cns_form_follow(struct cns_node *n, const struct wire_hello *h, u64 now)
{
	struct wire_hello *self = &n->self.hello;

	if (!h->formed || raft_id_some(self->cluster) ||
	    n->form.state == CONSENSUS_FORM_ASKING)
		return;
	self->cluster = h->cluster;
	self->want = true;
	if (n->store.on)
		cns_keep_work(n);
	cns_hello_all(n, now);
}

/* What hellos say follows the configuration. */
static void cns_form_standing(struct cns_node *n, u64 now)
{
	struct wire_hello *self = &n->self.hello;
	const struct raft_config *c = raft_config(n->raft);
	bool member = false;
	unsigned int i;

	if (likely(self->formed))
		return;
	if (!c->n)
		return;
	for (i = 0; i < c->n; i++)
		member |= raft_id_eq(c->member[i], self->node);
	self->formed = true;
	self->member = member;
	self->want = !member;
	cns_hello_all(n, now);
}

void cns_form_tick(struct cns_node *n, u64 now)
{
	struct cns_form *f = &n->form;

	/* The keeper may come once more: nothing is promised any more. */
	if (unlikely(n->stopped || n->failed_logged))
		return;
	cns_form_standing(n, now);
	while (f->state == CONSENSUS_FORM_ASKING && f->at < f->n &&
	       n->restore.state != CNS_RESTORE_READING &&
	       (!f->asked_at || now - f->asked_at >= cns_ask_again(n)))
		cns_form_ask(n, now);
}

u64 cns_form_deadline(const struct cns_node *n)
{
	return n->form.state == CONSENSUS_FORM_ASKING &&
	       n->form.at < n->form.n &&
	       n->restore.state != CNS_RESTORE_READING ?
	       n->form.asked_at + cns_ask_again(n) : U64_MAX;
}
