// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "tap.h"

static struct config c;
static char error[CONFIG_ERROR];

static int parse_bytes(const char *text, size_t len)
{
	FILE *in = fmemopen((void *)text, len, "r");
	int ret = config_parse(&c, in, "dir/demo.conf", error);

	fclose(in);
	return ret;
}

static int parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

#define NODES "[node n1]\naddress = [fd00::1]:7800\n[node n2]\naddress=[fd00::2]:7800\n"

static void good(void)
{
	char names[64];

	ok(!parse("# a comment\n; another\n\n[cluster]\n  name = demo one\t\nkey-file = /k\n"
		  "heartbeat-ms=10\nelection-min-ms = 20\nelection-max-ms = 21\nobjects-max = 5\n"
		  "log-entries = 2048\nmax-peers = 9\nttl = 1.5s\ndurability = memory\r\n"
		  "storage = /s\n" NODES),
	   "a whole configuration");
	same(c.name, "demo one", "its name");
	same(c.key_file, "/k", "its key file");
	same(c.storage, "/s", "its storage");
	ok(c.memory, "its durability");
	ok(c.number[CONFIG_HEARTBEAT] == 10 && c.number[CONFIG_ELECTION_MIN] == 20 &&
	   c.number[CONFIG_ELECTION_MAX] == 21 && c.number[CONFIG_OBJECTS_MAX] == 5 &&
	   c.number[CONFIG_LOG_ENTRIES] == 2048 && c.number[CONFIG_MAX_PEERS] == 9 &&
	   c.number[CONFIG_TTL] == 1500, "its numbers");
	ok(c.n_nodes == 2 && !strcmp(c.node[1].name, "n2"), "its nodes");
	same(config_names(&c, names, sizeof(names)), "n1, n2", "the list of its nodes");

	ok(!parse("[cluster]\n" NODES), "the shortest configuration");
	same(c.name, "demo", "the name is the file's by default");
	same(c.key_file, "dir/demo.key", "the key file is beside it by default");
	ok(c.number[CONFIG_HEARTBEAT] == 30 && c.number[CONFIG_ELECTION_MIN] == 150 &&
	   c.number[CONFIG_ELECTION_MAX] == 300 && c.number[CONFIG_OBJECTS_MAX] == 1048576 &&
	   c.number[CONFIG_LOG_ENTRIES] == 16384 && c.number[CONFIG_MAX_PEERS] == 1024 &&
	   c.number[CONFIG_TTL] == 10000,
	   "the numbers are those of the kernel's header by default");
	ok(!c.memory, "durability is disk by default");
	ok(!parse("[cluster]\ndurability = disk\n" NODES) && !c.memory, "or if it is said");
	ok(!parse("[cluster]\nttl = 10m\n" NODES) && c.number[CONFIG_TTL] == 600000 &&
	   !parse("[cluster]\nttl = 50ms\n" NODES) && c.number[CONFIG_TTL] == 50, "the limits of ttl");
	ok(!parse("[cluster]\nkey-file = my.key\n" NODES), "a relative key file");
	same(c.key_file, "dir/my.key", "it is relative to the configuration");
	ok(!parse("[ cluster ]\n[node  n1 ]\naddress = 10.0.0.1:7800"), "blanks, and no newline at the end");
}

