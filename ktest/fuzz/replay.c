// SPDX-License-Identifier: GPL-2.0
/*
 * A ring with a life behind it, then damaged, then read.
 *
 * Input: a stream of steps of that life (groups, votes, cuts, snapshots, power
 * cuts with any part of a group written, each of which must be found as it was);
 * behind a step that ends it, the damage:
 *
 *	one byte changed: nothing is missed. CLEAN means that all is there; DOUBT,
 *	that the last group may be missing, and nothing else, nor its vote.
 *
 *	sectors changed, and their checksums made right: no promise but that what
 *	is handed over is a log.
 */
#include "fuzz.h"
#include "../kunit/record_kit.h"

static u8 image[KIT_RING] __aligned(4096);
static u8 sectors[KIT_GROUP];
static u8 records[RECORD_GROUP_BYTES];
static u8 buf[KIT_WINDOW] __aligned(4096);
static struct kit kit;
static struct kit_log before;	/* the log without the last group */

static void clean(struct kit *k)
{
	MUST(kit_replay(k) == RECORD_CLEAN);
	MUST(!k->bad_call);
	MUST(kit_same(&k->found, &k->durable));
	MUST(kit_same_hard(k->replay.hard, k->hard));
	MUST(k->replay.ring.head == k->ring.head);
}

static bool room(const struct kit *k)
{
	return record_ring_free(&k->ring) >=
	       record_group_sectors(&k->ring, k->staged, true);
}

static void written(struct kit *k)
{
	if (!room(k))
		return;
	before = k->durable;
	kit_write(k);
}

/* Power fails while a group is being written: @some of it is there. */
static void power_cut(struct kit *k, u8 some)
{
	bool all = true;
	u32 i;

	if (!room(k))
		return;
	kit_seal(k);
	for (i = 0; i < k->n; i++)
		if (some >> (i & 7) & 1)
			kit_place(k, i);
		else
			all = false;
	if (all) {
		before = k->durable;
		kit_done(k);
	}
	clean(k);
	kit_start(k);
}

static void entries(struct kit *k, u32 n, u16 len)
{
	while (n-- && k->staged + record_entry_bytes(len) <= RECORD_GROUP_BYTES &&
	       k->log.last - k->super.base.index < KIT_LOG / 2)
		kit_entry(k, k->g.hard.term, len);
}

static void snapshot(struct kit *k, bool own)
{
	u64 index = k->g.commit;

	if (k->staged || k->g.hard_changed)
		return;
	if (own && index > k->super.base.index) {
		kit_compact(k, index);
		before.first = index + 1;
		before.last = max(before.last, index);
	} else if (!own && room(k)) {
		kit_install(k, k->log.last + 1, k->g.hard.term);
		kit_cut(k, k->log.last + 1);
		k->g.commit = k->log.last;
		before = k->durable;
		kit_write(k);
	}
}

static void step(struct kit *k, struct stream *s, u8 op)
{
	u64 last = k->log.last, open = last - k->g.commit;

	switch (op % 16) {
	case 0:
		entries(k, next8(s), (u16)next8(s));
		break;
	case 1:
		kit_vote(k, k->g.hard.term + 1, next8(s));
		break;
	case 2:
		if (open && k->staged < RECORD_GROUP_BYTES / 2)
			kit_cut(k, k->g.commit + 1 + next8(s) % (u32)open);
		break;
	case 3:
		k->g.commit = last - min_t(u64, open, next8(s));
		break;
	case 4:
		power_cut(k, next8(s));
		break;
	case 5:
		snapshot(k, true);
		break;
	case 6:
		snapshot(k, false);
		break;
	case 7:
		kit_super(k);
		break;
	case 8:
	case 9:
	case 10:
		written(k);
		break;
	default:
		entries(k, 1, (u16)(next8(s) * 2));
	}
}

/* Whatever was found, writing goes on behind it. */
static void go_on(struct kit *k)
{
	enum record_verdict v = k->replay.verdict;

	if (v == RECORD_CORRUPT)
		return;
	kit_start(k);
	kit_vote(k, k->hard.term + 1, 1);
	kit_entry(k, k->g.hard.term, 100);
	if (!room(k))
		return;
	kit_write(k);
	/* Damage behind it may lie just where the next group would be. */
	v = kit_replay(k);
	MUST(v == RECORD_CLEAN || v == RECORD_DOUBT);
	MUST(kit_same(&k->found, &k->durable));
	MUST(kit_same_hard(k->replay.hard, k->hard));
}

