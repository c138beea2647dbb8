/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/methods/method-lists.h"
#include "client/libpasslock/transport/calls.h"
#include "dbus/names.h"

static const Method get = {PASSLOCK_INTERFACE_VAULT, "GetPasskey", &result_passkey, 1};
static const Method list = {PASSLOCK_INTERFACE_VAULT, "ListPasskeys", &result_passkey_page, 1};

/* The methods below return a token for the page. */

static const Method update = {PASSLOCK_INTERFACE_VAULT, "UpdatePasskeys", &result_management, 2,
                              TAKES_OPTIONS | SENSITIVE};
static const Method delete_some = {PASSLOCK_INTERFACE_VAULT, "DeletePasskeys", &result_management,
                                   0, TAKES_LIST | TAKES_OPTIONS | SENSITIVE};
static const Method delete_user = {PASSLOCK_INTERFACE_VAULT, "DeleteUserPasskeys",
                                   &result_management, 1, TAKES_OPTIONS | SENSITIVE};
static const Method prune = {PASSLOCK_INTERFACE_VAULT, "PrunePasskeys", &result_management, 1,
                             TAKES_OPTIONS | SENSITIVE};
const Method *const vault_methods[] = {&get,         &list,  &update, &delete_some,
                                       &delete_user, &prune, NULL};

_public_ int passlock_vault_get(passlock *client, const char *passkey_id, passlock_passkey **ret)
{
        return calls_perform(client, &get, &(Arguments){{passkey_id}}, ret);
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
        return calls_perform(client, &list, &(Arguments){{cursor ?: ""}}, ret);
}

_public_ int passlock_vault_list_async(passlock *client, const char *cursor,
                                       passlock_passkey_list_callback callback, void *userdata,
                                       passlock_call **ret_call)
{
        return calls_begin(client, &list, &(Arguments){{cursor ?: ""}}, (Callback) callback,
                           userdata, ret_call);
}

_public_ int passlock_vault_update(passlock *client, const char *user_id, const char *username,
                                   const passlock_options *options, passlock_management **ret)
{
        return calls_perform(client, &update, &(Arguments){{user_id, username}, .options = options},
                             ret);
}

_public_ int passlock_vault_update_async(passlock *client, const char *user_id,
                                         const char *username, const passlock_options *options,
                                         passlock_management_callback callback, void *userdata,
                                         passlock_call **ret_call)
{
        return calls_begin(client, &update, &(Arguments){{user_id, username}, .options = options},
                           (Callback) callback, userdata, ret_call);
}

_public_ int passlock_vault_delete(passlock *client, const char *const *passkey_ids,
                                   passlock_management **ret)
{
        return calls_perform(client, &delete_some, &(Arguments){.list = passkey_ids}, ret);
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
        return calls_perform(client, &delete_user, &(Arguments){{user_id}}, ret);
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
        return calls_perform(client, &prune, &(Arguments){{user_id}}, ret);
}

_public_ int passlock_vault_prune_async(passlock *client, const char *user_id,
                                        passlock_management_callback callback, void *userdata,
                                        passlock_call **ret_call)
{
        return calls_begin(client, &prune, &(Arguments){{user_id}}, (Callback) callback, userdata,
                           ret_call);
}
