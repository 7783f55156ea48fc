// SPDX-License-Identifier: GPL-2.0
/* What read(), poll() and signals tell. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "locks.h"

static void grant_by_event(const struct world *w)
{
	const char *name = own("async");
	uint64_t token = must_take(w->other, name, 0), ticket;
	struct consensus_event e;
	int fd = handle();

	ticket = must_queue(fd, name, 0, 0xc00c1eULL);
	ok(lk_poll(fd, 0) == 0, "a handle that waits has nothing to say");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	ok(read(fd, &e, sizeof(e)) == -1 && errno == EAGAIN, "O_NONBLOCK: EAGAIN");
	is_errno(lk_acquire(fd, name, 0, SEC, NULL), EDEADLK, "it waits already: EDEADLK");
	lk_release(w->other, name, token);
	ok(lk_poll(fd, 10000) == (POLLIN | POLLRDNORM), "poll() says that it was granted");
	ok(read(fd, &e, sizeof(e) - 1) == -1 && errno == EINVAL, "less than an event: EINVAL");
	ok(lk_event(fd, &e, 0) == 0 && e.type == CONSENSUS_EVENT_GRANTED, "read() says so");
	ok(e.ticket == ticket && e.cookie == 0xc00c1eULL && !strcmp(e.name, name),
	   "with ticket, cookie and name");
	ok(e.token > token && e.index && e.lease_ns && !e.status, "token, index and lease");
	is_errno(lk_check(w->other, name, e.token), 0, "the token holds");
	ok(lk_poll(fd, 0) == 0, "it is told once");
	is_errno(lk_release(fd, name, e.token), 0, "it is released");
	close(fd);
}

static void leave(const struct world *w)
{
	const char *name = own("leave");
	uint64_t token = must_take(w->other, name, 0), ticket;
	struct consensus_event e;
	int fd = handle();

	ticket = must_queue(fd, name, 0, 1);
	is_errno(lk_leave(w->fd, name, ticket), EPERM, "another handle's ticket: EPERM");
	is_errno(lk_leave(fd, name, ticket), 0, "its own: it has left the queue");
	ok(lk_list(fd, name, NULL, 0) == 1, "when that returns");
	is_errno(lk_leave(fd, name, ticket), EPERM, "twice: EPERM");
	is_errno(lk_event(fd, &e, 0), ETIMEDOUT, "no event tells of it");
	ticket = must_queue(fd, name, 0, 2);
	lk_release(w->other, name, token);
	ok(lk_poll(fd, 10000) & POLLIN, "it waits again, and is granted");
	is_errno(lk_leave(fd, name, ticket), 0, "it leaves by its ticket: the grant is given back");
	is_errno(lk_event(fd, &e, 0), ETIMEDOUT, "and not told any more");
	ok(is_gone(w->other, name), "nothing is left of it");
	close(fd);
}

/**
 * struct reader - a thread in read()
 * @id: of the thread
 * @fd: where
 * @got: what read() returned
 * @error: its errno
 * @e: what was read
 */
struct reader {
	pthread_t id;
	int fd;
	ssize_t got;
	int error;
	struct consensus_event e[4];
};

static void *reads(void *arg)
{
	struct reader *r = arg;

	r->got = read(r->fd, r->e, sizeof(r->e));
	r->error = errno;
	return NULL;
}

static void on_signal(int number)
{
	(void)number;
}

static void blocking_read(const struct world *w)
{
	struct sigaction s = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	const char *const name[] = { own("read-a"), own("read-b"), own("read-c") };
	struct reader r = { .fd = handle() };
	uint64_t token[3];
	int i;

	for (i = 0; i < 3; i++) {
		token[i] = must_take(w->other, name[i], 0);
		must_queue(r.fd, name[i], 0, (uint64_t)i);
	}
	pthread_create(&r.id, NULL, reads, &r);
	sleep_ms(100);
	lk_release(w->other, name[1], token[1]);
	pthread_join(r.id, NULL);
	ok(r.got == sizeof(r.e[0]) && r.e[0].cookie == 1, "a read that waits is woken by an event");
	lk_release(w->other, name[0], token[0]);
	lk_release(w->other, name[2], token[2]);
	for (i = 0; i < 1000 && lk_list(w->fd, name[2], NULL, 0) != 1; i++)
		sleep_ms(10);
	sleep_ms(200);
	reads(&r);
	ok(r.got == 2 * sizeof(r.e[0]) && r.e[0].cookie == 0 && r.e[1].cookie == 2,
	   "a read gives all there are, in their order");
	sigaction(SIGUSR1, &s, NULL);
	pthread_create(&r.id, NULL, reads, &r);
	/* One that comes before it reads ends nothing: then another one does. */
	do {
		sleep_ms(100);
		pthread_kill(r.id, SIGUSR1);
	} while (pthread_tryjoin_np(r.id, NULL));
	ok(r.got == -1 && r.error == EINTR, "a signal ends it: EINTR");
	close(r.fd);
}

