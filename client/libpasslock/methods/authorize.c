/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/methods/method-lists.h"
#include "client/libpasslock/transport/calls.h"
#include "dbus/names.h"

static const Method registration = {PASSLOCK_INTERFACE_TENANCY, "Authorize", &result_token, 3,
                                    TAKES_OPTIONS | SENSITIVE};
static const Method authentication = {PASSLOCK_INTERFACE_TENANCY, "AuthorizeAuthentication",
                                      &result_token, 1, TAKES_OPTIONS | SENSITIVE};
const Method *const authorize_methods[] = {&registration, &authentication, NULL};

_public_ int passlock_authorize(passlock *client, const char *rp_id, const char *user_id,
                                const char *username, const passlock_options *options,
                                passlock_token **ret)
{
        return calls_perform(client, &registration,
                             &(Arguments){{rp_id, user_id, username}, .options = options}, ret);
}

_public_ int passlock_authorize_async(passlock *client, const char *rp_id, const char *user_id,
                                      const char *username, const passlock_options *options,
                                      passlock_token_callback callback, void *userdata,
                                      passlock_call **ret_call)
{
        return calls_begin(client, &registration,
                           &(Arguments){{rp_id, user_id, username}, .options = options},
                           (Callback) callback, userdata, ret_call);
}

_public_ int passlock_authorize_authentication(passlock *client, const char *rp_id,
                                               const passlock_options *options,
                                               passlock_token **ret)
{
        return calls_perform(client, &authentication, &(Arguments){{rp_id}, .options = options},
                             ret);
}

_public_ int passlock_authorize_authentication_async(passlock *client, const char *rp_id,
                                                     const passlock_options *options,
                                                     passlock_token_callback callback,
                                                     void *userdata, passlock_call **ret_call)
{
        return calls_begin(client, &authentication, &(Arguments){{rp_id}, .options = options},
                           (Callback) callback, userdata, ret_call);
}
