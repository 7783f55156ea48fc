// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "control.h"

int control_open(const struct options *o, struct nl *nl)
{
	int ret = nl_open(nl, o->timeout_ns);

	if (!ret)
		return 0;
	if (ret == -ENOENT)
		return fail(o, CTL_DOWN, ret, "the module consensus is not loaded: modprobe consensus");
	if (ret == -EINTR && signals_came())
		return CTL_SIGNAL + signals_came();
	if (ret == -ETIMEDOUT)
		return fail(o, CTL_NO_QUORUM, ret, "the kernel did not answer in time");
	return fail(o, CTL_ERROR, ret, "no generic netlink: %s", strerror(-ret));
}

static int interrupted(const struct options *o, bool changes)
{
	if (changes)
		return fail(o, CTL_UNKNOWN, EINTR, "interrupted before the kernel had answered: see consensusctl status");
	return CTL_SIGNAL + signals_came();
}

static int timed_out(const struct options *o, bool changes)
{
	if (changes)
		return fail(o, CTL_UNKNOWN, ETIMEDOUT, "the kernel did not answer in time; whether it acted is not known: see consensusctl status");
	return fail(o, CTL_NO_QUORUM, ETIMEDOUT, "the kernel did not answer in time");
}

int control_refused(const struct options *o, const struct nl *nl, int error,
		    bool changes)
{
	switch (error) {
	case -EINTR:
		if (signals_came())
			return interrupted(o, changes);
		break;
	case -ETIMEDOUT:
		return timed_out(o, changes);
	case -ENOTCONN:
		return fail(o, CTL_DOWN, error, "the node of this network namespace is not started: consensusctl up");
	case -EPERM:
		return fail(o, CTL_ERROR, error, "not permitted: this needs CAP_NET_ADMIN (root) in the initial user namespace; in a container also the module parameter userns=1");
	}
	if (nl->text[0])
		return fail(o, CTL_ERROR, error, "%s", nl->text);
	return fail(o, CTL_ERROR, error, "the kernel refused: %s", strerror(-error));
}

int control_status(const struct options *o, struct nl *nl, struct node *n)
{
	int ret = node_get(nl, n);

	if (!ret)
		ret = node_get_peers(nl, n);
	return ret ? control_refused(o, nl, ret, false) : 0;
}
