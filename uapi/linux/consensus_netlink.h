/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Control of a node by generic netlink, family "consensus".
 *
 * A command concerns the node of the network namespace that its socket was made
 * in. Commands that change anything need CAP_NET_ADMIN in the initial user
 * namespace (or, with the module parameter userns=1, in the one that owns the
 * network namespace). Handlers check, take references and queue; progress is
 * read from CONSENSUS_CMD_STATUS. Errors come as errno with the text of
 * extended acknowledgements.
 *
 * Attributes of a command that it does not name are ignored on requests by
 * nobody: unknown ones are EINVAL (strict validation).
 */
#ifndef _UAPI_LINUX_CONSENSUS_NETLINK_H
#define _UAPI_LINUX_CONSENSUS_NETLINK_H

#define CONSENSUS_GENL_NAME	"consensus"
#define CONSENSUS_GENL_VERSION	1

/**
 * enum consensus_cmd - commands
 * @CONSENSUS_CMD_START: start the node. Needs NODE_NAME, KEY, PEERS (of which
 *	one has the node's own name; its ADDRESS is what the socket is bound
 *	to); takes CLUSTER_NAME, HEARTBEAT_MS, ELECTION_MIN_MS,
 *	ELECTION_MAX_MS, OBJECTS_MAX, LOG_ENTRIES, MAX_PEERS, TTL_MS,
 *	DURABILITY (the default is DISK) and, with that, STORAGE_FD. Storage is
 *	read after the answer: see STATE_LOADING, LOADED and TO_LOAD; what is
 *	found wrong then is in FAILED.
 *	EALREADY: started already. EADDRINUSE, EADDRNOTAVAIL: its address.
 *	Storage: EBADF no such descriptor; EBUSY in use; EINVAL, EOPNOTSUPP not
 *	fit for it, and the text says why.
 * @CONSENSUS_CMD_STOP: stop it. Requests under way end. ENOTCONN: not started.
 * @CONSENSUS_CMD_CREATE: collect promises of the nodes named in PEERS (NAME
 *	each; none: this node alone) and begin a cluster. Queued: the outcome
 *	is in FORM_STATE. EEXIST: member of a cluster already (CLUSTER in the
 *	text); EBUSY: a creation is under way; ENOENT: a name is not in the
 *	node's configuration. With RESTORE_FD the cluster begins with the state
 *	in that file in place of an empty one, and takes RESTORE_BYTES,
 *	RESTORE_CHECKSUM, RESTORE_INDEX and ADVANCE_COUNTERS.
 * @CONSENSUS_CMD_STATUS: one message with the node's state; never fails but for
 *	ENOTCONN (not started). Needs no privilege.
 * @CONSENSUS_CMD_PEERS: dump, one message a peer with PEER. Needs no privilege.
 * @CONSENSUS_CMD_BACKUP: write the state that this node has applied to the file
 *	BACKUP_FD, at its current position. Queued: the outcome is in
 *	BACKUP_STATE. EBUSY: one is under way; ENOTCONN: in no cluster.
 */
enum consensus_cmd {
	CONSENSUS_CMD_UNSPEC,
	CONSENSUS_CMD_START,
	CONSENSUS_CMD_STOP,
	CONSENSUS_CMD_CREATE,
	CONSENSUS_CMD_STATUS,
	CONSENSUS_CMD_PEERS,
	CONSENSUS_CMD_BACKUP,
	__CONSENSUS_CMD_MAX,
};

#define CONSENSUS_CMD_MAX (__CONSENSUS_CMD_MAX - 1)

