/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside the core: its state, and what its files offer each other.
 *
 *   raft.c       terms and roles, the way of a message in
 *   restore.c    how a log begins: what storage held, or a new cluster
 *   election.c   standing, voting, transfer of leadership
 *   replicate.c  leader: what each peer has, what it is sent, what is committed
 *   follow.c     follower: entries in, acknowledgments out
 *   peer.c       the list of those who are replicated to; quorums
 *   stash.c      appends that overtook what they follow on
 *   read.c       linearizable reads
 *   snapshot.c   snapshots out and in, compaction
 *   doubt.c      storage that may have lost its end
 *   ready.c      all that there is to do, and what storage has done
 *   config.c     configuration entries
 *   log.c        the log in memory
 */
#ifndef CNS_RAFT_CORE_H
#define CNS_RAFT_CORE_H

#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/string.h>
#include "raft.h"

enum {
	/*
	 * Messages that were not filled to the brim and may be unanswered at a
	 * time: one on its way there, one whose answer is on its way back. What
	 * arrives meanwhile joins the next (design 5).
	 */
	RAFT_PARTIAL_MAX = 2,
	RAFT_STASH_BYTES = 1280, /* of one; longer ones are not kept */
	RAFT_CHUNKS_MAX = 16,	/* chunks of a snapshot sent and not answered */
	RAFT_CHUNK_DUPS = 3,	/* answers without progress that mean a loss and
				 * not disorder (as TCP, RFC 5681)
				 */
	RAFT_BACKOFF_MAX = 6,	/* doublings of the retransmission timer */
	RAFT_GAP_REPEAT = 4,	/* one reject for so many appends behind a gap */
	/*
	 * Of a ring, half is for what is applied and kept for slow peers, or
	 * until the driver compacts; what is not committed yet may fill three
	 * eighths; the rest is for the no-ops of terms that come to nothing.
	 * Were a follower's log full of what cannot be committed for want of
	 * room there, nothing would ever move again.
	 */
	RAFT_UNCOMMITTED_EIGHTHS = 3,
	RAFT_FULL_PERCENT = 75,	/* fuller than that, the log waits for nobody, */
	RAFT_HOLD_PERCENT = 90,	/* or only for who is being sent a snapshot: what
				 * is left then is room to go on meanwhile
				 */
};

/*
 * A node that cannot hear all voters and may have forgotten a vote goes on in a
 * term so much above all that it has heard of: more elections than anybody can
 * have begun that no majority knows of.
 */
#define RAFT_DOUBT_LEAP BIT_ULL(16)
/* It waits for them so many election timeouts. */
#define RAFT_DOUBT_PATIENCE 10

/* Times that never come. */
#define RAFT_NEVER U64_MAX
/* Terms and indices above are nonsense, so that adding one never wraps. */
#define RAFT_NUMBER_MAX BIT_ULL(62)

/* Flow control of a peer (thesis 10.2.1; as raft_peer_status.state). */
enum raft_flow {
	RAFT_PROBE,	/* where it stands is a guess: one message at a time */
	RAFT_REPLICATE,	/* it matches up to next - 1: messages are pipelined */
	RAFT_SNAPPING,	/* it needs what the log no longer has */
};

/* What a peer's word is worth: its storage may have lost its end. */
enum raft_trust {
	RAFT_TRUSTED,
	RAFT_DOUBTED,	/* it does not take over, while it is behind */
	RAFT_MUTE,	/* nothing that it says counts, until it acknowledges */
};

/**
 * struct raft_peer - who is replicated to; progress means something to a leader
 * @id: the peer
 * @member: in the configuration
 * @voter: counted
 * @observer: replicated to by the driver's wish
 * @trust: enum raft_trust
 * @settled: while this node asks for terms (doubt.c): it has answered
 * @differs: it said in this term that its state differs from ours
 * @flow: enum raft_flow
 * @awaiting: PROBE: a message is out, and no answer yet
 * @urgent: a message goes out in the next ready, if only an empty one
 * @backoff: doublings of the retransmission timer since the last answer
 * @match: highest index known to be durable there; never goes back in a term
 * @next: next index to send; above @match
 * @sent_id: id of the last message sent
 * @acked_id: highest id echoed
 * @rewind_id: answers to ids up to here do not speak of @next
 * @commit_sent: highest commit index sent
 * @heard: when it last answered in this term; 0: never
 * @sent_at: when the last message was sent
 * @rto_at: when something is taken for lost; RAFT_NEVER: nothing is out
 * @srtt: smoothed time until entries are acknowledged (RFC 6298); 0: unknown
 * @rttvar: its variation
 * @timed_id: message whose answer is timed; 0: none
 * @timed_last: its last entry
 * @timed_at: when it was sent
 * @hole: next to send again, ahead of @next, up to @hole_end
 * @hole_end: below @hole: nothing is missing as far as is known
 * @flight_first: position of the oldest in @flight
 * @flight_n: how many are in @flight
 * @flight: last index of each message with entries that is out
 * @snap_index: the snapshot being sent; 0: none
 * @snap_acked: bytes that arrived without a gap
 * @snap_sent: bytes sent
 * @snap_reply: id of the newest answer to a chunk
 * @snap_dups: answers in a row that told of no progress
 * @snap_at: when a chunk was last sent, or asked to be
 * @chase: behind a snapshot it still has to get as far as this; 0: it has
 */
