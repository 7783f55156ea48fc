// SPDX-License-Identifier: GPL-2.0
/*
 * The superblock, and the blank that it replaces.
 *
 * One gate: what record_super_decode() lets through is right in every field, and
 * has one encoding only. Of a slot that is not right nothing is used.
 */
#include "../../uapi/linux/consensus_storage.h"
#include "layout.h"

enum {
	MAGIC_BYTES = 8,
	CRC_AT = offsetof(struct record_slot_bytes, crc),
	CRC_END = CRC_AT + sizeof(__le32),
	FLAGS = RECORD_FAILED | RECORD_DOUBTS | RECORD_DOUBTS_VOTE,
};

static_assert(sizeof(CONSENSUS_STORAGE_MAGIC) == MAGIC_BYTES + 1);
static_assert(sizeof(CONSENSUS_BLANK_MAGIC) == MAGIC_BYTES + 1);
static_assert(sizeof(struct consensus_blank) == RECORD_SLOT);
static_assert(CONSENSUS_RING_MIN == RECORD_RING_MIN);
static_assert(CONSENSUS_RING_MAX == RECORD_RING_MAX);
/* Places in the ring are computed with a divisor of 32 bits. */
static_assert(RECORD_RING_MAX / RECORD_SECTOR <= U32_MAX);

/* ------------------------------------------------------------------ layout */

static u64 align_down(u64 n)
{
	return n & ~(u64)(RECORD_ALIGN - 1);
}

/**
 * record_layout() - lay out a storage
 * @size: bytes that there are
 * @ring_bytes: of the ring; 0: a quarter of all, CONSENSUS_RING_DEFAULT at most
 * @l: set on success
 *
 * Return: 0 or -ENOSPC.
 */
int record_layout(u64 size, u64 ring_bytes, struct record_layout *l)
{
	struct record_layout got = { .ring = 2 * RECORD_SLOT };
	u64 rest;

	if (size > RECORD_NUMBER_MAX)
		return -ENOSPC;
	got.size = align_down(size);
	if (!ring_bytes)
		ring_bytes = min_t(u64, CONSENSUS_RING_DEFAULT, got.size / 4);
	got.ring_bytes = align_down(ring_bytes);
	if (got.ring_bytes < RECORD_RING_MIN ||
	    got.ring_bytes > RECORD_RING_MAX ||
	    got.size < got.ring + got.ring_bytes + 2 * RECORD_AREA_MIN)
		return -ENOSPC;
	rest = got.size - got.ring - got.ring_bytes;
	got.area_bytes = align_down(rest / 2);
	got.area[0] = got.ring + got.ring_bytes;
	got.area[1] = got.area[0] + got.area_bytes;
	*l = got;
	return 0;
}

/**
 * record_blank_decode() - read what a tool prepared
 * @l: set on success: the layout that it asks for
 * @size: bytes that there are
 * @slot: RECORD_SLOT bytes
 *
 * Return: 0; -ENODATA no blank; -EINVAL.
 */
int record_blank_decode(struct record_layout *l, u64 size, const u8 *slot)
{
	enum {
		HEAD = offsetof(struct consensus_blank, zeros),
	};
	__le32 version[2];
	__le64 bytes[2];
	u64 ring;

	if (memcmp(slot, CONSENSUS_BLANK_MAGIC, MAGIC_BYTES))
		return -ENODATA;
	memcpy(version, slot + MAGIC_BYTES, sizeof(version));
	memcpy(bytes, slot + MAGIC_BYTES + sizeof(version), sizeof(bytes));
	ring = le64_to_cpu(bytes[1]);
	if (le32_to_cpu(version[0]) != CONSENSUS_BLANK_VERSION || version[1] ||
	    memchr_inv(slot + HEAD, 0, RECORD_SLOT - HEAD) ||
	    le64_to_cpu(bytes[0]) > size ||
	    le64_to_cpu(bytes[0]) != align_down(le64_to_cpu(bytes[0])) ||
	    ring != align_down(ring) ||
	    record_layout(le64_to_cpu(bytes[0]), ring, l))
		return -EINVAL;
	return 0;
}