/**
 * enum consensus_attr - attributes at the top level
 * @CONSENSUS_A_NODE_NAME: string, this node's name (1 to 63 bytes)
 * @CONSENSUS_A_CLUSTER_NAME: string, for people only
 * @CONSENSUS_A_KEY: 32 bytes, the cluster key; write only
 * @CONSENSUS_A_PEERS: nest of CONSENSUS_A_PEER, each a nest of consensus_peer_attr
 * @CONSENSUS_A_PEER: one peer
 * @CONSENSUS_A_HEARTBEAT_MS: u32, default 30, 1 to 30000
 * @CONSENSUS_A_ELECTION_MIN_MS: u32, default 150, at least 2 heartbeats
 * @CONSENSUS_A_ELECTION_MAX_MS: u32, default 300, above the minimum
 * @CONSENSUS_A_OBJECTS_MAX: u32, the cluster's limit of objects, taken by
 *	whoever creates it; default 1048576
 * @CONSENSUS_A_LOG_ENTRIES: u32, entries that the log in memory holds, a power
 *	of two, 1024 to 1048576; default 16384
 * @CONSENSUS_A_MAX_PEERS: u32, nodes that may speak to this one, 1 to 65535,
 *	default 1024
 * @CONSENSUS_A_CLUSTER: 16 bytes, cluster id; zero: none
 * @CONSENSUS_A_INCARNATION: 16 bytes
 * @CONSENSUS_A_BOOT_COUNTER: u64
 * @CONSENSUS_A_BOOT_NONCE: u64
 * @CONSENSUS_A_STATE: u32, enum consensus_node_state
 * @CONSENSUS_A_ROLE: u32, enum consensus_role
 * @CONSENSUS_A_FORM_STATE: u32, enum consensus_form_state
 * @CONSENSUS_A_FORM_ERROR: s32, negative errno of the last creation, 0: none
 * @CONSENSUS_A_FORM_TEXT: string, what the creation waits for or why it failed
 * @CONSENSUS_A_TERM: u64
 * @CONSENSUS_A_LEADER: 16 bytes, incarnation; zero: none known
 * @CONSENSUS_A_LEADER_NAME: string, empty: none or not known
 * @CONSENSUS_A_COMMIT: u64, index
 * @CONSENSUS_A_APPLIED: u64, index
 * @CONSENSUS_A_FIRST: u64, first index in the log
 * @CONSENSUS_A_LAST: u64, last index in the log
 * @CONSENSUS_A_DURABLE: u64, last durable index
 * @CONSENSUS_A_STATE_HASH: u64, of the state at APPLIED
 * @CONSENSUS_A_FSM_VERSION: u32
 * @CONSENSUS_A_SESSION: u64, id of this node's session, 0: none yet
 * @CONSENSUS_A_SESSIONS: u32
 * @CONSENSUS_A_SESSIONS_MAX: u32
 * @CONSENSUS_A_OBJECTS: u32, of OBJECTS_MAX: counters and locks; whoever holds or
 *	awaits a lock, and a handle that has any, count one each
 * @CONSENSUS_A_HANDLES: u32, open files
 * @CONSENSUS_A_REQUESTS: u32, requests under way
 * @CONSENSUS_A_MEMORY: u64, bytes held for this node
 * @CONSENSUS_A_VOTER: u8, this incarnation votes
 * @CONSENSUS_A_VOTERS: u32, voters of the configuration
 * @CONSENSUS_A_VOTERS_HEARD: u32, of these (this node included), heard within
 *	two election timeouts
 * @CONSENSUS_A_SNAPSHOTS: u64, snapshots sent or installed since the start
 * @CONSENSUS_A_DROPS: nest of u64, attribute type = enum consensus_drop
 * @CONSENSUS_A_RX: u64, datagrams received
 * @CONSENSUS_A_TX: u64, datagrams sent
 * @CONSENSUS_A_RX_BYTES: u64, of UDP payload
 * @CONSENSUS_A_TX_BYTES: u64, of UDP payload
 * @CONSENSUS_A_FAILED: string, why the node stopped (state FAILED)
 * @CONSENSUS_A_UPTIME_NS: u64, since the start
 * @CONSENSUS_A_PAD: padding of 64-bit attributes
 * @CONSENSUS_A_DURABILITY: u32, enum consensus_durability
 * @CONSENSUS_A_STORAGE_FD: u32, an open descriptor of the storage: a file or block
 *	device that consensusctl format prepared, open for reading and writing
 *	with O_DIRECT
 * @CONSENSUS_A_STORAGE_BYTES: u64, size of the storage; this and what follows up
 *	to DOUBT only with DURABILITY disk
 * @CONSENSUS_A_RING_BYTES: u64, of the ring that holds the log
 * @CONSENSUS_A_RING_USED: u64, bytes of it in use
 * @CONSENSUS_A_AREA_BYTES: u64, of one of both snapshot areas
 * @CONSENSUS_A_STORED_INDEX: u64, index of the snapshot in storage; 0: none
 * @CONSENSUS_A_STORED_BYTES: u64, its length
 * @CONSENSUS_A_WAL_GROUPS: u64, write groups (and flushes) since the start
 * @CONSENSUS_A_WAL_BYTES: u64, bytes of these
 * @CONSENSUS_A_WAL_NS: u64, how long a write group takes, smoothed
 * @CONSENSUS_A_WAL_MAX_NS: u64, the longest
 * @CONSENSUS_A_DOUBT: u32, enum consensus_doubt
 * @CONSENSUS_A_LOADED: u64, STATE_LOADING: bytes read so far
 * @CONSENSUS_A_TO_LOAD: u64, STATE_LOADING: of so many
 * @CONSENSUS_A_BACKUP_FD: u32, a descriptor open for writing
 * @CONSENSUS_A_BACKUP_STATE: u32, enum consensus_backup_state
 * @CONSENSUS_A_BACKUP_ERROR: s32, negative errno of the last backup; 0: none
 * @CONSENSUS_A_BACKUP_INDEX: u64, index of the state in it
 * @CONSENSUS_A_BACKUP_TERM: u64, that entry's term
 * @CONSENSUS_A_BACKUP_BYTES: u64, how many were written
 * @CONSENSUS_A_BACKUP_CHECKSUM: u64, of these (raft_checksum())
 * @CONSENSUS_A_BACKUP_COUNT: u64, backups begun since the start
 * @CONSENSUS_A_RESTORE_FD: u32, a descriptor open for reading, at the position
 *	where the state begins
 * @CONSENSUS_A_RESTORE_BYTES: u64, length of the state
 * @CONSENSUS_A_RESTORE_CHECKSUM: u64, BACKUP_CHECKSUM of it
 * @CONSENSUS_A_RESTORE_INDEX: u64, index behind which the new cluster begins;
 *	at least 2^40 above that of the backup
 * @CONSENSUS_A_ADVANCE_COUNTERS: u64, added to every counter
 * @CONSENSUS_A_TTL_MS: u32, how long this node's session may be unheard before its
 *	locks go to others; start and status; default 10000, 50 to 600000
 * @CONSENSUS_A_LEASE: u32, enum consensus_lease
 * @CONSENSUS_A_LEASE_NS: u64, what is left of the lease
 * @CONSENSUS_A_LOCKS: u32, locks of the cluster that somebody holds or awaits, or
 *	whose last holder died
 * @CONSENSUS_A_LOCKS_HELD: u32, grants that hold, in the cluster
 * @CONSENSUS_A_LOCKS_WAITING: u32, waiters, in the cluster
 * @CONSENSUS_A_DYING: u32, handles and sessions whose locks are being released
 * @CONSENSUS_A_OWN_HELD: u32, grants of this node's handles
 * @CONSENSUS_A_OWN_WAITING: u32, waiters of this node's handles
 * @CONSENSUS_A_OWN_WAITING_MAX: u32, at most so many
 * @CONSENSUS_A_DETACHED: u32, handles that wait for being adopted
 */
