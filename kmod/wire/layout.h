/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What lies where in a datagram. Private to kmod/wire.
 *
 *	header		struct wire_header
 *	HELLO		struct wire_hello_bytes, name
 *	RAFT		struct wire_raft_head, the fields of its shape (8 bytes
 *			each, in the order of enum wire_raft_field), then
 *			APPEND: entries; SNAPSHOT: configuration, chunk
 *	FORWARD		struct wire_forward_head, commands, each behind its
 *			__le16 length
 *	PROMISE and its	struct wire_promise_bytes, name
 *	reply
 *	RENEW, RENEWED	struct wire_renew_bytes
 *
 * Fixed parts are naturally aligned from the start of the datagram on. What
 * follows an entry's or a command's bytes is not, to keep datagrams short; so
 * everything is read by copying, never through a cast pointer (and a datagram
 * itself may begin at any address).
 *
 * Each message has exactly one encoding: what decode() accepts is what encode
 * writes, byte for byte.
 */
#ifndef CNS_WIRE_LAYOUT_H
#define CNS_WIRE_LAYOUT_H

#include <linux/build_bug.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <asm/byteorder.h>
#include "wire.h"

enum { WIRE_MAGIC_BYTES = 0xc05e };

/**
 * struct wire_header - the start of every datagram
 * @mac: SipHash-2-4 of everything behind it; first, so that the rest is one
 *	contiguous run which is hashed where it lies
 * @magic: WIRE_MAGIC_BYTES; this and @version stay where they are for ever
 * @version: of the format of everything else
 * @type: enum wire_type
 * @length: bytes behind the header
 * @flags: none defined; zero
 * @zero: zero
 * @from: first half of the sender's incarnation
 * @cluster: first half of the cluster id, 0: none
 * @sequence: under one key, never used twice by its sender
 */
struct wire_header {
	__le64 mac;
	__le16 magic;
	u8 version;
	u8 type;
	__le16 length;
	u8 flags;
	u8 zero;
	__le64 from;
	__le64 cluster;
	__le64 sequence;
};

static_assert(sizeof(struct wire_header) == WIRE_HEADER);
static_assert(offsetof(struct wire_header, magic) == 8);
static_assert(offsetof(struct wire_header, length) == 12);
static_assert(offsetof(struct wire_header, from) == 16);
static_assert(offsetof(struct wire_header, sequence) == 32);

struct wire_id_bytes {
	__le64 hi;
	__le64 lo;
};

/* In @flags of a hello. */
enum {
	WIRE_HELLO_MEMBER = 1 << 0,
	WIRE_HELLO_FORMED = 1 << 1,
	WIRE_HELLO_WANT = 1 << 2,
	WIRE_HELLO_DOUBT = 1 << 3,
	WIRE_HELLO_ROLLED_BACK = 1 << 4,
	WIRE_HELLO_FLAGS = WIRE_HELLO_MEMBER | WIRE_HELLO_FORMED |
			   WIRE_HELLO_WANT | WIRE_HELLO_DOUBT |
			   WIRE_HELLO_ROLLED_BACK,
};

/* struct wire_hello, the name behind it. */
struct wire_hello_bytes {
	struct wire_id_bytes node;
	__le64 boot_counter;
	__le64 boot_nonce;
	struct wire_id_bytes to;
	__le64 challenge;
	__le64 echo;
	struct wire_id_bytes cluster;
	__le64 durable_term;
	__le64 durable_index;
	__le64 ask_counter;
	__le64 answer_nonce;
	u8 flags;
	u8 wire_min;
	u8 wire_max;
	u8 fsm_min;
	u8 fsm_max;
	u8 name_len;
	__le16 zero;
};

static_assert(sizeof(struct wire_hello_bytes) == 120);
static_assert(offsetof(struct wire_hello_bytes, challenge) == 48);
static_assert(offsetof(struct wire_hello_bytes, durable_term) == 80);
static_assert(offsetof(struct wire_hello_bytes, flags) == 112);

/**
 * struct wire_raft_head - the part that all Raft messages have
 * @type: enum raft_type
 * @flags: enum raft_msg_flag, those that the type may have
 * @count: APPEND: entries. SNAPSHOT: bytes of the configuration. Else zero
 * @len: SNAPSHOT: bytes of the chunk. Else zero
 * @term: of struct raft_msg
 */
struct wire_raft_head {
	u8 type;
	u8 flags;
	__le16 count;
	__le32 len;
	__le64 term;
};

static_assert(sizeof(struct wire_raft_head) == 16);
static_assert(offsetof(struct wire_raft_head, term) == 8);

/* Members of struct raft_msg that a type may carry, in their order. */
enum wire_raft_field {
	WIRE_F_INDEX = 1 << 0,
	WIRE_F_LOG_TERM = 1 << 1,
	WIRE_F_COMMIT = 1 << 2,
	WIRE_F_ID = 1 << 3,
	WIRE_F_HINT = 1 << 4,
	WIRE_F_HINT_TERM = 1 << 5,
	WIRE_F_CHECKSUM = 1 << 6,
};

