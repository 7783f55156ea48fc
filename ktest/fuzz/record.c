// SPDX-License-Identifier: GPL-2.0
/*
 * Any bytes as a superblock, or as the blank that is there before it. What is let
 * through has one encoding: those bytes. Its checksum is made right first, else
 * nothing would ever get past it.
 *
 * Input: 0 and the start of a slot, zeros behind it; or 1 and changes, of three
 * bytes each (where, what), to a superblock that has some of everything; or 2 and
 * the start of a blank.
 */
#include "fuzz.h"
#include "../../kmod/record/layout.h"
#include "../../uapi/linux/consensus_storage.h"

enum { CRC_AT = offsetof(struct record_slot_bytes, crc) };

static u8 slot[2][RECORD_SLOT] __aligned(8);

static void sample(u8 *to)
{
	struct record_super s;
	struct record_layout l;
	u32 i;

	MUST(!record_layout(64 << 20, 0, &l));
	record_super_init(&s, &l, (struct raft_id){ 1, 2 });
	s.cluster = (struct raft_id){ 3, 4 };
	s.coordinator = (struct raft_id){ 5, 6 };
	strcpy(s.promised_to, "alpha");
	strcpy(s.name, "beta");
	s.boots = 20;
	for (i = 0; i < RECORD_BOOTS; i++)
		s.boot_nonce[i] = i;
	s.flags = RECORD_FAILED | RECORD_DOUBTS;
	strcpy(s.why, "it was rolled back");
	s.base = (struct record_base){
		.index = 9, .term = 8, .checksum = 7, .len = 6, .area = 1,
		.config = { 2, 1, { { 1, 2 }, { 3, 4 } } },
		.group = 5, .position = 40,
	};
	s.hard = (struct raft_hard){ .term = 8, .vote = { 1, 2 } };
	s.durable_group = 6;
	s.n_peers = 2;
	s.peer[0] = (struct record_boot){ { 1, 1 }, 2, 3, 4, 5 };
	s.peer[1] = (struct record_boot){ { 1, 2 }, 2, 3, 4, 5 };
	record_super_encode(&s, to);
	MUST(!record_super_decode(&s, to));
}

static void seal(u8 *p)
{
	u32 crc = record_crc32c(~0U, p, CRC_AT);
	__le32 le;

	crc = record_crc32c(crc, p + CRC_AT + 4, RECORD_SLOT - CRC_AT - 4);
	le = cpu_to_le32(crc);
	memcpy(p, CONSENSUS_STORAGE_MAGIC, 8);
	memcpy(p + CRC_AT, &le, sizeof(le));
}

static void text(const char *p, size_t size)
{
	MUST(strnlen(p, size) < size);
}

/* What nobody checks again. */
static void sane(const struct record_super *s)
{
	const struct record_layout *l = &s->layout;
	u32 i;

	MUST(l->area[1] + l->area_bytes <= l->size);
	MUST(l->ring_bytes >= RECORD_RING_MIN &&
	     l->ring_bytes <= RECORD_RING_MAX);
	MUST(s->base.area < 2 && s->base.len <= l->area_bytes);
	MUST(s->base.config.n <= RAFT_MEMBERS_MAX &&
	     s->base.config.n_voters <= s->base.config.n);
	MUST(!s->base.index == !s->base.config.n);
	MUST(s->n_peers <= RECORD_PEERS);
	text(s->name, RECORD_NAME);
	text(s->promised_to, RECORD_NAME);
	text(s->why, RECORD_WHY);
	for (i = 0; i < s->n_peers; i++)
		MUST(record_recall(s, s->peer[i].node) == &s->peer[i]);
}

static void super(void)
{
	struct record_super s, t;
	struct record_boot b = { .node = { 77, 77 } };
	int err = record_super_decode(&s, slot[0]);

	MUST(!err || err == -EINVAL || err == -EPROTO || err == -ENODATA);
	if (err)
		return;
	sane(&s);
	record_super_encode(&s, slot[1]);
	MUST(!memcmp(slot[0], slot[1], RECORD_SLOT));
	MUST(!record_super_choose(&t, slot[0], slot[1]));
	record_remember(&s, &b);
	record_super_encode(&s, slot[1]);
	MUST(!record_super_decode(&t, slot[1]));
	MUST(record_recall(&t, b.node));
}

static void blank(void)
{
	struct record_layout l;
	__le64 size;
	int err;

	memcpy(slot[0], CONSENSUS_BLANK_MAGIC, 8);
	memcpy(&size, slot[0] + 16, sizeof(size));
	err = record_blank_decode(&l, le64_to_cpu(size), slot[0]);
	MUST(!err || err == -EINVAL);
	if (!err)
		MUST(l.area[1] + l.area_bytes <= l.size &&
		     l.size <= le64_to_cpu(size));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u8 op = size ? data[0] : 0;

	memset(slot, 0, sizeof(slot));
	if (size) {
		data++;
		size--;
	}
	if (op % 3 == 1) {
		sample(slot[0]);
		for (; size >= 3; data += 3, size -= 3)
			slot[0][(data[0] | data[1] << 8) % RECORD_SLOT] =
				data[2];
	} else {
		memcpy(slot[0], data, min_t(size_t, size, RECORD_SLOT));
	}
	super();
	if (op % 3 == 2) {
		blank();
		return 0;
	}
	seal(slot[0]);
	super();
	return 0;
}
