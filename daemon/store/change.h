/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "daemon/store/store.h"
#include "daemon/store/txn.h"

/*
 * A queued write: created by the caller's thread, applied by the writer thread, then reported and
 * freed by the caller's thread. Only one thread owns it at a time; the writer never reads the
 * callback.
 */
typedef STAILQ_HEAD(ChangeQueue, StoreChange) ChangeQueue;

/* All copy their arguments. Return 0, -ENOMEM, or -EINVAL for an invalid argument. */
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
/* Takes ownership of the recovery, also on failure. */
int change_new_recover(const char *tenancy_id, Recovery *recovery, StoreRecoverFunc func,
                       void *userdata, StoreChange **ret);
int change_new_begin_delete(const char *tenancy_id, const StoreDelete *request,
                            StoreBeginDeleteFunc func, void *userdata, StoreChange **ret);
int change_new_barrier(StoreDoneFunc func, void *userdata, StoreChange **ret);
StoreChange *change_free(StoreChange *change);
DEFINE_CLEANUP(StoreChange *, change_free);

/* Applies the change and stores its result. May be repeated in another transaction. Returns 0, or a
 * negative errno that aborts the transaction. */
int change_apply(StoreChange *change, Txn *txn);
/* Marks the change as failed; the callback gets r. */
void change_fail(StoreChange *change, int r);
/* The number of links changed, at least 1. */
size_t change_weight(const StoreChange *change);
/* A dry run: gets a transaction of its own, which is aborted. */
bool change_is_dry_run(const StoreChange *change);
/* Whether the change may use the reserved disk space. */
bool change_uses_reserve(const StoreChange *change);
/* Limits the links removed per transaction, 0 for no limit. After each commit, change_keep_step()
 * keeps the progress, and change_is_unfinished() tells whether another transaction is needed. */
void change_limit(StoreChange *change, size_t n_links);
void change_keep_step(StoreChange *change);
bool change_is_unfinished(const StoreChange *change);
/* Calls the caller's callback. */
void change_report(StoreChange *change);
void change_forget(StoreChange *change);

void change_queue_init(ChangeQueue *queue);
void change_queue_push(ChangeQueue *queue, StoreChange *change);
/* NULL for an empty queue. */
StoreChange *change_queue_pop(ChangeQueue *queue);
StoreChange *change_queue_first(const ChangeQueue *queue);
/* NULL after the last one. */
StoreChange *change_next(const StoreChange *change);
/* Moves all changes of `from` to the end of `queue`. */
void change_queue_join(ChangeQueue *queue, ChangeQueue *from);
void change_queue_clear(ChangeQueue *queue);
