// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lk.h"

#define SEC (1000ULL * 1000 * 1000)

static int enter(const char *netns)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	error = setns(fd, CLONE_NEWNET) ? -errno : 0;
	close(fd);
	return error;
}

int lk_open(const char *netns, int flags)
{
	int home, fd, error;

	if (!netns) {
		fd = open("/dev/consensus", flags | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return -errno;
	error = enter(netns);
	if (!error) {
		fd = open("/dev/consensus", flags | O_CLOEXEC);
		error = fd < 0 ? -errno : fd;
		if (setns(home, CLONE_NEWNET))
			error = -errno;
	}
	close(home);
	return error;
}

static int call(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? errno : 0;
}

static void put_name(char to[CONSENSUS_NAME_SIZE], const char *name)
{
	strncpy(to, name, CONSENSUS_NAME_SIZE - 1);
}

struct consensus_lock_acquire lk_good_acquire(const char *name, uint32_t flags)
{
	struct consensus_lock_acquire a;

	memset(&a, 0, sizeof(a));
	a.op.flags = flags;
	a.op.timeout_ns = 30 * SEC;
	put_name(a.name, name);
	return a;
}

struct consensus_lock_release lk_good_release(const char *name, uint64_t token)
{
	struct consensus_lock_release r;

	memset(&r, 0, sizeof(r));
	r.op.timeout_ns = 30 * SEC;
	r.token = token;
	put_name(r.name, name);
	return r;
}

struct consensus_lock_check lk_good_check(const char *name, uint64_t token)
{
	struct consensus_lock_check c;

	memset(&c, 0, sizeof(c));
	c.op.timeout_ns = 30 * SEC;
	c.token = token;
	put_name(c.name, name);
	return c;
}

struct consensus_lock_revoke lk_good_revoke(const char *name, uint64_t token)
{
	struct consensus_lock_revoke r;

	memset(&r, 0, sizeof(r));
	r.op.timeout_ns = 30 * SEC;
	r.token = token;
	put_name(r.name, name);
	return r;
}

int lk_acquire(int fd, const char *name, uint32_t flags, uint64_t timeout_ns,
	       struct consensus_lock_acquire *a)
{
	struct consensus_lock_acquire own = lk_good_acquire(name, flags);
	int error;

	own.op.timeout_ns = timeout_ns;
	error = call(fd, CONSENSUS_IOC_LOCK_ACQUIRE, &own);
	if (a)
		*a = own;
	return error;
}

int lk_release(int fd, const char *name, uint64_t token)
{
	struct consensus_lock_release r = lk_good_release(name, token);

	return call(fd, CONSENSUS_IOC_LOCK_RELEASE, &r);
}

int lk_leave(int fd, const char *name, uint64_t ticket)
{
	struct consensus_lock_release r = lk_good_release(name, 0);

	r.ticket = ticket;
	return call(fd, CONSENSUS_IOC_LOCK_RELEASE, &r);
}

int lk_check(int fd, const char *name, uint64_t token)
{
	struct consensus_lock_check c = lk_good_check(name, token);

	return call(fd, CONSENSUS_IOC_LOCK_CHECK, &c);
}

int lk_revoke(int fd, const char *name, uint64_t token, uint64_t *count)
{
	struct consensus_lock_revoke r = lk_good_revoke(name, token);
	int error = call(fd, CONSENSUS_IOC_LOCK_REVOKE, &r);

	if (!error && count)
		*count = r.count;
	return error;
}

int lk_expire(int fd, uint64_t session)
{
	struct consensus_session_expire e;

	memset(&e, 0, sizeof(e));
	e.op.timeout_ns = 30 * SEC;
	e.session = session;
	return call(fd, CONSENSUS_IOC_SESSION_EXPIRE, &e);
}

int lk_detach(int fd, uint64_t duration_ns, uint8_t secret[16])
{
	struct consensus_handle_detach d;
	int error;

	memset(&d, 0, sizeof(d));
	d.duration_ns = duration_ns;
	error = call(fd, CONSENSUS_IOC_HANDLE_DETACH, &d);
	if (!error && secret)
		memcpy(secret, d.secret, sizeof(d.secret));
	return error;
}

int lk_adopt(int fd, const uint8_t secret[16], int *adopted)
{
	struct consensus_handle_adopt a;
	int error;

	memset(&a, 0, sizeof(a));
	memcpy(a.secret, secret, sizeof(a.secret));
	error = call(fd, CONSENSUS_IOC_HANDLE_ADOPT, &a);
	if (!error)
		*adopted = a.fd;
	return error;
}

int lk_heartbeat(int fd, uint64_t period_ns)
{
	struct consensus_handle_heartbeat h;

	memset(&h, 0, sizeof(h));
	h.period_ns = period_ns;
	return call(fd, CONSENSUS_IOC_HANDLE_HEARTBEAT, &h);
}

int lk_reset(int fd)
{
	struct consensus_handle_reset r;

	memset(&r, 0, sizeof(r));
	return call(fd, CONSENSUS_IOC_HANDLE_RESET, &r);
}

int lk_fenced_add(int fd, const char *counter, const char *lock, uint64_t token,
		  uint64_t timeout_ns, uint64_t *index)
{
	struct consensus_counter_add a;
	int error;

	memset(&a, 0, sizeof(a));
	a.op.timeout_ns = timeout_ns;
	a.op.fence_token = token;
	put_name(a.op.fence_name, lock);
	put_name(a.name, counter);
	a.delta = 1;
	error = call(fd, CONSENSUS_IOC_COUNTER_ADD, &a);
	if (!error && index)
		*index = a.op.index;
	return error;
}

int lk_poll(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLRDNORM };

	return poll(&p, 1, ms) > 0 ? p.revents : 0;
}

int lk_event(int fd, struct consensus_event *e, int ms)
{
	ssize_t n;

	if (!(lk_poll(fd, ms) & POLLIN))
		return ETIMEDOUT;
	n = read(fd, e, sizeof(*e));
	if (n < 0)
		return errno;
	return n == (ssize_t)sizeof(*e) && e->size == sizeof(*e) ? 0 : EBADMSG;
}

/* One list after the other, in pieces that are smaller than a list may be. */
static int next_part(int fd, unsigned long cmd, void *buffer, uint32_t size, uint32_t room,
		     uint64_t *cursor)
{
	struct consensus_list l;
	int error;

	memset(&l, 0, sizeof(l));
	l.size = size;
	l.cursor = *cursor;
	l.buffer = (uintptr_t)buffer;
	l.count = room;
	error = call(fd, cmd, &l);
	if (error)
		return -error;
	*cursor = l.cursor;
	return (int)l.count;
}

int lk_list(int fd, const char *name, struct consensus_lock_info *list, int max)
{
	struct consensus_lock_info part[64];
	uint64_t cursor = 0;
	int i, n, found = 0;

	do {
		n = next_part(fd, CONSENSUS_IOC_LOCK_LIST, part, sizeof(part[0]), 64, &cursor);
		for (i = 0; i < n; i++) {
			if (name && strncmp(part[i].name, name, sizeof(part[i].name)))
				continue;
			if (found < max)
				list[found] = part[i];
			found++;
		}
	} while (n >= 0 && cursor != ~0ULL);
	return n < 0 ? n : found;
}

int lk_sessions(int fd, struct consensus_session_info *list, int max)
{
	uint64_t cursor = 0;
	int n, found = 0;

	do {
		n = next_part(fd, CONSENSUS_IOC_SESSION_LIST, list + found, sizeof(*list),
			      (uint32_t)(max - found), &cursor);
		found += n > 0 ? n : 0;
	} while (n >= 0 && cursor != ~0ULL && found < max);
	return n < 0 ? n : found;
}
