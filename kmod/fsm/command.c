// SPDX-License-Identifier: GPL-2.0
/*
 * Commands as bytes. All of a kind have one shape: a head, some words, a name.
 *
 *	0	op
 *	1	length of the name
 *	2	le16	seq - low of a request; INIT: version
 *	4	le32	zero
 *	8	le64	words, as the shape says
 *	...	name, with zeros to the next multiple of 8
 *
 * There is one way to write each command: what decodes encodes to the same
 * bytes again.
 */
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/build_bug.h>
#include "bytes.h"
#include "command.h"
#include "fsm.h"

enum { HEAD = 8, WORD = 8, WORDS_MAX = 5 };

static const struct shape {
	u8 words;
	bool name;
} shapes[] = {
	[FSM_INIT] = { 2, false },	   /* hash seed, limit of objects */
	[FSM_SESSION_OPEN] = { 5, true },  /* node (2), boot (2), ordinal */
	[FSM_COUNTER_ADD] = { 4, true },   /* session, seq, handle, arg */
	[FSM_CANCEL] = { 2, false },	   /* session, seq */
	[FSM_HANDLE_CLOSE] = { 4, false }, /* session, seq, handle, arg */
	[FSM_CHECK] = { 2, false },	   /* index, hash */
};

/* The words of @c in the order of its shape; the rest of @w is not touched. */
static void words_of(const struct fsm_command *c, u64 *w)
{
	switch (c->op) {
	case FSM_INIT:
	case FSM_CHECK:
		w[0] = c->arg;
		w[1] = c->arg2;
		break;
	case FSM_SESSION_OPEN:
		w[0] = c->node.hi;
		w[1] = c->node.lo;
		w[2] = c->boot_counter;
		w[3] = c->boot_nonce;
		w[4] = c->arg2;
		break;
	default:
		w[0] = c->session;
		w[1] = c->seq;
		w[2] = c->handle;
		w[3] = c->arg;
	}
}

/* What stands in the head beside op and length. */
static u16 head_of(const struct fsm_command *c)
{
	switch (c->op) {
	case FSM_INIT:
		return FSM_VERSION;
	case FSM_SESSION_OPEN:
	case FSM_CHECK:
		return 0;
	default:
		return c->seq - c->low;
	}
}

/**
 * fsm_encode() - write a command
 * @c: command, as fsm_decode() would accept it
 * @buf: FSM_COMMAND_MAX bytes
 *
 * Return: the bytes written.
 */
u16 fsm_encode(const struct fsm_command *c, u8 *buf)
{
	const struct shape *s = &shapes[c->op];
	u64 w[WORDS_MAX];
	u8 *p = buf + 2;
	unsigned int i;

	BUILD_BUG_ON(HEAD + WORDS_MAX * WORD + FSM_NAME_MAX + 1 >
		     FSM_COMMAND_MAX);
	buf[0] = c->op;
	buf[1] = s->name ? c->name_len : 0;
	p = fsm_put16(p, head_of(c));
	p = fsm_put32(p, 0);
	words_of(c, w);
	for (i = 0; i < s->words; i++)
		p = fsm_put64(p, w[i]);
	if (s->name)
		p = fsm_put_name(p, c->name, c->name_len);
	return p - buf;
}

/* A later version may have other limits: what is not known is not judged. */
static int decode_init(struct fsm_command *c, const u8 *p)
{
	c->seq = fsm_get16(p + 2);
	c->arg = fsm_get64(p + HEAD);
	c->arg2 = fsm_get64(p + HEAD + WORD);
	if (c->seq > FSM_VERSION)
		return -EPROTO;
	if (!c->seq || !c->arg2 || c->arg2 > FSM_OBJECTS_LIMIT)
		return -EINVAL;
	return 0;
}

