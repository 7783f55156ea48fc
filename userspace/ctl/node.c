// SPDX-License-Identifier: GPL-2.0
/*
 * Attributes into structs, by tables. Unknown attributes are passed over: a
 * newer module may say more.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"

_Static_assert(CONSENSUS_P_MAX < 32, "bits of .has");

/* NAME and TEXT are strings, as large as their members in node.h. */
enum kind { NONE, NAME, TEXT, ID, U64, U32, U8, ADDRESS, DROPS };

struct field {
	uint8_t kind;
	uint16_t offset;
};

static const size_t sizes[] = {
	[NAME] = NAME_MAX_BYTES + 1, [TEXT] = NL_TEXT, [ID] = ID_SIZE, [U64] = 8, [U32] = 4,
};

#define FIELD(type, kind, member) { kind, offsetof(struct type, member) }

static const struct field node_fields[CONSENSUS_A_MAX + 1] = {
	[CONSENSUS_A_NODE_NAME] = FIELD(node, NAME, name),
	[CONSENSUS_A_CLUSTER_NAME] = FIELD(node, NAME, cluster_name),
	[CONSENSUS_A_HEARTBEAT_MS] = FIELD(node, U32, heartbeat_ms),
	[CONSENSUS_A_ELECTION_MIN_MS] = FIELD(node, U32, election_min_ms),
	[CONSENSUS_A_ELECTION_MAX_MS] = FIELD(node, U32, election_max_ms),
	[CONSENSUS_A_OBJECTS_MAX] = FIELD(node, U32, objects_max),
	[CONSENSUS_A_LOG_ENTRIES] = FIELD(node, U32, log_entries),
	[CONSENSUS_A_MAX_PEERS] = FIELD(node, U32, max_peers),
	[CONSENSUS_A_CLUSTER] = FIELD(node, ID, cluster),
	[CONSENSUS_A_INCARNATION] = FIELD(node, ID, incarnation),
	[CONSENSUS_A_BOOT_COUNTER] = FIELD(node, U64, boot_counter),
	[CONSENSUS_A_BOOT_NONCE] = FIELD(node, U64, boot_nonce),
	[CONSENSUS_A_STATE] = FIELD(node, U32, state),
	[CONSENSUS_A_ROLE] = FIELD(node, U32, role),
	[CONSENSUS_A_FORM_STATE] = FIELD(node, U32, form_state),
	[CONSENSUS_A_FORM_ERROR] = FIELD(node, U32, form_error),
	[CONSENSUS_A_FORM_TEXT] = FIELD(node, TEXT, form_text),
	[CONSENSUS_A_TERM] = FIELD(node, U64, term),
	[CONSENSUS_A_LEADER] = FIELD(node, ID, leader),
	[CONSENSUS_A_LEADER_NAME] = FIELD(node, NAME, leader_name),
	[CONSENSUS_A_COMMIT] = FIELD(node, U64, commit),
	[CONSENSUS_A_APPLIED] = FIELD(node, U64, applied),
	[CONSENSUS_A_FIRST] = FIELD(node, U64, first),
	[CONSENSUS_A_LAST] = FIELD(node, U64, last),
	[CONSENSUS_A_DURABLE] = FIELD(node, U64, durable),
	[CONSENSUS_A_STATE_HASH] = FIELD(node, U64, state_hash),
	[CONSENSUS_A_FSM_VERSION] = FIELD(node, U32, fsm_version),
	[CONSENSUS_A_SESSION] = FIELD(node, U64, session),
	[CONSENSUS_A_SESSIONS] = FIELD(node, U32, sessions),
	[CONSENSUS_A_SESSIONS_MAX] = FIELD(node, U32, sessions_max),
	[CONSENSUS_A_OBJECTS] = FIELD(node, U32, objects),
	[CONSENSUS_A_HANDLES] = FIELD(node, U32, handles),
	[CONSENSUS_A_REQUESTS] = FIELD(node, U32, requests),
	[CONSENSUS_A_MEMORY] = FIELD(node, U64, memory),
	[CONSENSUS_A_VOTER] = FIELD(node, U8, voter),
	[CONSENSUS_A_VOTERS] = FIELD(node, U32, voters),
	[CONSENSUS_A_VOTERS_HEARD] = FIELD(node, U32, voters_heard),
	[CONSENSUS_A_SNAPSHOTS] = FIELD(node, U64, snapshots),
	[CONSENSUS_A_DROPS] = FIELD(node, DROPS, drops),
	[CONSENSUS_A_RX] = FIELD(node, U64, rx),
	[CONSENSUS_A_TX] = FIELD(node, U64, tx),
	[CONSENSUS_A_RX_BYTES] = FIELD(node, U64, rx_bytes),
	[CONSENSUS_A_TX_BYTES] = FIELD(node, U64, tx_bytes),
	[CONSENSUS_A_FAILED] = FIELD(node, TEXT, failed),
	[CONSENSUS_A_UPTIME_NS] = FIELD(node, U64, uptime_ns),
	[CONSENSUS_A_DURABILITY] = FIELD(node, U32, durability),
	[CONSENSUS_A_STORAGE_BYTES] = FIELD(node, U64, storage_bytes),
	[CONSENSUS_A_RING_BYTES] = FIELD(node, U64, ring_bytes),
	[CONSENSUS_A_RING_USED] = FIELD(node, U64, ring_used),
	[CONSENSUS_A_AREA_BYTES] = FIELD(node, U64, area_bytes),
	[CONSENSUS_A_STORED_INDEX] = FIELD(node, U64, stored_index),
	[CONSENSUS_A_STORED_BYTES] = FIELD(node, U64, stored_bytes),
	[CONSENSUS_A_WAL_GROUPS] = FIELD(node, U64, wal_groups),
	[CONSENSUS_A_WAL_BYTES] = FIELD(node, U64, wal_bytes),
	[CONSENSUS_A_WAL_NS] = FIELD(node, U64, wal_ns),
	[CONSENSUS_A_WAL_MAX_NS] = FIELD(node, U64, wal_max_ns),
	[CONSENSUS_A_DOUBT] = FIELD(node, U32, doubt),
	[CONSENSUS_A_LOADED] = FIELD(node, U64, loaded),
	[CONSENSUS_A_TO_LOAD] = FIELD(node, U64, to_load),
	[CONSENSUS_A_BACKUP_STATE] = FIELD(node, U32, backup_state),
	[CONSENSUS_A_BACKUP_ERROR] = FIELD(node, U32, backup_error),
	[CONSENSUS_A_BACKUP_INDEX] = FIELD(node, U64, backup_index),
	[CONSENSUS_A_BACKUP_TERM] = FIELD(node, U64, backup_term),
	[CONSENSUS_A_BACKUP_BYTES] = FIELD(node, U64, backup_bytes),
	[CONSENSUS_A_BACKUP_CHECKSUM] = FIELD(node, U64, backup_checksum),
	[CONSENSUS_A_BACKUP_COUNT] = FIELD(node, U64, backup_count),
	[CONSENSUS_A_TTL_MS] = FIELD(node, U32, ttl_ms),
	[CONSENSUS_A_LEASE] = FIELD(node, U32, lease),
	[CONSENSUS_A_LEASE_NS] = FIELD(node, U64, lease_ns),
	[CONSENSUS_A_LOCKS] = FIELD(node, U32, locks),
	[CONSENSUS_A_LOCKS_HELD] = FIELD(node, U32, locks_held),
	[CONSENSUS_A_LOCKS_WAITING] = FIELD(node, U32, locks_waiting),
	[CONSENSUS_A_DYING] = FIELD(node, U32, dying),
	[CONSENSUS_A_OWN_HELD] = FIELD(node, U32, own_held),
	[CONSENSUS_A_OWN_WAITING] = FIELD(node, U32, own_waiting),
	[CONSENSUS_A_OWN_WAITING_MAX] = FIELD(node, U32, own_waiting_max),
	[CONSENSUS_A_DETACHED] = FIELD(node, U32, detached),
};

