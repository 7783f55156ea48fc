// SPDX-License-Identifier: GPL-2.0
/*
 * What a node must not believe, and that it counts it: garbage, cut, stretched,
 * spoilt, forged, replayed and reflected datagrams, and replayed hellos. To be
 * run in the network namespace of a node that is a member of a cluster:
 *
 *	ct-datagram INTERFACE ADDRESS PORT [COMMAND]
 *
 * It catches what the node receives and sends on INTERFACE, and sends spoilt
 * copies to ADDRESS PORT from a socket of its own: nothing authenticates the
 * sender's address, so that must make no difference. COMMAND makes another
 * node say hello (by restarting it) and returns when the cluster is whole.
 *
 * After each kind, consensusctl status --json must show the right counter
 * raised by what was sent, all others unmoved, and leader, term and
 * incarnations as before.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ct.h"

/* The header of a datagram (kmod/wire/layout.h), as far as is needed here. */
enum {
	AT_MAC = 0, AT_MAGIC = 8, AT_VERSION = 10, AT_TYPE = 11, AT_LENGTH = 12,
	AT_FROM = 16, AT_CLUSTER = 24, AT_SEQUENCE = 32, HEADER = 40,
	TYPE_HELLO = 1,
	PAYLOAD = 1500, KEPT = 256, TIMES = 20,
};

struct datagram {
	unsigned char data[PAYLOAD];
	size_t len;
};

/* Newest last; hellos are kept apart. */
static struct datagram received[KEPT], sent[KEPT], hellos[KEPT];
static unsigned int n_received, n_sent, n_hellos;
static struct sockaddr_storage node;
static socklen_t node_len;
static uint16_t port;
static int packets, udp;
static uint64_t seed = 0x123456789abcdefULL;

/* ---------------------------------------------------------------- catching */

/* Offset of the UDP payload of an IP packet that concerns us, 0: none. */
static size_t payload_of(const unsigned char *p, size_t len, size_t *size, bool *ours)
{
	size_t ip;
	uint16_t from, to, n;

	if (len >= 28 && p[0] >> 4 == 4 && p[9] == IPPROTO_UDP)
		ip = (size_t)(p[0] & 15) * 4;
	else if (len >= 48 && p[0] >> 4 == 6 && p[6] == IPPROTO_UDP)
		ip = 40;
	else
		return 0;
	memcpy(&from, p + ip, 2);
	memcpy(&to, p + ip + 2, 2);
	memcpy(&n, p + ip + 4, 2);
	if (ntohs(n) < 8 + HEADER || ip + ntohs(n) > len)
		return 0;
	*size = ntohs(n) - 8U;
	*ours = ntohs(from) == port && ntohs(to) == port;
	return ip + 8;
}

static void keep(struct datagram *list, unsigned int *n, const unsigned char *data, size_t size)
{
	struct datagram *d = &list[(*n)++ % KEPT];

	memcpy(d->data, data, size);
	d->len = size;
}

static void take(const unsigned char *p, size_t len, bool outgoing)
{
	bool ours = false;
	size_t size = 0, at = payload_of(p, len, &size, &ours);

	if (!at || !ours || size > PAYLOAD)
		return;
	if (outgoing)
		keep(sent, &n_sent, p + at, size);
	else if (p[at + AT_TYPE] == TYPE_HELLO)
		keep(hellos, &n_hellos, p + at, size);
	else
		keep(received, &n_received, p + at, size);
}

static void listen_for(unsigned int ms)
{
	uint64_t end = now_ns() + ms * 1000000ULL;
	struct pollfd poll_fd = { .fd = packets, .events = POLLIN };

	while (now_ns() < end) {
		unsigned char frame[2048];
		struct sockaddr_ll from;
		socklen_t from_len = sizeof(from);
		ssize_t n;

		if (poll(&poll_fd, 1, 5) <= 0)
			continue;
		n = recvfrom(packets, frame, sizeof(frame), MSG_DONTWAIT, (void *)&from, &from_len);
		if (n > 0)
			take(frame, (size_t)n, from.sll_pkttype == PACKET_OUTGOING);
	}
}

