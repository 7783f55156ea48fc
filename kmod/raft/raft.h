/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Raft, without I/O.
 *
 * "In Search of an Understandable Consensus Algorithm" (Ongaro, Ousterhout,
 * ATC 2014; "the paper") and Ongaro's dissertation ("the thesis"), with
 * PreVote (thesis 9.6), CheckQuorum (6.2), ReadIndex (6.4), leadership
 * transfer (3.10), learners (4.2.1) and pipelining (10.2.1).
 *
 * The core decides and never acts: no clock, no randomness, no lock, no
 * allocation, no output. In go messages, ticks, proposals, completions of
 * storage. Out comes a struct raft_ready, which is all that there is to do.
 *
 * The driver's duties
 * -------------------
 *
 *  1. One caller at a time. @now never goes back between calls (ns, any
 *     epoch).
 *  2. After any number of calls, take raft_ready() until it returns NULL, and
 *     carry each one out before the next call of any other function; then
 *     call raft_advance().
 *  3. Persist what ready.persist names (if .seq is not 0), as one atomic step,
 *     in the order of .seq. When it is durable, and not before, call
 *     raft_persisted() with the same seq and the (term, index) of its last
 *     entry. Completions come in the order of seq. Several may be reported
 *     by the last of them alone, with the last entry that they left at the end
 *     of the log: (0, 0) where the last of them to touch the log only cut it.
 *     Any number may be outstanding. With raft_params.memory nothing is to be
 *     done: what is named is durable already.
 *  4. Send every message whose .after is 0 at once. Send a message whose
 *     .after is not 0 only once the persist with that seq has been reported
 *     durable. Any message may be lost, delayed, doubled, or overtaken.
 *  5. Apply committed entries from ready.apply_first to ready.apply_last in
 *     that order, each once, then call raft_applied(). Entries are read with
 *     raft_entry(); the memory is the log's, good until the next call.
 *  6. Answer the reads in ready.reads: each may be served from a state that
 *     has applied at least its index.
 *  7. Call raft_tick() no later than ready.deadline. Earlier, and in between,
 *     does no harm.
 *  8. Hand over only messages that were authenticated, whose .from is what
 *     the authentication proved, and which belong to this cluster, were sent
 *     to this start of this node, and come from the newest start of the sender
 *     that is known. If that start is in doubt of its storage, raft_doubted()
 *     comes before anything else of it, and before anything is sent to it.
 *  9. When ready.snap_make is set, make a snapshot of the applied state and
 *     hand it over with raft_snapshot_offer(); when ready.snap_want is set,
 *     find that many bytes and give them with raft_snapshot_buffer(); when
 *     ready.snap_install is set, build the state from that buffer beside the
 *     live one, and only then swap it in and call raft_snapshot_installed().
 * 10. When raft_failed() says why, this node has stopped: no votes, no acks,
 *     no answers.
 *
 * What storage found at a start goes in by raft_restore() and what follows it, up
 * to raft_restore_end(). If storage is in doubt about its end, the driver keeps
 * that doubt durable until raft_doubt() says that it is over.
 */
#ifndef CNS_RAFT_RAFT_H
#define CNS_RAFT_RAFT_H

#include <linux/types.h>
#include "id.h"
#include "log.h"

/* Every bound of the core, and where it comes from. */
enum {
	RAFT_VOTERS_MAX = 7,	/* design 13 measures 3, 5 and 7 */
	RAFT_MEMBERS_MAX = 16,	/* voters and learners of a configuration */
	RAFT_PEERS_MAX = 32,	/* members and observers that are replicated to */
	RAFT_INFLIGHT_MAX = 128, /* append messages sent to a peer and not acked */
	RAFT_BATCH_MAX = 64,	/* entries in one message */
	RAFT_STASH_MAX = 4,	/* messages that overtook others, kept for later:
				 * one more may bring all of their entries in
				 */
	RAFT_OUTBOX_MAX = 96,	/* messages in one ready: appends to all peers,
				 * and a reply for each item of one drain
				 */
	RAFT_READS_MAX = 128,	/* reads waiting for a round */
	RAFT_CHUNK_MAX = 512,	/* bytes of a snapshot in one message: a power of
				 * two that fits a datagram with the largest
				 * configuration beside it
				 */
};

enum raft_role {
	RAFT_FOLLOWER,
	RAFT_PRECANDIDATE,
	RAFT_CANDIDATE,
	RAFT_LEADER,
};

