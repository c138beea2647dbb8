/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "base/clock.h"
#include "base/strv.h"
#include "daemon/core/authorize.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/store/store.h"
#include "dbus/error.h"

/* The API limits the request size. Of more passkeys, the newest are excluded. */
#define EXCLUDE_MAX 64U

/* `registration` is kept for a retry without the links of the user. */
typedef struct Authorize {
        Call call;
        Registration *registration;
        size_t n_asked;       /* excludeCredentials of the caller */
        uint64_t deadline_ms; /* for both API calls; monotonic */
} Authorize;

static void authorize_destroy(Call *call)
{
        registration_free(((Authorize *) call)->registration);
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

static void on_token(const Result *result, void *userdata);

/* The API may reject the id of a linked passkey, for which the caller is not to blame. */
static bool retry_without_links(Authorize *authorize)
{
        Registration *registration = authorize->registration;
        Call *call = &authorize->call;

        if (strv_len(registration->exclude_credentials) <= authorize->n_asked)
                return false;
        strv_truncate(registration->exclude_credentials, authorize->n_asked);
        return api_authorize_registration(call->api, registration, authorize->deadline_ms, on_token,
                                          authorize, &call->api_call) == 0;
}

static void on_token(const Result *result, void *userdata)
{
        Authorize *authorize = userdata;

        authorize->call.api_call = NULL;
        if (result->r != ERROR_BAD_REQUEST || !retry_without_links(authorize))
                call_end(&authorize->call, result);
}

int authorize_registration_start(Tenancy *tenancy, Registration *registration, bool exclude_linked,
                                 ResultFunc func, void *userdata, Call **ret)
{
        _cleanup_(registration_freep) Registration *owned = registration;
        Authorize *authorize;
        Call *call;
        int r;

        r = call_new(sizeof(Authorize), tenancy, func, userdata, &authorize);
        if (r != 0)
                return r;
        call = &authorize->call;
        call->destroy = authorize_destroy;
        authorize->registration = TAKE_PTR(owned);
        authorize->n_asked = strv_len(registration->exclude_credentials);
        authorize->deadline_ms = monotonic_ms() + api_timeout_ms(call->api);
        if (exclude_linked)
                r = exclude_users_links(tenancy, registration);
        if (r == 0)
                r = api_authorize_registration(call->api, registration, authorize->deadline_ms,
                                               on_token, authorize, &call->api_call);
        return call_started(call, r, ret);
}

int authorize_authentication_start(Tenancy *tenancy, const Authentication *authentication,
                                   ResultFunc func, void *userdata, Call **ret)
{
        if (!authentication_is_valid(authentication))
                return ERROR_INVALID_ARGS;
        return CALL_API(tenancy, func, userdata, ret, api_authorize_authentication, authentication);
}
