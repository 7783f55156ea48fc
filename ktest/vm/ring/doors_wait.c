// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays that wait: deadlines, signals, no quorum. Throughout, what has status 0 has
 * happened, and nothing else has, but for what says that it may have.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "doors.h"

static void on_signal(int number)
{
	(void)number;
}

static void catch_alarm(int flags)
{
	struct sigaction s = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(SIGALRM, &s, NULL);
}

/* One, after @us microseconds; 0: none. */
static void alarm_in(long us)
{
	struct itimerval t = { .it_value = { us / 1000000, us % 1000000 } };

	setitimer(ITIMER_REAL, &t, NULL);
}

static void alarms_every(long us)
{
	struct itimerval t = { { us / 1000000, us % 1000000 }, { us / 1000000, us % 1000000 } };

	setitimer(ITIMER_REAL, &t, NULL);
}

/* ---- signals ---- */

/* What had happened stays, who waited is told so, and the call itself answers. */
static void cut_short(struct gate *g, const struct world *w, int flags)
{
	const char *name = fresh("cut-short"), *lock = fresh("cut-short");
	uint64_t token = take(w->other, lock, 0), begin = now_ns();
	struct bunch *b = bunch_begin();

	catch_alarm(flags);
	bunch_add(b, name, 60 * SEC);
	bunch_acquire(b, lock, 0, CONSENSUS_NO_TIMEOUT);
	bunch_add(b, name, 60 * SEC);
	alarm_in(300000 * (long)w->slow);
	want(g, bunch_run(g, b), 0, "array that a signal meets (flags %#x)", (unsigned int)flags);
	alarm_in(0);
	that(g, ms_since(begin) < 30000, "it ends after %llu ms",
	     (unsigned long long)ms_since(begin));
	want(g, -b->s[0].op.status, 0, "signal: the first addition");
	want(g, -b->s[1].op.status, EINTR, "signal: who waits for a lock");
	want(g, -b->s[2].op.status, 0, "signal: the last addition");
	same(g, b->a.failed, 1, "signal: .failed");
	same(g, value_of(w->fd, name), 2, "signal: the counter");
	that(g, there_are(w->fd, lock, 1), "signal: who waited has left the queue");
	lk_release(w->other, lock, token);
}

enum { SHOWERS = 16, WET = 4, DROPS = 60 };

/*
 * Additions, and some who wait for what they cannot have: a signal at @us ends it, so
 * that it meets them at any time.
 */
static const struct bunch *one_shower(struct gate *g, const char *name,
				      const char *const lock[WET], long us)
{
	struct bunch *b = bunch_begin();
	unsigned int n;

	for (n = 0; n < DROPS; n++) {
		bunch_add(b, name, 60 * SEC);
		if (n % (DROPS / WET) == 0)
			bunch_acquire(b, lock[n / (DROPS / WET)], 0, CONSENSUS_NO_TIMEOUT);
	}
	alarms_every(us);
	want(g, bunch_run(g, b), 0, "array in the rain");
	alarms_every(0);
	same(g, b->a.failed, b->a.count - bunch_count(b, 0), "in the rain: .failed");
	for (n = 0; n < b->a.count; n++) {
		if (b->e[n].call == CONSENSUS_IOC_LOCK_ACQUIRE)
			want(g, -b->s[n].op.status, EINTR, "in the rain: who waits");
	}
	return b;
}

/* Signals meet arrays at any time; what happened is counted. */
static void rain(struct gate *g, const struct world *w)
{
	const char *const lock[WET] = { fresh("wet"), fresh("wet"), fresh("wet"), fresh("wet") };
	unsigned int i, sure = 0, maybe = 0, not = 0;
	uint64_t seed = 88172645463325252ULL, value, token[WET];
	const char *name = fresh("rain");

	catch_alarm(0);
	for (i = 0; i < WET; i++)
		token[i] = take(w->fd, lock[i], 0);
	for (i = 0; i < SHOWERS; i++) {
		const struct bunch *b = one_shower(g, name, lock, 100 + (long)(random_next(&seed) %
									      (5000 * w->slow)));

		sure += bunch_count(b, 0);
		not += bunch_count(b, EINTR) - WET;
		maybe += bunch_count(b, ENOTRECOVERABLE);
	}
	same(g, sure + not + maybe, SHOWERS * DROPS, "in the rain: 0, EINTR or ENOTRECOVERABLE");
	value = value_of(w->fd, name);
	that(g, value >= sure && value <= sure + maybe,
	     "in the rain: the counter is %llu: %u happened, %u may have",
	     (unsigned long long)value, sure, maybe);
	note("rain: %u happened, %u did not, %u unknown", sure, not, maybe);
	for (i = 0; i < WET; i++) {
		that(g, there_are(w->fd, lock[i], 1), "in the rain: who waited has left the queue");
		lk_release(w->fd, lock[i], token[i]);
	}
}