static void open_packets(const char *interface)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				       .sll_ifindex = (int)if_nametoindex(interface) };
	int room = 4 << 20;

	/* It names its protocol when it is bound, or would hear all ports until then. */
	packets = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (packets < 0 || !address.sll_ifindex || bind(packets, (void *)&address, sizeof(address)))
		bail("%s: %s", interface, strerror(errno));
	setsockopt(packets, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
}

static void open_udp(const char *host, uint16_t to)
{
	struct sockaddr_in6 *in6 = (void *)&node;
	struct sockaddr_in *in = (void *)&node;

	port = to;
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(to);
		node_len = sizeof(*in6);
	} else if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(to);
		node_len = sizeof(*in);
	} else {
		bail("no address: %s", host);
	}
	udp = socket(node.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (udp < 0)
		bail("socket: %s", strerror(errno));
}

static void throw(const void *data, size_t len)
{
	if (sendto(udp, data, len, 0, (void *)&node, node_len) != (ssize_t)len)
		bail("sendto: %s", strerror(errno));
}

/* ------------------------------------------------------------------ status */

static const char *const drops[] = {
	"short", "magic", "version", "stranger", "self", "forged", "replayed", "malformed",
	"cluster", "hello_stale", "hello_refused", "queue", "memory", "route", "unready",
};

enum {
	SHORT, MAGIC, VERSION, STRANGER, SELF, FORGED, REPLAYED, MALFORMED, CLUSTER, HELLO_STALE,
	HELLO_REFUSED, N_DROPS = sizeof(drops) / sizeof(drops[0]),
};

/**
 * struct standing - what must not move
 * @drop: counters
 * @tx: datagrams sent
 * @who: term, leader, and every incarnation
 */
struct standing {
	uint64_t drop[N_DROPS], tx;
	char who[4096];
};

static uint64_t number(const char *text, const char *key)
{
	char quoted[40];
	const char *at;

	snprintf(quoted, sizeof(quoted), "\"%s\": ", key);
	at = strstr(text, quoted);
	if (!at)
		bail("consensusctl status --json has no %s", key);
	return strtoull(at + strlen(quoted), NULL, 10);
}

/* All values of @key, one after the other. */
static void values(const char *text, const char *key, char *to, size_t size)
{
	char quoted[40];

	snprintf(quoted, sizeof(quoted), "\"%s\": ", key);
	while ((text = strstr(text, quoted))) {
		size_t n = strcspn(text, ",}"), used = strlen(to);

		if (used + n + 2 > size)
			return;
		memcpy(to + used, text, n);
		strcpy(to + used + n, " ");
		text += n;
	}
}

static void look(struct standing *s)
{
	static char text[65536];
	FILE *f = popen("consensusctl status --json", "r");
	size_t i, n;

	if (!f)
		bail("popen: %s", strerror(errno));
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	if (pclose(f))
		bail("consensusctl status --json failed");
	for (i = 0; i < N_DROPS; i++)
		s->drop[i] = number(strstr(text, "\"drops\""), drops[i]);
	s->tx = number(text, "tx");
	s->who[0] = '\0';
	values(text, "term", s->who, sizeof(s->who));
	values(text, "leader", s->who, sizeof(s->who));
	values(text, "incarnation", s->who, sizeof(s->who));
}

static struct standing before;

static void begin(void)
{
	look(&before);
}

static bool only(const struct standing *now, size_t which, uint64_t n)
{
	bool all = true;
	size_t i;

	for (i = 0; i < N_DROPS; i++) {
		uint64_t wanted = before.drop[i] + (i == which ? n : 0);

		if (now->drop[i] != wanted)
			note("%s: %llu more, wanted %llu", drops[i],
			     (unsigned long long)(now->drop[i] - before.drop[i]),
			     (unsigned long long)(wanted - before.drop[i]));
		all &= now->drop[i] == wanted;
	}
	return all;
}

