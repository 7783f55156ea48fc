// SPDX-License-Identifier: GPL-2.0
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "siphash.h"

static const uint8_t magic[8] = "CNSBCKUP";	/* without NUL */

/* How far above a backup what is restored from it begins, at least. */
static const uint64_t index_gap = 1ULL << 40;
/* Entries are limited to so many a second, as a power of two. */
enum { INDEX_RATE_BITS = 30 };

enum {		/* where things are in the head */
	AT_VERSION = 8, AT_ZERO = 12, AT_CLUSTER = 16, AT_INDEX = 32, AT_TERM = 40,
	AT_TIME = 48, AT_BYTES = 56, AT_CHECKSUM = 64, AT_TOKEN = 72, AT_OBJECTS = 80,
	AT_SESSIONS = 84, AT_NODE = 88, AT_NAME = 152, AT_REST = 216,
	AT_HASH = IMAGE_HEAD - 8,
};

static uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static void put32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static void put64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

static bool all_zero(const uint8_t *p, size_t n)
{
	while (n && !p[n - 1])
		n--;
	return !n;
}

/* ------------------------------------------------------------------- head */

void image_encode(const struct image *m, uint8_t head[IMAGE_HEAD])
{
	memset(head, 0, IMAGE_HEAD);
	memcpy(head, magic, sizeof(magic));
	put32(head + AT_VERSION, IMAGE_VERSION);
	memcpy(head + AT_CLUSTER, m->cluster, IMAGE_ID);
	put64(head + AT_INDEX, m->index);
	put64(head + AT_TERM, m->term);
	put64(head + AT_TIME, m->time);
	put64(head + AT_BYTES, m->bytes);
	put64(head + AT_CHECKSUM, m->checksum);
	put64(head + AT_TOKEN, m->next_token);
	put32(head + AT_OBJECTS, m->objects);
	put32(head + AT_SESSIONS, m->sessions);
	strcpy((char *)head + AT_NODE, m->node);
	strcpy((char *)head + AT_NAME, m->name);
	put64(head + AT_HASH, chain_add(chain_begin(), head, AT_HASH));
}

static bool get_name(const uint8_t *p, char name[NAME_MAX_BYTES + 1])
{
	size_t n = strnlen((const char *)p, NAME_MAX_BYTES + 1);

	if (n > NAME_MAX_BYTES || !all_zero(p + n, NAME_MAX_BYTES + 1 - n))
		return false;
	memcpy(name, p, n);
	name[n] = '\0';
	return !n || name_valid(name);
}

const char *image_decode(struct image *m, const uint8_t head[IMAGE_HEAD])
{
	if (memcmp(head, magic, sizeof(magic)))
		return "it is no backup";
	if (get32(head + AT_VERSION) > IMAGE_VERSION)
		return "it was made by a newer consensusctl";
	if (get64(head + AT_HASH) != chain_add(chain_begin(), head, AT_HASH))
		return "its head is damaged";
	memcpy(m->cluster, head + AT_CLUSTER, IMAGE_ID);
	m->index = get64(head + AT_INDEX);
	m->term = get64(head + AT_TERM);
	m->time = get64(head + AT_TIME);
	m->bytes = get64(head + AT_BYTES);
	m->checksum = get64(head + AT_CHECKSUM);
	m->next_token = get64(head + AT_TOKEN);
	m->objects = get32(head + AT_OBJECTS);
	m->sessions = get32(head + AT_SESSIONS);
	if (get32(head + AT_VERSION) != IMAGE_VERSION || get32(head + AT_ZERO) ||
	    !get_name(head + AT_NODE, m->node) || !get_name(head + AT_NAME, m->name) ||
	    !all_zero(head + AT_REST, AT_HASH - AT_REST))
		return "its head makes no sense";
	return NULL;
}

/* ------------------------------------------------------------------- state */

/* As kmod/fsm/snapshot.c has it. */
enum {
	STATE_HEAD = 88,
	STATE_COUNTER = 24,
	STATE_LOCK = 8,
	STATE_CLAIM = 48,
	STATE_HANDLE = 64,
	STATE_GRAVE = 24,
	STATE_SESSION = 80,
	STATE_FORMER = 32,
	STATE_SLOT = 24,
	STATE_FORMERS_MAX = 8,
	STATE_WINDOW = 1024,
	STATE_CODES = 8,
	STATE_TTL_MIN = 50,
	STATE_TTL_MAX = 600000,
	STATE_COMM = 16,
	RECORD_CELL = 1,
	RECORD_SESSION = 2,
	KIND_COUNTER = 1,
	KIND_LOCK = 2,
	KIND_CLAIM = 3,
	KIND_HANDLE = 4,
	KIND_GRAVE = 5,
	KINDS = 6,
	LOCK_DIED = 1,		/* its last holder died */
	LOCK_IDLE = 2,		/* and nobody has wanted it since */
	CLAIM_DIED = 2,		/* its holder was told of that */
	CLAIM_FLAGS = 3,
	WINDOW = 64 * 1024,	/* bytes read at once: a multiple of CHAIN_PIECE */
};

