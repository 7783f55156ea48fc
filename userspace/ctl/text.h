/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Numbers, durations, addresses and names, from and to text. The parsers take
 * the whole string or refuse; none of them touches its result where it refuses.
 */
#ifndef CTL_TEXT_H
#define CTL_TEXT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	NAME_MAX_BYTES = 63,
	ADDRESS_TEXT = 80,	/* [v6%interface]:port and NUL */
	DURATION_TEXT = 32,
	SIZE_TEXT = 32,
};

/* Decimal digits only, up to @max. */
bool parse_u64(const char *s, uint64_t max, uint64_t *value);
/* "500ms", "5s", "1.5s", "2m", "100us", "20ns"; ns, at least 1. */
bool parse_duration(const char *s, uint64_t *ns);
/* For people: "3.2 ms". */
const char *show_duration(uint64_t ns, char text[DURATION_TEXT]);

/* "4096", "64K", "256M", "2G", "1T", all by 1024; "MiB" and the like, too. */
bool parse_size(const char *s, uint64_t *bytes);
/* For people: "256 MiB", "1.5 GiB". */
const char *show_size(uint64_t bytes, char text[SIZE_TEXT]);

/* Bytes of the UTF-8 character at @s (RFC 3629), 0: it is none. */
size_t utf8_length(const char *s);
/* 1 to 63 bytes of UTF-8 without control characters? */
bool name_valid(const char *s);
/*
 * May a node have that name? A valid name without blanks, commas and brackets,
 * so that it can stand in lists and in section heads.
 */
bool node_name_valid(const char *s);

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/*
 * "10.0.0.1:7800", "[fd00::1]:7800", "[fe80::1%eth0]:7800": numbers only. NULL,
 * or what is wrong with it.
 */
const char *parse_address(const char *s, union address *a);
const char *show_address(const union address *a, char text[ADDRESS_TEXT]);
size_t address_size(const union address *a);
bool address_equal(const union address *a, const union address *b);

/* 64 hexadecimal digits, and white space at the end. */
bool parse_key(const char *s, uint8_t key[32]);

#endif
