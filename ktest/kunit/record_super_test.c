// SPDX-License-Identifier: GPL-2.0
/*
 * The superblock: what is written is what is read, and nothing else is. Where
 * things lie. The blank that it begins with.
 */
#include "../../uapi/linux/consensus_storage.h"
#include "record_case.h"

#define MIB BIT_ULL(20)

/* One with something in every field. */
static void fill(struct record_super *s)
{
	struct record_layout l;
	u32 i;

	record_layout(64 * MIB, 0, &l);
	record_super_init(s, &l, KIT_NODE);
	s->generation = 77;
	s->cluster = KIT_CLUSTER;
	s->coordinator = (struct raft_id){ 3, 4 };
	strcpy(s->promised_to, "alpha");
	memset(s->name, 'n', RECORD_NAME - 1);
	s->boots = 40;
	for (i = 0; i < RECORD_BOOTS; i++)
		s->boot_nonce[i] = 1000 + i;
	s->flags = RECORD_FAILED | RECORD_DOUBTS | RECORD_DOUBTS_VOTE;
	strcpy(s->why, "it was rolled back");
	s->base = kit_base(12345, 8, (struct record_mark){ 90, 4000, 0 });
	s->base.checksum = 0x1122334455667788;
	s->base.len = 100000;
	s->base.area = 1;
	s->base.config.n = 2;
	s->base.config.member[1].hi = 5;
	s->hard = (struct raft_hard){ .term = 9, .vote = { 6, 7 } };
	s->durable_group = 95;
	s->n_peers = 3;
	for (i = 0; i < s->n_peers; i++)
		s->peer[i] = (struct record_boot){ { i, 1 }, 2, 3 + i, 4, 5 };
}

/**
 * struct slots - what a case needs
 * @a: a superblock
 * @b: another
 * @slot: two slots
 */
struct slots {
	struct record_super a;
	struct record_super b;
	u8 slot[2][RECORD_SLOT] __aligned(8);
};

static struct slots *slots(struct kunit *test)
{
	struct slots *s = kit_memory(test, sizeof(*s));

	fill(&s->a);
	record_super_encode(&s->a, s->slot[0]);
	record_super_encode(&s->a, s->slot[1]);
	return s;
}

/* Any change of @s->a is in the bytes, and comes back from them. */
static void comes_back(struct kunit *test, struct slots *s)
{
	memset(s->slot[0], 0xee, RECORD_SLOT);
	memset(&s->b, 0xdd, sizeof(s->b));
	record_super_encode(&s->a, s->slot[0]);
	KUNIT_ASSERT_EQ(test, record_super_decode(&s->b, s->slot[0]), 0);
	record_super_encode(&s->b, s->slot[1]);
	KUNIT_EXPECT_EQ(test, memcmp(s->slot[0], s->slot[1], RECORD_SLOT), 0);
	KUNIT_EXPECT_EQ(test, s->b.generation, s->a.generation);
	KUNIT_EXPECT_EQ(test, s->b.boots, s->a.boots);
	KUNIT_EXPECT_EQ(test, s->b.flags, s->a.flags);
	KUNIT_EXPECT_EQ(test, s->b.base.index, s->a.base.index);
	KUNIT_EXPECT_EQ(test, s->b.base.position, s->a.base.position);
	KUNIT_EXPECT_EQ(test, s->b.base.config.n, s->a.base.config.n);
	KUNIT_EXPECT_EQ(test, s->b.durable_group, s->a.durable_group);
	KUNIT_EXPECT_EQ(test, s->b.n_peers, s->a.n_peers);
	KUNIT_EXPECT_TRUE(test, kit_same_hard(s->b.hard, s->a.hard));
	KUNIT_EXPECT_TRUE(test, raft_id_eq(s->b.node, s->a.node));
	KUNIT_EXPECT_TRUE(test, raft_id_eq(s->b.cluster, s->a.cluster));
	KUNIT_EXPECT_TRUE(test, raft_id_eq(s->b.coordinator, s->a.coordinator));
	KUNIT_EXPECT_STREQ(test, s->b.name, s->a.name);
	KUNIT_EXPECT_STREQ(test, s->b.why, s->a.why);
	KUNIT_EXPECT_STREQ(test, s->b.promised_to, s->a.promised_to);
	KUNIT_EXPECT_EQ(test, memcmp(&s->b.layout, &s->a.layout,
				     sizeof(s->a.layout)), 0);
	KUNIT_EXPECT_EQ(test, memcmp(s->b.peer, s->a.peer,
				     sizeof(s->a.peer)), 0);
	KUNIT_EXPECT_EQ(test, memcmp(s->b.boot_nonce, s->a.boot_nonce,
				     sizeof(s->a.boot_nonce)), 0);
}

