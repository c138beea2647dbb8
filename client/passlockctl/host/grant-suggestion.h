/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "base/macro.h"

/*
 * The smallest grants that allow the calls in audit records, one for each uid and tenancy. Records
 * are untrusted: a value that could not be in a valid configuration is ignored.
 */

/* Fields of a record; NULL: missing. */
typedef struct RecordedCall {
        const char *event, *uid, *decided_by, *tenancy, *right, *rp_id, *error;
} RecordedCall;

typedef struct GrantSuggestion {
        STAILQ_ENTRY(GrantSuggestion) entry;
        uid_t uid;
        char *tenancy;
        char **used;   /* rights, in the order of use */
        char **denied; /* rights of calls that were denied, without those in use */
        char **rp_ids; /* lower case */
} GrantSuggestion;

typedef STAILQ_HEAD(GrantSuggestions, GrantSuggestion) GrantSuggestions;

/* Takes a record into account. Returns 0 or -ENOMEM. */
int grant_suggestions_add(GrantSuggestions *suggestions, const RecordedCall *call);
void grant_suggestions_clear(GrantSuggestions *suggestions);

/* Prints a section of passlockd.conf(5), or a comment if no right was used. `user` is the name of
 * the uid; NULL: unknown. */
void grant_suggestion_print(const GrantSuggestion *suggestion, const char *user, FILE *file);
