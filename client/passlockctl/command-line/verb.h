/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/invocation.h"

typedef struct Verb {
        const char *words[2]; /* the second may be NULL */
        int n_min, n_max;     /* arguments */
        uint64_t options;     /* OPTION_BIT() of each that it has */
        int (*run)(Invocation *invocation);
        bool is_for_admins; /* whom polkit may ask to authenticate */
        bool is_about_host; /* the service need not be there for it to make sense */
} Verb;

/* The verb that these words begin with, which end in NULL. NULL if there is none. */
const Verb *verb_find(char **words);

/* Each of them, in the order of the help. NULL after the last one. */
const Verb *verb_at(size_t index);
