// SPDX-License-Identifier: GPL-2.0
/*
 * What is changed, closed or unmapped under a command that is under way. Each of them is
 * an acquire that waits until we let its holder go, so that it is under way for sure.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "doors.h"

enum { WAIT_MS = 60000 };

/**
 * struct flight - an acquire under way
 * @r: its ring
 * @fd: its handle, of its own
 * @name: the lock
 * @holder: who has it: another handle
 * @token: of that
 * @a: its struct, in a page of its own
 */
struct flight {
	struct ring r;
	int fd, holder;
	const char *name;
	uint64_t token;
	struct consensus_lock_acquire *a;
};

/* Prepares all but the SQE. */
static bool flight_prepare(struct flight *f, const struct world *w, unsigned int setup)
{
	int error = ring_open(&f->r, 8, 0, setup);

	if (error) {
		is_errno(error, 0, "a ring of setup %#x", setup);
		return false;
	}
	f->fd = handle();
	f->holder = w->fd;
	f->name = fresh("flight");
	f->token = take(f->holder, f->name, 0);
	f->a = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f->a == MAP_FAILED)
		bail("mmap: %s", strerror(errno));
	*f->a = lk_good_acquire(f->name, 0);
	return true;
}

/* From here on it is in its queue. */
static void flight_begin(struct flight *f, const char *what)
{
	ring_submit(&f->r);
	ok(there_are(f->holder, f->name, 2), "%s: an acquire waits", what);
}

static bool flight_ready(struct flight *f, const struct world *w, unsigned int setup,
			 unsigned int flags, const char *what)
{
	if (!flight_prepare(f, w, setup))
		return false;
	ring_put(&f->r, f->fd, CONSENSUS_IOC_LOCK_ACQUIRE, f->a, 1)->flags = (uint8_t)flags;
	flight_begin(f, what);
	return true;
}

/* Lets the holder go: what completes. */
static struct ring_cqe flight_land(struct flight *f, const char *what)
{
	struct ring_cqe c = { .res = -EINPROGRESS };

	is_errno(lk_release(f->holder, f->name, f->token), 0, "%s: the holder releases", what);
	is_errno(ring_wait(&f->r, &c, WAIT_MS), 0, "%s: it completes", what);
	return c;
}

static void flight_end(struct flight *f, const char *what)
{
	ring_close(&f->r);
	if (f->fd >= 0)
		close(f->fd);
	ok(there_are(f->holder, f->name, 0), "%s: nothing is left of it", what);
}

/* Its struct goes, or may only be read: it cannot be told, so it is not held either. */
static void unmapped(const struct world *w, unsigned int setup, unsigned int flags, bool all)
{
	const char *what = all ? "unmapped in flight" : "write-protected in flight";
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct ring_cqe c;
	struct flight f;

	if (!flight_ready(&f, w, setup, flags, what))
		return;
	if (all ? munmap(f.a, page) : mprotect(f.a, page, PROT_READ))
		bail("munmap: %s", strerror(errno));
	c = flight_land(&f, what);
	is_errno(-c.res, EFAULT, "%s (setup %#x): its result", what, setup);
	ok(there_are(f.holder, f.name, 0), "%s: the lock is given back at once", what);
	flight_end(&f, what);
}

/* The descriptor is closed: the command goes on, and the handle with it. */
static void closed(const struct world *w, unsigned int setup, unsigned int flags)
{
	const char *what = "closed in flight";
	struct ring_cqe c;
	struct flight f;

	if (!flight_ready(&f, w, setup, flags, what))
		return;
	close(f.fd);
	f.fd = -1;
	sleep_ms(50);
	ok(!ring_ready(&f.r), "%s (setup %#x): it waits on", what, setup);
	c = flight_land(&f, what);
	is_errno(-c.res, 0, "%s (setup %#x): its result", what, setup);
	ok(f.a->token > f.token, "%s: it was granted", what);
	flight_end(&f, what);
}

/* Of a registered file, the descriptor and the registration. */
static void unregistered(const struct world *w)
{
	const char *what = "fixed file, closed in flight";
	struct ring_cqe c;
	struct flight f;

	if (!flight_prepare(&f, w, 0))
		return;
	is_errno(ring_files(&f.r, &f.fd, 1), 0, "%s: registered", what);
	ring_put(&f.r, 0, CONSENSUS_IOC_LOCK_ACQUIRE, f.a, 1)->flags = IOSQE_FIXED_FILE;
	close(f.fd);
	f.fd = -1;
	flight_begin(&f, what);
	c = flight_land(&f, what);
	is_errno(-c.res, 0, "%s: its result", what);
	ok(f.a->token > f.token, "%s: it was granted", what);
	flight_end(&f, what);
}