/* "CNSFSM" and the number of the format. */
static const uint64_t state_magic = 0x03004d5346534e43ULL;
static const uint64_t state_magic_mask = 0x0000ffffffffffffULL;

/**
 * struct reader - a state, as it is read
 * @fd: from here
 * @at: next byte of the file
 * @left: bytes to be read still
 * @total: of the state
 * @hash: of what was read
 * @have: bytes in @buf from @from on
 * @from: what is before was taken
 * @step: see there
 * @arg: for @step
 * @error: gets the words
 * @index: of the state: no record is younger
 * @next_token: of the state: no token has come to it
 * @kinds: records of cells that were read, by their kind
 * @ret: why take() could not
 * @buf: what was read; the longest record fits behind the rest of another
 */
struct reader {
	int fd;
	uint64_t at, left, total, hash;
	size_t have, from;
	image_step *step;
	void *arg;
	char *error;
	uint64_t index, next_token;
	uint32_t kinds[KINDS];
	int ret;
	uint8_t buf[2 * WINDOW];
};

__attribute__((format(printf, 2, 3)))
static int wrong(const struct reader *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(r->error, IMAGE_ERROR, format, args);
	va_end(args);
	return -EBADMSG;
}

static int read_full(int fd, void *to, size_t n, uint64_t at, char error[IMAGE_ERROR])
{
	uint8_t *p = to;
	ssize_t did;

	for (; n; n -= (size_t)did, p += did, at += (uint64_t)did) {
		did = pread(fd, p, n, (off_t)at);
		if (did < 0) {
			did = -errno;
			snprintf(error, IMAGE_ERROR, "it cannot be read at byte %" PRIu64 ": %s",
				 at, strerror((int)-did));
			return (int)did;
		}
		if (!did) {
			snprintf(error, IMAGE_ERROR, "it ends too early");
			return -EBADMSG;
		}
	}
	return 0;
}

/* More behind what is there. */
static int refill(struct reader *r)
{
	size_t n = r->left < WINDOW ? (size_t)r->left : WINDOW;
	int ret;

	memmove(r->buf, r->buf + r->from, r->have);
	r->from = 0;
	ret = read_full(r->fd, r->buf + r->have, n, r->at, r->error);
	if (ret)
		return ret;
	r->hash = chain_add(r->hash, r->buf + r->have, n);
	r->have += n;
	r->at += n;
	r->left -= n;
	if (!r->step || !r->step(r->arg, r->total - r->left, r->total))
		return 0;
	snprintf(r->error, IMAGE_ERROR, "interrupted");
	return -EINTR;
}

/* The next @n bytes: at most WINDOW, valid until the next call. NULL: see .ret */
static const uint8_t *take(struct reader *r, size_t n)
{
	while (r->have < n) {
		r->ret = r->left ? refill(r) :
			 wrong(r, "the state in it ends in the middle of a record");
		if (r->ret)
			return NULL;
	}
	r->from += n;
	r->have -= n;
	return r->buf + r->from - n;
}

static bool index_ok(const struct reader *r, uint64_t index)
{
	return index && index <= r->index;
}

/* A name of @n bytes, padded to whole words. */
static int take_name(struct reader *r, size_t n)
{
	char name[NAME_MAX_BYTES + 1];
	const uint8_t *p;

	if (!n || n > NAME_MAX_BYTES)
		return wrong(r, "a name in it has %zu bytes", n);
	p = take(r, (n + 7) & ~(size_t)7);
	if (!p)
		return r->ret;
	memcpy(name, p, n);
	name[n] = '\0';
	if (strlen(name) != n || !name_valid(name) || !all_zero(p + n, (8 - n % 8) % 8))
		return wrong(r, "a name in it is no name");
	return 0;
}

static int take_counter(struct reader *r)
{
	const uint8_t *p = take(r, STATE_COUNTER);

	if (!p)
		return r->ret;
	if (p[3] || get32(p + 4) || !index_ok(r, get64(p + 16)))
		return wrong(r, "a counter in it makes no sense");
	return take_name(r, p[2]);
}

/* One that has more to say than who holds it. */
static int take_lock(struct reader *r)
{
	const uint8_t *p = take(r, STATE_LOCK);

	if (!p)
		return r->ret;
	if ((p[3] != LOCK_DIED && p[3] != (LOCK_DIED | LOCK_IDLE)) || get16(p + 6) ||
	    (p[3] == LOCK_DIED && get16(p + 4)))
		return wrong(r, "a lock in it makes no sense");
	return take_name(r, p[2]);
}

