// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Total-order broadcast: three processes print the same messages in the same order.
 *
 *	broadcast ORDER ME COUNT	three times, in one folder; ME is 0, 1 and 2
 *
 * Each sends COUNT messages by sockets, which may lose them, but first keeps them in the folder:
 * as links, NUMBER -> TEXT. If a sender died before that, whoever misses its number links it to
 * "void". A name is made once, so that all agree. Without a store: see consensus_sequence.h.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <consensus_sequence.h>

static struct message {
	struct consensus_stamp stamp;
	char name[24], text[40];
} kept[1024];
static const struct sockaddr_un inbox[] = { { AF_UNIX, "to.0" }, { AF_UNIX, "to.1" },
					    { AF_UNIX, "to.2" } };
static struct consensus_sender *sender;
static struct consensus_receiver *receiver;

static void arrived(const struct message *m)
{
	struct message *next = &kept[m->stamp.number % 1024];

	if (!consensus_receiver_put(receiver, &m->stamp, next))
		*next = *m;
	while ((next = consensus_receiver_next(receiver, NULL)))
		dprintf(STDOUT_FILENO, "%s %s\n", next->name, next->text);
}

static int send_one(int by, int me, int left)
{
	struct message m = { 0 };
	int i, ret = consensus_sender_begin(sender, 0, &m.stamp);

	if (ret)
		return ret;
	snprintf(m.name, sizeof(m.name), "%llu", (unsigned long long)m.stamp.number);
	snprintf(m.text, sizeof(m.text), "%d says %d", me, left);
	if (symlink(m.text, m.name))
		return -errno; /* EEXIST: it was too late, and is void */
	for (i = 0; i < 3; i++) /* whoever is not there, or full, looks into the folder */
		sendto(by, &m, sizeof(m), MSG_DONTWAIT, (void *)&inbox[i], sizeof(inbox[i]));
	return 0;
}

/* Takes what is kept. What is missed then is void, if no sender has it under way. */
static int repair(int left)
{
	uint64_t first, last;
	struct message m;
	int ret;

	for (;; arrived(&m)) {
		m = (struct message){ .stamp = { consensus_receiver_position(receiver), 1 } };
		snprintf(m.name, sizeof(m.name), "%llu", (unsigned long long)m.stamp.number);
		if (readlink(m.name, m.text, sizeof(m.text) - 1) < 0)
			break;
	}
	if (left || !consensus_receiver_missing(receiver, &first, &last))
		return 0;
	ret = consensus_sender_void(sender, 0, &m.stamp);
	if (!ret && first <= m.stamp.number && symlink("void", m.name) && errno != EEXIST)
		ret = -errno;
	return ret;
}

int main(int argc, char **argv)
{
	struct pollfd in = { .fd = socket(AF_UNIX, SOCK_DGRAM, 0), .events = POLLIN };
	int me = argc == 4 ? *argv[2] - '0' : 3, left, ret;
	struct message m;
	char more;

	if (me < 0 || me > 2 || argv[2][1] || *argv[1] == '-' || *argv[3] < '0' ||
	    sscanf(argv[3], "%6d%c", &left, &more) != 1)
		return fprintf(stderr, "usage: broadcast ORDER ME COUNT\n"), 2;
	unlink(inbox[me].sun_path);
	if (bind(in.fd, (void *)&inbox[me], sizeof(inbox[me])))
		return perror(inbox[me].sun_path), 1;
	ret = consensus_sender_new(&sender, argv[1]) ?: consensus_receiver_new(&receiver, 1, 1024);
	while (!ret) {
		if (poll(&in, 1, left ? 0 : 100) > 0 && recv(in.fd, &m, sizeof(m), 0) == sizeof(m))
			arrived(&m);
		else
			ret = repair(left) ?: left ? send_one(in.fd, me, left--) : 0;
		consensus_sender_end(sender); /* also gives way to who waits to void a number */
	}
	return fprintf(stderr, "broadcast: %s\n", consensus_strerror(ret)), 1;
}
