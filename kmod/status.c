// SPDX-License-Identifier: GPL-2.0
/*
 * What a node tells of itself and of its peers, by generic netlink. Values are
 * collected in one call as the owner, so that they are of one moment.
 */
#include <linux/inet.h>
#include <linux/math64.h>
#include <net/genetlink.h>

#include "control.h"

/* What status tells of doubt and of leases is what the pure half has. */
static_assert((int)FSM_LEASE_NONE == (int)CONSENSUS_LEASE_NONE);
static_assert((int)FSM_LEASE_OVER == (int)CONSENSUS_LEASE_OVER);
static_assert((int)RAFT_SURE == (int)CONSENSUS_DOUBT_NONE);
static_assert((int)RAFT_DOUBT_VOTE == (int)CONSENSUS_DOUBT_VOTE);

/* ------------------------------------------------------------------- status */

/* What the owner tells of its node, as uapi/linux/consensus_netlink.h has it. */
struct cns_status {
	struct raft_id cluster, incarnation, leader;
	struct wire_boot boot;
	struct fsm_stats fsm;
	struct cns_form form;
	char leader_name[WIRE_NAME_MAX + 1];
	char failed[192];
	struct cns_backup backup;
	struct cns_status_disk {
		bool on;
		u64 bytes, ring, used, area, stored, stored_bytes;
		u64 groups, written, latency, latency_max;
		u64 loaded, to_load;
		enum raft_doubt doubt;
	} disk;
	u32 state, role;
	u64 term, commit, first, last, durable, session, lease_left;
	u32 lease, held, queued, log_entries;
	u32 voters, voters_heard;
	bool voter;
	u64 rx, tx, rx_bytes, tx_bytes, snapshots, memory, uptime;
};

static void cns_status_voters(struct cns_node *n, struct cns_status *st, u64 now)
{
	const struct raft_config *c = raft_config(n->raft);
	u64 recent = 2 * n->params.election_max_ns;
	struct cns_peer *p;
	unsigned int i;

	st->voters = c->n_voters;
	for (i = 0; i < c->n_voters; i++) {
		p = cns_peer_by_id(n, c->member[i]);
		if (raft_id_eq(c->member[i], n->self.hello.node) ||
		    (p && now - p->wire.heard_at < recent))
			st->voters_heard++;
	}
}

static u32 cns_status_state(struct cns_node *n)
{
	const struct wire_hello *self = &n->self.hello;

	if (raft_failed(n->raft))
		return CONSENSUS_STATE_FAILED;
	if (n->loading)
		return CONSENSUS_STATE_LOADING;
	if (!raft_id_some(self->cluster))
		return CONSENSUS_STATE_IDLE;
	if (self->member)
		return CONSENSUS_STATE_MEMBER;
	return self->want ? CONSENSUS_STATE_OBSERVER : CONSENSUS_STATE_PROMISED;
}

static void cns_status_disk(struct cns_node *n, struct cns_status_disk *d)
{
	struct cns_storage *st = &n->store;
	struct cns_wal *w = &st->wal;
	u64 used;

	d->on = st->on;
	if (!d->on)
		return;
	d->to_load = READ_ONCE(st->to_load);
	/* Some sectors are read twice. */
	d->loaded = min(READ_ONCE(st->loaded), d->to_load);
	if (n->loading)
		return;
	spin_lock(&w->lock);
	used = w->ring.sectors - record_ring_free(&w->ring);
	d->groups = w->groups;
	d->written = w->bytes;
	d->latency = w->latency_ns;
	d->latency_max = w->latency_max_ns;
	spin_unlock(&w->lock);
	d->used = used * RECORD_SECTOR;
	d->bytes = st->layout.size;
	d->ring = st->layout.ring_bytes;
	d->area = st->layout.area_bytes;
	d->stored = st->compacted;
	d->stored_bytes = st->compacted_bytes;
	d->doubt = raft_doubt(n->raft);
}

/* What is held for good, the log in memory, the state, and the group buffers. */
static u64 cns_status_memory(const struct cns_node *n, u64 state)
{
	u64 entry = sizeof(struct raft_slot) + CNS_LOG_ENTRY_BYTES;
	u64 bytes = n->memory + raft_size() + n->params.log_entries * entry +
		    fsm_size() + state;

	if (n->store.on)
		bytes += 2 * RECORD_GROUP_BYTES +
			 RECORD_GROUP_SECTORS * RECORD_SECTOR + RECORD_SLOT;
	return bytes;
}

