/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/metrics/report.h"
#include "daemon/model/intent.h"
#include "daemon/model/recovery.h"

/*
 * The link store in LMDB, keyed by tenancy id: links in both directions, idempotency records of
 * exchanges, and write-ahead intents of calls in flight.
 *
 * Reads are synchronous, from the memory map. Writes are queued for a writer thread, which commits
 * all waiting changes in one transaction (group commit) and reports them after fsync. The owner of
 * the event loop polls store_get_fd() and calls store_dispatch(). Single-threaded apart from the
 * internal writer.
 *
 * r is 0, a negative errno (programming error, out of memory), STORE_FULL (disk or quota),
 * STORE_FAILED, or an Error that the function names. After STORE_FULL and STORE_FAILED,
 * acknowledged changes are kept and later changes retry. Reserved disk space lets changes that
 * revoke access succeed where others get STORE_FULL.
 */
typedef struct Store Store;
typedef struct StoreChange StoreChange;

#define STORE_LIST_LIMIT_MAX 1000U

/*
 * Opens or creates the store in a directory. Logs a failure: -EMEDIUMTYPE for another schema
 * version or a foreign file, which is left unchanged; -EBUSY if the store is open, here or in
 * another process; or another negative errno.
 */
int store_open(const char *directory, Store **ret);
/* Like store_open(), but fails only with -EBUSY or -ENOMEM. A store that cannot be opened now fails
 * reads and changes; each change retries to open it. */
int store_open_later(const char *directory, Store **ret);
/* Whether other hosts use the store as well. */
bool store_is_shared(const Store *store);
/* 0, or the negative errno that keeps the store closed. */
int store_error(Store *store);
/* Whether the reserve is allocated; without it only removals are accepted. */
bool store_has_reserve(Store *store);
void store_report(Store *store, MetricsReport *report);
/* Commits queued changes without a report, and closes. Returns NULL. */
Store *store_free(Store *store);
DEFINE_CLEANUP(Store *, store_free);

/* Readable when store_dispatch() has results. */
int store_get_fd(Store *store);
/* Reports the next completed change, in the order of the requests. The callback may use the store
 * but not free it. Returns whether there was a change. Call it until it returns false: the
 * descriptor does not signal the remaining results again. */
bool store_dispatch(Store *store);

/* Releases memory that large changes have left, soon, in the writer thread. */
void store_release_memory(Store *store);

/* Reads. NOT_FOUND for a missing link; an empty list is no error. Results are owned by the caller.
 */
int store_get_link(Store *store, const char *tenancy_id, const char *authenticator_id, Link **ret);
int store_list_by_user(Store *store, const char *tenancy_id, const char *user_id, LinkList *ret);
/*
 * A host that shares the store must not say "not linked" while its replica is behind: these confirm
 * that there is no link of an authenticator, or of a user. The function runs when the replica has
 * all changes that were acknowledged before the call: read again. It also runs if that is not known
 * after STORE_CONFIRM_MS at most; the owner gives up by then. Return whether the function will run.
 * They return false if nothing has to be confirmed, or nothing can be.
 */
typedef struct StoreConfirmation StoreConfirmation;
typedef void (*StoreConfirmFunc)(void *userdata);
#define STORE_CONFIRM_MS 200U
bool store_confirm_no_link(Store *store, const char *tenancy_id, const char *authenticator_id,
                           StoreConfirmFunc func, void *userdata, StoreConfirmation **ret);
bool store_confirm_no_links_of_user(Store *store, const char *tenancy_id, const char *user_id,
                                    StoreConfirmFunc func, void *userdata, StoreConfirmation **ret);
/* The function will not run. NULL is fine. Return NULL. */
StoreConfirmation *store_confirmation_cancel(StoreConfirmation *confirmation);
/* Also counts the miss as unconfirmed. */
StoreConfirmation *store_confirmation_give_up(StoreConfirmation *confirmation);
/* How many misses could not be confirmed. */
uint64_t store_n_unconfirmed(Store *store);

/* `cursor`: NULL for the first page, then the previous *ret_next_cursor, which is NULL after the
 * last page. INVALID_ARGS for a malformed cursor. `limit` is capped to STORE_LIST_LIMIT_MAX; 0
 * means that maximum. The page ends as well with the link that reaches `max_bytes`, counted as on
 * the bus. */
int store_list(Store *store, const char *tenancy_id, const char *cursor, size_t limit,
               size_t max_bytes, LinkList *ret, char **ret_next_cursor);
/* Lists the ids of all tenancies that have, or had, links; NULL: none. */
int store_list_tenancies(Store *store, char ***ret);
int store_count(Store *store, const char *tenancy_id, uint64_t *ret);
/* Lifetime of an idempotency record, counted while the store is open, independent of clock changes.
 */
#define STORE_IDEMPOTENCY_TTL_MS (15U * 60U * 1000U)
/* NOT_FOUND for a missing or expired record. */
int store_get_idempotency_record(Store *store, const uint8_t key[static IDEMPOTENCY_KEY_LEN],
                                 IdempotencyRecord *ret);

/*
 * Changes, committed in the order of the calls. Arguments are copied. The callback runs once, from
 * store_dispatch(), unless store_change_forget() comes first; the change is committed anyway. *ret
 * is valid until then; `ret` may be NULL.
 */

/* r may be LINK_CONFLICT or LIMITS_EXCEEDED (the user has LINKS_PER_USER_MAX). */
typedef void (*StoreAddFunc)(int r, bool newly_linked, void *userdata);
int store_add(Store *store, const char *tenancy_id, const Link *link, StoreAddFunc func,
              void *userdata, StoreChange **ret);