static const struct field peer_fields[CONSENSUS_P_MAX + 1] = {
	[CONSENSUS_P_NAME] = FIELD(peer, NAME, name),
	[CONSENSUS_P_ADDRESS] = FIELD(peer, ADDRESS, address),
	[CONSENSUS_P_INCARNATION] = FIELD(peer, ID, incarnation),
	[CONSENSUS_P_CONFIGURED] = FIELD(peer, U8, configured),
	[CONSENSUS_P_VOTER] = FIELD(peer, U8, voter),
	[CONSENSUS_P_OBSERVER] = FIELD(peer, U8, observer),
	[CONSENSUS_P_HEARD_MS] = FIELD(peer, U64, heard_ms),
	[CONSENSUS_P_MATCH] = FIELD(peer, U64, match),
	[CONSENSUS_P_LAG] = FIELD(peer, U64, lag),
	[CONSENSUS_P_STATE] = FIELD(peer, U32, state),
	[CONSENSUS_P_RTT_NS] = FIELD(peer, U64, rtt_ns),
	[CONSENSUS_P_SELF] = FIELD(peer, U8, self),
};

static void take_drops(uint64_t *drops, const struct nlattr *nest)
{
	const struct nlattr *a = NULL;

	while ((a = nl_next_nested(nest, a))) {
		uint16_t type = mnl_attr_get_type(a);

		if (type <= CONSENSUS_DROP_MAX &&
		    mnl_attr_get_payload_len(a) >= sizeof(uint64_t))
			drops[type] = mnl_attr_get_u64(a);
	}
}

