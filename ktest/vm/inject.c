// SPDX-License-Identifier: GPL-2.0
/*
 * Sends a node what it must not believe: datagrams of its peers, caught on the
 * node's port of the bridge and sent again, spoilt, cut, stretched, reflected;
 * and noise. Checksums are always right, so that only the module can tell.
 *
 *	ct-inject -i PORT -m MODE[,MODE]... [-s SECONDS] [-r RATE] [-S SEED]
 *		  [-w FILE | -f FILE]
 *	ct-inject -b UDP-PORT		only occupies that port, until it is killed
 *
 * Modes: replay, old (replay of any frame seen so far), flip, truncate, extend,
 * garbage, reflect, stranger (from an address of no member). -w only records
 * frames to FILE; -f takes what to send from there and not from the wire.
 * Prints how many were sent of each mode; exits 1 if there was nothing to send.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	PORT		= 7800,
	KEPT		= 4096,
	FRAME_MAX	= 1600,
	ETHER		= 14,
	UDP_SIZE	= 8,
	PAYLOAD_MAX	= 1232,
};

enum mode { REPLAY, OLD, FLIP, TRUNCATE, EXTEND, GARBAGE, REFLECT, STRANGER, MODES };

static const char *const mode_names[MODES] = {
	"replay", "old", "flip", "truncate", "extend", "garbage", "reflect", "stranger",
};

/**
 * struct frame - one caught ethernet frame with a datagram of ours
 * @data: all of it
 * @len: its length
 * @ip: size of its IP header: 20 or 40
 */
struct frame {
	uint8_t data[FRAME_MAX];
	uint16_t len;
	uint8_t ip;
};

/* Where the header has the type of the message, and that of a hello (kmod/wire). */
enum { TYPE_AT = 11, TYPE_HELLO = 1 };

/* What was sent to the node, and what it sent itself. */
static struct frame to_node[KEPT], from_node[KEPT];
static uint64_t n_to, n_from;
static uint64_t rng, sent[MODES];
/* Of these: hellos sent again as they are. Whoever gets one answers it, if not too often. */
static uint64_t hellos;

