// SPDX-License-Identifier: GPL-2.0
/*
 * Control by generic netlink: start, stop, create, status, peers. Handlers
 * check, and act on the node as its owner by calls; what takes long is queued,
 * and seen in the status.
 */
#include <linux/file.h>
#include <linux/inet.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <net/genetlink.h>
#include <net/ipv6.h>

#include "control.h"

static bool userns;
module_param(userns, bool, 0644);
MODULE_PARM_DESC(userns, "CAP_NET_ADMIN in the user namespace that owns the network namespace suffices to control its node");

/* ----------------------------------------------------------------- policies */

static const struct nla_policy cns_policy[CONSENSUS_A_MAX + 1] = {
	[CONSENSUS_A_NODE_NAME] = { .type = NLA_NUL_STRING, .len = WIRE_NAME_MAX },
	[CONSENSUS_A_CLUSTER_NAME] = { .type = NLA_NUL_STRING,
				       .len = WIRE_NAME_MAX },
	[CONSENSUS_A_KEY] = NLA_POLICY_EXACT_LEN(WIRE_CLUSTER_KEY),
	[CONSENSUS_A_PEERS] = { .type = NLA_NESTED },
	[CONSENSUS_A_HEARTBEAT_MS] = NLA_POLICY_RANGE(NLA_U32, 1,
						      CNS_HEARTBEAT_LIMIT_MS),
	[CONSENSUS_A_ELECTION_MIN_MS] = NLA_POLICY_MIN(NLA_U32, 2),
	[CONSENSUS_A_ELECTION_MAX_MS] = NLA_POLICY_MIN(NLA_U32, 3),
	[CONSENSUS_A_OBJECTS_MAX] = NLA_POLICY_MIN(NLA_U32, 1),
	[CONSENSUS_A_LOG_ENTRIES] = NLA_POLICY_MIN(NLA_U32, 1024),
	[CONSENSUS_A_MAX_PEERS] = NLA_POLICY_MIN(NLA_U32, 1),
	[CONSENSUS_A_TTL_MS] = NLA_POLICY_MIN(NLA_U32, FSM_TTL_MIN_MS),
	[CONSENSUS_A_DURABILITY] =
		NLA_POLICY_MAX(NLA_U32, CONSENSUS_DURABILITY_MEMORY),
	[CONSENSUS_A_STORAGE_FD] = { .type = NLA_U32 },
	[CONSENSUS_A_BACKUP_FD] = { .type = NLA_U32 },
	[CONSENSUS_A_RESTORE_FD] = { .type = NLA_U32 },
	[CONSENSUS_A_RESTORE_BYTES] = { .type = NLA_U64 },
	[CONSENSUS_A_RESTORE_CHECKSUM] = { .type = NLA_U64 },
	[CONSENSUS_A_RESTORE_INDEX] = { .type = NLA_U64 },
	[CONSENSUS_A_ADVANCE_COUNTERS] = { .type = NLA_U64 },
};

static const struct nla_policy cns_peer_policy[CONSENSUS_P_MAX + 1] = {
	[CONSENSUS_P_NAME] = { .type = NLA_NUL_STRING, .len = WIRE_NAME_MAX },
	[CONSENSUS_P_ADDRESS] = { .type = NLA_BINARY,
				  .len = sizeof(struct sockaddr_in6) },
};

static int cns_may(struct sk_buff *skb, struct genl_info *info)
{
	if (netlink_capable(skb, CAP_NET_ADMIN) ||
	    (userns && netlink_ns_capable(skb, genl_info_net(info)->user_ns,
					  CAP_NET_ADMIN)))
		return 0;
	GENL_SET_ERR_MSG(info, "needs CAP_NET_ADMIN in the initial user namespace");
	return -EPERM;
}

/* -------------------------------------------------------------------- start */

static int cns_get_name(const struct nlattr *a, char *to,
			struct netlink_ext_ack *extack)
{
	int err;

	nla_strscpy(to, a, WIRE_NAME_MAX + 1);
	err = fsm_name_check(to, strlen(to));
	if (err)
		NL_SET_ERR_MSG_ATTR(extack, a,
				    "a name is 1 to 63 bytes of UTF-8 without control characters");
	return err;
}

static int cns_get_address(const struct nlattr *a, union cns_address *to,
			   struct netlink_ext_ack *extack)
{
	int len = nla_len(a);

