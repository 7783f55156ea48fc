/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The wire: what a datagram holds, how it is authenticated, and how two nodes
 * come to know each other's boots. Pure: bytes in, structs out, and back.
 *
 * A datagram is a header, a message, and nothing behind it. Little-endian,
 * naturally aligned, explicit zero padding. In this order on receipt:
 *
 *   wire_peek()     length, magic, version: who says to send, how it is signed
 *   wire_verify()   SipHash-2-4 over header (mac as zero) and payload
 *   wire_window()   has this sequence number been seen under this key?
 *   wire_decode()   the one gate; after it nothing is checked again
 *
 * Layouts live in layout.h, with sizes and offsets asserted.
 */
#ifndef CNS_WIRE_WIRE_H
#define CNS_WIRE_WIRE_H

#include <linux/types.h>
#include <linux/siphash.h>
#include "../raft/raft.h"
#include "../fsm/command.h"

enum {
	WIRE_VERSION = 1,	/* of the datagram format; spoken: MIN..VERSION */
	WIRE_VERSION_MIN = 1,
	WIRE_HEADER = 40,	/* bytes */
	WIRE_PAYLOAD = 1232,	/* IPv6 minimum MTU 1280 - 40 (IPv6) - 8 (UDP) */
	WIRE_BATCH = 1144,	/* room for entries in an APPEND of WIRE_PAYLOAD
				 * bytes: raft_params.batch_bytes
				 */
	WIRE_NAME_MAX = 63,	/* bytes of a node's name */
	WIRE_FORWARD_MAX = 24,	/* commands in one FORWARD */
	WIRE_WINDOW_BITS = 1024, /* sequence numbers remembered behind the newest */
	WIRE_KEYS = 2,		/* cluster keys: current, previous */
	WIRE_BOOTS = 16,	/* own starts whose nonce is known (design 3) */
};

enum wire_type {
	WIRE_HELLO = 1,		/* signed with the hello key; others with a pair's */
	WIRE_RAFT,		/* one struct raft_msg */
	WIRE_FORWARD,		/* commands for the leader */
	WIRE_PROMISE,		/* forming: promise yourself to this cluster */
	WIRE_PROMISE_REPLY,
	WIRE_RENEW,		/* a node's session is alive: to the leader */
	WIRE_RENEWED,		/* the leader acknowledges that */
};

/* Why a datagram was dropped; each has a counter in status. */
enum wire_drop {
	WIRE_OK,
	WIRE_SHORT,		/* truncated, too long, length field wrong */
	WIRE_MAGIC,		/* not ours */
	WIRE_VERSION_UNKNOWN,	/* a newer or older format */
	WIRE_STRANGER,		/* no key for that sender (yet) */
	WIRE_SELF,		/* our own, reflected */
	WIRE_FORGED,		/* MAC wrong */
	WIRE_REPLAYED,		/* sequence number seen or too old */
	WIRE_MALFORMED,		/* authentic, but decode() refused it */
	WIRE_CLUSTER,		/* authentic, but of another cluster */
	WIRE_HELLO_STALE,	/* a hello that echoes no fresh challenge of ours and
				 * asks for none: replayed
				 */
	WIRE_HELLO_REFUSED,	/* name in use by a live incarnation; boot went back */
	WIRE_DROPS
};

/**
 * struct wire_boot - one start of an incarnation
 * @counter: 1 at birth, one more at each start from the same storage
 * @nonce: random, never 0
 */
struct wire_boot {
	u64 counter;
	u64 nonce;
};

/**
 * struct wire_hello - "I am; who are you?"
 * @node: sender's incarnation
 * @boot: sender's boot
 * @to: receiver's incarnation as far as the sender knows it, or RAFT_NOBODY
 * @challenge: fresh random number of the sender, to be echoed; 0: none wanted
 * @echo: the receiver's challenge that this answers; 0: none
 * @cluster: 128-bit id of the cluster that the sender belongs or is promised
 *	to; zero: none
 * @member: the sender is in its cluster's configuration as far as it knows
 * @formed: the sender's cluster has a configuration
 * @want: the sender asks to be replicated to (observer)
 * @doubt: the sender's storage may have lost what it acknowledged in an earlier
 *	boot: its durable end may lie below that, and nothing is known of it
 * @rolled_back: the sender remembers of the receiver what this boot of it cannot
 *	have forgotten: its storage was rolled back (design 3)
 * @durable_term: of the last durable entry
 * @durable_index: of the last durable entry
 * @ask_counter: the boot counter that the sender remembers of the receiver (it
 *	asks for that boot's nonce); 0: remembers none
 * @answer_nonce: nonce of our boot with the counter that was last asked for
 *	by the receiver; 0: not asked, or not known
 * @wire_min: lowest WIRE_VERSION spoken
 * @wire_max: highest
 * @fsm_min: lowest state machine version
 * @fsm_max: highest
 * @name_len: bytes of @name
 * @name: sender's name, not terminated
 */
