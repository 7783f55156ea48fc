// SPDX-License-Identifier: GPL-2.0
/* Options, many seeds on several processes, TAP. */
#include <getopt.h>
#include <malloc.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "sim.h"

enum { JOBS_MAX = 64, FAILURES_MAX = 64 };

/**
 * struct job - one process' progress, in memory shared with its parent
 * @seed: being run
 * @next: to be run next
 */
struct job {
	u64 seed;
	u64 next;
	u64 events;
	u64 cpu_ns;
	struct stats stat;
	pid_t pid;
};

static struct options {
	u64 from, to, events, block, floor;
	u32 nodes, jobs, stop_after;
	int storage;		/* 0 either, 1 durable, 2 memory */
	enum mutant mutant;
	bool trace, tap, expect_failure;
} opt = {
	.from = 1, .to = 1, .events = 20000, .block = 250, .jobs = 1,
	.stop_after = 3,
};

static const char usage[] =
"usage: sim [options]\n"
"  --seed S            run one seed (default 1)\n"
"  --seeds A..B        run these seeds\n"
"  --events N          events of each before healing (default 20000)\n"
"  --nodes N           members, 1 to 7 (default: by the seed)\n"
"  --storage KIND      durable or memory (default: by the seed)\n"
"  -j, --jobs N        processes\n"
"  --block N           seeds in one line of TAP (default 250)\n"
"  --mutant NAME       be wrong in this way; see --list-mutants\n"
"  --list-mutants      print their names\n"
"  --expect-failure    succeed if, and only if, a seed fails\n"
"  --floor N           fail if slower than N events a second and core\n"
"  -v                  trace every event to standard output\n"
"A seed that fails prints what was violated and how to replay it.\n";

static u64 cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void add_stats(struct stats *sum, const struct stats *s)
{
	u64 *to = (u64 *)sum;
	const u64 *from = (const u64 *)s;
	size_t i;

	for (i = 0; i < sizeof(*s) / sizeof(u64); i++)
		to[i] += from[i];
}

static void run_seed(u64 seed, struct job *j)
{
	struct world *w = xcalloc(1, sizeof(*w));
	char replay[160], nodes[24] = "";
	u64 start = cpu_now();

	if (opt.nodes)
		snprintf(nodes, sizeof(nodes), " --nodes %u", opt.nodes);
	snprintf(replay, sizeof(replay),
		 "ktest/sim/sim --seed %llu --events %llu%s%s%s%s -v", seed,
		 opt.events, nodes, opt.storage == 1 ? " --storage durable" :
		 opt.storage == 2 ? " --storage memory" : "",
		 opt.mutant ? " --mutant " : "",
		 opt.mutant ? mutant_name[opt.mutant] : "");
	w->seed = seed;
	w->out = opt.trace ? stdout : NULL;
	w->stamp = true;
	w->mutant = opt.mutant;
	w->replay = replay;
	w->k.members = opt.nodes;
	w->k.storage_given = opt.storage;
	w->k.durable = opt.storage == 1;
	world_run(w, opt.events);
	j->events += w->counted;
	add_stats(&j->stat, &w->stat);
	world_free(w);
	free(w);
	j->cpu_ns += cpu_now() - start;
}

static void run_job(struct job *j)
{
	while (j->next <= opt.to) {
		j->seed = j->next;
		j->next += opt.jobs;
		run_seed(j->seed, j);
	}
	_exit(0);
}

static void spawn(struct job *j)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (!pid)
		run_job(j);
	j->pid = pid;
}

static struct job *job_of(struct job *jobs, pid_t pid)
{
	u32 i;

	for (i = 0; i < opt.jobs; i++)
		if (jobs[i].pid == pid)
			return &jobs[i];
	return NULL;
}

static u64 report(const struct job *jobs)
{
	struct job sum = { 0 };
	struct stats *s = &sum.stat;
	u64 speed;
	u32 i;

	for (i = 0; i < opt.jobs; i++) {
		sum.events += jobs[i].events;
		sum.cpu_ns += jobs[i].cpu_ns;
		add_stats(s, &jobs[i].stat);
	}
	speed = sum.events * 1000 / (sum.cpu_ns / 1000000 + 1);
	printf("# %llu events, %llu events a second and core\n", sum.events,
	       speed);
	printf("# %llu requests: %llu answered, %llu definite errors, %llu unknown; %llu cancelled; %llu reads\n",
	       s->ops, s->acked, s->errors, s->unknown, s->cancels, s->reads);
	printf("# %llu runs of %llu requests; %llu with some resolved before, %llu closed, %llu that overflow; %llu requests in runs sent again, %llu in another grouping; %llu runs taken back\n",
	       s->runs, s->run_adds, s->run_known, s->run_closed, s->run_over,
	       s->resent, s->regrouped, s->unsent);
	printf("# %llu elections, %llu crashes, %llu snapshots, %llu installed, %llu compactions, %llu entries sent\n",
	       s->elections, s->crashes, s->snapshots, s->installs,
	       s->compactions, s->entries);
	printf("# %llu write groups; disks: %llu hung, %llu failed, %llu rotted; starts: %llu in doubt, %llu refused; %llu states compared\n",
	       s->groups, s->hung, s->broken, s->rotten, s->doubts, s->refused,
	       s->checks);
	printf("# %llu acquires, %llu granted, %llu lost; %llu fenced; %llu renewals, %llu expiries, %llu reaps; %llu in doubt who holds; resource: %llu writes, %llu refused\n",
	       s->acquires, s->grants, s->lost, s->fenced, s->renewals,
	       s->expiries, s->reaps, s->rivals, s->writes, s->refused_writes);
	return speed;
}