static void superblock_comes_back(struct kunit *test)
{
	struct slots *s = slots(test);
	struct record_layout l;

	comes_back(test, s);
	KUNIT_ASSERT_EQ(test, record_layout(8 * MIB, 0, &l), 0);
	record_super_init(&s->a, &l, KIT_NODE);
	KUNIT_EXPECT_EQ(test, s->a.generation, 1);
	comes_back(test, s);
	/* What is behind a name's end is not written. */
	strcpy(s->a.name, "beta");
	s->a.name[10] = 'x';
	comes_back(test, s);
	KUNIT_EXPECT_EQ(test, s->b.name[10], 0);
}

/* Where the fields lie is for ever. */
static void superblock_is_the_same_for_ever(struct kunit *test)
{
	struct slots *s = slots(test);
	const u8 *p = s->slot[0];

	KUNIT_EXPECT_EQ(test, memcmp(p, "CNSSTORE\1\0\0\0", 12), 0);
	KUNIT_EXPECT_EQ(test, memcmp(p + 16, "\x4d\0\0\0\0\0\0\0", 8), 0);
	KUNIT_EXPECT_EQ(test, memcmp(p + 40, "\x34\x12\0\0\0\0\0\0\x78\x56", 10),
			0);
	KUNIT_EXPECT_EQ(test, memcmp(p + 88, "alpha\0", 6), 0);
	KUNIT_EXPECT_EQ(test, memcmp(p + 488, "\x39\x30\0\0\0\0\0\0\x08", 9), 0);
	KUNIT_EXPECT_EQ(test, p[536 + 2], 1);
	KUNIT_EXPECT_EQ(test, memcmp(p + 800, "\x09\0\0\0\0\0\0\0\x06", 9), 0);
	KUNIT_EXPECT_EQ(test, record_crc32c(~0U, p, RECORD_SLOT), 0xaf58313fU);
}

static void each_bit_counts(struct kunit *test)
{
	struct slots *s = slots(test);
	u32 bit;

	for (bit = 0; bit < 8 * RECORD_SLOT && !kit_failed(test); bit++) {
		s->slot[0][bit / 8] ^= 1 << bit % 8;
		KUNIT_EXPECT_EQ_MSG(test,
				    record_super_decode(&s->b, s->slot[0]),
				    -EINVAL, "bit %u", bit);
		s->slot[0][bit / 8] ^= 1 << bit % 8;
	}
	KUNIT_EXPECT_EQ(test, record_super_decode(&s->b, s->slot[0]), 0);
}

/* As if a newer program, or a wrong one, had written it: the checksum is right. */
static void seal(u8 *slot)
{
	u32 crc = record_crc32c(record_crc32c(~0U, slot, 12), slot + 16,
				RECORD_SLOT - 16);
	__le32 le = cpu_to_le32(crc);

	memcpy(slot + 12, &le, sizeof(le));
}

static void newer_format_is_told_apart(struct kunit *test)
{
	struct slots *s = slots(test);

	s->slot[0][8] = RECORD_VERSION + 1;
	KUNIT_EXPECT_EQ(test, record_super_decode(&s->b, s->slot[0]), -EINVAL);
	seal(s->slot[0]);
	KUNIT_EXPECT_EQ(test, record_super_decode(&s->b, s->slot[0]), -EPROTO);
	KUNIT_EXPECT_EQ(test, record_super_choose(&s->b, s->slot[0],
						  s->slot[1]), -EPROTO);
	KUNIT_EXPECT_EQ(test, record_super_choose(&s->b, s->slot[1],
						  s->slot[0]), -EPROTO);
	s->slot[0][8] = 0;
	seal(s->slot[0]);
	KUNIT_EXPECT_EQ(test, record_super_decode(&s->b, s->slot[0]), -EINVAL);
	memset(s->slot[0], 0, RECORD_SLOT);
	KUNIT_EXPECT_EQ(test, record_super_decode(&s->b, s->slot[0]), -ENODATA);
}

