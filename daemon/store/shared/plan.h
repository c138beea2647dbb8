/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/changes/change.h"
#include "daemon/store/environment/environment.h"
#include "daemon/store/shared/shared-log.h"

/*
 * Turns changes into a batch for the shared log: applies them to the replica in a transaction that
 * is aborted, and takes the keys that they read as conditions, and those that they wrote as writes.
 * A change whose conditions hold has the result that it got here; another one is planned again when
 * the replica has caught up. So a shared store decides as a local one.
 */
typedef struct PlanOptions {
        uint64_t revision; /* of the replica */
        unsigned host;
        uint64_t *first_id; /* the first id that this process has given; set if it is 0 */
        uint64_t *last_id;  /* the last one; updated */
} PlanOptions;

/*
 * Plans changes from the head of the queue, until one depends on an earlier one, or the batch is
 * full, and moves them to `planned`: one for each item of ret->changes. Changes that fail, and
 * dry runs, are moved to `ended`, with their result. At least one change is moved. Returns 0,
 * -EXFULL if the environment must grow, or a negative errno that concerns all changes.
 */
int plan_batch(Environment *environment, const PlanOptions *options, ChangeQueue *queue,
               ChangeQueue *planned, ChangeQueue *ended, LogBatch *ret);

/*
 * Applies a change to the replica alone, in a transaction that the caller commits: the same
 * decision, without the other hosts. Gets its writes and marks in `ret`, as a batch of one change.
 * Returns 0, with the result in the change, or a negative errno that aborts the transaction.
 */
int plan_alone(Txn *txn, const PlanOptions *options, StoreChange *change, LogBatch *ret);
