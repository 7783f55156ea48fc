// SPDX-License-Identifier: GPL-2.0
/*
 * Flags, reserved bytes, padding, numbers: each bit and byte by itself. All of
 * it is refused before anything happens.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "abi.h"
#include "ct.h"

/*
 * One spoilt call must be refused with @wanted, in .status too, and otherwise
 * leave its struct alone. True if so; says what is wrong if not.
 */
static bool add_refused(int fd, struct consensus_counter_add a, int wanted, const char *what, int n)
{
	struct consensus_counter_add before = a;
	int error = call(fd, CONSENSUS_IOC_COUNTER_ADD, &a);

	if (error != wanted || a.op.status != -wanted) {
		note("add with %s %d: errno %d, status %d", what, n, error, a.op.status);
		return false;
	}
	a.op.status = before.op.status;
	if (memcmp(&a, &before, sizeof(a))) {
		note("add with %s %d: its struct was changed", what, n);
		return false;
	}
	return true;
}

static bool read_refused(int fd, struct consensus_counter_read r, int wanted, const char *what,
			 int n)
{
	struct consensus_counter_read before = r;
	int error = call(fd, CONSENSUS_IOC_COUNTER_READ, &r);

	if (error != wanted || r.op.status != -wanted) {
		note("read with %s %d: errno %d, status %d", what, n, error, r.op.status);
		return false;
	}
	r.op.status = before.op.status;
	if (memcmp(&r, &before, sizeof(r))) {
		note("read with %s %d: its struct was changed", what, n);
		return false;
	}
	return true;
}

static void flags(int fd)
{
	struct consensus_counter_read both;
	bool adds = true, reads = true;
	int bit;

	for (bit = 0; bit < 32; bit++) {
		struct consensus_counter_add a = good_add(own("abi-refused"));
		struct consensus_counter_read r = good_read("abi-begin", 1U << bit);

		a.op.flags = 1U << bit;
		adds &= add_refused(fd, a, EINVAL, "flag", bit);
		if (!(CONSENSUS_READ_ALL & 1U << bit))
			reads &= read_refused(fd, r, EINVAL, "flag", bit);
	}
	ok(adds, "add: each flag is unknown: EINVAL");
	ok(reads, "read: each unknown flag: EINVAL");
	both = good_read("abi-begin", CONSENSUS_READ_ALL);
	ok(read_refused(fd, both, EINVAL, "both strengths", 2),
	   "read: both strengths at once: EINVAL");
}

/* Bytes of struct consensus_op from @from to before @until, each dirty. */
static void dirty(int fd, size_t from, size_t until, const char *what)
{
	bool adds = true, reads = true;
	size_t i;

	for (i = from; i < until; i++) {
		struct consensus_counter_add a = good_add(own("abi-refused"));
		struct consensus_counter_read r = good_read("abi-begin", 0);

		((char *)&a)[i] = 1;
		((char *)&r)[i] = (char)0x80;
		adds &= add_refused(fd, a, EINVAL, what, (int)(i - from));
		reads &= read_refused(fd, r, EINVAL, what, (int)(i - from));
	}
	ok(adds, "add: each byte of %s dirty: EINVAL", what);
	ok(reads, "read: each byte of %s dirty: EINVAL", what);
}

static void name_padding(int fd)
{
	bool adds = true, reads = true;
	size_t i;

	for (i = 4; i < CONSENSUS_NAME_SIZE; i++) {
		struct consensus_counter_add a = good_add("abi");
		struct consensus_counter_read r = good_read("abi", 0);

		a.name[i] = 'x';
		r.name[i] = 1;
		adds &= add_refused(fd, a, EINVAL, "padding of the name", (int)i);
		reads &= read_refused(fd, r, EINVAL, "padding of the name", (int)i);
	}
	ok(adds, "add: each byte behind the name's NUL dirty: EINVAL");
	ok(reads, "read: each byte behind the name's NUL dirty: EINVAL");
}

static void numbers(int fd)
{
	struct consensus_counter_add a = good_add(own("abi-refused"));
	struct consensus_counter_read r = good_read("abi-begin", 0);

	a.delta = 0;
	ok(add_refused(fd, a, EINVAL, "delta", 0), "add: delta 0: EINVAL");
	a = good_add(own("abi-refused"));
	a.op.index = 1;
	ok(add_refused(fd, a, EINVAL, "index", 1), "add: an index: EINVAL");
	r.op.index = 1;
	ok(read_refused(fd, r, EINVAL, "index", 1), "read: an index without READ_INDEX: EINVAL");
	r.op.flags = CONSENSUS_READ_LOCAL;
	ok(read_refused(fd, r, EINVAL, "index", 1), "read: an index with READ_LOCAL: EINVAL");
}

