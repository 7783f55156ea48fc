// SPDX-License-Identifier: GPL-2.0
/*
 * Loads /dev/consensus and records what it answered, as a history.
 *
 * Every worker is one sequential caller: a thread, or with --processes a
 * process, so that --kill-every may end it in the middle of a call. What a
 * worker is about to do stands in shared memory before it does it; of one that
 * was killed the parent records that operation as of unknown outcome, and a
 * new worker takes its place. A line is one write(): of threads to a file opened with
 * O_APPEND, so that their lines never mix; of processes to a pipe, see recorder.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ct-options.h"
#include "recorder.h"

enum {
	LINE_SIZE	= 512,
	/* latencies: 16 steps an octave from 1 ns to 2^40 ns (18 minutes) */
	STEPS		= 16,
	BUCKETS		= 40 * STEPS,
	ERRNOS		= 140,
};

/* How long after its deadline a call may come back, on a slow kernel too. */
#define GRACE (60 * SEC)

/**
 * struct worker - one sequential caller; shared between parent and child
 * @op: what it does or did last
 * @busy: @op is under way or its line is not written yet
 * @gone: it will do nothing more
 * @client: its name in the history
 * @netns: where it opens the device, NULL: here
 * @rng: state of its random numbers
 * @pid: --processes: its process
 * @thread: otherwise: its thread
 */
struct worker {
	struct ct_op op;
	atomic_bool busy;
	atomic_bool gone;
	unsigned int client;
	const char *netns;
	uint64_t rng;
	pid_t pid;
	pthread_t thread;
};

/* What all workers share, also across fork(). */
struct shared {
	atomic_bool stop;
	atomic_ullong left;		/* operations still to begin */
	atomic_ullong newest;		/* highest index that was answered */
	atomic_ullong count[3];		/* by enum ct_status */
	atomic_ullong errors[ERRNOS];
	atomic_ullong latency[BUCKETS];
	struct worker workers[MAX_WORKERS];
};

static struct shared *shared;

static int out_fd;
static pid_t recorder;
static unsigned int next_client;

/* splitmix64: a different stream for every worker from one printed seed */
static uint64_t rnd(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static void nap(uint64_t ns)
{
	struct timespec ts = { (time_t)(ns / SEC), (long)(ns % SEC) };

	nanosleep(&ts, NULL);
}

/* --- recording ----------------------------------------------------------- */

static void write_line(unsigned int client, const struct ct_op *op)
{
	char line[LINE_SIZE];
	int len = ct_op_line(line, sizeof(line), client, op);
	ssize_t n;

	do
		n = write(out_fd, line, (size_t)len);
	while (n < 0 && errno == EINTR);	/* a pipe that is full, and -i */
	if (n != len)
		ct_die("cannot write the history", errno);
}

static unsigned int bucket(uint64_t ns)
{
	unsigned int octave;

	if (ns < STEPS)
		return (unsigned int)ns;
	octave = 63u - (unsigned int)__builtin_clzll(ns);
	octave = octave * STEPS + (unsigned int)((ns >> (octave - 4)) & (STEPS - 1));
	return octave < BUCKETS ? octave : BUCKETS - 1;
}

static void count(const struct ct_op *op)
{
	unsigned long long seen = atomic_load(&shared->newest);

	atomic_fetch_add(&shared->count[op->status], 1);
	if (op->status != CT_OK) {
		atomic_fetch_add(&shared->errors[op->err < ERRNOS ? op->err : 0], 1);
		return;
	}
	atomic_fetch_add(&shared->latency[bucket(op->return_ns - op->call_ns)], 1);
	while (op->index > seen &&
	       !atomic_compare_exchange_weak(&shared->newest, &seen, op->index))
		;
}

/* --- workers ------------------------------------------------------------- */

static enum ct_kind choose_kind(uint64_t *rng)
{
	unsigned int total = 0, dice, k;

	for (k = 0; k < CT_KINDS; k++)
		total += opt.weight[k];
	dice = (unsigned int)(rnd(rng) % total);
	for (k = 0; dice >= opt.weight[k]; k++)
		dice -= opt.weight[k];
	return (enum ct_kind)k;
}

static void choose(struct worker *w)
{
	struct ct_op *op = &w->op;
	const char *name = opt.names[rnd(&w->rng) % opt.n_names];

	memset(op, 0, sizeof(*op));
	memcpy(op->name, name, strlen(name));
	op->kind = choose_kind(&w->rng);
	op->delta = 1 + rnd(&w->rng) % 5;
	op->at = atomic_load(&shared->newest);
	op->timeout_ns = opt.timeout_ns;
}

/* Claim one of the operations that are left to do. */
static bool take_turn(void)
{
	unsigned long long left = atomic_load(&shared->left);

	do {
		if (!left || atomic_load(&shared->stop))
			return false;
	} while (!atomic_compare_exchange_weak(&shared->left, &left, left - 1));
	return true;
}

/*
 * A handle whose node is gone for good stays dead, so open a new one. Wait a
 * little longer with each failure in a row, so that a history is not filled by
 * a node that is down.
 */
static int after_error(struct worker *w, int fd, unsigned int failures)
{
	nap(MSEC << (failures < 6 ? failures : 6));
	if (fd >= 0 && w->op.err != ESHUTDOWN)
		return fd;
	if (fd >= 0)
		close(fd);
	return ct_open(opt.device, w->netns);
}

static uint64_t pace(uint64_t due)
{
	uint64_t now = ct_now();

	if (opt.rate <= 0)
		return 0;
	if (due > now)
		nap(due - now);
	else
		due = now;
	return due + (uint64_t)((double)opt.n_workers * 1e9 / opt.rate);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned int failures = 0;
	uint64_t due = 0;
	int fd = ct_open(opt.device, w->netns);

	if (fd < 0)
		ct_die(w->netns ? w->netns : opt.device, -fd);
	while (take_turn()) {
		due = pace(due);
		if (fd < 0) {
			fd = after_error(w, fd, failures++);
			continue;
		}
		choose(w);
		w->op.call_ns = ct_now();
		atomic_store(&w->busy, true);
		ct_op_run(fd, &w->op);
		write_line(w->client, &w->op);
		atomic_store(&w->busy, false);
		count(&w->op);
		failures = w->op.status == CT_FAIL ? failures + 1 : 0;
		if (failures)
			fd = after_error(w, fd, failures);
	}
	if (fd >= 0)
		close(fd);
	atomic_store(&w->gone, true);
	return NULL;
}

static void start(struct worker *w)
{
	pid_t pid;

	w->client = next_client++;
	w->rng = opt.seed ^ ((uint64_t)w->client << 32);
	atomic_store(&w->gone, false);
	if (!opt.processes) {
		int err = pthread_create(&w->thread, NULL, work, w);

		if (err)
			ct_die("cannot make a thread", err);
		return;
	}
	pid = fork();
	if (pid < 0)
		ct_die("cannot fork", errno);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		work(w);
		_exit(0);
	}
	w->pid = pid;	/* shared memory: only the parent may write it */
}