static void bad(void)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "dir/demo.conf:1: there is no section [cluster]" },
		{ "[cluster]\n", ":1: there is no [node NAME]" },
		{ NODES, "there is no section [cluster]" },
		{ "name = x\n", ":1: name stands before any section" },
		{ "[cluster]\nhartbeat-ms = 3\n",
		  ":2: unknown key hartbeat-ms: did you mean heartbeat-ms?" },
		{ "[cluster]\nfoo = 3\n", "there may be: heartbeat-ms" },
		{ "[cluster]\n\nname\n", ":3: neither a section" },
		{ "[cluster]\nname =\n", ":2: name has no value" },
		{ "[cluster]\nname = a\nname = b\n", ":3: name stands in line 2 already" },
		{ "[cluster]\n[cluster]\n", ":2: [cluster] stands in line 1 already" },
		{ "[cluster\n", ":1: a section is" },
		{ "[cluster] x\n", ":1: a section is" },
		{ "[clusters]\n", ":1: unknown section [clusters]" },
		{ "[nodes x]\n", "unknown section [nodes x]" },
		{ "[node]\n", "[node] needs a name" },
		{ "[node a b]\n", "without blanks" },
		{ "[node \x80]\n", "UTF-8" },
		{ "[node x]\n[node x]\n", ":2: node x stands in line 1 already" },
		{ "[node x]\nport = 3\n",
		  "unknown key port: in [node NAME] there may be: address, storage" },
		{ "[cluster]\ndurability = ram\n", ":2: durability = ram: must be disk or memory" },
		{ "[node x]\nstorage = a\nstorage = b\n", ":3: node x has a storage already" },
		{ "[node x]\naddress = host:1\n", ":2: address = host:1: not an address" },
		{ "[node x]\naddress = 10.0.0.1:1\naddress = 10.0.0.2:1\n",
		  ":3: node x has an address already" },
		{ "[node x]\naddress = 10.0.0.1:1\n[node y]\naddress = 10.0.0.1:1\n",
		  ":4: address = 10.0.0.1:1: node x has the same" },
		{ "[cluster]\n[node x]\n", ":2: node x has no address" },
		{ "[cluster]\n[node x]\naddress = 10.0.0.1:1\n[node y]\naddress = [::1]:1\n",
		  ":4: node y has an IPv6 address, node x not" },
		{ "[cluster]\nheartbeat-ms = 0\n", "from 1 to 30000" },
		{ "[cluster]\nheartbeat-ms = 30 # ms\n",
		  "heartbeat-ms = 30 # ms: must be a number" },
		{ "[cluster]\nlog-entries = 1000\n", "from 1024 to 1048576" },
		{ "[cluster]\nlog-entries = 1025\n", "power of two" },
		{ "[cluster]\nmax-peers = 65536\n", "from 1 to 65535" },
		{ "[cluster]\nttl = 10\n", ":2: ttl = 10: must be a number with its unit" },
		{ "[cluster]\nttl = 49ms\n", "from 50ms to 10m" },
		{ "[cluster]\nttl = 601s\n", "from 50ms to 10m" },
		{ "[cluster]\nttl = 50.5ms\n", "from 50ms to 10m" },
		{ "[cluster]\nttl = 1s\nttl = 2s\n", ":3: ttl stands in line 2 already" },
		{ "[cluster]\nobjects-max = 4294967296\n", "from 1 to 4294967295" },
		{ "[cluster]\nname = a\x01z\n", "control characters" },
		{ "[cluster]\nheartbeat-ms = 100\n" NODES,
		  ":2: election-min-ms is 150: must be at least two heartbeats, here 200" },
		{ "[cluster]\nelection-min-ms = 300\n" NODES,
		  ":2: election-max-ms is 300: must be above" },
		{ "[cluster]\nelection-max-ms = 150\n" NODES,
		  ":2: election-max-ms is 150: must be above" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[64];

		snprintf(name, sizeof(name), "wrong configuration %zu is refused", i);
		if (parse(cases[i].text) != -1)
			ok(false, "%s", name);
		else
			holds(error, cases[i].says, name);
	}
}

static void strange_files(void)
{
	static const char nul[] = "[cluster]\nname = a\0b\n[node x]\n";
	char *text = malloc(300000);
	int i, n = 0;

	ok(parse_bytes(nul, sizeof(nul) - 1) == -1, "a NUL is refused");
	memset(text, 'x', 5000);
	text[5000] = '\0';
	ok(parse(text) == -1, "a line without end is refused");
	n = sprintf(text, "[cluster]\n");
	for (i = 0; i <= CONFIG_NODES_MAX; i++)
		n += sprintf(text + n, "[node n%d]\naddress = 10.0.%d.%d:7800\n",
			     i, i / 200, i % 200 + 1);
	ok(parse(text) == -1, "too many nodes are refused");
	holds(error, "more than 256 nodes", "and it says so");
	free(text);
}