	memset(to, 0, sizeof(*to));
	if (len < (int)sizeof(sa_family_t))
		goto bad;
	memcpy(to, nla_data(a), len);
	if (to->sa.sa_family == AF_INET && len >= (int)sizeof(to->in) &&
	    to->in.sin_port && to->in.sin_addr.s_addr)
		return 0;
	if (to->sa.sa_family == AF_INET6 && len == (int)sizeof(to->in6) &&
	    to->in6.sin6_port && !ipv6_addr_any(&to->in6.sin6_addr))
		return 0;
bad:
	NL_SET_ERR_MSG_ATTR(extack, a, "an address is a sockaddr_in or sockaddr_in6 with address and port");
	return -EINVAL;
}

static int cns_get_peer(const struct nlattr *nest, struct cns_peer_params *p,
			struct netlink_ext_ack *extack)
{
	struct nlattr *tb[CONSENSUS_P_MAX + 1];
	int err;

	err = nla_parse_nested(tb, CONSENSUS_P_MAX, nest, cns_peer_policy,
			       extack);
	if (err)
		return err;
	if (!tb[CONSENSUS_P_NAME] || !tb[CONSENSUS_P_ADDRESS]) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "a peer needs name and address");
		return -EINVAL;
	}
	err = cns_get_name(tb[CONSENSUS_P_NAME], p->name, extack);
	return err ?: cns_get_address(tb[CONSENSUS_P_ADDRESS], &p->address,
				      extack);
}

/* A configuration names each node once, this one among them. */
static int cns_check_peers(const struct cns_params *p,
			   struct netlink_ext_ack *extack)
{
	bool self = false;
	u32 i, j;

	for (i = 0; i < p->n_peers; i++) {
		for (j = 0; j < i; j++) {
			if (strcmp(p->peers[i].name, p->peers[j].name))
				continue;
			NL_SET_ERR_MSG(extack, "a node is named twice");
			return -EINVAL;
		}
		if (p->peers[i].address.sa.sa_family !=
		    p->peers[0].address.sa.sa_family) {
			NL_SET_ERR_MSG(extack, "all addresses must be of one family");
			return -EINVAL;
		}
		self |= !strcmp(p->peers[i].name, p->name);
	}
	if (self)
		return 0;
	NL_SET_ERR_MSG(extack, "the node's own name is not among the nodes");
	return -ENOENT;
}

static int cns_get_peers(const struct nlattr *peers, struct cns_params *p,
			 struct netlink_ext_ack *extack)
{
	struct nlattr *nest;
	u32 n = 0;
	int rem, err;

	nla_for_each_nested(nest, peers, rem)
		n++;
	if (!n || n > p->max_peers) {
		NL_SET_ERR_MSG(extack, "no nodes, or more than max-peers");
		return -EINVAL;
	}
	p->peers = kcalloc(n, sizeof(*p->peers), GFP_KERNEL_ACCOUNT);
	if (!p->peers)
		return -ENOMEM;
	nla_for_each_nested(nest, peers, rem) {
		if (nla_type(nest) != CONSENSUS_A_PEER) {
			NL_SET_ERR_MSG_ATTR(extack, nest, "not a peer");
			return -EINVAL;
		}
		err = cns_get_peer(nest, &p->peers[p->n_peers++], extack);
		if (err)
			return err;
	}
	return cns_check_peers(p, extack);
}

static u32 cns_get_u32(struct nlattr **attrs, int type, u32 other)
{
	return attrs[type] ? nla_get_u32(attrs[type]) : other;
}

static int cns_get_timers(struct nlattr **attrs, struct cns_params *p,
			  struct netlink_ext_ack *extack)
{
	u32 beat = cns_get_u32(attrs, CONSENSUS_A_HEARTBEAT_MS,
			       CNS_HEARTBEAT_MS);
	u32 least = cns_get_u32(attrs, CONSENSUS_A_ELECTION_MIN_MS,
				CNS_ELECTION_MIN_MS);
	u32 most = cns_get_u32(attrs, CONSENSUS_A_ELECTION_MAX_MS,
			       CNS_ELECTION_MAX_MS);
	u32 ttl = cns_get_u32(attrs, CONSENSUS_A_TTL_MS, CNS_TTL_MS);

	if (ttl > FSM_TTL_MAX_MS) {
		NL_SET_ERR_MSG(extack, "ttl is at most 10 minutes");
		return -EINVAL;
	}
	if (least < 2 * beat || most <= least || most > CNS_ELECTION_LIMIT_MS) {
		NL_SET_ERR_MSG(extack, "want 2 * heartbeat <= election-min < election-max <= 10 minutes");
		return -EINVAL;
	}
	p->heartbeat_ns = (u64)beat * NSEC_PER_MSEC;
	p->election_min_ns = (u64)least * NSEC_PER_MSEC;
	p->election_max_ns = (u64)most * NSEC_PER_MSEC;
	p->ttl_ns = (u64)ttl * NSEC_PER_MSEC;
	return 0;
}

