// SPDX-License-Identifier: GPL-2.0
/*
 * up and down.
 */
#include <errno.h>
#include <string.h>

#include "config.h"
#include "control.h"

/* Attributes whose number stands in the configuration. */
static const uint16_t number_attr[CONFIG_NUMBERS] = {
	[CONFIG_HEARTBEAT] = CONSENSUS_A_HEARTBEAT_MS,
	[CONFIG_ELECTION_MIN] = CONSENSUS_A_ELECTION_MIN_MS,
	[CONFIG_ELECTION_MAX] = CONSENSUS_A_ELECTION_MAX_MS,
	[CONFIG_OBJECTS_MAX] = CONSENSUS_A_OBJECTS_MAX,
	[CONFIG_LOG_ENTRIES] = CONSENSUS_A_LOG_ENTRIES,
	[CONFIG_MAX_PEERS] = CONSENSUS_A_MAX_PEERS,
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

static int start(struct nl *nl, const struct config *c,
		 const struct config_node *self, const uint8_t key[KEY_SIZE])
{
	struct nlmsghdr *h = nl_begin(nl, CONSENSUS_CMD_START);
	int i, ret;

	mnl_attr_put_strz(h, CONSENSUS_A_NODE_NAME, self->name);
	mnl_attr_put_strz(h, CONSENSUS_A_CLUSTER_NAME, c->name);
	mnl_attr_put(h, CONSENSUS_A_KEY, KEY_SIZE, key);
	for (i = 0; i < CONFIG_NUMBERS; i++)
		mnl_attr_put_u32(h, number_attr[i], c->number[i]);
	put_peers(h, c);
	ret = nl_talk(nl, h, NULL, NULL);
	explicit_bzero(nl->buffer, h->nlmsg_len);
	return ret;
}

static int start_failed(const struct options *o, const struct nl *nl, int error,
			const struct config *c, const struct config_node *self)
{
	char text[ADDRESS_TEXT];
	const char *port;

	show_address(&self->address, text);
	port = strrchr(text, ':') + 1;
	switch (error) {
	case -EALREADY:
		return fail(o, CTL_ERROR, error, "the node of this network namespace is started already: see consensusctl status (consensusctl down stops it)");
	case -EADDRINUSE:
		return fail(o, CTL_ERROR, error, "port %s is in use: something else listens at %s (ss -ulpn | grep %s shows programs): end it, or give node %s another port in %s, the same on all nodes",
			    port, text, port, self->name, c->path);
	case -EADDRNOTAVAIL:
		return fail(o, CTL_ERROR, error, "%s, the address of node %s in %s, is not an address of this machine (ip address shows them): is this the right node? See --node",
			    text, self->name, c->path);
	}
	return control_refused(o, nl, error, true);
}

static int say_up(const struct options *o, const struct config_node *self)
{
	char text[ADDRESS_TEXT];

	remark(o, "%s is up at %s, in memory only: it forgets all when it stops",
	       self->name, show_address(&self->address, text));
	return CTL_OK;
}

/* The configuration and the key; 0 or an exit status. */
static int prepare(const struct options *o, struct config *c,
		   const struct config_node **self, uint8_t key[KEY_SIZE])
{
	char path[CONFIG_PATH], error[CONFIG_ERROR];

	if (config_find(o->config, path, error) || config_read(c, path, error))
		return fail(o, CTL_USAGE, EINVAL, "%s", error);
	*self = config_self(c, o->node, error);
	if (!*self)
		return fail(o, CTL_USAGE, EINVAL, "%s", error);
	if (key_read(c->key_file, key, error))
		return fail(o, CTL_USAGE, EINVAL, "%s", error);
	return 0;
}

int run_up(const struct options *o)
{
	const struct config_node *self = NULL;
	static struct config c;
	uint8_t key[KEY_SIZE];
	struct nl nl;
	int status, ret;

	status = prepare(o, &c, &self, key);
	if (status)
		return status;
	status = control_open(o, &nl);
	if (!status) {
		ret = start(&nl, &c, self, key);
		status = ret ? start_failed(o, &nl, ret, &c, self) : say_up(o, self);
		nl_close(&nl);
	}
	explicit_bzero(key, sizeof(key));
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
