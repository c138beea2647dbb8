/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/invocation.h"

/* Prints what --help prints. */
void help_print(void);

/* A piece of it, not NUL-terminated. */
typedef struct HelpText {
        const char *text; /* NULL: there is none */
        size_t len;
} HelpText;

/* One line: what is on the left after its key, and what it means. */
typedef struct HelpLine {
        HelpText arguments;
        HelpText meaning;
} HelpLine;

/* The first line of a verb, whose second word may be NULL; empty if there is none. */
HelpLine help_find_verb(const char *first, const char *second);

/* The first line of an option, such as "--json"; its value, if it takes one, is in `arguments`. */
HelpLine help_find_option(const char *option);
