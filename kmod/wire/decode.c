// SPDX-License-Identifier: GPL-2.0
/*
 * Bytes in, structs out: the one gate. What passes it is well-formed in every
 * respect that can be told from the datagram alone, and is not checked again;
 * what does not is refused whole (pitfalls 76, 77).
 *
 * Nothing of struct wire_msg is cleared that the message at hand does not use.
 */
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/overflow.h>
#include "layout.h"

#define BYTES(fields) (8 * __builtin_popcount(fields))
#define SHAPE(has, may) { \
	.fields = (has), .flags = (may), .bytes = BYTES(has) }

const struct wire_raft_shape wire_raft_shapes[WIRE_RAFT_TYPES] = {
	[RAFT_PREVOTE] = SHAPE(WIRE_F_INDEX | WIRE_F_LOG_TERM, RAFT_MSG_DOUBT),
	[RAFT_PREVOTE_REPLY] = SHAPE(0, RAFT_MSG_REJECT | RAFT_MSG_DOUBT),
	[RAFT_VOTE] = SHAPE(WIRE_F_INDEX | WIRE_F_LOG_TERM,
			    RAFT_MSG_TRANSFER | RAFT_MSG_DOUBT),
	[RAFT_VOTE_REPLY] = SHAPE(0, RAFT_MSG_REJECT | RAFT_MSG_DOUBT),
	[RAFT_APPEND] = SHAPE(WIRE_F_INDEX | WIRE_F_LOG_TERM | WIRE_F_COMMIT |
			      WIRE_F_ID, 0),
	[RAFT_APPEND_REPLY] = {
		.fields = WIRE_F_INDEX | WIRE_F_ID,
		.refusal = WIRE_F_HINT | WIRE_F_HINT_TERM,
		.flags = RAFT_MSG_REJECT | RAFT_MSG_DIFFERS,
		.bytes = BYTES(WIRE_F_INDEX | WIRE_F_ID),
		.refusal_bytes = BYTES(WIRE_F_HINT | WIRE_F_HINT_TERM),
	},
	[RAFT_SNAPSHOT] = SHAPE(WIRE_F_INDEX | WIRE_F_LOG_TERM | WIRE_F_ID |
				WIRE_F_HINT | WIRE_F_HINT_TERM |
				WIRE_F_CHECKSUM, RAFT_MSG_LAST),
	[RAFT_SNAPSHOT_REPLY] = SHAPE(WIRE_F_INDEX | WIRE_F_ID | WIRE_F_HINT,
				      RAFT_MSG_LAST),
	[RAFT_TIMEOUT_NOW] = SHAPE(WIRE_F_ID, 0),
	[RAFT_READ] = SHAPE(WIRE_F_ID, 0),
	[RAFT_READ_REPLY] = SHAPE(WIRE_F_INDEX | WIRE_F_ID, 0),
};

/* What is left of a datagram to be decoded. */
struct cursor {
	const u8 *p;
	const u8 *end;
};

/* The next @n bytes, NULL if there are fewer. */
static const u8 *take(struct cursor *c, u32 n)
{
	const u8 *p = c->p;

	if (c->end - p < (long)n)
		return NULL;
	c->p += n;
	return p;
}

/**
 * wire_peek() - look at a header before anything is known to be true
 * @buf: datagram
 * @len: its length
 * @p: what it claims
 *
 * Return: WIRE_OK, WIRE_SHORT, WIRE_MAGIC or WIRE_VERSION_UNKNOWN.
 */
enum wire_drop wire_peek(const u8 *buf, u32 len, struct wire_peek *p)
{
	struct wire_header h;

	if (len < WIRE_HEADER)
		return WIRE_SHORT;
	memcpy(&h, buf, sizeof(h));
	if (h.magic != cpu_to_le16(WIRE_MAGIC_BYTES))
		return WIRE_MAGIC;
	if (h.version < WIRE_VERSION_MIN || h.version > WIRE_VERSION)
		return WIRE_VERSION_UNKNOWN;
	if (le16_to_cpu(h.length) != len - WIRE_HEADER)
		return WIRE_SHORT;
	p->type = h.type;
	p->from = le64_to_cpu(h.from);
	p->cluster = le64_to_cpu(h.cluster);
	p->sequence = le64_to_cpu(h.sequence);
	return WIRE_OK;
}

