/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/libpasslock/methods/method-lists.h"
#include "client/libpasslock/transport/calls.h"
#include "client/libpasslock/transport/request-id.h"
#include "dbus/names.h"

static const Method method = {PASSLOCK_INTERFACE_TENANCY, "Exchange", &result_principal, 1,
                              TAKES_OPTIONS | SENSITIVE};
const Method *const exchange_methods[] = {&method, NULL};

static int options_add_request_id(passlock_options *options)
{
        char request_id[REQUEST_ID_SIZE];
        int r;

        r = request_id_make(request_id);
        return r < 0 ? r : passlock_options_set_string(options, REQUEST_ID_OPTION, request_id);
}

/* The request id is the idempotency key of a retry. */
static int options_with_request_id(const passlock_options *options, passlock_options **ret)
{
        _cleanup_(passlock_options_unrefp) passlock_options *copy = NULL;
        int r;

        r = options_copy(options, &copy);
        if (r < 0)
                return r;
        if (!options_have(copy, REQUEST_ID_OPTION)) {
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
