// SPDX-License-Identifier: GPL-2.0
/*
 * The wire's codec and signatures: what is written is what layout.h says, what
 * is read is what was written, and whatever was touched on the way is noticed.
 */
#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/module.h>
#include "wire_sample.h"
#include "wire_golden.h"

static u8 nibble(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static u32 unhex(const char *hex, u8 *out)
{
	u32 n;

	for (n = 0; hex[2 * n]; n++)
		out[n] = nibble(hex[2 * n]) << 4 | nibble(hex[2 * n + 1]);
	return n;
}

static void every_message_has_its_golden_bytes(struct kunit *test)
{
	u8 *buf = kunit_kzalloc(test, WIRE_PAYLOAD, GFP_KERNEL);
	u8 *want = kunit_kzalloc(test, WIRE_PAYLOAD, GFP_KERNEL);
	enum sample s;

	KUNIT_ASSERT_TRUE(test, buf && want);
	for (s = 1; s < SAMPLES; s++) {
		u32 len = sample_encode(s, buf, WIRE_PAYLOAD);
		u32 n = unhex(golden[s], want);

		KUNIT_EXPECT_EQ_MSG(test, len, n, "length of sample %d", s);
		if (len)
			wire_seal(buf, len, 7, &sample_key);
		KUNIT_EXPECT_TRUE_MSG(test, !memcmp(buf, want, n),
				      "bytes of sample %d", s);
	}
}

static void expect_entries(struct kunit *test, const struct raft_msg *a,
			   const struct raft_msg *b)
{
	unsigned int i;

	KUNIT_ASSERT_EQ(test, a->n_entries, b->n_entries);
	for (i = 0; i < a->n_entries; i++) {
		const struct raft_entry *x = &a->entries[i];
		const struct raft_entry *y = &b->entries[i];

		KUNIT_EXPECT_EQ(test, x->term, y->term);
		KUNIT_EXPECT_EQ(test, x->kind, y->kind);
		KUNIT_ASSERT_EQ(test, x->len, y->len);
		if (x->len)
			KUNIT_EXPECT_EQ(test, memcmp(x->data, y->data, x->len),
					0);
	}
}

static void expect_raft(struct kunit *test, const struct raft_msg *a,
			const struct raft_msg *b)
{
	KUNIT_EXPECT_EQ(test, a->type, b->type);
	KUNIT_EXPECT_EQ(test, a->flags, b->flags);
	KUNIT_EXPECT_TRUE(test, raft_id_eq(a->from, b->from));
	KUNIT_EXPECT_TRUE(test, raft_id_eq(a->to, b->to));
	KUNIT_EXPECT_EQ(test, a->term, b->term);
	KUNIT_EXPECT_EQ(test, a->index, b->index);
	KUNIT_EXPECT_EQ(test, a->log_term, b->log_term);
	KUNIT_EXPECT_EQ(test, a->commit, b->commit);
	KUNIT_EXPECT_EQ(test, a->id, b->id);
	KUNIT_EXPECT_EQ(test, a->hint, b->hint);
	KUNIT_EXPECT_EQ(test, a->hint_term, b->hint_term);
	KUNIT_EXPECT_EQ(test, a->checksum, b->checksum);
	KUNIT_EXPECT_EQ(test, b->after, 0);
	KUNIT_ASSERT_EQ(test, a->len, b->len);
	if (a->len)
		KUNIT_EXPECT_EQ(test, memcmp(a->data, b->data, a->len), 0);
	expect_entries(test, a, b);
}

/* Encode @m, decode it again; the result is in the scratch returned. */
static struct wire_msg *there_and_back(struct kunit *test,
				       const struct raft_msg *m, u32 *len)
{
	struct wire_msg *out = kunit_kzalloc(test, sizeof(*out), GFP_KERNEL);
	u8 *buf = kunit_kzalloc(test, WIRE_PAYLOAD, GFP_KERNEL);
	enum wire_drop drop;

	KUNIT_ASSERT_TRUE(test, out && buf);
	*len = wire_put_raft(buf, WIRE_PAYLOAD, m, NULL, ID_C.hi);
	KUNIT_ASSERT_TRUE(test, *len > 0);
	/* What an earlier message left behind must not shine through. */
	memset(out, 0xa5, sizeof(*out));
	drop = wire_decode(buf, *len, m->from, m->to, out);
	KUNIT_ASSERT_EQ(test, (int)drop, (int)WIRE_OK);
	KUNIT_ASSERT_EQ(test, out->type, WIRE_RAFT);
	return out;
}

static void raft_messages_come_back_as_they_went(struct kunit *test)
{
	struct raft_msg m;
	u8 type;
	u32 len;

	for (type = RAFT_PREVOTE; type <= RAFT_READ_REPLY; type++) {
		struct wire_msg *out;

		sample_raft(type, &m);
		out = there_and_back(test, &m, &len);
		expect_raft(test, &m, &out->raft);
		if (type != RAFT_SNAPSHOT)
			continue;
		KUNIT_EXPECT_EQ(test, out->raft.config->n, 2);
		KUNIT_EXPECT_EQ(test, out->raft.config->n_voters, 1);
		KUNIT_EXPECT_TRUE(test, raft_id_eq(out->config.member[1],
						   ID_B));
	}
}

/* The commonest answer: hints are there where something was refused. */
static void an_ack_is_shorter_than_a_refusal(struct kunit *test)
{
	struct wire_msg *out;
	struct raft_msg m;
	u32 refusal, ack;

	sample_raft(RAFT_APPEND_REPLY, &m);
	there_and_back(test, &m, &refusal);
	m.flags = 0;
	m.hint = 0;
	m.hint_term = 0;
	out = there_and_back(test, &m, &ack);
	expect_raft(test, &m, &out->raft);
	KUNIT_EXPECT_EQ(test, ack, WIRE_HEADER + 32);
	KUNIT_EXPECT_EQ(test, refusal, ack + 16);
}

static void an_append_may_be_full_or_empty(struct kunit *test)
{
	static struct raft_entry e[RAFT_BATCH_MAX];
	struct wire_msg *out;
	struct raft_msg m;
	unsigned int i;
	u32 len;

	for (i = 0; i < RAFT_BATCH_MAX; i++)
		e[i] = (struct raft_entry){ .term = 9, .kind = RAFT_COMMAND,
					    .len = i % 13,
					    .data = (const u8 *)"0123456789abc" };
	sample_raft(RAFT_APPEND, &m);
	m.entries = e;
	m.n_entries = RAFT_BATCH_MAX;
	out = there_and_back(test, &m, &len);
	expect_raft(test, &m, &out->raft);

	m.n_entries = 0;
	m.index = 0;
	m.log_term = 0;
	out = there_and_back(test, &m, &len);
	KUNIT_EXPECT_EQ(test, len, WIRE_HEADER + WIRE_APPEND_BYTES);
	KUNIT_EXPECT_EQ(test, out->raft.n_entries, 0);
}

/* Raft counts RAFT_ENTRY_COST for each; the wire must not need more. */
static void an_entry_costs_what_it_is_said_to(struct kunit *test)
{
	static u8 data[RAFT_ENTRY_MAX];
	struct raft_entry e[2] = {
		{ .term = 9, .kind = RAFT_COMMAND, .len = 48, .data = data },
		{ .term = 9, .kind = RAFT_COMMAND, .len = 48, .data = data },
	};
	struct raft_msg m;
	u32 none, one, two;

	sample_raft(RAFT_APPEND, &m);
	m.entries = e;
	m.n_entries = 0;
	there_and_back(test, &m, &none);
	m.n_entries = 1;
	there_and_back(test, &m, &one);
	KUNIT_EXPECT_EQ(test, one - none, 52);
	m.n_entries = 2;
	e[0].term = 8;
	there_and_back(test, &m, &two);
	KUNIT_EXPECT_EQ(test, two - none, 2 * (48 + RAFT_ENTRY_COST));

	/* the largest, in a term of its own, into what raft is told there is */
	m.n_entries = 1;
	e[0].len = RAFT_ENTRY_MAX;
	there_and_back(test, &m, &one);
	KUNIT_EXPECT_LE(test, one - none, WIRE_BATCH);
	KUNIT_EXPECT_LE(test, none + WIRE_BATCH, WIRE_PAYLOAD);
}

static void chunk_and_configuration_fit_at_their_largest(struct kunit *test)
{
	static u8 chunk[RAFT_CHUNK_MAX];
	struct raft_config c = { .n = RAFT_MEMBERS_MAX, .n_voters = 7 };
	struct wire_msg *out;
	struct raft_msg m;
	unsigned int i;
	u32 len;

	for (i = 0; i < c.n; i++)
		c.member[i] = (struct raft_id){ i + 1, i };
	sample_raft(RAFT_SNAPSHOT, &m);
	m.config = &c;
	m.data = chunk;
	m.len = sizeof(chunk);
	m.hint_term = m.hint + m.len;
	out = there_and_back(test, &m, &len);
	KUNIT_EXPECT_LE(test, len, WIRE_PAYLOAD);
	expect_raft(test, &m, &out->raft);
	KUNIT_EXPECT_EQ(test, out->config.n, RAFT_MEMBERS_MAX);
}

static void hellos_come_back_as_they_went(struct kunit *test)
{
	struct wire_msg *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	u8 *buf = kunit_kzalloc(test, WIRE_PAYLOAD, GFP_KERNEL);
	struct wire_hello h;
	enum wire_drop drop;
	u32 len;

	KUNIT_ASSERT_TRUE(test, m && buf);
	memset(&h, 0, sizeof(h));
	sample_hello(&h);
	len = wire_put_hello(buf, WIRE_PAYLOAD, &h);
	drop = wire_decode(buf, len, RAFT_NOBODY, ID_B, m);
	KUNIT_ASSERT_EQ(test, (int)drop, (int)WIRE_OK);
	KUNIT_EXPECT_EQ(test, m->type, WIRE_HELLO);
	KUNIT_EXPECT_TRUE(test, raft_id_eq(h.node, m->hello.node));
	KUNIT_EXPECT_EQ(test, h.boot.counter, m->hello.boot.counter);
	KUNIT_EXPECT_EQ(test, h.boot.nonce, m->hello.boot.nonce);
	KUNIT_EXPECT_TRUE(test, raft_id_eq(h.to, m->hello.to));
	KUNIT_EXPECT_EQ(test, h.challenge, m->hello.challenge);
	KUNIT_EXPECT_EQ(test, h.echo, m->hello.echo);
	KUNIT_EXPECT_TRUE(test, raft_id_eq(h.cluster, m->hello.cluster));
	KUNIT_EXPECT_TRUE(test, m->hello.member && m->hello.formed &&
			  m->hello.want);
	KUNIT_EXPECT_EQ(test, h.durable_term, m->hello.durable_term);
	KUNIT_EXPECT_EQ(test, h.durable_index, m->hello.durable_index);
	KUNIT_EXPECT_EQ(test, h.ask_counter, m->hello.ask_counter);
	KUNIT_EXPECT_EQ(test, h.answer_nonce, m->hello.answer_nonce);
	KUNIT_EXPECT_EQ(test, m->hello.wire_max, 1);
	KUNIT_EXPECT_EQ(test, m->hello.fsm_min, 1);
	KUNIT_EXPECT_EQ(test, m->hello.fsm_max, 2);
	KUNIT_EXPECT_EQ(test, m->hello.name_len, 3);
	KUNIT_EXPECT_STREQ(test, m->hello.name, "n-1");
}

/* Each of a hello's five flags by itself. */
static void flags_of_a_hello_stand_alone(struct kunit *test)
{
	struct wire_msg *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	u8 *buf = kunit_kzalloc(test, WIRE_PAYLOAD, GFP_KERNEL);
	struct wire_hello h;
	unsigned int i;
	u32 len;

	KUNIT_ASSERT_TRUE(test, m && buf);
	for (i = 0; i <= 5; i++) {
		sample_hello(&h);
		h.member = i == 1;
		h.formed = i == 2;
		h.want = i == 3;
		h.doubt = i == 4;
		h.rolled_back = i == 5;
		len = wire_put_hello(buf, WIRE_PAYLOAD, &h);
		KUNIT_ASSERT_EQ(test, (int)wire_decode(buf, len, RAFT_NOBODY,
						       ID_B, m), (int)WIRE_OK);
		KUNIT_EXPECT_EQ(test, m->hello.member, i == 1);
		KUNIT_EXPECT_EQ(test, m->hello.formed, i == 2);
		KUNIT_EXPECT_EQ(test, m->hello.want, i == 3);
		KUNIT_EXPECT_EQ(test, m->hello.doubt, i == 4);
		KUNIT_EXPECT_EQ(test, m->hello.rolled_back, i == 5);
	}
}

static void promises_come_back_as_they_went(struct kunit *test)
{
	static const s32 statuses[] = { 0, -EEXIST, -EBUSY };
	struct wire_msg *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	struct wire_promise p;
	enum wire_drop drop;
	unsigned int i;
	u8 buf[256];
	u32 len;

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (i = 0; i < ARRAY_SIZE(statuses); i++) {
		sample_promise(WIRE_PROMISE_REPLY, &p);
		p.status = statuses[i];
		len = wire_put_promise(buf, sizeof(buf), WIRE_PROMISE_REPLY, &p,
				       ID_A);
		drop = wire_decode(buf, len, ID_A, ID_B, m);
		KUNIT_ASSERT_EQ(test, (int)drop, (int)WIRE_OK);
		KUNIT_EXPECT_EQ(test, m->type, WIRE_PROMISE_REPLY);
		KUNIT_EXPECT_EQ(test, m->promise.status, statuses[i]);
		KUNIT_EXPECT_EQ(test, m->promise.objects, p.objects);
		KUNIT_EXPECT_TRUE(test, raft_id_eq(m->promise.coordinator,
						   ID_B));
		KUNIT_EXPECT_STREQ(test, m->promise.name, "n-2");
	}
	sample_promise(WIRE_PROMISE, &p);
	p.release = true;
	p.name_len = 0;
	len = wire_put_promise(buf, sizeof(buf), WIRE_PROMISE, &p, ID_A);
	drop = wire_decode(buf, len, ID_A, ID_B, m);
	KUNIT_ASSERT_EQ(test, (int)drop, (int)WIRE_OK);
	KUNIT_EXPECT_TRUE(test, m->promise.release);
	KUNIT_EXPECT_STREQ(test, m->promise.name, "");
}

static void renewals_come_back_as_they_went(struct kunit *test)
{
	static const struct wire_renew in[] = {
		{ 1, 1 }, { 1, ~0ULL }, { ~0ULL, 1 },
		{ 0x123456789abcdef0ULL, 0xfedcba9876543210ULL },
	};
	struct wire_msg *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	enum wire_drop drop;
	u8 buf[64], type;
	unsigned int i;
	u32 len;

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (i = 0; i < 2 * ARRAY_SIZE(in); i++) {
		const struct wire_renew *want = &in[i / 2];

		type = i & 1 ? WIRE_RENEWED : WIRE_RENEW;
		len = wire_put_renew(buf, sizeof(buf), type, want, ID_A,
				     ID_C.hi);
		drop = wire_decode(buf, len, ID_A, ID_B, m);
		KUNIT_ASSERT_EQ(test, (int)drop, (int)WIRE_OK);
		KUNIT_EXPECT_EQ(test, m->type, type);
		KUNIT_EXPECT_EQ(test, m->renew.session, want->session);
		KUNIT_EXPECT_EQ(test, m->renew.id, want->id);
	}
}

/* An increment of @name, as a program's request is forwarded. */
static u16 command(u8 *out, const char *name)
{
	struct fsm_command c = {
		.op = FSM_COUNTER_ADD, .session = 7, .seq = 9, .low = 8,
		.handle = 3, .arg = 1, .name = name, .name_len = strlen(name),
	};

	return fsm_encode(&c, out);
}

static void forwards_are_built_in_place_until_full(struct kunit *test)
{
	struct wire_msg *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	u8 *buf = kunit_kzalloc(test, 4 * WIRE_PAYLOAD, GFP_KERNEL);
	u8 cmd[FSM_COMMAND_MAX];
	u16 n = command(cmd, "orders");
	unsigned int i, rounds;
	enum wire_drop drop;
	u32 len, next;

	KUNIT_ASSERT_TRUE(test, m && buf);
	/* by number first, then by room */
	for (rounds = 0; rounds < 2; rounds++) {
		u32 cap = rounds ? 300 : 4 * WIRE_PAYLOAD;

		len = wire_forward_begin(buf, cap, ID_A, ID_C.hi);
		for (i = 0; ; i++, len = next) {
			next = wire_forward_add(buf, cap, len, cmd, n);
			if (!next)
				break;
		}
		KUNIT_EXPECT_LE(test, len, cap);
		KUNIT_EXPECT_TRUE(test, rounds ? len + 2 + n > cap :
				  i == WIRE_FORWARD_MAX);
		drop = wire_decode(buf, len, ID_A, ID_B, m);
		KUNIT_ASSERT_EQ(test, (int)drop, (int)WIRE_OK);
		KUNIT_ASSERT_EQ(test, m->forward.n, i);
		while (i--) {
			KUNIT_ASSERT_EQ(test, m->forward.len[i], n);
			KUNIT_EXPECT_EQ(test, memcmp(m->forward.cmd[i], cmd, n),
					0);
		}
	}
}

static void what_does_not_fit_is_not_written(struct kunit *test)
{
	enum { FENCE = 8 };
	u8 *buf = kunit_kzalloc(test, WIRE_PAYLOAD + FENCE, GFP_KERNEL);
	enum sample s;
	u32 full, cap, len;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (s = 1; s < SAMPLES; s++) {
		full = sample_encode(s, buf, WIRE_PAYLOAD);
		for (cap = 0; cap < full; cap++) {
			memset(buf, 0xa5, full + FENCE);
			len = sample_encode(s, buf, cap);
			KUNIT_EXPECT_EQ_MSG(test, len, 0, "sample %d in %u", s,
					    cap);
			KUNIT_EXPECT_TRUE_MSG(test,
					      !memchr_inv(buf + cap, 0xa5,
							  full + FENCE - cap),
					      "sample %d in %u", s, cap);
		}
	}
}

static void peek_says_what_the_header_claims(struct kunit *test)
{
	struct wire_peek p;
	enum wire_drop drop;
	u8 buf[256];
	u32 len;

	len = sample_encode(S_READ, buf, sizeof(buf));
	wire_seal(buf, len, 0x123456789abcdef0ULL, &sample_key);
	drop = wire_peek(buf, len, &p);
	KUNIT_ASSERT_EQ(test, (int)drop, (int)WIRE_OK);
	KUNIT_EXPECT_EQ(test, p.type, WIRE_RAFT);
	KUNIT_EXPECT_EQ(test, p.from, ID_A.hi);
	KUNIT_EXPECT_EQ(test, p.cluster, ID_C.hi);
	KUNIT_EXPECT_EQ(test, p.sequence, 0x123456789abcdef0ULL);
}

static void a_flipped_bit_anywhere_is_forged_or_worse(struct kunit *test)
{
	struct wire_peek p;
	u8 buf[256];
	u32 len, bit;

	len = sample_encode(S_APPEND, buf, sizeof(buf));
	wire_seal(buf, len, 1, &sample_key);
	KUNIT_ASSERT_TRUE(test, wire_verify(buf, len, &sample_key));
	for (bit = 0; bit < 8 * len; bit++) {
		bool passes;

		buf[bit / 8] ^= 1 << bit % 8;
		passes = wire_peek(buf, len, &p) == WIRE_OK &&
			 wire_verify(buf, len, &sample_key);
		KUNIT_EXPECT_FALSE(test, passes);
		buf[bit / 8] ^= 1 << bit % 8;
	}
	for (bit = 0; bit < len; bit++)
		KUNIT_EXPECT_FALSE(test, wire_verify(buf, bit, &sample_key));
	KUNIT_EXPECT_TRUE(test, wire_verify(buf, len, &sample_key));
}

static void a_datagram_may_begin_at_any_address(struct kunit *test)
{
	struct wire_msg *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	u8 buf[256], *at;
	enum wire_drop drop;
	struct raft_msg want;
	struct wire_peek p;
	u32 len;

	KUNIT_ASSERT_NOT_NULL(test, m);
	sample_raft(RAFT_APPEND, &want);
	for (at = buf; at < buf + 8; at++) {
		len = sample_encode(S_APPEND, at, sizeof(buf) - 8);
		wire_seal(at, len, 1, &sample_key);
		KUNIT_EXPECT_EQ(test, (int)wire_peek(at, len, &p), (int)WIRE_OK);
		KUNIT_EXPECT_TRUE(test, wire_verify(at, len, &sample_key));
		drop = wire_decode(at, len, ID_A, ID_B, m);
		KUNIT_ASSERT_EQ(test, (int)drop, (int)WIRE_OK);
		expect_raft(test, &want, &m->raft);
	}
}

/* Keys computed by another implementation of BLAKE2s from the same inputs. */
static void keys_are_those_of_another_implementation(struct kunit *test)
{
	struct wire_boot one = { 1, 0x13 }, two = { 2, 0x23 };
	struct raft_id a = { 0x11, 0x12 }, b = { 0x21, 0x22 };
	u8 key[WIRE_CLUSTER_KEY];
	siphash_key_t k;
	unsigned int i;

	for (i = 0; i < sizeof(key); i++)
		key[i] = i;
	wire_hello_key(&k, key);
	KUNIT_EXPECT_EQ(test, k.key[0], 0x1de7844b1537841dULL);
	KUNIT_EXPECT_EQ(test, k.key[1], 0xcb8059d8406d1cf2ULL);
	wire_pair_key(&k, key, a, one, b, two);
	KUNIT_EXPECT_EQ(test, k.key[0], 0x8cb1ea305209357bULL);
	KUNIT_EXPECT_EQ(test, k.key[1], 0xf406d1ccf03e7599ULL);
}

static void keys_differ_by_everything_that_goes_into_them(struct kunit *test)
{
	const struct wire_boot x = { 1, 10 }, y = { 1, 20 };
	const struct { struct raft_id from, to; struct wire_boot fb, tb; } in[] = {
		{ { 1, 2 }, { 3, 4 }, x, y },
		{ { 3, 4 }, { 1, 2 }, y, x },	/* the other direction */
		{ { 3, 4 }, { 1, 2 }, x, y },	/* boots the wrong way */
		{ { 1, 9 }, { 3, 4 }, x, y },	/* another incarnation */
		{ { 1, 2 }, { 3, 9 }, x, y },
		{ { 1, 2 }, { 3, 4 }, { 2, 10 }, y }, /* another boot */
		{ { 1, 2 }, { 3, 4 }, { 1, 11 }, y },
		{ { 1, 2 }, { 3, 4 }, x, { 2, 20 } },
		{ { 1, 2 }, { 3, 4 }, x, { 1, 21 } },
	};
	siphash_key_t k[ARRAY_SIZE(in) + 2];
	u8 key[WIRE_CLUSTER_KEY] = { 1 };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(in); i++)
		wire_pair_key(&k[i], key, in[i].from, in[i].fb, in[i].to,
			      in[i].tb);
	wire_hello_key(&k[i++], key);
	key[31] = 1;
	wire_pair_key(&k[i], key, in[0].from, in[0].fb, in[0].to, in[0].tb);
	for (i = 0; i < ARRAY_SIZE(k); i++)
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_NE(test, memcmp(&k[i], &k[j], sizeof(*k)),
					0);
}

