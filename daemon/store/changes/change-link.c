/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Changes of single links: add, remove, import. */

#include <errno.h>

#include "daemon/model/valid.h"
#include "daemon/store/changes/change.h"
#include "daemon/store/tables/intent-table.h"
#include "daemon/store/tables/link-table.h"
#include "daemon/store/tables/tenancy-table.h"
#include "daemon/store/tables/tombstone-table.h"
#include "dbus/error.h"

static int apply_add(StoreChange *change, Txn *txn)
{
        return link_table_add(txn, change->tenancy_id, change->link, false, &change->newly_linked);
}

void change_report_add(const StoreChange *change)
{
        change->func.add(change->r, change->newly_linked, change->userdata);
}

int store_add(Store *store, const char *tenancy_id, const Link *link, StoreAddFunc func,
              void *userdata, StoreChange **ret)
{
        static const ChangeKind kind = {.apply = apply_add, .report = change_report_add};
        _cleanup_(change_freep) StoreChange *change = NULL;
        int r;

        r = change_new(tenancy_id, &kind, userdata, &change);
        if (r < 0)
                return r;
        change->func.add = func;
        r = change_copy_link(link, &change->link);
        return r < 0 ? r : store_queue(store, TAKE_PTR(change), ret);
}

static int apply_remove(StoreChange *change, Txn *txn)
{
        int outcome, r = 0;

        outcome = link_table_remove(txn, change->tenancy_id, change->id, NULL, &change->changed);
        if (outcome == ERROR_NOT_FOUND)
                r = tombstone_table_add_if_open(txn, change->tenancy_id, TOMBSTONE_AUTHENTICATOR,
                                                change->id);
        return r < 0 ? r : outcome;
}

static int apply_remove_by_user(StoreChange *change, Txn *txn)
{
        int r;

        r = link_table_remove_by_user(txn, change->tenancy_id, change->id, change->limit,
                                      &change->changed, &change->unfinished);
        if (r == 0 && !change->unfinished)
                r = tombstone_table_add_if_open(txn, change->tenancy_id, TOMBSTONE_USER,
                                                change->id);
        return r;
}

/* NOT_FOUND is no error: an earlier step may have removed the link. */
static int apply_remove_unchanged(StoreChange *change, Txn *txn)
{
        size_t n_before = change->changed.n_links;
        int r;

        for (size_t i = 0; i < change->links.n_links; i++) {
                const Link *link = change->links.links[i];

                if (change->limit > 0 && change->changed.n_links - n_before >= change->limit) {
                        change->unfinished = true;
                        return 0;
                }
                r = link_table_remove(txn, change->tenancy_id, link->authenticator_id, link,
                                      &change->changed);
                if (r != 0 && r != ERROR_NOT_FOUND)
                        return r;
        }
        return intent_table_remove(txn, DATABASE_DELETES, change->intent_id);
}

static void report_remove(const StoreChange *change)
{
        change->func.remove(change->r, &change->changed, change->userdata);
}

static int queue_removal(Store *store, const char *tenancy_id, const ChangeKind *kind,
                         const char *id, StoreRemoveFunc func, void *userdata, StoreChange **ret)
{
        _cleanup_(change_freep) StoreChange *change = NULL;
        int r;

        r = change_new(tenancy_id, kind, userdata, &change);
        if (r < 0)
                return r;
        change->func.remove = func;
        change->id = strdup(id);
        return change->id ? store_queue(store, TAKE_PTR(change), ret) : -ENOMEM;
}

int store_remove(Store *store, const char *tenancy_id, const char *authenticator_id,
                 StoreRemoveFunc func, void *userdata, StoreChange **ret)
{
        static const ChangeKind kind = {
                .apply = apply_remove, .report = report_remove, .uses_reserve = true};

        if (!id_is_valid(authenticator_id))
                return -EINVAL;
        return queue_removal(store, tenancy_id, &kind, authenticator_id, func, userdata, ret);
}

int store_remove_by_user(Store *store, const char *tenancy_id, const char *user_id,
                         StoreRemoveFunc func, void *userdata, StoreChange **ret)
{
        static const ChangeKind kind = {
                .apply = apply_remove_by_user, .report = report_remove, .uses_reserve = true};

        if (!user_id_is_valid(user_id))
                return -EINVAL;
        return queue_removal(store, tenancy_id, &kind, user_id, func, userdata, ret);
}

