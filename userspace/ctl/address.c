// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static const char *check_host4(const struct in_addr *a)
{
	uint32_t host = ntohl(a->s_addr);

	if (!host)
		return "0.0.0.0 is no address that others could send to";
	if (host == 0xffffffff || IN_MULTICAST(host))
		return "a multicast or broadcast address cannot be a node's";
	return NULL;
}

static const char *parse_host4(const char *host, union address *a)
{
	a->in.sin_family = AF_INET;
	if (inet_pton(AF_INET, host, &a->in.sin_addr) != 1)
		return "not an address in numbers: write 10.0.0.1:7800 or [fd00::1]:7800";
	return check_host4(&a->in.sin_addr);
}

static const char *parse_host6(char *host, union address *a)
{
	char *scope = strchr(host, '%');

	a->in6.sin6_family = AF_INET6;
	if (scope)
		*scope++ = '\0';
	if (inet_pton(AF_INET6, host, &a->in6.sin6_addr) != 1)
		return "not an IPv6 address in numbers: write [fd00::1]:7800";
	if (IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr))
		return ":: is no address that others could send to";
	if (IN6_IS_ADDR_MULTICAST(&a->in6.sin6_addr))
		return "a multicast address cannot be a node's";
	if (IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
		return "an IPv4 address in IPv6 form: write it as 10.0.0.1:7800";
	if (scope) {
		a->in6.sin6_scope_id = if_nametoindex(scope);
		if (!a->in6.sin6_scope_id)
			return "there is no interface of the name behind the %";
	} else if (IN6_IS_ADDR_LINKLOCAL(&a->in6.sin6_addr)) {
		return "a link-local address needs its interface: [fe80::1%eth0]:7800";
	}
	return NULL;
}

/* Splits "[host]:port" or "host:port"; the pieces are in @text. */
static const char *split(char *text, char **host, char **port, bool *six)
{
	char *end;

	*six = text[0] == '[';
	*host = text + *six;
	end = *six ? strchr(text, ']') : strrchr(text, ':');
	if (*six && !end)
		return "the ] is missing: write [fd00::1]:7800";
	if (*six && end[1] != ':')
		return "the port is missing: write [fd00::1]:7800";
	if (!end)
		return "the port is missing: write 10.0.0.1:7800";
	*end = '\0';
	*port = end + 1 + *six;
	if (!*six && strchr(*host, ':'))
		return "an IPv6 address stands in brackets: write [fd00::1]:7800";
	return NULL;
}

const char *parse_address(const char *s, union address *a)
{
	char text[ADDRESS_TEXT], *host, *port;
	union address result;
	const char *wrong;
	uint64_t number;
	bool six;

	memset(&result, 0, sizeof(result));
	if (strlen(s) >= sizeof(text))
		return "too long for an address";
	strcpy(text, s);
	wrong = split(text, &host, &port, &six);
	if (wrong)
		return wrong;
	if (!parse_u64(port, 65535, &number) || !number)
		return "the port must be a number from 1 to 65535";
	wrong = six ? parse_host6(host, &result) : parse_host4(host, &result);
	if (wrong)
		return wrong;
	if (six)
		result.in6.sin6_port = htons((uint16_t)number);
	else
		result.in.sin_port = htons((uint16_t)number);
	*a = result;
	return NULL;
}

static const char *show6(const union address *a, char text[ADDRESS_TEXT])
{
	char host[INET6_ADDRSTRLEN], name[IF_NAMESIZE];
	const struct sockaddr_in6 *in6 = &a->in6;
	unsigned int port = ntohs(in6->sin6_port);

	inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
	if (in6->sin6_scope_id && if_indextoname(in6->sin6_scope_id, name))
		snprintf(text, ADDRESS_TEXT, "[%s%%%s]:%u", host, name, port);
	else
		snprintf(text, ADDRESS_TEXT, "[%s]:%u", host, port);
	return text;
}

const char *show_address(const union address *a, char text[ADDRESS_TEXT])
{
	char host[INET_ADDRSTRLEN];

	if (a->sa.sa_family == AF_INET6)
		return show6(a, text);
	if (a->sa.sa_family != AF_INET) {
		strcpy(text, "?");
		return text;
	}
	inet_ntop(AF_INET, &a->in.sin_addr, host, sizeof(host));
	snprintf(text, ADDRESS_TEXT, "%s:%u", host, ntohs(a->in.sin_port));
	return text;
}

size_t address_size(const union address *a)
{
	return a->sa.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in);
}

bool address_equal(const union address *a, const union address *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_port == b->in.sin_port &&
		       a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return a->in6.sin6_port == b->in6.sin6_port &&
	       a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
	       !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr,
		       sizeof(a->in6.sin6_addr));
}
