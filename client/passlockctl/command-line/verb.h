/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/passlockctl/invocation.h"

typedef struct Verb {
        const char *words[2]; /* the second may be NULL */
        int n_min, n_max;     /* arguments */
        uint64_t options;     /* OPTION_BIT()s of its options */
        int (*run)(Invocation *invocation);
        bool is_for_admins; /* polkit may ask for a password */
        bool is_about_host; /* does not need the service */
} Verb;

/* Finds the verb at the start of a NULL-terminated array. NULL if there is none. */
const Verb *verb_find(char **words);

/* Iterates over all verbs, in the order of the help. NULL after the last one. */
const Verb *verb_at(size_t index);
