// SPDX-License-Identifier: GPL-2.0
/*
 * Any bytes as a snapshot. It is refused, or it is a state like any other:
 * commands apply to it, and its own snapshot loads to the same state.
 *
 * The sums over it are made right before it is loaded, else nothing would ever
 * get past them. Input: 0 and the snapshot; or 1 and changes, of three bytes
 * each (where, what), to the snapshot of a state that has some of everything.
 */
#include <linux/errno.h>
#include "arena.h"
#include "../../kmod/fsm/bytes.h"
#include "../../kmod/fsm/snapshot.h"

/* Where the sums stand: see snapshot.c. */
enum { AT_SEED = 16, AT_HASH = 32, AT_BYTES = 48, AT_HEAD_HASH = 80 };

/* Load @buf. NULL: refused, and *hash is what its records add up to. */
static struct fsm *load(const u8 *buf, u64 len, u64 *hash)
{
	struct fsm *f = arena_fsm();
	struct fsm_stats st;
	int err = fsm_load_begin(f, buf, len);

	while (!err && (err = fsm_load_step(f, 3)))
		if (err == 1 || (err == -ENOMEM && arena_feed(f)))
			err = 0;
	fsm_stats(f, &st);
	*hash = st.hash;
	if (!err)
		return f;
	MUST(err == -EINVAL || err == -ENOMEM);
	free(f);
	return NULL;
}

static void sign(u8 *buf, u64 len, u64 hash)
{
	struct fsm *f = arena_fsm();

	fsm_put64(buf, FSM_SNAP_MAGIC);
	fsm_put64(buf + AT_HASH, hash);
	fsm_put64(buf + AT_BYTES, len);
	if (fsm_get32(buf + 8))
		fsm_begin(f, 1, 1, fsm_get64(buf + AT_SEED));
	fsm_put64(buf + AT_HEAD_HASH, siphash(buf, AT_HEAD_HASH, &f->key));
	free(f);
}

/* One of any kind, for whatever may be there. */
static void use_one(struct fsm *f, const struct fsm_command *c)
{
	struct fsm_outcome out;
	struct fsm_stats st;
	u8 buf[FSM_COMMAND_MAX];
	u16 len = fsm_encode(c, buf);

	fsm_stats(f, &st);
	/* Where nothing that is counted from there can pass the end. */
	if (st.applied > U64_MAX / 2 || st.next_token > U64_MAX / 2)
		return;
	if (fsm_room(f, st.applied, 1) ||
	    (arena_feed(f) && fsm_room(f, st.applied, 1)))
		MUST(!fsm_apply(f, st.applied + 1, buf, len, &out));
}

static void use(struct fsm *f)
{
	static const struct fsm_command c[] = {
#define ASK(o, s, q, ...) { .op = (o), .session = (s), .seq = (q), .low = 800, \
	.handle = 1, __VA_ARGS__ }
		ASK(FSM_COUNTER_ADD, 3, 801, .arg = 1, .name = "a",
		    .name_len = 1),
		ASK(FSM_COUNTER_RUN, 3, 802, .arg = 1, .arg2 = 90, .name = "x",
		    .name_len = 1),
		ASK(FSM_LOCK_ACQUIRE, 13, 900, .name = "L", .name_len = 1),
		ASK(FSM_LOCK_RELEASE, 13, 901, .arg = 17, .arg2 = 17),
		ASK(FSM_LOCK_LEAVE, 13, 902, .arg = 18),
		ASK(FSM_LOCK_REVOKE, 13, 903, .name = "L", .name_len = 1),
		ASK(FSM_HANDLE_CLOSE, 3, 904, .arg = 903),
		{ .op = FSM_REAP },
		{ .op = FSM_EXPIRE, .arg = 13 },
		{ .op = FSM_EXPIRE, .arg = 3 },
		{ .op = FSM_REAP },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(c); i++)
		use_one(f, &c[i]);
}

