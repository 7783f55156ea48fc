// SPDX-License-Identifier: GPL-2.0
/*
 * Threads and forked children, each by a door of its own, on one handle or on several.
 * Every addition has a witness: its value, which no other may have, and of which none is
 * missing in the end.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doors.h"

enum {
	THREADS = 8,
	DEPTH = 8,		/* additions under way of a thread */
	ROUNDS = 3,
	PLACES = THREADS * DEPTH * ROUNDS + 1,
	WAIT_MS = 120000,
};

/**
 * struct crowd - who counts together, in memory that children share
 * @name: the counter
 * @witness: how often each value was somebody's
 * @bad: calls that did not succeed
 * @added: that did
 */
struct crowd {
	const char *name;
	unsigned int witness[PLACES];
	unsigned int bad, added;
};

/**
 * struct one - of the crowd
 * @crowd: it
 * @door: by which it goes
 * @fd: its handle, which others may have
 * @ring: the ring to use; NULL: one of its own
 */
struct one {
	pthread_t id;
	struct crowd *crowd;
	const struct door *door;
	int fd;
	struct ring *ring;
};

static struct crowd *crowd_begin(void)
{
	struct crowd *c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			       -1, 0);

	if (c == MAP_FAILED)
		bail("mmap: %s", strerror(errno));
	c->name = fresh("crowd");
	return c;
}

/* One addition is over. */
static void witness(struct crowd *c, int res, const struct consensus_counter_add *a)
{
	if (res || a->op.status || !a->value || a->value >= PLACES) {
		note("crowd: res %d, status %d, value %llu", res, a->op.status,
		     (unsigned long long)a->value);
		__atomic_fetch_add(&c->bad, 1, __ATOMIC_RELAXED);
		return;
	}
	__atomic_fetch_add(&c->witness[a->value], 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&c->added, 1, __ATOMIC_RELAXED);
}

/* All that was added is there, once; @n is how many that should be. */
static void crowd_end(const struct world *w, struct crowd *c, unsigned int n, const char *what)
{
	unsigned int i, twice = 0, missing = 0;
	uint64_t value = value_of(w->other, c->name);

	for (i = 1; i < PLACES; i++) {
		twice += c->witness[i] > 1;
		missing += i <= value && !c->witness[i];
	}
	ok(!c->bad && c->added == n, "%s: %u of %u additions succeed", what, c->added, n);
	ok(value == c->added, "%s: the counter is %llu", what, (unsigned long long)value);
	ok(!twice && !missing, "%s: %u values twice, %u missing", what, twice, missing);
	munmap(c, sizeof(*c));
}

/* ---- one of them ---- */

static void by_ring(struct one *o, struct ring *r)
{
	int fd = o->door->sqe & IOSQE_FIXED_FILE ? 0 : o->fd;
	struct consensus_counter_add a[DEPTH];
	unsigned int i, round;
	struct ring_cqe c;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < DEPTH; i++) {
			a[i] = good_add(o->crowd->name);
			ring_put(r, fd, CONSENSUS_IOC_COUNTER_ADD, &a[i], i)->flags =
				(uint8_t)o->door->sqe;
		}
		ring_submit(r);
		for (i = 0; i < DEPTH; i++) {
			int error = ring_wait(r, &c, WAIT_MS);

			if (error)
				bail("%s: a completion: %s", o->door->name, strerror(error));
			witness(o->crowd, c.res, &a[c.user_data % DEPTH]);
		}
	}
}

static void by_array(struct one *o, struct gate *g)
{
	struct consensus_counter_add a[DEPTH];
	struct consensus_array_entry e[DEPTH];
	struct consensus_array array = { .count = DEPTH, .entries = (uintptr_t)e };
	struct gate plain = *g;
	struct door d = *g->door;
	unsigned int i, round;

	d.array = false;
	plain.door = &d;
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < DEPTH; i++) {
			a[i] = good_add(o->crowd->name);
			e[i] = (struct consensus_array_entry){
				.call = CONSENSUS_IOC_COUNTER_ADD, .argument = (uintptr_t)&a[i],
			};
		}
		if (gate_call(&plain, CONSENSUS_IOC_ARRAY, &array) || array.failed)
			note("%s: an array of which %u failed", d.name, array.failed);
		for (i = 0; i < DEPTH; i++)
			witness(o->crowd, 0, &a[i]);
		g->ring = plain.ring;
	}
}

