/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/command-line/help.h"

/* What a word may become, printed for complete(). */

typedef struct Offer {
        passlock *client;
        const char *tenancy; /* NULL: the default tenancy */
        const char *prefix;  /* what is there of the word */
} Offer;

/* The word, if it begins with `prefix`. A heading has to come first: see below. */
void offer_word(const char *prefix, const char *word, HelpText meaning);

/* What an option may have for a value, by what the help says of it. */
void offer_value(const Offer *offer, HelpLine help);

/* The same for an argument of a verb; the first one has `index` 0. */
void offer_argument(const Offer *offer, HelpLine help, size_t index);
