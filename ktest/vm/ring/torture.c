// SPDX-License-Identifier: GPL-2.0
/*
 * ct-torture: processes with thousands of operations under way, by every door, are killed.
 *
 *	ct-torture [-g NETNS]... [-t SLOTS] [-d DEPTH] [-k ROUNDS] [-s SECONDS] [-K MS] [-Q MS]
 *		[-L MS] [-H MS] [-T MS] [-D DOOR]... [-n NAME] [-q] [-S SEED]
 *
 * Each slot has a worker that holds the slot's lock, and one that waits for it. In turns, up
 * to half of the slots have one of theirs killed by SIGKILL, and another takes its place.
 * -q: there is no quorum, until "# dead" was printed. Ends after ROUNDS kills or SECONDS,
 * by killing all. DOORs have the names of "# by_DOOR".
 *
 * Exits 1 if anything was wrong: a process or a handle of one that is not gone within -L
 * ms, a lock that is not the next one's within -H ms, a completion twice or of nothing, a
 * sum that does not come out, an effect of the dead -Q ms after their death. Prints
 * "# KEY VALUE" for the rest; -S repeats the choices of a run, not its schedule.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lock/lk.h"
#include "torture.h"

enum { VIOLATIONS_SHOWN = 20 };

#define GIVE_UP (120 * SEC)	/* nothing takes that long but a hang */

struct torture_options opt = {
	.name = "torture",
	.slots = 3,
	.depth = 256,
	.kill_ns = 200 * MSEC,
	.settle_ns = 3 * SEC,
	.limit_ns = 3 * SEC,
	.handover_ns = 20 * SEC,
	.timeout_ns = 20 * SEC,
};

struct shared *shared;

/* Of the parent alone. */
static struct {
	unsigned int slots, kills, front[MAX_SLOTS], kills_by_door[DOORS];
	uint64_t longest_reap, longest_release, longest_handover;
	uint64_t killed_under_way, most_under_way;
	unsigned long refs;	/* of the module, without any worker */
	int fd, wall;
	atomic_bool stop;
} seen;

void violation(const char *text, ...)
{
	unsigned int n = atomic_fetch_add(&shared->violations, 1);
	char line[256];
	va_list args;

	if (n >= VIOLATIONS_SHOWN)
		return;
	va_start(args, text);
	vsnprintf(line, sizeof(line), text, args);
	va_end(args);
	note("violation: %s", line);
}

void torture_name(char name[CONSENSUS_NAME_SIZE], const char *kind, unsigned int number)
{
	memset(name, 0, CONSENSUS_NAME_SIZE);
	snprintf(name, CONSENSUS_NAME_SIZE, "%.30s-%.10s%u", opt.name, kind, number);
}

/* ---- what the kernel has ---- */

static unsigned long refs(void)
{
	char text[32] = "";
	int fd = open("/sys/module/consensus/refcnt", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		bail("no count of the module's users: %s", strerror(errno));
	close(fd);
	return strtoul(text, NULL, 10);
}

static unsigned long expected(void)
{
	unsigned long n = seen.refs;
	unsigned int i;

	for (i = 0; i < 2 * seen.slots; i++)
		n += atomic_load(&shared->worker[i / 2][i % 2].handles);
	return n;
}

static uint64_t under_way(void)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; i < 2 * seen.slots; i++)
		n += atomic_load(&shared->worker[i / 2][i % 2].under_way);
	return n;
}

static void longest(uint64_t *most, uint64_t ns)
{
	if (ns > *most)
		*most = ns;
}

/* ---- life and death ---- */

static enum door next_door(unsigned int life)
{
	unsigned int door = life % DOORS;

	while (!(opt.doors & 1U << door))
		door = (door + 1) % DOORS;
	return (enum door)door;
}

static void start(struct worker *w)
{
	pid_t pid;

	w->life = atomic_fetch_add(&shared->lives, 1);
	if (w->life >= MAX_LIVES)
		bail("too many lives");
	w->door = next_door(w->life);
	w->seed = ((opt.seed ^ (uint64_t)w->life << 32) * 0x9e3779b97f4a7c15ULL) | 1;
	w->stage = STAGE_BORN;
	w->granted_ns = 0;
	w->under_way = 0;
	w->handles = 0;
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		bail("fork: %s", strerror(errno));
	if (!pid)
		door_run(w);
	w->pid = pid;
}

/* Nobody has to wait to die. */
static void reap(struct worker *w, uint64_t at)
{
	uint64_t took;

	while (!waitpid(w->pid, NULL, WNOHANG)) {
		if (now_ns() - at > GIVE_UP)
			bail("worker %u by %s, pid %d, cannot be killed; %u under way", w->life,
			     door_names[w->door], w->pid, w->under_way);
		usleep(500);
	}
	took = now_ns() - at;
	longest(&seen.longest_reap, took);
	if (took > opt.limit_ns)
		violation("worker %u by %s took %" PRIu64 " ms to die, with %u under way", w->life,
			  door_names[w->door], took / MSEC, w->under_way);
	shared->life[w->life].died_ns = now_ns();
}

