// SPDX-License-Identifier: GPL-2.0
/*
 * The handle as a file: rights, sharing, closing; and a node not yet started.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi.h"
#include "ct.h"

void test_not_started(const struct hooks *h)
{
	int fd = open_device(O_RDWR), reader = open_device(O_RDONLY);
	struct consensus_features f = { 0 };
	struct consensus_counter_add a = good_add(own("abi-down"));
	uint64_t begin = now_ns(), end, value = 0;
	int error;

	is_errno(call(fd, CONSENSUS_IOC_FEATURES, &f), 0, "not started: features");
	ok(!f.node_started && f.abi == CONSENSUS_ABI, "not started: and they say so");
	is_errno(call(fd, CONSENSUS_IOC_COUNTER_ADD, &a), ENOTCONN, "not started: add: ENOTCONN");
	ok(a.op.status == -ENOTCONN, "not started: in .status, too");
	is_errno(get(fd, own("abi-down"), 0, NULL), ENOTCONN, "not started: read: ENOTCONN");
	is_errno(get(fd, own("abi-down"), CONSENSUS_READ_LOCAL, NULL), ENOTCONN, "not started: local read: ENOTCONN");
	a.op.flags = 1;
	is_errno(call(fd, CONSENSUS_IOC_COUNTER_ADD, &a), EINVAL, "not started: bad arguments: EINVAL");
	ok(now_ns() - begin < 5 * SEC, "not started: nothing waits for a start");

	hook(h->up);
	f = (struct consensus_features){ 0 };
	call(fd, CONSENSUS_IOC_FEATURES, &f);
	ok(f.node_started == 1, "started: the same handle sees it");
	for (end = now_ns() + 60 * SEC; now_ns() < end; sleep_ms(50)) {
		error = add(fd, own("abi-down"), 1, 10 * SEC, &value);
		if (!error)
			break;
	}
	ok(!error && value == 1, "started: the same handle works, and nothing had happened before");
	is_errno(get(reader, own("abi-down"), 0, &value), 0, "started: so does the one that only reads");
	close(fd);
	close(reader);
}

static void rights(void)
{
	int reader = open_device(O_RDONLY), writer = open_device(O_WRONLY);
	uint64_t value;

	is_errno(add(reader, own("abi-file"), 1, 0, NULL), EBADF, "read-only: add: EBADF");
	is_errno(get(reader, "abi-begin", 0, &value), 0, "read-only: read");
	is_errno(get(reader, "abi-begin", CONSENSUS_READ_LOCAL, &value), 0, "read-only: local read");
	is_errno(add(writer, own("abi-file"), 1, 0, NULL), 0, "write-only: add");
	is_errno(get(reader, own("abi-file"), 0, NULL), 0, "and it is there");
	close(reader);
	close(writer);
}

static void other_calls(int fd)
{
	char byte = 0;

	ok(read(fd, &byte, 1) < 0 && errno == EINVAL, "read(): EINVAL");
	ok(write(fd, &byte, 1) < 0 && errno == EINVAL, "write(): EINVAL");
	ok(lseek(fd, 0, SEEK_SET) < 0 && errno == ESPIPE, "lseek(): ESPIPE");
	ok(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODEV, "mmap(): ENODEV");
}

static void forked(int fd)
{
	uint64_t value = 0;
	int status = -1;
	pid_t pid;

	own("abi-fork");	/* the child shall have the same */
	pid = fork();
	if (!pid)
		_exit(add(fd, own("abi-fork"), 1, 0, &value) || value != 1);
	waitpid(pid, &status, 0);
	ok(!status, "a handle passed on by fork() works in the child");
	is_errno(add(fd, own("abi-fork"), 1, 0, &value), 0, "and goes on in the parent");
	ok(value == 2, "with the same counter");
}

static void send_fd(int socket, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec data = { .iov_base = "x", .iov_len = 1 };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	if (sendmsg(socket, &m, 0) != 1)
		bail("sendmsg: %s", strerror(errno));
}

static int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(socket, &m, 0) == 1 && CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	return fd;
}

/* The sender has closed it before the receiver takes it. */
static void passed_on(void)
{
	int pair[2], fd = open_device(O_RDWR), got;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		bail("socketpair: %s", strerror(errno));
	send_fd(pair[0], fd);
	close(fd);
	got = receive_fd(pair[1]);
	is_errno(add(got, own("abi-passed"), 1, 0, NULL), 0, "a handle passed on by SCM_RIGHTS works");
	close(got);
	close(pair[0]);
	close(pair[1]);
}

/* ---- closing while others call ---- */

static atomic_int shared_fd;
static atomic_ulong successes;
static atomic_bool finished;

static void *adder(void *arg)
{
	(void)arg;
	while (!atomic_load(&finished)) {
		if (!add(atomic_load(&shared_fd), own("abi-close"), 1, 30 * SEC, NULL))
			atomic_fetch_add(&successes, 1);
	}
	return NULL;
}

/* A number that is closed may be anything's: only handles are opened here. */
static void closing(void)
{
	uint64_t end = now_ns() + 2 * SEC;
	pthread_t thread[4];
	int i, fd = -1, rounds = 0;

	atomic_store(&shared_fd, open_device(O_RDWR));
	for (i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, adder, NULL);
	for (; now_ns() < end; rounds++) {
		fd = atomic_load(&shared_fd);
		atomic_store(&shared_fd, open_device(O_RDWR));
		close(fd);
		sleep_ms(3);
	}
	atomic_store(&finished, true);
	for (i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	fd = atomic_load(&shared_fd);
	note("%d closes, %lu increments", rounds, atomic_load(&successes));
	ok(rounds > 10 && atomic_load(&successes), "handles are closed while they are used");
	ok(value_of(fd, own("abi-close")) == atomic_load(&successes), "and each success counted once");
	close(fd);
}

static void many(void)
{
	int fd[200], i;

	for (i = 0; i < 200; i++)
		fd[i] = open_device(i % 2 ? O_RDWR : O_RDONLY);
	is_errno(add(fd[199], own("abi-many"), 1, 0, NULL), 0, "200 handles are open");
	for (i = 0; i < 200; i++)
		close(fd[i]);
}

void test_file(int fd)
{
	rights();
	other_calls(fd);
	forked(fd);
	passed_on();
	closing();
	many();
}
