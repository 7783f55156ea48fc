// SPDX-License-Identifier: GPL-2.0
/* Handles that outlive their descriptors, and handles that do not wait for a close. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "locks.h"

static void adopted(const struct world *w)
{
	const char *name = own("detach");
	uint8_t old[16], secret[16], none[16] = { 0 };
	int fd = handle(), got = -1, again = -1;
	uint64_t token = must_take(fd, name, 0);
	struct consensus_lock_acquire a;

	is_errno(lk_detach(fd, 60 * SEC, old), 0, "a handle is detached");
	is_errno(lk_detach(fd, 60 * SEC, secret), 0, "again");
	ok(memcmp(old, secret, 16) && memcmp(secret, none, 16), "with another secret");
	is_errno(lk_adopt(w->fd, old, &got), ENOENT, "the first one is none any more: ENOENT");
	close(fd);
	is_errno(lk_check(w->other, name, token), 0, "its last descriptor is closed: it holds");
	is_errno(lk_adopt(w->other, secret, &got), ENOENT, "adopted on another node: ENOENT");
	is_errno(lk_adopt(w->fd, secret, &got), 0, "adopted on its own");
	ok(fcntl(got, F_GETFD) == FD_CLOEXEC, "the descriptor is close-on-exec");
	is_errno(lk_adopt(w->fd, secret, &again), ENOENT, "a secret is good once: ENOENT");
	is_errno(lk_fenced_add(got, own("adopted"), name, token, 30 * SEC, NULL), 0,
		 "who has adopted it works under its token");
	is_errno(lk_acquire(got, name, 0, SEC, NULL), EDEADLK, "is its holder");
	is_errno(lk_release(got, name, token), 0, "and gives it back");
	is_errno(lk_acquire(w->other, name, 0, 30 * SEC, &a), 0, "to the next one");
	ok(!(a.info & CONSENSUS_GRANT_DIED), "who is not told that somebody died");
	lk_release(w->other, name, a.token);
	must_take(got, name, 0);
	close(got);
	ok(is_gone(w->other, name), "the adopted handle's close releases what it has");
}

static void not_adopted(const struct world *w)
{
	const char *name = own("detach-time");
	struct consensus_lock_acquire a;
	uint8_t secret[16];
	int fd = handle(), got, error;
	uint64_t token = must_take(fd, name, 0), begin = now_ns();

	is_errno(lk_detach(fd, SEC * w->slow / 2, secret), 0, "detached for a short time");
	close(fd);
	error = lk_check(w->other, name, token);
	/* Asked too late by a machine that was busy, it may be over. */
	ok(!error || (error == ESTALE && now_ns() - begin >= SEC * w->slow / 2), "it holds");
	is_errno(lk_acquire(w->other, name, 0, 60 * SEC, &a), 0, "until its time is up");
	ok(now_ns() - begin >= SEC * w->slow / 2, "after %llu ms of %u",
	   (unsigned long long)(now_ns() - begin) / 1000000, 500 * w->slow);
	ok(a.info & CONSENSUS_GRANT_DIED, "then it has died");
	is_errno(lk_adopt(w->fd, secret, &got), ENOENT, "and is not to be adopted any more: ENOENT");
	lk_release(w->other, name, a.token);
	fd = handle();
	token = must_take(fd, name, 0);
	lk_detach(fd, SEC / 100, secret);
	sleep_ms(200);
	is_errno(lk_check(w->other, name, token), 0, "time is up, but it is open: it holds");
	lk_detach(fd, 60 * SEC, secret);
	is_errno(lk_detach(fd, 0, secret), 0, "detached, and not any more");
	close(fd);
	ok(is_gone(w->other, name), "its close releases it");
}

/**
 * struct secret_of - what a child is told
 * @fd: a handle of the same node
 * @secret: of what it shall adopt
 */
struct secret_of {
	int fd;
	uint8_t secret[16];
};

static int as_nobody(void *arg)
{
	struct secret_of *s = arg;
	int got;

	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return 1;
	return lk_adopt(s->fd, s->secret, &got);
}

static int dies_detached(void *arg)
{
	struct secret_of *s = arg;
	int fd = handle();

	if (lk_acquire(fd, own("detach-user"), 0, 30 * SEC, NULL) ||
	    lk_detach(fd, 60 * SEC, s->secret))
		return 1;
	if (write(s->fd, s->secret, sizeof(s->secret)) != sizeof(s->secret))
		return 1;
	kill(getpid(), SIGKILL);
	return 1;
}

