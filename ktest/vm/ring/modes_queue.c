// SPDX-License-Identifier: GPL-2.0
/*
 * The library's queue and batch, on the real module. TAP.
 *
 *	ct-queue [--seccomp | --disabled] [--slow TIMES] NETNS-OF-ANOTHER-NODE
 *
 * --seccomp forbids io_uring to this process, as containers do; --disabled says that it is
 * forbidden by sysctl kernel.io_uring_disabled: queues must then work by arrays, unasked.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "modes_queue.h"

enum { NAMES = 512, DEEP = 4096 };

/* ---- shared ---- */

const char *fresh(const char *what)
{
	static char names[NAMES][CONSENSUS_NAME_SIZE];
	static unsigned int n;

	if (n == NAMES)
		bail("too many names");
	snprintf(names[n], sizeof(names[0]), "%.30s.%u.%d", what, n, getpid());
	return names[n++];
}

int handle(void)
{
	int fd = consensus_open(O_RDWR);

	if (fd < 0)
		bail("consensus_open: %s", strerror(-fd));
	return fd;
}

uint64_t take(int fd, const char *name)
{
	struct consensus_lock_acquire a;
	int error = lk_acquire(fd, name, 0, 30 * SEC, &a);

	if (error)
		bail("%s cannot be taken: %s", name, strerror(error));
	return a.token;
}

bool there_are(int fd, const char *name, int wanted)
{
	uint64_t until = now_ns() + 20 * SEC;
	int n;

	while ((n = lk_list(fd, name, NULL, 0)) != wanted && now_ns() < until)
		sleep_ms(5);
	if (n != wanted)
		note("%s: %d hold or await it, wanted %d", name, n, wanted);
	return n == wanted;
}

void tally_add(struct tally *t, int status, uint64_t value)
{
	t->n++;
	if (status || !value || value >= sizeof(t->seen) || t->seen[value]) {
		note("addition %u: status %d, value %llu", t->n, status, (unsigned long long)value);
		t->bad++;
		return;
	}
	t->seen[value] = 1;
}

void tally_end(const struct tally *t, int fd, const char *name, unsigned int n, const char *what)
{
	uint64_t value = value_of(fd, name);

	ok(t->n == n && !t->bad, "%s: %u of %u additions, %u without a value of their own", what,
	   t->n, n, t->bad);
	ok(value == n, "%s: the counter is %llu", what, (unsigned long long)value);
}

/* ---- a queue ---- */

static struct consensus_queue *queue_new(int fd, unsigned int depth, const struct means *m)
{
	struct consensus_queue *q = NULL;
	int error = consensus_queue_new(&q, fd, depth, m->flags);

	if (error)
		bail("%s: consensus_queue_new(%u): %s", m->name, depth, strerror(-error));
	return q;
}

static void push_add(struct consensus_queue *q, struct consensus_counter_add *a, const char *name,
		     uint64_t user_data)
{
	int error = consensus_build_add(a, NULL, name, 1, 60 * SEC);

	if (!error)
		error = consensus_queue_push(q, CONSENSUS_IOC_COUNTER_ADD, a, user_data);
	if (error)
		ok(false, "push %llu: %s", (unsigned long long)user_data, strerror(-error));
}

