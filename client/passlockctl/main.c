/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>

#include "base/strv.h"
#include "base/text.h"
#include "build-config.h"
#include "client/passlockctl/command-line/complete.h"
#include "client/passlockctl/command-line/help.h"
#include "client/passlockctl/command-line/option.h"
#include "client/passlockctl/command-line/verb.h"
#include "client/passlockctl/doctor/service.h"
#include "client/passlockctl/host/polkit-agent.h"
#include "client/passlockctl/terminal/report.h"

#define TIMEOUT_SEC_MAX 86400U

/* Values of getopt for the common options; those of other options follow. */
enum {
        COMMON_TENANCY = 256,
        COMMON_JSON,
        COMMON_TIMEOUT,
        COMMON_NO_LEGEND,
        COMMON_NO_ASK_PASSWORD,
        COMMON_VERSION,
        FIRST_OPTION,
};

static const struct option common_options[] = {
        {"tenancy", required_argument, NULL, COMMON_TENANCY},
        {"json", no_argument, NULL, COMMON_JSON},
        {"timeout", required_argument, NULL, COMMON_TIMEOUT},
        {"no-legend", no_argument, NULL, COMMON_NO_LEGEND},
        {"no-ask-password", no_argument, NULL, COMMON_NO_ASK_PASSWORD},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, COMMON_VERSION},
};

typedef struct CommandLine {
        Invocation invocation;
        struct option options[ARRAY_SIZE(common_options) + N_OPTIONS + 1];
        uint64_t given; /* OPTION_BIT()s */
        bool done;      /* --help or --version was handled */
} CommandLine;

static void list_options(CommandLine *line)
{
        struct option *next = line->options + ARRAY_SIZE(common_options);

        memcpy(line->options, common_options, sizeof(common_options));
        for (int i = 0; i < N_OPTIONS; i++)
                *next++ = (struct option){
                        .name = option_name((Option) i),
                        .has_arg = option_takes_value((Option) i) ? required_argument : no_argument,
                        .val = FIRST_OPTION + i,
                };
}

static int set_option(CommandLine *line, int option)
{
        Invocation *invocation = &line->invocation;

        switch (option) {
        case 'h':
                help_print();
                line->done = true;
                return 0;
        case COMMON_VERSION:
                puts("passlockctl " PACKAGE_VERSION);
                line->done = true;
                return 0;
        case COMMON_TENANCY:
                invocation->tenancy = optarg;
                return 0;
        case COMMON_JSON:
                invocation->json = true;
                return 0;
        case COMMON_NO_LEGEND:
                invocation->no_legend = true;
                return 0;
        case COMMON_NO_ASK_PASSWORD:
                invocation->no_ask_password = true;
                return 0;
        case COMMON_TIMEOUT:
                invocation->timeout_ms = text_parse_number(optarg, TIMEOUT_SEC_MAX) * 1000;
                return invocation->timeout_ms > 0 ? 0 : -EINVAL;
        default:
                option -= FIRST_OPTION;
                line->given |= OPTION_BIT(option);
                return option_set((Option) option, optarg, invocation);
        }
}

/* Leaves `optind` at the first word. Returns 0 or an exit status. */
static int parse_options(CommandLine *line, int argc, char **argv)
{
        int option, index;

        list_options(line);
        while (!line->done && (option = getopt_long(argc, argv, "h", line->options, &index)) >= 0) {
                int r;

                /* getopt has printed an error. */
                if (option == '?')
                        return EXIT_USAGE;
                r = set_option(line, option);
                if (r != 0) {
                        report("--%s=%s: %s", line->options[index].name, optarg ?: "",
                               r == -EINVAL ? "not a number, or out of range"
                                            : passlock_strerror(r));
                        return r == -ENOMEM ? EXIT_OURS : EXIT_USAGE;
                }
        }
        return 0;
}

/* Finds the verb and its arguments. NULL after a reported error. */
static const Verb *parse_words(CommandLine *line, char **words)
{
        const Verb *verb = verb_find(words);
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

/* Root needs no authorization, and a script cannot answer a prompt. */
static bool may_ask_password(const Invocation *invocation, const Verb *verb)
{
        return verb->is_for_admins && !invocation->no_ask_password && geteuid() != 0 &&
               isatty(STDIN_FILENO);
}

static int run_for_admin(Invocation *invocation, const Verb *verb)
{
        pid_t agent;
        int r, status;

        r = passlock_set_interactive(invocation->client, true);
        if (r < 0)
                return report_call(invocation->client, r);
        agent = polkit_agent_start();
        status = verb->run(invocation);
        polkit_agent_stop(agent);
        return status;
}

static int run(Invocation *invocation, const Verb *verb)
{
        int r = 0, status;

        if (passlock_set_tenancy(invocation->client, invocation->tenancy) < 0) {
                report("--tenancy=%s: not a label", invocation->tenancy);
                return EXIT_USAGE;
        }
        if (invocation->timeout_ms > 0)
                r = passlock_set_timeout_ms(invocation->client, invocation->timeout_ms);
        if (r < 0)
                return EXIT_OURS;
        status = verb->is_about_host ? 0 : service_require(invocation);
        if (status != 0)
                return status;
        status = may_ask_password(invocation, verb) ? run_for_admin(invocation, verb)
                                                    : verb->run(invocation);
        if (status == EXIT_OURS && !verb->is_about_host)
                service_report_absence();
        if (fflush(stdout) != 0) {
                report("Failed to write standard output: %s", strerror(errno));
                return status ?: EXIT_OURS;
        }
        return status;
}

static int parse_and_run(CommandLine *line, int argc, char **argv)
{
        const Verb *verb;
        int status;

        if (argc > 1 && streq(argv[1], "--complete")) {
                list_options(line);
                return complete(line->invocation.client, line->options, ARRAY_SIZE(common_options),
                                argv + 2);
        }
        status = parse_options(line, argc, argv);
        if (status != 0 || line->done)
                return status;
        verb = parse_words(line, argv + optind);
        return verb ? run(&line->invocation, verb) : EXIT_USAGE;
}

int main(int argc, char **argv)
{
        CommandLine line = {};
        int r, status = EXIT_OURS;

        setlocale(LC_ALL, "");
        r = passlock_new(&line.invocation.client);
        if (r == 0)
                r = passlock_options_new(&line.invocation.options);
        if (r == 0)
                status = parse_and_run(&line, argc, argv);
        else
                report("%s", passlock_strerror(r));
        strv_free(line.invocation.allow);
        strv_free(line.invocation.exclude);
        passlock_options_unref(line.invocation.options);
        passlock_unref(line.invocation.client);
        return status;
}