/* Boot and ordinal may be anything; nobody (pitfall 3) opens no session. */
static int decode_open(struct fsm_command *c, const u8 *p)
{
	if (fsm_get16(p + 2))
		return -EINVAL;
	c->node.hi = fsm_get64(p + HEAD);
	c->node.lo = fsm_get64(p + HEAD + WORD);
	c->boot_counter = fsm_get64(p + HEAD + 2 * WORD);
	c->boot_nonce = fsm_get64(p + HEAD + 3 * WORD);
	c->arg2 = fsm_get64(p + HEAD + 4 * WORD);
	return raft_id_some(c->node) ? 0 : -EINVAL;
}

/*
 * A request: seq and low start at 1, and the window bounds what is between
 * them. A close can only speak of what came before itself.
 */
static int decode_request(struct fsm_command *c, const u8 *p)
{
	u16 above = fsm_get16(p + 2);

	c->session = fsm_get64(p + HEAD);
	c->seq = fsm_get64(p + HEAD + WORD);
	if (!c->session || above >= FSM_WINDOW || c->seq <= above)
		return -EINVAL;
	c->low = c->seq - above;
	if (c->op == FSM_CANCEL)
		return 0;
	c->handle = fsm_get64(p + HEAD + 2 * WORD);
	c->arg = fsm_get64(p + HEAD + 3 * WORD);
	if (c->op == FSM_HANDLE_CLOSE)
		return c->arg < c->seq ? 0 : -EINVAL;
	return c->arg ? 0 : -EINVAL;
}

/*
 * Which indexes are remembered is not the format's business, but nothing was
 * ever there at 0. Any hash is possible.
 */
static int decode_check(struct fsm_command *c, const u8 *p)
{
	c->arg = fsm_get64(p + HEAD);
	c->arg2 = fsm_get64(p + HEAD + WORD);
	return fsm_get16(p + 2) || !c->arg ? -EINVAL : 0;
}

/* What stands before the name. */
static int decode_words(struct fsm_command *c, const u8 *p)
{
	switch (c->op) {
	case FSM_INIT:
		return decode_init(c, p);
	case FSM_SESSION_OPEN:
		return decode_open(c, p);
	case FSM_CHECK:
		return decode_check(c, p);
	default:
		return decode_request(c, p);
	}
}

/* A name that is valid, and nothing behind it. */
static int decode_name(struct fsm_command *c, const u8 *p)
{
	c->name = (const char *)p;
	if (!fsm_name_padded(p, c->name_len))
		return -EINVAL;
	return fsm_name_check(c->name, c->name_len) ? -EINVAL : 0;
}

/**
 * fsm_decode() - the gate for commands
 * @c: what it says; @c->name points into @buf
 * @buf: bytes from anywhere
 * @len: how many
 *
 * Return: 0; -EINVAL malformed; -EPROTO an op or a version that is not known
 * here, so that whoever must apply it has to stop.
 */
int fsm_decode(struct fsm_command *c, const u8 *buf, u16 len)
{
	const struct shape *s;
	int err;

	*c = (struct fsm_command){ 0 };
	if (len < HEAD || !buf[0])
		return -EINVAL;
	if (buf[0] >= ARRAY_SIZE(shapes))
		return -EPROTO;
	s = &shapes[buf[0]];
	c->op = buf[0];
	c->name_len = buf[1];
	if (c->name_len > FSM_NAME_MAX || s->name != !!c->name_len ||
	    len != HEAD + s->words * WORD + fsm_padded(c->name_len) ||
	    fsm_get32(buf + 4))
		return -EINVAL;
	err = decode_words(c, buf);
	if (!err && s->name)
		err = decode_name(c, buf + HEAD + s->words * WORD);
	return err;
}

/**
 * fsm_encode_init() - what the first entry of a cluster holds
 * @buf: FSM_COMMAND_MAX bytes
 * @seed: keys the hashes; from a good source, so that names cannot be chosen
 *	to collide
 * @objects_max: replicated limit, 1 to FSM_OBJECTS_LIMIT
 *
 * Return: the bytes written.
 */
u16 fsm_encode_init(u8 *buf, u64 seed, u32 objects_max)
{
	const struct fsm_command c = {
		.op = FSM_INIT, .arg = seed, .arg2 = objects_max,
	};

	return fsm_encode(&c, buf);
}
