// SPDX-License-Identifier: GPL-2.0
/*
 * A cluster begins: queue it, then watch it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control.h"
#include "ctl.h"
#include "form.h"
#include "json.h"

enum { WITH_MAX = 64, POLL_MS = 50 };

static const uint64_t form_default_ns = 30ULL * 1000 * 1000 * 1000;
/* A large state is read, loaded and stored before the others are asked. */
static const uint64_t restore_default_ns = 600ULL * 1000 * 1000 * 1000;

/**
 * struct with - the names of --with
 * @text: their memory
 * @name: each
 * @n: how many
 */
struct with {
	char text[WITH_MAX * (NAME_MAX_BYTES + 1)];
	char *name[WITH_MAX];
	int n;
};

static const struct peer *configured(const struct node *n, const char *name)
{
	int i;

	for (i = 0; i < n->n_peers; i++) {
		if (n->peer[i].configured && !strcmp(n->peer[i].name, name))
			return &n->peer[i];
	}
	return NULL;
}

static int unknown_name(const struct options *o, const struct node *n, const char *name)
{
	char list[WORDS] = "";
	int i;

	for (i = 0; i < n->n_peers; i++) {
		if (!n->peer[i].configured)
			continue;
		strncat(list, list[0] ? ", " : "", sizeof(list) - strlen(list) - 1);
		strncat(list, n->peer[i].name, sizeof(list) - strlen(list) - 1);
	}
	return fail(o, CTL_ERROR, ENOENT, "unknown member %s: the configuration that this node was started with has: %s",
		    name, list);
}

/* Splits --with; this node's own name may be in it. 0 or an exit status. */
static int split_with(const struct options *o, const struct node *n, struct with *w)
{
	char *save = NULL, *name;
	int i;

	w->n = 0;
	if (!o->with)
		return 0;
	if (strlen(o->with) >= sizeof(w->text))
		return fail(o, CTL_USAGE, E2BIG, "--with: too long");
	strcpy(w->text, o->with);
	for (name = strtok_r(w->text, ", ", &save); name; name = strtok_r(NULL, ", ", &save)) {
		if (!strcmp(name, n->name))
			continue;
		for (i = 0; i < w->n; i++) {
			if (!strcmp(w->name[i], name))
				return fail(o, CTL_USAGE, EINVAL, "--with names %s twice", name);
		}
		if (!configured(n, name))
			return unknown_name(o, n, name);
		if (w->n == WITH_MAX)
			return fail(o, CTL_USAGE, E2BIG, "--with names more than %d nodes",
				    WITH_MAX);
		w->name[w->n++] = name;
	}
	return 0;
}

static void put_restore(struct nlmsghdr *h, const struct form_restore *r)
{
	mnl_attr_put_u32(h, CONSENSUS_A_RESTORE_FD, (uint32_t)r->fd);
	mnl_attr_put_u64(h, CONSENSUS_A_RESTORE_BYTES, r->bytes);
	mnl_attr_put_u64(h, CONSENSUS_A_RESTORE_CHECKSUM, r->checksum);
	mnl_attr_put_u64(h, CONSENSUS_A_RESTORE_INDEX, r->index);
	if (r->advance)
		mnl_attr_put_u64(h, CONSENSUS_A_ADVANCE_COUNTERS, r->advance);
}

static int ask(struct nl *nl, const struct with *w, const struct form_restore *r)
{
	struct nlmsghdr *h = nl_begin(nl, CONSENSUS_CMD_CREATE);
	struct nlattr *peers, *peer;
	int i;

	if (w->n) {
		peers = mnl_attr_nest_start(h, CONSENSUS_A_PEERS);
		for (i = 0; i < w->n; i++) {
			peer = mnl_attr_nest_start(h, CONSENSUS_A_PEER);
			mnl_attr_put_strz(h, CONSENSUS_P_NAME, w->name[i]);
			mnl_attr_nest_end(h, peer);
		}
		mnl_attr_nest_end(h, peers);
	}
	if (r)
		put_restore(h, r);
	return nl_talk(nl, h, NULL, NULL);
}

static int refused(const struct options *o, const struct nl *nl, const struct node *n, int error)
{
	const char *anew = node_durable(n) ? "consensusctl format --force of all storages, " : "";

	if (error == -EEXIST)
		return fail(o, CTL_ERROR, error, "%s: a cluster is created once. To give it up with all that it holds: consensusctl down on all nodes, %sthen up on all",
			    nl->text[0] ? nl->text : "this node belongs to a cluster already",
			    anew);
	if (error == -EBUSY)
		return fail(o, CTL_ERROR, error, "a creation is under way on this node: see consensusctl status (consensusctl down gives it up)");
	return control_refused(o, nl, error, true);
}

/* ------------------------------------------------------------------ watch */

