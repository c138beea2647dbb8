/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/model/valid.h"
#include "daemon/store/answer-table.h"
#include "daemon/store/change.h"
#include "daemon/store/link-table.h"
#include "daemon/store/tenancy-table.h"
#include "dbus/error.h"

struct StoreChange {
        StoreChange *next;

        /* What is to be done. */
        int (*apply)(StoreChange *change, Txn *txn);
        char *tenancy_id; /* NULL: it is about none */
        Link *link;       /* to be added; NULL: none */
        char *id;         /* of the authenticator or the user to be removed */
        bool has_answer;
        uint8_t key[ANSWER_KEY_LEN];
        Answer answer;
        uint64_t now_ms;
        uint64_t since_ms; /* the mark to set */
        LinkList imported; /* links to be */
        bool dry_run;

        /* How it ended. */
        int r;
        bool newly_linked;
        LinkList removed;
        LinkOutcome *outcomes; /* of each link to be imported */

        /* Whom to tell: the caller's thread's own. */
        StoreAddFunc add_func;
        StoreRemoveFunc remove_func;
        StoreDoneFunc done_func;
        StoreImportFunc import_func;
        void *userdata;
};

static int apply_add(StoreChange *change, Txn *txn)
{
        return link_table_add(txn, change->tenancy_id, change->link, &change->newly_linked);
}

static int apply_remove(StoreChange *change, Txn *txn)
{
        return link_table_remove(txn, change->tenancy_id, change->id, &change->removed);
}

static int apply_remove_by_user(StoreChange *change, Txn *txn)
{
        return link_table_remove_by_user(txn, change->tenancy_id, change->id, &change->removed);
}

/* Adds the link of an exchange, or notes that it has been used. */
static int apply_use(StoreChange *change, Txn *txn)
{
        int r;

        r = apply_add(change, txn);
        if (r == 0 && !change->newly_linked)
                r = link_table_touch(txn, change->tenancy_id, change->link->authenticator_id,
                                     change->link->created_at_ms);
        return r;
}

static int apply_exchange(StoreChange *change, Txn *txn)
{
        Answer kept = change->answer; /* lent */
        int outcome = 0, r;

        r = answer_table_prune(txn, change->now_ms);
        if (r < 0)
                return r;
        if (change->link) {
                outcome = apply_use(change, txn);
                if (outcome < 0)
                        return outcome;
                kept.linked = true;
                kept.newly_linked = change->newly_linked;
        }
        if (!change->has_answer)
                return outcome;

        if (outcome > 0)
                kept = (Answer){.error = outcome, .expires_at_ms = kept.expires_at_ms};
        r = answer_table_put(txn, change->key, &kept);
        return r < 0 ? r : outcome;
}

static int apply_mark(StoreChange *change, Txn *txn)
{
        Tenancy tenancy;
        int r;

        r = tenancy_table_get_or_new(txn, change->tenancy_id, &tenancy);
        if (r < 0)
                return r;
        tenancy.unsettled_since_ms = change->since_ms;
        return tenancy_table_put(txn, change->tenancy_id, &tenancy);
}

static int import_one(StoreChange *change, Txn *txn, const Link *link, LinkOutcome *ret)
{
        bool newly_linked;
        int r;

        r = link_table_merge(txn, change->tenancy_id, link, &newly_linked);
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

static int apply_import(StoreChange *change, Txn *txn)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < change->imported.n_links; i++)
                r = import_one(change, txn, change->imported.links[i], &change->outcomes[i]);
        return r;
}

static int apply_barrier(StoreChange *change _unused_, Txn *txn _unused_)
{
        return 0;
}