/* ------------------------------------------------------------------ encode */

/**
 * record_super_init() - the superblock of a storage that begins to be used
 * @s: set as a whole
 * @l: where things are
 * @node: its incarnation
 */
void record_super_init(struct record_super *s, const struct record_layout *l,
		       struct raft_id node)
{
	memset(s, 0, sizeof(*s));
	s->generation = 1;
	s->layout = *l;
	s->node = node;
}

/* @from up to its NUL into @to, of the same length, which is zero. */
static void put_text(char *to, const char *from, size_t size)
{
	memcpy(to, from, strnlen(from, size - 1));
}

static void put_base(struct record_slot_bytes *b, const struct record_base *base)
{
	b->base_group = cpu_to_le64(base->group);
	b->base_position = cpu_to_le64(base->position);
	b->area = base->area;
	if (!base->index)
		return;
	b->base_index = cpu_to_le64(base->index);
	b->base_term = cpu_to_le64(base->term);
	b->base_checksum = cpu_to_le64(base->checksum);
	b->base_len = cpu_to_le64(base->len);
	b->config_len = cpu_to_le16(raft_config_encode(&base->config,
						       b->config));
}

static void put_peers(struct record_slot_bytes *b, const struct record_super *s)
{
	const struct record_boot *p;
	u32 i;

	b->n_peers = cpu_to_le32(s->n_peers);
	for (i = 0; i < s->n_peers && i < RECORD_PEERS; i++) {
		p = &s->peer[i];
		b->peer[i] = (struct record_boot_bytes){
			.node = record_id_bytes(p->node),
			.counter = cpu_to_le64(p->counter),
			.nonce = cpu_to_le64(p->nonce),
			.term = cpu_to_le64(p->term),
			.index = cpu_to_le64(p->index),
		};
	}
}

static u32 slot_crc(const u8 *slot)
{
	u32 crc = record_crc32c(~0U, slot, CRC_AT);

	return record_crc32c(crc, slot + CRC_END, RECORD_SLOT - CRC_END);
}

/**
 * record_super_encode() - write a superblock down
 * @s: valid: else it is refused when it is read
 * @slot: RECORD_SLOT bytes, aligned to 8
 */
void record_super_encode(const struct record_super *s, u8 *slot)
{
	struct record_slot_bytes *b = (struct record_slot_bytes *)slot;
	u32 i;

	memset(b, 0, sizeof(*b));
	memcpy(b->magic, CONSENSUS_STORAGE_MAGIC, MAGIC_BYTES);
	b->version = cpu_to_le32(RECORD_VERSION);
	b->generation = cpu_to_le64(s->generation);
	b->size = cpu_to_le64(s->layout.size);
	b->ring_bytes = cpu_to_le64(s->layout.ring_bytes);
	b->node = record_id_bytes(s->node);
	b->cluster = record_id_bytes(s->cluster);
	b->coordinator = record_id_bytes(s->coordinator);
	put_text(b->promised_to, s->promised_to, RECORD_NAME);
	put_text(b->name, s->name, RECORD_NAME);
	b->boots = cpu_to_le64(s->boots);
	for (i = 0; i < RECORD_BOOTS; i++)
		b->boot_nonce[i] = cpu_to_le64(s->boot_nonce[i]);
	b->flags = cpu_to_le32(s->flags);
	put_text(b->why, s->why, RECORD_WHY);
	put_base(b, &s->base);
	b->term = cpu_to_le64(s->hard.term);
	b->vote = record_id_bytes(s->hard.vote);
	b->durable_group = cpu_to_le64(s->durable_group);
	put_peers(b, s);
	b->crc = cpu_to_le32(slot_crc(slot));
}

/* ------------------------------------------------------------------ decode */

