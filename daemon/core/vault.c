/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/api/api.h"
#include "daemon/core/tenancy-internal.h"
#include "daemon/core/vault.h"
#include "dbus/error.h"

struct VaultCall {
        Tenancy *tenancy;
        Api *api;
        ApiCall *call;
        VaultPasskeyFunc passkey_func; /* one of these three */
        VaultListFunc list_func;
        VaultManagementFunc management_func;
        void *userdata;
};

VaultCall *vault_call_cancel(VaultCall *call)
{
        if (!call)
                return NULL;
        api_call_cancel(call->call);
        api_unref(call->api);
        tenancy_unref(call->tenancy);
        free(call);
        return NULL;
}

static int call_new(Tenancy *tenancy, void *userdata, VaultCall **ret)
{
        VaultCall *call;

        if (!tenancy_is_usable(tenancy))
                return ERROR_NOT_CONFIGURED;
        call = calloc(1, sizeof(VaultCall));
        if (!call)
                return -ENOMEM;
        *call = (VaultCall){.tenancy = tenancy_ref(tenancy),
                            .api = api_ref(tenancy->api),
                            .userdata = userdata};
        *ret = call;
        return 0;
}

/* The API has answered: the call is over, and frees itself when its function has run. */
static void call_over(VaultCall *call, int r)
{
        call->call = NULL;
        tenancy_note_api_result(call->tenancy, call->api, r);
}

static void on_passkey(int r, uint32_t retry_after_s, const Passkey *passkey, void *userdata)
{
        _cleanup_(vault_call_cancelp) VaultCall *call = userdata;

        call_over(call, r);
        call->passkey_func(r, retry_after_s, passkey, call->userdata);
}

int vault_get(Tenancy *tenancy, const char *passkey_id, VaultPasskeyFunc func, void *userdata,
              VaultCall **ret)
{
        _cleanup_(vault_call_cancelp) VaultCall *call = NULL;
        int r;

        r = call_new(tenancy, userdata, &call);
        if (r != 0)
                return r;
        call->passkey_func = func;
        r = api_get_passkey(call->api, passkey_id, API_FOREGROUND, on_passkey, call, &call->call);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(call);
        return 0;
}

static void on_list(int r, uint32_t retry_after_s, const PasskeyList *passkeys,
                    const char *next_cursor, void *userdata)
{
        _cleanup_(vault_call_cancelp) VaultCall *call = userdata;

        call_over(call, r);
        if (r == 0)
                tenancy_note_unreadable_rows(call->tenancy, passkeys->n_unreadable, NULL);
        call->list_func(r, retry_after_s, passkeys, next_cursor ?: "", call->userdata);
}

int vault_list(Tenancy *tenancy, const char *cursor, VaultListFunc func, void *userdata,
               VaultCall **ret)
{
        _cleanup_(vault_call_cancelp) VaultCall *call = NULL;
        int r;

        r = call_new(tenancy, userdata, &call);
        if (r != 0)
                return r;
        call->list_func = func;
        r = api_list_passkeys(call->api, *cursor ? cursor : NULL, API_FOREGROUND, on_list, call,
                              &call->call);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(call);
        return 0;
}

static void on_management(int r, uint32_t retry_after_s, const Management *management,
                          void *userdata)
{
        _cleanup_(vault_call_cancelp) VaultCall *call = userdata;

        call_over(call, r);
        call->management_func(r, retry_after_s, management, call->userdata);
}

int vault_prune(Tenancy *tenancy, const char *user_id, VaultManagementFunc func, void *userdata,
                VaultCall **ret)
{
        _cleanup_(vault_call_cancelp) VaultCall *call = NULL;
        int r;

        r = call_new(tenancy, userdata, &call);
        if (r != 0)
                return r;
        call->management_func = func;
        r = api_prune_passkeys(call->api, user_id, on_management, call, &call->call);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(call);
        return 0;
}

int vault_update(Tenancy *tenancy, const char *user_id, const char *username,
                 const char *display_name, VaultManagementFunc func, void *userdata)
{
        _cleanup_(vault_call_cancelp) VaultCall *call = NULL;
        int r;

        r = call_new(tenancy, userdata, &call);
        if (r != 0)
                return r;
        call->management_func = func;
        r = api_update_passkeys(call->api, user_id, username, display_name, on_management, call,
                                &call->call);
        if (r != 0)
                return r;
        /* It holds itself until it is over. */
        TAKE_PTR(call);
        return 0;
}
