// SPDX-License-Identifier: GPL-2.0
/*
 * inc and get.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../lib/consensus.h"
#include "control.h"
#include "json.h"

static int open_device(const struct options *o, int flags, int *fd)
{
	*fd = consensus_open(flags);
	if (*fd >= 0)
		return 0;
	if (*fd == -ENODEV)
		return fail(o, CTL_DOWN, *fd, "there is no " CONSENSUS_DEVICE ": modprobe consensus");
	return fail(o, CTL_ERROR, *fd, CONSENSUS_DEVICE ": %s", consensus_strerror(*fd));
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

static int refused(const struct options *o, int error)
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
	}
	return fail(o, CTL_ERROR, error, "%s", consensus_strerror(error));
}

static void print(const struct options *o, const struct consensus_result *r,
		  bool read, uint64_t ns)
{
	struct json j;

	if (!o->json) {
		printf("%" PRIu64 "\n", r->value);
		return;
	}
	json_begin(&j, stdout);
	json_object(&j, NULL);
	json_string(&j, "name", o->args[0]);
	json_u64(&j, "value", r->value);
	json_u64(&j, "index", r->index);
	if (read)
		json_u64(&j, "version", r->version);
	json_u64(&j, "elapsed_ms", ns / 1000000);
	json_u64(&j, "elapsed_ns", ns);
	json_end(&j);
	json_finish(&j);
}

static int check_name(const struct options *o)
{
	if (name_valid(o->args[0]))
		return 0;
	return fail(o, CTL_USAGE, EINVAL, "a name is 1 to %d bytes of UTF-8 without control characters",
		    NAME_MAX_BYTES);
}

/* A result that cannot be told is not lost silently; @status is for then. */
static int finish(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return CTL_OK;
	return fail(NULL, status, EIO, "the call took place, but its result could not be written");
}

int run_inc(const struct options *o)
{
	struct consensus_result result;
	uint64_t begin;
	int fd, ret, status;

	status = check_name(o);
	if (!status)
		status = open_device(o, O_RDWR, &fd);
	if (status)
		return status;
	signals_catch();
	begin = now_ns();
	ret = consensus_counter_add(fd, o->args[0], o->by, o->timeout_ns, &result);
	consensus_close(fd);
	if (ret)
		return refused(o, ret);
	print(o, &result, false, now_ns() - begin);
	return finish(CTL_UNKNOWN);
}

int run_get(const struct options *o)
{
	struct consensus_result result;
	uint64_t begin;
	int fd, ret, status;

	status = check_name(o);
	if (!status)
		status = open_device(o, O_RDONLY, &fd);
	if (status)
		return status;
	signals_catch();
	begin = now_ns();
	ret = consensus_counter_read(fd, o->args[0], (enum consensus_consistency)o->consistency,
				     o->index, o->timeout_ns, &result);
	consensus_close(fd);
	if (ret == -ENOENT)
		return fail(o, CTL_ERROR, ret, "there is no counter %s (as of index %" PRIu64 ")",
			    o->args[0], result.index);
	if (ret)
		return refused(o, ret);
	print(o, &result, true, now_ns() - begin);
	return finish(CTL_ERROR);
}