/* 0: one of ours, whole, of this version. */
static int check_slot(const u8 *slot)
{
	const struct record_slot_bytes *b = (const struct record_slot_bytes *)slot;
	u32 version = le32_to_cpu(b->version);

	if (!memchr_inv(slot, 0, RECORD_SLOT))
		return -ENODATA;
	if (memcmp(b->magic, CONSENSUS_STORAGE_MAGIC, MAGIC_BYTES) ||
	    le32_to_cpu(b->crc) != slot_crc(slot))
		return -EINVAL;
	if (version > RECORD_VERSION)
		return -EPROTO;
	return version == RECORD_VERSION ? 0 : -EINVAL;
}

static int get_text(char *to, const char *from, size_t size)
{
	size_t len = strnlen(from, size);

	if (len == size || memchr_inv(from + len, 0, size - len))
		return -EINVAL;
	memcpy(to, from, size);
	return 0;
}

static int get_layout(struct record_layout *l, const struct record_slot_bytes *b)
{
	u64 size = le64_to_cpu(b->size), ring = le64_to_cpu(b->ring_bytes);

	if (!ring || record_layout(size, ring, l) || l->size != size ||
	    l->ring_bytes != ring)
		return -EINVAL;
	return 0;
}

/* Starts: nonces only of those that there were. */
static int get_boots(struct record_super *s, const struct record_slot_bytes *b)
{
	u32 i, first;

	s->boots = le64_to_cpu(b->boots);
	for (i = 0; i < RECORD_BOOTS; i++) {
		s->boot_nonce[i] = le64_to_cpu(b->boot_nonce[i]);
		/* The first start that this place is for. */
		first = i ? i : RECORD_BOOTS;
		if (s->boots < first && s->boot_nonce[i])
			return -EINVAL;
	}
	return 0;
}

static int get_flags(struct record_super *s, const struct record_slot_bytes *b)
{
	s->flags = le32_to_cpu(b->flags);
	if (s->flags & ~(u32)FLAGS || get_text(s->why, b->why, RECORD_WHY))
		return -EINVAL;
	return s->why[0] && !(s->flags & RECORD_FAILED) ? -EINVAL : 0;
}

/* A base without a snapshot is all zero, but for its place in the ring. */
static int get_snapshot(struct record_base *base,
			const struct record_slot_bytes *b)
{
	u16 len = le16_to_cpu(b->config_len);

	if (len > RAFT_CONFIG_BYTES_MAX ||
	    memchr_inv(b->config + len, 0, RAFT_CONFIG_BYTES_MAX - len))
		return -EINVAL;
	if (base->index)
		return !base->term || base->term > RECORD_NUMBER_MAX ||
		       base->index >= RECORD_NUMBER_MAX || !base->len ?
		       -EINVAL : raft_config_decode(&base->config, b->config,
						    len);
	memset(&base->config, 0, sizeof(base->config));
	return base->term || base->checksum || base->len || len ? -EINVAL : 0;
}

static int get_base(struct record_super *s, const struct record_slot_bytes *b)
{
	struct record_base *base = &s->base;

	base->index = le64_to_cpu(b->base_index);
	base->term = le64_to_cpu(b->base_term);
	base->checksum = le64_to_cpu(b->base_checksum);
	base->len = le64_to_cpu(b->base_len);
	base->area = b->area;
	base->group = le64_to_cpu(b->base_group);
	base->position = le64_to_cpu(b->base_position);
	s->durable_group = le64_to_cpu(b->durable_group);
	if (b->area > 1 || b->zero || base->len > s->layout.area_bytes ||
	    base->position > RECORD_NUMBER_MAX ||
	    s->durable_group > RECORD_NUMBER_MAX ||
	    base->group > s->durable_group)
		return -EINVAL;
	return get_snapshot(base, b);
}

static int get_hard(struct record_super *s, const struct record_slot_bytes *b)
{
	s->hard.term = le64_to_cpu(b->term);
	s->hard.vote = record_id(&b->vote);
	if (s->hard.term > RECORD_NUMBER_MAX ||
	    (!s->hard.term && raft_id_some(s->hard.vote)))
		return -EINVAL;
	return 0;
}

