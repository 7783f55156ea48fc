// SPDX-License-Identifier: GPL-2.0
/*
 * What consensusctl does not ask for: starts, backups and restores with descriptors
 * and numbers that are none, and whatever chance puts together. The netlink door
 * of a node that is not started, in the network namespace this runs in.
 *
 *	ct-control FOLDER STORAGE [SECONDS]
 *
 * FOLDER: on a file system that a storage may lie on. STORAGE: in it, prepared by
 * consensusctl format, and never used. SECONDS: of chance (5). TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/consensus_netlink.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ct.h"

enum { ROOM = 8192, PATH_SIZE = 4096, NO_FD = 9999, ATTR_HEAD = sizeof(struct nlattr) };

/**
 * struct request - a message under construction
 * @head: netlink's
 * @genl: generic netlink's
 * @body: attributes
 */
struct request {
	struct nlmsghdr head;
	struct genlmsghdr genl;
	char body[ROOM];
};

static int sock;
static uint16_t family;
static const char *folder, *storage;
static uint64_t seed;

/* ------------------------------------------------------------------ netlink */

static void begin(struct request *r, uint16_t type, uint8_t command)
{
	memset(r, 0, sizeof(*r));
	r->head.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	r->head.nlmsg_type = type;
	r->head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	r->genl.cmd = command;
	r->genl.version = 1;
}

/* Its length need not fit its type: that is the kernel's to find. */
static struct nlattr *put(struct request *r, uint16_t type, const void *data, size_t len)
{
	struct nlattr *a = (void *)((char *)r + r->head.nlmsg_len);

	a->nla_type = type;
	a->nla_len = (uint16_t)(ATTR_HEAD + len);
	memcpy((char *)a + ATTR_HEAD, data, len);
	r->head.nlmsg_len += (uint32_t)NLA_ALIGN(a->nla_len);
	return a;
}

static void put_u32(struct request *r, uint16_t type, uint32_t v)
{
	put(r, type, &v, sizeof(v));
}

static void put_u64(struct request *r, uint16_t type, uint64_t v)
{
	put(r, type, &v, sizeof(v));
}

static struct nlattr *nest(struct request *r, uint16_t type)
{
	return put(r, type | NLA_F_NESTED, "", 0);
}

static void nest_end(struct request *r, struct nlattr *a)
{
	a->nla_len = (uint16_t)((char *)r + r->head.nlmsg_len - (char *)a);
}

/* Send it; the first attribute of the answer's payload, if @answer. A positive errno. */
static int talk(struct request *r, struct request *answer)
{
	struct request in;
	int error = 0;
	ssize_t n;

	if (send(sock, r, r->head.nlmsg_len, 0) < 0)
		bail("send: %s", strerror(errno));
	do {
		n = recv(sock, &in, sizeof(in), 0);
		if (n < (ssize_t)sizeof(in.head))
			bail("recv: %s", strerror(errno));
		if (in.head.nlmsg_type == NLMSG_ERROR)
			memcpy(&error, &in.genl, sizeof(error));
		else if (answer)
			*answer = in;
	} while (in.head.nlmsg_type != NLMSG_ERROR);
	return -error;
}

