/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <passlock.h>

#include "base/macro.h"

DEFINE_CLEANUP(passlock_token *, passlock_token_unref);
DEFINE_CLEANUP(passlock_principal *, passlock_principal_unref);
DEFINE_CLEANUP(passlock_challenge *, passlock_challenge_unref);
DEFINE_CLEANUP(passlock_link *, passlock_link_unref);
DEFINE_CLEANUP(passlock_link_list *, passlock_link_list_unref);
DEFINE_CLEANUP(passlock_tenancy *, passlock_tenancy_unref);
DEFINE_CLEANUP(passlock_tenancy_list *, passlock_tenancy_list_unref);
DEFINE_CLEANUP(passlock_passkey *, passlock_passkey_unref);
DEFINE_CLEANUP(passlock_passkey_list *, passlock_passkey_list_unref);
DEFINE_CLEANUP(passlock_management *, passlock_management_unref);
DEFINE_CLEANUP(passlock_import *, passlock_import_unref);
DEFINE_CLEANUP(passlock_reconciliation *, passlock_reconciliation_unref);
DEFINE_CLEANUP(passlock_right_list *, passlock_right_list_unref);
DEFINE_CLEANUP(passlock_store *, passlock_store_unref);
DEFINE_CLEANUP(passlock_metrics *, passlock_metrics_unref);
DEFINE_CLEANUP(passlock_verification *, passlock_verification_unref);
DEFINE_CLEANUP(passlock_joined_links *, passlock_joined_links_unref);
DEFINE_CLEANUP(passlock_left_store *, passlock_left_store_unref);
DEFINE_CLEANUP(passlock_explanation *, passlock_explanation_unref);

enum {
        EXIT_OURS = 1,     /* no reply, or passlockctl itself failed */
        EXIT_USAGE = 2,    /* invalid command line */
        EXIT_CALLER = 3,   /* the service rejected the arguments */
        EXIT_DENIED = 4,   /* access denied */
        EXIT_SERVICE = 5,  /* the service or the API is temporarily unable to answer */
        EXIT_NO_GRANT = 6, /* explain: no grant allows the call */
};

/* The parsed command line. Strings are borrowed from argv. */
typedef struct Invocation {
        passlock *client;
        char **arguments;          /* of the verb, NULL-terminated */
        passlock_options *options; /* of the D-Bus call */
        char **allow, **exclude;   /* owned lists, set in `options` */
        uint32_t timeout_ms;       /* 0: default */
        bool help, version;
        const char *complete; /* kind of words; NULL: run the verb */
        bool json;
        bool no_legend;
        bool no_ask_password;
        bool interactive; /* polkit may ask for a password */
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