static int change_new(const char *tenancy_id, int (*apply)(StoreChange *change, Txn *txn),
                      void *userdata, StoreChange **ret)
{
        _cleanup_(change_freep) StoreChange *change = NULL;

        if (!tenancy_id_is_valid(tenancy_id))
                return -EINVAL;
        change = calloc(1, sizeof(StoreChange));
        if (!change)
                return -ENOMEM;
        change->apply = apply;
        change->userdata = userdata;
        change->tenancy_id = strdup(tenancy_id);
        if (!change->tenancy_id)
                return -ENOMEM;
        *ret = TAKE_PTR(change);
        return 0;
}

/* A copy by way of its record, so that one that could not be stored is refused here. */
static int link_copy(const Link *link, Link **ret)
{
        _cleanup_(record_clear) Record record = {};
        int r;

        r = record_from_link(link, &record);
        if (r < 0)
                return r;
        return record_to_link(record.bytes, record.len, ret);
}

static int answer_copy(const Answer *answer, Answer *ret)
{
        _cleanup_(record_clear) Record record = {};
        int r;

        r = record_from_answer(answer, &record);
        if (r < 0)
                return r;
        return record_to_answer(record.bytes, record.len, ret);
}

int change_new_add(const char *tenancy_id, const Link *link, StoreAddFunc func, void *userdata,
                   StoreChange **ret)
{
        _cleanup_(change_freep) StoreChange *change = NULL;
        int r;

        r = change_new(tenancy_id, apply_add, userdata, &change);
        if (r < 0)
                return r;
        change->add_func = func;
        r = link_copy(link, &change->link);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(change);
        return 0;
}

