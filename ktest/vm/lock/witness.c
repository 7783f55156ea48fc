// SPDX-License-Identifier: GPL-2.0
/*
 * A witness of mutual exclusion that knows nothing of the cluster: POSIX record locks
 * on bytes of a file of this machine. A holder takes its lock's byte, without waiting:
 * if somebody else has it, two are inside. The kernel frees it when a process dies,
 * before it closes the process's last descriptors (filp_close() before ->release()), so
 * there is no moment at which a dead one seems to be inside.
 *
 * Only a holder that has been told that its lease is over may still be there: promised
 * is that it is told before, not that it is scheduled. Whether it has been told is
 * asked of its own handle, by poll().
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../abi/ct.h"
#include "lk.h"
#include "load.h"

enum { LEAVES_WITHIN_MS = 120 * 1000 };

static int witness_fd = -1;

void witness_open(void)
{
	witness_fd = open(opt.witness, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (witness_fd < 0)
		bail("%s: %s", opt.witness, strerror(errno));
}

static struct flock range(const struct held *h, short type)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = h->lock, .l_len = 1,
	};
}

static struct worker *worker_of(pid_t pid)
{
	int i;

	for (i = 0; i < MAX_WORKERS; i++)
		if (pid && shared->worker[i].pid == pid)
			return &shared->worker[i];
	return NULL;
}

/* Has the kernel told process @pid that its handle is lost? -1: it is gone. */
static int was_told(pid_t pid)
{
	struct worker *w = worker_of(pid);
	int pidfd, fd, told = -1;

	if (!w)
		return -1;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, w->fd, 0);
	if (fd >= 0) {
		told = !!(lk_poll(fd, 0) & (POLLERR | POLLHUP));
		close(fd);
	}
	if (pidfd >= 0)
		close(pidfd);
	return told;
}

/* It was told, and has left since: its handle may be reset by now, and says nothing. */
static bool left_since(pid_t pid, uint64_t begin)
{
	struct worker *w = worker_of(pid);

	return w && atomic_load(&w->lost_ns) >= begin;
}

/*
 * Somebody is inside already. Who is gone by now was dying, and had to be out before
 * its lock was anybody else's.
 */
static void collide(struct worker *w, const struct held *h)
{
	struct flock other = range(h, h->shared ? F_RDLCK : F_WRLCK);
	uint64_t begin = now_ns();

	if (fcntl(witness_fd, F_GETLK, &other) || other.l_type == F_UNLCK)
		other.l_pid = 0;
	if (opt.losses && (was_told(other.l_pid) == 1 || left_since(other.l_pid, begin))) {
		atomic_fetch_add(&shared->late, 1);
		return;
	}
	violation("lock %u: client %u with token %" PRIu64 " enters while process %d is inside",
		  h->lock, w->client, (uint64_t)h->token, other.l_pid);
}

void witness_enter(struct worker *w, const struct held *h)
{
	struct resource *r = &shared->resource[h->lock];
	struct flock mine = range(h, h->shared ? F_RDLCK : F_WRLCK);
	bool met = false;
	int ms;

	for (ms = 0; fcntl(witness_fd, F_SETLK, &mine); ms++) {
		if (!met)
			collide(w, h);
		met = true;
		if (ms > LEAVES_WITHIN_MS) {
			violation("lock %u: who was inside does not leave", h->lock);
			return;
		}
		sleep_ms(1);
	}
	if (h->token <= atomic_load(&r->highest))
		violation("lock %u: token %" PRIu64 " comes after %" PRIu64, h->lock,
			  (uint64_t)h->token, (uint64_t)r->highest);
	if (!h->shared)
		raise_to(&r->highest, h->token);
}

void witness_leave(const struct held *h)
{
	struct flock mine = range(h, F_UNLCK);

	raise_to(&shared->resource[h->lock].freed_ns, now_ns());
	fcntl(witness_fd, F_SETLK, &mine);
}
