/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>

#include "base/strv.h"
#include "build-config.h"
#include "client/passlockctl/passlockctl.h"
#include "client/passlockctl/report.h"

#define TIMEOUT_SEC_MAX 86400U

static const char help[] =
        "passlockctl [OPTIONS] COMMAND\n"
        "\n"
        "Passkeys of this host, by way of passlockd.\n"
        "\n"
        "Commands:\n"
        "  status                                 Show the daemon and its tenancies\n"
        "  authorize RP_ID USER_ID USERNAME       Print a token for a page to create a passkey\n"
        "  exchange [CODE|-]                      Show who stands behind a code (-: read it)\n"
        "  link list [USER_ID]                    List links\n"
        "  link show AUTHENTICATOR_ID             Show one link\n"
        "  link add USER_ID AUTHENTICATOR_ID      Link an authenticator to a user\n"
        "  link remove AUTHENTICATOR_ID           Remove one link\n"
        "  link remove --user=USER_ID             Remove all links of a user\n"
        "  monitor                                Print changes of links as they happen\n"
        "  reload                                 Have the daemon read its configuration again\n"
        "\n"
        "Options:\n"
        "     --tenancy=LABEL                     Another than the default tenancy\n"
        "     --json                              Print JSON\n"
        "     --timeout=SEC                       Give a call up after that (default: 30)\n"
        "     --no-legend                         Print no headers\n"
        "  -h --help                              Show this\n"
        "     --version                           Show the version\n"
        "\n"
        "Options of authorize:\n"
        "     --rp-name=NAME                      The app's name\n"
        "     --display-name=NAME                 The user's name for people\n"
        "     --exclude=AUTHENTICATOR_ID          Refuse that one; may be repeated\n"
        "     --no-exclude-linked                 Do not refuse the user's linked ones\n"
        "     --user-verification=HOW             required, preferred or discouraged\n"
        "     --ceremony-timeout-ms=MS            How long the browser may take\n"
        "\n"
        "Options of exchange:\n"
        "     --user-id=USER_ID                   Accept only that user\n"
        "     --no-link                           Keep no link\n"
        "     --request-id=ID                     Ask again for the answer to an earlier request\n"
        "\n"
        "See passlockctl(1).\n";

/* Options from here up are of one verb. */
enum {
        OPT_TENANCY = 256,
        OPT_JSON,
        OPT_TIMEOUT,
        OPT_NO_LEGEND,
        OPT_VERSION,

        OPT_FIRST_OF_VERB,
        OPT_RP_NAME = OPT_FIRST_OF_VERB,
        OPT_DISPLAY_NAME,
        OPT_EXCLUDE,
        OPT_NO_EXCLUDE_LINKED,
        OPT_USER_VERIFICATION,
        OPT_CEREMONY_TIMEOUT_MS,
        OPT_USER_ID,
        OPT_NO_LINK,
        OPT_REQUEST_ID,
        OPT_USER,
};

#define BIT(option) (UINT32_C(1) << ((option) -OPT_FIRST_OF_VERB))

static const struct option long_options[] = {
        {"tenancy", required_argument, NULL, OPT_TENANCY},
        {"json", no_argument, NULL, OPT_JSON},
        {"timeout", required_argument, NULL, OPT_TIMEOUT},
        {"no-legend", no_argument, NULL, OPT_NO_LEGEND},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPT_VERSION},
        {"rp-name", required_argument, NULL, OPT_RP_NAME},
        {"display-name", required_argument, NULL, OPT_DISPLAY_NAME},
        {"exclude", required_argument, NULL, OPT_EXCLUDE},
        {"no-exclude-linked", no_argument, NULL, OPT_NO_EXCLUDE_LINKED},
        {"user-verification", required_argument, NULL, OPT_USER_VERIFICATION},
        {"ceremony-timeout-ms", required_argument, NULL, OPT_CEREMONY_TIMEOUT_MS},
        {"user-id", required_argument, NULL, OPT_USER_ID},
        {"no-link", no_argument, NULL, OPT_NO_LINK},
        {"request-id", required_argument, NULL, OPT_REQUEST_ID},
        {"user", required_argument, NULL, OPT_USER},
        {},
};

