/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/model/intent.h"
#include "daemon/model/recovery.h"

/*
 * The links of this host, in LMDB, keyed by tenancy id: authenticator -> user and the reverse, the
 * answers that are kept for repeats, and the intents of calls in flight.
 *
 * Reads are answered at once from the map. Changes are queued for a writer thread, which commits
 * all that wait in one transaction and reports back once that is on disk: the event loop never
 * waits for an fsync. Whoever owns the loop polls store_get_fd() and calls store_dispatch().
 * Everything here is called from one thread; the writer is the store's own business.
 *
 * r is 0, a negative errno (programming error, no memory), or STORE_FULL (disk or quota),
 * STORE_FAILED and what the function names. After STORE_FULL and STORE_FAILED what was
 * acknowledged before is still there, and later changes are tried anew. There is a reserve of disk
 * space for changes that take access away: they come through where others are STORE_FULL.
 */
typedef struct Store Store;
typedef struct StoreChange StoreChange;

#define STORE_LIST_LIMIT_MAX 1000U

/*
 * Opens or creates the store in a directory. Logs why it fails: a schema of another version, or
 * a file that is no store, is refused with -EMEDIUMTYPE and not touched. -EBUSY if it is open, here
 * or in another process.
 */
int store_open(const char *directory, Store **ret);
/* The same for a daemon that can do something without links: a store that cannot be opened yet
 * fails all reads and changes, and each change tries again to open it. -EBUSY or -ENOMEM. */
int store_open_later(const char *directory, Store **ret);
/* 0, or the negative errno that says why the store is not open. */
int store_error(Store *store);
/* Whether disk space is allocated for removals; without it nothing but removals is accepted. */
bool store_has_reserve(Store *store);
/* Commits what is queued, without reporting it, and closes. Returns NULL. */
Store *store_free(Store *store);
DEFINE_CLEANUP(Store *, store_free);

/* Readable when store_dispatch() has something to report. */
int store_get_fd(Store *store);
/* Runs the function of the next change that has ended, in the order in which they were asked for.
 * It may do anything with the store but free it. Returns whether there was one: until there is
 * none, the descriptor does not tell of those that are left. */
bool store_dispatch(Store *store);

/* Reads. NOT_FOUND where nothing is linked; an empty list is no error. Results are the caller's. */
int store_get_link(Store *store, const char *tenancy_id, const char *authenticator_id, Link **ret);
int store_list_by_user(Store *store, const char *tenancy_id, const char *user_id, LinkList *ret);
/* `cursor`: NULL at first, then the last page's. *ret_next_cursor is NULL after the last page.
 * INVALID_ARGS for a cursor that is none. No more than STORE_LIST_LIMIT_MAX at a time, whatever
 * `limit` is; 0 asks for so many. */
int store_list(Store *store, const char *tenancy_id, const char *cursor, size_t limit,
               LinkList *ret, char **ret_next_cursor);
int store_count(Store *store, const char *tenancy_id, uint64_t *ret);
/* Answers are kept for so long while the store is open, whatever becomes of the clock. */
#define STORE_IDEMPOTENCY_TTL_MS (15U * 60U * 1000U)
/* NOT_FOUND if there is none, or it has expired. */
int store_get_idempotency_record(Store *store, const uint8_t key[static IDEMPOTENCY_KEY_LEN],
                                 IdempotencyRecord *ret);

/*
 * Changes, made in the order of the calls. Arguments are copied before these return. The function
 * runs once, from store_dispatch(), unless store_change_forget() comes first: the change is made
 * all the same. *ret is good until then, and `ret` NULL where nobody wants it.
 */

/* r may be LINK_CONFLICT or LIMITS_EXCEEDED (the user has LINKS_PER_USER_MAX). */
typedef void (*StoreAddFunc)(int r, bool newly_linked, void *userdata);
int store_add(Store *store, const char *tenancy_id, const Link *link, StoreAddFunc func,
              void *userdata, StoreChange **ret);

/* Puts the intent of an exchange on disk, before the API is asked. Its id is ignored; `id` is the
 * one it has been given. */
typedef void (*StoreBeginFunc)(int r, uint64_t id, void *userdata);
int store_begin_exchange(Store *store, const char *tenancy_id, const ExchangeIntent *intent,
                         StoreBeginFunc func, void *userdata, StoreChange **ret);

