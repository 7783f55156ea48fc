// SPDX-License-Identifier: GPL-2.0
/*
 * The gate: every way in which a datagram can be wrong, each one step away from
 * a datagram that is right.
 */
#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/module.h>
#include "wire_sample.h"

/* Offsets from the start of a datagram. */
#define HEAD(f) offsetof(struct wire_header, f)
#define RAFT(f) (WIRE_HEADER + offsetof(struct wire_raft_head, f))
#define FIELD(n) (WIRE_HEADER + (u32)sizeof(struct wire_raft_head) + 8 * (n))
#define ENTRY(n) (WIRE_HEADER + (u32)WIRE_APPEND_BYTES + (n))
#define CHUNK(n) (WIRE_HEADER + (u32)WIRE_SNAPSHOT_BYTES + (n))
#define HELLO(f) (WIRE_HEADER + offsetof(struct wire_hello_bytes, f))
#define NAME(n) (WIRE_HEADER + (u32)sizeof(struct wire_hello_bytes) + (n))
#define PROMISE(f) (WIRE_HEADER + offsetof(struct wire_promise_bytes, f))
#define RENEW(f) (WIRE_HEADER + offsetof(struct wire_renew_bytes, f))
#define FORWARD(n) (WIRE_HEADER + (n))

/*
 * The entries of S_APPEND, by offset from the first: {8, "first"} with its
 * term, {8, "2"} without, {9, no-op} with, {9, configuration} without.
 */
enum { E0 = 0, E1 = 4 + 8 + 5, E2 = E1 + 4 + 1, E3 = E2 + 4 + 8 };

/**
 * struct wrong - one step away from right
 * @name: what is wrong
 * @sample: what it would be
 * @at: bytes to overwrite
 * @size: how many of them; 0: none
 * @value: with what, little-endian
 * @grow: bytes added behind (zeros) or, if negative, cut off there
 */
struct wrong {
	const char *name;
	u8 sample;
	u16 at;
	u8 size;
	u64 value;
	s16 grow;
};