typedef struct Verb {
        const char *words[2]; /* the second may be NULL */
        int n_min, n_max;     /* arguments */
        uint32_t options;     /* of its own */
        int (*run)(Invocation *invocation);
} Verb;

static const Verb verbs[] = {
        {{"status", NULL}, 0, 0, 0, verb_status},
        {{"authorize", NULL},
         3,
         3,
         BIT(OPT_RP_NAME) | BIT(OPT_DISPLAY_NAME) | BIT(OPT_EXCLUDE) | BIT(OPT_NO_EXCLUDE_LINKED) |
                 BIT(OPT_USER_VERIFICATION) | BIT(OPT_CEREMONY_TIMEOUT_MS),
         verb_authorize},
        {{"exchange", NULL},
         0,
         1,
         BIT(OPT_USER_ID) | BIT(OPT_NO_LINK) | BIT(OPT_REQUEST_ID),
         verb_exchange},
        {{"link", "list"}, 0, 1, 0, verb_link_list},
        {{"link", "show"}, 1, 1, 0, verb_link_show},
        {{"link", "add"}, 2, 2, 0, verb_link_add},
        {{"link", "remove"}, 0, 1, BIT(OPT_USER), verb_link_remove},
        {{"monitor", NULL}, 0, 0, 0, verb_monitor},
        {{"reload", NULL}, 0, 0, 0, verb_reload},
};

typedef struct CommandLine {
        Invocation invocation;
        uint32_t given;      /* options of a verb */
        uint32_t timeout_ms; /* 0: not given */
        char **exclude;
        bool done; /* help or version */
} CommandLine;

/* A whole decimal number from 1 to `max`; 0 if it is not one. */
static uint32_t parse_number(const char *s, uint32_t max)
{
        unsigned long number;
        char *end;

        if (*s < '0' || *s > '9')
                return 0;
        errno = 0;
        number = strtoul(s, &end, 10);
        return errno == 0 && *end == '\0' && number <= max ? (uint32_t) number : 0;
}

static int set_number(passlock_options *options, const char *name, const char *value)
{
        uint32_t number = parse_number(value, UINT32_MAX);

        return number > 0 ? passlock_options_set_uint32(options, name, number) : -EINVAL;
}

/* An option of a verb: what it is on the bus. Returns as the library's setters do. */
static int set_verb_option(CommandLine *line, int option)
{
        passlock_options *options = line->invocation.options;

        line->given |= BIT(option);
        switch (option) {
        case OPT_RP_NAME:
                return passlock_options_set_string(options, "rp_name", optarg);
        case OPT_DISPLAY_NAME:
                return passlock_options_set_string(options, "display_name", optarg);
        case OPT_EXCLUDE:
                return strv_push(&line->exclude, optarg);
        case OPT_NO_EXCLUDE_LINKED:
                return passlock_options_set_bool(options, "exclude_linked", false);
        case OPT_USER_VERIFICATION:
                return passlock_options_set_string(options, "user_verification", optarg);
        case OPT_CEREMONY_TIMEOUT_MS:
                return set_number(options, "timeout_ms", optarg);
        case OPT_USER_ID:
                return passlock_options_set_string(options, "user_id", optarg);
        case OPT_NO_LINK:
                return passlock_options_set_bool(options, "link", false);
        case OPT_REQUEST_ID:
                return passlock_options_set_string(options, "request_id", optarg);
        default:
                line->invocation.user = optarg;
                return 0;
        }
}

