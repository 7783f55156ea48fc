// SPDX-License-Identifier: GPL-2.0
/* Who gets a lock, in which order, with what token; who leaves the queue, and how. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "locks.h"

/* A lock comes and goes; every grant's token is above all others, of whatever lock. */
static void tokens(const struct world *w)
{
	const char *const name[] = { own("tok-a"), own("tok-b") };
	struct consensus_lock_acquire a;
	uint64_t before = 0, index = 0;
	bool rise = true, ahead = true;
	int i, fd, error = 0;

	for (i = 0; i < 40 && !error; i++) {
		fd = i % 3 == 2 ? w->other : w->fd;
		error = lk_acquire(fd, name[i % 2], i % 5 ? 0 : CONSENSUS_LOCK_SHARED, 30 * SEC,
				   &a);
		rise &= a.token > before;
		ahead &= a.op.index > index;
		before = a.token;
		index = a.op.index;
		if (!error)
			error = lk_release(fd, name[i % 2], a.token);
	}
	is_errno(error, 0, "40 times locked and released, by two nodes");
	ok(rise, "the tokens of all grants rise, whatever the lock");
	ok(ahead, "so do their places in the one order");
}

static void fields(int fd)
{
	struct consensus_lock_acquire a = lk_good_acquire(own("fields"), 0);

	a.cookie = 0x1234567890abcdefULL;
	is_errno(call(fd, CONSENSUS_IOC_LOCK_ACQUIRE, &a), 0, "a free lock is granted at once");
	ok(a.token && a.ticket && a.op.index && !a.op.status, "with token, ticket and index");
	ok(a.lease_ns > 0 && a.lease_ns <= 600 * SEC, "and a lease of %llu ms",
	   (unsigned long long)a.lease_ns / 1000000);
	ok(a.cookie == 0x1234567890abcdefULL && !a.info && !a.zero, "the rest is as it was");
	is_errno(lk_acquire(fd, own("fields"), 0, SEC, NULL), EDEADLK, "again: EDEADLK");
	is_errno(lk_acquire(fd, own("fields"), CONSENSUS_LOCK_SHARED, SEC, NULL), EDEADLK,
		 "shared, beside: EDEADLK");
	is_errno(lk_acquire(fd, own("fields"), CONSENSUS_LOCK_TRY, SEC, NULL), EDEADLK,
		 "with TRY: EDEADLK");
	is_errno(lk_release(fd, own("fields"), a.token), 0, "it is released");
	ok(is_gone(fd, own("fields")), "and nothing is left of it");
}

/* Release needs the token, of this handle (pitfall 66). */
static void release_needs(const struct world *w)
{
	struct consensus_lock_release r;
	uint64_t old = must_take(w->fd, own("needs"), 0), token;

	is_errno(lk_release(w->other, own("needs"), old), EPERM, "another's token: EPERM");
	is_errno(lk_release(w->fd, own("needs"), old + 1), EPERM, "a wrong token: EPERM");
	is_errno(lk_release(w->fd, own("needs-not"), old), EPERM, "of another lock: EPERM");
	is_errno(lk_leave(w->fd, own("needs"), 1), EPERM, "a ticket that is none: EPERM");
	is_errno(lk_release(w->fd, own("needs"), old), 0, "its own");
	is_errno(lk_release(w->fd, own("needs"), old), EPERM, "twice: EPERM");
	token = must_take(w->fd, own("needs"), 0);
	is_errno(lk_release(w->fd, own("needs"), old), EPERM, "an old token frees no new holder");
	is_errno(lk_check(w->fd, own("needs"), token), 0, "who still holds it");
	r = lk_good_release(own("needs"), token);
	r.ticket = 1;
	is_errno(call(w->fd, CONSENSUS_IOC_LOCK_RELEASE, &r), EPERM, "with a wrong ticket: EPERM");
	is_errno(lk_release(w->fd, own("needs"), token), 0, "and is released");
}