static void arguments(const struct scene *s, const struct means *m)
{
	struct consensus_queue *q = NULL;
	struct consensus_features f = { 0 };
	struct consensus_counter_add a = good_add("arguments");

	is_errno(-consensus_queue_new(&q, s->fd, 0, m->flags), EINVAL, "%s: depth 0", m->name);
	is_errno(-consensus_queue_new(&q, s->fd, 4097, m->flags), EINVAL, "%s: depth 4097",
		 m->name);
	is_errno(-consensus_queue_new(&q, s->fd, 8, 1U << 31), EINVAL, "%s: a flag", m->name);
	q = queue_new(s->fd, 8, m);
	ok(consensus_queue_method(q) == m->method, "%s: its method", m->name);
	ok((consensus_queue_fd(q) >= 0) == (m->method == CONSENSUS_BY_URING), "%s: its descriptor",
	   m->name);
	is_errno(-consensus_queue_push(q, CONSENSUS_IOC_FEATURES, &f, 1), EINVAL,
		 "%s: push what is no operation", m->name);
	is_errno(-consensus_queue_push(q, CONSENSUS_IOC_ARRAY, &f, 1), EINVAL, "%s: push an array",
		 m->name);
	a.op.timeout_ns = CONSENSUS_NO_TIMEOUT;
	is_errno(-consensus_queue_push(q, CONSENSUS_IOC_COUNTER_ADD, &a, 1), EINVAL,
		 "%s: push without limit of time", m->name);
	is_errno(-consensus_queue_wait(q, NULL, 0, 0, 0), 0, "%s: wait for nothing", m->name);
	consensus_queue_free(q);
	consensus_queue_free(NULL);
}

/* A window that is kept full: each ends once, with what was pushed. */
static void window(const struct scene *s, const struct means *m, unsigned int depth, unsigned int n)
{
	struct consensus_counter_add *a = calloc(depth, sizeof(*a));
	struct consensus_completion c[16];
	struct consensus_queue *q = queue_new(s->fd, depth, m);
	const char *name = fresh("window");
	struct tally t = { .n = 0 };
	unsigned int pushed;
	bool same = true;
	int i, got;

	for (pushed = 0; pushed < depth; pushed++)
		push_add(q, &a[pushed], name, pushed);
	is_errno(-consensus_queue_push(q, CONSENSUS_IOC_COUNTER_ADD, &a[0], 0), EAGAIN,
		 "%s: one more than %u", m->name, depth);
	is_errno(-consensus_queue_submit(q), 0, "%s: submit", m->name);
	while (t.n < n) {
		got = consensus_queue_wait(q, c, 16, 1, CONSENSUS_NO_TIMEOUT);
		if (got <= 0)
			bail("%s: wait for %u more: %d", m->name, n - t.n, got);
		for (i = 0; i < got; i++) {
			struct consensus_counter_add *d = c[i].argument;

			same &= d == &a[c[i].user_data] && c[i].status == d->op.status;
			tally_add(&t, c[i].status, d->value);
			if (pushed++ < n)
				push_add(q, d, name, c[i].user_data);
		}
	}
	ok(same, "%s: completions are of what was pushed", m->name);
	is_errno(-consensus_queue_wait(q, c, 16, 16, CONSENSUS_NO_TIMEOUT), 0,
		 "%s: nothing is left to wait for", m->name);
	consensus_queue_free(q);
	tally_end(&t, s->other, name, n, m->name);
	free(a);
}