static const struct wrong wrongs[] = {
	/* header */
	{ "a type that nobody knows", S_READ, HEAD(type), 1, 8 },
	{ "a renewal of a type that nobody knows", S_RENEW, HEAD(type), 1, 8 },
	{ "type zero", S_READ, HEAD(type), 1, 0 },
	{ "a flag in the header", S_READ, HEAD(flags), 1, 1 },
	{ "dirt in the header", S_READ, HEAD(zero), 1, 1 },
	{ "a header from another sender than the key's", S_READ, HEAD(from), 8,
	  1 },
	{ "a header from another sender, renewal", S_RENEW, HEAD(from), 8, 1 },
	{ "a header from another sender, promise", S_PROMISE, HEAD(from), 8, 1 },
	{ "a header from another sender, hello", S_HELLO, HEAD(from), 8, 1 },
	{ "a header of another cluster, hello", S_HELLO, HEAD(cluster), 8, 1 },
	{ "a header of another cluster, promise", S_PROMISE, HEAD(cluster), 8,
	  1 },
	/* every Raft message */
	{ "no payload at all", S_READ, .grow = -24 },
	{ "a Raft head cut short", S_READ, .grow = -9 },
	{ "a Raft type that nobody knows", S_READ, RAFT(type), 1, 12 },
	{ "Raft type zero", S_READ, RAFT(type), 1, 0 },
	{ "the largest Raft type", S_READ, RAFT(type), 1, 255 },
	{ "a Raft flag that nobody knows", S_VOTE_REPLY, RAFT(flags), 1, 32 },
	{ "an append in doubt", S_APPEND, RAFT(flags), 1, RAFT_MSG_DOUBT },
	{ "an ack in doubt", S_APPEND_REPLY, RAFT(flags), 1,
	  RAFT_MSG_REJECT | RAFT_MSG_DOUBT },
	{ "a vote that differs", S_VOTE, RAFT(flags), 1, RAFT_MSG_DIFFERS },
	{ "a snapshot's reply that differs", S_SNAPSHOT_REPLY, RAFT(flags), 1,
	  RAFT_MSG_DIFFERS },
	{ "an ack that differs with a refusal's hints", S_APPEND_REPLY,
	  RAFT(flags), 1, RAFT_MSG_DIFFERS },
	{ "a prevote that rejects", S_PREVOTE, RAFT(flags), 1,
	  RAFT_MSG_REJECT },
	{ "a vote that is the last", S_VOTE, RAFT(flags), 1, RAFT_MSG_LAST },
	{ "an append that rejects", S_APPEND, RAFT(flags), 1, RAFT_MSG_REJECT },
	{ "an append's reply for a transfer", S_APPEND_REPLY, RAFT(flags), 1,
	  RAFT_MSG_TRANSFER },
	{ "a snapshot that rejects", S_SNAPSHOT, RAFT(flags), 1,
	  RAFT_MSG_REJECT },
	{ "a snapshot's reply that rejects", S_SNAPSHOT_REPLY, RAFT(flags), 1,
	  RAFT_MSG_REJECT },
	{ "a read's reply that rejects", S_READ_REPLY, RAFT(flags), 1,
	  RAFT_MSG_REJECT },
	{ "a read with a flag", S_READ, RAFT(flags), 1, RAFT_MSG_REJECT },
	{ "an ack with a refusal's hints", S_APPEND_REPLY, RAFT(flags), 1, 0 },
	{ "a refusal without its hints", S_APPEND_REPLY, .grow = -16 },
	{ "a vote in term zero", S_VOTE, RAFT(term), 8, 0 },
	{ "an append in term zero", S_APPEND, RAFT(term), 8, 0 },
	{ "a snapshot in term zero", S_SNAPSHOT, RAFT(term), 8, 0 },
	{ "a vote with a count", S_VOTE, RAFT(count), 2, 1 },
	{ "a vote with a length", S_VOTE, RAFT(len), 4, 1 },
	{ "an append with a length", S_APPEND, RAFT(len), 4, 1 },
	{ "a field cut short", S_VOTE, .grow = -1 },
	{ "a byte behind the last field", S_VOTE, .grow = 1 },
	/* terms and indexes */
	{ "a vote with an index and no term of it", S_VOTE, FIELD(1), 8, 0 },
	{ "a vote with a term of no index", S_VOTE, FIELD(0), 8, 0 },
	{ "a vote whose log is ahead of its term", S_VOTE, FIELD(1), 8, 10 },
	{ "an append with an index and no term of it", S_APPEND, FIELD(1), 8,
	  0 },
	{ "an append with a term of no index", S_APPEND, FIELD(0), 8, 0 },
	{ "an append whose log is ahead of its term", S_APPEND, FIELD(1), 8,
	  10 },
	{ "an append that wraps around the last index", S_APPEND, FIELD(0), 8,
	  ~0ULL - 3 },
	/* entries */
	{ "fewer entries than counted", S_APPEND, RAFT(count), 2, 5 },
	{ "more entries than counted", S_APPEND, RAFT(count), 2, 3 },
	{ "no entry counted and some there", S_APPEND, RAFT(count), 2, 0 },
	{ "more entries than a batch", S_APPEND, RAFT(count), 2,
	  RAFT_BATCH_MAX + 1 },
	{ "65535 entries", S_APPEND, RAFT(count), 2, 65535 },
	{ "the last entry cut short", S_APPEND, .grow = -1 },
	{ "the last entry without bytes", S_APPEND, .grow = -36 },
	{ "the last entry's head cut short", S_APPEND, .grow = -38 },
	{ "the term of the last entry cut short", S_APPEND, ENTRY(E2 + 3), 1, 1,
	  -40 - 1 },
	{ "a byte behind the last entry", S_APPEND, .grow = 1 },
	{ "an entry longer than the datagram", S_APPEND, ENTRY(E0), 2, 65535 },
	{ "an entry that eats the next one's head", S_APPEND, ENTRY(E0), 2, 6 },
	{ "an entry of unknown kind", S_APPEND, ENTRY(E0 + 2), 1, 4 },
	{ "an entry of kind zero", S_APPEND, ENTRY(E0 + 2), 1, 0 },
	{ "an entry with an unknown flag", S_APPEND, ENTRY(E0 + 3), 1, 3 },
	{ "an entry of term zero", S_APPEND, ENTRY(E0 + 4), 8, 0 },
	{ "an entry of a term below the one before", S_APPEND, ENTRY(E0 + 4), 8,
	  7 },
	{ "an entry of a term above the leader's", S_APPEND, ENTRY(E2 + 4), 8,
	  10 },
	{ "a term spelt out that is implied", S_APPEND, ENTRY(E2 + 4), 8, 8 },
	{ "a no-op with bytes", S_APPEND, ENTRY(E1 + 2), 1, RAFT_NOOP },
	{ "members that are none", S_APPEND, ENTRY(E1 + 2), 1, RAFT_MEMBERS },
	{ "members without a voter", S_APPEND, ENTRY(E3 + 4 + 1), 1, 0 },
	{ "more voters than members", S_APPEND, ENTRY(E3 + 4 + 1), 1, 3 },
	{ "members with dirt", S_APPEND, ENTRY(E3 + 4 + 2), 1, 1 },
	/* snapshots */
	{ "a snapshot at index zero", S_SNAPSHOT, FIELD(0), 8, 0 },
	{ "a snapshot in no term", S_SNAPSHOT, FIELD(1), 8, 0 },
	{ "a snapshot ahead of its leader's term", S_SNAPSHOT, FIELD(1), 8, 10 },
	{ "a chunk that ends behind the whole", S_SNAPSHOT, FIELD(4), 8, 54 },
	{ "a chunk that begins behind the whole", S_SNAPSHOT, FIELD(3), 8, 56 },
	{ "a chunk whose end wraps around", S_SNAPSHOT, FIELD(3), 8, ~0ULL - 2 },
	{ "a chunk longer than the datagram", S_SNAPSHOT, RAFT(len), 4, 6 },
	{ "a chunk shorter than the datagram", S_SNAPSHOT, RAFT(len), 4, 4 },
	{ "a chunk of 4 GiB", S_SNAPSHOT, RAFT(len), 4, ~0U },
	{ "a configuration longer than the datagram", S_SNAPSHOT, RAFT(count),
	  2, 65535 },
	{ "a configuration cut short", S_SNAPSHOT, RAFT(count), 2, 35 },
	{ "no configuration", S_SNAPSHOT, RAFT(count), 2, 0 },
	{ "a configuration of none", S_SNAPSHOT, CHUNK(0), 1, 0 },
	{ "a configuration of more than there are", S_SNAPSHOT, CHUNK(0), 1, 3 },
	{ "a configuration of too many", S_SNAPSHOT, CHUNK(0), 1, 17 },
	{ "a configuration without voters", S_SNAPSHOT, CHUNK(1), 1, 0 },
	{ "a configuration with dirt", S_SNAPSHOT, CHUNK(2), 2, 1 },
	/* hellos */
	{ "a hello cut short", S_HELLO, .grow = -4 },
	{ "a hello whose name is cut short", S_HELLO, .grow = -1 },
	{ "a byte behind the name", S_HELLO, .grow = 1 },
	{ "a hello of nobody", S_HELLO, HELLO(node), 8, 0 },
	{ "a boot counter of zero", S_HELLO, HELLO(boot_counter), 8, 0 },
	{ "a boot nonce of zero", S_HELLO, HELLO(boot_nonce), 8, 0 },
	{ "a hello to half an incarnation", S_HELLO, HELLO(to), 8, 0 },
	{ "half a cluster id", S_HELLO, HELLO(cluster), 8, 0 },
	{ "a flag that nobody knows", S_HELLO, HELLO(flags), 1, 32 },
	{ "dirt in a hello", S_HELLO, HELLO(zero), 2, 0x100 },
	{ "a lowest wire version of zero", S_HELLO, HELLO(wire_min), 1, 0 },
	{ "wire versions the wrong way round", S_HELLO, HELLO(wire_min), 1, 2 },
	{ "a lowest state machine version of zero", S_HELLO, HELLO(fsm_min), 1,
	  0 },
	{ "state machine versions the wrong way round", S_HELLO, HELLO(fsm_min),
	  1, 3 },
	{ "no name", S_HELLO, HELLO(name_len), 1, 0, -3 },
	{ "a name of 64 bytes", S_HELLO, HELLO(name_len), 1, 64, 61 },
	{ "a name with a NUL", S_HELLO, NAME(1), 1, 0 },
	{ "a name with a line feed", S_HELLO, NAME(1), 1, '\n' },
	{ "a name with DEL", S_HELLO, NAME(1), 1, 127 },
	{ "a name that is no UTF-8", S_HELLO, NAME(1), 1, 0xff },
	{ "a name with an overlong form", S_HELLO, NAME(1), 2, 0xafc0 },
	{ "a name with a surrogate", S_HELLO, NAME(0), 3, 0x80a0ed },
	{ "a name that ends in the middle of a character", S_HELLO, NAME(2), 1,
	  0xc3 },
	{ "a name with a C1 control character", S_HELLO, NAME(1), 2, 0x85c2 },
	/* promises */
	{ "a promise cut short", S_PROMISE, .grow = -4 },
	{ "a byte behind the coordinator's name", S_PROMISE, .grow = 1 },
	{ "a promise that is more than released", S_PROMISE, PROMISE(release), 1,
	  2 },
	{ "a promise with a status", S_PROMISE, PROMISE(status), 1, 1 },
	{ "a promise with dirt", S_PROMISE, PROMISE(zero), 1, 1 },
	{ "a promise with room", S_PROMISE, PROMISE(objects), 4, 1 << 24 },
	{ "a promise to half a cluster", S_PROMISE, PROMISE(cluster), 8, 0 },
	{ "a promise to half a coordinator", S_PROMISE, PROMISE(coordinator), 8,
	  0 },
	{ "a promise to a coordinator without a name", S_PROMISE,
	  PROMISE(name_len), 1, 0, -3 },
	{ "a coordinator's name with a NUL", S_PROMISE, WIRE_HEADER + 40, 1, 0 },
	{ "a reply that releases", S_PROMISE_REPLY, PROMISE(release), 1, 1 },
	{ "a reply with a status that nobody knows", S_PROMISE_REPLY,
	  PROMISE(status), 1, 3 },
	{ "a reply with dirt", S_PROMISE_REPLY, PROMISE(zero), 1, 1 },
	/* renewals */
	{ "a renewal of no session", S_RENEW, RENEW(session), 8, 0 },
	{ "a renewal without number", S_RENEW, RENEW(id), 8, 0 },
	{ "a renewal cut short", S_RENEW, .grow = -1 },
	{ "half a renewal", S_RENEW, .grow = -8 },
	{ "a renewal of nothing", S_RENEW, .grow = -16 },
	{ "a byte behind a renewal", S_RENEW, .grow = 1 },
	{ "a second renewal behind the first", S_RENEW, .grow = 16 },
	{ "an acknowledgment of no session", S_RENEWED, RENEW(session), 8, 0 },
	{ "an acknowledgment without number", S_RENEWED, RENEW(id), 8, 0 },
	{ "an acknowledgment cut short", S_RENEWED, .grow = -1 },
	{ "a byte behind an acknowledgment", S_RENEWED, .grow = 1 },
};

