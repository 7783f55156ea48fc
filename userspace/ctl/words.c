// SPDX-License-Identifier: GPL-2.0
/*
 * A node's state in sentences. No input or output here.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "node.h"

const char *const drop_words[CONSENSUS_DROP_MAX + 1] = {
	[CONSENSUS_DROP_SHORT] = "short",
	[CONSENSUS_DROP_MAGIC] = "magic",
	[CONSENSUS_DROP_VERSION] = "version",
	[CONSENSUS_DROP_STRANGER] = "stranger",
	[CONSENSUS_DROP_SELF] = "self",
	[CONSENSUS_DROP_FORGED] = "forged",
	[CONSENSUS_DROP_REPLAYED] = "replayed",
	[CONSENSUS_DROP_MALFORMED] = "malformed",
	[CONSENSUS_DROP_CLUSTER] = "cluster",
	[CONSENSUS_DROP_HELLO_STALE] = "hello_stale",
	[CONSENSUS_DROP_HELLO_REFUSED] = "hello_refused",
	[CONSENSUS_DROP_QUEUE] = "queue",
	[CONSENSUS_DROP_MEMORY] = "memory",
	[CONSENSUS_DROP_ROUTE] = "route",
	[CONSENSUS_DROP_UNREADY] = "unready",
};

static const char *const state_words[] = {
	[CONSENSUS_STATE_IDLE] = "idle",
	[CONSENSUS_STATE_PROMISED] = "promised",
	[CONSENSUS_STATE_MEMBER] = "member",
	[CONSENSUS_STATE_OBSERVER] = "observer",
	[CONSENSUS_STATE_FAILED] = "failed",
	[CONSENSUS_STATE_LOADING] = "loading",
};

static const char *const role_words[] = {
	[CONSENSUS_ROLE_FOLLOWER] = "follower",
	[CONSENSUS_ROLE_PRECANDIDATE] = "precandidate",
	[CONSENSUS_ROLE_CANDIDATE] = "candidate",
	[CONSENSUS_ROLE_LEADER] = "leader",
};

static const char *const form_words[] = {
	[CONSENSUS_FORM_NONE] = "none",
	[CONSENSUS_FORM_ASKING] = "asking",
	[CONSENSUS_FORM_DONE] = "done",
	[CONSENSUS_FORM_FAILED] = "failed",
};

static const char *const peer_words[] = {
	[CONSENSUS_PEER_PROBE] = "probe",
	[CONSENSUS_PEER_REPLICATE] = "replicate",
	[CONSENSUS_PEER_SNAPSHOT] = "snapshot",
};

static const char *const doubt_words[] = {
	[CONSENSUS_DOUBT_NONE] = "none",
	[CONSENSUS_DOUBT_LOG] = "log",
	[CONSENSUS_DOUBT_VOTE] = "vote",
};

static const char *const backup_words[] = {
	[CONSENSUS_BACKUP_NONE] = "none",
	[CONSENSUS_BACKUP_RUNNING] = "running",
	[CONSENSUS_BACKUP_DONE] = "done",
	[CONSENSUS_BACKUP_FAILED] = "failed",
};

static const char *const lease_states[] = {
	[CONSENSUS_LEASE_NONE] = "none",
	[CONSENSUS_LEASE_SURE] = "sure",
	[CONSENSUS_LEASE_SUSPECT] = "suspect",
	[CONSENSUS_LEASE_OVER] = "over",
};

static const char *word(const char *const *table, size_t size, uint32_t number)
{
	return number < size / sizeof(table[0]) ? table[number] : "unknown";
}

const char *state_word(const struct node *n)
{
	return word(state_words, sizeof(state_words), n->state);
}

const char *role_word(const struct node *n)
{
	return word(role_words, sizeof(role_words), n->role);
}

const char *form_word(const struct node *n)
{
	return word(form_words, sizeof(form_words), n->form_state);
}

const char *peer_state_word(const struct peer *p)
{
	return word(peer_words, sizeof(peer_words), p->state);
}

const char *doubt_word(const struct node *n)
{
	return word(doubt_words, sizeof(doubt_words), n->doubt);
}

const char *backup_word(const struct node *n)
{
	return word(backup_words, sizeof(backup_words), n->backup_state);
}

const char *lease_word(const struct node *n)
{
	return word(lease_states, sizeof(lease_states), n->lease);
}

bool id_is_zero(const uint8_t id[ID_SIZE])
{
	static const uint8_t zero[ID_SIZE];

	return !memcmp(id, zero, ID_SIZE);
}

__attribute__((format(printf, 2, 3)))
static void add(char words[WORDS], const char *format, ...)
{
	size_t len = strlen(words);
	va_list args;

	va_start(args, format);
	vsnprintf(words + len, WORDS - len, format, args);
	va_end(args);
}

/* ----------------------------------------------------------------- quorum */

