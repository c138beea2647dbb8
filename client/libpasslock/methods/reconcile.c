/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "client/libpasslock/transport/calls.h"
#include "dbus/names.h"

static const Method method = {
        .interface = PASSLOCK_INTERFACE_LINKS,
        .member = "Reconcile",
        .takes_options = true,
        .is_long_running = true,
        .result = &result_reconciliation,
};

_public_ int passlock_reconcile(passlock *client, const passlock_options *options,
                                passlock_reconciliation **ret)
{
        Result result = {};
        int r;

        if (!ret)
                return -EINVAL;
        r = calls_perform(client, &method, &(Arguments){.options = options}, &result);
        if (r == 0)
                *ret = result.reconciliation;
        return r;
}

_public_ int passlock_reconcile_async(passlock *client, const passlock_options *options,
                                      passlock_reconcile_progress_callback progress,
                                      passlock_reconciliation_callback callback, void *userdata,
                                      passlock_call **ret_call)
{
        passlock_call *call;
        int r;

        r = calls_begin(client, &method, &(Arguments){.options = options}, (Callback) callback,
                        userdata, &call);
        if (r != 0)
                return r;
        call->progress.callback = progress;
        if (ret_call)
                *ret_call = call;
        return 0;
}