/* What the struct says is looked at once, when it begins. */
static void rewritten(const struct world *w, unsigned int setup, unsigned int flags)
{
	const char *what = "struct rewritten in flight", *other = fresh("rewritten");
	struct ring_cqe c;
	struct flight f;

	if (!flight_ready(&f, w, setup, flags, what))
		return;
	f.a->op.flags = UINT32_MAX;
	f.a->op.timeout_ns = 1;
	f.a->op.fence_token = 77;
	f.a->zero = 1;
	memset(f.a->name, 0, sizeof(f.a->name));
	strncpy(f.a->name, other, sizeof(f.a->name) - 1);
	c = flight_land(&f, what);
	is_errno(-c.res, 0, "%s (setup %#x): its result", what, setup);
	is_errno(lk_check(w->other, f.name, f.a->token), 0, "%s: the first name is locked", what);
	ok(there_are(w->fd, other, 0), "%s: the other is not", what);
	flight_end(&f, what);
}

/* The same for an array: entries, their addresses, the array itself. */
static void array_rewritten(const struct world *w, unsigned int flags)
{
	const char *what = "array rewritten in flight", *name = fresh("rewritten");
	struct bunch *b;
	struct ring_cqe c;
	struct flight f;

	if (!flight_prepare(&f, w, 0))
		return;
	b = bunch_begin();
	bunch_add(b, name, 30 * SEC);
	bunch_acquire(b, f.name, 0, 60 * SEC);
	bunch_add(b, name, 30 * SEC);
	ring_put(&f.r, f.fd, CONSENSUS_IOC_ARRAY, &b->a, 1)->flags = (uint8_t)flags;
	flight_begin(&f, what);
	memset(b->e, 0xff, sizeof(b->e));
	b->s[1].acquire.name[0] = 'X';
	b->a.entries = 16;
	b->a.count = 200;
	b->a.flags = 77;
	c = flight_land(&f, what);
	is_errno(-c.res, 0, "%s: its result", what);
	ok(!b->s[0].op.status && !b->s[1].op.status && !b->s[2].op.status && !b->a.failed &&
	   b->s[1].acquire.token > f.token, "%s: all entries are told", what);
	ok(value_of(w->fd, name) == 2, "%s: the counter", what);
	flight_end(&f, what);
}

/* The SQE is the caller's again once it is submitted. */
static void overwritten(const struct world *w, unsigned int flags, const char *what)
{
	struct io_uring_sqe *sqe;
	struct ring_cqe c;
	struct flight f;

	if (!flight_prepare(&f, w, 0))
		return;
	sqe = ring_put(&f.r, f.fd, CONSENSUS_IOC_LOCK_ACQUIRE, f.a, 1);
	sqe->flags = (uint8_t)flags;
	if (flags & IOSQE_IO_LINK)
		ring_prep_nop(ring_sqe(&f.r), 2);
	ring_submit(&f.r);
	memset(f.r.sqes, 0xff, f.r.sqes_size);
	ok(there_are(f.holder, f.name, 2), "%s: an acquire waits", what);
	c = flight_land(&f, what);
	ok(c.user_data == 1 && !c.res && f.a->token > f.token, "%s: it was granted (%d)", what,
	   c.res);
	if (flags & IOSQE_IO_LINK)
		is_errno(ring_wait(&f.r, &c, WAIT_MS) ?: -c.res, 0, "%s: what is linked", what);
	flight_end(&f, what);
}

/* Is this kernel one that can cancel commands when their ring is closed? */
static bool cancels(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname u;

	uname(&u);
	if (sscanf(u.release, "%u.%u", &major, &minor) != 2)
		bail("a kernel without a number: %s", u.release);
	return major > 6 || (major == 6 && minor >= 7);
}

/* A command cannot be cancelled by its name: it goes on, whatever that answers. */
static void cancelled(const struct world *w)
{
	const char *what = "cancelled by name";
	struct ring_cqe c[2];
	struct flight f;
	int error;

	if (!flight_ready(&f, w, 0, 0, what))
		return;
	ring_prep_cancel(ring_sqe(&f.r), 1, 2);
	ring_submit(&f.r);
	error = ring_wait(&f.r, &c[0], WAIT_MS);
	ok(!error && c[0].user_data == 2 && c[0].res < 0, "%s: the attempt fails (%d)", what,
	   c[0].res);
	is_errno(lk_release(f.holder, f.name, f.token), 0, "%s: the holder releases", what);
	error = ring_wait(&f.r, &c[1], WAIT_MS);
	ok(!error && c[1].user_data == 1 && !c[1].res && f.a->token > f.token,
	   "%s: it is granted all the same", what);
	flight_end(&f, what);
}

