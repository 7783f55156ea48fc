// SPDX-License-Identifier: GPL-2.0
/*
 * Flags, reserved bytes, padding, sizes, pointers: each bit and byte by itself. All of it
 * is refused before anything happens.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "locks.h"

/**
 * union any - the struct of any operation
 * @op: how all begin
 */
union any {
	struct consensus_op op;
	struct consensus_lock_acquire acquire;
	struct consensus_lock_release release;
	struct consensus_lock_check check;
	struct consensus_lock_revoke revoke;
	struct consensus_session_expire expire;
	struct consensus_counter_add add;
};

/**
 * struct call_of - an operation
 * @what: its name
 * @cmd: its number
 * @size: of its struct
 * @flags: that it knows
 * @fenced: it takes a fence
 * @good: good arguments, of which none may take effect here
 */
struct call_of {
	const char *what;
	unsigned long cmd;
	size_t size;
	uint32_t flags;
	bool fenced;
	union any good;
};

enum { CALLS = 5 };

static void calls_of(struct call_of c[CALLS])
{
	memset(c, 0, CALLS * sizeof(*c));
	c[0].what = "acquire";
	c[0].cmd = CONSENSUS_IOC_LOCK_ACQUIRE;
	c[0].size = sizeof(struct consensus_lock_acquire);
	c[0].flags = CONSENSUS_LOCK_ALL;
	c[0].fenced = true;
	c[0].good.acquire = lk_good_acquire("args", 0);
	c[1].what = "release";
	c[1].cmd = CONSENSUS_IOC_LOCK_RELEASE;
	c[1].size = sizeof(struct consensus_lock_release);
	c[1].good.release = lk_good_release("args", 1);
	c[2].what = "check";
	c[2].cmd = CONSENSUS_IOC_LOCK_CHECK;
	c[2].size = sizeof(struct consensus_lock_check);
	c[2].flags = CONSENSUS_READ_ALL;
	c[2].fenced = true;
	c[2].good.check = lk_good_check("args", 1);
	c[3].what = "revoke";
	c[3].cmd = CONSENSUS_IOC_LOCK_REVOKE;
	c[3].size = sizeof(struct consensus_lock_revoke);
	c[3].good.revoke = lk_good_revoke("args", 1);
	c[4].what = "expire";
	c[4].cmd = CONSENSUS_IOC_SESSION_EXPIRE;
	c[4].size = sizeof(struct consensus_session_expire);
	c[4].good.expire.session = 1ULL << 60;
}

/* Refused as @wanted, in .status too, and nothing else of the struct is changed. */
static bool refused(int fd, const struct call_of *c, union any a, int wanted, const char *what,
		    unsigned int n)
{
	union any before = a;
	int error = call(fd, c->cmd, &a);

	if (error != wanted || a.op.status != -wanted) {
		note("%s with %s %u: %s, status %d", c->what, what, n,
		     error ? strerrorname_np(error) : "success", a.op.status);
		return false;
	}
	a.op.status = before.op.status;
	if (memcmp(&a, &before, sizeof(a))) {
		note("%s with %s %u: its struct was changed", c->what, what, n);
		return false;
	}
	return true;
}

static void flags(int fd, const struct call_of *c)
{
	bool all = true;
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		union any a = c->good;

		a.op.flags = 1U << bit;
		if (!(c->flags & a.op.flags))
			all &= refused(fd, c, a, EINVAL, "flag", bit);
	}
	ok(all, "%s: each unknown flag: EINVAL", c->what);
}

static void dirty(int fd, const struct call_of *c, size_t from, size_t until, const char *what)
{
	bool all = true;
	size_t i;

	for (i = from; i < until; i++) {
		union any a = c->good;

		((unsigned char *)&a)[i] = 0x80;
		all &= refused(fd, c, a, EINVAL, what, (unsigned int)(i - from));
	}
	ok(all, "%s: each byte of %s dirty: EINVAL", c->what, what);
}

static void names(int fd, const struct call_of *c)
{
	size_t at = sizeof(struct consensus_op);
	union any a = c->good;
	bool all = true;

	dirty(fd, c, at + 5, at + CONSENSUS_NAME_SIZE, "the padding of the name");
	memset((char *)&a + at, 0, CONSENSUS_NAME_SIZE);
	all &= refused(fd, c, a, EINVAL, "an empty name", 0);
	((char *)&a)[at] = 7;
	all &= refused(fd, c, a, EINVAL, "a control character", 7);
	((char *)&a)[at] = (char)0xff;
	all &= refused(fd, c, a, EINVAL, "no UTF-8", 0xff);
	memset((char *)&a + at, 'x', CONSENSUS_NAME_SIZE);
	all &= refused(fd, c, a, ENAMETOOLONG, "64 bytes", 64);
	ok(all, "%s: names that are none", c->what);
}