static void by_ioctl(struct one *o)
{
	struct consensus_counter_add a;
	unsigned int i;
	int error;

	for (i = 0; i < ROUNDS * DEPTH; i++) {
		a = good_add(o->crowd->name);
		error = call(o->fd, CONSENSUS_IOC_COUNTER_ADD, &a);
		witness(o->crowd, -error, &a);
	}
}

static void *run_one(void *arg)
{
	struct one *o = arg;
	struct gate g;
	int error;

	if (o->ring) {
		by_ring(o, o->ring);
		return NULL;
	}
	error = gate_open(&g, o->door, o->fd);
	if (!is_errno(error, 0, "%s: opens in a thread", o->door->name))
		return NULL;
	if (o->door->array)
		by_array(o, &g);
	else if (o->door->kind == DOOR_IOCTL)
		by_ioctl(o);
	else
		by_ring(o, &g.ring);
	gate_close(&g);
	return NULL;
}

/* Without links and drains, which have rings of their own kind: one door for each. */
static const char *const mixture[THREADS] = {
	"ioctl", "array of one", "uring", "uring async", "uring sqpoll", "uring defer",
	"uring array of one", "uring sqe128 cqe32 async",
};

static void threads_of(const struct world *w, bool shared, bool mixed, const char *door)
{
	struct crowd *c = crowd_begin();
	struct one o[THREADS];
	char what[80];
	int i, fd = handle();

	snprintf(what, sizeof(what), "8 threads on %s, %s", shared ? "one handle" : "8 handles",
		 mixed ? "each by another door" : door);
	for (i = 0; i < THREADS; i++) {
		o[i] = (struct one){ .crowd = c, .fd = shared ? fd : handle(),
				     .door = door_named(mixed ? mixture[i] : door) };
		if (pthread_create(&o[i].id, NULL, run_one, &o[i]))
			bail("a thread: %s", strerror(errno));
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(o[i].id, NULL);
		if (!shared)
			close(o[i].fd);
	}
	close(fd);
	crowd_end(w, c, THREADS * DEPTH * ROUNDS, what);
}

/* Two rings of one thread, in turn, on one handle. */
static void two_rings(const struct world *w)
{
	struct consensus_counter_add a[2][DEPTH];
	struct crowd *c = crowd_begin();
	struct ring r[2];
	struct ring_cqe cqe;
	unsigned int i, k;

	for (k = 0; k < 2; k++) {
		if (!is_errno(ring_open(&r[k], DEPTH, 0, 0), 0, "two rings: ring %u", k))
			return;
		for (i = 0; i < DEPTH; i++) {
			a[k][i] = good_add(c->name);
			ring_put(&r[k], w->fd, CONSENSUS_IOC_COUNTER_ADD, &a[k][i], k * DEPTH + i);
		}
	}
	ring_submit(&r[0]);
	ring_submit(&r[1]);
	for (i = 0; i < 2 * DEPTH; i++) {
		k = !(i % 2);
		if (ring_wait(&r[k], &cqe, WAIT_MS))
			bail("two rings: no completion");
		if (cqe.user_data / DEPTH != k)
			ok(false, "two rings: a completion by the other one");
		witness(c, cqe.res, &a[k][cqe.user_data % DEPTH]);
	}
	ring_close(&r[0]);
	ring_close(&r[1]);
	crowd_end(w, c, 2 * DEPTH, "two rings on one handle");
}

void test_threads(const struct world *w)
{
	threads_of(w, true, false, "uring");
	threads_of(w, true, true, NULL);
	threads_of(w, false, true, NULL);
	two_rings(w);
}

/* ---- children ---- */

static pid_t child(struct one *o)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		bail("fork: %s", strerror(errno));
	if (!pid) {
		run_one(o);
		_exit(0);
	}
	return pid;
}

static void bury(pid_t pid, const char *what)
{
	int status = -1;

	waitpid(pid, &status, 0);
	ok(!status, "%s: a child ends (%d)", what, status);
}

/* The handle is the parent's; each has a ring of its own. The parent counts, too. */
static void shared_handle(const struct world *w)
{
	struct crowd *c = crowd_begin();
	struct one o[4];
	pid_t pid[4];
	int i, fd = handle();

	for (i = 0; i < 4; i++)
		o[i] = (struct one){ .crowd = c, .fd = fd, .door = door_named(mixture[i + 1]) };
	for (i = 1; i < 4; i++)
		pid[i] = child(&o[i]);
	run_one(&o[0]);
	for (i = 1; i < 4; i++)
		bury(pid[i], "children on one handle");
	close(fd);
	crowd_end(w, c, 4 * DEPTH * ROUNDS, "children on one handle");
}