/**
 * struct watch - what was said so far
 * @begin: when it was asked for (ns)
 * @until: when to give up (ns), UINT64_MAX: never
 * @forged: of that drop at the beginning
 * @hinted: about the key
 * @text: last progress
 * @restore: what it begins with; NULL: nothing
 */
struct watch {
	uint64_t begin;
	uint64_t until;
	uint64_t forged;
	bool hinted;
	char text[NL_TEXT];
	const struct form_restore *restore;
};

static const char *key_hint(const struct watch *w, const struct node *n)
{
	static const char hint[] =
		". Datagrams come that are not signed with this node's key: compare key files";

	/* One may be left over from a peer's restart. */
	return n->drops[CONSENSUS_DROP_FORGED] > w->forged + 1 ? hint : "";
}

static void progress(const struct options *o, struct watch *w, const struct node *n)
{
	if (n->form_text[0] && strcmp(w->text, n->form_text)) {
		remark(o, "%s", n->form_text);
		strcpy(w->text, n->form_text);
	}
	if (!w->hinted && *key_hint(w, n)) {
		w->hinted = true;
		remark(o, "%s", key_hint(w, n) + 2);
	}
}

static int failed(const struct options *o, const struct watch *w, const struct node *n)
{
	int status = CTL_ERROR;

	if (n->form_error == -ETIMEDOUT || n->form_error == -EHOSTUNREACH)
		status = CTL_NO_QUORUM;
	return fail(o, status, n->form_error, "not %s: %s%s", w->restore ? "restored" : "created",
		    n->form_text[0] ? n->form_text : strerror(-n->form_error), key_hint(w, n));
}

static int still_asking(const struct options *o, const struct watch *w, const struct node *n)
{
	int came = signals_came();

	return fail(o, CTL_UNKNOWN, came ? EINTR : ETIMEDOUT,
		    "%s; it goes on (%s)%s. See consensusctl status; consensusctl down gives it up",
		    came ? "interrupted" : "not done in time",
		    n->form_text[0] ? n->form_text : w->restore ? "it reads, or stores, the state" :
		    "it waits for the others", key_hint(w, n));
}

static void say_created(const struct options *o, const struct watch *w, const struct node *n)
{
	uint64_t ns = now_ns() - w->begin;
	char text[DURATION_TEXT];
	struct json j;
	int i;

	if (!o->json) {
		printf("%s: ", n->cluster_name[0] ? n->cluster_name : "cluster");
		for (i = 0; i < ID_SIZE; i++)
			printf("%02x", n->cluster[i]);
		printf(" is %s, with %" PRIu32 " voters, in %s\n", w->restore ? "restored" : "created",
		       n->voters, show_duration(ns, text));
		if (w->restore)
			printf("it begins behind index %" PRIu64 "\n", w->restore->index);
		return;
	}
	json_begin(&j, stdout);
	json_object(&j, NULL);
	json_hex(&j, "cluster", n->cluster, ID_SIZE);
	json_string(&j, "name", n->cluster_name);
	json_u64(&j, "voters", n->voters);
	if (w->restore)
		json_u64(&j, "index", w->restore->index);
	json_u64(&j, "elapsed_ms", ns / 1000000);
	json_end(&j);
	json_finish(&j);
}

/* Until it is done or failed; an exit status. */
static int watch(const struct options *o, struct nl *nl, struct node *n, struct watch *w)
{
	int ret;

	for (;;) {
		ret = node_get(nl, n);
		if (ret && !(ret == -EINTR && signals_came()))
			return control_refused(o, nl, ret, true);
		if (!ret && n->form_state == CONSENSUS_FORM_DONE)
			break;
		if (!ret && n->form_state == CONSENSUS_FORM_FAILED)
			return failed(o, w, n);
		if (signals_came() || now_ns() >= w->until)
			return still_asking(o, w, n);
		progress(o, w, n);
		pause_ms(POLL_MS);
	}
	say_created(o, w, n);
	return CTL_OK;
}

int form_cluster(const struct options *o, struct nl *nl, struct node *n,
		 const struct form_restore *r)
{
	uint64_t ns = r ? restore_default_ns : form_default_ns;
	struct watch w = { .restore = r };
	struct with with;
	int ret, status;

	status = control_status(o, nl, n);
	if (!status)
		status = split_with(o, n, &with);
	if (status)
		return status;
	w.forged = n->drops[CONSENSUS_DROP_FORGED];
	w.begin = now_ns();
	w.until = later_ns(w.begin, o->timeout_ns ? o->timeout_ns : ns);
	ret = ask(nl, &with, r);
	if (ret)
		return refused(o, nl, n, ret);
	return watch(o, nl, n, &w);
}

int run_create(const struct options *o)
{
	struct node n = { 0 };
	struct nl nl;
	int status;

	signals_catch();
	status = control_open(o, &nl);
	if (status)
		return status;
	status = form_cluster(o, &nl, &n, NULL);
	nl_close(&nl);
	node_free(&n);
	return status;
}
