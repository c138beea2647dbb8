/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/model/valid.h"
#include "daemon/store/changes/change.h"

int change_new(const char *tenancy_id, const ChangeKind *kind, void *userdata, StoreChange **ret)
{
        _cleanup_(change_freep) StoreChange *change = NULL;

        if (!tenancy_id_is_valid(tenancy_id))
                return -EINVAL;
        change = calloc(1, sizeof(StoreChange));
        if (!change)
                return -ENOMEM;
        change->kind = kind;
        change->userdata = userdata;
        change->tenancy_id = strdup(tenancy_id);
        if (!change->tenancy_id)
                return -ENOMEM;
        *ret = TAKE_PTR(change);
        return 0;
}

int change_copy_link(const Link *link, Link **ret)
{
        Link *copy;
        int r;

        if (!id_is_valid(link->authenticator_id) || !user_id_is_valid(link->user_id) ||
            (link->platform_name && strlen(link->platform_name) > UINT16_MAX))
                return -EINVAL;
        r = link_new(link->authenticator_id, link->user_id, link->platform_name,
                     link->created_at_ms, link->last_used_at_ms, &copy);
        if (r < 0)
                return r;
        copy->id = link->id;
        *ret = copy;
        return 0;
}

int change_copy_links(const LinkList *list, LinkList *ret)
{
        _cleanup_(link_list_clear) LinkList copy = {};
        int r = 0;

        for (size_t i = 0; r == 0 && i < list->n_links; i++) {
                Link *link;

                r = change_copy_link(list->links[i], &link);
                if (r == 0)
                        r = link_list_push(&copy, link);
        }
        if (r < 0)
                return r;
        *ret = TAKE(copy, (LinkList){});
        return 0;
}

static int apply_barrier(StoreChange *change _unused_, Txn *txn _unused_)
{
        return 0;
}

static void report_done(const StoreChange *change)
{
        change->func.done(change->r, change->userdata);
}

int store_barrier(Store *store, StoreDoneFunc func, void *userdata, StoreChange **ret)
{
        static const ChangeKind kind = {
                .apply = apply_barrier, .report = report_done, .uses_reserve = true};
        StoreChange *change = calloc(1, sizeof(StoreChange));

        if (!change)
                return -ENOMEM;
        change->kind = &kind;
        change->func.done = func;
        change->userdata = userdata;
        return store_queue(store, change, ret);
}

StoreChange *change_free(StoreChange *change)
{
        if (!change)
                return NULL;
        link_list_clear(&change->changed);
        link_list_clear(&change->links);
        free(change->outcomes);
        exchange_intent_clear(&change->intent);
        idempotency_record_clear(&change->answer);
        recovery_free(change->recovery);
        free(change->endpoint);
        strv_free(change->ids);
        link_free(change->link);
        free(change->id);
        free(change->tenancy_id);
        free(change);
        return NULL;
}

int change_apply(StoreChange *change, Txn *txn)
{
        assert(!change->reported);
        change_fail(change, 0);
        change->r = change->kind->apply(change, txn);
        return change->r < 0 ? change->r : 0;
}

void change_fail(StoreChange *change, int r)
{
        change->r = r;
        change->newly_linked = false;
        change->unfinished = false;
        change->n_left = 0;
        link_list_truncate(&change->changed, change->n_committed);
}

size_t change_weight(const StoreChange *change)
{
        size_t weight = change->changed.n_links + change->links.n_links;

        return weight > 0 ? weight : 1;
}

void change_keep_step(StoreChange *change)
{
        assert(change->changed.n_links >= change->n_committed);
        change->n_committed = change->changed.n_links;
        change->n_imported = change->n_outcomes;
}

void change_report(StoreChange *change)
{
        assert(!change->reported);
        change->reported = true;
        if (!change->forgotten && change->func.done)
                change->kind->report(change);
}

StoreChange *store_change_forget(StoreChange *change)
{
        if (change)
                change->forgotten = true;
        return NULL;
}

StoreChange *change_queue_pop(ChangeQueue *queue)
{
        StoreChange *change = STAILQ_FIRST(queue);

        if (change)
                STAILQ_REMOVE_HEAD(queue, entry);
        return change;
}

void change_queue_clear(ChangeQueue *queue)
{
        StoreChange *change;

        while ((change = change_queue_pop(queue)))
                change_free(change);
}