/* Its handle goes, however it was held. Who does not is counted once. */
static void released(const char *whose, uint64_t at)
{
	uint64_t took;

	while (refs() > expected() && now_ns() - at < opt.limit_ns)
		usleep(2000);
	took = now_ns() - at;
	if (refs() > expected()) {
		violation("%lu handles too many are left of %s after %" PRIu64 " ms",
			  refs() - expected(), whose, took / MSEC);
		seen.refs += refs() - expected();
	} else {
		longest(&seen.longest_release, took);
	}
}

/* Who waited for the slot's lock has it. */
static void inherited(struct worker *heir, bool waited, uint64_t at)
{
	uint64_t begin = now_ns();

	while (atomic_load(&heir->stage) != STAGE_WORKS) {
		if (now_ns() - begin > opt.handover_ns) {
			violation("worker %u by %s has not got its slot's lock in %" PRIu64 " ms",
				  heir->life, door_names[heir->door],
				  (uint64_t)(opt.handover_ns / MSEC));
			return;
		}
		usleep(1000);
	}
	if (waited)
		longest(&seen.longest_handover, heir->granted_ns - at);
}

static void count_kill(const struct worker *w)
{
	uint64_t all = under_way();

	seen.kills++;
	seen.kills_by_door[w->door]++;
	seen.killed_under_way += w->under_way;
	longest(&seen.most_under_way, all);
}

/**
 * struct victim - one that is killed in a round
 * @w: who
 * @heir: who waits for its slot's lock, or has it
 * @holder: it has the lock itself
 * @waited: the heir did so when it was killed
 */
struct victim {
	struct worker *w, *heir;
	bool holder, waited;
};

/* Of that slot: mostly who holds its lock. */
static struct victim choose(uint64_t *rng, unsigned int slot)
{
	bool holder = random_next(rng) % 5;
	unsigned int which = holder ? seen.front[slot] : !seen.front[slot];
	struct victim v = {
		.w = &shared->worker[slot][which],
		.heir = &shared->worker[slot][!which],
		.holder = holder,
	};

	v.waited = holder && atomic_load(&v.heir->stage) == STAGE_WAITS;
	return v;
}

static void bury(struct victim *v, unsigned int n, uint64_t at)
{
	char whose[80] = "";
	unsigned int i;

	for (i = 0; i < n; i++) {
		reap(v[i].w, at);
		v[i].w->handles = 0;
		snprintf(whose + strlen(whose), sizeof(whose) - strlen(whose), " %s",
			 door_names[v[i].w->door]);
	}
	released(whose + 1, at);
	for (i = 0; i < n; i++) {
		if (v[i].holder && !opt.alone)
			inherited(v[i].heir, v[i].waited, at);
		if (v[i].holder)
			seen.front[v[i].w->slot] = !seen.front[v[i].w->slot];
		start(v[i].w);
	}
}

/* Of some slots at once. */
static void kill_some(uint64_t *rng)
{
	unsigned int most = (seen.slots + 1) / 2, first, n, i;
	struct victim v[MAX_SLOTS];
	uint64_t at;

	if (opt.rounds && opt.rounds - seen.kills < most)
		most = opt.rounds - seen.kills;
	n = 1 + (unsigned int)(random_next(rng) % most);
	first = (unsigned int)(random_next(rng) % seen.slots);
	for (i = 0; i < n; i++) {
		v[i] = choose(rng, (first + i) % seen.slots);
		count_kill(v[i].w);
	}
	at = now_ns();
	for (i = 0; i < n; i++)
		kill(v[i].w->pid, SIGKILL);
	bury(v, n, at);
}

static void kill_all(void)
{
	unsigned int i;
	uint64_t at;

	seen.killed_under_way += under_way();
	longest(&seen.most_under_way, under_way());
	at = now_ns();
	for (i = 0; i < 2 * seen.slots; i++)
		kill(shared->worker[i / 2][i % 2].pid, SIGKILL);
	for (i = 0; i < 2 * seen.slots; i++) {
		reap(&shared->worker[i / 2][i % 2], at);
		shared->worker[i / 2][i % 2].handles = 0;
	}
	released("all", at);
}

static void on_signal(int number)
{
	(void)number;
	atomic_store(&seen.stop, true);
}

static void rounds(void)
{
	uint64_t rng = ~opt.seed | 1, end = UINT64_MAX;

	if (opt.seconds > 0)
		end = now_ns() + (uint64_t)(opt.seconds * 1e9);
	while (!atomic_load(&seen.stop) && now_ns() < end) {
		usleep((useconds_t)(random_next(&rng) % (opt.kill_ns / 1000 + 1)));
		if (opt.rounds && seen.kills == opt.rounds)
			break;
		kill_some(&rng);
		if (!opt.alone)
			judge_some(seen.fd);
	}
}

