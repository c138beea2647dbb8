/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Look-ups that have found no link, until that is confirmed. */

#include <errno.h>

#include "base/log.h"
#include "daemon/core/links.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

typedef struct LinkLookup {
        Call call;
        char *id; /* of an authenticator, or of a user */
        bool is_user;
        StoreConfirmation *confirmation; /* NULL after its end */
        sd_event_source *timer;
} LinkLookup;

static void lookup_destroy(Call *call)
{
        LinkLookup *lookup = (LinkLookup *) call;

        store_confirmation_cancel(lookup->confirmation);
        sd_event_source_disable_unref(lookup->timer);
        free(lookup->id);
}

static int get_link(const LinkLookup *lookup, LinkList *links)
{
        Link *link;
        int r;

        r = links_get(lookup->call.tenancy, lookup->id, &link);
        return r != 0 ? r : link_list_push(links, link);
}

static void read_again(LinkLookup *lookup)
{
        _cleanup_(link_list_clear) LinkList links = {};
        int r;

        r = lookup->is_user ? links_list_by_user(lookup->call.tenancy, lookup->id, &links)
                            : get_link(lookup, &links);
        call_end(&lookup->call, &(Result){.r = r, .links = r == 0 ? &links : NULL});
}

static void on_confirmed(void *userdata)
{
        LinkLookup *lookup = userdata;

        lookup->confirmation = NULL;
        read_again(lookup);
}

static int on_time(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        LinkLookup *lookup = userdata;

        lookup->confirmation = store_confirmation_give_up(lookup->confirmation);
        read_again(lookup);
        return 0;
}

static int lookup_new(Tenancy *tenancy, const char *id, bool is_user, ResultFunc func,
                      void *userdata, LinkLookup **ret)
{
        LinkLookup *lookup;
        int r;

        r = call_new_without_api(sizeof(LinkLookup), tenancy, func, userdata, &lookup);
        if (r < 0)
                return r;
        lookup->call.destroy = lookup_destroy;
        lookup->is_user = is_user;
        lookup->id = strdup(id);
        r = lookup->id ? sd_event_add_time_relative(tenancy->event, &lookup->timer, CLOCK_MONOTONIC,
                                                    STORE_CONFIRM_MS * 1000, 1000, on_time, lookup)
                       : -ENOMEM;
        if (r < 0) {
                call_free(&lookup->call);
                return r;
        }
        *ret = lookup;
        return 0;
}

int links_confirm_no_link(Tenancy *tenancy, const char *authenticator_id, ResultFunc func,
                          void *userdata, Call **ret)
{
        LinkLookup *lookup;
        int r;

        if (!store_is_shared(tenancy->store))
                return ERROR_NOT_FOUND;
        r = lookup_new(tenancy, authenticator_id, false, func, userdata, &lookup);
        if (r < 0)
                return r;
        if (!store_confirm_no_link(tenancy->store, tenancy->id, authenticator_id, on_confirmed,
                                   lookup, &lookup->confirmation))
                r = ERROR_NOT_FOUND;
        return call_started(&lookup->call, r, ret);
}

int links_confirm_none_of_user(Tenancy *tenancy, const char *user_id, ResultFunc func,
                               void *userdata, Call **ret)
{
        LinkLookup *lookup;
        int r;

        if (!store_is_shared(tenancy->store))
                return ERROR_NOT_FOUND;
        r = lookup_new(tenancy, user_id, true, func, userdata, &lookup);
        if (r < 0)
                return r;
        if (!store_confirm_no_links_of_user(tenancy->store, tenancy->id, user_id, on_confirmed,
                                            lookup, &lookup->confirmation))
                r = ERROR_NOT_FOUND;
        return call_started(&lookup->call, r, ret);
}
