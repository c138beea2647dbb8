/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>

#include "base/strv.h"
#include "build-config.h"
#include "client/passlockctl/command-line/completion.h"
#include "client/passlockctl/command-line/help.h"
#include "client/passlockctl/command-line/option.h"
#include "client/passlockctl/command-line/verb.h"
#include "client/passlockctl/doctor/service.h"
#include "client/passlockctl/host/polkit-agent.h"
#include "client/passlockctl/terminal/closest-word.h"
#include "client/passlockctl/terminal/report.h"

/* Value of getopt for the first option. */
#define FIRST_OPTION 256

typedef struct CommandLine {
        Invocation invocation;
        struct option options[N_OPTIONS + 1];
        uint64_t given; /* OPTION_BIT()s */
} CommandLine;

static void list_options(CommandLine *line)
{
        for (int i = 0; i < N_OPTIONS; i++)
                line->options[i] = (struct option){
                        .name = option_name((Option) i),
                        .has_arg = option_takes_value((Option) i) ? required_argument : no_argument,
                        .val = FIRST_OPTION + i,
                };
}

static int set_option(CommandLine *line, int value)
{
        Option option = value == 'h' ? OPTION_HELP : (Option) (value - FIRST_OPTION);

        line->given |= OPTION_BIT(option);
        return option_set(option, optarg, &line->invocation);
}

/* Suggests an option after an error of getopt. `word` is the rejected option, perhaps with a
 * value. */
static void suggest_option(const CommandLine *line, const char *word)
{
        _cleanup_(freep) char *name = NULL;
        ClosestWord closest = {};

        /* getopt sets optopt to a known option: only its value is wrong. */
        if (optopt != 0 || strncmp(word, "--", 2) != 0)
                return;
        name = strndup(word + 2, strcspn(word + 2, "="));
        closest.word = name ?: "";
        for (const struct option *option = line->options; option->name; option++)
                closest_word_consider(&closest, option->name);
        if (closest.found)
                report("Did you mean --%s?", closest.found);
}

/* Parses options up to the first word, at `optind`. Returns 0 or an exit status. */
static int parse_options(CommandLine *line, int argc, char **argv)
{
        const Invocation *invocation = &line->invocation;
        int option, index;

        list_options(line);
        while (!invocation->help && !invocation->version &&
               (option = getopt_long(argc, argv, "h", line->options, &index)) >= 0) {
                int r;

                /* getopt has printed an error. */
                if (option == '?') {
                        suggest_option(line, argv[optind - 1]);
                        return EXIT_USAGE;
                }
                r = set_option(line, option);
                if (r != 0) {
                        report("Failed to parse --%s=%s: %s", line->options[index].name,
                               optarg ?: "",
                               r == -EINVAL ? "not a number, or out of range"
                                            : passlock_strerror(r));
                        return r == -ENOMEM ? EXIT_OURS : EXIT_USAGE;
                }
        }
        return 0;
}

/* Reports an unknown verb and suggests a similar one. A verb has one or two words ("link list"). */
static void report_unknown_verb(char **words)
{
        ClosestWord closest = {.word = words[0]};
        const Verb *verb;
        bool has_first = false;

        if (!words[0]) {
                report("No command given; see passlockctl --help");
                return;
        }
        for (size_t i = 0; (verb = verb_at(i)); i++)
                has_first = has_first || streq(verb->words[0], words[0]);
        if (has_first && !words[1]) {
                report("Incomplete command \"%s\"; see passlockctl --help", words[0]);
                return;
        }
        closest.word = words[has_first];
        for (size_t i = 0; (verb = verb_at(i)); i++)
                if (!has_first || streq(verb->words[0], words[0]))
                        closest_word_consider(&closest, verb->words[has_first]);
        report("Unknown command \"%s%s%s\"%s%s%s; see passlockctl --help",
               has_first ? words[0] : "", has_first ? " " : "", closest.word,
               closest.found ? ", did you mean \"" : "", closest.found ?: "",
               closest.found ? "\"?" : "");
}

/* Finds the verb and its arguments. NULL after a reported error. */
static const Verb *parse_words(CommandLine *line, char **words)
{
        const Verb *verb = verb_find(words);
        const char *second, *space;
        uint64_t foreign;
        int n;

        if (!verb) {
                report_unknown_verb(words);
                return NULL;
        }
        second = verb->words[1] ?: "";
        space = *second ? " " : "";
        words += *second ? 2 : 1;
        n = (int) strv_len(words);
        if (n < verb->n_min || n > verb->n_max) {
                report("%s%s%s: too %s arguments; see passlockctl --help", verb->words[0], space,
                       second, n < verb->n_min ? "few" : "many");
                return NULL;
        }
        foreign = line->given & ~(verb->options | COMMON_OPTIONS);
        if (foreign) {
                report("%s%s%s does not have the option --%s; see passlockctl --help",
                       verb->words[0], space, second,
                       option_name((Option) __builtin_ctzll(foreign)));
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

        invocation->interactive = true;
        r = passlock_set_interactive(invocation->client, true);
        if (r < 0)
                return report_call(invocation->client, r);
        agent = polkit_agent_start();
        status = verb->run(invocation);
        polkit_agent_stop(agent);
        return status;
}

/* After a failed call: suggests a similar label if the tenancy may not exist. */
static void suggest_tenancy(const Invocation *invocation)
{
        _cleanup_(passlock_tenancy_list_unrefp) passlock_tenancy_list *list = NULL;
        ClosestWord closest = {.word = invocation->tenancy};

        (void) passlock_set_interactive(invocation->client, false);
        if (passlock_list_tenancies(invocation->client, &list) != 0)
                return;
        for (size_t i = 0; i < passlock_tenancy_list_get_size(list); i++)
                closest_word_consider(
                        &closest, passlock_tenancy_get_label(passlock_tenancy_list_get(list, i)));
        if (closest.found && closest.distance > 0)
                report("Unknown tenancy %s; did you mean --tenancy=%s?", invocation->tenancy,
                       closest.found);
}

static int run(Invocation *invocation, const Verb *verb)
{
        int r = 0, status;

        if (passlock_set_tenancy(invocation->client, invocation->tenancy) < 0) {
                report("Failed to parse --tenancy=%s: invalid label", invocation->tenancy);
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
        if (status == EXIT_CALLER && invocation->tenancy)
                suggest_tenancy(invocation);
        return fflush(stdout) == 0 ? status : report_write_error(errno);
}

static int parse_and_run(CommandLine *line, int argc, char **argv)
{
        Invocation *invocation = &line->invocation;
        const Verb *verb;
        int status;

        status = parse_options(line, argc, argv);
        if (status != 0)
                return status;
        if (invocation->help)
                help_print();
        if (invocation->version)
                puts("passlockctl " PACKAGE_VERSION);
        if (invocation->help || invocation->version)
                return 0;
        if (invocation->complete)
                return complete(invocation, invocation->complete, argv[optind] ?: "");
        verb = parse_words(line, argv + optind);
        return verb ? run(invocation, verb) : EXIT_USAGE;
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