static void overflow(int fd)
{
	uint64_t begin = value_of(fd, own("abi-big")), value = 0;

	if (begin != UINT64_MAX)
		is_errno(add(fd, own("abi-big"), UINT64_MAX - begin, 30 * SEC, &value), 0,
			 "add: up to 2^64 - 1");
	ok(value_of(fd, own("abi-big")) == UINT64_MAX, "add: it is there");
	is_errno(add(fd, own("abi-big"), 1, 30 * SEC, &value), EOVERFLOW, "add: past 2^64 - 1: EOVERFLOW");
	is_errno(add(fd, own("abi-big"), UINT64_MAX, 30 * SEC, &value), EOVERFLOW, "add: twice that: EOVERFLOW");
	ok(value_of(fd, own("abi-big")) == UINT64_MAX, "add: it is unchanged");
}

static void features(int fd)
{
	struct consensus_features f = { 0 };
	bool all = true;
	size_t i;

	is_errno(call(fd, CONSENSUS_IOC_FEATURES, &f), 0, "features");
	ok(f.abi == CONSENSUS_ABI && f.features & CONSENSUS_FEATURE_COUNTER && f.name_max == 63 &&
	   f.window && f.node_started == 1, "features: what this header knows");
	for (i = 0; i < sizeof(f.reserved); i++)
		all &= !f.reserved[i];
	ok(all && !f.flags, "features: the reserved bytes come back zero");
	for (i = 0, all = true; i < 32; i++) {
		f = (struct consensus_features){ .flags = 1U << i };
		all &= call(fd, CONSENSUS_IOC_FEATURES, &f) == EINVAL;
	}
	ok(all, "features: each flag: EINVAL");
	for (i = 0, all = true; i < sizeof(f.reserved); i++) {
		f = (struct consensus_features){ 0 };
		f.reserved[i] = 1;
		all &= call(fd, CONSENSUS_IOC_FEATURES, &f) == EINVAL;
	}
	ok(all, "features: each reserved byte dirty: EINVAL");
}

/* Also the known numbers with another size or direction. */
static void commands(int fd)
{
	static const unsigned int others[] = {
		0, ~0U, _IO('T', 0x13), _IO('f', 1), _IOR(0xC4, 0, int),
		_IOWR(0xC6, 0x10, struct consensus_counter_add),
		_IO(CONSENSUS_IOC_MAGIC, 0x10),
		_IOR(CONSENSUS_IOC_MAGIC, 0x10, struct consensus_counter_add),
		_IOW(CONSENSUS_IOC_MAGIC, 0x10, struct consensus_counter_add),
		_IOWR(CONSENSUS_IOC_MAGIC, 0x10, struct consensus_op),
		_IOWR(CONSENSUS_IOC_MAGIC, 0x11, int),
		_IOC(3U, CONSENSUS_IOC_MAGIC, 0x10, 207), _IOC(3U, CONSENSUS_IOC_MAGIC, 0x10, 209),
		_IOC(3U, CONSENSUS_IOC_MAGIC, 0x10, 16383),
	};
	/* Those of this size, and a release and a revocation happen to have it. */
	static const unsigned int known[] = { 0, 0x10, 0x11, 0x21, 0x23 };
	struct consensus_counter_add a = good_add(own("abi-refused"));
	unsigned int i, k, cmd;
	bool all = true;

	for (i = 0; i < 256; i++) {
		for (k = 0; k < sizeof(known) / sizeof(known[0]) && known[k] != i; k++)
			;
		if (k < sizeof(known) / sizeof(known[0]))
			continue;
		cmd = _IOWR(CONSENSUS_IOC_MAGIC, i, struct consensus_counter_add);
		all &= call(fd, cmd, &a) == ENOTTY;
	}
	ok(all, "each unknown number: ENOTTY");
	for (i = 0, all = true; i < sizeof(others) / sizeof(others[0]); i++) {
		int error = call(fd, others[i], &a);

		if (error != ENOTTY)
			note("command %#x: errno %d", others[i], error);
		all &= error == ENOTTY;
	}
	ok(all, "known numbers of other size or direction, and others' commands: ENOTTY");
}

void test_arguments(int fd)
{
	flags(fd);
	dirty(fd, offsetof(struct consensus_op, fence_name),
	      offsetof(struct consensus_op, fence_token), "the fence's name");
	dirty(fd, offsetof(struct consensus_op, fence_token),
	      offsetof(struct consensus_op, reserved), "the fence's token");
	dirty(fd, offsetof(struct consensus_op, reserved), sizeof(struct consensus_op), "what is reserved");
	name_padding(fd);
	numbers(fd);
	features(fd);
	commands(fd);
	is_errno(get(fd, own("abi-refused"), 0, NULL), ENOENT, "nothing of all that did anything");
	overflow(fd);
}