/* Stores the write-ahead intent of an exchange, before the API call. `intent->id` is ignored; `id`
 * is the new id. */
typedef void (*StoreBeginFunc)(int r, uint64_t id, void *userdata);
int store_begin_exchange(Store *store, const char *tenancy_id, const ExchangeIntent *intent,
                         StoreBeginFunc func, void *userdata, StoreChange **ret);

typedef struct ExchangeOutcome {
        uint64_t intent_id;      /* 0: none */
        const Link *link;        /* to add; NULL: none */
        const char *declined_id; /* authenticator that must not be linked; NULL: none */
        const uint8_t *key;      /* idempotency key; NULL: no record is kept */
        const IdempotencyRecord *answer;
} ExchangeOutcome;

/*
 * Commits the result of an exchange in one transaction: adds the link, or updates last_used_at_ms
 * of an existing link to the given created_at_ms; stores the idempotency record, with the actual
 * linked and newly_linked, or with LINK_CONFLICT or LIMITS_EXCEEDED, which r returns as well; adds
 * a tombstone for `declined_id`; and removes the intent. An exchange with an intent, or no link,
 * may use the reserve.
 */
int store_commit_exchange(Store *store, const char *tenancy_id, const ExchangeOutcome *outcome,
                          StoreAddFunc func, void *userdata, StoreChange **ret);

/* Lists open intents of exchanges of earlier processes. */
int store_list_exchanges(Store *store, const char *tenancy_id, ExchangeIntentList *ret);

/* Whether another host has an open exchange with this key. */
int store_has_exchange_elsewhere(Store *store, const char *tenancy_id,
                                 const uint8_t key[static IDEMPOTENCY_KEY_LEN], bool *ret);

/*
 * Crash recovery: adds the links that recovery_assign() assigns, removes the intents of all claims,
 * and stores INTERRUPTED as their idempotency records. Takes ownership of the recovery, also on
 * failure; the callback is lent it and the added links. `n_left` counts ambiguous passkeys.
 */
typedef void (*StoreRecoverFunc)(int r, const Recovery *recovery, const LinkList *added,
                                 size_t n_left, void *userdata);
int store_recover(Store *store, const char *tenancy_id, Recovery *recovery, StoreRecoverFunc func,
                  void *userdata, StoreChange **ret);

/* Removals. `removed` is lent and may be non-empty with r != 0 after a partial removal. r is
 * NOT_FOUND for a missing link; removing all links of a user without links is 0. */
typedef void (*StoreRemoveFunc)(int r, const LinkList *removed, void *userdata);
int store_remove(Store *store, const char *tenancy_id, const char *authenticator_id,
                 StoreRemoveFunc func, void *userdata, StoreChange **ret);
int store_remove_by_user(Store *store, const char *tenancy_id, const char *user_id,
                         StoreRemoveFunc func, void *userdata, StoreChange **ret);
/* Removes the links that are unchanged since they were read. Also removes the intent of a delete;
 * 0: none. */
int store_remove_unchanged(Store *store, const char *tenancy_id, const LinkList *links,
                           uint64_t delete_id, StoreRemoveFunc func, void *userdata,
                           StoreChange **ret);

/*
 * Stores the write-ahead intent of a delete, before the API call, and lists the links that the
 * delete removes; `id` is 0 if there are none. From then on, crash recovery does not link these
 * passkeys, nor passkeys of the user that were used before. `links` is lent.
 */
typedef struct StoreDelete {
        const char *endpoint;           /* of the API that gets the delete */
        char *const *authenticator_ids; /* the passkeys to delete; NULL: all of `user_id` */
        const char *user_id; /* the user whose passkeys to delete; NULL: `authenticator_ids` */
} StoreDelete;
typedef void (*StoreBeginDeleteFunc)(int r, uint64_t id, const LinkList *links, void *userdata);
int store_begin_delete(Store *store, const char *tenancy_id, const StoreDelete *request,
                       StoreBeginDeleteFunc func, void *userdata, StoreChange **ret);
/* Lists open intents of deletes of earlier processes. */
int store_list_deletes(Store *store, const char *tenancy_id, DeleteIntentList *ret);

/* Whether a host of a shared store has open intents. */
int store_has_intents_of_host(Store *store, const char *tenancy_id, unsigned host, bool *ret);

/*
 * Imports links with their times in one transaction, all or none. An existing link is merged: the
 * earlier creation, the later use, a missing platform name. A conflicting link, or one over the
 * user's limit, is skipped. A dry run changes nothing. `links` and `outcomes` (one per link, valid
 * if r is 0) are lent. -EINVAL for more than STORE_IMPORT_MAX links or an invalid one.
 */
#define STORE_IMPORT_MAX 1000U
typedef void (*StoreImportFunc)(int r, const LinkList *links, const LinkOutcome *outcomes,
                                void *userdata);
int store_import(Store *store, const char *tenancy_id, const LinkList *links, bool dry_run,
                 StoreImportFunc func, void *userdata, StoreChange **ret);

typedef void (*StoreDoneFunc)(int r, void *userdata);
/* Changes nothing; its callback runs after those of all earlier changes. */
int store_barrier(Store *store, StoreDoneFunc func, void *userdata, StoreChange **ret);

/* Takes over the open intents of a host that is away: they are listed as those of earlier processes
 * of this host. STORE_FAILED if that host is back, or another one was first. */
int store_take_over(Store *store, const char *tenancy_id, unsigned host, StoreDoneFunc func,
                    void *userdata, StoreChange **ret);

/* Cancels the callback, not the change. NULL is fine. Returns NULL. */
StoreChange *store_change_forget(StoreChange *change);
