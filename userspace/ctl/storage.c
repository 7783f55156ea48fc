// SPDX-License-Identifier: GPL-2.0
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "storage.h"
#include "text.h"

_Static_assert(sizeof(struct consensus_blank) == STORAGE_ALIGN, "a blank is one block");

__attribute__((format(printf, 3, 4)))
static int wrong(char error[STORAGE_ERROR], int number, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, STORAGE_ERROR, format, args);
	va_end(args);
	return -number;
}

/* ------------------------------------------------------------------- fit? */

/* Data in a journal is written twice, and O_DIRECT goes through the page cache. */
static int check_journal(int fd, const char *path, const struct stat *st,
			 char error[STORAGE_ERROR])
{
	FILE *in = fopen("/proc/self/mountinfo", "re");
	bool journals;
	int flags = 0;

	if (!in)
		return wrong(error, errno, "/proc/self/mountinfo: %s: cannot tell whether %s is on a mount that journals data",
			     strerror(errno), path);
	journals = mount_journals_data(in, major(st->st_dev), minor(st->st_dev));
	fclose(in);
	if (journals)
		return wrong(error, EOPNOTSUPP, "%s is on a mount with data=journal, which writes around O_DIRECT: mount it with data=ordered",
			     path);
	if (!ioctl(fd, FS_IOC_GETFLAGS, &flags) && flags & FS_JOURNAL_DATA_FL)
		return wrong(error, EOPNOTSUPP, "%s journals its data (chattr +j), which writes around O_DIRECT: chattr -j, and if its folder has it, there too",
			     path);
	return 0;
}

static int fit_file(int fd, const char *path, const struct stat *st, char error[STORAGE_ERROR])
{
	struct statx sx;
	struct statfs fs;
	const char *unfit;

	if (fstatfs(fd, &fs))
		return wrong(error, errno, "%s: %s", path, strerror(errno));
	unfit = filesystem_unfit((uint32_t)fs.f_type);
	if (unfit)
		return wrong(error, EOPNOTSUPP, "%s cannot be a storage: %s (0x%x) %s. Use a block device, or a file on ext4 or xfs",
			     path, filesystem_name((uint32_t)fs.f_type),
			     (unsigned int)fs.f_type, unfit);
	if (!statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &sx) && sx.stx_attributes & STATX_ATTR_DAX)
		return wrong(error, EOPNOTSUPP, "%s cannot be a storage: it is memory that persists (DAX), which tears sectors: mount without dax, on a device with a BTT",
			     path);
	return check_journal(fd, path, st, error);
}

static int fit_device(int fd, const char *path, uint64_t *size, char error[STORAGE_ERROR])
{
	int block = 0, read_only = 0;

	if (ioctl(fd, BLKSSZGET, &block) || ioctl(fd, BLKGETSIZE64, size) ||
	    ioctl(fd, BLKROGET, &read_only))
		return wrong(error, errno, "%s: %s", path, strerror(errno));
	if (block > STORAGE_SECTOR)
		return wrong(error, EOPNOTSUPP, "%s cannot be a storage: its sectors have %d bytes, and only %d are supported",
			     path, block, STORAGE_SECTOR);
	if (read_only)
		return wrong(error, EROFS, "%s is read-only", path);
	return 0;
}

int storage_fit(int fd, const char *path, uint64_t *size, char error[STORAGE_ERROR])
{
	struct stat st;

	if (fstat(fd, &st))
		return wrong(error, errno, "%s: %s", path, strerror(errno));
	*size = (uint64_t)st.st_size;
	if (S_ISREG(st.st_mode))
		return fit_file(fd, path, &st, error);
	if (S_ISBLK(st.st_mode))
		return fit_device(fd, path, size, error);
	return wrong(error, EINVAL, "%s is neither a file nor a block device", path);
}

int storage_direct(int fd, const char *path, char error[STORAGE_ERROR])
{
	static _Alignas(STORAGE_ALIGN) uint8_t sector[STORAGE_SECTOR];
	ssize_t n = pread(fd, sector, sizeof(sector), STORAGE_SECTOR);

	if (n == STORAGE_SECTOR)
		return 0;
	if (n < 0 && errno == EINVAL)
		return wrong(error, EOPNOTSUPP, "%s cannot be a storage: what it lies on has sectors of more than %d bytes",
			     path, STORAGE_SECTOR);
	if (n < 0)
		return wrong(error, errno, "%s cannot be read: %s", path, strerror(errno));
	return wrong(error, EINVAL, "%s is too short", path);
}

int storage_lock(int fd, const char *path, char error[STORAGE_ERROR])
{
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return 0;
	if (errno == EWOULDBLOCK)
		return wrong(error, EBUSY, "%s is in use: a node that runs has it (maybe in another network namespace), or another consensusctl",
			     path);
	return wrong(error, errno, "%s cannot be locked: %s", path, strerror(errno));
}

/* ------------------------------------------------------------ what it holds */

static bool all_zero(const uint8_t *bytes, size_t n)
{
	while (n && !bytes[n - 1])
		n--;
	return !n;
}

