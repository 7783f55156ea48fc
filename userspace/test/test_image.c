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

static void put_cell(uint8_t kind, const char *name, uint8_t flags, uint32_t more)
{
	put(1 | (uint64_t)kind << 8 | (uint64_t)strlen(name) << 16 | (uint64_t)flags << 24 |
	    (uint64_t)more << 32, 8);
}

static void put_counter(const char *name, uint64_t value, uint64_t index)
{
	put_cell(1, name, 0, 0);
	put(value, 8);
	put(index, 8);
	put_name(name);
}

static void put_lock(const char *name, uint8_t flags, uint16_t death)
{
	put_cell(2, name, flags, death);
	put_name(name);
}

/* Who holds has a token; it is file 6 of session 2 in either case. */
static void put_claim(const char *name, uint8_t flags, uint64_t ticket, uint64_t token,
		      uint64_t index)
{
	put_cell(3, name, flags, 1700000000);
	put(ticket, 8);
	put(token, 8);
	put(index, 8);
	put(2, 8);
	put(6, 8);
	put_name(name);
}

static void put_handle(uint64_t session, uint64_t born, uint64_t death, const char *comm)
{
	put_cell(4, "", 0, 0);
	put(session, 8);
	put(6, 8);
	put(born, 8);
	put(death, 8);
	put(4711 | 1000ULL << 32, 8);
	memcpy(file + len, comm, strnlen(comm, 16));
	len += 16;
}

static void put_grave(uint64_t session, uint64_t death)
{
	put_cell(5, "", 0, 0);
	put(session, 8);
	put(death, 8);
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
	put(10000, 8);		/* TTL */
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
	hash = htole64(siphash24(file + IMAGE_HEAD, 80, 7, ~7ULL));
	memcpy(file + IMAGE_HEAD + 80, &hash, 8);
}

static void put_head(uint32_t sessions, uint32_t records, uint32_t objects)
{
	memset(file, 0, sizeof(file));
	len = IMAGE_HEAD;
	put(0x03004d5346534e43, 8);
	put(1, 4);
	put(5000, 4);
	put(7, 8);		/* seed */
	put(90, 8);		/* applied */
	put(0, 8);
	put(sessions, 4);
	put(objects, 4);
	put(0, 8);
	put(91, 8);		/* next token */
	put(3, 8);		/* deaths */
	put(records, 8);
	put(0, 8);
}

/* The same, with nothing but counters. */
static void put_counters(uint32_t n)
{
	put_head(0, n, n);
}