static uint32_t majority(const struct node *n)
{
	return n->voters / 2 + 1;
}

static bool knows_leader(const struct node *n)
{
	return !id_is_zero(n->leader);
}

/*
 * A follower need not hear the other followers: that it hears a leader, which
 * steps down without a majority, is enough.
 */
bool has_quorum(const struct node *n)
{
	if (n->state == CONSENSUS_STATE_FAILED || n->state == CONSENSUS_STATE_LOADING ||
	    !knows_leader(n))
		return false;
	if (n->role == CONSENSUS_ROLE_LEADER)
		return n->voters_heard >= majority(n);
	return n->role == CONSENSUS_ROLE_FOLLOWER;
}

static bool has(const struct peer *p, int attribute)
{
	return p->has & 1U << attribute;
}

/* Here now under an incarnation that does not vote. */
static bool newcomer(const struct peer *p)
{
	return !p->voter && (p->self || (p->configured && has(p, CONSENSUS_P_INCARNATION) &&
					 has(p, CONSENSUS_P_HEARD_MS)));
}

/*
 * A node that restarts takes its former self's place among the peers. So a
 * voter is gone that no peer can be: neither one known as a voter, nor one of
 * which nothing is known yet.
 */
int voters_gone(const struct node *n)
{
	int i, left = (int)n->voters;

	for (i = 0; i < n->n_peers; i++) {
		const struct peer *p = &n->peer[i];

		left -= p->voter || (!p->self && !has(p, CONSENSUS_P_INCARNATION));
	}
	return left > 0 && n->n_peers ? left : 0;
}

/* Did exactly the newcomers lose their votes by restarting? */
static bool newcomers_are_gone(const struct node *n)
{
	int i, newcomers = 0;

	for (i = 0; i < n->n_peers; i++)
		newcomers += newcomer(&n->peer[i]);
	return newcomers && newcomers == voters_gone(n);
}

bool majority_lost(const struct node *n)
{
	return n->voters && n->voters - (uint32_t)voters_gone(n) < majority(n);
}

static bool heard_lately(const struct node *n, const struct peer *p)
{
	uint64_t limit = 2ULL * (n->election_max_ms ? n->election_max_ms : 300);

	return p->self || (has(p, CONSENSUS_P_HEARD_MS) && p->heard_ms <= limit);
}

static void add_name(const struct peer *p, const char *comma, char words[WORDS])
{
	add(words, "%s%s", comma, p->name[0] ? p->name : "(unnamed)");
	if (p->self || !has(p, CONSENSUS_P_HEARD_MS) || p->heard_ms < 1000)
		return;
	add(words, " (last %" PRIu64 ".%" PRIu64 " s ago)", p->heard_ms / 1000,
	    p->heard_ms % 1000 / 100);
}

static void add_names(const struct node *n, bool heard, char words[WORDS])
{
	const char *comma = "";
	int i;

	for (i = 0; i < n->n_peers; i++) {
		const struct peer *p = &n->peer[i];
		bool silent = !p->self && !has(p, CONSENSUS_P_INCARNATION);

		/* Nothing is known of a silent one: it may be a voter. */
		if (!(p->voter || (silent && p->configured)) || heard_lately(n, p) != heard)
			continue;
		add_name(p, comma, words);
		comma = ", ";
	}
	if (!*comma)
		add(words, "nobody");
}

static void add_gone(const struct node *n, char words[WORDS])
{
	const char *comma = " of ";
	int i, gone = voters_gone(n);

	if (!gone)
		return;
	add(words, "; gone for good: the former incarnation%s", gone > 1 ? "s" : "");
	if (!newcomers_are_gone(n)) {
		add(words, " of %d", gone);
		return;
	}
	for (i = 0; i < n->n_peers; i++) {
		if (!newcomer(&n->peer[i]))
			continue;
		add(words, "%s%s", comma, n->peer[i].name);
		comma = ", ";
	}
}