/**
 * struct wire_raft_shape - what a Raft message of one type looks like
 * @fields: enum wire_raft_field that are always there
 * @refusal: those that are there if it is marked RAFT_MSG_REJECT
 * @flags: enum raft_msg_flag that it may have
 * @bytes: of @fields
 * @refusal_bytes: of @refusal
 */
struct wire_raft_shape {
	u8 fields;
	u8 refusal;
	u8 flags;
	u8 bytes;
	u8 refusal_bytes;
};

enum { WIRE_RAFT_TYPES = RAFT_READ_REPLY + 1 };
extern const struct wire_raft_shape wire_raft_shapes[WIRE_RAFT_TYPES];

/* The fields of a message of a known @type. */
static inline u8 wire_raft_fields(u8 type, u8 flags)
{
	const struct wire_raft_shape *s = &wire_raft_shapes[type];

	return flags & RAFT_MSG_REJECT ? s->fields | s->refusal : s->fields;
}

/* In @flags of an entry: its term stands behind this; else it is implied. */
enum { WIRE_ENTRY_TERM = 1 << 0 };

/**
 * struct wire_entry_head - before the bytes of each entry of an APPEND
 * @len: of them
 * @kind: enum raft_entry_kind
 * @flags: WIRE_ENTRY_TERM: __le64 term follows, and differs from the implied
 *	one: that of the entry before; for the first, that of the message
 */
struct wire_entry_head {
	__le16 len;
	u8 kind;
	u8 flags;
};

static_assert(sizeof(struct wire_entry_head) == 4);
static_assert(sizeof(struct wire_entry_head) + sizeof(__le64) <=
	      RAFT_ENTRY_COST);

enum {
	WIRE_APPEND_BYTES = sizeof(struct wire_raft_head) + 4 * 8,
	WIRE_SNAPSHOT_BYTES = sizeof(struct wire_raft_head) + 6 * 8,
};

/* The largest of each kind fits the smallest path. */
static_assert(WIRE_HEADER + WIRE_APPEND_BYTES + WIRE_BATCH <= WIRE_PAYLOAD);
static_assert(RAFT_ENTRY_COST + RAFT_ENTRY_MAX <= WIRE_BATCH);
static_assert(WIRE_HEADER + WIRE_SNAPSHOT_BYTES + RAFT_CONFIG_BYTES_MAX +
	      RAFT_CHUNK_MAX <= WIRE_PAYLOAD);
/* A driver keeps small buffers for times without memory (design 5). */
static_assert(WIRE_HEADER + sizeof(struct wire_hello_bytes) + WIRE_NAME_MAX <=
	      256);
static_assert((int)WIRE_NAME_MAX == (int)FSM_NAME_MAX);

struct wire_forward_head {
	__le16 n;
	__le16 zero;
};

static_assert(sizeof(struct wire_forward_head) == 4);
static_assert(WIRE_HEADER + sizeof(struct wire_forward_head) +
	      sizeof(__le16) + FSM_COMMAND_MAX <= WIRE_PAYLOAD);
/* A command becomes an entry, which has to fit where it goes. */
static_assert((int)FSM_COMMAND_MAX <= (int)RAFT_ENTRY_MAX);

/* In @status of a promise's reply: errno values are not the wire's. */
enum {
	WIRE_PROMISED,		/* 0 */
	WIRE_PROMISED_OTHER,	/* -EEXIST */
	WIRE_PROMISE_LATER,	/* -EBUSY */
};

/* struct wire_promise, the name behind it. */
struct wire_promise_bytes {
	struct wire_id_bytes cluster;
	struct wire_id_bytes coordinator;
	u8 release;
	u8 status;
	u8 name_len;
	u8 zero;
	__le32 objects;
};

static_assert(sizeof(struct wire_promise_bytes) == 40);
static_assert(offsetof(struct wire_promise_bytes, release) == 32);
static_assert(offsetof(struct wire_promise_bytes, objects) == 36);

/* struct wire_renew. */
struct wire_renew_bytes {
	__le64 session;
	__le64 id;
};

static_assert(sizeof(struct wire_renew_bytes) == 16);
static_assert(offsetof(struct wire_renew_bytes, id) == 8);

/* Reading and writing at any address, in any byte order of the machine. */
static inline u64 wire_get64(const u8 *p)
{
	__le64 v;

	memcpy(&v, p, sizeof(v));
	return le64_to_cpu(v);
}

static inline u8 *wire_put64(u8 *p, u64 v)
{
	__le64 le = cpu_to_le64(v);

	memcpy(p, &le, sizeof(le));
	return p + sizeof(le);
}

static inline u16 wire_get16(const u8 *p)
{
	__le16 v;

	memcpy(&v, p, sizeof(v));
	return le16_to_cpu(v);
}

static inline u8 *wire_put16(u8 *p, u16 v)
{
	__le16 le = cpu_to_le16(v);

	memcpy(p, &le, sizeof(le));
	return p + sizeof(le);
}

static inline struct raft_id wire_id(const struct wire_id_bytes *b)
{
	return (struct raft_id){ le64_to_cpu(b->hi), le64_to_cpu(b->lo) };
}

static inline struct wire_id_bytes wire_id_bytes(struct raft_id id)
{
	return (struct wire_id_bytes){ cpu_to_le64(id.hi), cpu_to_le64(id.lo) };
}

#endif
