// SPDX-License-Identifier: GPL-2.0
/* What the pure half wants from its driver, for the test module. */
#include <linux/crc32c.h>
#include <linux/module.h>

#include "../../kmod/compat.h"
#include "../../kmod/record/record.h"
#include "../../kmod/wire/wire.h"

void wire_blake2s(u8 out[16], const u8 *in, size_t len,
		  const u8 key[WIRE_CLUSTER_KEY])
{
	cns_blake2s(out, 16, in, len, key, WIRE_CLUSTER_KEY);
}

u32 record_crc32c(u32 crc, const void *data, size_t len)
{
	return crc32c(crc, data, len);
}

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit suites of consensus.ko");
