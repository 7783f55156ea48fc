// SPDX-License-Identifier: GPL-2.0
/*
 * Any bytes as a command, as a name and as a configuration. What decodes
 * encodes to the same bytes; names agree with a second reading of RFC 3629.
 */
#include "fuzz.h"
#include "../../kmod/fsm/command.h"
#include "../../kmod/raft/raft.h"

/* One character at @p, of @n bytes left: its length, 0 if it is not one. */
static size_t character(const u8 *p, size_t n, u32 *out)
{
	static const u32 lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 :
		     *p >> 3 == 30 ? 4 : 0;
	u32 c = len == 1 ? *p : *p & (0x7f >> len);
	size_t i;

	if (!len || len > n)
		return 0;
	for (i = 1; i < len; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	*out = c;
	return c < lowest[len] || c > 0x10ffff || c >> 11 == 0x1b ? 0 : len;
}

static bool name_good(const u8 *p, size_t n)
{
	size_t len;
	u32 c = 0;

	if (!n || n > FSM_NAME_MAX)
		return false;
	for (; n; p += len, n -= len) {
		len = character(p, n, &c);
		if (!len || c < 0x20 || (c >= 0x7f && c < 0xa0))
			return false;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u8 again[1024];
	struct fsm_command c;
	struct raft_config conf;
	u8 *d;

	if (size > 1024)
		return 0;
	d = tight(data, size);
	MUST(!fsm_name_check((const char *)d, size) == name_good(d, size));
	if (!fsm_decode(&c, d, size)) {
		MUST(size <= FSM_COMMAND_MAX);
		MUST(fsm_encode(&c, again) == size);
		MUST(!memcmp(again, d, size));
	}
	if (!raft_config_decode(&conf, d, size)) {
		MUST(conf.n_voters && conf.n_voters <= conf.n);
		MUST(raft_config_encode(&conf, again) == size);
		MUST(!memcmp(again, d, size));
	}
	free(d);
	return 0;
}