static void self(void)
{
	char host[256];

	parse("[cluster]\n" NODES);
	ok(config_self(&c, "n2", error) == &c.node[1], "a node by name");
	ok(!config_self(&c, "n3", error), "an unknown name is refused");
	holds(error, "it has: n1, n2", "and the names are listed");
	ok(!config_self(&c, NULL, error), "the host's name is none of them");
	holds(error, "--node: n1, n2", "and the names are listed");
	gethostname(host, sizeof(host));
	strcpy(c.node[0].name, host);
	ok(config_self(&c, NULL, error) == &c.node[0], "the host's name is the default");
}

static void storages(void)
{
	char path[CONFIG_PATH];

	parse("[cluster]\nname = d\n" NODES);
	ok(!config_storage(&c, &c.node[1], path, error), "a storage by default");
	same(path, "/var/lib/consensus/d.n2.store", "it has the names of cluster and node");
	parse("[cluster]\nname = a/b\n" NODES);
	ok(config_storage(&c, &c.node[0], path, error), "a name with a slash gives no path");
	holds(error, "needs storage = PATH", "and it says what to do");
	parse("[cluster]\nstorage = s\n" NODES "storage = /t\n");
	ok(!config_storage(&c, &c.node[0], path, error), "a storage of [cluster]");
	same(path, "dir/s", "which is relative to the configuration");
	ok(!config_storage(&c, &c.node[1], path, error), "a storage of [node]");
	same(path, "/t", "which goes before");
}

static void put(const char *folder, const char *name, const char *text, mode_t mode)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
}

static void finding(const char *folder)
{
	char path[CONFIG_PATH], wanted[CONFIG_PATH];

	ok(config_find_in(folder, NULL, path, error) == -1, "no configuration is there");
	holds(error, "there is no *.conf", "and it says so");
	put(folder, "demo.conf", "", 0644);
	put(folder, "demo.key", "", 0600);
	put(folder, ".old.conf", "", 0644);
	snprintf(wanted, sizeof(wanted), "%s/demo.conf", folder);
	ok(!config_find_in(folder, NULL, path, error) && !strcmp(path, wanted), "the only one is found");
	ok(!config_find_in(folder, "demo", path, error) && !strcmp(path, wanted), "one by name");
	ok(!config_find_in(folder, "demo.conf", path, error) && !strcmp(path, wanted), "one by its file's name");
	ok(!config_find_in(folder, "./x", path, error) && !strcmp(path, "./x"), "one by path");
	put(folder, "b.conf", "", 0644);
	ok(config_find_in(folder, NULL, path, error) == -1, "two need a choice");
	holds(error, "b.conf", "and they are listed");
	ok(config_find_in("/nonexistent", NULL, path, error) == -1, "no folder is there");
}

static void key_files(const char *folder)
{
	static const char hex[] =
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
	char path[300];
	uint8_t key[KEY_SIZE];

	snprintf(path, sizeof(path), "%s/k", folder);
	ok(key_read(path, key, error) == -1, "no key file is there");
	holds(error, "consensusctl keygen", "and it says what to do");
	put(folder, "k", hex, 0600);
	ok(!key_read(path, key, error) && key[31] == 0x1f, "a key file is read");
	put(folder, "k", hex, 0640);
	ok(key_read(path, key, error) == -1, "one that the group reads is refused");
	holds(error, "chmod 600", "and it says what to do");
	put(folder, "k", hex, 0604);
	ok(key_read(path, key, error) == -1, "one that others read is refused");
	put(folder, "k", "abc\n", 0600);
	ok(key_read(path, key, error) == -1, "a short key is refused");
	holds(error, "64 hexadecimal digits", "and it says what a key is");
	ok(key_read(folder, key, error) == -1, "a folder is refused");
	if (geteuid()) {
		ok(true, "a stranger's key file # SKIP not root");
	} else {
		put(folder, "k", hex, 0600);
		ok(!chown(path, 12345, 0) && key_read(path, key, error) == -1, "a stranger's key file is refused");
	}
}

void test_config(void)
{
	char folder[] = "/tmp/test-ctl.XXXXXX", command[64];

	good();
	bad();
	strange_files();
	self();
	storages();
	if (!mkdtemp(folder)) {
		ok(false, "a folder in /tmp");
		return;
	}
	finding(folder);
	key_files(folder);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	ok(!system(command), "the folder is removed");
}
