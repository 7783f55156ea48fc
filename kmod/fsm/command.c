// SPDX-License-Identifier: GPL-2.0
/*
 * Commands as bytes. All of a kind have one shape: a head, some words, a name, a
 * fence.
 *
 *	0	op
 *	1	length of the name
 *	2	le16	of a request: seq - low in the low 10 bits, length of the
 *			fence's name in the upper 6. INIT: version. Else zero
 *	4	le32	stamp, of the ops that have one; else zero
 *	8	le64	words, as the shape says
 *	...	name, with zeros to the next multiple of 8
 *	...	a fence, if its name has a length: le64 token, not 0; and its name,
 *		padded the same way
 *
 * There is one way to write each command: what decodes encodes to the same
 * bytes again.
 */
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/build_bug.h>
#include "bytes.h"
#include "command.h"
#include "fsm.h"

enum {
	HEAD = 8,
	WORD = 8,
	WORDS_MAX = 7,
	ABOVE_BITS = 10,	/* of seq - low; the fence's length is above */
	ABOVE_MASK = (1 << ABOVE_BITS) - 1,
	/* Of the head as one number: no stamp and no fence is 0 from here on. */
	FENCE_SHIFT = 16 + ABOVE_BITS,
	STAMP_SHIFT = 32,
};

/* What a shape may have beside its words. */
enum {
	REQUEST = 1 << 0,	/* first words: session, seq; nobody's else */
	NAME = 1 << 1,
	STAMP = 1 << 2,
	FENCE = 1 << 3,		/* may have one */
};

static const struct shape {
	u8 words;
	u8 has;
} shapes[] = {
	/* hash seed, limit of objects */
	[FSM_INIT] = { 2, 0 },
	/* node (2), boot (2), ordinal, TTL */
	[FSM_SESSION_OPEN] = { 6, NAME },
	/* session, seq, handle, arg */
	[FSM_COUNTER_ADD] = { 4, REQUEST | NAME | FENCE },
	/* session, seq */
	[FSM_CANCEL] = { 2, REQUEST },
	/* session, seq, handle, arg */
	[FSM_HANDLE_CLOSE] = { 4, REQUEST | STAMP },
	/* index, hash */
	[FSM_CHECK] = { 2, 0 },
	/* session, seq, handle, flags, pid and above it uid, comm (2) */
	[FSM_LOCK_ACQUIRE] = { 7, REQUEST | NAME | STAMP | FENCE },
	/* session, seq, handle, ticket, token */
	[FSM_LOCK_RELEASE] = { 5, REQUEST | STAMP | FENCE },
	/* session, seq, handle, ticket */
	[FSM_LOCK_LEAVE] = { 4, REQUEST | STAMP },
	/* session, seq, handle, token */
	[FSM_LOCK_REVOKE] = { 4, REQUEST | NAME | STAMP },
	/* session, seq, handle, session that ends */
	[FSM_SESSION_END] = { 4, REQUEST | STAMP },
	/* session that ends */
	[FSM_EXPIRE] = { 1, STAMP },
	[FSM_REAP] = { 0, STAMP },
	/* session, seq, handle, arg, how many */
	[FSM_COUNTER_RUN] = { 5, REQUEST | NAME },
};

static u64 word(const u8 *p, unsigned int i)
{
	return fsm_get64(p + HEAD + i * WORD);
}

/* The words of a request; what stands behind those of its shape is not written. */
static void words_of_request(const struct fsm_command *c, u64 *w)
{
	w[0] = c->session;
	w[1] = c->seq;
	w[2] = c->handle;
	w[3] = c->arg;
	w[4] = c->arg2;
	if (c->op != FSM_LOCK_ACQUIRE)
		return;
	w[4] = (u64)c->program.uid << 32 | c->program.pid;
	w[5] = fsm_get64((const u8 *)c->program.comm);
	w[6] = fsm_get64((const u8 *)c->program.comm + WORD);
}

/* The words of what is nobody's request, in the order of its shape. */
static void words_of_other(const struct fsm_command *c, u64 *w)
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
		w[5] = c->arg;
		break;
	default:
		w[0] = c->arg;
	}
}

