// SPDX-License-Identifier: GPL-2.0
/* ct-fuzz-ioctl: arrays of operations that are nearly right. */
#include <errno.h>
#include <string.h>

#include "ct.h"
#include "fuzz.h"
#include "fuzz_op.h"

enum { PARTS = 24, UNTOUCHED = 12345 };

static void op_body(struct fuzz_op *o, uint32_t call, uint64_t *s)
{
	uint64_t r = random_next(s);

	switch (call) {
	case CONSENSUS_IOC_COUNTER_ADD:
		o->add.delta = 1 + (r >> r % 64);
		break;
	case CONSENSUS_IOC_COUNTER_READ:
		o->op.flags = (uint32_t)r % 4;
		o->op.index = o->op.flags == CONSENSUS_READ_INDEX ? r >> r % 64 : 0;
		break;
	case CONSENSUS_IOC_LOCK_ACQUIRE:
		o->op.flags = (uint32_t)r % 8;
		o->acquire.cookie = r;
		break;
	case CONSENSUS_IOC_LOCK_RELEASE:
		o->release.token = r % 3 ? r >> 40 : 0;
		o->release.ticket = r % 3 ? 0 : r >> 40;
		break;
	default:
		o->check.token = r >> 40;
	}
}

uint32_t fuzz_op(struct fuzz_op *o, uint64_t *s)
{
	static const uint32_t calls[] = {
		CONSENSUS_IOC_COUNTER_ADD, CONSENSUS_IOC_COUNTER_READ, CONSENSUS_IOC_LOCK_ACQUIRE,
		CONSENSUS_IOC_LOCK_RELEASE, CONSENSUS_IOC_LOCK_CHECK,
	};
	uint32_t call = calls[random_next(s) % (sizeof(calls) / sizeof(calls[0]))];

	memset(o, 0, sizeof(*o));
	/* all have it at the same place */
	fuzz_name(o->add.name, s);
	o->op.timeout_ns = fuzz_timeout(random_next(s));
	op_body(o, call, s);
	fuzz_spoil(o, sizeof(o->check), s);
	if (o->op.timeout_ns > SEC || !o->op.timeout_ns)
		o->op.timeout_ns = SEC / 100;
	o->op.status = UNTOUCHED;
	return call;
}

/* Now and then an address that is none, or that another entry has. */
static uint64_t argument(struct fuzz_op *all, unsigned int i, uint64_t *s, bool *good)
{
	uint64_t r = random_next(s);

	if (r % 32)
		return (uintptr_t)&all[i];
	*good = false;
	if (r & 64)
		return (uintptr_t)&all[(r >> 8) % PARTS];
	return random_next(s) >> random_next(s) % 64 | 1ULL << 47;
}

static uint32_t how_many(uint64_t *s)
{
	uint64_t r = random_next(s);

	if (r % 32)
		return 1 + (uint32_t)(r >> 8) % PARTS;
	return (uint32_t)(random_next(s) >> random_next(s) % 64);
}

static void judge(const struct consensus_array *a, const struct fuzz_op *ops)
{
	uint32_t i, failed = 0;

	for (i = 0; i < a->count; i++) {
		fuzz_count(-ops[i].op.status, false, 0);
		failed += !!ops[i].op.status;
		if (ops[i].op.status == UNTOUCHED)
			fuzz_wrong("an entry of an array has no status");
	}
	if (failed != a->failed)
		fuzz_wrong("an array says that others failed than did");
}

void fuzz_array(int fd, uint64_t *s)
{
	struct consensus_array_entry entry[PARTS];
	struct consensus_array a = { .count = how_many(s), .entries = (uintptr_t)entry };
	uint32_t wanted = a.count, i;
	struct fuzz_op ops[PARTS + 1];	/* none ends where they do */
	bool good = wanted && wanted <= PARTS;
	int error;

	memset(entry, 0, sizeof(entry));
	for (i = 0; i < PARTS; i++) {
		entry[i].call = fuzz_op(&ops[i], s);
		entry[i].argument = argument(ops, i, s, &good);
	}
	if (!(random_next(s) % 8))
		fuzz_spoil(entry, sizeof(entry), s);
	for (i = 0; i < PARTS; i++)
		entry[i].argument = fuzz_harmless(entry[i].argument, ops, sizeof(ops));
	fuzz_spoil(&a, sizeof(a), s);
	if (a.entries != (uintptr_t)entry)
		a.entries |= 1ULL << 47;
	good = good && a.count == wanted && a.entries == (uintptr_t)entry;
	/* what is in memory behind the entries is not theirs */
	if (a.count > PARTS && a.count <= CONSENSUS_ARRAY_MAX)
		a.count = CONSENSUS_ARRAY_MAX + 1;
	error = call(fd, CONSENSUS_IOC_ARRAY, &a);
	fuzz_count(error, false, 0);
	for (i = 0; i < PARTS; i++)
		good = good && entry[i].argument == (uintptr_t)&ops[i];
	if (!error && good)
		judge(&a, ops);
}