/*
 * The one line that a killed worker could not write. It goes under a client of
 * its own: the worker may have written it, and died before it said so.
 */
static void bury(struct worker *w)
{
	if (waitpid(w->pid, NULL, 0) != w->pid)
		return;
	w->pid = 0;
	if (!atomic_exchange(&w->busy, false))
		return;
	w->op.status = CT_UNKNOWN;
	w->op.err = ENOTRECOVERABLE;
	w->op.return_ns = ct_now();
	if (w->op.kind == CT_INC || w->op.kind == CT_ADD) {
		write_line(next_client++, &w->op);
		count(&w->op);
	}
}

/* --- the parent ---------------------------------------------------------- */

static void on_stop(int sig)
{
	(void)sig;
	atomic_store(&shared->stop, true);
}

static void on_interrupt(int sig)
{
	(void)sig;
}

static void handle(int sig, void (*fn)(int))
{
	struct sigaction sa = { .sa_handler = fn };	/* no SA_RESTART */

	sigaction(sig, &sa, NULL);
}

/* A process that died of itself is gone, too, whatever it could still say. */
static bool is_gone(struct worker *w)
{
	siginfo_t info = { 0 };

	if (atomic_load(&w->gone))
		return true;
	if (!opt.processes)
		return false;
	waitid(P_PID, (id_t)w->pid, &info, WEXITED | WNOHANG | WNOWAIT);
	return info.si_pid == w->pid;
}

static bool all_gone(void)
{
	for (unsigned int i = 0; i < opt.n_workers; i++)
		if (!is_gone(&shared->workers[i]))
			return false;
	return true;
}

static void disturb(struct worker *w, bool fatal)
{
	if (is_gone(w))
		return;
	if (!fatal && !opt.processes) {
		pthread_kill(w->thread, SIGUSR1);
		return;
	}
	kill(w->pid, fatal ? SIGKILL : SIGUSR1);
	if (fatal) {
		bury(w);
		start(w);
	}
}

/* Every call has a deadline: one that does not come back is a finding. */
static void stuck(void)
{
	for (unsigned int i = 0; i < opt.n_workers; i++) {
		struct worker *w = &shared->workers[i];

		if (!is_gone(w))
			fprintf(stderr, "ct-history: client %u: %s of %s called at %" PRIu64
				" has not returned\n", w->client, ct_kind_names[w->op.kind],
				w->op.name, w->op.call_ns);
	}
	_exit(3);
}

