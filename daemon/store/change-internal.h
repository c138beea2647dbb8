/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The inside of a change, for the files that make and apply them: a file a kind. */

#include "daemon/store/change.h"

typedef struct ChangeKind {
        /* Applies the change; what it set in an earlier transaction has been cleared. Returns 0, an
         * Error, or a negative errno if the transaction has to be aborted. */
        int (*apply)(StoreChange *change, Txn *txn);
        /* Calls the function of whoever asked for the change. */
        void (*report)(const StoreChange *change);
        bool uses_reserve; /* it takes access away or needs no space */
} ChangeKind;

struct StoreChange {
        StoreChange *next;
        const ChangeKind *kind;
        char *tenancy_id; /* NULL: none is concerned */

        /* The arguments. */
        Link *link;     /* to be added; NULL: none */
        char *id;       /* of the authenticator or user to be removed, or of the declined one */
        LinkList links; /* to be imported, or to be removed if they are still the same */
        bool dry_run;
        ExchangeIntent intent;
        uint64_t intent_id; /* of an exchange or a delete, to be removed; 0: none */
        bool has_key;
        uint8_t key[IDEMPOTENCY_KEY_LEN];
        IdempotencyRecord answer;
        char **ids; /* of a delete */
        Recovery *recovery;
        size_t limit; /* links that one transaction removes; 0: all */

        /* The outcome. */
        int r;
        bool newly_linked;
        bool unfinished;
        LinkList changed;      /* links that were removed or recovered, */
        size_t n_committed;    /* the first of them in earlier transactions */
        LinkOutcome *outcomes; /* of each link to be imported */
        uint64_t made_id;      /* of the intent */
        size_t n_left;         /* passkeys that could not be told apart */

        /* The caller's thread's own: NULL if nobody wants to know. */
        bool forgotten;
        union {
                StoreAddFunc add;
                StoreRemoveFunc remove;
                StoreDoneFunc done;
                StoreImportFunc import;
                StoreBeginFunc begin;
                StoreRecoverFunc recover;
        } func;
        void *userdata;
};

/* -EINVAL for a tenancy id that is not valid. */
int change_new(const char *tenancy_id, const ChangeKind *kind, void *userdata, StoreChange **ret);

/* Copies by way of the record, so that a link that could not be stored is refused. */
int change_copy_link(const Link *link, Link **ret);
int change_copy_links(const LinkList *list, LinkList *ret);
