// SPDX-License-Identifier: GPL-2.0
/*
 * The command line. Options may stand anywhere; a verb takes only its own.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../lib/consensus.h"
#include "ctl.h"
#include "text.h"

static const struct option long_options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "node", required_argument, NULL, OPT_NODE },
	{ "with", required_argument, NULL, OPT_WITH },
	{ "by", required_argument, NULL, OPT_BY },
	{ "consistency", required_argument, NULL, OPT_CONSISTENCY },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "ring", required_argument, NULL, OPT_RING },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "verify", no_argument, NULL, OPT_VERIFY },
	{ "above", required_argument, NULL, OPT_ABOVE },
	{ "advance-counters", required_argument, NULL, OPT_ADVANCE },
	{ "yes", no_argument, NULL, OPT_YES },
	{ "fence", required_argument, NULL, OPT_FENCE },
	{ "token", required_argument, NULL, OPT_TOKEN },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

enum { N_OPTIONS = sizeof(long_options) / sizeof(long_options[0]) - 1, VERBS_MAX = 32 };

int options_wrong(const struct options *o, const char *word, const char *const *names)
{
	const char *meant;
	char bare[64];
	int n = 0;

	while (names[n])
		n++;
	snprintf(bare, sizeof(bare), "%s", word + strspn(word, "-"));
	bare[strcspn(bare, "=")] = '\0';
	meant = closest(bare, names, n);
	if (meant)
		return fail(o, CTL_USAGE, EINVAL, "unknown option %s: did you mean --%s?",
			    word, meant);
	return fail(o, CTL_USAGE, EINVAL, "unknown option %s: see consensusctl help", word);
}

static int wrong_option(const struct options *o, const char *word)
{
	const char *names[N_OPTIONS + 1];
	int i;

	for (i = 0; i <= N_OPTIONS; i++)
		names[i] = long_options[i].name;
	return options_wrong(o, word, names);
}

int options_timeout(const struct options *o, const char *text, uint64_t *ns)
{
	if (!strcmp(text, "none")) {
		*ns = UINT64_MAX;
		return 0;
	}
	if (parse_duration(text, ns))
		return 0;
	return fail(o, CTL_USAGE, EINVAL,
		    "--timeout %s: write a number with its unit, as 500ms, 5s, 1.5s or 2m, or none",
		    text);
}

bool parse_fence(const char *s, char name[NAME_MAX_BYTES + 1], uint64_t *token)
{
	const char *colon = strrchr(s, ':');
	size_t len = colon ? (size_t)(colon - s) : 0;
	char text[NAME_MAX_BYTES + 1];
	uint64_t v;

	if (!len || len > NAME_MAX_BYTES)
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	if (!name_valid(text) || !parse_u64(colon + 1, UINT64_MAX, &v) || !v)
		return false;
	memcpy(name, text, len + 1);
	*token = v;
	return true;
}

static int take_fence(struct options *o)
{
	if (parse_fence(optarg, o->fence_name, &o->fence_token))
		return 0;
	return fail(o, CTL_USAGE, EINVAL, "--fence %s: write a lock and the token of the grant that must hold, as backup:1234",
		    optarg);
}

static int take_token(struct options *o)
{
	if (parse_u64(optarg, UINT64_MAX, &o->token) && o->token)
		return 0;
	return fail(o, CTL_USAGE, EINVAL, "--token %s: write the number of a grant: consensusctl locks shows them",
		    optarg);
}

static int take_by(struct options *o)
{
	if (parse_u64(optarg, UINT64_MAX, &o->by) && o->by)
		return 0;
	return fail(o, CTL_USAGE, EINVAL, "--by %s: write a number from 1 to %" PRIu64,
		    optarg, UINT64_MAX);
}

static int take_number(struct options *o, const char *name, uint64_t *value)
{
	if (parse_u64(optarg, UINT64_MAX, value))
		return 0;
	return fail(o, CTL_USAGE, EINVAL, "--%s %s: write a number", name, optarg);
}

static int take_size(struct options *o, const char *name, uint64_t *value)
{
	if (parse_size(optarg, value))
		return 0;
	return fail(o, CTL_USAGE, EINVAL, "--%s %s: write a number of bytes, or one with K, M or G (by 1024), as 256M",
		    name, optarg);
}

static int take_consistency(struct options *o)
{
	if (!strcmp(optarg, "linearizable")) {
		o->consistency = CONSENSUS_LINEARIZABLE;
		return 0;
	}
	if (!strcmp(optarg, "local")) {
		o->consistency = CONSENSUS_LOCAL;
		return 0;
	}
	if (!strncmp(optarg, "index=", 6) && parse_u64(optarg + 6, UINT64_MAX, &o->index)) {
		o->consistency = CONSENSUS_AT_LEAST;
		return 0;
	}
	return fail(o, CTL_USAGE, EINVAL, "--consistency %s: must be linearizable, local, or index=N (the index of an earlier result)",
		    optarg);
}

static int take(struct options *o, int option)
{
	switch (option) {
	case OPT_JSON:
		o->json = true;
		break;
	case OPT_TIMEOUT:
		return options_timeout(o, optarg, &o->timeout_ns);
	case OPT_CONFIG:
		o->config = optarg;
		break;
	case OPT_NODE:
		o->node = optarg;
		break;
	case OPT_WITH:
		o->with = optarg;
		break;
	case OPT_BY:
		return take_by(o);
	case OPT_CONSISTENCY:
		return take_consistency(o);
	case OPT_SIZE:
		return take_size(o, "size", &o->size);
	case OPT_RING:
		return take_size(o, "ring", &o->ring);
	case OPT_ABOVE:
		return take_number(o, "above", &o->above);
	case OPT_ADVANCE:
		return take_number(o, "advance-counters", &o->advance);
	case OPT_FENCE:
		return take_fence(o);
	case OPT_TOKEN:
		return take_token(o);
	default:
		break;
	}
	o->force = o->given & OPT_FORCE;
	o->verify = o->given & OPT_VERIFY;
	o->yes = o->given & OPT_YES;
	return 0;
}

static int short_option(int c)
{
	switch (c) {
	case 'c':
		return OPT_CONFIG;
	case 'h':
		return OPT_HELP;
	}
	return c;
}

const struct verb *verb_find(const char *name)
{
	const struct verb *v;

	for (v = verbs; v->name; v++) {
		if (!strcmp(v->name, name))
			return v;
	}
	return NULL;
}

static int wrong_verb(const struct options *o)
{
	const char *names[VERBS_MAX], *meant;
	int n = 0;

	while (n < VERBS_MAX && verbs[n].name) {
		names[n] = verbs[n].name;
		n++;
	}
	meant = closest(o->verb, names, n);
	if (meant)
		return fail(o, CTL_USAGE, EINVAL, "unknown command %s: did you mean %s?",
			    o->verb, meant);
	return fail(o, CTL_USAGE, EINVAL, "unknown command %s: see consensusctl help", o->verb);
}

static const char *option_name(unsigned int bit)
{
	int i;

	for (i = 0; i < N_OPTIONS; i++) {
		if ((unsigned int)long_options[i].val == bit)
			return long_options[i].name;
	}
	return "?";
}

/* Do all options that were given go with the verb? */
static int check_given(const struct options *o, const struct verb *v)
{
	unsigned int strange = o->given & ~(v->allowed | OPT_ALWAYS);

	if (!strange || o->given & OPT_HELP)
		return 0;
	return fail(o, CTL_USAGE, EINVAL, "--%s does not go with %s: consensusctl %s %s",
		    option_name(strange & -strange), v->name, v->name, v->args);
}