struct raft_peer {
	struct raft_id id;
	bool member;
	bool voter;
	bool observer;
	u8 trust;
	bool settled;
	bool differs;
	u8 flow;
	bool awaiting;
	bool urgent;
	u8 backoff;
	u64 match;
	u64 next;
	u64 sent_id;
	u64 acked_id;
	u64 rewind_id;
	u64 commit_sent;
	u64 heard;
	u64 sent_at;
	u64 rto_at;
	u64 srtt;
	u64 rttvar;
	u64 timed_id;
	u64 timed_last;
	u64 timed_at;
	u64 hole;
	u64 hole_end;
	unsigned int flight_first;
	unsigned int flight_n;
	u64 flight[RAFT_INFLIGHT_MAX];
	u64 snap_index;
	u64 snap_acked;
	u64 snap_sent;
	u64 snap_at;
	u64 snap_reply;
	unsigned int snap_dups;
	u64 chase;
};

/**
 * struct raft_conf - a configuration and where it stands in the log
 * @index: its entry; 0: none. A snapshot's configuration stands at the
 *	snapshot's index.
 * @config: the members
 */
struct raft_conf {
	u64 index;
	struct raft_config config;
};

/**
 * struct raft_store - what storage was given, and what it has
 * @hard: newest hard state
 * @hard_dirty: storage was not given @hard yet
 * @cut: the log was truncated behind @given, storage was not told yet
 * @anew: the log begins anew behind a snapshot, storage was not told yet
 * @seq: of the last persist
 * @done: of the last persist that is durable
 * @hard_seq: of the persist that held @hard
 * @given: last index that storage was given, of the log as it is now
 * @durable: highest index that is durable, of the log as it is now
 * @cap: completions before @cap_seq prove nothing above this: what was there
 *	has since been replaced (pitfall 6)
 * @cap_seq: the persist that held the replacement
 * @since: since when the oldest persist that is not durable is known to be
 *	outstanding (ns); RAFT_NEVER: there is none
 * @next_seq: first persist handed out since @since was set; 0: none
 * @next_at: when (ns)
 */
struct raft_store {
	struct raft_hard hard;
	bool hard_dirty;
	bool cut;
	bool anew;
	u64 seq;
	u64 done;
	u64 hard_seq;
	u64 given;
	u64 durable;
	u64 cap;
	u64 cap_seq;
	u64 since;
	u64 next_seq;
	u64 next_at;
};

/**
 * struct raft_doubts - what this node's own storage may have lost (doubt.c)
 * @what: enum raft_doubt, as storage said, until it is over
 * @unsettled: a vote may be forgotten, and not all have told their term yet
 * @ask_at: when they are asked (again)
 * @ask_until: when those who did not answer are given up; 0: nobody asked yet
 * @whole: this much was the leader's commit index, and is in the log; 0: not yet
 */
struct raft_doubts {
	enum raft_doubt what;
	bool unsettled;
	u64 ask_at;
	u64 ask_until;
	u64 whole;
};

/**
 * struct raft_follow - a follower's memory of its leader, for one term
 * @heard: when the leader last spoke; 0: not since the start
 * @verified: the log is the leader's up to here
 * @told: index of the last acknowledgment
 * @ack_id: newest message id
 * @ack: an acknowledgment is due
 * @reject: a refusal is due
 * @reject_id: id of the refused message
 * @reject_index: its prevLogIndex
 * @reject_hint: where the logs may agree
 * @gap_at: last index when a gap was refused; RAFT_NEVER: no gap
 * @gap_n: appends behind that gap since
 */
struct raft_follow {
	u64 heard;
	u64 verified;
	u64 told;
	u64 ack_id;
	bool ack;
	bool reject;
	u64 reject_id;
	u64 reject_index;
	u64 reject_hint;
	u64 gap_at;
	unsigned int gap_n;
};

/**
 * struct raft_stash - an append that came before what it follows on
 * @m: as it came; .n_entries is 0 where nothing is kept
 * @entries: its entries
 * @bytes: theirs
 */
struct raft_stash {
	struct raft_msg m;
	struct raft_entry entries[RAFT_BATCH_MAX];
	u8 bytes[RAFT_STASH_BYTES];
};

