/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <stdio.h>

#include "client/libpasslock/transport/calls.h"
#include "dbus/names.h"

#define REQUEST_ID_BYTES 16U

static const Method method = {PASSLOCK_INTERFACE_TENANCY, "Exchange", &result_principal, 1,
                              TAKES_OPTIONS | SENSITIVE};

static int options_add_request_id(passlock_options *options)
{
        char request_id[2 * REQUEST_ID_BYTES + 1];
        uint8_t bytes[REQUEST_ID_BYTES];

        if (getentropy(bytes, sizeof(bytes)) < 0)
                return -errno;
        for (size_t i = 0; i < sizeof(bytes); i++)
                snprintf(request_id + 2 * i, 3, "%02x", bytes[i]);
        return passlock_options_set_string(options, "request_id", request_id);
}

/* The request id is the idempotency key of a retry. */
static int options_with_request_id(const passlock_options *options, passlock_options **ret)
{
        _cleanup_(passlock_options_unrefp) passlock_options *copy = NULL;
        int r;

        r = options_copy(options, &copy);
        if (r < 0)
                return r;
        if (!options_have(copy, "request_id")) {
                r = options_add_request_id(copy);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(copy);
        return 0;
}

_public_ int passlock_exchange(passlock *client, const char *code, const passlock_options *options,
                               passlock_principal **ret)
{
        _cleanup_(passlock_options_unrefp) passlock_options *own = NULL;
        int r;

        r = options_with_request_id(options, &own);
        if (r < 0)
                return r;
        return calls_perform(client, &method, &(Arguments){{code}, .options = own}, ret);
}

_public_ int passlock_exchange_async(passlock *client, const char *code,
                                     const passlock_options *options,
                                     passlock_principal_callback callback, void *userdata,
                                     passlock_call **ret_call)
{
        _cleanup_(passlock_options_unrefp) passlock_options *own = NULL;
        int r;

        r = options_with_request_id(options, &own);
        if (r < 0)
                return r;
        return calls_begin(client, &method, &(Arguments){{code}, .options = own},
                           (Callback) callback, userdata, ret_call);
}