static int check(const struct options *o)
{
	const struct verb *v = verb_find(o->verb);
	int status;

	if (!v)
		return wrong_verb(o);
	if (o->given & OPT_HELP)
		return 0;
	status = check_given(o, v);
	if (status)
		return status;
	if (o->n_args < v->min_args)
		return fail(o, CTL_USAGE, EINVAL, "%s needs more: consensusctl %s %s",
			    v->name, v->name, v->args);
	if (o->n_args > v->max_args)
		return fail(o, CTL_USAGE, EINVAL, "%s: too much: %s: consensusctl %s %s", v->name,
			    o->args[v->max_args], v->name, v->args);
	return 0;
}

/* The options of @argv, up to where getopt_long() stops; that is optind then. */
static int take_all(struct options *o, int argc, char **argv, const char *letters)
{
	int c, at, status;

	opterr = 0;
	optind = 0;	/* glibc: begin anew */
	for (;;) {
		at = optind ? optind : 1;
		c = getopt_long(argc, argv, letters, long_options, NULL);
		if (c == -1)
			return 0;
		if (c == ':')
			return fail(o, CTL_USAGE, EINVAL, "%s needs a value", argv[optind - 1]);
		if (c == '?')
			return wrong_option(o, argv[optind > at ? optind - 1 : at]);
		o->given |= (unsigned int)short_option(c);
		status = take(o, short_option(c));
		if (status)
			return status;
	}
}

int options_parse(struct options *o, int argc, char **argv)
{
	const struct verb *v;
	int i, status;

	memset(o, 0, sizeof(*o));
	o->by = 1;
	o->consistency = CONSENSUS_LINEARIZABLE;
	/* Before anything can fail, so that errors come out in the right form. */
	for (i = 1; i < argc && strcmp(argv[i], "--"); i++)
		o->json |= !strcmp(argv[i], "--json");
	status = take_all(o, argc, argv, "+:c:h");
	if (status || optind >= argc)
		return status;
	o->verb = argv[optind];
	argv += optind;
	argc -= optind;
	v = verb_find(o->verb);
	if (v && v->raw) {
		/* What looks like ours there may belong to a command. */
		o->json = o->given & OPT_JSON;
		o->args = argv + 1;
		o->n_args = argc - 1;
		return check_given(o, v);
	}
	status = take_all(o, argc, argv, ":c:h");
	if (status)
		return status;
	o->args = argv + optind;
	o->n_args = argc - optind;
	return check(o);
}