/* ---- begin and end ---- */

/* Who wants one of these waits for as long as it likes. */
static void build_walls(void)
{
	char name[CONSENSUS_NAME_SIZE];
	unsigned int i;
	int error;

	for (i = 0; i < WALLS; i++) {
		torture_name(name, "wall", i);
		error = lk_acquire(seen.wall, name, 0, 60 * SEC, NULL);
		if (error)
			bail("%s: %s", name, strerror(error));
	}
}

static void begin(void)
{
	unsigned int i;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		bail("mmap: %s", strerror(errno));
	seen.fd = lk_open(opt.netns[0], O_RDWR);
	seen.wall = lk_open(opt.netns[0], O_RDWR);
	if (seen.fd < 0 || seen.wall < 0)
		bail("no handle: %s", strerror(errno));
	if (!opt.alone)
		build_walls();
	seen.refs = refs();
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	for (i = 0; i < 2 * seen.slots; i++) {
		shared->worker[i / 2][i % 2].slot = i / 2;
		shared->worker[i / 2][i % 2].netns =
			opt.groups ? opt.netns[i / 2 % opt.groups] : NULL;
	}
	/* the first of each slot works before the second one comes */
	for (i = 0; i < seen.slots; i++)
		start(&shared->worker[i][0]);
	for (i = 0; i < seen.slots; i++) {
		if (!opt.alone)
			inherited(&shared->worker[i][0], false, now_ns());
		start(&shared->worker[i][1]);
	}
}

static void report(uint64_t began)
{
	unsigned int i;

	note("seconds %.1f", (double)(now_ns() - began) / 1e9);
	note("kills %u", seen.kills);
	note("lives %u", shared->lives);
	note("longest_reap_ms %" PRIu64, seen.longest_reap / MSEC);
	note("longest_release_ms %" PRIu64, seen.longest_release / MSEC);
	note("longest_handover_ms %" PRIu64, seen.longest_handover / MSEC);
	note("most_under_way %" PRIu64, seen.most_under_way);
	note("killed_under_way %" PRIu64, seen.killed_under_way);
	note("answers %" PRIu64, (uint64_t)shared->answers);
	note("acked %" PRIu64, (uint64_t)shared->acked);
	note("grants %" PRIu64, (uint64_t)shared->grants);
	for (i = 0; i < DOORS; i++)
		if (opt.doors & 1U << i)
			note("by_%s %" PRIu64 " answers, %u kills", door_names[i],
			     (uint64_t)shared->by_door[i], seen.kills_by_door[i]);
	for (i = 0; i < KINDS_OF_ERROR; i++)
		if (shared->errors[i])
			note("errno %s %" PRIu64, i ? strerrorname_np((int)i) : "success",
			     (uint64_t)shared->errors[i]);
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
	uint64_t *ns = c == 'K' ? &opt.kill_ns : c == 'Q' ? &opt.settle_ns :
		       c == 'L' ? &opt.limit_ns : c == 'H' ? &opt.handover_ns :
		       c == 'T' ? &opt.timeout_ns : NULL;

	if (ns)
		*ns = number(arg) * MSEC;
	else if (c == 's')
		opt.seconds = atof(arg);
	return ns || c == 's';
}

static bool door(const char *name)
{
	unsigned int i;

	for (i = 0; i < DOORS; i++)
		if (!strcmp(name, door_names[i]))
			opt.doors |= 1U << i;
	return opt.doors;
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
		opt.slots = (unsigned int)number(arg);
		return true;
	case 'd':
		opt.depth = (unsigned int)number(arg);
		return opt.depth && opt.depth <= MAX_DEPTH;
	case 'k':
		opt.rounds = (unsigned int)number(arg);
		return true;
	case 'D':
		return door(arg);
	case 'n':
		opt.name = arg;
		return true;
	case 'q':
		opt.alone = true;
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
	while ((c = getopt(argc, argv, "g:t:d:k:s:K:Q:L:H:T:D:n:qS:")) != -1)
		if (!times(c, optarg) && !others(c, optarg))
			exit(2);
	seen.slots = opt.slots * (opt.groups ? opt.groups : 1);
	if (!seen.slots || seen.slots > MAX_SLOTS || !opt.timeout_ns || optind != argc)
		exit(2);
	if (!opt.doors)
		opt.doors = (1U << DOORS) - 1;
}

int main(int argc, char **argv)
{
	uint64_t began;

	options(argc, argv);
	note("seed %" PRIu64 ", %u slots, %u under way in each", opt.seed, seen.slots, opt.depth);
	begin();
	began = now_ns();
	rounds();
	kill_all();
	note("dead %u", shared->lives);
	judge_all(seen.fd);
	report(began);
	return shared->violations ? 1 : 0;
}