static void cns_status_call(struct cns_node *n, void *arg)
{
	struct cns_status *st = arg;
	struct cns_peer *leader;
	u64 now = n->now;

	st->cluster = n->self.hello.cluster;
	st->incarnation = n->self.hello.node;
	st->boot = n->self.hello.boot;
	st->state = cns_status_state(n);
	st->role = raft_role(n->raft);
	st->term = raft_term(n->raft);
	st->leader = raft_leader(n->raft);
	leader = cns_peer_by_id(n, st->leader);
	if (raft_id_eq(st->leader, st->incarnation))
		leader = n->me;
	if (leader)
		memcpy(st->leader_name, leader->name, sizeof(leader->name));
	st->commit = raft_commit(n->raft);
	st->first = raft_first_index(n->raft);
	st->last = raft_last_index(n->raft);
	st->durable = raft_durable_index(n->raft);
	st->session = n->client.session;
	st->lease = n->lease_was;
	st->lease_left = fsm_lease_left(&n->wants.lease, cns_now());
	st->held = n->wants.held;
	st->queued = n->wants.queued;
	st->log_entries = n->params.log_entries;
	st->voter = raft_is_voter(n->raft);
	st->form = n->form;
	st->backup = n->backup;
	cns_status_disk(n, &st->disk);
	if (raft_failed(n->raft))
		strscpy(st->failed, raft_failed(n->raft), sizeof(st->failed));
	fsm_stats(n->fsm, &st->fsm);
	cns_status_voters(n, st, now);
	st->rx = n->rx;
	st->tx = n->tx;
	st->rx_bytes = n->rx_bytes;
	st->tx_bytes = n->tx_bytes;
	st->snapshots = n->snapshots;
	st->memory = cns_status_memory(n, st->fsm.bytes);
	st->uptime = now - n->started_at;
}

static int cns_put_u64(struct sk_buff *skb, int type, u64 v)
{
	return nla_put_u64_64bit(skb, type, v, CONSENSUS_A_PAD);
}

/* As 16 bytes in the order in which they are written. */
static int cns_put_id(struct sk_buff *skb, int type, struct raft_id id)
{
	__be64 bytes[2] = { cpu_to_be64(id.hi), cpu_to_be64(id.lo) };

	return nla_put(skb, type, sizeof(bytes), bytes);
}

static int cns_put_who(struct sk_buff *skb, const struct cns_node *n,
		       const struct cns_status *st)
{
	return nla_put_string(skb, CONSENSUS_A_NODE_NAME, n->params.name) ||
	       nla_put_string(skb, CONSENSUS_A_CLUSTER_NAME,
			      n->params.cluster_name) ||
	       cns_put_id(skb, CONSENSUS_A_CLUSTER, st->cluster) ||
	       cns_put_id(skb, CONSENSUS_A_INCARNATION, st->incarnation) ||
	       cns_put_u64(skb, CONSENSUS_A_BOOT_COUNTER, st->boot.counter) ||
	       cns_put_u64(skb, CONSENSUS_A_BOOT_NONCE, st->boot.nonce) ||
	       nla_put_u32(skb, CONSENSUS_A_STATE, st->state) ||
	       nla_put_u32(skb, CONSENSUS_A_ROLE, st->role) ||
	       nla_put_u32(skb, CONSENSUS_A_FORM_STATE, st->form.state) ||
	       nla_put_s32(skb, CONSENSUS_A_FORM_ERROR, st->form.error) ||
	       nla_put_string(skb, CONSENSUS_A_FORM_TEXT, st->form.text) ||
	       nla_put_string(skb, CONSENSUS_A_FAILED, st->failed);
}

static u32 cns_ms(u64 ns)
{
	return div_u64(ns, NSEC_PER_MSEC);
}

static int cns_put_settings(struct sk_buff *skb, const struct cns_params *p,
			    const struct cns_status *st)
{
	return nla_put_u32(skb, CONSENSUS_A_HEARTBEAT_MS,
			   cns_ms(p->heartbeat_ns)) ||
	       nla_put_u32(skb, CONSENSUS_A_ELECTION_MIN_MS,
			   cns_ms(p->election_min_ns)) ||
	       nla_put_u32(skb, CONSENSUS_A_ELECTION_MAX_MS,
			   cns_ms(p->election_max_ns)) ||
	       nla_put_u32(skb, CONSENSUS_A_LOG_ENTRIES, st->log_entries) ||
	       nla_put_u32(skb, CONSENSUS_A_MAX_PEERS, p->max_peers);
}