/* A fence is a name and a token, or neither. */
static void fences(int fd, const struct call_of *c)
{
	union any a = c->good;
	bool all = true;

	a.op.fence_token = 7;
	all &= refused(fd, c, a, EINVAL, "a fence without name", 0);
	a = c->good;
	a.op.fence_name[0] = 'f';
	all &= refused(fd, c, a, EINVAL, "a fence without token", 0);
	a.op.fence_token = 7;
	if (!c->fenced)
		all &= refused(fd, c, a, EINVAL, "a fence that it does not take", 0);
	a.op.fence_name[5] = 'f';
	all &= refused(fd, c, a, EINVAL, "dirt behind the fence's name", 0);
	memset(a.op.fence_name, 'f', sizeof(a.op.fence_name));
	all &= refused(fd, c, a, c->fenced ? ENAMETOOLONG : EINVAL, "a fence's long name", 0);
	ok(all, "%s: fences that are none", c->what);
}

static void memory(int fd, const struct call_of *c)
{
	char *edge = at_edge(c->size), *short_of = at_edge(c->size - 1);

	is_errno(call(fd, c->cmd, NULL), EFAULT, "%s: no struct: EFAULT", c->what);
	memcpy(short_of, &c->good, c->size - 1);
	is_errno(call(fd, c->cmd, short_of), EFAULT, "%s: its last byte missing: EFAULT", c->what);
	memcpy(edge, &c->good, c->size);
	((struct consensus_op *)edge)->flags = 1U << 31;
	is_errno(call(fd, c->cmd, edge), EINVAL, "%s: at the edge of memory it is read", c->what);
	is_errno(call(fd, c->cmd + (1UL << 16), edge), ENOTTY, "%s: of another size: ENOTTY",
		 c->what);
}

static void arguments_of(int fd, const struct call_of *c)
{
	union any a = c->good;

	flags(fd, c);
	dirty(fd, c, offsetof(struct consensus_op, reserved),
	      offsetof(struct consensus_op, reserved) + sizeof(a.op.reserved), "reserved");
	if (c->cmd != CONSENSUS_IOC_SESSION_EXPIRE)
		names(fd, c);
	fences(fd, c);
	memory(fd, c);
	a.op.index = 1;
	ok(refused(fd, c, a, EINVAL, "index", 1), "%s: an index: EINVAL", c->what);
}

static void odd_ones(int fd, const struct call_of *c)
{
	union any a = c[0].good;

	dirty(fd, &c[0], offsetof(struct consensus_lock_acquire, zero),
	      offsetof(struct consensus_lock_acquire, zero) + 4, "zero");
	a.op.flags = CONSENSUS_LOCK_TRY | CONSENSUS_LOCK_ASYNC;
	ok(refused(fd, &c[0], a, EINVAL, "TRY and ASYNC", 0), "acquire: TRY and ASYNC: EINVAL");
	a = c[1].good;
	a.release.token = 0;
	ok(refused(fd, &c[1], a, EINVAL, "neither", 0), "release: neither token nor ticket: EINVAL");
	a = c[2].good;
	a.check.token = 0;
	ok(refused(fd, &c[2], a, EINVAL, "token", 0), "check: token 0: EINVAL");
	a = c[4].good;
	a.expire.session = 0;
	ok(refused(fd, &c[4], a, EINVAL, "session", 0), "expire: session 0: EINVAL");
}

/* The calls that are no operations: flags and padding, limits. */
static void small_ones(int fd)
{
	struct consensus_handle_detach d = { .flags = 1 };
	struct consensus_handle_adopt a = { .flags = 1 };
	struct consensus_handle_heartbeat h = { .flags = 1 };
	struct consensus_handle_reset r = { .flags = 1 };
	uint8_t secret[16] = { 1 };
	int got;

	is_errno(call(fd, CONSENSUS_IOC_HANDLE_DETACH, &d), EINVAL, "detach: a flag: EINVAL");
	d = (struct consensus_handle_detach){ .zero = 1 };
	is_errno(call(fd, CONSENSUS_IOC_HANDLE_DETACH, &d), EINVAL, "detach: dirty: EINVAL");
	is_errno(lk_detach(fd, 300 * SEC + 1, NULL), EINVAL, "detach: above 300 s: EINVAL");
	is_errno(call(fd, CONSENSUS_IOC_HANDLE_ADOPT, &a), EINVAL, "adopt: a flag: EINVAL");
	is_errno(lk_adopt(fd, secret, &got), ENOENT, "adopt: a secret that is none: ENOENT");
	is_errno(call(fd, CONSENSUS_IOC_HANDLE_HEARTBEAT, &h), EINVAL, "heartbeat: a flag: EINVAL");
	h = (struct consensus_handle_heartbeat){ .zero = 1, .period_ns = SEC };
	is_errno(call(fd, CONSENSUS_IOC_HANDLE_HEARTBEAT, &h), EINVAL, "heartbeat: dirty: EINVAL");
	is_errno(lk_heartbeat(fd, 9999999), EINVAL, "heartbeat: below 10 ms: EINVAL");
	is_errno(call(fd, CONSENSUS_IOC_HANDLE_RESET, &r), EINVAL, "reset: a flag: EINVAL");
	r = (struct consensus_handle_reset){ .zero = 1 };
	is_errno(call(fd, CONSENSUS_IOC_HANDLE_RESET, &r), EINVAL, "reset: dirty: EINVAL");
	is_errno(call(fd, CONSENSUS_IOC_HANDLE_RESET, NULL), EFAULT, "reset: no struct: EFAULT");
	is_errno(call(fd, CONSENSUS_IOC_HANDLE_DETACH, NULL), EFAULT, "detach: no struct: EFAULT");
}