/* Index and term of an entry: both or neither; no term above the message's. */
static bool position_ok(const struct raft_msg *r)
{
	return !r->index == !r->log_term && r->log_term <= r->term;
}

/*
 * One entry. Terms never fall along a log, and none is above that of the
 * leader who sends it (paper 5.1, 5.3).
 */
static bool get_entry(struct cursor *c, u64 floor, u64 implied, u64 ceiling,
		      struct raft_entry *e)
{
	struct wire_entry_head h;
	const u8 *p = take(c, sizeof(h));

	if (!p)
		return false;
	memcpy(&h, p, sizeof(h));
	if (h.flags & ~WIRE_ENTRY_TERM)
		return false;
	e->term = implied;
	if (h.flags & WIRE_ENTRY_TERM) {
		p = take(c, sizeof(__le64));
		if (!p)
			return false;
		e->term = wire_get64(p);
		if (e->term == implied)
			return false;
	}
	e->len = le16_to_cpu(h.len);
	e->kind = h.kind;
	e->data = take(c, e->len);
	return e->data && e->len <= RAFT_ENTRY_MAX && e->term &&
	       e->term >= floor && e->term <= ceiling;
}

static bool kind_ok(const struct raft_entry *e, struct raft_config *scratch)
{
	switch (e->kind) {
	case RAFT_COMMAND:
		return true;
	case RAFT_NOOP:
		return !e->len;
	case RAFT_MEMBERS:
		return !raft_config_decode(scratch, e->data, e->len);
	default:
		return false;
	}
}

static bool get_append(struct cursor *c, u16 count, struct wire_msg *m)
{
	struct raft_msg *r = &m->raft;
	u64 floor = r->log_term, implied = r->term, last;
	unsigned int i;

	if (count > RAFT_BATCH_MAX || !position_ok(r) ||
	    check_add_overflow(r->index, (u64)count, &last))
		return false;
	for (i = 0; i < count; i++) {
		struct raft_entry *e = &m->entries[i];

		if (!get_entry(c, floor, implied, r->term, e) ||
		    !kind_ok(e, &m->config))
			return false;
		floor = e->term;
		implied = e->term;
	}
	r->n_entries = count;
	r->entries = m->entries;
	return true;
}

static bool get_snapshot(struct cursor *c, u16 count, u32 len,
			 struct wire_msg *m)
{
	struct raft_msg *r = &m->raft;
	const u8 *config = take(c, count);
	u64 end;

	if (!config || raft_config_decode(&m->config, config, count))
		return false;
	if (!r->index || !position_ok(r) || len > RAFT_CHUNK_MAX ||
	    check_add_overflow(r->hint, (u64)len, &end) || end > r->hint_term)
		return false;
	r->config = &m->config;
	r->len = len;
	r->data = take(c, len);
	return r->data;
}

/* The fields that are there. */
static bool get_fields(struct cursor *c, struct raft_msg *r)
{
	const struct wire_raft_shape *s = &wire_raft_shapes[r->type];
	bool refusal = r->flags & RAFT_MSG_REJECT;
	u8 has = wire_raft_fields(r->type, r->flags);
	const u8 *p = take(c, s->bytes + (refusal ? s->refusal_bytes : 0));

	if (!p)
		return false;
	if (has & WIRE_F_INDEX) {
		r->index = wire_get64(p);
		p += 8;
	}
	if (has & WIRE_F_LOG_TERM) {
		r->log_term = wire_get64(p);
		p += 8;
	}
	if (has & WIRE_F_COMMIT) {
		r->commit = wire_get64(p);
		p += 8;
	}
	if (has & WIRE_F_ID) {
		r->id = wire_get64(p);
		p += 8;
	}
	if (has & WIRE_F_HINT) {
		r->hint = wire_get64(p);
		p += 8;
	}
	if (has & WIRE_F_HINT_TERM) {
		r->hint_term = wire_get64(p);
		p += 8;
	}
	if (has & WIRE_F_CHECKSUM)
		r->checksum = wire_get64(p);
	return true;
}

/* The rest of a message, by type. */
static bool get_body(struct cursor *c, const struct wire_raft_head *h,
		     struct wire_msg *m)
{
	u16 count = le16_to_cpu(h->count);
	u32 len = le32_to_cpu(h->len);

	if (h->type == RAFT_SNAPSHOT)
		return get_snapshot(c, count, len, m);
	if (len)
		return false;
	if (h->type == RAFT_APPEND)
		return get_append(c, count, m);
	if (count)
		return false;
	if (h->type == RAFT_VOTE || h->type == RAFT_PREVOTE)
		return position_ok(&m->raft);
	return true;
}