static void try_and_shared(const struct world *w)
{
	const char *name = own("shared");
	uint64_t a = must_take(w->fd, name, CONSENSUS_LOCK_SHARED), b, ticket;
	struct consensus_event e;
	int third = handle();

	b = must_take(w->other, name, CONSENSUS_LOCK_SHARED);
	ok(a && b > a, "two share a lock");
	is_errno(lk_acquire(third, name, CONSENSUS_LOCK_TRY, 30 * SEC, NULL), EAGAIN,
		 "exclusive, with TRY: EAGAIN");
	ticket = must_queue(third, name, 0, 1);
	is_errno(lk_release(w->fd, name, a), 0, "one of both leaves");
	is_errno(lk_acquire(w->fd, name, CONSENSUS_LOCK_TRY | CONSENSUS_LOCK_SHARED, 30 * SEC,
			    NULL), EAGAIN,
		 "nobody overtakes who waits for it alone: EAGAIN");
	is_errno(lk_event(third, &e, 200), ETIMEDOUT, "who waits for the other one");
	is_errno(lk_release(w->other, name, b), 0, "that one leaves, too");
	ok(await_event(third, CONSENSUS_EVENT_GRANTED, &e) && e.ticket == ticket && e.token > b,
	   "now it is granted");
	is_errno(lk_acquire(w->fd, name, CONSENSUS_LOCK_TRY | CONSENSUS_LOCK_SHARED, 30 * SEC,
			    NULL), EAGAIN,
		 "an exclusive holder is alone: EAGAIN");
	is_errno(lk_release(third, name, e.token), 0, "it is released");
	ok(is_gone(w->fd, name), "and nothing is left of it");
	close(third);
}

/* First come, first served: 20 handles in turn of two nodes, every fifth shared (pitfall 68). */
static void in_order(const struct world *w)
{
	enum { N = 20 };
	const char *name = own("fifo");
	uint64_t before = must_take(w->fd, name, 0);
	struct consensus_event e;
	int fd[N], i;
	bool order = before != 0;

	for (i = 0; i < N; i++) {
		fd[i] = i % 2 ? lk_open(w->netns, 2) : handle();
		order &= must_queue(fd[i], name, i % 5 == 4 ? CONSENSUS_LOCK_SHARED : 0, 0) > 0;
	}
	lk_release(w->fd, name, before);
	for (i = 0; i < N; i++) {
		bool mine = await_event(fd[i], CONSENSUS_EVENT_GRANTED, &e);

		order &= mine && e.token > before;
		order &= i == N - 1 || lk_poll(fd[i + 1], 0) == 0;
		before = e.token;
		order &= mine && !lk_release(fd[i], name, e.token);
		close(fd[i]);
	}
	ok(order, "20 who wait are served in the order in which they came");
}

/* What a grant tells: that the holder before died, that others wait. */
static void told(const struct world *w)
{
	const char *name = own("told");
	struct consensus_lock_acquire a;
	struct consensus_event e;
	int dying = handle(), waiting = handle();

	must_take(dying, name, 0);
	close(dying);
	is_errno(lk_acquire(w->fd, name, 0, 30 * SEC, &a), 0, "a holder's file is closed");
	ok(a.info & CONSENSUS_GRANT_DIED, "the next one is told that it died");
	lk_release(w->fd, name, a.token);
	is_errno(lk_acquire(w->other, name, 0, 30 * SEC, &a), 0, "another one gave it back");
	ok(!(a.info & CONSENSUS_GRANT_DIED), "the next one is not told that it died");
	must_queue(w->fd, name, 0, 1);
	must_queue(waiting, name, 0, 2);
	lk_release(w->other, name, a.token);
	ok(await_event(w->fd, CONSENSUS_EVENT_GRANTED, &e) && e.info & CONSENSUS_GRANT_WANTED,
	   "who is granted while others wait is told so");
	lk_release(w->fd, name, e.token);
	ok(await_event(waiting, CONSENSUS_EVENT_GRANTED, &e) && !(e.info & CONSENSUS_GRANT_WANTED),
	   "the last one is not");
	close(waiting);
	is_gone(w->fd, name);
}

