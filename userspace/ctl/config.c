// SPDX-License-Identifier: GPL-2.0
/*
 * The file, line by line. A parser stops at the first error.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/consensus_netlink.h>
#include <stdarg.h>
#include <string.h>

#include "config.h"
#include "ctl.h"

/**
 * struct parser - where reading stands
 * @c: filled in
 * @error: gets the message
 * @line: current line, from 1
 * @section: NULL: none yet; "cluster"; "node"
 */
struct parser {
	struct config *c;
	char *error;
	int line;
	const char *section;
};

__attribute__((format(printf, 2, 3)))
static int wrong(const struct parser *p, const char *format, ...)
{
	va_list args;
	int n;

	n = snprintf(p->error, CONFIG_ERROR, "%s:%d: ", p->c->path, p->line);
	if (n < 0 || n >= CONFIG_ERROR)
		return -1;
	va_start(args, format);
	vsnprintf(p->error + n, CONFIG_ERROR - (size_t)n, format, args);
	va_end(args);
	return -1;
}

/* ----------------------------------------------------------- keys, values */

static const struct {
	const char *key;
	uint32_t least, most, initial;
	const char *unit;
} numbers[CONFIG_NUMBERS] = {
	[CONFIG_HEARTBEAT] = { "heartbeat-ms", 1, 30000, 30, "milliseconds" },
	[CONFIG_ELECTION_MIN] = { "election-min-ms", 2, 600000, 150, "milliseconds" },
	[CONFIG_ELECTION_MAX] = { "election-max-ms", 3, 600000, 300, "milliseconds" },
	[CONFIG_OBJECTS_MAX] = { "objects-max", 1, UINT32_MAX, 1048576, "objects" },
	[CONFIG_LOG_ENTRIES] = { "log-entries", 1024, 1048576, 16384, "entries, a power of two" },
	[CONFIG_MAX_PEERS] = { "max-peers", 1, 65535, 1024, "nodes" },
	[CONFIG_TTL] = { "ttl", 50, 600000, 10000, "milliseconds" },
};

/* Keys of [cluster] behind the numbers. */
enum { KEY_NAME = CONFIG_NUMBERS, KEY_FILE, KEY_DURABILITY, KEY_STORAGE };

static const char *const cluster_keys[CONFIG_KEYS] = {
	"heartbeat-ms", "election-min-ms", "election-max-ms", "objects-max",
	"log-entries", "max-peers", "ttl", "name", "key-file", "durability",
	"storage",
};

static int set_number(struct parser *p, int key, const char *value)
{
	uint64_t v;

	if (!parse_u64(value, numbers[key].most, &v) || v < numbers[key].least)
		return wrong(p, "%s = %s: must be a number from %" PRIu32 " to %" PRIu32 " (%s)",
			     numbers[key].key, value, numbers[key].least,
			     numbers[key].most, numbers[key].unit);
	if (key == CONFIG_LOG_ENTRIES && (v & (v - 1)))
		return wrong(p, "log-entries = %s: must be a power of two: 1024, 2048, ... 1048576",
			     value);
	p->c->number[key] = (uint32_t)v;
	return 0;
}

static int set_ttl(struct parser *p, const char *value)
{
	uint64_t ns;

	if (!parse_duration(value, &ns) || ns % 1000000 ||
	    ns / 1000000 < numbers[CONFIG_TTL].least || ns / 1000000 > numbers[CONFIG_TTL].most)
		return wrong(p, "ttl = %s: must be a number with its unit, as 10s or 500ms, from 50ms to 10m",
			     value);
	p->c->number[CONFIG_TTL] = (uint32_t)(ns / 1000000);
	return 0;
}

static int set_durability(struct parser *p, const char *value)
{
	p->c->memory = !strcmp(value, "memory");
	if (p->c->memory || !strcmp(value, "disk"))
		return 0;
	return wrong(p, "durability = %s: must be disk or memory", value);
}

/* A path beside the configuration file, unless it is absolute. */
static int set_path(struct parser *p, const char *key, const char *value,
		    char to[CONFIG_PATH])
{
	const char *slash = strrchr(p->c->path, '/');
	size_t folder = slash && value[0] != '/' ? (size_t)(slash - p->c->path) + 1 : 0;

	if (folder + strlen(value) >= CONFIG_PATH)
		return wrong(p, "%s: the path is too long", key);
	memcpy(to, p->c->path, folder);
	strcpy(to + folder, value);
	return 0;
}

static int set_name(struct parser *p, const char *value)
{
	if (!name_valid(value))
		return wrong(p, "name = %s: must be 1 to %d bytes of UTF-8 without control characters",
			     value, NAME_MAX_BYTES);
	strcpy(p->c->name, value);
	return 0;
}