static u32 spoil(const struct wrong *w, u8 *buf, u32 cap)
{
	u32 len = sample_encode(w->sample, buf, cap);
	unsigned int i;

	for (i = 0; i < w->size; i++)
		buf[w->at + i] = w->value >> 8 * i;
	if (w->grow > 0)
		memset(buf + len, 0, w->grow);
	return len + w->grow;
}

/* Decode from an allocation of just @len bytes: a read too far is noticed. */
static enum wire_drop decode_tight(struct kunit *test, const u8 *buf, u32 len,
				   struct wire_msg *m)
{
	u8 *tight = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, tight);
	memcpy(tight, buf, len);
	return wire_decode(tight, len, ID_A, ID_B, m);
}

static void each_way_to_be_wrong_is_refused(struct kunit *test)
{
	struct wire_msg *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	enum wire_drop drop;
	u8 buf[512];
	unsigned int i;
	u32 len;

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (i = 0; i < ARRAY_SIZE(wrongs); i++) {
		const struct wrong *w = &wrongs[i];

		len = sample_encode(w->sample, buf, sizeof(buf));
		drop = decode_tight(test, buf, len, m);
		KUNIT_EXPECT_TRUE_MSG(test, drop == WIRE_OK, "right: %s",
				      w->name);
		len = spoil(w, buf, sizeof(buf));
		drop = decode_tight(test, buf, len, m);
		KUNIT_EXPECT_TRUE_MSG(test, drop == WIRE_MALFORMED, "%s",
				      w->name);
	}
}

