// SPDX-License-Identifier: GPL-2.0
/* What an administrator may do, and what everybody may see. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "locks.h"

enum { SESSIONS = 64 };

static void revoked(const struct world *w)
{
	const char *name = own("revoke"), *kept = own("revoke-not");
	int fd = handle(), next = lk_open(w->netns, O_RDWR);
	uint64_t token = must_take(fd, name, 0), other = must_take(fd, kept, 0), count = 0;
	struct consensus_event e;

	must_queue(next, name, 0, 1);
	is_errno(lk_revoke(w->other, name, token + 1, NULL), ENOENT, "another token: ENOENT");
	is_errno(lk_revoke(w->other, name, token, &count), 0, "a lock is taken from its holder");
	ok(count == 1, "who was one");
	ok(await_event(next, CONSENSUS_EVENT_GRANTED, &e) && e.token > token, "the next one has it");
	ok(lk_poll(fd, 10000) & POLLIN, "who had it hears of it");
	ok((lk_poll(fd, 0) & (POLLERR | POLLHUP)) == (POLLERR | POLLHUP), "by poll()");
	is_errno(lk_check(fd, name, token), ESTALE, "its token: ESTALE");
	is_errno(lk_fenced_add(fd, own("revoked"), name, token, 30 * SEC, NULL), ESTALE,
		 "its fence: ESTALE");
	is_errno(lk_release(fd, name, token), EPERM, "its release: EPERM");
	while (lk_event(fd, &e, 10000) == 0 && e.type != CONSENSUS_EVENT_LOST)
		;
	ok(e.type == CONSENSUS_EVENT_LOST && e.status == -EKEYREVOKED && e.token == token,
	   "and an event: EKEYREVOKED");
	ok(lk_poll(fd, 0) == 0, "that was all");
	is_errno(lk_check(w->other, kept, other), 0, "its other lock holds");
	is_errno(lk_fenced_add(fd, own("revoked"), kept, other, 30 * SEC, NULL), 0,
		 "the handle goes on");
	close(fd);
	close(next);
	ok(is_gone(w->fd, name) && is_gone(w->fd, kept), "all is closed");
}

static void revoked_all(const struct world *w)
{
	const char *name = own("revoke-all");
	int fd = handle(), waits = handle();
	uint64_t count = 0, ticket;
	struct consensus_event e;

	is_errno(lk_revoke(w->fd, name, 0, NULL), ENOENT, "nobody holds it: ENOENT");
	must_take(fd, name, CONSENSUS_LOCK_SHARED);
	must_take(w->other, name, CONSENSUS_LOCK_SHARED);
	ticket = must_queue(waits, name, 0, 1);
	is_errno(lk_revoke(w->fd, name, 0, &count), 0, "it is taken from all who share it");
	ok(count == 2, "who were %llu", (unsigned long long)count);
	ok(await_event(waits, CONSENSUS_EVENT_GRANTED, &e) && e.ticket == ticket,
	   "who waits is not concerned, and has it");
	while (lk_event(w->other, &e, 0) == 0)
		;
	close(fd);
	close(waits);
	ok(is_gone(w->fd, name), "all is closed");
}

/* ---- sessions ---- */

/* The session of the node @name; 0: it has none. */
static uint64_t session_of(int fd, const char *name, struct consensus_session_info *info)
{
	static struct consensus_session_info all[SESSIONS];
	int i, n = lk_sessions(fd, all, SESSIONS);

	for (i = 0; i < n; i++) {
		if (strcmp(all[i].node, name))
			continue;
		if (info)
			*info = all[i];
		return all[i].id;
	}
	return 0;
}

static bool await_other_session(int fd, const char *name, uint64_t before)
{
	uint64_t until = now_ns() + 60 * SEC, id;

	while ((id = session_of(fd, name, NULL)) == before || !id) {
		if (now_ns() > until)
			return false;
		sleep_ms(10);
	}
	return true;
}

