/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "daemon/store/changes/change.h"
#include "daemon/store/shared/shared-log.h"

/* So that look-ups leave room for changes. */
#define CONFIRMATIONS_MAX 256U

/*
 * Confirms misses: before a host says that there is no link, it reads in the shared log whether its
 * replica has the last change of the key, and waits until it has.
 */
typedef struct ConfirmationList {
        SharedLog *log;    /* lent */
        uint64_t revision; /* of the replica */
        uint64_t offset;   /* of the log, see restore-record.h */
        bool is_off;       /* the replica does not follow the log: misses cannot be confirmed */
        uint64_t n_failed; /* misses that were not confirmed */
        unsigned n;        /* in flight, CONFIRMATIONS_MAX at most */
        LIST_HEAD(, StoreConfirmation) confirmations;
} ConfirmationList;

/* See store_confirm_no_link() and store_confirm_no_links_of_user(). */
bool confirmation_of_link(ConfirmationList *list, const char *tenancy_id,
                          const char *authenticator_id, StoreConfirmFunc func, void *userdata,
                          StoreConfirmation **ret);
bool confirmation_of_user(ConfirmationList *list, const char *tenancy_id, const char *user_id,
                          StoreConfirmFunc func, void *userdata, StoreConfirmation **ret);
/* Ends the confirmations that have waited for this revision of the replica. */
void confirmations_reach(ConfirmationList *list, uint64_t revision);
/* The log is gone: frees all, without a call of their functions. */
void confirmations_clear(ConfirmationList *list);