/* Nobody will ever read its completion: it ends at once, or by its deadline. */
static void ring_closed(const struct world *w, unsigned int setup)
{
	const char *what = "ring closed in flight";
	uint64_t begin;
	struct flight f;

	if (!flight_prepare(&f, w, setup))
		return;
	f.a->op.timeout_ns = (cancels() ? 10 : 1) * SEC;
	ring_put(&f.r, f.fd, CONSENSUS_IOC_LOCK_ACQUIRE, f.a, 1);
	flight_begin(&f, what);
	begin = now_ns();
	ring_close(&f.r);
	ok(ms_since(begin) < 1000, "%s: close does not wait", what);
	ok(there_are(f.holder, f.name, 1), "%s: it leaves its queue", what);
	ok(ms_since(begin) < (cancels() ? 9000 : 20000), "%s (setup %#x): after %llu ms", what,
	   setup,
	   (unsigned long long)ms_since(begin));
	lk_release(f.holder, f.name, f.token);
	close(f.fd);
	ok(there_are(f.holder, f.name, 0), "%s: nothing is left of it", what);
}

/* An array is withdrawn as a whole: what had happened stays. */
static void array_cancelled(const struct world *w, unsigned int flags)
{
	const char *what = "array cancelled in flight", *name = fresh("cancelled");
	struct consensus_handle_cancel cancel = { 0 };
	struct bunch *b;
	struct ring_cqe c;
	struct flight f;

	if (!flight_prepare(&f, w, 0))
		return;
	b = bunch_begin();
	bunch_add(b, name, 30 * SEC);
	bunch_acquire(b, f.name, 0, 60 * SEC);
	ring_put(&f.r, f.fd, CONSENSUS_IOC_ARRAY, &b->a, 1)->flags = (uint8_t)flags;
	flight_begin(&f, what);
	value_of(f.fd, name);
	cancel.argument = (uintptr_t)&b->a;
	is_errno(call(f.fd, CONSENSUS_IOC_HANDLE_CANCEL, &cancel), 0, "%s: cancel", what);
	ok(cancel.count == 1, "%s: %u withdrawn", what, cancel.count);
	is_errno(ring_wait(&f.r, &c, WAIT_MS) ?: -c.res, 0, "%s: the array's result", what);
	is_errno(-b->s[0].op.status, 0, "%s: what had happened", what);
	is_errno(-b->s[1].op.status, ECANCELED, "%s: what had not", what);
	ok(there_are(f.holder, f.name, 1), "%s: it has left its queue", what);
	lk_release(f.holder, f.name, f.token);
	flight_end(&f, what);
}

/*
 * A completion by io_uring for a thread that sleeps in a call: no reason to wake up. The
 * kernel tells of both by the same means.
 */
static void beside_a_call(const struct world *w, unsigned int setup)
{
	const char *what = "completed beside a call", *name = fresh("beside");
	struct later first = { .fd = w->fd, .waiters = 2 }, second = { .fd = w->fd, .name = name };
	struct consensus_lock_acquire a;
	struct gate g = { .door = door_named("ioctl") };
	struct flight f;
	struct ring_cqe c;
	int fd = handle();

	second.waiters = 2;
	second.ms = 300;
	second.token = take(w->fd, name, 0);
	if (!flight_ready(&f, w, setup, 0, what))
		return;
	first.name = f.name;
	first.token = f.token;
	release_later(&first);
	release_later(&second);
	is_errno(lk_acquire(fd, name, 0, CONSENSUS_NO_TIMEOUT, &a), 0, "%s (setup %#x): the call",
		 what,
		 setup);
	is_errno(ring_wait(&f.r, &c, WAIT_MS) ?: -c.res, 0, "%s: the command", what);
	release_awaited(&g, &first);
	release_awaited(&g, &second);
	ok(!g.faults && a.token > second.token && f.a->token > f.token, "%s: both are granted",
	   what);
	close(fd);
	flight_end(&f, what);
	ok(there_are(w->fd, name, 0), "%s: nothing is left of the call", what);
}

void test_flight(const struct world *w)
{
	unmapped(w, 0, 0, true);
	unmapped(w, 0, IOSQE_ASYNC, true);
	unmapped(w, IORING_SETUP_SQPOLL, 0, true);
	unmapped(w, 0, 0, false);
	closed(w, 0, 0);
	closed(w, 0, IOSQE_ASYNC);
	closed(w, IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER, 0);
	closed(w, IORING_SETUP_SQPOLL, 0);
	unregistered(w);
	rewritten(w, 0, 0);
	rewritten(w, IORING_SETUP_SQPOLL, IOSQE_ASYNC);
	array_rewritten(w, 0);
	array_rewritten(w, IOSQE_ASYNC);
	overwritten(w, 0, "SQE overwritten");
	overwritten(w, IOSQE_ASYNC, "SQE overwritten, async");
	overwritten(w, IOSQE_IO_LINK, "SQE overwritten, linked");
	cancelled(w);
	array_cancelled(w, 0);
	array_cancelled(w, IOSQE_ASYNC);
	beside_a_call(w, 0);
	beside_a_call(w, IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER);
	ring_closed(w, 0);
	ring_closed(w, IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER);
}
