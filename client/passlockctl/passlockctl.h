/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "base/macro.h"

enum {
        EXIT_OURS = 1,    /* nothing there to answer, or we failed */
        EXIT_USAGE = 2,   /* the command line */
        EXIT_CALLER = 3,  /* the service's answer: the arguments are at fault */
        EXIT_DENIED = 4,  /* no grant */
        EXIT_SERVICE = 5, /* the service or the API behind it cannot do it now */
};

/* The command line, after the words of the verb. Strings are the command line's own. */
typedef struct Invocation {
        passlock *client;
        char **arguments; /* of the verb, ended by NULL */
        bool json;
        bool no_legend;
        const char *tenancy;
        passlock_options *options; /* for the call */
        const char *user;
} Invocation;

/* The verbs. Each does its work, says what is wrong, and returns the exit status. */
int verb_status(Invocation *invocation);
int verb_reload(Invocation *invocation);
int verb_authorize(Invocation *invocation);
int verb_exchange(Invocation *invocation);
int verb_link_list(Invocation *invocation);
int verb_link_show(Invocation *invocation);
int verb_link_add(Invocation *invocation);
int verb_link_remove(Invocation *invocation);
int verb_monitor(Invocation *invocation);
