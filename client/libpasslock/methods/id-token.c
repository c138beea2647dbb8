/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/transport/calls.h"
#include "dbus/names.h"

static const Method method = {
        .interface = PASSLOCK_INTERFACE_TENANCY,
        .member = "VerifyIdToken",
        .n_strings = 1,
        .takes_options = true,
        .is_sensitive = true,
        .result = &result_principal,
};

_public_ int passlock_verify_id_token(passlock *client, const char *id_token,
                                      const passlock_options *options, passlock_principal **ret)
{
        const Arguments arguments = {{id_token}, .options = options};
        Result result = {};
        int r;

        if (!ret)
                return -EINVAL;
        r = calls_perform(client, &method, &arguments, &result);
        if (r == 0)
                *ret = result.principal;
        return r;
}

_public_ int passlock_verify_id_token_async(passlock *client, const char *id_token,
                                            const passlock_options *options,
                                            passlock_principal_callback callback, void *userdata,
                                            passlock_call **ret_call)
{
        const Arguments arguments = {{id_token}, .options = options};

        return calls_begin(client, &method, &arguments, (Callback) callback, userdata, ret_call);
}
