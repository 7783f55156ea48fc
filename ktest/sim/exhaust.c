// SPDX-License-Identifier: GPL-2.0
/*
 * Short workloads, exhaustively: at each step of one node's storage the power is
 * cut in every way that there is. A step is a write, a flush, or a report; the
 * ways are the subsets of the sectors that are not stable then. Each cut is a
 * process of its own, forked where it happens: there the node starts again, the
 * workload goes on, and in the end everything is healed and progress demanded,
 * with all the checks of the simulator. Some workloads are cut twice.
 */
#include <getopt.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "exhaust.h"

enum {
	ALL_UP_TO = 10,		/* sectors: 1024 subsets; of more, a choice */
	CHOSEN = 256,		/* by chance, beside the regular ones */
	JOBS_MAX = 16,
};

/**
 * struct ex - where this process is
 * @name: of the workload
 * @on: cuts are made
 * @victim: slot of the node whose power is cut
 * @depth: how many cuts lie behind
 * @max_depth: how many there may be
 * @step: steps of the victim's storage since the last cut
 * @running: children
 * @failed: some of them
 * @path: the cuts behind, as "STEP:WAY,"
 * @replay: how to see this one again
 */
static struct ex {
	const char *name;
	bool on;
	u8 victim;
	u32 depth;
	u32 max_depth;
	u32 step;
	u32 running;
	bool failed;
	char path[64];
	char replay[192];
} ex;

static u64 *cuts;	/* made in all processes */

static struct options {
	u32 jobs;
	enum mutant mutant;
	const char *only;
	const char *path;	/* this one cut only */
	bool trace;
	bool expect_failure;
} opt = { .jobs = 2 };

/* ------------------------------------------------------------------- cuts */

static void reap(void)
{
	int status;

	if (wait(&status) <= 0)
		return;
	ex.running--;
	ex.failed |= status != 0;
}

/* The way is a number: bit i, does the i-th unstable sector survive? */
static bool survives(void *ctx, u32 i)
{
	const u64 *way = ctx;

	return i < 64 && *way >> i & 1;
}

static void name_cut(char *path, u64 way)
{
	snprintf(path, 96, "%.64s%u:%llx,", ex.path, ex.step, way);
}

static bool wanted(u64 way)
{
	char path[96];

	name_cut(path, way);
	return !opt.path || !strncmp(opt.path, path, strlen(path));
}

/* True: this is the process in which the power is gone. */
static bool cut_way(struct world *w, struct node *n, u64 way)
{
	char path[96];
	pid_t pid;

	if (!wanted(way) || (ex.failed && opt.expect_failure))
		return false;
	while (ex.running >= opt.jobs)
		reap();
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (pid) {
		ex.running++;
		return false;
	}
	__atomic_add_fetch(cuts, 1, __ATOMIC_RELAXED);
	name_cut(path, way);
	snprintf(ex.path, sizeof(ex.path), "%.63s", path);
	snprintf(ex.replay, sizeof(ex.replay),
		 "ktest/sim/exhaust --only '%s' --path %s -v", ex.name, ex.path);
	ex.depth++;
	ex.on = ex.depth < ex.max_depth;
	ex.step = 0;
	ex.running = 0;
	ex.failed = false;
	trace(w, "%s: the power is cut, %s", n->name, ex.path);
	storage_cut(n, survives, &way);
	return true;
}

/* Too many for all of them: none, all, all but one, one, the first few; some. */
static bool cut_some(struct world *w, struct node *n, u32 sectors)
{
	u64 all = sectors >= 64 ? ~0ULL : (1ULL << sectors) - 1;
	struct rng g = { .state = ex.step };
	u32 i;

	if (cut_way(w, n, 0) || cut_way(w, n, all))
		return true;
	for (i = 0; i < sectors && i < 64; i++)
		if (cut_way(w, n, 1ULL << i) || cut_way(w, n, all & ~(1ULL << i)) ||
		    cut_way(w, n, (1ULL << i) - 1))
			return true;
	for (i = 0; i < CHOSEN; i++)
		if (cut_way(w, n, rng_next(&g) & all))
			return true;
	return false;
}