static struct kunit_case wire_cases[] = {
	KUNIT_CASE(every_message_has_its_golden_bytes),
	KUNIT_CASE(raft_messages_come_back_as_they_went),
	KUNIT_CASE(an_ack_is_shorter_than_a_refusal),
	KUNIT_CASE(an_append_may_be_full_or_empty),
	KUNIT_CASE(an_entry_costs_what_it_is_said_to),
	KUNIT_CASE(chunk_and_configuration_fit_at_their_largest),
	KUNIT_CASE(hellos_come_back_as_they_went),
	KUNIT_CASE(flags_of_a_hello_stand_alone),
	KUNIT_CASE(promises_come_back_as_they_went),
	KUNIT_CASE(renewals_come_back_as_they_went),
	KUNIT_CASE(forwards_are_built_in_place_until_full),
	KUNIT_CASE(what_does_not_fit_is_not_written),
	KUNIT_CASE(peek_says_what_the_header_claims),
	KUNIT_CASE(a_flipped_bit_anywhere_is_forged_or_worse),
	KUNIT_CASE(a_datagram_may_begin_at_any_address),
	KUNIT_CASE(keys_are_those_of_another_implementation),
	KUNIT_CASE(keys_differ_by_everything_that_goes_into_them),
	{}
};

static struct kunit_suite wire_suite = {
	.name = "wire",
	.test_cases = wire_cases,
};

kunit_test_suite(wire_suite);

MODULE_LICENSE("GPL");