/* Whoever holds a lock has a token, and it is not younger than the next one. */
static bool grant_ok(const struct reader *r, uint64_t ticket, uint64_t token, uint64_t index)
{
	return index >= ticket && index_ok(r, index) && token >= index && token < r->next_token;
}

static int take_claim(struct reader *r)
{
	const uint8_t *p = take(r, STATE_CLAIM);
	uint64_t ticket, token, index, session;
	bool good;

	if (!p)
		return r->ret;
	ticket = get64(p + 8);
	token = get64(p + 16);
	index = get64(p + 24);
	session = get64(p + 32);
	good = !(p[3] & ~CLAIM_FLAGS) && index_ok(r, ticket) && session && session < ticket;
	if (token)
		good = good && grant_ok(r, ticket, token, index);
	else
		good = good && !index && !(p[3] & CLAIM_DIED);
	if (!good)
		return wrong(r, "a holder or waiter in it makes no sense");
	return take_name(r, p[2]);
}

/* What the kernel calls a program has one end. */
static bool comm_ok(const uint8_t *p)
{
	size_t n = strnlen((const char *)p, STATE_COMM);

	return all_zero(p + n, STATE_COMM - n);
}

static int take_handle(struct reader *r)
{
	const uint8_t *p = take(r, STATE_HANDLE);
	uint64_t session, born, death;

	if (!p)
		return r->ret;
	session = get64(p + 8);
	born = get64(p + 24);
	death = get64(p + 32);
	if (p[2] || p[3] || get32(p + 4) || !session || born <= session || !index_ok(r, born) ||
	    (death && (death <= born || !index_ok(r, death))) || !comm_ok(p + 48))
		return wrong(r, "an open file in it makes no sense");
	return 0;
}

static int take_grave(struct reader *r)
{
	const uint8_t *p = take(r, STATE_GRAVE);
	uint64_t session, death;

	if (!p)
		return r->ret;
	session = get64(p + 8);
	death = get64(p + 16);
	if (p[2] || p[3] || get32(p + 4) || !session || death <= session || !index_ok(r, death))
		return wrong(r, "a session that ended makes no sense");
	return 0;
}

/* Whatever lies in a cell of the kernel's. */
static int take_cell(struct reader *r, uint8_t kind)
{
	static int (*const takes[KINDS])(struct reader *r) = {
		[KIND_COUNTER] = take_counter,
		[KIND_LOCK] = take_lock,
		[KIND_CLAIM] = take_claim,
		[KIND_HANDLE] = take_handle,
		[KIND_GRAVE] = take_grave,
	};

	if (kind >= KINDS || !takes[kind])
		return wrong(r, "an object in it is of kind %u, which this version does not know",
			     kind);
	r->kinds[kind]++;
	return takes[kind](r);
}

static int take_slots(struct reader *r, uint32_t n)
{
	uint32_t i, least = 0;
	const uint8_t *p;

	for (i = 0; i < n; i++) {
		p = take(r, STATE_SLOT);
		if (!p)
			return r->ret;
		if (get16(p) < least || get16(p) >= STATE_WINDOW ||
		    get32(p + 4) >= STATE_CODES || !index_ok(r, get64(p + 16)))
			return wrong(r, "a result in it makes no sense");
		least = get16(p) + 1U;
	}
	return 0;
}

static int take_session(struct reader *r)
{
	const uint8_t *p = take(r, STATE_SESSION);
	uint32_t formers, slots;
	int ret;

	if (!p)
		return r->ret;
	formers = p[2];
	slots = get16(p + 4);
	if (p[3] || get16(p + 6) || formers > STATE_FORMERS_MAX ||
	    !index_ok(r, get64(p + 8)) || !get64(p + 56) || get32(p + 72) < STATE_TTL_MIN ||
	    get32(p + 72) > STATE_TTL_MAX || get32(p + 76))
		return wrong(r, "a session in it makes no sense");
	ret = take_name(r, p[1]);
	if (ret)
		return ret;
	if (formers && !take(r, (size_t)formers * STATE_FORMER))
		return r->ret;
	return take_slots(r, slots);
}

/* The head's own hash has a key that is in it. */
static int take_head(struct reader *r, struct image *m, uint32_t *records)
{
	const uint8_t *p = take(r, STATE_HEAD);
	uint64_t seed;

	if (!p)
		return r->ret;
	if ((get64(p) & state_magic_mask) != (state_magic & state_magic_mask))
		return wrong(r, "there is no state in it");
	if (get64(p) != state_magic)
		return wrong(r, "the state in it has format %u; this version knows %u",
			     p[7], (unsigned int)(state_magic >> 56));
	seed = get64(p + 16);
	if (get64(p + 48) != r->total || get32(p + 76) ||
	    siphash24(p, STATE_HEAD - 8, seed, ~seed) != get64(p + STATE_HEAD - 8))
		return wrong(r, "the state in it begins with nonsense");
	if (!get32(p + 8))
		return wrong(r, "the state in it has not begun");
	m->index = get64(p + 24);
	m->sessions = get32(p + 40);
	m->objects = get32(p + 44);
	m->next_token = get64(p + 56);
	*records = get32(p + 72);
	r->index = m->index;
	r->next_token = m->next_token;
	return 0;
}