enum raft_type {
	RAFT_PREVOTE = 1,	/* thesis 9.6: would you vote for me? */
	RAFT_PREVOTE_REPLY,
	RAFT_VOTE,		/* paper, figure 2: RequestVote */
	RAFT_VOTE_REPLY,
	RAFT_APPEND,		/* figure 2: AppendEntries; empty: heartbeat */
	RAFT_APPEND_REPLY,
	RAFT_SNAPSHOT,		/* figure 13: InstallSnapshot, one chunk */
	RAFT_SNAPSHOT_REPLY,
	RAFT_TIMEOUT_NOW,	/* thesis 3.10: stand for election at once */
	RAFT_READ,		/* thesis 6.4: a follower asks for a read index */
	RAFT_READ_REPLY,
};

enum raft_msg_flag {
	RAFT_MSG_REJECT = 1 << 0, /* vote not granted, entries not appended */
	RAFT_MSG_TRANSFER = 1 << 1, /* vote asked by a leader's wish: PreVote
				     * stickiness does not apply (thesis 4.2.3)
				     */
	RAFT_MSG_LAST = 1 << 2,	/* snapshot: the last chunk */
	RAFT_MSG_DOUBT = 1 << 3, /* vote asked or granted by a node that is in
				  * doubt of its storage: good only together
				  * with those of all voters. PREVOTE: answer
				  * with your term in any case. Refused: the
				  * sender does not know its term yet
				  */
	RAFT_MSG_DIFFERS = 1 << 4, /* APPEND_REPLY: the sender's state differs
				    * from the leader's, and it stops
				    */
};

/*
 * What storage lost, as far as it knows (design 8): an invalid sector at the end
 * of the log may have held entries that this node acknowledged, or a vote.
 */
enum raft_doubt {
	RAFT_SURE,
	RAFT_DOUBT_LOG,		/* entries */
	RAFT_DOUBT_VOTE,	/* entries, and a term or a vote */
};

/**
 * struct raft_config - who the members are (thesis 4.1)
 * @n: number of members, at most RAFT_MEMBERS_MAX
 * @n_voters: the first @n_voters of @member vote; the rest are learners
 * @member: their incarnations, without repetition
 */
struct raft_config {
	u8 n;
	u8 n_voters;
	struct raft_id member[RAFT_MEMBERS_MAX];
};

/**
 * struct raft_msg - one message, as the driver sends and receives it
 * @type: enum raft_type
 * @flags: enum raft_msg_flag
 * @n_entries: APPEND: entries carried
 * @from: sender; what the authentication proved
 * @to: receiver
 * @term: the sender's current term; PREVOTE: the term it would stand for
 * @index: APPEND: prevLogIndex. VOTE, PREVOTE: lastLogIndex. APPEND_REPLY:
 *	the highest index known to match and durable; with REJECT the
 *	prevLogIndex refused. SNAPSHOT and its reply: lastIncludedIndex.
 *	READ_REPLY: the read index.
 * @log_term: term of the entry at @index where the paper asks for it
 * @commit: APPEND: leaderCommit
 * @id: APPEND, SNAPSHOT, TIMEOUT_NOW: names this datagram among all that this
 *	leader sends in this term, increasing, never reused; the reply echoes
 *	it. A peer that echoes id I has followed the leader at a time after
 *	I was sent: that is the round which confirms leadership (pitfall 36).
 *	READ, READ_REPLY: the reader's own context.
 * @hint: APPEND_REPLY with REJECT: the highest index at which the logs may
 *	agree (paper 5.3, end). SNAPSHOT: offset of the chunk. SNAPSHOT_REPLY:
 *	bytes received without a gap.
 * @hint_term: APPEND_REPLY with REJECT: term of the follower's entry at @hint.
 *	SNAPSHOT: length of the whole.
 * @checksum: SNAPSHOT: 64-bit hash of the whole, so that chunks of two are
 *	never mixed (pitfall 51)
 * @after: going out: seq of the persist that must be durable first; 0: none.
 *	Not on the wire.
 * @entries: coming in: @n_entries views. Going out: NULL; the entries are those
 *	from @index + 1, to be read with raft_entry().
 * @config: SNAPSHOT: the configuration at @index
 * @data: SNAPSHOT: the chunk
 * @len: length of @data
 */
