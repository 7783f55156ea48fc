// SPDX-License-Identifier: GPL-2.0
/*
 * up and down.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "control.h"
#include "progress.h"
#include "storage.h"

enum { POLL_MS = 20 };

/* A ring of 4 GiB is read in less, by a disk that is alive. */
static const uint64_t load_default_ns = 600ULL * 1000 * 1000 * 1000;

/**
 * struct start - what a node is started with
 * @c: its configuration
 * @self: which of its nodes it is
 * @key: of the cluster
 * @storage: path of its storage
 * @fd: that, open; -1: in memory mode
 */
struct start {
	struct config c;
	const struct config_node *self;
	uint8_t key[KEY_SIZE];
	char storage[CONFIG_PATH];
	int fd;
};

/* Attributes whose number stands in the configuration. */
static const uint16_t number_attr[CONFIG_NUMBERS] = {
	[CONFIG_HEARTBEAT] = CONSENSUS_A_HEARTBEAT_MS,
	[CONFIG_ELECTION_MIN] = CONSENSUS_A_ELECTION_MIN_MS,
	[CONFIG_ELECTION_MAX] = CONSENSUS_A_ELECTION_MAX_MS,
	[CONFIG_OBJECTS_MAX] = CONSENSUS_A_OBJECTS_MAX,
	[CONFIG_LOG_ENTRIES] = CONSENSUS_A_LOG_ENTRIES,
	[CONFIG_MAX_PEERS] = CONSENSUS_A_MAX_PEERS,
	[CONFIG_TTL] = CONSENSUS_A_TTL_MS,
};

static void put_peers(struct nlmsghdr *h, const struct config *c)
{
	struct nlattr *peers = mnl_attr_nest_start(h, CONSENSUS_A_PEERS);
	int i;

	for (i = 0; i < c->n_nodes; i++) {
		struct nlattr *peer = mnl_attr_nest_start(h, CONSENSUS_A_PEER);

		mnl_attr_put_strz(h, CONSENSUS_P_NAME, c->node[i].name);
		mnl_attr_put(h, CONSENSUS_P_ADDRESS,
			     address_size(&c->node[i].address), &c->node[i].address);
		mnl_attr_nest_end(h, peer);
	}
	mnl_attr_nest_end(h, peers);
}

static int ask(struct nl *nl, const struct start *s)
{
	struct nlmsghdr *h = nl_begin(nl, CONSENSUS_CMD_START);
	int i, ret;

	mnl_attr_put_strz(h, CONSENSUS_A_NODE_NAME, s->self->name);
	mnl_attr_put_strz(h, CONSENSUS_A_CLUSTER_NAME, s->c.name);
	mnl_attr_put(h, CONSENSUS_A_KEY, KEY_SIZE, s->key);
	for (i = 0; i < CONFIG_NUMBERS; i++)
		mnl_attr_put_u32(h, number_attr[i], s->c.number[i]);
	mnl_attr_put_u32(h, CONSENSUS_A_DURABILITY, s->c.memory ?
			 CONSENSUS_DURABILITY_MEMORY : CONSENSUS_DURABILITY_DISK);
	if (s->fd >= 0)
		mnl_attr_put_u32(h, CONSENSUS_A_STORAGE_FD, (uint32_t)s->fd);
	put_peers(h, &s->c);
	ret = nl_talk(nl, h, NULL, NULL);
	explicit_bzero(nl->buffer, h->nlmsg_len);
	return ret;
}

static int started_already(const struct options *o)
{
	return fail(o, CTL_ERROR, EALREADY, "the node of this network namespace is started already: see consensusctl status (consensusctl down stops it)");
}

static int start_failed(const struct options *o, const struct nl *nl, int error,
			const struct start *s)
{
	char text[ADDRESS_TEXT];
	const char *port;

	show_address(&s->self->address, text);
	port = strrchr(text, ':') + 1;
	switch (error) {
	case -EALREADY:
		return started_already(o);
	case -EADDRINUSE:
		return fail(o, CTL_ERROR, error, "port %s is in use: something else listens at %s (ss -ulpn | grep %s shows programs): end it, or give node %s another port in %s, the same on all nodes",
			    port, text, port, s->self->name, s->c.path);
	case -EADDRNOTAVAIL:
		return fail(o, CTL_ERROR, error, "%s, the address of node %s in %s, is not an address of this machine (ip address shows them): is this the right node? See --node",
			    text, s->self->name, s->c.path);
	case -EBADF:
	case -EBUSY:
	case -EINVAL:
	case -EOPNOTSUPP:
		if (strstr(nl->text, "storage"))
			return fail(o, CTL_ERROR, error, "%s: %s", s->storage, nl->text);
	}
	return control_refused(o, nl, error, true);
}

/* ---------------------------------------------------------------- loading */

static int still_loading(const struct options *o, const struct node *n)
{
	int came = signals_came();

	return fail(o, CTL_UNKNOWN, came ? EINTR : ETIMEDOUT,
		    "%s; %s still reads its storage (%" PRIu64 " of %" PRIu64 " bytes), and goes on: see consensusctl status; consensusctl down gives it up",
		    came ? "interrupted" : "not up in time", n->name, n->loaded, n->to_load);
}