/* Every kind of operation, good and bad. */
static void kinds(const struct scene *s, const struct means *m)
{
	static const int wanted[] = { 0, ENOENT, 0, EPERM, ESTALE, EINVAL };
	const char *name = fresh("kinds");
	struct consensus_counter_add add, bad;
	struct consensus_counter_read read;
	struct consensus_lock_acquire acquire;
	struct consensus_lock_release release;
	struct consensus_lock_check check;
	struct consensus_queue *q = queue_new(s->fd, 6, m);
	struct consensus_completion c[6];
	int i, n;

	consensus_build_add(&add, NULL, name, 7, 60 * SEC);
	consensus_build_read(&read, NULL, "nothing", CONSENSUS_LINEARIZABLE, 0, 60 * SEC);
	consensus_build_acquire(&acquire, NULL, name, CONSENSUS_LOCK_TRY, 9, 60 * SEC);
	consensus_build_release(&release, "nothing", 4711, 0, 60 * SEC);
	consensus_build_check(&check, "nothing", 4711, CONSENSUS_LINEARIZABLE, 0, 60 * SEC);
	bad = add;
	bad.delta = 0;
	consensus_queue_push(q, CONSENSUS_IOC_COUNTER_ADD, &add, 0);
	consensus_queue_push(q, CONSENSUS_IOC_COUNTER_READ, &read, 1);
	consensus_queue_push(q, CONSENSUS_IOC_LOCK_ACQUIRE, &acquire, 2);
	consensus_queue_push(q, CONSENSUS_IOC_LOCK_RELEASE, &release, 3);
	consensus_queue_push(q, CONSENSUS_IOC_LOCK_CHECK, &check, 4);
	consensus_queue_push(q, CONSENSUS_IOC_COUNTER_ADD, &bad, 5);
	n = consensus_queue_wait(q, c, 6, 6, CONSENSUS_NO_TIMEOUT);
	ok(n == 6, "%s: all kinds: %d completions of 6", m->name, n);
	for (i = 0; i < n; i++)
		is_errno(-c[i].status, wanted[c[i].user_data % 6], "%s: kind %llu", m->name,
			 (unsigned long long)c[i].user_data);
	ok(add.value == 7 && acquire.token && acquire.cookie == 9 && read.op.index,
	   "%s: what they answer", m->name);
	is_errno(-consensus_lock_release(s->fd, name, acquire.token, 0, 0), 0, "%s: release",
		 m->name);
	consensus_queue_free(q);
}

static void on_signal(int number)
{
	(void)number;
}

static void alarm_in(long us)
{
	struct itimerval t = { .it_value = { us / 1000000, us % 1000000 } };
	struct sigaction a = { .sa_handler = on_signal };

	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
}

/* Time, and a signal, end the wait and not the operation. */
static void waits_by_uring(struct consensus_queue *q, struct consensus_lock_acquire *a,
			   const struct scene *s, uint64_t token)
{
	struct pollfd p = { .fd = consensus_queue_fd(q), .events = POLLIN };
	struct consensus_completion c[2];
	uint64_t begin = now_ns();

	is_errno(consensus_queue_wait(q, c, 2, 1, SEC / 10), 0, "uring: a wait of 100 ms");
	ok(now_ns() - begin >= SEC / 10 && now_ns() - begin < 10 * SEC, "uring: takes %llu ms",
	   (unsigned long long)(now_ns() - begin) / 1000000);
	is_errno(consensus_queue_wait(q, c, 2, 0, CONSENSUS_NO_TIMEOUT), 0, "uring: only looks");
	alarm_in(100000);
	is_errno(-consensus_queue_wait(q, c, 2, 1, CONSENSUS_NO_TIMEOUT), EINTR, "uring: a signal");
	ok(there_are(s->fd, a->name, 2), "uring: it waits on");
	ok(!poll(&p, 1, 0), "uring: its descriptor is not readable");
	is_errno(lk_release(s->fd, a->name, token), 0, "uring: the holder releases");
	ok(poll(&p, 1, 60000) == 1 && p.revents & POLLIN, "uring: its descriptor is readable");
	ok(consensus_queue_wait(q, c, 2, 1, CONSENSUS_NO_TIMEOUT) == 1 && !c[0].status &&
	   a->token > token, "uring: the operation has its completion");
}

static void waits(const struct scene *s, const struct means *m)
{
	const char *name = fresh("waits");
	uint64_t token = take(s->fd, name), begin;
	struct consensus_lock_acquire a;
	struct consensus_completion c[1];
	int fd = handle();
	struct consensus_queue *q = queue_new(fd, 4, m);

	consensus_build_acquire(&a, NULL, name, 0, 0, SEC / 5);
	consensus_queue_push(q, CONSENSUS_IOC_LOCK_ACQUIRE, &a, 1);
	begin = now_ns();
	ok(consensus_queue_wait(q, c, 1, 1, 60 * SEC) == 1 && c[0].status == -ETIMEDOUT,
	   "%s: an operation ends by its own deadline (%d)", m->name, c[0].status);
	ok(now_ns() - begin >= SEC / 5, "%s: after that", m->name);
	consensus_build_acquire(&a, NULL, name, 0, 0, 60 * SEC);
	if (m->method == CONSENSUS_BY_URING) {
		consensus_queue_push(q, CONSENSUS_IOC_LOCK_ACQUIRE, &a, 2);
		waits_by_uring(q, &a, s, token);
	} else {
		lk_release(s->fd, name, token);
	}
	consensus_queue_free(q);
	close(fd);
	ok(there_are(s->fd, name, 0), "%s: nothing is left of it", m->name);
}

