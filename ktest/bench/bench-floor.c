// SPDX-License-Identifier: GPL-2.0
/*
 * Drives the floor module (floor.c), in the network namespace it runs in.
 *
 *   bench-floor setup SELF REQUEST_BODY ACK_BODY PORT ADDRESS...
 *	starts this namespace's node: number SELF (from 0) of ADDRESS...
 *   bench-floor run BATCHES ROUNDS
 *	BATCHES times ROUNDS rounds, one after the other; prints one JSON line:
 *	the median over batches of ns per round, and p50 and p99 of the rounds
 *	(timed in a second pass, since reading the clock costs, too)
 *   bench-floor status
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench.h"
#include "floor.h"

static int device(void)
{
	int fd = open("/dev/floor", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/floor: %s", strerror(errno));
	return fd;
}

static void parse_address(struct floor_address *a, const char *s, __u16 port)
{
	a->port = port;
	if (inet_pton(AF_INET6, s, a->addr) == 1)
		a->family = AF_INET6;
	else if (inet_pton(AF_INET, s, a->addr) == 1)
		a->family = AF_INET;
	else
		die("not an address: %s", s);
}

static void setup(int argc, char **argv)
{
	struct floor_setup s = { 0 };
	int i;

	if (argc < 6 || argc - 4 > FLOOR_NODES_MAX)
		die("setup SELF REQUEST_BODY ACK_BODY PORT ADDRESS...");
	s.self = number(argv[0]);
	s.request_body = number(argv[1]);
	s.ack_body = number(argv[2]);
	for (i = 4; i < argc; i++)
		parse_address(&s.node[s.n++], argv[i], number(argv[3]));
	if (ioctl(device(), FLOOR_SETUP, &s))
		die("setup: %s", strerror(errno));
}

static __u64 one_round(int fd, __u64 last)
{
	__u64 round = 0;

	if (ioctl(fd, FLOOR_ROUND, &round))
		die("round %llu: %s", (unsigned long long)last + 1,
		    strerror(errno));
	if (last && round != last + 1)
		die("round %llu came after %llu", (unsigned long long)round,
		    (unsigned long long)last);
	return round;
}

static void run(uint64_t batches, uint64_t rounds)
{
	uint64_t *mean = calloc(batches, sizeof(*mean));
	uint64_t *each = calloc(rounds, sizeof(*each));
	uint64_t b, r, begin, p50;
	int fd = device();
	__u64 last = 0;

	if (!mean || !each)
		die("no memory");
	for (r = 0; r < 64; r++)
		last = one_round(fd, last);
	for (b = 0; b < batches; b++) {
		begin = now_ns();
		for (r = 0; r < rounds; r++)
			last = one_round(fd, last);
		mean[b] = (now_ns() - begin) / rounds;
	}
	for (r = 0; r < rounds; r++) {
		begin = now_ns();
		last = one_round(fd, last);
		each[r] = now_ns() - begin;
	}
	p50 = quantile(each, rounds, 500);
	printf("{\"mean_ns\":%llu,\"p50_ns\":%llu,\"p99_ns\":%llu,\"ops\":%llu}\n",
	       (unsigned long long)quantile(mean, batches, 500),
	       (unsigned long long)p50,
	       (unsigned long long)quantile(each, rounds, 990),
	       (unsigned long long)((batches + 1) * rounds + 64));
	free(mean);
	free(each);
}

static void status(void)
{
	struct floor_status st;

	if (ioctl(device(), FLOOR_STATUS, &st))
		die("status: %s", strerror(errno));
	printf("{\"rounds\":%llu,\"slept\":%llu,",
	       (unsigned long long)st.rounds, (unsigned long long)st.slept);
	printf("\"sent\":%llu,\"received\":%llu,\"refused\":%llu}\n",
	       (unsigned long long)st.sent, (unsigned long long)st.received,
	       (unsigned long long)st.refused);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "setup"))
		setup(argc - 2, argv + 2);
	else if (argc == 4 && !strcmp(argv[1], "run"))
		run(number(argv[2]), number(argv[3]));
	else if (argc == 2 && !strcmp(argv[1], "status"))
		status();
	else
		die("usage: bench-floor setup|run|status ...");
	return 0;
}