static void a_member_is_somebody_and_only_once(struct kunit *test)
{
	const struct raft_id others[] = { ID_A, RAFT_NOBODY };
	struct wire_msg *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	enum wire_drop drop;
	unsigned int i;
	u8 buf[512];
	u32 len;

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		struct wire_id_bytes b = wire_id_bytes(others[i]);

		len = sample_encode(S_SNAPSHOT, buf, sizeof(buf));
		memcpy(buf + CHUNK(4 + 16), &b, sizeof(b));
		drop = decode_tight(test, buf, len, m);
		KUNIT_EXPECT_EQ(test, (int)drop, (int)WIRE_MALFORMED);

		len = sample_encode(S_APPEND, buf, sizeof(buf));
		memcpy(buf + ENTRY(E3 + 4 + 4 + 16), &b, sizeof(b));
		drop = decode_tight(test, buf, len, m);
		KUNIT_EXPECT_EQ(test, (int)drop, (int)WIRE_MALFORMED);
	}
}

/* One more of each than may be, in a datagram that has room for it. */
static void nothing_is_larger_than_its_limit(struct kunit *test)
{
	enum { CAP = 4096 };
	static u8 zeros[RAFT_ENTRY_MAX + 1];
	static struct raft_entry e[RAFT_BATCH_MAX + 1];
	struct wire_msg *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	u8 *buf = kunit_kzalloc(test, CAP, GFP_KERNEL);
	enum wire_drop drop;
	struct raft_msg r;
	unsigned int i, more;
	u32 len[3];

	KUNIT_ASSERT_NOT_NULL(test, m);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (more = 0; more < 2; more++) {
		enum wire_drop want = more ? WIRE_MALFORMED : WIRE_OK;

		sample_raft(RAFT_APPEND, &r);
		r.entries = e;
		for (i = 0; i <= RAFT_BATCH_MAX; i++)
			e[i] = (struct raft_entry){ .term = 9,
						    .kind = RAFT_NOOP };
		r.n_entries = RAFT_BATCH_MAX + more;
		len[0] = wire_put_raft(buf, CAP, &r, NULL, ID_C.hi);
		drop = decode_tight(test, buf, len[0], m);
		KUNIT_EXPECT_EQ(test, (int)drop, (int)want);

		r.n_entries = 1;
		e[0] = (struct raft_entry){ .term = 9, .kind = RAFT_COMMAND,
					    .data = zeros };
		e[0].len = RAFT_ENTRY_MAX + more;
		len[1] = wire_put_raft(buf, CAP, &r, NULL, ID_C.hi);
		drop = decode_tight(test, buf, len[1], m);
		KUNIT_EXPECT_EQ(test, (int)drop, (int)want);

		sample_raft(RAFT_SNAPSHOT, &r);
		r.data = zeros;
		r.len = RAFT_CHUNK_MAX + more;
		r.hint_term = 4 * RAFT_CHUNK_MAX;
		len[2] = wire_put_raft(buf, CAP, &r, NULL, ID_C.hi);
		drop = decode_tight(test, buf, len[2], m);
		KUNIT_EXPECT_EQ(test, (int)drop, (int)want);
		KUNIT_EXPECT_TRUE(test, len[0] && len[1] && len[2]);
	}
}