/*
 * No vote is forgotten. One of a group that was cut may come back, if there is
 * doubt whether that was durable: then it is as good as given.
 */
static void remembered(const struct kit *k)
{
	const struct raft_hard *now = &k->replay.hard, *was = &k->hard;

	if (kit_same_hard(*now, *was))
		return;
	MUST(k->replay.verdict == RECORD_DOUBT);
	MUST(now->term > was->term ||
	     (now->term == was->term && !raft_id_some(was->vote)));
}

/* One byte of the ring, most likely one that counts. */
static void one_byte(struct kit *k, struct stream *s)
{
	u64 at = next64(s), live = k->ring.head - k->ring.tail + 2;
	u8 how = next8(s);

	at = (k->ring.tail * RECORD_SECTOR + at % (live * RECORD_SECTOR)) %
	     KIT_RING;
	image[at] ^= how ? how : 1;
	switch (kit_replay(k)) {
	case RECORD_CLEAN:
		MUST(kit_same(&k->found, &k->durable));
		break;
	case RECORD_DOUBT:
		MUST(kit_same(&k->found, &k->durable) ||
		     kit_same(&k->found, &before));
		MUST(k->replay.bad == at / RECORD_SECTOR);
		break;
	case RECORD_CORRUPT:
		MUST(k->replay.bad == at / RECORD_SECTOR);
		return;
	default:
		MUST(0);
	}
	MUST(!k->bad_call);
	remembered(k);
	go_on(k);
}

/* ------------------------------------------------------------ sense of any kind */

static int any_entry(void *ctx, u64 index, const struct raft_entry *e)
{
	struct kit *k = ctx;
	u64 last = k->found.last;

	MUST(index == last + 1 && index > k->super.base.index);
	MUST(e->term && e->kind && e->len <= RAFT_ENTRY_MAX);
	touch(e->data, e->len);
	k->found.last = index;
	return 0;
}

static void any_cut(void *ctx, u64 index)
{
	struct kit *k = ctx;

	MUST(index > k->super.base.index && index <= k->found.last);
	k->found.last = index - 1;
}

static int any_group(void *ctx, const struct record_replay *rp)
{
	struct kit *k = ctx;

	MUST(rp->last == k->found.last && rp->commit <= rp->last);
	MUST(rp->groups <= KIT_SECTORS);
	return 0;
}

static void seal_place(struct kit *k, u32 place)
{
	u8 *p = image + place * RECORD_SECTOR;
	__le32 crc = cpu_to_le32(record_sector_crc(k->super.node, p));

	memcpy(p, &crc, sizeof(crc));
}

/* Bytes of sectors change, and it is as if they had been written so. */
static void rewritten(struct kit *k, struct stream *s)
{
	struct record_replay *rp = &k->replay;
	u32 place, n;

	while (s->left) {
		place = (u32)((k->ring.tail + next8(s)) % KIT_SECTORS);
		for (n = next8(s) % 8; n; n--)
			image[place * RECORD_SECTOR + next8(s) * 2 +
			      (n & 1)] = next8(s);
		seal_place(k, place);
	}
	kit_rewind(k);
	rp->entry = any_entry;
	rp->cut = any_cut;
	rp->group = any_group;
	record_replay(rp);
	MUST(rp->verdict != RECORD_UNREADABLE && rp->bad < KIT_SECTORS);
	MUST(rp->ring.head - rp->ring.tail <= KIT_SECTORS);
	MUST(rp->ring.cover <= RECORD_GROUP_SECTORS);
	MUST(rp->last >= k->super.base.index && rp->commit <= rp->last);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct stream s = { data, size };
	struct kit *k = &kit;
	u8 op = 0;

	k->image = image;
	k->sectors = sectors;
	k->records = records;
	k->buf = buf;
	kit_init(k);
	before = k->durable;
	while (s.left) {
		op = next8(&s);
		if (op >= 240)
			break;
		step(k, &s, op);
	}
	/* What is staged, and was never written, is gone. */
	clean(k);
	if (op & 1)
		rewritten(k, &s);
	else
		one_byte(k, &s);
	return 0;
}