/*
 * Counters, claims and open files are counted as what they are. A lock has a record
 * only at times, but it has one, or a claim, and may have many of these. Nothing is
 * kept of open files without claims, and of sessions without such files.
 */
static bool objects_ok(const struct reader *r, uint32_t objects)
{
	uint64_t claims = r->kinds[KIND_CLAIM], locks = r->kinds[KIND_LOCK];
	uint64_t files = r->kinds[KIND_HANDLE], least = r->kinds[KIND_COUNTER] + claims + files;

	if (files > claims || !files != !claims || r->kinds[KIND_GRAVE] > files)
		return false;
	return objects >= least + (locks ? locks : !!claims) && objects <= least + claims + locks;
}

static int take_records(struct reader *r, const struct image *m, uint32_t records)
{
	uint32_t sessions = m->sessions;
	uint8_t type, kind;
	const uint8_t *p;
	int ret = 0;

	while (!ret && (r->have || r->left)) {
		p = take(r, 2);
		if (!p)
			return r->ret;
		type = p[0];
		kind = p[1];
		r->from -= 2;
		r->have += 2;
		if (type == RECORD_CELL && records--)
			ret = take_cell(r, kind);
		else if (type == RECORD_SESSION && sessions--)
			ret = take_session(r);
		else
			ret = wrong(r, "there is a record in it too many, or of unknown kind (%u)",
				    type);
	}
	if (!ret && (records || sessions))
		ret = wrong(r, "%u records and %u sessions are missing in it", records, sessions);
	if (!ret && !objects_ok(r, m->objects))
		ret = wrong(r, "it does not hold the %u objects that it says", m->objects);
	return ret;
}

int image_scan(int fd, struct image *m, image_step *step, void *arg,
	       char error[IMAGE_ERROR])
{
	struct reader *r = calloc(1, sizeof(*r));
	uint32_t records = 0;
	int ret;

	if (!r) {
		snprintf(error, IMAGE_ERROR, "no memory");
		return -ENOMEM;
	}
	r->fd = fd;
	r->at = IMAGE_HEAD;
	r->left = m->bytes;
	r->total = m->bytes;
	r->hash = chain_begin();
	r->step = step;
	r->arg = arg;
	r->error = error;
	ret = take_head(r, m, &records);
	if (!ret)
		ret = take_records(r, m, records);
	m->checksum = r->hash;
	free(r);
	return ret;
}

/* ------------------------------------------------------------------- both */

static bool same_state(const struct image *a, const struct image *b)
{
	return a->checksum == b->checksum && a->index == b->index &&
	       a->next_token == b->next_token && a->objects == b->objects &&
	       a->sessions == b->sessions;
}

int image_verify(int fd, struct image *m, image_step *step, void *arg,
		 char error[IMAGE_ERROR])
{
	uint8_t head[IMAGE_HEAD];
	struct image found;
	const char *why;
	struct stat st;
	int ret;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < IMAGE_HEAD) {
		snprintf(error, IMAGE_ERROR, "it is no backup");
		return -EBADMSG;
	}
	ret = read_full(fd, head, sizeof(head), 0, error);
	if (ret)
		return ret;
	why = image_decode(m, head);
	if (!why && (uint64_t)st.st_size - IMAGE_HEAD != m->bytes)
		why = "its length is not what its head says";
	if (why) {
		snprintf(error, IMAGE_ERROR, "%s", why);
		return -EBADMSG;
	}
	found = *m;
	ret = image_scan(fd, &found, step, arg, error);
	if (ret || same_state(&found, m))
		return ret;
	snprintf(error, IMAGE_ERROR, "its checksum is wrong: it is damaged");
	return -EBADMSG;
}

static bool raise(uint64_t *to, uint64_t base, uint64_t more)
{
	uint64_t sum;

	if (__builtin_add_overflow(base, more, &sum))
		return false;
	if (sum > *to)
		*to = sum;
	return true;
}

bool image_new_index(const struct image *m, uint64_t now, uint64_t above, uint64_t *index)
{
	uint64_t known = m->index > m->next_token ? m->index : m->next_token, most = 0;

	if (now > UINT64_MAX >> INDEX_RATE_BITS || !raise(&most, known, index_gap) ||
	    !raise(&most, now << INDEX_RATE_BITS, 0) || !raise(&most, above, 1))
		return false;
	*index = most;
	return true;
}
