/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sandbox/call.h"

void call_done(Call *call)
{
        free(call->tenancy_id);
        free(call->argument);
        json_decref(call->request);
        call->tenancy_id = call->argument = NULL;
        call->request = NULL;
        call->tenancy = NULL;
}

void call_touch(const Call *call)
{
        call->sandbox->dirty = true;
}
