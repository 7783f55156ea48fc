// SPDX-License-Identifier: GPL-2.0
/*
 * Token files on a disk that loses its power, or rots. The calls that write are taken
 * from the C library here: what was not synced may be on the disk, or not, or in part.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "consensus_guard.h"
#include "tap.h"
#include "../lib/token.h"

enum {
	SIZE = LIB_TOKEN_COPIES * LIB_TOKEN_STEP,
	EVENTS = 5,		/* of a token that is let in: sync, write, sync, write, sync */
	PENDING_MAX = 8,
	MASKS = 100,
};

struct pending {
	off_t at;
	size_t n;
	uint8_t bytes[LIB_TOKEN_COPY];
};

/**
 * struct disk - what is known of it
 * @fast: these tests run: to sync costs nothing
 * @on: it is ours; else all goes to the real one
 * @off_at: the event in which the power goes; the events so far
 * @durable: what was synced
 * @n: writes since
 * @left: an image of which a killed writer left a copy that is not durable, or NULL
 * @left_copy: that copy
 * @error: of reads, 0: none
 */
static struct {
	bool fast, on;
	int off_at, events;
	uint8_t durable[SIZE];
	int n;
	struct pending pending[PENDING_MAX];
	const uint8_t *left;
	unsigned int left_copy;
	int error;
} disk;

static char path[4096];
static uint64_t seed = 42;

static uint64_t draw(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 2685821657736338717ULL;
}

/* ---- the calls of the C library ---- */

/* True: there is no power any more. */
static bool event(void)
{
	return disk.events++ >= disk.off_at;
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	bool off = disk.on && event();

	if (disk.on && disk.n < PENDING_MAX && n <= LIB_TOKEN_COPY &&
	    disk.events <= disk.off_at + 1) {
		struct pending *p = &disk.pending[disk.n++];

		p->at = at;
		p->n = n;
		memcpy(p->bytes, buf, n);
	}
	if (off) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, buf, n, at);
}

ssize_t pread(int fd, void *buf, size_t n, off_t at)
{
	if (disk.error) {
		errno = disk.error;
		return -1;
	}
	return syscall(SYS_pread64, fd, buf, n, at);
}

static int sync_file(int fd)
{
	if (event()) {
		errno = EIO;
		return -1;
	}
	disk.n = 0;
	return pread(fd, disk.durable, SIZE, 0) == SIZE ? 0 : -1;
}

int fdatasync(int fd)
{
	if (disk.on)
		return sync_file(fd);
	return disk.fast ? 0 : (int)syscall(SYS_fdatasync, fd);
}

/* Of files and folders that are made: nothing is cut off there. */
int fsync(int fd)
{
	return disk.fast ? 0 : (int)syscall(SYS_fsync, fd);
}

/* ---- images ---- */

static void load(uint8_t image[SIZE])
{
	int fd = open(path, O_RDONLY);

	if (fd < 0 || pread(fd, image, SIZE, 0) != SIZE)
		abort();
	close(fd);
}

static void store(const uint8_t *image, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	if (fd < 0 || syscall(SYS_pwrite64, fd, image, n, 0) != (long)n || ftruncate(fd, (off_t)n))
		abort();
	close(fd);
}

/* The disk, with the first @cut bytes of each write that was not synced; -1: any bytes. */
static void torn(uint8_t image[SIZE], long cut)
{
	size_t b;
	int i;

	memcpy(image, disk.durable, SIZE);
	for (i = 0; i < disk.n; i++) {
		const struct pending *p = &disk.pending[i];
		/* A byte in 512, in 2, or all but a few: of each kind of tear some. */
		uint64_t odds = 1ULL << draw() % 10, other = draw() & 1;

		for (b = 0; b < p->n; b++)
			if (cut < 0 ? (draw() % odds == 0) ^ other : b < (size_t)cut)
				image[p->at + (off_t)b] = p->bytes[b];
	}
}

static int enter_once(uint64_t value)
{
	struct consensus_token *t;
	int ret = consensus_token_open(&t, path, 0600);

	if (ret)
		return ret;
	ret = consensus_token_enter(t, value);
	consensus_token_close(t);
	return ret;
}

static int highest_now(uint64_t *value)
{
	struct consensus_token *t;
	int ret = consensus_token_open(&t, path, 0600);

	if (ret)
		return ret;
	ret = consensus_token_highest(t, value);
	consensus_token_close(t);
	return ret;
}

static bool both_have(uint64_t value)
{
	struct lib_token_state state;
	int fd = open(path, O_RDONLY);
	int ret = fd < 0 ? -1 : lib_token_file_read(fd, &state);

	close(fd);
	return !ret && state.valid[0] && state.valid[1] && state.value[0] == value &&
	       state.value[1] == value;
}