/* Watch over the workers until time, operations or a signal end the run. */
static void watch(void)
{
	uint64_t rng = ~opt.seed, now = ct_now(), end = UINT64_MAX;
	uint64_t kill_at = now + opt.kill_ns, interrupt_at = now + opt.interrupt_ns;
	uint64_t stopped = 0;

	if (opt.seconds > 0)
		end = now + (uint64_t)(opt.seconds * 1e9);
	while (!all_gone()) {
		nap(MSEC);
		now = ct_now();
		if (now >= end)
			atomic_store(&shared->stop, true);
		if (atomic_load(&shared->stop)) {
			stopped = stopped ? stopped : now;
			if (now - stopped > opt.timeout_ns + GRACE)
				stuck();
			continue;
		}
		if (opt.kill_ns && now >= kill_at) {
			disturb(&shared->workers[rnd(&rng) % opt.n_workers], true);
			kill_at = now + opt.kill_ns;
		}
		if (opt.interrupt_ns && now >= interrupt_at) {
			disturb(&shared->workers[rnd(&rng) % opt.n_workers], false);
			interrupt_at = now + opt.interrupt_ns;
		}
	}
	for (unsigned int i = 0; i < opt.n_workers; i++) {
		if (opt.processes)
			bury(&shared->workers[i]);
		else
			pthread_join(shared->workers[i].thread, NULL);
	}
}

static double quantile(double q)
{
	unsigned long long sum = 0, want;
	unsigned int b;

	want = (unsigned long long)(q * (double)atomic_load(&shared->count[CT_OK]));
	for (b = 0; b < BUCKETS - 1; b++) {
		sum += atomic_load(&shared->latency[b]);
		if (sum > want)
			break;
	}
	if (b < 4 * STEPS)
		return (double)(b < STEPS ? b : STEPS) / 1000;
	return (double)((STEPS + b % STEPS) * (1ull << (b / STEPS - 4))) / 1000;
}

static void report(uint64_t began)
{
	double took = (double)(ct_now() - began) / 1e9;
	unsigned long long ok = atomic_load(&shared->count[CT_OK]);

	printf("# %llu ok, %llu failed, %llu unknown in %.2f s: %.0f a second; "
	       "us p50 %.0f, p99 %.0f, max %.0f\n", ok,
	       (unsigned long long)atomic_load(&shared->count[CT_FAIL]),
	       (unsigned long long)atomic_load(&shared->count[CT_UNKNOWN]), took,
	       (double)ok / took, quantile(0.5), quantile(0.99), quantile(0.9999999));
	for (int e = 0; e < ERRNOS; e++)
		if (atomic_load(&shared->errors[e]))
			printf("#   %s %llu\n", ct_errno_name(e),
			       (unsigned long long)atomic_load(&shared->errors[e]));
}

/* --- beginning ----------------------------------------------------------- */

static void probe(void)
{
	int fd = open(opt.device, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		ct_die(opt.device, errno);
	close(fd);
}

/* All of it is in the file. */
static void close_output(void)
{
	int status = 0;

	close(out_fd);
	if (recorder && (waitpid(recorder, &status, 0) != recorder || status))
		ct_die("the history is not complete", 0);
}

static void open_output(void)
{
	char line[96];
	int len;

	out_fd = strcmp(opt.out, "-") ? open(opt.out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
					     0644) : dup(1);
	if (out_fd < 0)
		ct_die(opt.out, errno);
	len = snprintf(line, sizeof(line), "# ct-history seed %" PRIu64 "\n", opt.seed);
	if (write(out_fd, line, (size_t)len) != len)
		ct_die(opt.out, errno);
	if (!opt.processes)
		return;
	recorder = record_by_pipe(&out_fd);
	if (recorder < 0)
		ct_die("no process that records", errno);
}

int main(int argc, char **argv)
{
	uint64_t began;

	ct_options(argc, argv);
	next_client = opt.first_client;
	probe();
	open_output();
	printf("# seed %" PRIu64 ", %u callers\n", opt.seed, opt.n_workers);
	fflush(stdout);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		ct_die("no memory", errno);
	atomic_store(&shared->left, opt.ops);
	handle(SIGINT, on_stop);
	handle(SIGTERM, on_stop);
	handle(SIGUSR1, on_interrupt);
	began = ct_now();
	for (unsigned int i = 0; i < opt.n_workers; i++) {
		if (opt.n_netns)
			shared->workers[i].netns = opt.netns[i % opt.n_netns];
		start(&shared->workers[i]);
	}
	watch();
	close_output();
	report(began);
	return atomic_load(&shared->count[CT_OK]) < opt.min_ok;
}
