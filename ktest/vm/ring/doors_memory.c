// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays whose structs cannot be read or written as a whole, and arrays on handles that
 * may not, or cannot.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doors.h"

/* What becomes of the second of two pages. */
enum second { MISSING, UNREADABLE, UNWRITABLE };

static size_t page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Two pages, writable. */
static char *two_pages(void)
{
	char *p = mmap(NULL, 2 * page(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	if (p == MAP_FAILED)
		bail("mmap: %s", strerror(errno));
	return p;
}

static void spoil(char *p, enum second how)
{
	int error;

	if (how == MISSING)
		error = munmap(p, page());
	else
		error = mprotect(p, page(), how == UNREADABLE ? PROT_NONE : PROT_READ);
	if (error)
		bail("mprotect: %s", strerror(errno));
}

/* The @s-th struct of @b lies across two pages with @inside bytes in the first: moved there. */
static void across(struct bunch *b, unsigned int s, size_t inside, enum second how)
{
	char *p = two_pages();

	memcpy(p + page() - inside, &b->s[s], _IOC_SIZE(b->e[s].call));
	b->e[s].argument = (uintptr_t)(p + page() - inside);
	spoil(p + page(), how);
}

static int32_t status_at(const struct bunch *b, unsigned int s)
{
	return ((const struct consensus_op *)(uintptr_t)b->e[s].argument)->status;
}

/* The results of one entry cannot be written, or its arguments not read: itself alone fails. */
static void half_there(struct gate *g, const struct world *w, enum second how)
{
	static const char *const names[] = { "missing", "unreadable", "unwritable" };
	const char *name = fresh("half"), *beside = fresh("half"), *lock = fresh("half");
	struct bunch *b = bunch_begin();
	unsigned int i;

	bunch_add(b, beside, 30 * SEC);
	bunch_add(b, name, 30 * SEC);
	bunch_read(b, "nothing", CONSENSUS_READ_LOCAL, 30 * SEC);
	bunch_acquire(b, lock, 0, 30 * SEC);
	bunch_add(b, beside, 30 * SEC);
	across(b, 1, sizeof(struct consensus_counter_add) - 8, how);
	across(b, 2, sizeof(struct consensus_counter_read) - 16, how);
	across(b, 3, sizeof(struct consensus_lock_acquire) - 32, how);
	want(g, bunch_run(g, b), 0, "array: second pages %s", names[how]);
	same(g, b->a.failed, 3, "array: second pages %s: .failed", names[how]);
	for (i = 1; i <= 3; i++)
		want(g, -status_at(b, i), EFAULT, "array: second page %s of entry %u", names[how],
		     i);
	for (i = 0; i <= 4; i += 4)
		want(g, -b->s[i].op.status, 0, "array: second pages %s: entry %u", names[how], i);
	same(g, value_of(w->fd, beside), 2, "the counter of those that were whole");
	want(g, get(w->fd, name, 0, NULL), ENOENT, "the counter of one whose page is %s",
	     names[how]);
	that(g, there_are(w->fd, lock, 0), "a lock whose grant cannot be told is not held");
}

/* A status that cannot be written: that entry fails unseen, and does nothing. */
static void no_status(struct gate *g, const struct world *w, enum second how)
{
	const char *name = fresh("no-status"), *beside = fresh("no-status");
	struct bunch *b = bunch_begin();
	char *p = two_pages();

	bunch_add(b, beside, 30 * SEC);
	bunch_add(b, name, 30 * SEC);
	bunch_add(b, name, 30 * SEC);
	memcpy(p, &b->s[1], sizeof(b->s[1]));
	b->e[1].argument = (uintptr_t)p;
	spoil(p, how);
	/* .flags is in the first page, .status is not. */
	across(b, 2, 4, how);
	want(g, bunch_run(g, b), 0, "array: statuses that cannot be written");
	same(g, b->a.failed, 2, "array: .failed with statuses that cannot be written");
	want(g, -b->s[0].op.status, 0, "array: an entry beside them");
	same(g, value_of(w->fd, beside), 1, "its counter");
	want(g, get(w->fd, name, 0, NULL), ENOENT, "the counter of those without status");
}

/* Entries are only read; the array itself is written. */
static void constant(struct gate *g, const struct world *w)
{
	const char *name = fresh("constant");
	struct bunch *b = bunch_begin();
	char *p = two_pages();

	bunch_add(b, name, 30 * SEC);
	memcpy(p, b->e, sizeof(b->e[0]));
	spoil(p, UNWRITABLE);
	b->a.entries = (uintptr_t)p;
	want(g, bunch_run(g, b), 0, "array: entries in memory that is only read");
	want(g, -b->s[0].op.status, 0, "array: its only entry");
	p = two_pages();
	memcpy(p, &b->a, sizeof(b->a));
	spoil(p, UNWRITABLE);
	want(g, gate_call(g, CONSENSUS_IOC_ARRAY, p), EFAULT, "array: in memory that is only read");
	same(g, value_of(w->fd, name), 1, "the counter, added to once");
}

/* One struct for all: what comes of it is not said, but each ends, and counts once at most. */
static void twice_the_same(struct gate *g, const struct world *w)
{
	const char *name = fresh("twice");
	struct bunch *b = bunch_begin();
	unsigned int i;
	uint64_t v;

	for (i = 0; i < 16; i++) {
		bunch_add(b, name, 30 * SEC);
		b->e[i].argument = b->e[0].argument;
	}
	want(g, bunch_run(g, b), 0, "array: the same struct 16 times");
	that(g, b->s[0].op.status <= 0, "array: a status");
	v = value_of(w->fd, name);
	that(g, v <= 16, "the counter, added to %llu times", (unsigned long long)v);
}

static void memory_by(const struct world *w, const char *door)
{
	struct gate g;
	enum second how;
	int fd = handle();

	if (!is_errno(gate_open(&g, door_named(door), fd), 0, "%s: opens", door))
		return;
	for (how = MISSING; how <= UNWRITABLE; how++) {
		half_there(&g, w, how);
		no_status(&g, w, how);
	}
	constant(&g, w);
	twice_the_same(&g, w);
	ok(!g.faults, "arrays in memory with holes, by %s", door);
	gate_close(&g);
	close(fd);
}

void test_memory(const struct world *w)
{
	memory_by(w, "ioctl");
	memory_by(w, "uring");
	memory_by(w, "uring async");
}

/* ---- handles ---- */

/* Two changes and two reads: all of the first answer @change, of the others @read. */
static void all_answer(struct gate *g, const char *what, int change, int read)
{
	struct bunch *b = bunch_begin();
	const char *name = fresh("handles");
	unsigned int i;

	bunch_add(b, name, 30 * SEC);
	bunch_acquire(b, name, 0, 30 * SEC);
	bunch_read(b, name, 0, 30 * SEC);
	bunch_read(b, name, CONSENSUS_READ_LOCAL, 30 * SEC);
	want(g, bunch_run(g, b), 0, "array on a handle that is %s", what);
	for (i = 0; i < 4; i++)
		want(g, -b->s[i].op.status, i < 2 ? change : read, "%s: entry %u", what, i);
	same(g, b->a.failed, 4, "%s: .failed", what);
}

static void on_handle(const char *door, int fd, const char *what, int change, int read)
{
	struct gate g;

	if (!is_errno(gate_open(&g, door_named(door), fd), 0, "%s: opens", door))
		return;
	all_answer(&g, what, change, read);
	ok(!g.faults, "an array on a handle that is %s, by %s", what, door);
	gate_close(&g);
}

static void on_lost(const char *door)
{
	int fd = handle();
	struct consensus_event e;

	take(fd, fresh("lost"), 0);
	lk_heartbeat(fd, 20000000);
	ok(await_event(fd, CONSENSUS_EVENT_LOST, &e), "a handle is lost");
	on_handle(door, fd, "lost", EKEYEXPIRED, EKEYEXPIRED);
	close(fd);
}

static int no_node(const char *door)
{
	struct gate g;

	if (unshare(CLONE_NEWNET) || gate_open(&g, door_named(door), handle()))
		return 2;
	all_answer(&g, "without a node", ENOTCONN, ENOTCONN);
	return g.faults ? 1 : 0;
}

/* In a namespace whose node is not started. */
static void without_node(const char *door)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(no_node(door));
	waitpid(pid, &status, 0);
	ok(!status, "an array on a handle without a node, by %s", door);
}

void test_handles(const struct world *w)
{
	static const char *const by[] = { "ioctl", "uring", "uring async" };
	unsigned int i;
	int fd;

	(void)w;
	for (i = 0; i < sizeof(by) / sizeof(by[0]); i++) {
		fd = open_device(O_RDONLY);
		on_handle(by[i], fd, "read-only", EBADF, ENOENT);
		close(fd);
		on_lost(by[i]);
		without_node(by[i]);
	}
}
