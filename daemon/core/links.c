/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/core/links.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

#define LIST_LIMIT_DEFAULT 100U

int links_get(Tenancy *tenancy, const char *authenticator_id, Link **ret)
{
        return store_get_link(tenancy->store, tenancy->id, authenticator_id, ret);
}

int links_list_by_user(Tenancy *tenancy, const char *user_id, LinkList *ret)
{
        return store_list_by_user(tenancy->store, tenancy->id, user_id, ret);
}

int links_list(Tenancy *tenancy, const char *cursor, uint32_t limit, LinkList *ret,
               char **ret_next_cursor)
{
        _cleanup_(link_list_clear) LinkList page = {};
        _cleanup_(freep) char *next = NULL;
        int r;

        if (limit > STORE_LIST_LIMIT_MAX)
                return ERROR_INVALID_ARGS;
        r = store_list(tenancy->store, tenancy->id, *cursor ? cursor : NULL,
                       limit ?: LIST_LIMIT_DEFAULT, &page, &next);
        if (r != 0)
                return r;
        if (!next) {
                next = strdup("");
                if (!next)
                        return -ENOMEM;
        }
        *ret_next_cursor = TAKE_PTR(next);
        *ret = page;
        page = (LinkList){};
        return 0;
}

int links_count(Tenancy *tenancy, uint64_t *ret)
{
        return store_count(tenancy->store, tenancy->id, ret);
}

/* A change on its way to the disk. */
typedef struct Change {
        Tenancy *tenancy;
        Link *link; /* the one to add */
        AuditOrigin origin;
        LinksFunc func;
        void *userdata;
} Change;

static Change *change_free(Change *change)
{
        tenancy_unref(change->tenancy);
        link_free(change->link);
        free(change);
        return NULL;
}
DEFINE_CLEANUP(Change *, change_free);

static int change_new(Tenancy *tenancy, const AuditOrigin *origin, LinksFunc func, void *userdata,
                      Change **ret)
{
        Change *change = calloc(1, sizeof(Change));

        if (!change)
                return -ENOMEM;
        *change = (Change){.tenancy = tenancy_ref(tenancy),
                           .origin = *origin,
                           .func = func,
                           .userdata = userdata};
        *ret = change;
        return 0;
}

static void change_added(int r, bool newly_linked, void *userdata)
{
        _cleanup_(change_freep) Change *change = userdata;

        if (newly_linked)
                tenancy_tell_link_added(change->tenancy, change->link, &change->origin);
        change->func(r, newly_linked, change->userdata);
}

static void change_removed(int r, const LinkList *removed, void *userdata)
{
        _cleanup_(change_freep) Change *change = userdata;
        for (size_t i = 0; i < removed->n_links; i++)
                tenancy_tell_link_removed(change->tenancy, removed->links[i], &change->origin);
        change->func(r, r == 0 ? removed->n_links : 0, change->userdata);
}

int links_add(Tenancy *tenancy, const char *user_id, const char *authenticator_id,
              const AuditOrigin *origin, LinksFunc func, void *userdata)
{
        _cleanup_(change_freep) Change *change = NULL;
        int r;

        r = change_new(tenancy, origin, func, userdata, &change);
        if (r < 0)
                return r;
        r = link_new(authenticator_id, user_id, NULL, realtime_ms(), 0, &change->link);
        if (r < 0)
                return r;
        r = store_add(tenancy->store, tenancy->id, change->link, change_added, change, NULL);
        if (r != 0)
                return r;
        TAKE_PTR(change);
        return 0;
}

int links_remove(Tenancy *tenancy, const char *authenticator_id, const AuditOrigin *origin,
                 LinksFunc func, void *userdata)
{
        _cleanup_(change_freep) Change *change = NULL;
        int r;

        r = change_new(tenancy, origin, func, userdata, &change);
        if (r < 0)
                return r;
        r = store_remove(tenancy->store, tenancy->id, authenticator_id, change_removed, change,
                         NULL);
        if (r != 0)
                return r;
        TAKE_PTR(change);
        return 0;
}

int links_remove_by_user(Tenancy *tenancy, const char *user_id, const AuditOrigin *origin,
                         LinksFunc func, void *userdata)
{
        _cleanup_(change_freep) Change *change = NULL;
        int r;

        r = change_new(tenancy, origin, func, userdata, &change);
        if (r < 0)
                return r;
        r = store_remove_by_user(tenancy->store, tenancy->id, user_id, change_removed, change,
                                 NULL);
        if (r != 0)
                return r;
        TAKE_PTR(change);
        return 0;
}
