// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <stddef.h>

#include "lib.h"

#define WORD(number) #number
#define TEXT(major, minor, patch) WORD(major) "." WORD(minor) "." WORD(patch)

uint32_t consensus_version(const char **text)
{
	if (text)
		*text = TEXT(CONSENSUS_VERSION_MAJOR, CONSENSUS_VERSION_MINOR,
			     CONSENSUS_VERSION_PATCH);
	return (uint32_t)CONSENSUS_VERSION_MAJOR << 16 | CONSENSUS_VERSION_MINOR << 8 |
	       CONSENSUS_VERSION_PATCH;
}