static void lost_with_session(int fd)
{
	struct consensus_event e;
	int got = 0;

	ok(lk_poll(fd, 20000) & POLLIN &&
	   (lk_poll(fd, 0) & (POLLERR | POLLHUP)) == (POLLERR | POLLHUP), "its handle is lost");
	is_errno(add(fd, own("expired"), 1, SEC, NULL), EKEYREVOKED, "an increment: EKEYREVOKED");
	is_errno(lk_acquire(fd, own("expire-c"), 0, SEC, NULL), EKEYREVOKED, "an acquire, too");
	while (lk_event(fd, &e, 0) == 0)
		got += e.type == CONSENSUS_EVENT_LOST && e.status == -EKEYREVOKED;
	ok(got == 2, "what it held and what it awaited are lost: %d events", got);
	is_errno(read(fd, &e, sizeof(e)) < 0 ? errno : 0, EKEYREVOKED, "then a read: EKEYREVOKED");
	is_errno(lk_reset(fd), 0, "it is reset");
	is_errno(add(fd, own("expired"), 1, 60 * SEC, NULL), 0, "and goes on");
	ok(is_free(fd, own("expire-c"), 60000), "also with locks");
}

static void expired(const struct world *w)
{
	const char *name = own("expire-a"), *other = own("expire-b");
	int fd = handle(), plain = handle();
	uint64_t blocker = must_take(w->other, other, 0), token = must_take(fd, name, 0), session;
	struct consensus_lock_acquire a;

	must_queue(fd, other, 0, 1);
	catch_up(w->other);
	session = session_of(w->other, w->here, NULL);
	ok(session != 0, "this node has a session");
	is_errno(lk_expire(w->other, 1ULL << 60), ENOENT, "one that there is not: ENOENT");
	is_errno(lk_expire(w->other, session), 0, "it is ended");
	is_errno(lk_expire(w->other, session), ENOENT, "twice: ENOENT");
	is_errno(lk_acquire(w->other, name, 0, 30 * SEC, &a), 0, "its lock is another node's");
	ok(a.token > token, "with a higher token");
	is_errno(lk_check(w->other, name, token), ESTALE, "the old one: ESTALE");
	lost_with_session(fd);
	is_errno(add(plain, own("expired"), 1, 60 * SEC, NULL), 0,
		 "a handle that had nothing to do with locks has not noticed");
	ok(await_other_session(w->other, w->here, session), "the node has another session");
	lk_release(w->other, name, a.token);
	lk_release(w->other, other, blocker);
	close(fd);
	close(plain);
	lk_reset(w->fd);
	ok(is_gone(w->other, name) && is_gone(w->other, other), "nothing is left of it");
}

/* ---- who may ---- */

static int as_nobody(void *arg)
{
	const struct world *w = arg;

	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return 1;
	if (lk_revoke(w->fd, own("may"), 0, NULL) != EPERM)
		return 2;
	if (lk_expire(w->fd, 1) != EPERM)
		return 3;
	/* what the device's mode grants is granted */
	return there_are(w->fd, own("may"), 1) ? 0 : 4;
}

void test_admin(const struct world *w)
{
	uint64_t token = must_take(w->other, own("may"), 0);

	is_errno(in_child(as_nobody, (void *)(uintptr_t)w), 0,
		 "without CAP_NET_ADMIN: EPERM, and nothing is taken");
	is_errno(lk_release(w->other, own("may"), token), 0, "so it can be released");
	revoked(w);
	revoked_all(w);
	expired(w);
}

/* ---- lists ---- */

/* Another user's program, under another name: holds the lock until its pipe closes. */
static int stranger(void *arg)
{
	int *pipes = arg, fd = handle();
	char byte;

	prctl(PR_SET_NAME, "locks-someone");
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534) ||
	    lk_acquire(fd, own("listed"), 0, 30 * SEC, NULL) || write(pipes[1], ".", 1) != 1)
		return 1;
	close(pipes[1]);
	return (int)read(pipes[2], &byte, 1);
}

