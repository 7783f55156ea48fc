// SPDX-License-Identifier: GPL-2.0
/*
 * One sector of the ring: is it whole, and of which group.
 *
 * The checksum begins with the incarnation, so that a sector of another storage
 * (a file that was copied over, a device that was used before) is no sector of
 * this one.
 */
#include "layout.h"

/**
 * record_sector_crc() - checksum of a sector
 * @node: incarnation whose storage it is
 * @bytes: RECORD_SECTOR bytes; the first four do not count
 *
 * Return: what belongs into the first four.
 */
u32 record_sector_crc(struct raft_id node, const u8 *bytes)
{
	struct record_id_bytes id = record_id_bytes(node);
	u32 crc = record_crc32c(~0U, &id, sizeof(id));

	return record_crc32c(crc, bytes + sizeof(__le32),
			     RECORD_SECTOR - sizeof(__le32));
}

bool record_sector_zero(const u8 *bytes)
{
	return !memchr_inv(bytes, 0, RECORD_SECTOR);
}

u64 record_sector_claim(const u8 *bytes)
{
	__le64 group;

	memcpy(&group, bytes + offsetof(struct record_head_bytes, group),
	       sizeof(group));
	return le64_to_cpu(group);
}

/**
 * record_sector_read() - check one sector
 * @r: the ring
 * @position: whose place it was read at
 * @bytes: RECORD_SECTOR bytes
 * @s: what it says; set only if it is whole
 *
 * Return: true: it was written as it is, and at that place, in some lap.
 */
bool record_sector_read(const struct record_ring *r, u64 position,
			const u8 *bytes, struct record_sector *s)
{
	struct record_head_bytes b;
	struct record_sector got;

	memcpy(&b, bytes, sizeof(b));
	if (le32_to_cpu(b.crc) != record_sector_crc(r->node, bytes))
		return false;
	got.number = le16_to_cpu(b.number);
	got.sectors = le16_to_cpu(b.sectors);
	got.group = le64_to_cpu(b.group);
	got.previous = le64_to_cpu(b.previous);
	got.position = le64_to_cpu(b.position);
	got.hard.term = le64_to_cpu(b.term);
	got.hard.vote = record_id(&b.vote);
	if (got.number >= got.sectors || got.sectors > RECORD_GROUP_SECTORS ||
	    got.previous >= got.group || got.group > RECORD_NUMBER_MAX ||
	    got.position < got.number || got.position > RECORD_NUMBER_MAX ||
	    got.hard.term > RECORD_NUMBER_MAX ||
	    (!got.hard.term && raft_id_some(got.hard.vote)) ||
	    record_place(r->sectors, got.position) !=
	    record_place(r->sectors, position))
		return false;
	*s = got;
	return true;
}
