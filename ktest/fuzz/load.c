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
enum { AT_SEED = 16, AT_HASH = 32, AT_BYTES = 48, AT_HEAD_HASH = 64 };

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

static void use(struct fsm *f)
{
	struct fsm_command c = {
		.op = FSM_COUNTER_ADD, .session = 2, .seq = 5, .low = 5,
		.handle = 1, .arg = 1, .name = "a", .name_len = 1,
	};
	struct fsm_outcome out;
	struct fsm_stats st;
	u8 buf[FSM_COMMAND_MAX];
	u16 len = fsm_encode(&c, buf);

	fsm_stats(f, &st);
	if (st.applied > U64_MAX - 2)
		return;
	if (fsm_room(f, st.applied, 1) ||
	    (arena_feed(f) && fsm_room(f, st.applied, 1)))
		MUST(!fsm_apply(f, st.applied + 1, buf, len, &out));
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

/* Sessions, one of them of a second incarnation; counters; every result. */
static const struct fsm_command history[] = {
	{ .op = FSM_INIT, .arg = 7, .arg2 = 5 },
#define OPEN(n, id) { .op = FSM_SESSION_OPEN, .name = n, .name_len = 1, \
	.node = { id, 1 }, .boot_counter = 1, .boot_nonce = 9, .arg2 = 1 }
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
};

/* Its snapshot; to be freed. */
static u8 *sample(u64 *len)
{
	struct fsm *f = arena_fsm();
	u64 index = 0, cap;
	unsigned int i;
	u8 *buf;

	MUST(arena_feed(f));
	for (i = 0; i < ARRAY_SIZE(history); i++)
		apply(f, &index, &history[i]);
	cap = fsm_snapshot_bytes(f);
	buf = malloc(cap);
	MUST(buf && !fsm_snapshot_begin(f, buf, cap));
	while (!fsm_snapshot_step(f, 1))
		;
	*len = fsm_snapshot_end(f);
	free(f);
	return buf;
}

/* The snapshot that the input stands for; to be freed. */
static u8 *snapshot(const u8 *data, size_t size, u64 *len)
{
	u8 *buf;

	if (!size || !(data[0] & 1)) {
		*len = size ? size - 1 : 0;
		return tight(size ? data + 1 : data, *len);
	}
	buf = sample(len);
	for (data++, size--; size >= 3; data += 3, size -= 3)
		buf[(data[0] | data[1] << 8) % *len] = data[2];
	return buf;
}

/* It may become the beginning of another cluster, as far as its counters go. */
static void rebase(struct fsm *f)
{
	struct fsm_rebase b = { .objects_max = 40, .advance = 3 };
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
		again(f);
		use(f);
		again(f);
		rebase(f);
		free(f);
	}
	free(buf);
	return 0;
}
