/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/strv.h"
#include "daemon/api/api.h"
#include "daemon/core/authorize.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

/* The API bounds the size of a request; who has more passkeys than this excludes the latest. */
#define EXCLUDE_MAX 64U

struct Authorize {
        Tenancy *tenancy;
        Api *api;
        Registration *registration; /* NULL: it is for signing in */
        size_t n_asked;             /* credentials that the caller asked to exclude */
        ApiCall *call;
        AuthorizeFunc func;
        void *userdata;
};

static Authorize *authorize_free(Authorize *authorize)
{
        api_call_cancel(authorize->call);
        registration_free(authorize->registration);
        api_unref(authorize->api);
        tenancy_unref(authorize->tenancy);
        free(authorize);
        return NULL;
}

Authorize *authorize_cancel(Authorize *authorize)
{
        return authorize ? authorize_free(authorize) : NULL;
}

static int by_age_newest_first(const void *a, const void *b)
{
        const Link *la = *(Link *const *) a, *lb = *(Link *const *) b;

        return (la->created_at_ms < lb->created_at_ms) - (la->created_at_ms > lb->created_at_ms);
}

static int exclude_links(Registration *registration, LinkList *links)
{
        size_t n = strv_len(registration->exclude_credentials);

        if (links->n_links > 1)
                qsort(links->links, links->n_links, sizeof(Link *), by_age_newest_first);
        for (size_t i = 0; i < links->n_links && n < EXCLUDE_MAX; i++) {
                const char *id = links->links[i]->authenticator_id;

                if (strv_contains(registration->exclude_credentials, id))
                        continue;
                if (strv_push(&registration->exclude_credentials, id) < 0)
                        return -ENOMEM;
                n++;
        }
        return 0;
}

static int exclude_users_links(Tenancy *tenancy, Registration *registration)
{
        _cleanup_(link_list_clear) LinkList links = {};
        int r;

        r = store_list_by_user(tenancy->store, tenancy->id, registration->user_id, &links);
        return r != 0 ? r : exclude_links(registration, &links);
}

static void authorize_done(int r, uint32_t retry_after_s, const Token *token, void *userdata);

/* A link may name a passkey that the API refuses to hear of: the caller did not ask for that. */
static bool authorize_without_links(Authorize *authorize)
{
        Registration *registration = authorize->registration;

        if (!registration || strv_len(registration->exclude_credentials) <= authorize->n_asked)
                return false;
        strv_truncate(registration->exclude_credentials, authorize->n_asked);
        return api_authorize_registration(authorize->api, registration, authorize_done, authorize,
                                          &authorize->call) == 0;
}

static void authorize_done(int r, uint32_t retry_after_s, const Token *token, void *userdata)
{
        _cleanup_(authorize_cancelp) Authorize *authorize = userdata;

        authorize->call = NULL;
        if (r == ERROR_BAD_REQUEST && authorize_without_links(authorize)) {
                TAKE_PTR(authorize);
                return;
        }
        tenancy_note_api_result(authorize->tenancy, authorize->api, r);
        authorize->func(r, retry_after_s, token, authorize->userdata);
}

static int authorize_new(Tenancy *tenancy, AuthorizeFunc func, void *userdata, Authorize **ret)
{
        Authorize *authorize;

        if (!tenancy_is_usable(tenancy))
                return ERROR_NOT_CONFIGURED;
        authorize = calloc(1, sizeof(Authorize));
        if (!authorize)
                return -ENOMEM;
        *authorize = (Authorize){.tenancy = tenancy_ref(tenancy),
                                 .api = api_ref(tenancy->api),
                                 .func = func,
                                 .userdata = userdata};
        *ret = authorize;
        return 0;
}

int authorize_registration_start(Tenancy *tenancy, Registration *registration, bool exclude_linked,
                                 AuthorizeFunc func, void *userdata, Authorize **ret)
{
        _cleanup_(registration_freep) Registration *owned = registration;
        _cleanup_(authorize_cancelp) Authorize *authorize = NULL;
        int r;

        r = authorize_new(tenancy, func, userdata, &authorize);
        if (r != 0)
                return r;
        authorize->registration = TAKE_PTR(owned);
        authorize->n_asked = strv_len(registration->exclude_credentials);
        if (exclude_linked)
                r = exclude_users_links(tenancy, registration);
        if (r == 0)
                r = api_authorize_registration(authorize->api, registration, authorize_done,
                                               authorize, &authorize->call);
        if (r != 0)
                return r;

        *ret = TAKE_PTR(authorize);
        return 0;
}

int authorize_authentication_start(Tenancy *tenancy, const Authentication *authentication,
                                   AuthorizeFunc func, void *userdata, Authorize **ret)
{
        _cleanup_(authorize_cancelp) Authorize *authorize = NULL;
        int r;

        if (!authentication_is_valid(authentication))
                return ERROR_INVALID_ARGS;
        r = authorize_new(tenancy, func, userdata, &authorize);
        if (r == 0)
                r = api_authorize_authentication(authorize->api, authentication, authorize_done,
                                                 authorize, &authorize->call);
        if (r != 0)
                return r;

        *ret = TAKE_PTR(authorize);
        return 0;
}
