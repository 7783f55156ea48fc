// SPDX-License-Identifier: GPL-2.0
/*
 * Everything below a process: found in /proc, signalled, reaped.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "lock.h"

/**
 * struct relative - a process
 * @pid: its number
 * @parent: its parent's
 * @group: its process group
 * @ours: it descends from us
 */
struct relative {
	pid_t pid, parent, group;
	bool ours;
};

/* "pid (comm) state ppid pgrp": comm may hold blanks and parentheses. */
static bool read_one(const char *number, struct relative *r)
{
	char path[64], text[512];
	const char *behind;
	size_t n;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", number);
	in = fopen(path, "re");
	if (!in)
		return false;
	n = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	text[n] = '\0';
	behind = strrchr(text, ')');
	r->pid = atoi(number);
	r->ours = false;
	return behind && sscanf(behind, ") %*c %d %d", &r->parent, &r->group) == 2;
}

static int by_pid(const void *a, const void *b)
{
	const struct relative *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* All processes, by pid; malloc()ed. */
static struct relative *read_all(size_t *count)
{
	struct relative *all = NULL, *more;
	size_t n = 0, room = 0;
	struct dirent *d;
	DIR *proc = opendir("/proc");

	while (proc && (d = readdir(proc))) {
		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		if (n == room) {
			room = room ? 2 * room : 256;
			more = realloc(all, room * sizeof(*all));
			if (!more)
				break;
			all = more;
		}
		n += read_one(d->d_name, &all[n]);
	}
	if (proc)
		closedir(proc);
	if (n)
		qsort(all, n, sizeof(*all), by_pid);
	*count = n;
	return all;
}

/* Children of ours are ours; until nothing is found any more. */
static void find_ours(struct relative *all, size_t n, pid_t self)
{
	bool found = true;
	size_t i;

	while (found) {
		found = false;
		for (i = 0; i < n; i++) {
			struct relative key = { .pid = all[i].parent }, *parent;

			if (all[i].ours)
				continue;
			parent = bsearch(&key, all, n, sizeof(*all), by_pid);
			all[i].ours = all[i].parent == self || (parent && parent->ours);
			found |= all[i].ours;
		}
	}
}

/*
 * A child of ours cannot vanish before it is reaped, which we do. Of others the
 * number might belong to somebody else since it was read: only if all numbers
 * were used in between.
 */
void family_signal(const struct guard *g, int number)
{
	pid_t group = g->command && !g->ended ? g->command : 0;
	struct relative *all;
	size_t n, i;

	if (group)
		kill(-group, number);
	all = read_all(&n);
	find_ours(all, n, g->self);
	for (i = 0; i < n; i++) {
		if (all[i].ours && !(group && all[i].group == group))
			kill(all[i].pid, number);
	}
	free(all);
}

bool family_reap(struct guard *g, int *told)
{
	int status, options = WNOHANG | (told ? WUNTRACED : 0);
	pid_t pid;

	if (told)
		*told = 0;
	while ((pid = waitpid(-1, &status, options)) > 0) {
		if (pid != g->command || g->ended)
			continue;
		if (told && WIFSTOPPED(status)) {
			*told = WSTOPSIG(status);
			continue;
		}
		g->ended = true;
		g->status = status;
	}
	return pid < 0 && errno == ECHILD;
}
