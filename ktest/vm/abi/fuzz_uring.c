// SPDX-License-Identifier: GPL-2.0
/* ct-fuzz-ioctl: commands by io_uring, of any kind, nearly right; rings of any kind. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../ring/ring.h"
#include "ct.h"
#include "fuzz.h"
#include "fuzz_op.h"

enum { PLACES = 32, PARTS = 6, UNTOUCHED = 12345, PATIENCE_MS = 30000 };

/**
 * struct place - of one command
 * @op: its struct, or that of a call that is no operation
 * @array: or this one, with its entries and their structs
 * @end: an operation at an odd address ends here, at the latest
 * @came: completions
 * @plain: it was not spoilt: its status is what it completes with
 */
struct place {
	struct fuzz_op op;
	struct consensus_array array;
	struct consensus_array_entry entry[PARTS];
	struct fuzz_op part[PARTS];
	char end[256];
	unsigned int came;
	bool plain;
};

/**
 * struct fuzz_ring - a thread's
 * @r: its ring, if @open
 * @place: of its commands; unmapped when the ring is left with commands under way
 */
struct fuzz_ring {
	struct ring r;
	bool open;
	struct place *place;
};

struct fuzz_ring *fuzz_ring_new(void)
{
	struct fuzz_ring *f = calloc(1, sizeof(*f));

	if (!f)
		bail("no memory");
	return f;
}

static bool ring_there(struct fuzz_ring *f, uint64_t *s)
{
	static const unsigned int setups[] = {
		0, 0, IORING_SETUP_CQE32, IORING_SETUP_SQE128, IORING_SETUP_SQPOLL,
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		IORING_SETUP_COOP_TASKRUN,
	};
	unsigned int setup = setups[random_next(s) % (sizeof(setups) / sizeof(setups[0]))];

	if (f->open)
		return true;
	if (ring_open(&f->r, PLACES, 0, setup))
		return false;
	f->place = mmap(NULL, PLACES * sizeof(*f->place), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f->place == MAP_FAILED)
		bail("mmap: %s", strerror(errno));
	f->open = true;
	return true;
}

static void ring_leave(struct fuzz_ring *f)
{
	munmap(f->place, PLACES * sizeof(*f->place));
	ring_close(&f->r);
	f->open = false;
}

static uint32_t make_array(struct place *p, uint64_t *s)
{
	unsigned int i;

	p->plain = false;
	memset(&p->array, 0, sizeof(p->array));
	p->array.count = 1 + (uint32_t)(random_next(s) % PARTS);
	p->array.entries = (uintptr_t)p->entry;
	for (i = 0; i < PARTS; i++) {
		p->entry[i] = (struct consensus_array_entry){
			.call = fuzz_op(&p->part[i], s),
			.argument = (uintptr_t)&p->part[i],
		};
	}
	fuzz_spoil(p->entry, sizeof(p->entry), s);
	for (i = 0; i < PARTS; i++)
		p->entry[i].argument = fuzz_harmless(p->entry[i].argument, p, sizeof(*p));
	fuzz_spoil(&p->array, sizeof(p->array), s);
	if (p->array.entries != (uintptr_t)p->entry)
		p->array.entries |= 1ULL << 47;
	if (p->array.count > PARTS && p->array.count <= CONSENSUS_ARRAY_MAX)
		p->array.count = PARTS;
	return CONSENSUS_IOC_ARRAY;
}

/* A call that is no operation. */
static uint32_t make_other(struct place *p, uint64_t *s)
{
	static const uint32_t calls[] = {
		CONSENSUS_IOC_FEATURES, CONSENSUS_IOC_HANDLE_RESET, CONSENSUS_IOC_HANDLE_DETACH,
		CONSENSUS_IOC_HANDLE_ADOPT, CONSENSUS_IOC_HANDLE_HEARTBEAT,
		CONSENSUS_IOC_HANDLE_CANCEL, CONSENSUS_IOC_LOCK_LIST, CONSENSUS_IOC_SESSION_LIST,
	};
	uint64_t r = random_next(s);

	p->plain = false;
	memset(&p->op, 0, sizeof(p->op));
	fuzz_spoil(&p->op, sizeof(p->op), s);
	if (r % 8)
		return calls[(r >> 8) % (sizeof(calls) / sizeof(calls[0]))];
	return (uint32_t)_IOC((r >> 8) % 4, CONSENSUS_IOC_MAGIC, (r >> 16) % 64,
			      (r >> 32) % 512);
}

