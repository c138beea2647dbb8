/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <limits.h>

#include "daemon/core/tenancy.h"
#include "daemon/model/result.h"

struct Api;
struct ApiCall;

/*
 * An asynchronous call of a use case. A bus request starts one Call, which makes API calls.
 *
 * A start function returns 0 if the call is in flight. The callback then runs once, unless the call
 * is cancelled first.
 *
 * It returns CALL_ANSWERED if the callback has already run.
 *
 * It returns an Error or a negative errno if the call failed to start. The callback then never
 * runs.
 *
 * Without a parameter `Call **ret`, the call cannot be cancelled: it continues if its caller
 * disconnects. Use cases with more state embed a Call as their first member.
 */
typedef struct Call {
        Tenancy *tenancy;         /* referenced; NULL if the use case needs none */
        struct Api *api;          /* referenced; NULL if the use case needs none */
        struct ApiCall *api_call; /* in flight, or NULL */
        ResultFunc func;
        void *userdata;
        void (*destroy)(struct Call *call); /* frees the members after this struct; may be NULL */
        void (*cancel)(struct Call *call);  /* if call_free() has to wait; may be NULL */
} Call;

#define CALL_ANSWERED INT_MAX

/*
 * Allocates `size` zeroed bytes that begin with a Call, which holds the tenancy and its current
 * Api. Returns 0, -ENOMEM, NOT_CONFIGURED or UNREACHABLE, see tenancy_check_api().
 */
int call_new(size_t size, Tenancy *tenancy, ResultFunc func, void *userdata, void *ret);
/* Like call_new(), without the Api; `tenancy` may be NULL. Returns 0 or -ENOMEM. */
int call_new_without_api(size_t size, Tenancy *tenancy, ResultFunc func, void *userdata, void *ret);

/* Cancels and frees the call, without running its function. NULL is fine. Returns NULL. */
Call *call_cancel(Call *call);
DEFINE_CLEANUP(Call *, call_cancel);

void call_free(Call *call);

/* Runs the function, then frees the call. */
void call_end(Call *call, const Result *result);
/* call_end() as the ResultFunc of an API call; `userdata` is the Call. */
void call_on_result(const Result *result, void *userdata);

/* Starts a call that is one API call: api_function(api, ARGUMENTS, func, userdata, &api_call) with
 * call_on_result(). Returns as a start function. */
#define CALL_API(tenancy, func, userdata, ret, api_function, ...) \
        ({ \
                Call *_call; \
                int _r = call_new(sizeof(Call), (tenancy), (func), (userdata), &_call); \
                if (_r == 0) \
                        _r = call_started(_call, \
                                          api_function(_call->api, __VA_ARGS__, call_on_result, \
                                                       _call, &_call->api_call), \
                                          (ret)); \
                _r; \
        })

/* The last statement of a start function: stores the call in `ret` (NULL: not cancellable) if r is
 * 0, and frees it otherwise. Returns r. */
int call_started(Call *call, int r, Call **ret);
