/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a node says of itself: CONSENSUS_CMD_STATUS and CONSENSUS_CMD_PEERS.
 */
#ifndef CTL_NODE_H
#define CTL_NODE_H

#include <linux/consensus_netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "netlink.h"

enum { ID_SIZE = 16, WORDS = 1024 };

/**
 * struct peer - an entry of the dump; names as in consensus_netlink.h
 * @has: bit n: attribute n was there
 */
struct peer {
	uint32_t has;
	char name[NAME_MAX_BYTES + 1];
	union address address;
	uint8_t incarnation[ID_SIZE];
	bool self, voter, observer, configured;
	uint64_t heard_ms, match, lag, rtt_ns;
	uint32_t state;
};

enum { NODE_HAS = (CONSENSUS_A_MAX + 64) / 64 };

/**
 * struct node - the whole; names as in consensus_netlink.h
 * @has: bit n: attribute n was there
 */
struct node {
	uint64_t has[NODE_HAS];
	char name[NAME_MAX_BYTES + 1];
	char cluster_name[NAME_MAX_BYTES + 1];
	char leader_name[NAME_MAX_BYTES + 1];
	char form_text[NL_TEXT], failed[NL_TEXT];
	uint8_t cluster[ID_SIZE], incarnation[ID_SIZE], leader[ID_SIZE];
	uint64_t boot_counter, boot_nonce;
	uint32_t state, role, form_state;
	int32_t form_error;
	uint64_t term, commit, applied, first, last, durable, state_hash;
	uint32_t fsm_version, sessions, sessions_max, objects, handles, requests;
	uint64_t session, memory, snapshots, uptime_ns;
	bool voter;
	uint32_t voters, voters_heard;
	uint32_t heartbeat_ms, election_min_ms, election_max_ms;
	uint32_t objects_max, log_entries, max_peers;
	uint64_t rx, tx, rx_bytes, tx_bytes;
	uint64_t drops[CONSENSUS_DROP_MAX + 1];
	uint32_t durability, doubt;
	uint64_t storage_bytes, ring_bytes, ring_used, area_bytes;
	uint64_t stored_index, stored_bytes;
	uint64_t wal_groups, wal_bytes, wal_ns, wal_max_ns;
	uint64_t loaded, to_load;
	uint32_t backup_state;
	int32_t backup_error;
	uint32_t ttl_ms, lease;
	uint64_t lease_ns;
	uint32_t locks, locks_held, locks_waiting, dying;
	uint32_t own_held, own_waiting, own_waiting_max, detached;
	uint64_t backup_index, backup_term, backup_bytes, backup_checksum, backup_count;
	struct peer *peer;	/* malloc()ed */
	int n_peers;
};

/* Did the node tell of that attribute? */
static inline bool node_has(const struct node *n, int attribute)
{
	return n->has[attribute / 64] >> attribute % 64 & 1;
}

/* Does it keep its state on disk? */
static inline bool node_durable(const struct node *n)
{
	return node_has(n, CONSENSUS_A_DURABILITY) && n->durability == CONSENSUS_DURABILITY_DISK;
}

/* Zeroes all but the peers, and asks. 0 or -errno (-ENOTCONN: not started). */
int node_get(struct nl *nl, struct node *n);
/* Asks for the peers. */
int node_get_peers(struct nl *nl, struct node *n);
void node_free(struct node *n);

/* words.c */
extern const char *const drop_words[CONSENSUS_DROP_MAX + 1];
const char *state_word(const struct node *n);
const char *role_word(const struct node *n);
const char *form_word(const struct node *n);
const char *peer_state_word(const struct peer *p);
const char *doubt_word(const struct node *n);
const char *backup_word(const struct node *n);
const char *lease_word(const struct node *n);
bool id_is_zero(const uint8_t id[ID_SIZE]);
/* Is there a leader that a majority follows, as far as this node can tell? */
bool has_quorum(const struct node *n);
/*
 * Incarnations of voters that are certainly gone for good: replaced by another
 * of the same node. What is merely not heard is not counted.
 */
int voters_gone(const struct node *n);
/* Are so many gone that there can never be a majority again? */
bool majority_lost(const struct node *n);
/* "n1 is up, member of cluster demo (id), leader in term 3": one sentence. */
void node_words(const struct node *n, char words[WORDS]);
/* The locks of this node: how sure they are. Empty: nothing is known. */
void lease_words(const struct node *n, char words[WORDS]);
/* Who of the voters was heard and who not. */
void voters_words(const struct node *n, char words[WORDS]);

enum safety { SAFE_NO, SAFE_YES, SAFE_UNKNOWN };

/* May this node be stopped now without stopping the cluster? @words: why. */
enum safety safe_to_stop(const struct node *n, char words[WORDS]);

#endif
