// SPDX-License-Identifier: GPL-2.0
/*
 * restore: a new cluster begins with the state of a backup. What that means is
 * said before anything is asked of the node.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backup.h"
#include "control.h"
#include "ctl.h"
#include "form.h"

/* In no cluster: one that is has a state already. */
static int check_node(const struct options *o, const struct node *n)
{
	char words[WORDS];

	if (n->state == CONSENSUS_STATE_IDLE)
		return 0;
	node_words(n, words);
	return fail(o, CTL_ERROR, EEXIST, "a restore begins a new cluster, of nodes that are in none: %s",
		    words);
}

static int new_index(const struct options *o, const struct image *m, uint64_t *index)
{
	time_t now = time(NULL);
	char a[TIME_TEXT], b[TIME_TEXT];

	if (now < 0 || (uint64_t)now < m->time)
		return fail(o, CTL_ERROR, EINVAL, "this machine's clock says %s, before the backup was made (%s): set it right, for what was given out since is told by it",
			    backup_time((uint64_t)now, a), backup_time(m->time, b));
	if (image_new_index(m, (uint64_t)now, o->above, index))
		return 0;
	return fail(o, CTL_ERROR, EOVERFLOW, "there is no index above all that is known: --above, or the backup's own, is too high");
}

static void say_counters(const struct options *o)
{
	if (o->advance)
		fprintf(stderr, "  - what happened since is lost. Counters go back to what they were then, and\n"
			"    each is then advanced by %" PRIu64 ".\n", o->advance);
	else
		fprintf(stderr, "  - what happened since is lost. Counters go back to what they were then: the\n"
			"    same numbers are given out again, unless --advance-counters N lifts all of\n"
			"    them above what may have been reached.\n");
}

static void say_first(const struct options *o, const struct image *m, uint64_t index)
{
	char when[TIME_TEXT];

	if (o->json)
		return;
	fprintf(stderr, "%s is the state of cluster ", o->args[0]);
	backup_print_cluster(stderr, m);
	fprintf(stderr, "\nat index %" PRIu64 ", as of %s, with %" PRIu32 " objects. To restore it:\n",
		m->index, backup_time(m->time, when), m->objects);
	fprintf(stderr, "  - a new cluster begins, with a new id; members of the old one never join it.\n");
	say_counters(o);
	fprintf(stderr, "  - no session is left: what programs had under way then has no known outcome.\n"
		"  - fencing tokens and indices never go back: they go on above %" PRIu64 ".\n"
		"    If the old cluster may have passed that, say its highest with --above N.\n"
		"  - the old cluster must not go on: two would give out the same numbers.\n",
		index);
}

/* Somebody who can be asked, or --yes. */
static int confirm(const struct options *o)
{
	char answer[16] = "";

	if (o->yes)
		return 0;
	if (o->json || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return fail(o, CTL_USAGE, EINVAL, "nobody can be asked here: say --yes");
	fprintf(stderr, "Type yes to do it: ");
	if (!fgets(answer, sizeof(answer), stdin))
		answer[0] = '\0';
	answer[strcspn(answer, "\n")] = '\0';
	if (signals_came())
		return fail(o, CTL_SIGNAL + signals_came(), EINTR, "interrupted; nothing happened");
	if (!strcmp(answer, "yes"))
		return 0;
	return fail(o, CTL_ERROR, ECANCELED, "not restored; nothing happened");
}

static int restore(const struct options *o, struct nl *nl, struct node *n,
		   const struct image *m, int fd)
{
	struct form_restore r = {
		.fd = fd, .bytes = m->bytes, .checksum = m->checksum, .advance = o->advance,
	};
	int status = new_index(o, m, &r.index);

	if (status)
		return status;
	say_first(o, m, r.index);
	status = confirm(o);
	if (status)
		return status;
	if (lseek(fd, IMAGE_HEAD, SEEK_SET) != IMAGE_HEAD)
		return fail(o, CTL_ERROR, errno, "%s: %s", o->args[0], strerror(errno));
	return form_cluster(o, nl, n, &r);
}

/* The file first: whether it is good needs no node. */
int run_restore(const struct options *o)
{
	struct node n = { 0 };
	struct image m;
	struct nl nl;
	int fd, status;

	signals_catch();
	status = backup_open(o, o->args[0], &m, &fd);
	if (status)
		return status;
	status = control_open(o, &nl);
	if (!status) {
		status = control_status(o, &nl, &n);
		if (!status)
			status = check_node(o, &n);
		if (!status)
			status = restore(o, &nl, &n, &m, fd);
		nl_close(&nl);
	}
	close(fd);
	node_free(&n);
	return status;
}