static int cns_get_limits(struct nlattr **attrs, struct cns_params *p,
			  struct netlink_ext_ack *extack)
{
	p->objects_max = cns_get_u32(attrs, CONSENSUS_A_OBJECTS_MAX,
				     FSM_OBJECTS_MAX);
	p->log_entries = cns_get_u32(attrs, CONSENSUS_A_LOG_ENTRIES,
				     CNS_LOG_ENTRIES);
	p->max_peers = cns_get_u32(attrs, CONSENSUS_A_MAX_PEERS,
				   CNS_PEERS_DEFAULT);
	if (p->log_entries & (p->log_entries - 1) ||
	    p->log_entries > CNS_LOG_ENTRIES_MAX) {
		NL_SET_ERR_MSG(extack, "log-entries must be a power of two, 1024 to 1048576");
		return -EINVAL;
	}
	if (p->max_peers > U16_MAX) {
		NL_SET_ERR_MSG(extack, "max-peers is at most 65535");
		return -EINVAL;
	}
	return 0;
}

/* Durable unless told otherwise. */
static int cns_get_storage(struct nlattr **attrs, struct cns_params *p,
			   struct netlink_ext_ack *extack)
{
	p->disk = cns_get_u32(attrs, CONSENSUS_A_DURABILITY,
			      CONSENSUS_DURABILITY_DISK) ==
		  CONSENSUS_DURABILITY_DISK;
	if (!p->disk)
		return 0;
	if (!attrs[CONSENSUS_A_STORAGE_FD]) {
		NL_SET_ERR_MSG(extack, "durability disk needs STORAGE_FD");
		return -EINVAL;
	}
	p->storage_fd = nla_get_u32(attrs[CONSENSUS_A_STORAGE_FD]);
	return 0;
}

static int cns_get_params(struct genl_info *info, struct cns_params *p)
{
	struct netlink_ext_ack *extack = info->extack;
	struct nlattr **a = info->attrs;
	int err;

	if (!a[CONSENSUS_A_NODE_NAME] || !a[CONSENSUS_A_KEY] ||
	    !a[CONSENSUS_A_PEERS]) {
		GENL_SET_ERR_MSG(info, "needs NODE_NAME, KEY and PEERS");
		return -EINVAL;
	}
	err = cns_get_name(a[CONSENSUS_A_NODE_NAME], p->name, extack);
	if (!err && a[CONSENSUS_A_CLUSTER_NAME])
		err = cns_get_name(a[CONSENSUS_A_CLUSTER_NAME],
				   p->cluster_name, extack);
	if (!err)
		err = cns_get_timers(a, p, extack);
	if (!err)
		err = cns_get_limits(a, p, extack);
	if (!err)
		err = cns_get_storage(a, p, extack);
	if (!err)
		err = cns_get_peers(a[CONSENSUS_A_PEERS], p, extack);
	nla_memcpy(p->key, a[CONSENSUS_A_KEY], sizeof(p->key));
	return err;
}

static int cns_start_locked(struct cns_ns *ns, struct cns_params *p,
			    struct genl_info *info)
{
	struct cns_node *n;
	const char *why = NULL;

	if (rcu_access_pointer(ns->node)) {
		kfree(p->peers);
		GENL_SET_ERR_MSG(info, "the node is started already");
		return -EALREADY;
	}
	if (!ns->net) {
		kfree(p->peers);
		return -ESHUTDOWN;
	}
	n = cns_node_start(ns->net, p, &why);
	if (IS_ERR(n)) {
		/* Texts of extended acknowledgements are constants. */
		if (why && info->extack)
			WRITE_ONCE(info->extack->_msg, why);
		return PTR_ERR(n);
	}
	rcu_assign_pointer(ns->node, n);
	return 0;
}

static int cns_cmd_start(struct sk_buff *skb, struct genl_info *info)
{
	struct cns_ns *ns = cns_ns_of(genl_info_net(info));
	struct cns_params p = {};
	int err = cns_may(skb, info);

	if (err)
		return err;
	err = cns_get_params(info, &p);
	if (err) {
		kfree(p.peers);
	} else {
		mutex_lock(&ns->control);
		err = cns_start_locked(ns, &p, info);
		mutex_unlock(&ns->control);
	}
	memzero_explicit(&p, sizeof(p));
	return err;
}

