// SPDX-License-Identifier: GPL-2.0
/* ct-teardown: handles, nodes and namespaces end while commands wait on them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../lock/lk.h"
#include "teardown.h"

/* FULL: more than CNS_REQUESTS_MAX */
enum { MANY = 400, THOUSANDS = 2000, FULL = 8200 };

static const int stopped[] = {
	0, -ENOENT, -ENOTCONN, -ESHUTDOWN, -EKEYEXPIRED, -EHOSTUNREACH, -ENOTRECOVERABLE,
	-ECANCELED, -EINTR, 1
};

static const int vanished[] = {
	0, -ENOENT, -ESHUTDOWN, -ENOTRECOVERABLE, -EKEYEXPIRED, 1
};

/* An acquire ends with its handle's locks: it is told so, or that it was withdrawn. */
static const int ended[] = { -EKEYEXPIRED, -ECANCELED, 1 };

/* How many of @s said @res. */
static unsigned int said(const struct swarm *s, int res)
{
	unsigned int i, n = 0;

	for (i = 0; i < s->n; i++)
		n += s->came[i] && s->res[i] == res;
	return n;
}

/* It awaited locks: it is lost, until it is reset; then it tells why nothing works. */
static void again(int fd, int why, const char *what)
{
	is_errno(add(fd, "teardown", 1, SEC, NULL), EKEYEXPIRED, "%s: its handle is lost", what);
	is_errno(lk_reset(fd), 0, "%s: and can be reset", what);
	is_errno(add(fd, "teardown", 1, SEC, NULL), why, "%s: what it says then", what);
}

/* Locks that others have; whoever asks for them waits. */
static void begin(struct swarm *s, int fd, unsigned int n, unsigned int of)
{
	swarm_open(s, fd, n, 0);
	swarm_go(s, of, 200 * SEC);
}

/* A handle that is reset: its acquires are over, and it works. */
void test_reset(void)
{
	int walls = wall(MANY / 4), fd = open_device(O_RDWR), error;
	struct swarm s;

	begin(&s, fd, MANY / 4, OF_ACQUIRES);
	sleep_ms(300);
	error = lk_reset(fd);
	is_errno(error, 0, "a handle is reset with %d acquires under way", MANY / 4);
	swarm_all(&s, by(2000), ended, "acquires of a handle that is reset");
	swarm_close(&s);
	is_errno(add(fd, "teardown", 1, 30 * SEC, NULL), 0, "a handle that was reset works");
	close(fd);
	close(walls);
}

void test_heartbeat(void)
{
	int walls = wall(MANY / 4), fd = open_device(O_RDWR), error;
	struct swarm s;

	begin(&s, fd, MANY / 4, OF_ACQUIRES);
	error = lk_heartbeat(fd, 500 * MSEC);
	is_errno(error, 0, "a heartbeat is promised with %d acquires under way", MANY / 4);
	swarm_all(&s, by(2000), ended, "acquires of a program that does not beat");
	swarm_close(&s);
	is_errno(add(fd, "teardown", 1, SEC, NULL), EKEYEXPIRED, "and the handle is lost");
	close(fd);
	close(walls);
}

void test_unload(void)
{
	static const int late[] = { -ETIMEDOUT, -EHOSTUNREACH, 1 };
	struct swarm s;
	int error;

	swarm_open(&s, open_device(O_RDWR), 8, 0);
	swarm_go(&s, OF_FAR_READS, 2 * SEC);
	/* their own references keep it, not the descriptor's */
	close(s.fd);
	error = syscall(SYS_delete_module, "consensus", O_NONBLOCK) ? errno : 0;
	ok(error == EWOULDBLOCK || error == EBUSY, "the module does not go: %s",
	   strerrorname_np(error));
	swarm_all(&s, by(2000), late, "commands that the module stays for");
	swarm_close(&s);
}

/*
 * More than a node has room for: the rest waits for room in workers of the ring, and all
 * complete. A caller that comes late waits, too.
 */
void test_full(void)
{
	static const int late[] = { -ETIMEDOUT, -EHOSTUNREACH, 1 };
	int fd = open_device(O_RDWR);
	struct swarm s;

	swarm_open(&s, fd, FULL, 0);
	swarm_go(&s, OF_FAR_READS, 3 * SEC);
	is_errno(add(fd, "teardown", 1, 60 * SEC, NULL), 0, "who comes late has his turn");
	swarm_all(&s, by(4 * 3000), late, "more than there is room for");
	swarm_close(&s);
	close(fd);
}

/* The node stops: everything under way on it ends, at once. */
void test_down(void)
{
	int walls = wall(THOUSANDS / 4);
	uint64_t at;
	struct swarm s;
	int fd = open_device(O_RDWR);

	begin(&s, fd, THOUSANDS, OF_ALL);
	at = now_ns();
	hook(world.hooks.down);
	note("the node is down after %llu ms", (unsigned long long)((now_ns() - at) / MSEC));
	swarm_all(&s, by(5000), stopped, "the node stops");
	ok(said(&s, 0) < THOUSANDS, "the node stops: some were under way");
	again(fd, ENOTCONN, "the node stops");
	hook(world.hooks.up);
	swarm_settle(&s, "the node stops");
	swarm_close(&s);
	is_errno(add(fd, "teardown", 1, 60 * SEC, NULL), 0, "the node starts: the handle works");
	close(fd);
	close(walls);
}

/* The namespace of another node goes; its handle was opened from here. */
void test_destroy(void)
{
	int walls = wall(THOUSANDS / 4);
	int fd = lk_open(world.hooks.other, O_RDWR);
	struct swarm s;

	if (fd < 0)
		bail("%s: %s", world.hooks.other, strerror(-fd));
	begin(&s, fd, THOUSANDS, OF_ALL);
	hook(world.hooks.destroy);
	swarm_all(&s, by(10000), vanished, "a namespace is deleted");
	ok(said(&s, -ESHUTDOWN) > 0, "a namespace is deleted: ESHUTDOWN tells of it");
	again(fd, ESHUTDOWN, "a namespace is deleted");
	swarm_settle(&s, "a namespace is deleted");
	swarm_close(&s);
	close(fd);
	close(walls);
}