static int unknown_key(struct parser *p, const char *key, const char *const *known, int n)
{
	const char *meant = closest(key, known, n);
	char list[CONFIG_ERROR / 2] = "";
	int i;

	for (i = 0; i < n; i++) {
		strncat(list, i ? ", " : "", sizeof(list) - strlen(list) - 1);
		strncat(list, known[i], sizeof(list) - strlen(list) - 1);
	}
	if (meant)
		return wrong(p, "unknown key %s: did you mean %s? In [%s] there may be: %s",
			     key, meant, p->section, list);
	return wrong(p, "unknown key %s: in [%s] there may be: %s", key, p->section, list);
}

static int cluster_key(struct parser *p, const char *key, const char *value)
{
	int i;

	for (i = 0; i < CONFIG_KEYS && strcmp(key, cluster_keys[i]); i++)
		;
	if (i == CONFIG_KEYS)
		return unknown_key(p, key, cluster_keys, CONFIG_KEYS);
	if (p->c->line[i])
		return wrong(p, "%s stands in line %d already", key, p->c->line[i]);
	p->c->line[i] = p->line;
	switch (i) {
	case KEY_NAME:
		return set_name(p, value);
	case KEY_FILE:
		return set_path(p, key, value, p->c->key_file);
	case KEY_STORAGE:
		return set_path(p, key, value, p->c->storage);
	case KEY_DURABILITY:
		return set_durability(p, value);
	case CONFIG_TTL:
		return set_ttl(p, value);
	}
	return set_number(p, i, value);
}

static int set_address(struct parser *p, struct config_node *node, const char *value)
{
	const char *why;
	int i;

	if (node->has_address)
		return wrong(p, "node %s has an address already", node->name);
	why = parse_address(value, &node->address);
	if (why)
		return wrong(p, "address = %s: %s", value, why);
	for (i = 0; i < p->c->n_nodes - 1; i++) {
		if (address_equal(&p->c->node[i].address, &node->address))
			return wrong(p, "address = %s: node %s has the same", value,
				     p->c->node[i].name);
	}
	node->has_address = true;
	return 0;
}

static int node_key(struct parser *p, const char *key, const char *value)
{
	static const char *const known[] = { "address", "storage" };
	struct config_node *node = &p->c->node[p->c->n_nodes - 1];

	if (!strcmp(key, "address"))
		return set_address(p, node, value);
	if (strcmp(key, "storage"))
		return unknown_key(p, key, known, 2);
	if (node->storage[0])
		return wrong(p, "node %s has a storage already", node->name);
	return set_path(p, key, value, node->storage);
}

/* ------------------------------------------------------------------ lines */

/* Without white space at both ends; changes @s. */
static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r\n");
	n = strlen(s);
	while (n && strchr(" \t\r\n", s[n - 1]))
		s[--n] = '\0';
	return s;
}

static int begin_node(struct parser *p, const char *name)
{
	struct config_node *node;
	int i;

	if (!node_name_valid(name))
		return wrong(p, "[node %s]: a name is 1 to %d bytes of UTF-8 without blanks, commas, quotes and brackets",
			     name, NAME_MAX_BYTES);
	for (i = 0; i < p->c->n_nodes; i++) {
		if (!strcmp(p->c->node[i].name, name))
			return wrong(p, "node %s stands in line %d already", name,
				     p->c->node[i].line);
	}
	if (p->c->n_nodes == CONFIG_NODES_MAX)
		return wrong(p, "more than %d nodes", CONFIG_NODES_MAX);
	node = &p->c->node[p->c->n_nodes++];
	memset(node, 0, sizeof(*node));
	strcpy(node->name, name);
	node->line = p->line;
	p->section = "node NAME";
	return 0;
}

static int begin_section(struct parser *p, char *text)
{
	char *end = strchr(text, ']');

	if (!end || end[1])
		return wrong(p, "a section is [cluster] or [node NAME], alone on its line");
	*end = '\0';
	text = trim(text + 1);
	if (!strncmp(text, "node", 4) && text[4 + strspn(text + 4, " \t")] &&
	    strchr(" \t", text[4]))
		return begin_node(p, trim(text + 4));
	if (!strcmp(text, "node"))
		return wrong(p, "[node] needs a name: [node NAME]");
	if (strcmp(text, "cluster"))
		return wrong(p, "unknown section [%s]: there are [cluster] and [node NAME]", text);
	if (p->c->cluster_line)
		return wrong(p, "[cluster] stands in line %d already", p->c->cluster_line);
	p->c->cluster_line = p->line;
	p->section = "cluster";
	return 0;
}