/* Nobody asks for anything in term 0; replies may come from one who is there. */
static bool term_ok(const struct wire_raft_head *h)
{
	return h->term || h->type == RAFT_PREVOTE_REPLY;
}

static bool get_raft(struct cursor *c, struct raft_id from, struct raft_id to,
		     struct wire_msg *m)
{
	struct wire_raft_head h;
	const u8 *p = take(c, sizeof(h));
	const struct wire_raft_shape *shape;

	if (!p)
		return false;
	memcpy(&h, p, sizeof(h));
	if (!h.type || h.type >= WIRE_RAFT_TYPES)
		return false;
	shape = &wire_raft_shapes[h.type];
	if (h.flags & ~shape->flags || !term_ok(&h))
		return false;
	m->raft = (struct raft_msg){
		.type = h.type,
		.flags = h.flags,
		.from = from,
		.to = to,
		.term = le64_to_cpu(h.term),
	};
	return get_fields(c, &m->raft) && get_body(c, &h, m);
}

static bool get_forward(struct cursor *c, struct wire_forward *f)
{
	struct wire_forward_head h;
	const u8 *p = take(c, sizeof(h));
	struct fsm_command command;
	unsigned int i;

	if (!p)
		return false;
	memcpy(&h, p, sizeof(h));
	f->n = le16_to_cpu(h.n);
	if (!f->n || f->n > WIRE_FORWARD_MAX || h.zero)
		return false;
	for (i = 0; i < f->n; i++) {
		p = take(c, sizeof(__le16));
		if (!p)
			return false;
		f->len[i] = wire_get16(p);
		f->cmd[i] = take(c, f->len[i]);
		if (!f->cmd[i] || fsm_decode(&command, f->cmd[i], f->len[i]))
			return false;
	}
	return true;
}

/* A name of @len bytes at the end of a message, into @name and terminated. */
static bool get_name(struct cursor *c, u8 len, char name[WIRE_NAME_MAX + 1])
{
	const u8 *p = take(c, len);

	if (!p || fsm_name_check((const char *)p, len))
		return false;
	memcpy(name, p, len);
	name[len] = 0;
	return true;
}

/* The header carries the first half of an id, so that half is never zero. */
static bool id_ok(struct raft_id id)
{
	return id.hi || !id.lo;
}

/* What a hello must be, whoever sends it. */
static bool hello_ok(const struct wire_hello_bytes *b,
		     const struct wire_hello *h)
{
	if (b->flags & ~WIRE_HELLO_FLAGS || b->zero)
		return false;
	if (!h->node.hi || !h->boot.counter || !h->boot.nonce)
		return false;
	if (!id_ok(h->to) || !id_ok(h->cluster))
		return false;
	if ((h->member || h->formed) && !raft_id_some(h->cluster))
		return false;
	return h->wire_min && h->wire_min <= h->wire_max && h->fsm_min &&
	       h->fsm_min <= h->fsm_max;
}

static bool get_hello(struct cursor *c, struct wire_hello *h)
{
	struct wire_hello_bytes b;
	const u8 *p = take(c, sizeof(b));

	if (!p)
		return false;
	memcpy(&b, p, sizeof(b));
	h->node = wire_id(&b.node);
	h->boot.counter = le64_to_cpu(b.boot_counter);
	h->boot.nonce = le64_to_cpu(b.boot_nonce);
	h->to = wire_id(&b.to);
	h->challenge = le64_to_cpu(b.challenge);
	h->echo = le64_to_cpu(b.echo);
	h->cluster = wire_id(&b.cluster);
	h->durable_term = le64_to_cpu(b.durable_term);
	h->durable_index = le64_to_cpu(b.durable_index);
	h->ask_counter = le64_to_cpu(b.ask_counter);
	h->answer_nonce = le64_to_cpu(b.answer_nonce);
	h->member = b.flags & WIRE_HELLO_MEMBER;
	h->formed = b.flags & WIRE_HELLO_FORMED;
	h->want = b.flags & WIRE_HELLO_WANT;
	h->doubt = b.flags & WIRE_HELLO_DOUBT;
	h->rolled_back = b.flags & WIRE_HELLO_ROLLED_BACK;
	h->wire_min = b.wire_min;
	h->wire_max = b.wire_max;
	h->fsm_min = b.fsm_min;
	h->fsm_max = b.fsm_max;
	h->name_len = b.name_len;
	return hello_ok(&b, h) && get_name(c, b.name_len, h->name);
}