typedef struct ExchangeOutcome {
        uint64_t intent_id;      /* 0: there is none */
        const Link *link;        /* to be made; NULL: none */
        const char *declined_id; /* an authenticator that is not to be linked; NULL: none */
        const uint8_t *key;      /* to keep the answer under; NULL: it is not kept */
        const IdempotencyRecord *answer;
} ExchangeOutcome;

/*
 * What an exchange comes to, in one transaction. Adds the link or, where it is there already, sets
 * its last_used_at_ms to the given link's created_at_ms. Keeps the answer, with linked and
 * newly_linked as they turned out, or with LINK_CONFLICT or LIMITS_EXCEEDED if that is what adding
 * came to; without a link it is kept as it is given. r is that same outcome. Removes the intent.
 * Crash recovery does not link what was declined. An exchange that has an intent may use the
 * reserve of disk space.
 */
int store_commit_exchange(Store *store, const char *tenancy_id, const ExchangeOutcome *outcome,
                          StoreAddFunc func, void *userdata, StoreChange **ret);

/* The intents of exchanges that an earlier process left behind. */
int store_list_exchanges(Store *store, const char *tenancy_id, ExchangeIntentList *ret);

/*
 * Settles them: makes the links that they can have meant, see recovery_match(), removes the intents
 * of all claims, and keeps INTERRUPTED as the answer of those that have a key. Takes the recovery
 * over, also when it fails. The function is lent it back, and the links that were added; `n_left`
 * is how many more passkeys could have been meant.
 */
typedef void (*StoreRecoverFunc)(int r, const Recovery *recovery, const LinkList *added,
                                 size_t n_left, void *userdata);
int store_recover(Store *store, const char *tenancy_id, Recovery *recovery, StoreRecoverFunc func,
                  void *userdata, StoreChange **ret);

/*
 * Removals take access away. `removed` is what went, lent: it may be there with r != 0, if only a
 * part could be removed. r is NOT_FOUND if the authenticator is not linked; removing all of a user
 * that has none is 0 with an empty list.
 */
typedef void (*StoreRemoveFunc)(int r, const LinkList *removed, void *userdata);
int store_remove(Store *store, const char *tenancy_id, const char *authenticator_id,
                 StoreRemoveFunc func, void *userdata, StoreChange **ret);
int store_remove_by_user(Store *store, const char *tenancy_id, const char *user_id,
                         StoreRemoveFunc func, void *userdata, StoreChange **ret);
/* Those of the links that are still the same: one that was made since, to whichever user, stays.
 * Removes the intent of a delete as well; 0: there is none. */
int store_remove_same(Store *store, const char *tenancy_id, const LinkList *links,
                      uint64_t delete_id, StoreRemoveFunc func, void *userdata, StoreChange **ret);

/* Puts the intent of a delete on disk, before the API is asked. */
int store_begin_delete(Store *store, const char *tenancy_id, char *const *authenticator_ids,
                       StoreBeginFunc func, void *userdata, StoreChange **ret);
/* The intents of deletes that an earlier process left behind. */
int store_list_deletes(Store *store, const char *tenancy_id, DeleteIntentList *ret);

/*
 * Adds links as they are, times and all, in one transaction: all of them are on disk, or none is.
 * A link that is there already learns what it did not know: an earlier creation, a later use, a
 * platform's name. One that conflicts, or that is too many for its user, is left out. In a dry run
 * nothing of this comes to be. `links` and `outcomes`, one for each of them, are lent; the outcomes
 * are good with r == 0 only. -EINVAL for more than STORE_IMPORT_MAX, or for one that is not valid.
 */
#define STORE_IMPORT_MAX 1000U
typedef void (*StoreImportFunc)(int r, const LinkList *links, const LinkOutcome *outcomes,
                                void *userdata);
int store_import(Store *store, const char *tenancy_id, const LinkList *links, bool dry_run,
                 StoreImportFunc func, void *userdata, StoreChange **ret);

typedef void (*StoreDoneFunc)(int r, void *userdata);
/* Changes nothing; its function runs after those of all changes that were asked for before. */
int store_barrier(Store *store, StoreDoneFunc func, void *userdata, StoreChange **ret);

/* The function will not run. NULL is fine. Returns NULL. */
StoreChange *store_change_forget(StoreChange *change);
