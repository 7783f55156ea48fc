// SPDX-License-Identifier: GPL-2.0
/* Packets between members, by UDP between their namespaces: member i is 10.0.0.(i + 1). */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../abi/ct.h"
#include "order.h"

enum { PORT = 9100 };

static struct sockaddr_in address(int index)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	at.sin_addr.s_addr = htonl(0x0a000001U + (uint32_t)index);
	return at;
}

void net_open(struct member *m)
{
	struct sockaddr_in at = address(m->index);

	m->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (m->socket < 0 || bind(m->socket, (struct sockaddr *)&at, sizeof(at)))
		bail("no socket");
}

void net_send(struct member *m, int to, const struct packet *p)
{
	struct sockaddr_in at = address(to);

	/* What does not come through is lost, as it may be on the way. */
	(void)!sendto(m->socket, p, sizeof(*p), MSG_DONTWAIT, (struct sockaddr *)&at, sizeof(at));
}

bool net_receive(struct member *m, struct packet *p, int ms)
{
	struct pollfd fds[] = {
		{ .fd = m->socket, .events = POLLIN },
		{ .fd = consensus_sender_fd(m->sender), .events = POLLIN },
	};

	if (poll(fds, 2, ms) <= 0)
		return false;
	/* Somebody may want to void: whoever is idle must not stand in the way. */
	if (fds[1].revents && !m->late.stamp.number)
		consensus_sender_end(m->sender);
	return fds[0].revents & POLLIN &&
	       recv(m->socket, p, sizeof(*p), MSG_DONTWAIT) == sizeof(*p) && p->from < MEMBERS;
}