static void die(const char *what)
{
	fprintf(stderr, "ct-inject: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t rnd(uint64_t below)
{
	uint64_t z = (rng += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (z ^ (z >> 31)) % below;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint32_t sum(uint32_t acc, const uint8_t *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		acc += (uint32_t)p[0] << 8 | p[1];
	return len ? acc + ((uint32_t)p[0] << 8) : acc;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint16_t fold(uint32_t acc)
{
	acc = (acc & 0xffff) + (acc >> 16);
	acc = (acc & 0xffff) + (acc >> 16);
	return (uint16_t)~acc;
}

/* Lengths and checksums as they belong to a frame of this length. */
static void seal(struct frame *f)
{
	uint8_t *ip = f->data + ETHER, *udp = ip + f->ip;
	uint32_t len = f->len - ETHER - f->ip, acc = len + 17;
	uint16_t check;

	put16(udp + 4, len);
	put16(udp + 6, 0);
	if (f->ip == 40) {
		put16(ip + 4, len);
		acc = sum(acc, ip + 8, 32);
	} else {
		put16(ip + 2, f->len - ETHER);
		put16(ip + 10, 0);
		put16(ip + 10, fold(sum(0, ip, 20)));
		acc = sum(acc, ip + 12, 8);
	}
	check = fold(sum(acc, udp, len));
	put16(udp + 6, check ? check : 0xffff);
}

/* True for a plain datagram from or to our port; fills in @f->ip. */
static bool ours(struct frame *f)
{
	uint8_t *ip = f->data + ETHER;

	if (f->len < ETHER + 20 + UDP_SIZE)
		return false;
	if (f->data[12] == 0x86 && f->data[13] == 0xdd && f->len >= ETHER + 40 + UDP_SIZE &&
	    ip[6] == 17)
		f->ip = 40;
	else if (f->data[12] == 0x08 && f->data[13] == 0x00 && ip[0] == 0x45 && ip[9] == 17)
		f->ip = 20;
	else
		return false;
	ip += f->ip;
	return (ip[0] << 8 | ip[1]) == PORT || (ip[2] << 8 | ip[3]) == PORT;
}

/*
 * A socket that names its protocol at once hears all ports until it is bound, and would
 * take for the node's what goes to others: it names it when it is bound.
 */
static int open_port(const char *name, struct sockaddr_ll *addr)
{
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0)
		die("packet socket");
	*addr = (struct sockaddr_ll) {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	if (!addr->sll_ifindex || bind(fd, (struct sockaddr *)addr, sizeof(*addr)))
		die(name);
	return fd;
}

/* Catch all that waits; frames that leave the port go to the node. */
static void listen_port(int fd)
{
	for (;;) {
		struct sockaddr_ll from;
		socklen_t size = sizeof(from);
		struct frame f;
		ssize_t len = recvfrom(fd, f.data, sizeof(f.data), MSG_DONTWAIT,
				       (struct sockaddr *)&from, &size);

		if (len < 0)
			return;
		f.len = (uint16_t)len;
		if (!ours(&f))
			continue;
		if (from.sll_pkttype == PACKET_OUTGOING)
			to_node[n_to++ % KEPT] = f;
		else
			from_node[n_from++ % KEPT] = f;
	}
}

static void swap(uint8_t *a, uint8_t *b, size_t len)
{
	while (len--) {
		uint8_t t = *a;

		*a++ = *b;
		*b++ = t;
	}
}

static void reflect(struct frame *f)
{
	uint8_t *ip = f->data + ETHER;
	size_t size = f->ip == 40 ? 16 : 4, at = f->ip == 40 ? 8 : 12;

	swap(f->data, f->data + 6, 6);
	swap(ip + at, ip + at + size, size);
	swap(ip + f->ip, ip + f->ip + 2, 2);
}

static void noise(struct frame *f, size_t payload, size_t len)
{
	for (size_t i = 0; i < len; i++)
		f->data[payload + i] = (uint8_t)rnd(256);
	f->len = (uint16_t)(payload + len);
}

static void spoil(struct frame *f, enum mode mode)
{
	size_t payload = ETHER + f->ip + UDP_SIZE, len = f->len - payload;

	switch (mode) {
	case FLIP:
		for (uint64_t n = 1 + rnd(3); n && len; n--)
			f->data[payload + rnd(len)] ^= (uint8_t)(1 << rnd(8));
		break;
	case TRUNCATE:
		f->len = (uint16_t)(payload + rnd(len + 1));
		break;
	case EXTEND:
		len += 1 + rnd(64);
		if (len <= PAYLOAD_MAX)
			f->len = (uint16_t)(payload + len);
		break;
	case GARBAGE:
		noise(f, payload, rnd(PAYLOAD_MAX + 1));
		break;
	case STRANGER:
		f->data[ETHER + (f->ip == 40 ? 23 : 15)] = (uint8_t)(100 + rnd(100));
		break;
	case REFLECT:
		reflect(f);
		break;
	default:
		break;
	}
}

/* One datagram of this mode, if there is something to make it of. */
static void inject(int fd, const struct sockaddr_ll *addr, enum mode mode)
{
	uint64_t have = mode == REFLECT ? n_from : n_to;
	const struct frame *ring = mode == REFLECT ? from_node : to_node;
	struct frame f;

	if (!have)
		return;
	if (mode == OLD)
		f = ring[rnd(have < KEPT ? have : KEPT)];
	else
		f = ring[(have - 1 - rnd(have < 8 ? have : 8)) % KEPT];
	spoil(&f, mode);
	seal(&f);
	if (sendto(fd, f.data, f.len, 0, (const struct sockaddr *)addr, sizeof(*addr)) == f.len)
		sent[mode]++;
	else
		return;
	if ((mode == OLD || mode == REPLAY) &&
	    f.data[ETHER + f.ip + UDP_SIZE + TYPE_AT] == TYPE_HELLO)
		hellos++;
}

static unsigned int parse_modes(char *list, enum mode *modes)
{
	unsigned int n = 0;

	for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
		unsigned int m = 0;

		while (m < MODES && strcmp(word, mode_names[m]))
			m++;
		if (m == MODES || n == MODES) {
			fprintf(stderr, "ct-inject: no such mode: %s\n", word);
			exit(2);
		}
		modes[n++] = (enum mode)m;
	}
	return n;
}

static void load_frames(const char *path)
{
	FILE *in = fopen(path, "rb");

	if (!in)
		die(path);
	while (n_to < KEPT && fread(&to_node[n_to], sizeof(to_node[0]), 1, in) == 1)
		n_to++;
	fclose(in);
}

static void save_frames(const char *path)
{
	FILE *out = fopen(path, "wb");
	size_t n = n_to < KEPT ? n_to : KEPT;

	if (!out || fwrite(to_node, sizeof(to_node[0]), n, out) != n || fclose(out))
		die(path);
	printf("# recorded %zu\n", n);
}

/* Listen for some seconds, unless the frames are given, and inject if there are modes. */
static void work_port(const char *port, const enum mode *modes, unsigned int n_modes,
		      double seconds, double rate, bool given)
{
	uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
	struct sockaddr_ll addr;
	int fd = open_port(port, &addr);

	while (now_ns() < end) {
		poll(NULL, 0, n_modes ? (int)(1000 / rate) + 1 : 1);
		if (!given)
			listen_port(fd);
		if (n_modes)
			inject(fd, &addr, modes[rnd(n_modes)]);
	}
	close(fd);
}

static int occupy(const char *port)
{
	struct sockaddr_in6 addr = {
		.sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)atoi(port)),
	};
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die(port);
	return pause();
}

int main(int argc, char **argv)
{
	const char *port = NULL, *load = NULL, *save = NULL;
	enum mode modes[MODES];
	unsigned int n_modes = 0;
	double seconds = 5, rate = 200;
	uint64_t total = 0;
	int c;

	rng = now_ns();
	while ((c = getopt(argc, argv, "b:i:m:s:r:S:w:f:")) != -1) {
		if (c == 'b')
			return occupy(optarg);
		else if (c == 'i')
			port = optarg;
		else if (c == 'm')
			n_modes = parse_modes(optarg, modes);
		else if (c == 's')
			seconds = atof(optarg);
		else if (c == 'r')
			rate = atof(optarg);
		else if (c == 'S')
			rng = strtoull(optarg, NULL, 0);
		else if (c == 'w')
			save = optarg;
		else if (c == 'f')
			load = optarg;
		else
			return 2;
	}
	if (!port || rate <= 0 || (!n_modes && !save)) {
		fprintf(stderr, "usage: ct-inject -i PORT -m MODES [-s SECONDS] [-r RATE] [-S SEED]"
			" [-w FILE | -f FILE]\n");
		return 2;
	}
	printf("# seed %llu\n", (unsigned long long)rng);
	if (load)
		load_frames(load);
	work_port(port, modes, n_modes, seconds, rate, load);
	if (save) {
		save_frames(save);
		return n_to ? 0 : 1;
	}
	for (unsigned int m = 0; m < MODES; m++) {
		if (sent[m])
			printf("# sent %s %llu\n", mode_names[m], (unsigned long long)sent[m]);
		total += sent[m];
	}
	printf("# hellos %llu\n", (unsigned long long)hellos);
	return total ? 0 : 1;
}