static void no_prefix_of_a_message_is_a_message(struct kunit *test)
{
	struct wire_msg *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	enum wire_drop drop;
	enum sample s;
	u8 buf[512];
	u32 len;

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (s = 1; s < SAMPLES; s++) {
		len = sample_encode(s, buf, sizeof(buf));
		while (len-- > WIRE_HEADER) {
			drop = decode_tight(test, buf, len, m);
			KUNIT_EXPECT_TRUE_MSG(test, drop == WIRE_MALFORMED,
					      "sample %d, %u bytes", s, len);
		}
	}
}

struct wrong_header {
	const char *name;
	u16 at;
	u8 size;
	u64 value;
	s16 grow;
	enum wire_drop want;
};

static const struct wrong_header wrong_headers[] = {
	{ "nothing wrong", 0, 0, 0, 0, WIRE_OK },
	{ "magic of something else", HEAD(magic), 2, 0x5ec0, 0, WIRE_MAGIC },
	{ "zeros", HEAD(magic), 8, 0, 0, WIRE_MAGIC },
	{ "a version to come", HEAD(version), 1, WIRE_VERSION + 1, 0,
	  WIRE_VERSION_UNKNOWN },
	{ "version zero", HEAD(version), 1, 0, 0, WIRE_VERSION_UNKNOWN },
	{ "a version to come, of another length", HEAD(version), 1,
	  WIRE_VERSION + 1, 5, WIRE_VERSION_UNKNOWN },
	{ "a length that is too short", HEAD(length), 2, 23, 0, WIRE_SHORT },
	{ "a length that is too long", HEAD(length), 2, 25, 0, WIRE_SHORT },
	{ "a length of 65535", HEAD(length), 2, 65535, 0, WIRE_SHORT },
	{ "a datagram cut short", 0, 0, 0, -1, WIRE_SHORT },
	{ "a datagram with a byte too many", 0, 0, 0, 1, WIRE_SHORT },
	{ "a header cut short", 0, 0, 0, -25, WIRE_SHORT },
	{ "an empty datagram", 0, 0, 0, -64, WIRE_SHORT },
};

