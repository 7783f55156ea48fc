// SPDX-License-Identifier: GPL-2.0
/*
 * Backups that are made up here. What SipHash and its chain give is known from
 * the paper, and from raft_checksum().
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image.h"
#include "siphash.h"
#include "tap.h"

enum { ROOM = 400 * 1024 };

static char error[IMAGE_ERROR];
static uint8_t file[ROOM];
static size_t len;

static void hashes(void)
{
	static const struct {
		size_t n;
		uint64_t hash;
	} cases[] = {
		{ 0, 0x7073636861696e31 }, { 1, 0x32eb07518759732d },
		{ 511, 0x61c5368e09bdc63e }, { 512, 0xac8deff6e73a5684 },
		{ 513, 0x36f4e97a04435cbc }, { 1024, 0x291e75e4504dea3f },
		{ 2000, 0x765ad553afcb2360 },
	};
	uint8_t bytes[2000];
	uint64_t hash;
	size_t i;

	for (i = 0; i < 15; i++)
		bytes[i] = (uint8_t)i;
	ok(siphash24(bytes, 15, 0x0706050403020100, 0x0f0e0d0c0b0a0908) == 0xa129ca6149be45e5,
	   "the SipHash of the paper's appendix A");
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(chain_add(chain_begin(), bytes, cases[i].n) == cases[i].hash,
		   "the chain of %zu bytes is raft_checksum()'s", cases[i].n);
	hash = chain_add(chain_begin(), bytes, 1024);
	ok(chain_add(hash, bytes + 1024, 976) == cases[6].hash, "in parts, too");
}

/* ------------------------------------------------------------------- state */

static void put(uint64_t value, size_t bytes)
{
	value = htole64(value);
	memcpy(file + len, &value, bytes);
	len += bytes;
}

static void put_name(const char *name)
{
	size_t n = strlen(name);

	memcpy(file + len, name, n);
	len += (n + 7) & ~(size_t)7;
}

static void put_object(const char *name, uint64_t value, uint64_t index)
{
	put(1 | 1 << 8 | strlen(name) << 16, 8);
	put(value, 8);
	put(index, 8);
	put_name(name);
}

static void put_session(const char *name, uint64_t id, uint32_t formers, uint32_t slots)
{
	uint32_t i;

	put(2 | strlen(name) << 8 | formers << 16 | (uint64_t)slots << 32, 8);
	put(id, 8);
	for (i = 0; i < 5; i++)
		put(i + 1, 8);
	put(1, 8);		/* low */
	put(0, 8);
	put_name(name);
	for (i = 0; i < 4 * formers; i++)
		put(i + 1, 8);
	for (i = 0; i < slots; i++) {
		put(i, 8);
		put(i, 8);
		put(5, 8);
	}
}

/* Makes the head of the state right: its length, and its hash. */
static void sign(void)
{
	uint64_t size = htole64(len - IMAGE_HEAD), hash;

	memcpy(file + IMAGE_HEAD + 48, &size, 8);
	hash = htole64(siphash24(file + IMAGE_HEAD, 64, 7, ~7ULL));
	memcpy(file + IMAGE_HEAD + 64, &hash, 8);
}

static void put_head(uint32_t sessions, uint32_t objects)
{
	memset(file, 0, sizeof(file));
	len = IMAGE_HEAD;
	put(0x02004d5346534e43, 8);
	put(1, 4);
	put(5000, 4);
	put(7, 8);		/* seed */
	put(90, 8);		/* applied */
	put(0, 8);
	put(sessions, 4);
	put(objects, 4);
	put(0, 8);
	put(91, 8);		/* next token */
	put(0, 8);
}

/* A state larger than what is read at once. */
static void put_state(void)
{
	char name[64];
	int i;

	put_head(12, 1001);
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "counter number %d", i);
		put_object(name, (uint64_t)i, 3);
		if (i % 100 == 50) {
			snprintf(name, sizeof(name), "n%d", i);
			put_session(name, (uint64_t)i / 100 + 1, 8, 1024);
		}
	}
	put_session("first", 88, 0, 0);
	put_session("second", 89, 1, 1);
	put_object("last", UINT64_MAX, 90);
	sign();
}

static FILE *written(void)
{
	FILE *f = tmpfile();

	fwrite(file, 1, len, f);
	fflush(f);
	return f;
}

static int scan(struct image *m)
{
	FILE *f = written();
	int ret;

	memset(m, 0, sizeof(*m));
	m->bytes = len - IMAGE_HEAD;
	error[0] = '\0';
	ret = image_scan(fileno(f), m, NULL, NULL, error);
	fclose(f);
	return ret;
}

static int verify(struct image *m)
{
	FILE *f = written();
	int ret;

	error[0] = '\0';
	ret = image_verify(fileno(f), m, NULL, NULL, error);
	fclose(f);
	return ret;
}

/* Head and state, as backup writes them. */
static void put_backup(struct image *m)
{
	put_state();
	scan(m);
	m->cluster[0] = 0xab;
	m->term = 4;
	m->time = 1700000000;
	strcpy(m->node, "n1");
	strcpy(m->name, "demo");
	image_encode(m, file);
}

