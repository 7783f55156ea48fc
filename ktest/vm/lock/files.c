// SPDX-License-Identifier: GPL-2.0
/*
 * Whose a lock is: the open file's, until the last descriptor of it is closed, however
 * those came to be (pitfall 69).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "locks.h"

static const char *name;
static int beyond;		/* a handle of another node, which looks */

static bool held(uint64_t token)
{
	return !lk_check(beyond, name, token);
}

static void duplicates(void)
{
	int fd = handle(), second = dup(fd);
	uint64_t token = must_take(fd, name, 0);

	close(fd);
	ok(held(token), "dup(): held while one of both is open");
	is_errno(lk_acquire(second, name, 0, SEC, NULL), EDEADLK, "and both are one handle");
	close(second);
	ok(is_gone(beyond, name), "released with the last one");
}

/* A child that lives until it is killed, with what it inherited. */
static pid_t sleeper(void)
{
	pid_t pid;

	pid = fork();
	if (!pid) {
		for (;;)
			pause();
	}
	return pid;
}

static void bury(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void forks(void)
{
	int fd = handle();
	uint64_t token = must_take(fd, name, 0);
	pid_t pid = sleeper();

	close(fd);
	ok(held(token), "fork(): held while the child lives, close-on-exec or not");
	bury(pid);
	ok(is_gone(beyond, name), "released when the child is killed");
	fd = handle();
	token = must_take(fd, name, 0);
	bury(sleeper());
	ok(held(token), "a child's death takes nothing from its parent");
	close(fd);
	ok(is_gone(beyond, name), "whose close does");
}

static void executes(bool keep)
{
	int fd = handle(), go[2];
	uint64_t token = must_take(fd, name, 0);
	char byte = 0;
	pid_t pid;

	if (pipe(go))
		bail("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		if (keep)
			fcntl(fd, F_SETFD, 0);
		if (read(go[0], &byte, 1) == 1)
			execl("/bin/busybox", "busybox", "sleep", "600", NULL);
		_exit(1);
	}
	close(fd);
	ok(held(token), "exec(): the child has the handle");
	if (write(go[1], ".", 1) != 1)
		bail("pipe: %s", strerror(errno));
	if (keep) {
		sleep_ms(500);
		ok(held(token), "without O_CLOEXEC it is held behind exec()");
		bury(pid);
		ok(is_gone(beyond, name), "until that program ends");
	} else {
		ok(is_gone(beyond, name), "with O_CLOEXEC it is released by exec()");
		ok(!kill(pid, 0), "while the program goes on");
		bury(pid);
	}
	close(go[0]);
	close(go[1]);
}

static void send_fd(int sock, int fd)
{
	char byte = '.', control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec io = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &io, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(sock, &m, 0) != 1)
		bail("sendmsg: %s", strerror(errno));
}

/* What was sent has come: its sender may die. */
static void await_input(int sock)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };

	if (poll(&p, 1, 60000) != 1)
		bail("nothing comes by a socket");
}

static int receive_fd(int sock)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec io = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &io, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd = -1;

	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

/* Takes the lock through a handle of its own, sends that handle, and is killed. */
static pid_t sender(int sock)
{
	pid_t pid = fork();

	if (!pid) {
		int fd = handle();

		if (lk_acquire(fd, name, 0, 30 * SEC, NULL))
			_exit(1);
		send_fd(sock, fd);
		for (;;)
			pause();
	}
	return pid;
}

static void passed(const struct world *w)
{
	struct consensus_lock_info info;
	int pair[2], fd;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		bail("socketpair: %s", strerror(errno));
	pid = sender(pair[1]);
	there_are(beyond, name, 1);
	lk_list(beyond, name, &info, 1);
	await_input(pair[0]);
	bury(pid);
	ok(held(info.token), "SCM_RIGHTS: held while it is under way, though its sender is dead");
	fd = receive_fd(pair[0]);
	ok(fd >= 0 && held(info.token), "and by who receives it");
	is_errno(lk_acquire(fd, name, 0, SEC, NULL), EDEADLK, "as whose own");
	is_errno(lk_release(fd, name, info.token), 0, "who may release it");
	ok(must_take(fd, name, 0), "and take it again");
	close(fd);
	ok(is_gone(beyond, name), "released when the receiver closes it");
	pid = sender(pair[1]);
	there_are(beyond, name, 1);
	lk_list(beyond, name, &info, 1);
	await_input(pair[0]);
	bury(pid);
	close(pair[0]);
	close(pair[1]);
	ok(is_gone(w->fd, name), "never received: released with the socket that it was in");
}

/* In all states at once: holds, waits in a call, waits for an event, by two threads. */
static int complicated(void *arg)
{
	int *ready = arg, fd = handle(), i;
	char more[CONSENSUS_NAME_SIZE];

	for (i = 0; i < 100; i++) {
		snprintf(more, sizeof(more), "%.50s-%d", name, i);
		if (lk_acquire(fd, more, i % 3 ? CONSENSUS_LOCK_SHARED : 0, 30 * SEC, NULL))
			return 1;
	}
	if (lk_acquire(fd, name, CONSENSUS_LOCK_ASYNC, 30 * SEC, NULL))
		return 1;
	if (write(*ready, ".", 1) != 1)
		return 1;
	snprintf(more, sizeof(more), "%.50s-other", name);
	return lk_acquire(fd, more, 0, CONSENSUS_NO_TIMEOUT, NULL);
}

/* More than one entry may release: the rest follows by itself. */
static void many(const struct world *w)
{
	char more[CONSENSUS_NAME_SIZE], waited[CONSENSUS_NAME_SIZE], byte;
	int p[2], i, gone = 0;
	pid_t pid;

	must_take(w->other, name, 0);
	snprintf(waited, sizeof(waited), "%.50s-other", name);
	must_take(w->other, waited, 0);
	if (pipe(p))
		bail("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid)
		_exit(complicated(&p[1]));
	ok(read(p[0], &byte, 1) == 1, "a process holds 100 locks and waits for one");
	there_are(w->fd, waited, 2);
	bury(pid);
	for (i = 0; i < 100; i++) {
		snprintf(more, sizeof(more), "%.50s-%d", name, i);
		gone += is_gone(w->fd, more);
	}
	ok(gone == 100, "killed: %d of 100 are released", gone);
	ok(there_are(w->fd, waited, 1) && there_are(w->fd, name, 1),
	   "and its queues are left");
	lk_reset(w->other);
	ok(is_gone(w->fd, waited) && is_gone(w->fd, name), "a reset releases all that a handle has");
	close(p[0]);
	close(p[1]);
}

void test_files(const struct world *w)
{
	name = own("files");
	beyond = w->other;
	duplicates();
	forks();
	executes(false);
	executes(true);
	passed(w);
	many(w);
}