static void peek_refuses_what_is_not_ours(struct kunit *test)
{
	struct wire_peek p;
	enum wire_drop drop;
	u8 buf[128] = { 0 };
	unsigned int i, j;
	u32 len;

	for (i = 0; i < ARRAY_SIZE(wrong_headers); i++) {
		const struct wrong_header *w = &wrong_headers[i];

		len = sample_encode(S_READ, buf, sizeof(buf));
		KUNIT_ASSERT_EQ(test, len, 64);
		for (j = 0; j < w->size; j++)
			buf[w->at + j] = w->value >> 8 * j;
		drop = wire_peek(buf, len + w->grow, &p);
		KUNIT_EXPECT_TRUE_MSG(test, drop == w->want, "%s: %d", w->name,
				      drop);
	}
}

/* A forward of two good commands, then one byte of it changed. */
struct wrong_forward {
	const char *name;
	u16 at;
	u8 size;
	u64 value;
	s16 grow;
};

static const struct wrong_forward wrong_forwards[] = {
	{ "a header from another sender than the key's", HEAD(from), 8, 1 },
	{ "no command counted", FORWARD(0), 2, 0 },
	{ "no command there", FORWARD(0), 2, 0, -1000 },
	{ "a command too many counted", FORWARD(0), 2, 3 },
	{ "a command too few counted", FORWARD(0), 2, 1 },
	{ "more commands than a forward holds", FORWARD(0), 2,
	  WIRE_FORWARD_MAX + 1 },
	{ "dirt behind the number", FORWARD(2), 2, 1 },
	{ "a command longer than the datagram", FORWARD(4), 2, 65535 },
	{ "a command that eats the next one's length", FORWARD(4), 2, 0, 0 },
	{ "an operation that nobody knows", FORWARD(6), 1, 200 },
	{ "the last command cut short", 0, 0, 0, -1 },
	{ "a byte behind the last command", 0, 0, 0, 1 },
};