static bool unmoved(const struct standing *now)
{
	if (!strcmp(now->who, before.who))
		return true;
	note("before %s", before.who);
	note("now    %s", now->who);
	return false;
}

/* Exactly @n more of @which; everything else as before. */
static void end(size_t which, uint64_t n, const char *what)
{
	uint64_t until = now_ns() + 10 * SEC;
	struct standing now;

	/* ksoftirqd may have some of them still */
	do {
		sleep_ms(50);
		look(&now);
	} while (now.drop[which] < before.drop[which] + n && now_ns() < until);
	ok(only(&now, which, n), "%s: %llu counted as %s, none otherwise", what,
	   (unsigned long long)n, drops[which]);
	ok(unmoved(&now), "%s: nothing else happened", what);
}

/* ------------------------------------------------------------------- kinds */

static const struct datagram *newest(const struct datagram *list, unsigned int n, const char *what)
{
	if (!n)
		bail("%s were caught", what);
	return &list[(n - 1) % KEPT];
}

static const struct datagram *last_received(void)
{
	int tries = 100;

	do {
		listen_for(100);
	} while (!n_received && --tries);
	return newest(received, n_received, "no datagrams of the others");
}

static void garbage(void)
{
	unsigned char data[PAYLOAD];
	size_t len, i;
	int t;

	begin();
	for (t = 0; t < 200; t++) {
		len = HEADER + random_next(&seed) % (1232 - HEADER);
		for (i = 0; i < len; i++)
			data[i] = (unsigned char)random_next(&seed);
		data[AT_MAGIC] = 0;
		throw(data, len);
	}
	end(MAGIC, 200, "garbage");
	begin();
	for (t = 0; t < HEADER; t++)
		throw(data, (size_t)t);
	end(SHORT, HEADER, "less than a header, down to nothing");
}

static void cut_and_stretched(void)
{
	struct datagram d = *last_received();
	size_t n;

	begin();
	for (n = 0; n < d.len; n++)
		throw(d.data, n);
	end(SHORT, d.len, "a datagram cut at every length");
	memset(d.data + d.len, 0, PAYLOAD - d.len);
	begin();
	for (n = 1; n <= TIMES; n++)
		throw(d.data, d.len + n);
	end(SHORT, TIMES, "a stretched datagram");
	d = *last_received();
	d.data[AT_LENGTH]++;
	begin();
	throw(d.data, d.len);
	end(SHORT, 1, "a wrong length field");
}

/* One field of a fresh datagram is changed. */
static void changed(size_t at, unsigned char by, size_t which, const char *what)
{
	int t;

	begin();
	for (t = 0; t < TIMES; t++) {
		struct datagram d = *last_received();

		d.data[at] ^= by;
		throw(d.data, d.len);
	}
	end(which, TIMES, what);
}

/* Every byte behind the header, and the MAC: bits flipped. */
static void flipped(void)
{
	struct datagram d = *last_received();
	uint64_t n = 0;
	size_t i;

	begin();
	for (i = 0; i < d.len; i++) {
		if (i >= AT_MAGIC && i < AT_CLUSTER)
			continue;
		d.data[i] ^= (unsigned char)(1 << i % 8);
		throw(d.data, d.len);
		d.data[i] ^= (unsigned char)(1 << i % 8);
		n++;
	}
	end(FORGED, n, "a datagram with each byte flipped in turn");
	begin();
	for (i = 0; i < TIMES; i++) {
		memset(d.data, (int)(i * 13), 8);
		throw(d.data, d.len);
	}
	end(FORGED, TIMES, "guessed MACs");
}

static void replayed(void)
{
	struct datagram d;
	int t;

	begin();
	for (t = 0; t < TIMES; t++) {
		d = *last_received();
		throw(d.data, d.len);
	}
	end(REPLAYED, TIMES, "a datagram replayed at once");
	begin();
	for (t = 0; t < TIMES; t++)
		throw(d.data, d.len);
	end(REPLAYED, TIMES, "one replayed again and again");
}