struct raft_msg {
	u8 type;
	u8 flags;
	u16 n_entries;
	u32 len;
	struct raft_id from;
	struct raft_id to;
	u64 term;
	u64 index;
	u64 log_term;
	u64 commit;
	u64 id;
	u64 hint;
	u64 hint_term;
	u64 checksum;
	u64 after;
	const struct raft_entry *entries;
	const struct raft_config *config;
	const u8 *data;
};

/**
 * struct raft_hard - what must survive a restart beside the log (figure 2)
 * @term: currentTerm
 * @vote: votedFor in @term, or RAFT_NOBODY
 */
struct raft_hard {
	u64 term;
	struct raft_id vote;
};

/**
 * struct raft_read - a read that may be answered
 * @ctx: what raft_read() was given
 * @index: the state must have applied at least this
 */
struct raft_read {
	u64 ctx;
	u64 index;
};

/**
 * struct raft_ready - all that there is to do
 * @persist: to be made durable as one step; nothing if .seq is 0.
 *	.hard is the hard state (.hard_changed: it differs from the last).
 *	Entries .first to .last (none if .last < .first) replace all of the
 *	stored log from .first on, also what lies behind .last.
 *	.snapshot: the stored log begins anew behind (.first - 1).
 * @n_msgs: number of @msgs
 * @msgs: to send, see raft_msg.after
 * @apply_first: first committed entry not yet handed out
 * @apply_last: last of them; none if below @apply_first
 * @n_reads: number of @reads
 * @reads: reads that may be answered
 * @deadline: raft_tick() no later than this (ns, same clock as @now)
 * @role_changed: role, term or leader differ from those in the ready before
 * @snap_make: a peer needs a snapshot newer than what was offered
 * @snap_want: a leader wants to send a snapshot of that many bytes; 0: none
 * @snap_install: the buffer given is complete and its checksum right
 */
struct raft_ready {
	struct {
		u64 seq;
		struct raft_hard hard;
		bool hard_changed;
		bool snapshot;
		u64 first;
		u64 last;
	} persist;
	unsigned int n_msgs;
	struct raft_msg msgs[RAFT_OUTBOX_MAX];
	u64 apply_first;
	u64 apply_last;
	unsigned int n_reads;
	struct raft_read reads[RAFT_READS_MAX];
	u64 deadline;
	bool role_changed;
	bool snap_make;
	u64 snap_want;
	bool snap_install;
};

/**
 * struct raft_params - what the driver decides, once
 * @self: this node's incarnation
 * @seed: for randomized election timeouts; must differ between nodes
 *	(pitfall 34)
 * @heartbeat_ns: a leader that has nothing to say speaks this often
 * @election_min_ns: shortest election timeout
 * @election_max_ns: longest; the timeout is uniform between the two
 * @retransmit_min_ns: lower bound of the retransmission timer, which otherwise
 *	follows the measured round trip (RFC 6298)
 * @batch_bytes: room for entries in one message; an entry costs
 *	RAFT_ENTRY_COST + its length
 * @log: memory of the log, see log.h
 * @hard: hard state found in storage; zero for a node without any
 * @memory: there is no storage but this memory: what is in the log, and term and
 *	vote, count as durable from the next raft_ready() on
 * @doubt: what storage may have lost. A node in doubt takes and acknowledges
 *	entries, but its vote is counted only where all voters give theirs, until
 *	it has all that its leader knows to be committed, an entry of the
 *	leader's own term among it (so that nothing it may ever have
 *	acknowledged is missing). With RAFT_DOUBT_VOTE it acknowledges, votes and
 *	stands only after it has heard the term of every other voter since its
 *	start, and is not behind any of them (so that no forgotten vote can be
 *	given twice, nor be contradicted). doubt.c says why.
 */
struct raft_params {
	struct raft_id self;
	u64 seed;
	u64 heartbeat_ns;
	u64 election_min_ns;
	u64 election_max_ns;
	u64 retransmit_min_ns;
	u32 batch_bytes;
	struct raft_log_mem log;
	struct raft_hard hard;
	bool memory;
	enum raft_doubt doubt;
};

/**
 * struct raft_snapshot - a snapshot that can be sent
 * @index: last index it includes
 * @term: that entry's term
 * @checksum: raft_checksum() of @data
 * @config: configuration at @index
 * @data: the bytes; the driver keeps them until the next offer or withdrawal
 * @len: how many
 */
