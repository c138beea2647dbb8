/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/store/store.h"
#include "daemon/store/txn.h"

/*
 * A change on its way: made by the caller's thread, applied and given its outcome by the writer,
 * reported and freed by the caller's thread again. One thread has it at a time, but for whom it is
 * reported to: that the writer never looks at.
 */
typedef struct ChangeQueue {
        StoreChange *first;
        StoreChange *last;
} ChangeQueue;

/* Copy what they are given. Return 0, -ENOMEM, or -EINVAL for an argument that is not valid. */
int change_new_add(const char *tenancy_id, const Link *link, StoreAddFunc func, void *userdata,
                   StoreChange **ret);
int change_new_remove(const char *tenancy_id, const char *authenticator_id, StoreRemoveFunc func,
                      void *userdata, StoreChange **ret);
int change_new_remove_by_user(const char *tenancy_id, const char *user_id, StoreRemoveFunc func,
                              void *userdata, StoreChange **ret);
int change_new_remove_unchanged(const char *tenancy_id, const LinkList *links, uint64_t delete_id,
                                StoreRemoveFunc func, void *userdata, StoreChange **ret);
int change_new_import(const char *tenancy_id, const LinkList *links, bool dry_run,
                      StoreImportFunc func, void *userdata, StoreChange **ret);
int change_new_begin_exchange(const char *tenancy_id, const ExchangeIntent *intent,
                              StoreBeginFunc func, void *userdata, StoreChange **ret);
int change_new_exchange(const char *tenancy_id, const ExchangeOutcome *outcome, StoreAddFunc func,
                        void *userdata, StoreChange **ret);
/* Takes the recovery over, also when it fails. */
int change_new_recover(const char *tenancy_id, Recovery *recovery, StoreRecoverFunc func,
                       void *userdata, StoreChange **ret);
int change_new_begin_delete(const char *tenancy_id, const StoreDelete *request,
                            StoreBeginDeleteFunc func, void *userdata, StoreChange **ret);
int change_new_barrier(StoreDoneFunc func, void *userdata, StoreChange **ret);
StoreChange *change_free(StoreChange *change);
DEFINE_CLEANUP(StoreChange *, change_free);

/* Applies it, and keeps how that ended. It may be applied again in another transaction. Returns 0,
 * or a negative errno if the transaction has to be aborted. */
int change_apply(StoreChange *change, Txn *txn);
/* It did not come to be: r is what its function is given. */
void change_fail(StoreChange *change, int r);
/* How many links it was about. */
size_t change_weight(const StoreChange *change);
/* It is applied to learn what would be: the transaction is its own, and aborted. */
bool change_is_dry_run(const StoreChange *change);
/* Whether it may use the reserve of disk space. */
bool change_uses_reserve(const StoreChange *change);
/* From here on a transaction removes no more than so many links. Once it is committed,
 * change_keep_step() says so, and change_is_unfinished() whether another one is needed. */
void change_limit(StoreChange *change, size_t n_links);
void change_keep_step(StoreChange *change);
bool change_is_unfinished(const StoreChange *change);
/* Calls the function of whoever asked for the change. */
void change_report(StoreChange *change);
void change_forget(StoreChange *change);

void change_queue_push(ChangeQueue *queue, StoreChange *change);
/* NULL if it is empty. */
StoreChange *change_queue_pop(ChangeQueue *queue);
StoreChange *change_next(const StoreChange *change);
/* Moves all that is in `from` to the end of `queue`. */
void change_queue_join(ChangeQueue *queue, ChangeQueue *from);
void change_queue_clear(ChangeQueue *queue);