struct wire_hello {
	struct raft_id node;
	struct wire_boot boot;
	struct raft_id to;
	u64 challenge;
	u64 echo;
	struct raft_id cluster;
	bool member;
	bool formed;
	bool want;
	bool doubt;
	bool rolled_back;
	u64 durable_term;
	u64 durable_index;
	u64 ask_counter;
	u64 answer_nonce;
	u8 wire_min, wire_max;
	u8 fsm_min, fsm_max;
	u8 name_len;
	char name[WIRE_NAME_MAX + 1];
};

/**
 * struct wire_forward - commands for the leader, each as fsm_encode() wrote it
 * @n: how many, at most WIRE_FORWARD_MAX
 * @cmd: the bytes; already through fsm_decode() when they come from decode
 * @len: of each
 */
struct wire_forward {
	u16 n;
	const u8 *cmd[WIRE_FORWARD_MAX];
	u16 len[WIRE_FORWARD_MAX];
};

/**
 * struct wire_promise - forming a cluster (design 3)
 * @cluster: its id
 * @coordinator: incarnation of the node that creates it
 * @release: PROMISE: the creation was given up, forget the promise
 * @status: PROMISE_REPLY: 0 promised; -EEXIST promised to or member of @cluster
 *	(then that other id) already; -EBUSY not now
 * @objects: PROMISE_REPLY: how many objects the sender has room to snapshot;
 *	PROMISE: 0
 * @name_len: bytes of @name
 * @name: PROMISE: coordinator's name. REPLY: with -EEXIST name of whoever
 *	coordinates that other cluster, if known
 */
struct wire_promise {
	struct raft_id cluster;
	struct raft_id coordinator;
	bool release;
	s32 status;
	u32 objects;
	u8 name_len;
	char name[WIRE_NAME_MAX + 1];
};

/**
 * struct wire_renew - a session is kept alive, and that is acknowledged (design 9)
 * @session: its id, not 0
 * @id: of the renewal, not 0; the acknowledgment has the same
 */
struct wire_renew {
	u64 session;
	u64 id;
};

/**
 * struct wire_peek - what can be said before the MAC is checked
 * @type: enum wire_type
 * @from: first half of the sender's incarnation
 * @cluster: first half of the cluster id, 0: none
 * @sequence: of this datagram under its key
 */
struct wire_peek {
	u8 type;
	u64 from;
	u64 cluster;
	u64 sequence;
};

/**
 * struct wire_msg - a decoded message; one at a time, in the owner's scratch
 * @type: enum wire_type, selects the member below
 * @hello: WIRE_HELLO
 * @raft: WIRE_RAFT
 * @forward: WIRE_FORWARD
 * @promise: WIRE_PROMISE and its reply
 * @renew: WIRE_RENEW, WIRE_RENEWED
 * @entries: room for raft.entries
 * @config: room for raft.config
 */
struct wire_msg {
	u8 type;
	union {
		struct wire_hello hello;
		struct raft_msg raft;
		struct wire_forward forward;
		struct wire_promise promise;
		struct wire_renew renew;
	};
	struct raft_entry entries[RAFT_BATCH_MAX];
	struct raft_config config;
};

/* Before the MAC. 0 or WIRE_SHORT, WIRE_MAGIC, WIRE_VERSION_UNKNOWN. */
enum wire_drop wire_peek(const u8 *buf, u32 len, struct wire_peek *p);
/* Is the MAC right under @key? Constant time in the bytes of the MAC. */
bool wire_verify(const u8 *buf, u32 len, const siphash_key_t *key);
/*
 * Decode an authenticated datagram. @from and @to are the incarnations that
 * its key belongs to; they become raft.from and raft.to. WIRE_OK or
 * WIRE_MALFORMED. Views point into @buf.
 */
enum wire_drop wire_decode(const u8 *buf, u32 len, struct raft_id from,
			   struct raft_id to, struct wire_msg *m);

