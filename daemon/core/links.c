/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "daemon/core/links.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/model/valid.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

_Static_assert(LINKS_PAGE_MAX <= STORE_LIST_LIMIT_MAX, "the store lists them at once");

_Static_assert(LINKS_IMPORT_MAX <= STORE_IMPORT_MAX, "the store takes them at once");

int links_get(Tenancy *tenancy, const char *authenticator_id, Link **ret)
{
        return store_get_link(tenancy->store, tenancy->id, authenticator_id, ret);
}

int links_list_by_user(Tenancy *tenancy, const char *user_id, LinkList *ret)
{
        return store_list_by_user(tenancy->store, tenancy->id, user_id, ret);
}

int links_list(Tenancy *tenancy, const char *cursor, uint32_t limit, size_t max_bytes,
               LinkList *ret, char **ret_next_cursor)
{
        _cleanup_(link_list_clear) LinkList page = {};
        _cleanup_(freep) char *next = NULL;
        int r;

        if (limit > LINKS_PAGE_MAX)
                return ERROR_INVALID_ARGS;
        r = store_list(tenancy->store, tenancy->id, *cursor ? cursor : NULL,
                       limit ?: LINKS_PAGE_DEFAULT, max_bytes, &page, &next);
        if (r != 0)
                return r;
        next = next ?: strdup("");
        if (!next)
                return -ENOMEM;
        *ret_next_cursor = TAKE_PTR(next);
        *ret = TAKE(page, (LinkList){});
        return 0;
}

int links_count(Tenancy *tenancy, uint64_t *ret)
{
        return store_count(tenancy->store, tenancy->id, ret);
}

/* A store change in flight. */
typedef struct LinkChange {
        Call call;
        Link *link;   /* to add */
        bool dry_run; /* of an import */
        AuditOrigin origin;
} LinkChange;

static void link_change_destroy(Call *call)
{
        link_free(((LinkChange *) call)->link);
}

static int link_change_new(Tenancy *tenancy, const AuditOrigin *origin, ResultFunc func,
                           void *userdata, LinkChange **ret)
{
        LinkChange *change;
        int r;

        r = call_new_without_api(sizeof(LinkChange), tenancy, func, userdata, &change);
        if (r < 0)
                return r;
        change->call.destroy = link_change_destroy;
        change->origin = *origin;
        *ret = change;
        return 0;
}

static void on_added(int r, bool newly_linked, void *userdata)
{
        LinkChange *change = userdata;

        if (newly_linked)
                tenancy_notify_link_added(change->call.tenancy, change->link, &change->origin);
        call_end(&change->call, &(Result){.r = r, .n_links = newly_linked});
}

static void on_removed(int r, const LinkList *removed, void *userdata)
{
        LinkChange *change = userdata;

        tenancy_notify_links_removed(change->call.tenancy, removed, &change->origin);
        call_end(&change->call, &(Result){.r = r, .n_links = r == 0 ? removed->n_links : 0});
}

int links_add(Tenancy *tenancy, const char *user_id, const char *authenticator_id,
              const AuditOrigin *origin, ResultFunc func, void *userdata)
{
        LinkChange *change;
        int r;

        r = link_change_new(tenancy, origin, func, userdata, &change);
        if (r < 0)
                return r;
        r = link_new(authenticator_id, user_id, NULL, realtime_ms(), 0, &change->link);
        if (r == 0)
                r = store_add(tenancy->store, tenancy->id, change->link, on_added, change, NULL);
        return call_started(&change->call, r, NULL);
}

int links_remove(Tenancy *tenancy, const char *authenticator_id, const AuditOrigin *origin,
                 ResultFunc func, void *userdata)
{
        LinkChange *change;
        int r;

        r = link_change_new(tenancy, origin, func, userdata, &change);
        if (r < 0)
                return r;
        r = store_remove(tenancy->store, tenancy->id, authenticator_id, on_removed, change, NULL);
        return call_started(&change->call, r, NULL);
}

int links_remove_by_user(Tenancy *tenancy, const char *user_id, const AuditOrigin *origin,
                         ResultFunc func, void *userdata)
{
        LinkChange *change;
        int r;

        r = link_change_new(tenancy, origin, func, userdata, &change);
        if (r < 0)
                return r;
        r = store_remove_by_user(tenancy->store, tenancy->id, user_id, on_removed, change, NULL);
        return call_started(&change->call, r, NULL);
}

static void on_imported(int r, const LinkList *links, const LinkOutcome *outcomes, void *userdata)
{
        LinkChange *change = userdata;

        for (size_t i = 0; r == 0 && !change->dry_run && i < links->n_links; i++)
                if (outcomes[i] == LINK_ADDED)
                        tenancy_notify_link_added(change->call.tenancy, links->links[i],
                                                  &change->origin);
        call_end(&change->call, &(Result){.r = r,
                                          .links = r == 0 ? links : NULL,
                                          .outcomes = r == 0 ? outcomes : NULL});
}

int links_import(Tenancy *tenancy, const LinkList *links, bool dry_run, const AuditOrigin *origin,
                 ResultFunc func, void *userdata)
{
        LinkChange *change;
        int r;

        if (links->n_links > LINKS_IMPORT_MAX)
                return ERROR_INVALID_ARGS;
        r = link_change_new(tenancy, origin, func, userdata, &change);
        if (r < 0)
                return r;
        change->dry_run = dry_run;
        r = store_import(tenancy->store, tenancy->id, links, dry_run, on_imported, change, NULL);
        return call_started(&change->call, r, NULL);
}
