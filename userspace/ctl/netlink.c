// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/consensus_netlink.h>
#include <linux/genetlink.h>
#include <string.h>
#include <sys/time.h>

#include "netlink.h"

enum { RECEIVE = 64 * 1024 };	/* bytes of one datagram from the kernel */

/**
 * struct answer - a request's end
 * @nl: for the text
 * @take: who takes its messages
 * @arg: for @take
 * @result: 1: not ended yet; 0 or -errno
 */
struct answer {
	struct nl *nl;
	nl_take *take;
	void *arg;
	int result;
};

void nl_string(const struct nlattr *a, char *text, size_t size)
{
	size_t n = strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));

	if (n >= size)
		n = size - 1;
	memcpy(text, mnl_attr_get_payload(a), n);
	text[n] = '\0';
}

static const struct nlattr *if_within(const struct nlattr *a, const char *end)
{
	return mnl_attr_ok(a, (int)(end - (const char *)a)) ? a : NULL;
}

const struct nlattr *nl_next(const struct nlmsghdr *message, size_t offset,
			     const struct nlattr *a)
{
	a = a ? mnl_attr_next(a) : mnl_nlmsg_get_payload_offset(message, offset);
	return if_within(a, mnl_nlmsg_get_payload_tail(message));
}

const struct nlattr *nl_next_nested(const struct nlattr *nest, const struct nlattr *a)
{
	const char *begin = mnl_attr_get_payload(nest);

	a = a ? mnl_attr_next(a) : (const void *)begin;
	return if_within(a, begin + mnl_attr_get_payload_len(nest));
}

/* ----------------------------------------------------------------- socket */

static int set_options(struct nl *nl, uint64_t timeout_ns)
{
	struct timeval t;
	int one = 1;

	if (!timeout_ns)
		timeout_ns = 5ULL * 1000 * 1000 * 1000;
	if (timeout_ns > 1000000ULL * 1000 * 1000 * 1000)
		timeout_ns = 0;		/* setsockopt: no limit */
	t.tv_sec = (time_t)(timeout_ns / 1000000000);
	t.tv_usec = (suseconds_t)((timeout_ns % 1000000000 + 999) / 1000);
	if (t.tv_usec == 1000000)
		t.tv_usec = 999999;
	if (setsockopt(mnl_socket_get_fd(nl->socket), SOL_SOCKET, SO_RCVTIMEO,
		       &t, sizeof(t)))
		return -errno;
	/* Only texts are lost without these. */
	mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(nl->socket, NETLINK_CAP_ACK, &one, sizeof(one));
	return 0;
}

static void take_family(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *a = NULL;
	uint16_t *family = arg;

	while ((a = nl_next(message, sizeof(struct genlmsghdr), a))) {
		if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID &&
		    !mnl_attr_validate(a, MNL_TYPE_U16))
			*family = mnl_attr_get_u16(a);
	}
}

static int find_family(struct nl *nl)
{
	struct nlmsghdr *request;
	uint16_t found = 0;
	int ret;

	nl->family = GENL_ID_CTRL;
	request = nl_begin(nl, CTRL_CMD_GETFAMILY);
	mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, CONSENSUS_GENL_NAME);
	ret = nl_talk(nl, request, take_family, &found);
	if (ret)
		return ret;
	if (!found)
		return -EPROTO;
	nl->family = found;
	return 0;
}

int nl_open(struct nl *nl, uint64_t timeout_ns)
{
	int ret;

	memset(nl, 0, sizeof(*nl));
	nl->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!nl->socket)
		return -errno;
	ret = mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) ? -errno : 0;
	if (!ret)
		ret = set_options(nl, timeout_ns);
	if (!ret)
		ret = find_family(nl);
	if (ret)
		nl_close(nl);
	return ret;
}

void nl_close(struct nl *nl)
{
	mnl_socket_close(nl->socket);
	/* The request may have held a key. */
	explicit_bzero(nl->buffer, sizeof(nl->buffer));
}

/* ----------------------------------------------------- request and answer */

struct nlmsghdr *nl_begin(struct nl *nl, uint8_t command)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(nl->buffer);
	struct genlmsghdr *g;

	h->nlmsg_type = nl->family;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	h->nlmsg_seq = ++nl->seq;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->cmd = command;
	g->version = nl->family == GENL_ID_CTRL ? 1 : CONSENSUS_GENL_VERSION;
	return h;
}

/* The text of an extended ACK that begins @offset bytes in. */
static void take_text(struct nl *nl, const struct nlmsghdr *h, size_t offset)
{
	const struct nlattr *a = NULL;

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS) ||
	    mnl_nlmsg_get_payload_len(h) < offset)
		return;
	while ((a = nl_next(h, offset, a))) {
		if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG)
			nl_string(a, nl->text, sizeof(nl->text));
	}
}

static void take_error(struct answer *answer, const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
	size_t offset = sizeof(*e);

	if (mnl_nlmsg_get_payload_len(h) < sizeof(*e)) {
		answer->result = -EPROTO;
		return;
	}
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		offset += mnl_nlmsg_get_payload_len(&e->msg);
	take_text(answer->nl, h, offset);
	answer->result = e->error > 0 ? -e->error : e->error;
}

static void take_done(struct answer *answer, const struct nlmsghdr *h)
{
	int error = 0;

	if (mnl_nlmsg_get_payload_len(h) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(h), sizeof(error));
	take_text(answer->nl, h, sizeof(error));
	answer->result = error;
}

static void take_message(struct answer *answer, const struct nlmsghdr *h)
{
	if (h->nlmsg_seq != answer->nl->seq)
		return;
	if (h->nlmsg_type == NLMSG_ERROR)
		take_error(answer, h);
	else if (h->nlmsg_type == NLMSG_DONE)
		take_done(answer, h);
	else if (h->nlmsg_type >= NLMSG_MIN_TYPE && answer->take)
		answer->take(h, answer->arg);
}

static int receive(struct answer *answer)
{
	static _Alignas(8) char buffer[RECEIVE];
	const struct nlmsghdr *h = (const void *)buffer;
	ssize_t n = mnl_socket_recvfrom(answer->nl->socket, buffer, sizeof(buffer));
	int rest = (int)n;

	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	for (; mnl_nlmsg_ok(h, rest); h = mnl_nlmsg_next(h, &rest))
		take_message(answer, h);
	return 0;
}

int nl_talk(struct nl *nl, struct nlmsghdr *request, nl_take *take, void *arg)
{
	struct answer answer = { .nl = nl, .take = take, .arg = arg, .result = 1 };
	int ret;

	nl->text[0] = '\0';
	if (mnl_socket_sendto(nl->socket, request, request->nlmsg_len) < 0)
		return -errno;
	while (answer.result == 1) {
		ret = receive(&answer);
		if (ret)
			return ret;
	}
	return answer.result;
}

int nl_dump(struct nl *nl, uint8_t command, nl_take *take, void *arg)
{
	struct nlmsghdr *request = nl_begin(nl, command);

	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	return nl_talk(nl, request, take, arg);
}
