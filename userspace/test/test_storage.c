// SPDX-License-Identifier: GPL-2.0
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage.h"
#include "tap.h"

static char error[STORAGE_ERROR];

static void kinds(void)
{
	uint8_t head[STORAGE_HEAD] = { 0 };

	ok(storage_kind(head) == STORAGE_EMPTY, "zeros are nothing");
	head[STORAGE_HEAD - 1] = 1;
	ok(storage_kind(head) == STORAGE_FOREIGN, "one bit is something");
	memcpy(head, "CNSBLANK", 8);
	ok(storage_kind(head) == STORAGE_BLANK, "a blank storage");
	memcpy(head + 4096, "CNSSTORE", 8);
	ok(storage_kind(head) == STORAGE_USED, "one whose first superblock is damaged");
	memset(head, 0, 4096);
	ok(storage_kind(head) == STORAGE_USED, "or is gone");
	memcpy(head, "CNSSTORE", 8);
	memset(head + 4096, 0, 4096);
	ok(storage_kind(head) == STORAGE_USED, "or the second one");
}

static void names(void)
{
	uint8_t head[STORAGE_HEAD] = { 0 };

	ok(!content_name(head), "nothing has no name");
	memcpy(head + 510, "\x55\xaa", 2);
	holds(content_name(head), "boot sector", "a boot sector");
	memcpy(head + 512, "EFI PART", 8);
	holds(content_name(head), "GPT", "a partition table in a disk with a boot sector");
	memcpy(head + 0x438, "\x53\xef", 2);
	holds(content_name(head), "ext4", "a file system");
	memset(head, 0, sizeof(head));
	memcpy(head, "CNSBCKUP", 8);
	holds(content_name(head), "backup", "a backup");
}

static void filesystems(void)
{
	ok(!filesystem_unfit(0xef53), "ext4 is fit");
	ok(!filesystem_unfit(0x58465342), "xfs is fit");
	holds(filesystem_unfit(0x9123683e), "copies on write", "btrfs is not");
	holds(filesystem_unfit(0x01021994), "in memory", "tmpfs is not");
	holds(filesystem_unfit(0x6969), "network", "nfs is not");
	holds(filesystem_unfit(0x794c7630), "copies up", "overlay is not");
	holds(filesystem_unfit(0x12345678), "not known", "an unknown one is not");
	same(filesystem_name(0x794c7630), "overlay", "they have names");
	same(filesystem_name(0x12345678), "this file system", "or none");
}

static bool journals(const char *text, unsigned int major, unsigned int minor)
{
	FILE *in = fmemopen((void *)text, strlen(text), "r");
	bool found = mount_journals_data(in, major, minor);

	fclose(in);
	return found;
}

static void mounts(void)
{
	static const char text[] =
		"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
		"23 22 8:2 / /a rw - ext4 /dev/sda2 rw,data=journal\n"
		"24 22 8:3 / /b rw shared:2 master:3 - ext4 /dev/sd\\040data=journal rw,data=ordered\n"
		"25 22 8:4 /x /data=journal rw - ext4 /dev/sda4 rw,data=journalled\n"
		"26 22 8:5 / /c rw - ext4 /dev/sda5 data=journal,rw\n"
		"nonsense\n"
		"27 22 8:6 / /d rw - ext4\n";

	ok(!journals(text, 8, 1), "a mount without data=");
	ok(journals(text, 8, 2), "one with data=journal");
	ok(!journals(text, 8, 3), "one with data=ordered, on a device of that name");
	ok(!journals(text, 8, 4), "one at a place of that name");
	ok(journals(text, 8, 5), "one with it at the beginning");
	ok(!journals(text, 8, 6), "a line that is cut off");
	ok(!journals(text, 9, 2), "another device");
}