void voters_words(const struct node *n, char words[WORDS])
{
	words[0] = '\0';
	add(words, "%" PRIu32 " voters, %" PRIu32 " needed; heard: ", n->voters, majority(n));
	add_names(n, true, words);
	add(words, "; not heard: ");
	add_names(n, false, words);
	add_gone(n, words);
}

/* --------------------------------------------------------------- sentence */

static void add_cluster(const struct node *n, char words[WORDS])
{
	int i;

	if (n->cluster_name[0])
		add(words, "cluster %s (", n->cluster_name);
	else
		add(words, "a cluster (");
	for (i = 0; i < 4; i++)
		add(words, "%02x", n->cluster[i]);
	add(words, ")");
}

static void add_leader(const struct node *n, char words[WORDS])
{
	if (n->role == CONSENSUS_ROLE_LEADER)
		add(words, ", leader in term %" PRIu64, n->term);
	else if (knows_leader(n) && n->leader_name[0])
		add(words, ", follows %s, the leader in term %" PRIu64, n->leader_name, n->term);
	else if (knows_leader(n))
		add(words, ", follows a leader in term %" PRIu64, n->term);
	else if (n->role == CONSENSUS_ROLE_FOLLOWER)
		add(words, ", knows no leader (term %" PRIu64 ")", n->term);
	else
		add(words, ", knows no leader and stands for election (term %" PRIu64 ")", n->term);
}

/* Only for those that know the voters. */
static void add_quorum(const struct node *n, char words[WORDS])
{
	const char *way =
		" (memory only): consensusctl down on all nodes, then up on all, then create";

	if (has_quorum(n) || !n->voters)
		return;
	if (node_durable(n))
		way = ": start the others with the storages that they had, or restore a backup";
	if (majority_lost(n))
		add(words, ". A majority of the voters was lost: %d of %" PRIu32
		    " incarnations are gone; the cluster is stopped and does not come back by itself%s",
		    voters_gone(n), n->voters, way);
	else
		add(words, ". No quorum: of %" PRIu32 " voters %" PRIu32 " are heard, %" PRIu32
		    " are needed: calls that need the cluster wait",
		    n->voters, n->voters_heard, majority(n));
}

/* What it found in its storage when it started. */
static void add_doubt(const struct node *n, char words[WORDS])
{
	if (!n->voter || n->doubt == CONSENSUS_DOUBT_NONE)
		return;
	add(words, ". The end of its log is damaged, and may have held what it had acknowledged: it does not vote until it has caught up%s",
	    n->doubt == CONSENSUS_DOUBT_VOTE ? " and has heard of every voter" : "");
}

static void add_member(const struct node *n, char words[WORDS])
{
	add(words, ", member of ");
	add_cluster(n, words);
	add_leader(n, words);
	add_doubt(n, words);
	add_quorum(n, words);
}

static const char *why_observer(const struct node *n)
{
	if (!newcomers_are_gone(n))
		return "is not in the configuration (it lost what it had, or was never a member)";
	return node_durable(n) ? "has another storage than when it was a member" : "restarted";
}

static void add_observer(const struct node *n, char words[WORDS])
{
	add(words, ", observer of ");
	add_cluster(n, words);
	if (knows_leader(n) && n->leader_name[0])
		add(words, ", whose leader is %s", n->leader_name);
	else if (!knows_leader(n))
		add(words, ", knows no leader");
	add(words, ": this node %s: it is replicated to and its programs may use the cluster, but it does not vote until it is added again",
	    why_observer(n));
	add_quorum(n, words);
}

static void add_idle(const struct node *n, char words[WORDS])
{
	add(words, ", in no cluster");
	if (n->form_state == CONSENSUS_FORM_FAILED)
		add(words, "; the last creation failed: %s", n->form_text);
	else
		add(words, ": it waits for one that has it as a member, or for consensusctl create");
}

static void add_promised(const struct node *n, char words[WORDS])
{
	add(words, ", promised to ");
	add_cluster(n, words);
	if (n->form_state == CONSENSUS_FORM_ASKING)
		add(words, ", which it creates: %s", n->form_text);
	else
		add(words, ", which is not formed yet (consensusctl down drops the promise)");
}

static void add_loading(const struct node *n, char words[WORDS])
{
	char total[SIZE_TEXT];

	add(words, ", and reads its storage");
	if (n->to_load)
		add(words, ": %" PRIu64 " %% of %s", n->loaded >= n->to_load ? 100 :
		    n->loaded * 100 / n->to_load, show_size(n->to_load, total));
	add(words, "; until then it takes no part");
}

