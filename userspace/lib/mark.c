// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib.h"

static size_t page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int lib_mark_new(struct lib_mark *mark)
{
	void *at = mmap(NULL, page(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ret;

	if (at == MAP_FAILED)
		return -errno;
	if (madvise(at, page(), MADV_WIPEONFORK)) {
		ret = -errno;
		munmap(at, page());
		return ret;
	}
	mark->here = at;
	*mark->here = 1;
	return 0;
}

void lib_mark_free(struct lib_mark *mark)
{
	munmap(mark->here, page());
}