/* What stands in the head beside op and length, and the words. */
static u16 words_of(const struct fsm_command *c, const struct shape *s, u64 *w)
{
	if (likely(s->has & REQUEST)) {
		words_of_request(c, w);
		return c->seq - c->low + (c->fence.name_len << ABOVE_BITS);
	}
	words_of_other(c, w);
	return c->op == FSM_INIT ? FSM_VERSION : 0;
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

	BUILD_BUG_ON(HEAD + (WORDS_MAX + 1) * WORD + 2 * (FSM_NAME_MAX + 1) -
		     FSM_COMMAND_MAX);
	BUILD_BUG_ON(FSM_WINDOW != 1 << ABOVE_BITS);
	BUILD_BUG_ON(FSM_NAME_MAX != (1 << (16 - ABOVE_BITS)) - 1);
	BUILD_BUG_ON(FSM_COMM != 2 * WORD);
	buf[0] = c->op;
	buf[1] = s->has & NAME ? c->name_len : 0;
	p = fsm_put16(p, words_of(c, s, w));
	p = fsm_put32(p, c->stamp);
	for (i = 0; i < s->words; i++)
		p = fsm_put64(p, w[i]);
	if (s->has & NAME)
		p = fsm_put_name(p, c->name, c->name_len);
	if (c->fence.name_len) {
		p = fsm_put64(p, c->fence.token);
		p = fsm_put_name(p, c->fence.name, c->fence.name_len);
	}
	return p - buf;
}

/* A later version may have other limits: what is not known is not judged. */
static int decode_init(struct fsm_command *c, const u8 *p)
{
	c->seq = fsm_get16(p + 2);
	c->arg = word(p, 0);
	c->arg2 = word(p, 1);
	if (c->seq > FSM_VERSION)
		return -EPROTO;
	if (!c->seq || !c->arg2 || c->arg2 > FSM_OBJECTS_LIMIT)
		return -EINVAL;
	return 0;
}

/* Boot and ordinal may be anything; nobody (pitfall 3) opens no session. */
static int decode_open(struct fsm_command *c, const u8 *p)
{
	c->node.hi = word(p, 0);
	c->node.lo = word(p, 1);
	c->boot_counter = word(p, 2);
	c->boot_nonce = word(p, 3);
	c->arg2 = word(p, 4);
	c->arg = word(p, 5);
	if (c->arg < FSM_TTL_MIN_MS || c->arg > FSM_TTL_MAX_MS)
		return -EINVAL;
	return raft_id_some(c->node) ? 0 : -EINVAL;
}

/* Who asks. The name of a program is what it is, but it has one end. */
static int decode_acquire(struct fsm_command *c, const u8 *p)
{
	c->program.pid = word(p, 4);
	c->program.uid = word(p, 4) >> 32;
	memcpy(c->program.comm, p + HEAD + 5 * WORD, FSM_COMM);
	if (!fsm_text_padded(c->program.comm, FSM_COMM))
		return -EINVAL;
	return c->arg & ~(u64)FSM_ACQUIRE_FLAGS ? -EINVAL : 0;
}

/*
 * A run ends within the window, and one addition alone is none: there is one way to
 * say it.
 */
static int decode_run(struct fsm_command *c, const u8 *p)
{
	c->arg2 = word(p, 4);
	if (!c->arg || c->arg2 < 2 || c->arg2 > FSM_RUN_MAX)
		return -EINVAL;
	if (c->seq - c->low + c->arg2 > FSM_WINDOW)
		return -EINVAL;
	return c->seq > U64_MAX - c->arg2 ? -EINVAL : 0;
}

/* What a request asks for. A close can only speak of what came before itself. */
static int decode_arg(struct fsm_command *c, const u8 *p)
{
	switch (c->op) {
	case FSM_COUNTER_RUN:
		return decode_run(c, p);
	case FSM_HANDLE_CLOSE:
		return c->arg < c->seq ? 0 : -EINVAL;
	case FSM_LOCK_ACQUIRE:
		return decode_acquire(c, p);
	case FSM_LOCK_RELEASE:
		c->arg2 = word(p, 4);
		return c->arg && c->arg2 ? 0 : -EINVAL;
	case FSM_LOCK_REVOKE:
		return 0;
	default:
		return c->arg ? 0 : -EINVAL;
	}
}