static int cns_cmd_stop(struct sk_buff *skb, struct genl_info *info)
{
	struct cns_ns *ns = cns_ns_of(genl_info_net(info));
	struct cns_node *n;
	int err = cns_may(skb, info);

	if (err)
		return err;
	n = cns_node_get(ns);
	if (n) {
		cns_hand_over(n);
		cns_node_put(n);
	}
	mutex_lock(&ns->control);
	n = rcu_replace_pointer(ns->node, NULL, lockdep_is_held(&ns->control));
	if (n) {
		kref_get(&n->ref);
		cns_node_stop(n, -ENOTCONN);
	}
	mutex_unlock(&ns->control);
	if (!n)
		return -ENOTCONN;
	cns_detach_end(ns);
	/* So that the next start finds the storage free; a hung disk may wait. */
	if (n->store.started)
		wait_for_completion_interruptible_timeout(&n->store.gone,
							  msecs_to_jiffies(CNS_GONE_MS));
	cns_node_put(n);
	return 0;
}

/* ------------------------------------------------------------------- create */

/**
 * struct cns_create - a create command, checked
 * @peers: whom to ask
 * @n: how many
 * @restore: what to begin with; .file NULL: nothing
 * @err: of its beginning
 */
struct cns_create {
	struct cns_peer *peers[RAFT_VOTERS_MAX];
	unsigned int n;
	struct cns_restore restore;
	int err;
};

static void cns_create_call(struct cns_node *n, void *arg)
{
	struct cns_create *c = arg;

	if (c->restore.file && n->form.state == CONSENSUS_FORM_ASKING)
		c->err = -EBUSY;
	else
		c->err = cns_form_begin(n, n->now, c->peers, c->n);
	if (c->err || !c->restore.file)
		return;
	/* A state that an earlier one left goes where it may take its time. */
	swap(n->restore, c->restore);
	n->restore.state = CNS_RESTORE_READING;
	cns_keep_work(n);
}

/*
 * The file behind a descriptor of the caller's. A pipe or a terminal might keep
 * the keeper, which has other things to do, for as long as it likes.
 */
static struct file *cns_file_of(const struct nlattr *fd, fmode_t mode)
{
	struct file *file = fget(nla_get_u32(fd));

	if (!file)
		return NULL;
	if (file->f_mode & mode && S_ISREG(file_inode(file)->i_mode))
		return file;
	fput(file);
	return NULL;
}

static int cns_create_restore(struct cns_create *c, struct genl_info *info)
{
	struct nlattr **a = info->attrs;
	struct cns_restore *r = &c->restore;

	if (!a[CONSENSUS_A_RESTORE_FD])
		return 0;
	if (!a[CONSENSUS_A_RESTORE_BYTES] || !a[CONSENSUS_A_RESTORE_CHECKSUM] ||
	    !a[CONSENSUS_A_RESTORE_INDEX]) {
		GENL_SET_ERR_MSG(info, "RESTORE_FD needs RESTORE_BYTES, _CHECKSUM and _INDEX");
		return -EINVAL;
	}
	r->bytes = nla_get_u64(a[CONSENSUS_A_RESTORE_BYTES]);
	r->checksum = nla_get_u64(a[CONSENSUS_A_RESTORE_CHECKSUM]);
	r->index = nla_get_u64(a[CONSENSUS_A_RESTORE_INDEX]);
	if (a[CONSENSUS_A_ADVANCE_COUNTERS])
		r->advance = nla_get_u64(a[CONSENSUS_A_ADVANCE_COUNTERS]);
	if (!r->bytes || r->bytes > CNS_RESTORE_BYTES_MAX ||
	    r->index > CNS_RESTORE_INDEX_MAX) {
		GENL_SET_ERR_MSG(info, "the backup's length or index makes no sense");
		return -EINVAL;
	}
	r->file = cns_file_of(a[CONSENSUS_A_RESTORE_FD], FMODE_READ);
	if (r->file)
		return 0;
	GENL_SET_ERR_MSG(info, "RESTORE_FD is no file that is open for reading");
	return -EBADF;
}

static int cns_create_add(struct cns_create *c, struct cns_peer *p,
			  struct genl_info *info)
{
	unsigned int i;

	if (!p || !p->configured) {
		GENL_SET_ERR_MSG(info, "a name is not in the node's configuration");
		return -ENOENT;
	}
	for (i = 0; i < c->n; i++)
		if (c->peers[i] == p)
			return 0;
	if (c->n == RAFT_VOTERS_MAX) {
		GENL_SET_ERR_MSG(info, "a cluster has at most 7 voters");
		return -E2BIG;
	}
	c->peers[c->n++] = p;
	return 0;
}

/* The configuration's peers never change, so that nobody need own the node. */
static struct cns_peer *cns_create_peer(struct cns_node *n, const char *name)
{
	u32 i;