/* Zeros are zero: no byte that means nothing may be anything. */
static void padding_is_zero(struct kunit *test)
{
	struct slots *s = slots(test);
	static const u32 zeros[] = {
		88 + 10,	/* behind .promised_to */
		360 + 100,	/* behind .why */
		539,		/* .zero */
		540 + 4 + 32,	/* behind the configuration */
		832 + 3 * 48,	/* behind the last peer */
		RECORD_SLOT - 1,
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(zeros); i++) {
		KUNIT_EXPECT_EQ(test, s->slot[0][zeros[i]], 0);
		s->slot[0][zeros[i]] = 1;
		seal(s->slot[0]);
		KUNIT_EXPECT_EQ_MSG(test,
				    record_super_decode(&s->b, s->slot[0]),
				    -EINVAL, "byte %u", zeros[i]);
		s->slot[0][zeros[i]] = 0;
	}
}

static void refused(struct kunit *test, struct slots *s, const char *what)
{
	record_super_encode(&s->a, s->slot[0]);
	KUNIT_EXPECT_EQ_MSG(test, record_super_decode(&s->b, s->slot[0]),
			    -EINVAL, "%s", what);
	fill(&s->a);
}

static void senseless_is_refused(struct kunit *test)
{
	struct slots *s = slots(test);

	s->a.generation = 0;
	refused(test, s, "no generation");
	s->a.node = RAFT_NOBODY;
	refused(test, s, "no incarnation");
	s->a.layout.size += 512;
	refused(test, s, "crooked size");
	s->a.layout.size = 4 * MIB;
	refused(test, s, "too small");
	s->a.layout.ring_bytes += 512;
	refused(test, s, "crooked ring");
	s->a.layout.ring_bytes = 64 * MIB;
	refused(test, s, "ring beyond the end");
	s->a.layout.ring_bytes = 0;
	refused(test, s, "no ring");
	s->a.boots = RECORD_BOOTS - 1;
	refused(test, s, "nonce of a start that never was");
	s->a.flags |= 1 << 3;
	refused(test, s, "unknown flag");
	s->a.flags = 0;
	refused(test, s, "a reason without a failure");
	s->a.base.area = 2;
	refused(test, s, "third area");
	s->a.base.len = s->a.layout.area_bytes + 1;
	refused(test, s, "snapshot larger than its area");
	s->a.base.len = 0;
	refused(test, s, "empty snapshot");
	s->a.base.term = 0;
	refused(test, s, "snapshot of no term");
	s->a.base.config.n = 0;
	refused(test, s, "no configuration");
	s->a.base.config.member[1] = s->a.base.config.member[0];
	refused(test, s, "a member twice");
	s->a.base.group = s->a.durable_group + 1;
	refused(test, s, "reads on behind what is durable");
	s->a.base.position = ~0ULL;
	refused(test, s, "position out of range");
	s->a.hard.term = 0;
	refused(test, s, "vote in no term");
	s->a.n_peers = RECORD_PEERS + 1;
	refused(test, s, "too many peers");
	s->a.peer[1].node = s->a.peer[0].node;
	refused(test, s, "a peer twice");
	s->a.peer[1].node = RAFT_NOBODY;
	refused(test, s, "nobody as a peer");
}

/* Pitfall 2: whatever becomes of one slot, the other says it all. */
static void one_slot_will_do(struct kunit *test)
{
	struct slots *s = slots(test);
	u8 *a = s->slot[0], *b = s->slot[1];
	u32 sector;

	KUNIT_EXPECT_EQ(test, record_super_choose(&s->b, a, b), 0);
	for (sector = 0; sector < RECORD_SLOT / RECORD_SECTOR; sector++) {
		memset(a + sector * RECORD_SECTOR, 0xff, RECORD_SECTOR);
		KUNIT_EXPECT_EQ(test, record_super_choose(&s->b, a, b), 1);
		KUNIT_EXPECT_EQ(test, s->b.generation, 77);
		KUNIT_EXPECT_EQ(test, record_super_choose(&s->b, b, a), 2);
		KUNIT_EXPECT_EQ(test, s->b.generation, 77);
		memcpy(a, b, RECORD_SLOT);
	}
	memset(a, 0, RECORD_SLOT);
	KUNIT_EXPECT_EQ(test, record_super_choose(&s->b, a, b), 1);
	KUNIT_EXPECT_EQ(test, record_super_choose(&s->b, b, a), 2);
	KUNIT_EXPECT_EQ(test, s->b.generation, 77);
	KUNIT_EXPECT_EQ(test, record_super_choose(&s->b, a, a), -ENODATA);
	b[100]++;
	KUNIT_EXPECT_EQ(test, record_super_choose(&s->b, a, b), -EINVAL);
	KUNIT_EXPECT_EQ(test, record_super_choose(&s->b, b, a), -EINVAL);
	KUNIT_EXPECT_EQ(test, record_super_choose(&s->b, b, b), -EINVAL);
}