static const s32 promise_errors[] = {
	[WIRE_PROMISED] = 0,
	[WIRE_PROMISED_OTHER] = -EEXIST,
	[WIRE_PROMISE_LATER] = -EBUSY,
};

/*
 * Only a request releases and names its coordinator always; only a reply has a
 * status and room, and may not know who coordinates the other cluster.
 */
static bool promise_ok(const struct wire_promise_bytes *b, u8 type,
		       const struct wire_promise *p)
{
	bool reply = type == WIRE_PROMISE_REPLY;

	if (b->release > 1 || b->status >= ARRAY_SIZE(promise_errors) ||
	    b->zero)
		return false;
	if (!p->cluster.hi || !id_ok(p->coordinator))
		return false;
	if (reply)
		return !b->release;
	return !b->status && !b->objects && raft_id_some(p->coordinator) &&
	       (b->name_len || b->release);
}

static bool get_promise(struct cursor *c, u8 type, struct wire_promise *p)
{
	struct wire_promise_bytes b;
	const u8 *at = take(c, sizeof(b));

	if (!at)
		return false;
	memcpy(&b, at, sizeof(b));
	p->cluster = wire_id(&b.cluster);
	p->coordinator = wire_id(&b.coordinator);
	if (!promise_ok(&b, type, p))
		return false;
	p->release = b.release;
	p->status = promise_errors[b.status];
	p->objects = le32_to_cpu(b.objects);
	p->name_len = b.name_len;
	p->name[0] = 0;
	return !b.name_len || get_name(c, b.name_len, p->name);
}

/* Sessions and renewals are counted from 1. */
static bool get_renew(struct cursor *c, struct wire_renew *r)
{
	struct wire_renew_bytes b;
	const u8 *at = take(c, sizeof(b));

	if (!at)
		return false;
	memcpy(&b, at, sizeof(b));
	r->session = le64_to_cpu(b.session);
	r->id = le64_to_cpu(b.id);
	return r->session && r->id;
}

/* The header says the same as the payload and as the key. */
static bool header_agrees(const struct wire_header *h, struct raft_id from,
			  const struct wire_msg *m)
{
	switch (m->type) {
	case WIRE_HELLO:
		return le64_to_cpu(h->from) == m->hello.node.hi &&
		       le64_to_cpu(h->cluster) == m->hello.cluster.hi;
	case WIRE_PROMISE:
	case WIRE_PROMISE_REPLY:
		return le64_to_cpu(h->from) == from.hi &&
		       le64_to_cpu(h->cluster) == m->promise.cluster.hi;
	default:
		return le64_to_cpu(h->from) == from.hi;
	}
}

static bool get_payload(struct cursor *c, struct raft_id from,
			struct raft_id to, struct wire_msg *m)
{
	switch (m->type) {
	case WIRE_HELLO:
		return get_hello(c, &m->hello);
	case WIRE_RAFT:
		return get_raft(c, from, to, m);
	case WIRE_FORWARD:
		return get_forward(c, &m->forward);
	case WIRE_PROMISE:
	case WIRE_PROMISE_REPLY:
		return get_promise(c, m->type, &m->promise);
	case WIRE_RENEW:
	case WIRE_RENEWED:
		return get_renew(c, &m->renew);
	default:
		return false;
	}
}

/**
 * wire_decode() - the gate
 * @buf: datagram that wire_peek() and wire_verify() let pass
 * @len: its length
 * @from: incarnation that its key belongs to; not looked at for a hello
 * @to: ours
 * @m: where to; its views point into @buf and into itself
 *
 * Return: WIRE_OK or WIRE_MALFORMED; then nothing of @m means anything.
 */
enum wire_drop wire_decode(const u8 *buf, u32 len, struct raft_id from,
			   struct raft_id to, struct wire_msg *m)
{
	struct cursor c = { buf + WIRE_HEADER, buf + len };
	struct wire_header h;

	memcpy(&h, buf, sizeof(h));
	m->type = h.type;
	if (h.flags || h.zero || !get_payload(&c, from, to, m) ||
	    c.p != c.end || !header_agrees(&h, from, m))
		return WIRE_MALFORMED;
	return WIRE_OK;
}
