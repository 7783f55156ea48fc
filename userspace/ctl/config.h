/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /etc/consensus/NAME.conf. docs/configuration.md describes every key.
 */
#ifndef CTL_CONFIG_H
#define CTL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "text.h"

enum {
	CONFIG_NODES_MAX = 256,	/* that many fit into one netlink attribute */
	CONFIG_PATH = 512,
	CONFIG_ERROR = 2048,
	CONFIG_LINE = 1024,
	KEY_SIZE = 32,
};

/**
 * struct config_node - a section [node NAME]
 * @name: its name
 * @address: where it is
 * @storage: path of its storage; empty: not said here
 * @line: of the section
 * @has_address: the key was there
 */
struct config_node {
	char name[NAME_MAX_BYTES + 1];
	union address address;
	char storage[CONFIG_PATH];
	int line;
	bool has_address;
};

/**
 * struct config - what a file says
 * @path: of the file
 * @name: of the cluster, for people
 * @key_file: path
 * @storage: path of the storage, unless the node says another; empty: not said
 * @memory: keep the state in memory only
 * @number: value of each number, defaults put in; see enum config_number
 * @line: line of each key of [cluster], 0: not there
 * @cluster_line: line of [cluster], 0: not there
 * @node: the sections [node]
 * @n_nodes: how many
 */
enum config_number {
	CONFIG_HEARTBEAT,	/* ms */
	CONFIG_ELECTION_MIN,	/* ms */
	CONFIG_ELECTION_MAX,	/* ms */
	CONFIG_OBJECTS_MAX,
	CONFIG_LOG_ENTRIES,
	CONFIG_MAX_PEERS,
	CONFIG_TTL,		/* ms; with a unit in the file */
	CONFIG_NUMBERS,
};

enum { CONFIG_KEYS = CONFIG_NUMBERS + 4 };

struct config {
	char path[CONFIG_PATH];
	char name[NAME_MAX_BYTES + 1];
	char key_file[CONFIG_PATH];
	char storage[CONFIG_PATH];
	bool memory;
	uint32_t number[CONFIG_NUMBERS];
	int line[CONFIG_KEYS];
	int cluster_line;
	struct config_node node[CONFIG_NODES_MAX];
	int n_nodes;
};

/*
 * Which file @given means: NULL the only one of /etc/consensus, a path, or the
 * NAME in /etc/consensus/NAME.conf. 0, or -1 with @error.
 */
int config_find(const char *given, char path[CONFIG_PATH],
		char error[CONFIG_ERROR]);
/* The same, with the folder to look in. */
int config_find_in(const char *folder, const char *given,
		   char path[CONFIG_PATH], char error[CONFIG_ERROR]);
/* 0, or -1 with "file:line: what is wrong" in @error. */
int config_read(struct config *c, const char *path, char error[CONFIG_ERROR]);
/* The same from a stream; @path is what errors call it. */
int config_parse(struct config *c, FILE *in, const char *path,
		 char error[CONFIG_ERROR]);
/*
 * The section that this machine is: @name, or with NULL the one named as the
 * host. NULL with @error.
 */
const struct config_node *config_self(const struct config *c, const char *name,
				      char error[CONFIG_ERROR]);
/* Where @self has its storage: as said, or the default. 0, or -1 with @error. */
int config_storage(const struct config *c, const struct config_node *self,
		   char path[CONFIG_PATH], char error[CONFIG_ERROR]);
/* Names of all nodes, with commas. */
const char *config_names(const struct config *c, char *text, size_t size);

/* key.c: 0, or -1 with @error. Refuses what others could read. */
int key_read(const char *path, uint8_t key[KEY_SIZE], char error[CONFIG_ERROR]);

#endif
