/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests to the node of this network namespace, by generic netlink.
 */
#ifndef CTL_NETLINK_H
#define CTL_NETLINK_H

#include <libmnl/libmnl.h>
#include <stdint.h>

#include "text.h"

enum {
	NL_BUFFER = 128 * 1024,	/* bytes of a request: two nests of 64 KiB at most */
	NL_TEXT = 256,
};

/**
 * struct nl - a socket to the family
 * @socket: libmnl's
 * @family: number of the family
 * @seq: of the last request
 * @text: what the kernel said of the last error; empty: nothing
 * @buffer: the request
 */
struct nl {
	struct mnl_socket *socket;
	uint16_t family;
	uint32_t seq;
	char text[NL_TEXT];
	char buffer[NL_BUFFER] __attribute__((aligned(8)));
};

/* Takes each message of an answer. */
typedef void nl_take(const struct nlmsghdr *message, void *arg);

/*
 * Opens it and finds the family. @timeout_ns: how long each answer may take;
 * 0: 5 s. 0 or -errno; -ENOENT: no such family, so the module is not loaded.
 * -ETIMEDOUT and -EINTR of any of these say nothing about what the request did.
 */
int nl_open(struct nl *nl, uint64_t timeout_ns);
void nl_close(struct nl *nl);
/* Begins a request; attributes are put to what is returned. */
struct nlmsghdr *nl_begin(struct nl *nl, uint8_t command);
/*
 * Sends it, waits for its end. 0 or a negative errno, with @nl->text. @take may
 * be NULL.
 */
int nl_talk(struct nl *nl, struct nlmsghdr *request, nl_take *take, void *arg);
/* The same for a dump. */
int nl_dump(struct nl *nl, uint8_t command, nl_take *take, void *arg);

/* Attributes one after the other: the first, or the one behind @a; NULL: none. */
const struct nlattr *nl_next(const struct nlmsghdr *message, size_t offset,
			     const struct nlattr *a);
const struct nlattr *nl_next_nested(const struct nlattr *nest, const struct nlattr *a);

/* A string attribute into @text, cut and terminated. */
void nl_string(const struct nlattr *a, char *text, size_t size);

#endif