static void by_whom(const struct world *w)
{
	const char *name = own("detach-user");
	struct secret_of s = { 0 };
	int p[2], got = -1;

	if (pipe(p))
		bail("pipe: %s", strerror(errno));
	s.fd = p[1];
	ok(in_child(dies_detached, &s) == 128 + SIGKILL, "a process that has detached is killed");
	ok(read(p[0], s.secret, sizeof(s.secret)) == sizeof(s.secret), "it has told its secret");
	ok(there_are(w->other, name, 1), "its lock is held");
	s.fd = w->fd;
	is_errno(in_child(as_nobody, &s), EPERM, "another user adopts it: EPERM");
	is_errno(lk_adopt(w->fd, s.secret, &got), 0, "its own user does");
	close(got);
	ok(is_gone(w->other, name), "and lets it go");
	close(p[0]);
	close(p[1]);
}

void test_detach(const struct world *w)
{
	adopted(w);
	not_adopted(w);
	by_whom(w);
}

/* ---- heartbeats ---- */

static void missed(const struct world *w)
{
	const char *name = own("beat");
	static const int refused[] = { EKEYEXPIRED, ESTALE, -1 };
	unsigned int period = 1500 * w->slow, i;
	int fd = handle(), error = 0;
	uint64_t token = must_take(fd, name, 0), last;
	struct consensus_event e;

	for (i = 0; i < 6 && !error; i++) {
		error = lk_heartbeat(fd, (uint64_t)period * 1000000);
		sleep_ms(period / 3);
	}
	is_errno(error, 0, "a program calls in time, for two periods");
	is_errno(lk_check(w->other, name, token), 0, "it holds");
	lk_heartbeat(fd, (uint64_t)period * 1000000);
	last = now_ns();
	while (!(lk_poll(fd, 10) & POLLERR) && now_ns() - last < 60 * SEC)
		;
	ok((lk_poll(fd, 0) & (POLLERR | POLLHUP)) == (POLLERR | POLLHUP), "it does not: lost");
	ok(now_ns() - last >= (uint64_t)period * 1000000, "after %llu ms of %u",
	   (unsigned long long)(now_ns() - last) / 1000000, period);
	is_errno(lk_heartbeat(fd, SEC), EKEYEXPIRED, "a heartbeat comes too late: EKEYEXPIRED");
	is_one_of(lk_fenced_add(w->fd, own("beaten"), name, token, 30 * SEC, NULL), refused,
		  "an increment under it is refused, by another handle of its node");
	ok(lk_event(fd, &e, 0) == 0 && e.type == CONSENSUS_EVENT_LOST && e.token == token &&
	   e.status == -EKEYEXPIRED, "an event tells of the lock");
	ok(is_free(w->other, name, 60000), "another node has it");
	is_errno(lk_acquire(fd, name, 0, SEC, NULL), EKEYEXPIRED, "until it is reset: EKEYEXPIRED");
	is_errno(lk_reset(fd), 0, "it is reset");
	ok(is_free(fd, name, 60000), "and works again");
	ok(lk_poll(fd, 0) == 0, "without anything to say");
	close(fd);
}

static void taken_back(const struct world *w)
{
	const char *name = own("beat-off");
	int fd = handle();
	uint64_t token = must_take(fd, name, 0);

	is_errno(lk_heartbeat(fd, SEC * w->slow), 0, "a heartbeat is asked for");
	is_errno(lk_heartbeat(fd, 0), 0, "and not any more");
	sleep_ms(1500 * w->slow);
	is_errno(lk_check(w->other, name, token), 0, "none is missed");
	close(fd);
	ok(is_gone(w->other, name), "it is closed");
}

static void before_the_timer(const struct world *w)
{
	static const int refused[] = { EKEYEXPIRED, ESTALE, -1 };
	const char *name = own("beat-late");
	int fd = handle();
	uint64_t token = must_take(fd, name, 0);

	lk_heartbeat(fd, 10 * 1000000);
	sleep_ms(11);
	is_one_of(lk_fenced_add(w->fd, own("beaten"), name, token, 30 * SEC, NULL), refused,
		  "the deadline itself refuses, whether its timer came or not");
	close(fd);
	ok(is_gone(w->other, name), "it is closed");
}

void test_heartbeat(const struct world *w)
{
	missed(w);
	taken_back(w);
	before_the_timer(w);
}