void test_grants(const struct world *w)
{
	tokens(w);
	fields(w->fd);
	release_needs(w);
	try_and_shared(w);
	in_order(w);
	told(w);
}

/* ---- who leaves the queue ---- */

static void on_alarm(int number)
{
	(void)number;
}

static void alarm_in(long us)
{
	struct itimerval t = { .it_value = { 0, us } };

	setitimer(ITIMER_REAL, &t, NULL);
}

/* The kernel counts ticks, which lag behind its clock where a CPU was held up. */
static void never_early(const struct world *w, const char *name)
{
	uint64_t begin, took, least = UINT64_MAX;
	int i, error = ETIMEDOUT;

	for (i = 0; i < 300 && error == ETIMEDOUT; i++) {
		begin = now_ns();
		error = lk_acquire(w->fd, name, 0, SEC / 200, NULL);
		took = now_ns() - begin;
		if (took < least)
			least = took;
	}
	is_errno(error, ETIMEDOUT, "300 waits of 5 ms");
	ok(least >= SEC / 200, "the shortest of them took %llu us",
	   (unsigned long long)least / 1000);
}

static void timed(const struct world *w)
{
	const char *name = own("timed");
	uint64_t token = must_take(w->other, name, 0), begin;

	begin = now_ns();
	is_errno(lk_acquire(w->fd, name, 0, SEC / 5, NULL), ETIMEDOUT, "a wait ends by its deadline");
	ok(now_ns() - begin >= SEC / 5 && now_ns() - begin < 20 * SEC, "after %llu ms of 200",
	   (unsigned long long)(now_ns() - begin) / 1000000);
	never_early(w, name);
	ok(lk_list(w->fd, name, NULL, 0) == 1, "and has left the queue when it returns");
	is_errno(lk_acquire(w->fd, name, 0, 1, NULL), ETIMEDOUT, "a deadline of 1 ns");
	is_errno(lk_release(w->other, name, token), 0, "the holder leaves");
	ok(is_gone(w->other, name), "nobody has it who gave up");
}

static void interrupted(const struct world *w)
{
	static const int flags[] = { 0, SA_RESTART };
	const char *name = own("interrupted");
	uint64_t token = must_take(w->other, name, 0);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct sigaction s = { .sa_handler = on_alarm, .sa_flags = flags[i] };

		sigaction(SIGALRM, &s, NULL);
		alarm_in(100000);
		is_errno(lk_acquire(w->fd, name, 0, CONSENSUS_NO_TIMEOUT, NULL), EINTR,
			 "a signal ends a wait without limit%s", i ? " (SA_RESTART)" : "");
		ok(lk_list(w->fd, name, NULL, 0) == 1, "and it has left the queue when it returns");
	}
	lk_release(w->other, name, token);
	ok(is_gone(w->other, name), "nobody has it who was interrupted");
}

static int waits_for_ever(void *arg)
{
	int fd = handle();

	lk_acquire(fd, arg, 0, CONSENSUS_NO_TIMEOUT, NULL);
	return 0;
}

struct thread {
	pthread_t id;
	const char *name;
	int fd, error;
	uint64_t token, timeout_ns;
};

static void *wait_in_thread(void *arg)
{
	struct consensus_lock_acquire a;
	struct thread *t = arg;

	t->error = lk_acquire(t->fd, t->name, 0, t->timeout_ns, &a);
	t->token = a.token;
	return NULL;
}