static void plans(void)
{
	struct consensus_blank blank;

	ok(!storage_plan(256 << 20, 0, &blank, error), "256 MiB");
	ok(!memcmp(blank.magic, "CNSBLANK", 8) && le32toh(blank.version) == 1 &&
	   le64toh(blank.size) == 256 << 20 && !blank.ring_bytes && !blank.zeros[0],
	   "and what is written of it");
	ok(!storage_plan((8 << 20) + 4097, 0, &blank, error) &&
	   le64toh(blank.size) == (8 << 20) + 4096, "a size is cut to whole blocks");
	ok(storage_plan((8 << 20) - 1, 0, &blank, error), "less than 8 MiB is refused");
	holds(error, "the least is 8 MiB", "and it says what is least");
	ok(!storage_plan(8 << 20, 1 << 20, &blank, error) &&
	   le64toh(blank.ring_bytes) == 1 << 20, "a ring of 1 MiB");
	ok(storage_plan(8 << 20, (1 << 20) - 4096, &blank, error), "a smaller one is refused");
	ok(storage_plan(8 << 20, (1 << 20) + 512, &blank, error), "one of half a block is refused");
	ok(!storage_plan(8 << 20, (4 << 20) - 8192, &blank, error), "the largest ring of 8 MiB");
	ok(storage_plan(8 << 20, (4 << 20) - 4096, &blank, error), "a larger one is refused");
	ok(storage_plan(1ULL << 40, (1ULL << 32) + 4096, &blank, error), "and one above 4 GiB");
}

/* ------------------------------------------------------------ opened by up */

static void put_file(const char *path, const char *text, off_t at, off_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ok(!ftruncate(fd, size) && pwrite(fd, text, strlen(text), at) == (ssize_t)strlen(text),
	   "a file of %ld bytes with '%s' at %ld", (long)size, text, (long)at);
	close(fd);
}

static void refused(const char *path, int number, const char *says, const char *name)
{
	if (!ok(storage_open(path, error) == -number, "%s", name))
		printf("# wanted %s, said %s\n", strerror(number), error);
	holds(error, says, "and it says so");
}

static void opened(const char *path)
{
	int fd = storage_open(path, error), flags = fcntl(fd, F_GETFL);

	if (!ok(fd >= 0, "a blank storage is opened"))
		printf("# %s\n", error);
	ok((flags & O_ACCMODE) == O_RDWR && flags & O_DIRECT && flags & O_DSYNC,
	   "for reading and writing, directly and durably");
	ok(fcntl(fd, F_GETFD) & FD_CLOEXEC, "and no other program gets it");
	refused(path, EBUSY, "is in use", "nobody else gets it, either");
	close(fd);
	fd = storage_open(path, error);
	ok(fd >= 0, "until it is closed");
	close(fd);
}

static void contents(const char *folder, const char *path)
{
	int fd;

	refused(path, ENOENT, "--size 256M prepares it", "no storage is there");
	refused(folder, EISDIR, "directory", "a folder is none");
	refused("/dev/null", EINVAL, "neither a file nor a block device", "nor is a device for characters");
	put_file(path, "CNSBLANK", 0, 4096);
	refused(path, ENODATA, "not prepared yet", "too short a file");
	put_file(path, "", 0, 8 << 20);
	refused(path, ENODATA, "consensusctl format", "an empty file");
	put_file(path, "text", 0, 8 << 20);
	refused(path, EINVAL, "but something else", "a file that holds something else");
	put_file(path, "text", 8192, 8 << 20);
	refused(path, EINVAL, "both superblocks are gone", "one that lost its beginning");
	put_file(path, "XFSB", 0, 8 << 20);
	refused(path, EINVAL, "but an xfs file system", "a file system");
	put_file(path, "CNSSTORE", 4096, 8 << 20);
	fd = storage_open(path, error);
	ok(fd >= 0, "one whose first superblock is gone is for the node to judge");
	close(fd);
	put_file(path, "CNSBLANK", 0, 8 << 20);
	opened(path);
	unlink(path);
}

/* Below TEST_FOLDER, which must be on a file system that is fit. */
static void openings(void)
{
	const char *folder = getenv("TEST_FOLDER") ? getenv("TEST_FOLDER") : ".";
	char path[256];
	uint64_t size;
	int fd = open(folder, O_TMPFILE | O_RDWR, 0600);
	int ret = fd < 0 ? -errno : storage_fit(fd, folder, &size, error);

	if (fd >= 0)
		close(fd);
	if (ret) {
		ok(true, "storages are opened # SKIP %s: %s", folder,
		   fd < 0 ? strerror(-ret) : error);
		return;
	}
	snprintf(path, sizeof(path), "%s/test.%d.store", folder, (int)getpid());
	contents(folder, path);
}

void test_storage(void)
{
	kinds();
	names();
	filesystems();
	mounts();
	plans();
	openings();
}
