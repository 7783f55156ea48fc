// SPDX-License-Identifier: GPL-2.0
/*
 * ct-lock: takes and gives back locks from many processes, and kills them.
 *
 *	ct-lock [-g NETNS]... [-t WORKERS] [-l LOCKS] [-k ROUNDS] [-K MS] [-H MS] [-W MS]
 *		[-T MS] [-r RATE] [-s SECONDS] [-n NAME] [-o HISTORY] [-w WITNESS] [-L] [-S SEED]
 *
 * Each round one worker is killed by SIGKILL, in turn one that holds a lock and one
 * that waits for one, if there are such, and another takes its place. -L: handles may be
 * lost, as nodes are cut off or go down meanwhile. Ends after the rounds, or SECONDS.
 *
 * Exits 1 if anything was wrong: two inside at once by a witness that knows nothing of
 * the cluster, a token that does not rise, a fence that is refused to a holder or
 * granted to another, a process that cannot be killed within 20 s, an error that may not
 * come. Prints "# KEY VALUE" for the rest: what that may be, the script knows.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../abi/ct.h"
#include "load.h"

#define REAPED_WITHIN (20 * SEC)
#define ENDS_WITHIN (120 * SEC)

struct load_options opt = {
	.witness = "/tmp/witness",
	.name = "lk",
	.workers = 4,
	.locks = 2,
	.kill_ns = 20 * MSEC,
	.hold_ns = 4 * MSEC,
	.wait_ns = 60 * SEC,
	.timeout_ns = 5 * SEC,
};

struct shared *shared;

/* Of the parent alone. */
static struct {
	unsigned int workers, kills, holders, waiters;
	uint64_t longest_reap_ns;
} seen;

void load_name(char name[CONSENSUS_NAME_SIZE], char kind, unsigned int lock)
{
	memset(name, 0, CONSENSUS_NAME_SIZE);
	snprintf(name, CONSENSUS_NAME_SIZE, "%.40s%c%u", opt.name, kind, lock);
}

static void on_signal(int number)
{
	(void)number;
	atomic_store(&shared->stop, true);
}

static void on_alarm(int number)
{
	(void)number;
}

static void handle(int number, void (*fn)(int))
{
	struct sigaction s = { .sa_handler = fn };

	sigaction(number, &s, NULL);
}

static void start(struct worker *w)
{
	pid_t pid;

	w->client = atomic_fetch_add(&shared->clients, 1);
	w->rng = (opt.seed ^ ((uint64_t)w->client << 32)) | 1;
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		bail("fork: %s", strerror(errno));
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		worker_run(w);
	}
	w->pid = pid;
}

/* ---- killing ---- */

static bool holds_any(const struct worker *w)
{
	return w->held[0].token || w->held[1].token;
}

static bool waits(const struct worker *w)
{
	return atomic_load(&w->busy) && w->op.kind == OP_ACQUIRE;
}

/* In turn one that holds and one that waits; any, if there is none. */
static struct worker *victim(uint64_t *rng)
{
	unsigned int from = (unsigned int)(random_next(rng) % seen.workers), i;
	struct worker *w;

	for (i = 0; i < seen.workers; i++) {
		w = &shared->worker[(from + i) % seen.workers];
		if (seen.kills % 2 ? waits(w) && !holds_any(w) : holds_any(w))
			return w;
	}
	return &shared->worker[from];
}

/* Who was not killed has ended in order. */
static void judge_end(const struct worker *w, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status))
		violation("client %u: exited with %d", w->client, WEXITSTATUS(status));
	else if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		violation("client %u: died of signal %d", w->client, WTERMSIG(status));
}

/* Nobody may ever have to wait to die. */
static void reap(struct worker *w)
{
	uint64_t begin = now_ns();
	int status;

	while (!waitpid(w->pid, &status, WNOHANG)) {
		if (now_ns() - begin > REAPED_WITHIN)
			bail("process %d cannot be killed", w->pid);
		usleep(100);
	}
	raise_to((_Atomic uint64_t *)&seen.longest_reap_ns, now_ns() - begin);
	judge_end(w, status);
}

static void kill_one(uint64_t *rng)
{
	struct worker *w = victim(rng);
	uint64_t at = now_ns();
	bool held, waited;

	kill(w->pid, SIGKILL);
	reap(w);
	held = holds_any(w);
	waited = !held && waits(w);
	seen.kills++;
	seen.holders += held;
	seen.waiters += waited;
	record_killed(w, at);
	w->pid = 0;
	start(w);
}

static void kill_rounds(void)
{
	uint64_t rng = ~opt.seed | 1, end = UINT64_MAX;

	if (opt.seconds > 0)
		end = now_ns() + (uint64_t)(opt.seconds * 1e9);
	while (!atomic_load(&shared->stop) && now_ns() < end) {
		usleep((useconds_t)(opt.kill_ns / 1000));
		if (opt.rounds && seen.kills == opt.rounds)
			break;
		if (opt.rounds)
			kill_one(&rng);
	}
}

