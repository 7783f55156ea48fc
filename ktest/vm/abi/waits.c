// SPDX-License-Identifier: GPL-2.0
/*
 * Time, signals and death. Throughout, one sum is kept: every call that
 * returned success counts; every one whose outcome is unknown (ENOTRECOVERABLE,
 * or a caller that was killed) may count; none that failed otherwise does.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi.h"
#include "ct.h"

/**
 * struct account - of a counter
 * @name: which
 * @sure: successes
 * @open: of unknown outcome
 */
struct account {
	const char *name;
	uint64_t sure, open;
};

static int book(struct account *a, int error)
{
	if (!error)
		a->sure++;
	else if (error == ENOTRECOVERABLE)
		a->open++;
	return error;
}

static void settle(int fd, const struct account *a)
{
	uint64_t value = value_of(fd, a->name);

	note("%s: %llu, of which %llu certain; %llu open", a->name, (unsigned long long)value,
	     (unsigned long long)a->sure, (unsigned long long)a->open);
	ok(value >= a->sure && value <= a->sure + a->open,
	   "%s: successes happened once, failures never", a->name);
}

static const int cut_off[] = { ETIMEDOUT, EHOSTUNREACH, ENOTRECOVERABLE, -1 };
static const int hurried[] = { 0, ETIMEDOUT, EHOSTUNREACH, ENOTRECOVERABLE, -1 };
static const int signalled[] = { EINTR, ENOTRECOVERABLE, -1 };

/* ---- with a quorum ---- */

static void tiny_timeouts(int fd)
{
	struct account a = { .name = own("abi-tiny") };
	uint64_t state = 88172645463325252ULL, begin = now_ns();
	bool all = true;
	int i;

	is_one_of(book(&a, add(fd, a.name, 1, 1, NULL)), hurried, "a timeout of 1 ns");
	for (i = 0; i < 500; i++) {
		/* 1 ns to 4 ms, evenly over the magnitudes */
		uint64_t ns = 1 + (random_next(&state) >> (42 + random_next(&state) % 22));
		int error = book(&a, add(fd, a.name, 1, ns, NULL));

		all &= !error || error == ETIMEDOUT || error == EHOSTUNREACH ||
		       error == ENOTRECOVERABLE;
		if (error == ENOTRECOVERABLE && now_ns() - begin > 60 * SEC)
			break;
	}
	ok(all, "%d tiny timeouts", i);
	settle(fd, &a);
}

static void *patient(void *arg)
{
	struct account *a = arg;
	int i, fd = open_device(O_RDWR);

	for (i = 0; i < 300; i++)
		book(a, add(fd, a->name, 1, 30 * SEC, NULL));
	close(fd);
	return NULL;
}

static void on_signal(int number)
{
	(void)number;
}

static void catch_alarms(int flags)
{
	struct sigaction s = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(SIGALRM, &s, NULL);
}

static void alarms_every(long us)
{
	struct itimerval t = { { 0, us }, { 0, us } };

	setitimer(ITIMER_REAL, &t, NULL);
}

/* Signals rain on a process whose threads count. */
static void rain(int fd)
{
	struct account a[3] = {
		{ .name = own("abi-rain-0") },
		{ .name = own("abi-rain-1") },
		{ .name = own("abi-rain-2") },
	};
	pthread_t thread[3];
	sigset_t alarms;
	int i;

	catch_alarms(SA_RESTART);
	alarms_every(2000);
	for (i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, patient, &a[i]);
	/* so that they hit the others */
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarms, NULL);
	for (i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	alarms_every(0);
	pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
	for (i = 0; i < 3; i++)
		settle(fd, &a[i]);
}

