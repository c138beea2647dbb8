/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/passlockctl.h"

typedef struct Verb {
        const char *words[2]; /* the second may be NULL */
        int n_min, n_max;     /* arguments */
        uint64_t options;     /* OPTION_BIT() of each that it has */
        int (*run)(Invocation *invocation);
} Verb;

/* The verb that these words begin with, which end in NULL. NULL if there is none. */
const Verb *verb_find(char **words);
