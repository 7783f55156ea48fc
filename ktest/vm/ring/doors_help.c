// SPDX-License-Identifier: GPL-2.0
/* What the parts of ct-ring share. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doors.h"

enum { NAMES = 8192 };

const char *fresh(const char *what)
{
	static char names[NAMES][CONSENSUS_NAME_SIZE];
	static unsigned int n;
	unsigned int mine = __atomic_fetch_add(&n, 1, __ATOMIC_RELAXED);

	if (mine >= NAMES)
		bail("too many names");
	snprintf(names[mine], sizeof(names[0]), "%.30s.%u.%d", what, mine, getpid());
	return names[mine];
}

int handle(void)
{
	return open_device(O_RDWR);
}

int handle_there(const struct world *w)
{
	int fd = lk_open(w->netns, O_RDWR);

	if (fd < 0)
		bail("%s: %s", w->netns, strerror(-fd));
	return fd;
}

uint64_t take(int fd, const char *name, uint32_t flags)
{
	struct consensus_lock_acquire a;
	int error = lk_acquire(fd, name, flags, 30 * SEC, &a);

	if (error || !a.token)
		bail("%s cannot be taken: %s", name, strerror(error));
	return a.token;
}

uint64_t queue_for(int fd, const char *name)
{
	struct consensus_lock_acquire a;
	int error = lk_acquire(fd, name, CONSENSUS_LOCK_ASYNC, 30 * SEC, &a);

	if (error || !a.ticket)
		bail("%s cannot be queued for: %s", name, strerror(error));
	return a.ticket;
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

bool await_event(int fd, uint32_t type, struct consensus_event *e)
{
	uint64_t until = now_ns() + 20 * SEC;
	int error;

	do {
		error = lk_event(fd, e, 100);
		if (!error && e->type == type)
			return true;
		if (!error)
			note("passed over: event %u of '%s', status %d", e->type, e->name,
			     e->status);
	} while ((!error || error == ETIMEDOUT) && now_ns() < until);
	note("event %u does not come: %s", type, strerror(error));
	return false;
}

uint64_t ms_since(uint64_t begin)
{
	return (now_ns() - begin) / 1000000;
}

static void *release_in_thread(void *arg)
{
	struct later *l = arg;

	if (l->waiters)
		there_are(l->fd, l->name, l->waiters);
	sleep_ms(l->ms);
	l->error = lk_release(l->fd, l->name, l->token);
	return NULL;
}

void release_later(struct later *l)
{
	pthread_t id;
	int error = pthread_create(&id, NULL, release_in_thread, l);

	if (error)
		bail("a thread: %s", strerror(error));
	l->id = id;
}

void release_awaited(struct gate *g, struct later *l)
{
	pthread_join(l->id, NULL);
	want(g, l->error, 0, "the holder's release by ioctl");
}
