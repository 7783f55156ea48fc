// SPDX-License-Identifier: GPL-2.0
/* ct-teardown: without a quorum, so that nothing would end by itself before its deadline. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "teardown.h"

enum { MANY = 300, GONE_MS = 3000 };

static const int cut_off[] = { -ETIMEDOUT, -EHOSTUNREACH, -ENOTRECOVERABLE, 1 };
/* Whose program cannot be reached any more: never a success, never ECANCELED of an add. */
static const int unreached[] = { -ETIMEDOUT, -EHOSTUNREACH, -ENOTRECOVERABLE, -ECANCELED, 1 };
static const int withdrawn[] = { -ECANCELED, -ENOTRECOVERABLE, 1 };
static const int healed[] = {
	0, -ENOENT, -ETIMEDOUT, -EHOSTUNREACH, -ENOTRECOVERABLE, -ECANCELED, 1
};

static const struct {
	const char *name;
	unsigned int setup;
} rings[] = {
	{ "plain", 0 },
	{ "DEFER_TASKRUN", IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN },
	{ "SQPOLL", IORING_SETUP_SQPOLL },
};

enum { RINGS = sizeof(rings) / sizeof(rings[0]) };

/*
 * The ring goes, and the handle; the program lives. Where the kernel cannot cancel, they
 * go on to their deadlines, and then let go of everything.
 */
static void ring_closed(unsigned int i)
{
	uint64_t limit = world.cancels ? 100 * SEC : 2 * SEC;
	unsigned int within = world.cancels ? GONE_MS : by(2000);
	uint64_t begin;
	struct swarm s;

	swarm_open(&s, open_device(O_RDWR), MANY, rings[i].setup);
	swarm_go(&s, OF_ALL, limit);
	ok(users() > world.users, "%s: %d are under way", rings[i].name, MANY);
	begin = now_ns();
	swarm_close(&s);
	close(s.fd);
	ok(now_ns() - begin < 1000 * MSEC * world.slow, "%s: nobody waits to close the ring",
	   rings[i].name);
	ok(users_back(within), "%s: its handle goes with it, after %llu ms", rings[i].name,
	   (unsigned long long)((now_ns() - begin) / MSEC));
}

void test_ring_closed(void)
{
	unsigned int i;

	for (i = 0; i < RINGS; i++)
		ring_closed(i);
}

void test_unmapped(void)
{
	struct swarm s;

	swarm_open(&s, open_device(O_RDWR), MANY, 0);
	swarm_go(&s, OF_ALL, SEC);
	swarm_unmap(&s);
	swarm_all(&s, by(1000), cut_off, "structs unmapped");
	swarm_close(&s);
	close(s.fd);
	ok(users_back(GONE_MS), "structs unmapped: its handle goes");
}

/* Closing a descriptor ends nothing that its program still waits for. */
void test_handle_closed(void)
{
	uint64_t begin = now_ns();
	struct swarm s;

	swarm_open(&s, open_device(O_RDWR), MANY, 0);
	swarm_go(&s, OF_ALL, 2 * SEC);
	close(s.fd);
	swarm_all(&s, by(2000), cut_off, "handle closed");
	ok(now_ns() - begin >= 1900 * MSEC, "handle closed: they had their time");
	swarm_close(&s);
	ok(users_back(GONE_MS), "handle closed: it goes with the last of them");
}

/* ---- processes ---- */

static unsigned int child_setup;

static void go_in_child(uint64_t timeout_ns)
{
	struct swarm s;

	swarm_open(&s, open_device(O_RDWR), MANY, child_setup);
	swarm_go(&s, OF_ALL, timeout_ns);
}

static void exec_child(void *arg)
{
	(void)arg;
	go_in_child(SEC);
	execl("/proc/self/exe", "ct-teardown", "--nothing", NULL);
	_exit(1);
}

/* 6.1 lets exec() wait for them: no longer than their deadline. */
void test_exec(void)
{
	unsigned int i;

	for (i = 0; i < RINGS; i++) {
		uint64_t begin = now_ns();
		int status;

		child_setup = rings[i].setup;
		status = in_process(exec_child, NULL, by(1000));
		ok(!status, "exec with a %s ring under way: it comes, after %llu ms",
		   rings[i].name, (unsigned long long)((now_ns() - begin) / MSEC));
		ok(users_back(GONE_MS), "exec with a %s ring: nothing is left",
		   rings[i].name);
	}
}

static void exit_child(void *arg)
{
	(void)arg;
	go_in_child(100 * SEC);
}

static void kill_child(void *arg)
{
	(void)arg;
	go_in_child(100 * SEC);
	raise(SIGKILL);
}

/* Does the thread that exits leave others behind? */
static void *last_thread(void *arg)
{
	(void)arg;
	sleep_ms(300);
	_exit(0);
}

static void leader_child(void *arg)
{
	pthread_t thread;

	(void)arg;
	go_in_child(100 * SEC);
	pthread_create(&thread, NULL, last_thread, NULL);
	pthread_exit(NULL);
}

static void fixed_child(void *arg)
{
	struct swarm s;

	(void)arg;
	swarm_open(&s, open_device(O_RDWR), 1, child_setup);
	if (ring_files(&s.r, &s.fd, 1))
		_exit(1);
	close(s.fd);
	s.ops[0].add.delta = 1;
	s.ops[0].op.timeout_ns = 100 * SEC;
	memcpy(s.ops[0].add.name, s.counter, sizeof(s.counter));
	ring_put(&s.r, 0, CONSENSUS_IOC_COUNTER_ADD, &s.ops[0], 0)->flags = IOSQE_FIXED_FILE;
	if (ring_submit(&s.r) != 1)
		_exit(1);
	if (s.r.setup & IORING_SETUP_SQPOLL)
		ring_taken(&s.r);
}