/* Lists that were loaded can be gone through, and end. */
static void look(const struct fsm *f)
{
	struct fsm_claim_view v;
	struct fsm_stats st;
	u32 cursor = 0, n = 0;

	fsm_stats(f, &st);
	while (cursor != U32_MAX) {
		if (!fsm_claim_next(f, &cursor, 10, &v))
			continue;
		touch(v.name, v.name_len);
		if (v.node)
			touch(v.node, v.node_len);
		n++;
	}
	MUST(n == st.held + st.waiting);
}

/* The snapshot of what was loaded loads to the same. */
static void again(struct fsm *f)
{
	u64 cap = fsm_snapshot_bytes(f), hash, len;
	u8 *buf = malloc(cap);
	struct fsm_stats st;
	struct fsm *g;

	MUST(buf && !fsm_snapshot_begin(f, buf, cap));
	while (!fsm_snapshot_step(f, 5))
		;
	len = fsm_snapshot_end(f);
	fsm_stats(f, &st);
	g = load(buf, len, &hash);
	MUST(g || arena.used == ARENA_CHUNKS);
	MUST(!g || hash == st.hash);
	free(g);
	free(buf);
}

static void apply(struct fsm *f, u64 *index, const struct fsm_command *c)
{
	struct fsm_outcome out;
	u8 buf[FSM_COMMAND_MAX];
	u16 len = fsm_encode(c, buf);

	MUST(fsm_room(f, *index, 1));
	MUST(!fsm_apply(f, ++*index, buf, len, &out));
}

/*
 * Sessions, one of them of a second incarnation; counters; every result; locks held,
 * shared, waited for and left, with somebody who was told of a death.
 */
static const struct fsm_command history[] = {
	{ .op = FSM_INIT, .arg = 7, .arg2 = 500 },
#define OPEN(n, id) { .op = FSM_SESSION_OPEN, .name = n, .name_len = 1, \
	.node = { id, 1 }, .boot_counter = 1, .boot_nonce = 9, .arg2 = 1, \
	.arg = 5000 }
#define LOCK(s, q, h, n, a) { .op = FSM_LOCK_ACQUIRE, .session = s, .seq = q, \
	.low = 1, .handle = h, .arg = a, .name = n, .name_len = 1, \
	.program = { .pid = 5, .comm = "sh" } }
#define ADD(s, q, l, n, a) { .op = FSM_COUNTER_ADD, .session = s, .seq = q, \
	.low = l, .handle = 1, .arg = a, .name = n, .name_len = 1 }
	OPEN("a", 1), OPEN("b", 2),
	ADD(2, 1, 1, "x", 5), ADD(2, 2, 1, "x", U64_MAX), ADD(2, 4, 2, "y", 1),
	ADD(3, 1, 1, "z", 1), ADD(3, 2, 1, "u", 1), ADD(3, 4, 1, "v", 1),
	ADD(3, 6, 1, "w", 1),
	{ .op = FSM_CANCEL, .session = 3, .seq = 3, .low = 1 },
	{ .op = FSM_HANDLE_CLOSE, .session = 3, .seq = 7, .low = 1, .handle = 1,
	  .arg = 6 },
	OPEN("a", 4), ADD(13, 1, 1, "x", 1),
	LOCK(3, 8, 2, "D", 0), LOCK(3, 9, 3, "E", 0),
	LOCK(13, 2, 1, "L", 0), LOCK(3, 10, 4, "L", FSM_ACQUIRE_SHARED),
	LOCK(13, 3, 1, "D", 0), LOCK(13, 4, 1, "S", FSM_ACQUIRE_SHARED),
	LOCK(3, 11, 4, "S", FSM_ACQUIRE_SHARED),
	{ .op = FSM_HANDLE_CLOSE, .session = 3, .seq = 12, .low = 1,
	  .handle = 2, .arg = 11 },
	{ .op = FSM_HANDLE_CLOSE, .session = 3, .seq = 13, .low = 1,
	  .handle = 3, .arg = 12 },
	OPEN("d", 7), OPEN("e", 8),
};