static uint16_t find_family(void)
{
	struct request r, answer = { 0 };
	char *at = answer.body;
	struct nlattr *a;

	begin(&r, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	put(&r, CTRL_ATTR_FAMILY_NAME, CONSENSUS_GENL_NAME, sizeof(CONSENSUS_GENL_NAME));
	if (talk(&r, &answer))
		bail("no family %s", CONSENSUS_GENL_NAME);
	for (a = (void *)at; (char *)a < (char *)&answer + answer.head.nlmsg_len;
	     a = (void *)((char *)a + NLA_ALIGN(a->nla_len)))
		if (a->nla_type == CTRL_ATTR_FAMILY_ID)
			return *(uint16_t *)((char *)a + ATTR_HEAD);
	bail("no id of the family");
}

/* -------------------------------------------------------------------- calls */

/* Everything that a start needs but its storage. */
static void begin_start(struct request *r)
{
	struct sockaddr_in6 address = {
		.sin6_family = AF_INET6, .sin6_port = htons(7801), .sin6_addr = in6addr_loopback,
	};
	struct nlattr *peers, *peer;
	char key[32] = "0123456789abcdef0123456789abcde";

	begin(r, family, CONSENSUS_CMD_START);
	put(r, CONSENSUS_A_NODE_NAME, "x1", 3);
	put(r, CONSENSUS_A_CLUSTER_NAME, "x", 2);
	put(r, CONSENSUS_A_KEY, key, sizeof(key));
	peers = nest(r, CONSENSUS_A_PEERS);
	peer = nest(r, CONSENSUS_A_PEER);
	put(r, CONSENSUS_P_NAME, "x1", 3);
	put(r, CONSENSUS_P_ADDRESS, &address, sizeof(address));
	nest_end(r, peer);
	nest_end(r, peers);
}

static int command(uint8_t cmd)
{
	struct request r;

	begin(&r, family, cmd);
	return talk(&r, NULL);
}

/* A start on @fd: a positive errno; stopped again if it went well. */
static int start_on(int fd)
{
	struct request r;
	int error;

	begin_start(&r);
	put_u32(&r, CONSENSUS_A_DURABILITY, CONSENSUS_DURABILITY_DISK);
	put_u32(&r, CONSENSUS_A_STORAGE_FD, (uint32_t)fd);
	error = talk(&r, NULL);
	if (!error)
		command(CONSENSUS_CMD_STOP);
	return error;
}

static int start_in_memory(void)
{
	struct request r;

	begin_start(&r);
	put_u32(&r, CONSENSUS_A_DURABILITY, CONSENSUS_DURABILITY_MEMORY);
	return talk(&r, NULL);
}

static int backup_to(int fd)
{
	struct request r;

	begin(&r, family, CONSENSUS_CMD_BACKUP);
	put_u32(&r, CONSENSUS_A_BACKUP_FD, (uint32_t)fd);
	return talk(&r, NULL);
}

static int restore_from(int fd, uint64_t bytes, uint64_t index)
{
	struct request r;

	begin(&r, family, CONSENSUS_CMD_CREATE);
	put_u32(&r, CONSENSUS_A_RESTORE_FD, (uint32_t)fd);
	put_u64(&r, CONSENSUS_A_RESTORE_BYTES, bytes);
	put_u64(&r, CONSENSUS_A_RESTORE_CHECKSUM, 1);
	put_u64(&r, CONSENSUS_A_RESTORE_INDEX, index);
	return talk(&r, NULL);
}

/* A file of @size bytes in the folder; sparse unless @full. */
static int file(const char *name, off_t size, bool full, int flags)
{
	char path[PATH_SIZE];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, size) || (full && size && posix_fallocate(fd, 0, size)))
		bail("%s: %s", path, strerror(errno));
	close(fd);
	fd = open(path, flags);
	if (fd < 0)
		bail("%s: %s", path, strerror(errno));
	return fd;
}

/* -------------------------------------------------------------------- tests */

