/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/shared-store-leave.h"
#include "daemon/store/store-shared.h"

typedef struct LeaveCall {
        Call call;
        StoreLeaving *leaving;
} LeaveCall;

/* The leave itself goes on. */
static void destroy(Call *call)
{
        store_shared_leave_forget(((LeaveCall *) call)->leaving);
}

static void on_left(int r, const StoreLeave *result, void *userdata)
{
        LeaveCall *leave = userdata;

        leave->leaving = NULL;
        call_end(&leave->call, &(Result){.r = r, .leave = result});
}

static int preview(SharedStore *shared, ResultFunc func, void *userdata)
{
        StoreLeave result;
        int r;

        r = store_shared_preview_leave(shared_store_get(shared), &result);
        if (r != 0)
                return r;
        func(&(Result){.leave = &result}, userdata);
        return CALL_ANSWERED;
}

int shared_store_leave_start(SharedStore *shared, const char *state_directory, bool apply,
                             const AuditOrigin *origin, ResultFunc func, void *userdata, Call **ret)
{
        LeaveCall *leave;
        int r;

        if (!apply)
                return preview(shared, func, userdata);
        r = call_new_without_api(sizeof(LeaveCall), NULL, func, userdata, &leave);
        if (r < 0)
                return r;
        leave->call.destroy = destroy;
        r = store_shared_leave(shared_store_get(shared), state_directory, shared_store_mark(shared),
                               origin, on_left, leave, &leave->leaving);
        return call_started(&leave->call, r, ret);
}