/* Processes that count are killed at any moment; what they report is a lower bound. */
static void killed_callers(int fd)
{
	uint64_t state = 4101842887655102017ULL, sure = 0, value;
	int i, pipe_fd[2], rounds = 40;
	char byte;

	own("abi-killed");	/* the children shall have the same */
	if (pipe(pipe_fd))
		bail("pipe: %s", strerror(errno));
	for (i = 0; i < rounds; i++) {
		pid_t pid = fork();

		if (!pid) {
			int mine = open_device(O_RDWR);

			while (!add(mine, own("abi-killed"), 1, 30 * SEC, NULL)) {
				if (write(pipe_fd[1], "x", 1) != 1)
					break;
			}
			_exit(1);
		}
		sleep_ms(1 + (unsigned int)(random_next(&state) % 60));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	close(pipe_fd[1]);
	while (read(pipe_fd[0], &byte, 1) == 1)
		sure++;
	close(pipe_fd[0]);
	value = value_of(fd, own("abi-killed"));
	note("%llu told, %llu counted", (unsigned long long)sure, (unsigned long long)value);
	/* each may have died between an increment and telling it */
	ok(value >= sure && value <= sure + (uint64_t)rounds,
	   "callers that are killed leave at most their last call behind");
}

/* ---- without a quorum ---- */

static uint64_t took_ms(uint64_t begin)
{
	return (now_ns() - begin) / 1000000;
}

static void await_no_leader(int fd)
{
	uint64_t end = now_ns() + 60 * SEC;

	while (get(fd, "abi-begin", 0, NULL) == 0 && now_ns() < end)
		sleep_ms(100);
}

static void deadlines(int fd, struct account *a)
{
	struct consensus_counter_read r = good_read("abi-begin", 0);
	uint64_t begin = now_ns(), value;

	is_one_of(book(a, add(fd, a->name, 1, SEC / 2, NULL)), cut_off, "no quorum: add ends by its deadline");
	ok(took_ms(begin) >= 400 && took_ms(begin) < 30000, "no quorum: after %llu ms of 500",
	   (unsigned long long)took_ms(begin));
	is_one_of(book(a, add(fd, a->name, 1, 1, NULL)), cut_off, "no quorum: a timeout of 1 ns");
	r.op.timeout_ns = SEC / 2;
	is_one_of(call(fd, CONSENSUS_IOC_COUNTER_READ, &r), cut_off, "no quorum: a linearizable read ends by its deadline");
	ok(r.op.status != -ENOTRECOVERABLE, "no quorum: a read's outcome is never unknown");
	r = good_read("abi-begin", CONSENSUS_READ_INDEX);
	r.op.index = UINT64_MAX;
	r.op.timeout_ns = SEC / 5;
	is_one_of(call(fd, CONSENSUS_IOC_COUNTER_READ, &r), cut_off, "no quorum: a read of the far future ends by its deadline");
	begin = now_ns();
	is_errno(get(fd, "abi-begin", CONSENSUS_READ_LOCAL, &value), 0, "no quorum: a local read");
	ok(took_ms(begin) < 10000, "no quorum: and at once");
}

static void signals(int fd, struct account *a)
{
	static const int flags[] = { 0, SA_RESTART };
	uint64_t begin;
	int i;

	for (i = 0; i < 2; i++) {
		catch_alarms(flags[i]);
		alarms_every(100000);
		begin = now_ns();
		is_one_of(book(a, add(fd, a->name, 1, CONSENSUS_NO_TIMEOUT, NULL)), signalled,
			  "no quorum: a signal ends an add without limit%s", i ? " (SA_RESTART)" : "");
		ok(took_ms(begin) < 30000, "no quorum: after %llu ms",
		   (unsigned long long)took_ms(begin));
		begin = now_ns();
		is_errno(get(fd, "abi-begin", 0, NULL), EINTR, "no quorum: and a read%s",
			 i ? " (SA_RESTART)" : "");
		alarms_every(0);
	}
}

struct waiter {
	pthread_t thread;
	int fd, error;
	atomic_bool begun;
	uint64_t timeout_ns;
	const char *name;
};

static void *wait_adding(void *arg)
{
	struct waiter *w = arg;

	atomic_store(&w->begun, true);
	w->error = add(w->fd, w->name, 1, w->timeout_ns, NULL);
	return NULL;
}

/* Death is prompt, whether one thread waits or eight. */
static void killed_waiters(struct account *a, int threads)
{
	struct waiter w[8];
	uint64_t begin;
	pid_t pid = fork();
	int i;

	if (!pid) {
		for (i = 0; i < threads; i++) {
			w[i] = (struct waiter){ .fd = open_device(O_RDWR), .name = a->name,
						.timeout_ns = CONSENSUS_NO_TIMEOUT };
			pthread_create(&w[i].thread, NULL, wait_adding, &w[i]);
		}
		pthread_join(w[0].thread, NULL);
		_exit(0);
	}
	sleep_ms(300);
	ok(waitpid(pid, NULL, WNOHANG) == 0, "no quorum: %d wait", threads);
	begin = now_ns();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ok(took_ms(begin) < 15000, "no quorum: %d waiters die within %llu ms", threads,
	   (unsigned long long)took_ms(begin));
	a->open += (uint64_t)threads;
}

static void closed_under_waiter(struct account *a)
{
	struct waiter w = { .fd = open_device(O_RDWR), .timeout_ns = 5 * SEC, .name = a->name };
	uint64_t begin;

	pthread_create(&w.thread, NULL, wait_adding, &w);
	while (!atomic_load(&w.begun))
		sleep_ms(1);
	sleep_ms(200);
	begin = now_ns();
	close(w.fd);
	ok(took_ms(begin) < 4000, "no quorum: close() does not wait for a call on the handle");
	pthread_join(w.thread, NULL);
	is_one_of(book(a, w.error), cut_off, "no quorum: which ends by its own deadline");
}

static void without_quorum(int fd, const struct hooks *h)
{
	struct account a = { .name = own("abi-cut") };
	uint64_t end, value;

	book(&a, add(fd, a.name, 1, 30 * SEC, NULL));
	hook(h->cut);
	await_no_leader(fd);
	deadlines(fd, &a);
	signals(fd, &a);
	killed_waiters(&a, 1);
	killed_waiters(&a, 8);
	closed_under_waiter(&a);
	hook(h->heal);
	end = now_ns() + 60 * SEC;
	while (now_ns() < end && add(fd, own("abi-healed"), 1, SEC, &value))
		sleep_ms(50);
	is_errno(add(fd, own("abi-healed"), 1, 30 * SEC, &value), 0, "healed: the same handle goes on");
	settle(fd, &a);
}

void test_waits(int fd, const struct hooks *h)
{
	tiny_timeouts(fd);
	rain(fd);
	killed_callers(fd);
	if (h->cut && h->heal)
		without_quorum(fd, h);
	else
		skip("no --cut and --heal", "without a quorum");
}
