/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/transport/calls.h"
#include "dbus/names.h"

static const Method registration = {
        .interface = PASSLOCK_INTERFACE_TENANCY,
        .member = "Authorize",
        .n_strings = 3,
        .takes_options = true,
        .is_sensitive = true,
        .result = &result_token,
};

static const Method authentication = {
        .interface = PASSLOCK_INTERFACE_TENANCY,
        .member = "AuthorizeAuthentication",
        .n_strings = 1,
        .takes_options = true,
        .is_sensitive = true,
        .result = &result_token,
};

static int perform(passlock *client, const Method *method, const Arguments *arguments,
                   passlock_token **ret)
{
        Result result = {};
        int r;

        if (!ret)
                return -EINVAL;
        r = calls_perform(client, method, arguments, &result);
        if (r == 0)
                *ret = result.token;
        return r;
}

_public_ int passlock_authorize(passlock *client, const char *rp_id, const char *user_id,
                                const char *username, const passlock_options *options,
                                passlock_token **ret)
{
        const Arguments arguments = {{rp_id, user_id, username}, .options = options};

        return perform(client, &registration, &arguments, ret);
}

_public_ int passlock_authorize_async(passlock *client, const char *rp_id, const char *user_id,
                                      const char *username, const passlock_options *options,
                                      passlock_token_callback callback, void *userdata,
                                      passlock_call **ret_call)
{
        const Arguments arguments = {{rp_id, user_id, username}, .options = options};

        return calls_begin(client, &registration, &arguments, (Callback) callback, userdata,
                           ret_call);
}

_public_ int passlock_authorize_authentication(passlock *client, const char *rp_id,
                                               const passlock_options *options,
                                               passlock_token **ret)
{
        const Arguments arguments = {{rp_id}, .options = options};

        return perform(client, &authentication, &arguments, ret);
}

_public_ int passlock_authorize_authentication_async(passlock *client, const char *rp_id,
                                                     const passlock_options *options,
                                                     passlock_token_callback callback,
                                                     void *userdata, passlock_call **ret_call)
{
        const Arguments arguments = {{rp_id}, .options = options};

        return calls_begin(client, &authentication, &arguments, (Callback) callback, userdata,
                           ret_call);
}
