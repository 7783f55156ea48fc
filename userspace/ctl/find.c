// SPDX-License-Identifier: GPL-2.0
/*
 * Which file, and which of its nodes.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

static const char folder_default[] = "/etc/consensus";
static const char storage_folder[] = "/var/lib/consensus";

static bool is_conf(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > 5 && !strcmp(name + len - 5, ".conf");
}

/* Counts the files and lists them in @list; the path of the last is in @path. */
static int list_confs(DIR *d, const char *folder, char path[CONFIG_PATH], char list[256])
{
	const struct dirent *e;
	int n = 0, len;

	list[0] = '\0';
	while ((e = readdir(d))) {
		if (!is_conf(e->d_name))
			continue;
		len = snprintf(path, CONFIG_PATH, "%s/%s", folder, e->d_name);
		if (len < 0 || len >= CONFIG_PATH)
			continue;
		if (n++)
			strncat(list, ", ", 255 - strlen(list));
		strncat(list, e->d_name, 255 - strlen(list));
	}
	return n;
}

static int find_only(const char *folder, char path[CONFIG_PATH],
		     char error[CONFIG_ERROR])
{
	DIR *d = opendir(folder);
	char list[256];
	int n;

	if (!d) {
		snprintf(error, CONFIG_ERROR, "%s: %s: write %s/NAME.conf, or say -c FILE",
			 folder, strerror(errno), folder);
		return -1;
	}
	n = list_confs(d, folder, path, list);
	closedir(d);
	if (n == 1)
		return 0;
	if (!n)
		snprintf(error, CONFIG_ERROR, "there is no *.conf in %s: write one, or say -c FILE",
			 folder);
	else
		snprintf(error, CONFIG_ERROR, "there are several in %s: say which with -c NAME: %s",
			 folder, list);
	return -1;
}

int config_find_in(const char *folder, const char *given,
		   char path[CONFIG_PATH], char error[CONFIG_ERROR])
{
	int n;

	if (!given)
		return find_only(folder, path, error);
	if (strchr(given, '/') || !access(given, F_OK))
		n = snprintf(path, CONFIG_PATH, "%s", given);
	else
		n = snprintf(path, CONFIG_PATH, "%s/%s%s", folder, given,
			     is_conf(given) ? "" : ".conf");
	if (n >= 0 && n < CONFIG_PATH)
		return 0;
	snprintf(error, CONFIG_ERROR, "-c: the path is too long");
	return -1;
}

int config_find(const char *given, char path[CONFIG_PATH],
		char error[CONFIG_ERROR])
{
	return config_find_in(folder_default, given, path, error);
}

const char *config_names(const struct config *c, char *text, size_t size)
{
	int i;

	text[0] = '\0';
	for (i = 0; i < c->n_nodes; i++) {
		strncat(text, i ? ", " : "", size - strlen(text) - 1);
		strncat(text, c->node[i].name, size - strlen(text) - 1);
	}
	return text;
}

static const struct config_node *by_name(const struct config *c, const char *name)
{
	int i;

	for (i = 0; i < c->n_nodes; i++) {
		if (!strcmp(c->node[i].name, name))
			return &c->node[i];
	}
	return NULL;
}

/* The host's name, or its part before the first point. */
static const struct config_node *by_host(const struct config *c, char host[256])
{
	const struct config_node *node;
	char short_name[256];

	if (gethostname(host, 255))
		strcpy(host, "(unknown)");
	host[255] = '\0';
	node = by_name(c, host);
	if (node)
		return node;
	strcpy(short_name, host);
	short_name[strcspn(short_name, ".")] = '\0';
	return by_name(c, short_name);
}

const struct config_node *config_self(const struct config *c, const char *name,
				      char error[CONFIG_ERROR])
{
	const struct config_node *node;
	char names[512], host[256];

	node = name ? by_name(c, name) : by_host(c, host);
	if (node)
		return node;
	config_names(c, names, sizeof(names));
	if (name)
		snprintf(error, CONFIG_ERROR, "%s has no [node %s]; it has: %s",
			 c->path, name, names);
	else
		snprintf(error, CONFIG_ERROR, "%s has no [node %s] (this host's name): say which this is with --node: %s",
			 c->path, host, names);
	return NULL;
}

int config_storage(const struct config *c, const struct config_node *self,
		   char path[CONFIG_PATH], char error[CONFIG_ERROR])
{
	const char *said = self->storage[0] ? self->storage : c->storage;

	if (said[0]) {
		strcpy(path, said);
		return 0;
	}
	if (strchr(c->name, '/') || strchr(self->name, '/')) {
		snprintf(error, CONFIG_ERROR, "%s: with a slash in the name of cluster or node, [node %s] needs storage = PATH",
			 c->path, self->name);
		return -1;
	}
	/* Names have 63 bytes at most. */
	snprintf(path, CONFIG_PATH, "%s/%s.%s.store", storage_folder, c->name, self->name);
	return 0;
}