static bool boundary(struct world *w, struct node *n)
{
	u32 sectors = n->s->d.n_list;
	u64 way;

	if (!ex.on || n->slot != ex.victim)
		return false;
	ex.step++;
	if (sectors > ALL_UP_TO)
		return cut_some(w, n, sectors);
	for (way = 0; !(way >> sectors); way++)
		if (cut_way(w, n, way))
			return true;
	return false;
}

void exhaust_begin(u8 victim)
{
	ex.victim = victim;
	ex.on = ex.max_depth;
}

/* ----------------------------------------------------------------- the rest */

static void calm(struct knobs *k, const struct workload *l)
{
	k->members = l->members;
	k->durable = true;
	k->disk = true;
	k->delay_min = 20 * US;
	k->delay_max = 20 * US;
	k->disk_min = 50 * US;
	k->disk_max = 50 * US;
	k->n_slots = 256;
	k->n_bytes = 1 << 15;
	k->batch = 1144;
	k->compact_at = 16;
	k->objects_max = 1 << 20;
	k->ring = 2048;
	k->ring_at = l->ring_at;
	k->ring_share = 32;
	k->group = 1 << 16;
}

/* In a child this comes back in the child, and ends there, too. */
static void __attribute__((noreturn)) run(const struct workload *l)
{
	struct world *w = xcalloc(1, sizeof(*w));

	memset(&ex, 0, sizeof(ex));
	ex.name = l->name;
	ex.max_depth = l->depth;
	calm(&w->k, l);
	w->seed = 1;
	w->out = opt.trace ? stdout : NULL;
	w->stamp = true;
	w->mutant = opt.mutant;
	w->boundary = boundary;
	w->quiet_clients = true;
	w->replay = ex.replay;
	world_begin(w, false);
	world_until(w, w->now + 500 * MS);
	l->run(w);
	ex.on = false;
	world_end(w);
	while (ex.running)
		reap();
	_exit(ex.failed);
}

/* Well? At least one cut must have been made. */
static bool run_apart(const struct workload *l)
{
	int status = 1;
	pid_t pid;

	*cuts = 0;
	fflush(NULL);
	pid = fork();
	if (!pid)
		run(l);
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status && *cuts;
}

static int find_mutant(const char *name)
{
	int i;

	for (i = 1; i < MUT_N; i++)
		if (!strcmp(name, mutant_name[i]))
			return i;
	fprintf(stderr, "no such mutant: %s\n", name);
	exit(2);
}

static const char usage[] =
"usage: exhaust [options]\n"
"  --only NAME         this workload only\n"
"  --path STEP:WAY,    this cut only\n"
"  --mutant NAME       be wrong in this way; see sim --list-mutants\n"
"  --expect-failure    succeed if, and only if, a cut fails\n"
"  -j N                processes\n"
"  -v                  trace every event\n";

static void parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "only", 1, NULL, 'o' }, { "path", 1, NULL, 'p' },
		{ "mutant", 1, NULL, 'm' }, { "expect-failure", 0, NULL, 'x' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "j:v", longs, NULL)) >= 0) {
		if (c == 'o')
			opt.only = optarg;
		else if (c == 'p')
			opt.path = optarg;
		else if (c == 'm')
			opt.mutant = find_mutant(optarg);
		else if (c == 'x')
			opt.expect_failure = true;
		else if (c == 'j')
			opt.jobs = strtoul(optarg, NULL, 0);
		else if (c == 'v')
			opt.trace = true;
		else
			break;
	}
	if (c >= 0 || optind != argc || !opt.jobs || opt.jobs > JOBS_MAX) {
		fputs(usage, stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	bool failed = false;
	u32 i, n = 0;

	parse(argc, argv);
	cuts = mmap(NULL, sizeof(*cuts), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (i = 0; i < n_workloads; i++) {
		const struct workload *l = &workloads[i];
		bool bad;

		if (opt.only && strcmp(opt.only, l->name))
			continue;
		bad = !run_apart(l);
		failed |= bad;
		if (opt.expect_failure && failed)
			break;
		if (!opt.expect_failure)
			printf("%sok %u - exhaustive: %s, %llu power cuts\n",
			       bad ? "not " : "", ++n, l->name, *cuts);
	}
	if (opt.expect_failure) {
		printf("%sok 1 - mutant %s is caught exhaustively\n1..1\n",
		       failed ? "" : "not ", mutant_name[opt.mutant]);
		return !failed;
	}
	printf("1..%u\n", n);
	return failed;
}