static void spoil_command(struct io_uring_sqe *sqe, struct place *p, uint64_t *s)
{
	struct consensus_uring u;

	memcpy(&u, sqe->cmd, sizeof(u));
	fuzz_spoil(&u, sizeof(u), s);
	u.argument = fuzz_harmless(u.argument, p, sizeof(*p));
	memcpy(sqe->cmd, &u, sizeof(u));
	p->plain = false;
}

static void put(struct fuzz_ring *f, int fd, unsigned int i, uint64_t *s)
{
	static const uint8_t flags[] = {
		0, 0, 0, 0, IOSQE_ASYNC, IOSQE_IO_LINK, IOSQE_IO_HARDLINK, IOSQE_IO_DRAIN,
	};
	struct place *p = &f->place[i];
	uint64_t r = random_next(s);
	void *argument = &p->op;
	struct io_uring_sqe *sqe;
	uint32_t request;

	p->plain = true;
	if (r % 16 < 10) {
		request = fuzz_op(&p->op, s);
	} else if (r % 16 < 14) {
		request = make_array(p, s);
		argument = &p->array;
	} else {
		request = make_other(p, s);
	}
	if (!(r >> 8 & 31)) {
		argument = (void *)(uintptr_t)(random_next(s) >> random_next(s) % 64 | 1ULL << 47);
		p->plain = false;
	}
	sqe = ring_put(&f->r, fd, request, argument, i);
	sqe->flags = flags[(r >> 16) % sizeof(flags)];
	/* a chain that fails cancels what follows in it */
	p->plain &= !(sqe->flags & ~IOSQE_ASYNC);
	if (!(r >> 24 & 31))
		spoil_command(sqe, p, s);
	p->came = 0;
}

static void completed(struct fuzz_ring *f, const struct ring_cqe *cqe)
{
	struct place *p;

	if (cqe->user_data >= PLACES) {
		fuzz_wrong("a completion of nothing");
		return;
	}
	p = &f->place[cqe->user_data];
	if (p->came++)
		fuzz_wrong("a command completes twice");
	if (cqe->res > 0)
		fuzz_wrong("a command completes with a positive number");
	/* Refused by the ring itself, or a part of a chain: nothing is in the struct. */
	fuzz_count(-cqe->res, p->plain && cqe->res != -ECANCELED, p->op.op.status);
}

void fuzz_uring(struct fuzz_ring *f, int fd, uint64_t *s)
{
	unsigned int i, n = 1 + (unsigned int)(random_next(s) % PLACES), came = 0;
	bool leave = !(random_next(s) % 8);
	struct ring_cqe cqe;
	int took;

	if (!ring_there(f, s))
		return;
	for (i = 0; i < n; i++) {
		put(f, fd, i, s);
		/* a chain must not go on into what others submit */
		if (i == n - 1)
			((struct io_uring_sqe *)(f->r.sqes + ((f->r.tail - 1) &
				(f->r.sq_entries - 1)) * f->r.sqe_size))->flags = 0;
	}
	took = ring_submit(&f->r);
	if (took != (int)n) {
		fuzz_wrong("a ring does not take what it has room for");
		ring_leave(f);
		return;
	}
	if (leave) {
		ring_leave(f);
		return;
	}
	while (came < n) {
		int error = ring_wait(&f->r, &cqe, PATIENCE_MS);

		if (error == EINTR)
			continue;
		if (error) {
			fuzz_wrong("a command does not complete");
			ring_leave(f);
			return;
		}
		completed(f, &cqe);
		came++;
	}
}