/* ---- power ---- */

/*
 * After the power came back: @told was told to be durable, @tried was not. Nothing lower
 * than @told comes in, and the file works.
 */
static bool safe(const uint8_t image[SIZE], uint64_t told, uint64_t tried)
{
	uint64_t highest = 0;
	bool good;

	store(image, SIZE);
	good = !highest_now(&highest) && (highest == told || highest == tried);
	good = good && enter_once(told - 1) == -ESTALE;
	good = good && enter_once(told) == (highest == told ? 0 : -ESTALE);
	/* To let @told in again must not have hidden anything. */
	good = good && !highest_now(&highest) && highest >= told;
	good = good && !enter_once(tried) && both_have(tried) && enter_once(told) == -ESTALE;
	if (!good)
		printf("# told %lu, tried %lu, found %lu\n", (unsigned long)told,
		       (unsigned long)tried, (unsigned long)highest);
	return good;
}

/* What a killed writer left. */
static void leave_dirty(void)
{
	int fd = open(path, O_WRONLY);
	off_t at = (off_t)disk.left_copy * LIB_TOKEN_STEP;

	if (fd < 0 || pwrite(fd, disk.left + at, LIB_TOKEN_COPY, at) != LIB_TOKEN_COPY)
		abort();
	close(fd);
}

/* From @before, let @tried in until the power goes in event @off_at. What enter said. */
static int cut_off(const uint8_t before[SIZE], uint64_t tried, int off_at)
{
	struct consensus_token *t;
	int ret;

	store(before, SIZE);
	if (consensus_token_open(&t, path, 0600))
		return -1;
	memcpy(disk.durable, before, SIZE);
	disk.n = 0;
	disk.events = 0;
	disk.off_at = off_at + !!disk.left;
	disk.on = true;
	if (disk.left)
		leave_dirty();
	disk.events = 0;
	disk.off_at = off_at;
	ret = consensus_token_enter(t, tried);
	disk.on = false;
	consensus_token_close(t);
	return ret;
}

/* From an image in which @told was told: the power goes at every moment, @step bytes on. */
static bool cuts_of(const uint8_t before[SIZE], uint64_t told, uint64_t tried, long step)
{
	uint8_t image[SIZE];
	bool good = true;
	int at, mask;
	long cut;

	for (at = 0; good && at < EVENTS; at++) {
		good = cut_off(before, tried, at) == -EIO;
		for (cut = 0; good && cut <= LIB_TOKEN_COPY; cut += step) {
			torn(image, cut);
			good = safe(image, told, tried);
		}
		for (mask = 0; good && mask < MASKS; mask++) {
			torn(image, -1);
			good = safe(image, told, tried);
		}
		if (!good)
			printf("# in event %d\n", at);
	}
	good = good && !cut_off(before, tried, EVENTS) && disk.events == EVENTS && !disk.n;
	return good && safe(disk.durable, tried, tried + 1);
}

/* An image in which both copies have @value. */
static void settle(uint8_t image[SIZE], uint64_t value)
{
	unlink(path);
	if (enter_once(value))
		abort();
	load(image);
}

static void power(void)
{
	uint8_t clean[SIZE], image[SIZE], newer[SIZE];
	unsigned int i;

	settle(clean, 0x1122334455667788);
	ok(cuts_of(clean, 0x1122334455667788, 0x1122334455667789, 1), "the power goes: low bits");
	ok(cuts_of(clean, 0x1122334455667788, 0xfedcba9876543210, 1), "the power goes: all bits");
	for (i = 0; i < LIB_TOKEN_COPIES; i++) {
		memcpy(image, clean, SIZE);
		image[i * LIB_TOKEN_STEP + 9] ^= 1;
		ok(cuts_of(image, 0x1122334455667788, 0x1122334455667790, 4),
		   "it goes when copy %u is damaged", i);
	}
	settle(newer, 0x1122334455667799);
	for (i = 0; i < LIB_TOKEN_COPIES; i++) {
		memcpy(image, clean, SIZE);
		memcpy(image + i * LIB_TOKEN_STEP, newer + i * LIB_TOKEN_STEP, LIB_TOKEN_COPY);
		ok(cuts_of(image, 0x1122334455667799, 0x11223344556677aa, 4),
		   "it goes when copy %u is ahead", i);
	}
}