/* Freed with some under way, some only pushed: nothing touches the structs any more. */
static void freed(const struct scene *s, const struct means *m)
{
	const char *name = fresh("freed"), *lock = fresh("freed");
	uint64_t token = take(s->fd, lock), begin;
	struct consensus_lock_acquire a, pattern;
	struct consensus_counter_add add;
	int fd = handle();
	struct consensus_queue *q = queue_new(fd, 4, m);

	consensus_build_acquire(&a, NULL, lock, 0, 0, SEC);
	consensus_queue_push(q, CONSENSUS_IOC_LOCK_ACQUIRE, &a, 1);
	consensus_queue_submit(q);
	consensus_build_add(&add, NULL, name, 1, 60 * SEC);
	consensus_queue_push(q, CONSENSUS_IOC_COUNTER_ADD, &add, 2);
	begin = now_ns();
	consensus_queue_free(q);
	note("%s: free with one under way: %llu ms", m->name,
	     (unsigned long long)(now_ns() - begin) / 1000000);
	ok(a.op.status == -ETIMEDOUT || a.op.status == -ECANCELED, "%s: freed: what was under way (%d)",
	   m->name, a.op.status);
	is_errno(-add.op.status, ECANCELED, "%s: freed: what had not begun", m->name);
	memset(&a, 0x5a, sizeof(a));
	pattern = a;
	lk_release(s->fd, lock, token);
	sleep_ms(100);
	ok(!memcmp(&a, &pattern, sizeof(a)), "%s: freed: its struct is the caller's again",
	   m->name);
	ok(there_are(s->fd, lock, 0), "%s: freed: nothing is left of it", m->name);
	is_errno(get(s->fd, name, 0, NULL), ENOENT, "%s: freed: nor of the other", m->name);
	close(fd);
}

/* A child that goes takes nothing of its parent's along. */
static void forked(const struct scene *s, const struct means *m)
{
	const char *name = fresh("forked");
	uint64_t token = take(s->fd, name);
	struct consensus_completion c[2];
	struct consensus_lock_acquire a;
	int fd = handle(), status = -1;
	struct consensus_queue *q = queue_new(fd, 4, m);
	pid_t pid;

	consensus_build_acquire(&a, NULL, name, CONSENSUS_LOCK_TRY, 0, 60 * SEC);
	if (m->method == CONSENSUS_BY_URING)
		a.op.flags = 0;
	consensus_queue_push(q, CONSENSUS_IOC_LOCK_ACQUIRE, &a, 1);
	consensus_queue_submit(q);
	ok(there_are(s->fd, name, m->method == CONSENSUS_BY_URING ? 2 : 1), "%s: fork: it is under way",
	   m->name);
	pid = fork();
	if (!pid) {
		int failed = consensus_queue_push(q, CONSENSUS_IOC_LOCK_ACQUIRE, &a, 2) != -ECHILD;

		failed |= consensus_queue_wait(q, c, 2, 1, SEC) != -ECHILD;
		consensus_queue_free(q);
		_exit(failed);
	}
	waitpid(pid, &status, 0);
	ok(!status, "%s: fork: ECHILD for the child, which may free it", m->name);
	sleep_ms(50);
	lk_release(s->fd, name, token);
	ok(consensus_queue_wait(q, c, 2, 1, 60 * SEC) == 1 && !c[0].status && a.token > token,
	   "%s: fork: the parent's goes on (%d)", m->name, c[0].status);
	consensus_queue_free(q);
	close(fd);
	ok(there_are(s->fd, name, 0), "%s: fork: nothing is left of it", m->name);
}

