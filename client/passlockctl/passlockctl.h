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

/* The verbs. Each does its work, says what is wrong, and returns the exit status. */
int verb_status(Invocation *invocation);
int verb_audit(Invocation *invocation);
int verb_doctor(Invocation *invocation);
int verb_set_key(Invocation *invocation);
int verb_reload(Invocation *invocation);
int verb_authorize(Invocation *invocation);
int verb_authenticate(Invocation *invocation);
int verb_exchange(Invocation *invocation);
int verb_verify_token(Invocation *invocation);
int verb_link_list(Invocation *invocation);
int verb_link_show(Invocation *invocation);
int verb_link_add(Invocation *invocation);
int verb_link_remove(Invocation *invocation);
int verb_export(Invocation *invocation);
int verb_import(Invocation *invocation);
int verb_reconcile(Invocation *invocation);
int verb_monitor(Invocation *invocation);
int verb_vault_get(Invocation *invocation);
int verb_vault_list(Invocation *invocation);
int verb_vault_update(Invocation *invocation);
int verb_vault_delete(Invocation *invocation);
int verb_vault_prune(Invocation *invocation);
int verb_mailbox_create(Invocation *invocation);
int verb_mailbox_get(Invocation *invocation);
int verb_mailbox_verify(Invocation *invocation);
int verb_mailbox_delete(Invocation *invocation);