struct raft_snapshot {
	u64 index;
	u64 term;
	u64 checksum;
	struct raft_config config;
	const u8 *data;
	u64 len;
};

/**
 * struct raft_peer_status - what a leader knows of a peer
 * @id: the peer
 * @match: highest index known to be durable there
 * @next: next to send
 * @heard: when it last answered in this term (ns; 0: never)
 * @rtt_ns: smoothed round trip; 0: unknown
 * @voter: counted in quorums
 * @observer: not in the configuration: replicated to, never counted
 * @state: 0 probe, 1 replicate, 2 snapshot
 */
struct raft_peer_status {
	struct raft_id id;
	u64 match;
	u64 next;
	u64 heard;
	u64 rtt_ns;
	bool voter;
	bool observer;
	u8 state;
};

struct raft;

/* Bytes of a struct raft, so that it stays opaque to drivers. */
size_t raft_size(void);

int raft_init(struct raft *r, const struct raft_params *p, u64 now);

/*
 * After a restart, before anything else: what storage held. First where the log
 * begins (@index 0: at its very beginning, no @config; else the state already
 * holds everything up to @index), then its entries in order, whose terms never
 * fall. All of it counts as durable. -EINVAL malformed, -ENOSPC log full.
 */
int raft_restore(struct raft *r, u64 index, u64 term,
		 const struct raft_config *config);
int raft_restore_entry(struct raft *r, const struct raft_entry *e);
/*
 * The log ends before @index again (at the base, if that is behind it): entries
 * that a later write replaced. -EINVAL: they are committed.
 */
int raft_restore_cut(struct raft *r, u64 index);
/*
 * Entries up to @index (at most the last one restored) are known to be committed.
 * The driver applies them itself (raft_entry(), raft_applied()), and may then
 * raft_compact(), so that a log longer than memory can be restored.
 */
int raft_restore_commit(struct raft *r, u64 index);
/*
 * That was all: term, vote and doubt as they turned out, in place of those in
 * raft_params (where raft_params.hard held already, this may be left out).
 * -EINVAL: an entry has a later term. The only voter, in doubt, has failed.
 */
int raft_restore_end(struct raft *r, const struct raft_hard *hard,
		     enum raft_doubt doubt);

/*
 * Begin a cluster: called once, on the one node that collected all promises,
 * before anything else. Writes @config as entry 1 and @n further entries
 * behind it, all of term 1, and stands for election at once.
 * -EBUSY if the log is not empty, -EINVAL if this node is no voter.
 */
int raft_bootstrap(struct raft *r, u64 now, const struct raft_config *config,
		   const struct raft_entry *entries, unsigned int n);
/*
 * The same behind a snapshot: the state holds everything up to (@index, @term),
 * and @config is its configuration. Counts as durable.
 */
int raft_begin_at(struct raft *r, u64 now, u64 index, u64 term,
		  const struct raft_config *config);

/* In go events. None of them blocks; all are bounded. */
void raft_step(struct raft *r, u64 now, const struct raft_msg *m);
void raft_tick(struct raft *r, u64 now);
void raft_persisted(struct raft *r, u64 now, u64 seq, u64 term, u64 index);
void raft_applied(struct raft *r, u64 index);

/*
 * Leader: append an entry. @origin is the node whose program waits for it (it
 * learns of the commit at once), or RAFT_NOBODY.
 * 0 with *index set; -EAGAIN not the leader; -ENOSPC log full, try later.
 */
int raft_propose(struct raft *r, u64 now, u8 kind, const void *data, u16 len,
		 struct raft_id origin, u64 *index);

/*
 * Leader: peer @id is to learn at once of everything that is committed: somebody
 * there waits for what another's entry did. Costs nothing if it was told. This one,
 * and raft_applied(), may also be called while a ready is being carried out (behind
 * its entries); what follows comes in the next.
 */
void raft_notify(struct raft *r, u64 now, struct raft_id id);

/*
 * Ask for a linearizable read. The answer, if any, comes in ready.reads; none
 * comes if leadership changes or a message is lost, so ask again (with the same
 * @ctx or a new one; contexts of this node are never reused for another read).
 * -EAGAIN: no leader known, or too many waiting.
 */
int raft_read(struct raft *r, u64 now, u64 ctx);

