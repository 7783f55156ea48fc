// SPDX-License-Identifier: GPL-2.0
/*
 * Any stream of commands through the state machine. What the gate lets through
 * is applied, whatever it is; what is refused changes nothing. A request that
 * comes again gets the result of the first time. A snapshot, taken in steps
 * while the stream goes on, loads to the state of the moment it was begun. Checks
 * find a difference where there is one, and only as far as is remembered. A state
 * that is rebased has its counters, and neither session nor lock. Tokens rise; no
 * lock has two holders that do not share it, or one that came before who waits; and
 * who asks for one ticket is told what is said of all. What a run does is what each of
 * its additions that was not resolved before would do, one behind the other.
 *
 * Input: a stream of steps.
 */
#include <linux/errno.h>
#include "arena.h"

enum { RUNS = 0x37 };	/* of the steps that are commands of locks, these are runs */

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

/**
 * struct prior - what was known before an entry that is a run
 * @c: the command; its name is in the entry's bytes
 * @run: it is one
 * @known: of each request: what fsm_result() returned
 * @was: and told
 * @there: the counter exists
 * @value: of it
 * @full: there is no room for another one
 */
static struct prior {
	struct fsm_command c;
	bool run;
	int known[FSM_RUN_MAX];
	struct fsm_outcome was[FSM_RUN_MAX];
	bool there;
	u64 value;
	bool full;
} prior;

static void name(struct stream *s, struct fsm_command *c)
{
	c->name = names[next8(s) % ARRAY_SIZE(names)];
	c->name_len = strlen(c->name);
}

/* A request: numbers are such that requests meet each other. */
static void request(struct stream *s, struct fsm_command *c)
{
	c->session = 1 + (next8(s) & 15);
	c->low = 1 + next8(s);
	c->seq = c->low + (next8(s) & 31) * 33;
	c->handle = next8(s) & 3;
}

/* What belongs to locks: a token is its grant's index, or close to it. */
static void lock_command(struct stream *s, struct fsm_command *c)
{
	u8 more = next8(s);

	c->stamp = more;
	if (c->op == FSM_EXPIRE)
		c->arg = 1 + (more & 15);
	if (c->op >= FSM_EXPIRE)
		return;
	name(s, c);
	request(s, c);
	c->arg = c->op == FSM_LOCK_ACQUIRE ? more & FSM_ACQUIRE_FLAGS :
		 c->op == FSM_SESSION_END ? 1 + (more & 15) :
		 r.last - (more & 31);
	c->arg2 = c->arg + (more >> 5 & 3);
	if (c->op == FSM_LOCK_REVOKE && more & 0x80)
		c->arg = 0;
	memcpy(c->program.comm, "fuzz", 4);
	if (c->op == FSM_COUNTER_ADD)
		c->arg = 1 + more;
	if (c->op == FSM_COUNTER_ADD || more & 0x80) {
		c->fence.name = c->name;
		c->fence.name_len = c->name_len;
		c->fence.token = r.last - (next8(s) & 31);
	}
	if (c->op != FSM_COUNTER_ADD && c->op != FSM_LOCK_ACQUIRE &&
	    c->op != FSM_LOCK_RELEASE)
		c->fence.name_len = 0;
	if (c->op == FSM_COUNTER_ADD)
		c->stamp = 0;
}

/* A command whose numbers are such that commands meet each other. */
static u16 command(struct stream *s, u8 op, u8 *out)
{
	struct fsm_command c = { .op = op };

	if (op == FSM_INIT) {
		c.arg = next8(s);
		c.arg2 = 1 + (next8(s) & 31);
	} else if (op == FSM_SESSION_OPEN) {
		name(s, &c);
		c.node = (struct raft_id){ 1 + (next8(s) & 3), 1 };
		c.boot_counter = next8(s) & 3;
		c.boot_nonce = next8(s) & 3;
		c.arg2 = next8(s) & 3;
		c.arg = FSM_TTL_MIN_MS + c.arg2;
	} else {
		name(s, &c);
		request(s, &c);
		c.arg = op == FSM_HANDLE_CLOSE ? next8(s) % c.seq :
						 number(s) | 1;
	}
	return fsm_encode(&c, out);
}

static u16 command_of_run(struct stream *s, u8 *out)
{
	struct fsm_command c = { .op = FSM_COUNTER_RUN };

	name(s, &c);
	request(s, &c);
	c.arg = number(s) | 1;
	c.arg2 = 2 + next8(s);
	return fsm_encode(&c, out);
}

