// SPDX-License-Identifier: GPL-2.0
/*
 * session list and session expire.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "json.h"
#include "session.h"

enum { PART = 256 };

int sessions_read(int fd, struct session_list *l)
{
	struct consensus_place place = { 0 };
	int n;

	memset(l, 0, sizeof(*l));
	while (place.cursor != CONSENSUS_LIST_END) {
		struct consensus_session_info *more;

		more = realloc(l->at, (l->n + PART) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		l->at = more;
		n = consensus_session_list(fd, &place, l->at + l->n, PART);
		if (n < 0)
			return n;
		l->n += (size_t)n;
		l->index = place.index;
	}
	return 0;
}

void sessions_print(const struct session_list *l, FILE *out)
{
	char ttl[DURATION_TEXT];
	size_t i;

	fprintf(out, "%-16s %-20s %-10s %-8s %-6s %s\n",
		"node", "session", "ttl", "handles", "start", "ordinal");
	for (i = 0; i < l->n; i++) {
		const struct consensus_session_info *s = &l->at[i];

		fprintf(out, "%-16.63s %-20" PRIu64 " %-10s %-8" PRIu32,
			s->node[0] ? s->node : "?", (uint64_t)s->id,
			show_duration((uint64_t)s->ttl_ms * 1000000, ttl), s->handles);
		fprintf(out, " %-6" PRIu64 " %" PRIu64 "\n", (uint64_t)s->boot_counter,
			(uint64_t)s->ordinal);
	}
}

void sessions_json(const struct session_list *l, FILE *out)
{
	char node[CONSENSUS_NAME_SIZE + 1];
	struct json j;
	size_t i;

	json_begin(&j, out);
	json_object(&j, NULL);
	json_u64(&j, "index", l->index);
	json_array(&j, "sessions");
	for (i = 0; i < l->n; i++) {
		const struct consensus_session_info *s = &l->at[i];

		json_object(&j, NULL);
		snprintf(node, sizeof(node), "%.*s", CONSENSUS_NAME_SIZE, s->node);
		json_string(&j, "node", node[0] ? node : NULL);
		json_u64(&j, "id", s->id);
		json_u64(&j, "ordinal", s->ordinal);
		json_u64(&j, "ttl_ms", s->ttl_ms);
		json_u64(&j, "handles", s->handles);
		json_hex(&j, "incarnation", s->incarnation, sizeof(s->incarnation));
		json_u64(&j, "boot_counter", s->boot_counter);
		json_u64(&j, "boot_nonce", s->boot_nonce);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
	json_finish(&j);
}

int session_find(const struct session_list *l, const char *which, uint64_t *id)
{
	int found = 0;
	uint64_t v;
	size_t i;

	if (parse_u64(which, UINT64_MAX, &v)) {
		for (i = 0; i < l->n; i++) {
			if (l->at[i].id == v) {
				*id = v;
				return 1;
			}
		}
	}
	for (i = 0; i < l->n; i++) {
		if (strncmp(l->at[i].node, which, sizeof(l->at[i].node)))
			continue;
		*id = l->at[i].id;
		found++;
	}
	return found;
}

/* ------------------------------------------------------------------- verbs */

static int read_all(const struct options *o, int fd, struct session_list *l)
{
	int ret = sessions_read(fd, l);

	return ret ? device_refused(o, ret) : 0;
}

static int list(const struct options *o)
{
	struct session_list l;
	int fd, status;

	if (o->n_args > 1)
		return fail(o, CTL_USAGE, EINVAL, "session list takes nothing more: %s",
			    o->args[1]);
	status = device_open(o, O_RDONLY, &fd);
	if (status)
		return status;
	status = read_all(o, fd, &l);
	consensus_close(fd);
	if (!status && o->json)
		sessions_json(&l, stdout);
	else if (!status)
		sessions_print(&l, stdout);
	free(l.at);
	return status ? status : device_finish(CTL_ERROR);
}

/* 0 with @id, or an exit status after saying why not. */
static int choose(const struct options *o, int fd, uint64_t *id)
{
	struct session_list l;
	int found, status;

	status = read_all(o, fd, &l);
	found = status ? 0 : session_find(&l, o->args[1], id);
	free(l.at);
	if (status || found == 1)
		return status;
	if (!found)
		return fail(o, CTL_ERROR, ENOENT, "there is no session %s, and no node of that name has one: see consensusctl session list",
			    o->args[1]);
	return fail(o, CTL_ERROR, ENOTUNIQ, "nodes named %s have %d sessions: give the number of one, from consensusctl session list",
		    o->args[1], found);
}

static int not_expired(const struct options *o, int error, uint64_t id)
{
	if (error == -EPERM)
		return fail(o, CTL_ERROR, error, "not permitted: to end a session needs CAP_NET_ADMIN (root)");
	if (error == -ENOENT)
		return fail(o, CTL_ERROR, error, "the session %" PRIu64 " has ended already", id);
	return device_refused(o, error);
}

static int expire(const struct options *o)
{
	uint64_t id = 0;
	struct json j;
	int fd, ret, status;

	if (o->n_args < 2)
		return fail(o, CTL_USAGE, EINVAL, "session expire needs a session's number, or a node's name");
	status = device_open(o, O_RDWR, &fd);
	if (status)
		return status;
	signals_catch();
	status = choose(o, fd, &id);
	ret = status ? 0 : consensus_session_expire(fd, id, o->timeout_ns);
	consensus_close(fd);
	if (status || ret)
		return status ? status : not_expired(o, ret, id);
	remark(o, "the session %" PRIu64 " is ended, its locks are released", id);
	if (!o->json)
		return CTL_OK;
	json_begin(&j, stdout);
	json_object(&j, NULL);
	json_u64(&j, "session", id);
	json_end(&j);
	json_finish(&j);
	return device_finish(CTL_UNKNOWN);
}

int run_session(const struct options *o)
{
	if (!strcmp(o->args[0], "list"))
		return list(o);
	if (!strcmp(o->args[0], "expire"))
		return expire(o);
	return fail(o, CTL_USAGE, EINVAL, "session %s: there are session list and session expire ID|NODE",
		    o->args[0]);
}
