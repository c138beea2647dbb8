/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "daemon/store/lmdb/txn.h"
#include "daemon/store/store.h"

typedef struct ChangeKind {
        /* Applies the change; results of an earlier attempt have been cleared. Returns 0, an Error,
         * or a negative errno that aborts the transaction. */
        int (*apply)(StoreChange *change, Txn *txn);
        /* Calls the caller's callback. */
        void (*report)(const StoreChange *change);
        bool may_be_alone; /* on one host, while a shared store cannot be reached */
        bool leaves;       /* goes on while this host leaves a shared store */
        bool uses_reserve; /* may use the reserved disk space: revokes access, or needs no space */
} ChangeKind;

/*
 * A queued write: created by the caller's thread, applied by the engine's thread, then reported and
 * freed by the caller's thread. Only one thread owns it at a time; the engine never reads the
 * callback.
 */
struct StoreChange {
        STAILQ_ENTRY(StoreChange) entry;
        const ChangeKind *kind;
        char *tenancy_id; /* NULL: no tenancy */

        /* The arguments. */
        Link *link; /* to be added; NULL: none */
        char *id;   /* of the authenticator or user to remove, or of the declined authenticator */
        LinkList links; /* to import, or to remove if unchanged */
        bool dry_run;   /* gets a transaction of its own, which is aborted */
        ExchangeIntent intent;
        uint64_t intent_id; /* of the exchange or delete to remove; 0: none */
        bool has_key;
        uint8_t key[IDEMPOTENCY_KEY_LEN];
        IdempotencyRecord answer;
        char *endpoint; /* endpoint of a delete */
        char **ids;     /* authenticator ids of a delete */
        Recovery *recovery;
        bool takes_over; /* the intents of `host`, on `own_host`, if it is away */
        unsigned host, own_host;
        bool is_push_back; /* of what a restored log has lost: must not race with another host */
        size_t limit;      /* maximum of links changed in one transaction; 0: no limit */

        /* Results. */
        int r;
        unsigned n_attempts; /* of a shared store, whose other hosts were first */
        bool newly_linked;
        bool unfinished;       /* another transaction is needed, because of the limit */
        LinkList changed;      /* removed or recovered links */
        size_t n_committed;    /* number of links in `changed` that are committed */
        LinkOutcome *outcomes; /* one for each link to import */
        size_t n_imported;     /* number of links whose import is committed */
        size_t n_outcomes;     /* number of links that have been tried */
        uint64_t made_id;      /* id of the new intent */
        size_t n_left;         /* ambiguous passkeys of crash recovery */

        /* Owned by the caller's thread; NULL callback: no report. */
        uint64_t queued_at_us;
        bool forgotten;
        bool reported;
        union {
                StoreAddFunc add;
                StoreRemoveFunc remove;
                StoreDoneFunc done;
                StoreImportFunc import;
                StoreBeginFunc begin;
                StoreBeginDeleteFunc begin_delete;
                StoreRecoverFunc recover;
        } func;
        void *userdata;
};

/* Returns 0, -ENOMEM, or -EINVAL for an invalid tenancy id. */
int change_new(const char *tenancy_id, const ChangeKind *kind, void *userdata, StoreChange **ret);
StoreChange *change_free(StoreChange *change);
DEFINE_CLEANUP(StoreChange *, change_free);

/* Return 0, -ENOMEM, or -EINVAL for a link that cannot be stored. */
int change_copy_link(const Link *link, Link **ret);
int change_copy_links(const LinkList *list, LinkList *ret);

/* See store_import() and store_remove_unchanged(). */
int change_new_import(const char *tenancy_id, const LinkList *links, bool dry_run,
                      StoreImportFunc func, void *userdata, StoreChange **ret);
int change_new_remove_unchanged(const char *tenancy_id, const LinkList *links, uint64_t delete_id,
                                StoreRemoveFunc func, void *userdata, StoreChange **ret);

/* Hands the change to the engine. `ret` may be NULL. Returns 0. */
int store_queue(Store *store, StoreChange *change, StoreChange **ret);

/* Applies the change and stores its result. May be repeated in another transaction. Returns 0, or a
 * negative errno that aborts the transaction. */
int change_apply(StoreChange *change, Txn *txn);
/* Marks the change as failed; the callback gets r. */
void change_fail(StoreChange *change, int r);
/* The number of links that the change affects, at least 1. */
size_t change_weight(const StoreChange *change);
/* Keeps the progress of a limited change after a commit. */
void change_keep_step(StoreChange *change);
/* Calls the caller's callback. */
void change_report(StoreChange *change);
/* The `report` of changes with a StoreAddFunc. */
void change_report_add(const StoreChange *change);

typedef STAILQ_HEAD(ChangeQueue, StoreChange) ChangeQueue;

/* NULL for an empty queue. */
StoreChange *change_queue_pop(ChangeQueue *queue);
void change_queue_clear(ChangeQueue *queue);
