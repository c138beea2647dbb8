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
        char **arguments;          /* of the verb, ended by NULL */
        passlock_options *options; /* for the call */
        char **allow, **exclude;   /* lists in these; ours, with copies */
        uint32_t timeout_ms;       /* 0: not given */
        bool json;
        bool no_legend;
        bool no_ask_password;
        bool yes;
        bool apply;
        bool dry_run;
        bool any_tenancy;
        bool plain;
        const char *tenancy;
        const char *remove_up_to; /* links */
        const char *user;
        const char *credential;
        const char *ca_file;
        const char *store_dir;
        /* of audit */
        const char *authenticator, *directory, *event, *lines, *method, *since, *uid, *until;
        bool follow;
} Invocation;
