/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "client/passlockctl/command-line/complete.h"
#include "client/passlockctl/command-line/completion.h"
#include "client/passlockctl/command-line/help.h"
#include "client/passlockctl/command-line/option.h"
#include "client/passlockctl/command-line/verb.h"

#define POSITIONS_MAX  8U
#define TIME_LIMIT_SEC 15U

/* The words before the one to complete. */
typedef struct Line {
        const struct option *options;
        size_t n_common;
        const char *words[POSITIONS_MAX]; /* that are no options */
        size_t n_words;
        const char *tenancy;
        const struct option *expects; /* the option whose value comes next */
        bool options_end;             /* after -- */
} Line;

static const struct option *find_option(const Line *line, const char *name, size_t len)
{
        for (const struct option *option = line->options; option->name; option++)
                if (strlen(option->name) == len && strncmp(option->name, name, len) == 0)
                        return option;
        return NULL;
}

static void note_value(Line *line, const struct option *option, const char *value)
{
        if (streq(option->name, "tenancy"))
                line->tenancy = value;
}

static void note_word(Line *line, const char *word)
{
        const struct option *option;
        size_t len;

        if (line->expects) {
                note_value(line, line->expects, word);
                line->expects = NULL;
        } else if (line->options_end || *word != '-' || streq(word, "-")) {
                if (line->n_words < POSITIONS_MAX)
                        line->words[line->n_words++] = word;
        } else if (streq(word, "--")) {
                line->options_end = true;
        } else {
                len = strcspn(word, "=");
                option = len > 2 ? find_option(line, word + 2, len - 2) : NULL;
                if (option && word[len] == '=')
                        note_value(line, option, word + len + 1);
                else if (option && option->has_arg == required_argument)
                        line->expects = option;
        }
}

/* NULL as long as it is not all there. */
static const Verb *verb_of(const Line *line, size_t *ret_n)
{
        for (size_t i = 0; verb_at(i); i++) {
                const Verb *verb = verb_at(i);
                size_t n = verb->words[1] ? 2 : 1;

                if (line->n_words >= n && streq(verb->words[0], line->words[0]) &&
                    (n == 1 || streq(verb->words[1], line->words[1]))) {
                        *ret_n = n;
                        return verb;
                }
        }
        return NULL;
}

/* What the help says of an option: its value, such as LABEL, and its meaning. */
static HelpLine help_of_option(const struct option *option)
{
        char key[64];

        snprintf(key, sizeof(key), "--%s", option->name);
        return help_find_option(key);
}

static void offer_options(const Line *line, const Verb *verb, const char *prefix)
{
        puts("words");
        for (const struct option *option = line->options; option->name; option++) {
                size_t index = (size_t) (option - line->options);
                char name[64];

                if (index >= line->n_common &&
                    (!verb || !(verb->options & OPTION_BIT(index - line->n_common))))
                        continue;
                snprintf(name, sizeof(name), "--%s%s", option->name,
                         option->has_arg == required_argument ? "=" : "");
                offer_word(prefix, name, help_of_option(option).meaning);
        }
}

/* The first words of all verbs, or the second ones of those that begin with what is there. */
static void offer_verbs(const Line *line, const char *prefix)
{
        const char *last = NULL;

        puts("words");
        for (size_t i = 0; verb_at(i); i++) {
                const Verb *verb = verb_at(i);
                const char *word = verb->words[line->n_words];

                if (line->n_words == 1 && !streq(verb->words[0], line->words[0]))
                        continue;
                if (!word || streq_ptr(word, last))
                        continue;
                last = word;
                offer_word(prefix, word,
                           verb->words[1] && line->n_words == 0
                                   ? (HelpText){}
                                   : help_find_verb(verb->words[0], verb->words[1]).meaning);
        }
}

/* An option, or what comes after its `=`. */
static void offer_option(const Line *line, const Verb *verb, Offer *offer)
{
        const char *word = offer->prefix, *value = strchr(word, '=');
        const struct option *option = NULL;

        if (value && value - word > 2)
                option = find_option(line, word + 2, (size_t) (value - word) - 2);
        if (!option) {
                offer_options(line, verb, word);
                return;
        }
        offer->prefix = value + 1;
        offer_value(offer, help_of_option(option));
}

static void offer_all(const Line *line, passlock *client, const char *word)
{
        size_t n = 0;
        const Verb *verb = verb_of(line, &n);
        Offer offer = {.client = client, .tenancy = line->tenancy, .prefix = word};

        if (line->expects)
                offer_value(&offer, help_of_option(line->expects));
        else if (*word == '-' && !line->options_end)
                offer_option(line, verb, &offer);
        else if (verb)
                offer_argument(&offer, help_find_verb(verb->words[0], verb->words[1]),
                               line->n_words - n);
        else if (line->n_words < 2)
                offer_verbs(line, word);
}

int complete(passlock *client, const struct option *options, size_t n_common, char **words)
{
        Line line = {.options = options, .n_common = n_common};

        alarm(TIME_LIMIT_SEC);
        if (!words[0])
                return EXIT_USAGE;
        while (words[1])
                note_word(&line, *words++);
        offer_all(&line, client, words[0]);
        return fflush(stdout) == 0 ? 0 : EXIT_OURS;
}