/* Replicate to a node outside of the configuration. -ENOSPC: RAFT_PEERS_MAX. */
int raft_observe(struct raft *r, u64 now, struct raft_id id);
void raft_unobserve(struct raft *r, struct raft_id id);
/*
 * The peer's storage may have lost what it acknowledged (it said so in its
 * hello, before anything else of its new boot): nothing is known of it any more.
 */
void raft_doubted(struct raft *r, u64 now, struct raft_id id);
/*
 * This node's state differs from what the leader's log says: tell the leader,
 * by one message in the next ready, then fail for good, with @why.
 */
void raft_differs(struct raft *r, u64 now, const char *why);

/* Leader: hand leadership to the most advanced reachable voter. -EAGAIN. */
int raft_transfer(struct raft *r, u64 now, struct raft_id to);

/* Stand for election now, by PreVote (tests, simctl). */
void raft_campaign(struct raft *r, u64 now);

const struct raft_ready *raft_ready(struct raft *r, u64 now);
void raft_advance(struct raft *r);

/* Is storage still in doubt? */
enum raft_doubt raft_doubt(const struct raft *r);

/* Snapshots. The driver's ninth duty. */
/*
 * A snapshot at @index (applied) is being made for peers: keep what comes behind
 * it until it is offered, as far as there is room. 0: no more.
 */
void raft_snapshot_hold(struct raft *r, u64 index);
/* @s NULL: withdrawn. An offer of no bytes is none. */
void raft_snapshot_offer(struct raft *r, u64 now, const struct raft_snapshot *s);
/* True: taken; raft writes into it until installed or given another. */
bool raft_snapshot_buffer(struct raft *r, u64 now, u8 *buf, u64 len);
/* The received snapshot, valid while ready.snap_install stands. */
const struct raft_snapshot *raft_snapshot_received(const struct raft *r);
/* 0: swapped in, log begins behind it. @ok false: it was unusable; forget it. */
void raft_snapshot_installed(struct raft *r, u64 now, bool ok);
/*
 * Drop applied entries up to @index from memory, as far as peers allow. The
 * driver sees to it that applied entries never stay in more than half of either
 * ring: what is uncommitted needs the other half. To call it again costs little.
 */
void raft_compact(struct raft *r, u64 index);

/* Questions. */
enum raft_role raft_role(const struct raft *r);
u64 raft_term(const struct raft *r);
struct raft_id raft_vote(const struct raft *r);
struct raft_id raft_leader(const struct raft *r);
u64 raft_commit(const struct raft *r);
u64 raft_last_index(const struct raft *r);
u64 raft_first_index(const struct raft *r);
u64 raft_durable_index(const struct raft *r);
/* How full the log's memory is, 0 to 100. */
unsigned int raft_fill(const struct raft *r);
bool raft_is_voter(const struct raft *r);
/* Leader only: a quorum answered within the last @ns. */
bool raft_quorum_active(const struct raft *r, u64 now, u64 ns);
const struct raft_config *raft_config(const struct raft *r);
/* The configuration at @index, for a snapshot there; NULL if long gone. */
const struct raft_config *raft_config_at(const struct raft *r, u64 index);
/* raft_tick() no later than this; as of the last raft_ready(), even NULL. */
u64 raft_deadline(const struct raft *r);
int raft_entry(const struct raft *r, u64 index, struct raft_entry *e);
/* Term of the entry at @index, also where the log begins; 0: not known. */
u64 raft_term_at(const struct raft *r, u64 index);
unsigned int raft_peer_count(const struct raft *r);
void raft_peer_status(const struct raft *r, unsigned int i,
		      struct raft_peer_status *st);
u64 raft_checksum(const u8 *data, u64 len);
/* In pieces: all but the last of a multiple of RAFT_CHUNK_MAX bytes. */
u64 raft_checksum_on(u64 hash, const u8 *data, u64 len);

/* Why this node stopped, or NULL. First reason wins. */
const char *raft_failed(const struct raft *r);
void raft_fail(struct raft *r, const char *why);

/* Configuration entries. Both gates: -EINVAL on anything malformed. */
enum { RAFT_CONFIG_BYTES_MAX = 4 + 16 * RAFT_MEMBERS_MAX };
u16 raft_config_encode(const struct raft_config *c, u8 *buf);
int raft_config_decode(struct raft_config *c, const u8 *buf, u16 len);

#endif