/* Seq and low start at 1, and the window bounds what is between them. */
static int decode_request(struct fsm_command *c, const u8 *p)
{
	u16 above = fsm_get16(p + 2) & ABOVE_MASK;

	c->session = word(p, 0);
	c->seq = word(p, 1);
	if (!c->session || c->seq <= above)
		return -EINVAL;
	c->low = c->seq - above;
	if (c->op == FSM_CANCEL) {
		c->handle = 0;
		c->arg = 0;
		return 0;
	}
	c->handle = word(p, 2);
	c->arg = word(p, 3);
	if (likely(c->op == FSM_COUNTER_ADD))
		return c->arg ? 0 : -EINVAL;
	return decode_arg(c, p);
}

/*
 * Nobody's request. Which indexes are remembered for a CHECK is not the format's
 * business, but nothing was ever there at 0. Any hash is possible.
 */
static int decode_other(struct fsm_command *c, const u8 *p)
{
	c->session = 0;
	c->seq = 0;
	c->low = 0;
	c->handle = 0;
	c->arg = 0;
	if (c->op == FSM_INIT)
		return decode_init(c, p);
	if (fsm_get16(p + 2))
		return -EINVAL;
	switch (c->op) {
	case FSM_SESSION_OPEN:
		return decode_open(c, p);
	case FSM_CHECK:
		c->arg2 = word(p, 1);
		fallthrough;
	case FSM_EXPIRE:
		c->arg = word(p, 0);
		return c->arg ? 0 : -EINVAL;
	default:
		return 0;
	}
}

/* A name of @len bytes at @p that is valid, and zeros up to the next word. */
static int decode_name(const u8 *p, u8 len)
{
	if (!fsm_name_padded(p, len))
		return -EINVAL;
	return fsm_name_check((const char *)p, len) ? -EINVAL : 0;
}

/* The fence at @p; the length of its name is known. */
static int decode_fence(struct fsm_command *c, const u8 *p)
{
	c->fence.token = fsm_get64(p);
	c->fence.name = (const char *)p + WORD;
	return c->fence.token ? decode_name(p + WORD, c->fence.name_len) :
				-EINVAL;
}

/*
 * A stamp, or bits where a fence's length is. May such a command have them? Returns
 * the bytes of the fence.
 */
static int decode_extra(struct fsm_command *c, const struct shape *s, u64 head)
{
	u8 fence = s->has & REQUEST ? head >> FENCE_SHIFT & FSM_NAME_MAX : 0;

	c->stamp = head >> STAMP_SHIFT;
	if ((c->stamp && !(s->has & STAMP)) || (fence && !(s->has & FENCE)))
		return -EINVAL;
	c->fence.name_len = fence;
	return fence ? WORD + fsm_padded(fence) : 0;
}

/* Is it as long as the lengths in its head say, and has it only what it may? */
static bool fits(struct fsm_command *c, const struct shape *s, const u8 *buf,
		 u16 len)
{
	u64 head = fsm_get64(buf);
	int extra = 0;

	c->op = head;
	c->name_len = head >> 8;
	if (unlikely(head >> FENCE_SHIFT)) {
		extra = decode_extra(c, s, head);
		if (extra < 0)
			return false;
	}
	return c->name_len <= FSM_NAME_MAX &&
	       len == HEAD + s->words * WORD + fsm_padded(c->name_len) + extra &&
	       !(s->has & NAME) == !c->name_len;
}

/**
 * fsm_decode() - the gate for commands
 * @c: what it says; @c->name and @c->fence.name point into @buf. After an error it
 *	says nothing
 * @buf: bytes from anywhere
 * @len: how many
 *
 * Return: 0; -EINVAL malformed; -EPROTO an op or a version that is not known
 * here, so that whoever must apply it has to stop.
 */
int fsm_decode(struct fsm_command *c, const u8 *buf, u16 len)
{
	const struct shape *s;
	const u8 *p;
	int err;

	if (len < HEAD || !buf[0])
		return -EINVAL;
	if (buf[0] >= ARRAY_SIZE(shapes))
		return -EPROTO;
	s = &shapes[buf[0]];
	/* What most commands have not; and no memset(), which costs more. */
	c->stamp = 0;
	c->arg2 = 0;
	c->fence.token = 0;
	c->fence.name_len = 0;
	if (!fits(c, s, buf, len))
		return -EINVAL;
	p = buf + HEAD + s->words * WORD;
	err = s->has & REQUEST ? decode_request(c, buf) : decode_other(c, buf);
	if (!err && s->has & NAME) {
		c->name = (const char *)p;
		err = decode_name(p, c->name_len);
	}
	if (!err && unlikely(c->fence.name_len))
		err = decode_fence(c, p + fsm_padded(c->name_len));
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
