/* SPDX-License-Identifier: GPL-2.0 */
/* One message of each kind, as struct and as bytes, for the wire's suites. */
#ifndef KTEST_WIRE_SAMPLE_H
#define KTEST_WIRE_SAMPLE_H

#include <linux/string.h>
#include "../../kmod/wire/layout.h"

#define ID_A ((struct raft_id){ 0xa1a2a3a4a5a6a7a8ULL, 0xa9aaabacadaeafb0ULL })
#define ID_B ((struct raft_id){ 0xb1b2b3b4b5b6b7b8ULL, 0xb9babbbcbdbebfc0ULL })
#define ID_C ((struct raft_id){ 0xc1c2c3c4c5c6c7c8ULL, 0xc9cacbcccdcecfd0ULL })

/* The Raft messages by their own numbers, then the others. */
enum sample {
	S_PREVOTE = RAFT_PREVOTE,
	S_PREVOTE_REPLY,
	S_VOTE,
	S_VOTE_REPLY,
	S_APPEND,
	S_APPEND_REPLY,
	S_SNAPSHOT,
	S_SNAPSHOT_REPLY,
	S_TIMEOUT_NOW,
	S_READ,
	S_READ_REPLY,
	S_HELLO,
	S_FORWARD,
	S_PROMISE,
	S_PROMISE_REPLY,
	S_RENEW,
	S_RENEWED,
	SAMPLES
};

static const siphash_key_t sample_key = {
	{ 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL }
};

static const struct raft_config sample_config = {
	.n = 2, .n_voters = 1, .member = { ID_A, ID_B },
};

/* sample_config as an entry holds it. */
static const u8 sample_config_bytes[36] = {
	2, 1, 0, 0,
	0xa8, 0xa7, 0xa6, 0xa5, 0xa4, 0xa3, 0xa2, 0xa1,
	0xb0, 0xaf, 0xae, 0xad, 0xac, 0xab, 0xaa, 0xa9,
	0xb8, 0xb7, 0xb6, 0xb5, 0xb4, 0xb3, 0xb2, 0xb1,
	0xc0, 0xbf, 0xbe, 0xbd, 0xbc, 0xbb, 0xba, 0xb9,
};

static const struct raft_entry sample_entries[] = {
	{ .term = 8, .data = (const u8 *)"first", .len = 5,
	  .kind = RAFT_COMMAND },
	{ .term = 8, .data = (const u8 *)"2", .len = 1, .kind = RAFT_COMMAND },
	{ .term = 9, .kind = RAFT_NOOP },
	{ .term = 9, .data = sample_config_bytes,
	  .len = sizeof(sample_config_bytes), .kind = RAFT_MEMBERS },
};

static const u8 sample_flags[] = {
	[RAFT_PREVOTE] = RAFT_MSG_DOUBT,
	[RAFT_PREVOTE_REPLY] = RAFT_MSG_REJECT,
	[RAFT_VOTE] = RAFT_MSG_TRANSFER,
	[RAFT_VOTE_REPLY] = RAFT_MSG_REJECT | RAFT_MSG_DOUBT,
	[RAFT_APPEND_REPLY] = RAFT_MSG_REJECT | RAFT_MSG_DIFFERS,
	[RAFT_SNAPSHOT] = RAFT_MSG_LAST,
	[RAFT_SNAPSHOT_REPLY] = RAFT_MSG_LAST,
	[WIRE_RAFT_TYPES - 1] = 0,
};

/* A message whose fields all differ; those that its type lacks are 0. */
static inline void sample_raft(u8 type, struct raft_msg *m)
{
	u8 has = wire_raft_fields(type, sample_flags[type]);

	*m = (struct raft_msg){
		.type = type,
		.flags = sample_flags[type],
		.from = ID_A,
		.to = ID_B,
		.term = 9,
		.index = has & WIRE_F_INDEX ? 100 : 0,
		.log_term = has & WIRE_F_LOG_TERM ? 8 : 0,
		.commit = has & WIRE_F_COMMIT ? 98 : 0,
		.id = has & WIRE_F_ID ? 0x1001 : 0,
		.hint = has & WIRE_F_HINT ? 50 : 0,
		.hint_term = has & WIRE_F_HINT_TERM ? 7 : 0,
		.checksum = has & WIRE_F_CHECKSUM ? 0xc0ffee0123456789ULL : 0,
	};
	if (type == RAFT_APPEND) {
		m->n_entries = ARRAY_SIZE(sample_entries);
		m->entries = sample_entries;
	}
	if (type == RAFT_SNAPSHOT) {
		m->hint_term = 55;
		m->config = &sample_config;
		m->data = (const u8 *)"chunk";
		m->len = 5;
	}
}

static inline void sample_hello(struct wire_hello *h)
{
	*h = (struct wire_hello){
		.node = ID_A,
		.boot = { 3, 0x3333 },
		.to = ID_B,
		.challenge = 0x4444,
		.echo = 0x5555,
		.cluster = ID_C,
		.member = true,
		.formed = true,
		.want = true,
		.doubt = true,
		.rolled_back = true,
		.durable_term = 6,
		.durable_index = 66,
		.ask_counter = 5,
		.answer_nonce = 0x7777,
		.wire_min = 1, .wire_max = 1,
		.fsm_min = 1, .fsm_max = 2,
		.name_len = 3, .name = "n-1",
	};
}

static inline void sample_promise(u8 type, struct wire_promise *p)
{
	bool reply = type == WIRE_PROMISE_REPLY;

	*p = (struct wire_promise){
		.cluster = ID_C,
		.coordinator = reply ? ID_B : ID_A,
		.status = reply ? -EEXIST : 0,
		.objects = reply ? 0x123456 : 0,
		.name_len = 3,
		.name = "n-1",
	};
	if (reply)
		p->name[2] = '2';
}

static inline void sample_renew(u8 type, struct wire_renew *r)
{
	*r = (struct wire_renew){
		.session = 0x6001,
		.id = type == WIRE_RENEW ? 0x7002 : 0x8003,
	};
}

static inline u32 sample_forward(u8 *buf, u32 cap)
{
	u32 len = wire_forward_begin(buf, cap, ID_A, ID_C.hi);

	if (len)
		len = wire_forward_add(buf, cap, len, (const u8 *)"one", 3);
	if (len)
		len = wire_forward_add(buf, cap, len, (const u8 *)"three", 5);
	return len;
}

/* Sample @s as a datagram, not sealed. 0: longer than @cap. */
static inline u32 sample_encode(enum sample s, u8 *buf, u32 cap)
{
	struct wire_promise promise;
	struct wire_renew renew;
	struct wire_hello hello;
	struct raft_msg raft;
	u8 type;

	switch (s) {
	case S_HELLO:
		sample_hello(&hello);
		return wire_put_hello(buf, cap, &hello);
	case S_FORWARD:
		return sample_forward(buf, cap);
	case S_PROMISE:
	case S_PROMISE_REPLY:
		type = s == S_PROMISE ? WIRE_PROMISE : WIRE_PROMISE_REPLY;
		sample_promise(type, &promise);
		return wire_put_promise(buf, cap, type, &promise, ID_A);
	case S_RENEW:
	case S_RENEWED:
		type = s == S_RENEW ? WIRE_RENEW : WIRE_RENEWED;
		sample_renew(type, &renew);
		return wire_put_renew(buf, cap, type, &renew, ID_A, ID_C.hi);
	default:
		sample_raft(s, &raft);
		return wire_put_raft(buf, cap, &raft, NULL, ID_C.hi);
	}
}

#endif