static void who_holds(const struct world *w)
{
	struct consensus_lock_info l[4];
	const char *name = own("listed");
	uint64_t now, ticket;
	int p[4], waits = lk_open(w->netns, O_RDWR), n;
	char byte;
	pid_t pid;

	if (pipe(p) || pipe(p + 2))
		bail("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		close(p[3]);
		_exit(stranger(p));
	}
	ok(read(p[0], &byte, 1) == 1, "another user's program holds a lock");
	ticket = must_queue(waits, name, CONSENSUS_LOCK_SHARED, 1);
	n = lk_list(w->other, name, l, 4);
	ok(n == 2, "the list says who holds and who waits");
	if (n == 2 && !l[0].token) {
		struct consensus_lock_info first = l[1];

		l[1] = l[0];
		l[0] = first;
	}
	now = (uint64_t)time(NULL);
	ok(l[0].pid == (uint32_t)pid && l[0].uid == 65534 && !strcmp(l[0].comm, "locks-someone"),
	   "holder: process %u, user %u, %s", l[0].pid, l[0].uid, l[0].comm);
	ok(!strcmp(l[0].node, w->here) && l[0].session == session_of(w->fd, w->here, NULL),
	   "of this node, of its session");
	ok(l[0].token && l[0].index && l[0].ticket && !l[0].flags && l[0].since <= now &&
	   l[0].since + 120 > now, "since when, and by which token");
	ok(!l[1].token && l[1].ticket == ticket && l[1].ticket > l[0].ticket &&
	   l[1].flags == CONSENSUS_INFO_SHARED && !strcmp(l[1].node, w->there),
	   "who waits has a ticket and no token, and is of the other node");
	ok(l[1].pid == (uint32_t)getpid() && l[1].uid == 0, "and is this process");
	close(p[3]);
	waitpid(pid, NULL, 0);
	close(waits);
	ok(is_gone(w->fd, name), "all is closed");
	close(p[0]);
	close(p[1]);
	close(p[2]);
}

/* More of them than fit into one call, once each. */
static void long_list(const struct world *w)
{
	enum { MANY = 200 };
	static struct consensus_lock_info all[2 * MANY];
	char name[CONSENSUS_NAME_SIZE];
	bool there[MANY] = { false };
	int fd = handle(), i, n, k, seen = 0;

	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%.50s.%d", own("long"), i);
		must_take(fd, name, 0);
	}
	catch_up(w->other);
	n = lk_list(w->other, NULL, all, 2 * MANY);
	for (i = 0; i < n && i < 2 * MANY; i++) {
		if (strncmp(all[i].name, own("long"), strlen(own("long"))) ||
		    sscanf(all[i].name + strlen(own("long")), ".%d", &k) != 1)
			continue;
		seen += !there[k];
		there[k] = true;
	}
	ok(n == MANY && seen == MANY, "%d of %d locks are in a list of %d", seen, MANY, n);
	close(fd);
	ok(is_gone(w->fd, NULL), "and none after the close");
}

static void sessions(const struct world *w)
{
	struct consensus_session_info before, after;
	int fd[3], i;

	ok(session_of(w->fd, w->there, NULL) && session_of(w->fd, w->here, &before),
	   "both nodes have sessions");
	ok(before.ttl_ms >= 50 && before.ordinal && before.boot_counter, "a TTL of %u ms",
	   before.ttl_ms);
	for (i = 0; i < 3; i++) {
		fd[i] = handle();
		must_take(fd[i], own("sessions"), CONSENSUS_LOCK_SHARED);
	}
	catch_up(w->other);
	session_of(w->other, w->here, &after);
	ok(after.handles == before.handles + 3, "handles with locks: %u, then %u", before.handles,
	   after.handles);
	for (i = 0; i < 3; i++)
		close(fd[i]);
	ok(is_gone(w->other, own("sessions")), "all is closed");
}

void test_lists(const struct world *w)
{
	who_holds(w);
	long_list(w);
	sessions(w);
}
