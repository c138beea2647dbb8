/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>

#include "daemon/core/call.h"
#include "daemon/core/tenancy-internal.h"
#include "dbus/error.h"

int call_new_without_api(size_t size, Tenancy *tenancy, ResultFunc func, void *userdata, void *ret)
{
        Call *call = calloc(1, size);

        if (!call)
                return -ENOMEM;
        call->tenancy = tenancy ? tenancy_ref(tenancy) : NULL;
        call->func = func;
        call->userdata = userdata;
        *(Call **) ret = call;
        return 0;
}

int call_new(size_t size, Tenancy *tenancy, ResultFunc func, void *userdata, void *ret)
{
        Call *call;
        int r;

        r = tenancy_check_api(tenancy);
        if (r != 0)
                return r;
        r = call_new_without_api(size, tenancy, func, userdata, &call);
        if (r < 0)
                return r;
        call->api = api_ref(tenancy->api);
        *(Call **) ret = call;
        return 0;
}

void call_free(Call *call)
{
        api_call_cancel(call->api_call);
        if (call->destroy)
                call->destroy(call);
        api_unref(call->api);
        tenancy_unref(call->tenancy);
        free(call);
}

Call *call_cancel(Call *call)
{
        if (!call)
                return NULL;
        if (call->cancel)
                call->cancel(call);
        else
                call_free(call);
        return NULL;
}

void call_end(Call *call, const Result *result)
{
        call->func(result, call->userdata);
        call_free(call);
}

void call_on_result(const Result *result, void *userdata)
{
        Call *call = userdata;

        call->api_call = NULL;
        call_end(call, result);
}

int call_started(Call *call, int r, Call **ret)
{
        if (r != 0)
                call_free(call);
        else if (ret)
                *ret = call;
        return r;
}