/* Whoever waits does so for somebody that ends: all must come to an end by themselves. */
static void end_all(void)
{
	uint64_t until = now_ns() + ENDS_WITHIN;
	unsigned int i;
	int status;

	atomic_store(&shared->stop, true);
	for (i = 0; i < seen.workers; i++) {
		struct worker *w = &shared->worker[i];

		while (!waitpid(w->pid, &status, WNOHANG)) {
			if (now_ns() > until) {
				violation("client %u: its call %d of lock %u does not end",
					  w->client, w->op.kind, w->op.lock);
				kill(w->pid, SIGKILL);
				waitpid(w->pid, &status, 0);
				break;
			}
			usleep(1000);
		}
		judge_end(w, status);
		record_killed(w, now_ns());
	}
}

static void report(uint64_t began)
{
	int e;

	note("seconds %.1f", (double)(now_ns() - began) / 1e9);
	note("kills %u", seen.kills);
	note("killed_holders %u", seen.holders);
	note("killed_waiters %u", seen.waiters);
	note("grants %" PRIu64, (uint64_t)shared->grants);
	note("died %" PRIu64, (uint64_t)shared->died);
	note("lost %" PRIu64, (uint64_t)shared->lost);
	note("late %" PRIu64, (uint64_t)shared->late);
	note("longest_reap_us %" PRIu64, seen.longest_reap_ns / 1000);
	note("longest_idle_us %" PRIu64, (uint64_t)shared->longest_idle_ns / 1000);
	note("longest_wait_us %" PRIu64, (uint64_t)shared->longest_wait_ns / 1000);
	for (e = 0; e < KINDS_OF_ERROR; e++)
		if (shared->errors[e])
			note("errno %s %" PRIu64, strerrorname_np(e) ?: "?",
			     (uint64_t)shared->errors[e]);
	note("violations %u", shared->violations);
}

/* ---- the command line ---- */

static uint64_t number(const char *text)
{
	char *end;
	uint64_t v = strtoull(text, &end, 0);

	if (end == text || *end)
		bail("not a number: %s", text);
	return v;
}

static bool times(int c, const char *arg)
{
	switch (c) {
	case 'K':
		opt.kill_ns = number(arg) * MSEC;
		return true;
	case 'H':
		opt.hold_ns = number(arg) * MSEC;
		return true;
	case 'W':
		opt.wait_ns = number(arg) * MSEC;
		return true;
	case 'T':
		opt.timeout_ns = number(arg) * MSEC;
		return true;
	case 'r':
		opt.rate = atof(arg);
		return true;
	case 's':
		opt.seconds = atof(arg);
		return true;
	default:
		return false;
	}
}

static bool others(int c, const char *arg)
{
	switch (c) {
	case 'g':
		if (opt.groups == MAX_GROUPS)
			return false;
		opt.netns[opt.groups++] = arg;
		return true;
	case 't':
		opt.workers = (unsigned int)number(arg);
		return true;
	case 'l':
		opt.locks = (unsigned int)number(arg);
		return opt.locks && opt.locks <= MAX_LOCKS;
	case 'k':
		opt.rounds = (unsigned int)number(arg);
		return true;
	case 'n':
		opt.name = arg;
		return true;
	case 'o':
		opt.out = arg;
		return true;
	case 'w':
		opt.witness = arg;
		return true;
	case 'L':
		opt.losses = true;
		return true;
	case 'S':
		opt.seed = number(arg);
		return true;
	default:
		return false;
	}
}

static void options(int argc, char **argv)
{
	int c;

	opt.seed = now_ns();
	while ((c = getopt(argc, argv, "g:t:l:k:K:H:W:T:r:s:n:o:w:LS:")) != -1)
		if (!times(c, optarg) && !others(c, optarg))
			exit(2);
	seen.workers = opt.workers * (opt.groups ? opt.groups : 1);
	if (!seen.workers || seen.workers > MAX_WORKERS || optind != argc)
		exit(2);
}

int main(int argc, char **argv)
{
	uint64_t began;
	unsigned int i;

	options(argc, argv);
	note("seed %" PRIu64 ", %u workers, %u locks", opt.seed, seen.workers, opt.locks);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		bail("mmap: %s", strerror(errno));
	atomic_store(&shared->clients, 1);
	atomic_store(&shared->sessions, 1);
	record_open();
	handle(SIGTERM, on_signal);
	handle(SIGINT, on_signal);
	handle(SIGALRM, on_alarm);
	began = now_ns();
	for (i = 0; i < seen.workers; i++) {
		if (opt.groups)
			shared->worker[i].netns = opt.netns[i % opt.groups];
		start(&shared->worker[i]);
	}
	kill_rounds();
	end_all();
	record_close();
	report(began);
	return shared->violations ? 1 : 0;
}