enum storage_kind storage_kind(const uint8_t head[STORAGE_HEAD])
{
	if (!memcmp(head, CONSENSUS_STORAGE_MAGIC, 8) ||
	    !memcmp(head + STORAGE_ALIGN, CONSENSUS_STORAGE_MAGIC, 8))
		return STORAGE_USED;
	if (!memcmp(head, CONSENSUS_BLANK_MAGIC, 8))
		return STORAGE_BLANK;
	return all_zero(head, STORAGE_HEAD) ? STORAGE_EMPTY : STORAGE_FOREIGN;
}

static int unprepared(const char *path, char error[STORAGE_ERROR])
{
	return wrong(error, ENODATA, "%s is not prepared yet: consensusctl format %s --size 256M",
		     path, path);
}

/* Where the log begins there is something, once a node has used it. */
static int check_empty(int fd, const char *path, char error[STORAGE_ERROR])
{
	static _Alignas(STORAGE_ALIGN) uint8_t begin[64 * 1024];
	ssize_t n = pread(fd, begin, sizeof(begin), STORAGE_HEAD);

	if (n < 0)
		return wrong(error, errno, "%s cannot be read: %s", path, strerror(errno));
	if (all_zero(begin, (size_t)n))
		return unprepared(path, error);
	return wrong(error, EINVAL, "%s begins with zeros, but is not empty. If it was this node's storage, both superblocks are gone: see docs/storage.md",
		     path);
}

static int check_content(int fd, const char *path, char error[STORAGE_ERROR])
{
	static _Alignas(STORAGE_ALIGN) uint8_t head[STORAGE_HEAD];
	ssize_t n = pread(fd, head, sizeof(head), 0);

	if (n < 0)
		return wrong(error, errno, "%s cannot be read: %s", path, strerror(errno));
	if (n < STORAGE_HEAD)
		return unprepared(path, error);
	switch (storage_kind(head)) {
	case STORAGE_BLANK:
	case STORAGE_USED:
		return 0;
	case STORAGE_EMPTY:
		return check_empty(fd, path, error);
	case STORAGE_FOREIGN:
		break;
	}
	return wrong(error, EINVAL, "%s holds no storage, but %s. Is it the right path? If it was this node's storage, it is damaged: see docs/storage.md",
		     path, content_name(head) ? content_name(head) : "something else");
}

/* ---------------------------------------------------------------- for a node */

/* As it must be for the node; what can be told better without O_DIRECT is. */
static int open_direct(const char *path, char error[STORAGE_ERROR])
{
	int fd = open(path, O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC | O_LARGEFILE |
		      O_NOCTTY | O_NONBLOCK);
	int number = errno, plain;
	uint64_t size = 0;

	if (fd >= 0)
		return fd;
	if (number == ENOENT)
		return wrong(error, ENOENT, "there is no storage %s: consensusctl format %s --size 256M prepares it (and durability = memory needs none)",
			     path, path);
	if (number == EINVAL) {
		plain = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		number = plain < 0 ? -errno : storage_fit(plain, path, &size, error);
		if (plain >= 0)
			close(plain);
		if (number)
			return number;
		number = EINVAL;
	}
	return wrong(error, number, "%s: %s", path, strerror(number));
}

int storage_open(const char *path, char error[STORAGE_ERROR])
{
	int fd = open_direct(path, error), ret;
	uint64_t size = 0;

	if (fd < 0)
		return fd;
	ret = storage_fit(fd, path, &size, error);
	if (!ret && size < STORAGE_HEAD)
		ret = unprepared(path, error);
	if (!ret)
		ret = storage_lock(fd, path, error);
	/* Who holds it may be waiting for its disk, and so would we. */
	if (!ret)
		ret = storage_direct(fd, path, error);
	if (!ret)
		ret = check_content(fd, path, error);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

/* ------------------------------------------------------------------- sizes */

int storage_plan(uint64_t size, uint64_t ring, struct consensus_blank *blank,
		 char error[STORAGE_ERROR])
{
	char a[SIZE_TEXT], b[SIZE_TEXT];
	uint64_t most;

	size -= size % STORAGE_ALIGN;
	if (size < CONSENSUS_STORAGE_MIN)
		return wrong(error, EINVAL, "a storage of %s is too small: the least is %s; 256 MiB is a good size, see docs/storage.md",
			     show_size(size, a), show_size(CONSENSUS_STORAGE_MIN, b));
	most = size - STORAGE_HEAD - 2 * STORAGE_AREA_MIN;
	most -= most % STORAGE_ALIGN;
	if (most > CONSENSUS_RING_MAX)
		most = CONSENSUS_RING_MAX;
	if (ring % STORAGE_ALIGN || (ring && ring < CONSENSUS_RING_MIN) || ring > most)
		return wrong(error, EINVAL, "a ring of %llu bytes: here it must be from %llu to %llu bytes, a multiple of %d",
			     (unsigned long long)ring, CONSENSUS_RING_MIN,
			     (unsigned long long)most, STORAGE_ALIGN);
	memset(blank, 0, sizeof(*blank));
	memcpy(blank->magic, CONSENSUS_BLANK_MAGIC, sizeof(blank->magic));
	blank->version = htole32(CONSENSUS_BLANK_VERSION);
	blank->size = htole64(size);
	blank->ring_bytes = htole64(ring);
	return 0;
}
