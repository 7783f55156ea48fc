// SPDX-License-Identifier: GPL-2.0
/*
 * Locks of /dev/consensus, by ioctl, in the network namespace it runs in. Every
 * token must be higher than the one before, every index too, and a grant must tell
 * what became of the holder before. Whatever is wrong has no number: it says so and
 * exits with 1.
 *
 *   bench-lock cycle BATCHES OPS NAME
 *	one caller: BATCHES times OPS times lock and release, one after the other
 *   bench-lock death ROUNDS NAME
 *	ROUNDS times a process that holds the lock is killed, while another waits
 *	for it; and as often one is killed that has a handle, but no lock
 *   bench-lock serve THREADS
 *	one handle, which holds what it is told to, by THREADS callers. A line of
 *	standard input each, answered by a line:
 *		take N		locks N that it does not hold
 *		cycle OPS	locks and releases one that nobody holds, OPS times
 *		drop		releases all that it holds
 *	Each lock has a name that was not used before.
 *
 * Prints JSON lines. mean_ns: of one lock and release (cycle: the median over
 * batches), or of one of those that take or drop. death: dead_ns from the kill to
 * the grant; exit_ns from the kill until an idle handle's process is gone, which is
 * the kernel's own exit time; medians over rounds, and p99.
 */
#include <fcntl.h>
#include <linux/consensus.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

enum { THREADS_MAX = 256, PATIENCE_S = 120 };

/* BENCH_DEVICE: for ktest/bench/selftest, whose ioctl() asks no kernel. */
static int device(void)
{
	const char *path = getenv("BENCH_DEVICE") ?: "/dev/consensus";
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

static void named(char *name, const char *s)
{
	if (strlen(s) >= CONSENSUS_NAME_SIZE)
		die("name too long: %s", s);
	memset(name, 0, CONSENSUS_NAME_SIZE);
	strcpy(name, s);
}

/**
 * struct lock - a lock as one caller sees it
 * @fd: its handle
 * @take: the call
 * @give: the call
 * @token: of the last grant
 * @index: of the last call
 */
struct lock {
	int fd;
	struct consensus_lock_acquire take;
	struct consensus_lock_release give;
	__u64 token;
	__u64 index;
};

static void lock_init(struct lock *l, int fd, const char *name)
{
	memset(l, 0, sizeof(*l));
	l->fd = fd;
	named(l->take.name, name);
	named(l->give.name, name);
}

static void must_rise(const struct lock *l, __u64 index)
{
	if (index <= l->index)
		die("%s: index %ju came after %ju", l->take.name, (uintmax_t)index,
		    (uintmax_t)l->index);
}

static void lock_take(struct lock *l)
{
	struct consensus_lock_acquire *t = &l->take;

	t->op.index = 0;
	t->op.status = 0;
	t->token = 0;
	t->ticket = 0;
	t->lease_ns = 0;
	t->info = 0;
	if (ioctl(l->fd, CONSENSUS_IOC_LOCK_ACQUIRE, t) || t->op.status)
		die("lock %s: %s", t->name, strerror(errno));
	if (t->token <= l->token || !t->lease_ns)
		die("%s: token %ju came after %ju, its lease is %ju", t->name,
		    (uintmax_t)t->token, (uintmax_t)l->token, (uintmax_t)t->lease_ns);
	must_rise(l, t->op.index);
	if (t->token < t->op.index)
		die("%s: token %ju is below its index %ju", t->name,
		    (uintmax_t)t->token, (uintmax_t)t->op.index);
	l->token = t->token;
	l->index = t->op.index;
}

static void lock_give(struct lock *l)
{
	struct consensus_lock_release *r = &l->give;

	r->op.index = 0;
	r->op.status = 0;
	r->token = l->token;
	r->ticket = 0;
	if (ioctl(l->fd, CONSENSUS_IOC_LOCK_RELEASE, r) || r->op.status)
		die("release of %s: %s", r->name, strerror(errno));
	must_rise(l, r->op.index);
	l->index = r->op.index;
}

/* ------------------------------------------------------------------- cycle */

static void cycle(uint64_t batches, uint64_t ops, const char *name)
{
	uint64_t *mean = calloc(batches, sizeof(*mean));
	uint64_t b, i, begin;
	struct lock l;

	if (!mean || !batches || !ops)
		die("no memory, or nothing to do");
	lock_init(&l, device(), name);
	for (i = 0; i < 64; i++) {
		lock_take(&l);
		lock_give(&l);
	}
	for (b = 0; b < batches; b++) {
		begin = now_ns();
		for (i = 0; i < ops; i++) {
			lock_take(&l);
			lock_give(&l);
		}
		mean[b] = (now_ns() - begin) / ops;
	}
	printf("{\"mean_ns\":%ju,\"ops\":%ju}\n",
	       (uintmax_t)quantile(mean, batches, 500), (uintmax_t)(batches * ops + 64));
	free(mean);
	close(l.fd);
}

/* ------------------------------------------------------------------- death */

/* A child says how far it is: one byte. */
static void say(int fd, char what)
{
	if (write(fd, &what, 1) != 1)
		_exit(1);
}

static void must_say(int fd, char what)
{
	char said = 0;

	if (read(fd, &said, 1) != 1 || said != what)
		die("the holder did not come so far as '%c'", what);
}

/* Reads events until somebody waits for what it holds. */
static void until_wanted(int fd)
{
	struct consensus_event e;

	do {
		if (read(fd, &e, sizeof(e)) != sizeof(e))
			die("no event: %s", strerror(errno));
	} while (e.type != CONSENSUS_EVENT_WANTED);
}

/* The victim: holds @name, if there is one, until it is killed. */
__attribute__((noreturn))
static void victim(int out, const char *name)
{
	struct lock l;
	int fd = device();

	if (name) {
		lock_init(&l, fd, name);
		lock_take(&l);
		if (write(out, &l.token, sizeof(l.token)) != sizeof(l.token))
			_exit(1);
		until_wanted(fd);
	}
	say(out, 'r');
	for (;;)
		pause();
}

/**
 * struct waiter - who has the lock next
 * @thread: runs it
 * @lock: which
 * @at: when it had it (ns)
 */
struct waiter {
	pthread_t thread;
	struct lock lock;
	uint64_t at;
};

static void *waiter_run(void *arg)
{
	struct waiter *w = arg;

	lock_take(&w->lock);
	w->at = now_ns();
	return NULL;
}

static pid_t spawn(int *in, const char *name)
{
	int ends[2];
	pid_t child;

	if (pipe(ends))
		die("pipe: %s", strerror(errno));
	child = fork();
	if (child < 0)
		die("fork: %s", strerror(errno));
	if (!child) {
		close(ends[0]);
		victim(ends[1], name);
	}
	close(ends[1]);
	*in = ends[0];
	return child;
}

static uint64_t kill_at(pid_t child)
{
	uint64_t at = now_ns();

	if (kill(child, SIGKILL))
		die("kill: %s", strerror(errno));
	return at;
}

static void reap(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status) ||
	    WTERMSIG(status) != SIGKILL)
		die("the victim did not die as it should have");
}