static const struct {
	const char *name;
	void (*child)(void *arg);
	int status;
} ends[] = {
	{ "exit", exit_child, 0 },
	{ "kill", kill_child, SIGKILL },
	{ "exit, its first thread before", leader_child, 0 },
	{ "exit with a fixed file alone", fixed_child, 0 },
};

/* The end of a process is the end of what it has under way, at once. */
void test_exits(void)
{
	unsigned int i, k;

	for (i = 0; i < RINGS; i++) {
		for (k = 0; k < sizeof(ends) / sizeof(ends[0]); k++) {
			uint64_t begin = now_ns();
			int status;

			child_setup = rings[i].setup;
			status = in_process(ends[k].child, NULL, 20000 + GONE_MS);
			ok(status == ends[k].status && now_ns() - begin < 8 * SEC,
			   "%s with a %s ring under way: status %d after %llu ms", ends[k].name,
			   rings[i].name, status,
			   (unsigned long long)((now_ns() - begin) / MSEC));
			ok(users_back(GONE_MS), "%s with a %s ring: its handle goes",
			   ends[k].name, rings[i].name);
		}
	}
}

static void forked_child(void *arg)
{
	(void)arg;
	sleep_ms(100);
}

/* A child that shares the handle, and ends, ends nothing of its parent's. */
void test_fork(void)
{
	uint64_t begin = now_ns();
	struct swarm s;

	swarm_open(&s, open_device(O_RDWR), MANY, 0);
	swarm_go(&s, OF_ALL, 2 * SEC);
	in_process(forked_child, NULL, GONE_MS);
	swarm_all(&s, by(2000), cut_off, "a forked child ends");
	ok(now_ns() - begin >= 1900 * MSEC, "a forked child ends: its parent's have their time");
	swarm_close(&s);
	close(s.fd);
}

/* ---- threads ---- */

static void *submit_and_go(void *arg)
{
	swarm_go(arg, OF_ADDS | OF_READS, 60 * SEC);
	return NULL;
}

/*
 * Who submitted is gone, but the process lives and takes completions: they may not
 * reach the structs any more, but they do not lie.
 */
void test_thread_exit(void)
{
	pthread_t thread;
	struct swarm s;

	swarm_open(&s, open_device(O_RDWR), MANY, 0);
	pthread_create(&thread, NULL, submit_and_go, &s);
	pthread_join(thread, NULL);
	sleep_ms(100);
	hook(world.hooks.heal);
	swarm_all(&s, by(60000), healed, "the thread that submitted ends");
	swarm_settle(&s, "the thread that submitted ends");
	swarm_close(&s);
	close(s.fd);
}

/* ---- cancelling ---- */

/* What ASYNC_CANCEL says of a command; that goes on in any case. */
void test_cancel(void)
{
	struct ring_cqe cqe;
	struct swarm s;
	int said = 1;

	swarm_open(&s, open_device(O_RDWR), 2, 0);
	s.n = 1;
	swarm_go(&s, OF_FAR_READS, 2 * SEC);
	ring_prep_cancel(ring_sqe(&s.r), 0, 77);
	if (ring_submit(&s.r) != 1 || ring_wait(&s.r, &cqe, 1000))
		bail("no completion of ASYNC_CANCEL");
	said = cqe.res;
	ok(cqe.user_data == 77 && said == -ENOENT,
	   "ASYNC_CANCEL of a command: %s (nothing is found that it could cancel)",
	   said ? strerrorname_np(-said) : "success");
	swarm_all(&s, by(2000), unreached, "a command that was to be cancelled");
	swarm_close(&s);
	close(s.fd);
}

/* HANDLE_CANCEL withdraws them on any kernel: one by its struct, then all others. */
void test_withdraw(void)
{
	struct consensus_handle_cancel c = { 0 };
	uint64_t begin = now_ns();
	struct swarm s;

	swarm_open(&s, open_device(O_RDWR), MANY, 0);
	swarm_go(&s, OF_ALL, 100 * SEC);
	c.argument = (uintptr_t)&s.ops[7];
	is_errno(call(s.fd, CONSENSUS_IOC_HANDLE_CANCEL, &c), 0, "one of many is withdrawn");
	ok(c.count == 1, "and that is one (%u)", c.count);
	c.argument = 0;
	is_errno(call(s.fd, CONSENSUS_IOC_HANDLE_CANCEL, &c), 0, "all others are withdrawn");
	ok(c.count == MANY - 1, "and that is one less than all (%u)", c.count);
	swarm_all(&s, by(0), withdrawn, "what is withdrawn");
	ok(now_ns() - begin < by(0) * MSEC, "what is withdrawn: in %llu ms",
	   (unsigned long long)((now_ns() - begin) / MSEC));
	is_errno(call(s.fd, CONSENSUS_IOC_HANDLE_CANCEL, &c), 0, "nothing is left to withdraw");
	ok(!c.count, "and that is none (%u)", c.count);
	swarm_close(&s);
	close(s.fd);
	ok(users_back(GONE_MS), "what is withdrawn: its handle goes");
}
