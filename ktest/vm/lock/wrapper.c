// SPDX-License-Identifier: GPL-2.0
/*
 * Kills wrappers: contenders run `consensusctl lock NAME -- ct-alone FILE MS` one after
 * the other, each in its namespace; now and then the wrapper of one of them is killed by
 * SIGKILL, at any moment of its life, and another begins.
 *
 *	ct-wrapper -g NETNS [-g NETNS]... [-k ROUNDS] [-m MS] [-i] [-G] [-S SEED] NAME FILE
 *
 * What was wrong is in FILE.wrong (see ct-alone). Exits 1 if a wrapper ended by itself
 * with another status than 0, or cannot be killed. -i: the commands ignore SIGTERM. -G: not
 * the wrapper is killed but its guardian, if it has one yet; then it may end as it likes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../abi/ct.h"

enum { MAX_SLOTS = 8 };

/**
 * struct slot - a contender
 * @netns: where
 * @pid: of the wrapper
 * @began: ns
 * @orphaned: its guardian was killed
 */
static struct slot {
	const char *netns;
	pid_t pid;
	uint64_t began;
	bool orphaned;
} slot[MAX_SLOTS];

static const char *lock_name, *file, *ms = "5";
static unsigned int slots, rounds = 100, killed, ended;
/* @life_ns: how long one lives that is not killed, about */
static uint64_t seed, life_ns;
static bool stubborn, guardians, bad;

static void start(struct slot *s)
{
	s->began = now_ns();
	s->orphaned = false;
	s->pid = fork();
	if (s->pid < 0)
		bail("fork: %s", strerror(errno));
	if (!s->pid) {
		int ns = open(s->netns, O_RDONLY | O_CLOEXEC);

		if (ns < 0 || setns(ns, CLONE_NEWNET))
			_exit(99);
		execlp("consensusctl", "consensusctl", "lock", lock_name, "--", "ct-alone",
		       file, ms, stubborn ? "-i" : NULL, NULL);
		_exit(98);
	}
}

/* Has it ended by itself? Then another one begins, and its time is remembered. */
static void look(struct slot *s)
{
	int status;

	if (waitpid(s->pid, &status, WNOHANG) != s->pid)
		return;
	ended++;
	if (!s->orphaned && (!WIFEXITED(status) || WEXITSTATUS(status))) {
		note("a wrapper ended by itself with status 0x%x", status);
		bad = true;
	}
	life_ns += (now_ns() - s->began) / 8 - life_ns / 8;
	start(s);
}

/* Parent of a process; 0: there is none of that number. */
static pid_t parent_of(const char *number)
{
	char path[64], text[512] = "";
	pid_t parent = 0;
	const char *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", number);
	f = fopen(path, "r");
	if (!f)
		return 0;
	at = fgets(text, sizeof(text), f) ? strrchr(text, ')') : NULL;
	fclose(f);
	return at && sscanf(at, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* A child of a wrapper; 0: it has none. */
static pid_t guardian_of(pid_t wrapper)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	pid_t found = 0;

	if (!proc)
		bail("/proc: %s", strerror(errno));
	while (!found && (d = readdir(proc)))
		if (*d->d_name >= '1' && *d->d_name <= '9' && parent_of(d->d_name) == wrapper)
			found = (pid_t)atoi(d->d_name);
	closedir(proc);
	return found;
}

static void kill_guardian(struct slot *s)
{
	pid_t pid = s->orphaned ? 0 : guardian_of(s->pid);

	if (!pid || kill(pid, SIGKILL))
		return;
	s->orphaned = true;
	killed++;
}

static void kill_one(struct slot *s)
{
	uint64_t begin;

	kill(s->pid, SIGKILL);
	begin = now_ns();
	while (!waitpid(s->pid, NULL, WNOHANG)) {
		if (now_ns() - begin > 5 * SEC)
			bail("a wrapper cannot be killed");
		usleep(100);
	}
	killed++;
	start(s);
}

static void finish(void)
{
	unsigned int i;
	int status;

	for (i = 0; i < slots; i++) {
		uint64_t end = now_ns() + 120 * SEC;

		while (!waitpid(slot[i].pid, &status, WNOHANG)) {
			if (now_ns() > end) {
				note("the last wrapper of %s does not end", slot[i].netns);
				bad = true;
				kill(slot[i].pid, SIGKILL);
				waitpid(slot[i].pid, NULL, 0);
				return;
			}
			usleep(1000);
		}
		if (!slot[i].orphaned && (!WIFEXITED(status) || WEXITSTATUS(status))) {
			note("the last wrapper of %s: status 0x%x", slot[i].netns, status);
			bad = true;
		}
	}
}

static void options(int argc, char **argv)
{
	int c;

	seed = now_ns();
	while ((c = getopt(argc, argv, "g:k:m:iGS:")) != -1) {
		if (c == 'g' && slots < MAX_SLOTS)
			slot[slots++].netns = optarg;
		else if (c == 'k')
			rounds = (unsigned int)strtoul(optarg, NULL, 10);
		else if (c == 'm')
			ms = optarg;
		else if (c == 'i')
			stubborn = true;
		else if (c == 'G')
			guardians = true;
		else if (c == 'S')
			seed = strtoull(optarg, NULL, 0);
		else
			exit(2);
	}
	if (!slots || argc - optind != 2)
		exit(2);
	lock_name = argv[optind];
	file = argv[optind + 1];
}

int main(int argc, char **argv)
{
	uint64_t rng, due, began;
	unsigned int i;

	options(argc, argv);
	note("seed %" PRIu64, seed);
	rng = seed | 1;
	began = now_ns();
	life_ns = 200 * 1000000 + strtoull(ms, NULL, 10) * 2000000;
	for (i = 0; i < slots; i++)
		start(&slot[i]);
	while (killed < rounds) {
		/* anywhere in a life, and a little behind its end */
		due = now_ns() + random_next(&rng) % (life_ns * 3 / 2) / slots;
		while (now_ns() < due) {
			usleep(500);
			for (i = 0; i < slots; i++)
				look(&slot[i]);
		}
		if (guardians)
			kill_guardian(&slot[random_next(&rng) % slots]);
		else
			kill_one(&slot[random_next(&rng) % slots]);
	}
	finish();
	note("wrappers_killed %u", killed);
	note("wrappers_ended %u", ended);
	note("life_ms %" PRIu64, life_ns / 1000000);
	note("seconds %.1f", (double)(now_ns() - began) / 1e9);
	return bad;
}