/* From the kill of a process with an idle handle until it is gone. */
static uint64_t exit_once(void)
{
	uint64_t at, gone;
	pid_t child;
	int in;

	child = spawn(&in, NULL);
	must_say(in, 'r');
	at = kill_at(child);
	reap(child);
	gone = now_ns();
	close(in);
	return gone - at;
}

/* From the kill of a holder to the grant of who waited, which must be told. */
static uint64_t death_once(struct waiter *w, const char *name)
{
	__u64 token;
	uint64_t at;
	pid_t child;
	int in;

	child = spawn(&in, name);
	if (read(in, &token, sizeof(token)) != sizeof(token))
		die("the holder did not get it");
	if (token <= w->lock.token)
		die("token %ju came after %ju", (uintmax_t)token, (uintmax_t)w->lock.token);
	w->lock.token = token;
	if (pthread_create(&w->thread, NULL, waiter_run, w))
		die("no thread");
	must_say(in, 'r');
	at = kill_at(child);
	pthread_join(w->thread, NULL);
	reap(child);
	close(in);
	if (!(w->lock.take.info & CONSENSUS_GRANT_DIED))
		die("the grant does not tell that the holder died");
	lock_give(&w->lock);
	return w->at - at;
}

static void death(uint64_t rounds, const char *name)
{
	uint64_t *dead = calloc(rounds, sizeof(*dead));
	uint64_t *gone = calloc(rounds, sizeof(*gone));
	struct waiter w = {};
	uint64_t i;

	if (!dead || !gone || !rounds)
		die("no memory, or nothing to do");
	alarm(PATIENCE_S);
	lock_init(&w.lock, device(), name);
	for (i = 0; i < 4; i++) {
		exit_once();
		death_once(&w, name);
	}
	for (i = 0; i < rounds; i++) {
		gone[i] = exit_once();
		dead[i] = death_once(&w, name);
	}
	printf("{\"dead_ns\":%ju,", (uintmax_t)quantile(dead, rounds, 500));
	printf("\"dead_p99_ns\":%ju,", (uintmax_t)quantile(dead, rounds, 990));
	printf("\"exit_ns\":%ju,", (uintmax_t)quantile(gone, rounds, 500));
	printf("\"ops\":%ju}\n", (uintmax_t)rounds);
	free(dead);
	free(gone);
	close(w.lock.fd);
}

/* ------------------------------------------------------------------- serve */