static void refused_starts(void)
{
	static const int bad_or_invalid[] = { EBADF, EINVAL, EOPNOTSUPP, -1 };
	const off_t size = 8 << 20;
	struct request r;
	int pipes[2];

	begin_start(&r);
	is_errno(talk(&r, NULL), EINVAL, "a start without a descriptor: durable is the default");
	begin_start(&r);
	put_u32(&r, CONSENSUS_A_DURABILITY, 7);
	is_one_of(talk(&r, NULL), (int[]){ EINVAL, ERANGE, -1 }, "another durability");
	is_errno(start_on(NO_FD), EBADF, "a descriptor that is none");
	is_errno(start_on(-1), EBADF, "descriptor -1");
	is_one_of(start_on(sock), bad_or_invalid, "a socket");
	if (pipe(pipes))
		bail("pipe");
	is_one_of(start_on(pipes[0]), bad_or_invalid, "a pipe to read from");
	is_one_of(start_on(pipes[1]), bad_or_invalid, "a pipe to write to");
	is_one_of(start_on(open("/dev/zero", O_RDWR)), bad_or_invalid, "/dev/zero");
	is_one_of(start_on(open(folder, O_RDONLY | O_DIRECTORY)), bad_or_invalid, "a folder");
	is_one_of(start_on(open(storage, O_PATH)), bad_or_invalid, "a path alone");
	is_errno(start_on(open(storage, O_RDONLY | O_DIRECT)), EBADF, "a storage to read only");
	is_errno(start_on(open(storage, O_WRONLY | O_DIRECT)), EBADF, "a storage to write only");
	is_errno(start_on(open(storage, O_RDWR)), EINVAL, "a storage through the page cache");
	is_errno(start_on(file("sparse", size, false, O_RDWR | O_DIRECT)), EINVAL, "holes");
	is_one_of(start_on(open("/proc/self/mem", O_RDWR)), bad_or_invalid, "/proc/self/mem");
}

/* Loads, and finds nothing that it can use: started, and FAILED. */
static void empty_storages(void)
{
	is_errno(start_on(file("empty", 0, true, O_RDWR | O_DIRECT)), 0,
		 "a file of no bytes starts, and stops");
	is_errno(start_on(file("zeros", 8 << 20, true, O_RDWR | O_DIRECT)), 0,
		 "so does one of zeros");
}

static void descriptors_live(void)
{
	int fd = open(storage, O_RDWR | O_DIRECT), again = open(storage, O_RDWR | O_DIRECT);
	struct request r;

	begin_start(&r);
	put_u32(&r, CONSENSUS_A_STORAGE_FD, (uint32_t)fd);
	is_errno(talk(&r, NULL), 0, "a start on a good one");
	close(fd);
	is_errno(talk(&r, NULL), EALREADY, "only once");
	is_errno(command(CONSENSUS_CMD_STOP), 0, "it stops, though its descriptor was closed");
	is_errno(start_on(again), 0, "and starts again on another one");
	is_errno(command(CONSENSUS_CMD_STOP), ENOTCONN, "stopped is stopped");
	close(again);
}

static void backups(void)
{
	static const int not_open[] = { EBADF, EINVAL, -1 };
	uint64_t above = 1ULL << 41;
	int pipes[2], zeros = file("zeros", 8 << 20, true, O_RDWR);

	is_errno(backup_to(zeros), ENOTCONN, "a backup of no node");
	is_errno(restore_from(zeros, 4096, above), ENOTCONN, "a restore of no node");
	if (start_in_memory() || pipe(pipes))
		bail("no node");
	is_errno(backup_to(zeros), ENOTCONN, "a backup of no cluster");
	is_errno(command(CONSENSUS_CMD_BACKUP), EINVAL, "a backup to nowhere");
	is_one_of(restore_from(NO_FD, 4096, above), not_open, "a restore from nowhere");
	is_one_of(restore_from(open("/dev/null", O_WRONLY), 4096, above), not_open,
		  "from what cannot be read");
	is_one_of(restore_from(pipes[0], 4096, above), not_open, "from a pipe");
	is_errno(restore_from(zeros, 0, above), EINVAL, "of nothing");
	is_errno(restore_from(zeros, ~0ULL, above), EINVAL, "of more than there is memory");
	is_errno(restore_from(zeros, 4096, ~0ULL), EINVAL, "to the end of all indices");
	/* Found wrong only once it was read: the next attempt is free. */
	is_errno(restore_from(zeros, 4096, above), 0, "zeros are read");
	sleep_ms(1000);
	is_errno(restore_from(zeros, 9 << 20, above), 0, "and more of them than there are");
	sleep_ms(1000);
	is_errno(command(CONSENSUS_CMD_CREATE), 0, "a cluster of one can begin after that");
	sleep_ms(3000);
	is_errno(restore_from(zeros, 4096, above), EEXIST, "a member does not restore");
	is_errno(backup_to(NO_FD), EBADF, "a backup to no descriptor");
	is_one_of(backup_to(open(storage, O_RDONLY)), not_open, "to one for reading");
	is_one_of(backup_to(pipes[1]), not_open, "to a pipe");
	is_one_of(backup_to(sock), not_open, "to a socket");
	is_errno(backup_to(zeros), 0, "to a file");
	sleep_ms(1000);
	is_one_of(backup_to(open("/dev/full", O_WRONLY)), not_open, "to a device");
	is_errno(command(CONSENSUS_CMD_STOP), 0, "it stops");
}

