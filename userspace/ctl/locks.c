// SPDX-License-Identifier: GPL-2.0
/*
 * locks, check and revoke.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "device.h"
#include "locks.h"

enum { PART = 1024 };

/* By name; holders first; in the order in which they came. */
static int by_place(const void *a, const void *b)
{
	const struct consensus_lock_info *x = a, *y = b;
	int order = strncmp(x->name, y->name, sizeof(x->name));

	if (order)
		return order;
	if (!x->token != !y->token)
		return x->token ? -1 : 1;
	return (x->ticket > y->ticket) - (x->ticket < y->ticket);
}

int locks_read(int fd, struct lock_list *l)
{
	struct consensus_place place = { 0 };
	int n;

	memset(l, 0, sizeof(*l));
	while (place.cursor != CONSENSUS_LIST_END) {
		struct consensus_lock_info *more;

		more = realloc(l->at, (l->n + PART) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		l->at = more;
		n = consensus_lock_list(fd, &place, l->at + l->n, PART);
		if (n < 0)
			return n;
		l->n += (size_t)n;
		l->index = place.index;
	}
	if (l->n)
		qsort(l->at, l->n, sizeof(*l->at), by_place);
	return 0;
}

/* Only those of @name stay. */
void locks_only(struct lock_list *l, const char *name)
{
	size_t i, n = 0;

	for (i = 0; i < l->n; i++) {
		if (!strncmp(l->at[i].name, name, sizeof(l->at[i].name)))
			l->at[n++] = l->at[i];
	}
	l->n = n;
}

/* ------------------------------------------------------------------- words */

/* A name that a program gave itself may hold anything. */
static void put_plain(FILE *out, const char *text, size_t size)
{
	size_t i, n;
	char copy[CONSENSUS_NAME_SIZE + 1];

	snprintf(copy, sizeof(copy), "%.*s", (int)size, text);
	for (i = 0; copy[i]; i += n) {
		n = utf8_length(copy + i);
		if (!n || (unsigned char)copy[i] < 0x20 || copy[i] == 0x7f) {
			n = 1;
			fputc('?', out);
		} else {
			fwrite(copy + i, 1, n, out);
		}
	}
}

static void put_since(FILE *out, uint64_t since, uint64_t now)
{
	char text[32] = "?", ago[DURATION_TEXT] = "?";
	time_t t = (time_t)since;
	struct tm tm;

	if (since && localtime_r(&t, &tm))
		strftime(text, sizeof(text), "%F %T", &tm);
	if (since && now >= since && now - since < UINT64_MAX / 1000000000)
		show_duration((now - since) * 1000000000, ago);
	fprintf(out, "since %s (%s)", text, ago);
}

static void put_one(FILE *out, const struct consensus_lock_info *i, unsigned int place,
		    uint64_t now)
{
	if (i->token)
		fprintf(out, "  holds  token %-20" PRIu64 " ", (uint64_t)i->token);
	else
		fprintf(out, "  waits  %-26u ", place);
	put_since(out, i->since, now);
	fputs("  ", out);
	put_plain(out, i->node[0] ? i->node : "(session ended)", sizeof(i->node));
	fputs("  ", out);
	put_plain(out, i->comm, sizeof(i->comm));
	fprintf(out, "[%" PRIu32 "] uid %" PRIu32 "%s\n", i->pid, i->uid,
		i->flags & CONSENSUS_INFO_DYING ? ", gone, is being released" :
		!i->token && i->flags & CONSENSUS_INFO_SHARED ? ", shared" : "");
}

static bool same_lock(const struct lock_list *l, size_t i)
{
	return i && !strncmp(l->at[i].name, l->at[i - 1].name, sizeof(l->at[i].name));
}

void locks_print(const struct lock_list *l, uint64_t now, FILE *out)
{
	unsigned int place = 0;
	size_t i;

	for (i = 0; i < l->n; i++) {
		const struct consensus_lock_info *at = &l->at[i];

		if (!same_lock(l, i)) {
			place = 0;
			fputs(i ? "\n" : "", out);
			put_plain(out, at->name, sizeof(at->name));
			fprintf(out, "  (%s)\n", !at->token ? "nobody holds it yet" :
				at->flags & CONSENSUS_INFO_SHARED ? "shared" : "exclusive");
		}
		place += !at->token;
		put_one(out, at, place, now);
	}
}

/* -------------------------------------------------------------------- json */

static void put_text(struct json *j, const char *key, const char *text, size_t size)
{
	char copy[CONSENSUS_NAME_SIZE + 1];

	snprintf(copy, sizeof(copy), "%.*s", (int)size, text);
	json_string(j, key, copy[0] ? copy : NULL);
}

static void put_known(struct json *j, const char *key, uint64_t value)
{
	if (value)
		json_u64(j, key, value);
	else
		json_null(j, key);
}

static void put_element(struct json *j, const struct consensus_lock_info *i)
{
	json_object(j, NULL);
	put_known(j, "token", i->token);
	json_string(j, "mode", i->flags & CONSENSUS_INFO_SHARED ? "shared" : "exclusive");
	put_known(j, "since", i->since);
	put_text(j, "node", i->node, sizeof(i->node));
	json_u64(j, "pid", i->pid);
	json_u64(j, "uid", i->uid);
	put_text(j, "comm", i->comm, sizeof(i->comm));
	json_u64(j, "session", i->session);
	json_u64(j, "handle", i->handle);
	json_u64(j, "ticket", i->ticket);
	put_known(j, "index", i->index);
	json_bool(j, "dying", i->flags & CONSENSUS_INFO_DYING);
	json_end(j);
}

/* Those from @i on that hold, or wait; returns where the others begin. */
static size_t put_row(struct json *j, const struct lock_list *l, size_t i, size_t end,
		      bool holders)
{
	json_array(j, holders ? "holders" : "waiters");
	for (; i < end && !l->at[i].token == !holders; i++)
		put_element(j, &l->at[i]);
	json_end(j);
	return i;
}

void locks_json(const struct lock_list *l, FILE *out)
{
	size_t i, end;
	struct json j;

	json_begin(&j, out);
	json_object(&j, NULL);
	json_u64(&j, "index", l->index);
	json_array(&j, "locks");
	for (i = 0; i < l->n; i = end) {
		for (end = i + 1; end < l->n && same_lock(l, end); end++)
			;
		json_object(&j, NULL);
		put_text(&j, "name", l->at[i].name, sizeof(l->at[i].name));
		put_row(&j, l, put_row(&j, l, i, end, true), end, false);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
	json_finish(&j);
}

/* ------------------------------------------------------------------- verbs */

int run_locks(const struct options *o)
{
	const char *name = o->n_args ? o->args[0] : NULL;
	struct lock_list l;
	int fd, ret, status = 0;

	if (name)
		status = device_name(o, name);
	if (!status)
		status = device_open(o, O_RDONLY, &fd);
	if (status)
		return status;
	ret = locks_read(fd, &l);
	consensus_close(fd);
	if (name && !ret)
		locks_only(&l, name);
	if (ret)
		status = device_refused(o, ret);
	else if (o->json)
		locks_json(&l, stdout);
	else if (l.n)
		locks_print(&l, (uint64_t)time(NULL), stdout);
	else if (name)
		remark(o, "nobody holds %s, and nobody waits for it", name);
	else
		remark(o, "there are no locks");
	free(l.at);
	return status ? status : device_finish(CTL_ERROR);
}

static void print_check(const struct options *o, uint64_t token, bool holds, uint64_t index)
{
	struct json j;

	if (!o->json) {
		printf("%s\n", holds ? "holds" : "stale");
		return;
	}
	json_begin(&j, stdout);
	json_object(&j, NULL);
	json_string(&j, "name", o->args[0]);
	json_u64(&j, "token", token);
	json_bool(&j, "holds", holds);
	json_u64(&j, "index", index);
	json_end(&j);
	json_finish(&j);
}

/* 1 is an answer here: an error that would be 1 is 4. */
static int not_known(int status)
{
	return status == CTL_ERROR ? CTL_UNKNOWN : status;
}

int run_check(const struct options *o)
{
	uint64_t token, index = 0;
	int fd, ret, status;

	status = device_name(o, o->args[0]);
	if (status)
		return status;
	if (!parse_u64(o->args[1], UINT64_MAX, &token) || !token)
		return fail(o, CTL_USAGE, EINVAL, "%s is no token: write the number of a grant",
			    o->args[1]);
	status = device_open(o, O_RDONLY, &fd);
	if (status)
		return not_known(status);
	signals_catch();
	ret = consensus_lock_check(fd, o->args[0], token,
				   (enum consensus_consistency)o->consistency,
				   o->index, o->timeout_ns, &index);
	consensus_close(fd);
	if (ret && ret != -ESTALE)
		return not_known(device_refused(o, ret));
	print_check(o, token, !ret, index);
	status = device_finish(CTL_UNKNOWN);
	return status ? status : ret ? CTL_ERROR : CTL_OK;
}

static int not_revoked(const struct options *o, int error)
{
	if (error == -EPERM)
		return fail(o, CTL_ERROR, error, "not permitted: to revoke a lock needs CAP_NET_ADMIN (root)");
	if (error == -ENOENT && o->token)
		return fail(o, CTL_ERROR, error, "the grant %" PRIu64 " of the lock %s does not hold",
			    o->token, o->args[0]);
	if (error == -ENOENT)
		return fail(o, CTL_ERROR, error, "nobody holds the lock %s", o->args[0]);
	return device_refused(o, error);
}

int run_revoke(const struct options *o)
{
	uint64_t count;
	struct json j;
	int fd, ret, status;

	status = device_name(o, o->args[0]);
	if (!status)
		status = device_open(o, O_RDWR, &fd);
	if (status)
		return status;
	signals_catch();
	ret = consensus_lock_revoke(fd, o->args[0], o->token, o->timeout_ns, &count);
	consensus_close(fd);
	if (ret)
		return not_revoked(o, ret);
	remark(o, "%" PRIu64 " holder%s lost the lock %s%s", count, count == 1 ? "" : "s",
	       o->args[0], count >= 64 ? "; there may be more: see consensusctl locks" : "");
	if (!o->json)
		return CTL_OK;
	json_begin(&j, stdout);
	json_object(&j, NULL);
	json_string(&j, "name", o->args[0]);
	json_u64(&j, "revoked", count);
	json_end(&j);
	json_finish(&j);
	return device_finish(CTL_UNKNOWN);
}