enum consensus_attr {
	CONSENSUS_A_UNSPEC,
	CONSENSUS_A_NODE_NAME,
	CONSENSUS_A_CLUSTER_NAME,
	CONSENSUS_A_KEY,
	CONSENSUS_A_PEERS,
	CONSENSUS_A_PEER,
	CONSENSUS_A_HEARTBEAT_MS,
	CONSENSUS_A_ELECTION_MIN_MS,
	CONSENSUS_A_ELECTION_MAX_MS,
	CONSENSUS_A_OBJECTS_MAX,
	CONSENSUS_A_LOG_ENTRIES,
	CONSENSUS_A_MAX_PEERS,
	CONSENSUS_A_CLUSTER,
	CONSENSUS_A_INCARNATION,
	CONSENSUS_A_BOOT_COUNTER,
	CONSENSUS_A_BOOT_NONCE,
	CONSENSUS_A_STATE,
	CONSENSUS_A_ROLE,
	CONSENSUS_A_FORM_STATE,
	CONSENSUS_A_FORM_ERROR,
	CONSENSUS_A_FORM_TEXT,
	CONSENSUS_A_TERM,
	CONSENSUS_A_LEADER,
	CONSENSUS_A_LEADER_NAME,
	CONSENSUS_A_COMMIT,
	CONSENSUS_A_APPLIED,
	CONSENSUS_A_FIRST,
	CONSENSUS_A_LAST,
	CONSENSUS_A_DURABLE,
	CONSENSUS_A_STATE_HASH,
	CONSENSUS_A_FSM_VERSION,
	CONSENSUS_A_SESSION,
	CONSENSUS_A_SESSIONS,
	CONSENSUS_A_SESSIONS_MAX,
	CONSENSUS_A_OBJECTS,
	CONSENSUS_A_HANDLES,
	CONSENSUS_A_REQUESTS,
	CONSENSUS_A_MEMORY,
	CONSENSUS_A_VOTER,
	CONSENSUS_A_VOTERS,
	CONSENSUS_A_VOTERS_HEARD,
	CONSENSUS_A_SNAPSHOTS,
	CONSENSUS_A_DROPS,
	CONSENSUS_A_RX,
	CONSENSUS_A_TX,
	CONSENSUS_A_RX_BYTES,
	CONSENSUS_A_TX_BYTES,
	CONSENSUS_A_FAILED,
	CONSENSUS_A_UPTIME_NS,
	CONSENSUS_A_PAD,
	CONSENSUS_A_DURABILITY,
	CONSENSUS_A_STORAGE_FD,
	CONSENSUS_A_STORAGE_BYTES,
	CONSENSUS_A_RING_BYTES,
	CONSENSUS_A_RING_USED,
	CONSENSUS_A_AREA_BYTES,
	CONSENSUS_A_STORED_INDEX,
	CONSENSUS_A_STORED_BYTES,
	CONSENSUS_A_WAL_GROUPS,
	CONSENSUS_A_WAL_BYTES,
	CONSENSUS_A_WAL_NS,
	CONSENSUS_A_WAL_MAX_NS,
	CONSENSUS_A_DOUBT,
	CONSENSUS_A_LOADED,
	CONSENSUS_A_TO_LOAD,
	CONSENSUS_A_BACKUP_FD,
	CONSENSUS_A_BACKUP_STATE,
	CONSENSUS_A_BACKUP_ERROR,
	CONSENSUS_A_BACKUP_INDEX,
	CONSENSUS_A_BACKUP_TERM,
	CONSENSUS_A_BACKUP_BYTES,
	CONSENSUS_A_BACKUP_CHECKSUM,
	CONSENSUS_A_BACKUP_COUNT,
	CONSENSUS_A_RESTORE_FD,
	CONSENSUS_A_RESTORE_BYTES,
	CONSENSUS_A_RESTORE_CHECKSUM,
	CONSENSUS_A_RESTORE_INDEX,
	CONSENSUS_A_ADVANCE_COUNTERS,
	CONSENSUS_A_TTL_MS,
	CONSENSUS_A_LEASE,
	CONSENSUS_A_LEASE_NS,
	CONSENSUS_A_LOCKS,
	CONSENSUS_A_LOCKS_HELD,
	CONSENSUS_A_LOCKS_WAITING,
	CONSENSUS_A_DYING,
	CONSENSUS_A_OWN_HELD,
	CONSENSUS_A_OWN_WAITING,
	CONSENSUS_A_OWN_WAITING_MAX,
	CONSENSUS_A_DETACHED,
	__CONSENSUS_A_MAX,
};

