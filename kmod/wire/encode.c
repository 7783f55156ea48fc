// SPDX-License-Identifier: GPL-2.0
/*
 * Structs in, bytes out. Encoders write a whole datagram but for its sequence
 * number and MAC, which wire_seal() adds; what decode() would refuse is the
 * caller's mistake, except for what does not fit, which returns 0.
 */
#include <linux/errno.h>
#include <linux/limits.h>
#include "layout.h"

/* Begin of a datagram whose payload ends at @end; 0 if too long to say. */
static u32 finish(u8 *buf, const u8 *end, u8 type, u64 from, u64 cluster)
{
	u32 len = end - buf;
	struct wire_header h = {
		.magic = cpu_to_le16(WIRE_MAGIC_BYTES),
		.version = WIRE_VERSION,
		.type = type,
		.length = cpu_to_le16(len - WIRE_HEADER),
		.from = cpu_to_le64(from),
		.cluster = cpu_to_le64(cluster),
	};

	if (len - WIRE_HEADER > U16_MAX)
		return 0;
	memcpy(buf, &h, sizeof(h));
	return len;
}

/* @data may be NULL where @len is 0. */
static u8 *put_bytes(u8 *p, const void *data, u32 len)
{
	if (len)
		memcpy(p, data, len);
	return p + len;
}

/* Head and fields. The caller made sure of the room. */
static u8 *put_raft_head(u8 *p, const struct raft_msg *m, u16 count, u32 len)
{
	u8 has = wire_raft_fields(m->type, m->flags);
	struct wire_raft_head h = {
		.type = m->type,
		.flags = m->flags,
		.count = cpu_to_le16(count),
		.len = cpu_to_le32(len),
		.term = cpu_to_le64(m->term),
	};

	memcpy(p, &h, sizeof(h));
	p += sizeof(h);
	if (has & WIRE_F_INDEX)
		p = wire_put64(p, m->index);
	if (has & WIRE_F_LOG_TERM)
		p = wire_put64(p, m->log_term);
	if (has & WIRE_F_COMMIT)
		p = wire_put64(p, m->commit);
	if (has & WIRE_F_ID)
		p = wire_put64(p, m->id);
	if (has & WIRE_F_HINT)
		p = wire_put64(p, m->hint);
	if (has & WIRE_F_HINT_TERM)
		p = wire_put64(p, m->hint_term);
	if (has & WIRE_F_CHECKSUM)
		p = wire_put64(p, m->checksum);
	return p;
}

/* One entry behind those before it, the last of which had @implied as term. */
static u8 *put_entry(u8 *p, const u8 *end, const struct raft_entry *e,
		     u64 implied)
{
	bool term = e->term != implied;
	struct wire_entry_head h = {
		.len = cpu_to_le16(e->len),
		.kind = e->kind,
		.flags = term ? WIRE_ENTRY_TERM : 0,
	};

	if (end - p < (long)sizeof(h) + (term ? 8 : 0) + e->len)
		return NULL;
	memcpy(p, &h, sizeof(h));
	p += sizeof(h);
	if (term)
		p = wire_put64(p, e->term);
	return put_bytes(p, e->data, e->len);
}

static u8 *put_entries(u8 *p, const u8 *end, const struct raft_msg *m,
		       const struct raft *r)
{
	u64 implied = m->term;
	unsigned int i;

	for (i = 0; i < m->n_entries && p; i++) {
		struct raft_entry e;

		if (m->entries)
			e = m->entries[i];
		else if (raft_entry(r, m->index + 1 + i, &e))
			return NULL;
		p = put_entry(p, end, &e, implied);
		implied = e.term;
	}
	return p;
}

static u8 *put_append(u8 *p, const u8 *end, const struct raft_msg *m,
		      const struct raft *r)
{
	p = put_raft_head(p, m, m->n_entries, 0);
	return put_entries(p, end, m, r);
}

static u8 *put_snapshot(u8 *p, const u8 *end, const struct raft_msg *m)
{
	u8 config[RAFT_CONFIG_BYTES_MAX];
	u16 n = raft_config_encode(m->config, config);

	if (!n || end - p < (long)WIRE_SNAPSHOT_BYTES + n + (long)m->len)
		return NULL;
	p = put_raft_head(p, m, n, m->len);
	p = put_bytes(p, config, n);
	return put_bytes(p, m->data, m->len);
}

/**
 * wire_put_raft() - encode a message of Raft
 * @buf: room for the datagram
 * @cap: bytes of it
 * @m: the message; an APPEND's entries are @m->entries or, if that is NULL,
 *	those of @r from @m->index + 1 on
 * @r: the log that they are in; NULL if not needed
 * @cluster: first half of the cluster id
 *
 * Return: length of the datagram; 0 if it is longer than @cap, or an entry is
 * not in the log.
 */
u32 wire_put_raft(u8 *buf, u32 cap, const struct raft_msg *m,
		  const struct raft *r, u64 cluster)
{
	u8 *p = buf + WIRE_HEADER, *end = buf + cap;

	if (cap < WIRE_HEADER + WIRE_SNAPSHOT_BYTES ||
	    m->type >= WIRE_RAFT_TYPES)
		return 0;
	switch (m->type) {
	case RAFT_APPEND:
		p = put_append(p, end, m, r);
		break;
	case RAFT_SNAPSHOT:
		p = put_snapshot(p, end, m);
		break;
	default:
		p = put_raft_head(p, m, 0, 0);
	}
	return p ? finish(buf, p, WIRE_RAFT, m->from.hi, cluster) : 0;
}

/**
 * wire_put_hello() - encode a hello
 * @buf: room for the datagram
 * @cap: bytes of it
 * @h: the hello, as wire_hello_make() made it
 *
 * Return: length of the datagram, 0 if it is longer than @cap.
 */