/**
 * struct raft_poll - a candidate's votes
 * @granted: bit i: voter i of the configuration said yes
 * @refused: said no
 * @doubtful: of those in @granted, a vote that is good only with all others
 * @resend_at: when those who said nothing are asked again
 * @transfer: by the old leader's wish
 */
struct raft_poll {
	u32 granted;
	u32 refused;
	u32 doubtful;
	u64 resend_at;
	bool transfer;
};

/**
 * struct raft_lead - a leader's own
 * @last_id: id of the last message (never begins anew)
 * @since: when leadership began
 * @noop: index of the entry that began the term
 * @quorum_at: when CheckQuorum looks next
 * @to: whom leadership is handed to; RAFT_NOBODY: no transfer
 * @to_until: when that is given up
 * @to_resend_at: when TIMEOUT_NOW is said (again)
 */
struct raft_lead {
	u64 last_id;
	u64 since;
	u64 noop;
	u64 quorum_at;
	struct raft_id to;
	u64 to_until;
	u64 to_resend_at;
};

/**
 * struct raft_waiting - a read that waits for a round
 * @from: who reads
 * @ctx: the reader's context
 * @index: read index
 * @round: confirmed by ids above this
 */
struct raft_waiting {
	struct raft_id from;
	u64 ctx;
	u64 index;
	u64 round;
};

/**
 * struct raft_reads - a ring of them, oldest first
 * @first: position of the oldest
 * @n: how many
 * @open: a round was asked for, no quorum has answered it yet
 * @asked: it is answered by ids above this
 * @wait: the ring
 */
struct raft_reads {
	unsigned int first;
	unsigned int n;
	bool open;
	u64 asked;
	struct raft_waiting wait[RAFT_READS_MAX];
};

/**
 * struct raft_receipt - a snapshot on its way in
 * @s: what it is; .data is @buf
 * @buf: the driver's buffer, NULL until there is one
 * @term: of the leader that sends it
 * @received: bytes without a gap
 * @ahead: bit i: the chunk i chunks behind @received is there; bit 0 never
 * @hash: of those
 * @active: @s means something
 * @installing: complete; the driver builds the state, the log stands still
 * @ack: an answer is due
 * @ack_id: newest chunk's id
 */
struct raft_receipt {
	struct raft_snapshot s;
	u8 *buf;
	u64 term;
	u64 received;
	u64 ahead;
	u64 hash;
	u64 ack_id;
	bool active;
	bool installing;
	bool ack;
};

struct raft {
	struct raft_params p;
	const char *failed;
	const char *differs;	/* why this node fails after its last words */
	bool differs_said;
	u64 now;
	u64 rng;
	enum raft_role role;
	struct raft_id leader;
	u64 election_at;	/* when patience ends (not the leader's) */

	struct raft_log log;
	struct raft_store store;
	struct raft_doubts doubt;
	u64 commit;
	u64 handed;		/* last index handed out to be applied */
	u64 applied;

	struct raft_conf conf;	/* in force: the last one in the log */
	struct raft_conf conf_before;	/* in force if that one is truncated */
	bool voter;		/* this node, in @conf */

	struct raft_follow follow;
	unsigned int n_stash;
	struct raft_stash stash[RAFT_STASH_MAX];
	struct raft_msg taken_stash;
	struct raft_poll poll;
	struct raft_lead lead;
	struct raft_reads reads;

	struct raft_snapshot offer;	/* .len 0: none */
	bool offer_asked;
	u64 hold;			/* of one being made; 0: none */
	struct raft_receipt in;

	unsigned int n_peers;
	struct raft_peer peers[RAFT_PEERS_MAX];

	/* What the last ready said of role, term and leader. */
	enum raft_role said_role;
	u64 said_term;
	struct raft_id said_leader;
	bool event;		/* something came in since the last ready */
	bool taken;		/* a ready is out, raft_advance() is due */
	struct raft_ready rd;
};

/* Its answers steer what it is sent; they are no sign of following. */
static inline bool raft_mute(const struct raft_peer *p)
{
	return unlikely(p->trust == RAFT_MUTE);
}

/*
 * raft_assert() - @cond, or this node stops
 *
 * For what no input can bring about. In userspace a broken promise ends the
 * program where it stands, so that the simulator shows it. Evaluates to @cond.
 */
#ifdef __KERNEL__
#define raft_assert_trap() do { } while (0)
#else
#define raft_assert_trap() __builtin_trap()
#endif

#define raft_assert(r, cond, why) \
	(likely(cond) || (raft_broken(r, why), false))

static inline void raft_broken(struct raft *r, const char *why)
{
	raft_assert_trap();
	raft_fail(r, why);
}

/* Something comes in: a later raft_ready() may find that there is more to do. */
static inline void raft_event(struct raft *r, u64 now)
{
	r->now = now;
	r->event = true;
}