static int cns_put_raft(struct sk_buff *skb, const struct cns_status *st)
{
	return cns_put_u64(skb, CONSENSUS_A_TERM, st->term) ||
	       cns_put_id(skb, CONSENSUS_A_LEADER, st->leader) ||
	       nla_put_string(skb, CONSENSUS_A_LEADER_NAME, st->leader_name) ||
	       cns_put_u64(skb, CONSENSUS_A_COMMIT, st->commit) ||
	       cns_put_u64(skb, CONSENSUS_A_APPLIED, st->fsm.applied) ||
	       cns_put_u64(skb, CONSENSUS_A_FIRST, st->first) ||
	       cns_put_u64(skb, CONSENSUS_A_LAST, st->last) ||
	       cns_put_u64(skb, CONSENSUS_A_DURABLE, st->durable) ||
	       nla_put_u8(skb, CONSENSUS_A_VOTER, st->voter) ||
	       nla_put_u32(skb, CONSENSUS_A_VOTERS, st->voters) ||
	       nla_put_u32(skb, CONSENSUS_A_VOTERS_HEARD, st->voters_heard);
}

static int cns_put_state(struct sk_buff *skb, struct cns_node *n,
			 struct cns_ns *ns, const struct cns_status *st)
{
	return cns_put_u64(skb, CONSENSUS_A_STATE_HASH, st->fsm.hash) ||
	       nla_put_u32(skb, CONSENSUS_A_FSM_VERSION, st->fsm.version) ||
	       cns_put_u64(skb, CONSENSUS_A_SESSION, st->session) ||
	       nla_put_u32(skb, CONSENSUS_A_SESSIONS, st->fsm.sessions) ||
	       nla_put_u32(skb, CONSENSUS_A_SESSIONS_MAX,
			   st->fsm.sessions_max) ||
	       nla_put_u32(skb, CONSENSUS_A_OBJECTS, st->fsm.objects) ||
	       nla_put_u32(skb, CONSENSUS_A_OBJECTS_MAX,
			   st->fsm.objects_max) ||
	       nla_put_u32(skb, CONSENSUS_A_HANDLES,
			   atomic_read(&ns->handles)) ||
	       nla_put_u32(skb, CONSENSUS_A_REQUESTS,
			   atomic_read(&n->n_requests)) ||
	       cns_put_u64(skb, CONSENSUS_A_MEMORY, st->memory) ||
	       cns_put_u64(skb, CONSENSUS_A_UPTIME_NS, st->uptime);
}

static int cns_put_locks(struct sk_buff *skb, struct cns_node *n,
			 struct cns_ns *ns, const struct cns_status *st)
{
	return nla_put_u32(skb, CONSENSUS_A_TTL_MS, cns_ms(n->params.ttl_ns)) ||
	       nla_put_u32(skb, CONSENSUS_A_LEASE, st->lease) ||
	       cns_put_u64(skb, CONSENSUS_A_LEASE_NS, st->lease_left) ||
	       nla_put_u32(skb, CONSENSUS_A_LOCKS, st->fsm.locks) ||
	       nla_put_u32(skb, CONSENSUS_A_LOCKS_HELD, st->fsm.held) ||
	       nla_put_u32(skb, CONSENSUS_A_LOCKS_WAITING, st->fsm.waiting) ||
	       nla_put_u32(skb, CONSENSUS_A_DYING, st->fsm.dying) ||
	       nla_put_u32(skb, CONSENSUS_A_OWN_HELD, st->held) ||
	       nla_put_u32(skb, CONSENSUS_A_OWN_WAITING, st->queued) ||
	       nla_put_u32(skb, CONSENSUS_A_OWN_WAITING_MAX,
			   CNS_WAITING_MAX) ||
	       nla_put_u32(skb, CONSENSUS_A_DETACHED,
			   atomic_read(&ns->detached));
}

static int cns_put_traffic(struct sk_buff *skb, struct cns_node *n,
			   const struct cns_status *st)
{
	struct nlattr *nest;
	int i;

	nest = nla_nest_start(skb, CONSENSUS_A_DROPS);
	if (!nest)
		return -EMSGSIZE;
	for (i = 1; i <= CONSENSUS_DROP_MAX; i++)
		if (nla_put_u64_64bit(skb, i, atomic_long_read(&n->drops[i]),
				      CONSENSUS_DROP_UNSPEC))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return cns_put_u64(skb, CONSENSUS_A_RX, st->rx) ||
	       cns_put_u64(skb, CONSENSUS_A_TX, st->tx) ||
	       cns_put_u64(skb, CONSENSUS_A_RX_BYTES, st->rx_bytes) ||
	       cns_put_u64(skb, CONSENSUS_A_TX_BYTES, st->tx_bytes) ||
	       cns_put_u64(skb, CONSENSUS_A_SNAPSHOTS, st->snapshots);
}