	for (i = 0; i < n->params.n_peers; i++)
		if (!strcmp(n->peers[i]->name, name))
			return n->peers[i];
	return NULL;
}

static int cns_create_names(struct cns_node *n, struct cns_create *c,
			    struct genl_info *info)
{
	struct nlattr *tb[CONSENSUS_P_MAX + 1], *nest;
	const struct nlattr *name;
	int rem, err;

	err = cns_create_add(c, n->me, info);
	if (err || !info->attrs[CONSENSUS_A_PEERS])
		return err;
	nla_for_each_nested(nest, info->attrs[CONSENSUS_A_PEERS], rem) {
		err = nla_parse_nested(tb, CONSENSUS_P_MAX, nest,
				       cns_peer_policy, info->extack);
		if (err)
			return err;
		name = tb[CONSENSUS_P_NAME];
		if (!name)
			return -EINVAL;
		err = cns_create_add(c, cns_create_peer(n, nla_data(name)),
				     info);
		if (err)
			return err;
	}
	return 0;
}

static int cns_cmd_create(struct sk_buff *skb, struct genl_info *info)
{
	struct cns_create c = {};
	struct cns_node *n;
	int err = cns_may(skb, info);

	if (err)
		return err;
	n = cns_node_get(cns_ns_of(genl_info_net(info)));
	if (!n)
		return -ENOTCONN;
	err = cns_create_names(n, &c, info);
	if (!err)
		err = cns_create_restore(&c, info);
	if (!err) {
		cns_node_call(n, cns_create_call, &c);
		err = c.err;
		if (err == -EEXIST)
			GENL_SET_ERR_MSG(info, "this node is in a cluster, or promised to one, already");
		if (err == -EBUSY)
			GENL_SET_ERR_MSG(info, "it is creating a cluster of other members");
		if (err == -EAGAIN)
			GENL_SET_ERR_MSG(info, "it is still reading its storage");
	}
	if (c.restore.file)
		fput(c.restore.file);
	cns_fsm_free(c.restore.fsm);
	cns_node_put(n);
	return err;
}

/* ------------------------------------------------------------------- backup */

struct cns_backup_call {
	struct file *file;
	int err;
};

static void cns_backup_call(struct cns_node *n, void *arg)
{
	struct cns_backup_call *c = arg;

	c->err = cns_backup_begin(n, c->file);
}

static int cns_cmd_backup(struct sk_buff *skb, struct genl_info *info)
{
	struct cns_backup_call c = {};
	struct cns_node *n;
	int err = cns_may(skb, info);

	if (err)
		return err;
	if (GENL_REQ_ATTR_CHECK(info, CONSENSUS_A_BACKUP_FD))
		return -EINVAL;
	n = cns_node_get(cns_ns_of(genl_info_net(info)));
	if (!n)
		return -ENOTCONN;
	c.file = cns_file_of(info->attrs[CONSENSUS_A_BACKUP_FD], FMODE_WRITE);
	if (!c.file) {
		GENL_SET_ERR_MSG(info, "BACKUP_FD is no file that is open for writing");
		c.err = -EBADF;
	} else {
		cns_node_call(n, cns_backup_call, &c);
	}
	if (c.err == -EBUSY)
		GENL_SET_ERR_MSG(info, "a backup is under way");
	if (c.err && c.file)
		fput(c.file);
	cns_node_put(n);
	return c.err;
}

/* ------------------------------------------------------------------- family */

static const struct genl_small_ops cns_ops[] = {
	{ .cmd = CONSENSUS_CMD_START, .doit = cns_cmd_start },
	{ .cmd = CONSENSUS_CMD_STOP, .doit = cns_cmd_stop },
	{ .cmd = CONSENSUS_CMD_CREATE, .doit = cns_cmd_create },
	{ .cmd = CONSENSUS_CMD_STATUS, .doit = cns_cmd_status },
	{ .cmd = CONSENSUS_CMD_PEERS, .dumpit = cns_dump_peers },
	{ .cmd = CONSENSUS_CMD_BACKUP, .doit = cns_cmd_backup },
};

struct genl_family cns_family __ro_after_init = {
	.name = CONSENSUS_GENL_NAME,
	.version = CONSENSUS_GENL_VERSION,
	.maxattr = CONSENSUS_A_MAX,
	.policy = cns_policy,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.small_ops = cns_ops,
	.n_small_ops = ARRAY_SIZE(cns_ops),
	.resv_start_op = __CONSENSUS_CMD_MAX,
};

int cns_control_init(void)
{
	return genl_register_family(&cns_family);
}

void cns_control_exit(void)
{
	genl_unregister_family(&cns_family);
}