static int get_peers(struct record_super *s, const struct record_slot_bytes *b)
{
	const struct record_boot_bytes *p = b->peer;
	u32 i;

	s->n_peers = 0;
	if (le32_to_cpu(b->n_peers) > RECORD_PEERS)
		return -EINVAL;
	for (i = 0; i < le32_to_cpu(b->n_peers); i++, p++) {
		s->peer[i] = (struct record_boot){
			.node = record_id(&p->node),
			.counter = le64_to_cpu(p->counter),
			.nonce = le64_to_cpu(p->nonce),
			.term = le64_to_cpu(p->term),
			.index = le64_to_cpu(p->index),
		};
		/* Each once. */
		if (!raft_id_some(s->peer[i].node) ||
		    record_recall(s, s->peer[i].node))
			return -EINVAL;
		s->n_peers++;
	}
	memset(s->peer + i, 0, (RECORD_PEERS - i) * sizeof(s->peer[0]));
	return memchr_inv(p, 0, (RECORD_PEERS - i) * sizeof(*p)) ? -EINVAL : 0;
}

/**
 * record_super_decode() - read a superblock
 * @s: good only on success
 * @slot: RECORD_SLOT bytes, aligned to 8
 *
 * Return: 0; -ENODATA, -EPROTO, -EINVAL.
 */
int record_super_decode(struct record_super *s, const u8 *slot)
{
	const struct record_slot_bytes *b = (const struct record_slot_bytes *)slot;
	int err = check_slot(slot);

	if (err)
		return err;
	s->generation = le64_to_cpu(b->generation);
	s->node = record_id(&b->node);
	s->cluster = record_id(&b->cluster);
	s->coordinator = record_id(&b->coordinator);
	if (!s->generation || !raft_id_some(s->node) ||
	    get_text(s->promised_to, b->promised_to, RECORD_NAME) ||
	    get_text(s->name, b->name, RECORD_NAME) ||
	    get_layout(&s->layout, b) || get_boots(s, b) || get_flags(s, b) ||
	    get_base(s, b) || get_hard(s, b) || get_peers(s, b) ||
	    memchr_inv(b->zeros, 0, sizeof(b->zeros)))
		return -EINVAL;
	return 0;
}

/**
 * record_super_choose() - which slot counts
 * @s: set on success
 * @slot0: RECORD_SLOT bytes
 * @slot1: RECORD_SLOT bytes
 *
 * Return: bits of the slots that are to be written anew, or an error: that of
 * the slot that looks most like ours.
 */
int record_super_choose(struct record_super *s, const u8 *slot0,
			const u8 *slot1)
{
	int err0 = record_super_decode(s, slot0), err1;
	u64 generation = err0 ? 0 : s->generation;

	err1 = record_super_decode(s, slot1);
	if (err0 == -EPROTO || err1 == -EPROTO)
		return -EPROTO;
	if (err0 && err1)
		return err0 == -ENODATA ? err1 : err0;
	if (err0)
		return 1 << 0;
	if (!err1 && s->generation > generation)
		return 1 << 0;
	if (!memcmp(slot0, slot1, RECORD_SLOT))
		return 0;
	record_super_decode(s, slot0);
	return 1 << 1;
}

/* ------------------------------------------------------------- other nodes */

const struct record_boot *record_recall(const struct record_super *s,
					struct raft_id node)
{
	u32 i;

	for (i = 0; i < s->n_peers; i++)
		if (raft_id_eq(s->peer[i].node, node))
			return &s->peer[i];
	return NULL;
}

/**
 * record_remember() - remember a boot of another node
 * @s: the superblock
 * @b: the boot; it becomes the newest
 */
void record_remember(struct record_super *s, const struct record_boot *b)
{
	const struct record_boot *old = record_recall(s, b->node);
	u32 i = 0;

	if (old || s->n_peers == RECORD_PEERS) {
		/* What is known of it goes, or what is oldest. */
		if (old)
			i = (u32)(old - s->peer);
		s->n_peers--;
		memmove(s->peer + i, s->peer + i + 1,
			(s->n_peers - i) * sizeof(s->peer[0]));
	}
	s->peer[s->n_peers++] = *b;
}