#define CONSENSUS_A_MAX (__CONSENSUS_A_MAX - 1)

/**
 * enum consensus_peer_attr - attributes of a peer
 * @CONSENSUS_P_NAME: string
 * @CONSENSUS_P_ADDRESS: struct sockaddr_in or sockaddr_in6, its bytes
 * @CONSENSUS_P_INCARNATION: 16 bytes; absent: not known
 * @CONSENSUS_P_BOOT_COUNTER: u64
 * @CONSENSUS_P_BOOT_NONCE: u64
 * @CONSENSUS_P_CONFIGURED: u8, named in this node's configuration file
 * @CONSENSUS_P_VOTER: u8, votes
 * @CONSENSUS_P_OBSERVER: u8, replicated to, not a member
 * @CONSENSUS_P_HEARD_MS: u64, since it last said anything authentic; absent:
 *	never
 * @CONSENSUS_P_MATCH: u64, leader only: highest index known durable there
 * @CONSENSUS_P_LAG: u64, leader only: last index - match
 * @CONSENSUS_P_STATE: u32, leader only: enum consensus_peer_state
 * @CONSENSUS_P_RTT_NS: u64, leader only
 * @CONSENSUS_P_SELF: u8, this node itself
 * @CONSENSUS_P_PAD: padding of 64-bit attributes
 */