/*
 * Encode into @buf of @cap bytes: header and payload, MAC still missing.
 * wire_seal() puts in sequence number and MAC. Return the length, 0: too long.
 * wire_put_raft(): an APPEND takes entries from @r's log, from m->index + 1 on.
 */
u32 wire_put_raft(u8 *buf, u32 cap, const struct raft_msg *m,
		  const struct raft *r, u64 cluster);
u32 wire_put_hello(u8 *buf, u32 cap, const struct wire_hello *h);
u32 wire_put_promise(u8 *buf, u32 cap, u8 type, const struct wire_promise *p,
		     struct raft_id from);
u32 wire_put_renew(u8 *buf, u32 cap, u8 type, const struct wire_renew *r,
		   struct raft_id from, u64 cluster);
/* Forwards are built in place: begin, add until false, finish. */
u32 wire_forward_begin(u8 *buf, u32 cap, struct raft_id from, u64 cluster);
u32 wire_forward_add(u8 *buf, u32 cap, u32 at, const u8 *cmd, u16 len);
void wire_seal(u8 *buf, u32 len, u64 sequence, const siphash_key_t *key);

/* ------------------------------------------------------------------ keys */

enum { WIRE_CLUSTER_KEY = 32 };	/* bytes of a cluster key */

/* Keyed BLAKE2s (RFC 7693), 16 bytes out; the driver supplies it. */
void wire_blake2s(u8 out[16], const u8 *in, size_t len,
		  const u8 key[WIRE_CLUSTER_KEY]);

/* The key under which @from signs what it sends to @to. */
void wire_pair_key(siphash_key_t *k, const u8 key[WIRE_CLUSTER_KEY],
		   struct raft_id from, struct wire_boot from_boot,
		   struct raft_id to, struct wire_boot to_boot);
/* The key under which hellos are signed. */
void wire_hello_key(siphash_key_t *k, const u8 key[WIRE_CLUSTER_KEY]);

/*
 * A ring of words, one bit a number: a power of two of them, so that no shift
 * and no division is needed, and more than the window, so that a word is
 * cleared before its turn comes again.
 */
enum { WIRE_WINDOW_WORDS = 2 * WIRE_WINDOW_BITS / 64 };

/**
 * struct wire_window - sequence numbers seen under one key (RFC 6479)
 * @newest: highest seen
 * @bits: number s is bit s % 64 of word s / 64 % WIRE_WINDOW_WORDS
 */
struct wire_window {
	u64 newest;
	u64 bits[WIRE_WINDOW_WORDS];
};

void wire_window_init(struct wire_window *w);
/* Is @seq new? Marks it. Call only for what verified. */
bool wire_window_take(struct wire_window *w, u64 seq);

/* ----------------------------------------------------------------- peers */

enum wire_peer_state {
	WIRE_PEER_UNKNOWN,	/* no boot of it known */
	WIRE_PEER_KNOWN,	/* keys stand */
};

/**
 * struct wire_past - an incarnation's boot as remembered from before the start
 * @node: whose
 * @boot: the newest that was adopted
 * @term: as struct wire_peer's had_term
 * @index: as its had_index
 */
struct wire_past {
	struct raft_id node;
	struct wire_boot boot;
	u64 term;
	u64 index;
};

/**
 * struct wire_self - what a node says of itself in hellos
 * @hello: .node, .boot, .cluster, .member, .formed, .want, .durable_*,
 *	versions and name; the driver keeps them true
 * @hello_key: of each cluster key
 * @key: cluster keys, current first
 * @n_keys: 1 or 2
 * @boot_nonce: nonces of the last starts of this incarnation: of start c at
 *	c mod WIRE_BOOTS; 0: not known. That of the present one among them.
 * @past: what is remembered of others (in storage), or NULL. At least as it was
 *	at the start; what the driver adds later serves a peer that was reset
 * @n_past: how many
 */
struct wire_self {
	struct wire_hello hello;
	siphash_key_t hello_key[WIRE_KEYS];
	u8 key[WIRE_KEYS][WIRE_CLUSTER_KEY];
	u8 n_keys;
	u64 boot_nonce[WIRE_BOOTS];
	const struct wire_past *past;
	u32 n_past;
};

