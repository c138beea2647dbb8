/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/changes/change.h"
#include "daemon/store/environment/environment.h"
#include "daemon/store/shared/plan.h"

/*
 * The outbox of a replica: changes that were made on this host alone, while the shared log could
 * not be reached, until the log has them. Each lies in the transaction that made it.
 */

/* Makes the changes of the queue in one transaction, and puts them into the outbox. Returns 0, with
 * the result in each change, or a negative errno: none was made. */
int outbox_make(Environment *environment, const PlanOptions *options, ChangeQueue *queue);

int outbox_count(Environment *environment, uint64_t *ret);

/* Counts of a scan of the outbox. */
typedef struct OutboxScan {
        const uint64_t *exchanges; /* ids of open exchanges */
        size_t n_exchanges;
        bool *found;    /* of each, whether the outbox has it; zeroed by the caller */
        size_t n_links; /* added or used */
} OutboxScan;

/* Returns 0 or a negative errno. */
int outbox_scan(Txn *txn, OutboxScan *scan);

/* The oldest entries, as a batch. */
typedef struct OutboxBatch {
        uint64_t ids[LOG_BATCH_MAX]; /* of each change */
        LogBatch batch;
} OutboxBatch;

/* Empty if there are none. Returns 0 or a negative errno. */
int outbox_collect(Environment *environment, OutboxBatch *ret);

typedef struct OutboxSettled {
        bool has_changed; /* an entry is gone, or has fewer writes */
        size_t n_lost;    /* links that are another user's now */
} OutboxSettled;

/*
 * The log has a batch, and the replica has reached its revision. Removes the entries that were
 * made. From the others, drops what another host has decided meanwhile. Returns 0 or a negative
 * errno.
 */
int outbox_settle(Environment *environment, const uint64_t *ids, const bool *done, size_t n,
                  OutboxSettled *ret);

/* Copies the entries to a snapshot that will replace the replica, with their links. Returns 0 or a
 * negative errno. */
int outbox_copy(Environment *from, Environment *to);
