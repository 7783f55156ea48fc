// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control.h"
#include "device.h"

int device_open(const struct options *o, int flags, int *fd)
{
	*fd = consensus_open(flags);
	if (*fd >= 0)
		return 0;
	if (*fd == -ENODEV)
		return fail(o, CTL_DOWN, *fd, "there is no " CONSENSUS_DEVICE ": modprobe consensus");
	return fail(o, CTL_ERROR, *fd, CONSENSUS_DEVICE ": %s", consensus_strerror(*fd));
}

int device_name(const struct options *o, const char *name)
{
	if (name_valid(name))
		return 0;
	return fail(o, CTL_USAGE, EINVAL, "a name is 1 to %d bytes of UTF-8 without control characters",
		    NAME_MAX_BYTES);
}

/* What the node says of itself; false if it says nothing. */
static bool ask_node(struct node *n)
{
	struct nl nl;
	bool told;

	if (nl_open(&nl, 0))
		return false;
	told = !node_get(&nl, n) && !node_get_peers(&nl, n);
	nl_close(&nl);
	return told;
}

/* Why it may be, and what to do, as further sentences. */
static void explain(const struct node *n, char words[WORDS])
{
	size_t len;

	if (n->state != CONSENSUS_STATE_MEMBER || majority_lost(n)) {
		node_words(n, words);
		return;
	}
	voters_words(n, words);
	len = strlen(words);
	if (!has_quorum(n))
		snprintf(words + len, WORDS - len,
			 ". Start the nodes that are not heard, or see whether the network between them passes UDP; consensusctl status says more");
}

static int no_quorum(const struct options *o, int error)
{
	struct node n = { 0 };
	char words[WORDS] = "";

	if (ask_node(&n))
		explain(&n, words);
	node_free(&n);
	return fail(o, CTL_NO_QUORUM, error, "%s; nothing happened%s%s",
		    error == -ETIMEDOUT ? "the time was up" :
		    "no leader could be reached in time, so there is no quorum",
		    words[0] ? ". " : "", words);
}

static int stale(const struct options *o, int error)
{
	if (!o->fence_token)
		return fail(o, CTL_ERROR, error, "%s", consensus_strerror(error));
	return fail(o, CTL_ERROR, error, "the grant %" PRIu64 " of the lock %s holds no more; nothing happened",
		    o->fence_token, o->fence_name);
}

int device_refused(const struct options *o, int error)
{
	switch (error) {
	case -EINTR:
		return fail(o, CTL_SIGNAL + signals_came(), error, "interrupted; nothing happened");
	case -ETIMEDOUT:
	case -EHOSTUNREACH:
		return no_quorum(o, error);
	case -ENOTRECOVERABLE:
		return fail(o, CTL_UNKNOWN, error, "%s", consensus_strerror(error));
	case -ENOTCONN:
		return fail(o, CTL_DOWN, error, "%s", consensus_strerror(error));
	case -ESTALE:
		return stale(o, error);
	}
	return fail(o, CTL_ERROR, error, "%s", consensus_strerror(error));
}

const struct consensus_fence *device_fence(const struct options *o,
					   struct consensus_fence *fence)
{
	fence->name = o->fence_name;
	fence->token = o->fence_token;
	return o->fence_token ? fence : NULL;
}

int device_finish(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return CTL_OK;
	return fail(NULL, status, EIO, "the call took place, but its result could not be written");
}