enum consensus_peer_attr {
	CONSENSUS_P_UNSPEC,
	CONSENSUS_P_NAME,
	CONSENSUS_P_ADDRESS,
	CONSENSUS_P_INCARNATION,
	CONSENSUS_P_BOOT_COUNTER,
	CONSENSUS_P_BOOT_NONCE,
	CONSENSUS_P_CONFIGURED,
	CONSENSUS_P_VOTER,
	CONSENSUS_P_OBSERVER,
	CONSENSUS_P_HEARD_MS,
	CONSENSUS_P_MATCH,
	CONSENSUS_P_LAG,
	CONSENSUS_P_STATE,
	CONSENSUS_P_RTT_NS,
	CONSENSUS_P_SELF,
	CONSENSUS_P_PAD,
	__CONSENSUS_P_MAX,
};

#define CONSENSUS_P_MAX (__CONSENSUS_P_MAX - 1)

enum consensus_node_state {
	CONSENSUS_STATE_IDLE,		/* up; in no cluster yet */
	CONSENSUS_STATE_PROMISED,	/* promised to a cluster, not yet formed */
	CONSENSUS_STATE_MEMBER,		/* in the configuration */
	CONSENSUS_STATE_OBSERVER,	/* replicated to, not counted */
	CONSENSUS_STATE_FAILED,		/* stopped itself */
	CONSENSUS_STATE_LOADING,	/* reads its storage */
};

enum consensus_durability {
	CONSENSUS_DURABILITY_DISK,
	CONSENSUS_DURABILITY_MEMORY,
};

/* A damaged sector at the end of the log may have held what was acknowledged. */
enum consensus_doubt {
	CONSENSUS_DOUBT_NONE,
	CONSENSUS_DOUBT_LOG,		/* does not vote until it has caught up */
	CONSENSUS_DOUBT_VOTE,		/* nor until it has heard of every voter */
};

/* What this node may believe of its own session. */
enum consensus_lease {
	CONSENSUS_LEASE_NONE,		/* no session */
	CONSENSUS_LEASE_SURE,
	CONSENSUS_LEASE_SUSPECT,	/* no leader answered for half of the TTL */
	CONSENSUS_LEASE_OVER,		/* its locks are lost */
};

enum consensus_backup_state {
	CONSENSUS_BACKUP_NONE,
	CONSENSUS_BACKUP_RUNNING,
	CONSENSUS_BACKUP_DONE,
	CONSENSUS_BACKUP_FAILED,	/* see BACKUP_ERROR */
};

enum consensus_role {
	CONSENSUS_ROLE_FOLLOWER,
	CONSENSUS_ROLE_PRECANDIDATE,
	CONSENSUS_ROLE_CANDIDATE,
	CONSENSUS_ROLE_LEADER,
};

enum consensus_form_state {
	CONSENSUS_FORM_NONE,		/* this node was not asked to create */
	CONSENSUS_FORM_ASKING,		/* collecting promises */
	CONSENSUS_FORM_DONE,
	CONSENSUS_FORM_FAILED,		/* see FORM_ERROR and FORM_TEXT */
};

enum consensus_peer_state {
	CONSENSUS_PEER_PROBE,
	CONSENSUS_PEER_REPLICATE,
	CONSENSUS_PEER_SNAPSHOT,
};

/* Why datagrams were dropped. Values as in DROPS. */
enum consensus_drop {
	CONSENSUS_DROP_UNSPEC,
	CONSENSUS_DROP_SHORT,		/* truncated, or a wrong length field */
	CONSENSUS_DROP_MAGIC,		/* not ours */
	CONSENSUS_DROP_VERSION,		/* of another wire version */
	CONSENSUS_DROP_STRANGER,	/* no key for that sender */
	CONSENSUS_DROP_SELF,		/* our own, reflected */
	CONSENSUS_DROP_FORGED,		/* not signed with our key */
	CONSENSUS_DROP_REPLAYED,	/* seen before */
	CONSENSUS_DROP_MALFORMED,	/* authentic, but senseless */
	CONSENSUS_DROP_CLUSTER,		/* of another cluster */
	CONSENSUS_DROP_HELLO_STALE,	/* a hello that proves nothing */
	CONSENSUS_DROP_HELLO_REFUSED,	/* its name or boot contradicts */
	CONSENSUS_DROP_QUEUE,		/* more than the inbox holds */
	CONSENSUS_DROP_MEMORY,		/* to be sent, but no memory */
	CONSENSUS_DROP_ROUTE,		/* to be sent, but no route */
	CONSENSUS_DROP_UNREADY,		/* cannot be served now (log full, no room) */
	__CONSENSUS_DROP_MAX,
};

#define CONSENSUS_DROP_MAX (__CONSENSUS_DROP_MAX - 1)

#endif
