// SPDX-License-Identifier: GPL-2.0
/*
 * Which file systems a storage may lie on, and what else may lie in its place.
 */
#include <stdlib.h>
#include <string.h>

#include "storage.h"

static const char copies[] =
	"copies on write: what fits now may find no room later";
static const char logs[] = "is log-structured: it never overwrites in place";
static const char forgets[] = "is in memory: nothing of it survives";
static const char remote[] = "is on the network: what was written there may be lost";
static const char unsound[] = "has no journal and no promises";

/**
 * struct kind - a file system, by what statfs() tells
 * @magic: its number
 * @name: what people call it
 * @unfit: why a storage must not lie on it; NULL: it may
 */
static const struct kind {
	uint64_t magic;
	const char *name, *unfit;
} kinds[] = {
	{ 0xef53, "ext2, ext3 or ext4", NULL },
	{ 0x58465342, "xfs", NULL },
	{ 0x9123683e, "btrfs", copies },
	{ 0x2fc12fc1, "zfs", copies },
	{ 0xca451a4e, "bcachefs", copies },
	{ 0xf2f52010, "f2fs", logs },
	{ 0x3434, "nilfs2", logs },
	{ 0x24051905, "ubifs", logs },
	{ 0x794c7630, "overlay", "copies up on write: name a path behind it (a volume)" },
	{ 0x01021994, "tmpfs", forgets },
	{ 0x858458f6, "ramfs", forgets },
	{ 0x6969, "nfs", remote },
	{ 0xff534d42, "cifs", remote },
	{ 0xfe534d42, "smb", remote },
	{ 0x00c36400, "ceph", remote },
	{ 0x01021997, "9p", remote },
	{ 0x5346414f, "afs", remote },
	{ 0x65735546, "fuse", "is served by a process: it may hang or lose what was written" },
	{ 0xf15f, "ecryptfs", "lies upon another, which it hides" },
	{ 0x4d44, "fat", unsound },
	{ 0x2011bab0, "exfat", unsound },
};

static const struct kind *kind_of(uint64_t magic)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].magic == magic)
			return &kinds[i];
	}
	return NULL;
}

const char *filesystem_name(uint64_t magic)
{
	const struct kind *k = kind_of(magic);

	return k ? k->name : "this file system";
}

const char *filesystem_unfit(uint64_t magic)
{
	const struct kind *k = kind_of(magic);

	return k ? k->unfit : "is not known to overwrite in place";
}

/* Is the word one of those between commas? */
static bool has_option(const char *options, const char *word)
{
	size_t len = strlen(word);
	const char *at = options;

	while ((at = strstr(at, word))) {
		if ((at == options || at[-1] == ',') && strchr(",\n", at[len]))
			return true;
		at += len;
	}
	return false;
}

/*
 * "36 35 98:0 /root /mount options fields - type source options" (proc(5)). ext4
 * shows data=journal wherever it comes from.
 */
static bool line_journals_data(const char *line, unsigned int major, unsigned int minor)
{
	const char *end = strstr(line, " - ");
	unsigned int at_major, at_minor;
	int i;

	if (!end || sscanf(line, "%*u %*u %u:%u ", &at_major, &at_minor) != 2 ||
	    at_major != major || at_minor != minor)
		return false;
	for (end += 3, i = 0; i < 2 && end; i++)
		end = strchr(end + 1, ' ');
	return end && has_option(end + 1, "data=journal");
}

bool mount_journals_data(FILE *in, unsigned int major, unsigned int minor)
{
	bool found = false;
	char *line = NULL;
	size_t size = 0;

	while (!found && getline(&line, &size, in) > 0)
		found = line_journals_data(line, major, minor);
	free(line);
	return found;
}

/**
 * struct mark - what something begins with
 * @at: byte
 * @len: of @bytes
 * @bytes: these
 * @name: is this
 */
static const struct mark {
	size_t at, len;
	const char *bytes, *name;
} marks[] = {
	{ 0x438, 2, "\x53\xef", "an ext2, ext3 or ext4 file system" },
	{ 0, 4, "XFSB", "an xfs file system" },
	{ 0, 4, "LUKS", "an encrypted volume (LUKS)" },
	{ 512, 8, "LABELONE", "an LVM physical volume" },
	{ 512, 8, "EFI PART", "a partition table (GPT)" },
	{ 4086, 10, "SWAPSPACE2", "swap space" },
	{ 0, 4, "\xfc\x4e\x2b\xa9", "a member of a RAID" },
	{ 4096, 4, "\xfc\x4e\x2b\xa9", "a member of a RAID" },
	{ 1024, 4, "\x10\x20\xf5\xf2", "an f2fs file system" },
	{ 3, 4, "NTFS", "an NTFS file system" },
	{ 0, 8, "CNSBCKUP", "a backup (consensusctl backup)" },
	{ 0, 4, "\177ELF", "a program" },
	/* Last: many of the above have it, too. */
	{ 510, 2, "\x55\xaa", "a boot sector or partition table" },
};

const char *content_name(const uint8_t *head)
{
	size_t i;

	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (!memcmp(head + marks[i].at, marks[i].bytes, marks[i].len))
			return marks[i].name;
	}
	return NULL;
}
