// SPDX-License-Identifier: GPL-2.0
/*
 * A group on its way out: records, then sectors.
 *
 * A group is one stream (its head, its records, zeros) cut into the payloads of
 * its sectors. Every sector says the same of the group, so that any of them tells
 * how many there are, and what term and vote it brought.
 */
#include "layout.h"

u32 record_put_cut(u8 *buf, u32 at, u64 index, u64 term)
{
	struct record_step_bytes b = {
		.term = cpu_to_le64(term),
		.index = cpu_to_le64(index),
		.step = RECORD_STEP_CUT,
	};

	memcpy(buf + at, &b, sizeof(b));
	return at + sizeof(b);
}

u32 record_put_entry(u8 *buf, u32 at, const struct raft_entry *e)
{
	struct record_step_bytes b = {
		.term = cpu_to_le64(e->term),
		.len = cpu_to_le16(e->len),
		.kind = e->kind,
		.step = RECORD_STEP_ENTRY,
	};
	u32 end = at + record_entry_bytes(e->len);

	memcpy(buf + at, &b, sizeof(b));
	at += sizeof(b);
	if (e->len)
		memcpy(buf + at, e->data, e->len);
	at += e->len;
	memset(buf + at, 0, end - at);
	return end;
}

u32 record_group_sectors(const struct record_ring *r, u32 len,
			 bool hard_changed)
{
	return max(record_sectors(len, hard_changed), r->cover);
}

static struct record_group_bytes group_bytes(const struct record_ring *r,
					     const struct record_group *g,
					     u32 len)
{
	return (struct record_group_bytes){
		.cluster = record_id_bytes(r->cluster),
		.before = cpu_to_le64(r->last),
		.before_term = cpu_to_le64(r->last_term),
		.commit = cpu_to_le64(g->commit),
		.last = cpu_to_le64(g->last),
		.len = cpu_to_le32(len),
		.version = cpu_to_le16(RECORD_VERSION),
		.flags = cpu_to_le16(g->hard_changed ? RECORD_GROUP_HARD : 0),
	};
}

/* The head of sector @i of @n, its checksum last: the payload is there. */
static void sector_seal(const struct record_ring *r,
			const struct record_group *g, u32 i, u32 n, u8 *to)
{
	struct record_head_bytes b = {
		.number = cpu_to_le16((u16)i),
		.sectors = cpu_to_le16((u16)n),
		.group = cpu_to_le64(r->group),
		.previous = cpu_to_le64(r->last_group),
		.position = cpu_to_le64(r->head + i),
		.term = cpu_to_le64(g->hard.term),
		.vote = record_id_bytes(g->hard.vote),
	};

	memcpy(to, &b, sizeof(b));
	b.crc = cpu_to_le32(record_sector_crc(r->node, to));
	memcpy(to, &b.crc, sizeof(b.crc));
}

/**
 * record_group_seal() - make sectors of a group
 * @r: the ring
 * @g: what it says beside its records; .last_term is set here
 * @records: of it
 * @len: bytes of @records
 * @to: room for record_group_sectors() sectors
 *
 * Return: how many sectors.
 */
u32 record_group_seal(const struct record_ring *r, struct record_group *g,
		      const u8 *records, u32 len, u8 *to)
{
	u32 n = record_group_sectors(r, len, g->hard_changed);
	struct record_group_bytes b = group_bytes(r, g, len);
	u32 i, part, at = RECORD_HEAD + sizeof(b);

	g->last_term = record_steps_term(records, len, r->last_term);
	memcpy(to + RECORD_HEAD, &b, sizeof(b));
	for (i = 0; i < n; i++) {
		part = min(len, RECORD_SECTOR - at);
		if (part)
			memcpy(to + at, records, part);
		memset(to + at + part, 0, RECORD_SECTOR - at - part);
		records += part;
		len -= part;
		sector_seal(r, g, i, n, to);
		to += RECORD_SECTOR;
		at = RECORD_HEAD;
	}
	return n;
}
