// SPDX-License-Identifier: GPL-2.0
/*
 * Any bytes as a snapshot. It is refused, or it is a state like any other:
 * commands apply to it, and its own snapshot loads to the same state.
 *
 * The sums over it are made right before it is loaded, else nothing but the
 * samples would ever get past them. Input: the snapshot.
 */
#include <linux/errno.h>
#include "arena.h"
#include "../../kmod/fsm/bytes.h"
#include "../../kmod/fsm/snapshot.h"

/* Where the sums stand: see snapshot.c. */
enum { AT_SEED = 16, AT_HASH = 32, AT_BYTES = 48, AT_HEAD_HASH = 56 };

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

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u8 *buf = tight(data, size);
	struct fsm *f;
	u64 hash;

	arena_reset();
	/* as it is; then with a right head; then with the right hash, too */
	f = load(buf, size, &hash);
	if (!f && size >= FSM_SNAP_HEAD) {
		sign(buf, size, fsm_get64(buf + AT_HASH));
		f = load(buf, size, &hash);
	}
	if (!f && size >= FSM_SNAP_HEAD) {
		arena_reset();
		sign(buf, size, hash);
		f = load(buf, size, &hash);
	}
	if (f) {
		again(f);
		use(f);
		again(f);
		free(f);
	}
	free(buf);
	return 0;
}