static int cns_put_disk(struct sk_buff *skb, const struct cns_status_disk *d)
{
	if (nla_put_u32(skb, CONSENSUS_A_DURABILITY,
			d->on ? CONSENSUS_DURABILITY_DISK :
				CONSENSUS_DURABILITY_MEMORY))
		return -EMSGSIZE;
	if (!d->on)
		return 0;
	return cns_put_u64(skb, CONSENSUS_A_STORAGE_BYTES, d->bytes) ||
	       cns_put_u64(skb, CONSENSUS_A_RING_BYTES, d->ring) ||
	       cns_put_u64(skb, CONSENSUS_A_RING_USED, d->used) ||
	       cns_put_u64(skb, CONSENSUS_A_AREA_BYTES, d->area) ||
	       cns_put_u64(skb, CONSENSUS_A_STORED_INDEX, d->stored) ||
	       cns_put_u64(skb, CONSENSUS_A_STORED_BYTES, d->stored_bytes) ||
	       cns_put_u64(skb, CONSENSUS_A_WAL_GROUPS, d->groups) ||
	       cns_put_u64(skb, CONSENSUS_A_WAL_BYTES, d->written) ||
	       cns_put_u64(skb, CONSENSUS_A_WAL_NS, d->latency) ||
	       cns_put_u64(skb, CONSENSUS_A_WAL_MAX_NS, d->latency_max) ||
	       cns_put_u64(skb, CONSENSUS_A_LOADED, d->loaded) ||
	       cns_put_u64(skb, CONSENSUS_A_TO_LOAD, d->to_load) ||
	       nla_put_u32(skb, CONSENSUS_A_DOUBT, d->doubt);
}

static int cns_put_backup(struct sk_buff *skb, const struct cns_backup *b)
{
	return nla_put_u32(skb, CONSENSUS_A_BACKUP_STATE, b->state) ||
	       nla_put_s32(skb, CONSENSUS_A_BACKUP_ERROR, b->error) ||
	       cns_put_u64(skb, CONSENSUS_A_BACKUP_INDEX, b->index) ||
	       cns_put_u64(skb, CONSENSUS_A_BACKUP_TERM, b->term) ||
	       cns_put_u64(skb, CONSENSUS_A_BACKUP_BYTES, b->bytes) ||
	       cns_put_u64(skb, CONSENSUS_A_BACKUP_CHECKSUM, b->checksum) ||
	       cns_put_u64(skb, CONSENSUS_A_BACKUP_COUNT, b->count);
}

int cns_cmd_status(struct sk_buff *skb, struct genl_info *info)
{
	struct cns_ns *ns = cns_ns_of(genl_info_net(info));
	struct cns_status st = {};
	struct cns_node *n;
	struct sk_buff *msg;
	int err = -EMSGSIZE;
	void *hdr;

	n = cns_node_get(ns);
	if (!n)
		return -ENOTCONN;
	cns_node_call(n, cns_status_call, &st);
	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg) {
		err = -ENOMEM;
		goto put;
	}
	hdr = genlmsg_put_reply(msg, info, &cns_family, 0,
				CONSENSUS_CMD_STATUS);
	if (!hdr || cns_put_who(msg, n, &st) ||
	    cns_put_settings(msg, &n->params, &st) || cns_put_raft(msg, &st) ||
	    cns_put_state(msg, n, ns, &st) || cns_put_traffic(msg, n, &st) ||
	    cns_put_locks(msg, n, ns, &st) || cns_put_disk(msg, &st.disk) ||
	    cns_put_backup(msg, &st.backup)) {
		nlmsg_free(msg);
		goto put;
	}
	genlmsg_end(msg, hdr);
	err = genlmsg_reply(msg, info);
put:
	cns_node_put(n);
	return err;
}

/* -------------------------------------------------------------------- peers */

struct cns_peer_info {
	u32 at;
	bool end;
	char name[WIRE_NAME_MAX + 1];
	union cns_address address;
	struct raft_id node;
	struct wire_boot boot;
	bool self, configured, voter, observer, known, progress;
	u64 heard_ms, last;
	bool heard;
	struct raft_peer_status st;
};

