// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "status.h"
#include "tap.h"

static void quoted(const char *text, const char *wanted, const char *name)
{
	char *got = NULL;
	size_t size;
	struct json j;
	FILE *out = open_memstream(&got, &size);

	json_begin(&j, out);
	json_string(&j, NULL, text);
	fclose(out);
	same(got, wanted, name);
	free(got);
}

static void strings(void)
{
	quoted("plain", "\"plain\"", "a string");
	quoted("a\"b\\c", "\"a\\\"b\\\\c\"", "quotes and backslashes");
	quoted("\n\t\x01\x1f\x7f", "\"\\u000a\\u0009\\u0001\\u001f\\u007f\"", "control characters");
	quoted("\xc3\xa9\xf0\x9f\x8e\x82", "\"\xc3\xa9\xf0\x9f\x8e\x82\"", "UTF-8");
	quoted("z\xffz\xc3", "\"z\\ufffdz\\ufffd\"", "what is not UTF-8");
	quoted("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"", "a surrogate");
	quoted("", "\"\"", "an empty string");
	quoted(NULL, "null", "none");
}

static void nested(void)
{
	static const uint8_t bytes[] = { 0, 0xff };
	char *got = NULL;
	size_t size;
	struct json j;
	FILE *out = open_memstream(&got, &size);

	json_begin(&j, out);
	json_object(&j, NULL);
	json_u64(&j, "a", UINT64_MAX);
	json_array(&j, "b");
	json_object(&j, NULL);
	json_end(&j);
	json_object(&j, NULL);
	json_bool(&j, "c", false);
	json_end(&j);
	json_end(&j);
	json_hex(&j, "d", bytes, 2);
	json_end(&j);
	json_finish(&j);
	fclose(out);
	same(got, "{\"a\": 18446744073709551615, \"b\": [{}, {\"c\": false}], \"d\": \"00ff\"}\n",
	     "objects and arrays");
	free(got);
}

/* The scripts of the tests take the first of these keys: the node's own. */
static void order_of_keys(void)
{
	static const char *const keys[] = {
		"state", "role", "term", "leader", "commit", "applied", "state_hash",
		"lease", "locks_held", "locks_waiting", "sessions",
	};
	struct peer peer = { .has = ~0U, .state = CONSENSUS_PEER_PROBE, .name = "n2" };
	struct node n = { .name = "n1", .peer = &peer, .n_peers = 1 };
	char *got = NULL, key[32], name[64];
	size_t size, i;
	FILE *out = open_memstream(&got, &size);

	status_json(&n, out);
	fclose(out);
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		snprintf(key, sizeof(key), "\"%s\": ", keys[i]);
		snprintf(name, sizeof(name), "the node's %s comes before its peers'", keys[i]);
		ok(strstr(got, key) && strstr(got, key) < strstr(got, "\"form\""), "%s", name);
	}
	ok(strchr(got, '\n') == got + strlen(got) - 1, "status is one line");
	free(got);
}

void test_json(void)
{
	strings();
	nested();
	order_of_keys();
}
