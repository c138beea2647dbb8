/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/transport/calls.h"
#include "dbus/names.h"

static const Method get = {
        .interface = PASSLOCK_INTERFACE_VAULT,
        .member = "GetPasskey",
        .n_strings = 1,
        .result = &result_passkey,
};

static const Method list = {
        .interface = PASSLOCK_INTERFACE_VAULT,
        .member = "ListPasskeys",
        .n_strings = 1,
        .result = &result_passkey_page,
};

/* The methods below return a token for the page. */

static const Method update = {
        .interface = PASSLOCK_INTERFACE_VAULT,
        .member = "UpdatePasskeys",
        .n_strings = 2,
        .takes_options = true,
        .is_sensitive = true,
        .result = &result_management,
};

static const Method delete_some = {
        .interface = PASSLOCK_INTERFACE_VAULT,
        .member = "DeletePasskeys",
        .takes_list = true,
        .takes_options = true,
        .is_sensitive = true,
        .result = &result_management,
};

static const Method delete_user = {
        .interface = PASSLOCK_INTERFACE_VAULT,
        .member = "DeleteUserPasskeys",
        .n_strings = 1,
        .takes_options = true,
        .is_sensitive = true,
        .result = &result_management,
};

static const Method prune = {
        .interface = PASSLOCK_INTERFACE_VAULT,
        .member = "PrunePasskeys",
        .n_strings = 1,
        .takes_options = true,
        .is_sensitive = true,
        .result = &result_management,
};

_public_ int passlock_vault_get(passlock *client, const char *passkey_id, passlock_passkey **ret)
{
        Result result = {};
        int r;

        if (!ret)
                return -EINVAL;
        r = calls_perform(client, &get, &(Arguments){{passkey_id}}, &result);
        if (r == 0)
                *ret = result.passkey;
        return r;
}

_public_ int passlock_vault_get_async(passlock *client, const char *passkey_id,
                                      passlock_passkey_callback callback, void *userdata,
                                      passlock_call **ret_call)
{
        return calls_begin(client, &get, &(Arguments){{passkey_id}}, (Callback) callback, userdata,
                           ret_call);
}

_public_ int passlock_vault_list(passlock *client, const char *cursor, passlock_passkey_list **ret)
{
        Result result = {};
        int r;

        if (!ret)
                return -EINVAL;
        r = calls_perform(client, &list, &(Arguments){{cursor ?: ""}}, &result);
        if (r == 0)
                *ret = result.passkeys;
        return r;
}

_public_ int passlock_vault_list_async(passlock *client, const char *cursor,
                                       passlock_passkey_list_callback callback, void *userdata,
                                       passlock_call **ret_call)
{
        return calls_begin(client, &list, &(Arguments){{cursor ?: ""}}, (Callback) callback,
                           userdata, ret_call);
}

static int manage(passlock *client, const Method *method, const Arguments *arguments,
                  passlock_management **ret)
{
        Result result = {};
        int r;

        if (!ret)
                return -EINVAL;
        r = calls_perform(client, method, arguments, &result);
        if (r == 0)
                *ret = result.management;
        return r;
}

_public_ int passlock_vault_update(passlock *client, const char *user_id, const char *username,
                                   const passlock_options *options, passlock_management **ret)
{
        const Arguments arguments = {{user_id, username}, .options = options};

        return manage(client, &update, &arguments, ret);
}

_public_ int passlock_vault_update_async(passlock *client, const char *user_id,
                                         const char *username, const passlock_options *options,
                                         passlock_management_callback callback, void *userdata,
                                         passlock_call **ret_call)
{
        const Arguments arguments = {{user_id, username}, .options = options};

        return calls_begin(client, &update, &arguments, (Callback) callback, userdata, ret_call);
}

_public_ int passlock_vault_delete(passlock *client, const char *const *passkey_ids,
                                   passlock_management **ret)
{
        return manage(client, &delete_some, &(Arguments){.list = passkey_ids}, ret);
}

_public_ int passlock_vault_delete_async(passlock *client, const char *const *passkey_ids,
                                         passlock_management_callback callback, void *userdata,
                                         passlock_call **ret_call)
{
        return calls_begin(client, &delete_some, &(Arguments){.list = passkey_ids},
                           (Callback) callback, userdata, ret_call);
}

_public_ int passlock_vault_delete_user(passlock *client, const char *user_id,
                                        passlock_management **ret)
{
        return manage(client, &delete_user, &(Arguments){{user_id}}, ret);
}

_public_ int passlock_vault_delete_user_async(passlock *client, const char *user_id,
                                              passlock_management_callback callback, void *userdata,
                                              passlock_call **ret_call)
{
        return calls_begin(client, &delete_user, &(Arguments){{user_id}}, (Callback) callback,
                           userdata, ret_call);
}

_public_ int passlock_vault_prune(passlock *client, const char *user_id, passlock_management **ret)
{
        return manage(client, &prune, &(Arguments){{user_id}}, ret);
}

_public_ int passlock_vault_prune_async(passlock *client, const char *user_id,
                                        passlock_management_callback callback, void *userdata,
                                        passlock_call **ret_call)
{
        return calls_begin(client, &prune, &(Arguments){{user_id}}, (Callback) callback, userdata,
                           ret_call);
}