/**
 * struct store - what one handle holds
 * @fd: the handle
 * @threads: callers
 * @first: number of the first lock that it holds
 * @n: how many; all behind them have never been
 * @token: of each, by number - @first
 */
struct store {
	int fd;
	uint64_t threads;
	uint64_t first;
	uint64_t n;
	__u64 *token;
};

/**
 * struct caller - one of the store's
 * @thread: runs it
 * @s: whose
 * @at: its first lock, of all that are to be seen to
 * @end: none from here on
 * @drop: it releases them, and does not take them
 */
struct caller {
	pthread_t thread;
	struct store *s;
	uint64_t at, end;
	bool drop;
};

static void numbered(struct lock *l, int fd, uint64_t i)
{
	char name[CONSENSUS_NAME_SIZE];

	snprintf(name, sizeof(name), "lock/%08ju", (uintmax_t)i);
	lock_init(l, fd, name);
}

static void *caller_run(void *arg)
{
	struct caller *c = arg;
	struct store *s = c->s;
	struct lock l;
	uint64_t i;

	for (i = c->at; i < c->end; i += s->threads) {
		numbered(&l, s->fd, i);
		l.token = c->drop ? s->token[i - s->first] : 0;
		if (c->drop)
			lock_give(&l);
		else
			lock_take(&l);
		s->token[i - s->first] = l.token;
	}
	return NULL;
}

/* All callers, on the locks from @at on before @end; what one took (ns). */
static uint64_t all_callers(struct store *s, uint64_t at, uint64_t end, bool drop)
{
	struct caller c[THREADS_MAX];
	uint64_t t, begin = now_ns();

	for (t = 0; t < s->threads; t++) {
		c[t] = (struct caller){ .s = s, .at = at + t, .end = end, .drop = drop };
		if (pthread_create(&c[t].thread, NULL, caller_run, &c[t]))
			die("no thread");
	}
	for (t = 0; t < s->threads; t++)
		pthread_join(c[t].thread, NULL);
	return (now_ns() - begin) / (end - at);
}

/* No token may be there twice. */
static void must_differ(const struct store *s)
{
	uint64_t *v = malloc(s->n * sizeof(*v)), i;

	if (!v)
		die("no memory");
	memcpy(v, s->token, s->n * sizeof(*v));
	qsort(v, s->n, sizeof(*v), compare_u64);
	for (i = 1; i < s->n; i++)
		if (v[i] == v[i - 1])
			die("token %ju twice", (uintmax_t)v[i]);
	free(v);
}

static void answer(uint64_t mean, uint64_t ops, uint64_t held)
{
	printf("{\"mean_ns\":%ju,\"ops\":%ju,\"held\":%ju}\n", (uintmax_t)mean,
	       (uintmax_t)ops, (uintmax_t)held);
	fflush(stdout);
}

static void serve_take(struct store *s, uint64_t n)
{
	uint64_t end = s->first + s->n + n, mean;

	s->token = realloc(s->token, (s->n + n) * sizeof(*s->token));
	if (!s->token || !n)
		die("no memory, or nothing to do");
	mean = all_callers(s, end - n, end, false);
	s->n += n;
	must_differ(s);
	answer(mean, n, s->n);
}

static void serve_drop(struct store *s)
{
	uint64_t n = s->n, mean;

	if (!n)
		die("nothing to do");
	mean = all_callers(s, s->first, s->first + n, true);
	s->first += n;
	s->n = 0;
	answer(mean, n, 0);
}

static void serve_cycle(struct store *s, uint64_t ops)
{
	uint64_t i, begin = now_ns();
	struct lock l;

	if (!ops)
		die("nothing to do");
	lock_init(&l, s->fd, "lock/one");
	for (i = 0; i < ops; i++) {
		lock_take(&l);
		lock_give(&l);
	}
	answer((now_ns() - begin) / ops, ops, s->n);
}

static void serve(uint64_t threads)
{
	struct store s = { .fd = device(), .threads = threads };
	char line[64], word[16];
	uintmax_t n;

	if (!threads || threads > THREADS_MAX)
		die("1 to %d callers", THREADS_MAX);
	while (fgets(line, sizeof(line), stdin)) {
		n = 0;
		if (sscanf(line, "%15s %ju", word, &n) < 1)
			continue;
		if (!strcmp(word, "take"))
			serve_take(&s, n);
		else if (!strcmp(word, "cycle"))
			serve_cycle(&s, n);
		else if (!strcmp(word, "drop"))
			serve_drop(&s);
		else
			die("unknown: %s", word);
	}
	free(s.token);
	close(s.fd);
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "cycle"))
		cycle(number(argv[2]), number(argv[3]), argv[4]);
	else if (argc == 4 && !strcmp(argv[1], "death"))
		death(number(argv[2]), argv[3]);
	else if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(number(argv[2]));
	else
		die("unknown arguments: see the head of bench-lock.c");
	return 0;
}