/* A writer is killed behind a write; the next one takes that for what is durable. */
static void dirty(void)
{
	uint8_t clean[SIZE], newer[SIZE];
	unsigned int i;

	settle(newer, 0x11223344556677aa);
	settle(clean, 0x1122334455667799);
	disk.left = newer;
	for (i = 0; i < LIB_TOKEN_COPIES; i++) {
		disk.left_copy = i;
		ok(cuts_of(clean, 0x1122334455667799, 0x11223344556677aa, 4),
		   "it goes when copy %u is not durable", i);
	}
	disk.left = NULL;
	/* Both have it in the page cache: the second is what is not durable. */
	memcpy(clean, newer, LIB_TOKEN_COPY);
	disk.left = newer;
	disk.left_copy = 1;
	ok(cuts_of(clean, 0x11223344556677aa, 0x11223344556677ab, 4),
	   "it goes when both look the same");
	disk.left = NULL;
}

/* A killed writer may have left what looks durable and is not. */
static void again(void)
{
	uint8_t clean[SIZE];
	struct consensus_token *t;
	int before;

	settle(clean, 7);
	ok(cut_off(clean, 7, 0) == -EIO, "what others wrote is written again before it counts");
	store(clean, SIZE);
	if (!ok(!consensus_token_open(&t, path, 0600), "it opens"))
		return;
	disk.events = 0;
	disk.off_at = 100;
	disk.on = true;
	ok(!consensus_token_enter(t, 7) && disk.events == EVENTS, "it is written once");
	consensus_token_leave(t);
	before = disk.events;
	ok(!consensus_token_enter(t, 7) && disk.events == before, "and then not any more");
	consensus_token_leave(t);
	disk.on = false;
	consensus_token_close(t);
}

static void failed(void)
{
	struct consensus_token *t;
	uint8_t clean[SIZE];
	uint64_t value = 1;

	settle(clean, 7);
	if (!ok(!consensus_token_open(&t, path, 0600), "it opens"))
		return;
	disk.events = 0;
	disk.off_at = 2;
	disk.on = true;
	ok(consensus_token_enter(t, 8) == -EIO, "a sync that fails lets nobody in");
	disk.on = false;
	ok(consensus_token_enter(t, 8) == -EIO && consensus_token_enter(t, 9) == -EIO &&
	   consensus_token_highest(t, &value) == -EIO && !value,
	   "nor later, when the page cache has forgotten of it");
	consensus_token_close(t);
	ok(enter_once(7) == -ESTALE && !enter_once(8), "whoever opens it anew writes it anew");
}

/* A file that the server has forgotten is no token that is too low. */
static void confused(void)
{
	static const int errors[] = { ESTALE, EAGAIN, EBUSY };
	struct consensus_token *t, *u;
	bool good = true;
	uint64_t value;
	size_t i;

	unlink(path);
	if (!ok(!consensus_token_open(&t, path, 0600), "it opens"))
		return;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		disk.error = errors[i];
		good &= consensus_token_enter(t, 7) == -EIO &&
			consensus_token_highest(t, &value) == -EIO &&
			consensus_token_open(&u, path, 0600) == -EIO;
	}
	disk.error = 0;
	ok(good, "ESTALE, EAGAIN and EBUSY of the file are EIO");
	ok(!consensus_token_enter(t, 7), "and pass");
	consensus_token_close(t);
}

/* ---- the name ---- */

/* Is it refused, and let in again when @other has got the name back? */
static bool refused(struct consensus_token *t, const char *other)
{
	uint64_t value = 1;
	bool good = consensus_token_enter(t, 7) == -EBADMSG &&
		    consensus_token_highest(t, &value) == -EBADMSG && !value;

	good = good && !rename(other, path) && !consensus_token_enter(t, 7);
	consensus_token_leave(t);
	return good;
}

static void names(void)
{
	struct consensus_token *t;
	char other[5000], here[4096];
	const char *slash = strrchr(path, '/');

	unlink(path);
	snprintf(other, sizeof(other), "%s.other", path);
	if (!ok(getcwd(here, sizeof(here)) && slash && !consensus_token_open(&t, path, 0600),
		"it opens"))
		return;
	ok(!link(path, other) && !unlink(path) && refused(t, other),
	   "deleted, but for another link");
	ok(!rename(path, other) && !enter_once(6) && refused(t, other), "renamed, and made anew");
	consensus_token_close(t);
	snprintf(other, sizeof(other), "%.*s", (int)(slash - path) + 1, path);
	ok(!chdir(other) && !consensus_token_open(&t, slash + 1, 0600) && !chdir("/") &&
	   !consensus_token_enter(t, 8), "a relative path, and then another folder");
	consensus_token_close(t);
	if (chdir(here))
		abort();
}

/* ---- rot ---- */

