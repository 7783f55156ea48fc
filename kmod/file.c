// SPDX-License-Identifier: GPL-2.0
/*
 * An open file or block device as a node's storage: fit for it, claimed, read
 * and written around the page cache. The caller's own rights decide, since it
 * is the caller who opens it.
 *
 * Claims. A block device is claimed exclusively from the kernel. A file is
 * entered in a list of inodes, so that no two nodes of this kernel share it;
 * tools keep out of it by flock(2), whose lock lives as long as the open file,
 * and that lives as long as the node's storage.
 */
#include <linux/bvec.h>
#include <linux/crc32c.h>
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/stat.h>
#include <linux/uio.h>

#include "compat.h"
#include "storage.h"

enum { CNS_IO_PAGES = 64 };	/* of one read or write */

static LIST_HEAD(cns_claims);
static DEFINE_MUTEX(cns_claims_lock);

/* What the pure half asks its driver for. */
u32 record_crc32c(u32 crc, const void *data, size_t len)
{
	return crc32c(crc, data, len);
}

/* ------------------------------------------------------------------- fit? */

/*
 * File systems that overwrite in place, and whose O_DIRECT reaches the disk.
 * Copy-on-write would need space at the moment of writing, and moves data about;
 * others have not been looked at.
 */
static int cns_fs_check(const struct file *file, const char **why)
{
	switch (file_inode(file)->i_sb->s_magic) {
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
		return 0;
	default:
		*why = "the storage must be a block device, or a file on ext4 or xfs";
		return -EOPNOTSUPP;
	}
}

/* What is written around the page cache is written in these. */
static int cns_block_check(struct block_device *bdev, const char **why)
{
	if (bdev && bdev_logical_block_size(bdev) > RECORD_SECTOR) {
		*why = "blocks of more than 512 bytes are not supported";
		return -EOPNOTSUPP;
	}
	return 0;
}

/* A hole is filled, and an unwritten extent converted, when it is too late. */
static int cns_file_check(struct cns_file *f, const char **why)
{
	struct kstat st;
	int err = cns_fs_check(f->file, why);

	if (!err)
		err = cns_block_check(file_inode(f->file)->i_sb->s_bdev, why);
	if (err)
		return err;
	err = vfs_getattr(&f->file->f_path, &st, STATX_SIZE | STATX_BLOCKS,
			  AT_STATX_SYNC_AS_STAT);
	if (err)
		return err;
	f->size = st.size;
	if (st.blocks < f->size >> 9) {
		*why = "the storage has holes: prepare it with consensusctl format";
		return -EINVAL;
	}
	return 0;
}

static int cns_bdev_check(struct cns_file *f, const char **why)
{
	struct inode *inode = f->file->f_mapping->host;

	f->size = i_size_read(inode);
	return cns_block_check(I_BDEV(inode), why);
}

static int cns_flags_check(const struct file *file, const char **why)
{
	if (!(file->f_mode & FMODE_READ) || !(file->f_mode & FMODE_WRITE)) {
		*why = "the storage must be open for reading and writing";
		return -EBADF;
	}
	if (!(file->f_flags & O_DIRECT)) {
		*why = "the storage must be open with O_DIRECT";
		return -EINVAL;
	}
	return 0;
}

static bool cns_is_bdev(const struct file *file)
{
	return S_ISBLK(file_inode(file)->i_mode);
}

static int cns_check(struct cns_file *f, const char **why)
{
	int err = cns_flags_check(f->file, why);

	if (err)
		return err;
	if (cns_is_bdev(f->file))
		return cns_bdev_check(f, why);
	if (S_ISREG(file_inode(f->file)->i_mode))
		return cns_file_check(f, why);
	*why = "the storage is neither a file nor a block device";
	return -EINVAL;
}

/* ------------------------------------------------------------------ claims */

static int cns_claim_file(struct cns_file *f)
{
	struct cns_file *other;
	int err = 0;

	mutex_lock(&cns_claims_lock);
	list_for_each_entry(other, &cns_claims, claim)
		if (file_inode(other->file) == file_inode(f->file))
			err = -EBUSY;
	if (!err)
		list_add(&f->claim, &cns_claims);
	mutex_unlock(&cns_claims_lock);
	return err;
}

static int cns_claim(struct cns_file *f)
{
	if (!cns_is_bdev(f->file))
		return cns_claim_file(f);
	f->bdev = cns_bdev_claim(f->file->f_mapping->host->i_rdev, f);
	if (!IS_ERR(f->bdev))
		return 0;
	return PTR_ERR(f->bdev);
}

int cns_file_take(struct cns_file *f, int fd, const char **why)
{
	int err;

	INIT_LIST_HEAD(&f->claim);
	f->bdev = NULL;
	f->file = fget(fd);
	if (!f->file) {
		*why = "STORAGE_FD is no open descriptor";
		return -EBADF;
	}
	err = cns_check(f, why);
	if (!err) {
		err = cns_claim(f);
		if (err)
			*why = "the storage is in use";
	}
	if (!err)
		return 0;
	fput(f->file);
	f->file = NULL;
	return err;
}

void cns_file_give(struct cns_file *f)
{
	if (!f->file)
		return;
	if (f->bdev) {
		cns_bdev_release(f->bdev);
	} else {
		mutex_lock(&cns_claims_lock);
		list_del_init(&f->claim);
		mutex_unlock(&cns_claims_lock);
	}
	fput(f->file);
	f->file = NULL;
}

/* ------------------------------------------------------------ read and write */

/* Up to CNS_IO_PAGES pages of @buf, as far as @len goes; returns the bytes. */
static size_t cns_pages(struct bio_vec *bv, unsigned int *n, const void *buf,
			u64 len)
{
	size_t bytes = 0;

	for (*n = 0; *n < CNS_IO_PAGES && bytes < len; (*n)++) {
		bv[*n].bv_page = vmalloc_to_page(buf + bytes);
		bv[*n].bv_offset = 0;
		bv[*n].bv_len = min_t(u64, PAGE_SIZE, len - bytes);
		bytes += bv[*n].bv_len;
	}
	return bytes;
}

static int cns_io(struct cns_file *f, bool write, u64 pos, const void *buf,
		  u64 len)
{
	struct bio_vec bv[CNS_IO_PAGES];
	struct iov_iter iter;
	unsigned int n;
	ssize_t did;
	size_t part;
	loff_t at;

	while (len) {
		part = cns_pages(bv, &n, buf, len);
		iov_iter_bvec(&iter, write ? ITER_SOURCE : ITER_DEST, bv, n,
			      part);
		at = pos;
		did = write ? cns_iter_write(f->file, &iter, &at) :
			      vfs_iter_read(f->file, &iter, &at, 0);
		if (did < 0)
			return did;
		/* Less than asked for is the end of a file that was cut short. */
		if ((size_t)did != part)
			return -EIO;
		pos += part;
		buf += part;
		len -= part;
	}
	return 0;
}

int cns_file_read(struct cns_file *f, u64 pos, void *buf, u64 len)
{
	return cns_io(f, false, pos, buf, len);
}

int cns_file_write(struct cns_file *f, u64 pos, const void *buf, u64 len)
{
	int err = cns_io(f, true, pos, buf, len);

	/* These mean that nothing was written; here, nobody knows what was. */
	return err == -ENOMEM || err == -EINTR ? -EIO : err;
}

int cns_file_flush(struct cns_file *f)
{
	return vfs_fsync(f->file, 0);
}
