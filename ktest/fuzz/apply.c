// SPDX-License-Identifier: GPL-2.0
/*
 * Any stream of commands through the state machine. What the gate lets through
 * is applied, whatever it is; what is refused changes nothing. A request that
 * comes again gets the result of the first time. A snapshot, taken in steps
 * while the stream goes on, loads to the state of the moment it was begun.
 *
 * Input: a stream of steps.
 */
#include <linux/errno.h>
#include "arena.h"

static const char *const names[] = {
	"a", "b", "orders", "\xc3\xa4", "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
};

/**
 * struct run - a state machine and a snapshot of it
 * @f: the state
 * @last: index of the last entry applied
 * @buf: the open snapshot, NULL: none
 * @then: what the state was when it was begun
 */
static struct run {
	struct fsm *f;
	u64 last;
	u8 *buf;
	struct fsm_stats then;
} r;

static void name(struct stream *s, struct fsm_command *c)
{
	c->name = names[next8(s) % ARRAY_SIZE(names)];
	c->name_len = strlen(c->name);
}

/* A command whose numbers are such that commands meet each other. */
static u16 command(struct stream *s, u8 op, u8 *out)
{
	struct fsm_command c = { .op = op };

	if (op == FSM_INIT) {
		c.arg = next8(s);
		c.arg2 = 1 + (next8(s) & 7);
	} else if (op == FSM_SESSION_OPEN) {
		name(s, &c);
		c.node = (struct raft_id){ 1 + (next8(s) & 3), 1 };
		c.boot_counter = next8(s) & 3;
		c.boot_nonce = next8(s) & 3;
		c.arg2 = next8(s) & 3;
	} else {
		name(s, &c);
		c.session = 1 + (next8(s) & 15);
		c.low = 1 + next8(s);
		c.seq = c.low + (next8(s) & 31) * 33;
		c.handle = next8(s) & 3;
		c.arg = op == FSM_HANDLE_CLOSE ? next8(s) % c.seq :
						 number(s) | 1;
	}
	return fsm_encode(&c, out);
}

/* The bytes of the next entry: a command, or anything. */
static u16 entry(struct stream *s, u8 op, u8 *out)
{
	u16 len, i;

	if (op % 6)
		len = command(s, op % 6, out);
	else
		for (len = next8(s) % FSM_COMMAND_MAX, i = 0; i < len; i++)
			out[i] = next8(s);
	if (op & 0x40 && len)
		out[next8(s) % len] = next8(s);
	return len;
}

static bool stats_eq(const struct fsm_stats *a, const struct fsm_stats *b)
{
	return a->applied == b->applied && a->hash == b->hash &&
	       a->sessions == b->sessions && a->objects == b->objects &&
	       a->objects_max == b->objects_max && a->version == b->version;
}

static bool outcome_eq(const struct fsm_outcome *a, const struct fsm_outcome *b)
{
	return a->kind == b->kind && a->status == b->status &&
	       a->index == b->index && a->value == b->value &&
	       a->session == b->session && a->seq == b->seq;
}

/* The same bytes a second time: the result of the first, and no effect. */
static void repeat(const u8 *data, u16 len, const struct fsm_outcome *first)
{
	struct fsm_outcome again, known;
	u64 value = 0, then = 0, index;
	struct fsm_command c;

	if (first->kind != FSM_OUT_RESULT || first->status == -EKEYEXPIRED)
		return;
	MUST(!fsm_result(r.f, first->session, first->seq, &known));
	MUST(outcome_eq(first, &known));
	MUST(!fsm_fresh(r.f, first->session, first->seq));
	MUST(!fsm_decode(&c, data, len));
	if (c.name_len)
		fsm_counter(r.f, c.name, c.name_len, &then, &index);
	if (!fsm_room(r.f, r.last, 1))
		return;
	MUST(!fsm_apply(r.f, ++r.last, data, len, &again));
	MUST(outcome_eq(first, &again));
	if (c.name_len)
		fsm_counter(r.f, c.name, c.name_len, &value, &index);
	MUST(value == then);
}

static void apply(struct stream *s, u8 op)
{
	struct fsm_stats before, after;
	struct fsm_outcome out;
	u8 buf[FSM_COMMAND_MAX];
	u16 len = entry(s, op, buf);
	u8 *data;
	int err;

	if (!fsm_room(r.f, r.last, 1) &&
	    (!arena_feed(r.f) || !fsm_room(r.f, r.last, 1)))
		return;
	fsm_stats(r.f, &before);
	data = tight(buf, len);
	err = fsm_apply(r.f, r.last + 1, data, len, &out);
	fsm_stats(r.f, &after);
	MUST(!err || err == -EINVAL || err == -EPROTO);
	if (err) {
		MUST(out.kind == FSM_OUT_NONE && stats_eq(&before, &after));
	} else {
		MUST(after.applied == ++r.last);
		if (len)
			repeat(data, len, &out);
	}
	free(data);
}

static void snapshot_begin(void)
{
	u64 cap = fsm_snapshot_bytes(r.f);

	if (r.buf)
		return;
	r.buf = malloc(cap);
	MUST(r.buf);
	fsm_stats(r.f, &r.then);
	MUST(!fsm_snapshot_begin(r.f, r.buf, cap));
	MUST(fsm_snapshot_begin(r.f, r.buf, cap) == -EBUSY);
}

/* The snapshot as a state of its own is what the state was. */
static void load(const u8 *buf, u64 len)
{
	struct fsm *f = arena_fsm();
	struct fsm_stats st;
	int err;

	MUST(!fsm_load_begin(f, buf, len));
	while ((err = fsm_load_step(f, 3)))
		if (err != 1 && (err != -ENOMEM || !arena_feed(f)))
			break;
	if (err != -ENOMEM) {
		MUST(!err);
		fsm_stats(f, &st);
		MUST(stats_eq(&st, &r.then));
	}
	free(f);
}

static void snapshot_end(bool whole)
{
	u64 len;

	if (!r.buf)
		return;
	while (whole && !fsm_snapshot_step(r.f, 2))
		;
	len = fsm_snapshot_end(r.f);
	if (whole)
		load(r.buf, len);
	free(r.buf);
	r.buf = NULL;
}

static void step(struct stream *s)
{
	u8 op = next8(s);

	if (op < 0xe0)
		apply(s, op);
	else if (op < 0xe8)
		snapshot_begin();
	else if (op < 0xf8)
		fsm_snapshot_step(r.f, op & 7);
	else
		snapshot_end(op & 1);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct stream s = { data, size };
	unsigned int chunks = 0;

	arena_reset();
	r = (struct run){ .f = arena_fsm() };
	arena_feed(r.f);
	while (s.left)
		step(&s);
	snapshot_end(true);
	snapshot_begin();
	snapshot_end(true);
	while (fsm_take_back(r.f))
		chunks++;
	MUST(chunks <= arena.used);
	free(r.f);
	return 0;
}
