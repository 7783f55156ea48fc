// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <string.h>

#include "json.h"
#include "status.h"

static void put_id(struct json *j, const char *key, const uint8_t id[ID_SIZE])
{
	if (id_is_zero(id))
		json_null(j, key);
	else
		json_hex(j, key, id, ID_SIZE);
}

static void put_text(struct json *j, const char *key, const char *text)
{
	json_string(j, key, text[0] ? text : NULL);
}

static void put_hash(struct json *j, uint64_t hash)
{
	char text[17];

	snprintf(text, sizeof(text), "%016" PRIx64, hash);
	json_string(j, "state_hash", text);
}

static void put_identity(struct json *j, const struct node *n)
{
	char words[WORDS];

	json_string(j, "node", n->name);
	json_string(j, "state", state_word(n));
	node_words(n, words);
	json_string(j, "words", words);
	json_string(j, "role", role_word(n));
	json_u64(j, "term", n->term);
	put_text(j, "leader", n->leader_name);
	put_id(j, "leader_incarnation", n->leader);
	put_id(j, "incarnation", n->incarnation);
	json_object(j, "cluster");
	put_id(j, "id", n->cluster);
	put_text(j, "name", n->cluster_name);
	json_end(j);
	json_object(j, "boot");
	json_u64(j, "counter", n->boot_counter);
	json_u64(j, "nonce", n->boot_nonce);
	json_end(j);
	put_text(j, "failed", n->failed);
}

static void put_log(struct json *j, const struct node *n)
{
	json_u64(j, "commit", n->commit);
	json_u64(j, "applied", n->applied);
	json_u64(j, "first", n->first);
	json_u64(j, "last", n->last);
	json_u64(j, "durable", n->durable);
	put_hash(j, n->state_hash);
	json_u64(j, "fsm_version", n->fsm_version);
	json_u64(j, "session", n->session);
	json_u64(j, "sessions", n->sessions);
	json_u64(j, "sessions_max", n->sessions_max);
	json_u64(j, "objects", n->objects);
	json_u64(j, "requests", n->requests);
	json_u64(j, "handles", n->handles);
	json_u64(j, "memory", n->memory);
	json_u64(j, "snapshots", n->snapshots);
	json_u64(j, "uptime_ns", n->uptime_ns);
}

static void put_locks(struct json *j, const struct node *n)
{
	json_string(j, "lease", lease_word(n));
	json_u64(j, "lease_ns", n->lease_ns);
	json_u64(j, "ttl_ms", n->ttl_ms);
	json_u64(j, "locks", n->locks);
	json_u64(j, "locks_held", n->locks_held);
	json_u64(j, "locks_waiting", n->locks_waiting);
	json_u64(j, "dying", n->dying);
	json_u64(j, "own_held", n->own_held);
	json_u64(j, "own_waiting", n->own_waiting);
	json_u64(j, "own_waiting_max", n->own_waiting_max);
	json_u64(j, "detached", n->detached);
}

static void put_storage(struct json *j, const struct node *n)
{
	json_string(j, "durability", node_durable(n) ? "disk" : "memory");
	if (!node_durable(n)) {
		json_null(j, "storage");
		return;
	}
	json_object(j, "storage");
	json_u64(j, "bytes", n->storage_bytes);
	json_u64(j, "ring_bytes", n->ring_bytes);
	json_u64(j, "ring_used", n->ring_used);
	json_u64(j, "area_bytes", n->area_bytes);
	json_u64(j, "stored_index", n->stored_index);
	json_u64(j, "stored_bytes", n->stored_bytes);
	json_u64(j, "wal_groups", n->wal_groups);
	json_u64(j, "wal_bytes", n->wal_bytes);
	json_u64(j, "wal_ns", n->wal_ns);
	json_u64(j, "wal_max_ns", n->wal_max_ns);
	json_string(j, "doubt", doubt_word(n));
	json_u64(j, "loaded", n->loaded);
	json_u64(j, "to_load", n->to_load);
	json_end(j);
}

/* The last one that was written here. */
static void put_backup(struct json *j, const struct node *n)
{
	json_object(j, "backup");
	json_string(j, "state", backup_word(n));
	if (n->backup_error)
		json_string(j, "error", strerrorname_np(-n->backup_error));
	else
		json_null(j, "error");
	json_u64(j, "index", n->backup_index);
	json_u64(j, "bytes", n->backup_bytes);
	json_u64(j, "count", n->backup_count);
	json_end(j);
}

