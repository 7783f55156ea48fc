// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control.h"
#include "ctl.h"
#include "status.h"

static const char *const yes_words[] = {
	[SAFE_NO] = "no", [SAFE_YES] = "yes", [SAFE_UNKNOWN] = "not known here",
};

static void print_id(const char *what, const uint8_t id[ID_SIZE])
{
	int i;

	printf("  %-12s ", what);
	for (i = 0; i < ID_SIZE; i++)
		printf("%02x", id[i]);
	putchar('\n');
}

static void print_log(const struct node *n)
{
	char text[DURATION_TEXT];

	printf("  %-12s term %" PRIu64 ", commit %" PRIu64 ", applied %" PRIu64
	       ", holds %" PRIu64 " to %" PRIu64 "\n",
	       "log", n->term, n->commit, n->applied, n->first, n->last);
	printf("  %-12s hash %016" PRIx64 ", objects %" PRIu32 " of %" PRIu32,
	       "state", n->state_hash, n->objects, n->objects_max);
	printf(", sessions %" PRIu32 " of %" PRIu32 "\n", n->sessions, n->sessions_max);
	printf("  %-12s open handles %" PRIu32 ", requests under way %" PRIu32 ", memory %" PRIu64 " KiB, up %s\n",
	       "here", n->handles, n->requests, n->memory >> 10,
	       show_duration(n->uptime_ns, text));
	printf("  %-12s datagrams received %" PRIu64 ", sent %" PRIu64 "; snapshots %" PRIu64 "\n",
	       "network", n->rx, n->tx, n->snapshots);
}

static void print_locks(const struct node *n)
{
	char words[WORDS];

	if (!node_has(n, CONSENSUS_A_LOCKS))
		return;
	printf("  %-12s %" PRIu32 "; held %" PRIu32 ", waiters %" PRIu32, "locks",
	       n->locks, n->locks_held, n->locks_waiting);
	if (n->dying)
		printf("; being released: of %" PRIu32 " handles or sessions", n->dying);
	printf("\n  %-12s held %" PRIu32 ", waiters %" PRIu32 " of %" PRIu32,
	       "locks here", n->own_held, n->own_waiting, n->own_waiting_max);
	printf(", handles to be adopted %" PRIu32 "\n", n->detached);
	lease_words(n, words);
	if (words[0])
		printf("  %-12s %s\n", "lease", words);
}

static void print_storage(const struct node *n)
{
	char size[SIZE_TEXT], used[SIZE_TEXT], ring[SIZE_TEXT];
	char mean[DURATION_TEXT], longest[DURATION_TEXT];

	if (!node_has(n, CONSENSUS_A_DURABILITY))
		return;
	if (!node_durable(n)) {
		printf("  %-12s none: all is in memory only\n", "storage");
		return;
	}
	/* Until it is read, nothing of it is known. */
	if (!n->storage_bytes)
		return;
	printf("  %-12s %s, log %s of %s, ", "storage", show_size(n->storage_bytes, size),
	       show_size(n->ring_used, used), show_size(n->ring_bytes, ring));
	if (n->stored_index)
		printf("snapshot at %" PRIu64 " (%s of %s)\n", n->stored_index,
		       show_size(n->stored_bytes, used), show_size(n->area_bytes, size));
	else
		printf("no snapshot yet (room for %s)\n", show_size(n->area_bytes, size));
	printf("  %-12s groups written %" PRIu64 ", %s in all, each in %s, longest %s\n",
	       "disk", n->wal_groups, show_size(n->wal_bytes, size),
	       show_duration(n->wal_ns, mean), show_duration(n->wal_max_ns, longest));
}

static const char *kind_word(const struct node *n, const struct peer *p)
{
	if (p->voter)
		return "voter";
	if (p->observer || (p->self && n->state == CONSENSUS_STATE_OBSERVER))
		return "observer";
	return p->configured ? "-" : "stranger";
}

static bool has(const struct peer *p, int attribute)
{
	return p->has & 1U << attribute;
}

static void print_peer(const struct node *n, const struct peer *p)
{
	char address[ADDRESS_TEXT] = "?", heard[DURATION_TEXT + 8] = "never";
	char lag[24] = "-", rtt[DURATION_TEXT] = "-";

	if (has(p, CONSENSUS_P_ADDRESS))
		show_address(&p->address, address);
	if (p->self)
		strcpy(heard, "this node");
	else if (has(p, CONSENSUS_P_HEARD_MS))
		snprintf(heard, sizeof(heard), "%" PRIu64 " ms ago", p->heard_ms);
	if (has(p, CONSENSUS_P_LAG))
		snprintf(lag, sizeof(lag), "%" PRIu64, p->lag);
	if (has(p, CONSENSUS_P_RTT_NS) && p->rtt_ns)
		show_duration(p->rtt_ns, rtt);
	printf("  %-12s %-24s %-9s %-14s %-8s %-10s %s\n",
	       p->name[0] ? p->name : "(unnamed)", address, kind_word(n, p), heard,
	       lag, rtt, has(p, CONSENSUS_P_STATE) ? peer_state_word(p) : "-");
}

static void print_peers(const struct node *n)
{
	int i;

	if (!n->n_peers)
		return;
	printf("\n  %-12s %-24s %-9s %-14s %-8s %-10s %s\n", "node", "address",
	       "kind", "heard", "lag", "rtt", "sending");
	for (i = 0; i < n->n_peers; i++)
		print_peer(n, &n->peer[i]);
}

static void print_drops(const struct node *n)
{
	const char *before = "\n  dropped      ";
	int i;

	for (i = 1; i <= CONSENSUS_DROP_MAX; i++) {
		if (!n->drops[i])
			continue;
		printf("%s%s %" PRIu64, before, drop_words[i], n->drops[i]);
		before = ", ";
	}
	if (before[0] == ',')
		putchar('\n');
	/* A few come of every restart of a peer. */
	if (n->drops[CONSENSUS_DROP_FORGED] > 4 && n->drops[CONSENSUS_DROP_FORGED] > n->rx / 4)
		printf("  (forged: datagrams came that are not signed with this node's key: does every node have the same key file?)\n");
}

static void print_status(const struct node *n)
{
	char words[WORDS];
	enum safety safe;

	node_words(n, words);
	printf("%s.\n", words);
	if (n->state == CONSENSUS_STATE_MEMBER && !has_quorum(n)) {
		voters_words(n, words);
		printf("%s.\n", words);
	}
	safe = safe_to_stop(n, words);
	printf("Safe to stop this node now: %s: %s.\n\n", yes_words[safe], words);
	if (!id_is_zero(n->cluster))
		print_id("cluster", n->cluster);
	print_id("incarnation", n->incarnation);
	print_log(n);
	print_locks(n);
	print_storage(n);
	print_peers(n);
	print_drops(n);
}

int run_status(const struct options *o)
{
	struct node n = { 0 };
	struct nl nl;
	int status;

	status = control_open(o, &nl);
	if (status)
		return status;
	status = control_status(o, &nl, &n);
	nl_close(&nl);
	if (!status && o->json)
		status_json(&n, stdout);
	else if (!status)
		print_status(&n);
	node_free(&n);
	return status;
}