/* A state larger than what is read at once. */
static void put_state(void)
{
	char name[64];
	int i;

	/* Locks: one held and waited for, one shared, one that says that it was left. */
	put_head(12, 1001 + 8, 1001 + 9);
	put_lock("left", 3, 2);
	put_claim("shared, by one whose name has sixty-three letters, which is all", 3, 10,
		  90, 20);
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "counter number %d", i);
		put_counter(name, (uint64_t)i, 3);
		if (i % 100 == 50) {
			snprintf(name, sizeof(name), "n%d", i);
			put_session(name, (uint64_t)i / 100 + 1, 8, 1024);
		}
	}
	put_claim("held", 0, 11, 12, 11);
	put_claim("held", 1, 13, 0, 0);
	put_handle(2, 9, 0, "a program");
	put_handle(3, 9, 14, "sixteen letters!");
	put_session("first", 88, 0, 0);
	put_session("second", 89, 1, 1);
	put_grave(5, 90);
	put_lock("waited for", 1, 0);
	put_counter("last", UINT64_MAX, 90);
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
	   m.objects == 1010 && m.sessions == 12, "and what it holds is known");
	ok(m.checksum == chain_add(chain_begin(), file + IMAGE_HEAD, len - IMAGE_HEAD),
	   "and its checksum");
	put_backup(&m);
	ok(!image_decode(&got, file), "a head is read again");
	ok(!memcmp(got.cluster, m.cluster, IMAGE_ID) && got.index == 90 && got.term == 4 &&
	   got.time == 1700000000 && got.bytes == m.bytes && got.checksum == m.checksum &&
	   got.next_token == 91 && got.objects == 1010 && got.sessions == 12 &&
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

/* Writes @n bytes of @value into the state, @at bytes behind its head. */
static void poke(size_t at, size_t n, uint64_t value)
{
	value = htole64(value);
	memcpy(file + IMAGE_HEAD + 88 + at, &value, n);
}

/* States that nothing writes, under checksums that are right. */
static void nonsense(void)
{
	put_counters(2);
	put_counter("a", 1, 1);
	wrong("1 records and 0 sessions are missing", "an object too few");
	put_counters(1);
	put_counter("a", 1, 1);
	put_counter("b", 1, 1);
	wrong("too many", "an object too many");
	put_counters(1);
	put_counter("a", 1, 91);
	wrong("makes no sense", "an object from the future");
	put_counters(1);
	put_counter("a\tb", 1, 1);
	wrong("is no name", "a name with a control character");
	put_counters(1);
	put_counter("", 1, 1);
	wrong("0 bytes", "a name without letters");
	put_counters(1);
	put_counter("abc", 1, 1);
	file[len - 1] = 1;
	wrong("is no name", "a name with dirty padding");
	put_counters(1);
	put_counter("a", 1, 1);
	poke(1, 1, 6);
	wrong("kind 6", "an object of another kind");
	poke(1, 1, 0);
	wrong("kind 0", "and one of none");
	put_counters(1);
	put_counter("abc", 1, 1);
	len -= 8;
	wrong("middle of a record", "a record that is cut off");
	put_head(1, 0, 0);
	put_session("n1", 1, 9, 0);
	wrong("a session in it", "too many former incarnations");
	put_head(1, 0, 0);
	put_session("n1", 1, 0, 1025);
	wrong("a result in it", "more results than a window has");
	put_head(1, 0, 0);
	put_session("n1", 1, 0, 2);
	file[len - 24] = 0;
	wrong("a result in it", "two results of one request");
	put_head(1, 0, 0);
	put_session("n1", 1, 0, 1);
	file[len - 20] = 8;
	wrong("a result in it", "a result of an unknown kind");
	put_head(1, 0, 0);
	put_session("n1", 1, 0, 0);
	poke(72, 4, 49);
	wrong("a session in it", "a session with too short a TTL");
	poke(72, 4, 600001);
	wrong("a session in it", "and with too long a one");
	poke(72, 8, 10000 | 1ULL << 32);
	wrong("a session in it", "and with dirt behind it");
	put_counters(0);
	file[IMAGE_HEAD + 7] = 2;
	wrong("format 2", "a state in another format");
	put_counters(0);
	file[IMAGE_HEAD + 8] = 0;
	wrong("has not begun", "a state that has not begun");
	put_counters(0);
	file[IMAGE_HEAD + 76] = 1;
	wrong("begins with nonsense", "a head with dirt in it");
	put_counters(0);
	put(3, 8);
	wrong("unknown kind (3)", "a record of another kind");
}

/* A lock that is held, by one claim of one file; then @at is changed. */
static void changed_claim(size_t at, size_t n, uint64_t value, const char *name)
{
	struct image m;

	put_head(0, 2, 3);
	put_claim("db", 0, 10, 12, 11);
	put_handle(2, 10, 0, "sh");
	sign();
	if (scan(&m))
		ok(false, "a lock that is held: %s", error);
	poke(at, n, value);
	wrong("a holder or waiter", name);
}

static void changed_handle(size_t at, size_t n, uint64_t value, const char *name)
{
	put_head(0, 2, 3);
	put_handle(2, 10, 11, "sh");
	put_claim("db", 0, 10, 12, 11);
	poke(at, n, value);
	wrong("an open file", name);
}

static void changed_lock(size_t at, size_t n, uint64_t value, const char *name)
{
	put_head(0, 1, 1);
	put_lock("db", 3, 1);
	poke(at, n, value);
	wrong("a lock in it", name);
}

static void changed_grave(size_t at, size_t n, uint64_t value, const char *name)
{
	put_head(0, 3, 3);
	put_grave(2, 12);
	put_handle(2, 10, 0, "sh");
	put_claim("db", 0, 10, 12, 11);
	poke(at, n, value);
	wrong("a session that ended", name);
}

static void changed_locks(void)
{
	changed_claim(3, 1, 4, "a claim with an unknown flag");
	changed_claim(8, 8, 0, "one without a ticket");
	changed_claim(8, 8, 12, "one granted before it was asked for");
	changed_claim(8, 8, 91, "one from the future");
	changed_claim(16, 8, 0, "one granted without a token");
	changed_claim(16, 8, 10, "one with a token below its index");
	changed_claim(16, 8, 91, "one with a token that is still to come");
	changed_claim(24, 8, 0, "one with a token that was not granted");
	changed_claim(24, 8, 91, "one granted in the future");
	changed_claim(32, 8, 0, "one of nobody");
	changed_claim(32, 8, 10, "one from before its session");
	changed_handle(2, 1, 1, "a file with a name");
	changed_handle(3, 1, 1, "one with flags");
	changed_handle(4, 4, 1, "one with dirt");
	changed_handle(8, 8, 0, "one of nobody");
	changed_handle(8, 8, 10, "one from before its session");
	changed_handle(24, 8, 91, "one from the future");
	changed_handle(32, 8, 10, "one that died when it was born");
	changed_handle(32, 8, 91, "one that will die");
	changed_handle(48 + 3, 1, 'x', "one whose program has two ends");
	changed_lock(3, 1, 0, "a lock that says nothing");
	changed_lock(3, 1, 2, "one left by nobody");
	changed_lock(3, 1, 7, "one with an unknown flag");
	changed_lock(3, 1, 1, "one with a number, but not left");
	changed_lock(6, 2, 1, "one with dirt");
	changed_grave(2, 1, 1, "a session with a name");
	changed_grave(3, 1, 1, "one with flags");
	changed_grave(4, 4, 1, "one with dirt");
	changed_grave(8, 8, 0, "one that is nobody");
	changed_grave(16, 8, 2, "one that ended when it began");
	changed_grave(16, 8, 91, "one that will end");
}

/* How many of each there can be beside each other. */
static void numbers(void)
{
	static const struct {
		uint32_t claims, handles, graves, locks, objects;
		bool fine;
	} cases[] = {
		{ 1, 1, 0, 0, 3, true }, { 1, 1, 0, 0, 2, false },
		{ 1, 1, 0, 0, 4, false }, { 3, 1, 0, 0, 5, true },
		{ 3, 1, 0, 0, 7, true }, { 3, 1, 0, 0, 8, false },
		{ 3, 1, 0, 1, 5, true }, { 3, 1, 0, 1, 8, true },
		{ 0, 0, 0, 2, 2, true }, { 0, 0, 0, 2, 1, false },
		{ 1, 2, 0, 0, 4, false }, { 1, 0, 0, 0, 2, false },
		{ 2, 1, 1, 0, 4, true }, { 2, 1, 2, 0, 4, false },
		{ 0, 0, 1, 0, 0, false }, { 0, 0, 0, 0, 1, false },
	};
	struct image m;
	uint32_t i, k;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_head(0, cases[i].claims + cases[i].handles + cases[i].graves +
			 cases[i].locks, cases[i].objects);
		for (k = 0; k < cases[i].claims; k++)
			put_claim("db", 1, 10 + k, 20 + k, 20 + k);
		for (k = 0; k < cases[i].handles; k++)
			put_handle(2, 10, 0, "sh");
		for (k = 0; k < cases[i].graves; k++)
			put_grave(2, 30);
		for (k = 0; k < cases[i].locks; k++)
			put_lock("db", 3, (uint16_t)k);
		sign();
		ok(!scan(&m) == cases[i].fine,
		   "%u claims, %u files, %u ended sessions, %u locks left: %u objects",
		   cases[i].claims, cases[i].handles, cases[i].graves, cases[i].locks,
		   cases[i].objects);
		if (!cases[i].fine)
			holds(error, "does not hold the", "no, and it says so");
	}
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
	changed_locks();
	numbers();
	stopped();
	new_index();
}
