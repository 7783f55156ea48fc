// SPDX-License-Identifier: GPL-2.0
/*
 * What a disk takes for one durable write of a sector, by itself: the floor of
 * disk mode.
 *
 *   bench-flush FILE OPS
 *
 * Overwrites sectors of FILE, a block device or a file that is there already, one
 * behind the other, each write durable before the next begins, in the way the
 * module does it (O_DIRECT and O_DSYNC). Prints one JSON line.
 */
#define _GNU_SOURCE /* O_DIRECT */
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include "bench.h"

enum { SECTOR = 512, SECTORS = 1024 };

static uint64_t one(int fd, const void *sector, uint64_t i)
{
	uint64_t begin = now_ns();

	if (pwrite(fd, sector, SECTOR, (off_t)(i % SECTORS) * SECTOR) != SECTOR)
		die("write: %s", strerror(errno));
	return now_ns() - begin;
}

int main(int argc, char **argv)
{
	uint64_t n, i, *took;
	void *sector;
	int fd;

	if (argc != 3)
		die("usage: bench-flush FILE OPS");
	n = number(argv[2]);
	took = calloc(n, sizeof(*took));
	if (!n || !took || posix_memalign(&sector, 4096, SECTOR))
		die("no memory, or nothing to do");
	memset(sector, 0x5a, SECTOR);
	fd = open(argv[1], O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", argv[1], strerror(errno));
	for (i = 0; i < n; i++)
		took[i] = one(fd, sector, i);
	printf("{\"p50_ns\":%llu,\"p99_ns\":%llu,\"ops\":%llu}\n",
	       (unsigned long long)quantile(took, n, 500),
	       (unsigned long long)quantile(took, n, 990),
	       (unsigned long long)n);
	return 0;
}