/* An update that stopped half way: the newer one counts, or the older is whole. */
static void every_moment_of_an_update_has_a_superblock(struct kunit *test)
{
	struct slots *s = slots(test);
	u8 *next = kit_memory(test, RECORD_SLOT);
	u8 *old = kit_memory(test, RECORD_SLOT);
	u32 slot, there, i;
	int got;

	memcpy(old, s->slot[0], RECORD_SLOT);
	s->a.generation++;
	strcpy(s->a.name, "another name, and with it another sector");
	memset(s->a.peer, 0, sizeof(s->a.peer));
	s->a.n_peers = 0;
	record_super_encode(&s->a, next);
	for (slot = 0; slot < 2; slot++) {
		for (there = 0; there < 256; there++) {
			memcpy(s->slot[slot], old, RECORD_SLOT);
			for (i = 0; i < 8; i++)
				if (there & BIT(i))
					memcpy(s->slot[slot] + i * 512,
					       next + i * 512, 512);
			got = record_super_choose(&s->b, s->slot[0],
						  s->slot[1]);
			KUNIT_ASSERT_GE(test, got, 0);
			/* Behind the first slot's flush it is the new one. */
			if (slot || !memcmp(s->slot[0], next, RECORD_SLOT))
				KUNIT_ASSERT_EQ(test, s->b.generation, 78);
			else
				KUNIT_ASSERT_EQ(test, s->b.generation, 77);
		}
		KUNIT_ASSERT_EQ(test, got, slot ? 0 : 2);
	}
}

/* ------------------------------------------------------------------ layout */

static void nothing_overlaps(struct kunit *test)
{
	struct record_layout l;
	u64 size, ring;

	for (size = 7 * MIB; size < 70 * MIB; size += 333333) {
		for (ring = 0; ring < size; ring += 777777) {
			if (record_layout(size, ring, &l))
				continue;
			KUNIT_ASSERT_EQ(test, l.ring, 2 * RECORD_SLOT);
			KUNIT_ASSERT_EQ(test, l.area[0],
					l.ring + l.ring_bytes);
			KUNIT_ASSERT_EQ(test, l.area[1],
					l.area[0] + l.area_bytes);
			KUNIT_ASSERT_LE(test, l.area[1] + l.area_bytes, l.size);
			KUNIT_ASSERT_LE(test, l.size, size);
			KUNIT_ASSERT_EQ(test, (l.ring | l.ring_bytes |
					l.area_bytes | l.size) % RECORD_ALIGN,
					0);
			KUNIT_ASSERT_GE(test, l.ring_bytes, RECORD_RING_MIN);
			KUNIT_ASSERT_GE(test, l.area_bytes, RECORD_AREA_MIN);
		}
	}
}

static void layout_has_bounds(struct kunit *test)
{
	struct record_layout l;

	KUNIT_EXPECT_EQ(test, record_layout(CONSENSUS_STORAGE_MIN, 0, &l), 0);
	KUNIT_EXPECT_EQ(test, l.ring_bytes, 2 * MIB);
	KUNIT_EXPECT_EQ(test, record_layout(1024 * MIB, 0, &l), 0);
	KUNIT_EXPECT_EQ(test, l.ring_bytes, CONSENSUS_RING_DEFAULT);
	KUNIT_EXPECT_EQ(test, record_layout(5 * MIB, MIB, &l), -ENOSPC);
	KUNIT_EXPECT_EQ(test, record_layout(5 * MIB + 8192, MIB, &l), 0);
	KUNIT_EXPECT_EQ(test, record_layout(64 * MIB, MIB - 1, &l), -ENOSPC);
	KUNIT_EXPECT_EQ(test, record_layout(64 * MIB, 61 * MIB, &l), -ENOSPC);
	KUNIT_EXPECT_EQ(test, record_layout(64 * MIB, ~0ULL, &l), -ENOSPC);
	KUNIT_EXPECT_EQ(test, record_layout(~0ULL, 0, &l), -ENOSPC);
	KUNIT_EXPECT_EQ(test, record_layout(0, 0, &l), -ENOSPC);
	KUNIT_EXPECT_EQ(test, record_layout(1ULL << 40, 1ULL << 32, &l), 0);
	KUNIT_EXPECT_EQ(test, record_layout(1ULL << 40, (1ULL << 32) + 4096,
					    &l), -ENOSPC);
}