/* A process of eight threads that all wait through one handle. */
static int waits_eightfold(void *arg)
{
	static char names[8][CONSENSUS_NAME_SIZE];
	struct thread t[8];
	int i, fd = handle();

	for (i = 0; i < 8; i++) {
		snprintf(names[i], sizeof(names[0]), "%.50s-%d", (const char *)arg, i);
		t[i] = (struct thread){ .name = names[i], .fd = fd,
					.timeout_ns = CONSENSUS_NO_TIMEOUT };
		pthread_create(&t[i].id, NULL, wait_in_thread, &t[i]);
	}
	for (i = 0; i < 8; i++)
		pthread_join(t[i].id, NULL);
	return 0;
}

static pid_t forked(int (*child)(void *arg), void *arg)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(child(arg));
	return pid;
}

static void kill_and_bury(pid_t pid, const char *who)
{
	uint64_t begin = now_ns();

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ok(now_ns() - begin < 15 * SEC, "%s dies within %llu ms", who,
	   (unsigned long long)(now_ns() - begin) / 1000000);
}

static void killed(const struct world *w)
{
	const char *name = own("killed");
	uint64_t token = must_take(w->other, name, 0), held[8];
	char names[8][CONSENSUS_NAME_SIZE];
	pid_t pid = forked(waits_for_ever, (void *)(uintptr_t)name);
	bool all = true;
	int i;

	ok(there_are(w->other, name, 2), "a process waits");
	kill_and_bury(pid, "who waits");
	ok(there_are(w->other, name, 1), "and leaves the queue");
	lk_release(w->other, name, token);
	for (i = 0; i < 8; i++) {
		snprintf(names[i], sizeof(names[0]), "%.50s-%d", name, i);
		held[i] = must_take(w->other, names[i], 0);
	}
	pid = forked(waits_eightfold, (void *)(uintptr_t)name);
	for (i = 0; i < 8; i++)
		all &= there_are(w->other, names[i], 2);
	ok(all, "eight threads wait through one handle");
	kill_and_bury(pid, "their process");
	for (i = 0; i < 8; i++) {
		all &= there_are(w->other, names[i], 1);
		lk_release(w->other, names[i], held[i]);
		all &= is_gone(w->other, names[i]);
	}
	ok(all, "and all eight leave their queues, and hold nothing");
}

/* The file is closed under a call that waits: it goes on, and what it gets goes at its end. */
static void closed_under(const struct world *w)
{
	const char *name = own("closed");
	struct thread t = { .name = name, .fd = handle(), .timeout_ns = 60 * SEC };
	uint64_t token = must_take(w->other, name, 0);

	pthread_create(&t.id, NULL, wait_in_thread, &t);
	ok(there_are(w->other, name, 2), "a thread waits");
	close(t.fd);
	sleep_ms(100);
	lk_release(w->other, name, token);
	pthread_join(t.id, NULL);
	ok(!t.error && t.token, "its file is closed by another one: the call goes on, and is granted");
	ok(is_gone(w->other, name), "with the call the last one who has the file ends: released");
}

/* One handle, two threads, one lock: the second is refused while the first one waits. */
static void twice_at_once(const struct world *w)
{
	const char *name = own("twice");
	struct thread t = { .name = name, .fd = handle(), .timeout_ns = 60 * SEC };
	uint64_t token = must_take(w->other, name, 0);

	pthread_create(&t.id, NULL, wait_in_thread, &t);
	ok(there_are(w->other, name, 2), "a thread waits");
	is_errno(lk_acquire(t.fd, name, 0, SEC, NULL), EDEADLK, "the same handle waits again: EDEADLK");
	is_errno(lk_acquire(t.fd, own("twice-2"), 0, 30 * SEC, NULL), 0,
		 "for another lock it need not");
	lk_release(w->other, name, token);
	pthread_join(t.id, NULL);
	is_errno(t.error, 0, "the first one is granted");
	close(t.fd);
	ok(is_gone(w->other, name) && is_gone(w->other, own("twice-2")), "one close releases both");
}

void test_waits(const struct world *w)
{
	timed(w);
	interrupted(w);
	killed(w);
	closed_under(w);
	twice_at_once(w);
}
