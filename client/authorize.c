/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/calls.h"
#include "dbus/names.h"

static const Method method = {
        .interface = PASSLOCK_INTERFACE_TENANCY,
        .member = "Authorize",
        .n_strings = 3,
        .takes_options = true,
        .is_secret = true,
        .result = &result_token,
};

_public_ int passlock_authorize(passlock *client, const char *rp_id, const char *user_id,
                                const char *username, const passlock_options *options,
                                passlock_token **ret)
{
        const Arguments arguments = {{rp_id, user_id, username}, .options = options};
        Result result = {};
        int r;

        if (!ret)
                return -EINVAL;
        r = calls_perform(client, &method, &arguments, &result);
        if (r == 0)
                *ret = result.token;
        return r;
}

_public_ int passlock_authorize_async(passlock *client, const char *rp_id, const char *user_id,
                                      const char *username, const passlock_options *options,
                                      passlock_token_callback callback, void *userdata,
                                      passlock_call **ret_call)
{
        const Arguments arguments = {{rp_id, user_id, username}, .options = options};

        return calls_begin(client, &method, &arguments, (Callback) callback, userdata, ret_call);
}