static void round_trip(void)
{
	struct image m, got;

	put_state();
	ok(!scan(&m), "a state is read");
	ok(len - IMAGE_HEAD > 3 * 64 * 1024 && m.index == 90 && m.next_token == 91 &&
	   m.objects == 1001 && m.sessions == 12, "and what it holds is known");
	ok(m.checksum == chain_add(chain_begin(), file + IMAGE_HEAD, len - IMAGE_HEAD),
	   "and its checksum");
	put_backup(&m);
	ok(!image_decode(&got, file), "a head is read again");
	ok(!memcmp(got.cluster, m.cluster, IMAGE_ID) && got.index == 90 && got.term == 4 &&
	   got.time == 1700000000 && got.bytes == m.bytes && got.checksum == m.checksum &&
	   got.next_token == 91 && got.objects == 1001 && got.sessions == 12 &&
	   !strcmp(got.node, "n1") && !strcmp(got.name, "demo"), "as it was written");
	ok(!verify(&got), "head and state go together");
	strcpy(m.node, "123456789012345678901234567890123456789012345678901234567890123");
	m.name[0] = '\0';
	image_encode(&m, file);
	ok(!image_decode(&got, file) && !strcmp(got.node, m.node) && !got.name[0],
	   "the longest name, and none");
}

/* ------------------------------------------------------------------ damage */

static void flips(void)
{
	struct image m, got;
	int bad = 0;
	size_t at;

	put_backup(&m);
	for (at = 0; at < len; at += at < 6000 ? 1 : 997) {
		file[at] ^= 0x10;
		bad += !verify(&got);
		file[at] ^= 0x10;
	}
	ok(!bad, "each byte that is not what it was is found");
	ok(!verify(&got), "and all is well with none");
	len--;
	ok(verify(&got) == -EBADMSG, "a file that was cut is refused");
	holds(error, "length", "and it says why");
	len += 2;
	ok(verify(&got) == -EBADMSG, "one that is too long, too");
	len = 100;
	ok(verify(&got) == -EBADMSG, "and a short one");
	holds(error, "no backup", "which is none");
}

static void wrong(const char *says, const char *name)
{
	struct image m;

	sign();
	if (!ok(scan(&m) == -EBADMSG, "%s", name))
		return;
	holds(error, says, "and it says why");
}

/* States that nothing writes, under checksums that are right. */
static void nonsense(void)
{
	put_head(0, 2);
	put_object("a", 1, 1);
	wrong("1 objects and 0 sessions are missing", "an object too few");
	put_head(0, 1);
	put_object("a", 1, 1);
	put_object("b", 1, 1);
	wrong("too many", "an object too many");
	put_head(0, 1);
	put_object("a", 1, 91);
	wrong("makes no sense", "an object from the future");
	put_head(0, 1);
	put_object("a\tb", 1, 1);
	wrong("is no name", "a name with a control character");
	put_head(0, 1);
	put_object("", 1, 1);
	wrong("0 bytes", "a name without letters");
	put_head(0, 1);
	put_object("abc", 1, 1);
	file[len - 1] = 1;
	wrong("is no name", "a name with dirty padding");
	put_head(0, 1);
	put_object("a", 1, 1);
	file[IMAGE_HEAD + 72 + 1] = 2;
	wrong("kind 2", "an object of another kind");
	put_head(0, 1);
	put_object("abc", 1, 1);
	len -= 8;
	wrong("middle of a record", "a record that is cut off");
	put_head(1, 0);
	put_session("n1", 1, 9, 0);
	wrong("a session in it", "too many former incarnations");
	put_head(1, 0);
	put_session("n1", 1, 0, 1025);
	wrong("a result in it", "more results than a window has");
	put_head(1, 0);
	put_session("n1", 1, 0, 2);
	file[len - 24] = 0;
	wrong("a result in it", "two results of one request");
	put_head(0, 0);
	file[IMAGE_HEAD + 7] = 9;
	wrong("format 9", "a state in another format");
	put_head(0, 0);
	file[IMAGE_HEAD + 8] = 0;
	wrong("has not begun", "a state that has not begun");
	put_head(0, 0);
	put(3, 8);
	wrong("unknown kind (3)", "a record of another kind");
}

static bool stop(void *arg, uint64_t done, uint64_t total)
{
	*(uint64_t *)arg = done * 1000 / total;
	return true;
}

static void stopped(void)
{
	struct image m = { 0 };
	uint64_t part = 0;
	FILE *f;

	put_state();
	m.bytes = len - IMAGE_HEAD;
	f = written();
	ok(image_scan(fileno(f), &m, stop, &part, error) == -EINTR, "reading can be stopped");
	ok(part > 0 && part < 1000, "on the way");
	fclose(f);
}

/* ------------------------------------------------------------------- index */

static void new_index(void)
{
	struct image m = { .index = 1000, .next_token = 900 };
	uint64_t index;

	ok(image_new_index(&m, 1, 0, &index) && index == 1000 + (1ULL << 40),
	   "an index 2^40 above the backup's");
	m.next_token = 1100;
	ok(image_new_index(&m, 1, 0, &index) && index == 1100 + (1ULL << 40),
	   "or above its next token");
	ok(image_new_index(&m, 1700000000, 0, &index) && index == 1700000000ULL << 30,
	   "or what the clock says");
	ok(image_new_index(&m, 1, 1ULL << 50, &index) && index == (1ULL << 50) + 1,
	   "or what the operator says");
	ok(!image_new_index(&m, 1, UINT64_MAX, &index), "nothing is above the highest");
	ok(!image_new_index(&m, 1ULL << 34, 0, &index), "nor at the end of time");
	m.index = UINT64_MAX - 5;
	ok(!image_new_index(&m, 1, 0, &index), "nor above such a backup");
}

void test_image(void)
{
	hashes();
	round_trip();
	flips();
	nonsense();
	stopped();
	new_index();
}