/* A node of an older module never loads. Until it is through; an exit status. */
static int wait_loaded(const struct options *o, struct nl *nl, struct node *n)
{
	uint64_t until = later_ns(now_ns(), o->timeout_ns ? o->timeout_ns : load_default_ns);
	struct progress p;
	int ret;

	progress_begin(&p, o, "reading the storage");
	for (;;) {
		ret = node_get(nl, n);
		if (ret && !(ret == -EINTR && signals_came()))
			break;
		if (!ret && n->state != CONSENSUS_STATE_LOADING)
			break;
		if (signals_came() || now_ns() >= until)
			break;
		progress_step(&p, n->loaded, n->to_load);
		pause_ms(POLL_MS);
	}
	progress_end(&p);
	if (ret && !(ret == -EINTR && signals_came()))
		return control_refused(o, nl, ret, true);
	if (ret || n->state == CONSENSUS_STATE_LOADING)
		return still_loading(o, n);
	if (n->state == CONSENSUS_STATE_FAILED)
		return fail(o, CTL_ERROR, EIO, "%s stopped itself at once: %s. It stays so, for consensusctl status, until consensusctl down; what to do: docs/storage.md",
			    n->name, n->failed[0] ? n->failed : "no reason given");
	return 0;
}

static void say_up(const struct options *o, const struct start *s, const struct node *n)
{
	char text[ADDRESS_TEXT];

	show_address(&s->self->address, text);
	if (s->c.memory)
		remark(o, "%s is up at %s, in memory only: when it stops it forgets all, and loses its vote",
		       s->self->name, text);
	else
		remark(o, "%s is up at %s, with its storage %s", s->self->name, text, s->storage);
	/* A leader must die, another be chosen, and hear us, while the lease lasts. */
	if (s->c.number[CONFIG_TTL] < 4 * s->c.number[CONFIG_ELECTION_MAX])
		remark(o, "ttl is %" PRIu32 " ms, less than four times election-max-ms: locks may be lost whenever the leader changes",
		       s->c.number[CONFIG_TTL]);
	if (n->doubt != CONSENSUS_DOUBT_NONE)
		remark(o, "the end of its log is damaged: it does not vote until it has caught up (consensusctl status)");
}

static int wait_up(const struct options *o, struct nl *nl, const struct start *s)
{
	struct node n = { 0 };
	int status = 0;

	if (!s->c.memory)
		status = wait_loaded(o, nl, &n);
	if (!status)
		say_up(o, s, &n);
	node_free(&n);
	return status;
}

/* ------------------------------------------------------------------ prepare */

/* The configuration, the key and the storage; 0 or an exit status. */
static int prepare(const struct options *o, struct start *s)
{
	char path[CONFIG_PATH], error[CONFIG_ERROR];

	if (config_find(o->config, path, error) || config_read(&s->c, path, error))
		return fail(o, CTL_USAGE, EINVAL, "%s", error);
	s->self = config_self(&s->c, o->node, error);
	if (!s->self)
		return fail(o, CTL_USAGE, EINVAL, "%s", error);
	if (key_read(s->c.key_file, s->key, error))
		return fail(o, CTL_USAGE, EINVAL, "%s", error);
	if (!s->c.memory && config_storage(&s->c, s->self, s->storage, error))
		return fail(o, CTL_USAGE, EINVAL, "%s", error);
	return 0;
}

/* What runs already has the storage: said better than that it is in use. */
static int take_storage(const struct options *o, struct nl *nl, struct start *s)
{
	char error[STORAGE_ERROR];
	struct node n = { 0 };

	if (s->c.memory)
		return 0;
	if (!node_get(nl, &n))
		return started_already(o);
	s->fd = storage_open(s->storage, error);
	return s->fd < 0 ? fail(o, CTL_ERROR, s->fd, "%s", error) : 0;
}

static int start(const struct options *o, struct start *s)
{
	struct nl nl;
	int status, ret;

	status = control_open(o, &nl);
	if (status)
		return status;
	status = take_storage(o, &nl, s);
	if (!status) {
		ret = ask(&nl, s);
		status = ret ? start_failed(o, &nl, ret, s) : wait_up(o, &nl, s);
	}
	nl_close(&nl);
	return status;
}

int run_up(const struct options *o)
{
	static struct start s = { .fd = -1 };
	int status;

	signals_catch();
	status = prepare(o, &s);
	if (!status)
		status = start(o, &s);
	explicit_bzero(s.key, sizeof(s.key));
	if (s.fd >= 0)
		close(s.fd);
	return status;
}

int run_down(const struct options *o)
{
	struct nl nl;
	int status, ret;

	status = control_open(o, &nl);
	if (status)
		return status;
	ret = nl_talk(&nl, nl_begin(&nl, CONSENSUS_CMD_STOP), NULL, NULL);
	if (ret)
		status = control_refused(o, &nl, ret, true);
	else
		remark(o, "the node is stopped");
	nl_close(&nl);
	return status;
}