static int set_option(CommandLine *line, int option)
{
        switch (option) {
        case 'h':
                fputs(help, stdout);
                line->done = true;
                return 0;
        case OPT_VERSION:
                puts("passlockctl " PACKAGE_VERSION);
                line->done = true;
                return 0;
        case OPT_TENANCY:
                line->invocation.tenancy = optarg;
                return 0;
        case OPT_JSON:
                line->invocation.json = true;
                return 0;
        case OPT_NO_LEGEND:
                line->invocation.no_legend = true;
                return 0;
        case OPT_TIMEOUT:
                line->timeout_ms = parse_number(optarg, TIMEOUT_SEC_MAX) * 1000;
                return line->timeout_ms > 0 ? 0 : -EINVAL;
        default:
                return set_verb_option(line, option);
        }
}

/* Leaves `optind` at the first word. Returns 0 or an exit status. */
static int parse_options(CommandLine *line, int argc, char **argv)
{
        int option, index;

        while (!line->done && (option = getopt_long(argc, argv, "h", long_options, &index)) >= 0) {
                int r;

                /* getopt has said what it is. */
                if (option == '?')
                        return EXIT_USAGE;
                r = set_option(line, option);
                if (r != 0) {
                        report("--%s=%s: %s", long_options[index].name, optarg ?: "",
                               passlock_strerror(r));
                        return r == -ENOMEM ? EXIT_OURS : EXIT_USAGE;
                }
        }
        if (!line->exclude)
                return 0;
        return exit_status(passlock_options_set_strv(line->invocation.options,
                                                     "exclude_credentials",
                                                     (const char *const *) line->exclude));
}

static const Verb *find_verb(char **words)
{
        for (size_t i = 0; words[0] && i < ARRAY_SIZE(verbs); i++)
                if (streq(verbs[i].words[0], words[0]) &&
                    (!verbs[i].words[1] || streq_ptr(verbs[i].words[1], words[1])))
                        return &verbs[i];
        return NULL;
}

/* Finds the verb and its arguments. NULL if that has been reported as wrong. */
static const Verb *parse_words(CommandLine *line, char **words)
{
        const Verb *verb = find_verb(words);
        int n;

        if (!verb) {
                report("%s; see passlockctl --help", words[0] ? "unknown command" : "no command");
                return NULL;
        }
        words += verb->words[1] ? 2 : 1;
        n = (int) strv_len(words);
        if (n < verb->n_min || n > verb->n_max) {
                report("%s: too %s arguments; see passlockctl --help", verb->words[0],
                       n < verb->n_min ? "few" : "many");
                return NULL;
        }
        if (line->given & ~verb->options) {
                report("%s does not have this option; see passlockctl --help", verb->words[0]);
                return NULL;
        }
        line->invocation.arguments = words;
        return verb;
}

static int run(CommandLine *line, const Verb *verb)
{
        passlock *client = line->invocation.client;
        int r, status;

        if (passlock_set_tenancy(client, line->invocation.tenancy) < 0) {
                report("--tenancy=%s: not a label", line->invocation.tenancy);
                return EXIT_USAGE;
        }
        r = line->timeout_ms > 0 ? passlock_set_timeout_ms(client, line->timeout_ms) : 0;
        if (r < 0)
                return EXIT_OURS;
        status = verb->run(&line->invocation);
        if (fflush(stdout) != 0) {
                report("cannot write: %s", strerror(errno));
                return status ?: EXIT_OURS;
        }
        return status;
}

static int parse_and_run(CommandLine *line, int argc, char **argv)
{
        const Verb *verb;
        int status;

        status = parse_options(line, argc, argv);
        if (status != 0 || line->done)
                return status;
        verb = parse_words(line, argv + optind);
        return verb ? run(line, verb) : EXIT_USAGE;
}

int main(int argc, char **argv)
{
        CommandLine line = {};
        int status = EXIT_OURS;

        setlocale(LC_ALL, "");
        if (passlock_new(&line.invocation.client) == 0 &&
            passlock_options_new(&line.invocation.options) == 0)
                status = parse_and_run(&line, argc, argv);
        else
                report("%s", strerror(errno));
        strv_free(line.exclude);
        passlock_options_unref(line.invocation.options);
        passlock_unref(line.invocation.client);
        return status;
}