static struct consensus_blank *blank(struct kunit *test, u64 size, u64 ring)
{
	struct consensus_blank *b = kit_memory(test, sizeof(*b));

	memcpy(b->magic, CONSENSUS_BLANK_MAGIC, 8);
	b->version = cpu_to_le32(CONSENSUS_BLANK_VERSION);
	b->size = cpu_to_le64(size);
	b->ring_bytes = cpu_to_le64(ring);
	return b;
}

static void blank_is_read(struct kunit *test)
{
	struct consensus_blank *b = blank(test, 8 * MIB, 0);
	const u8 *p = (const u8 *)b;
	struct record_layout l;
	u32 i;

	KUNIT_EXPECT_EQ(test, record_blank_decode(&l, 8 * MIB, p), 0);
	KUNIT_EXPECT_EQ(test, l.ring_bytes, 2 * MIB);
	/* A device need not end where a page does. */
	KUNIT_EXPECT_EQ(test, record_blank_decode(&l, 8 * MIB + 512, p), 0);
	/* Nor need a storage take all of its device. */
	KUNIT_EXPECT_EQ(test, record_blank_decode(&l, 9 * MIB, p), 0);
	KUNIT_EXPECT_EQ(test, l.size, 8 * MIB);
	KUNIT_EXPECT_EQ(test, record_blank_decode(&l, 4 * MIB, p), -EINVAL);
	b->ring_bytes = cpu_to_le64(MIB);
	KUNIT_EXPECT_EQ(test, record_blank_decode(&l, 8 * MIB, p), 0);
	KUNIT_EXPECT_EQ(test, l.ring_bytes, MIB);
	b->ring_bytes = cpu_to_le64(MIB + 512);
	KUNIT_EXPECT_EQ(test, record_blank_decode(&l, 8 * MIB, p), -EINVAL);
	b->ring_bytes = 0;
	for (i = 0; i < sizeof(*b); i++) {
		((u8 *)b)[i] ^= 0x55;
		KUNIT_EXPECT_EQ(test, record_blank_decode(&l, 8 * MIB, p),
				i < 8 ? -ENODATA : -EINVAL);
		((u8 *)b)[i] ^= 0x55;
	}
}

/* ------------------------------------------------------------- other nodes */

static void newest_boots_are_remembered(struct kunit *test)
{
	struct slots *s = slots(test);
	struct record_boot b = { .counter = 1 };
	u32 i;

	s->a.n_peers = 0;
	memset(s->a.peer, 0, sizeof(s->a.peer));
	for (i = 1; i <= RECORD_PEERS + 5; i++) {
		b.node.hi = i;
		record_remember(&s->a, &b);
	}
	KUNIT_EXPECT_EQ(test, s->a.n_peers, RECORD_PEERS);
	for (i = 1; i <= RECORD_PEERS + 5; i++) {
		b.node.hi = i;
		KUNIT_EXPECT_TRUE(test, !record_recall(&s->a, b.node) ==
				  (i <= 5));
	}
	/* Again: it is the newest now, and there once. */
	b.node.hi = 6;
	b.counter = 2;
	record_remember(&s->a, &b);
	KUNIT_EXPECT_EQ(test, s->a.n_peers, RECORD_PEERS);
	KUNIT_EXPECT_EQ(test, record_recall(&s->a, b.node)->counter, 2);
	b.node.hi = 1000;
	record_remember(&s->a, &b);
	b.node.hi = 7;
	KUNIT_EXPECT_TRUE(test, !record_recall(&s->a, b.node));
	b.node.hi = 6;
	KUNIT_EXPECT_TRUE(test, record_recall(&s->a, b.node));
	comes_back(test, s);
}

static struct kunit_case record_super_cases[] = {
	KUNIT_CASE(superblock_comes_back),
	KUNIT_CASE(superblock_is_the_same_for_ever),
	KUNIT_CASE(each_bit_counts),
	KUNIT_CASE(newer_format_is_told_apart),
	KUNIT_CASE(padding_is_zero),
	KUNIT_CASE(senseless_is_refused),
	KUNIT_CASE(one_slot_will_do),
	KUNIT_CASE(every_moment_of_an_update_has_a_superblock),
	KUNIT_CASE(nothing_overlaps),
	KUNIT_CASE(layout_has_bounds),
	KUNIT_CASE(blank_is_read),
	KUNIT_CASE(newest_boots_are_remembered),
	{}
};

static struct kunit_suite record_super_suite = {
	.name = "record_super",
	.test_cases = record_super_cases,
};

kunit_test_suite(record_super_suite);