/* Every byte, in any bit, of one copy: the other has the same. */
static bool rots(const uint8_t clean[SIZE], unsigned int copy, uint64_t told)
{
	uint8_t image[SIZE];
	uint64_t highest;
	bool good = true;
	unsigned int b;

	for (b = 0; good && b < LIB_TOKEN_COPY; b++) {
		memcpy(image, clean, SIZE);
		image[copy * LIB_TOKEN_STEP + b] ^= (uint8_t)(1 + draw() % 255);
		store(image, SIZE);
		good = !highest_now(&highest) && highest == told &&
		       enter_once(told - 1) == -ESTALE && !enter_once(told) && both_have(told);
	}
	return good;
}

static bool dead(void)
{
	struct consensus_token *t;

	return consensus_token_open(&t, path, 0600) == -EBADMSG;
}

static void rot(void)
{
	uint8_t clean[SIZE], image[SIZE];
	struct consensus_token *t;
	uint64_t value = 1;
	unsigned int b;
	bool good = true;
	size_t size;

	settle(clean, 0xa5a5);
	ok(rots(clean, 0, 0xa5a5) && rots(clean, 1, 0xa5a5), "one copy rots: nothing is lost");
	for (b = 0; good && b < LIB_TOKEN_COPY; b++) {
		memcpy(image, clean, SIZE);
		image[b] ^= (uint8_t)(1 + draw() % 255);
		image[LIB_TOKEN_STEP + draw() % LIB_TOKEN_COPY] ^= (uint8_t)(1 + draw() % 255);
		store(image, SIZE);
		good = dead();
	}
	ok(good, "both rot: EBADMSG");
	for (size = 0, good = true; good && size < SIZE; size += 61) {
		store(clean, size);
		good = size < LIB_TOKEN_COPY ? dead() : !highest_now(&value) && value == 0xa5a5;
	}
	ok(good, "cut short: what is whole counts");
	store(clean, SIZE);
	if (!ok(!consensus_token_open(&t, path, 0600), "it opens"))
		return;
	memset(image, 0, SIZE);
	store(image, SIZE);
	ok(consensus_token_enter(t, ~0ULL) == -EBADMSG &&
	   consensus_token_highest(t, &value) == -EBADMSG && !value && dead(),
	   "zeros are no token, also in a file that was open");
	store(clean, SIZE);
	ok(!consensus_token_enter(t, ~0ULL), "the highest token");
	consensus_token_leave(t);
	ok(enter_once(~0ULL - 1) == -ESTALE, "and one below");
	unlink(path);
	ok(consensus_token_enter(t, ~0ULL) == -EBADMSG, "a file that was deleted");
	consensus_token_close(t);
}

/* ---- arguments ---- */

static void arguments(void)
{
	struct consensus_token *t;
	struct stat st;
	uint64_t value = 1;
	char other[5000];

	unlink(path);
	umask(022);
	if (!ok(!consensus_token_open(&t, path, 0666) && !stat(path, &st) &&
		(st.st_mode & 0777) == 0644 && st.st_nlink == 1 && st.st_size == SIZE,
		"a new file: its mode, its size, one name"))
		return;
	ok(!consensus_token_highest(t, &value) && !value, "it has seen none");
	ok(consensus_token_enter(t, 0) == -EINVAL, "token 0");
	ok(!consensus_token_enter(t, 5) && consensus_token_enter(t, 5) == -EBUSY &&
	   !consensus_token_highest(t, &value) && value == 5, "entered twice; read while inside");
	consensus_token_leave(t);
	consensus_token_leave(t);
	ok(consensus_token_enter(t, 4) == -ESTALE && !consensus_token_enter(t, 5), "4 after 5");
	consensus_token_close(t);
	consensus_token_close(NULL);
	snprintf(other, sizeof(other), "%s/x", path);
	ok(consensus_token_open(&t, other, 0600) == -ENOTDIR, "ENOTDIR");
	snprintf(other, sizeof(other), "%s.none/x", path);
	ok(consensus_token_open(&t, other, 0600) == -ENOENT, "ENOENT");
	memset(other, 'x', sizeof(other) - 1);
	other[sizeof(other) - 1] = 0;
	ok(consensus_token_open(&t, other, 0600) == -ENAMETOOLONG, "ENAMETOOLONG");
}

void test_token(void)
{
	const char *folder = getenv("TEST_FOLDER");

	snprintf(path, sizeof(path), "%s/token.%d", folder ? folder : "/tmp", getpid());
	disk.fast = true;
	arguments();
	names();
	power();
	dirty();
	again();
	failed();
	confused();
	rot();
	unlink(path);
	disk.fast = false;
}