static void cns_peer_progress(struct cns_node *n, struct cns_peer_info *i)
{
	unsigned int k, peers = raft_peer_count(n->raft);

	if (raft_role(n->raft) != RAFT_LEADER || i->self)
		return;
	for (k = 0; k < peers && !i->progress; k++) {
		raft_peer_status(n->raft, k, &i->st);
		i->progress = raft_id_eq(i->st.id, i->node);
	}
	i->last = raft_last_index(n->raft);
}

static void cns_peer_call(struct cns_node *n, void *arg)
{
	struct cns_peer_info *i = arg;
	const struct raft_config *c = raft_config(n->raft);
	struct cns_peer *p;
	unsigned int k;

	i->end = i->at >= n->n_peers;
	if (i->end)
		return;
	p = n->peers[i->at];
	memcpy(i->name, p->name, sizeof(i->name));
	i->address = p->address;
	i->self = p->self;
	i->configured = p->configured;
	i->known = p->self || p->wire.state == WIRE_PEER_KNOWN;
	i->node = p->self ? n->self.hello.node : p->wire.node;
	i->boot = p->self ? n->self.hello.boot : p->wire.boot;
	i->observer = raft_id_some(p->observed);
	i->heard = p->wire.heard_at;
	i->heard_ms = div_u64(n->now - p->wire.heard_at, NSEC_PER_MSEC);
	for (k = 0; k < c->n_voters && i->known; k++)
		i->voter |= raft_id_eq(c->member[k], i->node);
	cns_peer_progress(n, i);
}

static int cns_put_p64(struct sk_buff *skb, int type, u64 v)
{
	return nla_put_u64_64bit(skb, type, v, CONSENSUS_P_PAD);
}

static int cns_put_progress(struct sk_buff *skb, const struct cns_peer_info *i)
{
	u64 match = i->st.match;

	return cns_put_p64(skb, CONSENSUS_P_MATCH, match) ||
	       cns_put_p64(skb, CONSENSUS_P_LAG, i->last - match) ||
	       nla_put_u32(skb, CONSENSUS_P_STATE, i->st.state) ||
	       cns_put_p64(skb, CONSENSUS_P_RTT_NS, i->st.rtt_ns);
}

static int cns_put_known(struct sk_buff *skb, const struct cns_peer_info *i)
{
	return cns_put_id(skb, CONSENSUS_P_INCARNATION, i->node) ||
	       cns_put_p64(skb, CONSENSUS_P_BOOT_COUNTER, i->boot.counter) ||
	       cns_put_p64(skb, CONSENSUS_P_BOOT_NONCE, i->boot.nonce);
}

static int cns_put_peer(struct sk_buff *skb, const struct cns_peer_info *i)
{
	struct nlattr *nest = nla_nest_start(skb, CONSENSUS_A_PEER);
	size_t len = i->address.sa.sa_family == AF_INET6 ?
		     sizeof(i->address.in6) : sizeof(i->address.in);

	if (!nest ||
	    nla_put_string(skb, CONSENSUS_P_NAME, i->name) ||
	    nla_put(skb, CONSENSUS_P_ADDRESS, len, &i->address) ||
	    nla_put_u8(skb, CONSENSUS_P_CONFIGURED, i->configured) ||
	    nla_put_u8(skb, CONSENSUS_P_VOTER, i->voter) ||
	    nla_put_u8(skb, CONSENSUS_P_OBSERVER, i->observer) ||
	    nla_put_u8(skb, CONSENSUS_P_SELF, i->self) ||
	    (i->known && cns_put_known(skb, i)) ||
	    (i->heard &&
	     cns_put_p64(skb, CONSENSUS_P_HEARD_MS, i->heard_ms)) ||
	    (i->progress && cns_put_progress(skb, i)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int cns_dump_peers(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cns_node *n = cns_node_get(cns_ns_of(sock_net(skb->sk)));
	struct cns_peer_info info;
	void *hdr;

	if (!n)
		return -ENOTCONN;
	for (;; cb->args[0]++) {
		memset(&info, 0, sizeof(info));
		info.at = cb->args[0];
		cns_node_call(n, cns_peer_call, &info);
		if (info.end)
			break;
		hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
				  cb->nlh->nlmsg_seq, &cns_family, NLM_F_MULTI,
				  CONSENSUS_CMD_PEERS);
		if (!hdr)
			break;
		if (cns_put_peer(skb, &info)) {
			genlmsg_cancel(skb, hdr);
			break;
		}
		genlmsg_end(skb, hdr);
	}
	cns_node_put(n);
	return skb->len;
}