int change_new_exchange(const char *tenancy_id, const Link *link, const uint8_t *key,
                        const Answer *answer, uint64_t now_ms, StoreAddFunc func, void *userdata,
                        StoreChange **ret)
{
        _cleanup_(change_freep) StoreChange *change = NULL;
        int r;

        if (key && !answer)
                return -EINVAL;
        r = change_new(tenancy_id, apply_exchange, userdata, &change);
        if (r < 0)
                return r;
        change->add_func = func;
        change->now_ms = now_ms;
        if (link) {
                r = link_copy(link, &change->link);
                if (r < 0)
                        return r;
        }
        if (key) {
                change->has_answer = true;
                memcpy(change->key, key, ANSWER_KEY_LEN);
                r = answer_copy(answer, &change->answer);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(change);
        return 0;
}

static int link_list_copy(const LinkList *list, LinkList *ret)
{
        _cleanup_(link_list_clear) LinkList copy = {};
        int r = 0;

        for (size_t i = 0; r == 0 && i < list->n_links; i++) {
                Link *link;

                r = link_copy(list->links[i], &link);
                if (r == 0)
                        r = link_list_push(&copy, link);
        }
        if (r < 0)
                return r;
        *ret = TAKE(copy, (LinkList){});
        return 0;
}

int change_new_import(const char *tenancy_id, const LinkList *links, bool dry_run,
                      StoreImportFunc func, void *userdata, StoreChange **ret)
{
        _cleanup_(change_freep) StoreChange *change = NULL;
        int r;

        if (links->n_links > STORE_IMPORT_MAX)
                return -EINVAL;
        r = change_new(tenancy_id, apply_import, userdata, &change);
        if (r < 0)
                return r;
        change->dry_run = dry_run;
        change->import_func = func;
        change->outcomes = calloc(links->n_links + 1, sizeof(LinkOutcome));
        if (!change->outcomes)
                return -ENOMEM;
        r = link_list_copy(links, &change->imported);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(change);
        return 0;
}

static int change_new_removal(const char *tenancy_id, const char *id,
                              int (*apply)(StoreChange *change, Txn *txn), StoreRemoveFunc func,
                              void *userdata, StoreChange **ret)
{
        _cleanup_(change_freep) StoreChange *change = NULL;
        int r;

        r = change_new(tenancy_id, apply, userdata, &change);
        if (r < 0)
                return r;
        change->remove_func = func;
        change->id = strdup(id);
        if (!change->id)
                return -ENOMEM;
        *ret = TAKE_PTR(change);
        return 0;
}

int change_new_remove(const char *tenancy_id, const char *authenticator_id, StoreRemoveFunc func,
                      void *userdata, StoreChange **ret)
{
        if (!id_is_valid(authenticator_id))
                return -EINVAL;
        return change_new_removal(tenancy_id, authenticator_id, apply_remove, func, userdata, ret);
}

int change_new_remove_by_user(const char *tenancy_id, const char *user_id, StoreRemoveFunc func,
                              void *userdata, StoreChange **ret)
{
        if (!user_id_is_valid(user_id))
                return -EINVAL;
        return change_new_removal(tenancy_id, user_id, apply_remove_by_user, func, userdata, ret);
}

int change_new_mark(const char *tenancy_id, uint64_t since_ms, StoreDoneFunc func, void *userdata,
                    StoreChange **ret)
{
        StoreChange *change;
        int r;

        r = change_new(tenancy_id, apply_mark, userdata, &change);
        if (r < 0)
                return r;
        change->since_ms = since_ms;
        change->done_func = func;
        *ret = change;
        return 0;
}

int change_new_barrier(StoreDoneFunc func, void *userdata, StoreChange **ret)
{
        StoreChange *change = calloc(1, sizeof(StoreChange));

        if (!change)
                return -ENOMEM;
        change->apply = apply_barrier;
        change->done_func = func;
        change->userdata = userdata;
        *ret = change;
        return 0;
}

StoreChange *change_free(StoreChange *change)
{
        if (!change)
                return NULL;
        link_list_clear(&change->removed);
        link_list_clear(&change->imported);
        free(change->outcomes);
        answer_clear(&change->answer);
        link_free(change->link);
        free(change->id);
        free(change->tenancy_id);
        free(change);
        return NULL;
}

int change_apply(StoreChange *change, Txn *txn)
{
        change_fail(change, 0);
        change->r = change->apply(change, txn);
        return change->r < 0 ? change->r : 0;
}

void change_fail(StoreChange *change, int r)
{
        change->r = r;
        change->newly_linked = false;
        link_list_clear(&change->removed);
}

size_t change_weight(const StoreChange *change)
{
        size_t weight = change->removed.n_links + change->imported.n_links;

        return weight > 0 ? weight : 1;
}

bool change_is_dry(const StoreChange *change)
{
        return change->dry_run;
}

void change_report(StoreChange *change)
{
        if (change->add_func)
                change->add_func(change->r, change->newly_linked, change->userdata);
        if (change->remove_func)
                change->remove_func(change->r, &change->removed, change->userdata);
        if (change->done_func)
                change->done_func(change->r, change->userdata);
        if (change->import_func)
                change->import_func(change->r, &change->imported, change->outcomes,
                                    change->userdata);
}

void change_forget(StoreChange *change)
{
        change->add_func = NULL;
        change->remove_func = NULL;
        change->done_func = NULL;
        change->import_func = NULL;
}

void change_queue_push(ChangeQueue *queue, StoreChange *change)
{
        change->next = NULL;
        if (queue->last)
                queue->last->next = change;
        else
                queue->first = change;
        queue->last = change;
}

StoreChange *change_queue_pop(ChangeQueue *queue)
{
        StoreChange *change = queue->first;

        if (!change)
                return NULL;
        queue->first = change->next;
        if (!queue->first)
                queue->last = NULL;
        return change;
}

StoreChange *change_next(const StoreChange *change)
{
        return change->next;
}

void change_queue_join(ChangeQueue *queue, ChangeQueue *from)
{
        if (!from->first)
                return;
        if (queue->last)
                queue->last->next = from->first;
        else
                queue->first = from->first;
        queue->last = from->last;
        *from = (ChangeQueue){};
}

void change_queue_clear(ChangeQueue *queue)
{
        StoreChange *change;

        while ((change = change_queue_pop(queue)))
                change_free(change);
}