static void epolls(const struct world *w)
{
	const char *name = own("epoll");
	uint64_t token = must_take(w->other, name, 0);
	struct epoll_event want = { .events = EPOLLIN | EPOLLET }, got[2];
	int fd = handle(), ep = epoll_create1(EPOLL_CLOEXEC);
	struct consensus_event e;

	want.data.fd = fd;
	ok(!epoll_ctl(ep, EPOLL_CTL_ADD, fd, &want), "epoll watches the handle");
	must_queue(fd, name, 0, 1);
	ok(epoll_wait(ep, got, 2, 0) == 0, "and has nothing while it waits");
	lk_release(w->other, name, token);
	ok(epoll_wait(ep, got, 2, 10000) == 1 && got[0].data.fd == fd && got[0].events == EPOLLIN,
	   "then the grant");
	ok(epoll_wait(ep, got, 2, 0) == 0, "once, edge-triggered");
	lk_event(fd, &e, 0);
	lk_revoke(w->fd, name, 0, NULL);
	ok(epoll_wait(ep, got, 2, 10000) == 1 &&
	   (got[0].events & (EPOLLERR | EPOLLHUP)) == (EPOLLERR | EPOLLHUP), "and then the loss");
	close(ep);
	close(fd);
}

/* Others wait: told once for each row of them. */
static void wanted(const struct world *w)
{
	const char *name = own("wanted");
	uint64_t token, ticket[2];
	struct consensus_event e;
	int fd = handle(), other[2] = { handle(), lk_open(w->netns, O_RDWR) };

	token = must_take(fd, name, 0);
	ticket[0] = must_queue(other[0], name, 0, 1);
	ok(await_event(fd, CONSENSUS_EVENT_WANTED, &e) && e.token == token && !strcmp(e.name, name),
	   "a holder learns that another one waits");
	ticket[1] = must_queue(other[1], name, 0, 2);
	is_errno(lk_event(fd, &e, 300), ETIMEDOUT, "once for a row of them");
	lk_leave(other[0], name, ticket[0]);
	lk_leave(other[1], name, ticket[1]);
	must_queue(other[1], name, 0, 3);
	ok(await_event(fd, CONSENSUS_EVENT_WANTED, &e), "and once for the next row");
	close(fd);
	close(other[0]);
	close(other[1]);
	ok(is_gone(w->fd, name), "all is closed");
}

/*
 * Who has given a lock back has nothing to read of it any more: a poll() that says else
 * would have it wait in read() for ever.
 */
static void given_back(const struct world *w)
{
	const char *name = own("given");
	struct consensus_event e;
	int fd = handle(), other = handle(), i, promised = 0;
	uint64_t token, ticket;

	for (i = 0; i < 100; i++) {
		token = must_take(fd, name, 0);
		ticket = must_queue(other, name, 0, 1);
		lk_release(fd, name, token);
		promised += !!(lk_poll(fd, 0) & POLLIN);
		lk_leave(other, name, ticket);
		while (!lk_event(other, &e, 0))
			;
	}
	ok(!promised, "what was given back has no events (%d times of 100)", promised);
	close(fd);
	close(other);
	ok(is_gone(w->fd, name), "all is closed");
}

void test_events(const struct world *w)
{
	grant_by_event(w);
	leave(w);
	blocking_read(w);
	epolls(w);
	wanted(w);
	given_back(w);
}

/* ---- signals ---- */

/* The next of @set within 10 s. */
static bool await_signal(const sigset_t *set, siginfo_t *info)
{
	struct timespec t = { 10, 0 };
	int got;

	do
		got = sigtimedwait(set, info, &t);
	while (got < 0 && errno == EINTR);
	return got > 0;
}

static int listening_handle(int number)
{
	int fd = handle();

	ok(!fcntl(fd, F_SETOWN, getpid()) && !fcntl(fd, F_SETSIG, number) &&
	   !fcntl(fd, F_SETFL, O_ASYNC), "O_ASYNC, F_SETOWN, F_SETSIG %d", number);
	return fd;
}

static void signals_of(const struct world *w, const sigset_t *set, int number)
{
	const char *name = own("sigio");
	uint64_t token = must_take(w->other, name, 0);
	struct timespec now = { 0, 0 };
	struct consensus_event e;
	siginfo_t info = { 0 };
	int fd = listening_handle(number), wanted = number ? number : SIGIO;

	must_queue(fd, name, 0, 1);
	lk_release(w->other, name, token);
	ok(await_signal(set, &info) && info.si_signo == wanted, "a grant is a signal %d", wanted);
	if (number)
		ok(info.si_fd == fd && info.si_code == POLL_IN, "which says of what: POLL_IN");
	lk_event(fd, &e, 1000);
	lk_revoke(w->fd, name, 0, NULL);
	ok(await_signal(set, &info) && info.si_signo == wanted, "a loss is one, too");
	if (number)
		ok(info.si_fd == fd && info.si_code == POLL_HUP && info.si_band & POLLHUP,
		   "which says of what: POLL_HUP");
	ok(lk_event(fd, &e, 1000) == 0 && e.type == CONSENSUS_EVENT_LOST &&
	   e.status == -EKEYREVOKED, "then there is an event to be read");
	fcntl(fd, F_SETFL, 0);
	must_take(fd, name, 0);
	lk_revoke(w->fd, name, 0, NULL);
	ok(lk_poll(fd, 10000) & POLLERR && sigtimedwait(set, &info, &now) < 0,
	   "without O_ASYNC there is none");
	close(fd);
}

void test_signals(const struct world *w)
{
	sigset_t set, before;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGRTMIN + 3);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	signals_of(w, &set, 0);
	signals_of(w, &set, SIGRTMIN + 3);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