void test_signals(const struct world *w)
{
	struct gate g;
	int fd = handle();

	gate_open(&g, door_named("ioctl"), fd);
	cut_short(&g, w, 0);
	cut_short(&g, w, SA_RESTART);
	ok(!g.faults, "a signal ends what waits, and nothing else");
	g.faults = 0;
	rain(&g, w);
	ok(!g.faults, "exactly what says so has happened");
	close(fd);
}

/* ---- deadlines ---- */

/* Each has its own; the array ends with the last. */
static void each_its_own(struct gate *g, const struct world *w)
{
	const char *const lock[] = { fresh("late"), fresh("late"), fresh("late") };
	uint64_t token[3], begin, took;
	struct bunch *b = bunch_begin();
	unsigned int i;

	for (i = 0; i < 3; i++)
		token[i] = take(w->other, lock[i], 0);
	bunch_acquire(b, lock[0], 0, SEC / 2);
	bunch_acquire(b, lock[1], 0, SEC / 10);
	bunch_add(b, fresh("late"), 30 * SEC);
	bunch_acquire(b, lock[2], CONSENSUS_LOCK_ASYNC, 30 * SEC);
	begin = now_ns();
	want(g, bunch_run(g, b), 0, "array of deadlines");
	took = ms_since(begin);
	that(g, took >= 500 && took < 20000, "it ends after %llu ms of 500",
	     (unsigned long long)took);
	want(g, -b->s[0].op.status, ETIMEDOUT, "deadline of 500 ms");
	want(g, -b->s[1].op.status, ETIMEDOUT, "deadline of 100 ms");
	want(g, -b->s[2].op.status, 0, "an addition beside them");
	want(g, -b->s[3].op.status, 0, "a ticket beside them");
	that(g, there_are(w->fd, lock[0], 1) && there_are(w->fd, lock[1], 1),
	     "who was late has left the queue");
	want(g, lk_leave(g->fd, lock[2], b->s[3].acquire.ticket), 0, "leave with that ticket");
	for (i = 0; i < 3; i++)
		lk_release(w->other, lock[i], token[i]);
}

/* Deadlines that are over before they begin, or soon. */
static void hurried(struct gate *g, const struct world *w)
{
	const char *name = fresh("hurried");
	unsigned int i, n, sure = 0, maybe = 0, not = 0;
	uint64_t seed = 1234567, value;

	for (n = 0; n < 8; n++) {
		struct bunch *b = bunch_begin();

		for (i = 0; i < 32; i++)
			bunch_add(b, name,
				  1 + (random_next(&seed) >> (38 + random_next(&seed) % 26)));
		want(g, bunch_run(g, b), 0, "array in a hurry");
		sure += bunch_count(b, 0);
		not += bunch_count(b, ETIMEDOUT);
		maybe += bunch_count(b, ENOTRECOVERABLE);
	}
	same(g, sure + not + maybe, n * 32ULL, "hurry: 0, ETIMEDOUT or ENOTRECOVERABLE");
	value = value_of(w->fd, name);
	that(g, value >= sure && value <= sure + maybe, "hurry: the counter is %llu: %u happened, %u may have",
	     (unsigned long long)value, sure, maybe);
}

/* An array in which one waits, and is granted when another program lets go. */
static void granted_late(struct gate *g, const struct world *w)
{
	const char *name = fresh("granted");
	struct later l = { .fd = w->fd, .name = name, .waiters = 2 };
	struct bunch *b = bunch_begin();

	l.token = take(w->fd, name, 0);
	bunch_add(b, fresh("granted"), 30 * SEC);
	bunch_acquire(b, name, 0, 60 * SEC);
	release_later(&l);
	want(g, bunch_run(g, b), 0, "array that waits for a lock");
	release_awaited(g, &l);
	want(g, -b->s[1].op.status, 0, "who waits");
	that(g, b->s[1].acquire.token > l.token, "has a token above the one before");
	want(g, lk_release(g->fd, name, b->s[1].acquire.token), 0, "release by ioctl");
}

