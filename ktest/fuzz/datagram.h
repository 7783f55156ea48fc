/* SPDX-License-Identifier: GPL-2.0 */
/* Datagrams for fuzzers: a right header before any payload. */
#ifndef KTEST_FUZZ_DATAGRAM_H
#define KTEST_FUZZ_DATAGRAM_H

#include <linux/errno.h>
#include "fuzz.h"
#include "../../kmod/wire/layout.h"

#define FUZZ_CLUSTER 0xc1c2c3c4c5c6c7c8ULL

/*
 * The datagram of @type with @len bytes of @payload, @from in its header; where
 * the payload repeats something of the header, the header agrees. To be freed.
 */
static inline u8 *datagram(u8 type, struct raft_id from, const u8 *payload,
			   u16 len)
{
	const u32 at = offsetof(struct wire_hello_bytes, cluster);
	u8 *d = malloc(WIRE_HEADER + len);
	struct wire_header h = {
		.magic = cpu_to_le16(WIRE_MAGIC_BYTES),
		.version = WIRE_VERSION,
		.type = type,
		.length = cpu_to_le16(len),
		.from = cpu_to_le64(from.hi),
		.cluster = cpu_to_le64(FUZZ_CLUSTER),
	};

	if (!d)
		abort();
	if (type == WIRE_HELLO && len >= 8)
		memcpy(&h.from, payload, 8);
	if (type == WIRE_HELLO && len >= at + 8)
		memcpy(&h.cluster, payload + at, 8);
	if ((type == WIRE_PROMISE || type == WIRE_PROMISE_REPLY) && len >= 8)
		memcpy(&h.cluster, payload, 8);
	memcpy(d, &h, sizeof(h));
	if (len)
		memcpy(d + sizeof(h), payload, len);
	return d;
}

#endif