/* Two queues on one handle, in two threads. */
struct thread {
	pthread_t id;
	int fd;
	const struct means *m;
	const char *name;
	struct consensus_counter_add a[64];
};

static void *run_thread(void *arg)
{
	struct thread *t = arg;
	struct consensus_queue *q = queue_new(t->fd, 64, t->m);
	struct consensus_completion c[64];
	unsigned int i, got = 0;

	for (i = 0; i < 64; i++)
		push_add(q, &t->a[i], t->name, i);
	while (got < 64) {
		int n = consensus_queue_wait(q, c, 64, 64 - got, CONSENSUS_NO_TIMEOUT);

		if (n <= 0)
			bail("%s: a thread waits: %d", t->m->name, n);
		got += (unsigned int)n;
	}
	consensus_queue_free(q);
	return NULL;
}

static void threads(const struct scene *s, const struct means *m)
{
	static struct thread t[4];
	struct tally all = { .n = 0 };
	const char *name = fresh("threads");
	unsigned int i, k;

	for (i = 0; i < 4; i++) {
		t[i] = (struct thread){ .fd = s->fd, .m = m, .name = name };
		if (pthread_create(&t[i].id, NULL, run_thread, &t[i]))
			bail("a thread");
	}
	for (i = 0; i < 4; i++) {
		pthread_join(t[i].id, NULL);
		for (k = 0; k < 64; k++)
			tally_add(&all, t[i].a[k].op.status, t[i].a[k].value);
	}
	tally_end(&all, s->other, name, 256, m->name);
}

static void test_queue(const struct scene *s, const struct means *m)
{
	/* By arrays, a few are enough. */
	unsigned int deep = m->method == CONSENSUS_BY_URING ? DEEP : 600;
	uint64_t begin = now_ns();

	arguments(s, m);
	kinds(s, m);
	window(s, m, 1, 5);
	window(s, m, 48, 300);
	window(s, m, deep, deep);
	waits(s, m);
	freed(s, m);
	test_free(s, m);
	forked(s, m);
	threads(s, m);
	note("%s: %llu ms", m->name, (unsigned long long)(now_ns() - begin) / 1000000);
}

/* ---- io_uring forbidden ---- */

/* False: this kernel has no filters. */
static bool forbid_uring(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { .len = 4, .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		bail("prctl: %s", strerror(errno));
	if (!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		return true;
	if (errno != EINVAL)
		bail("seccomp: %s", strerror(errno));
	skip("this kernel has no SECCOMP_FILTER", "queues where io_uring is forbidden by seccomp");
	return false;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "seccomp", no_argument, NULL, 'c' }, { "disabled", no_argument, NULL, 'd' },
		{ "slow", required_argument, NULL, 's' }, { NULL, 0, NULL, 0 },
	};
	struct means uring = { "uring", 0, CONSENSUS_BY_URING };
	struct means array = { "array", CONSENSUS_QUEUE_ARRAY, CONSENSUS_BY_ARRAY };
	struct means instead = { "array, as io_uring is forbidden", 0, CONSENSUS_BY_ARRAY };
	struct scene s = { .slow = 1 };
	bool forbidden = false;
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 's')
			s.slow = (unsigned int)strtoul(optarg, NULL, 10);
		else if (c == 'c' || c == 'd')
			forbidden = true;
		else
			return 2;
		if (c == 'c' && !forbid_uring())
			return tap_end();
	}
	if (argc - optind != 1)
		return 2;
	s.fd = handle();
	s.other = lk_open(argv[optind], O_RDWR);
	if (s.other < 0)
		bail("%s: %s", argv[optind], strerror(-s.other));
	if (forbidden) {
		test_queue(&s, &instead);
		return tap_end();
	}
	test_queue(&s, &uring);
	test_queue(&s, &array);
	test_batch(&s);
	test_prep(&s);
	return tap_end();
}