enum { CROWD = 67, FIRST = 24, SECOND };

/*
 * Two who die with more than an entry may end: one leaves a grave, and then the
 * other a closed handle.
 */
static void bury(struct fsm *f, u64 *index)
{
	char letters[CROWD + 2];
	struct fsm_command c = LOCK(FIRST, 1, 1, letters, 0);
	unsigned int i;

	for (i = 0; i < sizeof(letters); i++)
		letters[i] = '!' + i;
	for (i = 0; i < 2 * CROWD; i++) {
		c.session = i & 1 ? FIRST : SECOND;
		c.seq = i + 1;
		c.low = c.seq;
		c.name = letters + i / 2;
		c.name_len = 1 + (i & 1);
		apply(f, index, &c);
	}
	apply(f, index, &(struct fsm_command){
		.op = FSM_EXPIRE, .arg = FIRST,
	});
	apply(f, index, &(struct fsm_command){
		.op = FSM_HANDLE_CLOSE, .session = SECOND, .seq = c.seq + 1,
		.low = c.seq + 1, .handle = 1, .arg = c.seq,
	});
}

/* Its snapshot; made once. */
static const u8 *sample(u64 *len)
{
	static u64 bytes;
	static u8 *buf;
	struct fsm *f;
	u64 index = 0, cap;
	unsigned int i;

	*len = bytes;
	if (buf)
		return buf;
	f = arena_fsm();
	MUST(arena_feed(f));
	for (i = 0; i < ARRAY_SIZE(history); i++)
		apply(f, &index, &history[i]);
	bury(f, &index);
	cap = fsm_snapshot_bytes(f);
	buf = malloc(cap);
	MUST(buf && !fsm_snapshot_begin(f, buf, cap));
	while (!fsm_snapshot_step(f, 1))
		;
	bytes = fsm_snapshot_end(f);
	*len = bytes;
	free(f);
	arena_reset();
	return buf;
}

/* The snapshot that the input stands for; to be freed. */
static u8 *snapshot(const u8 *data, size_t size, u64 *len)
{
	const u8 *known;
	u8 *buf;

	if (!size || !(data[0] & 1)) {
		*len = size ? size - 1 : 0;
		return tight(size ? data + 1 : data, *len);
	}
	known = sample(len);
	buf = tight(known, *len);
	for (data++, size--; size >= 3; data += 3, size -= 3)
		buf[(data[0] | data[1] << 8) % *len] = data[2];
	return buf;
}

/* It may become the beginning of another cluster, as far as its counters go. */
static void rebase(struct fsm *f)
{
	struct fsm_rebase b = { .objects_max = 400, .advance = 3 };
	struct fsm_stats st;
	int err;

	fsm_stats(f, &st);
	b.index = st.applied + 1;
	do {
		err = fsm_rebase(f, &b, 2);
	} while (err == 1);
	MUST(!err || err == -EOVERFLOW || err == -EINVAL);
	if (err)
		return;
	fsm_stats(f, &st);
	MUST(st.applied == b.index && st.next_token >= b.index && !st.sessions);
	MUST(!st.locks && !st.held && !st.waiting && !st.dying);
	again(f);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u64 hash, len;
	struct fsm *f;
	u8 *buf;

	arena_reset();
	buf = snapshot(data, size, &len);
	/* as it is; then with a right head; then with the right hash, too */
	f = load(buf, len, &hash);
	if (size == 1 && data[0] & 1)
		MUST(f);
	if (!f && len >= FSM_SNAP_HEAD) {
		sign(buf, len, fsm_get64(buf + AT_HASH));
		f = load(buf, len, &hash);
	}
	if (!f && len >= FSM_SNAP_HEAD) {
		arena_reset();
		sign(buf, len, hash);
		f = load(buf, len, &hash);
	}
	if (f) {
		look(f);
		again(f);
		use(f);
		look(f);
		again(f);
		rebase(f);
		free(f);
	}
	free(buf);
	return 0;
}