/* ------------------------------------------------------------------- chance */

static uint64_t chance(uint64_t n)
{
	return random_next(&seed) % n;
}

static void put_by_chance(struct request *r, const int *fds, size_t n_fds)
{
	static const uint8_t lengths[] = { 0, 1, 2, 3, 4, 4, 4, 4, 7, 8, 8, 8, 8, 16, 32, 64, 255 };
	uint16_t type = (uint16_t)chance(CONSENSUS_A_MAX + 4);
	size_t i, len = lengths[chance(sizeof(lengths))];
	uint8_t data[256];

	if (type == CONSENSUS_A_STORAGE_FD || type == CONSENSUS_A_BACKUP_FD ||
	    type == CONSENSUS_A_RESTORE_FD) {
		put_u32(r, type, (uint32_t)fds[chance(n_fds)]);
		return;
	}
	for (i = 0; i < sizeof(data); i++)
		data[i] = chance(3) ? 0 : (uint8_t)chance(256);
	put(r, type, data, len);
}

static void by_chance(unsigned int seconds)
{
	const uint64_t end = now_ns() + seconds * 1000000000ull;
	int fds[] = {
		NO_FD, sock, open(storage, O_RDWR | O_DIRECT), open(storage, O_RDONLY),
		file("zeros", 8 << 20, true, O_RDWR | O_DIRECT),
		file("sparse", 8 << 20, false, O_RDWR | O_DIRECT),
		file("backup", 0, false, O_RDWR),
	};
	unsigned int count = 0, went = 0, n;
	struct request r;

	while (now_ns() < end) {
		if (chance(4))
			begin(&r, family, (uint8_t)chance(CONSENSUS_CMD_MAX + 2));
		else
			begin_start(&r);
		if (r.genl.cmd == CONSENSUS_CMD_PEERS)
			continue;	/* a dump */
		for (n = (unsigned int)chance(6); n; n--)
			put_by_chance(&r, fds, sizeof(fds) / sizeof(fds[0]));
		went += !talk(&r, NULL);
		count++;
	}
	command(CONSENSUS_CMD_STOP);
	ok(count > 0, "%u requests by chance (%u of them went well), seed above", count, went);
}

int main(int argc, char **argv)
{
	struct sockaddr_nl me = { .nl_family = AF_NETLINK };

	if (argc < 3)
		bail("usage: ct-control FOLDER STORAGE [SECONDS]");
	folder = argv[1];
	storage = argv[2];
	sock = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	if (sock < 0 || bind(sock, (void *)&me, sizeof(me)))
		bail("netlink: %s", strerror(errno));
	seed = now_ns() | 1;
	note("seed %llu", (unsigned long long)seed);
	family = find_family();
	refused_starts();
	empty_storages();
	descriptors_live();
	backups();
	by_chance(argc > 3 ? (unsigned int)atoi(argv[3]) : 5);
	return tap_end();
}
