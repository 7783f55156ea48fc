// SPDX-License-Identifier: GPL-2.0
/*
 * Any bytes through the gate. What passes is within its datagram, and encodes
 * to the very bytes that it was decoded from: there is one way to say a thing.
 *
 * Input: type, payload.
 */
#include "datagram.h"

static u32 encode_forward(u8 *buf, u32 cap, const struct wire_forward *f,
			  struct raft_id from)
{
	u32 len = wire_forward_begin(buf, cap, from, FUZZ_CLUSTER);
	unsigned int i;

	for (i = 0; i < f->n && len; i++)
		len = wire_forward_add(buf, cap, len, f->cmd[i], f->len[i]);
	return len;
}

static u32 encode(u8 *buf, u32 cap, const struct wire_msg *m,
		  struct raft_id from)
{
	switch (m->type) {
	case WIRE_HELLO:
		return wire_put_hello(buf, cap, &m->hello);
	case WIRE_RAFT:
		return wire_put_raft(buf, cap, &m->raft, NULL, FUZZ_CLUSTER);
	case WIRE_FORWARD:
		return encode_forward(buf, cap, &m->forward, from);
	case WIRE_RENEW:
	case WIRE_RENEWED:
		return wire_put_renew(buf, cap, m->type, &m->renew, from,
				      FUZZ_CLUSTER);
	default:
		return wire_put_promise(buf, cap, m->type, &m->promise, from);
	}
}

static void check_raft(const struct raft_msg *r)
{
	unsigned int i;

	MUST(r->type >= RAFT_PREVOTE && r->type <= RAFT_READ_REPLY);
	MUST(r->n_entries <= RAFT_BATCH_MAX && r->len <= RAFT_CHUNK_MAX);
	MUST(r->index + r->n_entries >= r->index && !r->after);
	for (i = 0; i < r->n_entries; i++) {
		const struct raft_entry *e = &r->entries[i];

		MUST(e->term && e->term <= r->term && e->len <= RAFT_ENTRY_MAX);
		touch(e->data, e->len);
	}
	touch(r->data, r->len);
	if (r->config)
		MUST(r->config->n_voters && r->config->n <= RAFT_MEMBERS_MAX);
}

static void check(const struct wire_msg *m)
{
	struct fsm_command c;
	unsigned int i;

	if (m->type == WIRE_RAFT)
		check_raft(&m->raft);
	if (m->type == WIRE_PROMISE)
		MUST(!m->promise.objects && !m->promise.status);
	if (m->type == WIRE_RENEW || m->type == WIRE_RENEWED)
		MUST(m->renew.session && m->renew.id);
	if (m->type == WIRE_HELLO)
		MUST(m->hello.name_len == strlen(m->hello.name));
	if (m->type != WIRE_FORWARD)
		return;
	MUST(m->forward.n && m->forward.n <= WIRE_FORWARD_MAX);
	for (i = 0; i < m->forward.n; i++)
		MUST(!fsm_decode(&c, m->forward.cmd[i], m->forward.len[i]));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct wire_msg m;
	static u8 again[WIRE_HEADER + U16_MAX];
	const struct raft_id from = { 2, 2 }, to = { 1, 1 };
	struct wire_peek p;
	u32 len;
	u8 *d;

	if (!size || size > 4096)
		return 0;
	/* as it is, up to the MAC */
	d = tight(data, size);
	if (wire_peek(d, size, &p) == WIRE_OK)
		wire_verify(d, size, &(siphash_key_t){ { 1, 2 } });
	free(d);

	d = datagram(data[0], from, data + 1, size - 1);
	len = WIRE_HEADER + size - 1;
	MUST(wire_peek(d, len, &p) == WIRE_OK);
	if (wire_decode(d, len, from, to, &m) == WIRE_OK) {
		check(&m);
		MUST(encode(again, sizeof(again), &m, from) == len);
		MUST(!memcmp(again, d, len));
	}
	free(d);
	return 0;
}
