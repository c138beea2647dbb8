/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/methods/method-lists.h"
#include "client/libpasslock/transport/calls.h"
#include "dbus/names.h"

static const Method method = {PASSLOCK_INTERFACE_TENANCY, "VerifyIdToken", &result_principal, 1,
                              TAKES_OPTIONS | SENSITIVE};
const Method *const id_token_methods[] = {&method, NULL};

_public_ int passlock_verify_id_token(passlock *client, const char *id_token,
                                      const passlock_options *options, passlock_principal **ret)
{
        return calls_perform(client, &method, &(Arguments){{id_token}, .options = options}, ret);
}

_public_ int passlock_verify_id_token_async(passlock *client, const char *id_token,
                                            const passlock_options *options,
                                            passlock_principal_callback callback, void *userdata,
                                            passlock_call **ret_call)
{
        return calls_begin(client, &method, &(Arguments){{id_token}, .options = options},
                           (Callback) callback, userdata, ret_call);
}