static void copy_exact(void *to, const struct nlattr *a, size_t size)
{
	if (mnl_attr_get_payload_len(a) == size)
		memcpy(to, mnl_attr_get_payload(a), size);
}

static void take_address(union address *to, const struct nlattr *a)
{
	union address address = { .sa.sa_family = AF_UNSPEC };
	size_t len = mnl_attr_get_payload_len(a);

	if (len > sizeof(address))
		len = sizeof(address);
	memcpy(&address, mnl_attr_get_payload(a), len);
	if (len >= address_size(&address))
		*to = address;
}

static void take_field(void *base, const struct field *f, const struct nlattr *a)
{
	void *to = (char *)base + f->offset;

	switch (f->kind) {
	case NAME:
	case TEXT:
		nl_string(a, to, sizes[f->kind]);
		break;
	case ID:
	case U64:
	case U32:
		copy_exact(to, a, sizes[f->kind]);
		break;
	case U8:
		*(bool *)to = mnl_attr_get_payload_len(a) && mnl_attr_get_u8(a);
		break;
	case ADDRESS:
		take_address(to, a);
		break;
	case DROPS:
		take_drops(to, a);
		break;
	default:
		break;
	}
}

static void take_status(const struct nlmsghdr *h, void *arg)
{
	const struct nlattr *a = NULL;
	struct node *n = arg;

	while ((a = nl_next(h, sizeof(struct genlmsghdr), a))) {
		uint16_t type = mnl_attr_get_type(a);

		if (type > CONSENSUS_A_MAX)
			continue;
		take_field(n, &node_fields[type], a);
		n->has[type / 64] |= 1ULL << type % 64;
	}
}

int node_get(struct nl *nl, struct node *n)
{
	struct peer *peer = n->peer;
	int n_peers = n->n_peers;

	memset(n, 0, sizeof(*n));
	n->peer = peer;
	n->n_peers = n_peers;
	return nl_talk(nl, nl_begin(nl, CONSENSUS_CMD_STATUS), take_status, n);
}

static void take_peer_nest(struct node *n, const struct nlattr *nest)
{
	struct peer *more = realloc(n->peer, (size_t)(n->n_peers + 1) * sizeof(*more));
	const struct nlattr *a = NULL;
	struct peer *p;

	if (!more)
		return;
	n->peer = more;
	p = &more[n->n_peers++];
	memset(p, 0, sizeof(*p));
	while ((a = nl_next_nested(nest, a))) {
		uint16_t type = mnl_attr_get_type(a);

		if (type > CONSENSUS_P_MAX)
			continue;
		take_field(p, &peer_fields[type], a);
		p->has |= 1U << type;
	}
}

static void take_peers(const struct nlmsghdr *h, void *arg)
{
	const struct nlattr *a = NULL;

	while ((a = nl_next(h, sizeof(struct genlmsghdr), a))) {
		if (mnl_attr_get_type(a) == CONSENSUS_A_PEER)
			take_peer_nest(arg, a);
	}
}

int node_get_peers(struct nl *nl, struct node *n)
{
	n->n_peers = 0;
	return nl_dump(nl, CONSENSUS_CMD_PEERS, take_peers, n);
}

void node_free(struct node *n)
{
	free(n->peer);
	n->peer = NULL;
	n->n_peers = 0;
}