u32 wire_put_hello(u8 *buf, u32 cap, const struct wire_hello *h)
{
	u8 *p = buf + WIRE_HEADER;
	struct wire_hello_bytes b = {
		.node = wire_id_bytes(h->node),
		.boot_counter = cpu_to_le64(h->boot.counter),
		.boot_nonce = cpu_to_le64(h->boot.nonce),
		.to = wire_id_bytes(h->to),
		.challenge = cpu_to_le64(h->challenge),
		.echo = cpu_to_le64(h->echo),
		.cluster = wire_id_bytes(h->cluster),
		.durable_term = cpu_to_le64(h->durable_term),
		.durable_index = cpu_to_le64(h->durable_index),
		.ask_counter = cpu_to_le64(h->ask_counter),
		.answer_nonce = cpu_to_le64(h->answer_nonce),
		.flags = (h->member ? WIRE_HELLO_MEMBER : 0) |
			 (h->formed ? WIRE_HELLO_FORMED : 0) |
			 (h->want ? WIRE_HELLO_WANT : 0) |
			 (h->doubt ? WIRE_HELLO_DOUBT : 0) |
			 (h->rolled_back ? WIRE_HELLO_ROLLED_BACK : 0),
		.wire_min = h->wire_min,
		.wire_max = h->wire_max,
		.fsm_min = h->fsm_min,
		.fsm_max = h->fsm_max,
		.name_len = h->name_len,
	};

	if (cap < WIRE_HEADER + sizeof(b) + h->name_len)
		return 0;
	p = put_bytes(p, &b, sizeof(b));
	p = put_bytes(p, h->name, h->name_len);
	return finish(buf, p, WIRE_HELLO, h->node.hi, h->cluster.hi);
}

static u8 promise_status(s32 status)
{
	switch (status) {
	case 0:
		return WIRE_PROMISED;
	case -EEXIST:
		return WIRE_PROMISED_OTHER;
	default:
		return WIRE_PROMISE_LATER;
	}
}

/**
 * wire_put_promise() - encode a promise or its reply
 * @buf: room for the datagram
 * @cap: bytes of it
 * @type: WIRE_PROMISE or WIRE_PROMISE_REPLY
 * @p: the promise
 * @from: our incarnation
 *
 * Return: length of the datagram, 0 if it is longer than @cap.
 */
u32 wire_put_promise(u8 *buf, u32 cap, u8 type, const struct wire_promise *p,
		     struct raft_id from)
{
	u8 *at = buf + WIRE_HEADER;
	struct wire_promise_bytes b = {
		.cluster = wire_id_bytes(p->cluster),
		.coordinator = wire_id_bytes(p->coordinator),
		.release = p->release,
		.status = promise_status(p->status),
		.name_len = p->name_len,
		.objects = cpu_to_le32(p->objects),
	};

	if (cap < WIRE_HEADER + sizeof(b) + p->name_len)
		return 0;
	at = put_bytes(at, &b, sizeof(b));
	at = put_bytes(at, p->name, p->name_len);
	return finish(buf, at, type, from.hi, p->cluster.hi);
}

/**
 * wire_put_renew() - encode a renewal or its acknowledgment
 * @buf: room for the datagram
 * @cap: bytes of it
 * @type: WIRE_RENEW or WIRE_RENEWED
 * @r: which
 * @from: our incarnation
 * @cluster: first half of the cluster id
 *
 * Return: length of the datagram, 0 if it is longer than @cap.
 */
u32 wire_put_renew(u8 *buf, u32 cap, u8 type, const struct wire_renew *r,
		   struct raft_id from, u64 cluster)
{
	u8 *at = buf + WIRE_HEADER;
	struct wire_renew_bytes b = {
		.session = cpu_to_le64(r->session),
		.id = cpu_to_le64(r->id),
	};

	if (cap < WIRE_HEADER + sizeof(b))
		return 0;
	at = put_bytes(at, &b, sizeof(b));
	return finish(buf, at, type, from.hi, cluster);
}

/**
 * wire_forward_begin() - begin a datagram of commands for the leader
 * @buf: room for the datagram
 * @cap: bytes of it
 * @from: our incarnation
 * @cluster: first half of the cluster id
 *
 * Return: length so far, 0 if that is longer than @cap. It may be sealed and
 * sent once wire_forward_add() put a command into it.
 */
u32 wire_forward_begin(u8 *buf, u32 cap, struct raft_id from, u64 cluster)
{
	struct wire_forward_head h = { 0 };

	if (cap < WIRE_HEADER + sizeof(h))
		return 0;
	memcpy(buf + WIRE_HEADER, &h, sizeof(h));
	return finish(buf, buf + WIRE_HEADER + sizeof(h), WIRE_FORWARD, from.hi,
		      cluster);
}

/**
 * wire_forward_add() - one more command
 * @buf: what wire_forward_begin() began
 * @cap: room there
 * @at: its length, as begin or the last add returned it
 * @cmd: the command, as fsm_encode() wrote it
 * @len: its length
 *
 * Return: the length now; 0 if there is no room, and nothing has changed.
 */
u32 wire_forward_add(u8 *buf, u32 cap, u32 at, const u8 *cmd, u16 len)
{
	u8 *n = buf + WIRE_HEADER + offsetof(struct wire_forward_head, n);
	u32 end = at + sizeof(__le16) + len;

	if (end > cap || len > FSM_COMMAND_MAX ||
	    wire_get16(n) == WIRE_FORWARD_MAX)
		return 0;
	memcpy(wire_put16(buf + at, len), cmd, len);
	wire_put16(n, wire_get16(n) + 1);
	wire_put16(buf + offsetof(struct wire_header, length), end - WIRE_HEADER);
	return end;
}