static void reflected(void)
{
	struct datagram d;
	int t;

	listen_for(300);
	begin();
	for (t = 0; t < TIMES; t++) {
		d = *newest(sent, n_sent, "none of its own datagrams");
		throw(d.data, d.len);
		listen_for(20);
	}
	end(SELF, TIMES, "its own datagrams, reflected");
}

/* What was caught of another node's restart. 0: none. */
static unsigned int catch_hellos(const char *command)
{
	n_hellos = 0;
	hook(command);
	listen_for(500);
	newest(hellos, n_hellos, "no hellos");
	sleep_ms(3000);
	listen_for(100);
	return n_hellos < KEPT ? n_hellos : KEPT;
}

/*
 * One may make the node ask again (that is not believing); the others are
 * counted or ignored. What it knows of its peers stays, and it does not answer
 * each.
 */
static void replay_hellos(unsigned int n, const char *what)
{
	unsigned int i, t, thrown = 0;
	struct standing now;
	uint64_t answers = 0;

	begin();
	n_sent = 0;
	for (t = 0; t < 50; t++) {
		for (i = 0; i < n; i++, thrown++)
			throw(hellos[i].data, hellos[i].len);
	}
	listen_for(100);
	look(&now);
	for (i = 0; i < n_sent && i < KEPT; i++)
		answers += sent[i].data[AT_TYPE] == TYPE_HELLO;
	note("%s: %u sent again, %llu answered, %llu stale, %llu refused", what, thrown,
	     (unsigned long long)answers,
	     (unsigned long long)(now.drop[HELLO_STALE] - before.drop[HELLO_STALE]),
	     (unsigned long long)(now.drop[HELLO_REFUSED] - before.drop[HELLO_REFUSED]));
	ok(unmoved(&now), "%s: what it knows stands", what);
	ok(answers <= thrown / 2, "%s: not each is answered", what);
}

static void old_hellos(const char *command)
{
	static struct datagram old[KEPT];
	unsigned int i, n, n_old;

	if (!command) {
		skip("no COMMAND", "replayed hellos");
		return;
	}
	n = catch_hellos(command);
	note("%u hellos were caught", n);
	replay_hellos(n, "hellos of this start");
	memcpy(old, hellos, sizeof(old));
	n_old = n;
	catch_hellos(command);
	memcpy(hellos, old, sizeof(old));
	replay_hellos(n_old, "hellos of an earlier start");
	for (i = 0; i < n_old; i++)
		hellos[i].data[HEADER + 3] ^= 1;
	begin();
	for (i = 0; i < n_old; i++)
		throw(hellos[i].data, hellos[i].len);
	end(FORGED, n_old, "forged hellos");
}

/* The cluster goes on counting through all of it. */
static void still_counts(uint64_t *value)
{
	int fd = open_device(O_RDWR);
	uint64_t now = 0;

	is_errno(add(fd, "ct-datagram", 1, 30 * SEC, &now), 0, "the cluster counts");
	ok(!*value || now == *value + 1, "without a gap");
	*value = now;
	close(fd);
}

int main(int argc, char **argv)
{
	uint64_t value = 0;

	if (argc < 4) {
		fprintf(stderr, "usage: ct-datagram INTERFACE ADDRESS PORT [COMMAND]\n");
		return 2;
	}
	open_packets(argv[1]);
	open_udp(argv[2], (uint16_t)atoi(argv[3]));
	still_counts(&value);
	garbage();
	cut_and_stretched();
	changed(AT_MAGIC, 1, MAGIC, "another magic");
	changed(AT_VERSION, 0x10, VERSION, "a version of the future");
	changed(AT_FROM + 3, 0x55, STRANGER, "a sender that nobody knows");
	changed(AT_SEQUENCE, 0x80, FORGED, "another sequence number");
	changed(AT_CLUSTER, 1, FORGED, "another cluster");
	flipped();
	replayed();
	reflected();
	still_counts(&value);
	old_hellos(argc > 4 ? argv[4] : NULL);
	still_counts(&value);
	return tap_end();
}