static void forwards_hold_commands_and_nothing_else(struct kunit *test)
{
	struct wire_msg *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	struct fsm_command c = {
		.op = FSM_COUNTER_ADD, .session = 7, .seq = 9, .low = 8,
		.handle = 3, .arg = 1, .name = "orders", .name_len = 6,
	};
	u8 buf[512] = { 0 }, cmd[FSM_COMMAND_MAX];
	u16 n = fsm_encode(&c, cmd);
	enum wire_drop drop;
	unsigned int i, j;
	u32 len, cut;

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (i = 0; i < ARRAY_SIZE(wrong_forwards); i++) {
		const struct wrong_forward *w = &wrong_forwards[i];

		len = wire_forward_begin(buf, sizeof(buf), ID_A, ID_C.hi);
		len = wire_forward_add(buf, sizeof(buf), len, cmd, n);
		len = wire_forward_add(buf, sizeof(buf), len, cmd, n);
		drop = decode_tight(test, buf, len, m);
		KUNIT_ASSERT_EQ(test, (int)drop, (int)WIRE_OK);
		for (j = 0; j < w->size; j++)
			buf[w->at + j] = w->value >> 8 * j;
		cut = w->grow == -1000 ? WIRE_HEADER + 4 : len + w->grow;
		drop = decode_tight(test, buf, cut, m);
		KUNIT_EXPECT_TRUE_MSG(test, drop == WIRE_MALFORMED, "%s",
				      w->name);
	}
}

/* What looks odd and is right. */
static void the_gate_is_not_narrower_than_it_must_be(struct kunit *test)
{
	static const struct wrong rights[] = {
		{ "a prevote's reply from term zero", S_PREVOTE_REPLY,
		  RAFT(term), 8, 0 },
		{ "a commit index behind the log", S_APPEND, FIELD(2), 8,
		  ~0ULL },
		{ "an append up to the last index", S_APPEND, FIELD(0), 8,
		  ~0ULL - 4 },
		{ "a hello to one whose second half is zero", S_HELLO,
		  HELLO(to.lo), 8, 0 },
		{ "a reply that does not know the coordinator's name",
		  S_PROMISE_REPLY, PROMISE(name_len), 1, 0, -3 },
		{ "a name of one letter beyond ASCII", S_HELLO, NAME(0), 3,
		  0xac82e2 },
	};
	struct wire_msg *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	enum wire_drop drop;
	unsigned int i;
	u8 buf[512];
	u32 len;

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (i = 0; i < ARRAY_SIZE(rights); i++) {
		len = spoil(&rights[i], buf, sizeof(buf));
		drop = decode_tight(test, buf, len, m);
		KUNIT_EXPECT_TRUE_MSG(test, drop == WIRE_OK, "%s",
				      rights[i].name);
	}
}

static struct kunit_case gate_cases[] = {
	KUNIT_CASE(peek_refuses_what_is_not_ours),
	KUNIT_CASE(each_way_to_be_wrong_is_refused),
	KUNIT_CASE(a_member_is_somebody_and_only_once),
	KUNIT_CASE(nothing_is_larger_than_its_limit),
	KUNIT_CASE(no_prefix_of_a_message_is_a_message),
	KUNIT_CASE(forwards_hold_commands_and_nothing_else),
	KUNIT_CASE(the_gate_is_not_narrower_than_it_must_be),
	{}
};

static struct kunit_suite gate_suite = {
	.name = "wire-gate",
	.test_cases = gate_cases,
};

kunit_test_suite(gate_suite);

MODULE_LICENSE("GPL");