static void list_of(int fd, unsigned long cmd, uint32_t size, const char *what)
{
	static char buffer[4097 * sizeof(struct consensus_lock_info)];
	struct consensus_list good = { .size = size, .buffer = (uintptr_t)buffer, .count = 1 }, l;

	l = good;
	l.flags = 1;
	is_errno(call(fd, cmd, &l), EINVAL, "%s: a flag: EINVAL", what);
	l = good;
	l.zero = 1;
	is_errno(call(fd, cmd, &l), EINVAL, "%s: dirty: EINVAL", what);
	l = good;
	l.size = size - 8;
	is_errno(call(fd, cmd, &l), EINVAL, "%s: elements of another size: EINVAL", what);
	l = good;
	l.count = 0;
	is_errno(call(fd, cmd, &l), EINVAL, "%s: room for none: EINVAL", what);
	l.count = 4097;
	is_errno(call(fd, cmd, &l), EINVAL, "%s: room for 4097: EINVAL", what);
	l.count = 4096;
	is_errno(call(fd, cmd, &l), 0, "%s: room for 4096", what);
	is_errno(call(fd, cmd, NULL), EFAULT, "%s: no struct: EFAULT", what);
}

static void list_without_buffer(int fd)
{
	struct consensus_list l = {
		.size = sizeof(struct consensus_lock_info), .buffer = 8, .count = 4096,
	};
	uint64_t token = must_take(fd, own("args-listed"), 0);

	is_errno(call(fd, CONSENSUS_IOC_LOCK_LIST, &l), EFAULT, "lock list: no buffer: EFAULT");
	is_errno(lk_release(fd, own("args-listed"), token), 0, "and nothing came of it");
}

static void read_only(void)
{
	struct consensus_lock_info info[1];
	uint8_t secret[16] = { 0 };
	int fd = open_device(O_RDONLY), got;

	is_errno(lk_acquire(fd, "args", 0, SEC, NULL), EBADF, "read-only: acquire: EBADF");
	is_errno(lk_release(fd, "args", 1), EBADF, "read-only: release: EBADF");
	is_errno(lk_revoke(fd, "args", 0, NULL), EBADF, "read-only: revoke: EBADF");
	is_errno(lk_expire(fd, 1), EBADF, "read-only: expire: EBADF");
	is_errno(lk_detach(fd, SEC, NULL), EBADF, "read-only: detach: EBADF");
	is_errno(lk_adopt(fd, secret, &got), EBADF, "read-only: adopt: EBADF");
	is_errno(lk_heartbeat(fd, SEC), EBADF, "read-only: heartbeat: EBADF");
	is_errno(lk_reset(fd), EBADF, "read-only: reset: EBADF");
	is_errno(lk_check(fd, "args", 1), ESTALE, "read-only: check is a read");
	ok(lk_list(fd, NULL, info, 1) >= 0, "read-only: the list is a read");
	close(fd);
}

void test_arguments(const struct world *w)
{
	struct consensus_features f = { 0 };
	struct call_of c[CALLS];
	int i;

	call(w->fd, CONSENSUS_IOC_FEATURES, &f);
	ok(f.features & CONSENSUS_FEATURE_LOCK, "this module has locks");
	calls_of(c);
	for (i = 0; i < CALLS; i++)
		arguments_of(w->fd, &c[i]);
	odd_ones(w->fd, c);
	small_ones(w->fd);
	list_of(w->fd, CONSENSUS_IOC_LOCK_LIST, sizeof(struct consensus_lock_info), "lock list");
	list_of(w->fd, CONSENSUS_IOC_SESSION_LIST, sizeof(struct consensus_session_info),
		"session list");
	list_without_buffer(w->fd);
	read_only();
	ok(is_gone(w->fd, "args"), "none of it has left anything behind");
}