/* What a ring may not wait for is refused entry by entry. */
static void too_long(struct gate *g, const struct world *w)
{
	bool uring = g->door->kind == DOOR_URING;
	const char *name = fresh("too-long");
	struct bunch *b = bunch_begin();
	unsigned int i;

	bunch_add(b, name, CONSENSUS_NO_TIMEOUT);
	bunch_add(b, name, CONSENSUS_URING_TIMEOUT_MAX + 1);
	bunch_add(b, name, CONSENSUS_URING_TIMEOUT_MAX);
	want(g, bunch_run(g, b), 0, "array of long deadlines");
	for (i = 0; i < 3; i++)
		want(g, -b->s[i].op.status, uring && i < 2 ? EINVAL : 0, "deadline %u", i);
	same(g, value_of(w->fd, name), uring ? 1 : 3, "the counter");
}

static void timeouts_by(const struct world *w, const char *door)
{
	struct gate g;
	int fd = handle();

	if (!is_errno(gate_open(&g, door_named(door), fd), 0, "%s: opens", door))
		return;
	each_its_own(&g, w);
	hurried(&g, w);
	granted_late(&g, w);
	too_long(&g, w);
	ok(!g.faults, "arrays whose entries have deadlines, by %s", door);
	gate_close(&g);
	close(fd);
}

void test_timeouts(const struct world *w)
{
	timeouts_by(w, "ioctl");
	timeouts_by(w, "uring");
	timeouts_by(w, "uring async");
	timeouts_by(w, "uring sqpoll");
}

/* ---- no quorum ---- */

static void unreachable(struct gate *g, const char *name)
{
	struct bunch *b = bunch_begin();
	uint64_t begin = now_ns(), took;
	unsigned int i;

	for (i = 0; i < 16; i++) {
		if (i % 4 == 1)
			bunch_read(b, name, 0, SEC / 2);
		else if (i % 4 == 2)
			bunch_acquire(b, fresh("unreachable"), 0, SEC / 2);
		else
			bunch_add(b, name, SEC / 2);
	}
	bunch_read(b, name, CONSENSUS_READ_LOCAL, SEC);
	want(g, bunch_run(g, b), 0, "array without a quorum");
	took = ms_since(begin);
	that(g, took >= 500 && took < 5000, "it ends after %llu ms of 500",
	     (unsigned long long)took);
	for (i = 0; i < 16; i++)
		want(g, -b->s[i].op.status, EHOSTUNREACH, "no quorum: entry %u", i);
	want(g, -b->s[16].op.status, 0, "no quorum: a local read");
	same(g, b->a.failed, 16, "no quorum: .failed");
}

/* All of it had not happened when the signal came. */
static void interrupted(struct gate *g, const char *name)
{
	struct bunch *b = bunch_begin();
	unsigned int i;

	for (i = 0; i < 16; i++)
		bunch_add(b, name, CONSENSUS_NO_TIMEOUT);
	catch_alarm(SA_RESTART);
	alarm_in(200000);
	want(g, bunch_run(g, b), 0, "array without a quorum that a signal meets");
	same(g, bunch_count(b, EINTR), 16, "no quorum: interrupted");
}

static void await_no_leader(int fd)
{
	struct consensus_counter_read r;
	uint64_t end = now_ns() + 60 * SEC;
	int error;

	do {
		r = good_read("nothing", 0);
		r.op.timeout_ns = SEC / 5;
		error = call(fd, CONSENSUS_IOC_COUNTER_READ, &r);
	} while (error != EHOSTUNREACH && now_ns() < end);
}

void test_quorum(const struct world *w)
{
	static const char *const by[] = { "ioctl", "uring", "uring async" };
	const char *name = fresh("quorum");
	unsigned int i;
	int fd = handle();
	struct untold u;
	struct gate g;

	if (!w->cut || !w->heal) {
		skip("no --cut and --heal", "arrays without a quorum");
		return;
	}
	is_errno(add(fd, name, 1, 30 * SEC, NULL), 0, "a counter");
	hook(w->cut);
	await_no_leader(fd);
	for (i = 0; i < sizeof(by) / sizeof(by[0]); i++) {
		if (!is_errno(gate_open(&g, door_named(by[i]), fd), 0, "%s: opens", by[i]))
			continue;
		unreachable(&g, name);
		if (!i)
			interrupted(&g, name);
		ok(!g.faults, "arrays without a quorum, by %s", by[i]);
		gate_close(&g);
	}
	without_room();
	u = untold_begin(fd);
	hook(w->heal);
	untold_end(&u, fd);
	is_errno(add(fd, name, 1, 60 * SEC, NULL), 0, "healed: the same handle goes on");
	ok(value_of(fd, name) == 2, "nothing of it had happened");
	close(fd);
}