/* log.c */
u8 *raft_log_note(struct raft_log *l, u64 index);
u64 raft_log_bytes_from(const struct raft_log *l, u64 index);

/* raft.c */
void raft_become(struct raft *r, enum raft_role role, u64 term,
		 struct raft_id leader);
void raft_set_leader(struct raft *r, struct raft_id leader);
void raft_patience(struct raft *r);
int raft_append_own(struct raft *r, u8 kind, const void *data, u16 len);
bool raft_outbox_full(const struct raft *r);
/* A message to fill, or NULL: no room, it counts as lost. */
struct raft_msg *raft_send(struct raft *r, u8 type, struct raft_id to);

/* election.c */
bool raft_electable(const struct raft *r);
void raft_stand(struct raft *r, enum raft_role role, bool transfer);
void raft_tally(struct raft *r);
void raft_poll_tick(struct raft *r);
bool raft_sticks(const struct raft *r, const struct raft_msg *m);
void raft_on_vote(struct raft *r, const struct raft_msg *m);
void raft_on_vote_reply(struct raft *r, const struct raft_msg *m);
void raft_on_timeout_now(struct raft *r, const struct raft_msg *m);
void raft_transfer_tick(struct raft *r);

/* stash.c */
void raft_stash_drop(struct raft *r);
void raft_stash_put(struct raft *r, const struct raft_msg *m);
const struct raft_msg *raft_stash_take(struct raft *r);

/* follow.c */
void raft_follow_reset(struct raft *r);
bool raft_contact(struct raft *r, const struct raft_msg *m);
void raft_on_append(struct raft *r, const struct raft_msg *m);
void raft_ack(struct raft *r, u64 id);
void raft_follow_durable(struct raft *r);
void raft_follow_flush(struct raft *r);

/* replicate.c */
void raft_lead_begin(struct raft *r);
void raft_lead_tick(struct raft *r);
void raft_lead_flush(struct raft *r);
void raft_on_append_reply(struct raft *r, const struct raft_msg *m);
void raft_advance_commit(struct raft *r);
void raft_progress_begin(struct raft *r, struct raft_peer *p);
void raft_rewind(struct raft *r, struct raft_peer *p, u64 next);
void raft_matched(struct raft *r, struct raft_peer *p, u64 index);
void raft_peer_heard(struct raft *r, struct raft_peer *p, u64 id);
void raft_timer_restart(struct raft *r, struct raft_peer *p);
struct raft_msg *raft_send_led(struct raft *r, struct raft_peer *p, u8 type);
u64 raft_lead_deadline(const struct raft *r);

/* peer.c */
struct raft_peer *raft_peer(struct raft *r, struct raft_id id);
void raft_peers_update(struct raft *r);
unsigned int raft_majority(const struct raft *r);
u64 raft_quorum_value(const struct raft *r, u64 own,
		      u64 (*value)(const struct raft *r,
				   const struct raft_peer *p));

/* read.c */
void raft_reads_drop(struct raft *r);
void raft_reads_flush(struct raft *r);
bool raft_round_wanted(struct raft *r);
void raft_on_read(struct raft *r, const struct raft_msg *m);
void raft_on_read_reply(struct raft *r, const struct raft_msg *m);

/* snapshot.c */
void raft_snap_begin(struct raft *r, struct raft_peer *p);
void raft_snap_send(struct raft *r, struct raft_peer *p);
void raft_snap_nudge(struct raft *r, struct raft_peer *p);
bool raft_snap_out(const struct raft_peer *p);
void raft_on_snapshot(struct raft *r, const struct raft_msg *m);
void raft_on_snapshot_reply(struct raft *r, const struct raft_msg *m);
void raft_receipt_flush(struct raft *r);
void raft_receipt_outrun(struct raft *r);

/* ready.c */
u64 raft_hard_pending(const struct raft *r);
bool raft_hung(const struct raft *r);
u64 raft_hung_at(const struct raft *r);
void raft_store_cut(struct raft *r, u64 index);

/* doubt.c */
void raft_doubt_begin(struct raft *r, enum raft_doubt what);
bool raft_doubt_deaf(const struct raft *r);
void raft_doubt_heard(struct raft *r, const struct raft_msg *m);
void raft_doubt_matched(struct raft *r, const struct raft_msg *m, u64 matched);
void raft_doubt_tick(struct raft *r);
void raft_doubt_flush(struct raft *r);
void raft_doubt_acked(struct raft *r, struct raft_peer *p);
void raft_on_differs(struct raft *r, struct raft_peer *p);
void raft_last_words(struct raft *r);

/* config.c */
bool raft_config_valid(const struct raft_config *c);
int raft_conf_appended(struct raft *r, u64 index);
void raft_conf_rollback(struct raft *r, u64 index);
void raft_conf_set(struct raft *r, u64 index, const struct raft_config *c);

#endif