static u16 command_of_locks(struct stream *s, u8 which, u8 *out)
{
	static const u8 ops[] = {
		FSM_LOCK_ACQUIRE, FSM_LOCK_ACQUIRE, FSM_LOCK_ACQUIRE,
		FSM_LOCK_RELEASE, FSM_LOCK_LEAVE, FSM_LOCK_REVOKE,
		FSM_SESSION_END, FSM_EXPIRE, FSM_REAP, FSM_COUNTER_ADD,
		FSM_LOCK_ACQUIRE,
	};
	struct fsm_command c = { .op = ops[which % ARRAY_SIZE(ops)] };

	lock_command(s, &c);
	return fsm_encode(&c, out);
}

/* The bytes of the next entry: a command, or anything. */
static u16 entry(struct stream *s, u8 op, u8 *out)
{
	u16 len, i;

	if (op & 0x80 && (op & 0x3f) >= RUNS)
		len = command_of_run(s, out);
	else if (op & 0x80)
		len = command_of_locks(s, op & 0x3f, out);
	else if (op % 6)
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
	       a->next_token == b->next_token && a->locks == b->locks &&
	       a->held == b->held && a->waiting == b->waiting &&
	       a->dying == b->dying;
}

static bool outcome_eq(const struct fsm_outcome *a, const struct fsm_outcome *b)
{
	return a->kind == b->kind && a->status == b->status &&
	       a->index == b->index && a->value == b->value &&
	       a->session == b->session && a->seq == b->seq &&
	       a->count == b->count && a->ended == b->ended;
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

/* What is known before @data is applied, if it is a run. */
static void run_before(const u8 *data, u16 len)
{
	struct prior *b = &prior;
	const struct fsm_command *c = &b->c;
	struct fsm_stats st;
	u64 i, index;

	/* Before the first entry that says what there is, nothing is. */
	fsm_stats(r.f, &st);
	b->run = !fsm_decode(&b->c, data, len) && c->op == FSM_COUNTER_RUN &&
		 st.version;
	if (!b->run)
		return;
	for (i = 0; i < c->arg2; i++)
		b->known[i] = fsm_result(r.f, c->session, c->seq + i, &b->was[i]);
	b->value = 0;
	b->there = !fsm_counter(r.f, c->name, c->name_len, &b->value, &index);
	b->full = st.objects >= st.objects_max;
}

/* One of a run that is resolved by it now: as if it were alone, and the next one. */
static void run_one(struct prior *b, const struct fsm_outcome *now)
{
	u64 sum = b->value + b->c.arg;

	MUST(now->index == r.last + 1);
	switch (now->status) {
	case 0:
		MUST(sum > b->value && now->value == sum && (b->there || !b->full));
		b->there = true;
		b->value = sum;
		break;
	case -EOVERFLOW:
		MUST(b->there && sum < b->value);
		break;
	case -ENOSPC:
		MUST(!b->there && b->full);
		break;
	default:
		MUST(now->status == -ECANCELED);
	}
}

/* It has been applied. */
static void run_after(const struct fsm_outcome *out)
{
	struct prior *b = &prior;
	const struct fsm_command *c = &b->c;
	struct fsm_outcome now;
	u64 i, value, index;
	int err;

	MUST(out->kind == FSM_OUT_RESULT && out->session == c->session);
	MUST(out->seq == c->seq && out->count == c->arg2);
	for (i = 0; i < c->arg2; i++) {
		err = fsm_result(r.f, c->session, c->seq + i, &now);
		MUST((out->status == -EKEYEXPIRED) == (err == -EKEYEXPIRED));
		if (err) {
			MUST(err == b->known[i]);
			continue;
		}
		MUST(!out->status && now.count == 1 && now.seq == c->seq + i);
		if (!b->known[i])
			MUST(outcome_eq(&b->was[i], &now));
		else
			run_one(b, &now);
	}
	MUST(b->there == !fsm_counter(r.f, c->name, c->name_len, &value, &index));
	MUST(!b->there || value == b->value);
}

/* The same run a second time is no news, and changes nothing. */
static void repeat_run(const u8 *data, u16 len, const struct fsm_outcome *first)
{
	struct fsm_stats then, after;
	struct fsm_outcome again;

	if (first->status)
		return;
	MUST(!fsm_news(r.f, &prior.c));
	if (!fsm_room(r.f, r.last, 1))
		return;
	fsm_stats(r.f, &then);
	run_before(data, len);
	MUST(!fsm_apply(r.f, r.last + 1, data, len, &again));
	MUST(!again.status && !again.n_events);
	run_after(&again);
	applied();
	fsm_stats(r.f, &after);
	then.applied++;
	MUST(stats_eq(&then, &after));
}

/* The same bytes a second time: the result of the first, and no effect. */
static void repeat(const u8 *data, u16 len, const struct fsm_outcome *first)
{
	struct fsm_outcome again, known;
	struct fsm_stats before, after;

	if (first->kind != FSM_OUT_RESULT || first->status == -EKEYEXPIRED)
		return;
	if (first->ended == first->session) {
		MUST(fsm_result(r.f, first->session, first->seq, &known) ==
		     -EKEYEXPIRED);
		return;
	}
	MUST(!fsm_result(r.f, first->session, first->seq, &known));
	known.ended = first->ended;
	MUST(outcome_eq(first, &known));
	MUST(!fsm_fresh(r.f, first->session, first->seq));
	if (!fsm_room(r.f, r.last, 1))
		return;
	fsm_stats(r.f, &before);
	MUST(!fsm_apply(r.f, r.last + 1, data, len, &again));
	MUST(!again.ended && !again.n_events);
	again.ended = first->ended;
	MUST(outcome_eq(first, &again));
	applied();
	fsm_stats(r.f, &after);
	before.applied++;
	MUST(stats_eq(&before, &after));
}

/* What an entry has told of locks is so. */
static void told(const struct fsm_outcome *out)
{
	const struct fsm_event *e = fsm_events(r.f);
	struct fsm_stats st;
	struct fsm_ticket t;
	u32 i;

	fsm_stats(r.f, &st);
	MUST(out->n_events <= FSM_EVENTS_MAX);
	for (i = 0; i < out->n_events; i++, e++) {
		t.token = 0;
		switch (e->type) {
		case FSM_EVENT_GRANTED:
			MUST(!fsm_ticket(r.f, e->ticket, &t));
			MUST(t.token == e->token && t.index == r.last + 1 &&
			     t.session == e->session && t.handle == e->handle);
			MUST(e->token && e->token < st.next_token);
			break;
		case FSM_EVENT_REVOKED:
			MUST(e->token && fsm_ticket(r.f, e->ticket, &t) == -ENOENT);
			break;
		default:
			MUST(e->type == FSM_EVENT_WANTED);
			MUST(e->name_len && e->name_len <= FSM_NAME_MAX);
			touch(e->name, e->name_len);
		}
	}
}

/* Is @v what is said of its ticket, and does its fence hold? */
static void look_at(const struct fsm_claim_view *v)
{
	struct fsm_ticket t, other;
	u64 ticket = 0;
	u32 n = 0;

	MUST(!fsm_ticket(r.f, v->ticket, &t));
	MUST(t.session == v->session && t.handle == v->handle &&
	     t.token == v->token && t.index == v->index);
	MUST(v->index <= r.last && v->ticket <= r.last);
	MUST(!v->node == !fsm_session_view(r.f, v->session,
					   &(struct fsm_session_view){ 0 }));
	if (!v->token)
		return;
	MUST(fsm_fence(r.f, v->name, v->name_len, v->token) ==
	     (v->dead ? -ESTALE : 0));
	while (fsm_holder_next(r.f, v->name, v->name_len, &ticket, &other)) {
		n++;
		MUST(v->shared || other.token == v->token);
	}
	MUST(n);
}

/* All claims, and what there is to be said of each. */
static void look(void)
{
	struct fsm_claim_view v;
	struct fsm_stats st;
	u32 cursor = 0, held = 0, waiting = 0;

	while (cursor != U32_MAX) {
		if (!fsm_claim_next(r.f, &cursor, 10, &v))
			continue;
		held += !!v.token;
		waiting += !v.token;
		look_at(&v);
	}
	fsm_stats(r.f, &st);
	MUST(held == st.held && waiting == st.waiting);
	MUST(st.locks + held + waiting <= st.objects);
	MUST(st.objects <= st.objects_max);
	MUST(fsm_dying(r.f) || !st.dying);
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
	run_before(data, len);
	err = fsm_apply(r.f, r.last + 1, data, len, &out);
	fsm_stats(r.f, &after);
	MUST(!err || err == -EINVAL || err == -EPROTO);
	if (err) {
		MUST(out.kind == FSM_OUT_NONE && stats_eq(&before, &after));
	} else {
		MUST(after.next_token >= before.next_token);
		told(&out);
		if (prior.run)
			run_after(&out);
		applied();
		if (prior.run)
			repeat_run(data, len, &out);
		else if (len)
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
	struct fsm_rebase b = { .objects_max = next8(s) & 63 };
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
	MUST(!after.locks && !after.held && !after.waiting && !after.dying);
	MUST(after.objects <= before.objects);
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
	else if (op < 0xe6)
		check(s);
	else if (op < 0xe8)
		look();
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
	look();
	while (fsm_take_back(r.f))
		chunks++;
	MUST(chunks <= arena.used);
	free(r.f);
	return 0;
}
