/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "daemon/store/shared/shared-log.h"
#include "daemon/store/store.h"

/*
 * Confirms misses: before a host says that there is no link, it reads in the shared log whether its
 * replica has the last change of the key, and waits until it has.
 */
typedef struct ConfirmationList {
        SharedLog *log;    /* lent */
        uint64_t revision; /* of the replica */
        uint64_t n_failed; /* misses that were not confirmed */
        LIST_HEAD(, StoreConfirmation) confirmations;
} ConfirmationList;

/* Takes ownership of the key; NULL: out of memory. Returns whether the function will run. */
bool confirmation_start(ConfirmationList *list, char *key, StoreConfirmFunc func, void *userdata,
                        StoreConfirmation **ret);
/* Ends the confirmations that have waited for this revision of the replica. */
void confirmations_reach(ConfirmationList *list, uint64_t revision);
/* The log is gone: frees all, without a call of their functions. */
void confirmations_clear(ConfirmationList *list);