static int parse_line(struct parser *p, char *text)
{
	char *value;

	text = trim(text);
	if (!*text || *text == '#' || *text == ';')
		return 0;
	if (*text == '[')
		return begin_section(p, text);
	value = strchr(text, '=');
	if (!value)
		return wrong(p, "neither a section, nor key = value, nor a comment (# at the beginning)");
	*value++ = '\0';
	text = trim(text);
	value = trim(value);
	if (!p->section)
		return wrong(p, "%s stands before any section: begin with [cluster]", text);
	if (!*value)
		return wrong(p, "%s has no value", text);
	if (!strcmp(p->section, "cluster"))
		return cluster_key(p, text, value);
	return node_key(p, text, value);
}

/* ------------------------------------------------------------- whole file */

static int check_times(struct parser *p)
{
	const uint32_t *n = p->c->number;

	p->line = p->c->line[CONFIG_ELECTION_MIN] ? p->c->line[CONFIG_ELECTION_MIN] :
						    p->c->line[CONFIG_HEARTBEAT];
	if (n[CONFIG_ELECTION_MIN] < 2 * n[CONFIG_HEARTBEAT])
		return wrong(p, "election-min-ms is %u: must be at least two heartbeats, here %u",
			     n[CONFIG_ELECTION_MIN], 2 * n[CONFIG_HEARTBEAT]);
	p->line = p->c->line[CONFIG_ELECTION_MAX] ? p->c->line[CONFIG_ELECTION_MAX] :
						    p->c->line[CONFIG_ELECTION_MIN];
	if (n[CONFIG_ELECTION_MAX] <= n[CONFIG_ELECTION_MIN])
		return wrong(p, "election-max-ms is %u: must be above election-min-ms, here %u",
			     n[CONFIG_ELECTION_MAX], n[CONFIG_ELECTION_MIN]);
	return 0;
}

static int check_nodes(struct parser *p)
{
	const struct config_node *first = &p->c->node[0];
	int i;

	if (!p->c->n_nodes)
		return wrong(p, "there is no [node NAME]: each node needs one, this machine's too");
	for (i = 0; i < p->c->n_nodes; i++) {
		const struct config_node *n = &p->c->node[i];

		p->line = n->line;
		if (!n->has_address)
			return wrong(p, "node %s has no address", n->name);
		if (n->address.sa.sa_family != first->address.sa.sa_family)
			return wrong(p, "node %s has an IPv%d address, node %s not: one family for all",
				     n->name, n->address.sa.sa_family == AF_INET ? 4 : 6,
				     first->name);
	}
	return 0;
}

/* The file's name without folder and ".conf". */
static void stem(const char *path, char *text, size_t size)
{
	const char *slash = strrchr(path, '/');
	size_t len;

	snprintf(text, size, "%s", slash ? slash + 1 : path);
	len = strlen(text);
	if (len > 5 && !strcmp(text + len - 5, ".conf"))
		text[len - 5] = '\0';
}

static int put_defaults(struct parser *p)
{
	char name[CONFIG_PATH], file[CONFIG_PATH + 4];

	stem(p->c->path, name, sizeof(name));
	if (!p->c->line[KEY_NAME] && name_valid(name))
		strcpy(p->c->name, name);
	else if (!p->c->line[KEY_NAME])
		strcpy(p->c->name, "consensus");
	if (p->c->line[KEY_FILE])
		return 0;
	snprintf(file, sizeof(file), "%s.key", name);
	return set_path(p, "key-file", file, p->c->key_file);
}

static int check_all(struct parser *p)
{
	if (!p->c->cluster_line)
		return wrong(p, "there is no section [cluster]");
	if (put_defaults(p))
		return -1;
	if (check_nodes(p))
		return -1;
	return check_times(p);
}

int config_parse(struct config *c, FILE *in, const char *path,
		 char error[CONFIG_ERROR])
{
	struct parser p = { .c = c, .error = error };
	char text[CONFIG_LINE];
	int i;

	memset(c, 0, sizeof(*c));
	snprintf(c->path, sizeof(c->path), "%s", path);
	for (i = 0; i < CONFIG_NUMBERS; i++)
		c->number[i] = numbers[i].initial;
	while (fgets(text, sizeof(text), in)) {
		p.line++;
		if (!strchr(text, '\n') && !feof(in))
			return wrong(&p, "the line is too long, or holds a NUL");
		if (parse_line(&p, text))
			return -1;
	}
	if (ferror(in)) {
		snprintf(error, CONFIG_ERROR, "%s: %s", path, strerror(errno));
		return -1;
	}
	if (!p.line)
		p.line = 1;
	return check_all(&p);
}

int config_read(struct config *c, const char *path, char error[CONFIG_ERROR])
{
	FILE *in = fopen(path, "re");
	int ret;

	if (!in) {
		snprintf(error, CONFIG_ERROR, "%s: %s", path, strerror(errno));
		return -1;
	}
	ret = config_parse(c, in, path, error);
	fclose(in);
	return ret;
}
