// SPDX-License-Identifier: GPL-2.0
/*
 * Any stream of commands through the state machine. What the gate lets through
 * is applied, whatever it is; what is refused changes nothing. A request that
 * comes again gets the result of the first time. A snapshot, taken in steps
 * while the stream goes on, loads to the state of the moment it was begun. Checks
 * find a difference where there is one, and only as far as is remembered. A state
 * that is rebased has its counters, and no session.
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
 * @born: nothing up to this index was applied by this state
 * @mark: hash at multiple m of FSM_CHECK_EVERY, at m mod twice FSM_CHECKS
 */
static struct run {
	struct fsm *f;
	u64 last;
	u8 *buf;
	struct fsm_stats then;
	u64 born;
	u64 mark[2 * FSM_CHECKS];
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
	       a->objects_max == b->objects_max && a->version == b->version &&
	       a->next_token == b->next_token;
}

static bool outcome_eq(const struct fsm_outcome *a, const struct fsm_outcome *b)
{
	return a->kind == b->kind && a->status == b->status &&
	       a->index == b->index && a->value == b->value &&
	       a->session == b->session && a->seq == b->seq;
}

/* One entry more was applied. */
static void applied(void)
{
	struct fsm_stats st;

	fsm_stats(r.f, &st);
	MUST(st.applied == ++r.last);
	if (!(r.last % FSM_CHECK_EVERY))
		r.mark[r.last / FSM_CHECK_EVERY % (2 * FSM_CHECKS)] = st.hash;
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
	MUST(!fsm_apply(r.f, r.last + 1, data, len, &again));
	MUST(outcome_eq(first, &again));
	applied();
	if (c.name_len)
		fsm_counter(r.f, c.name, c.name_len, &value, &index);
	MUST(value == then);
}

/* A check of some index around, right or wrong. */
static void check(struct stream *s)
{
	struct fsm_command c = { .op = FSM_CHECK };
	u64 now = r.last / FSM_CHECK_EVERY, m = now - next8(s) % 12 + 1;
	u8 lie = next8(s) & 1, buf[FSM_COMMAND_MAX];
	bool known = m <= now && m + FSM_CHECKS > now &&
		     m * FSM_CHECK_EVERY > r.born;
	struct fsm_stats before, after;
	struct fsm_outcome out;
	u64 index, hash;

	if (!m || m > now + 1 || !fsm_room(r.f, r.last, 1))
		return;
	c.arg = m * FSM_CHECK_EVERY;
	c.arg2 = r.mark[m % (2 * FSM_CHECKS)] ^ lie;
	fsm_stats(r.f, &before);
	MUST(fsm_checkpoint(r.f, &index, &hash) ==
	     (now && now * FSM_CHECK_EVERY > r.born));
	MUST(!fsm_apply(r.f, r.last + 1, buf, fsm_encode(&c, buf), &out));
	MUST((out.kind == FSM_OUT_DIFFERS) == (known && lie && before.version));
	MUST(out.kind == FSM_OUT_DIFFERS || out.kind == FSM_OUT_NONE);
	fsm_stats(r.f, &after);
	before.applied++;
	MUST(stats_eq(&before, &after));
	applied();
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
		applied();
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

/* Another cluster begins, close to where a hash is remembered or anywhere. */
static void rebase(struct stream *s)
{
	struct fsm_rebase b = { .objects_max = next8(s) & 15 };
	struct fsm_stats before, after;
	int err;

	if (r.buf)
		return;
	b.index = next8(s) & 1 ? (r.last | (FSM_CHECK_EVERY - 1)) -
				 (next8(s) & 7) : r.last + next8(s);
	b.advance = next8(s) & 1 ? number(s) : 0;
	fsm_stats(r.f, &before);
	do {
		err = fsm_rebase(r.f, &b, 2);
	} while (err == 1);
	fsm_stats(r.f, &after);
	if (err == -EINVAL) {
		MUST(stats_eq(&before, &after));
		return;
	}
	if (err) {
		MUST(err == -EOVERFLOW && b.advance);
		free(r.f);
		r = (struct run){ .f = arena_fsm() };
		arena_feed(r.f);
		return;
	}
	MUST(before.version && b.index > before.applied);
	MUST(after.applied == b.index && !after.sessions);
	MUST(after.objects == before.objects);
	MUST(after.objects_max == b.objects_max);
	MUST(after.next_token == max(before.next_token, b.index));
	r.last = b.index;
	r.born = b.index;
	snapshot_begin();
	snapshot_end(true);
}

static void step(struct stream *s)
{
	u8 op = next8(s);

	if (op < 0xe0)
		apply(s, op);
	else if (op < 0xe4)
		snapshot_begin();
	else if (op < 0xe8)
		check(s);
	else if (op < 0xf8)
		fsm_snapshot_step(r.f, op & 7);
	else if (op < 0xfc)
		snapshot_end(op & 1);
	else
		rebase(s);
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
