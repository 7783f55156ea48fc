/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writes JSON. Strings that are not UTF-8 come out as valid JSON all the same,
 * with U+FFFD for what is wrong. Keys are ours: not escaped.
 */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/**
 * struct json - where writing stands
 * @out: stream
 * @comma: something stands before in this object or array
 * @depth: how many are open
 * @closing: their closing characters
 */
struct json {
	FILE *out;
	bool comma;
	int depth;
	char closing[8];
};

void json_begin(struct json *j, FILE *out);
/* Each takes the key, or NULL within an array or at the top. */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
void json_end(struct json *j);
void json_string(struct json *j, const char *key, const char *value);
void json_u64(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
/* Bytes as a string of hexadecimal digits. */
void json_hex(struct json *j, const char *key, const uint8_t *bytes, size_t n);
/* The newline at the end. */
void json_finish(struct json *j);

#endif
