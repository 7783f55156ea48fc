// SPDX-License-Identifier: GPL-2.0
/* A queue that is freed with many under way, beside another one of the same handle. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "modes_queue.h"

enum { MANY = 1024 };

/* By their status, how many happened, did not, and may have. */
struct ends {
	unsigned int done, withdrawn, unknown, other;
};

static struct ends count_ends(const struct consensus_counter_add *a)
{
	struct ends e = { .done = 0 };
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		if (!a[i].op.status)
			e.done++;
		else if (a[i].op.status == -ECANCELED)
			e.withdrawn++;
		else if (a[i].op.status == -ENOTRECOVERABLE)
			e.unknown++;
		else
			e.other++;
	}
	return e;
}

/* Some have ended, most are under way, the last ones were not begun. */
static void begin_and_free(const struct scene *s, const struct means *m,
			   struct consensus_counter_add *a, const char *name)
{
	struct consensus_queue *q = NULL;
	struct consensus_completion c;
	unsigned int i;

	if (consensus_queue_new(&q, s->fd, MANY, m->flags))
		bail("%s: consensus_queue_new()", m->name);
	for (i = 0; i < MANY; i++) {
		consensus_build_add(&a[i], NULL, name, 1, 60 * SEC);
		if (consensus_queue_push(q, CONSENSUS_IOC_COUNTER_ADD, &a[i], i))
			bail("%s: consensus_queue_push()", m->name);
		if (i == MANY - 10)
			consensus_queue_wait(q, &c, 1, 1, 60 * SEC);
	}
	consensus_queue_free(q);
}

/* Each has the status that is true, and nothing touches it any more. */
static void free_many(const struct scene *s, const struct means *m)
{
	struct consensus_counter_add *a = calloc(MANY, sizeof(*a));
	const char *name = fresh("many");
	uint64_t begin = now_ns(), value;
	struct ends e;
	size_t i;

	begin_and_free(s, m, a, name);
	e = count_ends(a);
	note("%s: freed in %llu ms: %u done, %u withdrawn, %u unknown", m->name,
	     (unsigned long long)(now_ns() - begin) / 1000000, e.done, e.withdrawn, e.unknown);
	memset(a, 0x5a, MANY * sizeof(*a));
	value = value_of(s->other, name);
	ok(value >= e.done && value <= e.done + e.unknown && !e.other,
	   "%s: freed: the counter is %llu", m->name, (unsigned long long)value);
	ok(e.withdrawn >= 9, "%s: freed: the last ones were not begun", m->name);
	sleep_ms(100 * s->slow);
	for (i = 0; i < MANY * sizeof(*a) && ((char *)a)[i] == 0x5a; i++)
		;
	ok(i == MANY * sizeof(*a), "%s: freed: the structs are the caller's again", m->name);
	free(a);
}

/* What another queue of the handle has under way goes on. */
void test_free(const struct scene *s, const struct means *m)
{
	const char *name = fresh("beside");
	uint64_t token = take(s->other, name);
	struct consensus_queue *beside = NULL;
	struct consensus_lock_acquire a;
	struct consensus_completion c;

	if (m->method != CONSENSUS_BY_URING) {
		lk_release(s->other, name, token);
		free_many(s, m);
		return;
	}
	if (consensus_queue_new(&beside, s->fd, 1, 0))
		bail("consensus_queue_new()");
	consensus_build_acquire(&a, NULL, name, 0, 0, 200 * SEC);
	consensus_queue_push(beside, CONSENSUS_IOC_LOCK_ACQUIRE, &a, 0);
	consensus_queue_submit(beside);
	ok(there_are(s->fd, name, 2), "%s: beside: it waits", m->name);
	free_many(s, m);
	ok(there_are(s->fd, name, 2), "%s: beside: it waits on", m->name);
	lk_release(s->other, name, token);
	ok(consensus_queue_wait(beside, &c, 1, 1, 60 * SEC) == 1 && !c.status && a.token > token,
	   "%s: beside: and gets it (%d)", m->name, a.op.status);
	consensus_queue_free(beside);
	is_errno(lk_release(s->fd, name, a.token), 0, "%s: beside: and gives it back", m->name);
}
