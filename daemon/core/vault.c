/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/core/tenancy-internal.h"
#include "daemon/core/vault.h"

int vault_get(Tenancy *tenancy, const char *passkey_id, ResultFunc func, void *userdata, Call **ret)
{
        return CALL_API(tenancy, func, userdata, ret, api_get_passkey, passkey_id, API_FOREGROUND);
}

static void on_page(const Result *result, void *userdata)
{
        const Call *call = userdata;

        if (result->r == 0)
                tenancy_note_unreadable_rows(call->tenancy, result->passkeys->n_unreadable, NULL);
        call_on_result(result, userdata);
}

int vault_list(Tenancy *tenancy, const char *cursor, ResultFunc func, void *userdata, Call **ret)
{
        Call *call;
        int r;

        r = call_new(sizeof(Call), tenancy, func, userdata, &call);
        if (r != 0)
                return r;
        r = api_list_passkeys(call->api, isempty(cursor) ? NULL : cursor, API_FOREGROUND, on_page,
                              call, &call->api_call);
        return call_started(call, r, ret);
}

int vault_prune(Tenancy *tenancy, const char *user_id, ResultFunc func, void *userdata, Call **ret)
{
        return CALL_API(tenancy, func, userdata, ret, api_prune_passkeys, user_id);
}

int vault_update(Tenancy *tenancy, const char *user_id, const char *username,
                 const char *display_name, ResultFunc func, void *userdata)
{
        return CALL_API(tenancy, func, userdata, NULL, api_update_passkeys, user_id, username,
                        display_name);
}