int change_new_remove_unchanged(const char *tenancy_id, const LinkList *links, uint64_t delete_id,
                                StoreRemoveFunc func, void *userdata, StoreChange **ret)
{
        static const ChangeKind kind = {
                .apply = apply_remove_unchanged, .report = report_remove, .uses_reserve = true};
        _cleanup_(change_freep) StoreChange *change = NULL;
        int r;

        r = change_new(tenancy_id, &kind, userdata, &change);
        if (r < 0)
                return r;
        change->func.remove = func;
        change->intent_id = delete_id;
        r = change_copy_links(links, &change->links);
        if (r == 0)
                *ret = TAKE_PTR(change);
        return r;
}

int store_remove_unchanged(Store *store, const char *tenancy_id, const LinkList *links,
                           uint64_t delete_id, StoreRemoveFunc func, void *userdata,
                           StoreChange **ret)
{
        StoreChange *change;
        int r;

        r = change_new_remove_unchanged(tenancy_id, links, delete_id, func, userdata, &change);
        return r < 0 ? r : store_queue(store, change, ret);
}

static int import_one(Txn *txn, TenancyRecord *tenancy, const Link *link, LinkOutcome *ret)
{
        bool newly_linked;
        int r;

        r = link_table_add_in(txn, tenancy, link, true, &newly_linked);
        if (r < 0)
                return r;
        if (r == ERROR_LINK_CONFLICT)
                *ret = LINK_CONFLICTING;
        else if (r == ERROR_LIMITS_EXCEEDED)
                *ret = LINK_EXCEEDING;
        else
                *ret = newly_linked ? LINK_ADDED : LINK_PRESENT;
        return 0;
}

/* The count of the tenancy's links is written once. */
static int import_links(StoreChange *change, Txn *txn, size_t end)
{
        TenancyRecord tenancy;
        uint64_t n_before;
        int r;

        r = tenancy_table_get_or_new(txn, change->tenancy_id, &tenancy);
        if (r < 0)
                return r;
        n_before = tenancy.n_links;
        for (size_t i = change->n_imported; r == 0 && i < end; i++)
                r = import_one(txn, &tenancy, change->links.links[i], &change->outcomes[i]);
        if (r == 0 && tenancy.n_links > n_before)
                r = tenancy_table_put(txn, change->tenancy_id, &tenancy);
        return r;
}

static int apply_import(StoreChange *change, Txn *txn)
{
        size_t end = change->links.n_links;

        if (change->limit > 0 && end - change->n_imported > change->limit)
                end = change->n_imported + change->limit;
        change->n_outcomes = end;
        change->unfinished = end < change->links.n_links;
        return import_links(change, txn, end);
}

static void report_import(const StoreChange *change)
{
        change->func.import(change->r, &change->links, change->outcomes, change->userdata);
}

int change_new_import(const char *tenancy_id, const LinkList *links, bool dry_run,
                      StoreImportFunc func, void *userdata, StoreChange **ret)
{
        static const ChangeKind kind = {.apply = apply_import, .report = report_import};
        _cleanup_(change_freep) StoreChange *change = NULL;
        int r;

        if (links->n_links > STORE_IMPORT_MAX)
                return -EINVAL;
        r = change_new(tenancy_id, &kind, userdata, &change);
        if (r < 0)
                return r;
        change->dry_run = dry_run;
        change->func.import = func;
        change->outcomes = calloc(links->n_links + 1, sizeof(LinkOutcome));
        if (!change->outcomes)
                return -ENOMEM;
        r = change_copy_links(links, &change->links);
        if (r == 0)
                *ret = TAKE_PTR(change);
        return r;
}

int store_import(Store *store, const char *tenancy_id, const LinkList *links, bool dry_run,
                 StoreImportFunc func, void *userdata, StoreChange **ret)
{
        StoreChange *change;
        int r;

        r = change_new_import(tenancy_id, links, dry_run, func, userdata, &change);
        return r < 0 ? r : store_queue(store, change, ret);
}