/**
 * struct wire_peer - the other end, as far as the wire knows it
 * @state: enum wire_peer_state
 * @node: its incarnation, once known
 * @boot: its boot, once known
 * @challenge: our challenge to it that waits for an echo; 0: none
 * @challenge_at: when it was made (ns)
 * @hello_at: when we last sent it a hello
 * @heard_at: when it last sent anything authentic under the pair's key
 * @owes: challenge of its hello that we have to echo; 0: none
 * @asked: boot counter that the same hello asked for; 0: none
 * @ask: boot counter that our outstanding challenge asked it for; 0: none
 * @heir: another incarnation that said hello in the place of the one known, and
 *	has not proved it; RAFT_NOBODY: none. Our hellos speak to it
 * @had_term: of the last entry that it is known to have acknowledged *and* that
 *	is committed; the driver keeps it true; with @had_index
 * @had_index: that entry; 0: none known. Compared as logs are (paper 5.4.1): a
 *	hello of a new boot whose durable end is older, and which is not in
 *	doubt, comes from a storage that was rolled back. (An entry that is not
 *	committed may go rightly, and for one of an earlier term.) Adopting sets
 *	it: for another incarnation to what @past says, for doubt to nothing.
 * @accuse: the last hello came from the boot below: our hellos say so
 * @accused: incarnation that last proved to be rolled back
 * @accused_boot: in which boot
 * @answered: challenge that we echoed last; 0: none
 * @answered_at: when
 * @doubt: a hello named another boot than the one adopted, or another standing
 *	(cluster, member, formed, want), and has not proved it yet
 * @rx: key of what it sends us, for each cluster key
 * @tx: key of what we send it
 * @tx_sequence: last used; begins at the time of adoption in ns, so that it
 *	stays ahead when the same two boots meet a second time
 * @window: what was seen under @rx
 * @hello: its last adopted hello (cluster, member, want, versions, name)
 */
struct wire_peer {
	u8 state;
	bool doubt;
	struct raft_id node;
	struct wire_boot boot;
	u64 challenge;
	u64 challenge_at;
	u64 hello_at;
	u64 heard_at;
	u64 owes;
	u64 asked;
	u64 ask;
	struct raft_id heir;
	u64 had_term;
	u64 had_index;
	bool accuse;
	struct raft_id accused;
	struct wire_boot accused_boot;
	u64 answered;
	u64 answered_at;
	siphash_key_t rx[WIRE_KEYS];
	siphash_key_t tx;
	u64 tx_sequence;
	struct wire_window window;
	struct wire_hello hello;
};

/* What a hello did. */
enum wire_hello_result {
	WIRE_HELLO_NOTHING,	/* nothing to send, no new keys */
	WIRE_HELLO_ANSWER,	/* send it a hello (wire_hello_make()) */
	WIRE_HELLO_ADOPTED = 2,	/* keys are new; flag, may come with ANSWER */
	WIRE_HELLO_ACCUSED = 4,	/* proven: the peer remembers of us what we do not
				 * have: our storage was rolled back
				 */
};

/*
 * A hello that proves nothing may be a replay: each peer's are answered no more
 * often than this (ns). Repeat hellos at longer intervals.
 */
enum { WIRE_ANSWER_GAP = 5000000 };

/*
 * Make the hello for @p. @random: fresh nonzero number, used as the challenge if
 * none is outstanding or the outstanding one is older than @fresh_ns.
 */
void wire_hello_make(const struct wire_self *s, struct wire_peer *p, u64 now,
		     u64 random, u64 fresh_ns, struct wire_hello *out);
/*
 * A verified hello @h concerns @p (found by name, by incarnation, or a slot of
 * the pool). The peer's boot is adopted only if @h echoes our outstanding
 * challenge and that is younger than @fresh_ns; until then what stands stays.
 * A known incarnation heard within @alive_ns is not displaced by another one of
 * the same name, and storage never goes back: *drop says WIRE_HELLO_REFUSED,
 * with WIRE_HELLO_ANSWER if the peer is to be told that it was rolled back. An
 * echo that is stale with no challenge in it: WIRE_HELLO_STALE. Returns flags of
 * enum wire_hello_result. After WIRE_HELLO_ADOPTED the answer may wait until the
 * boot is durable: what is owed is kept for wire_hello_make().
 */
unsigned int wire_hello_take(const struct wire_self *s, struct wire_peer *p,
			     u64 now, u64 fresh_ns, u64 alive_ns,
			     const struct wire_hello *h, enum wire_drop *drop);
/* Forget its boot and keys (a pool slot given up, a peer that is gone). */
void wire_peer_reset(struct wire_peer *p);

#endif