static int blocks(const u64 *failed, u32 n_failed, u64 speed)
{
	u64 from, n = 0;
	bool slow = speed < opt.floor;
	u32 i;

	for (from = opt.from; from <= opt.to; from += opt.block) {
		u64 to = min(opt.to, from + opt.block - 1);
		u32 bad = 0;

		for (i = 0; i < n_failed; i++)
			bad += failed[i] >= from && failed[i] <= to;
		printf("%sok %llu - simulator, seeds %llu to %llu%s\n",
		       bad ? "not " : "", ++n, from, to,
		       opt.storage == 1 ? ", durable" :
		       opt.storage == 2 ? ", memory" : "");
	}
	if (opt.floor)
		printf("%sok %llu - simulator, at least %llu events a second and core\n",
		       slow ? "not " : "", ++n, opt.floor);
	printf("1..%llu\n", n);
	return n_failed || slow ? 1 : 0;
}

static int run_all(void)
{
	struct job *jobs = mmap(NULL, JOBS_MAX * sizeof(*jobs),
				PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	u64 failed[FAILURES_MAX], speed;
	u32 i, n_failed = 0;
	int status;
	pid_t pid;

	printf("# seeds %llu to %llu, %llu events each\n", opt.from, opt.to,
	       opt.events);
	for (i = 0; i < opt.jobs; i++) {
		jobs[i].next = opt.from + i;
		spawn(&jobs[i]);
	}
	while ((pid = wait(&status)) > 0) {
		struct job *j = job_of(jobs, pid);

		if (!j || !status)
			continue;
		if (WIFSIGNALED(status))
			fprintf(stderr, "# seed %llu: killed by signal %d\n#   replay: ktest/sim/sim --seed %llu --events %llu -v\n",
				j->seed, WTERMSIG(status), j->seed, opt.events);
		failed[n_failed++] = j->seed;
		if (n_failed < opt.stop_after && n_failed < FAILURES_MAX &&
		    j->next <= opt.to) {
			spawn(j);
			continue;
		}
		for (i = 0; n_failed >= opt.stop_after && i < opt.jobs; i++)
			jobs[i].next = opt.to + 1;
	}
	speed = report(jobs);
	if (opt.expect_failure) {
		printf("%sok 1 - mutant %s is caught%s\n1..1\n",
		       n_failed ? "" : "not ", mutant_name[opt.mutant],
		       n_failed ? "" : " by no seed");
		return !n_failed;
	}
	return blocks(failed, n_failed, speed);
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

static void parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seed", 1, NULL, 's' }, { "seeds", 1, NULL, 'S' },
		{ "events", 1, NULL, 'e' }, { "nodes", 1, NULL, 'n' },
		{ "storage", 1, NULL, 't' }, { "jobs", 1, NULL, 'j' },
		{ "block", 1, NULL, 'b' }, { "mutant", 1, NULL, 'm' },
		{ "list-mutants", 0, NULL, 'l' },
		{ "floor", 1, NULL, 'f' },
		{ "expect-failure", 0, NULL, 'x' },
		{ "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	int c, i;

	while ((c = getopt_long(argc, argv, "j:vh", longs, NULL)) >= 0)
		switch (c) {
		case 's':
			opt.from = strtoull(optarg, NULL, 0);
			opt.to = opt.from;
			break;
		case 'S':
			if (sscanf(optarg, "%llu..%llu", &opt.from, &opt.to) != 2)
				goto bad;
			break;
		case 'e':
			opt.events = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			opt.nodes = strtoul(optarg, NULL, 0);
			break;
		case 't':
			opt.storage = !strcmp(optarg, "durable") ? 1 : 2;
			break;
		case 'j':
			opt.jobs = strtoul(optarg, NULL, 0);
			break;
		case 'b':
			opt.block = strtoul(optarg, NULL, 0);
			break;
		case 'm':
			opt.mutant = find_mutant(optarg);
			break;
		case 'l':
			for (i = 1; i < MUT_N; i++)
				printf("%s\n", mutant_name[i]);
			exit(0);
		case 'f':
			opt.floor = strtoull(optarg, NULL, 0);
			break;
		case 'x':
			opt.expect_failure = true;
			opt.stop_after = 1;
			break;
		case 'v':
			opt.trace = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			goto bad;
		}
	if (optind == argc && opt.nodes <= 7 && opt.jobs && opt.block &&
	    opt.jobs <= JOBS_MAX && opt.from <= opt.to)
		return;
bad:
	fputs(usage, stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct job one = { 0 };

	mallopt(M_MMAP_THRESHOLD, 1 << 25);
	mallopt(M_TRIM_THRESHOLD, 1 << 28);
	parse(argc, argv);
	if (opt.from != opt.to || opt.expect_failure)
		return run_all();
	printf("# seed %llu, %llu events\n", opt.from, opt.events);
	fflush(stdout);
	run_seed(opt.from, &one);
	opt.jobs = 1;
	return blocks(NULL, 0, report(&one));
}
