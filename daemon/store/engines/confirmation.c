/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/store/engines/confirmation.h"
#include "daemon/store/lmdb/key.h"
#include "daemon/store/shared/shared-key.h"

struct StoreConfirmation {
        LIST_ENTRY(StoreConfirmation) entry;
        ConfirmationList *list;
        bool reading;          /* the log has not replied yet */
        uint64_t revision;     /* to be reached by the replica */
        StoreConfirmFunc func; /* NULL: cancelled */
        void *userdata;
};

static void confirmation_free(StoreConfirmation *confirmation)
{
        confirmation->list->n--;
        LIST_REMOVE(confirmation, entry);
        free(confirmation);
}

static void end(StoreConfirmation *confirmation, bool is_confirmed)
{
        StoreConfirmFunc func = confirmation->func;
        void *userdata = confirmation->userdata;

        confirmation->list->n_failed += func && !is_confirmed;
        confirmation_free(confirmation);
        if (func)
                func(userdata);
}

static void on_read(int r, uint64_t revision, void *userdata)
{
        StoreConfirmation *confirmation = userdata;

        confirmation->reading = false;
        confirmation->revision = revision > 0 ? revision + confirmation->list->offset : 0;
        if (r < 0 || !confirmation->func || confirmation->revision <= confirmation->list->revision)
                end(confirmation, r == 0);
}

/* Takes ownership of the key; NULL: out of memory. */
static bool start(ConfirmationList *list, char *key, StoreConfirmFunc func, void *userdata,
                  StoreConfirmation **ret)
{
        _cleanup_(freep) char *owned = key;
        StoreConfirmation *confirmation = owned ? calloc(1, sizeof(StoreConfirmation)) : NULL;

        if (!confirmation || list->is_off || list->n >= CONFIRMATIONS_MAX ||
            list->log->class->read(list->log, owned, STORE_CONFIRM_MS, on_read, confirmation) < 0) {
                free(confirmation);
                list->n_failed++;
                return false;
        }
        *confirmation = (StoreConfirmation){
                .list = list, .reading = true, .func = func, .userdata = userdata};
        list->n++;
        LIST_INSERT_HEAD(&list->confirmations, confirmation, entry);
        *ret = confirmation;
        return true;
}

bool confirmation_of_link(ConfirmationList *list, const char *tenancy_id,
                          const char *authenticator_id, StoreConfirmFunc func, void *userdata,
                          StoreConfirmation **ret)
{
        return start(list, shared_key_for_link(tenancy_id, authenticator_id), func, userdata, ret);
}

bool confirmation_of_user(ConfirmationList *list, const char *tenancy_id, const char *user_id,
                          StoreConfirmFunc func, void *userdata, StoreConfirmation **ret)
{
        StoreKey user;
        char *key = NULL;

        if (key_for_user(0, user_id, &user) == 0)
                key = shared_key_for_user(tenancy_id, user.bytes + KEY_TENANCY_LEN);
        return start(list, key, func, userdata, ret);
}

static StoreConfirmation *find_reached(const ConfirmationList *list)
{
        StoreConfirmation *c;

        LIST_FOREACH(c, &list->confirmations, entry)
                if (!c->reading && c->revision <= list->revision)
                        return c;
        return NULL;
}

void confirmations_reach(ConfirmationList *list, uint64_t revision)
{
        StoreConfirmation *confirmation;

        list->revision = revision;
        while ((confirmation = find_reached(list)))
                end(confirmation, true);
}

void confirmations_clear(ConfirmationList *list)
{
        StoreConfirmation *confirmation;

        while ((confirmation = LIST_FIRST(&list->confirmations)))
                confirmation_free(confirmation);
}

StoreConfirmation *store_confirmation_cancel(StoreConfirmation *confirmation)
{
        if (!confirmation)
                return NULL;
        if (confirmation->reading)
                confirmation->func = NULL;
        else
                confirmation_free(confirmation);
        return NULL;
}

StoreConfirmation *store_confirmation_give_up(StoreConfirmation *confirmation)
{
        confirmation->list->n_failed++;
        return store_confirmation_cancel(confirmation);
}