static void put_quorum(struct json *j, const struct node *n)
{
	static const char *const safe[] = {
		[SAFE_NO] = "no", [SAFE_YES] = "yes", [SAFE_UNKNOWN] = "unknown",
	};
	char words[WORDS];

	json_bool(j, "voter", n->voter);
	json_u64(j, "voters", n->voters);
	json_u64(j, "voters_heard", n->voters_heard);
	json_u64(j, "voters_gone", (uint64_t)voters_gone(n));
	json_bool(j, "quorum", has_quorum(n));
	json_string(j, "safe_to_stop", safe[safe_to_stop(n, words)]);
	json_string(j, "safe_to_stop_words", words);
}

/* Only what the node tells. */
static void put_setting(struct json *j, const struct node *n, int attribute,
			const char *key, uint64_t value)
{
	if (node_has(n, attribute))
		json_u64(j, key, value);
}

static void put_settings(struct json *j, const struct node *n)
{
	json_object(j, "settings");
	put_setting(j, n, CONSENSUS_A_HEARTBEAT_MS, "heartbeat_ms", n->heartbeat_ms);
	put_setting(j, n, CONSENSUS_A_ELECTION_MIN_MS, "election_min_ms", n->election_min_ms);
	put_setting(j, n, CONSENSUS_A_ELECTION_MAX_MS, "election_max_ms", n->election_max_ms);
	put_setting(j, n, CONSENSUS_A_OBJECTS_MAX, "objects_max", n->objects_max);
	put_setting(j, n, CONSENSUS_A_LOG_ENTRIES, "log_entries", n->log_entries);
	put_setting(j, n, CONSENSUS_A_MAX_PEERS, "max_peers", n->max_peers);
	put_setting(j, n, CONSENSUS_A_TTL_MS, "ttl_ms", n->ttl_ms);
	json_end(j);
}

static void put_form(struct json *j, const struct node *n)
{
	json_object(j, "form");
	json_string(j, "state", form_word(n));
	if (n->form_error)
		json_string(j, "error", strerrorname_np(-n->form_error));
	else
		json_null(j, "error");
	put_text(j, "text", n->form_text);
	json_end(j);
}

static void put_network(struct json *j, const struct node *n)
{
	int i;

	json_u64(j, "rx", n->rx);
	json_u64(j, "tx", n->tx);
	json_u64(j, "rx_bytes", n->rx_bytes);
	json_u64(j, "tx_bytes", n->tx_bytes);
	json_object(j, "drops");
	for (i = 1; i <= CONSENSUS_DROP_MAX; i++)
		json_u64(j, drop_words[i], n->drops[i]);
	json_end(j);
}

/* A number that only some peers have: null where it is not known. */
static void put_known(struct json *j, const struct peer *p, int attribute,
		      const char *key, uint64_t value)
{
	if (p->has & 1U << attribute)
		json_u64(j, key, value);
	else
		json_null(j, key);
}

static void put_peer(struct json *j, const struct peer *p)
{
	char address[ADDRESS_TEXT];

	json_object(j, NULL);
	put_text(j, "name", p->name);
	json_string(j, "address", p->has & 1U << CONSENSUS_P_ADDRESS ?
		    show_address(&p->address, address) : NULL);
	put_id(j, "incarnation", p->incarnation);
	json_bool(j, "self", p->self);
	json_bool(j, "voter", p->voter);
	json_bool(j, "observer", p->observer);
	json_bool(j, "configured", p->configured);
	put_known(j, p, CONSENSUS_P_HEARD_MS, "heard_ms", p->heard_ms);
	put_known(j, p, CONSENSUS_P_MATCH, "match", p->match);
	put_known(j, p, CONSENSUS_P_LAG, "lag", p->lag);
	json_string(j, "state", p->has & 1U << CONSENSUS_P_STATE ?
		    peer_state_word(p) : NULL);
	put_known(j, p, CONSENSUS_P_RTT_NS, "rtt_ns", p->rtt_ns);
	json_end(j);
}

void status_json(const struct node *n, FILE *out)
{
	struct json j;
	int i;

	json_begin(&j, out);
	json_object(&j, NULL);
	put_identity(&j, n);
	put_log(&j, n);
	put_locks(&j, n);
	put_quorum(&j, n);
	put_storage(&j, n);
	put_backup(&j, n);
	put_settings(&j, n);
	put_form(&j, n);
	put_network(&j, n);
	json_array(&j, "peers");
	for (i = 0; i < n->n_peers; i++)
		put_peer(&j, &n->peer[i]);
	json_end(&j);
	json_end(&j);
	json_finish(&j);
}