static void failed_words(const struct node *n, char words[WORDS])
{
	add(words, "%s stopped itself: %s: it neither votes nor answers; consensusctl down, then up%s",
	    n->name, n->failed[0] ? n->failed : "no reason given",
	    node_durable(n) ? "; if it fails again: docs/storage.md" : "");
}

void node_words(const struct node *n, char words[WORDS])
{
	words[0] = '\0';
	if (n->state == CONSENSUS_STATE_FAILED) {
		failed_words(n, words);
		return;
	}
	add(words, "%s is up", n->name);
	switch (n->state) {
	case CONSENSUS_STATE_IDLE:
		add_idle(n, words);
		break;
	case CONSENSUS_STATE_PROMISED:
		add_promised(n, words);
		break;
	case CONSENSUS_STATE_LOADING:
		add_loading(n, words);
		break;
	case CONSENSUS_STATE_MEMBER:
		add_member(n, words);
		break;
	case CONSENSUS_STATE_OBSERVER:
		add_observer(n, words);
		break;
	default:
		add(words, " in state %" PRIu32 ", which this tool does not know", n->state);
	}
}

/* ------------------------------------------------------------------ leases */

void lease_words(const struct node *n, char words[WORDS])
{
	char left[DURATION_TEXT], ttl[DURATION_TEXT];

	words[0] = '\0';
	if (!node_has(n, CONSENSUS_A_LEASE))
		return;
	show_duration(n->lease_ns, left);
	show_duration((uint64_t)n->ttl_ms * 1000000, ttl);
	switch (n->lease) {
	case CONSENSUS_LEASE_NONE:
		add(words, "no session: nothing can be locked here yet");
		break;
	case CONSENSUS_LEASE_SURE:
		add(words, "sure for %s, of a TTL of %s", left, ttl);
		break;
	case CONSENSUS_LEASE_SUSPECT:
		add(words, "suspect: no leader answers; in %s this node's locks are lost", left);
		break;
	case CONSENSUS_LEASE_OVER:
		add(words, "over: the locks of this node are lost");
		break;
	default:
		add(words, "in a state that this tool does not know");
	}
}

/* ----------------------------------------------------------- safe to stop */

/* With its storage a node comes back as itself: what stops only stands. */
static enum safety needed_safety(const struct node *n, char words[WORDS])
{
	bool durable = node_durable(n);

	if (n->voters == 1)
		add(words, "it is the only voter, and %s", durable ?
		    "the cluster stands until it is up again; nothing is lost" :
		    "its state is in memory");
	else if (majority_lost(n))
		add(words, "the cluster is stopped already, but this node holds what is left of it");
	else
		add(words, "there is no quorum now, and without this node there %s", durable ?
		    "is none until enough are up again" : "may be none again");
	return SAFE_NO;
}

static enum safety voter_safety(const struct node *n, char words[WORDS])
{
	uint32_t left = n->voters_heard - (n->voters_heard > 0);

	if (n->voters == 1 || !has_quorum(n))
		return needed_safety(n, words);
	if (left >= majority(n)) {
		add(words, "%" PRIu32 " of %" PRIu32 " voters remain, %" PRIu32
		    " are needed; it comes back %s", left, n->voters, majority(n),
		    node_durable(n) ? "by itself, with its vote" : "without a vote (memory only)");
		return SAFE_YES;
	}
	if (n->role != CONSENSUS_ROLE_LEADER) {
		add(words, "only the leader hears all voters: ask consensusctl status on %s",
		    n->leader_name[0] ? n->leader_name : "it");
		return SAFE_UNKNOWN;
	}
	add(words, "%" PRIu32 " of %" PRIu32 " voters would remain, %" PRIu32
	    " are needed: the cluster would %s", left, n->voters, majority(n),
	    node_durable(n) ? "stand until enough are up again; nothing would be lost" :
	    "stop, for good (memory only)");
	return SAFE_NO;
}

enum safety safe_to_stop(const struct node *n, char words[WORDS])
{
	words[0] = '\0';
	if (n->state == CONSENSUS_STATE_MEMBER && n->voter)
		return voter_safety(n, words);
	if (n->state == CONSENSUS_STATE_PROMISED)
		add(words, "it only drops a promise");
	else if (n->state == CONSENSUS_STATE_FAILED)
		add(words, "it has stopped itself already");
	else if (n->state == CONSENSUS_STATE_LOADING)
		add(words, "it takes no part yet");
	else
		add(words, "it has no vote");
	return SAFE_YES;
}