/* The ring itself is the parent's: the child submits, in its own memory, and reads. */
static void passed_ring(const struct world *w, unsigned int files)
{
	const char *what = files ? "a ring passed on, fixed file" : "a ring passed on";
	const struct door *d = door_named(files ? "uring fixed" : "uring");
	struct crowd *c = crowd_begin();
	int fd = handle();
	struct ring r;
	struct one o = { .crowd = c, .fd = fd, .door = d, .ring = &r };
	struct ring_cqe cqe;

	if (!is_errno(ring_open(&r, DEPTH, 0, 0), 0, "%s: it opens", what))
		return;
	if (files)
		is_errno(ring_files(&r, &fd, 1), 0, "%s: a file", what);
	bury(child(&o), what);
	/* What the child has submitted, the parent knows by the ring itself. */
	r.told = *r.sq_tail;
	r.tail = r.told;
	ok(!ring_peek(&r, &cqe), "%s: the child has read all completions", what);
	run_one(&o);
	close(fd);
	ring_close(&r);
	crowd_end(w, c, 2 * DEPTH * ROUNDS, what);
}

/* A child locks by the parent's handle and goes: the parent has the lock. */
static void child_locks(const struct world *w)
{
	const char *name = fresh("child-locks"), *what = "locked by a child";
	struct consensus_lock_info info = { 0 };
	struct gate g;
	int fd = handle(), status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct consensus_lock_acquire a = lk_good_acquire(name, 0);

		_exit(gate_open(&g, door_named("uring"), fd) ?:
		      gate_call(&g, CONSENSUS_IOC_LOCK_ACQUIRE, &a));
	}
	waitpid(pid, &status, 0);
	ok(!status, "%s: it locks by a ring of its own", what);
	ok(lk_list(w->fd, name, &info, 1) == 1 && info.token, "%s: it is held when that is gone",
	   what);
	is_errno(lk_release(fd, name, info.token), 0, "%s: the parent releases it", what);
	close(fd);
	ok(there_are(w->fd, name, 0), "%s: nothing is left of it", what);
}

/* In a process of its own: withdraws what it finds, which must be nothing. */
static int cancels_none(int fd)
{
	struct consensus_handle_cancel c = { .count = 77 };

	return call(fd, CONSENSUS_IOC_HANDLE_CANCEL, &c) ?: (int)c.count;
}

/* HANDLE_CANCEL is about one's own process: a child leaves its parent's alone, also by dying. */
static void child_cancels(const struct world *w)
{
	const char *name = fresh("child-cancels"), *what = "cancelled by a child";
	struct consensus_lock_acquire a = lk_good_acquire(name, 0);
	struct consensus_handle_cancel c = { 0 };
	uint64_t token = take(w->fd, name, 0);
	int fd = handle(), status = -1;
	struct ring_cqe cqe;
	struct ring r;
	pid_t pid;

	if (!is_errno(ring_open(&r, 8, 0, 0), 0, "%s: a ring", what))
		return;
	ring_put(&r, fd, CONSENSUS_IOC_LOCK_ACQUIRE, &a, 1);
	ring_submit(&r);
	ok(there_are(w->fd, name, 2), "%s: the parent's waits", what);
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(cancels_none(fd));
	waitpid(pid, &status, 0);
	ok(!status, "%s: that finds nothing of its own", what);
	ok(there_are(w->fd, name, 2) && !ring_ready(&r), "%s: the parent's waits on", what);
	is_errno(call(fd, CONSENSUS_IOC_HANDLE_CANCEL, &c), 0, "%s: the parent cancels it", what);
	ok(c.count == 1, "%s: %u is withdrawn", what, c.count);
	is_errno(ring_wait(&r, &cqe, WAIT_MS) ?: -cqe.res, ECANCELED, "%s: its result", what);
	lk_release(w->fd, name, token);
	ring_close(&r);
	close(fd);
	ok(there_are(w->fd, name, 0), "%s: nothing is left of it", what);
}

void test_forks(const struct world *w)
{
	child_cancels(w);
	shared_handle(w);
	passed_ring(w, 0);
	passed_ring(w, 1);
	child_locks(w);
}
