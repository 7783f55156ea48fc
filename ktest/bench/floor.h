/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The door of the floor module: what the bench's programs share with it.
 * It is no stable interface; both ends come from the same tree.
 */
#ifndef CNS_FLOOR_H
#define CNS_FLOOR_H

#include <linux/types.h>
#include <linux/ioctl.h>

enum {
	FLOOR_NODES_MAX = 7,	/* design 13 measures 3, 5 and 7 */
	FLOOR_BODY_MAX = 1024,	/* bytes behind the header */
};

/**
 * struct floor_address - where a node listens
 * @family: AF_INET or AF_INET6
 * @port: UDP port, host order
 * @addr: 4 or 16 bytes, network order
 */
struct floor_address {
	__u16 family;
	__u16 port;
	__u32 reserved;
	__u8 addr[16];
};

/**
 * struct floor_setup - start the instance of the caller's network namespace
 * @self: which of @node this namespace is
 * @n: number of nodes
 * @request_body: bytes behind the header in a request
 * @ack_body: bytes behind the header in an ack
 * @node: all nodes, in the same order everywhere
 */
struct floor_setup {
	__u32 self;
	__u32 n;
	__u32 request_body;
	__u32 ack_body;
	struct floor_address node[FLOOR_NODES_MAX];
};

/**
 * struct floor_status - what the instance has seen since its start
 * @rounds: rounds that a majority acknowledged
 * @slept: of them, those whose caller had to sleep for it
 * @sent: datagrams
 * @received: datagrams, also refused ones
 * @refused: datagrams with a wrong length, sender or MAC
 */
struct floor_status {
	__u64 rounds;
	__u64 slept;
	__u64 sent;
	__u64 received;
	__u64 refused;
};

#define FLOOR_SETUP	_IOW('F', 0x40, struct floor_setup)
/* One quorum round; gives back its number: 1, 2, 3, ... */
#define FLOOR_ROUND	_IOR('F', 0x41, __u64)
#define FLOOR_STATUS	_IOR('F', 0x42, struct floor_status)

/* A command of /dev/floor-noop (floor_noop.c): nothing, asynchronously. */
#define FLOOR_NOOP	_IO('F', 0x48)

#endif
